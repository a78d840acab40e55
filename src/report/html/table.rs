//! Tables of a page: written out for those who read it without scripts or on paper, and as data for the script that
//! draws rows as they come into view.

use serde::Serialize;
use serde_json::{Value, json};

use crate::report::grid::{Cell, Fit, Grid};

/// Digits of a number in the data: more than any screen shows, less than a file need carry.
const DIGITS: usize = 6;

/// A column.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Column {
    /// Its name in CSV.
    pub key: String,
    /// Its heading.
    pub title: String,
    /// Whether it holds numbers.
    pub number: bool,
    /// Whether a bar stands behind its shares.
    pub bar: bool,
    /// Whether the table shows it, or only what opens from its rows.
    pub shown: bool,
}

/// Rows under columns.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table<'a> {
    /// The columns.
    pub columns: Vec<Column>,
    /// One cell a column.
    pub rows: Vec<Vec<Cell<'a>>>,
    /// What stands below.
    pub foot: Vec<Vec<Cell<'a>>>,
}

/// A table as a template takes it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Written {
    columns: Vec<Column>,
    rows: Vec<Vec<WrittenCell>>,
    foot: Vec<Vec<WrittenCell>>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
struct WrittenCell {
    text: String,
    number: bool,
    /// Percent of the longest bar.
    bar: Option<u8>,
}

impl<'a> Table<'a> {
    /// A grid, of which the page shows the columns of these keys; all if there are none.
    pub fn of(grid: Grid<'a>, shown: &[&str]) -> Self {
        let column = |column: &crate::report::grid::Column| Column {
            key: column.key.to_owned(),
            title: column.title.to_owned(),
            number: column.fit == Fit::Number,
            bar: column.bar || column.key == "share",
            shown: shown.is_empty() || shown.contains(&column.key),
        };
        Self { columns: grid.columns.iter().map(column).collect(), rows: grid.rows, foot: grid.foot }
    }

    /// The table with its first rows written out.
    pub fn written(&self, most: usize) -> Written {
        let longest: Vec<f64> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, _)| {
                let cells = self.rows.iter().filter_map(|row| row.get(place));
                cells.map(share).fold(0.0, f64::max)
            })
            .collect();
        let cells = |row: &Vec<Cell>, bars: bool| {
            let cells = self.columns.iter().zip(row).zip(&longest).filter(|((column, _), _)| column.shown);
            cells
                .map(|((column, cell), longest)| WrittenCell {
                    text: cell.shown().into_owned(),
                    number: column.number,
                    bar: (bars && column.bar && *longest > 0.0).then(|| percent(share(cell) / longest)),
                })
                .collect()
        };
        Written {
            columns: self.columns.iter().filter(|column| column.shown).cloned().collect(),
            rows: self.rows.iter().take(most).map(|row| cells(row, true)).collect(),
            foot: self.foot.iter().map(|row| cells(row, false)).collect(),
        }
    }

    /// The table for the script: of each column what it is, with the one value that all its rows have, or that
    /// value of each row.
    pub fn data(&self) -> Value {
        let columns: Vec<Value> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let mut cells = self.rows.iter().filter_map(|row| row.get(place));
                let kind = kind(self.rows.iter().filter_map(|row| row.get(place)));
                let mut description = json!({
                    "key": column.key, "title": column.title, "kind": kind.0, "unit": kind.1,
                    "number": column.number, "bar": column.bar, "shown": column.shown,
                });
                let values: Vec<Value> = cells.by_ref().map(value).collect();
                let same = values.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
                if let Some(object) = description.as_object_mut() {
                    match values.first() {
                        Some(first) if same => object.insert("all".into(), first.clone()),
                        _ => object.insert("values".into(), Value::Array(values)),
                    };
                }
                description
            })
            .collect();
        json!({ "count": self.rows.len(), "columns": columns })
    }
}

/// What a column holds: the first cell that says it.
fn kind<'c, 'a: 'c>(cells: impl Iterator<Item = &'c Cell<'a>>) -> (&'static str, &'static str) {
    let of = |cell: &Cell| match cell {
        Cell::Text(_) => Some(("text", "")),
        Cell::Number(_) => Some(("number", "")),
        Cell::Count(_) | Cell::Difference(_) => Some(("count", "")),
        Cell::Bytes(_) => Some(("count", "B")),
        Cell::Quantity(_, unit) => Some(("quantity", *unit)),
        Cell::Plain(_) | Cell::Decimals(..) => Some(("plain", "")),
        Cell::Share(_) => Some(("share", "")),
        Cell::Flag(_) => Some(("flag", "")),
        Cell::AtLeast(_) | Cell::Unknown | Cell::Nothing => None,
    };
    cells.filter_map(of).next().unwrap_or(("text", ""))
}

/// A cell for the script: what is not known is a question mark.
fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Text(_) => cell.shown().into(),
        Cell::Quantity(value, _) | Cell::Decimals(value, _) | Cell::Plain(value) | Cell::Share(value) => {
            rounded(*value)
        }
        Cell::Unknown => "?".into(),
        _ => cell.json(),
    }
}

fn rounded(value: f64) -> Value {
    let text = format!("{value:.*e}", DIGITS - 1);
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map_or(Value::Null, Value::from)
}

fn share(cell: &Cell) -> f64 {
    match cell {
        Cell::Share(share) if share.is_finite() => *share,
        _ => 0.0,
    }
}

fn percent(part: f64) -> u8 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a percentage")]
    let percent = (part * 100.0).round().clamp(0.0, 100.0) as u8;
    percent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid;

    fn table() -> Table<'static> {
        Table::of(
            Grid {
                columns: vec![
                    grid::Column::new("name", "layer", Fit::Name),
                    grid::Column::new("repeat", "runs", Fit::Number),
                    grid::Column::new("share", "of time", Fit::Number),
                ],
                rows: vec![
                    vec![Cell::text("a\u{202e}"), Cell::Count(1), Cell::Share(0.25)],
                    vec![Cell::text("b"), Cell::Count(1), Cell::Unknown],
                ],
                foot: vec![vec![Cell::text("total"), Cell::Nothing, Cell::Share(1.0)]],
            },
            &["name", "share"],
        )
    }

    #[test]
    fn the_data_holds_every_column_and_says_a_single_value_once() {
        let data = table().data();
        assert_eq!(data["count"], 2);
        assert_eq!(data["columns"][1]["all"], 1);
        assert_eq!(data["columns"][0]["values"], json!(["a\\u{202e}", "b"]));
        assert_eq!(data["columns"][2]["values"], json!([0.25, "?"]));
        assert_eq!(data["columns"][2]["kind"], "share");
    }

    #[test]
    fn what_is_written_are_the_shown_columns_of_the_first_rows() {
        let written = table().written(1);
        assert_eq!(written.columns.len(), 2);
        assert_eq!(written.rows.len(), 1);
        assert_eq!(written.rows[0][1].bar, Some(100));
        assert_eq!(written.foot[0][1].bar, None);
    }

    #[test]
    fn numbers_keep_six_digits_and_only_numbers_are_written() {
        assert_eq!(rounded(1.0 / 3.0), json!(0.333333));
        assert_eq!(rounded(f64::NAN), Value::Null);
        assert_eq!(rounded(1.5e-300), json!(1.5e-300));
    }
}
