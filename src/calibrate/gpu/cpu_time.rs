//! CPU time of this process.

use crate::units::Seconds;

/// CPU time of all threads of this process so far; `None` where the system does not tell.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have none")]
pub fn of_process() -> Option<Seconds> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Seconds(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9))
}

/// CPU time of all threads of this process so far; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn of_process() -> Option<Seconds> {
    None
}
