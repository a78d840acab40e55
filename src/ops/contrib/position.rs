//! Position biases, rotations with something fused to them, and padding.

use crate::ops::dims::{count, output_count, output_shape, product};
use crate::ops::form::{Form, Rows};
use crate::ops::norm::scaled_rms;
use crate::ops::traffic::looked_up;
use crate::ops::{Counts, Moved, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// A table `[buckets, H]` to the biases `[1, H, S, T]` of the lengths in inputs 1 and 2.
pub fn relative(node: &Node) -> Result<Vec<Type>, OpError> {
    let [_, heads] = node.dims(0)?;
    let length = |input| node.scalar(input).dim();
    let shape = vec![Dim::Exact(1), heads, length(1), length(2)];
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// The bucket of each pair of positions: about five integer operations and a logarithm.
pub fn relative_work(_: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let pairs = output_shape(outputs, 0)?.get(2..).unwrap_or(&[]);
    Counts { int: 5, trans: 1, ..Counts::ZERO }.times(count(pairs, "the positions")?).map(Counts::by_formula)
}

/// Queries `[B, S, H·d]`, or tokens without padding and their offsets `[B, S]` (input 6), to `[B, H, S, S]`.
pub fn gated_relative(node: &Node) -> Result<Vec<Type>, OpError> {
    let heads = Dim::Exact(node.positive("num_heads")?);
    let [batch, tokens] = match *node.shape(0)? {
        [batch, tokens, _] => [batch, tokens],
        _ => node.dims(6)?,
    };
    Ok(vec![TensorType::new(node.element(0)?, vec![batch, heads, tokens, tokens]).into()])
}

/// The bias of the queries, a product with `W [d, D]` for each head, the sum of both halves, two sigmoids and
/// three operations a gate, and a multiplication for each bias.
pub fn gated_relative_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let queries = node.count(0)?;
    let [size, width] = node.dims(3)?;
    let (size, width) = (count(&[size], "the weights")?, count(&[width], "the weights")?);
    let gates = queries.checked_div(size).unwrap_or(0);
    let sums = product(&[gates, width])?;
    let gate = Counts { alu: 2 * 2 + 3, div: 2, trans: 2, ..Counts::ZERO };
    Counts::macs(product(&[sums, size])?, node.element(0)?, node.element(3)?)
        .plus(Counts::alu(2).times(sums)?)?
        .plus(Counts::alu(queries))?
        .plus(gate.times(gates)?)?
        .plus(Counts::alu(output_count(outputs, 0)?))
        .map(Counts::by_formula)
}

/// Two tensors of the shapes of `q` (input 1) and `k` (input 3).
pub fn gemma(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(1)?.clone(), node.ty(3)?.clone()])
}

/// A sine and a cosine for each angle, and three operations for each element.
pub fn gemma_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(1)?.checked_add(node.count(3)?).ok_or(OpError::Overflow)?;
    Counts::trans(2).times(node.count(0)?)?.plus(Counts::alu(3).times(elements)?)
}

/// The part of each head that is normalised and rotated.
fn width(node: &Node) -> Result<([Dim; 4], Dim), OpError> {
    let shape: [Dim; 4] = node.dims(0)?;
    let width = match u64::try_from(node.int_or("input_width", 0)?) {
        Ok(width @ 1..) => Dim::Exact(width),
        _ => shape[3],
    };
    Ok((shape, width))
}

/// `X [B, S, H, stride]` to `[B, S, H·width]` in bfloat16 or float16, and the normalised heads in float32.
pub fn normalized_rotary(node: &Node) -> Result<Vec<Type>, OpError> {
    let ([batch, tokens, heads, _], width) = width(node)?;
    let half = node.int_or("output_fp16", 0)? != 0;
    let element = if half { ElementType::Float16 } else { ElementType::Bfloat16 };
    let flat = node.int_or("flatten_batch", 0)? != 0;
    let rows = if flat { [Dim::Exact(1), batch.times(tokens)] } else { [batch, tokens] };
    Ok(vec![
        TensorType::new(element, vec![rows[0], rows[1], heads.times(width)]).into(),
        TensorType::new(ElementType::Float32, vec![batch, tokens, heads, width]).into(),
    ])
}

