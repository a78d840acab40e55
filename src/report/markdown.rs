//! Grids as Markdown tables.

use std::fmt::Write;

use super::grid::{Cell, Fit, Grid};

/// A grid with its foot as a GitHub-flavoured table.
pub fn table(grid: &Grid) -> String {
    let mut out = String::new();
    let titles: Vec<&str> = grid.columns.iter().map(|column| column.title).collect();
    let rules = grid.columns.iter().map(|column| if column.fit == Fit::Number { "--:" } else { "---" });
    let _ = writeln!(out, "| {} |", titles.join(" | "));
    let _ = writeln!(out, "| {} |", rules.collect::<Vec<_>>().join(" | "));
    for row in grid.rows.iter().chain(&grid.foot) {
        let cells: Vec<String> = row.iter().map(cell).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(_) => escape(&cell.shown()),
        _ => cell.shown().into_owned(),
    }
}

/// Text that stays text in Markdown: no cell ends, no code, emphasis, link or tag begins.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::text::visible(text).chars() {
        if matches!(c, '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text that stays text in a comment on GitHub.
pub fn comment(text: &str) -> String {
    unaddressed(&escape(text))
}

/// Markdown that addresses nobody and refers to nothing. After an `@` or `#`, a zero-width space keeps what follows
/// from being a name or a number, as a backslash does not.
pub fn unaddressed(markdown: &str) -> String {
    markdown.replace('@', "@\u{200b}").replace('#', "#\u{200b}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Column;

    #[test]
    fn names_cannot_break_out_of_their_cell() {
        let grid = Grid {
            columns: vec![Column::new("name", "layer", Fit::Name), Column::new("macs", "MACs", Fit::Number)],
            rows: vec![vec![Cell::text("a|b`c`\nd <img> [x](y)"), Cell::Count(1)]],
            foot: vec![vec![Cell::text("1 more"), Cell::Count(2)]],
        };
        let expected = "| layer | MACs |\n| --- | --: |\n\
             | a\\|b\\`c\\`\\\\nd \\<img\\> \\[x\\](y) | 1 |\n| 1 more | 2 |\n";
        assert_eq!(table(&grid), expected);
    }
}
