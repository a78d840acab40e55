//! A scored zoo, row by row: the columns of CSV and Parquet, and what a screen shows of it.

mod columns;
#[cfg(feature = "parquet")]
pub mod parquet;

use std::collections::BTreeMap;
use std::fmt::Write;

pub use columns::Columns;

use super::grid::{Cell, Column, Fit, Grid};
use super::text::{self, visible};
use super::{markdown, table};
use crate::report::style::Style;
use crate::zoo::{Outcome, Score};

/// Columns of a terminal that has room for three devices.
const WIDE: usize = 100;
/// Heads of the columns of each device where there are several.
const NUMBERED: [(&str, &str); 3] =
    [("latency 1", "energy 1"), ("latency 2", "energy 2"), ("latency 3", "energy 3")];

/// Failures that a screen tells one by one.
const FAILURES_SHOWN: usize = 5;

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

/// What rows are ordered by, the best first: least of what a model takes, most of what it gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Energy on the first device.
    #[default]
    Energy,
    /// Latency on the first device.
    Latency,
    /// FLOPs.
    Flops,
    /// Parameters.
    Params,
    /// Peak memory of activations.
    Memory,
    /// Accuracy, the largest first.
    Accuracy,
    /// The path.
    Path,
}

impl Order {
    /// A number by which a model stands before those of larger ones; `None` stands last.
    fn key(self, score: &Score) -> Option<f64> {
        let estimate = score.estimates.first();
        match self {
            Self::Energy => estimate?.energy_j.map(|all| all.value),
            Self::Latency => estimate?.latency_s.map(|all| all.value),
            Self::Flops => score.facts().map(|facts| facts.flops as f64),
            Self::Params => score.facts().map(|facts| facts.params as f64),
            Self::Memory => score.facts()?.peak_activation_bytes.map(|bytes| bytes as f64),
            Self::Accuracy => score.annotations.accuracy.map(|accuracy| -accuracy),
            Self::Path => None,
        }
    }
}

/// The best rows of many, equal ones by path: keeps no more than it shows.
#[derive(Debug)]
pub struct Best {
    most: usize,
    order: Order,
    rows: Vec<Score>,
}

impl Best {
    /// Keeps so many.
    #[must_use]
    pub fn new(most: usize, order: Order) -> Self {
        Self { most, order, rows: vec![] }
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
        let key = |score: &Score| self.order.key(score).unwrap_or(f64::INFINITY);
        self.rows.sort_by(|a, b| key(a).total_cmp(&key(b)).then_with(|| a.path.cmp(&b.path)));
        self.rows.truncate(self.most);
    }

    /// The best rows, the first first.
    #[must_use]
    pub fn rows(mut self) -> Vec<Score> {
        self.cut();
        self.rows
    }
}

fn count<'c>(value: Option<u64>) -> Cell<'c> {
    value.map_or(Cell::Nothing, Cell::Count)
}

fn bytes<'c>(value: Option<u64>) -> Cell<'c> {
    value.map_or(Cell::Nothing, Cell::Bytes)
}

fn quantity<'c>(value: Option<f64>, symbol: &'static str) -> Cell<'c> {
    value.map_or(Cell::Nothing, |value| Cell::Quantity(value, symbol))
}

/// The few columns that a person reads.
fn few<'g>(scores: &'g [Score], devices: &'g [String]) -> Grid<'g> {
    let ranked =
        scores.iter().any(|score| score.standing.as_ref().is_some_and(|of| of.energy_rank.is_some()));
    let accurate = scores.iter().any(|score| score.annotations.accuracy.is_some());
    let shared = shared_folder(scores);
    let several = devices.len() > 1;
    let mut columns = vec![Column::new("path", "model", Fit::Name)];
    if !several {
        columns.push(Column::new("params", "params", Fit::Number));
    }
    columns.push(Column::new("flops", "FLOPs", Fit::Number));
    if !several {
        columns.push(Column::new("peak_activation_bytes", "memory", Fit::Number));
    }
    if accurate {
        columns.push(Column::new("accuracy", "accuracy", Fit::Number));
    }
    let heads: &[(&str, &str)] = if several { &NUMBERED } else { &[("latency", "energy")] };
    for ((latency, energy), _) in heads.iter().zip(devices) {
        columns.push(Column::new("latency_s", latency, Fit::Number));
        columns.push(Column::new("energy_j", energy, Fit::Number));
    }
    if ranked {
        columns.push(Column::new("energy_rank", "rank", Fit::Number));
        columns.push(Column::new("front", "front", Fit::Word));
    }
    let row = |score: &'g Score| {
        let facts = score.facts();
        let flops = facts.map_or(Cell::Nothing, |facts| match facts.complete {
            true => Cell::Count(facts.flops),
            // That it is at least nothing says nothing.
            false if facts.flops == 0 => Cell::Unknown,
            false => Cell::AtLeast(Box::new(Cell::Count(facts.flops))),
        });
        let path = score.path.get(shared..).unwrap_or(&score.path);
        let name = score.annotations.name.as_deref().unwrap_or(path);
        let mut cells = vec![Cell::text(name)];
        if !several {
            cells.push(count(facts.map(|facts| facts.params)));
        }
        cells.push(flops);
        if !several {
            cells.push(bytes(facts.and_then(|facts| facts.peak_activation_bytes)));
        }
        if accurate {
            cells.push(quantity(score.annotations.accuracy, ""));
        }
        for device in devices.iter().take(heads.len()) {
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
#[must_use]
pub fn shared_folder(scores: &[Score]) -> usize {
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
    out.push('\n');
    let room = if layout.markdown || layout.width >= WIDE { NUMBERED.len() } else { 2 };
    let shown = devices.get(..room).unwrap_or(devices);
    let grid = few(best, shown);
    if !best.is_empty() {
        out.push('\n');
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
    match devices {
        _ if best.is_empty() => {}
        [] => {}
        [device] => notes.push(format!("latency and energy of one run on {device}")),
        devices => {
            notes.push("latency and energy of one run".to_owned());
            let numbered = shown.iter().enumerate();
            notes.extend(numbered.map(|(place, device)| format!("{} on {device}", place + 1)));
            let more = devices.len() - shown.len();
            if more > 0 {
                let plural = if more == 1 { "" } else { "s" };
                notes.push(format!("{more} more device{plural}: -o scores.csv"));
            }
        }
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
                for (place, line) in
                    text::wrap(&visible(&note), layout.width.saturating_sub(2)).iter().enumerate()
                {
                    let _ = writeln!(out, "{}{line}", if place == 0 { "" } else { "  " });
                }
            }
        }
    }
    out
}

fn models(count: u64) -> String {
    if count == 1 { "1 model".to_owned() } else { format!("{count} models") }
}
