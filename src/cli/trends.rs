//! `ergometer trends`: what models take and hardware gives over the years.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::error::{self, Refusal};
use super::output::{self, Output};
use super::pictures;
use super::report;
use super::{Format, Global, Status};
use crate::date::{Date, NoDate};
use crate::predict::Interval;
use crate::predict::paper::Domain;
use crate::project;
use crate::report::grid::Grid;
use crate::report::trends::{Figure, Panel, Section, facts, figures, headline, table};
use crate::report::{csv, html, table as text_table};
use crate::trends::{Architecture, Estimate, Estimates, FlopsOf, Model, Request, Study, builtin};
use crate::units::Joules;
use crate::zoo::{Outcome, Score};

/// Tables that a terminal shows where none is asked for.
const USUAL: [Section; 5] =
    [Section::Growth, Section::Hardware, Section::Bands, Section::Formula, Section::Accuracy];
/// What a terminal draws.
const PLOTTED: [&str; 2] = ["now-vision-joules", "now-language-joules"];
/// The paper that can be reproduced, by its arXiv id.
const PAPER: &str = "2109.05472";

/// Options of `trends`.
#[derive(Args, Debug)]
#[command(
    after_help = "Growth is that of a straight line through logarithms, by least squares, and low and high are what \
    resampled models or devices give, p10 and p90 unless --confidence says otherwise; of powers and forecasts they are those of \
    the line's own theory. \"paper\" is the models of arXiv 2109.05472's time on the line of its hardware, \"now\" all \
    that are known."
)]
pub struct Options {
    /// Which tables: without it those that say most, or growth where the format has one table
    #[arg(long = "table", value_name = "A,B", value_delimiter = ',', value_parser = sections())]
    tables: Vec<Section>,
    /// Study the models of a scored zoo that have a date, as `score -o` writes them to .jsonl and .json, in place of ours: text
    /// by their task, all others as vision, with accuracies in percent; joules by kernels are those of the first device
    #[arg(long, value_name = "SCORES")]
    scores: Option<PathBuf>,
    /// What networks attain on a GPU, as a multiple of an FP32 peak, in place of the table's: `cv-v100-mixed=2.5`
    #[arg(long = "attainment", value_name = "NAME=FACTOR", value_delimiter = ',', value_parser = attainment)]
    attainments: Vec<(String, f64)>,
    /// The share of cases that intervals hold, in percent
    #[arg(long, value_name = "PERCENT", default_value = "80", value_parser = confidence)]
    confidence: f64,
    /// Write every figure and table of this paper (2109.05472), as SVG and CSV, and a page of all into the folder of -o
    #[arg(long, value_name = "ARXIV", conflicts_with_all = ["scores", "tables", "svg", "png", "plot", "html"])]
    reproduce: Option<String>,
    /// Write the figures of today into a folder, as SVG
    #[arg(long, value_name = "FOLDER", help_heading = "Pictures")]
    svg: Option<PathBuf>,
    /// Draw joules of models over the years below the tables
    #[arg(long, help_heading = "Pictures")]
    plot: bool,
    /// Write the figures of today into a folder, as PNG; needs a build with the feature `png`
    #[arg(long, value_name = "FOLDER", help_heading = "Pictures")]
    png: Option<PathBuf>,
    /// Write one page with all figures and tables
    #[arg(long, value_name = "FILE", help_heading = "Pictures")]
    html: Option<PathBuf>,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    if options.png.is_some() {
        pictures::refuse_png()?;
    }
    let people = global.format() == Format::Table;
    if !people && options.tables.len() > 1 {
        return Err(Refusal::usage("this format has room for one table")
            .hint("name one with --table, or take --reproduce 2109.05472 -o FOLDER for all as CSV")
            .into());
    }
    if options.scores.is_some() && options.tables.contains(&Section::Findings) {
        return Err(Refusal::usage("the paper's findings are held against its own time, not against a zoo")
            .hint("leave --scores out for them")
            .into());
    }
    let facts = builtin();
    let own = options.scores.as_deref().map(|path| scored(path, global)).transpose()?;
    let models = own.as_deref().unwrap_or(&facts.models);
    let request =
        Request { confidence: options.confidence / 100.0, attainments: options.attainments.clone() };
    let study = Study::of(facts, models, global.catalogue()?.devices(), &request).map_err(|error| {
        Refusal::usage(error.to_string()).hint("`ergometer trends --table attainment` lists what can be set")
    })?;
    if let Some(paper) = &options.reproduce {
        return reproduce(paper, &study, global);
    }
    let draws = options.svg.is_some() || options.png.is_some() || options.html.is_some() || options.plot;
    let now = if draws { figures(Figure::Now, &study, facts) } else { vec![] };
    if let Some(file) = &options.html {
        let paper = figures(Figure::Paper, &study, facts);
        pictures::write(file, html::trends(&study, facts, &paper, &now)?.as_bytes())?;
    }
    let charts: Vec<_> = now.into_iter().map(|panel| panel.chart).collect();
    if let Some(folder) = &options.svg {
        pictures::write_all(folder, "svg", &charts, |chart| Ok(chart.svg().into_bytes()))?;
    }
    #[cfg(feature = "png")]
    if let Some(folder) = &options.png {
        pictures::write_all(folder, "png", &charts, |chart| chart.png())?;
    }
    let chosen: Vec<Section> = match options.tables.as_slice() {
        [] if people => USUAL.to_vec(),
        [] => vec![Section::Growth],
        named => named.to_vec(),
    };
    let mut out = Output::open(global)?;
    for (place, section) in chosen.iter().enumerate() {
        let grid = if people && (options.tables.is_empty() || *section == Section::Forecast) {
            headline(*section, &study, facts)
        } else {
            table(*section, &study, facts)
        };
        if !people {
            output::write(&grid, global, &mut out)?;
            continue;
        }
        if place > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}\n", section.title())?;
        let grid = narrow(*section, grid);
        let width = out.width.saturating_sub(2);
        out.write_all(text_table::render(&grid, width, 2, &out.style).as_bytes())?;
    }
    if options.plot {
        let coloured = !out.style.strong.is_plain();
        for chart in charts.iter().filter(|chart| PLOTTED.contains(&chart.name)) {
            write!(out, "\n{}", chart.text(out.width, coloured))?;
        }
    }
    if people && !global.quiet {
        for fit in study.fits.iter().filter(|fit| own.is_some() && fit.growth.is_err()) {
            if let Err(why) = &fit.growth {
                let (of, what) = (fit.domain.name(), fit.measure.name());
                error::warn(&format!("{of} {what}, {}, {}: {why}", fit.era.name(), fit.selection.name()));
            }
        }
    }
    out.finish()?;
    Ok(Status::Done)
}

