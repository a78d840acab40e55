//! Attention that projects its input to queries, keys and values itself.

use crate::ops::attention::{self, Sight, Sizes};
use crate::ops::dims::{count, divided, product};
use crate::ops::form::{Form, MatMul, Right};
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, Scalar, TensorType, Type};

/// Where an operator of this kind has its optional inputs.
struct Places {
    /// `[2, B, H, P, d]`: past keys, then past values.
    past: usize,
    /// The number of past tokens, where the past is a buffer that holds more.
    past_length: Option<usize>,
    /// Masks and biases added to the scores.
    additions: &'static [usize],
}

const ATTENTION: Places = Places { past: 4, past_length: Some(6), additions: &[3, 5] };
const QUANTIZED: Places = Places { past: 8, past_length: None, additions: &[5] };

/// The hidden sizes of queries, keys and values: by attribute, or thirds of the weights
/// `[Din, Dq + Dk + Dv]` (input 1).
fn hidden_sizes(node: &Node) -> Result<[Dim; 3], OpError> {
    let name = "qkv_hidden_sizes";
    if let Some(sizes) = node.int_list(name)? {
        let sizes: Option<Vec<u64>> = sizes.iter().map(|size| u64::try_from(*size).ok()).collect();
        return match sizes.as_deref() {
            Some([query, key, value]) => Ok([Dim::Exact(*query), Dim::Exact(*key), Dim::Exact(*value)]),
            _ => Err(OpError::Attribute { name, problem: "is not three sizes".into() }),
        };
    }
    let [_, all] = node.dims(1)?;
    Ok([divided(all, 3, "the weights' second dimension")?; 3])
}

/// What past tokens make of the keys.
struct Cache {
    /// Tokens that `present` holds.
    held: Dim,
    /// Tokens that queries meet.
    met: Dim,
}

fn cache(node: &Node, places: &Places, new: Dim) -> Result<Cache, OpError> {
    if !node.has_input(places.past) {
        return Ok(Cache { held: new, met: new });
    }
    let [_, _, _, past, _] = node.dims(places.past)?;
    if node.int_or("past_present_share_buffer", 0)? == 0 {
        return Ok(Cache { held: past.plus(new), met: past.plus(new) });
    }
    let length = places.past_length.map_or(Scalar::Unknown, |input| node.scalar(input));
    Ok(Cache { held: past, met: filled(past, length, new) })
}

/// Tokens in a buffer after new ones came: the past length and the new, or at most the buffer.
pub fn filled(buffer: Dim, past_length: Scalar, new: Dim) -> Dim {
    match past_length.dim().plus(new) {
        Dim::Unknown => buffer.bound().map_or(Dim::Unknown, Dim::AtMost),
        length => length,
    }
}

fn sizes(node: &Node, places: &Places) -> Result<(Sizes, Cache), OpError> {
    let [batch, tokens, _] = node.dims(0)?;
    let [query, _, value] = hidden_sizes(node)?;
    let heads = node.positive("num_heads")?;
    let cache = cache(node, places, tokens)?;
    let sizes = Sizes {
        batch,
        heads: Dim::Exact(heads),
        kv_heads: Dim::Exact(heads),
        queries: tokens,
        keys: cache.met,
        head: divided(query, heads, "the query's hidden size")?,
        value_head: divided(value, heads, "the value's hidden size")?,
    };
    Ok((sizes, cache))
}

fn outputs(node: &Node, places: &Places, element_of: usize) -> Result<Vec<Type>, OpError> {
    let element = node.element(element_of)?;
    let (sizes, cache) = sizes(node, places)?;
    let output = vec![sizes.batch, sizes.queries, sizes.heads.times(sizes.value_head)];
    let present = vec![Dim::Exact(2), sizes.batch, sizes.heads, cache.held, sizes.head];
    Ok(vec![TensorType::new(element, output).into(), TensorType::new(element, present).into()])
}

/// Work of the projections of `X [tokens…, Din]` by `W [Din, Dq + Dk + Dv]`, the bias added.
fn projections(node: &Node, bias: u64) -> Result<Counts, OpError> {
    let (tokens, input) = node.split_last(0)?;
    let [query, key, value] = hidden_sizes(node)?;
    let projected = product(&[
        count(tokens, "the sequences")?,
        count(&[query.plus(key).plus(value)], "the hidden sizes")?,
    ])?;
    let macs = product(&[projected, count(&[input], "the input's hidden size")?])?;
    Counts::macs(macs, node.element(0)?, node.element(1)?).plus(Counts::alu(bias).times(projected)?)
}

