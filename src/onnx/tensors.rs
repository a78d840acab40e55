//! Every tensor of a model, wherever it is.

use super::schema::{AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto};

/// Calls `visit` with every tensor of a model: initializers, dense and sparse, and tensors in
/// attributes, in the main graph, in subgraphs, in functions and in training graphs.
///
/// The values and the indices of a sparse tensor are two tensors.
pub fn each_tensor<'a>(model: &'a ModelProto, visit: &mut impl FnMut(&'a TensorProto)) {
    let training =
        model.training_info.iter().flat_map(|info| info.initialization.iter().chain(&info.algorithm));
    for graph in model.graph.iter().chain(training) {
        of_graph(graph, visit);
    }
    for function in &model.functions {
        of_nodes(&function.node, visit);
        of_attributes(&function.attribute_proto, visit);
    }
}

fn of_graph<'a>(graph: &'a GraphProto, visit: &mut impl FnMut(&'a TensorProto)) {
    graph.initializer.iter().for_each(&mut *visit);
    of_sparse(&graph.sparse_initializer, visit);
    of_nodes(&graph.node, visit);
}

fn of_nodes<'a>(nodes: &'a [NodeProto], visit: &mut impl FnMut(&'a TensorProto)) {
    nodes.iter().for_each(|node| of_attributes(&node.attribute, visit));
}

fn of_attributes<'a>(attributes: &'a [AttributeProto], visit: &mut impl FnMut(&'a TensorProto)) {
    for attribute in attributes {
        attribute.t.as_deref().into_iter().chain(&attribute.tensors).for_each(&mut *visit);
        of_sparse(attribute.sparse_tensor.as_deref(), visit);
        of_sparse(&attribute.sparse_tensors, visit);
        attribute.g.as_deref().into_iter().chain(&attribute.graphs).for_each(|graph| of_graph(graph, visit));
    }
}

fn of_sparse<'a>(
    tensors: impl IntoIterator<Item = &'a SparseTensorProto>,
    visit: &mut impl FnMut(&'a TensorProto),
) {
    tensors.into_iter().flat_map(|sparse| sparse.values.iter().chain(&sparse.indices)).for_each(visit);
}
