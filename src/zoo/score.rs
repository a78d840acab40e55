//! One row of a scored zoo: a contract, of which `ergometer schema score` prints the schema.
//!
//! Keys are only ever added under the number in [`SCHEMA`]. Counts are integers; measured quantities are in SI base
//! units, with the unit at the end of the key. What is not known is null, never 0.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name and version of the contract.
pub const SCHEMA: &str = "ergometer.score/1";

/// One model of a zoo.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// Name and version of this contract: `ergometer.score/1`.
    pub schema: Cow<'static, str>,
    /// The model's identity: its file as the user named it, or the folder that was named and what leads to the file
    /// from there, with `/` between; or its URL.
    pub path: String,
    /// What the manifest says of it.
    #[serde(flatten)]
    pub annotations: Annotations,
    /// What was found.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What one run of the whole batch takes, one entry a device; empty for a model that failed.
    pub estimates: Vec<Estimate>,
    /// How it stands among the others; null while they are not all scored.
    pub standing: Option<Standing>,
}

/// What a manifest says of a model.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Annotations {
    /// What people call it.
    pub name: Option<String>,
    /// When it was published: `2019`, `2019-05` or `2019-05-28`.
    pub date: Option<String>,
    /// What it is for: `image-classification`.
    pub task: Option<String>,
    /// How well it does that, as the manifest's author measures it; larger is better.
    pub accuracy: Option<f64>,
    /// Anything else.
    pub notes: Option<String>,
}

/// What became of a model.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was counted.
    Counts(Box<Facts>),
    /// It was not.
    Error(Problem),
}

/// Why a model was not scored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScoreProblem")]
pub struct Problem {
    /// A word that names the kind of problem and does not change between releases: `not-found`, `truncated`.
    pub code: String,
    /// What was found, and where.
    pub message: String,
    /// What would help, where that is known.
    pub hint: Option<String>,
}

/// What was counted of a model: sums over all its layers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// Hash of all that the counts depend on, weights left out: models of equal hash have the same graph, and may
    /// have different weights.
    pub graph_hash: String,
    /// Size of the file, external data not included.
    pub file_bytes: u64,
    /// What each open dimension was taken to be.
    pub bindings: BTreeMap<String, u64>,
    /// Version of the standard operator set; null if the file imports none.
    pub opset: Option<i64>,
    /// What exported it, with its version; null if the file does not say.
    pub producer: Option<String>,
    /// Nodes, bodies included.
    pub nodes: u64,
    /// Nodes whose cost is known.
    pub costed_nodes: u64,
    /// Whether every node that runs is counted: if not, all sums are lower bounds.
    pub complete: bool,
    /// `2·macs + alu + div + trans`.
    pub flops: u64,
    /// Of `flops`, those that are upper bounds: sizes or turns depend on data.
    pub bounded_flops: u64,
    /// Multiply-accumulates of contractions.
    pub macs: u64,
    /// MACs by the element types of their factors.
    pub macs_by_type: BTreeMap<String, u64>,
    /// Parameters, each tensor once.
    pub params: u64,
    /// Bytes that they take in the file and beside it.
    pub param_bytes: u64,
    /// Bytes of activations read.
    pub bytes_read: u64,
    /// Bytes of constants read.
    pub bytes_weights: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// The most memory that activations take at once; null where the size of one has no bound.
    pub peak_activation_bytes: Option<u64>,
}

/// A figure and the range from its 10th to its 90th percentile.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScorePercentiles")]
pub struct Percentiles {
    /// The estimate: the median.
    pub value: f64,
    /// The 10th percentile.
    pub low: f64,
    /// The 90th percentile.
    pub high: f64,
}

/// What a model takes on a device.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScoreEstimate")]
pub struct Estimate {
    /// The device's id, or the name of its profile.
    pub device: String,
    /// What runs the model; null where nothing can be estimated.
    pub runtime: Option<String>,
    /// The number format of the contractions; null where nothing can be estimated.
    pub precision: Option<String>,
    /// How the latency came about: measured, calibrated, spec or assumed; null where there is none.
    pub basis: Option<String>,
    /// Seconds; null where nothing can be estimated.
    pub latency_s: Option<Percentiles>,
    /// How the energy came about; null where there is none.
    pub energy_basis: Option<String>,
    /// Joules; null where no power is known.
    pub energy_j: Option<Percentiles>,
    /// Joules of the whole machine, at the wall; null where that cannot be told.
    #[serde(default)]
    pub system_energy_j: Option<f64>,
    /// Grams of CO2 equivalent, embodied ones included where they are known; null without a carbon intensity.
    #[serde(default)]
    pub co2e_g: Option<f64>,
    /// What the electricity costs; null without a price.
    #[serde(default)]
    pub cost: Option<f64>,
    /// In which currency.
    #[serde(default)]
    pub currency: Option<String>,
    /// Whether parameters and activations fit in the memory of the device; null where either is not known.
    pub fits_memory: Option<bool>,
    /// Why a figure is missing; null where none is.
    pub reason: Option<String>,
}

/// How a model stands among the others.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The first model, by path, of the same graph; null for that one, and for a graph of its own.
    pub same_graph_as: Option<String>,
    /// Its place by energy on the first device, the lowest first, from 1; models of equal energy share a place. Null
    /// without an energy.
    pub energy_rank: Option<u64>,
    /// Its place by accuracy for a joule on the first device, the highest first. Null where either is not known.
    pub efficiency_rank: Option<u64>,
    /// Whether no other model has at most its energy and at least its accuracy, and is better in one of them. Null
    /// where either is not known.
    pub pareto_accuracy: Option<bool>,
    /// Whether no other model has at most its energy and at least its parameters, and is better in one of them. Null
    /// without an energy.
    pub pareto_params: Option<bool>,
}

impl Score {
    /// What was counted; `None` of a model that failed.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        match &self.outcome {
            Outcome::Counts(facts) => Some(facts),
            Outcome::Error(_) => None,
        }
    }

    /// Why it failed; `None` of a model that did not.
    #[must_use]
    pub fn error(&self) -> Option<&Problem> {
        match &self.outcome {
            Outcome::Counts(_) => None,
            Outcome::Error(problem) => Some(problem),
        }
    }
}
