//! What runs of models were measured to take, from a CSV file, and what is predicted of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::error::{self, Refusal};
use super::{estimates, input, shapes, targets};
use crate::cost::ModelCost;
use crate::device::{ArithmeticUnit, Catalogue, Device};
use crate::graph;
use crate::onnx;
use crate::predict::framework::fit::{Case, Errors};
use crate::predict::framework::{self, Fitted, Processor, Term};
use crate::predict::{self, Interval, Runtime, predict};
use crate::zoo;

/// The largest file of coefficients.
const MAX_COEFFICIENTS_MIB: u64 = 1;

/// Where measurements are.
#[derive(Args, Debug)]
#[group(skip)]
pub struct Options {
    /// Measurements: CSV with `path`, `device` and `seconds`
    ///
    /// `batch`, `dims`, `precision`, `runtime` (eager, or kernels for their time alone), `joules` of the device, `joules_wall`
    /// of the machine, `class` and `family` may stand with them. Paths are relative to the folder of the file; errors are told
    /// for each class, and models of a family (the letters that a file name begins with) are held back together
    #[arg(long, value_name = "FILE.csv")]
    pub measured: PathBuf,
}

/// One run.
pub struct Run {
    /// The model, its sizes and the device.
    pub name: String,
    /// What it is one of, where the file says: errors are told for each class.
    pub class: String,
    /// The model alone.
    pub model: String,
    /// Models that are alike.
    pub family: String,
    /// [`Device::id`].
    pub device: String,
    /// What ran it.
    pub runtime: Runtime,
    /// Whether it is the time of the kernels alone, as a profiler adds them up, without what starting them takes.
    pub kernels: bool,
    /// What did its contractions.
    pub unit: ArithmeticUnit,
    /// What sort of processor that is a part of.
    pub processor: Processor,
    /// Measured seconds.
    pub seconds: f64,
    /// Measured joules of the device.
    pub joules: Option<f64>,
    /// Measured joules of the whole machine.
    pub joules_wall: Option<f64>,
    /// Seconds at full rates, by term; `None` where no spec sheet is behind the estimate.
    pub terms: Option<[f64; Term::COUNT]>,
    /// Predicted seconds.
    pub predicted: Interval<f64>,
    /// Predicted joules of the device.
    pub energy: Option<Interval<f64>>,
    /// Predicted joules of the whole machine.
    pub system: Option<Interval<f64>>,
    /// Seconds at the roofline.
    pub roofline: Option<f64>,
}

/// Runs, and what is wrong with the other rows.
pub struct Measured {
    /// In the order of the file.
    pub runs: Vec<Run>,
    /// One message for each row that is no run.
    pub problems: Vec<String>,
}

impl Measured {
    /// Warns of what is wrong, each thing once.
    pub fn warn(&self) {
        let mut seen = std::collections::HashSet::new();
        for problem in self.problems.iter().filter(|problem| seen.insert(*problem)) {
            error::warn(problem);
        }
    }
}

/// A row of the file.
#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Row {
    path: String,
    device: String,
    seconds: Option<f64>,
    joules: Option<f64>,
    joules_wall: Option<f64>,
    batch: Option<u64>,
    dims: String,
    precision: String,
    runtime: String,
    class: String,
    family: String,
}

impl Row {
    fn family(&self) -> String {
        if self.family.is_empty() { family(&stem(&self.path)) } else { self.family.clone() }
    }
}

/// The rows of a file, as they stand there.
pub struct Table {
    path: PathBuf,
    rows: Vec<Result<Row, String>>,
    catalogue: &'static Catalogue,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// A [`Refusal`] for one that holds no measurements.
    pub fn read(path: &Path, catalogue: &'static Catalogue) -> Result<Self, Refusal> {
        let file = File::open(path).map_err(|why| wrong(path, &format!("cannot be read: {why}")))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
        let header = reader.headers().map_err(|why| wrong(path, &why.to_string()))?.clone();
        let lacks = |name: &&str| !header.iter().any(|column| column == *name);
        if let Some(missing) = ["path", "device", "seconds"].into_iter().find(lacks) {
            return Err(wrong(path, &format!("its header has no column \"{missing}\"")));
        }
        let rows = reader.into_deserialize().map(|row| row.map_err(|why| why.to_string())).collect();
        Ok(Self { path: path.to_owned(), rows, catalogue })
    }

