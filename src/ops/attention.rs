//! Attention: scaled dot-product attention, flexible and linear attention, and rotary embedding.
//!
//! Masks do not lessen the work counted here: every query meets every key, as in a dense kernel.

use super::dims::{count, divided, product};
use super::form::{self, Form};
use super::norm::SOFTMAX;
use super::{Counts, Moved, Node, OpError, traffic};
use crate::tensor::{Dim, ElementType, Shape, TensorType, Type};

/// The sizes of scaled dot-product attention.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Sequences.
    pub batch: Dim,
    /// Heads of the queries.
    pub heads: Dim,
    /// Heads of keys and values, each shared by as many query heads as it takes.
    pub kv_heads: Dim,
    /// Tokens that ask.
    pub queries: Dim,
    /// Tokens that are asked, those of a cache included.
    pub keys: Dim,
    /// Size of a query and of a key.
    pub head: Dim,
    /// Size of a value.
    pub value_head: Dim,
}

impl Sizes {
    /// The shape of the scores, `[B, H, S, T]`.
    pub fn scores(&self) -> Shape {
        vec![self.batch, self.heads, self.queries, self.keys]
    }

    /// The form of a kernel of these sizes, which does a projection before.
    ///
    /// # Errors
    /// [`OpError::UnknownSize`].
    pub fn form(&self, projection: Option<form::MatMul>) -> Result<Form, OpError> {
        let size = |dim: Dim| count(&[dim], "the attention");
        Ok(Form::Attention(Box::new(form::Attention {
            batch: size(self.batch)?,
            heads: size(self.heads)?,
            kv_heads: size(self.kv_heads)?,
            q_len: size(self.queries)?,
            kv_len: size(self.keys)?,
            head_size: size(self.head)?,
            v_head_size: size(self.value_head)?,
            projection,
        })))
    }
}

/// `softmax(Q·Kᵀ·scale)·V`: `B·H·S·T·(d + dv)` multiply-accumulates; a multiplication for the scale and
/// the softmax (maximum, difference, exponential, sum, quotient) for each score, and one addition more
/// for each of `additions` (masks and biases).
///
/// # Errors
/// [`OpError::UnknownSize`] and [`OpError::Overflow`].
pub fn core(sizes: &Sizes, factors: (ElementType, ElementType), additions: u64) -> Result<Counts, OpError> {
    let scores = count(&sizes.scores(), "the attention scores")?;
    let depth = count(&[sizes.head.plus(sizes.value_head)], "an attention head")?;
    SOFTMAX
        .plus(Counts::alu(1))?
        .plus(Counts::alu(additions))?
        .times(scores)?
        .plus(Counts::macs(product(&[scores, depth])?, factors.0, factors.1))
        .map(Counts::by_formula)
}

/// Which keys a query sees of those that it meets.
pub struct Sight {
    /// Keys before the first query.
    pub before: Dim,
    /// How many keys before a query are seen; all of them without it.
    pub left: Option<u64>,
    /// How many keys behind a query are seen; all of them without it.
    pub right: Option<u64>,
}

impl Sight {
    /// Pairs of queries and keys in sight, per head: query i sees key j where `i + before - left <= j <= i + before + right`.
    /// `None` where a size is not exact, or too large to tell.
    fn pairs(&self, queries: u64, keys: u64) -> Option<i128> {
        let (queries, keys) = (i128::from(queries), i128::from(keys));
        let before = i128::from(self.before.exact()?);
        // Keys below k, summed over k from 0 to n - 1.
        let below = |n: i128| -> Option<i128> {
            let n = n.max(0);
            if n <= keys {
                n.checked_mul(n.checked_sub(1)?)?.checked_div(2)
            } else {
                let ramp = keys.checked_mul(keys.checked_sub(1)?)?.checked_div(2)?;
                ramp.checked_add(n.checked_sub(keys)?.checked_mul(keys)?)
            }
        };
        // Pairs where the key stands before the query plus `shift`.
        let until = |shift: i128| below(shift.checked_add(queries)?)?.checked_sub(below(shift)?);
        let end = match self.right {
            Some(right) => until(before.checked_add(i128::from(right))?.checked_add(1)?)?,
            None => queries.checked_mul(keys)?,
        };
        let start = self.left.map_or(Some(0), |left| until(before.checked_sub(i128::from(left))?))?;
        end.checked_sub(start)
    }

