//! Grids of workgroups, and sums as references see them.

use super::{Expected, Reference};

/// Workgroups along one dimension: what every adapter allows.
const MOST_IN_A_ROW: u64 = 65_535;

/// A word of the parameters.
pub(super) fn word(size: u64) -> Option<u32> {
    u32::try_from(size).ok()
}

/// A size that is not 0: nothing is measured where there is nothing to do.
pub(super) fn positive(size: u64) -> Option<u64> {
    (size > 0).then_some(size)
}

/// Workgroups for so many invocations in a line, folded into rows where the line is too long. `None` for no
/// invocations.
pub(super) fn linear(invocations: u64, workgroup: u64) -> Option<[u32; 3]> {
    let workgroups = positive(invocations)?.div_ceil(workgroup);
    Some([word(workgroups.min(MOST_IN_A_ROW))?, word(workgroups.div_ceil(MOST_IN_A_ROW))?, 1])
}

impl Reference<'_> {
    /// The sum of products, and how far one of rounded partial sums may lie from it: each partial sum rounds, at
    /// worst by the magnitude of all terms.
    pub(super) fn sum(&self, terms: impl Iterator<Item = f64>) -> Expected {
        let (value, magnitude) =
            terms.fold((0.0, 0.0), |(sum, size), term: f64| (sum + term, size + term.abs()));
        Expected { value, tolerance: self.layout.element.epsilon() * (magnitude + 1.0) * 2.0 }
    }
}
