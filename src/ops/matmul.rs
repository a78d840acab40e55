//! Matrix products with numpy's broadcasting, in floating point and in integers, and determinants.

use super::conv::REQUANTIZE;
use super::dims::{self, count, product, shared};
use super::form::{Form, MatMul, Right};
use super::{Counts, Node, OpError, Type, broadcast};
use crate::tensor::{Dim, ElementType, Shape, TensorType};

/// Positions of the two matrices.
#[derive(Clone, Copy)]
struct At {
    a: usize,
    b: usize,
}

/// MatMul, Gemm, MatMulInteger.
const PLAIN: At = At { a: 0, b: 1 };
/// QLinearMatMul, whose scales and zero points stand between.
const QUANTIZED: At = At { a: 0, b: 3 };

/// The output of a matrix product and the dimension it sums over.
struct Product {
    shape: Shape,
    contracted: Dim,
}

impl Product {
    /// `A [batch…, M, K]` times `B [batch…, K, N]` to `[batch…, M, N]`; a vector `A` is a row and a vector
    /// `B` a column, left out of the output.
    ///
    /// Source: `numpy.matmul`, as ONNX `MatMul` refers to it.
    fn of(node: &Node, at: At) -> Result<Self, OpError> {
        let scalar = |input| OpError::Rank { input, expected: "at least 1", found: 0 };
        let (a, b) = (node.shape(at.a)?, node.shape(at.b)?);
        let (batch_a, rows, k_a) = match a {
            [] => return Err(scalar(at.a)),
            [k] => (&[][..], None, *k),
            [batch @ .., m, k] => (batch, Some(*m), *k),
        };
        let (batch_b, k_b, columns) = match b {
            [] => return Err(scalar(at.b)),
            [k] => (&[][..], *k, None),
            [batch @ .., k, n] => (batch, *k, Some(*n)),
        };
        let contracted = shared(k_a, k_b, "the columns of A and the rows of B")?;
        let batch = broadcast::broadcast(&[batch_a, batch_b])?;
        Ok(Self { shape: batch.into_iter().chain(rows).chain(columns).collect(), contracted })
    }

    /// `A [M, K]` times `B [K, N]`, each transposed if its attribute says so.
    ///
    /// Source: ONNX `Gemm`, opset 13.
    fn of_gemm(node: &Node) -> Result<Self, OpError> {
        let matrix = |input, transposed| -> Result<(Dim, Dim), OpError> {
            let [rows, columns] = node.dims(input)?;
            let swap = node.int_or(transposed, 0)? != 0;
            Ok(if swap { (columns, rows) } else { (rows, columns) })
        };
        let (m, k_a) = matrix(0, "transA")?;
        let (k_b, n) = matrix(1, "transB")?;
        let contracted = shared(k_a, k_b, "the columns of A and the rows of B")?;
        Ok(Self { shape: vec![m, n], contracted })
    }

    /// One multiply-accumulate for each output and element it sums over.
    fn macs(&self, node: &Node, at: At) -> Result<Counts, OpError> {
        let each = count(&self.shape, "an output")?;
        let macs = product(&[each, count(&[self.contracted], "the contracted dimension")?])?;
        Ok(Counts::macs(macs, node.element(at.a)?, node.element(at.b)?))
    }
}

fn one(element: ElementType, shape: Shape) -> Vec<Type> {
    vec![TensorType::new(element, shape).into()]
}

/// `numpy.matmul` of two tensors of one type.
///
/// Source: ONNX `MatMul`, opset 13.
pub fn matmul(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(node.element(0)?, Product::of(node, PLAIN)?.shape))
}

/// `B·M·N·K` multiply-accumulates, `B` the broadcast batch.
pub fn matmul_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    Product::of(node, PLAIN)?.macs(node, PLAIN)
}

/// As MatMul, to int32.
///
/// Source: ONNX `MatMulInteger`, opset 10.
pub fn matmul_integer(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(ElementType::Int32, Product::of(node, PLAIN)?.shape))
}

/// As MatMul; a zero point of A takes the sums of B's columns, one of B the sums of A's rows.
pub fn matmul_integer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let mut counts = Product::of(node, PLAIN)?.macs(node, PLAIN)?;
    for (zero_point, other) in [(2, PLAIN.b), (3, PLAIN.a)] {
        if node.has_input(zero_point) {
            counts = counts.plus(Counts::int(node.count(other)?))?;
        }
    }
    Ok(counts.by_formula())
}

/// As MatMul, to the type of the output's zero point.
///
/// Source: ONNX `QLinearMatMul`, opset 21.
pub fn qlinear_matmul(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(node.element(7)?, Product::of(node, QUANTIZED)?.shape))
}

/// As MatMul, the sums of B's columns and A's rows, and a requantisation an output.
pub fn qlinear_matmul_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    Product::of(node, QUANTIZED)?
        .macs(node, QUANTIZED)?
        .plus(Counts::int(node.count(QUANTIZED.a)?))?
        .plus(Counts::int(node.count(QUANTIZED.b)?))?
        .plus(REQUANTIZE.times(dims::output_count(outputs, 0)?)?)
        .map(Counts::by_formula)
}

