//! Text that fits: names made safe for a terminal, cut to a width, and lists folded into lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::units::quantity;

/// Stands for what was cut out.
const ELLIPSIS: char = '…';

/// The text without anything that moves a cursor, changes a colour or reverses the direction of writing:
/// control and formatting characters are written as Rust escapes.
pub fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe.into()
}

/// Control characters, line separators, directional marks and zero-width characters.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Columns that the text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns` columns, its middle cut out. More of the end is kept: paths of modules differ there.
pub fn cut_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let head = take(text.chars(), kept / 4);
    let tail: String = take(text.chars().rev(), kept - kept / 4).chars().rev().collect();
    format!("{head}{ELLIPSIS}{tail}")
}

/// The text in at most `columns` columns, its end cut off: sentences begin with what matters.
pub fn cut_end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = take(text.chars(), columns.saturating_sub(1));
    cut.push(ELLIPSIS);
    cut
}

/// As many characters as fit.
fn take(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut left = columns;
    characters
        .map_while(|c| {
            left = left.checked_sub(c.width().unwrap_or(0))?;
            Some(c)
        })
        .collect()
}

/// Words in lines of at most `columns` columns. A word that is longer has a line for itself.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    fold(text.split(' '), " ", columns)
}

/// Items in lines of at most `columns` columns, `separator` between items of a line.
pub fn fold<'a>(items: impl IntoIterator<Item = &'a str>, separator: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for item in items {
        match lines.last_mut() {
            Some(line) if width(line) + width(separator) + width(item) <= columns => {
                line.push_str(separator);
                line.push_str(item);
            }
            _ => lines.push(item.to_owned()),
        }
    }
    lines
}

/// `1 node`, `3 nodes`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `41 %`, with a decimal below ten.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// A number without a unit, of four significant digits: `0.125`, `76.13`; from a thousand on with an SI prefix.
pub fn plain(value: f64) -> String {
    let magnitude = value.abs().log10().floor();
    if value == 0.0 || !(-5.0..3.0).contains(&magnitude) {
        return quantity(value, "");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 8")]
    let decimals = (3.0 - magnitude) as usize;
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A bar of `columns` columns at most, full where `share` is 1, in eighths of a column.
pub fn bar(share: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * 8.0 * columns as f64).round();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the width of a terminal"
    )]
    let eighths = if eighths.is_finite() { eighths as usize } else { 0 };
    "█".repeat(eighths / 8) + EIGHTHS.get(eighths % 8).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_cannot_steer_a_terminal() {
        for (name, shown) in [
            ("layer1/conv", "layer1/conv"),
            ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
            ("слой·層", "слой·層"),
        ] {
            assert_eq!(visible(name), shown);
        }
    }

    #[test]
    fn long_names_lose_their_middle_and_sentences_their_end() {
        assert_eq!(cut_middle("layer4.2.conv2", 14), "layer4.2.conv2");
        assert_eq!(cut_middle("layer4.2.conv2", 9), "la….conv2");
        assert_eq!(cut_middle("層層層層", 6), "…層層");
        assert_eq!(cut_end("decodes opaque bytes", 8), "decodes…");
        assert_eq!(cut_middle("abc", 0), "…");
    }

    #[test]
    fn items_fold_into_lines() {
        assert_eq!(fold(["aa", "bb", "cc"], ", ", 6), ["aa, bb", "cc"]);
        assert_eq!(wrap("one two incomprehensible", 8), ["one two", "incomprehensible"]);
    }

    #[test]
    fn bars_are_drawn_in_eighths() {
        for (share, expected) in
            [(0.0, ""), (1.0, "████"), (0.5, "██"), (0.53125, "██▏"), (7.0, "████"), (f64::NAN, "")]
        {
            assert_eq!(bar(share, 4), expected, "{share}");
        }
    }

    #[test]
    fn ratios_have_no_prefix_until_they_are_large() {
        for (value, expected) in [
            (0.125, "0.125"),
            (76.13, "76.13"),
            (0.0, "0"),
            (1.0, "1"),
            (0.01, "0.01"),
            (0.333_33, "0.3333"),
            (999.96, "1000"),
            (1_234.5, "1.23 k"),
            (-0.5, "-0.5"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(plain(value), expected);
        }
    }

    #[test]
    fn small_shares_keep_a_decimal() {
        for (share, expected) in [(0.0, "0 %"), (0.061, "6.1 %"), (0.0996, "10 %"), (1.0, "100 %")] {
            assert_eq!(percent(share), expected);
        }
    }
}
