//! Fills the contract with what is known of a model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{
    Analysis, Binding, BindingOrigin, DeadInitializer, Dtype, Estimate, EstimateBasis, EstimateCurves,
    ExternalFile, Figures, Interval, KernelTime, Layer, LayerConfidence, Limits, Model, SCHEMA, Tensor, Tool,
    Totals, Uncosted, Warning,
};
use crate::cost::{self, LayerCost, Params};
use crate::factors::Footprint;
use crate::graph::{Origin, Source, TypedNode, ValueId};
use crate::onnx::{self, Presence};
use crate::ops::{Confidence, Counts};
use crate::predict;
use crate::report::Subject;
use crate::tensor::{Dim, ElementType, Type};
use crate::units::Joules;

/// The analysis of a model.
pub fn of<'a>(subject: &Subject<'a>) -> Analysis<'a> {
    let Subject { graph, cost, .. } = *subject;
    let proto = &subject.model.proto;
    let producer = |name: &str, version: &str| format!("{name} {version}").trim().to_owned();
    let nodes = graph.nodes.iter().zip(&cost.layers).enumerate();
    Analysis {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        model: Model {
            path: subject.path,
            bytes: subject.model.bytes,
            ir_version: proto.ir_version,
            opsets: opsets(subject),
            producer: proto
                .producer_name
                .as_deref()
                .filter(|name| !name.is_empty())
                .map(|name| producer(name, proto.producer_version.as_deref().unwrap_or_default())),
            graph: proto.graph.as_ref().and_then(|graph| graph.name.as_deref()),
            external_files: subject.external.iter().map(external_file).collect(),
        },
        bindings: graph
            .bindings
            .iter()
            .map(|binding| Binding {
                name: &binding.name,
                value: binding.value,
                origin: binding.origin.into(),
            })
            .collect(),
        totals: Totals {
            figures: Figures {
                macs_by_type: cost.totals.macs_by_type.clone(),
                ..figures(&LayerCost {
                    counts: Counts { factors: None, ..cost.totals.counts },
                    params: cost.totals.params,
                    bytes_read: cost.totals.bytes_read,
                    bytes_weights: cost.totals.bytes_weights,
                    bytes_written: cost.totals.bytes_written,
                    repeat: 1,
                    ..LayerCost::default()
                })
            },
            bounded_flops: cost.totals.bounded_flops,
            folded_flops: cost::flops(&cost.totals.folded),
            peak_activation_bytes: cost.totals.peak_activation_bytes,
            complete: cost.totals.complete,
            nodes: cost.totals.nodes,
            costed_nodes: cost.totals.costed_nodes,
        },
        layers: nodes.map(|(index, (node, cost))| layer(subject, index, node, cost)).collect(),
        dead_initializers: cost.dead.iter().map(|id| dead(subject, *id)).collect(),
        uncosted: cost
            .uncosted
            .iter()
            .filter_map(|uncosted| {
                let node = graph.nodes.get(uncosted.node)?;
                let name = subject.graph.layer_name(uncosted.node);
                Some(Uncosted { name, op: node.op_type, domain: node.domain, reason: &uncosted.reason })
            })
            .collect(),
        warnings: warnings(subject),
        estimates: subject.predictions.iter().map(estimate).collect(),
    }
}

/// Versions of the operator sets that a model imports, ai.onnx under its short name.
pub fn opsets<'a>(subject: &Subject<'a>) -> BTreeMap<&'a str, i64> {
    let imports = subject.model.proto.opset_import.iter();
    imports
        .map(|import| (if import.domain == "ai.onnx" { "" } else { import.domain.as_str() }, import.version))
        .collect()
}

/// Warnings about the model, then about devices.
pub fn warnings<'a>(subject: &Subject<'a>) -> Vec<Warning<'a>> {
    let model = subject.graph.warnings.iter();
    let model = model.map(|w| Warning { code: w.code, value: &w.value, message: &w.message });
    let devices = subject.without_estimate.iter();
    let devices =
        devices.map(|none| Warning { code: "no-estimate", value: &none.device, message: &none.reason });
    model.chain(devices).collect()
}

