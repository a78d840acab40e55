//! Loop, Scan and SequenceMap: bodies that run turn after turn.
//!
//! A loop whose trip count is known is run turn by turn on types and small values; if every turn has the same
//! types its body is listed once, else once a turn.

use super::{Call, body, join, size};
use crate::graph::infer::{Walker, name_of};
use crate::graph::names::{Known, Scope};
use crate::graph::{Body, GraphError, Trips};
use crate::onnx::schema::{GraphProto, NodeProto};
use crate::ops::{Attribute, resolve_axis};
use crate::tensor::{Dim, ElementType, Scalar, TensorType, Type};

/// The most that the turns of one loop may take together (nodes and values of the body, a turn) before it is
/// treated by what its turns have in common rather than turn by turn.
const MAX_VISITS: u64 = 200_000;

/// The most nodes that the turns of one loop may add to the list when each turn stands on its own.
const MAX_UNROLLED: usize = 20_000;

/// Turns after which the joined types of a loop must have settled: each join can only lose knowledge,
/// and a dimension has two states to lose.
const MAX_JOINS: usize = 8;

/// A trip count of this or more is how exporters say "no limit".
const NO_LIMIT: i64 = i32::MAX as i64;

/// How a body is run.
struct Turns<'m> {
    /// The node that runs it.
    call: usize,
    body: &'m GraphProto,
    path: String,
    /// How many turns.
    count: Dim,
    /// Inputs of the body before the carried values: iteration number and condition for Loop.
    lead: Lead,
    /// Types of the slices of scanned inputs, which follow the carried values.
    slices: Vec<Known>,
    /// How many turns the user says there are, where the model does not.
    said: Option<u64>,
}

