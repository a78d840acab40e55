//! The device in this machine, made of the profile of its adapter.

use super::adapter::{AdapterMatch, MatchedBy, match_adapter, match_cpu};
use super::profile::{AdapterType, PeakRate, Profile};
use super::{ArithmeticUnit, Catalogue, Device, DeviceKind, Peak, Source, SourceStatus, Sourced, Text};
use crate::units::Watts;

/// Why a profile makes no device: a run that was stopped early lacks what every device has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// No rate of arithmetic in a format that a device has a name for.
    #[error("the profile \"{0}\" holds no rate of arithmetic: measure again")]
    NoPeak(String),
    /// No memory bandwidth.
    #[error("the profile \"{0}\" holds no memory bandwidth: measure again")]
    NoBandwidth(String),
}

/// The device that a profile was measured on. Its id is the name of the profile; its rates are those
/// measured.
///
/// Its power is `board_power` if given, else that of the catalogue's row that the adapter is
/// ([`match_adapter`]); a software adapter draws what the CPU does. Of a CPU, a machine of fewer logical
/// cores than the row has cores draws its share (two logical cores each, as clouds sell them), and one of
/// more than two for each core has more of them. An energy model in the profile stands beside it, and above
/// it.
///
/// # Errors
/// [`LocalError`].
pub fn local(
    profile: Profile,
    catalogue: &Catalogue,
    board_power: Option<Watts>,
) -> Result<Device, LocalError> {
    let date = Text::from(profile.created.get(..7).unwrap_or_default().to_owned());
    let measured = |how: &str| Source {
        text: format!("measured by ergometer {} with {}", profile.tool.version, profile.adapter.driver_info)
            .into(),
        date: date.clone(),
        status: SourceStatus::Measured,
        how: (!how.is_empty()).then(|| how.to_owned().into()),
    };
    let mut peaks: Vec<Peak> = profile
        .peaks
        .iter()
        .filter_map(|peak| {
            let rate = Sourced { value: peak.rate, source: measured(&peak.configuration) };
            Some(Peak { precision: peak.precision?, unit: unit(peak), rate })
        })
        .collect();
    peaks.sort_by_key(|peak| peak.precision);
    if peaks.is_empty() {
        return Err(LocalError::NoPeak(profile.name));
    }
    let Some(bandwidth) = profile.bandwidth() else { return Err(LocalError::NoBandwidth(profile.name)) };

    let software = profile.adapter.is_software();
    let matched = match_adapter(&profile.adapter, catalogue);
    let row = matched.as_ref().map(|matched| matched.row);
    let cpu = if software { match_cpu(&profile.host.cpu, catalogue) } else { None };
    let given = board_power.map(|value| Sourced {
        value,
        source: Source {
            text: "given by the user".into(),
            date: date.clone(),
            status: SourceStatus::Estimate,
            how: None,
        },
    });
    let looked_up = || match (&matched, cpu) {
        (Some(matched), _) => of_row(matched),
        (None, Some(cpu)) => of_cpu(cpu, profile.host.cores),
        (None, None) => None,
    };
    let power = given.or_else(looked_up);
    let reason = power.is_none().then(|| {
        let (what, name) =
            if software { ("CPU", &profile.host.cpu) } else { ("adapter", &profile.adapter.name) };
        format!("no board power is known: the catalogue has no row of the {what} \"{name}\"").into()
    });
    Ok(Device {
        id: profile.name.clone().into(),
        name: profile.adapter.name.clone().into(),
        vendor: row.map_or_else(|| vendor(profile.adapter.vendor), |row| row.vendor.clone()),
        kind: if software { DeviceKind::Cpu } else { DeviceKind::Gpu },
        architecture: row
            .map_or_else(|| profile.adapter.driver.clone().into(), |row| row.architecture.clone()),
        released: row.and_then(|row| row.released.clone()),
        aliases: vec![],
        pci_ids: vec![],
        compute_units: row.and_then(|row| row.compute_units.clone()),
        memory_capacity: row.and_then(|row| row.memory_capacity.clone()),
        l2: row.and_then(|row| row.l2.clone()),
        link: row.and_then(|row| row.link.clone()),
        memory_bandwidth: Sourced { value: bandwidth, source: measured("") },
        board_power: power,
        board_power_reason: reason,
        power_term: row.and_then(|row| row.power_term.clone()),
        idle_power: row.and_then(|row| row.idle_power.clone()),
        launch_price: row.and_then(|row| row.launch_price.clone()),
        peaks,
        fp16_accumulate: None,
        row: row.map(|row| Box::new(row.clone())),
        profile: Some(Box::new(profile)),
    })
}

