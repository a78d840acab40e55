//! Meters over a gauge that shows power: polled, and integrated between the readings.

use std::sync::Arc;

use super::{Clock, Meter, MeterError, MeterInfo, Reading};
use crate::units::{Joules, Seconds, Watts};

/// The longest time between two readings, as a multiple of how often the gauge must be polled. Scheduling on
/// a busy host delays a poll; ten in a row are a hole.
const GAP_POLLS: f64 = 10.0;

/// No shorter gap is a hole.
const GAP_AT_LEAST: Seconds = Seconds(0.5);

/// A gauge that shows the same figure to the last digit for so many updates is taken to be dead. Many show
/// whole watts and an idle board keeps to one of them for seconds, so this is long.
const STALE_UPDATES: f64 = 600.0;

/// No shorter standstill is held against a gauge.
const STALE_AT_LEAST: Seconds = Seconds(60.0);

/// A source of power.
pub(super) trait Gauge: Send {
    /// What is drawn now, or was on average a moment ago.
    fn power(&mut self) -> Result<Watts, MeterError>;
}

/// A meter over a gauge.
pub(super) struct Integrated<G> {
    info: MeterInfo,
    gauge: G,
    clock: Arc<dyn Clock>,
    poll_every: Seconds,
    last: (Watts, Seconds),
    /// Since when the gauge shows what it shows.
    since: Seconds,
    joules: Joules,
}

impl<G: Gauge> Integrated<G> {
    /// `poll_every` goes into [`MeterInfo::poll_every`].
    pub(super) fn open(
        info: MeterInfo,
        poll_every: Seconds,
        gauge: G,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MeterError> {
        let info = MeterInfo { counter: false, poll_every: Some(poll_every), ..info };
        let now = clock.now();
        let unread = (Watts(f64::NAN), now);
        let mut meter =
            Self { info, gauge, clock, poll_every, last: unread, since: now, joules: Joules::ZERO };
        meter.restart()?;
        Ok(meter)
    }

    fn look(&mut self) -> Result<(Watts, Seconds), MeterError> {
        let now = self.clock.now();
        let power = self.gauge.power()?;
        if !(power > Watts::ZERO && power.0.is_finite()) {
            return Err(MeterError::NoPower { what: self.info.name.clone(), power });
        }
        if power != self.last.0 {
            self.since = now;
        }
        let for_long = now - self.since;
        if for_long > (self.info.update_period * STALE_UPDATES).max(STALE_AT_LEAST) {
            return Err(MeterError::Stale { what: self.info.name.clone(), for_long });
        }
        Ok((power, now))
    }
}

impl<G: Gauge> Meter for Integrated<G> {
    fn identity(&self) -> &MeterInfo {
        &self.info
    }

    fn restart(&mut self) -> Result<Reading, MeterError> {
        self.last = self.look()?;
        self.joules = Joules::ZERO;
        Ok(Reading { joules: self.joules, instant: self.last.1 })
    }

    fn read(&mut self) -> Result<Reading, MeterError> {
        let (power, now) = self.look()?;
        let (before, then) = self.last;
        let gap = now - then;
        let limit = (self.poll_every * GAP_POLLS).max(GAP_AT_LEAST);
        if gap > limit {
            return Err(MeterError::PolledTooSeldom { what: self.info.name.clone(), gap, limit });
        }
        self.joules += (before + power) / 2.0 * gap;
        self.last = (power, now);
        Ok(Reading { joules: self.joules, instant: now })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Curve, Hand, counting};
    use super::*;

    fn meter(clock: &Arc<Hand>, power: fn(f64) -> f64) -> Result<Integrated<Curve>, MeterError> {
        let info = counting("test gauge", Seconds(0.1));
        Integrated::open(info, Seconds(0.05), Curve::over(clock, power), clock.clone())
    }

    #[test]
    fn a_ramp_of_power_integrates_to_half_its_end_times_its_length() {
        let clock = Arc::new(Hand::default());
        let mut meter = meter(&clock, |time| 10.0 + 20.0 * time).unwrap();
        for tick in 1..=40 {
            clock.set(f64::from(tick) * 0.05);
            meter.read().unwrap();
        }
        // Ten watts for 2 s, and a triangle of 2 s by 40 W.
        let reading = meter.read().unwrap();
        assert!((reading.joules.0 - 60.0).abs() < 1e-9, "{reading:?}");
        assert_eq!(reading.instant, Seconds(2.0));
        assert!(!meter.identity().counter);
        assert_eq!(meter.identity().poll_every, Some(Seconds(0.05)));
    }

    #[test]
    fn a_hole_between_polls_is_an_error_inside_a_count_and_none_between_counts() {
        let clock = Arc::new(Hand::default());
        let mut meter = meter(&clock, |time| 10.0 + time).unwrap();
        clock.set(0.6);
        assert!(matches!(meter.read(), Err(MeterError::PolledTooSeldom { .. })));
        clock.set(30.0);
        assert_eq!(meter.restart(), Ok(Reading { joules: Joules::ZERO, instant: Seconds(30.0) }));
        clock.set(30.1);
        assert!((meter.read().unwrap().joules.0 - 4.005).abs() < 1e-9);
    }

    #[test]
    fn no_power_is_no_reading() {
        for shown in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let clock = Arc::new(Hand::default());
            // The clock cannot hold a function with `shown` in it: the cases are told apart by the time.
            clock.set(shown);
            assert!(matches!(meter(&clock, |time| time), Err(MeterError::NoPower { .. })), "{shown}");
        }
    }

    #[test]
    fn a_figure_that_never_changes_is_an_error_after_a_minute() {
        let clock = Arc::new(Hand::default());
        let mut meter = meter(&clock, |_| 7.0).unwrap();
        clock.set(59.0);
        assert!(meter.restart().is_ok());
        clock.set(61.0);
        assert!(matches!(meter.restart(), Err(MeterError::Stale { .. })));
    }
}
