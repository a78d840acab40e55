//! Comparison, boolean logic, bits, and selection by a condition.

use super::broadcast::{self, evaluate};
use super::elementwise::same_shape;
use super::scalar::{self, Interval};
use super::{Node, OpError, small_tensor};
use crate::tensor::{ElementType, Elements, Scalar, Type};

/// Truth values of the shape that both inputs broadcast to.
pub fn comparison_type(node: &Node) -> Result<Vec<Type>, OpError> {
    broadcast::common_element(node, 0)?;
    Ok(vec![broadcast::of_inputs(node, ElementType::Bool)?])
}

/// `IsInf`, `IsNaN`: truth values of the input's shape.
pub fn test_type(node: &Node) -> Result<Vec<Type>, OpError> {
    same_shape(node, ElementType::Bool)
}

/// `Where`: the shape that condition and both choices broadcast to.
pub fn where_type(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of_inputs(node, broadcast::common_element(node, 1)?)?])
}

/// A comparison of two operands, where it is known.
pub fn compare(
    node: &Node,
    outputs: &[Type],
    holds: fn(Scalar, Scalar) -> Option<bool>,
) -> Result<Vec<Option<Elements>>, OpError> {
    evaluate(node, outputs, |row| match row {
        [a, b] => holds(*a, *b).map_or(Scalar::Unknown, Scalar::Bool),
        _ => Scalar::Unknown,
    })
}

/// `And`, also where one operand alone decides.
pub fn and(a: Scalar, b: Scalar) -> Option<bool> {
    match (a.bool(), b.bool()) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (a, b) => Some(a? && b?),
    }
}

/// `Or`, also where one operand alone decides.
pub fn or(a: Scalar, b: Scalar) -> Option<bool> {
    match (a.bool(), b.bool()) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (a, b) => Some(a? || b?),
    }
}

/// `Xor`.
pub fn xor(a: Scalar, b: Scalar) -> Option<bool> {
    Some(a.bool()? != b.bool()?)
}

/// A test of each element.
pub fn test(node: &Node, holds: impl Fn(Scalar) -> Option<bool>) -> Result<Vec<Option<Elements>>, OpError> {
    let result = |all: &[Scalar]| {
        small_tensor::known(
            all.iter().map(|scalar| holds(*scalar).map_or(Scalar::Unknown, Scalar::Bool)).collect(),
        )
    };
    Ok(vec![node.elements(0).and_then(result)])
}

/// `IsInf`: infinities of the signs that the attributes ask for.
pub fn is_infinite(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let negative = node.int_or("detect_negative", 1)? != 0;
    let positive = node.int_or("detect_positive", 1)? != 0;
    test(node, |scalar| scalar.float().map(|x| x.is_infinite() && if x < 0.0 { negative } else { positive }))
}

/// An operation on the bits of two integers.
pub fn bitwise(
    node: &Node,
    outputs: &[Type],
    operation: fn(i128, i128) -> i128,
) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    evaluate(node, outputs, |row| match row {
        [a, b] => exact_pair(*a, *b).map_or(Scalar::Unknown, |(a, b)| scalar::int(element, operation(a, b))),
        _ => Scalar::Unknown,
    })
}

fn exact_pair(a: Scalar, b: Scalar) -> Option<(i128, i128)> {
    Some((Interval::of(a)?.exact()?, Interval::of(b)?.exact()?))
}

/// `BitShift`: a shift by the width or more leaves nothing but the sign.
pub fn bit_shift(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    match node.str_or("direction", "")? {
        "LEFT" => bitwise(node, outputs, |a, b| a << distance(b)),
        "RIGHT" => bitwise(node, outputs, |a, b| a >> distance(b)),
        "" => Err(OpError::MissingAttribute("direction")),
        other => Err(OpError::Attribute {
            name: "direction",
            problem: format!("is \"{other}\", expected \"LEFT\" or \"RIGHT\""),
        }),
    }
}

/// At most the width of the widest element; so is a negative distance.
fn distance(n: i128) -> u32 {
    u32::try_from(n).map_or(64, |n| n.min(64))
}

