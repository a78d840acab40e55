//! Matrix products and look-ups whose weights are packed into bytes, several elements in one.
//!
//! The products are counted as if the weights were plain; unpacking them is not part of the count,
//! as a fused kernel does it in passing.

use super::activation;
use super::twin::with_last;
use crate::ops::dims::{count, output_count, product, resolve_axis};
use crate::ops::form::{self, Form, MatMul, Right};
use crate::ops::norm::scaled_rms;
use crate::ops::traffic::looked_up;
use crate::ops::{Counts, Moved, Node, OpError};
use crate::tensor::{Dim, ElementType, Shape, TensorType, Type};

/// The element type for that many bits, or the next wider one: what arithmetic on the weights is filed under.
fn element_of_bits(bits: u64) -> ElementType {
    match bits {
        0..=2 => ElementType::Uint2,
        3..=4 => ElementType::Uint4,
        _ => ElementType::Uint8,
    }
}

/// The bits of a weight: attribute `name`, 4 by default.
fn bits(node: &Node, name: &'static str) -> Result<u64, OpError> {
    let bits = node.int_or(name, 4)?;
    u64::try_from(bits)
        .ok()
        .filter(|bits| (1..=8).contains(bits))
        .ok_or_else(|| OpError::Attribute { name, problem: format!("is {bits}, expected 1 to 8") })
}

/// Rows of the first input: the product of all its dimensions but the last.
fn input_rows(node: &Node) -> Result<u64, OpError> {
    count(node.split_last(0)?.0, "the rows of an input")
}

/// `M·N·K` of activations and weights of that type, and so many operations for each output.
fn weight_only(node: &Node, n: u64, k: u64, weights: ElementType, each: Counts) -> Result<Counts, OpError> {
    let outputs = product(&[input_rows(node)?, n])?;
    Counts::macs(product(&[outputs, k])?, node.element(0)?, weights).plus(each.times(outputs)?)
}

/// The rows of the first input by a packed matrix `[k, n]`.
fn product_form(node: &Node, n: u64, k: u64, bits: u64) -> Result<Form, OpError> {
    let right = Right::Packed { bits: u8::try_from(bits).map_err(|_| OpError::Overflow)? };
    Ok(Form::MatMul(MatMul { batch: 1, m: input_rows(node)?, n, k, right }))
}

/// `A [.., K]` to `Y [.., N]`, both by attribute.
pub fn n_bits(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![with_last(node, Dim::Exact(node.positive("N")?))?])
}

/// `M·N·K`, and a bias (input 5).
pub fn n_bits_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let weights = element_of_bits(bits(node, "bits")?);
    let bias = Counts::alu(u64::from(node.has_input(5)));
    weight_only(node, node.positive("N")?, node.positive("K")?, weights, bias)
}

/// MatMulNBits.
pub fn n_bits_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    product_form(node, node.positive("N")?, node.positive("K")?, bits(node, "bits")?)
}

/// MatMulPacked, whose bits are not told: 4, as they are counted.
pub fn packed_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    product_form(node, node.positive("N")?, node.positive("K")?, 4)
}

/// MatMulNBitsMlp: the gate and the up projection side by side.
pub fn gated_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let both = product(&[2, node.positive("N")?])?;
    product_form(node, both, node.positive("K")?, bits(node, "bits")?)
}

/// MatMulNBitsQkv: the three projections side by side.
pub fn qkv_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let keys_and_values = product(&[2, node.positive("Nkv")?])?;
    let all = keys_and_values.checked_add(node.positive("Nq")?).ok_or(OpError::Overflow)?;
    product_form(node, all, node.positive("K")?, bits(node, "bits")?)
}

/// MatMulBnb4, whichever way `B` lies.
pub fn bnb4_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let (n, k) = (node.positive("N")?, node.positive("K")?);
    if node.int_or("transB", 1)? == 0 { product_form(node, k, n, 4) } else { product_form(node, n, k, 4) }
}

/// MatMulFpQ4.
pub fn blob_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let [k, n] = blob_shape(node)?;
    product_form(node, count(&[n], "the packed matrix")?, count(&[k], "the packed matrix")?, 4)
}

/// MatMulBlockQuantizedFp4Weight.
pub fn float4_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let ([n, _], (_, k)) = (node.dims(1)?, node.split_last(0)?);
    product_form(node, count(&[n], "the weights")?, count(&[k], "an input")?, 4)
}

/// MatMulBlockQuantizedFp8Weight, a byte for each weight.
pub fn float8_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let ([n, _], (_, k)) = (node.dims(1)?, node.split_last(0)?);
    product_form(node, count(&[n], "the weights")?, count(&[k], "an input")?, 8)
}

