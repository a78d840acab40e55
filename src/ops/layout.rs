//! Operators that move data without looking at it: Transpose, Concat, Split, Expand, Tile, DepthToSpace,
//! SpaceToDepth, Trilu.

use super::broadcast::{self, broadcast};
use super::dims::{at_most, count, divided, part_of, resolve_axis, shared};
use super::form::Form;
use super::int_list::IntList;
use super::small_tensor::{self, SmallTensor};
use super::{Counts, Node, OpError};
use crate::tensor::{Dim, Elements, Scalar, Shape, TensorType, Type};

/// Transpose. Dimension i of the output is dimension `perm[i]` of the input.
///
/// Source: ONNX `Transpose`, opset 25. Errors: [`OpError::Attribute`] if `perm` is no permutation.
pub fn transpose(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let Some(shape) = &data.shape else { return Ok(vec![data.clone().into()]) };
    let perm = permutation(node, shape.len())?;
    let dims = perm.iter().filter_map(|axis| shape.get(*axis)).copied();
    Ok(vec![TensorType::new(data.element, dims.collect::<Shape>()).into()])
}

/// The elements that [`transpose`] moves.
pub fn transpose_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(data), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let perm = permutation(node, sizes.len())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let mut source = vec![0; position.len()];
        for (axis, index) in perm.iter().zip(position) {
            *source.get_mut(*axis)? = *index;
        }
        data.at(&source)
    })])
}

fn permutation(node: &Node, rank: usize) -> Result<Vec<usize>, OpError> {
    let Some(perm) = node.int_list("perm")? else { return Ok((0..rank).rev().collect()) };
    let mut seen = vec![false; rank];
    let axes: Option<Vec<usize>> = perm
        .iter()
        .map(|axis| {
            let axis = usize::try_from(*axis).ok()?;
            let seen = seen.get_mut(axis)?;
            (!std::mem::replace(seen, true)).then_some(axis)
        })
        .collect();
    axes.filter(|axes| axes.len() == rank).ok_or_else(|| OpError::Attribute {
        name: "perm",
        problem: format!("is no permutation of {rank} axes"),
    })
}

/// Axes of size 1 are dropped, and those that stay neighbours in their order are taken as one.
pub fn transpose_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let moves = |axis: &usize| shape.get(*axis).is_some_and(|dim| *dim != Dim::Exact(1));
    let perm: Vec<usize> = permutation(node, shape.len())?.into_iter().filter(moves).collect();
    let innermost = (0..shape.len()).rev().find(|axis| moves(axis));
    // From the innermost axis out: whether each is the outer neighbour of the one before it.
    let outer = |axis: usize| (0..axis).rev().find(|axis| moves(axis));
    let (mut rank, mut run) = (0, Dim::Exact(1));
    let mut stays = perm.last().copied() == innermost;
    let mut before = None;
    for axis in perm.iter().rev().copied() {
        if before.is_none_or(|before| outer(before) != Some(axis)) {
            rank += 1;
            stays &= before.is_none();
        }
        if stays {
            run = run.times(shape.get(axis).copied().unwrap_or(Dim::Unknown));
        }
        before = Some(axis);
    }
    Ok(Form::Transpose { elements: node.count(0)?, rank, run: count(&[run], "a row")? })
}

/// DepthToSpace and SpaceToDepth: blocks are an axis for height and one for width, which change places with
/// the channels; channel and height, or width and channel, stay neighbours.
pub fn blocks_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Transpose { elements: node.count(0)?, rank: 5, run: 1 })
}

