//! RAPL of Intel and AMD processors, through the kernel's powercap tree: the energy of all packages.
//!
//! Source of names and units: Linux `Documentation/power/powercap/powercap.rst` and
//! `Documentation/ABI/testing/sysfs-class-powercap`. AMD processors (Zen on) appear under the same
//! `intel-rapl` names. Memory beside the package (the `dram` zone of servers) is not in the figure, nor is the
//! rest of the machine (`psys`).

use std::sync::Arc;

use super::counter::{Counted, Odometer, Register};
use super::{Clock, Files, Meter, MeterError, MeterInfo, MeterScope, files};
use crate::units::{Joules, Seconds};

const FOLDER: &str = "/sys/class/powercap";

/// Since Linux 5.10 the count is for root alone: at full rate it betrays secrets (CVE-2020-8694).
const HINT: &str = "run as root, or let everybody read it until the next start with \
    \"sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj\"; a udev rule keeps it so: \
    SUBSYSTEM==\"powercap\", ACTION==\"add\", KERNEL==\"intel-rapl:*\", RUN+=\"/bin/chmod a+r /sys%p/energy_uj\"";

/// The unit is a power of two that the tree does not tell: 2^-14 J on most, 2^-16 J on AMD. The coarser is
/// taken. Source: Intel SDM volume 3B, "RAPL Interfaces", `MSR_RAPL_POWER_UNIT`.
const RESOLUTION: Joules = Joules(1.0 / 16_384.0);

/// Source: Intel SDM, the same section: "approximately every 1 ms".
const UPDATE_PERIOD: Seconds = Seconds(0.001);

/// No package draws so much; its counter is read at least twice in a turn at that power.
const PACKAGE_AT_MOST_W: f64 = 1000.0;

/// More packages than a board has.
const MOST_PACKAGES: usize = 64;

struct Package {
    file: String,
    odometer: Odometer,
}

struct Packages {
    files: Arc<dyn Files>,
    packages: Vec<Package>,
}

impl Register for Packages {
    fn total(&mut self) -> Result<Joules, MeterError> {
        let mut total = Joules::ZERO;
        for package in &mut self.packages {
            let count = files::count(&*self.files, &package.file, HINT)?;
            total += microjoules(package.odometer.advance(count)?);
        }
        Ok(total)
    }
}

fn microjoules(count: u64) -> Joules {
    Joules(count as f64 / 1e6)
}

/// Opens a meter over the packages of this machine.
///
/// # Errors
/// [`MeterError::Absent`] where the kernel shows no package, and what reading the counts gives.
pub(super) fn open(files: &Arc<dyn Files>, clock: &Arc<dyn Clock>) -> Result<Box<dyn Meter>, MeterError> {
    let zones = files
        .list(FOLDER)
        .map_err(|error| MeterError::Absent(format!("no powercap tree at {FOLDER}: {error}")))?;
    let mut packages = vec![];
    let mut smallest_range = u64::MAX;
    // `intel-rapl:0` is a zone of its own; `intel-rapl:0:1` is inside it, and `intel-rapl-mmio:0` another
    // door to the same package.
    for zone in zones.iter().filter(|zone| is_top_zone(zone)).take(MOST_PACKAGES) {
        let folder = format!("{FOLDER}/{zone}");
        let name = files::text(&**files, &format!("{folder}/name"), HINT)?;
        if !name.starts_with("package") {
            continue;
        }
        let file = format!("{folder}/energy_uj");
        let range = files::count(&**files, &format!("{folder}/max_energy_range_uj"), HINT)?;
        let first = files::count(&**files, &file, HINT)?;
        smallest_range = smallest_range.min(range);
        packages.push(Package { odometer: Odometer::new(file.clone(), Some(range), first), file });
    }
    if packages.is_empty() {
        return Err(MeterError::Absent(format!("no package among the zones of {FOLDER}")));
    }
    let info = MeterInfo {
        name: match packages.len() {
            1 => "RAPL, 1 package".to_owned(),
            several => format!("RAPL, {several} packages"),
        },
        scope: MeterScope::Package,
        resolution: RESOLUTION,
        update_period: UPDATE_PERIOD,
        counter: true,
        poll_every: Some(Seconds(microjoules(smallest_range).0 / PACKAGE_AT_MOST_W / 2.0)),
    };
    let register = Packages { files: files.clone(), packages };
    Ok(Box::new(Counted::open(info, register, clock.clone())?))
}

