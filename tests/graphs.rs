//! What names and declarations of a graph mean, in files that follow the letter of the format and in those
//! that do not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost::{self, ModelCost};
use ergometer::graph::{Request, TypedGraph, infer};
use ergometer::onnx::schema::{ModelProto, ValueInfoProto};
use ergometer::tensor::ElementType::{Float32, Int64};
use ergometer::tensor::Type;
use support::{N, S, With, float, graph, ints, model, node, untyped, value, weight};

fn analyze(model: &ModelProto) -> (TypedGraph<'_>, ModelCost) {
    let typed = infer(model, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    (typed, cost)
}

fn codes(typed: &TypedGraph) -> Vec<&'static str> {
    typed.warnings.iter().map(|warning| warning.code).collect()
}

fn ty<'g>(typed: &'g TypedGraph, name: &str) -> &'g Type {
    &typed.values.iter().rev().find(|value| value.name == name).unwrap().ty
}

#[test]
fn two_values_of_one_name_are_told_and_a_node_reads_the_last_one() {
    let nodes = vec![
        node("Relu", &["x"], &["h"]),
        node("Concat", &["x", "x"], &["h"]).int("axis", 1),
        node("MatMul", &["h", "w"], &["y"]),
    ];
    let weights = vec![weight("w", Float32, &[8, 3])];
    let twice = model(graph(vec![float("x", &[N(2), N(4)])], weights, nodes, vec![untyped("y")]));
    let (typed, cost) = analyze(&twice);
    assert_eq!(codes(&typed), ["duplicate-name"]);
    assert_eq!(cost.totals.counts.macs, 2 * 8 * 3);
    assert!(cost.totals.complete);
}

#[test]
fn a_node_that_makes_a_value_with_the_name_of_an_initializer_hides_it() {
    let nodes = vec![node("Relu", &["x"], &["w"]), node("MatMul", &["x", "w"], &["y"])];
    let weights = vec![weight("w", Float32, &[1000, 1000])];
    let hidden = model(graph(vec![float("x", &[N(4), N(4)])], weights, nodes, vec![untyped("y")]));
    let (typed, cost) = analyze(&hidden);
    assert_eq!(codes(&typed), ["duplicate-name"]);
    assert_eq!((cost.totals.counts.macs, cost.totals.params.elements), (64, 0));
    assert_eq!(cost.dead.len(), 1, "nothing reads the initializer");
}

#[test]
fn the_default_of_an_input_stands_for_it() {
    // From IR version 4 on such an input may be overridden by who runs the model.
    let inputs = vec![float("x", &[N(2), N(4)]), value("shape", Int64, &[N(2)]), float("w", &[S("n"), N(3)])];
    let nodes = vec![node("Reshape", &["x", "shape"], &["r"]), node("MatMul", &["r", "w"], &["y"])];
    let weights = vec![ints("shape", &[2], &[1, 8]), weight("w", Float32, &[8, 3])];
    let defaulted = model(graph(inputs, weights, nodes, vec![untyped("y")]));
    let (typed, cost) = analyze(&defaulted);
    assert_eq!((cost.totals.counts.macs, cost.totals.params.elements), (24, 24));
    let names: Vec<&str> = typed.bindings.iter().map(|binding| binding.name.as_str()).collect();
    assert_eq!(names, ["x[0]", "x[1]"]);
}

#[test]
fn inputs_and_initializers_may_be_given_back_as_they_are() {
    let weights = vec![weight("w", Float32, &[8, 3])];
    let outputs = ["x", "w", "nowhere"].map(untyped).to_vec();
    let bare = model(graph(vec![float("x", &[N(2), N(4)])], weights, vec![], outputs));
    let (typed, cost) = analyze(&bare);
    assert_eq!(typed.outputs.len(), 2);
    assert_eq!(codes(&typed), ["missing-output"]);
    assert_eq!(cost.totals.peak_activation_bytes, Some(32));
    assert!(cost.dead.is_empty() && cost.totals.complete);
}

/// A Relu over `x [batch, 4]` with this declared of its output, and an operator that nobody knows.
fn declaring(of_relu: ValueInfoProto, of_mystery: ValueInfoProto) -> ModelProto {
    let nodes = vec![node("Relu", &["x"], &["h"]), node("Whirl", &["h"], &["y"]).domain("com.example")];
    let mut main = graph(vec![float("x", &[S("batch"), N(4)])], vec![], nodes, vec![of_mystery]);
    main.value_info = vec![of_relu];
    model(main)
}

