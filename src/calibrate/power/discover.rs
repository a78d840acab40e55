//! Which meter there is for an adapter: all are looked for in a fixed order, the first that reads is taken, and
//! for each it is told what became of it.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::apple::{Launch, Program};
use super::nvml::{Driver, Library};
use super::{
    AdapterFacts, Clock, Disk, Files, Meter, MeterError, MeterInfo, Monotonic, apple, hwmon, jetson, nvml,
    rapl,
};

/// Where meters are looked for.
pub struct Roots {
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    nvml: Box<dyn Library>,
    /// `None` where this is not macOS.
    macmon: Option<Box<dyn Launch>>,
}

impl Roots {
    /// This machine.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let macmon = cfg!(target_os = "macos").then(|| Box::new(Program) as Box<dyn Launch>);
        Self {
            files: Arc::new(Disk::under("/")),
            clock: Arc::new(Monotonic::start()),
            nvml: Box::new(Driver),
            macmon,
        }
    }

    /// The clock that all meters found here are read by; windows must be timed by it.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }
}

/// What became of one kind of meter.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is used.
    Chosen(MeterInfo),
    /// It was not tried: one before it is used.
    NotNeeded,
    /// It would measure something other than the adapter.
    NotMeant(&'static str),
    /// It is not used, and this is why.
    Failed(MeterError),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(info) => write!(f, "used: {}, {}", info.name, info.scope),
            Self::NotNeeded => f.write_str("not tried: another is used"),
            Self::NotMeant(why) => write!(f, "not tried: {why}"),
            Self::Failed(why) => write!(f, "{why}"),
        }
    }
}

/// As text: it is for reading.
impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A kind of meter and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// Its name.
    pub meter: &'static str,
    /// Whether it is used, else why not.
    pub verdict: Verdict,
}

/// The meter found, if any, and all that were looked for, in the order of preference.
pub struct Discovery {
    /// Open and read once.
    pub chosen: Option<Box<dyn Meter>>,
    /// One entry a kind of meter.
    pub tried: Vec<Tried>,
}

type Open = fn(&AdapterFacts, &Roots) -> Result<Box<dyn Meter>, MeterError>;

/// A kind of meter: its name, how it is opened, and what of an adapter it could measure.
struct Kind {
    name: &'static str,
    open: Open,
    gpu: Result<(), &'static str>,
    software: Result<(), &'static str>,
}

const GPU_ONLY: Result<(), &str> = Err("it measures GPUs, and the adapter runs on the CPU");

/// Best first: a counter of the board before a gauge, the board before the module it sits on.
const KINDS: [Kind; 5] = [
    Kind {
        name: "NVML",
        open: |adapter, roots| nvml::open(adapter, &*roots.nvml, &roots.clock),
        gpu: Ok(()),
        software: GPU_ONLY,
    },
    Kind {
        name: "hwmon",
        open: |adapter, roots| hwmon::open(adapter, &roots.files, &roots.clock),
        gpu: Ok(()),
        software: GPU_ONLY,
    },
    Kind {
        name: "Jetson rails",
        open: |adapter, roots| jetson::open(adapter, &roots.files, &roots.clock),
        gpu: Ok(()),
        software: GPU_ONLY,
    },
    Kind {
        name: "RAPL",
        open: |_, roots| rapl::open(&roots.files, &roots.clock),
        gpu: Err("it measures CPU packages, and the adapter is a GPU"),
        software: Ok(()),
    },
    Kind {
        name: "macmon",
        open: |adapter, roots| apple::open(adapter, roots.macmon.as_deref(), &roots.clock),
        gpu: Ok(()),
        software: Ok(()),
    },
];

/// Looks for a meter of the adapter. Never fails: a machine without meters is a list of reasons.
#[must_use]
pub fn discover(adapter: &AdapterFacts, roots: &Roots) -> Discovery {
    let mut chosen: Option<Box<dyn Meter>> = None;
    let mut tried = vec![];
    for kind in &KINDS {
        let meant = if adapter.software { kind.software } else { kind.gpu };
        let verdict = match (meant, &chosen) {
            (Err(why), _) => Verdict::NotMeant(why),
            (Ok(()), Some(_)) => Verdict::NotNeeded,
            (Ok(()), None) => match (kind.open)(adapter, roots) {
                Ok(meter) => {
                    let info = meter.identity().clone();
                    chosen = Some(meter);
                    Verdict::Chosen(info)
                }
                Err(why) => Verdict::Failed(why),
            },
        };
        tried.push(Tried { meter: kind.name, verdict });
    }
    Discovery { chosen, tried }
}

