//! The constants of power and of intervals, each with its origin, and how far an estimate is to be trusted. What kernels
//! take is in `framework/coefficients.toml`.

use serde::Serialize;

use super::Basis;
use super::framework::{Fitted, Term};
use crate::device::{ArithmeticUnit, Device, DeviceKind, Peak, Precision};

/// A constant that an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Assumption {
    /// What it is.
    pub name: &'static str,
    /// In `unit`.
    pub value: f64,
    /// `s`, or a fraction of something.
    pub unit: &'static str,
    /// Where it comes from.
    pub origin: &'static str,
}

const FITTED_POWER: &str = "174 runs of dense language models on H100 and B200 (ML.ENERGY v3, 2026-02)";

/// Measured over predicted time, 10th and 90th percentile, where nothing was fitted: a judgement. Of 18 runs on MI100 and
/// MI210, which no fit saw, the median is 0.73, and all lie inside.
pub(super) const ASSUMED_SPREAD: (f64, f64) = (0.4, 2.5);

/// Lower and upper end of the starts of kernels as multiples of the estimate, a judgement: kernels replayed from a graph
/// start within 5 to 10 µs, and hosts differ.
pub(super) const LAUNCH_SPREAD: (f64, f64) = (0.3, 2.0);

/// What a busy device draws, whatever it does.
pub(super) const POWER_BASE: Assumption =
    Assumption { name: "power while busy", value: 0.20, unit: "of the board power", origin: FITTED_POWER };

/// What contractions add: this, times the share of the peak rate that they reach. Over 1 because useful FLOPs are a part
/// of what a chip does for them: a language model at 0.3 of the peak is at the limit of its board.
pub(super) const POWER_COMPUTE: Assumption = Assumption {
    name: "power of contractions",
    value: 2.7,
    unit: "of the board power, at the peak rate",
    origin: FITTED_POWER,
};

/// What a byte to or from memory adds. The same on both generations of memory, where a share of the board power is not: of
/// B200, fitted by H100, 9 % median error instead of 13 %, the other way round 7 % instead of 19 %.
pub(super) const ENERGY_PER_BYTE: Assumption =
    Assumption { name: "energy of traffic", value: 132.0, unit: "pJ a byte", origin: FITTED_POWER };

/// What the board holds the draw at.
pub(super) const POWER_LIMIT: Assumption =
    Assumption { name: "limit of power", value: 0.97, unit: "of the board power", origin: FITTED_POWER };

/// Measured over predicted power, 10th and 90th percentile over three GPUs that count the same, each by constants of others:
/// H100 0.84 to 1.05 by those of B200, B200 0.72 to 1.16 by those of H100, and the card of IrEne's data (2021) 1.4 to 1.6 by
/// those of both: it draws more than the board power of the one that it is taken for.
pub(super) const POWER_SPREAD: (f64, f64) = (0.8, 1.55);

/// What a machine draws for each accelerator in it beside the accelerator's own power: processor, memory, fans, losses of the
/// power supply.
pub(super) const HOST_POWER: Assumption = Assumption {
    name: "power of the host",
    value: 146.0,
    unit: "W an accelerator",
    origin: "median of 8 machines of 1 to 8 GPUs at the wall, less 0.97 of their board power (MLPerf Inference, tests/validation/host.py)",
};

/// Watts of these machines, 10th and 90th percentile.
pub(super) const HOST_SPREAD: (f64, f64) = (94.0, 233.0);

/// Time of the WebGPU runtime's kernels over that of ours of the same class, 10th and 90th percentile. A
/// judgement: kernels of like shape have been seen to lie within a quarter of each other.
pub(super) const CLASS_SPREAD: (f64, f64) = (0.75, 1.33);

/// The same for the start of a kernel. A judgement: on one software adapter the runtime took 25 to 30 µs for a
/// dispatch, where a bare loop took 13 to 19.
pub(super) const START_SPREAD: (f64, f64) = (0.7, 2.0);

/// The same for kernels that nothing like was measured of: [`ASSUMED_SPREAD`].
pub(super) const UNMEASURED_SPREAD: (f64, f64) = ASSUMED_SPREAD;

/// How far the constants of time and power hold for contractions at this rate of this device.
///
/// FP32 on vector units and 16-bit floats on matrix units of NVIDIA GPUs are what was measured.
pub(super) fn basis(device: &Device, contraction: &Peak) -> Basis {
    let measured = matches!(
        (contraction.unit, contraction.precision),
        (ArithmeticUnit::Vector, Precision::Fp32)
            | (ArithmeticUnit::Matrix, Precision::Fp16 | Precision::Bf16)
    );
    let similar = device.kind == DeviceKind::Gpu && device.vendor == "NVIDIA";
    if measured && similar { Basis::Spec } else { Basis::Assumed }
}

/// The constants of power.
const POWER: [Assumption; 5] = [POWER_BASE, POWER_COMPUTE, ENERGY_PER_BYTE, POWER_LIMIT, HOST_POWER];

/// The constants that an estimate by a profile rests on: those of power, where there is one.
pub(super) fn used_by_webgpu(power: bool) -> Vec<Assumption> {
    if power { POWER.to_vec() } else { vec![] }
}

/// The constants that an estimate by a set of coefficients rests on.
pub(super) fn used(set: &'static Fitted) -> Vec<Assumption> {
    let coefficients = Term::ALL.into_iter().map(|term| Assumption {
        name: term.name(),
        value: set.coefficients.of(term),
        unit: if term == Term::Start { "µs a kernel" } else { "times the time at the full rate" },
        origin: &set.data,
    });
    coefficients.chain(POWER).collect()
}
