//! What the tasks of a plan take, and which are done without when time runs short.

use std::collections::HashSet;

use super::plan::{Measurement, Plan, Task};
use super::{Case, Configuration, Size};
use crate::units::Seconds;

/// The weight of the latest task in what tasks are expected to take.
const LATEST: f64 = 0.15;
/// What kernels of the classes have been seen to reach where shaders run on the CPU: FLOPs and elements a
/// second.
const SOFTWARE_FLOPS_PER_SECOND: f64 = 4e9;
const SOFTWARE_ELEMENTS_PER_SECOND: f64 = 5e8;
/// Tasks of either kind before anything is dropped on what they took.
const LEARNT: u32 = 4;
/// Tasks set aside come back while all fits in this share of the time left.
const TO_SPARE: f64 = 0.9;

/// What is compiled once.
pub(super) type Pipeline<'p> = (&'static str, &'p Configuration);

/// What is compiled for a measurement, if it is one thing.
pub(super) fn pipeline(measurement: &Measurement) -> Option<Pipeline<'_>> {
    match measurement {
        Measurement::Time(case) | Measurement::Launch { case, .. } => {
            Some((case.kernel.id, &case.configuration))
        }
        Measurement::Search(_) | Measurement::Transfer { .. } => None,
    }
}

/// What tasks take: first a guess, then what they took.
pub(super) struct Budget {
    /// Of a pipeline that is not compiled yet.
    compile: f64,
    /// Of a case whose pipeline is.
    case: f64,
    /// Pipelines that this rests on.
    compiles: u32,
    /// Cases that this rests on.
    cases: u32,
    /// Whether shaders run on the CPU.
    software: bool,
    /// What the samples of a case take.
    samples: f64,
}

impl Budget {
    pub fn new(plan: &Plan) -> Self {
        let samples = plan.sampling.at_least as f64;
        let seconds = plan.sampling.target.0 * (samples + 6.0);
        let (compile, case) = if plan.software { (0.25, 2.0 * seconds) } else { (0.03, seconds) };
        Self {
            compile,
            case,
            compiles: 0,
            cases: 0,
            software: plan.software,
            samples: plan.sampling.target.0 * samples,
        }
    }

    /// What a measurement is expected to take.
    pub fn of(&self, measurement: &Measurement, compiled: &HashSet<Pipeline>) -> Seconds {
        let fresh = match pipeline(measurement) {
            Some(key) if compiled.contains(&key) => 0.0,
            _ => measurement.pipelines() as f64,
        };
        // A configuration that is tried takes a third of the samples of a case.
        let tries = fresh.max(1.0) - 1.0;
        let case = self.case.max(self.of_large(measurement).0);
        Seconds(case * (1.0 + tries / 3.0) + self.compile * fresh)
    }

    /// What it takes to measure again what was measured.
    pub fn look(&self) -> Seconds {
        Seconds(self.case)
    }

    /// What a case takes whose one dispatch is longer than a sample; 0 on adapters that have none such.
    fn of_large(&self, measurement: &Measurement) -> Seconds {
        match measurement {
            Measurement::Time(Case { size: Size::Shape(shape), .. }) if self.software => {
                let dispatch = shape.contraction_flops() / SOFTWARE_FLOPS_PER_SECOND
                    + shape.elements_moved() / SOFTWARE_ELEMENTS_PER_SECOND;
                // It is prepared, probed, sampled, and run twice once more.
                Seconds(4.0 * dispatch + self.samples.max(3.0 * dispatch))
            }
            _ => Seconds::ZERO,
        }
    }

    /// What all of them are expected to take.
    pub fn expected<'t>(&self, left: &[&'t Task], compiled: &HashSet<Pipeline<'t>>) -> Seconds {
        let mut coming = compiled.clone();
        let mut total = Seconds::ZERO;
        for task in left.iter().rev() {
            total += self.of(&task.measurement, &coming);
            coming.extend(pipeline(&task.measurement));
        }
        total
    }

    /// Moves what is expected towards what a task took: all the way at first, less by less later.
    pub fn learn(&mut self, measurement: &Measurement, compiled: &HashSet<Pipeline>, took: Seconds) {
        let Some(key) = pipeline(measurement) else { return };
        if self.of_large(measurement).0 > self.case {
            return;
        }
        let move_by = |of: &mut f64, known: &mut u32, found: f64| {
            *known = known.saturating_add(1);
            *of += (found - *of) * LATEST.max(1.0 / (f64::from(*known) + 1.0));
        };
        if compiled.contains(&key) {
            move_by(&mut self.case, &mut self.cases, took.0);
        } else {
            let found = (took.0 - self.case).max(0.0);
            move_by(&mut self.compile, &mut self.compiles, found);
        }
    }

    /// Sets the points that matter least aside until the rest fits, or brings them back where it does with
    /// time to spare. What is brought back comes last.
    pub fn fit<'t>(
        &self,
        left: &mut Vec<&'t Task>,
        aside: &mut Vec<&'t Task>,
        compiled: &HashSet<Pipeline<'t>>,
        remaining: Seconds,
    ) {
        if self.cases < LEARNT || self.compiles < LEARNT {
            return;
        }
        let mut expected = self.expected(left, compiled);
        while expected.0 > remaining.0 {
            let droppable = left.iter().enumerate().filter(|(_, task)| task.rank > 0);
            let Some((at, _)) = droppable.max_by_key(|(_, task)| task.rank) else { break };
            let dropped = left.remove(at);
            expected = expected - self.of(&dropped.measurement, compiled);
            aside.push(dropped);
        }
        aside.sort_by_key(|task| std::cmp::Reverse(task.rank));
        while let Some(task) = aside.last().copied() {
            expected += self.of(&task.measurement, compiled);
            if expected.0 > TO_SPARE * remaining.0 {
                break;
            }
            aside.pop();
            left.insert(0, task);
        }
    }
}
