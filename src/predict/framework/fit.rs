//! Fits coefficients to measurements, and says how well they do on what was held back.
//!
//! Least absolute relative errors under bounds, by iteratively reweighted least squares (each case weighs the less the
//! further it is off), each solved by cyclic coordinate descent: a few models are far from any law, and must not bend it. A
//! run that waits for its starts says nothing of its kernels, and the other way round: which of the two a case is, is decided
//! anew in each round.
//!
//! Source: Huber, "Robust Statistics" (1981), chapter 7; Franc, Hlaváč, Navara, "Sequential coordinate-wise algorithm for
//! the non-negative least squares problem", CAIP 2005.

use super::{Coefficients, Term};
use crate::stats::quantile;

/// Rounds of reweighting.
const ROUNDS: usize = 40;
/// Sweeps over the coefficients for each; they end early where nothing moves.
const SWEEPS: usize = 5_000;
/// Relative errors below this weigh the same.
const SMALL: f64 = 0.02;

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Seconds at full rates, by term.
    pub sums: [f64; Term::COUNT],
    /// Seconds measured.
    pub seconds: f64,
    /// How much it counts.
    pub weight: f64,
}

/// The least that a coefficient may be. A contraction reaches its peak rate and not much more (boost clocks are labels), a
/// contraction reads its operands at least once; of what is fused or found in a cache, a part may be missing.
fn least(term: Term) -> f64 {
    match term {
        Term::Conv | Term::Product | Term::Grouped => 0.7,
        Term::ConvBytes | Term::PointwiseBytes | Term::ProductBytes | Term::GroupedBytes => 1.0,
        Term::Start => 1.0,
        Term::LargeDepthwise | Term::Padding | Term::LowPower | Term::Mask => 0.0,
        _ => 0.3,
    }
}

/// The most that a coefficient may be: what is seen in kernels that libraries have no good one for. Beyond it, a term stands
/// in for something that it is not.
fn most(term: Term) -> f64 {
    match term {
        Term::Conv | Term::Product => 2.0,
        Term::Padding => 4.0,
        // What moves bytes and little else: strided, at worst a quarter of what is fetched is used.
        Term::Elementwise | Term::Norm | Term::Reduce | Term::Pool | Term::Move => 4.0,
        Term::LargeDepthwise => 200.0,
        Term::Start => 200.0,
        _ => 12.0,
    }
}

/// The coefficients that fit cases best. Those that no case depends on are as in `before`.
#[must_use]
pub fn fit(cases: &[&Case], before: &Coefficients) -> Coefficients {
    let free: Vec<Term> =
        Term::ALL.into_iter().filter(|term| cases.iter().any(|case| of(&case.sums, *term) > 0.0)).collect();
    let mut now = *before;
    for round in 0..ROUNDS {
        let mut rows = vec![];
        for case in cases {
            let [kernels, starts] = now.parts(&case.sums);
            let waits = starts > kernels;
            let depends = |term: Term| (term == Term::Start) == waits;
            let row: Vec<f64> = free
                .iter()
                .map(|term| if depends(*term) { of(&case.sums, *term) / case.seconds } else { 0.0 })
                .collect();
            let off = (kernels.max(starts) / case.seconds - 1.0).abs();
            let weight = case.weight * if round == 0 { 1.0 } else { off.max(SMALL).recip() };
            rows.push(Row { row, target: 1.0, weight });
        }
        let mut found: Vec<f64> =
            free.iter().map(|term| now.of(*term).clamp(least(*term), most(*term))).collect();
        descend(&rows, &free, &mut found);
        let mut values = Term::ALL.map(|term| before.of(term));
        for (term, value) in free.iter().zip(found) {
            if let Some(slot) = values.get_mut(*term as usize) {
                *slot = value;
            }
        }
        now = Coefficients::new(values);
    }
    now
}

/// A case: its terms over what was measured, what they must add up to, and how much it counts.
struct Row {
    row: Vec<f64>,
    target: f64,
    weight: f64,
}

