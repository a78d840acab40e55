//! Peaks of arithmetic: chains of dependent operations in registers, and where such a chain leads.

use super::{
    Configuration, Element, Expected, Fill, Input, Kernel, Layout, Measures, Need, Reference, Setting,
};
use crate::calibrate::Size;
use crate::device::Precision;

/// Operations that one turn of the loop does in each lane of each chain.
const UNROLLED: u32 = 32;
/// `c = -NUMERATOR / 1024`: within 6e-6 of the centre of the period-3 window of x² + c, -1.754878 (the real
/// root of c³ + 2c² + c + 1). Values go 0, -1.75, 1.32 for ever and rounding does not grow, so every step
/// changes every bit, and the result tells the number of steps modulo 3.
pub(super) const NUMERATOR: u32 = 1797;
/// Starts that fall into that cycle at its 0: the basin reaches to 0.1.
pub(super) const NEAR_ZERO: Fill = Fill::Random { low: -0.05, high: 0.05 };
/// `c` of integers. Odd, so that values are even and odd in turns, and two values of the same parity come
/// nearer by at least one binary place a step.
const ODD: u32 = 0x9E37_79B9;
/// Steps after which a cycle is taken to have been reached, found or not.
const LONGEST: u32 = 1 << 20;

/// The last setting of a row changes first, so these come before all others. Three vectors of four are what 16
/// vector registers hold and the latency of a product and a sum needs.
const CHAINS: Setting = Setting { name: "CHAINS", values: &["3u", "2u", "4u", "1u", "8u"] };
const DOT_CHAINS: Setting = Setting { name: "CHAINS", values: &["4u", "8u", "2u", "1u"] };
const WORKGROUPS: Setting = Setting { name: "WORKGROUP", values: &["64u", "256u", "128u"] };
const VALUES: Setting = Setting { name: "Value", values: &["vec4<Scalar>", "Scalar", "vec2<Scalar>"] };
/// Two 16-bit values share a register.
const PAIRS: Setting = Setting { name: "Value", values: &["vec4<Scalar>", "vec2<Scalar>", "Scalar"] };

const CHAIN: &str = include_str!("../../../shaders/chain.wgsl");

const fn scalar(values: &'static [&'static str]) -> Setting {
    Setting { name: "Scalar", values }
}

const fn denominator(values: &'static [&'static str]) -> Setting {
    Setting { name: "DENOMINATOR", values }
}

const fn row(id: &'static str, precision: Option<Precision>, settings: &'static [Setting]) -> Kernel {
    Kernel {
        id,
        file: "chain.wgsl",
        source: CHAIN,
        measures: Measures::Peak(precision),
        needs: &[],
        settings,
        layout: chain,
        expected: chained,
    }
}

pub(super) static KERNELS: &[Kernel] = &[
    row("alu.f32", Some(Precision::Fp32), &[scalar(&["f32"]), WORKGROUPS, VALUES, CHAINS]),
    row("alu.f16", Some(Precision::Fp16), &[scalar(&["f16"]), WORKGROUPS, PAIRS, CHAINS]),
    row("alu.f64", Some(Precision::Fp64), &[scalar(&["f64"]), WORKGROUPS, VALUES, CHAINS]),
    row("alu.i32", None, &[scalar(&["i32"]), denominator(&["1u"]), WORKGROUPS, VALUES, CHAINS]),
    Kernel {
        id: "alu.dot4",
        file: "chain_dot4.wgsl",
        source: include_str!("../../../shaders/chain_dot4.wgsl"),
        measures: Measures::Peak(Some(Precision::Int8)),
        needs: &[Need::Dot4],
        settings: &[WORKGROUPS, DOT_CHAINS],
        layout: dots,
        expected: dotted,
    },
];

/// Whole workgroups for so many invocations, one at least: workgroups and invocations.
pub(super) fn whole(invocations: u64, workgroup: u32) -> Option<(u32, u32)> {
    let workgroups = u32::try_from(invocations.max(1).div_ceil(u64::from(workgroup))).ok()?;
    Some((workgroups, workgroups.checked_mul(workgroup)?))
}

fn lanes(configuration: &Configuration) -> u64 {
    match configuration.text("Value") {
        Some("Scalar") => 1,
        Some("vec2<Scalar>") => 2,
        _ => 4,
    }
}

fn chain(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Chain { invocations, turns } = size else { return None };
    let (workgroups, invocations) = whole(invocations, configuration.number("WORKGROUP")?)?;
    let chains = u64::from(configuration.number("CHAINS")?);
    let element = configuration.element();
    let values = u64::from(invocations).checked_mul(lanes(configuration))?.checked_mul(chains)?;
    let (numerator, fill) = match element {
        Element::I32 => (ODD, Fill::Indices(i32::MAX.unsigned_abs())),
        _ => (NUMERATOR, NEAR_ZERO),
    };
    Some(Layout {
        params: vec![turns, invocations, numerator, 0],
        inputs: vec![Input { elements: values, element, fill }],
        output: values,
        element,
        workgroups: [workgroups, 1, 1],
        operations: 2.0 * values as f64 * f64::from(UNROLLED) * f64::from(turns),
        bytes: 0.0,
    })
}

