//! Why a model cannot be read, in one line, and what would help.

use std::io;
use std::path::PathBuf;

/// Why a file or stream cannot be read as a model. Shown as `<path>: <problem>`.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", if path.as_os_str() == "-" { "standard input".into() } else { path.to_string_lossy() })]
pub struct ReadError {
    /// What was to be read; `-` is standard input.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What keeps bytes from being a model.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such file.
    #[error("no such file")]
    NotFound,
    /// The file may not be read.
    #[error("permission denied")]
    Permission,
    /// A directory was named.
    #[error("is a directory, not a model file")]
    Directory {
        /// Files in it that may be meant, by name.
        holds: Vec<String>,
    },
    /// Any other failure of the system.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// There are no bytes.
    #[error("is empty")]
    Empty,
    /// The file ends before the model does.
    #[error("is cut off: {0}")]
    Truncated(String),
    /// It is a model in which some bytes are wrong.
    #[error("is damaged: {0}")]
    Corrupt(String),
    /// Messages are nested beyond what is decoded.
    #[error("is nested too deep: {0}")]
    TooDeep(String),
    /// Decoding it would take too much memory.
    #[error("is too large: {problem}")]
    TooLarge {
        /// What is too large, and the limit.
        problem: String,
        /// What makes it smaller.
        hint: &'static str,
    },
    /// The bytes are something else.
    #[error("is not an ONNX model: {looks}")]
    NotOnnx {
        /// What they look like.
        looks: String,
        /// What turns that into an ONNX model.
        hint: Option<&'static str>,
    },
}

impl ReadError {
    /// A word for programs: it names the kind of problem and does not change between releases.
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }

    /// What would help, if that is known.
    pub fn hint(&self) -> Option<String> {
        self.problem.hint()
    }
}

impl Problem {
    /// A word for programs: it names the kind of problem and does not change between releases.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Permission => "permission",
            Self::Directory { .. } => "directory",
            Self::Io(_) => "io",
            Self::Empty => "empty",
            Self::Truncated(_) => "truncated",
            Self::Corrupt(_) => "corrupt",
            Self::TooDeep(_) => "too-deep",
            Self::TooLarge { .. } => "too-large",
            Self::NotOnnx { .. } => "not-onnx",
        }
    }

    /// What would help, if that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound => "check the spelling and the folder; `-` reads standard input",
            Self::Permission => "give yourself the right to read it, or copy it where you have that right",
            Self::Directory { holds } if !holds.is_empty() => {
                return Some(format!("name a file in it: {}", holds.join(", ")));
            }
            Self::Directory { .. } => "name a model file; the directory holds none",
            Self::Io(_) => return None,
            Self::Empty => "the export or the download failed: make the file again",
            Self::Truncated(_) => "copy or download it again, and compare its size with the original",
            Self::Corrupt(_) => "copy or export it again; `onnx.checker.check_model` may say more",
            Self::TooDeep(_) => "no exporter nests subgraphs this deep: the file may be made to do harm",
            Self::TooLarge { hint, .. } => hint,
            Self::NotOnnx { hint, .. } => return hint.map(str::to_owned),
        };
        Some(hint.to_owned())
    }
}
