//! The files beside a model that hold its weights.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use super::elements::raw_bytes;
use super::schema::TensorProto;
use super::{Model, each_tensor, external};

/// A file that tensors refer to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExternalFile {
    /// Its path relative to the model's folder, as written.
    pub location: String,
    /// Tensors in it.
    pub tensors: u64,
    /// Bytes that they claim: the length written, else what their dims and type take.
    pub bytes: u64,
    /// The end of the last of them, which is the least size of the file.
    pub end: u64,
    /// Whether it is there.
    pub presence: Presence,
}

/// Whether an external file is where the model says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It is a file of this size.
    Present {
        /// Its size.
        bytes: u64,
    },
    /// There is no such file in the model's folder.
    Missing,
    /// The path is absolute or leads out of the model's folder: it was not looked at.
    Outside,
    /// The model came from standard input, which has no folder.
    NoFolder,
}

/// The external files of a model, by location.
///
/// Only their metadata is asked for; none is opened.
pub fn external_files(model: &Model) -> Vec<ExternalFile> {
    let mut files: BTreeMap<&str, ExternalFile> = BTreeMap::new();
    each_tensor(&model.proto, &mut |tensor| {
        let Some(external) = external(tensor) else { return };
        let bytes = external.length.or_else(|| dense_bytes(tensor)).unwrap_or(0);
        let file = files.entry(external.location).or_insert_with(|| ExternalFile {
            location: external.location.to_owned(),
            tensors: 0,
            bytes: 0,
            end: 0,
            presence: presence(&model.path, external.location),
        });
        file.tensors += 1;
        file.bytes = file.bytes.saturating_add(bytes);
        file.end = file.end.max(external.offset.saturating_add(bytes));
    });
    files.into_values().collect()
}

/// Bytes that a tensor's elements take as raw data; `None` for strings and impossible dims.
pub(super) fn dense_bytes(tensor: &TensorProto) -> Option<u64> {
    let elements = tensor
        .dims
        .iter()
        .try_fold(1u64, |product, dim| u64::try_from(*dim).ok().and_then(|dim| product.checked_mul(dim)))?;
    raw_bytes(tensor.data_type?, elements)
}

fn presence(model: &Path, location: &str) -> Presence {
    if model.as_os_str() == "-" {
        return Presence::NoFolder;
    }
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(location).components().all(inside) {
        return Presence::Outside;
    }
    let folder = model.parent().unwrap_or(Path::new(""));
    match fs::metadata(folder.join(location)) {
        Ok(metadata) if metadata.is_file() => Presence::Present { bytes: metadata.len() },
        _ => Presence::Missing,
    }
}
