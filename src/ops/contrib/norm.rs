//! Normalisations with residuals, embeddings, gates or activations fused to them.

use super::activation;
use crate::ops::dims::{count, divided, output_count, product, resolve_axis};
use crate::ops::elementwise::SILU;
use crate::ops::form::{Form, Rows};
use crate::ops::norm::{scaled_rms, standardize};
use crate::ops::traffic::looked_up;
use crate::ops::{Counts, Moved, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// Layer normalisation with its scale, and so many additions an element before or after it.
fn layer(elements: u64, groups: u64, additions: u64) -> Result<Counts, OpError> {
    standardize(elements, groups)?.plus(Counts::alu(1 + additions).times(elements)?)
}

/// Elements and rows of the first input.
fn size(node: &Node) -> Result<(u64, u64), OpError> {
    Ok((node.count(0)?, count(node.split_last(0)?.0, "the rows of an input")?))
}

/// `X [.., H]` to itself, the mean and inverse deviation of each row in float32, and the sum of input and
/// skip.
pub fn skip(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut row = node.split_last(0)?.0.to_vec();
    row.push(Dim::Exact(1));
    let statistics = TensorType::new(ElementType::Float32, row);
    let same = node.ty(0)?.clone();
    Ok(vec![same.clone(), statistics.clone().into(), statistics.into(), same])
}

/// [`layer`] of `X + skip + bias` (inputs 1 and 4), and an addition of beta (input 3).
pub fn skip_layer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (elements, rows) = size(node)?;
    layer(elements, rows, 1 + node.given(&[3, 4]))
}

/// [`scaled_rms`] of `X + skip + bias` (inputs 1 and 3).
pub fn skip_rms_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (elements, rows) = size(node)?;
    scaled_rms(elements, rows)?.plus(Counts::alu(1 + node.given(&[3])).times(elements)?)
}

/// `X` to itself, and the inverse root of each row's mean square. The axis is the last in every model met.
///
/// Source: ONNX Runtime `SimplifiedLayerNormalization`, registered under ai.onnx.
pub fn simplified(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = node.shape(0)?;
    let axis = resolve_axis(node.int_or("axis", -1)?, shape.len())?;
    let row = shape.iter().enumerate().map(|(at, dim)| if at < axis { *dim } else { Dim::Exact(1) });
    let statistics = TensorType::new(ElementType::Float32, row.collect::<Vec<_>>());
    Ok(vec![node.ty(0)?.clone(), statistics.into()])
}

/// [`scaled_rms`] over the axes from `axis` on.
pub fn simplified_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let shape = node.shape(0)?;
    let axis = resolve_axis(node.int_or("axis", -1)?, shape.len())?;
    scaled_rms(count(shape, "an input")?, count(shape.get(..axis).unwrap_or(&[]), "the groups")?)
}

/// Word identifiers `[B, S]` to `[B, S, H]`, the mask index `[B]`, and the sum of the embeddings.
pub fn embed(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batch, tokens] = node.dims(0)?;
    let [_, hidden] = node.dims(2)?;
    // The embeddings of `QEmbedLayerNormalization` are bytes, scaled by input 8 of the output's type.
    let table = node.element(2)?;
    let element = if table.is_float() { table } else { node.element(8)? };
    let embedded: Type = TensorType::new(element, vec![batch, tokens, hidden]).into();
    let index = TensorType::new(ElementType::Int32, vec![batch]).into();
    Ok(vec![embedded.clone(), index, embedded])
}

/// The sum of two or three embeddings (input 4), [`layer`], and beta.
pub fn embed_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let elements = output_count(outputs, 0)?;
    layer(elements, node.count(0)?, 2 + node.given(&[4]))
}

/// [`embed_work`] of bytes that are scaled first, two operations an element of each table.
pub fn quantized_embed_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let elements = output_count(outputs, 0)?;
    let scaled = Counts::alu(2).times(2 + node.given(&[4]))?.times(elements)?;
    embed_work(node, outputs)?.plus(scaled)
}

/// Of each table (inputs 2, 3 and 4), a row for each token.
pub fn embed_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    looked_up(node, &[2, 3, 4], node.count(0)?)
}

/// [`layer`] by groups of channels, beta, and SiLU where `activation` is 1.
fn group(node: &Node) -> Result<Counts, OpError> {
    let shape = node.shape(0)?;
    let groups = node.positive("groups")?;
    let channel = if node.int_or("channels_last", 1)? == 0 { shape.get(1) } else { shape.last() };
    divided(channel.copied().unwrap_or(Dim::Unknown), groups, "the number of channels")?;
    let elements = count(shape, "an input")?;
    let batch = shape.first().copied().unwrap_or(Dim::Exact(1));
    let after = if node.int_or("activation", 0)? == 1 { SILU } else { Counts::ZERO };
    layer(elements, count(&[batch.times(Dim::Exact(groups))], "the groups")?, 1)?.plus(after.times(elements)?)
}

