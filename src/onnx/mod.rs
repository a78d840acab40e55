//! The ONNX wire format: from bytes to messages, without touching a weight.
//!
//! A model is decoded by prost over a memory map. Weights stay where they are: in the map as a range of
//! bytes, or in an external file that is never opened. Before prost sees a file, a survey walks its
//! messages: it knows what prost cannot say (what kind of file it is instead, where it is cut off, what
//! it would take in memory) and so a hostile file costs no more than a stated multiple of its size.
//!
//! Owns: reading, the place and the small values of a tensor's elements, external data, and writing a
//! model back with or without weights. Refuses: meaning. No shape is inferred here, no operator known,
//! no weight read beyond the few elements someone asks for. Imports nothing of ours.

mod annotate;
mod elements;
mod error;
mod external;
mod looks;
mod payload;
mod ranges;
mod read;
pub mod schema;
mod strip;
mod structure;
mod survey;
mod tensors;
mod write;

pub use annotate::{AnnotateReport, annotate};
pub use elements::{floats, ints, strings};
pub use error::{Problem, ReadError};
pub use external::{ExternalFile, Presence, external_files};
pub use payload::{External, Payload, external, payload};
pub use ranges::{Ranges, read_ranges};
pub use read::{Model, decode, read};
pub use strip::{StripOptions, StripReport, strip};
pub use structure::structure;
pub use tensors::each_tensor;
pub use write::{WriteError, write};
