//! What every chart must hold, on each medium.

use super::*;
use crate::predict::Attained;
use crate::units::{BytesPerSecond, FlopsPerSecond};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)> $\\frac{a}{b}$ \"'\u{1b}[31m\u{202e}";

fn all(name: &str) -> Vec<Chart<'static>> {
    let bar = |amount| Bar {
        name: name.to_owned(),
        amount,
        shown: name.to_owned(),
        remark: name.to_owned(),
        series: Some(0),
        layer: Some(3),
    };
    let interval =
        Interval { name: name.to_owned(), value: 2e-3, low: 1e-3, high: 4e-3, basis: "spec".into() };
    let point = |energy, front| Point { name: name.to_owned(), energy, worth: 0.7, front, row: 1 };
    let dot = Dot {
        name: name.to_owned(),
        op: name.to_owned(),
        series: Some(0),
        at: Attained { intensity: 12.0, rate: FlopsPerSecond(3e9) },
        share: 0.4,
        layer: 3,
    };
    let roof = Roof {
        basis: "spec",
        peak: FlopsPerSecond(19.5e12),
        of: "fp32".into(),
        bandwidth: BytesPerSecond(2e12),
    };
    let tiles = vec![
        Tile { scope: format!("a{name}/b"), amount: 2.0 },
        Tile { scope: format!("a{name}/c"), amount: 1.0 },
        Tile { scope: "d".into(), amount: 1.0 },
    ];
    [
        bars(Bars {
            name: "layers",
            title: name.to_owned(),
            of: "the time",
            unit: "%",
            bars: vec![bar(0.3), bar(0.2)],
        }),
        intervals(Intervals {
            name: "latency",
            title: name.to_owned(),
            of: "latency",
            unit: "s",
            rows: vec![interval],
        }),
        pareto(Pareto {
            name: "accuracy",
            title: name.to_owned(),
            worth: "accuracy",
            magnitudes: false,
            points: vec![point(0.1, true), point(0.4, true), point(0.5, false)],
        }),
        roofline(name, vec![dot], vec![roof], vec![name.to_owned()], 0),
        growth(
            name.to_owned(),
            name,
            vec![Growing { name: name.to_owned(), series: 0, points: vec![(1.0, 2e9), (8.0, 16e9)] }],
        ),
        treemap(Treemap {
            title: name.to_owned(),
            of: "the time",
            write: |amount| crate::units::quantity(amount, "s"),
            tiles,
        }),
    ]
    .into_iter()
    .map(|chart| chart.expect("there is something to draw"))
    .collect()
}

#[test]
fn a_hostile_name_is_text_on_every_medium() {
    for chart in all(HOSTILE) {
        for drawn in [chart.svg(), chart.element("m1-")] {
            assert!(!drawn.contains("<img"), "{}: {drawn}", chart.name);
            assert!(!drawn.contains("</script"), "{}", chart.name);
            assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'), "{}", chart.name);
            assert!(
                drawn.contains("script&gt;&lt;img src=x onerror=alert(1)&gt;"),
                "{}: {drawn}",
                chart.name
            );
        }
        let drawn = chart.text(80, false);
        assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'), "{}: {drawn}", chart.name);
    }
}

#[test]
fn dollar_signs_are_no_mathematics() {
    for chart in all("$\\sigma^2$ $x$") {
        for drawn in [chart.svg(), chart.element(""), chart.text(120, false)] {
            assert!(!drawn.contains('σ') && !drawn.contains('²'), "{}: {drawn}", chart.name);
            assert!(!drawn.contains("\\$"), "{}: {drawn}", chart.name);
        }
    }
}

#[test]
fn what_cannot_be_placed_on_an_axis_makes_no_chart() {
    let at = |intensity, rate| Dot {
        name: "a".into(),
        op: "Conv".into(),
        series: None,
        at: Attained { intensity, rate: FlopsPerSecond(rate) },
        share: f64::NAN,
        layer: 0,
    };
    let roof = |peak, bandwidth| Roof {
        basis: "spec",
        peak: FlopsPerSecond(peak),
        of: "fp32".into(),
        bandwidth: BytesPerSecond(bandwidth),
    };
    for (dots, roofs, drawn) in [
        (vec![], vec![roof(1e12, 1e11)], false),
        (vec![at(0.0, 1.0), at(f64::NAN, 1.0)], vec![roof(1e12, 1e11)], false),
        (vec![at(1.0, 1e9)], vec![], false),
        (vec![at(1.0, 1e9)], vec![roof(1e12, 0.0)], false),
        (vec![at(1.0, 1e9)], vec![roof(1e12, 1e11)], true),
        (vec![at(1e-15, 1e-12), at(1e20, 1e30)], vec![roof(1e12, 1e11)], true),
    ] {
        let chart = roofline("device", dots, roofs, vec![], 0);
        assert_eq!(chart.is_some(), drawn);
        if let Some(chart) = chart {
            assert!(!chart.svg().contains("NaN"));
            assert!(chart.text(40, true).contains("Roofline"));
        }
    }
    assert!(
        intervals(Intervals { name: "n", title: "t".into(), of: "o", unit: "s", rows: vec![] }).is_none()
    );
    let points = vec![Point { name: "a".into(), energy: 0.0, worth: 1.0, front: true, row: 0 }];
    assert!(pareto(Pareto { name: "n", title: "t".into(), worth: "w", magnitudes: true, points }).is_none());
}

#[test]
fn a_mark_says_what_it_is() {
    for chart in all("conv1") {
        let drawn = chart.element("");
        assert!(drawn.contains("<title>") && drawn.contains("conv1"), "{}: {drawn}", chart.name);
        assert!(drawn.contains("role=\"img\" aria-label=\""), "{}", chart.name);
    }
}

#[test]
fn inner_names_of_two_charts_differ() {
    let [first, second] = ["m1-", "m2-"].map(|id| all("a").first().expect("bars").element(id));
    let ids = |svg: &str| -> Vec<String> {
        svg.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    assert!(!ids(&first).is_empty());
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    assert!(ids(&first).iter().all(|id| first.contains(&format!("url(#{id})"))), "{first}");
}

#[test]
fn text_stays_legible_on_its_ground() {
    let white = Color::Rgb(255, 255, 255);
    assert_eq!(legible(&white, &Color::Rgb(0xf0, 0xe4, 0x42)).to_svg_string(), "#000000");
    assert_eq!(legible(&white, &Color::Rgb(0, 0x50, 0x90)).to_svg_string(), "#ffffff");
}

#[test]
fn a_terminal_without_colours_gets_none() {
    for chart in all("conv1") {
        let lines = chart.text(80, false);
        assert!(!lines.contains('\u{1b}'));
        assert!(lines.lines().all(|line| crate::report::text::width(line) <= 80), "{lines}");
        assert!(chart.text(80, true).contains('\u{1b}'));
    }
}
