//! Loads what a comparison knows of a model: from an ONNX file, counted now, or from the JSON of an earlier analysis.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::shapes;
use crate::device::Device;
use crate::diff::{self, Snapshot};
use crate::graph::Request;
use crate::onnx;
use crate::predict::{self, predict};
use crate::report::failure::{FailedModel, Failure, Problem};

/// The largest JSON that is read. An analysis takes one or two kilobytes a layer; in memory, JSON takes several times
/// its size.
const MAX_JSON: u64 = 256 << 20;

/// How a model is counted and estimated.
pub struct Counting<'c> {
    /// Its shapes.
    pub request: Request,
    /// The devices of the estimates.
    pub devices: &'c [Cow<'static, Device>],
    /// What estimates are asked for.
    pub estimate: predict::Request,
}

/// Whether a file is text that begins as JSON does; no ONNX file begins so.
pub fn is_json(path: &Path) -> bool {
    let mut start = [0; 64];
    let read = || -> io::Result<usize> {
        if !path.metadata()?.is_file() {
            return Ok(0);
        }
        File::open(path)?.read(&mut start)
    };
    let mut read = read;
    let length = read().unwrap_or(0);
    let first = start.iter().take(length).find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}

/// The models of a file that `analyze --format json` wrote.
///
/// # Errors
/// A [`Failure`] that names the file.
pub fn saved(path: &Path) -> Result<Vec<Snapshot>, Failure> {
    let name = path.to_string_lossy();
    let unreadable = |error: io::Error| failure(&name, "io", format!("cannot be read: {error}"), None);
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_JSON + 1).read_to_string(&mut text).map_err(unreadable)?;
    if read as u64 > MAX_JSON {
        return Err(failure(&name, "too-large", format!("is longer than {MAX_JSON} bytes"), None));
    }
    diff::read(&text)
        .map_err(|error| failure(&name, "not-analysis", error.to_string(), Some(error.hint().to_owned())))
}

/// Counts an ONNX file and estimates it.
///
/// # Errors
/// A [`Failure`] that names the file.
pub fn count(path: &Path, counting: &Counting) -> Result<Snapshot, Failure> {
    let name = path.to_string_lossy();
    let model = onnx::read(path).map_err(|error| Failure {
        model: FailedModel { path: name.clone().into_owned() },
        error: Problem { code: error.code().into(), message: error.to_string(), hint: error.hint() },
    })?;
    let (graph, cost) = shapes::count_at(&model, &counting.request)
        .map_err(|error| failure(&name, error.code, error.message, error.hint))?;
    let request = counting.estimate;
    let mut predictions = vec![];
    let mut missing = vec![];
    for device in counting.devices {
        match predict(&cost, device, &request) {
            Ok(prediction) => predictions.push(prediction),
            Err(error) => missing.push((device.id.to_string(), error.to_string())),
        }
    }
    let mut snapshot = Snapshot::of(&name, &graph, &cost, &predictions);
    snapshot.without_estimate.extend(missing);
    Ok(snapshot)
}

fn failure(name: &str, code: &'static str, message: String, hint: Option<String>) -> Failure {
    Failure {
        model: FailedModel { path: name.to_owned() },
        error: Problem { code: code.into(), message: format!("{name}: {message}"), hint },
    }
}
