//! The block of a Hugging Face model card: YAML in front, a section of Markdown below.
//!
//! `co2_eq_emissions` in the YAML is what training emitted, in grams; the Hub shows it as that. An estimate of
//! inference says nothing of it, and without the carbon intensity of a grid there are no grams either, so that the
//! block gives the energy of an inference under a key of its own and says what is missing.
//! Source: "Model Cards" and "Displaying carbon emissions for your model" in the documentation of the Hub.

use std::fmt::Write;

use super::name;
use crate::report::Subject;
use crate::report::markdown::escape;
use crate::units::{count, counted};

/// The block.
pub fn of(subject: &Subject) -> String {
    let totals = &subject.cost.totals;
    let mut out = String::from("---\n");
    out.push_str(
        "# co2_eq_emissions: left out. It is of training, and no carbon intensity of a grid is known here.\n",
    );
    out.push_str("inference_estimate:\n");
    let _ = writeln!(out, "  source: ergometer {}", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, "  flops: {}", totals.flops);
    let _ = writeln!(out, "  macs: {}", totals.counts.macs);
    let _ = writeln!(out, "  params: {}", totals.params.elements);
    let _ = writeln!(out, "  complete: {}", totals.complete);
    if !subject.graph.bindings.is_empty() {
        out.push_str("  bindings:\n");
        for binding in &subject.graph.bindings {
            let _ = writeln!(out, "    {}: {}", quoted(&binding.name), binding.value);
        }
    }
    if !subject.predictions.is_empty() {
        out.push_str("  devices:\n");
    }
    for prediction in subject.predictions {
        let _ = writeln!(out, "  - hardware_used: {}", quoted(&prediction.device));
        let _ = writeln!(out, "    runtime: {}", prediction.runtime);
        let _ = writeln!(out, "    precision: {}", prediction.precision);
        let _ = writeln!(out, "    latency_basis: {}", prediction.basis);
        let latency = &prediction.latency;
        let _ = writeln!(out, "    latency_s: {}", number(latency.value.0));
        let _ =
            writeln!(out, "    latency_s_p10_p90: [{}, {}]", number(latency.low.0), number(latency.high.0));
        match (&prediction.energy, &prediction.energy_reason) {
            (Some(energy), _) => {
                let _ = writeln!(out, "    energy_j: {}", number(energy.value.0));
                let _ = writeln!(
                    out,
                    "    energy_j_p10_p90: [{}, {}]",
                    number(energy.low.0),
                    number(energy.high.0)
                );
            }
            (None, Some(reason)) => {
                let _ = writeln!(out, "    energy_not_known: {}", quoted(reason));
            }
            (None, None) => {}
        }
    }
    out.push_str("---\n\n## Environmental impact of inference\n\n");
    let at_least = if totals.complete { "" } else { "at least " };
    let _ = writeln!(
        out,
        "One inference of {} does {at_least}{} = {}, with {} parameters.",
        escape(&name(subject)),
        counted(totals.counts.macs, "MAC"),
        counted(totals.flops, "FLOP"),
        count(totals.params.elements)
    );
    for prediction in subject.predictions {
        let _ = write!(
            out,
            "\n- **Hardware type:** {}\n- **Time of an inference:** {} ({} – {}, estimated, {})\n",
            escape(&prediction.device),
            prediction.latency.value,
            prediction.latency.low,
            prediction.latency.high,
            prediction.basis
        );
        match (&prediction.energy, &prediction.energy_reason) {
            (Some(energy), _) => {
                let _ = writeln!(
                    out,
                    "- **Energy of an inference:** {} ({} – {}, estimated)",
                    energy.value, energy.low, energy.high
                );
            }
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("no power is known");
                let _ = writeln!(out, "- **Energy of an inference:** not known: {}", escape(reason));
            }
        }
        out.push_str("- **Carbon emitted:** not known: no carbon intensity of a grid was given\n");
    }
    out
}

/// Text in double quotes: JSON's are YAML's, and JSON escapes all control characters.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A number as YAML 1.1 reads it, without an exponent.
fn number(value: f64) -> String {
    format!("{value}")
}
