//! Counting: what each node of a typed graph costs, what it all adds up to, and what is missing.
//!
//! Nothing is silently zero: a node whose cost is not known is in [`ModelCost::uncosted`] with its
//! reason, and the totals say that they are not complete.

mod convention;
mod edges;
mod known_name;
mod liveness;
mod params;
pub mod peers;
mod rollup;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::graph::{Source, Trips, TypedGraph, TypedNode, ValueId};
use crate::ops::{Bytes, Confidence, Costed, Counts, Moved, Node, OpError, Operator, Rule, Traffic, counts};
use crate::tensor::{ElementType, Type};

pub use crate::ops::form::{self, Form};
pub use convention::{Convention, contraction, flops};
pub use edges::Edges;
pub use known_name::KnownName;
pub use params::Params;
pub use peers::Peer;
pub use rollup::{By, Group, operator_name, roll_up, sum};

/// What one node costs, all its turns together.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LayerCost {
    /// Operations.
    pub counts: Counts,
    /// Parameters that this node is the first to use, also if it does not run: the file holds them.
    pub params: Params,
    /// Bytes of activations read.
    pub bytes_read: u64,
    /// Bytes of constants read.
    pub bytes_weights: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// How often it runs; 0 in a branch that is not taken.
    pub repeat: u64,
    /// The form of its kernel, of one turn.
    pub form: Form,
    /// Name of its operator; empty for one that the operator table lacks, and for a sum of layers.
    #[serde(with = "known_name")]
    pub operator: KnownName,
    /// Operator-set domain of its operator; empty for ai.onnx.
    #[serde(with = "known_name")]
    pub domain: KnownName,
    /// Elements of each operand that a folded DequantizeLinear makes of stored weights, in the order of the
    /// inputs. Some runtimes do not fold it, and repeat it in each run.
    pub dequantized: Vec<u64>,
}

/// A node whose cost is not known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Uncosted {
    /// Index of the node in [`TypedGraph::nodes`].
    pub node: usize,
    /// Why.
    pub reason: String,
}

/// What a model costs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ModelCost {
    /// One entry a node, in the order of [`TypedGraph::nodes`].
    pub layers: Vec<LayerCost>,
    /// Which layers feed which.
    pub edges: Edges,
    /// Sums over the layers.
    pub totals: Totals,
    /// Nodes that run and whose cost is not known: the totals are lower bounds if there are any.
    pub uncosted: Vec<Uncosted>,
    /// Initializers that no node uses: bytes, not counted as parameters.
    pub dead: Vec<ValueId>,
}

/// Sums over the layers of a model.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Operations.
    pub counts: Counts,
    /// `2·macs + alu + div + trans`.
    pub flops: u64,
    /// Of `flops`, those of layers whose count is an upper bound: their sizes or turns depend on data.
    pub bounded_flops: u64,
    /// Operations of constant-folded nodes, in no other figure: a runtime does them once, before the
    /// first inference.
    pub folded: Counts,
    /// MACs by the element types of their factors: `float32`, `float16×uint4`.
    pub macs_by_type: BTreeMap<String, u64>,
    /// Parameters, each tensor once.
    pub params: Params,
    /// Bytes of activations read.
    pub bytes_read: u64,
    /// Bytes of constants read.
    pub bytes_weights: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// The most memory that activations take at once, nodes run in the file's order; `None` where the size of
    /// one has no bound.
    pub peak_activation_bytes: Option<u64>,
    /// Whether every node that runs is counted.
    pub complete: bool,
    /// Nodes, bodies included.
    pub nodes: u64,
    /// Nodes whose cost is known: also those that are folded, that only run a body, or that do not run.
    pub costed_nodes: u64,
}

/// Why a model cannot be counted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the totals do not fit in 64 bits")]
pub struct CostError;

impl CostError {
    /// A word for programs: it does not change between releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "overflow"
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some("a dimension is larger than any real one: see --dim and --input".to_owned())
    }
}

