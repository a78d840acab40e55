//! `ergometer validate` and `ergometer fit`, on measurements made up from known coefficients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/command.rs"]
mod command;
mod support;

use std::fmt::Write;

use command::{Folder, stderr};

use ergometer::cost;
use ergometer::device::{Catalogue, Precision};
use ergometer::graph::{Request, infer};
use ergometer::onnx;
use ergometer::predict::Runtime;
use ergometer::predict::framework::{Coefficients, Processor, Term, terms};
use serde_json::Value;

const MODELS: [&str; 6] = [
    "bert_base",
    "mobilenet_v3_small",
    "resnet50",
    "vit_tiny_patch16_224",
    "whisper_tiny_encoder",
    "lraspp_mobilenet_v3_large",
];
const DEVICES: [&str; 3] = ["a100", "rtx-3090", "t4"];
const BATCHES: [u64; 3] = [8, 32, 64];

/// Coefficients as no fit of ours has found them.
fn truth() -> Coefficients {
    Coefficients::new(Term::ALL.map(|term| match term {
        Term::Start => 3.0,
        Term::Conv | Term::Product => 1.3,
        Term::LowPower | Term::Padding => 0.5,
        _ => 1.9,
    }))
}

fn model(name: &str) -> String {
    format!("{}/models/{name}.onnx", env!("CARGO_MANIFEST_DIR"))
}

/// Runs of the bundled models in FP32, with the seconds that the coefficients give.
fn measurements() -> String {
    let mut text = "path,device,batch,precision,seconds,joules\n".to_owned();
    for name in MODELS {
        let read = onnx::read(model(name).as_ref()).unwrap();
        for batch in BATCHES {
            let request = Request { batch: Some(batch), ..Request::default() };
            let counted = cost::count(&infer(&read.proto, &request).unwrap()).unwrap();
            for device in DEVICES {
                let row = Catalogue::builtin().find(device).unwrap();
                let (sums, _) = terms(&counted, row, Runtime::Eager, Some(Precision::Fp32)).unwrap();
                let seconds = truth().seconds(&sums);
                let joules = 100.0 * seconds;
                writeln!(text, "{},{device},{batch},fp32,{seconds},{joules}", model(name)).unwrap();
            }
        }
    }
    text
}

/// The row of all devices.
fn all<'v>(rows: &'v Value, figure: &str) -> &'v Value {
    let rows = rows.as_array().unwrap();
    rows.iter().find(|row| row["device"] == "all" && row["figure"] == figure).unwrap()
}

#[test]
fn a_fit_finds_what_made_the_measurements_and_estimates_heed_it() {
    let folder = Folder::new("fit");
    folder.write("runs.csv", measurements().as_bytes());
    let fitted = folder.run(&["fit", "--measured", "runs.csv", "-o", "own.toml", "--data", "made up"]);
    assert!(fitted.status.success(), "{}", stderr(&fitted));
    assert!(
        stderr(&fitted).contains("eager on vector units, 54 runs, each device held back"),
        "{}",
        stderr(&fitted)
    );
    let own = folder.read("own.toml");
    assert!(own.contains("data = \"made up: 54 runs\""), "{own}");

    let before = folder.stdout(&["validate", "--measured", "runs.csv", "--json"]);
    let before: Value = serde_json::from_str(&before).unwrap();
    let after =
        folder.stdout(&["validate", "--measured", "runs.csv", "--coefficients", "own.toml", "--json"]);
    let after: Value = serde_json::from_str(&after).unwrap();
    let mean = |rows: &Value| all(rows, "time")["mean_error"].as_f64().unwrap();
    assert!(mean(&before) > 0.1, "{}", mean(&before));
    // Written to three digits.
    assert!(mean(&after) < 0.01, "{}", mean(&after));
    assert_eq!(all(&after, "time")["runs"], 54);
    assert_eq!(all(&after, "energy")["runs"], 54);
    assert!(all(&after, "time")["rank_correlation"].as_f64().unwrap() > 0.999);

    let analysis = folder.stdout(&[
        "analyze",
        &model("resnet50"),
        "--batch",
        "8",
        "--device",
        "t4",
        "--precision",
        "fp32",
        "--coefficients",
        "own.toml",
        "--json",
    ]);
    let analysis: Value = serde_json::from_str(&analysis).unwrap();
    let estimated = analysis["estimates"][0]["latency_s"]["value"].as_f64().unwrap();
    let line = measurements().lines().find(|line| line.contains("resnet50.onnx,t4,8,")).unwrap().to_owned();
    let measured: f64 = line.split(',').nth(4).unwrap().parse().unwrap();
    assert!((estimated / measured - 1.0).abs() < 0.01, "{estimated} for {measured}");
}

