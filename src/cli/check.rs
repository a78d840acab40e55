//! `ergometer check`: holds models against the budgets of a file.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{self, Refusal};
use super::output::{self, Output};
use super::snapshot::{self, Counting};
use super::targets;
use super::{Format, Global, Status};
use crate::check::{Config, Finding, Limit, Settings, judge};
use crate::device::Precision;
use crate::diff::Snapshot;
use crate::graph::Request;
use crate::predict;
use crate::report::check::{self as report, Checked};
use crate::report::failure::Failure;
use crate::report::json;

/// The largest file of budgets that is read.
const MAX_CONFIG: u64 = 16 << 20;

/// Options of `check`.
#[derive(Args, Debug)]
#[command(
    after_help = "The budgets stand in [check], for all models, and in [[check.model]], for those of its path \
    (* and ? are wildcards): max_flops, max_macs, max_params, max_param_bytes, max_bytes, max_peak_memory \
    (activations alive at once), max_latency_s, max_energy_j; max_increase = { flops = \"5 %\" } over a baseline. \
    Beside them: device, precision, batch, dims, baseline."
)]
pub struct Options {
    /// ONNX files; without any, those that the budgets name
    #[arg(value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// Where the budgets are; paths in it are relative to its folder
    #[arg(long, value_name = "FILE", default_value = "ergometer.toml")]
    config: PathBuf,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let format = global.format();
    if format == Format::Csv {
        return Err(Refusal::usage("a check is no list of rows").hint("take --format json or md").into());
    }
    let config = read_config(&options.config)?;
    let folder = options.config.parent().unwrap_or(Path::new(""));
    let models: Vec<PathBuf> = match options.models.is_empty() {
        false => options.models.clone(),
        true => config.paths().map(|path| folder.join(path)).collect(),
    };
    if models.is_empty() {
        return Err(Refusal::usage("no model is named, neither here nor in the budgets")
            .hint("ergometer check MODEL.onnx, or a path in [[check.model]]")
            .into());
    }
    let models = without_repeats(models);
    output::keep_apart(global.output.as_deref(), &models)?;
    let mut baselines = Baselines { folder, read: HashMap::new() };
    let mut checked = vec![];
    for path in &models {
        checked.push(check(path, &config, &mut baselines, global)?);
    }
    write(&checked, format, global)?;
    let failed = checked.iter().filter(|model| model.failure.is_some()).count();
    Ok(if checked.iter().any(|model| model.failure.is_none() && !model.passes()) {
        Status::Broken
    } else if failed == 0 {
        Status::Done
    } else if failed == checked.len() {
        Status::Invalid
    } else {
        Status::Partial
    })
}

fn read_config(path: &Path) -> Result<Config, Refusal> {
    let shown = path.display();
    let size = path.metadata().map(|metadata| metadata.len());
    if size.is_ok_and(|size| size > MAX_CONFIG) {
        return Err(Refusal::usage(format!("{shown}: is longer than {MAX_CONFIG} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Refusal::usage(format!("{shown}: cannot be read: {error}"))
            .hint("--config names the file of the budgets; it is ergometer.toml where nothing is named")
    })?;
    Config::parse(&text).map_err(|error| {
        Refusal::usage(format!("{shown}: {error}"))
            .hint("`ergometer check --help` lists what may stand in it")
    })
}

/// Paths in their order, each once.
fn without_repeats(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    paths.into_iter().filter(|path| seen.insert(path.clone())).collect()
}

/// Baselines by their file, each read once.
struct Baselines<'c> {
    folder: &'c Path,
    read: HashMap<String, Vec<Snapshot>>,
}

impl Baselines<'_> {
    /// The baseline of a model: the one of its path, or the only one.
    fn of(&mut self, file: &str, model: &Path) -> Result<Option<&Snapshot>, Refusal> {
        if !self.read.contains_key(file) {
            let path = self.folder.join(file);
            let models = snapshot::saved(&path).map_err(|failure| {
                Refusal::usage(failure.error.message)
                    .hint("`ergometer analyze MODEL… --format json -o FILE` writes a baseline")
            })?;
            self.read.insert(file.to_owned(), models);
        }
        let models = self.read.get(file).map(Vec::as_slice).unwrap_or_default();
        let normal = |path: &Path| path.strip_prefix("./").unwrap_or(path).to_owned();
        let same = |snapshot: &&Snapshot| normal(Path::new(&snapshot.path)) == normal(model);
        let named = models.iter().find(same);
        Ok(named.or(match models {
            [only] => Some(only),
            _ => None,
        }))
    }
}

