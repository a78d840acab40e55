//! Budgets: what a model may cost, absolutely or more than its baseline, and whether it keeps to that. Pure: it reads
//! no file.
//!
//! A figure that is not known keeps no budget: a gate that cannot see does not open.

mod amount;
mod config;

pub use amount::{AmountError, parse_amount, parse_share};
pub use config::{Config, ConfigError, Settings};

use crate::diff::{Change, Snapshot, Spread, Verdict};
use crate::units;

/// A figure that has a budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Metric {
    /// `2·macs + alu + div + trans`.
    Flops,
    /// Multiply-accumulates of contractions.
    Macs,
    /// Parameters, each tensor once.
    Params,
    /// Bytes in which they are stored.
    ParamBytes,
    /// Bytes read and written in a run.
    Bytes,
    /// The most bytes that activations take at once.
    PeakMemory,
    /// Time of a run of the whole batch on a device.
    Latency,
    /// Energy of it.
    Energy,
}

/// What a metric is measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// FLOPs, MACs, parameters.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Joules.
    Joules,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Flops,
        Self::Macs,
        Self::Params,
        Self::ParamBytes,
        Self::Bytes,
        Self::PeakMemory,
        Self::Latency,
        Self::Energy,
    ];

    /// Its name in files and on the command line; a budget of it is `max_` and this.
    pub fn key(self) -> &'static str {
        match self {
            Self::Flops => "flops",
            Self::Macs => "macs",
            Self::Params => "params",
            Self::ParamBytes => "param_bytes",
            Self::Bytes => "bytes",
            Self::PeakMemory => "peak_memory",
            Self::Latency => "latency_s",
            Self::Energy => "energy_j",
        }
    }

    /// The metric of a name; the unit may be left out.
    pub fn of_key(key: &str) -> Option<Self> {
        let short = |metric: &Self| metric.key().trim_end_matches("_s").trim_end_matches("_j") == key;
        Self::ALL.into_iter().find(|metric| metric.key() == key || short(metric))
    }

    /// What it is measured in.
    pub fn unit(self) -> Unit {
        match self {
            Self::Flops | Self::Macs | Self::Params => Unit::Count,
            Self::ParamBytes | Self::Bytes | Self::PeakMemory => Unit::Bytes,
            Self::Latency => Unit::Seconds,
            Self::Energy => Unit::Joules,
        }
    }

    /// Whether it is of a device, and so an estimate.
    pub fn is_estimate(self) -> bool {
        matches!(self, Self::Latency | Self::Energy)
    }

    /// A value of it as a person reads it.
    pub fn shown(self, value: f64) -> String {
        let symbol = match self.unit() {
            Unit::Count => "",
            Unit::Bytes => "B",
            Unit::Seconds => "s",
            Unit::Joules => "J",
        };
        units::quantity(value, symbol)
    }
}

/// How much of a metric is allowed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Limit {
    /// So much, in the base unit of the metric.
    AtMost(f64),
    /// So much more than the baseline, of what that has: 0.05 is a twentieth more.
    Increase(f64),
}

/// One budget.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Of what.
    pub metric: Metric,
    /// Id of the device, for estimates; `None` for the first one that there is an estimate for.
    pub device: Option<String>,
    /// How much.
    pub limit: Limit,
}

/// Whether a budget is kept.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It is.
    Kept,
    /// The estimate is above what is allowed, by less than its interval.
    Noise,
    /// It is not.
    Broken,
    /// It cannot be told, and why.
    Unknown(String),
}

/// A budget held against a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The budget.
    pub rule: Rule,
    /// What the model has, in the base unit of the metric; `None` if it is not known.
    pub found: Option<f64>,
    /// The interval of that, for an estimate.
    pub spread: Option<Spread>,
    /// What the baseline has.
    pub baseline: Option<f64>,
    /// What is allowed.
    pub allowed: Option<f64>,
    /// Whether it is kept.
    pub outcome: Outcome,
}