#[test]
fn what_is_held_back_is_predicted_from_the_rest_alone() {
    let folder = Folder::new("held_back");
    folder.write("runs.csv", measurements().as_bytes());
    for by in ["family", "device"] {
        let rows = folder.stdout(&["validate", "--measured", "runs.csv", "--held-back", by, "--json"]);
        let rows: Value = serde_json::from_str(&rows).unwrap();
        assert_eq!(all(&rows, "time")["runs"], 54, "{by}");
        // Energies follow from the held-back times.
        assert_eq!(all(&rows, "energy")["runs"], 54, "{by}");
    }
    // Of one device, there is nothing to learn about another.
    let one: String = measurements()
        .lines()
        .filter(|line| !line.contains("t4") && !line.contains("3090"))
        .collect::<Vec<_>>()
        .join("\n");
    folder.write("one.csv", one.as_bytes());
    let output = folder.run(&["validate", "--measured", "one.csv", "--held-back", "device"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("are of one device"), "{}", stderr(&output));
}

#[test]
fn kernels_alone_take_no_start_and_the_machine_draws_beside_the_device() {
    let folder = Folder::new("kernels");
    let path = model("mobilenet_v3_small");
    let read = onnx::read(path.as_ref()).unwrap();
    let request = Request { batch: Some(1), ..Request::default() };
    let counted = cost::count(&infer(&read.proto, &request).unwrap()).unwrap();
    let row = Catalogue::builtin().find("a100").unwrap();
    let (mut sums, unit) = terms(&counted, row, Runtime::Eager, Some(Precision::Fp32)).unwrap();
    sums[Term::Start as usize] = 0.0;
    let shipped =
        ergometer::predict::framework::of(&[], Runtime::Eager, unit, Processor::Accelerator).coefficients;
    // What is measured is half of what the kernels are estimated at, and a millisecond of an A100 and its host.
    let seconds = shipped.seconds(&sums) / 2.0;
    let csv = format!(
        "path,device,batch,precision,runtime,seconds,joules,joules_wall\n{path},a100,1,fp32,kernels,{seconds},,\n\
         {path},a100,1,fp32,eager,0.005,0.5,1.1\n"
    );
    folder.write("runs.csv", csv.as_bytes());
    let rows = folder.stdout(&["validate", "--measured", "runs.csv", "--json"]);
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let kernels = all(&rows, "kernels");
    assert_eq!(kernels["runs"], 1);
    assert!((kernels["median_error"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{kernels}");
    assert_eq!(
        (all(&rows, "time")["runs"].as_u64(), all(&rows, "energy")["runs"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(all(&rows, "energy at the wall")["runs"], 1);
    let bad = csv.replace("0.5,1.1", "0.5,-1");
    folder.write("bad.csv", bad.as_bytes());
    let output = folder.run(&["validate", "--measured", "bad.csv"]);
    assert!(stderr(&output).contains("bad.csv:3: joules are no number above 0"), "{}", stderr(&output));
}

#[test]
fn a_picture_shows_a_dot_for_each_run() {
    let folder = Folder::new("validate_svg");
    folder.write("runs.csv", measurements().as_bytes());
    folder.stdout(&["validate", "--measured", "runs.csv", "--svg", "runs.svg", "--runs", "each.csv"]);
    // Each run twice: its time and its energy.
    let each = folder.read("each.csv");
    assert_eq!(each.lines().count(), 1 + 2 * 54);
    let t4 = each.lines().find(|line| {
        line.starts_with("time,resnet50,resnet50 batch=8,resnet,,nvidia-tesla-t4,eager,vector,")
    });
    let figures: Vec<f64> = t4.unwrap().split(',').skip(8).map(|number| number.parse().unwrap()).collect();
    let [_, value, low, high] = figures[..] else { panic!("{figures:?}") };
    assert!(low < value && value < high);
    let svg = folder.read("runs.svg");
    assert!(svg.starts_with("<svg"), "{}", svg.get(..80).unwrap_or(&svg));
    assert_eq!(svg.matches(" measured\n").count(), 54);
}

#[test]
fn a_bad_row_is_named_and_the_others_stand() {
    let folder = Folder::new("bad_rows");
    let good = model("resnet50");
    folder.write(
        "runs.csv",
        format!(
            "path,device,seconds,runtime,precision\n{good},a100,0.01,,\nmissing.onnx,a100,0.01,,\n{good},a1000000,0.01,,\n\
             {good},a100,-1,,\n{good},a100,0.01,lazy,\n{good},a100,0.01,,fp12\n{good},a100,ten,,\n"
        )
        .as_bytes(),
    );
    let output = folder.run(&["validate", "--measured", "runs.csv", "--json"]);
    assert_eq!(output.status.code(), Some(4));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all(&rows, "time")["runs"], 1);
    let told = stderr(&output);
    for part in [
        "runs.csv:3: ",
        "missing.onnx",
        "runs.csv:4: no device is called \"a1000000\"",
        "runs.csv:5: seconds are no number above 0",
        "runs.csv:6: \"lazy\" is no runtime",
        "runs.csv:7: \"fp12\" is no precision",
        "runs.csv:8: ",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn a_file_without_measurements_is_refused_with_what_it_needs() {
    let folder = Folder::new("no_rows");
    folder.write("empty.csv", b"");
    folder.write("other.csv", b"path,seconds\nm.onnx,1\n");
    folder.write("rows.csv", b"path,device,seconds\nm.onnx,a100,1\n");
    folder.write("coefficients.toml", b"set = []\n");
    folder.write("odd.toml", b"nothing");
    for (words, message) in [
        (vec!["validate", "--measured", "absent.csv"], "absent.csv: cannot be read"),
        (vec!["validate", "--measured", "empty.csv"], "its header has no column \"path\""),
        (vec!["validate", "--measured", "other.csv"], "its header has no column \"device\""),
        (vec!["fit", "--measured", "rows.csv"], "none of its rows is a run that can be predicted"),
        (
            vec!["validate", "--measured", "rows.csv", "--coefficients", "coefficients.toml"],
            "holds no set of coefficients",
        ),
        (
            vec!["validate", "--measured", "rows.csv", "--coefficients", "odd.toml"],
            "odd.toml: it holds no sets of coefficients",
        ),
        (vec!["fit", "--measured", "rows.csv", "-o", "rows.csv"], "rows.csv would be overwritten"),
    ] {
        let output = folder.run(&words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(message), "{words:?}: {}", stderr(&output));
    }
}
