//! Laws of the bundled models: against formulas written down by hand, and against counts at sizes that no law saw.

#![allow(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/command.rs"]
mod command;
mod support;

use command::Folder;

fn model(name: &str) -> String {
    format!("{}/models/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The value of a law as it is printed, `18432·batch·sequence² + 7`.
fn value(law: &str, sizes: &[(&str, u64)]) -> u64 {
    let factor = |text: &str| {
        let (name, power) = text.strip_suffix('²').map_or((text, 1), |name| (name, 2));
        let size = sizes.iter().find(|(known, _)| *known == name).map(|(_, size)| size.pow(power));
        size.or_else(|| text.parse().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    law.split(" + ").map(|term| term.split('·').map(factor).product::<u64>()).sum()
}

fn laws(folder: &Folder, arguments: &[&str]) -> Vec<(String, String)> {
    let json = folder.stdout(&[&["law"], arguments, &["--json"]].concat());
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).expect("the laws are JSON");
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(row, "figure"), text(row, "law"))).collect()
}

/// BERT base, by hand: in each of 12 layers four projections of 768 × 768 and two of 768 × 3072 for each token, scores
/// and their use (2 × 768) for each pair; the pooler, 768 × 768, once a sequence.
#[test]
fn the_macs_of_bert_follow_the_textbook() {
    let folder = Folder::new("law-bert");
    let found = laws(&folder, &[&model("bert_base.onnx"), "--over", "batch,sequence"]);
    let tokens = 12 * (4 * 768 * 768 + 2 * 768 * 3072);
    let expected =
        format!("{}·batch·sequence² + {tokens}·batch·sequence + {}·batch", 12 * 2 * 768, 768 * 768);
    assert_eq!(found[0], ("MACs".to_owned(), expected));
}

#[test]
fn a_law_gives_what_a_sweep_counts_at_sizes_that_it_never_saw() {
    let folder = Folder::new("law-sweep");
    for (name, over, sweeps) in [
        ("bert_base.onnx", "batch,sequence", &["batch=3,7", "sequence=100,333"][..]),
        ("resnet50.onnx", "batch", &["batch=1,50..400"][..]),
    ] {
        let found = laws(&folder, &[&model(name), "--over", over]);
        let path = model(name);
        let mut words = vec!["law", &path, "--format", "csv"];
        words.extend(sweeps.iter().flat_map(|sweep| ["--sweep", sweep]));
        let csv = folder.stdout(&words);
        let names: Vec<&str> = over.split(',').collect();
        for line in csv.lines().skip(1) {
            let numbers: Vec<u64> = line.split(',').map(|number| number.parse().expect("a number")).collect();
            let (sizes, counts) = numbers.split_at(names.len());
            let sizes: Vec<(&str, u64)> = names.iter().copied().zip(sizes.iter().copied()).collect();
            for ((figure, law), count) in found.iter().zip(counts).take(3) {
                assert_eq!(value(law, &sizes), *count, "{name}: {figure} at {sizes:?}");
            }
        }
    }
}

/// Where activations peak changes with the length of the sequence: small sizes alone would not tell.
#[test]
fn a_peak_that_moves_is_told_as_such_with_its_values() {
    let folder = Folder::new("law-peak");
    let text = folder.stdout(&["law", &model("bert_base.onnx"), "--over", "batch,sequence"]);
    assert!(text.contains("peak bytes  not polynomial: it is the largest of several"), "{text}");
    assert!(text.contains("    2       384"), "{text}");
}

#[test]
fn a_sweep_is_drawn_with_a_line_a_figure() {
    let folder = Folder::new("law-svg");
    folder.stdout(&["law", &model("resnet50.onnx"), "--sweep", "batch=1..64", "--svg", "growth.svg"]);
    let svg = std::fs::read_to_string(folder.path("growth.svg")).expect("the file is there");
    for text in ["MACs", "FLOPs", "bytes", "peak bytes", "batch", "1 G", "100 G"] {
        assert!(svg.contains(&format!(">{text}<")), "{text}\n{svg}");
    }
    assert_eq!(svg.matches("<circle").count(), 4 * 7 + 4, "a dot a size and figure, and four in the legend");
    let refused = folder.run(&["law", &model("resnet50.onnx"), "--svg", "growth.svg"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn sizes_that_the_model_refuses_take_nothing_from_the_others() {
    let folder = Folder::new("law-refused");
    // Its table of positions has 1,024 places, one of them for the token itself.
    let path = model("gpt2_cached.onnx");
    let output = folder.run(&["law", &path, "--sweep", "past=1023,1024", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(4));
    let (rows, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.lines().any(|row| row.starts_with("1023,")), "{rows}");
    assert!(errors.starts_with("warning: past=1024: "), "{errors}");
    let output = folder.run(&["law", &path, "--sweep", "past=4096"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(5), 0));
}

#[test]
fn the_law_of_a_part_is_a_lower_bound_and_says_so() {
    use ergometer::tensor::ElementType::Float32;
    use prost::Message;
    use support::{N, S, With, float, graph, node, untyped, weight};

    let folder = Folder::new("law-part");
    let nodes =
        vec![node("MatMul", &["x", "w"], &["y"]), node("Mystery", &["y"], &["z"]).domain("elsewhere")];
    let x = float("x", &[S("rows"), N(8)]);
    let model =
        support::model(graph(vec![x], vec![weight("w", Float32, &[8, 4])], nodes, vec![untyped("z")]));
    let path = folder.path("part.onnx");
    std::fs::write(&path, model.encode_to_vec()).expect("the model is written");
    let path = path.to_str().expect("the path is text");
    assert_eq!(laws(&folder, &[path])[0], ("MACs".to_owned(), "at least 32·rows".to_owned()));
    let table = folder.stdout(&["law", path, "--sweep", "rows=3", "--format", "md"]);
    assert!(table.contains("≥ 96"), "{table}");
}
