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
    /// The time of one dispatch, without its launch.
    pub stats: Stats,
}

/// `t = start + W/rate + (W/U)/rate·U½ + B/bandwidth`, where `W` is the padded work, `U` the workgroups and
/// `B` the bytes moved.
///
/// The second and third term are `W/(rate·s)` with the utilisation `s = U/(U + U½)`: a kernel of few
/// workgroups leaves units idle, and `U½` workgroups fill half of them. Arithmetic and traffic add up rather
/// than overlap: kernels of runtimes have been seen to do little of the latter, and a sum can be fitted by
/// non-negative least squares. A parameter that the points say nothing of is 0 (or no limit).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveModel {
    /// What a dispatch takes with no work to do.
    #[serde(rename = "start_s")]
    pub start: Seconds,
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
        let [start, work, spread, bytes] = features(shape, tile, precision);
        let per_step = self.steps_per_second.map_or(0.0, f64::recip);
        let per_byte = self.bandwidth.map_or(0.0, |bandwidth| bandwidth.0.recip());
        Seconds(self.start.0 * start + per_step * (work + self.half_workgroups * spread) + per_byte * bytes)
    }
}

/// What a [`CurveModel`] multiplies its parameters with: 1, padded work, padded work of one workgroup, bytes.
#[must_use]
pub fn features(shape: &KernelShape, tile: Tile, precision: Precision) -> [f64; 4] {
    let extents = shape.extents();
    let work = extents.padded(tile);
    let groups = extents.workgroups(tile).max(1.0);
    [1.0, work, work / groups, shape.elements_moved() * precision.bytes()]
}

impl Curve {
    /// The measured point of exactly this shape.
    #[must_use]
    pub fn point(&self, shape: &KernelShape) -> Option<&CurvePoint> {
        self.points.iter().find(|point| point.shape == *shape)
    }
}
