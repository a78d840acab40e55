//! The first screen of a model: facts from the file, then estimates, then its layers, then what is missing.

use std::collections::HashMap;
use std::fmt::Write;

use super::analysis::{opsets, warnings};
use super::grid::{Cell, Column, Fit, Grid};
use super::style::Style;
use super::text::{self, plural, visible, width};
use super::{Devices, Subject, markdown, table};
use crate::cost::{Convention, contraction, operator_name};
use crate::device::Catalogue;
use crate::factors::{Footprint, Scope};
use crate::graph::Origin;
use crate::onnx::Presence;
use crate::predict::{Basis, Interval, Prediction};
use crate::units::{bytes, count, counted, quantity};

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Detail {
    /// Figures alone.
    Quiet,
    /// What a person wants to know first.
    Usual,
    /// Everything.
    Verbose,
}

/// How a screen is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
    /// Colours.
    pub style: Style,
    /// How much is told.
    pub detail: Detail,
    /// What the headline is.
    pub convention: Convention,
}

/// The most warnings, and kinds of uncosted nodes, of a screen that is not verbose.
const SHOWN: usize = 5;
/// The most dimensions of a screen that is not verbose.
const BINDINGS: usize = 20;
/// Columns of a label.
const LABEL: usize = 13;

/// A label, its figures, and a remark on them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// Its figures.
    pub figures: String,
    /// What is to be said of them.
    pub remark: String,
}

/// Devices that have a paragraph each.
pub const MOST_TOLD: usize = 8;

impl Fact {
    fn new(label: &'static str, figures: impl Into<String>, remark: impl Into<String>) -> Self {
        Self { label, figures: figures.into(), remark: remark.into() }
    }
}

/// The screen for a terminal.
pub fn text(subject: &Subject, layers: &Grid, layout: &Layout) -> String {
    let Layout { width: columns, style, detail, .. } = *layout;
    let strong = style.strong;
    let mut out = String::new();
    let name = text::cut_middle(&visible(subject.path), columns);
    let about = about(subject);
    if width(&name) + 2 + width(&about) <= columns {
        let _ = writeln!(out, "{strong}{name}{strong:#}  {about}");
    } else {
        let _ = writeln!(out, "{strong}{name}{strong:#}");
        lines(&mut out, 2, &text::wrap(&about, columns.saturating_sub(2)));
    }
    if detail > Detail::Quiet {
        let bindings = bindings(subject, detail);
        lines(
            &mut out,
            2,
            &text::fold(bindings.iter().map(String::as_str), " · ", columns.saturating_sub(2)),
        );
    }
    out.push('\n');
    facts(&mut out, &model_facts(subject, layout.convention), layout);
    let (many, each) = many(subject);
    if let Some(devices) = many {
        out.push('\n');
        out.push_str(&table::render(&devices, columns, 2, &style));
        if let Some(first) = subject.predictions.first() {
            let _ = writeln!(out, "\n  below, times are those of {}", visible(&first.device));
        }
    }
    for prediction in each {
        let _ = writeln!(out, "\n{}", device_line(subject, prediction, &style));
        facts(&mut out, &device_facts(prediction), layout);
        if detail > Detail::Quiet {
            for note in prediction.notes.iter().chain(&assumptions(prediction, detail)) {
                lines(&mut out, 2, &text::wrap(&visible(note), columns.saturating_sub(2)));
            }
        }
    }
    out.push('\n');
    out.push_str(&table::render(layers, columns, 2, &style));
    let missing = missing(subject, detail);
    if !missing.is_empty() {
        out.push('\n');
    }
    for line in missing {
        let wrapped = text::wrap(&line, columns.saturating_sub(2));
        let alert = style.alert;
        for (number, line) in wrapped.iter().enumerate() {
            let _ = writeln!(out, "{}{alert}{line}{alert:#}", if number == 0 { "" } else { "  " });
        }
    }
    out
}

