//! What a comparison knows of a model: little enough to be kept, and the same whether the model was counted just now
//! or read back from the JSON of an earlier analysis.

use std::collections::BTreeMap;

use crate::cost::{LayerCost, ModelCost, operator_name};
use crate::graph::{TypedGraph, TypedNode};
use crate::ops::Confidence;
use crate::predict::{Interval, Prediction};
use crate::tensor::{Dim, Type};
use crate::units::{Joules, Seconds};

/// A counted model, with the estimates that were asked for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Snapshot {
    /// Its file as the user named it.
    pub path: String,
    /// Version of ergometer that counted it.
    pub version: String,
    /// What each dimension of the inputs was taken to be.
    pub bindings: BTreeMap<String, u64>,
    /// Sums over all layers.
    pub totals: Totals,
    /// Every node in order of execution.
    pub layers: Vec<Layer>,
    /// One entry a device.
    pub estimates: Vec<Estimate>,
    /// Devices without an estimate, and why.
    pub without_estimate: BTreeMap<String, String>,
}

/// The counts of a layer or a model, all runs together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Multiply-accumulates of contractions.
    pub macs: u64,
    /// `2·macs + alu + div + trans`.
    pub flops: u64,
    /// Elements of constants in weight positions, each tensor once.
    pub params: u64,
    /// Bytes in which they are stored.
    pub param_bytes: u64,
    /// Bytes read, of activations and constants, and written.
    pub bytes: u64,
}

/// Sums over the layers of a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// The sums.
    pub figures: Figures,
    /// The most bytes that activations take at once; `None` where a size has no bound.
    pub peak_activation_bytes: Option<u64>,
    /// Nodes, bodies included.
    pub nodes: u64,
    /// Of the FLOPs, those that are upper bounds.
    pub bounded_flops: u64,
    /// Whether every node that runs is counted: if not, the sums are lower bounds.
    pub complete: bool,
}

/// One node.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Layer {
    /// Its name, or that of its first output.
    pub name: String,
    /// Module path, below the body or function it stands in.
    pub scope: String,
    /// Its operator, with the domain in front unless that is ai.onnx.
    pub op: String,
    /// Types of its outputs: `float32[1,64,56,56]`.
    pub outputs: Vec<String>,
    /// How often it runs.
    pub repeat: u64,
    /// What it costs.
    pub figures: Figures,
    /// Whether its cost is known; if not, `figures` are a part of it.
    pub known: bool,
    /// Its share of the latency on the first device.
    pub time: Option<Seconds>,
}

/// A figure and the range from its 10th to its 90th percentile.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The estimate: the median.
    pub value: f64,
    /// The 10th percentile.
    pub low: f64,
    /// The 90th percentile.
    pub high: f64,
}

/// What one run of the whole batch takes on a device.
#[derive(Clone, PartialEq, Debug)]
pub struct Estimate {
    /// Id of the device.
    pub device: String,
    /// What runs the model.
    pub runtime: String,
    /// Number format of the contractions.
    pub precision: String,
    /// In seconds.
    pub latency: Spread,
    /// In joules; `None` with a reason.
    pub energy: Option<Spread>,
    /// Why there is no energy.
    pub energy_reason: Option<String>,
}

impl Snapshot {
    /// What a comparison knows of a model that was just counted.
    pub fn of(path: &str, graph: &TypedGraph, cost: &ModelCost, predictions: &[Prediction]) -> Self {
        let totals = &cost.totals;
        let nodes = graph.nodes.iter().zip(&cost.layers).enumerate();
        let times = predictions.first().map(|prediction| prediction.layers.as_slice()).unwrap_or_default();
        Self {
            path: path.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bindings: graph.bindings.iter().map(|binding| (binding.name.clone(), binding.value)).collect(),
            totals: Totals {
                figures: Figures {
                    macs: totals.counts.macs,
                    flops: totals.flops,
                    params: totals.params.elements,
                    param_bytes: totals.params.bytes,
                    bytes: sum([totals.bytes_read, totals.bytes_weights, totals.bytes_written]),
                },
                peak_activation_bytes: totals.peak_activation_bytes,
                nodes: totals.nodes,
                bounded_flops: totals.bounded_flops,
                complete: totals.complete,
            },
            layers: nodes
                .map(|(index, (node, cost))| {
                    let time = times.get(index).map(|layer| layer.time);
                    layer(graph, graph.layer_name(index), node, cost, time)
                })
                .collect(),
            estimates: predictions.iter().map(estimate).collect(),
            without_estimate: BTreeMap::new(),
        }
    }

    /// The estimate for a device, by its id; the first one where none is named.
    pub fn estimate(&self, device: Option<&str>) -> Option<&Estimate> {
        self.estimates.iter().find(|estimate| device.is_none_or(|device| estimate.device == device))
    }
}

fn layer(graph: &TypedGraph, name: &str, node: &TypedNode, cost: &LayerCost, time: Option<Seconds>) -> Layer {
    Layer {
        name: name.to_owned(),
        scope: node.scope.clone().into_owned(),
        op: operator_name(node.domain, node.op_type),
        outputs: graph.output_types(node).iter().map(written).collect(),
        repeat: cost.repeat,
        figures: Figures {
            macs: cost.counts.macs,
            // A layer whose FLOPs do not fit in 64 bits has no counts at all.
            flops: cost.counts.flops().unwrap_or(u64::MAX),
            params: cost.params.elements,
            param_bytes: cost.params.bytes,
            bytes: cost.bytes_moved(),
        },
        known: cost.counts.confidence != Confidence::Unknown,
        time,
    }
}

fn estimate(prediction: &Prediction) -> Estimate {
    let seconds = |interval: &Interval<Seconds>| Spread {
        value: interval.value.0,
        low: interval.low.0,
        high: interval.high.0,
    };
    let joules = |interval: &Interval<Joules>| Spread {
        value: interval.value.0,
        low: interval.low.0,
        high: interval.high.0,
    };
    Estimate {
        device: prediction.device.clone(),
        runtime: prediction.runtime.name().to_owned(),
        precision: prediction.precision.name().to_owned(),
        latency: seconds(&prediction.latency),
        energy: prediction.energy.as_ref().map(joules),
        energy_reason: prediction.energy_reason.clone(),
    }
}

/// A sum that stops at the largest number; the parts are sums over layers that were checked.
pub(super) fn sum(parts: [u64; 3]) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

/// The type of a tensor as [`shape_text`] writes it; what is no tensor is the word for it.
fn written(ty: &Type) -> String {
    let Some(tensor) = ty.tensor() else {
        return match ty {
            Type::Unknown => "?".to_owned(),
            _ => "other".to_owned(),
        };
    };
    let dims = tensor.shape.as_ref().map(|dims| dims.iter().map(|dim| Dim::exact(*dim)).collect::<Vec<_>>());
    shape_text(Some(tensor.element.name()), dims.as_deref())
}

/// `float32[1,64,?]`; `float32` where not even the rank is known, `?` where nothing is.
pub(super) fn shape_text(dtype: Option<&str>, dims: Option<&[Option<u64>]>) -> String {
    let dtype = dtype.unwrap_or("?");
    let Some(dims) = dims else { return dtype.to_owned() };
    let dims: Vec<String> =
        dims.iter().map(|dim| dim.map_or_else(|| "?".to_owned(), |dim| dim.to_string())).collect();
    format!("{dtype}[{}]", dims.join(","))
}
