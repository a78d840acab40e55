//! `ergometer project`: what inferences come to over years, as efficiency and use change.

mod notes;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::error::{self, Refusal};
use super::estimates::Estimates;
use super::output::{self, Output};
use super::place::Place;
use super::shapes::{self, Shapes};
use super::{Format, Global, Status, clock, pictures};
use crate::factors::{Embodied, Scope};
use crate::onnx;
use crate::predict::{Interval, Paper, predict};
use crate::project::{self, Assumptions, HARDWARE_GAIN, Scenario, Use, Year};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::report::projection;
use crate::report::text::{visible, wrap};
use crate::units::Joules;

/// Before the lines of a note that follow its first.
const INDENT: &str = "  ";

/// Options of `project`.
#[derive(Args, Debug)]
#[command(allow_negative_numbers = true)]
#[command(mut_arg("embodied", |arg| arg.hide(true).value_parser(no_part::<Embodied>)))]
#[command(mut_arg("paper", |arg| arg.hide(true).value_parser(no_part::<Paper>)))]
#[command(
    after_help = "Intervals are p10 to p90: joules of an inference and the yearly gain are independent and log-normal, and the \
    gain compounds.\nGrowth is of all inferences: power a user is that of all over the users of the first year.\nA run of a \
    model is so many inferences as --batch says, else one."
)]
pub struct Options {
    /// ONNX file whose inferences are projected, with the energy that --device is estimated to take; `-` reads standard input
    model: Option<PathBuf>,
    /// Joules of one inference, in place of a model: `0.3`, or `0.3,0.2,0.5` with p10 and p90
    #[arg(long, value_name = "J[,LOW,HIGH]", value_parser = around, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["model", "batch", "Others", "Estimates"])]
    energy: Option<Around>,
    /// Users in the first year
    #[arg(long, value_name = "N", default_value = "1e6", help_heading = "Use")]
    users: f64,
    /// Inferences of a user a second
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "per_day", help_heading = "Use")]
    per_second: f64,
    /// Inferences of a user a day, in place of --per-second
    #[arg(long, value_name = "N", help_heading = "Use")]
    per_day: Option<f64>,
    /// Factor a year by which all inferences become more: users times what each asks for
    #[arg(long, value_name = "FACTOR", default_value = "1", help_heading = "Use")]
    growth: f64,
    /// Factor a year by which the joules of an inference fall, of equal work: that of FLOPS per watt of GPUs as default
    #[arg(long, value_name = "FACTOR[,LOW,HIGH]", value_parser = around, allow_hyphen_values = true)]
    #[arg(default_value_t = Around(HARDWARE_GAIN), help_heading = "Years")]
    efficiency: Around,
    /// The first year; without it, the one that it is
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1900..=3000), help_heading = "Years")]
    from: Option<u16>,
    /// Years after the first
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    #[arg(help_heading = "Years")]
    years: u16,
    /// What efficiency and use do; without it all of them, adoption only where use changes
    #[arg(long = "scenario", value_name = "NAME", value_delimiter = ',', value_parser = scenarios())]
    #[arg(help_heading = "Years")]
    scenarios: Vec<Scenario>,
    /// Factor a year by which the carbon intensity of the grid falls
    #[arg(long, value_name = "FACTOR", default_value = "1", help_heading = "Carbon and money")]
    grid_decline: f64,
    /// Draw the power of a user over the years, beside a human body and all that a person takes, as SVG
    #[arg(long, value_name = "FILE.svg", help_heading = "Pictures")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    shapes: Shapes,
    #[command(flatten)]
    estimates: Estimates,
}

/// A number and the ends around it.
#[derive(Clone, Copy, Debug)]
struct Around(Interval<f64>);

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval { value, low, high } = self.0;
        write!(f, "{value},{low},{high}")
    }
}

