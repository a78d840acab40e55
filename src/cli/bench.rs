//! `ergometer bench`: measures what the local adapter delivers, and saves it as a profile.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::error::Refusal;
use super::interrupt::stop_on_interrupt;
use super::output::{self, Output};
use super::profiles::{self, LOCAL};
use super::shapes::{self, Shapes};
use super::{Format, Global, Status};
use crate::calibrate::assemble::{self, About};
use crate::calibrate::compare;
use crate::calibrate::consumption::{self, Cases};
use crate::calibrate::gpu::{AdapterError, Adapters, Found, Gpu, WGPU_VERSION};
use crate::calibrate::host;
use crate::calibrate::measure::{self, Clocks, Progress};
use crate::calibrate::plan::{self, Plan};
use crate::calibrate::power::{self, AdapterFacts, Discovery, Roots, Verdict};
use crate::device::EnergyModel;
use crate::device::kernel::KernelShape;
use crate::device::profile::{Profile, Status as State};
use crate::report::style::Style;
use crate::report::{json, profile as screen, table, text};
use crate::{onnx, predict};

/// Options of `bench`.
#[derive(Args, Debug)]
pub struct Options {
    /// List the adapters of this machine and the power meters looked for, and measure nothing
    #[arg(long, help_heading = "Adapter")]
    list: bool,
    /// Measure this adapter: its number in the list, or a part of its name
    #[arg(long, value_name = "ADAPTER", help_heading = "Adapter")]
    adapter: Option<String>,
    /// How long to measure
    #[arg(long, value_name = "PRESET", default_value = "standard", help_heading = "Measurement")]
    preset: Preset,
    /// Measure the kernels of these models at their exact shapes, besides the suite's
    #[arg(long = "model", value_name = "MODEL", help_heading = "Measurement")]
    models: Vec<PathBuf>,
    /// Of the data and of the order of the measurements
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Measurement")]
    seed: u64,
    /// Save the profile under this name, for --device NAME
    #[arg(long, value_name = "NAME", default_value = LOCAL, value_parser = name, help_heading = "Profile")]
    name: String,
    /// Show what changed since this profile beyond noise: a name or a file
    #[arg(long, value_name = "PROFILE", help_heading = "Profile")]
    compare: Option<String>,
    #[command(flatten)]
    shapes: Shapes,
}

/// How long to measure.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Preset {
    /// Ten seconds, a minute on a software adapter: a few sizes of each kernel
    Quick,
    /// A minute and a half, four on a software adapter: enough sizes for a curve of each class
    Standard,
    /// Up to five minutes, fifteen on a software adapter: all sizes and configurations
    Full,
}

fn name(text: &str) -> Result<String, String> {
    if profiles::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err("a name is made of letters, digits, '-', '_' and '.'".to_owned())
    }
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let adapters = Adapters::find();
    if options.list {
        return list(&adapters, global);
    }
    let baseline = options.compare.as_deref().map(baseline).transpose()?;
    let models = model_kernels(options)?;
    output::keep_apart(global.output.as_deref(), &options.models)?;
    let found = adapters.choose(options.adapter.as_deref()).map_err(refused)?;
    // Opened first: a file that cannot be written should not cost a minute of measuring.
    let out = Output::open(global)?;
    let profile = measure(options, global, found, &models)?;
    let saved = profiles::save(&profile)?;
    write(&profile, baseline.as_ref(), &saved, options, global, out)?;
    Ok(if profile.quality.status == State::Partial { Status::Interrupted } else { Status::Done })
}

/// The profile of a name or in a file.
fn baseline(name: &str) -> Result<Profile, Refusal> {
    match profiles::load(name)? {
        Some(profile) => Ok(profile),
        None => profiles::read(Path::new(name)),
    }
}

fn list(adapters: &Adapters, global: &Global) -> anyhow::Result<Status> {
    adapters.choose(None).map_err(refused)?;
    let mut out = Output::open(global)?;
    output::write(&screen::adapters(adapters.all().iter().map(|found| &found.facts)), global, &mut out)?;
    out.finish()?;
    if !global.quiet {
        let roots = Roots::of_this_machine();
        for found in adapters.all() {
            let Discovery { tried, .. } = power::discover(&AdapterFacts::from(&found.facts), &roots);
            anstream::eprintln!("power meters for {}:", text::visible(&found.facts.name));
            for tried in tried {
                anstream::eprintln!("  {}: {}", tried.meter, text::visible(&tried.verdict.to_string()));
            }
        }
    }
    Ok(Status::Done)
}

fn refused(error: AdapterError) -> Refusal {
    let hint = match error {
        AdapterError::None { .. } => {
            "install the GPU's driver; `apt-get install mesa-vulkan-drivers` has one that runs on any CPU"
        }
        AdapterError::Unknown { .. } | AdapterError::Ambiguous { .. } => {
            "`ergometer bench --list` shows all of them"
        }
        AdapterError::Refused { .. } => "another program may hold it, or its driver needs an update",
    };
    match error {
        AdapterError::None { .. } | AdapterError::Refused { .. } => {
            Refusal::environment(error.to_string()).hint(hint)
        }
        _ => Refusal::usage(error.to_string()).hint(hint),
    }
}

