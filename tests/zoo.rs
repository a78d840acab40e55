//! Real models against numbers from other parties: PyTorch's flop counter for MACs, PyTorch for
//! parameters, ONNX Runtime for the shape and element type of every tensor.
//!
//! Runs when the zoo is beside the repository (`../shared/zoo`, or where `ERGOMETER_ZOO` says); else it
//! says so and passes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use ergometer::cost::{self, ModelCost};
use ergometer::graph::{self, Request, TypedGraph};
use ergometer::onnx;
use ergometer::tensor::{Dim, Type};
use flate2::read::GzDecoder;
use serde::Deserialize;

/// The zoo's folder, if it is there.
fn zoo() -> Option<PathBuf> {
    let folder =
        std::env::var_os("ERGOMETER_ZOO").map_or_else(|| PathBuf::from("../shared/zoo"), PathBuf::from);
    if folder.join("models.csv").exists() {
        return Some(folder);
    }
    eprintln!("skipped: no zoo at {} (ERGOMETER_ZOO names another place)", folder.display());
    None
}

/// One row of `models.csv`; blank is unknown.
#[derive(Debug, Deserialize)]
struct Row {
    file: String,
    input_shapes: String,
    params: Option<u64>,
    buffers: Option<u64>,
    ref_macs: Option<u64>,
    exec_macs: Option<u64>,
    subgraphs: u64,
    ort_shapes: String,
}

/// Recorded shapes of one model.
#[derive(Debug, Deserialize)]
struct Recorded {
    bindings: Vec<RecordedBinding>,
}

#[derive(Debug, Deserialize)]
struct RecordedBinding {
    inputs: BTreeMap<String, Vec<u64>>,
    /// Missing where ONNX Runtime refused these inputs.
    #[serde(default)]
    tensors: HashMap<String, (String, Vec<u64>)>,
}

fn rows(zoo: &Path) -> Vec<Row> {
    csv::Reader::from_path(zoo.join("models.csv"))
        .expect("the table opens")
        .deserialize()
        .map(|row| row.expect("the row has the columns"))
        .collect()
}

fn request(inputs: &BTreeMap<String, Vec<u64>>) -> Request {
    Request {
        inputs: inputs.iter().map(|(name, dims)| (name.clone(), dims.clone())).collect(),
        ..Request::default()
    }
}

/// The inputs that `models.csv` records: name → [type, dims].
fn recorded_inputs(row: &Row) -> BTreeMap<String, Vec<u64>> {
    let inputs: BTreeMap<String, (String, Vec<u64>)> =
        serde_json::from_str(&row.input_shapes).expect("the inputs are JSON");
    inputs.into_iter().map(|(name, (_, dims))| (name, dims)).collect()
}

fn analyze<'m>(model: &'m onnx::Model, request: &Request) -> (TypedGraph<'m>, ModelCost) {
    let graph = graph::infer(&model.proto, request)
        .unwrap_or_else(|error| panic!("{}: {error}", model.path.display()));
    let cost = cost::count(&graph).expect("the totals fit");
    (graph, cost)
}

/// Parameters that differ from PyTorch's by something this test cannot name.
const OTHER: &str = "other";

/// How the parameters of a file relate to those of the PyTorch model it was exported from.
fn parameter_class(row: &Row, cost: &ModelCost) -> Option<&'static str> {
    let expected = row.params?;
    let found = cost.totals.params;
    let trained = found.elements - found.norm_stats;
    let every_use = trained + found.shared;
    // Folding a normalisation of C channels into a convolution removes its scale and offset and adds a
    // bias: C fewer. PyTorch's buffers are its mean and variance and a step counter: 2·C + 1.
    let folded = |count: u64| {
        let missing = expected.checked_sub(count)?;
        let counters = row.buffers?.checked_sub(2 * missing)?;
        (missing > 0 && counters > 0 && counters < 300).then_some(())
    };
    Some(if trained == expected {
        "equal"
    } else if every_use == expected {
        "equal, counting tensors of equal content that the exporter stored once"
    } else if folded(trained).is_some() || folded(every_use).is_some() {
        "fewer by the normalisations folded into convolutions"
    } else {
        println!(
            "{}: {trained} once, {every_use} by use, PyTorch {expected}, buffers {:?}",
            row.file, row.buffers
        );
        OTHER
    })
}

