//! Charts, each defined once and drawn by `kuva` as an SVG file, inside a page, as a PNG, and as text on a terminal.
//!
//! Nothing else in the crate knows the drawing library. Names in models are hostile: every text of a finished scene is
//! made visible and kept from being read as mathematics in one place, `Chart::scene`. Logarithmic axes are drawn as
//! linear axes of logarithms: the library's own are not defined for no data, and cut off below 1e-10.

mod axis;
mod bars;
mod growth;
mod ink;
mod intervals;
mod model;
mod pareto;
mod plane;
mod roofline;
mod scatter;
mod treemap;
mod zoo;

pub use bars::{Bar, Bars, bars};
pub use growth::{Growing, growth};
pub use intervals::{Interval, Intervals, intervals};
pub use model::{DOTS, of_model};
pub use pareto::{Pareto, Point, pareto};
pub use plane::{Axis, Group, Level, Plane, Scale, Spot, Stroke, plane};
pub use roofline::{Dot, Roof, roofline};
pub use scatter::{Compared, compared};
pub use treemap::{Tile, Treemap, treemap};
pub use zoo::{name, of_zoo};

use std::borrow::Cow;
use std::fmt::Write;

use kuva::TerminalBackend;
use kuva::backend::svg::SvgBackend;
use kuva::prelude::{Layout, Plot};
use kuva::render::color::Color;
use kuva::render::render::{Primitive, Scene, render_multiple};
use kuva::render::theme::Theme;

use super::text::visible;
use ink::Ink;

/// Pixels of a character cell of a terminal, in the units of a scene: width, height.
const CELL: (f64, f64) = (8.0, 16.0);
/// Pixels a unit of a scene has in a PNG.
#[cfg(feature = "png")]
const PNG_SCALE: f32 = 2.0;

/// A chart.
pub struct Chart<'a> {
    /// A word for it: the name of its file.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// The same for somebody who does not see it, with what it comes to.
    pub about: String,
    /// Units of a scene: width, height.
    size: (f64, f64),
    /// Lines of a terminal.
    rows: usize,
    draw: Box<dyn Fn(&Canvas) -> Drawing + 'a>,
}

/// What a chart is drawn on.
struct Canvas {
    width: f64,
    height: f64,
    ink: &'static Ink,
    medium: Medium,
}

/// Where a chart is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Medium {
    /// A file of its own.
    File,
    /// A page that has a heading for it, and colours that follow the reader's.
    Page,
    /// A grid of characters.
    Terminal,
}

/// A chart in the terms of the library.
struct Drawing {
    plots: Vec<Plot>,
    layout: Layout,
    /// What a mark says of itself: from its number, and from what the library says of it.
    describe: Describe,
}

type Describe = Box<dyn Fn(usize, &str) -> Mark>;

/// What a mark says where it is pointed at.
#[derive(Default)]
struct Mark {
    title: String,
    /// Name and value of an attribute that a script finds it by.
    link: Option<(&'static str, String)>,
}

/// Marks in the order they are drawn, each with the row of the page that it stands for.
fn rows(marks: Vec<(String, Option<usize>)>) -> Describe {
    Box::new(move |number, _| {
        marks.get(number).map_or_else(Mark::default, |(title, row)| Mark {
            title: title.clone(),
            link: row.map(|row| ("data-layer", row.to_string())),
        })
    })
}

impl std::fmt::Debug for Chart<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chart").field("name", &self.name).field("title", &self.title).finish_non_exhaustive()
    }
}

