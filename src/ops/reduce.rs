//! Reductions over some axes of a tensor.

use super::broadcast::Broadcast;
use super::dims::{self, resolve_axis};
use super::form::{Form, Rows};
use super::scalar::{self, Arithmetic};
use super::{Counts, Node, OpError, small_tensor};
use crate::tensor::{Dim, Elements, Scalar, Shape, TensorType, Type};

/// For every axis whether it is reduced; `None` if the input that says so is not known.
///
/// The axes are an attribute before opset 18 (13 for `ReduceSum`), then an input. None at all means every
/// axis, or with `noop_with_empty_axes` no axis.
fn reduced_axes(node: &Node, rank: usize) -> Result<Option<Vec<bool>>, OpError> {
    let since = if node.operator == "ReduceSum" { 13 } else { 18 };
    let axes = if node.version < since {
        node.int_list("axes")?.unwrap_or_default().to_vec()
    } else if !node.has_input(1) || node.tensor(1)?.elements() == Dim::Exact(0) {
        vec![]
    } else if let Some(axes) = node.ints(1) {
        axes
    } else {
        return Ok(None);
    };
    if axes.is_empty() {
        return Ok(Some(vec![node.int_or("noop_with_empty_axes", 0)? == 0; rank]));
    }
    let mut reduced = vec![false; rank];
    for axis in axes {
        if let Some(reduced) = reduced.get_mut(resolve_axis(axis, rank)?) {
            *reduced = true;
        }
    }
    Ok(Some(reduced))
}

/// The input without its reduced axes, or with 1 in their place (`keepdims`).
pub fn reduced_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let keep = node.int_or("keepdims", 1)? != 0;
    let shape = match &data.shape {
        Some(shape) => match reduced_axes(node, shape.len())? {
            Some(reduced) => Some(without(shape, &reduced, keep)),
            None if keep => Some(shape.iter().map(|dim| dim.join(Dim::Exact(1))).collect()),
            None => reduced_by_unknown_axes(node, shape)?,
        },
        // Whatever the rank, reducing every axis leaves a scalar.
        None => (reduced_axes(node, 1)? == Some(vec![true]) && !has_axes(node) && !keep).then(Shape::new),
    };
    Ok(vec![TensorType { element: data.element, shape }.into()])
}

fn has_axes(node: &Node) -> bool {
    node.has_input(1) || node.any("axes").is_some()
}

fn without(shape: &[Dim], reduced: &[bool], keep: bool) -> Shape {
    shape
        .iter()
        .zip(reduced)
        .filter_map(|(dim, reduced)| if *reduced { keep.then_some(Dim::Exact(1)) } else { Some(*dim) })
        .collect()
}

/// Some of the dimensions, in number known where that of the axes is.
fn reduced_by_unknown_axes(node: &Node, shape: &[Dim]) -> Result<Option<Shape>, OpError> {
    let Dim::Exact(axes) = node.tensor(1)?.elements() else { return Ok(None) };
    let left = usize::try_from(axes)
        .ok()
        .and_then(|axes| shape.len().checked_sub(axes))
        .ok_or_else(|| OpError::Mismatch(format!("{axes} axes to reduce in rank {}", shape.len())))?;
    let any = shape.iter().copied().reduce(Dim::join).unwrap_or(Dim::Exact(1));
    Ok(Some(vec![any; left]))
}

/// A combination of all elements into each output, one operation less than there are elements, beside so
/// much work for each element before it and for each output after it.
///
/// On integer tensors all of it is integer work.
pub fn work(
    node: &Node,
    outputs: &[Type],
    each_input: Counts,
    each_output: Counts,
) -> Result<Counts, OpError> {
    let (before, after) = (node.count(0)?, dims::output_count(outputs, 0)?);
    let axes_known = reduced_axes(node, node.shape(0)?.len())?.is_some();
    let combined =
        if axes_known { Counts::alu(before.saturating_sub(after)) } else { Counts::alu(before).at_most() };
    let counts = combined.plus(each_input.times(before)?)?.plus(each_output.times(after)?)?;
    if node.element(0)?.is_float() {
        return Ok(counts);
    }
    Ok(Counts { int: counts.flops()?, confidence: counts.confidence, ..Counts::ZERO })
}

