//! Operators that read by index: Gather, GatherElements, GatherND, ReverseSequence.

use super::dims::{self, count, resolve_axis, shared};
use super::form::Form;
use super::small_tensor::{self, SmallTensor};
use super::{Counts, Node, OpError};
use crate::tensor::{Elements, Scalar, Shape, TensorType, Type};

/// Gather. `data [D0, …]` and `indices [I…]` to data's dimensions with `axis` replaced by `I…`.
///
/// Source: ONNX `Gather`, opset 13. Errors: [`OpError::Axis`].
pub fn gather(node: &Node) -> Result<Vec<Type>, OpError> {
    let (data, indices) = (node.tensor(0)?, node.tensor(1)?);
    let (Some(dims), Some(indices)) = (&data.shape, &indices.shape) else {
        return Ok(vec![TensorType::unranked(data.element).into()]);
    };
    let axis = resolve_axis(node.int_or("axis", 0)?, dims.len())?;
    let (before, behind) = (dims.iter().take(axis), dims.iter().skip(axis).skip(1));
    let shape: Shape = before.chain(indices).chain(behind).copied().collect();
    Ok(vec![TensorType::new(data.element, shape).into()])
}

/// Each index names the elements behind the axis.
pub fn gather_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let data = node.shape(0)?;
    let axis = resolve_axis(node.int_or("axis", 0)?, data.len())?;
    let behind = data.get(axis..).and_then(|dims| dims.get(1..)).unwrap_or(&[]);
    Ok(Form::Gather { elements: dims::output_count(outputs, 0)?, run: count(behind, "the data")? })
}

/// Each index names one element.
pub fn gather_elements_form(_: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Gather { elements: dims::output_count(outputs, 0)?, run: 1 })
}

/// Each tuple of indices names the elements behind the axes that it has.
pub fn gather_nd_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let elements = dims::output_count(outputs, 0)?;
    let tuples = count(node.split_last(1)?.0, "the indices")?;
    Ok(Form::Gather { elements, run: elements.checked_div(tuples).unwrap_or(0).max(1) })
}

/// The elements that [`gather`] reads.
pub fn gather_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some((data, indices, sizes)) = gathered(node, outputs) else { return Ok(vec![None]) };
    let axis = resolve_axis(node.int_or("axis", 0)?, data.sizes.len())?;
    check_indices(node, data.sizes.get(axis).copied())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let (before, rest) = position.split_at_checked(axis)?;
        let (place, behind) = rest.split_at_checked(indices.sizes.len())?;
        let Scalar::Int(index) = indices.at(place)? else { return Some(Scalar::Unknown) };
        let index = small_tensor::index_in(index, *data.sizes.get(axis)?)?;
        data.at(&[before, &[index], behind].concat())
    })])
}

/// GatherElements: the shape of `indices`, the type of `data`.
///
/// Source: ONNX `GatherElements`, opset 13. Errors: [`OpError::Rank`], [`OpError::Axis`].
pub fn gather_elements(node: &Node) -> Result<Vec<Type>, OpError> {
    let (data, indices) = (node.tensor(0)?, node.tensor(1)?);
    if let (Some(data), Some(indices)) = (&data.shape, &indices.shape) {
        resolve_axis(node.int_or("axis", 0)?, data.len())?;
        if data.len() != indices.len() {
            return Err(OpError::Rank { input: 1, expected: "that of the data", found: indices.len() });
        }
    }
    Ok(vec![TensorType { element: data.element, shape: indices.shape.clone() }.into()])
}

/// The elements that [`gather_elements`] reads.
pub fn gather_elements_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some((data, indices, sizes)) = gathered(node, outputs) else { return Ok(vec![None]) };
    let axis = resolve_axis(node.int_or("axis", 0)?, data.sizes.len())?;
    check_indices(node, data.sizes.get(axis).copied())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let Scalar::Int(index) = indices.at(position)? else { return Some(Scalar::Unknown) };
        let index = small_tensor::index_in(index, *data.sizes.get(axis)?)?;
        data.at(&small_tensor::with(position, axis, index))
    })])
}

