//! Convolutions: every weight seen by every window, by whichever integer or floating-point type.
//!
//! Padding counts as work: a real kernel multiplies the zeros.

use super::dims::{self, count, divided, product, shared};
use super::elementwise::SILU;
use super::form::{Conv, Form};
use super::int_list::IntList;
use super::window::Window;
use super::{Counts, Node, OpError, Type};
use crate::tensor::{Dim, ElementType, Shape, TensorType, elements};

/// Positions of input and weights, for the operators that share one rule.
#[derive(Clone, Copy)]
struct At {
    input: usize,
    weights: usize,
}

/// Conv, ConvInteger, ConvTranspose, DeformConv.
const PLAIN: At = At { input: 0, weights: 1 };
/// QLinearConv, whose scales and zero points stand between.
const QUANTIZED: At = At { input: 0, weights: 3 };

/// Input and weights split as `[N, C, D…]` and `[first, second, K…]`.
struct Operands<'a> {
    batch: Dim,
    channels: Dim,
    spatial: &'a [Dim],
    first: Dim,
    second: Dim,
    kernel: &'a [Dim],
    group: u64,
}

impl<'a> Operands<'a> {
    fn of(node: &Node<'a>, at: At) -> Result<Self, OpError> {
        let rank = |input, found| OpError::Rank { input, expected: "at least 3", found };
        let shape = node.shape(at.input)?;
        let weights = node.shape(at.weights)?;
        let ([batch, channels, spatial @ ..], [first, second, kernel @ ..]) = (shape, weights) else {
            let (input, short) = if shape.len() < 2 { (at.input, shape) } else { (at.weights, weights) };
            return Err(rank(input, short.len()));
        };
        if spatial.is_empty() {
            return Err(rank(at.input, shape.len()));
        }
        let group = if node.any("group").is_some() { node.positive("group")? } else { 1 };
        Ok(Self {
            batch: *batch,
            channels: *channels,
            spatial,
            first: *first,
            second: *second,
            kernel,
            group,
        })
    }

    /// `[N, M, O…]` of a convolution with weights `[M, C/group, K…]`.
    fn convolved(&self, node: &Node) -> Result<Shape, OpError> {
        shared(
            self.channels,
            self.second.times(Dim::Exact(self.group)),
            "the input's channels and the weights'",
        )?;
        divided(self.first, self.group, "the number of output channels")?;
        let positions = Window::of_weights(node, self.kernel)?.positions(self.spatial)?;
        Ok([self.batch, self.first].into_iter().chain(positions).collect())
    }

    /// `[N, M, O…]` of a transposed convolution with weights `[C, M/group, K…]`.
    fn transposed(&self, node: &Node) -> Result<Shape, OpError> {
        shared(self.channels, self.first, "the input's channels and the weights'")?;
        let sizes = Window::of_weights(node, self.kernel)?.transposed(node, self.spatial)?;
        let maps = self.second.times(Dim::Exact(self.group));
        Ok([self.batch, maps].into_iter().chain(sizes).collect())
    }

    /// Weights that one input or output element meets.
    fn weights_each(&self) -> Result<u64, OpError> {
        let second = self.second.bound().ok_or(OpError::UnknownSize("the weights"))?;
        product(&[second, count(self.kernel, "the weights")?])
    }
}

fn one(element: ElementType, shape: Shape) -> Vec<Type> {
    vec![TensorType::new(element, shape).into()]
}

/// `X [N, C, D…]`, `W [M, C/group, K…]` to `Y [N, M, O…]` of the input's type.
///
/// Source: ONNX `Conv` and, its offsets and mask aside, `DeformConv`, opset 22.
pub fn conv(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(node.element(0)?, Operands::of(node, PLAIN)?.convolved(node)?))
}

/// One multiply-accumulate for each weight an output sees: `E·(C/group)·K`; a bias is one addition more.
pub fn conv_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    contraction(node, PLAIN, each)?.plus(bias(node, 2, each)?)
}

