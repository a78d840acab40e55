//! Every figure that a row of layers can show: its name on the command line, its heading, its value.

use super::Subject;
use super::analysis::{Dtype, confidence};
use super::grid::{Cell, Column, Fit, Grid};
use super::rows::{Row, Rows};
use crate::cost::{self, By, Convention, Peer, operator_name};
use crate::graph::{TypedNode, ValueId};
use crate::ops::Confidence;
use crate::predict;
use crate::tensor::Type;
use crate::units::{Joules, Seconds};

/// One figure of a row.
#[derive(Debug)]
pub struct Field {
    /// Its name: in `--fields`, `--sort`, CSV and JSON.
    pub key: &'static str,
    /// Its heading in tables.
    pub title: &'static str,
    /// How its column fits.
    fit: Fit,
    /// Its value.
    pub cell: for<'a> fn(&Subject<'a>, &Row<'a>) -> Cell<'a>,
}

const fn field(
    key: &'static str,
    title: &'static str,
    fit: Fit,
    cell: for<'a> fn(&Subject<'a>, &Row<'a>) -> Cell<'a>,
) -> Field {
    Field { key, title, fit, cell }
}

/// All fields, in the order in which CSV has them.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field("model", "model", Fit::Name, |subject, _| Cell::text(subject.path)),
    field("order", "#", Fit::Number, |_, row| Cell::Number(i64::try_from(row.order).unwrap_or(i64::MAX))),
    field("name", "layer", Fit::Name, |_, row| Cell::Text(row.name.clone())),
    field("op", "op", Fit::Name, |subject, row| of_node(subject, row, |node| Cell::text(operator_name(node.domain, node.op_type)))),
    field("scope", "scope", Fit::Name, |subject, row| of_node(subject, row, |node| Cell::text(node.scope.clone()))),
    field("layers", "layers", Fit::Number, |_, row| Cell::Count(row.members.len() as u64)),
    field("dtype", "type", Fit::Word, |subject, row| of_node(subject, row, |node| dtype(subject, node))),
    field("inputs", "inputs", Fit::Word, |subject, row| of_node(subject, row, |node| shapes(subject, &node.inputs))),
    field("outputs", "outputs", Fit::Word, |subject, row| of_node(subject, row, |node| shapes(subject, &node.outputs))),
    field("repeat", "runs", Fit::Number, |_, row| Cell::Count(row.cost.repeat)),
    field("folded", "folded", Fit::Word, |subject, row| of_node(subject, row, |node| Cell::Flag(node.folded))),
    field("confidence", "confidence", Fit::Word, |_, row| Cell::text(confidence(row.cost.counts.confidence))),
    field("macs", "MACs", Fit::Number, |_, row| Cell::Count(row.cost.counts.macs)),
    field("flops", "FLOPs", Fit::Number, |_, row| Cell::Count(cost::flops(&row.cost.counts))),
    field("contraction", "2·MACs", Fit::Number, |_, row| Cell::Count(cost::contraction(&row.cost.counts))),
    field("hidden_macs", "hidden", Fit::Number, |_, row| Cell::Count(row.cost.counts.hidden_macs)),
    field("alu", "alu", Fit::Number, |_, row| Cell::Count(row.cost.counts.alu)),
    field("div", "div", Fit::Number, |_, row| Cell::Count(row.cost.counts.div)),
    field("trans", "trans", Fit::Number, |_, row| Cell::Count(row.cost.counts.trans)),
    field("int", "int", Fit::Number, |_, row| Cell::Count(row.cost.counts.int)),
    field("rng", "rng", Fit::Number, |_, row| Cell::Count(row.cost.counts.rng)),
    field("str", "str", Fit::Number, |_, row| Cell::Count(row.cost.counts.str)),
    field("params", "params", Fit::Number, |_, row| Cell::Count(row.cost.params.elements)),
    field("norm_stats", "stats", Fit::Number, |_, row| Cell::Count(row.cost.params.norm_stats)),
    field("active_params", "active", Fit::Number, |_, row| {
        Cell::Count(row.cost.params.elements.saturating_sub(row.cost.params.idle))
    }),
    field("quant_params", "quant", Fit::Number, |_, row| Cell::Count(row.cost.params.quant)),
    field("shared_params", "shared", Fit::Number, |_, row| Cell::Count(row.cost.params.shared)),
    field("param_bytes", "stored", Fit::Number, |_, row| Cell::Bytes(row.cost.params.bytes)),
    field("bytes", "bytes", Fit::Number, |_, row| Cell::Bytes(row.cost.bytes_moved())),
    field("bytes_read", "read", Fit::Number, |_, row| Cell::Bytes(row.cost.bytes_read)),
    field("bytes_weights", "weights", Fit::Number, |_, row| Cell::Bytes(row.cost.bytes_weights)),
    field("bytes_written", "written", Fit::Number, |_, row| Cell::Bytes(row.cost.bytes_written)),
    field("intensity", "FLOP/byte", Fit::Number, |_, row| attained(row).map_or(Cell::Nothing, |point| Cell::Plain(point.intensity))),
    field("flops_per_second", "attained", Fit::Number, |_, row| attained(row).map_or(Cell::Nothing, |point| Cell::Quantity(point.rate.0, "FLOP/s"))),
    field("time_s", "time", Fit::Number, |_, row| Cell::seconds(row.time)),
    field("share", "of time", Fit::Number, share),
    field("of_roofline", "of roofline", Fit::Number, of_roofline),
    field("bound", "limit", Fit::Word, bound),
    field("energy_j", "energy", Fit::Number, energy),
    field("onnx-tool", "onnx-tool", Fit::Number, |subject, row| as_peer(subject, row, Peer::OnnxTool)),
    field("fvcore", "fvcore", Fit::Number, |subject, row| as_peer(subject, row, Peer::Fvcore)),
    field("torch", "torch", Fit::Number, |subject, row| as_peer(subject, row, Peer::Torch)),
    field("tract", "tract", Fit::Number, |subject, row| as_peer(subject, row, Peer::Tract)),
    field("ptflops", "ptflops", Fit::Number, |subject, row| as_peer(subject, row, Peer::Ptflops)),
];

