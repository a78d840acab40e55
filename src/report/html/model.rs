//! The views of one model: summary, layers, roofline, modules, devices, and how it all came about.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Figure;
use super::table::{Column, Table, Written};
use crate::cost::{By, Convention, CostError};
use crate::device::{Device, Sourced};
use crate::predict::Prediction;
use crate::report::chart::{Chart, DOTS};
use crate::report::fields::{self, FIELDS, Field};
use crate::report::grid::Cell;
use crate::report::rows::{self, Selection};
use crate::report::screen::{self, Detail, Fact};
use crate::report::style::Style;
use crate::report::text::visible;
use crate::report::{Devices, Subject};
use crate::units::{bytes, quantity};

/// Layers that are all written out for those who read without scripts.
const WRITTEN: usize = 2000;
/// Those of a larger model.
const TOP: usize = 200;
/// Modules, or operators, in a table beside a chart.
const GROUPS: usize = 100;

/// Columns of layers that a page shows; the rest opens with a row.
const SHOWN: [&str; 10] =
    ["name", "op", "outputs", "macs", "flops", "params", "bytes", "intensity", "time_s", "share"];

/// The views of a model.
#[derive(Debug, Serialize)]
pub struct View {
    id: String,
    /// Its file.
    pub path: String,
    about: String,
    bindings: Vec<String>,
    facts: Vec<Card>,
    estimates: Vec<Estimate>,
    operators: Option<Figure>,
    bars: Option<Figure>,
    roofline: Option<Figure>,
    modules: Option<Figure>,
    devices: Vec<Figure>,
    layers: Written,
    layers_note: String,
    missing: Vec<String>,
    factors: Vec<Factors>,
}

/// A figure that stands out.
#[derive(Debug, Serialize)]
struct Card {
    label: &'static str,
    figures: String,
    remark: String,
    /// The basis of an estimate.
    badge: Option<String>,
}

/// The estimate for a device.
#[derive(Debug, Serialize)]
struct Estimate {
    line: String,
    facts: Vec<Card>,
    notes: Vec<String>,
}

/// What an estimate rests on.
#[derive(Debug, Serialize)]
struct Factors {
    device: String,
    rows: Vec<Factor>,
}

#[derive(Debug, Serialize)]
struct Factor {
    what: String,
    value: String,
    origin: String,
}

/// The views of a model. Tables for the script are added to `data`, under names that begin with `id`.
///
/// # Errors
/// [`CostError`] if a sum does not fit in 64 bits.
pub fn view(
    subject: &Subject,
    devices: &[&Device],
    charts: &[Chart],
    id: &str,
    data: &mut BTreeMap<String, Value>,
) -> Result<View, CostError> {
    let estimated = !subject.predictions.is_empty();
    let figure = |name: &str, table: Written, drill, note: String| {
        let chart = charts.iter().find(|chart| chart.name == name)?;
        let id = format!("{id}-{name}");
        let svg = chart.element(&format!("{id}-"));
        Some(Figure {
            id,
            title: visible(&chart.title).into_owned(),
            about: chart.about.clone(),
            svg,
            table,
            drill,
            note,
        })
    };
    let layers = layers(subject)?;
    let all = layers.rows.len();
    let written =
        if all <= WRITTEN { layers.written(all) } else { top(subject, None, TOP, &SHOWN)?.written(TOP) };
    let layers_note = if all <= WRITTEN {
        String::new()
    } else {
        let by = if estimated { "time" } else { "FLOPs" };
        format!(
            "Here stand the {TOP} of most {by} of {all} layers, and the rest as one row. With scripts on, all can be looked through."
        )
    };
    data.insert(format!("{id}-layers"), layers.data());
    // Many devices are a chart and a table; what they rest on is told of the first.
    let told = if subject.predictions.len() > screen::MOST_TOLD { &[] } else { subject.predictions };
    let groups = |by| top(subject, Some(by), GROUPS, &[]);
    let points = top(subject, None, DOTS, &["name", "op", "intensity", "flops_per_second", "share"])?;
    Ok(View {
        id: id.to_owned(),
        path: visible(subject.path).into_owned(),
        about: screen::about(subject),
        bindings: screen::bindings(subject, Detail::Usual),
        facts: screen::model_facts(subject, Convention::Flops)
            .into_iter()
            .map(|fact| card(fact, None))
            .collect(),
        estimates: told.iter().map(|prediction| estimate(subject, prediction)).collect(),
        operators: figure("operators", groups(By::Op)?.written(GROUPS), "op", String::new()),
        bars: figure("layers", top(subject, None, 20, &SHOWN)?.written(20), "layer", String::new()),
        roofline: figure(
            "roofline",
            points.written(DOTS),
            "layer",
            "Bytes are those of tensors as the model stores them, nothing fused.".to_owned(),
        ),
        modules: figure("treemap", groups(By::Scope)?.written(GROUPS), "scope", String::new()),
        devices: ["latency", "energy"]
            .into_iter()
            .filter_map(|name| figure(name, by_device(subject).written(usize::MAX), "", String::new()))
            .collect(),
        layers: written,
        layers_note,
        missing: screen::missing(subject, Detail::Verbose),
        factors: subject
            .predictions
            .iter()
            .take(told.len().max(1))
            .map(|prediction| {
                let device = devices.iter().find(|device| device.id == prediction.device).copied();
                factors(prediction, device)
            })
            .collect(),
    })
}

