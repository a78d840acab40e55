//! Finding the adapters of this machine and choosing one.

use wgpu::{Backend, Backends, DeviceType, Features};

use crate::device::profile::{Adapter, AdapterLimits, AdapterType};

/// Features that the suite can use, and their names in a profile.
const USED: &[(Features, &str)] = &[
    (Features::TIMESTAMP_QUERY, "timestamp-query"),
    (Features::SHADER_F16, "shader-f16"),
    (Features::SHADER_F64, "shader-f64"),
    (Features::SUBGROUP, "subgroup"),
    (Features::EXPERIMENTAL_COOPERATIVE_MATRIX, "cooperative-matrix"),
];

/// The adapters of this machine, the likeliest choice first.
#[derive(Debug)]
pub struct Adapters {
    found: Vec<Found>,
    tried: Backends,
}

/// One adapter.
#[derive(Debug)]
pub struct Found {
    pub(super) adapter: wgpu::Adapter,
    /// What a profile keeps of it.
    pub facts: Adapter,
}

/// Why there is no adapter to run on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// The machine has none.
    #[error("no GPU adapter was found: {tried} gave none")]
    None {
        /// The backends asked.
        tried: String,
    },
    /// No adapter is called that.
    #[error("no adapter is called \"{asked}\"; there are {}", several(.known))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several adapters are called that.
    #[error("\"{asked}\" fits {}; give its number", several(.candidates))]
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// What it fits.
        candidates: Vec<String>,
    },
    /// The driver would not open it.
    #[error("{name} cannot be opened: {reason}")]
    Refused {
        /// The adapter.
        name: String,
        /// What the driver says.
        reason: String,
    },
}

fn several(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

impl Adapters {
    /// Asks every driver of this machine. `WGPU_BACKEND` restricts which: `vulkan`, `gl`, `dx12`, `metal`.
    ///
    /// OpenGL is asked only where nothing else answers: its drivers are the slowest way to the same hardware,
    /// and some write to stderr when asked.
    #[must_use]
    pub fn find() -> Self {
        let stages = match Backends::from_env() {
            Some(asked) => vec![asked],
            None => vec![Backends::PRIMARY, Backends::GL],
        };
        let mut tried = Backends::empty();
        let mut found = vec![];
        for backends in stages {
            tried |= backends;
            let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
            descriptor.backends = backends;
            let instance = wgpu::Instance::new(descriptor);
            let adapters = pollster::block_on(instance.enumerate_adapters(backends));
            found.extend(adapters.into_iter().map(|adapter| Found { facts: facts(&adapter), adapter }));
            if !found.is_empty() {
                break;
            }
        }
        // A stable sort: drivers list the adapter they prefer first.
        found.sort_by_key(|found| match found.facts.device_type {
            AdapterType::DiscreteGpu => 0,
            AdapterType::IntegratedGpu => 1,
            AdapterType::VirtualGpu => 2,
            AdapterType::Other => 3,
            AdapterType::Cpu => 4,
        });
        Self { found, tried }
    }

    /// All of them. An adapter's number is its place here.
    #[must_use]
    pub fn all(&self) -> &[Found] {
        &self.found
    }

    /// The adapter of a number or a part of a name, or the first one.
    ///
    /// # Errors
    /// [`AdapterError`].
    pub fn choose(&self, asked: Option<&str>) -> Result<&Found, AdapterError> {
        let first = self.found.first().ok_or_else(|| AdapterError::None { tried: self.tried() })?;
        let Some(asked) = asked else { return Ok(first) };
        if let Some(found) = asked.parse().ok().and_then(|number: usize| self.found.get(number)) {
            return Ok(found);
        }
        let wanted = asked.to_lowercase();
        let name = |found: &Found| found.facts.name.clone();
        let fits: Vec<&Found> =
            self.found.iter().filter(|found| found.facts.name.to_lowercase().contains(&wanted)).collect();
        match fits.as_slice() {
            [] => Err(AdapterError::Unknown {
                asked: asked.to_owned(),
                known: self.found.iter().map(name).collect(),
            }),
            [found] => Ok(found),
            several => Err(AdapterError::Ambiguous {
                asked: asked.to_owned(),
                candidates: several.iter().map(|found| name(found)).collect(),
            }),
        }
    }

    fn tried(&self) -> String {
        self.tried.iter_names().map(|(name, _)| name.to_lowercase()).collect::<Vec<_>>().join(", ")
    }
}

/// The features to ask a device of this adapter for.
pub(super) fn used(adapter: &wgpu::Adapter) -> Features {
    let offered = adapter.features();
    USED.iter().fold(Features::empty(), |used, (feature, _)| used | (offered & *feature))
}

fn facts(adapter: &wgpu::Adapter) -> Adapter {
    let info = adapter.get_info();
    let offered = adapter.features();
    let limits = adapter.limits();
    let names = USED.iter().filter(|(feature, _)| offered.contains(*feature));
    let subgroups = offered.contains(Features::SUBGROUP);
    Adapter {
        name: info.name,
        backend: match info.backend {
            Backend::Noop => "noop",
            Backend::Vulkan => "vulkan",
            Backend::Metal => "metal",
            Backend::Dx12 => "dx12",
            Backend::Gl => "gl",
            Backend::BrowserWebGpu => "webgpu",
        }
        .to_owned(),
        device_type: match info.device_type {
            DeviceType::DiscreteGpu => AdapterType::DiscreteGpu,
            DeviceType::IntegratedGpu => AdapterType::IntegratedGpu,
            DeviceType::VirtualGpu => AdapterType::VirtualGpu,
            DeviceType::Cpu => AdapterType::Cpu,
            DeviceType::Other => AdapterType::Other,
        },
        vendor: info.vendor,
        device: info.device,
        pci_bus_id: (!info.device_pci_bus_id.is_empty()).then_some(info.device_pci_bus_id),
        driver: info.driver,
        driver_info: info.driver_info,
        features: names.map(|(_, name)| (*name).to_owned()).collect(),
        limits: AdapterLimits {
            max_buffer_bytes: limits.max_buffer_size,
            max_storage_binding_bytes: limits.max_storage_buffer_binding_size,
            max_workgroup_storage_bytes: limits.max_compute_workgroup_storage_size,
            max_workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            max_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            subgroup: subgroups.then_some([info.subgroup_min_size, info.subgroup_max_size]),
        },
    }
}
