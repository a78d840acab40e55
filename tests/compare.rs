//! Comparing models and holding them against budgets, as a user meets it.

#![allow(clippy::indexing_slicing, reason = "a missing key is a failed test")]

#[path = "support/command.rs"]
mod command;
mod support;

use command::{Folder, classifier, golden, mystery, named_nodes, stderr};
use ergometer::onnx::schema::ModelProto;
use ergometer::tensor::ElementType::Float32;
use serde_json::Value;
use support::{N, S, With, float, graph, model, node, weight};

/// The classifier with a wider head: 144→20, and an activation behind it.
///
/// Gemm: 2,880 MACs and 20 additions; Relu: 20 comparisons. 2·(3,888 + 2,880) + 288 + 20 + 20 = 13,864 FLOPs.
/// Parameters: 112 + 2,880 + 20 = 3,012.
fn wider() -> ModelProto {
    let mut model = classifier();
    let graph = model.graph.as_mut().expect("it has a graph");
    graph.initializer[2].dims = vec![144, 20];
    graph.initializer[3].dims = vec![20];
    graph.node[3].output = vec!["z".into()];
    let mut relu = node("Relu", &["z"], &["y"]);
    relu.name = "/fc/Relu".into();
    graph.node.push(relu);
    graph.output = vec![float("y", &[S("batch"), N(20)])];
    model
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the output is JSON")
}

