//! The work of a single layer in a framework: what kind of kernel it is, and what that takes.

use super::Term;
use crate::cost::form::{Attention, Conv};
use crate::cost::{Form, LayerCost};
use crate::predict::rates::HOST_BYTES;

/// Vector operations that a division or a transcendental function takes the time of.
///
/// The special-function units of NVIDIA GPUs since Maxwell do 16 results a clock and multiprocessor, beside 64
/// or 128 vector lanes ("Throughput of Native Arithmetic Instructions", CUDA C++ Programming Guide).
const SPECIAL: u64 = 8;

/// Columns and summed elements that products are filled up to multiples of.
const TILE: (u64, u64) = (64, 32);
/// The largest window that libraries have depthwise kernels for.
const LARGEST_WINDOW: u64 = 49;
/// Rows longer than this are not reduced within a fused kernel.
const LONGEST_ROW: u64 = 4096;
/// An amount of work, of the whole kernel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Quantity {
    /// Multiply-accumulates at the peak rate.
    Contraction { macs: u64 },
    /// Multiply-accumulates at the vector rate.
    Vector { macs: u64 },
    /// The longer of traffic and `operations` on vector units, each as long as a multiply-add.
    Bytes { activations: u64, weights: u64, operations: u64 },
    /// The longer of traffic and arithmetic on vector units.
    Depthwise { macs: u64, activations: u64, weights: u64 },
    /// Kernels that are started.
    Starts(u64),
}

/// What a layer is for a framework.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It does nothing, or the host does it.
    Nothing,
    /// Its result is its input under another shape or place.
    View,
    Contraction,
    Elementwise,
    /// A normalisation or reduction of rows.
    Rows,
    /// A reduction that nothing fuses with.
    Reduction,
    Pool,
    Transpose,
    Move,
}

/// What a layer is for a framework.
pub(super) fn kind(layer: &LayerCost) -> Kind {
    let counts = &layer.counts;
    let computes = counts.macs > 0 || counts.alu > 0 || counts.div > 0 || counts.trans > 0;
    let moved = layer.bytes_read.saturating_add(layer.bytes_written).saturating_add(layer.bytes_weights);
    if layer.form == Form::View {
        return Kind::View;
    }
    let on_host = !computes && moved < HOST_BYTES.saturating_mul(layer.repeat);
    if layer.repeat == 0 || layer.form == Form::Size || on_host {
        return Kind::Nothing;
    }
    match &layer.form {
        Form::MatMul(_)
        | Form::Conv(_)
        | Form::Attention(_)
        | Form::Recurrent(_)
        | Form::Contraction { .. } => Kind::Contraction,
        Form::Elementwise { .. } => Kind::Elementwise,
        Form::Softmax(_) | Form::Normalize(_) => Kind::Rows,
        Form::Reduce(rows) | Form::ArgReduce(rows) if rows.cols <= LONGEST_ROW => Kind::Rows,
        Form::Reduce(_) | Form::ArgReduce(_) | Form::Pool { global: true, .. } => Kind::Reduction,
        Form::Pool { .. } | Form::Resize { .. } => Kind::Pool,
        Form::Transpose { .. } => Kind::Transpose,
        _ if counts.macs > 0 => Kind::Contraction,
        // One index: a part of the operand, where it lies.
        Form::Gather { elements, run } if elements == run => Kind::View,
        Form::Copy { .. } if matches!(layer.operator, "Slice" | "Split" | "Expand") => Kind::View,
        _ => Kind::Move,
    }
}

/// Operations of a layer besides multiply-accumulates, special ones as many as they take the time of.
pub(super) fn operations(layer: &LayerCost) -> u64 {
    let counts = &layer.counts;
    let special = counts.div.saturating_add(counts.trans).saturating_add(counts.rng).saturating_mul(SPECIAL);
    [counts.alu, counts.int, counts.str].into_iter().fold(special, u64::saturating_add)
}

