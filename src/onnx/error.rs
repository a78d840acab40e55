//! Why a model cannot be read.

use std::path::PathBuf;

/// Why a file or stream is not a model that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// What was opened.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The bytes are not an ONNX model.
    #[error("{path} is not an ONNX model: {problem}")]
    Format {
        /// What was read.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}
