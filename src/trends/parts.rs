//! What a study is made of: fits, and what each is of.

use super::efficiency::Efficiency;
use super::forecast::BackTest;
use super::growth::{Dated, Growth, GrowthError};
use super::select::{Score, Selection};
use super::table::{Architecture, Model};
use crate::predict::Interval;
use crate::predict::paper::Domain;
use crate::stats::{Regression, RegressionError};

/// Which models a figure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// Those of the reconstruction of the paper: to the middle of 2021, on the line of its hardware.
    Paper,
    /// All that are known, on the line of hardware carried on.
    Now,
}

impl Era {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Paper, Self::Now];

    /// The score that models are selected by: as the reconstruction has it, or only what was reached at the date.
    #[must_use]
    pub fn score(self) -> Score {
        match self {
            Self::Paper => |model| model.score,
            Self::Now => Model::score_of_its_time,
        }
    }

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Now => "now",
        }
    }
}

/// What of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// FLOPs of one forward pass.
    Flops,
    /// FLOPs over the tokens of the input.
    FlopsPerToken,
    /// Parameters.
    Params,
    /// Joules of one forward pass by the simple formula: FLOPs over the FLOPS per watt of the model's date.
    Energy,
    /// The same over the tokens of the input.
    EnergyPerToken,
    /// Joules of one input by our model, on a device of the model's time.
    OfItsTime,
    /// Joules of one input by our model, on one device for all.
    OneForAll,
}

impl Measure {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flops => "FLOPs",
            Self::FlopsPerToken => "FLOPs a token",
            Self::Params => "parameters",
            Self::Energy => "joules",
            Self::EnergyPerToken => "joules a token",
            Self::OfItsTime => "joules, our model",
            Self::OneForAll => "joules, our model on one device",
        }
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Flops | Self::FlopsPerToken => "FLOP",
            Self::Params => "",
            Self::Energy | Self::EnergyPerToken | Self::OfItsTime | Self::OneForAll => "J",
        }
    }
}

/// Growth of a measure over some models.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Of which time.
    pub era: Era,
    /// Of which models.
    pub domain: Domain,
    /// What grows.
    pub measure: Measure,
    /// Which of them.
    pub selection: Selection,
    /// The values.
    pub values: Vec<Dated>,
    /// The line, or why there is none.
    pub growth: Result<Growth, GrowthError>,
}

/// How one figure of models goes with another, as a power: `y ~ x^slope`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Of which time.
    pub era: Era,
    /// Of which models.
    pub domain: Domain,
    /// What they are built of.
    pub architecture: Architecture,
    /// `log10` of FLOPs over `log10` of parameters, or why there is no line. Of language models FLOPs are those a token.
    pub line: Result<Regression, RegressionError>,
    /// What the exponent lies between.
    pub exponent: [f64; 2],
}

/// How accuracy goes with energy in some years: `top-1 = level + slope · log10(joules)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Worth {
    /// Which years.
    pub period: &'static str,
    /// The line, or why there is none.
    pub line: Result<Regression, RegressionError>,
}

/// Growth of the efficiency of hardware.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    /// `fp32`, `fp16`, or `adapted cv`.
    pub precision: String,
    /// The class of devices.
    pub class: &'static str,
    /// The points.
    pub points: Vec<Efficiency>,
    /// The line, or why there is none.
    pub growth: Result<Growth, GrowthError>,
}

/// The simple formula beside our model, on the models that have both.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// Of which models.
    pub domain: Domain,
    /// Which of them.
    pub selection: Selection,
    /// Growth by the simple formula.
    pub simple: Result<Growth, GrowthError>,
    /// Growth by our model, on devices of the models' times.
    pub of_its_time: Result<Growth, GrowthError>,
    /// Growth by our model on one device: of the models alone.
    pub one_for_all: Result<Growth, GrowthError>,
    /// Joules of our model, on a device of its time where that is known, over those of the simple formula: median, p10 to p90.
    pub ratio: Option<Interval<f64>>,
}

/// What a line says of years to come, and how well such lines did.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// What is forecast.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// Middle of a year, and what is to be expected.
    pub years: Vec<(i16, Interval<f64>)>,
    /// How far such lines were off.
    pub test: Option<BackTest>,
}

/// The line of FLOPS per watt that models of a domain and time are set against.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Of which time.
    pub era: Era,
    /// Of which models.
    pub domain: Domain,
    /// What it goes through.
    pub points: Vec<Efficiency>,
    /// The line.
    pub growth: Growth,
}