/// Whether a device of this profile may be taken where nobody names one: never that of a software adapter,
/// nor of one whose driver does not say what it is.
#[must_use]
pub fn may_be_default(profile: &Profile) -> bool {
    match profile.adapter.device_type {
        AdapterType::DiscreteGpu | AdapterType::IntegratedGpu | AdapterType::VirtualGpu => true,
        AdapterType::Cpu | AdapterType::Other => false,
    }
}

fn unit(peak: &PeakRate) -> ArithmeticUnit {
    if peak.id.starts_with("matrix.") { ArithmeticUnit::Matrix } else { ArithmeticUnit::Vector }
}

/// The maker behind a PCI vendor id.
fn vendor(id: u32) -> Text {
    match id {
        0x10de => "NVIDIA",
        0x1002 | 0x1022 => "AMD",
        0x8086 => "Intel",
        0x106b => "Apple",
        0x5143 => "Qualcomm",
        0x13b5 => "Arm",
        0x10005 => "Mesa",
        _ => "unknown",
    }
    .into()
}

/// The power of the row that an adapter is.
fn of_row(matched: &AdapterMatch) -> Option<Sourced<Watts>> {
    let mut power = matched.row.board_power.clone()?;
    let by = match matched.by {
        MatchedBy::PciId => "PCI id",
        MatchedBy::Name => "name",
    };
    let mut how = format!("of {}, by its {by}", matched.row.id);
    for variant in &matched.variants {
        let other =
            variant.board_power.as_ref().map(|power| format!(", {}", power.value)).unwrap_or_default();
        how.push_str(&format!("; or {}{other}", variant.id));
    }
    power.source.how = Some(how.into());
    Some(power)
}

/// The power of a CPU, or of the share of it that the machine has.
fn of_cpu(row: &Device, logical: u32) -> Option<Sourced<Watts>> {
    let mut power = row.board_power.clone()?;
    let mut how = format!("of {}, on which the adapter's shaders run", row.id);
    if let Some(cores) = cores(row).filter(|cores| *cores > 0 && !(*cores..=2 * cores).contains(&logical)) {
        let threads = 2 * cores;
        power.value = power.value * (f64::from(logical) / f64::from(threads));
        power.source.status = SourceStatus::Derived;
        how.push_str(&format!(": {logical} logical cores, of {threads} in one"));
    }
    power.source.how = Some(how.into());
    Some(power)
}

