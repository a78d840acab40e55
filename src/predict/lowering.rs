//! The kernels that ONNX Runtime's WebGPU provider runs for a counted model.
//!
//! The rules below were read off the kernel profiles and logs of ONNX Runtime 1.27.0 (`onnxruntime-webgpu`) on
//! twelve of the models in `models/`, 2026-11. Each is stated where it is applied; what stands for all:
//!
//! - Views, and integer arithmetic on shapes, start no kernel: the host does the latter.
//! - Convolutions and pools work on channels-last tensors. Transposes stand where such a region begins and ends;
//!   element-wise operators, concatenation and spatial reductions belong to the region around them.
//! - A convolution takes an activation into itself (Relu, Clip, Sigmoid, HardSigmoid, LeakyRelu, Tanh), if
//!   nothing else reads its result; no addition, and not HardSwish.
//! - A matrix product takes in nothing: its bias is an element-wise kernel, GELU in plain operators is one kernel
//!   an operator, and so is attention in plain operators.
//! - `x·sigmoid(x)` is one kernel.
//! - Of one row by packed weights, a gated feed-forward block is one kernel up to its last product, with the
//!   normalisation before it.
//! - DequantizeLinear is repeated in each run, also of constants, and once for each of its readers.
//!
//! Not covered: the fusion of residual additions into a normalisation (seen once a model).

use std::collections::{BTreeMap, BTreeSet};

use super::time::HOST_BYTES;
use crate::cost::form::{Attention, Conv, MatMul, Recurrent, Right, Rows};
use crate::cost::{Form, LayerCost, ModelCost};
use crate::device::kernel::KernelShape;

/// One or more equal kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// The sizes.
    pub shape: KernelShape,
    /// Kernels of the suite that are shaped as the runtime's, the most alike first, where they are others than
    /// the one that [`KernelShape::runtime_kernel`] names for the shape.
    pub like: &'static [&'static str],
    /// How many run.
    pub started: u64,
}

impl Kernel {
    /// Names of the suite's kernels to look for, the most alike first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.like.iter().copied().chain([self.shape.runtime_kernel()])
    }
}

/// What the runtime does for one layer, all its turns together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lowered {
    /// In order of execution.
    pub kernels: Vec<Kernel>,
    /// Whether another layer's kernel does its work.
    pub fused: bool,
    /// How often the CPU does the work in between: operands go to the host and results come back.
    pub on_host: u64,
    /// Whether the kernels are a guess: the runtime's are not known, and these move as many bytes.
    pub guessed: bool,
}

/// An output an invocation, its whole sum in a loop.
const NAIVE: &[&str] = &["matmul.naive"];
/// Few rows by weights of several to a byte: a few columns a workgroup, whose lanes share the sum.
const PACKED: &[&str] = &["matmul.packed4", "matmul.split"];

/// Few rows, with the sum shared by lanes: attention of one query over a cache.
const SPLIT: &[&str] = &["matmul.split"];
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
/// Activations that a convolution takes into itself.
const FUSED_ACTIVATIONS: &[&str] = &["Relu", "Clip", "Sigmoid", "HardSigmoid", "LeakyRelu", "Tanh"];
/// Operators without a kernel for WebGPU: their operands go to the host.
const ON_HOST: &[&str] =
    &["QuantizeLinear", "DynamicQuantizeLinear", "NonMaxSuppression", "NonZero", "GRU", "RNN"];

/// Lowers a model: one entry a layer, in the order of [`ModelCost::layers`].
#[must_use]
pub fn lower(cost: &ModelCost) -> Vec<Lowered> {
    let mut lowering = Lowering::new(cost);
    for layer in 0..cost.layers.len() {
        lowering.layer(layer);
    }
    lowering.done
}

/// The shapes of all kernels of a model, each once: what a calibration for this model measures.
#[must_use]
pub fn shapes(cost: &ModelCost) -> Vec<KernelShape> {
    let lowered = lower(cost);
    let shapes: BTreeSet<KernelShape> =
        lowered.iter().flat_map(|layer| &layer.kernels).map(|kernel| kernel.shape).collect();
    shapes.into_iter().collect()
}

/// A tensor whose channels are last in memory, and not where the model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ChannelsLast {
    batch: u64,
    channels: u64,
    /// Whether it was transposed back already, for somebody who wanted it as the model says.
    back: bool,
}

