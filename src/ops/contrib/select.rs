//! What sparse attention and hashed embeddings read, chosen before they do: scores of compressed keys, and hashes of
//! neighbouring tokens.

use crate::ops::dims::{count, product};
use crate::ops::norm::scaled_rms;
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// How compressed keys are made and chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// The mean of each block of tokens; tokens of the best blocks are chosen.
    Tokens,
    /// A gated sum of each window of two blocks; the best windows are chosen.
    Windows,
}

/// An indexer: its policy, tokens a block, how many entries it chooses, and the size of a key.
struct Indexer {
    policy: Policy,
    ratio: u64,
    chosen: u64,
    head: Dim,
}

impl Indexer {
    fn of(node: &Node) -> Result<Self, OpError> {
        let ratio = node.positive("compress_ratio")?;
        let (policy, chosen) = match node.str_or("policy_mode", "")? {
            "qsa" => {
                let budget = node.positive("token_budget")?.checked_add(ratio - 1);
                (Policy::Tokens, budget.ok_or(OpError::Overflow)?)
            }
            "csa" => (Policy::Windows, node.positive("index_topk")?),
            other => {
                let problem = format!("is \"{other}\", expected qsa or csa");
                return Err(OpError::Attribute { name: "policy_mode", problem });
            }
        };
        let [head] = node.dims(3)?;
        Ok(Self { policy, ratio, chosen, head })
    }

    /// Heads of queries as wide as `hidden`; without keys (input 1) they hold one more.
    fn heads(&self, node: &Node, hidden: Dim) -> Result<u64, OpError> {
        let head = count(&[self.head], "a key")?;
        let heads = count(&[hidden], "the queries")?.checked_div(head).unwrap_or(0);
        Ok(if node.has_input(1) { heads } else { heads.saturating_sub(1) })
    }

    /// The scores of `tokens` queries with at most `entries` compressed keys, what is done to them, the normalised and
    /// turned queries, the compression of the new keys, and a heap for the best.
    fn work(&self, node: &Node, tokens: u64, entries: u64) -> Result<Counts, OpError> {
        let hidden = node.shape(0)?.last().copied().unwrap_or(Dim::Unknown);
        let (heads, head) = (self.heads(node, hidden)?, count(&[self.head], "a key")?);
        let scores = product(&[tokens, heads, entries])?;
        let queries = product(&[tokens, heads, head])?;
        let element = node.element(0)?;
        let (of_score, of_key) = match self.policy {
            Policy::Tokens => (2, Counts::alu(1)),
            // A softmax over the window, and a weighted sum.
            Policy::Windows => (3, Counts { alu: 6, trans: 1, div: 1, ..Counts::ZERO }),
        };
        let depth = u64::from(self.chosen.saturating_add(1).next_power_of_two().ilog2());
        let keys = product(&[tokens, head, if self.policy == Policy::Windows { 2 } else { 1 }])?;
        Counts::macs(product(&[scores, head])?, element, element)
            .plus(Counts::alu(of_score).times(scores)?)?
            .plus(scaled_rms(queries, product(&[tokens, heads])?)?)?
            .plus(Counts::alu(3).times(queries)?)?
            .plus(of_key.times(keys)?)?
            .plus(Counts::int(depth).times(product(&[tokens, entries])?)?)
            .map(Counts::at_most)
    }
}

/// `indices [B, S, chosen]`, the keys with the new ones, and the projections that no window has taken yet.
pub fn indexer(node: &Node) -> Result<Vec<Type>, OpError> {
    let indexer = Indexer::of(node)?;
    let [batch, tokens, _] = node.dims(0)?;
    let [_, past, head] = node.dims(7)?;
    let held = match (node.has_input(12), indexer.policy) {
        (true, _) => past,
        (false, Policy::Tokens) => past.plus(tokens),
        (false, Policy::Windows) => past.plus(tokens).bound().map_or(Dim::Unknown, Dim::AtMost),
    };
    let pending = Dim::AtMost(indexer.ratio.saturating_mul(2).saturating_sub(1));
    let (element, cached) = (node.element(0)?, node.element(7)?);
    let buffer = vec![Dim::Exact(2), batch, pending, head.times(Dim::Exact(2))];
    Ok(vec![
        TensorType::new(ElementType::Int32, vec![batch, tokens, Dim::Exact(indexer.chosen)]).into(),
        TensorType::new(cached, vec![batch, held, head]).into(),
        TensorType::new(element, buffer).into(),
    ])
}

