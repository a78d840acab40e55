//! What a model is without its weights: a hash of all that its cost depends on.

use prost::Message;

use super::schema::{GraphProto, ModelProto, NodeProto};
use super::tensors::each_tensor_mut;
use super::{StripOptions, strip};

/// Hash of a model's structure: nodes, attributes, names, types, dims, and constants that may decide shapes.
///
/// Left out are the elements of large tensors and where they are kept, and what only people read: documentation,
/// metadata, and who exported the model. Models of equal structure cost the same; their weights may differ.
#[must_use]
pub fn structure(model: &ModelProto) -> [u8; 32] {
    let mut bare = model.clone();
    strip(&mut bare, &StripOptions::default());
    each_tensor_mut(&mut bare, &mut |tensor| {
        tensor.external_data.clear();
        tensor.doc_string = None;
        tensor.metadata_props.clear();
    });
    bare.producer_name = None;
    bare.producer_version = None;
    bare.model_version = None;
    bare.doc_string = None;
    bare.metadata_props.clear();
    if let Some(graph) = &mut bare.graph {
        undocumented(graph);
    }
    for function in &mut bare.functions {
        function.doc_string = None;
        function.node.iter_mut().for_each(undocumented_node);
    }
    *blake3::hash(&bare.encode_to_vec()).as_bytes()
}

fn undocumented(graph: &mut GraphProto) {
    graph.doc_string = None;
    graph.metadata_props.clear();
    graph.node.iter_mut().for_each(undocumented_node);
}

fn undocumented_node(node: &mut NodeProto) {
    node.doc_string = None;
    node.metadata_props.clear();
    for attribute in &mut node.attribute {
        let graphs = attribute.g.as_deref_mut().into_iter().chain(&mut attribute.graphs);
        graphs.for_each(undocumented);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::schema::{StringStringEntryProto, TensorProto};

    type Change = &'static dyn Fn(&mut ModelProto);

    fn tensor(name: &str, elements: u8, count: usize) -> TensorProto {
        TensorProto {
            name: name.to_owned(),
            data_type: Some(1),
            dims: vec![i64::try_from(count).unwrap()],
            raw_data: Some(vec![elements; 4 * count].into()),
            ..Default::default()
        }
    }

    fn model(initializer: TensorProto) -> ModelProto {
        let graph = GraphProto { initializer: vec![initializer], ..Default::default() };
        ModelProto { ir_version: Some(8), graph: Some(graph), ..Default::default() }
    }

    #[test]
    fn weights_and_remarks_change_nothing_and_all_else_does() {
        let hash = |change: &dyn Fn(&mut ModelProto)| {
            let mut changed = model(tensor("w", 0, 1000));
            change(&mut changed);
            structure(&changed)
        };
        let plain = hash(&|_| {});
        let same: [(&str, Change); 5] = [
            ("weights", &|model| *model = self::model(tensor("w", 7, 1000))),
            ("weights that are elsewhere", &|model| {
                strip(model, &StripOptions { location: "other.bin".to_owned(), ..Default::default() });
            }),
            ("exporter", &|model| model.producer_name = Some("another".to_owned())),
            ("remark", &|model| model.graph.as_mut().unwrap().doc_string = Some("remark".to_owned())),
            ("metadata", &|model| model.metadata_props.push(StringStringEntryProto::default())),
        ];
        for (what, change) in same {
            assert_eq!(hash(change), plain, "{what}");
        }
        let other: [(&str, Change); 4] = [
            ("dims", &|model| *model = self::model(tensor("w", 0, 1001))),
            ("name", &|model| *model = self::model(tensor("v", 0, 1000))),
            ("small constant", &|model| model.graph.as_mut().unwrap().initializer.push(tensor("c", 1, 2))),
            ("node", &|model| model.graph.as_mut().unwrap().node.push(NodeProto::default())),
        ];
        for (what, change) in other {
            assert_ne!(hash(change), plain, "{what}");
        }
        let two = |elements| structure(&model(tensor("w", elements, 2)));
        assert_ne!(two(0), two(1), "a small constant may decide a shape");
    }
}