    /// Files what a mask hides of a [`core`] of these sizes.
    pub fn hide(&self, sizes: &Sizes, counts: Counts) -> Counts {
        let hidden = || {
            let (queries, keys) = (sizes.queries.exact()?, sizes.keys.exact()?);
            let all = i128::from(queries).checked_mul(i128::from(keys))?;
            let hidden = u64::try_from(all.checked_sub(self.pairs(queries, keys)?)?).ok()?;
            let each =
                [sizes.batch.exact()?, sizes.heads.exact()?, sizes.head.plus(sizes.value_head).exact()?];
            each.iter().try_fold(hidden, |product, n| product.checked_mul(*n))
        };
        Counts { hidden_macs: hidden().unwrap_or(0), ..counts }
    }
}

/// A tensor of heads: `[B, heads, S, d]` as it is, or `[B, S, heads·d]` cut by an attribute.
fn heads(node: &Node, input: usize, attribute: &'static str) -> Result<[Dim; 4], OpError> {
    match *node.shape(input)? {
        [batch, heads, tokens, size] => Ok([batch, heads, tokens, size]),
        [batch, tokens, hidden] => {
            let heads = node.positive(attribute)?;
            Ok([batch, Dim::Exact(heads), tokens, divided(hidden, heads, "the hidden size")?])
        }
        ref shape => Err(OpError::Rank { input, expected: "3 or 4", found: shape.len() }),
    }
}

/// The sizes of `Attention`: past keys (input 4) come before the new ones.
fn sizes(node: &Node) -> Result<Sizes, OpError> {
    let [batch, q_heads, queries, head] = heads(node, 0, "q_num_heads")?;
    let [_, kv_heads, new, key_head] = heads(node, 1, "kv_num_heads")?;
    let [_, _, _, value_head] = heads(node, 2, "kv_num_heads")?;
    if !head.agrees_with(key_head) {
        return Err(OpError::Mismatch(format!("queries of size {head} meet keys of size {key_head}")));
    }
    let keys = if node.has_input(4) {
        let [_, _, past, _] = node.dims(4)?;
        past.plus(new)
    } else {
        new
    };
    Ok(Sizes { batch, heads: q_heads, kv_heads, queries, keys, head, value_head })
}

/// `Q [B, H, S, d]`, `K [B, Hkv, T, d]`, `V [B, Hkv, T, dv]`, or of rank 3 with the heads side by side, to
/// `Y` of `Q`'s rank, the keys and values with the past ones before them, and the scores.
///
/// Source: ONNX `Attention`, opset 25, and `FlexAttention`, preview 1, which has the first output only.
pub fn attention(node: &Node) -> Result<Vec<Type>, OpError> {
    let sizes = sizes(node)?;
    let Sizes { batch, heads, kv_heads, queries, keys, head, value_head } = sizes;
    let output = if node.shape(0)?.len() == 3 {
        vec![batch, queries, heads.times(value_head)]
    } else {
        vec![batch, heads, queries, value_head]
    };
    let (query, key, value) = (node.element(0)?, node.element(1)?, node.element(2)?);
    Ok(vec![
        TensorType::new(query, output).into(),
        TensorType::new(key, vec![batch, kv_heads, keys, head]).into(),
        TensorType::new(value, vec![batch, kv_heads, keys, value_head]).into(),
        TensorType::new(query, sizes.scores()).into(),
    ])
}

/// `softcap·tanh(score / softcap)`, if there is a cap: the division is counted as a multiplication.
pub fn soft_cap(node: &Node, sizes: &Sizes) -> Result<Counts, OpError> {
    if node.float_or("softcap", 0.0)? == 0.0 {
        return Ok(Counts::ZERO);
    }
    Counts { alu: 2, trans: 1, ..Counts::ZERO }.times(count(&sizes.scores(), "the attention scores")?)
}

/// [`core`], with a mask (input 3) and a [`soft_cap`]. An upper bound where `nonpad_kv_seqlen` (input 6) may spare work.
pub fn attention_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = sizes(node)?;
    let counts = core(&sizes, (node.element(0)?, node.element(1)?), node.given(&[3]))?;
    let counts = counts.plus(soft_cap(node, &sizes)?)?;
    // Keys that are padding are data: so is where the queries stand among them.
    Ok(if node.has_input(6) { counts.at_most() } else { sight(node)?.hide(&sizes, counts) })
}

