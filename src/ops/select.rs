//! Operators whose output's size or place depends on data: NonZero, NonMaxSuppression, OneHot, Compress, Unique.

use std::cmp::Ordering;

use super::dims::{at_most, part_of, product, resolve_axis};
use super::form::{Form, Rows};
use super::small_tensor::{self, SmallTensor};
use super::{Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, Elements, Scalar, Shape, TensorType, Type, elements};

/// The most comparisons of boxes that are done to know which are selected: a few milliseconds.
const MAX_COMPARISONS: usize = 1 << 20;

/// NonZero. `X` of rank r to `Y [r, N]`, an index tuple a column.
///
/// N is known where every element of X is, and no more than the elements that may be other than zero.
///
/// Source: ONNX `NonZero`, opset 13.
pub fn non_zero(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let rank = input.shape.as_ref().map_or(Dim::Unknown, |shape| Dim::Exact(shape.len() as u64));
    let found = match node.elements(0) {
        Some(elements) => count_true(elements.iter().map(|element| truth(*element))),
        None => part_of(input.elements()),
    };
    Ok(vec![TensorType::new(ElementType::Int64, [rank, found]).into()])
}

/// The positions that [`non_zero`] finds.
pub fn non_zero_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(input), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let is_found = |position: &Vec<usize>| input.at(position).and_then(truth) == Some(true);
    let found: Vec<Vec<usize>> = small_tensor::positions(&input.sizes).filter(is_found).collect();
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let &[axis, column] = position else { return None };
        Some(Scalar::Int(i64::try_from(*found.get(column)?.get(axis)?).ok()?))
    })])
}

/// Whether an element is other than zero.
fn truth(element: Scalar) -> Option<bool> {
    match element {
        Scalar::Int(n) => Some(n != 0),
        Scalar::Float(x) => Some(x != 0.0),
        Scalar::Bool(b) => Some(b),
        Scalar::AtMost(0) => Some(false),
        Scalar::AtMost(_) | Scalar::Unknown => None,
    }
}

/// The number of true ones: exact where each is known, else no more than may be.
fn count_true(truths: impl Iterator<Item = Option<bool>>) -> Dim {
    truths.fold(Dim::Exact(0), |count, truth| match truth {
        Some(false) => count,
        Some(true) => count.plus(Dim::Exact(1)),
        None => count.plus(Dim::AtMost(1)),
    })
}

/// NonMaxSuppression. `boxes [B, N, 4]` and `scores [B, C, N]` to `selected_indices [≤ B·C·min(N, max_output), 3]`.
///
/// Source: ONNX `NonMaxSuppression`, opset 11: max_output_boxes_per_class defaults to 0, "which means no output".
/// Errors: [`OpError::Rank`].
pub fn non_max_suppression(node: &Node) -> Result<Vec<Type>, OpError> {
    let [batches, classes, _, most] = suppressed(node)?;
    let selected = match selected(node)? {
        Some(selected) => Dim::Exact(selected.len() as u64),
        None => part_of(batches.times(classes).times(most)),
    };
    Ok(vec![TensorType::new(ElementType::Int64, [selected, Dim::Exact(3)]).into()])
}

/// What [`non_max_suppression`] selects.
pub fn non_max_suppression_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(selected), Some(sizes)) = (selected(node)?, small_tensor::output_sizes(outputs, 0)) else {
        return Ok(vec![None]);
    };
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let &[row, column] = position else { return None };
        Some(Scalar::Int(i64::try_from(*selected.get(row)?.get(column)?).ok()?))
    })])
}

