//! What a profile keeps of samples.

use crate::device::profile::Stats;
use crate::stats;
use crate::units::Seconds;

/// What a profile keeps of samples, each the time of one dispatch in a pass of `dispatches`; `None` of
/// nothing, or where a median is not positive.
#[must_use]
pub fn of(samples: &[f64], dispatches: u32) -> Option<Stats> {
    let middle = stats::median(samples).filter(|middle| middle.is_finite() && *middle > 0.0)?;
    Some(Stats {
        samples: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        dispatches,
        // Noise about a cost taken off can leave less than nothing.
        min: Seconds(stats::minimum(samples).filter(|least| *least > 0.0).unwrap_or(middle)),
        median: Seconds(middle),
        mad: Seconds(stats::median_deviation(samples)?),
        scaling: None,
        unstable: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(of(&[], 1), None);
        assert_eq!(of(&[-1.0, -2.0], 1), None);
    }
}