/// GroupNorm, SkipGroupNorm: groups of channels, apart in memory where the channels are last.
pub fn group_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let batch = count(node.shape(0)?.get(..1).unwrap_or(&[]), "the batch")?;
    let rows = product(&[batch, node.positive("groups")?])?;
    let contiguous = node.int_or("channels_last", 1)? == 0;
    Ok(Form::Normalize(Rows { contiguous, ..Rows::of(node.count(0)?, rows) }))
}

/// Group normalisation with beta and an optional SiLU.
pub fn group_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    group(node)
}

/// `X` to itself, and the sum of `X`, skip and bias.
pub fn skip_group(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(0)?.clone(); 2])
}

/// [`group_work`] of `X + skip + bias` (inputs 3 and 4).
pub fn skip_group_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    group(node)?.plus(Counts::alu(1 + node.given(&[4])).times(node.count(0)?)?)
}

/// [`scaled_rms`] of groups as long as the scale (input 1), times an activated gate.
pub fn gated_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    let groups = elements.checked_div(node.count(1)?).unwrap_or(0);
    let gate = activation::named(node.str_or("activation", "silu")?)?.plus(Counts::alu(1))?;
    scaled_rms(elements, groups)?.plus(gate.times(elements)?)
}

/// Rows as long as the scale (input 1).
pub fn gated_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let elements = node.count(0)?;
    Ok(Form::Normalize(Rows::of(elements, elements.checked_div(node.count(1)?).unwrap_or(0))))
}

/// [`scaled_rms`] of each branch: rows of the last dimension, or `num_branches` a row.
pub fn branchwise_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (elements, rows) = branches(node)?;
    scaled_rms(elements, rows)
}

/// Elements and rows of all branches.
fn branches(node: &Node) -> Result<(u64, u64), OpError> {
    let (elements, rows) = size(node)?;
    let branches = u64::try_from(node.int_or("num_branches", 0)?).unwrap_or(0).max(1);
    Ok((elements, rows.checked_mul(branches).ok_or(OpError::Overflow)?))
}

/// BranchwiseRMSNorm: the rows of each branch.
pub fn branchwise_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let (elements, rows) = branches(node)?;
    Ok(Form::Normalize(Rows::of(elements, rows)))
}

/// [`layer`] of bytes: scaled before, and divided, rounded and clipped after.
pub fn quantized_layer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (elements, rows) = size(node)?;
    let each = Counts { alu: 1 + 2 + node.given(&[3]), div: 1, int: 2, ..Counts::ZERO };
    layer(elements, rows, 0)?.plus(each.times(elements)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::Bytes;
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Float16, Float32, Int32};

    #[test]
    fn a_residual_adds_before_the_norm() {
        let x = 2 * 5 * 8;
        let case = microsoft("SkipLayerNormalization")
            .input(Float16, &[2, 5, 8])
            .input(Float16, &[2, 5, 8])
            .input(Float16, &[8])
            .input(Float16, &[8]);
        assert_eq!(case.shapes(), ["2×5×8", "2×5×1", "2×5×1", "2×5×8"]);
        assert_eq!(case.types().unwrap()[1].tensor().unwrap().element, Float32);
        // Five of the norm, scale, beta, skip.
        assert_eq!((case.counts().alu, case.counts().div), (8 * x, 3 * 10));
        let bias = case.input(Float16, &[8]);
        assert_eq!(bias.counts().alu, 9 * x);

        let simplified =
            microsoft("SkipSimplifiedLayerNormalization").f32(&[2, 5, 8]).f32(&[2, 5, 8]).f32(&[8]);
        // Three of the norm, scale, skip.
        assert_eq!((simplified.counts().alu, simplified.counts().div), (5 * x, 2 * 10));
    }

    #[test]
    fn embeddings_are_gathered_summed_and_normalized() {
        let case = microsoft("EmbedLayerNormalization")
            .input(Int32, &[2, 5])
            .input(Int32, &[2, 5])
            .f32(&[1000, 8])
            .f32(&[512, 8])
            .f32(&[2, 8])
            .f32(&[8])
            .f32(&[8]);
        assert_eq!(case.shapes(), ["2×5×8", "2", "2×5×8"]);
        // Two sums of three embeddings, five of the norm, scale and beta.
        assert_eq!(case.counts().alu, 80 * (2 + 5 + 2));
        assert_eq!(case.moved().read[2..], [Bytes::Part(10 * 32), Bytes::Part(10 * 32), Bytes::Part(2 * 32)]);
    }

    #[test]
    fn groups_of_channels_normalize_together() {
        let case = || {
            microsoft("GroupNorm")
                .f32(&[2, 4, 4, 6])
                .f32(&[6])
                .f32(&[6])
                .attr("groups", 3)
                .attr("activation", 1)
        };
        // Five of the norm, scale, beta, and SiLU: two of the sigmoid and the product.
        assert_eq!((case().counts().alu, case().counts().div), (192 * (7 + 3), 192 + 3 * 6));
        let skip = microsoft("SkipGroupNorm").f32(&[2, 4, 4, 6]).f32(&[6]).f32(&[6]).f32(&[2, 6]);
        let skip = skip.attr("groups", 3).attr("activation", 0);
        assert_eq!(skip.shapes(), ["2×4×4×6", "2×4×4×6"]);
        assert_eq!(skip.counts().alu, 192 * 8);
    }
}
