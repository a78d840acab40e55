//! The first model to reach a score against the cheapest that reached it a year or two later: what a technique costs once it
//! has settled.

use super::table::Model;
use crate::predict::Interval;
use crate::stats::quantile;

/// A model that was better than all before it, and what did as well later.
#[derive(Debug, Clone, PartialEq)]
pub struct Consolidated<'m> {
    /// The first of that score.
    pub first: &'m Model,
    /// The model of least FLOPs that did as well within the time; `None` where none came.
    pub later: Option<&'m Model>,
}

impl Consolidated<'_> {
    /// FLOPs of the later one over those of the first.
    #[must_use]
    pub fn flops(&self) -> Option<f64> {
        self.later.map(|later| later.flops / self.first.flops)
    }
}

/// What it comes to within some years.
#[derive(Debug, Clone, PartialEq)]
pub struct Settling<'m> {
    /// Within how many years.
    pub years: f64,
    /// Each first model, by date.
    pub pairs: Vec<Consolidated<'m>>,
    /// Median and p10 to p90 of the FLOPs of the later over those of the first; `None` without a pair.
    pub flops: Option<Interval<f64>>,
    /// The same of joules by the simple formula.
    pub energy: Option<Interval<f64>>,
}

/// Firsts and what did as well within so many years; `energy` is joules of a model.
///
/// A first is a model of a better score than any before it, the best of its date. Scores of development sets are left out.
#[must_use]
pub fn settling<'m>(
    models: &[&'m Model],
    years: f64,
    energy: impl Fn(&Model) -> Option<f64>,
) -> Settling<'m> {
    let mut ordered: Vec<(&Model, f64)> = models
        .iter()
        .filter(|model| !model.score_of_dev)
        .filter_map(|model| Some((*model, model.score?)))
        .collect();
    ordered.sort_by(|(a, x), (b, y)| a.date.years().total_cmp(&b.date.years()).then(y.total_cmp(x)));
    let mut best = f64::NEG_INFINITY;
    let mut pairs = vec![];
    for &(first, score) in &ordered {
        if score <= best {
            continue;
        }
        best = score;
        let from = first.date.years();
        let as_good = ordered.iter().filter(|(model, other)| {
            *other >= score && model.date.years() > from && model.date.years() <= from + years
        });
        let later = as_good.map(|(model, _)| *model).min_by(|a, b| a.flops.total_cmp(&b.flops));
        pairs.push(Consolidated { first, later });
    }
    let flops = middle(&pairs.iter().filter_map(Consolidated::flops).collect::<Vec<_>>());
    let joules = pairs.iter().filter_map(|pair| Some(energy(pair.later?)? / energy(pair.first)?));
    let energy = middle(&joules.collect::<Vec<_>>());
    Settling { years, pairs, flops, energy }
}

fn middle(ratios: &[f64]) -> Option<Interval<f64>> {
    Some(Interval {
        value: quantile(ratios, 0.5)?,
        low: quantile(ratios, 0.1)?,
        high: quantile(ratios, 0.9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trends::testing::model;

    #[test]
    fn the_cheapest_as_good_within_the_time_is_what_settled() {
        let models = [
            model("first", "2018-01", 70.0, 8e9),
            model("weaker", "2018-06", 69.0, 1e9),
            model("as good", "2018-09", 70.5, 4e9),
            model("later", "2019-10", 71.0, 2e9),
            model("too late", "2021-01", 72.0, 1e9),
        ];
        let models: Vec<&Model> = models.iter().collect();
        let named = |years| -> Vec<(&str, Option<&str>)> {
            let found = settling(&models, years, |model| Some(model.flops));
            found
                .pairs
                .iter()
                .map(|pair| (pair.first.name.as_str(), pair.later.map(|m| m.name.as_str())))
                .collect()
        };
        assert_eq!(named(1.0)[0], ("first", Some("as good")));
        assert_eq!(named(2.0)[0], ("first", Some("later")));
        assert_eq!(named(2.0)[3], ("too late", None));
        let found = settling(&models, 2.0, |model| Some(model.flops)).flops.unwrap();
        // first: 2 of 8, as good: 2 of 4, later: 1 of 2; of the last none came.
        assert!((found.value - 0.5).abs() < 1e-12 && (found.low - 0.3).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn nothing_settles_of_nothing() {
        let found = settling(&[], 1.0, |model| Some(model.flops));
        assert_eq!((found.pairs.len(), found.flops, found.energy), (0, None, None));
    }
}
