//! How long a counted model takes on a device, and how much energy: pure arithmetic on the counts, the
//! device's stated rates, and a few constants that name their origin.
//!
//! It knows no file, no operator and no GPU. What it says holds for a runtime that starts one kernel a layer
//! and fuses nothing, as eager PyTorch does.

mod constants;
mod energy;
mod precision;
mod time;

use std::fmt;

use serde::Serialize;

pub use constants::Assumption;

use crate::cost::ModelCost;
use crate::device::{ArithmeticUnit, Device, Precision};
use crate::units::{Joules, Seconds};

/// What one inference of a model takes on a device. Times and energies are of one run of the whole batch that
/// the model was counted with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// [`Device::id`].
    pub device: String,
    /// The number format of the contractions: what was asked for, else the one that carries most MACs.
    pub precision: Precision,
    /// The format in which the device does them: wider than `precision` where it has no rate for that.
    pub runs_as: Precision,
    /// The part of the device that does them.
    pub unit: ArithmeticUnit,
    /// How the latency came about.
    pub basis: Basis,
    /// How the energy came about: never better founded than the latency it rests on.
    pub energy_basis: Basis,
    /// From the first kernel to the last, the host's part in starting them included; no transfers to and
    /// from the device.
    #[serde(rename = "latency_s")]
    pub latency: Interval<Seconds>,
    /// What the board draws in that time. Host, cooling and power supply are not in it.
    #[serde(rename = "energy_j")]
    pub energy: Interval<Joules>,
    /// `2·macs` at the peak rate and the board power of the device: what the spec sheet alone promises, and
    /// no device reaches.
    #[serde(rename = "spec_energy_j")]
    pub spec_energy: Option<Joules>,
    /// The energy by the method of Desislavov et al. (arXiv 2109.05472), from the trend of FLOPS per watt at
    /// the model's date.
    #[serde(rename = "paper_energy_j")]
    pub paper_energy: Option<Joules>,
    /// Why `paper_energy` is not given.
    pub paper_energy_reason: Option<String>,
    /// What the time goes into.
    pub limits: Limits,
    /// One entry a layer, in the order of [`ModelCost::layers`].
    #[serde(skip)]
    pub layers: Vec<LayerTime>,
    /// Whether parameters and activations fit in the memory of the device; `None` where either is not known.
    pub fits_memory: Option<bool>,
    /// Whether all layers are counted: if not, latency and energy are of the counted ones alone.
    pub complete: bool,
    /// The constants used, each with its origin.
    pub assumptions: Vec<Assumption>,
    /// What a reader must know about this very estimate, in sentences.
    pub notes: Vec<String>,
}

/// A figure and the range from its 10th to its 90th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval<T> {
    /// The estimate: the median.
    pub value: T,
    /// The 10th percentile.
    pub low: T,
    /// The 90th percentile.
    pub high: T,
}

/// How a figure came about, the best founded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// This model ran on this device.
    Measured,
    /// The rates of this device were measured.
    Calibrated,
    /// The maker's rates of this device, times fractions fitted on measurements of similar devices.
    Spec,
    /// The maker's rates, times fractions that no measurement of a similar device supports.
    Assumed,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Measured => "measured",
            Self::Calibrated => "calibrated",
            Self::Spec => "spec",
            Self::Assumed => "assumed",
        })
    }
}

/// Shares of the latency. They add up to 1, or are all 0 for a model without work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// Kernels that wait for arithmetic.
    pub compute: f64,
    /// Kernels that wait for memory.
    pub memory: f64,
    /// The starting of kernels.
    pub launch: f64,
}

/// The time of one layer, all its turns together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LayerTime {
    /// Its share of the latency: the times of all layers add up to it.
    #[serde(rename = "time_s")]
    pub time: Seconds,
    /// What most of it goes into.
    pub bound: Bound,
}

/// What a layer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Nothing: it starts no kernel.
    Free,
    /// Arithmetic.
    Compute,
    /// Memory traffic.
    Memory,
    /// The starting of its kernels.
    Launch,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Free => "free",
            Self::Compute => "compute",
            Self::Memory => "memory",
            Self::Launch => "launch",
        })
    }
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// No figure says how fast the device works in this format, nor in one that could stand in for it.
    #[error("{device} states no {precision} rate; it has rates for {}", names(.offered))]
    NoPeak {
        /// [`Device::id`].
        device: String,
        /// What was asked for, or what the model is in.
        precision: Precision,
        /// What would do.
        offered: Vec<Precision>,
    },
    /// A rate or a power that nothing can be computed with.
    #[error("{device} has a {what} of {value}; a positive number is needed")]
    UnusableFigure {
        /// [`Device::id`].
        device: String,
        /// Which figure.
        what: &'static str,
        /// What it is.
        value: f64,
    },
}

fn names(precisions: &[Precision]) -> String {
    match precisions {
        [] => "none".to_owned(),
        _ => precisions.iter().map(|precision| precision.name()).collect::<Vec<_>>().join(", "),
    }
}

/// Estimates what one run of a counted model takes on a device.
///
/// Without a `precision`, the model runs as it is stored: contractions in the format of their own operands.
/// With one, all contractions run in it, and all tensors are taken to be stored in it: `fp16` halves the bytes
/// of a float32 model. Weights already narrower than that stay as they are.
///
/// # Errors
/// [`PredictError::NoPeak`] if the device states no rate for the precision; [`PredictError::UnusableFigure`]
/// if one of its figures is zero, negative or no number.
pub fn predict(
    cost: &ModelCost,
    device: &Device,
    precision: Option<Precision>,
) -> Result<Prediction, PredictError> {
    let chosen = precision.unwrap_or_else(|| precision::of_model(cost));
    let rates = time::Rates::of(device, chosen)?;
    let storage = precision::Storage::of(cost, precision);
    let run = time::run(cost, device, &rates, precision, storage);
    let energy = energy::of_run(&run, device);
    Ok(Prediction {
        device: device.id.to_string(),
        precision: chosen,
        runs_as: rates.contraction.precision,
        unit: rates.contraction.unit,
        basis: rates.basis,
        energy_basis: rates.basis.max(constants::ENERGY_BASIS),
        latency: run.latency,
        energy,
        spec_energy: energy::by_spec(cost, device, &rates),
        paper_energy: None,
        paper_energy_reason: Some(
            "the paper's method needs the model's date, its domain and the attained share of the peak rate"
                .to_owned(),
        ),
        limits: run.limits(),
        layers: run.layers,
        fits_memory: fits_memory(cost, device, storage),
        complete: cost.totals.complete,
        assumptions: constants::used(&rates),
        notes: notes(cost, chosen, &rates),
    })
}

/// Parameters and the most activations that live at once, against the memory of the device.
fn fits_memory(cost: &ModelCost, device: &Device, storage: precision::Storage) -> Option<bool> {
    let capacity = device.memory_capacity.as_ref()?.value as f64;
    let params = storage.weights(cost.totals.params.bytes);
    if params > capacity {
        return Some(false);
    }
    Some(params + storage.activations(cost.totals.peak_activation_bytes?) <= capacity)
}

fn notes(cost: &ModelCost, chosen: Precision, rates: &time::Rates) -> Vec<String> {
    let mut notes = vec![];
    if !cost.totals.complete {
        notes.push(format!(
            "at least: {} of {} nodes have no known cost",
            cost.totals.nodes.saturating_sub(cost.totals.costed_nodes),
            cost.totals.nodes
        ));
    }
    let runs_as = rates.contraction.precision;
    if runs_as != chosen {
        notes.push(format!("the device states no faster {chosen} rate: contractions run in {runs_as}"));
    }
    notes
}