/// Columns that a terminal has room for.
fn narrow(section: Section, mut grid: Grid) -> Grid {
    let hidden: &[&str] = match section {
        Section::Models => &[
            "dated_by",
            "architecture",
            "flops_of",
            "counted_flops",
            "size",
            "score_of",
            "extra_data",
            "joules_one_gpu",
            "in_paper",
            "source",
        ],
        Section::Forecast => &["low", "high", "tested", "p90_factor", "bias"],
        Section::Gpus => &["chips", "recovered", "source"],
        Section::Counters => &["graph", "published_macs"],
        Section::Speedups => &["machine", "base_per_second", "tokens"],
        Section::Formula => &["doubling_years", "r_squared", "ratio_low", "ratio_high"],
        Section::Findings => &["about", "unit", "basis", "ours_low", "ours_high"],
        Section::Settled => &["date", "later_date"],
        _ => &[],
    };
    grid.retain_columns(|column| !hidden.contains(&column.key));
    grid
}

/// Every figure and table of the paper, and a page of all.
fn reproduce(paper: &str, study: &Study, global: &Global) -> anyhow::Result<Status> {
    let id = paper.rsplit(['/', ':']).next().unwrap_or(paper);
    if id != PAPER {
        return Err(Refusal::usage(format!("\"{paper}\" cannot be reproduced"))
            .hint(format!("--reproduce {PAPER} can: \"Compute and Energy Consumption Trends in Deep Learning Inference\""))
            .into());
    }
    let Some(folder) = &global.output else {
        return Err(Refusal::usage("a folder is needed to write figures and tables into")
            .hint(format!("ergometer trends --reproduce {PAPER} -o FOLDER"))
            .into());
    };
    fs::create_dir_all(folder).map_err(|error| {
        Refusal::environment(format!("cannot make the folder {}: {error}", folder.display()))
            .hint("name a folder that you may write to")
    })?;
    let facts = builtin();
    let [paper, now] = [Figure::Paper, Figure::Now].map(|which| figures(which, study, facts));
    for Panel { chart, rows, .. } in paper.iter().chain(&now) {
        pictures::write(&folder.join(format!("{}.svg", chart.name)), chart.svg().as_bytes())?;
        write_csv(folder, chart.name, rows)?;
    }
    let of_paper = |domain| study.models.iter().filter(move |model| model.in_paper && model.domain == domain);
    let tables = [
        ("findings", table(Section::Findings, study, facts)),
        ("table-vision-models", facts::models(study, of_paper(Domain::Cv))),
        ("table-language-models", facts::models(study, of_paper(Domain::Nlp))),
        ("table-gpus", table(Section::Gpus, study, facts)),
        ("table-mixed-precision", table(Section::Speedups, study, facts)),
        ("table-counters", table(Section::Counters, study, facts)),
        ("table-growth", table(Section::Growth, study, facts)),
        ("table-forecast", table(Section::Forecast, study, facts)),
    ];
    for (name, grid) in &tables {
        write_csv(folder, name, grid)?;
    }
    let page = folder.join("index.html");
    pictures::write(&page, html::trends(study, facts, &paper, &now)?.as_bytes())?;
    if !global.quiet {
        let (drawn, tables) = (paper.len() + now.len(), tables.len());
        println!("{drawn} figures as SVG and CSV, {tables} tables as CSV; all in {}", page.display());
    }
    Ok(Status::Done)
}

