//! `ergometer factors`: what grids emit, what electricity and clouds cost, what facilities take beside their computers.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::error::Refusal;
use super::output::{self, Output};
use super::{Format, Global, Status};
use crate::factors::{self, Factor, Kind};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::report::text;

/// The column in which sources begin.
const SOURCE: usize = 28;

/// Options of `factors`.
#[derive(Args, Debug)]
pub struct Options {
    /// Show what has this id, else what has it in its id, name or device
    name: Option<String>,
    /// Show one table
    #[arg(long, value_name = "TABLE")]
    table: Option<Table>,
}

/// A table.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Table {
    /// Grams of CO2 equivalent a kilowatt hour
    Grid,
    /// What a large consumer pays for a kilowatt hour
    Price,
    /// Energy of a facility over that of its computers
    Pue,
    /// What a cloud instance costs an hour
    Cloud,
}

impl From<Table> for Kind {
    fn from(table: Table) -> Self {
        match table {
            Table::Grid => Self::Grid,
            Table::Price => Self::Price,
            Table::Pue => Self::Pue,
            Table::Cloud => Self::Cloud,
        }
    }
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let of_table = |factor: &&Factor| options.table.is_none_or(|table| factor.kind == table.into());
    let mut found: Vec<&Factor> = factors::all().iter().filter(of_table).collect();
    let mut exact = false;
    if let Some(name) = options.name.as_deref().map(str::to_lowercase) {
        exact = found.iter().any(|factor| factor.id == *name);
        found.retain(|factor| if exact { factor.id == *name } else { says(factor, &name) });
    }
    if found.is_empty() {
        let name = options.name.as_deref().unwrap_or_default();
        return Err(Refusal::usage(format!("nothing is called \"{name}\""))
            .hint("`ergometer factors` lists all of them")
            .into());
    }
    let mut out = Output::open(global)?;
    if exact && global.format() == Format::Table {
        details(&found, &mut out)?;
    } else {
        output::write(&grid(&found, global.format()), global, &mut out)?;
    }
    out.finish()?;
    Ok(Status::Done)
}

/// Whether a figure is of something that is called so.
fn says(factor: &Factor, name: &str) -> bool {
    let device = factor.device.iter().map(|(device, _)| device);
    [&factor.id, &factor.name].into_iter().chain(device).any(|text| text.to_lowercase().contains(name))
}

/// Figures of one id, each with its source.
fn details(found: &[&Factor], out: &mut Output) -> anyhow::Result<()> {
    let strong = out.style.strong;
    if let Some(first) = found.first() {
        writeln!(out, "{strong}{}{strong:#}  {}", first.id, first.name)?;
    }
    for factor in found {
        let Factor { kind, value, unit, date, basis, source, .. } = factor;
        let basis = basis.as_deref().map(|basis| format!(", {basis}")).unwrap_or_default();
        let source = format!("{date}{basis}; {source}");
        let lines = text::wrap(&source, out.width.saturating_sub(SOURCE));
        let figure = format!("{} {unit}", text::plain(*value));
        writeln!(out, "  {:8}{figure:18}{}", kind.name(), lines.join(&format!("\n{:SOURCE$}", "")))?;
        if let Some((device, count)) = &factor.device {
            writeln!(out, "{:SOURCE$}{count} x {device}", "")?;
        }
    }
    Ok(())
}

/// One row a figure; for people without what a narrow screen has no room for.
fn grid(found: &[&Factor], format: Format) -> Grid<'static> {
    // The id of an instance says all that its name does.
    let instances = found.iter().all(|factor| factor.kind == Kind::Cloud);
    let columns = [
        Column::new("table", "table", Fit::Word),
        Column::new("id", "id", if instances { Fit::Word } else { Fit::Name }),
        Column::new("value", "value", Fit::Number),
        Column::new("unit", "unit", Fit::Word),
        Column::new("date", "date", Fit::Word),
        Column::new("basis", "basis", Fit::Word),
        Column::new("name", "name", Fit::Sentence),
        Column::new("device", "device", Fit::Name),
        Column::new("devices", "devices", Fit::Number),
        Column::new("source", "source", Fit::Sentence),
    ];
    let shown = |column: &Column| match column.key {
        _ if format != Format::Table => true,
        "basis" => found.iter().any(|factor| factor.basis.is_some()),
        "name" => !instances,
        key => !matches!(key, "device" | "devices" | "source"),
    };
    let keep: Vec<bool> = columns.iter().map(shown).collect();
    let kept = |factor: &&Factor| {
        row(factor).into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(cell, _)| cell).collect()
    };
    let rows = found.iter().map(kept).collect();
    let columns = columns.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(column, _)| column);
    Grid { columns: columns.collect(), rows, foot: vec![] }
}

fn row(factor: &Factor) -> Vec<Cell<'static>> {
    let some = |text: &Option<crate::device::Text>| text.clone().map_or(Cell::Nothing, Cell::Text);
    let (device, count) = match &factor.device {
        Some((device, count)) => (Cell::Text(device.clone()), Cell::Number(i64::from(*count))),
        None => (Cell::Nothing, Cell::Nothing),
    };
    vec![
        Cell::text(factor.kind.name()),
        Cell::Text(factor.id.clone()),
        Cell::Plain(factor.value),
        Cell::Text(factor.unit.clone()),
        Cell::Text(factor.date.clone()),
        some(&factor.basis),
        Cell::Text(factor.name.clone()),
        device,
        count,
        Cell::text(factor.source.to_string()),
    ]
}
