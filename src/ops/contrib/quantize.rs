//! Element-wise, pooling and layout operators on 8-bit tensors, and quantisation itself.
//!
//! Each is its float twin between dequantising its inputs and quantising its output.

use super::twin::{in_type, nhwc, with_inputs};
use crate::ops::dims::{count, output_count, resolve_axis};
use crate::ops::elementwise::{SIGMOID, same_shape};
use crate::ops::form::{self, Form, Rows};
use crate::ops::{Counts, Node, OpError, broadcast, layout, pool, reduce};
use crate::tensor::{Dim, ElementType, MAX_ELEMENTS, TensorType, Type};

/// `(q - zero point)·scale`.
pub const DEQUANTIZE: Counts = Counts::alu(2);
/// `clip(round(x / scale) + zero point)`.
///
/// Source: ONNX `QuantizeLinear`, opset 13.
pub const QUANTIZE: Counts = Counts { alu: 2, div: 1, int: 2, ..Counts::ZERO };

/// So many dequantised inputs, `twin` and a quantisation for each output element.
const fn between(inputs: u64, twin: Counts) -> Counts {
    Counts {
        alu: inputs * DEQUANTIZE.alu + twin.alu + QUANTIZE.alu,
        div: twin.div + QUANTIZE.div,
        trans: twin.trans,
        int: twin.int + QUANTIZE.int,
        ..Counts::ZERO
    }
    .by_formula()
}

/// `QLinearAdd` and `QLinearMul`.
pub const BINARY: Counts = between(2, Counts::alu(1));
/// `QLinearLeakyRelu`.
pub const LEAKY_RELU: Counts = between(1, Counts::alu(2));
/// `QLinearSigmoid`.
pub const LOGISTIC: Counts = between(1, SIGMOID);
/// `QLinearSoftmax`.
pub const SOFTMAX: Counts = between(1, crate::ops::norm::SOFTMAX);
/// `QLinearWhere`: one of the inputs is chosen, scaled, and quantised again.
pub const WHERE: Counts = between(1, Counts::int(1));
/// `QOrderedGelu`, by erf.
pub const GELU: Counts = between(1, crate::ops::elementwise::GELU);

/// `A` (input 0) and `B` (input 3), broadcast.
pub fn binary(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of(node, [0, 3], node.element(0)?)?])
}

/// The condition (input 0), `X` (input 1) and `Y` (input 4), broadcast.
pub fn choice(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of(node, [0, 1, 4], node.element(1)?)?])
}

/// Tensors at inputs 2, 5, 8, …, each followed by its scale and zero point, joined along `axis`.
pub fn concat(node: &Node) -> Result<Vec<Type>, OpError> {
    node.int("axis")?.ok_or(OpError::MissingAttribute("axis"))?;
    let tensors: Vec<usize> = (2..node.inputs.len().max(3)).step_by(3).collect();
    // The zero point says which of the 8-bit types the output has.
    let element = node.element(1).or_else(|_| node.element(2))?;
    Ok(in_type(with_inputs(node, &tensors, layout::concat)?, element))
}

/// At most every element is scaled anew: those whose scale is the output's are copied.
pub fn concat_work(_: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    between(1, Counts::ZERO).times(output_count(outputs, 0)?).map(Counts::at_most)
}

/// QLinearConcat: after the output's scale and zero point, a tensor, a scale and a zero point for each part.
pub fn concat_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(form::moved(node, outputs, node.inputs.len().saturating_sub(2).div_ceil(3) as u64))
}

/// QLinearSoftmax: along `axis`, before opset 13 from `axis` on.
pub fn softmax_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let axis = resolve_axis(node.int_or("axis", -1)?, shape.len())?;
    let whole = node.int_or("opset", 13)? < 13;
    Ok(Form::Softmax(Rows::new(shape, |at| at == axis || (whole && at > axis))?))
}

/// `[N, C, D…]` to `[N, C, 1…]`, or with the channels last.
pub fn global_pool(node: &Node) -> Result<Vec<Type>, OpError> {
    let last = node.int_or("channels_last", 0)? != 0;
    if last { nhwc(node, pool::global_pool) } else { pool::global_pool(node) }
}

