//! GPUs of AMD and Intel, through the hwmon folder that their kernel driver keeps.
//!
//! Source of names and units: Linux `drivers/gpu/drm/amd/pm/amdgpu_pm.c` ("hwmon interfaces for GPU power":
//! µW; of the SoC, on APUs with the CPU), and `Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon` and
//! `sysfs-driver-intel-i915-hwmon` (µJ, wraps taken care of by the driver).

use std::sync::Arc;

use super::adapter::{AMD, AdapterFacts, Board, INTEL, which};
use super::counter::{Counted, Odometer, Register};
use super::gauge::{Gauge, Integrated};
use super::{Clock, Files, Meter, MeterError, MeterInfo, MeterScope, files};
use crate::units::{Joules, Seconds, Watts};

const FOLDER: &str = "/sys/bus/pci/devices";

const HINT: &str = "everybody may read it on most systems; a GPU that the driver has put to sleep answers so \
    too, and wakes when it is used";

/// The driver states none. The firmware's table behind the figure is renewed within milliseconds, what it
/// averages over differs by chip.
const AMD_UPDATE_PERIOD: Seconds = Seconds(0.1);

const AMD_POLL_EVERY: Seconds = Seconds(0.05);

/// Older firmware shows whole watts.
const AMD_STEP: Watts = Watts(1.0);

/// As RAPL, whose registers these are: 2^-14 J, about every millisecond.
const INTEL_RESOLUTION: Joules = Joules(1.0 / 16_384.0);
const INTEL_UPDATE_PERIOD: Seconds = Seconds(0.001);

struct MicrowattFile {
    files: Arc<dyn Files>,
    file: String,
}

impl Gauge for MicrowattFile {
    fn power(&mut self) -> Result<Watts, MeterError> {
        Ok(Watts(files::count(&*self.files, &self.file, HINT)? as f64 / 1e6))
    }
}

struct MicrojouleFile {
    files: Arc<dyn Files>,
    file: String,
    odometer: Odometer,
}

impl Register for MicrojouleFile {
    fn total(&mut self) -> Result<Joules, MeterError> {
        let count = files::count(&*self.files, &self.file, HINT)?;
        Ok(Joules(self.odometer.advance(count)? as f64 / 1e6))
    }
}