/// The energy of one inference, and what it is that of.
struct Each {
    energy: Interval<Joules>,
    scope: Scope,
    origin: String,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let each = match (&options.model, options.energy) {
        (Some(model), _) => estimated(model, options, global)?,
        (None, Some(Around(energy))) => {
            Each { energy: energy.map(Joules), scope: Scope::System, origin: "given".to_owned() }
        }
        (None, None) => {
            return Err(Refusal::usage("a model or --energy is needed")
                .hint("ergometer project --energy 0.3, or ergometer project MODEL.onnx --device t4")
                .into());
        }
    };
    let assumptions = Assumptions {
        energy: each.energy,
        scope: each.scope,
        users: options.users,
        usage: options.per_day.map_or(Use::PerSecond(options.per_second), Use::PerDay),
        growth: options.growth,
        gain: options.efficiency.0,
        from: options.from.unwrap_or_else(this_year),
        years: options.years,
        site: options.place.site()?.unwrap_or_default(),
        grid_decline: options.grid_decline,
    };
    let chosen = |scenario: &Scenario| match options.scenarios.as_slice() {
        // It would repeat the scenario before it.
        [] => *scenario != Scenario::Adoption || scenario.growth(options.growth) != options.growth,
        named => named.contains(scenario),
    };
    let projections = Scenario::ALL
        .into_iter()
        .filter(chosen)
        .map(|scenario| project::project(&assumptions, scenario))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Refusal::usage(error.to_string()).hint(error.hint()))?;
    if let Some(file) = &options.svg {
        let chart = projection::chart(&projections).ok_or_else(|| {
            Refusal::usage("there is nothing above 0 to draw").hint("project over more years")
        })?;
        pictures::write(file, chart.svg().as_bytes())?;
    }
    let mut out = Output::open(global)?;
    let currency = assumptions.site.price.as_ref().map(|(_, currency)| currency.as_str());
    let people = global.format() == Format::Table;
    let rows = projections.iter().flat_map(|projection| {
        projection.years.iter().map(|year| {
            if people { shown(projection.scenario, year) } else { whole(projection.scenario, year) }
        })
    });
    let mut grid =
        Grid { columns: if people { titles(currency) } else { keys() }, rows: rows.collect(), foot: vec![] };
    if people {
        without_unknown(&mut grid);
    }
    output::write(&grid, global, &mut out)?;
    if people && !global.quiet {
        writeln!(out)?;
        for note in notes::of(&assumptions, &each.origin, &projections) {
            let lines = wrap(&note, out.width.saturating_sub(INDENT.len()));
            writeln!(out, "{}", lines.join(&format!("\n{INDENT}")))?;
        }
    }
    out.finish()?;
    Ok(Status::Done)
}

/// What a model is estimated to take on the device, one inference of its batch.
fn estimated(path: &Path, options: &Options, global: &Global) -> anyhow::Result<Each> {
    let name = path.display();
    output::keep_apart(global.output.as_deref(), &[path])?;
    let targets = options.estimates.targets(global)?;
    let [device] = targets.devices.as_slice() else {
        return Err(Refusal::usage("a projection is of one device")
            .hint("name one with --device; `ergometer devices` lists them")
            .into());
    };
    if !global.quiet {
        targets.warnings.iter().for_each(|warning| error::warn(warning));
    }
    let request = options.estimates.request()?;
    let model = onnx::read(path).map_err(|error| Refusal::model(error.to_string(), error.hint()))?;
    let (_, cost) = shapes::count(&model, &options.shapes)
        .map_err(|error| Refusal::model(format!("{name}: {}", error.message), error.hint))?;
    let prediction = predict(&cost, device, &request).map_err(|error| {
        Refusal::usage(error.to_string())
            .hint("`ergometer devices` lists all of them, with what is known of each")
    })?;
    let (energy, scope, of) = match (prediction.system_energy, prediction.energy) {
        (Some(energy), _) => (energy, Scope::System, "of the whole machine, at the wall"),
        (None, Some(energy)) => (energy, Scope::Device, "of the device alone"),
        (None, None) => {
            let why = prediction.energy_reason.unwrap_or_else(|| "nobody states its power".to_owned());
            return Err(Refusal::usage(format!("{}: {why}", device.id))
                .hint("name another --device, or give the joules of one inference with --energy")
                .into());
        }
    };
    if !prediction.complete {
        error::warn(&format!("{name}: not all of its nodes are counted; `ergometer analyze` says which"));
    }
    let inferences = options.shapes.request().batch.unwrap_or(1);
    let origin = format!("estimated for {} at a batch of {inferences}, {of}", visible(&device.name));
    Ok(Each { energy: project::of_run(energy, inferences), scope, origin })
}

/// Columns for programs.
fn keys() -> Vec<Column<'static>> {
    let mut columns = vec![Column::new("scenario", "scenario", Fit::Word)];
    columns.extend(
        [
            "year",
            "inferences",
            "energy_j",
            "energy_kwh",
            "low_kwh",
            "high_kwh",
            "co2e_t",
            "cost",
            "currency",
            "power_w",
            "power_per_user_w",
            "of_body",
            "of_person",
        ]
        .map(|key| Column::new(key, key, Fit::Number)),
    );
    columns
}

