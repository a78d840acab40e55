//! Matrix products with something fused to them, and products of 8-bit integers.

use super::activation;
use super::twin::{in_type, with_inputs, with_last, with_types};
use crate::ops::conv::REQUANTIZE;
use crate::ops::dims::{divided, output_count};
use crate::ops::elementwise::TANH_GELU;
use crate::ops::form::{Form, MatMul, Right};
use crate::ops::quantize::DYNAMIC_QUANTIZE;
use crate::ops::{Counts, Node, OpError, matmul};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// An operand of `FusedMatMul` as it is multiplied: `transBatch` takes the first dimension for the rows,
/// `trans` swaps rows and columns.
fn operand(node: &Node, input: usize, batch: &'static str, swap: &'static str) -> Result<Type, OpError> {
    let mut shape = node.shape(input)?.to_vec();
    if let Some(last) = shape.len().checked_sub(1).filter(|last| *last > 0) {
        if node.int_or(batch, 0)? != 0
            && let Some(outer) = shape.get_mut(..last)
        {
            outer.rotate_left(1);
        }
        if node.int_or(swap, 0)? != 0 {
            shape.swap(last - 1, last);
        }
    }
    Ok(TensorType::new(node.element(input)?, shape).into())
}

fn operands(node: &Node) -> Result<[Type; 2], OpError> {
    Ok([operand(node, 0, "transBatchA", "transA")?, operand(node, 1, "transBatchB", "transB")?])
}

/// `MatMul` of `A [.., M, K]` and `B [.., K, N]`, each transposed first where an attribute says so. Also
/// `TransposeMatMul`, `FusedMatMulActivation` and `SparseToDenseMatMul`.
pub fn fused(node: &Node) -> Result<Vec<Type>, OpError> {
    with_types(node, &operands(node)?, matmul::matmul)
}

/// `MatMul`, a multiplication where `alpha` is not 1, and the activation.
pub fn fused_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let scaled = Counts::alu(u64::from(node.float_or("alpha", 1.0)? != 1.0));
    let after = scaled.plus(activation::fused(node)?)?.times(output_count(outputs, 0)?)?;
    with_types(node, &operands(node)?, |node| matmul::matmul_work(node, outputs))?.plus(after)
}

/// The product of the operands as they are multiplied.
pub fn fused_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    let form = with_types(node, &operands(node)?, |node| matmul::matmul_form(node, outputs, counts))?;
    Ok(match form {
        Form::MatMul(product) => Form::MatMul(MatMul { right: Right::of(node, 1), ..product }),
        form => form,
    })
}

/// The product of a sparse `A`: at most that of a dense one.
pub fn sparse_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    fused_work(node, outputs).map(Counts::at_most)
}

/// `MatMul`, an optional bias (input 2), and the tanh form of Gelu.
pub fn gelu_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let after = TANH_GELU.plus(Counts::alu(u64::from(node.has_input(2))))?;
    matmul::matmul_work(node, outputs)?.plus(after.times(output_count(outputs, 0)?)?)
}

/// 16-bit integers to 32-bit ones, unsigned where both are.
pub fn integer(node: &Node) -> Result<Vec<Type>, OpError> {
    let unsigned = node.element(0)? == ElementType::Uint16 && node.element(1)? == ElementType::Uint16;
    let element = if unsigned { ElementType::Uint32 } else { ElementType::Int32 };
    Ok(in_type(matmul::matmul(node)?, element))
}

/// 8-bit `A` (input 0) by `B` (input 2), its layout aside, to 8 bits.
///
/// Source: ONNX Runtime `QOrderedMatMul`.
pub fn ordered(node: &Node) -> Result<Vec<Type>, OpError> {
    with_inputs(node, &[0, 2], matmul::matmul)
}

/// The product, the scaling of each sum, and an addition for each of the bias (input 5) and `C` (input 6).
pub fn ordered_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let added = u64::from(node.has_input(5)) + u64::from(node.has_input(6));
    let after = REQUANTIZE.plus(Counts::alu(added))?.times(output_count(outputs, 0)?)?;
    let product = with_inputs(node, &[0, 2], |node| matmul::matmul_work(node, outputs))?;
    product.plus(after).map(Counts::by_formula)
}

/// The product of inputs 0 and 2.
pub fn ordered_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    with_inputs(node, &[0, 2], |node| matmul::matmul_form(node, outputs, counts))
}

