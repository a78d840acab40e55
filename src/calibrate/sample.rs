//! One case: sized, warmed up, sampled, and held to scale with its work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::kernels::MOST_TURNS;
use super::plan::{Sampling, Search};
use super::{Case, Configuration, RunError, Runner, Sample, Size, Work, ladder, summary};
use crate::device::kernel::KernelShape;
use crate::device::profile::{Clock, Stats};
use crate::stats;
use crate::units::Seconds;

/// A sample this share of its target is long enough.
const LONG_ENOUGH: f64 = 0.6;
/// By how much a probe that took no time to speak of grows: the next is still far below any watchdog.
const GROWTH: f64 = 32.0;
/// Probes before a case is taken as it is.
const PROBES: usize = 8;
/// Dispatches in a pass: beyond, drivers' command buffers tell more than kernels.
const MOST_DISPATCHES: u32 = 4096;
/// Samples of a warm-up, plateau or not.
const MOST_WARMING: usize = 10;
/// Samples that a case without time left still gets.
const FEWEST: usize = 3;
/// Dispatches more than one over which the cost of starting is told.
const LEAST_DISPATCHES: u32 = 8;
/// Samples of each configuration in a search.
const SEARCHED: usize = 3;
/// Relative standard error at which sampling ends.
const PRECISE: f64 = 0.01;
/// How far time may be from twice the time at twice the work.
const SCALES: f64 = 0.05;
/// Or so many median deviations.
const SCALES_DEVIATIONS: f64 = 3.0;
/// Beyond this it measures something else than the work.
const REFUSED: f64 = 0.20;

/// Why a case has no figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// The runner says so.
    Run(RunError),
    /// Time does not follow work.
    NoScaling(String),
    /// The user does.
    Stopped,
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// What starting a pipeline costs, taken off every sample of the clocks that see it.
///
/// It is the pipeline's own: Mesa's software rasteriser fetches the compiled shader anew for each submission.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Overhead {
    /// A submission, and the wait for it.
    submission: f64,
    /// One dispatch that has next to nothing to do.
    dispatch: f64,
}

/// A case that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What, at the size that was timed.
    pub case: Case,
    /// Its samples, of one dispatch.
    pub stats: Stats,
    /// Configurations tried to find it.
    pub tried: u32,
}

/// A case of a size that takes about as long as a sample should.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sized {
    pub case: Case,
    pub dispatches: u32,
}

/// Runs cases and reads one clock.
pub(super) struct Sampler<'r> {
    pub runner: &'r mut dyn Runner,
    pub stop: &'r AtomicBool,
    clock: Clock,
    pub cores: u32,
    pub sampling: Sampling,
    overheads: HashMap<(&'static str, Configuration), Overhead>,
}

impl<'r> Sampler<'r> {
    pub fn new(
        runner: &'r mut dyn Runner,
        stop: &'r AtomicBool,
        clock: Clock,
        cores: u32,
        sampling: Sampling,
    ) -> Self {
        Self { runner, stop, clock, cores, sampling, overheads: HashMap::new() }
    }

    /// Reads another clock from here on; what the old one said of starting work is forgotten.
    pub fn read(&mut self, clock: Clock) {
        self.clock = clock;
        self.overheads.clear();
    }

