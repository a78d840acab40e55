//! Rows and columns before anyone lays them out: what tables, CSV, Markdown and JSON lists are made of.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::text;
use crate::units::{self, Seconds};

/// One entry of a grid.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell<'a> {
    /// A name or a sentence.
    Text(Cow<'a, str>),
    /// A number that is read as written: an index, a version.
    Number(i64),
    /// A count: with an SI prefix where people read it, to the unit where programs do.
    Count(u64),
    /// A number of bytes, likewise.
    Bytes(u64),
    /// A measured quantity in its base unit, and the symbol of that.
    Quantity(f64, &'static str),
    /// By how much one count is larger than another.
    Difference(i128),
    /// A number without a unit: a ratio, a score.
    Plain(f64),
    /// A number without a unit, with so many decimals where people read it: a column of them lines up.
    Decimals(f64, usize),
    /// A part of a whole.
    Share(f64),
    /// Yes or no.
    Flag(bool),
    /// A sum in which something is not known.
    AtLeast(Box<Cell<'a>>),
    /// Not known.
    Unknown,
    /// Without meaning here.
    Nothing,
}

impl<'a> Cell<'a> {
    /// A text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A duration.
    pub fn seconds(time: Option<Seconds>) -> Self {
        time.map_or(Self::Nothing, |time| Self::Quantity(time.0, "s"))
    }

    /// As a person reads it, safe for a terminal.
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text::visible(text),
            Self::Number(n) => n.to_string().into(),
            Self::Count(n) => units::count(*n).into(),
            Self::Bytes(n) => units::bytes(*n).into(),
            Self::Difference(0) => "0".into(),
            Self::Difference(n) => {
                let size = units::count(u64::try_from(n.unsigned_abs()).unwrap_or(u64::MAX));
                format!("{}{size}", if *n < 0 { '-' } else { '+' }).into()
            }
            Self::Quantity(value, symbol) => units::quantity(*value, symbol).into(),
            Self::Plain(value) => text::plain(*value).into(),
            Self::Decimals(value, _) if value.abs() >= 1000.0 => text::plain(*value).into(),
            Self::Decimals(value, decimals) => format!("{value:.decimals$}").into(),
            Self::Share(share) => text::percent(*share).into(),
            Self::Flag(flag) => if *flag { "yes" } else { "" }.into(),
            Self::AtLeast(cell) => format!("≥ {}", cell.shown()).into(),
            Self::Unknown => "?".into(),
            Self::Nothing => "".into(),
        }
    }

    /// As a program reads it: unrounded, in base units.
    pub fn raw(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text::visible(text),
            Self::Number(n) => n.to_string().into(),
            Self::Count(n) | Self::Bytes(n) => n.to_string().into(),
            Self::Difference(n) => n.to_string().into(),
            Self::Quantity(value, _) | Self::Decimals(value, _) | Self::Plain(value) | Self::Share(value) => {
                value.to_string().into()
            }
            Self::Flag(flag) => flag.to_string().into(),
            Self::AtLeast(cell) => cell.raw(),
            Self::Unknown | Self::Nothing => "".into(),
        }
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_ref().into(),
            Self::Number(n) => (*n).into(),
            Self::Count(n) | Self::Bytes(n) => (*n).into(),
            Self::Difference(n) => i64::try_from(*n).map_or(serde_json::Value::Null, Into::into),
            Self::Quantity(value, _) | Self::Decimals(value, _) | Self::Plain(value) | Self::Share(value) => {
                (*value).into()
            }
            Self::Flag(flag) => (*flag).into(),
            Self::AtLeast(cell) => cell.json(),
            Self::Unknown | Self::Nothing => serde_json::Value::Null,
        }
    }

    /// The order in which a person wants to see them: names and places ascending, amounts from the largest,
    /// what is not known last.
    pub fn ranking(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Count(a) | Self::Bytes(a), Self::Count(b) | Self::Bytes(b)) => b.cmp(a),
            (
                Self::Quantity(a, _) | Self::Decimals(a, _) | Self::Plain(a) | Self::Share(a),
                Self::Quantity(b, _) | Self::Decimals(b, _) | Self::Plain(b) | Self::Share(b),
            ) => b.total_cmp(a),
            (Self::Difference(a), Self::Difference(b)) => b.unsigned_abs().cmp(&a.unsigned_abs()),
            (Self::Flag(a), Self::Flag(b)) => b.cmp(a),
            (Self::Nothing, Self::Nothing) => Ordering::Equal,
            (Self::Nothing, _) => Ordering::Greater,
            (_, Self::Nothing) => Ordering::Less,
            _ => Ordering::Equal,
        }
    }
}

