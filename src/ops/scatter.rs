//! Operators that write by index: ScatterElements, Scatter, ScatterND, TensorScatter.

use super::dims::{self, resolve_axis};
use super::form::Form;
use super::small_tensor::{self, SmallTensor};
use super::{Counts, Node, OpError};
use crate::tensor::{Elements, Type};

/// ScatterElements and Scatter: the type of `data`; `indices` and `updates` have its rank.
///
/// Source: ONNX `ScatterElements`, opset 18, and `Scatter`, opset 9. Errors: [`OpError::Rank`], [`OpError::Axis`].
pub fn scatter_elements(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    if let Some(shape) = &data.shape {
        resolve_axis(node.int_or("axis", 0)?, shape.len())?;
        for input in [1, 2] {
            if let Some(other) = node.tensor(input)?.shape.as_ref().filter(|other| other.len() != shape.len())
            {
                return Err(OpError::Rank { input, expected: "that of the data", found: other.len() });
            }
        }
    }
    Ok(vec![data.clone().into()])
}

/// The elements after [`scatter_elements`], if the indices are known and updates replace.
pub fn scatter_elements_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    if node.str_or("reduction", "none")? != "none" {
        return Ok(vec![None]);
    }
    let axis = node.int_or("axis", 0)?;
    let scattered = || {
        let (mut data, updates) = (SmallTensor::known_or_not(node, 0)?, SmallTensor::known_or_not(node, 2)?);
        let indices = SmallTensor::known(node, 1)?;
        let axis = resolve_axis(axis, data.sizes.len()).ok()?;
        for position in small_tensor::positions(&indices.sizes) {
            let index = small_tensor::index_in(indices.at(&position)?.int()?, *data.sizes.get(axis)?)?;
            data.set(&small_tensor::with(&position, axis, index), updates.at(&position)?)?;
        }
        data.into_elements()
    };
    Ok(vec![scattered()])
}

/// A copy of the data with the updates (input 2) written over it.
pub fn scatter_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Scatter { elements: dims::output_count(outputs, 0)?, updates: node.count(2)? })
}

/// Updates (input 1) that are written over the data in its place.
pub fn in_place_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Scatter { elements: 0, updates: node.count(1)? })
}

/// ScatterND: the type of `data`.
///
/// Source: ONNX `ScatterND`, opset 18. Errors: [`OpError::Mismatch`] for index tuples longer than the rank.
pub fn scatter_nd(node: &Node) -> Result<Vec<Type>, OpError> {
    let (data, indices) = (node.tensor(0)?, node.tensor(1)?);
    node.tensor(2)?;
    if let (Some(data), Some(indices)) = (&data.shape, &indices.shape) {
        let Some(depth) = indices.last() else {
            return Err(OpError::Rank { input: 1, expected: "at least 1", found: 0 });
        };
        let rank = data.len();
        if depth.exact().is_some_and(|depth| depth > rank as u64) {
            return Err(OpError::Mismatch(format!("indices of {depth} axes into data of rank {rank}")));
        }
    }
    Ok(vec![data.clone().into()])
}

/// The elements after [`scatter_nd`], if the indices are known and updates replace.
pub fn scatter_nd_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    if node.str_or("reduction", "none")? != "none" {
        return Ok(vec![None]);
    }
    let scattered = || {
        let (mut data, updates) = (SmallTensor::known_or_not(node, 0)?, SmallTensor::known_or_not(node, 2)?);
        let indices = SmallTensor::known(node, 1)?;
        // Without a depth there may be any number of places.
        let (depth, places) = indices.sizes.split_last().filter(|(depth, _)| **depth > 0)?;
        let rest = data.sizes.get(*depth..)?.to_vec();
        for place in small_tensor::positions(places) {
            let target: Option<Vec<usize>> = (0..*depth)
                .map(|at| {
                    let index = indices.at(&[place.as_slice(), &[at]].concat())?.int()?;
                    small_tensor::index_in(index, *data.sizes.get(at)?)
                })
                .collect();
            let target = target?;
            for behind in small_tensor::positions(&rest) {
                let update = updates.at(&[place.as_slice(), &behind].concat())?;
                data.set(&[target.as_slice(), &behind].concat(), update)?;
            }
        }
        data.into_elements()
    };
    Ok(vec![scattered()])
}

/// One operation an update where a reduction combines it with the data, none where it replaces.
///
/// Source: ONNX `ScatterElements` and `ScatterND`, opset 18.
pub fn scatter_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    if node.str_or("reduction", "none")? == "none" {
        return Ok(Counts::ZERO);
    }
    Ok(Counts::arithmetic(node.element(0)?, node.count(2)?))
}

