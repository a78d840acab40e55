//! Operators whose output's size or place depends on data: NonZero, NonMaxSuppression, OneHot, Compress, Unique.

use super::dims::{at_most, part_of, product, resolve_axis};
use super::form::{Form, Rows};
use super::small_tensor::{self, SmallTensor};
use super::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, Elements, Scalar, Shape, TensorType, Type, elements};

/// NonZero. `X` of rank r to `Y [r, N]`, an index tuple a column.
///
/// N is known where every element of X is, and no more than the elements that may be other than zero.
///
/// Source: ONNX `NonZero`, opset 13.
pub fn non_zero(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let rank = input.shape.as_ref().map_or(Dim::Unknown, |shape| Dim::Exact(shape.len() as u64));
    let found = match node.elements(0) {
        Some(elements) => count_true(elements.iter().map(|element| truth(*element))),
        None => part_of(input.elements()),
    };
    Ok(vec![TensorType::new(ElementType::Int64, [rank, found]).into()])
}

/// The positions that [`non_zero`] finds.
pub fn non_zero_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(input), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let is_found = |position: &Vec<usize>| input.at(position).and_then(truth) == Some(true);
    let found: Vec<Vec<usize>> = small_tensor::positions(&input.sizes).filter(is_found).collect();
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let &[axis, column] = position else { return None };
        Some(Scalar::Int(i64::try_from(*found.get(column)?.get(axis)?).ok()?))
    })])
}

/// Whether an element is other than zero.
fn truth(element: Scalar) -> Option<bool> {
    match element {
        Scalar::Int(n) => Some(n != 0),
        Scalar::Float(x) => Some(x != 0.0),
        Scalar::Bool(b) => Some(b),
        Scalar::AtMost(0) => Some(false),
        Scalar::AtMost(_) | Scalar::Unknown => None,
    }
}

/// The number of true ones: exact where each is known, else no more than may be.
fn count_true(truths: impl Iterator<Item = Option<bool>>) -> Dim {
    truths.fold(Dim::Exact(0), |count, truth| match truth {
        Some(false) => count,
        Some(true) => count.plus(Dim::Exact(1)),
        None => count.plus(Dim::AtMost(1)),
    })
}

/// NonMaxSuppression. `boxes [B, N, 4]` and `scores [B, C, N]` to `selected_indices [≤ B·C·min(N, max_output), 3]`.
///
/// Source: ONNX `NonMaxSuppression`, opset 11: max_output_boxes_per_class defaults to 0, "which means no output".
/// Errors: [`OpError::Rank`].
pub fn non_max_suppression(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batches, classes, _, selected] = suppressed(node)?;
    let selected = part_of(batches.times(classes).times(selected));
    Ok(vec![TensorType::new(ElementType::Int64, [selected, Dim::Exact(3)]).into()])
}

/// At most 16 operations for each box against each selected one of its class: the areas, the overlap, their
/// ratio and the comparison.
///
/// Source: our own formula; ONNX leaves the algorithm open.
pub fn non_max_suppression_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = suppressed(node)?.map(|dim| dim.bound().ok_or(OpError::UnknownSize("the boxes")));
    let [batches, classes, boxes, selected] = sizes;
    Ok(Counts::alu(product(&[16, batches?, classes?, boxes?, selected?])?).at_most())
}

/// Batches, classes, boxes of an image, and boxes selected of a class.
fn suppressed(node: &Node) -> Result<[Dim; 4], OpError> {
    let dims = |input: usize| match &node.tensor(input)?.shape {
        Some(shape) => <[Dim; 3]>::try_from(shape.as_slice()).map_err(|_| OpError::Rank {
            input,
            expected: "3",
            found: shape.len(),
        }),
        None => Ok([Dim::Unknown; 3]),
    };
    let ([_, boxes, _], [batches, classes, _]) = (dims(0)?, dims(1)?);
    let selected = if node.has_input(2) {
        match node.scalar(2) {
            Scalar::Int(n) => at_most(boxes, u64::try_from(n).unwrap_or(0)),
            Scalar::AtMost(n) => part_of(at_most(boxes, n)),
            _ => boxes,
        }
    } else {
        Dim::Exact(0)
    };
    Ok([batches, classes, boxes, selected])
}

