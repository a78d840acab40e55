//! Parameters as a person means them: constants that reach a weight position, each tensor once.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{CostError, LayerCost};
use crate::graph::{Source, TypedGraph, TypedNode, Value, ValueId};
use crate::ops::{Operator, Weights};
use crate::tensor::{ElementType, TensorType, Type};

/// Parameters, by what they are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Params {
    /// Elements of weights, biases, tables and normalisation statistics.
    pub elements: u64,
    /// Of these, means and variances of normalisation: not trained, kept for inference.
    pub norm_stats: u64,
    /// Of `elements`, those of experts that a token does not meet: `elements - idle` are active.
    pub idle: u64,
    /// Scales and zero points of quantised values, not in `elements`.
    pub quant: u64,
    /// Elements that stand here again and are in `elements` elsewhere: tied weights, and equal tensors
    /// that an exporter stored once.
    pub shared: u64,
    /// Bytes in which `elements` and `quant` are stored, packed.
    pub bytes: u64,
}

impl Params {
    /// Both together; `None` on overflow.
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            elements: self.elements.checked_add(other.elements)?,
            norm_stats: self.norm_stats.checked_add(other.norm_stats)?,
            idle: self.idle.checked_add(other.idle)?,
            quant: self.quant.checked_add(other.quant)?,
            shared: self.shared.checked_add(other.shared)?,
            bytes: self.bytes.checked_add(other.bytes)?,
        })
    }
}

/// What a parameter is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Weight,
    Statistic,
    Quantization,
}

/// Gives each layer the parameters that it is the first to use. Returns the initializers that no node uses.
pub fn assign(graph: &TypedGraph, layers: &mut [LayerCost]) -> Result<Vec<ValueId>, CostError> {
    let mut counted = vec![false; graph.values.len()];
    let mut used = vec![false; graph.values.len()];
    for (node, layer) in graph.nodes.iter().zip(layers) {
        node.inputs.iter().flatten().for_each(|id| _ = mark(&mut used, *id));
        if node.folded || node.call {
            continue;
        }
        for weight in weights(graph, node) {
            let more = parameter(graph, &weight, &mut counted).ok_or(CostError)?;
            layer.params = layer.params.plus(more).ok_or(CostError)?;
        }
        if let Some(more) = attributes(graph, node) {
            layer.params = layer.params.plus(more).ok_or(CostError)?;
        }
    }
    // What a body gives back without a node of its own is used too.
    let given_back = graph.bodies.iter().flat_map(|body| body.results.iter().flatten());
    graph.outputs.iter().chain(given_back).for_each(|id| _ = mark(&mut used, *id));
    let is_stored = |value: &Value| matches!(value.source, Source::Initializer(_) | Source::Sparse(_));
    let values = graph.values.iter().zip(used).enumerate();
    Ok(values.filter(|(_, (value, used))| !used && is_stored(value)).map(|(id, _)| id).collect())
}

/// Marks a value. Returns whether it was not marked yet.
fn mark(marks: &mut [bool], id: ValueId) -> bool {
    marks.get_mut(id).is_some_and(|mark| !std::mem::replace(mark, true))
}

/// A constant input of a node that is a parameter.
struct Weight {
    id: ValueId,
    kind: Kind,
    /// How many elements it stands for, where its type does not say: packed weights.
    elements: Option<u64>,
    /// How many of the experts whose weights it holds a token meets, and how many there are.
    met: Option<[u64; 2]>,
}

/// Constant inputs of a node that are parameters.
fn weights(graph: &TypedGraph, node: &TypedNode) -> Vec<Weight> {
    let Some(rules) = node.operator.and_then(Operator::costed) else { return vec![] };
    let met = match rules.weights {
        Weights::Experts { met, .. } => graph.view(node, met),
        _ => None,
    };
    let mut found = vec![];
    let mut one = |position: usize, kind, keep: fn(&TensorType) -> bool| {
        let Some(id) = node.inputs.get(position).copied().flatten() else { return };
        let value = graph.values.get(id).filter(|value| value.constant);
        if value.and_then(|value| value.ty.tensor()).is_some_and(keep) {
            let elements = match rules.weights {
                Weights::Packed { logical, .. } | Weights::Experts { logical, .. } => {
                    graph.view(node, |view| logical(view, position))
                }
                _ => None,
            };
            found.push(Weight { id, kind, elements, met });
        }
    };
    let mut at = |positions: &[usize], kind, keep| {
        positions.iter().for_each(|position| one(*position, kind, keep));
    };
    let any = |_: &TensorType| true;
    match rules.weights {
        Weights::None | Weights::Attributes(_) => {}
        Weights::At(positions) => at(positions, Kind::Weight, is_trained),
        Weights::Operands => (0..node.inputs.len()).for_each(|position| {
            one(position, Kind::Weight, |tensor| {
                tensor.element.is_float() && tensor.shape.as_ref().is_some_and(|shape| !shape.is_empty())
            });
        }),
        Weights::Normalization { affine, statistics } => {
            at(affine, Kind::Weight, any);
            at(statistics, Kind::Statistic, any);
        }
        Weights::Quantized { values, parameters }
        | Weights::Packed { values, parameters, .. }
        | Weights::Experts { values, parameters, .. } => {
            at(values, Kind::Weight, any);
            at(parameters, Kind::Quantization, any);
        }
    }
    found
}

