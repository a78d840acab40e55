//! Operators that only look at a tensor in another way: Reshape, Flatten, Squeeze, Unsqueeze, Shape, Size.

use std::borrow::Cow;

use super::dims::{part_of, resolve_axis, resolve_place, shared};
use super::int_list::IntList;
use super::{Node, OpError};
use crate::tensor::{Dim, ElementType, Elements, Scalar, Shape, TensorType, Type, elements};

/// Reshape. `data` and `shape [r]` to `reshaped`, of rank r and as many elements.
///
/// Source: ONNX `Reshape`, opset 25; the shape is an attribute before opset 5.
/// Errors: [`OpError::Value`] for a shape that no data or not this data can take.
pub fn reshape(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let target = match IntList::of(node, "shape", 5, 1)? {
        IntList::Elements(target) => target,
        IntList::LeftOut if node.version < 5 => Cow::Borrowed(&[] as &[Scalar]),
        IntList::LeftOut => return Err(OpError::MissingInput(1)),
        IntList::Unknown => return Ok(vec![TensorType::unranked(data.element).into()]),
    };
    let copies_zero = node.int_or("allowzero", 0)? == 0;
    let shape = reshaped(data.shape.as_deref(), &target, copies_zero)?;
    Ok(vec![TensorType::new(data.element, shape).into()])
}

/// The dimensions that `target` asks for.
///
/// A dimension that nothing says (a −1, or an element whose value is not known) is what is left of the element
/// count. A data-dependent size with the bound of a data-dependent dimension of the data is taken to be that
/// dimension: a different number would have to divide the element count whatever the data.
fn reshaped(data: Option<&[Dim]>, target: &[Scalar], copies_zero: bool) -> Result<Shape, OpError> {
    let invalid = |problem: String| OpError::Value { input: 1, problem };
    if target.iter().filter(|size| **size == Scalar::Int(-1)).count() > 1 {
        return Err(invalid("it has more than one -1".into()));
    }
    let mut shape = Shape::with_capacity(target.len());
    // Dimensions of the data that are not carried into the output yet.
    let mut left = data.map_or(vec![Dim::Unknown], <[Dim]>::to_vec);
    let mut carried = false;
    // Positions in the output that the rest of the element count is shared out among.
    let mut open = Vec::new();
    for (position, size) in target.iter().enumerate() {
        let beside = data.map_or(Some(Dim::Unknown), |data| data.get(position).copied());
        let (dim, is_open) = match *size {
            Scalar::Int(0) if copies_zero => {
                let lacking = || invalid(format!("it copies dimension {position}, which the data lacks"));
                (beside.ok_or_else(lacking)?, false)
            }
            Scalar::Int(-1) | Scalar::Unknown => (Dim::Unknown, true),
            Scalar::Int(n) if n < 0 => return Err(invalid(format!("it has a dimension {n}"))),
            // A size that turns out to be 0 copies the dimension.
            Scalar::AtMost(n) if copies_zero && !left.contains(&Dim::AtMost(n)) => {
                (Dim::AtMost(n).join(beside.unwrap_or(Dim::Exact(0))), true)
            }
            known => (known.dim(), false),
        };
        let place = left.iter().position(|candidate| *candidate == dim && dim.exact().is_none());
        match place {
            Some(place) if !is_open => {
                left.remove(place);
                carried = true;
            }
            _ if is_open || dim.exact().is_none() => open.push(position),
            _ => {}
        }
        shape.push(dim);
    }
    let total = if data.is_some() { elements(&left) } else { Dim::Unknown };
    let fixed = elements(&shape.iter().copied().filter(|dim| dim.exact().is_some()).collect::<Shape>());
    let minus_one = target.contains(&Scalar::Int(-1));
    if minus_one && fixed == Dim::Exact(0) {
        return Err(invalid("it has a -1 beside a dimension of 0".into()));
    }
    share_out(&mut shape, &open, total, fixed, carried)?;
    Ok(shape)
}

