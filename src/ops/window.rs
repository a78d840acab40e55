//! The sliding window of convolution and pooling: how many positions it takes along each spatial axis.
//!
//! Layout of the tensor is the caller's: a window sees spatial dimensions only.

use super::dims::shared;
use super::{Node, OpError};
use crate::tensor::{Dim, Shape, elements};

/// A window over the spatial axes of a tensor.
#[derive(Clone, Debug)]
pub struct Window {
    axes: Vec<Axis>,
    padding: Padding,
    /// Whether a last position that reaches beyond the end counts.
    ceil: bool,
}

/// The window along one axis.
#[derive(Clone, Copy, Debug)]
struct Axis {
    kernel: Dim,
    stride: u64,
    dilation: u64,
    before: u64,
    after: u64,
}

/// How the ends are padded (`auto_pad`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Padding {
    /// By `pads` (NOTSET), or not at all (VALID).
    Explicit,
    /// So that the output has as many positions as the input has strides (SAME_UPPER, SAME_LOWER).
    Same,
}

impl Window {
    /// The window of a convolution whose weights have these kernel dimensions, one a spatial axis.
    ///
    /// # Errors
    /// An attribute of the wrong length or with a value out of range; `kernel_shape` and weights that disagree.
    pub fn of_weights(node: &Node, kernel: &[Dim]) -> Result<Self, OpError> {
        let rank = kernel.len();
        let kernel = match node.int_list("kernel_shape")? {
            None => kernel.to_vec(),
            Some(_) => list(node, "kernel_shape", rank, 1, 1)?
                .into_iter()
                .zip(kernel)
                .map(|(given, found)| shared(given.into(), *found, "kernel_shape and the weights' kernel"))
                .collect::<Result<_, _>>()?,
        };
        Self::new(node, &kernel)
    }

    /// The window of a pooling operator over `rank` spatial axes.
    ///
    /// # Errors
    /// [`OpError::MissingAttribute`] without `kernel_shape`; an attribute of the wrong length or out of range.
    pub fn of_attributes(node: &Node, rank: usize) -> Result<Self, OpError> {
        if node.int_list("kernel_shape")?.is_none() {
            return Err(OpError::MissingAttribute("kernel_shape"));
        }
        let kernel: Vec<_> = list(node, "kernel_shape", rank, 1, 1)?.into_iter().map(Dim::Exact).collect();
        let window = Self::new(node, &kernel)?;
        Ok(Self { ceil: node.int_or("ceil_mode", 0)? != 0, ..window })
    }

    fn new(node: &Node, kernel: &[Dim]) -> Result<Self, OpError> {
        let rank = kernel.len();
        let (padding, padded) = match node.str_or("auto_pad", "NOTSET")? {
            "NOTSET" | "" => (Padding::Explicit, true),
            "VALID" => (Padding::Explicit, false),
            "SAME_UPPER" | "SAME_LOWER" => (Padding::Same, false),
            other => {
                return Err(OpError::Attribute {
                    name: "auto_pad",
                    problem: format!("is \"{other}\", not NOTSET, VALID, SAME_UPPER or SAME_LOWER"),
                });
            }
        };
        let pads = if padded { list(node, "pads", rank.saturating_mul(2), 0, 0)? } else { vec![] };
        let ends = pads.iter().copied().chain(std::iter::repeat(0));
        let strides = list(node, "strides", rank, 1, 1)?;
        let dilations = list(node, "dilations", rank, 1, 1)?;
        let axes = kernel
            .iter()
            .zip(strides)
            .zip(dilations)
            .zip(ends.clone().zip(ends.skip(rank)))
            .map(|(((kernel, stride), dilation), (before, after))| Axis {
                kernel: *kernel,
                stride,
                dilation,
                before,
                after,
            })
            .collect();
        Ok(Self { axes, padding, ceil: false })
    }

    /// Elements under the window.
    pub fn volume(&self) -> Dim {
        elements(&self.axes.iter().map(|axis| axis.kernel).collect::<Vec<_>>())
    }

    /// The positions that the window takes along each axis of an input with these spatial dimensions.
    ///
    /// `floor((input + pads − dilation·(kernel − 1) − 1) / stride) + 1`, and with `ceil_mode` the ceiling,
    /// less a window that would start in the end's padding; `ceil(input / stride)` for `SAME_*`.
    /// Source: ONNX `Conv` and `MaxPool`, opset 22. ONNX Runtime applies the `ceil_mode` rule at every
    /// opset, though ONNX words it from 22 on.
    ///
    /// # Errors
    /// [`OpError::Mismatch`] where the window does not fit in the padded input.
    pub fn positions(&self, input: &[Dim]) -> Result<Shape, OpError> {
        self.zip(input, |axis, dim| axis.positions(dim, self.padding, self.ceil))
    }