/// `Gemm`, and the activation of each output.
pub fn gemm_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    matmul::gemm_work(node, outputs)?.plus(activation::fused(node)?.times(output_count(outputs, 0)?)?)
}

/// `Gemm` to the element type that the attribute `dtype` numbers.
pub fn float8_gemm(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element_type("dtype")?.unwrap_or(ElementType::Float32);
    Ok(in_type(matmul::gemm(node)?, element))
}

/// `X [.., K]` by `W [K, R + 2·I]` to the logits of a router `[.., R]` and the gated activation of the rest
/// `[.., I]`, `R` being `router_size`.
pub fn router_gate_up(node: &Node) -> Result<Vec<Type>, OpError> {
    let router = node.positive("router_size")?;
    let [_, columns] = node.dims(1)?;
    let both = match columns {
        Dim::Exact(n) if n < router => {
            return Err(OpError::Mismatch(format!("{n} columns are less than {router} of the router")));
        }
        _ => columns.map(|n| n.checked_sub(router)),
    };
    let gated = divided(both, 2, "the number of columns beside the router's")?;
    Ok(vec![with_last(node, Dim::Exact(router))?, with_last(node, gated)?])
}

/// The product, and what `SwiGLU` does to each gated element.
pub fn router_gate_up_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let gated = outputs.get(1..).unwrap_or(&[]);
    matmul::matmul_work(node, outputs)?.plus(activation::swiglu_work(node, gated)?)
}

/// Sums of the rows of `A` and the columns of `B`, which zero points multiply.
fn zero_points(node: &Node, a: usize, b: usize) -> Result<Counts, OpError> {
    let sums = node.count(a)?.checked_add(node.count(b)?);
    Ok(Counts::int(sums.ok_or(OpError::Overflow)?).by_formula())
}

/// `Gemm` of `A` (input 0) and `B` (input 3): to 8 bits where the output has a zero point (input 8) or a scale
/// (input 7), else to float32.
pub fn quantized_gemm(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = if node.has_input(8) {
        node.element(8)?
    } else if node.has_input(7) {
        node.element(0)?
    } else {
        ElementType::Float32
    };
    Ok(in_type(with_inputs(node, &[0, 3], matmul::gemm)?, element))
}

/// The product, the zero points, an integer addition for `C` (input 6), and the scaling of each sum, which
/// has `alpha` in it.
pub fn quantized_gemm_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let scaled = if node.has_input(7) { REQUANTIZE } else { Counts::alu(1) };
    let after = scaled.plus(Counts::int(u64::from(node.has_input(6))))?;
    let product = with_inputs(node, &[0, 3], |node| matmul::gemm_work(node, outputs))?;
    product
        .plus(zero_points(node, 0, 3)?)?
        .plus(after.times(output_count(outputs, 0)?)?)
        .map(Counts::by_formula)
}

/// The product of inputs 0 and 3.
pub fn quantized_gemm_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    with_inputs(node, &[0, 3], |node| matmul::gemm_form(node, outputs, counts))
}

/// Float `A`, quantised on the way, by 8-bit `B`: the product, the zero points, a scaling and an optional
/// bias (input 4) of each sum.
pub fn dynamic_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let product = matmul::matmul_work(node, outputs)?;
    let after = Counts::alu(1 + u64::from(node.has_input(4)));
    Counts { factors: Some((ElementType::Uint8, node.element(1)?)), ..product }
        .plus(DYNAMIC_QUANTIZE.times(node.count(0)?)?)?
        .plus(zero_points(node, 0, 1)?)?
        .plus(after.times(output_count(outputs, 0)?)?)
}

/// 8-bit `A` by 8-bit `B` to the type of the scales (input 2).
pub fn integer_to_float(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(in_type(matmul::matmul(node)?, node.element(2)?))
}