fn assert_keeps_schema(folder: &Folder, of: &str, document: &Value) {
    let schema = json(&folder.stdout(&["schema", of]));
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let violations: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn the_screens_of_a_comparison_are_as_they_were_read() {
    let folder = Folder::new("diff-screen");
    folder.with("before.onnx", &classifier());
    folder.with("after.onnx", &wider());
    let words = ["diff", "before.onnx", "after.onnx", "--device", "t4"];
    golden("diff.txt", &folder.stdout(&words));
    golden("diff.md", &folder.stdout(&[&words[..], &["--format", "md", "--budget", "flops=+50%"]].concat()));
}

#[test]
fn totals_and_layers_change_as_counted_by_hand() {
    let folder = Folder::new("diff-json");
    folder.with("before.onnx", &classifier());
    folder.with("after.onnx", &wider());
    let diff = json(&folder.stdout(&["diff", "before.onnx", "after.onnx", "--device", "t4", "--json"]));
    assert_keeps_schema(&folder, "diff", &diff);
    assert_eq!(diff["totals"]["flops"]["before"], 10_954);
    assert_eq!(diff["totals"]["flops"]["after"], 13_864);
    assert_eq!(diff["totals"]["params"]["after"], 3_012);
    let counts = &diff["layers"];
    assert_eq!(
        (counts["same"].as_u64(), counts["changed"].as_u64(), counts["added"].as_u64()),
        (Some(3), Some(1), Some(1))
    );
    let first = &diff["changes"][0];
    assert_eq!(
        (first["after"]["name"].as_str(), first["aligned_by"].as_str()),
        (Some("/fc/Gemm"), Some("name"))
    );
    // Both are a matter of starting kernels: one more of them is less than the interval.
    assert_eq!(diff["estimates"][0]["latency_s"]["verdict"], "noise");
}

#[test]
fn an_earlier_analysis_stands_for_its_model() {
    let folder = Folder::new("diff-saved");
    folder.with("a.onnx", &classifier());
    folder.with("b.onnx", &wider());
    folder.stdout(&["analyze", "a.onnx", "--device", "t4,a100", "--json", "-o", "a.json"]);
    let of = |before: &str| {
        let mut diff = json(&folder.stdout(&["diff", before, "b.onnx", "--device", "t4,a100", "--json"]));
        diff["before"]["path"] = Value::Null;
        diff
    };
    assert_eq!(of("a.json"), of("a.onnx"));
    // The devices of the earlier analysis are those of the comparison.
    let diff = json(&folder.stdout(&["diff", "a.json", "b.onnx", "--json"]));
    let devices: Vec<&str> =
        diff["estimates"].as_array().unwrap().iter().filter_map(|e| e["device"].as_str()).collect();
    assert_eq!(devices, ["nvidia-tesla-t4", "nvidia-a100-sxm4-80-gb"]);
    let same = json(&folder.stdout(&["diff", "a.json", "a.onnx", "--json"]));
    assert_eq!((same["layers"]["same"].as_u64(), same["changes"].as_array().unwrap().len()), (Some(4), 0));
    assert_eq!(same["estimates"][0]["latency_s"]["verdict"], "same");
}

#[test]
fn a_renamed_model_is_the_same_model() {
    let folder = Folder::new("diff-renamed");
    folder.with("a.onnx", &classifier());
    let mut renamed = classifier();
    for (place, node) in renamed.graph.as_mut().unwrap().node.iter_mut().enumerate() {
        node.name = format!("backbone/stage{place}x");
    }
    folder.with("b.onnx", &renamed);
    let diff = json(&folder.stdout(&["diff", "a.onnx", "b.onnx", "--json"]));
    assert_eq!((diff["layers"]["renamed"].as_u64(), diff["changes"].as_array().unwrap().len()), (Some(4), 0));
}

#[test]
fn a_broken_budget_is_exit_code_1() {
    let folder = Folder::new("diff-budget");
    folder.with("a.onnx", &classifier());
    folder.with("b.onnx", &wider());
    folder.write("bad.onnx", b"nothing of the kind");
    folder.write("other.json", b"{\"schema\": \"ergometer.profile/1\"}");
    for (words, code) in [
        (&["diff", "a.onnx", "b.onnx"][..], 0),
        // 26.6 % more FLOPs.
        (&["diff", "a.onnx", "b.onnx", "--budget", "flops=+27%"], 0),
        (&["diff", "a.onnx", "b.onnx", "--budget", "flops=+26%"], 1),
        (&["diff", "a.onnx", "b.onnx", "--budget", "params=3k"], 1),
        (&["diff", "a.onnx", "b.onnx", "--budget", "latency=+0%"], 0),
        (&["diff", "a.onnx", "b.onnx", "--budget", "speed=1"], 2),
        (&["diff", "a.onnx", "b.onnx", "--format", "csv"], 2),
        (&["diff", "a.onnx", "b.onnx", "--format", "netron"], 2),
        (&["diff", "a.onnx"], 2),
        (&["diff", "a.onnx", "bad.onnx"], 5),
        (&["diff", "other.json", "a.onnx"], 5),
        (&["diff", "a.onnx", "missing.onnx"], 5),
    ] {
        let output = folder.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn hostile_names_stay_text_in_a_comment() {
    let folder = Folder::new("diff-hostile");
    let name = "a|b`c`</details><img src=x>@someone#1[x](y)\u{1b}[2J";
    folder.with("a.onnx", &named_nodes(&["plain"]));
    folder.with("b.onnx", &named_nodes(&["plain", name, "*x*"]));
    let text = folder.stdout(&["diff", "a.onnx", "b.onnx", "--format", "md"]);
    // What a backslash stands before is text.
    let unescaped =
        ["\\<", "\\`", "\\]", "\\|"].iter().fold(text.clone(), |text, escaped| text.replace(escaped, ""));
    for forbidden in ["@someone", "<img", "#1", "\u{1b}", "](y)", "`", "a|b"] {
        assert!(!unescaped.contains(forbidden), "{forbidden}: {text}");
    }
    assert_eq!(text.matches("</details>").count(), 1, "{text}");
    assert!(text.contains("\\</details\\>"), "{text}");
    let screen = folder.stdout(&["diff", "a.onnx", "b.onnx"]);
    assert!(!screen.contains('\u{1b}'), "{screen}");
}

#[test]
fn aligning_takes_time_that_grows_with_the_layers() {
    // Nothing has the same name, and no two layers in a row are alike.
    let chain = |prefix: &str, n: usize| {
        let names: Vec<String> = (0..n).map(|index| format!("{prefix}/{index}x")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut model = named_nodes(&names);
        for (place, node) in model.graph.as_mut().unwrap().node.iter_mut().enumerate() {
            let kinds = ["Relu", "Tanh", "Exp", "Neg", "Sigmoid"];
            let pick = place.wrapping_mul(prefix.len() * 2_654_435_761) >> 7;
            node.op_type = kinds[pick % kinds.len()].into();
        }
        model
    };
    let folder = Folder::new("diff-large");
    folder.with("a.onnx", &chain("a", 20_000));
    folder.with("b.onnx", &chain("other", 20_000));
    let diff = json(&folder.stdout(&["diff", "a.onnx", "b.onnx", "--json"]));
    let layers = &diff["layers"];
    let of = |key: &str| layers[key].as_u64().expect("a count");
    assert_eq!(of("same") + of("renamed") + of("changed") + of("added"), 20_000);
}

#[test]
fn a_check_tells_one_line_a_breach() {
    let folder = Folder::new("check");
    folder.with("a.onnx", &classifier());
    folder.with("b.onnx", &wider());
    folder.with("mystery.onnx", &mystery());
    folder.write("bad.onnx", b"");
    folder.stdout(&["analyze", "a.onnx", "b.onnx", "--device", "t4", "--json", "-o", "both.json"]);
    folder.write(
        "ergometer.toml",
        b"[check]\ndevice = \"t4\"\nmax_params = \"2 k\"\n\
          [[check.model]]\npath = \"./a.onnx\"\nbaseline = \"both.json\"\n\
          max_increase = { flops = 0, latency_s = \"1 %\" }\nmax_energy_j = \"1 J\"\n\
          [[check.model]]\npath = \"b.onnx\"\nmax_latency_s = \"1 ns\"\nmax_peak_memory = \"1 MB\"\n",
    );
    for (words, code, lines) in [
        (&["check", "a.onnx"][..], 0, vec![]),
        (
            &["check"],
            1,
            vec![
                "b.onnx: max_latency_s 1.00 ns on nvidia-tesla-t4: ",
                "b.onnx: max_params 2.00 k: 3.01 k, 50.6 % too much",
            ],
        ),
        // What is not counted keeps no budget.
        (
            &["check", "mystery.onnx"],
            1,
            vec!["mystery.onnx: max_params 2.00 k: 0, cannot be told: not every"],
        ),
        (&["check", "bad.onnx"], 5, vec![]),
        (&["check", "a.onnx", "bad.onnx"], 4, vec![]),
        (&["check", "b.onnx", "bad.onnx"], 1, vec!["b.onnx: ", "b.onnx: "]),
        (&["check", "--config", "missing.toml"], 2, vec![]),
        (&["check", "a.onnx", "--format", "csv"], 2, vec![]),
    ] {
        let output = folder.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", stderr(&output));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told.lines().count(), lines.len(), "{words:?}: {told}");
        for (line, start) in told.lines().zip(&lines) {
            assert!(line.starts_with(start), "{words:?}: {line}");
        }
    }
    let output = folder.run(&["check", "a.onnx", "b.onnx", "bad.onnx", "--json"]);
    let check = json(&String::from_utf8_lossy(&output.stdout));
    assert_keeps_schema(&folder, "check", &check);
    assert_eq!(check["passed"], false);
    assert_eq!(check["models"][0]["passed"], true);
    assert_eq!(check["models"][2]["error"]["code"], "empty");
}

#[test]
fn an_increase_over_the_baseline_is_a_breach() {
    let folder = Folder::new("check-baseline");
    folder.with("m.onnx", &classifier());
    folder.stdout(&["analyze", "m.onnx", "--json", "-o", "base.json"]);
    folder.with("m.onnx", &wider());
    folder.write(
        "ergometer.toml",
        b"[check]\nbaseline = \"base.json\"\nmax_increase = { flops = \"5 %\", macs = \"50 %\" }\n",
    );
    let output = folder.run(&["check", "m.onnx"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    // 13,864 of 11,501.7.
    assert_eq!(told, "m.onnx: flops at most 5 % above 11.0 k: 13.9 k, 20.5 % too much\n");
}

#[test]
fn the_forms_of_other_tools_are_as_they_were_read() {
    let folder = Folder::new("exports");
    folder.with("classifier.onnx", &classifier());
    for (format, file) in [
        ("netron", "classifier.netron.json"),
        ("cyclonedx", "classifier.cdx.json"),
        ("spdx", "classifier.spdx.json"),
        ("model-card", "classifier.card.md"),
    ] {
        let words = ["analyze", "classifier.onnx", "--device", "t4", "--format", format];
        let output = folder.command(&words).env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
        assert!(output.status.success(), "{format}: {}", stderr(&output));
        golden(file, &String::from_utf8_lossy(&output.stdout));
    }
    let two = folder.run(&["analyze", "classifier.onnx", "classifier.onnx", "--format", "spdx"]);
    assert_eq!(two.status.code(), Some(2));
}

#[test]
fn an_energy_that_is_not_known_is_left_out_with_its_reason() {
    let folder = Folder::new("exports-unknown");
    folder.with("m.onnx", &classifier());
    let profile = format!("{}/tests/fixtures/webgpu_profile.json", env!("CARGO_MANIFEST_DIR"));
    let of = |format: &str| folder.stdout(&["analyze", "m.onnx", "--device", &profile, "--format", format]);
    for format in ["cyclonedx", "model-card"] {
        let text = of(format);
        assert!(text.contains("energy_not_known") && !text.contains("energy_j"), "{format}: {text}");
    }
    assert!(!of("spdx").contains("ai_energyConsumption"));
}

#[test]
fn shapes_are_written_as_far_as_they_hold_for_every_size() {
    let folder = Folder::new("annotate");
    let mut classifier = classifier();
    classifier.graph.as_mut().unwrap().initializer.push(weight("unused", Float32, &[3]));
    folder.with("m.onnx", &classifier);
    let shapes = |file: &str| {
        let model = ergometer::onnx::read(&folder.path(file)).unwrap().proto;
        let graph = model.graph.unwrap();
        let infos = graph.value_info.iter().chain(&graph.input).chain(&graph.output);
        let mut found: Vec<String> = infos.map(|info| format!("{}{:?}", info.name, dims(info))).collect();
        found.sort();
        (found, graph.initializer)
    };
    folder.stdout(&["annotate", "m.onnx", "-o", "open.onnx"]);
    let (open, weights) = shapes("open.onnx");
    assert_eq!(
        open,
        [
            r#"conv["batch", "4", "6", "6"]"#,
            r#"flat["batch", "144"]"#,
            r#"relu["batch", "4", "6", "6"]"#,
            r#"x["batch", "3", "8", "8"]"#,
            r#"y["batch", "10"]"#,
        ]
    );
    assert_eq!(weights, classifier.graph.as_ref().unwrap().initializer);
    folder.stdout(&["annotate", "m.onnx", "--batch", "5", "-o", "fixed.onnx"]);
    let (fixed, _) = shapes("fixed.onnx");
    assert_eq!(fixed[0], r#"conv["5", "4", "6", "6"]"#);
    assert_eq!(fixed[3], r#"x["5", "3", "8", "8"]"#);
    assert_eq!(folder.run(&["annotate", "m.onnx"]).status.code(), Some(2));
}

#[test]
fn a_size_that_mixes_open_dimensions_stays_open() {
    let folder = Folder::new("annotate-mixed");
    let flatten = node("Flatten", &["x"], &["rows"]).int("axis", 2);
    let nodes = vec![node("Identity", &["x"], &["same"]), flatten];
    let inputs = vec![float("x", &[S("batch"), S("sequence"), N(4)])];
    folder.with("m.onnx", &model(graph(inputs, vec![], nodes, vec![])));
    folder.stdout(&["annotate", "m.onnx", "-o", "out.onnx"]);
    let graph = ergometer::onnx::read(&folder.path("out.onnx")).unwrap().proto.graph.unwrap();
    let of = |name: &str| {
        dims(graph.value_info.iter().find(|info| info.name == name).expect("the value is annotated"))
    };
    assert_eq!(of("same"), ["batch", "sequence", "4"]);
    assert_eq!(of("rows"), ["?", "4"]);
}

/// Dimensions as text; `?` for an open one.
fn dims(info: &ergometer::onnx::schema::ValueInfoProto) -> Vec<String> {
    use ergometer::onnx::schema::tensor_shape_proto::dimension::Value;
    use ergometer::onnx::schema::type_proto;
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|ty| ty.value.as_ref())
    else {
        return vec![];
    };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
    dims.map(|dim| match &dim.value {
        Some(Value::DimValue(n)) => n.to_string(),
        Some(Value::DimParam(name)) => name.clone(),
        None => "?".to_owned(),
    })
    .collect()
}
