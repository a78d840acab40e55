//! `ergometer law`: what a model costs as a polynomial of its open dimensions, or at a list of their sizes.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::error::{self, Refusal};
use super::output::{self, Output};
use super::pictures;
use super::shapes::{self, CountError, Shapes};
use super::{Format, Global, Status};
use crate::graph::{Origin, Request};
use crate::law::{self, Figure, Law, Laws, Sample};
use crate::onnx::{self, Model};
use crate::report::chart::{self, Growing};
use crate::report::grid::{Cell, Column, Fit, Grid};

/// The most rows of a sweep.
const MAX_ROWS: usize = 10_000;

/// Options of `law`.
#[derive(Args, Debug)]
pub struct Options {
    /// ONNX file; `-` reads standard input
    model: PathBuf,
    /// Dimensions of the law, three at most; without it, those that the model leaves open
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    over: Vec<String>,
    /// Counts at these sizes instead of a law: `batch=1,2,4..256` doubles from 4 to 256; repeat it for a grid
    #[arg(long, value_name = "NAME=SIZES", value_parser = sweep, conflicts_with = "over")]
    sweep: Vec<(String, Vec<u64>)>,
    /// Draw the sweep over its last dimension, as SVG
    #[arg(long, value_name = "FILE.svg", requires = "sweep")]
    svg: Option<PathBuf>,
    /// Draw it as PNG; needs a build with the feature `png`
    #[arg(long, value_name = "FILE.png", requires = "sweep")]
    png: Option<PathBuf>,
    #[command(flatten)]
    shapes: Shapes,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let name = options.model.display();
    for file in [&options.svg, &options.png].into_iter().flatten() {
        output::keep_apart(Some(file), std::slice::from_ref(&options.model))?;
    }
    if options.png.is_some() {
        pictures::refuse_png()?;
    }
    let model =
        onnx::read(&options.model).map_err(|error| Refusal::model(error.to_string(), error.hint()))?;
    let request = options.shapes.request();
    let refusal = |error: CountError| Refusal::model(format!("{name}: {}", error.message), error.hint);
    if !options.sweep.is_empty() {
        let names: Vec<String> = options.sweep.iter().map(|(name, _)| name.clone()).collect();
        let (mut samples, mut refused) = (vec![], vec![]);
        for sizes in combinations(&options.sweep)? {
            match sample(&model, &at(&request, &names, &sizes)) {
                Ok(sample) => samples.push((sizes, sample)),
                Err(error) => refused.push((sizes, error)),
            }
        }
        // What is counted stands, though the model takes no other sizes.
        if samples.is_empty()
            && let Some((_, error)) = refused.pop()
        {
            return Err(refusal(error).into());
        }
        draw(options, &names, &samples)?;
        let mut out = Output::open(global)?;
        output::write(&table(&names, &samples), global, &mut out)?;
        out.finish()?;
        for (sizes, error) in &refused {
            let sizes = names.iter().zip(sizes).map(|(name, size)| format!("{name}={size}"));
            error::warn(&format!("{}: {}", sizes.collect::<Vec<_>>().join(" "), error.message));
        }
        return Ok(if refused.is_empty() { Status::Done } else { Status::Partial });
    }
    let names =
        if options.over.is_empty() { open(&model, &request).map_err(refusal)? } else { options.over.clone() };
    if names.is_empty() || names.len() > law::MAX_DIMENSIONS {
        let message = match names.len() {
            0 => format!("{name}: no dimension is open"),
            n => format!("{name}: a law of {n} dimensions is too long to read: {}", names.join(", ")),
        };
        return Err(Refusal::usage(message)
            .hint("name one to three dimensions: --over batch,sequence")
            .into());
    }
    let laws =
        law::find(names.len(), |sizes| sample(&model, &at(&request, &names, sizes))).map_err(refusal)?;
    let mut out = Output::open(global)?;
    if global.format() == Format::Table {
        screen(&names, &laws, global, &mut out)?;
    } else {
        output::write(&grid(&names, &laws), global, &mut out)?;
    }
    out.finish()?;
    Ok(Status::Done)
}

