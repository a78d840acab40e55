//! Attention that reads a part of a cache: its blocks by tables, its keys by a selection. What each query meets is data,
//! so that all work is an upper bound.

use crate::ops::attention::{self, Sizes};
use crate::ops::dims::{count, divided, product};
use crate::ops::norm::scaled_rms;
use crate::ops::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// Where an operator of this kind has its optional inputs.
struct Places {
    /// Cosines of the rotary embedding.
    cosines: usize,
    /// Scale of the normalised queries; that of the keys follows.
    query_norm: Option<usize>,
}

const SPARSE: Places = Places { cosines: 9, query_norm: None };
const PAGED: Places = Places { cosines: 8, query_norm: None };
const SELECTED: Places = Places { cosines: 11, query_norm: Some(14) };
const SELECTED_PAGED: Places = Places { cosines: 14, query_norm: Some(17) };

/// `heads`, `kv_heads` and the size of a head of rows as wide as `hidden`: without keys (input 1) the queries hold all
/// three.
fn heads(node: &Node, hidden: Dim) -> Result<(u64, u64, Dim), OpError> {
    let (heads, kv_heads) = (node.positive("num_heads")?, node.positive("kv_num_heads")?);
    let width = if node.has_input(1) {
        heads
    } else {
        kv_heads.checked_mul(2).and_then(|n| n.checked_add(heads)).ok_or(OpError::Overflow)?
    };
    Ok((heads, kv_heads, divided(hidden, width, "the hidden size")?))
}

fn smaller(a: Dim, b: Dim) -> Dim {
    match (a, b) {
        (Dim::Unknown, known) | (known, Dim::Unknown) => known,
        (a, b) => a.combine(b, |a, b| Some(a.min(b))),
    }
}

/// A window of keys behind each query, itself included; `None` where there is none.
fn window(node: &Node) -> Result<Option<Dim>, OpError> {
    let size = u64::try_from(node.int_or("local_window_size", -1)?).ok();
    size.map(|size| size.checked_add(1).map(Dim::Exact).ok_or(OpError::Overflow)).transpose()
}

/// Queries that each meet so many keys at most, tokens of all sequences side by side.
fn reach(node: &Node, tokens: Dim, keys: Dim) -> Result<Sizes, OpError> {
    let hidden = node.shape(0)?.last().copied().unwrap_or(Dim::Unknown);
    let (heads, kv_heads, head) = heads(node, hidden)?;
    let (heads, kv_heads) = (Dim::Exact(heads), Dim::Exact(kv_heads));
    Ok(Sizes { batch: Dim::Exact(1), heads, kv_heads, queries: tokens, keys, head, value_head: head })
}

/// The core, a soft cap, rotary embedding of queries and keys, and their normalisation, where they are asked for.
fn work(node: &Node, sizes: &Sizes, places: &Places) -> Result<Counts, OpError> {
    let factors = (node.element(0)?, if node.has_input(3) { node.element(3)? } else { node.element(0)? });
    let mut counts = attention::core(sizes, factors, 0)?.plus(attention::soft_cap(node, sizes)?)?;
    let vectors = count(&[sizes.queries, sizes.heads.plus(sizes.kv_heads)], "the queries and keys")?;
    if node.int_or("do_rotary", 0)? != 0 {
        let half = node.shape(places.cosines)?.last().copied().unwrap_or(Dim::Unknown);
        let rotated = product(&[vectors, 2, count(&[half], "the cosines")?])?;
        counts = counts.plus(Counts::alu(3).times(rotated)?)?;
    }
    if places.query_norm.is_some_and(|input| node.has_input(input)) {
        let elements = product(&[vectors, count(&[sizes.head], "an attention head")?])?;
        counts = counts.plus(scaled_rms(elements, vectors)?)?;
    }
    Ok(counts.at_most())
}

/// The input at a position, as an output that takes its place; unknown where it is left out.
fn in_place(node: &Node, input: usize) -> Type {
    node.input(input).map_or(Type::Unknown, |operand| operand.ty.clone())
}

