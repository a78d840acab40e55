//! The kernels that models are made of: their classes, and the dimensions that decide how long one takes.
//!
//! A layer of a model becomes one or more [`KernelShape`]s; a calibration times the same shapes on the local
//! adapter. Both sides mean the same thing by a shape because it is defined here, below both.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What sort of kernel: each class has curves of its own in a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelClass {
    /// Matrix product.
    Matmul,
    /// Convolution over all input channels.
    Conv,
    /// Convolution in groups, one output at a time; depthwise is the case of one channel a group.
    GroupedConv,
    /// One or two operands, a few simple operations for each output.
    Elementwise,
    /// One operand, a transcendental function for each output.
    Special,
    /// Rows reduced to one element each.
    Reduce,
    /// Rows normalised by the sum of their exponentials.
    Softmax,
    /// Rows normalised to mean 0 and variance 1, scaled and shifted.
    Normalize,
    /// Windows reduced to one element each.
    Pool,
    /// Elements moved in order: concatenation, slicing, padding.
    Copy,
    /// Elements moved across dimensions.
    Transpose,
    /// Rows picked by index.
    Gather,
    /// Matrix product by weights of 4 bits, unpacked on the way.
    PackedMatmul,
}

impl KernelClass {
    /// Every class.
    pub const ALL: [Self; 13] = [
        Self::Matmul,
        Self::PackedMatmul,
        Self::Conv,
        Self::GroupedConv,
        Self::Elementwise,
        Self::Special,
        Self::Reduce,
        Self::Softmax,
        Self::Normalize,
        Self::Pool,
        Self::Copy,
        Self::Transpose,
        Self::Gather,
    ];

    /// The name in files and tables: `matmul`, `grouped_conv`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Matmul => "matmul",
            Self::PackedMatmul => "packed_matmul",
            Self::Conv => "conv",
            Self::GroupedConv => "grouped_conv",
            Self::Elementwise => "elementwise",
            Self::Special => "special",
            Self::Reduce => "reduce",
            Self::Softmax => "softmax",
            Self::Normalize => "normalize",
            Self::Pool => "pool",
            Self::Copy => "copy",
            Self::Transpose => "transpose",
            Self::Gather => "gather",
        }
    }

    /// Whether its kernels are sums of products: what most FLOPs of models are.
    #[must_use]
    pub fn is_contraction(self) -> bool {
        matches!(self, Self::Matmul | Self::PackedMatmul | Self::Conv | Self::GroupedConv)
    }
}

impl fmt::Display for KernelClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The dimensions of one kernel. Two kernels of equal shape take equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum KernelShape {
    /// `batch` products of `[m, k]` and `[k, n]`.
    Matmul {
        /// Independent products.
        batch: u64,
        /// Rows of the result.
        m: u64,
        /// Columns of the result.
        n: u64,
        /// Length of the sums.
        k: u64,
    },
    /// `[m, k]` by `[k, n]` of 4 bits each, in blocks of [`PACKED_BLOCK`] along `k` with a scale for each.
    PackedMatmul {
        /// Rows of the result.
        m: u64,
        /// Columns of the result.
        n: u64,
        /// Length of the sums.
        k: u64,
    },
    /// `[batch, height, width, out_channels]` from all `in_channels`; a one-dimensional convolution has
    /// height 1.
    Conv {
        /// Images.
        batch: u64,
        /// Channels read for each output.
        in_channels: u64,
        /// Channels written.
        out_channels: u64,
        /// Height of the output.
        height: u64,
        /// Width of the output.
        width: u64,
        /// Height and width of the window.
        kernel: [u64; 2],
        /// Steps of the window.
        stride: [u64; 2],
    },
    /// `[batch, height, width, out_channels]`, each output from the `group_channels` of its group.
    GroupedConv {
        /// Images.
        batch: u64,
        /// Input channels of one group; 1 for depthwise.
        group_channels: u64,
        /// Channels written, all groups together.
        out_channels: u64,
        /// Height of the output.
        height: u64,
        /// Width of the output.
        width: u64,
        /// Height and width of the window.
        kernel: [u64; 2],
        /// Steps of the window.
        stride: [u64; 2],
    },
    /// So many outputs from so many operands.
    Elementwise {
        /// Outputs.
        elements: u64,
        /// Operands read, 1 or more.
        operands: u64,
        /// Whether an operand is repeated along some axes (a bias, a mask), so that its place is computed for
        /// each output. One element repeated everywhere does not count.
        broadcast: bool,
    },
    /// So many outputs of a transcendental function.
    Special {
        /// Outputs.
        elements: u64,
    },
    /// `rows` sums over `cols` adjacent elements.
    Reduce {
        /// Outputs.
        rows: u64,
        /// Inputs of each.
        cols: u64,
    },
    /// Over rows of adjacent elements.
    Softmax {
        /// Rows.
        rows: u64,
        /// Elements of one.
        cols: u64,
    },
    /// Over rows of adjacent elements.
    Normalize {
        /// Rows.
        rows: u64,
        /// Elements of one.
        cols: u64,
    },
    /// `outputs` windows of `window` elements.
    Pool {
        /// Windows.
        outputs: u64,
        /// Elements of one.
        window: u64,
    },
    /// So many elements, in order.
    Copy {
        /// Elements.
        elements: u64,
    },
    /// `[batch, rows, cols, inner]` to `[batch, cols, rows, inner]`.
    Transpose {
        /// Independent transposes.
        batch: u64,
        /// Rows of the input.
        rows: u64,
        /// Columns of the input.
        cols: u64,
        /// Adjacent elements that stay together.
        inner: u64,
    },
    /// `rows` rows of `cols` elements, each found by an index.
    Gather {
        /// Rows picked.
        rows: u64,
        /// Elements of one.
        cols: u64,
    },
}

