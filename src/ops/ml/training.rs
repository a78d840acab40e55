//! The optimisers of ai.onnx.preview.training: one update of tensors that come with their gradients.

use crate::ops::dims::count;
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{TensorType, Type};

/// Where tensors begin: after the learning rate and the count of updates.
const FIRST: usize = 2;

/// The tensors of an optimiser, which come in `groups` lists of the same length: values, gradients, and
/// one or two accumulators.
fn optimized(node: &Node, groups: usize) -> Result<usize, OpError> {
    let tensors = node.inputs.len().saturating_sub(FIRST);
    if tensors == 0 || !tensors.is_multiple_of(groups) {
        return Err(OpError::Mismatch(format!("{tensors} tensors are no {groups} lists of the same length")));
    }
    Ok(tensors / groups)
}

/// New values and new accumulators: every list but that of the gradients.
fn updated(node: &Node, groups: usize) -> Result<Vec<Type>, OpError> {
    let each = optimized(node, groups)?;
    let kept = (FIRST..node.inputs.len()).filter(|input| !(FIRST + each..FIRST + 2 * each).contains(input));
    kept.map(|input| Ok(TensorType::clone(node.tensor(input)?).into())).collect()
}

fn update_work(node: &Node, groups: usize, each: Counts) -> Result<Counts, OpError> {
    let tensors = optimized(node, groups)?;
    let mut elements = 0u64;
    for input in FIRST..FIRST + tensors {
        elements = elements.checked_add(count(node.shape(input)?, "a tensor")?).ok_or(OpError::Overflow)?;
    }
    each.times(elements).map(Counts::by_formula)
}

/// Values, gradients, squared gradients.
pub fn adagrad(node: &Node) -> Result<Vec<Type>, OpError> {
    updated(node, 3)
}

/// Norm, sum of squares, step: five operations; a root and a quotient.
pub fn adagrad_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    update_work(node, 3, Counts { alu: 5, div: 2, ..Counts::ZERO })
}

/// Values, gradients, momenta, squared gradients.
pub fn adam(node: &Node) -> Result<Vec<Type>, OpError> {
    updated(node, 4)
}

/// Two running means, norm, step: eight operations; a root and a quotient.
pub fn adam_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    update_work(node, 4, Counts { alu: 8, div: 2, ..Counts::ZERO })
}

/// Values, gradients, momenta.
pub fn momentum(node: &Node) -> Result<Vec<Type>, OpError> {
    updated(node, 3)
}

/// Norm, momentum and step: five operations.
pub fn momentum_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    update_work(node, 3, Counts::alu(5))
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::op_of;

    #[test]
    fn an_optimizer_gives_values_and_accumulators_without_gradients() {
        let adam = op_of("ai.onnx.preview.training", "Adam", 1).f32(&[]).int(1);
        let adam = (0..4).fold(adam, |case, _| case.f32(&[3]).f32(&[2, 2]));
        assert_eq!(adam.shapes(), ["3", "2×2", "3", "2×2", "3", "2×2"]);
        assert_eq!((adam.counts().alu, adam.counts().div), (7 * 8, 7 * 2));
        let odd = op_of("ai.onnx.preview.training", "Momentum", 1).f32(&[]).int(1).f32(&[3]).f32(&[3]);
        assert!(odd.types().is_err());
    }
}
