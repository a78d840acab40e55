//! Writes the types of values into a model. Weights stay as they are, in the file or beside it.

use std::collections::{HashMap, HashSet};

use super::schema::tensor_shape_proto::{Dimension, dimension};
use super::schema::{
    GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AnnotateReport {
    /// Values that had no type in the file.
    pub added: u64,
    /// Values whose type was there, and is more precise or other now.
    pub changed: u64,
    /// Values whose type was there, and stays.
    pub kept: u64,
    /// Values that no type is known of.
    pub unknown: u64,
}

/// Writes the type of each value that a node makes into its graph, bodies of nodes included, functions not; and sizes
/// that are known into inputs and outputs that leave them open.
///
/// A type in the file is replaced by the given one; a dimension that this leaves open stays as the file has it.
pub fn annotate(model: &mut ModelProto, types: &HashMap<String, TypeProto>) -> AnnotateReport {
    let mut report = AnnotateReport::default();
    if let Some(graph) = &mut model.graph {
        for info in graph.input.iter_mut().chain(&mut graph.output) {
            fix(info, types);
        }
        values(graph, types, &mut report);
    }
    report
}

/// Fills the open sizes of an input or output with those that are numbers.
fn fix(info: &mut ValueInfoProto, types: &HashMap<String, TypeProto>) {
    let Some(found) = types.get(&info.name) else { return };
    let Some(declared) = &mut info.r#type else {
        info.r#type = Some(found.clone());
        return;
    };
    let (Some(declared), Some(found)) = (tensor_mut(declared), tensor(found)) else { return };
    if declared.elem_type != found.elem_type {
        return;
    }
    let Some(found) = &found.shape else { return };
    let Some(shape) = &mut declared.shape else {
        declared.shape = Some(found.clone());
        return;
    };
    if shape.dim.len() != found.dim.len() {
        return;
    }
    for (declared, found) in shape.dim.iter_mut().zip(&found.dim) {
        let number = matches!(found.value, Some(dimension::Value::DimValue(_)));
        if number && !matches!(declared.value, Some(dimension::Value::DimValue(_))) {
            declared.value.clone_from(&found.value);
        }
    }
}

fn values(graph: &mut GraphProto, types: &HashMap<String, TypeProto>, report: &mut AnnotateReport) {
    let named = |infos: &[ValueInfoProto]| infos.iter().map(|info| info.name.clone()).collect::<Vec<_>>();
    let mut done: HashSet<String> = named(&graph.input).into_iter().chain(named(&graph.output)).collect();
    let place: HashMap<String, usize> =
        graph.value_info.iter().enumerate().map(|(place, info)| (info.name.clone(), place)).collect();
    for name in graph.node.iter().flat_map(|node| &node.output) {
        if name.is_empty() || !done.insert(name.clone()) {
            continue;
        }
        let entry = place.get(name).and_then(|place| graph.value_info.get_mut(*place));
        match (types.get(name), entry) {
            (Some(found), Some(entry)) => {
                let merged = merge(found, entry.r#type.as_ref());
                let same = entry.r#type.as_ref() == Some(&merged);
                *(if same { &mut report.kept } else { &mut report.changed }) += 1;
                entry.r#type = Some(merged);
            }
            (Some(found), None) => {
                report.added += 1;
                let info =
                    ValueInfoProto { name: name.clone(), r#type: Some(found.clone()), ..Default::default() };
                graph.value_info.push(info);
            }
            (None, Some(_)) => report.kept += 1,
            (None, None) => report.unknown += 1,
        }
    }
    graph.node.iter_mut().for_each(|node| bodies(node, types, report));
}

fn bodies(node: &mut NodeProto, types: &HashMap<String, TypeProto>, report: &mut AnnotateReport) {
    for attribute in &mut node.attribute {
        for graph in attribute.g.as_deref_mut().into_iter().chain(&mut attribute.graphs) {
            values(graph, types, report);
        }
    }
}

/// The found type, with the declared one's dimensions where it has none.
fn merge(found: &TypeProto, declared: Option<&TypeProto>) -> TypeProto {
    let mut merged = found.clone();
    let Some(declared) = declared else { return merged };
    merged.denotation.clone_from(&declared.denotation);
    if let (Some(ours), Some(theirs)) = (tensor_mut(&mut merged), tensor(declared))
        && ours.elem_type == theirs.elem_type
    {
        ours.shape = match (ours.shape.take(), theirs.shape.as_ref()) {
            (Some(ours), Some(theirs)) if ours.dim.len() == theirs.dim.len() => Some(TensorShapeProto {
                dim: ours
                    .dim
                    .into_iter()
                    .zip(&theirs.dim)
                    .map(|(ours, theirs)| filled(ours, theirs))
                    .collect(),
            }),
            (None, theirs) => theirs.cloned(),
            (ours, _) => ours,
        };
    }
    merged
}

fn filled(ours: Dimension, theirs: &Dimension) -> Dimension {
    Dimension {
        value: ours.value.or_else(|| theirs.value.clone()),
        denotation: ours.denotation.or_else(|| theirs.denotation.clone()),
    }
}

fn tensor(ty: &TypeProto) -> Option<&type_proto::Tensor> {
    match &ty.value {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    }
}

fn tensor_mut(ty: &mut TypeProto) -> Option<&mut type_proto::Tensor> {
    match &mut ty.value {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    }
}
