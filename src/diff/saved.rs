//! Reads models back from what `ergometer analyze --format json` or `jsonl` wrote: a baseline.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::snapshot::{Estimate, Figures, Layer, Snapshot, Spread, Totals, shape_text, sum};
use crate::cost::operator_name;
use crate::units::Seconds;

/// The contract that is read; `report::analysis` writes it.
const SCHEMA: &str = "ergometer.analysis/1";

/// Why a text holds no analysis.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is no JSON.
    #[error("is no JSON: {0}")]
    Json(serde_json::Error),
    /// It is JSON of something else.
    #[error("is {found}, not an analysis ({SCHEMA})")]
    Schema {
        /// What it says it is.
        found: String,
    },
    /// It says it is an analysis, and lacks what one has.
    #[error("is a damaged analysis: {0}")]
    Damaged(serde_json::Error),
    /// The analysis failed, and the file says so.
    #[error("holds no model that was counted: {0}")]
    Failed(String),
    /// Nothing is in it.
    #[error("holds no model")]
    Nothing,
}

impl SavedError {
    /// What would help.
    pub fn hint(&self) -> &'static str {
        "`ergometer analyze MODEL --format json -o FILE` writes an analysis"
    }
}

/// The models of a file: one analysis, a list of them, or one a line. Models that could not be analysed are left out.
///
/// # Errors
/// [`SavedError`] if the text is something else, or if no model in it was analysed.
pub fn read(text: &str) -> Result<Vec<Snapshot>, SavedError> {
    let mut documents = vec![];
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match document.map_err(SavedError::Json)? {
            Value::Array(list) => documents.extend(list),
            other => documents.push(other),
        }
    }
    let mut failed = None;
    let mut models = vec![];
    for document in documents {
        match document.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {
                models.push(Analysis::deserialize(document).map_err(SavedError::Damaged)?.into());
            }
            None if document.get("error").is_some() => {
                let message = document.pointer("/error/message").and_then(Value::as_str);
                failed = Some(message.unwrap_or("its analysis failed").to_owned());
            }
            found => {
                let found = found.map_or_else(|| "other JSON".to_owned(), |name| format!("\"{name}\""));
                return Err(SavedError::Schema { found });
            }
        }
    }
    match (models.is_empty(), failed) {
        (false, _) => Ok(models),
        (true, Some(message)) => Err(SavedError::Failed(message)),
        (true, None) => Err(SavedError::Nothing),
    }
}

#[derive(Deserialize)]
struct Analysis {
    tool: Tool,
    model: Model,
    #[serde(default)]
    bindings: Vec<Binding>,
    totals: SavedTotals,
    layers: Vec<SavedLayer>,
    #[serde(default)]
    warnings: Vec<Warning>,
    #[serde(default)]
    estimates: Vec<SavedEstimate>,
}

#[derive(Deserialize)]
struct Tool {
    version: String,
}

#[derive(Deserialize)]
struct Model {
    path: String,
}

#[derive(Deserialize)]
struct Binding {
    name: String,
    value: u64,
}

#[derive(Deserialize)]
struct SavedFigures {
    macs: u64,
    flops: u64,
    params: u64,
    param_bytes: u64,
    bytes_read: u64,
    bytes_weights: u64,
    bytes_written: u64,
}

#[derive(Deserialize)]
struct SavedTotals {
    #[serde(flatten)]
    figures: SavedFigures,
    peak_activation_bytes: Option<u64>,
    #[serde(default)]
    bounded_flops: u64,
    complete: bool,
    nodes: u64,
}

#[derive(Deserialize)]
struct SavedLayer {
    name: String,
    op: String,
    domain: String,
    scope: String,
    outputs: Vec<Tensor>,
    repeat: u64,
    #[serde(flatten)]
    figures: SavedFigures,
    confidence: String,
    time_s: Option<f64>,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: Option<String>,
    shape: Option<Vec<Option<u64>>>,
}

#[derive(Deserialize)]
struct Warning {
    code: String,
    value: String,
    message: String,
}

#[derive(Deserialize)]
struct SavedEstimate {
    device: String,
    runtime: String,
    precision: String,
    latency_s: SavedSpread,
    energy_j: Option<SavedSpread>,
    energy_reason: Option<String>,
}

#[derive(Deserialize)]
struct SavedSpread {
    value: f64,
    low: f64,
    high: f64,
}

impl From<Analysis> for Snapshot {
    fn from(saved: Analysis) -> Self {
        let Analysis { tool, model, bindings, totals, layers, warnings, estimates } = saved;
        let missing = warnings.into_iter().filter(|warning| warning.code == "no-estimate");
        let without_estimate: BTreeMap<String, String> =
            missing.map(|warning| (warning.value, warning.message)).collect();
        Self {
            path: model.path,
            version: tool.version,
            bindings: bindings.into_iter().map(|binding| (binding.name, binding.value)).collect(),
            totals: Totals {
                figures: totals.figures.into(),
                peak_activation_bytes: totals.peak_activation_bytes,
                nodes: totals.nodes,
                bounded_flops: totals.bounded_flops,
                complete: totals.complete,
            },
            layers: layers.into_iter().map(Layer::from).collect(),
            estimates: estimates.into_iter().map(Estimate::from).collect(),
            without_estimate,
        }
    }
}

impl From<SavedFigures> for Figures {
    fn from(saved: SavedFigures) -> Self {
        let SavedFigures { macs, flops, params, param_bytes, bytes_read, bytes_weights, bytes_written } =
            saved;
        Self { macs, flops, params, param_bytes, bytes: sum([bytes_read, bytes_weights, bytes_written]) }
    }
}

impl From<SavedLayer> for Layer {
    fn from(saved: SavedLayer) -> Self {
        Self {
            op: operator_name(&saved.domain, &saved.op),
            name: saved.name,
            scope: saved.scope,
            outputs: saved.outputs.iter().map(written).collect(),
            repeat: saved.repeat,
            figures: saved.figures.into(),
            known: saved.confidence != "unknown",
            time: saved.time_s.map(Seconds),
        }
    }
}

impl From<SavedEstimate> for Estimate {
    fn from(saved: SavedEstimate) -> Self {
        let spread = |saved: SavedSpread| Spread { value: saved.value, low: saved.low, high: saved.high };
        Self {
            device: saved.device,
            runtime: saved.runtime,
            precision: saved.precision,
            latency: spread(saved.latency_s),
            energy: saved.energy_j.map(spread),
            energy_reason: saved.energy_reason,
        }
    }
}

/// As a model that was just counted has it: see `snapshot::written`.
fn written(tensor: &Tensor) -> String {
    let Some(dtype) = tensor.dtype.as_deref() else { return shape_text(None, None) };
    let element = dtype.strip_prefix("sparse(").and_then(|inner| inner.strip_suffix(')')).unwrap_or(dtype);
    if element.contains('(') {
        return "other".to_owned();
    }
    shape_text(Some(element), tensor.shape.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_analysis_is_named_for_what_it_is() {
        for (text, told) in [
            ("", "holds no model"),
            ("[]", "holds no model"),
            ("{", "is no JSON"),
            ("3", "is other JSON"),
            ("{\"schema\": \"ergometer.profile/1\"}", "is \"ergometer.profile/1\", not an analysis"),
            ("{\"schema\": \"ergometer.analysis/1\"}", "damaged"),
            (
                "{\"model\": {\"path\": \"a\"}, \"error\": {\"message\": \"a: is empty\"}}",
                "holds no model that was counted: a: is empty",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
