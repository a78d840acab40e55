//! Which rows a table of layers has: each layer or groups of them, in which order, and what is left out.

use std::borrow::Cow;

use super::Subject;
use super::fields::Field;
use crate::cost::{self, By, CostError, LayerCost};
use crate::ops::Confidence;
use crate::predict::LayerTime;
use crate::units::Seconds;

/// A layer, or layers summed.
#[derive(Clone, PartialEq, Debug)]
pub struct Row<'a> {
    /// Name of the layer, or what the group has in common.
    pub name: Cow<'a, str>,
    /// Place of the layer in the file, or of the group's first one; counted from 0.
    pub order: usize,
    /// Places of its layers in [`crate::graph::TypedGraph::nodes`].
    pub members: Vec<usize>,
    /// Place of the layer in [`crate::graph::TypedGraph::nodes`], if the row is one layer.
    pub node: Option<usize>,
    /// Cost.
    pub cost: Cow<'a, LayerCost>,
    /// Time on the first device.
    pub time: Option<Seconds>,
}

/// What the rows are.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    /// Summed by what; `None` for a row a layer.
    pub by: Option<By>,
    /// Ordered by which field.
    pub sort: &'static Field,
    /// At most so many.
    pub top: Option<usize>,
}

/// The rows asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Rows<'a> {
    /// Those shown.
    pub shown: Vec<Row<'a>>,
    /// Those left out, summed, if there are any.
    pub rest: Option<Row<'a>>,
    /// All, summed.
    pub total: Row<'a>,
}

/// Selects rows.
///
/// # Errors
/// [`CostError`] if a sum does not fit in 64 bits.
pub fn select<'a>(subject: &Subject<'a>, selection: &Selection) -> Result<Rows<'a>, CostError> {
    let mut rows = match selection.by {
        None => layers(subject),
        Some(by) => groups(subject, by)?,
    };
    let field = selection.sort;
    if field.key != "order" {
        let mut keyed: Vec<_> = rows.into_iter().map(|row| ((field.cell)(subject, &row), row)).collect();
        keyed.sort_by(|(a, _), (b, _)| a.ranking(b));
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    // A "rest" of one row would take the place of that row.
    let top = selection.top.filter(|top| rows.len() > top.saturating_add(1)).unwrap_or(rows.len());
    let left_out = rows.split_off(top.min(rows.len()));
    let rest = if left_out.is_empty() { None } else { Some(summed(subject, &left_out)?) };
    let mut all_costs = cost::sum(&subject.cost.layers)?;
    if !subject.cost.totals.complete {
        // Also where each layer is counted, but one runs an unknown number of times.
        all_costs.counts.confidence = Confidence::Unknown;
    }
    let all: Vec<usize> = (0..subject.cost.layers.len()).collect();
    let total = Row {
        name: "total".into(),
        order: 0,
        node: None,
        time: time(subject, &all),
        members: all,
        cost: Cow::Owned(all_costs),
    };
    Ok(Rows { shown: rows, rest, total })
}

impl Row<'_> {
    /// What its layers take on the first device.
    pub fn times<'s>(&'s self, subject: &'s Subject) -> impl Iterator<Item = &'s LayerTime> {
        let times = subject.predictions.first().map(|prediction| prediction.layers.as_slice());
        self.members.iter().filter_map(move |layer| times?.get(*layer))
    }
}

fn layers<'a>(subject: &Subject<'a>) -> Vec<Row<'a>> {
    let layers = subject.graph.nodes.iter().zip(&subject.cost.layers).enumerate();
    layers
        .map(|(index, (_, cost))| Row {
            name: subject.graph.layer_name(index).into(),
            order: index,
            members: vec![index],
            node: Some(index),
            cost: Cow::Borrowed(cost),
            time: time(subject, &[index]),
        })
        .collect()
}

fn groups<'a>(subject: &Subject<'a>, by: By) -> Result<Vec<Row<'a>>, CostError> {
    let groups = cost::roll_up(subject.graph, subject.cost, by)?;
    Ok(groups
        .into_iter()
        .map(|group| Row {
            name: if group.key.is_empty() { "(top)".into() } else { group.key.into() },
            order: group.layers.first().copied().unwrap_or(0),
            node: None,
            time: time(subject, &group.layers),
            members: group.layers,
            cost: Cow::Owned(group.cost),
        })
        .collect())
}

/// The rows in one.
fn summed<'a>(subject: &Subject<'a>, rows: &[Row<'a>]) -> Result<Row<'a>, CostError> {
    Ok(Row {
        name: format!("… {} more", rows.len()).into(),
        order: rows.iter().map(|row| row.order).min().unwrap_or(0),
        members: rows.iter().flat_map(|row| row.members.iter().copied()).collect(),
        node: None,
        time: (!subject.predictions.is_empty()).then(|| rows.iter().filter_map(|row| row.time).sum()),
        cost: Cow::Owned(cost::sum(rows.iter().map(|row| row.cost.as_ref()))?),
    })
}

/// The time of layers together, if there is an estimate.
fn time(subject: &Subject, layers: &[usize]) -> Option<Seconds> {
    let times = &subject.predictions.first()?.layers;
    Some(layers.iter().filter_map(|layer| times.get(*layer)).map(|layer| layer.time).sum())
}
