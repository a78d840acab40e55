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

/// The same tensors, to be changed.
pub(super) fn each_tensor_mut(model: &mut ModelProto, visit: &mut impl FnMut(&mut TensorProto)) {
    let training = model
        .training_info
        .iter_mut()
        .flat_map(|info| info.initialization.iter_mut().chain(&mut info.algorithm));
    for graph in model.graph.iter_mut().chain(training) {
        change_graph(graph, visit);
    }
    for function in &mut model.functions {
        change_nodes(&mut function.node, visit);
        change_attributes(&mut function.attribute_proto, visit);
    }
}

fn change_graph(graph: &mut GraphProto, visit: &mut impl FnMut(&mut TensorProto)) {
    graph.initializer.iter_mut().for_each(&mut *visit);
    change_sparse(&mut graph.sparse_initializer, visit);
    change_nodes(&mut graph.node, visit);
}

fn change_nodes(nodes: &mut [NodeProto], visit: &mut impl FnMut(&mut TensorProto)) {
    nodes.iter_mut().for_each(|node| change_attributes(&mut node.attribute, visit));
}

fn change_attributes(attributes: &mut [AttributeProto], visit: &mut impl FnMut(&mut TensorProto)) {
    for attribute in attributes {
        attribute.t.as_deref_mut().into_iter().chain(&mut attribute.tensors).for_each(&mut *visit);
        change_sparse(attribute.sparse_tensor.as_deref_mut(), visit);
        change_sparse(&mut attribute.sparse_tensors, visit);
        let graphs = attribute.g.as_deref_mut().into_iter().chain(&mut attribute.graphs);
        graphs.for_each(|graph| change_graph(graph, visit));
    }
}

fn change_sparse<'a>(
    tensors: impl IntoIterator<Item = &'a mut SparseTensorProto>,
    visit: &mut impl FnMut(&mut TensorProto),
) {
    let parts = tensors.into_iter().flat_map(|sparse| sparse.values.iter_mut().chain(&mut sparse.indices));
    parts.for_each(visit);
}
