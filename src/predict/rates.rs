//! The full rates of a device that estimates start from.

use super::precision::Factors;
use super::{Basis, PredictError, constants};
use crate::cost::LayerCost;
use crate::device::{Device, Peak, Precision};
use crate::units::{BytesPerSecond, FlopsPerSecond};

/// Layers that move fewer bytes a turn work on shapes and scalars: a runtime does that on the host, and they
/// start no kernel.
pub(super) const HOST_BYTES: u64 = 256;

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

/// The peak for the format of the layer's own operands, where it differs from that of the model.
pub(super) fn own_peak<'d>(layer: &LayerCost, device: &'d Device) -> Option<&'d Peak> {
    let (activation, weight) = layer.counts.factors?;
    device.peak(Factors { activation: activation.name(), weight: weight.name() }.precision())
}
