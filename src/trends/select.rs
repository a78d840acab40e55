//! Which models a line goes through, and what of them.

use std::collections::{BTreeMap, HashSet};

use super::growth::{Dated, Growth, GrowthError};
use super::table::Model;

/// The score that models are selected by.
pub type Score = fn(&Model) -> Option<f64>;

/// Some models of many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Selection {
    /// Every model.
    All,
    /// The model of the best score of each calendar year.
    BestOfYear,
    /// The mean over the models of each calendar year, at their mean date.
    YearlyMeans,
    /// Models of more FLOPs than any before them; of one date the one of most.
    Largest,
    /// The others: models of no more FLOPs than some model before them.
    Ordinary,
    /// Models of an input of so many tokens.
    Length(u32),
    /// Models of a score from here to below there.
    Band(f64, f64),
}

impl Selection {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::BestOfYear => "best of each year".to_owned(),
            Self::YearlyMeans => "yearly means".to_owned(),
            Self::Largest => "largest yet".to_owned(),
            Self::Ordinary => "the rest".to_owned(),
            Self::Length(tokens) => format!("{tokens} tokens"),
            Self::Band(from, to) => format!("score {from} to {to}"),
        }
    }

    /// Values of the models that have one, selected by this score.
    #[must_use]
    pub fn of(self, models: &[&Model], score: Score, value: impl Fn(&Model) -> Option<f64>) -> Vec<Dated> {
        let dated = |model: &Model| {
            Some(Dated { years: model.date.years(), value: value(model)?, paper: model.paper() })
        };
        match self {
            Self::All => models.iter().filter_map(|model| dated(model)).collect(),
            Self::Length(tokens) => models
                .iter()
                .filter(|model| model.size == Some(tokens))
                .filter_map(|model| dated(model))
                .collect(),
            Self::Band(from, to) => models
                .iter()
                .filter(|model| score(model).is_some_and(|score| from <= score && score < to))
                .filter_map(|model| dated(model))
                .collect(),
            Self::BestOfYear => best_of_year(models, score).into_iter().filter_map(dated).collect(),
            Self::Largest => largest(models).into_iter().filter_map(dated).collect(),
            Self::Ordinary => {
                let largest: HashSet<*const Model> =
                    largest(models).into_iter().map(std::ptr::from_ref).collect();
                let ordinary = models.iter().filter(|model| !largest.contains(&std::ptr::from_ref(**model)));
                ordinary.filter_map(|model| dated(model)).collect()
            }
            Self::YearlyMeans => {
                let mut years: BTreeMap<i16, Vec<Dated>> = BTreeMap::new();
                for model in models {
                    if let Some(dated) = dated(model) {
                        years.entry(model.date.year()).or_default().push(dated);
                    }
                }
                let mean = |of: &[Dated], field: fn(&Dated) -> f64| {
                    of.iter().map(field).sum::<f64>() / of.len() as f64
                };
                let point = |of: &Vec<Dated>| {
                    Dated::new(mean(of, |dated| dated.years), mean(of, |dated| dated.value))
                };
                years.values().map(point).collect()
            }
        }
    }

    /// Growth of what is selected.
    ///
    /// # Errors
    /// [`GrowthError`].
    pub fn growth(
        self,
        models: &[&Model],
        score: Score,
        confidence: f64,
        value: impl Fn(&Model) -> Option<f64>,
    ) -> Result<Growth, GrowthError> {
        Growth::of(&self.of(models, score, value), confidence)
    }
}

/// The model of the best score of each calendar year; of equal ones that of least FLOPs.
#[must_use]
pub fn best_of_year<'m>(models: &[&'m Model], score: Score) -> Vec<&'m Model> {
    let mut years: BTreeMap<i16, (&Model, f64)> = BTreeMap::new();
    for model in models {
        let Some(own) = score(model) else { continue };
        let better = |(best, other): &(&Model, f64)| (own, -model.flops) > (*other, -best.flops);
        if years.get(&model.date.year()).is_none_or(better) {
            years.insert(model.date.year(), (model, own));
        }
    }
    years.into_values().map(|(model, _)| model).collect()
}

/// Models of more FLOPs than any before them, by date.
#[must_use]
pub fn largest<'m>(models: &[&'m Model]) -> Vec<&'m Model> {
    let mut ordered: Vec<&Model> = models.to_vec();
    ordered.sort_by(|a, b| a.date.years().total_cmp(&b.date.years()).then(b.flops.total_cmp(&a.flops)));
    let mut most = 0.0;
    ordered.retain(|model| {
        let more = model.flops > most;
        most = model.flops.max(most);
        more
    });
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::paper::Domain;
    use crate::trends::testing::model;

    #[test]
    fn each_selection_takes_its_models() {
        let models = [
            model("a", "2018-03", 70.0, 1e9),
            model("b", "2018-09", 75.0, 3e9),
            model("c", "2019-02", 75.0, 2e9),
            model("d", "2019-08", 75.0, 1e9),
            model("e", "2020-01", 80.0, 9e9),
        ];
        let models: Vec<&Model> = models.iter().collect();
        let values = |selection: Selection| -> Vec<f64> {
            selection
                .of(&models, |model| model.score, |model| Some(model.flops / 1e9))
                .iter()
                .map(|dated| dated.value)
                .collect()
        };
        assert_eq!(values(Selection::All), [1.0, 3.0, 2.0, 1.0, 9.0]);
        // Of the two of 2019, as good as each other, the one of fewer FLOPs.
        assert_eq!(values(Selection::BestOfYear), [3.0, 1.0, 9.0]);
        assert_eq!(values(Selection::YearlyMeans), [2.0, 1.5, 9.0]);
        assert_eq!(values(Selection::Largest), [1.0, 3.0, 9.0]);
        assert_eq!(values(Selection::Ordinary), [2.0, 1.0]);
        assert_eq!(values(Selection::Length(224)).len(), 5);
        assert!(values(Selection::Length(128)).is_empty());
        assert_eq!(values(Selection::Band(75.0, 80.0)), [3.0, 2.0, 1.0]);
        assert_eq!(models[0].domain, Domain::Cv);
    }
}