/// Their cells.
fn whole(scenario: Scenario, year: &Year) -> Vec<Cell<'static>> {
    let money = year.footprint.money.as_ref();
    let plain = |number: Option<f64>| number.map_or(Cell::Unknown, Cell::Plain);
    vec![
        Cell::text(scenario.name()),
        Cell::Number(year.year.into()),
        Cell::Plain(year.inferences),
        Cell::Quantity(year.energy.value.0, "J"),
        Cell::Plain(year.energy_kwh.value),
        Cell::Plain(year.energy_kwh.low),
        Cell::Plain(year.energy_kwh.high),
        plain(year.tonnes()),
        plain(money.map(|money| money.cost)),
        money.map_or(Cell::Unknown, |money| Cell::text(money.currency.clone())),
        Cell::Quantity(year.power.0, "W"),
        Cell::Quantity(year.power_per_user.0, "W"),
        Cell::Share(year.of_body()),
        Cell::Share(year.of_person()),
    ]
}

/// Columns for people.
fn titles(currency: Option<&str>) -> Vec<Column<'_>> {
    vec![
        Column::new("scenario", "scenario", Fit::Word),
        Column::new("year", "year", Fit::Number),
        Column::new("inferences", "inferences", Fit::Number),
        Column::new("energy_j", "each", Fit::Number),
        Column::new("energy_kwh", "a year", Fit::Number),
        Column::new("low_kwh", "p10", Fit::Number),
        Column::new("high_kwh", "p90", Fit::Number),
        Column::new("power_per_user_w", "a user", Fit::Number),
        Column::new("co2e_t", "CO2e", Fit::Number),
        Column::new("cost", currency.unwrap_or("cost"), Fit::Number),
    ]
}

/// Their cells.
fn shown(scenario: Scenario, year: &Year) -> Vec<Cell<'static>> {
    let hours = |kilowatt_hours: f64| Cell::Quantity(kilowatt_hours * 1e3, "Wh");
    vec![
        Cell::text(scenario.name()),
        Cell::Number(year.year.into()),
        Cell::Plain(year.inferences),
        Cell::Quantity(year.energy.value.0, "J"),
        hours(year.energy_kwh.value),
        hours(year.energy_kwh.low),
        hours(year.energy_kwh.high),
        Cell::Quantity(year.power_per_user.0, "W"),
        year.tonnes().map_or(Cell::Unknown, |tonnes| Cell::Quantity(tonnes, "t")),
        year.footprint.money.as_ref().map_or(Cell::Unknown, |money| Cell::Plain(money.cost)),
    ]
}

/// Leaves out the columns in which nothing is known.
fn without_unknown(grid: &mut Grid) {
    let known: Vec<bool> = (0..grid.columns.len())
        .map(|place| grid.rows.iter().any(|row| row.get(place).is_some_and(|cell| *cell != Cell::Unknown)))
        .collect();
    let mut known = known.into_iter();
    grid.retain_columns(|_| known.next().unwrap_or(true));
}

/// The year that it is.
fn this_year() -> u16 {
    let year = clock::now().strftime("%Y").to_string().parse().unwrap_or_default();
    // As --from: a clock that is not set is no reason to begin with the Romans.
    u16::clamp(year, 1900, 3000)
}

/// `0.3`, or `0.3,0.2,0.5`: a value, its low and its high end.
fn around(text: &str) -> Result<Around, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([value]) => Ok(Around(Interval { value: *value, low: *value, high: *value })),
        Ok([value, low, high]) => Ok(Around(Interval { value: *value, low: *low, high: *high })),
        _ => Err("a number is needed, or three: value, low and high end, as 0.3,0.2,0.5".to_owned()),
    }
}

fn scenarios() -> impl TypedValueParser<Value = Scenario> {
    let values = Scenario::ALL.map(|scenario| PossibleValue::new(scenario.name()).help(scenario.meaning()));
    PossibleValuesParser::new(values).try_map(|name| {
        let scenario = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name);
        scenario.ok_or_else(|| format!("no scenario is called \"{name}\""))
    })
}

/// Of an option that other commands share.
fn no_part<T>(_: &str) -> Result<T, String> {
    Err("it has no part in a projection, which goes by the energy alone".to_owned())
}
