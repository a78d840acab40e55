//! The devices that estimates are for: rows of the catalogue, and adapters that a profile was measured on.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::error::Refusal;
use super::input;
use super::profiles::{self, LOCAL};
use crate::calibrate::assemble;
use crate::calibrate::gpu::Adapters;
use crate::device::profile::Profile;
use crate::device::{Catalogue, Device, local, may_be_default};
use crate::report::Devices;
use crate::units::Watts;

/// The device of estimates where none is named and no GPU was measured.
const REFERENCE: &str = "nvidia-a100-sxm4-80-gb";

/// The largest table of devices.
const MAX_TABLE_MIB: u64 = 4;
/// What stands for every row of the catalogue.
const ALL: &str = "all";

/// Devices and who chose them.
#[derive(Debug)]
pub struct Targets {
    /// In the order they were named.
    pub devices: Vec<Cow<'static, Device>>,
    /// Who chose them.
    pub chosen: Devices,
    /// Whether every row of the catalogue is among them: in an order of the catalogue's, which nobody asked for.
    pub every: bool,
    /// What does not agree between a profile and this machine.
    pub warnings: Vec<String>,
}

/// The devices that ship with the program, those of `devices.toml` in the configuration folder where there is one, and those
/// of a table that is named.
///
/// # Errors
/// A [`Refusal`] that names the table.
pub fn catalogue(named: Option<&Path>) -> Result<&'static Catalogue, Refusal> {
    let folder = etcetera::choose_base_strategy().ok().map(|found| found.config_dir().join("ergometer"));
    let usual = folder.map(|folder| folder.join("devices.toml")).filter(|path| path.is_file());
    let mut tables: Vec<&Path> = usual.iter().map(PathBuf::as_path).collect();
    tables.extend(named);
    let mut all = Cow::Borrowed(Catalogue::builtin());
    for path in tables {
        let wrong = |why: String| {
            Refusal::usage(format!("{}: {why}", path.display()))
                .hint("the README shows such a table: each figure is written with its source, as \"450 own\"")
        };
        let text = input::small_text(path, MAX_TABLE_MIB).map_err(wrong)?;
        all = Cow::Owned(all.with(&text).map_err(|why| wrong(why.to_string()))?);
    }
    Ok(match all {
        Cow::Borrowed(builtin) => builtin,
        Cow::Owned(all) => Box::leak(Box::new(all)),
    })
}

/// The devices of those names: a saved profile, a profile's file, or a row of the catalogue. Without names, the
/// GPU that was measured as `local`, else the reference.
///
/// # Errors
/// A [`Refusal`] with near misses.
pub fn of(
    names: &[String],
    board_power: Option<Watts>,
    catalogue: &'static Catalogue,
) -> Result<Targets, Refusal> {
    let mut targets = Targets { devices: vec![], chosen: Devices::Named, every: false, warnings: vec![] };
    if names.is_empty() {
        targets.chosen = Devices::Reference;
        let own = profiles::load(LOCAL)?.filter(may_be_default);
        let device = match own {
            Some(profile) => Cow::Owned(targets.measured(profile, board_power, catalogue)?),
            None => Cow::Borrowed(row(REFERENCE, catalogue)?),
        };
        targets.devices.push(device);
    }
    for name in names.iter().map(|name| name.trim()) {
        if name == ALL {
            targets.devices.extend(catalogue.devices().iter().map(Cow::Borrowed));
            targets.every = true;
            continue;
        }
        let profile = match profiles::load(name)? {
            None if name.ends_with(".json") => Some(profiles::read(Path::new(name))?),
            found => found,
        };
        let device = match profile {
            Some(profile) => Cow::Owned(targets.measured(profile, board_power, catalogue)?),
            None if name == LOCAL => {
                return Err(Refusal::usage("the local GPU is not measured yet")
                    .hint("`ergometer bench` measures it, and saves a profile for --device local"));
            }
            None => Cow::Borrowed(row(name, catalogue)?),
        };
        targets.devices.push(device);
    }
    Ok(targets)
}

fn row(name: &str, catalogue: &'static Catalogue) -> Result<&'static Device, Refusal> {
    catalogue
        .find(name)
        .map_err(|error| Refusal::usage(error.to_string()).hint("`ergometer devices` lists all of them"))
}

impl Targets {
    fn measured(
        &mut self,
        profile: Profile,
        board_power: Option<Watts>,
        catalogue: &Catalogue,
    ) -> Result<Device, Refusal> {
        let warning = mismatch(&profile);
        self.warnings.extend(warning.map(|why| format!("profile \"{}\": {why}", profile.name)));
        local(profile, catalogue, board_power)
            .map_err(|error| Refusal::environment(error.to_string()).hint("`ergometer bench` measures again"))
    }
}

/// What has changed since a profile was measured: figures of another driver can be several times off.
fn mismatch(profile: &Profile) -> Option<String> {
    if profile.tool.suite != assemble::suite() {
        return Some("measured by another version of the suite; `ergometer bench` renews it".to_owned());
    }
    let adapters = Adapters::find();
    let of_name = |name: &str| adapters.all().iter().find(move |found| found.facts.name == name);
    let Some(found) = of_name(&profile.adapter.name) else {
        return Some(format!("its adapter, {}, is not in this machine", profile.adapter.name));
    };
    (found.facts.driver_info != profile.adapter.driver_info).then(|| {
        format!(
            "measured with {}, and the driver is now {}; `ergometer bench` renews it",
            profile.adapter.driver_info, found.facts.driver_info
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_device_is_in_the_catalogue() {
        assert_eq!(row(REFERENCE, Catalogue::builtin()).unwrap().id, REFERENCE);
    }
}
