//! Time by what was measured: each kernel of the lowered model takes what the curve of a kernel like it says.
//!
//! `T = round trip + max(Σ (dispatch + kernel), submissions)`, a submission for every 16 kernels. On an adapter
//! whose shaders run on the CPU, submitting and computing take CPU time both and are added. A kernel takes what
//! was measured at exactly its shape, else what the model of its curve says.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Run;
use super::lowering::forms::SPLIT;
use super::lowering::{Kernel, Lowered, lower};
use super::precision::{self, Factors, Storage};
use super::{
    Basis, Bound, ClassTime, Curves, Interval, LayerTime, PredictError, Prediction, Runtime, constants,
    power, roofline,
};
use crate::cost::{LayerCost, ModelCost};
use crate::device::curve::{Curve, CurveTime};
use crate::device::kernel::{KernelClass, KernelShape};
use crate::device::profile::{Clock, Profile, Status};
use crate::device::{Device, Precision};
use crate::units::{BytesPerSecond, Seconds};

/// Kernels that ONNX Runtime's WebGPU provider submits together (`max_num_pending_dispatches_`, 1.27.0).
const SUBMITTED_TOGETHER: u64 = 16;

/// The estimate for WebGPU on a device with a profile.
pub(super) fn predict(
    cost: &ModelCost,
    device: &Device,
    asked: Option<Precision>,
) -> Result<Prediction, PredictError> {
    let profile =
        device.profile.as_deref().ok_or_else(|| PredictError::NoProfile { device: device.id.to_string() })?;
    let measured = Measured::of(device, profile, cost, asked)?;
    let lowered = lower(cost);
    let mut total = measured.total(cost, &lowered)?;
    let chosen = asked.unwrap_or_else(|| precision::of_model(cost));
    let runs_as = measured.precision;
    let contraction = device.peak(runs_as).ok_or_else(|| PredictError::NoPeak {
        device: device.id.to_string(),
        precision: runs_as,
        offered: Precision::ALL.into_iter().filter(|p| device.peak(*p).is_some()).collect(),
    })?;
    let vector = device.peak(Precision::Fp32).unwrap_or(contraction).rate.value;
    for (what, value) in [("peak rate", contraction.rate.value.0), ("FP32 rate", vector.0)] {
        measured.positive(what, value)?;
    }
    let storage = Storage::of(cost, asked);
    let floor = |(layer, lowered): (&LayerCost, &Lowered)| {
        let moves = (!lowered.kernels.is_empty()).then_some(storage);
        roofline::of_layer(layer, contraction.rate.value, vector, measured.bandwidth, moves)
    };
    for (layer, floor) in total.run.layers.iter_mut().zip(cost.layers.iter().zip(&lowered).map(floor)) {
        layer.roofline = floor;
        layer.bound = layer.bound.on(contraction.unit);
    }
    let roofline = total.run.layers.iter().map(|layer| layer.roofline).sum();
    let mut notes = total.notes(profile, &lowered);
    let (energy, energy_basis) = match &profile.energy {
        Some(model) => {
            let moves = |at: usize| lowered.get(at).is_some_and(|layer| !layer.kernels.is_empty());
            let energy = power::by_meter(model, &mut total.run, cost, moves);
            if total.started > 0 {
                measured.positive("energy", energy.value.0)?;
            }
            notes.push(format!(
                "energy: {} and a price for each FLOP and byte, fitted to {} ({})",
                model.static_power, model.source, model.scope
            ));
            (Some(energy), Basis::Calibrated)
        }
        None => {
            let basis = if profile.adapter.is_software() { Basis::Assumed } else { Basis::Spec };
            notes.extend(
                device.board_power.as_ref().map(|power| format!("power: {}, {}", power.value, power.source)),
            );
            (power::of_run(&mut total.run, cost, device, contraction, asked, storage, 1.0)?, basis)
        }
    };
    notes.extend(super::incomplete(cost));
    if runs_as != chosen {
        notes.push(format!(
            "kernels run in {runs_as}: this runtime has none in {chosen}, or the adapter has not"
        ));
    }
    let limits = total.run.limits();
    let system = power::of_system(device, energy, total.run.latency);
    Ok(Prediction {
        device: device.id.to_string(),
        runtime: Runtime::Webgpu,
        precision: chosen,
        runs_as,
        unit: contraction.unit,
        basis: Basis::Calibrated,
        curves: Some(Curves::RuntimeLike),
        energy_basis: energy.is_some().then_some(energy_basis),
        latency: total.run.latency,
        roofline: Some(roofline),
        best: Some(total.best),
        energy_reason: energy.is_none().then(|| power::reason(device)),
        energy,
        system_energy: system.ok(),
        system_energy_reason: system.err().map(str::to_owned),
        spec_energy: power::by_spec(cost, device, contraction),
        paper_energy: None,
        paper_energy_reason: Some(super::PAPER_REASON.to_owned()),
        footprint: None,
        limits,
        layers: total.run.layers,
        kernels: total.classes,
        fits_memory: super::fits_memory(cost, device, storage, 1.0),
        complete: cost.totals.complete,
        assumptions: constants::used_by_webgpu(profile.energy.is_none() && device.board_power.is_some()),
        notes,
    })
}

