//! Walks the nodes of a model in order and gives every value its type and, where it is small, its elements.

use std::collections::HashMap;
use std::rc::Rc;

use super::answers::Answers;
use super::bind::{bind, inputs_of};
use super::body::size;
use super::constant::{attribute, declared, elements, sparse_type, tensor_type};
use super::declared::{adopt, disagreement};
use super::error::some_of;
use super::names::{Known, Scope, canonical, opsets};
use super::order::execution_order;
use super::values::values;
use super::{
    Body, GraphError, Origin, Request, Source, Trips, TypedGraph, TypedNode, Value, ValueId, Warning, scope,
};
use crate::onnx::schema::{FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use crate::ops::{Attributes, Costed, OpError, Rule, Values, find};
use crate::tensor::Dim;

/// The most nodes that bodies and functions may expand to: so many, and so many for each node that the
/// main graph and the functions hold. Real functions are called some tens of times; a file of a few
/// kilobytes whose functions call each other in pairs would fill any memory.
const MAX_NODES: (usize, usize) = (100_000, 64);

/// The most levels of bodies and functions: far above what exporters nest.
const MAX_DEPTH: usize = 64;

/// The most elements of small values kept, those of trials included (16 bytes each): 64 MB.
const MAX_KEPT_ELEMENTS: usize = 4 << 20;

/// The most effort, in nodes visited, that goes into trials: loops run turn by turn, branches that may not
/// fit. Nested in each other, they would take a time that is exponential in their depth; past this, what is
/// in them is taken as it stands.
const MAX_EFFORT: u64 = 300_000;

/// Known elements that a rule reads in the time of one node.
const ELEMENTS_A_VISIT: usize = 64;

/// Infers a model with its open dimensions bound as requested.
///
/// An operator without a rule, or a node that its rule refuses, does not stop: its outputs are unknown
/// (or as declared), and its [`TypedNode::problem`] says why.
///
/// # Errors
/// [`GraphError`]: a request that does not fit the model, including a node that contradicts the shapes
/// asked for; or a model whose bodies expand without end.
pub fn infer<'m>(model: &'m ModelProto, request: &Request) -> Result<TypedGraph<'m>, GraphError> {
    let main = model.graph.as_ref().ok_or(GraphError::NoGraph)?;
    let bound = bind(main, request)?;
    let functions = model
        .functions
        .iter()
        .map(|f| ((f.domain.as_str(), f.name.as_str(), f.overload.as_str()), f))
        .collect();
    let mut walker = Walker {
        graph: TypedGraph { bindings: bound.bindings, ..TypedGraph::default() },
        functions,
        symbols: bound.symbols,
        strict: request.fixes_shapes(),
        answers: Answers::new(request),
        limit: stored_nodes(model).saturating_mul(MAX_NODES.1).saturating_add(MAX_NODES.0),
        kept: 0,
        trials: 0,
        effort: 0,
        blamed: false,
    };
    let mut root = Scope {
        names: HashMap::with_capacity(main.node.len().saturating_add(main.initializer.len())),
        parent: None,
        opsets: Rc::new(opsets(&model.opset_import)),
        attributes: None,
        path: String::new(),
        repeat: 1,
        trips: Trips::Exact,
        depth: 0,
    };
    let given = bound.inputs.into_iter().zip(bound.elements).zip(inputs_of(main)).enumerate();
    for (at, ((ty, elements), info)) in given {
        let id = walker.add(Value { name: &info.name, ty, elements, source: Source::Input, constant: false });
        root.insert(&info.name, id);
        walker.graph.inputs.push(id);
        if bound.caches.contains(&at) {
            walker.graph.caches.push(id);
        }
    }
    let outputs = walker.walk_graph(main, &mut root)?;
    for (info, _) in main.output.iter().zip(&outputs).filter(|(_, id)| id.is_none()) {
        walker.graph.warnings.push(Warning {
            code: "missing-output",
            value: info.name.clone(),
            message: "the model gives this value back, and no node makes it".to_owned(),
        });
    }
    walker.graph.outputs = outputs.into_iter().flatten().collect();
    walker.graph.bindings.extend(walker.answers.finish()?);
    Ok(walker.graph)
}

