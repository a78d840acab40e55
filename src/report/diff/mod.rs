//! Lays out what changed between two models: for a terminal, as Markdown for a pull request, as JSON.

pub mod json;
mod markdown;
mod screen;

pub use markdown::markdown;
pub use screen::text;

use super::grid::{Cell, Column, Fit, Grid};
use super::text::plural;
use crate::check::Finding;
use crate::diff::{Change, Diff, LayerChange, Spread, TOTALS, Unit, Verdict};
use crate::units;

/// A comparison and the budgets that were held against it.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'c> {
    /// What changed.
    pub diff: &'c Diff<'c>,
    /// Budgets, none if none were given.
    pub findings: &'c [Finding],
}

/// One row a total, then one an estimate.
fn totals<'c>(compared: &Compared<'c>) -> Grid<'c> {
    let diff = compared.diff;
    let mut rows = vec![];
    for (total, change) in TOTALS.iter().zip(&diff.totals) {
        let shown = |value: Option<u64>, complete: bool| {
            let cell = match (value, total.unit) {
                (None, _) => return Cell::Unknown,
                (Some(n), Unit::Count) => Cell::Count(n),
                (Some(n), Unit::Bytes) => Cell::Bytes(n),
            };
            if complete || total.key == "nodes" { cell } else { Cell::AtLeast(Box::new(cell)) }
        };
        rows.push(vec![
            Cell::text(total.title),
            shown(change.before, diff.before.totals.complete),
            shown(change.after, diff.after.totals.complete),
            Cell::text(relative(change)),
            Cell::Nothing,
        ]);
    }
    for estimate in &diff.estimates {
        for (what, change, symbol) in [("latency", &estimate.latency, "s"), ("energy", &estimate.energy, "J")]
        {
            if change.before.is_none() && change.after.is_none() {
                continue;
            }
            let cell = |spread: Option<Spread>| {
                spread.map_or(Cell::Unknown, |spread| Cell::Quantity(spread.value, symbol))
            };
            rows.push(vec![
                Cell::text(format!("{what}, {}", estimate.device)),
                cell(change.before),
                cell(change.after),
                Cell::text(change.relative().map_or_else(String::new, percent)),
                Cell::text(match change.verdict() {
                    Some(Verdict::Noise) => "noise",
                    _ => "",
                }),
            ]);
        }
    }
    let columns = vec![
        Column::new("metric", "", Fit::Name),
        Column::new("before", "before", Fit::Number),
        Column::new("after", "after", Fit::Number),
        Column::new("change", "change", Fit::Number),
        Column::new("verdict", "", Fit::Word),
    ];
    Grid { columns, rows, foot: vec![] }
}

/// One row a layer that was added, removed or changed: at most `top` of them.
fn layers<'c>(compared: &Compared<'c>, top: Option<usize>) -> Grid<'c> {
    let all = &compared.diff.layers;
    // A "rest" of one row would take the place of that row.
    let shown = top.filter(|top| all.len() > top.saturating_add(1)).unwrap_or(all.len());
    let rows = all.iter().take(shown).map(|change| {
        let flops = change.figure(|layer| layer.figures.flops);
        let cell = |n: Option<u64>| n.map_or(Cell::Nothing, Cell::Count);
        vec![
            Cell::text(name(change)),
            Cell::text(operator(change)),
            Cell::text(what(change).join(", ")),
            cell(flops.before),
            cell(flops.after),
            Cell::text(relative(&flops)),
        ]
    });
    let columns = vec![
        Column::new("name", "layer", Fit::Name),
        Column::new("op", "op", Fit::Name),
        Column::new("what", "what", Fit::Name),
        Column::new("flops_before", "FLOPs", Fit::Number),
        Column::new("flops_after", "now", Fit::Number),
        Column::new("change", "change", Fit::Number),
    ];
    let rest = all.len().saturating_sub(shown);
    let foot = if rest == 0 { vec![] } else { vec![vec![Cell::text(format!("… {rest} more"))]] };
    let width = columns.len();
    let padded = foot.into_iter().map(|mut row: Vec<Cell>| {
        row.resize(width, Cell::Nothing);
        row
    });
    Grid { rows: rows.collect(), foot: padded.collect(), columns }
}

/// The layer's name; where it is another one now, that.
fn name(change: &LayerChange) -> String {
    change.after.or(change.before).map(|layer| layer.name.clone()).unwrap_or_default()
}

/// `Conv`, or `MatMul → com.microsoft.MatMulNBits`.
fn operator(change: &LayerChange) -> String {
    match (change.before, change.after) {
        (Some(before), Some(after)) if before.op != after.op => format!("{} → {}", before.op, after.op),
        (before, after) => after.or(before).map(|layer| layer.op.clone()).unwrap_or_default(),
    }
}

/// What is different of a layer, in words.
pub(super) fn what(change: &LayerChange) -> Vec<&'static str> {
    let (before, after) = match (change.before, change.after) {
        (None, _) => return vec!["added"],
        (_, None) => return vec!["removed"],
        (Some(before), Some(after)) => (before, after),
    };
    let (old, new) = (&before.figures, &after.figures);
    let mut parts = vec![];
    for (differs, word) in [
        (before.op != after.op, "operator"),
        (before.outputs != after.outputs, "outputs"),
        (before.repeat != after.repeat, "runs"),
        ((old.macs, old.flops) != (new.macs, new.flops), "work"),
        (old.params != new.params, "parameters"),
        (old.param_bytes != new.param_bytes, "storage"),
        (old.bytes != new.bytes, "traffic"),
        (before.known != after.known, "coverage"),
    ] {
        if differs {
            parts.push(word);
        }
    }
    parts
}

