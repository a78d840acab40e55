//! The machine that the adapter is in.

use crate::device::profile::Host;

/// What the system tells of itself; the load is that of this moment.
#[must_use]
pub fn facts() -> Host {
    let mut brand = None;
    if let Ok(mut system) = sysinfo::System::new() {
        system.refresh_cpu_all();
        brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Host {
        os: sysinfo::System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        cpu: brand.filter(|name| !name.is_empty()).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        load_before: load(),
        load_after: None,
    }
}

/// The one-minute load average; `None` on a system that keeps none.
#[must_use]
pub fn load() -> Option<f64> {
    sysinfo::System::load_average().ok().filter(|_| cfg!(unix)).map(|load| load.one)
}