impl ChannelsLast {
    /// The transpose of so many elements out of this order.
    fn out(self, elements: u64) -> KernelShape {
        let all = self.batch.saturating_mul(self.channels).max(1);
        swap(self.batch, elements.div_ceil(all), self.channels, 1)
    }
}

struct Lowering<'c> {
    cost: &'c ModelCost,
    done: Vec<Lowered>,
    /// Of the result of each layer; `None` where it lies as the model says.
    orders: Vec<Option<ChannelsLast>>,
    /// Layers of gated feed-forward blocks that are one kernel, with that kernel at the first product.
    gated: BTreeMap<usize, Option<KernelShape>>,
}

impl<'c> Lowering<'c> {
    fn new(cost: &'c ModelCost) -> Self {
        let layers = cost.layers.len();
        let mut lowering = Self {
            cost,
            done: Vec::with_capacity(layers),
            orders: Vec::with_capacity(layers),
            gated: BTreeMap::new(),
        };
        for layer in 0..layers {
            let block = lowering.gated_block(layer);
            lowering.gated.extend(block.into_iter().flatten());
        }
        lowering
    }

    /// The layers of a gated feed-forward block that ends in this product, `silu(x·G) ⊙ x·U` of one row `x` and
    /// packed weights, with the normalisation that makes `x`.
    fn gated_block(&self, index: usize) -> Option<[(usize, Option<KernelShape>); 6]> {
        let edges = &self.cost.edges;
        let layer = |place: u32| self.cost.layers.get(place as usize);
        let is = |place: u32, operator: &str| layer(place).is_some_and(|layer| layer.operator == operator);
        let of_two = |place: u32| match edges.producers(place as usize) {
            &[a, b] if is(place, "Mul") => Some([a, b]),
            _ => None,
        };
        let row = |place: u32| match layer(place)?.form {
            Form::MatMul(MatMul { batch: 1, m: 1, n, k, right: Right::Packed { .. } }) => Some((n, k)),
            _ => None,
        };
        let last = u32::try_from(index).ok()?;
        let [a, b] = of_two(last)?;
        let (swish, up) = if is(a, "Mul") { (a, b) } else { (b, a) };
        let [c, d] = of_two(swish)?;
        let (sigmoid, gate) = if is(c, "Sigmoid") { (c, d) } else { (d, c) };
        let both = row(gate).filter(|size| row(up) == Some(*size))?;
        let norm = match (edges.producers(gate as usize), edges.producers(up as usize)) {
            (&[a], &[b]) if a == b => a,
            _ => return None,
        };
        let normalizes = layer(norm).is_some_and(|layer| matches!(layer.form, Form::Normalize(_)));
        if !is(sigmoid, "Sigmoid") || edges.producers(sigmoid as usize) != [gate] || !normalizes {
            return None;
        }
        let (n, k) = both;
        let shape = KernelShape::Matmul { batch: 1, m: 1, n: n.saturating_mul(2), k };
        let [gate, others @ ..] = [gate, up, sigmoid, swish, last, norm].map(|place| place as usize);
        let [up, sigmoid, swish, last, norm] = others.map(|place| (place, None));
        Some([(gate, Some(shape)), up, sigmoid, swish, last, norm])
    }

    /// Lowers the next layer; all before it are done.
    fn layer(&mut self, index: usize) {
        let Some(layer) = self.cost.layers.get(index) else { return };
        let mut lowered = Lowered::default();
        let order = self.order(index, layer);
        if layer.repeat > 0 && layer.form != Form::Absent && !is_shape_arithmetic(layer) {
            let cancelled = self.transposes(index, layer, order, &mut lowered);
            let on_host = ON_HOST.contains(&layer.operator) || is_standard_attention(layer);
            dequantize(layer, &mut lowered);
            if let Some(gated) = self.gated.get(&index) {
                match gated {
                    Some(shape) => push_like(&mut lowered, *shape, PACKED, layer.repeat),
                    None => lowered.fused = true,
                }
            } else if cancelled || self.is_fused(index, layer) {
                lowered.fused = true;
            } else if !on_host || !matches!(layer.form, Form::Elementwise { .. }) {
                let context = Context {
                    swish: self.is_swish(index, layer),
                    channels_last: order.is_some(),
                    readers: u64::from(self.cost.edges.consumers(index)).max(1),
                };
                kernels(layer, context, &mut lowered);
            }
            if on_host {
                lowered.on_host = layer.repeat;
            }
            if let Some(order) = order.filter(|_| self.cost.edges.is_output(index)) {
                push(&mut lowered, order.out(elements(layer)), layer.repeat);
            }
        }
        self.done.push(lowered);
        self.orders.push(order);
    }