/// `Where`: one of the choices, or what both have in common where the condition is not known.
pub fn select(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    evaluate(node, outputs, |row| match row {
        [condition, yes, no] => match condition.bool() {
            Some(true) => *yes,
            Some(false) => *no,
            None => scalar::either(*yes, *no),
        },
        _ => Scalar::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Counts;
    use crate::ops::testing::op;
    use crate::tensor::TensorType;
    use ElementType::{Bool as Truth, Float32, Int8, Int64, Uint8};
    use Scalar::{AtMost, Bool, Float, Int, Unknown};

    #[test]
    fn comparisons_give_truth_values_and_count_one_integer_operation_each() {
        let case = op("Less", 13).f32(&[2, 1]).f32(&[3]);
        assert_eq!(case.ty(), TensorType::exact(Truth, &[2, 3]).into());
        assert_eq!(case.counts(), Counts::int(6));
        for (operator, version, expected) in [
            ("Equal", 19, [false, true, false]),
            ("Less", 13, [true, false, false]),
            ("LessOrEqual", 16, [true, true, false]),
            ("Greater", 13, [false, false, true]),
            ("GreaterOrEqual", 16, [false, true, true]),
        ] {
            let values = op(operator, version).ints(&[1, 2, 3]).ints(&[2]).elements();
            assert_eq!(values, Some(expected.map(Bool).to_vec()), "{operator}");
        }
    }

    #[test]
    fn nothing_compares_with_nan() {
        for (operator, version) in [("Equal", 19), ("LessOrEqual", 16), ("GreaterOrEqual", 16)] {
            let values = op(operator, version).floats(&[f64::NAN]).floats(&[1.0]).elements();
            assert_eq!(values, Some(vec![Bool(false)]), "{operator}");
        }
        assert_eq!(op("IsNaN", 20).floats(&[f64::NAN]).elements(), Some(vec![Bool(true)]));
    }

    #[test]
    fn one_operand_can_decide_a_logical_operation() {
        let known = |a| op("And", 7).value(Truth, &[2], &[Unknown, Unknown]).value(Truth, &[2], a).elements();
        assert_eq!(known(&[Bool(false), Bool(true)]), Some(vec![Bool(false), Unknown]));
        let or = op("Or", 7).value(Truth, &[1], &[Bool(true)]).input(Truth, &[1]).elements();
        assert_eq!(or, Some(vec![Bool(true)]));
        assert_eq!(op("Not", 1).value(Truth, &[1], &[Bool(true)]).elements(), Some(vec![Bool(false)]));
    }

    #[test]
    fn where_picks_or_keeps_what_both_choices_share() {
        let picked = op("Where", 16)
            .value(Truth, &[3], &[Bool(true), Bool(false), Unknown])
            .value(Int64, &[3], &[Int(1), Int(2), Int(3)])
            .value(Int64, &[1], &[AtMost(9)]);
        assert_eq!(picked.elements(), Some(vec![Int(1), AtMost(9), AtMost(9)]));
        assert_eq!(op("Where", 16).input(Truth, &[4, 1]).f32(&[]).f32(&[3]).shape(), "4×3");
    }

    #[test]
    fn the_shape_mask_that_exporters_write_for_expand_flows() {
        // Where(Equal(shape, -1), ones, shape)
        let mask =
            op("Equal", 19).value(Int64, &[2], &[Int(-1), AtMost(300)]).ints(&[-1]).elements().unwrap();
        assert_eq!(mask, [Bool(true), Bool(false)]);
    }

    #[test]
    fn bits_shift_out_of_the_element_type() {
        let shifted = |element, n, by, direction: &'static str| {
            op("BitShift", 28)
                .value(element, &[], &[Int(n)])
                .value(element, &[], &[Int(by)])
                .attr("direction", direction)
                .elements()
                .unwrap()
        };
        assert_eq!(shifted(Uint8, 129, 1, "LEFT"), [Int(2)]);
        assert_eq!(shifted(Uint8, 129, 200, "RIGHT"), [Int(0)]);
        assert_eq!(shifted(Int8, -8, 100, "RIGHT"), [Int(-1)]);
        assert_eq!(op("BitwiseNot", 18).value(Uint8, &[], &[Int(1)]).elements(), Some(vec![Int(254)]));
        assert_eq!(op("BitwiseXor", 18).ints(&[6]).ints(&[3]).elements(), Some(vec![Int(5)]));
    }

    #[test]
    fn infinities_are_told_apart_by_sign() {
        let values = [f64::INFINITY, f64::NEG_INFINITY, 0.0].map(Float);
        let positive = op("IsInf", 20).value(Float32, &[3], &values).attr("detect_negative", 0).elements();
        assert_eq!(positive, Some([true, false, false].map(Bool).to_vec()));
    }
}
