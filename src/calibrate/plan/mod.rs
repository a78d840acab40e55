//! What is measured on an adapter, in which order, and for how long.
//!
//! It goes by the table of kernels and by what each row measures; the sizes are of `ladder`. Nothing is run here.

mod draft;

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::kernels::{Configuration, Kernel, Measures};
use super::{Case, Size, Work};
use crate::device::Precision;
use crate::device::kernel::KernelShape;
use crate::device::profile::{Adapter, Unmeasured};
use crate::units::Seconds;
use draft::Draft;

/// Counts up when sizes or methods change: profiles of different versions do not compare.
pub const VERSION: u32 = 1;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// At most 10 s on a GPU, a minute on a software adapter.
    Quick,
    /// At most 90 s on a GPU, four minutes on a software adapter.
    Standard,
    /// At most 5 minutes on a GPU, fifteen on a software adapter.
    Full,
}

impl Preset {
    /// Every preset, the shortest first.
    pub const ALL: [Self; 3] = [Self::Quick, Self::Standard, Self::Full];

    /// The name on the command line and in profiles.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
        }
    }

    /// What the suite may take, with a margin for what comes before and after it.
    fn budget(self, software: bool) -> Seconds {
        Seconds(match (self, software) {
            (Self::Quick, false) => 9.0,
            (Self::Quick, true) => 52.0,
            (Self::Standard, false) => 85.0,
            // A pipeline costs 0.1 to 0.5 s of compilation there, and a dispatch what it costs on a CPU.
            (Self::Standard, true) => 240.0,
            (Self::Full, false) => 285.0,
            (Self::Full, true) => 900.0,
        })
    }

    fn sampling(self, software: bool) -> Sampling {
        let (target, at_least, at_most) = match self {
            Self::Quick if software => (0.010, 5, 10),
            Self::Quick => (0.005, 5, 20),
            Self::Standard if software => (0.010, 5, 20),
            Self::Standard => (0.015, 15, 60),
            Self::Full => (0.020, 15, 200),
        };
        Sampling {
            target: Seconds(target),
            at_least,
            at_most,
            // CPU time has no clock to ramp up, and more noise from neighbours than a plateau of 3 % lets by.
            plateau: if software { 0.10 } else { 0.03 },
            busy: Seconds(if software { 0.0 } else { 0.4 }),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == text)
            .ok_or_else(|| format!("\"{text}\" is no preset; there are quick, standard and full"))
    }
}

/// How long and how often a case is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Of one sample.
    pub target: Seconds,
    /// Samples, if time allows.
    pub at_least: usize,
    /// Samples, however noisy.
    pub at_most: usize,
    /// Three samples in a row within this share of each other end the warm-up.
    pub plateau: f64,
    /// The adapter has worked for so long before the first sample of a run counts.
    pub busy: Seconds,
}

/// All that is measured, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How much.
    pub preset: Preset,
    /// Of the order.
    pub seed: u64,
    /// Whether the adapter's shaders run on the CPU.
    pub software: bool,
    /// What it all may take.
    pub budget: Seconds,
    /// How each case is sampled.
    pub sampling: Sampling,
    /// What tells at the start, in the middle and at the end whether the machine holds still.
    pub sentinel: Option<Case>,
    /// The rest, shuffled.
    pub tasks: Vec<Task>,
    /// What is not even tried, and why.
    pub unmeasured: Vec<Unmeasured>,
}

/// One thing to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What.
    pub measurement: Measurement,
    /// Its place in its ladder: when time runs short, the highest are dropped first. 0 is never dropped.
    pub rank: u32,
}

/// What one task measures.
#[derive(Debug, Clone, PartialEq)]
pub enum Measurement {
    /// The time of a case.
    Time(Case),
    /// The fastest configuration of a kernel.
    Search(Search),
    /// The cost of one more of something that does nothing.
    Launch {
        /// What is started.
        case: Case,
        /// One more of what.
        form: Launched,
    },
    /// A transfer between host and adapter.
    Transfer {
        /// Which way.
        direction: Direction,
        /// How much.
        bytes: u64,
    },
}

/// A search for the fastest configuration: one setting after the other, the rest at their best so far; or all
/// of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Whose configurations.
    pub kernel: &'static Kernel,
    /// Those that the adapter's limits allow, the first as good a guess as there is.
    pub configurations: Vec<Configuration>,
    /// How much each does.
    pub size: Size,
    /// Configurations tried at most.
    pub most: usize,
    /// Every configuration in turn, rather than setting by setting.
    pub exhaustive: bool,
}

