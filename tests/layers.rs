//! The layers of the crate: a module imports only from the layers it stands on.

use std::fs;
use std::path::{Path, PathBuf};

/// For each module, what it may import. The map at the top of `src/lib.rs` says why.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("tensor", &["units"]),
    ("onnx", &[]),
    ("ops", &["tensor", "units"]),
    ("graph", &["onnx", "ops", "tensor"]),
    ("cost", &["graph", "ops", "tensor", "units"]),
    ("device", &["units"]),
    ("calibrate", &["device", "units"]),
    ("predict", &["cost", "device", "units"]),
    ("zoo", &["predict", "device", "cost", "graph", "onnx", "ops", "tensor", "units"]),
    ("diff", &["predict", "cost", "graph", "ops", "tensor", "units"]),
    ("check", &["diff", "units"]),
    (
        "report",
        &[
            "check",
            "diff",
            "zoo",
            "predict",
            "calibrate",
            "device",
            "cost",
            "graph",
            "onnx",
            "ops",
            "tensor",
            "units",
        ],
    ),
    (
        "cli",
        &[
            "report",
            "check",
            "diff",
            "zoo",
            "predict",
            "calibrate",
            "device",
            "cost",
            "graph",
            "onnx",
            "ops",
            "tensor",
            "units",
        ],
    ),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder opens") {
        let path = entry.expect("the entry reads").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_import_only_from_the_layers_below_them() {
    let source = Path::new("src");
    let mut files = vec![];
    rust_files(source, &mut files);
    let mut wrong = vec![];
    for file in files {
        let inside = file.strip_prefix(source).expect("the file is in src");
        let first = inside.iter().next().and_then(|part| part.to_str()).expect("the name is text");
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} is not on the map of layers"));
        let text = fs::read_to_string(&file).expect("the file reads");
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for import in line.split("crate::").skip(1) {
                let name: String = import.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = MAY_IMPORT.iter().any(|(layer, _)| *layer == name);
                if known && name != module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{}:{}: {module} imports {name}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
