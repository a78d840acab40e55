//! `ergometer trends`: what inference takes over the years, held against fits that were made apart from the program, and as
//! a user meets it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "support/command.rs"]
mod command;
#[path = "support/scores.rs"]
mod scores;
mod support;

use std::fs;

use command::{Folder, stderr};
use serde_json::Value;

use ergometer::device::Catalogue;
use ergometer::predict::paper::Domain;
use ergometer::project;
use ergometer::report::trends::{Figure, figures};
use ergometer::trends::forecast::back_test;
use ergometer::trends::{Era, Fit, Growth, Request, Study, builtin};

/// What scipy found; `tests/validation/trends.py` wrote it.
const RECORDED: &str = include_str!("data/trends.json");

fn study() -> Study<'static> {
    let facts = builtin();
    Study::of(facts, &facts.models, Catalogue::builtin().devices(), &Request::default()).unwrap()
}

/// The records of one kind.
fn recorded(what: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    let found: Vec<Value> = all.into_iter().filter(|record| record["what"] == what).collect();
    assert!(!found.is_empty(), "{what} is not recorded");
    found
}

fn near(found: f64, record: &Value, key: &str) {
    let expected = record[key].as_f64().unwrap_or_else(|| panic!("{key} in {record}"));
    assert!((found - expected).abs() <= 1e-8 * expected.abs().max(1e-3), "{key}: {found} in {record}");
}

/// Slope, level, interval and forecast of a line.
fn same_line(growth: &Growth, at: f64, record: &Value) {
    assert_eq!(growth.line.points as u64, record["n"].as_u64().unwrap(), "{record}");
    near(growth.line.slope, record, "slope");
    near(growth.line.at(at), record, &format!("at_{at}"));
    near(growth.line.r_squared, record, "r_squared");
    near(growth.by_theory[0].log10(), record, "slope_low");
    near(growth.by_theory[1].log10(), record, "slope_high");
    if let Some(expected) = record["prediction_2027.5"].as_array() {
        let found = growth.to_come(2027.5, 0.8);
        for (found, expected) in [found.low, found.value, found.high].into_iter().zip(expected) {
            assert!((found.log10() - expected.as_f64().unwrap()).abs() < 1e-8, "{record}");
        }
    }
}

fn is_of(record: &Value, era: Era, domain: Domain) -> bool {
    record["era"] == era.name() && record["domain"] == domain.name()
}

fn is_fit(record: &Value, fit: &Fit) -> bool {
    is_of(record, fit.era, fit.domain)
        && record["measure"] == fit.measure.name()
        && record["selection"] == fit.selection.name()
}

#[test]
fn lines_of_hardware_are_those_of_scipy() {
    let study = study();
    let lines = recorded("line");
    assert_eq!(lines.len(), study.lines.len());
    for record in lines {
        let line = study.lines.iter().find(|line| is_of(&record, line.era, line.domain)).unwrap();
        same_line(&line.growth, 2012.0, &record);
        near(line.growth.doubling(), &record, "doubling");
    }
    let stated = recorded("hardware");
    assert_eq!(stated.len(), study.hardware.len());
    for record in stated {
        let found = study.hardware.iter().find(|hardware| {
            record["precision"] == hardware.precision.as_str() && record["class"] == hardware.class
        });
        same_line(&found.unwrap().growth.unwrap(), 2012.0, &record);
    }
}

#[test]
fn fits_are_those_of_scipy() {
    let study = study();
    let all: Vec<&Fit> = study.fits.iter().chain(&study.bands).collect();
    let records = [recorded("fit"), recorded("band")].concat();
    assert_eq!(records.len(), all.len());
    for record in records {
        let fit = all.iter().find(|fit| is_fit(&record, fit)).unwrap_or_else(|| panic!("{record}"));
        same_line(&fit.growth.unwrap(), 2020.0, &record);
    }
    let worth = recorded("worth");
    assert_eq!(worth.len(), study.worth.len());
    for record in worth {
        let found = study.worth.iter().find(|worth| record["period"] == worth.period);
        let line = found.unwrap().line.unwrap();
        near(line.slope, &record, "slope");
        near(line.at(-1.0), &record, "at_-1");
    }
}

