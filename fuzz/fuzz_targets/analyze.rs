//! Counts any bytes that decode as a model: layers, sums by every key, as other tools do, estimates of PyTorch and of an engine,
//! and what serving it takes, where it is a decoder.
//!
//! `cargo +nightly fuzz run analyze fuzz/corpus/analyze fuzz/seeds` in the project's folder: what is new goes to the first, from
//! the second it begins.
#![no_main]

use std::num::NonZeroU32;

use ergometer::cost::{self, By, Peer, roll_up};
use ergometer::device::Catalogue;
use ergometer::graph::{Request, Tokens, infer};
use ergometer::onnx;
use ergometer::predict::serving::{self, Decoder, Server, Setting};
use ergometer::predict::{self, Runtime};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = onnx::decode(bytes.to_vec().into()) else { return };
    let Ok(graph) = infer(&model, &Request::default()) else { return };
    let Ok(cost) = cost::count(&graph) else { return };
    assert_eq!(cost.layers.len(), graph.nodes.len());
    let costed = cost.totals.nodes - cost.uncosted.len() as u64;
    assert_eq!(costed, cost.totals.costed_nodes);
    for by in [By::Op, By::Scope, By::Dtype] {
        let groups = roll_up(&graph, &cost, by).expect("parts of a sum that fits fit");
        let macs: u64 = groups.iter().map(|group| group.cost.counts.macs).sum();
        assert_eq!(macs, cost.totals.counts.macs);
    }
    for node in 0..graph.nodes.len() {
        for peer in Peer::ALL {
            let _ = peer.work(&graph, &cost, node);
        }
    }
    let device = Catalogue::builtin().find("t4").expect("the catalogue has a T4");
    for runtime in [Runtime::Eager, Runtime::Compiled, Runtime::Engine] {
        let request = predict::Request { runtime: Some(runtime), ..predict::Request::default() };
        let Ok(found) = predict::predict(&cost, device, &request) else { continue };
        let total = found.latency.value.0;
        let layers: f64 = found.layers.iter().map(|layer| layer.time.0).sum();
        assert!(found.layers.len() == cost.layers.len() && total.is_finite() && total >= 0.0);
        assert!((layers - total).abs() <= 1e-6 * total, "{layers} of {total}");
        let energy = found.energy.expect("the T4 states its power").value.0;
        let parts: f64 = found.layers.iter().filter_map(|layer| layer.energy).map(|part| part.0).sum();
        assert!(energy.is_finite() && energy >= 0.0 && (parts - energy).abs() <= 1e-6 * energy);
    }
    let request = Request { tokens: Some(Tokens { current: 3, past: 5 }), batch: Some(2), ..Request::default() };
    let Ok(graph) = infer(&model, &request) else { return };
    let Ok(cost) = cost::count(&graph) else { return };
    let decoder = Decoder { cost: &cost, caches: graph.caches.len(), cache_bytes: 1 << 20 };
    let setting = Setting {
        device,
        devices: NonZeroU32::new(4).expect("it is not 0"),
        batch: 2,
        link: None,
        server: Server::MEASURED,
    };
    let request = predict::Request { runtime: Some(Runtime::Engine), ..predict::Request::default() };
    if let Ok(step) = serving::step(&decoder, &setting, &request) {
        let time = step.latency;
        assert!(time.value.0.is_finite() && time.low <= time.value && time.value <= time.high);
    }
});
