//! The layers of the crate: a module imports only from the layers it stands on.

use std::fs;
use std::path::{Path, PathBuf};

use Imports::{AllBefore, Only};

/// What a module may import.
enum Imports {
    /// These.
    Only(&'static [&'static str]),
    /// All that come before it in the table.
    AllBefore,
}

/// For each module, what it may import, in an order in which each stands on modules before it. The map at the top of
/// `src/lib.rs` says why.
const MAY_IMPORT: &[(&str, Imports)] = &[
    ("names", Only(&[])),
    ("units", Only(&[])),
    ("date", Only(&[])),
    ("stats", Only(&[])),
    ("tensor", Only(&["units"])),
    ("onnx", Only(&[])),
    ("ops", Only(&["tensor", "units"])),
    ("graph", Only(&["onnx", "ops", "tensor"])),
    ("cost", Only(&["graph", "ops", "tensor", "units"])),
    ("law", Only(&["cost", "graph"])),
    ("device", Only(&["names", "units"])),
    ("factors", Only(&["device", "names", "units"])),
    ("calibrate", Only(&["device", "stats", "units"])),
    ("predict", Only(&["cost", "date", "device", "factors", "stats", "units"])),
    (
        "zoo",
        Only(&["predict", "factors", "date", "device", "cost", "graph", "onnx", "ops", "tensor", "units"]),
    ),
    ("trends", Only(&["predict", "device", "date", "stats"])),
    ("project", Only(&["predict", "factors", "units"])),
    ("diff", Only(&["predict", "cost", "graph", "ops", "tensor", "units"])),
    ("check", Only(&["diff", "units"])),
    // What people see may speak of everything.
    ("report", AllBefore),
    ("cli", AllBefore),
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
        let place = MAY_IMPORT
            .iter()
            .position(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} is not on the map of layers"));
        let allowed = |import: usize| match &MAY_IMPORT[place].1 {
            Only(modules) => modules.contains(&MAY_IMPORT[import].0),
            AllBefore => import < place,
        };
        let text = fs::read_to_string(&file).expect("the file reads");
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for import in line.split("crate::").skip(1) {
                let name: String = import.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = MAY_IMPORT.iter().position(|(layer, _)| *layer == name);
                if known.is_some_and(|import| import != place && !allowed(import)) {
                    wrong.push(format!("{}:{}: {module} imports {name}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
