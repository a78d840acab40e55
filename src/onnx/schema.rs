//! The messages of the format, generated from `onnx.proto` at build time.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]

pub use ranged::*;

/// Numeric elements kept as ranges of packed bytes: what everything reads.
mod ranged {
    include!(concat!(env!("OUT_DIR"), "/ranged.rs"));
}

/// Numeric elements decoded: for files that do not pack them.
pub(super) mod typed {
    include!(concat!(env!("OUT_DIR"), "/typed.rs"));
}
