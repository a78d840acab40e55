//! Energy: the power a board draws while it computes, moves memory or waits, times how long it does.

use super::time::{Rates, Run};
use super::{Interval, constants};
use crate::cost::ModelCost;
use crate::device::Device;
use crate::units::{Joules, Seconds};

/// The energy of a run. The interval is that of the latency and that of the power, as independent factors:
/// their logarithms add up in squares.
pub(super) fn of_run(run: &Run, device: &Device) -> Interval<Joules> {
    let board = device.board_power.value;
    let value = board * constants::POWER_COMPUTE.value * run.compute
        + board * constants::POWER_MEMORY.value * run.memory
        + board * constants::POWER_LAUNCH.value * run.launch;
    let ratio = |end: Seconds| if run.latency.value > Seconds::ZERO { end / run.latency.value } else { 1.0 };
    let (low, high) = constants::POWER_SPREAD;
    Interval {
        value,
        low: value / together(ratio(run.latency.low).recip(), low.recip()),
        high: value * together(ratio(run.latency.high), high),
    }
}

/// The factor that two independent factors, both 1 or more, make together at the same percentile.
fn together(a: f64, b: f64) -> f64 {
    a.ln().hypot(b.ln()).exp()
}

/// `2·macs` at the peak rate, at the board power. `None` for a model without MACs.
pub(super) fn by_spec(cost: &ModelCost, device: &Device, rates: &Rates) -> Option<Joules> {
    let flops = 2.0 * cost.totals.counts.macs as f64;
    let time = Seconds(flops / rates.contraction.rate.value.0);
    (flops > 0.0).then(|| device.board_power.value * time)
}
