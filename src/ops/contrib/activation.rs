//! Activations, alone and fused into other operators.

use crate::ops::node::{broadcast, divided, input_count, output_count};
use crate::ops::{Counts, Node, OpError, rnn};
use crate::tensor::{TensorType, Type};

/// `x·Φ(x)` by erf: one erf, one addition, three multiplications.
pub const GELU: Counts = Counts { alu: 4, trans: 1, ..Counts::ZERO };
/// `0.5·x·(1 + tanh(a·x + b·x³))`.
pub const FAST_GELU: Counts = Counts { alu: 8, trans: 1, ..Counts::ZERO };
/// `1 / (1 + exp(-x))`.
pub const SIGMOID: Counts = Counts { alu: 2, div: 1, trans: 1, ..Counts::ZERO };
/// `x·sigmoid(x)`.
pub const SILU: Counts = Counts { alu: 3, ..SIGMOID };
/// `x·sigmoid(alpha·x)`.
pub const QUICK_GELU: Counts = Counts { alu: 4, ..SIGMOID };
/// [`GELU`] of `x + bias`.
pub const BIAS_GELU: Counts = Counts { alu: 5, ..GELU };
/// A product of complex numbers, for each of its two elements: four multiplications and two additions a pair.
pub const COMPLEX_PRODUCT: Counts = Counts::alu(3);

/// Work on one element of the activation that the attribute `activation` names: none, if it is left out.
///
/// # Errors
/// [`OpError::Attribute`] for a name that no fused operator has.
pub fn fused(node: &Node) -> Result<Counts, OpError> {
    named(node.str_or("activation", "")?)
}

/// Work on one element of an activation function.
///
/// # Errors
/// [`OpError::Attribute`] for a name that no fused operator has.
pub fn named(name: &str) -> Result<Counts, OpError> {
    match name.to_ascii_lowercase().as_str() {
        "" | "none" | "identity" => Ok(Counts::ZERO),
        "clip" | "relu2" | "relu_squared" => Ok(Counts::alu(2)),
        "hardswish" => Ok(Counts::alu(5)),
        "gelu" => Ok(GELU),
        "fastgelu" | "gelu_tanh" => Ok(FAST_GELU),
        "quickgelu" => Ok(QUICK_GELU),
        "silu" | "swish" => Ok(SILU),
        _ => rnn::activation(name),
    }
}

/// The shape of the first operand with a bias (input 1) broadcast on it.
pub fn biased(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = broadcast(&[node.shape(0)?, node.shape(1)?])?;
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// [`FAST_GELU`], and an addition where there is a bias (input 1).
pub fn fast_gelu_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    FAST_GELU.plus(Counts::alu(u64::from(node.has_input(1))))?.times(output_count(outputs, 0)?)
}

/// `X [N, S, D]` to `Y [N, S, D/2]`: one half gates the other. Also `SwiGLU`.
pub fn halved(node: &Node) -> Result<Vec<Type>, OpError> {
    let Some((last, outer)) = node.shape(0)?.split_last() else {
        return Err(OpError::Rank { input: 0, expected: "at least 1", found: 0 });
    };
    let mut shape = outer.to_vec();
    shape.push(divided(*last, 2, "the last dimension")?);
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// The bias on both halves, [`GELU`] of one, and the product.
pub fn split_gelu_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let gate = GELU.plus(Counts::alu(1))?.times(output_count(outputs, 0)?)?;
    gate.plus(Counts::alu(input_count(node, 0)?))
}

/// Softmax of `x + bias`: maximum, difference, sum, exponential, quotient, and the addition.
pub const BIAS_SOFTMAX: Counts = Counts { alu: 4, div: 1, trans: 1, ..Counts::ZERO };

/// The inference form of a fused dropout: the sum of data, bias (input 1) and residual (input 2); the
/// mask (output 1) has the data's shape.
pub fn bias_dropout_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    Counts::alu(1 + u64::from(node.has_input(2))).times(output_count(outputs, 0)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::op_of;

    #[test]
    fn activations_cost_what_their_formulas_say() {
        // alu, div, trans an element
        for (operator, bias, expected) in [
            ("Gelu", false, (4, 0, 1)),
            ("QuickGelu", false, (4, 1, 1)),
            ("FastGelu", false, (8, 0, 1)),
            ("FastGelu", true, (9, 0, 1)),
            ("BiasGelu", true, (5, 0, 1)),
        ] {
            let case = op_of("com.microsoft", operator, 1).f32(&[2, 3]);
            let case = if bias { case.f32(&[3]) } else { case };
            assert_eq!(case.shape(), "2×3");
            let counts = case.counts();
            assert_eq!((counts.alu / 6, counts.div / 6, counts.trans / 6), expected, "{operator}");
        }
    }

    #[test]
    fn one_half_gates_the_other() {
        let case = op_of("com.microsoft", "BiasSplitGelu", 1).f32(&[2, 3, 8]).f32(&[8]);
        assert_eq!(case.shape(), "2×3×4");
        // 48 biases; 24 times gelu and a product.
        assert_eq!((case.counts().alu, case.counts().trans), (48 + 24 * 5, 24));
        assert!(op_of("com.microsoft", "BiasSplitGelu", 1).f32(&[2, 3, 7]).f32(&[7]).types().is_err());
    }
}
