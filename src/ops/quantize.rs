//! Between floating point and integers with a scale and a zero point.

use super::dims::resolve_axis;
use super::elementwise::same_shape;
use super::{Counts, Node, OpError, Type};
use crate::tensor::{Dim, ElementType, TensorType};

/// The type that `output_dtype` gives, where it is neither left out nor 0 (undefined).
fn output_dtype(node: &Node) -> Result<Option<ElementType>, OpError> {
    let name = "output_dtype";
    if node.int(name)? == Some(0) { Ok(None) } else { node.element_type(name) }
}

/// Checks that a scale for each index of an axis is as long as that axis.
fn check_scale(node: &Node) -> Result<(), OpError> {
    let (Some(shape), Some(scale)) = (&node.tensor(0)?.shape, &node.tensor(1)?.shape) else {
        return Ok(());
    };
    let [length] = scale.as_slice() else { return Ok(()) };
    // A vector may also hold one scale for all, or one for each block of a vector.
    if *length == Dim::Exact(1) || shape.len() <= 1 {
        return Ok(());
    }
    let axis = resolve_axis(node.int_or("axis", 1)?, shape.len())?;
    match shape.get(axis) {
        Some(dim) if !dim.agrees_with(*length) => {
            Err(OpError::Mismatch(format!("{length} scales for {dim} indices of axis {axis}")))
        }
        _ => Ok(()),
    }
}

/// `x`, `y_scale` and `y_zero_point` to a tensor of `x`'s shape and the zero point's type, uint8 without one.
///
/// Source: ONNX `QuantizeLinear`, opset 28.
pub fn quantize_linear(node: &Node) -> Result<Vec<Type>, OpError> {
    check_scale(node)?;
    let element = match output_dtype(node)? {
        Some(element) => element,
        None if node.has_input(2) => node.element(2)?,
        None => ElementType::Uint8,
    };
    same_shape(node, element)
}

/// Divides and rounds each element, adds the zero point if there is one, and clips on both sides.
pub fn quantize_linear_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let each = Counts { div: 1, alu: 1, int: 2, ..Counts::ZERO };
    each.plus(zero_point(node))?.times(node.count(0)?).map(Counts::by_formula)
}

/// `x`, `x_scale` and `x_zero_point` to a tensor of `x`'s shape and the scale's type.
///
/// Source: ONNX `DequantizeLinear`, opset 28.
pub fn dequantize_linear(node: &Node) -> Result<Vec<Type>, OpError> {
    check_scale(node)?;
    let element = match output_dtype(node)? {
        Some(element) => element,
        None => node.element(1)?,
    };
    same_shape(node, element)
}

/// Subtracts the zero point if there is one, and multiplies.
pub fn dequantize_linear_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    Counts::alu(1).plus(zero_point(node))?.times(node.count(0)?)
}

fn zero_point(node: &Node) -> Counts {
    Counts::alu(u64::from(node.has_input(2)))
}

/// `x` to uint8 elements of its shape, a float32 scale and a uint8 zero point.
///
/// Source: ONNX `DynamicQuantizeLinear`, opset 11.
pub fn dynamic_quantize_linear(node: &Node) -> Result<Vec<Type>, OpError> {
    let mut types = same_shape(node, ElementType::Uint8)?;
    types.push(TensorType::exact(ElementType::Float32, &[]).into());
    types.push(TensorType::exact(ElementType::Uint8, &[]).into());
    Ok(types)
}

/// For each element: two comparisons (minimum and maximum) and what QuantizeLinear does.
pub const DYNAMIC_QUANTIZE: Counts = Counts { alu: 4, div: 1, int: 2, ..Counts::ZERO }.by_formula();

#[cfg(test)]
mod tests {
    use super::super::testing::op;
    use super::*;
    use crate::tensor::ElementType::{Float8E4m3fn, Float16, Float32, Int4, Int8, Uint8};

    #[test]
    fn the_zero_point_decides_the_quantised_type() {
        let case = |version| op("QuantizeLinear", version).f32(&[2, 3]).f32(&[]);
        for (case, expected) in [
            (case(10), Uint8),
            (case(13).input(Int8, &[]), Int8),
            (case(21).attr("output_dtype", 22), Int4),
            (case(21).attr("output_dtype", 0), Uint8),
            (case(21).input(Float8E4m3fn, &[]).attr("saturate", 0), Float8E4m3fn),
        ] {
            assert_eq!(case.ty(), TensorType::exact(expected, &[2, 3]).into());
        }
        let error = case(21).attr("output_dtype", 99).types().unwrap_err();
        assert_eq!(error.to_string(), "attribute \"output_dtype\" is 99, which names no element type");
    }

    #[test]
    fn the_scale_decides_the_dequantised_type() {
        let case = || op("DequantizeLinear", 23).input(Int8, &[2, 3]).input(Float16, &[]);
        assert_eq!(case().ty(), TensorType::exact(Float16, &[2, 3]).into());
        assert_eq!(case().attr("output_dtype", 1).ty(), TensorType::exact(Float32, &[2, 3]).into());
        let unranked = op("DequantizeLinear", 13).typed(TensorType::unranked(Int8).into()).f32(&[]);
        assert_eq!(unranked.shape(), "unranked");
    }

    #[test]
    fn a_zero_point_costs_one_operation_an_element() {
        let quantize = || op("QuantizeLinear", 13).f32(&[2, 3]).f32(&[]);
        let expected = |alu| Counts { div: 6, alu, int: 12, ..Counts::ZERO }.by_formula();
        assert_eq!(quantize().counts(), expected(6));
        assert_eq!(quantize().input(Int8, &[]).counts(), expected(12));
        let dequantize = || op("DequantizeLinear", 13).input(Int8, &[2, 3]).f32(&[]);
        assert_eq!(dequantize().counts(), Counts::alu(6));
        assert_eq!(dequantize().input(Int8, &[]).counts(), Counts::alu(12));
    }

    #[test]
    fn scales_fit_the_axis_unless_they_are_one_or_blocked() {
        let case = |scale: &[u64]| op("DequantizeLinear", 21).input(Int8, &[8, 6]).f32(scale);
        for (case, valid) in [
            (case(&[6]), true),
            (case(&[8]), false),
            (case(&[8]).attr("axis", 0), true),
            (case(&[8]).attr("axis", -2), true),
            (case(&[1]), true),
            (case(&[8, 2]).attr("block_size", 3), true),
        ] {
            assert_eq!(case.types().is_ok(), valid);
        }
    }

    #[test]
    fn a_dynamic_quantisation_finds_the_range_first() {
        let case = op("DynamicQuantizeLinear", 11).f32(&[2, 3]).outputs(3);
        assert_eq!(case.shapes(), ["2×3", "scalar", "scalar"]);
        assert_eq!(case.counts(), Counts { alu: 24, div: 6, int: 12, ..Counts::ZERO }.by_formula());
    }
}
