//! Statistics of samples, what is robust against the odd one among them, and lines through points.

mod regression;

pub use regression::{Regression, RegressionError, resampled};

/// The middle value, or the mean of the two; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value that a share of the values lie below, linear between neighbours; `None` of nothing.
///
/// Source: R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages" (1996), definition 7.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the last index")]
    let below = place.floor() as usize;
    let low = *sorted.get(below)?;
    let high = *sorted.get((below + 1).min(last))?;
    Some(low + (high - low) * (place - below as f64))
}

/// The median distance from the median; `None` of nothing.
#[must_use]
pub fn median_deviation(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&distances)
}

/// The smallest; `None` of nothing.
#[must_use]
pub fn minimum(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// How far the mean may be off, as a share of it: `s / (√n · mean)`, `s` with `n - 1` degrees of freedom.
/// `None` of fewer than two, or of a mean that is not positive.
#[must_use]
pub fn relative_standard_error(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0)).sqrt();
    (mean > 0.0).then(|| deviation / count.sqrt() / mean)
}

/// The median of the slopes between all pairs of points of different `x`, and the median of `y - slope·x`.
/// `None` where no two points differ in `x`.
///
/// Source: P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau" (1968).
#[must_use]
pub fn theil_sen(points: &[(f64, f64)]) -> Option<Line> {
    let mut slopes = vec![];
    for (at, (x, y)) in points.iter().enumerate() {
        let later = points.iter().skip(at + 1).filter(|(other, _)| other != x);
        slopes.extend(later.map(|(other, above)| (above - y) / (other - x)));
    }
    let slope = median(&slopes)?;
    let at_zero: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    let intercept = median(&at_zero)?;
    Some(Line { slope, intercept, deviation: median_deviation(&at_zero)? })
}

/// A straight line through points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Rise of `y` for one more `x`.
    pub slope: f64,
    /// `y` at `x = 0`.
    pub intercept: f64,
    /// The median distance of the points from their median distance to the line.
    pub deviation: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [f64; 9] = [2.31, 2.28, 2.35, 2.30, 9.71, 2.29, 2.33, 2.27, 2.36];

    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{found} for {expected}");
    }

    #[test]
    fn they_agree_with_numpy_and_scipy() {
        // numpy 2.4.6: median, quantile (linear), std(ddof=1) / sqrt(n) / mean.
        for (share, expected) in
            [(0.0, 2.27), (0.1, 2.278), (0.25, 2.29), (0.5, 2.31), (0.9, 3.83), (1.0, 9.71)]
        {
            near(quantile(&SAMPLES, share), expected);
        }
        near(median(&SAMPLES), 2.31);
        near(median(&SAMPLES[..8]), 2.305);
        near(median_deviation(&SAMPLES), 0.03);
        near(relative_standard_error(&SAMPLES), 0.262_387_206_575_968_03);
        assert_eq!(minimum(&SAMPLES), Some(2.27));
    }

    #[test]
    fn one_wild_point_does_not_turn_the_line() {
        // scipy 1.17.1: stats.theilslopes(y, x, method="joint").
        let points =
            [(1.0, 61.2), (1.0, 60.4), (10.0, 202.0), (100.0, 1570.0), (100.0, 4570.0), (1000.0, 15_030.0)];
        let line = theil_sen(&points).unwrap();
        near(Some(line.slope), 15.240_404_040_404_039);
        near(Some(line.intercept), 45.959_595_959_596_015);
    }

    #[test]
    fn nothing_has_no_statistics() {
        assert_eq!(median(&[]), None);
        assert_eq!(median_deviation(&[]), None);
        assert_eq!(minimum(&[]), None);
        assert_eq!(relative_standard_error(&[1.0]), None);
        assert_eq!(theil_sen(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }
}
