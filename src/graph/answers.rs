//! What the user says of control flow that the model leaves open: which branch, how many turns.

use std::collections::{BTreeMap, BTreeSet};

use super::{Binding, GraphError, Origin, Request};

/// The user's answers, and what was there to be answered.
#[derive(Debug)]
pub(super) struct Answers {
    trips: Vec<(Option<String>, u64)>,
    branches: Vec<(Option<String>, bool)>,
    /// Names of the nodes that repeat a body, each with the number of turns that was taken from the user.
    loops: BTreeMap<String, Option<u64>>,
    /// Names of the If nodes.
    choices: BTreeSet<String>,
}

impl Answers {
    pub(super) fn new(request: &Request) -> Self {
        Self {
            trips: request.trips.clone(),
            branches: request.branches.clone(),
            loops: BTreeMap::new(),
            choices: BTreeSet::new(),
        }
    }

    /// How often the body of a node runs, if the user says so.
    pub(super) fn trips(&mut self, node: &str) -> Option<u64> {
        if self.trips.is_empty() {
            return None;
        }
        self.loops.entry(node.to_owned()).or_default();
        answer(&self.trips, node)
    }

    /// Says that the user's number of turns was needed.
    pub(super) fn took(&mut self, node: &str, trips: u64) {
        self.loops.insert(node.to_owned(), Some(trips));
    }

    /// Whether the condition of an If holds, if the user says so.
    pub(super) fn branch(&mut self, node: &str) -> Option<bool> {
        if self.branches.is_empty() {
            return None;
        }
        self.choices.insert(node.to_owned());
        answer(&self.branches, node)
    }

    /// The numbers of turns that were taken from the user.
    ///
    /// # Errors
    /// [`GraphError::UnknownName`] for an answer about a node that is not there.
    pub(super) fn finish(&self) -> Result<Vec<Binding>, GraphError> {
        let named = self.trips.iter().filter_map(|(name, _)| name.as_ref());
        if let Some(name) = named.into_iter().find(|name| !self.loops.contains_key(*name)) {
            return Err(unknown("loop", name, self.loops.keys()));
        }
        let named = self.branches.iter().filter_map(|(name, _)| name.as_ref());
        if let Some(name) = named.into_iter().find(|name| !self.choices.contains(*name)) {
            return Err(unknown("choice", name, self.choices.iter()));
        }
        let taken = self.loops.iter().filter_map(|(name, trips)| Some((name, (*trips)?)));
        let binding = |(name, value)| Binding { name: format!("trips({name})"), value, origin: Origin::User };
        Ok(taken.map(binding).collect())
    }
}

/// The answer for a node of that name, or else for all; the last of several.
fn answer<T: Copy>(answers: &[(Option<String>, T)], node: &str) -> Option<T> {
    let of = |wanted: Option<&str>| answers.iter().rev().find(|(name, _)| name.as_deref() == wanted);
    of(Some(node)).or_else(|| of(None)).map(|(_, answer)| *answer)
}

fn unknown<'n>(kind: &'static str, name: &str, known: impl Iterator<Item = &'n String>) -> GraphError {
    let mut known: Vec<String> = known.cloned().collect();
    if known.is_empty() {
        known.push("none".to_owned());
    }
    GraphError::UnknownName { kind, name: name.to_owned(), known }
}