    /// Runs once, unless stopped.
    pub fn run(&mut self, work: Work) -> Result<Sample, Fault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Fault::Stopped);
        }
        Ok(self.runner.run(work)?)
    }

    pub fn prepare(&mut self, case: &Case) -> Result<(), Fault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Fault::Stopped);
        }
        Ok(self.runner.prepare(case)?)
    }

    /// Seconds of some work by the clock; by the host's where timestamps do not reach.
    pub fn raw(&mut self, work: Work) -> Result<f64, Fault> {
        let sample = self.run(work)?;
        let clock = match (self.clock, work) {
            (Clock::Timestamp, Work::Dispatches(_)) => Clock::Timestamp,
            (Clock::Timestamp, _) => Clock::HostSlope,
            (other, _) => other,
        };
        let seconds = sample.seconds(clock, self.cores).filter(|seconds| seconds.0.is_finite());
        let silent = || RunError::Refused("the clock gave no reading".to_owned());
        Ok(seconds.ok_or_else(silent)?.0)
    }

    /// Seconds of a sized case without the cost of its start.
    pub fn seconds(&mut self, sized: &Sized) -> Result<f64, Fault> {
        let seconds = self.raw(Work::Dispatches(sized.dispatches))?;
        if self.clock == Clock::Timestamp {
            return Ok(seconds);
        }
        let pipeline = (sized.case.kernel.id, sized.case.configuration.clone());
        let Overhead { submission, dispatch } = self.overheads.get(&pipeline).copied().unwrap_or_default();
        // Of loops within a kernel the dispatch is a cost too; of kernels of models it is a part.
        let dispatch = if turns(sized.case.size).is_some() { dispatch } else { 0.0 };
        Ok(seconds - submission - dispatch * f64::from(sized.dispatches))
    }

    /// Learns what starting the pipeline of a case costs, the first time it is used: one dispatch of the least
    /// work, and the slope to several.
    fn learn_overhead(&mut self, case: &Case) -> Result<(), Fault> {
        let pipeline = (case.kernel.id, case.configuration.clone());
        if self.clock == Clock::Timestamp || self.overheads.contains_key(&pipeline) {
            return Ok(());
        }
        let Some(least) = least(case) else { return Ok(()) };
        self.prepare(&least)?;
        self.raw(Work::Dispatches(1))?;
        let mut medians = vec![];
        for count in [1, 1 + LEAST_DISPATCHES] {
            let samples: Result<Vec<f64>, Fault> =
                (0..FEWEST).map(|_| self.raw(Work::Dispatches(count))).collect();
            medians.extend(stats::median(&samples?));
        }
        if let [one, several] = *medians.as_slice() {
            let dispatch = ((several - one) / f64::from(LEAST_DISPATCHES)).clamp(0.0, one.max(0.0));
            self.overheads.insert(pipeline, Overhead { submission: one - dispatch, dispatch });
        }
        Ok(())
    }

    fn now(&self) -> f64 {
        self.runner.now().0
    }

    /// Prepares a case and grows its turns, or else its dispatches, until it takes the target.
    ///
    /// It starts at the size given, so that no dispatch is longer than some tens of milliseconds; the first
    /// one, in which drivers compile, is the runner's.
    pub fn size(&mut self, case: &Case) -> Result<Sized, Fault> {
        let target = self.sampling.target.0;
        self.learn_overhead(case)?;
        let mut sized = Sized { case: case.clone(), dispatches: 1 };
        self.prepare(&sized.case)?;
        for _ in 0..PROBES {
            let seconds = self.seconds(&sized)?;
            if seconds >= LONG_ENOUGH * target {
                break;
            }
            let growth = if seconds > 0.0 { (target / seconds).min(GROWTH) } else { GROWTH };
            let Some(larger) = grown(&sized, growth) else { break };
            if larger.case.size != sized.case.size {
                self.prepare(&larger.case)?;
            }
            sized = larger;
        }
        Ok(sized)
    }

    /// Runs until three samples in a row are alike and the adapter was busy for long enough; these count.
    pub fn warm_up(&mut self, sized: &Sized, busy: Seconds) -> Result<Vec<f64>, Fault> {
        let began = self.now();
        let mut all = vec![];
        let mut patience = MOST_WARMING;
        loop {
            all.push(self.seconds(sized)?);
            let last = all.get(all.len().saturating_sub(FEWEST)..).unwrap_or_default();
            let enough = last.len() == FEWEST && self.now() - began >= busy.0;
            let bounds = stats::minimum(last).zip(last.iter().copied().max_by(f64::total_cmp));
            let alike = bounds.is_some_and(|(low, high)| high - low <= self.sampling.plateau * high);
            if enough {
                patience = patience.saturating_sub(1);
                if alike || patience == 0 {
                    return Ok(last.to_vec());
                }
            }
        }
    }

    /// Samples until the mean is known to 1 % from enough of them, or they took long enough, or the time is up.
    fn samples(&mut self, sized: &Sized, share: Seconds) -> Result<Vec<f64>, Fault> {
        let until = self.now() + share.0;
        let mut samples = self.warm_up(sized, Seconds::ZERO)?;
        loop {
            let precise = stats::relative_standard_error(&samples).is_some_and(|error| error < PRECISE);
            // A long dispatch averages over more of its own noise than a short sample does.
            let worked: f64 = samples.iter().sum();
            let enough = samples.len() >= self.sampling.at_least
                || worked >= self.sampling.target.0 * self.sampling.at_least as f64;
            let late = self.now() > until && samples.len() >= FEWEST;
            let long = worked >= self.sampling.target.0 * self.sampling.at_most as f64;
            if (enough && precise) || samples.len() >= self.sampling.at_most || long || late {
                return Ok(samples);
            }
            samples.push(self.seconds(sized)?);
        }
    }

    /// Measures one case. It is prepared afterwards, at the size that was timed or twice that.
    pub fn measure(&mut self, case: &Case, share: Seconds) -> Result<Row, Fault> {
        let sized = self.size(case)?;
        self.measure_sized(&sized, share)
    }

    fn measure_sized(&mut self, sized: &Sized, share: Seconds) -> Result<Row, Fault> {
        let samples = self.samples(sized, share)?;
        let mut stats = summary(sized, &samples)?;
        let tolerance = SCALES.max(SCALES_DEVIATIONS * (stats.mad / stats.median));
        let ratio = self.scaling(sized, &samples, tolerance)?;
        if (ratio - 1.0).abs() > REFUSED.max(tolerance) {
            return Err(Fault::NoScaling(format!(
                "twice the work took {:.2} times as long: its time does not follow its work",
                2.0 * ratio
            )));
        }
        stats.scaling = Some(ratio);
        stats.unstable = (ratio - 1.0).abs() > tolerance;
        Ok(Row { case: sized.case.clone(), stats, tried: 1 })
    }

    /// Measures a row once more; the one of lower median is kept, and the least of both. Whether its time
    /// follows its work is asked again only where it did not.
    pub fn again(&mut self, row: &Row, share: Seconds) -> Result<Row, Fault> {
        let sized = Sized { case: row.case.clone(), dispatches: row.stats.dispatches };
        self.prepare(&sized.case)?;
        let found = if row.stats.unstable {
            self.measure_sized(&sized, share)?.stats
        } else {
            let samples = self.samples(&sized, share)?;
            Stats { scaling: row.stats.scaling, ..summary(&sized, &samples)? }
        };
        let least = if found.min.0 < row.stats.min.0 { found.min } else { row.stats.min };
        let steadier = row.stats.unstable && !found.unstable;
        let quieter = found.median.0 < row.stats.median.0;
        let kept = if steadier || quieter { found } else { row.stats };
        Ok(Row { stats: Stats { min: least, ..kept }, ..row.clone() })
    }

    /// What a row takes at most to be measured again, its share of time aside.
    pub fn longest(&self, row: &Row) -> f64 {
        let one = row.stats.median.0 * f64::from(row.stats.dispatches);
        one * (MOST_WARMING + 2 * FEWEST) as f64
    }

    /// Time at twice the work over twice the time: from one run, or where that is off from some of both, anew.
    fn scaling(&mut self, sized: &Sized, once: &[f64], tolerance: f64) -> Result<f64, Fault> {
        let double = doubled(sized);
        let by_turns = double.case.size != sized.case.size;
        let first = self.against(&double, by_turns, once, 1)?;
        if (first - 1.0).abs() <= tolerance {
            return Ok(first);
        }
        if by_turns {
            self.prepare(&sized.case)?;
        }
        let again = (0..FEWEST).map(|_| self.seconds(sized)).collect::<Result<Vec<_>, _>>()?;
        self.against(&double, by_turns, &again, FEWEST)
    }

    fn against(&mut self, double: &Sized, by_turns: bool, once: &[f64], runs: usize) -> Result<f64, Fault> {
        if by_turns {
            self.prepare(&double.case)?;
        }
        let twice = (0..runs).map(|_| self.seconds(double)).collect::<Result<Vec<_>, _>>()?;
        let medians = stats::median(&twice).zip(stats::median(once));
        Ok(medians.map_or(f64::INFINITY, |(twice, once)| twice / (2.0 * once)))
    }

    /// Measures the fastest configuration: each is tried with a few samples, the best in full.
    pub fn search(&mut self, search: &Search, share: Seconds) -> Result<Row, Fault> {
        let mut tries = Tries { tried: 0, best: None, first_fault: None };
        if search.exhaustive {
            for configuration in search.configurations.iter().take(search.most) {
                self.attempt(search, configuration, &mut tries)?;
            }
        } else if let Some(first) = search.configurations.first() {
            self.attempt(search, first, &mut tries)?;
            // The last setting of a row bears most on its rate.
            for setting in search.kernel.settings.iter().rev() {
                for value in setting.values {
                    let base = tries.best.as_ref().map_or(first, |(sized, _)| &sized.case.configuration);
                    let changed = with(base, setting.name, value);
                    let known = changed == *base || !search.configurations.contains(&changed);
                    if tries.tried < search.most && !known {
                        self.attempt(search, &changed, &mut tries)?;
                    }
                }
            }
        }
        let tried = u32::try_from(tries.tried).unwrap_or(u32::MAX);
        match (tries.best, tries.first_fault) {
            (Some((sized, _)), _) => {
                self.prepare(&sized.case)?;
                Ok(Row { tried, ..self.measure_sized(&sized, share)? })
            }
            (None, Some(fault)) => Err(fault),
            (None, None) => Err(Fault::Run(RunError::Refused("nothing was tried".to_owned()))),
        }
    }

    /// Times a configuration. A fault of it alone is kept; one of the device, or a stop, ends the search.
    fn attempt(
        &mut self,
        search: &Search,
        configuration: &Configuration,
        tries: &mut Tries,
    ) -> Result<(), Fault> {
        let case = Case { kernel: search.kernel, configuration: configuration.clone(), size: search.size };
        tries.tried += 1;
        let rated = self.rate(&case);
        match rated {
            Ok((sized, rate)) => {
                if tries.best.as_ref().is_none_or(|(_, best)| rate > *best) {
                    tries.best = Some((sized, rate));
                }
                Ok(())
            }
            Err(fault @ (Fault::Stopped | Fault::Run(RunError::Lost(_) | RunError::TimedOut(_)))) => {
                Err(fault)
            }
            Err(fault) => {
                tries.first_fault.get_or_insert(fault);
                Ok(())
            }
        }
    }

    /// Operations a second, from the fastest of a few samples.
    fn rate(&mut self, case: &Case) -> Result<(Sized, f64), Fault> {
        let sized = self.size(case)?;
        let samples = (0..SEARCHED).map(|_| self.seconds(&sized)).collect::<Result<Vec<_>, _>>()?;
        let fastest = stats::minimum(&samples).filter(|seconds| *seconds > 0.0);
        let operations = sized.case.layout().map(|layout| layout.operations);
        let rate = operations.zip(fastest).map(|(operations, seconds)| operations / seconds);
        let timeless = || Fault::NoScaling("it takes no longer than doing nothing".to_owned());
        Ok((sized, rate.ok_or_else(timeless)?))
    }
}

