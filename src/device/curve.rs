//! How long a kernel of a class takes on one adapter: measured points, and the line through them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kernel::{KernelClass, KernelShape, Tile};
use super::{Precision, profile::Stats};
use crate::units::{BytesPerSecond, Seconds};

/// One kernel of ours over the shapes of its class: what was measured, and a model of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// The class of its shapes.
    pub class: KernelClass,
    /// The format of operands and results.
    pub precision: Precision,
    /// The kernel: `matmul.tile32`.
    pub kernel: String,
    /// Whether it is shaped as the kernels of today's WebGPU runtimes are. Predictions use these.
    pub runtime_like: bool,
    /// What one workgroup makes.
    pub tile: Tile,
    /// The line through the points; `None` where there are too few.
    pub model: Option<CurveModel>,
    /// Why there is no model.
    pub model_reason: Option<String>,
    /// The points, by shape.
    pub points: Vec<CurvePoint>,
}

/// One shape, timed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// What was run.
    pub shape: KernelShape,
    /// The time of one more dispatch in a pass: its own start counts, that of the submission does not.
    pub stats: Stats,
}

/// `t = start + U·workgroup + W/rate + (W/U)/rate·U½ + B/bandwidth`, where `W` is the padded work, `U` the workgroups and
/// `B` the bytes moved.
///
/// The third and fourth term are `W/(rate·s)` with the utilisation `s = U/(U + U½)`: a kernel of few
/// workgroups leaves units idle, and `U½` workgroups fill half of them. Arithmetic and traffic add up rather
/// than overlap: kernels of runtimes have been seen to do little of the latter, and a sum can be fitted by
/// non-negative least squares. A parameter that the points say nothing of is 0 (or no limit).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveModel {
    /// What a dispatch takes with no work to do.
    #[serde(rename = "start_s")]
    pub start: Seconds,
    /// What each workgroup takes however little it does: its start, and the barriers at which its invocations wait
    /// for each other. A kernel that gives each of many short rows a workgroup spends most of its time so.
    #[serde(rename = "workgroup_s", default = "no_time")]
    pub workgroup: Seconds,
    /// Steps of the innermost loop a second, all units busy; a multiply-add is one. `None` where work does
    /// not limit.
    pub steps_per_second: Option<f64>,
    /// Workgroups that keep half of the units busy.
    pub half_workgroups: f64,
    /// The rate of memory traffic. `None` where it does not limit.
    #[serde(rename = "bandwidth_bytes_per_second")]
    pub bandwidth: Option<BytesPerSecond>,
    /// How far the points lie from the line.
    pub residual: Residual,
}

/// Files of before the key was added.
fn no_time() -> Seconds {
    Seconds::ZERO
}

/// Quantiles of measured over modelled time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Residual {
    /// A tenth of the points lies below.
    pub p10: f64,
    /// Half of them.
    pub p50: f64,
    /// Nine tenths.
    pub p90: f64,
    /// Half of the points lie nearer than this share of their time.
    pub median_error: f64,
    /// Points it was judged on.
    pub points: usize,
}

impl CurveModel {
    /// The time of one dispatch of a shape.
    #[must_use]
    pub fn time(&self, shape: &KernelShape, tile: Tile, precision: Precision) -> Seconds {
        let [start, work, spread, bytes, groups] = features(shape, tile, precision);
        let per_step = self.steps_per_second.map_or(0.0, f64::recip);
        let per_byte = self.bandwidth.map_or(0.0, |bandwidth| bandwidth.0.recip());
        let fixed = self.start * start + self.workgroup * groups;
        fixed + Seconds(per_step * (work + self.half_workgroups * spread) + per_byte * bytes)
    }
}

/// What a [`CurveModel`] multiplies its parameters with: 1, padded work, padded work of one workgroup, bytes,
/// workgroups.
#[must_use]
pub fn features(shape: &KernelShape, tile: Tile, precision: Precision) -> [f64; 5] {
    let extents = shape.extents();
    let work = extents.padded(tile);
    let groups = extents.workgroups(tile).max(1.0);
    [1.0, work, work / groups, shape.bytes_moved(precision.bytes()), groups]
}

