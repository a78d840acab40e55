//! Meters over a register that counts energy: wrap-around, standstill, resets.

use std::sync::Arc;

use super::{Clock, Meter, MeterError, MeterInfo, Reading};
use crate::units::{Joules, Seconds, Watts};

/// A count that has not moved for so many updates is taken to be dead: something draws power at any time.
const STALE_UPDATES: f64 = 10.0;

/// No shorter standstill is held against a counter: the reader may have been scheduled twice in one update.
const STALE_AT_LEAST: Seconds = Seconds(1.0);

/// More than any device or any package of them draws. A register that was set back looks like one that
/// wrapped, and the difference says so: 262 kJ, the range of many packages, in 5 s are 52 kW.
const MOST_POWER: Watts = Watts(20_000.0);

/// A source of joules counted since it was opened.
pub(super) trait Register: Send {
    /// The energy since it was opened.
    fn total(&mut self) -> Result<Joules, MeterError>;
}

/// Follows one register through its wraps.
///
/// It must be read at least once a turn: of two wraps between readings one is seen.
#[derive(Debug)]
pub(super) struct Odometer {
    what: String,
    range: Option<u64>,
    last: u64,
    total: u64,
}

impl Odometer {
    /// Begins at `first`. `range` is the highest count before it starts again at 0, if it does.
    pub(super) fn new(what: String, range: Option<u64>, first: u64) -> Self {
        Self { what, range, last: first, total: 0 }
    }

    /// Takes the next count and says how many steps were made in all.
    pub(super) fn advance(&mut self, count: u64) -> Result<u64, MeterError> {
        let step = match (count.checked_sub(self.last), self.range) {
            (Some(step), None) => step,
            (step, Some(range)) if count <= range => {
                // The step from the highest count to 0 counts as one, which the range does not say.
                step.unwrap_or_else(|| {
                    range.saturating_sub(self.last).saturating_add(count).saturating_add(1)
                })
            }
            _ => {
                return Err(MeterError::Backwards {
                    what: self.what.clone(),
                    before: self.last,
                    after: count,
                });
            }
        };
        self.last = count;
        self.total = self.total.saturating_add(step);
        Ok(self.total)
    }
}

/// A meter over a register.
pub(super) struct Counted<R> {
    info: MeterInfo,
    register: R,
    clock: Arc<dyn Clock>,
    /// Count and instant of the last reading.
    last: (Joules, Seconds),
    /// When the count was last seen to move.
    moved: Seconds,
    /// What the present count began at.
    base: Joules,
}

impl<R: Register> Counted<R> {
    pub(super) fn open(info: MeterInfo, mut register: R, clock: Arc<dyn Clock>) -> Result<Self, MeterError> {
        let now = clock.now();
        let total = register.total()?;
        Ok(Self { info, register, clock, last: (total, now), moved: now, base: total })
    }

    fn advance(&mut self) -> Result<(Joules, Seconds), MeterError> {
        let now = self.clock.now();
        let total = self.register.total()?;
        let (before, then) = self.last;
        let (joules, time) = (total - before, now - then);
        if joules > Joules::ZERO {
            self.moved = now;
        }
        let for_long = now - self.moved;
        if for_long > (self.info.update_period * STALE_UPDATES).max(STALE_AT_LEAST) {
            return Err(MeterError::Stale { what: self.info.name.clone(), for_long });
        }
        // What a reading shows may be two updates younger or older than the other.
        if joules > MOST_POWER * (time + self.info.update_period * 2.0) {
            return Err(MeterError::Implausible { what: self.info.name.clone(), joules, time });
        }
        self.last = (total, now);
        Ok((total, now))
    }
}

impl<R: Register> Meter for Counted<R> {
    fn identity(&self) -> &MeterInfo {
        &self.info
    }

    fn restart(&mut self) -> Result<Reading, MeterError> {
        let (total, instant) = self.advance()?;
        self.base = total;
        Ok(Reading { joules: Joules::ZERO, instant })
    }

    fn read(&mut self) -> Result<Reading, MeterError> {
        let (total, instant) = self.advance()?;
        Ok(Reading { joules: total - self.base, instant })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Curve, Hand, counting};
    use super::*;

    /// A meter over a register that follows `total`, with updates of 100 ms.
    fn meter(clock: &Arc<Hand>, total: fn(f64) -> f64) -> Counted<Curve> {
        let info = counting("test register", Seconds(0.1));
        Counted::open(info, Curve::over(clock, total), clock.clone()).unwrap()
    }

