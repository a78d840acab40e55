//! The most memory that activations take at once.
//!
//! A value lives from the node that makes it to the last node that uses it; inputs of the model from the
//! start, outputs to the end. Nodes run in the file's order. Weights do not count, no output reuses the
//! memory of an input, and a view shares the memory of what it shows.

use crate::graph::{TypedGraph, TypedNode, ValueId};
use crate::ops::{Rule, Traffic};

/// The most bytes that are live at once; `None` if the size of a live value has no bound.
///
/// Values whose size is not known are left out where the node that makes them is listed as uncosted.
pub fn peak(graph: &TypedGraph) -> Option<u64> {
    let storage = storage(graph);
    let steps = graph.nodes.len();
    // For each value that owns storage: the step at which it comes to life, and the step after its last use.
    let mut first = vec![usize::MAX; graph.values.len()];
    let mut last = vec![0usize; graph.values.len()];
    let mut live = |id: ValueId, step: usize| {
        let owner = storage.get(id).copied().unwrap_or(id);
        if let (Some(first), Some(last)) = (first.get_mut(owner), last.get_mut(owner)) {
            *first = (*first).min(step);
            *last = (*last).max(step);
        }
    };
    for id in &graph.inputs {
        live(*id, 0);
    }
    for (step, node) in graph.nodes.iter().enumerate() {
        if node.repeat == 0 || node.folded {
            continue;
        }
        for id in node.inputs.iter().chain(&node.outputs).flatten() {
            live(*id, step);
        }
    }
    for id in &graph.outputs {
        live(*id, steps);
    }
    let mut change = vec![0i128; steps + 2];
    for (id, value) in graph.values.iter().enumerate() {
        let (Some(&first), Some(&last)) = (first.get(id), last.get(id)) else { continue };
        if value.constant || first == usize::MAX {
            continue;
        }
        let bytes = i128::from(value.ty.bytes().bound().unwrap_or(0));
        if let Some(begin) = change.get_mut(first) {
            *begin += bytes;
        }
        if let Some(end) = change.get_mut(last + 1) {
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

/// For each value, the value whose memory it is: itself, or what it is a view of.
fn storage(graph: &TypedGraph) -> Vec<ValueId> {
    let mut owner: Vec<ValueId> = (0..graph.values.len()).collect();
    for node in &graph.nodes {
        let (true, Some(Some(source)), Some(Some(view))) =
            (is_view(node), node.inputs.first(), node.outputs.first())
        else {
            continue;
        };
        if let Some(&root) = owner.get(*source)
            && let Some(slot) = owner.get_mut(*view)
        {
            *slot = root;
        }
    }
    owner
}

fn is_view(node: &TypedNode) -> bool {
    matches!(
        node.operator.map(|operator| &operator.rule),
        Some(Rule::Costed(costed)) if matches!(costed.traffic, Traffic::View)
    )
}
