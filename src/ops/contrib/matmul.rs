//! Matrix products with something fused to them, and products of 8-bit integers.

use super::activation::{self, FAST_GELU};
use crate::ops::node::{broadcast, count, dims, product};
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, Shape, TensorType, Type};

/// A matrix product: the shape of its output and the length of its sums.
struct Product {
    shape: Shape,
    depth: Dim,
}

impl Product {
    fn ty(&self, element: ElementType) -> Vec<Type> {
        vec![TensorType::new(element, self.shape.clone()).into()]
    }

    fn outputs(&self) -> Result<u64, OpError> {
        count(&self.shape, "an output")
    }

    fn macs(&self, node: &Node, a: usize, b: usize) -> Result<Counts, OpError> {
        let macs = product(&[self.outputs()?, count(&[self.depth], "the sums of a product")?])?;
        Ok(Counts::macs(macs, node.element(a)?, node.element(b)?))
    }
}

/// The product of stacks of matrices as numpy's `matmul` has it; vectors are promoted.
fn stacked(a: &[Dim], b: &[Dim]) -> Result<Product, OpError> {
    let scalar = |input| OpError::Rank { input, expected: "at least 1", found: 0 };
    let (depth, rows) = a.split_last().ok_or(scalar(0))?;
    let (outer_a, row) = rows.split_last().map_or((rows, None), |(row, outer)| (outer, Some(*row)));
    let (outer_b, other, column) = match b {
        [] => return Err(scalar(1)),
        [depth] => (&[] as &[Dim], depth, None),
        [outer @ .., depth, column] => (outer, depth, Some(*column)),
    };
    if !depth.agrees_with(*other) {
        return Err(OpError::Mismatch(format!("rows of {depth} elements meet columns of {other}")));
    }
    let mut shape = broadcast(&[outer_a, outer_b])?;
    shape.extend([row, column].into_iter().flatten());
    Ok(Product { shape, depth: if depth.exact().is_some() { *depth } else { *other } })
}

/// An operand of `FusedMatMul` as it is multiplied: `transBatch` takes the first dimension for the rows,
/// `trans` swaps rows and columns.
fn operand(shape: &[Dim], batch: bool, swap: bool) -> Shape {
    let mut shape = shape.to_vec();
    let rank = shape.len();
    if rank < 2 {
        return shape;
    }
    if batch && let Some(outer) = shape.get_mut(..rank - 1) {
        outer.rotate_left(1);
    }
    if swap {
        shape.swap(rank - 2, rank - 1);
    }
    shape
}

fn fused_product(node: &Node) -> Result<Product, OpError> {
    let flag = |name| Ok::<_, OpError>(node.int_or(name, 0)? != 0);
    let a = operand(node.shape(0)?, flag("transBatchA")?, flag("transA")?);
    let b = operand(node.shape(1)?, flag("transBatchB")?, flag("transB")?);
    stacked(&a, &b)
}

/// `A [.., M, K]` by `B [.., K, N]`, each transposed first where an attribute says so. Also
/// `TransposeMatMul` and `FusedMatMulActivation`.
pub fn fused(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(fused_product(node)?.ty(node.element(0)?))
}

/// `M·N·K` for each matrix, a multiplication where `alpha` is not 1, and the activation.
pub fn fused_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = fused_product(node)?;
    let scaled = Counts::alu(u64::from(node.float_or("alpha", 1.0)? != 1.0));
    let after = scaled.plus(activation::fused(node)?)?;
    product.macs(node, 0, 1)?.plus(after.times(product.outputs()?)?)
}

/// `A [.., M, K]` by `B [.., K, N]` in the element type of `A`.
pub fn plain(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(stacked(node.shape(0)?, node.shape(1)?)?.ty(node.element(0)?))
}

/// A product, an optional bias (input 2), and the tanh form of Gelu.
pub fn gelu_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = stacked(node.shape(0)?, node.shape(1)?)?;
    let after = FAST_GELU.plus(Counts::alu(u64::from(node.has_input(2))))?;
    product.macs(node, 0, 1)?.plus(after.times(product.outputs()?)?)
}

/// The product of a sparse `A`: at most that of a dense one.
pub fn sparse_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    stacked(node.shape(0)?, node.shape(1)?)?.macs(node, 0, 1).map(Counts::at_most)
}

/// 16-bit integers to 32-bit ones, unsigned where both are.
pub fn integer(node: &Node) -> Result<Vec<Type>, OpError> {
    let unsigned = node.element(0)? == ElementType::Uint16 && node.element(1)? == ElementType::Uint16;
    let element = if unsigned { ElementType::Uint32 } else { ElementType::Int32 };
    Ok(stacked(node.shape(0)?, node.shape(1)?)?.ty(element))
}

/// 8-bit `A` (input 0) by `B` (input 2), its layout aside, to 8 bits.
///
/// Source: ONNX Runtime `QOrderedMatMul`.
pub fn ordered(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(stacked(node.shape(0)?, node.shape(2)?)?.ty(node.element(0)?))
}

/// The product, the scaling of each sum, and an addition for each of the bias (input 5) and `C` (input 6).
pub fn ordered_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = stacked(node.shape(0)?, node.shape(2)?)?;
    let added = u64::from(node.has_input(5)) + u64::from(node.has_input(6));
    let after = REQUANTIZE.plus(Counts::alu(added))?;
    product.macs(node, 0, 2)?.plus(after.times(product.outputs()?)?).map(Counts::by_formula)
}