/// Packed weights that share a scale: what exporters write most (`block_size` of MatMulNBits is 16 at least).
pub const PACKED_BLOCK: u64 = 32;
/// Packed weights in a word of 32 bits.
pub const PACKED_IN_WORD: u64 = 8;

/// What one workgroup of a kernel makes at a time: sizes are rounded up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tile {
    /// Rows of the result.
    pub rows: u64,
    /// Columns of the result.
    pub cols: u64,
    /// Steps of the sum taken at once.
    pub depth: u64,
}

/// A kernel as a nest of loops: `batch × rows × cols` outputs, each a sum over `depth`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extents {
    /// Independent results.
    pub batch: f64,
    /// Rows of one.
    pub rows: f64,
    /// Columns of one.
    pub cols: f64,
    /// Length of each sum.
    pub depth: f64,
}

impl Extents {
    /// Steps of the innermost loop after every dimension is rounded up to its tile.
    #[must_use]
    pub fn padded(&self, tile: Tile) -> f64 {
        self.batch
            * round_up(self.rows, tile.rows)
            * round_up(self.cols, tile.cols)
            * round_up(self.depth, tile.depth)
    }

    /// Workgroups started: a tile of rows and columns each.
    #[must_use]
    pub fn workgroups(&self, tile: Tile) -> f64 {
        self.batch * tiles(self.rows, tile.rows) * tiles(self.cols, tile.cols)
    }
}

fn tiles(size: f64, tile: u64) -> f64 {
    (size / tile.max(1) as f64).ceil()
}

fn round_up(size: f64, tile: u64) -> f64 {
    tiles(size, tile) * tile.max(1) as f64
}

impl KernelShape {
    /// The class that it belongs to.
    #[must_use]
    pub fn class(&self) -> KernelClass {
        match self {
            Self::Matmul { .. } => KernelClass::Matmul,
            Self::PackedMatmul { .. } => KernelClass::PackedMatmul,
            Self::Conv { .. } => KernelClass::Conv,
            Self::GroupedConv { .. } => KernelClass::GroupedConv,
            Self::Elementwise { .. } => KernelClass::Elementwise,
            Self::Special { .. } => KernelClass::Special,
            Self::Reduce { .. } => KernelClass::Reduce,
            Self::Softmax { .. } => KernelClass::Softmax,
            Self::Normalize { .. } => KernelClass::Normalize,
            Self::Pool { .. } => KernelClass::Pool,
            Self::Copy { .. } => KernelClass::Copy,
            Self::Transpose { .. } => KernelClass::Transpose,
            Self::Gather { .. } => KernelClass::Gather,
        }
    }

