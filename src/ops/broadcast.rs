//! Operators over operands of several shapes: the shape they make together, and their small values.

use std::borrow::Cow;

use super::dims::{agree, resolve_axis};
use super::{Node, OpError, small_tensor};
use crate::tensor::{Dim, ElementType, Elements, MAX_ELEMENTS, Scalar, Shape, TensorType, Type};

/// The shape of an element-wise operator over operands of these shapes (ONNX multidirectional broadcasting).
///
/// # Errors
/// [`OpError::Mismatch`] where two known dimensions differ and neither is 1.
pub fn broadcast(shapes: &[&[Dim]]) -> Result<Shape, OpError> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    (0..rank)
        .map(|position| {
            let dims = shapes.iter().filter_map(|shape| {
                let missing = rank - shape.len();
                position.checked_sub(missing).and_then(|index| shape.get(index)).copied()
            });
            dims.clone().try_fold(Dim::Exact(1), broadcast_dim).map_err(|(a, b)| {
                OpError::Mismatch(format!("dimensions {a} and {b} cannot be broadcast together"))
            })
        })
        .collect()
}

/// One dimension of a broadcast; the pair that disagrees if there is one.
fn broadcast_dim(a: Dim, b: Dim) -> Result<Dim, (Dim, Dim)> {
    match (a, b) {
        (Dim::Exact(1), other) | (other, Dim::Exact(1)) => Ok(other),
        (Dim::Exact(m), Dim::Exact(n)) => {
            if m == n {
                Ok(a)
            } else {
                Err((a, b))
            }
        }
        // A dimension that depends on data and meets a known one other than 1 must be that or 1.
        (Dim::Exact(n), _) | (_, Dim::Exact(n)) => Ok(Dim::Exact(n)),
        _ => Ok(a.join(b)),
    }
}

/// A tensor of that element type, of the shape that all inputs broadcast to.
///
/// Unranked where the rank of an input is not known. Errors: [`OpError::Mismatch`] where shapes do not fit.
pub fn of_inputs(node: &Node, element: ElementType) -> Result<Type, OpError> {
    of(node, 0..node.inputs.len(), element)
}

/// As [`of_inputs`], of the inputs at these positions.
pub fn of(
    node: &Node,
    positions: impl IntoIterator<Item = usize>,
    element: ElementType,
) -> Result<Type, OpError> {
    let mut shapes = Vec::new();
    for position in positions {
        match operand_shape(node, position)? {
            Some(shape) => shapes.push(shape),
            None => return Ok(TensorType::unranked(element).into()),
        }
    }
    let shapes: Vec<&[Dim]> = shapes.iter().map(|shape| &**shape).collect();
    Ok(TensorType::new(element, broadcast(&shapes)?).into())
}

/// Whether a shape broadcasts to another one: it may lack dimensions, but adds none.
///
/// Errors: [`OpError::Mismatch`] where the shapes do not broadcast at all.
pub fn fits_onto(shape: &[Dim], onto: &[Dim]) -> Result<bool, OpError> {
    Ok(agree(&broadcast(&[onto, shape])?, onto))
}

/// That every further input broadcasts to the first one, as [`fits_onto`].
///
/// Errors: [`OpError::Mismatch`].
pub fn onto_first(node: &Node) -> Result<(), OpError> {
    let Some(first) = &node.tensor(0)?.shape else { return Ok(()) };
    for (input, operand) in node.inputs.iter().enumerate().skip(1) {
        let tensor = operand.as_ref().and_then(|operand| operand.ty.tensor());
        let Some(shape) = tensor.and_then(|tensor| tensor.shape.as_deref()) else { continue };
        if !fits_onto(shape, first)? {
            return Err(OpError::Mismatch(format!("input {input} does not broadcast to input 0")));
        }
    }
    Ok(())
}

/// The element type of the inputs from a position on, which must be the same.
pub fn common_element(node: &Node, from: usize) -> Result<ElementType, OpError> {
    let element = node.element(from)?;
    for position in from..node.inputs.len() {
        let other = node.element(position)?;
        if other != element {
            return Err(OpError::Mismatch(format!(
                "inputs {from} and {position} have different element types: {element} and {other}"
            )));
        }
    }
    Ok(element)
}

