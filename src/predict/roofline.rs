//! The roofline floor: what the arithmetic, or the traffic, of each layer takes at the full rates of a device.
//!
//! `Σ max(flops / peak, bytes / bandwidth)` over the layers. Source: Williams, Waterman, Patterson, "Roofline",
//! CACM 52(4), 2009.

use super::precision::Storage;
use super::rates::{Rates, own_peak};
use crate::cost::{LayerCost, ModelCost};
use crate::device::{Device, Precision};
use crate::units::{BytesPerSecond, FlopsPerSecond, Seconds};

/// The floor of a model, layer by layer, at the maker's rates.
pub(super) fn of_layers(
    cost: &ModelCost,
    device: &Device,
    rates: &Rates,
    asked: Option<Precision>,
    storage: Storage,
) -> Vec<Seconds> {
    let floor = |layer: &LayerCost| {
        let peak = match asked {
            Some(_) => rates.contraction,
            None => own_peak(layer, device).unwrap_or(rates.contraction),
        };
        of_layer(layer, peak.rate.value, rates.vector, rates.bandwidth, Some(storage))
    };
    cost.layers.iter().map(floor).collect()
}

/// The floor of one layer: contractions at `contraction`, every other operation at `vector`, where each counts
/// one. Without a storage, its traffic does not count: it stays within the kernel of another layer.
pub(super) fn of_layer(
    layer: &LayerCost,
    contraction: FlopsPerSecond,
    vector: FlopsPerSecond,
    bandwidth: BytesPerSecond,
    storage: Option<Storage>,
) -> Seconds {
    let counts = &layer.counts;
    let other = counts.alu as f64 + counts.div as f64 + counts.trans as f64;
    let arithmetic = 2.0 * counts.macs as f64 / contraction.0 + other / vector.0;
    let bytes = storage.map_or(0.0, |storage| {
        storage.activations(layer.bytes_read)
            + storage.activations(layer.bytes_written)
            + storage.weights(layer.bytes_weights)
    });
    Seconds(arithmetic.max(bytes / bandwidth.0))
}

/// Where a layer stands under the roofline of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attained {
    /// FLOPs for each byte that it moves.
    pub intensity: f64,
    /// FLOPs in each second that it takes.
    pub rate: FlopsPerSecond,
}

/// Where a layer of `flops` FLOPs and `bytes` moved stands; `None` for one that does or moves nothing, or takes no
/// time.
#[must_use]
pub fn attained(flops: u64, bytes: u64, time: Seconds) -> Option<Attained> {
    let point =
        Attained { intensity: flops as f64 / bytes as f64, rate: FlopsPerSecond(flops as f64 / time.0) };
    let drawable = |value: f64| value.is_finite() && value > 0.0;
    (drawable(point.intensity) && drawable(point.rate.0)).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_works_moves_and_takes_time_is_under_the_roofline() {
        let point = attained(6_000, 1_500, Seconds(0.002)).unwrap();
        assert_eq!((point.intensity, point.rate), (4.0, FlopsPerSecond(3e6)));
        for (flops, bytes, time) in [(0, 10, 1.0), (10, 0, 1.0), (10, 10, 0.0), (10, 10, f64::NAN)] {
            assert_eq!(attained(flops, bytes, Seconds(time)), None);
        }
    }
}
