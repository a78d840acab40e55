//! Traffic and arithmetic in a set ratio: the knee of the roofline.

use super::arithmetic::{NEAR_ZERO, NUMERATOR, quadratic, quadratic_tolerance};
use super::memory::{Path, TWO, VECTOR, WORKGROUP};
use super::{Configuration, Element, Expected, Input, Kernel, Layout, Measures, Reference};
use crate::calibrate::Size;

pub(super) static KERNELS: &[Kernel] = &[Kernel {
    id: "intensity.mix",
    file: "intensity.wgsl",
    source: include_str!("../../../shaders/intensity.wgsl"),
    measures: Measures::Intensity,
    needs: &[],
    settings: &[WORKGROUP],
    layout: mix,
    expected: mixed,
}];

/// An element is read and written, 8 bytes: F FLOPs on each are F / 8 for a byte.
fn mix(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Intensity { elements, flops_per_element } = size else { return None };
    let steps = (flops_per_element % 2 == 0).then_some(flops_per_element / 2).filter(|steps| *steps > 0)?;
    let path = Path::within(elements / 4, TWO, configuration)?;
    let elements = path.elements();
    Some(Layout {
        params: vec![path.vectors, steps, NUMERATOR, 0],
        inputs: vec![Input { elements, element: Element::F32, fill: NEAR_ZERO }],
        output: elements,
        element: Element::F32,
        workgroups: [path.workgroups, 1, 1],
        operations: elements as f64 * f64::from(flops_per_element),
        bytes: f64::from(path.vectors) * (2 * VECTOR) as f64,
    })
}

fn mixed(reference: &Reference, index: usize) -> Expected {
    let value = quadratic(reference.input(0, index), reference.param(2), u64::from(reference.param(1)));
    Expected { value, tolerance: quadratic_tolerance(Element::F32) }
}