#[test]
fn powers_are_those_of_scipy() {
    let study = study();
    for record in recorded("scaling") {
        let found = study.scaling.iter().find(|scaling| {
            is_of(&record, scaling.era, scaling.domain)
                && record["architecture"] == scaling.architecture.name()
        });
        let found = found.unwrap();
        let line = found.line.unwrap();
        near(line.slope, &record, "slope");
        near(line.at(9.0), &record, "at_9");
        near(found.exponent[0], &record, "slope_low");
        near(found.exponent[1], &record, "slope_high");
    }
}

#[test]
fn back_tests_are_those_of_scipy() {
    let study = study();
    for record in recorded("back_test") {
        let fit = study.fits.iter().find(|fit| is_fit(&record, fit)).unwrap();
        let found = back_test(&fit.values, |_| fit.values.clone(), 0.8).unwrap();
        assert_eq!(found.cuts as u64, record["cuts"].as_u64().unwrap());
        assert_eq!(found.scored as u64, record["scored"].as_u64().unwrap());
        for (figure, key) in
            [(found.median, "median"), (found.p90, "p90"), (found.bias, "bias"), (found.covered, "covered")]
        {
            near(figure, &record, key);
        }
    }
}

#[test]
fn what_settled_is_what_numpy_finds() {
    let study = study();
    for record in recorded("settled") {
        let (_, found) = study
            .settled
            .iter()
            .find(|(domain, settling)| {
                record["domain"] == domain.name() && record["within"].as_f64() == Some(settling.years)
            })
            .unwrap();
        assert_eq!(found.scores as u64, record["scores"].as_u64().unwrap(), "{record}");
        assert_eq!(found.cheaper as u64, record["cheaper"].as_u64().unwrap(), "{record}");
        near(found.flops.unwrap().value, &record, "median");
    }
}

#[test]
fn a_projection_goes_by_the_line_of_hardware() {
    let gain = study().lines[0].growth.yearly;
    let taken = project::HARDWARE_GAIN;
    for (found, taken) in [(gain.value, taken.value), (gain.low, taken.low), (gain.high, taken.high)] {
        assert!((found - taken).abs() < 0.005, "{found} for {taken}");
    }
}

#[test]
fn every_figure_of_the_paper_is_drawn_and_written() {
    let folder = Folder::new("trends_reproduce");
    folder.stdout(&["trends", "--reproduce", "2109.05472", "-o", "paper"]);
    let page = folder.read("paper/index.html");
    // Section by section, as the paper's figures are listed; two panels of the one on attained efficiency.
    let numbers =
        ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8a", "F8b", "F9", "F10", "F11", "F12", "F13", "F14"];
    let study = study();
    let panels = figures(Figure::Paper, &study, builtin());
    assert_eq!(panels.iter().map(|panel| panel.number).collect::<Vec<_>>(), numbers);
    for panel in panels.iter().chain(&figures(Figure::Now, &study, builtin())) {
        let name = panel.chart.name;
        assert!(folder.read(&format!("paper/{name}.svg")).contains("</svg>"), "{name}");
        assert!(folder.read(&format!("paper/{name}.csv")).lines().count() > 5, "{name}");
        assert!(page.contains(&format!("{}. {}", panel.number, panel.chart.title)), "{name}");
    }
    for table in [
        "findings",
        "table-vision-models",
        "table-language-models",
        "table-gpus",
        "table-mixed-precision",
        "table-counters",
    ] {
        assert!(folder.read(&format!("paper/{table}.csv")).lines().count() > 10, "{table}");
    }
    assert_eq!(folder.read("paper/table-vision-models.csv").lines().count(), 86);
    assert!(page.contains("not recovered") && !page.contains("<script"));
    assert!(!page.contains("NaN") && !page.contains(">inf"));
}

#[test]
fn findings_say_what_was_not_recovered() {
    let folder = Folder::new("trends_findings");
    let rows: Vec<Value> =
        serde_json::from_str(&folder.stdout(&["trends", "--table", "findings", "--json"])).unwrap();
    let row = |what: &str| rows.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("{what}"));
    let stated = row("A30, tensor");
    assert_eq!((stated["paper_low"].as_f64(), stated["basis"].as_str()), (Some(1000.0), Some("stated")));
    let unknown = row("growth a year of FLOPs, cv, all");
    assert_eq!(unknown["basis"], "not recovered");
    assert!(unknown["paper_low"].is_null() && unknown["ratio"].is_null());
    assert!((unknown["ours"].as_f64().unwrap() - 1.444).abs() < 0.001);
    for row in &rows {
        let ratio = row["ratio"].as_f64();
        assert_eq!(ratio.is_some(), row["basis"] != "not recovered" && row["unit"] != "year", "{row}");
    }
}