/// A row for each output along the reduced axes.
pub fn form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let rows = match reduced_axes(node, shape.len())? {
        Some(reduced) => Rows::new(shape, |axis| reduced.get(axis).copied().unwrap_or(false))?,
        None => Rows::of(node.count(0)?, dims::output_count(outputs, 0)?),
    };
    Ok(Form::Reduce(rows))
}

/// `exp(x - max)` with the search of the maximum, for each element of a `ReduceLogSumExp`.
pub const SHIFTED_EXP: Counts = Counts { trans: 1, alu: 2, ..Counts::ZERO }.by_formula();

/// All elements combined into each output; `empty` is what no elements give.
pub fn fold(
    node: &Node,
    outputs: &[Type],
    operation: Arithmetic,
    empty: Scalar,
) -> Result<Vec<Option<Elements>>, OpError> {
    Ok(vec![folded(node, outputs, operation, empty)?])
}

fn folded(
    node: &Node,
    outputs: &[Type],
    operation: Arithmetic,
    empty: Scalar,
) -> Result<Option<Elements>, OpError> {
    let element = node.element(0)?;
    let shape = node.shape(0)?;
    let (Some(elements), Some(from), Some(to)) =
        (node.elements(0), small_tensor::sizes(shape), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(None);
    };
    let Some(reduced) = reduced_axes(node, shape.len())? else { return Ok(None) };
    let Some(target) =
        small_tensor::sizes(&without(shape, &reduced, true)).and_then(|to| Broadcast::new(&to, &from))
    else {
        return Ok(None);
    };
    let mut results: Vec<Option<Scalar>> = vec![None; to.iter().product()];
    for (index, scalar) in elements.iter().enumerate() {
        if let Some(result) = results.get_mut(target.source(index)) {
            *result = Some(result.map_or(*scalar, |so_far| operation.apply(element, so_far, *scalar)));
        }
    }
    let empty = scalar::cast(empty, element);
    Ok(small_tensor::known(results.into_iter().map(|result| result.unwrap_or(empty)).collect()))
}