/// OneHot. `indices [I…]` to `[I…]` with `depth` inserted at `axis`, of the type of `values`.
///
/// Source: ONNX `OneHot`, opset 28. Errors: [`OpError::Axis`], [`OpError::Value`].
pub fn one_hot(node: &Node) -> Result<Vec<Type>, OpError> {
    let (indices, element) = (node.tensor(0)?, node.element(2)?);
    node.tensor(1)?;
    let depth = match node.scalar(1) {
        Scalar::Int(n) if n < 0 => {
            return Err(OpError::Value { input: 1, problem: format!("depth {n} is negative") });
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ONNX casts it to int64")]
        Scalar::Float(x) if x >= 0.0 => Dim::Exact(x as u64),
        depth => depth.dim(),
    };
    let Some(dims) = &indices.shape else { return Ok(vec![TensorType::unranked(element).into()]) };
    let axis = one_hot_axis(node, dims.len())?;
    let shape: Shape =
        dims.iter().take(axis).chain([&depth]).chain(dims.iter().skip(axis)).copied().collect();
    Ok(vec![TensorType::new(element, shape).into()])
}

fn one_hot_axis(node: &Node, rank: usize) -> Result<usize, OpError> {
    resolve_axis(node.int_or("axis", -1)?, rank.saturating_add(1))
}

/// The elements of a small [`one_hot`]. Negative indices count from the end since opset 11.
pub fn one_hot_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(indices), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let Some(&[off, on]) = node.elements(2) else { return Ok(vec![None]) };
    let axis = one_hot_axis(node, indices.sizes.len())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let place: Vec<usize> =
            position.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, index)| *index).collect();
        let Scalar::Int(index) = indices.at(&place)? else { return Some(Scalar::Unknown) };
        let from_end = index < 0 && node.version < 11;
        let hot = if from_end { None } else { small_tensor::index_in(index, *sizes.get(axis)?) };
        Some(if hot == Some(*position.get(axis)?) { on } else { off })
    })])
}

/// Compress. The slices along `axis`, or the elements without one, where `condition` is true.
///
/// Source: ONNX `Compress`, opset 28. Errors: [`OpError::Axis`].
pub fn compress(node: &Node) -> Result<Vec<Type>, OpError> {
    let (input, condition) = (node.tensor(0)?, node.tensor(1)?);
    let kept = |dim: Dim| match node.elements(1) {
        Some(condition) => {
            let length = dim.bound().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
            let count = count_true(condition.iter().take(length).map(|element| truth(*element)));
            if dim.exact().is_some() { count } else { part_of(count) }
        }
        None => part_of(condition.elements().bound().map_or(dim, |length| at_most(dim, length))),
    };
    let Some(axis) = node.int("axis")? else {
        return Ok(vec![TensorType::new(input.element, [kept(input.elements())]).into()]);
    };
    let Some(mut shape) = input.shape.clone() else { return Ok(vec![input.clone().into()]) };
    let axis = resolve_axis(axis, shape.len())?;
    if let Some(dim) = shape.get_mut(axis) {
        *dim = kept(*dim);
    }
    Ok(vec![TensorType::new(input.element, shape).into()])
}

/// The elements that [`compress`] keeps.
pub fn compress_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(data), Some(condition), Some(sizes)) =
        (SmallTensor::known(node, 0), node.elements(1), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let kept: Vec<usize> = (0..)
        .zip(condition)
        .filter(|(_, element)| truth(**element) == Some(true))
        .map(|(at, _)| at)
        .collect();
    let Some(axis) = node.int("axis")? else {
        let elements = node.elements(0).unwrap_or_default();
        return Ok(vec![small_tensor::fill(&sizes, |position| {
            elements.get(*kept.get(*position.first()?)?).copied()
        })]);
    };
    let axis = resolve_axis(axis, sizes.len())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        data.at(&small_tensor::with(position, axis, *kept.get(*position.get(axis)?)?))
    })])
}

/// Unique. `X` to its unique elements, or its unique slices along `axis`, with their first places, the place of
/// each element of X among them, and how often each occurs.
///
/// Source: ONNX `Unique`, opset 28. Errors: [`OpError::Axis`].
pub fn unique(node: &Node) -> Result<[Type; 4], OpError> {
    let input = node.tensor(0)?;
    let all = unique_of(node)?;
    let found = if all == Dim::Exact(1) { all } else { part_of(all) };
    let values = match (node.int("axis")?, &input.shape) {
        (None, _) => TensorType::new(input.element, [found]),
        (Some(_), None) => input.clone(),
        (Some(axis), Some(shape)) => {
            let axis = resolve_axis(axis, shape.len())?;
            let dims = shape.iter().enumerate().map(|(at, dim)| if at == axis { found } else { *dim });
            TensorType::new(input.element, dims.collect::<Shape>())
        }
    };
    let indices = |length: Dim| Type::from(TensorType::new(ElementType::Int64, [length]));
    Ok([values.into(), indices(found), indices(all), indices(found)])
}

/// The number of elements or slices that are compared.
fn unique_of(node: &Node) -> Result<Dim, OpError> {
    let Some(shape) = &node.tensor(0)?.shape else { return Ok(Dim::Unknown) };
    Ok(match node.int("axis")? {
        Some(axis) => shape.get(resolve_axis(axis, shape.len())?).copied().unwrap_or(Dim::Unknown),
        None => elements(shape),
    })
}

/// A sort: each element is compared ⌈log₂ n⌉ times, n being the elements or slices to tell apart.
///
/// Source: our own formula; ONNX leaves the algorithm open.
pub fn unique_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let several = unique_of(node)?.bound().ok_or(OpError::UnknownSize("an input"))?;
    let depth = several.checked_next_power_of_two().map_or(u64::BITS, u64::trailing_zeros);
    Ok(Counts::int(product(&[node.count(0)?, depth.into()])?).by_formula())
}

