//! Axes: logarithms in full decades, with the figures that people know on their ticks.

use std::sync::Arc;

use kuva::TickFormat;
use kuva::prelude::Layout;

use super::drawable;
use crate::report::text::plain;
use crate::units::quantity;

/// The smallest span of logarithms that whole decades cover, and at least one decade; `None` without a value to
/// place.
pub fn decades(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let logarithms = values.into_iter().filter(|value| drawable(*value)).map(f64::log10);
    let (low, high) =
        logarithms.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    if !low.is_finite() {
        return None;
    }
    let low = (low - 1e-9).floor();
    Some((low, (high + 1e-9).ceil().max(low + 1.0)))
}

/// Axes of exactly these ends, the horizontal one of logarithms in a unit.
pub fn across(x: (f64, f64), y: (f64, f64), unit: &'static str) -> Layout {
    Layout::new(x, y)
        .with_x_axis_min(x.0)
        .with_x_axis_max(x.1)
        .with_y_axis_min(y.0)
        .with_y_axis_max(y.1)
        .with_x_tick_step(step(x))
        .with_x_tick_format(powers(unit))
}

/// How far ticks are apart: every decade, or every so many, that there are at most eight.
pub fn step((low, high): (f64, f64)) -> f64 {
    ((high - low) / 8.0).ceil().max(1.0)
}

/// Ticks at powers of ten, in a unit.
pub fn powers(unit: &'static str) -> TickFormat {
    TickFormat::Custom(Arc::new(move |exponent| {
        let value = 10f64.powf(exponent);
        if unit.is_empty() { short(&plain(value)) } else { short(&quantity(value, unit)) }
    }))
}

/// Ticks at powers of ten, with a prefix: `1 G`.
pub fn counts() -> TickFormat {
    TickFormat::Custom(Arc::new(|exponent| short(quantity(10f64.powf(exponent), "").trim_end())))
}

/// Ticks of a share of a whole, on an axis that ends at `end`.
pub fn shares(end: f64) -> TickFormat {
    let decimals = if end > 0.04 { 0 } else { 1 };
    TickFormat::Custom(Arc::new(move |share| format!("{:.decimals$} %", share * 100.0)))
}

/// Ticks in a unit.
pub fn amounts(unit: &'static str) -> TickFormat {
    TickFormat::Custom(Arc::new(move |amount| short(&quantity(amount, unit))))
}

/// Without digits that say nothing: `1.00 k` is `1 k`, `2.50` stays.
fn short(figure: &str) -> String {
    let (number, unit) = figure.split_once(' ').unwrap_or((figure, ""));
    let number = match number.split_once('.') {
        Some((whole, part)) if part.chars().all(|digit| digit == '0') => whole,
        _ => number,
    };
    format!("{number} {unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_covers_whole_decades() {
        for (values, expected) in [
            (vec![3.0, 250.0], Some((0.0, 3.0))),
            (vec![10.0, 100.0], Some((0.0, 3.0))),
            (vec![20.0], Some((1.0, 2.0))),
            (vec![2e-12, 0.0, -1.0, f64::NAN, f64::INFINITY], Some((-12.0, -11.0))),
            (vec![], None),
            (vec![0.0, f64::NAN], None),
        ] {
            let found = decades(values.clone());
            match (found, expected) {
                // Ends that are powers of ten may be drawn a decade in.
                (Some((low, high)), Some((least, most))) => {
                    assert!(low >= least && high <= most, "{values:?}: {found:?}");
                }
                _ => assert_eq!(found, expected, "{values:?}"),
            }
        }
    }

    #[test]
    fn ticks_are_short() {
        for (exponent, unit, expected) in [
            (0.0, "", "1"),
            (-2.0, "", "0.01"),
            (3.0, "B/s", "1 kB/s"),
            (-6.0, "s", "1 µs"),
            (1.0, "s", "10 s"),
        ] {
            assert_eq!(powers(unit).format(exponent), expected);
        }
        assert_eq!(amounts("J").format(0.0025), "2.50 mJ");
    }
}