#[test]
fn macs_and_parameters_equal_the_references() {
    let Some(zoo) = zoo() else { return };
    let mut wrong = vec![];
    let mut classes: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for row in rows(&zoo) {
        let model = onnx::read(&zoo.join(&row.file)).expect("the model reads");
        let (graph, cost) = analyze(&model, &request(&recorded_inputs(&row)));
        // PyTorch and ONNX Runtime did the constant part of the graph too.
        let macs = cost.totals.counts.macs + cost.totals.folded.macs;
        for (what, reference) in [("ref_macs", row.ref_macs), ("exec_macs", row.exec_macs)] {
            let lower_bound = row.subgraphs > 0 && row.ref_macs.is_none();
            let agrees = reference.is_none_or(|n| if lower_bound { macs >= n } else { macs == n });
            if !agrees {
                wrong.push(format!("{}: macs {macs}, {what} {}", row.file, reference.unwrap_or(0)));
            }
        }
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for uncosted in &cost.uncosted {
            let node = &graph.nodes[uncosted.node];
            *reasons.entry(format!("{} ({})", node.op_type, uncosted.reason)).or_default() += 1;
        }
        if !cost.totals.complete {
            wrong.push(format!("{}: not complete: {reasons:?}", row.file));
        }
        if let Some(class) = parameter_class(&row, &cost) {
            classes.entry(class).or_default().push(row.file.clone());
        }
    }
    for (class, files) in &classes {
        println!("{:4} {class}", files.len());
    }
    println!("{:#?}", classes.get(OTHER));
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_shape_and_element_type_equals_what_onnx_runtime_made() {
    let Some(zoo) = zoo() else { return };
    let (mut equal, mut open, mut missing) = (0, 0, 0);
    let mut wrong = vec![];
    for row in rows(&zoo).iter().filter(|row| !row.ort_shapes.is_empty()) {
        let file = File::open(zoo.join("ort_shapes").join(&row.ort_shapes)).expect("the shapes open");
        let recorded: Recorded = serde_json::from_reader(GzDecoder::new(file)).expect("the shapes are JSON");
        let model = onnx::read(&zoo.join(&row.file)).expect("the model reads");
        for binding in &recorded.bindings {
            let (graph, _) = analyze(&model, &request(&binding.inputs));
            let types: HashMap<&str, &Type> =
                graph.values.iter().rev().map(|value| (value.name, &value.ty)).collect();
            for (name, (element, dims)) in &binding.tensors {
                let Some(Type::Tensor(found)) = types.get(name.as_str()) else {
                    missing += 1;
                    wrong.push(format!("{} {name}: no type, recorded {element}{dims:?}", row.file));
                    continue;
                };
                let Some(shape) = &found.shape else {
                    missing += 1;
                    wrong.push(format!("{} {name}: no rank, recorded {dims:?}", row.file));
                    continue;
                };
                let agrees = shape.len() == dims.len()
                    && shape.iter().zip(dims).all(|(ours, theirs)| ours.agrees_with(Dim::Exact(*theirs)));
                if !agrees || found.element.name() != element {
                    wrong.push(format!("{} {name}: {found:?}, recorded {element}{dims:?}", row.file));
                } else if shape.iter().all(|dim| dim.exact().is_some()) {
                    equal += 1;
                } else {
                    open += 1;
                }
            }
        }
    }
    println!("{equal} equal, {open} with a dimension that depends on data, {missing} without a type or rank");
    let shown = wrong.iter().take(200).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differences:\n{shown}", wrong.len());
}
