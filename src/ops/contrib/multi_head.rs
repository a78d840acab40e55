//! Attention over queries, keys and values that are projected already, with a cache of past ones.

use super::attention::{filled, unidirectional};
use crate::ops::attention::{self, Sight, Sizes};
use crate::ops::dims::{count, divided, product};
use crate::ops::form::Form;
use crate::ops::norm::scaled_rms;
use crate::ops::traffic::looked_up;
use crate::ops::{Bytes, Counts, Moved, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// Where an operator of this kind has its optional inputs.
struct Places {
    past_key: usize,
    past_length: usize,
    /// Of the projections.
    bias: usize,
    /// Masks and biases added to the scores.
    additions: &'static [usize],
}

const MULTI_HEAD: Places = Places { past_key: 6, past_length: 8, bias: 3, additions: &[4, 5] };
const DECODER: Places = Places { past_key: 5, past_length: 7, bias: 10, additions: &[3, 4] };

/// The sizes of attention, the keys that came with this node, and those that the cache then holds.
struct Attended {
    sizes: Sizes,
    new: Dim,
    held: Dim,
}

fn attended(node: &Node, places: &Places, shared: bool) -> Result<Attended, OpError> {
    let heads = node.positive("num_heads")?;
    let per_head = |hidden: Dim| divided(hidden, heads, "the hidden size");
    let (batch, queries, packed_head) = match *node.shape(0)? {
        [batch, queries, _, _, head] => (batch, queries, Some(head)),
        [batch, queries, hidden] if !node.has_input(1) => {
            (batch, queries, Some(per_head(divided(hidden, 3, "the packed hidden size")?)?))
        }
        [batch, queries, _] => (batch, queries, None),
        ref shape => return Err(OpError::Rank { input: 0, expected: "3 or 5", found: shape.len() }),
    };
    let (head, value_head, new, projected) = match packed_head {
        Some(head) => (head, head, queries, true),
        None => match *node.shape(1)? {
            [_, tokens, _, _, head] => (head, head, tokens, true),
            [_, _, tokens, head] => {
                let [_, _, _, value_head] = node.dims(2)?;
                (head, value_head, tokens, false)
            }
            [_, tokens, hidden] => {
                let [_, _, value] = node.dims(2)?;
                (per_head(hidden)?, per_head(value)?, tokens, true)
            }
            ref shape => return Err(OpError::Rank { input: 1, expected: "3, 4 or 5", found: shape.len() }),
        },
    };
    let (keys, held) = if node.has_input(places.past_key) {
        let [_, _, past, _] = node.dims(places.past_key)?;
        if shared {
            (filled(past, node.scalar(places.past_length), new), past)
        } else {
            (past.plus(new), past.plus(new))
        }
    } else {
        (new, new)
    };
    let heads = Dim::Exact(heads);
    let sizes = Sizes { batch, heads, kv_heads: heads, queries, keys, head, value_head };
    Ok(Attended { sizes, new: if projected { new } else { Dim::Exact(0) }, held })
}

/// `Y [B, S, H·dv]`, the cache `[B, H, T, d]` and `[B, H, T, dv]`, and the scores.
fn outputs(node: &Node, attended: &Attended) -> Result<Vec<Type>, OpError> {
    let Attended { sizes, held, .. } = attended;
    let element = node.element(0)?;
    let shapes = [
        vec![sizes.batch, sizes.queries, sizes.heads.times(sizes.value_head)],
        vec![sizes.batch, sizes.kv_heads, *held, sizes.head],
        vec![sizes.batch, sizes.kv_heads, *held, sizes.value_head],
        sizes.scores(),
    ];
    Ok(shapes.into_iter().map(|shape| TensorType::new(element, shape).into()).collect())
}

fn work(node: &Node, places: &Places, attended: &Attended) -> Result<Counts, OpError> {
    let Attended { sizes, new, .. } = attended;
    let element = node.element(0)?;
    let core = attention::core(sizes, (element, element), node.given(places.additions))?;
    let core = unidirectional(node, sizes, core)?;
    if !node.has_input(places.bias) {
        return Ok(core);
    }
    let queries = count(&[sizes.batch, sizes.heads, sizes.queries, sizes.head], "the queries")?;
    let projected = [sizes.batch, sizes.heads, *new, sizes.head.plus(sizes.value_head)];
    core.plus(Counts::alu(queries))?.plus(Counts::alu(count(&projected, "the keys and values")?))
}

fn multi_head_sizes(node: &Node) -> Result<Attended, OpError> {
    attended(node, &MULTI_HEAD, node.has_input(MULTI_HEAD.past_length))
}

/// `Q [B, S, H·d]` with keys and values of rank 3, packed (`[B, T, H, 2, d]`, or all `[B, S, H, 3, d]`), or
/// by heads (`[B, H, T, d]`, from an encoder).
pub fn multi_head(node: &Node) -> Result<Vec<Type>, OpError> {
    outputs(node, &multi_head_sizes(node)?)
}

/// The core, and the bias of the projections (input 3).
pub fn multi_head_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    work(node, &MULTI_HEAD, &multi_head_sizes(node)?)
}

