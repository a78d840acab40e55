//! Amounts side by side: the layers, or the operators, that take most.

use kuva::plot::BarPlot;
use kuva::prelude::{Layout, Plot};
use kuva::render::annotations::TextAnnotation;

use super::{CELL, Canvas, Chart, Drawing, Medium, axis, drawable};
use crate::report::text::{cut_middle, visible, width};

/// Columns of the longest name.
const NAME: usize = 36;
/// Units of a scene for a bar and the space below it.
const ROW: f64 = 22.0;

/// One bar.
#[derive(Clone, PartialEq, Debug)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Its length.
    pub amount: f64,
    /// Its length for people.
    pub shown: String,
    /// What more is to be said of it.
    pub remark: String,
    /// Its colour.
    pub series: Option<usize>,
    /// Its layer, if it is of one.
    pub layer: Option<usize>,
}

/// A chart of bars.
#[derive(Clone, PartialEq, Debug)]
pub struct Bars {
    /// The name of its file.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// What the bars are lengths of.
    pub of: &'static str,
    /// Unit of the amounts; `%` if they are shares.
    pub unit: &'static str,
    /// The bars, the first one on top.
    pub bars: Vec<Bar>,
}

/// The chart; `None` without a bar of some length.
#[must_use]
pub fn bars<'a>(of: Bars) -> Option<Chart<'a>> {
    let Bars { name, title, of, unit, mut bars } = of;
    bars.retain(|bar| drawable(bar.amount));
    let first = bars.first()?;
    let about = format!("{title}: {} bars, the first is {} with {}", bars.len(), first.name, first.shown);
    let count = bars.len();
    let height = 70.0 + ROW * count as f64;
    Some(Chart {
        name,
        title,
        about,
        size: (860.0, height),
        rows: 6 + count,
        draw: Box::new(move |canvas| draw(canvas, &bars, of, unit)),
    })
}

fn draw(canvas: &Canvas, bars: &[Bar], of: &str, unit: &'static str) -> Drawing {
    let longest = bars.iter().map(|bar| bar.amount).fold(0.0, f64::max);
    let mut plot = BarPlot::new().with_horizontal(true).with_width(0.72).with_tooltips();
    // The library counts from below.
    for bar in bars.iter().rev() {
        plot = plot.with_colored_bar(short(&bar.name), bar.amount, canvas.ink.of(bar.series));
    }
    let names: Vec<String> = bars.iter().rev().map(|bar| short(&bar.name)).collect();
    let room = names.iter().map(|name| width(name)).max().unwrap_or(0) as f64;
    let column = if canvas.medium == Medium::Terminal { CELL.0 } else { 7.1 };
    // The longest bar and its text fill the width.
    let said = bars.iter().map(|bar| width(&bar.shown)).max().unwrap_or(0) as f64 * column + 14.0;
    let inside = (canvas.width - room * column - 34.0).max(2.0 * said);
    let end = longest * inside / (inside - said);
    let plots = vec![Plot::Bar(plot)];
    let mut layout = Layout::auto_from_plots(&plots)
        .with_y_categories(names)
        .with_x_axis_min(0.0)
        .with_x_axis_max(end)
        .with_x_tick_format(if unit == "%" { axis::shares(end) } else { axis::amounts(unit) })
        .with_x_label(of)
        .with_force_margins(room * column + 18.0, 16.0);
    for (place, bar) in bars.iter().rev().enumerate() {
        // The text is centred: half of it to the right of the end of its bar.
        let half = end * (width(&bar.shown) as f64 * column / 2.0 + 8.0) / inside;
        // It stands above its point: that is below the middle of the bar.
        let drop = if canvas.medium == Medium::Terminal { 0.35 } else { 0.42 };
        layout = layout.with_annotation(
            TextAnnotation::new(bar.shown.clone(), bar.amount + half, place as f64 + 1.0 - drop)
                .with_color(canvas.ink.text)
                .with_font_size(12),
        );
    }
    let marks = bars
        .iter()
        .rev()
        .map(|bar| {
            let space = if bar.remark.is_empty() { "" } else { "\n" };
            (format!("{}\n{}{space}{}", bar.name, bar.shown, bar.remark), bar.layer)
        })
        .collect();
    Drawing { plots, layout, describe: super::rows(marks) }
}

fn short(name: &str) -> String {
    cut_middle(&visible(name), NAME)
}