/// Every input scaled and summed, every output divided and quantised. Also `QLinearReduceMean`.
pub fn mean_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (inputs, outputs) = (node.count(0)?, output_count(outputs, 0)?);
    let sums = Counts::alu(inputs.saturating_sub(outputs));
    DEQUANTIZE
        .times(inputs)?
        .plus(sums)?
        .plus(QUANTIZE.plus(Counts::div(1))?.times(outputs)?)
        .map(Counts::by_formula)
}

/// The shape of the first input in the type that the attribute `to` numbers.
pub fn from_ordered(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element_type("to")?.ok_or(OpError::MissingAttribute("to"))?;
    same_shape(node, element)
}

/// The shape of the first input in int8.
pub fn ordered(node: &Node) -> Result<Vec<Type>, OpError> {
    same_shape(node, ElementType::Int8)
}

/// Products of `A` (input 0) and `B` (input 2) as 32-bit integers.
pub fn integer_product(node: &Node) -> Result<Vec<Type>, OpError> {
    let b = if node.has_input(2) { 2 } else { 1 };
    Ok(vec![broadcast::of(node, [0, b], ElementType::Int32)?])
}

/// The sum over `axes` as 32-bit integers.
pub fn integer_sum(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(in_type(reduce::reduced_type(node)?, ElementType::Int32))
}

/// An addition for each input after the first of a sum.
pub fn integer_sum_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let inputs = count(node.shape(0)?, "an input")?;
    Ok(Counts::int(inputs.saturating_sub(output_count(outputs, 0)?)))
}

/// The tensor whose shape is input 1, in the type that the attribute `dtype` numbers: float32 without it.
pub fn from_blocks(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element_type("dtype")?.unwrap_or(ElementType::Float32);
    let [rank] = node.dims(1)?;
    let shape = match (node.elements(1), rank.exact()) {
        (Some(sizes), _) => sizes.iter().map(|size| size.dim()).collect(),
        (None, Some(rank)) if rank <= MAX_ELEMENTS => (0..rank).map(|_| Dim::Unknown).collect::<Vec<_>>(),
        _ => return Ok(vec![TensorType::unranked(element).into()]),
    };
    Ok(vec![TensorType::new(element, shape).into()])
}

/// Formats of block floating point by their number in `bfp_type`: bits of the sign, the mantissa and the exponent, and how
/// many numbers share an exponent. Further numbers are formats of the runtime's users.
///
/// Source: ONNX Runtime 1.32, `BFPType` in `core/graph/contrib_ops/quantization_defs.h`.
const BLOCK_FORMATS: [[u64; 4]; 12] = [
    [1, 8, 8, 16],
    [1, 4, 8, 16],
    [0, 8, 8, 64],
    [0, 8, 8, 128],
    [0, 8, 8, 256],
    [0, 4, 8, 128],
    [0, 4, 8, 256],
    [0, 16, 8, 64],
    [0, 16, 8, 128],
    [0, 16, 8, 256],
    [0, 16, 8, 1],
    [0, 24, 8, 1],
];

/// Blocks along `block_dim`, the last of each line filled up, in bytes; the shape and the strides of the input.
///
/// How blocks lie in memory is the runtime's affair: their size is an upper bound.
pub fn to_blocks(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = node.shape(0)?;
    let format = node.int("bfp_type")?.ok_or(OpError::MissingAttribute("bfp_type"))?;
    let format = usize::try_from(format).ok().and_then(|format| BLOCK_FORMATS.get(format));
    let bytes = match format {
        Some([sign, mantissa, exponent, numbers]) => {
            let axis = resolve_axis(node.int_or("block_dim", -1)?, shape.len())?;
            let block = (numbers * (sign + mantissa) + exponent).div_ceil(8);
            let blocks = shape.iter().enumerate().fold(Dim::Exact(block), |bytes, (at, dim)| {
                bytes.times(if at == axis { dim.map(|size| Some(size.div_ceil(*numbers))) } else { *dim })
            });
            blocks.bound().map_or(Dim::Unknown, Dim::AtMost)
        }
        None => Dim::Unknown,
    };
    let described = TensorType::exact(ElementType::Int64, &[shape.len() as u64]);
    let blocks = TensorType::new(ElementType::Uint8, vec![bytes]);
    Ok(vec![blocks.into(), described.clone().into(), described.into()])
}

