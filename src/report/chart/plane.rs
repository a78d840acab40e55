//! Points and lines over two figures: models over dates, one figure over another, with what a line through them says.

use std::sync::Arc;

use kuva::TickFormat;
use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::prelude::{Layout, Plot, ReferenceLine, TextAnnotation};

use super::pareto::Room;
use super::{Canvas, Chart, Drawing, Medium, axis, drawable};
use crate::report::text::{cut_middle, plain, visible};
use crate::units::quantity;

/// Radius of a mark.
const SIZE: f64 = 3.6;
/// The share of an outline's radius that is empty.
const HOLLOW: f64 = 0.55;
/// Radius of the least and of the largest bubble.
const BUBBLES: (f64, f64) = (2.0, 13.0);
/// Columns of the longest name beside its point.
const NAME: usize = 22;
/// Half of a character's width, as a share of the chart's.
const HALF_CHARACTER: f64 = 0.0042;
/// What an axis of plain numbers cannot be marked to.
const LARGEST: f64 = 1e12;
/// The most points: more are a cloud, and megabytes.
const POINTS: usize = 6000;
/// The most names.
const NAMED: usize = 24;
/// Marks of the groups, told apart without colours.
const MARKS: [MarkerShape; 6] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
    MarkerShape::Plus,
];
/// Dashes of the lines, likewise.
const DASHES: [Option<&str>; 4] = [None, Some("8 4"), Some("2 4"), Some("8 4 2 4")];

/// What an axis is of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scale {
    /// Years, as fractions.
    Years,
    /// Numbers as they are, in a unit.
    Linear(&'static str),
    /// Logarithms, in a unit.
    Logarithmic(&'static str),
}

/// An axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// What stands beside it; the unit is on its ticks.
    pub label: String,
    /// What it is of.
    pub scale: Scale,
}

/// Points of one colour and mark.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Group {
    /// An entry of the legend; none if it is empty.
    pub name: String,
    /// Its colour.
    pub series: usize,
    /// Whether its marks are outlines.
    pub hollow: bool,
    /// Its mark, by number: circle, square, triangle, diamond, triangle down, plus.
    pub mark: usize,
    /// The points.
    pub points: Vec<Spot>,
}

/// A point.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Spot {
    /// What it is.
    pub name: String,
    /// Along.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// What its area goes by, in a chart of bubbles.
    pub weight: Option<f64>,
    /// Whether its name stands beside it.
    pub named: bool,
}

/// A line.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stroke {
    /// An entry of the legend.
    pub name: String,
    /// Its colour; that of text without one.
    pub series: Option<usize>,
    /// Its dashes: none, long, short, both.
    pub dashes: usize,
    /// Its corners.
    pub points: Vec<(f64, f64)>,
    /// Low and high ends around it, corner by corner; or nothing.
    pub band: Vec<(f64, f64)>,
}

/// A line across at a height that people know.
#[derive(Clone, PartialEq, Debug)]
pub struct Level {
    /// What it is.
    pub name: String,
    /// Where.
    pub y: f64,
}

/// A chart of points and lines.
#[derive(Clone, PartialEq, Debug)]
pub struct Plane {
    /// The name of its file.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// Along.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// Points.
    pub groups: Vec<Group>,
    /// Lines through them.
    pub strokes: Vec<Stroke>,
    /// Lines across.
    pub levels: Vec<Level>,
}

impl Scale {
    /// Where a figure stands on the axis; `None` where it has no place.
    fn place(self, value: f64) -> Option<f64> {
        match self {
            Self::Logarithmic(_) => drawable(value).then(|| value.log10()),
            Self::Years | Self::Linear(_) => (value.abs() < LARGEST).then_some(value),
        }
    }