/// TensorScatter: the type of `past_cache`.
///
/// Source: ONNX `TensorScatter`, opset 24. Errors: [`OpError::Rank`].
pub fn tensor_scatter(node: &Node) -> Result<Vec<Type>, OpError> {
    let (cache, update) = (node.tensor(0)?, node.tensor(1)?);
    if let (Some(cache), Some(update)) = (&cache.shape, &update.shape) {
        resolve_axis(node.int_or("axis", -2)?, cache.len())?;
        if cache.len() != update.len() {
            return Err(OpError::Rank { input: 1, expected: "that of the cache", found: update.len() });
        }
    }
    Ok(vec![cache.clone().into()])
}

#[cfg(test)]
mod tests {
    use super::super::Bytes;
    use super::super::testing::op;
    use super::*;
    use crate::tensor::ElementType::{Float32, Int64};
    use crate::tensor::Scalar;

    fn floats(elements: &[f64]) -> Option<Elements> {
        Some(elements.iter().copied().map(Scalar::Float).collect())
    }

    #[test]
    fn scatter_elements_writes_along_its_axis() {
        // Examples 1 and 2 of the ONNX page.
        let indices = [1, 0, 2, 0, 2, 1].map(Scalar::Int);
        let updates = [1.0, 1.1, 1.2, 2.0, 2.1, 2.2].map(Scalar::Float);
        let one = op("ScatterElements", 18).value(Float32, &[3, 3], &[Scalar::Float(0.0); 9]);
        let one = one.value(Int64, &[2, 3], &indices).value(Float32, &[2, 3], &updates);
        assert_eq!(one.shape(), "3×3");
        assert_eq!(one.elements(), floats(&[2.0, 1.1, 0.0, 1.0, 0.0, 2.2, 0.0, 2.1, 1.2]));
        let data = [1.0, 2.0, 3.0, 4.0, 5.0].map(Scalar::Float);
        let two =
            op("Scatter", 9).value(Float32, &[1, 5], &data).value(Int64, &[1, 2], &[1, 3].map(Scalar::Int));
        let two = two.value(Float32, &[1, 2], &[1.1, 2.1].map(Scalar::Float)).attr("axis", 1);
        assert_eq!(two.elements(), floats(&[1.0, 1.1, 3.0, 2.1, 5.0]));
        assert!(op("ScatterElements", 18).f32(&[3, 3]).input(Int64, &[2]).f32(&[2]).types().is_err());
    }

    #[test]
    fn scatter_nd_writes_slices() {
        let ints = |elements: &[i64]| Some(elements.iter().copied().map(Scalar::Int).collect::<Vec<_>>());
        // Example 1 of the ONNX page.
        let indices = [4, 3, 1, 7].map(Scalar::Int);
        let one = op("ScatterND", 18).ints(&[1, 2, 3, 4, 5, 6, 7, 8]).value(Int64, &[4, 1], &indices);
        assert_eq!(one.ints(&[9, 10, 11, 12]).elements(), ints(&[1, 11, 3, 10, 9, 6, 7, 12]));
        // A row of a matrix, as example 2 does with a cube.
        let rows = op("ScatterND", 18).value(Int64, &[2, 2], &[1, 2, 3, 4].map(Scalar::Int));
        let rows =
            rows.value(Int64, &[1, 1], &[Scalar::Int(-1)]).value(Int64, &[1, 2], &[5, 6].map(Scalar::Int));
        assert_eq!(rows.elements(), ints(&[1, 2, 5, 6]));
        let unknown = op("ScatterND", 18).ints(&[1, 2]).value(Int64, &[1, 1], &[Scalar::Int(0)]);
        assert_eq!(unknown.input(Int64, &[1]).elements(), Some(vec![Scalar::Unknown, Scalar::Int(2)]));
        assert!(op("ScatterND", 18).f32(&[4]).input(Int64, &[1, 2]).f32(&[1]).types().is_err());
    }

    #[test]
    fn a_reduction_costs_one_operation_an_update() {
        let scatter =
            |kind| op("ScatterElements", 18).f32(&[8]).input(Int64, &[3]).f32(&[3]).attr("reduction", kind);
        assert_eq!(scatter("none").counts(), Counts::ZERO);
        assert_eq!(scatter("add").counts(), Counts::alu(3));
        let ints = op("ScatterND", 18).input(Int64, &[8]).input(Int64, &[3, 1]).input(Int64, &[3]);
        assert_eq!(ints.attr("reduction", "max").counts(), Counts::int(3));
    }

    #[test]
    fn a_cache_is_updated_in_place() {
        let step = op("TensorScatter", 24).f32(&[1, 8, 512, 64]).f32(&[1, 8, 1, 64]).ints(&[7]);
        assert_eq!(step.shape(), "1×8×512×64");
        let moved = step.moved();
        assert_eq!(moved.read, [Bytes::Part(0)]);
        assert_eq!(moved.written, [Bytes::Part(8 * 64 * 4)]);
    }
}