/// What a column gives up when its table is too wide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// Nothing: numbers stand to the right.
    Number,
    /// Nothing: short words stand to the left.
    Word,
    /// The middle of its names.
    Name,
    /// The end of its sentences.
    Sentence,
}

/// One column of a grid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column<'a> {
    /// Its name in CSV and JSON, and on the command line.
    pub key: &'a str,
    /// Its heading in tables.
    pub title: &'a str,
    /// How it fits.
    pub fit: Fit,
    /// Whether a bar stands beside its shares.
    pub bar: bool,
}

impl<'a> Column<'a> {
    /// A column without bars.
    pub const fn new(key: &'a str, title: &'a str, fit: Fit) -> Self {
        Self { key, title, fit, bar: false }
    }
}

/// Rows of cells under columns.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Grid<'a> {
    /// The columns.
    pub columns: Vec<Column<'a>>,
    /// One cell a column.
    pub rows: Vec<Vec<Cell<'a>>>,
    /// What stands below in tables, never in CSV: the rest that was left out, the total.
    pub foot: Vec<Vec<Cell<'a>>>,
}

impl Grid<'_> {
    /// Keeps the columns that are asked for, each asked about once and in order, with their cells.
    pub fn retain_columns(&mut self, keep: impl FnMut(&Column) -> bool) {
        let kept: Vec<bool> = self.columns.iter().map(keep).collect();
        fn sift<T>(of: &mut Vec<T>, kept: &[bool]) {
            let mut kept = kept.iter();
            of.retain(|_| kept.next().copied().unwrap_or(true));
        }
        sift(&mut self.columns, &kept);
        self.rows.iter_mut().chain(&mut self.foot).for_each(|row| sift(row, &kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_read_a_cell_differently() {
        for (cell, shown, raw) in [
            (Cell::Count(25_557_032), "25.6 M", "25557032"),
            (Cell::Bytes(9_600_000), "9.60 MB", "9600000"),
            (Cell::Quantity(0.0029, "s"), "2.90 ms", "0.0029"),
            (Cell::Share(0.061), "6.1 %", "0.061"),
            (Cell::Plain(0.125), "0.125", "0.125"),
            (Cell::Decimals(1.4440, 2), "1.44", "1.444"),
            (Cell::Decimals(0.9, 2), "0.90", "0.9"),
            (Cell::Decimals(12_340.0, 2), "12.3 k", "12340"),
            (Cell::Number(12_345), "12345", "12345"),
            (Cell::Difference(-1_500_000), "-1.50 M", "-1500000"),
            (Cell::Difference(0), "0", "0"),
            (Cell::Nothing, "", ""),
            (Cell::Unknown, "?", ""),
            (Cell::AtLeast(Box::new(Cell::Count(1_000))), "≥ 1.00 k", "1000"),
        ] {
            assert_eq!((cell.shown().as_ref(), cell.raw().as_ref()), (shown, raw));
        }
    }

    #[test]
    fn a_column_goes_with_its_cells() {
        let column = |key| Column::new(key, key, Fit::Number);
        let cells = |of: &[i64]| of.iter().map(|n| Cell::Number(*n)).collect::<Vec<_>>();
        let mut grid = Grid {
            columns: vec![column("a"), column("b"), column("c")],
            rows: vec![cells(&[1, 2, 3])],
            foot: vec![cells(&[4, 5, 6])],
        };
        grid.retain_columns(|column| column.key != "b");
        assert_eq!(grid.columns, [column("a"), column("c")]);
        assert_eq!((&grid.rows[0], &grid.foot[0]), (&cells(&[1, 3]), &cells(&[4, 6])));
    }

    #[test]
    fn amounts_rank_from_the_largest_and_the_unknown_last() {
        let mut cells = [Cell::Nothing, Cell::Count(1), Cell::Bytes(3), Cell::Count(2)];
        cells.sort_by(Cell::ranking);
        assert_eq!(cells, [Cell::Bytes(3), Cell::Count(2), Cell::Count(1), Cell::Nothing]);
        assert_eq!(Cell::text("a").ranking(&Cell::text("b")), Ordering::Less);
        assert_eq!(Cell::Number(1).ranking(&Cell::Number(2)), Ordering::Less);
    }
}
