//! Models of a zoo by what they take and what they give, and the front of those that none beats in both.

use kuva::plot::legend::LegendPosition;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::prelude::Plot;

use super::{Canvas, Chart, Drawing, Medium, axis, drawable};
use crate::report::text::{cut_middle, plain, visible};
use crate::units::quantity;

/// Models of the front that are named beside their dot.
const NAMED: usize = 10;
/// Shares of the chart's width and height that a name takes.
const ROOM: (f64, f64) = (0.24, 0.05);
/// What no accuracy reaches, and an axis of plain numbers cannot be marked to.
const LARGEST: f64 = 1e12;
/// Columns of the longest name in the chart.
const NAME: usize = 24;

/// One model.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    /// Its name.
    pub name: String,
    /// Joules.
    pub energy: f64,
    /// What it gives: accuracy, or parameters.
    pub worth: f64,
    /// Whether it is on the front.
    pub front: bool,
    /// Its place among the rows.
    pub row: usize,
}

/// A chart of models.
#[derive(Clone, PartialEq, Debug)]
pub struct Pareto {
    /// The name of its file.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What models give.
    pub worth: &'static str,
    /// Whether that spans magnitudes.
    pub magnitudes: bool,
    /// The models.
    pub points: Vec<Point>,
}

/// The chart; `None` without a model that has both.
#[must_use]
pub fn pareto<'a>(of: Pareto) -> Option<Chart<'a>> {
    let Pareto { name, title, worth, magnitudes, mut points } = of;
    points.retain(|point| {
        drawable(point.energy) && if magnitudes { drawable(point.worth) } else { point.worth.abs() < LARGEST }
    });
    let x = axis::decades(points.iter().map(|point| point.energy))?;
    let y = if magnitudes {
        axis::decades(points.iter().map(|point| point.worth))?
    } else {
        span(points.iter().map(|point| point.worth))
    };
    points.sort_by(|a, b| {
        (a.front, a.energy).partial_cmp(&(b.front, b.energy)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let front: Vec<&str> =
        points.iter().filter(|point| point.front).map(|point| point.name.as_str()).collect();
    let about = format!(
        "{title}: {} models, {} of them on the front: {}",
        points.len(),
        front.len(),
        front.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ")
    );
    Some(Chart {
        name,
        title,
        about,
        size: (860.0, 480.0),
        rows: 22,
        draw: Box::new(move |canvas| draw(canvas, &points, worth, magnitudes, x, y)),
    })
}

/// All values and a little more; never nothing.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let room = ((high - low) * 0.08).max(high.abs() * 0.01).max(f64::MIN_POSITIVE);
    (low - room, high + room)
}

fn draw(
    canvas: &Canvas,
    points: &[Point],
    worth: &'static str,
    magnitudes: bool,
    x: (f64, f64),
    y: (f64, f64),
) -> Drawing {
    let ink = canvas.ink;
    let at =
        |point: &Point| (point.energy.log10(), if magnitudes { point.worth.log10() } else { point.worth });
    let (front, behind): (Vec<&Point>, Vec<&Point>) = points.iter().partition(|point| point.front);
    let scatter = |of: &[&Point], series, size| {
        ScatterPlot::new()
            .with_data(of.iter().map(|point| at(point)))
            .with_color(ink.of(series))
            .with_size(size)
            .with_marker_opacity(0.75)
            .with_tooltips()
    };
    let mut plots = vec![Plot::Scatter(scatter(&behind, None, 4.0))];
    plots.push(Plot::Line(
        LinePlot::new()
            .with_data(steps(&front.iter().map(|point| at(point)).collect::<Vec<_>>()))
            .with_color(ink.of(Some(3)))
            .with_stroke_width(1.5),
    ));
    let mut on_front = scatter(&front, Some(3), 5.5);
    if canvas.medium != Medium::Terminal {
        let mut room = Room::new(x, y, NAMED);
        let names = front.iter().map(|point| {
            if room.takes(at(point)) { cut_middle(&visible(&point.name), NAME) } else { String::new() }
        });
        on_front = on_front.with_labels(names).with_repel_labels();
    }
    plots.push(Plot::Scatter(on_front));
    let mut layout = axis::across(x, y, "J")
        .with_x_label("energy")
        .with_y_label(worth)
        .with_legend_entries(vec![ink.entry("on the front", Some(3)), ink.entry("beaten in both", None)])
        .with_legend_box(false)
        .with_legend_position(LegendPosition::OutsideBottomColumns);
    if magnitudes {
        layout = layout.with_y_tick_step(axis::step(y)).with_y_tick_format(axis::powers(""));
    }
    let marks = behind
        .iter()
        .chain(&front)
        .map(|point| {
            let worth_shown = if magnitudes { quantity(point.worth, "") } else { plain(point.worth) };
            let title = format!("{}\n{}\n{worth} {worth_shown}", point.name, quantity(point.energy, "J"));
            (title, Some(point.row))
        })
        .collect();
    Drawing { plots, layout, describe: super::rows(marks) }
}

/// Room for names in a chart: a place too near to one named before has none.
pub struct Room {
    x: (f64, f64),
    y: (f64, f64),
    most: usize,
    taken: Vec<(f64, f64)>,
}

impl Room {
    /// Of a chart with axes of these ends, for so many names at most.
    pub fn new(x: (f64, f64), y: (f64, f64), most: usize) -> Self {
        Self { x, y, most, taken: vec![] }
    }

    /// Whether there is room for a name at this place, which is taken then.
    pub fn takes(&mut self, place: (f64, f64)) -> bool {
        let share = |at: f64, (low, high): (f64, f64)| (at - low) / (high - low);
        let here = (share(place.0, self.x), share(place.1, self.y));
        let crowded =
            |other: &(f64, f64)| (here.0 - other.0).abs() < ROOM.0 && (here.1 - other.1).abs() < ROOM.1;
        let free = self.taken.len() < self.most && !self.taken.iter().any(crowded);
        if free {
            self.taken.push(here);
        }
        free
    }
}

/// The edge of what the points leave to be had: level until the next one, then up to it.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners = vec![];
    for pair in points.windows(2) {
        if let [from, to] = pair {
            corners.extend([*from, (to.0, from.1)]);
        }
    }
    corners.extend(points.last());
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_a_stair() {
        assert_eq!(steps(&[(1.0, 5.0), (2.0, 7.0)]), [(1.0, 5.0), (2.0, 5.0), (2.0, 7.0)]);
        assert_eq!(steps(&[]), []);
    }

    #[test]
    fn names_do_not_stand_in_each_others_way() {
        let axis = (0.0, 10.0);
        let places = [(1.0, 1.0), (1.1, 1.1), (1.2, 5.0), (4.0, 1.0), (9.0, 5.1)];
        let mut room = Room::new(axis, axis, NAMED);
        assert_eq!(places.map(|place| room.takes(place)), [true, false, true, true, true]);
        let mut full = Room::new(axis, axis, 1);
        assert_eq!([(1.0, 1.0), (9.0, 9.0)].map(|place| full.takes(place)), [true, false]);
    }

    #[test]
    fn equal_values_span_something() {
        let (low, high) = span([0.0, 0.0].into_iter());
        assert!(low < high);
    }
}