    /// The size that a transposed convolution makes of an input with these spatial dimensions.
    ///
    /// `stride·(input − 1) + output_padding + dilation·(kernel − 1) + 1 − pads`; at most `input·stride`
    /// for `SAME_*`; `output_shape` where it is given.
    /// Source: ONNX `ConvTranspose`, opset 22. Its text says `input·stride` for `SAME_*` even where the
    /// kernel is narrower than the stride; its shape inference and ONNX Runtime never pad by less than 0.
    ///
    /// # Errors
    /// An attribute of the wrong length or out of range; [`OpError::Mismatch`] where padding removes all.
    pub fn transposed(&self, node: &Node, input: &[Dim]) -> Result<Shape, OpError> {
        if node.int_list("output_shape")?.is_some_and(|list| !list.is_empty()) {
            let sizes = list(node, "output_shape", self.axes.len(), 1, 1)?;
            return Ok(sizes.into_iter().map(Dim::Exact).collect());
        }
        let mut extra = list(node, "output_padding", self.axes.len(), 0, 0)?.into_iter();
        self.zip(input, |axis, dim| axis.transposed(dim, self.padding, extra.next().unwrap_or(0)))
    }

    /// The size of the input whose max pooling this window was: `stride·(input − 1) + kernel − pads`.
    ///
    /// Source: ONNX `MaxUnpool`, opset 22.
    ///
    /// # Errors
    /// [`OpError::Mismatch`] where padding removes all.
    pub fn unpooled(&self, input: &[Dim]) -> Result<Shape, OpError> {
        self.zip(input, |axis, dim| axis.transposed(dim, Padding::Explicit, 0))
    }

    fn zip(
        &self,
        input: &[Dim],
        mut f: impl FnMut(&Axis, Dim) -> Result<Dim, OpError>,
    ) -> Result<Shape, OpError> {
        if input.len() != self.axes.len() {
            return Err(OpError::Mismatch(format!(
                "the window has {} axes, the input {} spatial axes",
                self.axes.len(),
                input.len()
            )));
        }
        self.axes.iter().zip(input).map(|(axis, dim)| f(axis, *dim)).collect()
    }
}