    /// The layers that make what a layer reads, all before it.
    fn producers(&self, index: usize) -> impl Iterator<Item = (usize, &'c LayerCost)> {
        let cost = self.cost;
        let places = cost.edges.producers(index).iter().map(|place| *place as usize);
        places.filter(move |place| *place < index).filter_map(|place| Some((place, cost.layers.get(place)?)))
    }

    /// The order of a tensor that a layer reads, if its channels are last.
    fn inherited(&self, index: usize) -> Option<ChannelsLast> {
        self.producers(index).find_map(|(place, _)| self.orders.get(place).copied().flatten())
    }

    /// Convolutions and pools make channels-last tensors; what may work in either order keeps that of what it
    /// reads.
    fn order(&self, index: usize, layer: &LayerCost) -> Option<ChannelsLast> {
        let fresh = |order: ChannelsLast| ChannelsLast { back: false, ..order };
        match &layer.form {
            Form::Conv(conv) if conv.channels_last => None,
            Form::Conv(conv) => {
                Some(ChannelsLast { batch: conv.batch, channels: conv.out_channels, back: false })
            }
            Form::Pool { .. } => {
                let unknown = ChannelsLast { batch: 1, channels: 1, back: false };
                Some(self.inherited(index).map_or(unknown, fresh))
            }
            Form::View if !matches!(layer.operator, "Identity" | "Dropout") => None,
            Form::Elementwise { .. } | Form::Copy { .. } | Form::View | Form::Reduce(_) => {
                self.inherited(index).map(fresh)
            }
            _ => None,
        }
    }

    /// The transposes that stand before a layer: into a channels-last region, and out of it. One of the model's
    /// that reads such a region is merged with the one out of it; the answer is whether nothing is left of the
    /// two, as of the usual `[0, 2, 3, 1]`.
    fn transposes(
        &mut self,
        index: usize,
        layer: &LayerCost,
        order: Option<ChannelsLast>,
        lowered: &mut Lowered,
    ) -> bool {
        let reads_last = self.inherited(index).is_some();
        if let Form::Transpose { rank, run, .. } = &layer.form {
            return *rank <= 3 && *run == 1 && reads_last;
        }
        match &layer.form {
            Form::Conv(conv) if !conv.channels_last && !reads_last => {
                let [height, width] = conv.input;
                push(
                    lowered,
                    swap(conv.batch, conv.in_channels, height.saturating_mul(width), 1),
                    layer.repeat,
                );
            }
            Form::Pool { outputs, window, global } if !reads_last => {
                let elements = if *global { outputs.saturating_mul(*window) } else { *outputs };
                push(lowered, square(1, elements, 1), layer.repeat);
            }
            _ => {}
        }
        if order.is_some() {
            return false;
        }
        let producers: Vec<(usize, &LayerCost)> = self.producers(index).collect();
        for (place, producer) in producers {
            // One transpose back serves everyone who wants it.
            if let Some(Some(made)) = self.orders.get_mut(place)
                && !made.back
            {
                made.back = true;
                push(lowered, made.out(elements(producer)), layer.repeat);
            }
        }
        false
    }

    /// Whether the kernel of another layer does the work of this one.
    fn is_fused(&self, index: usize, layer: &LayerCost) -> bool {
        let edges = &self.cost.edges;
        let alone = |place: usize| edges.consumers(place) == 1 && !edges.is_output(place);
        match &layer.form {
            // Into the convolution before it.
            Form::Elementwise { .. } if FUSED_ACTIVATIONS.contains(&layer.operator) => {
                let [place] = edges.producers(index) else { return false };
                let place = *place as usize;
                let before = self.cost.layers.get(place);
                let into_conv = before.is_some_and(|before| {
                    matches!(before.form, Form::Conv(_)) && before.repeat == layer.repeat && alone(place)
                });
                into_conv || (layer.operator == "Sigmoid" && alone(index) && self.feeds_swish(index))
            }
            // Two transposes in a row are merged into the second.
            Form::Transpose { .. } if alone(index) => {
                self.consumer(index).is_some_and(|next| matches!(next.form, Form::Transpose { .. }))
            }
            _ => false,
        }
    }

