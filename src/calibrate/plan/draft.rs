//! Which rows of the table are measured at which sizes, and which of them a preset leaves out.

use std::collections::HashSet;

use super::{Direction, Launched, Measurement, Plan, Preset, Search, Task, row};
use crate::calibrate::kernels::{self, Configuration, Element, Kernel, Measures};
use crate::calibrate::{Case, RunError, Size, ladder};
use crate::device::Precision;
use crate::device::kernel::{KernelClass, KernelShape};
use crate::device::profile::{Adapter, Unmeasured};
use crate::units::Seconds;

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

/// Shapes of a class for a kernel: fewer for variants than for what predictions rest on.
fn shapes(preset: Preset, class: KernelClass, role: Role) -> usize {
    let dense = matches!(class, KernelClass::Matmul | KernelClass::Conv);
    let [of_dense, of_others] = match (preset, role) {
        (Preset::Quick, Role::Runtime) => [7, 5],
        (Preset::Quick, Role::Variant) => [2, 2],
        (Preset::Quick, Role::Half) => [4, 4],
        (Preset::Standard, Role::Runtime) => [14, 9],
        (Preset::Standard, Role::Variant | Role::Half) => [6, 6],
        (Preset::Full, Role::Runtime) => [usize::MAX, usize::MAX],
        (Preset::Full, Role::Variant | Role::Half) => [14, 9],
    };
    if dense { of_dense } else { of_others }
}

/// A plan before it is known how many pipelines it may have.
pub(super) struct Draft<'a> {
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

impl<'a> Draft<'a> {
    /// Every row of the table, and transfers.
    pub fn of_suite(preset: Preset, adapter: &'a Adapter) -> Self {
        let software = adapter.is_software();
        let mut draft = Self { preset, adapter, software, groups: vec![], unmeasured: vec![] };
        for kernel in kernels::all() {
            draft.add(kernel);
        }
        for direction in Direction::ALL {
            let step = if preset == Preset::Quick { 3 } else { 1 };
            let sizes = ladder::transfers(&adapter.limits, software, step);
            let of = |bytes| Measurement::Transfer { direction, bytes };
            draft.group(0, 0, sizes.into_iter().map(of).collect());
        }
        draft
    }

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
        case.needs().find(lacks).map(|need| RunError::Unsupported(need.name()).to_string())
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
        let plain = is_plain_peak(kernel);
        // The first configuration is the likeliest, and the peak of FP32 is what most is held against.
        let most = match (self.preset, self.software) {
            (Preset::Quick, _) => {
                if plain {
                    5
                } else {
                    1
                }
            }
            (Preset::Standard, true) => {
                if plain {
                    8
                } else {
                    2
                }
            }
            _ => usize::MAX,
        };
        let size = Size::Chain { invocations: self.invocations(), turns: 1 };
        let exhaustive = self.preset == Preset::Full && peak && !self.software;
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
        let contraction = class.is_contraction();
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
            let taken = sizes.take(shapes(self.preset, class, role));
            self.group(priority, rank, timed(kernel, configuration, taken));
        }
    }

    pub fn into_plan(mut self, models: &[(KernelShape, &'static str)], seed: u64) -> Plan {
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
            tasks.extend(ranked.map(|(place, measurement)| Task { measurement, rank: place }));
        }
        let asked = self.of_models(models, &mut tasks);
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut tasks);
        tasks.sort_by_key(|task| !is_needed_by_all(task));
        let sampling = self.preset.sampling(self.software);
        let around = if self.software { 0.5 } else { 0.05 };
        let each = sampling.target * (2.0 * sampling.at_least as f64) + Seconds(around);
        Plan {
            preset: self.preset,
            seed,
            software: self.software,
            budget: self.preset.budget(self.software) + each * asked as f64,
            sampling,
            sentinel: self.sentinel(),
            tasks,
            unmeasured: self.unmeasured,
        }
    }

    /// Adds the shapes of models, on the kernels that a runtime would take, and says how many are new.
    fn of_models(&mut self, models: &[(KernelShape, &'static str)], tasks: &mut Vec<Task>) -> usize {
        let mut wanted = HashSet::new();
        let mut added = 0;
        for (shape, id) in models.iter().filter(|asked| wanted.insert(**asked)) {
            let refused = |reason: &str| Unmeasured {
                id: (*id).to_owned(),
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
        let kernel = kernels::all().find(|kernel| is_plain_peak(kernel))?;
        let configuration = self.allowed(kernel).into_iter().next()?;
        let size = Size::Chain { invocations: self.invocations(), turns: 1 };
        Some(Case { kernel, configuration, size }).filter(|case| case.layout().is_some())
    }
}

/// Whether it measures the rate of arithmetic that every adapter has.
fn is_plain_peak(kernel: &Kernel) -> bool {
    kernel.measures == Measures::Peak(Some(Precision::Fp32)) && kernel.needs.is_empty()
}

/// Whether every estimate takes it from a profile: that of a run which was interrupted is of use as soon as it holds
/// these.
fn is_needed_by_all(task: &Task) -> bool {
    match &task.measurement {
        Measurement::Search(search) => is_plain_peak(search.kernel),
        Measurement::Time(case) => case.kernel.id == "memory.copy" && task.rank == 0,
        Measurement::Launch { .. } => true,
        Measurement::Transfer { .. } => false,
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
