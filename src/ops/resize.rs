//! Resampling of images and volumes: by scales, to sizes, along a grid.

use super::conv::corners;
use super::dims::{self, count, product, resolve_axis, shared};
use super::int_list::IntList;
use super::{Attribute, Counts, Node, OpError, Type};
use crate::tensor::{Dim, ElementType, Scalar, Shape, TensorType};

/// How an element is made of its neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

impl Mode {
    fn of(node: &Node, default: &'static str) -> Result<Self, OpError> {
        match node.str_or("mode", default)? {
            "nearest" => Ok(Self::Nearest),
            "linear" | "bilinear" => Ok(Self::Linear),
            "cubic" | "bicubic" => Ok(Self::Cubic),
            other => Err(OpError::Attribute {
                name: "mode",
                problem: format!("is \"{other}\", not nearest, linear or cubic"),
            }),
        }
    }

    /// Neighbours along one axis.
    fn points(self) -> u64 {
        match self {
            Self::Nearest => 1,
            Self::Linear => 2,
            Self::Cubic => 4,
        }
    }
}

/// `X` to `Y`, each axis scaled by `scales` or made as long as `sizes` says.
///
/// Source: ONNX `Resize`, opset 19; in opset 10 the scales are input 1.
pub fn resize(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.shape(0)?;
    let axes = match node.int_list("axes")? {
        Some(axes) => axes.iter().map(|axis| resolve_axis(*axis, input.len())).collect::<Result<_, _>>()?,
        None => (0..input.len()).collect::<Vec<_>>(),
    };
    let scales = if node.version < 11 { 1 } else { 2 };
    let resized = if node.version >= 11 && is_given(node, 3) {
        sizes(node, input, &axes)?
    } else if is_given(node, scales) {
        let factors = values(node, scales, axes.len())?;
        scaled(input, &axes, &factors, &region(node, axes.len())?, scales)?
    } else {
        return Err(OpError::Mismatch("neither scales nor sizes are given".into()));
    };
    Ok(vec![TensorType::new(node.element(0)?, resized).into()])
}

/// `X` to `Y`, each axis scaled.
///
/// Source: ONNX `Upsample`: `height_scale` and `width_scale` in opset 1, `scales` in 7, input 1 from 9 on.
pub fn upsample(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.shape(0)?;
    let axes: Vec<_> = (0..input.len()).collect();
    let float = |x: f32| Scalar::Float(x.into());
    let factors = if node.version >= 9 {
        values(node, 1, axes.len())?
    } else if node.version >= 7 {
        match node.any("scales") {
            Some(Attribute::Floats(scales)) if scales.len() == axes.len() => {
                scales.iter().copied().map(float).collect()
            }
            Some(_) => {
                let problem = format!("is not a list of {} numbers", axes.len());
                return Err(OpError::Attribute { name: "scales", problem });
            }
            None => return Err(OpError::MissingAttribute("scales")),
        }
    } else {
        if axes.len() != 4 {
            return Err(OpError::Rank { input: 0, expected: "4", found: axes.len() });
        }
        let (height, width) = (node.float_or("height_scale", 1.0)?, node.float_or("width_scale", 1.0)?);
        vec![float(1.0), float(1.0), float(height), float(width)]
    };
    let resized = scaled(input, &axes, &factors, &vec![Scalar::Float(1.0); axes.len()], 1)?;
    Ok(vec![TensorType::new(node.element(0)?, resized).into()])
}

/// Whether an optional input is there and not the empty tensor that stands for none.
fn is_given(node: &Node, input: usize) -> bool {
    let shape = node.input(input).and_then(|operand| operand.ty.tensor()?.shape.as_deref());
    node.has_input(input) && shape != Some(&[Dim::Exact(0)])
}

/// The elements of a vector with one element an axis; unknown ones where its value is.
fn values(node: &Node, input: usize, length: usize) -> Result<Vec<Scalar>, OpError> {
    match node.elements(input) {
        Some(elements) if elements.len() == length => Ok(elements.to_vec()),
        Some(elements) => Err(OpError::Value {
            input,
            problem: format!("it has {} elements for {length} axes", elements.len()),
        }),
        None if node.has_input(input) => Ok(vec![Scalar::Unknown; length]),
        None => Err(OpError::MissingInput(input)),
    }
}