/// Every layer with every figure.
fn layers<'a>(subject: &Subject<'a>) -> Result<Table<'a>, CostError> {
    let Some(order) = fields::find("order") else { return Ok(Table::default()) };
    let rows = rows::select(subject, &Selection { by: None, sort: order, top: None })?;
    let fields: Vec<&Field> =
        FIELDS.iter().filter(|field| !matches!(field.key, "model" | "layers")).collect();
    Ok(Table::of(fields::grid(subject, &rows, None, &fields), &SHOWN))
}

/// The rows that take most, the rest as one row, and the total.
fn top<'a>(subject: &Subject<'a>, by: Option<By>, top: usize, keys: &[&str]) -> Result<Table<'a>, CostError> {
    let estimated = !subject.predictions.is_empty();
    let key = if estimated { "time_s" } else { "flops" };
    let Some(sort) = fields::find(key) else { return Ok(Table::default()) };
    let rows = rows::select(subject, &Selection { by, sort, top: Some(top) })?;
    let fields: Vec<&Field> = match keys {
        [] => {
            let mut usual = fields::usual(by, Convention::Flops, estimated);
            if estimated {
                let place = usual.len().saturating_sub(1);
                usual.splice(place..place, fields::find("time_s"));
            }
            usual
        }
        keys => FIELDS.iter().filter(|field| keys.contains(&field.key)).collect(),
    };
    Ok(Table::of(fields::grid(subject, &rows, by, &fields), &[]))
}

fn by_device<'a>(subject: &Subject<'a>) -> Table<'a> {
    let column = |key: &str, title: &str, number| Column {
        key: key.to_owned(),
        title: title.to_owned(),
        number,
        bar: false,
        shown: true,
    };
    let seconds = |time: f64| Cell::Quantity(time, "s");
    let joules = |energy: Option<f64>| energy.map_or(Cell::Unknown, |energy| Cell::Quantity(energy, "J"));
    Table {
        columns: vec![
            column("device", "device", false),
            column("runtime", "runtime", false),
            column("precision", "precision", false),
            column("latency_s", "latency", true),
            column("latency_low_s", "p10", true),
            column("latency_high_s", "p90", true),
            column("basis", "basis", false),
            column("energy_j", "energy", true),
            column("energy_low_j", "p10", true),
            column("energy_high_j", "p90", true),
            column("energy_basis", "basis", false),
        ],
        rows: subject
            .predictions
            .iter()
            .map(|prediction| {
                let Prediction { latency, energy, .. } = prediction;
                let energy = energy.as_ref();
                vec![
                    Cell::text(prediction.device.clone()),
                    Cell::text(prediction.runtime.name()),
                    Cell::text(prediction.runs_as.name()),
                    seconds(latency.value.0),
                    seconds(latency.low.0),
                    seconds(latency.high.0),
                    Cell::text(prediction.basis.to_string()),
                    joules(energy.map(|energy| energy.value.0)),
                    joules(energy.map(|energy| energy.low.0)),
                    joules(energy.map(|energy| energy.high.0)),
                    prediction.energy_basis.map_or(Cell::Unknown, |basis| Cell::text(basis.to_string())),
                ]
            })
            .collect(),
        foot: vec![],
    }
}