/// Concat. The dimension at `axis` is the sum of the inputs', the others are the same in all.
///
/// Source: ONNX `Concat`, opset 13; the axis defaults to 1 before opset 4.
/// Errors: [`OpError::Rank`], [`OpError::Mismatch`], [`OpError::Axis`].
pub fn concat(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element(0)?;
    let axis = concat_axis(node)?;
    let mut whole: Option<Shape> = None;
    let mut unranked = false;
    for index in 0..node.inputs.len() {
        let Some(part) = &node.tensor(index)?.shape else {
            unranked = true;
            continue;
        };
        whole = Some(match whole {
            None => {
                resolve_axis(axis, part.len())?;
                part.clone()
            }
            Some(whole) if whole.len() != part.len() => {
                let expected = "that of the inputs before it";
                return Err(OpError::Rank { input: index, expected, found: part.len() });
            }
            Some(whole) => {
                let axis = resolve_axis(axis, part.len())?;
                let dims = whole.iter().zip(part).enumerate().map(|(position, (a, b))| {
                    if position == axis { Ok(a.plus(*b)) } else { shared(*a, *b, "dimensions") }
                });
                dims.collect::<Result<_, _>>()?
            }
        });
    }
    if unranked && let Some(whole) = &mut whole {
        let axis = resolve_axis(axis, whole.len())?;
        if let Some(dim) = whole.get_mut(axis) {
            *dim = Dim::Unknown;
        }
    }
    Ok(vec![TensorType { element, shape: whole }.into()])
}

/// The elements that [`concat`] puts one after the other.
pub fn concat_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some(sizes) = small_tensor::output_sizes(outputs, 0) else { return Ok(vec![None]) };
    let axis = resolve_axis(concat_axis(node)?, sizes.len())?;
    let parts: Option<Vec<_>> =
        (0..node.inputs.len()).map(|index| SmallTensor::known_or_not(node, index)).collect();
    let Some(parts) = parts else { return Ok(vec![None]) };
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let mut index = *position.get(axis)?;
        for part in &parts {
            let size = *part.sizes.get(axis)?;
            match index.checked_sub(size) {
                Some(behind) => index = behind,
                None => return part.at(&small_tensor::with(position, axis, index)),
            }
        }
        None
    })])
}

fn concat_axis(node: &Node) -> Result<i64, OpError> {
    match node.int("axis")? {
        Some(axis) => Ok(axis),
        None if node.version < 4 => Ok(1),
        None => Err(OpError::MissingAttribute("axis")),
    }
}

/// Split. Each output is a part of the input along `axis`, of the lengths that `split` gives, or of equal
/// lengths (since opset 18 the last may be shorter).
///
/// Source: ONNX `Split`, opset 18. The lengths are an attribute before opset 13 and an input since.
/// Errors: [`OpError::Mismatch`] where the lengths do not fit the input or the outputs.
pub fn split(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let Some(shape) = &data.shape else {
        return Ok(vec![TensorType::unranked(data.element).into(); node.outputs.len()]);
    };
    let axis = resolve_axis(node.int_or("axis", 0)?, shape.len())?;
    let lengths = split_lengths(node, shape.get(axis).copied().unwrap_or(Dim::Unknown))?;
    let part = |length| {
        let dims = shape.iter().enumerate().map(|(at, dim)| if at == axis { length } else { *dim });
        TensorType::new(data.element, dims.collect::<Shape>()).into()
    };
    Ok(lengths.into_iter().map(part).collect())
}

fn split_lengths(node: &Node, dim: Dim) -> Result<Vec<Dim>, OpError> {
    let parts = node.outputs.len();
    let list = match node.version {
        ..2 if node.has_input(1) => IntList::input(node, 1),
        ..13 => IntList::attribute(node, "split")?,
        _ => IntList::input(node, 1),
    };
    match list {
        IntList::Elements(lengths) => {
            if lengths.len() != parts {
                let lengths = lengths.len();
                return Err(OpError::Mismatch(format!("{lengths} lengths for {parts} outputs")));
            }
            let lengths: Vec<Dim> = lengths
                .iter()
                .map(|length| match length.dim() {
                    Dim::Unknown if length.int().is_some() => {
                        Err(OpError::Value { input: 1, problem: "a length is negative".into() })
                    }
                    Dim::Exact(n) => Ok(Dim::Exact(n)),
                    length => Ok(dim.bound().map_or(length, |bound| at_most(length, bound))),
                })
                .collect::<Result<_, _>>()?;
            let sum = lengths.iter().fold(Dim::Exact(0), |sum, length| sum.plus(*length));
            if sum.exact().is_some() && !sum.agrees_with(dim) {
                return Err(OpError::Mismatch(format!(
                    "the lengths sum up to {sum}, the dimension is {dim}"
                )));
            }
            Ok(lengths)
        }
        IntList::Unknown => Ok(vec![part_of(dim); parts]),
        IntList::LeftOut => equal_parts(node, dim),
    }
}