/// What `is_causal` and the window of `Attention` leave in sight.
///
/// Source: ONNX `Attention`, opset 25.
fn sight(node: &Node) -> Result<Sight, OpError> {
    let before = if node.has_input(4) { node.dims::<4>(4)?[2] } else { Dim::Exact(0) };
    let window = |name: &'static str| Ok(u64::try_from(node.int_or(name, -1)?).ok());
    let right = window("right_window_size")?;
    let right = if node.int_or("is_causal", 0)? == 1 { Some(0) } else { right };
    Ok(Sight { before, left: window("left_window_size")?, right })
}

/// Attention and FlexAttention.
pub fn attention_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    sizes(node)?.form(None)
}

/// [`core`]: what the graphs `score_mod` and `prob_mod` do is counted with their nodes.
pub fn flex_attention_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    core(&sizes(node)?, (node.element(0)?, node.element(1)?), 0)
}

/// Both graphs of `FlexAttention` are given a tensor `[B, Hq, L, S]` of the type of the softmax: float32 unless
/// `softmax_precision` says another, or the query is float64.
///
/// Source: ONNX `FlexAttention`, preview 1.
pub fn modifiers(node: &Node) -> Result<Vec<(&'static str, Vec<Type>)>, OpError> {
    let usual = match node.element(0)? {
        ElementType::Float64 => ElementType::Float64,
        _ => ElementType::Float32,
    };
    let element = node.element_type("softmax_precision")?.unwrap_or(usual);
    let scores = Type::from(TensorType::new(element, sizes(node)?.scores()));
    Ok(vec![("score_mod", vec![scores.clone()]), ("prob_mod", vec![scores])])
}

/// Where an operator of rotary embedding has its inputs.
struct Rotary {
    cosines: usize,
    sines: usize,
    positions: usize,
}

const ONNX_ROTARY: Rotary = Rotary { cosines: 1, sines: 2, positions: 3 };
const MICROSOFT_ROTARY: Rotary = Rotary { cosines: 2, sines: 3, positions: 1 };

/// Of `X [B, H, S, d]` or `[B, S, H·d]`, the elements that turn: all, or of each head the first
/// `rotary_embedding_dim`.
///
/// Source: ONNX `RotaryEmbedding`, opset 23.
fn rotated(node: &Node) -> Result<u64, OpError> {
    let shape = node.shape(0)?;
    if node.int_or("rotary_embedding_dim", 0)? == 0 {
        return count(shape, "an input");
    }
    let turning = Dim::Exact(node.positive("rotary_embedding_dim")?);
    let heads = match *shape {
        [batch, heads, tokens, _] => [batch, heads, tokens],
        [batch, tokens, _] => [batch, tokens, Dim::Exact(node.positive("num_heads")?)],
        _ => return Err(OpError::Rank { input: 0, expected: "3 or 4", found: shape.len() }),
    };
    let [a, b, c] = heads;
    count(&[a, b, c, turning], "the rotated part")
}

/// Each pair of elements takes four multiplications and two additions: three for each element.
pub fn rotate(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    Counts::alu(3).times(rotated(node)?)
}

fn rotary_traffic(node: &Node, at: &Rotary) -> Result<Moved, OpError> {
    if node.has_input(at.positions) {
        let tokens = match *node.shape(0)? {
            [batch, _, tokens, _] | [batch, tokens, _] => count(&[batch, tokens], "the sequences")?,
            ref shape => return Err(OpError::Rank { input: 0, expected: "3 or 4", found: shape.len() }),
        };
        return traffic::looked_up(node, &[at.cosines, at.sines], tokens);
    }
    Ok(Moved::whole())
}

/// The caches (inputs 1 and 2) are read at the positions (input 3) only, or as they are without them.
pub fn rotary(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    rotary_traffic(node, &ONNX_ROTARY)
}

/// The caches (inputs 2 and 3) are read at the positions (input 1) only.
///
/// Source: ONNX Runtime `RotaryEmbedding`, com.microsoft version 1.
pub fn microsoft_rotary(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    rotary_traffic(node, &MICROSOFT_ROTARY)
}

