//! Pooling: a reduction under a sliding window, over all of a channel, or over regions of interest.

use super::conv::corners;
use super::dims::{self, count, product, shared};
use super::form::Form;
use super::window::Window;
use super::{Counts, Node, OpError, Type};
use crate::tensor::{Dim, ElementType, Scalar, Shape, TensorType};

/// `[N, C, D…]` split into its channels and its spatial dimensions.
fn channels_and_spatial<'a>(node: &Node<'a>, input: usize) -> Result<([Dim; 2], &'a [Dim]), OpError> {
    match node.shape(input)? {
        [batch, channels, spatial @ ..] if !spatial.is_empty() => Ok(([*batch, *channels], spatial)),
        shape => Err(OpError::Rank { input, expected: "at least 3", found: shape.len() }),
    }
}

fn window<'a>(node: &Node<'a>) -> Result<(Window, [Dim; 2], &'a [Dim]), OpError> {
    let (outer, spatial) = channels_and_spatial(node, 0)?;
    Ok((Window::of_attributes(node, spatial.len())?, outer, spatial))
}

fn with_spatial(outer: [Dim; 2], spatial: impl IntoIterator<Item = Dim>) -> Shape {
    outer.into_iter().chain(spatial).collect()
}

/// `X [N, C, D…]` to `Y [N, C, O…]`, and for MaxPool the positions of the maxima as int64.
///
/// Source: ONNX `AveragePool`, `MaxPool`, `LpPool`, opset 22.
pub fn pool(node: &Node) -> Result<Vec<Type>, OpError> {
    let (window, outer, spatial) = window(node)?;
    let shape = with_spatial(outer, window.positions(spatial)?);
    Ok(vec![
        TensorType::new(node.element(0)?, shape.clone()).into(),
        TensorType::new(ElementType::Int64, shape).into(),
    ])
}

/// Elements of the output and elements under the window of each.
fn taps(node: &Node, outputs: &[Type]) -> Result<(u64, u64), OpError> {
    let volume = window(node)?.0.volume().bound().ok_or(OpError::Overflow)?;
    Ok((dims::output_count(outputs, 0)?, volume))
}

/// Additions of `k` elements under a window and one division: `E·(k − 1)` and `E`.
pub fn average_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    max_pool_work(node, outputs)?.plus(Counts::div(dims::output_count(outputs, 0)?))
}

/// Comparisons of `k` elements under a window: `E·(k − 1)`.
pub fn max_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (each, volume) = taps(node, outputs)?;
    Ok(Counts::arithmetic(node.element(0)?, product(&[each, volume.saturating_sub(1)])?))
}

/// A window of `kernel_shape` for each output, wherever the channels are.
pub fn pool_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let axes = node.shape(0)?.len().saturating_sub(2);
    let window = count(&[Window::of_attributes(node, axes)?.volume()], "a window")?;
    Ok(Form::Pool { outputs: dims::output_count(outputs, 0)?, window, global: false })
}

/// The whole channel for each output.
pub fn global_pool_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let outputs = dims::output_count(outputs, 0)?;
    Ok(Form::Pool { outputs, window: node.count(0)?.checked_div(outputs).unwrap_or(0), global: true })
}

/// As many elements as are compared for each region and channel, spread over the outputs of it.
pub fn max_roi_pool_form(_: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    let outputs = dims::output_count(outputs, 0)?;
    Ok(Form::Pool { outputs, window: counts.alu.checked_div(outputs).unwrap_or(0), global: false })
}

/// MaxUnpool: each input element is written to its place.
pub fn max_unpool_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Scatter { elements: dims::output_count(outputs, 0)?, updates: node.count(0)? })
}

/// The `p`-norm of the `k` elements under each window.
pub fn lp_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (each, volume) = taps(node, outputs)?;
    norm(node, volume)?.times(each)
}

/// `p`-norm of `n` elements: `n` powers (a multiplication for p = 2, a magnitude for p = 1), `n − 1`
/// additions and one root (a square root for p = 2, none for p = 1).
fn norm(node: &Node, n: u64) -> Result<Counts, OpError> {
    let additions = Counts::alu(n.saturating_sub(1));
    // LpPool-1 and GlobalLpPool-1 have a floating-point p.
    let p = match node.any("p") {
        Some(super::Attribute::Float(p)) => *p,
        _ => match node.int_or("p", 2)? {
            1 => 1.0,
            2 => 2.0,
            // Whichever it is, it takes a power and a root.
            _ => 3.0,
        },
    };
    let powers = if p == 1.0 {
        Counts::alu(n)
    } else if p == 2.0 {
        Counts { alu: n, div: 1, ..Counts::ZERO }
    } else {
        Counts { alu: n, trans: n.checked_add(1).ok_or(OpError::Overflow)?, ..Counts::ZERO }
    };
    additions.plus(powers)
}

