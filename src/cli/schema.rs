//! `ergometer schema`: the JSON Schema of an output.

use clap::{Args, ValueEnum};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::output::Output;
use super::{Global, Status};
use crate::device::profile::Profile;
use crate::report::{analysis, check, diff, json};
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
    /// `diff --format json`
    Diff,
    /// `check --format json`
    Check,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let schema = match options.of {
        Which::Analysis => analysis::schema(),
        Which::Profile => schemars::schema_for!(Profile),
        Which::Score => schemars::schema_for!(Score),
        Which::Diff => written::<diff::json::Comparison>(diff::json::SCHEMA),
        Which::Check => written::<check::json::Check>(check::json::SCHEMA),
    };
    let mut out = Output::open(global)?;
    json::write(&schema, json::Layout::Indented, &mut out)?;
    out.finish()?;
    Ok(Status::Done)
}

/// The schema of what is written of a type, under the name of its contract.
fn written<T: JsonSchema>(name: &'static str) -> Schema {
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), name.into());
    schema
}
