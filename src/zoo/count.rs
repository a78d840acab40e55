//! One model: read, counted, and estimated on each device.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::cache::{Cache, Learnt};
use super::source::{Entry, Place};
use super::{Estimate, Facts, Outcome, Percentiles, Problem, SCHEMA, Score};
use crate::cost::{self, ModelCost};
use crate::device::Device;
use crate::factors::{Footprint, Site};
use crate::graph::{self, GraphError, Origin};
use crate::onnx::{self, Model, ReadError};
use crate::predict::{self, Interval, predict};

/// What is asked of every model.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Sizes of open dimensions, and whole shapes of inputs: models that lack a name are counted without it.
    pub shapes: graph::Request,
    /// What estimates are for; the standing of a model is by the first.
    pub devices: Vec<Device>,
    /// What estimates are asked for.
    pub estimate: predict::Request,
    /// Where the devices run; `None` for no carbon and no money.
    pub site: Option<Site>,
}

/// What a file is, besides its structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`onnx::structure`] of the model.
    pub structure: [u8; 32],
    /// [`Facts::file_bytes`].
    pub file_bytes: u64,
    /// [`Facts::opset`].
    pub opset: Option<i64>,
    /// [`Facts::producer`].
    pub producer: Option<String>,
}

/// What a structure costs at some shapes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// [`Facts::bindings`].
    pub bindings: BTreeMap<String, u64>,
    /// The counts, layer by layer: estimates need them all.
    pub cost: ModelCost,
}

/// What tells that a file is the one that was read before: its size and the nanosecond of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub changed: u128,
}

impl Stamp {
    /// The stamp of a regular file; `None` of anything else, and of a file that cannot be looked at.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok().filter(Metadata::is_file)?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        Some(Self { size: metadata.len(), changed })
    }
}

/// Scores one model: whatever is wrong with it is in the row. What the cache did not know is in the second part.
#[must_use]
pub fn score(entry: Entry, request: &Request, cache: Option<&Cache>) -> (Score, Learnt) {
    let mut learnt = Learnt::default();
    let outcome =
        entry.place.clone().and_then(|place| of_place(&place, &entry.dims, request, cache, &mut learnt));
    let score = match outcome {
        Ok((header, counted)) => {
            let estimates =
                request.devices.iter().map(|device| estimate(&counted.cost, device, request)).collect();
            row(entry, Outcome::Counts(Box::new(facts(header, counted))), estimates)
        }
        Err(problem) => failed(entry, problem),
    };
    (score, learnt)
}

/// The row of a model that was not scored.
#[must_use]
pub fn failed(entry: Entry, problem: Problem) -> Score {
    row(entry, Outcome::Error(problem), vec![])
}

fn row(entry: Entry, outcome: Outcome, estimates: Vec<Estimate>) -> Score {
    let Entry { path, annotations, .. } = entry;
    Score { schema: SCHEMA.into(), path, annotations, outcome, estimates, standing: None }
}

/// Takes from the cache what it knows of the file, then of its structure, and reads the file for the rest.
fn of_place(
    place: &Place,
    dims: &[(String, u64)],
    request: &Request,
    cache: Option<&Cache>,
    learnt: &mut Learnt,
) -> Result<(Header, Counted), Problem> {
    let file = match place {
        Place::File(path) => Stamp::of(path).map(|stamp| (path, stamp)),
        #[cfg(feature = "cloud")]
        Place::Remote(_) => None,
    };
    let known = cache.zip(file).and_then(|(cache, (path, stamp))| cache.header(path, stamp));
    let key = |header: &Header| Cache::key(&header.structure, &request.shapes, dims);
    if let (Some(cache), Some(header)) = (cache, known)
        && let Some(counted) = cache.counted(key(&header))
    {
        return Ok((header, counted));
    }
    let model = read(place)?;
    let header = header(&model);
    let key = key(&header);
    let counted = match cache.and_then(|cache| cache.counted(key)) {
        Some(counted) => counted,
        None => {
            let counted = count(&model, dims, &request.shapes).map_err(|problem| of_file(place, problem))?;
            learnt.counted = Some((key, counted.clone()));
            counted
        }
    };
    if let Some((path, stamp)) = file {
        learnt.header = Some((path.clone(), stamp, header.clone()));
    }
    Ok((header, counted))
}

fn read(place: &Place) -> Result<Model, Problem> {
    match place {
        Place::File(path) => onnx::read(path).map_err(|error| unread(&error)),
        #[cfg(feature = "cloud")]
        Place::Remote(url) => super::remote::read(url),
    }
}

/// Why a model is not read, for its row.
pub(super) fn unread(error: &ReadError) -> Problem {
    Problem { code: error.code().to_owned(), message: error.to_string(), hint: error.hint() }
}

/// Names the file in the message of a problem that does not.
fn of_file(place: &Place, problem: Problem) -> Problem {
    let name = match place {
        Place::File(path) => path.to_string_lossy(),
        #[cfg(feature = "cloud")]
        Place::Remote(url) => url.into(),
    };
    Problem { message: format!("{name}: {}", problem.message), ..problem }
}

