//! A node seen as its twin in ai.onnx: the same attributes, other operands.

use crate::ops::form::Form;
use crate::ops::{Counts, Node, OpError, Operand};
use crate::tensor::{Dim, ElementType, Shape, TensorType, Type};

/// The node with those of its inputs, in that order.
pub fn with_inputs<T>(node: &Node, inputs: &[usize], rule: impl FnOnce(&Node) -> T) -> T {
    let operands: Vec<_> = inputs.iter().map(|input| node.input(*input)).collect();
    rule(&Node { inputs: &operands, ..*node })
}

/// The node with tensors of these types in place of its first inputs, and the others as they are.
pub fn with_types<T>(node: &Node, types: &[Type], rule: impl FnOnce(&Node) -> T) -> T {
    let replaced = types.iter().map(|ty| Some(Operand { ty, elements: None, constant: false }));
    let operands: Vec<_> = replaced.chain(node.inputs.iter().skip(types.len()).copied()).collect();
    rule(&Node { inputs: &operands, ..*node })
}

/// The type of the first input, `[.., K]`, with another last dimension.
pub fn with_last(node: &Node, last: Dim) -> Result<Type, OpError> {
    let (outer, _) = node.split_last(0)?;
    let shape: Shape = outer.iter().copied().chain([last]).collect();
    Ok(TensorType::new(node.element(0)?, shape).into())
}

/// The types that a rule gives, all of another element type.
pub fn in_type(types: Vec<Type>, element: ElementType) -> Vec<Type> {
    let shape = |ty: &Type| ty.tensor().and_then(|tensor| tensor.shape.clone());
    types.iter().map(|ty| TensorType { element, shape: shape(ty) }.into()).collect()
}

/// The type `[N, D…, C]` with its channels second, `[N, C, D…]`.
fn channels_second(ty: &Type) -> Type {
    rotated(ty, |inner| inner.rotate_right(1))
}

/// The type `[N, C, D…]` with its channels last.
fn channels_last(ty: &Type) -> Type {
    rotated(ty, |inner| inner.rotate_left(1))
}

fn rotated(ty: &Type, rotate: impl FnOnce(&mut [Dim])) -> Type {
    let mut ty = ty.clone();
    if let Type::Tensor(TensorType { shape: Some(shape), .. }) = &mut ty
        && shape.len() > 1
        && let Some(inner) = shape.get_mut(1..)
    {
        rotate(inner);
    }
    ty
}

/// Output types by a rule for channels in the second place, of a node whose channels are last.
///
/// # Errors
/// Those of the rule.
pub fn nhwc(
    node: &Node,
    rule: impl FnOnce(&Node) -> Result<Vec<Type>, OpError>,
) -> Result<Vec<Type>, OpError> {
    let types = with_types(node, &[channels_second(node.ty(0)?)], rule)?;
    Ok(types.iter().map(channels_last).collect())
}

/// Work by a rule for channels in the second place, of a node whose channels are last.
///
/// # Errors
/// Those of the rule.
pub fn nhwc_work(
    node: &Node,
    outputs: &[Type],
    rule: impl FnOnce(&Node, &[Type]) -> Result<Counts, OpError>,
) -> Result<Counts, OpError> {
    let outputs: Vec<Type> = outputs.iter().map(channels_second).collect();
    with_types(node, &[channels_second(node.ty(0)?)], |node| rule(node, &outputs))
}

/// The form by a rule for channels in the second place, of a node whose channels are last.
///
/// # Errors
/// Those of the rule.
pub fn nhwc_form(
    node: &Node,
    outputs: &[Type],
    rule: impl FnOnce(&Node, &[Type]) -> Result<Form, OpError>,
) -> Result<Form, OpError> {
    let outputs: Vec<Type> = outputs.iter().map(channels_second).collect();
    let form = with_types(node, &[channels_second(node.ty(0)?)], |node| rule(node, &outputs))?;
    Ok(match form {
        Form::Conv(mut conv) => {
            conv.channels_last = true;
            Form::Conv(conv)
        }
        form => form,
    })
}
