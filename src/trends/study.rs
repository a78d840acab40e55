//! The whole analysis: growth of what models take and of what hardware gives, and what the two come to.

use std::collections::BTreeMap;

use super::consolidated::{Settling, settling};
use super::efficiency::{self, Attainment, Efficiency, adapted, attainments, carried_on, stated};
use super::forecast::back_test;
use super::growth::{Dated, Growth, GrowthError};
use super::parts::{Beside, Era, Fit, Forecast, Hardware, Line, Measure, Scaling, Worth};
use super::select::Selection;
use super::table::{Architecture, Facts, Model};
use crate::device::{Device, Precision};
use crate::predict::Interval;
use crate::predict::paper::Domain;
use crate::stats::Regression;

/// Bands of top-1 accuracy, in percent.
const BANDS: [(f64, f64); 5] = [(60.0, 70.0), (70.0, 75.0), (75.0, 80.0), (80.0, 85.0), (85.0, 90.0)];
/// What is followed of vision models, and over which of them.
const VISION_MEASURES: [Measure; 3] = [Measure::Flops, Measure::Params, Measure::Energy];
const VISION_SELECTIONS: [Selection; 3] = [Selection::All, Selection::BestOfYear, Selection::YearlyMeans];
/// Of language models; at 128 tokens are encoders mostly, at 2048 decoders.
const LANGUAGE_MEASURES: [Measure; 5] =
    [Measure::Flops, Measure::FlopsPerToken, Measure::Params, Measure::Energy, Measure::EnergyPerToken];
const LANGUAGE_SELECTIONS: [Selection; 5] = [
    Selection::All,
    Selection::Largest,
    Selection::Ordinary,
    Selection::Length(128),
    Selection::Length(2048),
];
/// Years that accuracy is set against energy in: first, last, and what they are called.
pub const PERIODS: [(i16, i16, &str); 5] = [
    (i16::MIN, 2015, "to 2015"),
    (2016, 2018, "2016 to 2018"),
    (2019, 2020, "2019 to 2020"),
    (2021, 2022, "2021 to 2022"),
    (2023, i16::MAX, "since 2023"),
];
/// Within how many years a first model is compared with what settled.
const SETTLING: [f64; 2] = [1.0, 2.0];
/// Formats whose stated efficiency is followed.
const PRECISIONS: [Precision; 5] =
    [Precision::Fp32, Precision::Tf32, Precision::Fp16, Precision::Fp8, Precision::Int8];
/// Classes of devices that it is followed for.
const CLASSES: [&str; 5] = ["server", "desktop", "workstation", "laptop", "accelerator"];
/// Years after which a line that ended is not carried on.
const STALE: f64 = 3.0;
/// The last year of forecasts.
const HORIZON: i16 = 2030;

/// The analysis.
#[derive(Debug)]
pub struct Study<'f> {
    /// The share of cases that intervals hold.
    pub confidence: f64,
    /// The models.
    pub models: &'f [Model],
    /// What GPUs attain.
    pub attainments: Vec<Attainment>,
    /// Points and line of FLOPS per watt by domain and time.
    pub lines: Vec<Line>,
    /// Growth of models.
    pub fits: Vec<Fit>,
    /// Growth inside bands of accuracy.
    pub bands: Vec<Fit>,
    /// FLOPs over parameters.
    pub scaling: Vec<Scaling>,
    /// Accuracy over energy.
    pub worth: Vec<Worth>,
    /// Growth of hardware, as makers state it.
    pub hardware: Vec<Hardware>,
    /// Firsts and what settled.
    pub settled: Vec<(Domain, Settling<'f>)>,
    /// The simple formula beside our model.
    pub beside: Vec<Beside>,
    /// What comes next.
    pub forecasts: Vec<Forecast>,
}

/// Why a study cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StudyError {
    /// There is no line of hardware.
    #[error("the line of FLOPS per watt: {0}")]
    Hardware(#[from] GrowthError),
    /// A factor is set that is none.
    #[error("\"{key}\" is no attainment: {} are", .known.join(", "))]
    NoAttainment {
        /// What was set.
        key: String,
        /// What could be.
        known: Vec<String>,
    },
}

/// What a study is asked with.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The share of cases that intervals hold.
    pub confidence: f64,
    /// Attainments in place of those of the table, by their keys.
    pub attainments: Vec<(String, f64)>,
}

impl Default for Request {
    fn default() -> Self {
        Self { confidence: 0.8, attainments: vec![] }
    }
}

