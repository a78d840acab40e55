//! Operators of the layouts that ONNX Runtime brings a model into before it runs: com.microsoft.nchwc, whose channels lie
//! in blocks, and com.ms.internal.nhwc, whose channels are last. They are in files that the runtime has optimised.
//!
//! Shapes of NCHWc are those of NCHW with the channels filled up to whole blocks; those of NHWC are given as they lie.
//!
//! Source: ONNX Runtime 1.32, `core/graph/contrib_ops/nchwc_schema_defs.cc` and `internal_nhwc_onnx_schemas.cc`.

use super::activation;
use super::twin::nhwc_work;
use crate::ops::dims::output_count;
use crate::ops::{Attribute, Counts, Node, OpError};
use crate::tensor::{Dim, Shape, TensorType, Type};

/// The most channels of a block: 16 with AVX-512, 8 with most other processors.
const BLOCK: u64 = 16;

/// `X [N, C, D…]`, or with `channels_last` `[N, D…, C]`, to `[N, C', D…]` of whole blocks.
///
/// How long a block is depends on the machine that optimised the model: channels that fill no block of 16 are bounded.
pub fn into_blocks(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut shape = two_or_more(node)?;
    if node.int_or("channels_last", 0)? != 0 {
        shape.get_mut(1..).unwrap_or_default().rotate_right(1);
    }
    if let Some(channels) = shape.get_mut(1) {
        *channels = match *channels {
            Dim::Exact(whole) if whole % BLOCK == 0 => Dim::Exact(whole),
            channels => channels
                .bound()
                .and_then(|most| most.checked_next_multiple_of(BLOCK))
                .map_or(Dim::Unknown, Dim::AtMost),
        };
    }
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// `X [N, C', D…]` of whole blocks to `[N, channels, D…]`, or with `channels_last` to `[N, D…, channels]`.
pub fn out_of_blocks(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut shape = two_or_more(node)?;
    let channels = Dim::Exact(node.positive("channels")?);
    if let Some(blocks) = shape.get_mut(1) {
        *blocks = channels;
    }
    if node.int_or("channels_last", 0)? != 0 {
        shape.get_mut(1..).unwrap_or_default().rotate_left(1);
    }
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// The first operand's dimensions: a batch and channels at least.
fn two_or_more(node: &Node) -> Result<Shape, OpError> {
    let shape = node.shape(0)?;
    if shape.len() < 2 {
        return Err(OpError::Rank { input: 0, expected: "at least 2", found: shape.len() });
    }
    Ok(shape.to_vec())
}

/// `X` with each axis so many times as long as the attribute `scales` says.
pub fn upsample(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = node.shape(0)?;
    let scales: &[i64] = match node.any("scales") {
        Some(Attribute::Ints(scales)) => scales,
        _ => return Err(OpError::MissingAttribute("scales")),
    };
    let factors: Option<Vec<u64>> = scales.iter().map(|scale| u64::try_from(*scale).ok()).collect();
    let factors = factors.filter(|factors| factors.len() == shape.len() && !factors.contains(&0));
    let factors = factors.ok_or_else(|| OpError::Attribute {
        name: "scales",
        problem: format!("is not a list of {} positive numbers", shape.len()),
    })?;
    let longer = shape.iter().zip(factors).map(|(dim, factor)| dim.times(Dim::Exact(factor)));
    Ok(vec![TensorType::new(node.element(0)?, longer.collect::<Shape>()).into()])
}

/// Work by a rule for channels in the second place, and the activation that is fused to a node whose channels are last.
///
/// # Errors
/// Those of the rule, and an activation that no fused operator has.
pub fn activated(
    node: &Node,
    outputs: &[Type],
    rule: impl FnOnce(&Node, &[Type]) -> Result<Counts, OpError>,
) -> Result<Counts, OpError> {
    nhwc_work(node, outputs, rule)?.plus(activation::fused(node)?.times(output_count(outputs, 0)?)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Case, op, op_of};
    use crate::tensor::Dim::{AtMost, Exact};
    use crate::tensor::ElementType::Float32;

    fn blocked(operator: &'static str) -> Case {
        op_of("com.microsoft.nchwc", operator, 1)
    }

    fn last(operator: &'static str) -> Case {
        op_of("com.ms.internal.nhwc", operator, 17)
    }

    #[test]
    fn channels_fill_whole_blocks_and_come_out_as_they_were() {
        assert_eq!(blocked("ReorderInput").f32(&[1, 32, 7, 5]).shape(), "1×32×7×5");
        assert_eq!(blocked("ReorderInput").f32(&[1, 7, 5, 32]).attr("channels_last", 1).shape(), "1×32×7×5");
        assert_eq!(blocked("ReorderInput").f32(&[1, 20, 7, 5]).shape(), "1×≤32×7×5");
        let inside = || blocked("ReorderOutput").f32(&[1, 24, 7, 5]).attr("channels", 20);
        assert_eq!(inside().shape(), "1×20×7×5");
        assert_eq!(inside().attr("channels_last", 1).shape(), "1×7×5×20");
        assert!(blocked("ReorderOutput").f32(&[1, 24, 7, 5]).types().is_err());
        assert!(blocked("ReorderInput").f32(&[8]).types().is_err());
        assert_eq!(
            blocked("Upsample").f32(&[1, 16, 3, 4]).attr("scales", &[1, 1, 2, 3]).shape(),
            "1×16×6×12"
        );
        assert!(blocked("Upsample").f32(&[1, 16, 3, 4]).attr("scales", &[1, 1, 2]).types().is_err());
    }

    #[test]
    fn a_blocked_convolution_is_one_with_a_sum_and_an_activation() {
        let dims = [Exact(1), AtMost(32), Exact(6), Exact(6)];
        let case = blocked("Conv").dims(Float32, &dims).f32(&[48, 24, 3, 3]).f32(&[48]);
        let case = case.f32(&[1, 48, 4, 4]).attr("activation", "Relu");
        assert_eq!(case.shape(), "1×48×4×4");
        let counts = case.counts();
        // 768 outputs, each of 24·9 weights; the bias, the sum, the activation.
        assert_eq!((counts.macs, counts.alu), (768 * 216, 768 * 3));
    }

    #[test]
    fn what_has_its_channels_last_costs_what_its_twin_costs() {
        let twin = op("Conv", 17).f32(&[2, 3, 9, 7]).f32(&[8, 3, 3, 3]).f32(&[8]).attr("strides", &[2, 1]);
        let case = last("Conv").f32(&[2, 9, 7, 3]).f32(&[8, 3, 3, 3]).f32(&[8]).attr("strides", &[2, 1]);
        assert_eq!((twin.shape(), case.shape()), ("2×8×4×5".into(), "2×4×5×8".into()));
        assert_eq!(case.counts(), twin.counts());
        assert_eq!(case.attr("activation", "Relu").counts().alu, twin.counts().alu + 2 * 8 * 4 * 5);
        for (operator, twin, case) in [
            ("MaxPool", vec![2, 3, 9, 7], vec![2, 9, 7, 3]),
            ("AveragePool", vec![2, 3, 9, 7], vec![2, 9, 7, 3]),
            ("LpPool", vec![2, 3, 9, 7], vec![2, 9, 7, 3]),
        ] {
            let pool = |case: Case, dims: &[u64]| case.f32(dims).attr("kernel_shape", &[3, 2]);
            let (twin, case) = (pool(op(operator, 17), &twin), pool(last(operator), &case));
            assert_eq!((twin.shape(), case.shape()), ("2×3×7×6".into(), "2×7×6×3".into()), "{operator}");
            assert_eq!(case.counts(), twin.counts(), "{operator}");
        }
        let moved = last("DepthToSpace").f32(&[1, 2, 3, 16]).attr("blocksize", 2);
        assert_eq!(moved.shape(), "1×4×6×4");
        let normal = last("BatchNormalization").f32(&[2, 5, 5, 4]).f32(&[4]).f32(&[4]).f32(&[4]).f32(&[4]);
        assert_eq!((normal.shape(), normal.counts().alu), ("2×5×5×4".into(), 2 * 200));
        let global = last("GlobalAveragePool").f32(&[2, 5, 5, 4]);
        assert_eq!((global.shape(), global.counts().alu), ("2×1×1×4".into(), 200 - 8));
    }

    #[test]
    fn a_quantised_transposed_convolution_costs_each_weight_once_an_input() {
        use crate::tensor::ElementType::{Int32, Uint8};
        let case = last("QLinearConvTranspose").input(Uint8, &[1, 5, 5, 4]).f32(&[]).input(Uint8, &[]);
        let case = case.input(Uint8, &[4, 6, 3, 3]).f32(&[]).input(Uint8, &[]).f32(&[]).input(Uint8, &[]);
        let case = case.input(Int32, &[6]);
        assert_eq!(case.shape(), "1×7×7×6");
        let counts = case.counts();
        assert_eq!((counts.macs, counts.alu), (100 * 6 * 9, 7 * 7 * 6 * 2));
    }
}
