//! What comes next if it goes on like this, and how well that would have worked before.

use super::growth::{Dated, line};
use crate::stats::quantile;

/// How many years ahead a line is tried.
const AHEAD: i16 = 3;

/// How far lines fitted up to a year were from the values of the years after it.
#[derive(Debug, Clone, PartialEq)]
pub struct BackTest {
    /// Years that a line was fitted up to.
    pub cuts: usize,
    /// Values that were scored, one for each cut that it came after.
    pub scored: usize,
    /// Median factor between value and line, one way or the other: 2 is half or twice as much.
    pub median: f64,
    /// 90th percentile of that factor.
    pub p90: f64,
    /// Median of value over line: above 1 where lines ran too low.
    pub bias: f64,
    /// The share of values inside the interval that the line gave for them.
    pub covered: f64,
}

/// Fits up to the end of each year, and scores the values of the three years after it; `None` where no year has enough values
/// before it and one after it. `seen` gives the values as they were to be known at the end of a year, of which those up to it
/// are fitted; `confidence` is that of the intervals.
#[must_use]
pub fn back_test(values: &[Dated], seen: impl Fn(f64) -> Vec<Dated>, confidence: f64) -> Option<BackTest> {
    let year = |dated: &Dated| dated.years.floor();
    let first = values.iter().map(year).fold(f64::INFINITY, f64::min);
    let last = values.iter().map(year).fold(f64::NEG_INFINITY, f64::max);
    let (mut cuts, mut inside) = (0, 0);
    let mut ratios = vec![];
    let mut cut = first;
    while cut < last {
        let before: Vec<Dated> = seen(cut).into_iter().filter(|dated| year(dated) <= cut).collect();
        let after = values.iter().filter(|dated| year(dated) > cut && year(dated) <= cut + f64::from(AHEAD));
        if let Ok(line) = line(&before) {
            let scored = ratios.len();
            for dated in after {
                let found = dated.value.log10();
                let [low, high] = line.prediction_interval(dated.years, confidence);
                ratios.push(10f64.powf(found - line.at(dated.years)));
                inside += usize::from(low <= found && found <= high);
            }
            cuts += usize::from(ratios.len() > scored);
        }
        cut += 1.0;
    }
    let factors: Vec<f64> = ratios.iter().map(|ratio| ratio.max(ratio.recip())).collect();
    Some(BackTest {
        cuts,
        scored: ratios.len(),
        median: quantile(&factors, 0.5)?,
        p90: quantile(&factors, 0.9)?,
        bias: quantile(&ratios, 0.5)?,
        covered: inside as f64 / ratios.len().max(1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(values: &[f64]) -> Vec<Dated> {
        values.iter().enumerate().map(|(at, &value)| Dated::new(2010.5 + at as f64, value)).collect()
    }

    fn tested(values: &[f64]) -> Option<BackTest> {
        let values = dated(values);
        back_test(&values, |_| values.clone(), 0.8)
    }

    #[test]
    fn a_steady_growth_is_forecast_without_error() {
        let found = tested(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).unwrap();
        // Fits up to 2012, 2013, 2014 (three values or more), scored on 3, 2 and 1 that follow.
        assert_eq!((found.cuts, found.scored), (3, 6));
        assert!((found.median - 1.0).abs() < 1e-9 && (found.bias - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_growth_that_stops_is_missed_by_what_it_would_have_grown() {
        // Doubling up to 2013, then nothing: lines run twice, four and eight times too high.
        let found = tested(&[1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]).unwrap();
        assert!(found.bias < 0.7 && found.p90 > 3.0, "{found:?}");
        assert!(found.covered < 0.9);
    }

    #[test]
    fn too_little_to_test_is_no_test() {
        assert_eq!(tested(&[1.0, 2.0, 4.0]), None);
        assert_eq!(tested(&[]), None);
    }
}
