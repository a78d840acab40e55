//! Operators that cut dimensions shorter or make them longer: Slice, Pad, CenterCropPad.

use super::dims::{part_of, resolve_axis};
use super::int_list::IntList;
use super::small_tensor::{self, SmallTensor};
use super::{Node, OpError};
use crate::tensor::{Dim, Elements, Scalar, Shape, TensorType, Type};

/// Ends from here on mean "to the end": exporters write the largest 32-bit or 64-bit integer.
const TO_THE_END: i64 = i32::MAX as i64;

/// Slice. Each of `axes` is cut to `start..end` in steps of `step`.
///
/// Source: ONNX `Slice`, opset 13; starts, ends and axes are attributes before opset 10, and steps are 1.
/// Errors: [`OpError::Axis`], [`OpError::Mismatch`] for lists of different lengths, [`OpError::Value`] for a step of 0.
pub fn slice(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let Some(shape) = &data.shape else { return Ok(vec![data.clone().into()]) };
    let mut dims = shape.clone();
    match spans(node, shape.len())? {
        Some(spans) => {
            for span in spans {
                if let Some(dim) = dims.get_mut(span.axis) {
                    *dim = span.length(*dim);
                }
            }
        }
        None => dims = dims.into_iter().map(part_of).collect(),
    }
    Ok(vec![TensorType::new(data.element, dims).into()])
}

/// The elements that [`slice`] keeps.
pub fn slice_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(data), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let Some(spans) = spans(node, data.sizes.len())? else { return Ok(vec![None]) };
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let mut source = position.to_vec();
        for span in &spans {
            let (start, end, step) = (span.start.int()?, span.end.int()?, span.step.int()?);
            let size = u64::try_from(*data.sizes.get(span.axis)?).ok()?;
            let (first, _) = cut(size, start, end, step);
            let index = i128::try_from(*position.get(span.axis)?).ok()? * i128::from(step) + first;
            *source.get_mut(span.axis)? = usize::try_from(index).ok()?;
        }
        data.at(&source)
    })])
}

/// What Slice does to one axis.
struct Span {
    axis: usize,
    start: Scalar,
    end: Scalar,
    step: Scalar,
}

/// The axes that are cut; `None` if it is not known which.
fn spans(node: &Node, rank: usize) -> Result<Option<Vec<Span>>, OpError> {
    let starts = IntList::of(node, "starts", 10, 1)?;
    let ends = IntList::of(node, "ends", 10, 2)?;
    let axes = IntList::of(node, "axes", 10, 3)?;
    let steps = if node.version < 10 { IntList::LeftOut } else { IntList::input(node, 4) };
    for (list, name, input) in [(&starts, "starts", 1), (&ends, "ends", 2)] {
        if list.left_out() {
            let attribute = OpError::MissingAttribute(name);
            return Err(if node.version < 10 { attribute } else { OpError::MissingInput(input) });
        }
    }
    let axes: Vec<i64> = if axes.left_out() {
        let Some(given) = starts.elements().or(ends.elements()) else { return Ok(None) };
        (0..).take(given.len()).collect()
    } else {
        let Some(axes) = axes.ints() else { return Ok(None) };
        axes
    };
    for list in [&starts, &ends, &steps] {
        if let Some(length) = list.elements().map(<[Scalar]>::len).filter(|length| *length != axes.len()) {
            return Err(OpError::Mismatch(format!("{length} starts, ends or steps for {} axes", axes.len())));
        }
    }
    let element = |list: &IntList, index: usize| {
        list.elements().and_then(|elements| elements.get(index)).copied().unwrap_or(Scalar::Unknown)
    };
    let span = |(index, axis): (usize, i64)| {
        let step = if steps.left_out() { Scalar::Int(1) } else { element(&steps, index) };
        if step == Scalar::Int(0) {
            return Err(OpError::Value { input: 4, problem: "a step is 0".into() });
        }
        let (start, end) = (element(&starts, index), element(&ends, index));
        Ok(Span { axis: resolve_axis(axis, rank)?, start, end, step })
    };
    axes.into_iter().enumerate().map(span).collect::<Result<_, _>>().map(Some)
}

