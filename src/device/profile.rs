//! A profile: what was measured on one adapter, with one driver, by one version of the suite.
//!
//! It is a file, and read back by anyone: [`Profile::parse`] trusts nothing in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Precision;
use super::curve::{Curve, CurvePoint};
use super::kernel::{KernelClass, KernelShape};
use crate::units::{BytesPerSecond, FlopsPerSecond, Seconds};

/// The version of the file format: keys may be added under the same number.
pub const SCHEMA: &str = "ergometer.profile/1";

/// All that a calibration found out. Keys end in their unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// [`SCHEMA`].
    pub schema: String,
    /// What the user calls it: the name for `--device`.
    pub name: String,
    /// When the calibration ended, RFC 3339.
    pub created: String,
    /// What measured.
    pub tool: Tool,
    /// What was measured.
    pub adapter: Adapter,
    /// Where.
    pub host: Host,
    /// How.
    pub settings: Settings,
    /// How far to trust it.
    pub quality: Quality,
    /// The highest rate of arithmetic for each format, the best of all configurations.
    pub peaks: Vec<PeakRate>,
    /// Rates of division, square root and transcendental functions.
    pub special: Vec<SpecialRate>,
    /// Memory traffic by the size of the working set.
    pub bandwidth: Vec<Bandwidth>,
    /// What starting work costs.
    pub launch: Launch,
    /// Between host and adapter.
    pub transfer: Vec<Transfer>,
    /// Time against arithmetic intensity: the knee of the roofline.
    pub intensity: Vec<IntensityPoint>,
    /// The kernels that models are made of.
    pub curves: Vec<Curve>,
    /// What could not be measured, and why.
    pub unmeasured: Vec<Unmeasured>,
    /// Energy by time, work and traffic, if a meter was there.
    pub energy: Option<super::EnergyModel>,
    /// Why there is no energy.
    pub energy_reason: Option<String>,
}

/// What measured: two profiles compare only if these agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Version of ergometer.
    pub version: String,
    /// Version of wgpu.
    pub wgpu: String,
    /// Hash of all shaders and of the plan.
    pub suite: String,
}

/// An adapter as wgpu reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Adapter {
    /// As the driver writes it.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// What sort of device it is.
    pub device_type: AdapterType,
    /// PCI vendor id; 0 where there is none.
    pub vendor: u32,
    /// PCI device id; 0 where there is none.
    pub device: u32,
    /// `0000:01:00.0`, where known.
    pub pci_bus_id: Option<String>,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// Names of the features that the suite can use.
    pub features: Vec<String>,
    /// Limits that bound the suite.
    pub limits: AdapterLimits,
}

/// What sort of device an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdapterType {
    /// A card of its own.
    DiscreteGpu,
    /// Shares memory with the CPU.
    IntegratedGpu,
    /// A share of a GPU.
    VirtualGpu,
    /// Software: shaders run on the CPU.
    Cpu,
    /// The driver does not say.
    Other,
}

/// Limits that bound the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdapterLimits {
    /// Bytes of the largest buffer.
    pub max_buffer_bytes: u64,
    /// Bytes that one binding reaches.
    pub max_storage_binding_bytes: u64,
    /// Bytes of workgroup memory.
    pub max_workgroup_storage_bytes: u32,
    /// Invocations of one workgroup.
    pub max_workgroup_invocations: u32,
    /// Workgroups along one dimension of a dispatch.
    pub max_workgroups_per_dimension: u32,
    /// Fewest and most invocations of a subgroup; `None` without subgroups.
    pub subgroup: Option<[u32; 2]>,
}

impl Adapter {
    /// Whether shaders run on the CPU: such a profile says nothing of a GPU.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.device_type == AdapterType::Cpu
    }
}

