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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{Annotations, Estimate, Facts, Percentiles, Problem, SCHEMA};

    fn scored(path: &str, graph: &str, params: u64, energy: Option<f64>, accuracy: Option<f64>) -> Score {
        let facts = Facts { graph_hash: graph.to_owned(), params, ..Facts::default() };
        let percentiles = |value| Percentiles { value, low: value, high: value };
        let estimate = Estimate { energy_j: energy.map(percentiles), ..Estimate::default() };
        Score {
            schema: SCHEMA.into(),
            path: path.to_owned(),
            annotations: Annotations { accuracy, ..Annotations::default() },
            outcome: Outcome::Counts(Box::new(facts)),
            estimates: vec![estimate],
            standing: None,
        }
    }

    fn failed(path: &str) -> Score {
        let problem = Problem { code: "empty".to_owned(), message: String::new(), hint: None };
        Score { outcome: Outcome::Error(problem), estimates: vec![], ..scored(path, "", 0, None, None) }
    }

    fn standings(mut scores: Vec<Score>) -> Vec<Option<Standing>> {
        let mut ranking = Ranking::default();
        scores.iter().for_each(|score| ranking.add(score));
        let mut standings = ranking.standings();
        scores.iter_mut().for_each(|score| standings.give(score));
        scores.into_iter().map(|score| score.standing).collect()
    }

    #[test]
    fn places_and_fronts_are_those_worked_out_by_hand() {
        let found = standings(vec![
            // 70 % a joule: the best; no other is as good for as little.
            scored("a", "1", 10, Some(1.0), Some(70.0)),
            // 40 % a joule; the most accurate for at most 2 J.
            scored("b", "2", 30, Some(2.0), Some(80.0)),
            // As much energy as b, less accurate, fewer parameters: beaten by b in both.
            scored("c", "3", 20, Some(2.0), Some(60.0)),
            // More energy and no more accurate than b, and the largest.
            scored("d", "4", 99, Some(5.0), Some(80.0)),
            scored("e", "5", 50, None, Some(99.0)),
            scored("f", "6", 99, Some(6.0), None),
            failed("g"),
        ]);
        let of = |energy_rank, efficiency_rank, pareto_accuracy, pareto_params| {
            Some(Standing {
                same_graph_as: None,
                energy_rank,
                efficiency_rank,
                pareto_accuracy,
                pareto_params,
            })
        };
        assert_eq!(found[0], of(Some(1), Some(1), Some(true), Some(true)));
        assert_eq!(found[1], of(Some(2), Some(2), Some(true), Some(true)));
        assert_eq!(found[2], of(Some(2), Some(3), Some(false), Some(false)));
        assert_eq!(found[3], of(Some(4), Some(4), Some(false), Some(true)));
        assert_eq!(found[4], of(None, None, None, None));
        // As many parameters as d, for more energy.
        assert_eq!(found[5], of(Some(5), None, None, Some(false)));
        assert_eq!(found[6], None);
    }

    #[test]
    fn equal_models_stand_on_the_front_together() {
        let found = standings(vec![
            scored("a", "1", 10, Some(1.0), Some(70.0)),
            scored("b", "2", 10, Some(1.0), Some(70.0)),
        ]);
        assert!(
            found.iter().flatten().all(|of| of.pareto_accuracy == Some(true) && of.energy_rank == Some(1))
        );
    }

    #[test]
    fn copies_name_the_first_of_them() {
        let of = |path, graph| scored(path, graph, 1, Some(1.0), None);
        let found = standings(vec![of("a", "x"), of("b", "y"), of("c", "x"), failed("d"), of("e", "x")]);
        let same: Vec<_> =
            found.iter().map(|of| of.as_ref().and_then(|of| of.same_graph_as.as_deref())).collect();
        assert_eq!(same, [None, None, Some("a"), None, Some("a")]);
    }

    #[test]
    fn energies_of_nothing_and_nonsense_give_no_efficiency() {
        let found = standings(vec![
            scored("a", "1", 1, Some(0.0), Some(70.0)),
            scored("b", "2", 1, Some(f64::NAN), Some(70.0)),
        ]);
        assert_eq!(found[0].as_ref().unwrap().efficiency_rank, None);
        assert_eq!(found[1].as_ref().unwrap().energy_rank, None);
    }
}
