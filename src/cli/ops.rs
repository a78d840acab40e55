//! `ergometer ops`: the operator table and what is known of each operator.

use std::io::Write;

use clap::Args;

use super::error::Refusal;
use super::output::{self, Output};
use super::{Format, Global, Status};
use crate::ops::{OPERATORS, Operator, Rule};
use crate::report::grid::{Cell, Column, Fit, Grid};

/// Options of `ops`.
#[derive(Args, Debug)]
pub struct Options {
    /// Only operators with this in their name or domain, in any case
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let wanted = options.name.as_deref().unwrap_or_default().to_lowercase();
    let is_wanted = |operator: &&Operator| {
        operator.name.to_lowercase().contains(&wanted) || domain(operator).contains(&wanted)
    };
    if !OPERATORS.iter().any(|operator| is_wanted(&operator)) {
        let name = options.name.as_deref().unwrap_or_default();
        return Err(Refusal::usage(format!("no operator is called \"{name}\"")).hint(near(&wanted)).into());
    }
    let grid = Grid {
        columns: vec![
            Column::new("domain", "domain", Fit::Name),
            Column::new("name", "operator", Fit::Name),
            Column::new("since", "since", Fit::Number),
            Column::new("state", "state", Fit::Word),
            Column::new("reason", "why", Fit::Sentence),
        ],
        rows: OPERATORS.iter().filter(is_wanted).map(row).collect(),
        foot: vec![],
    };
    let mut out = Output::open(global)?;
    output::write(&grid, global, &mut out)?;
    if global.format() == Format::Table {
        let states = ["costed", "subgraph", "unsupported"].map(|state| {
            let rows = grid.rows.iter().filter(|row| row.contains(&Cell::text(state)));
            format!("{} {state}", rows.count())
        });
        writeln!(out, "{} operators: {}", grid.rows.len(), states.join(", "))?;
    }
    out.finish()?;
    Ok(Status::Done)
}

/// What to try instead of a name, in lower case, that no operator has.
pub fn near(wanted: &str) -> String {
    let near = OPERATORS
        .iter()
        .map(|operator| (strsim::damerau_levenshtein(&operator.name.to_lowercase(), wanted), operator.name))
        .min()
        .filter(|(distance, near)| *distance <= near.len() / 2);
    match near {
        Some((_, near)) => format!("did you mean {near}? `ergometer ops` lists all of them"),
        None => "`ergometer ops` lists all of them".to_owned(),
    }
}

/// The domain of an operator as people write it.
pub fn domain(operator: &Operator) -> &'static str {
    if operator.domain.is_empty() { "ai.onnx" } else { operator.domain }
}

fn row(operator: &Operator) -> Vec<Cell<'static>> {
    let (state, reason) = match operator.rule {
        Rule::Costed(_) | Rule::Modified(..) => ("costed", ""),
        Rule::Subgraph(_) => ("subgraph", "its bodies' nodes are counted"),
        Rule::Unsupported(reason) => ("unsupported", reason),
    };
    vec![
        Cell::text(domain(operator)),
        Cell::text(operator.name),
        Cell::Number(operator.since),
        Cell::text(state),
        if reason.is_empty() { Cell::Nothing } else { Cell::text(reason) },
    ]
}