/// The field of that name. `time` and `energy` are short for `time_s` and `energy_j`; conventions are the fields that [`of_convention`] names.
pub fn find(key: &str) -> Option<&'static Field> {
    let key = match key {
        "time" => "time_s",
        "energy" => "energy_j",
        key => key,
    };
    FIELDS.iter().find(|field| field.key == key)
}

/// The field that a convention is.
pub fn of_convention(convention: Convention) -> &'static str {
    match convention {
        Convention::Flops => "flops",
        Convention::Macs => "macs",
        Convention::Contraction => "contraction",
        Convention::Peer(peer) => peer.name(),
    }
}

/// What another tool counts of the layers of a row.
fn as_peer<'a>(subject: &Subject<'a>, row: &Row<'a>, peer: Peer) -> Cell<'a> {
    let work = |node: &usize| peer.work(subject.graph, subject.cost, *node);
    Cell::Count(row.members.iter().map(work).fold(0, u64::saturating_add))
}

/// The fields of a table that nobody asked others of.
pub fn usual(by: Option<By>, convention: Convention, estimated: bool) -> Vec<&'static Field> {
    let work = of_convention(convention);
    let mut keys = vec!["name"];
    keys.push(if by.is_some() { "layers" } else { "op" });
    if work != "macs" {
        keys.push("macs");
    }
    keys.extend([work, "params", "bytes"]);
    if estimated {
        keys.push("share");
    }
    keys.into_iter().filter_map(find).collect()
}

/// The rows under the columns of `fields`.
pub fn grid<'a>(subject: &Subject<'a>, rows: &Rows<'a>, by: Option<By>, fields: &[&Field]) -> Grid<'a> {
    let cell = |field: &Field, row: &Row<'a>| honest((field.cell)(subject, row), row);
    let cells = |row: &Row<'a>| fields.iter().map(|field| cell(field, row)).collect::<Vec<_>>();
    // What a sum of unlike layers has no single value of.
    let summed = |row: &Row<'a>| {
        let keep = |field: &&Field| !matches!(field.key, "order" | "confidence" | "repeat");
        fields.iter().map(|field| if keep(field) { cell(field, row) } else { Cell::Nothing }).collect()
    };
    let title = match by {
        None => "layer",
        Some(By::Op) => "operator",
        Some(By::Scope) => "scope",
        Some(By::Dtype) => "type",
    };
    Grid {
        columns: fields
            .iter()
            .map(|field| Column {
                key: field.key,
                title: if field.key == "name" { title } else { field.title },
                fit: field.fit,
                bar: field.key == "share",
            })
            .collect(),
        rows: rows.shown.iter().map(cells).collect(),
        foot: rows.rest.iter().chain([&rows.total]).map(summed).collect(),
    }
}

