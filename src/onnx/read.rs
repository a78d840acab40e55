//! Reads a model from a file, mapped, or from a stream.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use super::schema::layout;
use super::schema::{ModelProto, typed};
use super::survey::{Fault, FaultKind, Survey, survey};
use super::{Problem, ReadError, looks};

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

/// Bytes that are read from a stream: it must fit into memory.
const MAX_STREAM: u64 = 8 << 30;

/// Size of a file that may be decoded with unpacked elements, which needs up to six times its size.
const MAX_UNPACKED: u64 = 256 << 20;

/// Size of a file that is taken to be mostly weights. Mapped without read-ahead, which would fetch
/// weights around each tensor: 1.5 GB that are not in memory decode in 0.01 s, and in 1 s with it. Files
/// of structure alone are three times faster with it.
const MOSTLY_WEIGHTS: u64 = 64 << 20;

/// Names shown of the models in a directory, and entries looked at to find them.
const MAX_NAMES: usize = 3;
const MAX_ENTRIES: usize = 10_000;

/// The first ONNX IR version that requires `opset_import`.
const FIRST_IR_WITH_OPSETS: i64 = 3;

/// Reads a model: a file, a pipe, or standard input if the path is `-`.
///
/// Regular files are mapped, so that weights cost no memory and no reading; everything else is read to
/// its end, up to 8 GiB. External data is not opened.
///
/// # Errors
/// [`ReadError`] names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Model, ReadError> {
    let model = || {
        let bytes = source(path)?;
        let size = bytes.len() as u64;
        Ok(Model { proto: decode(bytes)?, path: path.to_owned(), bytes: size })
    };
    model().map_err(|problem| ReadError { path: path.to_owned(), problem })
}

/// Decodes a model. Weights of the result are ranges of `bytes`.
///
/// # Errors
/// [`Problem`] says what the bytes are if they are no model, and where they are damaged if they are one.
pub fn decode(bytes: Bytes) -> Result<ModelProto, Problem> {
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    let survey = survey(&layout::MODEL_PROTO, &bytes);
    if let Some(fault) = &survey.fault {
        return Err(explain(&survey, fault, &bytes));
    }
    let packed = if survey.unpacked { pack(bytes.clone(), MAX_UNPACKED)? } else { bytes.clone() };
    let model = ModelProto::decode(packed).map_err(brief)?;
    match missing(&model) {
        None => Ok(model),
        Some(problem) => Err(looks::like(&bytes).unwrap_or(problem)),
    }
}

/// The bytes that a path stands for.
fn source(path: &Path) -> Result<Bytes, Problem> {
    if path.as_os_str() == "-" {
        return stream(io::stdin().lock(), MAX_STREAM);
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Problem::NotFound,
        io::ErrorKind::PermissionDenied if path.is_dir() => directory(path),
        io::ErrorKind::PermissionDenied => Problem::Permission,
        io::ErrorKind::IsADirectory => directory(path),
        _ => Problem::Io(error),
    })?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(directory(path));
    }
    // Files of /proc are regular, zero bytes long and not empty.
    if metadata.is_file()
        && metadata.len() > 0
        && let Ok(map) = map(&file)
    {
        #[cfg(unix)]
        if metadata.len() >= MOSTLY_WEIGHTS {
            // Advice only: without it everything is the same but slower.
            let _ = map.advise(memmap2::Advice::Random);
        }
        return Ok(Bytes::from_owner(map));
    }
    stream(file, MAX_STREAM)
}

/// Reads to the end, or to one byte more than `limit`.
fn stream(from: impl Read, limit: u64) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(Problem::TooLarge {
            problem: format!("a stream is read up to {limit} bytes"),
            hint: "give the path of a file: it is mapped, whatever its size",
        }),
        false => Ok(bytes.into()),
    }
}

#[allow(unsafe_code, reason = "a memory map: see the safety comment")]
fn map(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: the bytes of a map must not change while a slice of them lives. The map is private and
    // read-only, of a regular file, and owned by the `Bytes` that every range of it keeps alive, so
    // nothing in this process changes or unmaps it. Another process may. If it writes, we read other
    // bytes than before: every length is checked against the map when it is used, text is checked after
    // it is copied, and nothing is kept that relies on a byte read earlier. If it truncates the file,
    // touching a page behind the new end raises SIGBUS and ends this process. That is accepted: it is
    // no memory error, a model is not truncated while it is measured, writers that replace a file by
    // renaming (ours does) leave the mapped one alone, and copying gigabytes of weights would be the
    // price. Who cannot accept it reads through a pipe: `cat model.onnx | ergometer count -`.
    unsafe { memmap2::Mmap::map(file) }
}

