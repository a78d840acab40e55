//! Rates of division, square root and transcendental functions.

use super::arithmetic::{orbit, whole};
use super::{Configuration, Element, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;

/// Results that one turn of the loop makes in each lane of each chain.
const UNROLLED: u32 = 16;
/// Vectors of four in each invocation.
const CHAINS: u64 = 2;
const LANES: u64 = 4;

const WORKGROUPS: Setting = Setting { name: "WORKGROUP", values: &["64u", "256u"] };

const fn row(id: &'static str, settings: &'static [Setting]) -> Kernel {
    Kernel {
        id,
        file: "chain_special.wgsl",
        source: include_str!("../../../shaders/chain_special.wgsl"),
        measures: Measures::Special,
        needs: &[],
        settings,
        layout: chain,
        expected: chained,
    }
}

const fn function(values: &'static [&'static str]) -> Setting {
    Setting { name: "FUNCTION", values }
}

pub(super) static KERNELS: &[Kernel] = &[
    row("special.exp", &[function(&["EXP"]), WORKGROUPS]),
    row("special.tanh", &[function(&["TANH"]), WORKGROUPS]),
    row("special.div", &[function(&["DIV"]), WORKGROUPS]),
    row("special.sqrt", &[function(&["SQRT"]), WORKGROUPS]),
];

/// What a chain repeats, and how.
struct Map {
    step: fn(x: f64, c: f64) -> f64,
    /// 1024 times `c`.
    numerator: i32,
    /// Starts that lead to the same result, and are none themselves.
    start: Fill,
    /// What WGSL allows in error, as far as the map leaves of it.
    tolerance: f64,
}

/// Where each leads: exp(-4x) to 0.028 and 0.894 in turns, tanh(-2x) to 0.958 and its negative, 1 / (1 + x) to
/// the golden ratio less 1, √(1 + x) to the golden ratio. All contract, so errors do not grow.
///
/// Allowed errors: WGSL, "Accuracy of concrete floating point expressions": exp 3 + 2|x| units in the last
/// place, tanh 1e-5, division 2.5 units, square root as the inverse of inverseSqrt, 2 units.
fn map(configuration: &Configuration) -> Option<Map> {
    let few_units = 64.0 * Element::F32.epsilon();
    let random = |low, high| Fill::Random { low, high };
    Some(match configuration.text("FUNCTION")? {
        "EXP" => Map {
            step: |x, c| (c * x).exp(),
            numerator: -4096,
            start: random(0.05, 0.15),
            tolerance: few_units,
        },
        "TANH" => {
            Map { step: |x, c| (c * x).tanh(), numerator: -2048, start: random(0.1, 0.9), tolerance: 4e-5 }
        }
        "DIV" => {
            Map { step: |x, c| c / (c + x), numerator: 1024, start: random(0.1, 0.5), tolerance: few_units }
        }
        "SQRT" => Map {
            step: |x, c| (c + x).sqrt(),
            numerator: 1024,
            start: random(0.1, 0.9),
            tolerance: few_units,
        },
        _ => return None,
    })
}

fn chain(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Chain { invocations, turns } = size else { return None };
    let map = map(configuration)?;
    let (workgroups, invocations) = whole(invocations, configuration.number("WORKGROUP")?)?;
    let values = u64::from(invocations).checked_mul(LANES * CHAINS)?;
    Some(Layout {
        params: vec![turns, invocations, map.numerator.cast_unsigned(), 0],
        inputs: vec![Input { elements: values, element: Element::F32, fill: map.start }],
        output: values,
        element: Element::F32,
        workgroups: [workgroups, 1, 1],
        operations: values as f64 * f64::from(UNROLLED) * f64::from(turns),
        bytes: 0.0,
    })
}

fn chained(reference: &Reference, index: usize) -> Expected {
    let Some(map) = map(reference.configuration) else {
        return Expected { value: f64::NAN, tolerance: 0.0 };
    };
    let c = f64::from(map.numerator) / 1024.0;
    let steps = u64::from(reference.param(0)) * u64::from(UNROLLED);
    let value = orbit(reference.input(0, index), steps, |x| (map.step)(x, c));
    Expected { value, tolerance: map.tolerance }
}
