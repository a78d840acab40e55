//! Compiles `src/onnx/onnx.proto` to Rust, twice, without protoc.
//!
//! `ranged` keeps the numeric elements of a tensor as the bytes of their packed encoding, so that no
//! weight is copied. `typed` decodes them as numbers, for the rare file that does not pack them.

use std::{env, error::Error, fs, path::PathBuf};

/// The fields of `TensorProto` that differ between the two schemas.
const NUMERIC_FIELDS: [(&str, &str); 5] = [
    ("float", "float_data"),
    ("int32", "int32_data"),
    ("int64", "int64_data"),
    ("double", "double_data"),
    ("uint64", "uint64_data"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let source = PathBuf::from("src/onnx/onnx.proto");
    println!("cargo::rerun-if-changed={}", source.display());
    let schema = fs::read_to_string(&source)?;

    let ranged = NUMERIC_FIELDS.iter().fold(schema.clone(), |text, (kind, name)| {
        text.replace(&format!("repeated {kind} {name}"), &format!("repeated bytes {name}"))
    });
    compile("ranged", &ranged)?;
    compile("typed", &schema)
}

/// Writes `OUT_DIR/<package>.rs` from the schema's text.
fn compile(package: &str, schema: &str) -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let file = out.join(format!("{package}.proto"));
    fs::write(&file, schema.replace("package onnx;", &format!("package {package};")))?;
    let descriptors = protox::compile([&file], [&out])?;
    prost_build::Config::new().bytes(["."]).compile_fds(descriptors)?;
    Ok(())
}