/// Batch, class and box of each box that is selected, where all boxes and scores are known: of each class the best
/// one first, those that overlap one selected before by more than the threshold left out.
///
/// Source: ONNX `NonMaxSuppression`, opset 11; where scores are equal, the box that stands first.
fn selected(node: &Node) -> Result<Option<Vec<[usize; 3]>>, OpError> {
    let [batches, classes, boxes, most] = suppressed(node)?.map(|dim| dim.exact().map(usize::try_from));
    let (Some(Ok(batches)), Some(Ok(classes)), Some(Ok(boxes)), Some(Ok(most))) =
        (batches, classes, boxes, most)
    else {
        return Ok(None);
    };
    let threshold = |input: usize| match node.elements(input) {
        Some([Scalar::Float(threshold)]) => Some(*threshold),
        Some(_) => None,
        None if node.has_input(input) => None,
        None => Some(if input == 3 { 0.0 } else { f64::NEG_INFINITY }),
    };
    let (Some(overlap), Some(least)) = (threshold(3), threshold(4)) else { return Ok(None) };
    let (Some(corners), Some(scores)) = (node.floats(0), node.floats(1)) else {
        return Ok(None);
    };
    // What has no order, or takes long to compare, stays a bound.
    let effort = most.checked_mul(scores.len()).filter(|effort| *effort <= MAX_COMPARISONS);
    if effort.is_none() || !corners.iter().chain(&scores).all(|x| x.is_finite()) {
        return Ok(None);
    }
    let centred = node.int_or("center_point_box", 0)? != 0;
    let (corners, _) = corners.as_chunks::<4>();
    let corners: Vec<Area> = corners.iter().map(|corners| Area::new(*corners, centred)).collect();
    let mut found = vec![];
    for (pair, scores) in scores.chunks(boxes.max(1)).enumerate().take(batches.saturating_mul(classes)) {
        let (batch, class) = (pair.checked_div(classes).unwrap_or(0), pair.checked_rem(classes).unwrap_or(0));
        let of_batch = corners.get(batch.saturating_mul(boxes)..).unwrap_or_default();
        let mut order: Vec<(&f64, usize)> =
            scores.iter().zip(0..).filter(|(score, _)| **score > least).collect();
        order.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut kept: Vec<&Area> = vec![];
        for (_, place) in order {
            let Some(area) = of_batch.get(place) else { return Ok(None) };
            if kept.len() < most && kept.iter().all(|kept| kept.overlap(area) <= overlap) {
                kept.push(area);
                found.push([batch, class, place]);
            }
        }
    }
    Ok(Some(found))
}

/// A box: its sides, the smaller first.
struct Area {
    sides: [(f64, f64); 2],
}

impl Area {
    /// From two corners on a diagonal, `[y1, x1, y2, x2]`, or from `[x, y, width, height]` around its centre.
    fn new([a, b, c, d]: [f64; 4], centred: bool) -> Self {
        let side = |a: f64, b: f64| (a.min(b), a.max(b));
        let around = |middle: f64, size: f64| side(middle - size / 2.0, middle + size / 2.0);
        Self { sides: if centred { [around(a, c), around(b, d)] } else { [side(a, c), side(b, d)] } }
    }

    /// What is common to both, as a part of what they cover together; 0 where either is empty.
    fn overlap(&self, other: &Self) -> f64 {
        let size =
            |sides: [(f64, f64); 2]| sides.iter().map(|(low, high)| (high - low).max(0.0)).product::<f64>();
        let [(a, b), (c, d)] = self.sides;
        let [(e, f), (g, h)] = other.sides;
        let common = size([(a.max(e), b.min(f)), (c.max(g), d.min(h))]);
        if common > 0.0 { common / (size(self.sides) + size(other.sides) - common) } else { 0.0 }
    }
}

/// At most 16 operations for each box against each selected one of its class: the areas, the overlap, their
/// ratio and the comparison.
///
/// Source: our own formula; ONNX leaves the algorithm open.
pub fn non_max_suppression_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = suppressed(node)?.map(|dim| dim.bound().ok_or(OpError::UnknownSize("the boxes")));
    let [batches, classes, boxes, selected] = sizes;
    Ok(Counts::alu(product(&[16, batches?, classes?, boxes?, selected?])?).at_most())
}

/// Batches, classes, boxes of an image, and boxes selected of a class.
fn suppressed(node: &Node) -> Result<[Dim; 4], OpError> {
    let dims = |input: usize| match &node.tensor(input)?.shape {
        Some(shape) => <[Dim; 3]>::try_from(shape.as_slice()).map_err(|_| OpError::Rank {
            input,
            expected: "3",
            found: shape.len(),
        }),
        None => Ok([Dim::Unknown; 3]),
    };
    let ([_, boxes, _], [batches, classes, _]) = (dims(0)?, dims(1)?);
    let selected = if node.has_input(2) {
        match node.scalar(2) {
            Scalar::Int(n) => at_most(boxes, u64::try_from(n).unwrap_or(0)),
            Scalar::AtMost(n) => part_of(at_most(boxes, n)),
            _ => boxes,
        }
    } else {
        Dim::Exact(0)
    };
    Ok([batches, classes, boxes, selected])
}