/// The screen in Markdown.
pub fn markdown(subject: &Subject, layers: &Grid, layout: &Layout) -> String {
    let mut out = String::new();
    let escape = markdown::escape;
    let _ = writeln!(out, "### {}\n\n{}  ", escape(subject.path), escape(&about(subject)));
    if layout.detail > Detail::Quiet {
        let _ = writeln!(out, "{}", escape(&bindings(subject, layout.detail).join(" · ")));
    }
    out.push('\n');
    let mut list = |facts: Vec<Fact>| {
        for Fact { label, figures, remark } in facts {
            let _ = writeln!(out, "{}", item(label, &figures, &remark));
        }
        out.push('\n');
    };
    list(model_facts(subject, layout.convention));
    let mut estimates = String::new();
    let (many, each) = many(subject);
    if let Some(devices) = many {
        let _ = writeln!(estimates, "{}", markdown::table(&devices));
    }
    for prediction in each {
        let line = device_line(subject, prediction, &Style::PLAIN);
        let _ = writeln!(estimates, "**{}**\n", escape(&line));
        for Fact { label, figures, remark } in device_facts(prediction) {
            let _ = writeln!(estimates, "{}", item(label, &figures, &remark));
        }
        estimates.push('\n');
    }
    out.push_str(&estimates);
    out.push_str(&markdown::table(layers));
    let missing = missing(subject, layout.detail);
    if !missing.is_empty() {
        out.push('\n');
    }
    for line in missing {
        let _ = writeln!(out, "- {}", escape(&line));
    }
    out
}

/// A fact as an item of a list.
fn item(label: &str, figures: &str, remark: &str) -> String {
    let (figures, remark) = (markdown::escape(figures), markdown::escape(remark));
    match (figures.is_empty(), remark.is_empty()) {
        (true, _) => format!("- **{label}**: {remark}"),
        (_, true) => format!("- **{label}**: {figures}"),
        _ => format!("- **{label}**: {figures}; {remark}"),
    }
}

fn lines(out: &mut String, indent: usize, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
}

/// Facts below each other, remarks in a column of their own.
fn facts(out: &mut String, facts: &[Fact], layout: &Layout) {
    let strong = layout.style.strong;
    let indent = 2 + LABEL;
    let column = facts.iter().map(|fact| width(&fact.figures) + 2).max().unwrap_or(0);
    for Fact { label, figures, remark } in facts {
        let _ = write!(out, "  {label:LABEL$}{strong}{figures}{strong:#}");
        // A remark without figures stands in their place.
        let (space, at) = match width(figures) {
            0 => (0, indent),
            figures => (column - figures, indent + column),
        };
        let wrapped = text::wrap(remark, layout.width.saturating_sub(at));
        match wrapped.split_first() {
            Some((first, more)) if !remark.is_empty() => {
                let _ = writeln!(out, "{:space$}{first}", "");
                lines(out, at, more);
            }
            _ => out.push('\n'),
        }
    }
}

/// `opset 17 · IR 8 · 122 nodes · pytorch 2.3.0`.
pub fn about(subject: &Subject) -> String {
    let proto = &subject.model.proto;
    let mut parts = vec![];
    if let Some(version) = opsets(subject).get("") {
        parts.push(format!("opset {version}"));
    }
    parts.extend(proto.ir_version.map(|version| format!("IR {version}")));
    parts.push(plural(subject.cost.totals.nodes, "node", "nodes"));
    if let Some(name) = proto.producer_name.as_deref().filter(|name| !name.is_empty()) {
        let version = proto.producer_version.as_deref().unwrap_or_default();
        parts.push(visible(format!("{name} {version}").trim()).into_owned());
    }
    parts.join(" · ")
}

/// Dimensions that the user or a default fixed, one by one as long as they are few; those that the model
/// fixes, as their number.
pub fn bindings(subject: &Subject, detail: Detail) -> Vec<String> {
    let mut parts = vec![];
    let mut fixed = 0;
    for binding in &subject.graph.bindings {
        let origin = match binding.origin {
            Origin::User => "",
            Origin::Default => " (default)",
            Origin::Model if detail == Detail::Verbose => " (model)",
            Origin::Model => {
                fixed += 1;
                continue;
            }
        };
        parts.push(format!("{}={}{origin}", visible(&binding.name), binding.value));
    }
    let most = if detail == Detail::Verbose { usize::MAX } else { BINDINGS };
    let hidden = parts.len().saturating_sub(most);
    if hidden > 0 {
        parts.truncate(most);
        parts.push(format!("… {hidden} more (-v shows all)"));
    }
    if fixed > 0 {
        parts.push(format!("{} fixed by the model", plural(fixed, "dimension", "dimensions")));
    }
    parts
}

