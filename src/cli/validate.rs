//! `ergometer validate`: how far predictions are from measurements.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::error::Refusal;
use super::measured::{self, HeldBack, Measured, Run, Set, Table};
use super::output::{self, Output};
use super::{Global, Status, pictures};
use crate::predict::Interval;
use crate::predict::framework::fit::{self, Errors, rank_correlation};
use crate::predict::framework::{self, Fitted};
use crate::report::chart::{self, Compared};
use crate::report::csv;
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
    /// Write each run beside its prediction, as CSV
    #[arg(long, value_name = "FILE.csv")]
    runs: Option<PathBuf>,
    /// Draw predicted against measured times, as SVG
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
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
    for file in [&options.svg, &options.runs, &global.output].into_iter().flatten() {
        output::keep_apart(Some(file), std::slice::from_ref(path))?;
    }
    let coefficients = options.coefficients.as_deref().map(measured::coefficients).transpose()?;
    let table = Table::read(path, global.catalogue()?)?;
    let measured = table.predict(coefficients)?;
    let (times, energies) = match options.held_back {
        None => (measured.runs.iter().map(time).collect(), None),
        Some(by) => {
            let (times, energies) = held_back(&table, &measured, by)?;
            (times, Some(energies))
        }
    };
    let (kernels, times): (Vec<Pair>, Vec<Pair>) = times.into_iter().partition(|pair| pair.run.kernels);
    let energies = energies.as_ref().unwrap_or(&measured.runs);
    let figures: [(&str, Vec<Pair>); 4] = [
        ("time", times),
        ("energy", energies.iter().filter_map(energy).collect()),
        ("energy at the wall", energies.iter().filter_map(system).collect()),
        ("kernels", kernels),
    ];
    let rows = figures.iter().flat_map(|(figure, pairs)| rows_of(figure, pairs)).collect();
    let [(_, times), ..] = &figures;
    let grid = Grid { columns: columns(), rows, foot: vec![] };
    if let Some(file) = &options.runs {
        let mut text = vec![];
        csv::write(&each(&figures), true, &mut text)?;
        pictures::write(file, &text)?;
    }
    let mut out = Output::open(global)?;
    output::write(&grid, global, &mut out)?;
    out.finish()?;
    if !global.quiet {
        worst(times);
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

/// Each run by coefficients, and an interval, from the others; and runs with an energy, predicted by the same.
fn held_back<'m>(
    table: &Table,
    measured: &'m Measured,
    by: HeldBack,
) -> Result<(Vec<Pair<'m>>, Vec<Run>), Refusal> {
    let (mut pairs, mut energies) = (vec![], vec![]);
    for set in measured.sets() {
        let Set { runtime, unit, processor, ref runs } = set;
        let Some(groups) = set.groups(by) else {
            super::error::warn(&format!(
                "all {runtime} runs on {unit} units are of one {}: they are left out",
                by.name()
            ));
            continue;
        };
        let known: &Fitted = framework::of(framework::builtin(), runtime, unit, processor);
        let cases = set.cases();
        let fitted = fit::without_each(&cases, &groups);
        let ratios = fit::held_back(&cases, &groups, &fitted);
        let of_others = |group: &String, kernels: bool| {
            let alike = |run: &Run, other: &String| other != group && run.kernels == kernels;
            let others = ratios.iter().zip(&groups).zip(runs).filter(|((_, other), run)| alike(run, other));
            let others: Vec<f64> = others.map(|((ratio, _), _)| *ratio).collect();
            Errors::of(&others).map_or(known.spread, |errors| by.spread(&errors))
        };
        for ((run, ratio), group) in runs.iter().zip(&ratios).zip(&groups) {
            let value = ratio * run.seconds;
            let [low, high] = of_others(group, run.kernels);
            let predicted = Interval { value, low: value * low, high: value * high };
            pairs.push(Pair { run, measured: run.seconds, predicted, roofline: run.roofline });
        }
        let has_energy = |group: &String| {
            runs.iter()
                .any(|run| by.group(run) == group && (run.joules.is_some() || run.joules_wall.is_some()))
        };
        for (group, coefficients) in fitted.into_iter().filter(|(group, _)| has_energy(group)) {
            let own = Fitted { coefficients, spread: of_others(&group, false), ..known.clone() };
            // They last as long as the program, and are few.
            energies.extend(table.predict_energies(Vec::leak(vec![own]), by, &group).runs);
        }
    }
    if pairs.is_empty() {
        return Err(Refusal::usage("nothing is left to be fitted on")
            .hint("hold back by the other of family and device"));
    }
    Ok((pairs, energies))
}

/// Each run beside its prediction.
fn each<'r>(figures: &'r [(&'static str, Vec<Pair<'r>>)]) -> Grid<'r> {
    let word = |key| Column::new(key, key, Fit::Word);
    let row = |figure: &'static str, pair: &'r Pair| {
        let Pair { run, measured, predicted, .. } = pair;
        vec![
            Cell::text(figure),
            Cell::text(run.model.as_str()),
            Cell::text(run.name.as_str()),
            Cell::text(run.family.as_str()),
            Cell::text(run.class.as_str()),
            Cell::text(run.device.as_str()),
            Cell::text(run.runtime.name()),
            Cell::text(run.unit.name()),
            Cell::Plain(*measured),
            Cell::Plain(predicted.value),
            Cell::Plain(predicted.low),
            Cell::Plain(predicted.high),
        ]
    };
    let rows = figures.iter().flat_map(|(figure, pairs)| pairs.iter().map(move |pair| row(figure, pair)));
    Grid {
        columns: [
            "figure",
            "model",
            "run",
            "family",
            "class",
            "device",
            "runtime",
            "unit",
            "measured",
            "predicted",
            "low",
            "high",
        ]
        .map(word)
        .into(),
        rows: rows.collect(),
        foot: vec![],
    }
}

fn columns() -> Vec<Column<'static>> {
    let number = |key, title| Column::new(key, title, Fit::Number);
    vec![
        Column::new("figure", "figure", Fit::Word),
        Column::new("runtime", "runtime", Fit::Word),
        Column::new("unit", "unit", Fit::Word),
        Column::new("device", "class, device", Fit::Name),
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

/// A row for each runtime and unit, and for each class of runs and each device with them.
fn rows_of(figure: &'static str, pairs: &[Pair]) -> Vec<Vec<Cell<'static>>> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        let class = Some(pair.run.class.as_str()).filter(|class| !class.is_empty());
        for device in ["", &pair.run.device].into_iter().chain(class) {
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
