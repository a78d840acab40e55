//! Elements moved and not changed: joined, transposed, picked.

use super::grid::{linear, word};
use super::{Configuration, Element, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

/// Columns of what is joined, where the size divides so.
const MOST_COLUMNS: u64 = 256;
/// Rows of the table that rows are picked from: more than caches near the units hold.
const TABLE_ROWS: u32 = 4096;

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "copy.concat",
        file: "copy_concat.wgsl",
        source: include_str!("../../../shaders/copy_concat.wgsl"),
        measures: measures(KernelClass::Copy, 1, 64, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Joined { rows, cols, left } = Joined::of(size)?;
            let [elements, second] = [word(rows * cols)?, word(rows * left)?];
            let [left, right, cols] = [word(left)?, word(cols - left)?, word(cols)?];
            let strides = |cols: u32| word(rows).and_then(|rows| Some([rows.checked_mul(cols)?, cols, cols]));
            // No stride is 0, or an index could not be computed; a tensor without columns has no elements.
            let [a, b, all] = [strides(left.max(1))?, strides(right)?, strides(cols)?];
            let mut params = vec![elements, second, 0, 0];
            params.extend(a.into_iter().chain([0]).chain(b).chain([left]).chain(all).chain([0]));
            joined(configuration, size, params, u64::from(elements))
        },
        expected: |reference, index| {
            let [cols, left] = [reference.param(13) as usize, reference.param(11) as usize];
            either(reference, index, cols, left)
        },
    },
    Kernel {
        id: "copy.vec4",
        file: "copy_vec4.wgsl",
        source: include_str!("../../../shaders/copy_vec4.wgsl"),
        measures: measures(KernelClass::Copy, 1, 256, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Joined { rows, cols, left } = Joined::of(size)?;
            if cols % 8 != 0 {
                return None;
            }
            let vectors = rows * cols / 4;
            let params = vec![word(vectors)?, word(left / 4)?, word(cols / 4)?, 0];
            joined(configuration, size, params, vectors)
        },
        expected: |reference, index| {
            let [cols, left] = [reference.param(2) as usize * 4, reference.param(1) as usize * 4];
            either(reference, index, cols, left)
        },
    },
    Kernel {
        id: "transpose.direct",
        file: "transpose_direct.wgsl",
        source: include_str!("../../../shaders/transpose_direct.wgsl"),
        measures: measures(KernelClass::Transpose, 1, 64, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::Transpose { batch, rows, cols, inner }) = size else { return None };
            let image = rows.checked_mul(cols)?.checked_mul(inner)?;
            let elements = image.checked_mul(batch)?;
            let [line, column] = [cols.checked_mul(inner)?, rows.checked_mul(inner)?];
            let sizes = [elements, 0, 0, 0, image, line, inner, 0, image, column, inner, 0];
            let params = sizes.into_iter().map(word).collect::<Option<Vec<u32>>>()?;
            transposed(configuration, size, params, elements, linear(elements, 64)?)
        },
        expected: |reference, index| {
            let size = |at| reference.param(at) as usize;
            let [image, line, inner, column] = [size(4), size(5), size(6), size(9)];
            let [batch, rest] = [index / image, index % image];
            let [col, row, within] = [rest / column, rest % column / inner, rest % inner];
            exactly(reference.input(0, batch * image + row * line + col * inner + within))
        },
    },
    Kernel {
        id: "transpose.tile16",
        file: "transpose_tile16.wgsl",
        source: include_str!("../../../shaders/transpose_tile16.wgsl"),
        measures: measures(KernelClass::Transpose, 16, 16, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| swapped(configuration, size, 16),
        expected: swap,
    },
    Kernel {
        id: "transpose.block4",
        file: "transpose_block4.wgsl",
        source: include_str!("../../../shaders/transpose_block4.wgsl"),
        measures: measures(KernelClass::Transpose, 32, 32, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let layout = swapped(configuration, size, 32)?;
            layout.params.iter().all(|size| size % 4 == 0).then_some(layout)
        },
        expected: swap,
    },
    Kernel {
        id: "gather.rows",
        file: "gather_rows.wgsl",
        source: include_str!("../../../shaders/gather_rows.wgsl"),
        measures: measures(KernelClass::Gather, 1, 64, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::Gather { rows, cols }) = size else { return None };
            let elements = rows.checked_mul(cols)?;
            let [outputs, columns] = [word(elements)?, word(cols)?];
            let params = vec![outputs, TABLE_ROWS, columns, 0, outputs, columns, 0, 0];
            gathered(configuration, size, params, elements)
        },
        expected: |reference, index| picked(reference, index, reference.param(2) as usize),
    },
    Kernel {
        id: "gather.vec4",
        file: "gather_vec4.wgsl",
        source: include_str!("../../../shaders/gather_vec4.wgsl"),
        measures: measures(KernelClass::Gather, 1, 256, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::Gather { rows, cols }) = size else { return None };
            if cols % 4 != 0 {
                return None;
            }
            let vectors = rows.checked_mul(cols / 4)?;
            gathered(configuration, size, vec![word(vectors)?, word(cols / 4)?, 0, 0], vectors)
        },
        expected: |reference, index| picked(reference, index, reference.param(1) as usize * 4),
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(class: KernelClass, rows: u64, cols: u64, runtime_like: bool) -> Measures {
    Measures::Class { class, tile: Tile { rows, cols, depth: 1 }, runtime_like }
}

