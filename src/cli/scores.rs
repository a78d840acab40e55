//! What becomes of the rows of a scored zoo: in the format asked for, sorted by path.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::Refusal;
use super::output::Output;
use super::pictures;
use super::score::refused;
use super::{Format, Global, Status};
#[cfg(feature = "parquet")]
use crate::report::scores::parquet::Parquet;
use crate::report::scores::{self, Best, Columns, Layout, Order, Summary};
use crate::report::{chart, csv, html, json};
use crate::zoo::Score;
use crate::zoo::standing::{Ranking, Standings};
use crate::zoo::store::{Store, StoreError};

/// Rows of a table where no other number is asked for.
const TOP: usize = 20;
/// Rows that are written to CSV at a time.
const CHUNK: usize = 256;

/// How rows are made known.
#[derive(Args, Debug)]
#[command(next_help_heading = "Rows")]
pub struct Publication {
    /// Show so many rows of a table, the best first
    #[arg(long, value_name = "N", default_value_t = TOP)]
    top: usize,
    /// Show every row of a table
    #[arg(long, conflicts_with = "top")]
    all: bool,
    /// What the rows of a table are ordered by: the least first, of accuracy the most; energy and latency are those on the
    /// first device
    #[arg(long, value_name = "KEY", default_value = "energy")]
    sort: Sort,
    /// Write the rows of models that failed to a file, as JSON lines
    #[arg(long, value_name = "FILE")]
    failures: Option<PathBuf>,
    /// End with exit code 0 also if models failed
    #[arg(long)]
    allow_failures: bool,
    /// Write a report to read and to hand on: one HTML file that needs nothing else. Takes memory for all rows
    #[arg(long, value_name = "FILE", help_heading = "Pictures")]
    html: Option<PathBuf>,
    /// Draw the Pareto fronts below the table
    #[arg(long, help_heading = "Pictures")]
    plot: bool,
    /// Write the Pareto fronts into a folder, as SVG
    #[arg(long, value_name = "FOLDER", help_heading = "Pictures")]
    svg: Option<PathBuf>,
    /// Write the Pareto fronts into a folder, as PNG; needs a build with the feature `png`
    #[arg(long, value_name = "FOLDER", help_heading = "Pictures")]
    png: Option<PathBuf>,
}

/// What rows are ordered by.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum Sort {
    Energy,
    Latency,
    Flops,
    Params,
    Memory,
    Accuracy,
    Path,
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Energy => Self::Energy,
            Sort::Latency => Self::Latency,
            Sort::Flops => Self::Flops,
            Sort::Params => Self::Params,
            Sort::Memory => Self::Memory,
            Sort::Accuracy => Self::Accuracy,
            Sort::Path => Self::Path,
        }
    }
}

impl Publication {
    /// Refuses, before anything is scored, what could not be written after it.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub fn possible(&self) -> Result<(), Refusal> {
        self.png.as_ref().map_or(Ok(()), |_| pictures::refuse_png())
    }

    fn draws(&self) -> bool {
        self.html.is_some() || self.plot || self.svg.is_some() || self.png.is_some()
    }

    /// Draws all rows; what goes below a table, for a terminal of so many columns.
    fn draw(&self, scores: &[Score], columns: usize, coloured: bool) -> anyhow::Result<String> {
        if let Some(path) = &self.html {
            let mut page = html::Page::new();
            page.add_zoo(scores);
            pictures::write(path, page.render()?.as_bytes())?;
        }
        let charts = chart::of_zoo(scores);
        if let Some(folder) = &self.svg {
            pictures::write_all(folder, "svg", &charts, |chart| Ok(chart.svg().into_bytes()))?;
        }
        #[cfg(feature = "png")]
        if let Some(folder) = &self.png {
            pictures::write_all(folder, "png", &charts, |chart| chart.png())?;
        }
        let texts =
            charts.iter().filter(|_| self.plot).map(|chart| format!("\n{}", chart.text(columns, coloured)));
        Ok(texts.collect())
    }
}

