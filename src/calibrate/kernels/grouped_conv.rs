//! Convolutions in groups: one result at a time as in a WebGPU runtime, and a depthwise one in blocks.

use super::grid::{linear, word};
use super::window::{Taps, Windows};
use super::{Configuration, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;
use crate::device::kernel::{KernelClass, KernelShape, Tile};

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "grouped_conv.direct",
        file: "grouped_conv_direct.wgsl",
        source: include_str!("../../../shaders/grouped_conv_direct.wgsl"),
        measures: measures(true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let [.., written, pixels] = sizes(size)?;
            grouped(configuration, size, pixels.checked_mul(written)?)
        },
        expected,
    },
    Kernel {
        id: "grouped_conv.vec4",
        file: "grouped_conv_vec4.wgsl",
        source: include_str!("../../../shaders/grouped_conv_vec4.wgsl"),
        measures: measures(true),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let [group_channels, written, pixels] = sizes(size)?;
            let in_fours = group_channels % 4 == 0 && written % 4 == 0;
            in_fours.then(|| grouped(configuration, size, pixels.checked_mul(written / 4)?))?
        },
        expected,
    },
    Kernel {
        id: "grouped_conv.depthwise4",
        file: "grouped_conv_depthwise4.wgsl",
        source: include_str!("../../../shaders/grouped_conv_depthwise4.wgsl"),
        measures: measures(false),
        needs: &[],
        settings: SCALAR,
        layout: |configuration, size| {
            let Size::Shape(KernelShape::GroupedConv { batch, height, width, .. }) = size else {
                return None;
            };
            let [group_channels, written, _] = sizes(size)?;
            let strips = width.div_ceil(4).checked_mul(height)?.checked_mul(batch)?;
            let taken = group_channels == 1 && written % 4 == 0;
            taken.then(|| grouped(configuration, size, strips.checked_mul(written / 4)?))?
        },
        expected,
    },
];

const SCALAR: &[Setting] = &[Setting { name: "Scalar", values: &["f32", "f16"] }];

const fn measures(runtime_like: bool) -> Measures {
    let tile = Tile { rows: 1, cols: 1, depth: 1 };
    Measures::Class { class: KernelClass::GroupedConv, tile, runtime_like }
}

/// Channels of a group, channels written, and pixels of all images written.
fn sizes(size: Size) -> Option<[u64; 3]> {
    let Size::Shape(KernelShape::GroupedConv { batch, group_channels, out_channels, height, width, .. }) =
        size
    else {
        return None;
    };
    Some([group_channels, out_channels, height.checked_mul(width)?.checked_mul(batch)?])
}

/// Channels last; the weights are `[kernel height, kernel width, group_channels, out_channels]`. A group writes as
/// many channels as it reads, or all where that does not divide them.
fn grouped(configuration: &Configuration, size: Size, invocations: u64) -> Option<Layout> {
    let Size::Shape(shape @ KernelShape::GroupedConv { batch, group_channels, out_channels, .. }) = size
    else {
        return None;
    };
    let windows = Windows::of_shape(&shape)?;
    let element = configuration.element();
    let fill = Fill::Random { low: -1.0, high: 1.0 };
    let whole = out_channels.checked_rem(group_channels)? == 0;
    let group_outputs = if whole { group_channels } else { out_channels };
    let in_channels = out_channels.checked_div(group_outputs)?.checked_mul(group_channels)?;
    let weights = windows.area()?.checked_mul(group_channels)?.checked_mul(out_channels)?;
    let mut params =
        vec![word(group_channels)?, word(group_outputs)?, word(in_channels)?, word(out_channels)?];
    params.extend(windows.params()?);
    params.extend([word(batch)?, 0]);
    Some(Layout {
        params,
        inputs: vec![
            Input { elements: windows.image_elements(batch, in_channels)?, element, fill },
            Input { elements: weights, element, fill },
            Input { elements: out_channels, element, fill },
        ],
        output: windows.result_elements(batch, out_channels)?,
        element,
        workgroups: linear(invocations, 64)?,
        operations: shape.contraction_flops(),
        bytes: shape.bytes_moved(element.bytes() as f64),
    })
}

fn expected(reference: &Reference, index: usize) -> Expected {
    let size = |at| reference.param(at) as usize;
    let [group_channels, group_outputs, read, written] = [size(0), size(1), size(2), size(3)];
    let taps = Taps::of(reference, 4);
    let place @ [.., channel] = taps.place(index, written);
    let first = channel / group_outputs * group_channels;
    let products = taps.pixels(place).flat_map(|(tap, pixel)| {
        (0..group_channels).map(move |inner| {
            reference.input(0, pixel * read + first + inner)
                * reference.input(1, (tap * group_channels + inner) * written + channel)
        })
    });
    reference.sum(products.chain([reference.input(2, channel)]))
}
