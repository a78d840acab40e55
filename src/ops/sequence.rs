//! Sequences and optionals: lists of tensors, and values that may be absent.
//!
//! A sequence is its length and one type for all its elements, so tensors of different shapes leave
//! bounds. Tensors inside a sequence are shared, not copied, until one is taken out.

use super::dims::{part_of, resolve_axis};
use super::int_list::IntList;
use super::{Attribute, Node, OpError};
use crate::tensor::{Dim, ElementType, Elements, Scalar, Shape, TensorType, Type};

/// The element type and the length of a sequence input.
fn sequence<'a>(node: &Node<'a>, index: usize) -> Result<(&'a Type, Option<u64>), OpError> {
    match node.ty(index)? {
        Type::Sequence(element, length) => Ok((element, *length)),
        _ => Err(OpError::UnknownType(index)),
    }
}

fn sequence_of(element: Type, length: Option<u64>) -> Vec<Type> {
    vec![Type::Sequence(Box::new(element), length)]
}

/// SequenceConstruct: a sequence of the inputs.
///
/// Source: ONNX `SequenceConstruct`, opset 11.
pub fn construct(node: &Node) -> Result<Vec<Type>, OpError> {
    let first = node.ty(0)?.clone();
    let element = (1..node.inputs.len()).try_fold(first, |all, index| Ok(all.join(node.ty(index)?)))?;
    Ok(sequence_of(element, Some(node.inputs.len() as u64)))
}

/// SequenceEmpty: a sequence without elements, of type `dtype` (default float32).
///
/// Source: ONNX `SequenceEmpty`, opset 11.
pub fn empty(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element_type("dtype")?.unwrap_or(ElementType::Float32);
    Ok(sequence_of(TensorType::unranked(element).into(), Some(0)))
}

/// SequenceInsert: one element more.
///
/// Source: ONNX `SequenceInsert`, opset 11.
pub fn insert(node: &Node) -> Result<Vec<Type>, OpError> {
    let (element, length) = sequence(node, 0)?;
    let inserted = node.ty(1)?;
    let element = if length == Some(0) { inserted.clone() } else { element.join(inserted) };
    Ok(sequence_of(element, length.and_then(|length| length.checked_add(1))))
}

/// SequenceErase: one element less.
///
/// Source: ONNX `SequenceErase`, opset 11. Errors: [`OpError::Mismatch`] if there is none to erase.
pub fn erase(node: &Node) -> Result<Vec<Type>, OpError> {
    let (element, length) = sequence(node, 0)?;
    let length = length.map(|length| length.checked_sub(1).ok_or_else(none_there)).transpose()?;
    Ok(sequence_of(element.clone(), length))
}

fn none_there() -> OpError {
    OpError::Mismatch("the sequence is empty".into())
}

/// SequenceAt: one element.
///
/// Source: ONNX `SequenceAt`, opset 11. Errors: [`OpError::Mismatch`] if there is none.
pub fn at(node: &Node) -> Result<Vec<Type>, OpError> {
    let (element, length) = sequence(node, 0)?;
    node.ty(1)?;
    if length == Some(0) { Err(none_there()) } else { Ok(vec![element.clone()]) }
}

/// SequenceLength: a scalar of int64.
///
/// Source: ONNX `SequenceLength`, opset 11.
pub fn length(node: &Node) -> Result<Vec<Type>, OpError> {
    node.ty(0)?;
    Ok(vec![TensorType::exact(ElementType::Int64, &[]).into()])
}

/// The number that [`length`] gives.
pub fn length_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    Ok(vec![sequence(node, 0)?.1.map(|length| vec![Scalar::from(Dim::Exact(length))])])
}

/// SplitToSequence: parts of the input along `axis`, of the lengths in `split`, of one length if that is a
/// scalar (the last may be shorter), or of length 1, which `keepdims` 0 drops.
///
/// Source: ONNX `SplitToSequence`, opset 24. Errors: [`OpError::Axis`], [`OpError::Value`], [`OpError::Mismatch`].
pub fn split_to_sequence(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let Some(shape) = &input.shape else { return Ok(sequence_of(input.clone().into(), None)) };
    let axis = resolve_axis(node.int_or("axis", 0)?, shape.len())?;
    let dim = shape.get(axis).copied().unwrap_or(Dim::Unknown);
    let keeps = node.has_input(1) || node.int_or("keepdims", 1)? != 0;
    let (length, parts) = split_parts(node, dim)?;
    let dims = shape.iter().enumerate().filter(|(at, _)| keeps || *at != axis);
    let dims = dims.map(|(at, dim)| if at == axis { length } else { *dim });
    Ok(sequence_of(TensorType::new(input.element, dims.collect::<Shape>()).into(), parts))
}