/// Times of kernels that were asked for before: those like the runtime's, and the fastest.
type Known = HashMap<(KernelShape, &'static [&'static str]), (Timed, Option<Seconds>)>;

/// How long one kernel takes, and how far that may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Timed {
    time: Seconds,
    /// As shares of the time: to the 10th and to the 90th percentile.
    below: f64,
    above: f64,
    /// Whether its class has no curve: its bytes take as long as a copy of them.
    unmeasured: bool,
    /// Whether the kernel most like the runtime's has no curve, and another of its class is taken.
    stand_in: bool,
}

/// What the estimate takes from a profile.
struct Measured<'p> {
    device: &'p Device,
    profile: &'p Profile,
    precision: Precision,
    bandwidth: BytesPerSecond,
    dispatch: Seconds,
    submit: Seconds,
    round_trip: Seconds,
}

impl<'p> Measured<'p> {
    fn of(
        device: &'p Device,
        profile: &'p Profile,
        cost: &ModelCost,
        asked: Option<Precision>,
    ) -> Result<Self, PredictError> {
        let launch = &profile.launch;
        // What cannot be told from noise is too small to matter.
        let or_none = |time: Option<Seconds>| time.unwrap_or(Seconds::ZERO);
        let measured = Self {
            device,
            profile,
            precision: kernel_precision(profile, cost, asked),
            bandwidth: device.memory_bandwidth.value,
            dispatch: or_none(launch.dispatch),
            submit: or_none(launch.submit),
            round_trip: or_none(launch.round_trip.or(launch.submit)),
        };
        measured.positive("memory bandwidth", measured.bandwidth.0)?;
        for time in [launch.dispatch, launch.submit, launch.round_trip].into_iter().flatten() {
            measured.positive("launch time", time.0)?;
        }
        Ok(measured)
    }

    fn positive(&self, what: &'static str, value: f64) -> Result<(), PredictError> {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        Err(PredictError::UnusableFigure { device: self.device.id.to_string(), what, value })
    }

    /// The time of one kernel like those that the runtime has.
    ///
    /// A class that was not measured is an error for contractions; any other kernel is taken to move its bytes
    /// at the bandwidth of a copy.
    fn kernel(&self, kernel: &Kernel) -> Result<Timed, PredictError> {
        let class = kernel.shape.class();
        let of_class = || self.profile.curves_of(class, self.precision);
        let named = |name: &str| {
            of_class()
                .filter(move |curve| curve.kernel == name)
                .find_map(|curve| Self::by(curve, &kernel.shape))
        };
        let alike =
            || of_class().filter(|curve| curve.runtime_like).find_map(|curve| Self::by(curve, &kernel.shape));
        let timed = match kernel.names().next().and_then(named) {
            Some(timed) => timed,
            None if let Some(timed) = kernel.names().find_map(named).or_else(alike) => {
                Timed { stand_in: true, ..timed }
            }
            // Profiles that are older than the class.
            None if let Some(shape) = kernel.shape.unpacked() => {
                Timed { stand_in: true, ..self.kernel(&Kernel { shape, like: SPLIT, ..*kernel })? }
            }
            None if kernel.shape.contraction_flops() > 0.0 => {
                return Err(PredictError::NoCurve { device: self.device.id.to_string(), class });
            }
            None => Timed {
                time: self.traffic(&kernel.shape),
                below: 1.0 - constants::UNMEASURED_SPREAD.0,
                above: constants::UNMEASURED_SPREAD.1 - 1.0,
                unmeasured: true,
                stand_in: false,
            },
        };
        self.positive("time of a kernel", timed.time.0)?;
        Ok(timed)
    }

