//! Every column of a scored zoo, each with its type and unit: what CSV and Parquet are made of.

use std::borrow::Cow;

use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::zoo::{Estimate, Facts, Percentiles, Score, Standing};

/// One column: what it says of a model, or of a model on a device.
pub(super) struct Fact<T> {
    /// The head of the column.
    pub key: &'static str,
    /// Where its values come from, and their type.
    pub get: Get<T>,
}

/// How a value is had, by its type. Nothing is what is not known or without meaning.
pub(super) enum Get<T> {
    Text(Fit, for<'s> fn(&'s T) -> Option<Cow<'s, str>>),
    Integer(fn(&T) -> Option<i64>),
    Count(fn(&T) -> Option<u64>),
    Bytes(fn(&T) -> Option<u64>),
    /// A quantity in a unit; without one the symbol is empty.
    Real(&'static str, fn(&T) -> Option<f64>),
    Flag(fn(&T) -> Option<bool>),
}

impl<T> Get<T> {
    const fn fit(&self) -> Fit {
        match self {
            Self::Text(fit, _) => *fit,
            Self::Flag(_) => Fit::Word,
            Self::Integer(_) | Self::Count(_) | Self::Bytes(_) | Self::Real(..) => Fit::Number,
        }
    }

    fn cell<'s>(&self, of: &'s T) -> Cell<'s> {
        let cell = match self {
            Self::Text(_, get) => get(of).map(Cell::Text),
            Self::Integer(get) => get(of).map(Cell::Number),
            Self::Count(get) => get(of).map(Cell::Count),
            Self::Bytes(get) => get(of).map(Cell::Bytes),
            Self::Real(unit, get) => get(of).map(|value| Cell::Quantity(value, unit)),
            Self::Flag(get) => get(of).map(Cell::Flag),
        };
        cell.unwrap_or(Cell::Nothing)
    }
}

const fn fact<T>(key: &'static str, get: Get<T>) -> Fact<T> {
    Fact { key, get }
}

fn known<T>(score: &Score, get: impl FnOnce(&Facts) -> T) -> Option<T> {
    score.facts().map(get)
}

fn standing<T>(score: &Score, get: impl FnOnce(&Standing) -> Option<T>) -> Option<T> {
    score.standing.as_ref().and_then(get)
}

fn borrowed(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(Cow::Borrowed)
}

/// Columns of the model, in the order of a CSV file.
pub(super) const FACTS: &[Fact<Score>] = &[
    fact("path", Get::Text(Fit::Name, |score| Some(Cow::Borrowed(&score.path)))),
    fact("name", Get::Text(Fit::Name, |score| borrowed(score.annotations.name.as_deref()))),
    fact("date", Get::Text(Fit::Word, |score| borrowed(score.annotations.date.as_deref()))),
    fact("task", Get::Text(Fit::Word, |score| borrowed(score.annotations.task.as_deref()))),
    fact("accuracy", Get::Real("", |score| score.annotations.accuracy)),
    fact("notes", Get::Text(Fit::Sentence, |score| borrowed(score.annotations.notes.as_deref()))),
    fact("error", Get::Text(Fit::Word, |score| borrowed(score.error().map(|error| error.code.as_str())))),
    fact(
        "message",
        Get::Text(Fit::Sentence, |score| borrowed(score.error().map(|error| error.message.as_str()))),
    ),
    fact(
        "hint",
        Get::Text(Fit::Sentence, |score| borrowed(score.error().and_then(|error| error.hint.as_deref()))),
    ),
    fact(
        "graph_hash",
        Get::Text(Fit::Word, |score| borrowed(score.facts().map(|facts| facts.graph_hash.as_str()))),
    ),
    fact(
        "same_graph_as",
        Get::Text(Fit::Name, |score| {
            borrowed(score.standing.as_ref().and_then(|standing| standing.same_graph_as.as_deref()))
        }),
    ),
    fact("file_bytes", Get::Bytes(|score| known(score, |facts| facts.file_bytes))),
    fact(
        "bindings",
        Get::Text(Fit::Word, |score| {
            let pair = |(name, size): (&String, &u64)| format!("{name}={size}");
            known(score, |facts| facts.bindings.iter().map(pair).collect::<Vec<_>>().join(" ").into())
        }),
    ),
    fact("opset", Get::Integer(|score| known(score, |facts| facts.opset).flatten())),
    fact(
        "producer",
        Get::Text(Fit::Word, |score| borrowed(score.facts().and_then(|facts| facts.producer.as_deref()))),
    ),
    fact("nodes", Get::Count(|score| known(score, |facts| facts.nodes))),
    fact("costed_nodes", Get::Count(|score| known(score, |facts| facts.costed_nodes))),
    fact("complete", Get::Flag(|score| known(score, |facts| facts.complete))),
    fact("flops", Get::Count(|score| known(score, |facts| facts.flops))),
    fact("bounded_flops", Get::Count(|score| known(score, |facts| facts.bounded_flops))),
    fact("macs", Get::Count(|score| known(score, |facts| facts.macs))),
    fact("params", Get::Count(|score| known(score, |facts| facts.params))),
    fact("param_bytes", Get::Bytes(|score| known(score, |facts| facts.param_bytes))),
    fact("bytes_read", Get::Bytes(|score| known(score, |facts| facts.bytes_read))),
    fact("bytes_weights", Get::Bytes(|score| known(score, |facts| facts.bytes_weights))),
    fact("bytes_written", Get::Bytes(|score| known(score, |facts| facts.bytes_written))),
    fact(
        "peak_activation_bytes",
        Get::Bytes(|score| known(score, |facts| facts.peak_activation_bytes).flatten()),
    ),
    fact("energy_rank", Get::Count(|score| standing(score, |of| of.energy_rank))),
    fact("efficiency_rank", Get::Count(|score| standing(score, |of| of.efficiency_rank))),
    fact("pareto_accuracy", Get::Flag(|score| standing(score, |of| of.pareto_accuracy))),
    fact("pareto_params", Get::Flag(|score| standing(score, |of| of.pareto_params))),
];