/// MultiHeadAttention.
pub fn multi_head_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    multi_head_sizes(node)?.sizes.form(None)
}

fn decoder_sizes(node: &Node) -> Result<Attended, OpError> {
    attended(node, &DECODER, node.int_or("past_present_share_buffer", 0)? != 0)
}

/// As [`multi_head`], for one token.
pub fn decoder(node: &Node) -> Result<Vec<Type>, OpError> {
    outputs(node, &decoder_sizes(node)?)
}

/// The core, and the bias of the projections (input 10).
pub fn decoder_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    work(node, &DECODER, &decoder_sizes(node)?)
}

/// DecoderMaskedMultiHeadAttention.
pub fn decoder_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    decoder_sizes(node)?.sizes.form(None)
}

/// Tokens without padding, `Q [tokens, H·d]` or `QKV [tokens, H, 3, d]`, that meet at most the longest
/// sequence: the second dimension of the token offsets (input 4).
fn packed_sizes(node: &Node) -> Result<Sizes, OpError> {
    let heads = node.positive("num_heads")?;
    let (queries, head, value_head) = match *node.shape(0)? {
        [tokens, _, _, head] => (tokens, head, head),
        [tokens, hidden] => {
            let [_, value] = node.dims(2)?;
            (tokens, divided(hidden, heads, "the hidden size")?, divided(value, heads, "the hidden size")?)
        }
        ref shape => return Err(OpError::Rank { input: 0, expected: "2 or 4", found: shape.len() }),
    };
    let [_, keys] = node.dims(4)?;
    let heads = Dim::Exact(heads);
    Ok(Sizes { batch: Dim::Exact(1), heads, kv_heads: heads, queries, keys, head, value_head })
}

/// To `Y [tokens, H·dv]`.
pub fn packed(node: &Node) -> Result<Vec<Type>, OpError> {
    let sizes = packed_sizes(node)?;
    let output = vec![sizes.queries, sizes.heads.times(sizes.value_head)];
    Ok(vec![TensorType::new(node.element(0)?, output).into()])
}

/// The core as an upper bound, and the bias of the projections (input 3).
pub fn packed_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = packed_sizes(node)?;
    let element = node.element(0)?;
    let biased = [sizes.queries, sizes.heads, sizes.head.plus(sizes.head).plus(sizes.value_head)];
    attention::core(&sizes, (element, element), node.given(&[6]))?
        .plus(Counts::alu(node.given(&[3])).times(count(&biased, "the projections")?)?)
        .map(Counts::at_most)
}

/// PackedMultiHeadAttention.
pub fn packed_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    packed_sizes(node)?.form(None)
}

