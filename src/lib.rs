//! What a neural network costs, before anyone runs it.
pub mod cli;
pub mod cost;
pub mod device;
pub mod graph;
pub mod onnx;
pub mod ops;
pub mod predict;
pub mod report;
pub mod tensor;
pub mod units;
