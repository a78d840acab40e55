//! Where results go: standard output or a file, buffered, with colour where that is wanted.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use super::error::Refusal;
use super::{Format, Global};
use crate::report::grid::Grid;
use crate::report::style::Style;
use crate::report::{csv, json, markdown, table};

/// Columns of a table that does not go to a terminal.
const WIDTH: usize = 80;
/// The narrowest and widest table on a terminal.
const WIDTHS: (usize, usize) = (60, 120);

/// Where results go.
pub struct Output {
    writer: BufWriter<Box<dyn Write>>,
    /// Columns for tables.
    pub width: usize,
    /// Colours for tables.
    pub style: Style,
}

impl Output {
    /// Opens what `-o` names, or standard output.
    ///
    /// # Errors
    /// A [`Refusal`] if the file cannot be made.
    pub fn open(global: &Global) -> Result<Self, Refusal> {
        let Some(path) = &global.output else {
            let stdout = io::stdout();
            let coloured = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
            let size = if stdout.is_terminal() { terminal_size::terminal_size() } else { None };
            return Ok(Self {
                width: size.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(WIDTHS.0, WIDTHS.1)),
                style: if coloured { Style::COLOURED } else { Style::PLAIN },
                writer: BufWriter::with_capacity(1 << 16, Box::new(stdout)),
            });
        };
        let file = File::create(path).map_err(|error| {
            Refusal::environment(format!("cannot write {}: {error}", path.display()))
                .hint("name a file in a folder that exists and that you may write to")
        })?;
        let style = if global.color == super::Color::Always { Style::COLOURED } else { Style::PLAIN };
        Ok(Self { writer: BufWriter::with_capacity(1 << 16, Box::new(file)), width: WIDTH, style })
    }

    /// Writes what is left and says whether it could be written.
    ///
    /// # Errors
    /// What the file or pipe says.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Refuses to write results over a file that they are read from: it is mapped, not copied.
///
/// # Errors
/// A [`Refusal`] that names the file.
pub fn keep_apart(output: Option<&Path>, inputs: &[impl AsRef<Path>]) -> Result<(), Refusal> {
    let Some(output) = output else { return Ok(()) };
    let same = |input: &Path| match (output.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) => output == input || same_file(&output, &input),
        _ => false,
    };
    match inputs.iter().map(AsRef::as_ref).find(|input| same(input)) {
        None => Ok(()),
        Some(input) => {
            Err(Refusal::usage(format!("{} would be overwritten while it is read", input.display()))
                .hint("name another file with -o"))
        }
    }
}

/// Whether two names are links to one file.
#[cfg(unix)]
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}

/// Writes a list in the format asked for.
///
/// # Errors
/// What the file or pipe says.
pub fn write(grid: &Grid, global: &Global, out: &mut Output) -> anyhow::Result<()> {
    match global.format() {
        Format::Table => {
            let table = table::render(grid, out.width, 0, &out.style);
            out.write_all(table.as_bytes())?;
        }
        Format::Json => json::write(&json::rows(grid), json::Layout::Indented, out)?,
        Format::Jsonl => {
            for row in json::rows(grid) {
                json::write(&row, json::Layout::Line, out)?;
            }
        }
        Format::Csv => csv::write(grid, true, out)?,
        Format::Md => out.write_all(markdown::table(grid).as_bytes())?,
    }
    Ok(())
}
