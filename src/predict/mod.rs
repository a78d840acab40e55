//! How long a counted model takes on a device, and how much energy: pure arithmetic on the counts, what is
//! known of the device, and a few constants that name their origin.
//!
//! Three runtimes: PyTorch, eager or compiled ([`framework`]), at the maker's rates times fitted coefficients; and one
//! over WebGPU, whose kernels ([`mod@lowering`]) take what a profile of the device says that such kernels take. It knows
//! no file, no graph and no GPU.

mod calibrated;
mod constants;
pub mod framework;
pub mod lowering;
pub mod paper;
mod power;
mod precision;
mod rates;
mod roofline;
pub mod serving;

use std::fmt;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use constants::Assumption;
pub use paper::Paper;
pub use roofline::{Attained, attained};

use crate::cost::ModelCost;
use crate::device::kernel::KernelClass;
use crate::device::{ArithmeticUnit, Device, Precision};
use crate::factors::{Footprint, Scope, Site};
use crate::stats::quantile;
use crate::units::{Joules, Seconds};

/// What an estimate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Request {
    /// The number format of contractions and tensors; `None` for that of the model.
    pub precision: Option<Precision>,
    /// What runs the model; `None` for [`Runtime::Webgpu`] on a device with a profile, else
    /// [`Runtime::Eager`].
    pub runtime: Option<Runtime>,
    /// What kernels of PyTorch take; `None` for the coefficients that ship.
    pub coefficients: Option<&'static [framework::Fitted]>,
    /// How many equal devices share the work of each contraction (tensor parallelism); `None` for one. All figures are then
    /// those of each device, and what they exchange is not in them.
    pub share_among: Option<NonZeroU32>,
    /// What the method of the paper takes besides the count; `None` for no such estimate.
    pub paper: Option<Paper>,
}

/// What runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// ONNX Runtime with its WebGPU provider, whose kernels [`mod@lowering`] states.
    Webgpu,
    /// PyTorch, operator by operator, on the maker's own libraries.
    Eager,
    /// PyTorch, compiled: what is element-wise is fused into few kernels.
    Compiled,
    /// A graph engine, as TensorRT or vLLM: kernels as compiled, started together, caches of keys and values in place.
    Engine,
}

/// What estimates for many devices are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least energy first, those without one last.
    Energy,
    /// The shortest latency first.
    Latency,
}

/// Puts estimates in order. Where many wait for the host alike, the one that might be least comes first.
pub fn order(predictions: &mut [Prediction], by: Order) {
    let key = |prediction: &Prediction| match by {
        Order::Energy => {
            prediction.energy.map_or([f64::INFINITY; 2], |energy| [energy.value.0, energy.low.0])
        }
        Order::Latency => [prediction.latency.value.0, prediction.latency.low.0],
    };
    predictions.sort_by(|a, b| {
        let ([a, a_low], [b, b_low]) = (key(a), key(b));
        a.total_cmp(&b).then(a_low.total_cmp(&b_low))
    });
}

impl Prediction {
    /// The same at a place: with what the energy comes to there.
    #[must_use]
    pub fn at(mut self, site: &Site) -> Self {
        let (energy, scope) = match self.system_energy {
            Some(system) => (Some(system), Scope::System),
            None => (self.energy, Scope::Device),
        };
        self.footprint = energy.map(|energy| site.footprint(energy.value, scope, self.latency.value));
        self
    }
}

