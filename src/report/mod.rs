//! Lays out what is known of a model: for people, for spreadsheets, for programs. Counts nothing.

pub mod analysis;
pub mod chart;
pub mod check;
pub mod csv;
pub mod diff;
pub mod export;
pub mod failure;
pub mod fields;
pub mod grid;
pub mod html;
pub mod json;
pub mod markdown;
pub mod profile;
pub mod projection;
pub mod reconcile;
pub mod rows;
pub mod scores;
pub mod screen;
pub mod style;
pub mod table;
pub mod text;
pub mod trends;

use crate::cost::ModelCost;
use crate::graph::TypedGraph;
use crate::onnx::{ExternalFile, Model};
use crate::predict::Prediction;

pub use failure::Failure;

/// Everything that is known of one model.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its file as the user named it.
    pub path: &'a str,
    /// The file.
    pub model: &'a Model,
    /// The files that hold its weights, if they are not in it.
    pub external: &'a [ExternalFile],
    /// Its graph with types.
    pub graph: &'a TypedGraph<'a>,
    /// Its cost.
    pub cost: &'a ModelCost,
    /// Estimates, one a device. The first is the one that layers show the time of.
    pub predictions: &'a [Prediction],
    /// Devices that were asked for and for which there is no estimate.
    pub without_estimate: &'a [NoEstimate],
    /// Whether the user named the devices, or they are the stated default.
    pub devices: Devices,
}

/// A device without an estimate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoEstimate {
    /// Its id.
    pub device: String,
    /// One sentence.
    pub reason: String,
}

/// Who chose the devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Devices {
    /// The user.
    Named,
    /// Nobody: the reference device.
    Reference,
}
