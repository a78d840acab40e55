//! Compiles `src/onnx/onnx.proto` to Rust, without protoc.
//!
//! Three files come of it. `ranged` keeps the numeric elements of a tensor as the bytes of their packed
//! encoding, so that no weight is copied. `typed` decodes them as numbers, for the rare file that does
//! not pack them. `layout` tells, for each message, which fields it has, how they are written and what
//! one of them takes in memory: the survey that comes before decoding walks by it.
//!
//! It also hashes the sources: what was counted by others is counted again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, error::Error, fs};

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

/// The fields of `TensorProto` that differ between the two schemas.
const NUMERIC_FIELDS: [(&str, &str); 5] = [
    ("float", "float_data"),
    ("int32", "int32_data"),
    ("int64", "int64_data"),
    ("double", "double_data"),
    ("uint64", "uint64_data"),
];

/// Fields kept behind a pointer. Few attributes have one of them, every node has attributes, and held
/// in place they would make each attribute two kilobytes large.
const BOXED_FIELDS: [(&str, &str); 4] = [
    ("AttributeProto", "t"),
    ("AttributeProto", "g"),
    ("AttributeProto", "tp"),
    ("AttributeProto", "sparse_tensor"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let source = PathBuf::from("src/onnx/onnx.proto");
    println!("cargo::rerun-if-changed={}", source.display());
    let schema = fs::read_to_string(&source)?;

    let ranged = NUMERIC_FIELDS.iter().fold(schema.clone(), |text, (kind, name)| {
        text.replace(&format!("repeated {kind} {name}"), &format!("repeated bytes {name}"))
    });
    compile("ranged", &ranged)?;
    compile("typed", &schema)?;
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=ERGOMETER_SOURCES={:016x}", hash_of(Path::new("src"))?);
    Ok(())
}

/// A hash of the names and contents of all files in a folder.
fn hash_of(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    let mut hasher = DefaultHasher::new();
    for entry in entries {
        let path = entry.path();
        entry.file_name().hash(&mut hasher);
        if path.is_dir() {
            hash_of(&path)?.hash(&mut hasher);
        } else {
            fs::read(&path)?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

/// Writes `OUT_DIR/<package>.rs` from the schema's text, and the layout from the typed schema.
fn compile(package: &str, schema: &str) -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let file = out.join(format!("{package}.proto"));
    fs::write(&file, schema.replace("package onnx;", &format!("package {package};")))?;
    let descriptors = protox::compile([&file], [&out])?;

    if package == "typed" {
        let pool = DescriptorPool::from_file_descriptor_set(descriptors.clone())?;
        let layout: String = pool.all_messages().map(|message| layout_of(&message)).collect();
        fs::write(out.join("layout.rs"), layout)?;
    }

    let mut config = prost_build::Config::new();
    config.bytes(["."]);
    for (message, field) in BOXED_FIELDS {
        config.boxed(format!(".{package}.{message}.{field}"));
    }
    config.compile_fds(descriptors)?;
    Ok(())
}

/// The `Message` of the layout, as Rust source.
fn layout_of(message: &MessageDescriptor) -> String {
    let fields: String = message.fields().map(|field| field_of(message.name(), &field)).collect();
    format!(
        "pub(in crate::onnx) static {}: Message = Message {{ fields: &[\n{fields}] }};\n",
        static_name(message)
    )
}

/// One `Field` of the layout, as Rust source.
fn field_of(message: &str, field: &FieldDescriptor) -> String {
    let name = field.name();
    let ranged = message == "TensorProto" && NUMERIC_FIELDS.iter().any(|(_, numeric)| *numeric == name);
    let (kind, size) = match field.kind() {
        _ if ranged => (format!("Kind::Ranged({})", number(&field.kind())), "size_of::<Bytes>()".to_owned()),
        Kind::Message(child) => (
            format!("Kind::Message(&{})", static_name(&child)),
            format!("size_of::<{}>()", rust_path(&child)),
        ),
        Kind::String => ("Kind::Text".to_owned(), "size_of::<String>()".to_owned()),
        Kind::Bytes => ("Kind::Bytes".to_owned(), "size_of::<Bytes>()".to_owned()),
        kind => (format!("Kind::Number({})", number(&kind)), number_size(&kind).to_owned()),
    };
    let held = if field.is_list() {
        format!("Held::Many({size})")
    } else if BOXED_FIELDS.contains(&(message, name)) {
        format!("Held::Boxed({size})")
    } else {
        "Held::InPlace".to_owned()
    };
    format!("    Field {{ number: {}, name: {name:?}, kind: {kind}, held: {held} }},\n", field.number())
}

/// How a number is written.
fn number(kind: &Kind) -> &'static str {
    match kind {
        Kind::Float => "Number::Fixed32",
        Kind::Double => "Number::Fixed64",
        _ => "Number::Varint",
    }
}

/// What a decoded number takes.
fn number_size(kind: &Kind) -> &'static str {
    match kind {
        Kind::Float | Kind::Int32 | Kind::Enum(_) => "4",
        _ => "8",
    }
}

/// `typed.TypeProto.Tensor` as `super::ranged::type_proto::Tensor`.
fn rust_path(message: &MessageDescriptor) -> String {
    let parent = message.parent_message().map(|parent| snake_case(parent.name()) + "::").unwrap_or_default();
    format!("super::ranged::{parent}{}", message.name())
}

/// `typed.TypeProto.Tensor` as `TYPE_PROTO_TENSOR`.
fn static_name(message: &MessageDescriptor) -> String {
    let parent = message.parent_message().map(|parent| snake_case(parent.name()) + "_").unwrap_or_default();
    format!("{parent}{}", snake_case(message.name())).to_uppercase()
}

/// `TypeProto` as `type_proto`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