/// What is counted of a model.
pub fn model_facts(subject: &Subject, convention: Convention) -> Vec<Fact> {
    let totals = &subject.cost.totals;
    let at_least = if totals.complete { "" } else { "≥ " };
    let bounded = totals.bounded_flops > 0;
    let about = match (totals.complete, bounded) {
        (true, false) => "",
        (false, false) => "≥ ",
        (true, true) => "≤ ",
        (false, true) => "~ ",
    };
    let flops = match convention {
        Convention::Contraction => format!("{} (2·MAC)", counted(contraction(&totals.counts), "FLOP")),
        Convention::Flops | Convention::Macs => counted(totals.flops, "FLOP"),
        Convention::Peer(peer) => {
            let nodes = 0..subject.graph.nodes.len();
            let work = nodes.map(|node| peer.work(subject.graph, subject.cost, node));
            let work = work.fold(0, u64::saturating_add);
            format!(
                "{}; {} counts {} {}",
                counted(totals.flops, "FLOP"),
                peer.name(),
                count(work),
                peer.unit()
            )
        }
    };
    let types: Vec<String> = match totals.macs_by_type.len() {
        0 => vec![],
        1 => totals.macs_by_type.keys().cloned().collect(),
        _ => totals.macs_by_type.iter().map(|(types, macs)| format!("{} {types}", count(*macs))).collect(),
    };
    let mut types = vec![types.join(", ")];
    if totals.counts.hidden_macs > 0 {
        types.push(format!("{} of them behind masks", counted(totals.counts.hidden_macs, "MAC")));
    }
    let params = totals.params;
    let mut apart = vec![];
    if params.norm_stats > 0 {
        apart.push(format!("{} of them normalisation statistics", count(params.norm_stats)));
    }
    if params.idle > 0 {
        apart.push(format!("{} of them active", count(params.elements.saturating_sub(params.idle))));
    }
    if params.quant > 0 {
        apart.push(format!("and {} quantisation parameters", count(params.quant)));
    }
    if params.shared > 0 {
        apart.push(format!("{} used again", count(params.shared)));
    }
    if !subject.cost.dead.is_empty() {
        apart.push(format!(
            "{} unused",
            plural(subject.cost.dead.len() as u64, "initializer", "initializers")
        ));
    }
    for file in subject.external.iter().filter(|file| matches!(file.presence, Presence::Present { .. })) {
        apart.push(format!("{} in {}", bytes(file.bytes), visible(&file.location)));
    }
    let peak = totals
        .peak_activation_bytes
        .map_or_else(|| "peak not known".to_owned(), |n| format!("{} at peak", bytes(n)));
    let moved = format!(
        "reads {}, weights {}, writes {}",
        bytes(totals.bytes_read),
        bytes(totals.bytes_weights),
        bytes(totals.bytes_written)
    );
    let coverage = format!("{} of {} nodes counted", totals.costed_nodes, totals.nodes);
    let mut remarks = vec![];
    if !totals.complete {
        remarks.push("what is left out: see below".to_owned());
    }
    if bounded {
        let bound = counted(totals.bounded_flops, "FLOP");
        remarks.push(format!("{bound} are upper bounds: the work depends on data"));
    }
    vec![
        Fact::new(
            "Compute",
            format!("{about}{} = {flops}", counted(totals.counts.macs, "MAC")),
            types.join("; "),
        ),
        Fact::new(
            "Parameters",
            format!("{at_least}{}, {}", count(params.elements), bytes(params.bytes)),
            apart.join(", "),
        ),
        Fact::new("Activations", format!("{about}{peak}"), ""),
        Fact::new("Traffic", "", format!("{about}{moved}")),
        Fact::new("Coverage", coverage, remarks.join("; ")),
    ]
}

/// The device, what it computes in, and who chose it.
pub fn device_line(subject: &Subject, prediction: &Prediction, style: &Style) -> String {
    let strong = style.strong;
    let Prediction { precision, runs_as, unit, .. } = prediction;
    let mut line = format!("{strong}{}{strong:#}  {precision}", visible(&prediction.device));
    if runs_as != precision {
        let _ = write!(line, " as {runs_as}");
    }
    let _ = write!(line, " on {unit} units");
    if subject.devices == Devices::Reference {
        line.push_str("  (reference; --device names yours)");
    }
    line
}

