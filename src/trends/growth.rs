//! Growth: a straight line through logarithms against dates.

use std::collections::BTreeMap;

use crate::predict::Interval;
use crate::stats::{Regression, RegressionError, quantile, resampled};

/// The most and the fewest draws of a bootstrap, and points that all draws together have at most: of very many points a few
/// draws say enough.
const DRAWS: (usize, usize) = (1000, 100);
const DRAWN: usize = 20_000_000;
/// Where the draws begin: equal data give equal intervals.
const SEED: u64 = 2109_05472;

/// A value at a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dated {
    /// In years.
    pub years: f64,
    /// Above 0.
    pub value: f64,
    /// What it came with, as a number: models of one paper are not independent of each other.
    pub paper: Option<u64>,
}

impl Dated {
    /// A value that came alone.
    #[must_use]
    pub fn new(years: f64, value: f64) -> Self {
        Self { years, value, paper: None }
    }
}

/// How a value grows with the date: `log10(value) = a + b · years`, by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The line through the logarithms to base 10.
    pub line: Regression,
    /// Times as much a year later, with what resampled points give, those of one paper together.
    pub yearly: Interval<f64>,
    /// The same by the theory of the line: normal errors, equal everywhere.
    pub by_theory: [f64; 2],
    /// First and last date, in years.
    pub span: [f64; 2],
}

/// Why there is no growth to speak of.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GrowthError {
    /// A line needs three points.
    #[error("growth needs 3 dated values, and there {} {found}", if *.found == 1 { "is" } else { "are" })]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// All are of one date.
    #[error("all values are of one date: they say nothing of growth")]
    OneDate,
    /// A value has no logarithm.
    #[error("{0} is not above 0: it has no place on a logarithmic axis")]
    NotPositive(f64),
    /// A value is no number.
    #[error("a value is no finite number")]
    NotFinite,
}

impl Growth {
    /// Of dated values, with intervals of this confidence, a share of 1.
    ///
    /// # Errors
    /// [`GrowthError`].
    pub fn of(values: &[Dated], confidence: f64) -> Result<Self, GrowthError> {
        let line = line(values)?;
        let times = |slope: f64| 10f64.powf(slope);
        let by_theory = line.slope_interval(confidence).map(times);
        let (most_draws, fewest) = DRAWS;
        let draws = DRAWN.checked_div(values.len()).unwrap_or(most_draws).clamp(fewest, most_draws);
        let slopes = resampled(&clusters(values), draws, SEED);
        let share = (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
        // Draws that all fall on one date, as of three points they may, have no slope.
        let [least, most] = by_theory;
        let low = quantile(&slopes, share).map_or(least, times);
        let high = quantile(&slopes, 1.0 - share).map_or(most, times);
        let years = values.iter().map(|dated| dated.years);
        let span = [years.clone().fold(f64::INFINITY, f64::min), years.fold(f64::NEG_INFINITY, f64::max)];
        Ok(Self { line, yearly: Interval { value: times(line.slope), low, high }, by_theory, span })
    }

    /// Years until the value is twice as large; below 0, until it is half.
    #[must_use]
    pub fn doubling(&self) -> f64 {
        2f64.log10() / self.line.slope
    }

    /// The value of the line at a date.
    #[must_use]
    pub fn at(&self, years: f64) -> f64 {
        10f64.powf(self.line.at(years))
    }

    /// What a further value at a date lies between with this confidence.
    #[must_use]
    pub fn to_come(&self, years: f64, confidence: f64) -> Interval<f64> {
        let [low, high] = self.line.prediction_interval(years, confidence).map(|log| 10f64.powf(log));
        Interval { value: self.at(years), low, high }
    }
}

/// The line through the logarithms to base 10.
///
/// # Errors
/// [`GrowthError`].
pub fn line(values: &[Dated]) -> Result<Regression, GrowthError> {
    if let Some(bad) = values.iter().find(|dated| dated.value <= 0.0) {
        return Err(GrowthError::NotPositive(bad.value));
    }
    Regression::of(&logarithms(values)).map_err(|error| match error {
        RegressionError::TooFew(found) => GrowthError::TooFew { found },
        RegressionError::Upright => GrowthError::OneDate,
        RegressionError::NotFinite => GrowthError::NotFinite,
    })
}

fn logarithms(values: &[Dated]) -> Vec<(f64, f64)> {
    values.iter().map(|dated| (dated.years, dated.value.log10())).collect()
}

/// The same, with what came together in one.
fn clusters(values: &[Dated]) -> Vec<Vec<(f64, f64)>> {
    let mut together: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    let mut clusters = vec![];
    for (dated, point) in values.iter().zip(logarithms(values)) {
        match dated.paper {
            Some(paper) => together.entry(paper).or_default().push(point),
            None => clusters.push(vec![point]),
        }
    }
    clusters.extend(together.into_values());
    clusters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(values: &[(f64, f64)]) -> Vec<Dated> {
        values.iter().map(|&(years, value)| Dated::new(years, value)).collect()
    }

    #[test]
    fn a_doubling_every_year_is_found() {
        let growth =
            Growth::of(&dated(&[(2018.0, 1.0), (2019.0, 2.0), (2020.0, 4.0), (2022.0, 16.0)]), 0.8).unwrap();
        assert!((growth.yearly.value - 2.0).abs() < 1e-9 && (growth.doubling() - 1.0).abs() < 1e-9);
        assert!((growth.at(2025.0) - 128.0).abs() < 1e-6);
        assert_eq!(growth.span, [2018.0, 2022.0]);
    }

    #[test]
    fn what_does_not_grow_says_why() {
        for (values, message) in [
            (vec![], "growth needs 3 dated values, and there are 0"),
            (vec![(2018.0, 1.0)], "growth needs 3 dated values, and there is 1"),
            (vec![(2018.0, 1.0); 4], "all values are of one date: they say nothing of growth"),
            (
                vec![(2018.0, 1.0), (2019.0, 0.0), (2020.0, 1.0)],
                "0 is not above 0: it has no place on a logarithmic axis",
            ),
            (vec![(2018.0, 1.0), (2019.0, f64::NAN), (2020.0, 1.0)], "a value is no finite number"),
        ] {
            assert_eq!(Growth::of(&dated(&values), 0.8).unwrap_err().to_string(), message);
        }
    }
}