/// `X [N, C, D…]` to `Y [N, C, 1…]`.
///
/// Source: ONNX `GlobalAveragePool`, opset 22.
pub fn global_pool(node: &Node) -> Result<Vec<Type>, OpError> {
    let (outer, spatial) = channels_and_spatial(node, 0)?;
    let ones = spatial.iter().map(|_| Dim::Exact(1));
    Ok(vec![TensorType::new(node.element(0)?, with_spatial(outer, ones)).into()])
}

/// Additions of a channel's elements and one division: `I − E` and `E`.
pub fn global_average_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    global_max_pool_work(node, outputs)?.plus(Counts::div(dims::output_count(outputs, 0)?))
}

/// Comparisons of a channel's elements: `I − E`.
pub fn global_max_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let comparisons = node.count(0)?.saturating_sub(dims::output_count(outputs, 0)?);
    Ok(Counts::arithmetic(node.element(0)?, comparisons))
}

/// The `p`-norm of each channel.
pub fn global_lp_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (_, spatial) = channels_and_spatial(node, 0)?;
    norm(node, count(spatial, "an input")?)?.times(dims::output_count(outputs, 0)?)
}

/// `X [N, C, D…]` to the larger tensor that it was pooled from, of the size given or implied.
///
/// Source: ONNX `MaxUnpool`, opset 22.
pub fn max_unpool(node: &Node) -> Result<Vec<Type>, OpError> {
    let (window, outer, spatial) = window(node)?;
    let shape = if node.has_input(2) {
        match node.elements(2) {
            Some(sizes) if sizes.len() == spatial.len() + 2 => {
                sizes.iter().copied().map(Scalar::dim).collect()
            }
            Some(sizes) => {
                let problem = format!("{} sizes for rank {}", sizes.len(), spatial.len() + 2);
                return Err(OpError::Value { input: 2, problem });
            }
            None => with_spatial(outer, spatial.iter().map(|_| Dim::Unknown)),
        }
    } else {
        with_spatial(outer, window.unpooled(spatial)?)
    };
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// Regions: `X [N, C, H, W]` and one row of `rois` a region to `[regions, C, height, width]`.
fn regions(node: &Node, height: Dim, width: Dim) -> Result<Vec<Type>, OpError> {
    let [_, channels, _, _] = *node.shape(0)? else {
        return Err(OpError::Rank { input: 0, expected: "4", found: node.shape(0)?.len() });
    };
    let [mut regions, _] = *node.shape(1)? else {
        return Err(OpError::Rank { input: 1, expected: "2", found: node.shape(1)?.len() });
    };
    if node.has_input(2)
        && let [batch_indices] = *node.shape(2)?
    {
        regions = shared(regions, batch_indices, "the regions and their batch indices")?;
    }
    Ok(vec![TensorType::new(node.element(0)?, [regions, channels, height, width]).into()])
}

fn size(name: &'static str, n: i64) -> Result<u64, OpError> {
    u64::try_from(n)
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| OpError::Attribute { name, problem: format!("has {n}, which is less than 1") })
}

/// `X [N, C, H, W]`, `rois [R, 5]` to `Y [R, C, pooled…]`.
///
/// Source: ONNX `MaxRoiPool`, opset 22.
pub fn max_roi_pool(node: &Node) -> Result<Vec<Type>, OpError> {
    let name = "pooled_shape";
    match node.int_list(name)?.ok_or(OpError::MissingAttribute(name))? {
        [height, width] => regions(node, size(name, *height)?.into(), size(name, *width)?.into()),
        list => Err(OpError::Attribute { name, problem: format!("has {} numbers, expected 2", list.len()) }),
    }
}

/// Comparisons of at most a whole feature map a region and channel: `R·C·H·W`.
pub fn max_roi_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (Some([regions, channels, ..]), Some([_, _, map @ ..])) =
        (dims::output_shape(outputs, 0)?.first_chunk::<2>(), Some(node.shape(0)?))
    else {
        return Err(OpError::UnknownSize("an output"));
    };
    let each = count(&[*regions, *channels], "an output")?;
    Ok(Counts::alu(product(&[each, count(map, "an input")?])?).at_most())
}

/// `X [N, C, H, W]`, `rois [R, 4]` to `Y [R, C, output_height, output_width]`.
///
/// Source: ONNX `RoiAlign`, opset 22.
pub fn roi_align(node: &Node) -> Result<Vec<Type>, OpError> {
    let height = size("output_height", node.int_or("output_height", 1)?)?;
    let width = size("output_width", node.int_or("output_width", 1)?)?;
    regions(node, height.into(), width.into())
}

/// Interpolation between four neighbours (two operations each) at each of `s²` points of an output, and a
/// division for their mean.
///
/// `sampling_ratio` 0 samples as densely as the region: bounded by a region as large as the feature map.
pub fn roi_align_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    let ratio = node.int_or("sampling_ratio", 0)?;
    let division = Counts::div(if node.str_or("mode", "avg")? == "max" { 0 } else { each });
    let per_point = product(&[2, corners(2, 2)?])?;
    let work = |points: u64| Counts::alu(product(&[each, points, per_point])?).plus(division);
    if ratio != 0 {
        let ratio = size("sampling_ratio", ratio)?;
        return work(product(&[ratio, ratio])?).map(Counts::by_formula);
    }
    let (_, map) = channels_and_spatial(node, 0)?;
    let points = ["output_height", "output_width"]
        .into_iter()
        .zip(map)
        .map(|(name, side)| {
            let side = side.bound().ok_or(OpError::UnknownSize("an input"))?;
            Ok(side.div_ceil(size(name, node.int_or(name, 1)?)?))
        })
        .collect::<Result<Vec<_>, _>>()?;
    work(product(&points)?).map(Counts::at_most)
}

