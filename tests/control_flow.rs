//! Bodies: how often they run, what passes through them, and what they cost. The expected counts are
//! the cost of the body by hand, times its turns.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost::{self, ModelCost};
use ergometer::graph::{GraphError, Request, TypedGraph, infer};
use ergometer::onnx::schema::attribute_proto::AttributeType;
use ergometer::onnx::schema::{GraphProto, ModelProto};
use ergometer::tensor::ElementType::{Bool, Float32, Int64};
use support::{N, With, float, function, graph, ints, model, node, truth, untyped, value, weight};

fn analyze(model: &ModelProto) -> (TypedGraph<'_>, ModelCost) {
    let typed = infer(model, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    (typed, cost)
}

fn macs(model: &ModelProto) -> u64 {
    let (_, cost) = analyze(model);
    assert!(cost.totals.complete, "{:?}", cost.uncosted);
    cost.totals.counts.macs
}

fn shape(typed: &TypedGraph, name: &str) -> String {
    let value = typed.values.iter().rev().find(|value| value.name == name).unwrap();
    format!(
        "{:?}",
        value
            .ty
            .tensor()
            .unwrap()
            .shape
            .as_ref()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    )
}

/// A body that multiplies a carried `[4, 16]` by a weight `[16, 16]`: 4·16·16 = 1,024 MACs a turn.
fn multiply_body() -> GraphProto {
    graph(
        vec![value("i", Int64, &[]), value("go", Bool, &[]), untyped("carried")],
        vec![],
        vec![node("Identity", &["go"], &["go_on"]), node("MatMul", &["carried", "w"], &["next"])],
        vec![untyped("go_on"), untyped("next")],
    )
}

fn loop_of(trips: i64) -> ModelProto {
    model(graph(
        vec![float("x", &[N(4), N(16)])],
        vec![ints("trips", &[], &[trips]), truth("always", true), weight("w", Float32, &[16, 16])],
        vec![node("Loop", &["trips", "always", "x"], &["y"]).graph("body", multiply_body())],
        vec![untyped("y")],
    ))
}

#[test]
fn a_loop_costs_its_body_times_its_turns() {
    assert_eq!(macs(&loop_of(10)), 10 * 1024);
    assert_eq!(macs(&loop_of(0)), 0);
    let ten = loop_of(10);
    let (typed, cost) = analyze(&ten);
    assert_eq!(shape(&typed, "y"), r#"["4", "16"]"#);
    let body: Vec<u64> =
        typed.nodes.iter().filter(|node| node.op_type == "MatMul").map(|node| node.repeat).collect();
    assert_eq!(body, [10], "the body is listed once");
    assert_eq!(cost.totals.params.elements, 256, "its weight is one parameter tensor, whatever the turns");
}

#[test]
fn a_loop_of_a_million_turns_is_counted_without_running_them() {
    let model = loop_of(1_000_000);
    let (_, cost) = analyze(&model);
    assert_eq!(cost.totals.counts.macs, 1_000_000 * 1024);
}

#[test]
fn a_loop_that_grows_its_state_costs_each_turn_by_its_own_size() {
    // The carried tensor gains a row a turn: 1, 2, 3 rows times [16, 16].
    let body = graph(
        vec![value("i", Int64, &[]), value("go", Bool, &[]), untyped("rows")],
        vec![],
        vec![
            node("Identity", &["go"], &["go_on"]),
            node("MatMul", &["rows", "w"], &["scores"]),
            node("Concat", &["rows", "x"], &["more"]).int("axis", 0),
        ],
        vec![untyped("go_on"), untyped("more"), untyped("scores_out")],
    );
    let mut body = body;
    body.node.push(node("ReduceSum", &["scores"], &["scores_out"]).int("keepdims", 0));
    let model = model(graph(
        vec![float("x", &[N(1), N(16)])],
        vec![ints("trips", &[], &[3]), truth("always", true), weight("w", Float32, &[16, 16])],
        vec![node("Loop", &["trips", "always", "x"], &["rows_out", "sums"]).graph("body", body)],
        vec![untyped("rows_out"), untyped("sums")],
    ));
    let (typed, cost) = analyze(&model);
    assert_eq!(cost.totals.counts.macs, (1 + 2 + 3) * 256);
    assert_eq!(shape(&typed, "rows_out"), r#"["4", "16"]"#);
    assert_eq!(shape(&typed, "sums"), r#"["3"]"#);
}

#[test]
fn a_loop_without_a_known_end_makes_the_totals_lower_bounds() {
    let mut model = loop_of(1);
    let main = model.graph.as_mut().unwrap();
    main.initializer.retain(|tensor| tensor.name != "trips");
    main.input.push(value("trips", Int64, &[]));
    let (typed, cost) = analyze(&model);
    assert!(!cost.totals.complete);
    assert_eq!(cost.totals.counts.macs, 1024);
    assert!(typed.warnings.iter().any(|warning| warning.code == "trip-count"));
}

/// A choice between a product of 1,024 MACs and a Relu.
fn choice(condition: Option<bool>) -> ModelProto {
    let then = graph(vec![], vec![], vec![node("MatMul", &["x", "w"], &["a"])], vec![untyped("a")]);
    let other = graph(vec![], vec![], vec![node("Relu", &["x"], &["b"])], vec![untyped("b")]);
    let mut inputs = vec![float("x", &[N(4), N(16)])];
    let mut initializers = vec![weight("w", Float32, &[16, 16])];
    match condition {
        Some(condition) => initializers.push(truth("condition", condition)),
        None => inputs.push(value("condition", Bool, &[])),
    }
    let choose = node("If", &["condition"], &["y"]).graph("then_branch", then).graph("else_branch", other);
    model(graph(inputs, initializers, vec![choose], vec![untyped("y")]))
}

#[test]
fn an_if_costs_the_branch_it_takes_and_the_dearer_one_where_that_is_not_known() {
    assert_eq!(macs(&choice(Some(true))), 1024);
    assert_eq!(macs(&choice(Some(false))), 0);
    assert_eq!(macs(&choice(None)), 1024);
    let model = choice(Some(false));
    let (typed, _) = analyze(&model);
    let untaken = typed.nodes.iter().find(|node| node.op_type == "MatMul").unwrap();
    assert_eq!((untaken.repeat, untaken.scope.as_str()), (0, "make_y.then_branch"));
}

#[test]
fn a_scan_runs_its_body_once_an_element() {
    let body = graph(
        vec![untyped("state"), untyped("row")],
        vec![],
        vec![node("Add", &["state", "row"], &["sum"]), node("MatMul", &["sum", "w"], &["scan_out"])],
        vec![untyped("sum"), untyped("scan_out")],
    );
    let model = model(graph(
        vec![float("start", &[N(1), N(16)]), float("xs", &[N(5), N(1), N(16)])],
        vec![weight("w", Float32, &[16, 8])],
        vec![node("Scan", &["start", "xs"], &["last", "all"]).int("num_scan_inputs", 1).graph("body", body)],
        vec![untyped("last"), untyped("all")],
    ));
    assert_eq!(macs(&model), 5 * 16 * 8);
    let (typed, _) = analyze(&model);
    assert_eq!(shape(&typed, "all"), r#"["5", "1", "8"]"#);
}

#[test]
fn a_function_costs_what_its_nodes_cost_with_the_attributes_of_the_call() {
    let mut model = model(graph(
        vec![float("x", &[N(4), N(16)])],
        vec![weight("w", Float32, &[16, 16])],
        vec![node("Project", &["x", "w"], &["y"]).domain("local").int("transpose", 1)],
        vec![untyped("y")],
    ));
    model.functions = vec![function(
        "Project",
        &["a", "b"],
        &["c"],
        vec![node("Gemm", &["a", "b"], &["c"]).refers("transB", "transpose", AttributeType::Int)],
    )];
    assert_eq!(macs(&model), 1024);
    let (typed, cost) = analyze(&model);
    assert_eq!(shape(&typed, "y"), r#"["4", "16"]"#);
    assert!(typed.nodes[0].call && cost.layers[0].counts.macs == 0, "the call itself costs nothing");
}

#[test]
fn functions_that_call_each_other_without_end_are_an_error() {
    let mut model = model(graph(
        vec![float("x", &[N(4)])],
        vec![],
        vec![node("A", &["x"], &["y"]).domain("local")],
        vec![untyped("y")],
    ));
    model.functions = vec![
        function("A", &["a"], &["c"], vec![node("B", &["a"], &["c"]).domain("local")]),
        function("B", &["a"], &["c"], vec![node("A", &["a"], &["c"]).domain("local")]),
    ];
    assert!(matches!(infer(&model, &Request::default()), Err(GraphError::TooDeep { .. })));
}

#[test]
fn functions_that_double_at_each_level_are_an_error_before_they_fill_memory() {
    let mut model = model(graph(
        vec![float("x", &[N(4)])],
        vec![],
        vec![node("F0", &["x"], &["y"]).domain("local")],
        vec![untyped("y")],
    ));
    model.functions = (0..40)
        .map(|level| {
            let inner = format!("F{}", level + 1);
            let twice = vec![
                node(&inner, &["a"], &["b"]).domain("local"),
                node(&inner, &["b"], &["c"]).domain("local"),
            ];
            function(&format!("F{level}"), &["a"], &["c"], twice)
        })
        .collect();
    assert!(matches!(infer(&model, &Request::default()), Err(GraphError::TooManyNodes { .. })));
}
