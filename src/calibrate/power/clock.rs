//! The clock that readings are stamped by: injected, so that tests tell the time.

use std::time::{Duration, Instant};

use crate::units::Seconds;

/// A clock that never runs backwards.
pub trait Clock: Send + Sync {
    /// Time since an instant of its own.
    fn now(&self) -> Seconds;

    /// Returns when `time` has passed.
    fn sleep(&self, time: Seconds);
}

/// The monotonic clock of the system, from the moment of its making.
#[derive(Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// A clock that shows 0 now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Seconds {
        Seconds(self.0.elapsed().as_secs_f64())
    }

    fn sleep(&self, time: Seconds) {
        // A negative or endless wait is no wait: nobody asks for one, and it must not panic.
        if let Ok(time) = Duration::try_from_secs_f64(time.0) {
            std::thread::sleep(time);
        }
    }
}
