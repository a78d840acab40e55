//! An attachment for Netron: dropped onto an open model, it shows the figures of each node in the sidebar.
//!
//! Source of the form: how Netron 9.3 reads it (`metadata.Attachment` in its `view.js`); it is not documented.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cost::{LayerCost, flops};
use crate::report::Subject;

/// What is attached.
#[derive(Debug, Serialize)]
pub struct Attachment<'a> {
    /// By which it is known.
    pub signature: &'static str,
    /// Nothing.
    pub metadata: [(); 0],
    /// Figures.
    pub metrics: Vec<Metric<'a>>,
}

/// A figure of a node or of the model.
#[derive(Debug, Serialize)]
pub struct Metric<'a> {
    /// `node`, or `model`.
    pub kind: &'static str,
    /// Name of the node; empty for the model.
    pub target: &'a str,
    /// Name of the figure.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// How it is shown.
    #[serde(rename = "type")]
    pub shown: &'static str,
}

/// A number or a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A count.
    Count(u64),
    /// A duration in seconds.
    Seconds(f64),
    /// A reason.
    Text(&'static str),
}

/// Sums over the layers of one name: a function that is called twice has each of its nodes twice.
#[derive(Default)]
struct Sum {
    figures: [u64; 5],
    time: Option<f64>,
    unknown: bool,
}

const FIGURES: [&str; 5] = ["flops", "macs", "params", "bytes", "runs"];

fn figures(cost: &LayerCost) -> [u64; 5] {
    [flops(&cost.counts), cost.counts.macs, cost.params.elements, cost.bytes_moved(), cost.repeat]
}

/// The attachment of a model. Netron finds nodes by their names, so that nodes without one are left out.
pub fn of<'a>(subject: &Subject<'a>) -> Attachment<'a> {
    let times = subject.predictions.first().map(|prediction| prediction.layers.as_slice());
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for (index, (node, cost)) in subject.graph.nodes.iter().zip(&subject.cost.layers).enumerate() {
        if node.name.is_empty() {
            continue;
        }
        let sum = sums.entry(node.name).or_default();
        for (total, figure) in sum.figures.iter_mut().zip(figures(cost)) {
            *total = total.saturating_add(figure);
        }
        if let Some(layer) = times.and_then(|times| times.get(index)) {
            sum.time = Some(sum.time.unwrap_or(0.0) + layer.time.0);
        }
        sum.unknown |= subject.cost.uncosted.binary_search_by_key(&index, |uncosted| uncosted.node).is_ok();
    }
    let totals = &subject.cost.totals;
    let mut metrics = vec![];
    let mut tell = |kind, target, name, value: Value| {
        let shown = match value {
            Value::Count(_) => "int64",
            Value::Seconds(_) => "float64",
            Value::Text(_) => "string",
        };
        metrics.push(Metric { kind, target, name, value, shown });
    };
    tell("model", "", "flops", Value::Count(totals.flops));
    tell("model", "", "macs", Value::Count(totals.counts.macs));
    tell("model", "", "params", Value::Count(totals.params.elements));
    if let Some(prediction) = subject.predictions.first() {
        tell("model", "", "latency_s", Value::Seconds(prediction.latency.value.0));
    }
    for (name, sum) in sums {
        // Netron compares the first line of a node's name.
        let target = name.split('\n').next().unwrap_or(name);
        if sum.unknown {
            tell("node", target, "flops", Value::Text("not known"));
            continue;
        }
        for (figure, value) in FIGURES.into_iter().zip(sum.figures) {
            tell("node", target, figure, Value::Count(value));
        }
        if let Some(time) = sum.time {
            tell("node", target, "time_s", Value::Seconds(time));
        }
    }
    Attachment { signature: "netron:attachment", metadata: [], metrics }
}
