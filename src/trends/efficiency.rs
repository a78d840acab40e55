//! FLOPS per watt of hardware over the years: what makers state, and what networks attain of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::growth::{self, Dated, Growth, GrowthError};
use crate::date::Date;
use crate::device::{ArithmeticUnit, Device, DeviceKind, Precision};
use crate::predict::paper::Domain;
use crate::stats::{Regression, median};

/// The precision of the peaks that gains are multiples of.
const FP32: &str = "fp32";

/// A GPU of the paper's time in one precision, as makers state it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Gpu {
    /// As people call it.
    pub name: String,
    /// `fp32`, `fp16`, `tensor` (FP16 operands, sums in FP32), `tf32`.
    pub precision: String,
    /// `desktop` or `server`.
    pub class: String,
    /// Chips on the card; rate and power are of all.
    pub chips: u32,
    /// Peak rate, in 10¹² operations a second.
    pub tflops: f64,
    /// Power of the card.
    pub watts: f64,
    /// Launch.
    pub date: Date,
    /// How much of the paper's own row was read: `whole`, `part`, or nothing.
    pub recovered: String,
    /// Whether the line of the reconstruction goes through it: `yes`.
    pub in_line: String,
    /// Keys of where rate and power come from.
    pub source: String,
}

impl Gpu {
    /// 10⁹ operations a joule at peak rate and full power.
    #[must_use]
    pub fn gflops_per_watt(&self) -> f64 {
        self.tflops * 1e3 / self.watts
    }
}

/// How many inputs a second a network does on a GPU in a precision, and on the same or another GPU in FP32.
///
/// Source: NVIDIA, DeepLearningExamples, tables of inference in the READMEs of the networks, at the largest batch that both
/// columns have.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Speedup {
    /// What the network is for.
    pub domain: Domain,
    /// `v100`, `t4`, `a100`.
    pub gpu: String,
    /// `mixed` or `tf32`.
    pub precision: String,
    /// The network.
    pub network: String,
    /// Inputs at a time.
    pub batch: u32,
    /// Tokens of an input, for text.
    pub tokens: Option<u32>,
    /// Inputs a second.
    pub per_second: f64,
    /// The GPU of the FP32 rate.
    pub base_gpu: String,
    /// Inputs a second there, in FP32.
    pub base_per_second: f64,
    /// The machines.
    pub machine: String,
}

impl Speedup {
    /// How many times as fast.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.per_second / self.base_per_second
    }
}

/// What a GPU attains in a precision, as a multiple of the FP32 peak of a GPU: its own, or that of the one before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Attainment {
    /// What the networks are for.
    pub domain: Domain,
    /// `v100`, `t4`, `a100`.
    pub gpu: String,
    /// `mixed` or `tf32`.
    pub precision: String,
    /// The GPU whose FP32 peak it is a multiple of.
    pub base_gpu: String,
    /// The median over networks, or what the user says.
    pub factor: f64,
    /// Least and largest of the networks.
    pub range: [f64; 2],
    /// How many networks.
    pub networks: usize,
    /// Whether the user said so.
    pub given: bool,
}

impl Attainment {
    /// The name to set it by: `cv-v100-mixed`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}-{}-{}", self.domain.name(), self.gpu, self.precision)
    }
}

/// What the networks of the table attain, by domain, GPU and precision.
#[must_use]
pub fn attainments(speedups: &[Speedup]) -> Vec<Attainment> {
    let mut groups: BTreeMap<(Domain, &str, &str, &str), Vec<f64>> = BTreeMap::new();
    for row in speedups {
        let key = (row.domain, row.gpu.as_str(), row.precision.as_str(), row.base_gpu.as_str());
        groups.entry(key).or_default().push(row.ratio());
    }
    let one = |((domain, gpu, precision, base_gpu), ratios): ((Domain, &str, &str, &str), Vec<f64>)| {
        let ends =
            ratios.iter().fold([f64::INFINITY, 0.0], |[low, high], ratio| [ratio.min(low), ratio.max(high)]);
        Some(Attainment {
            domain,
            gpu: gpu.to_owned(),
            precision: precision.to_owned(),
            base_gpu: base_gpu.to_owned(),
            factor: median(&ratios)?,
            range: ends,
            networks: ratios.len(),
            given: false,
        })
    };
    groups.into_iter().filter_map(one).collect()
}

