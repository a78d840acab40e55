//! Bodies: how often they run, what passes through them, and what they cost. The expected counts are
//! the cost of the body by hand, times its turns.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost::{self, ModelCost};
use ergometer::graph::{GraphError, Request, TypedGraph, infer};
use ergometer::onnx::schema::attribute_proto::AttributeType;
use ergometer::onnx::schema::{GraphProto, ModelProto};
use ergometer::ops::Confidence;
use ergometer::tensor::ElementType::{Bool, Float32, Int64};
use support::{N, S, With, float, function, graph, ints, model, node, truth, untyped, value, weight};

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
    assert_eq!((untaken.repeat, &*untaken.scope), (0, "make_y.then_branch"));
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

/// An If on a flag that is not known, with the same product in both branches, within the `then` branch of
/// another one, and so on.
fn nested_choices(depth: usize) -> ModelProto {
    let product = |output: &str| node("MatMul", &["x", "w"], &[output]);
    let branch = |nodes, output: &str| graph(vec![], vec![], nodes, vec![untyped(output)]);
    let mut inner = vec![product("y0")];
    for level in 1..=depth {
        let below = format!("y{}", level - 1);
        let choose = node("If", &["flag"], &[&format!("y{level}")])
            .graph("then_branch", branch(inner, &below))
            .graph("else_branch", branch(vec![product("other"), node("Relu", &["other"], &["z"])], "z"));
        inner = vec![choose];
    }
    let output = format!("y{depth}");
    let inputs = vec![float("x", &[N(4), N(16)]), value("flag", Bool, &[])];
    model(graph(inputs, vec![weight("w", Float32, &[16, 16])], inner, vec![untyped(&output)]))
}

#[test]
fn choices_within_choices_take_no_exponential_time_and_count_one_way_through() {
    // A product and a Relu beat the product alone; further out, as much against as much, the first wins.
    let model = nested_choices(60);
    let (typed, cost) = analyze(&model);
    assert_eq!((cost.totals.counts.macs, cost.totals.counts.alu), (1024, 64));
    assert!(cost.totals.complete);
    assert_eq!(typed.nodes.len(), 60 * 3 + 1);
    let counted = cost.layers.iter().filter(|layer| layer.repeat > 0).count();
    assert_eq!(counted, 60 + 2, "each If, and the else branch of the innermost");
}

#[test]
fn branches_that_contradict_their_shapes_take_no_exponential_time() {
    // At the bottom of the then branches stands a product that nothing fits.
    let mut model = nested_choices(60);
    model.graph.as_mut().unwrap().initializer[0].dims = vec![15, 16];
    let (_, cost) = analyze(&model);
    assert!(!cost.totals.complete);
}

#[test]
fn of_branches_with_equal_flops_the_first_is_counted() {
    let branch = |op: &str| graph(vec![], vec![], vec![node(op, &["x"], &[op])], vec![untyped(op)]);
    let choose = node("If", &["flag"], &["y"])
        .graph("then_branch", branch("Neg"))
        .graph("else_branch", branch("Relu"));
    let inputs = vec![float("x", &[N(4), N(16)]), value("flag", Bool, &[])];
    let model = model(graph(inputs, vec![], vec![choose], vec![untyped("y")]));
    let (_, cost) = analyze(&model);
    let runs: Vec<(u64, u64)> = cost.layers.iter().map(|layer| (layer.repeat, layer.counts.alu)).collect();
    assert_eq!(runs, [(1, 0), (1, 64), (0, 0)], "the If, Neg, Relu");
}

