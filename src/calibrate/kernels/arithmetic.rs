//! Peaks of arithmetic: chains of dependent operations in registers.

use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::Precision;

/// Multiply-adds that one turn of the loop does in each lane of each chain.
const UNROLLED: u32 = 32;
/// Chains that the shader loads, whether it uses them or not.
const LOADED: u64 = 8;
/// `c = -NUMERATOR / 1024`: x² + c contracts towards a fixed point at -0.36.
const NUMERATOR: u32 = 500;
/// Steps after which the distance from the fixed point, 0.72^256, is below what any format resolves.
const CONVERGED: u32 = 256;

pub(super) static KERNELS: &[Kernel] = &[Kernel {
    id: "alu.f32",
    file: "chain.wgsl",
    source: include_str!("../../../shaders/chain.wgsl"),
    measures: Measures::Peak(Some(Precision::Fp32)),
    needs: &[],
    settings: &[
        Setting { name: "Value", values: &["vec4<Scalar>", "vec2<Scalar>", "Scalar"] },
        Setting { name: "CHAINS", values: &["2u", "1u", "4u", "8u"] },
        Setting { name: "WORKGROUP", values: &["64u", "128u", "256u"] },
    ],
    layout: chain,
    expected: chained,
}];

fn lanes(configuration: &Configuration) -> u32 {
    match configuration.text("Value") {
        Some("Scalar") => 1,
        Some("vec2<Scalar>") => 2,
        _ => 4,
    }
}

fn chain(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Chain { invocations, turns } = size else { return None };
    let workgroup = u64::from(configuration.number("WORKGROUP")?);
    let chains = u64::from(configuration.number("CHAINS")?);
    let workgroups = invocations.div_ceil(workgroup);
    let invocations = workgroups.checked_mul(workgroup)?;
    let lanes = u64::from(lanes(configuration));
    let element = configuration.element();
    let values = invocations.checked_mul(lanes)?;
    Some(Layout {
        params: vec![turns, u32::try_from(invocations).ok()?, NUMERATOR, 0],
        inputs: vec![Input {
            elements: values.checked_mul(LOADED)?,
            element,
            fill: Fill::Random { low: -0.9, high: 0.9 },
        }],
        output: values.checked_mul(chains)?,
        element,
        workgroups: [u32::try_from(workgroups).ok()?, 1, 1],
        operations: 2.0 * (values * chains) as f64 * f64::from(UNROLLED) * f64::from(turns),
        bytes: 0.0,
    })
}

/// The chain contracts by |2x| = 0.72 a step towards its fixed point, so rounding does not grow.
fn chained(reference: &Reference, index: usize) -> Expected {
    let c = -f64::from(NUMERATOR) / 1024.0;
    let steps = reference.param(0).saturating_mul(UNROLLED).min(CONVERGED);
    let mut x = reference.input(0, index);
    for _ in 0..steps {
        x = x * x + c;
    }
    Expected { value: x, tolerance: 8.0 * reference.layout.element.epsilon() }
}
