//! What is different between two aligned models, and what of it means anything.

use super::align::{By, align};
use super::snapshot::{Estimate, Layer, Snapshot, Spread, Totals};

/// A figure of two models. `None` where it is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change<T> {
    /// Of the first model.
    pub before: Option<T>,
    /// Of the second.
    pub after: Option<T>,
}

/// A sum over the layers that a comparison shows.
#[derive(Debug)]
pub struct Total {
    /// Its name in files and on the command line.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Its value.
    pub of: fn(&Totals) -> Option<u64>,
}

/// What a total counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Operations, parameters, nodes.
    Count,
    /// Bytes.
    Bytes,
}

/// The totals that are compared, the most asked for first.
#[rustfmt::skip]
pub const TOTALS: &[Total] = &[
    Total { key: "flops", title: "FLOPs", unit: Unit::Count, of: |totals| Some(totals.figures.flops) },
    Total { key: "macs", title: "MACs", unit: Unit::Count, of: |totals| Some(totals.figures.macs) },
    Total { key: "params", title: "parameters", unit: Unit::Count, of: |totals| Some(totals.figures.params) },
    Total { key: "param_bytes", title: "weights stored", unit: Unit::Bytes, of: |totals| Some(totals.figures.param_bytes) },
    Total { key: "bytes", title: "traffic", unit: Unit::Bytes, of: |totals| Some(totals.figures.bytes) },
    Total { key: "peak_activation_bytes", title: "peak activations", unit: Unit::Bytes, of: |totals| totals.peak_activation_bytes },
    Total { key: "nodes", title: "nodes", unit: Unit::Count, of: |totals| Some(totals.nodes) },
];

/// Whether a change of an estimate means anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is none.
    Same,
    /// It is smaller than the interval.
    Noise,
    /// It became less.
    Less,
    /// It became more.
    More,
}

/// The estimates of both models for a device.
#[derive(Clone, PartialEq, Debug)]
pub struct EstimateChange<'s> {
    /// Id of the device.
    pub device: &'s str,
    /// What runs the models.
    pub runtime: &'s str,
    /// Number formats of the contractions.
    pub precision: Change<&'s str>,
    /// In seconds.
    pub latency: Change<Spread>,
    /// In joules.
    pub energy: Change<Spread>,
}

/// A layer that is not the same in both models.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LayerChange<'s> {
    /// In the first model; `None` for one that was added.
    pub before: Option<&'s Layer>,
    /// In the second; `None` for one that was removed.
    pub after: Option<&'s Layer>,
    /// What says that the two are the same layer; `None` where there is only one.
    pub by: Option<By>,
}

/// What changed between two models.
#[derive(Clone, PartialEq, Debug)]
pub struct Diff<'s> {
    /// The first model.
    pub before: &'s Snapshot,
    /// The second.
    pub after: &'s Snapshot,
    /// One entry a row of [`TOTALS`].
    pub totals: Vec<Change<u64>>,
    /// One entry a device that either model has an estimate for, in the order of the second.
    pub estimates: Vec<EstimateChange<'s>>,
    /// Layers that were added, removed or changed, the largest change of FLOPs first, then of bytes, then of
    /// parameters.
    pub layers: Vec<LayerChange<'s>>,
    /// Layers that do the same under another name.
    pub renamed: u64,
    /// Layers that are the same.
    pub same: u64,
    /// Dimensions that the two models were counted at different sizes of, or that only one has.
    pub bindings: Vec<(&'s str, Change<u64>)>,
}

/// Compares two models.
pub fn compare<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Diff<'s> {
    let alignment = align(&before.layers, &after.layers);
    let (mut renamed, mut same) = (0, 0);
    let mut layers = vec![];
    for pair in &alignment.pairs {
        let (Some(one), Some(other)) = (before.layers.get(pair.before), after.layers.get(pair.after)) else {
            continue;
        };
        if differs(one, other) {
            layers.push(LayerChange { before: Some(one), after: Some(other), by: Some(pair.by) });
        } else if (&one.name, &one.scope) == (&other.name, &other.scope) {
            same += 1;
        } else {
            renamed += 1;
        }
    }
    let removed = alignment.removed.iter().filter_map(|place| before.layers.get(*place));
    layers.extend(removed.map(|layer| LayerChange { before: Some(layer), after: None, by: None }));
    let added = alignment.added.iter().filter_map(|place| after.layers.get(*place));
    layers.extend(added.map(|layer| LayerChange { before: None, after: Some(layer), by: None }));
    layers.sort_by_key(|change| std::cmp::Reverse(change.size()));
    Diff {
        before,
        after,
        totals: TOTALS
            .iter()
            .map(|total| Change { before: (total.of)(&before.totals), after: (total.of)(&after.totals) })
            .collect(),
        estimates: estimates(before, after),
        layers,
        renamed,
        same,
        bindings: bindings(before, after),
    }
}

/// Whether a change of an estimate means anything: only if each value is outside of the interval of the other.
///
/// The two estimates share the errors of the device and of the method, so a smaller change may be real as well. That
/// it is cannot be told from the intervals.
pub fn verdict(before: &Spread, after: &Spread) -> Verdict {
    let within = |value: f64, spread: &Spread| spread.low <= value && value <= spread.high;
    if before.value == after.value {
        Verdict::Same
    } else if within(after.value, before) || within(before.value, after) {
        Verdict::Noise
    } else if after.value < before.value {
        Verdict::Less
    } else {
        Verdict::More
    }
}

fn differs(before: &Layer, after: &Layer) -> bool {
    (&before.op, &before.outputs, before.repeat, before.figures, before.known)
        != (&after.op, &after.outputs, after.repeat, after.figures, after.known)
}

