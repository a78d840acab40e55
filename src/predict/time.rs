//! Time: each layer takes as long as its arithmetic or its memory traffic, whichever is longer, and a kernel
//! takes time to start.

use super::precision::{Factors, Storage};
use super::{Basis, Bound, Interval, LayerTime, Limits, PredictError, constants};
use crate::cost::{LayerCost, ModelCost};
use crate::device::{ArithmeticUnit, Device, Peak, Precision};
use crate::units::{BytesPerSecond, FlopsPerSecond, Seconds};

/// Layers that move fewer bytes a turn work on shapes and scalars: a runtime does that on the host, and they
/// start no kernel.
pub(super) const HOST_BYTES: u64 = 256;

/// Vector operations that a division or a transcendental function takes the time of.
///
/// The special-function units of NVIDIA GPUs since Maxwell do 16 results a clock and multiprocessor, beside 64
/// or 128 vector lanes ("Throughput of Native Arithmetic Instructions", CUDA C++ Programming Guide).
const SPECIAL: f64 = 8.0;

/// What the device can do, of its own figures alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates<'d> {
    /// For contractions.
    pub contraction: &'d Peak,
    /// For all other arithmetic; a multiply-add counts two.
    pub vector: FlopsPerSecond,
    pub bandwidth: BytesPerSecond,
    pub basis: Basis,
}

impl<'d> Rates<'d> {
    /// The figures of a device for contractions in `precision`.
    ///
    /// Other arithmetic runs at the FP32 vector rate. Chips that state none (TPUs) are taken to do it at the
    /// rate of contractions: too fast, but memory binds there first.
    pub fn of(device: &'d Device, precision: Precision) -> Result<Self, PredictError> {
        let contraction = device.peak(precision).ok_or_else(|| PredictError::NoPeak {
            device: device.id.to_string(),
            precision,
            offered: Precision::ALL.into_iter().filter(|p| device.peak(*p).is_some()).collect(),
        })?;
        let vector = device.peak(Precision::Fp32).unwrap_or(contraction).rate.value;
        let rates = Self {
            contraction,
            vector,
            bandwidth: device.memory_bandwidth.value,
            basis: constants::basis(device, contraction),
        };
        for (what, value) in [
            ("peak rate", contraction.rate.value.0),
            ("FP32 rate", vector.0),
            ("memory bandwidth", rates.bandwidth.0),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(PredictError::UnusableFigure { device: device.id.to_string(), what, value });
            }
        }
        Ok(rates)
    }
}

/// Where the time of one run goes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Run {
    pub latency: Interval<Seconds>,
    pub compute: Seconds,
    pub memory: Seconds,
    pub launch: Seconds,
    pub layers: Vec<LayerTime>,
}

impl Run {
    pub fn limits(&self) -> Limits {
        let total = self.latency.value;
        let finite = total > Seconds::ZERO && total.0.is_finite();
        let share = |part: Seconds| if finite { part / total } else { 0.0 };
        Limits { compute: share(self.compute), memory: share(self.memory), launch: share(self.launch) }
    }
}

pub(super) fn run(
    cost: &ModelCost,
    device: &Device,
    rates: &Rates,
    asked: Option<Precision>,
    storage: Storage,
) -> Run {
    let (mut compute, mut memory, mut launch) = (Seconds::ZERO, Seconds::ZERO, Seconds::ZERO);
    let layers = cost
        .layers
        .iter()
        .map(|layer| {
            let peak = match asked {
                Some(_) => rates.contraction,
                None => own_peak(layer, device).unwrap_or(rates.contraction),
            };
            let time = layer_time(layer, peak, rates, storage);
            let (kernel, bound) = if time.compute >= time.memory {
                compute += time.compute;
                (time.compute, Bound::Compute)
            } else {
                memory += time.memory;
                (time.memory, Bound::Memory)
            };
            launch += time.launch;
            let total = kernel + time.launch;
            let bound = if total == Seconds::ZERO {
                Bound::Free
            } else if time.launch > kernel {
                Bound::Launch
            } else {
                bound
            };
            LayerTime { time: total, bound, kernel: None }
        })
        .collect();
    let value = compute + memory + launch;
    let kernel = constants::kernel_spread(rates.basis, rates.contraction.unit);
    let end = |kernel: f64, start: f64| (compute + memory) * kernel + launch * start;
    let latency = Interval {
        value,
        low: end(kernel.0, constants::LAUNCH_SPREAD.0),
        high: end(kernel.1, constants::LAUNCH_SPREAD.1),
    };
    Run { latency, compute, memory, launch, layers }
}

/// The peak for the format of the layer's own operands, where it differs from that of the model.
pub(super) fn own_peak<'d>(layer: &LayerCost, device: &'d Device) -> Option<&'d Peak> {
    let (activation, weight) = layer.counts.factors?;
    device.peak(Factors { activation: activation.name(), weight: weight.name() }.precision())
}

struct Parts {
    compute: Seconds,
    memory: Seconds,
    launch: Seconds,
}

fn layer_time(layer: &LayerCost, peak: &Peak, rates: &Rates, storage: Storage) -> Parts {
    let counts = &layer.counts;
    let attained = match peak.unit {
        ArithmeticUnit::Matrix => constants::MATRIX.value,
        ArithmeticUnit::Vector => constants::VECTOR.value,
    };
    let contraction = 2.0 * counts.macs as f64 / (peak.rate.value.0 * attained);
    let simple = counts.alu as f64 + counts.int as f64 + counts.str as f64;
    let special = counts.div as f64 + counts.trans as f64 + counts.rng as f64;
    // A vector peak counts a multiply-add as two; an operation that is no multiply-add takes as long.
    let vector = 2.0 * (simple + SPECIAL * special) / (rates.vector.0 * constants::VECTOR.value);

    let moved = layer.bytes_read.saturating_add(layer.bytes_written).saturating_add(layer.bytes_weights);
    let stored = storage.activations(layer.bytes_read)
        + storage.activations(layer.bytes_written)
        + storage.weights(layer.bytes_weights);
    let memory = stored / (rates.bandwidth.0 * constants::BANDWIDTH.value);

    let on_host = moved < HOST_BYTES.saturating_mul(layer.repeat);
    let launches = if on_host { 0.0 } else { layer.repeat as f64 };
    Parts {
        compute: Seconds(contraction + vector),
        memory: Seconds(memory),
        launch: Seconds(launches * constants::LAUNCH.value),
    }
}