impl Finding {
    /// Whether the gate opens.
    pub fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Kept | Outcome::Noise)
    }

    /// What is found, of what is allowed, less 1: 0.02 is two hundredths too much.
    pub fn excess(&self) -> Option<f64> {
        Some(self.found? / self.allowed? - 1.0).filter(|excess| excess.is_finite())
    }
}

/// A value of a model, and how sure it is.
enum Known {
    /// Exactly so much.
    Exactly(f64),
    /// At least so much: something is not counted.
    AtLeast(f64),
    /// About so much.
    About(Spread),
    /// Nothing is known, and why.
    Nothing(String),
}

/// Holds a budget against a model, and against its baseline if the budget is an increase.
pub fn judge(rule: &Rule, model: &Snapshot, baseline: Option<&Snapshot>) -> Finding {
    let value = known(rule, model);
    let mut finding = Finding {
        rule: rule.clone(),
        found: value.number(),
        spread: value.spread(),
        baseline: None,
        allowed: None,
        outcome: Outcome::Kept,
    };
    let mut noise = false;
    finding.allowed = match rule.limit {
        Limit::AtMost(limit) => Some(limit),
        Limit::Increase(share) => {
            let Some(baseline) = baseline else {
                finding.outcome = Outcome::Unknown("there is no baseline for it".to_owned());
                return finding;
            };
            let before = known(rule, baseline);
            if let Known::Nothing(reason) = &before {
                finding.outcome = Outcome::Unknown(format!("the baseline does not say: {reason}"));
                return finding;
            }
            let spreads = Change { before: before.spread(), after: value.spread() };
            noise = matches!(spreads.verdict(), Some(Verdict::Noise));
            finding.baseline = before.number();
            finding.baseline.map(|before| before * (1.0 + share))
        }
    };
    let above = matches!((finding.found, finding.allowed), (Some(found), Some(allowed)) if found > allowed);
    finding.outcome = match value {
        Known::Nothing(reason) => Outcome::Unknown(reason),
        _ if above && noise => Outcome::Noise,
        _ if above => Outcome::Broken,
        Known::AtLeast(_) => Outcome::Unknown("not every node is counted, so it may be more".to_owned()),
        Known::Exactly(_) | Known::About(_) => Outcome::Kept,
    };
    finding
}

fn known(rule: &Rule, model: &Snapshot) -> Known {
    let totals = &model.totals;
    let figures = &totals.figures;
    let counted = |count: u64| {
        let count = count as f64;
        if totals.complete { Known::Exactly(count) } else { Known::AtLeast(count) }
    };
    let device = rule.device.as_deref();
    let estimate = || {
        model.estimate(device).ok_or_else(|| {
            let told = device.and_then(|device| model.without_estimate.get(device));
            told.cloned().unwrap_or_else(|| match device {
                Some(device) => format!("there is no estimate for {device}"),
                None => "there is no estimate".to_owned(),
            })
        })
    };
    match rule.metric {
        Metric::Flops => counted(figures.flops),
        Metric::Macs => counted(figures.macs),
        // Weights are in the file whether or not the node that uses them is counted; which of its inputs are weights
        // is not known for an operator that is not.
        Metric::Params => counted(figures.params),
        Metric::ParamBytes => counted(figures.param_bytes),
        Metric::Bytes => counted(figures.bytes),
        Metric::PeakMemory => match totals.peak_activation_bytes {
            Some(peak) => counted(peak),
            None => Known::Nothing("the size of an activation depends on data, without a bound".to_owned()),
        },
        Metric::Latency => match estimate() {
            Ok(estimate) => Known::of(estimate.latency, totals.complete),
            Err(reason) => Known::Nothing(reason),
        },
        Metric::Energy => match estimate() {
            Ok(estimate) => match estimate.energy {
                Some(energy) => Known::of(energy, totals.complete),
                None => Known::Nothing(
                    estimate.energy_reason.clone().unwrap_or_else(|| "the power is not known".to_owned()),
                ),
            },
            Err(reason) => Known::Nothing(reason),
        },
    }
}

