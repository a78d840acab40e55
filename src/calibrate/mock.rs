//! An adapter out of a table: known curves, known noise, scripted failures, and a clock of its own, so that an
//! hour of measuring takes no time.

use std::collections::{HashMap, HashSet};

use super::kernels::{Configuration, Measures};
use super::{Case, Layout, RunError, Runner, Sample, Size, Work};
use crate::device::Precision;
use crate::device::curve::{CurveModel, Residual};
use crate::device::kernel::KernelClass;
use crate::device::profile::{Adapter, AdapterLimits, AdapterType};
use crate::units::{BytesPerSecond, Seconds};

/// What the timestamps of a mock are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stamps {
    /// So many times the true time; 1 for good ones.
    Times(f64),
    /// There are none.
    None,
    /// Always zero.
    Zero,
    /// They run backwards.
    Backwards,
}

/// A runner that computes what it would have taken. All fields may be set at will.
#[derive(Debug, Clone)]
pub struct Mock {
    /// Operations a second of chains, by the kernel's row; [`Mock::flops`] for all others.
    pub rates: HashMap<&'static str, f64>,
    /// Operations a second of chains.
    pub flops: f64,
    /// Bytes a second of traffic.
    pub bandwidth: f64,
    /// The curve of each class in FP32; FP16 takes half.
    pub curves: HashMap<KernelClass, CurveModel>,
    /// A submission and the wait for it.
    pub round_trip: f64,
    /// One more submission without a wait.
    pub submit: f64,
    /// One more pass.
    pub pass: f64,
    /// One more dispatch of nothing.
    pub dispatch: f64,
    /// What compiling takes, once for each kernel and configuration.
    pub compile: f64,
    /// What buffers and the check of results take, at each case.
    pub prepare: f64,
    /// The standard deviation of the logarithm of time.
    pub noise: f64,
    /// Time grows by this share with each second.
    pub slower_each_second: f64,
    /// In four of every ten seconds a neighbour stretches the time of everything by this.
    pub neighbour: f64,
    /// The timestamps.
    pub stamps: Stamps,
    /// Threads that shaders keep busy; 0 where the system tells no CPU time.
    pub threads: u32,
    /// Other programs stretch the host's time by this.
    pub load: f64,
    /// Kernels that fail, and how.
    pub failures: Vec<(&'static str, RunError)>,
    /// Kernels whose time is what it is, however much there is to do.
    pub dead: Vec<&'static str>,
    /// The device is lost at this run.
    pub lost_at: Option<u64>,
    clock: f64,
    runs: u64,
    random: fastrand::Rng,
    compiled: HashSet<(&'static str, Configuration)>,
    prepared: Option<(Case, Layout)>,
}

/// How long a dispatch that hangs is waited for.
const PATIENCE: Seconds = Seconds(20.0);

impl Mock {
    /// As fast as a large GPU: 50 TFLOP/s, 1 TB/s, 5 µs a dispatch, 20 ms to compile.
    #[must_use]
    pub fn gpu(seed: u64) -> Self {
        Self {
            rates: HashMap::new(),
            flops: 5e13,
            bandwidth: 1e12,
            curves: curves(5e-6, 4e12, 200.0, 7e11),
            round_trip: 40e-6,
            submit: 15e-6,
            pass: 8e-6,
            dispatch: 5e-6,
            compile: 0.020,
            prepare: 0.002,
            noise: 0.005,
            slower_each_second: 0.0,
            neighbour: 1.0,
            stamps: Stamps::Times(1.0),
            threads: 1,
            load: 1.0,
            failures: vec![],
            dead: vec![],
            lost_at: None,
            clock: 0.0,
            runs: 0,
            random: fastrand::Rng::with_seed(seed),
            compiled: HashSet::new(),
            prepared: None,
        }
    }

    /// As slow as a software adapter on two cores: 160 GFLOP/s, 15 GB/s, 15 µs a dispatch, 0.3 s to compile, no
    /// timestamps.
    #[must_use]
    pub fn software(seed: u64) -> Self {
        Self {
            flops: 1.6e11,
            bandwidth: 1.5e10,
            curves: curves(20e-6, 4e9, 1.0, 5e9),
            round_trip: 60e-6,
            submit: 60e-6,
            pass: 29e-6,
            dispatch: 15e-6,
            compile: 0.3,
            prepare: 0.040,
            noise: 0.02,
            stamps: Stamps::None,
            threads: 2,
            ..Self::gpu(seed)
        }
    }

    /// An adapter to plan for this mock with.
    #[must_use]
    pub fn adapter(&self) -> Adapter {
        let software = self.threads > 1;
        Adapter {
            name: if software { "Mock CPU" } else { "Mock GPU" }.to_owned(),
            backend: "mock".to_owned(),
            device_type: if software { AdapterType::Cpu } else { AdapterType::DiscreteGpu },
            vendor: 0,
            device: 0,
            pci_bus_id: None,
            driver: "mock".to_owned(),
            driver_info: "1.0".to_owned(),
            features: ["shader-f16", "shader-f64", "subgroup"].map(str::to_owned).to_vec(),
            limits: AdapterLimits {
                max_buffer_bytes: (2 << 30) - 1,
                max_storage_binding_bytes: 128 << 20,
                max_workgroup_storage_bytes: 32 << 10,
                max_workgroup_invocations: 1024,
                max_workgroups_per_dimension: 65_535,
                subgroup: Some([8, 8]),
            },
        }
    }

    /// What one dispatch of a case takes, without noise.
    #[must_use]
    pub fn seconds(&self, case: &Case, layout: &Layout) -> f64 {
        if self.dead.contains(&case.kernel.id) {
            return 50e-6;
        }
        let flops = self.rates.get(case.kernel.id).copied().unwrap_or(self.flops);
        match (case.size, case.kernel.measures) {
            (Size::Shape(shape), Measures::Class { class, tile, .. }) => {
                let half = case.precision() == Some(Precision::Fp16);
                let model = self.curves.get(&class);
                let seconds = model.map_or(1e-3, |model| model.time(&shape, tile, Precision::Fp32).0);
                if half { seconds / 2.0 } else { seconds }
            }
            _ => self.dispatch + layout.operations / flops + layout.bytes / self.bandwidth,
        }
    }

    /// A factor about 1.
    fn noisy(&mut self) -> f64 {
        // Box and Muller's way from uniform numbers to a normal one.
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.random.f64()).cos();
        let disturbed = if self.clock % 10.0 < 4.0 { self.neighbour } else { 1.0 };
        (self.noise * normal).exp() * (1.0 + self.slower_each_second * self.clock) * disturbed
    }

    fn failure(&self, id: &str) -> Option<RunError> {
        self.failures.iter().find(|(failing, _)| *failing == id).map(|(_, error)| error.clone())
    }
}

impl Runner for Mock {
    fn prepare(&mut self, case: &Case) -> Result<(), RunError> {
        let refused = || RunError::Refused("the kernel does not run this size".to_owned());
        let layout = case.layout().ok_or_else(refused)?;
        if let Some(error) = self.failure(case.kernel.id) {
            if matches!(error, RunError::TimedOut(_)) {
                self.clock += PATIENCE.0;
            }
            return Err(error);
        }
        if self.compiled.insert((case.kernel.id, case.configuration.clone())) {
            self.clock += self.compile * self.load;
        }
        self.clock += (self.prepare + self.seconds(case, &layout)) * self.load;
        self.prepared = Some((case.clone(), layout));
        Ok(())
    }

