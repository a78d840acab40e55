//! What a neural network costs, before anyone runs it: operations, parameters, bytes and memory of an
//! ONNX file, layer by layer, and an estimate of seconds and joules on a named device.
//!
//! ```
//! use std::path::Path;
//! use ergometer::{cost, graph, onnx};
//!
//! let model = onnx::read(Path::new("models/resnet50.onnx"))?;
//! let typed = graph::infer(&model.proto, &graph::Request { batch: Some(8), ..Default::default() })?;
//! let totals = cost::count(&typed)?.totals;
//! assert_eq!(totals.counts.macs, 8 * 4_089_184_256);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way through
//!
//! ```text
//! model.onnx (mapped)                        catalogue of devices
//!     | onnx::read     no weight is touched       |
//!     v                                           |
//! onnx::Model                                     |
//!     | graph::infer   asks ops::OPERATORS        |
//!     v                                           v
//! graph::TypedGraph -- cost::count --> ModelCost --> predict::predict --> Prediction
//!                                           \____________________________/
//!                                                        v
//!                                            report (lays out) <- cli
//! ```
//!
//! Everything between bytes and report is a pure function of its arguments. Only [`onnx::read`] and the
//! command line touch files; only `main` exits.
//!
//! # The layers
//!
//! A module imports only from those above it; a test holds this.
//!
//! | module | owns | stands on |
//! |---|---|---|
//! | [`names`] | names that people type, and what is called alike | |
//! | [`date`] | when something came out | |
//! | [`units`] | measured quantities and how numbers are printed | |
//! | [`stats`] | statistics of samples and lines through points | |
//! | [`tensor`] | element types, shapes, small known values | |
//! | [`onnx`] | the wire format: reading, external data, stripping and writing | |
//! | [`ops`] | the rules of every operator, one table | tensor |
//! | [`graph`] | inference over nodes, bodies and functions; binding of open dimensions | onnx, ops, tensor |
//! | [`cost`] | counting: layers and what feeds them, totals, parameters, liveness, roll-ups | graph, ops, tensor |
//! | [`law`] | counts as exact polynomials of open dimensions | cost, graph |
//! | [`device`] | the catalogue of devices; what a profile of one holds | names, units |
//! | [`factors`] | carbon intensity, prices and PUE; what an energy comes to with them | device, names, units |
//! | [`calibrate`] | measuring the local adapter and its power | device, stats, units |
//! | [`predict`] | time and energy | cost, date, device, factors, stats, units |
//! | [`zoo`] | scoring many models: what there is, a row for each, how they stand | predict, factors, date, cost, graph, onnx, device |
//! | [`trends`] | what inference takes over the years: facts, growth, forecasts | predict, device, date, stats |
//! | [`project`] | energy, carbon and money of all inferences over years | predict, factors, units |
//! | [`diff`] | what changed between two counted models, or one and its baseline | predict, cost, graph |
//! | [`check`] | budgets: whether a model keeps them | diff |
//! | [`report`] | screen, JSON, CSV, Markdown, charts, one HTML page: lays out, never computes | all above |
//! | [`cli`] | commands and their options: no arithmetic | all |
//!
//! # Where to look
//!
//! - An operator's rule: its row in `src/ops/table.rs` names its functions; the family's file has them.
//! - The form of an operator's kernel, with its sizes: `src/ops/form.rs`.
//! - What an open dimension is taken to be: `src/graph/bind.rs`.
//! - The law of a count, and why there is none: `src/law/mod.rs`.
//! - A constant of the time or power model, with its origin: `src/predict/constants.rs`,
//!   `src/predict/framework/coefficients.toml`; what a layer draws: `src/predict/power.rs`.
//! - What serving a language model takes: `src/predict/serving.rs`.
//! - A device's figures, each with its source: `src/device/catalogue/`; those of grids and prices: `src/factors/`.
//! - A fact of the trends, and its source: `src/trends/data/`; what a line goes through: `src/trends/select.rs`.
//! - A kernel of the calibration: its file in `shaders/`, its row in `src/calibrate/kernels/`.
//! - Which kernels a layer becomes: `src/predict/lowering.rs` over WebGPU, `src/predict/framework/fusion.rs` in PyTorch.

pub mod calibrate;
pub mod check;
pub mod cli;
pub mod cost;
pub mod date;
pub mod device;
pub mod diff;
pub mod factors;
pub mod graph;
pub mod law;
pub mod names;
pub mod onnx;
pub mod ops;
pub mod predict;
pub mod project;
pub mod report;
pub mod stats;
pub mod tensor;
pub mod trends;
pub mod units;
pub mod zoo;
