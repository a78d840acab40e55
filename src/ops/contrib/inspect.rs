//! Tests, hashes and masks of elements; tokens and words.

use crate::ops::dims::{count, product};
use crate::ops::elementwise::same_shape;
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

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

/// Strings cut into at most as many tokens as any of them has, which is data.
pub fn tokenized(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape: Vec<Dim> = node.shape(0)?.iter().copied().chain([Dim::Unknown]).collect();
    Ok(vec![TensorType::new(ElementType::String, shape).into()])
}

/// The current tokens (input 1) with at most all predicted ones (input 3) behind them, and a place in the source.
pub fn bifurcated(node: &Node) -> Result<Vec<Type>, OpError> {
    let [current] = node.dims(1)?;
    let tokens = if node.has_input(3) {
        let [predicted] = node.dims(3)?;
        current.plus(predicted).bound().map_or(Dim::Unknown, Dim::AtMost)
    } else {
        current
    };
    let element = node.element(1)?;
    Ok(vec![TensorType::new(element, vec![tokens]).into(), node.ty(2)?.clone()])
}

/// At most a comparison for each token of the source and each of the longest n-gram, for each length of n-gram.
pub fn bifurcated_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let longest = node.positive("max_ngram_size").unwrap_or(3);
    Ok(Counts::int(product(&[node.count(0)?, longest, longest])?).at_most())
}

/// A vector of as many filters (input 1) as there are, for each word `[.., characters]`.
pub fn word_embedding(node: &Node) -> Result<Vec<Type>, OpError> {
    let (words, _) = node.split_last(0)?;
    let filters = node.shape(1)?.first().copied().unwrap_or(Dim::Unknown);
    let shape: Vec<Dim> = words.iter().copied().chain([filters]).collect();
    Ok(vec![TensorType::new(node.element(1)?, shape).into()])
}

/// A convolution along the characters of each word, a bias, a hyperbolic tangent and a maximum: at most, as words may be
/// shorter.
pub fn word_embedding_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (words, characters) = node.split_last(0)?;
    let [filters, one, window, size] = node.dims(1)?;
    let positions =
        characters.combine(window, |length, window| Some(length.saturating_sub(window).saturating_add(1)));
    let places = product(&[
        count(words, "the words")?,
        count(&[filters], "the filters")?,
        count(&[positions], "a word")?,
    ])?;
    let macs = product(&[places, count(&[one, window, size], "a filter")?])?;
    let each = Counts { alu: 2, trans: 1, ..Counts::ZERO };
    Counts::macs(macs, node.element(3)?, node.element(1)?).plus(each.times(places)?).map(Counts::at_most)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Bool, Int32, Int64, String, Uint32};

    #[test]
    fn elements_are_tested_and_hashed() {
        let finite = microsoft("IsAllFinite").f32(&[2, 3]).f32(&[4]);
        assert_eq!((finite.shape(), finite.ty().tensor().unwrap().element), ("scalar".into(), Bool));
        assert_eq!(finite.counts().int, 10);
        let hash = || microsoft("MurmurHash3").input(Int64, &[2, 3]);
        assert_eq!((hash().shape(), hash().ty().tensor().unwrap().element), ("2×3".into(), Uint32));
        assert_eq!(hash().attr("positive", 0).ty().tensor().unwrap().element, Int32);
    }

    #[test]
    fn tokens_are_cut_joined_and_embedded() {
        let cut = microsoft("Tokenizer").input(String, &[2, 3]);
        assert_eq!((cut.shape(), cut.counts().str), ("2×3×?".into(), 6));
        let joined = microsoft("BifurcationDetector")
            .input(Int64, &[9])
            .input(Int64, &[4])
            .input(Int64, &[])
            .input(Int64, &[5]);
        assert_eq!(joined.shapes(), ["≤9", "scalar"]);
        // Six words of 10 characters, windows of 3: eight places.
        let embedded = microsoft("WordConvEmbedding")
            .input(Int32, &[6, 10])
            .f32(&[32, 1, 3, 16])
            .f32(&[32])
            .f32(&[100, 16]);
        assert_eq!((embedded.shape(), embedded.counts().macs), ("6×32".into(), 6 * 32 * 8 * 3 * 16));
    }
}
