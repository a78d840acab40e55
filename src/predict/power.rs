//! Energy: what a board draws while it computes, moves memory or waits, and what the machine around it adds.
//!
//! A layer of `F` contraction FLOPs and `B` bytes that takes a time `t` draws
//!
//! ```text
//! E = min(limit · P · t,  base · P · t  +  compute · P · F / peak  +  per_byte · B)
//! ```
//!
//! for a board of power `P` whose peak rate is `peak`: a part that runs as long as the device is busy, a part for each
//! FLOP, which scales with what the board is built to draw at its peak, a part for each byte, which does not, and the limit
//! that the board holds. The form is that of the roofline model of energy (Choi, Bedard, Fowler, Vuduc, IPDPS 2013), with a
//! limit; the constants are fitted by `tests/validation/serving.py`,
//! that of the host by `tests/validation/host.py`.

use super::precision::Storage;
use super::rates::own_peak;
use super::{Interval, LayerTime, PredictError, Run, constants};
use crate::cost::{LayerCost, ModelCost};
use crate::device::{Device, DeviceKind, EnergyEstimate, EnergyModel, Peak, Precision};
use crate::units::{Joules, Seconds, Watts};

/// The power of the board; `None` where nobody states it.
///
/// # Errors
/// [`PredictError::UnusableFigure`] if it is no positive number.
fn board_power(device: &Device) -> Result<Option<Watts>, PredictError> {
    let Some(power) = &device.board_power else { return Ok(None) };
    let value = power.value.0;
    if value.is_finite() && value > 0.0 {
        return Ok(Some(power.value));
    }
    Err(PredictError::UnusableFigure { device: device.id.to_string(), what: "board power", value })
}

/// Why a device without a power has no energy.
pub(super) fn reason(device: &Device) -> String {
    device.board_power_reason.as_deref().unwrap_or("the board power of the device is not known").to_owned()
}

/// What of a layer costs energy besides its time.
#[derive(Clone, Copy)]
struct Work {
    /// What its contractions take at the peak rate.
    contraction: Seconds,
    bytes: f64,
}

/// The energy of a layer that takes this long.
fn of_layer(board: Watts, time: Seconds, work: Work) -> Joules {
    let busy = board * constants::POWER_BASE.value * time;
    let computing = board * constants::POWER_COMPUTE.value * work.contraction;
    let moving = Joules(constants::ENERGY_PER_BYTE.value * 1e-12 * work.bytes);
    let limit = board * constants::POWER_LIMIT.value * time;
    let drawn = busy + computing + moving;
    if drawn < limit { drawn } else { limit }
}

/// The energy of a run, that of each layer noted in it, on each of so many devices that share it; `None` where the power of the board is not known.
///
/// The interval is that of the latency and that of the power, as independent factors: their logarithms add up in squares. A
/// run that takes longer draws its base longer, and its FLOPs and bytes no more than once.
///
/// # Errors
/// [`PredictError::UnusableFigure`] if the board power is no positive number.
pub(super) fn of_run(
    run: &mut Run,
    cost: &ModelCost,
    device: &Device,
    contraction: &Peak,
    asked: Option<Precision>,
    storage: Storage,
    sharing: f64,
) -> Result<Option<Interval<Joules>>, PredictError> {
    let Some(board) = board_power(device)? else { return Ok(None) };
    let work = |layer: &LayerCost| {
        let own = if asked.is_none() { own_peak(layer, device) } else { None };
        let rate = own.unwrap_or(contraction).rate.value;
        let share = if layer.counts.macs > 0 { sharing } else { 1.0 };
        let bytes = storage.activations(layer.bytes_read)
            + storage.activations(layer.bytes_written)
            + storage.weights(layer.bytes_weights);
        Work { contraction: Seconds(2.0 * layer.counts.macs as f64 / rate.0 / share), bytes: bytes / share }
    };
    let all: Vec<Work> = cost.layers.iter().map(work).collect();
    let within = |layers: &[LayerTime], slower: f64| -> Joules {
        layers.iter().zip(&all).map(|(layer, work)| of_layer(board, layer.time * slower, *work)).sum()
    };
    let value = within(&run.layers, 1.0);
    for (layer, work) in run.layers.iter_mut().zip(&all) {
        layer.energy = Some(of_layer(board, layer.time, *work));
    }
    let end = |end: Seconds, spread: f64| {
        let slower = if run.latency.value > Seconds::ZERO { end / run.latency.value } else { 1.0 };
        let ratio = if value > Joules::ZERO { within(&run.layers, slower) / value } else { 1.0 };
        together(ratio, spread)
    };
    let (low, high) = constants::POWER_SPREAD;
    Ok(Some(Interval {
        value,
        low: value / end(run.latency.low, low),
        high: value * end(run.latency.high, high),
    }))
}

