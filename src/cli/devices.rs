//! `ergometer devices`: the catalogue, or one device with the source of each figure.

use std::io::Write;

use clap::Args;

use super::error::Refusal;
use super::output::{self, Output};
use super::{Format, Global, Status};
use crate::device::{Device, Precision};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::report::{json, text};
use crate::units::{bytes, quantity};

/// Options of `devices`.
#[derive(Args, Debug)]
pub struct Options {
    /// Show this device: an id, a name as people type it, or an alias
    name: Option<String>,
}

/// The column in which sources begin.
const SOURCE: usize = 33;
/// Precisions that the list has a column for.
const LISTED: [(Precision, &str, &str); 4] = [
    (Precision::Fp32, "fp32_flops_per_second", "fp32"),
    (Precision::Fp16, "fp16_flops_per_second", "fp16"),
    (Precision::Bf16, "bf16_flops_per_second", "bf16"),
    (Precision::Int8, "int8_flops_per_second", "int8"),
];

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let catalogue = global.catalogue()?;
    let Some(name) = &options.name else {
        let mut out = Output::open(global)?;
        list(catalogue.devices(), global, &mut out)?;
        out.finish()?;
        return Ok(Status::Done);
    };
    let device = catalogue
        .find(name)
        .map_err(|error| Refusal::usage(error.to_string()).hint("`ergometer devices` lists all of them"))?;
    let mut out = Output::open(global)?;
    match global.format() {
        Format::Json => json::write(device, json::Layout::Indented, &mut out)?,
        Format::Jsonl => json::write(device, json::Layout::Line, &mut out)?,
        Format::Table => {
            let strong = out.style.strong;
            let released = device.released.as_deref().map(|date| format!(", {date}")).unwrap_or_default();
            writeln!(out, "{strong}{}{strong:#}  {}", device.id, device.name)?;
            writeln!(out, "{} {}, {}{released}", device.vendor, device.kind, device.architecture)?;
            if !device.aliases.is_empty() {
                writeln!(out, "also called {}", device.aliases.join(", "))?;
            }
            writeln!(out)?;
            for [figure, value, source] in figures(device) {
                let wrapped = text::wrap(&source, out.width.saturating_sub(SOURCE));
                writeln!(out, "{figure:18}{value:>12}   {}", wrapped.join(&format!("\n{:SOURCE$}", "")))?;
            }
        }
        Format::Csv | Format::Md => {
            let columns = vec![
                Column::new("figure", "figure", Fit::Word),
                Column::new("value", "value", Fit::Number),
                Column::new("source", "source", Fit::Sentence),
            ];
            let rows = figures(device).into_iter().map(|row| row.map(Cell::text).to_vec()).collect();
            output::write(&Grid { columns, rows, foot: vec![] }, global, &mut out)?;
        }
    }
    out.finish()?;
    Ok(Status::Done)
}

fn list(devices: &[Device], global: &Global, out: &mut Output) -> anyhow::Result<()> {
    match global.format() {
        Format::Json => json::write(&devices, json::Layout::Indented, out)?,
        Format::Jsonl => {
            for device in devices {
                json::write(device, json::Layout::Line, out)?;
            }
        }
        Format::Table | Format::Csv | Format::Md => {
            output::write(&grid(devices, global.format()), global, out)?
        }
    }
    Ok(())
}

