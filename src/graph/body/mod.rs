//! The operators that run graphs of their own.
//!
//! A body's nodes stand in the node list, behind the node that runs them, with how often they run.

mod choice;
mod turns;

use super::infer::{Walker, name_of};
use super::names::{Known, Scope};
use super::{Body, GraphError, ValueId, Warning};
use crate::onnx::schema::{GraphProto, NodeProto};

impl<'m> Walker<'m> {
    /// Types of the outputs of a node that runs graphs of its own.
    pub(super) fn subgraph(
        &mut self,
        index: usize,
        node: &'m NodeProto,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        if let Some(typed) = self.graph.nodes.get_mut(index) {
            typed.call = true;
        }
        let operands: Vec<Option<ValueId>> =
            self.graph.nodes.get(index).map(|typed| typed.inputs.clone()).unwrap_or_default();
        match node.op_type.as_str() {
            "If" => self.walk_if(index, node, &operands, scope),
            "Loop" => self.walk_loop(index, node, &operands, scope),
            "Scan" => self.walk_scan(index, node, &operands, scope),
            other => {
                if let Some(typed) = self.graph.nodes.get_mut(index) {
                    typed.call = false;
                }
                self.warn("uncounted-body", node, format!("the body of {other} is not entered yet"));
                Ok(vec![])
            }
        }
    }

    fn warn(&mut self, code: &'static str, node: &NodeProto, message: String) {
        self.graph.warnings.push(Warning { code, value: name_of(node).to_owned(), message });
    }

    /// Walks a branch and records it as the body of the node at `call`.
    fn walk_body(
        &mut self,
        call: usize,
        branch: &'m GraphProto,
        inner: &mut Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let (node, value) = (self.graph.nodes.len(), self.graph.values.len());
        let results = self.walk_graph(branch, inner)?;
        let known = results.iter().map(|id| self.known(*id)).collect();
        let nodes = node..self.graph.nodes.len();
        self.graph.bodies.push(Body { call, nodes, inputs: value..value, results, again: false });
        Ok(known)
    }
}

/// The graph that an attribute of a node holds.
fn body<'m>(node: &'m NodeProto, name: &str) -> Option<&'m GraphProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
        .and_then(|attribute| attribute.g.as_deref())
}

/// What a walk of a body touches once: its nodes and the values that it declares or is given.
pub(super) fn size(body: &GraphProto) -> u64 {
    let values = body.input.len() + body.output.len() + body.value_info.len();
    (1 + body.node.len() + body.initializer.len() + body.sparse_initializer.len() + values) as u64
}

/// What is known where either list of values may stand.
fn join(a: &[Known], b: &[Known]) -> Vec<Known> {
    a.iter().zip(b).map(|(a, b)| a.join(b)).collect()
}
