//! A scored zoo, row by row: the columns of CSV and Markdown, and what a screen shows of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::grid::{Cell, Column, Fit, Grid};
use super::text::{self, visible};
use super::{markdown, table};
use crate::report::style::Style;
use crate::zoo::{Estimate, Outcome, Score};

/// Failures that a screen tells one by one.
const FAILURES_SHOWN: usize = 5;

/// One column: what it says of a model, or of a model on a device.
struct Fact<T> {
    key: &'static str,
    fit: Fit,
    cell: for<'s> fn(&'s T) -> Cell<'s>,
}

const fn fact<T>(key: &'static str, fit: Fit, cell: for<'s> fn(&'s T) -> Cell<'s>) -> Fact<T> {
    Fact { key, fit, cell }
}

/// Columns of the model, in the order of a CSV file.
const FACTS: &[Fact<Score>] = &[
    fact("path", Fit::Name, |score| Cell::text(&score.path)),
    fact("name", Fit::Name, |score| maybe(score.annotations.name.as_deref())),
    fact("date", Fit::Word, |score| maybe(score.annotations.date.as_deref())),
    fact("task", Fit::Word, |score| maybe(score.annotations.task.as_deref())),
    fact("accuracy", Fit::Number, |score| quantity(score.annotations.accuracy, "")),
    fact("notes", Fit::Sentence, |score| maybe(score.annotations.notes.as_deref())),
    fact("error", Fit::Word, |score| maybe(score.error().map(|error| error.code.as_str()))),
    fact("message", Fit::Sentence, |score| maybe(score.error().map(|error| error.message.as_str()))),
    fact("hint", Fit::Sentence, |score| maybe(score.error().and_then(|error| error.hint.as_deref()))),
    fact("graph_hash", Fit::Word, |score| maybe(score.facts().map(|facts| facts.graph_hash.as_str()))),
    fact("same_graph_as", Fit::Name, |score| {
        maybe(score.standing.as_ref().and_then(|standing| standing.same_graph_as.as_deref()))
    }),
    fact("file_bytes", Fit::Number, |score| bytes(score.facts().map(|facts| facts.file_bytes))),
    fact("bindings", Fit::Word, |score| {
        let pairs =
            score.facts().map(|facts| facts.bindings.iter().map(|(name, size)| format!("{name}={size}")));
        pairs.map_or(Cell::Nothing, |pairs| Cell::text(pairs.collect::<Vec<_>>().join(" ")))
    }),
    fact("opset", Fit::Number, |score| {
        score.facts().and_then(|facts| facts.opset).map_or(Cell::Nothing, Cell::Number)
    }),
    fact("producer", Fit::Word, |score| maybe(score.facts().and_then(|facts| facts.producer.as_deref()))),
    fact("nodes", Fit::Number, |score| count(score.facts().map(|facts| facts.nodes))),
    fact("costed_nodes", Fit::Number, |score| count(score.facts().map(|facts| facts.costed_nodes))),
    fact("complete", Fit::Word, |score| {
        score.facts().map_or(Cell::Nothing, |facts| Cell::Flag(facts.complete))
    }),
    fact("flops", Fit::Number, |score| count(score.facts().map(|facts| facts.flops))),
    fact("bounded_flops", Fit::Number, |score| count(score.facts().map(|facts| facts.bounded_flops))),
    fact("macs", Fit::Number, |score| count(score.facts().map(|facts| facts.macs))),
    fact("params", Fit::Number, |score| count(score.facts().map(|facts| facts.params))),
    fact("param_bytes", Fit::Number, |score| bytes(score.facts().map(|facts| facts.param_bytes))),
    fact("bytes_read", Fit::Number, |score| bytes(score.facts().map(|facts| facts.bytes_read))),
    fact("bytes_weights", Fit::Number, |score| bytes(score.facts().map(|facts| facts.bytes_weights))),
    fact("bytes_written", Fit::Number, |score| bytes(score.facts().map(|facts| facts.bytes_written))),
    fact("peak_activation_bytes", Fit::Number, |score| {
        bytes(score.facts().and_then(|facts| facts.peak_activation_bytes))
    }),
    fact("energy_rank", Fit::Number, |score| {
        count(score.standing.as_ref().and_then(|standing| standing.energy_rank))
    }),
    fact("efficiency_rank", Fit::Number, |score| {
        count(score.standing.as_ref().and_then(|standing| standing.efficiency_rank))
    }),
    fact("pareto_accuracy", Fit::Word, |score| {
        flag(score.standing.as_ref().and_then(|standing| standing.pareto_accuracy))
    }),
    fact("pareto_params", Fit::Word, |score| {
        flag(score.standing.as_ref().and_then(|standing| standing.pareto_params))
    }),
];

/// Columns of each device, behind those of the model: their keys end in the device's name.
const ESTIMATES: &[Fact<Estimate>] = &[
    fact("runtime", Fit::Word, |estimate| maybe(estimate.runtime.as_deref())),
    fact("precision", Fit::Word, |estimate| maybe(estimate.precision.as_deref())),
    fact("basis", Fit::Word, |estimate| maybe(estimate.basis.as_deref())),
    fact("latency_s", Fit::Number, |estimate| quantity(estimate.latency_s.map(|all| all.value), "s")),
    fact("latency_low_s", Fit::Number, |estimate| quantity(estimate.latency_s.map(|all| all.low), "s")),
    fact("latency_high_s", Fit::Number, |estimate| quantity(estimate.latency_s.map(|all| all.high), "s")),
    fact("energy_basis", Fit::Word, |estimate| maybe(estimate.energy_basis.as_deref())),
    fact("energy_j", Fit::Number, |estimate| quantity(estimate.energy_j.map(|all| all.value), "J")),
    fact("energy_low_j", Fit::Number, |estimate| quantity(estimate.energy_j.map(|all| all.low), "J")),
    fact("energy_high_j", Fit::Number, |estimate| quantity(estimate.energy_j.map(|all| all.high), "J")),
    fact("fits_memory", Fit::Word, |estimate| flag(estimate.fits_memory)),
    fact("reason", Fit::Sentence, |estimate| maybe(estimate.reason.as_deref())),
];

fn maybe(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Nothing, Cell::text)
}

