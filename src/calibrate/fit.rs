//! The line through the points of a class: which rates and costs explain the times best.

use super::nnls;
use crate::device::Precision;
use crate::device::curve::{CurveModel, CurvePoint, Residual, features};
use crate::device::kernel::Tile;
use crate::stats;
use crate::units::{BytesPerSecond, Seconds};

/// Columns of [`features`].
const PARAMETERS: usize = 5;
/// Points that a line takes at least: two parameters, and one point to judge them by.
const FEWEST: usize = 3;
/// Rounds of reweighting: they settle within ten on all that was tried.
const ROUNDS: usize = 20;
/// Residuals beyond so many standard deviations weigh less than their square: 95 % as efficient as least
/// squares on normal noise. Source: P. J. Huber, "Robust Estimation of a Location Parameter" (1964).
const HUBER: f64 = 1.345;
/// Standard deviations in a median deviation of normal noise.
const DEVIATIONS: f64 = 1.4826;
/// Spread below which points count as on the line.
const LEAST_SPREAD: f64 = 0.005;
/// Coefficients below this are no rate: a step a quettasecond.
const NOTHING: f64 = 1e-30;

/// The model of a curve.
///
/// Non-negative least squares on relative errors, outliers weighing less; see [`nnls`]. A line has fewer
/// parameters than points. The residual is that of each point from the line through the others, so that a line
/// of few points is not praised for touching them.
///
/// # Errors
/// Why there is none.
pub fn curve_model(points: &[CurvePoint], tile: Tile, precision: Precision) -> Result<CurveModel, String> {
    let timed: Vec<Timed> = points.iter().filter_map(|point| Timed::of(point, tile, precision)).collect();
    if timed.len() < FEWEST {
        let points = if timed.len() == 1 { "point is" } else { "points are" };
        return Err(format!("{} {points} too few: a line takes {FEWEST}", timed.len()));
    }
    let most = (timed.len() - 1).min(PARAMETERS);
    let no_line = || "no line goes through the points".to_owned();
    let (coefficients, trust) = robust(&timed, most).ok_or_else(no_line)?;
    let ratios: Vec<f64> = timed
        .iter()
        .enumerate()
        .filter_map(|(left_out, one)| {
            let mut trust = trust.clone();
            *trust.get_mut(left_out)? = 0.0;
            let modelled = one.modelled(&weighted(&timed, &trust, Some(&coefficients), most)?);
            (modelled > 0.0).then(|| one.seconds / modelled)
        })
        .collect();
    let errors: Vec<f64> = ratios.iter().map(|ratio| (1.0 - ratio.recip()).abs()).collect();
    let quantile = |share| stats::quantile(&ratios, share).filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    let residual = Residual {
        p10: quantile(0.1).ok_or_else(no_line)?,
        p50: quantile(0.5).ok_or_else(no_line)?,
        p90: quantile(0.9).ok_or_else(no_line)?,
        median_error: stats::median(&errors).ok_or_else(no_line)?,
        points: ratios.len(),
    };
    let [start, step, spread, byte, group] = coefficients;
    let rate = |each: f64| (each > NOTHING).then(|| each.recip());
    Ok(CurveModel {
        start: Seconds(start),
        workgroup: Seconds(group),
        steps_per_second: rate(step),
        half_workgroups: rate(step).map_or(0.0, |steps| spread * steps),
        bandwidth: rate(byte).map(BytesPerSecond),
        residual,
    })
}

/// A point as the fit sees it.
#[derive(Debug, Clone, Copy)]
struct Timed {
    features: [f64; PARAMETERS],
    seconds: f64,
}

impl Timed {
    fn of(point: &CurvePoint, tile: Tile, precision: Precision) -> Option<Self> {
        let seconds = point.stats.median.0;
        let features = features(&point.shape, tile, precision);
        let usable = seconds.is_finite() && seconds > 0.0 && features.iter().all(|value| value.is_finite());
        usable.then_some(Self { features, seconds })
    }

    fn modelled(&self, coefficients: &[f64; PARAMETERS]) -> f64 {
        self.features.iter().zip(coefficients).map(|(feature, each)| feature * each).sum()
    }
}