/// A point of an efficiency chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Efficiency {
    /// The device.
    pub name: String,
    /// What it computes in, or how the rate came about: `fp32`, `mixed`.
    pub precision: String,
    /// What sort of device.
    pub class: String,
    /// Launch, in years.
    pub years: f64,
    /// 10⁹ FLOPs a joule.
    pub gflops_per_watt: f64,
}

impl Efficiency {
    pub(super) fn dated(&self) -> Dated {
        Dated::new(self.years, self.gflops_per_watt)
    }
}

/// The points that the paper's line of a domain goes through: FP32 peaks of cards, and what the GPUs with tensor cores attain.
#[must_use]
pub fn adapted(domain: Domain, gpus: &[Gpu], attainments: &[Attainment]) -> Vec<Efficiency> {
    let point = |gpu: &Gpu, precision: &str, gflops_per_watt| Efficiency {
        name: gpu.name.clone(),
        precision: precision.to_owned(),
        class: gpu.class.clone(),
        years: gpu.date.years(),
        gflops_per_watt,
    };
    let fp32 = gpus
        .iter()
        .filter(|gpu| gpu.in_line == "yes" && gpu.precision == FP32)
        .map(|gpu| point(gpu, FP32, gpu.gflops_per_watt()));
    let attained =
        attainments.iter().filter(|attainment| attainment.domain == domain).filter_map(|attainment| {
            let gpu = fp32_row(gpus, &attainment.gpu)?;
            let base = fp32_row(gpus, &attainment.base_gpu)?;
            Some(point(gpu, &attainment.precision, base.tflops * 1e3 * attainment.factor / gpu.watts))
        });
    fp32.chain(attained).collect()
}

/// The card that NVIDIA's tables measure: the SXM ones of V100 and A100.
fn fp32_row<'g>(gpus: &'g [Gpu], key: &str) -> Option<&'g Gpu> {
    let name = match key {
        "v100" => "Tesla V100 SXM2",
        "t4" => "Tesla T4",
        "a100" => "A100 SXM4",
        _ => return None,
    };
    gpus.iter().find(|gpu| gpu.name == name && gpu.precision == FP32)
}

/// The share of the peak of tensor cores that networks of a domain attain: the median over the attainments in mixed
/// precision.
#[must_use]
pub fn share_of_tensor_peak(domain: Domain, gpus: &[Gpu], attainments: &[Attainment]) -> Option<f64> {
    let shares: Vec<f64> = attainments
        .iter()
        .filter(|attainment| attainment.domain == domain && attainment.precision == "mixed")
        .filter_map(|attainment| {
            let base = fp32_row(gpus, &attainment.base_gpu)?;
            let own = fp32_row(gpus, &attainment.gpu)?;
            let peak = gpus.iter().find(|gpu| gpu.name == own.name && gpu.precision == "tensor")?;
            Some(base.tflops * attainment.factor / peak.tflops)
        })
        .collect();
    median(&shares)
}

/// What a device of the catalogue is bought for.
#[must_use]
pub fn class(device: &Device) -> &'static str {
    let named = |parts: &[&str]| parts.iter().any(|part| device.name.contains(part));
    match device.kind {
        DeviceKind::Cpu => "cpu",
        DeviceKind::Tpu | DeviceKind::Npu => "accelerator",
        DeviceKind::Gpu if named(&["Laptop", "Max-Q", "Mobile"]) => "laptop",
        DeviceKind::Gpu if named(&["Apple", "Snapdragon", "Jetson", "Adreno", "GB10"]) => "integrated",
        DeviceKind::Gpu if named(&["Tesla", "Instinct", "Data Center", "Biren", "Moore"]) => "server",
        DeviceKind::Gpu
            if named(&[
                "GeForce",
                "TITAN",
                "Titan",
                "Radeon RX",
                "Radeon R9",
                "Radeon HD",
                "Radeon VII",
                "Arc",
            ]) =>
        {
            "desktop"
        }
        DeviceKind::Gpu if named(&["Quadro", "RTX", "FirePro", "Radeon Pro"]) => "workstation",
        DeviceKind::Gpu => "server",
    }
}

