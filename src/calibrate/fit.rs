//! The line through the points of a class: which rates and costs explain the times best.

use super::{nnls, stats};
use crate::device::Precision;
use crate::device::curve::{CurveModel, CurvePoint, Residual, features};
use crate::device::kernel::Tile;
use crate::units::{BytesPerSecond, Seconds};

/// Columns of [`features`].
const PARAMETERS: usize = 4;
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
    let coefficients = robust(&timed, most).ok_or_else(no_line)?;
    let ratios: Vec<f64> = (0..timed.len())
        .filter_map(|left_out| {
            let mut others = timed.clone();
            let one = others.remove(left_out);
            let modelled = one.modelled(&robust(&others, most)?);
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
    let [start, step, spread, byte] = coefficients;
    let rate = |each: f64| (each > NOTHING).then(|| each.recip());
    Ok(CurveModel {
        start: Seconds(start),
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

/// Seconds by feature, at most so many of them, outliers weighing less.
fn robust(points: &[Timed], most: usize) -> Option<[f64; PARAMETERS]> {
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
    Some(coefficients)
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
