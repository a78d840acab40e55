//! `ergometer strip`: a model without its large weights.

use std::path::PathBuf;

use clap::Args;

use super::{Global, Status, rewrite};
use crate::onnx::{self, StripOptions};
use crate::units::bytes;

/// Options of `strip`.
#[derive(Args, Debug)]
#[command(after_help = "-o FILE is where the model goes.")]
pub struct Options {
    /// ONNX file; `-` reads standard input
    model: PathBuf,
    /// Take out tensors of at least so many bytes
    #[arg(long, value_name = "BYTES", default_value_t = StripOptions::default().threshold)]
    threshold: u64,
    /// The same for integer and boolean tensors, which may decide shapes
    #[arg(long, value_name = "BYTES", default_value_t = StripOptions::default().shape_threshold)]
    shape_threshold: u64,
    /// Name of the file, not there, that the model then refers to
    #[arg(long, value_name = "NAME", default_value_t = StripOptions::default().location)]
    location: String,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let (mut model, out) = rewrite::open("strip", &options.model, global)?;
    let settings = StripOptions {
        threshold: options.threshold,
        shape_threshold: options.shape_threshold,
        location: options.location.clone(),
    };
    let report = onnx::strip(&mut model.proto, &settings);
    rewrite::save(&model, out)?;
    if !global.quiet {
        eprintln!(
            "{}: {} tensors, {} taken out; {} large ones kept ({}), {} external already",
            out.display(),
            report.stripped,
            bytes(report.stripped_bytes),
            report.kept,
            bytes(report.kept_bytes),
            report.external
        );
    }
    Ok(Status::Done)
}