/// The machine that the adapter is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Operating system and its version.
    pub os: String,
    /// Name of the CPU.
    pub cpu: String,
    /// Logical cores.
    pub cores: u32,
    /// One-minute load average at the start, where the system keeps one.
    pub load_before: Option<f64>,
    /// The same at the end.
    pub load_after: Option<f64>,
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// `quick`, `standard` or `full`.
    pub preset: String,
    /// Of the order of the measurements and the data.
    pub seed: u64,
    /// Which clock the seconds are of.
    pub clock: Clock,
    /// Why that one.
    pub clock_reason: String,
    /// Whether wgpu adds bounds checks to shaders.
    pub shader_checks: bool,
    /// Models whose shapes were measured besides the suite's.
    pub models: Vec<String>,
}

/// What seconds are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The adapter's timestamps at the bounds of a pass.
    Timestamp,
    /// The host's clock over submission and wait, the fixed part taken off by a slope.
    HostSlope,
    /// CPU time of this process divided by the cores: what an idle machine would show, for adapters whose
    /// shaders run on the CPU.
    ProcessCpu,
}

/// How far to trust it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// In one word.
    pub status: Status,
    /// How far the same kernel drifted between start, middle and end, as a share.
    pub sentinel_drift: Option<f64>,
    /// How far timestamps and the host's clock disagree on the same work, as a share.
    pub timestamp_vs_host: Option<f64>,
    /// What a reader must know, in sentences.
    pub notes: Vec<String>,
}

/// The state of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All was measured, and the machine held still.
    Ok,
    /// The sentinel drifted: throttling, clocks or other load.
    Unstable,
    /// Stopped before the end: what was measured until then.
    Partial,
}

/// Samples of one measurement, in seconds of one dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// Samples taken.
    pub samples: u32,
    /// Dispatches in each sample.
    pub dispatches: u32,
    /// The fastest.
    #[serde(rename = "min_s")]
    pub min: Seconds,
    /// The median.
    #[serde(rename = "median_s")]
    pub median: Seconds,
    /// The median distance from the median.
    #[serde(rename = "mad_s")]
    pub mad: Seconds,
    /// Time of twice the work over twice the time of the work: 1 where time scales.
    pub scaling: Option<f64>,
    /// Whether time failed to scale with work within the larger of 5 % and 3 MAD (but within 20 %).
    pub unstable: bool,
}

/// The highest rate of arithmetic in one format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeakRate {
    /// The row: `alu.f32`, `matrix.f16`.
    pub id: String,
    /// The format, where a device catalogue has a name for it.
    pub precision: Option<Precision>,
    /// Operations a second; a multiply-add counts two.
    #[serde(rename = "flops_per_second")]
    pub rate: FlopsPerSecond,
    /// The configuration that reached it.
    pub configuration: String,
    /// Configurations tried.
    pub tried: u32,
    /// Samples of the best one.
    pub stats: Stats,
}

/// The rate of one costly function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpecialRate {
    /// The row: `special.exp`.
    pub id: String,
    /// Results a second.
    pub results_per_second: f64,
    /// Its samples.
    pub stats: Stats,
}

/// Traffic of one kind at one working set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bandwidth {
    /// The row: `memory.read`, `memory.write`, `memory.copy`, `memory.workgroup`.
    pub id: String,
    /// Bytes that are touched again and again.
    pub working_set_bytes: u64,
    /// Bytes a second; a copy counts what it reads and what it writes.
    #[serde(rename = "bytes_per_second")]
    pub rate: BytesPerSecond,
    /// Its samples.
    pub stats: Stats,
}

/// What starting work costs. `None` where it could not be told from noise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Launch {
    /// One more dispatch in a pass.
    #[serde(rename = "dispatch_s")]
    pub dispatch: Option<Seconds>,
    /// One more pass of one dispatch in a submission.
    #[serde(rename = "pass_s")]
    pub pass: Option<Seconds>,
    /// One more submission of one dispatch, waited for at the end.
    #[serde(rename = "submit_s")]
    pub submit: Option<Seconds>,
    /// One submission and the wait for it.
    #[serde(rename = "round_trip_s")]
    pub round_trip: Option<Seconds>,
}

