//! What arXiv 2109.05472 says, figure by figure, beside what the same questions give here.
//!
//! The paper's text was not to be had in full. Of its figures some are stated, in its abstract or in copies of its tables
//! that agree with each other; some were read off its charts, to a third or worse; and some were not recovered at all, and
//! are said to be.

use super::efficiency::Gpu;
use super::growth::Growth;
use super::parts::{Era, Line, Measure};
use super::select::Selection;
use super::study::Study;
use super::table::{Facts, Model};
use crate::predict::Interval;
use crate::predict::paper::Domain;
use crate::stats::median;

use Domain::{Cv, Nlp};
use Measure::{Energy, Flops};
use Said::{NotRecovered, ReadOff, Stated};
use Selection::{All, BestOfYear, Largest, Ordinary};

/// What the paper says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// It states the figure.
    Stated(f64),
    /// It was read off a chart: from here to there.
    ReadOff(f64, f64),
    /// The figure is not known to us.
    NotRecovered,
}

impl Said {
    /// Where it comes from.
    #[must_use]
    pub fn basis(self) -> &'static str {
        match self {
            Self::Stated(_) => "stated",
            Self::ReadOff(..) => "read off a chart",
            Self::NotRecovered => "not recovered",
        }
    }

    /// One figure for it: of a range the middle, by ratio.
    #[must_use]
    pub fn figure(self) -> Option<f64> {
        match self {
            Self::Stated(figure) => Some(figure),
            Self::ReadOff(low, high) => Some((low * high).sqrt()),
            Self::NotRecovered => None,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The question it answers.
    pub about: &'static str,
    /// What is said.
    pub what: String,
    /// Its unit.
    pub unit: &'static str,
    /// The paper's figure.
    pub paper: Said,
    /// Ours, from the models and hardware of the paper's time.
    pub ours: Option<Interval<f64>>,
    /// Ours, from all there is today, where the question has an answer of its own today.
    pub now: Option<Interval<f64>>,
}

impl Finding {
    /// Ours over the paper's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        Some(self.ours?.value / self.paper.figure()?)
    }
}

/// All findings, by question.
#[must_use]
pub fn findings(study: &Study, facts: &Facts) -> Vec<Finding> {
    let mut all = vec![];
    stated_efficiency(&mut all, &facts.gpus);
    attained_efficiency(study, &mut all);
    lines(study, &mut all);
    compute(study, facts, &mut all);
    energy_of_models(study, &mut all);
    energy_over_years(study, &mut all);
    people(study, &mut all);
    all
}

fn exactly(value: f64) -> Interval<f64> {
    Interval { value, low: value, high: value }
}

fn stated_efficiency(all: &mut Vec<Finding>, gpus: &[Gpu]) {
    for (name, precision, paper) in [
        ("GeForce GTX 580", "fp32", 6.48),
        ("GeForce RTX 3090", "fp32", 101.71),
        ("Tesla V100 SXM2", "tensor", 416.67),
        ("A30", "tensor", 1000.0),
    ] {
        let gpu = gpus.iter().find(|gpu| gpu.name == name && gpu.precision == precision);
        all.push(Finding {
            about: "FLOPS per watt, as makers state them",
            what: format!("{name}, {precision}"),
            unit: "GFLOP/J",
            paper: Stated(paper),
            ours: gpu.map(|gpu| exactly(gpu.gflops_per_watt())),
            now: None,
        });
    }
}

