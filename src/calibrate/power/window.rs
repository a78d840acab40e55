//! Energy over a window of work, long enough for the meter to tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Clock, Meter, MeterError, MeterInfo};
use crate::units::{Joules, Seconds, Watts};

/// No window is shorter. Source: Yang, Adamek, Armour, arXiv 2312.02741, "good practice": at least 5 s.
const SHORTEST: Seconds = Seconds(5.0);

/// A reading is up to one update old at either end: 50 updates keep that under 4 %, 2 % each.
const FEWEST_UPDATES: f64 = 50.0;

/// The count must move by so many steps: one too many or few is then 5 %.
const FEWEST_STEPS: f64 = 20.0;

/// A window is asked to be so much longer than it must be: work comes in pieces and may end early.
const RESERVE: f64 = 1.1;

/// How long a window on this meter should be.
///
/// Whether the meter then moves by 20 steps depends on the power, so [`measure`] says that afterwards.
#[must_use]
pub fn window_for(meter: &MeterInfo) -> Seconds {
    shortest(meter) * RESERVE
}

fn shortest(meter: &MeterInfo) -> Seconds {
    SHORTEST.max(meter.update_period * FEWEST_UPDATES)
}

/// The energy of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// What the meter counted.
    pub joules: Joules,
    /// From its first reading to its last.
    pub time: Seconds,
    /// The instant of the first reading, on the meter's clock.
    pub from: Seconds,
}

impl Measured {
    /// The mean power.
    #[must_use]
    pub fn power(&self) -> Watts {
        self.joules / self.time
    }
}

/// Why a window gives no energy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowError<E> {
    /// The work failed.
    #[error("{0}")]
    Work(E),
    /// The meter failed.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// Its ends are too close.
    #[error("the window lasted {time}; this meter needs {needed}")]
    TooShort {
        /// From the first reading to the last.
        time: Seconds,
        /// What [`window_for`] rests on.
        needed: Seconds,
    },
    /// The meter hardly moved.
    #[error("the meter counted {joules}, less than 20 of its steps of {step}")]
    TooFewSteps {
        /// What was counted.
        joules: Joules,
        /// The smallest step.
        step: Joules,
    },
}

/// Runs `work` for about `length` and says what it drew, with what the work returns.
///
/// A meter that shows power is read by a thread of its own while the work runs. Reading it between pieces of
/// work would be simpler, and wrong: the device is idle there, each time. A meter that counts is read at both
/// ends, and in between only as often as it wraps. `clock` must be the meter's.
///
/// # Errors
/// What the work or the meter fails with; a window that is too short for the meter, which is no energy.
pub fn measure<T, E>(
    meter: &mut dyn Meter,
    clock: &dyn Clock,
    length: Seconds,
    work: impl FnOnce(Seconds) -> Result<T, E>,
) -> Result<(Measured, T), WindowError<E>> {
    let first = meter.restart()?;
    let poll_every = meter.identity().poll_every;
    let (outcome, polled) = match poll_every {
        Some(period) if period < length => while_polling(meter, clock, period, || work(length)),
        _ => (work(length), Ok(())),
    };
    let done = outcome.map_err(WindowError::Work)?;
    polled?;
    let last = meter.read()?;
    let measured = Measured { joules: last.joules, time: last.instant - first.instant, from: first.instant };
    Ok((accept(measured, meter.identity())?, done))
}

/// The power of the device while nothing runs.
///
/// # Errors
/// As [`measure`].
pub fn idle(
    meter: &mut dyn Meter,
    clock: &dyn Clock,
    length: Seconds,
) -> Result<Measured, WindowError<std::convert::Infallible>> {
    let wait = |length| {
        clock.sleep(length);
        Ok(())
    };
    measure(meter, clock, length, wait).map(|(measured, ())| measured)
}

fn accept<E>(measured: Measured, meter: &MeterInfo) -> Result<Measured, WindowError<E>> {
    let needed = shortest(meter);
    if measured.time < needed || measured.time.0.is_nan() {
        return Err(WindowError::TooShort { time: measured.time, needed });
    }
    let step = meter.resolution;
    if !(measured.joules > Joules::ZERO && measured.joules >= step * FEWEST_STEPS) {
        return Err(WindowError::TooFewSteps { joules: measured.joules, step });
    }
    Ok(measured)
}

