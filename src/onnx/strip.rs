//! Takes the weights out of a model and leaves everything that its cost depends on.

use super::external::dense_bytes;
use super::schema::tensor_proto::DataLocation;
use super::schema::{
    AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, StringStringEntryProto, TensorProto,
};
use super::{Payload, payload};

/// What to take out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StripOptions {
    /// Tensors of at least this many bytes are taken out.
    pub threshold: u64,
    /// The same for int32, int64 and bool tensors, which may decide shapes.
    pub shape_threshold: u64,
    /// The file that the model then refers to, which does not exist.
    pub location: String,
}

impl Default for StripOptions {
    /// 1 KiB, 64 KiB, and a name that says what happened.
    fn default() -> Self {
        Self {
            threshold: 1 << 10,
            shape_threshold: 64 << 10,
            location: "weights-not-included.bin".to_owned(),
        }
    }
}

impl StripOptions {
    /// Bytes from which the elements of a type are taken out.
    pub(super) fn threshold_of(&self, data_type: Option<i32>) -> u64 {
        // int32, int64 and bool decide shapes.
        if matches!(data_type, Some(6 | 7 | 9)) { self.shape_threshold } else { self.threshold }
    }
}

/// What was taken out, and what was not although it is large.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StripReport {
    /// Tensors whose elements were taken out.
    pub stripped: u64,
    /// Bytes that these elements took in the model.
    pub stripped_bytes: u64,
    /// Tensors above their threshold that were kept: strings, which ONNX keeps in the model, and
    /// tensors that hold more or less than their dims say.
    pub kept: u64,
    /// Bytes that these take.
    pub kept_bytes: u64,
    /// Tensors that refer to an external file already, left as they are.
    pub external: u64,
}

/// Replaces large weights by references to a file that does not exist.
///
/// Looks at initializers, dense and sparse, and at tensors of `Constant` nodes, in the main graph, in
/// subgraphs, in functions and in training graphs. Names, types and dims stay, so that shapes,
/// parameters and every other count are those of the whole model.
pub fn strip(model: &mut ModelProto, options: &StripOptions) -> StripReport {
    let mut strip = Strip { options, end: 0, report: StripReport::default() };
    let training = model
        .training_info
        .iter_mut()
        .flat_map(|info| info.initialization.iter_mut().chain(&mut info.algorithm));
    for graph in model.graph.iter_mut().chain(training) {
        strip.graph(graph);
    }
    for function in &mut model.functions {
        strip.nodes(&mut function.node);
    }
    strip.report
}

struct Strip<'a> {
    options: &'a StripOptions,
    /// Where the next tensor would start in the file.
    end: u64,
    report: StripReport,
}

impl Strip<'_> {
    fn graph(&mut self, graph: &mut GraphProto) {
        graph.initializer.iter_mut().for_each(|tensor| self.tensor(tensor));
        graph.sparse_initializer.iter_mut().for_each(|tensor| self.sparse(tensor));
        self.nodes(&mut graph.node);
    }

    fn nodes(&mut self, nodes: &mut [NodeProto]) {
        for node in nodes {
            let constant = node.op_type == "Constant" && matches!(node.domain.as_str(), "" | "ai.onnx");
            for attribute in &mut node.attribute {
                if constant {
                    self.constant(attribute);
                }
                attribute
                    .g
                    .as_deref_mut()
                    .into_iter()
                    .chain(&mut attribute.graphs)
                    .for_each(|g| self.graph(g));
            }
        }
    }

    fn constant(&mut self, attribute: &mut AttributeProto) {
        attribute.t.as_deref_mut().into_iter().for_each(|tensor| self.tensor(tensor));
        attribute.sparse_tensor.as_deref_mut().into_iter().for_each(|tensor| self.sparse(tensor));
    }

    fn sparse(&mut self, sparse: &mut SparseTensorProto) {
        sparse.values.iter_mut().chain(&mut sparse.indices).for_each(|tensor| self.tensor(tensor));
    }

    fn tensor(&mut self, tensor: &mut TensorProto) {
        let payload = payload(tensor);
        if matches!(payload, Payload::External(_)) {
            self.report.external += 1;
            return;
        }
        let bytes = payload.bytes();
        if bytes < self.options.threshold_of(tensor.data_type) {
            return;
        }
        let length = match payload {
            Payload::Raw(raw) => whole(tensor, Some(raw.len() as u64)),
            Payload::Strings(_) => None,
            _ => whole(tensor, None),
        };
        let Some(length) = length else {
            self.report.kept += 1;
            self.report.kept_bytes += bytes;
            return;
        };
        self.report.stripped += 1;
        self.report.stripped_bytes += bytes;
        refer(tensor, &self.options.location, self.end, length);
        self.end = self.end.saturating_add(length);
    }
}

