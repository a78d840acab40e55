//! Says what a file is that is not a model.

use bytes::Bytes;
use prost::Message;

use super::Problem;
use super::schema::layout::{self, Message as Layout};
use super::schema::{FunctionProto, GraphProto, NodeProto, TensorProto};
use super::survey::survey;

/// Bytes looked at.
const HEAD: usize = 4096;

/// A kind of file: its name, how it is known, and what turns it into an ONNX model.
type Kind = (&'static str, fn(&[u8]) -> bool, &'static str);

const EXPORT: &str =
    "load it where it was made and export it: `torch.onnx.export(model, inputs, \"model.onnx\")`";
const TF2ONNX: &str = "convert it: `python -m tf2onnx.convert --help` lists the source formats";
const UNPACK: &str = "unpack it and give the .onnx file in it";

/// The kinds, in the order of trial: what is surest comes first.
const KINDS: [Kind; 32] = [
    (
        "a TensorFlow Lite model",
        |head| at(head, 4, b"TFL3"),
        "convert it: `python -m tf2onnx.convert --tflite FILE --output model.onnx`",
    ),
    (
        "an ONNX Runtime model (.ort)",
        |head| at(head, 4, b"ORTM"),
        "give the .onnx file it was made from: the .ort form cannot be converted back",
    ),
    (
        "a PyTorch checkpoint",
        |head| zip(head) && (has(head, b"data.pkl") || has(head, b"constants.pkl")),
        EXPORT,
    ),
    ("a PyTorch checkpoint", |head| at(head, 0, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"), EXPORT),
    ("a Keras model", |head| zip(head) && has(head, b"metadata.json"), TF2ONNX),
    ("NumPy arrays (.npz)", |head| zip(head) && has(head, b".npy"), "it holds arrays, not a model"),
    ("a zip archive with an .onnx file in it", |head| zip(head) && has(head, b".onnx"), UNPACK),
    ("a zip archive", zip, UNPACK),
    ("a Python pickle", |head| head.first() == Some(&0x80) && matches!(head.get(1), Some(2..=5)), EXPORT),
    (
        "a git-lfs pointer, not the file it points to",
        |head| at(head, 0, b"version https://git-lfs"),
        "fetch the file: `git lfs pull`, or download it from the page of the repository",
    ),
    (
        "a GGUF model",
        |head| at(head, 0, b"GGUF"),
        "it holds weights without a graph: export the original model to ONNX",
    ),
    (
        "safetensors weights",
        safetensors,
        "they hold weights without a graph: export the model to ONNX, as with `optimum-cli export onnx`",
    ),
    ("a NumPy array", |head| at(head, 0, b"\x93NUMPY"), "it holds an array, not a model"),
    ("an HDF5 file, perhaps a Keras model", |head| at(head, 0, b"\x89HDF\r\n\x1a\n"), TF2ONNX),
    (
        "gzip data",
        |head| at(head, 0, b"\x1f\x8b"),
        "decompress it: `gunzip FILE`, or `gunzip -c FILE | ergometer count -`",
    ),
    ("zstd data", |head| at(head, 0, b"\x28\xb5\x2f\xfd"), "decompress it: `unzstd FILE`"),
    ("xz data", |head| at(head, 0, b"\xfd7zXZ\0"), "decompress it: `unxz FILE`"),
    ("bzip2 data", |head| at(head, 0, b"BZh"), "decompress it: `bunzip2 FILE`"),
    ("a 7z archive", |head| at(head, 0, b"7z\xbc\xaf\x27\x1c"), UNPACK),
    ("a tar archive", |head| at(head, 257, b"ustar"), "unpack it: `tar xf FILE`"),
    (
        "a TensorRT engine",
        |head| at(head, 0, b"ptrt") || at(head, 0, b"ftrt"),
        "give the ONNX file it was built from",
    ),
    (
        "an executable or library",
        |head| at(head, 0, b"\x7fELF") || at(head, 0, b"MZ"),
        "give the path of the model",
    ),
    (
        "a picture",
        |head| at(head, 0, b"\x89PNG") || at(head, 0, b"\xff\xd8\xff"),
        "give the path of the model",
    ),
    (
        "a TensorFlow SavedModel",
        saved_model,
        "convert its directory: `python -m tf2onnx.convert --saved-model DIR --output model.onnx`",
    ),
    ("a Core ML model", |head| has(head, b"coremltools"), "give the model it was converted from"),
    (
        "a frozen TensorFlow graph",
        frozen_graph,
        "convert it: `python -m tf2onnx.convert --graphdef FILE --inputs … --outputs … --output model.onnx`",
    ),
    (
        "an OpenVINO model",
        |head| text(head) && has(head, b"<net"),
        "give the ONNX file it was converted from",
    ),
    (
        "a web page",
        web_page,
        "the download failed: fetch the file itself, on many sites by its \"raw\" or \"download\" link",
    ),
    (
        "a protobuf model written as text",
        |head| text(head) && has(head, b"ir_version"),
        "save it in binary: `onnx.save(onnx.load(FILE, format=\"textproto\"), \"model.onnx\")`, or \"json\", \"onnxtxt\"",
    ),
    ("an ncnn model", |head| at(head, 0, b"7767517"), "give the ONNX file it was converted from"),
    (
        "JSON",
        |head| text(head) && matches!(first_letter(head), Some(b'{' | b'[')),
        "give the path of the model",
    ),
    ("text", text, "give the path of the model; if it was downloaded, read it: it may be an error message"),
];

/// What `bytes` are if they are no model; `None` if they look like nothing known.
///
/// Ask only once decoding has failed: a model may begin like any of these.
pub(super) fn like(bytes: &Bytes) -> Option<Problem> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let kind = KINDS.iter().find(|(_, is, _)| is(head)).map(|(name, _, hint)| (*name, *hint));
    let (name, hint) = kind.or_else(|| part(bytes))?;
    Some(Problem::NotOnnx { looks: format!("it looks like {name}"), hint: Some(hint) })
}

/// What to say of a file of `size` bytes, which begins with these, that looks like nothing known.
pub(super) fn like_nothing(bytes: &Bytes, size: u64) -> Problem {
    let looks = match bytes.iter().take(HEAD).all(|byte| *byte == 0) {
        true => "it begins with zeros, as a failed download does".to_owned(),
        false => format!("its {size} bytes are in no known model format"),
    };
    Problem::NotOnnx { looks, hint: Some("`file NAME` may tell what it is") }
}

/// What to say of a protobuf message that is not a model.
pub(super) fn a_message_that_lacks(what: &str) -> Problem {
    Problem::NotOnnx {
        looks: format!("it decodes as a protobuf message, but lacks {what}"),
        hint: Some("it may be another program's file, or another kind of protobuf message"),
    }
}

/// Whether a number may be an ONNX IR version, now or in the years to come.
pub(super) fn is_ir_version(number: u64) -> bool {
    (1..=63).contains(&number)
}

/// A part of a model that was saved alone.
fn part(bytes: &Bytes) -> Option<(&'static str, &'static str)> {
    const MODEL: &str = "give the model it belongs to";
    if decoded(&layout::TENSOR_PROTO, bytes).is_some_and(|tensor: TensorProto| {
        tensor.data_type.is_some_and(|code| (1..=63).contains(&code))
            && (!tensor.dims.is_empty() || tensor.raw_data.is_some() || !tensor.name.is_empty())
    }) {
        return Some(("one ONNX tensor (TensorProto), as in test data", MODEL));
    }
    let named = |node: &NodeProto| !node.op_type.is_empty();
    if decoded(&layout::GRAPH_PROTO, bytes).is_some_and(|graph: GraphProto| graph.node.iter().any(named)) {
        return Some((
            "an ONNX graph without its model (GraphProto)",
            "wrap it: `onnx.save(onnx.helper.make_model(graph), \"model.onnx\")`",
        ));
    }
    if decoded(&layout::FUNCTION_PROTO, bytes)
        .is_some_and(|function: FunctionProto| function.node.iter().any(named))
    {
        return Some(("an ONNX function without its model (FunctionProto)", MODEL));
    }
    if decoded(&layout::NODE_PROTO, bytes)
        .is_some_and(|node: NodeProto| named(&node) && !node.output.is_empty())
    {
        return Some(("one ONNX node without its model (NodeProto)", MODEL));
    }
    None
}

fn decoded<M: Message + Default>(layout: &'static Layout, bytes: &Bytes) -> Option<M> {
    let survey = survey(layout, bytes);
    // Unpacked elements do not decode; that it is a message of this kind is known all the same, but
    // not worth a second decoder here.
    (survey.fault.is_none() && !survey.unpacked).then(|| M::decode(bytes.clone()).ok())?
}

fn at(head: &[u8], offset: usize, magic: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

fn has(head: &[u8], part: &[u8]) -> bool {
    head.windows(part.len()).any(|window| window == part)
}

fn zip(head: &[u8]) -> bool {
    at(head, 0, b"PK\x03\x04") || at(head, 0, b"PK\x05\x06")
}

/// An 8-byte length, then JSON.
fn safetensors(head: &[u8]) -> bool {
    at(head, 8, b"{\"") && at(head, 5, b"\0\0\0")
}

/// `saved_model_schema_version` 1, then a `MetaGraphDef` whose `MetaInfoDef` lists operators.
fn saved_model(head: &[u8]) -> bool {
    at(head, 0, &[8, 1, 0x12])
        && (has(head, b"\x0a\x05Const")
            || has(head, b"\x0a\x03Add")
            || has(head, b"AssignVariableOp")
            || has(head, b"serve"))
}

/// `NodeDef`s: a name, then an operator, then attributes `dtype`, `T` or `shape` by name.
fn frozen_graph(head: &[u8]) -> bool {
    at(head, 0, &[0x0a])
        && (has(head, b"\x12\x0bPlaceholder") || has(head, b"\x12\x05Const"))
        && (has(head, b"\x0a\x05dtype") || has(head, b"\x0a\x05shape") || has(head, b"\x0a\x01T"))
}

fn web_page(head: &[u8]) -> bool {
    let begins = |tag: &str| {
        let trimmed = head.trim_ascii_start();
        trimmed.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    };
    begins("<!doctype html") || begins("<html") || begins("<head")
}

/// UTF-8 without control characters; the last character may be cut by the end of the head.
fn text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty()
        && valid.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t'))
}

fn first_letter(head: &[u8]) -> Option<u8> {
    head.trim_ascii_start().first().copied()
}