impl Curve {
    /// The measured point of exactly this shape.
    #[must_use]
    pub fn point(&self, shape: &KernelShape) -> Option<&CurvePoint> {
        self.points.iter().find(|point| point.shape == *shape)
    }

    /// Whether the model explains its points well enough to be trusted between them.
    #[must_use]
    pub fn model_holds(&self) -> bool {
        let near =
            |residual: Residual| residual.p10.recip() - 1.0 <= MOST_ERROR && residual.p90 - 1.0 <= MOST_ERROR;
        self.model.is_some_and(|model| near(model.residual))
    }

    /// The time of one dispatch of a shape: as measured, or by the model where it holds, or between the
    /// nearest points. `None` of a curve without points and model.
    #[must_use]
    pub fn time(&self, shape: &KernelShape) -> Option<CurveTime> {
        if let Some(point) = self.point(shape) {
            let Stats { median, mad, .. } = point.stats;
            // A tenth of normal noise lies beyond 1.28 standard deviations, of 1.48 median deviations each.
            let reach = mad * (1.2816 * 1.4826);
            let low = (median - reach).max(median * 0.5);
            return Some(CurveTime { value: median, low, high: median + reach, origin: Origin::Measured });
        }
        if !self.model_holds()
            && let Some(time) = self.interpolated(shape)
        {
            return Some(time);
        }
        let model = self.model?;
        let value = model.time(shape, self.tile, self.precision);
        let Residual { p10, p90, .. } = model.residual;
        Some(CurveTime { value, low: value * p10, high: value * p90, origin: Origin::Modelled })
    }

    /// Between the nearest points: the logarithm of their time over what the model says of them, the nearer the
    /// heavier. A model that misses its points by more than is to be trusted still tells how time grows with the
    /// shape, also beyond the points. Without a model, time is taken to grow as the geometric mean of work and
    /// bytes. The interval spans the points, and [`MOST_ERROR`] at least.
    fn interpolated(&self, shape: &KernelShape) -> Option<CurveTime> {
        let of = |shape: &KernelShape| {
            let [_, work, _, bytes, groups] = features(shape, self.tile, self.precision);
            [work, groups, bytes].map(|feature| feature.max(1.0).ln())
        };
        let scale = |shape: &KernelShape| {
            let [work, _, bytes] = of(shape);
            let modelled = self.model.map(|model| model.time(shape, self.tile, self.precision).0.ln());
            modelled.filter(|time| time.is_finite()).unwrap_or((work + bytes) / 2.0)
        };
        let here = of(shape);
        let mut near: Vec<(f64, f64)> = self
            .points
            .iter()
            .map(|point| {
                let there = of(&point.shape);
                let squared: f64 = here.iter().zip(there).map(|(a, b)| (a - b).powi(2)).sum();
                (squared, point.stats.median.0.ln() - scale(&point.shape))
            })
            .filter(|(squared, each)| squared.is_finite() && each.is_finite())
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.truncate(NEAREST);
        // Points of equal features: as near as points can be.
        let weights: f64 = near.iter().map(|(squared, _)| squared.max(1e-12).recip()).sum();
        let sum: f64 = near.iter().map(|(squared, each)| each / squared.max(1e-12)).sum();
        let bounds = near.iter().map(|(_, each)| *each);
        let (low, high) =
            (bounds.clone().fold(f64::INFINITY, f64::min), bounds.fold(f64::NEG_INFINITY, f64::max));
        let each = (weights > 0.0).then(|| sum / weights)?;
        let time = |each: f64| Seconds((each + scale(shape)).exp());
        let reach = MOST_ERROR.ln_1p();
        Some(CurveTime {
            value: time(each),
            low: time(low.min(each - reach)),
            high: time(high.max(each + reach)),
            origin: Origin::Interpolated,
        })
    }
}

/// A model is trusted while nine tenths of its points lie no further off, as a share.
const MOST_ERROR: f64 = 0.30;
/// Points that an interpolation rests on.
const NEAREST: usize = 3;

/// The time of a shape on a curve, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveTime {
    /// The likeliest.
    pub value: Seconds,
    /// A tenth of such times lies below.
    pub low: Seconds,
    /// A tenth lies above.
    pub high: Seconds,
    /// How it was found.
    pub origin: Origin,
}

