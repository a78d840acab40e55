//! Matrix products: the tilings of a WebGPU runtime, and what may beat them.

use super::grid::{linear, positive, word};
use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "matmul.tile32",
        file: "matmul_tile32.wgsl",
        source: include_str!("../../../shaders/matmul_tile32.wgsl"),
        measures: measures(32, 32, 32, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(size).then(|| tiled(configuration, size, 32, 32))?,
        expected,
    },
    Kernel {
        id: "matmul.tile32_scalar",
        file: "matmul_tile32_scalar.wgsl",
        source: include_str!("../../../shaders/matmul_tile32_scalar.wgsl"),
        measures: measures(32, 32, 32, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| tiled(configuration, size, 32, 32),
        expected,
    },
    Kernel {
        id: "matmul.tile8",
        file: "matmul_tile8.wgsl",
        source: include_str!("../../../shaders/matmul_tile8.wgsl"),
        measures: measures(8, 32, 32, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(size).then(|| tiled(configuration, size, 8, 32))?,
        expected,
    },
    Kernel {
        id: "matmul.tile8_scalar",
        file: "matmul_tile8_scalar.wgsl",
        source: include_str!("../../../shaders/matmul_tile8_scalar.wgsl"),
        measures: measures(8, 32, 32, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| tiled(configuration, size, 8, 32),
        expected,
    },
    Kernel {
        id: "matmul.naive",
        file: "matmul_naive.wgsl",
        source: include_str!("../../../shaders/matmul_naive.wgsl"),
        measures: measures(4, 1, 1, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::Matmul { batch, m, n, .. }) = size else { return None };
            let invocations = m.div_ceil(4).checked_mul(n)?.checked_mul(batch)?;
            product(configuration, size, linear(invocations, 64)?)
        },
        expected,
    },
    Kernel {
        id: "matmul.register4",
        file: "matmul_register4.wgsl",
        source: include_str!("../../../shaders/matmul_register4.wgsl"),
        measures: measures(32, 32, 4, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(size).then(|| tiled(configuration, size, 32, 32))?,
        expected,
    },
    Kernel {
        id: "matmul.tile64",
        file: "matmul_tile64.wgsl",
        source: include_str!("../../../shaders/matmul_tile64.wgsl"),
        measures: measures(64, 64, 16, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(size).then(|| tiled(configuration, size, 64, 64))?,
        expected,
    },
    Kernel {
        id: "matmul.split",
        file: "matmul_split.wgsl",
        source: include_str!("../../../shaders/matmul_split.wgsl"),
        measures: measures(1, 32, 8, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| in_fours(size).then(|| tiled(configuration, size, 1, 32))?,
        expected,
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(rows: u64, cols: u64, depth: u64, runtime_like: bool) -> Measures {
    Measures::Class { class: KernelClass::Matmul, tile: Tile { rows, cols, depth }, runtime_like }
}

/// Whether rows of both operands are whole vectors of four elements.
fn in_fours(size: Size) -> bool {
    matches!(size, Size::Shape(KernelShape::Matmul { n, k, .. }) if n % 4 == 0 && k % 4 == 0)
}

/// A workgroup for each tile of rows and columns.
fn tiled(configuration: &Configuration, size: Size, rows: u64, cols: u64) -> Option<Layout> {
    let Size::Shape(KernelShape::Matmul { batch, m, n, .. }) = size else { return None };
    product(configuration, size, [word(n.div_ceil(cols))?, word(m.div_ceil(rows))?, word(batch)?])
}

/// `a [batch, m, k]`, `b [batch, k, n]` to `c [batch, m, n]`.
fn product(configuration: &Configuration, size: Size, workgroups: [u32; 3]) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::Matmul { batch, m, n, k }) = size else { return None };
    let element = configuration.element();
    let elements = |a: u64, b: u64| a.checked_mul(b)?.checked_mul(batch);
    let fill = Fill::Random { low: -1.0, high: 1.0 };
    Some(Layout {
        params: vec![word(m)?, word(n)?, word(k)?, word(batch)?],
        inputs: vec![
            Input { elements: elements(m, k)?, element, fill },
            Input { elements: elements(k, n)?, element, fill },
        ],
        output: positive(elements(m, n)?)?,
        element,
        workgroups,
        operations: shape.contraction_flops(),
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

fn expected(reference: &Reference, index: usize) -> Expected {
    let size = |at| reference.param(at) as usize;
    let (m, n, k) = (size(0), size(1), size(2));
    let (row, col, batch) = (index / n % m, index % n, index / (m * n));
    let terms = (0..k).map(|step| {
        reference.input(0, (batch * m + row) * k + step) * reference.input(1, (batch * k + step) * n + col)
    });
    reference.sum(terms)
}
