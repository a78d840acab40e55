//! Peak memory of activations. Every expected number is added up by hand, step by step.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost;
use ergometer::graph::{Request, infer};
use ergometer::onnx::schema::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use ergometer::tensor::ElementType::{Bool, Float32, Int64};
use support::{N, With, float, function, graph, ints, model, node, truth, untyped, value, weight};

fn peak(model: &ModelProto) -> Option<u64> {
    let typed = infer(model, &Request::default()).unwrap();
    cost::count(&typed).unwrap().totals.peak_activation_bytes
}

/// The peak of these nodes over `x [4, 16]`, 256 bytes.
fn peak_over_x(weights: Vec<TensorProto>, nodes: Vec<NodeProto>, outputs: &[&str]) -> Option<u64> {
    peak(&model(graph(vec![x()], weights, nodes, outputs.iter().map(|name| untyped(name)).collect())))
}

fn x() -> ValueInfoProto {
    float("x", &[N(4), N(16)])
}

#[test]
fn a_value_lives_from_where_it_is_made_to_where_it_is_used_last() {
    let relu = |from: &str, to: &str| node("Relu", &[from], &[to]);
    for (what, nodes, outputs, expected) in [
        // Input and output of each node.
        ("a chain", vec![relu("x", "a"), relu("a", "b"), relu("b", "y")], &["y"][..], 2 * 256),
        // x waits beside a and b, then beside b and y.
        (
            "a residual",
            vec![relu("x", "a"), relu("a", "b"), node("Add", &["b", "x"], &["y"])],
            &["y"],
            3 * 256,
        ),
        // a stays to the end: x, a, b; then a, b, c; then a, c, y.
        (
            "an output of the middle",
            vec![relu("x", "a"), relu("a", "b"), relu("b", "c"), relu("c", "y")],
            &["y", "a"],
            3 * 256,
        ),
        ("an input given back", vec![relu("x", "a"), relu("a", "y")], &["y", "x"], 3 * 256),
        ("no node at all", vec![], &["x"], 256),
        // The second Relu is used by nobody: it is made all the same.
        ("a dead end", vec![relu("x", "a"), relu("x", "b"), relu("a", "y")], &["y"], 3 * 256),
    ] {
        assert_eq!(peak_over_x(vec![], nodes, outputs), Some(expected), "{what}");
    }
}

#[test]
fn a_view_takes_no_memory_and_keeps_what_it_shows() {
    let shape = || ints("shape", &[2], &[16, 4]);
    let reshape = |from: &str, to: &str| node("Reshape", &[from, "shape"], &[to]);
    let through = vec![reshape("x", "r"), node("Relu", &["r"], &["y"])];
    assert_eq!(peak_over_x(vec![shape()], through, &["y"]), Some(2 * 256));
    // The view of x is used last: x is there beside a and b.
    let kept = vec![
        reshape("x", "r"),
        node("Relu", &["x"], &["a"]),
        node("Relu", &["a"], &["b"]),
        reshape("b", "s"),
        node("Add", &["r", "s"], &["y"]),
    ];
    assert_eq!(peak_over_x(vec![shape()], kept, &["y"]), Some(3 * 256));
    // A constant under another shape is a weight still.
    let of_weight = vec![reshape("w", "r"), node("MatMul", &["x", "r"], &["y"])];
    assert_eq!(peak_over_x(vec![shape(), weight("w", Float32, &[64])], of_weight, &["y"]), Some(256 + 64));
}

#[test]
fn weights_do_not_count_and_every_input_does() {
    let product = || vec![node("MatMul", &["x", "w"], &["y"])];
    let weights = || vec![weight("w", Float32, &[16, 1024])];
    assert_eq!(peak_over_x(weights(), product(), &["y"]), Some(256 + 4 * 1024 * 4));
    let inputs = vec![x(), float("unused", &[N(1000)])];
    let with_unused = model(graph(inputs, weights(), product(), vec![untyped("y")]));
    assert_eq!(peak(&with_unused), Some(256 + 4 * 1024 * 4 + 4000));
}

/// A product `[4, 16] · [16, 64]`, and as an alternative three copies of the same size without any FLOP.
fn branches() -> (GraphProto, GraphProto) {
    let then = graph(vec![], vec![], vec![node("MatMul", &["x", "w"], &["a"])], vec![untyped("a")]);
    let copies = vec![
        node("Concat", &["x", "x", "x", "x"], &["b"]).int("axis", 1),
        node("Transpose", &["b"], &["c"]).ints("perm", &[1, 0]),
        node("Transpose", &["c"], &["d"]).ints("perm", &[1, 0]),
    ];
    (then, graph(vec![], vec![], copies, vec![untyped("d")]))
}

