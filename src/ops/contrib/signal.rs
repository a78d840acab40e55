//! Linear algebra, Fourier transforms and alignment.

use crate::ops::dims::{count, output_count, output_shape, product};
use crate::ops::form::{Form, MatMul, Right};
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// `A [M, N]` and `B [K, N]` to the distances `[M, K]`.
pub fn distances(node: &Node) -> Result<Vec<Type>, OpError> {
    let [rows, width] = node.dims(0)?;
    let [others, other_width] = node.dims(1)?;
    if !width.agrees_with(other_width) {
        return Err(OpError::Mismatch(format!(
            "vectors of {width} and {other_width} elements have no distance"
        )));
    }
    Ok(vec![TensorType::new(node.element(0)?, vec![rows, others]).into()])
}

/// `‖a‖² - 2·a·b + ‖b‖²`: a multiply-accumulate for each element of each pair, the two norms, three operations
/// a pair, and a root where the metric is not squared.
pub fn distances_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let pairs = output_count(outputs, 0)?;
    let [_, width] = node.dims(0)?;
    let roots = u64::from(node.str_or("metric", "sqeuclidean")? != "sqeuclidean");
    let norms = node.count(0)?.checked_add(node.count(1)?).ok_or(OpError::Overflow)?;
    let macs = product(&[pairs, count(&[width], "a vector")?])?;
    Counts::macs(macs, node.element(0)?, node.element(1)?)
        .plus(Counts::alu(2).times(norms)?)?
        .plus(Counts { alu: 3, div: roots, ..Counts::ZERO }.times(pairs)?)
        .map(Counts::by_formula)
}

/// CDist: the products `a·b`.
pub fn distances_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let ([m, k], [n, _]) = (node.dims(0)?, node.dims(1)?);
    let size = |dim: Dim| count(&[dim], "the vectors");
    let right = Right::of(node, 1);
    Ok(Form::MatMul(MatMul { batch: 1, m: size(m)?, n: size(n)?, k: size(k)?, right }))
}

/// Gauss-Jordan elimination of each matrix of side n: `2·n³` operations.
pub fn inverse_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let side = node.shape(0)?.last().copied().unwrap_or(Dim::Exact(1));
    let elements = node.count(0)?;
    Ok(Counts::alu(product(&[2, elements, count(&[side], "a matrix")?])?).by_formula())
}

/// Real `[…, n]` to complex `[…, n/2 + 1, 2]`.
pub fn rfft(node: &Node) -> Result<Vec<Type>, OpError> {
    let (outer, signal) = node.split_last(0)?;
    let mut shape = outer.to_vec();
    shape.extend([signal.map(|n| (n / 2).checked_add(1)), Dim::Exact(2)]);
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// Complex `[…, m, 2]` to real `[…, 2·(m - 1)]`.
pub fn irfft(node: &Node) -> Result<Vec<Type>, OpError> {
    let [outer @ .., bins, _] = node.shape(0)? else {
        return Err(OpError::Rank { input: 0, expected: "at least 2", found: node.shape(0)?.len() });
    };
    let mut shape = outer.to_vec();
    shape.push(bins.map(|m| m.checked_sub(1)?.checked_mul(2)));
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// `2.5·n·log₂ n` for each real signal of n elements, rounded up: half of a complex transform.
pub fn rfft_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let signal = node.shape(0)?.last().copied().unwrap_or(Dim::Exact(1));
    transforms(node.count(0)?, count(&[signal], "the signal")?)
}

/// As [`rfft_work`], of the signals it makes.
pub fn irfft_work(_: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let signal = output_shape(outputs, 0)?.last().copied().unwrap_or(Dim::Exact(1));
    transforms(output_count(outputs, 0)?, count(&[signal], "the signal")?)
}

fn transforms(elements: u64, length: u64) -> Result<Counts, OpError> {
    let stages = length.saturating_sub(1).checked_ilog2().map_or(0, |stages| u64::from(stages) + 1);
    Ok(Counts::alu(product(&[5, elements, stages])?.div_ceil(2)).by_formula())
}

/// Costs `[M, N]` to a path `[2, x]` of at most `M + N - 1` steps.
pub fn warping(node: &Node) -> Result<Vec<Type>, OpError> {
    let [.., rows, columns] = node.shape(0)? else {
        return Err(OpError::Rank { input: 0, expected: "2 or 3", found: node.shape(0)?.len() });
    };
    let steps = rows.plus(*columns).bound().and_then(|n| n.checked_sub(1)).map_or(Dim::Unknown, Dim::AtMost);
    Ok(vec![TensorType::new(ElementType::Int32, vec![Dim::Exact(2), steps]).into()])
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::microsoft;

    #[test]
    fn transforms_halve_and_double_their_signal() {
        let forth = microsoft("Rfft").f32(&[3, 8]);
        // 2.5 · 8 · 3 for each of three signals.
        assert_eq!((forth.shape(), forth.counts().alu), ("3×5×2".into(), 180));
        let back = microsoft("Irfft").f32(&[3, 5, 2]);
        assert_eq!((back.shape(), back.counts().alu), ("3×8".into(), 180));
    }

    #[test]
    fn distances_meet_each_pair() {
        let case = microsoft("CDist").f32(&[3, 8]).f32(&[5, 8]).attr("metric", "euclidean");
        assert_eq!((case.shape(), case.counts().macs), ("3×5".into(), 120));
        assert_eq!((case.counts().alu, case.counts().div), (2 * 64 + 45, 15));
        assert_eq!(microsoft("Inverse").f32(&[2, 4, 4]).counts().alu, 2 * 2 * 64);
        assert_eq!(microsoft("DynamicTimeWarping").f32(&[3, 4]).shape(), "2×≤6");
    }
}