fn layer<'a>(subject: &Subject<'a>, index: usize, node: &'a TypedNode<'a>, cost: &LayerCost) -> Layer<'a> {
    let operands = |ids: &[Option<ValueId>]| ids.iter().map(|id| tensor(subject, *id)).collect();
    let time = subject.predictions.first().and_then(|prediction| prediction.layers.get(index));
    Layer {
        name: subject.graph.layer_name(index),
        op: node.op_type,
        domain: node.domain,
        scope: &node.scope,
        inputs: operands(&node.inputs),
        outputs: operands(&node.outputs),
        folded: node.folded,
        repeat: cost.repeat,
        figures: figures(cost),
        confidence: cost.counts.confidence.into(),
        time_s: time.map(|layer| layer.time.0),
        roofline_s: time.map(|layer| layer.roofline.0),
        energy_j: time.and_then(|layer| layer.energy).map(|energy| energy.0),
        bound: time.map(|layer| layer.bound),
        kernel: time.and_then(|layer| layer.kernel),
    }
}

fn figures(cost: &LayerCost) -> Figures {
    let LayerCost { counts, params: Params { elements, norm_stats, idle, quant, shared, bytes }, .. } = *cost;
    Figures {
        macs: counts.macs,
        macs_by_type: cost::macs_by_type(&counts).into_iter().collect(),
        hidden_macs: counts.hidden_macs,
        flops: cost::flops(&counts),
        alu: counts.alu,
        div: counts.div,
        trans: counts.trans,
        int: counts.int,
        rng: counts.rng,
        str: counts.str,
        params: elements,
        norm_stats,
        active_params: elements.saturating_sub(idle),
        quant_params: quant,
        shared_params: shared,
        param_bytes: bytes,
        bytes_read: cost.bytes_read,
        bytes_weights: cost.bytes_weights,
        bytes_written: cost.bytes_written,
    }
}

fn tensor<'a>(subject: &Subject<'a>, id: Option<ValueId>) -> Tensor<'a> {
    match id.and_then(|id| subject.graph.values.get(id)) {
        Some(value) => Tensor { name: value.name, dtype: Dtype::of(&value.ty), shape: shape(&value.ty) },
        None => Tensor { name: "", dtype: None, shape: None },
    }
}

fn shape(ty: &Type) -> Option<Vec<Option<u64>>> {
    ty.tensor()?.shape.as_ref().map(|dims| dims.iter().map(|dim| Dim::exact(*dim)).collect())
}

fn external_file(file: &onnx::ExternalFile) -> ExternalFile<'_> {
    let present = match file.presence {
        Presence::Present { .. } => Some(true),
        Presence::Missing => Some(false),
        Presence::Outside | Presence::NoFolder => None,
    };
    ExternalFile { path: &file.location, tensors: file.tensors, bytes: file.bytes, present }
}

fn dead<'a>(subject: &Subject<'a>, id: ValueId) -> DeadInitializer<'a> {
    let value = subject.graph.values.get(id);
    let bytes = value.and_then(|value| match value.source {
        Source::Sparse(values) => {
            let element = ElementType::from_onnx(values.data_type.unwrap_or_default())?;
            let stored =
                values.dims.iter().try_fold(1u64, |n, dim| n.checked_mul(u64::try_from(*dim).ok()?))?;
            element.bytes(stored)
        }
        _ => value.ty.bytes().exact(),
    });
    DeadInitializer { tensor: tensor(subject, Some(id)), bytes }
}

fn joules(energy: predict::Interval<Joules>) -> Interval {
    Interval { value: energy.value.0, low: energy.low.0, high: energy.high.0 }
}