struct Tries {
    tried: usize,
    best: Option<(Sized, f64)>,
    first_fault: Option<Fault>,
}

/// Samples of a sized case as those of one dispatch.
fn summary(sized: &Sized, samples: &[f64]) -> Result<Stats, Fault> {
    let each: Vec<f64> = samples.iter().map(|seconds| seconds / f64::from(sized.dispatches)).collect();
    summary::of(&each, sized.dispatches)
        .ok_or_else(|| Fault::NoScaling("it takes no longer than doing nothing".to_owned()))
}

fn with(base: &Configuration, name: &str, value: &'static str) -> Configuration {
    let settings = base.0.iter().map(|(known, old)| (*known, if *known == name { value } else { *old }));
    Configuration(settings.collect())
}

/// The least work that the pipeline of a case does.
fn least(case: &Case) -> Option<Case> {
    let doubling = |from: u64| (0..16).map(move |place| from << place);
    let sizes: Vec<Size> = match case.size {
        Size::Chain { .. } => vec![Size::Chain { invocations: 1, turns: 1 }],
        Size::Bytes { .. } => {
            doubling(4 << 10).map(|working_set| Size::Bytes { working_set, turns: 1 }).collect()
        }
        Size::Intensity { flops_per_element, .. } => {
            doubling(256).map(|elements| Size::Intensity { elements, flops_per_element }).collect()
        }
        Size::Shape(shape) => {
            let mut shapes = ladder::shapes(shape.class(), case.kernel.id, true);
            let work = |shape: &KernelShape| shape.contraction_flops() + shape.elements_moved();
            shapes.sort_by(|a, b| work(a).total_cmp(&work(b)));
            shapes.into_iter().map(Size::Shape).collect()
        }
        Size::Empty => vec![],
    };
    let cases = sizes.into_iter().map(|size| Case { size, ..case.clone() });
    cases.into_iter().find(|case| case.layout().is_some())
}