fn is_top_zone(zone: &str) -> bool {
    zone.strip_prefix("intel-rapl:")
        .is_some_and(|index| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::testing::{Hand, Tree};
    use super::*;

    /// Two sockets, laid out as the kernel's documentation has it, with what else is found beside them.
    const SERVER: &[(&str, &str)] = &[
        ("/sys/class/powercap/intel-rapl/enabled", "1"),
        ("/sys/class/powercap/intel-rapl:0/name", "package-0"),
        ("/sys/class/powercap/intel-rapl:0/energy_uj", "262143000000"),
        ("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850"),
        ("/sys/class/powercap/intel-rapl:0:0/name", "dram"),
        ("/sys/class/powercap/intel-rapl:0:0/energy_uj", "999"),
        ("/sys/class/powercap/intel-rapl:1/name", "package-1"),
        ("/sys/class/powercap/intel-rapl:1/energy_uj", "1000000"),
        ("/sys/class/powercap/intel-rapl:1/max_energy_range_uj", "262143328850"),
        ("/sys/class/powercap/intel-rapl:2/name", "psys"),
        ("/sys/class/powercap/intel-rapl:2/energy_uj", "5"),
        ("/sys/class/powercap/intel-rapl-mmio:0/name", "package-0"),
        ("/sys/class/powercap/intel-rapl-mmio:0/energy_uj", "262143000000"),
        ("/sys/class/powercap/dtpm/enabled", "1"),
    ];

    fn opened(tree: &Arc<Tree>, clock: &Arc<Hand>) -> Result<Box<dyn Meter>, MeterError> {
        open(&(tree.clone() as Arc<dyn Files>), &(clock.clone() as Arc<dyn Clock>))
    }

    #[test]
    fn packages_add_up_through_a_wrap_and_nothing_else_is_counted() {
        let (tree, clock) = (Arc::new(Tree::of(SERVER)), Arc::new(Hand::default()));
        let mut meter = opened(&tree, &clock).unwrap();
        // Package 0 wraps: 328,850 µJ to its end, one to 0, 499,149 on. Package 1 goes 2 J up.
        tree.write("/sys/class/powercap/intel-rapl:0/energy_uj", "499149");
        tree.write("/sys/class/powercap/intel-rapl:1/energy_uj", "3000000");
        clock.set(0.1);
        assert!((meter.read().unwrap().joules.0 - 2.828).abs() < 1e-12);
        let info = meter.identity();
        assert_eq!((info.name.as_str(), info.scope), ("RAPL, 2 packages", MeterScope::Package));
        // 262 kJ at 1 kW, twice a turn.
        assert!((info.poll_every.unwrap().0 - 131.07).abs() < 0.01);
    }

    #[test]
    fn a_zen_desktop_has_one_package_with_a_16_bit_finer_unit() {
        let tree = Arc::new(Tree::of(&[
            ("/sys/class/powercap/intel-rapl:0/name", "package-0"),
            ("/sys/class/powercap/intel-rapl:0/energy_uj", "52113984612"),
            ("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "65532610987"),
            ("/sys/class/powercap/intel-rapl:0:0/name", "core"),
            ("/sys/class/powercap/intel-rapl:0:0/energy_uj", "1"),
        ]));
        let clock = Arc::new(Hand::default());
        let mut meter = opened(&tree, &clock).unwrap();
        tree.write("/sys/class/powercap/intel-rapl:0/energy_uj", "52438984612");
        clock.set(5.0);
        assert!((meter.read().unwrap().joules.0 - 325.0).abs() < 1e-9);
        assert_eq!(meter.identity().name, "RAPL, 1 package");
    }

    #[test]
    fn a_count_for_root_alone_comes_with_the_command_and_the_udev_rule() {
        let (tree, clock) = (Arc::new(Tree::of(SERVER)), Arc::new(Hand::default()));
        tree.fail("/sys/class/powercap/intel-rapl:0/energy_uj", io::ErrorKind::PermissionDenied);
        let message = opened(&tree, &clock).err().unwrap().to_string();
        assert!(message.starts_with("no permission to read /sys/class/powercap/intel-rapl:0/energy_uj"));
        assert!(message.contains("sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"), "{message}");
        assert!(message.contains("SUBSYSTEM==\"powercap\""), "{message}");
    }

    #[test]
    fn packages_that_stand_still_or_go_away_are_errors() {
        let (tree, clock) = (Arc::new(Tree::of(SERVER)), Arc::new(Hand::default()));
        let mut meter = opened(&tree, &clock).unwrap();
        clock.set(5.0);
        assert!(matches!(meter.read(), Err(MeterError::Stale { .. })));
        tree.remove("/sys/class/powercap/intel-rapl:1/energy_uj");
        let error = meter.read().unwrap_err();
        assert_eq!(
            error.to_string(),
            "/sys/class/powercap/intel-rapl:1/energy_uj has vanished since it was opened"
        );
    }

    #[test]
    fn a_machine_without_packages_says_what_it_looked_for() {
        let clock = Arc::new(Hand::default());
        for (files, expected) in [
            (&[][..], "no powercap tree at /sys/class/powercap: entity not found"),
            (
                &[("/sys/class/powercap/dtpm/enabled", "1")][..],
                "no package among the zones of /sys/class/powercap",
            ),
        ] {
            let error = opened(&Arc::new(Tree::of(files)), &clock).err().unwrap();
            assert_eq!(error.to_string(), expected);
        }
    }
}