/// Seconds by feature, at most so many of them, and how much each point weighs: outliers less.
fn robust(points: &[Timed], most: usize) -> Option<([f64; PARAMETERS], Vec<f64>)> {
    let mut trust = vec![1.0; points.len()];
    let mut coefficients = weighted(points, &trust, None, most)?;
    for _ in 0..ROUNDS {
        let errors: Vec<f64> = points
            .iter()
            .map(|point| {
                let modelled = point.modelled(&coefficients);
                (point.seconds - modelled) / scale(point, Some(&coefficients))
            })
            .collect();
        let spread = stats::median_deviation(&errors)? * DEVIATIONS;
        let bound = HUBER * spread.max(LEAST_SPREAD);
        trust = errors.iter().map(|error| (bound / error.abs().max(bound)).sqrt()).collect();
        let next = weighted(points, &trust, Some(&coefficients), most)?;
        let settled = next.iter().zip(&coefficients).all(|(new, old)| (new - old).abs() <= 1e-9 * old.abs());
        coefficients = next;
        if settled {
            break;
        }
    }
    Some((coefficients, trust))
}

/// What an error at a point is relative to: its time at first, then what the model says, as the noise of the
/// time itself would weigh the fast points more. Never far from the time: a bad model is no measure.
fn scale(point: &Timed, coefficients: Option<&[f64; PARAMETERS]>) -> f64 {
    let modelled = coefficients.map_or(point.seconds, |coefficients| point.modelled(coefficients));
    modelled.clamp(point.seconds / 2.0, 2.0 * point.seconds)
}

fn weighted(
    points: &[Timed],
    trust: &[f64],
    before: Option<&[f64; PARAMETERS]>,
    most: usize,
) -> Option<[f64; PARAMETERS]> {
    let mut rows = vec![];
    let mut target = vec![];
    for (point, trust) in points.iter().zip(trust) {
        let weight = trust / scale(point, before);
        rows.push(point.features.map(|feature| feature * weight));
        target.push(point.seconds * weight);
    }
    nnls::solve(&rows, &target, |support| means_something(support) && support.count_ones() as usize <= most)
}