/// The product of [`projections`].
fn projection(node: &Node) -> Result<MatMul, OpError> {
    let (tokens, input) = node.split_last(0)?;
    let [query, key, value] = hidden_sizes(node)?;
    Ok(MatMul {
        batch: 1,
        m: count(tokens, "the sequences")?,
        n: count(&[query.plus(key).plus(value)], "the hidden sizes")?,
        k: count(&[input], "the input's hidden size")?,
        right: Right::of(node, 1),
    })
}

/// The rotary embedding of queries and keys, if there is one.
fn rotary(node: &Node, sizes: &Sizes) -> Result<Counts, OpError> {
    if node.int_or("do_rotary", 0)? == 0 {
        return Ok(Counts::ZERO);
    }
    let queries = count(&[sizes.batch, sizes.queries, sizes.heads, sizes.head], "the queries")?;
    Counts::alu(3).times(2)?.times(queries)
}

/// `X [B, S, Din]`, `W [Din, Dq + Dk + Dv]` to `Y [B, S, Dv]` and, with past ones before them, keys and
/// values `[2, B, H, T, d]`. Also `DecoderMaskedSelfAttention`, whose `S` is 1.
pub fn attention(node: &Node) -> Result<Vec<Type>, OpError> {
    outputs(node, &ATTENTION, 0)
}

/// Projections with bias, rotary embedding, and the core.
pub fn attention_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (sizes, _) = sizes(node, &ATTENTION)?;
    let element = node.element(0)?;
    let core = attention::core(&sizes, (element, element), node.given(ATTENTION.additions))?;
    let core = unidirectional(node, &sizes, core)?;
    projections(node, node.given(&[2]))?.plus(rotary(node, &sizes)?)?.plus(core)
}

/// Files what is hidden of the core where tokens see only those before them: queries are the last of the keys.
pub fn unidirectional(node: &Node, sizes: &Sizes, core: Counts) -> Result<Counts, OpError> {
    if node.int_or("unidirectional", 0)? == 0 {
        return Ok(core);
    }
    let before = sizes.keys.combine(sizes.queries, |keys, queries| keys.checked_sub(queries));
    Ok(Sight { before, left: None, right: Some(0) }.hide(sizes, core))
}

/// Projection and attention.
pub fn attention_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    sizes(node, &ATTENTION)?.0.form(Some(projection(node)?))
}

/// QAttention.
pub fn quantized_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    sizes(node, &QUANTIZED)?.0.form(Some(projection(node)?))
}

/// [`attention`] of 8-bit inputs and weights to the type of the scales (input 3).
pub fn quantized(node: &Node) -> Result<Vec<Type>, OpError> {
    outputs(node, &QUANTIZED, 3)
}

/// 8-bit projections, scaled and biased; the core in floating point. The multiply-accumulates are all
/// filed under the projections' types.
pub fn quantized_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (sizes, _) = sizes(node, &QUANTIZED)?;
    let element = node.element(3)?;
    projections(node, 1 + node.given(&[2]))?.plus(rotary(node, &sizes)?)?.plus(attention::core(
        &sizes,
        (element, element),
        node.given(QUANTIZED.additions),
    )?)
}

/// `X [tokens, Din]` without padding to `Y [tokens, Dv]`.
pub fn packed(node: &Node) -> Result<Vec<Type>, OpError> {
    let [tokens, _] = node.dims(0)?;
    let [_, _, value] = hidden_sizes(node)?;
    Ok(vec![TensorType::new(node.element(0)?, vec![tokens, value]).into()])
}

fn packed_sizes(node: &Node) -> Result<Sizes, OpError> {
    let [tokens, _] = node.dims(0)?;
    let [_, longest] = node.dims(3)?;
    let [query, _, value] = hidden_sizes(node)?;
    let heads = node.positive("num_heads")?;
    Ok(Sizes {
        batch: Dim::Exact(1),
        heads: Dim::Exact(heads),
        kv_heads: Dim::Exact(heads),
        queries: tokens,
        keys: longest,
        head: divided(query, heads, "the query's hidden size")?,
        value_head: divided(value, heads, "the value's hidden size")?,
    })
}

/// PackedAttention.
pub fn packed_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    packed_sizes(node)?.form(Some(projection(node)?))
}

