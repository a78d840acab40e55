//! The GitHub action and the pre-commit hook, as far as they run without their hosts: each shell step in a folder of its
//! own, with the variables that a runner sets.

#![cfg(unix)]
#![allow(clippy::indexing_slicing, reason = "a missing part is a failed test")]

#[path = "support/command.rs"]
mod command;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use command::{Folder, classifier, named_nodes, stderr};

/// The scripts of the action's steps, by their ids.
///
/// Reads the form that `action.yml` is written in: `- name`, `id`, then `run: |` and a block that is deeper.
fn steps() -> Vec<(String, String)> {
    let text = fs::read_to_string("action.yml").expect("action.yml reads");
    let mut steps = vec![];
    let (mut id, mut script): (String, Option<String>) = (String::new(), None);
    for line in text.lines().chain(["end:"]) {
        if let Some(block) = &mut script {
            if line.is_empty() || line.starts_with("        ") {
                block.push_str(line.strip_prefix("        ").unwrap_or_default());
                block.push('\n');
                continue;
            }
            steps.push((id.clone(), script.take().unwrap_or_default()));
        }
        if let Some(name) = line.strip_prefix("      id: ") {
            name.clone_into(&mut id);
        }
        if line == "      run: |" {
            script = Some(String::new());
        }
    }
    steps
}

/// Runs a step as a runner does.
fn run(folder: &Folder, id: &str, inputs: &[(&str, &str)]) -> Output {
    let steps = steps();
    let (_, script) = steps.iter().find(|(step, _)| step == id).expect("the step is there");
    folder.write("step.sh", script.as_bytes());
    for file in ["output", "summary"] {
        folder.write(file, b"");
    }
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "step.sh"])
        .current_dir(folder.path(""))
        .env("GITHUB_OUTPUT", folder.path("output"))
        .env("GITHUB_STEP_SUMMARY", folder.path("summary"))
        .env("RUNNER_TEMP", folder.path(""))
        .envs(inputs.iter().copied())
        .output()
        .expect("bash runs")
}

fn with_budget(folder: &Folder, flops: u64) {
    folder.with("model.onnx", &classifier());
    folder.write("ergometer.toml", format!("[check]\nmax_flops = {flops}\n").as_bytes());
}

const COMMAND: (&str, &str) = ("COMMAND", env!("CARGO_BIN_EXE_ergometer"));

#[test]
fn a_given_command_is_taken_as_it_is() {
    let folder = Folder::new("action-build");
    let output = run(&folder, "build", &[COMMAND, ("SOURCE", ".")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(folder.read("output"), format!("command={}\n", COMMAND.1));
}

#[test]
fn the_check_writes_a_summary_and_a_comment() {
    let folder = Folder::new("action-check");
    // The classifier has 10,954 FLOPs.
    for (flops, passed, code) in [(10_954, "true", 0), (10_953, "false", 1)] {
        with_budget(&folder, flops);
        let inputs =
            [COMMAND, ("MODELS", "model.onnx\n"), ("CONFIG", "ergometer.toml"), ("BEFORE", "model.onnx")];
        let output = run(&folder, "check", &inputs);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let outputs = folder.read("output");
        assert!(outputs.contains(&format!("passed={passed}\n")), "{outputs}");
        let comment = folder.read("ergometer-comment.md");
        assert!(comment.starts_with("<!-- ergometer -->\n"), "{comment}");
        assert!(comment.contains("1 model, 1 budget") && comment.contains("No total changed."), "{comment}");
        assert_eq!(folder.read("summary"), comment);
        let annotated = String::from_utf8_lossy(&output.stdout).contains("::error ");
        assert_eq!(annotated, passed == "false");
    }
}

#[test]
fn a_wrong_configuration_ends_the_step_without_a_verdict() {
    let folder = Folder::new("action-wrong");
    with_budget(&folder, 1);
    let output =
        run(&folder, "check", &[COMMAND, ("MODELS", ""), ("CONFIG", "missing.toml"), ("BEFORE", "")]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(folder.read("output"), "");
}

#[test]
fn names_of_models_run_no_command() {
    let folder = Folder::new("action-hostile");
    with_budget(&folder, 1_000_000);
    let hostile = "$(touch owned); `touch owned` --help.onnx";
    folder.with(hostile, &named_nodes(&["</details>@everyone|x"]));
    let models = format!("{hostile}\n");
    let output = run(
        &folder,
        "check",
        &[COMMAND, ("MODELS", &models), ("CONFIG", "ergometer.toml"), ("BEFORE", "model.onnx")],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!folder.path("owned").exists());
    let comment = folder.read("ergometer-comment.md");
    assert!(!comment.contains("@everyone") && comment.contains("\\`touch owned\\`"), "{comment}");
    assert_eq!(comment.matches("</details>").count(), 2, "{comment}");
}

#[test]
fn the_scripts_hold_no_expression_of_the_workflow() {
    // An expression in a script is pasted into it: text from outside would run.
    for (id, script) in steps() {
        assert!(!script.contains("${{"), "{id}: {script}");
    }
    assert_eq!(steps().len(), 2);
}

#[test]
fn the_hook_runs_as_its_entry_says() {
    let text = fs::read_to_string(Path::new(".pre-commit-hooks.yaml")).expect("the file reads");
    let entry = text.lines().find_map(|line| line.trim().strip_prefix("entry: ")).expect("an entry");
    let mut words: Vec<&str> = entry.split(' ').collect();
    assert_eq!(words.remove(0), "ergometer");
    words.push("model.onnx");
    let folder = Folder::new("hook");
    with_budget(&folder, 10_954);
    let kept = folder.run(&words);
    assert_eq!((kept.status.code(), kept.stdout.len(), kept.stderr.len()), (Some(0), 0, 0));
    with_budget(&folder, 10_953);
    let broken = folder.run(&words);
    assert_eq!(broken.status.code(), Some(1));
    let line = String::from_utf8_lossy(&broken.stdout).into_owned();
    assert_eq!(line.lines().count(), 1, "{line}");
}