/// Idle units are told by workgroups only where work takes time at all: bit 2 needs bit 1.
fn means_something(support: usize) -> bool {
    support & 0b100 == 0 || support & 0b010 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::{ladder, summary};
    use crate::device::kernel::{KernelClass, KernelShape};

    const TILE: Tile = Tile { rows: 32, cols: 32, depth: 32 };
    const FP32: Precision = Precision::Fp32;
    const EXACT: Residual = Residual { p10: 1.0, p50: 1.0, p90: 1.0, median_error: 0.0, points: 0 };

    fn truth() -> CurveModel {
        CurveModel {
            start: Seconds(20e-6),
            workgroup: Seconds(0.5e-6),
            steps_per_second: Some(2e11),
            half_workgroups: 40.0,
            bandwidth: Some(BytesPerSecond(5e9)),
            residual: EXACT,
        }
    }

    /// Normal noise of a deviation, as a factor.
    fn noise(random: &mut fastrand::Rng, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| random.f64()).sum();
        (deviation * (sum - 6.0)).exp()
    }

    fn points(shapes: &[KernelShape], mut factor: impl FnMut(usize) -> f64) -> Vec<CurvePoint> {
        let timed = shapes.iter().enumerate().map(|(at, shape)| {
            let seconds = truth().time(shape, TILE, FP32).0 * factor(at);
            CurvePoint { shape: *shape, stats: summary::of(&[seconds], 1).unwrap() }
        });
        timed.collect()
    }

    fn shapes() -> Vec<KernelShape> {
        ladder::shapes(KernelClass::Matmul, "matmul.tile32", false)
    }

    fn median_over_seeds(found: impl Fn(u64) -> f64) -> f64 {
        stats::median(&(0..11).map(found).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn known_parameters_are_recovered_within_3_percent_under_5_percent_noise() {
        let fitted: Vec<CurveModel> = (0..41)
            .map(|seed| {
                let mut random = fastrand::Rng::with_seed(seed);
                curve_model(&points(&shapes(), |_| noise(&mut random, 0.05)), TILE, FP32).unwrap()
            })
            .collect();
        let truth = truth();
        let parameters: [(&str, &dyn Fn(CurveModel) -> f64); 5] = [
            ("start", &|model| model.start.0),
            ("workgroup", &|model| model.workgroup.0),
            ("steps", &|model| model.steps_per_second.unwrap_or(f64::INFINITY)),
            ("half", &|model| model.half_workgroups),
            ("bandwidth", &|model| model.bandwidth.map_or(f64::INFINITY, |rate| rate.0)),
        ];
        for (name, of) in parameters {
            let ratios: Vec<f64> = fitted.iter().map(|model| of(*model) / of(truth)).collect();
            let ratio = stats::median(&ratios).unwrap();
            assert!((ratio - 1.0).abs() < 0.03, "{name}: {ratio} of the truth");
        }
        let residual = fitted[1].residual;
        assert!(residual.p10 > 0.85 && residual.p90 < 1.15, "{residual:?}");
        assert!((0.02..0.06).contains(&residual.median_error), "{residual:?}");
    }

    #[test]
    fn exact_points_give_the_exact_line() {
        let model = curve_model(&points(&shapes(), |_| 1.0), TILE, FP32).unwrap();
        let truth = truth();
        assert!((model.start / truth.start - 1.0).abs() < 1e-6);
        assert!((model.workgroup / truth.workgroup - 1.0).abs() < 1e-6);
        assert!((model.half_workgroups / truth.half_workgroups - 1.0).abs() < 1e-6);
        assert!(model.residual.median_error < 1e-6);
    }

    #[test]
    fn an_eighth_of_the_points_may_be_wild() {
        let shape = KernelShape::Matmul { batch: 1, m: 300, n: 300, k: 300 };
        let expected = truth().time(&shape, TILE, FP32);
        let error = median_over_seeds(|seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            let wild = |at: usize| if at % 8 == 3 { 4.0 } else { 1.0 };
            let points = points(&shapes(), |at| wild(at) * noise(&mut random, 0.02));
            let model = curve_model(&points, TILE, FP32).unwrap();
            (model.time(&shape, TILE, FP32) / expected - 1.0).abs()
        });
        assert!(error < 0.05, "{error}");
    }

    #[test]
    fn what_is_not_there_is_no_limit() {
        let shapes = ladder::shapes(KernelClass::Copy, "copy.concat", false);
        let tile = Tile { rows: 1, cols: 256, depth: 1 };
        let timed = shapes.iter().map(|shape| {
            let bytes = shape.bytes_moved(4.0);
            let stats = summary::of(&[3e-6 + bytes / 1e10], 1).unwrap();
            CurvePoint { shape: *shape, stats }
        });
        let model = curve_model(&timed.collect::<Vec<_>>(), tile, FP32).unwrap();
        assert!((model.start.0 / 3e-6 - 1.0).abs() < 1e-6);
        // Steps and bytes of a copy are proportional: one of the two explains all.
        let seconds = model.time(&KernelShape::Copy { elements: 1 << 20 }, tile, FP32).0;
        assert!((seconds / (3e-6 + f64::from(8 << 20) / 1e10) - 1.0).abs() < 1e-3, "{seconds}");
        assert!(model.steps_per_second.is_some() != model.bandwidth.is_some());
    }

    #[test]
    fn a_line_has_fewer_parameters_than_points() {
        let all = points(&shapes(), |_| 1.0);
        assert_eq!(curve_model(&[], TILE, FP32).unwrap_err(), "0 points are too few: a line takes 3");
        assert_eq!(curve_model(&all[..1], TILE, FP32).unwrap_err(), "1 point is too few: a line takes 3");
        for count in 3..6 {
            let model = curve_model(&all[..count], TILE, FP32).unwrap();
            let used = [
                model.start.0 > 0.0,
                model.workgroup.0 > 0.0,
                model.steps_per_second.is_some(),
                model.half_workgroups > 0.0,
                model.bandwidth.is_some(),
            ];
            assert!(used.into_iter().filter(|used| *used).count() < count, "{model:?}");
        }
    }
}