    /// Ends of the axis.
    fn ends(self, values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
        match self {
            Self::Logarithmic(_) => axis::decades(values),
            Self::Years | Self::Linear(_) => {
                let ends = values
                    .filter(|value| value.abs() < LARGEST)
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                        (low.min(value), high.max(value))
                    });
                let (low, high) = Some(ends).filter(|(low, high)| low <= high)?;
                let step = self.step((low, high));
                Some((
                    (low / step).floor() * step,
                    (high / step).ceil().max((low / step).floor() + 1.0) * step,
                ))
            }
        }
    }

    /// How far ticks are apart.
    fn step(self, (low, high): (f64, f64)) -> f64 {
        match self {
            Self::Logarithmic(_) => axis::step((low, high)),
            Self::Years => ((high - low) / 8.0).ceil().max(1.0),
            Self::Linear(_) => {
                let rough = ((high - low) / 6.0).max(1e-9);
                let power = 10f64.powf(rough.log10().floor());
                [1.0, 2.0, 5.0, 10.0]
                    .map(|times| times * power)
                    .into_iter()
                    .find(|step| *step >= rough)
                    .unwrap_or(rough)
            }
        }
    }

    fn format(self) -> TickFormat {
        match self {
            Self::Logarithmic("") => axis::counts(),
            Self::Logarithmic(unit) => axis::powers(unit),
            Self::Years => TickFormat::Custom(Arc::new(|year| format!("{year:.0}"))),
            Self::Linear(unit) => TickFormat::Custom(Arc::new(move |value| {
                format!("{} {unit}", plain(value)).trim_end().to_owned()
            })),
        }
    }

    fn said(self, value: f64) -> String {
        match self {
            Self::Logarithmic(unit) => quantity(value, unit).trim_end().to_owned(),
            Self::Years => format!("{value:.2}"),
            Self::Linear(unit) => format!("{} {unit}", plain(value)).trim_end().to_owned(),
        }
    }
}

/// The chart; `None` without a point or line to place.
#[must_use]
pub fn plane<'a>(mut of: Plane) -> Option<Chart<'a>> {
    let (along, up) = (of.x.scale, of.y.scale);
    let has_place = |(x, y): (f64, f64)| along.place(x).is_some() && up.place(y).is_some();
    for group in &mut of.groups {
        group.points.retain(|mark| has_place((mark.x, mark.y)));
    }
    of.groups.retain(|group| !group.points.is_empty());
    let all: usize = of.groups.iter().map(|group| group.points.len()).sum();
    if all > POINTS {
        // Every so many: the cloud keeps its shape.
        let step = all.div_ceil(POINTS);
        for group in &mut of.groups {
            group.points = std::mem::take(&mut group.points).into_iter().step_by(step).collect();
        }
    }
    for stroke in &mut of.strokes {
        if stroke.band.len() != stroke.points.len() {
            stroke.band.clear();
        }
        stroke.points.retain(|point| has_place(*point));
        stroke.band.retain(|(low, high)| up.place(*low).is_some() && up.place(*high).is_some());
    }
    of.strokes.retain(|stroke| stroke.points.len() > 1);
    let marks = || of.groups.iter().flat_map(|group| &group.points);
    let corners = || of.strokes.iter().flat_map(|stroke| &stroke.points);
    let x = along.ends(marks().map(|mark| mark.x).chain(corners().map(|corner| corner.0)))?;
    let levels = of.levels.iter().map(|level| level.y);
    let bands = of.strokes.iter().flat_map(|stroke| &stroke.band).flat_map(|(low, high)| [*low, *high]);
    let y = up.ends(
        marks().map(|mark| mark.y).chain(corners().map(|corner| corner.1)).chain(levels).chain(bands),
    )?;
    let named = of.groups.iter().filter(|group| !group.name.is_empty());
    let drawn: usize = of.groups.iter().map(|group| group.points.len()).sum();
    let thinned = if drawn < all { format!(" Drawn: {drawn} of {all} points.") } else { String::new() };
    let groups: Vec<String> = named.map(|group| format!("{} {}", group.points.len(), group.name)).collect();
    let strokes: Vec<&str> = of.strokes.iter().map(|stroke| stroke.name.as_str()).collect();
    let about = format!(
        "{}: {} over {}. Points: {}. Lines: {}.{thinned}",
        of.title,
        of.y.label,
        of.x.label,
        if groups.is_empty() { "none".to_owned() } else { groups.join(", ") },
        if strokes.is_empty() { "none".to_owned() } else { strokes.join("; ") },
    );
    Some(Chart {
        name: of.name,
        title: of.title.clone(),
        about,
        size: (860.0, 500.0),
        rows: 24,
        draw: Box::new(move |canvas| draw(canvas, &of, x, y)),
    })
}