/// The sizes of linear attention.
struct Linear {
    batch: Dim,
    tokens: Dim,
    q_heads: u64,
    kv_heads: u64,
    key: Dim,
    value: Dim,
}

fn linear(node: &Node) -> Result<Linear, OpError> {
    let (q_heads, kv_heads) = (node.positive("q_num_heads")?, node.positive("kv_num_heads")?);
    let [batch, tokens, q_hidden] = node.dims(0)?;
    let [_, _, v_hidden] = node.dims(2)?;
    Ok(Linear {
        batch,
        tokens,
        q_heads,
        kv_heads,
        key: divided(q_hidden, q_heads, "the query's hidden size")?,
        value: divided(v_hidden, kv_heads, "the value's hidden size")?,
    })
}

/// `Q [B, T, Hq·dk]`, `K [B, T, Hkv·dk]`, `V [B, T, Hkv·dv]` to `[B, T, H·dv]` and the state
/// `[B, Hkv, dk, dv]`, with `state_window` of them when that is positive.
///
/// Source: ONNX `LinearAttention`, opset 27; ONNX Runtime adds the window, and more value than query heads.
pub fn linear_attention(node: &Node) -> Result<Vec<Type>, OpError> {
    let Linear { batch, tokens, q_heads, kv_heads, key, value } = linear(node)?;
    let hidden = Dim::Exact(q_heads.max(kv_heads)).times(value);
    let window = u64::try_from(node.int_or("state_window", 0)?).unwrap_or(0);
    let mut state = vec![batch, Dim::Exact(kv_heads), key, value];
    if window > 0 {
        state.insert(0, Dim::Exact(window));
    }
    let state_element = if node.has_input(3) { node.element(3)? } else { node.element(0)? };
    Ok(vec![
        TensorType::new(node.element(0)?, vec![batch, tokens, hidden]).into(),
        TensorType::new(state_element, state).into(),
    ])
}

