//! Matrix products.

use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

pub(super) static KERNELS: &[Kernel] = &[Kernel {
    id: "matmul.tile32",
    file: "matmul_tile32.wgsl",
    source: include_str!("../../../shaders/matmul_tile32.wgsl"),
    measures: Measures::Class {
        class: KernelClass::Matmul,
        tile: Tile { rows: 32, cols: 32, depth: 32 },
        runtime_like: true,
    },
    needs: &[],
    settings: &[Setting { name: "Scalar", values: &["f32", "f16"] }],
    layout: |configuration, size| product(configuration, size, 32, 32),
    expected,
}];

/// `a [batch, m, k]`, `b [batch, k, n]` to `c [batch, m, n]`, a workgroup for each tile of rows and columns.
fn product(configuration: &Configuration, size: Size, rows: u64, cols: u64) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::Matmul { batch, m, n, k }) = size else { return None };
    let element = configuration.element();
    let word = |size: u64| u32::try_from(size).ok();
    let elements = |a: u64, b: u64| a.checked_mul(b)?.checked_mul(batch);
    let fill = Fill::Random { low: -1.0, high: 1.0 };
    Some(Layout {
        params: vec![word(m)?, word(n)?, word(k)?, word(batch)?],
        inputs: vec![
            Input { elements: elements(m, k)?, element, fill },
            Input { elements: elements(k, n)?, element, fill },
        ],
        output: elements(m, n)?,
        element,
        workgroups: [word(n.div_ceil(cols))?, word(m.div_ceil(rows))?, word(batch)?],
        operations: shape.contraction_flops(),
        bytes: shape.elements_moved() * element.bytes() as f64,
    })
}

fn expected(reference: &Reference, index: usize) -> Expected {
    let size = |at| reference.param(at) as usize;
    let (m, n, k) = (size(0), size(1), size(2));
    let (row, col, batch) = (index / n % m, index % n, index / (m * n));
    let term = |step: usize| {
        reference.input(0, (batch * m + row) * k + step) * reference.input(1, (batch * k + step) * n + col)
    };
    let (value, magnitude) =
        (0..k).map(term).fold((0.0, 0.0), |(sum, size), term: f64| (sum + term, size + term.abs()));
    // Each partial sum rounds: at worst by the magnitude of all terms, on average by its square root.
    Expected { value, tolerance: reference.layout.element.epsilon() * (magnitude + 1.0) * 2.0 }
}