fn exactly(value: f64) -> Expected {
    Expected { value, tolerance: 0.0 }
}

fn moved(configuration: &Configuration, size: Size, params: Vec<u32>, elements: &[u64]) -> Option<Layout> {
    let Size::Shape(shape) = size else { return None };
    let element = configuration.element();
    let fill = Fill::Random { low: -1.0, high: 1.0 };
    let output = elements.iter().try_fold(0_u64, |all, elements| all.checked_add(*elements))?;
    Some(Layout {
        params,
        inputs: elements.iter().map(|elements| Input { elements: *elements, element, fill }).collect(),
        output,
        element,
        workgroups: [1, 1, 1],
        operations: 0.0,
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

/// `[rows, left]` and `[rows, cols - left]` joined to `[rows, cols]`, the elements of a shape.
struct Joined {
    rows: u64,
    cols: u64,
    left: u64,
}

impl Joined {
    fn of(size: Size) -> Option<Self> {
        let Size::Shape(KernelShape::Copy { elements }) = size else { return None };
        let cols = MOST_COLUMNS.min(1 << elements.trailing_zeros().min(16));
        Some(Self { rows: elements / cols, cols, left: cols / 2 })
    }
}

fn joined(configuration: &Configuration, size: Size, params: Vec<u32>, invocations: u64) -> Option<Layout> {
    let Joined { rows, cols, left } = Joined::of(size)?;
    let layout = moved(configuration, size, params, &[rows * left, rows * (cols - left)])?;
    Some(Layout { workgroups: linear(invocations, 64)?, ..layout })
}

fn either(reference: &Reference, index: usize, cols: usize, left: usize) -> Expected {
    let [row, col] = [index / cols, index % cols];
    exactly(match col.checked_sub(left) {
        None => reference.input(0, row * left + col),
        Some(col) => reference.input(1, row * (cols - left) + col),
    })
}

fn transposed(
    configuration: &Configuration,
    size: Size,
    params: Vec<u32>,
    elements: u64,
    workgroups: [u32; 3],
) -> Option<Layout> {
    Some(Layout { workgroups, ..moved(configuration, size, params, &[elements])? })
}

/// The swap of two dimensions, a workgroup for each tile.
fn swapped(configuration: &Configuration, size: Size, tile: u64) -> Option<Layout> {
    let Size::Shape(KernelShape::Transpose { batch: 1, rows, cols, inner: 1 }) = size else { return None };
    let tiles = rows.div_ceil(tile).checked_mul(cols.div_ceil(tile))?;
    let elements = rows.checked_mul(cols)?;
    transposed(configuration, size, vec![word(rows)?, word(cols)?, 0, 0], elements, linear(tiles, 1)?)
}

fn swap(reference: &Reference, index: usize) -> Expected {
    let [rows, cols] = [reference.param(0) as usize, reference.param(1) as usize];
    exactly(reference.input(0, index % rows * cols + index / rows))
}

fn gathered(configuration: &Configuration, size: Size, params: Vec<u32>, invocations: u64) -> Option<Layout> {
    let Size::Shape(KernelShape::Gather { rows, cols }) = size else { return None };
    let layout = moved(configuration, size, params, &[cols.checked_mul(u64::from(TABLE_ROWS))?])?;
    let indices = Input { elements: rows, element: Element::U32, fill: Fill::Indices(TABLE_ROWS) };
    Some(Layout {
        inputs: layout.inputs.into_iter().chain([indices]).collect(),
        output: rows.checked_mul(cols)?,
        workgroups: linear(invocations, 64)?,
        ..layout
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index was filled as one")]
fn picked(reference: &Reference, index: usize, cols: usize) -> Expected {
    let row = reference.input(1, index / cols) as usize;
    exactly(reference.input(0, row * cols + index % cols))
}