/// What there is one more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Launched {
    /// A dispatch in a pass.
    Dispatch,
    /// A pass in a submission.
    Pass,
    /// A submission.
    Submission,
    /// A submission and the wait for it.
    RoundTrip,
}

impl Launched {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Dispatch, Self::Pass, Self::Submission, Self::RoundTrip];

    /// So many of it.
    #[must_use]
    pub fn work(self, count: u32) -> Work {
        match self {
            Self::Dispatch => Work::Dispatches(count),
            Self::Pass => Work::Passes(count),
            Self::Submission => Work::Submissions(count),
            Self::RoundTrip => Work::RoundTrips(count),
        }
    }

    /// Numbers of it to draw a line through.
    #[must_use]
    pub fn counts(self) -> &'static [u32] {
        match self {
            Self::Dispatch => &[1, 10, 100, 1000],
            Self::Pass | Self::Submission => &[1, 4, 16, 64],
            Self::RoundTrip => &[1, 2, 4, 8, 16],
        }
    }

    /// The row in a profile.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Dispatch => "launch.dispatch",
            Self::Pass => "launch.pass",
            Self::Submission => "launch.submit",
            Self::RoundTrip => "launch.round_trip",
        }
    }
}

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the adapter.
    Upload,
    /// To the host.
    Download,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Upload, Self::Download];

    /// So many bytes this way.
    #[must_use]
    pub fn work(self, bytes: u64) -> Work {
        match self {
            Self::Upload => Work::Upload(bytes),
            Self::Download => Work::Download(bytes),
        }
    }

    /// The row in a profile.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Upload => "transfer.upload",
            Self::Download => "transfer.download",
        }
    }
}

impl Measurement {
    /// The row in a profile: the kernel, and its format where it is not the usual one.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Time(case) => row(case),
            Self::Search(search) => search.kernel.id.to_owned(),
            Self::Launch { form, .. } => form.id().to_owned(),
            Self::Transfer { direction, .. } => direction.id().to_owned(),
        }
    }

    /// Which of the row's sizes it is; `None` where there is one only.
    #[must_use]
    pub fn size(&self) -> Option<String> {
        match self {
            Self::Time(case) => Some(case.size.to_string()).filter(|size| !size.is_empty()),
            Self::Transfer { bytes, .. } => Some(crate::units::bytes(*bytes)),
            Self::Search(_) | Self::Launch { .. } => None,
        }
    }

    /// Pipelines that it compiles if nothing before it did.
    #[must_use]
    pub fn pipelines(&self) -> usize {
        match self {
            Self::Time(_) | Self::Launch { .. } => 1,
            Self::Search(search) => search.tries(),
            Self::Transfer { .. } => 0,
        }
    }
}

impl Search {
    /// Configurations that it tries.
    #[must_use]
    pub fn tries(&self) -> usize {
        let settings = self.kernel.settings.iter();
        let all = if self.exhaustive {
            self.configurations.len()
        } else {
            1 + settings.map(|setting| setting.values.len().saturating_sub(1)).sum::<usize>()
        };
        all.min(self.most).min(self.configurations.len())
    }
}

/// The row of a case: `matmul.tile32`, `matmul.tile32 in fp16`.
#[must_use]
pub fn row(case: &Case) -> String {
    let class = matches!(case.kernel.measures, Measures::Class { .. });
    match case.precision() {
        Some(precision) if class && precision != Precision::Fp32 => {
            format!("{} in {precision}", case.kernel.id)
        }
        _ => case.kernel.id.to_owned(),
    }
}

impl Plan {
    /// What to measure on an adapter, and besides the suite the shapes of models on kernels named with them, each
    /// distinct pair once.
    ///
    /// The same arguments give the same plan.
    #[must_use]
    pub fn new(preset: Preset, adapter: &Adapter, models: &[(KernelShape, &'static str)], seed: u64) -> Self {
        Draft::of_suite(preset, adapter).into_plan(models, seed)
    }

    /// Pipelines that it compiles.
    #[must_use]
    pub fn pipelines(&self) -> usize {
        let mut timed = HashSet::new();
        let mut count = 0;
        for task in &self.tasks {
            match &task.measurement {
                Measurement::Time(case) | Measurement::Launch { case, .. } => {
                    timed.insert((case.kernel.id, &case.configuration));
                }
                Measurement::Search(search) => count += search.tries(),
                Measurement::Transfer { .. } => {}
            }
        }
        count + timed.len()
    }
}
