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
    /// How the energy came about.
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

/// Shares of the latency. They add up to 1, or are all 0 where there is no latency to share.
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
        energy_basis: rates.basis,
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
    let mut notes = vec![
        "one kernel a layer, nothing fused, as eager PyTorch does: a compiling runtime is faster".to_owned(),
    ];
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
    if rates.basis == Basis::Assumed {
        notes.push(format!(
            "the attained fractions come from NVIDIA GPUs in fp32 and fp16: for {runs_as} on this device they are assumed"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{LayerCost, Totals};
    use crate::device::{Catalogue, DeviceKind};
    use crate::units::{BytesPerSecond, Watts};

    /// 19.49 TFLOP/s in FP32 on vector units, 311.9 in FP16 on matrix units, 2,039 GB/s, 400 W, 80 GiB.
    fn a100() -> Device {
        let mut device = Catalogue::builtin().find("a100").unwrap().clone();
        device.memory_bandwidth.value = BytesPerSecond(2.039e12);
        device.board_power.value = Watts(400.0);
        device
    }

    fn layer(macs: u64, alu: u64, read: u64, weights: u64, written: u64) -> LayerCost {
        let mut layer = LayerCost {
            bytes_read: read,
            bytes_weights: weights,
            bytes_written: written,
            repeat: 1,
            ..LayerCost::default()
        };
        layer.counts.macs = macs;
        layer.counts.alu = alu;
        layer
    }

    fn model(key: &str, layers: Vec<LayerCost>) -> ModelCost {
        let mut totals = Totals { complete: true, peak_activation_bytes: Some(0), ..Totals::default() };
        totals.counts.macs = layers.iter().map(|layer| layer.counts.macs).sum();
        if totals.counts.macs > 0 {
            totals.macs_by_type.insert(key.to_owned(), totals.counts.macs);
        }
        ModelCost { layers, totals, ..ModelCost::default() }
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} for {expected}");
    }

    #[test]
    fn a_convolution_of_a_gigamac_waits_for_arithmetic() {
        let cost = model("float32", vec![layer(1_000_000_000, 0, 4_000_000, 2_000_000, 4_000_000)]);
        let found = predict(&cost, &a100(), None).unwrap();
        let seconds = 2e9 / (19.49e12 * constants::VECTOR.value) + constants::LAUNCH.value;
        close(found.latency.value.0, seconds);
        close(found.layers[0].time.0, seconds);
        assert_eq!(found.layers[0].bound, Bound::Compute);
        assert_eq!((found.precision, found.unit), (Precision::Fp32, ArithmeticUnit::Vector));
        assert_eq!((found.basis, found.energy_basis), (Basis::Spec, Basis::Spec));
        close(found.spec_energy.unwrap().0, 400.0 * 2e9 / 19.49e12);
    }

    #[test]
    fn in_sixteen_bits_the_same_convolution_waits_for_its_start() {
        let cost = model("float32", vec![layer(1_000_000_000, 0, 4_000_000, 2_000_000, 4_000_000)]);
        let found = predict(&cost, &a100(), Some(Precision::Fp16)).unwrap();
        close(found.latency.value.0, 2e9 / (311.9e12 * constants::MATRIX.value) + constants::LAUNCH.value);
        assert_eq!(found.layers[0].bound, Bound::Launch);
        close(found.spec_energy.unwrap().0, 400.0 * 2e9 / 311.9e12);
    }

    #[test]
    fn an_elementwise_layer_waits_for_memory_and_sixteen_bits_halve_its_traffic() {
        let cost = model("float32", vec![layer(0, 250_000_000, 1_000_000_000, 0, 1_000_000_000)]);
        let bandwidth = 2.039e12 * constants::BANDWIDTH.value;
        for (precision, bytes) in [(None, 2e9), (Some(Precision::Fp16), 1e9), (Some(Precision::Int8), 0.5e9)]
        {
            let found = predict(&cost, &a100(), precision).unwrap();
            assert_eq!(found.layers[0].bound, Bound::Memory);
            close(found.latency.value.0, bytes / bandwidth + constants::LAUNCH.value);
            assert_eq!(found.spec_energy, None);
        }
    }

    #[test]
    fn packed_weights_cross_memory_packed_and_compute_in_sixteen_bits() {
        // One token through a 4096 x 4096 matrix of 4-bit weights.
        let token = layer(1 << 24, 0, 2 * 4096, 1 << 23, 2 * 4096);
        for precision in [None, Some(Precision::Fp16)] {
            let found = predict(&model("float16×uint4", vec![token.clone()]), &a100(), precision).unwrap();
            assert_eq!((found.precision, found.runs_as), (Precision::Fp16, Precision::Fp16));
            let bytes = f64::from((1 << 23) + 4 * 4096);
            let seconds = bytes / (2.039e12 * constants::BANDWIDTH.value) + constants::LAUNCH.value;
            close(found.latency.value.0, seconds);
        }
    }

    #[test]
    fn views_folded_layers_and_shape_arithmetic_start_no_kernel() {
        let cost = model("float32", vec![layer(0, 0, 0, 0, 0), layer(0, 0, 32, 0, 8), LayerCost::default()]);
        let found = predict(&cost, &a100(), None).unwrap();
        assert!(found.limits.launch == 0.0 && found.latency.value.0 < 1e-9);
        assert_eq!(found.layers[0], LayerTime { time: Seconds::ZERO, bound: Bound::Free });
        assert_eq!(found.layers.len(), 3);
    }

    #[test]
    fn moving_data_and_repeating_start_kernels() {
        let mut repeated = layer(0, 0, 51_200, 0, 51_200);
        repeated.repeat = 100;
        let found = predict(&model("", vec![layer(0, 0, 512, 0, 512), repeated]), &a100(), None).unwrap();
        let bytes = 1024.0 + 102_400.0;
        let seconds = 101.0 * constants::LAUNCH.value + bytes / (2.039e12 * constants::BANDWIDTH.value);
        close(found.latency.value.0, seconds);
    }

    #[test]
    fn shares_add_up_to_one_layers_to_the_latency_and_intervals_hold_their_value() {
        let layers = vec![
            layer(1_000_000_000, 7, 4_000_000, 2_000_000, 4_000_000),
            layer(0, 1_000_000, 400_000_000, 0, 400_000_000),
            layer(0, 0, 4_000_000, 0, 4_000_000),
        ];
        for precision in [None, Some(Precision::Fp16), Some(Precision::Int8), Some(Precision::Tf32)] {
            let found = predict(&model("float32", layers.clone()), &a100(), precision).unwrap();
            let Limits { compute, memory, launch } = found.limits;
            close(compute + memory + launch, 1.0);
            close(found.layers.iter().map(|layer| layer.time.0).sum(), found.latency.value.0);
            assert!(found.latency.low < found.latency.value && found.latency.value < found.latency.high);
            assert!(found.energy.low < found.energy.value && found.energy.value < found.energy.high);
            let watts = (found.energy.value / found.latency.value).0;
            assert!(watts > 0.2 * 400.0 && watts < 400.0, "{watts}");
        }
    }

    #[test]
    fn what_was_not_fitted_is_assumed_and_wider() {
        let cost = model("float32", vec![layer(1 << 40, 0, 4096, 4096, 4096)]);
        let width = |name: &str, precision| {
            let found = predict(&cost, Catalogue::builtin().find(name).unwrap(), precision).unwrap();
            (found.basis, found.latency.high / found.latency.low)
        };
        let (basis, fitted) = width("a100", None);
        assert_eq!(basis, Basis::Spec);
        for (name, precision) in [("a100", Some(Precision::Int8)), ("mi210", None), ("m1", None)] {
            let (basis, assumed) = width(name, precision);
            assert!(basis == Basis::Assumed && assumed > fitted, "{name}");
        }
    }

    #[test]
    fn a_missing_rate_is_answered_with_what_the_device_offers() {
        let tpu = Catalogue::builtin().find("tpu-v4").unwrap();
        let error = predict(&model("float32", vec![layer(1, 0, 0, 0, 0)]), tpu, None).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("google-tpu-v4 states no fp32 rate; it has rates for bf16"), "{message}");
    }

    #[test]
    fn a_figure_that_is_no_positive_number_is_refused() {
        let cost = model("float32", vec![layer(1, 0, 0, 0, 0)]);
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut device = a100();
            device.memory_bandwidth.value = BytesPerSecond(value);
            let error = predict(&cost, &device, None).unwrap_err();
            assert!(
                matches!(error, PredictError::UnusableFigure { what: "memory bandwidth", .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn no_work_takes_no_time_and_all_work_there_is_no_panic() {
        let found = predict(&ModelCost::default(), &a100(), None).unwrap();
        assert_eq!((found.latency.value, found.energy.value), (Seconds::ZERO, Joules::ZERO));
        assert_eq!(found.limits, Limits { compute: 0.0, memory: 0.0, launch: 0.0 });
        assert!(found.precision == Precision::Fp32 && !found.complete);

        let mut most = layer(u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
        most.repeat = u64::MAX;
        let mut device = a100();
        device.memory_bandwidth.value = BytesPerSecond(f64::MIN_POSITIVE);
        let found = predict(&model("float32", vec![most]), &device, Some(Precision::Fp64)).unwrap();
        assert!(found.latency.value.0 > 1e9);
    }

    #[test]
    fn a_model_fits_if_its_parameters_and_activations_do() {
        let gib = 1 << 30;
        let fits = |params: u64, activations: Option<u64>, precision| {
            let mut cost = model("float32", vec![layer(1, 0, 4, 4, 4)]);
            cost.totals.params.bytes = params;
            cost.totals.peak_activation_bytes = activations;
            predict(&cost, &a100(), precision).unwrap().fits_memory
        };
        assert_eq!(fits(79 * gib, Some(gib), None), Some(true));
        assert_eq!(fits(79 * gib, Some(gib + 1), None), Some(false));
        assert_eq!(fits(150 * gib, Some(gib), Some(Precision::Fp16)), Some(true));
        assert_eq!(fits(gib, None, None), None);
        assert_eq!(fits(81 * gib, None, None), Some(false));
        let cpu =
            Catalogue::builtin().devices().iter().find(|device| device.kind == DeviceKind::Cpu).unwrap();
        assert_eq!(predict(&ModelCost::default(), cpu, None).unwrap().fits_memory, None);
    }

    #[test]
    fn keys_in_files_end_in_their_unit() {
        let cost = model("float32", vec![layer(1_000_000, 0, 4096, 4096, 4096)]);
        let json = serde_json::to_value(predict(&cost, &a100(), None).unwrap()).unwrap();
        assert!(json["latency_s"]["low"].is_f64() && json["energy_j"]["high"].is_f64());
        assert_eq!(json["basis"], "spec");
        assert!(json["paper_energy_j"].is_null() && json["paper_energy_reason"].is_string());
    }
}
