//! Ctrl-C: what was done until then is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Status;

/// A flag that the first Ctrl-C sets; the second ends the program.
pub fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    // Without a handler Ctrl-C still ends the program; it only keeps nothing.
    let _ = ctrlc::set_handler(move || {
        if told.swap(true, Ordering::SeqCst) {
            #[allow(clippy::exit, reason = "the user asked twice")]
            std::process::exit(Status::Interrupted as i32);
        }
    });
    stop
}
