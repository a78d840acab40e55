//! Our reader against an independent one, field by field, on every model at hand.
//!
//! The witness is `onnx-protobuf`, another author's schema under another decoder. It is in the tests and
//! not in the program because it copies every weight (256 MB of memory for a 268 MB model), because its
//! schema ends at IR version 10 (ONNX 1.16: newer fields and element types are unknown to it), and
//! because it builds with one version of its runtime only, which a small file of nested groups
//! overflows the stack of (RUSTSEC-2024-0437). Models of a later IR version are left out here.
//!
//! Compared are the bundled models, and the zoo in `$ERGOMETER_ZOO` or else in `../shared/zoo`; without
//! optimisation a sample of it, for time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, on values it chose"
)]

use std::fs;
use std::path::{Path, PathBuf};

use ergometer::onnx::schema as ours;
use ergometer::onnx::{self, Payload};
use onnx_protobuf as theirs;
use onnx_protobuf::Message;

/// The newest IR version that the witness knows.
const WITNESS_IR: i64 = 10;

/// Of the zoo, one model in so many is compared in a build without optimisation.
const SAMPLE: usize = if cfg!(debug_assertions) { 4 } else { 1 };

/// Every `.onnx` file below a folder, sorted.
fn models_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "onnx") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Compares the models and returns how many there were.
fn compare_all(paths: &[PathBuf]) -> usize {
    let mut compared = 0;
    for path in paths {
        let model = onnx::read(path).unwrap_or_else(|error| panic!("{error}"));
        if model.proto.ir_version.unwrap_or(0) > WITNESS_IR {
            continue;
        }
        let witness = theirs::ModelProto::parse_from_bytes(&fs::read(path).unwrap()).unwrap();
        same_model(&model.proto, &witness, &path.display().to_string());
        compared += 1;
    }
    compared
}

#[test]
fn bundled_models_read_as_the_witness_reads_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let paths = models_below(&folder);
    if paths.is_empty() {
        println!("skipped: {} holds no model", folder.display());
        return;
    }
    println!("{} of {} bundled models compared", compare_all(&paths), paths.len());
}

#[test]
fn the_zoo_reads_as_the_witness_reads_it() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/zoo");
    let folder = std::env::var_os("ERGOMETER_ZOO").map_or(beside, PathBuf::from);
    let paths: Vec<PathBuf> = models_below(&folder).into_iter().step_by(SAMPLE).collect();
    if paths.is_empty() {
        println!("skipped: {} holds no model; ERGOMETER_ZOO names another folder", folder.display());
        return;
    }
    println!("{} of {} zoo models compared", compare_all(&paths), paths.len());
}

/// The witness writes this one: an encoder that is not ours either.
#[test]
fn what_the_witness_writes_reads_the_same() {
    use theirs::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
    let mut tensor = TensorProto::new();
    tensor.name = "w".to_owned();
    tensor.dims = vec![2, 3];
    tensor.data_type = 1;
    tensor.float_data = vec![1.0, -2.5, 3.0, 4.0, 5.0, f32::MAX];
    let mut numbers = TensorProto::new();
    numbers.dims = vec![3];
    numbers.data_type = 7;
    numbers.int64_data = vec![-1, 0, i64::MAX];
    let mut attribute = AttributeProto::new();
    attribute.name = "value".to_owned();
    attribute.t = Some(numbers).into();
    attribute.ints = vec![-1, 1 << 40];
    attribute.floats = vec![0.5];
    let mut node = NodeProto::new();
    node.op_type = "Constant".to_owned();
    node.output = vec!["c".to_owned()];
    node.attribute = vec![attribute];
    let mut graph = GraphProto::new();
    graph.node = vec![node];
    graph.initializer = vec![tensor];
    let mut opset = OperatorSetIdProto::new();
    opset.version = 21;
    let mut model = ModelProto::new();
    model.ir_version = 8;
    model.opset_import = vec![opset];
    model.graph = Some(graph).into();

    let read = onnx::decode(model.write_to_bytes().unwrap().into()).unwrap();
    same_model(&read, &model, "witness");
    let graph = read.graph.unwrap();
    let weights = onnx::payload(&graph.initializer[0]);
    assert_eq!(onnx::floats(&weights, 1, 6).unwrap(), [1.0, -2.5, 3.0, 4.0, 5.0, f64::from(f32::MAX)]);
    let numbers = onnx::payload(graph.node[0].attribute[0].t.as_ref().unwrap());
    assert_eq!(onnx::ints(&numbers, 7, 3).unwrap(), [-1, 0, i64::MAX]);
}

