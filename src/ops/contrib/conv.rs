//! Convolutions and poolings with something fused to them, in 8 bits, or with their channels last.

use super::activation;
use super::quantize::{DEQUANTIZE, QUANTIZE};
use super::twin::{nhwc, nhwc_form, nhwc_work};
use crate::ops::dims::{count, output_count, product};
use crate::ops::form::Form;
use crate::ops::{Counts, Node, OpError, conv, pool};
use crate::tensor::{Dim, TensorType, Type};

/// `Conv`, an addition of `Z` (input 3), and the activation.
pub fn fused_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    conv::conv_work(node, outputs)?.plus(after(node, outputs)?)
}

fn after(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let added = Counts::alu(u64::from(node.has_input(3)));
    added.plus(activation::fused(node)?)?.times(output_count(outputs, 0)?)
}

/// `Conv` of `X [N, D…, C]` by `W [M, C/group, K…]` to `Y [N, O…, M]`.
///
/// Source: ONNX Runtime `NhwcConv` and `NhwcFusedConv`, whose weights keep the layout of `Conv`.
pub fn channels_last(node: &Node) -> Result<Vec<Type>, OpError> {
    nhwc(node, conv::conv)
}

/// As [`fused_work`].
pub fn channels_last_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    nhwc_work(node, outputs, conv::conv_work)?.plus(after(node, outputs)?)
}

/// NhwcConv, NhwcFusedConv.
pub fn channels_last_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    nhwc_form(node, outputs, |node, outputs| conv::conv_form(node, outputs, counts))
}

fn last(node: &Node) -> Result<bool, OpError> {
    Ok(node.int_or("channels_last", 0)? != 0)
}

/// `QLinearConv`, in either layout.
pub fn quantized(node: &Node) -> Result<Vec<Type>, OpError> {
    if last(node)? { nhwc(node, conv::qlinear_conv) } else { conv::qlinear_conv(node) }
}

/// `QLinearConv`, in either layout.
pub fn quantized_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    if last(node)? {
        nhwc_work(node, outputs, conv::qlinear_conv_work)
    } else {
        conv::qlinear_conv_work(node, outputs)
    }
}

/// `QLinearConv`, in either layout.
pub fn quantized_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    if last(node)? {
        nhwc_form(node, outputs, |node, outputs| conv::qlinear_conv_form(node, outputs, counts))
    } else {
        conv::qlinear_conv_form(node, outputs, counts)
    }
}

/// `MaxPool` with its channels last.
pub fn max_pool(node: &Node) -> Result<Vec<Type>, OpError> {
    nhwc(node, pool::pool)
}

/// `MaxPool` with its channels last.
pub fn max_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    nhwc_work(node, outputs, pool::max_pool_work)
}

/// `AveragePool`, in either layout, of 8-bit elements.
pub fn average_pool(node: &Node) -> Result<Vec<Type>, OpError> {
    if last(node)? { nhwc(node, pool::pool) } else { pool::pool(node) }
}

/// `AveragePool` between dequantising every input and quantising every output.
pub fn average_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let pooled = if last(node)? {
        nhwc_work(node, outputs, pool::average_pool_work)?
    } else {
        pool::average_pool_work(node, outputs)?
    };
    // The twin counts sums of integers apart; here they are floating-point.
    Counts { alu: pooled.alu.saturating_add(pooled.int), int: 0, ..pooled }
        .plus(DEQUANTIZE.times(node.count(0)?)?)?
        .plus(QUANTIZE.times(output_count(outputs, 0)?)?)
        .map(Counts::by_formula)
}

/// `X [B, C, L…]` (or with the channels last) to itself, and in one spatial dimension the last
/// `(k - 1)·dilation` positions as state, `state_window` of them where that is positive.
///
/// Source: ONNX Runtime `CausalConvWithState`.
pub fn causal(node: &Node) -> Result<Vec<Type>, OpError> {
    let same = node.ty(0)?.clone();
    let ([batch, first, second], [_, _, kernel]) = (node.shape(0)?, node.shape(1)?) else {
        return Ok(vec![same, Type::Unknown]);
    };
    let dilation = u64::try_from(node.int_or("dilation", 1)?).unwrap_or(1);
    let reach = kernel.map(|k| k.checked_sub(1)?.checked_mul(dilation));
    let mut state = if last(node)? { vec![*batch, reach, *second] } else { vec![*batch, *first, reach] };
    if let Ok(window @ 1..) = u64::try_from(node.int_or("state_window", 0)?) {
        state.insert(0, Dim::Exact(window));
    }
    Ok(vec![same, TensorType::new(node.element(0)?, state).into()])
}

