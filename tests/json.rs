//! The JSON of `analyze` is a contract: it keeps its schema, and its layers add up to its totals.

#![allow(clippy::indexing_slicing, reason = "a missing key is a failed test")]

#[path = "support/command.rs"]
mod command;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use command::{Folder, classifier, mystery};
use ergometer::tensor::ElementType::{Bool, Float32, Int64};
use jsonschema::Validator;
use serde_json::Value;
use support::{N, With, float, graph, ints, model, node, truth, value, weight};

/// Of the zoo, one model in so many is analysed in a build without optimisation.
const SAMPLE: usize = if cfg!(debug_assertions) { 12 } else { 1 };

fn schema(folder: &Folder) -> Value {
    serde_json::from_str(&folder.stdout(&["schema", "analysis"])).expect("the schema is JSON")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the output is JSON")
}

/// The published schema, ready to hold documents against.
struct Contract {
    whole: Validator,
    /// The alternatives of the whole say little: the analysis itself says where.
    analysis: Validator,
}

impl Contract {
    fn of(folder: &Folder) -> Self {
        let schema = schema(folder);
        let mut inner = schema.clone();
        inner.as_object_mut().expect("an object").remove("anyOf");
        inner["$ref"] = "#/$defs/Analysis".into();
        let compile = |schema| jsonschema::validator_for(schema).expect("the schema is one");
        Self { whole: compile(&schema), analysis: compile(&inner) }
    }

    /// What the schema has against an analysis.
    fn violations(&self, document: &Value) -> Vec<String> {
        let told = |error: jsonschema::ValidationError| format!("{}: {error}", error.instance_path());
        if self.whole.is_valid(document) {
            vec![]
        } else {
            self.analysis.iter_errors(document).map(told).collect()
        }
    }

    fn assert_kept(&self, analysis: &Value) {
        assert_eq!(self.violations(analysis), Vec::<String>::new(), "{}", analysis["model"]["path"]);
        assert_adds_up(analysis);
    }
}

const SUMMED: &[&str] = &[
    "macs",
    "flops",
    "alu",
    "div",
    "trans",
    "int",
    "rng",
    "str",
    "params",
    "norm_stats",
    "quant_params",
    "shared_params",
    "param_bytes",
    "bytes_read",
    "bytes_weights",
    "bytes_written",
];

/// Every total must be the sum over the layers.
fn assert_adds_up(analysis: &Value) {
    let layers = analysis["layers"].as_array().expect("a list");
    let name = &analysis["model"]["path"];
    for key in SUMMED {
        let sum: u64 = layers.iter().map(|layer| layer[key].as_u64().expect("a count")).sum();
        assert_eq!(analysis["totals"][key], sum, "{key} of {name}");
    }
    let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
    for layer in layers {
        for (types, macs) in layer["macs_by_type"].as_object().expect("a map") {
            *by_type.entry(types).or_default() += macs.as_u64().expect("a count");
        }
    }
    assert_eq!(analysis["totals"]["macs_by_type"], serde_json::json!(by_type), "{name}");
    assert_eq!(analysis["totals"]["nodes"], layers.len() as u64, "{name}");
    if let Some(estimate) = analysis["estimates"].get(0) {
        let time: f64 = layers.iter().filter_map(|layer| layer["time_s"].as_f64()).sum();
        let latency = estimate["latency_s"]["value"].as_f64().expect("a number");
        assert!((time - latency).abs() <= 1e-9 * latency.max(1e-9), "{name}: {time} s, {latency} s");
    }
    for layer in layers.iter().filter(|layer| layer["folded"] == true || layer["repeat"] == 0) {
        assert_eq!(layer["flops"], 0, "{layer}");
    }
}

/// A Loop of three turns that adds, an If that is known, an If that is not, an unused initializer, a folded
/// node, a quantised weight.
fn everything() -> ergometer::onnx::schema::ModelProto {
    let turn = graph(
        vec![value("i", Int64, &[]), value("go", Bool, &[]), float("carried", &[N(2), N(4)])],
        vec![],
        vec![node("Identity", &["go"], &["still"]), node("Add", &["carried", "carried"], &["next"])],
        vec![value("still", Bool, &[]), float("next", &[N(2), N(4)])],
    );
    let branch = |op: &str, output: &str| {
        graph(vec![], vec![], vec![node(op, &["x"], &[output])], vec![float(output, &[N(2), N(4)])])
    };
    let nodes = vec![
        node("Loop", &["three", "yes", "x"], &["looped"]).graph("body", turn),
        node("If", &["yes"], &["known"])
            .graph("then_branch", branch("Relu", "a"))
            .graph("else_branch", branch("Exp", "b")),
        node("If", &["flag"], &["open"])
            .graph("then_branch", branch("Neg", "c"))
            .graph("else_branch", branch("Exp", "d")),
        node("Add", &["three", "three"], &["six"]),
        node("DequantizeLinear", &["packed", "scale"], &["w"]),
        node("MatMul", &["looped", "w"], &["y"]),
        node("NonZero", &["x"], &["where"]),
    ];
    let inputs = vec![float("x", &[N(2), N(4)]), value("flag", Bool, &[])];
    let initializers = vec![
        ints("three", &[], &[3]),
        truth("yes", true),
        ints("unused", &[5], &[1, 2, 3, 4, 5]),
        weight("packed", ergometer::tensor::ElementType::Int8, &[4, 3]),
        weight("scale", Float32, &[]),
    ];
    let outputs = ["y", "known", "open", "where"].map(support::untyped).to_vec();
    model(graph(inputs, initializers, nodes, outputs))
}

