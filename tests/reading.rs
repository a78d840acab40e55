//! What a user meets when a file is read: whole models, other files, damaged and hostile ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, on values it chose"
)]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ergometer::onnx::schema::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use ergometer::onnx::schema::{OperatorSetIdProto, StringStringEntryProto};
use ergometer::onnx::{self, Payload, Presence, Problem, StripOptions};
use proptest::prelude::*;
use prost::Message;

mod wire {
    //! Protobuf by hand: what no encoder writes.

    /// A field with a length and a body.
    pub fn field(number: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = varint(u64::from(number << 3 | 2));
        bytes.extend(varint(body.len() as u64));
        bytes.extend(body);
        bytes
    }

    /// A field that is one number.
    pub fn number(number: u32, value: u64) -> Vec<u8> {
        [varint(u64::from(number << 3)), varint(value)].concat()
    }

    /// A field that is one 32-bit float.
    pub fn float(number: u32, value: f32) -> Vec<u8> {
        let mut bytes = varint(u64::from(number << 3 | 5));
        bytes.extend(value.to_le_bytes());
        bytes
    }

    /// A field that is one 64-bit float.
    pub fn double(number: u32, value: f64) -> Vec<u8> {
        let mut bytes = varint(u64::from(number << 3 | 1));
        bytes.extend(value.to_le_bytes());
        bytes
    }

    pub fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        bytes
    }
}

use wire::{field, number};

/// An empty folder for one test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reading").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The small models that come with the project, as bytes.
fn models() -> Vec<(String, Bytes)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut models: Vec<(String, Bytes)> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap().into()))
        .collect();
    models.sort();
    if models.is_empty() {
        println!("skipped: {} holds no model", folder.display());
    }
    models
}

/// A model of one node around one graph's bytes.
fn model_of(graph: &[u8]) -> Vec<u8> {
    [number(1, 8), field(7, graph), field(8, &number(2, 21))].concat()
}

/// One model that uses every place a tensor may be in.
fn small_model() -> ModelProto {
    let tensor = |name: &str, bytes: usize| TensorProto {
        name: name.to_owned(),
        data_type: Some(1),
        dims: vec![bytes as i64 / 4],
        raw_data: Some(vec![1; bytes].into()),
        ..Default::default()
    };
    let value = AttributeProto {
        name: "value".to_owned(),
        t: Some(Box::new(tensor("", 2048))),
        ..Default::default()
    };
    let constant = NodeProto { op_type: "Constant".to_owned(), attribute: vec![value], ..Default::default() };
    let external = TensorProto {
        data_type: Some(1),
        dims: vec![8],
        data_location: Some(1),
        external_data: [("location", "weights.bin"), ("offset", "64"), ("length", "32")]
            .map(|(key, value)| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() })
            .to_vec(),
        ..Default::default()
    };
    ModelProto {
        ir_version: Some(8),
        graph: Some(GraphProto {
            node: vec![constant],
            initializer: vec![tensor("w", 4096), external],
            ..Default::default()
        }),
        opset_import: vec![OperatorSetIdProto { version: 21, ..Default::default() }],
        ..Default::default()
    }
}

/// Touches everything that reading offers, so that a property over it covers all of it.
fn walk(model: &ModelProto) {
    onnx::each_tensor(model, &mut |tensor| {
        let payload = onnx::payload(tensor);
        let dims = tensor.dims.iter();
        let count =
            dims.fold(1, |count: usize, dim| count.saturating_mul(usize::try_from(*dim).unwrap_or(0)));
        let code = tensor.data_type.unwrap_or(0);
        let _ = onnx::ints(&payload, code, count);
        let _ = onnx::floats(&payload, code, count);
        let _ = onnx::strings(&payload, count);
        let _ = payload.bytes();
    });
    onnx::strip(&mut model.clone(), &StripOptions { threshold: 0, shape_threshold: 0, ..Default::default() });
}