impl<'f> Study<'f> {
    /// Studies the facts, or `models` in place of those of the facts, on the hardware of the catalogue.
    ///
    /// # Errors
    /// [`StudyError`].
    pub fn of(
        facts: &Facts,
        models: &'f [Model],
        devices: &[Device],
        request: &Request,
    ) -> Result<Self, StudyError> {
        let confidence = request.confidence;
        let attainments = with_given(attainments(&facts.speedups), &request.attainments)?;
        let mut lines = vec![];
        for domain in Domain::ALL {
            for era in Era::ALL {
                let points = match era {
                    Era::Paper => adapted(domain, &facts.gpus, &attainments),
                    Era::Now => carried_on(domain, &facts.gpus, &attainments, devices),
                };
                let growth = efficiency::growth(&points, confidence)?;
                lines.push(Line { era, domain, points, growth });
            }
        }
        let mut study = Self {
            confidence,
            models,
            attainments,
            lines,
            fits: vec![],
            bands: vec![],
            scaling: vec![],
            worth: vec![],
            hardware: hardware(devices, confidence),
            settled: vec![],
            beside: vec![],
            forecasts: vec![],
        };
        study.fits = study.all_fits();
        study.bands = study.all_bands();
        study.scaling = study.all_scaling();
        study.worth = study.all_worth();
        study.settled = study.all_settled();
        study.beside = study.all_beside();
        study.forecasts = study.all_forecasts();
        Ok(study)
    }

    /// Whether the models are the user's, not those that ship.
    #[must_use]
    pub fn is_of_own_models(&self) -> bool {
        !self.models.iter().any(|model| model.in_paper)
    }