/// Bytes of the elements in another file: what their dims say, and what is there where they are raw. `None` if these
/// differ.
pub(super) fn whole(tensor: &TensorProto, raw: Option<u64>) -> Option<u64> {
    dense_bytes(tensor).filter(|dense| raw.map_or(*dense > 0, |raw| raw == *dense))
}

/// Makes a tensor refer to a range of another file in place of holding its elements.
pub(super) fn refer(tensor: &mut TensorProto, location: &str, offset: u64, length: u64) {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    tensor.raw_data = None;
    for field in [
        &mut tensor.float_data,
        &mut tensor.double_data,
        &mut tensor.int32_data,
        &mut tensor.int64_data,
        &mut tensor.uint64_data,
    ] {
        field.clear();
    }
    tensor.segment = None;
    tensor.data_location = Some(DataLocation::External as i32);
    tensor.external_data = vec![
        entry("location", location.to_owned()),
        entry("offset", offset.to_string()),
        entry("length", length.to_string()),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::external;
    use crate::onnx::schema::FunctionProto;

    const FLOAT: i32 = 1;
    const INT64: i32 = 7;
    const STRING: i32 = 8;

    fn raw(data_type: i32, dims: &[i64], bytes: usize) -> TensorProto {
        TensorProto {
            data_type: Some(data_type),
            dims: dims.to_vec(),
            raw_data: Some(vec![0; bytes].into()),
            ..Default::default()
        }
    }

    fn constant(tensor: TensorProto) -> NodeProto {
        let attribute = AttributeProto { t: Some(Box::new(tensor)), ..Default::default() };
        NodeProto { op_type: "Constant".to_owned(), attribute: vec![attribute], ..Default::default() }
    }

    fn with(initializer: Vec<TensorProto>) -> ModelProto {
        ModelProto { graph: Some(GraphProto { initializer, ..Default::default() }), ..Default::default() }
    }

    #[test]
    fn large_weights_become_references_and_keep_type_and_dims() {
        let typed = TensorProto {
            data_type: Some(FLOAT),
            dims: vec![256],
            float_data: vec![vec![0; 512].into(), vec![0; 512].into()],
            ..Default::default()
        };
        let mut model = with(vec![raw(FLOAT, &[16, 16], 1024), typed]);
        let report = strip(&mut model, &StripOptions::default());
        assert_eq!(report, StripReport { stripped: 2, stripped_bytes: 2048, ..Default::default() });
        let tensors = model.graph.unwrap().initializer;
        assert_eq!(tensors[0].dims, [16, 16]);
        assert_eq!(tensors[1].data_type, Some(FLOAT));
        for (tensor, offset) in tensors.iter().zip([0, 1024]) {
            let range = external(tensor).unwrap();
            assert_eq!((range.location, range.offset), ("weights-not-included.bin", offset));
            assert_eq!(range.length, Some(1024));
            assert!(tensor.raw_data.is_none() && tensor.float_data.is_empty());
        }
    }

    #[test]
    fn what_may_decide_shapes_and_what_cannot_move_stays() {
        let strings = TensorProto {
            data_type: Some(STRING),
            dims: vec![1],
            string_data: vec![vec![b'a'; 2000].into()],
            ..Default::default()
        };
        let kept = vec![
            raw(FLOAT, &[255], 1020),
            raw(INT64, &[8191], 65528),
            strings,
            // Holds less than its dims say, and has impossible dims.
            raw(FLOAT, &[1000], 2000),
            raw(FLOAT, &[-1], 2000),
        ];
        let mut model = with(kept.clone());
        let report = strip(&mut model, &StripOptions::default());
        assert_eq!(report, StripReport { kept: 3, kept_bytes: 6000, ..Default::default() });
        assert_eq!(model.graph.unwrap().initializer, kept);

        let mut model = with(vec![raw(INT64, &[8192], 65536)]);
        assert_eq!(strip(&mut model, &StripOptions::default()).stripped, 1);
    }

    #[test]
    fn weights_are_found_wherever_they_are_and_once() {
        let weight = || raw(FLOAT, &[256], 1024);
        let sparse = SparseTensorProto { values: Some(weight()), ..Default::default() };
        let body =
            GraphProto { node: vec![constant(weight())], initializer: vec![weight()], ..Default::default() };
        let branch = AttributeProto { g: Some(Box::new(body)), ..Default::default() };
        let mut model = with(vec![weight()]);
        let graph = model.graph.as_mut().unwrap();
        graph.sparse_initializer = vec![sparse];
        graph.node = vec![
            constant(weight()),
            NodeProto { op_type: "If".to_owned(), attribute: vec![branch], ..Default::default() },
            // Another operator may need its tensor.
            NodeProto { op_type: "Other".to_owned(), ..constant(weight()) },
        ];
        model.functions = vec![FunctionProto { node: vec![constant(weight())], ..Default::default() }];

        assert_eq!(strip(&mut model, &StripOptions::default()).stripped, 6);
        let again = strip(&mut model, &StripOptions::default());
        assert_eq!(again, StripReport { external: 6, ..Default::default() });
    }
}
