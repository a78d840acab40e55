//! Residual streams (hyper-connections): taken together before a block, mixed again after it.

use super::activation::QUICK_GELU;
use super::twin::with_last;
use crate::ops::dims::{count, divided, product};
use crate::ops::elementwise::SIGMOID;
use crate::ops::norm::scaled_rms;
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, TensorType, Type};

/// Streams `[.., C, H]`, or `[.., C·H]` of `num_branches`, summed to `[.., H]`.
pub fn reduced_streams(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut shape = node.shape(0)?.to_vec();
    let found = shape.len();
    let last = shape.pop().ok_or(OpError::Rank { input: 0, expected: "at least 1", found })?;
    let width = match u64::try_from(node.int_or("num_branches", 0)?) {
        Ok(branches @ 1..) => divided(last, branches, "the width of the streams")?,
        _ => {
            shape.pop().ok_or(OpError::Rank { input: 0, expected: "at least 2", found })?;
            last
        }
    };
    shape.push(width);
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// For each element of the streams `[.., C, H]` a gate and a sum, and with a matrix `[.., C, C]` (input 3) a
/// multiply-accumulate for each of the `C` streams.
pub fn mixed_streams_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    let gated = Counts::alu(2).times(elements)?;
    if !node.has_input(3) {
        return Ok(gated);
    }
    let (_, streams) = node.split_last(3)?;
    let macs = product(&[elements, count(&[streams], "the streams")?])?;
    Counts::macs(macs, node.element(3)?, node.element(0)?).plus(gated)
}

/// Streams a token (C) and elements of a stream (H) of `[.., C·H]`.
fn streams(node: &Node) -> Result<(u64, Dim), OpError> {
    let branches = node.positive("num_branches")?;
    Ok((branches, divided(node.split_last(0)?.1, branches, "the width of the streams")?))
}

/// Streams `[.., C·H]` to the input of the next block `[.., H]`, its gate `[.., C]`, and the streams.
pub fn low_rank_mixed(node: &Node) -> Result<Vec<Type>, OpError> {
    let (branches, width) = streams(node)?;
    Ok(vec![with_last(node, width)?, with_last(node, Dim::Exact(branches))?, node.ty(0)?.clone()])
}

/// RMS normalisation of each stream; products with `[C·H, R]`, `[R, C·H]` and `[C·H, C]`; the scaled SiLU between
/// the first two and the sigmoid after the second; the gated sum of the streams and its scale; the sigmoid, quotient
/// and product of the gate; and the gated sum of a branch, where there is one (input 5).
pub fn low_rank_mixed_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (branches, width) = streams(node)?;
    let width = count(&[width], "a stream")?;
    let tokens = count(node.split_last(0)?.0, "the tokens")?;
    let [_, rank] = node.dims(2)?;
    let rank = count(&[rank], "the gate network")?;
    let streams = product(&[tokens, branches])?;
    let elements = product(&[streams, width])?;
    let reach = rank.checked_mul(2).and_then(|both| both.checked_add(branches)).ok_or(OpError::Overflow)?;
    let each = SIGMOID.plus(Counts::alu(2 + 2 * node.given(&[5])))?;
    scaled_rms(elements, streams)?
        .plus(Counts::macs(product(&[elements, reach])?, node.element(0)?, node.element(2)?))?
        .plus(QUICK_GELU.times(product(&[tokens, rank])?)?)?
        .plus(each.times(elements)?)?
        .plus(Counts::alu(1).times(product(&[tokens, width])?)?)?
        .plus(SIGMOID.plus(Counts { alu: 1, div: 1, ..Counts::ZERO })?.times(streams)?)
}

/// The gated value of each stream, in the shape of the keys, and normalised.
pub fn engram_gate(node: &Node) -> Result<Vec<Type>, OpError> {
    let ty = node.ty(0)?;
    Ok(vec![ty.clone(), ty.clone()])
}

/// RMS normalisation of keys and queries `[.., C, H]`, their dot product, its signed root and sigmoid, and a product with
/// the value; with a second output its normalisation.
pub fn engram_gate_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    let (vectors, _) = node.split_last(0)?;
    let vectors = count(vectors, "the streams")?;
    let gate = SIGMOID.plus(Counts { alu: 3, div: 2, ..Counts::ZERO })?;
    let mut counts = scaled_rms(elements, vectors)?
        .times(2)?
        .plus(Counts::alu(3).times(elements)?)?
        .plus(gate.times(vectors)?)?;
    if node.has_output(1) {
        counts = counts.plus(scaled_rms(elements, vectors)?)?;
    }
    Ok(counts.by_formula())
}

#[cfg(test)]
mod tests {
    use crate::ops::Counts;
    use crate::ops::testing::microsoft;

    #[test]
    fn streams_are_summed_to_one() {
        assert_eq!(microsoft("HyperConnectionPreMix").f32(&[2, 5, 4, 8]).f32(&[2, 5, 4]).shape(), "2×5×8");
        let flat = microsoft("HyperConnectionPreMix").f32(&[2, 5, 32]).f32(&[2, 5, 4]);
        assert_eq!(flat.attr("num_branches", 4).shape(), "2×5×8");
    }

    #[test]
    fn streams_are_mixed_by_a_matrix_and_take_in_a_branch() {
        // Two tokens of 4 streams of 8.
        let case = || microsoft("HyperConnectionPostMix").f32(&[2, 4, 8]).f32(&[2, 8]).f32(&[2, 4]);
        assert_eq!((case().shape(), case().counts()), ("2×4×8".into(), Counts::alu(2 * 64)));
        assert_eq!(case().f32(&[2, 4, 4]).counts().macs, 64 * 4);
    }

    #[test]
    fn a_low_rank_network_gates_each_stream() {
        // Three tokens of 2 streams of 4, rank 5: 24 elements.
        let case = microsoft("HyperConnectionLowRankMix")
            .f32(&[3, 8])
            .f32(&[8])
            .f32(&[8, 5])
            .f32(&[5, 8])
            .f32(&[8, 2]);
        let case = case.attr("num_branches", 2);
        assert_eq!(case.shapes(), ["3×4", "3×2", "3×8"]);
        let counts = case.counts();
        assert_eq!(counts.macs, 3 * (8 * 5 + 5 * 8 + 8 * 2));
        // The norm; a sigmoid, a product and a sum of each element; the hidden units; the scale; the gate.
        assert_eq!(counts.alu, 24 * 4 + 24 * (2 + 2) + 15 * 4 + 12 + 6 * 3);
        assert_eq!(counts.trans, 24 + 15 + 6);
    }
}
