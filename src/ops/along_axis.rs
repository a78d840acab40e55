//! Operators that search, scan or rank the elements along one axis.

use std::cmp::Ordering;

use super::dims::{self, resolve_axis};
use super::form::{Form, Rows};
use super::scalar::{self, Arithmetic};
use super::{Counts, Node, OpError, small_tensor};
use crate::tensor::{Dim, ElementType, Elements, Scalar, Shape, TensorType, Type};

/// The positions (row-major) of the elements of every line along an axis.
fn lines(dims: &[usize], axis: usize) -> Option<impl Iterator<Item = impl Iterator<Item = usize>>> {
    let size = *dims.get(axis)?;
    let outer: usize = dims.get(..axis)?.iter().product();
    let inner: usize = dims.get(axis + 1..)?.iter().product();
    let line = move |outer, start| (0..size).map(move |position| (outer * size + position) * inner + start);
    Some((0..outer).flat_map(move |outer| (0..inner).map(move |start| line(outer, start))))
}

fn line_of(elements: &[Scalar], positions: impl Iterator<Item = usize>) -> Vec<Scalar> {
    positions.filter_map(|position| elements.get(position)).copied().collect()
}

fn argument_axis(node: &Node, rank: usize) -> Result<usize, OpError> {
    resolve_axis(node.int_or("axis", 0)?, rank)
}

/// `ArgMax`, `ArgMin`: int64 indices, the axis left out or kept as 1.
pub fn argument_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let keep = node.int_or("keepdims", 1)? != 0;
    let shape = match &node.tensor(0)?.shape {
        Some(dims) => {
            let axis = argument_axis(node, dims.len())?;
            let mut shape: Shape = dims.clone();
            shape.splice(axis..=axis, keep.then_some(Dim::Exact(1)));
            Some(shape)
        }
        None => None,
    };
    Ok(vec![TensorType { element: ElementType::Int64, shape }.into()])
}

/// `ArgMax`, `ArgMin`: one comparison less than there are elements, for each output.
pub fn argument_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (before, after) = (node.count(0)?, dims::output_count(outputs, 0)?);
    Ok(Counts::int(before.saturating_sub(after)))
}

fn rows(node: &Node, axis: usize) -> Result<Rows, OpError> {
    Rows::new(node.shape(0)?, |at| at == axis)
}

/// ArgMax, ArgMin: a row for each output.
pub fn argument_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::ArgReduce(rows(node, argument_axis(node, node.shape(0)?.len())?)?))
}

/// CumSum, CumProd: rows along the axis, or, where that is not known, one of all elements.
pub fn cumulative_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Scan(match node.scalar(1).int() {
        Some(axis) => rows(node, resolve_axis(axis, node.shape(0)?.len())?)?,
        None => Rows::of(node.count(0)?, 1),
    }))
}

/// TopK: rows along the axis.
pub fn top_k_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Sort(rows(node, resolve_axis(node.int_or("axis", -1)?, node.shape(0)?.len())?)?))
}

/// `ArgMax` (`better` is greater) or `ArgMin` (less). An index that is not known is bounded by its axis.
pub fn argument(node: &Node, outputs: &[Type], better: Ordering) -> Result<Vec<Option<Elements>>, OpError> {
    let shape = node.shape(0)?;
    let axis = argument_axis(node, shape.len())?;
    let last = node.int_or("select_last_index", 0)? != 0;
    let unknown = match shape.get(axis).and_then(|size| size.bound()?.checked_sub(1)) {
        Some(0) => Scalar::Int(0),
        Some(largest) => Scalar::AtMost(largest),
        None => Scalar::Unknown,
    };
    let Some(output) = small_tensor::output_sizes(outputs, 0) else { return Ok(vec![None]) };
    let dims = small_tensor::sizes(shape);
    let indices = match node.elements(0).zip(dims.as_deref().and_then(|dims| lines(dims, axis))) {
        Some((elements, lines)) => {
            lines.map(|line| best(&line_of(elements, line), better, last).unwrap_or(unknown)).collect()
        }
        None => vec![unknown; output.iter().product()],
    };
    Ok(vec![small_tensor::known(indices)])
}

fn best(line: &[Scalar], better: Ordering, last: bool) -> Option<Scalar> {
    let mut best = (0, line.first()?);
    for (index, scalar) in line.iter().enumerate() {
        let order = scalar::order(*scalar, *best.1)?;
        if order == better || (last && order == Ordering::Equal) {
            best = (index, scalar);
        }
    }
    i64::try_from(best.0).ok().map(Scalar::Int)
}

/// `CumSum`, `CumProd`: the input's type.
pub fn cumulative_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    if let (Some(shape), Some(axis)) = (&data.shape, node.scalar(1).int()) {
        resolve_axis(axis, shape.len())?;
    }
    Ok(vec![data.clone().into()])
}

