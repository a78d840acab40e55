//! Rows of a scored zoo.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

use ergometer::zoo::{Annotations, Estimate, Facts, Outcome, Percentiles, Problem, SCHEMA, Score, Standing};

/// A model of a zoo.
pub fn score(path: &str, params: u64, energy: f64, accuracy: f64, front: bool) -> Score {
    let interval = |value: f64| Some(Percentiles { value, low: value / 2.0, high: value * 2.0 });
    let facts = Facts {
        graph_hash: "0123abcd".into(),
        file_bytes: 1000,
        bindings: BTreeMap::from([("batch".to_owned(), 1)]),
        opset: Some(17),
        producer: Some("tests".into()),
        nodes: 10,
        costed_nodes: 10,
        complete: true,
        flops: params * 3,
        bounded_flops: 0,
        macs: params,
        macs_by_type: BTreeMap::new(),
        params,
        param_bytes: params * 4,
        bytes_read: 10,
        bytes_weights: params * 4,
        bytes_written: 10,
        peak_activation_bytes: Some(4096),
    };
    Score {
        schema: SCHEMA.into(),
        path: path.into(),
        annotations: Annotations {
            name: None,
            task: Some("image-classification".into()),
            date: Some("2019-05".into()),
            accuracy: Some(accuracy),
            notes: None,
        },
        outcome: Outcome::Counts(Box::new(facts)),
        estimates: vec![Estimate {
            device: "nvidia-t4".into(),
            runtime: Some("eager".into()),
            precision: Some("fp32".into()),
            basis: Some("spec".into()),
            latency_s: interval(energy / 70.0),
            energy_basis: Some("spec".into()),
            energy_j: interval(energy),
            fits_memory: Some(true),
            ..Estimate::default()
        }],
        standing: Some(Standing {
            pareto_accuracy: Some(front),
            pareto_params: Some(front),
            energy_rank: Some(1),
            ..Standing::default()
        }),
    }
}

/// A model that failed.
pub fn failed(path: &str, message: &str) -> Score {
    Score {
        outcome: Outcome::Error(Problem {
            code: "truncated".into(),
            message: message.into(),
            hint: Some("download it again".into()),
        }),
        estimates: vec![],
        standing: None,
        ..score(path, 1, 1.0, 0.1, false)
    }
}

/// Thirty models, one that is not complete, one that failed; `name` is what two of them are called.
pub fn lines(name: &str) -> String {
    let mut scores: Vec<Score> = (1..30u32)
        .map(|n| {
            let (size, odd) = (f64::from(n), n % 3 == 1);
            let accuracy = 0.9 - 0.5 / size - if odd { 0.0 } else { 0.05 };
            score(&format!("model {n}"), u64::from(n) * 1_000_000, 0.01 * size * size, accuracy, odd)
        })
        .collect();
    let mut hostile = score(name, 1000, 0.005, 0.2, true);
    hostile.annotations.name = Some(name.into());
    if let Outcome::Counts(facts) = &mut hostile.outcome {
        facts.complete = false;
        facts.costed_nodes = 9;
    }
    scores.push(hostile);
    scores.push(failed("broken.onnx", name));
    scores.iter().map(|score| serde_json::to_string(score).expect("a row is JSON") + "\n").collect()
}