/// The energy of a run by a model fitted to a meter, and that of each layer. To the interval of the model comes that of the
/// latency, at the static power, as an independent error.
pub(super) fn by_meter(
    model: &EnergyModel,
    run: &mut Run,
    cost: &ModelCost,
    moves: impl Fn(usize) -> bool,
) -> Interval<Joules> {
    let mut moved = 0u64;
    for (at, (layer, cost)) in run.layers.iter_mut().zip(&cost.layers).enumerate() {
        let bytes = if moves(at) { cost.bytes_moved() } else { 0 };
        moved = moved.saturating_add(bytes);
        layer.energy = Some(model.energy(layer.time, crate::cost::flops(&cost.counts), bytes).value);
    }
    let latency = run.latency;
    let EnergyEstimate { value, low, high } = model.energy(latency.value, cost.totals.flops, moved);
    let below = (model.static_power * (latency.value - latency.low)).0.hypot((value - low).0);
    let above = (model.static_power * (latency.high - latency.value)).0.hypot((high - value).0);
    Interval { value, low: Joules((value.0 - below).max(0.0)), high: value + Joules(above) }
}

/// The energy of the machine around the board with it, at the wall, in the time of a run.
///
/// # Errors
/// Why there is none: the figure of the device is that of a whole module or package, or it is the host itself.
pub(super) fn of_system(
    device: &Device,
    energy: Option<Interval<Joules>>,
    latency: Interval<Seconds>,
) -> Result<Interval<Joules>, &'static str> {
    let energy = energy.ok_or("the energy of the device is not known")?;
    let whole = ["module power", "package estimate"];
    if device.kind == DeviceKind::Cpu {
        return Err("a CPU is the host: its memory, board and power supply are not known");
    }
    if device.power_term.as_deref().is_some_and(|term| whole.contains(&term)) {
        return Err("the power of the device is that of a whole module or package");
    }
    let host = Watts(constants::HOST_POWER.value);
    let (low, high) = constants::HOST_SPREAD;
    let value = energy.value + host * latency.value;
    let below = (energy.value - energy.low).0.hypot((host * latency.value - Watts(low) * latency.low).0);
    let above = (energy.high - energy.value).0.hypot((Watts(high) * latency.high - host * latency.value).0);
    Ok(Interval { value, low: Joules((value.0 - below).max(0.0)), high: value + Joules(above) })
}

/// The factor that two independent factors make together at the same percentile, at least 1.
fn together(a: f64, b: f64) -> f64 {
    a.ln().hypot(b.ln()).exp()
}

/// `2·macs` at the peak rate, at the board power. `None` for a model without MACs or a device without a power.
pub(super) fn by_spec(cost: &ModelCost, device: &Device, contraction: &Peak) -> Option<Joules> {
    let flops = 2.0 * cost.totals.counts.macs as f64;
    let time = Seconds(flops / contraction.rate.value.0);
    let power = device.board_power.as_ref()?.value;
    (flops > 0.0).then(|| power * time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_draws_its_base_its_flops_and_its_bytes_up_to_the_limit() {
        let board = Watts(700.0);
        let of = |contraction: f64, bytes: f64| {
            of_layer(board, Seconds(1.0), Work { contraction: Seconds(contraction), bytes }).0
        };
        let base = of(0.0, 0.0);
        assert!((base - 700.0 * constants::POWER_BASE.value).abs() < 1e-9);
        // A hundredth of the peak; a terabyte.
        assert!((of(0.01, 0.0) - base - 7.0 * constants::POWER_COMPUTE.value).abs() < 1e-9);
        assert!((of(0.0, 1e12) - base - constants::ENERGY_PER_BYTE.value).abs() < 1e-9);
        assert!((of(1.0, 3e12) - 700.0 * constants::POWER_LIMIT.value).abs() < 1e-9);
    }
}
