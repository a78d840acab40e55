//! The roofline: what each layer attains, under what the device allows. Williams, Waterman, Patterson, "Roofline",
//! CACM 52(4), 2009.

use kuva::plot::legend::{LegendEntry, LegendPosition};
use kuva::plot::{LinePlot, LineStyle, ScatterPlot};
use kuva::prelude::Plot;
use kuva::render::annotations::TextAnnotation;

use super::{Canvas, Chart, Drawing, Medium, axis, drawable};
use crate::predict::Attained;
use crate::report::text::{percent, plain};
use crate::units::{BytesPerSecond, FlopsPerSecond};

/// Units of a scene that a dot of all the time has across, halved; and those that the largest and the smallest dot
/// drawn have.
const RADIUS: f64 = 60.0;
const RADII: (f64, f64) = (2.2, 22.0);
/// How far right of the ridge the level part reaches at least, as a factor: its label stands there.
const ROOM: f64 = 8.0;

/// One layer.
#[derive(Clone, PartialEq, Debug)]
pub struct Dot {
    /// Its name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Where the operator stands among those with a colour of their own.
    pub series: Option<usize>,
    /// Where it stands.
    pub at: Attained,
    /// Its share of the time: the area of the dot.
    pub share: f64,
    /// Its place in the file.
    pub layer: usize,
}

/// What a device allows.
#[derive(Clone, PartialEq, Debug)]
pub struct Roof {
    /// Whose word it is: `spec`, `measured`.
    pub basis: &'static str,
    /// Peak of arithmetic.
    pub peak: FlopsPerSecond,
    /// Its precision and unit, for its label.
    pub of: String,
    /// Peak of memory.
    pub bandwidth: BytesPerSecond,
}

impl Roof {
    /// FLOPs a byte from which arithmetic binds.
    fn ridge(&self) -> f64 {
        self.peak / self.bandwidth
    }
}

/// The chart; `None` without a dot or a roof. `operators` name the series in order.
#[must_use]
pub fn roofline<'a>(
    device: &str,
    dots: Vec<Dot>,
    roofs: Vec<Roof>,
    operators: Vec<String>,
    left_out: usize,
) -> Option<Chart<'a>> {
    let roofs: Vec<Roof> = roofs.into_iter().filter(|roof| drawable(roof.ridge())).collect();
    let mut dots: Vec<Dot> =
        dots.into_iter().filter(|dot| drawable(dot.at.intensity) && drawable(dot.at.rate.0)).collect();
    let first = roofs.first()?;
    if dots.is_empty() {
        return None;
    }
    for dot in &mut dots {
        dot.share = if dot.share.is_finite() { dot.share } else { 0.0 };
    }
    // Small dots on top of large ones.
    dots.sort_by(|a, b| b.share.total_cmp(&a.share));
    let intensities =
        dots.iter().map(|dot| dot.at.intensity).chain(roofs.iter().map(|roof| roof.ridge() * ROOM));
    let x = axis::decades(intensities)?;
    let rates = dots.iter().map(|dot| dot.at.rate.0).chain(roofs.iter().map(|roof| roof.peak.0 * 2.0));
    let y = axis::decades(rates)?;
    let rest = if left_out > 0 { format!("; {left_out} of less time are left out") } else { String::new() };
    let about = format!(
        "Roofline of {device}: {} layers by FLOPs a byte and FLOPs a second, {} peak {}, {} memory, ridge at {} FLOP/byte{rest}",
        dots.len(),
        first.basis,
        first.peak,
        first.bandwidth,
        plain(first.ridge()),
    );
    Some(Chart {
        name: "roofline",
        title: format!("Roofline on {device}"),
        about,
        size: (860.0, 470.0),
        rows: 22,
        draw: Box::new(move |canvas| draw(canvas, &dots, &roofs, &operators, x, y)),
    })
}

fn draw(
    canvas: &Canvas,
    dots: &[Dot],
    roofs: &[Roof],
    operators: &[String],
    x: (f64, f64),
    y: (f64, f64),
) -> Drawing {
    let ink = canvas.ink;
    let mut plots = vec![];
    let mut layout = axis::across(x, y, "");
    for (number, roof) in roofs.iter().enumerate() {
        let (ridge, peak) = (roof.ridge().log10(), roof.peak.0.log10());
        let slope = |at: f64| at + roof.bandwidth.0.log10();
        // Where the slope enters the picture: at its left edge, or its lower one.
        let from = x.0.max(y.0 - roof.bandwidth.0.log10());
        let style = if roof.basis == "spec" { LineStyle::Dashed } else { LineStyle::Solid };
        plots.push(Plot::Line(
            LinePlot::new()
                .with_data(vec![(from, slope(from)), (ridge, peak), (x.1, peak)])
                .with_color(ink.quiet)
                .with_stroke_width(1.8)
                .with_line_style(style),
        ));
        // Two roofs are near each other: only the first one is labelled in full.
        let label = format!("{} {} {}", roof.peak, roof.of, roof.basis);
        let middle = f64::midpoint(ridge, x.1).max(x.1 - (x.1 - x.0) * 0.22);
        let rise = (y.1 - y.0) * 0.025;
        layout = layout.with_annotation(
            TextAnnotation::new(label, middle, peak + rise).with_color(ink.text).with_font_size(12),
        );
        if number == 0 {
            let at = f64::midpoint(from, ridge);
            layout = layout
                .with_annotation(
                    TextAnnotation::new(roof.bandwidth.to_string(), at, slope(at) + rise * 2.5)
                        .with_color(ink.text)
                        .with_font_size(12),
                )
                .with_annotation(
                    TextAnnotation::new(
                        format!("ridge {} FLOP/byte", plain(roof.ridge())),
                        ridge,
                        peak + rise * 3.2,
                    )
                    .with_color(ink.text)
                    .with_font_size(12),
                );
        }
    }
    let radius = |share: f64| (RADIUS * share.sqrt()).min(RADII.1).max(RADII.0);
    plots.push(Plot::Scatter(
        ScatterPlot::new()
            .with_data(dots.iter().map(|dot| (dot.at.intensity.log10(), dot.at.rate.0.log10())))
            .with_sizes(dots.iter().map(|dot| radius(dot.share)))
            .with_colors(dots.iter().map(|dot| ink.of(dot.series)))
            .with_marker_opacity(0.7)
            .with_marker_stroke_width(0.6)
            .with_tooltips(),
    ));
    let shown = |series| dots.iter().any(|dot| dot.series == series);
    let mut entries: Vec<LegendEntry> = operators
        .iter()
        .enumerate()
        .filter(|(series, _)| shown(Some(*series)))
        .map(|(series, name)| ink.entry(name, Some(series)))
        .collect();
    if shown(None) {
        entries.push(ink.entry("other", None));
    }
    layout = layout
        .with_y_tick_step(axis::step(y))
        .with_y_tick_format(axis::powers("FLOP/s"))
        .with_x_label("FLOPs a byte moved")
        .with_legend_entries(entries)
        .with_legend_box(false)
        .with_legend_position(LegendPosition::OutsideRightTop);
    if canvas.medium != Medium::Terminal {
        layout = layout.with_y_label("attained; the area of a dot is its share of the time");
    }
    let marks = dots
        .iter()
        .map(|dot| {
            let title = format!(
                "{} ({})\n{} FLOP/byte, {}\n{} of the time",
                dot.name,
                dot.op,
                plain(dot.at.intensity),
                dot.at.rate,
                percent(dot.share)
            );
            (title, Some(dot.layer))
        })
        .collect();
    Drawing { plots, layout, describe: super::rows(marks) }
}
