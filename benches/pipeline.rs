//! Reading, inference, counting and estimating: on the bundled models, and on chains of nodes, where time must
//! grow in proportion to their number.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ergometer::device::Catalogue;
use ergometer::onnx::schema::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, tensor_shape_proto, type_proto,
};
use ergometer::predict::{self, Runtime};
use ergometer::{cost, graph, onnx};
use prost::Message;

/// Numbers of nodes in a chain: decades, so that the growth shows.
const CHAINS: [usize; 3] = [1_000, 10_000, 100_000];

/// The files in `models/`, by name.
fn bundled() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut models: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("models/ is there")
        .map(|entry| entry.expect("the entry reads").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    models.sort();
    models
}

fn name(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A float32 value of shape `[batch, 64]`.
fn float(name: &str) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension};
    let dim = |value| Dimension { value: Some(value), denotation: None };
    let shape = TensorShapeProto {
        dim: vec![dim(dimension::Value::DimParam("batch".into())), dim(dimension::Value::DimValue(64))],
    };
    let tensor = type_proto::Tensor { elem_type: 1, shape: Some(shape) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None }),
        ..ValueInfoProto::default()
    }
}

/// MatMul and Relu in turn, all with one weight.
fn chain(length: usize) -> ModelProto {
    let weight = TensorProto {
        name: "weight".into(),
        dims: vec![64, 64],
        data_type: Some(1),
        raw_data: Some(vec![0; 4 * 64 * 64].into()),
        ..TensorProto::default()
    };
    let node = (0..length).map(|index| {
        let from = format!("value_{index}");
        let (op_type, input) =
            if index % 2 == 0 { ("MatMul", vec![from, "weight".into()]) } else { ("Relu", vec![from]) };
        NodeProto {
            name: format!("/block{}/{op_type}", index / 2),
            op_type: op_type.into(),
            input,
            output: vec![format!("value_{}", index + 1)],
            ..NodeProto::default()
        }
    });
    let graph = GraphProto {
        node: node.collect(),
        initializer: vec![weight],
        input: vec![float("value_0")],
        output: vec![float(&format!("value_{length}"))],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for path in bundled() {
        group.bench_with_input(BenchmarkId::from_parameter(name(&path)), &path, |bencher, path| {
            bencher.iter(|| onnx::read(black_box(path)).expect("the model reads"));
        });
    }
    for length in CHAINS {
        let bytes = Bytes::from(chain(length).encode_to_vec());
        group.throughput(Throughput::Elements(length as u64));
        group.bench_with_input(BenchmarkId::new("chain", length), &bytes, |bencher, bytes| {
            bencher.iter(|| onnx::decode(black_box(bytes.clone())).expect("the model decodes"));
        });
    }
}

fn infer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("infer");
    let request = graph::Request::default();
    for path in bundled() {
        let model = onnx::read(&path).expect("the model reads");
        group.bench_with_input(BenchmarkId::from_parameter(name(&path)), &model.proto, |bencher, model| {
            bencher.iter(|| graph::infer(black_box(model), &request).expect("the model infers"));
        });
    }
    for length in CHAINS {
        let model = chain(length);
        group.throughput(Throughput::Elements(length as u64));
        group.bench_with_input(BenchmarkId::new("chain", length), &model, |bencher, model| {
            bencher.iter(|| graph::infer(black_box(model), &request).expect("the model infers"));
        });
    }
}

fn count(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count");
    let request = graph::Request::default();
    for path in bundled() {
        let model = onnx::read(&path).expect("the model reads");
        let typed = graph::infer(&model.proto, &request).expect("the model infers");
        group.bench_with_input(BenchmarkId::from_parameter(name(&path)), &typed, |bencher, typed| {
            bencher.iter(|| cost::count(black_box(typed)).expect("the totals fit"));
        });
    }
    for length in CHAINS {
        let model = chain(length);
        let typed = graph::infer(&model, &request).expect("the model infers");
        group.throughput(Throughput::Elements(length as u64));
        group.bench_with_input(BenchmarkId::new("chain", length), &typed, |bencher, typed| {
            bencher.iter(|| cost::count(black_box(typed)).expect("the totals fit"));
        });
    }
}

fn estimate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("predict");
    let device = Catalogue::builtin().find("a100").expect("the catalogue has an A100");
    for runtime in [Runtime::Eager, Runtime::Compiled] {
        let request = predict::Request { runtime: Some(runtime), ..predict::Request::default() };
        for path in bundled() {
            let model = onnx::read(&path).expect("the model reads");
            let typed = graph::infer(&model.proto, &graph::Request::default()).expect("the model infers");
            let counted = cost::count(&typed).expect("the totals fit");
            let id = BenchmarkId::new(runtime.name(), name(&path));
            group.throughput(Throughput::Elements(counted.layers.len() as u64));
            group.bench_with_input(id, &counted, |bencher, counted| {
                bencher
                    .iter(|| predict::predict(black_box(counted), device, &request).expect("it has a rate"));
            });
        }
    }
}

criterion_group! {
    name = pipeline;
    config = Criterion::default().sample_size(20);
    targets = read, infer, count, estimate
}
criterion_main!(pipeline);