    /// What a curve says of a shape: as measured, or by its model, or between the nearest points.
    fn by(curve: &Curve, shape: &KernelShape) -> Option<Timed> {
        let CurveTime { value, low, high, .. } = curve.time(shape)?;
        let (below, above) = ((1.0 - low / value).max(0.0), (high / value - 1.0).max(0.0));
        Some(Timed { time: value, below, above, unmeasured: false, stand_in: false })
    }

    /// The time of the fastest of all measured kernels.
    fn fastest(&self, shape: &KernelShape) -> Option<Seconds> {
        let all =
            self.profile.curves_of(shape.class(), self.precision).filter_map(|curve| Self::by(curve, shape));
        all.map(|timed| timed.time).reduce(|a, b| if b < a { b } else { a })
    }

    fn traffic(&self, shape: &KernelShape) -> Seconds {
        Seconds(shape.bytes_moved(self.precision.bytes()) / self.bandwidth.0)
    }

    /// The time of a layer that the host computes: its operands go there, and its results come back.
    fn on_host(&self, layer: &LayerCost, turns: u64) -> Seconds {
        let rate = |id: &str| {
            let all = self.profile.transfer.iter().filter(|transfer| transfer.id == id);
            all.max_by_key(|transfer| transfer.bytes).map(|transfer| transfer.rate)
        };
        let moved = |id: &str, bytes: u64| rate(id).map_or(Seconds::ZERO, |rate| rate.time_for(bytes));
        self.round_trip * turns as f64
            + moved("transfer.download", layer.bytes_read)
            + moved("transfer.upload", layer.bytes_written)
    }

    fn total(&self, cost: &ModelCost, lowered: &[Lowered]) -> Result<Total, PredictError> {
        let mut sums = Sums::NOTHING;
        let mut parts: Vec<Part> = vec![];
        let mut known = Known::new();
        for (layer, lowered) in cost.layers.iter().zip(lowered) {
            parts.push(self.layer(layer, lowered, &mut known, &mut sums)?);
        }
        let started = sums.started as f64;
        let submissions = sums.started.div_ceil(SUBMITTED_TOGETHER).saturating_sub(1) as f64;
        let kernels = sums.kernels + self.dispatch * started;
        let submitting = match self.profile.settings.clock {
            Clock::ProcessCpu => (self.submit - self.dispatch).max(Seconds::ZERO) * submissions,
            Clock::Timestamp | Clock::HostSlope => (self.submit * submissions - kernels).max(Seconds::ZERO),
        };
        let fixed = if sums.started > 0 { self.round_trip + submitting } else { Seconds::ZERO };
        let each = self.dispatch + if sums.started > 0 { fixed / started } else { Seconds::ZERO };
        let launch = each * started + sums.host;
        let value = sums.kernels + launch;
        let latency = sums.interval(value, launch);
        let layers = parts.iter().map(|part| part.time(each)).collect();
        let mut classes: Vec<ClassTime> = sums
            .classes
            .iter()
            .map(|(class, (started, time))| ClassTime {
                class: *class,
                started: *started,
                time: *time + each * *started as f64,
            })
            .collect();
        classes.sort_by(|a, b| b.time.0.total_cmp(&a.time.0));
        Ok(Total {
            run: Run { latency, compute: sums.compute, memory: sums.memory, launch, layers },
            best: sums.best + launch,
            classes,
            started: sums.started,
            guessed: sums.guessed,
            unmeasured: sums.unmeasured,
            stand_ins: sums.stand_ins,
            bytes: cost.layers.iter().map(|layer| layer.bytes_moved() as f64).sum(),
        })
    }