fn part(of: Option<Percentiles>, get: impl FnOnce(Percentiles) -> f64) -> Option<f64> {
    of.map(get)
}

/// Columns of each device, behind those of the model: their keys end in the device's name.
pub(super) const ESTIMATES: &[Fact<Estimate>] = &[
    fact("runtime", Get::Text(Fit::Word, |estimate| borrowed(estimate.runtime.as_deref()))),
    fact("precision", Get::Text(Fit::Word, |estimate| borrowed(estimate.precision.as_deref()))),
    fact("basis", Get::Text(Fit::Word, |estimate| borrowed(estimate.basis.as_deref()))),
    fact("latency_s", Get::Real("s", |estimate| part(estimate.latency_s, |all| all.value))),
    fact("latency_low_s", Get::Real("s", |estimate| part(estimate.latency_s, |all| all.low))),
    fact("latency_high_s", Get::Real("s", |estimate| part(estimate.latency_s, |all| all.high))),
    fact("energy_basis", Get::Text(Fit::Word, |estimate| borrowed(estimate.energy_basis.as_deref()))),
    fact("energy_j", Get::Real("J", |estimate| part(estimate.energy_j, |all| all.value))),
    fact("energy_low_j", Get::Real("J", |estimate| part(estimate.energy_j, |all| all.low))),
    fact("energy_high_j", Get::Real("J", |estimate| part(estimate.energy_j, |all| all.high))),
    fact("system_energy_j", Get::Real("J", |estimate| estimate.system_energy_j)),
    fact("co2e_g", Get::Real("g", |estimate| estimate.co2e_g)),
    fact("cost", Get::Real("", |estimate| estimate.cost)),
    fact("currency", Get::Text(Fit::Word, |estimate| borrowed(estimate.currency.as_deref()))),
    fact("fits_memory", Get::Flag(|estimate| estimate.fits_memory)),
    fact("reason", Get::Text(Fit::Sentence, |estimate| borrowed(estimate.reason.as_deref()))),
];

/// All columns for some devices.
#[derive(Debug)]
pub struct Columns {
    pub(super) devices: Vec<String>,
    /// Of the devices' columns.
    pub(super) keys: Vec<String>,
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
        let facts = FACTS.iter().map(|column| Column::new(column.key, column.key, column.get.fit()));
        let fits = ESTIMATES.iter().map(|column| column.get.fit()).cycle();
        let estimates = self.keys.iter().zip(fits).map(|(key, fit)| Column::new(key, key, fit));
        let row = |score: &'g Score| {
            let facts = FACTS.iter().map(|column| column.get.cell(score));
            let estimates = self.devices.iter().flat_map(|device| {
                let estimate = estimate(score, device);
                ESTIMATES.iter().map(move |column| estimate.map_or(Cell::Nothing, |of| column.get.cell(of)))
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

/// What is estimated of a model on a device.
pub(super) fn estimate<'s>(score: &'s Score, device: &str) -> Option<&'s Estimate> {
    score.estimates.iter().find(|estimate| estimate.device == device)
}
