//! Amounts as people write them: `8.5 G`, `100 MB`, `20 ms`, `5 %`.

use super::{Metric, Unit};

/// Why a text is no amount.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AmountError {
    /// It does not begin with a number of 0 or more, or ends in something that is no unit of the metric.
    #[error("\"{text}\" is no {what}: write a number of 0 or more, as in {example}")]
    Amount {
        /// What was written.
        text: String,
        /// What was wanted.
        what: &'static str,
        /// How it is written.
        example: &'static str,
    },
}

/// SI prefixes, and those of powers of 1024 for bytes.
const PREFIXES: &[(&str, f64)] = &[
    ("", 1.0),
    ("n", 1e-9),
    ("µ", 1e-6),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];
const BINARY: &[(&str, f64)] =
    &[("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0), ("TiB", 1_099_511_627_776.0)];

/// A number in the base unit of a metric, from a number with an SI prefix and the unit, either left out: `8.5 GFLOP`,
/// `8.5G`, `100 MB`, `95 MiB`, `20 ms`.
///
/// # Errors
/// [`AmountError`].
pub fn parse_amount(text: &str, metric: Metric) -> Result<f64, AmountError> {
    let (what, example, symbols): (_, _, &[&str]) = match metric.unit() {
        Unit::Count => ("count", "\"8.5 G\"", &["FLOPs", "FLOP", "MACs", "MAC", ""]),
        Unit::Bytes => ("size", "\"100 MB\"", &["B", ""]),
        Unit::Seconds => ("time", "\"20 ms\"", &["s", ""]),
        Unit::Joules => ("energy", "\"500 mJ\"", &["J", ""]),
    };
    let wrong = || AmountError::Amount { text: text.to_owned(), what, example };
    let (number, rest) = number(text).ok_or_else(wrong)?;
    if metric.unit() == Unit::Bytes
        && let Some((_, factor)) = BINARY.iter().find(|(name, _)| *name == rest)
    {
        return Ok(number * factor);
    }
    let prefix = symbols.iter().find_map(|symbol| {
        let prefix = rest.strip_suffix(symbol)?;
        PREFIXES.iter().find(|(name, _)| *name == prefix)
    });
    prefix.map(|(_, factor)| number * factor).filter(|amount| amount.is_finite()).ok_or_else(wrong)
}

/// A share, from `5 %`, `+5%` or `0`.
///
/// # Errors
/// [`AmountError`].
pub fn parse_share(text: &str) -> Result<f64, AmountError> {
    let wrong = || AmountError::Amount { text: text.to_owned(), what: "share", example: "\"5 %\"" };
    let (number, rest) = number(text.trim().trim_start_matches('+')).ok_or_else(wrong)?;
    match rest {
        "%" => Ok(number / 100.0),
        "" if number == 0.0 => Ok(0.0),
        _ => Err(wrong()),
    }
}

/// A number of 0 or more at the start of a text, and what follows.
fn number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let plain = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    // An exponent only where digits follow: the E of `2 E` is a prefix.
    let exponent = text.get(plain..).and_then(|rest| {
        let digits = rest.strip_prefix(['e', 'E'])?;
        let signed = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        let length = signed.find(|c: char| !c.is_ascii_digit()).unwrap_or(signed.len());
        (length > 0).then(|| rest.len() - signed.len() + length)
    });
    let (digits, rest) = text.split_at_checked(plain + exponent.unwrap_or(0))?;
    let number: f64 = digits.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, metric, expected) in [
            ("8.5 G", Metric::Flops, Some(8.5e9)),
            ("8.5GFLOP", Metric::Flops, Some(8.5e9)),
            ("4e9", Metric::Flops, Some(4e9)),
            ("2 E", Metric::Flops, Some(2e18)),
            ("25_557_032", Metric::Params, Some(25_557_032.0)),
            ("100 MB", Metric::PeakMemory, Some(1e8)),
            ("1 KiB", Metric::ParamBytes, Some(1024.0)),
            ("20 ms", Metric::Latency, Some(0.02)),
            ("0.02", Metric::Latency, Some(0.02)),
            ("500 mJ", Metric::Energy, Some(0.5)),
            ("20 ms", Metric::Energy, None),
            ("1 KiB", Metric::Flops, None),
            ("-1", Metric::Flops, None),
            ("much", Metric::Flops, None),
            ("5 %", Metric::Flops, None),
            ("1e999", Metric::Flops, None),
            ("", Metric::Flops, None),
        ] {
            let found = parse_amount(text, metric).ok();
            let close = match (found, expected) {
                (Some(found), Some(expected)) => (found / expected - 1.0).abs() < 1e-12,
                (found, expected) => found == expected,
            };
            assert!(close, "{text}: {found:?}");
        }
    }

    #[test]
    fn shares_are_percentages() {
        for (text, expected) in [
            ("5 %", Some(0.05)),
            ("+5%", Some(0.05)),
            ("0", Some(0.0)),
            ("5", None),
            ("-5%", None),
            ("%", None),
        ] {
            assert_eq!(parse_share(text).ok(), expected, "{text}");
        }
    }
}