/// Runs `work` here and polls there, until the work ends or the meter fails.
fn while_polling<T>(
    meter: &mut dyn Meter,
    clock: &dyn Clock,
    period: Seconds,
    work: impl FnOnce() -> T,
) -> (T, Result<(), MeterError>) {
    /// Ends the polling when the work does, by a panic too.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let poll = || {
            while !over.load(Ordering::SeqCst) {
                clock.sleep(period);
                meter.read()?;
            }
            Ok(())
        };
        let polling = scope.spawn(poll);
        let outcome = {
            let _ends = Ends(&over);
            work()
        };
        let broken = || MeterError::Unreadable {
            what: "the meter".to_owned(),
            message: "the thread that reads it has panicked".to_owned(),
        };
        (outcome, polling.join().unwrap_or_else(|_| Err(broken())))
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::super::counter::Counted;
    use super::super::gauge::Integrated;
    use super::super::testing::{Curve, Hand, counting};
    use super::*;

    fn counter(clock: &Arc<Hand>, total: fn(f64) -> f64) -> Counted<Curve> {
        Counted::open(counting("counter", Seconds(0.1)), Curve::over(clock, total), clock.clone()).unwrap()
    }

    fn gauge(clock: &Arc<Hand>, power: fn(f64) -> f64) -> Integrated<Curve> {
        let info = MeterInfo { resolution: Joules(1e-4), ..counting("gauge", Seconds(0.1)) };
        Integrated::open(info, Seconds(0.05), Curve::over(clock, power), clock.clone()).unwrap()
    }

    /// Work that passes when the time has: on a clock that another thread's sleep moves.
    fn until(clock: &Hand, instant: f64) -> Result<u32, Infallible> {
        while clock.seconds() < instant {
            thread::yield_now();
        }
        Ok(7)
    }

    #[test]
    fn the_window_needed_grows_with_the_update_period() {
        for (update_period, expected) in [(0.001, 5.5), (0.1, 5.5), (0.2, 11.0), (1.0, 55.0)] {
            let needed = window_for(&counting("meter", Seconds(update_period)));
            assert!((needed.0 - expected).abs() < 1e-9, "{update_period}: {needed}");
        }
    }

    #[test]
    fn a_counter_is_read_at_both_ends() {
        let clock = Arc::new(Hand::default());
        let mut meter = counter(&clock, |time| 30.0 * time);
        clock.set(100.0);
        let work = |length: Seconds| {
            clock.sleep(length + Seconds(0.2));
            Ok::<_, Infallible>(42)
        };
        let (measured, result) = measure(&mut meter, &*clock, Seconds(5.5), work).unwrap();
        assert_eq!(result, 42);
        assert!((measured.joules.0 - 171.0).abs() < 1e-9 && (measured.time.0 - 5.7).abs() < 1e-9);
        assert!((measured.power().0 - 30.0).abs() < 1e-9);
        assert_eq!(measured.from, Seconds(100.0));
    }

    #[test]
    fn a_gauge_is_polled_while_the_work_runs() {
        let clock = Arc::new(Hand::default());
        // A square wave of 100 and 300 W, as long as a poll does not see it as one: 0.5 s each.
        let mut meter = gauge(&clock, |time| if time.rem_euclid(1.0) < 0.5 { 100.0 } else { 300.0 });
        let (measured, result) = measure(&mut meter, &*clock, Seconds(6.0), |_| until(&clock, 6.0)).unwrap();
        assert_eq!(result, 7);
        assert!((measured.power().0 - 200.0).abs() < 12.0, "{measured:?}");
    }

    #[test]
    fn idle_power_is_that_of_a_window_in_which_nothing_runs() {
        let clock = Arc::new(Hand::default());
        let mut meter = counter(&clock, |time| 12.0 * time);
        assert!((idle(&mut meter, &*clock, Seconds(5.5)).unwrap().power().0 - 12.0).abs() < 1e-9);
    }

    #[test]
    fn a_window_too_short_for_the_meter_is_refused() {
        let clock = Arc::new(Hand::default());
        let mut meter = counter(&clock, |time| 12.0 * time);
        let error = idle(&mut meter, &*clock, Seconds(4.9)).unwrap_err();
        assert_eq!(error.to_string(), "the window lasted 4.90 s; this meter needs 5.00 s");
        // A coarse counter: 3.6 J, a milliwatt-hour, at 12 W for 5.5 s are 18 steps.
        let info = MeterInfo { resolution: Joules(3.6), ..counting("plug", Seconds(0.1)) };
        let curve = Curve::over(&clock, |time| (12.0 * time / 3.6).floor() * 3.6);
        let mut meter = Counted::open(info, curve, clock.clone()).unwrap();
        let error = idle(&mut meter, &*clock, Seconds(5.5)).unwrap_err();
        assert!(matches!(error, WindowError::TooFewSteps { .. }), "{error}");
    }

    #[test]
    fn failures_of_work_and_meter_are_told_apart() {
        let clock = Arc::new(Hand::default());
        let mut steady = gauge(&clock, |_| 50.0);
        let lost = |_| Err::<(), _>("device lost");
        assert_eq!(measure(&mut steady, &*clock, Seconds(6.0), lost), Err(WindowError::Work("device lost")));

        clock.set(0.0);
        let mut fading = gauge(&clock, |time| if time < 3.0 { 50.0 } else { 0.0 });
        // The polling ends with the meter, and the clock of this test with the polling.
        let work = |_| {
            until(&clock, 2.9)?;
            clock.sleep(Seconds(0.2));
            Ok::<_, Infallible>(())
        };
        let error = measure(&mut fading, &*clock, Seconds(6.0), work);
        assert!(matches!(error, Err(WindowError::Meter(MeterError::NoPower { .. }))), "{error:?}");
    }
}