/// A transfer between host and adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    /// The row: `transfer.upload`, `transfer.download`.
    pub id: String,
    /// Bytes moved.
    pub bytes: u64,
    /// Bytes a second, start included.
    #[serde(rename = "bytes_per_second")]
    pub rate: BytesPerSecond,
    /// Its samples.
    pub stats: Stats,
}

/// A kernel of a set intensity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntensityPoint {
    /// FLOPs for each byte of traffic.
    pub flops_per_byte: f64,
    /// FLOPs a second.
    #[serde(rename = "flops_per_second")]
    pub rate: FlopsPerSecond,
    /// Bytes a second.
    #[serde(rename = "bytes_per_second")]
    pub bandwidth: BytesPerSecond,
    /// Its samples.
    pub stats: Stats,
}

/// Something that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmeasured {
    /// The row.
    pub id: String,
    /// The size, where it is that of one point only.
    pub size: Option<String>,
    /// Why.
    pub reason: String,
}

/// What a class of kernels reaches at one shape: FLOP/s for contractions, bytes a second for the others.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassRates {
    /// The class.
    pub class: KernelClass,
    /// The format.
    pub precision: Precision,
    /// The shape.
    pub shape: KernelShape,
    /// By the kernel that a runtime would take.
    pub runtime_like: f64,
    /// By the fastest kernel of the suite.
    pub best: f64,
    /// Which that is.
    pub best_kernel: String,
    /// Median distance of the runtime-like curve from its points, as a share.
    pub median_error: Option<f64>,
    /// Points measured in the class.
    pub points: usize,
}

/// Why a file is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It is no JSON, or lacks keys.
    #[error("it is no profile: {0}")]
    Malformed(String),
    /// Another version of the format.
    #[error("its schema is \"{found}\", and this version reads \"{SCHEMA}\"")]
    Schema {
        /// What it says.
        found: String,
    },
    /// A figure that nothing can be computed with.
    #[error("{what} is {value}: a positive number is needed")]
    Figure {
        /// Which figure.
        what: String,
        /// What it is.
        value: String,
    },
}