/// The length of a part, and the number of parts.
fn split_parts(node: &Node, dim: Dim) -> Result<(Dim, Option<u64>), OpError> {
    if !node.has_input(1) {
        return Ok((Dim::Exact(1), dim.exact()));
    }
    let split = IntList::input(node, 1);
    let Some(lengths) = split.elements() else { return Ok((part_of(dim), None)) };
    let is_scalar = node.shape(1).is_ok_and(<[Dim]>::is_empty);
    let negative = || OpError::Value { input: 1, problem: "a length is negative".into() };
    if lengths.iter().any(|length| length.int().is_some_and(|n| n < 0)) {
        return Err(negative());
    }
    if !is_scalar {
        let dims = || lengths.iter().map(|length| length.dim());
        let sum = dims().fold(Dim::Exact(0), Dim::plus);
        if sum.exact().is_some() && !sum.agrees_with(dim) {
            return Err(OpError::Mismatch(format!("the lengths sum up to {sum}, the dimension is {dim}")));
        }
        let all = dims().reduce(Dim::join).unwrap_or(Dim::Exact(0));
        let all = if all == Dim::Unknown { part_of(dim) } else { all };
        return Ok((all, u64::try_from(lengths.len()).ok()));
    }
    match lengths.first().map(|length| length.dim()) {
        Some(Dim::Exact(0)) => {
            Err(OpError::Value { input: 1, problem: "the length of the parts is 0".into() })
        }
        Some(Dim::Exact(length)) => Ok(match dim.exact() {
            Some(n) if n.is_multiple_of(length) => (Dim::Exact(length), n.checked_div(length)),
            Some(n) => (Dim::AtMost(length.min(n)), Some(n.div_ceil(length))),
            None => (Dim::AtMost(length), None),
        }),
        _ => Ok((part_of(dim), None)),
    }
}

/// ConcatFromSequence: the elements one after the other along `axis`, or stacked along a new axis there.
///
/// Source: ONNX `ConcatFromSequence`, opset 11. Errors: [`OpError::Axis`], [`OpError::MissingAttribute`].
pub fn concat_from_sequence(node: &Node) -> Result<Vec<Type>, OpError> {
    let (element, length) = sequence(node, 0)?;
    let Some(tensor) = element.tensor() else { return Err(OpError::UnknownType(0)) };
    let axis = node.int("axis")?.ok_or(OpError::MissingAttribute("axis"))?;
    let length = length.map_or(Dim::Unknown, Dim::Exact);
    let Some(shape) = &tensor.shape else { return Ok(vec![element.clone()]) };
    let mut shape = shape.clone();
    if node.int_or("new_axis", 0)? != 0 {
        shape.insert(resolve_axis(axis, shape.len().saturating_add(1))?, length);
    } else {
        let axis = resolve_axis(axis, shape.len())?;
        if let Some(dim) = shape.get_mut(axis) {
            *dim = dim.times(length);
        }
    }
    Ok(vec![TensorType::new(tensor.element, shape).into()])
}

/// Optional: the input, or nothing of the attribute's `type`.
///
/// Source: ONNX `Optional`, opset 28. Errors: [`OpError::MissingAttribute`].
pub fn optional(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = match (node.input(0), node.any("type")) {
        (Some(operand), _) => operand.ty.clone(),
        (None, Some(Attribute::Type(ty))) => ty.clone(),
        (None, _) => return Err(OpError::MissingAttribute("type")),
    };
    Ok(vec![Type::Optional(Box::new(element))])
}

/// OptionalGetElement: what the optional holds; a tensor or sequence is itself.
///
/// Source: ONNX `OptionalGetElement`, opset 28.
pub fn optional_get(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![match node.ty(0)? {
        Type::Optional(element) => (**element).clone(),
        other => other.clone(),
    }])
}

/// OptionalHasElement: a scalar of bool.
///
/// Source: ONNX `OptionalHasElement`, opset 28.
pub fn optional_has(_: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![TensorType::exact(ElementType::Bool, &[]).into()])
}

/// False for an input left out, true for a tensor or sequence; whether an optional holds something is data.
pub fn optional_has_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let has = match node.input(0).map(|operand| operand.ty) {
        None => Some(false),
        Some(Type::Tensor(_) | Type::Sparse(_) | Type::Sequence(..) | Type::Map(..)) => Some(true),
        Some(Type::Optional(_) | Type::Unknown) => None,
    };
    Ok(vec![has.map(|has| vec![Scalar::Bool(has)])])
}

#[cfg(test)]
mod tests {
    use super::super::Bytes;
    use super::super::testing::op;
    use super::*;
    use Dim::{AtMost, Exact};
    use ElementType::{Float32, Int64};