/// Writes all rows of a store with their standing, and says how the command ends.
///
/// # Errors
/// A [`Refusal`] of the store, or what a file or pipe says.
pub fn publish(
    store: &Store,
    devices: &[String],
    how: &Publication,
    global: &Global,
) -> anyhow::Result<Status> {
    let mut ranking = Ranking::default();
    each(store, |score| {
        ranking.add(&score);
        Ok(())
    })?;
    let mut standings = ranking.standings();
    let mut failures = how.failures.as_ref().map(create).transpose()?;
    let mut out = Output::open(global)?;
    let mut rows = Rows::new(global, devices, how)?;
    let mut summary = Summary::default();
    let mut drawn = vec![];
    each(store, |score| {
        let score = ranked(score, &mut standings);
        summary.add(&score);
        if let Some(file) = failures.as_mut().filter(|_| score.error().is_some()) {
            json::write(&score, json::Layout::Line, file)?;
        }
        if how.draws() {
            drawn.push(score.clone());
        }
        rows.add(score, &mut out)
    })?;
    if let Some(mut file) = failures {
        file.flush()?;
    }
    rows.finish(&summary, devices, &mut out)?;
    if how.draws() {
        let coloured = !out.style.strong.is_plain();
        let plots = how.draw(&drawn, out.width, coloured)?;
        if global.format() == Format::Table {
            out.write_all(plots.as_bytes())?;
        }
    }
    out.finish()?;
    Ok(match summary.failed {
        0 => Status::Done,
        _ if how.allow_failures => Status::Done,
        failed if failed == summary.models => Status::Invalid,
        _ => Status::Partial,
    })
}

fn ranked(mut score: Score, standings: &mut Standings) -> Score {
    standings.give(&mut score);
    score
}

fn create(path: &PathBuf) -> Result<BufWriter<File>, Refusal> {
    let file = File::create(path).map_err(|error| {
        Refusal::environment(format!("cannot write {}: {error}", path.display()))
            .hint("name a file in a folder that exists and that you may write to")
    })?;
    Ok(BufWriter::new(file))
}

/// Calls `visit` with each row of a store.
fn each(store: &Store, mut visit: impl FnMut(Score) -> anyhow::Result<()>) -> anyhow::Result<()> {
    struct Either(anyhow::Error);
    impl From<StoreError> for Either {
        fn from(error: StoreError) -> Self {
            Self(refused(error).into())
        }
    }
    store.each(|score| visit(score).map_err(Either)).map_err(|Either(error)| error)
}

/// Rows on their way out.
enum Rows {
    /// JSON: how many are written.
    List(u64),
    Lines,
    Csv {
        columns: Columns,
        chunk: Vec<Score>,
        header: bool,
    },
    #[cfg(feature = "parquet")]
    Parquet {
        file: Box<Parquet>,
        chunk: Vec<Score>,
    },
    Screen {
        best: Best,
        markdown: bool,
    },
}

impl Rows {
    fn new(global: &Global, devices: &[String], how: &Publication) -> anyhow::Result<Self> {
        let most = if how.all { usize::MAX } else { how.top };
        let order = how.sort.into();
        #[cfg(feature = "parquet")]
        if global.parquet() {
            return Ok(Self::Parquet { file: Box::new(Parquet::new(devices)?), chunk: vec![] });
        }
        Ok(match global.format() {
            Format::Json => Self::List(0),
            Format::Jsonl => Self::Lines,
            Format::Csv => Self::Csv { columns: Columns::new(devices), chunk: vec![], header: true },
            Format::Table => Self::Screen { best: Best::new(most, order), markdown: false },
            Format::Md => Self::Screen { best: Best::new(most, order), markdown: true },
        })
    }

    fn add(&mut self, score: Score, out: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::List(written) => {
                out.write_all(if *written == 0 { b"[\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *out, &score)?;
                *written += 1;
            }
            Self::Lines => json::write(&score, json::Layout::Line, out)?,
            Self::Csv { chunk, .. } => {
                chunk.push(score);
                if chunk.len() >= CHUNK {
                    self.flush(out)?;
                }
            }
            #[cfg(feature = "parquet")]
            Self::Parquet { chunk, .. } => {
                chunk.push(score);
                if chunk.len() >= CHUNK {
                    self.flush(out)?;
                }
            }
            Self::Screen { best, .. } => best.add(&score),
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Csv { columns, chunk, header } => {
                csv::write(&columns.grid(chunk), *header, out)?;
                *header = false;
                chunk.clear();
            }
            #[cfg(feature = "parquet")]
            Self::Parquet { file, chunk } => {
                out.write_all(&file.add(chunk)?)?;
                chunk.clear();
            }
            Self::List(_) | Self::Lines | Self::Screen { .. } => {}
        }
        Ok(())
    }

    fn finish(mut self, summary: &Summary, devices: &[String], out: &mut Output) -> anyhow::Result<()> {
        self.flush(out)?;
        match self {
            Self::List(0) => out.write_all(b"[]\n")?,
            Self::List(_) => out.write_all(b"\n]\n")?,
            Self::Lines | Self::Csv { .. } => {}
            #[cfg(feature = "parquet")]
            Self::Parquet { file, .. } => out.write_all(&file.finish()?)?,
            Self::Screen { best, markdown } => {
                let style = out.style;
                let layout = Layout { width: out.width, style: &style, markdown };
                out.write_all(scores::screen(summary, &best.rows(), devices, layout).as_bytes())?;
            }
        }
        Ok(())
    }
}
