//! ONNX Runtime's own operators, com.microsoft version 1: one file a category.
//!
//! Those with a twin in ai.onnx call its family's rules. Source of all: ONNX Runtime 1.32, the schema of
//! each operator (`ContribOperators.md`), unless a rule says otherwise.

pub mod activation;
pub mod attention;
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
pub mod signal;
pub mod twin;
