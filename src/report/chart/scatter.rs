//! Predicted against measured times, a dot a run.

use std::cmp::Reverse;
use std::collections::HashMap;

use kuva::plot::legend::LegendPosition;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::prelude::Plot;

use super::{Canvas, Chart, Drawing, axis, drawable};
use crate::units::quantity;

/// Series with a colour of their own.
const COLOURED: usize = 7;

/// One run.
#[derive(Clone, PartialEq, Debug)]
pub struct Compared {
    /// What ran where.
    pub name: String,
    /// What has one colour.
    pub series: String,
    /// Seconds.
    pub measured: f64,
    /// Seconds.
    pub predicted: f64,
}

/// The chart; `None` without a run of which both are above 0.
#[must_use]
pub fn compared<'a>(title: String, mut points: Vec<Compared>) -> Option<Chart<'a>> {
    points.retain(|point| drawable(point.measured) && drawable(point.predicted));
    let mut runs: HashMap<String, usize> = HashMap::new();
    for point in &points {
        *runs.entry(point.series.clone()).or_default() += 1;
    }
    // Those of most runs have a colour.
    let place = |point: &Compared| (Reverse(runs.get(&point.series).copied()), point.series.clone());
    points.sort_by_cached_key(place);
    let ends = axis::decades(points.iter().flat_map(|point| [point.measured, point.predicted]))?;
    let about = format!("{title}: {} runs", points.len());
    Some(Chart {
        name: "validation",
        title,
        about,
        size: (640.0, 560.0),
        rows: 26,
        draw: Box::new(move |canvas| draw(canvas, &points, ends)),
    })
}

fn draw(canvas: &Canvas, points: &[Compared], ends: (f64, f64)) -> Drawing {
    let ink = canvas.ink;
    // A run on the line is predicted as it was measured.
    let mut plots = vec![Plot::Line(
        LinePlot::new()
            .with_data([(ends.0, ends.0), (ends.1, ends.1)])
            .with_color(ink.quiet)
            .with_stroke_width(1.0),
    )];
    let (mut entries, mut others) = (vec![], 0);
    for (number, series) in points.chunk_by(|a, b| a.series == b.series).enumerate() {
        let colour = Some(number).filter(|number| *number < COLOURED);
        plots.push(Plot::Scatter(
            ScatterPlot::new()
                .with_data(series.iter().map(|point| (point.measured.log10(), point.predicted.log10())))
                .with_color(ink.of(colour))
                .with_size(3.0)
                .with_marker_opacity(0.6)
                .with_tooltips(),
        ));
        if let Some(first) = series.first().filter(|_| colour.is_some()) {
            entries.push(ink.entry(&first.series, colour));
        }
        others += usize::from(colour.is_none());
    }
    if others > 0 {
        entries.push(ink.entry(&format!("{others} more"), None));
    }
    let layout = axis::across(ends, ends, "s")
        .with_y_tick_step(axis::step(ends))
        .with_y_tick_format(axis::powers("s"))
        .with_x_label("measured")
        .with_y_label("predicted")
        .with_legend_entries(entries)
        .with_legend_box(false)
        .with_legend_position(LegendPosition::OutsideBottomColumns);
    let marks = points
        .iter()
        .map(|point| {
            let (measured, predicted) = (quantity(point.measured, "s"), quantity(point.predicted, "s"));
            (format!("{}\n{measured} measured\n{predicted} predicted", point.name), None)
        })
        .collect();
    Drawing { plots, layout, describe: super::rows(marks) }
}