/// Opens the meter of the adapter's driver.
///
/// # Errors
/// [`MeterError::Absent`] where the adapter is of another maker, is not on the bus, or its driver shows neither
/// power nor energy; what reading gives.
pub(super) fn open(
    adapter: &AdapterFacts,
    files: &Arc<dyn Files>,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Meter>, MeterError> {
    if ![AMD, INTEL].contains(&adapter.vendor) {
        return Err(MeterError::Absent(format!(
            "the adapter is neither AMD's nor Intel's (vendor {:#06x})",
            adapter.vendor
        )));
    }
    let boards = boards(&**files)?;
    let index = which(adapter, &boards, "the kernel")?;
    let place = boards.get(index).map(|board| board.pci_bus_id.as_str()).unwrap_or_default();
    let parent = format!("{FOLDER}/{place}/hwmon");
    let folders = files.list(&parent).map_err(|error| {
        MeterError::Absent(format!("the driver of {place} keeps no hwmon folder: {error}"))
    })?;
    let mut seen = vec![];
    for folder in folders.iter().map(|name| format!("{parent}/{name}")) {
        let Some(driver) = files::optional(&**files, &format!("{folder}/name")) else { continue };
        match driver.as_str() {
            "amdgpu" => {
                for file in ["power1_average", "power1_input"] {
                    let file = format!("{folder}/{file}");
                    if files::is_there(&**files, &file) {
                        return open_amd(files, clock, file);
                    }
                }
            }
            "i915" | "xe" => {
                // Of xe the first channel is the card, the second the package; i915 has one, the package.
                for (file, scope) in
                    [("energy1_input", MeterScope::Board), ("energy2_input", MeterScope::Package)]
                {
                    let scope = if driver == "i915" { MeterScope::Package } else { scope };
                    let file = format!("{folder}/{file}");
                    if files::is_there(&**files, &file) {
                        return open_intel(files, clock, &driver, file, scope);
                    }
                }
            }
            _ => {}
        }
        seen.push(driver);
    }
    Err(MeterError::Absent(format!(
        "the hwmon folders of {place} ({}) show neither power1_average, power1_input nor energy1_input",
        if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
    )))
}

fn open_amd(
    files: &Arc<dyn Files>,
    clock: &Arc<dyn Clock>,
    file: String,
) -> Result<Box<dyn Meter>, MeterError> {
    let info = MeterInfo {
        name: format!("amdgpu {}", last_part(&file)),
        scope: MeterScope::Soc,
        resolution: AMD_STEP * AMD_UPDATE_PERIOD,
        update_period: AMD_UPDATE_PERIOD,
        counter: false,
        poll_every: None,
    };
    let gauge = MicrowattFile { files: files.clone(), file };
    Ok(Box::new(Integrated::open(info, AMD_POLL_EVERY, gauge, clock.clone())?))
}

fn open_intel(
    files: &Arc<dyn Files>,
    clock: &Arc<dyn Clock>,
    driver: &str,
    file: String,
    scope: MeterScope,
) -> Result<Box<dyn Meter>, MeterError> {
    let info = MeterInfo {
        name: format!("{driver} {}", last_part(&file)),
        scope,
        resolution: INTEL_RESOLUTION,
        update_period: INTEL_UPDATE_PERIOD,
        counter: true,
        poll_every: None,
    };
    let odometer = Odometer::new(file.clone(), None, files::count(&**files, &file, HINT)?);
    let register = MicrojouleFile { files: files.clone(), file, odometer };
    Ok(Box::new(Counted::open(info, register, clock.clone())?))
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The PCI devices with the ids that a GPU of these makers can have.
fn boards(files: &dyn Files) -> Result<Vec<Board>, MeterError> {
    let places = files
        .list(FOLDER)
        .map_err(|error| MeterError::Absent(format!("no PCI devices at {FOLDER}: {error}")))?;
    let id = |place: &str, what: &str| {
        let text = files::optional(files, &format!("{FOLDER}/{place}/{what}"))?;
        u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
    };
    let board = |place: String| {
        let vendor = id(&place, "vendor").filter(|vendor| [AMD, INTEL].contains(vendor))?;
        // Class 03 is a display controller, 12 an accelerator. Source: PCI Code and ID Assignment.
        let class = id(&place, "class")? >> 16;
        let device = id(&place, "device").filter(|_| [0x03, 0x12].contains(&class))?;
        Some(Board { vendor, device, name: None, pci_bus_id: place })
    };
    Ok(places.into_iter().filter_map(board).collect())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::testing::{Hand, Tree};
    use super::*;

    const CARD: &str = "/sys/bus/pci/devices/0000:03:00.0";

    fn pci(vendor: &'static str, device: &'static str) -> Tree {
        let tree = Tree::of(&[
            ("/sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086"),
            ("/sys/bus/pci/devices/0000:00:00.0/device", "0x1237"),
            ("/sys/bus/pci/devices/0000:00:00.0/class", "0x060000"),
        ]);
        tree.write(&format!("{CARD}/vendor"), vendor);
        tree.write(&format!("{CARD}/device"), device);
        tree.write(&format!("{CARD}/class"), "0x030000");
        tree
    }

    fn radeon(sensor: &str) -> Arc<Tree> {
        let tree = pci("0x1002", "0x73bf");
        tree.write(&format!("{CARD}/hwmon/hwmon4/name"), "amdgpu");
        tree.write(&format!("{CARD}/hwmon/hwmon4/{sensor}"), "203000000");
        Arc::new(tree)
    }

    fn arc(driver: &str, sensor: &str) -> Arc<Tree> {
        let tree = pci("0x8086", "0x56a0");
        tree.write(&format!("{CARD}/hwmon/hwmon2/name"), &format!("{driver}_gt0"));
        tree.write(&format!("{CARD}/hwmon/hwmon2/energy1_input"), "7");
        tree.write(&format!("{CARD}/hwmon/hwmon3/name"), driver);
        tree.write(&format!("{CARD}/hwmon/hwmon3/{sensor}"), "32020000000");
        Arc::new(tree)
    }

    fn adapter(vendor: u32, device: u32) -> AdapterFacts {
        let pci_bus_id = Some("0000:03:00.0".to_owned());
        AdapterFacts { vendor, device, name: "GPU".to_owned(), software: false, pci_bus_id }
    }

    fn opened(
        adapter: &AdapterFacts,
        tree: &Arc<Tree>,
        clock: &Arc<Hand>,
    ) -> Result<Box<dyn Meter>, MeterError> {
        open(adapter, &(tree.clone() as Arc<dyn Files>), &(clock.clone() as Arc<dyn Clock>))
    }

    #[test]
    fn an_amd_board_shows_microwatts_that_are_integrated() {
        for sensor in ["power1_average", "power1_input"] {
            let (tree, clock) = (radeon(sensor), Arc::new(Hand::default()));
            let mut meter = opened(&adapter(AMD, 0x73bf), &tree, &clock).unwrap();
            clock.set(0.1);
            tree.write(&format!("{CARD}/hwmon/hwmon4/{sensor}"), "205000000");
            // 0.1 s at the mean of 203 and 205 W.
            assert!((meter.read().unwrap().joules.0 - 20.4).abs() < 1e-9);
            assert_eq!(meter.identity().name, format!("amdgpu {sensor}"));
            assert_eq!(meter.identity().scope, MeterScope::Soc);
        }
    }

    #[test]
    fn an_intel_board_counts_microjoules() {
        for (driver, sensor, scope) in [
            ("i915", "energy1_input", MeterScope::Package),
            ("xe", "energy1_input", MeterScope::Board),
            ("xe", "energy2_input", MeterScope::Package),
        ] {
            let (tree, clock) = (arc(driver, sensor), Arc::new(Hand::default()));
            let mut meter = opened(&adapter(INTEL, 0x56a0), &tree, &clock).unwrap();
            clock.set(5.0);
            tree.write(&format!("{CARD}/hwmon/hwmon3/{sensor}"), "32920000000");
            assert!((meter.read().unwrap().joules.0 - 900.0).abs() < 1e-9);
            assert_eq!(meter.identity().name, format!("{driver} {sensor}"));
            assert_eq!(meter.identity().scope, scope);
        }
    }

    #[test]
    fn a_board_is_found_by_its_ids_where_the_driver_does_not_say_its_place() {
        let clock = Arc::new(Hand::default());
        let unplaced = AdapterFacts { pci_bus_id: None, ..adapter(AMD, 0x73bf) };
        assert!(opened(&unplaced, &radeon("power1_average"), &clock).is_ok());
    }

    #[test]
    fn a_refused_or_vanished_sensor_is_an_error_and_a_0_is_no_power() {
        let (tree, clock) = (radeon("power1_average"), Arc::new(Hand::default()));
        let sensor = format!("{CARD}/hwmon/hwmon4/power1_average");
        let mut meter = opened(&adapter(AMD, 0x73bf), &tree, &clock).unwrap();
        tree.write(&sensor, "0");
        assert!(matches!(meter.read(), Err(MeterError::NoPower { .. })));
        tree.remove(&sensor);
        assert!(matches!(meter.read(), Err(MeterError::Vanished { .. })));
        tree.fail(&sensor, io::ErrorKind::PermissionDenied);
        let message = meter.read().unwrap_err().to_string();
        assert!(message.contains("a GPU that the driver has put to sleep"), "{message}");
        assert!(matches!(opened(&adapter(AMD, 0x73bf), &tree, &clock), Err(MeterError::Permission { .. })));
    }

    #[test]
    fn what_was_looked_for_is_told() {
        let clock = Arc::new(Hand::default());
        let no_sensor = Arc::new(pci("0x1002", "0x73bf"));
        no_sensor.write(&format!("{CARD}/hwmon/hwmon4/name"), "amdgpu");
        for (adapter, tree, expected) in [
            (adapter(0x10de, 1), &no_sensor, "neither AMD's nor Intel's (vendor 0x10de)"),
            (adapter(AMD, 1), &Arc::new(Tree::default()), "no PCI devices at /sys/bus/pci/devices"),
            (adapter(AMD, 0x73bf), &Arc::new(pci("0x1002", "0x73bf")), "keeps no hwmon folder"),
            (adapter(AMD, 0x73bf), &no_sensor, "0000:03:00.0 (amdgpu) show neither power1_average"),
        ] {
            let message = opened(&adapter, tree, &clock).err().unwrap().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
