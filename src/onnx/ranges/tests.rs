#![allow(clippy::cast_possible_truncation, reason = "places in bytes that are in memory")]

use super::*;
use crate::onnx::schema::tensor_proto::DataLocation;
use crate::onnx::schema::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
};
use crate::onnx::{strip, structure};

const FLOAT: i32 = 1;
const INT64: i32 = 7;
const STRING: i32 = 8;

/// Bytes in memory that count what is read of them.
struct Counted {
    bytes: Bytes,
    requests: usize,
    read: u64,
}

impl Counted {
    fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), requests: 0, read: 0 }
    }
}

impl Ranges for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&mut self, from: u64, length: u64) -> io::Result<Bytes> {
        assert!(length > 0 && from + length <= self.size(), "{from} + {length} of {}", self.size());
        self.requests += 1;
        self.read += length;
        Ok(self.bytes.slice(from as usize..(from + length) as usize))
    }
}

fn raw(name: &str, data_type: i32, dims: &[i64], bytes: usize) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: Some(data_type),
        dims: dims.to_vec(),
        raw_data: Some(vec![1; bytes].into()),
        ..Default::default()
    }
}

fn node(op_type: &str, attribute: AttributeProto) -> NodeProto {
    NodeProto { op_type: op_type.to_owned(), attribute: vec![attribute], ..Default::default() }
}

fn holds(tensor: TensorProto) -> AttributeProto {
    AttributeProto { name: "value".to_owned(), t: Some(Box::new(tensor)), ..Default::default() }
}

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { version: 17, ..Default::default() }],
        ..Default::default()
    }
}

/// Weights wherever they may be, and everything that looks like one and must stay.
fn everything() -> ModelProto {
    let typed = TensorProto {
        data_type: Some(FLOAT),
        dims: vec![256],
        float_data: vec![vec![0; 1024].into()],
        ..Default::default()
    };
    let strings = TensorProto {
        data_type: Some(STRING),
        dims: vec![1],
        string_data: vec![vec![b'a'; 3000].into()],
        ..Default::default()
    };
    let body = GraphProto {
        node: vec![node("Constant", holds(raw("", FLOAT, &[900], 3600)))],
        initializer: vec![raw("inner", FLOAT, &[300], 1200)],
        ..Default::default()
    };
    let branch = AttributeProto { name: "then".to_owned(), g: Some(Box::new(body)), ..Default::default() };
    let sparse = SparseTensorProto { values: Some(raw("sparse", FLOAT, &[400], 1600)), ..Default::default() };
    let mut model = model(GraphProto {
        node: vec![
            node("Constant", holds(raw("", FLOAT, &[500], 2000))),
            node("TreeEnsemble", holds(raw("thresholds", FLOAT, &[500], 2000))),
            node("If", branch),
        ],
        initializer: vec![
            raw("large", FLOAT, &[512, 512], 1 << 20),
            raw("small", FLOAT, &[255], 1020),
            raw("shape", INT64, &[8191], 65528),
            raw("long", INT64, &[8192], 65536),
            raw("lies", FLOAT, &[1000], 2000),
            raw("impossible", FLOAT, &[-1], 2000),
            typed,
            strings,
        ],
        sparse_initializer: vec![sparse],
        ..Default::default()
    });
    model.functions = vec![FunctionProto {
        node: vec![node("Constant", holds(raw("", FLOAT, &[600], 2400)))],
        ..Default::default()
    }];
    model
}

#[test]
fn what_is_kept_is_what_strip_leaves() {
    let whole = everything();
    let mut source = Counted::new(whole.encode_to_vec());
    let read = read_ranges(&mut source, Path::new("model")).unwrap();
    assert_eq!(read.bytes, source.size());
    let mut stripped = whole.clone();
    strip(&mut stripped, &StripOptions::default());
    assert_eq!(structure(&read.proto), structure(&whole));
    let kept = |tensor: &TensorProto| {
        (tensor.name.clone(), tensor.data_location == Some(DataLocation::External as i32))
    };
    let kept =
        |model: &ModelProto| model.graph.as_ref().unwrap().initializer.iter().map(kept).collect::<Vec<_>>();
    assert_eq!(kept(&read.proto), kept(&stripped));
    // The same messages, but for where a file that is not there would hold the weights.
    let without_places = |mut model: ModelProto| {
        crate::onnx::tensors::each_tensor_mut(&mut model, &mut |tensor| tensor.external_data.clear());
        model
    };
    assert_eq!(without_places(read.proto), without_places(stripped));
}