/// Projections of the real tokens; a core that is bounded by each meeting the longest sequence, the
/// second dimension of the token offsets (input 3).
pub fn packed_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = packed_sizes(node)?;
    let element = node.element(0)?;
    projections(node, node.given(&[2]))?
        .plus(attention::core(&sizes, (element, element), node.given(&[5]))?)
        .map(Counts::at_most)
}

fn longformer_sizes(node: &Node) -> Result<Sizes, OpError> {
    let [batch, tokens, _] = node.dims(0)?;
    let [hidden, _, _] = hidden_sizes(node)?;
    let heads = node.positive("num_heads")?;
    let head = divided(hidden, heads, "the hidden size")?;
    let heads = Dim::Exact(heads);
    Ok(Sizes { batch, heads, kv_heads: heads, queries: tokens, keys: tokens, head, value_head: head })
}

/// LongformerAttention: local and global projections side by side.
pub fn longformer_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let local = projection(node)?;
    longformer_sizes(node)?.form(Some(MatMul { n: product(&[2, local.n])?, ..local }))
}

/// `X [B, S, D]` to itself; local keys reach `window` to both sides, and some tokens reach all.
///
/// The global projections (inputs 4 and 5) are counted for every token, and every token is taken to meet
/// all keys: an upper bound, since the global flags are data.
pub fn longformer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = longformer_sizes(node)?;
    let element = node.element(0)?;
    projections(node, 1)?.times(2)?.plus(attention::core(&sizes, (element, element), 1)?).map(Counts::at_most)
}

/// Where `DecoderAttention` finds its keys, which two flags decide: those of the encoder, of the queries, of the cache.
struct Decoded {
    /// Keys that queries meet.
    keys: Dim,
    /// Tokens that keys and values are projected of.
    projected: Dim,
    /// Whether the flags are known.
    settled: bool,
}

fn decoded(node: &Node) -> Result<Decoded, OpError> {
    let ([queries, ..], [encoded, ..]) = (node.dims::<3>(0)?, node.dims::<3>(1)?);
    let cached = if node.has_input(6) { node.dims::<4>(6)?[2] } else { Dim::Exact(0) };
    let flag = |input: usize| node.scalar(input).bool();
    let past = match (flag(9), flag(10)) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    };
    let either = |flag: Option<bool>| flag.map_or_else(|| vec![false, true], |flag| vec![flag]);
    let mut cases = vec![];
    for cross in either(flag(8)) {
        for past in either(past) {
            cases.push(match (cross, past) {
                (true, true) => (cached, Dim::Exact(0)),
                (true, false) => (encoded, encoded),
                (false, true) => (cached.plus(queries), queries),
                (false, false) => (queries, queries),
            });
        }
    }
    let most = |of: fn(&(Dim, Dim)) -> Dim| {
        let bounds: Option<Vec<u64>> = cases.iter().map(|case| of(case).bound()).collect();
        match (cases.as_slice(), bounds) {
            ([one], _) => of(one),
            (_, Some(bounds)) => bounds.into_iter().max().map_or(Dim::Unknown, Dim::AtMost),
            _ => Dim::Unknown,
        }
    };
    Ok(Decoded { keys: most(|case| case.0), projected: most(|case| case.1), settled: cases.len() == 1 })
}

/// `Q [S, B, D]` to itself, and the caches `[B, H, T, d]`.
pub fn decoder(node: &Node) -> Result<Vec<Type>, OpError> {
    let [_, batch, hidden] = node.dims(0)?;
    let heads = node.positive("num_heads")?;
    let head = divided(hidden, heads, "the hidden size")?;
    let cache = TensorType::new(node.element(0)?, vec![batch, Dim::Exact(heads), decoded(node)?.keys, head]);
    Ok(vec![node.ty(0)?.clone(), cache.clone().into(), cache.into()])
}

/// The projections of queries, and of keys and values where they are new, with their bias, and the core; at most, where a
/// flag is not known.
pub fn decoder_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [queries, batch, hidden] = node.dims(0)?;
    let heads = node.positive("num_heads")?;
    let head = divided(hidden, heads, "the hidden size")?;
    let Decoded { keys, projected, settled } = decoded(node)?;
    let heads = Dim::Exact(heads);
    let sizes = Sizes { batch, heads, kv_heads: heads, queries, keys, head, value_head: head };
    let element = node.element(0)?;
    let made = count(&[batch, hidden, queries.plus(projected).plus(projected)], "the projections")?;
    let macs = product(&[made, count(&[hidden], "the hidden size")?])?;
    let counts = Counts::macs(macs, element, node.element(2)?)
        .plus(Counts::alu(made))?
        .plus(attention::core(&sizes, (element, element), node.given(&[5]))?)?;
    Ok(if settled { counts } else { counts.at_most() })
}

