//! Which kernels PyTorch, or a graph engine, runs for a counted model.
//!
//! Exporters write one of its operators as several nodes, and leave out what it does besides. Stated rules, read off
//! PyTorch's operators and the graphs that its exporters write:
//!
//! - Views start nothing, and nor do slices, splits and transpositions that no reader needs in order: a reshape does,
//!   and what is not element-wise.
//! - A linear layer takes its bias with it. GELU is one kernel, in five nodes by its error function or in nine by a tangent,
//!   and so is `x·sigmoid(x)`.
//! - Attention (a product of activations, a softmax over it, perhaps scaled and masked on the way, and a second product)
//!   is one kernel on matrix units; on vector units its steps are kernels of their own.
//! - A compiler fuses element-wise operators, normalisations and reductions of rows that follow each other, unless
//!   something that it cannot fuse stands between: a contraction, a pooling, a mean over the whole image. What is fused
//!   reads each tensor once, and writes what others read.
//!
//! - An engine fuses as a compiler does. It writes keys and values of new tokens into the cache where they belong, where a
//!   framework writes the cache anew, and reads those that several heads share once.
//!
//! - A convolution with a bias was one without, and a batch normalisation, that the exporter folded into it: eager PyTorch
//!   starts both (the coefficients of convolutions hold the traffic of the second).
//!
//! Not covered: memory formats; recurrent layers, which take a start for each step.

use std::collections::{BTreeMap, BTreeSet};

use super::Term;
use super::work::{Kind, Quantity, contraction, kind, operations};
use crate::cost::form::{MatMul, Right};
use crate::cost::{Form, LayerCost, ModelCost};
use crate::device::ArithmeticUnit;
use crate::predict::Runtime;

/// Layers between the product that makes scores and their softmax.
const LONGEST_CHAIN: usize = 6;
/// Operands that such a layer has.
const MOST_OPERANDS: usize = 4;

/// A kernel, or so many equal ones.
pub(super) struct Kernel {
    /// The layers whose work it does.
    pub layers: Vec<usize>,
    started: u64,
    work: Vec<(Term, Quantity)>,
}

impl Kernel {
    /// Whether it multiplies and adds up: what several devices share among them.
    pub fn contracts(&self) -> bool {
        self.work.iter().any(|(_, quantity)| {
            matches!(
                quantity,
                Quantity::Contraction { .. } | Quantity::Vector { .. } | Quantity::Depthwise { .. }
            )
        })
    }

    /// All that it takes, its starts included.
    pub fn parts(&self) -> impl Iterator<Item = (Term, Quantity)> {
        self.work.iter().copied().chain([(Term::Start, Quantity::Starts(self.started))])
    }
}

/// The kernels of a model, in the order of what they begin with.
pub(super) fn lower(cost: &ModelCost, runtime: Runtime, unit: ArithmeticUnit) -> Vec<Kernel> {
    let mut lowering = Lowering::new(cost, runtime);
    if unit == ArithmeticUnit::Matrix {
        lowering.attention();
    }
    lowering.contractions();
    lowering.fused();
    lowering.others();
    lowering.kernels.sort_by_key(|kernel| kernel.layers.first().copied());
    lowering.kernels
}

struct Lowering<'c> {
    cost: &'c ModelCost,
    compiled: bool,
    /// Whether caches are written in place.
    engine: bool,
    kinds: Vec<Kind>,
    /// For each layer, [`Lowering::maker`].
    makers: Vec<usize>,
    consumers: Vec<Vec<usize>>,
    /// Layers whose work a kernel does already.
    done: Vec<bool>,
    /// Layers of attention.
    attending: Vec<bool>,
    kernels: Vec<Kernel>,
}

impl<'c> Lowering<'c> {
    fn new(cost: &'c ModelCost, runtime: Runtime) -> Self {
        let count = cost.layers.len();
        let mut consumers = vec![vec![]; count];
        for layer in 0..count {
            for producer in cost.edges.producers(layer) {
                if let Some(list) = consumers.get_mut(*producer as usize) {
                    list.push(layer);
                }
            }
        }
        let kinds: Vec<Kind> = cost.layers.iter().map(kind).collect();
        // Layers come after those they read: what a view shows is known before it.
        let mut makers: Vec<usize> = vec![];
        for (at, kind) in kinds.iter().enumerate() {
            let first = cost.edges.producers(at).first().map(|producer| *producer as usize);
            let shown = first.filter(|_| *kind == Kind::View).and_then(|first| makers.get(first).copied());
            makers.push(shown.unwrap_or(at));
        }
        Self {
            cost,
            compiled: matches!(runtime, Runtime::Compiled | Runtime::Engine),
            engine: runtime == Runtime::Engine,
            kinds,
            makers,
            consumers,
            done: vec![false; count],
            attending: vec![false; count],
            kernels: vec![],
        }
    }

