//! The constants of power and of intervals, each with its origin, and how far an estimate is to be trusted. What kernels
//! take is in `framework/coefficients.toml`.
//!
//! Energy: of the GPU energy in IrEne's data 0.64 is predicted (median of 193 runs, 16 % inside the interval); that card
//! drew 193 W, 1.3 times the board power of the card it is taken for.

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

const FITTED_POWER: &str = "median of 1,858 runs on H100 and B200 (ML.ENERGY v3, 2026-02)";

/// Measured over predicted time, 10th and 90th percentile, where nothing was fitted: a judgement. Of 18 runs on MI100 and
/// MI210, which no fit saw, the median is 0.73, and all lie inside.
pub(super) const ASSUMED_SPREAD: (f64, f64) = (0.4, 2.5);

/// Lower and upper end of the starts of kernels as multiples of the estimate, a judgement: kernels replayed from a graph
/// start within 5 to 10 µs, and hosts differ.
pub(super) const LAUNCH_SPREAD: (f64, f64) = (0.3, 2.0);

/// Share of the board power while arithmetic binds: 1,020 runs that make images and video, the mean of the
/// medians of H100 and B200. Predicting one GPU by the other's median errs by 10 % and 17 % (median).
pub(super) const POWER_COMPUTE: Assumption = Assumption {
    name: "power while computing",
    value: 0.78,
    unit: "of the board power",
    origin: FITTED_POWER,
};

/// Share of the board power while memory binds: 838 runs that make tokens. One GPU by the other: 12 % and 19 %.
pub(super) const POWER_MEMORY: Assumption = Assumption {
    name: "power while moving memory",
    value: 0.70,
    unit: "of the board power",
    origin: FITTED_POWER,
};

/// Share of the board power while kernels start: 0.36 of that of a busy GPU, as a model that is all launches
/// draws beside BERT and GPT-2 on the same card.
pub(super) const POWER_LAUNCH: Assumption = Assumption {
    name: "power while starting kernels",
    value: 0.27,
    unit: "of the board power",
    origin: "220 runs on one GTX 1070 (IrEne, 2021)",
};

/// Measured over predicted power, 10th and 90th percentile over the 1,858 runs, each GPU by the other's median.
pub(super) const POWER_SPREAD: (f64, f64) = (0.64, 1.27);

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

/// The constants that an estimate by a profile rests on: those of power, where there is one.
pub(super) fn used_by_webgpu(power: bool) -> Vec<Assumption> {
    if power { vec![POWER_COMPUTE, POWER_MEMORY, POWER_LAUNCH] } else { vec![] }
}

/// The constants that an estimate by a set of coefficients rests on.
pub(super) fn used(set: &'static Fitted) -> Vec<Assumption> {
    let coefficients = Term::ALL.into_iter().map(|term| Assumption {
        name: term.name(),
        value: set.coefficients.of(term),
        unit: if term == Term::Start { "µs a kernel" } else { "times the time at the full rate" },
        origin: &set.data,
    });
    coefficients.chain([POWER_COMPUTE, POWER_MEMORY, POWER_LAUNCH]).collect()
}
