//! The figures of a study: those of arXiv 2109.05472, on its models and hardware, and the same questions today.

use crate::predict::paper::Domain;
use crate::report::chart::{Axis, Chart, Group, Plane, Scale, Spot, Stroke, plane};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::report::projection::people;
use crate::report::text::percent;
use crate::trends::efficiency::Efficiency;
use crate::trends::select::Score;
use crate::trends::{Architecture, Dated, Era, Facts, Growth, Measure, Model, PERIODS, Selection, Study};

use Domain::{Cv, Nlp};

/// Bands of top-1 accuracy that have a colour, in percent.
const COLOURED: [(f64, f64, &str); 5] = [
    (f64::NEG_INFINITY, 70.0, "below 70 %"),
    (70.0, 75.0, "70 to 75 %"),
    (75.0, 80.0, "75 to 80 %"),
    (80.0, 85.0, "80 to 85 %"),
    (85.0, f64::INFINITY, "85 % or more"),
];
/// Lengths of inputs that have a colour, in tokens.
const TOKENS: [u32; 4] = [128, 512, 1024, 2048];
/// Models that came out by then are of the paper's time.
pub(super) const PAPER_ENDS: f64 = 2021.6;

/// A figure: a chart, and what is drawn in it as rows.
#[derive(Debug)]
pub struct Panel {
    /// The number in the paper's order, or what it is today: `F2`, `N1`.
    pub number: &'static str,
    /// The chart.
    pub chart: Chart<'static>,
    /// Its points and lines.
    pub rows: Grid<'static>,
    /// What must be said of it.
    pub note: &'static str,
}

/// Which figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Those of the paper.
    Paper,
    /// Today's.
    Now,
}

/// All figures that there is something to draw for.
#[must_use]
pub fn figures(which: Figure, study: &Study, facts: &Facts) -> Vec<Panel> {
    let drawn: Vec<(&'static str, Plane, &'static str)> = match which {
        Figure::Paper => vec![
            ("F1", accuracy_over_time(study), "The area of a circle goes by FLOPs."),
            ("F2", vision_over_time(study, Era::Paper, "f02-vision-flops", Measure::Flops), EXTRA),
            ("F3", accuracy_over(study, Era::Paper, "f03-accuracy-flops", Measure::Flops), EXTRA),
            ("F4", flops_over_params(study, Era::Paper, "f04-params-flops"), ""),
            (
                "F5",
                language_over_time(study, Era::Paper, "f05-language-flops", Measure::Flops),
                "Models of different numbers of tokens are not brought to one: they are told apart.",
            ),
            ("F6", glue_over(study, "f06-glue-flops", Measure::Flops), GLUE),
            ("F7", stated_hardware(facts), ""),
            ("F8a", adapted_hardware(study, Era::Paper, Cv, "f08a-efficiency-vision"), ADAPTED),
            ("F8b", adapted_hardware(study, Era::Paper, Nlp, "f08b-efficiency-language"), ADAPTED),
            ("F9", vision_over_time(study, Era::Paper, "f09-vision-joules", Measure::Energy), EXTRA),
            ("F10", language_over_time(study, Era::Paper, "f10-language-joules", Measure::Energy), ""),
            ("F11", accuracy_over(study, Era::Paper, "f11-accuracy-joules", Measure::Energy), EXTRA),
            ("F12", glue_over(study, "f12-glue-joules", Measure::Energy), GLUE),
            ("F13", beside_people(study, Era::Paper, Cv, "f13-vision-people"), PEOPLE_EXTRA),
            ("F14", beside_people(study, Era::Paper, Nlp, "f14-language-people"), PEOPLE_NOTE),
        ],
        Figure::Now => vec![
            ("N1", vision_over_time(study, Era::Now, "now-vision-flops", Measure::Flops), EXTRA),
            (
                "N2",
                language_over_time(study, Era::Now, "now-language-flops", Measure::FlopsPerToken),
                LENGTHS,
            ),
            ("N3", flops_over_params(study, Era::Now, "now-params-flops"), ""),
            ("N4", hardware_now(study), ""),
            ("N5", adapted_hardware(study, Era::Now, Cv, "now-efficiency-vision"), CARRIED),
            ("N6", vision_over_time(study, Era::Now, "now-vision-joules", Measure::Energy), EXTRA),
            (
                "N7",
                language_over_time(study, Era::Now, "now-language-joules", Measure::EnergyPerToken),
                LENGTHS,
            ),
            ("N8", accuracy_over(study, Era::Now, "now-accuracy-joules", Measure::Energy), EXTRA),
            ("N9", formulas(study), FORMULAS),
            ("N10", beside_people(study, Era::Now, Cv, "now-vision-people"), PEOPLE_EXTRA),
            ("N11", beside_people(study, Era::Now, Nlp, "now-language-people"), PEOPLE_NOTE),
            ("N12", ahead(study, Cv, "now-vision-forecast"), AHEAD),
            ("N13", ahead(study, Nlp, "now-language-forecast"), AHEAD),
        ],
    };
    // What notes say of the models that ship is not said of the user's.
    let own = study.is_of_own_models();
    let panel = |(number, of, note): (&'static str, Plane, &'static str)| {
        let note = if own && [EXTRA, FORMULAS, PEOPLE_EXTRA].contains(&note) { "" } else { note };
        let rows = rows(&of);
        Some(Panel { number, chart: plane(of)?, rows, note })
    };
    drawn.into_iter().filter_map(panel).collect()
}

