//! The kernels of one layer, by the form of its work.

use super::{Kernel, Lowered};
use crate::cost::form::{Attention, Conv, MatMul, Recurrent, Right, Rows};
use crate::cost::{Form, LayerCost};
use crate::device::kernel::KernelShape;

/// An output an invocation, its whole sum in a loop.
const NAIVE: &[&str] = &["matmul.naive"];
/// Few rows, with the sum shared by lanes: attention of one query over a cache, and weights of other than 4 bits.
pub(in crate::predict) const SPLIT: &[&str] = &["matmul.split"];
/// From buffer to buffer, four elements at a time.
const COPY_IN_FOURS: &[&str] = &["copy.vec4"];
/// Keys that a workgroup takes in attention of one query.
const KEYS: u64 = 64;
/// Packed products sum 8-bit integers where the sums are multiples of this long: activations are quantised first.
const INTEGER_SUMS: u64 = 128;
/// Elements up to which one workgroup sorts a row by itself; longer ones take a kernel a step.
const SORTED_AT_ONCE: u64 = 2048;
/// Rows up to which a product of matrices has the smaller tile.
const FEW_ROWS: u64 = 8;
/// How many sizes are tried for the side of a transpose that is not known.
const SEARCHED: u64 = 4096;

/// What a layer's kernels depend on besides the layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    /// Whether a product takes the sigmoid of one of its factors into itself.
    pub swish: bool,
    /// Whether its result has its channels last.
    pub channels_last: bool,
    /// Layers that read its result, 1 or more.
    pub readers: u64,
}

/// Attention of ai.onnx has no kernel for WebGPU; that of com.microsoft has.
pub(super) fn is_standard_attention(layer: &LayerCost) -> bool {
    layer.operator == "Attention" && layer.domain.is_empty()
}

pub(super) fn push(lowered: &mut Lowered, shape: KernelShape, started: u64) {
    push_like(lowered, shape, &[], started);
}

pub(super) fn push_like(
    lowered: &mut Lowered,
    shape: KernelShape,
    like: &'static [&'static str],
    started: u64,
) {
    if shape.elements_moved() > 0.0 && started > 0 {
        lowered.kernels.push(Kernel { shape, like, started });
    }
}

fn elementwise(elements: u64, operands: u64, broadcast: bool) -> KernelShape {
    KernelShape::Elementwise { elements, operands, broadcast }
}

/// Bytes to floats: an invocation an element, that looks up its byte in a word and the scale of its channel.
fn widened(elements: u64) -> KernelShape {
    KernelShape::Gather { rows: elements, cols: 1 }
}

/// `[batch, rows, cols, inner]` to `[batch, cols, rows, inner]`; no element moves where one of two axes that are
/// swapped has one.
pub(super) fn swap(batch: u64, rows: u64, cols: u64, inner: u64) -> KernelShape {
    if rows == 1 || cols == 1 {
        return KernelShape::Transpose {
            batch: 1,
            rows: 1,
            cols: 1,
            inner: product(&[batch, rows, cols, inner]),
        };
    }
    KernelShape::Transpose { batch, rows, cols, inner }
}

/// A transpose of so many elements, of which the sizes of the axes are not known: as square as they divide.
pub(super) fn square(batch: u64, elements: u64, inner: u64) -> KernelShape {
    let all = elements.checked_div(batch.saturating_mul(inner)).unwrap_or(0);
    let root = all.isqrt();
    let nearest =
        (root.saturating_sub(SEARCHED)..=root).rev().find(|rows| *rows > 0 && all.is_multiple_of(*rows));
    let rows = nearest.unwrap_or(1);
    swap(batch, rows, all.checked_div(rows).unwrap_or(0), inner)
}

/// Sizes of a file may multiply to more than 64 bits hold: the time is as absurd as the size.
fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |product, factor| product.saturating_mul(*factor))
}

/// Elements of a layer's result, of one turn.
pub(super) fn elements(layer: &LayerCost) -> u64 {
    match &layer.form {
        Form::Conv(conv) => {
            let [height, width] = conv.output;
            product(&[conv.batch, conv.out_channels, height, width])
        }
        Form::Pool { outputs, .. } => *outputs,
        Form::Elementwise { elements, .. } | Form::Copy { elements, .. } => *elements,
        Form::Reduce(rows) => rows.rows,
        // 32 bits each.
        _ => layer.bytes_written.checked_div(layer.repeat).unwrap_or(0) / 4,
    }
}