#[test]
fn a_node_that_is_not_counted_matters_only_where_it_runs() {
    let product = vec![node("MatMul", &["x", "w"], &["a"])];
    let mystery = vec![node("Whirl", &["x"], &["b"]).domain("com.example")];
    for (flag, complete) in [(None, true), (Some(true), true), (Some(false), false)] {
        let then = graph(vec![], vec![], product.clone(), vec![untyped("a")]);
        let other = graph(vec![], vec![], mystery.clone(), vec![untyped("b")]);
        let choose = node("If", &["flag"], &["y"]).graph("then_branch", then).graph("else_branch", other);
        let mut inputs = vec![float("x", &[N(4), N(16)])];
        let mut weights = vec![weight("w", Float32, &[16, 16])];
        match flag {
            Some(flag) => weights.push(truth("flag", flag)),
            None => inputs.push(value("flag", Bool, &[])),
        }
        let model = model(graph(inputs, weights, vec![choose], vec![untyped("y")]));
        let (_, cost) = analyze(&model);
        assert_eq!((cost.totals.complete, cost.uncosted.is_empty()), (complete, complete), "{flag:?}");
        assert_eq!(cost.totals.costed_nodes, if complete { 3 } else { 2 }, "{flag:?}");
    }
}

/// A product in the innermost of loops within each other, `turns` each.
fn nested_loops(depth: usize, turns: i64) -> ModelProto {
    let mut nodes = vec![node("MatMul", &["s0", "w"], &["r0"])];
    for level in 1..=depth {
        let (state, result) = (format!("s{}", level - 1), format!("r{}", level - 1));
        let (go, still) = (format!("go{level}"), format!("still{level}"));
        nodes.insert(0, node("Identity", &[&go], &[&still]));
        let inputs = vec![value(&format!("i{level}"), Int64, &[]), value(&go, Bool, &[]), untyped(&state)];
        let body = graph(inputs, vec![], nodes, vec![untyped(&still), untyped(&result)]);
        let around = format!("s{level}");
        nodes =
            vec![node("Loop", &["turns", "always", &around], &[&format!("r{level}")]).graph("body", body)];
    }
    let (input, output) = (format!("s{depth}"), format!("r{depth}"));
    let weights = vec![ints("turns", &[], &[turns]), truth("always", true), weight("w", Float32, &[16, 16])];
    model(graph(vec![float(&input, &[N(4), N(16)])], weights, nodes, vec![untyped(&output)]))
}

#[test]
fn loops_within_loops_multiply_their_turns_in_no_exponential_time() {
    assert_eq!(macs(&nested_loops(3, 10)), 1000 * 1024);
    // 2^60 products of 1,024: more than 64 bits can count.
    let deep = nested_loops(60, 2);
    let (_, cost) = analyze(&deep);
    assert!(!cost.totals.complete);
}

#[test]
fn a_loop_that_may_stop_early_is_counted_to_its_last_turn_as_a_bound() {
    let mut model = loop_of(10);
    let main = model.graph.as_mut().unwrap();
    main.initializer.retain(|tensor| tensor.name != "always");
    main.input.push(value("always", Bool, &[]));
    let (typed, cost) = analyze(&model);
    assert_eq!(cost.totals.counts.macs, 10 * 1024);
    assert!(cost.totals.complete, "a bound is a count");
    let product = typed.nodes.iter().position(|node| node.op_type == "MatMul").unwrap();
    assert_eq!(cost.layers[product].counts.confidence, Confidence::Bound);
}

#[test]
fn a_long_loop_that_surely_goes_on_is_counted_exactly() {
    let model = loop_of(1_000_000);
    let (typed, cost) = analyze(&model);
    let product = typed.nodes.iter().position(|node| node.op_type == "MatMul").unwrap();
    assert_eq!(cost.layers[product].counts.confidence, Confidence::Exact);
}

