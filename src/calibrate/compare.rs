//! Two profiles side by side: what changed beyond noise.

use std::collections::HashMap;
use std::fmt;

use crate::device::profile::{Profile, Stats};
use crate::units::Seconds;

/// So many median deviations of both profiles together are noise.
const DEVIATIONS: f64 = 3.0;
/// Below this share nothing is called a change: the clocks of two runs differ by as much.
const LEAST: f64 = 0.05;

/// What two profiles say of the same things.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Where the two were not measured alike, in sentences: such figures compare machines or drivers, or
    /// suites.
    pub differences: Vec<String>,
    /// What both have, in the order of the newer one.
    pub rows: Vec<Change>,
    /// Rows that only the older one has.
    pub gone: Vec<String>,
    /// Rows that only the newer one has.
    pub added: Vec<String>,
}

/// One figure of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The row: `alu.f32`, `matmul.tile32`.
    pub id: String,
    /// The size, where a row has several.
    pub size: Option<String>,
    /// What the figures are of.
    pub of: Of,
    /// The older.
    pub old: f64,
    /// The newer.
    pub new: f64,
    /// Newer over older.
    pub ratio: f64,
    /// Whether they differ by more than noise does.
    pub beyond_noise: bool,
}

/// What a figure is of, and so whether more of it is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    /// Operations or results a second.
    Operations,
    /// Bytes a second.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Change {
    /// Whether the newer one is faster.
    #[must_use]
    pub fn is_faster(&self) -> bool {
        (self.ratio > 1.0) != (self.of == Of::Seconds)
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Operations => "op/s",
            Self::Bytes => "B/s",
            Self::Seconds => "s",
        })
    }
}

impl Comparison {
    /// What has changed beyond noise.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.rows.iter().filter(|row| row.beyond_noise)
    }
}

/// A figure of a profile.
struct Figure {
    id: String,
    size: Option<String>,
    of: Of,
    value: f64,
    /// Median deviation over the median.
    noise: f64,
}

/// Holds a newer profile against an older one. Nothing is refused: what differs in the way they were measured
/// is told.
#[must_use]
pub fn compare(old: &Profile, new: &Profile) -> Comparison {
    let known = figures(old);
    let present = figures(new);
    let (in_old, in_new) = (by_key(&known), by_key(&present));
    let missing = |from: &[Figure], all: &HashMap<Key, &Figure>| -> Vec<String> {
        from.iter().filter(|figure| !all.contains_key(&figure.key())).map(Figure::to_string).collect()
    };
    let rows = present.iter().filter_map(|new| {
        let old = in_old.get(&new.key())?;
        let ratio = new.value / old.value;
        let noise = DEVIATIONS * (old.noise * old.value + new.noise * new.value);
        let difference = (new.value - old.value).abs();
        Some(Change {
            id: new.id.clone(),
            size: new.size.clone(),
            of: new.of,
            old: old.value,
            new: new.value,
            ratio,
            beyond_noise: difference > noise && (ratio - 1.0).abs() > LEAST,
        })
    });
    Comparison {
        differences: differences(old, new),
        rows: rows.collect(),
        gone: missing(&known, &in_new),
        added: missing(&present, &in_old),
    }
}

/// What tells figures apart.
type Key<'f> = (&'f str, Option<&'f str>, Of);

impl Figure {
    fn key(&self) -> Key<'_> {
        (&self.id, self.size.as_deref(), self.of)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.size {
            Some(size) => write!(f, "{} {size}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

fn by_key(figures: &[Figure]) -> HashMap<Key<'_>, &Figure> {
    figures.iter().map(|figure| (figure.key(), figure)).collect()
}

fn differences(old: &Profile, new: &Profile) -> Vec<String> {
    let pairs = [
        ("adapter", &old.adapter.name, &new.adapter.name),
        ("driver", &old.adapter.driver_info, &new.adapter.driver_info),
        ("backend", &old.adapter.backend, &new.adapter.backend),
        ("suite", &old.tool.suite, &new.tool.suite),
        ("version of wgpu", &old.tool.wgpu, &new.tool.wgpu),
    ];
    let differing = pairs.into_iter().filter(|(_, old, new)| old != new);
    let mut all: Vec<String> =
        differing.map(|(what, old, new)| format!("the {what} was \"{old}\" and is \"{new}\"")).collect();
    if old.settings.clock != new.settings.clock {
        all.push("seconds are read from different clocks".to_owned());
    }
    if old.settings.shader_checks != new.settings.shader_checks {
        all.push("only one has bounds checks in its shaders".to_owned());
    }
    all
}

fn figures(profile: &Profile) -> Vec<Figure> {
    let noise = |stats: &Stats| if stats.median.0 > 0.0 { stats.mad / stats.median } else { 0.0 };
    let mut all = vec![];
    let mut add = |id: &str, size: Option<String>, of: Of, value: f64, noise: f64| {
        all.push(Figure { id: id.to_owned(), size, of, value, noise });
    };
    for peak in &profile.peaks {
        add(&peak.id, None, Of::Operations, peak.rate.0, noise(&peak.stats));
    }
    for special in &profile.special {
        add(&special.id, None, Of::Operations, special.results_per_second, noise(&special.stats));
    }
    for point in &profile.bandwidth {
        let size = crate::units::bytes(point.working_set_bytes);
        add(&point.id, Some(size), Of::Bytes, point.rate.0, noise(&point.stats));
    }
    for point in &profile.transfer {
        let size = crate::units::bytes(point.bytes);
        add(&point.id, Some(size), Of::Bytes, point.rate.0, noise(&point.stats));
    }
    for point in &profile.intensity {
        let size = format!("{} FLOP/byte", point.flops_per_byte);
        add("intensity", Some(size), Of::Operations, point.rate.0, noise(&point.stats));
    }
    let launch = &profile.launch;
    let started: [(&str, Option<Seconds>); 4] = [
        ("launch.dispatch", launch.dispatch),
        ("launch.pass", launch.pass),
        ("launch.submit", launch.submit),
        ("launch.round_trip", launch.round_trip),
    ];
    for (id, time) in started {
        if let Some(time) = time {
            // A slope keeps no samples: the least change is all that it is held to.
            add(id, None, Of::Seconds, time.0, 0.0);
        }
    }
    for curve in &profile.curves {
        for point in &curve.points {
            let size = format!("{} in {}", point.shape, curve.precision);
            add(&curve.kernel, Some(size), Of::Seconds, point.stats.median.0, noise(&point.stats));
        }
    }
    all
}