impl Runtime {
    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Webgpu => "webgpu",
            Self::Eager => "eager",
            Self::Compiled => "compiled",
            Self::Engine => "engine",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which of the measured kernels an estimate takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Curves {
    /// Those shaped as the runtime's own.
    RuntimeLike,
}

/// What one inference of a model takes on a device. Times and energies are of one run of the whole batch that
/// the model was counted with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// [`Device::id`].
    pub device: String,
    /// What runs the model.
    pub runtime: Runtime,
    /// The number format of the contractions: what was asked for, else the one that carries most MACs.
    pub precision: Precision,
    /// The format in which the device does them: wider than `precision` where it has no rate for that.
    pub runs_as: Precision,
    /// The part of the device that does them.
    pub unit: ArithmeticUnit,
    /// How the latency came about.
    pub basis: Basis,
    /// Which measured kernels the latency rests on; `None` without a profile.
    pub curves: Option<Curves>,
    /// How the energy came about; `None` without one.
    pub energy_basis: Option<Basis>,
    /// From the first kernel to the last, the host's part in starting them included; no transfers to and
    /// from the device.
    #[serde(rename = "latency_s")]
    pub latency: Interval<Seconds>,
    /// The sum over the layers of what arithmetic at the peak rate, or traffic at the full bandwidth, takes at
    /// least: the rates are those that the basis names. No runtime reaches it.
    #[serde(rename = "roofline_s")]
    pub roofline: Option<Seconds>,
    /// The latency if each kernel were the fastest of those measured; `None` without a profile.
    #[serde(rename = "best_s")]
    pub best: Option<Seconds>,
    /// What the board draws in the latency. Host, cooling and power supply are not in it. `None` where no power
    /// is known.
    #[serde(rename = "energy_j")]
    pub energy: Option<Interval<Joules>>,
    /// Why `energy` is not given.
    pub energy_reason: Option<String>,
    /// The energy of the whole machine in the latency, at the wall: the board and its share of the host. `None` where that
    /// cannot be told.
    #[serde(rename = "system_energy_j")]
    pub system_energy: Option<Interval<Joules>>,
    /// Why `system_energy` is not given.
    pub system_energy_reason: Option<String>,
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
    /// What the energy comes to at the place that was named; `None` without one or without an energy.
    pub footprint: Option<Footprint>,
    /// What the time goes into.
    pub limits: Limits,
    /// One entry a layer, in the order of [`ModelCost::layers`].
    #[serde(skip)]
    pub layers: Vec<LayerTime>,
    /// The latency by class of kernel, the longest first: empty where kernels are not told apart.
    pub kernels: Vec<ClassTime>,
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

impl<T> Interval<T> {
    /// The same in other terms.
    pub fn map<U>(self, of: impl Fn(T) -> U) -> Interval<U> {
        Interval { value: of(self.value), low: of(self.low), high: of(self.high) }
    }
}

impl Interval<f64> {
    /// Median, 10th and 90th percentile of values; `None` of nothing.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let share = |share| quantile(values, share);
        Some(Self { value: share(0.5)?, low: share(0.1)?, high: share(0.9)? })
    }
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
    /// What its arithmetic at the peak rate, or its traffic at the full bandwidth, takes at least.
    #[serde(rename = "roofline_s")]
    pub roofline: Seconds,
    /// Its share of the energy: those of all layers add up to it. `None` where no power is known.
    #[serde(rename = "energy_j")]
    pub energy: Option<Joules>,
    /// The class of its longest kernel; `None` where kernels are not told apart, and without any.
    pub kernel: Option<KernelClass>,
}

/// The time of all kernels of a class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassTime {
    /// Which.
    pub class: KernelClass,
    /// How many are started.
    pub started: u64,
    /// All together, what starting them takes included.
    #[serde(rename = "time_s")]
    pub time: Seconds,
}

/// What a layer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Nothing: it starts no kernel.
    Free,
    /// Contractions on matrix units.
    Matrix,
    /// Arithmetic on vector units.
    Vector,
    /// Memory traffic.
    Memory,
    /// The starting of its kernels.
    Launch,
}

impl Bound {
    /// The same of a device that does its contractions on these units.
    fn on(self, unit: ArithmeticUnit) -> Self {
        match (self, unit) {
            (Self::Matrix, ArithmeticUnit::Vector) => Self::Vector,
            _ => self,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Free => "free",
            Self::Matrix => "matrix",
            Self::Vector => "vector",
            Self::Memory => "memory",
            Self::Launch => "launch",
        })
    }
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// What WebGPU delivers on a device, nobody but the device itself can say.
    #[error("{device} has no profile, and an estimate for webgpu needs one: `ergometer bench` makes it")]
    NoProfile {
        /// [`Device::id`].
        device: String,
    },
    /// A profile says nothing of other runtimes, and the catalogue does not have the device.
    #[error(
        "{device} ({name}) is in no row of the catalogue, and an estimate for PyTorch needs the maker's rates"
    )]
    NoRow {
        /// [`Device::id`].
        device: String,
        /// [`Device::name`].
        name: String,
    },
    /// The profile lacks a kernel that the model needs.
    #[error("the profile of {device} has no curve for {class}: measure again, or with the model")]
    NoCurve {
        /// [`Device::id`].
        device: String,
        /// The class.
        class: KernelClass,
    },
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
/// Without a precision, the model runs as it is stored: contractions in the format of their own operands.
/// With one, all contractions run in it, and all tensors are taken to be stored in it: `fp16` halves the bytes
/// of a float32 model. Weights already narrower than that stay as they are.
///
/// A profile says what WebGPU delivers and is heeded for [`Runtime::Webgpu`] alone. For the others, a local device is
/// the row of the catalogue that its adapter matches.
///
/// # Errors
/// [`PredictError`].
pub fn predict(cost: &ModelCost, device: &Device, request: &Request) -> Result<Prediction, PredictError> {
    let local = device.profile.is_some();
    let runtime = request.runtime.unwrap_or(if local { Runtime::Webgpu } else { Runtime::Eager });
    let mut prediction = match runtime {
        Runtime::Webgpu => calibrated::predict(cost, device, request.precision)?,
        Runtime::Eager | Runtime::Compiled | Runtime::Engine if local => {
            let row = device.row.as_deref().ok_or_else(|| PredictError::NoRow {
                device: device.id.to_string(),
                name: device.name.to_string(),
            })?;
            let mut prediction = by_spec(cost, row, request, runtime)?;
            prediction.device = device.id.to_string();
            prediction.notes.push(format!("at the maker's rates: the adapter is the catalogue's {}", row.id));
            prediction
        }
        Runtime::Eager | Runtime::Compiled | Runtime::Engine => by_spec(cost, device, request, runtime)?,
    };
    if let Some(paper) = &request.paper {
        prediction.paper_energy = paper.energy(cost);
        prediction.paper_energy_reason =
            prediction.paper_energy.is_none().then(|| "the model has no multiply-accumulates".to_owned());
        prediction.assumptions.extend(paper.assumptions());
        prediction.notes.extend(paper.note());
    }
    Ok(prediction)
}