/// `N·K` elements in input 1.
pub fn n_bits_elements(node: &Node, input: usize) -> Option<u64> {
    if input != 1 {
        return None;
    }
    node.positive("N").ok()?.checked_mul(node.positive("K").ok()?)
}

/// As [`n_bits`]; without `transB`, from `[.., N]` to `[.., K]`.
pub fn bnb4(node: &Node) -> Result<Vec<Type>, OpError> {
    let output = if node.int_or("transB", 1)? == 0 { "K" } else { "N" };
    Ok(vec![with_last(node, Dim::Exact(node.positive(output)?))?])
}

/// `M·N·K`, whichever way `B` lies.
pub fn bnb4_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (n, k) = (node.positive("N")?, node.positive("K")?);
    Ok(Counts::macs(product(&[input_rows(node)?, n, k])?, node.element(0)?, ElementType::Uint4))
}

/// The shape `[K, N]` that input 2 gives a blob of `B`.
fn blob_shape(node: &Node) -> Result<[Dim; 2], OpError> {
    let elements = node.elements(2).ok_or(OpError::UnknownSize("the packed matrix"))?;
    match elements {
        [k, n] => Ok([k.dim(), n.dim()]),
        _ => Err(OpError::Value { input: 2, problem: "a matrix has two dimensions".into() }),
    }
}

/// `A [.., K]` by a blob of `[K, N]`, its shape in input 2.
pub fn blob(node: &Node) -> Result<Vec<Type>, OpError> {
    let [_, n] = blob_shape(node)?;
    Ok(vec![with_last(node, n)?])
}

/// `M·N·K`.
pub fn blob_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let matrix = count(&blob_shape(node)?, "the packed matrix")?;
    Ok(Counts::macs(product(&[input_rows(node)?, matrix])?, node.element(0)?, ElementType::Int4))
}

/// `N·K` elements in input 1.
pub fn blob_elements(node: &Node, input: usize) -> Option<u64> {
    if input == 1 { count(&blob_shape(node).ok()?, "the packed matrix").ok() } else { None }
}

/// `A [.., K]` by `B [N, K]`, or `[N, K/2]` with two elements a byte, to `[.., N]`.
pub fn block_float(node: &Node) -> Result<Vec<Type>, OpError> {
    let [n, _] = node.dims(1)?;
    Ok(vec![with_last(node, n)?])
}

fn block_float_work(node: &Node, weights: ElementType, bias: usize) -> Result<Counts, OpError> {
    let [n, _] = node.dims(1)?;
    let (_, k) = node.split_last(0)?;
    let each = Counts::alu(node.given(&[bias]));
    weight_only(node, count(&[n], "the weights")?, count(&[k], "an input")?, weights, each)
}

/// `M·N·K`, and a bias (input 5).
pub fn float4_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    block_float_work(node, ElementType::Float4E2m1, 5)
}

/// Two elements a byte in input 1.
pub fn float4_elements(node: &Node, input: usize) -> Option<u64> {
    if input == 1 { node.tensor(1).ok()?.elements().bound()?.checked_mul(2) } else { None }
}

/// `M·N·K`, and a bias (input 4).
pub fn float8_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    block_float_work(node, ElementType::Float8E4m3fn, 4)
}

/// `M·N·K` of a packed format that is not told apart here (files say 2 to 8 bits): filed under 4 bits.
pub fn packed_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let each = activation::named(node.str_or("activation_type", "none")?)?;
    weight_only(node, node.positive("N")?, node.positive("K")?, ElementType::Uint4, each)
}

/// `Y [.., N]`, and the sum of the input and the skip (input 1).
pub fn gated(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![with_last(node, Dim::Exact(node.positive("N")?))?, node.ty(0)?.clone()])
}

/// RMS normalisation of the first input where it has a scale (input 2), after adding a skip (input 1).
fn normalized(node: &Node) -> Result<Counts, OpError> {
    let elements = count(node.shape(0)?, "an input")?;
    let skip = Counts::alu(u64::from(node.has_input(1))).times(elements)?;
    if !node.has_input(2) {
        return Ok(skip);
    }
    skip.plus(scaled_rms(elements, input_rows(node)?)?)
}

/// Normalisation, the gate and the up projection, their biases (inputs 5 and 8), the activation of the
/// gate, and the product of both.
pub fn gated_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let weights = element_of_bits(bits(node, "bits")?);
    let (n, k) = (node.positive("N")?, node.positive("K")?);
    let biases = u64::from(node.has_input(5)) + u64::from(node.has_input(8));
    let each = activation::fused(node)?.plus(Counts::alu(biases + 1))?;
    let twice = n.checked_mul(2).ok_or(OpError::Overflow)?;
    weight_only(node, twice, k, weights, Counts::ZERO)?
        .plus(weight_only(node, n, 0, weights, each)?)?
        .plus(normalized(node)?)
        .map(Counts::by_formula)
}