    /// Adds up the kernels of a layer.
    fn layer(
        &self,
        layer: &LayerCost,
        lowered: &Lowered,
        known: &mut Known,
        sums: &mut Sums,
    ) -> Result<Part, PredictError> {
        let mut part = Part::NOTHING;
        let mut longest = Seconds::ZERO;
        for kernel in &lowered.kernels {
            let (timed, best) = match known.entry((kernel.shape, kernel.like)) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => *entry.insert((self.kernel(kernel)?, self.fastest(&kernel.shape))),
            };
            let started = kernel.started as f64;
            let time = timed.time * started;
            let class = kernel.shape.class();
            let best = best.filter(|best| *best < timed.time).unwrap_or(timed.time);
            if self.traffic(&kernel.shape) >= timed.time / 2.0 {
                part.memory += time;
                sums.memory += time;
            } else {
                part.compute += time;
                sums.compute += time;
            }
            if part.class.is_none() || time > longest {
                (part.class, longest) = (Some(class), time);
            }
            part.started = part.started.saturating_add(kernel.started);
            sums.best += best * started;
            sums.kernels += time;
            sums.started = sums.started.saturating_add(kernel.started);
            let of_class = sums.classes.entry(class).or_insert((0, Seconds::ZERO));
            of_class.0 = of_class.0.saturating_add(kernel.started);
            of_class.1 += time;
            if timed.stand_in {
                sums.stand_ins.extend(kernel.names().next());
            }
            if timed.unmeasured {
                sums.unmeasured.insert(class);
            }
            if lowered.guessed || timed.unmeasured || timed.stand_in {
                sums.guessed_time += time;
            } else {
                sums.below += (timed.below * time.0).powi(2);
                sums.above += (timed.above * time.0).powi(2);
            }
        }
        if lowered.guessed {
            sums.guessed += layer.bytes_moved() as f64;
        }
        if lowered.on_host > 0 {
            part.host = self.on_host(layer, lowered.on_host);
            sums.host += part.host;
        }
        Ok(part)
    }
}

/// The format that this runtime computes in: FP16 where that is asked for, or the model's activations are in it,
/// and the adapter has it; FP32 for all else. Weights of fewer bits are widened to their activations.
fn kernel_precision(profile: &Profile, cost: &ModelCost, asked: Option<Precision>) -> Precision {
    let wanted = asked.unwrap_or_else(|| {
        let most = cost.totals.macs_by_type.iter().max_by_key(|(_, macs)| **macs);
        match most.map(|(key, _)| Factors::parse(key).activation) {
            Some("float16") => Precision::Fp16,
            _ => Precision::Fp32,
        }
    });
    let has = |precision: &Precision| profile.curves.iter().any(|curve| curve.precision == *precision);
    if wanted == Precision::Fp64 {
        return wanted;
    }
    wanted.runs_as().iter().copied().find(has).unwrap_or(Precision::Fp32)
}

/// What a layer takes, the starting of its kernels apart.
#[derive(Debug)]
struct Part {
    compute: Seconds,
    memory: Seconds,
    host: Seconds,
    started: u64,
    class: Option<KernelClass>,
}

impl Part {
    const NOTHING: Self =
        Self { compute: Seconds::ZERO, memory: Seconds::ZERO, host: Seconds::ZERO, started: 0, class: None };

    /// With `each` for the start of a kernel.
    fn time(&self, each: Seconds) -> LayerTime {
        let launch = each * self.started as f64 + self.host;
        let time = self.compute + self.memory + launch;
        let bound = if time == Seconds::ZERO {
            Bound::Free
        } else if launch > self.compute.max(self.memory) {
            Bound::Launch
        } else if self.compute >= self.memory {
            Bound::Matrix
        } else {
            Bound::Memory
        };
        LayerTime { time, bound, roofline: Seconds::ZERO, energy: None, kernel: self.class }
    }
}

/// Sums over the kernels of a model.
#[derive(Debug)]
struct Sums {
    kernels: Seconds,
    compute: Seconds,
    memory: Seconds,
    host: Seconds,
    best: Seconds,
    started: u64,
    classes: BTreeMap<KernelClass, (u64, Seconds)>,
    /// Squares of the errors of single kernels, in seconds.
    below: f64,
    above: f64,
    /// Time and bytes of kernels that are a guess.
    guessed_time: Seconds,
    guessed: f64,
    /// Classes that have no curve.
    unmeasured: BTreeSet<KernelClass>,
    /// Kernels that have none, where another of the class was taken.
    stand_ins: BTreeSet<&'static str>,
}

