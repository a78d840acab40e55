//! Estimates for a framework that runs a model with the maker's own libraries, as PyTorch does: kernel by kernel
//! (eager), or compiled, with element-wise work fused into few kernels.
//!
//! `fusion` states which kernels run. What a kernel takes is a sum of terms, each the time at a full rate of the device
//! times a coefficient: see [`Term`]. The coefficients are few, one set for each runtime and arithmetic unit, fitted on
//! measurements ([`fit`]) and carried to other devices by their rates alone. The host starts kernels while earlier ones
//! run: a run takes as long as all kernels, or as all starts if that is longer.

mod coefficients;
pub mod fit;
mod fusion;
mod term;
mod work;

pub use coefficients::{Coefficients, Fitted, Processor, UnknownTerm, builtin, compose, of, read, written};
pub use term::Term;

use super::precision::Storage;
use super::rates::{Rates, own_peak};
use super::{Basis, Bound, Interval, LayerTime, PredictError, Run, Runtime, constants, roofline};
use crate::cost::{LayerCost, ModelCost};
use crate::device::{ArithmeticUnit, Device, DeviceKind, Precision};
use crate::units::Seconds;
use fusion::Kernel;
use work::Quantity;

/// GPUs of this power and less do not hold the clock of their peak rate under contractions: both that were
/// measured (Tesla P4 and T4) reach two thirds of it.
const LOW_POWER_W: f64 = 75.0;

/// The full rates of a device that terms are taken at.
struct Ceilings<'a> {
    cost: &'a ModelCost,
    device: &'a Device,
    rates: &'a Rates<'a>,
    /// Whether contractions run in the format of their own operands.
    as_stored: bool,
    storage: Storage,
    low_power: bool,
}

impl<'a> Ceilings<'a> {
    fn new(
        cost: &'a ModelCost,
        device: &'a Device,
        rates: &'a Rates<'a>,
        asked: Option<Precision>,
        storage: Storage,
    ) -> Self {
        let board = device.board_power.as_ref().map_or(f64::INFINITY, |power| power.value.0);
        let low_power = device.kind == DeviceKind::Gpu && board <= LOW_POWER_W;
        Self { cost, device, rates, as_stored: asked.is_none(), storage, low_power }
    }

    /// The peak rate of the contraction that a kernel does.
    fn contraction(&self, kernel: &Kernel) -> f64 {
        let layers = kernel.layers.iter().filter_map(|at| self.cost.layers.get(*at));
        let own = layers
            .filter(|layer| self.as_stored && layer.counts.macs > 0)
            .find_map(|layer| own_peak(layer, self.device));
        own.unwrap_or(self.rates.contraction).rate.value.0
    }

    /// What a kernel takes at full rates, by term.
    fn terms(&self, kernel: &Kernel) -> [f64; Term::COUNT] {
        let mut sums = [0.0; Term::COUNT];
        let mut add = |term: Term, seconds: f64| {
            if let Some(sum) = sums.get_mut(term as usize) {
                *sum += seconds;
            }
        };
        let rate = self.contraction(kernel);
        let vector = self.rates.vector.0;
        let traffic = |activations: u64, weights: u64| {
            (self.storage.activations(activations) + self.storage.weights(weights)) / self.rates.bandwidth.0
        };
        for (term, quantity) in kernel.parts() {
            let seconds = match quantity {
                Quantity::Contraction { macs } => 2.0 * macs as f64 / rate,
                Quantity::Vector { macs } => 2.0 * macs as f64 / vector,
                // A vector rate counts a multiply-add as two; an operation that is none takes as long.
                Quantity::Bytes { activations, weights, operations } => {
                    traffic(activations, weights).max(2.0 * operations as f64 / vector)
                }
                Quantity::Depthwise { macs, activations, weights } => {
                    traffic(activations, weights).max(DEPTHWISE_PASSES * 2.0 * macs as f64 / vector)
                }
                Quantity::Starts(started) => started as f64 * 1e-6,
            };
            add(term, seconds);
            if self.low_power && matches!(quantity, Quantity::Contraction { .. }) && term != Term::Padding {
                add(Term::LowPower, seconds);
            }
        }
        sums
    }
}

/// Times that depthwise kernels take over their FLOPs at the vector rate, in memory's terms: fitted once, by trying 1 to 4.
const DEPTHWISE_PASSES: f64 = 2.0;

/// Seconds at full rates, by term, of one run of a model on a device, and what does its contractions.
///
/// # Errors
/// [`PredictError`], where the device states no rate.
pub fn terms(
    cost: &ModelCost,
    device: &Device,
    runtime: Runtime,
    precision: Option<Precision>,
) -> Result<([f64; Term::COUNT], ArithmeticUnit), PredictError> {
    let chosen = precision.unwrap_or_else(|| super::precision::of_model(cost));
    let rates = Rates::of(device, chosen)?;
    let ceilings = Ceilings::new(cost, device, &rates, precision, Storage::of(cost, precision));
    let unit = rates.contraction.unit;
    let mut sums = [0.0; Term::COUNT];
    for kernel in &fusion::lower(cost, runtime, unit) {
        sums.iter_mut().zip(ceilings.terms(kernel)).for_each(|(sum, seconds)| *sum += seconds);
    }
    Ok((sums, unit))
}

