//! A comparison for a terminal.

use std::fmt::Write;

use super::{Compared, layers, remarks, summary, totals};
use crate::report::check;
use crate::report::screen::{Detail, Layout};
use crate::report::table;
use crate::report::text::{self, visible};

/// The screen: which models, their totals, the layers that are not the same, the budgets.
pub fn text(compared: &Compared, top: Option<usize>, layout: &Layout) -> String {
    let Layout { width: columns, style, detail, .. } = *layout;
    let diff = compared.diff;
    let mut out = String::new();
    for (side, snapshot) in [("before", diff.before), ("after ", diff.after)] {
        let path = text::cut_middle(&visible(&snapshot.path), columns.saturating_sub(8));
        let _ = writeln!(out, "{side}  {}{path}{:#}", style.strong, style.strong);
    }
    if detail > Detail::Quiet {
        for remark in remarks(diff) {
            for line in text::wrap(&visible(&remark), columns.saturating_sub(2)) {
                let _ = writeln!(out, "  {}{line}{:#}", style.alert, style.alert);
            }
        }
    }
    out.push('\n');
    out.push_str(&table::render(&totals(compared), columns, 2, &style));
    let _ = writeln!(out, "\n{}", summary(diff));
    if !diff.layers.is_empty() {
        out.push('\n');
        out.push_str(&table::render(&layers(compared, top), columns, 2, &style));
    }
    if detail > Detail::Quiet && totals(compared).rows.iter().any(|row| row.iter().any(is_noise)) {
        out.push_str("\nnoise: the change is smaller than the interval of the estimate\n");
    }
    if !compared.findings.is_empty() {
        out.push('\n');
    }
    for finding in compared.findings {
        let mark = if finding.passes() { "kept  " } else { "BROKEN" };
        let _ = writeln!(out, "{mark}  {}", visible(&check::sentence(finding)));
    }
    out
}

fn is_noise(cell: &crate::report::grid::Cell) -> bool {
    matches!(cell, crate::report::grid::Cell::Text(text) if text == "noise")
}
