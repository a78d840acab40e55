//! How models stand among each other: places, equal graphs, and which none other beats.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::{Outcome, Score, Standing};

/// The numbers of one model that its standing depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    /// Its place among the rows.
    row: usize,
    energy: f64,
    accuracy: Option<f64>,
    params: u64,
}

/// Collects what standings depend on, row by row, in the order in which they are asked for.
#[derive(Debug, Default)]
pub struct Ranking {
    hasher: RandomState,
    /// The first row of each graph.
    graphs: HashMap<u64, usize>,
    /// Of each row, the first row of the same graph, if that is another.
    same: HashMap<usize, usize>,
    candidates: Vec<Candidate>,
    rows: usize,
}

impl Ranking {
    /// Takes in the next row. The energy is that of the first device.
    pub fn add(&mut self, score: &Score) {
        let row = self.rows;
        self.rows += 1;
        let Outcome::Counts(facts) = &score.outcome else { return };
        let first = *self.graphs.entry(self.hasher.hash_one(&facts.graph_hash)).or_insert(row);
        if first != row {
            self.same.insert(row, first);
        }
        let energy = score.estimates.first().and_then(|estimate| estimate.energy_j);
        let Some(energy) = energy.map(|energy| energy.value).filter(|energy| energy.is_finite()) else {
            return;
        };
        let accuracy = score.annotations.accuracy;
        self.candidates.push(Candidate { row, energy, accuracy, params: facts.params });
    }

    /// The standings of all rows that were taken in.
    #[must_use]
    pub fn standings(mut self) -> Standings {
        let named: HashSet<usize> = self.same.values().copied().collect();
        self.candidates.sort_by(|a, b| a.energy.total_cmp(&b.energy));
        let mut of: HashMap<usize, Standing> = HashMap::with_capacity(self.candidates.len());
        for (row, place) in places(&self.candidates, |candidate| Some(-candidate.energy)) {
            of.entry(row).or_default().energy_rank = Some(place);
        }
        let efficiency = |candidate: &Candidate| {
            let ratio = candidate.accuracy? / candidate.energy;
            (candidate.energy > 0.0 && ratio.is_finite()).then_some(ratio)
        };
        for (row, place) in places(&self.candidates, efficiency) {
            of.entry(row).or_default().efficiency_rank = Some(place);
        }
        for (row, is_front) in front(&self.candidates, |candidate| candidate.accuracy) {
            of.entry(row).or_default().pareto_accuracy = Some(is_front);
        }
        for (row, is_front) in front(&self.candidates, |candidate| Some(candidate.params as f64)) {
            of.entry(row).or_default().pareto_params = Some(is_front);
        }
        Standings { of, same: self.same, named, paths: HashMap::new(), next: 0 }
    }
}

/// The place of each candidate that has a value, the largest first; equal ones share a place.
fn places(candidates: &[Candidate], value: impl Fn(&Candidate) -> Option<f64>) -> Vec<(usize, u64)> {
    let mut valued: Vec<(usize, f64)> =
        candidates.iter().filter_map(|candidate| Some((candidate.row, value(candidate)?))).collect();
    valued.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut place = 0;
    let mut last = None;
    let ranked = valued.iter().enumerate().map(|(at, (row, value))| {
        if last != Some(*value) {
            place = at as u64 + 1;
            last = Some(*value);
        }
        (*row, place)
    });
    ranked.collect()
}

/// Whether no other candidate has at most the energy and at least the worth of one, and is better in one of the two.
/// The candidates are sorted by energy.
fn front(candidates: &[Candidate], worth: impl Fn(&Candidate) -> Option<f64>) -> Vec<(usize, bool)> {
    let valued: Vec<(&Candidate, f64)> =
        candidates.iter().filter_map(|candidate| Some((candidate, worth(candidate)?))).collect();
    let mut found = Vec::with_capacity(valued.len());
    let mut best_before = f64::NEG_INFINITY;
    for equal in valued.chunk_by(|a, b| a.0.energy == b.0.energy) {
        let best = equal.iter().map(|(_, worth)| *worth).fold(f64::NEG_INFINITY, f64::max);
        for (candidate, worth) in equal {
            found.push((candidate.row, *worth == best && best > best_before));
        }
        best_before = best_before.max(best);
    }
    found
}

/// Standings, row by row.
#[derive(Debug)]
pub struct Standings {
    of: HashMap<usize, Standing>,
    same: HashMap<usize, usize>,
    /// Rows whose paths others need.
    named: HashSet<usize>,
    paths: HashMap<usize, String>,
    next: usize,
}

impl Standings {
    /// Gives the next row its standing; rows come in the order in which they were taken in.
    pub fn give(&mut self, score: &mut Score) {
        let row = self.next;
        self.next += 1;
        if self.named.contains(&row) {
            self.paths.insert(row, score.path.clone());
        }
        if matches!(score.outcome, Outcome::Error(_)) {
            return;
        }
        let mut standing = self.of.remove(&row).unwrap_or_default();
        standing.same_graph_as = self.same.get(&row).and_then(|first| self.paths.get(first)).cloned();
        score.standing = Some(standing);
    }
}
