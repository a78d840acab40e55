//! The JSON of a comparison: a contract, of which `ergometer schema diff` prints the schema.
//!
//! Keys are only ever added under the number in [`SCHEMA`]. What is not known is null, never 0.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Compared, what};
use crate::diff::{self, By, LayerChange, Spread, TOTALS};
use crate::report::analysis::{Interval, Tool};
use crate::report::check::json::Verdict as BudgetVerdict;

/// Name and version of the contract.
pub const SCHEMA: &str = "ergometer.diff/1";

/// What changed between two models.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Comparison<'c> {
    /// Name and version of this contract: `ergometer.diff/1`.
    pub schema: &'static str,
    /// What made this.
    pub tool: Tool,
    /// The first model.
    pub before: Side<'c>,
    /// The second model.
    pub after: Side<'c>,
    /// Dimensions that the two were counted at different sizes of; null where a model has no such dimension.
    pub bindings: BTreeMap<&'c str, Pair<u64>>,
    /// Sums over all layers: `flops`, `macs`, `params`, `param_bytes`, `bytes`, `peak_activation_bytes`, `nodes`.
    pub totals: BTreeMap<&'static str, Counted>,
    /// One entry a device and runtime that either model has an estimate for.
    pub estimates: Vec<Estimated<'c>>,
    /// How many layers there are of each kind.
    pub layers: LayerCounts,
    /// Layers that were added, removed or changed, the largest change of FLOPs first.
    pub changes: Vec<Layer<'c>>,
    /// The budgets that were asked for, and whether they are kept.
    pub budgets: Vec<BudgetVerdict>,
}

/// One of the models.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Side<'c> {
    /// Its file as the user named it, now or when the baseline was made.
    pub path: &'c str,
    /// Version of ergometer that counted it.
    pub version: &'c str,
    /// Whether every node that runs is counted: if not, its sums are lower bounds.
    pub complete: bool,
}

/// A value of both models; null where there is none.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pair<T> {
    /// Of the first model.
    pub before: Option<T>,
    /// Of the second.
    pub after: Option<T>,
}

/// A count of both models.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Counted {
    /// Of the first model; null if it is not known.
    pub before: Option<u64>,
    /// Of the second.
    pub after: Option<u64>,
    /// How much more it became, of what it was: 0.1 is a tenth more. Null where either is not known, or where
    /// it was 0 and is not.
    pub relative: Option<f64>,
}

/// The estimates for a device.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Estimated<'c> {
    /// Id of the device.
    pub device: &'c str,
    /// What runs the models.
    pub runtime: &'c str,
    /// Number formats of the contractions.
    pub precision: Pair<&'c str>,
    /// Seconds.
    pub latency_s: Measured,
    /// Joules.
    pub energy_j: Measured,
}

/// An estimate of both models.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Measured {
    /// Of the first model; null if there is none.
    pub before: Option<Interval>,
    /// Of the second.
    pub after: Option<Interval>,
    /// How much more it became, of what it was.
    pub relative: Option<f64>,
    /// `same`, `noise` if the change is smaller than the interval, `less` or `more`; null where either is missing.
    pub verdict: Option<&'static str>,
}

/// How many layers there are of each kind.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LayerCounts {
    /// The same in both.
    pub same: u64,
    /// The same under another name.
    pub renamed: u64,
    /// In both, and different.
    pub changed: u64,
    /// In the second alone.
    pub added: u64,
    /// In the first alone.
    pub removed: u64,
}

/// A layer that is not the same in both models.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Layer<'c> {
    /// What is different: `added`, `removed`, or some of `operator`, `outputs`, `runs`, `work`, `parameters`,
    /// `storage`, `traffic`, `coverage`.
    pub what: Vec<&'static str>,
    /// What says that the two are the same layer: `name` or `structure`; null where there is only one.
    pub aligned_by: Option<&'static str>,
    /// In the first model; null for one that was added.
    pub before: Option<LayerSide<'c>>,
    /// In the second; null for one that was removed.
    pub after: Option<LayerSide<'c>>,
}

/// A layer of one model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LayerSide<'c> {
    /// Its name.
    pub name: &'c str,
    /// Module path.
    pub scope: &'c str,
    /// Its operator, with the domain in front unless that is ai.onnx.
    pub op: &'c str,
    /// Types of its outputs: `float32[1,64,?]`.
    pub outputs: &'c [String],
    /// How often it runs.
    pub repeat: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// `2·macs + alu + div + trans`.
    pub flops: u64,
    /// Parameters.
    pub params: u64,
    /// Bytes in which they are stored.
    pub param_bytes: u64,
    /// Bytes read and written.
    pub bytes: u64,
    /// Whether its cost is known.
    pub known: bool,
}

/// The contract, filled.
pub fn of<'c>(compared: &Compared<'c>) -> Comparison<'c> {
    let diff = compared.diff;
    let side = |snapshot: &'c diff::Snapshot| Side {
        path: &snapshot.path,
        version: &snapshot.version,
        complete: snapshot.totals.complete,
    };
    let count =
        |kind: fn(&LayerChange) -> bool| diff.layers.iter().filter(|change| kind(change)).count() as u64;
    Comparison {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        before: side(diff.before),
        after: side(diff.after),
        bindings: diff
            .bindings
            .iter()
            .map(|(name, change)| (*name, Pair { before: change.before, after: change.after }))
            .collect(),
        totals: TOTALS
            .iter()
            .zip(&diff.totals)
            .map(|(total, change)| {
                let counted =
                    Counted { before: change.before, after: change.after, relative: change.relative() };
                (total.key, counted)
            })
            .collect(),
        estimates: diff
            .estimates
            .iter()
            .map(|change| Estimated {
                device: change.device,
                runtime: change.runtime,
                precision: Pair { before: change.precision.before, after: change.precision.after },
                latency_s: measured(&change.latency),
                energy_j: measured(&change.energy),
            })
            .collect(),
        layers: LayerCounts {
            same: diff.same,
            renamed: diff.renamed,
            changed: count(|change| change.before.is_some() && change.after.is_some()),
            added: count(|change| change.before.is_none()),
            removed: count(|change| change.after.is_none()),
        },
        changes: diff.layers.iter().map(layer).collect(),
        budgets: compared.findings.iter().map(BudgetVerdict::of).collect(),
    }
}

fn measured(change: &diff::Change<Spread>) -> Measured {
    let interval = |spread: Spread| Interval { value: spread.value, low: spread.low, high: spread.high };
    Measured {
        before: change.before.map(interval),
        after: change.after.map(interval),
        relative: change.relative(),
        verdict: change.verdict().map(diff::Verdict::name),
    }
}

fn layer<'c>(change: &LayerChange<'c>) -> Layer<'c> {
    let side = |layer: &'c diff::Layer| LayerSide {
        name: &layer.name,
        scope: &layer.scope,
        op: &layer.op,
        outputs: &layer.outputs,
        repeat: layer.repeat,
        macs: layer.figures.macs,
        flops: layer.figures.flops,
        params: layer.figures.params,
        param_bytes: layer.figures.param_bytes,
        bytes: layer.figures.bytes,
        known: layer.known,
    };
    Layer {
        what: what(change),
        aligned_by: change.by.map(|by| match by {
            By::Name => "name",
            By::Structure => "structure",
        }),
        before: change.before.map(side),
        after: change.after.map(side),
    }
}
