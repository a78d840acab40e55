//! Commands that write a model anew: what they read, and where it goes.

use std::path::Path;

use super::Global;
use super::error::Refusal;
use crate::onnx::{self, Model};

/// Reads the model, once it is clear where the new one goes.
///
/// # Errors
/// A [`Refusal`] without `-o`, or one that says why the model is not read.
pub fn open<'g>(command: &str, model: &Path, global: &'g Global) -> Result<(Model, &'g Path), Refusal> {
    let Some(out) = &global.output else {
        return Err(Refusal::usage(format!("{command} needs a file to write to"))
            .hint(format!("ergometer {command} MODEL -o OUT.onnx")));
    };
    let model = onnx::read(model).map_err(|error| Refusal::model(error.to_string(), error.hint()))?;
    Ok((model, out))
}

/// Writes the new model.
///
/// # Errors
/// A [`Refusal`] that names the file.
pub fn save(model: &Model, out: &Path) -> Result<(), Refusal> {
    onnx::write(&model.proto, out).map_err(|error| {
        let refusal = Refusal::environment(error.to_string());
        error.hint().into_iter().fold(refusal, |refusal, hint| refusal.hint(hint))
    })
}