/// As `MaxPool`; its mask (input 1) is data, and may leave elements out.
pub fn masked_pool_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    max_pool_work(node, outputs).map(Counts::at_most)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, op};
    use super::*;
    use crate::tensor::ElementType::{Float32, Uint8};

    #[test]
    fn a_pool_reduces_each_window() {
        // 4 × 4 under 2 × 3: 3 × 2 positions of 6 elements, 2 channels.
        let window = |case: Case| case.attr("kernel_shape", &[2, 3]);
        let input = &[1, 2, 4, 4];
        let power = Counts { alu: 12 * 11, trans: 12 * 7, ..Counts::ZERO };
        let euclid = Counts { alu: 12 * 11, div: 12, ..Counts::ZERO };
        for (case, expected) in [
            (op("MaxPool", 12).f32(input), Counts::alu(12 * 5)),
            (op("MaxPool", 12).input(Uint8, input), Counts::int(12 * 5)),
            (op("AveragePool", 7).f32(input), Counts { alu: 60, div: 12, ..Counts::ZERO }),
            (op("LpPool", 18).f32(input), euclid),
            (op("LpPool", 1).f32(input).attr("p", 2.0f32), euclid),
            (op("LpPool", 18).f32(input).attr("p", 1), Counts::alu(12 * 11)),
            (op("LpPool", 18).f32(input).attr("p", 3), power),
        ] {
            let case = window(case);
            assert_eq!(case.shape(), "1×2×3×2");
            assert_eq!(case.counts(), expected);
        }
    }

    #[test]
    fn the_positions_of_maxima_are_int64() {
        let case = op("MaxPool", 12).f32(&[1, 2, 4]).attr("kernel_shape", &[2]).outputs(2);
        assert_eq!(case.types().unwrap()[1], TensorType::exact(ElementType::Int64, &[1, 2, 3]).into());
    }

    #[test]
    fn a_global_pool_reduces_each_channel_to_one_element() {
        for (operator, expected) in [
            ("GlobalMaxPool", Counts::alu(6 * 48)),
            ("GlobalAveragePool", Counts { alu: 6 * 48, div: 6, ..Counts::ZERO }),
            ("GlobalLpPool", Counts { alu: 6 * (2 * 49 - 1), div: 6, ..Counts::ZERO }),
        ] {
            let case = op(operator, 22).f32(&[2, 3, 7, 7]);
            assert_eq!(case.shape(), "2×3×1×1");
            assert_eq!(case.counts(), expected, "{operator}");
        }
    }

    #[test]
    fn unpooling_inverts_the_window_or_makes_what_is_asked_for() {
        let case = || op("MaxUnpool", 11).f32(&[1, 1, 2, 2]).input(ElementType::Int64, &[1, 1, 2, 2]);
        let window = |case: Case| case.attr("kernel_shape", &[2, 2]).attr("strides", &[2, 2]);
        assert_eq!(window(case()).shape(), "1×1×4×4");
        assert_eq!(window(case().ints(&[1, 1, 5, 5])).shape(), "1×1×5×5");
        assert_eq!(window(case().input(ElementType::Int64, &[4])).shape(), "1×1×?×?");
    }

    #[test]
    fn regions_are_sampled_on_a_grid_or_bounded_by_the_feature_map() {
        let rois = [Dim::AtMost(100), Dim::Exact(4)];
        let case = |ratio: i64| {
            let case = op("RoiAlign", 16).f32(&[1, 256, 50, 30]).dims(Float32, &rois);
            let case = case.dims(ElementType::Int64, &[Dim::Unknown]).attr("sampling_ratio", ratio);
            case.attr("output_height", 7).attr("output_width", 7)
        };
        assert_eq!(case(2).shape(), "≤100×256×7×7");
        let outputs = 100 * 256 * 49;
        let expected = Counts { alu: outputs * 4 * 8, div: outputs, ..Counts::ZERO };
        assert_eq!(case(2).counts(), expected.by_formula());
        // ⌈50 / 7⌉ × ⌈30 / 7⌉ points.
        let expected = Counts { alu: outputs * 8 * 5 * 8, div: outputs, ..Counts::ZERO };
        assert_eq!(case(0).counts(), expected.at_most());

        let case = op("MaxRoiPool", 1).f32(&[1, 8, 10, 10]).f32(&[3, 5]).attr("pooled_shape", &[2, 2]);
        assert_eq!(case.shape(), "3×8×2×2");
        assert_eq!(case.counts(), Counts::alu(3 * 8 * 100).at_most());
    }
}