/// Counts a typed graph.
///
/// # Errors
/// [`CostError`] if a sum over the layers does not fit in 64 bits. A count of one node that does not fit
/// is that node's problem, and listed.
pub fn count(graph: &TypedGraph) -> Result<ModelCost, CostError> {
    let mut uncosted = vec![];
    let mut layers: Vec<LayerCost> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| match layer(graph, node) {
            Ok(cost) => {
                if cost.counts.confidence == Confidence::Unknown {
                    let reason = "a part of its work is not known, and left out".to_owned();
                    uncosted.push(Uncosted { node: index, reason });
                }
                cost
            }
            Err(reason) => {
                uncosted.push(Uncosted { node: index, reason });
                LayerCost { repeat: node.repeat, counts: unknown(), ..LayerCost::default() }
            }
        })
        .collect();
    // Choices within others come first.
    for choice in &graph.choices {
        keep_largest(&mut layers, &choice.branches)?;
    }
    let runs = |node: usize| layers.get(node).is_some_and(|layer| layer.repeat > 0);
    uncosted.retain(|uncosted| runs(uncosted.node));
    let endless = graph.nodes.iter().enumerate().any(|(at, node)| node.trips == Trips::Unknown && runs(at));
    let dead = params::assign(graph, &mut layers)?;
    let mut totals = total(graph, &layers)?;
    totals.folded = folded(graph, &layers)?;
    totals.peak_activation_bytes = liveness::peak(graph, &layers);
    totals.complete = uncosted.is_empty() && !endless;
    totals.costed_nodes = totals.nodes.saturating_sub(uncosted.len() as u64);
    let edges = Edges::of(graph, &layers);
    Ok(ModelCost { layers, edges, totals, uncosted, dead })
}

fn unknown() -> Counts {
    Counts { confidence: Confidence::Unknown, ..Counts::ZERO }
}

/// What the constant-folded nodes would cost if they ran.
fn folded(graph: &TypedGraph, layers: &[LayerCost]) -> Result<Counts, CostError> {
    let run = graph.nodes.iter().zip(layers).filter(|(node, layer)| node.folded && layer.repeat > 0);
    let mut costs = run.filter_map(|(node, _)| {
        let rules = node.operator.and_then(Operator::costed)?;
        let outputs = graph.output_types(node);
        graph.view(node, |view| counts(rules, view, &outputs)).ok()
    });
    costs.try_fold(Counts::ZERO, Counts::plus).map_err(|_| CostError)
}

/// The cost of one node, parameters apart; the reason where it is not known.
fn layer(graph: &TypedGraph, node: &TypedNode) -> Result<LayerCost, String> {
    let free = LayerCost { repeat: node.repeat, ..LayerCost::default() };
    if node.repeat == 0 {
        return Ok(free);
    }
    if let Some(problem) = &node.problem {
        return Err(problem.clone());
    }
    if node.call || node.folded {
        return Ok(free);
    }
    let rules = match node.operator.map(|operator| &operator.rule) {
        Some(Rule::Costed(rules) | Rule::Modified(rules, _)) => rules,
        Some(Rule::Subgraph(_)) => return Err("its body is not entered".into()),
        Some(Rule::Unsupported(reason)) => return Err((*reason).into()),
        None => return Err("no operator of this name is known".into()),
    };
    let outputs = graph.output_types(node);
    graph.view(node, |view| costed(graph, node, view, rules, &outputs)).map_err(|error| error.to_string())
}

/// Elements of the operands of a node that are made by a folded DequantizeLinear.
fn dequantized(graph: &TypedGraph, node: &TypedNode) -> Vec<u64> {
    let elements = |id: &ValueId| {
        let value = graph.values.get(*id).filter(|value| value.constant)?;
        let Source::Node(maker) = value.source else { return None };
        let maker = graph.nodes.get(maker)?.operator?;
        value.ty.tensor().filter(|_| maker.name == "DequantizeLinear")?.elements().exact()
    };
    node.inputs.iter().flatten().filter_map(elements).collect()
}

fn costed(
    graph: &TypedGraph,
    node: &TypedNode,
    view: &Node,
    rules: &Costed,
    outputs: &[Type],
) -> Result<LayerCost, OpError> {
    let mut once = counts(rules, view, outputs)?;
    let form = Form::of(rules, view, outputs, &once);
    let data_dependent = view
        .inputs
        .iter()
        .flatten()
        .map(|operand| operand.ty)
        .chain(outputs)
        .filter_map(Type::tensor)
        .any(|tensor| tensor.elements().exact().is_none());
    if data_dependent {
        once.confidence = once.confidence.max(Confidence::DataDependent);
    }
    once.confidence = once.confidence.max(match node.trips {
        Trips::Exact => Confidence::Exact,
        Trips::Formula => Confidence::Formula,
        Trips::AtMost => Confidence::Bound,
        Trips::Unknown => Confidence::DataDependent,
    });
    let moved = match rules.traffic {
        Traffic::View => None,
        Traffic::Streamed => Some(Moved { read: vec![], written: vec![] }),
        Traffic::Formula(rule) => Some(rule(view, outputs)?),
    };
    let mut cost = LayerCost {
        counts: once.times(node.repeat)?,
        repeat: node.repeat,
        form,
        operator: node.operator.map_or("", |operator| operator.name),
        domain: node.operator.map_or("", |operator| operator.domain),
        dequantized: dequantized(graph, node),
        ..LayerCost::default()
    };
    let Some(moved) = moved else { return Ok(cost) };
    let times = |bytes: u64, total: u64| {
        bytes.checked_mul(node.repeat).and_then(|bytes| total.checked_add(bytes)).ok_or(OpError::Overflow)
    };
    let mut seen = Seen::default();
    for (position, id) in node.inputs.iter().enumerate() {
        // An operand that stands at two positions is read once.
        let Some(id) = id.filter(|id| seen.insert(*id)) else { continue };
        let Some(value) = graph.values.get(id) else { continue };
        let bytes = size(&value.ty, moved.read.get(position), "an input")?;
        let total = if value.constant { &mut cost.bytes_weights } else { &mut cost.bytes_read };
        *total = times(bytes, *total)?;
    }
    for (position, ty) in outputs.iter().enumerate() {
        if node.outputs.get(position).is_some_and(Option::is_some) {
            let bytes = size(ty, moved.written.get(position), "an output")?;
            cost.bytes_written = times(bytes, cost.bytes_written)?;
        }
    }
    Ok(cost)
}

