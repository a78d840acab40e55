//! The story that a study tells, in plain words: a page of which every figure comes from the study.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::figures::PAPER_ENDS;
use crate::predict::paper::Domain;
use crate::report::text::{percent, plain};
use crate::trends::findings::{Said, findings};
use crate::trends::{Era, Facts, Fit, Growth, Measure, Selection, Study};
use crate::units::quantity;

const TEMPLATE: &str = include_str!("story.md");

/// A growth as the page speaks of it.
#[derive(Serialize)]
struct Grows {
    points: usize,
    yearly: String,
    low: String,
    high: String,
    /// Years until it is twice as much, or half.
    years: String,
    /// `grow`, `fall`, or `stay`: whether the interval lies on one side of 1.
    verb: &'static str,
    from: String,
    to: String,
    /// The share of the scatter that the line explains.
    explained: String,
}

/// What the paper says and what is found.
#[derive(Serialize)]
struct Found {
    paper: String,
    ours: String,
    now: String,
    ratio: String,
}

#[derive(Serialize)]
struct Ahead {
    year: i16,
    value: String,
    low: String,
    high: String,
    median: String,
    p90: String,
    covered: String,
    scored: usize,
}

#[derive(Serialize)]
struct Settled {
    pairs: usize,
    scores: usize,
    cheaper: usize,
    flops: String,
    energy: String,
}