fn draw(canvas: &Canvas, of: &Plane, x: (f64, f64), y: (f64, f64)) -> Drawing {
    let ink = canvas.ink;
    let (along, up) = (of.x.scale, of.y.scale);
    let place = |x: f64, y: f64| Some((along.place(x)?, up.place(y)?));
    let (mut plots, mut entries) = (vec![], vec![]);
    let mut room = Room::new(x, y, NAMED);
    let mut said = vec![];
    let heaviest =
        of.groups.iter().flat_map(|group| &group.points).filter_map(|mark| mark.weight).fold(0.0, f64::max);
    for group in &of.groups {
        let color = ink.of(Some(group.series));
        let mark = MARKS.get(group.mark).copied().unwrap_or_default();
        let mut scatter = ScatterPlot::new()
            .with_data(group.points.iter().filter_map(|mark| place(mark.x, mark.y)))
            .with_color(color)
            .with_size(SIZE)
            .with_marker(mark)
            .with_marker_opacity(if group.hollow { 1.0 } else { 0.7 })
            .with_tooltips();
        if heaviest > 0.0 {
            let (least, most) = BUBBLES;
            let radius =
                |mark: &Spot| least + (most - least) * (mark.weight.unwrap_or(0.0) / heaviest).sqrt();
            scatter = scatter
                .with_marker(MarkerShape::Circle)
                .with_marker_opacity(0.35)
                .with_marker_stroke_width(1.0)
                .with_sizes(group.points.iter().map(radius));
        }
        if canvas.medium != Medium::Terminal && group.points.iter().any(|mark| mark.named) {
            let names: Vec<String> = group
                .points
                .iter()
                .map(|mark| {
                    let free = mark.named && place(mark.x, mark.y).is_some_and(|at| room.takes(at));
                    if free { cut_middle(&visible(&mark.name), NAME) } else { String::new() }
                })
                .collect();
            scatter = scatter.with_labels(names).with_repel_labels();
        }
        plots.push(Plot::Scatter(scatter));
        if group.hollow && canvas.medium != Medium::Terminal {
            // The library outlines circles alone: a smaller mark takes the middle out.
            let middle = ScatterPlot::new()
                .with_data(group.points.iter().filter_map(|mark| place(mark.x, mark.y)))
                .with_color(ink.background)
                .with_size(SIZE * HOLLOW)
                .with_marker(mark);
            plots.push(Plot::Scatter(middle));
        }
        let shape = if heaviest > 0.0 { LegendShape::Circle } else { LegendShape::Marker(mark) };
        if !group.name.is_empty() {
            entries.push(entry(&group.name, color, shape, None));
        }
        said.extend(group.points.iter().map(|mark| {
            (
                format!(
                    "{}\n{} {}\n{} {}",
                    mark.name,
                    of.x.label,
                    along.said(mark.x),
                    of.y.label,
                    up.said(mark.y)
                ),
                None,
            )
        }));
    }
    for stroke in &of.strokes {
        let color = stroke.series.map_or(ink.text, |series| ink.of(Some(series)));
        let dash = DASHES.get(stroke.dashes % DASHES.len()).copied().flatten();
        let corners = stroke.points.iter().filter_map(|(x, y)| place(*x, *y));
        let mut line = LinePlot::new().with_data(corners).with_color(color).with_stroke_width(2.0);
        if let Some(dash) = dash {
            line.line_style = kuva::plot::LineStyle::Custom(dash.to_owned());
        }
        if !stroke.band.is_empty() && canvas.medium != Medium::Terminal {
            let end =
                |of: fn(&(f64, f64)) -> f64| stroke.band.iter().filter_map(move |ends| up.place(of(ends)));
            line = line.with_band(end(|ends| ends.0), end(|ends| ends.1));
        }
        plots.push(Plot::Line(line));
        entries.push(entry(&stroke.name, color, LegendShape::Line, dash));
    }
    let layout = Layout::new(x, y)
        .with_x_axis_min(x.0)
        .with_x_axis_max(x.1)
        .with_y_axis_min(y.0)
        .with_y_axis_max(y.1)
        .with_x_tick_step(along.step(x))
        .with_x_tick_format(along.format())
        .with_y_tick_step(up.step(y))
        .with_y_tick_format(up.format())
        .with_x_label(of.x.label.clone())
        .with_legend_entries(entries)
        .with_legend_box(false)
        .with_legend_position(LegendPosition::OutsideBottomColumns);
    let layout = of.levels.iter().fold(layout, |layout, level| {
        let Some(at) = up.place(level.y) else { return layout };
        let line = ReferenceLine::horizontal(at).with_color(ink.quiet).with_dasharray("2 3");
        // At the beginning, where fewest models are; the library centres text on its place.
        let half = level.name.chars().count() as f64 * HALF_CHARACTER;
        let name = TextAnnotation::new(level.name.clone(), x.0 + (x.1 - x.0) * (half + 0.01), at);
        layout.with_reference_line(line).with_annotation(name.with_color(ink.text))
    });
    // Down the side of a terminal a label would run into the ticks; the title says what it is.
    let layout =
        if canvas.medium == Medium::Terminal { layout } else { layout.with_y_label(of.y.label.clone()) };
    Drawing { plots, layout, describe: super::rows(said) }
}

