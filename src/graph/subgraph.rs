//! If, Loop and Scan: the operators that run graphs of their own.
//!
//! A body's nodes stand in the node list with how often they run. A loop whose trip count is known is
//! run turn by turn on types and small values; if every turn has the same types its body is listed
//! once, else once a turn.

use std::ops::Range;

use super::infer::{Known, Scope, Walker};
use super::{Choice, GraphError, Source, Trips, Value, ValueId, Warning, scope};
use crate::onnx::schema::{GraphProto, NodeProto};
use crate::ops::Attribute;
use crate::tensor::{Dim, Scalar, TensorType, Type};

/// The most node visits that a loop's turns may take together before it is treated by what its turns
/// have in common rather than turn by turn.
const MAX_VISITS: usize = 200_000;

/// Turns after which the joined types of a loop must have settled: each join can only lose knowledge,
/// and a dimension has two states to lose.
const MAX_JOINS: usize = 8;

/// A trip count of this or more is how exporters say "no limit".
const NO_LIMIT: i64 = i32::MAX as i64;

/// Lengths of the lists that grow while walking, to return to after a trial.
#[derive(Clone, Copy)]
struct Mark {
    values: usize,
    nodes: usize,
    choices: usize,
    warnings: usize,
}

/// How a body is run.
struct Turns<'m> {
    body: &'m GraphProto,
    path: String,
    /// How many turns, if that is known or bounded.
    count: Option<u64>,
    /// Inputs of the body before the carried values: iteration number and condition for Loop.
    lead: Lead,
    /// Types of the slices of scanned inputs, which follow the carried values.
    slices: Vec<Known>,
    /// Outputs of the body before the carried values: the condition for Loop.
    skip: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Loop,
    Scan,
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
        match node.op_type.as_str() {
            "If" => self.walk_if(node, &operands, scope),
            "Loop" => self.walk_loop(node, &operands, scope),
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
        let value = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
        self.graph.warnings.push(Warning { code, value: value.cloned().unwrap_or_default(), message });
    }

    fn walk_if(
        &mut self,
        node: &'m NodeProto,
        operands: &[Option<ValueId>],
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let condition = self.known(operands.first().copied().flatten());
        let taken = match condition.elements.as_deref() {
            Some([Scalar::Bool(taken)]) => Some(*taken),
            _ => None,
        };
        let branches: Vec<(&str, bool, &'m GraphProto)> = [("then_branch", true), ("else_branch", false)]
            .into_iter()
            .filter_map(|(name, when)| Some((name, when, body(node, name)?)))
            .collect();
        // A branch that contradicts the shapes it sees cannot be the one that runs.
        let mut possible = vec![];
        for (name, when, branch) in &branches {
            let runs = match taken {
                Some(taken) => taken == *when,
                None => self.try_branch(branch, scope.body(scope::body_path(&scope.path, node, name)))?,
            };
            possible.push(runs);
        }
        if !possible.contains(&true) {
            possible.fill(true);
        }
        let mut ranges: Vec<Range<usize>> = vec![];
        let mut results: Vec<Vec<Known>> = vec![];
        for ((name, _, branch), runs) in branches.iter().zip(possible) {
            let start = self.graph.nodes.len();
            let mut inner = scope.body(scope::body_path(&scope.path, node, name));
            if runs {
                let outputs = self.walk_graph(branch, &mut inner)?;
                results.push(outputs.into_iter().map(|id| self.known(id)).collect());
                ranges.push(start..self.graph.nodes.len());
            } else {
                inner.repeat = 0;
                self.leniently(|walker| walker.walk_graph(branch, &mut inner))?;
            }
        }
        if ranges.len() > 1 {
            self.graph.choices.push(Choice { branches: ranges });
        }
        let mut results = results.into_iter();
        let first = results.next().unwrap_or_default();
        let mut outputs: Vec<Known> =
            results.fold(first, |a, b| a.iter().zip(&b).map(|(a, b)| a.join(b)).collect());
        for output in &mut outputs {
            output.constant &= condition.constant && taken.is_some();
        }
        Ok(outputs)
    }

    /// Whether the nodes of a branch fit the shapes they see. Leaves nothing behind.
    fn try_branch(&mut self, branch: &'m GraphProto, mut inner: Scope<'_, 'm>) -> Result<bool, GraphError> {
        let mark = self.mark();
        let fits = match self.strictly(|walker| walker.walk_graph(branch, &mut inner)) {
            Ok(_) => true,
            Err(GraphError::Node { .. }) => false,
            Err(other) => return Err(other),
        };
        self.rollback(mark);
        Ok(fits)
    }

    fn walk_loop(
        &mut self,
        node: &'m NodeProto,
        operands: &[Option<ValueId>],
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let Some(body) = body(node, "body") else { return Ok(vec![]) };
        let limit = match operands.first().copied().flatten() {
            None => None,
            id => match self.known(id).elements.as_deref() {
                Some([Scalar::Int(n)]) if *n < NO_LIMIT => Some(u64::try_from(*n).unwrap_or(0)),
                Some([Scalar::AtMost(n)]) => Some(*n),
                _ => None,
            },
        };
        let enters = match operands.get(1).copied().flatten() {
            None => Some(true),
            id => self
                .known(id)
                .elements
                .as_deref()
                .and_then(|value| value.first())
                .and_then(|value| value.bool()),
        };
        let carried: Vec<Known> = operands.iter().skip(2).map(|id| self.known(*id)).collect();
        let turns = Turns {
            body,
            path: scope::body_path(&scope.path, node, "body"),
            count: if enters == Some(false) { Some(0) } else { limit },
            lead: Lead::Loop,
            slices: vec![],
            skip: 1,
        };
        self.run(node, turns, carried, scope)
    }

    fn walk_scan(
        &mut self,
        index: usize,
        node: &'m NodeProto,
        operands: &[Option<ValueId>],
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let Some(body) = body(node, "body") else { return Ok(vec![]) };
        let typed = self.graph.nodes.get(index);
        let version = typed.map_or(9, |typed| typed.version);
        let ints = |name: &str| match typed.and_then(|typed| typed.attributes.get(name)) {
            Some(Attribute::Ints(list)) => list.to_vec(),
            _ => vec![],
        };
        let scanned = match typed.and_then(|typed| typed.attributes.get("num_scan_inputs")) {
            Some(Attribute::Int(n)) => usize::try_from(*n).unwrap_or(0),
            _ => 0,
        };
        let axes = ints("scan_input_axes");
        let output_axes = ints("scan_output_axes");
        // Scan-8 has a leading input for sequence lengths, and a batch dimension before the scanned one.
        let (lead, default_axis) = if version < 9 { (1, 1) } else { (0, 0) };
        let operands = operands.get(lead..).unwrap_or_default();
        let (states, scans) = operands.split_at(operands.len().saturating_sub(scanned));
        let mut count: Option<Dim> = None;
        let mut slices = vec![];
        for (position, id) in scans.iter().enumerate() {
            let known = self.known(*id);
            let axis = axes.get(position).copied().unwrap_or(default_axis);
            let mut ty = Type::Unknown;
            if let Type::Tensor(TensorType { element, shape: Some(mut shape) }) = known.ty {
                let rank = i64::try_from(shape.len()).unwrap_or(0);
                let place = usize::try_from(if axis < 0 { axis.saturating_add(rank) } else { axis }).ok();
                if let Some(place) = place.filter(|place| *place < shape.len()) {
                    count = Some(shape.remove(place));
                    if version < 9 && !shape.is_empty() {
                        shape.remove(0);
                    }
                    ty = TensorType::new(element, shape).into();
                }
            }
            slices.push(Known { ty, elements: None, constant: false });
        }
        let carried = states.iter().map(|id| self.known(*id)).collect();
        let turns = Turns {
            body,
            path: scope::body_path(&scope.path, node, "body"),
            count: count.and_then(Dim::bound),
            lead: Lead::Scan,
            slices,
            skip: 0,
        };
        let mut outputs = self.run(node, turns, carried, scope)?;
        for (position, output) in outputs.iter_mut().skip(states.len()).enumerate() {
            let axis = output_axes.get(position).copied().unwrap_or(0);
            if let Type::Tensor(TensorType { shape: Some(shape), .. }) = &mut output.ty
                && axis != 0
                && !shape.is_empty()
            {
                let rank = i64::try_from(shape.len()).unwrap_or(0);
                let place =
                    usize::try_from(if axis < 0 { axis.saturating_add(rank) } else { axis }).unwrap_or(0);
                let length = shape.remove(0);
                shape.insert(place.min(shape.len()), length);
            }
        }
        Ok(outputs)
    }

    /// Runs a body turn by turn, or by what its turns have in common.
    fn run(
        &mut self,
        node: &'m NodeProto,
        turns: Turns<'m>,
        mut carried: Vec<Known>,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        // What a turn adds is not known at compile time even if the loop's inputs are.
        for known in &mut carried {
            known.constant = false;
        }
        let visits = turns
            .count
            .and_then(|count| usize::try_from(count).ok()?.checked_mul(turns.body.node.len().max(1)));
        match turns.count {
            Some(count) if visits.is_some_and(|visits| visits <= MAX_VISITS) => {
                self.run_each(&turns, count, carried, scope)
            }
            _ => self.run_joined(node, &turns, carried, scope),
        }
    }

    fn run_each(
        &mut self,
        turns: &Turns<'m>,
        count: u64,
        carried: Vec<Known>,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let mut entered = vec![];
        let mut state = carried;
        let mut stacked: Vec<Known> = vec![];
        let mut done = 0;
        let mut early = Trips::Exact;
        while done < count {
            let mark = self.mark();
            let mut inner = scope.body(turns.path.clone());
            let outputs = self.turn(turns, Some(done), &state, &mut inner)?;
            self.rollback(mark);
            entered.push(std::mem::take(&mut state));
            done += 1;
            let (condition, next, scans) = split(outputs, turns, entered.last().map_or(0, Vec::len));
            state = next;
            stacked = if stacked.is_empty() {
                scans
            } else {
                stacked.iter().zip(&scans).map(|(a, b)| a.join(b)).collect()
            };
            match condition.and_then(|known| known.elements).as_deref() {
                Some([Scalar::Bool(false)]) => break,
                Some([Scalar::Bool(true)]) => {}
                _ if turns.lead == Lead::Scan => {}
                _ => early = Trips::AtMost,
            }
        }
        let same_types = |a: &[Known], b: &[Known]| a.iter().zip(b).all(|(a, b)| a.ty == b.ty);
        let settled = entered.windows(2).all(|pair| match pair {
            [a, b] => same_types(a, b),
            _ => true,
        });
        if settled || entered.is_empty() {
            let joined = match entered.split_first() {
                Some((first, rest)) => rest
                    .iter()
                    .fold(first.clone(), |all, turn| all.iter().zip(turn).map(|(a, b)| a.join(b)).collect()),
                None => state.clone(),
            };
            let mut inner = scope.body(turns.path.clone());
            inner.repeat = scope.repeat.saturating_mul(done);
            inner.trips = scope.trips.max(early);
            let only = if done == 1 { Some(0) } else { None };
            self.turn(turns, only, &joined, &mut inner)?;
        } else {
            for (turn, inputs) in entered.iter().enumerate() {
                let mut inner = scope.body(format!("{}[{turn}]", turns.path));
                inner.trips = scope.trips.max(early);
                self.turn(turns, Some(turn as u64), inputs, &mut inner)?;
            }
        }
        let length = if early == Trips::Exact { Dim::Exact(done) } else { Dim::AtMost(done) };
        if early == Trips::AtMost {
            // The loop may have stopped after any turn.
            for (known, first) in state.iter_mut().zip(entered.first().into_iter().flatten()) {
                *known = known.join(first);
            }
        }
        Ok(state.into_iter().chain(stacked.into_iter().map(|slice| stack(slice, length))).collect())
    }

    fn run_joined(
        &mut self,
        node: &'m NodeProto,
        turns: &Turns<'m>,
        carried: Vec<Known>,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let mut state = carried;
        for attempt in 0..MAX_JOINS {
            let mark = self.mark();
            let mut inner = scope.body(turns.path.clone());
            let outputs = self.turn(turns, None, &state, &mut inner)?;
            self.rollback(mark);
            let (_, next, _) = split(outputs, turns, state.len());
            let joined: Vec<Known> = if attempt + 1 == MAX_JOINS {
                state.iter().map(|_| Known::UNKNOWN).collect()
            } else {
                state.iter().zip(&next).map(|(a, b)| loosen(a.join(b), &a.ty)).collect()
            };
            if joined == state {
                break;
            }
            state = joined;
        }
        let mut inner = scope.body(turns.path.clone());
        match turns.count {
            Some(count) => {
                inner.repeat = scope.repeat.saturating_mul(count);
                inner.trips = scope.trips.max(Trips::AtMost);
            }
            None => {
                inner.trips = Trips::Unknown;
                let message = "how often the body runs depends on data: counted as one turn".to_owned();
                self.warn("trip-count", node, message);
            }
        }
        let outputs = self.turn(turns, None, &state, &mut inner)?;
        let (_, next, scans) = split(outputs, turns, state.len());
        let length = turns.count.map_or(Dim::Unknown, Dim::AtMost);
        Ok(next
            .iter()
            .zip(&state)
            .map(|(a, b)| a.join(b))
            .chain(scans.into_iter().map(|slice| stack(slice, length)))
            .collect())
    }

    /// One turn of a body: its inputs, its nodes; what is known of its outputs.
    fn turn(
        &mut self,
        turns: &Turns<'m>,
        iteration: Option<u64>,
        carried: &[Known],
        inner: &mut Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let scalar = |element, value: Option<Scalar>| Known {
            ty: TensorType::exact(element, &[]).into(),
            elements: value.map(|value| vec![value]),
            constant: false,
        };
        let lead = match turns.lead {
            Lead::Loop => vec![
                scalar(
                    crate::tensor::ElementType::Int64,
                    iteration.and_then(|n| i64::try_from(n).ok()).map(Scalar::Int),
                ),
                scalar(crate::tensor::ElementType::Bool, Some(Scalar::Bool(true))),
            ],
            Lead::Scan => vec![],
        };
        let inputs = lead.into_iter().chain(carried.iter().cloned()).chain(turns.slices.iter().cloned());
        for (info, known) in turns.body.input.iter().zip(inputs) {
            let id = self.add(Value {
                name: &info.name,
                ty: known.ty,
                elements: known.elements,
                source: Source::Input,
                constant: known.constant,
            });
            Self::insert(inner, &info.name, id);
        }
        let outputs = self.walk_graph(turns.body, inner)?;
        Ok(outputs.into_iter().map(|id| self.known(id)).collect())
    }

    fn mark(&self) -> Mark {
        Mark {
            values: self.graph.values.len(),
            nodes: self.graph.nodes.len(),
            choices: self.graph.choices.len(),
            warnings: self.graph.warnings.len(),
        }
    }

    fn rollback(&mut self, mark: Mark) {
        self.graph.values.truncate(mark.values);
        self.graph.nodes.truncate(mark.nodes);
        self.graph.choices.truncate(mark.choices);
        self.graph.warnings.truncate(mark.warnings);
    }
}