/// `ReduceMean`: the sum divided by the number of elements.
pub fn mean(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    let mut sums = folded(node, outputs, scalar::ADD, Scalar::Unknown)?;
    let (before, after) = (node.count(0)?, dims::output_count(outputs, 0)?);
    let each = before.checked_div(after).and_then(|each| i64::try_from(each).ok());
    let divisor = scalar::cast(each.map_or(Scalar::Unknown, Scalar::Int), element);
    for sum in sums.iter_mut().flatten() {
        *sum = scalar::DIV.apply(element, *sum, divisor);
    }
    Ok(vec![sums])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::op;
    use crate::tensor::ElementType::{Bool as Truth, Float32, Int64};
    use Scalar::{AtMost, Bool, Float, Int, Unknown};

    #[test]
    fn axes_are_an_attribute_and_later_an_input() {
        for (case, expected) in [
            (op("ReduceMean", 13).f32(&[2, 3, 4]).attr("axes", &[-1]), "2×3×1"),
            (op("ReduceMean", 18).f32(&[2, 3, 4]).ints(&[-1]), "2×3×1"),
            (op("ReduceSum", 11).f32(&[2, 3, 4]).attr("axes", &[0, 2]).attr("keepdims", 0), "3"),
            (op("ReduceSum", 13).f32(&[2, 3, 4]).ints(&[0, 2]).attr("keepdims", 0), "3"),
            (op("ReduceMax", 13).f32(&[2, 3, 4]), "1×1×1"),
            (op("ReduceMax", 18).f32(&[2, 3, 4]).attr("keepdims", 0), "scalar"),
            (op("ReduceMax", 18).f32(&[2, 3]).ints(&[]), "1×1"),
            (op("ReduceMax", 18).f32(&[2, 3]).ints(&[]).attr("noop_with_empty_axes", 1), "2×3"),
            (op("ReduceSum", 13).dims(Float32, &[Dim::Unknown, Dim::Exact(4)]).ints(&[0]), "1×4"),
        ] {
            assert_eq!(case.shape(), expected);
        }
        let outside = op("ReduceMean", 13).f32(&[2, 3]).attr("axes", &[2]).types();
        assert_eq!(outside.unwrap_err(), OpError::Axis { axis: 2, rank: 2 });
    }

    #[test]
    fn unknown_axes_leave_bounds() {
        let kept = op("ReduceSum", 13).f32(&[2, 3]).input(Int64, &[1]);
        assert_eq!(kept.shape(), "≤2×≤3");
        assert_eq!(kept.counts(), Counts::alu(6).at_most());
        assert_eq!(op("ReduceSum", 13).f32(&[2, 3]).input(Int64, &[1]).attr("keepdims", 0).shape(), "≤3");
        let unranked = TensorType::unranked(Float32);
        assert_eq!(op("ReduceSum", 13).typed(unranked.clone().into()).ints(&[0]).shape(), "unranked");
        assert_eq!(op("ReduceSum", 13).typed(unranked.into()).attr("keepdims", 0).shape(), "scalar");
    }

    #[test]
    fn work_follows_the_number_of_elements_and_of_results() {
        // 24 elements to 6 results.
        for (operator, alu, div, trans) in [
            ("ReduceSum", 18, 0, 0),
            ("ReduceProd", 18, 0, 0),
            ("ReduceMean", 18, 6, 0),
            ("ReduceL1", 42, 0, 0),
            ("ReduceL2", 42, 6, 0),
            ("ReduceSumSquare", 42, 0, 0),
            ("ReduceLogSum", 18, 0, 6),
            ("ReduceLogSumExp", 66, 0, 30),
        ] {
            let counts = op(operator, 11).f32(&[2, 3, 4]).attr("axes", &[2]).counts();
            assert_eq!((counts.alu, counts.div, counts.trans), (alu, div, trans), "{operator}");
        }
        assert_eq!(op("ReduceMax", 13).input(Int64, &[4]).counts(), Counts::int(3));
    }

    #[test]
    fn values_are_reduced_over_the_right_axis() {
        let matrix = [1, 2, 3, 4, 5, 6].map(Int);
        for (operator, axis, expected) in [
            ("ReduceSum", 0, vec![5, 7, 9]),
            ("ReduceSum", 1, vec![6, 15]),
            ("ReduceProd", 1, vec![6, 120]),
            ("ReduceMax", 0, vec![4, 5, 6]),
            ("ReduceMin", 1, vec![1, 4]),
            ("ReduceMean", 1, vec![2, 5]),
        ] {
            let reduced = op(operator, 20).value(Int64, &[2, 3], &matrix).ints(&[axis]).elements();
            assert_eq!(reduced, Some(expected.into_iter().map(Int).collect()), "{operator} {axis}");
        }
    }

    #[test]
    fn bounds_and_truth_values_are_reduced_too() {
        let smallest = op("ReduceMin", 20).value(Int64, &[2], &[Int(1000), AtMost(3000)]).elements();
        assert_eq!(smallest, Some(vec![AtMost(1000)]));
        let size = op("ReduceProd", 18).value(Int64, &[2], &[Int(4), Unknown]).elements();
        assert_eq!(size, None);
        let any = op("ReduceMax", 20).value(Truth, &[2], &[Bool(false), Bool(true)]).elements();
        assert_eq!(any, Some(vec![Bool(true)]));
    }

    #[test]
    fn nothing_adds_up_to_zero_and_multiplies_to_one() {
        let empty = |operator| op(operator, 18).value(Int64, &[0], &[]).attr("keepdims", 0).elements();
        assert_eq!(empty("ReduceProd"), Some(vec![Int(1)]));
        assert_eq!(empty("ReduceMax"), None);
        let sum = op("ReduceSum", 13).floats(&[]).attr("keepdims", 0).elements();
        assert_eq!(sum, Some(vec![Float(0.0)]));
    }
}
