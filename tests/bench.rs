//! `ergometer bench` and estimates from a profile, as a user meets them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A cache directory of a test's own.
fn cache(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder is made");
    folder
}

fn ergometer(cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ergometer"));
    command.env("XDG_CACHE_HOME", cache).env("XDG_RUNTIME_DIR", cache);
    command
}

fn run(command: &mut Command) -> (Output, String, String) {
    let output = command.output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

/// Whether there is an adapter; without one the test is skipped, or fails where one is required.
fn has_adapter(cache: &Path) -> bool {
    let (output, _, stderr) = run(ergometer(cache).args(["bench", "--list"]));
    if output.status.code() == Some(3) {
        assert!(std::env::var_os("ERGOMETER_REQUIRE_ADAPTER").is_none(), "{stderr}");
        eprintln!("skipped: {stderr}");
        return false;
    }
    true
}

#[test]
fn without_an_adapter_one_line_says_what_was_tried_and_a_hint_what_to_do() {
    let cache = cache("none");
    let nowhere = cache.join("no-driver.json");
    for arguments in [["bench", "--list"], ["bench", "--quiet"]] {
        let mut command = ergometer(&cache);
        command.args(arguments).env("WGPU_BACKEND", "vulkan");
        command.env("VK_ICD_FILENAMES", &nowhere).env("VK_DRIVER_FILES", &nowhere);
        let (output, stdout, stderr) = run(&mut command);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert_eq!(stdout, "");
        let ours: Vec<&str> = stderr.lines().filter(|line| !line.contains("XDG_RUNTIME_DIR")).collect();
        assert_eq!(ours.len(), 2, "{stderr}");
        assert!(ours[0].starts_with("error: no GPU adapter was found: vulkan gave none"), "{stderr}");
        assert!(ours[1].starts_with("hint: "), "{stderr}");
    }
}

#[test]
fn adapters_are_listed_with_their_type_and_an_unknown_one_is_refused_with_their_names() {
    let cache = cache("list");
    if !has_adapter(&cache) {
        return;
    }
    let (_, stdout, _) = run(ergometer(&cache).args(["bench", "--list", "--json"]));
    let rows: Value = serde_json::from_str(&stdout).expect("it is JSON");
    let name = rows[0]["name"].as_str().expect("it has a name").to_owned();
    assert!(rows[0]["features"].is_string() && rows[0]["max_storage_binding_bytes"].is_u64());
    if name.contains("llvmpipe") {
        assert_eq!(rows[0]["type"], "software adapter");
    }
    let (output, _, stderr) = run(ergometer(&cache).args(["bench", "--adapter", "no such card"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("no such card") && stderr.contains(&name), "{stderr}");
}

#[test]
fn the_local_device_is_refused_until_it_is_measured() {
    let cache = cache("unmeasured");
    let (output, _, stderr) = run(ergometer(&cache).args(["models/resnet50.onnx", "--device", "local"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("not measured yet") && stderr.contains("ergometer bench"), "{stderr}");
}

#[test]
fn what_is_no_profile_is_named_and_never_trusted() {
    let cache = cache("hostile");
    let cases = [
        ("empty", "", "EOF"),
        ("list", "[]", "invalid"),
        ("later", r#"{"schema": "ergometer.profile/9"}"#, "ergometer.profile/9"),
        ("bare", r#"{"schema": "ergometer.profile/1"}"#, "missing field"),
    ];
    for (name, text, expected) in cases {
        let path = cache.join(format!("{name}.json"));
        fs::write(&path, text).expect("it is written");
        let file = path.to_str().expect("a plain name");
        let (output, _, stderr) = run(ergometer(&cache).args(["models/resnet50.onnx", "--device", file]));
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains(file) && stderr.contains(expected), "{name}: {stderr}");
    }
    let (output, ..) = run(ergometer(&cache).args(["bench", "--name", "../outside"]));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn webgpu_needs_a_profile() {
    let cache = cache("runtime");
    let arguments = ["models/resnet50.onnx", "--device", "t4", "--runtime", "webgpu", "--json"];
    let (_, stdout, _) = run(ergometer(&cache).args(arguments));
    let analysis: Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert!(stdout.contains("ergometer bench"), "{stdout}");
    assert!(analysis["estimates"].as_array().is_none_or(Vec::is_empty));
}

/// The way through: measure, keep to the schema, estimate, warn of another driver.
#[test]
fn a_profile_is_measured_saved_and_estimated_with() {
    let cache = cache("way");
    if !has_adapter(&cache) {
        return;
    }
    let (output, stdout, stderr) =
        run(ergometer(&cache).args(["bench", "--preset", "quick", "--name", "here", "--format", "json"]));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("--device here"), "{stderr}");
    let profile: Value = serde_json::from_str(&stdout).expect("it is JSON");
    let (_, schema, _) = run(ergometer(&cache).args(["schema", "profile"]));
    let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    assert!(validator.is_valid(&profile), "{:?}", validator.iter_errors(&profile).next());

    let peak = profile["peaks"].as_array().expect("a list").iter().find(|peak| peak["id"] == "alu.f32");
    let peak = peak.expect("f32 is measured")["flops_per_second"].as_f64().expect("a rate");
    for curve in profile["curves"].as_array().expect("a list") {
        for point in curve["points"].as_array().expect("a list") {
            let seconds = point["stats"]["median_s"].as_f64().expect("a time");
            assert!(seconds > 0.0, "{point}");
            if curve["class"] == "matmul" {
                let side = |key: &str| point["shape"][key].as_f64().expect("a size");
                let flops = 2.0 * side("batch") * side("m") * side("n") * side("k");
                // A product cannot be faster than arithmetic alone; clocks and neighbours move by less.
                assert!(flops / seconds < 2.0 * peak, "{point}");
            }
        }
    }

    let analyze = ["models/resnet50.onnx", "--device", "here", "--json"];
    let (output, stdout, stderr) = run(ergometer(&cache).args(analyze));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let analysis: Value = serde_json::from_str(&stdout).expect("it is JSON");
    let estimate = &analysis["estimates"][0];
    assert_eq!((&estimate["basis"], &estimate["runtime"]), (&"calibrated".into(), &"webgpu".into()));
    let latency = |key: &str| estimate["latency_s"][key].as_f64().expect("a time");
    assert!(latency("low") < latency("value") && latency("value") < latency("high"));
    assert!(estimate["roofline_s"].as_f64().expect("a floor") < latency("value"), "{estimate}");

    let path = cache.join("ergometer/profiles/here.json");
    let saved = fs::read_to_string(&path).expect("it is saved");
    let driver = profile["adapter"]["driver_info"].as_str().expect("a driver");
    fs::write(&path, saved.replace(driver, "another driver")).expect("it is written");
    let (output, _, stderr) = run(ergometer(&cache).args(analyze));
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr.contains("warning: profile \"here\": measured with another driver"), "{stderr}");
}

/// One interrupt ends it with what there is, and says so.
#[cfg(unix)]
#[test]
fn an_interrupted_measurement_is_a_partial_profile() {
    use std::process::Stdio;
    use std::time::Duration;

    let cache = cache("interrupted");
    if !has_adapter(&cache) {
        return;
    }
    let mut command = ergometer(&cache);
    command.args(["bench", "--preset", "full", "--name", "half", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_secs(6));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("it still runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let profile: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(profile["quality"]["status"], "partial");
    let notes = profile["quality"]["notes"].to_string();
    assert!(notes.contains("stopped before the end"), "{notes}");
    let (output, _, stderr) = run(ergometer(&cache).args(["models/resnet50.onnx", "--device", "half"]));
    // Six seconds may not have been enough for what an estimate rests on: then it says so.
    let says = stderr.contains("holds no ") && stderr.contains("measures again");
    assert!(output.status.code() == Some(0) || (output.status.code() == Some(3) && says), "{stderr}");
}
