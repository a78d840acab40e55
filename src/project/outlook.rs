//! Where a projection leads: what use may grow by, how fast energy doubles, when it reaches what people take.

use super::{BODY, PERSON};
use crate::units::Watts;

/// Years that are looked ahead for the first one in which a power is reached.
pub const HORIZON: u16 = 1000;

/// Where a projection leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Factor a year by which use may grow before energy grows: the gain in efficiency.
    pub break_even: f64,
    /// Factor a year by which energy changes: growth over gain.
    pub change: f64,
    /// Years in which energy doubles, or halves where it falls; `None` where it stays the same.
    pub doubling: Option<f64>,
    /// When a user's mean power reaches that of a [`BODY`].
    pub body: Reach,
    /// When it reaches that of a [`PERSON`].
    pub person: Reach,
}

/// When a power is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In the first year or before.
    Already,
    /// In this year.
    In(u16),
    /// More than [`HORIZON`] years after the first.
    Later,
    /// Not at all: it does not grow.
    Never,
}

impl Outlook {
    /// Of use that grows and efficiency that gains by these factors a year, from a user's mean power in the first year.
    #[must_use]
    pub fn of(growth: f64, gain: f64, now: Watts, from: u16) -> Self {
        let change = growth / gain;
        let reaches = |reference: Watts| Reach::of(now, reference, change, from);
        Self {
            break_even: gain,
            change,
            doubling: doubling(change),
            body: reaches(BODY),
            person: reaches(PERSON),
        }
    }
}

impl Reach {
    /// When a power that changes by this factor a year reaches a reference.
    #[must_use]
    pub fn of(now: Watts, reference: Watts, change: f64, from: u16) -> Self {
        if now >= reference {
            return Self::Already;
        }
        if change <= 1.0 {
            return Self::Never;
        }
        let reached = |after: &u16| now * change.powi(i32::from(*after)) >= reference;
        (1..=HORIZON).find(reached).map_or(Self::Later, |after| Self::In(from.saturating_add(after)))
    }
}

/// Years in which what changes by this factor a year doubles or halves: ln 2 over the logarithm of the factor; `None` where it
/// stays the same.
#[must_use]
pub fn doubling(change: f64) -> Option<f64> {
    let a_year = change.ln().abs();
    // Rounding makes a factor of nearly 1 out of growth that equals the gain.
    (a_year > 1e-12).then(|| std::f64::consts::LN_2 / a_year)
}
