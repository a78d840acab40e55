//! What a calibration found, for people: adapters, one profile, and what changed between two.

use std::fmt::Write;

use super::grid::{Cell, Column, Fit, Grid};
use super::screen::Detail;
use super::style::Style;
use super::{table, text};
use crate::calibrate::compare::{Change, Comparison};
use crate::device::profile::{Adapter, AdapterType, Clock, Profile, Status};
use crate::units::{Seconds, bytes, quantity};

/// The column in which figures begin.
const FIGURES: usize = 12;

/// `Cpu` as people call it.
pub fn kind(adapter: &Adapter) -> &'static str {
    match adapter.device_type {
        AdapterType::DiscreteGpu => "discrete GPU",
        AdapterType::IntegratedGpu => "integrated GPU",
        AdapterType::VirtualGpu => "virtual GPU",
        AdapterType::Cpu => "software adapter",
        AdapterType::Other => "adapter of unknown type",
    }
}

/// One row an adapter.
pub fn adapters<'a>(adapters: impl Iterator<Item = &'a Adapter>) -> Grid<'a> {
    let columns = vec![
        Column::new("index", "no.", Fit::Number),
        Column::new("name", "adapter", Fit::Name),
        Column::new("backend", "backend", Fit::Word),
        Column::new("type", "type", Fit::Word),
        Column::new("driver", "driver", Fit::Name),
        Column::new("features", "features", Fit::Sentence),
        Column::new("max_storage_binding_bytes", "binding", Fit::Number),
        Column::new("max_workgroup_storage_bytes", "workgroup", Fit::Number),
    ];
    let row = |(index, adapter): (i64, &'a Adapter)| {
        vec![
            Cell::Number(index),
            Cell::text(&adapter.name),
            Cell::text(&adapter.backend),
            Cell::text(kind(adapter)),
            Cell::text(driver(adapter)),
            Cell::text(adapter.features.join(" ")),
            Cell::Bytes(adapter.limits.max_storage_binding_bytes),
            Cell::Bytes(u64::from(adapter.limits.max_workgroup_storage_bytes)),
        ]
    };
    Grid { columns, rows: (0..).zip(adapters).map(row).collect(), foot: vec![] }
}

fn driver(adapter: &Adapter) -> String {
    match (adapter.driver.as_str(), adapter.driver_info.as_str()) {
        ("", "") => "unknown".to_owned(),
        (driver, "") => driver.to_owned(),
        (_, info) => info.to_owned(),
    }
}

/// A profile on one screen.
pub fn screen(profile: &Profile, width: usize, style: &Style, detail: Detail) -> String {
    let mut out = String::new();
    let strong = style.strong;
    let adapter = &profile.adapter;
    let _ = writeln!(
        out,
        "{strong}{}{strong:#}  {}, {}, {}",
        text::visible(&adapter.name),
        kind(adapter),
        text::visible(&adapter.backend),
        text::visible(&driver(adapter))
    );
    let clock = match profile.settings.clock {
        Clock::Timestamp => "timestamps of the adapter".to_owned(),
        Clock::HostSlope => "the host's clock, by slopes".to_owned(),
        Clock::ProcessCpu => format!("CPU time of the process over {} cores", profile.host.cores),
    };
    let _ = writeln!(
        out,
        "{} preset, {} points, {} not measured; {clock}",
        text::visible(&profile.settings.preset),
        points(profile),
        profile.unmeasured.len(),
    );
    out.push('\n');
    for (name, figures) in sections(profile) {
        if !figures.is_empty() {
            let figures = figures.iter().map(String::as_str);
            let lines = text::fold(figures, "   ", width.saturating_sub(FIGURES));
            let _ = writeln!(out, "{name:FIGURES$}{}", lines.join(&format!("\n{:FIGURES$}", "")));
        }
    }
    out.push('\n');
    out.push_str(&table::render(&classes(profile), width, 0, style));
    let notes = notes(profile, detail);
    if detail != Detail::Quiet && !notes.is_empty() {
        out.push('\n');
        for note in notes {
            let lines = text::wrap(&note, width.saturating_sub(2));
            let _ = writeln!(out, "- {}", lines.join("\n  "));
        }
    }
    out
}

fn points(profile: &Profile) -> usize {
    let curves: usize = profile.curves.iter().map(|curve| curve.points.len()).sum();
    curves
        + profile.peaks.len()
        + profile.special.len()
        + profile.bandwidth.len()
        + profile.transfer.len()
        + profile.intensity.len()
}

