//! Reads a model from a file, mapped, or from a stream.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use super::ReadError;
use super::schema::ModelProto;

/// A decoded model and where it came from.
#[derive(Debug)]
pub struct Model {
    /// The messages.
    pub proto: ModelProto,
    /// The file, or `-` for standard input.
    pub path: PathBuf,
    /// Size of the file or stream, external data not included.
    pub bytes: u64,
}

/// Reads a model.
///
/// # Errors
/// [`ReadError`] names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Model, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let map = map(&file).map_err(failed)?;
    let bytes = Bytes::from_owner(map);
    let size = bytes.len() as u64;
    let proto = decode(bytes)
        .map_err(|problem| ReadError::Format { path: path.to_owned(), problem: problem.to_string() })?;
    Ok(Model { proto, path: path.to_owned(), bytes: size })
}

/// Decodes a model.
///
/// # Errors
/// What prost says of the first byte that does not fit.
pub fn decode(bytes: Bytes) -> Result<ModelProto, prost::DecodeError> {
    ModelProto::decode(bytes)
}

#[allow(unsafe_code, reason = "a memory map: see the safety comment")]
fn map(file: &File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: the map is only read, through `Bytes`, and only for regular files.
    unsafe { memmap2::Mmap::map(file) }
}