#[test]
fn weights_are_ranges_of_the_file() {
    let graph = field(5, &[number(1, 2), number(2, 1), field(4, &[0; 8]), field(9, &[7; 8])].concat());
    let bytes = Bytes::from(model_of(&graph));
    let inside = bytes.as_ptr_range();
    let model = onnx::decode(bytes.clone()).unwrap();
    let tensor = &model.graph.unwrap().initializer[0];
    assert!(inside.contains(&tensor.raw_data.as_ref().unwrap().as_ptr()));
    assert!(inside.contains(&tensor.float_data[0].as_ptr()));
}

/// As `packed = false` writes them: a key before each element.
#[test]
fn unpacked_elements_read_as_packed_ones() {
    let tensor = |code: u64, elements: &[Vec<u8>]| {
        field(5, &[number(1, elements.len() as u64), number(2, code), elements.concat()].concat())
    };
    let graph = [
        tensor(1, &[wire::float(4, 1.5), wire::float(4, -2.0)]),
        tensor(6, &[number(5, 7), number(5, u64::MAX)]),
        tensor(7, &[number(7, 300), number(7, u64::MAX)]),
        tensor(11, &[wire::double(10, 0.25)]),
        tensor(13, &[number(11, 1 << 40)]),
        // Packed and raw ones beside them stay what they are.
        field(5, &[number(1, 1), number(2, 7), field(7, &[5])].concat()),
        field(5, &[number(1, 1), number(2, 2), field(9, &[9])].concat()),
    ];
    let model = onnx::decode(model_of(&graph.concat()).into()).unwrap();
    let tensors = model.graph.unwrap().initializer;
    let payload = |index: usize| onnx::payload(&tensors[index]);
    assert_eq!(onnx::floats(&payload(0), 1, 2).unwrap(), [1.5, -2.0]);
    assert_eq!(onnx::ints(&payload(1), 6, 2).unwrap(), [7, -1]);
    assert_eq!(onnx::ints(&payload(2), 7, 2).unwrap(), [300, -1]);
    assert_eq!(onnx::floats(&payload(3), 11, 1).unwrap(), [0.25]);
    assert_eq!(onnx::ints(&payload(4), 13, 1).unwrap(), [1 << 40]);
    assert_eq!(onnx::ints(&payload(5), 7, 1).unwrap(), [5]);
    assert!(matches!(payload(6), Payload::Raw(raw) if raw == &[9][..]));
}

