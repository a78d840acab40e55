//! `ergometer validate`: how far predictions are from measurements.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::Refusal;
use super::measured::{self, Measured, Run};
use super::output::{self, Output};
use super::{Global, Status, pictures};
use crate::device::ArithmeticUnit;
use crate::predict::framework::fit::{self, Case, Errors, rank_correlation};
use crate::predict::framework::{self, Fitted};
use crate::predict::{Interval, Runtime};
use crate::report::chart::{self, Compared};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::units::quantity;

/// Runs that are named as the furthest off.
const WORST: usize = 5;

/// Options of `validate`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    measured: measured::Options,
    /// Predict by these coefficients, which `ergometer fit` writes
    #[arg(long, value_name = "FILE.toml")]
    coefficients: Option<PathBuf>,
    /// Predict each by coefficients fitted on the others: runs of one family, or of one device, are held back together
    #[arg(long, value_name = "BY", conflicts_with = "coefficients")]
    held_back: Option<HeldBack>,
    /// Draw predicted against measured times, as SVG
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
}

/// What is held back together.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldBack {
    /// Models that are alike
    Family,
    /// All runs on a device
    Device,
}

/// One measurement beside its prediction.
struct Pair<'r> {
    run: &'r Run,
    measured: f64,
    predicted: Interval<f64>,
    roofline: Option<f64>,
}

impl Pair<'_> {
    fn ratio(&self) -> f64 {
        self.predicted.value / self.measured
    }
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let path = &options.measured.measured;
    for file in [&options.svg, &global.output].into_iter().flatten() {
        output::keep_apart(Some(file), std::slice::from_ref(path))?;
    }
    let coefficients = options.coefficients.as_deref().map(measured::coefficients).transpose()?;
    let measured = measured::read(path, coefficients, global.catalogue()?)?;
    let times: Vec<Pair> = match options.held_back {
        None => measured.runs.iter().map(time).collect(),
        Some(by) => held_back(&measured, by)?,
    };
    let energies: Vec<Pair> = measured.runs.iter().filter_map(energy).collect();
    let systems: Vec<Pair> = measured.runs.iter().filter_map(system).collect();
    let mut rows = table("time", &times);
    // Coefficients of power are not fitted, and nothing of them is held back.
    if options.held_back.is_none() {
        rows.extend(table("energy", &energies));
        rows.extend(table("energy at the wall", &systems));
    }
    let grid = Grid { columns: columns(), rows, foot: vec![] };
    let mut out = Output::open(global)?;
    output::write(&grid, global, &mut out)?;
    out.finish()?;
    if !global.quiet {
        worst(&times);
    }
    if let Some(file) = &options.svg {
        let points = times.iter().map(|pair| Compared {
            name: format!("{} on {}, {}", pair.run.name, pair.run.device, pair.run.runtime),
            series: pair.run.device.clone(),
            measured: pair.measured,
            predicted: pair.predicted.value,
        });
        let chart = chart::compared("predicted against measured time".to_owned(), points.collect())
            .ok_or_else(|| Refusal::model("there is nothing above 0 to draw", None))?;
        pictures::write(file, chart.svg().as_bytes())?;
    }
    measured.warn();
    Ok(if measured.problems.is_empty() { Status::Done } else { Status::Partial })
}

fn time(run: &Run) -> Pair<'_> {
    Pair { run, measured: run.seconds, predicted: run.predicted, roofline: run.roofline }
}

fn energy(run: &Run) -> Option<Pair<'_>> {
    Some(Pair { run, measured: run.joules?, predicted: run.energy?, roofline: None })
}

fn system(run: &Run) -> Option<Pair<'_>> {
    Some(Pair { run, measured: run.joules_wall?, predicted: run.system?, roofline: None })
}

/// A set of coefficients for each runtime and unit.
type Sets<'r> = BTreeMap<(&'static str, &'static str), (Runtime, ArithmeticUnit, Vec<&'r Run>)>;

/// Runs by the set of coefficients that they are predicted with.
pub fn by_set(runs: &[Run]) -> Sets<'_> {
    let mut sets: Sets = BTreeMap::new();
    for run in runs.iter().filter(|run| run.terms.is_some()) {
        let key = (run.runtime.name(), run.unit.name());
        sets.entry(key).or_insert_with(|| (run.runtime, run.unit, vec![])).2.push(run);
    }
    sets
}

/// Runs as cases to fit: each device counts the same, however many runs there are on it.
pub fn cases(runs: &[&Run]) -> Vec<Case> {
    let mut devices: BTreeMap<&str, f64> = BTreeMap::new();
    for run in runs {
        *devices.entry(&run.device).or_default() += 1.0;
    }
    let case = |run: &&Run| {
        let weight = devices.get(run.device.as_str()).map_or(1.0, |runs| runs.recip());
        Some(Case { sums: run.terms?, seconds: run.seconds, weight })
    };
    runs.iter().filter_map(case).collect()
}

/// The interval that what was held back asks for.
pub fn spread(errors: &Errors, by: HeldBack) -> [f64; 2] {
    match by {
        HeldBack::Family => errors.spread,
        // Devices are few: one that is slower than the others say might as well have been faster.
        HeldBack::Device => errors.both_ways,
    }
}