/// The part of each axis that is resized: all of it, but for `tf_crop_and_resize`.
fn region(node: &Node, axes: usize) -> Result<Vec<Scalar>, OpError> {
    if node.str_or("coordinate_transformation_mode", "half_pixel")? != "tf_crop_and_resize" {
        return Ok(vec![Scalar::Float(1.0); axes]);
    }
    let ends = values(node, 1, axes.saturating_mul(2))?;
    Ok(ends
        .iter()
        .zip(ends.iter().skip(axes))
        .map(|(start, end)| match (start.float(), end.float()) {
            (Some(start), Some(end)) => Scalar::Float(end - start),
            _ => Scalar::Unknown,
        })
        .collect())
}

/// `floor(dimension · region · scale)` along each axis, in float32 as the ONNX text has it.
fn scaled(
    input: &[Dim],
    axes: &[usize],
    scales: &[Scalar],
    regions: &[Scalar],
    scales_input: usize,
) -> Result<Shape, OpError> {
    let mut resized = input.to_vec();
    for ((axis, scale), region) in axes.iter().zip(scales).zip(regions) {
        let Some(dim) = resized.get_mut(*axis) else { continue };
        *dim = match (scale.float(), region.float()) {
            (Some(scale), _) if scale.is_nan() || scale <= 0.0 => {
                let problem = format!("a scale is {scale}, not positive");
                return Err(OpError::Value { input: scales_input, problem });
            }
            (Some(1.0), Some(1.0)) => *dim,
            (Some(scale), Some(region)) => {
                dim.map(|n| floor(narrow(n as f64) * narrow(region) * narrow(scale)))
            }
            _ => Dim::Unknown,
        };
    }
    Ok(resized)
}

#[allow(clippy::cast_possible_truncation, reason = "the ONNX text computes in float32")]
fn narrow(x: f64) -> f32 {
    x as f32
}

/// The floor as a size; `None` where it is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn floor(x: f32) -> Option<u64> {
    const BEYOND: f32 = 9.0e18;
    (0.0..BEYOND).contains(&x).then(|| x.floor() as u64)
}

/// `sizes` along the given axes, adjusted by `keep_aspect_ratio_policy`.
fn sizes(node: &Node, input: &[Dim], axes: &[usize]) -> Result<Shape, OpError> {
    let sizes: Vec<_> = values(node, 3, axes.len())?.into_iter().map(Scalar::dim).collect();
    let pairs = || axes.iter().zip(&sizes).filter_map(|(axis, size)| Some((input.get(*axis)?, *size)));
    let ratios = pairs().map(|(dim, size)| match (dim.exact(), size.exact()) {
        (Some(dim), Some(size)) if dim > 0 => Some(narrow(size as f64) / narrow(dim as f64)),
        _ => None,
    });
    let ratios: Option<Vec<_>> = ratios.collect();
    // Half-way cases round up.
    let scaled = |ratio: f32| move |dim: Dim| dim.map(|n| floor((ratio * narrow(n as f64) + 0.5).floor()));
    let bounded = |size: Dim| size.bound().map_or(Dim::Unknown, Dim::AtMost);
    let wanted: Vec<_> = match (node.str_or("keep_aspect_ratio_policy", "stretch")?, ratios) {
        ("stretch", _) => sizes.clone(),
        ("not_larger", Some(ratios)) => {
            let ratio = ratios.into_iter().fold(f32::INFINITY, f32::min);
            pairs().map(|(dim, _)| scaled(ratio)(*dim)).collect()
        }
        ("not_larger", None) => sizes.iter().copied().map(bounded).collect(),
        ("not_smaller", Some(ratios)) => {
            let ratio = ratios.into_iter().fold(0.0, f32::max);
            pairs().map(|(dim, _)| scaled(ratio)(*dim)).collect()
        }
        ("not_smaller", None) => vec![Dim::Unknown; sizes.len()],
        (other, _) => {
            let problem = format!("is \"{other}\", not stretch, not_larger or not_smaller");
            return Err(OpError::Attribute { name: "keep_aspect_ratio_policy", problem });
        }
    };
    let mut resized = input.to_vec();
    for (axis, size) in axes.iter().zip(wanted) {
        if let Some(dim) = resized.get_mut(*axis) {
            *dim = size;
        }
    }
    Ok(resized)
}

/// Two operations for each neighbour of each output: 2 along each resized axis for linear, 4 for cubic,
/// and with `antialias` so many times more as the axis shrinks. Nearest moves data.
///
/// Coordinates are the same for every row and are not counted.
pub fn resize_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let mode = Mode::of(node, "nearest")?;
    let each = dims::output_count(outputs, 0)?;
    let antialias = node.int_or("antialias", 0)? != 0;
    let resized: Vec<_> = node
        .shape(0)?
        .iter()
        .zip(dims::output_shape(outputs, 0)?)
        .filter(|(before, after)| before != after)
        .collect();
    if mode == Mode::Nearest || resized.is_empty() {
        return Ok(Counts::ZERO);
    }
    let neighbours = resized
        .into_iter()
        .map(|(before, after)| {
            let shrink = match (before.bound(), after.bound()) {
                (Some(before), Some(after)) if antialias && after > 0 => before.div_ceil(after).max(1),
                _ => 1,
            };
            product(&[mode.points(), shrink])
        })
        .collect::<Result<Vec<_>, _>>()?;
    let operations = product(&[each, 2, product(&neighbours)?])?;
    Ok(Counts::arithmetic(node.element(0)?, operations).by_formula())
}

