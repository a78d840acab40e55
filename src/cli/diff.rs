//! `ergometer diff`: what changed between two models.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{self, Refusal};
use super::output::{self, Output};
use super::shapes::Shapes;
use super::snapshot::{self, Counting};
use super::targets::{self, Targets};
use super::{Format, Global, Status};
use crate::check::{self, Finding, Limit, Metric, Rule};
use crate::cost::Convention;
use crate::device::{Catalogue, Precision};
use crate::diff::{Snapshot, compare};
use crate::predict;
use crate::report::diff::{self as report, Compared};
use crate::report::failure::Failure;
use crate::report::screen::Layout;
use crate::report::{Devices, json};

/// Layers of a table where no other number is asked for.
const TOP: usize = 10;

/// Options of `diff`.
#[derive(Args, Debug)]
pub struct Options {
    /// The model as it was: an ONNX file, or what `analyze --format json` wrote of it
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The model as it is now, likewise
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    #[command(flatten)]
    shapes: Shapes,
    /// Estimate for these devices; otherwise for those of the earlier analysis, if there is one
    #[arg(long = "device", value_name = "A,B", value_delimiter = ',', help_heading = "Estimate")]
    devices: Vec<String>,
    /// Run contractions in this number format, not as the models store them
    #[arg(long, value_name = "P", help_heading = "Estimate")]
    precision: Option<Precision>,
    /// Exit with 1 if a figure grows by more (`flops=+5%`) or is larger (`flops=9G`) than this
    #[arg(long = "budget", value_name = "KEY=LIMIT", value_parser = budget, value_delimiter = ',')]
    budgets: Vec<Rule>,
    /// Show every layer that is not the same
    #[arg(long, help_heading = "Layers", conflicts_with = "top")]
    all: bool,
    /// Show so many of them
    #[arg(long, value_name = "N", help_heading = "Layers")]
    top: Option<usize>,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let format = global.format();
    if format == Format::Csv {
        return Err(Refusal::usage("a comparison is no list of rows")
            .hint("take --format json or md")
            .into());
    }
    let paths = [&options.before, &options.after];
    output::keep_apart(global.output.as_deref(), &paths)?;
    let earlier: [Option<Snapshot>; 2] = [read(&options.before)?, read(&options.after)?];
    let targets = devices(options, &earlier, global.catalogue()?)?;
    if !global.quiet {
        for warning in &targets.warnings {
            error::warn(warning);
        }
    }
    let counting = Counting {
        request: options.shapes.request(),
        devices: &targets.devices,
        estimate: predict::Request { precision: options.precision, ..predict::Request::default() },
    };
    let [before, after] = earlier;
    let load = |earlier: Option<Snapshot>, path: &Path| match earlier {
        Some(snapshot) => Ok(snapshot),
        None => snapshot::count(path, &counting).map_err(refusal),
    };
    let before = load(before, &options.before)?;
    let after = load(after, &options.after)?;
    let diff = compare(&before, &after);
    let findings: Vec<Finding> = options
        .budgets
        .iter()
        .flat_map(|rule| on_each_device(rule, &after))
        .map(|rule| check::judge(&rule, &after, Some(&before)))
        .collect();
    let compared = Compared { diff: &diff, findings: &findings };
    let top = if options.all { None } else { Some(options.top.unwrap_or(TOP)) };
    let mut out = Output::open(global)?;
    match format {
        Format::Json => json::write(&report::json::of(&compared), json::Layout::Indented, &mut out)?,
        Format::Jsonl => json::write(&report::json::of(&compared), json::Layout::Line, &mut out)?,
        Format::Md => {
            let top = if options.all { Some(usize::MAX) } else { options.top };
            out.write_all(report::markdown(&compared, top).as_bytes())?;
        }
        _ => {
            let layout = Layout {
                width: out.width,
                style: out.style,
                detail: global.detail(),
                convention: Convention::Flops,
            };
            out.write_all(report::text(&compared, top, &layout).as_bytes())?;
        }
    }
    out.finish()?;
    Ok(if findings.iter().all(Finding::passes) { Status::Done } else { Status::Broken })
}

/// The one model of an earlier analysis; `None` if the file is none.
fn read(path: &Path) -> Result<Option<Snapshot>, Refusal> {
    if !snapshot::is_json(path) {
        return Ok(None);
    }
    let mut models = snapshot::saved(path).map_err(refusal)?;
    match (models.pop(), models.len()) {
        (model, 0) => Ok(model),
        (_, more) => {
            let message = format!("{}: holds {} models, and one is compared", path.display(), more + 1);
            let hint = "analyze one model a file; `ergometer check` takes a baseline of several";
            Err(Refusal::model(message, Some(hint.to_owned())))
        }
    }
}

/// The devices that are named; if none is, those that the earlier analysis has estimates for.
fn devices(
    options: &Options,
    earlier: &[Option<Snapshot>],
    catalogue: &'static Catalogue,
) -> Result<Targets, Refusal> {
    let known = earlier.iter().flatten().flat_map(|snapshot| &snapshot.estimates);
    let names: Vec<String> = known.map(|estimate| estimate.device.clone()).collect();
    if !options.devices.is_empty() || names.is_empty() {
        return targets::of(&options.devices, None, catalogue);
    }
    let mut all = Targets { devices: vec![], chosen: Devices::Named, every: false, warnings: vec![] };
    for name in names {
        match targets::of(std::slice::from_ref(&name), None, catalogue) {
            Ok(found) => {
                all.devices.extend(found.devices);
                all.warnings.extend(found.warnings);
            }
            Err(problem) => all.warnings.push(format!("no estimate for {name}, as before: {problem}")),
        }
    }
    Ok(all)
}

/// A budget of an estimate holds on each device; one of a count is one.
fn on_each_device(rule: &Rule, model: &Snapshot) -> Vec<Rule> {
    if !rule.metric.is_estimate() || model.estimates.is_empty() {
        return vec![rule.clone()];
    }
    let estimates = model.estimates.iter();
    estimates.map(|estimate| Rule { device: Some(estimate.device.clone()), ..rule.clone() }).collect()
}

fn refusal(failure: Failure) -> Refusal {
    Refusal::model(failure.error.message, failure.error.hint)
}

/// `flops=+5%` or `flops=9G`.
fn budget(text: &str) -> Result<Rule, String> {
    let (key, limit) = text.split_once('=').ok_or("a figure and a limit are needed, as flops=+5%")?;
    let keys = || Metric::ALL.map(Metric::key).join(", ");
    let metric = Metric::of_key(key.trim()).ok_or_else(|| format!("\"{key}\" is none of {}", keys()))?;
    let limit = limit.trim();
    let limit = if limit.starts_with('+') {
        Limit::Increase(check::parse_share(limit).map_err(|error| error.to_string())?)
    } else {
        Limit::AtMost(check::parse_amount(limit, metric).map_err(|error| error.to_string())?)
    };
    Ok(Rule { metric, device: None, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_increases_or_limits() {
        for (text, expected) in [
            ("flops=+5%", Some((Metric::Flops, Limit::Increase(0.05)))),
            ("latency = 20 ms", Some((Metric::Latency, Limit::AtMost(0.02)))),
            ("params=+0", Some((Metric::Params, Limit::Increase(0.0)))),
            ("flop=1", None),
            ("flops", None),
            ("flops=+5", None),
        ] {
            let found = budget(text).ok().map(|rule| (rule.metric, rule.limit));
            assert_eq!(found, expected, "{text}");
        }
    }
}