/// A file over 2 GiB: sparse, so that it takes no disk, and its holes are never read.
#[test]
fn a_file_beyond_two_gibibytes_reads_without_reading_its_weights() {
    const WEIGHTS: u64 = 5 << 29;
    let tensor =
        [number(1, WEIGHTS / 4), number(2, 1), wire::varint(9 << 3 | 2), wire::varint(WEIGHTS)].concat();
    let initializer = [vec![5 << 3 | 2], wire::varint(tensor.len() as u64 + WEIGHTS), tensor].concat();
    let graph = [vec![7 << 3 | 2], wire::varint(initializer.len() as u64 + WEIGHTS), initializer].concat();

    let path = folder("large").join("large.onnx");
    let mut file = File::create(&path).unwrap();
    file.write_all(&[number(1, 8), graph].concat()).unwrap();
    file.seek(SeekFrom::Current(WEIGHTS as i64)).unwrap();
    file.write_all(&field(8, &number(2, 21))).unwrap();

    let model = onnx::read(&path).unwrap();
    assert!(model.bytes > WEIGHTS);
    let tensor = &model.proto.graph.as_ref().unwrap().initializer[0];
    assert_eq!(onnx::payload(tensor).bytes(), WEIGHTS);
    assert_eq!(model.proto.opset_import[0].version, 21);

    // It can be written once its weights are out.
    let mut proto = model.proto.clone();
    let whole = onnx::write(&proto, &path).unwrap_err();
    assert_eq!(whole.code(), "too-large");
    assert_eq!(onnx::strip(&mut proto, &StripOptions::default()).stripped_bytes, WEIGHTS);
    onnx::write(&proto, &path).unwrap();
    assert!(onnx::read(&path).unwrap().bytes < 200);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_to_its_end() {
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let bytes = small_model().encode_to_vec();
    writer.write_all(&bytes).unwrap();
    drop(writer);
    let path = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
    let model = onnx::read(&path).unwrap();
    assert_eq!(model.bytes, bytes.len() as u64);
    assert_eq!(model.proto, small_model());
}

#[test]
fn what_is_no_file_of_bytes_gets_one_clear_line() {
    let folder = folder("no_file");
    let error = |path: &Path| {
        let error = onnx::read(path).unwrap_err();
        let prefix = format!("{}: ", path.display());
        let line = error.to_string();
        assert!(!line.contains('\n'), "{line}");
        let problem = line.strip_prefix(&prefix).expect("the path comes first").to_owned();
        (error.code(), problem, error.hint().expect("a hint"))
    };
    assert_eq!(error(&folder.join("none.onnx")).0, "not-found");
    assert_eq!(error(&folder.join("none.onnx")).1, "no such file");

    fs::write(folder.join("file"), "").unwrap();
    assert_eq!(error(&folder.join("file")).0, "empty");
    assert_eq!(error(&folder.join("file").join("below")).0, "not-found");

    assert_eq!(error(&folder).0, "directory");
    assert!(error(&folder).2.contains("holds none"));
    for name in ["b.onnx", "a.onnx", "readme.md"] {
        fs::write(folder.join(name), "").unwrap();
    }
    assert_eq!(error(&folder).2, "name a file in it: a.onnx, b.onnx");
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let head = |start: &[u8], rest: &[u8]| [start, rest].concat();
    let tensor = TensorProto { data_type: Some(1), dims: vec![2], ..Default::default() };
    let function = small_model().graph.unwrap().node;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("TensorFlow Lite", b"\x1c\0\0\0TFL3\0\0".to_vec()),
        ("ONNX Runtime", b"\x18\0\0\0ORTM\0\0".to_vec()),
        ("PyTorch", b"PK\x03\x04\0\0\x08\x08\0\0archive/data.pkl".to_vec()),
        ("PyTorch", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec()),
        ("Keras", b"PK\x03\x04\0\0\0\0metadata.json".to_vec()),
        ("an .onnx file in it", b"PK\x03\x04\0\0\0\0model.onnx".to_vec()),
        ("a zip archive", b"PK\x03\x04\0\0\0\0x".to_vec()),
        ("pickle", b"\x80\x04\x95\0\0".to_vec()),
        ("git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n".to_vec()),
        ("GGUF", b"GGUF\x03\0\0\0".to_vec()),
        ("safetensors", b"\x20\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\"}}".to_vec()),
        ("NumPy array", b"\x93NUMPY\x01\0".to_vec()),
        ("HDF5", b"\x89HDF\r\n\x1a\n\0".to_vec()),
        ("gzip", b"\x1f\x8b\x08\0".to_vec()),
        ("zstd", b"\x28\xb5\x2f\xfd\0".to_vec()),
        ("tar", head(&[b'a'; 257], b"ustar\0")),
        // A SavedModel: schema version 1, a MetaGraphDef with an operator list.
        (
            "SavedModel",
            [number(1, 1), field(2, &field(1, &field(2, &field(1, &field(1, b"Const")))))].concat(),
        ),
        // A GraphDef: one node with name, op, and an attribute named dtype.
        (
            "frozen TensorFlow",
            field(1, &[field(1, b"x"), field(2, b"Placeholder"), field(5, &field(1, b"dtype"))].concat()),
        ),
        // A Core ML model: specification version, description, metadata by its converter.
        (
            "Core ML",
            [number(1, 4), field(2, b"\x0a\x02"), field(3, b"com.github.apple.coremltools")].concat(),
        ),
        ("OpenVINO", b"<?xml version=\"1.0\"?>\n<net name=\"x\" version=\"11\">".to_vec()),
        ("a web page", b"\n<!DOCTYPE HTML><html><head>".to_vec()),
        ("written as text", b"ir_version: 8\nproducer_name: \"pytorch\"\n".to_vec()),
        ("JSON", b"{\"error\": \"not found\"}".to_vec()),
        ("text", b"Access denied\n".to_vec()),
        ("TensorProto", tensor.encode_to_vec()),
        ("GraphProto", small_model().graph.unwrap().encode_to_vec()),
        ("NodeProto", NodeProto { output: vec!["y".into()], ..function[0].clone() }.encode_to_vec()),
        ("begins with zeros", vec![0; 512]),
        ("no known model format", b"\xde\xad\xbe\xef\0\x01\x02".to_vec()),
        ("lacks a graph", field(3, b"1.0")),
        ("lacks an ir_version", field(7, &field(11, b""))),
    ];
    for (name, bytes) in cases {
        let problem = onnx::decode(bytes.into()).unwrap_err();
        assert_eq!(problem.code(), "not-onnx", "{name}: {problem}");
        assert!(problem.to_string().contains(name), "{name}: {problem}");
        assert!(problem.hint().is_some(), "{name}");
    }
}