/// One row a device. For people, peaks in tera-operations and no column that a narrow screen has no room for.
fn grid(devices: &[Device], format: Format) -> Grid<'static> {
    let people = format != Format::Csv;
    let mut columns = vec![Column::new("id", "device", Fit::Word)];
    if !people {
        columns.extend([
            Column::new("name", "name", Fit::Name),
            Column::new("kind", "kind", Fit::Word),
            Column::new("architecture", "architecture", Fit::Word),
            Column::new("released", "released", Fit::Word),
        ]);
    }
    columns.extend([
        Column::new("memory_capacity_bytes", "memory", Fit::Number),
        Column::new("memory_bandwidth_bytes_per_second", "B/s", Fit::Number),
    ]);
    let listed = || {
        LISTED
            .iter()
            .filter(|(precision, ..)| !people || matches!(precision, Precision::Fp32 | Precision::Fp16))
    };
    columns.extend(listed().map(|(_, key, title)| Column::new(key, title, Fit::Number)));
    columns.push(Column::new("board_power_w", "power", Fit::Number));
    let rows = devices
        .iter()
        .map(|device| {
            let mut row = vec![Cell::text(device.id.clone())];
            if !people {
                row.push(Cell::text(device.name.clone()));
                row.push(Cell::text(device.kind.to_string()));
                row.push(Cell::text(device.architecture.clone()));
                row.push(device.released.clone().map_or(Cell::Nothing, Cell::Text));
            }
            row.push(
                device.memory_capacity.as_ref().map_or(Cell::Nothing, |memory| Cell::Bytes(memory.value)),
            );
            row.push(Cell::Quantity(device.memory_bandwidth.value.0, ""));
            row.extend(listed().map(|(precision, ..)| stated(device, *precision)));
            row.push(
                device.board_power.as_ref().map_or(Cell::Nothing, |power| Cell::Quantity(power.value.0, "W")),
            );
            row
        })
        .collect();
    Grid { columns, rows, foot: vec![] }
}

/// The fastest rate stated for a precision itself.
fn stated(device: &Device, precision: Precision) -> Cell<'static> {
    let rates = device.peaks.iter().filter(|peak| peak.precision == precision).map(|peak| peak.rate.value.0);
    rates.max_by(f64::total_cmp).map_or(Cell::Nothing, |rate| Cell::Quantity(rate, ""))
}

/// Each figure of a device: what it is, its value, who says so.
fn figures(device: &Device) -> Vec<[String; 3]> {
    let mut rows = vec![];
    if let Some(units) = &device.compute_units {
        rows.push(["compute units".to_owned(), units.value.to_string(), units.source.to_string()]);
    }
    if let Some(memory) = &device.memory_capacity {
        rows.push(["memory".to_owned(), bytes(memory.value), memory.source.to_string()]);
    }
    if let Some(link) = &device.link {
        rows.push(["link to another".to_owned(), link.value.to_string(), link.source.to_string()]);
    }
    if let Some(l2) = &device.l2 {
        rows.push(["level 2 cache".to_owned(), bytes(l2.value), l2.source.to_string()]);
    }
    let bandwidth = &device.memory_bandwidth;
    rows.push(["memory bandwidth".to_owned(), bandwidth.value.to_string(), bandwidth.source.to_string()]);
    rows.push(match &device.board_power {
        Some(power) => {
            let term = device.power_term.as_deref().unwrap_or("board power");
            [term.to_owned(), power.value.to_string(), power.source.to_string()]
        }
        None => {
            let reason = device.board_power_reason.as_deref().unwrap_or_default();
            ["board power".to_owned(), "not known".to_owned(), reason.to_owned()]
        }
    });
    if let Some(idle) = &device.idle_power {
        rows.push(["idle power".to_owned(), idle.value.to_string(), idle.source.to_string()]);
    }
    rows.extend(device.peaks.iter().map(|peak| {
        let symbol =
            if matches!(peak.precision, Precision::Int8 | Precision::Int4) { "OP/s" } else { "FLOP/s" };
        let rate = quantity(peak.rate.value.0, symbol);
        [format!("{} {}", peak.precision, peak.unit), rate, peak.rate.source.to_string()]
    }));
    if let Some(rate) = &device.fp16_accumulate {
        rows.push(["fp16, fp16 sums".to_owned(), rate.value.to_string(), rate.source.to_string()]);
    }
    if let Some(price) = &device.launch_price {
        let dollars = format!("{} USD", price.value.0);
        rows.push(["launch price".to_owned(), dollars, price.source.to_string()]);
    }
    rows
}
