//! Normalisation, softmax and losses.
//!
//! The counts are conventions: the pages leave open how a mean and a variance are computed. Ours take two
//! passes over the data, and for each group of elements that shares them, their divisions and a square root.

use super::dims::{self, agree, count, divided, product, resolve_axis, resolve_place};
use super::form::{self, Form, Rows};
use super::{Counts, Node, OpError, broadcast};
use crate::tensor::{Dim, ElementType, Shape, TensorType, Type};

/// `BatchNormalization`: the input's type, and in training the new statistics.
///
/// `X [N, C, D…]`, the others `[C]` (before opset 9 with `spatial` 0 `[C, D…]`); an `X [N]` has one channel.
pub fn batch_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    if let Some(shape) = &x.shape
        && (node.version >= 9 || node.int_or("spatial", 1)? != 0)
    {
        let channels = shape.get(1).copied().unwrap_or(Dim::Exact(1));
        (1..5).try_for_each(|position| vector_of(node, position, channels))?;
    }
    let (mean, variance) = (node.ty(3)?.clone(), node.ty(4)?.clone());
    Ok(vec![x.clone().into(), mean.clone(), variance.clone(), mean, variance])
}

/// An input must be a vector with an element for each channel.
fn vector_of(node: &Node, input: usize, channels: Dim) -> Result<(), OpError> {
    match node.tensor(input)?.shape.as_deref() {
        None => Ok(()),
        Some([length]) if length.agrees_with(channels) => Ok(()),
        Some([length]) => {
            Err(OpError::Mismatch(format!("input {input} has {length} elements for {channels} channels")))
        }
        Some(shape) => Err(OpError::Rank { input, expected: "1", found: shape.len() }),
    }
}

/// `InstanceNormalization`: `input [N, C, D…]`, scale and bias `[C]`.
pub fn instance_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    if let Some(shape) = &x.shape {
        let channels = channels(shape)?;
        (1..3).try_for_each(|position| vector_of(node, position, channels))?;
    }
    Ok(vec![x.clone().into()])
}

fn channels(shape: &[Dim]) -> Result<Dim, OpError> {
    shape.get(1).copied().ok_or(OpError::Rank { input: 0, expected: "at least 2", found: shape.len() })
}

/// `GroupNormalization`: `X [N, C, D…]`, scale and bias `[C]`, before opset 21 `[num_groups]`.
pub fn group_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    let groups = node.positive("num_groups")?;
    if let Some(shape) = &x.shape {
        let channels = channels(shape)?;
        divided(channels, groups, "the number of channels")?;
        let scaled = if node.version < 21 { Dim::Exact(groups) } else { channels };
        (1..3).try_for_each(|position| vector_of(node, position, scaled))?;
    }
    Ok(vec![x.clone().into()])
}

/// `LayerNormalization`: the input's type, and mean and inverse deviation with 1 from the axis on.
pub fn layer_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    let stash = node.element_type("stash_type")?.unwrap_or(ElementType::Float32);
    let statistics = match &x.shape {
        Some(shape) => {
            let axis = last_axis(node, shape.len())?;
            broadcast::onto_first(node)?;
            let groups = shape.iter().take(axis).copied();
            Some(groups.chain(shape.iter().skip(axis).map(|_| Dim::Exact(1))).collect::<Shape>())
        }
        None => None,
    };
    let statistics: Type = TensorType { element: stash, shape: statistics }.into();
    Ok(vec![x.clone().into(), statistics.clone(), statistics])
}

fn last_axis(node: &Node, rank: usize) -> Result<usize, OpError> {
    resolve_axis(node.int_or("axis", -1)?, rank)
}

/// `RMSNormalization`: the input's shape with the scale's element type.
pub fn rms_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    if let Some(shape) = &x.shape {
        last_axis(node, shape.len())?;
        broadcast::onto_first(node)?;
    }
    Ok(vec![TensorType { element: node.element(1)?, shape: x.shape.clone() }.into()])
}

/// `LpNormalization`: the input's type; `p` is 1 or 2.
pub fn lp_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    if let Some(shape) = &x.shape {
        last_axis(node, shape.len())?;
    }
    match node.int_or("p", 2)? {
        1 | 2 => Ok(vec![x.clone().into()]),
        p => Err(OpError::Attribute { name: "p", problem: format!("is {p}, expected 1 or 2") }),
    }
}

/// `LRN`: the input's type.
pub fn local_response_type(node: &Node) -> Result<Vec<Type>, OpError> {
    node.positive("size")?;
    Ok(vec![node.tensor(0)?.clone().into()])
}