/// GatherND. `data [B…, D…]` and `indices [B…, I…, k]` to `[B…, I…, D from k on]`, with `batch_dims` dimensions B.
///
/// Source: ONNX `GatherND`, opset 13. Errors: [`OpError::Rank`], [`OpError::Mismatch`].
pub fn gather_nd(node: &Node) -> Result<Vec<Type>, OpError> {
    let (data, indices) = (node.tensor(0)?, node.tensor(1)?);
    let unranked = || Ok(vec![TensorType::unranked(data.element).into()]);
    let (Some(dims), Some(indices)) = (&data.shape, &indices.shape) else { return unranked() };
    let Some((depth, places)) = indices.split_last() else {
        return Err(OpError::Rank { input: 1, expected: "at least 1", found: 0 });
    };
    let batch_dims = batch_dims(node)?;
    let (Some(batch), Some(index_batch)) = (dims.get(..batch_dims), places.get(..batch_dims)) else {
        return Err(OpError::Rank { input: 1, expected: "more than batch_dims", found: indices.len() });
    };
    let batch = batch
        .iter()
        .zip(index_batch)
        .map(|(a, b)| shared(*a, *b, "dimensions"))
        .collect::<Result<Shape, _>>()?;
    let Some(depth) = depth.exact() else { return unranked() };
    let rest = usize::try_from(depth).ok().and_then(|depth| dims.get(batch_dims.checked_add(depth)?..));
    let Some(rest) = rest else {
        let rank = dims.len();
        return Err(OpError::Mismatch(format!("indices of {depth} axes into data of rank {rank}")));
    };
    let shape: Shape = batch.iter().chain(places.iter().skip(batch_dims)).chain(rest).copied().collect();
    Ok(vec![TensorType::new(data.element, shape).into()])
}

/// The elements that [`gather_nd`] reads.
pub fn gather_nd_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some((data, indices, sizes)) = gathered(node, outputs) else { return Ok(vec![None]) };
    let batch_dims = batch_dims(node)?;
    let Some((depth, places)) = indices.sizes.split_last() else { return Ok(vec![None]) };
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let (place, rest) = position.split_at_checked(places.len())?;
        let mut source = place.get(..batch_dims)?.to_vec();
        for at in 0..*depth {
            let Scalar::Int(index) = indices.at(&[place, &[at]].concat())? else {
                return Some(Scalar::Unknown);
            };
            source.push(small_tensor::index_in(index, *data.sizes.get(source.len())?)?);
        }
        source.extend_from_slice(rest);
        data.at(&source)
    })])
}

fn batch_dims(node: &Node) -> Result<usize, OpError> {
    let name = "batch_dims";
    let batch_dims = node.int_or(name, 0)?;
    usize::try_from(batch_dims).map_err(|_| OpError::Attribute {
        name,
        problem: format!("is {batch_dims}, not a number of dimensions"),
    })
}

/// Known data, known indices and the dimensions of the output.
fn gathered<'a>(node: &Node<'a>, outputs: &[Type]) -> Option<(SmallTensor<'a>, SmallTensor<'a>, Vec<usize>)> {
    Some((
        SmallTensor::known(node, 0)?,
        SmallTensor::known(node, 1)?,
        small_tensor::output_sizes(outputs, 0)?,
    ))
}