/// RMS normalisation of each head, and three operations for each element that turns.
pub fn normalized_rotary_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let ([batch, tokens, heads, _], width) = width(node)?;
    let vectors = count(&[batch, tokens, heads], "the heads")?;
    let turning = product(&[vectors, node.positive("rotary_embedding_dim")?])?;
    scaled_rms(product(&[vectors, count(&[width], "a head")?])?, vectors)?
        .plus(Counts::alu(3).times(turning)?)
}

/// RMSNormRotary: each head is a row.
pub fn normalized_rotary_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let ([batch, tokens, heads, _], width) = width(node)?;
    let (rows, cols) = (count(&[batch, tokens, heads], "the heads")?, count(&[width], "a head")?);
    Ok(Form::Normalize(Rows { rows, cols, contiguous: true }))
}

/// Of cosines and sines (inputs 3 and 4), a row for each token.
pub fn normalized_rotary_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    let [batch, tokens, _, _] = node.dims(0)?;
    looked_up(node, &[3, 4], count(&[batch, tokens], "the sequences")?)
}

/// `[B, S, D]` to the real tokens `[≤ B·S, D]`, their offsets, cumulated lengths, and the longest.
pub fn unpadded(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batch, tokens, hidden] = node.dims(0)?;
    let real = batch.times(tokens).bound().map_or(Dim::Unknown, Dim::AtMost);
    let index = ElementType::Int32;
    Ok(vec![
        TensorType::new(node.element(0)?, vec![real, hidden]).into(),
        TensorType::new(index, vec![batch, tokens]).into(),
        TensorType::new(index, vec![batch.plus(Dim::Exact(1))]).into(),
        TensorType::exact(index, &[1]).into(),
    ])
}

/// Real tokens `[n, D]` and offsets `[B, S]` to `[B, S, D]`.
pub fn padded(node: &Node) -> Result<Vec<Type>, OpError> {
    let [_, hidden] = node.dims(0)?;
    let [batch, tokens] = node.dims(1)?;
    Ok(vec![TensorType::new(node.element(0)?, vec![batch, tokens, hidden]).into()])
}

/// Rows of a table `[N, M]` (input 0) for each index (input 1).
pub fn embedding(node: &Node) -> Result<Vec<Type>, OpError> {
    let [_, width] = node.dims(0)?;
    let mut shape = node.shape(1)?.to_vec();
    shape.push(width);
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// The rows that the indices touch.
pub fn embedding_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    looked_up(node, &[0], node.count(1)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::Bytes;
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Bfloat16, Float32, Int32, Int64};

    #[test]
    fn relative_biases_have_a_row_for_each_query() {
        assert_eq!(microsoft("RelativePositionBias").f32(&[32, 8]).ints(&[5]).ints(&[5]).shape(), "1×8×5×5");
        let gated = microsoft("GatedRelativePositionBias")
            .f32(&[2, 5, 32])
            .f32(&[32])
            .f32(&[1, 4, 5, 5])
            .f32(&[8, 6])
            .f32(&[6])
            .f32(&[1, 4, 1, 1])
            .attr("num_heads", 4);
        assert_eq!((gated.shape(), gated.counts().macs), ("2×4×5×5".into(), 2 * 5 * 4 * 8 * 6));
    }

    #[test]
    fn padding_goes_and_comes_back() {
        let packed = microsoft("RemovePadding").f32(&[2, 5, 8]).input(Int32, &[2]);
        assert_eq!(packed.shapes(), ["≤10×8", "2×5", "3", "1"]);
        assert_eq!(microsoft("RestorePadding").f32(&[7, 8]).input(Int32, &[2, 5]).shape(), "2×5×8");
    }

    #[test]
    fn heads_are_normalized_before_they_turn() {
        let case = microsoft("RMSNormRotary")
            .input(Bfloat16, &[2, 5, 4, 8])
            .f32(&[8])
            .input(Int64, &[2, 5])
            .f32(&[100, 2])
            .f32(&[100, 2])
            .attr("rotary_embedding_dim", 4);
        assert_eq!(case.shapes(), ["2×5×32", "2×5×4×8"]);
        assert_eq!(case.types().unwrap()[1].tensor().unwrap().element, Float32);
        assert_eq!(case.counts().alu, 40 * 8 * 4 + 40 * 4 * 3);
        assert_eq!(case.moved().read[3], Bytes::Part(10 * 8));
    }
}
