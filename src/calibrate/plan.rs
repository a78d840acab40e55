//! What is measured on an adapter, in which order, and for how long.
//!
//! It goes by the table of kernels and by what each row measures; the sizes are of `ladder`. Nothing is run here.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::kernels::{self, Configuration, Element, Kernel, Measures};
use super::{Case, Size, Work, ladder};
use crate::device::Precision;
use crate::device::kernel::{KernelClass, KernelShape};
use crate::device::profile::{Adapter, Unmeasured};
use crate::units::Seconds;

/// Counts up when sizes or methods change: profiles of different versions do not compare.
pub const VERSION: u32 = 1;

/// Pipelines of a quick run: each takes a software adapter 0.1 to 0.5 s to compile.
const QUICK_PIPELINES: usize = 48;
/// Invocations that fill the largest GPU several times over, and their buffers stay below 128 MiB.
const GPU_INVOCATIONS: u64 = 1 << 19;
/// Invocations that keep every core of a CPU busy for long enough.
const SOFTWARE_INVOCATIONS: u64 = 1 << 14;
/// Elements of the intensity sweep, 4 bytes read and 4 written each: beyond the caches of a GPU, and of most
/// CPUs.
const GPU_INTENSITY_ELEMENTS: u64 = 1 << 24;
/// The same where shaders run on the CPU.
const SOFTWARE_INTENSITY_ELEMENTS: u64 = 1 << 20;
/// FLOPs on each element, 8 bytes of traffic: 0.25 to 128 FLOP a byte; the ends and the middle first.
const INTENSITIES: &[u32] = &[2, 1024, 32, 128, 8, 512, 64, 16, 256, 4];

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// At most 10 s on a GPU, a minute on a software adapter.
    Quick,
    /// At most 90 s.
    Standard,
    /// At most 5 minutes.
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
            (Self::Standard, _) => 85.0,
            (Self::Full, _) => 285.0,
        })
    }

    fn sampling(self, software: bool) -> Sampling {
        let (target, at_least, at_most) = match self {
            Self::Quick if software => (0.010, 5, 20),
            Self::Quick => (0.006, 5, 20),
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

    /// Shapes of a class for a kernel: fewer for variants than for what predictions rest on.
    fn shapes(self, class: KernelClass, role: Role) -> usize {
        let dense = matches!(class, KernelClass::Matmul | KernelClass::Conv);
        match (self, role) {
            (Self::Quick, Role::Runtime) => {
                if dense {
                    8
                } else {
                    6
                }
            }
            (Self::Quick, Role::Variant) => 3,
            (Self::Quick, Role::Half) => 5,
            (Self::Standard, Role::Runtime) => {
                if dense {
                    14
                } else {
                    9
                }
            }
            (Self::Standard, Role::Variant | Role::Half) => 6,
            (Self::Full, Role::Runtime) => usize::MAX,
            (Self::Full, Role::Variant | Role::Half) => {
                if dense {
                    14
                } else {
                    9
                }
            }
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

/// What a kernel of a class is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Predictions in FP32.
    Runtime,
    /// What another kernel of ours reaches.
    Variant,
    /// Either in FP16.
    Half,
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
    /// What is timed to know the cost of a submission.
    pub empty: Option<Case>,
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
    /// What to measure on an adapter, and besides the suite the shapes of models, each distinct one once.
    ///
    /// The same arguments give the same plan.
    #[must_use]
    pub fn new(preset: Preset, adapter: &Adapter, models: &[KernelShape], seed: u64) -> Self {
        let mut draft =
            Draft { preset, adapter, software: adapter.is_software(), groups: vec![], unmeasured: vec![] };
        for kernel in kernels::all() {
            draft.add(kernel);
        }
        for direction in Direction::ALL {
            let step = if preset == Preset::Quick { 3 } else { 1 };
            let sizes = ladder::transfers(&adapter.limits, draft.software, step);
            let of = |bytes| Measurement::Transfer { direction, bytes };
            draft.group(0, 0, sizes.into_iter().map(of).collect());
        }
        draft.into_plan(models, seed)
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

/// A plan before it is known how many pipelines it may have.
struct Draft<'a> {
    preset: Preset,
    adapter: &'a Adapter,
    software: bool,
    groups: Vec<Group>,
    unmeasured: Vec<Unmeasured>,
}

/// Measurements that share their pipelines.
struct Group {
    /// 0 is indispensable.
    priority: u32,
    /// Added to the place in the ladder.
    rank: u32,
    measurements: Vec<Measurement>,
}

impl Group {
    fn pipelines(&self) -> usize {
        let configurations: HashSet<_> = self
            .measurements
            .iter()
            .filter_map(|measurement| match measurement {
                Measurement::Time(case) | Measurement::Launch { case, .. } => Some(&case.configuration),
                _ => None,
            })
            .collect();
        let searches = self.measurements.iter().filter(|of| matches!(of, Measurement::Search(_)));
        configurations.len() + searches.map(Measurement::pipelines).sum::<usize>()
    }
}

impl Draft<'_> {
    fn group(&mut self, priority: u32, rank: u32, measurements: Vec<Measurement>) {
        if !measurements.is_empty() {
            self.groups.push(Group { priority, rank, measurements });
        }
    }

    fn refuse(&mut self, id: String, reason: String) {
        self.unmeasured.push(Unmeasured { id, size: None, reason });
    }

    fn invocations(&self) -> u64 {
        if self.software { SOFTWARE_INVOCATIONS } else { GPU_INVOCATIONS }
    }

    /// The configurations that an adapter's limits allow.
    fn allowed(&self, kernel: &Kernel) -> Vec<Configuration> {
        let limits = &self.adapter.limits;
        let allowed = |configuration: &Configuration| {
            let workgroup = configuration.number("WORKGROUP");
            let subgroup = configuration.number("SUBGROUP").zip(limits.subgroup);
            workgroup.is_none_or(|size| size <= limits.max_workgroup_invocations)
                && subgroup.is_none_or(|(size, [least, most])| (least..=most).contains(&size))
        };
        kernel.configurations().into_iter().filter(allowed).collect()
    }

    /// What the adapter lacks for a kernel in a configuration.
    fn missing(&self, kernel: &'static Kernel, configuration: &Configuration) -> Option<String> {
        let case = Case { kernel, configuration: configuration.clone(), size: Size::Empty };
        let lacks = |need: &kernels::Need| {
            need.feature().is_some_and(|feature| !self.adapter.features.iter().any(|has| has == feature))
        };
        case.needs().find(lacks).map(|need| super::RunError::Unsupported(need.name()).to_string())
    }

    fn add(&mut self, kernel: &'static Kernel) {
        let configurations = self.allowed(kernel);
        let Some(first) = configurations.first() else {
            let reason = "no configuration of it fits the adapter's limits".to_owned();
            return self.refuse(kernel.id.to_owned(), reason);
        };
        if !matches!(kernel.measures, Measures::Class { .. })
            && let Some(reason) = self.missing(kernel, first)
        {
            return self.refuse(kernel.id.to_owned(), reason);
        }
        match kernel.measures {
            Measures::Peak(_) | Measures::Special => self.search(kernel, configurations),
            Measures::Bandwidth => self.bandwidth(kernel, &configurations),
            Measures::Intensity => {
                let elements =
                    if self.software { SOFTWARE_INTENSITY_ELEMENTS } else { GPU_INTENSITY_ELEMENTS };
                let count = if self.preset == Preset::Quick { 5 } else { INTENSITIES.len() };
                let sizes = INTENSITIES.iter().take(count);
                let sizes = sizes.map(|flops| Size::Intensity { elements, flops_per_element: *flops });
                let timed = timed(kernel, first, sizes);
                self.group(1, 0, timed);
            }
            Measures::Launch => {
                let case = Case { kernel, configuration: first.clone(), size: Size::Empty };
                if case.layout().is_some() {
                    let of = |form| Measurement::Launch { case: case.clone(), form };
                    for form in Launched::ALL {
                        self.group(0, 0, vec![of(form)]);
                    }
                }
            }
            Measures::Class { class, runtime_like, .. } => {
                self.class(kernel, class, runtime_like, &configurations);
            }
        }
    }

    fn search(&mut self, kernel: &'static Kernel, configurations: Vec<Configuration>) {
        let peak = matches!(kernel.measures, Measures::Peak(_));
        let plain = kernel.measures == Measures::Peak(Some(Precision::Fp32)) && kernel.needs.is_empty();
        // The first configuration is the likeliest, and the peak of FP32 is what most is held against.
        let most = match self.preset {
            Preset::Quick if plain => 5,
            Preset::Quick => 1,
            Preset::Standard if peak => usize::MAX,
            Preset::Standard => 2,
            Preset::Full => usize::MAX,
        };
        let size = Size::Chain { invocations: self.invocations(), turns: 1 };
        let exhaustive = self.preset == Preset::Full && peak;
        let search = Search { kernel, configurations, size, most, exhaustive };
        self.group(1, 0, vec![Measurement::Search(search)]);
    }

    /// Memory goes through a ladder of sizes; that of a workgroup has the sizes that its configurations give it.
    fn bandwidth(&mut self, kernel: &'static Kernel, configurations: &[Configuration]) {
        let limits = &self.adapter.limits;
        let step = match self.preset {
            Preset::Quick => 3,
            Preset::Standard => 2,
            Preset::Full => 1,
        };
        let ladder = ladder::working_sets(limits, step);
        let runs = |configuration: &Configuration, working_set: u64| {
            (kernel.layout)(configuration, Size::Bytes { working_set, turns: 1 }).is_some()
        };
        let first = configurations.iter().take(1);
        let mut sizes: Vec<(&Configuration, u64)> =
            first.flat_map(|first| ladder.iter().map(move |size| (first, *size))).collect();
        sizes.retain(|(configuration, size)| runs(configuration, *size));
        if sizes.len() * 2 < ladder.len() {
            sizes.clear();
            for configuration in configurations {
                let own =
                    ladder::workgroup_sets(limits).into_iter().filter(|size| runs(configuration, *size));
                for size in own.collect::<Vec<_>>() {
                    if sizes.iter().all(|(_, known)| *known != size) {
                        sizes.push((configuration, size));
                    }
                }
            }
            if self.preset == Preset::Quick {
                sizes.truncate(1);
            }
        }
        let measurements = sizes.into_iter().flat_map(|(configuration, working_set)| {
            timed(kernel, configuration, std::iter::once(Size::Bytes { working_set, turns: 1 }))
        });
        self.group(0, 0, measurements.collect());
    }

    fn class(
        &mut self,
        kernel: &'static Kernel,
        class: KernelClass,
        runtime_like: bool,
        configurations: &[Configuration],
    ) {
        let contraction = matches!(class, KernelClass::Matmul | KernelClass::Conv | KernelClass::GroupedConv);
        for element in [Element::F32, Element::F16] {
            let Some(configuration) = configurations.iter().find(|of| of.element() == element) else {
                continue;
            };
            let (priority, role, rank) = match (element, runtime_like) {
                (Element::F32, true) => (0, Role::Runtime, 0),
                (Element::F32, false) => (2, Role::Variant, 3),
                (_, true) if contraction => (3, Role::Half, 3),
                (_, true) => (4, Role::Half, 3),
                (_, false) => (5, Role::Half, 5),
            };
            let half = element == Element::F16;
            let left_out = match self.preset {
                // Software adapters emulate FP16, slower than FP32.
                Preset::Quick => half && (self.software || !contraction),
                Preset::Standard => half && (self.software || !runtime_like),
                Preset::Full => half && self.software && !runtime_like,
            };
            if left_out {
                continue;
            }
            if let Some(reason) = self.missing(kernel, configuration) {
                let case = Case { kernel, configuration: configuration.clone(), size: Size::Empty };
                self.refuse(row(&case), reason);
                continue;
            }
            let sizes = ladder::shapes(class, kernel.id, self.software).into_iter().map(Size::Shape);
            let sizes = sizes.filter(|size| (kernel.layout)(configuration, *size).is_some());
            let taken = sizes.take(self.preset.shapes(class, role));
            self.group(priority, rank, timed(kernel, configuration, taken));
        }
    }

    fn into_plan(mut self, models: &[KernelShape], seed: u64) -> Plan {
        self.groups.sort_by_key(|group| group.priority);
        let most = if self.preset == Preset::Quick { QUICK_PIPELINES } else { usize::MAX };
        let mut pipelines = 0;
        let mut tasks = vec![];
        for group in std::mem::take(&mut self.groups) {
            if group.priority > 0 && pipelines + group.pipelines() > most {
                let id = group.measurements.first().map(Measurement::id).unwrap_or_default();
                self.refuse(id, format!("left out of the {} preset", self.preset));
                continue;
            }
            pipelines += group.pipelines();
            let ranked = (group.rank..).zip(group.measurements);
            tasks.extend(ranked.map(|(place, measurement)| {
                // A variant has a first point too, and it is kept.
                let rank = if place == group.rank { 0 } else { place };
                Task { measurement, rank }
            }));
        }
        let asked = self.of_models(models, &mut tasks);
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut tasks);
        let each = self.preset.sampling(self.software).target
            * (2.0 * self.preset.sampling(self.software).at_least as f64);
        Plan {
            preset: self.preset,
            seed,
            software: self.software,
            budget: self.preset.budget(self.software) + (each + Seconds(0.1)) * asked as f64,
            sampling: self.preset.sampling(self.software),
            sentinel: self.sentinel(),
            empty: self.empty(),
            tasks,
            unmeasured: self.unmeasured,
        }
    }

    /// Adds the shapes of models, on the kernels that a runtime would take, and says how many are new.
    fn of_models(&mut self, models: &[KernelShape], tasks: &mut Vec<Task>) -> usize {
        let mut wanted = HashSet::new();
        let mut added = 0;
        for shape in models.iter().filter(|shape| wanted.insert(**shape)) {
            let id = shape.runtime_kernel();
            let refused = |reason: &str| Unmeasured {
                id: id.to_owned(),
                size: Some(shape.to_string()),
                reason: reason.to_owned(),
            };
            let Some(kernel) = kernels::find(id) else {
                self.unmeasured.push(refused("the suite has no such kernel"));
                continue;
            };
            let configuration = self.allowed(kernel).into_iter().find(|of| of.element() == Element::F32);
            let size = Size::Shape(*shape);
            let case = configuration.map(|configuration| Case { kernel, configuration, size });
            let Some(case) = case.filter(|case| case.layout().is_some()) else {
                self.unmeasured.push(refused("the kernel does not run this shape"));
                continue;
            };
            let measurement = Measurement::Time(case);
            if let Some(planned) = tasks.iter_mut().find(|task| task.measurement == measurement) {
                planned.rank = 0;
            } else {
                tasks.push(Task { measurement, rank: 0 });
                added += 1;
            }
        }
        added
    }

    /// The peak of FP32 as it stands: nothing but the adapter's clock bears on it.
    fn sentinel(&self) -> Option<Case> {
        let plain = |kernel: &&Kernel| {
            kernel.measures == Measures::Peak(Some(Precision::Fp32)) && kernel.needs.is_empty()
        };
        let kernel = kernels::all().find(plain)?;
        let configuration = self.allowed(kernel).into_iter().next()?;
        let size = Size::Chain { invocations: self.invocations(), turns: 1 };
        Some(Case { kernel, configuration, size }).filter(|case| case.layout().is_some())
    }

    /// What does least: the kernel of the launch row, or the sentinel's with one workgroup.
    fn empty(&self) -> Option<Case> {
        let launched = kernels::all().find(|kernel| kernel.measures == Measures::Launch);
        let of_row = launched.and_then(|kernel| {
            let configuration = self.allowed(kernel).into_iter().next()?;
            Some(Case { kernel, configuration, size: Size::Empty }).filter(|case| case.layout().is_some())
        });
        let smallest = Size::Chain { invocations: 1, turns: 1 };
        of_row.or_else(|| self.sentinel().map(|sentinel| Case { size: smallest, ..sentinel }))
    }
}

fn timed(
    kernel: &'static Kernel,
    configuration: &Configuration,
    sizes: impl Iterator<Item = Size>,
) -> Vec<Measurement> {
    let case = |size| Case { kernel, configuration: configuration.clone(), size };
    sizes.map(case).filter(|case| case.layout().is_some()).map(Measurement::Time).collect()
}