/// The kernels of a layer.
pub(super) fn kernels(layer: &LayerCost, context: Context, lowered: &mut Lowered) {
    let times = layer.repeat;
    match &layer.form {
        Form::Absent | Form::View | Form::Size => {}
        Form::MatMul(product) => matmul(product, layer.operator, times, lowered),
        Form::Conv(conv) => convolution(conv, times, lowered),
        Form::Attention(_) if is_standard_attention(layer) => lowered.guessed = true,
        Form::Attention(attention) if layer.operator == "GroupQueryAttention" && attention.q_len == 1 => {
            decode(attention, times, lowered);
        }
        Form::Attention(attention) => attend(attention, times, lowered),
        Form::Recurrent(recurrent) => recur(recurrent, times, lowered),
        Form::Contraction { macs, outputs } => {
            // So many outputs and steps in all, an output an invocation.
            let n = (*outputs).clamp(1, 64);
            let k = macs.checked_div(*outputs).unwrap_or(0);
            let shape = KernelShape::Matmul { batch: 1, m: outputs.div_ceil(n), n, k };
            push_like(lowered, shape, NAIVE, times);
            lowered.guessed = true;
        }
        Form::Elementwise { elements, inputs, broadcast, .. } => {
            let (elements, operands) = (*elements, (*inputs).max(1));
            if layer.operator == "DequantizeLinear" {
                // Each reader has one of its own.
                push(lowered, widened(elements), times.saturating_mul(context.readers));
            } else if layer.operator == "HardSwish" {
                // Inlined as HardSigmoid and a product.
                push(lowered, elementwise(elements, 1, false), times);
                push(lowered, elementwise(elements, 2, false), times);
            } else if context.swish || layer.counts.trans > 0 {
                push(lowered, KernelShape::Special { elements }, times);
            } else {
                push(lowered, elementwise(elements, operands, *broadcast && operands > 1), times);
            }
        }
        Form::Reduce(rows) | Form::ArgReduce(rows) | Form::Scan(rows) => {
            // Of a channels-last tensor, the elements of a channel are no neighbours, and the channels are.
            let contiguous = rows.contiguous != context.channels_last;
            gather_rows(&Rows { contiguous, ..*rows }, times, lowered);
            push(lowered, KernelShape::Reduce { rows: rows.rows, cols: rows.cols }, times);
            lowered.guessed = matches!(layer.form, Form::Scan(_));
        }
        Form::Softmax(rows) => {
            gather_rows(rows, times, lowered);
            push(lowered, KernelShape::Softmax { rows: rows.rows, cols: rows.cols }, times);
            gather_rows(rows, times, lowered);
        }
        Form::Normalize(rows) => {
            gather_rows(rows, times, lowered);
            push(lowered, KernelShape::Normalize { rows: rows.rows, cols: rows.cols }, times);
        }
        Form::Pool { outputs, window, .. } => {
            push(lowered, KernelShape::Pool { outputs: *outputs, window: *window }, times);
        }
        // It computes the place of each output, as a gather does, and not that of each tap, as a pool does.
        Form::Resize { outputs, .. } => {
            push(lowered, KernelShape::Gather { rows: *outputs, cols: 1 }, times);
        }
        Form::Transpose { elements, rank, run } => {
            let shape = match rank {
                0 | 1 => swap(1, 1, 1, *elements),
                2 => square(1, *elements, (*run).max(1)),
                _ if *run > 1 => square(1, *elements, *run),
                // Some axis stays in front: no tile.
                _ if elements.is_multiple_of(2) => square(2, *elements, 1),
                _ => square(1, *elements, 1),
            };
            push(lowered, shape, times);
        }
        Form::Gather { elements, run } => {
            let cols = (*run).max(1);
            push(lowered, KernelShape::Gather { rows: elements.div_ceil(cols), cols }, times);
        }
        Form::Scatter { elements, updates } => {
            push(lowered, KernelShape::Copy { elements: *elements }, times);
            push(lowered, KernelShape::Gather { rows: *updates, cols: 1 }, times);
        }
        Form::Copy { elements, .. } => push(lowered, KernelShape::Copy { elements: *elements }, times),
        Form::Sort(rows) => sort(rows, times, lowered),
        Form::Other { elements } => {
            push(lowered, KernelShape::Copy { elements: *elements }, times);
            lowered.guessed = true;
        }
    }
}