/// The models that come with the source.
fn bundled() -> Vec<PathBuf> {
    onnx_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))
}

fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    files.sort();
    files
}

/// Calls `f` with the analysis of each model.
fn analyses(folder: &Folder, models: &[PathBuf], f: &mut dyn FnMut(Value)) {
    for models in models.chunks(20) {
        let paths = models.iter().map(|path| path.to_str().expect("the path is text"));
        let words: Vec<&str> =
            ["analyze", "--format", "jsonl", "--device", "a100"].into_iter().chain(paths).collect();
        folder.stdout(&words).lines().map(json).for_each(&mut *f);
    }
}

#[test]
fn every_output_follows_the_schema_and_adds_up() {
    let folder = Folder::new("json");
    let contract = Contract::of(&folder);
    for (name, model) in [("a.onnx", classifier()), ("b.onnx", mystery()), ("c.onnx", everything())] {
        folder.with(name, &model);
    }
    let own = ["a.onnx", "b.onnx", "c.onnx"].map(|name| folder.path(name));
    analyses(&folder, &[own.to_vec(), bundled()].concat(), &mut |analysis| contract.assert_kept(&analysis));
}

#[test]
fn layers_of_every_model_of_the_zoo_add_up() {
    let zoo = std::env::var_os("ERGOMETER_ZOO").map_or_else(|| PathBuf::from("../shared/zoo"), PathBuf::from);
    let models = onnx_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(&zoo));
    if models.is_empty() {
        eprintln!("skipped: no zoo at {} (ERGOMETER_ZOO names another place)", zoo.display());
        return;
    }
    let folder = Folder::new("json-zoo");
    let contract = Contract::of(&folder);
    let some: Vec<PathBuf> = models.into_iter().step_by(SAMPLE).collect();
    analyses(&folder, &some, &mut |analysis| contract.assert_kept(&analysis));
}

#[test]
fn one_model_is_an_object_and_several_are_a_list_with_failures_in_place() {
    let folder = Folder::new("several");
    let contract = Contract::of(&folder);
    folder.with("a.onnx", &classifier());
    folder.write("bad.onnx", b"not a model");

    let one = json(&folder.stdout(&["a.onnx", "--json"]));
    assert!(one.is_object() && contract.violations(&one).is_empty());

    let output = folder.run(&["--json", "a.onnx", "bad.onnx", "a.onnx"]);
    assert_eq!(output.status.code(), Some(4));
    let several = json(std::str::from_utf8(&output.stdout).unwrap());
    assert!(contract.whole.is_valid(&several), "{several}");
    assert_eq!(several[0]["model"]["path"], "a.onnx");
    assert_eq!(several[1]["model"], serde_json::json!({"path": "bad.onnx"}));
    for key in ["code", "message", "hint"] {
        assert!(several[1]["error"].get(key).is_some(), "{several}");
    }
    assert_eq!(several[2], several[0]);

    let output = folder.run(&["--format", "jsonl", "bad.onnx", "a.onnx"]);
    let lines: Vec<Value> = std::str::from_utf8(&output.stdout).unwrap().lines().map(json).collect();
    assert_eq!((lines.len(), &lines[1]), (2, &several[0]));

    let failed = folder.run(&["--json", "missing.onnx"]);
    assert_eq!(failed.status.code(), Some(5));
    assert_eq!(json(std::str::from_utf8(&failed.stdout).unwrap())["error"]["code"], "not-found");
}