#[test]
fn a_scored_zoo_is_studied_in_place_of_ours() {
    let folder = Folder::new("trends_scores");
    // FLOPs that double each year.
    let rows: String = [("2019", 1), ("2020-06", 2), ("2021-06", 4), ("2022", 8)]
        .iter()
        .map(|(date, flops)| {
            let mut score =
                scores::score(&format!("{date}.onnx"), 1000, 1.0, 70.0 + f64::from(*flops), false);
            score.annotations.date = Some((*date).to_owned());
            if let ergometer::zoo::Outcome::Counts(facts) = &mut score.outcome {
                facts.macs = 1_000_000 * u64::from(u8::try_from(*flops).unwrap());
            }
            serde_json::to_string(&score).unwrap() + "\n"
        })
        .collect();
    folder.write("own.jsonl", rows.as_bytes());
    let found: Vec<Value> =
        serde_json::from_str(&folder.stdout(&["trends", "--scores", "own.jsonl", "--json"])).unwrap();
    let all = found.iter().find(|row| row["measure"] == "FLOPs" && row["models"] == "all").unwrap();
    // Middles of years and of Junes are a year apart but for half a month.
    assert!((all["yearly"].as_f64().unwrap() - 2.0).abs() < 0.1, "{all}");
    assert_eq!(all["points"], 4);
    assert!(found.iter().all(|row| row["era"] == "now" && row["domain"] == "cv"));
}