impl Axis {
    /// Positions from the first to the last element under the window; `None` on overflow.
    fn extent(&self, kernel: u64) -> Option<u64> {
        kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    fn positions(&self, input: Dim, padding: Padding, ceil: bool) -> Result<Dim, OpError> {
        if padding == Padding::Same {
            return Ok(input.map(|n| Some(n.div_ceil(self.stride))));
        }
        let Some(kernel) = self.kernel.exact() else {
            // The narrowest window takes the most positions.
            let narrowest = Self { kernel: Dim::Exact(1), ..*self };
            let most = narrowest.positions(input, padding, ceil)?;
            return Ok(most.bound().map_or(Dim::Unknown, Dim::AtMost));
        };
        let extent = self.extent(kernel).ok_or(OpError::Overflow)?;
        let padded = |n: u64| n.checked_add(self.before)?.checked_add(self.after);
        if let Some(n) = input.bound()
            && padded(n).is_some_and(|padded| padded < extent)
        {
            return Err(OpError::Mismatch(format!(
                "a window of {extent} does not fit in {n} elements with pads {} and {}",
                self.before, self.after
            )));
        }
        Ok(input.map(|n| {
            let steps = padded(n)?.checked_sub(extent)?;
            if !ceil {
                return (steps / self.stride).checked_add(1);
            }
            let starts_inside = n.checked_add(self.before)?.div_ceil(self.stride);
            Some(steps.div_ceil(self.stride).checked_add(1)?.min(starts_inside))
        }))
    }

    fn transposed(&self, input: Dim, padding: Padding, extra: u64) -> Result<Dim, OpError> {
        let full = |n: u64, extent: u64| {
            n.checked_sub(1)?.checked_mul(self.stride)?.checked_add(extra)?.checked_add(extent)
        };
        // The output grows with the kernel, so a bound of the kernel gives a bound of the output.
        let size = |n: u64, kernel: u64| {
            let full = full(n, self.extent(kernel)?)?;
            match padding {
                Padding::Explicit => full.checked_sub(self.before.checked_add(self.after)?),
                Padding::Same => Some(full.min(n.checked_mul(self.stride)?)),
            }
        };
        let output = input.combine(self.kernel, size);
        match (input.bound(), self.kernel.bound(), output) {
            (Some(n), Some(kernel), Dim::Unknown)
                if self.extent(kernel).is_some_and(|extent| full(n, extent).is_some()) =>
            {
                Err(OpError::Mismatch(format!(
                    "pads {} and {} remove more than a window makes of {n} elements",
                    self.before, self.after
                )))
            }
            _ => Ok(output),
        }
    }
}

/// A list attribute of exactly `length` numbers of at least `least`; all `default` where it is left out.
fn list(
    node: &Node,
    name: &'static str,
    length: usize,
    default: u64,
    least: u64,
) -> Result<Vec<u64>, OpError> {
    // An empty list is how some exporters leave an attribute out.
    let Some(given) = node.int_list(name)?.filter(|list| !list.is_empty()) else {
        return Ok(vec![default; length]);
    };
    if given.len() != length {
        let problem = format!("has {} numbers, expected {length}", given.len());
        return Err(OpError::Attribute { name, problem });
    }
    given
        .iter()
        .map(|n| {
            u64::try_from(*n).ok().filter(|n| *n >= least).ok_or_else(|| OpError::Attribute {
                name,
                problem: format!("has {n}, which is less than {least}"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::op;
    use super::*;
    use crate::tensor::ElementType::Float32;

    #[test]
    fn positions_follow_the_onnx_formulas_for_each_padding() {
        // 7 × 8 under 3 × 2 with strides 2 × 3; expected sizes from onnx 1.23 and ONNX Runtime 1.32.
        for (auto_pad, pads, expected) in [
            ("SAME_UPPER", &[0, 0, 0, 0], "1×4×4×3"),
            ("SAME_LOWER", &[0, 0, 0, 0], "1×4×4×3"),
            ("VALID", &[0, 0, 0, 0], "1×4×3×3"),
            ("NOTSET", &[0, 0, 0, 0], "1×4×3×3"),
            ("NOTSET", &[1, 0, 1, 1], "1×4×4×3"),
            ("NOTSET", &[0, 2, 1, 1], "1×4×3×4"),
        ] {
            let conv = op("Conv", 22).f32(&[1, 2, 7, 8]).f32(&[4, 2, 3, 2]).attr("strides", &[2, 3]);
            let conv = conv.attr("auto_pad", auto_pad).attr("pads", pads);
            assert_eq!(conv.shape(), expected, "{auto_pad} {pads:?}");
        }
    }

    #[test]
    fn windows_that_start_in_the_padding_are_dropped_in_ceil_mode() {
        // (input, kernel, stride, pads, positions): the last from ONNX Runtime 1.32 at opsets 12 to 22.
        for (input, kernel, stride, pads, expected) in [
            (5, &[2], &[2], &[0, 0], "1×1×3"),
            (8, &[1], &[2], &[0, 0], "1×1×4"),
            (8, &[2], &[3], &[1, 1], "1×1×3"),
            (7, &[4], &[3], &[2, 3], "1×1×3"),
            (12, &[3], &[3], &[2, 2], "1×1×5"),
        ] {
            for version in [12, 22] {
                let pool = op("MaxPool", version).f32(&[1, 1, input]).attr("ceil_mode", 1);
                let pool = pool.attr("kernel_shape", kernel).attr("strides", stride).attr("pads", pads);
                assert_eq!(pool.shape(), expected, "{input} {kernel:?} {stride:?} {pads:?}");
            }
        }
    }

    #[test]
    fn a_bounded_input_bounds_the_positions_and_only_along_its_axis() {
        let dims = [Dim::AtMost(10), Dim::Exact(3), Dim::AtMost(9), Dim::Unknown, Dim::Exact(9)];
        let conv = op("Conv", 22).dims(Float32, &dims).f32(&[8, 3, 3, 3, 3]).attr("strides", &[2, 1, 2]);
        assert_eq!(conv.shape(), "≤10×8×≤4×?×4");
    }

    #[test]
    fn impossible_windows_are_errors() {
        let pool = |input| op("MaxPool", 12).f32(&[1, 1, input]);
        for (case, expected) in [
            (pool(4), "attribute \"kernel_shape\" is missing"),
            (pool(4).attr("kernel_shape", &[2, 2]), "attribute \"kernel_shape\" has 2 numbers, expected 1"),
            (pool(4).attr("kernel_shape", &[0]), "attribute \"kernel_shape\" has 0, which is less than 1"),
            (
                pool(4).attr("kernel_shape", &[2]).attr("strides", &[0]),
                "attribute \"strides\" has 0, which is less than 1",
            ),
            (
                pool(4).attr("kernel_shape", &[2]).attr("pads", &[-1, 0]),
                "attribute \"pads\" has -1, which is less than 0",
            ),
            (
                pool(4).attr("kernel_shape", &[3]).attr("dilations", &[2]),
                "a window of 5 does not fit in 4 elements with pads 0 and 0",
            ),
            (
                pool(4).attr("kernel_shape", &[2]).attr("auto_pad", "SAME"),
                "attribute \"auto_pad\" is \"SAME\", not NOTSET, VALID, SAME_UPPER or SAME_LOWER",
            ),
        ] {
            assert_eq!(case.types().unwrap_err().to_string(), expected);
        }
        let huge = pool(u64::MAX).attr("kernel_shape", &[i64::MAX]).attr("pads", &[i64::MAX, i64::MAX]);
        assert_eq!(huge.shape(), "1×1×?");
    }
}
