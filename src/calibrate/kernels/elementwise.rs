//! A function of each element: simple ones of one or two operands, and a costly one.

use super::grid::{linear, word};
use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

/// Columns of the operand that is repeated: hidden sizes of networks are multiples.
const COLUMNS: u64 = 128;

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "elementwise.relu",
        file: "elementwise_relu.wgsl",
        source: include_str!("../../../shaders/elementwise_relu.wgsl"),
        measures: measures(KernelClass::Elementwise),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| match size {
            Size::Shape(shape @ KernelShape::Elementwise { elements, operands: 1, .. }) => {
                plain(configuration, &shape, elements, 1)
            }
            _ => None,
        },
        expected: |reference, index| Expected { value: reference.input(0, index).max(0.0), tolerance: 0.0 },
    },
    Kernel {
        id: "elementwise.add",
        file: "elementwise_add.wgsl",
        source: include_str!("../../../shaders/elementwise_add.wgsl"),
        measures: measures(KernelClass::Elementwise),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| match size {
            Size::Shape(shape @ KernelShape::Elementwise { elements, operands: 2, broadcast: false }) => {
                plain(configuration, &shape, elements, 2)
            }
            _ => None,
        },
        expected: |reference, index| {
            reference.sum([reference.input(0, index), reference.input(1, index)].into_iter())
        },
    },
    Kernel {
        id: "elementwise.broadcast",
        file: "elementwise_broadcast.wgsl",
        source: include_str!("../../../shaders/elementwise_broadcast.wgsl"),
        measures: measures(KernelClass::Elementwise),
        needs: &[],
        settings: SCALAR,
        layout: broadcast,
        expected: |reference, index| {
            let column = index % reference.param(3) as usize;
            reference.sum([reference.input(0, index), reference.input(1, column)].into_iter())
        },
    },
    Kernel {
        id: "special.gelu",
        file: "special_gelu.wgsl",
        source: include_str!("../../../shaders/special_gelu.wgsl"),
        measures: measures(KernelClass::Special),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| match size {
            Size::Shape(shape @ KernelShape::Special { elements }) => {
                plain(configuration, &shape, elements, 1)
            }
            _ => None,
        },
        expected: gelu,
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(class: KernelClass) -> Measures {
    Measures::Class { class, tile: Tile { rows: 1, cols: 256, depth: 1 }, runtime_like: true }
}

/// Operands and result of the same shape, the last vector of four padded.
fn plain(
    configuration: &Configuration,
    shape: &KernelShape,
    elements: u64,
    operands: usize,
) -> Option<Layout> {
    let element = configuration.element();
    let vectors = elements.div_ceil(4);
    let padded = vectors.checked_mul(4)?;
    let input = Input { elements: padded, element, fill: Fill::Random { low: -4.0, high: 4.0 } };
    Some(Layout {
        params: vec![word(vectors)?, 0, 0, 0],
        inputs: vec![input; operands],
        output: padded,
        element,
        workgroups: linear(vectors, 64)?,
        operations: elements as f64,
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

/// `a [1, rows, columns]` and `b [columns]`.
fn broadcast(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::Elementwise { elements, broadcast: true, operands: 2 }) = size
    else {
        return None;
    };
    let rows = elements.div_ceil(COLUMNS);
    let layout = plain(configuration, &shape, rows.checked_mul(COLUMNS)?, 2)?;
    let [vectors, rows, columns] = [word(layout.output / 4)?, word(rows)?, word(COLUMNS)?];
    let size = rows.checked_mul(columns)?;
    let inputs = layout.inputs.iter().zip([layout.output, COLUMNS]);
    Some(Layout {
        // Three-element vectors of a uniform block start at multiples of four words.
        params: vec![size, columns, vectors, columns, 1, rows, columns, 0, size, columns, 0, 0],
        inputs: inputs.map(|(input, elements)| Input { elements, ..*input }).collect(),
        ..layout
    })
}

/// `0.5 x (1 + erf(x / √2))`, with the error function by the same formula.
fn gelu(reference: &Reference, index: usize) -> Expected {
    let x = reference.input(0, index);
    let v = x * std::f64::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * v.abs());
    let factors = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let sum = factors.into_iter().fold(0.0, |sum, factor| (sum + factor) * t);
    let erf = v.signum() * (1.0 - sum * (-v * v).exp());
    let epsilon = reference.layout.element.epsilon();
    // The terms of the sum reach 4, and the exponential loses as many digits as its argument has before the point.
    Expected { value: 0.5 * x * (1.0 + erf), tolerance: epsilon * (1.0 + x.abs()) * 16.0 }
}
