//! Layout and ranges: what differs from the operator of ai.onnx in its operands only.

use crate::ops::dims::resolve_axis;
use crate::ops::{Node, OpError, Operand, generate, reshape, select};
use crate::tensor::{Dim, Elements, Scalar, Shape, TensorType, Type};

/// `Range` by a rule of ai.onnx, with the step 1 where it is left out (input 2).
fn with_step<T>(node: &Node, rule: impl FnOnce(&Node) -> Result<T, OpError>) -> Result<T, OpError> {
    if node.has_input(2) {
        return rule(node);
    }
    let element = node.element(0)?;
    let one = [if element.is_float() { Scalar::Float(1.0) } else { Scalar::Int(1) }];
    let ty = TensorType::exact(element, &[]).into();
    let step = Operand { ty: &ty, elements: Some(&one), constant: true };
    rule(&Node { inputs: &[node.input(0), node.input(1), Some(step)], ..*node })
}

/// `Range`.
pub fn range(node: &Node) -> Result<Vec<Type>, OpError> {
    with_step(node, generate::range)
}

/// The numbers of a small [`range`].
pub fn range_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    with_step(node, |node| generate::range_value(node, outputs))
}

/// `Unique` without the places of the first occurrences.
pub fn unique(node: &Node) -> Result<Vec<Type>, OpError> {
    let [values, _, inverse, counts] = select::unique(node)?;
    Ok(vec![values, inverse, counts])
}

/// `Unsqueeze` at an axis that is an input, as that of ai.onnx is since opset 13.
pub fn expand_dims(node: &Node) -> Result<Vec<Type>, OpError> {
    reshape::unsqueeze(&Node { version: 13, ..*node })
}

/// `X [.., D, ..]` to all its slices of `size` elements along the dimension `dim`, `step` apart:
/// `[.., (D - size) / step + 1, .., size]`.
pub fn unfold(node: &Node) -> Result<Vec<Type>, OpError> {
    let size = node.positive("size")?;
    let step = if node.any("step").is_some() { node.positive("step")? } else { 1 };
    let mut shape: Shape = node.shape(0)?.to_vec();
    let axis = resolve_axis(node.int_or("dim", -1)?, shape.len())?;
    if let Some(dim) = shape.get_mut(axis) {
        if dim.bound().is_some_and(|all| all < size) {
            return Err(OpError::Mismatch(format!("slices of {size} elements of a dimension of {dim}")));
        }
        *dim = dim.map(|all| all.checked_sub(size)?.checked_div(step)?.checked_add(1));
    }
    shape.push(Dim::Exact(size));
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Float16, Int32};
    use crate::tensor::Scalar::{Float, Int};

    #[test]
    fn a_range_steps_by_one_unless_it_says_otherwise() {
        let ints = microsoft("Range").int(2).int(5);
        assert_eq!((ints.shape(), ints.elements()), ("3".into(), Some([2, 3, 4].map(Int).into())));
        let floats = microsoft("Range").floats(&[0.0]).floats(&[1.5]);
        assert_eq!(floats.elements(), Some([0.0, 1.0].map(Float).into()));
        assert_eq!(microsoft("Range").int(0).int(9).int(4).elements(), Some([0, 4, 8].map(Int).into()));
    }

    #[test]
    fn unique_elements_come_with_their_places_and_numbers() {
        // [2, 1, 1, 3, 4, 3] of the schema has four unique elements.
        assert_eq!(microsoft("Unique").f32(&[6]).shapes(), ["≤6", "6", "≤6"]);
    }

    #[test]
    fn a_dimension_is_inserted_at_an_axis() {
        let case = |axis| microsoft("ExpandDims").f32(&[2, 3]).value(Int32, &[], &[Int(axis)]);
        assert_eq!((case(0).shape(), case(-1).shape()), ("1×2×3".into(), "2×3×1".into()));
        assert_eq!(
            microsoft("ExpandDims").ints(&[7]).value(Int32, &[], &[Int(0)]).elements(),
            Some(vec![Int(7)])
        );
    }

    #[test]
    fn slices_of_a_dimension_are_laid_out_behind_it() {
        // (10 - 4) / 3 + 1 slices.
        let case = microsoft("UnfoldTensor").input(Float16, &[2, 10, 5]).attr("size", 4).attr("step", 3);
        assert_eq!(case.attr("dim", 1).shape(), "2×3×5×4");
        assert!(microsoft("UnfoldTensor").f32(&[3]).attr("size", 4).types().is_err());
    }

    #[test]
    fn pads_are_an_input_of_rank_one_or_two() {
        let pads = [0, 2, 0, 0].map(Int);
        let case = microsoft("Pad").f32(&[3, 2]).value(crate::tensor::ElementType::Int64, &[1, 4], &pads);
        assert_eq!(case.shape(), "3×4");
    }

    #[test]
    fn slices_are_gathered_by_index_tuples() {
        let indices = [0, 0, 1, 1].map(Int);
        let case = microsoft("GatherND").value(Int32, &[2, 2], &[0, 1, 2, 3].map(Int)).value(
            Int32,
            &[2, 2],
            &indices,
        );
        assert_eq!(case.elements(), Some([0, 3].map(Int).into()));
    }
}