impl Span {
    /// The length that is left of a dimension.
    fn length(&self, dim: Dim) -> Dim {
        let Some(step) = self.step.int() else { return part_of(dim) };
        if let (Dim::Exact(size), Some(start), Some(end)) = (dim, self.start.int(), self.end.int()) {
            return Dim::Exact(cut(size, start, end, step).1);
        }
        let most = self.most(dim.bound().map(i128::from), step > 0);
        let steps = most.map(|most| u128::try_from(most).unwrap_or(0).div_ceil(step.unsigned_abs().into()));
        match steps.and_then(|steps| u64::try_from(steps).ok()) {
            Some(0) => Dim::Exact(0),
            Some(n) => Dim::AtMost(n),
            None => Dim::Unknown,
        }
    }

    /// The most elements between start and end of a dimension of at most `size`: the smallest of the
    /// differences that are known, whatever the dimension is.
    fn most(&self, size: Option<i128>, forward: bool) -> Option<i128> {
        let number = |scalar: Scalar| scalar.int().map(i128::from);
        let (front_start, back_start) = split_sign(number(self.start));
        let (front_end, back_end) = split_sign(number(self.end));
        // What is not known but bounded counts from the front.
        let bound = |scalar: Scalar| match scalar {
            Scalar::AtMost(n) => Some(i128::from(n)),
            _ => None,
        };
        let limits = if forward {
            let end = front_end.filter(|end| *end < i128::from(TO_THE_END) || size.is_some());
            [
                size,
                // 0 ≤ start: behind it, or up to an end counted from the front or the back
                size.zip(front_start).map(|(size, start)| size - start),
                end.or(bound(self.end)).map(|end| end - front_start.unwrap_or(0)),
                size.zip(back_end).map(|(size, end)| size + end - front_start.unwrap_or(0)),
                // start < 0: the last −start, or those of them before an end from the back
                back_start.map(|start| -start),
                back_start.zip(back_end).map(|(start, end)| end - start),
            ]
        } else {
            [
                size,
                // 0 ≤ start: down from it
                front_start.or(bound(self.start)).map(|start| start + 1),
                front_start.zip(front_end).map(|(start, end)| start - end),
                size.zip(front_end).map(|(size, end)| size - 1 - end),
                // start < 0, end < 0: counted from the back; a start before the front is the front
                size.zip(back_start).map(|(size, start)| (size + start + 1).max(1)),
                back_end.map(|end| (back_start.unwrap_or(-1) - end).max(1)),
            ]
        };
        limits.into_iter().flatten().min()
    }
}

/// An index as one from the front (not negative) or from the back (negative).
fn split_sign(index: Option<i128>) -> (Option<i128>, Option<i128>) {
    (index.filter(|index| *index >= 0), index.filter(|index| *index < 0))
}

/// The first index and the number of elements that Slice takes of a dimension.
fn cut(size: u64, start: i64, end: i64, step: i64) -> (i128, u64) {
    if size == 0 || step == 0 {
        return (0, 0);
    }
    let (size, step) = (i128::from(size), i128::from(step));
    let from_front = |index: i64| if index < 0 { i128::from(index) + size } else { i128::from(index) };
    let (start, end) = if step > 0 {
        (from_front(start).clamp(0, size), from_front(end).clamp(0, size))
    } else {
        (from_front(start).clamp(0, size - 1), from_front(end).clamp(-1, size - 1))
    };
    let span = if step > 0 { end - start } else { start - end };
    let length = u128::try_from(span).unwrap_or(0).div_ceil(step.unsigned_abs());
    (start, u64::try_from(length).unwrap_or(u64::MAX))
}

/// Pad. Each of `axes` is made longer (or, by negative pads, shorter) at both ends.
///
/// Source: ONNX `Pad`, opset 25; pads are the attribute `paddings` in opset 1, `pads` until 10, input 1 since.
/// Errors: [`OpError::Mismatch`] for lists of different lengths and for more cut off than there is.
pub fn pad(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    let Some(shape) = &data.shape else { return Ok(vec![data.clone().into()]) };
    let dims = match pad_ends(node, shape.len())? {
        Some(ends) => {
            let padded = shape.iter().zip(ends).map(|(dim, [begin, end])| padded(*dim, begin, end));
            padded.collect::<Result<Shape, _>>()?
        }
        None => vec![Dim::Unknown; shape.len()],
    };
    Ok(vec![TensorType::new(data.element, dims).into()])
}

fn pads<'a>(node: &Node<'a>) -> Result<IntList<'a>, OpError> {
    // com.microsoft's version 1 has them as an input too.
    if node.has_input(1) {
        return Ok(IntList::input(node, 1));
    }
    if node.version >= 11 {
        return Err(OpError::MissingInput(1));
    }
    let name = if node.version < 2 { "paddings" } else { "pads" };
    let pads = IntList::attribute(node, name)?;
    if pads.left_out() { Err(OpError::MissingAttribute(name)) } else { Ok(pads) }
}

