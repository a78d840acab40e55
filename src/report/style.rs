//! Colours, or none.

use anstyle::{AnsiColor, Style as Ansi};

/// How parts of a screen stand out.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Not at all.
    pub plain: Ansi,
    /// What a person looks for first.
    pub strong: Ansi,
    /// Headings of columns.
    pub heading: Ansi,
    /// What matters least.
    pub quiet: Ansi,
    /// What needs attention.
    pub alert: Ansi,
}

impl Style {
    /// No colour at all: for files, pipes and people who ask for none.
    pub const PLAIN: Self = Self {
        plain: Ansi::new(),
        strong: Ansi::new(),
        heading: Ansi::new(),
        quiet: Ansi::new(),
        alert: Ansi::new(),
    };

    /// For a terminal.
    pub const COLOURED: Self = Self {
        plain: Ansi::new(),
        strong: Ansi::new().bold(),
        heading: Ansi::new().underline(),
        quiet: Ansi::new().dimmed(),
        alert: AnsiColor::Yellow.on_default(),
    };
}
