//! Grids as CSV, safe to open in a spreadsheet.

use std::borrow::Cow;
use std::io;

use super::grid::{Cell, Grid};

/// Writes a grid's rows, with a header if asked.
///
/// # Errors
/// What the writer says.
pub fn write(grid: &Grid, header: bool, out: &mut dyn io::Write) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    if header {
        csv.write_record(grid.columns.iter().map(|column| column.key)).map_err(io_error)?;
    }
    for row in &grid.rows {
        csv.write_record(row.iter().map(|cell| field(cell).into_owned())).map_err(io_error)?;
    }
    csv.flush()
}

/// What the writer said, its kind kept.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// Text that a spreadsheet would take for a formula gets an apostrophe in front. Numbers stay numbers.
fn field<'a>(cell: &'a Cell<'_>) -> Cow<'a, str> {
    match cell {
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) => {
            format!("'{}", cell.raw()).into()
        }
        _ => cell.raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::{Column, Fit};

    #[test]
    fn formulas_are_defused_and_commas_quoted() {
        let grid = Grid {
            columns: vec![Column::new("name", "layer", Fit::Name), Column::new("macs", "MACs", Fit::Number)],
            rows: ["=1+1", "+a", "-a", "@a", "\ta", "a,b", "a\"b", "plain"]
                .map(|name| vec![Cell::text(name), Cell::Count(1_234_567)])
                .to_vec(),
            foot: vec![],
        };
        let mut out = vec![];
        write(&grid, true, &mut out).unwrap();
        let expected = "name,macs\n'=1+1,1234567\n'+a,1234567\n'-a,1234567\n'@a,1234567\n'\\ta,1234567\n\
             \"a,b\",1234567\n\"a\"\"b\",1234567\nplain,1234567\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
