//! Which layers feed which: what a model of time needs to know of a graph.

use serde::{Deserialize, Serialize};

use super::LayerCost;
use crate::graph::{Body, Source, TypedGraph, ValueId};
use crate::ops::{Form, Rule};

/// The layers that each layer reads from, and how many read from it, by their places in
/// [`super::ModelCost::layers`].
///
/// An edge is a flow of data: what gives a view its shape does not feed it, and what only asks for the size of
/// a value reads nothing. A layer that only runs a body is fed by the layers that make the body's results,
/// which stand behind it, and makes them its own: consumers of the call's outputs, and outputs of the model,
/// name the call. The body's own layers are fed by those outside it. What a loop gives its body anew each turn
/// has no producer, and what it collects from its turns no consumer. Folded layers are nobody's producers:
/// what they make is a constant.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Edges {
    /// Where the producers of each layer begin in `targets`, and one entry more for the end.
    starts: Vec<u32>,
    targets: Vec<u32>,
    consumers: Vec<u32>,
    outputs: Vec<bool>,
}

impl Edges {
    /// Edges from lists of producers, one a layer, and the layers that make outputs of the model.
    pub fn new(producers: &[&[u32]], outputs: &[u32]) -> Self {
        let mut builder = Builder::new(producers.len());
        for list in producers {
            builder.push(list.iter().copied());
        }
        builder.finish(outputs.iter().copied())
    }

    /// The edges of a graph.
    pub(super) fn of(graph: &TypedGraph, layers: &[LayerCost]) -> Self {
        let producer = |id: &ValueId| match graph.values.get(*id)?.source {
            Source::Node(node) if graph.nodes.get(node).is_some_and(|node| !node.folded) => {
                u32::try_from(node).ok()
            }
            _ => None,
        };
        let mut bodies: Vec<&Body> = graph.bodies.iter().collect();
        bodies.sort_by_key(|body| body.call);
        let mut builder = Builder::new(graph.nodes.len());
        for (index, node) in graph.nodes.iter().enumerate() {
            if !node.call {
                let read = match layers.get(index).map(|layer| &layer.form) {
                    Some(Form::View) => 1,
                    Some(Form::Size) => 0,
                    _ => usize::MAX,
                };
                builder.push(node.inputs.iter().take(read).flatten().filter_map(producer));
                continue;
            }
            let is_function =
                !matches!(node.operator.map(|operator| &operator.rule), Some(Rule::Subgraph(_)));
            let first = bodies.partition_point(|body| body.call < index);
            let run = bodies.get(first..).unwrap_or(&[]).iter().take_while(|body| body.call == index);
            let made = run.flat_map(|body| body.results.iter().flatten());
            // The body of a function reads the operands of the call itself.
            let own = node.inputs.iter().flatten().take(if is_function { 0 } else { usize::MAX });
            builder.push(own.chain(made).filter_map(producer));
        }
        builder.finish(graph.outputs.iter().filter_map(producer))
    }

    /// The layers that make what a layer reads, in the order of its inputs, each once.
    pub fn producers(&self, layer: usize) -> &[u32] {
        let at = |place: usize| self.starts.get(place).map(|start| *start as usize);
        let range = at(layer).zip(layer.checked_add(1).and_then(at));
        range.and_then(|(start, end)| self.targets.get(start..end)).unwrap_or(&[])
    }

    /// How many layers read what a layer makes.
    pub fn consumers(&self, layer: usize) -> u32 {
        self.consumers.get(layer).copied().unwrap_or(0)
    }

    /// Whether a layer makes an output of the model.
    pub fn is_output(&self, layer: usize) -> bool {
        self.outputs.get(layer).copied().unwrap_or(false)
    }
}

/// Edges, layer by layer.
struct Builder {
    edges: Edges,
    /// Of each layer, the number of the last one that was found to read it, from 1.
    last: Vec<u32>,
}

impl Builder {
    fn new(layers: usize) -> Self {
        let mut starts = Vec::with_capacity(layers.saturating_add(1));
        starts.push(0);
        let edges = Edges {
            starts,
            targets: Vec::with_capacity(layers),
            consumers: vec![0; layers],
            outputs: vec![false; layers],
        };
        Self { edges, last: vec![0; layers] }
    }

    /// Adds the next layer with its producers, each once.
    fn push(&mut self, producers: impl Iterator<Item = u32>) {
        let number = u32::try_from(self.edges.starts.len()).unwrap_or(u32::MAX);
        for producer in producers {
            let at = producer as usize;
            let (Some(last), Some(consumers)) = (self.last.get_mut(at), self.edges.consumers.get_mut(at))
            else {
                continue;
            };
            if *last != number {
                *last = number;
                *consumers = consumers.saturating_add(1);
                self.edges.targets.push(producer);
            }
        }
        self.edges.starts.push(u32::try_from(self.edges.targets.len()).unwrap_or(u32::MAX));
    }

    fn finish(mut self, outputs: impl Iterator<Item = u32>) -> Edges {
        for layer in outputs {
            if let Some(output) = self.edges.outputs.get_mut(layer as usize) {
                *output = true;
            }
        }
        self.edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_reads_a_value_twice_is_one_consumer() {
        let edges = Edges::new(&[&[], &[0, 0], &[1, 0], &[]], &[2]);
        assert_eq!(
            [0, 1, 2, 3].map(|layer| edges.producers(layer).to_vec()),
            [vec![], vec![0], vec![1, 0], vec![]]
        );
        assert_eq!([0, 1, 2, 3].map(|layer| edges.consumers(layer)), [2, 1, 0, 0]);
        assert_eq!([0, 1, 2, 3].map(|layer| edges.is_output(layer)), [false, false, true, false]);
    }

    #[test]
    fn a_layer_that_is_not_there_has_no_edges() {
        let edges = Edges::new(&[&[7]], &[9]);
        assert!(edges.producers(0).is_empty() && edges.producers(usize::MAX).is_empty());
        assert_eq!((edges.consumers(7), edges.is_output(9)), (0, false));
    }
}
