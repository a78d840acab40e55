//! What the adapter draws: kernels of known work and traffic run for windows that its meter can count.

use std::sync::atomic::{AtomicBool, Ordering};

use super::energy::{self, EnergySample, FitError, FitOptions};
use super::kernels::Measures;
use super::plan::{Measurement, Plan, Preset};
use super::power::{self, Clock, Meter, MeterError, WindowError};
use super::{Case, Layout, RunError, Runner, Work};
use crate::device::EnergyModel;
use crate::device::kernel::KernelClass;
use crate::units::Seconds;

/// What one submission should take: long beside its cost, short beside a window.
const BATCH: Seconds = Seconds(0.05);
/// Share of the time that a light window works: it tells static power from the price of work, which kernels at
/// full load cannot.
const LIGHT: f64 = 0.02;
/// Light windows in each round.
const LIGHT_WINDOWS: usize = 2;

/// Windows that the model is judged on.
const HELD_BACK: usize = 3;

/// What is run for the fit, and what it is judged on.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    /// From little work for each byte to much.
    pub fitted: Vec<Case>,
    /// Kernels that models are made of.
    pub held_back: Vec<Case>,
    /// Times that the windows of the fit are gone through.
    pub rounds: usize,
}

impl Cases {
    /// The intensity sweep of a plan to fit on, and the first shape of some classes to judge by.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let timed = || {
            plan.tasks.iter().filter_map(|task| match &task.measurement {
                Measurement::Time(case) => Some((task.rank, case)),
                _ => None,
            })
        };
        let intensity = timed().filter(|(_, case)| case.kernel.measures == Measures::Intensity);
        let mut fitted: Vec<Case> = intensity.map(|(_, case)| case.clone()).collect();
        let intensity = |case: &Case| case.layout().map_or(0.0, |layout| layout.operations / layout.bytes);
        fitted.sort_by(|a, b| intensity(a).total_cmp(&intensity(b)));
        let judged = timed().filter(|(rank, case)| {
            *rank == 0
                && matches!(
                    case.kernel.measures,
                    Measures::Class {
                        class: KernelClass::Matmul | KernelClass::Elementwise,
                        runtime_like: true,
                        ..
                    }
                )
        });
        let held_back = judged.map(|(_, case)| case.clone()).take(HELD_BACK).collect();
        Self { fitted, held_back, rounds: if plan.preset == Preset::Full { 3 } else { 1 } }
    }
}

/// Why the energy of the adapter is not known.
#[derive(Debug, thiserror::Error)]
pub enum ConsumptionError {
    /// The meter failed.
    #[error("the meter failed: {0}")]
    Meter(#[from] MeterError),
    /// A window could not be measured.
    #[error("{0}")]
    Window(String),
    /// A kernel failed.
    #[error("a kernel failed: {0}")]
    Run(#[from] RunError),
    /// What was measured fits no model.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The user stopped it.
    #[error("it was stopped")]
    Stopped,
}

/// Measures idle power, then the energy of every case, and fits the model.
///
/// `clock` must be the meter's.
///
/// # Errors
/// [`ConsumptionError`]. A kernel that does not run is left out; the fit says if too few are left.
pub fn measure(
    cases: &Cases,
    runner: &mut dyn Runner,
    meter: &mut dyn Meter,
    clock: &dyn Clock,
    seed: u64,
    stop: &AtomicBool,
) -> Result<EnergyModel, ConsumptionError> {
    let length = power::window_for(meter.identity());
    let idle =
        power::idle(meter, clock, length).map_err(|error| ConsumptionError::Window(error.to_string()))?;
    let mut samples = vec![];
    let mut bench = Bench { runner, meter, clock, stop, length };
    for _ in 0..cases.rounds {
        for case in &cases.fitted {
            samples.extend(bench.window(case, 1.0, false)?);
        }
        for case in cases.fitted.iter().rev().take(LIGHT_WINDOWS) {
            samples.extend(bench.window(case, LIGHT, false)?);
        }
    }
    for case in &cases.held_back {
        samples.extend(bench.window(case, 1.0, true)?);
    }
    let options = FitOptions { seed, ..FitOptions::default() };
    Ok(energy::fit(&samples, meter.identity(), Some(idle.power()), options)?)
}

struct Bench<'b> {
    runner: &'b mut dyn Runner,
    meter: &'b mut dyn Meter,
    clock: &'b dyn Clock,
    stop: &'b AtomicBool,
    length: Seconds,
}

impl Bench<'_> {
    /// One window of a case, at work for a share of the time; `None` if the case does not run here.
    fn window(
        &mut self,
        case: &Case,
        share: f64,
        held_back: bool,
    ) -> Result<Option<EnergySample>, ConsumptionError> {
        let Some(layout) = case.layout() else { return Ok(None) };
        match self.runner.prepare(case) {
            Ok(()) => {}
            Err(error @ RunError::Lost(_)) => return Err(error.into()),
            Err(_) => return Ok(None),
        }
        let dispatches = self.dispatches()?;
        let Self { runner, clock, stop, .. } = self;
        let work = |length: Seconds| -> Result<u64, ConsumptionError> {
            let end = clock.now() + length;
            let mut done = 0_u64;
            while clock.now() < end {
                if stop.load(Ordering::Relaxed) {
                    return Err(ConsumptionError::Stopped);
                }
                let began = clock.now();
                runner.run(Work::Dispatches(dispatches))?;
                done = done.saturating_add(u64::from(dispatches));
                if share < 1.0 {
                    let worked = clock.now() - began;
                    clock.sleep(worked * (1.0 / share - 1.0));
                }
            }
            Ok(done)
        };
        match power::measure(&mut *self.meter, *clock, self.length, work) {
            Ok((measured, done)) => {
                let amount = |each: f64| whole(each * done as f64);
                let Layout { operations, bytes, .. } = layout;
                Ok(Some(EnergySample {
                    time: measured.time,
                    flops: amount(operations),
                    bytes: amount(bytes),
                    joules: measured.joules,
                    held_back,
                }))
            }
            Err(WindowError::Work(error)) => Err(error),
            Err(WindowError::Meter(error)) => Err(error.into()),
            Err(error) => Err(ConsumptionError::Window(error.to_string())),
        }
    }