fn count<'c>(value: Option<u64>) -> Cell<'c> {
    value.map_or(Cell::Nothing, Cell::Count)
}

fn bytes<'c>(value: Option<u64>) -> Cell<'c> {
    value.map_or(Cell::Nothing, Cell::Bytes)
}

fn flag<'c>(value: Option<bool>) -> Cell<'c> {
    value.map_or(Cell::Nothing, Cell::Flag)
}

fn quantity<'c>(value: Option<f64>, symbol: &'static str) -> Cell<'c> {
    value.map_or(Cell::Nothing, |value| Cell::Quantity(value, symbol))
}

/// All columns for some devices.
#[derive(Debug)]
pub struct Columns {
    devices: Vec<String>,
    /// Of the devices' columns.
    keys: Vec<String>,
}

impl Columns {
    /// The columns for these devices, in this order.
    #[must_use]
    pub fn new(devices: &[String]) -> Self {
        let keys = devices
            .iter()
            .flat_map(|device| ESTIMATES.iter().map(move |column| format!("{}:{device}", column.key)));
        Self { devices: devices.to_vec(), keys: keys.collect() }
    }

    /// Everything that is known of some models.
    #[must_use]
    pub fn grid<'g>(&'g self, scores: &'g [Score]) -> Grid<'g> {
        let facts = FACTS.iter().map(|column| Column::new(column.key, column.key, column.fit));
        let fits = ESTIMATES.iter().map(|column| column.fit).cycle();
        let estimates = self.keys.iter().zip(fits).map(|(key, fit)| Column::new(key, key, fit));
        let row = |score: &'g Score| {
            let facts = FACTS.iter().map(|column| (column.cell)(score));
            let estimates = self.devices.iter().flat_map(|device| {
                let estimate = score.estimates.iter().find(|estimate| estimate.device == *device);
                ESTIMATES.iter().map(move |column| estimate.map_or(Cell::Nothing, |of| (column.cell)(of)))
            });
            facts.chain(estimates).collect()
        };
        Grid {
            columns: facts.chain(estimates).collect(),
            rows: scores.iter().map(row).collect(),
            foot: vec![],
        }
    }
}