fn estimates<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Vec<EstimateChange<'s>> {
    let of = |estimates: &'s [Estimate], like: &Estimate| {
        estimates.iter().find(|one| (&one.device, &one.runtime) == (&like.device, &like.runtime))
    };
    let both = after.estimates.iter().map(|one| (of(&before.estimates, one), Some(one)));
    let gone = before.estimates.iter().filter(|one| of(&after.estimates, one).is_none());
    both.chain(gone.map(|one| (Some(one), None)))
        .filter_map(|(before, after)| {
            let one = after.or(before)?;
            Some(EstimateChange {
                device: &one.device,
                runtime: &one.runtime,
                precision: Change {
                    before: before.map(|one| one.precision.as_str()),
                    after: after.map(|one| one.precision.as_str()),
                },
                latency: Change {
                    before: before.map(|one| one.latency),
                    after: after.map(|one| one.latency),
                },
                energy: Change {
                    before: before.and_then(|one| one.energy),
                    after: after.and_then(|one| one.energy),
                },
            })
        })
        .collect()
}

fn bindings<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Vec<(&'s str, Change<u64>)> {
    let of = |snapshot: &Snapshot, name: &str| snapshot.bindings.get(name).copied();
    let mut names: Vec<&str> =
        before.bindings.keys().chain(after.bindings.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| (name, Change { before: of(before, name), after: of(after, name) }))
        .filter(|(_, change)| change.before != change.after)
        .collect()
}

impl Change<u64> {
    /// How much more it became, of what it was: 0.1 is a tenth more. `None` where either is not known, or where it was
    /// nothing and is something.
    pub fn relative(&self) -> Option<f64> {
        let (before, after) = (self.before?, self.after?);
        ratio(before as f64, after as f64)
    }

    /// How far apart the two are, what is not there taken for nothing.
    fn distance(&self) -> u64 {
        self.before.unwrap_or(0).abs_diff(self.after.unwrap_or(0))
    }
}

impl Change<Spread> {
    /// How much more the value became, of what it was.
    pub fn relative(&self) -> Option<f64> {
        ratio(self.before?.value, self.after?.value)
    }

    /// Whether the change means anything; `None` where either side has no estimate.
    pub fn verdict(&self) -> Option<Verdict> {
        Some(verdict(self.before.as_ref()?, self.after.as_ref()?))
    }
}

fn ratio(before: f64, after: f64) -> Option<f64> {
    if before == after { Some(0.0) } else { Some(after / before - 1.0).filter(|ratio| ratio.is_finite()) }
}

impl LayerChange<'_> {
    /// A figure of the layer on both sides.
    pub fn figure(&self, of: impl Fn(&Layer) -> u64) -> Change<u64> {
        Change { before: self.before.map(&of), after: self.after.map(&of) }
    }

    /// By what changes are ordered.
    fn size(&self) -> (u64, u64, u64) {
        let distance = |of: fn(&Layer) -> u64| self.figure(of).distance();
        (
            distance(|layer| layer.figures.flops),
            distance(|layer| layer.figures.bytes),
            distance(|layer| layer.figures.params),
        )
    }
}

impl Verdict {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Noise => "noise",
            Self::Less => "less",
            Self::More => "more",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Figures;

    fn spread(value: f64, low: f64, high: f64) -> Spread {
        Spread { value, low, high }
    }

    #[test]
    fn a_change_within_either_interval_is_noise() {
        let before = spread(10.0, 8.0, 13.0);
        for (after, expected) in [
            (spread(10.0, 9.0, 11.0), Verdict::Same),
            (spread(13.0, 12.0, 14.0), Verdict::Noise),
            // Outside of the first interval, but its own reaches back.
            (spread(15.0, 9.0, 21.0), Verdict::Noise),
            (spread(15.0, 11.0, 19.0), Verdict::More),
            (spread(5.0, 4.0, 6.0), Verdict::Less),
        ] {
            assert_eq!(verdict(&before, &after), expected, "{after:?}");
        }
    }

    #[test]
    fn a_relative_change_needs_something_to_relate_to() {
        for (before, after, expected) in [
            (Some(100), Some(110), Some(0.1)),
            (Some(0), Some(0), Some(0.0)),
            (Some(0), Some(5), None),
            (None, Some(5), None),
            (Some(5), None, None),
        ] {
            let found = Change { before, after }.relative();
            assert_eq!(found.map(|ratio| (ratio * 1e9).round() / 1e9), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn changes_are_listed_from_the_largest_and_the_rest_is_counted() {
        let layer = |name: &str, flops| Layer {
            name: name.to_owned(),
            op: "Conv".to_owned(),
            figures: Figures { flops, ..Figures::default() },
            ..Layer::default()
        };
        let before = Snapshot {
            layers: vec![layer("same", 5), layer("less", 50), layer("gone", 9), layer("old/name", 3)],
            ..Snapshot::default()
        };
        let mut new = layer("new", 70);
        new.op = "Gemm".to_owned();
        let after = Snapshot {
            layers: vec![layer("same", 5), layer("less", 40), new, layer("new/name", 3)],
            ..Snapshot::default()
        };
        let mut before = before;
        before.layers[2].op = "Relu".to_owned();
        let diff = compare(&before, &after);
        let listed: Vec<_> = diff
            .layers
            .iter()
            .map(|change| (change.before.map(|l| l.name.as_str()), change.after.map(|l| l.name.as_str())))
            .collect();
        assert_eq!(listed, [(None, Some("new")), (Some("less"), Some("less")), (Some("gone"), None)]);
        assert_eq!((diff.same, diff.renamed), (1, 1));
    }
}