fn entry(label: &str, color: &str, shape: LegendShape, dasharray: Option<&str>) -> LegendEntry {
    LegendEntry {
        label: label.to_owned(),
        color: color.to_owned(),
        shape,
        dasharray: dasharray.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_figures() {
        for (scale, values, ends) in [
            (Scale::Years, [2012.9, 2021.4], (2012.0, 2022.0)),
            (Scale::Linear("%"), [56.5, 88.6], (50.0, 90.0)),
            (Scale::Linear(""), [0.4, 0.4], (0.4, 0.4)),
        ] {
            let found = scale.ends(values.into_iter()).unwrap();
            assert!(found.0 <= ends.0 + 1e-9 && found.1 >= ends.1 - 1e-9 && found.0 < found.1, "{found:?}");
        }
        assert_eq!(Scale::Years.ends([].into_iter()), None);
        assert_eq!(Scale::Linear("").ends([f64::NAN].into_iter()), None);
    }

    #[test]
    fn what_has_no_place_is_not_drawn() {
        let chart = |marks: Vec<Spot>| {
            plane(Plane {
                name: "test",
                title: "Test".to_owned(),
                x: Axis { label: "date".to_owned(), scale: Scale::Years },
                y: Axis { label: "energy".to_owned(), scale: Scale::Logarithmic("J") },
                groups: vec![Group {
                    name: "all".to_owned(),
                    series: 0,
                    hollow: false,
                    mark: 0,
                    points: marks,
                }],
                strokes: vec![],
                levels: vec![],
            })
        };
        let mark = |x, y| Spot { name: "<m>".to_owned(), x, y, ..Spot::default() };
        assert!(chart(vec![mark(2020.0, 0.0), mark(f64::NAN, 1.0), mark(2020.0, -1.0)]).is_none());
        let svg = chart(vec![mark(2020.0, 0.0), mark(2020.5, 1.0)]).unwrap().svg();
        assert!(svg.contains("&lt;m&gt;") && !svg.contains("<m>"));
    }
}
