//! What inferences come to over years: energy, carbon and money of all users, as efficiency and use change.
//!
//! The "multiplicative factor" of Desislavov, Martínez-Plumed and Hernández-Orallo, "Compute and Energy Consumption Trends
//! in Deep Learning Inference" (arXiv 2109.05472, section 7): the energy of one inference can stay as it is, or fall, while
//! that of all grows with their number. After `t` years
//!
//! ```text
//! E(t) = E(0) / gain^t  ·  users · use · growth^t  ·  year  ·  PUE
//! ```
//!
//! for an inference of `E(0)` joules now, `gain` the factor a year by which that falls, and `growth` the factor a year by
//! which inferences become more. The years are of 365.25 days, and each row is a year at the pace of its date.
//!
//! Intervals reach from the 10th to the 90th percentile. The joules of an inference and the gain are taken to be independent
//! and log-normal: the logarithm of the gain compounds, `t` times its spread after `t` years, and the logarithms of both
//! add up in squares, those below the median and those above it apart. Users, use and growth are what is asked, and have none.
//!
//! It reads nothing and prints nothing, and refuses what it cannot compute with.

mod outlook;
mod range;

use std::fmt;

pub use outlook::{HORIZON, Outlook, Reach, doubling};
pub use range::ProjectError;

use crate::factors::{Footprint, Scope, Site};
use crate::predict::Interval;
use crate::units::{Joules, Seconds, Watts};

/// What a human body takes: 2,000 kcal a day are 96.9 W. A reference of arXiv 2109.05472, section 7.
pub const BODY: Watts = Watts(100.0);

/// What a person in the USA takes of primary energy, for all there is: 79,897 kWh a year are 9.12 kW. A reference of arXiv
/// 2109.05472, section 7.
pub const PERSON: Watts = Watts(10_000.0);

/// Factor a year by which the FLOPs per joule of hardware grow: 10^0.1046, the slope of the line through GPUs of 2010 to 2021
/// for vision, reconstructed from arXiv 2109.05472, with what resampled GPUs give; a test of the trends holds the figures.
pub const HARDWARE_GAIN: Interval<f64> = Interval { value: 1.27, low: 1.23, high: 1.32 };

/// A year of 365.25 days.
pub const YEAR: Seconds = Seconds(365.25 * 86_400.0);

/// A day.
const DAY: Seconds = Seconds(86_400.0);

/// What efficiency and use are taken to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Efficiency stands still: an inference takes what it takes now.
    Frozen,
    /// Efficiency gains half of what it did, in logarithm: the square root of the gain each year.
    Slower,
    /// Efficiency goes on as it did: the gain each year.
    Hardware,
    /// Efficiency goes on, and use grows twice as fast, in logarithm: the square of the growth each year.
    Adoption,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Frozen, Self::Slower, Self::Hardware, Self::Adoption];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Slower => "slower",
            Self::Hardware => "hardware",
            Self::Adoption => "adoption",
        }
    }

    /// What it takes to happen, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Frozen => "Efficiency stands still, use grows by --growth",
            Self::Slower => {
                "Efficiency gains half as fast (the square root of --efficiency), use grows by --growth"
            }
            Self::Hardware => "Efficiency gains by --efficiency, use grows by --growth",
            Self::Adoption => {
                "Efficiency gains by --efficiency, use grows twice as fast (the square of --growth)"
            }
        }
    }

    /// The factor a year by which inferences become more.
    #[must_use]
    pub fn growth(self, growth: f64) -> f64 {
        match self {
            Self::Frozen | Self::Slower | Self::Hardware => growth,
            Self::Adoption => growth * growth,
        }
    }

    /// The factor a year by which the joules of an inference fall.
    #[must_use]
    pub fn gain(self, gain: Interval<f64>) -> Interval<f64> {
        match self {
            Self::Frozen => Interval { value: 1.0, low: 1.0, high: 1.0 },
            Self::Slower => gain.map(f64::sqrt),
            Self::Hardware | Self::Adoption => gain,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many inferences a user asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Use {
    /// So many a second.
    PerSecond(f64),
    /// So many a day.
    PerDay(f64),
}

impl Use {
    /// Inferences of a user a second.
    #[must_use]
    pub fn a_second(self) -> f64 {
        match self {
            Self::PerSecond(inferences) => inferences,
            Self::PerDay(inferences) => inferences / DAY.0,
        }
    }
}

/// What a projection starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    /// What one inference takes in the first year.
    pub energy: Interval<Joules>,
    /// What that is the energy of.
    pub scope: Scope,
    /// Users in the first year.
    pub users: f64,
    /// What each asks for in the first year.
    pub usage: Use,
    /// Factor a year by which all inferences become more: users times what each asks for.
    pub growth: f64,
    /// Factor a year by which the joules of an inference fall.
    pub gain: Interval<f64>,
    /// The first year.
    pub from: u16,
    /// Years after the first.
    pub years: u16,
    /// Where the devices run. What making them emitted is not heeded: it does not go by the energy.
    pub site: Site,
    /// Factor a year by which the carbon intensity of the grid falls.
    pub grid_decline: f64,
}

/// What inferences come to in one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Which.
    pub scenario: Scenario,
    /// From the first year on, none left out.
    pub years: Vec<Year>,
    /// Where it leads.
    pub outlook: Outlook,
}

