//! The page of a study: the paper's findings beside ours, its figures, the same questions today, and every table.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::table::{Table, Written};
use super::{Figure as Drawn, MACROS, PageError, STYLE};
use crate::predict::paper::Domain;
use crate::report::trends::{Panel, Section, table};
use crate::trends::{Era, Facts, Study};

const TEMPLATE: &str = include_str!("trends.html");

/// Rows of a table beside a figure.
const BESIDE: usize = 500;
/// Rows of a table of its own.
const ROWS: usize = 2000;
/// Tables of the page, in order.
const TABLES: [Section; 11] = [
    Section::Growth,
    Section::Bands,
    Section::Scaling,
    Section::Accuracy,
    Section::Hardware,
    Section::Attainment,
    Section::Settled,
    Section::Formula,
    Section::Forecast,
    Section::Counters,
    Section::Models,
];

#[derive(Serialize)]
struct TableView {
    id: &'static str,
    title: &'static str,
    table: Written,
    note: String,
}

/// The page, with the figures of the paper and of today.
///
/// # Errors
/// [`PageError`] if the template is wrong.
pub fn trends(study: &Study, facts: &Facts, paper: &[Panel], now: &[Panel]) -> Result<String, PageError> {
    let all = |panels: &[Panel]| panels.iter().map(drawn).collect::<Vec<_>>();
    let view = |section: Section| {
        let grid = table(section, study, facts);
        let note = match grid.rows.len().saturating_sub(ROWS) {
            0 => String::new(),
            rows => format!(
                "{rows} more rows are left out here: the same command with --table {} --format csv has them.",
                section.name()
            ),
        };
        TableView {
            id: section.name(),
            title: section.title(),
            table: Table::of(grid, &[]).written(ROWS),
            note,
        }
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("parts.html", MACROS)?;
    environment.add_template("trends.html", TEMPLATE)?;
    Ok(environment.get_template("trends.html")?.render(context! {
        version => env!("CARGO_PKG_VERSION"),
        style => STYLE,
        findings => Serde(view(Section::Findings)),
        paper => Serde(all(paper)),
        now => Serde(all(now)),
        tables => Serde(TABLES.map(view)),
        models => study.models.len(),
        vision_then => study.models(Era::Paper, Domain::Cv).len(),
        language_then => study.models(Era::Paper, Domain::Nlp).len(),
        own => study.is_of_own_models(),
    })?)
}

fn drawn(panel: &Panel) -> Drawn {
    let chart = &panel.chart;
    let left_out = panel.rows.rows.len().saturating_sub(BESIDE);
    let note = match (panel.note, left_out) {
        (note, 0) => note.to_owned(),
        (note, rows) => format!("{note} {rows} rows of the table are left out here.").trim().to_owned(),
    };
    Drawn {
        id: chart.name.to_owned(),
        title: format!("{}. {}", panel.number, chart.title),
        about: chart.about.clone(),
        svg: chart.element(chart.name),
        table: Table::of(panel.rows.clone(), &[]).written(BESIDE),
        drill: "",
        note,
    }
}
