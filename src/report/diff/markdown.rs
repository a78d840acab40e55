//! A comparison for a pull request: short, what matters first, the rest folded.

use std::fmt::Write;

use super::{Compared, layers, remarks, summary, totals};
use crate::report::check;
use crate::report::grid::{Cell, Grid};
use crate::report::markdown::{comment, table, unaddressed};
use crate::report::text::plural;

/// Rows of the folded table, where no other number is asked for: a comment may have 65,536 characters.
const TOP: usize = 50;

/// The comparison: totals that changed, budgets, and folded below them the layers.
pub fn markdown(compared: &Compared, top: Option<usize>) -> String {
    let diff = compared.diff;
    let mut out = String::new();
    let _ = writeln!(out, "### {} → {}\n", comment(&diff.before.path), comment(&diff.after.path));
    let grid = totals(compared);
    let changed = grid.rows.iter().filter(|row| !is_equal(row)).cloned().collect::<Vec<_>>();
    let equal = grid.rows.len() - changed.len();
    if changed.is_empty() {
        out.push_str("No total changed.\n");
    } else {
        out.push_str(&safe(&Grid { columns: grid.columns, rows: changed, foot: vec![] }));
        if equal > 0 {
            let others = plural(equal as u64, "other total", "other totals");
            let _ = writeln!(out, "\n{others} did not change.");
        }
    }
    for finding in compared.findings {
        let mark = if finding.passes() { "✅" } else { "❌" };
        let _ = write!(out, "\n{mark} {}  ", comment(&check::sentence(finding)));
    }
    if !compared.findings.is_empty() {
        out.push('\n');
    }
    for remark in remarks(diff) {
        let _ = writeln!(out, "\n- {}", comment(&remark));
    }
    let _ = writeln!(out, "\n{}", summary(diff));
    if !diff.layers.is_empty() {
        let _ = writeln!(out, "\n<details><summary>Layers that are not the same</summary>\n");
        out.push_str(&safe(&layers(compared, Some(top.unwrap_or(TOP)))));
        out.push_str("\n</details>\n");
    }
    out
}

fn safe(grid: &Grid) -> String {
    unaddressed(&table(grid))
}

fn is_equal(row: &[Cell]) -> bool {
    row.iter().any(|cell| matches!(cell, Cell::Text(text) if text == "="))
}