/// Each query meets at most an entry for each block of all tokens, or each compressed key.
pub fn indexer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let indexer = Indexer::of(node)?;
    let [batch, tokens, _] = node.dims(0)?;
    let [_, past, _] = node.dims(7)?;
    let (past, new) = (count(&[past], "the past keys")?, count(&[tokens], "the sequences")?);
    let entries = match indexer.policy {
        Policy::Tokens => past.checked_add(new).ok_or(OpError::Overflow)?.div_ceil(indexer.ratio),
        Policy::Windows => past.checked_add(new.div_ceil(indexer.ratio)).ok_or(OpError::Overflow)?,
    };
    indexer.work(node, count(&[batch, tokens], "the sequences")?, entries)
}

/// As [`indexer`], of tokens side by side: `indices [tokens, chosen]`, how many of them count, and states in place.
pub fn packed_indexer(node: &Node) -> Result<Vec<Type>, OpError> {
    let indexer = Indexer::of(node)?;
    let [tokens, _] = node.dims(0)?;
    let [batch, _, head] = node.dims(12)?;
    let width = if node.any("max_output_entries").is_some() {
        node.positive("max_output_entries")?
    } else {
        indexer.chosen
    };
    let state = |input: usize| node.input(input).map_or(Type::Unknown, |operand| operand.ty.clone());
    let captured = u64::try_from(node.int_or("state_update_capacity", 0)?).unwrap_or(0);
    let of = |element, shape: Vec<Dim>| Type::from(TensorType::new(element, shape));
    Ok(vec![
        of(ElementType::Int32, vec![tokens, Dim::Exact(width)]),
        of(ElementType::Int32, vec![tokens]),
        state(12),
        state(13),
        state(14),
        state(15),
        of(node.element(0)?, vec![batch, Dim::Exact(captured), head]),
        of(ElementType::Int32, vec![tokens]),
        of(ElementType::Int32, vec![batch]),
    ])
}

/// Each token meets at most as many entries as the state (input 12) has room for.
pub fn packed_indexer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let indexer = Indexer::of(node)?;
    let [tokens, _] = node.dims(0)?;
    let [_, capacity, _] = node.dims(12)?;
    indexer.work(node, count(&[tokens], "the tokens")?, count(&[capacity], "the state")?)
}

/// `indices [N, max_output_entries]`, how many of them count, and whether that went well; N rows are mapped (input 2).
pub fn merged(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element(0)?;
    let [rows] = node.dims(2)?;
    let width = Dim::Exact(node.positive("max_output_entries")?);
    let shapes = [vec![rows, width], vec![rows], vec![rows]];
    Ok(shapes.into_iter().map(|shape| TensorType::new(element, shape).into()).collect())
}

/// At most a look-up for each entry of the base (input 0), and one for each of the result.
pub fn merged_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [_, base] = node.dims(0)?;
    let [rows] = node.dims(2)?;
    let each = count(&[base], "the base")?
        .checked_add(node.positive("max_output_entries")?)
        .ok_or(OpError::Overflow)?;
    Counts::int(product(&[count(&[rows], "the rows")?, each])?).plus(Counts::ZERO).map(Counts::at_most)
}

/// Heads of all n-grams together, and how many tokens the longest one reaches back.
fn grams(node: &Node) -> Result<(u64, u64), OpError> {
    let back = node.positive("max_ngram_size")?.saturating_sub(1);
    Ok((product(&[back, node.positive("n_head_per_ngram")?])?, back))
}

