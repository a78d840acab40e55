//! The most memory that activations take at once.
//!
//! A value lives from the node that makes it to the last node that uses it; inputs of the model from the
//! start, outputs to the end. Nodes run in the file's order. Weights do not count, no output reuses the
//! memory of an input, and a view shares the memory of what it shows; so does what a branch, a function or the
//! last turn of a loop gives back. A loop holds what all its turns use as long as it runs, and what one turn
//! hands to the next from the one's end to the other's start.

use super::LayerCost;
use crate::graph::{Body, Source, TypedGraph, TypedNode, Value, ValueId};
use crate::ops::{Confidence, Operator, Traffic};
use crate::tensor::{ElementType, Type};

/// The most bytes that are live at once; `None` if the size of a live value has no bound.
///
/// Strings count as nothing, and so does what a node makes whose cost is not known, where its size is not
/// known either: that node is listed.
pub fn peak(graph: &TypedGraph, layers: &[LayerCost]) -> Option<u64> {
    let runs = |node: usize| layers.get(node).is_some_and(|layer| layer.repeat > 0);
    let bodies: Vec<&Body> =
        graph.bodies.iter().filter(|body| !body.nodes.is_empty() && runs(body.nodes.start)).collect();
    let mut lives = Lives::new(graph, &bodies);
    for id in &graph.inputs {
        lives.extend(*id, 0);
    }
    for (step, node) in graph.nodes.iter().enumerate().filter(|(step, node)| runs(*step) && !node.folded) {
        for id in node.inputs.iter().flatten() {
            lives.extend(*id, step);
        }
        // What a body makes comes to life where it is made, not where the body is called.
        for id in node.outputs.iter().flatten() {
            if !node.call || lives.owns(*id) {
                lives.extend(*id, step);
            }
        }
    }
    for body in bodies.iter().filter(|body| is_loop(body)) {
        let last = body.nodes.end.saturating_sub(1);
        body.inputs.clone().for_each(|id| lives.extend(id, body.nodes.start));
        body.results.iter().flatten().for_each(|id| lives.extend(*id, last));
        let nodes = graph.nodes.get(body.nodes.clone()).unwrap_or_default();
        for id in nodes.iter().filter(|_| body.again).flat_map(|node| node.inputs.iter().flatten()) {
            if lives.before(*id, body.nodes.start) {
                lives.extend(*id, last);
            }
        }
    }
    for id in &graph.outputs {
        lives.extend(*id, graph.nodes.len());
    }
    lives.peak(graph, layers)
}

/// When each value lives.
struct Lives {
    /// For each value, the one whose memory it is: itself, or what it is a view of.
    owner: Vec<ValueId>,
    /// For each owner that lives, its first and last step.
    span: Vec<Option<(usize, usize)>>,
}

impl Lives {
    fn new(graph: &TypedGraph, bodies: &[&Body]) -> Self {
        let mut owner: Vec<ValueId> = (0..graph.values.len()).collect();
        let mut share = |view: ValueId, source: ValueId| {
            if let Some(slot) = owner.get_mut(view) {
                *slot = source;
            }
        };
        for node in graph.nodes.iter().filter(|node| is_view(node)) {
            if let (Some(Some(source)), Some(Some(view))) = (node.inputs.first(), node.outputs.first()) {
                share(*view, *source);
            }
        }
        for body in bodies {
            let outputs = graph.nodes.get(body.call).map(|node| node.outputs.as_slice()).unwrap_or_default();
            for (output, result) in outputs.iter().zip(&body.results) {
                if let (Some(output), Some(result)) = (output, result) {
                    share(*output, *result);
                }
            }
        }
        // What a value shares memory with was made before it, so its owner is known already.
        for id in 0..owner.len() {
            let source = owner.get(id).and_then(|source| owner.get(*source)).copied();
            if let (Some(slot), Some(source)) = (owner.get_mut(id), source) {
                *slot = source;
            }
        }
        Self { span: vec![None; owner.len()], owner }
    }

    fn owns(&self, id: ValueId) -> bool {
        self.owner.get(id) == Some(&id)
    }

    /// Lets a value live at a step, and at all between that and those it lives at already.
    fn extend(&mut self, id: ValueId, step: usize) {
        if let Some(span) = self.owner.get(id).and_then(|owner| self.span.get_mut(*owner)) {
            *span = Some(span.map_or((step, step), |(first, last)| (first.min(step), last.max(step))));
        }
    }

    /// Whether a value comes to life before a step.
    fn before(&self, id: ValueId, step: usize) -> bool {
        let span = self.owner.get(id).and_then(|owner| self.span.get(*owner)).copied().flatten();
        span.is_some_and(|(first, _)| first < step)
    }

    fn peak(&self, graph: &TypedGraph, layers: &[LayerCost]) -> Option<u64> {
        let mut change = vec![0i128; graph.nodes.len().saturating_add(2)];
        for (value, span) in graph.values.iter().zip(&self.span) {
            let Some((first, last)) = span.filter(|_| !value.constant) else { continue };
            let bytes = i128::from(bytes(value, layers)?);
            if let Some(begin) = change.get_mut(first) {
                *begin += bytes;
            }
            if let Some(end) = change.get_mut(last.saturating_add(1)) {
                *end -= bytes;
            }
        }
        let mut now = 0i128;
        let peak = change.iter().fold(0i128, |peak, delta| {
            now += delta;
            peak.max(now)
        });
        u64::try_from(peak).ok()
    }
}

fn bytes(value: &Value, layers: &[LayerCost]) -> Option<u64> {
    let uncosted = match value.source {
        Source::Node(index) => {
            layers.get(index).is_some_and(|layer| layer.counts.confidence == Confidence::Unknown)
        }
        _ => false,
    };
    let left_out = uncosted || is_text(&value.ty);
    value.ty.bytes().bound().or(left_out.then_some(0))
}

/// Whether a value is strings, alone or in a list.
fn is_text(ty: &Type) -> bool {
    match ty {
        Type::Tensor(tensor) | Type::Sparse(tensor) => tensor.element == ElementType::String,
        Type::Sequence(element, _) | Type::Optional(element) => is_text(element),
        Type::Map(..) | Type::Unknown => false,
    }
}

/// Whether a body is a turn of a loop, or all of them.
fn is_loop(body: &Body) -> bool {
    body.again || !body.inputs.is_empty()
}

fn is_view(node: &TypedNode) -> bool {
    let rules = node.operator.and_then(Operator::costed);
    !node.call && rules.is_some_and(|rules| matches!(rules.traffic, Traffic::View))
}
