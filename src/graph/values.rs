//! The small values that flow: which are computed, and which are not worth it.

use crate::ops::{Costed, Node, Values};
use crate::tensor::{ElementType, Elements, MAX_ELEMENTS, Scalar, Type};

/// The most elements of a type whose values flow.
///
/// Shapes are made of integers, masks of booleans; a larger floating-point tensor is a weight.
fn most_elements(element: ElementType) -> u64 {
    const MOST_FLOATS: u64 = 64;
    if element.is_float() { MOST_FLOATS } else { MAX_ELEMENTS }
}

/// Whether a node makes more floating-point numbers than scales of a shape are, from some that are not known: a
/// bias is added, say. What would be known of them decides no shape.
fn is_arithmetic_on_activations(node: &Node, types: &[Type]) -> bool {
    const MOST_SCALES: u64 = 16;
    let many = |ty: &Type| {
        ty.tensor().is_some_and(|tensor| {
            tensor.element.is_float() && tensor.elements().exact().is_some_and(|n| n > MOST_SCALES)
        })
    };
    types.iter().any(many) && node.inputs.iter().flatten().any(|operand| operand.elements.is_none())
}

/// The elements of a node's outputs, where all of them are small and the operator computes them.
pub fn values(node: &Node, rules: &Costed, types: &[Type]) -> Vec<Option<Elements>> {
    let Values::Computed(rule) = rules.value else { return vec![] };
    let small = |ty: &Type| match ty.tensor() {
        Some(tensor) => tensor.elements().exact().is_some_and(|n| n <= most_elements(tensor.element)),
        None => false,
    };
    if !types.iter().all(small) || is_arithmetic_on_activations(node, types) {
        return vec![];
    }
    // A value that a rule cannot compute is not known; whether the node is valid, its shape rule says.
    let mut elements = rule(node, types).unwrap_or_default();
    for (output, ty) in types.iter().enumerate() {
        let expected = ty.tensor().and_then(|tensor| tensor.elements().exact());
        let useful = |found: &Elements| {
            Some(found.len() as u64) == expected
                && (found.is_empty() || found.iter().any(|scalar| *scalar != Scalar::Unknown))
        };
        if let Some(slot) = elements.get_mut(output)
            && !slot.as_ref().is_some_and(useful)
        {
            *slot = None;
        }
    }
    elements
}