/// Settles the `open` dimensions of a shape whose other dimensions are `fixed` elements: together they
/// are `total`. With `carried` dimensions a total that does not divide is no contradiction.
fn share_out(
    shape: &mut [Dim],
    open: &[usize],
    total: Dim,
    fixed: Dim,
    carried: bool,
) -> Result<(), OpError> {
    let divides = match (total, fixed) {
        (Dim::Exact(total), Dim::Exact(fixed)) if open.is_empty() => total == fixed,
        (Dim::Exact(total), Dim::Exact(fixed)) => fixed == 0 || total.is_multiple_of(fixed),
        _ => true,
    };
    if !divides && !carried {
        return Err(OpError::Mismatch(format!(
            "{total} elements cannot be reshaped to {fixed} or a multiple"
        )));
    }
    let rest = if divides {
        fixed.exact().map_or(Dim::Unknown, |n| total.map(|total| total.checked_div(n)))
    } else {
        Dim::Unknown
    };
    let known = match open {
        [_] => rest,
        // Only where there are elements does each dimension divide their number.
        _ if rest.exact().is_some_and(|rest| rest > 0) => part_of(rest),
        _ => Dim::Unknown,
    };
    for position in open {
        if let Some(dim) = shape.get_mut(*position) {
            *dim = shared(*dim, known, "dimensions").unwrap_or(known);
        }
    }
    Ok(())
}

/// Flatten. `input [d0, …]` to `[d0 … d(axis−1), d(axis) …]`.
///
/// Source: ONNX `Flatten`, opset 25. Errors: [`OpError::Axis`].
pub fn flatten(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let shape = match &input.shape {
        Some(shape) => {
            let axis = resolve_place(node.int_or("axis", 1)?, shape.len())?;
            let (outer, inner) = shape.split_at_checked(axis).unwrap_or((shape, &[]));
            vec![elements(outer), elements(inner)]
        }
        None => vec![Dim::Unknown; 2],
    };
    Ok(vec![TensorType::new(input.element, shape).into()])
}

/// Squeeze: the input without the dimensions of 1 that `axes` names, or without any dimension of 1.
///
/// Without axes, a dimension that depends on data and may be more than 1 is taken to be more.
///
/// Source: ONNX `Squeeze`, opset 25; axes are an attribute before opset 13.
/// Errors: [`OpError::Mismatch`] for a dimension that is not 1, [`OpError::Axis`].
pub fn squeeze(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let axes = IntList::of(node, "axes", 13, 1)?;
    let unranked = || Ok(vec![TensorType::unranked(data.element).into()]);
    let Some(shape) = &data.shape else { return unranked() };
    let mut squeezed = vec![false; shape.len()];
    if axes.left_out() {
        for (squeezed, dim) in squeezed.iter_mut().zip(shape) {
            match dim {
                Dim::Exact(n) | Dim::AtMost(n) => *squeezed = *n == 1,
                Dim::Unknown => return unranked(),
            }
        }
    } else {
        let Some(axes) = axes.ints() else { return unranked() };
        for axis in axes {
            let axis = resolve_axis(axis, shape.len())?;
            if let (Some(squeezed), Some(dim)) = (squeezed.get_mut(axis), shape.get(axis)) {
                if !dim.agrees_with(Dim::Exact(1)) {
                    return Err(OpError::Mismatch(format!("axis {axis} to squeeze is {dim}, not 1")));
                }
                *squeezed = true;
            }
        }
    }
    let kept = shape.iter().zip(squeezed).filter(|(_, squeezed)| !squeezed).map(|(dim, _)| *dim);
    Ok(vec![TensorType::new(data.element, kept.collect::<Shape>()).into()])
}

/// Unsqueeze: the input with a dimension of 1 at each of `axes`, which count in the output.
///
/// Source: ONNX `Unsqueeze`, opset 25; axes are an attribute before opset 13.
/// Errors: [`OpError::Axis`], [`OpError::Value`] for an axis named twice.
pub fn unsqueeze(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let axes = IntList::of(node, "axes", 13, 1)?;
    if axes.left_out() {
        let missing = OpError::MissingAttribute("axes");
        return Err(if node.version < 13 { missing } else { OpError::MissingInput(1) });
    }
    let (Some(shape), Some(axes)) = (&data.shape, axes.ints()) else {
        return Ok(vec![TensorType::unranked(data.element).into()]);
    };
    let mut expanded: Vec<Option<Dim>> = vec![None; shape.len().saturating_add(axes.len())];
    for axis in axes {
        let rank = expanded.len();
        let place = expanded.get_mut(resolve_axis(axis, rank)?);
        if place.is_some_and(|place| place.replace(Dim::Exact(1)).is_some()) {
            return Err(OpError::Value { input: 1, problem: format!("axis {axis} is named twice") });
        }
    }
    let mut rest = shape.iter().copied();
    let dims = expanded.into_iter().filter_map(|place| place.or_else(|| rest.next()));
    Ok(vec![TensorType::new(data.element, dims.collect::<Shape>()).into()])
}

/// The elements of input 0, in the same order: for Reshape, Flatten, Squeeze and Unsqueeze.
pub fn same_elements(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let count = outputs.first().and_then(Type::tensor).and_then(|tensor| tensor.elements().exact());
    let data = node.elements(0).filter(|data| u64::try_from(data.len()).ok() == count);
    Ok(vec![data.map(<[Scalar]>::to_vec)])
}

