//! An SPDX 3.0.1 document with the model as an AI package, as JSON-LD.
//!
//! Energy is what one inference takes, in megajoules: of the units that the form knows the nearest to the joule. What the
//! AI profile demands beside it (supplier, release time, place of download) a model file does not say, so that the
//! document claims the core and software profiles alone; who publishes the model adds the rest.
//! Source: the SPDX 3.0.1 model, classes `AIPackage`, `EnergyConsumption` and `EnergyConsumptionDescription`.

use serde_json::{Value, json};

use super::{Property, counts, estimates, name, with_energy};
use crate::report::Subject;

/// The document of a model. `created` is a time as `2026-11-24T04:00:00Z`; `identity` makes its identifiers its own: the
/// hash of what was read.
pub fn of(subject: &Subject, created: &str, identity: &str) -> Value {
    let id = |what: &str| format!("urn:ergometer:{identity}:{what}");
    let entries = |properties: Vec<Property>| -> Vec<Value> {
        let entries = properties.into_iter();
        entries.map(|(key, value)| json!({ "type": "DictionaryEntry", "key": key, "value": value })).collect()
    };
    let mut package = json!({
        "type": "ai_AIPackage",
        "spdxId": id("model"),
        "creationInfo": "_:creation",
        "name": name(subject),
        "software_primaryPurpose": "model",
        "ai_hyperparameter": entries(counts(subject)),
        "ai_metric": entries(estimates(subject)),
    });
    let energy: Vec<Value> = with_energy(subject)
        .map(|(_, energy)| {
            json!({
                "type": "ai_EnergyConsumptionDescription",
                "ai_energyQuantity": decimal(energy.value.0 / JOULES_PER_MEGAJOULE),
                "ai_energyUnit": "megajoule",
            })
        })
        .collect();
    if let (false, Some(package)) = (energy.is_empty(), package.as_object_mut()) {
        let consumption = json!({ "type": "ai_EnergyConsumption", "ai_inferenceEnergyConsumption": energy });
        package.insert("ai_energyConsumption".to_owned(), consumption);
        let devices: Vec<&str> =
            with_energy(subject).map(|(prediction, _)| prediction.device.as_str()).collect();
        package.insert(
            "comment".to_owned(),
            format!(
                "Energy of one inference of the whole batch, estimated, in the order of these devices: {}",
                devices.join(", ")
            )
            .into(),
        );
    }
    json!({
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
            {
                "type": "CreationInfo",
                "@id": "_:creation",
                "specVersion": "3.0.1",
                "created": created,
                "createdBy": [id("agent")],
                "createdUsing": [id("tool")],
            },
            {
                "type": "SoftwareAgent",
                "spdxId": id("agent"),
                "creationInfo": "_:creation",
                "name": env!("CARGO_PKG_NAME"),
            },
            {
                "type": "Tool",
                "spdxId": id("tool"),
                "creationInfo": "_:creation",
                "name": concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            },
            {
                "type": "SpdxDocument",
                "spdxId": id("document"),
                "creationInfo": "_:creation",
                "name": name(subject),
                "profileConformance": ["core", "software"],
                "rootElement": [id("model")],
                "element": [id("agent"), id("tool"), id("model")],
            },
            package,
        ],
    })
}

const JOULES_PER_MEGAJOULE: f64 = 1e6;

/// A decimal number without an exponent, as `xsd:decimal` wants it.
fn decimal(value: f64) -> String {
    // Rust writes an f64 so that it reads back the same, and never with an exponent.
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_no_exponent() {
        for (value, expected) in [(5.41e-7, "0.000000541"), (1.5e7, "15000000"), (0.0, "0")] {
            assert_eq!(decimal(value), expected);
        }
    }
}
