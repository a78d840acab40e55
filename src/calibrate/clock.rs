//! Which clock seconds are read from, and why.
//!
//! Timestamps are the adapter's own, but some drivers leave zeros, run backwards or count in another unit than
//! they say: they are trusted where they agree with the host's clock.

use crate::device::profile::Clock;
use crate::stats;

/// How far timestamps and the host's clock may disagree on the same work, as a share.
const AGREEMENT: f64 = 0.10;

/// A clock, and why that one.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Which.
    pub clock: Clock,
    /// Why.
    pub reason: String,
    /// How far timestamps and host disagreed, where both were read.
    pub disagreement: Option<f64>,
}

/// One run of reference work and one of twice as much, as both clocks read them: seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The host's clock, for the work and for twice the work.
    pub host: [f64; 2],
    /// The timestamps; `None` where one was missing.
    pub timestamp: Option<[f64; 2]>,
}

impl Choice {
    /// What the user asked for.
    #[must_use]
    pub fn asked(clock: Clock) -> Self {
        Self { clock, reason: "asked for".to_owned(), disagreement: None }
    }

    /// For adapters whose shaders run on the CPU: `told` says whether the system tells CPU time.
    #[must_use]
    pub fn software(told: bool) -> Self {
        let (clock, reason) = if told {
            (Clock::ProcessCpu, "shaders run on the CPU, which other programs share")
        } else {
            (Clock::HostSlope, "shaders run on the CPU, and the system tells no CPU time")
        };
        Self { clock, reason: reason.to_owned(), disagreement: None }
    }

    /// Where nothing runs that a clock could be held against.
    #[must_use]
    pub fn blind(software: bool) -> Self {
        let clock = if software { Clock::ProcessCpu } else { Clock::HostSlope };
        Self { clock, reason: "there was nothing to compare clocks by".to_owned(), disagreement: None }
    }

    /// Timestamps if they are there, positive, longer for more work, and agree with the host's clock, whose
    /// fixed cost the difference of two runs takes off.
    #[must_use]
    pub fn hardware(pairs: &[Pair]) -> Self {
        let host = |reason: String, disagreement| Self { clock: Clock::HostSlope, reason, disagreement };
        let stamped: Option<Vec<[f64; 2]>> = pairs.iter().map(|pair| pair.timestamp).collect();
        let Some(stamped) = stamped.filter(|stamped| !stamped.is_empty()) else {
            return host("the adapter gives no timestamps".to_owned(), None);
        };
        if stamped.iter().flatten().any(|seconds| !seconds.is_finite() || *seconds <= 0.0) {
            return host("the adapter's timestamps do not advance".to_owned(), None);
        }
        let slopes = |of: &[[f64; 2]]| of.iter().map(|[once, twice]| twice - once).collect::<Vec<_>>();
        let hosts: Vec<[f64; 2]> = pairs.iter().map(|pair| pair.host).collect();
        let (Some(by_stamp), Some(by_host)) =
            (stats::median(&slopes(&stamped)), stats::median(&slopes(&hosts)))
        else {
            return host("nothing could be timed".to_owned(), None);
        };
        if by_stamp <= 0.0 {
            return host("the adapter's timestamps are no longer for more work".to_owned(), None);
        }
        if by_host <= 0.0 {
            let reason = "the host's clock is too restless to hold timestamps against".to_owned();
            return Self { clock: Clock::Timestamp, reason, disagreement: None };
        }
        let disagreement = (by_stamp - by_host).abs() / by_host;
        let percent = 100.0 * disagreement;
        if disagreement > AGREEMENT {
            let reason = format!("the adapter's timestamps are {percent:.0} % off the host's clock");
            return host(reason, Some(disagreement));
        }
        Self {
            clock: Clock::Timestamp,
            reason: format!("the adapter's timestamps are within {percent:.1} % of the host's clock"),
            disagreement: Some(disagreement),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_trusted_only_where_the_host_agrees() {
        let steady = |timestamp| vec![Pair { host: [0.0205, 0.0405], timestamp }; 3];
        for (case, pairs, clock, says) in [
            ("sane", steady(Some([0.0199, 0.0397])), Clock::Timestamp, "within 1.0 %"),
            ("none", steady(None), Clock::HostSlope, "no timestamps"),
            ("nothing", vec![], Clock::HostSlope, "no timestamps"),
            ("zero", steady(Some([0.0, 0.0])), Clock::HostSlope, "do not advance"),
            ("backwards", steady(Some([-0.02, -0.04])), Clock::HostSlope, "do not advance"),
            ("not a number", steady(Some([f64::NAN, 0.04])), Clock::HostSlope, "do not advance"),
            ("frozen", steady(Some([0.02, 0.02])), Clock::HostSlope, "no longer for more work"),
            ("half speed", steady(Some([0.01, 0.02])), Clock::HostSlope, "50 % off"),
            ("other unit", steady(Some([0.83, 1.66])), Clock::HostSlope, "% off"),
        ] {
            let choice = Choice::hardware(&pairs);
            assert_eq!(choice.clock, clock, "{case}");
            assert!(choice.reason.contains(says), "{case}: {}", choice.reason);
        }
    }

    #[test]
    fn one_missing_timestamp_is_a_missing_clock() {
        let good = Pair { host: [0.02, 0.04], timestamp: Some([0.02, 0.04]) };
        let choice = Choice::hardware(&[good, Pair { timestamp: None, ..good }, good]);
        assert_eq!(choice.clock, Clock::HostSlope);
    }

    #[test]
    fn software_is_timed_by_its_cpu_time_where_there_is_one() {
        assert_eq!(Choice::software(true).clock, Clock::ProcessCpu);
        assert_eq!(Choice::software(false).clock, Clock::HostSlope);
    }
}