#[test]
fn what_cannot_be_studied_is_said() {
    let folder = Folder::new("trends_errors");
    let refused = |words: &[&str], message: &str| {
        let output = folder.run(words);
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(message), "{words:?}: {said}");
        assert!(said.contains("hint: "), "{said}");
    };
    let mut undated = scores::score("a.onnx", 1000, 1.0, 70.0, false);
    undated.annotations.date = None;
    folder.write("undated.jsonl", (serde_json::to_string(&undated).unwrap() + "\n").as_bytes());
    let dated = scores::score("a.onnx", 1000, 1.0, 70.0, false);
    folder.write("dated.jsonl", (serde_json::to_string(&dated).unwrap() + "\n").as_bytes());
    folder.write("table.csv", b"path,flops\na.onnx,1\n");
    folder.write("file", b"");
    refused(&["trends", "--scores", "undated.jsonl"], "there is no model with a date");
    refused(&["trends", "--scores", "table.csv"], "table.csv, line 1");
    refused(&["trends", "--scores", "none.jsonl"], "cannot read none.jsonl");
    refused(&["trends", "--scores", "dated.jsonl", "--table", "findings"], "the paper's findings");
    refused(&["trends", "--reproduce", "1706.03762", "-o", "x"], "\"1706.03762\" cannot be reproduced");
    refused(&["trends", "--reproduce", "2109.05472"], "a folder is needed");
    refused(&["trends", "--reproduce", "2109.05472", "-o", "file"], "cannot make the folder file");
    refused(&["trends", "--attainment", "cv-h100-mixed=2"], "is no attainment: cv-a100-mixed");
    refused(&["trends", "--table", "bands,growth", "--format", "csv"], "one table");
    for words in [
        ["--attainment", "cv-v100-mixed=0"],
        ["--attainment", "x"],
        ["--confidence", "100"],
        ["--confidence", "0.8"],
    ] {
        let output = folder.run(&["trends", words[0], words[1]]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn a_zoo_of_one_date_says_so_and_prints_no_figure() {
    let folder = Folder::new("trends_one_date");
    let rows: String = (0..4)
        .map(|at| {
            let mut score = scores::score(&format!("{at}.onnx"), 1000, 1.0, 70.0, false);
            score.annotations.date = Some("2020-05".to_owned());
            serde_json::to_string(&score).unwrap() + "\n"
        })
        .collect();
    folder.write("one.jsonl", rows.as_bytes());
    let output = folder.run(&["trends", "--scores", "one.jsonl"]);
    assert!(output.status.success());
    assert!(stderr(&output).contains("all values are of one date: they say nothing of growth"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn pictures_and_page_are_written() {
    let folder = Folder::new("trends_pictures");
    folder.stdout(&["trends", "--svg", "pictures", "--html", "page.html"]);
    assert_eq!(
        fs::read_dir(folder.path("pictures")).unwrap().count(),
        figures(Figure::Now, &study(), builtin()).len()
    );
    assert!(folder.read("page.html").contains("<h2>The same questions today</h2>"));
    let text = folder.stdout(&["trends", "--table", "accuracy", "--plot"]);
    assert!(
        text.contains("Joules of vision models over the years")
            && text.contains("Joules a token of language models")
    );
    let output = folder.run(&["trends", "--png", "pictures"]);
    if cfg!(feature = "png") {
        assert!(fs::read(folder.path("pictures/now-vision-joules.png")).unwrap().starts_with(b"\x89PNG"));
    } else {
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn an_attainment_moves_the_line() {
    let folder = Folder::new("trends_attainment");
    let at = |words: &[&str]| {
        let all = [&["trends", "--table", "hardware", "--json"], words].concat();
        let rows: Vec<Value> = serde_json::from_str(&folder.stdout(&all)).unwrap();
        rows[0]["yearly"].as_f64().unwrap()
    };
    assert!(at(&["--attainment", "cv-a100-mixed=8"]) > at(&[]));
}

#[test]
fn the_page_in_the_docs_says_what_the_study_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/trends.md");
    let found = ergometer::report::trends::story(&study(), builtin()).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &found).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(kept, found, "docs/trends.md is stale: BLESS=1 cargo test --test trends writes it anew");
}

#[test]
fn dates_and_joules_of_a_zoo_are_taken_as_they_are_meant() {
    let folder = Folder::new("trends_zoo_rows");
    let row = |path: &str, date: &str, batch: Option<u64>| {
        let mut score = scores::score(path, 1000, 8.0, 70.0, false);
        score.annotations.date = Some(date.to_owned());
        if let (ergometer::zoo::Outcome::Counts(facts), Some(batch)) = (&mut score.outcome, batch) {
            facts.bindings.insert("batch".to_owned(), batch);
        }
        serde_json::to_string(&score).unwrap() + "\n"
    };
    let dates = [("a", "0001"), ("b", "9999-12-31"), ("c", "May 2019"), ("d", "2020-02-30"), ("e", "2020")];
    let rows: String = dates.iter().map(|(path, date)| row(path, date, Some(8))).collect();
    folder.write("zoo.jsonl", rows.as_bytes());
    let output = folder.run(&["trends", "--scores", "zoo.jsonl", "--table", "models", "--json"]);
    let said = stderr(&output);
    for why in [
        "0001 is no date of 1950 to 2100",
        "9999-12-31 is no date of 1950 to 2100",
        "\"May 2019\" is no date: 2019, 2019-05 or 2019-05-28 is",
        "\"2020-02-30\" is no date",
    ] {
        assert!(said.contains(why), "{why}: {said}");
    }
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.len(), 1);
    // 8 J of a run of 8.
    assert_eq!(found[0]["joules_one_gpu"], 1.0);
    for table in ["growth", "formula", "forecast", "accuracy", "settled", "scaling"] {
        let text =
            folder.stdout(&["trends", "--scores", "zoo.jsonl", "-q", "--table", table, "--format", "csv"]);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{table}: {text}");
    }
}

#[test]
fn values_that_do_not_grow_double_never() {
    let folder = Folder::new("trends_level");
    let rows: String = (2015..2022)
        .map(|year| {
            let mut score = scores::score(&format!("{year}.onnx"), 1000, 1.0, 70.0, false);
            score.annotations.date = Some(year.to_string());
            serde_json::to_string(&score).unwrap() + "\n"
        })
        .collect();
    folder.write("level.jsonl", rows.as_bytes());
    let found: Vec<Value> =
        serde_json::from_str(&folder.stdout(&["trends", "--scores", "level.jsonl", "--json", "-q"])).unwrap();
    let level = found.iter().find(|row| row["measure"] == "FLOPs" && row["models"] == "all").unwrap();
    assert_eq!((level["yearly"].as_f64(), level["doubling_years"].as_f64()), (Some(1.0), None));
}