/// `X [B, S, Din]` to `[B, S, D]` of the same type: bytes in an order of the device.
pub fn ordered(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batch, tokens, _] = node.dims(0)?;
    let [_, value] = node.dims(7)?;
    Ok(vec![TensorType::new(node.element(0)?, vec![batch, tokens, value]).into()])
}

/// Three products of bytes (weights in inputs 5, 6 and 7), scaled and biased, and the core.
pub fn ordered_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [batch, tokens, input] = node.dims(0)?;
    let ([_, query], [_, key], [_, value]) = (node.dims(5)?, node.dims(6)?, node.dims(7)?);
    let heads = node.positive("num_heads")?;
    let sizes = Sizes {
        batch,
        heads: Dim::Exact(heads),
        kv_heads: Dim::Exact(heads),
        queries: tokens,
        keys: tokens,
        head: divided(query, heads, "the query's hidden size")?,
        value_head: divided(value, heads, "the value's hidden size")?,
    };
    let made = count(&[batch, tokens, query.plus(key).plus(value)], "the projections")?;
    let macs = product(&[made, count(&[input], "the input's hidden size")?])?;
    let (element, weight) = (node.element(0)?, node.element(5)?);
    Counts::macs(macs, element, weight).plus(Counts::alu(2).times(made)?)?.plus(attention::core(
        &sizes,
        (element, element),
        node.given(&[17, 19]),
    )?)
}

/// As [`longformer_work`], of bytes: the weights stand in inputs 2 and 8, sums are scaled and biased.
pub fn ordered_longformer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [batch, tokens, input] = node.dims(0)?;
    let [_, width] = node.dims(2)?;
    let heads = node.positive("num_heads")?;
    let head = divided(divided(width, 3, "the weights' second dimension")?, heads, "the hidden size")?;
    let heads = Dim::Exact(heads);
    let sizes =
        Sizes { batch, heads, kv_heads: heads, queries: tokens, keys: tokens, head, value_head: head };
    let made = product(&[2, count(&[batch, tokens, width], "the projections")?])?;
    let macs = product(&[made, count(&[input], "the input's hidden size")?])?;
    let element = node.element(0)?;
    Counts::macs(macs, element, node.element(2)?)
        .plus(Counts::alu(2).times(made)?)?
        .plus(attention::core(&sizes, (element, element), 1)?)
        .map(Counts::at_most)
}

#[cfg(test)]
mod tests {
    use crate::ops::Confidence;
    use crate::ops::testing::{Case, microsoft};
    use crate::tensor::ElementType::{Bool, Float32, Int8, Int32, Uint8};
    use crate::tensor::Scalar;

    /// Two sequences of five tokens of 12, four heads of 8.
    fn attention() -> Case {
        microsoft("Attention").f32(&[2, 5, 12]).f32(&[12, 96]).f32(&[96]).attr("num_heads", 4)
    }

    #[test]
    fn projections_come_before_the_core() {
        assert_eq!(attention().shapes(), ["2×5×32", "2×2×4×5×8"]);
        let counts = attention().counts();
        assert_eq!(counts.macs, 2 * 5 * 12 * 96 + 2 * 4 * 5 * 5 * 16);
        // A bias for each projected element; scale and softmax for each score.
        assert_eq!(counts.alu, 2 * 5 * 96 + 2 * 4 * 25 * 4);
        assert_eq!(counts.confidence, Confidence::Formula);
    }

    #[test]
    fn values_may_be_of_another_size() {
        let case = microsoft("Attention")
            .f32(&[2, 5, 12])
            .f32(&[12, 80])
            .attr("num_heads", 4)
            .attr("qkv_hidden_sizes", &[32, 32, 16]);
        assert_eq!(case.shape(), "2×5×16");
        assert_eq!(case.counts().macs, 2 * 5 * 12 * 80 + 2 * 4 * 25 * (8 + 4));
    }

