//! Parameters as a person means them. Every expected number is counted by hand from the shapes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost::{self, ModelCost, Params};
use ergometer::graph::{Request, infer};
use ergometer::onnx::schema::{ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
use ergometer::tensor::ElementType::{Bool, Float16, Float32, Int8, Int64, Uint8};
use support::{N, With, float, graph, ints, model, node, untyped, value, weight};

fn count(model: &ModelProto) -> ModelCost {
    let typed = infer(model, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    assert!(cost.totals.complete, "{:?}", cost.uncosted);
    cost
}

fn params(model: &ModelProto) -> Params {
    count(model).totals.params
}

/// A model over `x [4, 8]` and `ids [4]` that gives `y` back.
fn over_x(weights: Vec<TensorProto>, nodes: Vec<NodeProto>) -> ModelProto {
    let inputs = vec![float("x", &[N(4), N(8)]), value("ids", Int64, &[N(4)])];
    model(graph(inputs, weights, nodes, vec![untyped("y")]))
}

fn f32s(elements: u64) -> Params {
    Params { elements, bytes: 4 * elements, ..Params::default() }
}

#[test]
fn a_constant_is_a_parameter_where_an_operator_takes_weights() {
    let matmul = |weight: &str| node("MatMul", &["x", weight], &["y"]);
    for (what, model, expected) in [
        ("a matrix", over_x(vec![weight("w", Float32, &[8, 3])], vec![matmul("w")]), f32s(24)),
        (
            "a matrix and a bias",
            over_x(
                vec![weight("w", Float32, &[8, 3]), weight("b", Float32, &[3])],
                vec![node("Gemm", &["x", "w", "b"], &["y"])],
            ),
            f32s(27),
        ),
        (
            "a constant node",
            over_x(
                vec![],
                vec![
                    node("Constant", &[], &["w"]).tensor("value", weight("", Float16, &[8, 3])),
                    node("Cast", &["w"], &["wide"]).int("to", 1),
                    matmul("wide"),
                ],
            ),
            Params { elements: 24, bytes: 48, ..Params::default() },
        ),
        (
            "made by ConstantOfShape",
            over_x(
                vec![ints("shape", &[2], &[8, 3])],
                vec![node("ConstantOfShape", &["shape"], &["w"]), matmul("w")],
            ),
            f32s(24),
        ),
        (
            "behind a Transpose",
            over_x(
                vec![weight("w", Float32, &[3, 8])],
                vec![node("Transpose", &["w"], &["t"]).ints("perm", &[1, 0]), matmul("t")],
            ),
            f32s(24),
        ),
        (
            "behind a Concat",
            over_x(
                vec![weight("a", Float32, &[8, 1]), weight("b", Float32, &[8, 2])],
                vec![node("Concat", &["a", "b"], &["w"]).int("axis", 1), matmul("w")],
            ),
            f32s(24),
        ),
        (
            // What is stored counts: the file holds all ten columns.
            "a part of a stored tensor",
            over_x(
                vec![
                    weight("all", Float32, &[8, 10]),
                    ints("from", &[1], &[0]),
                    ints("to", &[1], &[3]),
                    ints("axis", &[1], &[1]),
                ],
                vec![node("Slice", &["all", "from", "to", "axis"], &["w"]), matmul("w")],
            ),
            f32s(80),
        ),
        (
            "an embedding",
            over_x(
                vec![weight("table", Float32, &[100, 8])],
                vec![node("Gather", &["table", "ids"], &["y"])],
            ),
            f32s(800),
        ),
        (
            "a table of positions",
            over_x(vec![weight("table", Int64, &[100])], vec![node("Gather", &["table", "ids"], &["y"])]),
            Params::default(),
        ),
        (
            "an added vector",
            over_x(vec![weight("b", Float32, &[8])], vec![node("Add", &["x", "b"], &["y"])]),
            f32s(8),
        ),
        (
            "a scalar factor",
            over_x(vec![weight("s", Float32, &[])], vec![node("Mul", &["x", "s"], &["y"])]),
            Params::default(),
        ),
        (
            "the shape of a Reshape",
            over_x(vec![ints("shape", &[2], &[8, 4])], vec![node("Reshape", &["x", "shape"], &["y"])]),
            Params::default(),
        ),
    ] {
        assert_eq!(params(&model), expected, "{what}");
    }
}

#[test]
fn tied_weights_count_once_and_their_second_use_is_told() {
    let nodes = vec![
        node("Gather", &["table", "ids"], &["h"]),
        node("Transpose", &["table"], &["head"]).ints("perm", &[1, 0]),
        node("MatMul", &["h", "head"], &["y"]),
    ];
    let tied = over_x(vec![weight("table", Float32, &[100, 8])], nodes.clone());
    assert_eq!(params(&tied), Params { shared: 800, ..f32s(800) });

    let mut untied =
        over_x(vec![weight("table", Float32, &[100, 8]), weight("other", Float32, &[100, 8])], nodes);
    untied.graph.as_mut().unwrap().node[1].input = vec!["other".into()];
    assert_eq!(params(&untied), f32s(1600), "untied = tied + shared");
}

#[test]
fn an_initializer_that_no_node_uses_is_listed_and_is_no_parameter() {
    let weights =
        vec![weight("w", Float32, &[8, 3]), weight("dead", Float32, &[1000]), weight("out", Float32, &[5])];
    let mut model = over_x(weights, vec![node("MatMul", &["x", "w"], &["y"])]);
    model.graph.as_mut().unwrap().output.push(untyped("out"));
    let typed = infer(&model, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    assert_eq!(cost.totals.params, f32s(24));
    let dead: Vec<&str> = cost.dead.iter().map(|id| typed.values[*id].name).collect();
    assert_eq!(dead, ["dead"], "what the model gives back is used");
}

#[test]
fn statistics_of_normalisation_are_parameters_and_told_apart() {
    let weights = ["scale", "offset", "mean", "variance"].map(|name| weight(name, Float32, &[8])).to_vec();
    let model = over_x(
        weights,
        vec![node("BatchNormalization", &["x", "scale", "offset", "mean", "variance"], &["y"])],
    );
    assert_eq!(params(&model), Params { norm_stats: 16, ..f32s(32) });
}

#[test]
fn quantised_weights_count_as_what_they_stand_for_and_as_the_bytes_they_take() {
    // 24 of int8; three scales and three zero points: 24 + 12 + 3 bytes.
    let weights =
        vec![weight("q", Int8, &[8, 3]), weight("scales", Float32, &[3]), weight("zeros", Int8, &[3])];
    let dequantized = over_x(
        weights,
        vec![
            node("DequantizeLinear", &["q", "scales", "zeros"], &["w"]).int("axis", 1),
            node("MatMul", &["x", "w"], &["y"]),
        ],
    );
    assert_eq!(params(&dequantized), Params { elements: 24, quant: 6, bytes: 39, ..Params::default() });

    // N = 16, K = 64 in blocks of 32 at 4 bits: 16·64 weights in 512 bytes, 16·2 scales of 4 bytes, as many
    // zero points of 4 bits.
    let weights = vec![
        weight("b", Uint8, &[16, 2, 16]),
        weight("scales", Float32, &[32]),
        weight("zeros", Uint8, &[16]),
    ];
    let nodes = vec![
        node("MatMulNBits", &["a", "b", "scales", "zeros"], &["y"])
            .domain("com.microsoft")
            .int("K", 64)
            .int("N", 16)
            .int("bits", 4)
            .int("block_size", 32),
    ];
    let packed = model(graph(vec![float("a", &[N(4), N(64)])], weights, nodes, vec![untyped("y")]));
    let found = params(&packed);
    assert_eq!((found.elements, found.bytes), (1024, 512 + 128 + 16));
}

#[test]
fn classical_models_keep_their_parameters_in_attributes() {
    let mut regressor = over_x(
        vec![],
        vec![
            node("LinearRegressor", &["x"], &["y"])
                .domain("ai.onnx.ml")
                .int("targets", 2)
                .floats("coefficients", &[0.5; 16])
                .floats("intercepts", &[0.0; 2]),
        ],
    );
    regressor.opset_import.push(OperatorSetIdProto { domain: "ai.onnx.ml".into(), version: 1 });
    assert_eq!(params(&regressor), f32s(18));
}

#[test]
fn weights_of_a_body_count_however_often_it_runs() {
    let branch = |weight: &str, output: &str| {
        graph(vec![], vec![], vec![node("MatMul", &["x", weight], &[output])], vec![untyped(output)])
    };
    let choose = node("If", &["flag"], &["y"])
        .graph("then_branch", branch("a", "then"))
        .graph("else_branch", branch("b", "other"));
    let weights = vec![weight("a", Float32, &[8, 3]), weight("b", Float32, &[8, 3])];
    let mut open = over_x(weights, vec![choose]);
    open.graph.as_mut().unwrap().input.push(value("flag", Bool, &[]));
    let cost = count(&open);
    assert_eq!(cost.totals.params, f32s(48), "the file holds both branches");
    assert_eq!(cost.totals.counts.macs, 4 * 8 * 3, "one of them runs");
}

#[test]
fn a_long_way_of_folded_nodes_to_each_weight_takes_no_quadratic_time() {
    // Each sum of constants is a bias, and the next sum is made of it.
    let mut nodes = vec![];
    for at in 0..2_000 {
        let (before, after) = (format!("c{at}"), format!("c{}", at + 1));
        nodes.push(node("Neg", &[&before], &[&after]));
        nodes.push(node("Add", &[&format!("x{at}"), &after], &[&format!("x{}", at + 1)]));
    }
    let mut model = over_x(vec![weight("c0", Float32, &[8])], nodes);
    let main = model.graph.as_mut().unwrap();
    main.input[0].name = "x0".into();
    main.output = vec![untyped("x2000")];
    let cost = count(&model);
    assert_eq!(cost.layers[1].params, f32s(8));
    assert_eq!(cost.layers[3].params, Params { shared: 8, ..Params::default() });
}

#[test]
fn constants_listed_as_inputs_are_still_constants() {
    // Files of IR version 3 list every initializer as an input.
    let mut old = over_x(vec![weight("w", Float32, &[8, 3])], vec![node("MatMul", &["x", "w"], &["y"])]);
    old.ir_version = Some(3);
    old.graph.as_mut().unwrap().input.push(float("w", &[N(8), N(3)]));
    let typed = infer(&old, &Request::default()).unwrap();
    assert_eq!(cost::count(&typed).unwrap().totals.params, f32s(24));
    assert_eq!(typed.inputs.len(), 2);
    assert!(typed.bindings.iter().all(|binding| !binding.name.starts_with('w')), "{:?}", typed.bindings);
}

#[test]
fn a_token_meets_the_parameters_of_the_experts_that_it_is_sent_to() {
    let experts = |operator: &str, chosen: i64, weights: Vec<TensorProto>, inputs: &[&str]| {
        let mixed = node(operator, inputs, &["y"]).domain("com.microsoft").int("k", chosen);
        let shared = node("MatMul", &["y", "shared"], &["z"]);
        let weights = weights.into_iter().chain([weight("shared", Float32, &[8, 8])]).collect();
        let inputs = vec![float("x", &[N(6), N(8)]), float("router", &[N(6), N(4)])];
        let found = params(&model(graph(inputs, weights, vec![mixed, shared], vec![untyped("z")])));
        (found.elements, found.elements - found.idle)
    };
    // Four experts of 16·8 + 16 + 8·16 parameters, and a product of 64 that every token meets.
    let plain = || {
        vec![
            weight("first", Float32, &[4, 16, 8]),
            weight("bias", Float32, &[4, 16]),
            weight("second", Float32, &[4, 8, 16]),
        ]
    };
    let inputs = ["x", "router", "first", "bias", "second"];
    assert_eq!(experts("MoE", 2, plain(), &inputs), (4 * 272 + 64, 2 * 272 + 64));
    assert_eq!(experts("MoE", 9, plain(), &inputs), (4 * 272 + 64, 4 * 272 + 64), "no more than there are");
    // Two to a byte: 16·8 and 8·16 parameters an expert.
    let packed = vec![
        weight("first", Uint8, &[4, 16, 4]),
        weight("scales", Float32, &[4, 16]),
        weight("second", Uint8, &[4, 8, 8]),
        weight("more", Float32, &[4, 8]),
    ];
    let inputs = ["x", "router", "first", "scales", "", "second", "more"];
    assert_eq!(experts("QMoE", 1, packed, &inputs), (4 * 256 + 64, 256 + 64));
}
