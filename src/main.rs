//! The `ergometer` command: runs it, and is the only place that ends the process.

use std::panic::PanicHookInfo;
use std::process::{ExitCode, exit};

use ergometer::cli::{self, Status};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{}", bug(panic));
        exit(Status::Bug as i32);
    }));
    let status = cli::run(std::env::args_os()).unwrap_or_else(|error| cli::report(&error));
    ExitCode::from(status as u8)
}

/// What a user needs to report a panic.
fn bug(panic: &PanicHookInfo) -> String {
    format!(
        "error: a bug in ergometer {}: {panic}\n\
         hint: please report this text with the command line, and the model if you may share it",
        env!("CARGO_PKG_VERSION")
    )
}