/// Shape. `data` to its dimensions from `start` to `end`, a vector of int64.
///
/// Source: ONNX `Shape`, opset 25.
pub fn shape(node: &Node) -> Result<Vec<Type>, OpError> {
    let length = shape_dims(node)?.map_or(Dim::Unknown, |dims| Dim::Exact(dims.len() as u64));
    Ok(vec![TensorType::new(ElementType::Int64, [length]).into()])
}

/// The dimensions that [`shape`] gives.
pub fn shape_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    Ok(vec![shape_dims(node)?.map(|dims| dims.iter().copied().map(Scalar::from).collect())])
}

fn shape_dims<'a>(node: &Node<'a>) -> Result<Option<&'a [Dim]>, OpError> {
    let Some(dims) = node.ty(0)?.tensor().and_then(|tensor| tensor.shape.as_deref()) else { return Ok(None) };
    let clamped = |axis: i64| {
        let rank = i64::try_from(dims.len()).unwrap_or(i64::MAX);
        let axis = if axis < 0 { axis.saturating_add(rank) } else { axis };
        usize::try_from(axis.clamp(0, rank)).unwrap_or(0)
    };
    let start = clamped(node.int_or("start", 0)?);
    let end = node.int("end")?.map_or(dims.len(), clamped);
    Ok(Some(dims.get(start..end).unwrap_or_default()))
}

/// Size: the number of elements of the input, a scalar of int64.
///
/// Source: ONNX `Size`, opset 25.
pub fn size(node: &Node) -> Result<Vec<Type>, OpError> {
    node.ty(0)?;
    Ok(vec![TensorType::exact(ElementType::Int64, &[]).into()])
}