/// `alpha · A · B + beta · C`, `[M, N]`.
///
/// Source: ONNX `Gemm`, opset 13; before opset 7, C fits only as its `broadcast` attributes say.
pub fn gemm(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = Product::of_gemm(node)?.shape;
    if node.version >= 7
        && let Some(c) = node.input(2).and_then(|operand| operand.ty.tensor()?.shape.as_deref())
    {
        // C broadcasts to the product, never the product to C.
        if !broadcast::fits_onto(c, &shape)? {
            return Err(OpError::Mismatch("C does not broadcast to the product of A and B".into()));
        }
    }
    Ok(one(node.element(0)?, shape))
}

/// `M·N·K` multiply-accumulates; C is one addition an output, alpha and beta other than 1 a multiplication.
pub fn gemm_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    let added = node.has_input(2);
    let scaled = node.float_or("alpha", 1.0)? != 1.0;
    let scaled_c = added && node.float_or("beta", 1.0)? != 1.0;
    let per_output = [added, scaled, scaled_c].into_iter().map(u64::from).sum();
    Product::of_gemm(node)?
        .macs(node, PLAIN)?
        .plus(Counts::arithmetic(node.element(0)?, product(&[each, per_output])?))
}

/// `A [batch…, M, K]` by `B [batch…, K, N]`.
pub fn matmul_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    form_of(node, PLAIN)
}

/// As [`matmul_form`], of the quantised factors.
pub fn qlinear_matmul_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    form_of(node, QUANTIZED)
}

fn form_of(node: &Node, at: At) -> Result<Form, OpError> {
    let (batch_a, m, k_a) = match node.shape(at.a)? {
        [batch @ .., m, k] => (batch, *m, *k),
        [k] => (&[][..], Dim::Exact(1), *k),
        [] => return Err(OpError::UnknownRank(at.a)),
    };
    let (batch_b, k_b, n) = match node.shape(at.b)? {
        [batch @ .., k, n] => (batch, *k, *n),
        [k] => (&[][..], *k, Dim::Exact(1)),
        [] => return Err(OpError::UnknownRank(at.b)),
    };
    let size = |dim: Dim| count(&[dim], "a matrix");
    let (n, k) = (size(n)?, size(shared(k_a, k_b, "the columns of A and the rows of B")?)?);
    let right = Right::of(node, at.b);
    if batch_b.iter().all(|dim| *dim == Dim::Exact(1)) {
        let m = product(&[count(batch_a, "the batch")?, size(m)?])?;
        return Ok(Form::MatMul(MatMul { batch: 1, m, n, k, right }));
    }
    let batch = count(&broadcast::broadcast(&[batch_a, batch_b])?, "the batch")?;
    Ok(Form::MatMul(MatMul { batch, m: size(m)?, n, k, right }))
}

/// `A [M, K]` by `B [K, N]`, each transposed if its attribute says so.
pub fn gemm_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let [m, n] = *dims::output_shape(outputs, 0)? else { return Err(OpError::UnknownSize("an output")) };
    let ([rows_a, columns_a], [rows_b, columns_b]) = (node.dims(0)?, node.dims(1)?);
    let k_a = if node.int_or("transA", 0)? == 0 { columns_a } else { rows_a };
    let k_b = if node.int_or("transB", 0)? == 0 { rows_b } else { columns_b };
    let k = shared(k_a, k_b, "the columns of A and the rows of B")?;
    let size = |dim: Dim| count(&[dim], "a matrix");
    let right = Right::of(node, PLAIN.b);
    Ok(Form::MatMul(MatMul { batch: 1, m: size(m)?, n: size(n)?, k: size(k)?, right }))
}

/// `[…, n, n]` to `[…]`.
///
/// Source: ONNX `Det`, opset 22.
pub fn det(node: &Node) -> Result<Vec<Type>, OpError> {
    let (batch, _) = square(node)?;
    Ok(one(node.element(0)?, batch.to_vec()))
}

/// An LU factorisation of each matrix: `n(n−1)/2` divisions, `(n−1)n(2n−1)/6` multiply-subtracts (two
/// operations each), and the product of the diagonal.
pub fn det_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (_, n) = square(node)?;
    let n = count(&[n], "a matrix")?;
    let below = n.saturating_sub(1);
    let doubled = n.checked_mul(2).and_then(|n| n.checked_sub(1)).unwrap_or(0);
    let elimination = product(&[below, n, doubled])? / 3;
    let each = Counts { alu: elimination, div: product(&[n, below])? / 2, ..Counts::ZERO };
    each.plus(Counts::alu(below))?.times(dims::output_count(outputs, 0)?).map(Counts::by_formula)
}

