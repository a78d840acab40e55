//! The adapters of this machine, and the runner on one of them: the only code that knows wgpu.

mod adapters;
mod cpu_time;
mod runner;
mod timestamps;

pub use adapters::{AdapterError, Adapters, Found};
pub use runner::Gpu;

/// The version of wgpu that the suite runs on.
pub const WGPU_VERSION: &str = "30.0.1";