/// `MeanVarianceNormalization`: the input's type; the axes must be its own.
pub fn mean_variance_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    if let Some(shape) = &x.shape {
        kept_by_mean_variance(node, shape)?;
    }
    Ok(vec![x.clone().into()])
}

/// The dimensions that are not in `axes`.
fn kept_by_mean_variance(node: &Node, shape: &[Dim]) -> Result<Shape, OpError> {
    let mut kept: Vec<Option<Dim>> = shape.iter().copied().map(Some).collect();
    for axis in node.int_list("axes")?.unwrap_or(&[0, 2, 3]) {
        if let Some(dim) = kept.get_mut(resolve_axis(*axis, shape.len())?) {
            *dim = None;
        }
    }
    Ok(kept.into_iter().flatten().collect())
}

/// `Softmax`, `LogSoftmax`, `Hardmax`: the input's type.
pub fn softmax_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let x = node.tensor(0)?;
    if let Some(shape) = &x.shape {
        softmax_groups(node, shape)?;
    }
    Ok(vec![x.clone().into()])
}

/// The dimensions that count the groups which sum to 1: all but the axis; before opset 13 those before the
/// axis, as the rest was taken together.
fn softmax_groups(node: &Node, shape: &[Dim]) -> Result<Shape, OpError> {
    if node.version >= 13 {
        let mut groups = shape.to_vec();
        groups.remove(last_axis(node, shape.len())?);
        return Ok(groups);
    }
    // At the end of the shape, every element is a group of its own.
    let start = resolve_place(node.int_or("axis", 1)?, shape.len())?;
    Ok(shape.iter().take(start).copied().collect())
}

/// `NegativeLogLikelihoodLoss`: a scalar, or with `reduction` "none" a loss for each target.
pub fn likelihood_loss_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let (scores, target) = (node.tensor(0)?, node.tensor(1)?);
    if let (Some(scores), Some(target)) = (&scores.shape, &target.shape) {
        let mut expected = scores.clone();
        if channels(scores).is_ok() {
            expected.remove(1);
        }
        if !agree(&expected, target) {
            return Err(OpError::Mismatch(
                "the target has not the shape of the scores without classes".into(),
            ));
        }
    }
    let shape = match node.str_or("reduction", "mean")? {
        "none" => target.shape.clone(),
        "mean" | "sum" => Some(vec![]),
        other => {
            return Err(OpError::Attribute {
                name: "reduction",
                problem: format!("is \"{other}\", expected \"none\", \"sum\" or \"mean\""),
            });
        }
    };
    Ok(vec![TensorType { element: scores.element, shape }.into()])
}

/// `SoftmaxCrossEntropyLoss`: the loss and the logarithms of the probabilities.
pub fn cross_entropy_loss_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut types = likelihood_loss_type(node)?;
    types.push(node.tensor(0)?.clone().into());
    Ok(types)
}

/// `BatchNormalization`: a product and a sum an element, as scale and offset fold into one pair a channel;
/// in training as a normalisation, with two divisions a channel.
pub fn batch(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    let training = if node.version < 14 {
        // The mode is told by the outputs: statistics are only made in training.
        (1..5).any(|output| node.has_output(output))
    } else {
        node.int_or("training_mode", 0)? != 0
    };
    if !training {
        return Counts::alu(2).times(elements);
    }
    let channels = node.count(3)?;
    Ok(Counts::alu(5).times(elements)?.plus(Counts::div(2).times(channels)?)?.by_formula())
}

/// Mean, difference, square, variance and product for each element; mean, variance and root for each group.
pub fn standardize(elements: u64, groups: u64) -> Result<Counts, OpError> {
    Ok(Counts::alu(5).times(elements)?.plus(Counts::div(3).times(groups)?)?.by_formula())
}

/// Square, sum, product and scale for each element; mean and root for each group.
pub fn scaled_rms(elements: u64, groups: u64) -> Result<Counts, OpError> {
    Ok(Counts::alu(4).times(elements)?.plus(Counts::div(2).times(groups)?)?.by_formula())
}

/// A product and a sum an element, for as many of scale and bias as are there.
fn affine(node: &Node, elements: u64) -> Result<Counts, OpError> {
    Counts::alu(node.given(&[1, 2])).times(elements)
}

/// `InstanceNormalization`: a group for each instance and channel.
pub fn instance(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    let groups: Shape = node.shape(0)?.iter().take(2).copied().collect();
    standardize(elements, count(&groups, "the channels")?)?.plus(affine(node, elements)?)
}

