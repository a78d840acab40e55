//! Windows reduced to one element each.

use super::grid::{linear, word};
use super::window::{Taps, Windows};
use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

/// Channels of the images, where the outputs divide so: small networks begin with as many.
const MOST_CHANNELS: u64 = 64;
/// From this size on a window is a whole image, and its outputs are channels.
const GLOBAL: u64 = 16;
/// Sizes are split into sides by trying divisors up to this one.
const MOST_TRIED: u64 = 4096;

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "pool.direct",
        file: "pool_direct.wgsl",
        source: include_str!("../../../shaders/pool_direct.wgsl"),
        measures: measures(64, 1, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| pooled(configuration, size, |outputs, _| linear(outputs, 64)),
        expected: largest,
    },
    Kernel {
        id: "pool.shared",
        file: "pool_shared.wgsl",
        source: include_str!("../../../shaders/pool_shared.wgsl"),
        measures: measures(1, 128, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| pooled(configuration, size, |outputs, _| linear(outputs, 1)),
        expected: mean,
    },
    Kernel {
        id: "pool.vec4",
        file: "pool_vec4.wgsl",
        source: include_str!("../../../shaders/pool_vec4.wgsl"),
        measures: measures(256, 1, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            pooled(configuration, size, |outputs, channels| {
                (channels % 4 == 0).then(|| linear(outputs / 4, 64))?
            })
        },
        expected: largest,
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(cols: u64, depth: u64, runtime_like: bool) -> Measures {
    Measures::Class { class: KernelClass::Pool, tile: Tile { rows: 1, cols, depth }, runtime_like }
}

/// Channels last; windows overlap as in the first layers of networks, or each is a whole image.
fn pooled(
    configuration: &Configuration,
    size: Size,
    grid: fn(outputs: u64, channels: u64) -> Option<[u32; 3]>,
) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::Pool { outputs, window }) = size else { return None };
    let kernel = sides(window);
    let (channels, windows) = if window >= GLOBAL {
        (outputs, Windows::of([1, 1], kernel, kernel)?)
    } else {
        let channels = MOST_CHANNELS.min(1 << outputs.trailing_zeros().min(16));
        (channels, Windows::of(sides(outputs / channels), kernel, [2, 2])?)
    };
    let element = configuration.element();
    let fill = Fill::Random { low: -2.0, high: 2.0 };
    let mut params = vec![word(channels)?, word(outputs)?];
    params.extend(windows.params()?);
    params.extend([word(windows.kernel[1])?, 1]);
    Some(Layout {
        params,
        inputs: vec![Input { elements: windows.image_elements(1, channels)?, element, fill }],
        output: outputs,
        element,
        workgroups: grid(outputs, channels)?,
        operations: outputs as f64 * window as f64,
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

/// The two sides nearest to each other whose product is a size.
fn sides(size: u64) -> [u64; 2] {
    let divides = |side: &u64| size.is_multiple_of(*side) && side.saturating_mul(*side) <= size;
    let side = (1..=MOST_TRIED).rev().find(divides).unwrap_or(1);
    [side, size / side]
}

fn largest(reference: &Reference, index: usize) -> Expected {
    let value = window(reference, index).fold(f64::NEG_INFINITY, f64::max);
    Expected { value, tolerance: 0.0 }
}

fn mean(reference: &Reference, index: usize) -> Expected {
    let count = window(reference, index).count() as f64;
    let Expected { value, tolerance } = reference.sum(window(reference, index));
    Expected { value: value / count, tolerance: tolerance / count }
}

fn window<'r>(reference: &'r Reference, index: usize) -> impl Iterator<Item = f64> + 'r {
    let channels = reference.param(0) as usize;
    let taps = Taps::of(reference, 2);
    let place @ [.., channel] = taps.place(index, channels);
    taps.pixels(place).map(move |(_, pixel)| reference.input(0, pixel * channels + channel))
}
