//! The order in which the nodes of a graph run.
//!
//! ONNX wants nodes sorted so that each follows those it reads; some tools write files that are not, and
//! runtimes sort them.

use std::collections::HashMap;

use crate::onnx::schema::{GraphProto, NodeProto};

/// What is known of a node while sorting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// Its sources are being placed: meeting it again closes a cycle.
    Entered,
    Placed,
}

/// Positions of a graph's nodes in an order that they can run in: the file's, where it is one.
///
/// Nodes on a cycle keep their place in the file; the one that reads what is not there yet says so later.
pub fn execution_order(graph: &GraphProto) -> Vec<usize> {
    let file_order = (0..graph.node.len()).collect();
    let mut makers: HashMap<&str, usize> = HashMap::with_capacity(graph.node.len());
    for (position, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            makers.entry(output).or_insert(position);
        }
    }
    let reads_later = |(position, node): (usize, &NodeProto)| {
        let mut later = false;
        each_name(node, &mut |name| later |= makers.get(name).is_some_and(|maker| *maker >= position));
        later
    };
    if !graph.node.iter().enumerate().any(reads_later) {
        return file_order;
    }
    let mut order = Vec::with_capacity(graph.node.len());
    let mut states = vec![State::Waiting; graph.node.len()];
    let mut open: Vec<usize> = vec![];
    for position in file_order {
        open.push(position);
        while let Some(&next) = open.last() {
            let (Some(state), Some(node)) = (states.get(next).copied(), graph.node.get(next)) else { break };
            if state == State::Waiting {
                if let Some(state) = states.get_mut(next) {
                    *state = State::Entered;
                }
                let before = open.len();
                each_name(node, &mut |name| {
                    let source = makers.get(name).copied();
                    open.extend(source.filter(|source| states.get(*source) == Some(&State::Waiting)));
                });
                if let Some(sources) = open.get_mut(before..) {
                    sources.reverse();
                }
                if open.len() > before {
                    continue;
                }
            }
            open.pop();
            if let Some(state) = states.get_mut(next).filter(|state| **state == State::Entered) {
                *state = State::Placed;
                order.push(next);
            }
        }
    }
    order
}

/// Calls `f` with every name that a node reads, those that its bodies read from around it included.
fn each_name<'a>(node: &'a NodeProto, f: &mut impl FnMut(&'a str)) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        node.input.iter().filter(|name| !name.is_empty()).for_each(|name| f(name));
        let bodies = node
            .attribute
            .iter()
            .flat_map(|attribute| attribute.g.as_deref().into_iter().chain(&attribute.graphs));
        for body in bodies {
            body.output.iter().for_each(|output| f(&output.name));
            open.extend(&body.node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: &[(&[&str], &str)]) -> GraphProto {
        let node = |(inputs, output): &(&[&str], &str)| NodeProto {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![(*output).to_owned()],
            ..NodeProto::default()
        };
        GraphProto { node: nodes.iter().map(node).collect(), ..GraphProto::default() }
    }

    #[test]
    fn a_sorted_file_keeps_its_order() {
        assert_eq!(execution_order(&graph(&[(&["x"], "a"), (&["x"], "b"), (&["a", "b"], "c")])), [0, 1, 2]);
    }

    #[test]
    fn a_node_waits_for_what_it_reads() {
        assert_eq!(execution_order(&graph(&[(&["b"], "c"), (&["x"], "a"), (&["a"], "b")])), [1, 2, 0]);
        assert_eq!(execution_order(&graph(&[(&["a", "b"], "c"), (&["x"], "b"), (&["b"], "a")])), [1, 2, 0]);
    }

    #[test]
    fn a_body_reads_from_around_it() {
        let mut outer = graph(&[(&["condition"], "y"), (&["x"], "w")]);
        let attribute = crate::onnx::schema::AttributeProto {
            g: Some(graph(&[(&["w"], "z")]).into()),
            ..Default::default()
        };
        outer.node[0].attribute.push(attribute);
        assert_eq!(execution_order(&outer), [1, 0]);
    }

    #[test]
    fn a_cycle_keeps_every_node() {
        let mut order = execution_order(&graph(&[(&["b"], "a"), (&["a"], "b"), (&["a"], "c")]));
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2]);
    }
}