/// `GroupNormalization`: `num_groups` groups for each instance.
pub fn group(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    let batch: Shape = node.shape(0)?.iter().take(1).copied().collect();
    let groups = product(&[count(&batch, "the batch")?, node.positive("num_groups")?])?;
    standardize(elements, groups)?.plus(affine(node, elements)?)
}

/// `LayerNormalization`: a group for each position before the axis.
pub fn layer(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let elements = node.count(0)?;
    standardize(elements, groups_before_axis(node)?)?.plus(affine(node, elements)?)
}

fn groups_before_axis(node: &Node) -> Result<u64, OpError> {
    let shape = node.shape(0)?;
    let groups: Shape = shape.iter().take(last_axis(node, shape.len())?).copied().collect();
    count(&groups, "the groups")
}

/// `RMSNormalization`: a group for each position before the axis.
pub fn rms(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    scaled_rms(node.count(0)?, groups_before_axis(node)?)
}

/// `MeanVarianceNormalization`: a group for each position of the axes that are kept.
pub fn mean_variance(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let kept = kept_by_mean_variance(node, node.shape(0)?)?;
    standardize(node.count(0)?, count(&kept, "the groups")?)
}

/// `LpNormalization`: two operations for the norm and a division for each element, for p = 2 a root for each
/// group.
pub fn lp(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let each = Counts { alu: 2, div: 1, ..Counts::ZERO }.times(node.count(0)?)?;
    if node.int_or("p", 2)? == 1 {
        return Ok(each);
    }
    let shape = node.shape(0)?;
    let mut groups = shape.to_vec();
    groups.remove(last_axis(node, shape.len())?);
    each.plus(Counts::div(count(&groups, "the groups")?))
}

/// Each row along `axis`, before opset 13 from `axis` on.
pub fn softmax_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let rows = if node.version >= 13 {
        let axis = last_axis(node, shape.len())?;
        Rows::new(shape, |at| at == axis)?
    } else {
        let start = resolve_place(node.int_or("axis", 1)?, shape.len())?;
        Rows::new(shape, |at| at >= start)?
    };
    Ok(Form::Softmax(rows))
}

/// Each row of classes, along axis 1.
pub fn cross_entropy_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Softmax(Rows::new(node.shape(0)?, |at| at == 1)?))
}

/// LayerNormalization, RMSNormalization: each row from `axis` on.
pub fn layer_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let axis = last_axis(node, shape.len())?;
    Ok(Form::Normalize(Rows::new(shape, |at| at >= axis)?))
}

/// InstanceNormalization: each channel of each instance.
pub fn instance_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Normalize(Rows::new(node.shape(0)?, |at| at >= 2)?))
}

/// GroupNormalization: each group of channels of each instance.
pub fn group_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let batch = count(node.shape(0)?.get(..1).unwrap_or(&[]), "the batch")?;
    Ok(Form::Normalize(Rows::of(node.count(0)?, product(&[batch, node.positive("num_groups")?])?)))
}

/// BatchNormalization: elementwise, but in training each channel is normalised.
pub fn batch_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    if counts.div == 0 {
        return form::elementwise(node, outputs, counts);
    }
    Ok(Form::Normalize(Rows::new(node.shape(0)?, |at| at != 1)?))
}

/// MeanVarianceNormalization: each position of the axes that are kept.
pub fn mean_variance_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let axes = node.int_list("axes")?.unwrap_or(&[0, 2, 3]);
    let axes: Vec<usize> =
        axes.iter().map(|axis| resolve_axis(*axis, shape.len())).collect::<Result<_, _>>()?;
    Ok(Form::Normalize(Rows::new(shape, |at| axes.contains(&at))?))
}

/// LpNormalization: each row along `axis`.
pub fn lp_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = node.shape(0)?;
    let axis = last_axis(node, shape.len())?;
    Ok(Form::Normalize(Rows::new(shape, |at| at == axis)?))
}

/// LRN: a window over the channels.
pub fn local_response_form(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let (outputs, window) = (dims::output_count(outputs, 0)?, node.positive("size")?);
    Ok(Form::Pool { outputs, window, global: false })
}

/// `LRN`: squares and sums over `size` channels, a product, a power and a division for each element.
pub fn local_response(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let size = node.positive("size")?;
    let alu = size.checked_mul(2).and_then(|n| n.checked_add(1)).ok_or(OpError::Overflow)?;
    let each = Counts { alu, trans: 1, div: 1, ..Counts::ZERO };
    Ok(each.times(dims::output_count(outputs, 0)?)?.by_formula())
}