#[cfg(test)]
mod tests {
    use super::super::adapter::{AMD, NVIDIA};
    use super::super::nvml::Sensors;
    use super::super::testing::{Hand, Tree};
    use super::*;

    struct NoLibrary;

    impl Library for NoLibrary {
        fn boards(&self) -> Result<Vec<Box<dyn Sensors>>, MeterError> {
            Err(MeterError::Absent("NVML library not found".to_owned()))
        }
    }

    fn roots(tree: Tree) -> Roots {
        Roots {
            files: Arc::new(tree),
            clock: Arc::new(Hand::default()),
            nvml: Box::new(NoLibrary),
            macmon: None,
        }
    }

    fn adapter(vendor: u32, software: bool) -> AdapterFacts {
        AdapterFacts { vendor, device: 0x73bf, name: "adapter".to_owned(), software, pci_bus_id: None }
    }

    fn told(discovery: &Discovery) -> Vec<String> {
        discovery.tried.iter().map(|tried| format!("{}: {}", tried.meter, tried.verdict)).collect()
    }

    const PACKAGE: &[(&str, &str)] = &[
        ("/sys/class/powercap/intel-rapl:0/name", "package-0"),
        ("/sys/class/powercap/intel-rapl:0/energy_uj", "1"),
        ("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850"),
    ];

    const RADEON: &[(&str, &str)] = &[
        ("/sys/bus/pci/devices/0000:03:00.0/vendor", "0x1002"),
        ("/sys/bus/pci/devices/0000:03:00.0/device", "0x73bf"),
        ("/sys/bus/pci/devices/0000:03:00.0/class", "0x030000"),
        ("/sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon4/name", "amdgpu"),
        ("/sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon4/power1_average", "30000000"),
    ];

    #[test]
    fn a_machine_without_meters_is_a_list_of_reasons() {
        let discovery = discover(&adapter(NVIDIA, false), &roots(Tree::default()));
        assert!(discovery.chosen.is_none());
        assert_eq!(
            told(&discovery),
            [
                "NVML: NVML library not found",
                "hwmon: the adapter is neither AMD's nor Intel's (vendor 0x10de)",
                "Jetson rails: no sensors at /sys/class/hwmon: entity not found",
                "RAPL: not tried: it measures CPU packages, and the adapter is a GPU",
                "macmon: this is not macOS",
            ]
        );
    }

    #[test]
    fn a_software_adapter_gets_the_packages_and_a_gpu_its_own_board() {
        let machine = || roots(Tree::of(&[PACKAGE, RADEON].concat()));
        let software = discover(&adapter(0x10005, true), &machine());
        assert_eq!(
            software.chosen.as_ref().map(|meter| meter.identity().name.clone()).unwrap(),
            "RAPL, 1 package"
        );
        assert_eq!(
            told(&software),
            [
                "NVML: not tried: it measures GPUs, and the adapter runs on the CPU",
                "hwmon: not tried: it measures GPUs, and the adapter runs on the CPU",
                "Jetson rails: not tried: it measures GPUs, and the adapter runs on the CPU",
                "RAPL: used: RAPL, 1 package, package",
                "macmon: not tried: another is used",
            ]
        );
        let gpu = discover(&adapter(AMD, false), &machine());
        assert_eq!(told(&gpu)[1], "hwmon: used: amdgpu power1_average, soc");
        assert_eq!(told(&gpu)[2], "Jetson rails: not tried: another is used");
    }

    #[test]
    fn looking_here_finds_a_meter_or_five_reasons() {
        let roots = Roots::of_this_machine();
        for software in [false, true] {
            let discovery = discover(&adapter(NVIDIA, software), &roots);
            let used =
                discovery.tried.iter().filter(|tried| matches!(tried.verdict, Verdict::Chosen(_))).count();
            assert_eq!(discovery.tried.len(), 5);
            assert_eq!(used, usize::from(discovery.chosen.is_some()));
            assert!(told(&discovery).iter().all(|line| line.len() > 10), "{:?}", told(&discovery));
        }
    }

    #[test]
    fn verdicts_are_text_in_files() {
        let tried = Tried { meter: "RAPL", verdict: Verdict::NotNeeded };
        assert_eq!(
            serde_json::to_string(&tried).unwrap(),
            r#"{"meter":"RAPL","verdict":"not tried: another is used"}"#
        );
    }
}
