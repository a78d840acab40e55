//! Energy: the power a board draws while it computes, moves memory or waits, times how long it does.

use super::Run;
use super::{Interval, PredictError, constants};
use crate::cost::ModelCost;
use crate::device::{Device, EnergyEstimate, EnergyModel, Peak};
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

/// The energy of a run; `None` where the power of the board is not known. The interval is that of the latency
/// and that of the power, as independent factors: their logarithms add up in squares.
///
/// # Errors
/// [`PredictError::UnusableFigure`] if the board power is no positive number.
pub(super) fn of_run(run: &Run, device: &Device) -> Result<Option<Interval<Joules>>, PredictError> {
    let Some(board) = board_power(device)? else { return Ok(None) };
    let value = board * constants::POWER_COMPUTE.value * run.compute
        + board * constants::POWER_MEMORY.value * run.memory
        + board * constants::POWER_LAUNCH.value * run.launch;
    let ratio = |end: Seconds| if run.latency.value > Seconds::ZERO { end / run.latency.value } else { 1.0 };
    let (low, high) = constants::POWER_SPREAD;
    Ok(Some(Interval {
        value,
        low: value / together(ratio(run.latency.low).recip(), low.recip()),
        high: value * together(ratio(run.latency.high), high),
    }))
}

/// The energy of a run by a model fitted to a meter. To the interval of the model comes that of the latency, at
/// the static power, as an independent error.
pub(super) fn by_meter(
    model: &EnergyModel,
    latency: Interval<Seconds>,
    flops: u64,
    bytes: u64,
) -> Interval<Joules> {
    let EnergyEstimate { value, low, high } = model.energy(latency.value, flops, bytes);
    let below = (model.static_power * (latency.value - latency.low)).0.hypot((value - low).0);
    let above = (model.static_power * (latency.high - latency.value)).0.hypot((high - value).0);
    Interval { value, low: Joules((value.0 - below).max(0.0)), high: value + Joules(above) }
}

/// The factor that two independent factors, both 1 or more, make together at the same percentile.
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
