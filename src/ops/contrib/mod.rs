//! ONNX Runtime's own operators, com.microsoft version 1: one file a family, as for ai.onnx.
//!
//! Those with a twin in ai.onnx call its rules ([`twin`]). Attention comes with its projections
//! ([`attention`]), without ([`multi_head`]), or over a part of a cache ([`cached`], chosen by
//! [`select`]); matrix products in plain 8 bits ([`matmul`]) or packed
//! below ([`packed`], [`moe`]). [`position`] has position biases, rotations and padding, [`streams`]
//! hyper-connections, [`recurrence`] states, [`inspect`] tests, hashes and tokens; [`blocked`] has the layouts of
//! optimised models. Source of all: ONNX Runtime 1.32, the schema of each operator (`ContribOperators.md`), unless a rule
//! says otherwise.

pub mod activation;
pub mod attention;
pub mod blocked;
pub mod cached;
pub mod conv;
pub mod inspect;
pub mod layout;
pub mod matmul;
pub mod moe;
pub mod multi_head;
pub mod norm;
pub mod packed;
pub mod position;
pub mod quantize;
pub mod recurrence;
pub mod select;
pub mod signal;
pub mod streams;
pub mod twin;