/// `N·K` elements in inputs 3 and 6.
pub fn gated_elements(node: &Node, input: usize) -> Option<u64> {
    if matches!(input, 3 | 6) { n_bits_elements(node, 1) } else { None }
}

/// `Q [.., Nq]`, `K` and `V [.., Nkv]`, and the sum of the input and the skip (input 1).
pub fn qkv(node: &Node) -> Result<Vec<Type>, OpError> {
    let key = with_last(node, Dim::Exact(node.positive("Nkv")?))?;
    Ok(vec![with_last(node, Dim::Exact(node.positive("Nq")?))?, key.clone(), key, node.ty(0)?.clone()])
}

/// Normalisation, three projections and their biases (inputs 5, 8 and 11).
pub fn qkv_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let weights = element_of_bits(bits(node, "bits")?);
    let k = node.positive("K")?;
    let mut counts = normalized(node)?;
    for (name, bias) in [("Nq", 5), ("Nkv", 8), ("Nkv", 11)] {
        let each = Counts::alu(u64::from(node.has_input(bias)));
        counts = counts.plus(weight_only(node, node.positive(name)?, k, weights, each)?)?;
    }
    Ok(counts)
}

/// `Nq·K` elements in input 3, `Nkv·K` in inputs 6 and 9.
pub fn qkv_elements(node: &Node, input: usize) -> Option<u64> {
    let n = match input {
        3 => node.positive("Nq"),
        6 | 9 => node.positive("Nkv"),
        _ => return None,
    };
    n.ok()?.checked_mul(node.positive("K").ok()?)
}

/// The rank of an adapter: the rows of `lora_A_scales` (input 4), none if `lora_A` (input 3) is empty.
fn adapter_rank(node: &Node) -> Result<u64, OpError> {
    if node.tensor(3)?.elements() == Dim::Exact(0) {
        return Ok(0);
    }
    let rank = node.shape(3)?.first().copied().unwrap_or(Dim::Unknown);
    count(&[rank], "the adapter")
}

/// `M·K·N` and, through an adapter of rank r, `M·r·(K + N)` and an addition for each output.
pub fn adapted_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (n, k) = (node.positive("N")?, node.positive("K")?);
    let rank = adapter_rank(node)?;
    let both = n.checked_add(k).ok_or(OpError::Overflow)?;
    let each = Counts::alu(u64::from(rank > 0));
    weight_only(node, n, k, element_of_bits(bits(node, "bits")?), each)?.plus(weight_only(
        node,
        rank,
        both,
        element_of_bits(bits(node, "lora_bits")?),
        Counts::ZERO,
    )?)
}

/// `N·K` elements in input 1, `r·K` in input 3, `N·r` in input 5.
pub fn adapted_elements(node: &Node, input: usize) -> Option<u64> {
    let rank = || adapter_rank(node).ok();
    match input {
        1 => n_bits_elements(node, 1),
        3 => rank()?.checked_mul(node.positive("K").ok()?),
        5 => rank()?.checked_mul(node.positive("N").ok()?),
        _ => None,
    }
}

/// Elements that a byte of quantised table data holds: `8 / bits` for bytes, one for other types.
fn per_byte(node: &Node) -> Result<u64, OpError> {
    if node.element(0)? != ElementType::Uint8 {
        return Ok(1);
    }
    Ok((8 / bits(node, "bits")?).max(1))
}

/// Rows of a quantised table, dequantised: the table's shape with the indices' in place of `gather_axis`,
/// and bytes unpacked along the last dimension.
pub fn gather(node: &Node) -> Result<Vec<Type>, OpError> {
    let (table, indices) = (node.shape(0)?, node.shape(1)?);
    let axis = resolve_axis(node.int_or("gather_axis", 0)?, table.len())?;
    let unpacked = Dim::Exact(per_byte(node)?);
    let mut logical: Shape = table.to_vec();
    if let Some(last) = logical.last_mut() {
        *last = last.times(unpacked);
    }
    logical.splice(axis..=axis, indices.iter().copied());
    Ok(vec![TensorType::new(node.element(2)?, logical).into()])
}

/// Rows of the table, or single elements where another axis is gathered along.
pub fn gather_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    if resolve_axis(node.int_or("gather_axis", 0)?, node.shape(0)?.len())? == 0 {
        return form::looked_up(node, outputs, counts);
    }
    Ok(Form::Gather { elements: output_count(outputs, 0)?, run: 1 })
}