fn check(
    path: &Path,
    config: &Config,
    baselines: &mut Baselines,
    global: &Global,
) -> Result<Checked, Refusal> {
    let name = path.to_string_lossy().into_owned();
    let beside = path.strip_prefix(baselines.folder).unwrap_or(path).to_string_lossy().into_owned();
    let mut checked = Checked { path: name.clone(), findings: vec![], failure: None };
    let all = config.of(&beside);
    if all.is_empty() && !global.quiet {
        error::warn(&format!("{name}: no budget is set for it"));
    }
    for settings in &all {
        match one(path, settings, baselines, global)? {
            Ok(findings) => {
                for finding in findings {
                    if !checked.findings.contains(&finding) {
                        checked.findings.push(finding);
                    }
                }
            }
            Err(failure) => {
                checked.failure = Some(failure);
                break;
            }
        }
    }
    Ok(checked)
}

/// Counts a model as its settings say, and holds the budgets against it.
fn one(
    path: &Path,
    settings: &Settings,
    baselines: &mut Baselines,
    global: &Global,
) -> Result<Result<Vec<Finding>, Failure>, Refusal> {
    let estimated = settings.rules.iter().any(|rule| rule.metric.is_estimate());
    let precision = settings.precision.as_deref().map(str::parse::<Precision>).transpose();
    let precision = precision.map_err(|error| Refusal::usage(error.to_string()))?;
    let names: Vec<String> = settings.device.iter().cloned().collect();
    if estimated && names.is_empty() {
        return Err(Refusal::usage("max_latency_s and max_energy_j need a device")
            .hint("set device in the same table, or in [check]; `ergometer devices` lists them"));
    }
    let devices = if estimated { targets::of(&names, None, global.catalogue()?)?.devices } else { vec![] };
    let counting = Counting {
        request: Request {
            dims: settings.dims.iter().map(|(name, size)| (name.clone(), *size)).collect(),
            batch: settings.batch,
            ..Request::default()
        },
        devices: &devices,
        estimate: predict::Request { precision, ..predict::Request::default() },
    };
    let snapshot = match snapshot::count(path, &counting) {
        Ok(snapshot) => snapshot,
        Err(failure) => return Ok(Err(failure)),
    };
    let relative = settings.rules.iter().any(|rule| matches!(rule.limit, Limit::Increase(_)));
    let baseline = match settings.baseline.as_deref().filter(|_| relative) {
        Some(file) => baselines.of(file, path)?,
        None => None,
    };
    let device = devices.first().map(|device| device.id.to_string());
    let findings = settings.rules.iter().map(|rule| {
        let mut rule = rule.clone();
        rule.device = device.clone().filter(|_| rule.metric.is_estimate());
        judge(&rule, &snapshot, baseline)
    });
    Ok(Ok(findings.collect()))
}

fn write(checked: &[Checked], format: Format, global: &Global) -> anyhow::Result<()> {
    let mut out = Output::open(global)?;
    match format {
        Format::Json => json::write(&report::json::of(checked), json::Layout::Indented, &mut out)?,
        Format::Jsonl => json::write(&report::json::of(checked), json::Layout::Line, &mut out)?,
        Format::Md => out.write_all(report::as_markdown(checked).as_bytes())?,
        _ => {
            for line in report::lines(checked, global.verbose) {
                writeln!(out, "{line}")?;
            }
        }
    }
    out.finish()?;
    if !global.quiet {
        eprintln!("{}", report::summary(checked));
    }
    for failure in checked.iter().filter_map(|model| model.failure.as_ref()) {
        error::print(&failure.error.message, failure.error.hint.as_deref());
    }
    Ok(())
}