/// The time of one run of a model, by a set of coefficients, on each of so many devices that share its contractions.
pub(super) fn run(
    cost: &ModelCost,
    device: &Device,
    rates: &Rates,
    asked: Option<Precision>,
    storage: Storage,
    set: &Fitted,
    sharing: f64,
) -> Run {
    let ceilings = Ceilings::new(cost, device, rates, asked, storage);
    let mut all = Parts::default();
    let mut shares = vec![Parts::default(); cost.layers.len()];
    for kernel in &fusion::lower(cost, set.runtime, rates.contraction.unit) {
        let mut terms = ceilings.terms(kernel);
        if kernel.contracts() {
            // A start takes as long on each of them.
            let shared = Term::ALL.into_iter().zip(&mut terms).filter(|(term, _)| *term != Term::Start);
            shared.for_each(|(_, seconds)| *seconds /= sharing);
        }
        let parts = Parts::of(&terms, &set.coefficients);
        all.add(parts, 1.0);
        for (layer, part) in split(cost, kernel) {
            if let Some(share) = shares.get_mut(layer) {
                share.add(parts, part);
            }
        }
    }
    let kernels = all.compute + all.memory;
    // Of starting, what the device waits for is the time of the run: the rest passes while kernels run.
    let waits = if all.starts > 0.0 { (all.starts - kernels).max(0.0) / all.starts } else { 0.0 };
    let spread = if rates.basis == Basis::Assumed { constants::ASSUMED_SPREAD } else { set.spread.into() };
    let unit = rates.contraction.unit;
    let floors = roofline::of_layers(cost, device, rates, asked, storage).into_iter().zip(&cost.layers);
    let floors = floors.map(|(floor, layer)| floor / if layer.counts.macs > 0 { sharing } else { 1.0 });
    let layers = shares.into_iter().zip(floors);
    let end = |kernel: f64, start: f64| Seconds((kernels * kernel).max(all.starts * start));
    Run {
        latency: Interval {
            value: end(1.0, 1.0),
            low: end(spread.0, constants::LAUNCH_SPREAD.0),
            high: end(spread.1, constants::LAUNCH_SPREAD.1),
        },
        compute: Seconds(all.compute),
        memory: Seconds(all.memory),
        launch: Seconds(all.starts * waits),
        layers: layers.map(|(share, roofline)| share.layer(waits, unit, roofline)).collect(),
    }
}

/// The layers of a kernel, and what share of it each is: of its MACs, or of the bytes where there are none.
fn split(cost: &ModelCost, kernel: &Kernel) -> Vec<(usize, f64)> {
    let layer = |at: usize| cost.layers.get(at);
    let macs = |at: usize| layer(at).map_or(0.0, |layer| layer.counts.macs as f64);
    let bytes = |at: usize| {
        let moved = |layer: &LayerCost| {
            layer.bytes_read as f64 + layer.bytes_weights as f64 + layer.bytes_written as f64
        };
        layer(at).map_or(0.0, moved)
    };
    let of: &dyn Fn(usize) -> f64 =
        if kernel.layers.iter().any(|at| macs(*at) > 0.0) { &macs } else { &bytes };
    let all: f64 = kernel.layers.iter().map(|at| of(*at)).sum();
    let even = 1.0 / kernel.layers.len().max(1) as f64;
    let share = |at: usize| if all > 0.0 { of(at) / all } else { even };
    kernel.layers.iter().map(|at| (*at, share(*at))).collect()
}

/// Seconds of arithmetic and of memory traffic, and of the host while it starts kernels.
#[derive(Clone, Copy, Default)]
struct Parts {
    compute: f64,
    memory: f64,
    starts: f64,
}

impl Parts {
    fn of(sums: &[f64; Term::COUNT], coefficients: &Coefficients) -> Self {
        let mut parts = Self::default();
        for (term, seconds) in Term::ALL.into_iter().zip(sums) {
            let part = seconds * coefficients.of(term);
            match term.bound() {
                Bound::Matrix | Bound::Vector => parts.compute += part,
                Bound::Memory | Bound::Free => parts.memory += part,
                Bound::Launch => parts.starts += part,
            }
        }
        parts
    }

    fn add(&mut self, other: Self, share: f64) {
        self.compute += other.compute * share;
        self.memory += other.memory * share;
        self.starts += other.starts * share;
    }

    /// The time of a layer, if the device waits for this share of the starts.
    fn layer(self, waits: f64, unit: ArithmeticUnit, roofline: Seconds) -> LayerTime {
        let Self { compute, memory, starts } = self;
        let launch = starts * waits;
        let time = compute + memory + launch;
        let bound = if time <= 0.0 {
            Bound::Free
        } else if launch > compute && launch > memory {
            Bound::Launch
        } else if compute >= memory {
            Bound::Matrix.on(unit)
        } else {
            Bound::Memory
        };
        LayerTime { time: Seconds(time), bound, roofline, energy: None, kernel: None }
    }
}