/// `Q [B, S, H·d]` to itself without keys and values, and the caches (inputs 3 and 4) in place.
pub fn sparse(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batch, queries, hidden] = node.dims(0)?;
    let (heads, _, head) = heads(node, hidden)?;
    let output = vec![batch, queries, Dim::Exact(heads).times(head)];
    Ok(vec![TensorType::new(node.element(0)?, output).into(), in_place(node, 3), in_place(node, 4)])
}

/// Every query meets every key up to `total_sequence_length` (input 7), or the pairs of as many blocks as the widest
/// layout (input 6) has, whichever is less.
pub fn sparse_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [batch, queries, _] = node.dims(0)?;
    let [_, _, capacity, _] = node.dims(3)?;
    let [_, blocks] = node.dims(6)?;
    let block = node.positive("sparse_block_size")?;
    let dense = queries.times(smaller(node.scalar(7).dim(), capacity));
    let pairs = smaller(dense, blocks.times(Dim::Exact(block)).times(Dim::Exact(block)));
    // So many pairs as one query with as many keys; but rotary embedding turns each of the queries.
    let turned = reach(node, batch.times(queries), Dim::Exact(0))?;
    let mut sizes = reach(node, Dim::Exact(1), pairs)?;
    sizes.batch = batch;
    let factors = (node.element(0)?, node.element(3)?);
    work(node, &turned, &SPARSE)?.plus(attention::core(&sizes, factors, 0)?.at_most())
}

/// Tokens side by side, `Q [tokens, H·d]`, and the caches (inputs 3 and 4) in place.
pub fn paged(node: &Node) -> Result<Vec<Type>, OpError> {
    let [tokens, hidden] = node.dims(0)?;
    let (heads, _, head) = heads(node, hidden)?;
    let output = vec![tokens, Dim::Exact(heads).times(head)];
    Ok(vec![TensorType::new(node.element(0)?, output).into(), in_place(node, 3), in_place(node, 4)])
}

/// Keys of the longest sequence that the block table (input 7) has room for.
fn pages(node: &Node) -> Result<Dim, OpError> {
    let [_, block, _, _] = node.dims(3)?;
    let [_, blocks] = node.dims(7)?;
    Ok(block.times(blocks))
}

/// Each token meets all keys of its sequence, or a window of them.
pub fn paged_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [tokens, _] = node.dims(0)?;
    let keys = match window(node)? {
        Some(window) => smaller(pages(node)?, window),
        None => pages(node)?,
    };
    work(node, &reach(node, tokens, keys)?, &PAGED)
}

/// Keys that a selection as wide as input `indices` adds to those of the local window, where there is one.
fn chosen(node: &Node, indices: usize, local: Dim) -> Result<Dim, OpError> {
    let [_, selected] = node.dims(indices)?;
    match node.str_or("attention_mode", "selected_only")? {
        "selected_only" => Ok(selected),
        "local_plus_selected" => Ok(selected.plus(local)),
        other => Err(OpError::Attribute {
            name: "attention_mode",
            problem: format!("is \"{other}\", expected selected_only or local_plus_selected"),
        }),
    }
}

/// As [`sparse`], with a cache that grows by the new tokens unless it is a buffer that holds them.
pub fn selected(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batch, queries, hidden] = node.dims(0)?;
    let (heads, kv_heads, head) = heads(node, hidden)?;
    let element = match (node.int_or("output_bf16", 0)?, node.element(0)?) {
        (1, ElementType::Float16) => ElementType::Bfloat16,
        (_, element) => element,
    };
    let (cached, held) = if node.has_input(3) {
        let [_, _, past, _] = node.dims(3)?;
        let held = match node.scalar(10).dim() {
            Dim::Unknown => past.plus(queries).bound().map_or(Dim::Unknown, Dim::AtMost),
            total => past.combine(total, |past, total| Some(past.max(total))),
        };
        (node.element(3)?, held)
    } else {
        (node.element(0)?, queries)
    };
    let output = vec![batch, queries, Dim::Exact(heads).times(head)];
    let cache = TensorType::new(cached, vec![batch, Dim::Exact(kv_heads), held, head]);
    Ok(vec![
        TensorType::new(element, output).into(),
        cache.clone().into(),
        cache.into(),
        TensorType::exact(ElementType::Int32, &[1]).into(),
    ])
}