/// Constants that are stored in fewer bits are made floats in each run. Since they are no constants any more,
/// the weights of a convolution are turned to `[height, width, in, out]` in each run, too.
pub(super) fn dequantize(layer: &LayerCost, lowered: &mut Lowered) {
    for elements in &layer.dequantized {
        push(lowered, widened(*elements), layer.repeat);
    }
    let Form::Conv(conv) = &layer.form else { return };
    let Conv { in_channels, out_channels, groups, kernel: [height, width], .. } = **conv;
    let in_channels = in_channels.checked_div(groups).unwrap_or(0);
    let each = product(&[in_channels, height, width]);
    if layer.dequantized.contains(&each.saturating_mul(out_channels)) {
        let window = product(&[height, width]);
        let shape = match (in_channels, window) {
            (1, _) | (_, 1) => swap(1, out_channels, each, 1),
            // Reversed but for the two axes of the window: no tile.
            _ => KernelShape::Transpose { batch: in_channels, rows: out_channels, cols: window, inner: 1 },
        };
        push(lowered, shape, layer.repeat);
    }
}

/// Rows that fit a workgroup are sorted by one; of longer ones, padded to a power of 2, each step of a bitonic
/// sort is a kernel, of an invocation for two values and their places, `s(s + 1)/2` for `2^s` elements, between one that
/// copies the rows and one that picks the results. Source of the steps: K. E. Batcher, "Sorting Networks and
/// Their Applications" (1968).
fn sort(rows: &Rows, times: u64, lowered: &mut Lowered) {
    let Rows { rows, cols, .. } = *rows;
    lowered.guessed = true;
    if cols <= SORTED_AT_ONCE {
        push(lowered, KernelShape::Copy { elements: rows.saturating_mul(cols) }, times);
        return;
    }
    let padded = cols.checked_next_power_of_two().unwrap_or(cols);
    let stages = u64::from(padded.ilog2());
    let steps = stages.saturating_mul(stages.saturating_add(1)) / 2;
    let step = elementwise(product(&[2, rows, padded]), 1, false);
    push(lowered, step, times.saturating_mul(steps.saturating_add(2)));
}

/// Rows whose elements are no neighbours are made so by a transpose first.
fn gather_rows(rows: &Rows, times: u64, lowered: &mut Lowered) {
    if !rows.contiguous && rows.rows > 1 && rows.cols > 1 {
        push(lowered, swap(1, rows.cols, rows.rows, 1), times);
    }
}

/// A tile of outputs a workgroup: of 32 rows, or of 8 where there are no more.
fn matmul(matmul: &MatMul, operator: &str, times: u64, lowered: &mut Lowered) {
    let MatMul { batch, m, n, k, right } = *matmul;
    // Gemm has tiles of 32 rows also for fewer: a product of 9 rows takes the same ones.
    let m = if operator == "Gemm" && (1..=FEW_ROWS).contains(&m) { FEW_ROWS.saturating_add(1) } else { m };
    let shape = KernelShape::Matmul { batch, m, n, k };
    match right {
        Right::Packed { bits } if m <= FEW_ROWS => {
            if k.is_multiple_of(INTEGER_SUMS) {
                push(lowered, elementwise(product(&[batch, m, k]), 1, false), times);
            }
            match packed(batch.saturating_mul(m), n, k, bits) {
                Some(packed) => push(lowered, packed, times),
                None => push_like(lowered, shape, SPLIT, times),
            }
        }
        _ => push(lowered, shape, times),
    }
}

/// The product of a few rows by packed weights; `None` where they have other than 4 bits.
pub(super) fn packed(m: u64, n: u64, k: u64, bits: u8) -> Option<KernelShape> {
    (bits == 4).then_some(KernelShape::PackedMatmul { m, n, k })
}

