//! Which row of the catalogue an adapter is, or the CPU of the machine: by PCI id, then by name.
//!
//! No match is an answer. A laptop part is never taken for its desktop namesake, nor a slice for the whole.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::catalogue::{keys, without_vendor};
use super::profile::Adapter;
use super::{Catalogue, Device, DeviceKind};
use crate::names::squash;

/// Least share of words that two names have in common.
const LEAST_OVERLAP: f64 = 0.5;

/// The rows that an adapter may be: one, or variants of one name that the driver does not tell apart.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterMatch<'c> {
    /// The row, of variants the one with the highest board power.
    pub row: &'c Device,
    /// The other variants.
    pub variants: Vec<&'c Device>,
    /// What gave it away.
    pub by: MatchedBy,
}

/// What an adapter was recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    /// PCI vendor and device id.
    PciId,
    /// The name that the driver gives.
    Name,
}

/// The row of the catalogue that a GPU adapter is; `None` for software adapters, names that stand for many
/// devices (`AMD Radeon(TM) Graphics`), slices of a GPU (MIG), and what the catalogue lacks.
///
/// Its PCI id decides where it is that of one row; of several, the name does. Without an id, the name: the
/// same but for punctuation, vendor and what drivers append; or the same but for the size of the memory; or
/// with the same model numbers, the same variant (Ti, XT, laptop, …) and half of the words in common.
#[must_use]
pub fn match_adapter<'c>(adapter: &Adapter, catalogue: &'c Catalogue) -> Option<AdapterMatch<'c>> {
    if adapter.is_software() {
        return None;
    }
    let name = Name::of(&adapter.name);
    if name.has("mig") {
        return None;
    }
    let gpus = || catalogue.devices().iter().filter(|device| device.kind == DeviceKind::Gpu);
    let id = format!("{:04x}:{:04x}", adapter.vendor, adapter.device);
    let of_id: Vec<&Device> =
        gpus().filter(|device| device.pci_ids.iter().any(|known| *known == id)).collect();
    if let [row] = of_id.as_slice()
        && !name.is_mobile()
    {
        return Some(AdapterMatch { row, variants: vec![], by: MatchedBy::PciId });
    }
    let rows = match of_id.as_slice() {
        [] => by_name(&name, &gpus().collect::<Vec<_>>()),
        several => by_name(&name, several),
    };
    among(&name, rows)
}

/// The row of a CPU by the name it gives itself (`AMD EPYC 7763 64-Core Processor`); `None` where the name
/// says no model, as in many virtual machines, or the catalogue lacks it.
#[must_use]
pub fn match_cpu<'c>(name: &str, catalogue: &'c Catalogue) -> Option<&'c Device> {
    let wanted = cpu_name(name);
    let mut rows = catalogue.devices().iter().filter(|device| device.kind == DeviceKind::Cpu);
    rows.find(|device| keys(device).any(|key| key == without_vendor(&wanted, device)))
}

/// Of several rows, if they differ in nothing but their memory, the one of exactly this name, else the one with
/// the highest power.
fn among<'c>(name: &Name, mut rows: Vec<&'c Device>) -> Option<AdapterMatch<'c>> {
    rows.sort_by(|a, b| {
        (name.is_key_of(b), power(b)).partial_cmp(&(name.is_key_of(a), power(a))).unwrap_or(Ordering::Equal)
    });
    let (row, variants) = rows.split_first()?;
    let words = Name::of(&row.name).words;
    let same = variants.iter().all(|variant| Name::of(&variant.name).words == words);
    same.then(|| AdapterMatch { row, variants: variants.to_vec(), by: MatchedBy::Name })
}

fn power(device: &Device) -> f64 {
    device.board_power.as_ref().map_or(0.0, |power| power.value.0)
}

