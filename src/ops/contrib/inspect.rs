//! Tests, hashes and masks of elements: integer work, no arithmetic.

use crate::ops::elementwise::same_shape;
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{ElementType, TensorType, Type};

/// One truth value for all inputs.
pub fn verdict(_: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![TensorType::exact(ElementType::Bool, &[]).into()])
}

/// A test of each element of each input.
pub fn verdict_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    (0..node.inputs.len()).try_fold(Counts::ZERO, |sum, input| sum.plus(Counts::int(node.count(input)?)))
}

/// The shape of the first input as unsigned or, without `positive`, signed 32-bit integers.
pub fn hashed(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = if node.int_or("positive", 1)? == 0 { ElementType::Int32 } else { ElementType::Uint32 };
    same_shape(node, element)
}

/// The second input as it is: `NGramRepeatBlock` only masks scores.
pub fn masked_scores(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(1)?.clone()])
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Bool, Int32, Int64, Uint32};

    #[test]
    fn elements_are_tested_and_hashed() {
        let finite = microsoft("IsAllFinite").f32(&[2, 3]).f32(&[4]);
        assert_eq!((finite.shape(), finite.ty().tensor().unwrap().element), ("scalar".into(), Bool));
        assert_eq!(finite.counts().int, 10);
        let hash = || microsoft("MurmurHash3").input(Int64, &[2, 3]);
        assert_eq!((hash().shape(), hash().ty().tensor().unwrap().element), ("2×3".into(), Uint32));
        assert_eq!(hash().attr("positive", 0).ty().tensor().unwrap().element, Int32);
    }
}