impl Known {
    fn of(spread: Spread, complete: bool) -> Self {
        if complete { Self::About(spread) } else { Self::AtLeast(spread.value) }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Exactly(value) | Self::AtLeast(value) => Some(*value),
            Self::About(spread) => Some(spread.value),
            Self::Nothing(_) => None,
        }
    }

    fn spread(&self) -> Option<Spread> {
        match self {
            Self::About(spread) => Some(*spread),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Estimate, Figures, Totals};

    fn model(flops: u64, latency: Spread, energy: Option<Spread>) -> Snapshot {
        Snapshot {
            totals: Totals {
                figures: Figures { flops, ..Figures::default() },
                complete: true,
                ..Totals::default()
            },
            estimates: vec![Estimate {
                device: "d".to_owned(),
                runtime: "eager".to_owned(),
                precision: "fp32".to_owned(),
                latency,
                energy,
                energy_reason: energy.is_none().then(|| "no power is known".to_owned()),
            }],
            ..Snapshot::default()
        }
    }

    fn rule(metric: Metric, limit: Limit) -> Rule {
        Rule { metric, device: None, limit }
    }

    const WIDE: Spread = Spread { value: 10.0, low: 5.0, high: 20.0 };
    const LONGER: Spread = Spread { value: 12.0, low: 6.0, high: 24.0 };
    const FAR: Spread = Spread { value: 50.0, low: 40.0, high: 70.0 };

    #[test]
    fn budgets_are_kept_broken_or_not_to_be_told() {
        let baseline = model(100, WIDE, None);
        for (now, limit, metric, expected) in [
            (model(100, WIDE, None), Limit::AtMost(100.0), Metric::Flops, Outcome::Kept),
            (model(101, WIDE, None), Limit::AtMost(100.0), Metric::Flops, Outcome::Broken),
            (model(105, WIDE, None), Limit::Increase(0.05), Metric::Flops, Outcome::Kept),
            (model(106, WIDE, None), Limit::Increase(0.05), Metric::Flops, Outcome::Broken),
            (model(1, WIDE, None), Limit::AtMost(9.0), Metric::Latency, Outcome::Broken),
            (model(1, LONGER, None), Limit::Increase(0.05), Metric::Latency, Outcome::Noise),
            (model(1, FAR, None), Limit::Increase(0.05), Metric::Latency, Outcome::Broken),
            (
                model(1, WIDE, None),
                Limit::AtMost(1e9),
                Metric::Energy,
                Outcome::Unknown("no power is known".to_owned()),
            ),
        ] {
            let finding = judge(&rule(metric, limit), &now, Some(&baseline));
            assert_eq!(finding.outcome, expected, "{metric:?} {limit:?}");
        }
    }

    #[test]
    fn a_lower_bound_breaks_a_budget_and_never_keeps_one() {
        let mut now = model(100, WIDE, None);
        now.totals.complete = false;
        let judged = |limit| judge(&rule(Metric::Flops, Limit::AtMost(limit)), &now, None).outcome;
        assert_eq!(judged(99.0), Outcome::Broken);
        assert!(matches!(judged(1e9), Outcome::Unknown(_)));
    }

    #[test]
    fn an_increase_needs_a_baseline() {
        let now = model(100, WIDE, None);
        let finding = judge(&rule(Metric::Flops, Limit::Increase(0.0)), &now, None);
        assert!(!finding.passes() && matches!(finding.outcome, Outcome::Unknown(_)));
    }

    #[test]
    fn keys_are_found_with_and_without_their_unit() {
        for (key, metric) in [
            ("latency_s", Some(Metric::Latency)),
            ("latency", Some(Metric::Latency)),
            ("energy", Some(Metric::Energy)),
            ("flops", Some(Metric::Flops)),
            ("params", Some(Metric::Params)),
            ("flop", None),
        ] {
            assert_eq!(Metric::of_key(key), metric, "{key}");
        }
    }
}
