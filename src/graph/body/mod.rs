//! The operators that run graphs of their own.
//!
//! A body's nodes stand in the node list, behind the node that runs them, with how often they run.

mod choice;
mod generation;
mod gradient;
mod turns;

use super::infer::{Walker, name_of};
use super::names::{Known, Scope};
use super::{Body, GraphError, Source, Value, ValueId, Warning, scope};
use crate::onnx::schema::{GraphProto, NodeProto};
use crate::ops::BodyRule;

/// Whether a body may run several times, one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Never,
    Often,
}

/// A node that runs graphs of its own, as the walk meets it.
#[derive(Clone, Copy)]
struct Call<'a, 'm> {
    /// Its place in the list of nodes.
    index: usize,
    node: &'m NodeProto,
    operands: &'a [Option<ValueId>],
    scope: &'a Scope<'a, 'm>,
}

impl Call<'_, '_> {
    /// The scope of a body by the name of its attribute.
    fn path(&self, name: &str) -> String {
        scope::body_path(&self.scope.path, self.node, name)
    }
}

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
        let call = Call { index, node, operands: &operands, scope };
        match node.op_type.as_str() {
            "If" => self.walk_if(call),
            "Loop" => self.walk_loop(call),
            "Scan" => self.walk_scan(call),
            "SequenceMap" => self.walk_sequence(call),
            "Gradient" => self.walk_gradient(call),
            "BeamSearch" | "GreedySearch" | "Sampling" | "WhisperBeamSearch" => self.walk_generation(call),
            _ => Ok(self.not_entered(index)),
        }
    }

    /// A node whose body is not there, or cannot be walked: it is listed as not counted.
    fn not_entered(&mut self, index: usize) -> Vec<Known> {
        if let Some(typed) = self.graph.nodes.get_mut(index) {
            typed.call = false;
        }
        vec![]
    }

    /// Walks the graphs that a node applies to what it makes on the way.
    pub(super) fn modifiers(
        &mut self,
        index: usize,
        node: &'m NodeProto,
        bodies: BodyRule,
        scope: &Scope<'_, 'm>,
    ) -> Result<(), GraphError> {
        let Some(typed) = self.graph.nodes.get(index) else { return Ok(()) };
        let given = self.graph.view(typed, |view| {
            let constant = view.inputs.iter().flatten().all(|operand| operand.constant);
            bodies(view).map(|bodies| (bodies, constant))
        });
        // What is not known of the node is its own problem.
        let Ok((given, constant)) = given else { return Ok(()) };
        for (name, types) in given {
            let Some(body) = body(node, name) else { continue };
            let inputs = types.into_iter().map(|ty| Known { ty, elements: None, constant });
            let mut inner = scope.body(scope::body_path(&scope.path, node, name));
            self.walk_given(index, body, inputs, &mut inner, Again::Never)?;
        }
        Ok(())
    }

    /// Walks a body with values for its inputs, which are its own, and records it as the body of the node at `call`.
    fn walk_given(
        &mut self,
        call: usize,
        body: &'m GraphProto,
        inputs: impl IntoIterator<Item = Known>,
        inner: &mut Scope<'_, 'm>,
        again: Again,
    ) -> Result<Vec<Known>, GraphError> {
        let first = self.graph.values.len();
        self.enter(body, inputs, inner);
        let inputs = first..self.graph.values.len();
        let start = self.graph.nodes.len();
        let results = self.walk_graph(body, inner)?;
        let nodes = start..self.graph.nodes.len();
        let again = again == Again::Often;
        self.graph.bodies.push(Body { call, nodes, inputs, results: vec![], again });
        Ok(results.iter().map(|id| self.known(*id)).collect())
    }

    /// Gives the inputs of a body their values.
    fn enter(
        &mut self,
        body: &'m GraphProto,
        inputs: impl IntoIterator<Item = Known>,
        inner: &mut Scope<'_, 'm>,
    ) {
        for (info, known) in body.input.iter().zip(inputs) {
            let id = self.add(Value {
                name: &info.name,
                ty: known.ty,
                elements: known.elements,
                source: Source::Input,
                constant: known.constant,
            });
            inner.insert(&info.name, id);
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