/// `X [N, C, D…]` and `grid [N, O…, d]` to `Y [N, C, O…]`.
///
/// Source: ONNX `GridSample`, opset 22.
pub fn grid_sample(node: &Node) -> Result<Vec<Type>, OpError> {
    let (x, grid) = (node.shape(0)?, node.shape(1)?);
    let (&[batch, channels, ref spatial @ ..], &[grid_batch, ref points @ .., coordinates]) = (x, grid)
    else {
        let (input, found) = if x.len() < 2 { (0, x.len()) } else { (1, grid.len()) };
        return Err(OpError::Rank { input, expected: "at least 3", found });
    };
    if points.len() != spatial.len() || !coordinates.agrees_with(Dim::Exact(spatial.len() as u64)) {
        return Err(OpError::Mismatch(format!(
            "a grid of {} axes and {coordinates} coordinates samples {} spatial axes",
            points.len(),
            spatial.len()
        )));
    }
    let batch = shared(batch, grid_batch, "the batch of the input and of the grid")?;
    let shape: Shape = [batch, channels].into_iter().chain(points.iter().copied()).collect();
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// Four operations for each coordinate of each point of the grid, and two for each neighbour of each
/// output: `2^d` for linear, `4^d` for cubic.
pub fn grid_sample_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let mode = Mode::of(node, "linear")?;
    let coordinates = product(&[node.count(1)?, 4])?;
    let sampling = if mode == Mode::Nearest {
        0
    } else {
        let axes = node.shape(0)?.len().saturating_sub(2);
        product(&[dims::output_count(outputs, 0)?, 2, corners(axes, mode.points())?])?
    };
    Counts::alu(coordinates).plus(Counts::alu(sampling)).map(Counts::by_formula)
}

/// `theta [N, d, d + 1]` and `size [N, C, D…]` to `grid [N, D…, d]`.
///
/// Source: ONNX `AffineGrid`, opset 20.
pub fn affine_grid(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = node.element(0)?;
    node.tensor(1)?;
    let sizes = IntList::input(node, 1).shape(1)?.ok_or(OpError::UnknownSize("a rank"))?;
    let &[batch, _, ref spatial @ ..] = sizes.as_slice() else {
        let problem = format!("{} sizes, expected 4 or 5", sizes.len());
        return Err(OpError::Value { input: 1, problem });
    };
    let axes = Dim::Exact(spatial.len() as u64);
    let &[thetas, rows, _] = node.shape(0)? else {
        return Err(OpError::Rank { input: 0, expected: "3", found: node.shape(0)?.len() });
    };
    shared(rows, axes, "the rows of theta and the spatial axes")?;
    let batch = shared(batch, thetas, "the batch of theta and of the grid")?;
    let shape: Shape = [batch].into_iter().chain(spatial.iter().copied()).chain([axes]).collect();
    Ok(vec![TensorType::new(element, shape).into()])
}

/// A product with a `d × (d + 1)` matrix at each point: `d + 1` multiplications and additions an output.
pub fn affine_grid_work(_: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let [.., axes] = dims::output_shape(outputs, 0)? else {
        return Err(OpError::UnknownSize("an output"));
    };
    let terms = count(&[*axes], "an output")?.saturating_add(1);
    Ok(Counts::alu(product(&[dims::output_count(outputs, 0)?, 2, terms])?).by_formula())
}

/// An encoded image to `[height, width, channels]`, of which only the channels are known.
///
/// Source: ONNX `ImageDecoder`, opset 20.
pub fn image_decoder(node: &Node) -> Result<Vec<Type>, OpError> {
    let channels = if node.str_or("pixel_format", "RGB")? == "Grayscale" { 1 } else { 3 };
    let shape = [Dim::Unknown, Dim::Unknown, Dim::Exact(channels)];
    Ok(vec![TensorType::new(ElementType::Uint8, shape).into()])
}

/// Not known, and not free: what a decoder does depends on the format and the picture.
///
/// Errors: [`OpError::UnknownSize`], always.
pub fn image_decoder_work(_: &Node, _: &[Type]) -> Result<Counts, OpError> {
    Err(OpError::UnknownSize("a decoded image"))
}