/// The shape of an input as it takes part in broadcasting; `None` where the rank is not known.
///
/// Before opset 7, `axis` says which dimension of the first operand the second one starts at.
fn operand_shape<'a>(node: &Node<'a>, position: usize) -> Result<Option<Cow<'a, [Dim]>>, OpError> {
    let Some(shape) = node.tensor(position)?.shape.as_deref() else { return Ok(None) };
    let axis = if node.version < 7 && position == 1 { node.int("axis")? } else { None };
    let Some(axis) = axis else { return Ok(Some(Cow::Borrowed(shape))) };
    let rank = node.shape(0)?.len();
    let trailing = rank
        .checked_sub(resolve_axis(axis, rank)?)
        .and_then(|from_axis| from_axis.checked_sub(shape.len()))
        .ok_or(OpError::Axis { axis, rank })?;
    let mut aligned = shape.to_vec();
    aligned.extend(std::iter::repeat_n(Dim::Exact(1), trailing));
    Ok(Some(Cow::Owned(aligned)))
}

/// Where the elements of a tensor lie when it is broadcast to a larger shape.
pub struct Broadcast {
    /// Size and stride of every dimension of the larger shape that is not 1, innermost first.
    axes: Vec<(usize, usize)>,
}

impl Broadcast {
    /// From one shape to another of at least its rank; `None` where they do not fit.
    pub fn new(from: &[usize], to: &[usize]) -> Option<Self> {
        let missing = to.len().checked_sub(from.len())?;
        let mut stride = 1usize;
        let mut axes = vec![];
        for (position, size) in to.iter().enumerate().rev() {
            let own = position.checked_sub(missing).map_or(Some(1), |index| from.get(index).copied())?;
            if own != 1 && own != *size {
                return None;
            }
            if *size != 1 {
                axes.push((*size, if own == 1 { 0 } else { stride }));
            }
            stride = stride.checked_mul(own.max(1))?;
        }
        Some(Self { axes })
    }

    /// Position of the element that stands at `index` (row-major) of the larger shape.
    pub fn source(&self, index: usize) -> usize {
        let mut rest = index;
        let mut offset = 0usize;
        for (size, stride) in &self.axes {
            offset = offset.saturating_add((rest % size.max(&1)).saturating_mul(*stride));
            rest /= size.max(&1);
        }
        offset
    }
}

/// The first output of an element-wise operator: `f` of the elements that stand at the same place.
///
/// An input whose value is not known takes part with unknown elements. `None` if nothing comes to be known.
pub fn evaluate(
    node: &Node,
    outputs: &[Type],
    f: impl Fn(&[Scalar]) -> Scalar,
) -> Result<Vec<Option<Elements>>, OpError> {
    let mut operands = Vec::with_capacity(node.inputs.len());
    for position in 0..node.inputs.len() {
        operands.push((operand_shape(node, position)?, node.elements(position)));
    }
    Ok(vec![broadcast_elements(&operands, outputs, f)])
}

/// The first output of an operator that repeats the elements of its first input.
pub fn repeat(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let operand = (Some(Cow::Borrowed(node.shape(0)?)), node.elements(0));
    let only = |row: &[Scalar]| row.first().copied().unwrap_or(Scalar::Unknown);
    Ok(vec![broadcast_elements(&[operand], outputs, only)])
}

/// The shape that an operand takes part with, and its elements, where they are known.
type Operand<'a> = (Option<Cow<'a, [Dim]>>, Option<&'a [Scalar]>);

fn broadcast_elements(
    operands: &[Operand],
    outputs: &[Type],
    f: impl Fn(&[Scalar]) -> Scalar,
) -> Option<Elements> {
    let dims = small_tensor::output_sizes(outputs, 0)?;
    let count: usize = dims.iter().product();
    // What decides a shape has few operands; this bounds the time that a hostile model can take.
    let few = operands.len().checked_mul(count)? <= usize::try_from(MAX_ELEMENTS).ok()?.checked_mul(8)?;
    if !few || operands.iter().all(|(_, elements)| elements.is_none()) {
        return None;
    }
    let operands: Vec<_> = operands
        .iter()
        .map(|(shape, elements)| {
            Some((Broadcast::new(&small_tensor::sizes(shape.as_deref()?)?, &dims)?, *elements))
        })
        .collect::<Option<_>>()?;
    let mut row = Vec::with_capacity(operands.len());
    let result = (0..count).map(|index| {
        row.clear();
        row.extend(operands.iter().map(|(broadcast, elements)| {
            elements.and_then(|all| all.get(broadcast.source(index))).copied().unwrap_or(Scalar::Unknown)
        }));
        f(&row)
    });
    small_tensor::known(result.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_lie_where_their_own_dimensions_say() {
        let column = Broadcast::new(&[2, 1], &[3, 2, 2]).unwrap();
        assert_eq!((0..12).map(|index| column.source(index)).collect::<Vec<_>>(), [0, 0, 1, 1].repeat(3));
        let row = Broadcast::new(&[2], &[2, 2]).unwrap();
        assert_eq!((0..4).map(|index| row.source(index)).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert!(Broadcast::new(&[3], &[2]).is_none());
    }
}