fn header(model: &Model) -> Header {
    let proto = &model.proto;
    let standard = proto.opset_import.iter().find(|import| matches!(import.domain.as_str(), "" | "ai.onnx"));
    let version = proto.producer_version.as_deref().unwrap_or_default();
    let producer = proto.producer_name.as_deref().filter(|name| !name.is_empty());
    Header {
        structure: onnx::structure(proto),
        file_bytes: model.bytes,
        opset: standard.map(|import| import.version),
        producer: producer.map(|name| format!("{name} {version}").trim().to_owned()),
    }
}

/// Counts a model at its own dimensions, which must be there, and at those for all models, which need not.
fn count(model: &Model, own: &[(String, u64)], all: &graph::Request) -> Result<Counted, Problem> {
    let own_name = |name: &str| own.iter().any(|(known, _)| known == name);
    let mut shapes = all.clone();
    shapes.dims.retain(|(name, _)| !own_name(name));
    shapes.dims.extend(own.iter().cloned());
    let typed = loop {
        match graph::infer(&model.proto, &shapes) {
            Ok(typed) => break typed,
            Err(GraphError::UnknownName { name, .. }) if !own_name(&name) => {
                let named = |shapes: &graph::Request| {
                    let bodies = shapes.trips.len().saturating_add(shapes.branches.len());
                    let inputs = shapes.inputs.len().saturating_add(shapes.values.len());
                    shapes.dims.len().saturating_add(inputs).saturating_add(bodies)
                };
                let before = named(&shapes);
                shapes.dims.retain(|(known, _)| *known != name);
                shapes.inputs.retain(|(known, _)| *known != name);
                shapes.values.retain(|(known, _)| *known != name);
                shapes.trips.retain(|(known, _)| known.as_ref() != Some(&name));
                shapes.branches.retain(|(known, _)| known.as_ref() != Some(&name));
                if before == named(&shapes) {
                    return Err(refused("unknown-name", &format!("there is no \"{name}\""), None));
                }
            }
            Err(error) => return Err(refused(error.code(), &error.to_string(), error.hint())),
        }
    };
    let cost =
        cost::count(&typed).map_err(|error| refused(error.code(), &error.to_string(), error.hint()))?;
    let open = typed.bindings.iter().filter(|binding| binding.origin != Origin::Model);
    Ok(Counted { bindings: open.map(|binding| (binding.name.clone(), binding.value)).collect(), cost })
}

fn refused(code: &str, message: &str, hint: Option<String>) -> Problem {
    Problem { code: code.to_owned(), message: message.to_owned(), hint }
}

fn facts(header: Header, counted: Counted) -> Facts {
    let Header { structure, file_bytes, opset, producer } = header;
    let Counted { bindings, cost } = counted;
    let totals = cost.totals;
    Facts {
        graph_hash: blake3::Hash::from_bytes(structure).to_hex().to_string(),
        file_bytes,
        bindings,
        opset,
        producer,
        nodes: totals.nodes,
        costed_nodes: totals.costed_nodes,
        complete: totals.complete,
        flops: totals.flops,
        bounded_flops: totals.bounded_flops,
        macs: totals.counts.macs,
        macs_by_type: totals.macs_by_type,
        params: totals.params.elements,
        param_bytes: totals.params.bytes,
        bytes_read: totals.bytes_read,
        bytes_weights: totals.bytes_weights,
        bytes_written: totals.bytes_written,
        peak_activation_bytes: totals.peak_activation_bytes,
    }
}

fn estimate(cost: &ModelCost, device: &Device, request: &Request) -> Estimate {
    fn percentiles<T: Copy>(interval: Interval<T>, of: impl Fn(T) -> f64) -> Percentiles {
        Percentiles { value: of(interval.value), low: of(interval.low), high: of(interval.high) }
    }
    let prediction = match predict(cost, device, &request.estimate) {
        Ok(prediction) => match &request.site {
            Some(site) => prediction.at(site),
            None => prediction,
        },
        Err(error) => {
            return Estimate {
                device: device.id.to_string(),
                reason: Some(error.to_string()),
                ..Estimate::default()
            };
        }
    };
    let money = prediction.footprint.as_ref().and_then(|found| found.money.as_ref());
    Estimate {
        device: prediction.device,
        runtime: Some(prediction.runtime.to_string()),
        precision: Some(prediction.precision.to_string()),
        basis: Some(prediction.basis.to_string()),
        latency_s: Some(percentiles(prediction.latency, |time| time.0)),
        energy_basis: prediction.energy_basis.map(|basis| basis.to_string()),
        energy_j: prediction.energy.map(|energy| percentiles(energy, |energy| energy.0)),
        system_energy_j: prediction.system_energy.map(|energy| energy.value.0),
        co2e_g: prediction.footprint.as_ref().and_then(Footprint::grams),
        cost: money.map(|money| money.cost),
        currency: money.map(|money| money.currency.clone()),
        fits_memory: prediction.fits_memory,
        reason: prediction.energy_reason,
    }
}