    #[test]
    fn the_past_comes_before_new_keys_or_holds_them() {
        let grown = attention().none().f32(&[2, 2, 4, 3, 8]);
        assert_eq!(grown.shapes()[1], "2×2×4×8×8");
        assert_eq!(grown.counts().macs, 2 * 5 * 12 * 96 + 2 * 4 * 5 * 8 * 16);
        let shared = |length: Option<i64>| {
            let case = attention().none().f32(&[2, 2, 4, 100, 8]).none().attr("past_present_share_buffer", 1);
            match length {
                Some(length) => case.value(Int32, &[1], &[Scalar::Int(length)]),
                None => case.input(Int32, &[1]),
            }
        };
        assert_eq!(shared(Some(3)).shapes()[1], "2×2×4×100×8");
        assert_eq!(shared(Some(3)).counts().macs, grown.counts().macs);
        assert_eq!(shared(None).counts().macs, 2 * 5 * 12 * 96 + 2 * 4 * 5 * 100 * 16);
    }

    #[test]
    fn quantized_projections_multiply_bytes() {
        let case = microsoft("QAttention")
            .input(Uint8, &[2, 5, 12])
            .input(Int8, &[12, 96])
            .f32(&[96])
            .f32(&[])
            .f32(&[])
            .attr("num_heads", 4);
        assert_eq!(case.shapes(), ["2×5×32", "2×2×4×5×8"]);
        assert_eq!(case.types().unwrap()[0].tensor().unwrap().element, Float32);
        assert_eq!(case.counts().factors, Some((Uint8, Int8)));
        assert_eq!(case.counts().macs, attention().counts().macs);
    }

    #[test]
    fn packed_tokens_are_bounded_by_the_longest_sequence() {
        let case = microsoft("PackedAttention")
            .f32(&[7, 12])
            .f32(&[12, 96])
            .f32(&[96])
            .input(Int32, &[3, 4])
            .input(Int32, &[4])
            .attr("num_heads", 4);
        assert_eq!(case.shape(), "7×32");
        assert_eq!(case.counts().macs, 7 * 12 * 96 + 4 * 7 * 4 * 16);
        assert_eq!(case.counts().confidence, Confidence::Bound);
    }

    #[test]
    fn invalid_sizes_are_refused() {
        assert!(attention().attr("qkv_hidden_sizes", &[32, 32]).types().is_err());
        let uneven = microsoft("Attention").f32(&[2, 5, 12]).f32(&[12, 97]);
        assert_eq!(
            uneven.attr("num_heads", 4).types().unwrap_err().to_string(),
            "the weights' second dimension 97 is no multiple of 3"
        );
    }

    /// Five queries of 32 in two sequences, an encoder of 7, a cache of 3.
    #[test]
    fn two_flags_decide_where_a_decoder_finds_its_keys() {
        let case = |cross: Scalar, past: Scalar| {
            microsoft("DecoderAttention")
                .f32(&[5, 2, 32])
                .f32(&[7, 2, 32])
                .f32(&[32, 32])
                .f32(&[32, 64])
                .f32(&[96])
                .none()
                .f32(&[2, 4, 3, 8])
                .f32(&[2, 4, 3, 8])
                .value(Bool, &[], &[cross])
                .value(Bool, &[], &[past])
                .value(Bool, &[], &[Scalar::Bool(true)])
                .attr("num_heads", 4)
        };
        let (yes, no) = (Scalar::Bool(true), Scalar::Bool(false));
        let macs = |projected: u64, keys: u64| 2 * 32 * 32 * (5 + 2 * projected) + 2 * 4 * 5 * keys * 16;
        for (cross, past, projected, keys) in
            [(yes, no, 7, 7), (yes, yes, 0, 3), (no, yes, 5, 8), (no, no, 5, 5)]
        {
            assert_eq!(case(cross, past).counts().macs, macs(projected, keys), "{cross:?} {past:?}");
            assert_eq!(case(cross, past).shapes()[1], format!("2×4×{keys}×8"));
        }
        let open = case(Scalar::Unknown, Scalar::Unknown);
        assert_eq!((open.shapes()[1].as_str(), open.counts().macs), ("2×4×≤8×8", macs(7, 8)));
        assert_eq!(open.counts().confidence, Confidence::Bound);
    }

    #[test]
    fn ordered_bytes_are_projected_apart() {
        let mut case =
            microsoft("QOrderedAttention").input(Int8, &[2, 5, 12]).f32(&[]).f32(&[]).f32(&[]).f32(&[]);
        for _ in 0..3 {
            case = case.input(Int8, &[12, 32]);
        }
        let case = case.attr("num_heads", 4);
        assert_eq!(case.shape(), "2×5×32");
        assert_eq!(case.counts().macs, attention().counts().macs);
    }
}
