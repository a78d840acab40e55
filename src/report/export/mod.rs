//! What is known of a model in the forms that other tools read. A figure that is not known is left out, with its reason
//! where the form has a place for one; it is never 0.

pub mod cyclonedx;
pub mod model_card;
pub mod netron;
pub mod spdx;

use crate::predict::{Interval, Prediction};
use crate::report::Subject;
use crate::units::Joules;

/// A name and a value of text, for the forms that have a place for anything.
type Property = (String, String);

/// The name of the model: that of its file, without the folder and the ending.
fn name(subject: &Subject) -> String {
    let file = subject.path.rsplit(['/', '\\']).next().unwrap_or(subject.path);
    file.strip_suffix(".onnx").unwrap_or(file).to_owned()
}

/// What is counted, exactly.
fn counts(subject: &Subject) -> Vec<Property> {
    let totals = &subject.cost.totals;
    let mut properties = vec![
        ("flops".to_owned(), totals.flops.to_string()),
        ("macs".to_owned(), totals.counts.macs.to_string()),
        ("params".to_owned(), totals.params.elements.to_string()),
        ("param_bytes".to_owned(), totals.params.bytes.to_string()),
        ("complete".to_owned(), totals.complete.to_string()),
    ];
    let peak = totals.peak_activation_bytes;
    properties.extend(peak.map(|bytes| ("peak_activation_bytes".to_owned(), bytes.to_string())));
    for binding in &subject.graph.bindings {
        properties.push((format!("binding:{}", binding.name), binding.value.to_string()));
    }
    properties
}

/// What is estimated for each device.
fn estimates(subject: &Subject) -> Vec<Property> {
    let mut properties = vec![];
    for prediction in subject.predictions {
        let key = |what: &str| format!("{}:{what}", prediction.device);
        let latency = &prediction.latency;
        properties.push((key("runtime"), prediction.runtime.name().to_owned()));
        properties.push((key("precision"), prediction.precision.name().to_owned()));
        properties.push((key("latency_basis"), prediction.basis.to_string()));
        properties.push((key("latency_s"), latency.value.0.to_string()));
        properties.push((key("latency_s_p10"), latency.low.0.to_string()));
        properties.push((key("latency_s_p90"), latency.high.0.to_string()));
        match (&prediction.energy, &prediction.energy_reason) {
            (Some(energy), _) => {
                properties
                    .extend(prediction.energy_basis.map(|basis| (key("energy_basis"), basis.to_string())));
                properties.push((key("energy_j"), energy.value.0.to_string()));
                properties.push((key("energy_j_p10"), energy.low.0.to_string()));
                properties.push((key("energy_j_p90"), energy.high.0.to_string()));
            }
            (None, Some(reason)) => properties.push((key("energy_not_known"), reason.clone())),
            (None, None) => {}
        }
    }
    properties
}

/// Predictions that have an energy.
fn with_energy<'s>(
    subject: &Subject<'s>,
) -> impl Iterator<Item = (&'s Prediction, &'s Interval<Joules>)> + use<'s> {
    subject.predictions.iter().filter_map(|prediction| Some((prediction, prediction.energy.as_ref()?)))
}