/// What to say of a directory: which models it holds.
fn directory(path: &Path) -> Problem {
    let mut holds: Vec<String> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .take(MAX_ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".onnx"))
        .collect();
    holds.sort();
    holds.truncate(MAX_NAMES);
    Problem::Directory { holds }
}

/// Writes a model anew with its numeric elements packed.
///
/// Takes up to six times the size of the file in memory, hence `limit`.
fn pack(bytes: Bytes, limit: u64) -> Result<Bytes, Problem> {
    if bytes.len() as u64 > limit {
        return Err(Problem::TooLarge {
            problem: format!("its elements are not packed, and such files are read up to {limit} bytes"),
            hint: "load and save it with the `onnx` package, which packs them",
        });
    }
    let model = typed::ModelProto::decode(bytes).map_err(brief)?;
    Ok(model.encode_to_vec().into())
}

/// What prost says, without the list of all fields that lead to it.
fn brief(error: prost::DecodeError) -> Problem {
    let text = error.to_string();
    Problem::Corrupt(text.rsplit(": ").next().unwrap_or(&text).to_owned())
}

/// What a fault means to someone who wanted to read a model.
fn explain(survey: &Survey, fault: &Fault, bytes: &Bytes) -> Problem {
    if let Some(problem) = looks::like(bytes) {
        return problem;
    }
    // The IR version comes first in every file; without it there is no reason to believe it is a model.
    let is_model = survey.ir_version.is_some_and(looks::is_ir_version);
    match fault.kind {
        FaultKind::TooDeep => Problem::TooDeep("100 messages within one another are decoded".to_owned()),
        FaultKind::TooLarge { allowance } => Problem::TooLarge {
            problem: format!(
                "its {} bytes would take more than {} MiB once decoded, almost all of it empty messages",
                bytes.len(),
                allowance >> 20
            ),
            hint: "no exporter writes such a file: it may be made to do harm",
        },
        _ if !is_model => looks::like_nothing(bytes, bytes.len() as u64),
        FaultKind::CutOff { length: 0, .. } => {
            Problem::Truncated(format!("it ends within a number, {fault}, after {} bytes", bytes.len()))
        }
        FaultKind::CutOff { length, there } => {
            Problem::Truncated(format!("{there} of {length} bytes are there of {fault}"))
        }
        FaultKind::Overrun => Problem::Corrupt(format!("a length is longer than what holds it, {fault}")),
        FaultKind::Malformed => Problem::Corrupt(format!("a number makes no sense, {fault}")),
        FaultKind::WireType => Problem::Corrupt(format!("a field has the wrong type, {fault}")),
        FaultKind::Text => Problem::Corrupt(format!("a text is not UTF-8, {fault}")),
    }
}

/// What a decoded message lacks to be a model.
fn missing(model: &ModelProto) -> Option<Problem> {
    let ir_version = model.ir_version.unwrap_or(0);
    let is_ir_version = u64::try_from(ir_version).is_ok_and(looks::is_ir_version);
    let Some(graph) = &model.graph else {
        return Some(match is_ir_version {
            true => Problem::Truncated("it has an ir_version and no graph".to_owned()),
            false => looks::a_message_that_lacks("a graph"),
        });
    };
    if !model.opset_import.is_empty() {
        return None;
    }
    let empty = graph.node.is_empty() && graph.input.is_empty() && graph.output.is_empty();
    match ir_version {
        // opset_import is written behind the graph.
        FIRST_IR_WITH_OPSETS.. if is_ir_version => Some(Problem::Truncated(format!(
            "it has a graph and no opset_import, which IR version {ir_version} requires"
        ))),
        1..FIRST_IR_WITH_OPSETS if !empty => None,
        _ => Some(looks::a_message_that_lacks("an ir_version and an opset_import")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_up_to_its_limit_and_no_further() {
        assert_eq!(stream(&b"12345"[..], 5).unwrap(), "12345");
        let problem = stream(io::repeat(0), 5).unwrap_err();
        assert_eq!(problem.code(), "too-large");
        assert_eq!(problem.to_string(), "is too large: a stream is read up to 5 bytes");
    }

    #[test]
    fn unpacked_files_above_the_limit_are_refused() {
        let problem = pack(Bytes::from_static(&[8, 8]), 1).unwrap_err();
        assert_eq!(problem.code(), "too-large");
        assert!(problem.hint().unwrap().contains("packs"));
    }
}
