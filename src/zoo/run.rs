//! A run: models are listed ahead, scored on all cores, and written as they come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rayon::iter::{ParallelBridge, ParallelIterator};

use super::cache::{Cache, Learnt};
use super::count::{Request, Stamp, failed, score};
use super::source::{Entry, Inputs, Place};
use super::store::{Census, Shard, Store, StoreError};
use super::{Outcome, Problem, Score};

/// Models that are listed ahead of those that are scored: each takes some hundred bytes.
const LISTED_AHEAD: usize = 1 << 16;
/// Rows that wait to be written.
const WAITING: usize = 1 << 10;
/// Rows are written when there are so many, or when the first has waited so long.
const BATCH: usize = 512;
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// How the names of threads begin that score.
pub const THREAD: &str = "score";

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct How<'h> {
    /// Where counts are kept; `None` keeps none.
    pub cache: Option<&'h Path>,
    /// Threads that score; `None` for one a core.
    pub jobs: Option<usize>,
    /// Which models.
    pub shard: Shard,
    /// Whether models that have a row are left alone.
    pub resume: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Models listed so far that are of this shard.
    pub listed: u64,
    /// Whether all are listed.
    pub all_listed: bool,
    /// Models that have a row.
    pub done: u64,
    /// Of these, those that had one before.
    pub kept: u64,
    /// Of these, those that failed in this run.
    pub failed: u64,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How far it went.
    pub progress: Progress,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Why counts were not kept; the scores are not the worse for it.
    pub cache_trouble: Option<String>,
}

/// What a scoring thread hands over.
struct Done {
    score: Score,
    stamp: Option<Stamp>,
    learnt: Learnt,
    kept: bool,
}

/// Scores the models of `inputs` into `store`. A panic while one is scored is that model's problem.
///
/// # Errors
/// [`StoreError`] if a row cannot be written: those before it are.
pub fn run(
    inputs: &Inputs,
    request: &Request,
    how: How,
    store: &mut Store,
    on_progress: &mut dyn FnMut(Progress),
    stop: &AtomicBool,
) -> Result<Ended, StoreError> {
    let mut cache_trouble = None;
    let mut writer = how.cache.and_then(|path| match Cache::open(path) {
        Ok(cache) => Some(cache),
        Err(error) => {
            cache_trouble = Some(error.to_string());
            None
        }
    });
    let readable = how.cache.filter(|_| writer.is_some());
    let path = store.path().to_owned();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(how.jobs.unwrap_or(0))
        .thread_name(|index| format!("{THREAD}-{index}"))
        .build();
    let pool = pool.map_err(|error| StoreError::Threads(error.to_string()))?;
    let listed = AtomicU64::new(0);
    let all_listed = AtomicBool::new(false);
    let broken = AtomicBool::new(false);
    let halt = || stop.load(Ordering::Relaxed) || broken.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let (list, entries) = sync_channel::<Entry>(LISTED_AHEAD);
        let (done, rows) = sync_channel::<Done>(WAITING);
        let lister = scope.spawn(|| {
            let census = lister(inputs, how.shard, &listed, list, &halt);
            all_listed.store(true, Ordering::Release);
            census
        });
        scope.spawn(|| {
            let (path, halt) = (&path, &halt);
            pool.install(move || {
                let own = || Thread::open(path, readable, how.resume, done.clone());
                entries.into_iter().par_bridge().for_each_init(own, |thread, entry| {
                    if !halt() {
                        thread.score(entry, request);
                    }
                });
            });
        });
        let mut progress = Progress::default();
        let mut batch: Vec<(Score, Option<Stamp>)> = vec![];
        let mut learnt: Vec<Learnt> = vec![];
        let mut since = Instant::now();
        let written = loop {
            let next = rows.recv_timeout(LONGEST_WAIT);
            let ended = matches!(next, Err(RecvTimeoutError::Disconnected));
            if let Ok(Done { score, stamp, learnt: new, kept }) = next {
                progress.done += 1;
                progress.kept += u64::from(kept);
                if !kept {
                    progress.failed += u64::from(matches!(score.outcome, Outcome::Error(_)));
                    batch.push((score, stamp));
                    learnt.push(new);
                }
            }
            if ended || batch.len() >= BATCH || since.elapsed() >= LONGEST_WAIT {
                if let Err(error) = store.write(&batch) {
                    broken.store(true, Ordering::Relaxed);
                    // Whoever waits to hand a row over must not wait for ever.
                    while rows.recv().is_ok() {}
                    break Err(error);
                }
                if let Some(cache) = &mut writer
                    && let Err(error) = cache.keep(&learnt)
                {
                    cache_trouble = Some(error.to_string());
                    writer = None;
                }
                batch.clear();
                learnt.clear();
                since = Instant::now();
                progress.listed = listed.load(Ordering::Relaxed);
                progress.all_listed = all_listed.load(Ordering::Acquire);
                on_progress(progress);
            }
            if ended {
                break Ok(());
            }
        };
        let census = lister.join().ok().flatten();
        written?;
        let stopped = stop.load(Ordering::Relaxed) || census.is_none();
        if let Some(census) = census.filter(|_| !stopped) {
            store.end(census)?;
        }
        Ok(Ended { progress, stopped, cache_trouble })
    })
}

/// Lists all models and hands over those of the shard; `None` if it was stopped.
fn lister(
    inputs: &Inputs,
    shard: Shard,
    listed: &AtomicU64,
    list: SyncSender<Entry>,
    halt: &dyn Fn() -> bool,
) -> Option<Census> {
    let mut census = Census::default();
    for entry in inputs.entries() {
        if halt() {
            return None;
        }
        census.add(&entry.path);
        if shard.has(&entry.path) {
            listed.fetch_add(1, Ordering::Relaxed);
            list.send(entry).ok()?;
        }
    }
    Some(census)
}

/// What one scoring thread holds.
struct Thread {
    cache: Option<Cache>,
    /// Rows that are there already.
    before: Option<Store>,
    done: SyncSender<Done>,
}

impl Thread {
    fn open(store: &Path, cache: Option<&Path>, resume: bool, done: SyncSender<Done>) -> Self {
        let cache = cache.and_then(|path| Cache::open(path).ok());
        let before = if resume { Store::read(store).ok().map(|(store, _)| store) } else { None };
        Self { cache, before, done }
    }

    fn score(&mut self, entry: Entry, request: &Request) {
        let stamp = match &entry.place {
            Ok(Place::File(path)) => Stamp::of(path),
            _ => None,
        };
        let there = self.before.as_ref().is_some_and(|store| store.has(&entry.path, stamp).unwrap_or(false));
        let (score, learnt) = if there {
            let nothing = Problem { code: String::new(), message: String::new(), hint: None };
            (failed(entry, nothing), Learnt::default())
        } else {
            let again = entry.clone();
            let cache = self.cache.as_ref();
            catch_unwind(AssertUnwindSafe(|| score(entry, request, cache))).unwrap_or_else(|panic| {
                let what = panic.downcast_ref::<String>().map(String::as_str);
                let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
                let problem = Problem {
                    code: "bug".to_owned(),
                    message: format!("{}: a bug in ergometer: {what}", again.path),
                    hint: Some("please report this with the model, if you may share it".to_owned()),
                };
                (failed(again, problem), Learnt::default())
            })
        };
        // Nobody listens any more where rows cannot be written.
        let _ = self.done.send(Done { score, stamp, learnt, kept: there });
    }
}