/// A multiply-accumulate for each tap of the kernel, a bias (input 2) and the activation of each element.
pub fn causal_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    depthwise(node, outputs, 2)
}

/// As [`causal_work`], the bias in input 3.
pub fn varlen_causal_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    depthwise(node, outputs, 3)
}

fn depthwise(node: &Node, outputs: &[Type], bias: usize) -> Result<Counts, OpError> {
    let elements = output_count(outputs, 0)?;
    let taps = count(node.shape(1)?.get(2..).unwrap_or(&[]), "the kernel")?;
    let each = Counts::alu(u64::from(node.has_input(bias))).plus(activation::fused(node)?)?;
    Counts::macs(product(&[elements, taps])?, node.element(0)?, node.element(1)?).plus(each.times(elements)?)
}

/// A depthwise convolution along one axis.
pub fn causal_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let ([batch, a, b], [_, _, kernel]) = (node.dims(0)?, node.dims(1)?);
    let (channels, length) = if last(node)? { (b, a) } else { (a, b) };
    let dilation = u64::try_from(node.int_or("dilation", 1)?).unwrap_or(1);
    conv::depthwise([batch, channels, length, kernel], dilation)
}

/// A depthwise convolution along the tokens `[tokens, C]`.
pub fn varlen_causal_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let ([tokens, channels], [_, _, kernel]) = (node.dims(0)?, node.dims(1)?);
    conv::depthwise([Dim::Exact(1), channels, tokens, kernel], 1)
}

/// Tokens of all sequences `[tokens, C]` to themselves, and the state of each (input 4).
pub fn varlen_causal(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(0)?.clone(), node.ty(4)?.clone()])
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Int8, Uint8};

    #[test]
    fn a_fused_convolution_adds_and_activates() {
        let case = microsoft("FusedConv").f32(&[1, 8, 6, 6]).f32(&[4, 8, 3, 3]).f32(&[4]).f32(&[1, 4, 4, 4]);
        let case = case.attr("activation", "Relu");
        assert_eq!(case.shape(), "1×4×4×4");
        // Bias, Z and activation.
        assert_eq!((case.counts().macs, case.counts().alu), (64 * 72, 64 * 3));
    }

    #[test]
    fn channels_may_come_last() {
        let case = microsoft("NhwcConv").f32(&[1, 6, 5, 8]).f32(&[4, 8, 3, 3]);
        assert_eq!((case.shape(), case.counts().macs), ("1×4×3×4".into(), 48 * 72));
        let quantized = microsoft("QLinearConv")
            .input(Uint8, &[1, 6, 5, 8])
            .f32(&[])
            .input(Uint8, &[])
            .input(Int8, &[4, 8, 3, 3])
            .f32(&[])
            .input(Int8, &[])
            .f32(&[])
            .input(Uint8, &[])
            .attr("channels_last", 1);
        assert_eq!((quantized.shape(), quantized.counts().macs), ("1×4×3×4".into(), 48 * 72));
        let pool = microsoft("NhwcMaxPool").input(Uint8, &[1, 6, 6, 8]).attr("kernel_shape", &[2, 2]);
        assert_eq!(pool.attr("strides", &[2, 2]).shape(), "1×3×3×8");
    }

    #[test]
    fn a_quantized_pool_averages_floats() {
        let case = microsoft("QLinearAveragePool").input(Uint8, &[1, 8, 4, 4]).f32(&[]).none().f32(&[]);
        let case = case.attr("kernel_shape", &[2, 2]).attr("strides", &[2, 2]);
        assert_eq!(case.shape(), "1×8×2×2");
        // Two for each input; three sums, round and shift, two quotients for each output.
        assert_eq!((case.counts().alu, case.counts().div), (2 * 128 + 32 * (3 + 2), 32 * 2));
    }

    #[test]
    fn a_causal_convolution_keeps_what_its_kernel_reaches_back() {
        let case =
            microsoft("CausalConvWithState").f32(&[2, 8, 5]).f32(&[8, 1, 4]).attr("activation", "silu");
        assert_eq!(case.shapes(), ["2×8×5", "2×8×3"]);
        assert_eq!((case.counts().macs, case.counts().alu), (80 * 4, 80 * 3));
        let last = microsoft("CausalConvWithState").f32(&[2, 5, 8]).f32(&[8, 1, 4]).attr("channels_last", 1);
        assert_eq!(last.attr("dilation", 2).shapes(), ["2×5×8", "2×6×8"]);
    }
}
