//! What a projection can be computed from.

use super::{Assumptions, Scenario, Use};
use crate::predict::Interval;

/// The values that a figure may have.
struct Range {
    what: &'static str,
    low: f64,
    high: f64,
    hint: &'static str,
}

const ENERGY: Range = Range {
    what: "the energy of an inference in joules",
    low: 1e-15,
    high: 1e15,
    hint: "a number, or value, low and high end, as --energy 0.3,0.2,0.5",
};
/// A hundred times as many as there are people.
const USERS: Range =
    Range { what: "users", low: 1.0, high: 1e12, hint: "a number of 1 or more, as --users 1e6" };
const PER_SECOND: Range = Range {
    what: "inferences of a user a second",
    low: 1e-9,
    high: 1e9,
    hint: "a number above 0, as --per-second 1",
};
const PER_DAY: Range = Range {
    what: "inferences of a user a day",
    low: 1e-9,
    high: 1e9,
    hint: "a number above 0, as --per-day 20",
};
const GROWTH: Range = Range {
    what: "growth",
    low: 0.01,
    high: 100.0,
    hint: "a factor a year: --growth 1.5 is half as many again, --growth 1 as many as before",
};
const GAIN: Range = Range {
    what: "the gain in efficiency",
    low: 0.01,
    high: 100.0,
    hint: "a factor a year, or value, low and high end, as --efficiency 1.27,1.23,1.32",
};
const GRID: Range = Range {
    what: "the decline of the carbon intensity",
    low: 0.01,
    high: 100.0,
    hint: "a factor a year: --grid-decline 1.05 is 5 % less each year, --grid-decline 1 none",
};

/// Why there is no projection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProjectError {
    /// A figure that has no meaning, or is beyond any use.
    #[error("{what}: {} is not within {} and {}", written(*.value), written(*.low), written(*.high))]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// What it is.
        value: f64,
        /// The least that it may be.
        low: f64,
        /// The most that it may be.
        high: f64,
        /// What would do.
        hint: &'static str,
    },
    /// An interval whose ends are not around its value.
    #[error("{what}: {} does not lie between {} and {}", written(*.value), written(*.low), written(*.high))]
    Disordered {
        /// Which.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Its low end.
        low: f64,
        /// Its high end.
        high: f64,
        /// What would do.
        hint: &'static str,
    },
    /// Factors that compound to what no number holds.
    #[error("the scenario \"{scenario}\" leads beyond what can be computed in {year}")]
    Beyond {
        /// Which.
        scenario: Scenario,
        /// The first year of which that is so.
        year: u16,
    },
}

impl ProjectError {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OutOfRange { hint, .. } | Self::Disordered { hint, .. } => hint,
            Self::Beyond { .. } => "fewer --years, or factors and intervals that are closer to 1",
        }
    }
}

/// # Errors
/// [`ProjectError`] for the first figure that will not do.
pub(super) fn check(assumptions: &Assumptions) -> Result<(), ProjectError> {
    let Assumptions { energy, users, usage, growth, gain, grid_decline, .. } = assumptions;
    ENERGY.holds_interval(energy.map(|energy| energy.0))?;
    USERS.holds(*users)?;
    match usage {
        Use::PerSecond(inferences) => PER_SECOND.holds(*inferences)?,
        Use::PerDay(inferences) => PER_DAY.holds(*inferences)?,
    }
    GROWTH.holds(*growth)?;
    GAIN.holds_interval(*gain)?;
    GRID.holds(*grid_decline)
}

impl Range {
    fn holds(&self, value: f64) -> Result<(), ProjectError> {
        let Self { what, low, high, hint } = *self;
        // A NaN is in no range.
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(ProjectError::OutOfRange { what, value, low, high, hint })
    }

    fn holds_interval(&self, interval: Interval<f64>) -> Result<(), ProjectError> {
        let Interval { value, low, high } = interval;
        for figure in [value, low, high] {
            self.holds(figure)?;
        }
        if low <= value && value <= high {
            return Ok(());
        }
        Err(ProjectError::Disordered { what: self.what, value, low, high, hint: self.hint })
    }
}

/// A number as people write it: with an exponent where it has many digits.
fn written(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) || !number.is_finite() {
        number.to_string()
    } else {
        format!("{number:e}")
    }
}