/// What is added at the beginning and at the end of each dimension; `None` if it is not known where.
fn pad_ends(node: &Node, rank: usize) -> Result<Option<Vec<[Scalar; 2]>>, OpError> {
    let pads = pads(node)?;
    let axes = if node.version < 18 { IntList::LeftOut } else { IntList::input(node, 3) };
    let axes: Vec<usize> = if axes.left_out() {
        (0..rank).collect()
    } else {
        let Some(axes) = axes.ints() else { return Ok(None) };
        axes.into_iter().map(|axis| resolve_axis(axis, rank)).collect::<Result<_, _>>()?
    };
    let unknown;
    let pads = match pads.elements() {
        Some(pads) => pads,
        None => {
            unknown = vec![Scalar::Unknown; axes.len().saturating_mul(2)];
            &unknown
        }
    };
    if pads.len() != axes.len().saturating_mul(2) {
        return Err(OpError::Mismatch(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let mut ends = vec![[Scalar::Int(0); 2]; rank];
    let (begins, behind) = pads.split_at_checked(axes.len()).unwrap_or((&[], &[]));
    for (axis, (begin, end)) in axes.iter().zip(begins.iter().zip(behind)) {
        if let Some(place) = ends.get_mut(*axis) {
            *place = [*begin, *end];
        }
    }
    Ok(Some(ends))
}

fn padded(dim: Dim, begin: Scalar, end: Scalar) -> Result<Dim, OpError> {
    let most = |scalar: Scalar| match scalar {
        Scalar::Int(n) => Some(i128::from(n)),
        Scalar::AtMost(n) => Some(i128::from(n)),
        _ => None,
    };
    let Some(sum) = dim.bound().zip(most(begin)).zip(most(end)).map(|((n, b), e)| i128::from(n) + b + e)
    else {
        return Ok(Dim::Unknown);
    };
    if dim.exact().is_some() && begin.int().is_some() && end.int().is_some() {
        return u64::try_from(sum)
            .map(Dim::Exact)
            .map_err(|_| OpError::Mismatch(format!("pads make dimension {dim} {sum}")));
    }
    Ok(u64::try_from(sum.max(0)).map_or(Dim::Unknown, Dim::AtMost))
}

/// The elements of a tensor that is padded with a constant.
pub fn pad_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(data), Some(sizes)) =
        (SmallTensor::known_or_not(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let constant = if node.has_input(2) {
        node.scalar(2)
    } else if node.version < 11 {
        Scalar::Float(node.float_or("value", 0.0)?.into())
    } else {
        small_tensor::zero(node.element(0)?)
    };
    let Some(ends) = pad_ends(node, sizes.len())? else { return Ok(vec![None]) };
    if node.str_or("mode", "constant")? != "constant" {
        return Ok(vec![None]);
    }
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let mut source = Vec::with_capacity(position.len());
        for ((index, [begin, _]), size) in position.iter().zip(&ends).zip(&data.sizes) {
            let index = i64::try_from(*index).ok()?.checked_sub(begin.int()?)?;
            match usize::try_from(index).ok().filter(|index| index < size) {
                Some(index) => source.push(index),
                None => return Some(constant),
            }
        }
        data.at(&source)
    })])
}