fn by_name<'c>(name: &Name, rows: &[&'c Device]) -> Vec<&'c Device> {
    let same: Vec<&Device> = rows.iter().filter(|device| name.is(&Name::of(&device.name))).copied().collect();
    if !same.is_empty() {
        return same;
    }
    if let Some(row) = rows.iter().find(|device| name.is_key_of(device)) {
        return vec![row];
    }
    let scored = rows.iter().filter_map(|device| Some((name.overlap(&Name::of(&device.name))?, *device)));
    let scored: Vec<(f64, &Device)> = scored.filter(|(overlap, _)| *overlap >= LEAST_OVERLAP).collect();
    let best = scored.iter().map(|(overlap, _)| *overlap).fold(0.0, f64::max);
    scored.into_iter().filter(|(overlap, _)| *overlap >= best).map(|(_, device)| device).collect()
}

/// Words that tell variants of one model number apart: two names must agree on them.
const VARIANTS: &[&str] = &[
    "ti",
    "super",
    "xt",
    "xtx",
    "gre",
    "pro",
    "max",
    "ultra",
    "ada",
    "blackwell",
    "quadro",
    "titan",
    "nvl",
    "pcie",
    "sxm",
    "laptop",
    "mobile",
    "q",
    "d",
    "jetson",
    "agx",
    "nx",
    "nano",
    "tegra",
    "grid",
];
/// Words that mark parts for laptops.
const MOBILE: &[&str] = &["laptop", "mobile", "q"];
/// Words that say nothing of the model.
const FILLERS: &[&str] = &[
    "nvidia",
    "amd",
    "intel",
    "mesa",
    "gpu",
    "graphics",
    "card",
    "generation",
    "hbm2",
    "hbm2e",
    "hbm3",
    "hbm3e",
];

/// The name of an adapter or a row, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    /// Lower case, without trade marks, driver brackets and what drivers append.
    cleaned: String,
    /// Its words but for fillers and the size of the memory.
    words: BTreeSet<String>,
    /// Gigabytes of memory, where it states them.
    memory: Option<String>,
}