/// A hash for each token and head, and the tokens that the next call looks back on.
pub fn hashes(node: &Node) -> Result<Vec<Type>, OpError> {
    let (heads, back) = grams(node)?;
    let element = node.element(0)?;
    let [batch, tokens] = node.dims(0)?;
    Ok(vec![
        TensorType::new(element, vec![batch, tokens, Dim::Exact(heads)]).into(),
        TensorType::new(element, vec![batch, Dim::Exact(back)]).into(),
    ])
}

/// As [`hashes`], of tokens side by side; sequences are as many as there are offsets (input 3) but one.
pub fn packed_hashes(node: &Node) -> Result<Vec<Type>, OpError> {
    let (heads, back) = grams(node)?;
    let element = node.element(0)?;
    let [tokens] = node.dims(0)?;
    let [offsets] = node.dims(3)?;
    let (batch, back) = (offsets.map(|n| n.checked_sub(1)), Dim::Exact(back));
    let captured = Dim::Exact(u64::try_from(node.int_or("state_update_capacity", 0)?).unwrap_or(0));
    Ok(vec![
        TensorType::new(element, vec![tokens, Dim::Exact(heads)]).into(),
        TensorType::new(element, vec![batch, back]).into(),
        TensorType::new(ElementType::Int32, vec![batch, back]).into(),
        TensorType::new(element, vec![batch, captured, back]).into(),
    ])
}

/// For each token a product and an exclusive or for each shift, and for each head a remainder and an offset.
pub fn hashes_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (heads, back) = grams(node)?;
    let shifts = back.checked_add(1).and_then(|shifts| shifts.checked_add(heads));
    Ok(Counts::int(product(&[node.count(0)?, 2, shifts.ok_or(OpError::Overflow)?])?))
}

#[cfg(test)]
mod tests {
    use crate::ops::Confidence;
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Int32, Int64};

    /// Two sequences of 6 tokens after 10, four heads of 8, blocks of 4: four entries.
    #[test]
    fn blocks_are_scored_by_each_query() {
        let case = microsoft("SparseAttentionIndexer")
            .f32(&[2, 6, 32])
            .f32(&[2, 6, 8])
            .f32(&[8])
            .f32(&[8])
            .f32(&[64, 4])
            .f32(&[64, 4])
            .none()
            .f32(&[2, 10, 8])
            .attr("policy_mode", "qsa")
            .attr("compress_ratio", 4)
            .attr("token_budget", 12);
        assert_eq!(case.shapes()[..2], ["2×6×15", "2×16×8"]);
        assert_eq!((case.counts().macs, case.counts().confidence), (12 * 4 * 4 * 8, Confidence::Bound));
    }

    #[test]
    fn neighbouring_tokens_are_hashed() {
        let case = microsoft("NGramHashMapping")
            .input(Int64, &[2, 5])
            .input(Int64, &[3])
            .input(Int64, &[8])
            .attr("max_ngram_size", 3)
            .attr("n_head_per_ngram", 4);
        assert_eq!(case.shapes(), ["2×5×8", "2×2"]);
        assert_eq!(case.counts().int, 10 * 2 * (3 + 8));
        let packed = microsoft("VarlenNGramHashMapping")
            .input(Int64, &[7])
            .input(Int64, &[3])
            .input(Int64, &[8])
            .input(Int32, &[4])
            .attr("max_ngram_size", 3)
            .attr("n_head_per_ngram", 4);
        assert_eq!(packed.shapes(), ["7×8", "3×2", "3×2", "3×0×2"]);
    }

    #[test]
    fn selections_are_joined() {
        let case = microsoft("PackedSparseAttentionIndexerMerge")
            .input(Int32, &[3, 8])
            .input(Int32, &[3])
            .input(Int32, &[5])
            .attr("max_output_entries", 12);
        assert_eq!((case.shapes(), case.counts().int), (vec!["5×12".into(), "5".into(), "5".into()], 100));
    }
}