/// Maximum, difference, exponential, sum and quotient for each element of a `Softmax`.
pub const SOFTMAX: Counts = Counts { alu: 3, trans: 1, div: 1, ..Counts::ZERO }.by_formula();

/// `LogSoftmax`: maximum, exponential, sum and two differences an element, a logarithm a group.
pub fn log_softmax(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let groups = softmax_groups(node, node.shape(0)?)?;
    log_softmax_work(node.count(0)?, count(&groups, "the groups")?)
}

fn log_softmax_work(elements: u64, groups: u64) -> Result<Counts, OpError> {
    let each = Counts { alu: 4, trans: 1, ..Counts::ZERO };
    Ok(each.times(elements)?.plus(Counts::trans(groups))?.by_formula())
}

/// `NegativeLogLikelihoodLoss`: a weight and a sum for each target, and the division of a mean.
pub fn likelihood_loss(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let mean = u64::from(node.str_or("reduction", "mean")? == "mean");
    let each = Counts::alu(2).times(node.count(1)?)?;
    Ok(each.plus(Counts::div(mean))?.by_formula())
}

/// `SoftmaxCrossEntropyLoss`: a `LogSoftmax` over the classes, then the loss.
pub fn cross_entropy_loss(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    log_softmax_work(node.count(0)?, node.count(1)?)?.plus(likelihood_loss(node, outputs)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Case, op};
    use ElementType::{Float16, Float32, Int64};

    fn work(case: &Case) -> (u64, u64, u64) {
        let counts = case.counts();
        (counts.alu, counts.div, counts.trans)
    }

    fn batch_norm(version: i64) -> Case {
        op("BatchNormalization", version).f32(&[2, 3, 4, 4]).f32(&[3]).f32(&[3]).f32(&[3]).f32(&[3])
    }

    #[test]
    fn batch_normalisation_is_a_product_and_a_sum_at_inference() {
        for version in [1, 6, 7, 9, 14, 15] {
            assert_eq!(batch_norm(version).counts(), Counts::alu(2 * 96));
            assert_eq!(batch_norm(version).shape(), "2×3×4×4");
        }
    }

    #[test]
    fn batch_normalisation_trains_by_attribute_or_by_its_outputs() {
        let expected = (5 * 96, 2 * 3, 0);
        let by_attribute = batch_norm(15).attr("training_mode", 1).outputs(3);
        assert_eq!(work(&by_attribute), expected);
        assert_eq!(by_attribute.shapes()[..3], ["2×3×4×4", "3", "3"]);
        assert_eq!(work(&batch_norm(9).outputs(5)), expected);
    }

    #[test]
    fn statistics_must_fit_the_channels() {
        let case = op("BatchNormalization", 15).f32(&[2, 3, 4]).f32(&[3]).f32(&[3]).f32(&[4]).f32(&[3]);
        assert_eq!(case.types().unwrap_err().to_string(), "input 3 has 4 elements for 3 channels");
        let case = op("InstanceNormalization", 6).f32(&[2, 3, 4]).f32(&[3, 1]).f32(&[3]);
        assert_eq!(case.types().unwrap_err(), OpError::Rank { input: 1, expected: "1", found: 2 });
        let per_feature = op("BatchNormalization", 7).attr("spatial", 0).f32(&[2, 3, 4]);
        let per_feature = per_feature.f32(&[3, 4]).f32(&[3, 4]).f32(&[3, 4]).f32(&[3, 4]);
        assert_eq!(per_feature.shape(), "2×3×4");
    }

    #[test]
    fn groups_share_a_mean_and_a_deviation() {
        // 2 × 6 × 10 elements: 5 operations each, 3 divisions a group, then scale and bias.
        for (case, groups, affine) in [
            (op("InstanceNormalization", 6).f32(&[2, 6, 10]).f32(&[6]).f32(&[6]), 12, 2),
            (op("GroupNormalization", 21).f32(&[2, 6, 10]).f32(&[6]).f32(&[6]).attr("num_groups", 3), 6, 2),
            (op("GroupNormalization", 18).f32(&[2, 6, 10]).f32(&[3]).f32(&[3]).attr("num_groups", 3), 6, 2),
            (op("LayerNormalization", 17).f32(&[2, 6, 10]).f32(&[10]).f32(&[10]), 12, 2),
            (op("LayerNormalization", 17).f32(&[2, 6, 10]).f32(&[6, 10]).attr("axis", 1), 2, 1),
            (op("MeanVarianceNormalization", 13).f32(&[2, 6, 10]).attr("axes", &[0, 2]), 6, 0),
        ] {
            assert_eq!(work(&case), ((5 + affine) * 120, 3 * groups, 0));
            assert_eq!(case.shape(), "2×6×10");
        }
        let uneven = op("GroupNormalization", 21).f32(&[2, 6]).f32(&[6]).f32(&[6]).attr("num_groups", 4);
        assert_eq!(uneven.types().unwrap_err().to_string(), "the number of channels 6 is no multiple of 4");
    }

    #[test]
    fn layer_normalisation_keeps_its_statistics_in_the_stash_type() {
        let case = op("LayerNormalization", 17).input(Float16, &[2, 6, 10]).input(Float16, &[10]).outputs(3);
        let types = case.types().unwrap();
        assert_eq!(types[0], TensorType::exact(Float16, &[2, 6, 10]).into());
        assert_eq!(types[2], TensorType::exact(Float32, &[2, 6, 1]).into());
        let wide = op("LayerNormalization", 17).f32(&[2, 1]).f32(&[10]);
        assert_eq!(wide.types().unwrap_err().to_string(), "input 1 does not broadcast to input 0");
    }

    #[test]
    fn rms_normalisation_needs_no_mean() {
        let case = op("RMSNormalization", 23).input(Float16, &[2, 6, 10]).f32(&[10]);
        assert_eq!(case.ty(), TensorType::exact(Float32, &[2, 6, 10]).into());
        assert_eq!(work(&case), (4 * 120, 2 * 12, 0));
    }

    #[test]
    fn lp_and_local_response_count_their_definition() {
        assert_eq!(work(&op("LpNormalization", 1).f32(&[3, 5])), (30, 15 + 3, 0));
        assert_eq!(work(&op("LpNormalization", 1).f32(&[3, 5]).attr("axis", 0).attr("p", 1)), (30, 15, 0));
        assert!(op("LpNormalization", 1).f32(&[3, 5]).attr("p", 3).types().is_err());
        assert_eq!(work(&op("LRN", 13).f32(&[1, 4, 2, 2]).attr("size", 5)), (16 * 11, 16, 16));
        assert_eq!(op("LRN", 13).f32(&[1, 4]).types().unwrap_err(), OpError::MissingAttribute("size"));
    }

    #[test]
    fn softmax_sums_groups_along_its_axis_and_once_from_its_axis_on() {
        assert_eq!(work(&op("Softmax", 13).f32(&[2, 3, 4])), (72, 24, 24));
        // One logarithm a group: 2 × 3 of 4, but 2 of 12 when the rest is taken together.
        assert_eq!(work(&op("LogSoftmax", 13).f32(&[2, 3, 4])), (96, 0, 24 + 6));
        assert_eq!(work(&op("LogSoftmax", 13).f32(&[2, 3, 4]).attr("axis", 0)), (96, 0, 24 + 12));
        assert_eq!(work(&op("LogSoftmax", 11).f32(&[2, 3, 4])), (96, 0, 24 + 2));
        assert_eq!(op("Hardmax", 13).f32(&[2, 3]).counts().int, 6);
        assert_eq!(op("Softmax", 11).f32(&[5]).shape(), "5");
        let outside = op("Softmax", 13).f32(&[5]).attr("axis", 1).types();
        assert_eq!(outside.unwrap_err(), OpError::Axis { axis: 1, rank: 1 });
    }

    #[test]
    fn a_loss_is_a_scalar_unless_it_is_not_reduced() {
        let loss = |operator| op(operator, 13).f32(&[2, 5, 3]).input(Int64, &[2, 3]);
        assert_eq!(loss("NegativeLogLikelihoodLoss").shape(), "scalar");
        assert_eq!(loss("NegativeLogLikelihoodLoss").attr("reduction", "none").shape(), "2×3");
        assert_eq!(work(&loss("NegativeLogLikelihoodLoss")), (12, 1, 0));
        assert_eq!(loss("SoftmaxCrossEntropyLoss").shapes(), ["scalar", "2×5×3"]);
        assert_eq!(work(&loss("SoftmaxCrossEntropyLoss")), (4 * 30 + 12, 1, 30 + 6));
        assert!(op("NegativeLogLikelihoodLoss", 13).f32(&[2, 5]).input(Int64, &[5]).types().is_err());
    }
}
