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

pub(super) mod forms;

use std::collections::{BTreeMap, BTreeSet};

use self::forms::{
    Context, dequantize, elements, is_standard_attention, kernels, packed, push, square, swap,
};
use super::rates::HOST_BYTES;
use crate::cost::form::{MatMul, Right};
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

/// The shapes of all kernels of a model with the kernel of the suite that is most like the runtime's, each once:
/// what a calibration for this model measures.
#[must_use]
pub fn kernels_of(cost: &ModelCost) -> Vec<(KernelShape, &'static str)> {
    let lowered = lower(cost);
    let kernels = lowered.iter().flat_map(|layer| &layer.kernels);
    let named: BTreeSet<_> =
        kernels.filter_map(|kernel| Some((kernel.shape, kernel.names().next()?))).collect();
    named.into_iter().collect()
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
        // Of both products at once.
        let row = |place: u32| match layer(place)?.form {
            Form::MatMul(MatMul { batch: 1, m: 1, n, k, right: Right::Packed { bits } }) => {
                packed(1, n.saturating_mul(2), k, bits)
            }
            _ => None,
        };
        let last = u32::try_from(index).ok()?;
        let [a, b] = of_two(last)?;
        let (swish, up) = if is(a, "Mul") { (a, b) } else { (b, a) };
        let [c, d] = of_two(swish)?;
        let (sigmoid, gate) = if is(c, "Sigmoid") { (c, d) } else { (d, c) };
        let shape = row(gate).filter(|of_both| row(up) == Some(*of_both))?;
        let norm = match (edges.producers(gate as usize), edges.producers(up as usize)) {
            (&[a], &[b]) if a == b => a,
            _ => return None,
        };
        let normalizes = layer(norm).is_some_and(|layer| matches!(layer.form, Form::Normalize(_)));
        if !is(sigmoid, "Sigmoid") || edges.producers(sigmoid as usize) != [gate] || !normalizes {
            return None;
        }
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
                    Some(shape) => push(&mut lowered, *shape, layer.repeat),
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