/// OneHot. `indices [I…]` to `[I…]` with `depth` inserted at `axis`, of the type of `values`.
///
/// Source: ONNX `OneHot`, opset 28. Errors: [`OpError::Axis`], [`OpError::Value`].
pub fn one_hot(node: &Node) -> Result<Vec<Type>, OpError> {
    let (indices, element) = (node.tensor(0)?, node.element(2)?);
    node.tensor(1)?;
    let depth = match node.scalar(1) {
        Scalar::Int(n) if n < 0 => {
            return Err(OpError::Value { input: 1, problem: format!("depth {n} is negative") });
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ONNX casts it to int64")]
        Scalar::Float(x) if x >= 0.0 => Dim::Exact(x as u64),
        depth => depth.dim(),
    };
    let Some(dims) = &indices.shape else { return Ok(vec![TensorType::unranked(element).into()]) };
    let axis = one_hot_axis(node, dims.len())?;
    let shape: Shape =
        dims.iter().take(axis).chain([&depth]).chain(dims.iter().skip(axis)).copied().collect();
    Ok(vec![TensorType::new(element, shape).into()])
}

fn one_hot_axis(node: &Node, rank: usize) -> Result<usize, OpError> {
    resolve_axis(node.int_or("axis", -1)?, rank.saturating_add(1))
}

/// The elements of a small [`one_hot`]. Negative indices count from the end since opset 11.
pub fn one_hot_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(indices), Some(sizes)) = (SmallTensor::known(node, 0), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let Some(&[off, on]) = node.elements(2) else { return Ok(vec![None]) };
    let axis = one_hot_axis(node, indices.sizes.len())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let place: Vec<usize> =
            position.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, index)| *index).collect();
        let Scalar::Int(index) = indices.at(&place)? else { return Some(Scalar::Unknown) };
        let from_end = index < 0 && node.version < 11;
        let hot = if from_end { None } else { small_tensor::index_in(index, *sizes.get(axis)?) };
        Some(if hot == Some(*position.get(axis)?) { on } else { off })
    })])
}

/// Compress. The slices along `axis`, or the elements without one, where `condition` is true.
///
/// Source: ONNX `Compress`, opset 28. Errors: [`OpError::Axis`].
pub fn compress(node: &Node) -> Result<Vec<Type>, OpError> {
    let (input, condition) = (node.tensor(0)?, node.tensor(1)?);
    let kept = |dim: Dim| match node.elements(1) {
        Some(condition) => {
            let length = dim.bound().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
            let count = count_true(condition.iter().take(length).map(|element| truth(*element)));
            if dim.exact().is_some() { count } else { part_of(count) }
        }
        None => part_of(condition.elements().bound().map_or(dim, |length| at_most(dim, length))),
    };
    let Some(axis) = node.int("axis")? else {
        return Ok(vec![TensorType::new(input.element, [kept(input.elements())]).into()]);
    };
    let Some(mut shape) = input.shape.clone() else { return Ok(vec![input.clone().into()]) };
    let axis = resolve_axis(axis, shape.len())?;
    if let Some(dim) = shape.get_mut(axis) {
        *dim = kept(*dim);
    }
    Ok(vec![TensorType::new(input.element, shape).into()])
}

/// The elements that [`compress`] keeps.
pub fn compress_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(data), Some(condition), Some(sizes)) =
        (SmallTensor::known(node, 0), node.elements(1), small_tensor::output_sizes(outputs, 0))
    else {
        return Ok(vec![None]);
    };
    let kept: Vec<usize> = (0..)
        .zip(condition)
        .filter(|(_, element)| truth(**element) == Some(true))
        .map(|(at, _)| at)
        .collect();
    let Some(axis) = node.int("axis")? else {
        let elements = node.elements(0).unwrap_or_default();
        return Ok(vec![small_tensor::fill(&sizes, |position| {
            elements.get(*kept.get(*position.first()?)?).copied()
        })]);
    };
    let axis = resolve_axis(axis, sizes.len())?;
    Ok(vec![small_tensor::fill(&sizes, |position| {
        data.at(&small_tensor::with(position, axis, *kept.get(*position.get(axis)?)?))
    })])
}