/// Each distinct kernel of the models, once.
fn model_kernels(options: &Options) -> Result<Vec<(KernelShape, &'static str)>, Refusal> {
    let mut all = BTreeSet::new();
    for path in &options.models {
        let refuse = |message: String, hint| Refusal::model(format!("{}: {message}", path.display()), hint);
        let model = onnx::read(path).map_err(|error| Refusal::model(error.to_string(), error.hint()))?;
        let (_graph, cost) =
            shapes::count(&model, &options.shapes).map_err(|error| refuse(error.message, error.hint))?;
        all.extend(predict::lowering::kernels_of(&cost));
    }
    Ok(all.into_iter().collect())
}

/// Measures an adapter by a plan, with a bar on a terminal. Ctrl-C ends it with what there is.
fn measure(
    options: &Options,
    global: &Global,
    found: &Found,
    models: &[(KernelShape, &'static str)],
) -> anyhow::Result<Profile> {
    let mut host = host::facts();
    let mut gpu = Gpu::open(found, options.seed).map_err(refused)?;
    let plan = Plan::new(options.preset.into(), &found.facts, models, options.seed);
    let stop = stop_on_interrupt();
    let bar = bar(global, &found.facts.name);
    let clocks = Clocks { asked: None, cores: host.cores };
    let mut show = |progress: &Progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(format!("{} · {} left", progress.next, progress.left));
    };
    let records = measure::run(&plan, &mut gpu, clocks, &mut show, &stop);
    let energy = energy(options, found, &mut gpu, &plan, &bar, &stop);
    bar.finish_and_clear();
    host.load_after = host::load();
    let about = About {
        name: options.name.clone(),
        created: jiff::Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        wgpu: WGPU_VERSION.to_owned(),
        adapter: found.facts.clone(),
        host,
        shader_checks: false,
        models: options.models.iter().map(|path| path.display().to_string()).collect(),
    };
    let mut profile = assemble::profile(&plan, &records, about);
    match energy {
        Ok(model) => profile.energy = Some(model),
        Err(reason) => profile.energy_reason = Some(reason),
    }
    Ok(profile)
}

/// The energy model of the adapter, or why there is none.
fn energy(
    options: &Options,
    found: &Found,
    gpu: &mut Gpu,
    plan: &Plan,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> Result<EnergyModel, String> {
    let roots = Roots::of_this_machine();
    let Discovery { chosen, tried } = power::discover(&AdapterFacts::from(&found.facts), &roots);
    let Some(mut meter) = chosen else {
        let reasons = tried.iter().filter(|tried| !matches!(tried.verdict, Verdict::NotMeant(_)));
        let reasons: Vec<String> =
            reasons.map(|tried| format!("{}: {}", tried.meter, tried.verdict)).collect();
        return Err(format!("no meter ({})", reasons.join("; ")));
    };
    if options.preset == Preset::Quick {
        return Err("the quick preset is shorter than the windows that a meter needs".to_owned());
    }
    bar.set_message(format!("energy by {}", meter.identity().name));
    consumption::measure(&Cases::of(plan), gpu, meter.as_mut(), &*roots.clock(), options.seed, stop)
        .map_err(|error| error.to_string())
}

fn bar(global: &Global, adapter: &str) -> ProgressBar {
    if global.quiet {
        return ProgressBar::hidden();
    }
    // It hides itself where stderr is no terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:20} {pos}/{len}  {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(text::visible(adapter).into_owned());
    bar
}

fn write(
    profile: &Profile,
    baseline: Option<&Profile>,
    saved: &Path,
    options: &Options,
    global: &Global,
    mut out: Output,
) -> anyhow::Result<()> {
    match global.format() {
        Format::Json => json::write(profile, json::Layout::Indented, &mut out)?,
        Format::Jsonl => json::write(profile, json::Layout::Line, &mut out)?,
        Format::Csv | Format::Md => output::write(&screen::measurements(profile), global, &mut out)?,
        Format::Table => {
            let text = screen::screen(profile, out.width, &out.style, global.detail());
            out.write_all(text.as_bytes())?;
        }
    }
    if let Some(baseline) = baseline {
        let comparison = compare::compare(baseline, profile);
        let mut told = screen::comparison_remarks(&comparison);
        let width = out.width;
        told.push_str(&table::render(&screen::comparison(&comparison), width, 0, &Style::PLAIN));
        // Results in another format stay whole: what people want to know goes beside them.
        if global.format() == Format::Table {
            write!(out, "\n{told}")?;
        } else {
            anstream::eprint!("{told}");
        }
    }
    out.finish()?;
    if !global.quiet {
        let name = &options.name;
        anstream::eprintln!("saved as {}; use it with `ergometer MODEL --device {name}`", saved.display());
    }
    Ok(())
}

impl From<Preset> for plan::Preset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Quick => Self::Quick,
            Preset::Standard => Self::Standard,
            Preset::Full => Self::Full,
        }
    }
}