/// The terms of a contraction that is a kernel by itself. `in_place`, caches are not written anew.
pub(super) fn contraction(layer: &LayerCost, in_place: bool) -> Vec<(Term, Quantity)> {
    let macs = layer.counts.macs;
    let activations = layer.bytes_read.saturating_add(layer.bytes_written);
    let weights = layer.bytes_weights;
    let bytes = Quantity::Bytes { activations, weights, operations: operations(layer) };
    let padding = |filled: Option<u64>| {
        let all = filled.and_then(|filled| filled.checked_mul(layer.repeat)).unwrap_or(macs);
        (Term::Padding, Quantity::Contraction { macs: all.saturating_sub(macs) })
    };
    let work = Quantity::Contraction { macs };
    match &layer.form {
        Form::Conv(conv) if conv.is_depthwise() => {
            let window = conv.kernel.iter().fold(1u64, |all, side| all.saturating_mul(*side));
            if window > LARGEST_WINDOW {
                vec![(Term::LargeDepthwise, Quantity::Vector { macs })]
            } else {
                vec![(Term::Depthwise, Quantity::Depthwise { macs, activations, weights })]
            }
        }
        Form::Conv(conv) if conv.groups > 1 => vec![(Term::Grouped, work), (Term::GroupedBytes, bytes)],
        Form::Conv(conv) => {
            let (of, to) = match conv.kernel {
                [1, 1] => (Term::Product, Term::PointwiseBytes),
                _ => (Term::Conv, Term::ConvBytes),
            };
            vec![(of, work), padding(filled_conv(conv)), (to, bytes)]
        }
        Form::MatMul(product) => {
            let [columns, depth] = [(product.n, TILE.0), (product.k, TILE.1)]
                .map(|(size, tile)| size.checked_next_multiple_of(tile));
            let filled = [Some(product.batch), Some(product.m), columns, depth]
                .into_iter()
                .try_fold(1u64, |all, size| all.checked_mul(size?));
            vec![(Term::Product, work), padding(filled), (Term::ProductBytes, bytes)]
        }
        Form::Attention(attention) if in_place => {
            let kept = kept(attention, layer);
            let activations = activations.saturating_sub(kept);
            let bytes = Quantity::Bytes { activations, weights, operations: 0 };
            vec![(Term::Product, work), (Term::Attention, bytes)]
        }
        Form::Attention(_) => vec![(Term::Product, work), (Term::Attention, bytes)],
        _ => vec![(Term::Product, work), (Term::ProductBytes, bytes)],
    }
}

/// Bytes of a cache that attention gives back as it came in, if it gives one back.
fn kept(attention: &Attention, layer: &LayerCost) -> u64 {
    let Attention { batch, heads, kv_heads, q_len, kv_len, head_size, v_head_size, .. } = attention;
    let product = |sizes: &[u64]| sizes.iter().try_fold(layer.repeat, |all, size| all.checked_mul(*size));
    let both = head_size.saturating_add(*v_head_size);
    let result = product(&[*batch, *heads, *q_len, *v_head_size]);
    let cache = product(&[*batch, *kv_heads, *kv_len, both]);
    let (Some(result), Some(cache)) = (result, cache) else { return 0 };
    let all = result.saturating_add(cache);
    match layer.bytes_written.checked_div(all) {
        Some(width @ (1 | 2 | 4 | 8)) if all.saturating_mul(width) == layer.bytes_written => {
            let past = kv_len.saturating_sub(*q_len);
            product(&[*batch, *kv_heads, past, both]).unwrap_or(0).saturating_mul(width)
        }
        _ => 0,
    }
}

/// Multiply-accumulates of a convolution as a product whose columns and sums are filled up.
fn filled_conv(conv: &Conv) -> Option<u64> {
    let [rows, columns] = conv.kernel;
    let depth = conv.in_channels.checked_mul(rows)?.checked_mul(columns)?.checked_next_multiple_of(TILE.1)?;
    let maps = conv.out_channels.checked_next_multiple_of(TILE.0)?;
    let [height, width] = if conv.transposed { conv.input } else { conv.output };
    [height, width, maps, depth].into_iter().try_fold(conv.batch, |all, size| all.checked_mul(size))
}
