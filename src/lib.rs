//! What a neural network costs, before anyone runs it.
pub mod onnx;
pub mod ops;
pub mod tensor;