fn equal_parts(node: &Node, dim: Dim) -> Result<Vec<Dim>, OpError> {
    let parts = node.outputs.len() as u64;
    if node.version >= 18 && node.int("num_outputs")?.is_some_and(|n| u64::try_from(n) != Ok(parts)) {
        let problem = format!("is not the number of outputs, {parts}");
        return Err(OpError::Attribute { name: "num_outputs", problem });
    }
    let length = dim.map(|n| (parts > 0).then(|| n.div_ceil(parts)));
    let before = parts.saturating_sub(1);
    let last = match (dim, length) {
        (Dim::Exact(n), Dim::Exact(length)) => {
            let last = length.checked_mul(before).and_then(|before| n.checked_sub(before));
            let last = last.filter(|last| node.version >= 18 || *last == length);
            let uneven = || OpError::Mismatch(format!("{n} cannot be split into {parts} parts"));
            Dim::Exact(last.ok_or_else(uneven)?)
        }
        _ => length,
    };
    Ok((0..parts).map(|part| if part == before { last } else { length }).collect())
}

/// The elements of each part that [`split`] makes.
pub fn split_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some(data) = SmallTensor::known(node, 0) else { return Ok(vec![None; outputs.len()]) };
    let axis = resolve_axis(node.int_or("axis", 0)?, data.sizes.len())?;
    let mut start = Some(0usize);
    let parts = (0..outputs.len()).map(|output| {
        let sizes = small_tensor::output_sizes(outputs, output);
        let length = sizes.as_ref().and_then(|sizes| sizes.get(axis)).copied();
        let first = start;
        start = first.zip(length).and_then(|(first, length)| first.checked_add(length));
        small_tensor::fill(&sizes?, |position| {
            data.at(&small_tensor::with(position, axis, position.get(axis)?.checked_add(first?)?))
        })
    });
    Ok(parts.collect())
}

/// Expand: the input, broadcast together with `shape`.
///
/// Source: ONNX `Expand`, opset 13. Errors: [`OpError::Mismatch`], [`OpError::Value`].
pub fn expand(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    node.tensor(1)?;
    let (Some(shape), Some(target)) = (&input.shape, IntList::input(node, 1).shape(1)?) else {
        return Ok(vec![TensorType::unranked(input.element).into()]);
    };
    Ok(vec![TensorType::new(input.element, broadcast(&[shape, &target])?).into()])
}

/// The elements that [`expand`] repeats.
pub fn expand_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    broadcast::repeat(node, outputs)
}

/// Tile: each dimension times its number of repeats.
///
/// Source: ONNX `Tile`, opset 13; opset 1 has the repeats (`tiles`) of a single `axis`, both inputs.
/// Errors: [`OpError::Mismatch`], [`OpError::Value`].
pub fn tile(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let Some(shape) = &input.shape else { return Ok(vec![input.clone().into()]) };
    let repeats = tile_repeats(node, shape.len())?;
    let dims = shape.iter().zip(repeats).map(|(dim, repeats)| dim.times(repeats));
    Ok(vec![TensorType::new(input.element, dims.collect::<Shape>()).into()])
}

