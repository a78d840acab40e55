//! Sums over groups of layers.

mod support;

use ergometer::cost::{self, By, LayerCost};
use ergometer::graph::{Request, infer};
use support::{N, float, graph, model, node};

#[test]
fn groups_hold_every_layer_once_and_add_up_to_the_totals() {
    let mut second = node("Relu", &["p"], &["q"]);
    second.name = "a/Relu".into();
    let nodes = vec![node("Relu", &["x"], &["p"]), second, node("Neg", &["q"], &["y"])];
    let model = model(graph(vec![float("x", &[N(4)])], vec![], nodes, vec![float("y", &[N(4)])]));
    let graph = infer(&model, &Request::default()).unwrap();
    let cost = cost::count(&graph).unwrap();
    for (by, expected) in [
        (By::Op, vec![("Relu", vec![0, 1]), ("Neg", vec![2])]),
        (By::Scope, vec![("", vec![0, 2]), ("a", vec![1])]),
        (By::Dtype, vec![("float32", vec![0, 1, 2])]),
    ] {
        let groups = cost::roll_up(&graph, &cost, by).unwrap();
        let found: Vec<_> = groups.iter().map(|group| (group.key.as_str(), group.layers.clone())).collect();
        assert_eq!(found, expected, "{by:?}");
        // One operation an element.
        assert_eq!(groups.iter().map(|group| group.cost.counts.alu).sum::<u64>(), 12);
    }
    // Two layers of four float32 in and out.
    let rest = cost::sum(&cost.layers[1..]).unwrap();
    assert_eq!((rest.counts.alu, rest.bytes_read, rest.bytes_moved(), rest.repeat), (8, 32, 64, 2));
}

#[test]
fn loops_that_run_more_often_than_64_bits_count_still_add_up() {
    let endless = LayerCost { repeat: u64::MAX, ..LayerCost::default() };
    assert_eq!(cost::sum([&endless, &endless]).unwrap().repeat, u64::MAX);
}