fn estimate(prediction: &predict::Prediction) -> Estimate<'_> {
    let predict::Prediction { latency, limits, .. } = prediction;
    let footprint = prediction.footprint.as_ref();
    Estimate {
        device: &prediction.device,
        precision: prediction.precision.name(),
        runs_as: prediction.runs_as.name(),
        basis: prediction.basis.into(),
        runtime: prediction.runtime.name(),
        curves: prediction.curves.map(|curves| match curves {
            predict::Curves::RuntimeLike => EstimateCurves::RuntimeLike,
        }),
        energy_basis: prediction.energy_basis.map(EstimateBasis::from),
        latency_s: Interval { value: latency.value.0, low: latency.low.0, high: latency.high.0 },
        roofline_s: prediction.roofline.map(|time| time.0),
        best_s: prediction.best.map(|time| time.0),
        energy_j: prediction.energy.map(joules),
        energy_reason: prediction.energy_reason.as_deref(),
        system_energy_j: prediction.system_energy.map(joules),
        system_energy_reason: prediction.system_energy_reason.as_deref(),
        spec_energy_j: prediction.spec_energy.map(|energy| energy.0),
        paper_energy_j: prediction.paper_energy.map(|energy| energy.0),
        paper_energy_reason: prediction.paper_energy_reason.as_deref(),
        co2e_g: footprint.and_then(Footprint::grams),
        cost: footprint.and_then(|found| found.money.as_ref()).map(|money| money.cost),
        footprint,
        fits_memory: prediction.fits_memory,
        limits: Limits { compute: limits.compute, memory: limits.memory, launch: limits.launch },
        kernels: prediction
            .kernels
            .iter()
            .map(|of| KernelTime { class: of.class, started: of.started, time_s: of.time.0 })
            .collect(),
        notes: prediction.notes.iter().map(String::as_str).collect(),
    }
}

impl Dtype {
    /// The type of a value in words; `None` where it is not known.
    pub fn of(ty: &Type) -> Option<Self> {
        let inner = |ty: &Type| Self::of(ty).map_or(Cow::Borrowed("unknown"), |dtype| dtype.0);
        Some(Self(match ty {
            Type::Tensor(tensor) => Cow::Borrowed(tensor.element.name()),
            Type::Sparse(tensor) => format!("sparse({})", tensor.element).into(),
            Type::Sequence(element, _) => format!("sequence({})", inner(element)).into(),
            Type::Optional(element) => format!("optional({})", inner(element)).into(),
            Type::Map(key, value) => format!("map({key},{})", inner(value)).into(),
            Type::Unknown => return None,
        }))
    }
}

/// The word for a confidence, as in the JSON.
pub fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Exact => "exact",
        Confidence::Formula => "formula",
        Confidence::Bound => "bound",
        Confidence::DataDependent => "data-dependent",
        Confidence::Unknown => "unknown",
    }
}

impl From<Confidence> for LayerConfidence {
    fn from(confidence: Confidence) -> Self {
        match confidence {
            Confidence::Exact => Self::Exact,
            Confidence::Formula => Self::Formula,
            Confidence::Bound => Self::Bound,
            Confidence::DataDependent => Self::DataDependent,
            Confidence::Unknown => Self::Unknown,
        }
    }
}

impl From<Origin> for BindingOrigin {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::User => Self::User,
            Origin::Model => Self::Model,
            Origin::Default => Self::Default,
        }
    }
}

impl From<predict::Basis> for EstimateBasis {
    fn from(basis: predict::Basis) -> Self {
        match basis {
            predict::Basis::Measured => Self::Measured,
            predict::Basis::Calibrated => Self::Calibrated,
            predict::Basis::Spec => Self::Spec,
            predict::Basis::Assumed => Self::Assumed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::TensorType;

    #[test]
    fn types_are_written_in_the_names_of_onnx() {
        let float = || Box::new(Type::Tensor(TensorType::unranked(ElementType::Float32)));
        for (ty, expected) in [
            (*float(), Some("float32")),
            (Type::Sequence(float(), None), Some("sequence(float32)")),
            (Type::Optional(Box::new(Type::Sequence(float(), Some(2)))), Some("optional(sequence(float32))")),
            (Type::Map(ElementType::String, float()), Some("map(string,float32)")),
            (Type::Sparse(TensorType::unranked(ElementType::Int4)), Some("sparse(int4)")),
            (Type::Sequence(Box::new(Type::Unknown), None), Some("sequence(unknown)")),
            (Type::Unknown, None),
        ] {
            assert_eq!(Dtype::of(&ty).as_ref().map(|dtype| dtype.0.as_ref()), expected);
        }
    }

    #[test]
    fn the_words_for_confidence_are_those_of_the_json() {
        for level in [
            Confidence::Exact,
            Confidence::Formula,
            Confidence::Bound,
            Confidence::DataDependent,
            Confidence::Unknown,
        ] {
            let json = serde_json::to_value(LayerConfidence::from(level)).unwrap();
            assert_eq!(json, confidence(level));
        }
    }
}