const EXTRA: &str = "Outlines are models that saw more than ImageNet-1k.";
const GLUE: &str = "Models to the middle of 2021 with a score of a test set. Averages of GLUE differ in whether they count WNLI, by a point or so.";
const ADAPTED: &str = "FP32 peaks of cards, and for V100, T4 and A100 the FP32 peak times how much faster networks run in mixed precision or TF32. The factors are medians of NVIDIA's tables: the paper's own were not recovered.";
const CARRIED: &str = "From 2021 on: NVIDIA's server and desktop cards at the share of the peak of their tensor cores that networks attained on V100, T4 and A100.";
const LENGTHS: &str = "One forward pass over the tokens of its input. The line of all goes from encoders, at 128 tokens, to decoders, at 2048: within either it is another.";
const PEOPLE_NOTE: &str = "One inference a second for each person: joules are watts.";
const PEOPLE_EXTRA: &str = "One inference a second for each person: joules are watts. Outlines are models that saw more than ImageNet-1k.";
const FORMULAS: &str = "The models of which there is an estimate; of ours joules of one image in a batch of 32, in compiled PyTorch, FP16 where there are tensor cores, of the device alone. One GPU for all of ours is the A100.";
const AHEAD: &str = "The band is to hold a further model, if it goes on like this. What such lines were worth before stands in the table of forecasts.";

/// Points and lines of a figure, as rows.
fn rows(of: &Plane) -> Grid<'static> {
    let word = |key| Column::new(key, key, Fit::Word);
    let number = |key| Column::new(key, key, Fit::Number);
    let columns = vec![
        word("kind"),
        word("series"),
        Column::new("name", "name", Fit::Name),
        number("x"),
        number("y"),
        number("low"),
        number("high"),
    ];
    let along = |x: f64| if of.x.scale == Scale::Years { Cell::Decimals(x, 2) } else { Cell::Plain(x) };
    let row = |kind, series: &str, name: &str, (x, y): (f64, f64), ends: Option<(f64, f64)>| {
        vec![
            Cell::text(kind),
            Cell::text(series.to_owned()),
            Cell::text(name.to_owned()),
            along(x),
            Cell::Plain(y),
            ends.map_or(Cell::Nothing, |(low, _)| Cell::Plain(low)),
            ends.map_or(Cell::Nothing, |(_, high)| Cell::Plain(high)),
        ]
    };
    let points = of.groups.iter().flat_map(|group| {
        group.points.iter().map(move |spot| row("point", &group.name, &spot.name, (spot.x, spot.y), None))
    });
    let lines = of.strokes.iter().flat_map(|stroke| {
        let corners = stroke.points.iter().enumerate();
        corners.map(move |(at, corner)| row("line", &stroke.name, "", *corner, stroke.band.get(at).copied()))
    });
    Grid { columns, rows: points.chain(lines).collect(), foot: vec![] }
}

fn dates() -> Axis {
    Axis { label: "date".to_owned(), scale: Scale::Years }
}

fn axis_of(measure: Measure) -> Axis {
    let label = match measure {
        Measure::Flops => "FLOPs of one forward pass",
        Measure::FlopsPerToken => "FLOPs a token",
        Measure::Params => "parameters",
        Measure::EnergyPerToken => "joules a token",
        Measure::Energy | Measure::OfItsTime | Measure::OneForAll => "joules of one forward pass",
    };
    Axis { label: label.to_owned(), scale: Scale::Logarithmic(measure.unit()) }
}

