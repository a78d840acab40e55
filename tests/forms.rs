//! The forms of all layers of real models, held against their counts and the types of their tensors; what
//! feeds what, on graphs small enough to see it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ergometer::cost::form::{Cell, Conv, MatMul, Recurrent, Right, Rows};
use ergometer::cost::{self, Form, LayerCost, ModelCost};
use ergometer::graph::{self, Request, TypedGraph, TypedNode};
use ergometer::onnx;
use ergometer::onnx::schema::ModelProto;
use ergometer::tensor::ElementType::{Bool, Float32, Int64};
use support::{N, With, float, function, graph, ints, model, node, truth, untyped, value, weight};

fn models_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    files.sort();
    files
}

/// The most elements of the value that stands at a position of a list.
fn elements(graph: &TypedGraph, ids: &[Option<usize>], position: usize) -> Option<u64> {
    let id = ids.get(position).copied().flatten()?;
    graph.values.get(id)?.ty.tensor()?.elements().bound()
}

/// What is wrong with the form of a layer: its sizes must multiply to what is counted, and to the elements
/// of its tensors.
fn problem(graph: &TypedGraph, node: &TypedNode, layer: &LayerCost) -> Option<String> {
    let form = &layer.form;
    if *form == Form::Absent {
        return (layer.counts.macs > 0 || layer.bytes_written > 0).then(|| "has no form".to_owned());
    }
    let macs = form.macs().and_then(|macs| macs.checked_mul(layer.repeat));
    if macs != Some(layer.counts.macs) {
        return Some(format!("{} macs are counted for {form:?}", layer.counts.macs));
    }
    let input = elements(graph, &node.inputs, 0);
    let output = elements(graph, &node.outputs, 0);
    let (told, there) = match form {
        Form::Conv(conv) => {
            let [height, width] = conv.output;
            (conv.batch * conv.out_channels * height * width, output)
        }
        Form::MatMul(product) => (product.batch * product.m * product.n, output),
        Form::Elementwise { elements, .. }
        | Form::Gather { elements, .. }
        | Form::Scatter { elements: elements @ 1.., .. }
        | Form::Pool { outputs: elements, .. }
        | Form::Resize { outputs: elements, .. } => (*elements, output),
        Form::Transpose { elements, .. } => (*elements, input),
        Form::Reduce(rows)
        | Form::ArgReduce(rows)
        | Form::Softmax(rows)
        | Form::Scan(rows)
        | Form::Sort(rows) => (rows.rows * rows.cols, input),
        Form::Normalize(rows) => (rows.rows * rows.cols, output),
        Form::Copy { elements: all, .. } => {
            let made = (0..node.outputs.len()).filter_map(|at| elements(graph, &node.outputs, at)).sum();
            (*all, Some(made))
        }
        _ => return None,
    };
    (there.is_some_and(|there| there != told)).then(|| format!("{told} elements of {there:?}: {form:?}"))
}

