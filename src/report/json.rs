//! Grids and values as JSON.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::grid::{Cell, Column, Grid};

/// A row of a grid: an object, by the keys of its columns.
#[derive(Debug)]
pub struct Object<'g>(&'g [Column<'g>], &'g [Cell<'g>]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1).map(|(column, cell)| (column.key, cell.json())))
    }
}

/// One object a row.
pub fn rows<'g>(grid: &'g Grid) -> Vec<Object<'g>> {
    grid.rows.iter().map(|row| Object(&grid.columns, row)).collect()
}

/// Whether JSON is laid out over lines for people or packed into one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Indented.
    Indented,
    /// One line.
    Line,
}

/// Writes a value over several lines, without the end of the last one.
///
/// # Errors
/// What the writer says.
pub fn write_open(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    Ok(serde_json::to_writer_pretty(out, value)?)
}

/// Writes a value and a line end.
///
/// # Errors
/// What the writer says.
pub fn write(value: &impl Serialize, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    match layout {
        Layout::Indented => serde_json::to_writer_pretty(&mut *out, value)?,
        Layout::Line => serde_json::to_writer(&mut *out, value)?,
    }
    out.write_all(b"\n")
}