/// Cores of a CPU: the factors of its peak rate say so, as `32 x 64 cores x 2.45 GHz`.
fn cores(row: &Device) -> Option<u32> {
    let how = row.peaks.iter().find_map(|peak| peak.rate.source.how.as_deref())?;
    let factors = how.split(" + ").flat_map(|product| product.split(" x "));
    let of = |factor: &str| {
        let (number, what) = factor.trim().split_once(' ')?;
        what.ends_with("cores").then(|| number.parse::<u16>().ok())?
    };
    factors.filter_map(of).map(u32::from).reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::super::{Precision, testing};
    use super::*;
    use crate::units::{BytesPerSecond, FlopsPerSecond};

    fn of(profile: Profile) -> Device {
        local(profile, Catalogue::builtin(), None).unwrap()
    }

    fn software(cpu: &str, cores: u32) -> Profile {
        let mut profile = testing::profile();
        profile.adapter = testing::adapter("llvmpipe (LLVM 15.0.7, 256 bits)", AdapterType::Cpu, 0x10005, 0);
        profile.host.cpu = cpu.to_owned();
        profile.host.cores = cores;
        profile
    }

    #[test]
    fn rates_are_those_measured_and_power_is_that_of_the_row() {
        let device = of(testing::profile());
        assert_eq!((device.id.as_ref(), device.vendor.as_ref()), ("local", "NVIDIA"));
        assert_eq!(device.peak(Precision::Fp32).unwrap().rate.value, FlopsPerSecond(20e12));
        assert_eq!(device.peak(Precision::Fp16).unwrap().precision, Precision::Fp32);
        assert_eq!(device.memory_bandwidth.value, BytesPerSecond(500e9));
        assert_eq!(device.memory_bandwidth.source.status, SourceStatus::Measured);
        let power = device.board_power.unwrap();
        assert_eq!(power.value, Watts(350.0));
        assert_eq!(power.source.how.as_deref(), Some("of nvidia-geforce-rtx-3090, by its PCI id"));
        assert_eq!(device.row.unwrap().id, "nvidia-geforce-rtx-3090");
        assert_eq!(device.memory_capacity.unwrap().value, 24 << 30);
    }

    #[test]
    fn a_power_that_is_given_stands_before_that_of_the_row() {
        let device = local(testing::profile(), Catalogue::builtin(), Some(Watts(280.0))).unwrap();
        let power = device.board_power.unwrap();
        assert_eq!((power.value, power.source.text.as_ref()), (Watts(280.0), "given by the user"));
    }

    #[test]
    fn a_software_adapter_draws_its_share_of_the_cpu() {
        // 64 cores, 128 threads, 280 W: AMD's product page.
        for (cores, watts) in [(128, 280.0), (64, 280.0), (96, 280.0), (2, 4.375), (32, 70.0), (256, 560.0)] {
            let device = of(software("AMD EPYC 7763 64-Core Processor", cores));
            assert_eq!(device.board_power.unwrap().value, Watts(watts), "{cores}");
            assert!(
                device.kind == DeviceKind::Cpu && device.row.is_none() && device.memory_capacity.is_none()
            );
        }
        // 8 cores of one kind and 8 of the other.
        let device = of(software("12th Gen Intel(R) Core(TM) i9-12900K", 24));
        assert_eq!(
            device.board_power.unwrap().source.how.unwrap(),
            "of intel-core-i9-12900k, on which the adapter's shaders run"
        );
    }

    #[test]
    fn a_power_that_nobody_knows_is_none_with_a_reason() {
        let device = of(software("AMD EPYC", 2));
        assert_eq!(device.board_power, None);
        assert_eq!(
            device.board_power_reason.unwrap(),
            "no board power is known: the catalogue has no row of the CPU \"AMD EPYC\""
        );
        let json = serde_json::to_value(of(software("", 2))).unwrap();
        assert!(json["board_power_w"].is_null() && json["board_power_reason"].is_string());
    }

    #[test]
    fn only_hardware_becomes_the_default() {
        let types = [
            (AdapterType::DiscreteGpu, true),
            (AdapterType::IntegratedGpu, true),
            (AdapterType::VirtualGpu, true),
            (AdapterType::Cpu, false),
            (AdapterType::Other, false),
        ];
        for (device_type, expected) in types {
            let mut profile = testing::profile();
            profile.adapter.device_type = device_type;
            assert_eq!(may_be_default(&profile), expected, "{device_type:?}");
        }
    }

    #[test]
    fn a_profile_without_rates_makes_no_device() {
        let mut profile = testing::profile();
        profile.bandwidth.clear();
        let error = local(profile, Catalogue::builtin(), None).unwrap_err();
        assert_eq!(error.to_string(), "the profile \"local\" holds no memory bandwidth: measure again");
        let mut profile = testing::profile();
        profile.peaks.clear();
        assert_eq!(
            local(profile, Catalogue::builtin(), None).unwrap_err(),
            LocalError::NoPeak("local".to_owned())
        );
    }
}
