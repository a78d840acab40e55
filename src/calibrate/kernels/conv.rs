//! Convolutions over all channels: the implicit matrix product of a WebGPU runtime, and a direct one.

use super::grid::{positive, word};
use super::window::{Taps, Windows};
use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "conv.tile32",
        file: "conv_tile32.wgsl",
        source: include_str!("../../../shaders/conv_tile32.wgsl"),
        measures: measures(32, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            channels(size).filter(|[read, written]| read % 4 == 0 && written % 4 == 0)?;
            tiled(configuration, size)
        },
        expected,
    },
    Kernel {
        id: "conv.rgb",
        file: "conv_rgb.wgsl",
        source: include_str!("../../../shaders/conv_rgb.wgsl"),
        measures: measures(24, true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            channels(size).filter(|[read, written]| *read == 3 && written % 4 == 0)?;
            tiled(configuration, size)
        },
        expected,
    },
    Kernel {
        id: "conv.scalar",
        file: "conv_scalar.wgsl",
        source: include_str!("../../../shaders/conv_scalar.wgsl"),
        measures: measures(8, true),
        needs: &[],
        settings: SCALAR,
        layout: tiled,
        expected,
    },
    Kernel {
        id: "conv.register4",
        file: "conv_register4.wgsl",
        source: include_str!("../../../shaders/conv_register4.wgsl"),
        measures: measures(4, false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            channels(size).filter(|[read, written]| read % 4 == 0 && written % 4 == 0)?;
            let Size::Shape(KernelShape::Conv { height, width, .. }) = size else { return None };
            product(configuration, size, width.div_ceil(4).checked_mul(height)?.div_ceil(8))
        },
        expected,
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(depth: u64, runtime_like: bool) -> Measures {
    Measures::Class { class: KernelClass::Conv, tile: Tile { rows: 32, cols: 32, depth }, runtime_like }
}

/// Channels read and written.
fn channels(size: Size) -> Option<[u64; 2]> {
    let Size::Shape(KernelShape::Conv { in_channels, out_channels, .. }) = size else { return None };
    Some([in_channels, out_channels])
}

/// A workgroup for each tile of pixels and channels.
fn tiled(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Shape(KernelShape::Conv { height, width, .. }) = size else { return None };
    product(configuration, size, height.checked_mul(width)?.div_ceil(32))
}

/// Channels last; the weights are `[kernel height, kernel width, in_channels, out_channels]`.
fn product(configuration: &Configuration, size: Size, rows: u64) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::Conv { batch, in_channels, out_channels, .. }) = size else {
        return None;
    };
    let windows = Windows::of_shape(&shape)?;
    let element = configuration.element();
    let fill = Fill::Random { low: -1.0, high: 1.0 };
    let weights = windows.area()?.checked_mul(in_channels)?.checked_mul(out_channels)?;
    let mut params = vec![word(in_channels)?, word(out_channels)?];
    params.extend(windows.params()?);
    Some(Layout {
        params,
        inputs: vec![
            Input { elements: windows.image_elements(batch, in_channels)?, element, fill },
            Input { elements: weights, element, fill },
            Input { elements: out_channels, element, fill },
        ],
        output: positive(windows.result_elements(batch, out_channels)?)?,
        element,
        workgroups: [word(out_channels.div_ceil(32))?, word(rows)?, word(batch)?],
        operations: shape.contraction_flops(),
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

fn expected(reference: &Reference, index: usize) -> Expected {
    let [read, written] = [reference.param(0) as usize, reference.param(1) as usize];
    let taps = Taps::of(reference, 2);
    let place @ [.., channel] = taps.place(index, written);
    let products = taps.pixels(place).flat_map(|(tap, pixel)| {
        (0..read).map(move |from| {
            reference.input(0, pixel * read + from)
                * reference.input(1, (tap * read + from) * written + channel)
        })
    });
    reference.sum(products.chain([reference.input(2, channel)]))
}