/// Compares one after the other with a function that is told where it is.
fn same_list<A, B>(ours: &[A], theirs: &[B], at: &str, same: impl Fn(&A, &B, &str)) {
    assert_eq!(ours.len(), theirs.len(), "{at}");
    for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
        same(our, their, &format!("{at}[{index}]"));
    }
}

/// Compares two that may be missing.
fn same_option<A, B>(ours: Option<&A>, theirs: Option<&B>, at: &str, same: impl Fn(&A, &B, &str)) {
    assert_eq!(ours.is_some(), theirs.is_some(), "{at}");
    if let (Some(our), Some(their)) = (ours, theirs) {
        same(our, their, at);
    }
}

/// Compares texts: the witness does not tell a missing one from an empty one.
fn same_text(ours: &Option<String>, theirs: &str, at: &str) {
    assert_eq!(ours.as_deref().unwrap_or(""), theirs, "{at}");
}

fn same_model(ours: &ours::ModelProto, theirs: &theirs::ModelProto, at: &str) {
    assert_eq!(ours.ir_version.unwrap_or(0), theirs.ir_version, "{at}");
    assert_eq!(ours.model_version.unwrap_or(0), theirs.model_version, "{at}");
    same_text(&ours.producer_name, &theirs.producer_name, at);
    same_text(&ours.producer_version, &theirs.producer_version, at);
    same_text(&ours.domain, &theirs.domain, at);
    same_text(&ours.doc_string, &theirs.doc_string, at);
    same_opsets(&ours.opset_import, &theirs.opset_import, at);
    same_entries(&ours.metadata_props, &theirs.metadata_props, at);
    same_option(ours.graph.as_ref(), theirs.graph.as_ref(), &format!("{at} graph"), same_graph);
    same_list(&ours.functions, &theirs.functions, &format!("{at} functions"), same_function);
    same_list(&ours.training_info, &theirs.training_info, &format!("{at} training"), |our, their, at| {
        same_option(our.initialization.as_ref(), their.initialization.as_ref(), at, same_graph);
        same_option(our.algorithm.as_ref(), their.algorithm.as_ref(), at, same_graph);
    });
}

fn same_opsets(ours: &[ours::OperatorSetIdProto], theirs: &[theirs::OperatorSetIdProto], at: &str) {
    same_list(ours, theirs, &format!("{at}.opset_import"), |our, their, at| {
        assert_eq!((&our.domain, our.version), (&their.domain, their.version), "{at}");
    });
}

fn same_entries(ours: &[ours::StringStringEntryProto], theirs: &[theirs::StringStringEntryProto], at: &str) {
    same_list(ours, theirs, at, |our, their, at| {
        assert_eq!((&our.key, &our.value), (&their.key, &their.value), "{at}");
    });
}

fn same_graph(ours: &ours::GraphProto, theirs: &theirs::GraphProto, at: &str) {
    same_text(&ours.name, &theirs.name, at);
    same_text(&ours.doc_string, &theirs.doc_string, at);
    same_list(&ours.node, &theirs.node, &format!("{at}.node"), same_node);
    same_list(&ours.initializer, &theirs.initializer, &format!("{at}.initializer"), same_tensor);
    same_list(&ours.sparse_initializer, &theirs.sparse_initializer, &format!("{at}.sparse"), same_sparse);
    same_list(&ours.input, &theirs.input, &format!("{at}.input"), same_value);
    same_list(&ours.output, &theirs.output, &format!("{at}.output"), same_value);
    same_list(&ours.value_info, &theirs.value_info, &format!("{at}.value_info"), same_value);
    same_entries(&ours.metadata_props, &theirs.metadata_props, at);
    same_list(&ours.quantization_annotation, &theirs.quantization_annotation, at, |our, their, at| {
        assert_eq!(our.tensor_name, their.tensor_name, "{at}");
        same_entries(&our.quant_parameter_tensor_names, &their.quant_parameter_tensor_names, at);
    });
}