    /// Counts the models of all rows and predicts them.
    ///
    /// # Errors
    /// A [`Refusal`] if none of them is a run.
    pub fn predict(&self, coefficients: Option<&'static [Fitted]>) -> Result<Measured, Refusal> {
        let measured = self.predict_some(coefficients, |_, _| true);
        if measured.runs.is_empty() {
            measured.warn();
            return Err(wrong(&self.path, "none of its rows is a run that can be predicted"));
        }
        Ok(measured)
    }

    /// The same of rows with an energy that are of this group alone.
    pub fn predict_energies(&self, coefficients: &'static [Fitted], by: HeldBack, group: &str) -> Measured {
        self.predict_some(Some(coefficients), |row, device| {
            let has_energy = row.joules.is_some() || row.joules_wall.is_some();
            has_energy
                && match by {
                    HeldBack::Family => row.family() == group,
                    HeldBack::Device => device == Some(group),
                }
        })
    }

    fn predict_some(
        &self,
        coefficients: Option<&'static [Fitted]>,
        wanted: impl Fn(&Row, Option<&str>) -> bool,
    ) -> Measured {
        let mut counter = Counter {
            folder: self.path.parent().unwrap_or(Path::new("")),
            catalogue: self.catalogue,
            devices: HashMap::new(),
            last: None,
        };
        let mut measured = Measured { runs: vec![], problems: vec![] };
        for (at, row) in self.rows.iter().enumerate() {
            let run = match row {
                Ok(row) => {
                    let device = counter.device(&row.device);
                    let id = device.as_ref().ok().map(|device| device.id.to_string());
                    if !wanted(row, id.as_deref()) {
                        continue;
                    }
                    device.and_then(|device| counter.run(row, &device, coefficients))
                }
                Err(why) => Err(why.clone()),
            };
            match run {
                Ok(run) => measured.runs.push(run),
                // The header is line 1.
                Err(why) => {
                    let line = at.saturating_add(2);
                    measured.problems.push(format!("{}:{line}: {why}", self.path.display()));
                }
            }
        }
        measured
    }
}

fn wrong(path: &Path, why: &str) -> Refusal {
    Refusal::usage(format!("{}: {why}", path.display()))
        .hint("each row needs path, device and seconds; `ergometer validate --help` lists the rest")
}

/// What is held back together.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldBack {
    /// Models that are alike
    Family,
    /// All runs on a device
    Device,
}

impl HeldBack {
    /// What a run is held back with.
    pub fn group(self, run: &Run) -> &str {
        match self {
            Self::Family => &run.family,
            Self::Device => &run.device,
        }
    }

    /// What a group is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Family => "family",
            Self::Device => "device",
        }
    }

    /// The interval that what was held back asks for.
    pub fn spread(self, errors: &Errors) -> [f64; 2] {
        match self {
            Self::Family => errors.spread,
            // Devices are few: one that is slower than the others say might as well have been faster.
            Self::Device => errors.both_ways,
        }
    }
}

/// Runs that one set of coefficients predicts.
pub struct Set<'r> {
    /// What runs them.
    pub runtime: Runtime,
    /// What does their contractions.
    pub unit: ArithmeticUnit,
    /// What sort of processor that is a part of.
    pub processor: Processor,
    /// The runs.
    pub runs: Vec<&'r Run>,
}

