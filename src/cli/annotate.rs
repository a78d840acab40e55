//! `ergometer annotate`: a model with the type and shape of each tensor in it.

use std::path::PathBuf;

use clap::Args;

use super::error::Refusal;
use super::shapes::{self, CountError, Shapes};
use super::{Global, Status, rewrite};
use crate::graph::annotate;
use crate::onnx;

/// Options of `annotate`.
#[derive(Args, Debug)]
#[command(
    after_help = "-o FILE is where the model goes. A dimension that is open stays open, under its name where \
    a shape has it alone, unless --dim, --input or --batch gives it a size."
)]
pub struct Options {
    /// ONNX file; `-` reads standard input
    model: PathBuf,
    #[command(flatten)]
    shapes: Shapes,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let (mut model, out) = rewrite::open("annotate", &options.model, global)?;
    let name = options.model.display();
    let refusal = |error: CountError| Refusal::model(format!("{name}: {}", error.message), error.hint);
    let types = {
        let request = options.shapes.request();
        let graph = shapes::infer(&model, &request).map_err(refusal)?;
        let varied = annotate::varied(&request, &graph.bindings);
        let varied = varied.map(|request| shapes::infer(&model, &request)).transpose().map_err(|error| {
            Refusal::model(
                format!(
                    "{name}: which sizes follow from its open dimensions cannot be told: {}",
                    error.message
                ),
                Some("give the open dimensions with --dim or --batch".to_owned()),
            )
        })?;
        annotate::types(&graph, varied.as_ref())
    };
    let report = onnx::annotate(&mut model.proto, &types);
    rewrite::save(&model, out)?;
    if !global.quiet {
        eprintln!(
            "{}: {} types added, {} changed, {} kept, {} not known",
            out.display(),
            report.added,
            report.changed,
            report.kept,
            report.unknown
        );
    }
    Ok(Status::Done)
}
