//! A CycloneDX 1.7 bill of materials with the model as its subject.
//!
//! The form's own field for energy (`energyConsumptions`) wants the provider of the energy and its source, which nobody
//! knows of an estimate: figures stand in `properties` under `ergometer:`, as the form allows.
//! Source: the JSON Schema of CycloneDX 1.7 (ECMA-424).

use serde_json::{Value, json};

use super::{Property, counts, estimates, name};
use crate::report::Subject;

/// The bill of materials of a model.
pub fn of(subject: &Subject) -> Value {
    let properties = |properties: Vec<Property>| -> Vec<Value> {
        let named = properties.into_iter();
        named.map(|(key, value)| json!({ "name": format!("ergometer:{key}"), "value": value })).collect()
    };
    let metrics: Vec<Value> = subject
        .predictions
        .iter()
        .map(|prediction| {
            let latency = &prediction.latency;
            json!({
                "type": "estimated latency of one run of the whole batch, in seconds (interval: p10 to p90)",
                "slice": prediction.device,
                "value": latency.value.0.to_string(),
                "confidenceInterval": {
                    "lowerBound": latency.low.0.to_string(),
                    "upperBound": latency.high.0.to_string(),
                },
            })
        })
        .collect();
    let inputs = subject.graph.inputs.iter().map(|id| tensor(subject, *id));
    let outputs = subject.graph.outputs.iter().map(|id| tensor(subject, *id));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [{
                    "type": "application",
                    "name": env!("CARGO_PKG_NAME"),
                    "version": env!("CARGO_PKG_VERSION"),
                }],
            },
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": name(subject),
                "properties": properties(counts(subject)),
                "modelCard": {
                    "modelParameters": {
                        "inputs": inputs.collect::<Vec<_>>(),
                        "outputs": outputs.collect::<Vec<_>>(),
                    },
                    "quantitativeAnalysis": { "performanceMetrics": metrics },
                    "considerations": {
                        "environmentalConsiderations": { "properties": properties(estimates(subject)) },
                    },
                },
            },
        },
    })
}

/// An input or output: `x: float32[1, 3, 224, 224]`.
fn tensor(subject: &Subject, id: usize) -> Value {
    let text = subject.graph.values.get(id).map(|value| {
        let ty = value.ty.tensor().map(|tensor| match &tensor.shape {
            None => tensor.element.to_string(),
            Some(dims) => {
                let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
                format!("{}[{}]", tensor.element, dims.join(", "))
            }
        });
        format!("{}: {}", value.name, ty.as_deref().unwrap_or("no tensor"))
    });
    json!({ "format": text.unwrap_or_default() })
}