/// What all rows together say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Models.
    pub models: u64,
    /// Of these, those that failed.
    pub failed: u64,
    /// Failures by the word that names them.
    pub causes: BTreeMap<String, u64>,
    /// The first failures.
    pub failures: Vec<(String, String)>,
    /// Models whose graph another has, too.
    pub same_graph: u64,
    /// Models that none beats in energy against accuracy.
    pub front_accuracy: u64,
    /// Models that none beats in energy against parameters.
    pub front_params: u64,
    /// Models with nodes that are not counted.
    pub incomplete: u64,
}

impl Summary {
    /// Takes in a row, with its standing.
    pub fn add(&mut self, score: &Score) {
        self.models += 1;
        match &score.outcome {
            Outcome::Error(error) => {
                self.failed += 1;
                *self.causes.entry(error.code.clone()).or_default() += 1;
                if self.failures.len() < FAILURES_SHOWN {
                    self.failures.push((score.path.clone(), error.message.clone()));
                }
            }
            Outcome::Counts(facts) => self.incomplete += u64::from(!facts.complete),
        }
        let Some(standing) = &score.standing else { return };
        self.same_graph += u64::from(standing.same_graph_as.is_some());
        self.front_accuracy += u64::from(standing.pareto_accuracy == Some(true));
        self.front_params += u64::from(standing.pareto_params == Some(true));
    }
}

/// The best rows of many, by energy and then by path: keeps no more than it shows.
#[derive(Debug)]
pub struct Best {
    most: usize,
    rows: Vec<Score>,
}

impl Best {
    /// Keeps so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, rows: vec![] }
    }

    /// Takes in a row that did not fail.
    pub fn add(&mut self, score: &Score) {
        if score.error().is_some() {
            return;
        }
        self.rows.push(score.clone());
        if self.rows.len() >= self.most.saturating_mul(2).max(64) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let rank = |score: &Score| score.standing.as_ref().and_then(|standing| standing.energy_rank);
        // Those without an energy come last.
        self.rows.sort_by(|a, b| {
            rank(a).is_none().cmp(&rank(b).is_none()).then(rank(a).cmp(&rank(b))).then(a.path.cmp(&b.path))
        });
        self.rows.truncate(self.most);
    }

    /// The best rows, the first first.
    #[must_use]
    pub fn rows(mut self) -> Vec<Score> {
        self.cut();
        self.rows
    }
}

/// The few columns that a person reads.
fn few<'g>(scores: &'g [Score], device: Option<&'g String>) -> Grid<'g> {
    let ranked =
        scores.iter().any(|score| score.standing.as_ref().is_some_and(|of| of.energy_rank.is_some()));
    let accurate = scores.iter().any(|score| score.annotations.accuracy.is_some());
    let shared = shared_folder(scores);
    let mut columns = vec![
        Column::new("path", "model", Fit::Name),
        Column::new("params", "params", Fit::Number),
        Column::new("flops", "FLOPs", Fit::Number),
        Column::new("peak_activation_bytes", "memory", Fit::Number),
    ];
    if accurate {
        columns.push(Column::new("accuracy", "accuracy", Fit::Number));
    }
    if device.is_some() {
        columns.push(Column::new("latency_s", "latency", Fit::Number));
        columns.push(Column::new("energy_j", "energy", Fit::Number));
    }
    if ranked {
        columns.push(Column::new("energy_rank", "rank", Fit::Number));
        columns.push(Column::new("front", "front", Fit::Word));
    }
    let row = |score: &'g Score| {
        let facts = score.facts();
        let flops = facts.map_or(Cell::Nothing, |facts| match facts.complete {
            true => Cell::Count(facts.flops),
            false => Cell::AtLeast(Box::new(Cell::Count(facts.flops))),
        });
        let path = score.path.get(shared..).unwrap_or(&score.path);
        let name = score.annotations.name.as_deref().unwrap_or(path);
        let mut cells = vec![
            Cell::text(name),
            count(facts.map(|facts| facts.params)),
            flops,
            bytes(facts.and_then(|facts| facts.peak_activation_bytes)),
        ];
        if accurate {
            cells.push(quantity(score.annotations.accuracy, ""));
        }
        if let Some(device) = device {
            let estimate = score.estimates.iter().find(|estimate| estimate.device == *device);
            cells.push(quantity(estimate.and_then(|of| of.latency_s).map(|all| all.value), "s"));
            cells.push(quantity(estimate.and_then(|of| of.energy_j).map(|all| all.value), "J"));
        }
        if ranked {
            let standing = score.standing.as_ref();
            cells.push(count(standing.and_then(|of| of.energy_rank)));
            let front = standing.and_then(|of| of.pareto_accuracy.or(of.pareto_params)).unwrap_or(false);
            cells.push(if front { Cell::text("★") } else { Cell::Nothing });
        }
        cells
    };
    Grid { columns, rows: scores.iter().map(row).collect(), foot: vec![] }
}

