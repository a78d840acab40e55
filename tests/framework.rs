//! The kernels of PyTorch for small models, worked out by hand from the rules of `predict::framework`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use ergometer::cost;
use ergometer::device::{ArithmeticUnit, Catalogue, Precision};
use ergometer::graph::{Request, infer};
use ergometer::onnx::schema::{NodeProto, TensorProto, ValueInfoProto};
use ergometer::predict::Runtime;
use ergometer::predict::framework::{Term, terms};
use ergometer::tensor::ElementType::Float32;
use support::{N, With, float, graph, ints, model, node, untyped, weight};

/// What a model takes on an A100 in FP32: bytes and FLOPs by term, and how many kernels are started.
struct Found([f64; Term::COUNT]);

impl Found {
    fn of(
        runtime: Runtime,
        precision: Precision,
        parts: (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>),
    ) -> Self {
        let (inputs, weights, nodes) = parts;
        let last = nodes.last().and_then(|node| node.output.first()).unwrap().clone();
        let proto = model(graph(inputs, weights, nodes, vec![untyped(&last)]));
        let typed = infer(&proto, &Request::default()).unwrap();
        let device = Catalogue::builtin().find("a100").unwrap();
        let counted = cost::count(&typed).unwrap();
        assert!(counted.totals.complete);
        let (sums, unit) = terms(&counted, device, runtime, Some(precision)).unwrap();
        let expected =
            if precision == Precision::Fp32 { ArithmeticUnit::Vector } else { ArithmeticUnit::Matrix };
        assert_eq!(unit, expected);
        Self(sums)
    }

    fn eager(parts: (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>)) -> Self {
        Self::of(Runtime::Eager, Precision::Fp32, parts)
    }

    fn compiled(parts: (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>)) -> Self {
        Self::of(Runtime::Compiled, Precision::Fp32, parts)
    }

    fn started(&self) -> u64 {
        (self.0[Term::Start as usize] * 1e6).round() as u64
    }

    fn bytes(&self, term: Term) -> u64 {
        let bandwidth = Catalogue::builtin().find("a100").unwrap().memory_bandwidth.value.0;
        (self.0[term as usize] * bandwidth).round() as u64
    }

    fn flops(&self, term: Term, precision: Precision) -> u64 {
        let peak = Catalogue::builtin().find("a100").unwrap().peak(precision).unwrap().rate.value.0;
        (self.0[term as usize] * peak).round() as u64
    }
}

fn w(name: &str, dims: &[i64]) -> TensorProto {
    weight(name, Float32, dims)
}

#[test]
fn views_of_views_without_end_are_looked_through_once() {
    // Each view is read by an element-wise layer too: looking through all before it from each would take minutes.
    let count = 50_000;
    let mut nodes = vec![node("Relu", &["x"], &["v0"])];
    for at in 0..count {
        let (from, to, reads) = (format!("v{at}"), format!("v{}", at + 1), format!("r{at}"));
        nodes.push(node("Flatten", &[&from], &[&to]));
        nodes.push(node("Relu", &[&to], &[&reads]));
    }
    let parts = || (vec![float("x", &[N(16), N(16)])], vec![], nodes.clone());
    assert_eq!(Found::eager(parts()).started(), count + 1);
    // All of it reads one tensor: one kernel.
    assert_eq!(Found::compiled(parts()).started(), 1);
}

/// A product, and GELU as exporters write it, of 1 x 128 x 1024.
fn gelu() -> (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>) {
    let nodes = vec![
        node("MatMul", &["input", "w"], &["x"]),
        node("Div", &["x", "root"], &["scaled"]),
        node("Erf", &["scaled"], &["erf"]),
        node("Add", &["erf", "one"], &["sum"]),
        node("Mul", &["x", "sum"], &["product"]),
        node("Mul", &["product", "half"], &["y"]),
    ];
    (
        vec![float("input", &[N(1), N(128), N(16)])],
        vec![w("w", &[16, 1024]), w("root", &[1]), w("one", &[1]), w("half", &[1])],
        nodes,
    )
}

#[test]
fn gelu_in_five_nodes_is_one_kernel_that_reads_and_writes_once() {
    let tensor = 4 * 128 * 1024;
    for found in [Found::eager(gelu()), Found::compiled(gelu())] {
        assert_eq!(found.started(), 2);
        // Beside the tensors, five scalars of four bytes at most.
        let moved = found.bytes(Term::Elementwise);
        assert!((2 * tensor..2 * tensor + 20).contains(&moved), "{moved}");
    }
}