    /// The shape as a nest of loops. A convolution is the matrix product it is implicitly: pixels by output
    /// channels over the window.
    #[must_use]
    pub fn extents(&self) -> Extents {
        let of = |batch: u64, rows: u64, cols: u64, depth: f64| Extents {
            batch: batch as f64,
            rows: rows as f64,
            cols: cols as f64,
            depth,
        };
        let area = |kernel: [u64; 2]| kernel.iter().map(|side| *side as f64).product::<f64>();
        match *self {
            Self::Matmul { batch, m, n, k } => of(batch, m, n, k as f64),
            Self::PackedMatmul { m, n, k } => of(1, m, n, k as f64),
            Self::Conv { batch, in_channels, out_channels, height, width, kernel, .. } => Extents {
                rows: height as f64 * width as f64,
                ..of(batch, 1, out_channels, in_channels as f64 * area(kernel))
            },
            Self::GroupedConv { batch, group_channels, out_channels, height, width, kernel, .. } => Extents {
                rows: height as f64 * width as f64,
                ..of(batch, 1, out_channels, group_channels as f64 * area(kernel))
            },
            Self::Elementwise { elements, operands, .. } => of(1, 1, elements, operands as f64),
            Self::Special { elements } | Self::Copy { elements } => of(1, 1, elements, 1.0),
            Self::Transpose { batch: 1, rows, cols, inner: 1 } => of(1, rows, cols, 1.0),
            Self::Transpose { batch, rows, cols, inner } => {
                Extents { rows: batch as f64 * rows as f64, ..of(1, 1, cols.saturating_mul(inner), 1.0) }
            }
            Self::Reduce { rows, cols } | Self::Softmax { rows, cols } | Self::Normalize { rows, cols } => {
                of(1, rows, 1, cols as f64)
            }
            // An invocation for each element, of whichever row.
            Self::Gather { rows, cols } => of(1, 1, rows.saturating_mul(cols), 1.0),
            Self::Pool { outputs, window } => of(1, 1, outputs, window as f64),
        }
    }

    /// The shape that moves a tensor of `dims` across axes: axis `i` of the result is axis `permutation[i]`.
    ///
    /// Axes of one element and axes that stay neighbours count as one. Of a permutation that swaps more than two
    /// axes, sizes alone are kept. `None` if the two disagree in length.
    #[must_use]
    pub fn transposed(dims: &[u64], permutation: &[usize]) -> Option<Self> {
        let mut merged: Vec<(usize, u64)> = vec![];
        let mut previous = None;
        for &axis in permutation.iter().filter(|axis| dims.get(**axis) != Some(&1)) {
            let size = *dims.get(axis)?;
            // Axes of one element do not come between two others.
            let next_to = |before: usize| {
                before < axis
                    && dims.get(before + 1..axis).is_some_and(|between| between.iter().all(|d| *d == 1))
            };
            match merged.last_mut().filter(|_| previous.is_some_and(next_to)) {
                Some((_, together)) => *together = together.checked_mul(size)?,
                None => merged.push((axis, size)),
            }
            previous = Some(axis);
        }
        if dims.len() != permutation.len() {
            return None;
        }
        let product = |axes: &[(usize, u64)]| axes.iter().try_fold(1_u64, |all, (_, d)| all.checked_mul(*d));
        Some(match *merged.as_slice() {
            [(_, cols), (_, rows)] => Self::Transpose { batch: 1, rows, cols, inner: 1 },
            [(a, cols), (b, rows), (c, inner)] if b < a && a < c => {
                Self::Transpose { batch: 1, rows, cols, inner }
            }
            [(a, batch), (b, cols), (c, rows)] if a < c && c < b => {
                Self::Transpose { batch, rows, cols, inner: 1 }
            }
            [(a, batch), (b, cols), (c, rows), (d, inner)] if a < c && c < b && b < d => {
                Self::Transpose { batch, rows, cols, inner }
            }
            [] => Self::Transpose { batch: 1, rows: 1, cols: 1, inner: 1 },
            [(_, inner)] => Self::Transpose { batch: 1, rows: 1, cols: 1, inner },
            [(_, first), ref middle @ .., (before, next), (last, inner)] if before < last => {
                let rows = product(middle)?.checked_mul(next)?;
                Self::Transpose { batch: 1, rows, cols: first, inner }
            }
            [(_, batch), ref middle @ .., (_, rows)] => {
                Self::Transpose { batch, rows, cols: product(middle)?, inner: 1 }
            }
        })
    }

