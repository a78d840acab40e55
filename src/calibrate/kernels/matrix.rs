//! Peaks of cooperative matrices, where an adapter has them.

use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Need, Reference, Setting};
use crate::calibrate::Size;
use crate::device::Precision;

/// Products that one turn of the loop adds to each sum.
const UNROLLED: u64 = 32;
/// Small integers: every product and every sum is exact, in any order and any rounding. At most
/// 16 · 3 · 3 + 3 = 147, below the 2,048 of f16.
const DIGITS: Fill = Fill::Indices(4);

const ACCUMULATORS: Setting = Setting { name: "ACCUMULATORS", values: &["2u", "4u", "1u"] };
const SUBGROUPS: Setting = Setting { name: "SUBGROUP", values: &["32u", "64u", "16u", "8u"] };

const fn row(
    id: &'static str,
    precision: Precision,
    needs: &'static [Need],
    settings: &'static [Setting],
) -> Kernel {
    Kernel {
        id,
        file: "matrix.wgsl",
        source: include_str!("../../../shaders/matrix.wgsl"),
        measures: Measures::Peak(Some(precision)),
        needs,
        settings,
        layout: sums,
        expected: summed,
    }
}

pub(super) static KERNELS: &[Kernel] = &[
    row(
        "matrix.f32",
        Precision::Fp32,
        &[Need::MatrixF32, Need::Subgroups],
        &[Setting { name: "Scalar", values: &["f32"] }, SUBGROUPS, ACCUMULATORS],
    ),
    row(
        "matrix.f16",
        Precision::Fp16,
        &[Need::MatrixF16, Need::Subgroups],
        &[
            Setting { name: "Scalar", values: &["f16"] },
            Setting { name: "Left", values: &["coop_mat16x16<f16, A>"] },
            Setting { name: "Right", values: &["coop_mat16x16<f16, B>"] },
            Setting { name: "Sum", values: &["coop_mat16x16<f16, C>"] },
            Setting { name: "SIZE", values: &["16u"] },
            SUBGROUPS,
            ACCUMULATORS,
        ],
    ),
];

/// Invocations of a workgroup, as the shader has it.
const WORKGROUP: u64 = 64;

fn side(configuration: &Configuration) -> u64 {
    configuration.number("SIZE").map_or(8, u64::from)
}

fn sums(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Chain { invocations, turns } = size else { return None };
    let side = side(configuration);
    let subgroups = WORKGROUP.checked_div(u64::from(configuration.number("SUBGROUP")?))?;
    let accumulators = u64::from(configuration.number("ACCUMULATORS")?);
    let workgroups = invocations.max(1).div_ceil(WORKGROUP);
    let tiles = workgroups.checked_mul(subgroups)?.checked_mul(accumulators)?;
    let element = configuration.element();
    let input = |elements| Input { elements, element, fill: DIGITS };
    let products = UNROLLED * u64::from(turns) + 1;
    // Places are counted in u32 by the shader.
    let elements = tiles.checked_mul(side * side).filter(|elements| u32::try_from(*elements).is_ok())?;
    Some(Layout {
        params: vec![turns, 0, 0, 0],
        inputs: vec![input(side * side), input(side * side), input(elements)],
        output: elements,
        element,
        workgroups: [u32::try_from(workgroups).ok()?, 1, 1],
        operations: 2.0 * (side * side * side) as f64 * tiles as f64 * products as f64,
        bytes: 0.0,
    })
}

/// The start and one product: those of the turns cancel.
fn summed(reference: &Reference, index: usize) -> Expected {
    let side = usize::try_from(side(reference.configuration)).unwrap_or(1);
    let (row, col) = (index / side % side, index % side);
    let term = |step| reference.input(0, row * side + step) * reference.input(1, step * side + col);
    let value = reference.input(2, index) + (0..side).map(term).sum::<f64>();
    Expected { value, tolerance: 0.0 }
}