fn same_function(ours: &ours::FunctionProto, theirs: &theirs::FunctionProto, at: &str) {
    assert_eq!((&ours.name, &ours.domain), (&theirs.name, &theirs.domain), "{at}");
    assert_eq!(ours.overload, theirs.overload, "{at}");
    assert_eq!((&ours.input, &ours.output), (&theirs.input, &theirs.output), "{at}");
    assert_eq!(ours.attribute, theirs.attribute, "{at}");
    same_opsets(&ours.opset_import, &theirs.opset_import, at);
    same_list(&ours.node, &theirs.node, at, same_node);
    same_list(&ours.attribute_proto, &theirs.attribute_proto, at, same_attribute);
    same_list(&ours.value_info, &theirs.value_info, at, same_value);
}

fn same_node(ours: &ours::NodeProto, theirs: &theirs::NodeProto, at: &str) {
    assert_eq!((&ours.name, &ours.op_type), (&theirs.name, &theirs.op_type), "{at}");
    assert_eq!((&ours.domain, &ours.overload), (&theirs.domain, &theirs.overload), "{at}");
    assert_eq!((&ours.input, &ours.output), (&theirs.input, &theirs.output), "{at}");
    same_text(&ours.doc_string, &theirs.doc_string, at);
    same_entries(&ours.metadata_props, &theirs.metadata_props, at);
    same_list(&ours.attribute, &theirs.attribute, &format!("{at}.attribute"), same_attribute);
}

fn same_attribute(ours: &ours::AttributeProto, theirs: &theirs::AttributeProto, at: &str) {
    assert_eq!((&ours.name, &ours.ref_attr_name), (&theirs.name, &theirs.ref_attr_name), "{at}");
    assert_eq!(ours.r#type.unwrap_or(0), theirs.type_.value(), "{at}");
    assert_eq!(ours.i.unwrap_or(0), theirs.i, "{at}");
    assert_eq!(ours.f.unwrap_or(0.0).to_bits(), theirs.f.to_bits(), "{at}");
    assert_eq!(ours.s.as_deref().unwrap_or(b""), theirs.s, "{at}");
    assert_eq!(ours.ints, theirs.ints, "{at}");
    let bits = |floats: &[f32]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&ours.floats), bits(&theirs.floats), "{at}");
    same_list(&ours.strings, &theirs.strings, at, |our, their, at| assert_eq!(our, their, "{at}"));
    same_option(ours.t.as_deref(), theirs.t.as_ref(), &format!("{at}.t"), same_tensor);
    same_option(ours.g.as_deref(), theirs.g.as_ref(), &format!("{at}.g"), same_graph);
    same_option(ours.tp.as_deref(), theirs.tp.as_ref(), &format!("{at}.tp"), same_type);
    same_option(ours.sparse_tensor.as_deref(), theirs.sparse_tensor.as_ref(), at, same_sparse);
    same_list(&ours.tensors, &theirs.tensors, &format!("{at}.tensors"), same_tensor);
    same_list(&ours.graphs, &theirs.graphs, &format!("{at}.graphs"), same_graph);
    same_list(&ours.sparse_tensors, &theirs.sparse_tensors, at, same_sparse);
    same_list(&ours.type_protos, &theirs.type_protos, at, same_type);
}

fn same_sparse(ours: &ours::SparseTensorProto, theirs: &theirs::SparseTensorProto, at: &str) {
    assert_eq!(ours.dims, theirs.dims, "{at}");
    same_option(ours.values.as_ref(), theirs.values.as_ref(), at, same_tensor);
    same_option(ours.indices.as_ref(), theirs.indices.as_ref(), at, same_tensor);
}