/// `X [N, C, D…]`, `W [C, M/group, K…]` to `Y [N, M, O…]`.
///
/// Source: ONNX `ConvTranspose`, opset 22.
pub fn conv_transpose(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(node.element(0)?, Operands::of(node, PLAIN)?.transposed(node)?))
}

/// One multiply-accumulate for each weight an *input* meets: `I·(M/group)·K`; a bias is one addition an output.
///
/// Overlapping windows are summed within the multiply-accumulates.
pub fn conv_transpose_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = node.count(0)?;
    contraction(node, PLAIN, each)?.plus(bias(node, 2, dims::output_count(outputs, 0)?)?)
}

/// As [`conv_transpose`], with the padding in input 2: first what is cut in front along each axis, then behind.
///
/// Source: ONNX Runtime `ConvTransposeWithDynamicPads`, com.microsoft version 1.
pub fn padded_transpose(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut shape = Operands::of(node, PLAIN)?.transposed(node)?;
    let axes = shape.len().saturating_sub(2);
    let pads = node.ints(2);
    for (axis, size) in shape.iter_mut().skip(2).enumerate().filter(|_| node.has_input(2)) {
        let cut =
            pads.as_ref().and_then(|pads| pads.get(axis)?.checked_add(*pads.get(axis.checked_add(axes)?)?));
        *size = match cut.map(u64::try_from) {
            Some(Ok(cut)) => size.map(|size| size.checked_sub(cut)),
            Some(Err(_)) => return Err(OpError::Mismatch("the pads are negative".into())),
            None => size.bound().map_or(Dim::Unknown, Dim::AtMost),
        };
    }
    Ok(one(node.element(0)?, shape))
}

/// As [`conv_transpose_work`], the bias in input 3.
pub fn padded_transpose_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    contraction(node, PLAIN, node.count(0)?)?.plus(bias(node, 3, dims::output_count(outputs, 0)?)?)
}

/// As Conv, to int32.
///
/// Source: ONNX `ConvInteger`, opset 10.
pub fn conv_integer(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(ElementType::Int32, Operands::of(node, PLAIN)?.convolved(node)?))
}

/// As Conv; each zero point given costs one integer correction an output.
pub fn conv_integer_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    let zero_points = [2, 3].into_iter().filter(|index| node.has_input(*index)).count();
    let corrections = Counts::int(each).times(zero_points as u64)?;
    Ok(contraction(node, PLAIN, each)?.plus(corrections)?.by_formula())
}

/// As Conv, to the type of the output's zero point.
///
/// Source: ONNX `QLinearConv`, opset 10.
pub fn qlinear_conv(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(node.element(7)?, Operands::of(node, QUANTIZED)?.convolved(node)?))
}

/// As Conv, two zero-point corrections an output, an integer addition with a bias, and [`REQUANTIZE`].
pub fn qlinear_conv_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    requantized(node, each, each)
}

/// As ConvTranspose, to the type of the output's zero point.
///
/// Source: ONNX Runtime `QLinearConvTranspose`.
pub fn qlinear_conv_transpose(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(one(node.element(7)?, Operands::of(node, QUANTIZED)?.transposed(node)?))
}

/// As ConvTranspose, and of each output what [`qlinear_conv_work`] adds.
pub fn qlinear_conv_transpose_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    requantized(node, node.count(0)?, dims::output_count(outputs, 0)?)
}

/// What each of `met` elements meets of the weights, and the corrections of each output.
fn requantized(node: &Node, met: u64, each: u64) -> Result<Counts, OpError> {
    let corrections = if node.has_input(8) { 3 } else { 2 };
    contraction(node, QUANTIZED, met)?
        .plus(Counts::int(corrections).plus(REQUANTIZE)?.times(each)?)
        .map(Counts::by_formula)
}

/// From an accumulator to a narrow output: multiply by the combined scale and add the zero point, then
/// round and clip on both sides.
pub const REQUANTIZE: Counts = Counts { alu: 2, int: 3, ..Counts::ZERO };