/// A convolution without groups is a matrix product: as such where it looks at one pixel a time or at the whole
/// image at once, else over windows. With groups, or transposed, each output is a loop of its own.
fn convolution(conv: &Conv, times: u64, lowered: &mut Lowered) {
    let Conv { batch, in_channels, out_channels, groups, kernel, .. } = *conv;
    let [height, width] = conv.output;
    let group_channels = in_channels.checked_div(groups).unwrap_or(0);
    if groups > 1 || conv.transposed {
        // Each output of a transposed convolution asks every weight whether it meets it.
        let stride = if conv.transposed { [1, 1] } else { conv.strides };
        let shape =
            KernelShape::GroupedConv { batch, group_channels, out_channels, height, width, kernel, stride };
        push(lowered, shape, times);
        return;
    }
    let one_axis = conv.input[0] == 1 && height == 1 && kernel[0] == 1;
    if one_axis && kernel[1] > 1 {
        // Its weights are turned around in each run.
        push(lowered, swap(1, in_channels.saturating_mul(out_channels), kernel[1], 1), times);
    }
    let pointwise = kernel == [1, 1] && conv.input == conv.output;
    let whole_image = kernel == conv.input && conv.output == [1, 1];
    if pointwise || whole_image {
        let m = product(&[batch, height, width]);
        let k = product(&[in_channels, kernel[0], kernel[1]]);
        let shape = KernelShape::Matmul { batch: 1, m, n: out_channels, k };
        push(lowered, shape, times);
        return;
    }
    let stride = conv.strides;
    let shape = KernelShape::Conv { batch, in_channels, out_channels, height, width, kernel, stride };
    push(lowered, shape, times);
}

/// Attention as one operator: transposes to heads, two products around a softmax, and back.
fn attend(attention: &Attention, times: u64, lowered: &mut Lowered) {
    let Attention { batch, heads, kv_heads, q_len, kv_len, head_size, v_head_size, projection } = *attention;
    if let Some(projection) = &projection {
        matmul(projection, "MatMul", times, lowered);
    }
    let all = batch.saturating_mul(heads);
    let cache = product(&[batch, kv_heads, kv_len, head_size.saturating_add(v_head_size)]);
    push(lowered, swap(batch, q_len, heads, head_size), times);
    // Keys and values: into heads, or from a cache into the next one.
    push(lowered, KernelShape::Copy { elements: cache }, times);
    let scores = KernelShape::Matmul { batch: all, m: q_len, n: kv_len, k: head_size };
    push(lowered, scores, times);
    push(lowered, KernelShape::Softmax { rows: all.saturating_mul(q_len), cols: kv_len }, times);
    let mixed = KernelShape::Matmul { batch: all, m: q_len, n: v_head_size, k: kv_len };
    push(lowered, mixed, times);
    push(lowered, swap(batch, heads, q_len, v_head_size), times);
}

/// Attention of one query over a cache: queries, keys and values are turned by their position, the cache is
/// copied into the next one, scores and weighted values are sums over [`KEYS`] keys a workgroup, and those of the
/// workgroups are added up.
fn decode(attention: &Attention, times: u64, lowered: &mut Lowered) {
    let Attention { batch, heads, kv_heads, q_len, kv_len, head_size, v_head_size, .. } = *attention;
    let all = batch.saturating_mul(heads);
    let new = product(&[batch, q_len, heads.saturating_add(kv_heads.saturating_mul(2)), head_size]);
    let cache = product(&[batch, kv_heads, kv_len, head_size.saturating_add(v_head_size)]);
    push(lowered, KernelShape::Copy { elements: new }, times);
    push_like(lowered, KernelShape::Copy { elements: cache }, COPY_IN_FOURS, times);
    let scores = KernelShape::Matmul { batch: all, m: q_len, n: kv_len, k: head_size };
    push_like(lowered, scores, SPLIT, times);
    let mixed = KernelShape::Matmul { batch: all, m: q_len, n: v_head_size, k: kv_len };
    push_like(lowered, mixed, SPLIT, times);
    let rows = all.saturating_mul(v_head_size);
    // An output an invocation.
    push(lowered, elementwise(rows, kv_len.div_ceil(KEYS), false), times);
}

/// A kernel for each step and direction, that takes nothing out of the loop: an invocation for each element of
/// the state, and in it a sum for each gate, as a product of as many rows. Four copies of states for each
/// direction.
fn recur(recurrent: &Recurrent, times: u64, lowered: &mut Lowered) {
    let Recurrent { cell, directions, sequence, batch, input, hidden } = *recurrent;
    let step = KernelShape::Matmul { batch, m: cell.gates(), n: hidden, k: input.saturating_add(hidden) };
    push_like(lowered, step, NAIVE, product(&[times, directions, sequence]));
    let state = KernelShape::Copy { elements: batch.saturating_mul(hidden) };
    push(lowered, state, product(&[times, directions, 4]));
}
