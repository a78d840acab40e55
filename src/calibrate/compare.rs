//! Two profiles side by side: what changed beyond noise.

use std::collections::BTreeMap;

use crate::device::profile::{Profile, Stats};
use crate::units::Seconds;

/// A change of less than this share is none: repeated runs differ by as much.
const NOISE: f64 = 0.05;
/// Nor is one within so many median deviations of both.
const DEVIATIONS: f64 = 3.0;

/// What differs between two profiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What both measured, in the order of their names.
    pub changes: Vec<Change>,
    /// Why figures may differ without the adapter having changed, in sentences.
    pub remarks: Vec<String>,
    /// Measurements that one of the two lacks.
    pub unmatched: usize,
}

/// One measurement in both.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The row.
    pub id: String,
    /// Its size.
    pub size: String,
    /// The time of one dispatch before; of one operation, result or byte where it is a rate.
    pub old: Seconds,
    /// The same now.
    pub new: Seconds,
    /// Whether they differ by more than 5 % and three median deviations of both together.
    pub beyond_noise: bool,
}

impl Change {
    /// New over old time: above 1 it became slower.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.new / self.old
    }
}

/// Compares what two profiles measured in common.
#[must_use]
pub fn compare(old: &Profile, new: &Profile) -> Comparison {
    let before = measurements(old);
    let after = measurements(new);
    let common = before.keys().filter(|key| after.contains_key(*key)).count();
    let changes = before.iter().filter_map(|((id, size), old)| {
        let new = after.get(&(id.clone(), size.clone()))?;
        let distance = (new.median - old.median).0.abs();
        let spread = DEVIATIONS * (old.mad.0 + new.mad.0);
        Some(Change {
            id: id.clone(),
            size: size.clone(),
            old: old.median,
            new: new.median,
            beyond_noise: distance > spread.max(NOISE * old.median.0),
        })
    });
    Comparison {
        changes: changes.collect(),
        remarks: remarks(old, new),
        unmatched: before.len() + after.len() - 2 * common,
    }
}

fn remarks(old: &Profile, new: &Profile) -> Vec<String> {
    let mut remarks = vec![];
    let pairs = [
        ("adapter", &old.adapter.name, &new.adapter.name),
        ("driver", &old.adapter.driver_info, &new.adapter.driver_info),
        ("backend", &old.adapter.backend, &new.adapter.backend),
        ("suite", &old.tool.suite, &new.tool.suite),
        ("version of wgpu", &old.tool.wgpu, &new.tool.wgpu),
    ];
    for (what, old, new) in pairs {
        if old != new {
            remarks.push(format!("another {what}: {old} before, {new} now"));
        }
    }
    if old.settings.clock != new.settings.clock {
        remarks.push("the seconds are of another clock".to_owned());
    }
    if old.settings.shader_checks != new.settings.shader_checks {
        remarks.push("only one has bounds checks in its shaders".to_owned());
    }
    remarks
}

/// Times by row and size.
fn measurements(profile: &Profile) -> BTreeMap<(String, String), Stats> {
    let mut all = BTreeMap::new();
    for peak in &profile.peaks {
        all.insert((peak.id.clone(), String::new()), of_each(peak.rate.0, peak.stats));
    }
    for rate in &profile.special {
        all.insert((rate.id.clone(), String::new()), of_each(rate.results_per_second, rate.stats));
    }
    for point in &profile.bandwidth {
        let size = crate::units::bytes(point.working_set_bytes);
        all.insert((point.id.clone(), size), of_each(point.rate.0, point.stats));
    }
    for point in &profile.transfer {
        all.insert((point.id.clone(), crate::units::bytes(point.bytes)), point.stats);
    }
    let launch = &profile.launch;
    let started = [
        ("launch.dispatch", launch.dispatch),
        ("launch.pass", launch.pass),
        ("launch.submit", launch.submit),
        ("launch.round_trip", launch.round_trip),
    ];
    for (id, time) in started {
        if let Some(time) = time {
            all.insert((id.to_owned(), String::new()), of_slope(time));
        }
    }
    for curve in &profile.curves {
        for point in &curve.points {
            let size = format!("{} {}", curve.precision, point.shape);
            all.insert((curve.kernel.clone(), size), point.stats);
        }
    }
    all
}

/// The time of one operation, result or byte: how many a dispatch does is settled anew in each run.
fn of_each(per_second: f64, stats: Stats) -> Stats {
    let median = per_second.recip();
    let scaled = |time: Seconds| Seconds(median * (time / stats.median));
    Stats { min: scaled(stats.min), median: Seconds(median), mad: scaled(stats.mad), ..stats }
}

/// A slope keeps no samples: the least share that is no noise is all that it is held to.
fn of_slope(time: Seconds) -> Stats {
    let none = Seconds::ZERO;
    Stats { samples: 1, dispatches: 1, min: time, median: time, mad: none, scaling: None, unstable: false }
}