fn card(fact: Fact, badge: Option<String>) -> Card {
    let Fact { label, figures, remark } = fact;
    // The badge says it.
    let said = badge.as_deref().and_then(|badge| remark.strip_suffix(badge)?.strip_suffix(", "));
    let remark = said.map_or(remark.clone(), str::to_owned);
    Card { label, figures, remark, badge }
}

fn estimate(subject: &Subject, prediction: &Prediction) -> Estimate {
    let badge = |label| match label {
        "Latency" => Some(prediction.basis),
        "Energy" => prediction.energy_basis,
        _ => None,
    };
    let mut notes: Vec<String> = prediction.notes.iter().map(|note| visible(note).into_owned()).collect();
    if subject.devices == Devices::Reference {
        notes.push("Nobody named a device: this one is the reference.".to_owned());
    }
    let facts = screen::device_facts(prediction).into_iter();
    Estimate {
        line: screen::device_line(subject, prediction, &Style::PLAIN),
        facts: facts
            .map(|fact| {
                let badge = badge(fact.label).map(|basis| basis.to_string());
                card(fact, badge)
            })
            .collect(),
        notes,
    }
}

/// What an estimate rests on, each figure with its source.
fn factors(prediction: &Prediction, device: Option<&Device>) -> Factors {
    let mut rows = vec![];
    if let Some(device) = device {
        let figures = device.row.as_deref().unwrap_or(device);
        let mut add = |what: String, value: String, origin: String| rows.push(Factor { what, value, origin });
        if let Some(profile) = &device.profile {
            let origin = format!("measured on {} by ergometer {}", device.name, profile.tool.version);
            add("profile".into(), profile.name.clone(), origin);
        }
        for peak in device.peaks.iter().filter(|peak| peak.precision == prediction.runs_as) {
            let what = format!("peak rate, {} on {} units", peak.precision, peak.unit);
            add(what, peak.rate.value.to_string(), source(&peak.rate));
        }
        let bandwidth = &device.memory_bandwidth;
        add("memory bandwidth".into(), bandwidth.value.to_string(), source(bandwidth));
        if let Some(capacity) = &figures.memory_capacity {
            add("memory".into(), bytes(capacity.value), source(capacity));
        }
        match &figures.board_power {
            Some(power) => add("board power".into(), power.value.to_string(), source(power)),
            None => {
                let reason = figures.board_power_reason.as_deref().unwrap_or("not stated");
                add("board power".into(), "not known".into(), reason.to_owned());
            }
        }
        if let Some(power) = &figures.idle_power {
            add("power at rest".into(), power.value.to_string(), source(power));
        }
    }
    rows.extend(prediction.assumptions.iter().map(|assumed| Factor {
        what: assumed.name.to_owned(),
        value: match assumed.unit {
            "s" => quantity(assumed.value, "s"),
            unit => format!("{} {unit}", assumed.value),
        },
        origin: assumed.origin.to_owned(),
    }));
    let reason = [&prediction.energy_reason, &prediction.paper_energy_reason].into_iter().flatten();
    rows.extend(reason.map(|reason| Factor {
        what: "not estimated".to_owned(),
        value: String::new(),
        origin: reason.clone(),
    }));
    Factors { device: prediction.device.clone(), rows }
}

fn source<T>(figure: &Sourced<T>) -> String {
    figure.source.to_string()
}
