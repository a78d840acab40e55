//! Carries a plan out on a runner, within its time, and keeps what was measured whatever happens.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

use super::budget::{Budget, Pipeline, pipeline};
use super::clock::{Choice, Pair};
use super::plan::{Direction, Launched, Measurement, Plan, Task};
use super::sample::{Fault, Sampler, Sized};
use super::{Case, RunError, Runner, Work, summary};
use crate::device::profile::{Clock, Stats, Unmeasured};
use crate::stats;
use crate::units::Seconds;

pub use super::sample::Row;

/// Pairs of runs that the clock is chosen by.
const CLOCK_PAIRS: usize = 5;
/// The length of the runs that the clock is chosen by.
const CLOCK_TARGET: Seconds = Seconds(0.020);
/// Samples of the sentinel, each time: at 5 % of noise the medians of so many differ by less than what counts as
/// drift.
const SENTINEL_SAMPLES: usize = 15;
/// Turns of a task's expected time after which it makes do with what it has.
const PATIENCE: f64 = 2.0;
/// Transfers in a sample: one of a few kilobytes alone says more of the clock than of itself.
const MOST_TRANSFERS: f64 = 256.0;
/// Further looks at every row of a software adapter, if time allows.
const LOOKS: usize = 2;

/// How clocks are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// The one to use; the rules decide where none is asked for.
    pub asked: Option<Clock>,
    /// Cores that CPU time is divided by.
    pub cores: u32,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Tasks done or failed.
    pub done: usize,
    /// Tasks that there is time for: it may shrink and grow.
    pub total: usize,
    /// What comes next: its row and size.
    pub next: String,
    /// What the rest will take.
    pub left: Seconds,
}

/// All that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// The clock, and why that one.
    pub clock: Choice,
    /// Every case that has a figure.
    pub rows: Vec<Row>,
    /// Cost of starting work.
    pub launches: Vec<LaunchRecord>,
    /// Between host and adapter.
    pub transfers: Vec<TransferRecord>,
    /// Seconds of the sentinel at the start, in the middle and at the end.
    pub sentinels: Vec<f64>,
    /// What has no figure, and why.
    pub unmeasured: Vec<Unmeasured>,
    /// Points left out for want of time.
    pub dropped: usize,
    /// How it ended.
    pub end: End,
    /// What it took.
    pub took: Seconds,
}

/// The cost of one more of something that does nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchRecord {
    /// Of what.
    pub form: Launched,
    /// How many, and the seconds of them all, by sample.
    pub points: Vec<(f64, f64)>,
}

/// A transfer.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferRecord {
    /// Which way.
    pub direction: Direction,
    /// How much.
    pub bytes: u64,
    /// Its samples.
    pub stats: Stats,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// All was done.
    Complete,
    /// The user stopped it.
    Stopped,
    /// The device is gone.
    Lost(String),
}

/// Runs a plan. Whatever fails has a reason in the records; a lost device or a stop ends it with what there
/// is.
pub fn run(
    plan: &Plan,
    runner: &mut dyn Runner,
    clocks: Clocks,
    on_progress: &mut dyn FnMut(&Progress),
    stop: &AtomicBool,
) -> Records {
    let began = runner.now();
    let clock = clocks.asked.unwrap_or(Clock::HostSlope);
    let sampler = Sampler::new(runner, stop, clock, clocks.cores, plan.sampling);
    let mut run = Run {
        plan,
        sampler,
        budget: Budget::new(plan),
        sentinel: None,
        compiled: HashSet::new(),
        hung: HashSet::new(),
        refused: vec![],
        records: Records {
            clock: Choice::asked(clock),
            rows: vec![],
            launches: vec![],
            transfers: vec![],
            sentinels: vec![],
            unmeasured: plan.unmeasured.clone(),
            dropped: 0,
            end: End::Complete,
            took: Seconds::ZERO,
        },
    };
    let ended = run.prologue(clocks.asked).and_then(|()| run.tasks(began, on_progress));
    match ended {
        Ok(()) => {}
        Err(Fault::Run(error)) => run.records.end = End::Lost(lost(&error)),
        Err(Fault::NoScaling(_)) => {}
        Err(Fault::Stopped) => run.records.end = End::Stopped,
    }
    run.records.took = run.sampler.runner.now() - began;
    run.records
}