/// As Conv, and for each input element under each window an interpolation between `2^d` neighbours (two
/// operations a neighbour, one more with a mask), and eight operations for the coordinates of each offset.
pub fn deform_conv_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let operands = Operands::of(node, PLAIN)?;
    let each = dims::output_count(outputs, 0)?;
    let [_, _, positions @ ..] = dims::output_shape(outputs, 0)? else {
        return Err(OpError::UnknownSize("an output"));
    };
    let windows = product(&[
        count(&[operands.batch], "the batch")?,
        count(positions, "an output")?,
        count(operands.kernel, "the weights")?,
    ])?;
    let channels = count(&[operands.channels], "the input's channels")?;
    let offset_groups = u64::try_from(node.int_or("offset_group", 1)?)
        .map_err(|_| OpError::Attribute { name: "offset_group", problem: "is negative".into() })?;
    let neighbours = corners(operands.spatial.len(), 2)?;
    let per_sample = product(&[2, neighbours])?.saturating_add(u64::from(node.has_input(4)));
    let sampling = product(&[windows, channels, per_sample])?;
    let coordinates = product(&[windows, offset_groups, 8])?;
    contraction(node, PLAIN, each)?
        .plus(bias(node, 3, each)?)?
        .plus(Counts::alu(sampling))?
        .plus(Counts::alu(coordinates))
        .map(Counts::by_formula)
}

/// Neighbours that an interpolation of so many points an axis reads over `axes` axes.
pub fn corners(axes: usize, points: u64) -> Result<u64, OpError> {
    u32::try_from(axes).ok().and_then(|axes| points.checked_pow(axes)).ok_or(OpError::Overflow)
}

/// `input [B, C, L]`, `weight [C, 1, k]` to the convolution `[B, C, L]` and the state `[B, C, k − 1]`.
///
/// Source: ONNX `CausalConvWithState`, opset 27.
pub fn causal_conv(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element(0)?;
    let [batch, channels, length] = node.dims(0)?;
    let [maps, _, kernel] = node.dims(1)?;
    shared(channels, maps, "the input's channels and the weights'")?;
    let state = kernel.map(|k| k.checked_sub(1));
    Ok([length, state]
        .into_iter()
        .map(|last| TensorType::new(element, [batch, channels, last]).into())
        .collect())
}

/// `B·C·L·k` multiply-accumulates; a bias is one addition, SiLU the work of a Swish, an output.
pub fn causal_conv_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    let activation = match node.str_or("activation", "none")? {
        "none" => Counts::ZERO,
        "silu" | "swish" => SILU,
        other => {
            let problem = format!("is \"{other}\", not silu, swish or none");
            return Err(OpError::Attribute { name: "activation", problem });
        }
    };
    contraction(node, PLAIN, each)?.plus(bias(node, 2, each)?)?.plus(activation.times(each)?)
}

/// `input [N, C·∏block, L]` to the image `[N, C, D…]`, whose spatial sizes the second input gives.
///
/// Source: ONNX `Col2Im`, opset 18.
pub fn col2im(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batch, columns, _] = node.dims(0)?;
    let image = spatial_values(node, 1)?;
    let block = elements(&spatial_values(node, 2)?).exact();
    let channels = match block {
        Some(0) => {
            return Err(OpError::Value { input: 2, problem: "a block has no element".into() });
        }
        Some(block) => divided(columns, block, "the number of columns")?,
        None => Dim::Unknown,
    };
    Ok(one(node.element(0)?, [batch, channels].into_iter().chain(image).collect()))
}

/// Spatial sizes that an int64 vector gives.
fn spatial_values(node: &Node, input: usize) -> Result<Shape, OpError> {
    node.tensor(input)?;
    IntList::input(node, input).shape(input)?.ok_or(OpError::UnknownSize("a rank"))
}

/// Conv, ConvInteger, DeformConv.
pub fn conv_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    form_of(node, PLAIN, outputs, false)
}

/// QLinearConv.
pub fn qlinear_conv_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    form_of(node, QUANTIZED, outputs, false)
}

/// QLinearConvTranspose.
pub fn qlinear_conv_transpose_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    form_of(node, QUANTIZED, outputs, true)
}

/// ConvTranspose.
pub fn conv_transpose_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    form_of(node, PLAIN, outputs, true)
}

