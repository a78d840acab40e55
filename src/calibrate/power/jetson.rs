//! Jetson modules: the INA3221 chips on their supply rails, through hwmon.
//!
//! Source of names and units: Linux `Documentation/hwmon/ina3221.rst` (`in1_input` in mV, `curr1_input` in mA)
//! and the Jetson Linux Developer Guide, "Power and performance", for the rails. Which rails make up a module
//! is a table; a module with others is told with the rails it has, and not guessed at.

use std::sync::Arc;

use super::adapter::{AdapterFacts, NVIDIA};
use super::gauge::{Gauge, Integrated};
use super::{Clock, Files, Meter, MeterError, MeterInfo, MeterScope, files};
use crate::units::{Seconds, Watts};

const FOLDER: &str = "/sys/class/hwmon";

const HINT: &str = "run as root, or \"sudo chmod a+r\" the file: some releases keep it for root";

/// Rails that together feed the module; the first set that is there in full is taken.
///
/// AGX Orin has no single one: users of the board report that its memory rail hangs off `VIN_SYS_5V0`, so that
/// one is not added.
const MODULES: &[&[&str]] = &[&["VDD_IN"], &["POM_5V_IN"], &["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"]];

/// Where the chip does not say: conversion of three channels, averaged, takes some ms on all settings in use.
const UPDATE_PERIOD: Seconds = Seconds(0.05);

/// Slower settings exist; a window of 50 updates would take minutes.
const LONGEST_UPDATE_PERIOD: Seconds = Seconds(2.0);

/// A step of 8 mA (40 µV over 5 mΩ) at 5 V. Source: TI INA3221 data sheet, and the shunts of Jetson modules.
const STEP: Watts = Watts(0.04);

/// A chip has three channels.
const CHANNELS: [u8; 3] = [1, 2, 3];

#[derive(Debug, Clone)]
struct Rail {
    label: String,
    folder: String,
    channel: u8,
}

struct Rails {
    files: Arc<dyn Files>,
    rails: Vec<Rail>,
}

impl Gauge for Rails {
    fn power(&mut self) -> Result<Watts, MeterError> {
        self.rails.iter().try_fold(Watts::ZERO, |sum, rail| Ok(sum + rail.power(&*self.files)?))
    }
}

impl Rail {
    /// Power where the driver computes it (NVIDIA's), else voltage times current (the kernel's).
    fn power(&self, files: &dyn Files) -> Result<Watts, MeterError> {
        let Self { folder, channel, .. } = self;
        let power = format!("{folder}/power{channel}_input");
        if files::is_there(files, &power) {
            return Ok(Watts(files::count(files, &power, HINT)? as f64 / 1e6));
        }
        let millivolts = files::count(files, &format!("{folder}/in{channel}_input"), HINT)?;
        let milliamperes = files::count(files, &format!("{folder}/curr{channel}_input"), HINT)?;
        Ok(Watts(millivolts as f64 * milliamperes as f64 / 1e6))
    }
}