fn attained_efficiency(study: &Study, all: &mut Vec<Finding>) {
    let about = "FLOPS per watt, as networks attain them";
    for (domain, gpu, precision, paper) in [
        (Cv, "A100 SXM4", "tf32", ReadOff(75.0, 75.0)),
        (Cv, "Tesla T4", "mixed", ReadOff(350.0, 380.0)),
        (Cv, "Tesla V100 SXM2", "mixed", ReadOff(180.0, 200.0)),
        (Nlp, "Tesla T4", "mixed", ReadOff(400.0, 400.0)),
        (Nlp, "Tesla V100 SXM2", "mixed", ReadOff(180.0, 220.0)),
    ] {
        let points = study.line(Era::Paper, domain).map(|line| line.points.as_slice()).unwrap_or_default();
        let point = points.iter().find(|point| point.name == gpu && point.precision == precision);
        all.push(Finding {
            about,
            what: format!("{gpu}, {precision}, {}", domain.name()),
            unit: "GFLOP/J",
            paper,
            ours: point.map(|point| exactly(point.gflops_per_watt)),
            now: None,
        });
    }
    for attainment in &study.attainments {
        let [low, high] = attainment.range;
        all.push(Finding {
            about,
            what: format!("factor {} over FP32 of {}", attainment.key(), attainment.base_gpu),
            unit: "×",
            paper: NotRecovered,
            ours: Some(Interval { value: attainment.factor, low, high }),
            now: None,
        });
    }
}

fn lines(study: &Study, all: &mut Vec<Finding>) {
    for domain in [Cv, Nlp] {
        let of = |era, figure: fn(&Line) -> Interval<f64>| study.line(era, domain).map(figure);
        let mut add = |what: &str, unit, figure: fn(&Line) -> Interval<f64>| {
            all.push(Finding {
                about: "The line of FLOPS per watt",
                what: format!("{what}, {}", domain.name()),
                unit,
                paper: NotRecovered,
                ours: of(Era::Paper, figure),
                now: of(Era::Now, figure),
            });
        };
        add("growth a year", "×", |line| line.growth.yearly);
        add("doubling", "years", |line| exactly(line.growth.doubling()));
        add("at the beginning of 2012", "GFLOP/J", |line| exactly(line.growth.at(2012.0)));
        add("at the beginning of 2021", "GFLOP/J", |line| exactly(line.growth.at(2021.0)));
    }
}

fn compute(study: &Study, facts: &Facts, all: &mut Vec<Finding>) {
    let about = "FLOPs of models";
    let find = |name: &str| facts.models.iter().find(|model| model.name == name);
    let counted = |model: &Model| Some(2.0 * model.counted.as_ref()?.macs as f64);
    all.push(Finding {
        about,
        what: "BERT Large, 128 tokens, counted from its graph".to_owned(),
        unit: "FLOP",
        paper: Stated(79e9),
        ours: find("BERT Large").and_then(counted).map(exactly),
        now: None,
    });
    all.push(Finding {
        about,
        what: "GPT-3, 2048 tokens; ours from the shape, attention over all tokens included".to_owned(),
        unit: "FLOP",
        paper: Stated(740e12),
        ours: find("OPT-175B").map(|model| exactly(model.flops)),
        now: None,
    });
    for (domain, selection) in [(Cv, All), (Cv, BestOfYear), (Nlp, All), (Nlp, Largest)] {
        all.push(growth(study, about, domain, Flops, selection));
    }
}

fn growth(
    study: &Study,
    about: &'static str,
    domain: Domain,
    measure: Measure,
    selection: Selection,
) -> Finding {
    let of = |era| fitted(study, era, domain, measure, selection).map(|growth| growth.yearly);
    Finding {
        about,
        what: format!("growth a year of {}, {}, {}", measure.name(), domain.name(), selection.name()),
        unit: "×",
        paper: NotRecovered,
        ours: of(Era::Paper),
        now: of(Era::Now),
    }
}

fn fitted<'s>(
    study: &'s Study,
    era: Era,
    domain: Domain,
    measure: Measure,
    selection: Selection,
) -> Option<&'s Growth> {
    study.fit(era, domain, measure, selection)?.growth.as_ref().ok()
}