/// A product alone.
pub fn plain_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    stacked(node.shape(0)?, node.shape(1)?)?.macs(node, 0, 1)
}

/// `A [M, K]` (input 0) by `B [K, N]`, each transposed first where an attribute says so.
fn gemm_product(node: &Node, b: usize) -> Result<Product, OpError> {
    let swap = |name| Ok::<_, OpError>(node.int_or(name, 0)? != 0);
    let [_, _] = dims(node, 0, "2")?;
    let [_, _] = dims(node, b, "2")?;
    stacked(
        &operand(node.shape(0)?, false, swap("transA")?),
        &operand(node.shape(b)?, false, swap("transB")?),
    )
}

/// `alpha·A·B + beta·C`, `[M, N]`, in the element type of `A`.
pub fn gemm(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(gemm_product(node, 1)?.ty(node.element(0)?))
}

/// `M·N·K`; an addition for `C`, a multiplication for each of `alpha` and `beta` that is not 1, and the
/// activation.
///
/// Source: ONNX `Gemm`, opset 13, and ONNX Runtime `FusedGemm` and `GemmFloat8`.
pub fn gemm_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = gemm_product(node, 1)?;
    let added = node.has_input(2);
    let alu = u64::from(node.float_or("alpha", 1.0)? != 1.0)
        + u64::from(added)
        + u64::from(added && node.float_or("beta", 1.0)? != 1.0);
    let after = Counts::alu(alu).plus(activation::fused(node)?)?;
    product.macs(node, 0, 1)?.plus(after.times(product.outputs()?)?)
}

/// To the element type that the attribute `dtype` numbers.
pub fn float8_gemm(node: &Node) -> Result<Vec<Type>, OpError> {
    let dtype = node.int_or("dtype", 1)?;
    let element = i32::try_from(dtype).ok().and_then(ElementType::from_onnx);
    let element = element.ok_or_else(|| OpError::Attribute {
        name: "dtype",
        problem: format!("is {dtype}, which is no element type"),
    })?;
    Ok(gemm_product(node, 1)?.ty(element))
}

/// Sums of the rows of `A` and the columns of `B`, which zero points multiply.
fn zero_points(node: &Node, a: usize, b: usize) -> Result<Counts, OpError> {
    let (a, b) = (count(node.shape(a)?, "an input")?, count(node.shape(b)?, "an input")?);
    Ok(Counts::int(a.checked_add(b).ok_or(OpError::Overflow)?).by_formula())
}

/// Scaling an integer sum back to 8 bits: two multiplications or additions, then round and clip twice.
const REQUANTIZE: Counts = Counts { alu: 2, int: 3, ..Counts::ZERO };
/// Quantising an element: its part in minimum and maximum, then divide, round and shift, clip twice.
const DYNAMIC_QUANTIZE: Counts = Counts { alu: 4, div: 1, int: 2, ..Counts::ZERO };

/// `A` (input 0) by `B` (input 3) to `[M, N]`: 8-bit where the output has a zero point (input 8) or a scale
/// (input 7), else float32.
pub fn quantized_gemm(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = if node.has_input(8) {
        node.element(8)?
    } else if node.has_input(7) {
        node.element(0)?
    } else {
        ElementType::Float32
    };
    Ok(gemm_product(node, 3)?.ty(element))
}

/// The product, the zero points, an integer addition for `C` (input 6), and the scaling of each sum.
pub fn quantized_gemm_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = gemm_product(node, 3)?;
    let scaled = if node.has_input(7) { REQUANTIZE } else { Counts::alu(1) };
    let after = scaled.plus(Counts::int(u64::from(node.has_input(6))))?;
    product
        .macs(node, 0, 3)?
        .plus(zero_points(node, 0, 3)?)?
        .plus(after.times(product.outputs()?)?)
        .map(Counts::by_formula)
}

/// Float `A`, quantised on the way, by 8-bit `B`: the product, the zero points, a scaling and an optional
/// bias (input 4) of each sum.
pub fn dynamic_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = stacked(node.shape(0)?, node.shape(1)?)?;
    let macs = product.macs(node, 0, 1)?;
    let after = Counts::alu(1 + u64::from(node.has_input(4)));
    Counts { factors: Some((ElementType::Uint8, node.element(1)?)), ..macs }
        .plus(DYNAMIC_QUANTIZE.times(count(node.shape(0)?, "an input")?)?)?
        .plus(zero_points(node, 0, 1)?)?
        .plus(after.times(product.outputs()?)?)
}

/// 8-bit `A` by 8-bit `B` to the type of the scales (input 2).
pub fn integer_to_float(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(stacked(node.shape(0)?, node.shape(1)?)?.ty(node.element(2)?))
}

/// The product, the zero points, a scaling and an optional bias (input 6) of each sum.
pub fn integer_to_float_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let product = stacked(node.shape(0)?, node.shape(1)?)?;
    let after = Counts::alu(1 + u64::from(node.has_input(6)));
    product.macs(node, 0, 1)?.plus(zero_points(node, 0, 1)?)?.plus(after.times(product.outputs()?)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Case, op_of};
    use crate::tensor::ElementType::{Float32, Int8, Uint8};

    fn microsoft(operator: &'static str) -> Case {
        op_of("com.microsoft", operator, 1)
    }

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
}
