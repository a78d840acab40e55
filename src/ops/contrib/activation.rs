//! Activations, alone and fused into other operators.

use super::twin;
use crate::ops::dims::{divided, output_count, resolve_place};
use crate::ops::elementwise::{GELU, HARD_SWISH, SIGMOID, SILU, SOFTPLUS, TANH_GELU, with_mask};
use crate::ops::form::{Form, Rows};
use crate::ops::norm::SOFTMAX;
use crate::ops::{Counts, Node, OpError, broadcast, rnn};
use crate::tensor::{ElementType, Type};

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
        "hardswish" => Ok(HARD_SWISH),
        "gelu" => Ok(GELU),
        "fastgelu" | "gelu_tanh" => Ok(TANH_GELU),
        "quickgelu" => Ok(QUICK_GELU),
        "silu" | "swish" => Ok(SILU),
        _ => rnn::activation(name),
    }
}

/// The shape of the first operand with a bias (input 1) broadcast on it.
pub fn biased(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of(node, [0, 1], node.element(0)?)?])
}

/// [`TANH_GELU`], and an addition where there is a bias (input 1).
pub fn fast_gelu_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    TANH_GELU.plus(Counts::alu(u64::from(node.has_input(1))))?.times(output_count(outputs, 0)?)
}

/// BiasSoftmax: rows from `axis` on.
pub fn bias_softmax_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let start = resolve_place(node.int_or("axis", 1)?, shape.len())?;
    Ok(Form::Softmax(Rows::new(shape, |at| at >= start)?))
}

/// `X [N, S, D]` to `Y [N, S, D/2]`: one half gates the other. Also `SwiGLU`.
pub fn halved(node: &Node) -> Result<Vec<Type>, OpError> {
    let (_, last) = node.split_last(0)?;
    Ok(vec![twin::with_last(node, divided(last, 2, "the last dimension")?)?])
}

/// The bias on both halves, [`GELU`] of one, and the product.
pub fn split_gelu_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let gate = GELU.plus(Counts::alu(1))?.times(output_count(outputs, 0)?)?;
    gate.plus(Counts::alu(node.count(0)?))
}

/// `Softmax` of `x + bias`.
pub const BIAS_SOFTMAX: Counts = Counts { alu: 1 + SOFTMAX.alu, ..SOFTMAX };
/// `X + bias + skip`.
pub const BIAS_ADD: Counts = Counts::alu(2);

/// The data, and a mask of its shape.
pub fn dropped(node: &Node) -> Result<Vec<Type>, OpError> {
    with_mask(node, ElementType::Bool)
}

/// The data alone: the mask is packed to bits in words, of a length that is the kernel's.
pub fn dropped_to_bits(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(0)?.clone()])
}

/// Outside training, the sum of data, bias (input 1) and residual (input 2).
pub fn bias_dropout_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    Counts::alu(1 + u64::from(node.has_input(2))).times(output_count(outputs, 0)?)
}

/// The gate (input 0) of the up projection (input 1), or both halves in input 0.
pub fn swiglu(node: &Node) -> Result<Vec<Type>, OpError> {
    if node.has_input(1) { Ok(vec![node.ty(0)?.clone()]) } else { halved(node) }
}

/// SiLU and a product; a multiplication for `activation_alpha`, an addition for `activation_beta`, three
/// comparisons for `limit`, where they do anything.
pub fn swiglu_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let more = u64::from(node.float_or("activation_alpha", 1.0)? != 1.0)
        + u64::from(node.float_or("activation_beta", 0.0)? != 0.0)
        + 3 * u64::from(node.float_or("limit", 0.0)? > 0.0);
    SILU.plus(Counts::alu(1 + more))?.times(output_count(outputs, 0)?)
}

/// `X + gate·Y`; the gate of a row may be the sigmoid of a product with `gate_weight` (input 3).
pub fn gated_add_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let sum = Counts::alu(2).times(output_count(outputs, 0)?)?;
    if !node.has_input(3) {
        return Ok(sum);
    }
    let gate = node.count(2)?;
    let rows = gate.checked_div(node.count(3)?).unwrap_or(0);
    Counts::macs(gate, node.element(2)?, node.element(3)?).plus(SIGMOID.times(rows)?)?.plus(sum)
}

/// The decay, of `a`'s shape, and beta, of `b`'s (input 3).
pub fn attention_gate(node: &Node) -> Result<Vec<Type>, OpError> {
    let beta = if node.has_input(3) { node.ty(3)?.clone() } else { Type::Unknown };
    Ok(vec![node.ty(0)?.clone(), beta])
}

/// `scale·softplus(a + bias)`, and the sigmoid of `b`.
pub fn attention_gate_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let decay = SOFTPLUS.plus(Counts::alu(2))?.times(node.count(0)?)?;
    if node.has_input(3) { decay.plus(SIGMOID.times(node.count(3)?)?) } else { Ok(decay) }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{microsoft, op_of};

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
        let case = microsoft("BiasSplitGelu").f32(&[2, 3, 8]).f32(&[8]);
        assert_eq!(case.shape(), "2×3×4");
        // 48 biases; 24 times gelu and a product.
        assert_eq!((case.counts().alu, case.counts().trans), (48 + 24 * 5, 24));
        assert!(microsoft("BiasSplitGelu").f32(&[2, 3, 7]).f32(&[7]).types().is_err());
    }
}
