//! Memory traffic by working set.

use super::{Configuration, Element, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;

/// Bytes of one access.
const VECTOR: u64 = 16;
/// Workgroups that any adapter is kept busy with; larger sets are gone through in strides.
const MOST_WORKGROUPS: u64 = 16_384;

pub(super) static KERNELS: &[Kernel] = &[Kernel {
    id: "memory.copy",
    file: "memory_copy.wgsl",
    source: include_str!("../../../shaders/memory_copy.wgsl"),
    measures: Measures::Bandwidth,
    needs: &[],
    settings: &[Setting { name: "WORKGROUP", values: &["64u", "256u"] }],
    layout: copy,
    expected: copied,
}];

/// The working set is both arrays.
fn copy(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Bytes { working_set, turns } = size else { return None };
    let workgroup = u64::from(configuration.number("WORKGROUP")?);
    // An even number of vectors: the turns differ by swapping neighbours.
    let vectors = working_set / (4 * VECTOR) * 2;
    let floats = vectors.checked_mul(4)?;
    Some(Layout {
        params: vec![u32::try_from(vectors).ok()?, turns, 0, 0],
        inputs: vec![Input {
            elements: floats,
            element: Element::F32,
            fill: Fill::Random { low: -1.0, high: 1.0 },
        }],
        output: floats,
        element: Element::F32,
        workgroups: [u32::try_from(vectors.div_ceil(workgroup).min(MOST_WORKGROUPS)).ok()?, 1, 1],
        operations: 0.0,
        bytes: (2 * vectors * VECTOR) as f64 * f64::from(turns),
    })
}

/// The last turn decides: even turns copy, odd ones swap neighbouring vectors.
fn copied(reference: &Reference, index: usize) -> Expected {
    let odd = reference.param(1) % 2 == 0;
    let at = if odd { index ^ 4 } else { index };
    Expected { value: reference.input(0, at), tolerance: 0.0 }
}
