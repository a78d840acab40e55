//! Meters: what a device, a package or a whole machine has drawn, in joules, whatever instrument says so.
//!
//! Each meter has a file. Two shapes underlie them: a register that counts energy (`counter.rs`) and a gauge
//! that shows power and has to be polled (`gauge.rs`). Found at run time by [`discover()`], none required. A
//! meter that cannot be read is an error with a reason; it is never 0 W.

mod adapter;
mod apple;
mod clock;
mod constant;
mod counter;
mod discover;
mod files;
mod gauge;
mod hwmon;
mod jetson;
mod nvml;
mod rapl;
mod trace;
mod window;

#[cfg(test)]
mod testing;

use serde::Serialize;

pub use adapter::AdapterFacts;
pub use clock::{Clock, Monotonic};
pub use constant::Constant;
pub use discover::{Discovery, Roots, Tried, Verdict, discover};
pub use files::{Disk, Files};
pub use trace::{Trace, TraceError, TraceMeter};
pub use window::{Measured, WindowError, idle, measure, window_for};

pub use crate::device::MeterScope;
use crate::units::{Joules, Seconds, Watts};

/// An instrument that says how much energy went by.
pub trait Meter: Send {
    /// What it is and how good it is.
    fn identity(&self) -> &MeterInfo;

    /// Begins a new count at 0 J. What went by since the last reading is forgotten, and nothing is asked of
    /// the time between: a meter need not be polled while nobody measures.
    ///
    /// # Errors
    /// As [`Meter::read`].
    fn restart(&mut self) -> Result<Reading, MeterError>;

    /// The energy since the last [`Meter::restart`], or since the meter was opened.
    ///
    /// # Errors
    /// A [`MeterError`] where the sensor is gone, refuses, stands still, or says what cannot be.
    fn read(&mut self) -> Result<Reading, MeterError>;
}

/// What a meter is and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeterInfo {
    /// Its name, with the sensor it reads.
    pub name: String,
    /// What its figures cover.
    pub scope: MeterScope,
    /// The smallest step of its count; for a meter that shows power, the step of that over one update.
    #[serde(rename = "resolution_j")]
    pub resolution: Joules,
    /// How often its value is renewed.
    #[serde(rename = "update_s")]
    pub update_period: Seconds,
    /// It counts energy itself. If not, it shows power, and joules are the integral over its readings.
    pub counter: bool,
    /// How often it must be read while a window is open; `None` where the two ends are enough.
    #[serde(rename = "poll_every_s")]
    pub poll_every: Option<Seconds>,
}

/// A count of joules and the instant it was true at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Energy since the count began.
    pub joules: Joules,
    /// On the clock that the meter was opened with.
    pub instant: Seconds,
}

/// Why a meter gives no figure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeterError {
    /// There is no such meter here, or it is not the adapter's.
    #[error("{0}")]
    Absent(String),
    /// The sensor is there, but not for us.
    #[error("no permission to read {path}: {hint}")]
    Permission {
        /// The file.
        path: String,
        /// What would help.
        hint: &'static str,
    },
    /// The sensor was there when the meter was opened.
    #[error("{what} has vanished since it was opened")]
    Vanished {
        /// The sensor.
        what: String,
    },
    /// The sensor cannot be read.
    #[error("{what} cannot be read: {message}")]
    Unreadable {
        /// The sensor.
        what: String,
        /// What the system said.
        message: String,
    },
    /// The sensor says something that is no figure.
    #[error("{what} says \"{text}\", which is no {expected}")]
    Malformed {
        /// The sensor.
        what: String,
        /// The start of what it said.
        text: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The value does not move.
    #[error("{what} has stood still for {for_long}")]
    Stale {
        /// The sensor.
        what: String,
        /// For how long.
        for_long: Seconds,
    },
    /// A counter fell, and it is not one that wraps.
    #[error("{what} fell from {before} to {after}: it was reset")]
    Backwards {
        /// The sensor.
        what: String,
        /// Its last count, in its own steps.
        before: u64,
        /// Its count now.
        after: u64,
    },
    /// More energy than anything draws: a counter that was reset looks like one that wrapped.
    #[error("{what} counted {joules} in {time}: it was reset")]
    Implausible {
        /// The sensor.
        what: String,
        /// The difference of two readings.
        joules: Joules,
        /// The time between them.
        time: Seconds,
    },
    /// No powered device draws nothing: drivers write 0 for what they do not know.
    #[error("{what} shows {power}, which no running device draws")]
    NoPower {
        /// The sensor.
        what: String,
        /// What it shows.
        power: Watts,
    },
    /// Power between two readings this far apart is anybody's guess.
    #[error("{what} was not read for {gap}; at most {limit} may pass")]
    PolledTooSeldom {
        /// The sensor.
        what: String,
        /// The time between the readings.
        gap: Seconds,
        /// The time allowed.
        limit: Seconds,
    },
    /// The record ends before, or begins after, the instant asked for.
    #[error("{what} covers {from} to {to}, not {instant}")]
    Outside {
        /// The record.
        what: String,
        /// Its first instant.
        from: Seconds,
        /// Its last instant.
        to: Seconds,
        /// The instant asked for.
        instant: Seconds,
    },
}