    /// The kernel of the suite that is shaped as the one a WebGPU runtime would take for this shape.
    ///
    /// The conditions are those that ONNX Runtime 1.27 was seen to choose its kernels by.
    #[must_use]
    pub fn runtime_kernel(&self) -> &'static str {
        let in_fours = |sizes: &[u64]| sizes.iter().all(|size| size % 4 == 0);
        match *self {
            Self::Matmul { n, k, .. } if n < 8 && k < 8 => "matmul.naive",
            Self::Matmul { m, n, k, .. } => match (m > 8, in_fours(&[n, k])) {
                (true, true) => "matmul.tile32",
                (true, false) => "matmul.tile32_scalar",
                (false, true) => "matmul.tile8",
                (false, false) => "matmul.tile8_scalar",
            },
            Self::PackedMatmul { .. } => "packed_matmul.lanes32",
            Self::Conv { in_channels, out_channels, .. } if in_fours(&[in_channels, out_channels]) => {
                "conv.tile32"
            }
            Self::Conv { in_channels: 3, out_channels, .. } if in_fours(&[out_channels]) => "conv.rgb",
            Self::Conv { .. } => "conv.scalar",
            Self::GroupedConv { group_channels, out_channels, .. }
                if in_fours(&[group_channels, out_channels]) =>
            {
                "grouped_conv.vec4"
            }
            Self::GroupedConv { .. } => "grouped_conv.direct",
            Self::Elementwise { broadcast: true, .. } => "elementwise.broadcast",
            Self::Elementwise { operands: 0 | 1, .. } => "elementwise.relu",
            Self::Elementwise { .. } => "elementwise.add",
            Self::Special { .. } => "special.gelu",
            Self::Reduce { .. } => "reduce.rows",
            Self::Softmax { cols, .. } if in_fours(&[cols]) => "softmax.rows",
            Self::Softmax { .. } => "softmax.rows_scalar",
            Self::Normalize { cols, .. } if in_fours(&[cols]) => "normalize.rows",
            Self::Normalize { .. } => "normalize.rows_scalar",
            Self::Pool { outputs, window } if outputs <= 128 && window >= 128 => "pool.shared",
            Self::Pool { .. } => "pool.direct",
            Self::Copy { .. } => "copy.concat",
            Self::Transpose { batch: 1, inner: 1, .. } => "transpose.tile16",
            Self::Transpose { .. } => "transpose.direct",
            Self::Gather { .. } => "gather.rows",
        }
    }

    /// The same with nothing packed; `None` where nothing is.
    #[must_use]
    pub fn unpacked(&self) -> Option<Self> {
        let Self::PackedMatmul { m, n, k } = *self else { return None };
        Some(Self::Matmul { batch: 1, m, n, k })
    }

    /// FLOPs of the contraction, nothing rounded up; 0 for the classes that are no contraction.
    #[must_use]
    pub fn contraction_flops(&self) -> f64 {
        if !self.class().is_contraction() {
            return 0.0;
        }
        let Extents { batch, rows, cols, depth } = self.extents();
        2.0 * batch * rows * cols * depth
    }

    /// Bytes read and written, each operand once, where an element has so many.
    #[must_use]
    pub fn bytes_moved(&self, of_element: f64) -> f64 {
        if let Self::PackedMatmul { m, n, k } = *self {
            let [blocks, words] =
                [PACKED_BLOCK, PACKED_IN_WORD].map(|size| n as f64 * k.div_ceil(size) as f64);
            let elements = m as f64 * (k as f64 + n as f64) + blocks;
            return words * 4.0 + elements * of_element;
        }
        self.elements_moved() * of_element
    }

    /// Elements read and written, each operand once.
    #[must_use]
    pub fn elements_moved(&self) -> f64 {
        let Extents { batch, rows, cols, depth } = self.extents();
        let outputs = batch * rows * cols;
        match *self {
            Self::Matmul { .. } | Self::PackedMatmul { .. } => batch * depth * (rows + cols) + outputs,
            Self::Conv { in_channels, stride, .. } => {
                let input = batch * rows * in_channels as f64 * area_of(stride);
                input + cols * depth + outputs
            }
            Self::GroupedConv { stride, .. } => outputs * area_of(stride) + cols * depth + outputs,
            Self::Elementwise { .. } | Self::Pool { .. } => outputs * depth + outputs,
            Self::Special { .. } | Self::Copy { .. } | Self::Transpose { .. } | Self::Gather { .. } => {
                2.0 * outputs
            }
            Self::Reduce { .. } => rows * depth + rows,
            Self::Softmax { .. } | Self::Normalize { .. } => 2.0 * rows * depth,
        }
    }
}