fn top1() -> Axis {
    Axis { label: "top-1 accuracy".to_owned(), scale: Scale::Linear("%") }
}

fn spot(model: &Model, x: f64, y: f64) -> Spot {
    Spot { name: model.name.clone(), x, y, ..Spot::default() }
}

/// A line of a fit over the dates it was fitted on, in a unit that is so many of the axis's; the line of all in the colour of
/// text.
fn stroke(name: &str, series: Option<usize>, dashes: usize, growth: &Growth, unit: f64) -> Stroke {
    let points = growth.span.map(|years| (years, growth.at(years) * unit)).to_vec();
    let figure = format!("{name}: × {:.2} a year", growth.yearly.value);
    Stroke { name: figure, series, dashes, points, band: vec![] }
}

/// Lines through all, and through the best or largest; and the yearly means of vision.
fn fitted(study: &Study, era: Era, domain: Domain, measure: Measure) -> Vec<Stroke> {
    let selections: &[(Selection, &str)] = match domain {
        Cv => &[(Selection::All, "all"), (Selection::BestOfYear, "best of each year")],
        Nlp if era == Era::Paper => &[(Selection::All, "all"), (Selection::Largest, "largest yet")],
        Nlp => &[
            (Selection::All, "all"),
            (Selection::Largest, "largest yet"),
            (Selection::Length(128), "at 128 tokens"),
            (Selection::Length(2048), "at 2048 tokens"),
        ],
    };
    let mut strokes = vec![];
    for (place, (selection, name)) in selections.iter().enumerate() {
        if let Some(Ok(growth)) = study.fit(era, domain, measure, *selection).map(|fit| &fit.growth) {
            strokes.push(stroke(name, None, place, growth, 1.0));
        }
    }
    if let Some(fit) = study.fit(era, domain, measure, Selection::YearlyMeans) {
        let corner = |dated: &Dated| (dated.years, dated.value);
        strokes.push(Stroke {
            name: "mean of each year".to_owned(),
            series: None,
            dashes: selections.len(),
            points: fit.values.iter().map(corner).collect(),
            band: vec![],
        });
    }
    strokes
}

/// Models by their score; outlines for those that saw more than their benchmark's data.
fn by_accuracy(models: &[&Model], score: Score, place: impl Fn(&Model) -> Option<(f64, f64)>) -> Vec<Group> {
    let spots = |keep: &dyn Fn(&Model) -> bool| -> Vec<Spot> {
        let of = models.iter().filter(|model| keep(model));
        of.filter_map(|model| place(model).map(|(x, y)| spot(model, x, y))).collect()
    };
    let mut groups = vec![];
    for (series, (from, to, name)) in COLOURED.into_iter().enumerate() {
        let inside = |model: &Model| score(model).is_some_and(|score| from <= score && score < to);
        let [own, extra] =
            [false, true].map(|extra| spots(&|model| inside(model) && model.extra_data == extra));
        groups.extend(both(name, series, own, extra));
    }
    let without = spots(&|model| score(model).is_none());
    let name = "no score of its time".to_owned();
    groups.push(Group { name, series: COLOURED.len(), hollow: false, mark: 5, points: without });
    groups
}

/// Models by the years that they are of, likewise.
fn by_period(models: &[&Model], place: impl Fn(&Model) -> Option<(f64, f64)>) -> Vec<Group> {
    let groups = PERIODS.into_iter().enumerate().flat_map(|(series, (from, to, name))| {
        let [own, extra] = [false, true].map(|extra| -> Vec<Spot> {
            let of = models
                .iter()
                .filter(|model| (from..=to).contains(&model.date.year()) && model.extra_data == extra);
            of.filter_map(|model| place(model).map(|(x, y)| spot(model, x, y))).collect()
        });
        both(name, series, own, extra)
    });
    groups.collect()
}

/// Filled marks and outlines of one colour and shape, with one entry of the legend for both.
fn both(name: &str, series: usize, own: Vec<Spot>, extra: Vec<Spot>) -> [Group; 2] {
    let name_of_extra = if own.is_empty() { name } else { "" };
    [(false, name, own), (true, name_of_extra, extra)].map(|(hollow, name, points)| Group {
        name: name.to_owned(),
        series,
        hollow,
        mark: series,
        points,
    })
}