impl Turns<'_> {
    /// How many turns there are: what the user says, where it is not known.
    fn settled(&self, count: Dim) -> Dim {
        match (count, self.said) {
            (Dim::AtMost(most), Some(said)) => Dim::Exact(said.min(most)),
            (Dim::Unknown, Some(said)) => Dim::Exact(said),
            _ => count,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Loop,
    Scan,
}

impl Lead {
    /// Outputs of the body before the carried values: the condition for Loop.
    fn outputs(self) -> usize {
        match self {
            Self::Loop => 1,
            Self::Scan => 0,
        }
    }
}

impl<'m> Walker<'m> {
    pub(super) fn walk_loop(&mut self, call: Call<'_, 'm>) -> Result<Vec<Known>, GraphError> {
        let Call { index, node, operands, scope } = call;
        let Some(body) = body(node, "body") else { return Ok(self.not_entered(index)) };
        let limit = match operands.first().copied().flatten() {
            None => Dim::Unknown,
            id => match self.known(id).elements.as_deref() {
                Some([Scalar::Int(n)]) if *n < NO_LIMIT => Dim::Exact(u64::try_from(*n).unwrap_or(0)),
                Some([Scalar::AtMost(n)]) => Dim::AtMost(*n),
                _ => Dim::Unknown,
            },
        };
        let count = match operands.get(1).copied().flatten() {
            None => limit,
            id => match self.known(id).elements.as_deref() {
                Some([Scalar::Bool(true)]) => limit,
                Some([Scalar::Bool(false)]) => Dim::Exact(0),
                // It may not even begin.
                _ => limit.bound().map_or(Dim::Unknown, Dim::AtMost),
            },
        };
        let carried: Vec<Known> = operands.iter().skip(2).map(|id| self.known(*id)).collect();
        let turns = self.turns(call, body, count, Lead::Loop, vec![]);
        self.run(node, turns, carried, scope)
    }

    pub(super) fn walk_scan(&mut self, call: Call<'_, 'm>) -> Result<Vec<Known>, GraphError> {
        let Call { index, node, operands, scope } = call;
        let Some(body) = body(node, "body") else { return Ok(self.not_entered(index)) };
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
        // Scan-8 has a leading input for sequence lengths, and a batch dimension before all others: its body
        // sees one sample at a time.
        let batched = version < 9;
        let (lead, default_axis) = if batched { (1, 1) } else { (0, 0) };
        let operands = operands.get(lead..).unwrap_or_default();
        let (states, scans) = operands.split_at(operands.len().saturating_sub(scanned));
        let mut count: Option<Dim> = None;
        let mut batch = Dim::Exact(1);
        let mut slices = vec![];
        for (position, id) in scans.iter().enumerate() {
            let known = self.known(*id);
            let axis = axes.get(position).copied().unwrap_or(default_axis);
            let mut ty = Type::Unknown;
            if let Type::Tensor(TensorType { element, shape: Some(mut shape) }) = known.ty
                && let Ok(place) = resolve_axis(axis, shape.len())
            {
                count = Some(shape.remove(place));
                if batched && !shape.is_empty() {
                    batch = shape.remove(0);
                }
                ty = TensorType::new(element, shape).into();
            }
            slices.push(Known { ty, elements: None, constant: false });
        }
        let mut carried: Vec<Known> = states.iter().map(|id| self.known(*id)).collect();
        for state in carried.iter_mut().filter(|_| batched) {
            state.elements = None;
            if let Type::Tensor(TensorType { shape: Some(shape), .. }) = &mut state.ty
                && !shape.is_empty()
            {
                shape.remove(0);
            }
        }
        let turns = self.turns(call, body, count.unwrap_or(Dim::Unknown), Lead::Scan, slices);
        let mut samples = scope.body(scope.path.clone());
        samples.repeat = scope.repeat.saturating_mul(batch.bound().unwrap_or(1));
        let mut outputs = self.run(node, turns, carried, &samples)?;
        if batched {
            for output in &mut outputs {
                if let Type::Tensor(TensorType { shape: Some(shape), .. }) = &mut output.ty {
                    shape.insert(0, batch);
                }
                output.elements = None;
            }
            return Ok(outputs);
        }
        for (position, output) in outputs.iter_mut().skip(states.len()).enumerate() {
            let axis = output_axes.get(position).copied().unwrap_or(0);
            if let Type::Tensor(TensorType { shape: Some(shape), .. }) = &mut output.ty
                && axis != 0
                && !shape.is_empty()
            {
                let place = resolve_axis(axis, shape.len()).unwrap_or(0);
                let length = shape.remove(0);
                shape.insert(place, length);
            }
        }
        Ok(outputs)
    }

    /// The body of a SequenceMap sees one element of each sequence; other inputs it sees whole.
    pub(super) fn walk_sequence(&mut self, call: Call<'_, 'm>) -> Result<Vec<Known>, GraphError> {
        let Call { index, node, operands, scope } = call;
        let Some(body) = body(node, "body") else { return Ok(self.not_entered(index)) };
        let mut count = None;
        let mut slices = vec![];
        for id in operands {
            let known = self.known(*id);
            slices.push(match known.ty {
                Type::Sequence(element, length) => {
                    let length = length.map_or(Dim::Unknown, Dim::Exact);
                    count.get_or_insert(length);
                    Known { ty: *element, elements: None, constant: false }
                }
                _ => known,
            });
        }
        let count = count.unwrap_or(Dim::Unknown);
        let turns = self.turns(call, body, count, Lead::Scan, slices);
        let length = turns.settled(count).exact();
        let outputs = self.run(node, turns, vec![], scope)?;
        let unstacked = outputs.into_iter().map(|output| {
            let element = match output.ty {
                Type::Tensor(TensorType { element, shape: Some(shape) }) => {
                    let shape = shape.get(1..).unwrap_or_default();
                    TensorType::new(element, shape).into()
                }
                ty => ty,
            };
            let ty = Type::Sequence(Box::new(element), length);
            Known { ty, elements: None, constant: false }
        });
        Ok(unstacked.collect())
    }

    /// How a call runs its body.
    fn turns(
        &mut self,
        call: Call<'_, 'm>,
        body: &'m GraphProto,
        count: Dim,
        lead: Lead,
        slices: Vec<Known>,
    ) -> Turns<'m> {
        let said = self.answers.trips(name_of(call.node));
        Turns { call: call.index, body, path: call.path("body"), count, lead, slices, said }
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
        let visits = turns.settled(turns.count).bound().and_then(|count| count.checked_mul(size(turns.body)));
        if visits.is_some_and(|visits| visits <= MAX_VISITS) {
            self.run_each(node, &turns, carried, scope)
        } else {
            self.run_joined(node, &turns, carried, scope)
        }
    }

    fn run_each(
        &mut self,
        node: &'m NodeProto,
        turns: &Turns<'m>,
        carried: Vec<Known>,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let settled = turns.settled(turns.count);
        let mut count = settled.bound().unwrap_or(0);
        let mut early = if settled.exact().is_some() { Trips::Exact } else { Trips::AtMost };
        let mut said = turns.said.filter(|_| settled != turns.count);
        let mut entered: Vec<Vec<Known>> = vec![];
        let mut state = carried;
        let mut stacked: Option<Vec<Known>> = None;
        let mut done = 0;
        while done < count {
            if !self.may_try() {
                let start = entered.into_iter().next().unwrap_or(state);
                return self.run_joined(node, turns, start, scope);
            }
            let outputs = self.trial(|walker| {
                walker.turn(turns, Some(done), &state, &mut scope.body(turns.path.clone()))
            })?;
            done += 1;
            let (condition, next, slices) = split(outputs, turns, state.len());
            entered.push(std::mem::replace(&mut state, next));
            stacked = Some(stacked.map_or_else(|| slices.clone(), |all| join(&all, &slices)));
            match condition {
                Some(Scalar::Bool(true)) => {}
                Some(Scalar::Bool(false)) => break,
                _ if turns.lead == Lead::Scan => {}
                // It may stop here: the user says when it does.
                _ => match turns.said {
                    Some(n) => {
                        count = count.min(n.max(done));
                        said = turns.said;
                    }
                    None => early = Trips::AtMost,
                },
            }
        }
        if let Some(said) = said {
            self.answers.took(name_of(node), said);
        }
        let same_types = |a: &[Known], b: &[Known]| a.iter().zip(b).all(|(a, b)| a.ty == b.ty);
        let settled = entered.windows(2).all(|pair| match pair {
            [a, b] => same_types(a, b),
            _ => true,
        });
        let joined = entered
            .iter()
            .skip(1)
            .fold(entered.first().cloned(), |all, turn| all.map(|all| join(&all, turn)));
        let outcome = match &joined {
            // The loop may have stopped before any turn.
            Some(joined) if early == Trips::AtMost => join(&state, joined),
            _ => state.clone(),
        };
        if settled {
            let mut inner = scope.body(turns.path.clone());
            inner.repeat = scope.repeat.saturating_mul(done);
            inner.trips = scope.trips.max(early);
            let only = if done == 1 { Some(0) } else { None };
            self.turn(turns, only, joined.as_ref().unwrap_or(&state), &mut inner)?;
        } else if entered.len().saturating_mul(turns.body.node.len()) > MAX_UNROLLED {
            let start = entered.into_iter().next().unwrap_or_default();
            return self.run_joined(node, turns, start, scope);
        } else {
            for (turn, inputs) in entered.iter().enumerate() {
                let mut inner = scope.body(format!("{}[{turn}]", turns.path));
                inner.trips = scope.trips.max(early);
                self.turn(turns, Some(turn as u64), inputs, &mut inner)?;
            }
        }
        let length = if early == Trips::Exact { Dim::Exact(done) } else { Dim::AtMost(done) };
        let slices = stacked.unwrap_or_default().into_iter().map(|slice| stack(slice, length));
        Ok(outcome.into_iter().chain(slices).collect())
    }

    fn run_joined(
        &mut self,
        node: &'m NodeProto,
        turns: &Turns<'m>,
        carried: Vec<Known>,
        scope: &Scope<'_, 'm>,
    ) -> Result<Vec<Known>, GraphError> {
        let mut state = carried;
        // Whether every turn is known to lead to the next.
        let mut goes_on = turns.lead == Lead::Scan;
        for attempt in 1..=MAX_JOINS {
            if attempt == MAX_JOINS || !self.may_try() {
                state.fill(Known::UNKNOWN);
                break;
            }
            let outputs =
                self.trial(|walker| walker.turn(turns, None, &state, &mut scope.body(turns.path.clone())))?;
            let (condition, next, _) = split(outputs, turns, state.len());
            let joined: Vec<Known> = state.iter().zip(&next).map(|(a, b)| loosen(a.join(b), &a.ty)).collect();
            if joined == state {
                goes_on |= condition == Some(Scalar::Bool(true));
                break;
            }
            state = joined;
        }
        let open = match turns.count {
            Dim::Exact(count) if !goes_on => Dim::AtMost(count),
            count => count,
        };
        let length = turns.settled(open);
        if let Some(said) = turns.said.filter(|_| length != open) {
            self.answers.took(name_of(node), said);
        }
        let mut inner = scope.body(turns.path.clone());
        match length {
            Dim::Exact(count) | Dim::AtMost(count) => {
                let early = if length.exact().is_some() { Trips::Exact } else { Trips::AtMost };
                inner.repeat = scope.repeat.saturating_mul(count);
                inner.trips = scope.trips.max(early);
            }
            Dim::Unknown => {
                inner.trips = Trips::Unknown;
                let message =
                    "how often the body runs is not known: counted as one turn (--trips says how many)"
                        .to_owned();
                self.warn("trip-count", node, message);
            }
        }
        let outputs = self.turn(turns, None, &state, &mut inner)?;
        let (_, next, slices) = split(outputs, turns, state.len());
        let slices = slices.into_iter().map(|slice| stack(slice, length));
        Ok(join(&next, &state).into_iter().chain(slices).collect())
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
                scalar(ElementType::Int64, iteration.and_then(|n| i64::try_from(n).ok()).map(Scalar::Int)),
                scalar(ElementType::Bool, Some(Scalar::Bool(true))),
            ],
            Lead::Scan => vec![],
        };
        let first = self.graph.values.len();
        let inputs = lead.into_iter().chain(carried.iter().cloned()).chain(turns.slices.iter().cloned());
        self.enter(turns.body, inputs, inner);
        let inputs = first..self.graph.values.len();
        let start = self.graph.nodes.len();
        let results = self.walk_graph(turns.body, inner)?;
        let known = results.iter().map(|id| self.known(*id)).collect();
        self.graph.bodies.push(Body {
            call: turns.call,
            nodes: start..self.graph.nodes.len(),
            inputs,
            results: results.into_iter().skip(turns.lead.outputs()).take(carried.len()).collect(),
            again: iteration.is_none(),
        });
        Ok(known)
    }
}

/// Outputs of a turn: the condition (Loop only) if it is known, carried values, slices of scanned outputs.
fn split(outputs: Vec<Known>, turns: &Turns, carried: usize) -> (Option<Scalar>, Vec<Known>, Vec<Known>) {
    let mut outputs = outputs.into_iter();
    let condition = match turns.lead {
        Lead::Loop => outputs.next(),
        Lead::Scan => None,
    };
    let condition = condition.and_then(|known| known.elements).and_then(|value| value.first().copied());
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