/// Of `X [N, C, H, W]`, a crop of the size in input 3 for each region `[R, 4]` (input 1): `[R, C, height, width]`.
///
/// Source: ONNX Runtime `CropAndResize`, com.microsoft version 1.
pub fn crops(node: &Node) -> Result<Vec<Type>, OpError> {
    let [_, channels, _, _] = node.dims(0)?;
    let [regions, _] = node.dims(1)?;
    let side =
        |at: usize| node.elements(3).and_then(|size| size.get(at)).map_or(Dim::Unknown, |size| size.dim());
    let shape = vec![regions, channels, side(0), side(1)];
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// Two operations for each of four neighbours of an output; the nearest one is moved.
pub fn crops_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    match node.str_or("mode", "bilinear")? {
        "nearest" => Ok(Counts::ZERO),
        _ => Ok(Counts::alu(8).times(dims::output_count(outputs, 0)?)?.by_formula()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, microsoft, op};
    use super::*;
    use crate::tensor::ElementType::{Float32, Int64, Uint8};

    #[test]
    fn scales_and_sizes_give_the_output() {
        let image = |version| op("Resize", version).f32(&[1, 3, 5, 7]);
        for (case, expected) in [
            (image(10).floats(&[1.0, 1.0, 2.0, 0.5]), "1×3×10×3"),
            (image(11).floats(&[]).floats(&[1.0, 1.0, 2.6, 0.7]), "1×3×13×4"),
            (image(11).floats(&[]).floats(&[]).ints(&[1, 3, 8, 9]), "1×3×8×9"),
            (image(13).none().none().ints(&[1, 3, 8, 9]), "1×3×8×9"),
            (image(18).none().none().ints(&[9, 8]).attr("axes", &[-1, 2]), "1×3×8×9"),
            (image(13).none().none().input(Int64, &[4]), "?×?×?×?"),
            (
                image(13).none().none().value(
                    Int64,
                    &[4],
                    &[Scalar::Int(1), Scalar::Int(3), Scalar::AtMost(40), Scalar::Unknown],
                ),
                "1×3×≤40×?",
            ),
        ] {
            assert_eq!(case.shape(), expected);
        }
        let dims = [Dim::AtMost(4), Dim::Exact(3), Dim::AtMost(9), Dim::Unknown];
        let case = op("Resize", 13).dims(Float32, &dims).none().floats(&[1.0, 1.0, 2.5, 2.0]);
        assert_eq!(case.shape(), "≤4×3×≤22×?");
    }

    #[test]
    fn scales_multiply_in_float32() {
        // In float32, 10 · 1.1 is 11 exactly; 100 · 0.29 is 29 (28.999… in float64).
        for (size, scale, expected) in [(10, 1.1, "11"), (100, 0.29, "29")] {
            assert_eq!(op("Resize", 13).f32(&[size]).none().floats(&[scale]).shape(), expected);
        }
    }

    #[test]
    fn the_aspect_ratio_bends_the_sizes() {
        // 3 × 7 into 5 × 5: 5/7 keeps 2 × 5 (2.14), 5/3 makes 5 × 12 (11.67).
        let case = |policy: &'static str| {
            let case = op("Resize", 19).f32(&[1, 1, 3, 7]).none().none().ints(&[5, 5]);
            case.attr("axes", &[2, 3]).attr("keep_aspect_ratio_policy", policy)
        };
        assert_eq!(case("stretch").shape(), "1×1×5×5");
        assert_eq!(case("not_larger").shape(), "1×1×2×5");
        assert_eq!(case("not_smaller").shape(), "1×1×5×12");
        let dims = [Dim::Exact(3), Dim::AtMost(7)];
        let case = op("Resize", 19).dims(Float32, &dims).none().none().ints(&[5, 5]);
        assert_eq!(case.attr("keep_aspect_ratio_policy", "not_larger").shape(), "≤5×≤5");
    }

    #[test]
    fn a_region_shrinks_what_is_scaled() {
        let case = op("Resize", 13).f32(&[10, 10]).floats(&[0.0, 0.25, 1.0, 0.75]).floats(&[2.0, 2.0]);
        let case = case.attr("coordinate_transformation_mode", "tf_crop_and_resize");
        assert_eq!(case.shape(), "20×10");
    }

    #[test]
    fn upsample_took_its_scales_from_three_places() {
        let old = op("Upsample", 1).f32(&[1, 3, 4, 5]);
        assert_eq!(old.attr("height_scale", 2.0f32).attr("width_scale", 3.0f32).shape(), "1×3×8×15");
        let attribute = op("Upsample", 7).f32(&[1, 3, 4, 5]);
        let scales = Attribute::Floats(&[1.0, 1.0, 2.0, 2.5]);
        assert_eq!(attribute.attr("scales", scales).shape(), "1×3×8×12");
        assert_eq!(op("Upsample", 9).f32(&[1, 3, 4, 5]).floats(&[1.0, 1.0, 2.0, 2.0]).shape(), "1×3×8×10");
    }

    #[test]
    fn interpolation_costs_its_neighbours() {
        let case = |mode: &'static str, sizes: &[i64]| {
            op("Resize", 18).f32(&[1, 3, 8, 8]).none().none().ints(sizes).attr("mode", mode)
        };
        let outputs = 3 * 4 * 20;
        for (case, expected) in [
            (case("nearest", &[1, 3, 4, 20]), 0),
            (case("linear", &[1, 3, 8, 8]), 0),
            (case("linear", &[1, 3, 4, 20]), outputs * 2 * 4),
            (case("linear", &[1, 3, 8, 10]), 240 * 2 * 2),
            (case("cubic", &[1, 3, 4, 20]), outputs * 2 * 16),
            // Only the first axis shrinks, to a half.
            (case("cubic", &[1, 3, 4, 20]).attr("antialias", 1), outputs * 2 * 8 * 4),
        ] {
            assert_eq!(case.counts().alu, expected);
        }
        let bytes = op("Resize", 13).input(Uint8, &[4]).none().floats(&[2.0]).attr("mode", "linear");
        assert_eq!(bytes.counts(), Counts::int(8 * 2 * 2).by_formula());
    }

    #[test]
    fn a_grid_samples_at_its_points() {
        let case = |mode: &'static str| {
            op("GridSample", 20).f32(&[2, 3, 8, 9]).f32(&[2, 4, 5, 2]).attr("mode", mode)
        };
        assert_eq!(case("linear").shape(), "2×3×4×5");
        let (points, outputs) = (2 * 4 * 5, 2 * 3 * 4 * 5);
        for (mode, neighbours) in [("nearest", 0), ("bilinear", 4), ("linear", 4), ("cubic", 16)] {
            assert_eq!(case(mode).counts().alu, points * 2 * 4 + outputs * 2 * neighbours, "{mode}");
        }
    }

    #[test]
    fn an_affine_grid_has_a_point_for_each_pixel() {
        let case = op("AffineGrid", 20).f32(&[2, 3, 4]).ints(&[2, 1, 4, 5, 6]);
        assert_eq!(case.shape(), "2×4×5×6×3");
        assert_eq!(case.counts().alu, 2 * 4 * 5 * 6 * 3 * 2 * 4);
        assert_eq!(op("AffineGrid", 20).f32(&[2, 2, 3]).input(Int64, &[4]).shape(), "2×?×?×2");
    }

    #[test]
    fn a_decoded_image_is_of_unknown_size_and_cost() {
        let case =
            |format: &'static str| op("ImageDecoder", 20).input(Uint8, &[1000]).attr("pixel_format", format);
        assert_eq!((case("BGR").shape(), case("Grayscale").shape()), ("?×?×3".into(), "?×?×1".into()));
        let work = case("RGB").run(|node, rules| super::super::counts(rules, node, &[]));
        assert_eq!(work.unwrap_err().to_string(), "the size of a decoded image depends on data");
    }

    #[test]
    fn invalid_scales_and_sizes_are_errors() {
        let image = || op("Resize", 13).f32(&[3, 7]);
        let errors: [(Case, &str); 5] = [
            (image(), "neither scales nor sizes are given"),
            (
                image().none().floats(&[1.0, -2.0]),
                "the value of input 2 is not valid: a scale is -2, not positive",
            ),
            (
                image().none().floats(&[2.0]),
                "the value of input 2 is not valid: it has 1 elements for 2 axes",
            ),
            (image().none().none().ints(&[3, 3]).attr("axes", &[0, 5]), "axis 5 is outside rank 2"),
            (
                op("GridSample", 20).f32(&[2, 3, 8, 9]).f32(&[2, 4, 5, 3]),
                "a grid of 2 axes and 3 coordinates samples 2 spatial axes",
            ),
        ];
        for (case, expected) in errors {
            assert_eq!(case.types().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn crops_are_as_large_as_asked_for() {
        let case = microsoft("CropAndResize").f32(&[2, 3, 20, 20]).f32(&[5, 4]).f32(&[5]).ints(&[7, 8]);
        assert_eq!((case.shape(), case.counts().alu), ("5×3×7×8".into(), 8 * 5 * 3 * 56));
    }
}