/// Bytes of the folder that all paths begin with.
fn shared_folder(scores: &[Score]) -> usize {
    let [first, others @ ..] = scores else { return 0 };
    let mut shared = first.path.as_str();
    for score in others {
        let alike = shared.bytes().zip(score.path.bytes()).take_while(|(a, b)| a == b).count();
        shared = shared.get(..alike).unwrap_or_default();
    }
    shared.rfind('/').filter(|_| !others.is_empty()).map_or(0, |slash| slash + 1)
}

/// How a screen is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'l> {
    /// Columns of the terminal.
    pub width: usize,
    /// Colours.
    pub style: &'l Style,
    /// Whether it is Markdown.
    pub markdown: bool,
}

/// The screen of a scored zoo: how many there are, the best of them, what failed.
#[must_use]
pub fn screen(summary: &Summary, best: &[Score], devices: &[String], layout: Layout) -> String {
    let mut out = String::new();
    let scored = summary.models.saturating_sub(summary.failed);
    let _ = write!(out, "{} · {scored} scored", models(summary.models));
    if summary.failed > 0 {
        let _ = write!(out, " · {} failed", summary.failed);
    }
    out.push_str("\n\n");
    let grid = few(best, devices.first());
    if !best.is_empty() {
        out.push_str(&match layout.markdown {
            true => markdown::table(&grid),
            false => table::render(&grid, layout.width, 1, layout.style),
        });
    }
    let mut notes = vec![];
    let left_out = scored.saturating_sub(best.len() as u64);
    if left_out > 0 {
        notes.push(format!("{left_out} more: --all, or -o scores.csv"));
    }
    if let [device, others @ ..] = devices {
        let others = match others.len() {
            0 => String::new(),
            1 => "; 1 more device: -o scores.csv".to_owned(),
            more => format!("; {more} more devices: -o scores.csv"),
        };
        notes.push(format!("latency and energy of one run on {device}{others}"));
    }
    match (summary.front_accuracy, summary.front_params) {
        (0, 0) => {}
        (0, front) => {
            notes.push(format!("★ no model has as many parameters for as little energy: {front} of {scored}"))
        }
        (front, _) => notes.push(format!("★ no model is as accurate for as little energy: {front}")),
    }
    if summary.same_graph > 0 {
        notes.push(format!("{} of the same graph as another", models(summary.same_graph)));
    }
    if summary.incomplete > 0 {
        notes.push(format!("≥ {} with nodes that are not counted", models(summary.incomplete)));
    }
    if summary.failed > 0 {
        let causes = summary.causes.iter().map(|(code, count)| format!("{count} {code}"));
        notes.push(format!("failed: {}", causes.collect::<Vec<_>>().join(", ")));
    }
    for (path, message) in &summary.failures {
        // Messages name their file, mostly.
        let named = message.contains(path.as_str());
        notes.push(if named { message.clone() } else { format!("{path}: {message}") });
    }
    let more = summary.failed.saturating_sub(summary.failures.len() as u64);
    if more > 0 {
        notes.push(format!("{more} more failed: --failures FILE lists all"));
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        match layout.markdown {
            true => {
                let _ = writeln!(out, "- {}", markdown::escape(&note));
            }
            false => {
                let _ = writeln!(out, "{}", text::cut_end(&visible(&note), layout.width));
            }
        }
    }
    out
}

fn models(count: u64) -> String {
    if count == 1 { "1 model".to_owned() } else { format!("{count} models") }
}