fn accuracy_over_time(study: &Study) -> Plane {
    let models = study.models(Era::Paper, Cv);
    let groups = [(false, "ImageNet alone", 0), (true, "extra data", 3)].map(|(extra, name, series)| {
        let of = models.iter().filter(|model| model.extra_data == extra);
        let points = of.filter_map(|model| {
            Some(Spot { weight: Some(model.flops), ..spot(model, model.date.years(), model.score?) })
        });
        Group { name: name.to_owned(), series, hollow: false, mark: 0, points: points.collect() }
    });
    Plane {
        name: "f01-accuracy-date",
        title: "Accuracy on ImageNet over the years".to_owned(),
        x: dates(),
        y: top1(),
        groups: groups.into(),
        strokes: vec![],
        levels: vec![],
    }
}

fn vision_over_time(study: &Study, era: Era, name: &'static str, measure: Measure) -> Plane {
    let models = study.models(era, Cv);
    let what = if measure == Measure::Flops { "FLOPs" } else { "Joules" };
    Plane {
        name,
        title: format!("{what} of vision models over the years, by top-1 accuracy"),
        x: dates(),
        y: axis_of(measure),
        groups: by_accuracy(&models, era.score(), |model| {
            Some((model.date.years(), study.value(era, measure, model)?))
        }),
        strokes: fitted(study, era, Cv, measure),
        levels: vec![],
    }
}

fn accuracy_over(study: &Study, era: Era, name: &'static str, measure: Measure) -> Plane {
    let models = study.models(era, Cv);
    let what = if measure == Measure::Flops { "FLOPs" } else { "joules" };
    Plane {
        name,
        title: if study.is_of_own_models() {
            format!("Accuracy and {what}")
        } else {
            format!("Accuracy on ImageNet and {what}")
        },
        x: axis_of(measure),
        y: top1(),
        groups: by_period(&models, |model| Some((study.value(era, measure, model)?, era.score()(model)?))),
        strokes: vec![],
        levels: vec![],
    }
}

fn flops_over_params(study: &Study, era: Era, name: &'static str) -> Plane {
    let models = study.models(era, Cv);
    let (mut groups, mut strokes) = (vec![], vec![]);
    for (series, architecture) in Architecture::ALL.into_iter().enumerate() {
        let of: Vec<&&Model> = models.iter().filter(|model| model.architecture == architecture).collect();
        let points: Vec<Spot> =
            of.iter().filter_map(|model| Some(spot(model, model.params?, model.flops))).collect();
        let line = study
            .scaling
            .iter()
            .find(|scaling| (scaling.era, scaling.domain, scaling.architecture) == (era, Cv, architecture));
        if let Some(Ok(line)) = line.map(|scaling| scaling.line) {
            let ends = points.iter().map(|spot| spot.x.log10());
            let low = ends.clone().fold(f64::INFINITY, f64::min);
            let high = ends.fold(f64::NEG_INFINITY, f64::max);
            strokes.push(Stroke {
                name: format!("{}: power {:.2}", architecture.name(), line.slope),
                series: Some(series),
                dashes: series,
                points: [low, high].map(|x| (10f64.powf(x), 10f64.powf(line.at(x)))).to_vec(),
                band: vec![],
            });
        }
        groups.push(Group {
            name: architecture.name().to_owned(),
            series,
            hollow: false,
            mark: series,
            points,
        });
    }
    Plane {
        name,
        title: "FLOPs and parameters of vision models".to_owned(),
        x: axis_of(Measure::Params),
        y: axis_of(Measure::Flops),
        groups,
        strokes,
        levels: vec![],
    }
}

fn language_over_time(study: &Study, era: Era, name: &'static str, measure: Measure) -> Plane {
    let models = study.models(era, Nlp);
    let what = match measure {
        Measure::Energy => "Joules",
        Measure::FlopsPerToken => "FLOPs a token",
        Measure::EnergyPerToken => "Joules a token",
        _ => "FLOPs",
    };
    let sizes = TOKENS.map(Some).into_iter().chain([None]);
    let groups = sizes.enumerate().map(|(series, tokens)| {
        let of = models.iter().filter(|model| model.size.filter(|size| TOKENS.contains(size)) == tokens);
        let place =
            |model: &&&Model| Some(spot(model, model.date.years(), study.value(era, measure, model)?));
        Group {
            name: tokens.map_or_else(|| "other lengths".to_owned(), |tokens| format!("{tokens} tokens")),
            series,
            hollow: false,
            mark: series,
            points: of.filter_map(|model| place(&model)).collect(),
        }
    });
    Plane {
        name,
        title: format!("{what} of language models over the years"),
        x: dates(),
        y: axis_of(measure),
        groups: groups.collect(),
        strokes: fitted(study, era, Nlp, measure),
        levels: vec![],
    }
}

