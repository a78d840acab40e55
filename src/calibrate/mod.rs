//! Calibration: what the adapter in this machine really delivers, measured with the kernels in `shaders/`.
//!
//! ```text
//! kernels (table) --> plan --> measure -- Runner --> gpu (wgpu) | mock (scripted)
//!                                 |
//!                              records --> fit --> device::profile::Profile
//! ```
//!
//! Only `gpu` touches an adapter, only `power` a meter. It knows no model: the shapes of one arrive as
//! [`KernelShape`]s.

pub mod assemble;
mod budget;
pub mod clock;
pub mod compare;
pub mod consumption;
pub mod energy;
pub mod fit;
pub mod gpu;
pub mod host;
pub mod kernels;
pub mod ladder;
pub mod measure;
pub mod mock;
pub mod nnls;
pub mod plan;
pub mod power;
mod sample;
pub mod summary;

use std::fmt;

use crate::device::Precision;
use crate::device::kernel::KernelShape;
use crate::device::profile::Clock;
use crate::units::Seconds;

pub use kernels::{Configuration, Element, Kernel, Layout, Need};

/// One kernel in one configuration at one size: what is compiled, checked and timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The row of the table.
    pub kernel: &'static Kernel,
    /// Values of the lines that the row lets vary.
    pub configuration: Configuration,
    /// How much there is to do.
    pub size: Size,
}

impl Case {
    /// What the adapter must have to run it: what the kernel needs, and the type of its elements.
    pub fn needs(&self) -> impl Iterator<Item = Need> {
        let of_type = match self.configuration.element() {
            Element::F16 => Some(Need::F16),
            Element::F64 => Some(Need::F64),
            Element::F32 | Element::U32 | Element::I32 => None,
        };
        self.kernel.needs.iter().copied().chain(of_type)
    }

    /// Buffers, parameters and work of one dispatch. `None` if the kernel does not run such a size.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        (self.kernel.layout)(&self.configuration, self.size)
    }

    /// The format of its elements, where a device catalogue has a name for it.
    #[must_use]
    pub fn precision(&self) -> Option<Precision> {
        match self.configuration.element() {
            Element::F16 => Some(Precision::Fp16),
            Element::F32 => Some(Precision::Fp32),
            Element::F64 => Some(Precision::Fp64),
            Element::U32 | Element::I32 => None,
        }
    }
}

/// How much one dispatch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// A chain of dependent operations in each of so many invocations.
    Chain {
        /// Invocations, rounded up to whole workgroups.
        invocations: u64,
        /// Turns of the loop in each.
        turns: u32,
    },
    /// A working set of so many bytes, gone through so many times.
    Bytes {
        /// Bytes touched.
        working_set: u64,
        /// Passes over it.
        turns: u32,
    },
    /// So many elements, each read, worked on and written.
    Intensity {
        /// Elements, rounded down to whole rounds of all invocations.
        elements: u64,
        /// FLOPs on each, an even number: a multiply-add is two.
        flops_per_element: u32,
    },
    /// A kernel of a model.
    Shape(KernelShape),
    /// Nothing to do.
    Empty,
}

impl fmt::Display for Size {
    /// `64×64×64`, `1.05 MB`, `262144 invocations`; nothing for nothing to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain { invocations, .. } => write!(f, "{invocations} invocations"),
            Self::Bytes { working_set, .. } => f.write_str(&crate::units::bytes(*working_set)),
            Self::Intensity { flops_per_element, .. } => write!(f, "{flops_per_element} FLOPs an element"),
            Self::Shape(shape) => shape.fmt(f),
            Self::Empty => Ok(()),
        }
    }
}

/// What is done between two readings of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// So many dispatches of the prepared case in one pass.
    Dispatches(u32),
    /// So many passes of one dispatch in one submission.
    Passes(u32),
    /// So many submissions of one dispatch, waited for at the end.
    Submissions(u32),
    /// So many submissions of one dispatch, each waited for.
    RoundTrips(u32),
    /// So many bytes written to a buffer of the adapter, and waited for.
    Upload(u64),
    /// So many bytes read back to the host.
    Download(u64),
}

/// What the clocks say of one piece of [`Work`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The host's clock from submission to the end of the wait.
    pub host: Seconds,
    /// The adapter's timestamps at the bounds of the pass; `None` without them, or for other work than
    /// dispatches in one pass.
    pub timestamp: Option<Seconds>,
    /// CPU time of this process, all threads; `None` where the system does not tell.
    pub cpu: Option<Seconds>,
}

impl Sample {
    /// The reading that seconds are taken from. `cores` divides CPU time: what an idle machine would show.
    #[must_use]
    pub fn seconds(&self, clock: Clock, cores: u32) -> Option<Seconds> {
        match clock {
            Clock::Timestamp => self.timestamp,
            Clock::HostSlope => Some(self.host),
            Clock::ProcessCpu => self.cpu.map(|cpu| cpu / f64::from(cores.max(1))),
        }
    }
}

/// What stands between the plan and the adapter.
pub trait Runner {
    /// Compiles a case, fills its buffers, runs it once and holds its results against the reference. Later
    /// [`Runner::run`]s are of this case.
    ///
    /// # Errors
    /// [`RunError`]: the case is left out with this reason, and the rest goes on unless the device is lost.
    fn prepare(&mut self, case: &Case) -> Result<(), RunError>;

    /// Does the work and waits for it.
    ///
    /// # Errors
    /// [`RunError`].
    fn run(&mut self, work: Work) -> Result<Sample, RunError>;

    /// The host's clock, from any start: what the time budget is held against.
    fn now(&self) -> Seconds;
}

/// Why something could not be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// The adapter lacks what the kernel needs.
    #[error("the adapter has no {0}")]
    Unsupported(&'static str),
    /// The case does not fit the adapter's limits.
    #[error("it needs {needed} {what}, and the adapter allows {allowed}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many it needs.
        needed: u64,
        /// How many there may be.
        allowed: u64,
    },
    /// The adapter ran out of memory.
    #[error("the adapter is out of memory")]
    OutOfMemory,
    /// The shader or a call was refused.
    #[error("the driver refused it: {0}")]
    Refused(String),
    /// A result is not what the CPU computes.
    #[error("element {index} is {found}, and the reference says {expected}")]
    Wrong {
        /// Of the output.
        index: usize,
        /// By the adapter.
        found: f64,
        /// By the CPU.
        expected: f64,
    },
    /// It did not end in time.
    #[error("no answer within {0}")]
    TimedOut(Seconds),
    /// The device is gone: nothing more can be run.
    #[error("the device is lost: {0}")]
    Lost(String),
}