#[test]
fn declarations_are_held_against_inference_and_used_only_where_it_knows_nothing() {
    let anything = || float("y", &[S("batch"), N(7)]);
    for (what, of_relu, warns) in [
        ("the same", float("h", &[N(1), N(4)]), false),
        ("a name bound to the same size", float("h", &[S("batch"), N(4)]), false),
        ("a name that no input has", float("h", &[S("other"), N(4)]), false),
        ("another size", float("h", &[N(2), N(4)]), true),
        ("another rank", float("h", &[N(1), N(4), N(1)]), true),
        ("another element type", value("h", Int64, &[N(1), N(4)]), true),
        ("no type", untyped("h"), false),
    ] {
        let model = declaring(of_relu, anything());
        let (typed, _) = analyze(&model);
        assert_eq!(codes(&typed) == ["declared-shape"], warns, "{what}: {:?}", typed.warnings);
        assert_eq!(ty(&typed, "h"), ty(&typed, "x"), "{what}");
        let declared = ergometer::tensor::TensorType::exact(Float32, &[1, 7]);
        assert_eq!(ty(&typed, "y"), &Type::Tensor(declared), "{what}");
    }
}

#[test]
fn many_inputs_bind_in_time_that_grows_with_their_number() {
    // A name for each dimension, each of them a default.
    let inputs: Vec<ValueInfoProto> = (0..20_000)
        .map(|at| {
            let mut info = float(&format!("mask{at}"), &[S("batch"), support::Open, support::Open, N(8)]);
            info.doc_string = Some(String::new());
            info
        })
        .chain([float("past", &[S("batch"), N(8), S("past"), N(8)])])
        .collect();
    let wide = model(graph(inputs, vec![], vec![], vec![]));
    let typed = infer(&wide, &Request { batch: Some(2), ..Request::default() }).unwrap();
    assert_eq!(typed.bindings.len(), 1 + 3 * 20_000 + 3);
    let request = Request { dims: vec![("bacth".into(), 2)], ..Request::default() };
    let error = infer(&wide, &request).unwrap_err().to_string();
    assert!(error.len() < 1000 && error.contains("more"), "{error}");
}

#[test]
fn a_node_with_many_inputs_takes_time_that_grows_with_their_number() {
    let mut long = node("Concat", &[], &["y"]).int("axis", 0);
    long.input = (0..50_000).map(|at| format!("x{at}")).collect();
    let inputs = long.input.iter().map(|name| float(name, &[N(1)])).collect();
    let model = model(graph(inputs, vec![], vec![long], vec![untyped("y")]));
    let (_, cost) = analyze(&model);
    assert_eq!((cost.totals.bytes_read, cost.totals.bytes_written), (200_000, 200_000));
}

#[test]
fn a_size_that_does_not_fit_says_so_and_does_not_blame_the_data() {
    let wide = model(graph(
        vec![float("x", &[N(i64::MAX), N(8)])],
        vec![],
        vec![node("Relu", &["x"], &["y"])],
        vec![],
    ));
    let (_, cost) = analyze(&wide);
    assert_eq!(cost.uncosted[0].reason, "a count does not fit in 64 bits");
}

#[test]
fn a_dictionary_of_scores_costs_nothing_and_leaves_totals_complete() {
    let zip = node("ZipMap", &["scores"], &["labelled"])
        .domain("ai.onnx.ml")
        .ints("classlabels_int64s", &[0, 1, 2]);
    let mut classifier = model(graph(vec![float("scores", &[N(4), N(3)])], vec![], vec![zip], vec![]));
    classifier.opset_import[2].domain = "ai.onnx.ml".into();
    let (_, cost) = analyze(&classifier);
    assert!(cost.totals.complete, "{:?}", cost.uncosted);
    assert_eq!(cost.totals.flops, 0);
}

#[test]
fn work_that_depends_on_data_is_told_apart_as_an_upper_bound() {
    // Of eight numbers any may be non-zero: the negation works on at most 1 × 8 indices.
    let nodes = vec![
        node("NonZero", &["x"], &["at"]),
        node("Cast", &["at"], &["positions"]).int("to", 1),
        node("Neg", &["positions"], &["y"]),
        node("Relu", &["x"], &["z"]),
    ];
    let bounded = model(graph(vec![float("x", &[N(8)])], vec![], nodes, vec![untyped("y"), untyped("z")]));
    let (_, cost) = analyze(&bounded);
    assert!(cost.totals.complete, "{:?}", cost.uncosted);
    assert_eq!((cost.totals.flops, cost.totals.bounded_flops), (8 + 8, 8));
}