    /// The first layer behind this one that reads it.
    fn consumer(&self, index: usize) -> Option<&'c LayerCost> {
        let cost = self.cost;
        let reads = |place: &usize| cost.edges.producers(*place).iter().any(|from| *from as usize == index);
        let behind = index.saturating_add(1)..cost.layers.len();
        behind.take(NEAR).find(reads).and_then(|place| cost.layers.get(place))
    }

    /// Whether a Sigmoid is multiplied by what it was taken of.
    fn feeds_swish(&self, index: usize) -> bool {
        let edges = &self.cost.edges;
        let [of] = edges.producers(index) else { return false };
        let behind = index.saturating_add(1)..self.cost.layers.len();
        behind.take(NEAR).any(|place| {
            let reads = edges.producers(place);
            let is_product = self.cost.layers.get(place).is_some_and(|layer| layer.operator == "Mul");
            is_product
                && reads.len() == 2
                && reads.contains(of)
                && reads.iter().any(|from| *from as usize == index)
        })
    }

    /// Whether a product takes a Sigmoid into itself.
    fn is_swish(&self, index: usize, layer: &LayerCost) -> bool {
        layer.operator == "Mul"
            && self.producers(index).any(|(place, before)| {
                before.operator == "Sigmoid"
                    && self.done.get(place).is_some_and(|lowered| lowered.fused)
                    && self.feeds_swish(place)
            })
    }
}

/// How far behind a layer its only reader is looked for.
const NEAR: usize = 16;
/// How many sizes are tried for the side of a transpose that is not known.
const SEARCHED: u64 = 4096;

/// What a layer's kernels depend on besides the layer.
#[derive(Debug, Clone, Copy)]
struct Context {
    /// Whether a product takes the sigmoid of one of its factors into itself.
    swish: bool,
    /// Whether its result has its channels last.
    channels_last: bool,
    /// Layers that read its result, 1 or more.
    readers: u64,
}

/// Attention of ai.onnx has no kernel for WebGPU; that of com.microsoft has.
fn is_standard_attention(layer: &LayerCost) -> bool {
    layer.operator == "Attention" && layer.domain.is_empty()
}

/// Integer arithmetic on a few bytes: shapes, indices, lengths.
fn is_shape_arithmetic(layer: &LayerCost) -> bool {
    if matches!(layer.form, Form::View | Form::Size) {
        return layer.form == Form::Size;
    }
    let counts = &layer.counts;
    let computes = counts.macs > 0 || counts.alu > 0 || counts.div > 0 || counts.trans > 0;
    let moved = layer.bytes_read.saturating_add(layer.bytes_written).saturating_add(layer.bytes_weights);
    !computes && moved < HOST_BYTES.saturating_mul(layer.repeat)
}

fn push(lowered: &mut Lowered, shape: KernelShape, started: u64) {
    push_like(lowered, shape, &[], started);
}

fn push_like(lowered: &mut Lowered, shape: KernelShape, like: &'static [&'static str], started: u64) {
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
fn swap(batch: u64, rows: u64, cols: u64, inner: u64) -> KernelShape {
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
fn square(batch: u64, elements: u64, inner: u64) -> KernelShape {
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
fn elements(layer: &LayerCost) -> u64 {
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
fn kernels(layer: &LayerCost, context: Context, lowered: &mut Lowered) {
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
fn dequantize(layer: &LayerCost, lowered: &mut Lowered) {
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
fn matmul(product: &MatMul, operator: &str, times: u64, lowered: &mut Lowered) {
    let MatMul { batch, m, n, k, right } = *product;
    // Gemm has tiles of 32 rows also for fewer: a product of 9 rows takes the same ones.
    let m = if operator == "Gemm" && (1..=FEW_ROWS).contains(&m) { FEW_ROWS.saturating_add(1) } else { m };
    let packed = matches!(right, Right::Packed { .. }) && m <= FEW_ROWS;
    if packed && k.is_multiple_of(INTEGER_SUMS) {
        push(lowered, elementwise(m.saturating_mul(k), 1, false), times);
    }
    let like = if packed { PACKED } else { &[] };
    push_like(lowered, KernelShape::Matmul { batch, m, n, k }, like, times);
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