/// `CumSum`, `CumProd`: the operation carried along the axis, from `start` if it excludes each element itself.
pub fn cumulate(node: &Node, operation: Arithmetic, start: Scalar) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    let shape = node.shape(0)?;
    let reverse = node.int_or("reverse", 0)? != 0;
    let exclusive = node.int_or("exclusive", 0)? != 0;
    let axis = node.scalar(1).int();
    let (Some(elements), Some(dims), Some(axis)) = (node.elements(0), small_tensor::sizes(shape), axis)
    else {
        return Ok(vec![None]);
    };
    let mut results = elements.to_vec();
    for line in lines(&dims, resolve_axis(axis, shape.len())?).into_iter().flatten() {
        let mut positions: Vec<usize> = line.collect();
        if reverse {
            positions.reverse();
        }
        let mut so_far = None;
        for position in positions {
            let (Some(scalar), Some(result)) = (elements.get(position), results.get_mut(position)) else {
                continue;
            };
            let with = so_far.map_or(*scalar, |so_far| operation.apply(element, so_far, *scalar));
            *result = if exclusive { so_far.unwrap_or(scalar::cast(start, element)) } else { with };
            so_far = Some(with);
        }
    }
    Ok(vec![small_tensor::known(results)])
}

/// `TopK`: values and int64 indices, of the input's shape with K along the axis.
///
/// K is an attribute before opset 10. Where it is not known, the axis bounds it.
pub fn top_k_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let shape = match &data.shape {
        Some(dims) => {
            let axis = resolve_axis(node.int_or("axis", -1)?, dims.len())?;
            let mut shape: Shape = dims.clone();
            if let Some(size) = shape.get_mut(axis) {
                *size = top_k_size(node, *size)?;
            }
            Some(shape)
        }
        None => None,
    };
    Ok([data.element, ElementType::Int64]
        .map(|element| TensorType { element, shape: shape.clone() }.into())
        .into())
}

fn top_k_size(node: &Node, size: Dim) -> Result<Dim, OpError> {
    let k = if node.version < 10 {
        Scalar::Int(node.int("k")?.ok_or(OpError::MissingAttribute("k"))?)
    } else {
        node.tensor(1)?;
        node.scalar(1)
    };
    match (k, k.dim(), size.bound()) {
        (Scalar::Int(k), Dim::Exact(n), Some(size)) if n > size => Err(too_large(node, k, size)),
        (Scalar::Int(_), Dim::Exact(n), _) => Ok(Dim::Exact(n)),
        (Scalar::Int(k), _, _) => Err(too_large(node, k, size.bound().unwrap_or(u64::MAX))),
        (_, k, Some(size)) => Ok(Dim::AtMost(k.bound().map_or(size, |k| k.min(size)))),
        (_, k, None) => Ok(k),
    }
}

fn too_large(node: &Node, k: i64, size: u64) -> OpError {
    let problem = format!("K is {k}, and the axis has {size} elements");
    if node.version < 10 {
        OpError::Attribute { name: "k", problem }
    } else {
        OpError::Value { input: 1, problem }
    }
}

/// `TopK`: a heap of K elements that each element passes through, ⌈log₂(K + 1)⌉ comparisons deep.
pub fn top_k_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let shape = outputs.first().and_then(Type::tensor).and_then(|tensor| tensor.shape.as_deref());
    let shape = shape.ok_or(OpError::UnknownRank(0))?;
    let axis = resolve_axis(node.int_or("axis", -1)?, shape.len())?;
    let k = shape.get(axis).and_then(|k| k.bound()).ok_or(OpError::UnknownSize("K"))?;
    let depth = u64::from(u64::BITS - k.leading_zeros());
    Ok(Counts::int(depth).times(node.count(0)?)?.by_formula())
}

/// `TopK`: values and indices of each line, if every element is known and their order is defined.
pub fn top_k(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let shape = node.shape(0)?;
    let axis = resolve_axis(node.int_or("axis", -1)?, shape.len())?;
    let better = if node.int_or("largest", 1)? != 0 { Ordering::Greater } else { Ordering::Less };
    let sorted = node.int_or("sorted", 1)? != 0;
    let ranked = || {
        let (dims, output) = (small_tensor::sizes(shape)?, small_tensor::output_sizes(outputs, 0)?);
        let elements = node.elements(0).filter(|_| sorted)?;
        let k = *output.get(axis)?;
        let count: usize = output.iter().product();
        let mut values = vec![Scalar::Unknown; count];
        let mut indices = values.clone();
        for (from, to) in lines(&dims, axis)?.zip(lines(&output, axis)?) {
            let line = rank(&line_of(elements, from), better)?;
            for ((index, scalar), position) in line.into_iter().take(k).zip(to) {
                *values.get_mut(position)? = scalar;
                *indices.get_mut(position)? = Scalar::Int(i64::try_from(index).ok()?);
            }
        }
        Some((values, indices))
    };
    Ok(match ranked() {
        Some((values, indices)) => vec![Some(values), Some(indices)],
        None => vec![None, None],
    })
}

