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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::schema::AttributeProto;
    use dimension::Value::{DimParam, DimValue};

    const FLOAT: i32 = 1;
    const INT64: i32 = 7;

    fn ty(elem_type: i32, dims: &[Option<dimension::Value>]) -> TypeProto {
        let dim = dims.iter().map(|value| Dimension { value: value.clone(), denotation: None }).collect();
        let tensor = type_proto::Tensor { elem_type, shape: Some(TensorShapeProto { dim }) };
        TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None }
    }

    fn info(name: &str, ty: TypeProto) -> ValueInfoProto {
        ValueInfoProto { name: name.to_owned(), r#type: Some(ty), ..Default::default() }
    }

    fn node(output: &str) -> NodeProto {
        NodeProto { output: vec![output.to_owned(), String::new()], ..Default::default() }
    }

    fn named(name: &str) -> Option<dimension::Value> {
        Some(DimParam(name.to_owned()))
    }

    #[test]
    fn what_the_file_says_stays_where_nothing_else_is_known() {
        let body = GraphProto { node: vec![node("inner")], ..Default::default() };
        let mut branch = node("y");
        branch.attribute = vec![AttributeProto { g: Some(Box::new(body)), ..Default::default() }];
        let graph = GraphProto {
            node: vec![node("open"), node("other"), node("new"), node("untold"), branch],
            input: vec![info("x", ty(FLOAT, &[named("batch"), named("side")]))],
            output: vec![ValueInfoProto { name: "y".to_owned(), ..Default::default() }],
            value_info: vec![info("open", ty(FLOAT, &[named("boxes"), None])), info("other", ty(FLOAT, &[]))],
            ..Default::default()
        };
        let mut model = ModelProto { graph: Some(graph), ..Default::default() };
        let types = [
            ("x", ty(FLOAT, &[named("batch"), Some(DimValue(8))])),
            ("open", ty(FLOAT, &[None, Some(DimValue(4))])),
            ("other", ty(INT64, &[Some(DimValue(2))])),
            ("new", ty(FLOAT, &[])),
            ("y", ty(FLOAT, &[])),
            ("inner", ty(INT64, &[])),
        ];
        let types = types.map(|(name, ty)| (name.to_owned(), ty)).into_iter().collect();
        let report = annotate(&mut model, &types);
        assert_eq!(report, AnnotateReport { added: 2, changed: 2, kept: 0, unknown: 1 });
        let graph = model.graph.unwrap();
        let expected = [
            info("open", ty(FLOAT, &[named("boxes"), Some(DimValue(4))])),
            info("other", ty(INT64, &[Some(DimValue(2))])),
            info("new", ty(FLOAT, &[])),
        ];
        assert_eq!(graph.value_info, expected);
        assert_eq!(graph.input, [info("x", ty(FLOAT, &[named("batch"), Some(DimValue(8))]))]);
        assert_eq!(graph.output, [info("y", ty(FLOAT, &[]))]);
        let body = graph.node[4].attribute[0].g.as_ref().unwrap();
        assert_eq!(body.value_info, [info("inner", ty(INT64, &[]))]);
        // A second time, nothing is left to do.
        let mut again = ModelProto { graph: Some(graph), ..Default::default() };
        assert_eq!(
            annotate(&mut again, &types),
            AnnotateReport { kept: 4, unknown: 1, ..Default::default() }
        );
    }
}