/// The product, the zero points, a scaling and an optional bias (input 6) of each sum.
pub fn integer_to_float_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let after = Counts::alu(1 + u64::from(node.has_input(6)));
    matmul::matmul_work(node, outputs)?
        .plus(zero_points(node, 0, 1)?)?
        .plus(after.times(output_count(outputs, 0)?)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Float16, Float32, Int8, Uint8};

    #[test]
    fn operands_are_transposed_before_they_are_multiplied() {
        let case = |a: &[u64], b: &[u64]| microsoft("FusedMatMul").f32(a).f32(b);
        for (case, shape, macs) in [
            (case(&[2, 3, 4], &[4, 5]), "2×3×5", 2 * 3 * 5 * 4),
            (case(&[2, 4, 3], &[2, 4, 5]).attr("transA", 1), "2×3×5", 2 * 3 * 5 * 4),
            (case(&[2, 3, 4], &[2, 5, 4]).attr("transB", 1), "2×3×5", 2 * 3 * 5 * 4),
            // [S, B, D] with the sequence for rows.
            (case(&[3, 2, 4], &[2, 4, 5]).attr("transBatchA", 1), "2×3×5", 2 * 3 * 5 * 4),
            (case(&[4], &[4, 5]), "5", 20),
            (case(&[3, 4], &[4]), "3", 12),
        ] {
            assert_eq!((case.shape().as_str(), case.counts().macs), (shape, macs));
        }
        assert_eq!(case(&[3, 4], &[4, 5]).attr("alpha", 0.5).counts().alu, 15);
        assert!(case(&[3, 4], &[5, 6]).types().is_err());
    }

    #[test]
    fn a_fused_activation_costs_each_output() {
        let case = microsoft("FusedGemm").f32(&[3, 4]).f32(&[5, 4]).f32(&[5]).attr("transB", 1);
        assert_eq!((case.shape(), case.counts().macs, case.counts().alu), ("3×5".into(), 60, 15));
        let relu = microsoft("FusedGemm").f32(&[3, 4]).f32(&[4, 5]).attr("activation", "Relu");
        assert_eq!(relu.counts().alu, 15);
        let gelu = microsoft("GemmFastGelu").f32(&[2, 3, 4]).f32(&[4, 5]).f32(&[5]);
        assert_eq!((gelu.shape(), gelu.counts().alu, gelu.counts().trans), ("2×3×5".into(), 30 * 9, 30));
    }

    #[test]
    fn a_quantized_gemm_is_scaled_to_bytes_or_floats() {
        let case =
            || microsoft("QGemm").input(Uint8, &[3, 4]).f32(&[]).input(Uint8, &[]).input(Int8, &[4, 5]);
        let float = case().f32(&[]).input(Int8, &[]);
        assert_eq!(float.ty().tensor().unwrap().element, Float32);
        let bytes = case().f32(&[]).input(Int8, &[]).none().f32(&[]).input(Uint8, &[]);
        assert_eq!((bytes.shape(), bytes.ty().tensor().unwrap().element), ("3×5".into(), Uint8));
        let counts = bytes.counts();
        assert_eq!((counts.macs, counts.factors), (60, Some((Uint8, Int8))));
        // Row sums of 12, column sums of 20; two alu and three int each of 15.
        assert_eq!((counts.alu, counts.int), (30, 12 + 20 + 45));
    }

    #[test]
    fn floats_are_quantized_on_the_way() {
        let case = microsoft("DynamicQuantizeMatMul").f32(&[3, 4]).input(Int8, &[4, 5]).f32(&[]);
        let counts = case.counts();
        assert_eq!((case.shape(), counts.macs, counts.factors), ("3×5".into(), 60, Some((Uint8, Int8))));
        assert_eq!((counts.alu, counts.div, counts.int), (12 * 4 + 15, 12, 12 * 2 + 12 + 20));
        let scaled =
            microsoft("MatMulIntegerToFloat").input(Uint8, &[3, 4]).input(Int8, &[4, 5]).f32(&[]).f32(&[]);
        assert_eq!(scaled.ty().tensor().unwrap().element, Float32);
        assert_eq!((scaled.counts().macs, scaled.counts().alu), (60, 15));
    }

    #[test]
    fn a_router_and_a_gated_expert_share_one_product() {
        // 3 rows of 8 by 8 × (5 + 2 · 6).
        let case = microsoft("RouterGateUpProj")
            .input(Float16, &[3, 8])
            .input(Float16, &[8, 17])
            .attr("router_size", 5);
        assert_eq!(case.shapes(), ["3×5", "3×6"]);
        let counts = case.counts();
        assert_eq!(counts.macs, 3 * 8 * 17);
        // SiLU and the product, for 18 gated elements.
        assert_eq!((counts.alu, counts.div, counts.trans), (18 * 4, 18, 18));
    }
}