/// The largest of each block is found, and each element scaled by it and rounded.
pub const TO_BLOCKS: Counts = Counts::alu(3).by_formula();

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Case, microsoft};
    use crate::tensor::ElementType::{Float32, Int8, Int64, Uint8};

    /// A tensor, its scale and its zero point.
    fn quantized(case: Case, dims: &[u64]) -> Case {
        case.input(Uint8, dims).f32(&[]).input(Uint8, &[])
    }

    #[test]
    fn a_quantized_sum_is_a_float_sum_between_scalings() {
        let case = quantized(quantized(microsoft("QLinearAdd"), &[2, 3, 4]), &[4]).f32(&[]).input(Uint8, &[]);
        assert_eq!((case.shape(), case.ty().tensor().unwrap().element), ("2×3×4".into(), Uint8));
        let counts = case.counts();
        // Two inputs of two, the sum, round and shift; the quotient; two clips.
        assert_eq!((counts.alu, counts.div, counts.int), (24 * 7, 24, 24 * 2));
    }

    #[test]
    fn joined_tensors_come_in_threes() {
        let case = microsoft("QLinearConcat").f32(&[]).input(Int8, &[]).attr("axis", 1);
        let case = quantized(quantized(case, &[2, 3, 4]), &[2, 5, 4]);
        assert_eq!((case.shape(), case.ty().tensor().unwrap().element), ("2×8×4".into(), Int8));
        let case =
            quantized(quantized(microsoft("QLinearConcat").f32(&[]).input(Int8, &[]), &[2, 3]), &[3, 3]);
        assert!(case.attr("axis", 1).types().is_err());
    }

    #[test]
    fn means_keep_the_channels_or_the_axes_left() {
        let pool = quantized(microsoft("QLinearGlobalAveragePool"), &[2, 8, 3, 3]).f32(&[]).input(Uint8, &[]);
        assert_eq!(pool.shape(), "2×8×1×1");
        let counts = pool.counts();
        assert_eq!((counts.alu, counts.div), (144 * 2 + 128 + 16 * 2, 16 * 2));
        let last = quantized(microsoft("QLinearGlobalAveragePool"), &[2, 3, 3, 8]).attr("channels_last", 1);
        assert_eq!(last.shape(), "2×1×1×8");
        let mean = || quantized(microsoft("QLinearReduceMean"), &[2, 3, 4]).attr("axes", &[-1]);
        assert_eq!(mean().attr("keepdims", 0).shape(), "2×3");
        assert_eq!(mean().attr("keepdims", 1).shape(), "2×3×1");
    }

    #[test]
    fn element_types_follow_the_quantization_parameters() {
        let to = microsoft("QuantizeLinear").f32(&[2, 3]).f32(&[]).input(Int8, &[]);
        assert_eq!(to.ty().tensor().unwrap().element, Int8);
        let from = microsoft("DequantizeLinear").input(Int8, &[2, 3]).f32(&[]).input(Int8, &[]);
        assert_eq!((from.shape(), from.ty().tensor().unwrap().element), ("2×3".into(), Float32));
        let chosen = microsoft("QLinearWhere").input(crate::tensor::ElementType::Bool, &[3]);
        let chosen = quantized(quantized(chosen, &[2, 1]), &[]);
        assert_eq!(chosen.shape(), "2×3");
    }

    #[test]
    fn a_tensor_becomes_blocks_that_share_an_exponent() {
        let case = |format: i64| microsoft("QuantizeBFP").f32(&[4, 20]).outputs(3).attr("bfp_type", format);
        // Two blocks a row, of 16 numbers of 9 bits and an exponent of 8: 19 bytes.
        assert_eq!(case(0).shapes(), ["≤152", "2", "2"]);
        assert_eq!(case(0).attr("block_dim", 0).shapes()[0], "≤380");
        // A number of 16 bits and its exponent.
        assert_eq!(case(10).shapes()[0], "≤240");
        assert_eq!((case(12).shapes()[0].as_str(), case(12).counts().alu), ("?", 3 * 80));
        assert!(case(0).attr("block_dim", 2).types().is_err());
        assert!(microsoft("QuantizeBFP").f32(&[4]).types().is_err());
    }

    #[test]
    fn blocks_become_the_tensor_that_they_were() {
        let case = microsoft("DequantizeBFP").input(Uint8, &[100]).ints(&[2, 3, 4]).ints(&[12, 4, 1]);
        assert_eq!((case.shape(), case.counts().alu), ("2×3×4".into(), 24));
        let open = microsoft("DequantizeBFP").input(Uint8, &[100]).input(Int64, &[2]).input(Int64, &[2]);
        assert_eq!(open.shape(), "?×?");
    }
}