/// Draws a sweep, where that is asked for: a line for each figure and each combination of the other sizes.
fn draw(options: &Options, names: &[String], samples: &[(Vec<u64>, Sample)]) -> anyhow::Result<()> {
    let Some((dimension, others)) =
        names.split_last().filter(|_| options.svg.is_some() || options.png.is_some())
    else {
        return Ok(());
    };
    let mut lines: Vec<(&[u64], Growing)> = vec![];
    for (series, figure) in Figure::ALL.into_iter().enumerate() {
        for (sizes, sample) in samples {
            let (Some((size, fixed)), Some(value)) = (sizes.split_last(), sample.figure(figure)) else {
                continue;
            };
            let point = (*size as f64, value as f64);
            match lines.last_mut().filter(|(key, line)| *key == fixed && line.series == series) {
                Some((_, line)) => line.points.push(point),
                None => {
                    let name = figure.title().to_owned();
                    lines.push((fixed, Growing { name, series, points: vec![point] }));
                }
            }
        }
    }
    let several =
        if others.is_empty() { String::new() } else { format!(", at each {}", others.join(" and ")) };
    let title = format!("{} by {dimension}{several}", options.model.display());
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    let Some(chart) = chart::growth(title, dimension, lines) else {
        return Err(Refusal::model("the sweep has nothing above 0 to draw", None).into());
    };
    if let Some(file) = &options.svg {
        pictures::write(file, chart.svg().as_bytes())?;
    }
    #[cfg(feature = "png")]
    if let Some(file) = &options.png {
        let drawn = chart.png().map_err(|why| Refusal::environment(format!("it cannot be drawn: {why}")))?;
        pictures::write(file, &drawn)?;
    }
    Ok(())
}

/// The laws, a row a figure.
fn grid(names: &[String], laws: &Laws) -> Grid<'static> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows = Figure::ALL.iter().zip(&laws.laws).map(|(figure, law)| {
        let (exact, text) = match law {
            Law::Exact(polynomial) if !laws.complete() => {
                (false, format!("at least {}", polynomial.shown(&names)))
            }
            Law::Exact(polynomial) => (true, polynomial.shown(&names)),
            Law::Piecewise(reason) => (false, format!("not polynomial: {reason}")),
        };
        vec![Cell::text(figure.title()), Cell::text(text), Cell::Flag(exact)]
    });
    Grid {
        columns: vec![
            Column::new("figure", "figure", Fit::Word),
            Column::new("law", "law", Fit::Sentence),
            Column::new("exact", "exact", Fit::Word),
        ],
        rows: rows.collect(),
        foot: vec![],
    }
}

/// The laws for a person: where they hold, what they were found from, and the values of what follows none.
fn screen(names: &[String], laws: &Laws, global: &Global, out: &mut Output) -> anyhow::Result<()> {
    for row in &grid(names, laws).rows {
        let [figure, law, ..] = row.as_slice() else { continue };
        writeln!(out, "{:<10}  {}", figure.shown(), law.shown())?;
    }
    if global.quiet {
        return Ok(());
    }
    for (name, step) in names.iter().zip(&laws.steps).filter(|(_, step)| **step > 1) {
        writeln!(out, "where {name} is a multiple of {step}")?;
    }
    if !laws.complete() {
        writeln!(out, "a part of the model is not counted: `ergometer analyze` says which")?;
    }
    let held_back = laws.held_back;
    let fitted = laws.samples.len().saturating_sub(held_back);
    let largest = |at: usize| laws.samples.iter().filter_map(|(sizes, _)| sizes.get(at)).max();
    let ranges = names.iter().enumerate().filter_map(|(at, name)| Some(format!("{name} {}", largest(at)?)));
    let ranges = ranges.collect::<Vec<_>>().join(", ");
    writeln!(out, "through {fitted} bindings; verified at {held_back} others, to {ranges}")?;
    if laws.laws.iter().any(|law| matches!(law, Law::Piecewise(_))) {
        writeln!(out)?;
        output::write(&table(names, &laws.samples), global, out)?;
    }
    Ok(())
}

/// Dimensions that nobody fixes.
fn open(model: &Model, request: &Request) -> Result<Vec<String>, CountError> {
    let graph = shapes::infer(model, request)?;
    let open = graph.bindings.iter().filter(|binding| binding.origin == Origin::Default);
    Ok(open.map(|binding| binding.name.clone()).collect())
}