#[test]
fn damage_is_told_by_kind_and_place() {
    let whole = small_model().encode_to_vec();
    let cut = onnx::decode(Bytes::from(whole[..3000].to_vec())).unwrap_err();
    assert_eq!((cut.code(), cut.to_string().contains("graph at byte 2")), ("truncated", true), "{cut}");

    let headless = ModelProto { opset_import: Vec::new(), ..small_model() };
    let problem = onnx::decode(headless.encode_to_vec().into()).unwrap_err();
    assert_eq!(problem.code(), "truncated");
    assert!(problem.to_string().contains("opset_import"), "{problem}");

    // The second of two nodes is a number.
    let wrong = model_of(&[field(1, b""), number(1, 5)].concat());
    let problem = onnx::decode(wrong.into()).unwrap_err();
    assert_eq!(problem.code(), "corrupt");
    assert_eq!(problem.to_string(), "is damaged: a field has the wrong type, graph.node[1] at byte 6");
}

#[test]
fn models_of_the_first_ir_versions_need_no_opset() {
    let old = ModelProto { ir_version: Some(2), opset_import: Vec::new(), ..small_model() };
    assert_eq!(onnx::decode(old.encode_to_vec().into()).unwrap(), old);
}

#[test]
fn nesting_without_end_is_refused_in_one_line() {
    // Each level: a node with an attribute with a graph.
    let mut graph = Vec::new();
    for _ in 0..2_000 {
        graph = field(1, &field(5, &field(6, &graph)));
    }
    let problem = onnx::decode(model_of(&graph).into()).unwrap_err();
    assert_eq!(problem.code(), "too-deep");
    assert!(problem.to_string().len() < 100, "{problem}");

    let groups = vec![99 << 3 | 3; 200_000].into_iter().flat_map(wire::varint);
    let problem = onnx::decode(number(1, 8).into_iter().chain(groups).collect()).unwrap_err();
    assert_eq!(problem.code(), "too-deep");
}

#[test]
fn real_nesting_decodes() {
    // 33 subgraphs within one another are the deepest that a hundred messages hold.
    let nested = |levels: u32| {
        let leaf = field(1, &field(4, b"Relu"));
        model_of(&(0..levels).fold(leaf, |graph, _| field(1, &field(5, &field(6, &graph)))))
    };
    assert!(onnx::decode(nested(32).into()).is_ok());
    assert_eq!(onnx::decode(nested(34).into()).unwrap_err().code(), "too-deep");
}

#[test]
fn a_file_that_decodes_to_far_more_than_its_size_is_refused() {
    // Four bytes an empty attribute in an empty node; two bytes an empty sparse initializer, tensor,
    // node or dimension; the memory of each would be 100 to 1000 times that.
    let many = |unit: Vec<u8>, times: usize| unit.repeat(times);
    let cases = [
        many(field(1, &field(5, b"")), 4_000_000),
        many(field(15, b""), 4_000_000),
        many(field(5, b""), 4_000_000),
        many(field(1, b""), 4_000_000),
        many(field(11, b""), 4_000_000),
    ];
    for graph in cases {
        let problem = onnx::decode(model_of(&graph).into()).unwrap_err();
        assert!(matches!(problem, Problem::TooLarge { .. }), "{problem}");
    }
}