/// CenterCropPad. Each of `axes` becomes what `shape` says.
///
/// Source: ONNX `CenterCropPad`, opset 18. Errors: [`OpError::Axis`], [`OpError::Mismatch`].
pub fn center_crop_pad(node: &Node) -> Result<Vec<Type>, OpError> {
    let data = node.tensor(0)?;
    node.tensor(1)?;
    let Some(shape) = &data.shape else { return Ok(vec![data.clone().into()]) };
    let axes: Vec<usize> = match node.int_list("axes")? {
        Some(axes) => axes.iter().map(|axis| resolve_axis(*axis, shape.len())).collect::<Result<_, _>>()?,
        None => (0..shape.len()).collect(),
    };
    let target = IntList::input(node, 1);
    let target = target.elements();
    if let Some(target) = target.filter(|target| target.len() != axes.len()) {
        return Err(OpError::Mismatch(format!("{} dimensions for {} axes", target.len(), axes.len())));
    }
    let mut dims = shape.clone();
    for (index, axis) in axes.into_iter().enumerate() {
        let size = target.and_then(|target| target.get(index));
        if let Some(dim) = dims.get_mut(axis) {
            *dim = size.map_or(Dim::Unknown, |size| size.dim());
        }
    }
    Ok(vec![TensorType::new(data.element, dims).into()])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ints, op};
    use super::*;
    use crate::tensor::ElementType::{Float32, Int64};
    use Dim::{AtMost, Exact, Unknown};

    #[test]
    fn slice_follows_the_rules_of_numpy() {
        // (start, end, step) of 0, 1, … 9, and numpy's answer
        for (start, end, step, expected) in [
            (2, 5, 1, &[2, 3, 4][..]),
            (0, i64::MAX, 4, &[0, 4, 8]),
            (-3, i64::MAX, 1, &[7, 8, 9]),
            (1, -7, 1, &[1, 2]),
            (-100, 2, 1, &[0, 1]),
            (5, 2, 1, &[]),
            (-1, i64::MIN, -4, &[9, 5, 1]),
            (100, 6, -1, &[9, 8, 7]),
            (3, -100, -2, &[3, 1]),
        ] {
            let data: Vec<i64> = (0..10).collect();
            let case = op("Slice", 13).ints(&data).ints(&[start]).ints(&[end]).ints(&[0]).ints(&[step]);
            assert_eq!(case.shape(), expected.len().to_string(), "{start}:{end}:{step}");
            assert_eq!(case.elements(), ints(expected), "{start}:{end}:{step}");
        }
    }

    #[test]
    fn slice_takes_attributes_before_opset_10_and_all_axes_by_default() {
        assert_eq!(
            op("Slice", 1).f32(&[2, 4]).attr("starts", &[0, 1]).attr("ends", &[-1, 1000]).shape(),
            "1×3"
        );
        let one = op("Slice", 1).f32(&[2, 4]).attr("starts", &[1]).attr("ends", &[3]).attr("axes", &[-1]);
        assert_eq!(one.shape(), "2×2");
        assert_eq!(op("Slice", 10).f32(&[2, 4]).ints(&[0, 1]).ints(&[-1, 1000]).shape(), "1×3");
        assert!(op("Slice", 13).f32(&[4]).ints(&[0]).ints(&[1]).ints(&[1]).types().is_err());
        assert!(op("Slice", 13).f32(&[4]).ints(&[0]).ints(&[1]).ints(&[0]).ints(&[0]).types().is_err());
        assert!(op("Slice", 13).f32(&[4]).types().is_err());
    }

    #[test]
    fn slice_of_what_depends_on_data_is_bounded() {
        use Scalar::{Int, Unknown as Any};
        const END: Scalar = Int(i64::MAX);
        let bounded = Scalar::AtMost;
        for (dim, start, end, step, expected) in [
            (AtMost(9), Int(0), END, 1, "≤9"),
            (AtMost(9), Int(2), END, 1, "≤7"),
            (AtMost(9), Int(0), Int(4), 1, "≤4"),
            (AtMost(9), Int(1), Int(-1), 1, "≤7"),
            (AtMost(9), Int(-3), END, 1, "≤3"),
            (AtMost(9), Int(-5), Int(-3), 1, "≤2"),
            // Of 5 elements it keeps 2, 3 and 4; no other size has more.
            (AtMost(9), Int(-3), Int(5), 1, "≤3"),
            (AtMost(9), Int(0), END, 2, "≤5"),
            (AtMost(9), Int(-1), Int(i64::MIN), -1, "≤9"),
            (AtMost(9), Int(4), Int(i64::MIN), -1, "≤5"),
            (AtMost(9), Int(3), Int(3), 1, "0"),
            (Exact(9), Any, END, 1, "≤9"),
            (Exact(9), Int(0), Any, 1, "≤9"),
            (Exact(9), Int(4), Any, 1, "≤5"),
            (Exact(9), Int(2), bounded(6), 1, "≤4"),
            (Exact(9), bounded(6), END, 1, "≤9"),
            (Exact(9), bounded(3), Int(i64::MIN), -1, "≤4"),
            (Unknown, Int(0), END, 1, "?"),
            (Unknown, Int(1), Int(4), 1, "≤3"),
            (Unknown, Int(-2), END, 1, "≤2"),
        ] {
            let case = op("Slice", 13).dims(Float32, &[dim]).value(Int64, &[1], &[start]);
            let case = case.value(Int64, &[1], &[end]).ints(&[0]).ints(&[step]);
            assert_eq!(case.shape(), expected, "{dim} {start:?}:{end:?}:{step}");
        }
        let whole = op("Slice", 13).f32(&[3, 4]).input(Int64, &[1]).input(Int64, &[1]);
        assert_eq!(whole.shape(), "≤3×4");
        let anywhere = op("Slice", 13).f32(&[3, 4]).ints(&[0]).ints(&[1]).input(Int64, &[1]);
        assert_eq!(anywhere.shape(), "≤3×≤4");
    }

    #[test]
    fn the_bound_of_a_slice_holds_for_every_size_and_start() {
        let ends = || (-7..=7).chain([i64::MIN, i64::MAX]);
        for step in [-3, -2, -1, 1, 2, 3] {
            for (bound, start, end) in (0..6)
                .flat_map(|bound| ends().flat_map(move |start| ends().map(move |end| (bound, start, end))))
            {
                let most = |start, end| {
                    let span = Span { axis: 0, start, end, step: Scalar::Int(step) };
                    span.length(AtMost(bound)).bound().unwrap()
                };
                let (known_start, known_end) = (Scalar::Int(start), Scalar::Int(end));
                for size in 0..=bound {
                    let length = cut(size, start, end, step).1;
                    assert!(
                        length <= most(known_start, known_end),
                        "{size} of {bound}: {start}:{end}:{step}"
                    );
                    assert!(length <= most(Scalar::Unknown, known_end), "{size} of {bound}: ?:{end}:{step}");
                    assert!(
                        length <= most(known_start, Scalar::Unknown),
                        "{size} of {bound}: {start}:?:{step}"
                    );
                    if let Ok(end_bound) = u64::try_from(end) {
                        let bounded = Scalar::AtMost(end_bound.saturating_add(1));
                        assert!(length <= most(known_start, bounded), "{start}:≤{end}:{step}");
                    }
                    if let Ok(start_bound) = u64::try_from(start) {
                        let bounded = Scalar::AtMost(start_bound.saturating_add(1));
                        assert!(length <= most(bounded, known_end), "≤{start}:{end}:{step}");
                    }
                }
            }
        }
    }

    #[test]
    fn pad_takes_its_pads_from_where_its_version_has_them() {
        assert_eq!(op("Pad", 1).f32(&[3, 2]).attr("paddings", &[0, 2, 0, 0]).shape(), "3×4");
        assert_eq!(op("Pad", 2).f32(&[3, 2]).attr("pads", &[0, 2, 0, 1]).shape(), "3×5");
        assert_eq!(op("Pad", 11).f32(&[3, 2]).ints(&[1, 2, -1, 0]).shape(), "3×4");
        assert_eq!(op("Pad", 18).f32(&[3, 2, 5]).ints(&[1, 2]).none().ints(&[-1]).shape(), "3×2×8");
        assert_eq!(op("Pad", 11).dims(Float32, &[AtMost(4), Exact(2)]).ints(&[1, 0, 0, 0]).shape(), "≤5×2");
        assert_eq!(op("Pad", 11).f32(&[3, 2]).input(Int64, &[4]).shape(), "?×?");
        assert!(op("Pad", 11).f32(&[3, 2]).ints(&[1, 2]).types().is_err());
        assert!(op("Pad", 11).f32(&[3]).ints(&[-2, -2]).types().is_err());
    }

    #[test]
    fn pad_puts_a_constant_around_the_elements() {
        let data = || op("Pad", 13).ints(&[5, 6]).ints(&[1, 2]);
        assert_eq!(data().elements(), ints(&[0, 5, 6, 0, 0]));
        assert_eq!(data().int(9).elements(), ints(&[9, 5, 6, 9, 9]));
        assert_eq!(data().attr("mode", "edge").elements(), None);
        assert_eq!(op("Pad", 13).ints(&[5, 6, 7]).ints(&[-1, 1]).elements(), ints(&[6, 7, 0]));
    }

    #[test]
    fn center_crop_pad_sets_the_dimensions_of_its_axes() {
        assert_eq!(op("CenterCropPad", 18).f32(&[20, 10, 3]).ints(&[10, 7, 3]).shape(), "10×7×3");
        let one = op("CenterCropPad", 18).f32(&[20, 8, 3]).ints(&[10]).attr("axes", &[-2]);
        assert_eq!(one.shape(), "20×10×3");
    }
}