fn tile_repeats(node: &Node, rank: usize) -> Result<Vec<Dim>, OpError> {
    node.tensor(1)?;
    if node.version < 6 {
        // Both are of the type of the data, floating-point.
        let single = |index| {
            #[allow(clippy::cast_possible_truncation, reason = "a whole number in a float")]
            match node.scalar(index) {
                Scalar::Float(x) => Some(x as i64),
                other => other.int(),
            }
        };
        let tiles = single(1).and_then(|n| u64::try_from(n).ok()).map_or(Dim::Unknown, Dim::Exact);
        node.tensor(2)?;
        let Some(axis) = single(2) else { return Ok(vec![Dim::Unknown; rank]) };
        let axis = resolve_axis(axis, rank)?;
        return Ok((0..rank).map(|at| if at == axis { tiles } else { Dim::Exact(1) }).collect());
    }
    let repeats = IntList::input(node, 1);
    let Some(repeats) = repeats.elements() else { return Ok(vec![Dim::Unknown; rank]) };
    if repeats.len() != rank {
        let repeats = repeats.len();
        return Err(OpError::Mismatch(format!("{repeats} repeats for {rank} dimensions")));
    }
    if repeats.iter().filter_map(|n| n.int()).any(|n| n < 0) {
        return Err(OpError::Value { input: 1, problem: "a number of repeats is negative".into() });
    }
    Ok(repeats.iter().map(|n| n.dim()).collect())
}

/// The elements that [`tile`] repeats.
pub fn tile_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(data), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let source = position.iter().zip(&data.sizes).map(|(index, size)| index.checked_rem(*size));
        data.at(&source.collect::<Option<Vec<_>>>()?)
    })])
}

/// DepthToSpace. `[N, C, H, W]` to `[N, C/b², H·b, W·b]`.
///
/// Source: ONNX `DepthToSpace`, opset 28. Errors: [`OpError::Rank`], [`OpError::Mismatch`].
pub fn depth_to_space(node: &Node) -> Result<Vec<Type>, OpError> {
    let (element, blocksize) = (node.element(0)?, node.positive("blocksize")?);
    let block = blocksize.checked_mul(blocksize).ok_or(OpError::Overflow)?;
    let [n, c, h, w] = image(node)?;
    let wider = |dim: Dim| dim.times(Dim::Exact(blocksize));
    Ok(vec![TensorType::new(element, [n, divided(c, block, "a dimension")?, wider(h), wider(w)]).into()])
}

/// SpaceToDepth. `[N, C, H, W]` to `[N, C·b², H/b, W/b]`.
///
/// Source: ONNX `SpaceToDepth`, opset 28. Errors: [`OpError::Rank`], [`OpError::Mismatch`].
pub fn space_to_depth(node: &Node) -> Result<Vec<Type>, OpError> {
    let (element, blocksize) = (node.element(0)?, node.positive("blocksize")?);
    let block = blocksize.checked_mul(blocksize).ok_or(OpError::Overflow)?;
    let [n, c, h, w] = image(node)?;
    let deeper = c.times(Dim::Exact(block));
    Ok(vec![
        TensorType::new(
            element,
            [n, deeper, divided(h, blocksize, "a dimension")?, divided(w, blocksize, "a dimension")?],
        )
        .into(),
    ])
}

fn image(node: &Node) -> Result<[Dim; 4], OpError> {
    let Some(shape) = &node.tensor(0)?.shape else { return Ok([Dim::Unknown; 4]) };
    <[Dim; 4]>::try_from(shape.as_slice()).map_err(|_| OpError::Rank {
        input: 0,
        expected: "4",
        found: shape.len(),
    })
}