/// The number that [`size`] gives.
pub fn size_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let size = node.ty(0)?.tensor().map_or(Dim::Unknown, TensorType::elements);
    Ok(vec![(size != Dim::Unknown).then(|| vec![Scalar::from(size)])])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, op};
    use super::*;
    use Dim::{AtMost, Exact, Unknown};

    fn reshape_of(dims: &[Dim], target: &[Scalar]) -> Case {
        op("Reshape", 14).dims(ElementType::Float32, dims).value(
            ElementType::Int64,
            &[target.len() as u64],
            target,
        )
    }

    #[test]
    fn reshape_takes_zero_from_the_data_and_minus_one_from_what_is_left() {
        let int = Scalar::Int;
        for (data, target, expected) in [
            (vec![2, 3, 4], vec![4, 6], "4×6"),
            (vec![2, 3, 4], vec![0, -1], "2×12"),
            (vec![2, 3, 4], vec![-1], "24"),
            (vec![2, 3, 4], vec![0, 0, 2, -1], "2×3×2×2"),
            (vec![1], vec![], "scalar"),
            (vec![0, 4], vec![-1, 4], "0×4"),
        ] {
            let dims: Vec<_> = data.into_iter().map(Exact).collect();
            let target: Vec<_> = target.into_iter().map(int).collect();
            assert_eq!(reshape_of(&dims, &target).shape(), expected);
        }
        let allowed = op("Reshape", 14).f32(&[0, 3, 4]).ints(&[3, 4, 0]).attr("allowzero", 1);
        assert_eq!(allowed.shape(), "3×4×0");
        assert_eq!(op("Reshape", 1).f32(&[2, 6]).attr("shape", &[3, -1]).shape(), "3×4");
    }

    #[test]
    fn reshape_of_data_dependent_sizes_infers_what_follows() {
        let int = Scalar::Int;
        let boxes = [AtMost(100), Exact(256), Exact(7), Exact(7)];
        for (data, target, expected) in [
            (&boxes[..], vec![int(-1), int(12544)], "≤100×12544"),
            (&boxes, vec![int(0), int(-1)], "≤100×12544"),
            (&boxes, vec![Scalar::AtMost(100), int(-1)], "≤100×12544"),
            (&boxes, vec![Scalar::Unknown, int(12544)], "≤100×12544"),
            // Everything but one size is exact: so is that.
            (&[Exact(8), Exact(6)], vec![Scalar::Unknown, int(12)], "4×12"),
            (&[Exact(8), Exact(6)], vec![Scalar::AtMost(9), int(12)], "4×12"),
            // Two are open: each divides 48 / 2.
            (&[Exact(8), Exact(6)], vec![Scalar::Unknown, Scalar::Unknown, int(2)], "≤24×≤24×2"),
            (&[Unknown, Exact(12), Exact(64)], vec![int(0), int(-1), int(32)], "?×24×32"),
            (&[Unknown, Exact(12)], vec![int(-1), int(4)], "?×4"),
            // A size that is 0 copies its dimension: 20 elements as 5 × 4 or as 2 × 10.
            (&[Exact(5), Exact(4)], vec![Scalar::AtMost(2), int(-1)], "≤5×≤20"),
        ] {
            assert_eq!(reshape_of(data, &target).shape(), expected, "{data:?} to {target:?}");
        }
        let unranked = op("Reshape", 14).typed(TensorType::unranked(ElementType::Float32).into());
        assert_eq!(unranked.ints(&[0, -1, 4]).shape(), "?×?×4");
        let by_rank = op("Reshape", 14).f32(&[6]).input(ElementType::Int64, &[2]);
        assert_eq!(by_rank.shape(), "≤6×≤6");
    }

    #[test]
    fn reshape_refuses_what_no_data_can_take() {
        let int = Scalar::Int;
        for target in [vec![int(-1), int(-1)], vec![int(-2)], vec![int(5)], vec![int(5), int(-1)]] {
            assert!(reshape_of(&[Exact(2), Exact(3)], &target).types().is_err(), "{target:?}");
        }
        assert!(reshape_of(&[Exact(6)], &[int(6), int(0)]).types().is_err());
        assert!(reshape_of(&[Exact(0), Exact(3)], &[int(0), int(-1)]).types().is_err());
    }

    #[test]
    fn flatten_splits_the_dimensions_at_its_axis() {
        for (axis, expected) in [(0, "1×24"), (1, "2×12"), (3, "24×1"), (-1, "6×4")] {
            assert_eq!(op("Flatten", 13).f32(&[2, 3, 4]).attr("axis", axis).shape(), expected, "axis {axis}");
        }
        assert_eq!(op("Flatten", 1).f32(&[2, 3, 4]).shape(), "2×12");
        assert!(op("Flatten", 13).f32(&[2]).attr("axis", 2).types().is_err());
    }

    #[test]
    fn squeeze_and_unsqueeze_take_axes_as_attribute_then_as_input() {
        assert_eq!(op("Squeeze", 11).f32(&[1, 3, 1]).attr("axes", &[-1]).shape(), "1×3");
        assert_eq!(op("Squeeze", 13).f32(&[1, 3, 1]).ints(&[0]).shape(), "3×1");
        assert_eq!(op("Squeeze", 13).f32(&[1, 3, 1]).shape(), "3");
        assert_eq!(op("Unsqueeze", 1).f32(&[3, 4, 5]).attr("axes", &[0, 4]).shape(), "1×3×4×5×1");
        assert_eq!(op("Unsqueeze", 13).f32(&[3]).ints(&[-1]).shape(), "3×1");
        assert_eq!(op("Unsqueeze", 13).f32(&[]).int(0).shape(), "1");
        assert!(op("Squeeze", 13).f32(&[2, 3]).ints(&[0]).types().is_err());
        assert!(op("Unsqueeze", 13).f32(&[3]).ints(&[1, 1]).types().is_err());
        let by_data = op("Squeeze", 13).dims(ElementType::Int64, &[Exact(1), AtMost(80)]);
        assert_eq!(by_data.shape(), "≤80");
    }

    #[test]
    fn shape_gives_the_dimensions_and_size_their_product() {
        let int = Scalar::Int;
        let dims = [Exact(2), AtMost(7), Unknown];
        let data = || op("Shape", 15).dims(ElementType::Float32, &dims);
        assert_eq!(data().elements(), Some(vec![int(2), Scalar::AtMost(7), Scalar::Unknown]));
        assert_eq!(data().attr("start", -2).attr("end", -1).elements(), Some(vec![Scalar::AtMost(7)]));
        assert_eq!(data().attr("start", 2).attr("end", 1).shape(), "0");
        assert_eq!(data().attr("end", 9).shape(), "3");
        assert_eq!(op("Size", 13).f32(&[2, 3, 4]).elements(), Some(vec![int(24)]));
        assert_eq!(op("Size", 13).f32(&[2, 3, 4]).shape(), "scalar");
    }

    #[test]
    fn the_values_of_views_are_those_of_the_data() {
        let target = op("Unsqueeze", 13).int(7).ints(&[0]);
        assert_eq!(target.elements(), Some(vec![Scalar::Int(7)]));
        assert_eq!(op("Reshape", 14).ints(&[1, 2, 3, 4]).ints(&[2, 2]).elements().unwrap().len(), 4);
    }
}