#[test]
fn only_the_branch_that_is_counted_takes_memory_and_gives_its_own_result_back() {
    let (then, other) = branches();
    let choose = node("If", &["flag"], &["y"]).graph("then_branch", then).graph("else_branch", other);
    // x of 256 bytes, a of 1,024; y is a.
    for flag in [None, Some(true)] {
        let mut inputs = vec![x()];
        let mut weights = vec![weight("w", Float32, &[16, 64])];
        match flag {
            Some(flag) => weights.push(truth("flag", flag)),
            None => inputs.push(value("flag", Bool, &[])),
        }
        let whole = model(graph(inputs, weights, vec![choose.clone()], vec![untyped("y")]));
        // The flag is a byte where it is an input, and gone once the branch is chosen.
        assert_eq!(peak(&whole), Some(256 + 1024), "{flag:?}");
    }
    let weights = vec![weight("w", Float32, &[16, 64]), truth("flag", false)];
    let other = model(graph(vec![x()], weights, vec![choose], vec![untyped("y")]));
    // The copies, two at a time; x is gone after the first.
    assert_eq!(peak(&other), Some(2 * 1024));
}

#[test]
fn a_function_takes_what_its_nodes_take_in_its_place() {
    let body = |from: &str, to: &str| {
        vec![
            node("Relu", &[from], &["a"]),
            node("Concat", &["a", "a", "a"], &["b"]).int("axis", 0),
            node("Transpose", &["b"], &[to]).ints("perm", &[1, 0]),
        ]
    };
    let mut called = model(graph(
        vec![x()],
        vec![],
        vec![node("F", &["x"], &["h"]).domain("local"), node("Relu", &["h"], &["y"])],
        vec![untyped("y")],
    ));
    called.functions = vec![function("F", &["p"], &["q"], body("p", "q"))];
    let inline = [body("x", "h"), vec![node("Relu", &["h"], &["y"])]].concat();
    // Two tensors of three times 256 bytes.
    assert_eq!(peak_over_x(vec![], inline, &["y"]), Some(6 * 256));
    assert_eq!(peak(&called), Some(6 * 256));
}

/// Ten turns of a body over a carried `[4, 16]`.
fn loop_of(nodes: Vec<NodeProto>) -> ModelProto {
    let inputs = vec![value("i", Int64, &[]), value("go", Bool, &[]), untyped("carried")];
    let nodes = [vec![node("Identity", &["go"], &["go_on"])], nodes].concat();
    let body = graph(inputs, vec![], nodes, vec![untyped("go_on"), untyped("next")]);
    let weights = vec![ints("trips", &[], &[10]), truth("always", true), weight("w", Float32, &[16, 16])];
    let turn = node("Loop", &["trips", "always", "x"], &["y"]).graph("body", body);
    model(graph(vec![x()], weights, vec![turn], vec![untyped("y")]))
}

#[test]
fn a_loop_holds_what_its_turns_share_and_hand_on() {
    // The carried state and the next one; number and condition of the turn are gone by then.
    let product = loop_of(vec![node("MatMul", &["carried", "w"], &["next"])]);
    assert_eq!(peak(&product), Some(256 + 256));
    // x is read at the start of each turn, so it is there while the copies are made: x, s and four copies.
    let captures = loop_of(vec![
        node("Add", &["carried", "x"], &["s"]),
        node("Concat", &["s", "s", "s", "s"], &["wide"]).int("axis", 1),
        node("MatMul", &["wide", "narrow"], &["next"]),
    ]);
    let mut captures = captures;
    captures.graph.as_mut().unwrap().initializer.push(weight("narrow", Float32, &[64, 16]));
    assert_eq!(peak(&captures), Some(256 + 256 + 1024));
}

#[test]
fn what_has_no_bound_has_no_peak() {
    let inputs = vec![value("i", Int64, &[]), value("go", Bool, &[])];
    let nodes = vec![node("Identity", &["go"], &["go_on"]), node("Relu", &["x"], &["row"])];
    let body = graph(inputs, vec![], nodes, vec![untyped("go_on"), untyped("row")]);
    let endless = node("Loop", &["", "go_first"], &["rows"]).graph("body", body);
    let inputs = vec![x(), value("go_first", Bool, &[])];
    assert_eq!(peak(&model(graph(inputs, vec![], vec![endless], vec![untyped("rows")]))), None);
    // A node that is not counted is listed; what it makes is left out.
    let unknown = vec![node("Whirl", &["x"], &["y"]).domain("com.example")];
    assert_eq!(peak_over_x(vec![], unknown, &["y"]), Some(256));
}