/// A set of values that takes no memory for the few inputs that most nodes have.
#[derive(Default)]
struct Seen {
    few: [Option<ValueId>; 8],
    more: HashSet<ValueId>,
}

impl Seen {
    /// Whether the value was not there yet.
    fn insert(&mut self, id: ValueId) -> bool {
        for slot in &mut self.few {
            match slot {
                Some(found) if *found == id => return false,
                Some(_) => {}
                None => {
                    *slot = Some(id);
                    return true;
                }
            }
        }
        self.more.insert(id)
    }
}

/// Bytes moved of one operand. Strings and dictionaries have no size before they are read and count as none.
fn size(ty: &Type, part: Option<&Bytes>, what: &'static str) -> Result<u64, OpError> {
    if let Some(Bytes::Part(bytes)) = part {
        return Ok(*bytes);
    }
    match ty {
        Type::Tensor(tensor) if tensor.element == ElementType::String => Ok(0),
        Type::Map(..) => Ok(0),
        Type::Sequence(element, _) if matches!(**element, Type::Map(..)) => Ok(0),
        Type::Tensor(tensor) => tensor.bytes().bound().ok_or_else(|| OpError::no_size(tensor, what)),
        _ => ty.bytes().bound().ok_or(OpError::UnknownSize(what)),
    }
}

/// Of branches of which one runs, the one with the most FLOPs is counted: the first of those, if several are
/// equal. The others cost nothing and run 0 times.
fn keep_largest(layers: &mut [LayerCost], branches: &[std::ops::Range<usize>]) -> Result<(), CostError> {
    let mut largest = (0, 0);
    for (index, range) in branches.iter().enumerate() {
        let mut flops = 0u64;
        for layer in layers.get(range.clone()).unwrap_or_default() {
            let layer = layer.counts.flops().map_err(|_| CostError)?;
            flops = flops.checked_add(layer).ok_or(CostError)?;
        }
        if flops > largest.1 {
            largest = (index, flops);
        }
    }
    for (_, range) in branches.iter().enumerate().filter(|(index, _)| *index != largest.0) {
        layers.get_mut(range.clone()).unwrap_or_default().fill(LayerCost::default());
    }
    Ok(())
}

/// The MACs of a layer and the element types of their factors, `float32` or `float16×uint4`; `None` without
/// any.
pub fn macs_by_type(counts: &Counts) -> Option<(String, u64)> {
    let (left, right) = counts.factors.filter(|_| counts.macs > 0)?;
    let types = if left == right { left.to_string() } else { format!("{left}×{right}") };
    Some((types, counts.macs))
}

fn total(graph: &TypedGraph, layers: &[LayerCost]) -> Result<Totals, CostError> {
    let mut totals = Totals { nodes: graph.nodes.len() as u64, ..Totals::default() };
    let add = |total: &mut u64, n: u64| {
        *total = total.checked_add(n).ok_or(CostError)?;
        Ok(())
    };
    for layer in layers {
        totals.counts = totals.counts.plus(layer.counts).map_err(|_| CostError)?;
        totals.params = totals.params.plus(layer.params).ok_or(CostError)?;
        add(&mut totals.bytes_read, layer.bytes_read)?;
        add(&mut totals.bytes_weights, layer.bytes_weights)?;
        add(&mut totals.bytes_written, layer.bytes_written)?;
        if matches!(layer.counts.confidence, Confidence::Bound | Confidence::DataDependent) {
            add(&mut totals.bounded_flops, layer.counts.flops().map_err(|_| CostError)?)?;
        }
        if let Some((types, macs)) = macs_by_type(&layer.counts) {
            add(totals.macs_by_type.entry(types).or_default(), macs)?;
        }
    }
    totals.flops = totals.counts.flops().map_err(|_| CostError)?;
    Ok(totals)
}