/// For each token and head, on a state of `dk·dv`: the outer product of key and value, the read-out by
/// each query head, and for the delta rules the retrieval by the key, all multiply-accumulates; a
/// multiplication of the state for the gated rules. The recurrence is counted, not a chunked form of it.
pub fn linear_attention_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = linear(node)?;
    let (gated, delta) = match node.str_or("update_rule", "gated_delta")? {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => {
            let problem = format!("is \"{other}\", expected linear, gated, delta or gated_delta");
            return Err(OpError::Attribute { name: "update_rule", problem });
        }
    };
    let tokens = count(&[sizes.batch, sizes.tokens], "the sequences")?;
    let state = count(&[sizes.key, sizes.value], "the state")?;
    let value = count(&[sizes.value], "a value")?;
    let readers = sizes.q_heads.max(sizes.kv_heads);
    let passes = sizes.kv_heads.checked_mul(1 + u64::from(delta)).and_then(|n| n.checked_add(readers));
    let macs = product(&[tokens, passes.ok_or(OpError::Overflow)?, state])?;

    let mut counts = Counts::macs(macs, node.element(0)?, node.element(1)?)
        .plus(Counts::alu(product(&[tokens, readers, value])?))?;
    if gated {
        let decays = node.tensor(4)?.elements().bound().ok_or(OpError::UnknownSize("the decay"))?;
        counts = counts.plus(Counts::trans(decays))?.plus(Counts::alu(product(&[
            tokens,
            sizes.kv_heads,
            state,
        ])?))?;
    }
    if delta {
        counts = counts.plus(Counts::alu(2).times(product(&[tokens, sizes.kv_heads, value])?)?)?;
    }
    Ok(counts.by_formula())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, op, op_of};
    use super::super::{Bytes, Confidence};
    use super::modifiers;
    use crate::tensor::ElementType::{Bool, Float16, Float32, Float64, Int64};
    use crate::tensor::{Dim, TensorType};

    /// Two sequences, eight query heads on four key heads of 16, values of 12.
    fn four_dimensional() -> Case {
        op("Attention", 23).f32(&[2, 8, 5, 16]).f32(&[2, 4, 7, 16]).f32(&[2, 4, 7, 12])
    }

    #[test]
    fn heads_come_apart_or_side_by_side() {
        assert_eq!(four_dimensional().shapes(), ["2×8×5×12", "2×4×7×16", "2×4×7×12", "2×8×5×7"]);
        let packed = op("Attention", 24)
            .f32(&[2, 5, 128])
            .f32(&[2, 7, 64])
            .f32(&[2, 7, 48])
            .attr("q_num_heads", 8)
            .attr("kv_num_heads", 4);
        assert_eq!(packed.shapes(), ["2×5×96", "2×4×7×16", "2×4×7×12", "2×8×5×7"]);
        assert_eq!(packed.counts(), four_dimensional().counts());
    }

    #[test]
    fn every_query_meets_every_key_and_the_past() {
        let scores = 2 * 8 * 5 * 7;
        let counts = four_dimensional().counts();
        assert_eq!(counts.macs, scores * (16 + 12));
        // Scale and softmax: one and three; then exp and the quotient.
        assert_eq!((counts.alu, counts.trans, counts.div), (scores * 4, scores, scores));
        assert_eq!(counts.confidence, Confidence::Formula);

        let past = four_dimensional().none().f32(&[2, 4, 3, 16]).f32(&[2, 4, 3, 12]);
        assert_eq!(past.shapes(), ["2×8×5×12", "2×4×10×16", "2×4×10×12", "2×8×5×10"]);
        assert_eq!(past.counts().macs, 2 * 8 * 5 * 10 * 28);
    }

    #[test]
    fn masks_and_soft_caps_add_to_each_score() {
        let scores = 2 * 8 * 5 * 7;
        let plain = four_dimensional().counts();
        let masked = four_dimensional().input(Bool, &[5, 7]).counts();
        assert_eq!(masked.alu - plain.alu, scores);
        let capped = four_dimensional().attr("softcap", 30.0).counts();
        assert_eq!((capped.alu - plain.alu, capped.trans - plain.trans), (2 * scores, scores));
        let padded = four_dimensional().none().none().none().input(Int64, &[2]).counts();
        assert_eq!((padded.macs, padded.confidence), (plain.macs, Confidence::Bound));
    }

    #[test]
    fn a_bounded_sequence_bounds_the_scores() {
        let dims = [Dim::Exact(1), Dim::Exact(2), Dim::AtMost(10), Dim::Exact(4)];
        let case = op("Attention", 23).dims(Float16, &dims).dims(Float16, &dims).dims(Float16, &dims);
        assert_eq!(case.shapes()[3], "1×2×≤10×≤10");
        assert_eq!((case.counts().macs, case.counts().factors), (2 * 100 * 8, Some((Float16, Float16))));
    }

    #[test]
    fn invalid_attention_is_refused() {
        let without_heads = op("Attention", 23).f32(&[2, 5, 8]).f32(&[2, 7, 8]).f32(&[2, 7, 8]);
        assert_eq!(without_heads.types().unwrap_err().to_string(), "attribute \"q_num_heads\" is missing");
        let uneven = without_heads.attr("q_num_heads", 3).attr("kv_num_heads", 2);
        assert_eq!(uneven.types().unwrap_err().to_string(), "the hidden size 8 is no multiple of 3");
        let unequal = op("Attention", 23).f32(&[1, 1, 5, 8]).f32(&[1, 1, 5, 4]).f32(&[1, 1, 5, 4]);
        assert!(unequal.types().is_err());
    }

    #[test]
    fn the_graphs_of_flex_attention_are_given_the_scores() {
        let case = |element| {
            let operand = |case: Case, tokens| case.input(element, &[1, 2, tokens, 4]);
            operand(operand(operand(op_of("ai.onnx.preview", "FlexAttention", 1), 5), 7), 7)
        };
        let given = |case: &Case| case.run(|node, _| modifiers(node).unwrap());
        let scores = |element| vec![TensorType::exact(element, &[1, 2, 5, 7]).into()];
        for (case, element) in [
            (case(Float16), Float32),
            (case(Float64), Float64),
            (case(Float16).attr("softmax_precision", i64::from(Float16.onnx_code())), Float16),
        ] {
            let expected = vec![("score_mod", scores(element)), ("prob_mod", scores(element))];
            assert_eq!(given(&case), expected);
        }
        assert_eq!(case(Float16).counts().macs, 2 * 5 * 7 * 8);
    }

    #[test]
    fn rotation_takes_three_operations_an_element_and_reads_the_rows_it_needs() {
        let case = || {
            op("RotaryEmbedding", 23).f32(&[2, 8, 5, 16]).f32(&[100, 8]).f32(&[100, 8]).input(Int64, &[2, 5])
        };
        assert_eq!(case().shape(), "2×8×5×16");
        assert_eq!(case().counts().alu, 3 * 2 * 8 * 5 * 16);
        assert_eq!(case().moved().read[1..3], [Bytes::Part(2 * 5 * 8 * 4); 2]);
        assert_eq!(case().attr("rotary_embedding_dim", 4).counts().alu, 3 * 2 * 8 * 5 * 4);
        let by_token = op("RotaryEmbedding", 23).f32(&[2, 5, 128]).f32(&[2, 5, 8]).f32(&[2, 5, 8]);
        assert_eq!(by_token.moved().read, []);
        let partial = by_token.attr("num_heads", 8).attr("rotary_embedding_dim", 4);
        assert_eq!(partial.counts().alu, 3 * 2 * 8 * 5 * 4);
    }

    #[test]
    fn linear_attention_passes_over_its_state_for_each_term_of_the_rule() {
        let case = |rule: &'static str| {
            op("LinearAttention", 27)
                .input(Float16, &[2, 5, 4 * 8])
                .input(Float16, &[2, 5, 2 * 8])
                .input(Float16, &[2, 5, 2 * 6])
                .input(Float32, &[2, 2, 8, 6])
                .input(Float16, &[2, 5, 2])
                .input(Float16, &[2, 5, 2])
                .attr("q_num_heads", 4)
                .attr("kv_num_heads", 2)
                .attr("update_rule", rule)
        };
        assert_eq!(case("linear").shapes(), ["2×5×24", "2×2×8×6"]);
        assert_eq!(case("linear").types().unwrap()[1].tensor().unwrap().element, Float32);
        // Outer product in 2 heads, read-out by 4, retrieval in 2.
        assert_eq!(case("linear").counts().macs, 10 * (2 + 4) * 48);
        assert_eq!(case("gated_delta").counts().macs, 10 * (2 + 4 + 2) * 48);
        assert_eq!(case("linear").counts().alu, 10 * 4 * 6);
        assert_eq!(case("gated").counts().alu, 10 * 4 * 6 + 10 * 2 * 48);
        assert_eq!(case("gated").counts().trans, 20);
        assert_eq!(case("delta").counts().alu, 10 * 4 * 6 + 2 * 10 * 2 * 6);
    }

    /// Pairs counted one by one.
    #[test]
    fn what_a_mask_hides_is_counted_in_closed_form() {
        for (queries, keys, before, left, right) in [
            (5, 5, 0, None, Some(0)),
            (5, 8, 3, None, Some(0)),
            (5, 8, 0, None, Some(0)),
            (6, 9, 3, Some(2), Some(0)),
            (6, 9, 3, Some(0), Some(1)),
            (9, 4, 0, Some(1), Some(2)),
            (4, 4, 9, Some(3), None),
            (1, 7, 6, Some(100), Some(0)),
            (0, 7, 0, None, Some(0)),
        ] {
            let sight = super::Sight { before: Dim::Exact(before), left, right };
            let seen = |(i, j): (u64, u64)| {
                let (at, j) = (i64::try_from(i + before).unwrap(), i64::try_from(j).unwrap());
                let reaches = |size: Option<u64>, distance: i64| {
                    size.is_none_or(|size| distance <= i64::try_from(size).unwrap())
                };
                reaches(left, at - j) && reaches(right, j - at)
            };
            let one_by_one =
                (0..queries).flat_map(|i| (0..keys).map(move |j| (i, j))).filter(|pair| seen(*pair));
            let case = (queries, keys, before, left, right);
            assert_eq!(sight.pairs(queries, keys), Some(one_by_one.count() as i128), "{case:?}");
        }
        // Two sequences, three heads of 4 and 6: ten of 25 pairs lie behind the diagonal.
        let causal =
            op("Attention", 23).f32(&[2, 3, 5, 4]).f32(&[2, 3, 5, 4]).f32(&[2, 3, 5, 6]).attr("is_causal", 1);
        assert_eq!(causal.counts().hidden_macs, 2 * 3 * 10 * 10);
        assert_eq!(causal.counts().macs, 2 * 3 * 25 * 10);
    }
}
