//! The README holds: what it shows is what the command prints, and what it names is there.

#![allow(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/command.rs"]
mod command;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use command::Folder;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> String {
    fs::read_to_string(path()).expect("README.md reads")
}

/// Lines inside the fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = vec![];
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(opening) if !inside && opening == language => inside = true,
            Some(_) => inside = false,
            None if inside => found.push(line.to_owned()),
            None => {}
        }
    }
    found
}

/// The README with the output of every `$ ` line of its console blocks as it is now.
fn played(text: &str, folder: &Folder) -> String {
    let mut out = String::new();
    let mut console = false;
    for line in text.lines() {
        if line.starts_with("```") {
            console = line == "```console";
        } else if console && !line.starts_with("$ ") {
            continue;
        }
        out += line;
        out.push('\n');
        if let Some(command) = line.strip_prefix("$ ").filter(|_| console) {
            out += &run(command, folder);
        }
    }
    out
}

/// What a person sees who runs this: what it prints, then what it complains about.
fn run(line: &str, folder: &Folder) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((&"ergometer", words)) = words.split_first() else {
        panic!("{line}: a console block runs ergometer")
    };
    let output = folder.run(words);
    let errors = String::from_utf8(output.stderr).expect("the errors are text");
    assert_eq!(output.status.success(), !errors.starts_with("error:"), "{line}: {errors}");
    String::from_utf8(output.stdout).expect("the output is text") + &errors
}

/// A folder with the bundled models in it, where commands may leave files.
fn checkout() -> Folder {
    let folder = Folder::new("readme");
    let models = folder.path("models");
    fs::create_dir_all(&models).expect("the folder is made");
    for entry in fs::read_dir("models").expect("models/ opens") {
        let entry = entry.expect("the entry reads");
        fs::copy(entry.path(), models.join(entry.file_name())).expect("the file is copied");
    }
    folder
}

#[test]
fn the_screens_are_what_the_commands_print() {
    let shown = readme();
    let found = played(&shown, &checkout());
    if std::env::var_os("BLESS").is_some() {
        fs::write(path(), &found).expect("README.md is written");
        return;
    }
    for (shown, found) in shown.lines().zip(found.lines()) {
        assert_eq!(shown, found, "README.md differs (BLESS=1 rewrites it)");
    }
    assert_eq!(shown, found, "README.md differs (BLESS=1 rewrites it)");
}

#[test]
fn the_estimates_shown_are_for_named_devices() {
    for line in blocks(&readme(), "console") {
        let estimates = line.starts_with("$ ") && line.contains(".onnx");
        let counted_only =
            ["strip", "--strict", "--reconcile", " law "].iter().any(|word| line.contains(word));
        assert!(!estimates || counted_only || line.contains("--device"), "{line}");
    }
}

/// Whether a line of an `sh` block names what exists: a known command, and files of the repository.
fn names_what_exists(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().skip_while(|word| word.contains('=')).collect();
    match words.as_slice() {
        ["cargo", "build" | "doc" | "install" | "run", ..] => true,
        ["cargo", "test", options @ ..] => named_target(options, "--test", "tests"),
        ["cargo", "bench", options @ ..] => named_target(options, "--bench", "benches"),
        ["python3", script, ..] => Path::new(script).is_file(),
        // On files that are not here: the command and its options must be.
        ["ergometer", command, options @ ..] => {
            let help = Folder::new("readme_help").stdout(&[command, "--help"]);
            options.iter().filter(|word| word.starts_with('-')).all(|option| help.contains(*option))
        }
        [script] => Path::new(script).is_file(),
        _ => false,
    }
}

/// Whether the target that this option names has its file.
fn named_target(options: &[&str], option: &str, folder: &str) -> bool {
    let named = options.iter().position(|word| *word == option).and_then(|place| options.get(place + 1));
    named.is_none_or(|name| Path::new(folder).join(format!("{name}.rs")).is_file())
}

#[test]
fn other_commands_name_what_exists() {
    for line in blocks(&readme(), "sh") {
        assert!(names_what_exists(&line), "{line}");
    }
}

#[test]
fn links_lead_to_files() {
    let text = readme();
    let targets: Vec<&str> =
        text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect();
    assert!(!targets.is_empty());
    for target in targets {
        assert!(target.starts_with("https://") || Path::new(target).exists(), "{target}");
    }
}