/// # Errors
/// [`OpError::Value`] if a known index is outside its dimension.
fn check_indices(node: &Node, size: Option<usize>) -> Result<(), OpError> {
    let size = size.unwrap_or(0);
    let mut indices = node.elements(1).unwrap_or_default().iter().filter_map(|index| index.int());
    match indices.find(|index| small_tensor::index_in(*index, size).is_none()) {
        Some(index) => {
            let problem = format!("index {index} is outside a dimension of {size}");
            Err(OpError::Value { input: 1, problem })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bytes;
    use super::super::testing::{ints, op};
    use super::*;
    use crate::tensor::Dim::{AtMost, Exact};
    use crate::tensor::ElementType::{Float32, Int64};

    #[test]
    fn gather_replaces_its_axis_by_the_shape_of_the_indices() {
        // The table of the ONNX page, with P, Q, R, S = 2, 3, 4, 5.
        assert_eq!(op("Gather", 13).f32(&[2, 3]).int(0).shape(), "3");
        assert_eq!(op("Gather", 13).f32(&[2, 3, 4]).int(0).attr("axis", 1).shape(), "2×4");
        assert_eq!(op("Gather", 13).f32(&[2, 3]).input(Int64, &[4, 5]).shape(), "4×5×3");
        assert_eq!(op("Gather", 13).f32(&[2, 3]).input(Int64, &[4, 5]).attr("axis", -1).shape(), "2×4×5");
        let by_data = op("Gather", 1).f32(&[80, 4]).dims(Int64, &[AtMost(20)]);
        assert_eq!(by_data.shape(), "≤20×4");
        assert!(op("Gather", 13).f32(&[]).int(0).types().is_err());
    }

    #[test]
    fn gather_reads_elements_and_refuses_indices_outside() {
        assert_eq!(op("Gather", 13).ints(&[1, 3, 224]).int(-1).elements(), ints(&[224]));
        let matrix = [1, 2, 3, 4, 5, 6].map(Scalar::Int);
        let columns = op("Gather", 13).value(Int64, &[2, 3], &matrix).ints(&[0, 2]).attr("axis", 1);
        assert_eq!(columns.elements(), ints(&[1, 3, 4, 6]));
        let partly = [Scalar::AtMost(9), Scalar::Unknown, Scalar::Int(4)];
        let shape = op("Gather", 13).value(Int64, &[3], &partly).ints(&[0, 1, 2]);
        assert_eq!(shape.elements(), Some(partly.to_vec()));
    }

    #[test]
    fn gather_touches_the_rows_it_reads() {
        // 6 of 1,000 rows of 64 floats, and all 6 indices.
        let rows = op("Gather", 13).f32(&[1000, 64]).input(Int64, &[2, 3]).moved();
        assert_eq!(rows.read, [Bytes::Part(6 * 64 * 4)]);
        // 6 times one of two rows: no more than the table.
        let types = op("Gather", 13).f32(&[2, 64]).input(Int64, &[2, 3]).moved();
        assert_eq!(types.read, [Bytes::Part(2 * 64 * 4)]);
    }

    #[test]
    fn gather_elements_has_the_shape_of_the_indices() {
        assert_eq!(op("GatherElements", 13).f32(&[3, 3]).input(Int64, &[2, 3]).shape(), "2×3");
        // Examples 1 and 2 of the ONNX page.
        let data = [1, 2, 3, 4].map(Scalar::Int);
        let indices = [0, 0, 1, 0].map(Scalar::Int);
        let one = op("GatherElements", 13).value(Int64, &[2, 2], &data).value(Int64, &[2, 2], &indices);
        assert_eq!(one.attr("axis", 1).elements(), ints(&[1, 1, 4, 3]));
        let data = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(Scalar::Int);
        let indices = [1, 2, 0, 2, 0, 0].map(Scalar::Int);
        let two = op("GatherElements", 13).value(Int64, &[3, 3], &data).value(Int64, &[2, 3], &indices);
        assert_eq!(two.elements(), ints(&[4, 8, 3, 7, 2, 3]));
        assert!(op("GatherElements", 13).f32(&[3, 3]).input(Int64, &[2]).types().is_err());
    }

    #[test]
    fn gather_nd_follows_the_examples_of_its_page() {
        let small = [0, 1, 2, 3].map(Scalar::Int);
        let large = [0, 1, 2, 3, 4, 5, 6, 7].map(Scalar::Int);
        let (matrix, cube): (&[u64], &[u64]) = (&[2, 2], &[2, 2, 2]);
        for (data, dims, indices, index_dims, batch_dims, shape, expected) in [
            (&small[..], matrix, &[0, 0, 1, 1][..], &[2, 2][..], 0, "2", &[0, 3][..]),
            (&small, matrix, &[1, 0], &[2, 1], 0, "2×2", &[2, 3, 0, 1]),
            (&large, cube, &[0, 1, 1, 0], &[2, 2], 0, "2×2", &[2, 3, 4, 5]),
            (&large, cube, &[0, 1, 1, 0], &[2, 1, 2], 0, "2×1×2", &[2, 3, 4, 5]),
            (&large, cube, &[1, 0], &[2, 1], 1, "2×2", &[2, 3, 4, 5]),
        ] {
            let indices: Vec<_> = indices.iter().copied().map(Scalar::Int).collect();
            let case = op("GatherND", 13).value(Int64, dims, data).value(Int64, index_dims, &indices);
            let case = case.attr("batch_dims", batch_dims);
            assert_eq!(case.shape(), shape);
            assert_eq!(case.elements(), ints(expected));
        }
        let by_data = op("GatherND", 13).f32(&[80, 80, 4]).dims(Int64, &[AtMost(9), Exact(2)]);
        assert_eq!(by_data.shape(), "≤9×4");
        let depth_by_data = op("GatherND", 13).f32(&[8, 8]).dims(Int64, &[Exact(3), AtMost(2)]);
        assert_eq!(depth_by_data.shape(), "unranked");
        assert!(op("GatherND", 13).f32(&[8]).input(Int64, &[3, 2]).types().is_err());
        assert_eq!(
            op("ReverseSequence", 10).dims(Float32, &[Exact(4), AtMost(4)]).ints(&[1, 2]).shape(),
            "4×≤4"
        );
    }
}