#[test]
fn dims_are_numbers_and_cost_nothing() {
    let graph =
        field(5, &[number(1, 1_000_000_000), number(1, u64::MAX), number(2, 1), field(9, &[0; 4])].concat());
    let model = onnx::decode(model_of(&graph).into()).unwrap();
    walk(&model);
    assert_eq!(model.graph.unwrap().initializer[0].dims, [1_000_000_000, -1]);
}

#[test]
fn external_files_are_listed_and_only_looked_at_beside_the_model() {
    let folder = folder("external");
    fs::create_dir(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/there.bin"), [0; 100]).unwrap();
    fs::write(folder.join("outside.bin"), [0; 100]).unwrap();
    let tensor = |location: &str, range: &[(&str, &str)]| TensorProto {
        data_type: Some(1),
        dims: vec![4, 4],
        data_location: Some(1),
        external_data: [&[("location", location)], range]
            .concat()
            .iter()
            .map(|(key, value)| StringStringEntryProto { key: (*key).to_owned(), value: (*value).to_owned() })
            .collect(),
        ..Default::default()
    };
    let absolute = folder.join("outside.bin").display().to_string();
    let mut proto = small_model();
    proto.graph.as_mut().unwrap().initializer = vec![
        tensor("there.bin", &[("offset", "40"), ("length", "60")]),
        // Without a length: 16 floats.
        tensor("there.bin", &[]),
        tensor("missing.bin", &[("length", "8")]),
        tensor("../outside.bin", &[]),
        tensor(&absolute, &[]),
        tensor("", &[]),
    ];
    let path = folder.join("sub/model.onnx");
    onnx::write(&proto, &path).unwrap();
    let model = onnx::read(&path).unwrap();
    let files = onnx::external_files(&model);
    let of = |location: &str| files.iter().find(|file| file.location == location).unwrap();
    let there = of("there.bin");
    assert_eq!((there.tensors, there.bytes, there.end), (2, 124, 100));
    assert_eq!(there.presence, Presence::Present { bytes: 100 });
    assert_eq!(of("missing.bin").presence, Presence::Missing);
    assert_eq!(of("../outside.bin").presence, Presence::Outside);
    assert_eq!(of(&absolute).presence, Presence::Outside);
    assert_eq!(of("").presence, Presence::Missing);

    let piped = onnx::Model { path: "-".into(), ..model };
    assert!(onnx::external_files(&piped).iter().all(|file| file.presence == Presence::NoFolder));
}

#[test]
fn a_model_can_be_written_over_the_file_it_is_mapped_from() {
    let folder = folder("write");
    let path = folder.join("model.onnx");
    onnx::write(&small_model(), &path).unwrap();
    let model = onnx::read(&path).unwrap();
    onnx::write(&model.proto, &path).unwrap();
    assert_eq!(model.proto, small_model());
    assert_eq!(onnx::read(&path).unwrap().proto, small_model());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");

    let error = onnx::write(&small_model(), &folder.join("none/model.onnx")).unwrap_err();
    assert_eq!(error.code(), "write");
    assert_eq!(onnx::write(&small_model(), &folder).unwrap_err().code(), "write");
}

#[test]
fn stripping_keeps_everything_but_elements() {
    for (name, bytes) in
        models().into_iter().chain([("small".to_owned(), small_model().encode_to_vec().into())])
    {
        let whole = onnx::decode(bytes).unwrap();
        let mut stripped = whole.clone();
        onnx::strip(&mut stripped, &StripOptions { threshold: 16, ..Default::default() });
        let outline = |model: &ModelProto| {
            let mut tensors = Vec::new();
            onnx::each_tensor(model, &mut |t| tensors.push((t.name.clone(), t.dims.clone(), t.data_type)));
            tensors
        };
        assert_eq!(outline(&whole), outline(&stripped), "{name}");
        assert!(stripped.encoded_len() <= whole.encoded_len() + 128 * outline(&whole).len(), "{name}");
        assert_eq!(onnx::decode(stripped.encode_to_vec().into()).unwrap(), stripped, "{name}");
    }
}

#[test]
fn any_prefix_of_a_model_is_a_truncated_file_or_a_whole_model() {
    for (name, bytes) in
        models().into_iter().chain([("small".to_owned(), small_model().encode_to_vec().into())])
    {
        let step = (bytes.len() / 60).max(1);
        for length in (2..60).chain((60..bytes.len()).step_by(step)).filter(|length| *length < bytes.len()) {
            match onnx::decode(bytes.slice(..length)) {
                Ok(model) => assert!(!model.opset_import.is_empty(), "{name} {length}"),
                Err(problem) => assert_eq!(problem.code(), "truncated", "{name} {length}: {problem}"),
            }
        }
    }
}

/// A message made of up to six of the given fields, in any order.
fn message(field: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(field, 0..6).prop_map(|fields| fields.concat())
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    "[a-zA-Z]{0,8}".prop_map(String::into_bytes)
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..24)
}