    /// The models of a time and domain.
    #[must_use]
    pub fn models(&self, era: Era, domain: Domain) -> Vec<&'f Model> {
        let of = |model: &&Model| model.domain == domain && (era == Era::Now || model.in_paper);
        self.models.iter().filter(of).collect()
    }

    /// The line of FLOPS per watt of a time and domain.
    #[must_use]
    pub fn line(&self, era: Era, domain: Domain) -> Option<&Line> {
        self.lines.iter().find(|line| line.era == era && line.domain == domain)
    }

    /// A measure of a model.
    #[must_use]
    pub fn value(&self, era: Era, measure: Measure, model: &Model) -> Option<f64> {
        let tokens = || model.size.filter(|_| model.domain == Domain::Nlp).map(f64::from);
        match measure {
            Measure::Flops => Some(model.flops),
            Measure::FlopsPerToken => Some(model.flops / tokens()?),
            Measure::Params => model.params,
            Measure::Energy => Some(joules(model, &self.line(era, model.domain)?.growth.line)),
            Measure::EnergyPerToken => Some(self.value(era, Measure::Energy, model)? / tokens()?),
            Measure::OfItsTime => model.estimates.of_its_time.as_ref().map(|estimate| estimate.joules),
            Measure::OneForAll => model.estimates.one_for_all.as_ref().map(|estimate| estimate.joules),
        }
    }

    /// Growth of today's models that came out from one date to another, in years.
    ///
    /// # Errors
    /// [`GrowthError`].
    pub fn growth_between(
        &self,
        domain: Domain,
        measure: Measure,
        years: std::ops::Range<f64>,
    ) -> Result<Growth, GrowthError> {
        let mut models = self.models(Era::Now, domain);
        models.retain(|model| years.contains(&model.date.years()));
        Selection::All
            .growth(&models, Era::Now.score(), self.confidence, |model| self.value(Era::Now, measure, model))
    }

    /// A fit by what it is of.
    #[must_use]
    pub fn fit(&self, era: Era, domain: Domain, measure: Measure, selection: Selection) -> Option<&Fit> {
        self.fits.iter().chain(&self.bands).find(|fit| {
            (fit.era, fit.domain, fit.measure, fit.selection) == (era, domain, measure, selection)
        })
    }

    fn fit_of(&self, era: Era, domain: Domain, measure: Measure, selection: Selection) -> Fit {
        let values =
            selection.of(&self.models(era, domain), era.score(), |model| self.value(era, measure, model));
        let growth = Growth::of(&values, self.confidence);
        Fit { era, domain, measure, selection, values, growth }
    }

    fn all_fits(&self) -> Vec<Fit> {
        let mut fits = vec![];
        for domain in Domain::ALL {
            let (measures, selections): (&[Measure], &[Selection]) = match domain {
                Domain::Cv => (&VISION_MEASURES, &VISION_SELECTIONS),
                Domain::Nlp => (&LANGUAGE_MEASURES, &LANGUAGE_SELECTIONS),
            };
            for era in Era::ALL {
                for measure in measures {
                    let of = |selection: &Selection| self.fit_of(era, domain, *measure, *selection);
                    fits.extend(selections.iter().map(of));
                }
            }
        }
        Self::with_values(fits)
    }

    fn all_bands(&self) -> Vec<Fit> {
        let mut fits = vec![];
        for era in Era::ALL {
            for measure in [Measure::Flops, Measure::Energy] {
                for (from, to) in BANDS {
                    fits.push(self.fit_of(era, Domain::Cv, measure, Selection::Band(from, to)));
                }
            }
        }
        Self::with_values(fits)
    }

    /// Fits that there are values for: a zoo of the user's has none of the paper's time, and perhaps of one domain alone.
    fn with_values(mut fits: Vec<Fit>) -> Vec<Fit> {
        let of_length = |fit: &Fit| matches!(fit.selection, Selection::Length(_));
        fits.retain(|fit| !fit.values.is_empty() && (fit.growth.is_ok() || !of_length(fit)));
        fits
    }

    fn all_scaling(&self) -> Vec<Scaling> {
        let mut all = vec![];
        for era in Era::ALL {
            for domain in Domain::ALL {
                let measure = if domain == Domain::Cv { Measure::Flops } else { Measure::FlopsPerToken };
                for architecture in Architecture::ALL {
                    let of = self.models(era, domain);
                    let of = of.iter().filter(|model| model.architecture == architecture);
                    let points: Vec<(f64, f64)> = of
                        .filter_map(|model| {
                            Some((model.params?.log10(), self.value(era, measure, model)?.log10()))
                        })
                        .collect();
                    if points.is_empty() {
                        continue;
                    }
                    let line = Regression::of(&points);
                    let exponent = line.map_or([f64::NAN; 2], |line| line.slope_interval(self.confidence));
                    all.push(Scaling { era, domain, architecture, line, exponent });
                }
            }
        }
        all
    }

    fn all_worth(&self) -> Vec<Worth> {
        let models = self.models(Era::Now, Domain::Cv);
        let one = |(from, to, period): (i16, i16, &'static str)| {
            let of = models.iter().filter(|model| (from..=to).contains(&model.date.year()));
            let points: Vec<(f64, f64)> = of
                .filter_map(|model| {
                    Some((self.value(Era::Now, Measure::Energy, model)?.log10(), Era::Now.score()(model)?))
                })
                .collect();
            Worth { period, line: Regression::of(&points) }
        };
        PERIODS.into_iter().map(one).collect()
    }

    fn all_settled(&self) -> Vec<(Domain, Settling<'f>)> {
        let mut all = vec![];
        for domain in Domain::ALL {
            let models = self.models(Era::Now, domain);
            for years in SETTLING {
                let energy = |model: &Model| self.value(Era::Now, Measure::Energy, model);
                all.push((domain, settling(&models, years, Era::Now.score(), energy)));
            }
        }
        all
    }

    fn all_beside(&self) -> Vec<Beside> {
        let mut all = vec![];
        for domain in Domain::ALL {
            let kernels = |model: &Model| {
                let its_time = self.value(Era::Now, Measure::OfItsTime, model);
                its_time.or_else(|| self.value(Era::Now, Measure::OneForAll, model))
            };
            let both = |model: &&Model| kernels(model).is_some();
            let models: Vec<&Model> = self.models(Era::Now, domain).into_iter().filter(both).collect();
            if models.is_empty() {
                continue;
            }
            let frontier = if domain == Domain::Cv { Selection::BestOfYear } else { Selection::Largest };
            for selection in [Selection::All, frontier] {
                let ratios = selection.of(&models, Era::Now.score(), |model| {
                    Some(kernels(model)? / self.value(Era::Now, Measure::Energy, model)?)
                });
                let ratios: Vec<f64> = ratios.iter().map(|dated| dated.value).collect();
                let growth = |measure| {
                    selection.growth(&models, Era::Now.score(), self.confidence, |model| {
                        self.value(Era::Now, measure, model)
                    })
                };
                all.push(Beside {
                    domain,
                    selection,
                    simple: growth(Measure::Energy),
                    of_its_time: growth(Measure::OfItsTime),
                    one_for_all: growth(Measure::OneForAll),
                    ratio: Interval::of(&ratios),
                });
            }
        }
        all
    }

    fn all_forecasts(&self) -> Vec<Forecast> {
        // Of values that end early, what comes next began long ago: all forecasts begin after the last model or device.
        let ends = self.fits.iter().filter_map(|fit| Some(fit.growth.as_ref().ok()?.span[1]));
        let latest = ends.chain(self.lines.iter().map(|line| line.growth.span[1])).fold(0.0, f64::max);
        #[allow(clippy::cast_possible_truncation, reason = "a year of the calendar")]
        let next = latest.floor() as i16 + 1;
        let ahead = |name, unit, growth: &Growth, test| {
            let expected = |year| (year, growth.to_come(f64::from(year) + 0.5, self.confidence));
            Forecast { name, unit, years: (next..=HORIZON.max(next)).map(expected).collect(), test }
        };
        let mut all = vec![];
        for fit in self.fits.iter().filter(|fit| fit.era == Era::Now && fit.measure != Measure::Params) {
            // A record that nobody has broken for years says nothing of those to come.
            let fresh = |growth: &&Growth| latest - growth.span[1] < STALE;
            if let Some(growth) = fit.growth.as_ref().ok().filter(fresh) {
                let name = format!("{} {}, {}", fit.domain.name(), fit.measure.name(), fit.selection.name());
                let test = back_test(&fit.values, |cut| self.as_known(fit, cut), self.confidence);
                all.push(ahead(name, fit.measure.unit(), growth, test));
            }
        }
        for line in self.lines.iter().filter(|line| line.era == Era::Now) {
            let values: Vec<Dated> = line.points.iter().map(Efficiency::dated).collect();
            let test = back_test(&values, |_| values.clone(), self.confidence);
            let name = format!("{} FLOPS per watt", line.domain.name());
            let mut forecast = ahead(name, "FLOP/J", &line.growth, test);
            for (_, expected) in &mut forecast.years {
                *expected = expected.map(|gflops_per_watt| gflops_per_watt * 1e9);
            }
            all.push(forecast);
        }
        all
    }

    /// The values of a fit as they were to be known at the end of a year: joules by the line through the hardware of then.
    fn as_known(&self, fit: &Fit, cut: f64) -> Vec<Dated> {
        let by_line = matches!(fit.measure, Measure::Energy | Measure::EnergyPerToken);
        let line = self.line(fit.era, fit.domain).filter(|_| by_line);
        let Some(line) = line else { return fit.values.clone() };
        let before: Vec<Efficiency> =
            line.points.iter().filter(|point| point.years < cut + 1.0).cloned().collect();
        let Ok(then) = efficiency::line(&before) else { return vec![] };
        // The same models at the same dates: what differs is the line.
        fit.selection.of(&self.models(fit.era, fit.domain), fit.era.score(), |model| {
            let now = joules(model, &line.growth.line);
            Some(self.value(fit.era, fit.measure, model)? * (joules(model, &then) / now))
        })
    }
}