#[test]
fn weights_are_stepped_over() {
    let weights = (0..40).map(|n| raw(&format!("block.{n}.weight"), FLOAT, &[256, 1024], 1 << 20)).collect();
    let nodes =
        (0..500).map(|n| NodeProto { name: format!("node.{n}"), ..node("Relu", AttributeProto::default()) });
    let graph = GraphProto { node: nodes.collect(), initializer: weights, ..Default::default() };
    let mut source = Counted::new(model(graph).encode_to_vec());
    read_ranges(&mut source, Path::new("model")).unwrap();
    // The first window, and half a kilobyte for each weight.
    assert!(source.read <= FIRST + 41 * 2 * AFTER_LEAP, "{} bytes in {}", source.read, source.requests);
    assert!(source.requests <= 42, "{}", source.requests);
}

#[test]
fn many_small_weights_take_few_requests() {
    let weights = (0..4000).map(|n| raw(&format!("bias.{n}"), FLOAT, &[512], 2048)).collect();
    let mut source =
        Counted::new(model(GraphProto { initializer: weights, ..Default::default() }).encode_to_vec());
    read_ranges(&mut source, Path::new("model")).unwrap();
    assert!(source.requests < 80, "{} requests for {} bytes", source.requests, source.size());
}

#[test]
fn scattered_weights_and_endless_text_have_an_end() {
    // 40,000 weights of 20 KiB, each a leap: virtual, or the test would hold them.
    struct Scattered {
        head: Vec<u8>,
        record: Vec<u8>,
        count: u64,
    }
    impl Ranges for Scattered {
        fn size(&self) -> u64 {
            self.head.len() as u64 + self.record.len() as u64 * self.count
        }

        fn read(&mut self, from: u64, length: u64) -> io::Result<Bytes> {
            let (head, record) = (self.head.len() as u64, self.record.len() as u64);
            let byte = |at: u64| match at.checked_sub(head) {
                None => self.head[at as usize],
                Some(at) => self.record[(at % record) as usize],
            };
            Ok((from..from + length).map(byte).collect())
        }
    }
    let record = GraphProto { initializer: vec![raw("w", FLOAT, &[5120], 20480)], ..Default::default() };
    let record = record.encode_to_vec();
    let count = 40_000;
    let mut head = vec![8, 8];
    encode_key(7, WireType::LengthDelimited, &mut head);
    encode_varint(record.len() as u64 * count, &mut head);
    let error = read_ranges(&mut Scattered { head, record, count }, Path::new("model")).unwrap_err();
    assert_eq!(error.code(), "too-large");

    // A name of 300 MiB.
    let mut head = vec![8, 8];
    encode_key(2, WireType::LengthDelimited, &mut head);
    encode_varint(300 << 20, &mut head);
    let error =
        read_ranges(&mut Scattered { head, record: vec![b'a'], count: 300 << 20 }, Path::new("model"));
    assert_eq!(error.unwrap_err().code(), "too-large");
}

#[test]
fn what_is_no_model_is_told_as_of_a_file() {
    let page = b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec();
    let cut = everything().encode_to_vec()[..700_000].to_vec();
    for (bytes, code) in
        [(vec![], "empty"), (page, "not-onnx"), (cut, "truncated"), (vec![0; 100], "not-onnx")]
    {
        let error = read_ranges(&mut Counted::new(bytes.clone()), Path::new("model")).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(decode(bytes.into()).unwrap_err().code(), code);
    }
}

#[test]
fn a_model_that_ends_anywhere_or_has_any_byte_wrong_is_no_panic() {
    let whole = everything().encode_to_vec();
    // The structure before the large weight, and its end.
    let places = (0..20_000).step_by(7).chain(whole.len() - 20_000..whole.len());
    for at in places.filter(|at| *at < whole.len()) {
        let _ = read_ranges(&mut Counted::new(whole[..at].to_vec()), Path::new("model"));
    }
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            let at = random.usize(..20_000);
            bytes[at] = random.u8(..);
        }
        let _ = read_ranges(&mut Counted::new(bytes), Path::new("model"));
    }
}

#[test]
fn a_source_that_gives_less_than_it_said_is_an_error() {
    struct Short;
    impl Ranges for Short {
        fn size(&self) -> u64 {
            100
        }

        fn read(&mut self, _: u64, _: u64) -> io::Result<Bytes> {
            Ok(Bytes::from_static(&[8]))
        }
    }
    assert_eq!(read_ranges(&mut Short, Path::new("model")).unwrap_err().code(), "io");
}
