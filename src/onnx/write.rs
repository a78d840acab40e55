//! Writes a model to a file, all of it or nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use prost::Message;

use super::schema::ModelProto;

/// The largest message that protobuf's own readers accept.
const MAX_MESSAGE: usize = i32::MAX as usize;

/// Why a model was not written. The file that was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refuses.
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No other reader of ONNX would accept the file.
    #[error("{}: the model is {bytes} bytes long, and protobuf allows {MAX_MESSAGE}", path.display())]
    TooLarge {
        /// What was to be written.
        path: PathBuf,
        /// The encoded size.
        bytes: usize,
    },
}

impl WriteError {
    /// A word for programs: it names the kind of problem and does not change between releases.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "write",
            Self::TooLarge { .. } => "too-large",
        }
    }

    /// What would help, if that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
            Self::TooLarge { .. } => {
                Some("strip its weights, or save them as external data first".to_owned())
            }
        }
    }
}

/// Writes a model: first to a temporary file in the same folder, which then takes the place of `path`.
///
/// A model that was read from `path` may be written to it: its weights stay readable. Fields that this
/// version of the format does not know were dropped when the model was read. Takes memory of the size
/// of the encoded model.
///
/// # Errors
/// [`WriteError`] if the system refuses or if the model is larger than 2 GiB.
pub fn write(model: &ModelProto, path: &Path) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { path: path.to_owned(), source };
    let bytes = model.encoded_len();
    if bytes > MAX_MESSAGE {
        return Err(WriteError::TooLarge { path: path.to_owned(), bytes });
    }
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let temporary = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = (|| {
        let mut file = File::create_new(&temporary)?;
        let written = file.write_all(&model.encode_to_vec()).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // The first failure is the one to report.
            let _ = fs::remove_file(&temporary);
        }
        written
    })();
    written.map_err(failed)
}