/// What inferences come to in a year.
#[derive(Debug, Clone, PartialEq)]
pub struct Year {
    /// Which.
    pub year: u16,
    /// Inferences of all users in it.
    pub inferences: f64,
    /// What one takes, without the facility around.
    pub energy: Interval<Joules>,
    /// What all take in it, with the PUE of the site.
    pub energy_kwh: Interval<f64>,
    /// Energy, carbon and money of the year, at the median.
    pub footprint: Footprint,
    /// The mean power of all users, with the PUE.
    pub power: Watts,
    /// That power over the users of the first year: what use grows by is theirs, be it through them or through new ones.
    pub power_per_user: Watts,
}

impl Year {
    /// Tonnes of CO2 equivalent that the electricity emits; `None` without a carbon intensity.
    #[must_use]
    pub fn tonnes(&self) -> Option<f64> {
        self.footprint.carbon.as_ref().map(|carbon| carbon.operational_g / 1e6)
    }

    /// A user's mean power over that of a [`BODY`].
    #[must_use]
    pub fn of_body(&self) -> f64 {
        self.power_per_user / BODY
    }

    /// A user's mean power over that of a [`PERSON`].
    #[must_use]
    pub fn of_person(&self) -> f64 {
        self.power_per_user / PERSON
    }

    /// Whether no figure has left the numbers: none is infinite, and none that cannot be 0 is.
    fn is_computed(&self) -> bool {
        let Self { energy, energy_kwh, footprint, .. } = self;
        let positive = [
            self.inferences,
            energy.low.0,
            energy.value.0,
            energy.high.0,
            energy_kwh.low,
            energy_kwh.value,
            energy_kwh.high,
            self.power.0,
            self.power_per_user.0,
        ];
        let others = [self.tonnes(), footprint.money.as_ref().map(|money| money.cost)];
        positive.into_iter().all(f64::is_normal) && others.into_iter().flatten().all(f64::is_finite)
    }
}

/// The energy of one inference, of that of a run of so many.
///
/// An estimate may have a low end of 0, which has no logarithm: the end that lies as far below the estimate as the high end
/// lies above it, as a factor, stands for it.
#[must_use]
pub fn of_run(energy: Interval<Joules>, inferences: u64) -> Interval<Joules> {
    let each = energy.map(|energy| energy / inferences.max(1) as f64);
    let low = if each.low > Joules::ZERO { each.low } else { each.value * (each.value / each.high) };
    Interval { low, ..each }
}

/// What inferences come to, year by year.
///
/// # Errors
/// [`ProjectError`] for what has no meaning, or leads beyond what can be computed.
pub fn project(assumptions: &Assumptions, scenario: Scenario) -> Result<Projection, ProjectError> {
    range::check(assumptions)?;
    let growth = scenario.growth(assumptions.growth);
    let gain = scenario.gain(assumptions.gain);
    let years: Vec<Year> = (0..=assumptions.years)
        .map(|after| {
            let year = assumptions.after(after, growth, gain);
            if year.is_computed() {
                Ok(year)
            } else {
                Err(ProjectError::Beyond { scenario, year: year.year })
            }
        })
        .collect::<Result<_, _>>()?;
    let now = years.first().map_or(Watts::ZERO, |year| year.power_per_user);
    let outlook = Outlook::of(growth, gain.value, now, assumptions.from);
    Ok(Projection { scenario, years, outlook })
}

impl Assumptions {
    /// The year that lies so many after the first.
    fn after(&self, after: u16, growth: f64, gain: Interval<f64>) -> Year {
        let years = i32::from(after);
        let energy = fallen(self.energy, gain, after);
        let a_second = self.users * self.usage.a_second() * growth.powi(years);
        let inferences = a_second * YEAR.0;
        let mut site = self.site.clone();
        if let Some(intensity) = &mut site.intensity {
            intensity.value /= self.grid_decline.powi(years);
        }
        let of_year = |energy: Joules| site.footprint(energy * inferences, self.scope, YEAR);
        let footprint = of_year(energy.value);
        let power = Watts(energy.value.0 * a_second * footprint.pue.unwrap_or(1.0));
        Year {
            year: self.from.saturating_add(after),
            inferences,
            energy,
            energy_kwh: energy.map(|energy| of_year(energy).energy_kwh),
            footprint,
            power,
            power_per_user: power / self.users,
        }
    }
}

/// The energy of an inference after so many years of a gain.
fn fallen(energy: Interval<Joules>, gain: Interval<f64>, years: u16) -> Interval<Joules> {
    let value = energy.value / gain.value.powi(i32::from(years));
    let end = |of_energy: f64, of_gain: f64| of_energy.ln().hypot(of_gain.ln() * f64::from(years)).exp();
    Interval {
        value,
        // The larger gain makes the lower energy.
        low: value / end(energy.value / energy.low, gain.high / gain.value),
        high: value * end(energy.high / energy.value, gain.value / gain.low),
    }
}

#[cfg(test)]
mod tests;
