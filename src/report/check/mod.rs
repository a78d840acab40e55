//! Lays out whether models keep their budgets: a line a breach, a Markdown table, JSON.

pub mod json;

use std::fmt::Write;

use super::Failure;
use super::grid::{Cell, Column, Fit, Grid};
use super::markdown;
use super::text::{plural, visible};
use crate::check::{Finding, Limit, Outcome};

/// What was found of one model.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked {
    /// Its file as the user named it.
    pub path: String,
    /// Its budgets; empty if it could not be counted.
    pub findings: Vec<Finding>,
    /// Why it could not be counted.
    pub failure: Option<Failure>,
}

impl Checked {
    /// Whether all of its budgets are kept.
    pub fn passes(&self) -> bool {
        self.failure.is_none() && self.findings.iter().all(Finding::passes)
    }
}

/// What was found, in a sentence without the name of the model: `max_flops 8.00 G: 8.21 G, 2.7 % too much`.
pub fn sentence(finding: &Finding) -> String {
    let metric = finding.rule.metric;
    let shown =
        |value: Option<f64>| value.map_or_else(|| "not known".to_owned(), |value| metric.shown(value));
    let mut out = match finding.rule.limit {
        Limit::AtMost(limit) => format!("max_{} {}", metric.key(), metric.shown(limit)),
        Limit::Increase(share) => {
            let percent = format!("{}", (share * 1e4).round() / 100.0);
            match finding.baseline {
                Some(baseline) => {
                    format!("{} at most {percent} % above {}", metric.key(), metric.shown(baseline))
                }
                None => format!("{} at most {percent} % above the baseline", metric.key()),
            }
        }
    };
    if let Some(device) = finding.rule.device.as_deref().filter(|_| metric.is_estimate()) {
        let _ = write!(out, " on {device}");
    }
    let _ = write!(out, ": {}", shown(finding.found));
    if let Some(spread) = finding.spread {
        let _ = write!(out, " ({} – {})", metric.shown(spread.low), metric.shown(spread.high));
    }
    match &finding.outcome {
        Outcome::Kept => {}
        Outcome::Noise => out.push_str(", within the interval of the estimate"),
        Outcome::Broken => match finding.excess() {
            Some(excess) if excess >= 0.0005 => {
                let _ = write!(out, ", {:.1} % too much", excess * 100.0);
            }
            _ => out.push_str(", too much"),
        },
        Outcome::Unknown(reason) => {
            let _ = write!(out, ", cannot be told: {reason}");
        }
    }
    out
}

/// A line for each budget that is not kept; with `all`, for those that are kept as well.
pub fn lines(checked: &[Checked], all: bool) -> Vec<String> {
    let mut lines = vec![];
    for model in checked {
        for finding in &model.findings {
            if all || !finding.passes() {
                lines.push(format!("{}: {}", visible(&model.path), visible(&sentence(finding))));
            }
        }
    }
    lines
}

/// `3 models, 7 budgets: 1 not kept`.
pub fn summary(checked: &[Checked]) -> String {
    let findings = || checked.iter().flat_map(|model| &model.findings);
    let broken = findings().filter(|finding| !finding.passes()).count() as u64;
    let failed = checked.iter().filter(|model| model.failure.is_some()).count() as u64;
    let mut out = format!(
        "{}, {}: ",
        plural(checked.len() as u64, "model", "models"),
        plural(findings().count() as u64, "budget", "budgets")
    );
    match broken {
        0 if failed > 0 => out.push_str("none broken"),
        0 => out.push_str("all kept"),
        broken => {
            let _ = write!(out, "{broken} not kept");
        }
    }
    if failed > 0 {
        let _ = write!(out, ", {} not counted", plural(failed, "model", "models"));
    }
    out
}

