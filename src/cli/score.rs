//! `ergometer score`: many models, one row for each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::error::{self, Refusal};
use super::estimates::Estimates;
use super::interrupt::stop_on_interrupt;
use super::place::Place;
use super::profiles;
use super::scores::{self, Publication};
use super::shapes::Shapes;
use super::{Global, Status};
use crate::zoo::cache::COUNTER;
use crate::zoo::source::Inputs;
use crate::zoo::store::{Before, Run, Shard, Store, StoreError};
use crate::zoo::{self, How, Progress, Request};

/// Options of `score`.
#[derive(Args, Debug)]
pub struct Options {
    /// ONNX files, folders, patterns, URLs, and manifests (.toml, .csv)
    #[arg(required_unless_present = "lists", value_name = "PATH")]
    paths: Vec<String>,
    /// Take paths from a file, one a line; `-` reads standard input
    #[arg(long = "files-from", value_name = "FILE")]
    lists: Vec<PathBuf>,
    #[command(flatten)]
    shapes: Shapes,
    #[command(flatten)]
    estimates: Estimates,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    publication: Publication,
    /// Go on with a run that was ended: models that have a row and whose file has not changed keep it, those that
    /// failed are tried again
    #[arg(long, help_heading = "Run")]
    resume: bool,
    /// Keep rows in this SQLite file, for --resume and merge
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    store: Option<PathBuf>,
    /// Score one of N parts, the same models on every machine; `ergometer merge` joins their stores
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "store", help_heading = "Run")]
    shard: Option<Shard>,
    /// Threads; one a core if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Run")]
    jobs: Option<u16>,
    /// Neither use nor keep the counts of models counted before
    #[arg(long, help_heading = "Run")]
    no_cache: bool,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    options.publication.possible()?;
    let targets = options.estimates.targets(global)?;
    if !global.quiet {
        targets.warnings.iter().for_each(|warning| error::warn(warning));
    }
    let request = Request {
        shapes: options.shapes.request(),
        devices: targets.devices.into_iter().map(std::borrow::Cow::into_owned).collect(),
        estimate: options.estimates.request()?,
        site: options.place.site()?,
    };
    let devices: Vec<String> = request.devices.iter().map(|device| device.id.to_string()).collect();
    let inputs = Inputs { paths: options.paths.clone(), lists: options.lists.clone() };
    let shard = options.shard.unwrap_or(Shard::WHOLE);
    let run = Run { tool: COUNTER.to_owned(), request: lines(&request), inputs: named(&inputs), shard };
    let kept = match &options.store {
        Some(path) => path.clone(),
        None => own_store(&run)?,
    };
    let _alone = alone(&kept)?;
    let before = match (options.resume, &options.store) {
        (true, _) => Before::Resume,
        (false, Some(_)) => Before::Refuse,
        (false, None) => Before::Forget,
    };
    let mut store = Store::begin(&kept, &run, before, &devices).map_err(refused)?;
    let cache = if options.no_cache { None } else { Some(cache()?) };
    let how =
        How { cache: cache.as_deref(), jobs: options.jobs.map(usize::from), shard, resume: options.resume };
    let stop = stop_on_interrupt();
    let bar = bar(global);
    let mut show = |progress: Progress| shown(&bar, progress);
    let ended =
        quietly(|| zoo::run(&inputs, &request, how, &mut store, &mut show, &stop)).map_err(refused)?;
    bar.finish_and_clear();
    if let Some(trouble) = &ended.cache_trouble {
        error::warn(&format!("counts are not kept for another time: {trouble}"));
    }
    if ended.stopped {
        let Progress { done, .. } = ended.progress;
        let again = if options.store.is_some() { "with the same --store" } else { "with the same options" };
        error::print(&format!("stopped after {done} models"), Some(&format!("go on with --resume, {again}")));
        return Ok(Status::Interrupted);
    }
    if ended.progress.done == 0 && shard == Shard::WHOLE {
        return Err(Refusal::usage("there is no model in what was named")
            .hint("a folder is searched for *.onnx; name other files one by one, or by a pattern")
            .into());
    }
    let status = scores::publish(&store, &devices, &options.publication, global)?;
    drop(store);
    if options.store.is_none() {
        forget(&kept);
    }
    Ok(status)
}

