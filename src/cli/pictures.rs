//! The pictures of an analysis: on the terminal, as files, and in a page of their own.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::error::Refusal;
use super::output;
use crate::device::Device;
use crate::report::chart::{self, Chart};
use crate::report::{Failure, Subject, html};

/// What is drawn where nobody says what.
const USUAL: [Which; 2] = [Which::Operators, Which::Roofline];

/// Options of a command that draws.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Pictures")]
pub struct Options {
    /// Write a report to read and to hand on: one HTML file that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Draw charts below the table
    #[arg(long)]
    plot: bool,
    /// Write charts as SVG: all of them into a folder, or one as a file
    #[arg(long, value_name = "FOLDER|FILE.svg")]
    svg: Option<PathBuf>,
    /// Write charts as PNG, likewise; needs a build with the feature `png`
    #[arg(long, value_name = "FOLDER|FILE.png")]
    png: Option<PathBuf>,
    /// Which charts --plot, --svg and --png draw
    #[arg(long = "chart", value_name = "A,B", value_delimiter = ',')]
    charts: Vec<Which>,
}

/// A chart of a model.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// The operators that take most
    Operators,
    /// The layers that take most
    Layers,
    /// What each layer attains, under what the device allows
    Roofline,
    /// Modules within modules, as large as what they take
    Treemap,
    /// Latency by device, with intervals
    Latency,
    /// Energy by device, with intervals
    Energy,
}

/// The pictures of a run.
pub struct Pictures<'o> {
    options: &'o Options,
    page: Option<html::Page>,
    /// Whether file names begin with that of the model.
    several: bool,
}

impl<'o> Pictures<'o> {
    /// Pictures of so many models, refused at once where they could not be written.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub fn of(options: &'o Options, models: &[PathBuf]) -> Result<Self, Refusal> {
        for file in [&options.html, &options.svg, &options.png].into_iter().flatten() {
            output::keep_apart(Some(file), models)?;
        }
        for (folder, kind) in [(&options.svg, "svg"), (&options.png, "png")] {
            let Some(file) = folder.as_deref().filter(|path| is_file(path, kind)) else { continue };
            if models.len() > 1 || options.charts.len() > 1 {
                return Err(Refusal::usage(format!("{} has room for one chart", file.display()))
                    .hint("name a folder, or one model and one --chart"));
            }
        }
        if options.png.is_some() {
            refuse_png()?;
        }
        let page = options.html.is_some().then(html::Page::new);
        Ok(Self { options, page, several: models.len() > 1 })
    }

    /// Draws a model; what goes below its table, for a terminal of so many columns.
    ///
    /// # Errors
    /// A [`Refusal`] where a file cannot be written.
    pub fn model(
        &mut self,
        subject: &Subject,
        devices: &[Cow<'static, Device>],
        columns: usize,
        coloured: bool,
    ) -> anyhow::Result<String> {
        let options = self.options;
        if !options.plot && options.svg.is_none() && options.png.is_none() && self.page.is_none() {
            return Ok(String::new());
        }
        let devices: Vec<&Device> = devices.iter().map(AsRef::as_ref).collect();
        let charts = chart::of_model(subject, &devices)?;
        if let Some(folder) = &options.svg {
            self.write(folder, "svg", subject.path, &charts, |chart| Ok(chart.svg().into_bytes()))?;
        }
        #[cfg(feature = "png")]
        if let Some(folder) = &options.png {
            self.write(folder, "png", subject.path, &charts, |chart| chart.png())?;
        }
        let mut text = String::new();
        if options.plot {
            for chart in chosen(&charts, &options.charts, &USUAL) {
                text.push('\n');
                text.push_str(&chart.text(columns, coloured));
            }
        }
        if let Some(page) = &mut self.page {
            page.add_model(subject, &devices, &charts)?;
        }
        Ok(text)
    }

    /// Notes a model of which there is nothing to draw.
    pub fn failure(&mut self, failure: &Failure) {
        if let Some(page) = &mut self.page {
            page.add_failure(failure);
        }
    }

    /// Writes the page.
    ///
    /// # Errors
    /// A [`Refusal`] where it cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        if let (Some(page), Some(path)) = (self.page, &self.options.html) {
            write(path, page.render()?.as_bytes())?;
        }
        Ok(())
    }

    fn write(
        &self,
        target: &Path,
        kind: &str,
        model: &str,
        charts: &[Chart],
        draw: impl Fn(&Chart) -> Result<Vec<u8>, String>,
    ) -> anyhow::Result<()> {
        if is_file(target, kind) {
            let Some(chart) = chosen(charts, &self.options.charts, &[Which::Roofline]).next() else {
                return Err(Refusal::usage(format!("{model} has nothing to draw that chart of"))
                    .hint("--chart names another one; without an estimate there are layers, operators and treemap")
                    .into());
            };
            return Ok(write(target, &drawn(chart, &draw)?)?);
        }
        make_folder(target)?;
        for chart in chosen(charts, &self.options.charts, Which::value_variants()) {
            let name = match Path::new(model).file_stem().filter(|_| self.several) {
                Some(stem) => format!("{}-{}.{kind}", stem.to_string_lossy(), chart.name),
                None => format!("{}.{kind}", chart.name),
            };
            write(&target.join(name), &drawn(chart, &draw)?)?;
        }
        Ok(())
    }
}

/// The charts asked for, or the usual ones, in the order in which they are named.
fn chosen<'c, 'a>(
    charts: &'c [Chart<'a>],
    named: &'c [Which],
    usual: &'c [Which],
) -> impl Iterator<Item = &'c Chart<'a>> {
    let which = if named.is_empty() { usual } else { named };
    which.iter().filter_map(|which| {
        let name = which.to_possible_value()?;
        charts.iter().find(|chart| chart.name == name.get_name())
    })
}

/// Whether a path names a file of that kind, and not a folder.
fn is_file(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(kind)) && !path.is_dir()
}

/// # Errors
/// A [`Refusal`] in a build that draws no PNG.
pub fn refuse_png() -> Result<(), Refusal> {
    if cfg!(feature = "png") {
        return Ok(());
    }
    Err(Refusal::usage("this build writes no PNG")
        .hint("cargo install --path . --features png; or take --svg, which any build writes"))
}

/// Writes charts into a folder, each in a file of its name.
///
/// # Errors
/// A [`Refusal`] that names the chart or the file.
pub fn write_all(
    folder: &Path,
    kind: &str,
    charts: &[Chart],
    draw: impl Fn(&Chart) -> Result<Vec<u8>, String>,
) -> Result<(), Refusal> {
    make_folder(folder)?;
    charts
        .iter()
        .try_for_each(|chart| write(&folder.join(format!("{}.{kind}", chart.name)), &drawn(chart, &draw)?))
}

fn drawn(chart: &Chart, draw: &impl Fn(&Chart) -> Result<Vec<u8>, String>) -> Result<Vec<u8>, Refusal> {
    draw(chart).map_err(|why| Refusal::environment(format!("{} cannot be drawn: {why}", chart.name)))
}

fn make_folder(folder: &Path) -> Result<(), Refusal> {
    fs::create_dir_all(folder).map_err(|error| {
        Refusal::environment(format!("cannot make the folder {}: {error}", folder.display()))
    })
}

/// Writes a file.
///
/// # Errors
/// A [`Refusal`] that names it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    fs::write(path, bytes).map_err(|error| {
        Refusal::environment(format!("cannot write {}: {error}", path.display()))
            .hint("name a file in a folder that exists and that you may write to")
    })
}
