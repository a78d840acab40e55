//! The devices we know, read from the tables in `catalogue/`, and how a name a person typed finds one.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{Device, DeviceError, table};
use crate::names::{self, squash};

/// A set of devices to look names up in.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    devices: Vec<Device>,
}

impl Catalogue {
    /// The catalogue that ships inside the program, read once.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| Catalogue {
            devices: table::embedded().expect("a test reads the embedded tables"),
        });
        &BUILTIN
    }

    /// This catalogue and the devices of a table of the user's own, which has the form of ours.
    ///
    /// # Errors
    /// [`DeviceError::Table`] if it is no such table, states an impossible figure, or names a device as another is
    /// called.
    pub fn with(&self, table: &str) -> Result<Self, DeviceError> {
        // Devices borrow their texts from tables that last as long as the program.
        let text: &'static str = table.to_owned().leak();
        let own = table::own(text).map_err(|error| DeviceError::Table(error.to_string()))?;
        let mut taken: HashSet<String> = self.devices.iter().flat_map(keys).collect();
        for device in &own {
            let refused = |what: String| Err(DeviceError::Table(format!("device {}: {what}", device.id)));
            let mut figures = vec![device.memory_bandwidth.value.0];
            figures.extend(device.peaks.iter().map(|peak| peak.rate.value.0));
            figures.extend(device.board_power.iter().map(|power| power.value.0));
            if figures.iter().any(|figure| !(figure.is_finite() && *figure > 0.0)) {
                return refused("a figure is no number above 0".to_owned());
            }
            if device.peaks.is_empty() {
                return refused("it states no rate".to_owned());
            }
            let mut named: Vec<String> = keys(device).collect();
            named.sort();
            named.dedup();
            for key in named {
                if !taken.insert(key.clone()) {
                    return refused(format!("\"{key}\" is the name of another"));
                }
            }
        }
        Ok(Self { devices: self.devices.iter().cloned().chain(own).collect() })
    }

    /// All devices: by vendor, then roughly by age.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The device a person means by `name`.
    ///
    /// Case and punctuation do not matter and the vendor may be left out: `A100 SXM4 80GB` is
    /// `nvidia-a100-sxm4-80-gb`. An id, a full name or an alias wins; else all words of `name` must occur in
    /// the id of exactly one device.
    ///
    /// Errors: [`DeviceError::Unknown`] with near misses, [`DeviceError::Ambiguous`] with all candidates.
    pub fn find(&self, name: &str) -> Result<&Device, DeviceError> {
        let wanted = squash(name);
        if let Some(device) = self.devices.iter().find(|device| {
            let wanted = without_vendor(&wanted, device);
            keys(device).any(|key| key == wanted)
        }) {
            return Ok(device);
        }

        // Drivers end the names of laptop parts so.
        let words: Vec<String> = words(name).into_iter().filter(|word| word != "gpu").collect();
        let candidates: Vec<&Device> = match words.as_slice() {
            [] => Vec::new(),
            _ => self.devices.iter().filter(|device| contains_all(&device.id, &words)).collect(),
        };
        match candidates.as_slice() {
            [] => Err(DeviceError::Unknown { name: name.to_owned(), suggestions: self.near_misses(&wanted) }),
            [device] => Ok(device),
            several => Err(DeviceError::Ambiguous {
                name: name.to_owned(),
                candidates: several.iter().map(|device| device.id.to_string()).collect(),
            }),
        }
    }

    fn near_misses(&self, wanted: &str) -> Vec<String> {
        let alike = |device: &&Device| {
            let wanted = without_vendor(wanted, device);
            keys(device).map(|key| names::likeness(&key, wanted)).fold(0.0, f64::max)
        };
        names::nearest(self.devices.iter(), alike).into_iter().map(|device| device.id.to_string()).collect()
    }
}

pub(super) fn without_vendor<'a>(squashed: &'a str, device: &Device) -> &'a str {
    squashed.strip_prefix(squash(&device.vendor).as_str()).unwrap_or(squashed)
}