#[test]
fn the_figures_are_those_counted_by_hand() {
    let folder = Folder::new("json-figures");
    folder.with("a.onnx", &classifier());
    let analysis = json(&folder.stdout(&["a.onnx", "--json", "--device", "t4"]));
    assert_eq!(analysis["schema"], "ergometer.analysis/1");
    assert_eq!(analysis["model"]["opsets"][""], 21);
    assert_eq!(analysis["model"]["producer"], "tests");
    assert_eq!(
        analysis["bindings"][0],
        serde_json::json!({"name": "batch", "value": 1, "origin": "default"})
    );
    for (key, expected) in [
        ("macs", 5_328),
        ("flops", 10_954),
        ("alu", 298),
        ("params", 1_562),
        ("param_bytes", 4 * 1_562),
        // Each layer reads its input: 192 + 144 + 0 (a view) + 144 elements.
        ("bytes_read", 4 * 480),
        ("bytes_weights", 4 * 1_562),
        ("bytes_written", 4 * (144 + 144 + 10)),
    ] {
        assert_eq!(analysis["totals"][key], expected, "{key}");
    }
    assert_eq!(analysis["totals"]["macs_by_type"], serde_json::json!({"float32": 5_328}));
    let conv = &analysis["layers"][0];
    assert_eq!((&conv["name"], &conv["scope"]), (&"/features/conv/Conv".into(), &"features/conv".into()));
    assert_eq!(
        conv["inputs"][0],
        serde_json::json!({"name": "x", "dtype": "float32", "shape": [1, 3, 8, 8]})
    );
    assert_eq!(conv["outputs"][0]["shape"], serde_json::json!([1, 4, 6, 6]));
    let estimate = &analysis["estimates"][0];
    assert_eq!(estimate["device"], "nvidia-tesla-t4");
    // 2·5,328 FLOPs at 8.141 TFLOP/s and 70 W.
    let spec = estimate["spec_energy_j"].as_f64().unwrap();
    assert!((spec / (10_656.0 / 8.141e12 * 70.0) - 1.0).abs() < 1e-6, "{spec}");
    for key in ["paper_energy_j", "co2e_g", "cost"] {
        assert!(estimate.get(key).is_some_and(Value::is_null), "{key}");
    }
    assert!(estimate["paper_energy_reason"].is_string());
}

#[test]
fn bodies_branches_and_constants_are_told_apart() {
    let folder = Folder::new("json-bodies");
    folder.with("c.onnx", &everything());
    let analysis = json(&folder.stdout(&["c.onnx", "--json"]));
    let layers = analysis["layers"].as_array().unwrap();
    let layer =
        |name: &str| layers.iter().find(|layer| layer["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    // Three turns over eight elements.
    assert_eq!((&layer("make_next")["repeat"], &layer("make_next")["alu"]), (&3.into(), &24.into()));
    assert!(layer("make_next")["scope"].as_str().unwrap().contains("body"));
    // The branch that is not taken, and of an open choice the cheaper one (Exp and Neg cost the same).
    assert_eq!((&layer("make_b")["repeat"], &layer("make_b")["flops"]), (&0.into(), &0.into()));
    assert_eq!(layer("make_a")["alu"], 8);
    let open = layer("make_c")["flops"].as_u64().unwrap() + layer("make_d")["flops"].as_u64().unwrap();
    assert_eq!(open, 8);
    assert_eq!((&layer("make_six")["folded"], &layer("make_six")["int"]), (&true.into(), &0.into()));
    // NonZero of [2, 4]: two rows, as many columns as the data says.
    assert_eq!(layer("make_where")["outputs"][0]["shape"], serde_json::json!([2, null]));
    let totals = &analysis["totals"];
    assert_eq!((&totals["params"], &totals["quant_params"]), (&12.into(), &1.into()));
    assert_eq!(totals["param_bytes"], 16);
    let dead = serde_json::json!([{"name": "unused", "dtype": "int64", "shape": [5], "bytes": 40}]);
    assert_eq!(analysis["dead_initializers"], dead);
}

/// Every key of a schema with what is said of its type, by path.
fn keys(schema: &Value, path: &str, found: &mut BTreeMap<String, String>) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                if matches!(key.as_str(), "type" | "format" | "enum" | "const" | "required" | "$ref") {
                    found.insert(format!("{path}/{key}"), value.to_string());
                } else if key != "description" {
                    keys(value, &format!("{path}/{key}"), found);
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| keys(item, &format!("{path}/{place}"), found));
        }
        _ => {}
    }
}

#[test]
fn no_key_is_ever_taken_from_the_schema() {
    let folder = Folder::new("schema");
    let text = folder.stdout(&["schema", "analysis"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/analysis.schema.json");
    let published = std::fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let (mut before, mut now) = (BTreeMap::new(), BTreeMap::new());
    keys(&json(&published), "", &mut before);
    keys(&json(&text), "", &mut now);
    let broken: Vec<_> = before
        .iter()
        .filter(|(path, kind)| match now.get(*path) {
            // More keys may become required of us, none may stop being so.
            Some(now) if path.ends_with("/required") => {
                let (Value::Array(before), Value::Array(now)) = (json(kind), json(now)) else { return true };
                !before.iter().all(|key| now.contains(key))
            }
            now => now != Some(*kind),
        })
        .collect();
    assert!(broken.is_empty(), "taken away or changed: a new number in `SCHEMA` is needed\n{broken:#?}");
    command::golden("analysis.schema.json", &text);
}