    fn joules(meter: &mut impl Meter, clock: &Hand, instant: f64) -> Result<f64, MeterError> {
        clock.set(instant);
        meter.read().map(|reading| reading.joules.0)
    }

    #[test]
    fn a_count_that_falls_has_wrapped_once_if_the_register_wraps() {
        for (range, counts, expected) in [
            (None, vec![5, 9, 9, 12], Ok(7)),
            (Some(9), vec![5, 9, 0, 3], Ok(8)),
            (Some(9), vec![9, 8], Ok(9)),
            (Some(u64::MAX), vec![u64::MAX, 4], Ok(5)),
            (Some(262_143_328_850), vec![262_143_000_000, 171_149], Ok(500_000)),
            (None, vec![5, 4], Err((5, 4))),
            (Some(9), vec![5, 10], Err((5, 10))),
        ] {
            let mut odometer = Odometer::new("counter".to_owned(), range, counts[0]);
            let last = counts[1..].iter().map(|&count| odometer.advance(count)).next_back().unwrap();
            let expected = expected.map_err(|(before, after)| MeterError::Backwards {
                what: "counter".to_owned(),
                before,
                after,
            });
            assert_eq!(last, expected, "{counts:?}");
        }
    }

    #[test]
    fn a_new_count_begins_at_nothing_whatever_went_before() {
        let clock = Arc::new(Hand::default());
        let mut meter = meter(&clock, |time| 1000.0 + 50.0 * time);
        assert_eq!(joules(&mut meter, &clock, 2.0), Ok(100.0));
        clock.set(600.0);
        assert_eq!(meter.restart(), Ok(Reading { joules: Joules::ZERO, instant: Seconds(600.0) }));
        assert_eq!(joules(&mut meter, &clock, 605.0), Ok(250.0));
    }

    #[test]
    fn a_counter_renewed_every_100_ms_is_off_by_one_update_at_most() {
        let clock = Arc::new(Hand::default());
        // 200 W, shown as of the last tenth of a second, in millijoules.
        let mut meter = meter(&clock, |time| ((time * 10.0).floor() * 0.1 * 200.0 * 1e3).floor() / 1e3);
        for tick in 1..200 {
            let instant = f64::from(tick) * 0.037;
            let seen = joules(&mut meter, &clock, instant).unwrap();
            assert!(seen <= 200.0 * instant && seen >= 200.0 * (instant - 0.1) - 1e-3, "{instant}: {seen}");
        }
    }

    #[test]
    fn a_count_that_stands_still_is_an_error_and_not_0_w() {
        let clock = Arc::new(Hand::default());
        let mut meter = meter(&clock, |time| 100.0 * time.min(3.0));
        assert_eq!(joules(&mut meter, &clock, 3.5), Ok(300.0));
        assert_eq!(joules(&mut meter, &clock, 4.4), Ok(300.0));
        let stale = MeterError::Stale { what: "test register".to_owned(), for_long: Seconds(2.0) };
        assert_eq!(joules(&mut meter, &clock, 5.5), Err(stale.clone()));
        assert_eq!(meter.restart(), Err(stale));
    }

    #[test]
    fn a_reset_that_looks_like_a_wrap_is_seen_by_its_size() {
        let clock = Arc::new(Hand::default());
        let mut meter = meter(&clock, |time| if time < 2.0 { 100.0 * time } else { 262_000.0 });
        assert_eq!(joules(&mut meter, &clock, 1.0), Ok(100.0));
        let error = joules(&mut meter, &clock, 6.0).unwrap_err();
        assert!(matches!(error, MeterError::Implausible { .. }), "{error}");
    }

    proptest! {
        /// The odometer agrees with arithmetic modulo the range plus one.
        #[test]
        fn steps_of_less_than_a_turn_add_up(range in 1..u64::MAX / 2, steps in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut odometer = Odometer::new(String::new(), Some(range), range / 3);
            let (mut count, mut sum) = (u128::from(range / 3), 0_u64);
            for step in steps {
                let step = step % (range + 1);
                count = (count + u128::from(step)) % (u128::from(range) + 1);
                sum = sum.saturating_add(step);
                prop_assert_eq!(odometer.advance(u64::try_from(count).unwrap()), Ok(sum));
            }
        }
    }
}
