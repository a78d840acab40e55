//! Laws that counts obey whatever the network: what doubles with the batch, and what no rewriting changes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost::{self, ModelCost, Totals};
use ergometer::graph::{Request, infer};
use ergometer::onnx::schema::{ModelProto, NodeProto, TensorProto};
use ergometer::tensor::ElementType::{Bool, Float32, Int64};
use proptest::prelude::*;
use support::{N, S, With, float, function, graph, ints, model, node, truth, untyped, value, weight};

fn count(model: &ModelProto, batch: u64) -> ModelCost {
    counted(model, &Request { batch: Some(batch), ..Request::default() })
}

fn counted(model: &ModelProto, request: &Request) -> ModelCost {
    let typed = infer(model, request).unwrap();
    let cost = cost::count(&typed).unwrap();
    assert!(cost.totals.complete, "{:?}", cost.uncosted);
    cost
}

fn totals(model: &ModelProto) -> Totals {
    count(model, 3).totals
}

/// Of a model whose sizes are all fixed.
fn fixed(model: &ModelProto) -> Totals {
    counted(model, &Request::default()).totals
}

/// A layer of a small network.
#[derive(Clone, Copy, Debug)]
enum Layer {
    /// To so many channels, by a square kernel.
    Conv {
        channels: i64,
        kernel: i64,
    },
    Relu,
    /// `x + relu(x)`.
    Residual,
    /// Scale and offset of each channel.
    Norm,
}

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![
        (1..6i64, 1..4i64).prop_map(|(channels, kernel)| Layer::Conv { channels, kernel }),
        Just(Layer::Relu),
        Just(Layer::Residual),
        Just(Layer::Norm),
    ]
}

/// Nodes and weights of the layers over `x [batch, 3, 8, 8]`, then a mean over each channel and a product to 5
/// numbers, which is `y`.
fn parts(layers: &[Layer]) -> (Vec<NodeProto>, Vec<TensorProto>) {
    let (mut nodes, mut weights) = (vec![], vec![]);
    let (mut now, mut width) = ("x".to_owned(), 3);
    for (at, layer) in layers.iter().enumerate() {
        let next = format!("v{at}");
        match *layer {
            Layer::Conv { channels, kernel } => {
                weights.push(weight(&format!("k{at}"), Float32, &[channels, width, kernel, kernel]));
                let conv = node("Conv", &[&now, &format!("k{at}")], &[&next]);
                nodes.push(conv.text("auto_pad", "SAME_UPPER"));
                width = channels;
            }
            Layer::Relu => nodes.push(node("Relu", &[&now], &[&next])),
            Layer::Residual => {
                nodes.push(node("Relu", &[&now], &[&format!("r{at}")]));
                nodes.push(node("Add", &[&now, &format!("r{at}")], &[&next]));
            }
            Layer::Norm => {
                let names = ["scale", "offset", "mean", "variance"].map(|name| format!("{name}{at}"));
                weights.extend(names.iter().map(|name| weight(name, Float32, &[width])));
                let inputs: Vec<&str> =
                    std::iter::once(now.as_str()).chain(names.iter().map(String::as_str)).collect();
                nodes.push(node("BatchNormalization", &inputs, &[&next]));
            }
        }
        now = next;
    }
    nodes.push(node("GlobalAveragePool", &[&now], &["pooled"]));
    nodes.push(node("Flatten", &["pooled"], &["flat"]));
    nodes.push(node("Gemm", &["flat", "fc", "bias"], &["y"]));
    weights.extend([weight("fc", Float32, &[width, 5]), weight("bias", Float32, &[5])]);
    (nodes, weights)
}

