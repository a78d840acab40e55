//! Estimates with their ranges, one row a device, on a logarithmic axis.

use kuva::plot::ScatterPlot;
use kuva::prelude::Plot;

use super::{CELL, Canvas, Chart, Drawing, Medium, axis, drawable};
use crate::report::text::{cut_middle, visible, width};
use crate::units::quantity;

/// Columns of the longest name.
const NAME: usize = 36;
/// Units of a scene for a row.
const ROW: f64 = 34.0;

/// One estimate.
#[derive(Clone, PartialEq, Debug)]
pub struct Interval {
    /// Of what.
    pub name: String,
    /// The median.
    pub value: f64,
    /// The 10th percentile.
    pub low: f64,
    /// The 90th percentile.
    pub high: f64,
    /// How it came about.
    pub basis: String,
}

/// A chart of estimates.
#[derive(Clone, PartialEq, Debug)]
pub struct Intervals {
    /// The name of its file.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What is estimated.
    pub of: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The estimates, the first one on top.
    pub rows: Vec<Interval>,
}

/// The chart; `None` without an estimate above 0.
#[must_use]
pub fn intervals<'a>(of: Intervals) -> Option<Chart<'a>> {
    let Intervals { name, title, of, unit, mut rows } = of;
    rows.retain(|row| drawable(row.value));
    for row in &mut rows {
        // An end that an axis has no place for is not drawn.
        row.low = if drawable(row.low) { row.low.min(row.value) } else { row.value };
        row.high = if drawable(row.high) { row.high.max(row.value) } else { row.value };
    }
    let x = axis::decades(rows.iter().flat_map(|row| [row.low, row.high]))?;
    let said: Vec<String> = rows.iter().map(|row| sentence(row, unit)).collect();
    let about = format!("{title}: {}", said.join("; "));
    let count = rows.len();
    let height = 78.0 + ROW * count as f64;
    Some(Chart {
        name,
        title,
        about,
        size: (860.0, height),
        rows: 5 + 2 * count,
        draw: Box::new(move |canvas| draw(canvas, &rows, of, unit, x)),
    })
}

fn sentence(row: &Interval, unit: &str) -> String {
    let [value, low, high] = [row.value, row.low, row.high].map(|figure| quantity(figure, unit));
    format!("{} {value}, {low} – {high} (p10 – p90), {}", row.name, row.basis)
}

fn draw(canvas: &Canvas, rows: &[Interval], of: &str, unit: &'static str, x: (f64, f64)) -> Drawing {
    let place = |row: usize| (rows.len() - row) as f64;
    let logarithms = |row: &Interval| (row.value.log10(), row.low.log10(), row.high.log10());
    let points = rows.iter().enumerate().map(|(number, row)| (row.value.log10(), place(number)));
    let reach = rows.iter().map(logarithms).map(|(value, low, high)| (value - low, high - value));
    let plot = ScatterPlot::new()
        .with_data(points)
        .with_x_err_asymmetric(reach)
        .with_color(canvas.ink.of(Some(0)))
        .with_size(6.0)
        .with_tooltips();
    let names: Vec<String> = rows.iter().rev().map(|row| cut_middle(&visible(&row.name), NAME)).collect();
    let room = names.iter().map(|name| width(name)).max().unwrap_or(0) as f64;
    let column = if canvas.medium == Medium::Terminal { CELL.0 } else { 7.1 };
    let y = (0.4, rows.len() as f64 + 0.6);
    let layout = axis::across(x, y, unit)
        .with_y_categories(names)
        .with_x_label(of)
        .with_force_margins(room * column + 18.0, 24.0);
    let titles = rows.iter().map(|row| (sentence(row, unit), None)).collect();
    Drawing { plots: vec![Plot::Scatter(plot)], layout, describe: super::rows(titles) }
}