/// Joules of one forward pass by a line of `log10` of 10⁹ FLOPs a joule over dates: the simple formula.
fn joules(model: &Model, line: &Regression) -> f64 {
    model.flops / (10f64.powf(line.at(model.date.years())) * 1e9)
}

/// The attainments of the table, with those that the user sets in their place.
fn with_given(mut table: Vec<Attainment>, given: &[(String, f64)]) -> Result<Vec<Attainment>, StudyError> {
    for (key, factor) in given {
        let known = || table.iter().map(Attainment::key).collect();
        let wrong = StudyError::NoAttainment { key: key.clone(), known: known() };
        let attainment = table.iter_mut().find(|attainment| attainment.key() == *key).ok_or(wrong)?;
        attainment.factor = *factor;
        attainment.given = true;
    }
    Ok(table)
}

/// What makers state, by precision and class, where there are devices enough for a line.
fn hardware(devices: &[Device], confidence: f64) -> Vec<Hardware> {
    let mut groups: BTreeMap<(usize, String, usize), Vec<Efficiency>> = BTreeMap::new();
    for (place, precision) in PRECISIONS.into_iter().enumerate() {
        for point in stated(devices, precision) {
            if let Some(class) = CLASSES.iter().position(|class| *class == point.class) {
                groups.entry((place, point.precision.clone(), class)).or_default().push(point);
            }
        }
    }
    let one = |((_, precision, class), points): ((usize, String, usize), Vec<Efficiency>)| {
        let growth = efficiency::growth(&points, confidence);
        let class = CLASSES.get(class).copied().unwrap_or_default();
        Hardware { precision, class, points, growth }
    };
    groups.into_iter().map(one).filter(|hardware| hardware.growth.is_ok()).collect()
}