fn relative(change: &Change<u64>) -> String {
    match (change.before, change.after, change.relative()) {
        (Some(0), Some(_), None) => "new".to_owned(),
        (_, _, Some(share)) => percent(share),
        _ => String::new(),
    }
}

/// `+10.3 %`, `-0.02 %`, `=`; beyond ten times, `× 12.5`.
fn percent(share: f64) -> String {
    if share == 0.0 {
        "=".to_owned()
    } else if share >= 9.0 {
        format!("× {}", units::quantity(share + 1.0, ""))
    } else {
        match share * 100.0 {
            tiny if tiny.abs() < 0.005 => if tiny < 0.0 { "> -0.01 %" } else { "< +0.01 %" }.to_owned(),
            small if small.abs() < 0.095 => format!("{small:+.2} %"),
            percent => format!("{percent:+.1} %"),
        }
    }
}

/// `118 same, 2 renamed, 3 changed, 1 added, 0 removed`.
fn summary(diff: &Diff) -> String {
    let of = |kind: fn(&LayerChange) -> bool| diff.layers.iter().filter(|change| kind(change)).count();
    let changed = of(|change| change.before.is_some() && change.after.is_some());
    let added = of(|change| change.before.is_none());
    let removed = of(|change| change.after.is_none());
    let same = plural(diff.same, "layer the same", "layers the same");
    format!("{same}, {} renamed, {changed} changed, {added} added, {removed} removed", diff.renamed)
}

/// What a reader must know before comparing: other sizes, other formats, what is not counted.
fn remarks(diff: &Diff) -> Vec<String> {
    let mut remarks = vec![];
    let both = |change: &Change<u64>| change.before.is_some() && change.after.is_some();
    remarks.extend(sizes("counted at other sizes", &diff.bindings, both));
    // Dimensions that only have another name are no news.
    let sorted = |side: fn(&Change<u64>) -> Option<u64>| {
        let mut sizes: Vec<u64> = diff.bindings.iter().filter_map(|(_, change)| side(change)).collect();
        sizes.sort_unstable();
        sizes
    };
    if sorted(|change| change.before.filter(|_| change.after.is_none()))
        != sorted(|change| change.after.filter(|_| change.before.is_none()))
    {
        remarks.extend(sizes("dimensions before alone", &diff.bindings, |change| change.after.is_none()));
        remarks.extend(sizes("dimensions after alone", &diff.bindings, |change| change.before.is_none()));
    }
    for estimate in &diff.estimates {
        match (estimate.precision.before, estimate.precision.after) {
            (Some(before), Some(after)) if before != after => {
                remarks.push(format!("on {}, {before} before and {after} after", estimate.device));
            }
            (None, _) => remarks.push(format!("no estimate for {} before", estimate.device)),
            (_, None) => remarks.push(format!("no estimate for {} after", estimate.device)),
            _ => {}
        }
    }
    for (side, snapshot) in [("before", diff.before), ("after", diff.after)] {
        if !snapshot.totals.complete {
            remarks.push(format!("{side}: not every node is counted, so the sums are lower bounds"));
        }
        if snapshot.totals.bounded_flops > 0 {
            let bound = units::counted(snapshot.totals.bounded_flops, "FLOP");
            remarks.push(format!("{side}: {bound} are upper bounds, as the work depends on data"));
        }
    }
    if diff.before.version != diff.after.version {
        remarks.push(format!(
            "counted by ergometer {} and {}: a rule may have changed as well",
            diff.before.version, diff.after.version
        ));
    }
    remarks
}

/// Those dimensions of a kind, in a sentence; `None` if there are none.
fn sizes(what: &str, all: &[(&str, Change<u64>)], kind: impl Fn(&Change<u64>) -> bool) -> Option<String> {
    const SHOWN: usize = 8;
    let shown = |(name, change): &(&str, Change<u64>)| match (change.before, change.after) {
        (Some(before), Some(after)) => format!("{name} {before} → {after}"),
        (Some(size), None) | (None, Some(size)) => format!("{name} {size}"),
        (None, None) => (*name).to_owned(),
    };
    let of_kind: Vec<_> = all.iter().filter(|(_, change)| kind(change)).collect();
    let mut listed: Vec<String> = of_kind.iter().take(SHOWN).map(|binding| shown(binding)).collect();
    let hidden = of_kind.len().saturating_sub(SHOWN);
    if hidden > 0 {
        listed.push(format!("… {hidden} more"));
    }
    (!listed.is_empty()).then(|| format!("{what}: {}", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_as_percentages_or_factors() {
        for (share, expected) in [
            (0.0, "="),
            (0.103, "+10.3 %"),
            (-0.5, "-50.0 %"),
            (0.0001, "+0.01 %"),
            (-0.0001, "-0.01 %"),
            (1e-9, "< +0.01 %"),
            (-1e-9, "> -0.01 %"),
            (11.5, "× 12.5"),
        ] {
            assert_eq!(percent(share), expected);
        }
    }
}
