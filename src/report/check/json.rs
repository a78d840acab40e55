//! The JSON of a check: a contract, of which `ergometer schema check` prints the schema.
//!
//! Keys are only ever added under the number in [`SCHEMA`]. What is not known is null, never 0.

use schemars::JsonSchema;
use serde::Serialize;

use super::Checked;
use crate::check::{Finding, Limit, Outcome};
use crate::report::analysis::Tool;
use crate::report::failure::Problem;

/// Name and version of the contract.
pub const SCHEMA: &str = "ergometer.check/1";

/// Whether models keep their budgets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Check<'c> {
    /// Name and version of this contract: `ergometer.check/1`.
    pub schema: &'static str,
    /// What made this.
    pub tool: Tool,
    /// Whether every budget of every model is kept.
    pub passed: bool,
    /// One entry a model.
    pub models: Vec<Model<'c>>,
}

/// One model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model<'c> {
    /// Its file as the user named it.
    pub path: &'c str,
    /// Whether it keeps all of its budgets.
    pub passed: bool,
    /// Its budgets.
    pub budgets: Vec<Verdict>,
    /// Why it could not be counted; null if it could.
    pub error: Option<&'c Problem>,
}

/// A budget and whether it is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verdict {
    /// Of what: `flops`, `macs`, `params`, `param_bytes`, `bytes`, `peak_memory`, `latency_s` or `energy_j`.
    pub metric: &'static str,
    /// Id of the device, for estimates.
    pub device: Option<String>,
    /// What is allowed, in the base unit of the metric; null if the baseline does not say.
    pub allowed: Option<f64>,
    /// How much more than the baseline is allowed, of what that has; null for an absolute budget.
    pub max_increase: Option<f64>,
    /// What the baseline has; null without one.
    pub baseline: Option<f64>,
    /// What the model has; null if it is not known.
    pub found: Option<f64>,
    /// The 10th percentile of that, for an estimate.
    pub low: Option<f64>,
    /// The 90th percentile.
    pub high: Option<f64>,
    /// `kept`, `noise` (above, by less than the interval of the estimate), `broken`, or `unknown`, which does not pass.
    pub outcome: &'static str,
    /// Why the outcome is unknown; null otherwise.
    pub reason: Option<String>,
}

/// The contract, filled.
pub fn of(checked: &[Checked]) -> Check<'_> {
    Check {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        passed: checked.iter().all(Checked::passes),
        models: checked
            .iter()
            .map(|model| Model {
                path: &model.path,
                passed: model.passes(),
                budgets: model.findings.iter().map(Verdict::of).collect(),
                error: model.failure.as_ref().map(|failure| &failure.error),
            })
            .collect(),
    }
}

impl Verdict {
    /// The contract, filled.
    pub fn of(finding: &Finding) -> Self {
        let metric = finding.rule.metric;
        Self {
            metric: metric.key(),
            device: finding.rule.device.clone().filter(|_| metric.is_estimate()),
            allowed: finding.allowed,
            max_increase: match finding.rule.limit {
                Limit::AtMost(_) => None,
                Limit::Increase(share) => Some(share),
            },
            baseline: finding.baseline,
            found: finding.found,
            low: finding.spread.map(|spread| spread.low),
            high: finding.spread.map(|spread| spread.high),
            outcome: match finding.outcome {
                Outcome::Kept => "kept",
                Outcome::Noise => "noise",
                Outcome::Broken => "broken",
                Outcome::Unknown(_) => "unknown",
            },
            reason: match &finding.outcome {
                Outcome::Unknown(reason) => Some(reason.clone()),
                _ => None,
            },
        }
    }
}