/// Nodes of the main graph and of the functions, bodies not looked into.
fn stored_nodes(model: &ModelProto) -> usize {
    let functions = model.functions.iter().map(|function| function.node.len());
    model.graph.iter().map(|graph| graph.node.len()).chain(functions).fold(0, usize::saturating_add)
}

pub(super) struct Walker<'m> {
    pub(super) graph: TypedGraph<'m>,
    functions: HashMap<(&'m str, &'m str, &'m str), &'m FunctionProto>,
    symbols: HashMap<String, u64>,
    /// Whether a node that contradicts the shapes it sees stops the walk: the user fixed a shape, or a
    /// branch is on trial.
    strict: bool,
    /// The most nodes that the walk may list.
    limit: usize,
    /// Elements of small values kept so far.
    kept: usize,
    /// How many trials are under way, one within another.
    trials: usize,
    /// What trials have taken so far: see [`MAX_EFFORT`].
    effort: u64,
    /// Whether a default has been said to contradict a node.
    blamed: bool,
    /// What the user says of bodies.
    pub(super) answers: Answers,
}

/// How far the lists that grow while walking have come, to return to after a trial.
pub(super) struct Mark {
    values: usize,
    nodes: usize,
    choices: usize,
    bodies: usize,
    warnings: usize,
    blamed: bool,
}

impl<'m> Walker<'m> {
    pub(super) fn add(&mut self, mut value: Value<'m>) -> ValueId {
        if let Some(elements) = &value.elements {
            match self.kept.checked_add(elements.len()).filter(|kept| *kept <= MAX_KEPT_ELEMENTS) {
                Some(kept) => self.kept = kept,
                None => value.elements = None,
            }
        }
        self.graph.values.push(value);
        self.graph.values.len() - 1
    }