/// Unique. `X` to its unique elements, or its unique slices along `axis`, with their first places, the place of
/// each element of X among them, and how often each occurs.
///
/// Source: ONNX `Unique`, opset 28. Errors: [`OpError::Axis`].
pub fn unique(node: &Node) -> Result<[Type; 4], OpError> {
    let input = node.tensor(0)?;
    let all = unique_of(node)?;
    let found = match groups(node)? {
        Some(groups) => Dim::Exact(groups.len() as u64),
        None if all == Dim::Exact(1) => all,
        None => part_of(all),
    };
    let values = match (node.int("axis")?, &input.shape) {
        (None, _) => TensorType::new(input.element, [found]),
        (Some(_), None) => input.clone(),
        (Some(axis), Some(shape)) => {
            let axis = resolve_axis(axis, shape.len())?;
            let dims = shape.iter().enumerate().map(|(at, dim)| if at == axis { found } else { *dim });
            TensorType::new(input.element, dims.collect::<Shape>())
        }
    };
    let indices = |length: Dim| Type::from(TensorType::new(ElementType::Int64, [length]));
    Ok([values.into(), indices(found), indices(all), indices(found)])
}

/// The outputs of [`unique`], where every element of its input is known.
pub fn unique_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let (Some(groups), Some(input)) = (groups(node)?, SmallTensor::known(node, 0)) else {
        return Ok(vec![None; 4]);
    };
    let sizes = small_tensor::output_sizes(outputs, 0);
    let axis = node.int("axis")?.map(|axis| resolve_axis(axis, input.sizes.len())).transpose()?;
    let first = |group: usize| groups.get(group)?.first().copied();
    let values = sizes.and_then(|sizes| match axis {
        Some(axis) => small_tensor::fill(&sizes, |position| {
            input.at(&small_tensor::with(position, axis, first(*position.get(axis)?)?))
        }),
        None => {
            small_tensor::fill(&sizes, |position| node.elements(0)?.get(first(*position.first()?)?).copied())
        }
    });
    let mut group_of = vec![0; groups.iter().map(Vec::len).sum()];
    for (group, members) in groups.iter().enumerate() {
        for member in members {
            if let Some(place) = group_of.get_mut(*member) {
                *place = group;
            }
        }
    }
    let ints = |numbers: &mut dyn Iterator<Item = usize>| -> Option<Elements> {
        numbers.map(|n| i64::try_from(n).ok().map(Scalar::Int)).collect()
    };
    Ok(vec![
        values,
        ints(&mut groups.iter().filter_map(|members| members.first().copied())),
        ints(&mut group_of.into_iter()),
        ints(&mut groups.iter().map(Vec::len)),
    ])
}

/// The places of equal elements or slices, in the order of the output; `None` where an element is not known.
fn groups(node: &Node) -> Result<Option<Vec<Vec<usize>>>, OpError> {
    let Some(input) = SmallTensor::known(node, 0) else { return Ok(None) };
    let is_known = |element: &Scalar| match element {
        Scalar::Int(_) | Scalar::Bool(_) => true,
        Scalar::Float(x) => !x.is_nan(),
        Scalar::AtMost(_) | Scalar::Unknown => false,
    };
    let elements = node.elements(0).unwrap_or_default();
    if !elements.iter().all(is_known) {
        return Ok(None);
    }
    let slices: Vec<Vec<Scalar>> = match node.int("axis")? {
        None => elements.iter().map(|element| vec![*element]).collect(),
        Some(axis) => {
            let axis = resolve_axis(axis, input.sizes.len())?;
            let length = input.sizes.get(axis).copied().unwrap_or(0);
            let mut slices = vec![vec![]; length];
            for (position, element) in small_tensor::positions(&input.sizes).zip(elements) {
                if let Some(slice) = position.get(axis).and_then(|place| slices.get_mut(*place)) {
                    slice.push(*element);
                }
            }
            slices
        }
    };
    let mut order: Vec<(&Vec<Scalar>, usize)> = slices.iter().zip(0..).collect();
    order.sort_by(|(a, _), (b, _)| in_order(a, b));
    let same = |(a, _): &(&Vec<Scalar>, usize), (b, _): &(&Vec<Scalar>, usize)| in_order(a, b).is_eq();
    let mut groups: Vec<Vec<usize>> =
        order.chunk_by(same).map(|group| group.iter().map(|(_, place)| *place).collect()).collect();
    if node.int_or("sorted", 1)? == 0 {
        groups.sort_by_key(|members| members.first().copied());
    }
    Ok(Some(groups))
}

