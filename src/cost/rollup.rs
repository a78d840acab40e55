//! Sums over some of a model's layers: by operator, by scope, by element type, or of what a table leaves out.

use std::collections::HashMap;

use super::{CostError, LayerCost, ModelCost};
use crate::graph::{TypedGraph, TypedNode};
use crate::ops::{Counts, Form};
use crate::tensor::Type;

/// What layers are summed by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum By {
    /// Operator, its domain in front unless it is ai.onnx: `Conv`, `com.microsoft.Attention`.
    Op,
    /// Module path; layers at the top have the empty one.
    Scope,
    /// Element types: of the factors where a layer multiplies, else of its first output.
    Dtype,
}

/// Layers that have a key in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The operator, scope or element type.
    pub key: String,
    /// Their places in [`ModelCost::layers`].
    pub layers: Vec<usize>,
    /// Their sum: see [`sum`].
    pub cost: LayerCost,
}

/// Sums the layers by a key, in order of first appearance. Every layer is in exactly one group.
///
/// # Errors
/// [`CostError`] if a sum does not fit in 64 bits.
pub fn roll_up(graph: &TypedGraph, cost: &ModelCost, by: By) -> Result<Vec<Group>, CostError> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<(String, Vec<usize>)> = vec![];
    for (index, (node, layer)) in graph.nodes.iter().zip(&cost.layers).enumerate() {
        let key = match by {
            By::Op => operator_name(node.domain, node.op_type),
            By::Scope => node.scope.clone().into_owned(),
            By::Dtype => element_types(graph, node, &layer.counts),
        };
        let next = groups.len();
        let place = *places.entry(key.clone()).or_insert(next);
        if place == next {
            groups.push((key, vec![]));
        }
        if let Some((_, layers)) = groups.get_mut(place) {
            layers.push(index);
        }
    }
    groups
        .into_iter()
        .map(|(key, layers)| {
            let costs = layers.iter().filter_map(|layer| cost.layers.get(*layer));
            Ok(Group { cost: sum(costs)?, key, layers })
        })
        .collect()
}

/// The sum of layers or groups. `repeat` is how often they run, all together; a sum has no form.
///
/// # Errors
/// [`CostError`] if a sum does not fit in 64 bits.
pub fn sum<'a>(layers: impl IntoIterator<Item = &'a LayerCost>) -> Result<LayerCost, CostError> {
    layers.into_iter().try_fold(LayerCost::default(), |total, layer| total.plus(layer))
}

/// An operator's name with its domain in front, unless that is ai.onnx.
pub fn operator_name(domain: &str, op_type: &str) -> String {
    if domain.is_empty() { op_type.to_owned() } else { format!("{domain}.{op_type}") }
}

fn element_types(graph: &TypedGraph, node: &TypedNode, counts: &Counts) -> String {
    if let Some((types, _)) = super::macs_by_type(counts) {
        return types;
    }
    let output = node.outputs.iter().flatten().next().and_then(|id| graph.values.get(*id));
    let mut ty = output.map(|value| &value.ty);
    while let Some(Type::Sequence(inner, _) | Type::Optional(inner) | Type::Map(_, inner)) = ty {
        ty = Some(inner);
    }
    ty.and_then(Type::tensor).map_or_else(|| "unknown".to_owned(), |tensor| tensor.element.to_string())
}

impl LayerCost {
    fn plus(&self, other: &Self) -> Result<Self, CostError> {
        let add = |a: u64, b: u64| a.checked_add(b).ok_or(CostError);
        Ok(Self {
            counts: self.counts.plus(other.counts).map_err(|_| CostError)?,
            params: self.params.plus(other.params).ok_or(CostError)?,
            bytes_read: add(self.bytes_read, other.bytes_read)?,
            bytes_weights: add(self.bytes_weights, other.bytes_weights)?,
            bytes_written: add(self.bytes_written, other.bytes_written)?,
            // Loops within loops may run more often than 64 bits count; only their cost must add up.
            repeat: self.repeat.saturating_add(other.repeat),
            form: Form::Absent,
            operator: "",
            domain: "",
            dequantized: vec![],
        })
    }

    /// All bytes that the layer moves: read, of weights too, and written.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_read.saturating_add(self.bytes_weights).saturating_add(self.bytes_written)
    }
}
