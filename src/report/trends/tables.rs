//! The tables of a study.

use super::facts;
use crate::predict::Interval;
use crate::predict::paper::Domain;
use crate::report::grid::{Cell, Column, Fit as Width, Grid};
use crate::stats::Regression;
use crate::trends::efficiency::Efficiency;
use crate::trends::findings::{Finding, Said, findings};
use crate::trends::{Era, Facts, Fit, Growth, GrowthError, Measure, Study};

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Growth of what models take.
    Growth,
    /// The same inside bands of accuracy.
    Bands,
    /// FLOPs over parameters.
    Scaling,
    /// Accuracy over energy.
    Accuracy,
    /// Growth of the FLOPS per watt of hardware.
    Hardware,
    /// The devices that its lines go through.
    Devices,
    /// What networks attain of it.
    Attainment,
    /// The first of a score against what settled.
    Settled,
    /// The simple formula beside our model.
    Formula,
    /// What comes next, and how such lines did before.
    Forecast,
    /// The paper's figures beside ours.
    Findings,
    /// The models.
    Models,
    /// The GPUs of the paper's line.
    Gpus,
    /// What counters make of the same graphs.
    Counters,
    /// How much faster networks run in narrower formats.
    Speedups,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Growth,
        Self::Bands,
        Self::Scaling,
        Self::Accuracy,
        Self::Hardware,
        Self::Devices,
        Self::Attainment,
        Self::Settled,
        Self::Formula,
        Self::Forecast,
        Self::Findings,
        Self::Models,
        Self::Gpus,
        Self::Counters,
        Self::Speedups,
    ];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Growth => "growth",
            Self::Bands => "bands",
            Self::Scaling => "scaling",
            Self::Accuracy => "accuracy",
            Self::Hardware => "hardware",
            Self::Devices => "devices",
            Self::Attainment => "attainment",
            Self::Settled => "settled",
            Self::Formula => "formula",
            Self::Forecast => "forecast",
            Self::Findings => "findings",
            Self::Models => "models",
            Self::Gpus => "gpus",
            Self::Counters => "counters",
            Self::Speedups => "speedups",
        }
    }

    /// What stands above it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Growth => "Growth of models",
            Self::Bands => "Growth at equal accuracy",
            Self::Scaling => "FLOPs as a power of parameters",
            Self::Accuracy => "Accuracy and energy",
            Self::Hardware => "Growth of FLOPS per watt",
            Self::Devices => "Devices that the lines of hardware go through",
            Self::Attainment => "What networks attain of FP32 peaks",
            Self::Settled => "The first of a score, and the cheapest as good a while later",
            Self::Formula => "The simple formula beside the model of kernels",
            Self::Forecast => "If it goes on like this, and how such lines did before",
            Self::Findings => "The paper's figures beside ours",
            Self::Models => "Models",
            Self::Gpus => "GPUs of the paper's time",
            Self::Counters => "Counters of FLOPs on the same graphs",
            Self::Speedups => "Throughput in narrower formats",
        }
    }
}

/// The rows of a table that say most.
#[must_use]
pub fn headline<'a>(section: Section, study: &'a Study, shipped: &'a Facts) -> Grid<'a> {
    let fits = |of: &'a [Fit], keep: fn(&Fit) -> bool| growth(of.iter().filter(move |fit| keep(fit)));
    match section {
        Section::Growth => fits(&study.fits, |fit| match fit.domain {
            Domain::Cv => matches!(fit.measure, Measure::Flops | Measure::Energy),
            Domain::Nlp => matches!(fit.measure, Measure::FlopsPerToken | Measure::EnergyPerToken),
        }),
        Section::Forecast => forecast(study, 1),
        Section::Bands => fits(&study.bands, |fit| fit.era == Era::Now && fit.measure == Measure::Energy),
        Section::Hardware => hardware(study, |class| class == "server" || class.starts_with("2010")),
        other => table(other, study, shipped),
    }
}