/// The sizes of grouped-query attention. Without keys (input 1), the queries hold all three, `H + 2·Hkv` heads.
///
/// The cache holds the past and the new tokens, or is a buffer of fixed size: then, and only then,
/// `total_sequence_length` (input 6) is not larger than the past (input 3) is long.
fn grouped(node: &Node) -> Result<Attended, OpError> {
    let (heads, kv_heads) = (node.positive("num_heads")?, node.positive("kv_num_heads")?);
    let [batch, queries, hidden] = node.dims(0)?;
    let (width, new) = if node.has_input(1) {
        let [_, tokens, _] = node.dims(1)?;
        (Some(heads), tokens)
    } else {
        (kv_heads.checked_mul(2).and_then(|n| n.checked_add(heads)), queries)
    };
    let head = divided(hidden, width.ok_or(OpError::Overflow)?, "the hidden size")?;

    let total = node.scalar(6).dim();
    let windowed = node.int_or("sliding_window_cache", 0)? == 1;
    let (keys, held) = if node.has_input(3) {
        let [_, _, past, _] = node.dims(3)?;
        let held = match total {
            _ if windowed => past,
            Dim::Unknown => past.plus(new).bound().map_or(Dim::Unknown, Dim::AtMost),
            total => past.combine(total, |past, total| Some(past.max(total))),
        };
        (if total == Dim::Unknown { held } else { total }, held)
    } else {
        (new, new)
    };
    let keys = match u64::try_from(node.int_or("local_window_size", -1)?) {
        // The rectangle of keys that any of the queries sees.
        Ok(window) => keys
            .combine(queries, |keys, queries| Some(keys.min(window.checked_add(queries)?.saturating_sub(1)))),
        Err(_) => keys,
    };
    let (heads, kv_heads) = (Dim::Exact(heads), Dim::Exact(kv_heads));
    let sizes = Sizes { batch, heads, kv_heads, queries, keys, head, value_head: head };
    Ok(Attended { sizes, new, held })
}

/// The element type of the cache: that of the past, which may be quantised, or of the queries.
fn cache_element(node: &Node) -> Result<ElementType, OpError> {
    if node.has_input(3) { node.element(3) } else { node.element(0) }
}

/// `Q [B, S, H·d]`, `K` and `V [B, S, Hkv·d]`, or all three in `Q`, to `Y [B, S, H·d]`, the caches
/// `[B, Hkv, T, d]` and the scores.
pub fn group_query(node: &Node) -> Result<Vec<Type>, OpError> {
    let Attended { sizes, held, .. } = grouped(node)?;
    let (element, cached) = (node.element(0)?, cache_element(node)?);
    // Four-bit caches are bytes of two elements each.
    let stored = match (node.has_input(3), sizes.head) {
        (true, _) => node.dims::<4>(3)?[3],
        (false, head) => head,
    };
    let cache = TensorType::new(cached, vec![sizes.batch, sizes.kv_heads, held, stored]);
    Ok(vec![
        TensorType::new(element, vec![sizes.batch, sizes.queries, sizes.heads.times(sizes.head)]).into(),
        cache.clone().into(),
        cache.into(),
        TensorType::new(element, sizes.scores()).into(),
    ])
}

/// The core, with a bias on the scores (input 10), a soft cap, RMS normalisation of each query and key
/// (inputs 14 and 15), and rotary embedding of as many elements as the cosines (input 7) have.
pub fn group_query_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let Attended { sizes, new, .. } = grouped(node)?;
    let core = attention::core(&sizes, (node.element(0)?, cache_element(node)?), node.given(&[10]))?;
    // A window counts the token itself.
    let before = sizes.keys.combine(sizes.queries, |keys, queries| keys.checked_sub(queries));
    let left = u64::try_from(node.int_or("local_window_size", -1)?).ok().map(|size| size.saturating_sub(1));
    let core = match node.int_or("causal", 1)? {
        0 => core,
        _ => Sight { before, left, right: Some(0) }.hide(&sizes, core),
    };
    let queries = count(&[sizes.batch, sizes.queries, sizes.heads], "the queries")?;
    let keys = count(&[sizes.batch, new, sizes.kv_heads], "the keys")?;
    let vectors = queries.checked_add(keys).ok_or(OpError::Overflow)?;

    let mut counts = core.plus(attention::soft_cap(node, &sizes)?)?;
    if node.has_input(14) {
        let elements = product(&[vectors, count(&[sizes.head], "an attention head")?])?;
        counts = counts.plus(scaled_rms(elements, vectors)?)?;
    }
    if node.int_or("do_rotary", 0)? != 0 {
        let [_, half] = node.dims(7)?;
        let rotated = product(&[vectors, 2, count(&[half], "the cosines")?])?;
        counts = counts.plus(Counts::alu(3).times(rotated)?)?;
    }
    Ok(counts)
}

