//! Colours of charts: told apart by people who do not see all of them, and in grey by what is beside them.
//!
//! The series are those of Okabe and Ito, "Color Universal Design" (2008), without black, and in an order in which
//! neighbours differ most.

use kuva::plot::legend::{LegendEntry, LegendShape};

/// The colours of one medium.
#[derive(Clone, Copy, Debug)]
pub struct Ink {
    /// Text.
    pub text: &'static str,
    /// Axes, and what matters least.
    pub quiet: &'static str,
    /// Lines behind the data.
    pub grid: &'static str,
    /// What everything stands on.
    pub background: &'static str,
    /// Data, by series.
    pub series: [&'static str; 7],
    /// Data of no series of its own.
    pub other: &'static str,
}

/// Blue, orange, green, vermilion, purple, sky, yellow.
const SERIES: [&str; 7] = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442"];

impl Ink {
    /// The colour of the n-th series; those beyond the last share one.
    pub fn of(&self, series: Option<usize>) -> &'static str {
        series.and_then(|series| self.series.get(series)).copied().unwrap_or(self.other)
    }

    /// What a legend says of a series.
    pub fn entry(&self, label: &str, series: Option<usize>) -> LegendEntry {
        LegendEntry {
            label: label.to_owned(),
            color: self.of(series).to_owned(),
            shape: LegendShape::Circle,
            dasharray: None,
        }
    }
}

/// Files: on white.
pub const PAPER: Ink = Ink {
    text: "#1b1f24",
    quiet: "#6b7480",
    grid: "#e3e6ea",
    background: "#ffffff",
    series: SERIES,
    other: "#98a1ab",
};

/// A page: its style sheet says what these are by day and by night. The series stay.
pub const PAGE: Ink = Ink {
    text: "var(--text)",
    quiet: "var(--quiet)",
    grid: "var(--line)",
    background: "var(--ground)",
    series: SERIES,
    other: "#98a1ab",
};

/// A terminal, dark or light.
pub const TERMINAL: Ink = Ink {
    text: "#909090",
    quiet: "#909090",
    grid: "#909090",
    background: "none",
    series: SERIES,
    other: "#98a1ab",
};