/// A table of a study, with all its rows.
#[must_use]
pub fn table<'a>(section: Section, study: &'a Study, shipped: &'a Facts) -> Grid<'a> {
    match section {
        Section::Growth => growth(study.fits.iter()),
        Section::Bands => growth(study.bands.iter()),
        Section::Scaling => scaling(study),
        Section::Accuracy => accuracy(study),
        Section::Hardware => hardware(study, |_| true),
        Section::Devices => devices(study),
        Section::Attainment => attainment(study),
        Section::Settled => settled(study),
        Section::Formula => formula(study),
        Section::Forecast => forecast(study, usize::MAX),
        Section::Findings => grid_of_findings(&findings(study, shipped)),
        Section::Models => facts::models(study, study.models),
        Section::Gpus => facts::gpus(shipped),
        Section::Counters => facts::counters(study),
        Section::Speedups => facts::speedups(shipped),
    }
}

pub(super) fn word<'a>(key: &'a str, title: &'a str) -> Column<'a> {
    Column::new(key, title, Width::Word)
}

pub(super) fn name<'a>(key: &'a str, title: &'a str) -> Column<'a> {
    Column::new(key, title, Width::Name)
}

pub(super) fn number<'a>(key: &'a str, title: &'a str) -> Column<'a> {
    Column::new(key, title, Width::Number)
}

/// Columns of a growth.
fn of_growth() -> [Column<'static>; 6] {
    [
        number("points", "points"),
        number("yearly", "× a year"),
        number("yearly_low", "low"),
        number("yearly_high", "high"),
        number("doubling_years", "years to double"),
        number("r_squared", "R²"),
    ]
}

fn cells_of_growth<'a>(points: usize, growth: &Result<Growth, GrowthError>) -> Vec<Cell<'a>> {
    let mut cells = vec![count(points)];
    match growth {
        Ok(growth) => cells.extend([
            Cell::Decimals(growth.yearly.value, 2),
            Cell::Decimals(growth.yearly.low, 2),
            Cell::Decimals(growth.yearly.high, 2),
            known(Some(growth.doubling()), |years| Cell::Decimals(years, 1)),
            Cell::Share(growth.line.r_squared),
        ]),
        Err(_) => cells.extend([Cell::Unknown, Cell::Unknown, Cell::Unknown, Cell::Unknown, Cell::Unknown]),
    }
    cells
}

pub(super) fn count<'a>(n: usize) -> Cell<'a> {
    Cell::Number(i64::try_from(n).unwrap_or(i64::MAX))
}

pub(super) fn known<'a>(value: Option<f64>, cell: impl Fn(f64) -> Cell<'a>) -> Cell<'a> {
    value.filter(|value| value.is_finite()).map_or(Cell::Nothing, cell)
}

fn growth<'a>(fits: impl Iterator<Item = &'a Fit>) -> Grid<'a> {
    let mut columns =
        vec![word("era", "era"), word("domain", "of"), word("measure", "what"), word("models", "models")];
    columns.extend(of_growth());
    let row = |fit: &'a Fit| {
        let mut cells = vec![
            Cell::text(fit.era.name()),
            Cell::text(fit.domain.name()),
            Cell::text(fit.measure.name()),
            Cell::text(fit.selection.name()),
        ];
        cells.extend(cells_of_growth(fit.values.len(), &fit.growth));
        cells
    };
    Grid { columns, rows: fits.map(row).collect(), foot: vec![] }
}

