//! The first model to reach a score against the cheapest that reached it a year or two later: what a technique costs once it
//! has settled.

use super::select::Score;
use super::table::Model;
use crate::predict::Interval;

/// The first models of a score, and what did as well later.
#[derive(Debug, Clone, PartialEq)]
pub struct Consolidated<'m> {
    /// Lowest and highest whole score that both are of.
    pub scores: [i32; 2],
    /// The first model that reached it; of one date the one of least FLOPs.
    pub first: &'m Model,
    /// The model of least FLOPs that reached it within the time, the first among them: itself where none did with less.
    pub later: &'m Model,
}

impl Consolidated<'_> {
    /// FLOPs of the later one over those of the first.
    #[must_use]
    pub fn flops(&self) -> f64 {
        self.later.flops / self.first.flops
    }
}

/// What it comes to within some years.
#[derive(Debug, Clone, PartialEq)]
pub struct Settling<'m> {
    /// Within how many years.
    pub years: f64,
    /// First and later models, from the lowest score on; neighbouring scores of the same two are one.
    pub pairs: Vec<Consolidated<'m>>,
    /// How many whole scores were reached for the first time, and had the time to settle.
    pub scores: usize,
    /// At how many of them a later model took less.
    pub cheaper: usize,
    /// Median and p10 to p90, over the scores, of the FLOPs of the later over those of the first; `None` without a score.
    pub flops: Option<Interval<f64>>,
    /// The same of joules by the simple formula.
    pub energy: Option<Interval<f64>>,
}

/// Firsts and what did as well within so many years, at each whole score; `energy` is joules of a model.
///
/// Scores of development sets are left out, and firsts that are younger than `years` before the last model.
#[must_use]
pub fn settling<'m>(
    models: &[&'m Model],
    years: f64,
    score: Score,
    energy: impl Fn(&Model) -> Option<f64>,
) -> Settling<'m> {
    let scored: Vec<(&Model, f64)> = models
        .iter()
        .filter(|model| !model.score_of_dev)
        .filter_map(|model| Some((*model, score(model)?)))
        .collect();
    let last = scored.iter().map(|(model, _)| model.date.years()).fold(f64::NEG_INFINITY, f64::max);
    let (mut pairs, mut flops, mut joules): (Vec<Consolidated>, _, _) = (vec![], vec![], vec![]);
    for whole in wholes(&scored) {
        let reached: Vec<&Model> =
            scored.iter().filter(|(_, score)| *score >= f64::from(whole)).map(|(model, _)| *model).collect();
        let earlier = |a: &&&Model, b: &&&Model| {
            a.date.years().total_cmp(&b.date.years()).then(a.flops.total_cmp(&b.flops))
        };
        let Some(&first) = reached.iter().min_by(earlier) else { continue };
        let until = first.date.years() + years;
        if until > last {
            continue;
        }
        let within = reached.iter().filter(|model| model.date.years() <= until);
        let Some(&later) = within.min_by(|a, b| a.flops.total_cmp(&b.flops)) else { continue };
        flops.push(later.flops / first.flops);
        joules.extend(energy(later).zip(energy(first)).map(|(later, first)| later / first));
        match pairs.last_mut() {
            Some(pair) if std::ptr::eq(pair.first, first) && std::ptr::eq(pair.later, later) => {
                pair.scores[1] = whole;
            }
            _ => pairs.push(Consolidated { scores: [whole, whole], first, later }),
        }
    }
    Settling {
        years,
        pairs,
        scores: flops.len(),
        cheaper: flops.iter().filter(|ratio| **ratio < 1.0).count(),
        flops: Interval::of(&flops),
        energy: Interval::of(&joules),
    }
}

/// The whole scores that there are models around: from the lowest that the first of all reached to the highest of all. A
/// zoo whose scores are shares of 1 has none.
fn wholes(scored: &[(&Model, f64)]) -> std::ops::RangeInclusive<i32> {
    let earlier = |a: &&(&Model, f64), b: &&(&Model, f64)| {
        a.0.date.years().total_cmp(&b.0.date.years()).then(a.1.total_cmp(&b.1))
    };
    let low = scored.iter().min_by(earlier).map_or(0.0, |(_, score)| *score);
    let high = scored.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    // Scores are of a hundred: what is beyond is no percentage, and no list of it ends.
    let whole = |score: f64| score.clamp(0.0, 1000.0).floor();
    #[allow(clippy::cast_possible_truncation, reason = "within a thousand")]
    let ends = (whole(low) as i32, whole(high) as i32);
    ends.0.max(1)..=ends.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trends::testing::model;

    #[test]
    fn the_cheapest_as_good_within_the_time_is_what_settled() {
        let models = [
            model("first", "2018-01", 71.5, 8e9),
            model("weaker", "2018-06", 69.0, 1e9),
            model("as good", "2018-09", 71.6, 4e9),
            model("better", "2019-10", 72.5, 2e9),
            model("young", "2021-06", 73.0, 1e9),
        ];
        let models: Vec<&Model> = models.iter().collect();
        let found = |years| settling(&models, years, |model| model.score, |model| Some(model.flops / 2.0));
        let named = |settling: &Settling| -> Vec<([i32; 2], String, String)> {
            let name = |model: &Model| model.name.clone();
            settling.pairs.iter().map(|pair| (pair.scores, name(pair.first), name(pair.later))).collect()
        };
        // 71 by the first of all, 72 by the better one; 73 has had no time.
        let one = found(1.0);
        assert_eq!(
            named(&one),
            [
                ([71, 71], "first".to_owned(), "as good".to_owned()),
                ([72, 72], "better".to_owned(), "better".to_owned()),
            ]
        );
        assert_eq!((one.scores, one.cheaper), (2, 1));
        // 4 of 8, and 2 of 2.
        assert!((one.flops.unwrap().value - 0.75).abs() < 1e-12);
        assert_eq!(one.energy, one.flops);
        assert_eq!(named(&found(2.0))[0].2, "better");
    }

    #[test]
    fn nothing_settles_of_nothing() {
        let found = settling(&[], 1.0, |model| model.score, |model| Some(model.flops));
        assert_eq!((found.pairs.len(), found.flops, found.energy), (0, None, None));
        let wild = [model("a", "2018", f64::MAX, 1e9), model("b", "2020", 1e-300, 1e9)];
        let found = settling(&wild.iter().collect::<Vec<_>>(), 1.0, |model| model.score, |_| None);
        assert!(found.pairs.len() < 2);
    }
}