#[test]
fn a_scan_over_rows_of_a_number_that_depends_on_data_gives_no_exact_number() {
    let body =
        graph(vec![untyped("row")], vec![], vec![node("Neg", &["row"], &["out"])], vec![untyped("out")]);
    let nodes = vec![
        node("NonZero", &["x"], &["places"]),
        node("Transpose", &["places"], &["rows"]).ints("perm", &[1, 0]),
        node("Scan", &["rows"], &["y"]).int("num_scan_inputs", 1).graph("body", body),
    ];
    let model = model(graph(vec![float("x", &[N(2), N(3)])], vec![], nodes, vec![untyped("y")]));
    let (typed, _) = analyze(&model);
    assert_eq!(shape(&typed, "y"), r#"["≤6", "2"]"#);
}

#[test]
fn a_list_that_begins_empty_takes_the_type_of_what_a_loop_puts_in() {
    let inputs = vec![value("i", Int64, &[]), value("go", Bool, &[]), untyped("list")];
    let nodes =
        vec![node("Identity", &["go"], &["go_on"]), node("SequenceInsert", &["list", "x"], &["longer"])];
    let body = graph(inputs, vec![], nodes, vec![untyped("go_on"), untyped("longer")]);
    for (trips, rows) in [(Some(3), r#"["12", "16"]"#), (None, r#"["?", "16"]"#)] {
        let mut inputs = vec![float("x", &[N(4), N(16)])];
        let mut weights = vec![truth("always", true)];
        match trips {
            Some(trips) => weights.push(ints("trips", &[], &[trips])),
            None => inputs.push(value("trips", Int64, &[])),
        }
        let nodes = vec![
            // Of float32 while it is empty: the default of the operator, whatever follows.
            node("SequenceEmpty", &[], &["none"]),
            node("Loop", &["trips", "always", "none"], &["all"]).graph("body", body.clone()),
            node("ConcatFromSequence", &["all"], &["y"]).int("axis", 0),
        ];
        let model = model(graph(inputs, weights, nodes, vec![untyped("y")]));
        let (typed, _) = analyze(&model);
        assert_eq!(shape(&typed, "y"), rows, "{trips:?}");
    }
}

#[test]
fn an_input_that_the_call_of_a_function_leaves_out_is_left_out_inside() {
    let mut model = model(graph(
        vec![float("x", &[N(4), N(16)])],
        vec![weight("w", Float32, &[16, 16])],
        vec![node("Project", &["x", "w"], &["y"]).domain("local")],
        vec![untyped("y")],
    ));
    model.functions = vec![function(
        "Project",
        &["a", "b", "bias"],
        &["c"],
        vec![node("Gemm", &["a", "b", "bias"], &["c"])],
    )];
    let (_, cost) = analyze(&model);
    assert!(cost.totals.complete, "{:?}", cost.uncosted);
    assert_eq!((cost.totals.counts.macs, cost.totals.counts.alu), (1024, 0), "no bias is added");
}

#[test]
fn nodes_in_any_order_count_the_same() {
    let nodes =
        vec![node("MatMul", &["b", "w"], &["y"]), node("Relu", &["a"], &["b"]), node("Relu", &["x"], &["a"])];
    let unsorted = model(graph(
        vec![float("x", &[N(4), N(16)])],
        vec![weight("w", Float32, &[16, 16])],
        nodes,
        vec![untyped("y")],
    ));
    assert_eq!(macs(&unsorted), 1024);
}

#[test]
fn a_scan_of_opset_8_runs_its_body_for_each_sample_of_a_batch() {
    let body = graph(
        vec![untyped("state"), untyped("row")],
        vec![],
        vec![node("Add", &["state", "row"], &["sum"]), node("MatMul", &["sum", "w"], &["scan_out"])],
        vec![untyped("sum"), untyped("scan_out")],
    );
    let mut batched = model(graph(
        vec![float("start", &[N(2), N(1), N(16)]), float("xs", &[N(2), N(5), N(1), N(16)])],
        vec![weight("w", Float32, &[16, 8])],
        vec![
            node("Scan", &["", "start", "xs"], &["last", "all"])
                .int("num_scan_inputs", 1)
                .graph("body", body),
        ],
        vec![untyped("last"), untyped("all")],
    ));
    batched.opset_import[0].version = 8;
    assert_eq!(macs(&batched), 2 * 5 * 16 * 8);
    let (typed, _) = analyze(&batched);
    assert_eq!(shape(&typed, "all"), r#"["2", "5", "1", "8"]"#);
    assert_eq!(shape(&typed, "last"), r#"["2", "1", "16"]"#);
}

fn asked(model: &ModelProto, request: &Request) -> (u64, bool, Vec<(String, u64)>) {
    let typed = infer(model, request).unwrap();
    let cost = cost::count(&typed).unwrap();
    let said = typed.bindings.iter().filter(|binding| binding.name.starts_with("trips("));
    let said = said.map(|binding| (binding.name.clone(), binding.value)).collect();
    (cost.totals.counts.macs, cost.totals.complete, said)
}

fn turns(node: Option<&str>, trips: u64) -> Request {
    Request { trips: vec![(node.map(str::to_owned), trips)], ..Request::default() }
}

#[test]
fn the_user_says_how_often_a_loop_runs_where_the_model_does_not() {
    let open = model(graph(
        vec![float("x", &[N(4), N(16)]), value("until", Int64, &[])],
        vec![truth("always", true), weight("w", Float32, &[16, 16])],
        vec![node("Loop", &["until", "always", "x"], &["y"]).graph("body", multiply_body())],
        vec![untyped("y")],
    ));
    let said = vec![("trips(make_y)".to_owned(), 20)];
    assert_eq!(asked(&open, &Request::default()), (1024, false, vec![]));
    assert_eq!(asked(&open, &turns(None, 20)), (20 * 1024, true, said.clone()));
    assert_eq!(asked(&open, &turns(Some("make_y"), 20)), (20 * 1024, true, said));
    assert_eq!(asked(&open, &turns(None, 1_000_000)).0, 1_000_000 * 1024);
    // What the model says stands.
    assert_eq!(asked(&loop_of(7), &turns(None, 20)), (7 * 1024, true, vec![]));
    let error = infer(&open, &turns(Some("y"), 20)).unwrap_err();
    assert_eq!(error.to_string(), "the model has no loop \"y\"; it has make_y");
}

#[test]
fn the_user_says_when_a_loop_stops_that_may_stop_early() {
    let mut body = multiply_body();
    body.node[0] = node("Not", &["unknown"], &["go_on"]);
    let stopping = model(graph(
        vec![float("x", &[N(4), N(16)]), value("unknown", Bool, &[])],
        vec![ints("trips", &[], &[50]), truth("always", true), weight("w", Float32, &[16, 16])],
        vec![node("Loop", &["trips", "always", "x"], &["y"]).graph("body", body)],
        vec![untyped("y")],
    ));
    assert_eq!(asked(&stopping, &Request::default()).0, 50 * 1024);
    assert_eq!(asked(&stopping, &turns(None, 8)), (8 * 1024, true, vec![("trips(make_y)".to_owned(), 8)]));
    // No more than the model allows.
    assert_eq!(asked(&stopping, &turns(None, 80)).0, 50 * 1024);
}

#[test]
fn the_user_chooses_a_branch_where_the_model_does_not() {
    let of = |condition, then: bool| {
        let request = Request { branches: vec![(None, then)], ..Request::default() };
        asked(&choice(condition), &request).0
    };
    let known = [macs(&choice(Some(true))), macs(&choice(Some(false)))];
    assert_ne!(known[0], known[1]);
    assert_eq!([of(None, true), of(None, false)], known);
    // What the model says stands.
    assert_eq!([of(Some(true), false), of(Some(false), true)], known);
    let request = Request { branches: vec![(Some("nowhere".into()), true)], ..Request::default() };
    assert!(matches!(infer(&choice(None), &request), Err(GraphError::UnknownName { kind: "choice", .. })));
}

#[test]
fn the_value_of_an_input_decides_like_a_constant_and_still_costs() {
    let open = model(graph(
        vec![float("x", &[N(4), N(16)]), value("until", Int64, &[])],
        vec![truth("always", true), weight("w", Float32, &[16, 16])],
        vec![node("Loop", &["until", "always", "x"], &["y"]).graph("body", multiply_body())],
        vec![untyped("y")],
    ));
    let request = |words: &[&str]| Request {
        values: vec![("until".to_owned(), words.iter().map(|word| (*word).to_owned()).collect())],
        ..Request::default()
    };
    assert_eq!(asked(&open, &request(&["9"])), (9 * 1024, true, vec![]));
    let bindings = infer(&open, &request(&["9"])).unwrap().bindings;
    assert!(bindings.iter().any(|binding| (binding.name.as_str(), binding.value) == ("value(until)", 9)));
    for (words, problem) in [
        (&["9", "9"][..], "it has 1 elements, 2 are given"),
        (&["0.5"], "\"0.5\" is no element of int64"),
        (&["99999999999999999999"], "\"99999999999999999999\" is no element of int64"),
    ] {
        let error = infer(&open, &request(words)).unwrap_err().to_string();
        assert_eq!(error, format!("the value of input \"until\" does not fit: {problem}"));
    }
    let mut elsewhere = request(&["9"]);
    elsewhere.values[0].0 = "untill".to_owned();
    assert!(matches!(infer(&open, &elsewhere), Err(GraphError::UnknownName { kind: "input", .. })));
}

#[test]
fn a_list_that_is_an_input_is_as_long_as_its_value() {
    let reshape = model(graph(
        vec![float("x", &[N(4), N(16)]), value("sizes", Int64, &[S("rank")])],
        vec![],
        vec![node("Reshape", &["x", "sizes"], &["y"])],
        vec![untyped("y")],
    ));
    let words = ["2", "-1", "8"].map(str::to_owned).to_vec();
    let request = Request { values: vec![("sizes".to_owned(), words.clone())], ..Request::default() };
    assert_eq!(shape(&infer(&reshape, &request).unwrap(), "y"), r#"["2", "4", "8"]"#);
    let other = Request { dims: vec![("rank".to_owned(), 2)], ..request };
    assert!(matches!(infer(&reshape, &other), Err(GraphError::Contradiction { first: 2, second: 3, .. })));
}

/// A body that multiplies the element of a sequence by `w` (input 1).
fn map_body() -> GraphProto {
    let inputs = vec![untyped("element"), untyped("by")];
    graph(inputs, vec![], vec![node("MatMul", &["element", "by"], &["made"])], vec![untyped("made")])
}

#[test]
fn a_map_runs_its_body_once_for_each_element_of_a_sequence() {
    let map = |elements: &[&str], rows: i64| {
        model(graph(
            vec![float("x", &[N(4), N(16)]), float("z", &[N(rows), N(16)])],
            vec![weight("w", Float32, &[16, 16]), ints("first", &[], &[0])],
            vec![
                node("SequenceConstruct", elements, &["list"]),
                node("SequenceMap", &["list", "w"], &["mapped"]).graph("body", map_body()),
                node("SequenceAt", &["mapped", "first"], &["y"]),
                node("SequenceLength", &["mapped"], &["n"]),
            ],
            vec![untyped("y"), untyped("n")],
        ))
    };
    let even = map(&["x", "z", "x"], 4);
    assert_eq!(macs(&even), 3 * 1024);
    assert_eq!(shape(&analyze(&even).0, "y"), r#"["4", "16"]"#);
    // Of tensors of several sizes, each is counted as the largest, and said to be.
    let uneven = map(&["x", "z"], 2);
    let (_, cost) = analyze(&uneven);
    assert_eq!(
        (cost.totals.counts.macs, cost.totals.counts.confidence),
        (2 * 1024, Confidence::DataDependent)
    );
}

#[test]
fn a_map_over_a_sequence_without_a_length_asks_how_often() {
    let split = model(graph(
        vec![float("x", &[N(12), N(16)]), value("choice", Bool, &[])],
        vec![weight("w", Float32, &[16, 16])],
        vec![
            node("Split", &["x"], &["a", "b", "c"]).int("num_outputs", 3),
            node("If", &["choice"], &["list"])
                .graph("then_branch", sequence(&["a", "b", "c"]))
                .graph("else_branch", sequence(&["a"])),
            node("SequenceMap", &["list", "w"], &["mapped"]).graph("body", map_body()),
        ],
        vec![untyped("mapped")],
    ));
    assert_eq!(asked(&split, &Request::default()), (1024, false, vec![]));
    let said = vec![("trips(make_mapped)".to_owned(), 3)];
    assert_eq!(asked(&split, &turns(None, 3)), (3 * 1024, true, said));
}

/// A branch that makes a list of values around it.
fn sequence(elements: &[&str]) -> GraphProto {
    graph(vec![], vec![], vec![node("SequenceConstruct", elements, &["made"])], vec![untyped("made")])
}

#[test]
fn the_graphs_of_flex_attention_run_on_every_score() {
    let modify = |name: &str, op: &str| {
        let made = format!("{name}_made");
        graph(vec![untyped(name)], vec![], vec![node(op, &[name], &[&made])], vec![untyped(&made)])
    };
    let operand = |name: &str, tokens: i64| float(name, &[N(2), N(3), N(tokens), N(8)]);
    let attention = |modified: bool| {
        let mut attention = node("FlexAttention", &["q", "k", "v"], &["y"]).domain("ai.onnx.preview");
        if modified {
            attention = attention.graph("score_mod", modify("scores", "Relu"));
            attention = attention.graph("prob_mod", modify("probabilities", "Exp"));
        }
        let inputs = vec![operand("q", 5), operand("k", 7), operand("v", 7)];
        model(graph(inputs, vec![], vec![attention], vec![untyped("y")]))
    };
    let scores = 2 * 3 * 5 * 7;
    let count = |model: &ModelProto| {
        let (_, cost) = analyze(model);
        assert!(cost.totals.complete, "{:?}", cost.uncosted);
        (cost.totals.counts.macs, cost.totals.counts.alu, cost.totals.counts.trans)
    };
    let (macs, alu, trans) = count(&attention(false));
    assert_eq!(macs, scores * (8 + 8));
    assert_eq!(count(&attention(true)), (macs, alu + scores, trans + scores));
}

#[test]
fn a_gradient_takes_the_values_and_a_product_for_each_factor_that_varies() {
    // 4·16·16 MACs and as many again, then an addition of 4·16 elements.
    let of = |xs: &[&str], zs: &[&str]| {
        let gradient = node("Gradient", &["w", "x"], &["dw"])
            .domain("ai.onnx.preview.training")
            .texts("xs", xs)
            .texts("zs", zs)
            .text("y", "y");
        let model = model(graph(
            vec![float("x", &[N(4), N(16)]), float("w", &[N(16), N(16)])],
            vec![],
            vec![
                node("MatMul", &["x", "w"], &["h"]),
                node("Relu", &["h"], &["active"]),
                node("MatMul", &["active", "w"], &["y"]),
                gradient,
            ],
            vec![untyped("y"), untyped("dw")],
        ));
        let (typed, cost) = analyze(&model);
        assert!(cost.totals.complete, "{:?}", cost.uncosted);
        assert_eq!(cost.totals.counts.confidence, Confidence::Formula);
        (cost.totals.counts.macs, cost.totals.counts.alu, shape(&typed, "dw"))
    };
    let square = r#"["16", "16"]"#.to_owned();
    // Forward twice (in the model and in the gradient), and backward: one factor of the first product varies, both of
    // the second; the Relu runs in the model, in the gradient, and once for its derivative.
    assert_eq!(of(&["w"], &["x"]), (1024 * (2 + 1) + 1024 * (2 + 2), 64 * 3, square.clone()));
    assert_eq!(of(&["w", "x"], &[]), (1024 * (2 + 2) + 1024 * (2 + 2), 64 * 3, square));
}