fn lost(error: &RunError) -> String {
    match error {
        RunError::Lost(reason) => reason.clone(),
        other => other.to_string(),
    }
}

struct Run<'r> {
    plan: &'r Plan,
    sampler: Sampler<'r>,
    budget: Budget,
    sentinel: Option<Sized>,
    compiled: HashSet<Pipeline<'r>>,
    hung: HashSet<&'static str>,
    /// Whose time did not follow their work.
    refused: Vec<&'r Task>,
    records: Records,
}

/// Whether a fault ends the run.
fn fatal(fault: &Fault) -> bool {
    matches!(fault, Fault::Stopped | Fault::Run(RunError::Lost(_)))
}

impl<'r> Run<'r> {
    fn unmeasured(&mut self, id: String, size: Option<String>, reason: String) {
        self.records.unmeasured.push(Unmeasured { id, size, reason });
    }

    /// Keeps the reason of a fault, or hands on one that ends the run.
    fn kept<T>(&mut self, result: Result<T, Fault>, id: &str) -> Result<Option<T>, Fault> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fatal(&fault) => Err(fault),
            Err(fault) => {
                self.unmeasured(id.to_owned(), None, reason(&fault));
                Ok(None)
            }
        }
    }

    /// Warms the adapter up and chooses the clock.
    fn prologue(&mut self, asked: Option<Clock>) -> Result<(), Fault> {
        let sized = match &self.plan.sentinel {
            Some(case) => {
                let sized = self.sized_for_clocks(case);
                self.kept(sized, "clock")?
            }
            None => None,
        };
        let choice = match (asked, &sized) {
            (Some(clock), _) => Some(Choice::asked(clock)),
            (None, Some(sized)) => {
                let chosen = self.choose(sized);
                self.kept(chosen, "clock")?
            }
            (None, None) => None,
        };
        let choice = choice.unwrap_or_else(|| Choice::blind(self.plan.software));
        self.sampler.read(choice.clock);
        self.records.clock = choice;
        if let Some(case) = &self.plan.sentinel {
            let sized = self.sampler.size(case);
            self.sentinel = self.kept(sized, "sentinel")?;
        }
        Ok(())
    }

    /// The sentinel at some 20 ms by the host's clock, on a warm adapter.
    fn sized_for_clocks(&mut self, case: &Case) -> Result<Sized, Fault> {
        let target = self.sampler.sampling.target;
        self.sampler.read(Clock::HostSlope);
        self.sampler.sampling.target = CLOCK_TARGET;
        let sized = self.sampler.size(case);
        let warmed = sized.and_then(|sized| {
            self.sampler.warm_up(&sized, self.plan.sampling.busy)?;
            Ok(sized)
        });
        self.sampler.sampling.target = target;
        warmed
    }

    fn choose(&mut self, sized: &Sized) -> Result<Choice, Fault> {
        if self.plan.software {
            let sample = self.sampler.run(Work::Dispatches(1))?;
            return Ok(Choice::software(sample.cpu.is_some()));
        }
        let mut pairs = vec![];
        for _ in 0..CLOCK_PAIRS {
            let once = self.sampler.run(Work::Dispatches(sized.dispatches))?;
            let twice = self.sampler.run(Work::Dispatches(2 * sized.dispatches))?;
            pairs.push(Pair {
                host: [once.host.0, twice.host.0],
                timestamp: once.timestamp.zip(twice.timestamp).map(|(once, twice)| [once.0, twice.0]),
            });
        }
        Ok(Choice::hardware(&pairs))
    }

    /// Everything in its order, the sentinel at the start, in the middle and at the end.
    fn tasks(&mut self, began: Seconds, on_progress: &mut dyn FnMut(&Progress)) -> Result<(), Fault> {
        let total = self.plan.tasks.len();
        let plan = self.plan;
        let mut left: Vec<&'r Task> = plan.tasks.iter().rev().collect();
        self.look_at_sentinel()?;
        let mut aside = vec![];
        let mut half_way = false;
        while let Some(task) = left.last().copied() {
            let elapsed = self.sampler.runner.now() - began;
            let remaining = self.plan.budget - elapsed;
            self.budget.fit(&mut left, &mut aside, &self.compiled, remaining);
            self.records.dropped = aside.len();
            if left.last().is_none_or(|last| !std::ptr::eq(*last, task)) {
                continue;
            }
            let done = total - left.len() - aside.len();
            if !half_way && done >= left.len() {
                half_way = true;
                self.look_at_sentinel()?;
            }
            let expected = self.budget.expected(&left, &self.compiled);
            let kept = total - aside.len();
            on_progress(&Progress {
                done,
                total: kept * (1 + self.looks()),
                next: described(&task.measurement),
                left: self.with_looks(expected, kept, remaining),
            });
            left.pop();
            self.task(task, remaining, expected)?;
        }
        let kept = total - aside.len();
        self.look_again(began, kept, on_progress)?;
        self.look_at_sentinel()?;
        let next = String::new();
        let total = kept * (1 + self.looks());
        on_progress(&Progress { done: total, total, next, left: Seconds::ZERO });
        Ok(())
    }

    /// How often every row is looked at again.
    fn looks(&self) -> usize {
        if self.plan.software { LOOKS } else { 0 }
    }

    /// What the tasks and the further looks take, as far as there is time for these.
    fn with_looks(&self, tasks: Seconds, kept: usize, remaining: Seconds) -> Seconds {
        let looks = self.budget.look() * (kept * self.looks()) as f64;
        Seconds((tasks + looks).0.min(tasks.0.max(remaining.0)))
    }

    /// Measures everything again as time allows, and keeps the quietest of each: programs that share caches and
    /// memory with a software adapter slow it down for seconds on end, and nothing makes it faster. First comes
    /// what made no sense.
    fn look_again(
        &mut self,
        began: Seconds,
        tasks: usize,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), Fault> {
        let all = tasks * (1 + self.looks());
        for look in 1..=self.looks() {
            for task in std::mem::take(&mut self.refused) {
                let remaining = self.remaining(began);
                if self.budget.of(&task.measurement, &self.compiled).0 > remaining.0 {
                    return Ok(());
                }
                let (id, size) = (task.measurement.id(), task.measurement.size());
                self.records.unmeasured.retain(|entry| (&entry.id, &entry.size) != (&id, &size));
                self.task(task, remaining, remaining)?;
            }
            let mut order: Vec<usize> = (0..self.records.rows.len()).collect();
            order.sort_by_key(|at| self.records.rows.get(*at).is_some_and(|row| !row.stats.unstable));
            for (place, at) in order.iter().enumerate() {
                let Some(row) = self.records.rows.get(*at).cloned() else { continue };
                let remaining = self.remaining(began);
                if self.sampler.longest(&row) > remaining.0 {
                    return Ok(());
                }
                let done = look * tasks + place.min(tasks);
                let left = Seconds(self.budget.look().0 * all.saturating_sub(done) as f64);
                on_progress(&Progress {
                    done,
                    total: all,
                    next: format!("{} again", described(&Measurement::Time(row.case.clone()))),
                    left: Seconds(left.0.min(remaining.0)),
                });
                let quietest = self.sampler.again(&row, self.budget.look());
                match quietest {
                    Ok(quietest) => {
                        if let Some(kept) = self.records.rows.get_mut(*at) {
                            *kept = quietest;
                        }
                    }
                    Err(fault) if fatal(&fault) => return Err(fault),
                    // What the first look found stands.
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }

    fn remaining(&self, began: Seconds) -> Seconds {
        self.plan.budget - (self.sampler.runner.now() - began)
    }

    fn look_at_sentinel(&mut self) -> Result<(), Fault> {
        let Some(sized) = self.sentinel.clone() else { return Ok(()) };
        let seconds = self.sentinel_seconds(&sized);
        let seconds = self.kept(seconds, "sentinel")?;
        self.records.sentinels.extend(seconds.flatten());
        Ok(())
    }

    fn sentinel_seconds(&mut self, sized: &Sized) -> Result<Option<f64>, Fault> {
        self.sampler.prepare(&sized.case)?;
        let mut samples = self.sampler.warm_up(sized, Seconds::ZERO)?;
        while samples.len() < SENTINEL_SAMPLES {
            samples.push(self.sampler.seconds(sized)?);
        }
        Ok(stats::median(&samples))
    }

    fn task(&mut self, task: &'r Task, remaining: Seconds, expected: Seconds) -> Result<(), Fault> {
        let (id, size) = (task.measurement.id(), task.measurement.size());
        if let Some(kernel) = self.hung.iter().find(|kernel| of_kernel(&task.measurement) == Some(**kernel)) {
            let reason = format!("left out after {kernel} did not come back");
            self.unmeasured(id, size, reason);
            return Ok(());
        }
        let began = self.sampler.runner.now();
        let own = self.budget.of(&task.measurement, &self.compiled);
        // With time to spare a task may take more of it, never so that the rest starves.
        let spare = if expected.0 > 0.0 { (remaining / expected).max(0.0) } else { 1.0 };
        let share = own * (PATIENCE * spare);
        let done = self.dispatch(&task.measurement, share);
        let took = self.sampler.runner.now() - began;
        self.budget.learn(&task.measurement, &self.compiled, took);
        if let Some(key) = pipeline(&task.measurement) {
            self.compiled.insert(key);
        }
        match done {
            Ok(()) => Ok(()),
            Err(fault) if fatal(&fault) => Err(fault),
            Err(fault) => {
                match &fault {
                    Fault::Run(RunError::TimedOut(_)) => self.hung.extend(of_kernel(&task.measurement)),
                    Fault::NoScaling(_) => self.refused.push(task),
                    _ => {}
                }
                self.unmeasured(id, size, reason(&fault));
                Ok(())
            }
        }
    }

    fn dispatch(&mut self, measurement: &Measurement, share: Seconds) -> Result<(), Fault> {
        match measurement {
            Measurement::Time(case) => {
                let row = self.sampler.measure(case, share)?;
                self.records.rows.push(row);
            }
            Measurement::Search(search) => {
                let row = self.sampler.search(search, share)?;
                self.records.rows.push(row);
            }
            Measurement::Launch { case, form } => {
                let points = self.launch(case, *form)?;
                self.records.launches.push(LaunchRecord { form: *form, points });
            }
            Measurement::Transfer { direction, bytes } => {
                let stats = self.transfer(*direction, *bytes, share)?;
                self.records.transfers.push(TransferRecord { direction: *direction, bytes: *bytes, stats });
            }
        }
        Ok(())
    }

    fn launch(&mut self, case: &Case, form: Launched) -> Result<Vec<(f64, f64)>, Fault> {
        self.sampler.prepare(case)?;
        self.sampler.run(form.work(1))?;
        let mut points = vec![];
        for _ in 0..self.plan.sampling.at_least {
            for count in form.counts() {
                points.push((f64::from(*count), self.sampler.raw(form.work(*count))?));
            }
        }
        Ok(points)
    }

    fn transfer(&mut self, direction: Direction, bytes: u64, share: Seconds) -> Result<Stats, Fault> {
        let until = self.sampler.runner.now() + share;
        // The first one allocates.
        self.sampler.run(direction.work(bytes))?;
        let one = self.sampler.raw(direction.work(bytes))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the most")]
        let times = (self.plan.sampling.target.0 / one).clamp(1.0, MOST_TRANSFERS) as u32;
        let mut samples = vec![];
        while samples.len() < self.plan.sampling.at_least {
            let mut together = 0.0;
            for _ in 0..times {
                together += self.sampler.raw(direction.work(bytes))?;
            }
            samples.push(together / f64::from(times));
            if self.sampler.runner.now() > until && samples.len() >= 3 {
                break;
            }
        }
        let timeless = || Fault::NoScaling("it takes no time".to_owned());
        summary::of(&samples, times).ok_or_else(timeless)
    }
}

fn reason(fault: &Fault) -> String {
    match fault {
        Fault::Run(error) => error.to_string(),
        Fault::NoScaling(reason) => reason.clone(),
        Fault::Stopped => "stopped".to_owned(),
    }
}

fn described(measurement: &Measurement) -> String {
    match measurement.size() {
        Some(size) => format!("{} {size}", measurement.id()),
        None => measurement.id(),
    }
}

fn of_kernel(measurement: &Measurement) -> Option<&'static str> {
    match measurement {
        Measurement::Time(case) | Measurement::Launch { case, .. } => Some(case.kernel.id),
        Measurement::Search(search) => Some(search.kernel.id),
        Measurement::Transfer { .. } => None,
    }
}