/// The counts of a node whose cost is not known are not 0 but unknown, and a sum that it is in is at least
/// what the others come to. Parameters are known all the same where they are any.
fn honest<'a>(cell: Cell<'a>, row: &Row) -> Cell<'a> {
    if row.cost.counts.confidence != Confidence::Unknown {
        return cell;
    }
    match (cell, row.node) {
        (Cell::Count(0) | Cell::Bytes(0) | Cell::Quantity(..) | Cell::Plain(_) | Cell::Share(_), Some(_)) => {
            Cell::Unknown
        }
        (cell @ (Cell::Count(_) | Cell::Bytes(_)), None) => Cell::AtLeast(Box::new(cell)),
        (cell, _) => cell,
    }
}

fn of_node<'a>(
    subject: &Subject<'a>,
    row: &Row<'a>,
    cell: impl FnOnce(&'a TypedNode<'a>) -> Cell<'a>,
) -> Cell<'a> {
    row.node.and_then(|node| subject.graph.nodes.get(node)).map_or(Cell::Nothing, cell)
}

fn share<'a>(subject: &Subject<'a>, row: &Row<'a>) -> Cell<'a> {
    let whole = subject.predictions.first().map(|prediction| prediction.latency.value);
    match (row.time, whole) {
        (Some(time), Some(whole)) if whole.0 > 0.0 => Cell::Share(time / whole),
        _ => Cell::Nothing,
    }
}

/// The least time that the layers of a row can take, at full rates, over the time they take.
fn of_roofline<'a>(subject: &Subject<'a>, row: &Row<'a>) -> Cell<'a> {
    let floor: Seconds = row.times(subject).map(|layer| layer.roofline).sum();
    match row.time {
        Some(time) if time > Seconds::ZERO => Cell::Share(floor / time),
        _ => Cell::Nothing,
    }
}

/// What the layers of a row take of the energy.
fn energy<'a>(subject: &Subject<'a>, row: &Row<'a>) -> Cell<'a> {
    if row.time.is_none() {
        return Cell::Nothing;
    }
    let all: Option<Vec<Joules>> = row.times(subject).map(|layer| layer.energy).collect();
    all.map_or(Cell::Unknown, |all| Cell::Quantity(all.into_iter().sum::<Joules>().0, "J"))
}

/// Where a row of layers stands under the roofline; nowhere without an estimate.
fn attained(row: &Row) -> Option<predict::Attained> {
    predict::attained(cost::flops(&row.cost.counts), row.cost.bytes_moved(), row.time?)
}

fn bound<'a>(subject: &Subject<'a>, row: &Row<'a>) -> Cell<'a> {
    let layers = subject.predictions.first().map(|prediction| &prediction.layers);
    let layer = row.node.and_then(|node| layers?.get(node));
    layer.map_or(Cell::Nothing, |layer| Cell::text(layer.bound.to_string()))
}

/// The element type of a node's first output.
fn dtype<'a>(subject: &Subject<'a>, node: &TypedNode) -> Cell<'a> {
    let ty = node.outputs.iter().flatten().next().and_then(|id| subject.graph.values.get(*id));
    ty.and_then(|value| Dtype::of(&value.ty)).map_or(Cell::Nothing, |dtype| Cell::Text(dtype.0))
}

/// Shapes of operands: `1x3x224x224 64x3x7x7`; a scalar is `scalar`, one of unknown rank `?`.
fn shapes<'a>(subject: &Subject<'a>, ids: &[Option<ValueId>]) -> Cell<'a> {
    let one = |id: &Option<ValueId>| {
        let value = id.and_then(|id| subject.graph.values.get(id))?;
        Some(match value.ty.tensor() {
            Some(tensor) => match tensor.shape.as_deref() {
                Some([]) => "scalar".to_owned(),
                Some(dims) => dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("x"),
                None => "?".to_owned(),
            },
            None if value.ty == Type::Unknown => "?".to_owned(),
            None => Dtype::of(&value.ty).map(|dtype| dtype.0.into_owned()).unwrap_or_default(),
        })
    };
    Cell::text(ids.iter().map(|id| one(id).unwrap_or_else(|| "-".to_owned())).collect::<Vec<_>>().join(" "))
}