/// The rows, their scales and their zero points that the indices touch, where rows are gathered.
pub fn gather_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    if resolve_axis(node.int_or("gather_axis", 0)?, node.shape(0)?.len())? != 0 {
        return Ok(Moved::whole());
    }
    looked_up(node, &[0, 2, 3], node.count(1)?)
}

/// All elements of the table in input 0.
pub fn gather_elements(node: &Node, input: usize) -> Option<u64> {
    if input == 0 { node.tensor(0).ok()?.elements().bound()?.checked_mul(per_byte(node).ok()?) } else { None }
}

/// Rows of a packed table `[V, bytes]`, dequantised: the indices' shape and `K`.
pub fn gather_packed(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element_type("output_dtype")?.unwrap_or(ElementType::Bfloat16);
    let mut shape = node.shape(1)?.to_vec();
    shape.push(Dim::Exact(node.positive("K")?));
    Ok(vec![TensorType::new(element, shape).into()])
}

/// The rows that the indices touch.
pub fn gather_packed_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    looked_up(node, &[0], node.count(1)?)
}

/// `V·K` elements in input 0.
pub fn gather_packed_elements(node: &Node, input: usize) -> Option<u64> {
    let vocabulary = node.shape(0).ok()?.first()?.bound()?;
    if input == 0 { vocabulary.checked_mul(node.positive("K").ok()?) } else { None }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Case, microsoft};
    use crate::ops::{Bytes, Weights, find};
    use crate::tensor::ElementType::{self, Float16, Float32, Int64, Uint4, Uint8};

    /// Weights of 64 outputs and 48 inputs in blocks of 16, four bits each.
    fn n_bits() -> Case {
        microsoft("MatMulNBits")
            .f32(&[2, 5, 48])
            .input(Uint8, &[64, 3, 8])
            .f32(&[64, 3])
            .attr("N", 64)
            .attr("K", 48)
            .attr("block_size", 16)
    }

    #[test]
    fn packed_weights_multiply_as_plain_ones() {
        assert_eq!(n_bits().shape(), "2×5×64");
        let counts = n_bits().counts();
        assert_eq!((counts.macs, counts.alu), (10 * 64 * 48, 0));
        assert_eq!(counts.factors, Some((Float32, Uint4)));
        assert_eq!(n_bits().attr("bits", 8).counts().factors, Some((Float32, Uint8)));
        let biased = n_bits().none().none().f32(&[64]);
        assert_eq!(biased.counts().alu, 10 * 64);
    }

    #[test]
    fn a_packed_weight_stands_for_its_elements() {
        let logical = |case: &Case, input| {
            case.run(|node, rules| match rules.weights {
                Weights::Packed { logical, .. } => logical(node, input),
                _ => panic!("the weights are not packed"),
            })
        };
        assert_eq!(logical(&n_bits(), 1), Some(64 * 48));
        assert_eq!(logical(&n_bits(), 5), None);
        let gather = gather();
        assert_eq!(logical(&gather, 0), Some(1000 * 64));
        assert!(find("com.microsoft", "MatMulNBits").is_some());
    }

    fn gather() -> Case {
        microsoft("GatherBlockQuantized").input(Uint8, &[1000, 32]).input(Int64, &[2, 5]).f32(&[1000, 2])
    }

    #[test]
    fn gathered_rows_are_unpacked_and_only_they_are_read() {
        assert_eq!(gather().shape(), "2×5×64");
        assert_eq!(gather().moved().read[..3], [Bytes::Part(320), Bytes::Whole, Bytes::Part(10 * 2 * 4)]);
        let nibbles = microsoft("GatherBlockQuantized")
            .input(ElementType::Int4, &[1000, 64])
            .input(Int64, &[5])
            .input(Float16, &[1000, 2]);
        assert_eq!((nibbles.shape(), nibbles.moved().read[0]), ("5×64".into(), Bytes::Part(160)));
        assert_eq!(nibbles.ty().tensor().unwrap().element, Float16);
    }

    #[test]
    fn projections_share_their_input() {
        let qkv = microsoft("MatMulNBitsQkv")
            .f32(&[2, 32])
            .none()
            .f32(&[32])
            .input(Uint8, &[64, 1, 16])
            .f32(&[64, 1])
            .none()
            .input(Uint8, &[16, 1, 16])
            .f32(&[16, 1])
            .none()
            .input(Uint8, &[16, 1, 16])
            .f32(&[16, 1])
            .attr("Nq", 64)
            .attr("Nkv", 16)
            .attr("K", 32)
            .attr("block_size", 32);
        assert_eq!(qkv.shapes()[..3], ["2×64", "2×16", "2×16"]);
        assert_eq!(qkv.counts().macs, 2 * 32 * (64 + 16 + 16));
    }
}