impl Set<'_> {
    /// The runs as cases to fit. A device counts as the root of the models that ran on it, however many runs there are: a
    /// second model says less than the first. Its single kernels count as one model does.
    pub fn cases(&self) -> Vec<Case> {
        let mut devices: BTreeMap<(&str, bool), (f64, BTreeSet<&str>)> = BTreeMap::new();
        for run in &self.runs {
            let (runs, models) = devices.entry((&run.device, run.kernels)).or_default();
            *runs += 1.0;
            models.insert(&run.model);
        }
        let case = |run: &&Run| {
            let of = devices.get(&(run.device.as_str(), run.kernels));
            let weight = of.map_or(1.0, |(runs, models)| {
                let all = if run.kernels { 1.0 } else { (models.len() as f64).sqrt() };
                all / runs
            });
            Some(Case { sums: run.terms?, seconds: run.seconds, weight })
        };
        self.runs.iter().filter_map(case).collect()
    }

    /// What each of the runs is held back with; `None` if all of them are of one group.
    pub fn groups(&self, by: HeldBack) -> Option<Vec<String>> {
        let groups: Vec<String> = self.runs.iter().map(|run| by.group(run).to_owned()).collect();
        groups.iter().any(|group| Some(group) != groups.first()).then_some(groups)
    }
}

impl Measured {
    /// Runs by the set of coefficients that they are predicted with.
    pub fn sets(&self) -> Vec<Set<'_>> {
        let mut sets: BTreeMap<_, Set> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.terms.is_some()) {
            let Run { runtime, unit, processor, .. } = *run;
            let none = Set { runtime, unit, processor, runs: vec![] };
            sets.entry((runtime.name(), unit.name(), processor)).or_insert(none).runs.push(run);
        }
        sets.into_values().collect()
    }
}

/// Counts models for rows: those of one model stand together, and it is counted once for all of them.
struct Counter<'p> {
    folder: &'p Path,
    catalogue: &'static Catalogue,
    devices: HashMap<String, Result<Cow<'static, Device>, String>>,
    last: Option<(Key, Result<ModelCost, String>)>,
}

/// A model and its sizes.
#[derive(PartialEq, Eq, Clone)]
struct Key {
    path: PathBuf,
    batch: Option<u64>,
    dims: String,
}

