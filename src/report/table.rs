//! Grids as tables for a terminal.

use std::fmt::Write;

use super::grid::{Cell, Fit, Grid};
use super::style::Style;
use super::text;

/// Columns of a bar, and the fewest that say anything.
const BAR: usize = 6;
/// The narrowest a name or sentence gets.
const NARROWEST: usize = 12;
/// Between columns.
const GAP: &str = "  ";

/// Lays a grid out in `width` columns, each line indented by `indent`. Wider only where its numbers are.
pub fn render(grid: &Grid, width: usize, indent: usize, style: &Style) -> String {
    let lines: Vec<Vec<String>> = grid.rows.iter().chain(&grid.foot).map(|row| shown(row)).collect();
    let most = largest_shares(grid);
    let bars = grid.columns.iter().filter(|column| column.bar).count();
    let mut widths: Vec<usize> = grid
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let cells = lines.iter().filter_map(|line| line.get(place)).map(|cell| text::width(cell));
            cells.chain([text::width(column.title)]).max().unwrap_or(0)
        })
        .collect();
    let fixed = indent + GAP.len() * widths.len().saturating_sub(1) + bars * (BAR + 1);
    shrink(grid, &mut widths, width.saturating_sub(fixed));

    let mut out = String::new();
    let titles: Vec<String> = grid.columns.iter().map(|column| column.title.to_owned()).collect();
    let mut line = |cells: &[String], bars: Option<&[Cell]>, style_of: &anstyle::Style| {
        let mut text = " ".repeat(indent);
        for (place, ((column, cell), width)) in grid.columns.iter().zip(cells).zip(&widths).enumerate() {
            if place > 0 {
                text.push_str(GAP);
            }
            let cell = match column.fit {
                Fit::Sentence => text::cut_end(cell, *width),
                _ => text::cut_middle(cell, *width),
            };
            let space = " ".repeat(width.saturating_sub(text::width(&cell)));
            if column.fit == Fit::Number {
                text.push_str(&space);
                text.push_str(&cell);
            } else {
                text.push_str(&cell);
                text.push_str(&space);
            }
            if column.bar {
                let share = bars.and_then(|cells| cells.get(place)).map_or(0.0, share);
                let part = most.get(place).filter(|most| **most > 0.0).map_or(0.0, |most| share / most);
                let bar = text::bar(part, BAR);
                let _ = write!(text, " {bar:<BAR$}");
            }
        }
        let _ = writeln!(out, "{style_of}{}{style_of:#}", text.trim_end());
    };
    line(&titles, None, &style.heading);
    for (row, cells) in grid.rows.iter().zip(&lines) {
        line(cells, Some(row), &style.plain);
    }
    for cells in lines.iter().skip(grid.rows.len()) {
        line(cells, None, &style.quiet);
    }
    out
}

fn shown(row: &[Cell]) -> Vec<String> {
    row.iter().map(|cell| cell.shown().into_owned()).collect()
}

fn share(cell: &Cell) -> f64 {
    match cell {
        Cell::Share(share) => *share,
        _ => 0.0,
    }
}

/// For each column, the largest share in it: a bar of that share is full.
fn largest_shares(grid: &Grid) -> Vec<f64> {
    (0..grid.columns.len())
        .map(|place| grid.rows.iter().filter_map(|row| row.get(place)).map(share).fold(0.0, f64::max))
        .collect()
}

/// Takes from the sentences, then from the widest name, until all columns fit or none can give more.
fn shrink(grid: &Grid, widths: &mut [usize], available: usize) {
    let mut excess = widths.iter().sum::<usize>().saturating_sub(available);
    while excess > 0 {
        let widest = grid
            .columns
            .iter()
            .zip(widths.iter_mut())
            .filter(|(column, width)| matches!(column.fit, Fit::Name | Fit::Sentence) && **width > NARROWEST)
            .max_by_key(|(column, width)| (column.fit == Fit::Sentence, **width));
        let Some((_, width)) = widest else { return };
        *width -= 1;
        excess -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Column;

    fn grid() -> Grid<'static> {
        Grid {
            columns: vec![
                Column::new("name", "layer", Fit::Name),
                Column::new("macs", "MACs", Fit::Number),
                Column { bar: true, ..Column::new("share", "time", Fit::Number) },
            ],
            rows: vec![
                vec![Cell::text("a/very/long/name/of/a/layer"), Cell::Count(4_000), Cell::Share(0.5)],
                vec![Cell::text("\u{1b}[2J"), Cell::Count(7), Cell::Share(0.25)],
            ],
            foot: vec![vec![Cell::text("2 more"), Cell::Count(0), Cell::Share(0.25)]],
        }
    }

    #[test]
    fn a_table_fits_its_width_and_bars_are_relative_to_the_longest() {
        let expected = "  layer                 MACs  time\n  \
             a/ve…me/of/a/layer  4.00 k  50 % ██████\n  \
             \\u{1b}[2J                7  25 % ███\n  \
             2 more                   0  25 %\n";
        assert_eq!(render(&grid(), 41, 2, &Style::PLAIN), expected);
    }

    #[test]
    fn numbers_are_never_cut() {
        let narrow = render(&grid(), 1, 0, &Style::PLAIN);
        assert!(narrow.contains("4.00 k  50 % ██████"), "{narrow}");
    }
}
