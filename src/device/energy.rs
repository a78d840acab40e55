//! What a device was measured to draw: a linear model of its energy, as a calibration leaves it behind.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Joules, Seconds, Watts};

/// Which part of the machine a power figure covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeterScope {
    /// A whole card or module: chip, memory, regulators.
    Board,
    /// One or more processor packages, without the memory beside them.
    Package,
    /// The chip, with the CPU where both share it.
    Soc,
    /// Everything behind the plug or the battery.
    System,
    /// No instrument: somebody said so.
    Assumed,
}

impl fmt::Display for MeterScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Board => "board",
            Self::Package => "package",
            Self::Soc => "soc",
            Self::System => "system",
            Self::Assumed => "assumed",
        })
    }
}

/// The 10th and the 90th percentile of a figure, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// 10th percentile.
    pub p10: f64,
    /// 90th percentile.
    pub p90: f64,
}

/// Energy as a sum: static power by time, and a price for each FLOP and each byte moved.
///
/// `E = P0·T + e_flop·W + e_byte·Q`. Source: Choi, Bedard, Fowler, Vuduc, "A roofline model of energy", IPDPS
/// 2013. Fitted on one device, by one meter: it covers what [`EnergyModel::scope`] says and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnergyModel {
    /// The meter, by name.
    pub source: String,
    /// What the meter covers.
    pub scope: MeterScope,
    /// The smallest step of the meter.
    #[serde(rename = "resolution_j")]
    #[schemars(with = "f64")]
    pub resolution: Joules,
    /// How often the meter renews its value.
    #[serde(rename = "update_s")]
    #[schemars(with = "f64")]
    pub update_period: Seconds,
    /// Power over a window without work; `None` where it was not measured.
    #[serde(rename = "idle_w")]
    #[schemars(with = "Option<f64>")]
    pub idle: Option<Watts>,
    /// `P0`: what runs as long as work does, however little. More than `idle_w`: clocks are up.
    #[serde(rename = "static_w")]
    #[schemars(with = "f64")]
    pub static_power: Watts,
    /// `e_flop`: what a FLOP adds.
    pub joules_per_flop: f64,
    /// `e_byte`: what a byte of memory traffic adds.
    pub joules_per_byte: f64,
    /// Spread of `static_w` over bootstrap resamples.
    pub static_w_interval: Percentiles,
    /// Spread of `joules_per_flop` over bootstrap resamples.
    pub joules_per_flop_interval: Percentiles,
    /// Spread of `joules_per_byte` over bootstrap resamples.
    pub joules_per_byte_interval: Percentiles,
    /// Share of the variance of the fitted joules that the model explains; `None` where they do not vary.
    pub r2: Option<f64>,
    /// Condition number of the normal matrix, columns scaled to the same length: 1 is best; near 10^6 two
    /// coefficients can hardly be told apart.
    pub condition: f64,
    /// Mean absolute error on points that the fit did not see, as a fraction.
    pub heldout_mape: f64,
    /// Measured over predicted joules on these points.
    pub heldout_ratio: Percentiles,
    /// How these points were chosen.
    pub heldout: HeldOut,
    /// Points that the coefficients rest on.
    pub samples: usize,
}

/// Which points the error of an [`EnergyModel`] is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldOut {
    /// On points set aside before the fit.
    HeldBack,
    /// On each point, by a fit on all others.
    LeaveOneOut,
}

/// An energy and the range from its 10th to its 90th percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyEstimate {
    /// The estimate.
    pub value: Joules,
    /// The 10th percentile.
    pub low: Joules,
    /// The 90th percentile.
    pub high: Joules,
}

impl EnergyModel {
    /// The energy of `flops` operations and `bytes` of traffic that together last `time`.
    ///
    /// The range holds two errors taken as independent: that of the coefficients, added in squares (too wide
    /// where they err in opposite directions, never too narrow for it), and that seen on points held out.
    #[must_use]
    pub fn energy(&self, time: Seconds, flops: u64, bytes: u64) -> EnergyEstimate {
        let (flops, bytes) = (flops as f64, bytes as f64);
        let value = self.static_power * time
            + Joules(self.joules_per_flop * flops)
            + Joules(self.joules_per_byte * bytes);
        let parts = [
            (self.static_power.0, self.static_w_interval, time.0),
            (self.joules_per_flop, self.joules_per_flop_interval, flops),
            (self.joules_per_byte, self.joules_per_byte_interval, bytes),
        ];
        let away = |end: fn(f64, Percentiles) -> f64| {
            let squares =
                parts.map(|(coefficient, interval, amount)| (end(coefficient, interval) * amount).powi(2));
            squares.iter().sum::<f64>().sqrt()
        };
        let below = away(|coefficient, interval| (coefficient - interval.p10).max(0.0));
        let above = away(|coefficient, interval| (interval.p90 - coefficient).max(0.0));
        let short = (1.0 - self.heldout_ratio.p10).max(0.0) * value.0;
        let long = (self.heldout_ratio.p90 - 1.0).max(0.0) * value.0;
        EnergyEstimate {
            value,
            low: Joules((value.0 - below.hypot(short)).max(0.0)),
            high: Joules(value.0 + above.hypot(long)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> EnergyModel {
        EnergyModel {
            source: "NVML energy counter".to_owned(),
            scope: MeterScope::Board,
            resolution: Joules(1e-3),
            update_period: Seconds(0.1),
            idle: Some(Watts(40.0)),
            static_power: Watts(100.0),
            joules_per_flop: 1e-11,
            joules_per_byte: 1e-10,
            static_w_interval: Percentiles { p10: 97.0, p90: 104.0 },
            joules_per_flop_interval: Percentiles { p10: 1e-11, p90: 1e-11 },
            joules_per_byte_interval: Percentiles { p10: 1e-10, p90: 1e-10 },
            r2: Some(0.99),
            condition: 12.0,
            heldout_mape: 0.02,
            heldout_ratio: Percentiles { p10: 0.98, p90: 1.0 },
            heldout: HeldOut::LeaveOneOut,
            samples: 12,
        }
    }

    #[test]
    fn energies_of_time_work_and_traffic_add_up() {
        // 100 W for 2 s, 10 pJ for each of 5 TFLOP, 100 pJ for each of 500 GB.
        let estimate = model().energy(Seconds(2.0), 5_000_000_000_000, 500_000_000_000);
        assert!((estimate.value.0 - (200.0 + 50.0 + 50.0)).abs() < 1e-9);
        // 3 W less for 2 s and 2 % of 300 J, in squares; 4 W more for 2 s.
        assert!((estimate.low.0 - (300.0 - 6.0_f64.hypot(6.0))).abs() < 1e-9);
        assert!((estimate.high.0 - 308.0).abs() < 1e-9);
    }

    #[test]
    fn keys_carry_their_unit_and_read_back() {
        let json = serde_json::to_value(model()).unwrap();
        for key in
            ["source", "scope", "resolution_j", "update_s", "idle_w", "static_w", "joules_per_flop", "r2"]
        {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["scope"], "board");
        assert_eq!(json["static_w_interval"]["p90"], 104.0);
        assert_eq!(serde_json::from_value::<EnergyModel>(json).unwrap(), model());
    }
}
