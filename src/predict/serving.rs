//! What a language model takes to serve: its prompt, read at once, and each token after it, read one by one on a cache that
//! grows. Both from counts of the same decoder, by [`predict()`](super::predict()).
//!
//! Several equal devices share the work by tensor parallelism, as Megatron-LM splits a transformer (Shoeybi et al., arXiv
//! 1909.08053): contractions are divided, everything else is done on each, and twice a layer they add up what each has for
//! all tokens. A ring does that in `2·(n-1)/n` of the bytes over the link of each device, beside a fixed time.

use std::num::NonZeroU32;

use super::constants::Assumption;
use super::precision::Storage;
use super::{Interval, Limits, PredictError, Prediction, Request, predict};
use crate::cost::ModelCost;
use crate::device::{ArithmeticUnit, Device, Precision};
use crate::units::{BytesPerSecond, Joules, Seconds};

/// What an exchange among devices takes at least: kernels of the communication library, one for each.
pub const EXCHANGE: Assumption = Assumption {
    name: "exchange among devices",
    value: 15.0,
    unit: "µs each, besides its bytes",
    origin: SERVED,
};

const SERVED: &str = "85 runs of vLLM on H100 (ML.ENERGY v3, 2026-02), by tests/validation/serving.py";

/// What the software of a server takes while its devices wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Server {
    /// For each step.
    pub step: Seconds,
    /// For each sequence of a step: scheduling, sampling, turning tokens into text.
    pub sequence: Seconds,
}

impl Server {
    /// vLLM's, on the hosts of H100 machines.
    pub const MEASURED: Self = Self { step: Seconds(1.7e-3), sequence: Seconds(38e-6) };

    /// What a step of a batch takes.
    fn time(self, batch: u64) -> Seconds {
        self.step + self.sequence * batch as f64
    }
}

/// The link of a device whose maker states none: PCIe 4.0 with 16 lanes.
pub const LINK: BytesPerSecond = BytesPerSecond(32e9);

/// A decoder as it was counted, and what of it crosses between devices.
#[derive(Debug, Clone, Copy)]
pub struct Decoder<'c> {
    /// The cost of one run over a batch.
    pub cost: &'c ModelCost,
    /// Caches of keys and values that come in: two for each layer of attention.
    pub caches: usize,
    /// Bytes of these caches, as the file stores them.
    pub cache_bytes: u64,
}

/// One run of a decoder on all devices together.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// From the first kernel to the last.
    pub latency: Interval<Seconds>,
    /// What of it the devices wait for the server.
    pub server: Seconds,
    /// What of it the devices spend on exchanging.
    pub exchange: Seconds,
    /// What all devices draw; `None` where no power is known.
    pub energy: Option<Interval<Joules>>,
    /// What their machine draws, at the wall; `None` where that cannot be told.
    pub system_energy: Option<Interval<Joules>>,
    /// What the time of kernels goes into.
    pub limits: Limits,
    /// Bytes of keys and values that are read.
    pub cache_bytes: f64,
    /// Bytes of weights that are read.
    pub weight_bytes: f64,
    /// The format and the part of the chip that contractions run in.
    pub runs_as: Precision,
    /// The part of the chip that does them.
    pub unit: ArithmeticUnit,
    /// Whether weights, cache and activations fit in the memory of the devices; `None` where it is not known.
    pub fits_memory: Option<bool>,
    /// Sequences at which contractions take as long as reading the weights, at full rates: below, more sequences cost next to
    /// no time.
    pub balance: Option<f64>,
}

/// Where and how a decoder is served.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'d> {
    /// The device.
    pub device: &'d Device,
    /// How many of it.
    pub devices: NonZeroU32,
    /// Sequences that are served together.
    pub batch: u64,
    /// What a device sends to the others; `None` for what its maker states, else [`LINK`].
    pub link: Option<BytesPerSecond>,
    /// The software around it.
    pub server: Server,
}

/// What one run of a decoder takes.
///
/// # Errors
/// [`PredictError`].
pub fn step(decoder: &Decoder, setting: &Setting, request: &Request) -> Result<Step, PredictError> {
    let Setting { device, devices, batch, .. } = *setting;
    let request = Request { share_among: Some(devices), ..*request };
    let prediction = predict(decoder.cost, device, &request)?;
    let storage = Storage::of(decoder.cost, request.precision);
    let link = setting.link.or(device.link.as_ref().map(|link| link.value)).unwrap_or(LINK);
    let exchange = exchange(decoder, devices, link, storage);
    let n = f64::from(devices.get());
    let server = setting.server.time(batch);
    let later = |time: Interval<Seconds>| time.map(|end| end + exchange + server);
    let waiting_time = exchange + server;
    // While they exchange, and while the server is at work, all of them wait.
    let waiting = |energy: Interval<Joules>| {
        let base = device
            .board_power
            .as_ref()
            .map_or(Joules::ZERO, |power| power.value * super::constants::POWER_BASE.value * waiting_time);
        energy.map(|end| (end + base) * n)
    };
    let energy = prediction.energy.map(waiting);
    let host = super::constants::HOST_POWER.value;
    let system_energy = prediction
        .system_energy
        .map(waiting)
        .map(|energy| energy.map(|end| end + Joules(host * waiting_time.0 * n)));
    let weight_bytes = storage.weights(decoder.cost.totals.bytes_weights);
    Ok(Step {
        latency: later(prediction.latency),
        server,
        exchange,
        energy,
        system_energy,
        limits: prediction.limits,
        cache_bytes: storage.activations(decoder.cache_bytes),
        weight_bytes,
        runs_as: prediction.runs_as,
        unit: prediction.unit,
        fits_memory: prediction.fits_memory,
        balance: balance(decoder, device, &prediction, weight_bytes, batch),
    })
}

/// The time of all exchanges of a run.
fn exchange(decoder: &Decoder, devices: NonZeroU32, link: BytesPerSecond, storage: Storage) -> Seconds {
    let n = f64::from(devices.get());
    if n < 2.0 {
        return Seconds::ZERO;
    }
    let layers = decoder.caches.div_ceil(2).max(1) as f64;
    let bytes = storage.activations(hidden_bytes(decoder.cost));
    let each = EXCHANGE.value * 1e-6 + 2.0 * (n - 1.0) / n * bytes / link.0;
    Seconds(2.0 * layers * each)
}

/// Bytes of what passes from layer to layer for all tokens: what the widest normalisation gives back.
fn hidden_bytes(cost: &ModelCost) -> u64 {
    use crate::cost::Form;
    let norms = cost.layers.iter().filter(|layer| matches!(layer.form, Form::Normalize(_)));
    let widest = norms.map(|layer| layer.bytes_written.checked_div(layer.repeat).unwrap_or(0)).max();
    // Normalisations in plain operators: what their means are taken of.
    let means = cost.layers.iter().filter(|layer| layer.operator == "ReduceMean");
    let read = means.map(|layer| layer.bytes_read.checked_div(layer.repeat).unwrap_or(0)).max();
    widest.or(read).unwrap_or(0)
}

/// See [`Step::balance`].
fn balance(
    decoder: &Decoder,
    device: &Device,
    prediction: &Prediction,
    weight_bytes: f64,
    batch: u64,
) -> Option<f64> {
    let peak = device.peak(prediction.precision)?.rate.value;
    let computing = 2.0 * decoder.cost.totals.counts.macs as f64 / peak.0 / batch.max(1) as f64;
    let reading = weight_bytes / device.memory_bandwidth.value.0;
    (computing > 0.0 && reading.is_finite()).then(|| reading / computing)
}