/// What `device` answers to, squashed and without its vendor.
pub(super) fn keys(device: &Device) -> impl Iterator<Item = String> {
    [&device.id, &device.name]
        .into_iter()
        .chain(&device.aliases)
        .map(|name| without_vendor(&squash(name), device).to_owned())
}

/// Runs of letters and runs of digits: `a100-80GB` is `a`, `100`, `80`, `gb`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in name.chars() {
        let class = (c.is_ascii_alphabetic(), c.is_ascii_digit());
        if class != (false, false) {
            match words.last_mut() {
                Some(word) if last == Some(class) => word.push(c.to_ascii_lowercase()),
                _ => words.push(c.to_ascii_lowercase().to_string()),
            }
        }
        last = Some(class);
    }
    words
}

fn contains_all(id: &str, wanted: &[String]) -> bool {
    let present = words(id);
    wanted.iter().all(|word| present.contains(word))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn device(name: &str) -> &'static Device {
        Catalogue::builtin().find(name).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn no_two_devices_answer_to_one_name() {
        let mut owners = HashMap::new();
        for device in Catalogue::builtin().devices() {
            for key in keys(device).collect::<HashSet<_>>() {
                if let Some(other) = owners.insert(key.clone(), &device.id) {
                    panic!("{key} names both {other} and {}", device.id);
                }
            }
        }
    }

    #[test]
    fn ids_begin_with_their_vendor() {
        for device in Catalogue::builtin().devices() {
            let vendor = device.vendor.to_lowercase().replace(' ', "-");
            assert!(device.id.starts_with(&format!("{vendor}-")), "{}", device.id);
        }
    }

    #[test]
    fn people_find_devices_by_the_names_they_type() {
        let cases = [
            ("nvidia-geforce-rtx-4090", "nvidia-geforce-rtx-4090"),
            ("NVIDIA GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
            ("GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
            ("RTX4090", "nvidia-geforce-rtx-4090"),
            ("4090", "nvidia-geforce-rtx-4090"),
            ("nvidia a100", "nvidia-a100-sxm4-80-gb"),
            ("NVIDIA A100-SXM-80GB", "nvidia-a100-sxm4-80-gb"),
            ("NVIDIA A100-PCIE-40GB", "nvidia-a100-pcie-40-gb"),
            ("a100-80gb", "nvidia-a100-sxm4-80-gb"),
            ("Tesla P100-PCIE-16GB", "nvidia-tesla-p100-pcie-16-gb"),
            ("Tesla V100-PCIE-32GB", "nvidia-tesla-v100-pcie-32-gb"),
            ("Tesla T4", "nvidia-tesla-t4"),
            ("Tesla P4", "nvidia-tesla-p4"),
            ("AMD Instinct MI210", "amd-radeon-instinct-mi210"),
            ("NVIDIA H100-SXM-80GB", "nvidia-h100-sxm5-80-gb"),
            ("NVIDIA A2", "nvidia-a2"),
            ("NVIDIA L40S", "nvidia-l40s"),
            ("B200", "nvidia-b200"),
            ("rtx 2080 ti", "nvidia-geforce-rtx-2080-ti"),
            ("4060 ti 16", "nvidia-geforce-rtx-4060-ti-16-gb"),
            ("7900 xtx", "amd-radeon-rx-7900-xtx"),
            ("mi300x", "amd-radeon-instinct-mi300x"),
            ("m2-max", "apple-m2-max"),
            ("Apple M2", "apple-m2"),
            ("tpu-v5e", "google-tpu-v5e"),
            ("orin-nano", "nvidia-jetson-orin-nano-8-gb"),
            ("Arc A770", "intel-arc-a770"),
            ("gaudi2", "intel-gaudi-2"),
            ("xeon 8480+", "intel-xeon-platinum-8480-plus"),
            ("AMD EPYC 7742", "amd-epyc-7742"),
        ];
        for (typed, id) in cases {
            assert_eq!(device(typed).id, id, "{typed}");
        }
    }

    #[test]
    fn a_name_that_fits_several_devices_lists_them() {
        let error = Catalogue::builtin().find("RTX 4060 Ti").unwrap_err();
        let candidates =
            vec!["nvidia-geforce-rtx-4060-ti-8-gb".to_owned(), "nvidia-geforce-rtx-4060-ti-16-gb".to_owned()];
        assert_eq!(error, DeviceError::Ambiguous { name: "RTX 4060 Ti".to_owned(), candidates });
    }

    #[test]
    fn a_misspelt_name_is_answered_with_near_misses() {
        for (typed, meant) in [
            ("rtx-4009", "nvidia-geforce-rtx-4090"),
            ("h10O", "nvidia-h100-sxm5-80-gb"),
            ("mi3000x", "amd-radeon-instinct-mi300x"),
        ] {
            let Err(DeviceError::Unknown { suggestions, .. }) = Catalogue::builtin().find(typed) else {
                panic!("{typed} was found");
            };
            assert!(
                suggestions.len() <= 3 && suggestions.iter().any(|id| id == meant),
                "{typed}: {suggestions:?}"
            );
        }
    }

    #[test]
    fn a_laptop_part_is_not_taken_for_its_desktop_namesake() {
        assert_eq!(device("RTX 4090 Laptop GPU").id, "nvidia-geforce-rtx-4090-laptop");
        assert_eq!(device("RTX 4090").id, "nvidia-geforce-rtx-4090");
        assert!(matches!(Catalogue::builtin().find("GTX 1660 Laptop GPU"), Err(DeviceError::Unknown { .. })));
    }

    #[test]
    fn own_devices_stand_beside_ours_and_mistakes_are_named() {
        let table = |id: &str, bandwidth: &str, rates: &str| {
            let table = format!(
                "[[family]]\nvendor = 'ACME'\nkind = 'npu'\narchitecture = 'X'\n[[family.device]]\nid = '{id}'\n\
                 name = '{id}'\nbandwidth_gb_s = '{bandwidth}'\nboard_power_w = '75 own'\nrates = '{rates}'\n"
            );
            Catalogue::builtin().with(&table)
        };
        let both = table("acme-x1", "1000 own", "fp16 matrix 100 own").unwrap();
        assert_eq!(both.devices().len(), Catalogue::builtin().devices().len() + 1);
        let found = both.find("ACME X1").unwrap();
        assert_eq!(found.memory_bandwidth.value.0, 1e12);
        assert_eq!(found.memory_bandwidth.source.text, "given by the user");
        assert_eq!(both.find("4090").unwrap().id, "nvidia-geforce-rtx-4090");
        for (id, bandwidth, rates, message) in [
            ("acme-x1", "1000", "fp16 matrix 1 own", "device acme-x1: \"1000\" is no figure with a source"),
            ("acme-x1", "-1 own", "fp16 matrix 1 own", "device acme-x1: a figure is no number above 0"),
            ("acme-x1", "nan own", "fp16 matrix 1 own", "device acme-x1: a figure is no number above 0"),
            ("acme-x1", "1 own", "", "device acme-x1: it states no rate"),
            ("4090", "1 own", "fp16 matrix 1 own", "device 4090: \"4090\" is the name of another"),
            ("acme-x1", "1 web", "", "device acme-x1 cites the source \"web\", which is not known"),
        ] {
            assert_eq!(table(id, bandwidth, rates).unwrap_err().to_string(), message);
        }
        assert!(Catalogue::builtin().with("nothing").is_err());
    }

    #[test]
    fn nonsense_gets_no_suggestion() {
        for typed in ["", "--", "ламповый", "zzzzzzzzzzzzzzzzzzzz"] {
            let error = Catalogue::builtin().find(typed).unwrap_err();
            assert_eq!(error, DeviceError::Unknown { name: typed.to_owned(), suggestions: Vec::new() });
        }
    }
}