fn of(sums: &[f64; Term::COUNT], term: Term) -> f64 {
    sums.get(term as usize).copied().unwrap_or(0.0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Weighted least squares under the lower bounds of the terms.
fn descend(rows: &[Row], free: &[Term], found: &mut [f64]) {
    let count = free.len();
    let mut gram = vec![vec![0.0; count]; count];
    let mut right = vec![0.0; count];
    for Row { row, target, weight } in rows {
        for ((line, b), x) in gram.iter_mut().zip(&mut right).zip(row) {
            *b += weight * x * target;
            line.iter_mut().zip(row).for_each(|(entry, y)| *entry += weight * x * y);
        }
    }
    for _ in 0..SWEEPS {
        let mut moved = 0.0f64;
        for (at, term) in free.iter().enumerate() {
            let (Some(line), Some(b)) = (gram.get(at), right.get(at)) else { continue };
            let (Some(own), Some(now)) = (line.get(at).copied(), found.get(at).copied()) else { continue };
            // Nothing depends on it now: it stays.
            if own <= 0.0 {
                continue;
            }
            let next = (now + (b - dot(line, found)) / own).clamp(least(*term), most(*term));
            moved = moved.max((next - now).abs() / next.max(1e-9));
            if let Some(slot) = found.get_mut(at) {
                *slot = next;
            }
        }
        if moved < 1e-6 {
            break;
        }
    }
}

/// What is taken for coefficients before anything is measured: every kernel at the full rates, and a start of 20 µs.
fn unknown() -> Coefficients {
    Coefficients::new(Term::ALL.map(|term| if term == Term::Start { 20.0 } else { 1.0 }))
}

/// For each group, the coefficients fitted on all cases but its own.
#[must_use]
pub fn without_each(cases: &[Case], groups: &[String]) -> Vec<(String, Coefficients)> {
    let mut names: Vec<&String> = groups.iter().collect();
    names.sort();
    names.dedup();
    let without = |name: &String| {
        let rest: Vec<&Case> =
            cases.iter().zip(groups).filter(|(_, group)| *group != name).map(|(case, _)| case).collect();
        (name.clone(), fit(&rest, &unknown()))
    };
    names.into_iter().map(without).collect()
}

/// Predicted over measured time of each case, by what was fitted without its group.
#[must_use]
pub fn held_back(cases: &[Case], groups: &[String], fitted: &[(String, Coefficients)]) -> Vec<f64> {
    let ratio = |(case, group): (&Case, &String)| {
        let found = fitted.iter().find(|(name, _)| name == group);
        found.map_or(f64::NAN, |(_, coefficients)| coefficients.seconds(&case.sums) / case.seconds)
    };
    cases.iter().zip(groups).map(ratio).collect()
}

/// How predictions compare with measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// How many.
    pub cases: usize,
    /// Median of the absolute relative errors.
    pub median: f64,
    /// Their mean (MAPE).
    pub mean: f64,
    /// Their 90th percentile.
    pub p90: f64,
    /// Share of those of at most 0.3.
    pub within_30: f64,
    /// Measured over predicted, 10th and 90th percentile.
    pub spread: [f64; 2],
    /// The same over these and their inverses: how far a device is from another, one way or the other.
    pub both_ways: [f64; 2],
}

impl Errors {
    /// Of predicted over measured times; `None` without any.
    #[must_use]
    pub fn of(ratios: &[f64]) -> Option<Self> {
        if ratios.is_empty() || ratios.iter().any(|ratio| !ratio.is_finite() || *ratio <= 0.0) {
            return None;
        }
        let off: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect();
        let outer = |values: &[f64]| Some([quantile(values, 0.1)?, quantile(values, 0.9)?]);
        let inverse: Vec<f64> = ratios.iter().map(|ratio| ratio.recip()).collect();
        let count = off.len() as f64;
        Some(Self {
            cases: off.len(),
            median: quantile(&off, 0.5)?,
            mean: off.iter().sum::<f64>() / count,
            p90: quantile(&off, 0.9)?,
            within_30: off.iter().filter(|error| **error <= 0.3).count() as f64 / count,
            spread: outer(&inverse)?,
            both_ways: outer(&[inverse.as_slice(), ratios].concat())?,
        })
    }
}

/// Spearman's rank correlation; `None` for fewer than three cases.
#[must_use]
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 3 {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// Places from 1, equal values at their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|other| **other < value).count() as f64;
    let equal = |value: f64| values.iter().filter(|other| **other == value).count() as f64;
    values.iter().map(|value| below(*value) + (equal(*value) + 1.0) / 2.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random numbers between 0 and 1.
    fn random(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1u64 << 53) as f64
    }

    fn cases(count: usize, truth: &Coefficients, noise: f64) -> Vec<Case> {
        let mut state = 1;
        (0..count)
            .map(|_| {
                // Every other one waits for its starts.
                let starts = if random(&mut state) < 0.5 { 0.0 } else { 1e-2 };
                let mut sums = Term::ALL.map(|_| random(&mut state).powi(3) * 1e-3);
                sums[Term::Start as usize] = starts;
                let seconds = truth.seconds(&sums) * (1.0 + noise * (2.0 * random(&mut state) - 1.0));
                Case { sums, seconds, weight: 1.0 }
            })
            .collect()
    }

    fn truth() -> Coefficients {
        // Within the bounds of each: a start of 9 µs, contractions at somewhat less than their peak.
        Coefficients::new(
            Term::ALL
                .map(|term| if term == Term::Start { 9.0 } else { 1.0 + f64::from(term as u8 % 4) / 5.0 }),
        )
    }

    #[test]
    fn known_coefficients_are_found_under_noise_and_a_few_wild_cases() {
        let mut cases = cases(400, &truth(), 0.02);
        for case in cases.iter_mut().step_by(25) {
            case.seconds *= 5.0;
        }
        let found = fit(&cases.iter().collect::<Vec<_>>(), &unknown());
        for term in Term::ALL {
            let (found, truth) = (found.of(term), truth().of(term));
            assert!((found / truth - 1.0).abs() < 0.1, "{term}: {found} for {truth}");
        }
    }

    #[test]
    fn what_is_not_measured_stays() {
        let mut cases = cases(200, &truth(), 0.0);
        for case in &mut cases {
            case.sums[Term::Mask as usize] = 0.0;
            case.seconds = truth().seconds(&case.sums);
        }
        let mut before = [1.0; Term::COUNT];
        before[Term::Mask as usize] = 7.0;
        let found = fit(&cases.iter().collect::<Vec<_>>(), &Coefficients::new(before));
        assert_eq!(found.of(Term::Mask), 7.0);
        assert!((found.of(Term::Conv) / truth().of(Term::Conv) - 1.0).abs() < 0.01);
    }

    #[test]
    fn errors_are_those_worked_out_by_hand() {
        let errors = Errors::of(&[0.5, 0.9, 1.0, 1.2, 1.6]).unwrap();
        assert_eq!(errors.cases, 5);
        assert!((errors.median - 0.2).abs() < 1e-12);
        assert!((errors.mean - (0.5 + 0.1 + 0.2 + 0.6) / 5.0).abs() < 1e-12);
        assert!((errors.within_30 - 0.6).abs() < 1e-12);
        // numpy.quantile of 1 / ratios: [0.7083.., 1.644..]
        assert!((errors.spread[0] - 0.708_333).abs() < 1e-5 && (errors.spread[1] - 1.644_444).abs() < 1e-5);
        assert!(Errors::of(&[]).is_none() && Errors::of(&[1.0, f64::NAN]).is_none());
    }

    #[test]
    fn ranks_correlate_as_scipy_says() {
        // scipy.stats.spearmanr([1, 2, 2, 4, 5], [2, 1, 3, 5, 4])
        let found = rank_correlation(&[1.0, 2.0, 2.0, 4.0, 5.0], &[2.0, 1.0, 3.0, 5.0, 4.0]).unwrap();
        assert!((found - 0.718_184_846_459_607_9).abs() < 1e-12, "{found}");
        assert_eq!(rank_correlation(&[1.0, 2.0], &[1.0, 2.0]), None);
    }
}
