//! Inference: types and small values of everything in a model, node by node.
//!
//! Bodies of If, Loop, Scan and functions are walked where they are called and stand in the same list
//! as every other node, each with its scope and how often it runs. What a model declares of its inner
//! shapes is a check, not a source.

pub mod annotate;
mod answers;
mod bind;
mod body;
mod constant;
mod declared;
mod error;
mod infer;
mod names;
mod order;
mod request;
mod scope;
mod values;

pub use bind::{Binding, Origin};
pub use error::GraphError;
pub use infer::infer;
pub use request::{Request, Tokens};

use std::borrow::Cow;
use std::ops::Range;

use crate::onnx::schema::TensorProto;
use crate::ops::{Attributes, Node, Operand, Operator};
use crate::tensor::{Elements, Type};

/// Index of a value in [`TypedGraph::values`].
pub type ValueId = usize;

/// A model after inference.
#[derive(Debug, Default)]
pub struct TypedGraph<'m> {
    /// Every value: inputs, initializers and what nodes make, of all graphs.
    pub values: Vec<Value<'m>>,
    /// Every node in order of execution; the nodes of a body follow the node that runs it.
    pub nodes: Vec<TypedNode<'m>>,
    /// Inputs of the main graph, those that only give an initializer its default left out.
    pub inputs: Vec<ValueId>,
    /// Of these, the tensors that hold keys and values of earlier tokens.
    pub caches: Vec<ValueId>,
    /// Outputs of the main graph.
    pub outputs: Vec<ValueId>,
    /// Branches of which only one runs, and which one is not known.
    pub choices: Vec<Choice>,
    /// The bodies that nodes run, those within others first.
    pub bodies: Vec<Body>,
    /// What each open dimension was taken to be, and why.
    pub bindings: Vec<Binding>,
    /// What is worth telling.
    pub warnings: Vec<Warning>,
}

/// One value.
#[derive(Debug)]
pub struct Value<'m> {
    /// Its name in its graph.
    pub name: &'m str,
    /// Its type.
    pub ty: Type,
    /// Its elements, if it is small and known.
    pub elements: Option<Elements>,
    /// Where it comes from.
    pub source: Source<'m>,
    /// Whether it is computable from constants alone.
    pub constant: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'m> {
    /// An input of the main graph, or of a body.
    Input,
    /// An initializer.
    Initializer(&'m TensorProto),
    /// A sparse initializer: its stored values.
    Sparse(&'m TensorProto),
    /// An output of the node with that index.
    Node(usize),
}

/// One node after inference.
#[derive(Clone, Debug)]
pub struct TypedNode<'m> {
    /// Its name; may be empty or shared.
    pub name: &'m str,
    /// Name of its operator.
    pub op_type: &'m str,
    /// Domain of its operator; empty for ai.onnx.
    pub domain: &'m str,
    /// Version of the domain's operator set.
    pub version: i64,
    /// Module path: from metadata or the node's name, below the body it stands in.
    pub scope: Cow<'m, str>,
    /// Attributes, those that a function refers to resolved.
    pub attributes: Attributes<'m>,
    /// Inputs by position.
    pub inputs: Vec<Option<ValueId>>,
    /// Outputs by position.
    pub outputs: Vec<Option<ValueId>>,
    /// What the table says of its operator.
    pub operator: Option<&'static Operator>,
    /// Whether it is computable from constants alone.
    pub folded: bool,
    /// How often it runs.
    pub repeat: u64,
    /// Whether `repeat` is the most it can run, or a guess, rather than known.
    pub trips: Trips,
    /// Whether it only runs a body, whose nodes stand on their own.
    pub call: bool,
    /// Why nothing is known of its outputs.
    pub problem: Option<String>,
}

/// How well it is known how often a node runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trips {
    /// Known.
    Exact,
    /// The node stands for others that are like it, so many by a stated rule: those of a gradient.
    Formula,
    /// At most so many: the loop may stop early.
    AtMost,
    /// Not known: counted as one turn.
    Unknown,
}

/// Branches of an If whose condition is not known: ranges of [`TypedGraph::nodes`], one of which runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The nodes of each branch.
    pub branches: Vec<Range<usize>>,
}

/// The nodes that a node runs: a branch that may be taken, a body of a loop, a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// Index of the node that runs it.
    pub call: usize,
    /// Its nodes.
    pub nodes: Range<usize>,
    /// The values that a loop gives it anew each turn.
    pub inputs: Range<ValueId>,
    /// What it makes of the first outputs of the node that runs it: all of them, but for what a loop collects
    /// from its turns.
    pub results: Vec<Option<ValueId>>,
    /// Whether it may run several times, one after the other.
    pub again: bool,
}

/// Something worth telling about a model that still can be counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// A stable word: `declared-shape`, `default-contradicted`, `trip-count`, `duplicate-name`,
    /// `missing-output`.
    pub code: &'static str,
    /// The value or node it is about.
    pub value: String,
    /// One sentence.
    pub message: String,
}

impl<'m> TypedGraph<'m> {
    /// The name of a node; one without a name is called by its first output.
    pub fn layer_name(&self, node: usize) -> &'m str {
        let Some(node) = self.nodes.get(node) else { return "" };
        if !node.name.is_empty() {
            return node.name;
        }
        let output = node.outputs.iter().flatten().next().and_then(|id| self.values.get(*id));
        output.map_or("", |value| value.name)
    }

    /// Calls `f` with what a rule sees of a node.
    pub fn view<T>(&self, node: &TypedNode, f: impl FnOnce(&Node) -> T) -> T {
        let inputs: Vec<Option<Operand>> =
            node.inputs.iter().map(|id| id.and_then(|id| self.values.get(id)).map(Value::operand)).collect();
        let outputs: Vec<bool> = node.outputs.iter().map(Option::is_some).collect();
        f(&Node {
            operator: node.op_type,
            version: node.version,
            inputs: &inputs,
            outputs: &outputs,
            attributes: &node.attributes,
        })
    }

    /// The types of a node's outputs; unknown for one left out.
    pub fn output_types(&self, node: &TypedNode) -> Vec<Type> {
        node.outputs
            .iter()
            .map(|id| id.and_then(|id| self.values.get(id)).map_or(Type::Unknown, |value| value.ty.clone()))
            .collect()
    }
}

impl Value<'_> {
    /// What a rule sees of the value.
    fn operand(&self) -> Operand<'_> {
        Operand { ty: &self.ty, elements: self.elements.as_deref(), constant: self.constant }
    }
}