/// The elements that Trilu keeps, on one side of the diagonal `k`, and zeros elsewhere.
///
/// Source: ONNX `Trilu`, opset 14.
pub fn trilu_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let diagonal = if node.has_input(1) { node.scalar(1).int() } else { Some(0) };
    let (Some(data), Some(sizes), Some(diagonal)) =
        (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0), diagonal)
    else {
        return Ok(vec![None]);
    };
    let upper = node.int_or("upper", 1)? != 0;
    let zero = small_tensor::zero(node.element(0)?);
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let &[.., row, column] = position else { return None };
        let above = i64::try_from(column).ok()?.checked_sub(i64::try_from(row).ok()?)?;
        let kept = if upper { above >= diagonal } else { above <= diagonal };
        if kept { data.at(position) } else { Some(zero) }
    })])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ints, op};
    use super::*;
    use crate::tensor::ElementType::{Float32, Int64};
    use Dim::{AtMost, Exact, Unknown};

    #[test]
    fn transpose_permutes_dimensions_and_elements() {
        assert_eq!(op("Transpose", 13).f32(&[1, 2, 3]).attr("perm", &[1, 2, 0]).shape(), "2×3×1");
        assert_eq!(op("Transpose", 1).f32(&[1, 2, 3]).shape(), "3×2×1");
        let matrix = [1, 2, 3, 4, 5, 6].map(Scalar::Int);
        assert_eq!(op("Transpose", 13).value(Int64, &[2, 3], &matrix).elements(), ints(&[1, 4, 2, 5, 3, 6]));
        for perm in [&[0, 0][..], &[0], &[0, 2], &[-1, 0]] {
            let perm: &'static [i64] = perm.to_vec().leak();
            let case = op("Transpose", 13).f32(&[2, 3]).attr("perm", super::super::Attribute::Ints(perm));
            assert!(case.types().is_err(), "{perm:?}");
        }
    }

    #[test]
    fn concat_adds_the_dimension_of_its_axis() {
        assert_eq!(op("Concat", 13).f32(&[2, 3]).f32(&[2, 4]).attr("axis", -1).shape(), "2×7");
        assert_eq!(op("Concat", 1).f32(&[2, 3]).f32(&[2, 4]).shape(), "2×7");
        let by_data = op("Concat", 13).dims(Float32, &[AtMost(5), Exact(4)]).f32(&[2, 4]).attr("axis", 0);
        assert_eq!(by_data.shape(), "≤7×4");
        let unranked =
            op("Concat", 13).typed(TensorType::unranked(Float32).into()).f32(&[2, 4]).attr("axis", 0);
        assert_eq!(unranked.shape(), "?×4");
        assert!(op("Concat", 13).f32(&[2, 3]).f32(&[3, 3]).attr("axis", 1).types().is_err());
        assert!(op("Concat", 13).f32(&[2, 3]).types().is_err());
    }

    #[test]
    fn concat_keeps_the_elements_that_are_known() {
        let case = op("Concat", 13).ints(&[1]).input(Int64, &[1]).ints(&[64]).attr("axis", 0);
        let expected = [Scalar::Int(1), Scalar::Unknown, Scalar::Int(64)];
        assert_eq!(case.elements(), Some(expected.to_vec()));
        let (row, rows) = ([1, 2].map(Scalar::Int), [3, 4, 5, 6].map(Scalar::Int));
        let columns =
            op("Concat", 13).value(Int64, &[2, 1], &row).value(Int64, &[2, 2], &rows).attr("axis", 1);
        assert_eq!(columns.elements(), ints(&[1, 3, 4, 2, 5, 6]));
    }

    #[test]
    fn split_makes_the_lengths_that_its_version_asks_for() {
        assert_eq!(op("Split", 2).f32(&[6]).attr("split", &[2, 4]).outputs(2).shapes(), ["2", "4"]);
        assert_eq!(op("Split", 11).f32(&[2, 6]).attr("axis", -1).outputs(3).shapes(), ["2×2"; 3]);
        assert_eq!(op("Split", 13).f32(&[6]).ints(&[5, 1]).outputs(2).shapes(), ["5", "1"]);
        assert_eq!(
            op("Split", 18).f32(&[7]).attr("num_outputs", 4).outputs(4).shapes(),
            ["2", "2", "2", "1"]
        );
        let by_data = op("Split", 13).dims(Float32, &[AtMost(7)]).outputs(2);
        assert_eq!(by_data.shapes(), ["≤4", "≤4"]);
        let by_value = op("Split", 13).f32(&[7]).input(Int64, &[2]).outputs(2);
        assert_eq!(by_value.shapes(), ["≤7", "≤7"]);
        for refused in [
            op("Split", 13).f32(&[7]).outputs(2),
            op("Split", 13).f32(&[7]).ints(&[3, 3]).outputs(2),
            op("Split", 13).f32(&[7]).ints(&[7]).outputs(2),
            op("Split", 18).f32(&[5]).attr("num_outputs", 4).outputs(4),
        ] {
            assert!(refused.types().is_err());
        }
    }

    #[test]
    fn the_first_part_of_a_split_keeps_its_elements() {
        assert_eq!(op("Split", 13).ints(&[4, 5, 6]).ints(&[2, 1]).outputs(2).elements(), ints(&[4, 5]));
    }

    #[test]
    fn expand_broadcasts_both_ways() {
        assert_eq!(op("Expand", 13).f32(&[3, 1]).ints(&[2, 1, 6]).shape(), "2×3×6");
        assert_eq!(op("Expand", 8).f32(&[3, 4]).ints(&[1]).shape(), "3×4");
        assert_eq!(op("Expand", 8).f32(&[3, 1]).input(Int64, &[3]).shape(), "?×3×?");
        let sizes = [Scalar::AtMost(8), Scalar::Int(1)];
        assert_eq!(op("Expand", 8).f32(&[1, 4]).value(Int64, &[2], &sizes).shape(), "≤8×4");
        assert_eq!(op("Expand", 8).ints(&[1, 2]).ints(&[2, 2]).elements(), ints(&[1, 2, 1, 2]));
        assert!(op("Expand", 8).f32(&[3]).ints(&[4]).types().is_err());
    }

    #[test]
    fn tile_repeats_each_dimension() {
        assert_eq!(op("Tile", 13).f32(&[2, 2]).ints(&[1, 2]).shape(), "2×4");
        let matrix = [1, 2, 3, 4].map(Scalar::Int);
        let tiled = op("Tile", 13).value(Int64, &[2, 2], &matrix).ints(&[1, 2]);
        assert_eq!(tiled.elements(), ints(&[1, 2, 1, 2, 3, 4, 3, 4]));
        assert_eq!(op("Tile", 1).f32(&[2, 2]).floats(&[3.0]).floats(&[1.0]).shape(), "2×6");
        assert_eq!(op("Tile", 13).f32(&[2, 0]).input(Int64, &[2]).shape(), "?×0");
        assert!(op("Tile", 13).f32(&[2, 2]).ints(&[2]).types().is_err());
    }

    #[test]
    fn depth_and_space_are_exchanged_in_blocks() {
        assert_eq!(op("DepthToSpace", 13).f32(&[1, 8, 2, 3]).attr("blocksize", 2).shape(), "1×2×4×6");
        assert_eq!(op("SpaceToDepth", 13).f32(&[1, 2, 4, 6]).attr("blocksize", 2).shape(), "1×8×2×3");
        let by_data = [Exact(1), Exact(8), AtMost(5), Unknown];
        assert_eq!(op("DepthToSpace", 1).dims(Float32, &by_data).attr("blocksize", 2).shape(), "1×2×≤10×?");
        assert!(op("DepthToSpace", 13).f32(&[1, 6, 2, 3]).attr("blocksize", 2).types().is_err());
        assert!(op("SpaceToDepth", 13).f32(&[1, 6, 2]).attr("blocksize", 2).types().is_err());
    }

    #[test]
    fn trilu_keeps_one_side_of_a_diagonal() {
        let matrix = [1, 2, 3, 4, 5, 6].map(Scalar::Int);
        let data = || op("Trilu", 14).value(Int64, &[2, 3], &matrix);
        assert_eq!(data().elements(), ints(&[1, 2, 3, 0, 5, 6]));
        assert_eq!(data().int(1).elements(), ints(&[0, 2, 3, 0, 0, 6]));
        assert_eq!(data().attr("upper", 0).elements(), ints(&[1, 0, 0, 4, 5, 0]));
        assert_eq!(data().int(-1).attr("upper", 0).elements(), ints(&[0, 0, 0, 4, 0, 0]));
    }
}