/// GroupQueryAttention.
pub fn group_query_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    grouped(node)?.sizes.form(None)
}

/// Of cosines and sines, the rows of the new tokens; of a cache that stays where it is, the keys that
/// are met are read and the new ones written.
pub fn group_query_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    let Attended { sizes, new, held } = grouped(node)?;
    let mut moved = looked_up(node, &[7, 8], count(&[sizes.batch, sizes.queries], "the sequences")?)?;
    if node.has_input(3) {
        let [batch, kv_heads, past, head] = node.dims(3)?;
        let cached = cache_element(node)?;
        let bytes = |tokens: u64| {
            let elements = product(&[tokens, count(&[batch, kv_heads, head], "the cache")?])?;
            cached.bytes(elements).map(Bytes::Part).ok_or(OpError::Overflow)
        };
        if past == held {
            let (past, met) = (count(&[past], "the past")?, count(&[sizes.keys], "the keys")?);
            let new = count(&[new], "the new keys")?;
            for (input, output) in [(3, 1), (4, 2)] {
                moved.set_read(input, bytes(met.saturating_sub(new).min(past))?);
                moved.set_written(output, bytes(new)?);
            }
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Case, microsoft};
    use crate::ops::{Bytes, Confidence};
    use crate::tensor::ElementType::{Float16, Float32, Int8, Int32};
    use crate::tensor::Scalar;

    fn multi_head() -> Case {
        microsoft("MultiHeadAttention").attr("num_heads", 4)
    }

    #[test]
    fn keys_and_values_come_in_four_layouts() {
        let cases = [
            multi_head().f32(&[2, 5, 32]).f32(&[2, 7, 32]).f32(&[2, 7, 32]),
            multi_head().f32(&[2, 5, 32]).f32(&[2, 7, 4, 2, 8]),
            multi_head().f32(&[2, 5, 32]).f32(&[2, 4, 7, 8]).f32(&[2, 4, 7, 8]),
        ];
        for case in cases {
            assert_eq!(case.shapes(), ["2×5×32", "2×4×7×8", "2×4×7×8", "2×4×5×7"]);
            assert_eq!(case.counts().macs, 2 * 4 * 5 * 7 * 16);
        }
        let packed = multi_head().f32(&[2, 5, 4, 3, 8]);
        assert_eq!(packed.shapes(), ["2×5×32", "2×4×5×8", "2×4×5×8", "2×4×5×5"]);
    }

    #[test]
    fn the_past_lengthens_the_keys() {
        let case = multi_head().f32(&[2, 1, 32]).f32(&[2, 1, 32]).f32(&[2, 1, 16]).f32(&[80]);
        let case = case.none().none().f32(&[2, 4, 9, 8]).f32(&[2, 4, 9, 4]);
        assert_eq!(case.shapes(), ["2×1×16", "2×4×10×8", "2×4×10×4", "2×4×1×10"]);
        let counts = case.counts();
        assert_eq!(counts.macs, 2 * 4 * 10 * 12);
        // Scale and softmax of each score, bias of each projected element.
        assert_eq!(counts.alu, 2 * 4 * 10 * 4 + 2 * (32 + 32 + 16));
    }

    #[test]
    fn a_decoder_meets_what_its_buffer_holds() {
        let case = microsoft("DecoderMaskedMultiHeadAttention")
            .f32(&[2, 1, 32])
            .f32(&[2, 1, 32])
            .f32(&[2, 1, 32])
            .none()
            .none()
            .f32(&[2, 4, 100, 8])
            .f32(&[2, 4, 100, 8])
            .value(Int32, &[1], &[Scalar::Int(9)])
            .attr("num_heads", 4)
            .attr("past_present_share_buffer", 1);
        assert_eq!(case.shapes(), ["2×1×32", "2×4×100×8", "2×4×100×8", "2×4×1×10"]);
        assert_eq!(case.counts().macs, 2 * 4 * 10 * 16);
    }

    #[test]
    fn packed_tokens_are_bounded_by_the_longest_sequence() {
        let case = microsoft("PackedMultiHeadAttention")
            .f32(&[7, 4, 3, 8])
            .none()
            .none()
            .none()
            .input(Int32, &[3, 4])
            .input(Int32, &[4])
            .attr("num_heads", 4);
        assert_eq!((case.shape(), case.counts().macs), ("7×32".into(), 4 * 7 * 4 * 16));
        assert_eq!(case.counts().confidence, Confidence::Bound);
    }

    /// Eight query heads on two key heads of 16; `past` tokens in the cache.
    fn grouped(tokens: u64, past: u64, total: i64) -> Case {
        microsoft("GroupQueryAttention")
            .input(Float16, &[2, tokens, 128])
            .input(Float16, &[2, tokens, 32])
            .input(Float16, &[2, tokens, 32])
            .input(Float16, &[2, 2, past, 16])
            .input(Float16, &[2, 2, past, 16])
            .input(Int32, &[2])
            .value(Int32, &[], &[Scalar::Int(total)])
            .input(Float16, &[4096, 8])
            .input(Float16, &[4096, 8])
            .attr("num_heads", 8)
            .attr("kv_num_heads", 2)
            .attr("do_rotary", 1)
    }

    #[test]
    fn a_group_of_queries_shares_keys_that_grow_or_fill_a_buffer() {
        let grown = grouped(1, 9, 10);
        assert_eq!(grown.shapes(), ["2×1×128", "2×2×10×16", "2×2×10×16", "2×8×1×10"]);
        assert_eq!(grown.counts().macs, 2 * 8 * 10 * 32);
        // Scale and softmax; rotary of queries and new keys.
        assert_eq!(grown.counts().alu, 2 * 8 * 10 * 4 + 3 * 2 * (8 + 2) * 16);
        assert_eq!(grown.moved().written, []);
        assert_eq!(grown.moved().read[7], Bytes::Part(2 * 8 * 2));

        let filled = grouped(1, 100, 10);
        assert_eq!(filled.shapes()[1], "2×2×100×16");
        assert_eq!(filled.counts(), grown.counts());
        assert_eq!(filled.moved().read[3], Bytes::Part(2 * 2 * 9 * 16 * 2));
        assert_eq!(filled.moved().written[2], Bytes::Part(2 * 2 * 16 * 2));
    }

    #[test]
    fn a_local_window_caps_the_keys() {
        assert_eq!(grouped(1, 100, 50).attr("local_window_size", 16).counts().macs, 2 * 8 * 16 * 32);
        assert_eq!(grouped(5, 100, 50).attr("local_window_size", 16).counts().macs, 2 * 8 * 5 * 20 * 32);
        assert_eq!(grouped(1, 100, 8).attr("local_window_size", 16).counts().macs, 2 * 8 * 8 * 32);
    }

    #[test]
    fn queries_may_hold_keys_and_values_and_the_cache_may_be_quantized() {
        let case = microsoft("GroupQueryAttention")
            .f32(&[2, 3, 192])
            .none()
            .none()
            .input(Int8, &[2, 2, 4, 16])
            .input(Int8, &[2, 2, 4, 16])
            .input(Int32, &[2])
            .value(Int32, &[], &[Scalar::Int(7)])
            .attr("num_heads", 8)
            .attr("kv_num_heads", 2);
        assert_eq!(case.shapes(), ["2×3×128", "2×2×7×16", "2×2×7×16", "2×8×3×7"]);
        assert_eq!(case.types().unwrap()[1].tensor().unwrap().element, Int8);
        assert_eq!(case.counts().factors, Some((Float32, Int8)));
    }
}