/// The loop count of a size that has one.
fn turns(size: Size) -> Option<u32> {
    match size {
        Size::Chain { turns, .. } | Size::Bytes { turns, .. } => Some(turns),
        Size::Intensity { .. } | Size::Shape(_) | Size::Empty => None,
    }
}

/// So many times the work: more turns where there are turns to be had, else more dispatches. `None` where it
/// cannot grow.
fn grown(sized: &Sized, factor: f64) -> Option<Sized> {
    let scale = |count: u32, most: u32| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and `most`")]
        let larger = (f64::from(count) * factor).round().clamp(1.0, f64::from(most)) as u32;
        Some(larger).filter(|larger| *larger > count)
    };
    let more_turns = turns(sized.case.size).and_then(|turns| scale(turns, MOST_TURNS));
    let larger = more_turns.and_then(|turns| with_turns(sized, turns));
    larger.or_else(|| {
        let dispatches = scale(sized.dispatches, MOST_DISPATCHES)?;
        Some(Sized { dispatches, ..sized.clone() })
    })
}

/// Twice the work: of turns where there are any, as a compiler may have left the loop out.
fn doubled(sized: &Sized) -> Sized {
    let more_turns = turns(sized.case.size).and_then(|turns| turns.checked_mul(2));
    let larger = more_turns.and_then(|turns| with_turns(sized, turns));
    larger.unwrap_or_else(|| Sized { dispatches: sized.dispatches.saturating_mul(2), ..sized.clone() })
}

/// The same with so many turns, if the kernel runs that.
fn with_turns(sized: &Sized, count: u32) -> Option<Sized> {
    let mut other = sized.clone();
    match &mut other.case.size {
        Size::Chain { turns, .. } | Size::Bytes { turns, .. } => *turns = count,
        Size::Intensity { .. } | Size::Shape(_) | Size::Empty => return None,
    }
    other.case.layout().is_some().then_some(other)
}