impl Sums {
    const NOTHING: Self = Self {
        kernels: Seconds::ZERO,
        compute: Seconds::ZERO,
        memory: Seconds::ZERO,
        host: Seconds::ZERO,
        best: Seconds::ZERO,
        started: 0,
        classes: BTreeMap::new(),
        below: 0.0,
        above: 0.0,
        guessed_time: Seconds::ZERO,
        guessed: 0.0,
        unmeasured: BTreeSet::new(),
        stand_ins: BTreeSet::new(),
    };

    /// The latency from its 10th to its 90th percentile.
    ///
    /// `T ± √(Σ (e_i t_i)² + Σ (b_c T_c)²)`: the error `e_i` of each kernel against its curve is taken as
    /// independent of the others; that of the runtime's kernels against ours is one factor `b_c` for all of a
    /// class ([`constants::CLASS_SPREAD`]), for all launches, and for all guesses.
    fn interval(&self, value: Seconds, launch: Seconds) -> Interval<Seconds> {
        let end = |single: f64, class: f64, start: f64, guess: f64| {
            let classes = self.classes.values().map(|(_, time)| (class * time.0).powi(2)).sum::<f64>();
            let others = (start * launch.0).powi(2) + (guess * self.guessed_time.0).powi(2);
            (single + classes + others).sqrt()
        };
        let (class, start, guess) =
            (constants::CLASS_SPREAD, constants::START_SPREAD, constants::UNMEASURED_SPREAD);
        let below = end(self.below, 1.0 - class.0, 1.0 - start.0, 1.0 - guess.0);
        let above = end(self.above, class.1 - 1.0, start.1 - 1.0, guess.1 - 1.0);
        Interval { value, low: Seconds((value.0 - below).max(0.0)), high: Seconds(value.0 + above) }
    }
}

/// The whole run.
struct Total {
    run: Run,
    best: Seconds,
    classes: Vec<ClassTime>,
    started: u64,
    /// Bytes moved by layers whose kernels are a guess, and by all.
    guessed: f64,
    bytes: f64,
    /// Classes that have no curve.
    unmeasured: BTreeSet<KernelClass>,
    /// Kernels that have none, where another of the class was taken.
    stand_ins: BTreeSet<&'static str>,
}

impl Total {
    fn notes(&self, profile: &Profile, lowered: &[Lowered]) -> Vec<String> {
        let mut notes = vec![format!(
            "{} kernels as ONNX Runtime's WebGPU provider runs them, timed by kernels shaped like its own",
            self.started
        )];
        let fused = lowered.iter().filter(|layer| layer.fused).count();
        if fused > 0 {
            notes.push(format!("{fused} layers are done by the kernel of another"));
        }
        let on_host: u64 = lowered.iter().map(|layer| layer.on_host).fold(0, u64::saturating_add);
        if on_host > 0 {
            notes.push(format!("{on_host} times the host takes over, for an operator that has no kernel: the transfers are counted, its work is not"));
        }
        let guessed = lowered.iter().filter(|layer| layer.guessed).count();
        if guessed > 0 {
            let share = if self.bytes > 0.0 { 100.0 * self.guessed / self.bytes } else { 0.0 };
            notes.push(format!("the kernels of {guessed} layers are a guess: {share:.1} % of the traffic"));
        }
        if !self.stand_ins.is_empty() {
            let kernels: Vec<&str> = self.stand_ins.iter().copied().collect();
            notes.push(format!(
                "the profile has no curve of {}: a guess by other kernels of the class",
                kernels.join(", ")
            ));
        }
        if !self.unmeasured.is_empty() {
            let classes: Vec<&str> = self.unmeasured.iter().map(|class| class.name()).collect();
            notes.push(format!(
                "the profile has no curve for {}: a guess, as long as a copy of their bytes takes",
                classes.join(", ")
            ));
        }
        if profile.adapter.is_software() {
            notes.push(
                "a software adapter: this is how long the CPU takes, and says nothing of a GPU".to_owned(),
            );
        }
        if profile.settings.clock == Clock::ProcessCpu {
            notes.push(
                "seconds are CPU time divided by the cores: what an idle machine would show".to_owned(),
            );
        }
        match profile.quality.status {
            Status::Ok => {}
            Status::Unstable => {
                notes.push("the profile is unstable: the machine did not hold still".to_owned())
            }
            Status::Partial => notes.push("the profile is partial: its calibration was stopped".to_owned()),
        }
        notes
    }
}

#[cfg(test)]
mod tests;
