//! The ONNX wire format: from bytes to messages, without touching a weight.
//!
//! A model is decoded by prost over a memory map. Weights stay where they are: in the map as a range
//! of bytes, or in an external file that is never opened. Imports nothing of ours.

mod error;
mod payload;
mod read;
pub mod schema;

pub use error::ReadError;
pub use payload::{External, Payload, external, payload};
pub use read::{Model, decode, read};