    fn run(&mut self, work: Work) -> Result<Sample, RunError> {
        self.runs += 1;
        if self.lost_at.is_some_and(|at| self.runs >= at) {
            return Err(RunError::Lost("unplugged".to_owned()));
        }
        let one = self.prepared.as_ref().map_or(0.0, |(case, layout)| self.seconds(case, layout));
        let (start, busy) = match work {
            Work::Dispatches(count) => (self.round_trip, f64::from(count) * one),
            Work::Passes(count) => (self.round_trip, f64::from(count) * (self.pass + one)),
            Work::Submissions(count) => (self.round_trip, f64::from(count) * (self.submit + one)),
            Work::RoundTrips(count) => (0.0, f64::from(count) * (self.round_trip + one)),
            Work::Upload(bytes) | Work::Download(bytes) => (self.round_trip, bytes as f64 / self.bandwidth),
        };
        let noise = self.noisy();
        let (start, busy) = (start * noise, busy * noise);
        let total = start + busy;
        self.clock += total * self.load;
        let timestamp = match (work, self.stamps) {
            (Work::Dispatches(_), Stamps::Times(factor)) => Some(Seconds(busy * factor)),
            (Work::Dispatches(_), Stamps::Zero) => Some(Seconds::ZERO),
            (Work::Dispatches(_), Stamps::Backwards) => Some(Seconds(-busy)),
            _ => None,
        };
        let cpu = (self.threads > 0).then(|| Seconds(total * f64::from(self.threads)));
        Ok(Sample { host: Seconds(total * self.load), timestamp, cpu })
    }

    fn now(&self) -> Seconds {
        Seconds(self.clock)
    }
}

/// One curve for every class.
fn curves(start: f64, steps: f64, half_workgroups: f64, bandwidth: f64) -> HashMap<KernelClass, CurveModel> {
    let exact = Residual { p10: 1.0, p50: 1.0, p90: 1.0, median_error: 0.0, points: 0 };
    let model = CurveModel {
        start: Seconds(start),
        workgroup: Seconds::ZERO,
        steps_per_second: Some(steps),
        half_workgroups,
        bandwidth: Some(BytesPerSecond(bandwidth)),
        residual: exact,
    };
    KernelClass::ALL.into_iter().map(|class| (class, model)).collect()
}