impl Counter<'_> {
    fn run(
        &mut self,
        row: &Row,
        device: &Device,
        coefficients: Option<&'static [Fitted]>,
    ) -> Result<Run, String> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let seconds =
            row.seconds.filter(|seconds| positive(*seconds)).ok_or("seconds are no number above 0")?;
        if [row.joules, row.joules_wall].into_iter().flatten().any(|joules| !positive(joules)) {
            return Err("joules are no number above 0".to_owned());
        }
        let precision = match row.precision.as_str() {
            "" => None,
            name => Some(estimates::precision(name)?),
        };
        let kernels = row.runtime == "kernels";
        let runtime = match row.runtime.as_str() {
            "" | "eager" | "kernels" => Runtime::Eager,
            "compiled" => Runtime::Compiled,
            "engine" => Runtime::Engine,
            "webgpu" => Runtime::Webgpu,
            other => {
                return Err(format!(
                    "\"{other}\" is no runtime: eager, compiled, engine, kernels and webgpu are"
                ));
            }
        };
        let key = Key { path: self.folder.join(&row.path), batch: row.batch, dims: row.dims.clone() };
        let cost = self.cost(&key)?;
        let request = predict::Request {
            precision,
            runtime: Some(runtime),
            coefficients,
            ..predict::Request::default()
        };
        let prediction = predict(cost, device, &request).map_err(|why| why.to_string())?;
        let mut terms = match runtime {
            Runtime::Webgpu => None,
            _ => Some(framework::terms(cost, device, runtime, precision).map_err(|why| why.to_string())?.0),
        };
        let mut predicted = prediction.latency.map(|time| time.0);
        if let Some(terms) = terms.as_mut().filter(|_| kernels) {
            if let Some(starts) = terms.get_mut(Term::Start as usize) {
                *starts = 0.0;
            }
            let set = framework::of(
                coefficients.unwrap_or(framework::builtin()),
                runtime,
                prediction.unit,
                Processor::of(device),
            );
            let value = set.coefficients.seconds(terms);
            let [low, high] = set.spread;
            predicted = Interval { value, low: value * low, high: value * high };
        }
        let sizes: Vec<String> =
            key.batch.map(|batch| format!("batch={batch}")).into_iter().chain([key.dims.clone()]).collect();
        Ok(Run {
            name: format!("{} {}", stem(&row.path), sizes.join(" ")).trim().to_owned(),
            class: row.class.clone(),
            model: stem(&row.path),
            family: row.family(),
            device: device.id.to_string(),
            runtime,
            unit: prediction.unit,
            processor: Processor::of(device),
            seconds,
            joules: row.joules,
            joules_wall: row.joules_wall,
            terms,
            kernels,
            predicted,
            energy: prediction.energy.map(|energy| energy.map(|energy| energy.0)),
            system: prediction.system_energy.map(|energy| energy.map(|energy| energy.0)),
            roofline: prediction.roofline.map(|time| time.0),
        })
    }

    fn device(&mut self, name: &str) -> Result<Cow<'static, Device>, String> {
        if name.is_empty() {
            return Err("there is no device".to_owned());
        }
        let catalogue = self.catalogue;
        let found = self.devices.entry(name.to_owned()).or_insert_with(|| {
            let targets =
                targets::of(&[name.to_owned()], None, catalogue).map_err(|refusal| refusal.to_string())?;
            targets.devices.into_iter().next().ok_or_else(|| format!("no device is called \"{name}\""))
        });
        found.clone()
    }

    fn cost(&mut self, key: &Key) -> Result<&ModelCost, String> {
        if self.last.as_ref().is_none_or(|(known, _)| known != key) {
            self.last = Some((key.clone(), count(key)));
        }
        match &self.last {
            Some((_, cost)) => cost.as_ref().map_err(Clone::clone),
            None => Err("nothing is counted".to_owned()),
        }
    }
}

fn count(key: &Key) -> Result<ModelCost, String> {
    let model = onnx::read(&key.path).map_err(|why| why.to_string())?;
    let request =
        graph::Request { batch: key.batch, dims: zoo::dims(&key.dims)?, ..graph::Request::default() };
    let (_, cost) = shapes::count_at(&model, &request)
        .map_err(|why| format!("{}: {}", key.path.display(), why.message))?;
    if !cost.totals.complete {
        return Err(format!("{}: not all of its nodes are counted", key.path.display()));
    }
    Ok(cost)
}

/// The name of a file without its ending.
fn stem(path: &str) -> String {
    Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The letters that a name begins with.
fn family(stem: &str) -> String {
    let letters: String = stem.chars().take_while(char::is_ascii_alphabetic).collect();
    if letters.is_empty() { stem.to_owned() } else { letters }
}

/// Reads sets of coefficients, for as long as the program runs.
///
/// # Errors
/// A [`Refusal`] that names the file.
pub fn coefficients(path: &Path) -> Result<&'static [Fitted], Refusal> {
    let wrong = |why: String| {
        Refusal::usage(format!("{}: {why}", path.display()))
            .hint("`ergometer fit --measured FILE.csv -o FILE.toml` writes one")
    };
    let text = input::small_text(path, MAX_COEFFICIENTS_MIB).map_err(wrong)?;
    let sets = framework::read(&text).map_err(|why| wrong(why.to_string()))?;
    if sets.is_empty() {
        return Err(wrong("holds no set of coefficients".to_owned()));
    }
    Ok(Vec::leak(sets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_letters_that_a_name_begins_with() {
        for (name, expected) in
            [("resnet50d-224", "resnet"), ("vit_base", "vit"), ("3d-net", "3d-net"), ("", "")]
        {
            assert_eq!(family(name), expected);
        }
    }
}