fn energy_of_models(study: &Study, all: &mut Vec<Finding>) {
    for (name, low, high) in [
        ("Transformer", 1.0, 1.0),
        ("BERT-Base", 0.5, 0.5),
        ("ALBERT-xxl", 20.0, 20.0),
        ("Megatron", 100.0, 100.0),
        ("Microsoft T-NLG", 200.0, 200.0),
        ("GPT-3", 8e3, 8e3),
    ] {
        let model = study.models.iter().find(|model| model.name == name && model.domain == Nlp);
        let joules = |era| model.and_then(|model| study.value(era, Energy, model)).map(exactly);
        all.push(Finding {
            about: "Joules of one forward pass",
            what: format!("{name}, {} tokens", model.and_then(|model| model.size).unwrap_or_default()),
            unit: "J",
            paper: ReadOff(low, high),
            ours: joules(Era::Paper),
            now: joules(Era::Now),
        });
    }
    let joules_of = |from: i16, to: i16, low: f64, high: f64| {
        let of = study.models(Era::Paper, Cv).into_iter().filter(|model| {
            (from..=to).contains(&model.date.year())
                && model.score.is_some_and(|score| (low..high).contains(&score))
        });
        median(&of.filter_map(|model| study.value(Era::Paper, Energy, model)).collect::<Vec<_>>())
            .map(exactly)
    };
    all.push(Finding {
        about: "Joules of one forward pass",
        what: "vision models before 2015 of 56 to 63 % top-1 (median)".to_owned(),
        unit: "J",
        paper: ReadOff(0.1, 0.3),
        ours: joules_of(2012, 2014, 56.0, 63.0),
        now: None,
    });
    all.push(Finding {
        about: "Joules of one forward pass",
        what: "vision models of 2019 of 77 to 79 % top-1 (least)".to_owned(),
        unit: "J",
        paper: ReadOff(0.01, 0.01),
        ours: study
            .models(Era::Paper, Cv)
            .into_iter()
            .filter(|model| {
                model.date.year() == 2019 && model.score.is_some_and(|score| (77.0..79.0).contains(&score))
            })
            .filter_map(|model| study.value(Era::Paper, Energy, model))
            .min_by(f64::total_cmp)
            .map(exactly),
        now: None,
    });
}

fn energy_over_years(study: &Study, all: &mut Vec<Finding>) {
    let about = "Joules over the years";
    for (domain, selection, from, first, to, last) in [
        (Cv, All, 2012.0, ReadOff(0.2, 0.2), 2021.0, ReadOff(0.3, 0.3)),
        (Cv, BestOfYear, 2012.0, ReadOff(0.1, 0.1), 2021.0, ReadOff(20.0, 20.0)),
        (Nlp, Ordinary, 2017.5, ReadOff(0.5, 1.0), 2021.0, ReadOff(1.0, 1.5)),
        (Nlp, Largest, 2017.5, ReadOff(0.1, 0.1), 2021.0, ReadOff(1e3, 1e4)),
    ] {
        for (year, paper) in [(from, first), (to, last)] {
            let at =
                |era| fitted(study, era, domain, Energy, selection).map(|growth| exactly(growth.at(year)));
            all.push(Finding {
                about,
                what: format!("line of {}, {}, in {year}", domain.name(), selection.name()),
                unit: "J",
                paper,
                ours: at(Era::Paper),
                now: at(Era::Now),
            });
        }
        all.push(growth(study, about, domain, Energy, selection));
    }
}

fn people(study: &Study, all: &mut Vec<Finding>) {
    // A day of 2000 kcal, and 79,897 kWh a year: the references that the paper draws.
    let body = 2000.0 * 4184.0 / 86_400.0;
    let person = 79_897.0 * 3.6e6 / (365.0 * 86_400.0);
    let about = "One inference a second for each person";
    for (what, paper, ours) in
        [("what a human body takes", 100.0, body), ("what a person in the USA takes in all", 1e4, person)]
    {
        all.push(Finding {
            about,
            what: what.to_owned(),
            unit: "W",
            paper: ReadOff(paper, paper),
            ours: Some(exactly(ours)),
            now: None,
        });
    }
    let crossed = |era| {
        let line = fitted(study, era, Nlp, Energy, Largest)?.line;
        (line.slope > 0.0).then(|| exactly(line.centre + (body.log10() - line.level) / line.slope))
    };
    all.push(Finding {
        about,
        what: "the largest language models take more than a body, from".to_owned(),
        unit: "year",
        paper: ReadOff(2019.5, 2019.5),
        ours: crossed(Era::Paper),
        now: crossed(Era::Now),
    });
}
