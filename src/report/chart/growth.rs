//! Counts over sizes of a dimension, both on logarithmic axes: a power is a straight line, and its slope the power.

use kuva::plot::legend::LegendPosition;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::prelude::Plot;

use super::{Canvas, Chart, Drawing, axis, drawable};
use crate::report::text::plain;
use crate::units::quantity;

/// One figure over the sizes.
#[derive(Clone, PartialEq, Debug)]
pub struct Growing {
    /// What it is: an entry of the legend.
    pub name: String,
    /// Its number among the figures: its colour.
    pub series: usize,
    /// Sizes, and the figure there.
    pub points: Vec<(f64, f64)>,
}

/// The chart of what grows with the dimension of that name; `None` without a point to place.
#[must_use]
pub fn growth<'a>(title: String, dimension: &str, mut lines: Vec<Growing>) -> Option<Chart<'a>> {
    for line in &mut lines {
        line.points.retain(|(size, figure)| drawable(*size) && drawable(*figure));
    }
    lines.retain(|line| !line.points.is_empty());
    let points = || lines.iter().flat_map(|line| &line.points);
    let (least, most) = axis::decades(points().map(|point| point.0))?;
    // No size is below one: a line may begin at the edge.
    let x = (least.max(0.0), most.max(1.0));
    let y = axis::decades(points().map(|point| point.1))?;
    let mut names: Vec<(usize, String)> = lines.iter().map(|line| (line.series, line.name.clone())).collect();
    names.dedup();
    let figures: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    let about = format!("{title}: {} over {dimension}, at {} points", figures.join(", "), points().count());
    let label = dimension.to_owned();
    Some(Chart {
        name: "growth",
        title,
        about,
        size: (860.0, 470.0),
        rows: 22,
        draw: Box::new(move |canvas| draw(canvas, &lines, &names, &label, x, y)),
    })
}

fn draw(
    canvas: &Canvas,
    lines: &[Growing],
    names: &[(usize, String)],
    dimension: &str,
    x: (f64, f64),
    y: (f64, f64),
) -> Drawing {
    let ink = canvas.ink;
    let place = |(size, figure): &(f64, f64)| (size.log10(), figure.log10());
    let mut plots = vec![];
    for line in lines {
        let color = ink.of(Some(line.series));
        let path =
            LinePlot::new().with_data(line.points.iter().map(place)).with_color(color).with_stroke_width(1.8);
        let dots = ScatterPlot::new()
            .with_data(line.points.iter().map(place))
            .with_color(color)
            .with_size(4.0)
            .with_tooltips();
        plots.extend([Plot::Line(path), Plot::Scatter(dots)]);
    }
    let layout = axis::across(x, y, "")
        .with_x_label(dimension)
        .with_y_label("operations and bytes")
        .with_y_tick_step(axis::step(y))
        .with_y_tick_format(axis::counts())
        .with_legend_entries(names.iter().map(|(series, name)| ink.entry(name, Some(*series))).collect())
        .with_legend_box(false)
        .with_legend_position(LegendPosition::OutsideRightTop);
    let marks = lines.iter().flat_map(|line| {
        let said = |(size, figure): &(f64, f64)| {
            let figure = quantity(*figure, "");
            format!("{}\n{dimension} {}\n{}", line.name, plain(*size), figure.trim_end())
        };
        line.points.iter().map(move |point| (said(point), None))
    });
    let marks = marks.collect();
    Drawing { plots, layout, describe: super::rows(marks) }
}