fn network(layers: &[Layer]) -> ModelProto {
    let (nodes, weights) = parts(layers);
    model(graph(vec![float("x", &[S("batch"), N(3), N(8), N(8)])], weights, nodes, vec![untyped("y")]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_batch_twice_as_large_does_twice_the_work_with_the_same_weights(
        layers in prop::collection::vec(layer(), 0..8), batch in 1..50u64,
    ) {
        let model = network(&layers);
        let (once, twice) = (count(&model, batch).totals, count(&model, 2 * batch).totals);
        prop_assert_eq!(once.counts.times(2).unwrap(), twice.counts);
        prop_assert_eq!(2 * once.flops, twice.flops);
        prop_assert_eq!(2 * once.bytes_read, twice.bytes_read);
        prop_assert_eq!(2 * once.bytes_written, twice.bytes_written);
        prop_assert_eq!(once.peak_activation_bytes.map(|bytes| 2 * bytes), twice.peak_activation_bytes);
        prop_assert_eq!((once.params, once.bytes_weights), (twice.params, twice.bytes_weights));
    }

    #[test]
    fn names_mean_nothing(layers in prop::collection::vec(layer(), 0..8)) {
        let model = network(&layers);
        let mut renamed = model.clone();
        let main = renamed.graph.as_mut().unwrap();
        let rename = |name: &mut String| *name = format!("/a.b/{}/::", name.chars().rev().collect::<String>());
        main.node.iter_mut().for_each(|node| {
            rename(&mut node.name);
            node.input.iter_mut().chain(&mut node.output).for_each(rename);
        });
        main.initializer.iter_mut().for_each(|tensor| rename(&mut tensor.name));
        main.input.iter_mut().chain(&mut main.output).for_each(|info| rename(&mut info.name));
        prop_assert_eq!(count(&model, 3), count(&renamed, 3));
    }

    #[test]
    fn reshapes_and_transpositions_change_no_arithmetic(
        layers in prop::collection::vec(layer(), 1..8), places in prop::collection::vec(0..8usize, 1..4),
    ) {
        let (nodes, mut weights) = parts(&layers);
        weights.push(ints("line", &[1], &[-1]));
        let mut more = vec![];
        for (at, mut node) in nodes.into_iter().enumerate() {
            // Behind its first input: there and back again.
            if places.contains(&at) && at < layers.len() {
                let from = node.input[0].clone();
                let [there, back, flat, shape, same] =
                    ["there", "back", "flat", "shape", "same"].map(|name| format!("{name}{at}"));
                let swap = |from: &str, to: &str| {
                    support::node("Transpose", &[from], &[to]).ints("perm", &[0, 1, 3, 2])
                };
                more.push(swap(&from, &there));
                more.push(swap(&there, &back));
                more.push(support::node("Shape", &[&back], &[&shape]));
                more.push(support::node("Reshape", &[&back, "line"], &[&flat]));
                more.push(support::node("Reshape", &[&flat, &shape], &[&same]));
                node.input[0] = same;
            }
            more.push(node);
        }
        let rewritten = model(graph(
            vec![float("x", &[S("batch"), N(3), N(8), N(8)])], weights, more, vec![untyped("y")],
        ));
        let (before, after) = (totals(&network(&layers)), totals(&rewritten));
        prop_assert_eq!(before.counts, after.counts);
        prop_assert_eq!(before.params, after.params);
    }

    #[test]
    fn a_function_counts_as_its_nodes_do_in_its_place(layers in prop::collection::vec(layer(), 0..8)) {
        let (nodes, weights) = parts(&layers);
        let inputs: Vec<String> =
            std::iter::once("x".to_owned()).chain(weights.iter().map(|tensor| tensor.name.clone())).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let mut called = model(graph(
            vec![float("x", &[S("batch"), N(3), N(8), N(8)])],
            weights,
            vec![node("Network", &inputs, &["y"]).domain("local")],
            vec![untyped("y")],
        ));
        called.functions = vec![function("Network", &inputs, &["y"], nodes)];
        let (inline, called) = (totals(&network(&layers)), totals(&called));
        prop_assert_eq!(inline.nodes + 1, called.nodes);
        prop_assert_eq!(Totals { nodes: called.nodes, costed_nodes: called.costed_nodes, ..inline }, called);
    }

    #[test]
    fn branches_that_share_nothing_may_run_in_any_order(
        left in prop::collection::vec(layer(), 0..5), right in prop::collection::vec(layer(), 0..5),
        turns in prop::collection::vec(any::<bool>(), 20),
    ) {
        let ((mut a, mut weights), (mut b, others)) = (parts(&left), parts(&right));
        let apart = |name: &mut String| if name != "x" { *name = format!("b.{name}") };
        b.iter_mut().for_each(|node| node.input.iter_mut().chain(&mut node.output).for_each(apart));
        weights.extend(others.into_iter().map(|mut tensor| {
            apart(&mut tensor.name);
            tensor
        }));
        let whole = |nodes: Vec<NodeProto>| {
            let x = float("x", &[S("batch"), N(3), N(8), N(8)]);
            totals(&model(graph(vec![x], weights.clone(), nodes, ["y", "b.y"].map(untyped).to_vec())))
        };
        let one_after_the_other = whole([a.clone(), b.clone()].concat());
        let mut mixed = vec![];
        for left in turns {
            let from = if left { &mut a } else { &mut b };
            if !from.is_empty() {
                mixed.push(from.remove(0));
            }
        }
        let mixed = whole([mixed, a, b].concat());
        let peak_activation_bytes = mixed.peak_activation_bytes;
        prop_assert_eq!(Totals { peak_activation_bytes, ..one_after_the_other }, mixed);
    }

    #[test]
    fn a_loop_costs_its_turns_and_a_scan_its_slices(turns in 0..40i64, rows in 1..9i64, width in 1..9i64) {
        let body = || {
            let nodes = vec![node("MatMul", &["h", "w"], &["m"]), node("Tanh", &["m"], &["h_out"])];
            (nodes, vec![weight("w", Float32, &[width, width])])
        };
        let state = |name: &str| float(name, &[N(rows), N(width)]);
        let looped = |turns: i64| {
            let (mut nodes, weights) = body();
            nodes.push(node("Identity", &["go"], &["go_out"]));
            let inputs = vec![value("i", Int64, &[]), value("go", Bool, &[]), untyped("h")];
            let body = graph(inputs, weights, nodes, vec![untyped("go_out"), untyped("h_out")]);
            let inits = vec![ints("turns", &[], &[turns]), truth("always", true)];
            let node = node("Loop", &["turns", "always", "x"], &["y"]).graph("body", body);
            fixed(&model(graph(vec![state("x")], inits, vec![node], vec![untyped("y")])))
        };
        let scanned = |slices: i64| {
            let (mut nodes, weights) = body();
            nodes.push(node("Identity", &["slice"], &["slice_out"]));
            let inputs = vec![untyped("h"), untyped("slice")];
            let body = graph(inputs, weights, nodes, vec![untyped("h_out"), untyped("slice_out")]);
            let node = node("Scan", &["x", "s"], &["y", "z"]).graph("body", body).int("num_scan_inputs", 1);
            let inputs = vec![state("x"), float("s", &[N(slices), N(2)])];
            fixed(&model(graph(inputs, vec![], vec![node], vec![untyped("y"), untyped("z")])))
        };
        let expected = [rows * width * width, rows * width].map(|each| u64::try_from(turns * each).unwrap());
        for counted in [looped(turns).counts, scanned(turns).counts] {
            prop_assert_eq!([counted.macs, counted.trans], expected);
        }
    }

    #[test]
    fn grouped_heads_compute_as_repeated_ones_and_read_less(
        kv_heads in 1..4i64, group in 2..5i64, queries in 1..6i64, keys in 1..6i64, head in 1..6i64,
    ) {
        let total = |kv: i64| {
            let inputs = vec![
                float("q", &[N(2), N(kv_heads * group), N(queries), N(head)]),
                float("k", &[N(2), N(kv), N(keys), N(head)]),
                float("v", &[N(2), N(kv), N(keys), N(head)]),
            ];
            let node = node("Attention", &["q", "k", "v"], &["y"]);
            let mut model = model(graph(inputs, vec![], vec![node], vec![untyped("y")]));
            model.opset_import[0].version = 23;
            fixed(&model)
        };
        let (grouped, repeated) = (total(kv_heads), total(kv_heads * group));
        prop_assert_eq!(grouped.counts, repeated.counts);
        prop_assert!(grouped.bytes_read < repeated.bytes_read);
    }

    #[test]
    fn a_tied_weight_is_one_parameter_and_is_read_each_time(width in 1..20i64, uses in 2..6usize) {
        let chain = |tied: bool| {
            let name = |at: usize| if tied { "w".to_owned() } else { format!("w{at}") };
            let value = |at: usize| if at == 0 { "x".to_owned() } else { format!("h{at}") };
            let nodes = (0..uses).map(|at| node("MatMul", &[&value(at), &name(at)], &[&value(at + 1)])).collect();
            let weights = (0..if tied { 1 } else { uses }).map(|at| weight(&name(at), Float32, &[width, width]));
            let x = float("x", &[N(2), N(width)]);
            fixed(&model(graph(vec![x], weights.collect(), nodes, vec![untyped(&value(uses))])))
        };
        let (tied, apart) = (chain(true), chain(false));
        prop_assert_eq!(tied.params.elements * uses as u64, apart.params.elements);
        prop_assert_eq!((tied.counts, tied.bytes_weights), (apart.counts, apart.bytes_weights));
    }

    #[test]
    fn one_product_has_one_cost_however_it_is_written(rows in 1..9i64, inner in 1..9i64, columns in 1..9i64) {
        let flat = || vec![float("x", &[N(rows), N(inner)])];
        let weights = || vec![weight("w", Float32, &[inner, columns]), weight("b", Float32, &[columns])];
        let of = |inputs, weights, nodes| fixed(&model(graph(inputs, weights, nodes, vec![untyped("y")]))).counts;
        let gemm = of(flat(), weights(), vec![node("Gemm", &["x", "w", "b"], &["y"])]);
        let steps = vec![node("MatMul", &["x", "w"], &["m"]), node("Add", &["m", "b"], &["y"])];
        prop_assert_eq!(gemm, of(flat(), weights(), steps));
        let einsum = vec![
            node("Einsum", &["x", "w"], &["m"]).text("equation", "ik,kj->ij"), node("Add", &["m", "b"], &["y"]),
        ];
        prop_assert_eq!(gemm, of(flat(), weights(), einsum));
        // As a convolution of one place, over as many images as there are rows.
        let image = vec![float("x", &[N(rows), N(inner), N(1), N(1)])];
        let filters = vec![weight("w", Float32, &[columns, inner, 1, 1]), weight("b", Float32, &[columns])];
        prop_assert_eq!(gemm, of(image, filters, vec![node("Conv", &["x", "w", "b"], &["y"])]));
    }

    /// Sizes up to the largest: an error, or counts of which the total is the sum.
    #[test]
    fn no_size_makes_a_counter_overflow(
        layers in prop::collection::vec(layer(), 0..8), batch in prop_oneof![0..4u64, any::<u64>()],
    ) {
        let model = network(&layers);
        let request = Request { batch: Some(batch), ..Request::default() };
        let Ok(typed) = infer(&model, &request) else { return Ok(()) };
        let Ok(cost) = cost::count(&typed) else { return Ok(()) };
        let macs = cost.layers.iter().try_fold(0u64, |sum, layer| sum.checked_add(layer.counts.macs));
        prop_assert_eq!(macs, Some(cost.totals.counts.macs));
        prop_assert!(cost.totals.flops >= cost.totals.counts.macs);
    }
}
