//! Products by weights of 4 bits: as a WebGPU runtime spreads a row over lanes, and a column an invocation.

use super::grid::{linear, positive, word};
use super::{Configuration, Element, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, PACKED_BLOCK, PACKED_IN_WORD, Tile};

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "packed_matmul.lanes32",
        file: "packed_matmul_lanes32.wgsl",
        source: include_str!("../../../shaders/packed_matmul_lanes32.wgsl"),
        measures: measures(COLUMNS, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::PackedMatmul { m, n, .. }) = size else { return None };
            product(configuration, size, [word(n.div_ceil(COLUMNS))?, word(m)?, 1])
        },
        expected,
    },
    Kernel {
        id: "packed_matmul.column",
        file: "packed_matmul_column.wgsl",
        source: include_str!("../../../shaders/packed_matmul_column.wgsl"),
        measures: measures(WORKGROUP, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::PackedMatmul { m, n, .. }) = size else { return None };
            product(configuration, size, linear(m.checked_mul(n)?, WORKGROUP)?)
        },
        expected,
    },
];

/// Columns of a workgroup of `lanes32`.
const COLUMNS: u64 = 8;
/// Invocations of a workgroup of `column`.
const WORKGROUP: u64 = 64;
const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(cols: u64, runtime_like: bool) -> Measures {
    let tile = Tile { rows: 1, cols, depth: PACKED_BLOCK };
    Measures::Class { class: KernelClass::PackedMatmul, tile, runtime_like }
}

/// `a [m, k]`, `b [n, k / 8]` of eight weights a word, scales `[n, k / 32]` to `c [m, n]`; the last block of a row
/// may be part of one.
fn product(configuration: &Configuration, size: Size, workgroups: [u32; 3]) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::PackedMatmul { m, n, k }) = size else { return None };
    let element = configuration.element();
    let blocks = n.checked_mul(k.div_ceil(PACKED_BLOCK))?;
    let words = blocks.checked_mul(PACKED_BLOCK / PACKED_IN_WORD)?;
    let fill = Fill::Random { low: -1.0, high: 1.0 };
    Some(Layout {
        params: vec![word(m)?, word(n)?, word(k)?, word(k.div_ceil(PACKED_BLOCK))?],
        inputs: vec![
            Input { elements: m.checked_mul(k)?, element, fill },
            Input { elements: words, element: Element::U32, fill: Fill::Indices(u32::MAX) },
            Input { elements: blocks, element, fill: Fill::Random { low: 0.01, high: 0.1 } },
        ],
        output: positive(m.checked_mul(n)?)?,
        element,
        workgroups,
        operations: shape.contraction_flops(),
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the input holds words of 32 bits"
)]
fn expected(reference: &Reference, index: usize) -> Expected {
    let size = |at| reference.param(at) as usize;
    let (n, k, blocks) = (size(1), size(2), size(3));
    let (row, col) = (index / n, index % n);
    let weight = |step: usize| {
        let packed =
            reference.input(1, (col * blocks * PACKED_BLOCK as usize + step) / PACKED_IN_WORD as usize);
        let digit = packed as u32 >> (4 * (step % PACKED_IN_WORD as usize)) & 15;
        let scale = reference.input(2, col * blocks + step / PACKED_BLOCK as usize);
        (f64::from(digit) - 8.0) * scale
    };
    reference.sum((0..k).map(|step| reference.input(0, row * k + step) * weight(step)))
}
