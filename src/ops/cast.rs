//! Conversion of a tensor to another element type.

use super::elementwise::same_shape;
use super::{Node, OpError, scalar, small_tensor};
use crate::tensor::{ElementType, Elements, Type};

/// `Cast` and `BitCast`: the input's shape with the type that `to` names.
pub fn cast_type(node: &Node) -> Result<Vec<Type>, OpError> {
    same_shape(node, target(node)?)
}

/// `BitCast`: both types must have the same width.
pub fn bit_cast_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let (from, to) = (node.element(0)?, target(node)?);
    if from.bits() != to.bits() || from.bits().is_none() {
        return Err(OpError::Mismatch(format!("the bits of {from} cannot be read as {to}")));
    }
    cast_type(node)
}

/// `CastLike`: the first input's shape with the second input's type.
pub fn cast_like_type(node: &Node) -> Result<Vec<Type>, OpError> {
    same_shape(node, node.element(1)?)
}

/// The elements converted to the output's type.
pub fn convert(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let to = outputs.first().and_then(Type::tensor).map(|tensor| tensor.element);
    let converted = node.elements(0).zip(to).and_then(|(elements, to)| {
        small_tensor::known(elements.iter().map(|element| scalar::cast(*element, to)).collect())
    });
    Ok(vec![converted])
}

/// The attribute `to`: a number, before opset 6 a name.
fn target(node: &Node) -> Result<ElementType, OpError> {
    if node.version < 6 {
        let name = node.str_or("to", "")?;
        let problem = || format!("is \"{name}\", which names no element type");
        return by_name(name).ok_or_else(|| OpError::Attribute { name: "to", problem: problem() });
    }
    node.element_type("to")?.ok_or(OpError::MissingAttribute("to"))
}

/// The element type that `TensorProto.DataType` names so: `FLOAT`, `INT64`.
fn by_name(name: &str) -> Option<ElementType> {
    match name {
        "FLOAT" => Some(ElementType::Float32),
        "DOUBLE" => Some(ElementType::Float64),
        _ => ElementType::all().find(|element| element.name().eq_ignore_ascii_case(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Counts;
    use crate::ops::testing::op;
    use crate::tensor::Scalar::{Bool, Float, Int};
    use crate::tensor::TensorType;

    #[test]
    fn the_target_is_a_number_and_was_a_name() {
        for (case, expected) in [
            (op("Cast", 13).f32(&[2]).attr("to", 7), ElementType::Int64),
            (op("Cast", 1).f32(&[2]).attr("to", "INT32"), ElementType::Int32),
            (op("Cast", 1).f32(&[2]).attr("to", "FLOAT"), ElementType::Float32),
            (op("CastLike", 15).f32(&[2]).input(ElementType::Bool, &[]), ElementType::Bool),
            (op("BitCast", 26).f32(&[2]).attr("to", 6), ElementType::Int32),
        ] {
            assert_eq!(case.ty(), TensorType::exact(expected, &[2]).into());
        }
    }

    #[test]
    fn a_target_that_does_not_exist_is_an_error() {
        let error = op("Cast", 13).f32(&[2]).attr("to", 99).types().unwrap_err();
        assert_eq!(error.to_string(), "attribute \"to\" is 99, which names no element type");
        assert_eq!(op("Cast", 13).f32(&[2]).types().unwrap_err(), OpError::MissingAttribute("to"));
        assert!(op("BitCast", 26).f32(&[2]).attr("to", 7).types().is_err());
    }

    #[test]
    fn values_are_converted_and_every_element_counts_one_integer_operation() {
        let case = op("Cast", 13).floats(&[2.7, -2.7, 0.0]).attr("to", 7);
        assert_eq!(case.elements(), Some(vec![Int(2), Int(-2), Int(0)]));
        assert_eq!(case.counts(), Counts::int(3));
        let truth = op("Cast", 13).ints(&[0, 5]).attr("to", 9);
        assert_eq!(truth.elements(), Some(vec![Bool(false), Bool(true)]));
        let like = op("CastLike", 15).ints(&[3]).f32(&[1]);
        assert_eq!(like.elements(), Some(vec![Float(3.0)]));
    }
}