#[derive(Serialize)]
struct Beside {
    points: usize,
    /// Whether each growth lies in the range of the other.
    agree: bool,
    ratio: String,
    low: String,
    high: String,
    simple: Option<Grows>,
    of_its_time: Option<Grows>,
    one_for_all: Option<Grows>,
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

fn grows(growth: &Growth) -> Grows {
    let verb = if growth.yearly.low > 1.0 {
        "grow"
    } else if growth.yearly.high < 1.0 {
        "fall"
    } else {
        "stay"
    };
    Grows {
        points: growth.line.points,
        yearly: number(growth.yearly.value),
        low: number(growth.yearly.low),
        high: number(growth.yearly.high),
        years: format!("{:.1}", growth.doubling().abs()),
        verb,
        from: format!("{:.0}", growth.span[0].floor()),
        to: format!("{:.0}", growth.span[1].floor()),
        explained: percent(growth.line.r_squared),
    }
}

fn key(fit: &Fit) -> String {
    let name = fit.selection.name().replace(' ', "_");
    format!("{}_{}_{}_{name}", fit.era.name(), fit.domain.name(), fit.measure.name().replace([' ', ','], "_"))
}

/// The page, as Markdown.
///
/// # Errors
/// What the template says.
pub fn story(study: &Study, facts: &Facts) -> Result<String, minijinja::Error> {
    let fits: BTreeMap<String, Grows> = study
        .fits
        .iter()
        .chain(&study.bands)
        .filter_map(|fit| Some((key(fit), grows(fit.growth.as_ref().ok()?))))
        .collect();
    let lines: BTreeMap<String, Grows> = study
        .lines
        .iter()
        .map(|line| (format!("{}_{}", line.era.name(), line.domain.name()), grows(&line.growth)))
        .collect();
    let hardware: BTreeMap<String, Grows> = study
        .hardware
        .iter()
        .filter_map(|hardware| {
            let name = format!("{}_{}", hardware.precision, hardware.class).replace(' ', "_");
            Some((name, grows(hardware.growth.as_ref().ok()?)))
        })
        .collect();
    let found: BTreeMap<String, Found> = findings(study, facts)
        .iter()
        .map(|finding| {
            let figure = |value: f64| match finding.unit {
                "FLOP" | "J" | "W" => quantity(value, finding.unit),
                "year" => format!("{value:.1}"),
                "×" => number(value),
                _ => plain(value),
            };
            let some = |value: Option<f64>| value.map(figure).unwrap_or_default();
            let paper = match finding.paper {
                Said::Stated(value) => figure(value),
                Said::ReadOff(low, high) if low < high => format!("{} to {}", figure(low), figure(high)),
                Said::ReadOff(low, _) => format!("about {}", figure(low)),
                Said::NotRecovered => "not recovered".to_owned(),
            };
            let one = Found {
                paper,
                ours: some(finding.ours.map(|ours| ours.value)),
                now: some(finding.now.map(|now| now.value)),
                ratio: finding.ratio().map(number).unwrap_or_default(),
            };
            (finding.what.clone(), one)
        })
        .collect();
    let ahead: BTreeMap<String, Ahead> = study
        .forecasts
        .iter()
        .filter_map(|forecast| {
            let test = forecast.test.as_ref()?;
            let (year, expected) = forecast.years.last()?;
            let amount = |value| quantity(value, forecast.unit);
            let one = Ahead {
                year: *year,
                value: amount(expected.value),
                low: amount(expected.low),
                high: amount(expected.high),
                median: plain_factor(test.median),
                p90: plain_factor(test.p90),
                covered: percent(test.covered),
                scored: test.scored,
            };
            Some((forecast.name.clone(), one))
        })
        .collect();
    let settled: BTreeMap<String, Settled> = study
        .settled
        .iter()
        .filter_map(|(domain, settling)| {
            let one = Settled {
                pairs: settling.pairs.len(),
                scores: settling.scores,
                cheaper: settling.cheaper,
                flops: percent(settling.flops?.value),
                energy: percent(settling.energy?.value),
            };
            Some((format!("{}_{:.0}", domain.name(), settling.years), one))
        })
        .collect();
    let beside: BTreeMap<String, Beside> = study
        .beside
        .iter()
        .filter_map(|beside| {
            let ratio = beside.ratio?;
            let some = |growth: &Result<Growth, _>| growth.as_ref().ok().map(grows);
            let within = |a: &Growth, b: &Growth| (b.yearly.low..=b.yearly.high).contains(&a.yearly.value);
            let both = beside.simple.as_ref().ok().zip(beside.of_its_time.as_ref().ok());
            let agree = both.is_some_and(|(simple, ours)| within(simple, ours) && within(ours, simple));
            let one = Beside {
                agree,
                points: beside.of_its_time.as_ref().map_or(0, |growth| growth.line.points),
                ratio: number(ratio.value),
                low: number(ratio.low),
                high: number(ratio.high),
                simple: some(&beside.simple),
                of_its_time: some(&beside.of_its_time),
                one_for_all: some(&beside.one_for_all),
            };
            let frontier = if beside.selection == Selection::All { "" } else { "_frontier" };
            Some((format!("{}{frontier}", beside.domain.name()), one))
        })
        .collect();
    let worth: Vec<(String, String)> = study
        .worth
        .iter()
        .filter_map(|worth| Some((worth.period.to_owned(), format!("{:.0}", worth.line.ok()?.at(-1.0)))))
        .collect();
    let exponents: BTreeMap<String, String> = study
        .scaling
        .iter()
        .filter_map(|scaling| {
            let name =
                format!("{}_{}_{}", scaling.era.name(), scaling.domain.name(), scaling.architecture.name());
            let [low, high] = scaling.exponent.map(number);
            Some((name, format!("{} ({low} to {high})", number(scaling.line.ok()?.slope))))
        })
        .collect();
    let count = |domain, keep: fn(&crate::trends::Model) -> bool| {
        study.models(Era::Now, domain).into_iter().filter(|model| keep(model)).count()
    };
    let ratios: Vec<f64> = study
        .models
        .iter()
        .filter_map(|model| Some(model.flops / (2.0 * model.counted.as_ref()?.macs as f64)))
        .collect();
    let off: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect();
    let share = |share| crate::stats::quantile(&off, share).map(percent).unwrap_or_default();
    let span: BTreeMap<&str, String> = Domain::ALL
        .into_iter()
        .map(|domain| {
            let years = study.models(Era::Now, domain).into_iter().map(|model| model.date.year());
            let (first, last) = (years.clone().min().unwrap_or(0), years.max().unwrap_or(0));
            (domain.name(), format!("{first} to {last}"))
        })
        .collect();
    let until = study.growth_between(Domain::Cv, Measure::Flops, 0.0..PAPER_ENDS).ok().as_ref().map(grows);
    let since =
        study.growth_between(Domain::Cv, Measure::Flops, PAPER_ENDS..f64::INFINITY).ok().as_ref().map(grows);
    let may = |era| {
        let fit = study.fit(era, Domain::Cv, Measure::Energy, Selection::All)?;
        Some(number(fit.growth.as_ref().ok()?.yearly.value.recip()))
    };
    let joules = |model| study.value(Era::Now, Measure::Energy, model);
    let most = study.models(Era::Now, Domain::Cv).into_iter().filter_map(joules).fold(0.0, f64::max);
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_template("story.md", TEMPLATE)?;
    let page = environment.get_template("story.md")?.render(context! {
        fits => Serde(fits),
        lines => Serde(lines),
        hardware => Serde(hardware),
        found => Serde(found),
        ahead => Serde(ahead),
        settled => Serde(settled),
        beside => Serde(beside),
        worth => Serde(worth),
        exponents => Serde(exponents),
        vision => count(Domain::Cv, |_| true),
        language => count(Domain::Nlp, |_| true),
        vision_then => study.models(Era::Paper, Domain::Cv).len(),
        language_then => study.models(Era::Paper, Domain::Nlp).len(),
        retrained => count(Domain::Cv, |model| model.retrained),
        counted => ratios.len(),
        counted_median => share(0.5),
        counted_p90 => share(0.9),
        confidence => percent(study.confidence),
        span => Serde(span),
        until => Serde(until),
        since => Serde(since),
        may_then => may(Era::Paper),
        may_now => may(Era::Now),
        most => quantity(most, "J"),
    })?;
    Ok(page + "\n")
}

/// A factor with what digits it deserves.
fn plain_factor(factor: f64) -> String {
    if factor < 10.0 { format!("{factor:.1}") } else { quantity(factor.round(), "").trim_end().to_owned() }
}
