//! The constants of the estimate, each with its origin.

use serde::Serialize;

use super::Basis;
use super::time::Rates;
use crate::device::ArithmeticUnit;

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

const JUDGEMENT: &str = "judgement, not fitted";

/// Share of the peak rate of matrix units that a contraction reaches.
pub(super) const MATRIX: Assumption =
    Assumption { name: "attained matrix rate", value: 0.4, unit: "of the peak", origin: JUDGEMENT };

/// Share of the peak rate of vector units that a contraction reaches.
pub(super) const VECTOR: Assumption =
    Assumption { name: "attained vector rate", value: 0.7, unit: "of the peak", origin: JUDGEMENT };

/// Share of the peak memory bandwidth that a kernel reaches.
pub(super) const BANDWIDTH: Assumption =
    Assumption { name: "attained memory bandwidth", value: 0.75, unit: "of the peak", origin: JUDGEMENT };

/// Time from one kernel to the next that does no work.
pub(super) const LAUNCH: Assumption =
    Assumption { name: "start of a kernel", value: 5e-6, unit: "s", origin: JUDGEMENT };

/// Lower and upper end of the latency, as multiples of it.
pub(super) const LATENCY_SPREAD: (f64, f64) = (0.6, 1.8);

/// Share of the board power drawn while arithmetic binds.
pub(super) const POWER_COMPUTE: Assumption =
    Assumption { name: "power while computing", value: 0.9, unit: "of the board power", origin: JUDGEMENT };

/// Share of the board power drawn while memory binds.
pub(super) const POWER_MEMORY: Assumption = Assumption {
    name: "power while moving memory",
    value: 0.75,
    unit: "of the board power",
    origin: JUDGEMENT,
};

/// Share of the board power drawn while kernels start.
pub(super) const POWER_LAUNCH: Assumption = Assumption {
    name: "power while starting kernels",
    value: 0.4,
    unit: "of the board power",
    origin: JUDGEMENT,
};

/// Lower and upper end of the power, as multiples of it.
pub(super) const POWER_SPREAD: (f64, f64) = (0.7, 1.2);

/// How the powers came about.
pub(super) const ENERGY_BASIS: Basis = Basis::Assumed;

/// Whether the attained rate of such units is fitted, not judged.
pub(super) fn fitted(_unit: ArithmeticUnit) -> bool {
    false
}

/// Lower and upper end of a latency, as multiples of it.
pub(super) fn latency_spread(_basis: Basis) -> (f64, f64) {
    LATENCY_SPREAD
}

/// The constants that an estimate with these rates rests on.
pub(super) fn used(rates: &Rates) -> Vec<Assumption> {
    let contraction = match rates.contraction.unit {
        ArithmeticUnit::Matrix => MATRIX,
        ArithmeticUnit::Vector => VECTOR,
    };
    let mut used = vec![contraction];
    if contraction != VECTOR {
        used.push(VECTOR);
    }
    used.extend([BANDWIDTH, LAUNCH, POWER_COMPUTE, POWER_MEMORY, POWER_LAUNCH]);
    used
}
