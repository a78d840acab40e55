//! The charts of a model.

use std::collections::HashMap;

use super::{Bar, Bars, Chart, Dot, Interval, Intervals, Roof, Tile, Treemap};
use super::{bars, intervals, roofline, treemap};
use crate::cost::{By, CostError, flops, operator_name};
use crate::device::Device;
use crate::predict::{Prediction, attained};
use crate::report::Subject;
use crate::report::fields;
use crate::report::rows::{self, Row, Selection};
use crate::report::text::percent;
use crate::units::{count, quantity};

/// Bars of a chart.
const BARS: usize = 20;
/// Operators with a colour of their own.
const OPERATORS: usize = 7;
/// Devices of a chart.
const DEVICES: usize = 24;
/// Dots under a roofline: more are a cloud, and a megabyte.
pub const DOTS: usize = 200;

/// All charts that there is something to draw for.
///
/// # Errors
/// [`CostError`] if a sum does not fit in 64 bits.
pub fn of_model(subject: &Subject, devices: &[&Device]) -> Result<Vec<Chart<'static>>, CostError> {
    let operators = top(subject, Some(By::Op))?;
    let layers = top(subject, None)?;
    let scopes = top(subject, Some(By::Scope))?;
    let series: HashMap<&str, usize> =
        operators.iter().take(OPERATORS).enumerate().map(|(place, row)| (row.name.as_ref(), place)).collect();
    let op = |row: &Row| {
        let node = row.node.and_then(|node| subject.graph.nodes.get(node));
        node.map(|node| operator_name(node.domain, node.op_type)).unwrap_or_default()
    };
    let charts = [
        bars(Bars {
            name: "operators",
            title: format!("Operators by {}", measure(subject)),
            of: of(subject),
            unit: unit(subject),
            bars: operators
                .iter()
                .take(BARS)
                .map(|row| bar(subject, row, series.get(row.name.as_ref()).copied()))
                .collect(),
        }),
        bars(Bars {
            name: "layers",
            title: format!("Layers by {}", measure(subject)),
            of: of(subject),
            unit: unit(subject),
            bars: layers
                .iter()
                .take(BARS)
                .map(|row| {
                    let op = op(row);
                    Bar { remark: op.clone(), ..bar(subject, row, series.get(op.as_str()).copied()) }
                })
                .collect(),
        }),
        under_the_roof(subject, devices, &layers, &operators, &series),
        treemap(Treemap {
            title: format!("Modules by {}", measure(subject)),
            of: if timed(subject) { "the time" } else { "all FLOPs" },
            write: if timed(subject) { |time| quantity(time, "s") } else { |flops| quantity(flops, "FLOP") },
            tiles: scopes
                .iter()
                .map(|row| Tile {
                    scope: if row.name == "(top)" { String::new() } else { row.name.clone().into_owned() },
                    amount: amount(subject, row),
                })
                .collect(),
        }),
        by_device("latency", "s", subject.predictions.iter().map(latency).collect()),
        by_device("energy", "J", subject.predictions.iter().filter_map(energy).collect()),
    ];
    Ok(charts.into_iter().flatten().collect())
}

/// A chart with a row for each device, or for those of the least where they are many.
fn by_device(name: &'static str, unit: &'static str, mut rows: Vec<Interval>) -> Option<Chart<'static>> {
    let all = rows.len();
    let of = if name == "latency" { "latency, p10 to p90" } else { "energy, p10 to p90" };
    let mut title = if name == "latency" { "Latency by device" } else { "Energy by device" }.to_owned();
    if all > DEVICES {
        // Where all wait for the host alike, the faster device comes first.
        rows.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.low.total_cmp(&b.low)));
        rows.truncate(DEVICES);
        title += &format!(": the least {DEVICES} of {all}");
    }
    intervals(Intervals { name, title, of, unit, rows })
}

fn latency(prediction: &Prediction) -> Interval {
    Interval {
        name: prediction.device.clone(),
        value: prediction.latency.value.0,
        low: prediction.latency.low.0,
        high: prediction.latency.high.0,
        basis: prediction.basis.to_string(),
    }
}