impl Name {
    fn of(name: &str) -> Self {
        let cleaned = cleaned(name);
        let mut words = BTreeSet::new();
        let mut memory = None;
        let mut number: Option<String> = None;
        let split = |c: char| !c.is_ascii_alphanumeric();
        for word in cleaned.split(split).filter(|word| !word.is_empty()) {
            if let Some(size) = word.strip_suffix("gb").or_else(|| word.strip_suffix('g'))
                && (number.is_some() || is_number(size))
            {
                memory = number.take().filter(|_| size.is_empty()).or_else(|| Some(size.to_owned()));
                continue;
            }
            words.extend(number.take());
            match word {
                _ if is_number(word) => number = Some(word.to_owned()),
                "maxq" => words.extend(["max".to_owned(), "q".to_owned()]),
                _ if FILLERS.contains(&word) => {}
                _ if word.strip_prefix("sxm").is_some_and(|rest| rest.is_empty() || is_number(rest)) => {
                    words.insert("sxm".to_owned());
                }
                _ => {
                    words.insert(word.to_owned());
                }
            }
        }
        words.extend(number);
        Self { cleaned, words, memory }
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    fn is_mobile(&self) -> bool {
        MOBILE.iter().any(|word| self.has(word))
    }

    /// Whether a person would find that device by this name.
    fn is_key_of(&self, device: &Device) -> bool {
        let squashed = squash(&self.cleaned);
        keys(device).any(|key| key == without_vendor(&squashed, device))
    }

    /// Whether the names differ in nothing that tells devices apart.
    fn is(&self, other: &Self) -> bool {
        self.words == other.words && self.memory_may_be(other)
    }

    fn memory_may_be(&self, other: &Self) -> bool {
        self.memory.is_none() || other.memory.is_none() || self.memory == other.memory
    }

    /// The share of words in common; `None` where model numbers, variants or the size of the memory disagree.
    fn overlap(&self, other: &Self) -> Option<f64> {
        let telling = |name: &Self| -> BTreeSet<String> {
            let tells = |word: &&String| {
                word.contains(|c: char| c.is_ascii_digit()) || VARIANTS.contains(&word.as_str())
            };
            name.words.iter().filter(tells).cloned().collect()
        };
        let models = telling(self);
        let numbered = models.iter().any(|word| word.contains(|c: char| c.is_ascii_digit()));
        if !numbered || !self.memory_may_be(other) || models != telling(other) {
            return None;
        }
        let all = self.words.union(&other.words).count();
        Some(self.words.intersection(&other.words).count() as f64 / all.max(1) as f64)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// Lower case, without `(R)`, `(TM)`, `/PCIe/SSE2` and a bracket at the end: `(RADV NAVI31)`, `(DG2)`.
fn cleaned(name: &str) -> String {
    let mut name = name.to_lowercase().replace("(r)", " ").replace("(tm)", " ").replace("(c)", " ");
    if let Some(at) = name.find("/pcie/sse2") {
        name.truncate(at);
    }
    let trimmed = name.trim_end();
    match trimmed.strip_suffix(')').and_then(|open| open.rfind('(')) {
        Some(at) => trimmed.get(..at).unwrap_or(trimmed).trim().to_owned(),
        None => trimmed.trim().to_owned(),
    }
}

/// The model in the name of a CPU, squashed: without clock, core count, generation and trade marks.
fn cpu_name(name: &str) -> String {
    let name = cleaned(name).replace('+', " plus");
    let name = name.split('@').next().unwrap_or_default();
    let says_nothing = |word: &&str| {
        let counted = word.strip_suffix("-core").is_some_and(is_number);
        let generation =
            ["st", "nd", "rd", "th"].iter().any(|end| word.strip_suffix(end).is_some_and(is_number));
        counted || generation || matches!(*word, "cpu" | "processor" | "gen" | "with" | "radeon" | "graphics")
    };
    let words: Vec<&str> = name.split_whitespace().filter(|word| !says_nothing(word)).collect();
    squash(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::profile::AdapterType;
    use super::super::testing;
    use super::*;

    fn adapter(name: &str, vendor: u32, device: u32) -> Adapter {
        let device_type = if name.contains("llvmpipe") || name.contains("SwiftShader") {
            AdapterType::Cpu
        } else {
            AdapterType::DiscreteGpu
        };
        testing::adapter(name, device_type, vendor, device)
    }

    fn found(name: &str, vendor: u32, device: u32) -> Option<(&'static str, usize, MatchedBy)> {
        let found = match_adapter(&adapter(name, vendor, device), Catalogue::builtin())?;
        Some((&found.row.id, found.variants.len(), found.by))
    }

    #[test]
    fn names_that_drivers_give_find_their_row() {
        let cases = [
            ("NVIDIA GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
            ("NVIDIA GeForce RTX 3090 (NVK GA102)", "nvidia-geforce-rtx-3090"),
            ("NVIDIA GeForce RTX 3090/PCIe/SSE2", "nvidia-geforce-rtx-3090"),
            ("GeForce GTX 1080", "nvidia-geforce-gtx-1080"),
            ("GeForce GTX 1080 Ti/PCIe/SSE2", "nvidia-geforce-gtx-1080-ti"),
            ("NVIDIA GeForce GTX 1060 6GB", "nvidia-geforce-gtx-1060-6-gb"),
            ("NVIDIA GeForce GTX 1060 3GB", "nvidia-geforce-gtx-1060-3-gb"),
            ("NVIDIA GeForce RTX 2080 SUPER", "nvidia-geforce-rtx-2080-super"),
            ("NVIDIA GeForce RTX 4070 Ti SUPER", "nvidia-geforce-rtx-4070-ti-super"),
            ("NVIDIA TITAN RTX", "nvidia-titan-rtx"),
            ("NVIDIA TITAN Xp", "nvidia-titan-xp"),
            ("Quadro RTX 6000", "nvidia-quadro-rtx-6000"),
            ("NVIDIA RTX 6000 Ada Generation", "nvidia-rtx-6000-ada-generation"),
            ("NVIDIA RTX A6000", "nvidia-rtx-a6000"),
            ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "nvidia-rtx-pro-6000-blackwell"),
            ("Tesla T4", "nvidia-tesla-t4"),
            ("NVIDIA Tesla V100-SXM2-16GB", "nvidia-tesla-v100-sxm2-16-gb"),
            ("Tesla V100-PCIE-32GB", "nvidia-tesla-v100-pcie-32-gb"),
            ("NVIDIA A100-SXM4-80GB", "nvidia-a100-sxm4-80-gb"),
            ("NVIDIA A100 80GB PCIe", "nvidia-a100-pcie-80-gb"),
            ("NVIDIA A10", "nvidia-a10-pcie"),
            ("NVIDIA L40S", "nvidia-l40s"),
            ("NVIDIA H100 80GB HBM3", "nvidia-h100-sxm5-80-gb"),
            ("NVIDIA H100 PCIe", "nvidia-h100-pcie-80-gb"),
            ("NVIDIA H200", "nvidia-h200-sxm-141-gb"),
            ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "amd-radeon-rx-7900-xtx"),
            ("AMD Radeon RX 7900 XT", "amd-radeon-rx-7900-xt"),
            ("Radeon RX 6800 XT", "amd-radeon-rx-6800-xt"),
            ("AMD Radeon RX 6800 (RADV NAVI21)", "amd-radeon-rx-6800"),
            ("AMD Instinct MI210", "amd-radeon-instinct-mi210"),
            ("Intel(R) Arc(TM) A770 Graphics", "intel-arc-a770"),
            ("Mesa Intel(R) Arc(tm) A750 Graphics (DG2)", "intel-arc-a750"),
            ("Intel(R) Arc(tm) B580 Graphics (BMG G21)", "intel-arc-b580"),
            ("Intel(R) Data Center GPU Flex 170", "intel-data-center-gpu-flex-170"),
            ("NVIDIA GeForce RTX 4090 Laptop GPU", "nvidia-geforce-rtx-4090-laptop"),
            ("NVIDIA GeForce RTX 4090 D", "nvidia-geforce-rtx-4090-d"),
            ("NVIDIA GeForce GTX 1650 with Max-Q Design", "nvidia-geforce-gtx-1650-max-q"),
            ("NVIDIA GeForce RTX 2080 Super with Max-Q Design", "nvidia-geforce-rtx-2080-super-max-q"),
            (
                "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
                "nvidia-rtx-pro-6000-blackwell-max-q",
            ),
            ("AMD Radeon RX 7900M", "amd-radeon-rx-7900m"),
            ("Apple M1", "apple-m1"),
            ("Apple M2 Pro", "apple-m2-pro"),
            ("Apple M3 Max", "apple-m3-max"),
        ];
        for (name, id) in cases {
            assert_eq!(found(name, 0, 0), Some((id, 0, MatchedBy::Name)), "{name}");
        }
    }

    #[test]
    fn names_of_no_single_row_find_none() {
        let names = [
            "llvmpipe (LLVM 15.0.6, 256 bits)",
            "SwiftShader Device (Subzero)",
            "Microsoft Basic Render Driver",
            "AMD Radeon(TM) Graphics",
            "AMD Radeon Graphics (RADV RENOIR)",
            "Intel(R) UHD Graphics 630 (CFL GT2)",
            "Intel(R) Iris(R) Xe Graphics (TGL GT2)",
            "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
            "NVIDIA A10G",
            "GRID T4-8Q",
            "NVIDIA Tegra Orin (nvgpu)",
            "NVIDIA GeForce MX450",
            "AMD Radeon RX 6600/6600 XT/6600M",
            "AMD Custom GPU 0405 (RADV VANGOGH)",
            "Adreno (TM) 740",
            "Mali-G78",
            "V3D 4.2.14",
            "Apple M9 Ultra",
            "",
            "GPU",
        ];
        for name in names {
            assert_eq!(found(name, 0, 0), None, "{name}");
        }
    }

    #[test]
    fn a_pci_id_decides_where_a_name_says_little() {
        let cases = [
            ("Intel(R) Graphics (BMG G21)", 0x8086, 0xe20b, "intel-arc-b580"),
            ("NVIDIA Graphics Device", 0x10de, 0x2684, "nvidia-geforce-rtx-4090"),
            ("NVIDIA GH200 480GB", 0x10de, 0x2342, "nvidia-gh200-hopper-gpu"),
        ];
        for (name, vendor, device, id) in cases {
            assert_eq!(found(name, vendor, device), Some((id, 0, MatchedBy::PciId)), "{name}");
        }
    }

    #[test]
    fn of_the_rows_of_one_pci_id_the_name_picks_or_nothing_does() {
        assert_eq!(found("NVIDIA A16", 0x10de, 0x25b6).unwrap().0, "nvidia-a16-pcie");
        assert_eq!(found("NVIDIA A2", 0x10de, 0x25b6).unwrap().0, "nvidia-a2");
        assert_eq!(found("AMD Radeon RX 9070 XT", 0x1002, 0x7550).unwrap().0, "amd-radeon-rx-9070-xt");
        assert_eq!(found("AMD Radeon Graphics (RADV GFX1201)", 0x1002, 0x7550), None);
        // The ids of RTX 20 cards serve laptops too and are left out: the name says which it is.
        let (row, ..) = found("NVIDIA GeForce RTX 2080 with Max-Q Design", 0x10de, 0x1e90).unwrap();
        assert_eq!(row, "nvidia-geforce-rtx-2080-max-q");
    }

    #[test]
    fn variants_that_a_name_does_not_tell_apart_are_all_given() {
        let cases = [
            ("NVIDIA GeForce RTX 4060 Ti", 0x2803, "nvidia-geforce-rtx-4060-ti-16-gb", 1),
            ("NVIDIA GeForce RTX 3080", 0x2206, "nvidia-geforce-rtx-3080", 1),
            ("AMD Radeon RX 9060 XT", 0, "amd-radeon-rx-9060-xt-16-gb", 1),
        ];
        for (name, device, id, variants) in cases {
            let (row, others, _) = found(name, if device == 0 { 0 } else { 0x10de }, device).unwrap();
            assert_eq!((row, others), (id, variants), "{name}");
        }
    }

    #[test]
    fn every_gpu_of_the_catalogue_matches_its_own_name() {
        for device in Catalogue::builtin().devices().iter().filter(|device| device.kind == DeviceKind::Gpu) {
            let (row, ..) = found(&device.name, 0, 0).unwrap_or_else(|| panic!("{}", device.id));
            assert_eq!(row, device.id);
        }
    }

    #[test]
    fn a_cpu_is_found_by_the_name_it_gives_itself() {
        let cases = [
            ("AMD EPYC 7763 64-Core Processor", Some("amd-epyc-7763")),
            ("AMD EPYC 9654 96-Core Processor", Some("amd-epyc-9654")),
            ("AMD Ryzen 9 7950X 16-Core Processor", Some("amd-ryzen-9-7950x")),
            ("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", Some("intel-xeon-e5-2690-v4")),
            ("Intel(R) Xeon(R) Platinum 8480+", Some("intel-xeon-platinum-8480-plus")),
            ("Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", Some("intel-xeon-gold-6148")),
            ("12th Gen Intel(R) Core(TM) i9-12900K", Some("intel-core-i9-12900k")),
            ("Intel(R) Core(TM) i9-9900K CPU @ 3.60GHz", Some("intel-core-i9-9900k")),
            ("AMD EPYC", None),
            ("AMD EPYC 7763v", None),
            ("Intel(R) Xeon(R) Processor @ 2.30GHz", None),
            ("Intel(R) Xeon(R) Platinum 8480C", None),
            ("Neoverse-N1", None),
            ("", None),
        ];
        for (name, id) in cases {
            let found = match_cpu(name, Catalogue::builtin()).map(|device| device.id.as_ref());
            assert_eq!(found, id, "{name}");
        }
    }
}
