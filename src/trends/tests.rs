//! The analysis against a reconstruction of the paper that was made apart from it.

use super::*;
use crate::device::Catalogue;
use crate::predict::paper::Domain::{self, Cv, Nlp};

fn study() -> Study<'static> {
    let facts = builtin();
    Study::of(facts, &facts.models, Catalogue::builtin().devices(), &Request::default()).unwrap()
}

fn growth(study: &Study, domain: Domain, measure: Measure, selection: Selection) -> Growth {
    study.fit(Era::Paper, domain, measure, selection).unwrap().growth.unwrap()
}

/// Equal to so many digits.
fn to_digits(found: f64, expected: f64, digits: i32) {
    let unit = 10f64.powf(expected.abs().log10().floor() + 1.0 - f64::from(digits));
    assert!((found - expected).abs() <= unit * 0.5001, "{found} for {expected}");
}

#[test]
fn the_lines_of_hardware_are_those_of_the_reconstruction() {
    let study = study();
    for (domain, points, level, yearly, doubling, in_2012, in_2018, in_2021) in
        [(Cv, 38, 1.1459, 1.27, 2.9, 14.0, 59.0, 122.0), (Nlp, 37, 1.1412, 1.28, 2.8, 13.8, 61.0, 129.0)]
    {
        let line = study.line(Era::Paper, domain).unwrap();
        assert_eq!(line.points.len(), points);
        to_digits(line.growth.line.at(2012.0), level, 4);
        to_digits(line.growth.yearly.value, yearly, 3);
        to_digits(line.growth.doubling(), doubling, 2);
        to_digits(line.growth.at(2012.0), in_2012, 3);
        to_digits(line.growth.at(2018.0), in_2018, 2);
        to_digits(line.growth.at(2021.0), in_2021, 3);
        assert!(line.growth.yearly.low < yearly && yearly < line.growth.yearly.high);
        // What `--paper` goes by.
        let paper = crate::predict::Paper { domain, year: 2021.0, attainment: 1.0 };
        let [start, growth] = paper.domain.line();
        assert!((line.growth.at(2012.0) / start.value - 1.0).abs() < 1e-3);
        assert!((line.growth.yearly.value / growth.value - 1.0).abs() < 1e-3);
    }
}

#[test]
fn models_grow_as_in_the_reconstruction() {
    let study = study();
    for (measure, selection, yearly) in [
        (Measure::Flops, Selection::All, 1.44),
        (Measure::Flops, Selection::BestOfYear, 1.96),
        (Measure::Energy, Selection::All, 1.14),
        (Measure::Energy, Selection::BestOfYear, 1.54),
    ] {
        let found = growth(&study, Cv, measure, selection).yearly;
        to_digits(found.value, yearly, 3);
        assert!(found.low < yearly && yearly < found.high, "{measure:?} {selection:?}: {found:?}");
    }
    // 0.10 to 0.33 J for all, 0.12 to 6 J for the best, 2012 to 2021.
    let all = growth(&study, Cv, Measure::Energy, Selection::All);
    let best = growth(&study, Cv, Measure::Energy, Selection::BestOfYear);
    to_digits(all.at(2012.0), 0.10, 2);
    assert!((all.at(2021.0) / 0.33 - 1.0).abs() < 0.02);
    to_digits(best.at(2012.0), 0.12, 2);
    to_digits(best.at(2021.0), 6.0, 1);
}

#[test]
fn joules_of_language_models_are_those_of_the_reconstruction() {
    let study = study();
    for (name, joules) in [
        ("Transformer", 1.0),
        ("BERT-Base", 0.39),
        ("ALBERT-xxl", 27.0),
        ("Megatron", 193.0),
        ("Microsoft T-NLG", 348.0),
        ("GPT-3", 6670.0),
    ] {
        let model = study.models.iter().find(|model| model.name == name && model.domain == Nlp).unwrap();
        to_digits(
            study.value(Era::Paper, Measure::Energy, model).unwrap(),
            joules,
            if joules < 100.0 { 2 } else { 3 },
        );
    }
}

#[test]
fn an_attainment_can_be_set_by_its_name() {
    let facts = builtin();
    let with = |key: &str, factor| {
        let request = Request { attainments: vec![(key.to_owned(), factor)], ..Request::default() };
        Study::of(facts, &facts.models, Catalogue::builtin().devices(), &request)
    };
    let twice = with("cv-v100-mixed", 4.48).unwrap();
    let point = |study: &Study| {
        let line = study.line(Era::Paper, Cv).unwrap();
        line.points
            .iter()
            .find(|point| point.precision == "mixed" && point.name.contains("V100"))
            .unwrap()
            .gflops_per_watt
    };
    // 4.48 × 15.67 TFLOPS over 300 W.
    to_digits(point(&twice), 234.0, 3);
    assert!(point(&twice) > point(&study()));
    let error = with("cv-h100-mixed", 1.0).unwrap_err().to_string();
    assert!(error.starts_with("\"cv-h100-mixed\" is no attainment: cv-a100-mixed,"), "{error}");
}

#[test]
fn a_zoo_of_one_domain_is_a_study_too() {
    let models = [
        testing::model("a", "2018", 70.0, 1e9),
        testing::model("b", "2019", 75.0, 2e9),
        testing::model("c", "2020", 80.0, 4e9),
    ];
    let study = Study::of(builtin(), &models, Catalogue::builtin().devices(), &Request::default()).unwrap();
    let found = study.fit(Era::Now, Cv, Measure::Flops, Selection::All).unwrap();
    to_digits(found.growth.as_ref().unwrap().yearly.value, 2.0, 6);
    assert!(study.fits.iter().all(|fit| fit.domain == Cv));
    let nothing = Study::of(builtin(), &[], Catalogue::builtin().devices(), &Request::default()).unwrap();
    assert!(nothing.fits.is_empty());
}