fn area_of(sides: [u64; 2]) -> f64 {
    sides.iter().map(|side| *side as f64).product()
}

impl fmt::Display for KernelShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = |batch: u64| if batch == 1 { String::new() } else { format!("{batch}×") };
        let text = match *self {
            Self::Matmul { batch, m, n, k } => format!("{}{m}×{n}×{k}", times(batch)),
            Self::PackedMatmul { m, n, k } => format!("{m}×{n}×{k}"),
            Self::Conv {
                batch,
                in_channels,
                out_channels,
                height,
                width,
                kernel: [kh, kw],
                stride: [sh, sw],
            } => {
                format!("{}{in_channels}→{out_channels} {height}×{width} k{kh}×{kw} s{sh}×{sw}", times(batch))
            }
            Self::GroupedConv {
                batch,
                group_channels,
                out_channels,
                height,
                width,
                kernel: [kh, kw],
                stride: [sh, sw],
            } => {
                format!(
                    "{}{group_channels}→{out_channels} {height}×{width} k{kh}×{kw} s{sh}×{sw}",
                    times(batch)
                )
            }
            Self::Elementwise { elements, operands, broadcast } => {
                format!("{elements} of {operands}{}", if broadcast { " broadcast" } else { "" })
            }
            Self::Special { elements } | Self::Copy { elements } => elements.to_string(),
            Self::Transpose { batch, rows, cols, inner } => format!("{}{rows}×{cols}×{inner}", times(batch)),
            Self::Reduce { rows, cols }
            | Self::Softmax { rows, cols }
            | Self::Normalize { rows, cols }
            | Self::Gather { rows, cols } => format!("{rows}×{cols}"),
            Self::Pool { outputs, window } => format!("{outputs} of {window}"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_element_fill_a_workgroup_together() {
        let tile = Tile { rows: 1, cols: 64, depth: 1 };
        let extents = KernelShape::Gather { rows: 100, cols: 1 }.extents();
        assert_eq!((extents.padded(tile), extents.workgroups(tile)), (128.0, 2.0));
    }

    #[test]
    fn a_permutation_is_the_swap_that_is_left_when_neighbours_count_as_one() {
        let cases: [(&[u64], &[usize], [u64; 4]); 10] = [
            (&[768, 1024], &[1, 0], [1, 768, 1024, 1]),
            // Images to channels last and back, alone and in a batch.
            (&[1, 64, 56, 56], &[0, 2, 3, 1], [1, 64, 3136, 1]),
            (&[1, 56, 56, 64], &[0, 3, 1, 2], [1, 3136, 64, 1]),
            (&[2, 64, 56, 56], &[0, 2, 3, 1], [2, 64, 3136, 1]),
            // Heads of attention.
            (&[1, 128, 12, 64], &[0, 2, 1, 3], [1, 128, 12, 64]),
            (&[8, 128, 12, 64], &[0, 2, 1, 3], [8, 128, 12, 64]),
            (&[1, 12, 128, 64], &[0, 1, 3, 2], [12, 128, 64, 1]),
            // Nothing moves; three axes reversed.
            (&[1, 1, 10, 1], &[0, 3, 1, 2], [1, 1, 1, 10]),
            (&[3, 5, 7], &[2, 1, 0], [7, 3, 5, 1]),
            (&[3, 5, 7, 9], &[2, 1, 0, 3], [1, 15, 7, 9]),
        ];
        for (dims, permutation, [batch, rows, cols, inner]) in cases {
            let expected = KernelShape::Transpose { batch, rows, cols, inner };
            assert_eq!(
                KernelShape::transposed(dims, permutation),
                Some(expected),
                "{dims:?} {permutation:?}"
            );
        }
        assert_eq!(KernelShape::transposed(&[2, 3], &[0]), None);
        assert_eq!(KernelShape::transposed(&[2, 3], &[0, 7]), None);
    }
}