/// What each run is held back with.
pub fn groups(runs: &[&Run], by: HeldBack) -> Vec<String> {
    runs.iter()
        .map(|run| match by {
            HeldBack::Family => run.family.clone(),
            HeldBack::Device => run.device.clone(),
        })
        .collect()
}

/// Each run by coefficients, and an interval, from the others.
fn held_back(measured: &Measured, by: HeldBack) -> Result<Vec<Pair<'_>>, Refusal> {
    let mut pairs = vec![];
    for (runtime, unit, runs) in by_set(&measured.runs).into_values() {
        let groups = groups(&runs, by);
        if groups.iter().all(|group| Some(group) == groups.first()) {
            let what = if by == HeldBack::Family { "family" } else { "device" };
            super::error::warn(&format!(
                "all {runtime} runs on {unit} units are of one {what}: they are left out"
            ));
            continue;
        }
        let set: &Fitted = framework::of(framework::builtin(), runtime, unit);
        let ratios = fit::held_back(&cases(&runs), &groups);
        for ((run, ratio), group) in runs.iter().zip(&ratios).zip(&groups) {
            let others: Vec<f64> = ratios
                .iter()
                .zip(&groups)
                .filter(|(_, other)| *other != group)
                .map(|(ratio, _)| *ratio)
                .collect();
            let value = ratio * run.seconds;
            let [low, high] = Errors::of(&others).map_or(set.spread, |errors| spread(&errors, by));
            let predicted = Interval { value, low: value * low, high: value * high };
            pairs.push(Pair { run, measured: run.seconds, predicted, roofline: run.roofline });
        }
    }
    if pairs.is_empty() {
        return Err(Refusal::usage("nothing is left to be fitted on")
            .hint("hold back by the other of family and device"));
    }
    Ok(pairs)
}

fn columns() -> Vec<Column<'static>> {
    let number = |key, title| Column::new(key, title, Fit::Number);
    vec![
        Column::new("figure", "figure", Fit::Word),
        Column::new("runtime", "runtime", Fit::Word),
        Column::new("unit", "unit", Fit::Word),
        Column::new("device", "device", Fit::Name),
        number("runs", "runs"),
        number("median_error", "median"),
        number("mean_error", "mean"),
        number("p90_error", "p90"),
        number("within_30", "≤ 30 %"),
        number("in_interval", "covered"),
        number("rank_correlation", "rank"),
        number("roofline_mean_error", "roofline"),
    ]
}

/// A row for each runtime and unit, and for each device with them.
fn table(figure: &'static str, pairs: &[Pair]) -> Vec<Vec<Cell<'static>>> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        for device in ["", &pair.run.device] {
            groups.entry((pair.run.runtime.name(), pair.run.unit.name(), device)).or_default().push(pair);
        }
    }
    groups
        .into_iter()
        .filter_map(|((runtime, unit, device), pairs)| {
            let ratios: Vec<f64> = pairs.iter().map(|pair| pair.ratio()).collect();
            let errors = Errors::of(&ratios)?;
            let covered = pairs
                .iter()
                .filter(|pair| pair.predicted.low <= pair.measured && pair.measured <= pair.predicted.high)
                .count();
            let measured: Vec<f64> = pairs.iter().map(|pair| pair.measured).collect();
            let predicted: Vec<f64> = pairs.iter().map(|pair| pair.predicted.value).collect();
            let rooflines: Option<Vec<f64>> =
                pairs.iter().map(|pair| Some(pair.roofline? / pair.measured)).collect();
            Some(vec![
                Cell::text(figure),
                Cell::text(runtime.to_owned()),
                Cell::text(unit.to_owned()),
                Cell::text(if device.is_empty() { "all".to_owned() } else { device.to_owned() }),
                Cell::Number(i64::try_from(errors.cases).unwrap_or(i64::MAX)),
                Cell::Share(errors.median),
                Cell::Share(errors.mean),
                Cell::Share(errors.p90),
                Cell::Share(errors.within_30),
                Cell::Share(covered as f64 / errors.cases.max(1) as f64),
                rank_correlation(&measured, &predicted).map_or(Cell::Nothing, Cell::Plain),
                rooflines
                    .and_then(|ratios| Errors::of(&ratios))
                    .map_or(Cell::Nothing, |errors| Cell::Share(errors.mean)),
            ])
        })
        .collect()
}

/// Names the runs that are furthest off.
fn worst(pairs: &[Pair]) {
    let mut sorted: Vec<&Pair> = pairs.iter().filter(|pair| pair.ratio().is_finite()).collect();
    sorted.sort_by(|a, b| b.ratio().ln().abs().total_cmp(&a.ratio().ln().abs()));
    for pair in sorted.into_iter().take(WORST) {
        let Pair { run, measured, predicted, .. } = pair;
        eprintln!(
            "far off: {} on {} ({}): {} measured, {} predicted",
            run.name,
            run.device,
            run.runtime,
            quantity(*measured, "s"),
            quantity(predicted.value, "s")
        );
    }
}