/// The graph that an attribute of a node holds.
fn body<'m>(node: &'m NodeProto, name: &str) -> Option<&'m GraphProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
        .and_then(|attribute| attribute.g.as_deref())
}

/// Outputs of a turn: condition (Loop only), carried values, slices of scanned outputs.
fn split(outputs: Vec<Known>, turns: &Turns, carried: usize) -> (Option<Known>, Vec<Known>, Vec<Known>) {
    let mut outputs = outputs.into_iter();
    let condition = if turns.skip == 1 { outputs.next() } else { None };
    let state = outputs.by_ref().take(carried).collect();
    (condition, state, outputs.collect())
}

/// A dimension that a turn changes may change again, beyond the larger of the two: it has no bound.
fn loosen(mut joined: Known, before: &Type) -> Known {
    if let (Type::Tensor(TensorType { shape: Some(shape), .. }), Some(Some(old))) =
        (&mut joined.ty, before.tensor().map(|tensor| tensor.shape.as_ref()))
    {
        for (dim, old) in shape.iter_mut().zip(old) {
            if dim != old {
                *dim = Dim::Unknown;
            }
        }
    }
    joined
}

/// The slices of all turns in one tensor, turns first.
fn stack(slice: Known, length: Dim) -> Known {
    let ty = match slice.ty {
        Type::Tensor(TensorType { element, shape: Some(shape) }) => {
            TensorType::new(element, std::iter::once(length).chain(shape).collect::<Vec<_>>()).into()
        }
        Type::Tensor(tensor) => Type::Tensor(tensor),
        _ => Type::Unknown,
    };
    Known { ty, elements: None, constant: false }
}