/// GELU by a tangent: its cube as two products, as exporters write one operator, or as a power, as Python writes it.
fn gelu_by_tangent(cube: &[NodeProto]) -> (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>) {
    let mut nodes = vec![node("MatMul", &["input", "w"], &["x"])];
    nodes.extend(cube.iter().cloned());
    nodes.extend([
        node("Mul", &["cube", "small"], &["part"]),
        node("Add", &["x", "part"], &["inner"]),
        node("Mul", &["inner", "root"], &["scaled"]),
        node("Tanh", &["scaled"], &["tanh"]),
        node("Add", &["tanh", "one"], &["sum"]),
        node("Mul", &["x", "sum"], &["product"]),
        node("Mul", &["product", "half"], &["y"]),
    ]);
    let scalars = ["small", "root", "one", "half", "three"].map(|name| w(name, &[1]));
    let weights = [w("w", &[16, 1024])].into_iter().chain(scalars).collect();
    (vec![float("input", &[N(1), N(128), N(16)])], weights, nodes)
}

#[test]
fn gelu_by_a_tangent_is_one_kernel_where_python_did_not_write_it() {
    let products = [node("Mul", &["x", "x"], &["square"]), node("Mul", &["x", "square"], &["cube"])];
    let found = Found::eager(gelu_by_tangent(&products));
    assert_eq!(found.started(), 2);
    let tensor = 4 * 128 * 1024;
    let moved = found.bytes(Term::Elementwise);
    assert!((2 * tensor..2 * tensor + 40).contains(&moved), "{moved}");
    // The product, and eight operators of Python's.
    assert_eq!(Found::eager(gelu_by_tangent(&[node("Pow", &["x", "three"], &["cube"])])).started(), 9);
}

#[test]
fn a_cache_that_grows_is_written_anew_but_by_an_engine() {
    // Keys of 2 heads of 8: 100 tokens in the cache, and a new one.
    let keys = |tokens: i64| [N(1), N(2), N(tokens), N(8)];
    let parts = || {
        let nodes = vec![
            node("Relu", &["k"], &["key"]),
            node("Concat", &["past", "key"], &["present"]).int("axis", 2),
        ];
        (vec![float("k", &keys(1)), float("past", &keys(100))], vec![], nodes)
    };
    let token = 4 * 2 * 8;
    for runtime in [Runtime::Eager, Runtime::Compiled] {
        let found = Found::of(runtime, Precision::Fp32, parts());
        assert_eq!(found.bytes(Term::Move), 2 * 101 * token);
    }
    assert_eq!(Found::of(Runtime::Engine, Precision::Fp32, parts()).bytes(Term::Move), 2 * token);
}

/// Attention of 8 heads of 64 over 128 places.
fn attention() -> (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>) {
    let heads = || [N(1), N(8), N(128), N(64)];
    let nodes = vec![
        node("Transpose", &["k"], &["turned"]).ints("perm", &[0, 1, 3, 2]),
        node("MatMul", &["q", "turned"], &["scores"]),
        node("Div", &["scores", "root"], &["scaled"]),
        node("Softmax", &["scaled"], &["weights"]).int("axis", -1),
        node("MatMul", &["weights", "v"], &["y"]),
    ];
    (vec![float("q", &heads()), float("k", &heads()), float("v", &heads())], vec![w("root", &[1])], nodes)
}

#[test]
fn attention_is_one_kernel_on_matrix_units_and_four_on_vector_units() {
    let tensor: u64 = 8 * 128 * 64;
    let scores: u64 = 8 * 128 * 128;
    let flops = 2 * 2 * scores * 64;
    let fused = Found::of(Runtime::Eager, Precision::Fp16, attention());
    assert_eq!((fused.started(), fused.bytes(Term::ProductBytes), fused.bytes(Term::Norm)), (1, 0, 0));
    // Queries, keys, values and results, two bytes each: more than the scores.
    assert_eq!(fused.bytes(Term::Attention), 2 * 4 * tensor);
    assert_eq!(fused.flops(Term::Product, Precision::Fp16), flops);
    let apart = Found::eager(attention());
    assert_eq!((apart.started(), apart.bytes(Term::Attention)), (4, 0));
    assert_eq!(apart.flops(Term::Product, Precision::Fp32), flops);
    assert_eq!(apart.bytes(Term::ProductBytes), 4 * 2 * (2 * tensor + scores));
    assert_eq!(apart.bytes(Term::Norm), 4 * 2 * scores);
    // Columns and sums are multiples of 64 and 32 already, and the turned keys are read as they lie.
    assert_eq!((apart.bytes(Term::Padding), apart.bytes(Term::Move)), (0, 0));
}