/// Opens a meter over the rails of the module.
///
/// # Errors
/// [`MeterError::Absent`] where the adapter is not NVIDIA's or no known set of rails is there.
pub(super) fn open(
    adapter: &AdapterFacts,
    files: &Arc<dyn Files>,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Meter>, MeterError> {
    if adapter.vendor != NVIDIA {
        let vendor = adapter.vendor;
        return Err(MeterError::Absent(format!("the adapter is not NVIDIA's (vendor {vendor:#06x})")));
    }
    let rails = rails(&**files)?;
    let Some(module) = MODULES.iter().find_map(|module| {
        module
            .iter()
            .map(|label| rails.iter().find(|rail| rail.label == *label).cloned())
            .collect::<Option<Vec<_>>>()
    }) else {
        let labels: Vec<&str> = rails.iter().map(|rail| rail.label.as_str()).collect();
        return Err(MeterError::Absent(match labels.as_slice() {
            [] => format!("no INA3221 in {FOLDER}"),
            _ => format!("no known set of rails among those of the INA3221: {}", labels.join(", ")),
        }));
    };
    let update_period =
        module.iter().filter_map(|rail| interval(&**files, &rail.folder)).fold(UPDATE_PERIOD, Seconds::max);
    let labels: Vec<&str> = module.iter().map(|rail| rail.label.as_str()).collect();
    let info = MeterInfo {
        name: format!("INA3221 {}", labels.join(" + ")),
        scope: MeterScope::Board,
        resolution: STEP * update_period,
        update_period,
        counter: false,
        poll_every: None,
    };
    let gauge = Rails { files: files.clone(), rails: module };
    Ok(Box::new(Integrated::open(info, update_period, gauge, clock.clone())?))
}

/// How long the chip takes for a round over its channels, if it says so and is to be believed.
fn interval(files: &dyn Files, folder: &str) -> Option<Seconds> {
    let milliseconds: u32 = files::optional(files, &format!("{folder}/update_interval"))?.parse().ok()?;
    Some(Seconds(f64::from(milliseconds) / 1e3)).filter(|period| *period <= LONGEST_UPDATE_PERIOD)
}

/// All labelled rails of all chips, in order of their folders.
fn rails(files: &dyn Files) -> Result<Vec<Rail>, MeterError> {
    let folders =
        files.list(FOLDER).map_err(|error| MeterError::Absent(format!("no sensors at {FOLDER}: {error}")))?;
    let mut rails = vec![];
    for folder in folders.iter().map(|name| format!("{FOLDER}/{name}")) {
        if files::optional(files, &format!("{folder}/name")).as_deref() != Some("ina3221") {
            continue;
        }
        for channel in CHANNELS {
            if let Some(label) = files::optional(files, &format!("{folder}/in{channel}_label")) {
                rails.push(Rail { label, folder: folder.clone(), channel });
            }
        }
    }
    Ok(rails)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Hand, Tree};
    use super::*;

    fn adapter() -> AdapterFacts {
        AdapterFacts {
            vendor: NVIDIA,
            device: 0,
            name: "NVIDIA Tegra Orin (nvgpu)".to_owned(),
            software: false,
            pci_bus_id: None,
        }
    }

    fn opened(tree: &Arc<Tree>, clock: &Arc<Hand>) -> Result<Box<dyn Meter>, MeterError> {
        open(&adapter(), &(tree.clone() as Arc<dyn Files>), &(clock.clone() as Arc<dyn Clock>))
    }

    /// Rails of one chip, with millivolts and milliamperes.
    fn chip(tree: &Tree, folder: &str, rails: &[(&str, &str, &str)]) {
        tree.write(&format!("{FOLDER}/{folder}/name"), "ina3221");
        for (channel, (label, millivolts, milliamperes)) in (1..).zip(rails) {
            tree.write(&format!("{FOLDER}/{folder}/in{channel}_label"), label);
            tree.write(&format!("{FOLDER}/{folder}/in{channel}_input"), millivolts);
            tree.write(&format!("{FOLDER}/{folder}/curr{channel}_input"), milliamperes);
        }
    }

    fn orin_nx() -> Arc<Tree> {
        let tree = Tree::of(&[("/sys/class/hwmon/hwmon0/name", "thermal")]);
        let rails =
            [("VDD_IN", "5016", "1200"), ("VDD_CPU_GPU_CV", "5016", "300"), ("VDD_SOC", "5008", "400")];
        chip(&tree, "hwmon1", &rails);
        Arc::new(tree)
    }

    #[test]
    fn a_module_with_one_input_rail_is_that_rail() {
        let (tree, clock) = (orin_nx(), Arc::new(Hand::default()));
        let mut meter = opened(&tree, &clock).unwrap();
        assert_eq!(meter.identity().name, "INA3221 VDD_IN");
        tree.write("/sys/class/hwmon/hwmon1/curr1_input", "1400");
        clock.set(0.1);
        // 5.016 V at the mean of 1.2 and 1.4 A for 0.1 s.
        assert!((meter.read().unwrap().joules.0 - 5.016 * 1.3 * 0.1).abs() < 1e-12);
    }

    #[test]
    fn an_agx_orin_is_the_sum_of_its_rails_without_the_one_behind_another() {
        let (tree, clock) = (Arc::new(Tree::default()), Arc::new(Hand::default()));
        let rails =
            [("VDD_GPU_SOC", "19000", "500"), ("VDD_CPU_CV", "19000", "100"), ("VIN_SYS_5V0", "5000", "800")];
        chip(&tree, "hwmon3", &rails);
        chip(&tree, "hwmon4", &[("NC", "0", "0"), ("VDDQ_VDD2_1V8AO", "5000", "300")]);
        tree.write("/sys/class/hwmon/hwmon3/update_interval", "100");
        let mut meter = opened(&tree, &clock).unwrap();
        clock.set(0.1);
        // 9.5 W, 1.9 W and 4 W.
        assert!((meter.read().unwrap().joules.0 - 1.54).abs() < 1e-12);
        assert_eq!(meter.identity().update_period, Seconds(0.1));
        assert_eq!(meter.identity().poll_every, Some(Seconds(0.1)));
    }

    #[test]
    fn a_driver_that_multiplies_is_taken_at_its_word() {
        let (tree, clock) = (orin_nx(), Arc::new(Hand::default()));
        tree.write("/sys/class/hwmon/hwmon1/power1_input", "6000000");
        let mut meter = opened(&tree, &clock).unwrap();
        clock.set(0.1);
        assert!((meter.read().unwrap().joules.0 - 0.6).abs() < 1e-12);
    }

    #[test]
    fn a_rail_that_goes_away_is_an_error() {
        let (tree, clock) = (orin_nx(), Arc::new(Hand::default()));
        let mut meter = opened(&tree, &clock).unwrap();
        tree.remove("/sys/class/hwmon/hwmon1/curr1_input");
        assert!(matches!(meter.read(), Err(MeterError::Vanished { .. })));
    }

    #[test]
    fn unknown_rails_are_named_and_not_summed() {
        let (tree, clock) = (Arc::new(Tree::default()), Arc::new(Hand::default()));
        chip(&tree, "hwmon1", &[("VDD_GPU_SOC", "19000", "500"), ("VDD_NEW", "5000", "1")]);
        let message = opened(&tree, &clock).err().unwrap().to_string();
        assert_eq!(message, "no known set of rails among those of the INA3221: VDD_GPU_SOC, VDD_NEW");
        tree.write("/sys/class/hwmon/hwmon1/name", "coretemp");
        let message = opened(&tree, &clock).err().unwrap().to_string();
        assert_eq!(message, "no INA3221 in /sys/class/hwmon");
    }
}
