//! Types and small values from the tensors and types that a model stores.

use std::borrow::Cow;

use crate::onnx::schema::attribute_proto::AttributeType;
use crate::onnx::schema::{
    AttributeProto, SparseTensorProto, TensorProto, TypeProto, tensor_shape_proto, type_proto,
};
use crate::onnx::{floats, ints, payload};
use crate::ops::Attribute;
use crate::tensor::{Dim, ElementType, Elements, MAX_ELEMENTS, Scalar, Shape, TensorType, Type};

/// Floating-point constants with more elements than this are weights, not parameters of a shape, and
/// reading them would touch pages of the file for nothing.
const MAX_FLOATS: u64 = 64;

/// The type of a stored tensor; unknown for an element type newer than ours.
pub fn tensor_type(tensor: &TensorProto) -> Type {
    typed(tensor.data_type.unwrap_or_default(), &tensor.dims)
}

/// The type of a stored sparse tensor: the element type of its values and the shape it stands for.
pub fn sparse_type(tensor: &SparseTensorProto) -> Type {
    let code = tensor.values.as_ref().and_then(|values| values.data_type).unwrap_or_default();
    typed(code, &tensor.dims)
}

fn typed(code: i32, dims: &[i64]) -> Type {
    let shape: Option<Shape> = dims.iter().map(|dim| u64::try_from(*dim).ok().map(Dim::Exact)).collect();
    match (ElementType::from_onnx(code), shape) {
        (Some(element), Some(shape)) => Type::Tensor(TensorType::new(element, shape)),
        _ => Type::Unknown,
    }
}

/// The elements of a stored tensor, if they are few enough to decide shapes and are in the file.
pub fn elements(tensor: &TensorProto) -> Option<Elements> {
    let element = ElementType::from_onnx(tensor.data_type.unwrap_or_default())?;
    let count = tensor_type(tensor).tensor()?.elements().exact()?;
    let most = if element.is_float() { MAX_FLOATS } else { MAX_ELEMENTS };
    if count > most {
        return None;
    }
    let count = usize::try_from(count).ok()?;
    let (payload, code) = (payload(tensor), element.onnx_code());
    if element.is_float() {
        return Some(floats(&payload, code, count)?.into_iter().map(Scalar::Float).collect());
    }
    let scalar = if element == ElementType::Bool { |n| Scalar::Bool(n != 0) } else { Scalar::Int };
    Some(ints(&payload, code, count)?.into_iter().map(scalar).collect())
}

/// The type that a model declares, its named and unnamed dimensions resolved by `dim`
/// (axis and name, if it has one).
pub fn declared(proto: &TypeProto, dim: &mut dyn FnMut(usize, Option<&str>) -> Dim) -> Type {
    use type_proto::Value;
    let mut tensor = |code: i32, shape: &Option<crate::onnx::schema::TensorShapeProto>| {
        let shape = shape.as_ref().map(|shape| {
            let dims = shape.dim.iter().enumerate();
            dims.map(|(axis, proto)| match &proto.value {
                Some(tensor_shape_proto::dimension::Value::DimValue(n)) if *n >= 0 => {
                    Dim::Exact(n.unsigned_abs())
                }
                Some(tensor_shape_proto::dimension::Value::DimParam(name)) if !name.is_empty() => {
                    dim(axis, Some(name))
                }
                _ => dim(axis, None),
            })
            .collect()
        });
        ElementType::from_onnx(code).map(|element| TensorType { element, shape })
    };
    match &proto.value {
        Some(Value::TensorType(ty)) => tensor(ty.elem_type, &ty.shape).map_or(Type::Unknown, Type::Tensor),
        Some(Value::SparseTensorType(ty)) => {
            tensor(ty.elem_type, &ty.shape).map_or(Type::Unknown, Type::Sparse)
        }
        Some(Value::SequenceType(ty)) => Type::Sequence(
            Box::new(ty.elem_type.as_ref().map_or(Type::Unknown, |ty| declared(ty, dim))),
            None,
        ),
        Some(Value::OptionalType(ty)) => {
            Type::Optional(Box::new(ty.elem_type.as_ref().map_or(Type::Unknown, |ty| declared(ty, dim))))
        }
        Some(Value::MapType(ty)) => match ElementType::from_onnx(ty.key_type) {
            Some(key) => {
                Type::Map(key, Box::new(ty.value_type.as_ref().map_or(Type::Unknown, |ty| declared(ty, dim))))
            }
            None => Type::Unknown,
        },
        Some(Value::OpaqueType(_)) | None => Type::Unknown,
    }
}

/// An attribute as rules see it. `None` for one that refers to an attribute of the function around it.
pub fn attribute(proto: &AttributeProto) -> Option<Attribute<'_>> {
    let text = |bytes: &'_ bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
    let kind = proto.r#type.and_then(|code| AttributeType::try_from(code).ok());
    // Files of IR version 1 have no type: the field that is there says what it is.
    let kind = match kind {
        Some(AttributeType::Undefined) | None => guess(proto),
        Some(kind) => kind,
    };
    if !proto.ref_attr_name.is_empty() {
        return None;
    }
    Some(match kind {
        AttributeType::Int => Attribute::Int(proto.i.unwrap_or_default()),
        AttributeType::Float => Attribute::Float(proto.f.unwrap_or_default()),
        AttributeType::String => {
            Attribute::Str(String::from_utf8_lossy(proto.s.as_deref().unwrap_or_default()))
        }
        AttributeType::Ints => Attribute::Ints(&proto.ints),
        AttributeType::Floats => Attribute::Floats(&proto.floats),
        AttributeType::Strings => {
            Attribute::Strings(proto.strings.iter().map(|s| Cow::Owned(text(s))).collect())
        }
        AttributeType::Tensor => match proto.t.as_ref().map(|tensor| (tensor_type(tensor), tensor)) {
            Some((Type::Tensor(ty), tensor)) => Attribute::Tensor(ty, elements(tensor)),
            _ => Attribute::Other,
        },
        AttributeType::SparseTensor => match proto.sparse_tensor.as_ref().map(|sparse| sparse_type(sparse)) {
            Some(Type::Tensor(ty)) => Attribute::Tensor(ty, None),
            _ => Attribute::Other,
        },
        AttributeType::TypeProto => Attribute::Type(
            proto.tp.as_ref().map_or(Type::Unknown, |ty| declared(ty, &mut |_, _| Dim::Unknown)),
        ),
        _ => Attribute::Other,
    })
}

fn guess(proto: &AttributeProto) -> AttributeType {
    match proto {
        AttributeProto { i: Some(_), .. } => AttributeType::Int,
        AttributeProto { f: Some(_), .. } => AttributeType::Float,
        AttributeProto { s: Some(_), .. } => AttributeType::String,
        AttributeProto { t: Some(_), .. } => AttributeType::Tensor,
        _ if !proto.ints.is_empty() => AttributeType::Ints,
        _ if !proto.floats.is_empty() => AttributeType::Floats,
        _ if !proto.strings.is_empty() => AttributeType::Strings,
        _ => AttributeType::Undefined,
    }
}