fn energy(prediction: &Prediction) -> Option<Interval> {
    let energy = prediction.energy.as_ref()?;
    Some(Interval {
        name: prediction.device.clone(),
        value: energy.value.0,
        low: energy.low.0,
        high: energy.high.0,
        basis: prediction.energy_basis.map(|basis| basis.to_string()).unwrap_or_default(),
    })
}

fn under_the_roof(
    subject: &Subject,
    devices: &[&Device],
    layers: &[Row],
    operators: &[Row],
    series: &HashMap<&str, usize>,
) -> Option<Chart<'static>> {
    let prediction = subject.predictions.first()?;
    let device = devices.iter().find(|device| device.id == prediction.device)?;
    let whole = prediction.latency.value;
    let mut dots: Vec<Dot> = layers
        .iter()
        .filter_map(|row| {
            let layer = row.node?;
            let node = subject.graph.nodes.get(layer)?;
            let time = row.time?;
            let at = attained(flops(&row.cost.counts), row.cost.bytes_moved(), time)?;
            let op = operator_name(node.domain, node.op_type);
            Some(Dot {
                name: row.name.clone().into_owned(),
                series: series.get(op.as_str()).copied(),
                op,
                at,
                share: time / whole,
                layer,
            })
        })
        .collect();
    let left_out = dots.len().saturating_sub(DOTS);
    dots.truncate(DOTS);
    let names = operators.iter().take(OPERATORS).map(|row| row.name.clone().into_owned()).collect();
    roofline(&prediction.device, dots, roofs(device, prediction), names, left_out)
}

/// What was measured of a device, and what its maker states.
fn roofs(device: &Device, prediction: &Prediction) -> Vec<Roof> {
    let roof = |device: &Device, basis| {
        let rates = device.peaks.iter().filter(|peak| peak.precision == prediction.runs_as);
        let peak = rates.max_by(|a, b| a.rate.value.0.total_cmp(&b.rate.value.0))?;
        Some(Roof {
            basis,
            peak: peak.rate.value,
            of: peak.precision.to_string(),
            bandwidth: device.memory_bandwidth.value,
        })
    };
    let own = roof(device, if device.profile.is_some() { "measured" } else { "spec" });
    own.into_iter().chain(device.row.as_deref().and_then(|row| roof(row, "spec"))).collect()
}

/// Whether there is a time to show.
fn timed(subject: &Subject) -> bool {
    !subject.predictions.is_empty()
}

fn measure(subject: &Subject) -> String {
    match subject.predictions.first() {
        Some(prediction) => format!("time on {}", prediction.device),
        None => "FLOPs".to_owned(),
    }
}

fn of(subject: &Subject) -> &'static str {
    if timed(subject) { "share of the time" } else { "FLOPs" }
}

fn unit(subject: &Subject) -> &'static str {
    if timed(subject) { "%" } else { "FLOP" }
}

/// What a row is measured by: seconds, or FLOPs where there are none.
fn amount(subject: &Subject, row: &Row) -> f64 {
    match (timed(subject), row.time) {
        (true, time) => time.map_or(0.0, |time| time.0),
        (false, _) => flops(&row.cost.counts) as f64,
    }
}

fn bar(subject: &Subject, row: &Row, series: Option<usize>) -> Bar {
    let flops = flops(&row.cost.counts);
    let whole = subject.predictions.first().map(|prediction| prediction.latency.value);
    let (amount, shown) = match (row.time, whole) {
        (Some(time), Some(whole)) if whole.0 > 0.0 => {
            (time / whole, format!("{} · {time}", percent(time / whole)))
        }
        _ => (amount(subject, row), count(flops)),
    };
    Bar { name: row.name.clone().into_owned(), amount, shown, remark: String::new(), series, layer: row.node }
}

/// All rows, those that take most first.
fn top<'a>(subject: &Subject<'a>, by: Option<By>) -> Result<Vec<Row<'a>>, CostError> {
    let key = if timed(subject) { "time_s" } else { "flops" };
    let Some(sort) = fields::find(key) else { return Ok(vec![]) };
    Ok(rows::select(subject, &Selection { by, sort, top: None })?.shown)
}