/// A request with these dimensions at these sizes. `batch` is the batch dimension, whatever it is called.
fn at(request: &Request, names: &[String], sizes: &[u64]) -> Request {
    let mut request = request.clone();
    for (name, size) in names.iter().zip(sizes) {
        if name == "batch" {
            request.batch = Some(*size);
        } else {
            request.dims.push((name.clone(), *size));
        }
    }
    request
}

fn sample(model: &Model, request: &Request) -> Result<Sample, CountError> {
    let (graph, cost) = shapes::count_at(model, request)?;
    Ok(Sample::of(&graph, &cost))
}

/// Every combination of sizes.
///
/// # Errors
/// A [`Refusal`] if they are too many.
fn combinations(sweep: &[(String, Vec<u64>)]) -> Result<Vec<Vec<u64>>, Refusal> {
    let count = sweep.iter().try_fold(1usize, |count, (_, sizes)| count.checked_mul(sizes.len()));
    if count.is_none_or(|count| count > MAX_ROWS) {
        return Err(Refusal::usage(format!("a sweep has at most {MAX_ROWS} rows")).hint("sweep fewer sizes"));
    }
    Ok(law::combinations(sweep.iter().map(|(_, sizes)| sizes.clone())))
}

/// Counts, a row for each combination of sizes.
fn table<'n>(names: &'n [String], samples: &[(Vec<u64>, Sample)]) -> Grid<'n> {
    let sizes = names.iter().map(|name| Column::new(name, name, Fit::Number));
    let figures = Figure::ALL.iter().map(|figure| Column::new(figure.key(), figure.title(), Fit::Number));
    let rows = samples.iter().map(|(sizes, sample)| row(sizes, sample));
    Grid { columns: sizes.chain(figures).collect(), rows: rows.collect(), foot: vec![] }
}

fn row(sizes: &[u64], sample: &Sample) -> Vec<Cell<'static>> {
    let sizes = sizes.iter().map(|size| Cell::Number(i64::try_from(*size).unwrap_or(i64::MAX)));
    let figures = Figure::ALL.iter().zip(sample.figures).map(|(figure, value)| match (figure, value) {
        (_, None) => Cell::Unknown,
        (Figure::Macs | Figure::Flops, Some(n)) => Cell::Count(n),
        (Figure::Bytes | Figure::PeakBytes, Some(n)) => Cell::Bytes(n),
    });
    let figures = figures.map(|figure| match sample.complete {
        true => figure,
        false => Cell::AtLeast(Box::new(figure)),
    });
    sizes.chain(figures).collect()
}

/// `batch=1,2,4..256`: a list, in which `a..b` doubles from a to b.
fn sweep(text: &str) -> Result<(String, Vec<u64>), String> {
    let (name, sizes) = text.rsplit_once('=').ok_or("a name and sizes are needed, as batch=1,2,4..256")?;
    let sizes = list(sizes)?;
    if name.is_empty() {
        Err("a name is needed, as batch=1,2,4..256".to_owned())
    } else {
        Ok((name.to_owned(), sizes))
    }
}

/// `1,2,4..256`: a list, in which `a..b` doubles from a to b.
pub fn list(text: &str) -> Result<Vec<u64>, String> {
    let mut sizes = vec![];
    for part in text.split(',') {
        let size = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("\"{text}\" is no size"));
        let Some((from, to)) = part.split_once("..") else {
            sizes.push(size(part)?);
            continue;
        };
        let (mut next, last) = (size(from)?, size(to)?);
        if next == 0 || next > last {
            return Err(format!("\"{part}\" doubles from a size of 1 or more up to a larger one"));
        }
        while next <= last {
            sizes.push(next);
            next = next.saturating_mul(2).max(next.saturating_add(1));
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_lists_sizes_and_doubles_between_two() {
        assert_eq!(sweep("batch=1,2,4..32").unwrap(), ("batch".to_owned(), vec![1, 2, 4, 8, 16, 32]));
        assert_eq!(sweep("s=3..20").unwrap().1, [3, 6, 12]);
        for text in ["batch", "=1", "b=", "b=0..4", "b=8..4", "b=x"] {
            assert!(sweep(text).is_err(), "{text}");
        }
    }
}
