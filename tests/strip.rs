//! `ergometer strip` takes the weights out of a model and leaves its counts.

#![allow(clippy::indexing_slicing, reason = "a missing key is a failed test")]

#[path = "support/command.rs"]
mod command;
mod support;

use std::fs;

use command::{Folder, stderr};
use ergometer::onnx::schema::{ModelProto, TensorProto};
use ergometer::tensor::ElementType::Float32;
use serde_json::Value;
use support::{N, S, With, float, graph, ints, model, node};

/// Ones that take their space in the file.
fn ones(dims: &[i64]) -> Vec<u8> {
    (0..dims.iter().product()).flat_map(|_: i64| 1f32.to_le_bytes()).collect()
}

fn tensor(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: Some(Float32.onnx_code()),
        ..TensorProto::default()
    }
}

/// A weight in raw bytes.
fn raw(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto { raw_data: Some(ones(dims).into()), ..tensor(name, dims) }
}

/// A weight in a typed field.
fn typed(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto { float_data: vec![ones(dims).into()], ..tensor(name, dims) }
}

/// `x [batch, 256]` through a product with raw weights, one with typed weights, one with weights in a
/// Constant node, and a Reshape whose target must stay in the file.
///
/// MACs of a sample: 256·512 + 512·128 + 128·64 = 204,800, as many parameters, 819,200 bytes of them.
fn heavy() -> ModelProto {
    let nodes = vec![
        node("MatMul", &["x", "first"], &["a"]),
        node("Relu", &["a"], &["b"]),
        node("MatMul", &["b", "second"], &["c"]),
        node("Constant", &[], &["third"]).tensor("value", raw("third_value", &[128, 64])),
        node("MatMul", &["c", "third"], &["d"]),
        node("Reshape", &["d", "target"], &["y"]),
    ];
    let target = ints("target", &[3], &[-1, 8, 8]);
    let weights = vec![raw("first", &[256, 512]), typed("second", &[512, 128]), target];
    let outputs = vec![float("y", &[S("batch"), N(8), N(8)])];
    model(graph(vec![float("x", &[S("batch"), N(256)])], weights, nodes, outputs))
}

fn analysis(folder: &Folder, file: &str) -> Value {
    let words = ["analyze", file, "--device", "nvidia-tesla-t4", "--batch", "3", "--format", "json"];
    serde_json::from_str(&folder.stdout(&words)).expect("the output is JSON")
}

#[test]
fn a_stripped_model_counts_the_same_in_a_small_file() {
    let folder = Folder::new("strip");
    folder.with("full.onnx", &heavy());
    let output = folder.run(&["strip", "full.onnx", "-o", "small.onnx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("3 tensors, 819 kB taken out"), "{}", stderr(&output));

    let (full, small) = (analysis(&folder, "full.onnx"), analysis(&folder, "small.onnx"));
    assert_eq!(full["totals"]["macs"], 3 * 204_800);
    assert_eq!(full["totals"]["params"], 204_800);
    assert_eq!(full["totals"]["complete"], true);
    for key in ["bindings", "totals", "layers", "uncosted", "warnings", "estimates"] {
        assert_eq!(full[key], small[key], "{key}");
    }

    let size = |name: &str| fs::metadata(folder.path(name)).expect("the file is there").len();
    assert!(size("full.onnx") > 819_200);
    assert!(size("small.onnx") < 2_000, "{}", size("small.onnx"));
}

#[test]
fn what_is_below_the_threshold_stays_in_the_file() {
    let folder = Folder::new("strip_threshold");
    folder.with("full.onnx", &heavy());
    // Third weights: 32,768 bytes.
    let output = folder.run(&["strip", "full.onnx", "-o", "small.onnx", "--threshold", "32769"]);
    assert!(stderr(&output).contains("2 tensors, 786 kB taken out"), "{}", stderr(&output));
    let size = fs::metadata(folder.path("small.onnx")).expect("the file is there").len();
    assert!((32_768..35_000).contains(&size), "{size}");
}
