//! The views of a scored zoo: what is in it, who stands where, and what failed or is not complete.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::table::{Column, Table, Written};
use super::{FailureView, Figure};
use crate::report::chart::{self, Chart};
use crate::report::grid::Cell;
use crate::report::text::{plural, visible};
use crate::zoo::{Estimate, Outcome, Score};

/// Models in a page: a browser takes no more gladly.
const MODELS: usize = 20_000;
/// Models that are written out for those who read without scripts.
const WRITTEN: usize = 1000;
/// Failures that are written out.
const FAILURES: usize = 500;
/// Rows of a table beside a chart.
const BESIDE: usize = 200;

/// The views of a zoo.
#[derive(Debug, Serialize)]
pub struct View {
    /// How many models of what.
    pub title: String,
    facts: Vec<(&'static str, String, String)>,
    figures: Vec<Figure>,
    models: Written,
    note: String,
    limit_note: String,
    failures: Vec<FailureView>,
    failures_note: String,
    causes: Vec<(String, usize)>,
    partial: Option<Written>,
}

/// The views of a zoo. Its table for the script is added to `data`.
pub fn view(scores: &[Score], data: &mut BTreeMap<String, Value>) -> View {
    let failed: Vec<&Score> =
        scores.iter().filter(|score| matches!(score.outcome, Outcome::Error(_))).collect();
    let shown = scores.get(..MODELS).unwrap_or(scores);
    let models = models(shown);
    data.insert("zoo-models".to_owned(), models.data());
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for score in &failed {
        if let Outcome::Error(problem) = &score.outcome {
            *causes.entry(&problem.code).or_default() += 1;
        }
    }
    let mut causes: Vec<(String, usize)> =
        causes.into_iter().map(|(code, count)| (visible(code).into_owned(), count)).collect();
    causes.sort_by_key(|(_, models)| std::cmp::Reverse(*models));
    let note = |shown: usize, all: usize, what: &str| {
        if shown < all { format!("Here stand the first {shown} of {all} {what}.") } else { String::new() }
    };
    let partial: Vec<Score> = shown.iter().filter(|score| !complete(score)).cloned().collect();
    View {
        title: plural(scores.len() as u64, "model", "models"),
        facts: facts(scores, failed.len()),
        figures: chart::of_zoo(scores).iter().map(|chart| figure(chart, shown)).collect(),
        models: models.written(WRITTEN),
        note: note(WRITTEN, scores.len(), "models"),
        limit_note: if scores.len() > MODELS {
            format!("A page holds {MODELS} models: the first of {}, by path.", scores.len())
        } else {
            String::new()
        },
        failures: failed.iter().take(FAILURES).filter_map(|score| failure(score)).collect(),
        failures_note: note(FAILURES, failed.len(), "failures"),
        causes,
        partial: (!partial.is_empty()).then(|| coverage(&partial).written(BESIDE)),
    }
}

fn complete(score: &Score) -> bool {
    match &score.outcome {
        Outcome::Counts(facts) => facts.complete,
        Outcome::Error(_) => true,
    }
}

fn facts(scores: &[Score], failed: usize) -> Vec<(&'static str, String, String)> {
    let count = |is: fn(&Score) -> bool| scores.iter().filter(|score| is(score)).count();
    let on = |is: fn(&crate::zoo::Standing) -> bool| {
        scores.iter().filter(|score| score.standing.as_ref().is_some_and(is)).count()
    };
    let same = on(|standing| standing.same_graph_as.is_some());
    let fronts = [
        (on(|standing| standing.pareto_accuracy == Some(true)), "energy against accuracy"),
        (on(|standing| standing.pareto_params == Some(true)), "energy against parameters"),
    ];
    let scored = scores.len() - failed;
    let incomplete = count(|score| !complete(score));
    let mut facts = vec![
        ("Scored", scored.to_string(), format!("of {}", plural(scores.len() as u64, "model", "models"))),
        ("Failed", failed.to_string(), "each with its reason below".to_owned()),
        ("Lower bounds", incomplete.to_string(), "a node of theirs is not counted".to_owned()),
    ];
    if same > 0 {
        facts.push(("Same graph", same.to_string(), "as a model before; weights may differ".to_owned()));
    }
    for (models, what) in fronts.into_iter().filter(|(models, _)| *models > 0) {
        facts.push(("Pareto front", models.to_string(), what.to_owned()));
    }
    facts
}

fn failure(score: &Score) -> Option<FailureView> {
    let Outcome::Error(problem) = &score.outcome else { return None };
    Some(FailureView {
        path: visible(&score.path).into_owned(),
        code: visible(&problem.code).into_owned(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    })
}

fn column(key: &str, title: &str, number: bool, shown: bool) -> Column {
    Column { key: key.to_owned(), title: title.to_owned(), number, bar: false, shown }
}

/// Every model with every figure.
fn models<'a>(scores: &'a [Score]) -> Table<'a> {
    let mut devices: Vec<&str> = vec![];
    for estimate in scores.iter().flat_map(|score| &score.estimates) {
        if !devices.contains(&estimate.device.as_str()) {
            devices.push(&estimate.device);
        }
    }
    let mut columns = vec![
        column("name", "model", false, true),
        column("path", "path", false, false),
        column("task", "task", false, scores.iter().any(|score| score.annotations.task.is_some())),
        column("date", "date", false, scores.iter().any(|score| score.annotations.date.is_some())),
        column("accuracy", "accuracy", true, scores.iter().any(|score| score.annotations.accuracy.is_some())),
        column("notes", "notes", false, false),
        column("params", "params", true, true),
        column("macs", "MACs", true, true),
        column("flops", "FLOPs", true, false),
        column("peak_activation_bytes", "peak", true, true),
        column("bytes_read", "read", true, false),
        column("bytes_weights", "weights", true, false),
        column("bytes_written", "written", true, false),
        column("nodes", "nodes", true, false),
        column("costed_nodes", "counted", true, false),
        column("complete", "complete", false, false),
        column("opset", "opset", true, false),
        column("producer", "producer", false, false),
        column("file_bytes", "file", true, false),
        column("bindings", "bindings", false, false),
        column("graph_hash", "graph", false, false),
        column("same_graph_as", "same graph as", false, false),
        column("energy_rank", "energy rank", true, false),
        column("efficiency_rank", "accuracy/J rank", true, false),
        column("pareto_accuracy", "front: accuracy", false, false),
        column("pareto_params", "front: params", false, false),
    ];
    for (place, device) in devices.iter().enumerate() {
        let of = |what: &str| if devices.len() > 1 { format!("{what} {device}") } else { what.to_owned() };
        let shown = place < 3;
        columns.extend([
            column(&format!("latency_s {device}"), &of("latency"), true, shown),
            column(&format!("latency_low_s {device}"), &of("latency p10"), true, false),
            column(&format!("latency_high_s {device}"), &of("latency p90"), true, false),
            column(&format!("energy_j {device}"), &of("energy"), true, shown),
            column(&format!("energy_low_j {device}"), &of("energy p10"), true, false),
            column(&format!("energy_high_j {device}"), &of("energy p90"), true, false),
            column(&format!("basis {device}"), &of("basis"), false, false),
            column(&format!("fits_memory {device}"), &of("fits"), false, false),
        ]);
    }
    columns.push(column("error", "error", false, false));
    Table { columns, rows: scores.iter().map(|score| row(score, &devices)).collect(), foot: vec![] }
}

