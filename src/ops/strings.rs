//! Operators on strings: RegexFullMatch, StringConcat, StringNormalizer, StringSplit, TfIdfVectorizer.

use super::elementwise::same_shape;
use super::{Attribute, Counts, Node, OpError, broadcast};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// RegexFullMatch: a truth value a string.
///
/// Source: ONNX `RegexFullMatch`, opset 20.
pub fn regex_full_match(node: &Node) -> Result<Vec<Type>, OpError> {
    same_shape(node, ElementType::Bool)
}

/// StringConcat: the inputs, broadcast together.
///
/// Source: ONNX `StringConcat`, opset 20. Errors: [`OpError::Mismatch`].
pub fn string_concat(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of_inputs(node, ElementType::String)?])
}

/// StringNormalizer. `[C]` or `[1, C]` to the strings that are no stop words, or one empty string.
///
/// Source: ONNX `StringNormalizer`, opset 10. Errors: [`OpError::Rank`].
pub fn string_normalizer(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let removes = matches!(node.any("stopwords"), Some(Attribute::Strings(words)) if !words.is_empty());
    let kept = |dim: Dim| match dim {
        Dim::Exact(0) => Dim::Exact(1),
        Dim::AtMost(n) => Dim::AtMost(n.max(1)),
        Dim::Exact(n) if removes && n > 1 => Dim::AtMost(n),
        other => other,
    };
    Ok(vec![match input.shape.as_deref() {
        Some([strings]) => TensorType::new(input.element, [kept(*strings)]).into(),
        Some([one, strings]) => TensorType::new(input.element, [*one, kept(*strings)]).into(),
        Some(shape) => return Err(OpError::Rank { input: 0, expected: "1 or 2", found: shape.len() }),
        None => input.clone().into(),
    }])
}

/// StringSplit. `X [D…]` to `Y [D…, parts]` and `Z [D…]`, the number of parts of each string; with `maxsplit`
/// there is one part more than splits, at most.
///
/// Source: ONNX `StringSplit`, opset 20.
pub fn string_split(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = node.tensor(0)?.shape.clone();
    let splits = node.int("maxsplit")?.and_then(|n| u64::try_from(n).ok());
    let parts = splits.and_then(|n| n.checked_add(1)).map_or(Dim::Unknown, Dim::AtMost);
    let split = shape.clone().map(|mut shape| {
        shape.push(parts);
        shape
    });
    Ok(vec![
        TensorType { element: ElementType::String, shape: split }.into(),
        TensorType { element: ElementType::Int64, shape }.into(),
    ])
}

/// TfIdfVectorizer. `[C]` to `[max(ngram_indexes) + 1]`, `[N, C]` to `[N, max(ngram_indexes) + 1]`.
///
/// Source: ONNX `TfIdfVectorizer`, opset 9. Errors: [`OpError::Rank`], [`OpError::MissingAttribute`].
pub fn tf_idf_vectorizer(node: &Node) -> Result<Vec<Type>, OpError> {
    let indexes = node.int_list("ngram_indexes")?.ok_or(OpError::MissingAttribute("ngram_indexes"))?;
    let last = indexes.iter().max().and_then(|last| u64::try_from(*last).ok());
    let coordinates = Dim::Exact(last.map_or(Some(0), |last| last.checked_add(1)).ok_or(OpError::Overflow)?);
    let element = ElementType::Float32;
    Ok(vec![match node.tensor(0)?.shape.as_deref() {
        Some([_]) => TensorType::new(element, [coordinates]).into(),
        Some([rows, _]) => TensorType::new(element, [*rows, coordinates]).into(),
        Some(shape) => return Err(OpError::Rank { input: 0, expected: "1 or 2", found: shape.len() }),
        None => TensorType::unranked(element).into(),
    }])
}

/// Each element is looked up once for each length and each number of skips an n-gram may have; the weights
/// scale what is found, once an output.
///
/// Source: our own formula over the attributes of ONNX `TfIdfVectorizer`, opset 9.
pub fn tf_idf_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let number = |name| node.int_or(name, 1).map(|n| u64::try_from(n).unwrap_or(0));
    let lengths = number("max_gram_length")?.saturating_sub(number("min_gram_length")?).saturating_add(1);
    let skips = u64::try_from(node.int_or("max_skip_count", 0)?).unwrap_or(0).saturating_add(1);
    let each = if node.element(0)? == ElementType::String { Counts::str(1) } else { Counts::int(1) };
    Ok(each.times(node.count(0)?)?.times(lengths)?.times(skips)?.at_most())
}

/// The weights of the n-grams.
pub fn tf_idf_weights(node: &Node) -> (u64, u64) {
    let weights = match node.any("weights") {
        Some(Attribute::Floats(weights)) => weights.len() as u64,
        _ => 0,
    };
    (weights, weights.saturating_mul(4))
}

#[cfg(test)]
mod tests {
    use super::super::testing::op;
    use super::*;
    use ElementType::{Int64, String};

    #[test]
    fn strings_keep_their_places() {
        let matched = op("RegexFullMatch", 20).input(String, &[2, 3]).attr("pattern", ".*");
        assert_eq!(matched.ty(), TensorType::exact(ElementType::Bool, &[2, 3]).into());
        assert_eq!(matched.counts(), Counts::str(6));
        let joined = op("StringConcat", 20).input(String, &[2, 1]).input(String, &[3]);
        assert_eq!((joined.shape(), joined.counts()), ("2×3".into(), Counts::str(6)));
    }

    #[test]
    fn stop_words_may_leave_fewer_strings_but_never_none() {
        let words = || op("StringNormalizer", 10).input(String, &[1, 4]);
        assert_eq!(words().shape(), "1×4");
        let stop = Attribute::Strings(vec!["the".into()]);
        assert_eq!(words().attr("stopwords", stop).shape(), "1×≤4");
        assert_eq!(op("StringNormalizer", 10).input(String, &[0]).shape(), "1");
        assert!(op("StringNormalizer", 10).input(String, &[2, 2, 2]).types().is_err());
    }

    #[test]
    fn a_split_has_one_part_more_than_splits() {
        assert_eq!(op("StringSplit", 20).input(String, &[5]).shapes(), ["5×?", "5"]);
        assert_eq!(op("StringSplit", 20).input(String, &[5]).attr("maxsplit", 2).shapes(), ["5×≤3", "5"]);
    }

    #[test]
    fn n_grams_have_a_coordinate_each() {
        let counts = |dims: &[u64]| {
            op("TfIdfVectorizer", 9)
                .input(Int64, dims)
                .attr("ngram_indexes", &[0, 1, 2, 6])
                .attr("min_gram_length", 1)
                .attr("max_gram_length", 2)
                .attr("max_skip_count", 1)
        };
        assert_eq!(counts(&[12]).shape(), "7");
        assert_eq!(counts(&[3, 12]).shape(), "3×7");
        // 12 elements, 2 lengths, 2 numbers of skips.
        assert_eq!(counts(&[12]).counts().int, 48);
    }
}
