//! The predictor against a recording of a real runtime, on the profile of the same adapter.
//!
//! `tests/validation/README.md` says how both were made. The expected seconds are ONNX Runtime's, not ours.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const PROFILE: &str = "tests/fixtures/webgpu_profile.json";
const RECORDING: &str = "tests/fixtures/webgpu_recording.json";
/// Each model's seconds are predicted within this share.
const MODEL_TARGET: f64 = 0.30;
/// Models nearer than this in time have no order: measurements repeat no better.
const TIE: f64 = 0.10;
/// Its class sorts as many boxes as random scores let through.
const DEPENDS_ON_DATA: &str = "ssdlite320_mobilenet_v3_large.onnx";

struct Pair {
    model: String,
    measured: f64,
    predicted: f64,
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()).unwrap()
}

fn predicted(model: &str) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_ergometer"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["analyze", &format!("models/{model}"), "--device", PROFILE, "--runtime", "webgpu"])
        .args(["--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{model}: {}", String::from_utf8_lossy(&output.stderr));
    let analysis: Value = serde_json::from_slice(&output.stdout).unwrap();
    analysis["estimates"][0]["latency_s"]["value"].as_f64().unwrap()
}

fn pairs() -> Vec<Pair> {
    let recording = json(RECORDING);
    let models = recording["models"].as_array().unwrap().iter();
    let pairs = models.map(|model| {
        let file = model["file"].as_str().unwrap().to_owned();
        let measured = model["cpu_s"]["median"].as_f64().unwrap();
        Pair { predicted: predicted(&file), measured, model: file }
    });
    pairs.filter(|pair| pair.model != DEPENDS_ON_DATA).collect()
}

/// Spearman's coefficient, without ties: 1 - 6 Σd² / (n (n² - 1)).
fn rank_correlation(pairs: &[Pair]) -> f64 {
    let rank =
        |of: fn(&Pair) -> f64, pair: &Pair| pairs.iter().filter(|other| of(other) < of(pair)).count() as f64;
    let distances =
        pairs.iter().map(|pair| rank(|pair| pair.measured, pair) - rank(|pair| pair.predicted, pair));
    let n = pairs.len() as f64;
    1.0 - 6.0 * distances.map(|distance| distance * distance).sum::<f64>() / (n * (n * n - 1.0))
}

#[test]
fn seconds_over_webgpu_are_those_of_a_real_runtime() {
    let pairs = pairs();
    assert!(pairs.len() >= 12, "{}", pairs.len());
    let mut errors = vec![];
    for Pair { model, measured, predicted } in &pairs {
        let error = predicted / measured - 1.0;
        println!("{model}: {measured:.3} s measured, {predicted:.3} s predicted, {:+.0} %", 100.0 * error);
        assert!(error.abs() <= MODEL_TARGET, "{model}: {:+.0} %", 100.0 * error);
        errors.push(error.abs());
    }
    errors.sort_by(f64::total_cmp);
    let median = f64::midpoint(errors[(errors.len() - 1) / 2], errors[errors.len() / 2]);
    assert!(median <= 0.15, "median error {median:.2}");
    assert!(rank_correlation(&pairs) >= 0.9, "{}", rank_correlation(&pairs));
    for slow in &pairs {
        for fast in pairs.iter().filter(|fast| slow.measured > fast.measured * (1.0 + TIE)) {
            let inverted = fast.predicted > slow.predicted * (1.0 + TIE);
            assert!(!inverted, "{} is slower than {}", slow.model, fast.model);
        }
    }
}

#[test]
fn profile_and_recording_are_of_the_same_driver_and_processor() {
    let (profile, recording) = (json(PROFILE), json(RECORDING));
    let driver = profile["adapter"]["driver_info"].as_str().unwrap();
    let mesa = recording["machine"]["mesa"].as_str().unwrap();
    assert!(driver.contains(mesa.split_whitespace().last().unwrap()), "{driver}; {mesa}");
    assert_eq!(profile["host"]["cpu"], recording["machine"]["cpu"]);
}