impl Chart<'_> {
    /// An SVG file with the title above.
    #[must_use]
    pub fn svg(&self) -> String {
        let scene = self.scene(&self.canvas(Medium::File), "");
        let svg = SvgBackend::new().render_scene(&scene);
        self.labelled(&svg, &scene)
    }

    /// An SVG element for a page: without a title, as wide as its place, in the colours of the page. `id` keeps its
    /// inner names apart from those of other charts.
    #[must_use]
    pub fn element(&self, id: &str) -> String {
        let mut scene = self.scene(&self.canvas(Medium::Page), id);
        scene.background_color = None;
        // The page styles marks; the library would for the whole page.
        scene.has_tooltips = false;
        let svg = SvgBackend::new().render_scene(&scene);
        self.labelled(&svg, &scene)
    }

    /// A PNG file, twice as fine as the SVG.
    ///
    /// # Errors
    /// What the library says.
    #[cfg(feature = "png")]
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let scene = self.scene(&self.canvas(Medium::File), "");
        kuva::RasterBackend::new().with_scale(PNG_SCALE).render_scene(&scene)
    }

    /// Lines for a terminal of so many columns, the title first.
    #[must_use]
    pub fn text(&self, columns: usize, coloured: bool) -> String {
        let columns = columns.max(20);
        let rows = self.rows;
        let canvas = Canvas {
            width: columns as f64 * CELL.0,
            height: rows as f64 * CELL.1,
            ink: &ink::TERMINAL,
            medium: Medium::Terminal,
        };
        let drawn = TerminalBackend::new(columns, rows).render_scene(&self.scene(&canvas, ""));
        let mut out = format!("{}\n", visible(&self.title));
        for line in drawn.lines() {
            let plain = without_escapes(line);
            let line = if coloured && !plain.trim().is_empty() { Cow::Borrowed(line) } else { plain };
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    fn canvas(&self, medium: Medium) -> Canvas {
        let ink = if medium == Medium::Page { &ink::PAGE } else { &ink::PAPER };
        Canvas { width: self.size.0, height: self.size.1, ink, medium }
    }

    fn scene(&self, canvas: &Canvas, id: &str) -> Scene {
        let Drawing { plots, mut layout, describe } = (self.draw)(canvas);
        let Ink { text, quiet, grid, background, .. } = *canvas.ink;
        layout = layout
            .with_theme(Theme {
                background: background.into(),
                axis_color: quiet.into(),
                grid_color: grid.into(),
                tick_color: quiet.into(),
                text_color: text.into(),
                legend_bg: background.into(),
                legend_border: "none".into(),
                font_family: Some("system-ui, sans-serif".into()),
                ..Theme::light()
            })
            .with_width(canvas.width)
            .with_height(canvas.height)
            .with_title_size(15)
            .with_label_size(13)
            .with_tick_size(12)
            .with_body_size(12);
        if canvas.medium == Medium::File {
            layout = layout.with_title(self.title.clone());
        }
        if canvas.medium == Medium::Terminal {
            layout = layout.with_show_grid(false);
        }
        let mut scene = render_multiple(plots, layout);
        let mut marks = 0;
        let mut fill = Color::None;
        for element in &mut scene.elements {
            match element {
                Primitive::GroupStart { title: Some(title), extra_attrs, .. } => {
                    let Mark { title: said, link } = describe(marks, title);
                    marks += 1;
                    *title = said.lines().map(visible).collect::<Vec<_>>().join("\n");
                    let link = link.filter(|_| canvas.medium == Medium::Page);
                    *extra_attrs = link.map(|(name, value)| {
                        format!("class=\"mark\" {name}=\"{}\"", attribute(&visible(&value)))
                    });
                }
                Primitive::Rect { fill: of, stroke, .. } => {
                    fill = of.clone();
                    if let Some(stroke) = stroke {
                        *stroke = Color::from(background);
                    }
                }
                Primitive::Text { content, color, .. } => {
                    if let Some(color) = color {
                        *color = legible(color, &fill);
                    }
                    // A pair of dollar signs would be read as mathematics.
                    *content = visible(content).replace('$', "\\$");
                }
                Primitive::ClipStart { id: clip, .. } => *clip = format!("{id}{clip}"),
                _ => {}
            }
        }
        if !id.is_empty() {
            for definition in &mut scene.defs {
                *definition = definition.replace("id=\"", &format!("id=\"{id}"));
            }
        }
        if canvas.medium == Medium::Terminal {
            outline(&mut scene, self.name);
        }
        scene
    }

    /// The SVG with a size that follows its place, and a text in place of the picture.
    fn labelled(&self, svg: &str, scene: &Scene) -> String {
        let size = format!("width=\"{}\" height=\"{}\"", scene.width, scene.height);
        let label = attribute(&visible(&self.about));
        let shape = format!(
            "viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{label}\"",
            scene.width, scene.height, scene.width, scene.height
        );
        svg.replacen(&size, &shape, 1)
    }
}

/// A number that a logarithmic axis has a place for.
fn drawable(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// White text becomes black where its ground is bright: relative luminance by WCAG 2.2.
fn legible(text: &Color, ground: &Color) -> Color {
    let (Color::Rgb(255, 255, 255), Color::Rgb(r, g, b)) = (text, ground) else { return text.clone() };
    let linear = |channel: u8| {
        let part = f64::from(channel) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(*r) + 0.7152 * linear(*g) + 0.0722 * linear(*b);
    // Where the contrast with black and with white is equal.
    if luminance > 0.179 { Color::Rgb(0, 0, 0) } else { text.clone() }
}

/// Filled areas as their outlines: without colours, filled neighbours are one.
fn outline(scene: &mut Scene, name: &str) {
    if name != treemap::NAME {
        return;
    }
    let elements = std::mem::take(&mut scene.elements);
    for element in elements {
        let Primitive::Rect { x, y, width, height, fill, .. } = element else {
            scene.elements.push(element);
            continue;
        };
        // Half a cell in: neighbours do not draw over each other's edges.
        let (left, right) = (x + CELL.0 / 2.0, (x + width - CELL.0 / 2.0).max(x + CELL.0 / 2.0));
        let (top, bottom) = (y + CELL.1 / 2.0, (y + height - CELL.1 / 2.0).max(y + CELL.1 / 2.0));
        for (x1, y1, x2, y2) in [
            (left, top, right, top),
            (left, bottom, right, bottom),
            (left, top, left, bottom),
            (right, top, right, bottom),
        ] {
            scene.elements.push(Primitive::Line {
                x1,
                y1,
                x2,
                y2,
                stroke: fill.clone(),
                stroke_width: 1.0,
                stroke_dasharray: None,
            });
        }
    }
}

/// A line without its colours.
fn without_escapes(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return line.into();
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.into()
}

/// Text inside the quotes of an attribute.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