fn text<'a>(text: Option<&'a str>) -> Cell<'a> {
    text.map_or(Cell::Nothing, Cell::text)
}

fn word(flag: Option<bool>) -> Cell<'static> {
    flag.map_or(Cell::Unknown, |flag| Cell::text(if flag { "yes" } else { "no" }))
}

fn row<'a>(score: &'a Score, devices: &[&str]) -> Vec<Cell<'a>> {
    let facts = match &score.outcome {
        Outcome::Counts(facts) => Some(facts.as_ref()),
        Outcome::Error(_) => None,
    };
    let standing = score.standing.as_ref();
    let count = |n: Option<u64>| n.map_or(Cell::Unknown, Cell::Count);
    let bytes = |n: Option<u64>| n.map_or(Cell::Unknown, Cell::Bytes);
    let number = |n: Option<i64>| n.map_or(Cell::Nothing, Cell::Number);
    let place = |n: Option<u64>| number(n.and_then(|n| i64::try_from(n).ok()));
    let annotations = &score.annotations;
    let bindings = facts.map(|facts| {
        facts.bindings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    });
    let mut cells = vec![
        Cell::text(chart::name(score)),
        Cell::text(score.path.as_str()),
        text(annotations.task.as_deref()),
        text(annotations.date.as_deref()),
        annotations.accuracy.map_or(Cell::Nothing, Cell::Plain),
        text(annotations.notes.as_deref()),
        count(facts.map(|facts| facts.params)),
        count(facts.map(|facts| facts.macs)),
        count(facts.map(|facts| facts.flops)),
        bytes(facts.and_then(|facts| facts.peak_activation_bytes)),
        bytes(facts.map(|facts| facts.bytes_read)),
        bytes(facts.map(|facts| facts.bytes_weights)),
        bytes(facts.map(|facts| facts.bytes_written)),
        count(facts.map(|facts| facts.nodes)),
        count(facts.map(|facts| facts.costed_nodes)),
        word(facts.map(|facts| facts.complete)),
        number(facts.and_then(|facts| facts.opset)),
        text(facts.and_then(|facts| facts.producer.as_deref())),
        bytes(facts.map(|facts| facts.file_bytes)),
        bindings.map_or(Cell::Nothing, Cell::text),
        text(facts.map(|facts| facts.graph_hash.as_str())),
        text(standing.and_then(|standing| standing.same_graph_as.as_deref())),
        place(standing.and_then(|standing| standing.energy_rank)),
        place(standing.and_then(|standing| standing.efficiency_rank)),
        word(standing.and_then(|standing| standing.pareto_accuracy)),
        word(standing.and_then(|standing| standing.pareto_params)),
    ];
    for device in devices {
        let estimate = score.estimates.iter().find(|estimate| estimate.device == *device);
        cells.extend(estimated(estimate));
    }
    cells.push(match &score.outcome {
        Outcome::Counts(_) => Cell::Nothing,
        Outcome::Error(problem) => Cell::text(problem.code.as_str()),
    });
    cells
}

