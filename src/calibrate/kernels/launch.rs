//! What starting work costs.

use super::{Configuration, Element, Expected, Kernel, Layout, Measures, Reference};
use crate::calibrate::Size;

/// What the kernel writes.
const TOKEN: u32 = 2_147_483_659;

pub(super) static KERNELS: &[Kernel] = &[Kernel {
    id: "launch.empty",
    file: "launch_empty.wgsl",
    source: include_str!("../../../shaders/launch_empty.wgsl"),
    measures: Measures::Launch,
    needs: &[],
    settings: &[],
    layout: one,
    expected: token,
}];

fn one(_: &Configuration, size: Size) -> Option<Layout> {
    (size == Size::Empty).then(|| Layout {
        params: vec![TOKEN, 0, 0, 0],
        inputs: vec![],
        output: 1,
        element: Element::U32,
        workgroups: [1, 1, 1],
        operations: 0.0,
        bytes: 0.0,
    })
}

fn token(reference: &Reference, _: usize) -> Expected {
    Expected { value: f64::from(reference.param(0)), tolerance: 0.0 }
}