/// How a time was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This very shape was timed.
    Measured,
    /// By the model through the points.
    Modelled,
    /// From the nearest points, where no model holds.
    Interpolated,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: Tile = Tile { rows: 1, cols: 64, depth: 1 };

    fn stats(seconds: f64) -> Stats {
        let time = Seconds(seconds);
        Stats {
            samples: 1,
            dispatches: 1,
            min: time,
            median: time,
            mad: Seconds(0.1 * seconds),
            scaling: None,
            unstable: false,
        }
    }

    /// Copies of 2^10, 2^14 and 2^18 elements at a microsecond and a nanosecond an element.
    fn curve(residual: Option<[f64; 2]>) -> Curve {
        let point = |elements: u64| CurvePoint {
            shape: KernelShape::Copy { elements },
            stats: stats(1e-6 + 1e-9 * elements as f64),
        };
        let model = residual.map(|[p10, p90]| CurveModel {
            start: Seconds(1e-6),
            workgroup: Seconds::ZERO,
            steps_per_second: Some(1e9),
            half_workgroups: 0.0,
            bandwidth: None,
            residual: Residual { p10, p50: 1.0, p90, median_error: 0.1, points: 3 },
        });
        Curve {
            class: KernelClass::Copy,
            precision: Precision::Fp32,
            kernel: "copy.concat".to_owned(),
            runtime_like: true,
            tile: TILE,
            model,
            model_reason: None,
            points: [10, 14, 18].map(|power| point(1 << power)).to_vec(),
        }
    }

    fn time(curve: &Curve, elements: u64) -> CurveTime {
        curve.time(&KernelShape::Copy { elements }).unwrap()
    }

    #[test]
    fn a_measured_shape_takes_what_was_measured() {
        let found = time(&curve(Some([0.9, 1.1])), 1 << 14);
        assert_eq!(found.origin, Origin::Measured);
        assert_eq!(found.value, Seconds(1e-6 + 1e-9 * 16_384.0));
        // 1.2816 · 1.4826 · 10 % on either side.
        assert!((found.high / found.value - 1.19).abs() < 1e-4);
        assert!((found.low / found.value - 0.81).abs() < 1e-4);
    }

    #[test]
    fn a_model_that_holds_tells_the_others_and_its_residual_the_interval() {
        let found = time(&curve(Some([0.9, 1.2])), 1 << 16);
        assert_eq!(found.origin, Origin::Modelled);
        assert!((found.value.0 / (1e-6 + 1e-9 * 65_536.0) - 1.0).abs() < 1e-9);
        assert!(
            (found.low / found.value - 0.9).abs() < 1e-9 && (found.high / found.value - 1.2).abs() < 1e-9
        );
    }

    #[test]
    fn where_none_holds_the_nearest_points_do() {
        for residual in [None, Some([0.5, 1.1]), Some([0.9, 1.6])] {
            let found = time(&curve(residual), 1 << 16);
            assert_eq!(found.origin, Origin::Interpolated);
            let truth = 1e-6 + 1e-9 * 65_536.0;
            assert!((found.value.0 / truth - 1.0).abs() < 0.2, "{found:?}");
            assert!(found.low.0 <= truth && truth <= found.high.0, "{found:?}");
        }
    }

    #[test]
    fn beyond_the_points_time_grows_as_the_model_says_also_where_it_misses_them() {
        let mut curve = curve(Some([1.9, 2.1]));
        // Half of what was measured, everywhere.
        curve.model = curve.model.map(|model| CurveModel {
            start: Seconds(0.5e-6),
            steps_per_second: Some(2e9),
            ..model
        });
        let found = time(&curve, 1 << 24);
        assert_eq!(found.origin, Origin::Interpolated);
        let truth = 1e-6 + 1e-9 * 16_777_216.0;
        assert!((found.value.0 / truth - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_curve_of_nothing_tells_nothing() {
        let empty = Curve { points: vec![], ..curve(None) };
        assert_eq!(empty.time(&KernelShape::Copy { elements: 5 }), None);
        let line = Curve { points: vec![], ..curve(Some([0.1, 9.0])) };
        assert_eq!(time(&line, 5).origin, Origin::Modelled, "a poor line is better than nothing");
    }
}