/// Estimates that are too many for a paragraph each as a table, and those that are told one by one.
fn many<'a>(subject: &Subject<'a>) -> (Option<Grid<'a>>, &'a [Prediction]) {
    if subject.predictions.len() > MOST_TOLD {
        (Some(devices(subject.predictions)), &[])
    } else {
        (None, subject.predictions)
    }
}

/// Estimates, a row a device.
fn devices(predictions: &[Prediction]) -> Grid<'_> {
    let number = |key, title| Column::new(key, title, Fit::Number);
    let mut columns = vec![
        Column::new("device", "device", Fit::Name),
        Column::new("runs_as", "format", Fit::Word),
        Column::new("unit", "unit", Fit::Word),
        number("latency_s", "latency"),
        number("energy_j", "energy"),
    ];
    let footprints = || predictions.iter().filter_map(|prediction| prediction.footprint.as_ref());
    let carbon = footprints().any(|found| found.carbon.is_some());
    if carbon {
        columns.push(number("co2e_g", "CO2e"));
    }
    columns.extend([Column::new("fits_memory", "fits", Fit::Word), Column::new("basis", "basis", Fit::Word)]);
    let row = |prediction: &'_ Prediction| {
        let mut row = vec![
            Cell::text(prediction.device.clone()),
            Cell::text(prediction.runs_as.name()),
            Cell::text(prediction.unit.name()),
            Cell::seconds(Some(prediction.latency.value)),
            prediction.energy.map_or(Cell::Unknown, |energy| Cell::Quantity(energy.value.0, "J")),
        ];
        if carbon {
            let found = prediction.footprint.as_ref().and_then(|found| found.carbon.as_ref());
            row.push(found.map_or(Cell::Unknown, |found| Cell::Quantity(found.operational_g, "g")));
        }
        row.push(prediction.fits_memory.map_or(Cell::Unknown, Cell::Flag));
        row.push(Cell::text(prediction.basis.to_string()));
        row
    };
    Grid { columns, rows: predictions.iter().map(row).collect(), foot: vec![] }
}

/// What is estimated for a device.
pub fn device_facts(prediction: &Prediction) -> Vec<Fact> {
    let Prediction { latency, energy, limits, basis, energy_basis, .. } = prediction;
    let at_least = if prediction.complete { "" } else { "≥ " };
    let shares = [("compute", limits.compute), ("memory", limits.memory), ("launch", limits.launch)];
    let shares = shares.map(|(what, share)| format!("{what} {}", text::percent(share)));
    let mut facts = vec![
        Fact::new("Latency", format!("{at_least}{}", latency.value), range(latency, *basis)),
        Fact::new("Limits", "", shares.join(", ")),
    ];
    if let (Some(best), Some(roofline)) = (prediction.best, prediction.roofline) {
        let remark = format!("{best} with the fastest kernels measured");
        facts.push(Fact::new("Floor", roofline.to_string(), format!("roofline; {remark}")));
    }
    match (energy, energy_basis) {
        (Some(energy), Some(basis)) => {
            facts.push(Fact::new("Energy", format!("{at_least}{}", energy.value), range(energy, *basis)));
        }
        _ => {
            let reason = prediction.energy_reason.clone().unwrap_or_default();
            facts.push(Fact::new("Energy", "not known", visible(&reason).into_owned()));
        }
    }
    if let (Some(system), Some(basis)) = (&prediction.system_energy, energy_basis) {
        let range = range(system, *basis);
        facts.push(Fact::new(
            "At the wall",
            format!("{at_least}{}", system.value),
            format!("{range}, with a share of the host"),
        ));
    }
    if let Some(energy) = prediction.spec_energy {
        let remark = "2·MACs / (peak rate / board power); never reached";
        facts.push(Fact::new("Spec energy", energy.to_string(), remark));
    }
    if let Some(energy) = prediction.paper_energy {
        facts.push(Fact::new("Paper energy", energy.to_string(), "by the method of arXiv 2109.05472"));
    }
    facts.extend(prediction.footprint.as_ref().map(footprint_facts).unwrap_or_default());
    if prediction.fits_memory == Some(false) {
        let capacity = Catalogue::builtin()
            .find(&prediction.device)
            .ok()
            .and_then(|device| device.memory_capacity.clone());
        let capacity =
            capacity.map_or_else(String::new, |capacity| format!("it has {}", bytes(capacity.value)));
        facts.push(Fact::new("Memory", "does not fit", capacity));
    }
    facts
}