fn form_of(node: &Node, at: At, outputs: &[Type], transposed: bool) -> Result<Form, OpError> {
    let operands = Operands::of(node, at)?;
    let [_, maps, positions @ ..] = dims::output_shape(outputs, 0)? else {
        return Err(OpError::UnknownSize("an output"));
    };
    let size = |dim: &Dim| count(&[*dim], "a convolution");
    Ok(Form::Conv(Box::new(Conv {
        batch: size(&operands.batch)?,
        in_channels: size(&operands.channels)?,
        out_channels: size(maps)?,
        groups: operands.group,
        input: plane(operands.spatial)?,
        output: plane(positions)?,
        kernel: plane(operands.kernel)?,
        strides: steps(node, "strides")?,
        dilations: steps(node, "dilations")?,
        transposed,
        channels_last: false,
    })))
}

/// Spatial sizes as height and width.
fn plane(sizes: &[Dim]) -> Result<[u64; 2], OpError> {
    let size = |dim: &Dim| count(&[*dim], "a spatial axis");
    match sizes {
        [width] => Ok([1, size(width)?]),
        [height, width] => Ok([size(height)?, size(width)?]),
        _ => Err(OpError::Rank { input: 0, expected: "3 or 4", found: sizes.len() + 2 }),
    }
}

/// Steps along height and width; 1 where they are left out.
fn steps(node: &Node, attribute: &'static str) -> Result<[u64; 2], OpError> {
    let positive = |step: i64| u64::try_from(step).unwrap_or(1);
    Ok(match node.int_list(attribute)? {
        Some([width]) => [1, positive(*width)],
        Some([height, width]) => [positive(*height), positive(*width)],
        _ => [1, 1],
    })
}

/// `input [B, C, L]`, `weight [C, 1, k]`: a depthwise convolution along one axis.
pub fn causal_conv_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let [batch, channels, length] = node.dims(0)?;
    let [_, _, kernel] = node.dims(1)?;
    depthwise([batch, channels, length, kernel], 1)
}

/// A depthwise convolution of as many positions as there are: `[B, C, L, k]`.
pub fn depthwise(sizes: [Dim; 4], dilation: u64) -> Result<Form, OpError> {
    let size = |dim: Dim| count(&[dim], "a convolution");
    let [batch, channels, length, kernel] = sizes;
    let (channels, length) = (size(channels)?, size(length)?);
    Ok(Form::Conv(Box::new(Conv {
        batch: size(batch)?,
        in_channels: channels,
        out_channels: channels,
        groups: channels,
        input: [1, length],
        output: [1, length],
        kernel: [1, size(kernel)?],
        strides: [1, 1],
        dilations: [1, dilation],
        transposed: false,
        channels_last: false,
    })))
}

/// Col2Im: every column is added to its places.
pub fn col2im_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Scatter { elements: dims::output_count(outputs, 0)?, updates: node.count(0)? })
}

/// Each weight that one of `each` elements meets, once.
fn contraction(node: &Node, at: At, each: u64) -> Result<Counts, OpError> {
    let macs = product(&[each, Operands::of(node, at)?.weights_each()?])?;
    Ok(Counts::macs(macs, node.element(at.input)?, node.element(at.weights)?))
}

