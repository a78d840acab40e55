//! The meter that is none: a power that the user gave, at all times.

use std::sync::Arc;

use super::{Clock, Meter, MeterError, MeterInfo, MeterScope, Reading};
use crate::units::{Joules, Seconds, Watts};

/// A constant power, labelled as assumed.
pub struct Constant {
    info: MeterInfo,
    power: Watts,
    clock: Arc<dyn Clock>,
    since: Seconds,
}

impl Constant {
    /// A meter that shows `power`.
    ///
    /// # Errors
    /// [`MeterError::NoPower`] for what is not a finite, positive power.
    pub fn new(power: Watts, clock: Arc<dyn Clock>) -> Result<Self, MeterError> {
        let name = format!("constant {power}");
        if !(power > Watts::ZERO && power.0.is_finite()) {
            return Err(MeterError::NoPower { what: name, power });
        }
        let info = MeterInfo {
            name,
            scope: MeterScope::Assumed,
            resolution: Joules::ZERO,
            update_period: Seconds::ZERO,
            counter: false,
            poll_every: None,
        };
        let since = clock.now();
        Ok(Self { info, power, clock, since })
    }
}

impl Meter for Constant {
    fn identity(&self) -> &MeterInfo {
        &self.info
    }

    fn restart(&mut self) -> Result<Reading, MeterError> {
        self.since = self.clock.now();
        Ok(Reading { joules: Joules::ZERO, instant: self.since })
    }

    fn read(&mut self) -> Result<Reading, MeterError> {
        let instant = self.clock.now();
        Ok(Reading { joules: self.power * (instant - self.since), instant })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Hand;
    use super::*;

    #[test]
    fn a_constant_is_power_times_time_and_says_that_it_is_assumed() {
        let clock = Arc::new(Hand::default());
        let mut meter = Constant::new(Watts(65.0), clock.clone()).unwrap();
        clock.set(10.0);
        meter.restart().unwrap();
        clock.set(12.0);
        assert_eq!(meter.read(), Ok(Reading { joules: Joules(130.0), instant: Seconds(12.0) }));
        assert_eq!(meter.identity().scope, MeterScope::Assumed);
        assert_eq!(meter.identity().name, "constant 65.0 W");
    }

    #[test]
    fn no_power_is_refused() {
        for watts in [0.0, -65.0, f64::NAN, f64::INFINITY] {
            assert!(Constant::new(Watts(watts), Arc::new(Hand::default())).is_err(), "{watts}");
        }
    }
}