/// The estimate for PyTorch, at the maker's rates.
fn by_spec(
    cost: &ModelCost,
    device: &Device,
    request: &Request,
    runtime: Runtime,
) -> Result<Prediction, PredictError> {
    let precision = request.precision;
    let chosen = precision.unwrap_or_else(|| precision::of_model(cost));
    let mut rates = rates::Rates::of(device, chosen)?;
    let sets = request.coefficients.unwrap_or(framework::builtin());
    let set = framework::of(sets, runtime, rates.contraction.unit, framework::Processor::of(device));
    if !set.fitted {
        rates.basis = Basis::Assumed;
    }
    let storage = precision::Storage::of(cost, precision);
    let sharing = f64::from(request.share_among.map_or(1, NonZeroU32::get));
    let mut run = framework::run(cost, device, &rates, precision, storage, set, sharing);
    let limits = run.limits();
    let energy = power::of_run(&mut run, cost, device, rates.contraction, precision, storage, sharing)?;
    let system = power::of_system(device, energy, run.latency);
    Ok(Prediction {
        device: device.id.to_string(),
        runtime,
        precision: chosen,
        runs_as: rates.contraction.precision,
        unit: rates.contraction.unit,
        basis: rates.basis,
        curves: None,
        energy_basis: energy.is_some().then_some(rates.basis),
        latency: run.latency,
        roofline: Some(run.layers.iter().map(|layer| layer.roofline).sum()),
        best: None,
        energy_reason: energy.is_none().then(|| power::reason(device)),
        energy,
        system_energy: system.ok(),
        system_energy_reason: system.err().map(str::to_owned),
        spec_energy: power::by_spec(cost, device, rates.contraction),
        paper_energy: None,
        paper_energy_reason: Some(PAPER_REASON.to_owned()),
        footprint: None,
        limits,
        layers: run.layers,
        kernels: vec![],
        fits_memory: fits_memory(cost, device, storage, sharing),
        complete: cost.totals.complete,
        assumptions: constants::used(set),
        notes: notes(cost, device, chosen, &rates, runtime),
    })
}

/// Where the time of one run goes.
#[derive(Clone, PartialEq, Debug)]
struct Run {
    latency: Interval<Seconds>,
    compute: Seconds,
    memory: Seconds,
    launch: Seconds,
    layers: Vec<LayerTime>,
}

impl Run {
    fn limits(&self) -> Limits {
        let total = self.latency.value;
        let finite = total > Seconds::ZERO && total.0.is_finite();
        let share = |part: Seconds| if finite { part / total } else { 0.0 };
        Limits { compute: share(self.compute), memory: share(self.memory), launch: share(self.launch) }
    }
}

const PAPER_REASON: &str = "the paper's method needs the model's domain and date";

/// That the totals of a model are lower bounds, where they are.
fn incomplete(cost: &ModelCost) -> Option<String> {
    let totals = &cost.totals;
    let missing = totals.nodes.saturating_sub(totals.costed_nodes);
    (!totals.complete).then(|| format!("at least: {missing} of {} nodes have no known cost", totals.nodes))
}

/// Parameters and the most activations that live at once, against the memory of the device.
fn fits_memory(cost: &ModelCost, device: &Device, storage: precision::Storage, sharing: f64) -> Option<bool> {
    let capacity = device.memory_capacity.as_ref()?.value as f64 * sharing;
    let params = storage.weights(cost.totals.params.bytes);
    if params > capacity {
        return Some(false);
    }
    Some(params + storage.activations(cost.totals.peak_activation_bytes?) <= capacity)
}

fn notes(
    cost: &ModelCost,
    device: &Device,
    chosen: Precision,
    rates: &rates::Rates,
    runtime: Runtime,
) -> Vec<String> {
    let mut notes = vec![match runtime {
        Runtime::Compiled => "compiled and fused, as torch.compile does".to_owned(),
        Runtime::Engine => "by a graph engine: kernels as compiled, started together".to_owned(),
        _ => "operator by operator, as eager PyTorch runs it: `--runtime compiled` is faster".to_owned(),
    }];
    notes.extend(incomplete(cost));
    let runs_as = rates.contraction.precision;
    if runs_as != chosen {
        notes.push(format!("the device states no faster {chosen} rate: contractions run in {runs_as}"));
    }
    if rates.basis == Basis::Assumed {
        notes.push(match framework::Processor::of(device) {
            framework::Processor::Accelerator => format!(
                "the coefficients are fitted on NVIDIA GPUs in fp32 and fp16: for {runs_as} on this device they are assumed"
            ),
            framework::Processor::Cpu => format!(
                "the coefficients are fitted on one CPU, a Core i7-12700H in fp32, compiled, at batch 1: for {runs_as} on \
                 this device they are assumed"
            ),
        });
    }
    notes
}

#[cfg(test)]
mod tests;
