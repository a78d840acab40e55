//! The constants of the estimate, each with its origin. `fit.py` beside this file fits them and prints the errors
//! below; the measurements it reads are not part of the repository.
//!
//! Fitted together on 2026-11-23, least mean absolute error of the logarithm, each source on each device
//! weighing the same: 228 runs of FP32 transformers on P4, P100, V100, T4, A100 (NeuSight) and a GTX 1070 (IrEne,
//! where the card is inferred from its clocks), 1,551 single FP32 kernels on the first five (NeuSight), 432 runs
//! of image models under FP16 autocast on RTX 3090 and 4090 (timm). All of it eager PyTorch on NVIDIA GPUs, and
//! work for a GPU to be busy with, but for one model.
//!
//! What they are worth on a device that was held back, as median and mean absolute error, and for comparison the
//! plain roofline (all fractions 1, no launch) on the same rows:
//!
//! | held back | rows | error | roofline |
//! |---|---|---|---|
//! | one of 6 GPUs, FP32 models | 228 | 14.7 %, 15.0 % | 23.7 %, 31.7 % |
//! | the same, NeuSight's rows only | 35 | 16.5 %, 17.8 % | 23.5 %, 25.8 % |
//! | one of 5 GPUs, FP32 kernels | 1,551 | 16.9 %, 22.5 % | 26.7 %, 33.5 % |
//! | one of 2 GPUs, FP16 image models | 432 | 25.9 %, 38.1 % | 29.8 %, 30.7 % |
//! | a fifth of the families of these | 432 | 24.2 %, 35.0 % | 29.8 %, 30.7 % |
//!
//! Known faults, seen on these data. Exporters write one kernel of PyTorch as several nodes (GELU as five), and
//! each is charged its traffic here, while they fold batch normalisations that the measured runs did: many image
//! transformers come out 1.7 to 2.7 times too slow, many convolutional networks 0.7 times. Boards of 75 W and less
//! (T4, P4) do not hold their clock and come out 0.7 times as slow as they are. Compiled runs (RTX 4090, timm)
//! take 0.45 and 0.53 of what is predicted (median, PyTorch 2.4 and 2.9). Energy: of the GPU energy in IrEne's data
//! 0.67 is predicted (median of 193 runs, 99 % inside the interval); that card drew 193 W, 1.3 times the board power
//! of the card it is taken for.

use serde::Serialize;

use super::Basis;
use super::time::Rates;
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

const FITTED_TIME: &str = "fitted 2026-11 on eager PyTorch, NVIDIA GPUs (NeuSight, IrEne, timm)";
const FITTED_POWER: &str = "median of 1,858 runs on H100 and B200 (ML.ENERGY v3, 2026-02)";

/// Share of the peak rate of matrix units that a contraction reaches. Fitted on FP16 only.
pub(super) const MATRIX: Assumption =
    Assumption { name: "attained matrix rate", value: 0.67, unit: "of the peak", origin: FITTED_TIME };

/// Share of the peak rate of vector units that a contraction reaches. Fitted on FP32 only.
pub(super) const VECTOR: Assumption =
    Assumption { name: "attained vector rate", value: 0.76, unit: "of the peak", origin: FITTED_TIME };

/// Share of the peak memory bandwidth that a kernel reaches.
///
/// Single element-wise kernels reach 0.73 (T4) to 0.92 (V100), layer norms and softmaxes 0.4 to 0.8.
pub(super) const BANDWIDTH: Assumption =
    Assumption { name: "attained memory bandwidth", value: 0.76, unit: "of the peak", origin: FITTED_TIME };

/// Time that starting a kernel adds. It is the host's: PyTorch's dispatch more than the GPU's.
pub(super) const LAUNCH: Assumption =
    Assumption { name: "start of a kernel", value: 26e-6, unit: "s", origin: FITTED_TIME };

/// Measured over predicted time, 10th and 90th percentile, FP32 models on the device held back, each device
/// weighing the same. They hold 94 % of these 228 rows, and 80 % of NeuSight's 35; by device between 20 % (V100)
/// and all.
const VECTOR_SPREAD: (f64, f64) = (0.80, 1.50);

/// The same for FP16 image models. Factors taken from one GPU hold 80 % of the rows of the other (432 rows).
const MATRIX_SPREAD: (f64, f64) = (0.55, 1.35);

/// Where nothing was fitted: a judgement. Of 18 runs on MI100 and MI210, which no fit saw, the median is 0.7, and
/// the fitted factors do not hold them.
const ASSUMED_SPREAD: (f64, f64) = (0.4, 2.5);

/// Lower and upper end of [`LAUNCH`] as multiples of it, a judgement: kernels replayed from a graph start within
/// 5 to 10 µs; without the one model that is all launches, the fit says half of it.
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

/// Lower and upper end of the time of kernels, as multiples of it.
pub(super) fn kernel_spread(basis: Basis, unit: ArithmeticUnit) -> (f64, f64) {
    match (basis, unit) {
        (Basis::Assumed, _) => ASSUMED_SPREAD,
        (_, ArithmeticUnit::Vector) => VECTOR_SPREAD,
        (_, ArithmeticUnit::Matrix) => MATRIX_SPREAD,
    }
}

/// The constants that an estimate by a profile rests on: those of power, where there is one.
pub(super) fn used_by_webgpu(power: bool) -> Vec<Assumption> {
    if power { vec![POWER_COMPUTE, POWER_MEMORY, POWER_LAUNCH] } else { vec![] }
}

/// The constants that an estimate with these rates rests on.
pub(super) fn used(rates: &Rates) -> Vec<Assumption> {
    let mut used = match rates.contraction.unit {
        ArithmeticUnit::Matrix => vec![MATRIX, VECTOR],
        ArithmeticUnit::Vector => vec![VECTOR],
    };
    used.extend([BANDWIDTH, LAUNCH, POWER_COMPUTE, POWER_MEMORY, POWER_LAUNCH]);
    used
}