/// Batch and side of square matrices.
fn square<'a>(node: &Node<'a>) -> Result<(&'a [Dim], Dim), OpError> {
    match node.shape(0)? {
        [batch @ .., rows, columns] => {
            Ok((batch, shared(*rows, *columns, "the rows and columns of a square matrix")?))
        }
        shape => Err(OpError::Rank { input: 0, expected: "at least 2", found: shape.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, op};
    use super::*;
    use crate::tensor::ElementType::{Float16, Float32, Int8, Int32, Int64, Uint8};

    #[test]
    fn a_matrix_product_promotes_vectors_and_broadcasts_batches() {
        // Shapes of numpy.matmul; macs are the product of all distinct dimensions.
        for (a, b, shape, macs) in [
            (&[2, 3][..], &[3, 4][..], "2×4", 24),
            (&[3], &[3], "scalar", 3),
            (&[3], &[3, 4], "4", 12),
            (&[2, 3], &[3], "2", 6),
            (&[5, 2, 3], &[3], "5×2", 30),
            (&[3], &[5, 3, 4], "5×4", 60),
            (&[5, 2, 3], &[3, 4], "5×2×4", 120),
            (&[5, 1, 2, 3], &[7, 3, 4], "5×7×2×4", 840),
            (&[0, 3], &[3, 4], "0×4", 0),
        ] {
            let case = op("MatMul", 13).f32(a).f32(b);
            assert_eq!(case.shape(), shape);
            assert_eq!(case.counts(), Counts::macs(macs, Float32, Float32), "{a:?} {b:?}");
        }
        let bounded = [Dim::AtMost(9), Dim::AtMost(100)];
        let case = op("MatMul", 13).dims(Float16, &bounded).input(Float16, &[16, 4]);
        assert_eq!(case.shape(), "≤9×4");
        assert_eq!(case.counts(), Counts::macs(9 * 16 * 4, Float16, Float16));
    }

    #[test]
    fn matrices_that_do_not_fit_are_errors() {
        for (case, expected) in [
            (op("MatMul", 13).f32(&[2, 3]).f32(&[4, 2]), "the columns of A and the rows of B are 3 and 4"),
            (op("MatMul", 13).f32(&[]).f32(&[4, 2]), "input 0 has rank 0, expected at least 1"),
            (
                op("MatMul", 13).f32(&[2, 2, 3]).f32(&[3, 3, 1]),
                "dimensions 2 and 3 cannot be broadcast together",
            ),
            (op("Gemm", 13).f32(&[2, 3, 4]).f32(&[4, 2]), "input 0 has rank 3, expected 2"),
            (
                op("Gemm", 13).f32(&[2, 3]).f32(&[3, 1]).f32(&[1, 4]),
                "C does not broadcast to the product of A and B",
            ),
            (op("Det", 11).f32(&[2, 3]), "the rows and columns of a square matrix are 2 and 3"),
        ] {
            assert_eq!(case.types().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn gemm_counts_scale_factors_and_the_added_matrix() {
        let product = || op("Gemm", 13).f32(&[3, 2]).f32(&[4, 3]).attr("transA", 1).attr("transB", 1);
        for (case, alu) in [
            (product(), 0),
            (product().f32(&[4]), 8),
            (product().attr("beta", 0.5f32), 0),
            (product().attr("alpha", 0.5f32), 8),
            (product().f32(&[2, 1]).attr("alpha", 0.5f32).attr("beta", 2.0f32), 24),
        ] {
            assert_eq!(case.shape(), "2×4");
            assert_eq!(case.counts(), Counts { alu, ..Counts::macs(24, Float32, Float32) });
        }
        let integers = op("Gemm", 11).input(Int64, &[2, 3]).input(Int64, &[3, 4]).input(Int64, &[]);
        assert_eq!(integers.counts(), Counts { int: 8, ..Counts::macs(24, Int64, Int64) });
    }

    #[test]
    fn integer_products_sum_rows_and_columns_for_zero_points() {
        let case = || op("MatMulInteger", 10).input(Uint8, &[2, 3]).input(Int8, &[3, 4]);
        assert_eq!(case().ty(), TensorType::exact(Int32, &[2, 4]).into());
        for (case, int) in [
            (case(), 0),
            (case().input(Uint8, &[]), 12),
            (case().none().input(Int8, &[]), 6),
            (case().input(Uint8, &[]).input(Int8, &[4]), 18),
        ] {
            assert_eq!(case.counts(), Counts { int, ..Counts::macs(24, Uint8, Int8) }.by_formula());
        }
        let scale = |case: Case, element| case.f32(&[]).input(element, &[]);
        let case = scale(op("QLinearMatMul", 10).input(Uint8, &[2, 3]), Uint8);
        let case = scale(scale(case.input(Int8, &[3, 4]), Int8), Uint8);
        assert_eq!(case.ty(), TensorType::exact(Uint8, &[2, 4]).into());
        let counts = case.counts();
        assert_eq!((counts.macs, counts.alu, counts.int), (24, 16, 6 + 12 + 24));
    }

    #[test]
    fn a_determinant_costs_an_elimination() {
        // 3 × 3: two divisions and four multiply-subtracts, one and one; then two multiplications.
        let case = op("Det", 11).f32(&[5, 3, 3]);
        assert_eq!(case.shape(), "5");
        let each = Counts { alu: 2 * 5 + 2, div: 3, ..Counts::ZERO };
        assert_eq!(case.counts(), each.times(5).unwrap().by_formula());
    }
}
