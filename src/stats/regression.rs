//! Straight lines by least squares, with intervals for the slope and for points to come.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The fewest points that say how far a line may be off.
const FEWEST: usize = 3;

/// A line by least squares, `y = level + slope · (x - centre)`.
///
/// Source of all formulas: N. R. Draper and H. Smith, "Applied Regression Analysis", 3rd edition (1998), sections 1.2 to 1.4
/// and 3.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// How many points.
    pub points: usize,
    /// Rise of `y` for one more `x`.
    pub slope: f64,
    /// The mean of `x`.
    pub centre: f64,
    /// The mean of `y`.
    pub level: f64,
    /// The share of the variance of `y` that the line explains; 1 where `y` does not vary.
    pub r_squared: f64,
    /// Standard deviation of the points about the line, with `points - 2` degrees of freedom.
    pub deviation: f64,
    /// Sum of the squared distances of `x` from its mean.
    spread: f64,
}

/// Why there is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegressionError {
    /// Two points fit any line exactly, and say nothing of how far it is off.
    #[error("a line needs 3 points, and has {0}")]
    TooFew(usize),
    /// All stand one above the other.
    #[error("all points are at the same place: they say nothing of a slope")]
    Upright,
    /// Not a number, or beyond all of them.
    #[error("a point is no finite number")]
    NotFinite,
}

impl Regression {
    /// The line through points `(x, y)`.
    ///
    /// # Errors
    /// [`RegressionError`].
    pub fn of(points: &[(f64, f64)]) -> Result<Self, RegressionError> {
        if points.len() < FEWEST {
            return Err(RegressionError::TooFew(points.len()));
        }
        if !points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
            return Err(RegressionError::NotFinite);
        }
        let count = points.len() as f64;
        let centre = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let level = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let sum =
            |of: fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - centre, y - level)).sum::<f64>();
        let (spread, together, height) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        // What rounding leaves of equal numbers is no spread.
        if spread <= (centre.abs() * f64::EPSILON * count).powi(2) {
            return Err(RegressionError::Upright);
        }
        let slope = together / spread;
        let left: f64 = points.iter().map(|(x, y)| (y - level - slope * (x - centre)).powi(2)).sum();
        let r_squared = if height > 0.0 { (1.0 - left / height).max(0.0) } else { 1.0 };
        let deviation = (left / (count - 2.0)).sqrt();
        let found = Self { points: points.len(), slope, centre, level, r_squared, deviation, spread };
        if [slope, level, deviation, spread].iter().all(|figure| figure.is_finite()) {
            Ok(found)
        } else {
            Err(RegressionError::NotFinite)
        }
    }

    /// `y` of the line.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.level + self.slope * (x - self.centre)
    }

    /// What the slope lies between with this confidence, a share of 1.
    #[must_use]
    pub fn slope_interval(&self, confidence: f64) -> [f64; 2] {
        self.around(self.slope, self.deviation / self.spread.sqrt(), confidence)
    }

    /// What a further point at `x` lies between with this confidence.
    #[must_use]
    pub fn prediction_interval(&self, x: f64, confidence: f64) -> [f64; 2] {
        let off = 1.0 + 1.0 / self.points as f64 + (x - self.centre).powi(2) / self.spread;
        self.around(self.at(x), self.deviation * off.sqrt(), confidence)
    }

    fn around(&self, middle: f64, error: f64, confidence: f64) -> [f64; 2] {
        let freedom = self.points as f64 - 2.0;
        let times = StudentsT::new(0.0, 1.0, freedom)
            .map_or(f64::INFINITY, |t| t.inverse_cdf(f64::midpoint(1.0, confidence.clamp(0.0, 1.0))));
        [middle - times * error, middle + times * error]
    }
}