    fn layer(&self, at: usize) -> Option<&'c LayerCost> {
        self.cost.layers.get(at)
    }

    fn kind(&self, at: usize) -> Kind {
        self.kinds.get(at).copied().unwrap_or(Kind::Nothing)
    }

    fn producers(&self, at: usize) -> impl Iterator<Item = usize> + use<'c> {
        self.cost.edges.producers(at).iter().map(|producer| *producer as usize)
    }

    fn consumers(&self, at: usize) -> &[usize] {
        self.consumers.get(at).map_or(&[], Vec::as_slice)
    }

    fn take(&mut self, at: usize) {
        if let Some(done) = self.done.get_mut(at) {
            *done = true;
        }
    }

    fn is_done(&self, at: usize) -> bool {
        self.done.get(at).copied().unwrap_or(true)
    }

    /// The layers that read a result, views of it in between looked through.
    fn readers(&self, at: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open: Vec<usize> = self.consumers(at).to_vec();
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            if self.is_view_of(next, at) {
                open.extend(self.consumers(next));
            } else if self.kind(next) != Kind::View {
                found.insert(next);
            }
        }
        found
    }

    /// The layer that made what a view shows; any other layer itself.
    fn maker(&self, at: usize) -> usize {
        self.makers.get(at).copied().unwrap_or(at)
    }

    /// Whether a layer shows what another made. Each view is of one layer: looking through the views of all layers takes
    /// time in proportion to the model.
    fn is_view_of(&self, view: usize, maker: usize) -> bool {
        self.kind(view) == Kind::View && self.maker(view) == self.maker(maker)
    }

    fn is_product(&self, at: usize, right: fn(Right) -> bool) -> bool {
        self.layer(at)
            .is_some_and(|layer| matches!(layer.form, Form::MatMul(MatMul { right: of, .. }) if right(of)))
    }

    fn of_activations(&self, at: usize) -> bool {
        self.is_product(at, |right| right == Right::Activation)
    }

    fn push(&mut self, layers: Vec<usize>, started: u64, work: Vec<(Term, Quantity)>) {
        layers.iter().for_each(|layer| self.take(*layer));
        self.kernels.push(Kernel { layers, started, work });
    }

    /// Attention in plain operators, where it is one kernel: see the module.
    fn attention(&mut self) {
        for softmax in 0..self.cost.layers.len() {
            let Some(layer) = self.layer(softmax).filter(|layer| matches!(layer.form, Form::Softmax(_)))
            else {
                continue;
            };
            let readers = self.readers(softmax);
            let second = readers.iter().copied().next().filter(|_| readers.len() == 1);
            let Some(second) = second.filter(|at| self.of_activations(*at) && !self.is_done(*at)) else {
                continue;
            };
            let Some((first, between)) = self.scores(softmax) else { continue };
            let (Some(scores), Some(values)) = (self.layer(first), self.layer(second)) else { continue };
            let mut layers: Vec<usize> = between.iter().copied().chain([first, softmax, second]).collect();
            layers.extend(self.prepared(first));
            layers.sort_unstable();
            layers.dedup();
            layers.iter().for_each(|at| {
                if let Some(mark) = self.attending.get_mut(*at) {
                    *mark = true;
                }
            });
            let made = scores.bytes_written;
            let read = if self.engine {
                self.operands(first).saturating_add(self.operands(second).saturating_sub(layer.bytes_written))
            } else {
                scores.bytes_read.saturating_add(values.bytes_read.saturating_sub(layer.bytes_written))
            };
            let moved = read.saturating_add(values.bytes_written);
            // Of a few queries, the scores stay in the kernel.
            let made = if self.engine { made.min(moved) } else { made };
            let macs = scores.counts.macs.saturating_add(values.counts.macs);
            let masked = between
                .iter()
                .any(|at| self.layer(*at).is_some_and(|layer| matches!(layer.operator, "Add" | "Where")));
            let bytes = |activations| Quantity::Bytes { activations, weights: 0, operations: 0 };
            let mut work = vec![
                (Term::Product, Quantity::Contraction { macs }),
                (Term::Attention, bytes(moved.max(made))),
            ];
            if masked {
                work.push((Term::Mask, bytes(made)));
            }
            self.push(layers, layer.repeat, work);
        }
    }

    /// The product that a softmax is taken of, and the element-wise layers in between.
    fn scores(&self, softmax: usize) -> Option<(usize, Vec<usize>)> {
        let mut between = vec![];
        let mut at = softmax;
        for _ in 0..LONGEST_CHAIN {
            let operands = self.producers(at).take(MOST_OPERANDS);
            let makers: Vec<usize> = operands.map(|producer| self.maker(producer)).collect();
            if let Some(product) = makers.iter().copied().find(|maker| self.of_activations(*maker)) {
                return (!self.is_done(product)).then_some((product, between));
            }
            // Of a mask and the scores, these are as many as the result.
            let size = self.layer(at)?.bytes_written;
            at = makers.into_iter().find(|maker| {
                self.kind(*maker) == Kind::Elementwise
                    && !self.is_done(*maker)
                    && self.layer(*maker).is_some_and(|layer| layer.bytes_written == size)
            })?;
            between.push(at);
        }
        None
    }

    /// Bytes of what a product multiplies, as they lie in memory: keys that several heads share lie there once.
    fn operands(&self, product: usize) -> u64 {
        let lie = |producer: usize| {
            let mut bytes = u64::MAX;
            let mut at = producer;
            for _ in 0..LONGEST_CHAIN {
                bytes = bytes.min(self.layer(at).map_or(0, |layer| layer.bytes_written));
                let turns = matches!(self.kind(at), Kind::Transpose | Kind::View);
                let Some(before) = self.producers(at).next().filter(|_| turns) else { break };
                at = before;
            }
            bytes
        };
        self.producers(product).map(lie).fold(0, u64::saturating_add)
    }

    /// What is done to queries, keys and values on the way into attention and to nothing else: scaling, turning.
    fn prepared(&self, product: usize) -> Vec<usize> {
        let mut found = vec![];
        for producer in self.producers(product) {
            let mut at = producer;
            for _ in 0..LONGEST_CHAIN {
                let turns = matches!(self.kind(at), Kind::Transpose | Kind::View);
                let scales =
                    self.layer(at).is_some_and(|layer| matches!(layer.operator, "Mul" | "Div" | "Cast"));
                let Some(before) = self.producers(at).next() else { break };
                if !(turns || scales) || self.consumers(at).len() != 1 || self.is_done(at) {
                    break;
                }
                found.push(at);
                at = before;
            }
        }
        found
    }

    fn contractions(&mut self) {
        for at in 0..self.cost.layers.len() {
            if self.kind(at) != Kind::Contraction || self.is_done(at) {
                continue;
            }
            let Some(layer) = self.layer(at) else { continue };
            let mut layers = vec![at];
            if self.is_product(at, |right| right != Right::Activation) {
                layers.extend(self.bias_of(at));
            }
            let started = match &layer.form {
                Form::Conv(_) if layer.counts.alu > 0 && !self.compiled => layer.repeat.saturating_mul(2),
                Form::Recurrent(recurrent) => layer.repeat.saturating_mul(recurrent.sequence.max(1)),
                _ => layer.repeat,
            };
            let work = contraction(layer, self.engine);
            self.push(layers, started, work);
        }
    }

    /// The addition of a bias that a linear layer takes with it.
    fn bias_of(&self, at: usize) -> Option<usize> {
        let &[next] = self.consumers(at) else { return None };
        let layer = self.layer(next)?;
        let adds =
            layer.operator == "Add" && self.cost.edges.producers(next).len() == 1 && layer.bytes_weights > 0;
        (adds && !self.is_done(next)).then_some(next)
    }

    /// Element-wise layers and rows, in groups that are a kernel each.
    fn fused(&mut self) {
        let count = self.cost.layers.len();
        let fusible = |lowering: &Self, at: usize| {
            matches!(lowering.kind(at), Kind::Elementwise | Kind::Rows) && !lowering.is_done(at)
        };
        let mut groups = Groups::new(count);
        if self.compiled {
            let levels = self.levels();
            for at in (0..count).filter(|at| fusible(self, *at)) {
                for producer in self.producers(at) {
                    let maker = self.maker(producer);
                    if fusible(self, maker) && levels.get(at) == levels.get(maker) {
                        groups.join(at, maker);
                    }
                }
            }
        } else {
            for at in (0..count).filter(|at| fusible(self, *at)) {
                self.composite(at, |at| fusible(self, at), &mut groups);
            }
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in (0..count).filter(|at| fusible(self, *at)) {
            members.entry(groups.of(at)).or_default().push(at);
        }
        for layers in members.into_values() {
            self.group(layers);
        }
    }

    /// How many things that cannot be fused stand before each layer, on the longest way.
    fn levels(&self) -> Vec<usize> {
        let mut levels = vec![0usize; self.cost.layers.len()];
        for at in 0..levels.len() {
            let mut level = 0;
            for producer in self.producers(at) {
                let fused = match self.kind(producer) {
                    Kind::View | Kind::Nothing => true,
                    Kind::Elementwise | Kind::Rows => !self.is_done(producer),
                    _ => false,
                };
                let before = levels.get(producer).copied().unwrap_or(0);
                level = level.max(if fused { before } else { before.saturating_add(1) });
            }
            if let Some(slot) = levels.get_mut(at) {
                *slot = level;
            }
        }
        levels
    }

    /// Joins the nodes of one operator of PyTorch: GELU by its error function, and a product with a gate of the same.
    fn composite(&self, at: usize, fusible: impl Fn(usize) -> bool, groups: &mut Groups) {
        let Some(layer) = self.layer(at) else { return };
        match layer.operator {
            "Erf" => {
                if let Some(before) = self.producers(at).next().filter(|before| fusible(*before)) {
                    groups.join(before, at);
                }
                self.finish_gelu(at, &fusible, groups);
            }
            "Tanh" if let Some(before) = self.cubed(at, &fusible) => {
                before.into_iter().for_each(|layer| groups.join(layer, at));
                self.finish_gelu(at, &fusible, groups);
            }
            "Sigmoid" | "HardSigmoid" | "Tanh" => {
                let source = self.producers(at).next();
                for next in self.consumers(at) {
                    let product = self.layer(*next).is_some_and(|layer| layer.operator == "Mul");
                    let of_same = self.producers(*next).any(|producer| Some(producer) == source);
                    if product && of_same && fusible(*next) {
                        groups.join(*next, at);
                    }
                }
            }
            _ => {}
        }
    }

    /// Joins what follows the error function or the tangent of GELU: one more, times the input, halved.
    fn finish_gelu(&self, at: usize, fusible: &impl Fn(usize) -> bool, groups: &mut Groups) {
        let mut last = at;
        for _ in 0..3 {
            let next = self.consumers(last).iter().copied().find(|next| {
                fusible(*next)
                    && self.layer(*next).is_some_and(|layer| matches!(layer.operator, "Add" | "Mul"))
            });
            let Some(next) = next else { break };
            groups.join(next, at);
            last = next;
        }
    }

    /// The layers that make `√(2/π)·(x + 0.0447·x³)` before a tangent, where the cube is two products: so exporters write
    /// GELU by its approximation. One with a power is written in Python, operator by operator.
    fn cubed(&self, tanh: usize, fusible: impl Fn(usize) -> bool) -> Option<Vec<usize>> {
        const LAYERS: usize = 5;
        let mut found: Vec<usize> = vec![];
        let mut open: Vec<usize> = self.producers(tanh).collect();
        let mut sources = BTreeSet::new();
        while let Some(at) = open.pop() {
            let arithmetic = self.layer(at).is_some_and(|layer| matches!(layer.operator, "Add" | "Mul"));
            if found.contains(&at) {
                continue;
            }
            if arithmetic && fusible(at) && found.len() < LAYERS {
                found.push(at);
                open.extend(self.producers(at));
            } else {
                sources.insert(self.maker(at));
            }
        }
        (found.len() == LAYERS && sources.len() == 1).then_some(found)
    }

    /// One kernel for a group of layers: it reads each tensor from outside once, and writes what others read.
    fn group(&mut self, layers: Vec<usize>) {
        let inside: BTreeSet<usize> = layers.iter().copied().collect();
        let (mut read, mut written) = (0u64, 0u64);
        let mut met = BTreeSet::new();
        for at in &layers {
            let Some(layer) = self.layer(*at) else { continue };
            let makers: BTreeSet<usize> = self.producers(*at).map(|producer| self.maker(producer)).collect();
            let within: u64 = makers
                .iter()
                .filter(|maker| inside.contains(maker))
                .filter_map(|maker| Some(self.layer(*maker)?.bytes_written))
                .fold(0, u64::saturating_add);
            let outside: Vec<usize> = makers.into_iter().filter(|maker| !inside.contains(maker)).collect();
            let new = outside.iter().filter(|maker| met.insert(**maker)).count();
            if new > 0 || outside.is_empty() {
                read = read.saturating_add(layer.bytes_read.saturating_sub(within));
            }
            let seen_outside = self.readers(*at).iter().any(|reader| !inside.contains(reader));
            if seen_outside || self.cost.edges.is_output(*at) || self.consumers(*at).is_empty() {
                written = written.saturating_add(layer.bytes_written);
            }
        }
        let rows = layers.iter().any(|at| self.kind(*at) == Kind::Rows);
        let reductions = layers.iter().all(|at| {
            self.layer(*at).is_some_and(|layer| matches!(layer.form, Form::Reduce(_) | Form::ArgReduce(_)))
        });
        let term = match (reductions, rows) {
            (true, _) => Term::Reduce,
            (_, true) => Term::Norm,
            _ => Term::Elementwise,
        };
        let repeat = layers.iter().filter_map(|at| Some(self.layer(*at)?.repeat)).max().unwrap_or(0);
        let all = layers.iter().filter_map(|at| self.layer(*at)).map(operations);
        let operations = all.fold(0, u64::saturating_add);
        let bytes = Quantity::Bytes { activations: read.saturating_add(written), weights: 0, operations };
        self.push(layers, repeat, vec![(term, bytes)]);
    }

    fn others(&mut self) {
        for at in 0..self.cost.layers.len() {
            let term = match self.kind(at) {
                Kind::Reduction => Term::Reduce,
                Kind::Pool => Term::Pool,
                Kind::Move => Term::Move,
                Kind::Transpose if self.must_move(at) => Term::Move,
                _ => continue,
            };
            let Some(layer) = self.layer(at).filter(|_| !self.is_done(at)) else { continue };
            let new: u64 = self
                .producers(at)
                .filter_map(|producer| Some(self.layer(producer)?.bytes_written))
                .fold(0, u64::saturating_add);
            // A cache comes in as an input of the model, and goes out as an output.
            let grows = layer.operator == "Concat" && self.cost.edges.is_output(at) && new < layer.bytes_read;
            let activations = if self.engine && grows {
                new.saturating_mul(2)
            } else {
                layer.bytes_read.saturating_add(layer.bytes_written)
            };
            let bytes = Quantity::Bytes { activations, weights: 0, operations: operations(layer) };
            self.push(vec![at], layer.repeat, vec![(term, bytes)]);
        }
    }

    /// Whether a reader of a transposition needs its elements in order.
    fn must_move(&self, at: usize) -> bool {
        let mut open: Vec<usize> = self.consumers(at).to_vec();
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            let reshapes =
                self.layer(next).is_some_and(|layer| matches!(layer.operator, "Reshape" | "Flatten"));
            match self.kind(next) {
                _ if self.attending.get(next).copied().unwrap_or(false) => {}
                Kind::View if !reshapes => {
                    if self.is_view_of(next, at) {
                        open.extend(self.consumers(next));
                    }
                }
                Kind::Elementwise | Kind::Nothing => {}
                Kind::Contraction if self.of_activations(next) => {}
                _ => return true,
            }
        }
        false
    }
}

/// Sets of layers that grow together.
struct Groups {
    parent: Vec<usize>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Self { parent: (0..count).collect() }
    }

    fn of(&mut self, mut at: usize) -> usize {
        while let Some(up) = self.parent.get(at).copied().filter(|up| *up != at) {
            // Halves the way for the next one.
            let further = self.parent.get(up).copied().unwrap_or(up);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = further;
            }
            at = further;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        if let Some(slot) = self.parent.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }
}