/// Whether a table holds trained numbers: floating-point ones, or quantised to 8 bits or fewer. Wider
/// integers are indices.
fn is_trained(tensor: &TensorType) -> bool {
    let narrow = tensor.element.is_integer() && tensor.element.bits().is_some_and(|bits| bits <= 8);
    tensor.element.is_float() || narrow
}

/// Parameters in attributes.
fn attributes(graph: &TypedGraph, node: &TypedNode) -> Option<Params> {
    let rules = node.operator.and_then(Operator::costed)?;
    let Weights::Attributes(rule) = rules.weights else { return None };
    let (elements, bytes) = graph.view(node, rule);
    Some(Params { elements, bytes, ..Params::default() })
}

/// The stored tensors that a weight is made of, those not counted yet. `None` on overflow.
fn parameter(graph: &TypedGraph, weight: &Weight, counted: &mut [bool]) -> Option<Params> {
    let mut stored = leaves(graph, weight.id, weight.kind);
    // Made from nothing that is stored, by ConstantOfShape or Range: the tensor itself is the weight.
    if !stored.iter().any(|(_, kind)| *kind == weight.kind) {
        stored.push((weight.id, weight.kind));
    }
    let logical = weight.elements.filter(|_| stored.len() == 1);
    // Experts are of one size.
    let idle = |elements: u64| match weight.met {
        Some([met, all]) => elements.checked_div(all).map_or(0, |expert| elements - expert * met.min(all)),
        None => 0,
    };
    stored.into_iter().try_fold(Params::default(), |total, (id, kind)| {
        let (elements, bytes) = size(graph, id);
        let elements = logical.unwrap_or(elements);
        let first = mark(counted, id);
        total.plus(match (first, kind) {
            (true, Kind::Weight) => Params { elements, idle: idle(elements), bytes, ..Params::default() },
            (true, Kind::Statistic) => Params { elements, norm_stats: elements, bytes, ..Params::default() },
            (true, Kind::Quantization) => Params { quant: elements, bytes, ..Params::default() },
            (false, Kind::Quantization) => Params::default(),
            (false, Kind::Weight | Kind::Statistic) => Params { shared: elements, ..Params::default() },
        })
    })
}

/// The stored tensors behind a constant: itself, or what the folded nodes that make it start from.
/// Indices and scalars on the way are no parameters; scales and zero points are of their own kind.
/// Nothing, where they are too many to look for at every weight: the tensor stands for them.
fn leaves(graph: &TypedGraph, id: ValueId, kind: Kind) -> Vec<(ValueId, Kind)> {
    const MOST: usize = 256;
    let mut found = vec![];
    let mut open = vec![(id, kind)];
    let mut seen: HashSet<ValueId> = HashSet::new();
    while let Some((id, kind)) = open.pop() {
        let Some(value) = graph.values.get(id) else { continue };
        let made = match value.source {
            Source::Node(index) => graph.nodes.get(index).filter(|node| !node.inputs.is_empty()),
            Source::Input | Source::Initializer(_) | Source::Sparse(_) => None,
        };
        let direct = found.is_empty() && open.is_empty() && seen.is_empty();
        if direct && made.is_none() {
            return vec![(id, kind)];
        }
        if !seen.insert(id) {
            continue;
        }
        if seen.len().saturating_add(open.len()) > MOST {
            return vec![];
        }
        if let Some(node) = made {
            let quantizes = matches!(node.op_type, "DequantizeLinear" | "QuantizeLinear");
            for (position, input) in node.inputs.iter().enumerate() {
                let kind = if quantizes && position > 0 { Kind::Quantization } else { kind };
                open.extend(input.map(|id| (id, kind)));
            }
            continue;
        }
        let part = value.ty.tensor().is_some_and(|tensor| {
            is_trained(tensor) && tensor.shape.as_ref().is_some_and(|shape| !shape.is_empty())
        });
        if part || kind == Kind::Quantization {
            found.push((id, kind));
        }
    }
    found
}

/// Elements and bytes of a constant; a constant of unknown size counts as nothing.
fn size(graph: &TypedGraph, id: ValueId) -> (u64, u64) {
    let ty = graph.values.get(id).map(|value| &value.ty);
    let elements = ty.and_then(Type::tensor).and_then(|tensor| tensor.elements().exact());
    let string = ty.and_then(Type::tensor).is_some_and(|tensor| tensor.element == ElementType::String);
    (elements.filter(|_| !string).unwrap_or(0), ty.and_then(|ty| ty.bytes().exact()).unwrap_or(0))
}
