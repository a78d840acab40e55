//! Records to a profile: rates from samples, lines through points, and what a reader must know.

use std::collections::BTreeMap;

use super::fit;
use super::kernels::{self, Measures};
use super::measure::{End, LaunchRecord, Records, Row};
use super::plan::{self, Launched, Plan};
use crate::device::Precision;
use crate::device::curve::{Curve, CurvePoint};
use crate::device::profile::{
    Adapter, Bandwidth, Host, IntensityPoint, Launch, PeakRate, Profile, Quality, SCHEMA, Settings,
    SpecialRate, Status, Tool, Transfer, Unmeasured,
};
use crate::stats;
use crate::units::{BytesPerSecond, FlopsPerSecond, Seconds};

/// Drift of the sentinel beyond which a machine did not hold still.
const DRIFT: f64 = 0.05;
/// A slope this many median deviations high over its range is told from noise.
const ABOVE_NOISE: f64 = 3.0;

/// What a profile says besides what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// The name for `--device`.
    pub name: String,
    /// When, RFC 3339.
    pub created: String,
    /// Version of ergometer.
    pub version: String,
    /// Version of wgpu.
    pub wgpu: String,
    /// What was measured.
    pub adapter: Adapter,
    /// Where.
    pub host: Host,
    /// Whether wgpu adds bounds checks to shaders.
    pub shader_checks: bool,
    /// Models whose shapes were asked for.
    pub models: Vec<String>,
}

/// Hash of all that decides what a figure means: the shaders, and the version of the plan.
#[must_use]
pub fn suite() -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&plan::VERSION.to_le_bytes());
    for kernel in kernels::all() {
        for part in [kernel.id, kernel.file, kernel.source] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// The profile of a run. Every figure in it is positive, and what has none has a reason.
#[must_use]
pub fn profile(plan: &Plan, records: &Records, about: About) -> Profile {
    let mut profile = Profile {
        schema: SCHEMA.to_owned(),
        name: about.name,
        created: about.created,
        tool: Tool { version: about.version, wgpu: about.wgpu, suite: suite() },
        adapter: about.adapter,
        host: about.host,
        settings: Settings {
            preset: plan.preset.name().to_owned(),
            seed: plan.seed,
            clock: records.clock.clock,
            clock_reason: records.clock.reason.clone(),
            shader_checks: about.shader_checks,
            models: about.models,
        },
        quality: quality(records),
        peaks: vec![],
        special: vec![],
        bandwidth: vec![],
        launch: Launch::default(),
        transfer: vec![],
        intensity: vec![],
        curves: vec![],
        unmeasured: merged(&records.unmeasured),
        energy: None,
        energy_reason: None,
    };
    for row in &records.rows {
        add(&mut profile, row);
    }
    profile.peaks.sort_by(|a, b| a.id.cmp(&b.id));
    profile.special.sort_by(|a, b| a.id.cmp(&b.id));
    profile.bandwidth.sort_by(|a, b| (&a.id, a.working_set_bytes).cmp(&(&b.id, b.working_set_bytes)));
    profile.intensity.sort_by(|a, b| a.flops_per_byte.total_cmp(&b.flops_per_byte));
    profile.curves = curves(&records.rows, &mut profile.quality.notes);
    profile.transfer = records
        .transfers
        .iter()
        .map(|transfer| Transfer {
            id: transfer.direction.id().to_owned(),
            bytes: transfer.bytes,
            rate: BytesPerSecond(transfer.bytes as f64 / transfer.stats.median.0),
            stats: transfer.stats,
        })
        .collect();
    profile.transfer.sort_by(|a, b| (&a.id, a.bytes).cmp(&(&b.id, b.bytes)));
    for record in &records.launches {
        let place = match record.form {
            Launched::Dispatch => &mut profile.launch.dispatch,
            Launched::Pass => &mut profile.launch.pass,
            Launched::Submission => &mut profile.launch.submit,
            Launched::RoundTrip => &mut profile.launch.round_trip,
        };
        *place = slope(record);
        if place.is_none() {
            profile.unmeasured.push(Unmeasured {
                id: record.form.id().to_owned(),
                size: None,
                reason: "one more costs no more than the noise".to_owned(),
            });
        }
    }
    profile
}

/// What one more costs, if more cost more beyond doubt.
fn slope(record: &LaunchRecord) -> Option<Seconds> {
    let line = stats::theil_sen(&record.points)?;
    let most = record.points.iter().map(|(count, _)| *count).fold(0.0, f64::max);
    let rise = line.slope * most;
    (line.slope > 0.0 && rise > ABOVE_NOISE * line.deviation).then_some(Seconds(line.slope))
}

fn add(profile: &mut Profile, row: &Row) {
    let Some(layout) = row.case.layout() else { return };
    let Row { case, stats, tried } = row;
    let id = case.kernel.id.to_owned();
    match case.kernel.measures {
        Measures::Peak(precision) => profile.peaks.push(PeakRate {
            id,
            precision,
            rate: FlopsPerSecond(layout.operations / stats.min.0),
            configuration: case.configuration.to_string(),
            tried: *tried,
            stats: *stats,
        }),
        Measures::Special => profile.special.push(SpecialRate {
            id,
            results_per_second: layout.operations / stats.min.0,
            stats: *stats,
        }),
        Measures::Bandwidth => {
            let super::Size::Bytes { working_set, .. } = case.size else { return };
            profile.bandwidth.push(Bandwidth {
                id,
                working_set_bytes: working_set,
                rate: BytesPerSecond(layout.bytes / stats.median.0),
                stats: *stats,
            });
        }
        Measures::Intensity => profile.intensity.push(IntensityPoint {
            flops_per_byte: layout.operations / layout.bytes,
            rate: FlopsPerSecond(layout.operations / stats.median.0),
            bandwidth: BytesPerSecond(layout.bytes / stats.median.0),
            stats: *stats,
        }),
        // Launches are records of their own, curves are made of all their points.
        Measures::Launch | Measures::Class { .. } => {}
    }
}

fn curves(rows: &[Row], notes: &mut Vec<String>) -> Vec<Curve> {
    let mut groups: BTreeMap<(&'static str, Precision), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let (Measures::Class { .. }, Some(precision)) = (row.case.kernel.measures, row.case.precision()) {
            groups.entry((row.case.kernel.id, precision)).or_default().push(row);
        }
    }
    let curves: Vec<Curve> =
        groups.into_iter().filter_map(|((_, precision), rows)| curve(precision, &rows)).collect();
    let bent =
        curves.iter().filter(|curve| curve.runtime_like && curve.model.is_some() && !curve.model_holds());
    let bent: Vec<String> = bent.map(|curve| format!("{} in {}", curve.kernel, curve.precision)).collect();
    if !bent.is_empty() {
        notes.push(format!(
            "no line explains these well, so that shapes between those measured are interpolated: {}",
            bent.join(", ")
        ));
    }
    curves
}

