//! The operator table against the list of all operators that the `onnx` and `onnxruntime` packages print.

use std::collections::BTreeSet;

use ergometer::ops::{OPERATORS, Operator, Rule};

/// Operators that real files hold and no schema lists: ONNX Runtime's tools write this one under
/// ai.onnx.
const UNLISTED: &[(&str, &str)] = &[("", "SimplifiedLayerNormalization")];

/// `domain name first-version` of every operator in the list.
fn listed() -> BTreeSet<(String, String, i64)> {
    include_str!("data/operators.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect("the line has its columns");
            let (domain, name, versions) = (word(), word(), word());
            let domain = if domain == "ai.onnx" { "" } else { domain };
            let first =
                versions.split(',').next().and_then(|n| n.parse().ok()).expect("the version is a number");
            (domain.to_owned(), name.to_owned(), first)
        })
        .collect()
}

fn key(operator: &Operator) -> (String, String, i64) {
    (operator.domain.to_owned(), operator.name.to_owned(), operator.since)
}

#[test]
fn the_table_has_every_operator_that_is_listed_and_no_other() {
    let table: BTreeSet<_> = OPERATORS
        .iter()
        .filter(|operator| !UNLISTED.contains(&(operator.domain, operator.name)))
        .map(key)
        .collect();
    let listed = listed();
    let missing: Vec<_> = listed.difference(&table).collect();
    let unknown: Vec<_> = table.difference(&listed).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}\nnot listed: {unknown:?}");
}

#[test]
fn no_operator_has_two_rows() {
    let mut seen = BTreeSet::new();
    for operator in OPERATORS {
        assert!(seen.insert((operator.domain, operator.name)), "{} has two rows", operator.name);
    }
}

#[test]
fn an_unsupported_operator_says_why() {
    for operator in OPERATORS {
        if let Rule::Unsupported(reason) = operator.rule {
            assert!(reason.len() > 12 && reason != "no rule yet", "{}: \"{reason}\"", operator.name);
        }
    }
}