    fn tensor(dims: &[Dim]) -> Type {
        TensorType::new(Float32, dims).into()
    }

    fn list(dims: &[Dim], length: Option<u64>) -> Type {
        Type::Sequence(Box::new(tensor(dims)), length)
    }

    #[test]
    fn sequences_know_their_length_and_what_their_elements_share() {
        let built = op("SequenceConstruct", 11).f32(&[2, 3]).f32(&[2, 5]);
        assert_eq!(built.ty(), list(&[Exact(2), AtMost(5)], Some(2)));
        let empty = op("SequenceEmpty", 11).attr("dtype", 7).ty();
        assert_eq!(empty, Type::Sequence(Box::new(TensorType::unranked(Int64).into()), Some(0)));
        let first = op("SequenceInsert", 11).typed(empty.clone()).f32(&[4]);
        assert_eq!(first.ty(), list(&[Exact(4)], Some(1)));
        let second = op("SequenceInsert", 11).typed(first.ty()).f32(&[4]).int(0);
        assert_eq!(second.ty(), list(&[Exact(4)], Some(2)));
        assert_eq!(second.moved().written, [Bytes::Part(16)]);
        assert_eq!(op("SequenceErase", 11).typed(second.ty()).ty(), first.ty());
        assert_eq!(op("SequenceAt", 11).typed(second.ty()).int(-1).ty(), tensor(&[Exact(4)]));
        assert_eq!(op("SequenceLength", 11).typed(second.ty()).elements(), Some(vec![Scalar::Int(2)]));
        assert!(op("SequenceErase", 11).typed(empty.clone()).types().is_err());
        assert!(op("SequenceAt", 11).typed(empty).int(0).types().is_err());
    }

    #[test]
    fn split_to_sequence_makes_parts_of_its_lengths() {
        let data = || op("SplitToSequence", 11).f32(&[7, 2]);
        assert_eq!(data().ty(), list(&[Exact(1), Exact(2)], Some(7)));
        assert_eq!(data().attr("keepdims", 0).ty(), list(&[Exact(2)], Some(7)));
        assert_eq!(data().int(3).ty(), list(&[AtMost(3), Exact(2)], Some(3)));
        assert_eq!(data().int(2).attr("axis", -1).ty(), list(&[Exact(7), Exact(2)], Some(1)));
        assert_eq!(data().ints(&[2, 5]).ty(), list(&[AtMost(5), Exact(2)], Some(2)));
        assert_eq!(data().input(Int64, &[3]).ty(), list(&[AtMost(7), Exact(2)], Some(3)));
        assert!(data().ints(&[2, 4]).types().is_err());
        assert!(data().int(0).types().is_err());
    }

    #[test]
    fn concat_from_sequence_multiplies_or_stacks() {
        let three = || op("ConcatFromSequence", 11).typed(list(&[Exact(2), Exact(4)], Some(3)));
        assert_eq!(three().attr("axis", 1).shape(), "2×12");
        assert_eq!(three().attr("axis", -1).attr("new_axis", 1).shape(), "2×4×3");
        assert_eq!(three().attr("axis", 0).moved().read, [Bytes::Part(3 * 2 * 4 * 4)]);
        let bounded = op("ConcatFromSequence", 11).typed(list(&[AtMost(2), Exact(4)], Some(3)));
        assert_eq!(bounded.attr("axis", 0).shape(), "≤6×4");
        let any = op("ConcatFromSequence", 11).typed(list(&[Exact(2)], None)).attr("axis", 0);
        assert_eq!(any.shape(), "?");
    }

    #[test]
    fn optionals_wrap_and_unwrap() {
        let wrapped = op("Optional", 15).f32(&[3]).ty();
        assert_eq!(wrapped, Type::Optional(Box::new(tensor(&[Exact(3)]))));
        let nothing = op("Optional", 15).attr("type", Attribute::Type(tensor(&[])));
        assert_eq!(nothing.ty(), Type::Optional(Box::new(tensor(&[]))));
        assert_eq!(op("OptionalGetElement", 15).typed(wrapped.clone()).shape(), "3");
        assert_eq!(op("OptionalGetElement", 18).f32(&[4]).shape(), "4");
        for (case, has) in [
            (op("OptionalHasElement", 18), Some(false)),
            (op("OptionalHasElement", 18).f32(&[4]), Some(true)),
            (op("OptionalHasElement", 15).typed(wrapped), None),
        ] {
            assert_eq!(case.elements(), has.map(|has| vec![Scalar::Bool(has)]));
        }
        assert!(op("Optional", 15).types().is_err());
    }
}