fn bias(node: &Node, input: usize, each: u64) -> Result<Counts, OpError> {
    Ok(if node.has_input(input) { Counts::arithmetic(node.element(input)?, each) } else { Counts::ZERO })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, microsoft, op};
    use super::*;
    use crate::tensor::ElementType::{Float16, Float32, Int8, Int32, Int64, Uint8};

    #[test]
    fn a_convolution_costs_each_weight_once_an_output() {
        for (input, weights, group, expected, macs) in [
            // ResNet-50's first layer without its stride: 64 · 3 · 7 · 7 · 218 · 218.
            (&[1, 3, 224, 224][..], &[64, 3, 7, 7][..], 1, "1×64×218×218", 64 * 3 * 7 * 7 * 218 * 218),
            (&[2, 8, 6, 6], &[8, 2, 3, 3], 4, "2×8×4×4", 2 * 8 * 16 * 2 * 9),
            (&[1, 8, 6], &[8, 1, 3], 8, "1×8×4", 8 * 4 * 3),
            (&[1, 2, 4, 5, 6], &[3, 2, 2, 2, 2], 1, "1×3×3×4×5", 3 * 60 * 2 * 8),
        ] {
            let conv = op("Conv", 22).f32(input).f32(weights).attr("group", group);
            assert_eq!(conv.shape(), expected);
            assert_eq!(conv.counts(), Counts::macs(macs, Float32, Float32), "{expected}");
        }
    }

    #[test]
    fn a_bias_adds_once_an_output() {
        let conv = op("Conv", 11).f32(&[1, 2, 4, 4]).f32(&[3, 2, 3, 3]).f32(&[3]);
        assert_eq!(conv.counts().alu, 3 * 2 * 2);
    }

    #[test]
    fn a_transposed_convolution_works_on_its_input_positions() {
        // Sizes of onnx 1.23 and ONNX Runtime 1.32.
        let case = || op("ConvTranspose", 22).f32(&[1, 4, 5, 6]).f32(&[4, 3, 3, 2]).attr("strides", &[2, 3]);
        for (case, expected) in [
            (case(), "1×3×11×17"),
            (case().attr("auto_pad", "SAME_UPPER"), "1×3×10×17"),
            (case().attr("auto_pad", "SAME_UPPER").attr("output_padding", &[1, 1]), "1×3×10×18"),
            (case().attr("auto_pad", "VALID"), "1×3×11×17"),
            (
                case().attr("pads", &[1, 0, 1, 1]).attr("output_padding", &[1, 2]).attr("dilations", &[2, 1]),
                "1×3×12×18",
            ),
            (case().attr("output_shape", &[10, 16]), "1×3×10×16"),
        ] {
            assert_eq!(case.shape(), expected);
            assert_eq!(case.counts(), Counts::macs(4 * 5 * 6 * 3 * 3 * 2, Float32, Float32));
        }
        let grouped = op("ConvTranspose", 11).f32(&[1, 4, 5]).f32(&[4, 3, 2]).f32(&[6]).attr("group", 2);
        assert_eq!(grouped.shape(), "1×6×6");
        assert_eq!(grouped.counts().macs, 4 * 5 * 3 * 2);
        assert_eq!(grouped.counts().alu, 36);
    }

    #[test]
    fn integer_convolutions_correct_for_zero_points_and_rescale() {
        let integer = |zero_points: usize| {
            let case = op("ConvInteger", 10).input(Uint8, &[1, 2, 4, 4]).input(Int8, &[3, 2, 3, 3]);
            [Uint8, Int8].into_iter().take(zero_points).fold(case, |case, element| case.input(element, &[]))
        };
        assert_eq!(integer(0).ty(), TensorType::exact(Int32, &[1, 3, 2, 2]).into());
        for zero_points in 0..=2 {
            let counts = integer(zero_points).counts();
            assert_eq!((counts.macs, counts.factors), (12 * 18, Some((Uint8, Int8))));
            assert_eq!(counts.int, 12 * zero_points as u64);
        }
        let scale = |case: Case, element| case.f32(&[]).input(element, &[]);
        let case = scale(op("QLinearConv", 10).input(Uint8, &[1, 2, 4, 4]), Uint8);
        let case = scale(scale(case.input(Int8, &[3, 2, 3, 3]), Int8), Int8).input(Int32, &[3]);
        assert_eq!(case.ty(), TensorType::exact(Int8, &[1, 3, 2, 2]).into());
        let counts = case.counts();
        assert_eq!((counts.macs, counts.alu, counts.int), (216, 24, 12 * (2 + 1 + 3)));
    }

    #[test]
    fn a_deformable_convolution_interpolates_every_input_under_every_window() {
        // N C H W = 1 2 5 5, 3 × 3 kernel to 3 × 3 positions: 81 window elements.
        let case = op("DeformConv", 19).f32(&[1, 2, 5, 5]).f32(&[4, 2, 3, 3]).f32(&[1, 18, 3, 3]);
        assert_eq!(case.shape(), "1×4×3×3");
        let counts = case.counts();
        assert_eq!(counts.macs, 36 * 2 * 9);
        assert_eq!(counts.alu, 81 * 2 * (2 * 4) + 81 * 8);
        let masked = op("DeformConv", 19).f32(&[1, 2, 5, 5]).f32(&[4, 2, 3, 3]).f32(&[1, 18, 3, 3]);
        let masked = masked.f32(&[4]).f32(&[1, 9, 3, 3]);
        assert_eq!(masked.counts().alu, 36 + 81 * 2 * 9 + 81 * 8);
    }

    #[test]
    fn a_causal_convolution_keeps_its_length_and_hands_on_its_last_inputs() {
        let case = op("CausalConvWithState", 27).input(Float16, &[2, 8, 5]).input(Float16, &[8, 1, 4]);
        let case = case.input(Float16, &[8]).attr("activation", "silu");
        assert_eq!(case.shapes(), ["2×8×5", "2×8×3"]);
        let counts = case.counts();
        assert_eq!((counts.macs, counts.alu, counts.div, counts.trans), (320, 80 + 240, 80, 80));
    }

    #[test]
    fn columns_fold_into_the_image_that_is_asked_for() {
        let case = op("Col2Im", 18).f32(&[1, 12, 25]);
        let known = case.ints(&[6, 7]).ints(&[2, 3]);
        assert_eq!(known.shape(), "1×2×6×7");
        assert_eq!(known.counts(), Counts::alu(12 * 25));
        let unknown = op("Col2Im", 18).f32(&[1, 12, 25]).input(Int64, &[2]).ints(&[2, 3]);
        assert_eq!(unknown.shape(), "1×2×?×?");
    }

    #[test]
    fn operands_that_do_not_fit_are_errors() {
        for (case, expected) in [
            (op("Conv", 22).f32(&[1, 3, 8, 8]), "input 1 is missing"),
            (op("Conv", 22).f32(&[1, 3]).f32(&[4, 3]), "input 0 has rank 2, expected at least 3"),
            (
                op("Conv", 22).f32(&[1, 3, 8, 8]).f32(&[4, 2, 3, 3]),
                "the input's channels and the weights' are 3 and 2",
            ),
            (
                op("Conv", 22).f32(&[1, 4, 8]).f32(&[3, 2, 3]).attr("group", 2),
                "the number of output channels 3 is no multiple of 2",
            ),
            (
                op("Conv", 22).f32(&[1, 3, 8]).f32(&[3, 3, 3]).attr("kernel_shape", &[5]),
                "kernel_shape and the weights' kernel are 5 and 3",
            ),
            (
                op("Conv", 22).f32(&[1, 3, 8, 8]).f32(&[3, 3, 3]),
                "the window has 1 axes, the input 2 spatial axes",
            ),
            (
                op("ConvTranspose", 22).f32(&[1, 3, 2]).f32(&[3, 3, 2]).attr("pads", &[2, 2]),
                "pads 2 and 2 remove more than a window makes of 2 elements",
            ),
            (
                op("Col2Im", 18).f32(&[1, 13, 25]).ints(&[6, 7]).ints(&[2, 3]),
                "the number of columns 13 is no multiple of 6",
            ),
        ] {
            assert_eq!(case.types().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn pads_may_be_an_input() {
        let case = |pads: Option<[i64; 4]>| {
            let case = microsoft("ConvTransposeWithDynamicPads")
                .f32(&[1, 4, 5, 5])
                .f32(&[4, 2, 3, 3])
                .attr("strides", &[2, 2]);
            match pads {
                Some(pads) => case.ints(&pads),
                None => case.input(Int64, &[4]),
            }
        };
        // 2·(5 − 1) + 3 = 11 without pads.
        assert_eq!(case(Some([1, 0, 1, 2])).shape(), "1×2×9×9");
        assert_eq!(case(None).shape(), "1×2×≤11×≤11");
        assert_eq!(case(Some([0; 4])).counts().macs, 4 * 25 * 2 * 9);
        assert!(case(Some([-1; 4])).types().is_err());
    }
}
