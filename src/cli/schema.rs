//! `ergometer schema`: the JSON Schema of an output.

use clap::{Args, ValueEnum};

use super::output::Output;
use super::{Global, Status};
use crate::device::profile::Profile;
use crate::report::{analysis, json};
use crate::zoo::Score;

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
    /// `bench --format json`
    Profile,
    /// A row of `score --format jsonl`
    Score,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let schema = match options.of {
        Which::Analysis => analysis::schema(),
        Which::Profile => schemars::schema_for!(Profile),
        Which::Score => schemars::schema_for!(Score),
    };
    let mut out = Output::open(global)?;
    json::write(&schema, json::Layout::Indented, &mut out)?;
    out.finish()?;
    Ok(Status::Done)
}
