//! `ergometer explain`: how an operator is counted, from which source, and how other tools count it.

use std::io::Write;

use clap::Args;

use super::error::Refusal;
use super::output::{self, Output};
use super::{Format, Global, Status, ops};
use crate::cost::Peer;
use crate::cost::peers::Term;
use crate::ops::{OPERATORS, Operator, Rule, Traffic, Weights};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::report::text;

/// Columns of a label.
const LABEL: usize = 12;

/// What holds for every operator.
const ASSUMPTIONS: &str = "E: elements of the first output; I: of the first input. FLOPs = 2·MACs + alu + div + trans; \
int, rng and str are apart. A bias is alu, padding counts, constants that are computed once cost nothing. fvcore, torch \
and ptflops count what PyTorch exports as this operator; tract counts the graph that it optimised.";

/// Domains of layouts that a runtime brings a model into.
const LAYOUTS: [&str; 2] = ["com.microsoft.nchwc", "com.ms.internal.nhwc"];

/// Options of `explain`.
#[derive(Args, Debug)]
pub struct Options {
    /// Operator, in any case: Conv, com.microsoft.Attention
    #[arg(value_name = "OPERATOR")]
    name: String,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let wanted = options.name.to_lowercase();
    let is_wanted = |operator: &&Operator| {
        let name = operator.name.to_lowercase();
        name == wanted || format!("{}.{name}", ops::domain(operator)) == wanted
    };
    let mut found: Vec<&Operator> = OPERATORS.iter().filter(is_wanted).collect();
    // Twins in a runtime's own layout are meant where their domain is said, or where they have no other.
    if found.iter().any(|operator| !LAYOUTS.contains(&operator.domain)) {
        found.retain(|operator| !LAYOUTS.contains(&operator.domain));
    }
    if found.is_empty() {
        return Err(Refusal::usage(format!("no operator is called \"{}\"", options.name))
            .hint(ops::near(&wanted))
            .into());
    }
    let mut out = Output::open(global)?;
    if global.format() == Format::Table {
        for (index, operator) in found.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            screen(operator, &mut out)?;
        }
        if !global.quiet {
            writeln!(out)?;
            for line in text::wrap(ASSUMPTIONS, out.width) {
                writeln!(out, "{line}")?;
            }
        }
    } else {
        output::write(&grid(&found), global, &mut out)?;
    }
    out.finish()?;
    Ok(Status::Done)
}

/// Everything about one operator, for a person.
fn screen(operator: &Operator, out: &mut Output) -> anyhow::Result<()> {
    let strong = out.style.strong;
    let (domain, since) = (ops::domain(operator), operator.since);
    writeln!(out, "{strong}{}{strong:#}  {domain}, since version {since}\n", operator.name)?;
    let ours = [
        ("counts", formula(operator)),
        ("parameters", parameters(operator)),
        ("traffic", traffic(operator).to_owned()),
        ("source", source(operator)),
    ];
    for (label, text) in ours.into_iter().filter(|(_, text)| !text.is_empty()) {
        line(out, label, &text)?;
    }
    writeln!(out)?;
    for peer in Peer::ALL {
        line(out, peer.name(), &as_peer(peer, operator))?;
    }
    Ok(())
}

fn line(out: &mut Output, label: &str, text: &str) -> anyhow::Result<()> {
    let wrapped = text::wrap(text, out.width.saturating_sub(LABEL + 2));
    for (number, text) in wrapped.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        writeln!(out, "  {label:LABEL$}{text}")?;
    }
    Ok(())
}

/// A row an operator, for programs.
fn grid(operators: &[&Operator]) -> Grid<'static> {
    let ours = [
        ("domain", Fit::Name),
        ("name", Fit::Name),
        ("since", Fit::Number),
        ("counts", Fit::Sentence),
        ("parameters", Fit::Sentence),
        ("traffic", Fit::Sentence),
        ("source", Fit::Sentence),
    ];
    let ours = ours.map(|(key, fit)| Column::new(key, key, fit));
    let peers = Peer::ALL.map(|peer| Column::new(peer.name(), peer.name(), Fit::Sentence));
    let row = |operator: &&Operator| {
        let ours = [
            Cell::text(ops::domain(operator)),
            Cell::text(operator.name),
            Cell::Number(operator.since),
            Cell::text(formula(operator)),
            Cell::text(parameters(operator)),
            Cell::text(traffic(operator)),
            Cell::text(source(operator)),
        ];
        ours.into_iter().chain(Peer::ALL.map(|peer| Cell::text(as_peer(peer, operator)))).collect()
    };
    Grid {
        columns: ours.into_iter().chain(peers).collect(),
        rows: operators.iter().map(row).collect(),
        foot: vec![],
    }
}

fn formula(operator: &Operator) -> String {
    match &operator.rule {
        Rule::Costed(rules) | Rule::Modified(rules, _) => rules.work.formula().into_owned(),
        Rule::Subgraph(formula) => (*formula).to_owned(),
        Rule::Unsupported(reason) => format!("not counted: {reason}"),
    }
}

fn parameters(operator: &Operator) -> String {
    let list = |positions: &[usize]| {
        let names: Vec<String> = positions.iter().map(ToString::to_string).collect();
        let word = if names.len() == 1 { "input" } else { "inputs" };
        format!("{word} {}", names.join(", "))
    };
    let Some(rules) = operator.costed() else { return String::new() };
    match rules.weights {
        Weights::None => "none".to_owned(),
        Weights::At(positions) => format!("{} where constant", list(positions)),
        Weights::Operands => "any constant of floating-point numbers, scalars apart".to_owned(),
        Weights::Normalization { affine, statistics } => {
            format!("{} where constant; statistics apart: {}", list(affine), list(statistics))
        }
        Weights::Quantized { values, parameters }
        | Weights::Packed { values, parameters, .. }
        | Weights::Experts { values, parameters, .. }
            if !parameters.is_empty() =>
        {
            format!("{} where constant; quantisation apart: {}", list(values), list(parameters))
        }
        Weights::Quantized { values, .. }
        | Weights::Packed { values, .. }
        | Weights::Experts { values, .. } => {
            format!("{} where constant", list(values))
        }
        _ => "in its attributes or by a rule of its own".to_owned(),
    }
}

fn traffic(operator: &Operator) -> &'static str {
    match operator.costed().map(|rules| &rules.traffic) {
        None => "",
        Some(Traffic::View) => "none: the input under another name or shape",
        Some(Traffic::Streamed) => "each operand read once, each output written once",
        Some(Traffic::Formula(_)) => "the parts of its operands and outputs that it touches",
    }
}

/// The page that defines the operator.
fn source(operator: &Operator) -> String {
    let page = |prefix: &str| format!("https://onnx.ai/onnx/operators/onnx_{prefix}_{}.html", operator.name);
    let schemas = |file: &str| {
        format!(
            "https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/graph/contrib_ops/{file}"
        )
    };
    match operator.domain {
        "" => page(""),
        "com.microsoft" => format!(
            "https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.{}",
            operator.name
        ),
        "com.microsoft.nchwc" => schemas("nchwc_schema_defs.cc"),
        "com.ms.internal.nhwc" => schemas("internal_nhwc_onnx_schemas.cc"),
        domain => page(&domain.replace('.', "")),
    }
}

fn as_peer(peer: Peer, operator: &Operator) -> String {
    match peer.formula(operator.domain, operator.name) {
        None => "does not know it".to_owned(),
        Some(terms) => Term::sum(terms),
    }
}