impl Profile {
    /// Reads a profile and checks every figure that an estimate divides by or multiplies with.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn parse(json: &[u8]) -> Result<Self, ProfileError> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: String,
        }
        let malformed = |error: serde_json::Error| ProfileError::Malformed(error.to_string());
        let versioned: Versioned = serde_json::from_slice(json).map_err(malformed)?;
        if versioned.schema != SCHEMA {
            return Err(ProfileError::Schema { found: versioned.schema });
        }
        let profile: Self = serde_json::from_slice(json).map_err(malformed)?;
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), ProfileError> {
        let positive = |what: String, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(ProfileError::Figure { what, value: value.to_string() })
            }
        };
        for peak in &self.peaks {
            positive(format!("the rate of {}", peak.id), peak.rate.0)?;
        }
        for special in &self.special {
            positive(format!("the rate of {}", special.id), special.results_per_second)?;
        }
        for bandwidth in &self.bandwidth {
            positive(format!("the rate of {}", bandwidth.id), bandwidth.rate.0)?;
        }
        for transfer in &self.transfer {
            positive(format!("the rate of {}", transfer.id), transfer.rate.0)?;
        }
        for point in &self.intensity {
            positive("the rate of an intensity".to_owned(), point.rate.0)?;
            positive("the bandwidth of an intensity".to_owned(), point.bandwidth.0)?;
        }
        for curve in &self.curves {
            for point in &curve.points {
                positive(format!("a time of {}", curve.kernel), point.stats.median.0)?;
            }
            let Some(model) = &curve.model else { continue };
            let mut factors = vec![model.residual.p10, model.residual.p50, model.residual.p90];
            factors.extend(model.steps_per_second);
            factors.extend(model.bandwidth.map(|bandwidth| bandwidth.0));
            for factor in factors {
                positive(format!("a parameter of {}", curve.kernel), factor)?;
            }
            for parameter in [model.start.0, model.workgroup.0, model.half_workgroups] {
                if !(parameter.is_finite() && parameter >= 0.0) {
                    positive(format!("a parameter of {}", curve.kernel), parameter)?;
                }
            }
        }
        let launch = &self.launch;
        for time in [launch.dispatch, launch.pass, launch.submit, launch.round_trip].into_iter().flatten() {
            positive("a launch time".to_owned(), time.0)?;
        }
        Ok(())
    }

    /// The curve that predictions use for a shape: of the kernels shaped as a runtime's, the one that a
    /// runtime would take.
    #[must_use]
    pub fn runtime_curve(&self, shape: &KernelShape, precision: Precision) -> Option<&Curve> {
        let kernel = shape.runtime_kernel();
        self.curves.iter().find(|curve| curve.precision == precision && curve.kernel == kernel)
    }

    /// Every curve of a class in a format.
    pub fn curves_of(&self, class: KernelClass, precision: Precision) -> impl Iterator<Item = &Curve> {
        self.curves.iter().filter(move |curve| curve.class == class && curve.precision == precision)
    }

    /// The highest measured rate for a format.
    #[must_use]
    pub fn peak(&self, precision: Precision) -> Option<&PeakRate> {
        let of = self.peaks.iter().filter(|peak| peak.precision == Some(precision));
        of.max_by(|a, b| a.rate.0.total_cmp(&b.rate.0))
    }

    /// What each class of kernels reaches, at the shape that the runtime-like kernel does best of those that other
    /// kernels were measured at, too.
    #[must_use]
    pub fn class_rates(&self) -> Vec<ClassRates> {
        let mut rates = vec![];
        for precision in [Precision::Fp32, Precision::Fp16] {
            for class in KernelClass::ALL {
                rates.extend(self.rates_of(class, precision));
            }
        }
        rates
    }

    fn rates_of(&self, class: KernelClass, precision: Precision) -> Option<ClassRates> {
        let rate = |point: &CurvePoint| {
            let flops = point.shape.contraction_flops();
            let amount = if flops > 0.0 { flops } else { point.shape.bytes_moved(precision.bytes()) };
            amount / point.stats.median.0
        };
        let curves = || self.curves_of(class, precision);
        let points = curves().filter(|curve| curve.runtime_like).flat_map(|curve| {
            let own = curve.points.iter().filter(|point| point.shape.runtime_kernel() == curve.kernel);
            own.map(move |point| (curve, point))
        });
        let compared = |shape| curves().any(|curve| !curve.runtime_like && curve.point(shape).is_some());
        let (curve, point) = points.max_by(|(_, a), (_, b)| {
            compared(&a.shape).cmp(&compared(&b.shape)).then(rate(a).total_cmp(&rate(b)))
        })?;
        let of_shape = curves().filter_map(|curve| Some((curve, curve.point(&point.shape)?)));
        let (fastest, best) = of_shape.max_by(|a, b| rate(a.1).total_cmp(&rate(b.1)))?;
        Some(ClassRates {
            class,
            precision,
            shape: point.shape,
            runtime_like: rate(point),
            best: rate(best),
            best_kernel: fastest.kernel.clone(),
            median_error: curve.model.map(|model| model.residual.median_error),
            points: curves().map(|curve| curve.points.len()).sum(),
        })
    }

    /// The copy rate of the largest working set, or the read rate where no copy was measured.
    #[must_use]
    pub fn bandwidth(&self) -> Option<BytesPerSecond> {
        let largest = |id: &str| {
            self.bandwidth.iter().filter(|point| point.id == id).max_by_key(|point| point.working_set_bytes)
        };
        largest("memory.copy").or_else(|| largest("memory.read")).map(|point| point.rate)
    }
}
