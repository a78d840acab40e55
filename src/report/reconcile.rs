//! Why another tool's total differs from ours, operator by operator.

use super::Subject;
use super::grid::{Cell, Column, Fit, Grid};
use crate::cost::peers::Term;
use crate::cost::{Peer, operator_name};

/// Nodes that a tool treats alike.
#[derive(Default)]
struct Line {
    operator: String,
    /// Whether the tool does not know the operator, and refuses the model.
    unknown: bool,
    /// Whether they are computed of constants alone.
    folded: bool,
    layers: u64,
    ours: u64,
    theirs: u64,
    why: String,
}

/// Our multiply-accumulates in the tool's unit beside what it counts: a row an operator, those that differ most first,
/// operators that both count as nothing left out. The differences add up to that of the totals.
pub fn grid<'a>(subject: &Subject<'a>, peer: Peer) -> Grid<'a> {
    let mut lines: Vec<Line> = vec![];
    for (index, (node, layer)) in subject.graph.nodes.iter().zip(&subject.cost.layers).enumerate() {
        if node.call || layer.repeat == 0 {
            continue;
        }
        let operator = operator_name(node.domain, node.op_type);
        let terms = peer.formula(node.domain, node.op_type);
        let at = lines.iter().position(|line| line.operator == operator && line.folded == node.folded);
        let at = at.unwrap_or_else(|| {
            let why = match (terms, node.folded) {
                (None, _) => "not an operator that it knows".to_owned(),
                (Some(terms), false) => Term::sum(terms),
                (Some(terms), true) => format!("{}, of constants: a runtime does it once", Term::sum(terms)),
            };
            let unknown = terms.is_none();
            lines.push(Line { operator, unknown, folded: node.folded, why, ..Line::default() });
            lines.len().saturating_sub(1)
        });
        let Some(line) = lines.get_mut(at) else { continue };
        line.layers = line.layers.saturating_add(1);
        line.ours = line.ours.saturating_add(layer.counts.macs.saturating_mul(peer.per_mac()));
        line.theirs = line.theirs.saturating_add(peer.work(subject.graph, subject.cost, index));
    }
    let total = lines.iter().fold(Line::default(), |sum, line| Line {
        layers: sum.layers.saturating_add(line.layers),
        ours: sum.ours.saturating_add(line.ours),
        theirs: sum.theirs.saturating_add(line.theirs),
        ..sum
    });
    lines.retain(|line| line.ours > 0 || line.theirs > 0 || line.unknown);
    lines.sort_by_key(|line| std::cmp::Reverse((line.difference().unsigned_abs(), line.theirs)));
    Grid {
        columns: vec![
            Column::new("op", "operator", Fit::Name),
            Column::new("layers", "layers", Fit::Number),
            Column::new("ours", if peer.per_mac() == 2 { "2·MACs" } else { "MACs" }, Fit::Number),
            Column::new("theirs", peer.name(), Fit::Number),
            Column::new("difference", "difference", Fit::Number),
            Column::new("formula", "as it counts", Fit::Sentence),
        ],
        rows: lines.iter().map(Line::cells).collect(),
        foot: vec![Line { operator: "total".to_owned(), ..total }.cells()],
    }
}

impl Line {
    fn difference(&self) -> i128 {
        i128::from(self.theirs).saturating_sub(i128::from(self.ours))
    }

    fn cells<'a>(&self) -> Vec<Cell<'a>> {
        vec![
            Cell::text(self.operator.clone()),
            Cell::Count(self.layers),
            Cell::Count(self.ours),
            if self.unknown { Cell::Unknown } else { Cell::Count(self.theirs) },
            Cell::Difference(self.difference()),
            Cell::text(self.why.clone()),
        ]
    }
}
