//! What can be written into a model of its own shapes: what holds whatever its open dimensions are.

use std::collections::HashMap;

use super::bind::is_total;
use super::{Binding, Origin, Request, TypedGraph};
use crate::onnx::schema::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::schema::{TensorShapeProto, TypeProto, type_proto};
use crate::ops::Rule;
use crate::tensor::{Dim, TensorType, Type};

/// A request in which each open dimension that nobody fixed has another size, if there is any. What is the same after
/// it holds for all sizes; what moves with one dimension alone is that dimension.
///
/// Sizes grow by a factor of their own each, the largest by 2. A dimension that is a sum (past and current tokens) is
/// left to follow its parts.
pub fn varied(request: &Request, bindings: &[Binding]) -> Option<Request> {
    let mut open: Vec<&Binding> = bindings
        .iter()
        .filter(|binding| binding.origin == Origin::Default && !is_total(&binding.name))
        .collect();
    open.sort_by_key(|binding| std::cmp::Reverse(binding.value));
    let mut varied = request.clone();
    let grown = (2..)
        .zip(open)
        .map(|(factor, binding)| (binding.name.clone(), binding.value.saturating_mul(factor).max(factor)));
    varied.dims.extend(grown);
    (varied != *request).then_some(varied)
}

/// The types of all values that have a place in the file, by name: of inputs and of what nodes make, bodies of If, Loop
/// and Scan included, functions not (their types depend on the call). A name with two types is left out.
///
/// `varied` is the same model at other sizes ([`varied`]): a dimension that is not the same there is written by its
/// name, or left open.
pub fn types(graph: &TypedGraph, varied: Option<&TypedGraph>) -> HashMap<String, TypeProto> {
    let found = by_name(graph);
    let elsewhere = varied.map(by_name);
    let sizes = Sizes { graph, varied };
    let proto = |name: &str, ty: &Type| match &elsewhere {
        None => sizes.proto(ty, ty),
        Some(elsewhere) => sizes.proto(ty, elsewhere.get(name)?.as_ref()?),
    };
    found.iter().filter_map(|(name, ty)| Some(((*name).to_owned(), proto(name, ty.as_ref()?)?))).collect()
}

/// Types by name; `None` for a name with several.
fn by_name<'g>(graph: &'g TypedGraph) -> HashMap<&'g str, Option<Type>> {
    let mut types: HashMap<&str, Option<Type>> = HashMap::new();
    let mut inside = vec![false; graph.nodes.len()];
    for body in &graph.bodies {
        let call = graph.nodes.get(body.call).and_then(|node| node.operator);
        if call.is_none_or(|operator| !matches!(operator.rule, Rule::Subgraph(_) | Rule::Modified(..))) {
            inside.get_mut(body.nodes.clone()).unwrap_or_default().fill(true);
        }
    }
    let made = graph.nodes.iter().zip(&inside).filter(|(_, inside)| !**inside);
    let made = made.flat_map(|(node, _)| node.outputs.iter().flatten());
    for value in graph.inputs.iter().chain(made).filter_map(|id| graph.values.get(*id)) {
        types
            .entry(value.name)
            .and_modify(|ty| {
                if ty.as_ref() != Some(&value.ty) {
                    *ty = None;
                }
            })
            .or_insert_with(|| Some(value.ty.clone()));
    }
    types
}

/// How sizes are written: as numbers, by name, or not.
struct Sizes<'g, 'm> {
    graph: &'g TypedGraph<'m>,
    varied: Option<&'g TypedGraph<'m>>,
}

impl Sizes<'_, '_> {
    /// A type as the format has it; `None` where it is not known, or of another kind at other sizes.
    fn proto(&self, ty: &Type, elsewhere: &Type) -> Option<TypeProto> {
        use type_proto::Value;
        let value = match (ty, elsewhere) {
            (Type::Tensor(ty), Type::Tensor(elsewhere)) if ty.element == elsewhere.element => {
                let shape = self.shape(ty, elsewhere);
                Value::TensorType(type_proto::Tensor { elem_type: ty.element.onnx_code(), shape })
            }
            (Type::Sparse(ty), Type::Sparse(elsewhere)) if ty.element == elsewhere.element => {
                let shape = self.shape(ty, elsewhere);
                Value::SparseTensorType(type_proto::SparseTensor { elem_type: ty.element.onnx_code(), shape })
            }
            (Type::Sequence(element, _), Type::Sequence(elsewhere, _)) => {
                let element = Some(Box::new(self.proto(element, elsewhere)?));
                Value::SequenceType(Box::new(type_proto::Sequence { elem_type: element }))
            }
            (Type::Optional(element), Type::Optional(elsewhere)) => {
                let element = Some(Box::new(self.proto(element, elsewhere)?));
                Value::OptionalType(Box::new(type_proto::Optional { elem_type: element }))
            }
            (Type::Map(key, value), Type::Map(_, elsewhere)) => {
                let value_type = Some(Box::new(self.proto(value, elsewhere)?));
                Value::MapType(Box::new(type_proto::Map { key_type: key.onnx_code(), value_type }))
            }
            _ => return None,
        };
        Some(TypeProto { value: Some(value), denotation: None })
    }

    fn shape(&self, ty: &TensorType, elsewhere: &TensorType) -> Option<TensorShapeProto> {
        let (dims, others) = (ty.shape.as_ref()?, elsewhere.shape.as_ref()?);
        if dims.len() != others.len() {
            return None;
        }
        let dim = dims.iter().zip(others).map(|(dim, other)| self.dimension(*dim, *other)).collect();
        Some(TensorShapeProto { dim })
    }

    fn dimension(&self, dim: Dim, other: Dim) -> Dimension {
        let value = match (dim.exact(), other.exact()) {
            (Some(size), Some(other)) if size == other => {
                i64::try_from(size).ok().map(dimension::Value::DimValue)
            }
            (Some(size), Some(other)) => self.name(size, other).map(dimension::Value::DimParam),
            _ => None,
        };
        Dimension { value, denotation: None }
    }

    /// The one named dimension of the inputs that has these sizes.
    fn name(&self, size: u64, other: u64) -> Option<String> {
        let elsewhere = &self.varied?.bindings;
        let mut names = self.graph.bindings.iter().filter(|binding| {
            let moved = |found: &&Binding| found.name == binding.name && found.value == other;
            binding.value == size
                && !binding.name.contains('[')
                && elsewhere.iter().any(|found| moved(&found))
        });
        match (names.next(), names.next()) {
            (Some(only), None) => Some(only.name.clone()),
            _ => None,
        }
    }
}