fn chained(reference: &Reference, index: usize) -> Expected {
    let start = reference.input(0, index);
    let steps = u64::from(reference.param(0)) * u64::from(UNROLLED);
    let element = reference.layout.element;
    if element == Element::I32 {
        let c = reference.param(2).cast_signed().wrapping_neg();
        let value = orbit(integer(start), steps, |x| x.wrapping_mul(x).wrapping_add(c));
        return Expected { value: f64::from(value), tolerance: 0.0 };
    }
    Expected { value: quadratic(start, reference.param(2), steps), tolerance: quadratic_tolerance(element) }
}

/// `start` after so many steps of x² - `numerator` / 1024.
pub(super) fn quadratic(start: f64, numerator: u32, steps: u64) -> f64 {
    let c = -f64::from(numerator) / 1024.0;
    orbit(start, steps, |x| x * x + c)
}

/// Once round the cycle, an error of half a step of rounding grows by |2x| = 3.51 and 2.65 before it meets the 0,
/// where it vanishes: 8 halves at -1.75 and 3 at 1.32, twice that with a product rounded on its own.
pub(super) fn quadratic_tolerance(element: Element) -> f64 {
    16.0 * element.epsilon()
}

fn dots(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Chain { invocations, turns } = size else { return None };
    let (workgroups, invocations) = whole(invocations, configuration.number("WORKGROUP")?)?;
    let chains = u64::from(configuration.number("CHAINS")?);
    let values = u64::from(invocations).checked_mul(chains)?;
    Some(Layout {
        params: vec![turns, invocations, ODD, 0],
        inputs: vec![Input { elements: values, element: Element::U32, fill: Fill::Indices(u32::MAX) }],
        output: values,
        element: Element::U32,
        workgroups: [workgroups, 1, 1],
        operations: 8.0 * values as f64 * f64::from(UNROLLED) * f64::from(turns),
        bytes: 0.0,
    })
}

/// A dot product of four bytes with themselves takes 65,537 values at most, so the cycle is met soon.
fn dotted(reference: &Reference, index: usize) -> Expected {
    let steps = u64::from(reference.param(0)) * u64::from(UNROLLED);
    let dot = |x: u32| {
        let squares = x.to_le_bytes().map(|byte| u32::from(byte.cast_signed().unsigned_abs()).pow(2));
        squares.iter().sum::<u32>().wrapping_add(reference.param(2))
    };
    let value = orbit(word(reference.input(0, index)), steps, dot);
    Expected { value: f64::from(value), tolerance: 0.0 }
}

/// Where a start is after so many steps of a map. The steps of a chain are far too many to take: once it comes
/// back to where it was (R. P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20, 1980), whole
/// rounds are left out.
pub(super) fn orbit<T: Copy + PartialEq>(start: T, steps: u64, map: impl Fn(T) -> T) -> T {
    let (mut x, mut left) = (start, steps);
    let (mut anchor, mut since, mut next_anchor) = (start, 0, 1);
    for _ in 0..LONGEST {
        if left == 0 {
            break;
        }
        x = map(x);
        left -= 1;
        since += 1;
        if x == anchor {
            left %= since;
        } else if since == next_anchor {
            (anchor, since, next_anchor) = (x, 0, 2 * next_anchor);
        }
    }
    x
}

/// A word that was kept as a float; 0 for no number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value was a u32")]
pub(super) fn word(value: f64) -> u32 {
    value as u32
}

#[allow(clippy::cast_possible_truncation, reason = "the value was an i32")]
fn integer(value: f64) -> i32 {
    value as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orbit_with_rounds_left_out_ends_where_every_step_leads() {
        // A tail of 3 into a round of 5: 0 1 2 | 3 4 5 6 7 3 ...
        let map = |x: u32| if x == 7 { 3 } else { x + 1 };
        for steps in 0..100 {
            let walked = (0..steps).fold(0, |x, _| map(x));
            assert_eq!(orbit(0, steps, map), walked, "{steps}");
        }
        assert_eq!(orbit(0, 3 + 5 * 1_000_000_000_000 + 2, map), 5);
    }

    #[test]
    fn a_map_that_never_returns_ends_all_the_same() {
        assert!(orbit(0.0, u64::MAX, |x: f64| x + 1.0).is_finite());
        assert!(orbit(f64::NAN, u64::MAX, |x| x).is_nan());
    }

    #[test]
    fn the_quadratic_chain_goes_round_three_values() {
        // The plastic number 1.324718 and its negative square: the cycle at the centre of the window.
        let cycle = [0.0, -1.754_878, 1.324_718];
        for (steps, expected) in (300..).zip(cycle) {
            let value = quadratic(0.03, NUMERATOR, steps);
            assert!((value - expected).abs() < 1e-4, "{steps}: {value}");
        }
    }
}
