//! Windows that slide over images, channels last: what convolutions and pooling share.

use super::grid::{positive, word};
use crate::device::kernel::KernelShape;

/// The image that a window of `kernel` in steps of `stride` makes `[height, width]` results of: a step's worth of
/// pixels for each result, as networks have it, and padding where the window is larger than the step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// Height and width of the image.
    pub(super) image: [u64; 2],
    /// Height and width of the result.
    pub(super) result: [u64; 2],
    pub(super) kernel: [u64; 2],
    pub(super) stride: [u64; 2],
    /// Above and left of the image.
    pub(super) padding: [u64; 2],
}

impl Windows {
    pub(super) fn of(result: [u64; 2], kernel: [u64; 2], stride: [u64; 2]) -> Option<Self> {
        result.iter().chain(&kernel).chain(&stride).try_for_each(|size| positive(*size).map(drop))?;
        let [height, width] = result;
        let [stride_y, stride_x] = stride;
        let image = [height.checked_mul(stride_y)?, width.checked_mul(stride_x)?];
        let [kernel_y, kernel_x] = kernel;
        let before = |kernel: u64, stride: u64| kernel.saturating_sub(stride).div_ceil(2);
        let padding = [before(kernel_y, stride_y), before(kernel_x, stride_x)];
        Some(Self { image, result, kernel, stride, padding })
    }

    /// The windows of a convolution.
    pub(super) fn of_shape(shape: &KernelShape) -> Option<Self> {
        match *shape {
            KernelShape::Conv { height, width, kernel, stride, .. }
            | KernelShape::GroupedConv { height, width, kernel, stride, .. } => {
                Self::of([height, width], kernel, stride)
            }
            _ => None,
        }
    }

    /// Ten words of parameters: image, result, window, step and padding, each height and width.
    pub(super) fn params(&self) -> Option<Vec<u32>> {
        let pairs = [self.image, self.result, self.kernel, self.stride, self.padding];
        pairs.into_iter().flatten().map(word).collect()
    }

    /// Elements of `batch` images of `channels`.
    pub(super) fn image_elements(&self, batch: u64, channels: u64) -> Option<u64> {
        elements(self.image, batch, channels)
    }

    /// Elements of `batch` results of `channels`.
    pub(super) fn result_elements(&self, batch: u64, channels: u64) -> Option<u64> {
        elements(self.result, batch, channels)
    }

    /// Elements of one window.
    pub(super) fn area(&self) -> Option<u64> {
        elements(self.kernel, 1, 1)
    }
}

fn elements([height, width]: [u64; 2], batch: u64, channels: u64) -> Option<u64> {
    height.checked_mul(width)?.checked_mul(batch)?.checked_mul(channels)
}

/// The windows of a shader's parameters, for a reference: ten words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps {
    words: [usize; 10],
}

impl Taps {
    /// `first` is the place of the first word.
    pub(super) fn of(reference: &super::Reference, first: usize) -> Self {
        Self { words: std::array::from_fn(|at| reference.param(first + at) as usize) }
    }

    /// Image `batch`, row, column and channel of element `index` of a result of `channels`.
    pub(super) fn place(self, index: usize, channels: usize) -> [usize; 4] {
        let [_, _, height, width, ..] = self.words;
        let [channel, pixel] = [index % channels, index / channels];
        [pixel / (height * width), pixel / width % height, pixel % width, channel]
    }

    /// The elements of the window that falls on a result's pixel: the number within the window, and the pixel of
    /// all images. Padding is left out.
    pub(super) fn pixels(self, [batch, y, x, _]: [usize; 4]) -> impl Iterator<Item = (usize, usize)> {
        let [height, width, _, _, window_height, window_width, stride_y, stride_x, pad_y, pad_x] = self.words;
        let within = |place: usize, before: usize, size: usize| {
            place.checked_sub(before).filter(|place| *place < size)
        };
        (0..window_height * window_width).filter_map(move |tap| {
            let from_y = within(y * stride_y + tap / window_width, pad_y, height)?;
            let from_x = within(x * stride_x + tap % window_width, pad_x, width)?;
            Some((tap, (batch * height + from_y) * width + from_x))
        })
    }
}
