//! Functions of whole rows: means, softmax, normalisation.

use super::grid::{linear, positive, word};
use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "reduce.rows",
        file: "reduce_rows.wgsl",
        source: include_str!("../../../shaders/reduce_rows.wgsl"),
        measures: measures(KernelClass::Reduce, 1, 64, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| rows(configuration, size, KernelClass::Reduce, 1),
        expected: mean,
    },
    Kernel {
        id: "reduce.lanes8",
        file: "reduce_lanes8.wgsl",
        source: include_str!("../../../shaders/reduce_lanes8.wgsl"),
        measures: measures(KernelClass::Reduce, 8, 8, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| rows(configuration, size, KernelClass::Reduce, 8),
        expected: mean,
    },
    Kernel {
        id: "softmax.rows",
        file: "softmax_rows.wgsl",
        source: include_str!("../../../shaders/softmax_rows.wgsl"),
        measures: measures(KernelClass::Softmax, 1, 256, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(rows(configuration, size, KernelClass::Softmax, 1)?),
        expected: softmax,
    },
    Kernel {
        id: "softmax.rows_scalar",
        file: "softmax_rows_scalar.wgsl",
        source: include_str!("../../../shaders/softmax_rows_scalar.wgsl"),
        measures: measures(KernelClass::Softmax, 1, 64, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| rows(configuration, size, KernelClass::Softmax, 1),
        expected: softmax,
    },
    Kernel {
        id: "softmax.lanes8",
        file: "softmax_lanes8.wgsl",
        source: include_str!("../../../shaders/softmax_lanes8.wgsl"),
        measures: measures(KernelClass::Softmax, 8, 32, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(rows(configuration, size, KernelClass::Softmax, 8)?),
        expected: softmax,
    },
    Kernel {
        id: "normalize.rows",
        file: "normalize_rows.wgsl",
        source: include_str!("../../../shaders/normalize_rows.wgsl"),
        measures: measures(KernelClass::Normalize, 1, 256, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(rows(configuration, size, KernelClass::Normalize, 1)?),
        expected: normalised,
    },
    Kernel {
        id: "normalize.rows_scalar",
        file: "normalize_rows_scalar.wgsl",
        source: include_str!("../../../shaders/normalize_rows_scalar.wgsl"),
        measures: measures(KernelClass::Normalize, 1, 64, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| rows(configuration, size, KernelClass::Normalize, 1),
        expected: normalised,
    },
    Kernel {
        id: "normalize.lanes8",
        file: "normalize_lanes8.wgsl",
        source: include_str!("../../../shaders/normalize_lanes8.wgsl"),
        measures: measures(KernelClass::Normalize, 8, 32, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(rows(configuration, size, KernelClass::Normalize, 8)?),
        expected: normalised,
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

/// What a variance is raised by.
const LEAST_VARIANCE: f64 = 1e-5;

/// A workgroup makes `rows` rows, and takes `depth` elements of each at a time.
const fn measures(class: KernelClass, rows: u64, depth: u64, runtime_like: bool) -> Measures {
    Measures::Class { class, tile: Tile { rows, cols: 1, depth }, runtime_like }
}

fn in_fours(layout: Layout) -> Option<Layout> {
    layout.params.get(1)?.is_multiple_of(4).then_some(layout)
}

/// Rows of adjacent elements, so many to a workgroup.
fn rows(configuration: &Configuration, size: Size, class: KernelClass, together: u64) -> Option<Layout> {
    let Size::Shape(shape) = size else { return None };
    let (KernelShape::Reduce { rows, cols }
    | KernelShape::Softmax { rows, cols }
    | KernelShape::Normalize { rows, cols }) = shape
    else {
        return None;
    };
    if shape.class() != class {
        return None;
    }
    let element = configuration.element();
    let elements = positive(rows.checked_mul(cols)?)?;
    let input = |elements| Input { elements, element, fill: Fill::Random { low: -2.0, high: 2.0 } };
    let mut inputs = vec![input(elements)];
    if class == KernelClass::Normalize {
        inputs.extend([input(cols); 2]);
    }
    Some(Layout {
        params: vec![word(rows)?, word(cols)?, 0, 0],
        inputs,
        output: if class == KernelClass::Reduce { rows } else { elements },
        element,
        workgroups: linear(rows.div_ceil(together), 1)?,
        operations: elements as f64,
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

/// The elements of the row that element `index` is of.
fn row_of<'r>(reference: &'r Reference, index: usize) -> impl Iterator<Item = f64> + Clone + 'r {
    let cols = reference.param(1) as usize;
    let first = index / cols * cols;
    (first..first + cols).map(|at| reference.input(0, at))
}

fn mean(reference: &Reference, index: usize) -> Expected {
    let cols = reference.param(1) as usize;
    let Expected { value, tolerance } = reference.sum(row_of(reference, index * cols));
    Expected { value: value / cols as f64, tolerance: tolerance / cols as f64 }
}

fn softmax(reference: &Reference, index: usize) -> Expected {
    let largest = row_of(reference, index).fold(f64::NEG_INFINITY, f64::max);
    let terms = row_of(reference, index).map(|x| (x - largest).exp());
    let Expected { value: sum, tolerance } = reference.sum(terms);
    let value = (reference.input(0, index) - largest).exp() / sum;
    // Each exponential is off by a few roundings of its argument, which reaches 4.
    Expected { value, tolerance: value * (tolerance / sum + 16.0 * reference.layout.element.epsilon()) }
}

fn normalised(reference: &Reference, index: usize) -> Expected {
    let cols = reference.param(1) as usize;
    let count = cols as f64;
    let sum = |function: fn(f64) -> f64| row_of(reference, index).map(function).sum::<f64>();
    let mean = sum(|x| x) / count;
    let variance = sum(|x| x * x) / count - mean * mean + LEAST_VARIANCE;
    let [scale, shift] = [1, 2].map(|input| reference.input(input, index % cols));
    let value = (reference.input(0, index) - mean) / variance.sqrt() * scale + shift;
    Expected { value, tolerance: 64.0 * reference.layout.element.epsilon() / variance.sqrt().min(1.0) }
}