/// The elements with their indices, best first, ties by index; `None` if one is not known.
fn rank(line: &[Scalar], better: Ordering) -> Option<Vec<(usize, Scalar)>> {
    let mut ranked: Vec<_> = line.iter().copied().enumerate().collect();
    if !line.iter().all(|scalar| scalar.float().is_some()) {
        return None;
    }
    ranked.sort_by(|a, b| {
        let order = scalar::order(b.1, a.1).unwrap_or(Ordering::Equal);
        if better == Ordering::Greater { order } else { order.reverse() }
    });
    Some(ranked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ints, op};
    use crate::tensor::ElementType::{Float32, Int64};
    use Scalar::{AtMost, Float, Int, Unknown};

    #[test]
    fn an_index_is_found_along_its_axis() {
        let case = |operator| op(operator, 13).value(Int64, &[2, 3], &[1, 9, 9, 7, 0, 7].map(Int));
        assert_eq!(case("ArgMax").attr("axis", -1).shape(), "2×1");
        assert_eq!(case("ArgMax").attr("keepdims", 0).shape(), "3");
        assert_eq!(case("ArgMax").attr("axis", 1).elements(), ints(&[1, 0]));
        assert_eq!(case("ArgMax").attr("axis", 1).attr("select_last_index", 1).elements(), ints(&[2, 2]));
        assert_eq!(case("ArgMin").elements(), ints(&[0, 1, 1]));
        assert_eq!(case("ArgMax").attr("axis", 1).counts(), Counts::int(4));
    }

    #[test]
    fn an_unknown_index_is_bounded_by_its_axis() {
        let indices = op("ArgMax", 13).f32(&[2, 77]).attr("axis", 1).elements();
        assert_eq!(indices, Some(vec![AtMost(76), AtMost(76)]));
        let open = op("ArgMax", 13).dims(Float32, &[Dim::Exact(1), Dim::Unknown]).attr("axis", 1);
        assert_eq!(open.elements(), None);
    }

    // The four cases of the ONNX page.
    #[test]
    fn sums_accumulate_forward_backward_and_exclusively() {
        let sum = |exclusive, reverse| {
            op("CumSum", 14).ints(&[1, 2, 3]).int(0).attr("exclusive", exclusive).attr("reverse", reverse)
        };
        assert_eq!(sum(0, 0).elements(), ints(&[1, 3, 6]));
        assert_eq!(sum(1, 0).elements(), ints(&[0, 1, 3]));
        assert_eq!(sum(0, 1).elements(), ints(&[6, 5, 3]));
        assert_eq!(sum(1, 1).elements(), ints(&[5, 3, 0]));
        assert_eq!(
            op("CumProd", 26).ints(&[1, 2, 3]).int(0).attr("exclusive", 1).elements(),
            ints(&[1, 1, 2])
        );
        assert_eq!(op("CumSum", 14).f32(&[3, 4]).int(0).counts(), Counts::alu(12));
        assert!(op("CumSum", 14).f32(&[3]).int(1).types().is_err());
    }

    #[test]
    fn k_decides_the_size_or_is_bounded() {
        for (case, expected) in [
            (op("TopK", 1).f32(&[2, 9]).attr("k", 3), "2×3"),
            (op("TopK", 11).f32(&[2, 9]).ints(&[3]).attr("axis", 0), "K is 3, and the axis has 2 elements"),
            (op("TopK", 11).f32(&[2, 9]).ints(&[-1]), "K is -1, and the axis has 9 elements"),
            (op("TopK", 11).f32(&[2, 9]).input(Int64, &[1]), "2×≤9"),
            (op("TopK", 11).f32(&[2, 9]).value(Int64, &[1], &[AtMost(4)]), "2×≤4"),
            (op("TopK", 11).dims(Float32, &[Dim::Unknown]).value(Int64, &[1], &[AtMost(4)]), "≤4"),
            (op("TopK", 11).dims(Float32, &[Dim::Unknown]).value(Int64, &[1], &[Unknown]), "?"),
        ] {
            match case.types() {
                Ok(_) => assert_eq!(case.shapes(), [expected, expected]),
                Err(error) => assert!(error.to_string().contains(expected), "{error}"),
            }
        }
        let types = op("TopK", 11).f32(&[9]).ints(&[3]).types().unwrap();
        assert_eq!(types[1], TensorType::exact(Int64, &[3]).into());
    }

    #[test]
    fn the_best_come_first_and_ties_keep_their_order() {
        let top = |largest| op("TopK", 11).floats(&[5.0, 7.0, 1.0, 7.0]).ints(&[3]).attr("largest", largest);
        assert_eq!(top(1).elements(), Some([7.0, 7.0, 5.0].map(Float).into()));
        assert_eq!(top(0).elements(), Some([1.0, 5.0, 7.0].map(Float).into()));
        assert_eq!(top(1).attr("sorted", 0).elements(), None);
        let line = [5.0, 7.0, 1.0, 7.0].map(Float);
        let indices: Vec<_> =
            rank(&line, Ordering::Greater).unwrap().iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [1, 3, 0, 2]);
    }

    #[test]
    fn ranking_costs_the_depth_of_a_heap() {
        // ⌈log₂ 5⌉ = 3
        assert_eq!(op("TopK", 11).f32(&[2, 9]).ints(&[4]).counts(), Counts::int(18 * 3).by_formula());
        assert_eq!(op("TopK", 11).f32(&[2, 9]).ints(&[1]).counts(), Counts::int(18).by_formula());
    }
}
