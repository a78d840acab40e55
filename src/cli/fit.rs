//! `ergometer fit`: coefficients of the time of kernels, from measurements.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::measured::{self, HeldBack, Set, Table};
use super::output::{self, Output};
use super::{Global, Status};
use crate::predict::framework::fit::{self, Case, Errors};
use crate::predict::framework::{self, Fitted};

/// Runs of a runtime and unit below which nothing is fitted: there are more coefficients than that.
const FEWEST: usize = 40;

/// Options of `fit`.
#[derive(Args, Debug)]
#[command(
    after_help = "-o FILE is where the coefficients go; `analyze --coefficients FILE` predicts by them."
)]
pub struct Options {
    #[command(flatten)]
    measured: measured::Options,
    /// Begin with these coefficients: those that no measurement depends on stay
    #[arg(long, value_name = "FILE.toml")]
    coefficients: Option<PathBuf>,
    /// What the file says of the measurements
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let path = &options.measured.measured;
    output::keep_apart(global.output.as_deref(), std::slice::from_ref(path))?;
    let coefficients = options.coefficients.as_deref().map(measured::coefficients).transpose()?;
    let measured = Table::read(path, global.catalogue()?)?.predict(coefficients)?;
    let mut sets: Vec<Fitted> = coefficients.unwrap_or(framework::builtin()).to_vec();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let data = options.data.clone().unwrap_or(name);
    for set in measured.sets() {
        let Set { runtime, unit, processor, .. } = set;
        let cases = set.cases();
        if cases.len() < FEWEST {
            super::error::warn(&format!(
                "{} {runtime} runs on {unit} units are too few to fit: {FEWEST} are needed; these coefficients stay",
                cases.len()
            ));
            continue;
        }
        let before = framework::of(&sets, runtime, unit, processor).coefficients;
        let found = fit::fit(&cases.iter().collect::<Vec<&Case>>(), &before);
        let mut spread = None;
        for by in [HeldBack::Family, HeldBack::Device] {
            let Some(groups) = set.groups(by) else { continue };
            let fitted = fit::without_each(&cases, &groups);
            let ratios = fit::held_back(&cases, &groups, &fitted);
            // Estimates are for whole models: the interval is that of whole runs, where there are any.
            let whole = ratios.iter().zip(&set.runs).filter(|(_, run)| !run.kernels);
            let whole: Vec<f64> = whole.map(|(ratio, _)| *ratio).collect();
            let Some(errors) = Errors::of(&whole).or_else(|| Errors::of(&ratios)) else { continue };
            if !global.quiet {
                eprintln!(
                    "{runtime} on {unit} units, {} runs, each {} held back: {:.1} % median, {:.1} % mean error",
                    errors.cases,
                    by.name(),
                    100.0 * errors.median,
                    100.0 * errors.mean
                );
            }
            // Of both, what is left of devices is the harder: estimates are for those that nobody measured.
            spread = Some(by.spread(&errors));
        }
        let set = Fitted {
            runtime,
            unit,
            processor,
            fitted: true,
            data: format!("{data}: {} runs", cases.len()),
            spread: spread.unwrap_or(framework::of(&sets, runtime, unit, processor).spread),
            coefficients: found,
        };
        match sets
            .iter_mut()
            .find(|known| (known.runtime, known.unit, known.processor) == (runtime, unit, processor))
        {
            Some(known) => *known = set,
            None => sets.push(set),
        }
    }
    framework::compose(&mut sets);
    let mut out = Output::open(global)?;
    out.write_all(framework::written(&sets).as_bytes())?;
    out.finish()?;
    measured.warn();
    Ok(if measured.problems.is_empty() { Status::Done } else { Status::Partial })
}
