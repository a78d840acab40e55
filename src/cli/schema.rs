//! `ergometer schema`: the JSON Schema of an output.

use clap::{Args, ValueEnum};

use super::output::Output;
use super::{Global, Status};
use crate::report::{analysis, json};

/// Options of `schema`.
#[derive(Args, Debug)]
pub struct Options {
    /// Of which output
    #[arg(value_name = "OUTPUT")]
    of: Which,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Which {
    /// `analyze --format json`
    Analysis,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let schema = match options.of {
        Which::Analysis => analysis::schema(),
    };
    let mut out = Output::open(global)?;
    json::write(&schema, json::Layout::Indented, &mut out)?;
    out.finish()?;
    Ok(Status::Done)
}