/// What rows answer, line by line: shapes, devices with a hash of their figures, precision and runtime.
fn lines(request: &Request) -> Vec<String> {
    let mut lines = vec![format!("{:?}", request.shapes), format!("{:?}", request.estimate)];
    lines.extend(request.site.iter().map(|site| format!("{site:?}")));
    lines.extend(request.devices.iter().map(|device| {
        let figures = blake3::hash(format!("{device:?}").as_bytes()).to_hex();
        format!("device {} ({})", device.id, figures.get(..16).unwrap_or_default())
    }));
    lines
}

fn named(inputs: &Inputs) -> Vec<String> {
    let lists = inputs.lists.iter().map(|list| format!("--files-from {}", list.display()));
    inputs.paths.iter().cloned().chain(lists).collect()
}

/// Where the rows of a run are kept that names no store: found again by what is asked.
fn own_store(run: &Run) -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let asked = format!("{run:?} {}", here.display());
    let hash = blake3::hash(asked.as_bytes()).to_hex();
    let folder = profiles::cache_folder()?.join("runs");
    made(&folder)?;
    Ok(folder.join(format!("{}.sqlite", hash.get(..16).unwrap_or_default())))
}

fn cache() -> anyhow::Result<PathBuf> {
    let folder = profiles::cache_folder()?;
    made(&folder)?;
    Ok(folder.join("counts.sqlite"))
}

fn made(folder: &Path) -> Result<(), Refusal> {
    fs::create_dir_all(folder).map_err(|error| {
        Refusal::environment(format!("cannot make {}: {error}", folder.display()))
            .hint("name a file for the rows with --store, and leave the cache out with --no-cache")
    })
}

/// A lock on a store: two processes that scored into one would do everything twice.
fn alone(store: &Path) -> Result<File, Refusal> {
    let mut name = store.as_os_str().to_owned();
    name.push(".lock");
    let refuse = |why: String| Refusal::environment(format!("{}: {why}", store.display()));
    let file = File::create(&name)
        .map_err(|error| refuse(error.to_string()).hint("name a file that you may write with --store"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(refuse("another process scores into it".to_owned())
                .hint("wait for it, or name another --store"))
        }
        // Not every file system can: rows are safe without it.
        Err(fs::TryLockError::Error(_)) => Ok(file),
    }
}

fn forget(store: &Path) {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut name = store.as_os_str().to_owned();
        name.push(suffix);
        // What is left behind takes room and harms nothing.
        let _ = fs::remove_file(name);
    }
}

/// Runs with panics of scoring threads untold: each becomes a row.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let scores = std::thread::current().name().is_some_and(|name| name.starts_with(zoo::THREAD));
        if !scores {
            told(panic);
        }
    }));
    work()
}

/// A store's error, with its hint.
pub fn refused(error: StoreError) -> Refusal {
    let hint = error.hint();
    Refusal::environment(error.to_string()).hint(hint)
}

fn bar(global: &Global) -> ProgressBar {
    if global.quiet {
        return ProgressBar::hidden();
    }
    // It hides itself where stderr is no terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{msg}") {
        bar.set_style(style);
    }
    bar
}

fn shown(bar: &ProgressBar, progress: Progress) {
    let Progress { listed, all_listed, done, kept, failed } = progress;
    bar.set_length(listed);
    bar.set_position(done);
    let new = done.saturating_sub(kept);
    let left = bar.elapsed().div_f64(new.max(1) as f64).mul_f64(listed.saturating_sub(done) as f64);
    let left = match all_listed {
        true => format!("{listed} models · {} left", HumanDuration(left)),
        false => format!("{listed}+ models"),
    };
    let failed = if failed > 0 { format!(" · {failed} failed") } else { String::new() };
    bar.set_message(format!("{left}{failed}"));
}

/// `2/4`.
fn shard(text: &str) -> Result<Shard, String> {
    let wrong = || format!("\"{text}\" is no part: 2/4 is the second of four");
    let (index, of) = text.split_once('/').ok_or_else(wrong)?;
    let shard = Shard { index: index.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
    if (1..=shard.of).contains(&shard.index) { Ok(shard) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(shard("2/4"), Ok(Shard { index: 2, of: 4 }));
        for text in ["0/4", "5/4", "1", "1/", "/1", "a/b", "-1/2", "1/0"] {
            assert!(shard(text).is_err(), "{text}");
        }
    }
}