/// Short lines of figures: peaks, functions, memory, launches, transfers.
fn sections(profile: &Profile) -> Vec<(&'static str, Vec<String>)> {
    let name = |id: &str| id.rsplit('.').next().unwrap_or(id).to_owned();
    let peaks = profile.peaks.iter().map(|peak| {
        let integers = peak.id.contains("i32") || peak.id.contains("dot4");
        let symbol = if integers { "OP/s" } else { "FLOP/s" };
        format!("{} {}", text::visible(&name(&peak.id)), quantity(peak.rate.0, symbol))
    });
    let special = profile.special.iter().map(|special| {
        format!("{} {}", text::visible(&name(&special.id)), quantity(special.results_per_second, "/s"))
    });
    let mut memory = vec![];
    for id in ["memory.read", "memory.write", "memory.copy", "memory.workgroup"] {
        let of: Vec<_> = profile.bandwidth.iter().filter(|point| point.id == id).collect();
        let fastest = of.iter().max_by(|a, b| a.rate.0.total_cmp(&b.rate.0));
        let largest = of.iter().max_by_key(|point| point.working_set_bytes);
        if let (Some(fastest), Some(largest)) = (fastest, largest) {
            let at = bytes(largest.working_set_bytes);
            memory.push(match id {
                "memory.workgroup" => format!("workgroup {}", fastest.rate),
                _ => format!("{} {} ({} at {at})", name(id), fastest.rate, largest.rate),
            });
        }
    }
    let launch = &profile.launch;
    let launches = [
        ("dispatch", launch.dispatch),
        ("pass", launch.pass),
        ("submission", launch.submit),
        ("round trip", launch.round_trip),
    ];
    let launch = launches.iter().filter_map(|(name, time)| Some(format!("{name} {}", (*time)?)));
    let transfer = ["transfer.upload", "transfer.download"].into_iter().filter_map(|id| {
        let of = profile.transfer.iter().filter(|point| point.id == id);
        let largest = of.max_by_key(|point| point.bytes)?;
        Some(format!("{} {} at {}", name(id), largest.rate, bytes(largest.bytes)))
    });
    vec![
        ("peak", peaks.collect()),
        ("special", special.collect()),
        ("memory", memory),
        ("launch", launch.collect()),
        ("transfer", transfer.collect()),
    ]
}