/// Each query meets the keys that are selected for it (input 7), and those of a local window.
pub fn selected_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [batch, queries, _] = node.dims(0)?;
    let local = window(node)?.unwrap_or(Dim::Exact(0));
    work(node, &reach(node, batch.times(queries), chosen(node, 7, local)?)?, &SELECTED)
}

/// Each token meets the keys that are selected for it (input 9), and those of a local window or of all its sequence.
pub fn selected_paged_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let [tokens, _] = node.dims(0)?;
    let local = match window(node)? {
        Some(window) => smaller(pages(node)?, window),
        None => pages(node)?,
    };
    work(node, &reach(node, tokens, chosen(node, 9, local)?)?, &SELECTED_PAGED)
}

#[cfg(test)]
mod tests {
    use crate::ops::Confidence;
    use crate::ops::testing::{Case, microsoft};
    use crate::tensor::ElementType::{Float16, Int32};
    use crate::tensor::Scalar;

    fn with_heads(operator: &'static str) -> Case {
        microsoft(operator).attr("num_heads", 4).attr("kv_num_heads", 2)
    }

    /// Two sequences of 128 tokens, four heads of 8 that share two; eight blocks of 16 are the lower triangle of nothing
    /// like all 64.
    #[test]
    fn blocks_bound_the_pairs_of_sparse_attention() {
        let case = |nonzero: u64| {
            with_heads("SparseAttention")
                .attr("sparse_block_size", 16)
                .f32(&[2, 128, 32])
                .f32(&[2, 128, 16])
                .f32(&[2, 128, 16])
                .f32(&[2, 2, 256, 8])
                .f32(&[2, 2, 256, 8])
                .input(Int32, &[1, 17])
                .input(Int32, &[1, nonzero])
                .value(Int32, &[], &[Scalar::Int(128)])
                .input(Int32, &[2])
        };
        assert_eq!(case(8).shapes(), ["2×128×32", "2×2×256×8", "2×2×256×8"]);
        assert_eq!(case(8).counts().macs, 2 * 4 * (8 * 16 * 16) * 16);
        // More blocks than there are: all pairs.
        assert_eq!(case(1000).counts().macs, 2 * 4 * 128 * 128 * 16);
        assert_eq!(case(8).counts().confidence, Confidence::Bound);
    }

    /// Seven tokens; pages of 16 keys, five at most a sequence.
    fn pages(operator: &'static str) -> Case {
        with_heads(operator)
            .f32(&[7, 64])
            .none()
            .none()
            .f32(&[100, 16, 2, 8])
            .f32(&[100, 16, 2, 8])
            .input(Int32, &[4])
            .input(Int32, &[3])
            .input(Int32, &[3, 5])
    }

    #[test]
    fn pages_bound_the_keys() {
        let case = pages("PagedAttention");
        assert_eq!(case.shapes(), ["7×32", "100×16×2×8", "100×16×2×8"]);
        assert_eq!(case.counts().macs, 4 * 7 * 80 * 16);
        assert_eq!(pages("PagedAttention").attr("local_window_size", 9).counts().macs, 4 * 7 * 10 * 16);
    }

    #[test]
    fn a_selection_bounds_the_keys() {
        let paged = |mode: &'static str| {
            pages("SparsePagedAttention").none().input(Int32, &[7, 6]).attr("attention_mode", mode)
        };
        assert_eq!(paged("selected_only").counts().macs, 4 * 7 * 6 * 16);
        assert_eq!(paged("local_plus_selected").counts().macs, 4 * 7 * (80 + 6) * 16);
        let dynamic = with_heads("DynamicSparseAttention")
            .input(Float16, &[2, 3, 32])
            .input(Float16, &[2, 3, 16])
            .input(Float16, &[2, 3, 16])
            .input(Float16, &[2, 2, 10, 8])
            .input(Float16, &[2, 2, 10, 8])
            .none()
            .none()
            .input(Int32, &[6, 5])
            .input(Int32, &[6])
            .input(Int32, &[2])
            .value(Int32, &[], &[Scalar::Int(13)])
            .attr("output_bf16", 1);
        assert_eq!(dynamic.shapes()[..2], ["2×3×32", "2×2×13×8"]);
        assert_eq!(dynamic.counts().macs, 4 * 6 * 5 * 16);
    }
}