    /// How many dispatches make a batch, by doubling until one takes long enough to tell.
    fn dispatches(&mut self) -> Result<u32, RunError> {
        let mut count = 1_u32;
        self.runner.run(Work::Dispatches(count))?;
        loop {
            let took = self.runner.run(Work::Dispatches(count))?.host;
            if took >= BATCH * 0.5 || count >= 1 << 16 {
                return Ok(count);
            }
            count = count.saturating_mul(2);
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that exceeds u64 saturates"
)]
fn whole(amount: f64) -> u64 {
    amount as u64
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::calibrate::mock::Mock;
    use crate::calibrate::{Layout, Sample};
    use crate::device::MeterScope;
    use crate::units::{Joules, Watts};

    const IDLE: f64 = 40.0;
    const STATIC: f64 = 90.0;
    const JOULES_PER_FLOP: f64 = 3e-12;
    const JOULES_PER_BYTE: f64 = 2e-10;

    /// A mock that draws power: what runs it, what times it and what meters it see one world.
    #[derive(Clone)]
    struct World(Arc<Mutex<State>>);

    struct State {
        now: f64,
        joules: f64,
        since: f64,
    }

    impl World {
        fn pass(&self, seconds: f64, watts: f64, work: f64) {
            let mut state = self.0.lock().unwrap();
            state.now += seconds;
            state.joules += seconds * watts + work;
        }
    }

    impl Clock for World {
        fn now(&self) -> Seconds {
            Seconds(self.0.lock().unwrap().now)
        }

        // What is at work stays clocked up between dispatches; idle is what the first window sees.
        fn sleep(&self, time: Seconds) {
            let now = self.now().0;
            let worked = self.0.lock().unwrap().joules > 1.5 * IDLE * now;
            self.pass(time.0, if worked { STATIC } else { IDLE }, 0.0);
        }
    }

    struct Running {
        mock: Mock,
        world: World,
        layout: Option<Layout>,
    }

    impl Runner for Running {
        fn prepare(&mut self, case: &Case) -> Result<(), RunError> {
            self.layout = case.layout();
            self.mock.prepare(case)
        }

        fn run(&mut self, work: Work) -> Result<Sample, RunError> {
            let sample = self.mock.run(work)?;
            if let (Work::Dispatches(count), Some(layout)) = (work, &self.layout) {
                let each = layout.operations * JOULES_PER_FLOP + layout.bytes * JOULES_PER_BYTE;
                self.world.pass(sample.host.0, STATIC, each * f64::from(count));
            }
            Ok(sample)
        }

        fn now(&self) -> Seconds {
            Clock::now(&self.world)
        }
    }

    struct Counter {
        info: power::MeterInfo,
        world: World,
    }

    impl Meter for Counter {
        fn identity(&self) -> &power::MeterInfo {
            &self.info
        }

        fn restart(&mut self) -> Result<power::Reading, MeterError> {
            let mut state = self.world.0.lock().unwrap();
            state.since = state.joules;
            Ok(power::Reading { joules: Joules(0.0), instant: Seconds(state.now) })
        }

        fn read(&mut self) -> Result<power::Reading, MeterError> {
            let state = self.world.0.lock().unwrap();
            // A counter of millijoules.
            let joules = ((state.joules - state.since) * 1e3).floor() / 1e3;
            Ok(power::Reading { joules: Joules(joules), instant: Seconds(state.now) })
        }
    }

    fn modelled(stop: bool) -> Result<EnergyModel, ConsumptionError> {
        let world = World(Arc::new(Mutex::new(State { now: 0.0, joules: 0.0, since: 0.0 })));
        let mock = Mock::gpu(1);
        let plan = Plan::new(Preset::Standard, &mock.adapter(), &[], 1);
        let info = power::MeterInfo {
            name: "a counter".to_owned(),
            scope: MeterScope::Board,
            resolution: Joules(1e-3),
            update_period: Seconds(1e-3),
            counter: true,
            poll_every: None,
        };
        let mut meter = Counter { info, world: world.clone() };
        let mut runner = Running { mock, world: world.clone(), layout: None };
        let cases = Cases::of(&plan);
        assert!(cases.fitted.len() > 3 && !cases.held_back.is_empty());
        measure(&cases, &mut runner, &mut meter, &world, 1, &AtomicBool::new(stop))
    }

    #[test]
    fn the_price_of_flops_bytes_and_time_comes_back() {
        let model = modelled(false).unwrap();
        let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.03;
        assert!(near(model.idle.unwrap_or(Watts(0.0)).0, IDLE), "{model:?}");
        assert!(near(model.static_power.0, STATIC), "{model:?}");
        assert!(near(model.joules_per_flop, JOULES_PER_FLOP), "{model:?}");
        assert!(near(model.joules_per_byte, JOULES_PER_BYTE), "{model:?}");
        assert!(model.heldout_mape < 0.03, "{model:?}");
    }

    #[test]
    fn a_stop_ends_it() {
        assert!(matches!(modelled(true), Err(ConsumptionError::Stopped)));
    }
}