/// What makers of the catalogue state of one precision: the rate over the power of the board. A rate below that of a wider
/// format is left out: nobody computes at it.
#[must_use]
pub fn stated<'d>(devices: impl IntoIterator<Item = &'d Device>, precision: Precision) -> Vec<Efficiency> {
    let one = |device: &Device| {
        let peak = device.peak(precision).filter(|peak| peak.precision == precision)?;
        let watts = device.board_power.as_ref()?.value.0;
        let years = device.released.as_ref()?.parse::<Date>().ok()?.years();
        (watts > 0.0 && peak.rate.value.0 > 0.0).then(|| Efficiency {
            name: device.name.to_string(),
            precision: match peak.unit {
                ArithmeticUnit::Matrix => format!("{precision} matrix"),
                ArithmeticUnit::Vector => precision.to_string(),
            },
            class: class(device).to_owned(),
            years,
            gflops_per_watt: peak.rate.value.0 / watts / 1e9,
        })
    };
    devices.into_iter().filter_map(one).collect()
}

/// The points of the paper carried on: after its last card, NVIDIA's server and desktop GPUs of the catalogue, at the share
/// of the peak of their tensor cores that networks attained on those before.
#[must_use]
pub fn carried_on(
    domain: Domain,
    gpus: &[Gpu],
    attainments: &[Attainment],
    devices: &[Device],
) -> Vec<Efficiency> {
    let mut points = adapted(domain, gpus, attainments);
    let last = points.iter().map(|point| point.years).fold(f64::NEG_INFINITY, f64::max);
    let Some(share) = share_of_tensor_peak(domain, gpus, attainments) else { return points };
    let nvidia = devices.iter().filter(|device| device.vendor == "NVIDIA");
    let later = stated(nvidia, Precision::Fp16).into_iter().filter(|point| {
        point.years > last
            && matches!(point.class.as_str(), "server" | "desktop")
            && point.precision.ends_with("matrix")
    });
    points.extend(later.map(|point| Efficiency {
        precision: "share of peak".to_owned(),
        gflops_per_watt: point.gflops_per_watt * share,
        ..point
    }));
    points
}

/// Growth of efficiency.
///
/// # Errors
/// [`GrowthError`].
pub fn growth(points: &[Efficiency], confidence: f64) -> Result<Growth, GrowthError> {
    Growth::of(&points.iter().map(Efficiency::dated).collect::<Vec<_>>(), confidence)
}

/// The line of efficiency alone, of `log10` of 10⁹ FLOPs a joule.
///
/// # Errors
/// [`GrowthError`].
pub fn line(points: &[Efficiency]) -> Result<Regression, GrowthError> {
    growth::line(&points.iter().map(Efficiency::dated).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Catalogue;
    use crate::trends::table::builtin;

    #[test]
    fn efficiencies_are_those_that_the_paper_prints() {
        // The table of GPUs in arXiv 2109.05472, as transcribed: GFLOPS per watt.
        for (name, precision, expected) in [
            ("GeForce GTX 580", "fp32", 6.48),
            ("Tesla K10", "fp32", 20.36),
            ("TITAN Xp", "fp32", 48.6),
            ("GeForce RTX 3090", "fp32", 101.71),
            ("GeForce RTX 2080 Ti", "tensor", 227.6),
            ("Tesla V100 SXM2", "tensor", 416.67),
            ("A30", "tensor", 1000.0),
        ] {
            let gpu =
                builtin().gpus.iter().find(|gpu| gpu.name == name && gpu.precision == precision).unwrap();
            assert!(
                (gpu.gflops_per_watt() / expected - 1.0).abs() < 1e-3,
                "{name}: {}",
                gpu.gflops_per_watt()
            );
        }
    }

    #[test]
    fn attainments_are_medians_over_networks() {
        // Medians of the ratios in NVIDIA's tables, by hand.
        let found = attainments(&builtin().speedups);
        for (key, expected) in [
            ("cv-v100-mixed", 2.24),
            ("cv-t4-mixed", 3.34),
            ("cv-a100-tf32", 1.80),
            ("nlp-v100-mixed", 2.95),
            ("nlp-t4-mixed", 3.46),
        ] {
            let one = found.iter().find(|attainment| attainment.key() == key).unwrap();
            assert!((one.factor - expected).abs() < 0.005, "{key}: {}", one.factor);
            assert!(one.range[0] <= one.factor && one.factor <= one.range[1]);
        }
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn devices_are_of_the_class_they_are_sold_for() {
        for (name, expected) in [
            ("rtx-4090", "desktop"),
            ("RTX 4090 Laptop GPU", "laptop"),
            ("h100", "server"),
            ("t4", "server"),
            ("m1", "integrated"),
            ("mi300x", "server"),
            ("tpu-v4", "accelerator"),
            ("rtx-a6000", "workstation"),
        ] {
            assert_eq!(class(Catalogue::builtin().find(name).unwrap()), expected, "{name}");
        }
    }
}