/// One row a class: what the fastest kernel and what a runtime-like one reach.
pub fn classes(profile: &Profile) -> Grid<'static> {
    let columns = vec![
        Column::new("class", "class", Fit::Word),
        Column::new("precision", "", Fit::Word),
        Column::new("shape", "at", Fit::Name),
        Column::new("best", "fastest kernel", Fit::Number),
        Column::new("runtime_like", "runtime-like", Fit::Number),
        Column::new("median_error", "fit error", Fit::Number),
        Column::new("points", "points", Fit::Number),
    ];
    let rows = profile.class_rates().into_iter().map(|rates| {
        let symbol = if rates.shape.contraction_flops() > 0.0 { "FLOP/s" } else { "B/s" };
        vec![
            Cell::text(rates.class.name()),
            Cell::text(rates.precision.name()),
            Cell::text(rates.shape.to_string()),
            Cell::Quantity(rates.best, symbol),
            Cell::Quantity(rates.runtime_like, symbol),
            rates.median_error.map_or(Cell::Unknown, Cell::Share),
            Cell::Count(rates.points as u64),
        ]
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

/// What a reader must know, the gravest first.
fn notes(profile: &Profile, detail: Detail) -> Vec<String> {
    let mut notes = vec![];
    if profile.adapter.is_software() {
        notes.push(
            "a software adapter: these are rates of the CPU through this driver, and say nothing of a GPU"
                .to_owned(),
        );
    }
    match profile.quality.status {
        Status::Ok => {}
        Status::Unstable => {
            notes.push("unstable: the same kernel drifted between start and end of the run".to_owned());
        }
        Status::Partial => notes.push("partial: stopped before the end".to_owned()),
    }
    notes.extend(profile.quality.notes.iter().cloned());
    notes.extend(profile.energy_reason.as_ref().map(|reason| format!("power is not measured: {reason}")));
    let shown = if detail == Detail::Verbose { usize::MAX } else { 4 };
    for row in profile.unmeasured.iter().take(shown) {
        let size = row.size.as_ref().map(|size| format!(" at {size}")).unwrap_or_default();
        notes.push(format!("{}{size} is not measured: {}", row.id, row.reason));
    }
    if let Some(more) = profile.unmeasured.len().checked_sub(shown).filter(|more| *more > 0) {
        notes.push(format!("{more} more are not measured: --verbose lists them"));
    }
    notes.iter().map(|note| text::visible(note).into_owned()).collect()
}

/// Every measurement of a profile, a row each.
pub fn measurements(profile: &Profile) -> Grid<'_> {
    let columns = vec![
        Column::new("id", "measurement", Fit::Word),
        Column::new("precision", "precision", Fit::Word),
        Column::new("size", "size", Fit::Name),
        Column::new("value", "value", Fit::Number),
        Column::new("median_s", "median", Fit::Number),
        Column::new("mad_s", "MAD", Fit::Number),
        Column::new("min_s", "minimum", Fit::Number),
        Column::new("samples", "samples", Fit::Number),
    ];
    let mut rows = vec![];
    let mut row = |id: &str, precision: &str, size: String, value, stats: &crate::device::profile::Stats| {
        rows.push(vec![
            Cell::text(id.to_owned()),
            Cell::text(precision.to_owned()),
            Cell::text(size),
            value,
            seconds(stats.median),
            seconds(stats.mad),
            seconds(stats.min),
            Cell::Count(u64::from(stats.samples)),
        ]);
    };
    for peak in &profile.peaks {
        let precision = peak.precision.map_or("", |precision| precision.name());
        row(
            &peak.id,
            precision,
            peak.configuration.clone(),
            Cell::Quantity(peak.rate.0, "FLOP/s"),
            &peak.stats,
        );
    }
    for special in &profile.special {
        let value = Cell::Quantity(special.results_per_second, "/s");
        row(&special.id, "fp32", String::new(), value, &special.stats);
    }
    for point in &profile.bandwidth {
        let value = Cell::Quantity(point.rate.0, "B/s");
        row(&point.id, "", bytes(point.working_set_bytes), value, &point.stats);
    }
    for point in &profile.transfer {
        row(&point.id, "", bytes(point.bytes), Cell::Quantity(point.rate.0, "B/s"), &point.stats);
    }
    for point in &profile.intensity {
        let size = format!("{} FLOP/B", point.flops_per_byte);
        row("intensity", "fp32", size, Cell::Quantity(point.rate.0, "FLOP/s"), &point.stats);
    }
    for curve in &profile.curves {
        for point in &curve.points {
            let flops = point.shape.contraction_flops();
            let value = if flops > 0.0 {
                Cell::Quantity(flops / point.stats.median.0, "FLOP/s")
            } else {
                let moved = point.shape.bytes_moved(curve.precision.bytes());
                Cell::Quantity(moved / point.stats.median.0, "B/s")
            };
            row(&curve.kernel, curve.precision.name(), point.shape.to_string(), value, &point.stats);
        }
    }
    Grid { columns, rows, foot: vec![] }
}

/// What changed between two profiles, the slower first; rows within noise are in the foot alone.
pub fn comparison(comparison: &Comparison) -> Grid<'_> {
    let columns = vec![
        Column::new("id", "measurement", Fit::Word),
        Column::new("size", "size", Fit::Name),
        Column::new("old_s", "before", Fit::Number),
        Column::new("new_s", "now", Fit::Number),
        Column::new("ratio", "now/before", Fit::Number),
    ];
    let mut changed: Vec<_> = comparison.changes.iter().filter(|change| change.beyond_noise).collect();
    changed.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    let row = |change: &&'_ Change| {
        vec![
            Cell::text(change.id.clone()),
            Cell::text(change.size.clone()),
            seconds(change.old),
            seconds(change.new),
            Cell::text(format!("{:.2}", change.ratio())),
        ]
    };
    Grid { columns, rows: changed.iter().map(row).collect(), foot: vec![] }
}

/// What stands around the table of changes.
pub fn comparison_remarks(comparison: &Comparison) -> String {
    let mut out = String::new();
    let changed = comparison.changes.iter().filter(|change| change.beyond_noise).count();
    let _ = writeln!(out, "{changed} of {} measurements changed beyond noise", comparison.changes.len());
    if comparison.unmatched > 0 {
        let _ = writeln!(out, "- {} are in one of the two profiles only", comparison.unmatched);
    }
    for remark in &comparison.remarks {
        let _ = writeln!(out, "- {}", text::visible(remark));
    }
    out
}

fn seconds(time: Seconds) -> Cell<'static> {
    Cell::Quantity(time.0, "s")
}