fn same_tensor(ours: &ours::TensorProto, theirs: &theirs::TensorProto, at: &str) {
    assert_eq!((&ours.name, &ours.dims), (&theirs.name, &theirs.dims), "{at}");
    assert_eq!(ours.data_type.unwrap_or(0), theirs.data_type, "{at}");
    assert_eq!(ours.data_location.unwrap_or(0), theirs.data_location.value(), "{at}");
    same_text(&ours.doc_string, &theirs.doc_string, at);
    same_entries(&ours.external_data, &theirs.external_data, at);
    assert_eq!(ours.raw_data.as_deref().unwrap_or(b""), theirs.raw_data, "{at}");
    same_list(&ours.string_data, &theirs.string_data, at, |our, their, at| assert_eq!(our, their, "{at}"));

    // Ours are packed bytes; what they hold is read for the type that each field is written for.
    let as_floats = |payload: Payload<'_>, code, count| onnx::floats(&payload, code, count).unwrap();
    let as_ints = |payload: Payload<'_>, code, count| onnx::ints(&payload, code, count).unwrap();
    let bits = |floats: Vec<f64>| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    if !theirs.float_data.is_empty() || !ours.float_data.is_empty() {
        let wide = theirs.float_data.iter().map(|float| f64::from(*float)).collect::<Vec<_>>();
        assert_eq!(bits(as_floats(Payload::Floats(&ours.float_data), 1, wide.len())), bits(wide), "{at}");
    }
    if !theirs.double_data.is_empty() || !ours.double_data.is_empty() {
        let found = as_floats(Payload::Doubles(&ours.double_data), 11, theirs.double_data.len());
        assert_eq!(bits(found), bits(theirs.double_data.clone()), "{at}");
    }
    if !theirs.int32_data.is_empty() || !ours.int32_data.is_empty() {
        let wide = theirs.int32_data.iter().map(|number| i64::from(*number)).collect::<Vec<_>>();
        assert_eq!(as_ints(Payload::Int32s(&ours.int32_data), 6, wide.len()), wide, "{at}");
    }
    if !theirs.int64_data.is_empty() || !ours.int64_data.is_empty() {
        let found = as_ints(Payload::Int64s(&ours.int64_data), 7, theirs.int64_data.len());
        assert_eq!(found, theirs.int64_data, "{at}");
    }
    if !theirs.uint64_data.is_empty() || !ours.uint64_data.is_empty() {
        let found = as_ints(Payload::Uint64s(&ours.uint64_data), 13, theirs.uint64_data.len());
        let wide = theirs.uint64_data.iter().map(|number| i64::try_from(*number).unwrap());
        assert_eq!(found, wide.collect::<Vec<_>>(), "{at}");
    }
}

fn same_value(ours: &ours::ValueInfoProto, theirs: &theirs::ValueInfoProto, at: &str) {
    assert_eq!(ours.name, theirs.name, "{at}");
    same_text(&ours.doc_string, &theirs.doc_string, at);
    same_entries(&ours.metadata_props, &theirs.metadata_props, at);
    same_option(ours.r#type.as_ref(), theirs.type_.as_ref(), at, same_type);
}

fn same_type(ours: &ours::TypeProto, theirs: &theirs::TypeProto, at: &str) {
    use ours::type_proto::Value as Our;
    use theirs::type_proto::Value as Their;
    same_text(&ours.denotation, &theirs.denotation, at);
    match (&ours.value, &theirs.value) {
        (None, None) => {}
        (Some(Our::TensorType(our)), Some(Their::TensorType(their))) => {
            assert_eq!(our.elem_type, their.elem_type, "{at}");
            same_option(our.shape.as_ref(), their.shape.as_ref(), at, same_shape);
        }
        (Some(Our::SparseTensorType(our)), Some(Their::SparseTensorType(their))) => {
            assert_eq!(our.elem_type, their.elem_type, "{at}");
            same_option(our.shape.as_ref(), their.shape.as_ref(), at, same_shape);
        }
        (Some(Our::SequenceType(our)), Some(Their::SequenceType(their))) => {
            same_option(our.elem_type.as_deref(), their.elem_type.as_ref(), at, same_type);
        }
        (Some(Our::OptionalType(our)), Some(Their::OptionalType(their))) => {
            same_option(our.elem_type.as_deref(), their.elem_type.as_ref(), at, same_type);
        }
        (Some(Our::MapType(our)), Some(Their::MapType(their))) => {
            assert_eq!(our.key_type, their.key_type, "{at}");
            same_option(our.value_type.as_deref(), their.value_type.as_ref(), at, same_type);
        }
        (our, their) => panic!("{at}: {our:?} and {their:?}"),
    }
}

fn same_shape(ours: &ours::TensorShapeProto, theirs: &theirs::TensorShapeProto, at: &str) {
    use ours::tensor_shape_proto::dimension::Value as Our;
    use theirs::tensor_shape_proto::dimension::Value as Their;
    same_list(&ours.dim, &theirs.dim, at, |our, their, at| {
        same_text(&our.denotation, &their.denotation, at);
        match (&our.value, &their.value) {
            (None, None) => {}
            (Some(Our::DimValue(our)), Some(Their::DimValue(their))) => assert_eq!(our, their, "{at}"),
            (Some(Our::DimParam(our)), Some(Their::DimParam(their))) => assert_eq!(our, their, "{at}"),
            (our, their) => panic!("{at}: {our:?} and {their:?}"),
        }
    });
}