/// Slopes of lines through as many clusters of points as there are, drawn from them with replacement, so many times; a draw of
/// one place has none. Points that are independent of each other are clusters of one. Equal seeds give equal draws.
///
/// Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), section 9.5 (bootstrapping pairs); of
/// clusters A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
#[must_use]
pub fn resampled(clusters: &[Vec<(f64, f64)>], draws: usize, seed: u64) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut drawn = vec![];
    let mut slopes = vec![];
    for _ in 0..draws {
        drawn.clear();
        for _ in 0..clusters.len() {
            drawn.extend(clusters.get(random.usize(..clusters.len())).into_iter().flatten().copied());
        }
        slopes.extend(Regression::of(&drawn).map(|line| line.slope));
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longley's years and employment, in millions: `numpy` and `statsmodels` ship them as a test of regressions.
    const LONGLEY: [(f64, f64); 16] = [
        (1947.0, 60.323),
        (1948.0, 61.122),
        (1949.0, 60.171),
        (1950.0, 61.187),
        (1951.0, 63.221),
        (1952.0, 63.639),
        (1953.0, 64.989),
        (1954.0, 63.761),
        (1955.0, 66.019),
        (1956.0, 67.857),
        (1957.0, 68.169),
        (1958.0, 66.513),
        (1959.0, 68.655),
        (1960.0, 69.564),
        (1961.0, 69.331),
        (1962.0, 70.551),
    ];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} for {expected}");
    }

    #[test]
    fn line_and_intervals_are_those_of_scipy() {
        // scipy 1.17.1: stats.linregress, stats.t.ppf; intervals by the textbook's formulas in numpy.
        let line = Regression::of(&LONGLEY).unwrap();
        near(line.slope, 0.716_511_764_705_882_4);
        near(line.r_squared, 0.943_480_918_294_453_9);
        near(line.deviation, 0.864_230_828_662_190_5);
        near(line.at(1970.0), 76.422_932_352_941_19);
        for (confidence, slope, to_come) in [
            (
                0.80,
                [0.653_470_867_160_710_5, 0.779_552_662_251_054_4],
                [74.876_823_013_300_03, 77.969_041_692_582_35],
            ),
            (
                0.95,
                [0.615_986_690_761_662_9, 0.817_036_838_650_101_9],
                [73.957_504_959_844_37, 78.888_359_746_038],
            ),
        ] {
            for (found, expected) in [
                (line.slope_interval(confidence), slope),
                (line.prediction_interval(1970.0, confidence), to_come),
            ] {
                near(found[0], expected[0]);
                near(found[1], expected[1]);
            }
        }
    }

    #[test]
    fn what_has_no_line_says_why() {
        for (points, error) in [
            (vec![], RegressionError::TooFew(0)),
            (vec![(1.0, 2.0), (2.0, 3.0)], RegressionError::TooFew(2)),
            (vec![(2020.1, 1.0); 5], RegressionError::Upright),
            (vec![(1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0)], RegressionError::NotFinite),
            (vec![(1.0, 1.0), (f64::INFINITY, 1.0), (3.0, 1.0)], RegressionError::NotFinite),
            (vec![(1.0, 1e300), (2.0, -1e300), (3.0, 1e300)], RegressionError::NotFinite),
        ] {
            assert_eq!(Regression::of(&points), Err(error), "{points:?}");
        }
    }

    #[test]
    fn a_level_line_explains_all_of_nothing() {
        let line = Regression::of(&[(1.0, 4.0), (2.0, 4.0), (3.0, 4.0)]).unwrap();
        assert_eq!((line.slope, line.r_squared, line.deviation), (0.0, 1.0, 0.0));
        assert_eq!(line.prediction_interval(9.0, 0.8), [4.0, 4.0]);
    }

    #[test]
    fn draws_are_as_wide_as_the_theory_says() {
        // Noise that is normal and equal everywhere is what both the formula and the draws rest on.
        let mut random = fastrand::Rng::with_seed(7);
        let noise = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let points: Vec<(f64, f64)> =
            (0..200).map(|at| (f64::from(at), 3.0 * f64::from(at) + 20.0 * noise(&mut random))).collect();
        let alone: Vec<Vec<(f64, f64)>> = points.iter().map(|point| vec![*point]).collect();
        let slopes = resampled(&alone, 2000, 1);
        let [low, high] = [0.1, 0.9].map(|share| crate::stats::quantile(&slopes, share).unwrap());
        let [below, above] = Regression::of(&points).unwrap().slope_interval(0.8);
        let width = (high - low) / (above - below);
        assert!((0.85..1.15).contains(&width), "{width}");
        assert!(low < 3.0 && 3.0 < high);
        assert_eq!(slopes, resampled(&alone, 2000, 1));
        // Ten equal points are one observation: drawn together, the slope is as unsure as that of a tenth of them.
        let tenfold = |points: &[(f64, f64)]| points.iter().map(|point| vec![*point; 10]).collect::<Vec<_>>();
        let few = &points[..20];
        let spread = |slopes: &[f64]| {
            crate::stats::quantile(slopes, 0.9).unwrap() - crate::stats::quantile(slopes, 0.1).unwrap()
        };
        let single: Vec<Vec<(f64, f64)>> = few.iter().map(|point| vec![*point]).collect();
        let ratio = spread(&resampled(&tenfold(few), 2000, 1)) / spread(&resampled(&single, 2000, 1));
        assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
    }
}