fn glue_over(study: &Study, name: &'static str, measure: Measure) -> Plane {
    let of_time = |model: &&Model| {
        model.domain == Nlp && model.date.years() < PAPER_ENDS && !model.score_of_dev && model.score.is_some()
    };
    let models: Vec<&Model> = study.models.iter().filter(of_time).collect();
    let years = [2018, 2019, 2020, 2021].into_iter().enumerate().map(|(series, year)| {
        let of = models.iter().filter(|model| model.date.year() == year);
        let points = of.filter_map(|model| {
            let x = study.value(Era::Paper, measure, model)?;
            Some(Spot { named: true, ..spot(model, x, model.score?) })
        });
        Group { name: year.to_string(), series, hollow: false, mark: series, points: points.collect() }
    });
    let what = if measure == Measure::Flops { "FLOPs" } else { "joules" };
    Plane {
        name,
        title: format!("GLUE and {what} of language models"),
        x: axis_of(measure),
        y: Axis { label: "GLUE".to_owned(), scale: Scale::Linear("") },
        groups: years.collect(),
        strokes: vec![],
        levels: vec![],
    }
}

fn efficiency_axis() -> Axis {
    Axis { label: "FLOPs a joule".to_owned(), scale: Scale::Logarithmic("FLOP/J") }
}

fn of_efficiency(name: &str, series: usize, points: &[Efficiency]) -> Group {
    let spot = |point: &Efficiency| Spot {
        name: point.name.clone(),
        x: point.years,
        y: point.gflops_per_watt * 1e9,
        ..Spot::default()
    };
    Group {
        name: name.to_owned(),
        series,
        hollow: false,
        mark: series,
        points: points.iter().map(spot).collect(),
    }
}

fn stated_hardware(facts: &Facts) -> Plane {
    let names =
        [("fp32", "FP32"), ("fp16", "FP16"), ("tensor", "FP16, FP32 sums, tensor cores"), ("tf32", "TF32")];
    let groups = names.into_iter().enumerate().map(|(series, (precision, name))| {
        let of = facts.gpus.iter().filter(|gpu| gpu.precision == precision);
        let points = of.map(|gpu| {
            let (x, y) = (gpu.date.years(), gpu.gflops_per_watt() * 1e9);
            Spot { name: gpu.name.clone(), x, y, ..Spot::default() }
        });
        Group { name: name.to_owned(), series, hollow: false, mark: series, points: points.collect() }
    });
    Plane {
        name: "f07-hardware-stated",
        title: "FLOPS per watt of GPUs, as their makers state it".to_owned(),
        x: dates(),
        y: efficiency_axis(),
        groups: groups.collect(),
        strokes: vec![],
        levels: vec![],
    }
}

fn adapted_hardware(study: &Study, era: Era, domain: Domain, name: &'static str) -> Plane {
    let line = study.line(era, domain);
    let points = line.map(|line| line.points.as_slice()).unwrap_or_default();
    let names = [
        ("fp32", "FP32 peak"),
        ("mixed", "FP32 peak × gain in mixed precision"),
        ("tf32", "FP32 peak × gain in TF32"),
        ("share of peak", "at the share of V100, T4, A100"),
    ];
    let groups = names.into_iter().enumerate().map(|(series, (precision, name))| {
        let of: Vec<Efficiency> =
            points.iter().filter(|point| point.precision == precision).cloned().collect();
        of_efficiency(name, series, &of)
    });
    let what = if domain == Cv { "images" } else { "text" };
    Plane {
        name,
        title: format!("FLOPS per watt of GPUs, with what networks for {what} gain from tensor cores"),
        x: dates(),
        y: efficiency_axis(),
        groups: groups.collect(),
        strokes: line.map(|line| stroke("all", None, 0, &line.growth, 1e9)).into_iter().collect(),
        levels: vec![],
    }
}