#[test]
fn a_linear_layer_takes_its_bias_with_it_and_is_filled_up_to_whole_tiles() {
    let nodes = vec![node("MatMul", &["x", "w"], &["product"]), node("Add", &["product", "b"], &["y"])];
    let found =
        Found::eager((vec![float("x", &[N(16), N(70)])], vec![w("w", &[70, 100]), w("b", &[100])], nodes));
    assert_eq!((found.started(), found.bytes(Term::Elementwise)), (1, 0));
    assert_eq!(found.bytes(Term::ProductBytes), 4 * (16 * 70 + 70 * 100 + 16 * 100));
    // 100 columns take the work of 128, and sums of 70 that of 96.
    assert_eq!(found.flops(Term::Padding, Precision::Fp32), 2 * 16 * (128 * 96 - 100 * 70));
}

/// A convolution, then Relu, a residual and a second Relu, then another convolution.
fn residual() -> (Vec<ValueInfoProto>, Vec<TensorProto>, Vec<NodeProto>) {
    let nodes = vec![
        node("Conv", &["x", "w1"], &["c"]).ints("pads", &[1, 1, 1, 1]),
        node("Relu", &["c"], &["r"]),
        node("Add", &["r", "x"], &["sum"]),
        node("Relu", &["sum"], &["s"]),
        node("Conv", &["s", "w2"], &["y"]),
    ];
    (
        vec![float("x", &[N(1), N(64), N(32), N(32)])],
        vec![w("w1", &[64, 64, 3, 3]), w("w2", &[64, 64, 1, 1])],
        nodes,
    )
}

#[test]
fn a_compiler_makes_one_kernel_of_what_is_between_two_convolutions() {
    let tensor = 4 * 64 * 32 * 32;
    let eager = Found::eager(residual());
    assert_eq!((eager.started(), eager.bytes(Term::Elementwise)), (5, (2 + 3 + 2) * tensor));
    let compiled = Found::compiled(residual());
    assert_eq!((compiled.started(), compiled.bytes(Term::Elementwise)), (3, 3 * tensor));
    for found in [eager, compiled] {
        assert_eq!(found.bytes(Term::ConvBytes), 2 * tensor + 4 * 64 * 64 * 9);
        assert_eq!(found.bytes(Term::PointwiseBytes), 2 * tensor + 4 * 64 * 64);
    }
}

#[test]
fn nothing_is_fused_across_a_product() {
    let nodes = vec![
        node("Relu", &["x"], &["a"]),
        node("MatMul", &["a", "w"], &["p"]),
        // Reads both what was before the product and what it makes.
        node("Add", &["a", "p"], &["y"]),
    ];
    let found = Found::compiled((vec![float("x", &[N(256), N(256)])], vec![w("w", &[256, 256])], nodes));
    assert_eq!((found.started(), found.bytes(Term::Elementwise)), (3, (2 + 3) * 4 * 256 * 256));
}

#[test]
fn a_transposition_moves_data_only_where_its_order_is_needed() {
    let turned = |then: Vec<NodeProto>| {
        let nodes = [vec![node("Transpose", &["x"], &["t"]).ints("perm", &[0, 2, 1])], then].concat();
        Found::eager((vec![float("x", &[N(4), N(64), N(128)])], vec![ints("shape", &[2], &[4, -1])], nodes))
    };
    let tensor = 4 * 4 * 64 * 128;
    let reshaped = turned(vec![node("Reshape", &["t", "shape"], &["y"])]);
    assert_eq!((reshaped.started(), reshaped.bytes(Term::Move)), (1, 2 * tensor));
    let elementwise = turned(vec![node("Relu", &["t"], &["y"])]);
    assert_eq!((elementwise.started(), elementwise.bytes(Term::Move)), (1, 0));
}

#[test]
fn depthwise_convolutions_wait_for_memory_and_large_ones_for_arithmetic() {
    let depthwise = |side: i64| {
        let pad = side / 2;
        let nodes =
            vec![node("Conv", &["x", "w"], &["y"]).ints("pads", &[pad, pad, pad, pad]).int("group", 64)];
        Found::eager((
            vec![float("x", &[N(1), N(64), N(56), N(56)])],
            vec![w("w", &[64, 1, side, side])],
            nodes,
        ))
    };
    let tensor = 4 * 64 * 56 * 56;
    let small = depthwise(3);
    assert_eq!((small.started(), small.bytes(Term::Depthwise)), (1, 2 * tensor + 4 * 64 * 9));
    let large = depthwise(13);
    assert_eq!(large.bytes(Term::Depthwise), 0);
    assert_eq!(large.flops(Term::LargeDepthwise, Precision::Fp32), 2 * 64 * 56 * 56 * 169);
}