    /// Walks a graph in which the names of the main graph's dimensions mean something else.
    pub(super) fn apart<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        let symbols = std::mem::take(&mut self.symbols);
        let result = walk(self);
        self.symbols = symbols;
        result
    }

    /// Walks so that a node that contradicts its shapes is an error.
    pub(super) fn strictly<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.with_strictness(true, walk)
    }

    /// Walks so that a node that contradicts its shapes is listed.
    pub(super) fn leniently<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.with_strictness(false, walk)
    }

    /// Whether a node that contradicts its shapes is an error.
    pub(super) fn is_strict(&self) -> bool {
        self.strict
    }

    fn with_strictness<T>(&mut self, strict: bool, walk: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.strict, strict);
        let result = walk(self);
        self.strict = before;
        result
    }

    /// Whether there is effort left for trials.
    pub(super) fn may_try(&self) -> bool {
        self.effort < MAX_EFFORT
    }

    /// Walks what may have to be walked again: the effort counts.
    pub(super) fn trying<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.trials += 1;
        let result = walk(self);
        self.trials -= 1;
        result
    }

    /// Walks to learn what is made, and leaves nothing else behind.
    pub(super) fn trial<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.mark();
        let result = self.trying(walk);
        self.rollback(mark);
        result
    }

    /// Walks what never runs: it is listed, and what is odd about it is not worth telling.
    pub(super) fn untold<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        let (warnings, blamed) = (self.graph.warnings.len(), self.blamed);
        let result = walk(self);
        self.graph.warnings.truncate(warnings);
        self.blamed = blamed;
        result
    }

    fn spend(&mut self, effort: u64) {
        if self.trials > 0 {
            self.effort = self.effort.saturating_add(effort);
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            values: self.graph.values.len(),
            nodes: self.graph.nodes.len(),
            choices: self.graph.choices.len(),
            bodies: self.graph.bodies.len(),
            warnings: self.graph.warnings.len(),
            blamed: self.blamed,
        }
    }

    pub(super) fn rollback(&mut self, mark: Mark) {
        self.graph.values.truncate(mark.values);
        self.graph.nodes.truncate(mark.nodes);
        self.graph.choices.truncate(mark.choices);
        self.graph.bodies.truncate(mark.bodies);
        self.graph.warnings.truncate(mark.warnings);
        self.blamed = mark.blamed;
    }

    pub(super) fn known(&self, id: Option<ValueId>) -> Known {
        id.and_then(|id| self.graph.values.get(id)).map_or(Known::UNKNOWN, |value| Known {
            ty: value.ty.clone(),
            elements: value.elements.clone(),
            constant: value.constant,
        })
    }

    /// Walks the initializers and nodes of a graph; gives the values of its outputs.
    pub(super) fn walk_graph(
        &mut self,
        graph: &'m GraphProto,
        scope: &mut Scope<'_, 'm>,
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        if scope.depth > MAX_DEPTH {
            return Err(GraphError::TooDeep { limit: MAX_DEPTH });
        }
        self.spend(size(graph));
        for tensor in &graph.initializer {
            let id = self.add(Value {
                name: &tensor.name,
                ty: tensor_type(tensor),
                elements: elements(tensor),
                source: Source::Initializer(tensor),
                constant: true,
            });
            scope.insert(&tensor.name, id);
        }
        for sparse in &graph.sparse_initializer {
            if let Some(values) = &sparse.values {
                let id = self.add(Value {
                    name: &values.name,
                    ty: sparse_type(sparse),
                    elements: None,
                    source: Source::Sparse(values),
                    constant: true,
                });
                scope.insert(&values.name, id);
            }
        }
        let infos: HashMap<&str, &'m ValueInfoProto> =
            graph.value_info.iter().chain(&graph.output).map(|info| (info.name.as_str(), info)).collect();
        for node in execution_order(graph).into_iter().filter_map(|position| graph.node.get(position)) {
            self.walk_node(node, &infos, scope)?;
        }
        Ok(graph.output.iter().map(|output| scope.lookup(&output.name).flatten()).collect())
    }

    /// Adds a node to the list.
    pub(super) fn list(&mut self, node: TypedNode<'m>) -> Result<(), GraphError> {
        if self.graph.nodes.len() >= self.limit {
            return Err(GraphError::TooManyNodes { limit: self.limit });
        }
        self.graph.nodes.push(node);
        Ok(())
    }

    fn walk_node(
        &mut self,
        node: &'m NodeProto,
        infos: &HashMap<&str, &'m ValueInfoProto>,
        scope: &mut Scope<'_, 'm>,
    ) -> Result<(), GraphError> {
        let domain = canonical(&node.domain);
        let operator = find(domain, &node.op_type);
        let function = match self.functions.is_empty() {
            true => None,
            false => self.functions.get(&(&node.domain, &node.op_type, &node.overload)).copied(),
        };
        let mut problem = None;
        let mut read = 0;
        let mut inputs: Vec<Option<ValueId>> = Vec::with_capacity(node.input.len());
        for name in &node.input {
            let id = if name.is_empty() { Some(None) } else { scope.lookup(name) };
            if id.is_none() && problem.is_none() {
                problem = Some(format!("input \"{name}\" is not made by any node before it"));
            }
            let id = id.flatten();
            let elements = id.and_then(|id| self.graph.values.get(id)?.elements.as_ref());
            read += elements.map_or(0, Vec::len);
            inputs.push(id);
        }
        self.spend((read / ELEMENTS_A_VISIT) as u64);
        let attributes: Attributes = node
            .attribute
            .iter()
            .filter_map(|proto| {
                let value = if proto.ref_attr_name.is_empty() {
                    attribute(proto)
                } else {
                    scope.attributes.and_then(|given| given.get(&proto.ref_attr_name)).cloned()
                };
                value.map(|value| (proto.name.as_str(), value))
            })
            .collect();
        let index = self.graph.nodes.len();
        self.list(TypedNode {
            name: &node.name,
            op_type: &node.op_type,
            domain,
            version: scope.opsets.get(domain).copied().unwrap_or(1),
            scope: scope::join(&scope.path, scope::module_path(node)),
            attributes,
            inputs,
            outputs: vec![None; node.output.len()],
            operator,
            folded: false,
            repeat: scope.repeat,
            trips: scope.trips,
            call: false,
            problem: None,
        })?;

        // A function of the model replaces an operator of the same name, but never one of ai.onnx.
        let costed = operator.is_some_and(|operator| operator.costed().is_some());
        let outputs = match (function, operator.map(|operator| &operator.rule)) {
            _ if problem.is_some() => vec![],
            (Some(function), _) if !(domain.is_empty() && costed) => {
                self.call(index, function, node, scope)?
            }
            (_, Some(Rule::Costed(rules) | Rule::Modified(rules, _))) => match self.apply(index, rules) {
                Ok(outputs) => outputs,
                Err(error) if self.strict && !error.is_unknown() => {
                    return Err(GraphError::Node {
                        node: name_of(node).to_owned(),
                        op_type: node.op_type.clone(),
                        error,
                    });
                }
                Err(error) => {
                    if !error.is_unknown() {
                        self.blame_defaults(node, &error);
                    }
                    problem = Some(error.to_string());
                    vec![]
                }
            },
            (_, Some(Rule::Subgraph(_))) => self.subgraph(index, node, scope)?,
            (_, Some(Rule::Unsupported(reason))) => {
                problem = Some((*reason).to_owned());
                vec![]
            }
            (_, None) => {
                problem = Some("no operator of this name is known".to_owned());
                vec![]
            }
        };
        if let Some(Rule::Modified(_, bodies)) = operator.map(|operator| &operator.rule)
            && problem.is_none()
        {
            self.modifiers(index, node, *bodies, scope)?;
        }
        self.finish(index, node, outputs, problem, infos, scope);
        Ok(())
    }

    /// Says once that a node contradicts shapes that were only taken by default.
    fn blame_defaults(&mut self, node: &NodeProto, error: &OpError) {
        if self.blamed {
            return;
        }
        let defaults: Vec<String> = self
            .graph
            .bindings
            .iter()
            .filter(|binding| binding.origin == Origin::Default)
            .map(|binding| format!("{}={}", binding.name, binding.value))
            .collect();
        if defaults.is_empty() {
            return;
        }
        self.blamed = true;
        self.graph.warnings.push(Warning {
            code: "default-contradicted",
            value: name_of(node).to_owned(),
            message: format!(
                "{error}, with the defaults {}: --dim or --input gives other sizes",
                some_of(&defaults)
            ),
        });
    }

    /// Gives the outputs of a node their values, held against what the model declares of them.
    fn finish(
        &mut self,
        index: usize,
        node: &'m NodeProto,
        outputs: Vec<Known>,
        problem: Option<String>,
        infos: &HashMap<&str, &'m ValueInfoProto>,
        scope: &mut Scope<'_, 'm>,
    ) {
        let mut ids = Vec::with_capacity(node.output.len());
        let mut outputs = outputs.into_iter();
        for name in &node.output {
            let mut known = outputs.next().unwrap_or(Known::UNKNOWN);
            if name.is_empty() {
                ids.push(None);
                continue;
            }
            if let Some(ty) = infos.get(name.as_str()).and_then(|info| info.r#type.as_ref()) {
                let declared = declared(ty, &mut |_, symbol| {
                    symbol
                        .and_then(|symbol| self.symbols.get(symbol))
                        .map_or(Dim::Unknown, |n| Dim::Exact(*n))
                });
                if let Some(message) = disagreement(&known.ty, &declared) {
                    self.graph.warnings.push(Warning {
                        code: "declared-shape",
                        value: name.clone(),
                        message,
                    });
                }
                adopt(&mut known.ty, declared);
            }
            let id = self.add(Value {
                name,
                ty: known.ty,
                elements: known.elements,
                source: Source::Node(index),
                constant: known.constant,
            });
            if !scope.insert(name, id) {
                self.graph.warnings.push(Warning {
                    code: "duplicate-name",
                    value: name.clone(),
                    message: "several values have this name; a node reads the last one before it".to_owned(),
                });
            }
            ids.push(Some(id));
        }
        if let Some(typed) = self.graph.nodes.get_mut(index) {
            typed.folded = !typed.call
                && problem.is_none()
                && !ids.is_empty()
                && ids
                    .iter()
                    .flatten()
                    .all(|id| self.graph.values.get(*id).is_some_and(|value| value.constant));
            typed.outputs = ids;
            typed.problem = problem;
        }
    }

    /// Types and values of a node's outputs by the rules of its operator.
    fn apply(&self, index: usize, rules: &Costed) -> Result<Vec<Known>, OpError> {
        let Some(node) = self.graph.nodes.get(index) else { return Ok(vec![]) };
        self.graph.view(node, |view| {
            let types = (rules.shape)(view)?;
            let constant = !matches!(rules.value, Values::Random)
                && view.inputs.iter().flatten().all(|operand| operand.constant);
            let mut elements = values(view, rules, &types);
            Ok(types
                .into_iter()
                .enumerate()
                .map(|(output, ty)| Known {
                    ty,
                    elements: elements.get_mut(output).and_then(Option::take),
                    constant,
                })
                .collect())
        })
    }

    /// Walks the body of a function with the operands and attributes of the node that calls it.
    fn call(
        &mut self,
        index: usize,
        function: &'m FunctionProto,
        node: &'m NodeProto,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        if scope.depth >= MAX_DEPTH {
            return Err(GraphError::TooDeep { limit: MAX_DEPTH });
        }
        let Some(typed) = self.graph.nodes.get_mut(index) else { return Ok(vec![]) };
        typed.call = true;
        let given = typed.attributes.clone();
        let operands = typed.inputs.clone();
        let path = typed.scope.clone();
        let defaults = function.attribute_proto.iter().filter(|proto| given.get(&proto.name).is_none());
        let defaults =
            defaults.filter_map(|proto| attribute(proto).map(|value| (proto.name.as_str(), value)));
        let attributes = given.clone().with(defaults);
        let operands = operands.into_iter().chain(std::iter::repeat(None));
        let mut body = Scope {
            names: function.input.iter().map(String::as_str).zip(operands).collect(),
            parent: None,
            opsets: Rc::new(opsets(&function.opset_import)),
            attributes: Some(&attributes),
            path: scope::body_path(&path, node, &function.name),
            repeat: scope.repeat,
            trips: scope.trips,
            depth: scope.depth + 1,
        };
        self.spend((function.input.len() + function.value_info.len() + function.node.len()) as u64);
        let infos = function.value_info.iter().map(|info| (info.name.as_str(), info)).collect();
        for node in &function.node {
            self.walk_node(node, &infos, &mut body)?;
        }
        let results: Vec<Option<ValueId>> =
            function.output.iter().map(|name| body.lookup(name).flatten()).collect();
        let known = results.iter().map(|id| self.known(*id)).collect();
        let (nodes, none) = (index + 1..self.graph.nodes.len(), self.graph.values.len());
        self.graph.bodies.push(Body { call: index, nodes, inputs: none..none, results, again: false });
        Ok(known)
    }
}

/// What a node is called in a message: its name or, failing that, its first output.
pub(super) fn name_of(node: &NodeProto) -> &str {
    if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name }
}