fn curve(precision: Precision, rows: &[&Row]) -> Option<Curve> {
    let kernel = rows.first()?.case.kernel;
    let Measures::Class { class, tile, runtime_like } = kernel.measures else { return None };
    let point = |row: &&Row| match row.case.size {
        super::Size::Shape(shape) => Some(CurvePoint { shape, stats: row.stats }),
        _ => None,
    };
    let mut points: Vec<CurvePoint> = rows.iter().filter_map(point).collect();
    points.sort_by_key(|point| point.shape);
    let (model, model_reason) = match fit::curve_model(&points, tile, precision) {
        Ok(model) => (Some(model), None),
        Err(reason) => (None, Some(reason)),
    };
    let curve = Curve {
        class,
        precision,
        kernel: kernel.id.to_owned(),
        runtime_like,
        tile,
        model,
        model_reason,
        points,
    };
    Some(curve)
}

fn quality(records: &Records) -> Quality {
    let mut notes = vec![];
    let drift = drift(&records.sentinels);
    let unsteady = drift.is_some_and(|drift| drift > DRIFT);
    if let Some(drift) = drift.filter(|_| unsteady) {
        let percent = 100.0 * drift;
        notes.push(format!(
            "the same kernel drifted by {percent:.0} % during the run: throttling, clocks or other load"
        ));
    }
    let unstable = records.rows.iter().filter(|row| row.stats.unstable).count();
    if unstable > 0 {
        notes.push(format!("at {} of {} points time did not scale with work", unstable, records.rows.len()));
    }
    if records.dropped > 0 {
        notes.push(format!("{} points were left out for want of time", records.dropped));
    }
    let status = match &records.end {
        End::Complete if unsteady => Status::Unstable,
        End::Complete => Status::Ok,
        End::Stopped => {
            notes.push("stopped before the end".to_owned());
            Status::Partial
        }
        End::Lost(reason) => {
            notes.push(format!("the device was lost before the end: {reason}"));
            Status::Partial
        }
    };
    Quality { status, sentinel_drift: drift, timestamp_vs_host: records.clock.disagreement, notes }
}

/// The range of the sentinel's times over their median; `None` of fewer than two.
fn drift(sentinels: &[f64]) -> Option<f64> {
    let median = stats::median(sentinels).filter(|median| *median > 0.0 && sentinels.len() > 1)?;
    let most = sentinels.iter().copied().max_by(f64::total_cmp)?;
    Some((most - stats::minimum(sentinels)?) / median)
}

/// Entries of a row that differ in size alone become one where they are many.
fn merged(unmeasured: &[Unmeasured]) -> Vec<Unmeasured> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Unmeasured>> = BTreeMap::new();
    for entry in unmeasured {
        groups.entry((&entry.id, &entry.reason)).or_default().push(entry);
    }
    let mut all: Vec<Unmeasured> = vec![];
    for ((id, reason), entries) in groups {
        if entries.len() > 3 {
            let reason = format!("{reason} (at {} sizes)", entries.len());
            all.push(Unmeasured { id: id.to_owned(), size: None, reason });
        } else {
            all.extend(entries.into_iter().cloned());
        }
    }
    all.dedup();
    all
}