/// The fields of a tensor, packed and not, with elements of any number.
fn tensor() -> impl Strategy<Value = Vec<u8>> {
    message(prop_oneof![
        (0u64..40).prop_map(|dim| number(1, dim)),
        (0u64..40).prop_map(|code| number(2, code)),
        any::<f32>().prop_map(|value| wire::float(4, value)),
        any::<[f32; 3]>().prop_map(|values| field(4, &values.map(f32::to_le_bytes).concat())),
        (prop::sample::select(&[5u32, 7, 11][..]), any::<u64>()).prop_map(|(key, value)| number(key, value)),
        (prop::sample::select(&[5u32, 6, 7, 9, 11][..]), any_bytes())
            .prop_map(|(key, body)| field(key, &body)),
        any::<f64>().prop_map(|value| wire::double(10, value)),
        (0u64..3).prop_map(|place| number(14, place)),
        (text(), text()).prop_map(|(key, value)| field(13, &[field(1, &key), field(2, &value)].concat())),
    ])
}

/// Fields of a graph, nested and now and then damaged.
fn graph() -> impl Strategy<Value = Vec<u8>> {
    let leaf =
        prop_oneof![tensor().prop_map(|tensor| field(5, &tensor)), text().prop_map(|name| field(2, &name))];
    leaf.prop_recursive(4, 60, 4, |inner| {
        let attribute = message(prop_oneof![
            text().prop_map(|name| field(1, &name)),
            any::<u64>().prop_map(|value| number(3, value)),
            tensor().prop_map(|tensor| field(5, &tensor)),
            message(inner).prop_map(|graph| field(6, &graph)),
            any_bytes().prop_map(|ints| field(8, &ints)),
            (0u64..20).prop_map(|kind| number(20, kind)),
        ]);
        let node = message(prop_oneof![
            text().prop_map(|name| field(1, &name)),
            prop::sample::select(&["Constant", "If"][..]).prop_map(|name| field(4, name.as_bytes())),
            attribute.prop_map(|attribute| field(5, &attribute)),
        ]);
        (node, 0usize..30).prop_map(|(node, cut)| {
            let cut = if cut < 3 { cut.min(node.len()) } else { 0 };
            let whole = field(1, &node);
            whole[..whole.len() - cut].to_vec()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_a_model_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(model) = onnx::decode(bytes.into()) {
            walk(&model);
        }
    }

    /// What the survey lets pass, prost decodes; what is read is written and read again the same.
    #[test]
    fn any_messages_are_a_model_or_an_error(graph in message(graph())) {
        match onnx::decode(model_of(&graph).into()) {
            Ok(model) => {
                walk(&model);
                // Compared as bytes: NaN is not equal to itself.
                let written = model.encode_to_vec();
                let again = onnx::decode(written.clone().into()).unwrap();
                prop_assert_eq!(again.encode_to_vec(), written);
            }
            Err(problem) => prop_assert!(problem.to_string().len() < 300, "{}", problem),
        }
    }

    #[test]
    fn damaged_models_are_a_model_or_an_error(
        place in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        // Small ones, which are structure more than weights.
        let mut models: Vec<Bytes> =
            models().into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() < 100_000).collect();
        models.push(small_model().encode_to_vec().into());
        let mut bytes = models[place.index(models.len())].to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] ^= byte;
        }
        if let Ok(model) = onnx::decode(bytes.into()) {
            walk(&model);
        }
    }
}