/// Unique: all elements are put in order.
pub fn unique_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Sort(Rows::of(node.count(0)?, 1)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ints, op};
    use super::super::work::Confidence;
    use super::*;
    use Dim::{AtMost, Exact};
    use ElementType::{Bool, Float32, Int64};

    #[test]
    fn non_zero_is_exact_where_its_input_is_known() {
        assert_eq!(op("NonZero", 13).f32(&[3, 4]).shape(), "2×≤12");
        assert_eq!(op("NonZero", 13).input(Bool, &[]).shape(), "0×≤1");
        let matrix = [1, 0, 1, 1].map(Scalar::Int);
        let known = op("NonZero", 13).value(Int64, &[2, 2], &matrix);
        assert_eq!(known.shape(), "2×3");
        assert_eq!(known.elements(), ints(&[0, 1, 1, 0, 0, 1]));
        let partly = [Scalar::Int(0), Scalar::Unknown, Scalar::Int(3)];
        assert_eq!(op("NonZero", 13).value(Int64, &[3], &partly).shape(), "1×≤2");
        assert_eq!(op("NonZero", 9).f32(&[3, 4]).counts(), Counts::int(12));
    }

    #[test]
    fn non_max_suppression_selects_no_more_than_allowed_of_each_class() {
        let boxes = |n| op("NonMaxSuppression", 11).f32(&[2, n, 4]).f32(&[2, 5, n]);
        assert_eq!(boxes(100).ints(&[20]).shape(), "≤200×3");
        assert_eq!(boxes(10).int(20).shape(), "≤100×3");
        assert_eq!(boxes(10).input(Int64, &[]).shape(), "≤100×3");
        // Left out it is 0, "which means no output".
        assert_eq!(boxes(10).shape(), "0×3");
        let unknown = op("NonMaxSuppression", 10).dims(Float32, &[Exact(1), Dim::Unknown, Exact(4)]);
        assert_eq!(
            unknown.dims(Float32, &[Exact(1), Exact(80), Dim::Unknown]).ints(&[200]).shape(),
            "≤16000×3"
        );
        let counts = boxes(100).ints(&[20]).counts();
        assert_eq!((counts.alu, counts.confidence), (16 * 2 * 5 * 100 * 20, Confidence::Bound));
    }

    #[test]
    fn one_hot_inserts_its_depth() {
        let hot = |axis| op("OneHot", 11).input(Int64, &[2, 3]).int(5).floats(&[0.0, 1.0]).attr("axis", axis);
        assert_eq!(hot(-1).shape(), "2×3×5");
        assert_eq!(hot(0).shape(), "5×2×3");
        assert_eq!(op("OneHot", 9).input(Int64, &[2]).floats(&[4.0]).floats(&[0.0, 1.0]).shape(), "2×4");
        let known = |version| op("OneHot", version).ints(&[1, -1, 7]).int(2).ints(&[0, 9]);
        assert_eq!(known(11).elements(), ints(&[0, 9, 0, 9, 0, 0]));
        assert_eq!(known(9).elements(), ints(&[0, 9, 0, 0, 0, 0]));
        assert!(hot(3).types().is_err());
    }

    #[test]
    fn compress_keeps_what_its_condition_selects() {
        let condition = [false, true, true].map(Scalar::Bool);
        let matrix = [1, 2, 3, 4, 5, 6].map(Scalar::Int);
        let data = || op("Compress", 11).value(Int64, &[3, 2], &matrix);
        let rows = data().value(Bool, &[3], &condition).attr("axis", 0);
        assert_eq!((rows.shape(), rows.elements()), ("2×2".into(), ints(&[3, 4, 5, 6])));
        let columns = data().value(Bool, &[2], &condition[..2]).attr("axis", -1);
        assert_eq!((columns.shape(), columns.elements()), ("3×1".into(), ints(&[2, 4, 6])));
        let flat = data().value(Bool, &[3], &condition);
        assert_eq!((flat.shape(), flat.elements()), ("2".into(), ints(&[2, 3])));
        assert_eq!(data().input(Bool, &[2]).attr("axis", 0).shape(), "≤2×2");
        let longer = data().value(Bool, &[8], &[Scalar::Bool(true); 8]);
        assert_eq!((longer.shape(), longer.elements()), ("6".into(), ints(&[1, 2, 3, 4, 5, 6])));
        assert_eq!(op("Compress", 9).dims(Float32, &[AtMost(7)]).input(Bool, &[9]).shape(), "≤7");
    }

    #[test]
    fn unique_finds_no_more_than_there_is() {
        assert_eq!(op("Unique", 11).f32(&[2, 3]).shapes(), ["≤6", "≤6", "6", "≤6"]);
        assert_eq!(op("Unique", 11).f32(&[2, 4, 2]).attr("axis", 1).shapes(), ["2×≤4×2", "≤4", "4", "≤4"]);
        // 8 elements: 3 comparisons each.
        assert_eq!(op("Unique", 11).f32(&[2, 4]).counts().int, 24);
        assert_eq!(op("Unique", 11).f32(&[1]).counts().int, 0);
    }
}