/// Server parts by format.
fn hardware_now(study: &Study) -> Plane {
    let of = study.hardware.iter().filter(|hardware| hardware.class == "server");
    let (mut groups, mut strokes) = (vec![], vec![]);
    for (series, hardware) in of.filter(|hardware| hardware.points.len() > 9).take(6).enumerate() {
        groups.push(of_efficiency(&hardware.precision, series, &hardware.points));
        if let Ok(growth) = &hardware.growth {
            strokes.push(stroke(&hardware.precision, Some(series), series, growth, 1e9));
        }
    }
    Plane {
        name: "now-hardware-stated",
        title: "FLOPS per watt of server devices, as their makers state it".to_owned(),
        x: dates(),
        y: efficiency_axis(),
        groups,
        strokes,
        levels: vec![],
    }
}

fn beside_people(study: &Study, era: Era, domain: Domain, name: &'static str) -> Plane {
    let mut of = match domain {
        Cv => vision_over_time(study, era, name, Measure::Energy),
        Nlp => language_over_time(study, era, name, Measure::Energy),
    };
    let what = if domain == Cv { "vision" } else { "language" };
    of.title = format!("Joules of {what} models beside what people take in a second");
    of.levels = people();
    of
}

/// The simple formula and the model of kernels on the same axes.
fn formulas(study: &Study) -> Plane {
    let of_either =
        |model: &&Model| model.estimates.of_its_time.is_some() || model.estimates.one_for_all.is_some();
    let models: Vec<&Model> = study.models(Era::Now, Cv).into_iter().filter(of_either).collect();
    let measures = [
        (Measure::Energy, "simple formula"),
        (Measure::OfItsTime, "kernels, GPU of its time"),
        (Measure::OneForAll, "kernels, one GPU for all"),
    ];
    let groups = measures.into_iter().enumerate().map(|(series, (measure, name))| {
        let points = models.iter().filter_map(|model| {
            Some(spot(model, model.date.years(), study.value(Era::Now, measure, model)?))
        });
        Group { name: name.to_owned(), series, hollow: false, mark: series, points: points.collect() }
    });
    let beside = study.beside.iter().find(|beside| beside.domain == Cv && beside.selection == Selection::All);
    let lines = beside.map(|beside| [&beside.simple, &beside.of_its_time, &beside.one_for_all]);
    let strokes = lines.into_iter().flatten().zip(measures).enumerate();
    let strokes = strokes
        .filter_map(|(series, (growth, (_, name)))| {
            Some(stroke(name, Some(series), series, growth.as_ref().ok()?, 1.0))
        })
        .collect();
    Plane {
        name: "now-formulas",
        title: "Joules of vision models by the simple formula and by kernels".to_owned(),
        x: dates(),
        y: axis_of(Measure::Energy),
        groups: groups.collect(),
        strokes,
        levels: vec![],
    }
}

/// Joules of all models with the band of what comes next.
fn ahead(study: &Study, domain: Domain, name: &'static str) -> Plane {
    // Encoders and decoders together would be a line from the ones to the others.
    let (measure, selection, what, of) = match domain {
        Cv => (Measure::Energy, Selection::All, "Joules of vision models", "vision models"),
        Nlp => {
            let what = "Joules a token of language models at 2048 tokens";
            (Measure::EnergyPerToken, Selection::Length(2048), what, "language models")
        }
    };
    let fit = study.fit(Era::Now, domain, measure, selection);
    let values = fit.map(|fit| fit.values.as_slice()).unwrap_or_default();
    let points: Vec<Spot> =
        values.iter().map(|dated| Spot { x: dated.years, y: dated.value, ..Spot::default() }).collect();
    let strokes = fit.and_then(|fit| fit.growth.as_ref().ok()).map(|growth| {
        let [from, _] = growth.span;
        let years: Vec<f64> = (0..=24).map(|step| from + (2030.5 - from) * f64::from(step) / 24.0).collect();
        let expected: Vec<_> = years.iter().map(|years| growth.to_come(*years, study.confidence)).collect();
        let share = percent(study.confidence);
        Stroke {
            name: format!("line, and where {share} of models lie: × {:.2} a year", growth.yearly.value),
            series: None,
            dashes: 0,
            points: years.iter().zip(&expected).map(|(years, expected)| (*years, expected.value)).collect(),
            band: expected.iter().map(|expected| (expected.low, expected.high)).collect(),
        }
    });
    Plane {
        name,
        title: format!("{what}, and what comes next if it goes on like this"),
        x: dates(),
        y: axis_of(measure),
        groups: vec![Group { name: of.to_owned(), series: 0, hollow: false, mark: 0, points }],
        strokes: strokes.into_iter().collect(),
        levels: vec![],
    }
}