/// The result as Markdown: what is not kept first, all budgets folded below.
pub fn as_markdown(checked: &[Checked]) -> String {
    let mark = if checked.iter().all(Checked::passes) { "✅" } else { "❌" };
    let mut out = format!("### {mark} Budgets of models\n\n{}\n", summary(checked));
    let failures = checked.iter().filter_map(|model| model.failure.as_ref());
    let failures = failures.map(|failure| visible(&failure.error.message).into_owned());
    for line in lines(checked, false).into_iter().chain(failures) {
        let _ = writeln!(out, "\n- {}", markdown::comment(&line));
    }
    let rows = checked.iter().flat_map(|model| {
        model.findings.iter().map(|finding| {
            let metric = finding.rule.metric;
            let cell =
                |value: Option<f64>| value.map_or(Cell::Unknown, |value| Cell::text(metric.shown(value)));
            vec![
                Cell::text(if finding.passes() { "✅" } else { "❌" }),
                Cell::text(model.path.as_str()),
                Cell::text(metric.key()),
                Cell::text(
                    finding.rule.device.as_deref().filter(|_| metric.is_estimate()).unwrap_or_default(),
                ),
                cell(finding.allowed),
                cell(finding.found),
            ]
        })
    });
    let columns = vec![
        Column::new("kept", "", Fit::Word),
        Column::new("model", "model", Fit::Name),
        Column::new("metric", "budget", Fit::Word),
        Column::new("device", "device", Fit::Word),
        Column::new("allowed", "allowed", Fit::Number),
        Column::new("found", "found", Fit::Number),
    ];
    let grid = Grid { columns, rows: rows.collect(), foot: vec![] };
    if !grid.rows.is_empty() {
        let table = markdown::unaddressed(&markdown::table(&grid));
        let _ = write!(out, "\n<details><summary>All budgets</summary>\n\n{table}\n</details>\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Metric, Rule};
    use crate::diff::Spread;

    fn finding(metric: Metric, limit: Limit, found: f64, outcome: Outcome) -> Finding {
        let allowed = match limit {
            Limit::AtMost(limit) => limit,
            Limit::Increase(share) => 100.0 * (1.0 + share),
        };
        Finding {
            rule: Rule { metric, device: Some("d".to_owned()), limit },
            found: Some(found),
            spread: metric.is_estimate().then_some(Spread {
                value: found,
                low: found / 2.0,
                high: found * 2.0,
            }),
            baseline: matches!(limit, Limit::Increase(_)).then_some(100.0),
            allowed: Some(allowed),
            outcome,
        }
    }

    #[test]
    fn a_breach_says_what_is_allowed_and_what_was_found() {
        for (finding, expected) in [
            (
                finding(Metric::Flops, Limit::AtMost(8e9), 8.208e9, Outcome::Broken),
                "max_flops 8.00 G: 8.21 G, 2.6 % too much",
            ),
            (
                finding(Metric::Latency, Limit::AtMost(0.02), 0.01, Outcome::Kept),
                "max_latency_s 20.0 ms on d: 10.0 ms (5.00 ms – 20.0 ms)",
            ),
            (
                finding(Metric::Params, Limit::Increase(0.05), 110.0, Outcome::Broken),
                "params at most 5 % above 100: 110, 4.8 % too much",
            ),
            (
                finding(Metric::Flops, Limit::AtMost(1e9), 1e6, Outcome::Unknown("nobody knows".to_owned())),
                "max_flops 1.00 G: 1.00 M, cannot be told: nobody knows",
            ),
        ] {
            assert_eq!(sentence(&finding), expected);
        }
    }

    #[test]
    fn names_stay_text_in_a_comment() {
        let checked = Checked {
            path: "a|b`@someone<img>.onnx".to_owned(),
            findings: vec![finding(Metric::Flops, Limit::AtMost(1.0), 2.0, Outcome::Broken)],
            failure: None,
        };
        let text = as_markdown(&[checked]);
        assert!(text.contains("a\\|b\\`@\u{200b}someone\\<img\\>"), "{text}");
        assert!(!text.contains("@someone"), "{text}");
    }
}