fn write_csv(folder: &Path, name: &str, grid: &Grid) -> anyhow::Result<()> {
    let mut text = vec![];
    csv::write(grid, true, &mut text)?;
    Ok(pictures::write(&folder.join(format!("{name}.csv")), &text)?)
}

/// The models of a scored zoo that have a date and work to do.
fn scored(path: &Path, global: &Global) -> anyhow::Result<Vec<Model>> {
    let mut scores = vec![];
    report::read(path, &mut scores)?;
    let (mut models, mut left_out) = (vec![], BTreeMap::<String, usize>::new());
    for score in &scores {
        match model(score) {
            Ok(model) => models.push(model),
            Err(why) => *left_out.entry(why).or_default() += 1,
        }
    }
    let name = path.display();
    if !global.quiet {
        for (why, count) in &left_out {
            error::warn(&format!("{name}: {count} of {} models are left out: {why}", scores.len()));
        }
        let accuracies = || models.iter().filter_map(|model: &Model| model.score);
        if accuracies().next().is_some() && accuracies().all(|accuracy| accuracy <= 1.0) {
            error::warn(&format!("{name}: accuracies of 1 at most: bands and whole scores are of percent"));
        }
    }
    if models.is_empty() {
        return Err(Refusal::model(format!("{name}: there is no model with a date"), None)
            .hint("score a manifest with the column date: `ergometer score zoo.csv -o scores.jsonl`")
            .into());
    }
    Ok(models)
}

/// Words of a task that is one of text.
const TEXT: [&str; 8] =
    ["text", "language", "nlp", "token", "translation", "question", "summarization", "fill"];

/// A scored model, or why it is none to study.
fn model(score: &Score) -> Result<Model, String> {
    let date = score.annotations.date.as_deref().ok_or("they have no date, which a manifest gives")?;
    let date: Date = date.parse().map_err(|error: NoDate| error.to_string())?;
    if !Date::YEARS.contains(&date.year()) {
        return Err(format!("{date} is no date of {} to {}", Date::YEARS.start(), Date::YEARS.end()));
    }
    let Outcome::Counts(facts) = &score.outcome else { return Err("they failed".to_owned()) };
    if facts.macs == 0 {
        return Err("they do no multiply-accumulates".to_owned());
    }
    let task = score.annotations.task.as_deref().unwrap_or_default().to_lowercase();
    let mut words = task.split(|c: char| !c.is_alphanumeric());
    let text = words.any(|word| TEXT.contains(&word));
    let batch = facts.bindings.get("batch").copied().unwrap_or(1);
    let estimate = score.estimates.first().and_then(|estimate| {
        let joules = estimate.energy_j?;
        let run =
            Interval { value: Joules(joules.value), low: Joules(joules.low), high: Joules(joules.high) };
        let Interval { value, low, high } = project::of_run(run, batch);
        Some(Estimate { device: estimate.device.clone(), joules: value.0, low: low.0, high: high.0 })
    });
    Ok(Model {
        name: score.annotations.name.clone().unwrap_or_else(|| score.path.clone()),
        domain: if text { Domain::Nlp } else { Domain::Cv },
        date,
        dated_by: "the manifest".to_owned(),
        architecture: Architecture::Other,
        params: (facts.params > 0).then_some(facts.params as f64),
        flops: 2.0 * facts.macs as f64 / batch.max(1) as f64,
        flops_of: FlopsOf::Counted,
        size: None,
        score: score.annotations.accuracy,
        score_of_dev: false,
        retrained: false,
        extra_data: false,
        in_paper: false,
        source: score.path.clone(),
        counted: None,
        estimates: Estimates { of_its_time: None, one_for_all: estimate },
    })
}

fn sections() -> impl TypedValueParser<Value = Section> {
    let values = Section::ALL.map(|section| PossibleValue::new(section.name()).help(section.title()));
    PossibleValuesParser::new(values).try_map(|name| {
        let section = Section::ALL.into_iter().find(|section| section.name() == name);
        section.ok_or_else(|| format!("no table is called \"{name}\""))
    })
}

/// `cv-v100-mixed=2.5`.
fn attainment(text: &str) -> Result<(String, f64), String> {
    let (name, factor) =
        text.split_once('=').ok_or("a name and a factor are needed, as cv-v100-mixed=2.5")?;
    match factor.trim().parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok((name.trim().to_owned(), factor)),
        _ => Err(format!("\"{factor}\" is no factor: a number above 0 is")),
    }
}

fn confidence(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(percent) if (1.0..100.0).contains(&percent) => Ok(percent),
        _ => Err(format!("\"{text}\" is no share of 1 to 100 percent: 80 is 80 %")),
    }
}