/// Carbon and money of a run and of a million, with the factors beside.
fn footprint_facts(footprint: &Footprint) -> Vec<Fact> {
    const MANY: f64 = 1e6;
    let of = match footprint.scope {
        Scope::System => "of the energy at the wall",
        Scope::Device => "of the device alone",
    };
    let around = match (footprint.pue, &footprint.pue_source) {
        (Some(pue), Some(source)) => format!("{of}, PUE {} ({source})", text::plain(pue)),
        _ => of.to_owned(),
    };
    let mut facts = vec![];
    if let Some(carbon) = &footprint.carbon {
        let remark = format!(
            "a million runs, {} each; {} g/kWh ({}), {around}",
            quantity(carbon.operational_g, "g"),
            text::plain(carbon.intensity_g_per_kwh),
            carbon.intensity_source
        );
        facts.push(Fact::new(
            "CO2e",
            quantity(carbon.operational_g * MANY, "g"),
            visible(&remark).into_owned(),
        ));
        if let (Some(embodied), Some(sci)) = (carbon.embodied_g, carbon.sci_g) {
            let remark =
                format!("of making the device; with it {} a million runs", quantity(sci * MANY, "g"));
            facts.push(Fact::new("Embodied", quantity(embodied * MANY, "g"), remark));
        }
    }
    if let Some(money) = &footprint.money {
        let currency = visible(&money.currency);
        let remark = format!(
            "a million runs, {} each; {} {currency}/kWh ({}), {around}",
            quantity(money.cost, &currency),
            text::plain(money.price_per_kwh),
            money.price_source
        );
        let many = format!("{} {currency}", text::plain(money.cost * MANY));
        facts.push(Fact::new("Electricity", many, visible(&remark).into_owned()));
    }
    facts
}

fn range<T: std::fmt::Display>(interval: &Interval<T>, basis: Basis) -> String {
    format!("{} – {} (p10 – p90), {basis}", interval.low, interval.high)
}

/// The constants that an estimate rests on, for those who ask for everything.
fn assumptions(prediction: &Prediction, detail: Detail) -> Vec<String> {
    if detail < Detail::Verbose {
        return vec![];
    }
    let assumptions = prediction.assumptions.iter();
    assumptions.map(|a| format!("assumed: {} {} {} ({})", a.name, a.value, a.unit, a.origin)).collect()
}

/// Nodes that are not counted, by operator and reason; then warnings.
pub fn missing(subject: &Subject, detail: Detail) -> Vec<String> {
    // By the first node of each.
    let mut kinds: HashMap<(&str, &str, &str), (usize, u64)> = HashMap::new();
    for uncosted in &subject.cost.uncosted {
        let Some(node) = subject.graph.nodes.get(uncosted.node) else { continue };
        kinds.entry((node.domain, node.op_type, &uncosted.reason)).or_insert((uncosted.node, 0)).1 += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (first, _))| *first);
    let kinds = kinds.into_iter().map(|((domain, op_type, reason), (_, nodes))| {
        let operator = operator_name(domain, op_type);
        format!("not counted: {nodes} × {}: {}", visible(&operator), visible(reason))
    });
    let kinds: Vec<String> = kinds.collect();
    let most = if detail == Detail::Verbose { usize::MAX } else { SHOWN };
    let warnings: Vec<String> = match detail {
        Detail::Quiet => vec![],
        _ => warnings(subject)
            .iter()
            .map(|w| format!("warning: {}: {}", visible(w.value), visible(w.message)))
            .collect(),
    };
    let absent = subject.external.iter().filter(|file| file.presence == Presence::Missing);
    let notes: Vec<String> = match detail {
        Detail::Quiet => vec![],
        _ => absent
            .map(|file| format!("note: {} is not there; counting does not need it", visible(&file.location)))
            .collect(),
    };
    let mut lines = vec![];
    for (all, what) in [(kinds, "kinds"), (warnings, "warnings"), (notes, "notes")] {
        let hidden = all.len().saturating_sub(most);
        lines.extend(all.into_iter().take(most));
        if hidden > 0 {
            lines.push(format!("… {hidden} more {what} (-v shows all)"));
        }
    }
    lines
}