/// The order of two slices, element by element.
fn in_order(a: &[Scalar], b: &[Scalar]) -> Ordering {
    let each = |(a, b): (&Scalar, &Scalar)| match (a, b) {
        (Scalar::Int(a), Scalar::Int(b)) => a.cmp(b),
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        (Scalar::Float(a), Scalar::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    };
    a.iter().zip(b).map(each).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The number of elements or slices that are compared.
fn unique_of(node: &Node) -> Result<Dim, OpError> {
    let Some(shape) = &node.tensor(0)?.shape else { return Ok(Dim::Unknown) };
    Ok(match node.int("axis")? {
        Some(axis) => shape.get(resolve_axis(axis, shape.len())?).copied().unwrap_or(Dim::Unknown),
        None => elements(shape),
    })
}

/// A sort: each element is compared ⌈log₂ n⌉ times, n being the elements or slices to tell apart.
///
/// Source: our own formula; ONNX leaves the algorithm open.
pub fn unique_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let several = unique_of(node)?.bound().ok_or(OpError::UnknownSize("an input"))?;
    let depth = several.checked_next_power_of_two().map_or(u64::BITS, u64::trailing_zeros);
    Ok(Counts::int(product(&[node.count(0)?, depth.into()])?).by_formula())
}

/// Unique: all elements are put in order.
pub fn unique_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Sort(Rows::of(node.count(0)?, 1)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ints, op};
    use super::super::work::Confidence;
    use super::*;
    use Dim::{AtMost, Exact};
    use ElementType::{Bool, Float32, Int64};

    #[test]
    fn non_zero_is_exact_where_its_input_is_known() {
        assert_eq!(op("NonZero", 13).f32(&[3, 4]).shape(), "2×≤12");
        assert_eq!(op("NonZero", 13).input(Bool, &[]).shape(), "0×≤1");
        let matrix = [1, 0, 1, 1].map(Scalar::Int);
        let known = op("NonZero", 13).value(Int64, &[2, 2], &matrix);
        assert_eq!(known.shape(), "2×3");
        assert_eq!(known.elements(), ints(&[0, 1, 1, 0, 0, 1]));
        let partly = [Scalar::Int(0), Scalar::Unknown, Scalar::Int(3)];
        assert_eq!(op("NonZero", 13).value(Int64, &[3], &partly).shape(), "1×≤2");
        assert_eq!(op("NonZero", 9).f32(&[3, 4]).counts(), Counts::int(12));
    }

    #[test]
    fn non_max_suppression_selects_no_more_than_allowed_of_each_class() {
        let boxes = |n| op("NonMaxSuppression", 11).f32(&[2, n, 4]).f32(&[2, 5, n]);
        assert_eq!(boxes(100).ints(&[20]).shape(), "≤200×3");
        assert_eq!(boxes(10).int(20).shape(), "≤100×3");
        assert_eq!(boxes(10).input(Int64, &[]).shape(), "≤100×3");
        // Left out it is 0, "which means no output".
        assert_eq!(boxes(10).shape(), "0×3");
        let unknown = op("NonMaxSuppression", 10).dims(Float32, &[Exact(1), Dim::Unknown, Exact(4)]);
        assert_eq!(
            unknown.dims(Float32, &[Exact(1), Exact(80), Dim::Unknown]).ints(&[200]).shape(),
            "≤16000×3"
        );
        let counts = boxes(100).ints(&[20]).counts();
        assert_eq!((counts.alu, counts.confidence), (16 * 2 * 5 * 100 * 20, Confidence::Bound));
    }

    #[test]
    fn one_hot_inserts_its_depth() {
        let hot = |axis| op("OneHot", 11).input(Int64, &[2, 3]).int(5).floats(&[0.0, 1.0]).attr("axis", axis);
        assert_eq!(hot(-1).shape(), "2×3×5");
        assert_eq!(hot(0).shape(), "5×2×3");
        assert_eq!(op("OneHot", 9).input(Int64, &[2]).floats(&[4.0]).floats(&[0.0, 1.0]).shape(), "2×4");
        let known = |version| op("OneHot", version).ints(&[1, -1, 7]).int(2).ints(&[0, 9]);
        assert_eq!(known(11).elements(), ints(&[0, 9, 0, 9, 0, 0]));
        assert_eq!(known(9).elements(), ints(&[0, 9, 0, 0, 0, 0]));
        assert!(hot(3).types().is_err());
    }

    #[test]
    fn compress_keeps_what_its_condition_selects() {
        let condition = [false, true, true].map(Scalar::Bool);
        let matrix = [1, 2, 3, 4, 5, 6].map(Scalar::Int);
        let data = || op("Compress", 11).value(Int64, &[3, 2], &matrix);
        let rows = data().value(Bool, &[3], &condition).attr("axis", 0);
        assert_eq!((rows.shape(), rows.elements()), ("2×2".into(), ints(&[3, 4, 5, 6])));
        let columns = data().value(Bool, &[2], &condition[..2]).attr("axis", -1);
        assert_eq!((columns.shape(), columns.elements()), ("3×1".into(), ints(&[2, 4, 6])));
        let flat = data().value(Bool, &[3], &condition);
        assert_eq!((flat.shape(), flat.elements()), ("2".into(), ints(&[2, 3])));
        assert_eq!(data().input(Bool, &[2]).attr("axis", 0).shape(), "≤2×2");
        let longer = data().value(Bool, &[8], &[Scalar::Bool(true); 8]);
        assert_eq!((longer.shape(), longer.elements()), ("6".into(), ints(&[1, 2, 3, 4, 5, 6])));
        assert_eq!(op("Compress", 9).dims(Float32, &[AtMost(7)]).input(Bool, &[9]).shape(), "≤7");
    }

    #[test]
    fn unique_finds_no_more_than_there_is() {
        assert_eq!(op("Unique", 11).f32(&[2, 3]).shapes(), ["≤6", "≤6", "6", "≤6"]);
        assert_eq!(op("Unique", 11).f32(&[2, 4, 2]).attr("axis", 1).shapes(), ["2×≤4×2", "≤4", "4", "≤4"]);
        // 8 elements: 3 comparisons each.
        assert_eq!(op("Unique", 11).f32(&[2, 4]).counts().int, 24);
        assert_eq!(op("Unique", 11).f32(&[1]).counts().int, 0);
    }

    /// The example of ONNX `NonMaxSuppression`, `nonmaxsuppression_suppress_by_IOU`: two boxes that hardly differ from
    /// the better one of three pairs go.
    #[test]
    fn known_boxes_are_selected_one_by_one() {
        let boxes = [
            [0.0, 0.0, 1.0, 1.0],
            [0.0, 0.1, 1.0, 1.1],
            [0.0, -0.1, 1.0, 0.9],
            [0.0, 10.0, 1.0, 11.0],
            [0.0, 10.1, 1.0, 11.1],
            [0.0, 100.0, 1.0, 101.0],
        ];
        let floats = |numbers: &[f64]| numbers.iter().map(|x| Scalar::Float(*x)).collect::<Vec<_>>();
        let (boxes, scores) = (floats(boxes.as_flattened()), floats(&[0.9, 0.75, 0.6, 0.95, 0.5, 0.3]));
        let case = |most: i64| {
            op("NonMaxSuppression", 11)
                .value(Float32, &[1, 6, 4], &boxes)
                .value(Float32, &[1, 1, 6], &scores)
                .ints(&[most])
                .floats(&[0.5])
                .floats(&[0.0])
        };
        assert_eq!((case(3).shape(), case(3).elements()), ("3×3".into(), ints(&[0, 0, 3, 0, 0, 0, 0, 0, 5])));
        assert_eq!(case(2).elements(), ints(&[0, 0, 3, 0, 0, 0]));
    }

    /// The examples of ONNX `Unique`: `unique_sorted_with_axis`, `unique_not_sorted_without_axis`.
    #[test]
    fn known_elements_are_told_apart() {
        let rows = [1, 0, 0, 1, 0, 0, 2, 3, 4].map(Scalar::Int);
        let by_row = op("Unique", 11).value(Int64, &[3, 3], &rows).attr("axis", 0);
        assert_eq!(by_row.shapes(), ["2×3", "2", "3", "2"]);
        assert_eq!(by_row.elements(), ints(&[1, 0, 0, 2, 3, 4]));
        let numbers = [2, 1, 1, 3, 4, 3].map(Scalar::Int);
        let as_found = op("Unique", 11).value(Int64, &[6], &numbers).attr("sorted", 0);
        assert_eq!((as_found.shape(), as_found.elements()), ("4".into(), ints(&[2, 1, 3, 4])));
        assert_eq!(op("Unique", 11).value(Int64, &[6], &numbers).elements(), ints(&[1, 2, 3, 4]));
        let unknown = [Scalar::Int(1), Scalar::Unknown];
        assert_eq!(op("Unique", 11).value(Int64, &[2], &unknown).shape(), "≤2");
    }
}