fn scaling<'a>(study: &Study) -> Grid<'a> {
    let columns = vec![
        word("era", "era"),
        word("domain", "of"),
        word("architecture", "architecture"),
        number("points", "points"),
        number("exponent", "exponent"),
        number("exponent_low", "low"),
        number("exponent_high", "high"),
        number("r_squared", "R²"),
    ];
    let rows = study.scaling.iter().filter_map(|scaling| {
        let line: Regression = scaling.line.ok()?;
        let [low, high] = scaling.exponent;
        Some(vec![
            Cell::text(scaling.era.name()),
            Cell::text(scaling.domain.name()),
            Cell::text(scaling.architecture.name()),
            count(line.points),
            Cell::Decimals(line.slope, 2),
            Cell::Decimals(low, 2),
            Cell::Decimals(high, 2),
            Cell::Share(line.r_squared),
        ])
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

fn accuracy<'a>(study: &Study) -> Grid<'a> {
    let columns = vec![
        word("years", "years"),
        number("points", "points"),
        number("points_for_tenfold", "points for ten times the energy"),
        number("at_10_mj", "at 10 mJ"),
        number("at_100_mj", "at 100 mJ"),
        number("at_1_j", "at 1 J"),
    ];
    let rows = study.worth.iter().filter_map(|worth| {
        let line = worth.line.ok()?;
        let mut cells = vec![Cell::text(worth.period), count(line.points), Cell::Decimals(line.slope, 1)];
        cells.extend([-2.0, -1.0, 0.0].map(|joules| Cell::Decimals(line.at(joules), 1)));
        Some(cells)
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

/// A line of hardware: what tells it apart in two columns, what it goes through, and how it grows.
struct Efficient<'s> {
    precision: String,
    class: &'static str,
    points: &'s [Efficiency],
    growth: Result<Growth, GrowthError>,
}

fn lines_of_hardware<'s>(study: &'s Study) -> impl Iterator<Item = Efficient<'s>> {
    let lines = study.lines.iter().map(|line| Efficient {
        precision: format!("as {} attains", line.domain.name()),
        class: match line.era {
            Era::Paper => "2010 to 2021",
            Era::Now => "2010 to today",
        },
        points: &line.points,
        growth: Ok(line.growth),
    });
    let stated = study.hardware.iter().map(|hardware| Efficient {
        precision: hardware.precision.clone(),
        class: hardware.class,
        points: &hardware.points,
        growth: hardware.growth,
    });
    lines.chain(stated)
}

fn hardware<'a>(study: &Study, keep: fn(&str) -> bool) -> Grid<'a> {
    let mut columns = vec![word("precision", "in"), word("class", "class")];
    columns.extend(of_growth());
    columns.push(number("gflops_per_watt_2025", "GFLOP/J in 2025"));
    let kept = lines_of_hardware(study).filter(|line| keep(line.class));
    let rows = kept.map(|Efficient { precision, class, points, growth }| {
        let mut cells = vec![Cell::text(precision), Cell::text(class)];
        cells.extend(cells_of_growth(points.len(), &growth));
        cells.push(known(growth.ok().map(|growth| growth.at(2025.0)), |rate| Cell::Decimals(rate, 0)));
        cells
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

fn devices<'a>(study: &Study) -> Grid<'a> {
    let columns = vec![
        word("precision", "in"),
        word("class", "class"),
        name("name", "device"),
        word("rate", "rate"),
        number("years", "launch"),
        number("gflops_per_watt", "GFLOP/J"),
    ];
    let rows = lines_of_hardware(study).flat_map(|Efficient { precision, class, points, .. }| {
        points.iter().map(move |point| {
            vec![
                Cell::text(precision.clone()),
                Cell::text(class),
                Cell::text(point.name.clone()),
                Cell::text(point.precision.clone()),
                Cell::Plain(point.years),
                Cell::Plain(point.gflops_per_watt),
            ]
        })
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

fn attainment<'a>(study: &'a Study) -> Grid<'a> {
    let columns = vec![
        word("key", "name"),
        word("base", "times the FP32 peak of"),
        number("factor", "factor"),
        number("least", "least"),
        number("most", "most"),
        number("networks", "networks"),
        word("basis", "basis"),
    ];
    let row = |attainment: &'a crate::trends::efficiency::Attainment| {
        let [least, most] = attainment.range;
        vec![
            Cell::text(attainment.key()),
            Cell::text(attainment.base_gpu.as_str()),
            Cell::Decimals(attainment.factor, 2),
            Cell::Decimals(least, 2),
            Cell::Decimals(most, 2),
            count(attainment.networks),
            Cell::text(if attainment.given { "given" } else { "median of NVIDIA's tables" }),
        ]
    };
    Grid { columns, rows: study.attainments.iter().map(row).collect(), foot: vec![] }
}

/// The column of the later model.
const LATER: usize = 6;

fn settled<'a>(study: &Study<'a>) -> Grid<'a> {
    let columns = vec![
        word("domain", "of"),
        number("within_years", "within"),
        word("scores", "scores"),
        name("first", "first"),
        word("date", "date"),
        number("flops", "FLOPs"),
        name("later", "cheapest as good"),
        word("later_date", "date"),
        number("later_flops", "FLOPs"),
        number("ratio", "ratio"),
    ];
    let mut rows = vec![];
    for (domain, settling) in &study.settled {
        for pair in &settling.pairs {
            let [from, to] = pair.scores;
            rows.push(vec![
                Cell::text(domain.name()),
                Cell::Quantity(settling.years, "y"),
                Cell::text(if from == to { from.to_string() } else { format!("{from} to {to}") }),
                Cell::text(pair.first.name.as_str()),
                Cell::text(pair.first.date.to_string()),
                Cell::Quantity(pair.first.flops, "FLOP"),
                Cell::text(pair.later.name.as_str()),
                Cell::text(pair.later.date.to_string()),
                Cell::Quantity(pair.later.flops, "FLOP"),
                Cell::Decimals(pair.flops(), 2),
            ]);
        }
    }
    let foot = study.settled.iter().filter_map(|(domain, settling)| {
        let median = settling.flops?.value;
        let mut cells =
            vec![Cell::text(domain.name()), Cell::Quantity(settling.years, "y"), Cell::text("median")];
        cells.resize(columns.len().saturating_sub(1), Cell::Nothing);
        if let Some(cell) = cells.get_mut(LATER) {
            *cell = Cell::text(format!("{} of {} less", settling.cheaper, settling.scores));
        }
        cells.push(Cell::Decimals(median, 2));
        Some(cells)
    });
    let foot = foot.collect();
    Grid { columns, rows, foot }
}

fn formula<'a>(study: &Study) -> Grid<'a> {
    let mut columns = vec![word("domain", "of"), word("models", "models"), word("by", "joules by")];
    columns.extend(of_growth());
    columns.extend([number("ratio", "× simple"), number("ratio_low", "low"), number("ratio_high", "high")]);
    let mut rows = vec![];
    for beside in &study.beside {
        let none =
            |growth: &Result<Growth, GrowthError>| matches!(growth, Err(GrowthError::TooFew { found: 0 }));
        let one_alone = beside.ratio.filter(|_| none(&beside.of_its_time));
        let lines = [
            ("the simple formula", &beside.simple, None),
            ("kernels, GPU of its time", &beside.of_its_time, beside.ratio),
            ("kernels, one GPU for all", &beside.one_for_all, one_alone),
        ];
        for (by, growth, ratio) in lines.into_iter().filter(|(_, growth, _)| !none(growth)) {
            let mut cells =
                vec![Cell::text(beside.domain.name()), Cell::text(beside.selection.name()), Cell::text(by)];
            let points = match growth {
                Ok(growth) => growth.line.points,
                Err(GrowthError::TooFew { found }) => *found,
                Err(_) => 0,
            };
            cells.extend(cells_of_growth(points, growth));
            cells.extend(match ratio {
                Some(Interval { value, low, high }) => {
                    [value, low, high].map(|ratio| known(Some(ratio), |ratio| Cell::Decimals(ratio, 2)))
                }
                None => [Cell::Nothing, Cell::Nothing, Cell::Nothing],
            });
            rows.push(cells);
        }
    }
    Grid { columns, rows, foot: vec![] }
}

/// What comes next: so many last years of each.
fn forecast<'a>(study: &'a Study, last: usize) -> Grid<'a> {
    let columns = vec![
        word("of", "of"),
        number("year", "year"),
        number("value", "value"),
        number("low", "low"),
        number("high", "high"),
        number("within_factor", "high over it"),
        number("tested", "tested on"),
        number("median_factor", "off by ×"),
        number("p90_factor", "p90 ×"),
        number("bias", "found over line"),
        number("covered", "covered"),
    ];
    let mut rows = vec![];
    for forecast in &study.forecasts {
        for (year, expected) in forecast.years.iter().skip(forecast.years.len().saturating_sub(last)) {
            let amount = |value| known(Some(value), |value| Cell::Quantity(value, forecast.unit));
            let mut cells = vec![
                Cell::text(forecast.name.as_str()),
                Cell::Number(i64::from(*year)),
                amount(expected.value),
                amount(expected.low),
                amount(expected.high),
                known(Some(expected.high / expected.value), |factor| Cell::Decimals(factor, 1)),
            ];
            // Of the line, not of the year.
            cells.extend(match &forecast.test {
                Some(test) => [
                    count(test.scored),
                    Cell::Decimals(test.median, 1),
                    Cell::Decimals(test.p90, 1),
                    Cell::Decimals(test.bias, 2),
                    Cell::Share(test.covered),
                ],
                None => [Cell::Nothing, Cell::Nothing, Cell::Nothing, Cell::Nothing, Cell::Nothing],
            });
            rows.push(cells);
        }
    }
    Grid { columns, rows, foot: vec![] }
}

/// The paper's figures beside ours.
#[must_use]
pub fn grid_of_findings<'a>(findings: &[Finding]) -> Grid<'a> {
    let columns = vec![
        Column::new("about", "about", Width::Sentence),
        Column::new("what", "what", Width::Sentence),
        word("unit", "unit"),
        number("paper_low", "paper"),
        number("paper_high", "to"),
        word("basis", "basis"),
        number("ours", "ours"),
        number("ours_low", "low"),
        number("ours_high", "high"),
        number("ratio", "ratio"),
        number("now", "today"),
    ];
    let row = |finding: &Finding| {
        let (low, high) = match finding.paper {
            Said::Stated(figure) => (Some(figure), None),
            Said::ReadOff(low, high) => (Some(low), (low < high).then_some(high)),
            Said::NotRecovered => (None, None),
        };
        let figure = |value: f64| match finding.unit {
            "year" => Cell::text(format!("{value:.1}")),
            "FLOP" | "J" | "W" => Cell::Quantity(value, finding.unit),
            "×" | "years" => Cell::Decimals(value, 2),
            _ => Cell::Plain(value),
        };
        let some = |value: Option<f64>| value.map_or(Cell::Nothing, figure);
        let spread = finding.ours.filter(|ours| ours.low < ours.high);
        let paper = if matches!(finding.paper, Said::NotRecovered) { Cell::Unknown } else { some(low) };
        vec![
            Cell::text(finding.about),
            Cell::text(finding.what.clone()),
            Cell::text(finding.unit),
            paper,
            some(high),
            Cell::text(finding.paper.basis()),
            some(finding.ours.map(|ours| ours.value)),
            some(spread.map(|ours| ours.low)),
            some(spread.map(|ours| ours.high)),
            // A year has no ratio.
            if finding.unit == "year" {
                Cell::Nothing
            } else {
                known(finding.ratio(), |ratio| Cell::Decimals(ratio, 2))
            },
            some(finding.now.map(|now| now.value)),
        ]
    };
    Grid { columns, rows: findings.iter().map(row).collect(), foot: vec![] }
}