fn estimated(estimate: Option<&Estimate>) -> [Cell<'_>; 8] {
    let latency = estimate.and_then(|estimate| estimate.latency_s);
    let energy = estimate.and_then(|estimate| estimate.energy_j);
    let quantity =
        |value: Option<f64>, unit| value.map_or(Cell::Unknown, |value| Cell::Quantity(value, unit));
    [
        quantity(latency.map(|latency| latency.value), "s"),
        quantity(latency.map(|latency| latency.low), "s"),
        quantity(latency.map(|latency| latency.high), "s"),
        quantity(energy.map(|energy| energy.value), "J"),
        quantity(energy.map(|energy| energy.low), "J"),
        quantity(energy.map(|energy| energy.high), "J"),
        text(estimate.and_then(|estimate| estimate.basis.as_deref())),
        word(estimate.and_then(|estimate| estimate.fits_memory)),
    ]
}

/// Models of which a node is not counted.
fn coverage<'a>(scores: &'a [Score]) -> Table<'a> {
    let rows = scores.iter().filter_map(|score| {
        let Outcome::Counts(facts) = &score.outcome else { return None };
        Some(vec![Cell::text(score.path.as_str()), Cell::Count(facts.costed_nodes), Cell::Count(facts.nodes)])
    });
    Table {
        columns: vec![
            column("path", "model", false, true),
            column("costed_nodes", "counted", true, true),
            column("nodes", "nodes", true, true),
        ],
        rows: rows.collect(),
        foot: vec![],
    }
}

/// A chart and the models in it: those of its front first.
fn figure(chart: &Chart, scores: &[Score]) -> Figure {
    let by_accuracy = chart.name == "accuracy";
    let front = |score: &Score| {
        let standing = score.standing.as_ref();
        standing.and_then(|of| if by_accuracy { of.pareto_accuracy } else { of.pareto_params })
    };
    let mut standing: Vec<&Score> = scores.iter().filter(|score| front(score).is_some()).collect();
    let energy = |score: &Score| {
        score.estimates.first().and_then(|estimate| estimate.energy_j).map(|energy| energy.value)
    };
    standing.sort_by(|a, b| {
        let key = |score: &Score| (front(score) != Some(true), energy(score).unwrap_or(f64::INFINITY));
        key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1))
    });
    let all = standing.len();
    let rows = standing.iter().take(BESIDE).map(|score| {
        let params = match &score.outcome {
            Outcome::Counts(facts) => Cell::Count(facts.params),
            Outcome::Error(_) => Cell::Unknown,
        };
        vec![
            Cell::text(chart::name(score)),
            energy(score).map_or(Cell::Unknown, |energy| Cell::Quantity(energy, "J")),
            if by_accuracy { score.annotations.accuracy.map_or(Cell::Unknown, Cell::Plain) } else { params },
            word(front(score)),
        ]
    });
    let table = Table {
        columns: vec![
            column("name", "model", false, true),
            column("energy_j", "energy", true, true),
            column(chart.name, if by_accuracy { "accuracy" } else { "params" }, true, true),
            column("front", "on the front", false, true),
        ],
        rows: rows.collect(),
        foot: vec![],
    };
    Figure {
        id: format!("zoo-{}", chart.name),
        title: visible(&chart.title).into_owned(),
        about: chart.about.clone(),
        svg: chart.element(&format!("zoo-{}-", chart.name)),
        table: table.written(BESIDE),
        drill: "model",
        note: if all > BESIDE {
            format!("The table holds {BESIDE} of {all} models, the front first.")
        } else {
            String::new()
        },
    }
}