/// Checks all layers of a file; gives how many have each form, and those with multiply-accumulates of no
/// simpler form.
fn check(path: &Path, wrong: &mut Vec<String>) -> BTreeMap<String, usize> {
    let file = onnx::read(path).unwrap();
    let typed = graph::infer(&file.proto, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    let mut forms = BTreeMap::new();
    for (index, (node, layer)) in typed.nodes.iter().zip(&cost.layers).enumerate() {
        if let Some(problem) = problem(&typed, node, layer) {
            wrong.push(format!("{}: layer {index} ({}): {problem}", path.display(), node.op_type));
        }
        let name = match &layer.form {
            Form::Contraction { .. } => format!("contraction ({})", node.op_type),
            form => form.name().to_owned(),
        };
        *forms.entry(name).or_default() += 1;
        let mut producers = cost.edges.producers(index).iter().map(|producer| *producer as usize);
        if producers.any(|producer| producer >= typed.nodes.len() || producer == index) {
            wrong.push(format!("{}: layer {index}: an edge leads nowhere", path.display()));
        }
    }
    forms
}

#[test]
fn sizes_multiply_to_what_is_counted_in_every_layer_of_the_bundled_models() {
    let mut wrong = vec![];
    for path in models_in(Path::new("models")) {
        let forms = check(&path, &mut wrong);
        let loose: Vec<_> = forms.keys().filter(|name| name.starts_with("contraction")).collect();
        assert!(loose.is_empty(), "{}: {loose:?}", path.display());
    }
    assert!(wrong.is_empty(), "{} layers:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn sizes_multiply_to_what_is_counted_in_every_layer_of_the_zoo() {
    let zoo = std::env::var_os("ERGOMETER_ZOO").map_or_else(|| PathBuf::from("../shared/zoo"), PathBuf::from);
    if !zoo.join("models.csv").exists() {
        eprintln!("skipped: no zoo at {} (ERGOMETER_ZOO names another place)", zoo.display());
        return;
    }
    let mut wrong = vec![];
    let mut forms: BTreeMap<String, usize> = BTreeMap::new();
    for path in models_in(&zoo) {
        for (name, layers) in check(&path, &mut wrong) {
            *forms.entry(name).or_default() += layers;
        }
    }
    println!("{forms:#?}");
    assert!(wrong.is_empty(), "{} layers:\n{}", wrong.len(), wrong.join("\n"));
}

fn bundled(name: &str, look: impl FnOnce(&TypedGraph, &ModelCost)) {
    let file = onnx::read(&Path::new("models").join(name)).unwrap();
    let typed = graph::infer(&file.proto, &Request::default()).unwrap();
    look(&typed, &cost::count(&typed).unwrap());
}

/// The forms of all layers of an operator, in order.
fn forms_of(graph: &TypedGraph, cost: &ModelCost, op_type: &str) -> Vec<Form> {
    let layers = graph.nodes.iter().zip(&cost.layers).filter(|(node, _)| node.op_type == op_type);
    layers.map(|(_, layer)| layer.form.clone()).collect()
}

#[test]
fn resnet_50_begins_and_ends_as_its_paper_says() {
    bundled("resnet50.onnx", |graph, cost| {
        let first = Conv {
            batch: 1,
            in_channels: 3,
            out_channels: 64,
            groups: 1,
            input: [224, 224],
            output: [112, 112],
            kernel: [7, 7],
            strides: [2, 2],
            dilations: [1, 1],
            transposed: false,
            channels_last: false,
        };
        let convolutions = forms_of(graph, cost, "Conv");
        assert_eq!((convolutions.len(), &convolutions[0]), (53, &Form::Conv(Box::new(first))));
        let pool = Form::Pool { outputs: 64 * 56 * 56, window: 9, global: false };
        assert_eq!(forms_of(graph, cost, "MaxPool"), [pool]);
        let mean = Form::Pool { outputs: 2048, window: 49, global: true };
        assert_eq!(forms_of(graph, cost, "GlobalAveragePool"), [mean]);
        let classes = MatMul { batch: 1, m: 1, n: 1000, k: 2048, right: Right::Constant };
        assert_eq!(forms_of(graph, cost, "Gemm"), [Form::MatMul(classes)]);
        // One residual sum a block, each element of two tensors.
        let sums = forms_of(graph, cost, "Add");
        assert_eq!(sums.len(), 3 + 4 + 6 + 3);
        assert_eq!(
            sums[0],
            Form::Elementwise { elements: 256 * 56 * 56, inputs: 2, special: false, broadcast: false }
        );
        assert!(cost.edges.is_output(cost.layers.len() - 1) && !cost.edges.is_output(0));
    });
}

#[test]
fn a_transformer_multiplies_by_weights_and_by_activations() {
    bundled("bert_base.onnx", |graph, cost| {
        let of = |batch, m, n, k, right| Form::MatMul(MatMul { batch, m, n, k, right });
        let products = forms_of(graph, cost, "MatMul");
        let times = |form: &Form| products.iter().filter(|found| *found == form).count();
        // Twelve layers: four projections, two products of 12 heads, two layers of 4 · 768.
        assert_eq!(times(&of(1, 128, 768, 768, Right::Constant)), 4 * 12);
        assert_eq!(times(&of(12, 128, 128, 64, Right::Activation)), 12);
        assert_eq!(times(&of(12, 128, 64, 128, Right::Activation)), 12);
        assert_eq!(times(&of(1, 128, 3072, 768, Right::Constant)), 12);
        assert_eq!(times(&of(1, 128, 768, 3072, Right::Constant)), 12);
        let scores = Form::Softmax(Rows { rows: 12 * 128, cols: 128, contiguous: true });
        assert_eq!(forms_of(graph, cost, "Softmax"), vec![scores; 12]);
    });
}

#[test]
fn a_tagger_runs_two_layers_both_ways() {
    bundled("lstm_tagger.onnx", |graph, cost| {
        let layer = |input| {
            let cell = Cell::Lstm;
            let sizes = Recurrent { cell, directions: 2, sequence: 128, batch: 1, input, hidden: 256 };
            Form::Recurrent(Box::new(sizes))
        };
        assert_eq!(forms_of(graph, cost, "LSTM"), [layer(128), layer(512)]);
    });
}

/// What feeds each layer, and how many layers it feeds.
fn edges(model: &ModelProto) -> Vec<(String, Vec<u32>, u32)> {
    let typed = graph::infer(model, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    let layers = typed.nodes.iter().enumerate();
    layers
        .map(|(at, node)| {
            (node.op_type.to_owned(), cost.edges.producers(at).to_vec(), cost.edges.consumers(at))
        })
        .collect()
}

fn assert_edges(model: &ModelProto, expected: &[(&str, &[u32], u32)]) {
    let expected: Vec<_> =
        expected.iter().map(|(name, from, to)| ((*name).to_owned(), from.to_vec(), *to)).collect();
    assert_eq!(edges(model), expected);
}

#[test]
fn shapes_and_constants_feed_nothing() {
    let model = model(graph(
        vec![float("x", &[N(4), N(16)])],
        vec![weight("w", Float32, &[16, 16]), ints("size", &[1], &[64])],
        vec![
            node("Transpose", &["w"], &["turned"]),
            node("MatMul", &["x", "turned"], &["a"]),
            node("Shape", &["a"], &["shape"]),
            node("Relu", &["a"], &["b"]),
            node("Add", &["b", "b"], &["c"]),
            node("Reshape", &["c", "size"], &["d"]),
            node("Reshape", &["d", "shape"], &["y"]),
        ],
        vec![untyped("y")],
    ));
    assert_edges(
        &model,
        &[
            ("Transpose", &[], 0),
            ("MatMul", &[], 1),
            ("Shape", &[], 0),
            ("Relu", &[1], 1),
            ("Add", &[3], 1),
            ("Reshape", &[4], 1),
            ("Reshape", &[5], 0),
        ],
    );
}

#[test]
fn the_body_of_a_function_is_fed_from_outside_and_feeds_the_call() {
    let body = vec![node("Relu", &["a"], &["t"]), node("Add", &["t", "a"], &["b"])];
    let mut model = model(graph(
        vec![float("x", &[N(4)])],
        vec![],
        vec![
            node("Exp", &["x"], &["e"]),
            node("Residual", &["e"], &["r"]).domain("local"),
            node("Neg", &["r"], &["y"]),
        ],
        vec![untyped("y")],
    ));
    model.functions = vec![function("Residual", &["a"], &["b"], body)];
    assert_edges(
        &model,
        &[("Exp", &[], 2), ("Residual", &[3], 1), ("Relu", &[0], 1), ("Add", &[2, 0], 1), ("Neg", &[1], 0)],
    );
}

#[test]
fn both_branches_feed_a_choice() {
    let branch = |op_type| graph(vec![], vec![], vec![node(op_type, &["e"], &["z"])], vec![untyped("z")]);
    let choose = node("If", &["flag"], &["c"])
        .graph("then_branch", branch("Neg"))
        .graph("else_branch", branch("Relu"));
    let model = model(graph(
        vec![float("x", &[N(4)]), value("flag", Bool, &[])],
        vec![],
        vec![node("Exp", &["x"], &["e"]), choose, node("Abs", &["c"], &["y"])],
        vec![untyped("y")],
    ));
    assert_edges(
        &model,
        &[("Exp", &[], 2), ("If", &[2, 3], 1), ("Neg", &[0], 1), ("Relu", &[0], 1), ("Abs", &[1], 0)],
    );
}

#[test]
fn a_loop_is_fed_by_what_enters_it_and_by_its_body() {
    let body = graph(
        vec![value("i", Int64, &[]), value("go", Bool, &[]), untyped("carried")],
        vec![],
        vec![node("Identity", &["go"], &["go_on"]), node("Add", &["carried", "outside"], &["next"])],
        vec![untyped("go_on"), untyped("next")],
    );
    // Whether to go on is no output of the loop.
    let model = model(graph(
        vec![float("x", &[N(4)])],
        vec![ints("trips", &[], &[3]), truth("always", true)],
        vec![
            node("Exp", &["x"], &["start"]),
            node("Abs", &["x"], &["outside"]),
            node("Loop", &["trips", "always", "start"], &["y"]).graph("body", body),
        ],
        vec![untyped("y")],
    ));
    assert_edges(
        &model,
        &[("Exp", &[], 1), ("Abs", &[], 1), ("Loop", &[0, 4], 0), ("Identity", &[], 0), ("Add", &[1], 1)],
    );
}

#[test]
fn a_layer_of_many_operands_is_read_in_proportion_to_them() {
    // A list searched for each operand would take minutes.
    let names: Vec<String> = (0..100_000).map(|index| format!("v{index}")).collect();
    let mut nodes: Vec<_> = names.iter().map(|name| node("Relu", &["x"], &[name])).collect();
    let operands: Vec<&str> = names.iter().map(String::as_str).collect();
    nodes.push(node("Sum", &operands, &["y"]));
    let model = model(graph(vec![float("x", &[N(4)])], vec![], nodes, vec![untyped("y")]));
    let typed = graph::infer(&model, &Request::default()).unwrap();
    assert_eq!(cost::count(&typed).unwrap().edges.producers(100_000).len(), 100_000);
}
