//! What an energy comes to at a place: grams of CO2 equivalent and money.
//!
//! The terms are those of the Software Carbon Intensity specification (ISO/IEC 21031:2024), `SCI = (E · I + M) / R`: E the
//! energy that the software takes, I the carbon intensity of its grid, M its share of what making the hardware emitted, R the
//! functional unit. R is one run of the whole batch here.

use schemars::JsonSchema;
use serde::Serialize;

use super::Factor;
use crate::units::{Joules, Seconds};

/// Joules of a kilowatt hour.
const KILOWATT_HOUR: f64 = 3.6e6;
/// Seconds of a year, leap years in the mean.
const YEAR: f64 = 365.25 * 24.0 * 3600.0;

/// A place that a device runs at, as far as it is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Site {
    /// Grams of CO2 equivalent a kilowatt hour, and whose.
    pub intensity: Option<Figure>,
    /// Energy of the facility over that of its computers, and whose; without one, the device alone is counted.
    pub pue: Option<Figure>,
    /// Price of a kilowatt hour with its currency, and whose.
    pub price: Option<(Figure, String)>,
    /// What making the device emitted.
    pub embodied: Option<Embodied>,
}

/// A figure and a sentence on where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Where it comes from.
    pub source: String,
}

impl Figure {
    /// Of a table.
    #[must_use]
    pub fn of(factor: &Factor) -> Self {
        let basis = factor.basis.as_deref().map(|basis| format!(", {basis}")).unwrap_or_default();
        Self { value: factor.value, source: format!("{}, {}{basis}", factor.name, factor.date) }
    }

    /// What the user says.
    #[must_use]
    pub fn given(value: f64) -> Self {
        Self { value, source: "given".to_owned() }
    }
}

/// What making a device emitted, and how long it computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embodied {
    /// Kilograms of CO2 equivalent.
    pub kilograms: f64,
    /// Years of computing without a break.
    pub years: f64,
}

/// What an energy is that of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The whole machine, at the wall.
    System,
    /// The device alone.
    Device,
}

/// What one run comes to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Footprint {
    /// E of the SCI: kilowatt hours, times the PUE.
    pub energy_kwh: f64,
    /// What E is the energy of.
    pub scope: Scope,
    /// Energy of the facility over that of its computers; null where none is given, and the device alone is counted.
    pub pue: Option<f64>,
    /// Where the PUE comes from.
    pub pue_source: Option<String>,
    /// Grams of CO2 equivalent; null without a carbon intensity.
    pub carbon: Option<Carbon>,
    /// What the electricity costs; null without a price.
    pub money: Option<Money>,
}

impl Footprint {
    /// Grams of CO2 equivalent, embodied ones included where they are known; `None` without a carbon intensity.
    #[must_use]
    pub fn grams(&self) -> Option<f64> {
        self.carbon.as_ref().map(|carbon| carbon.sci_g.unwrap_or(carbon.operational_g))
    }
}

/// Carbon of one run, in the terms of the SCI.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Carbon {
    /// I: grams of CO2 equivalent a kilowatt hour.
    pub intensity_g_per_kwh: f64,
    /// Where the intensity comes from.
    pub intensity_source: String,
    /// O = E · I: grams that the electricity emits.
    pub operational_g: f64,
    /// M: grams of making the device that the run takes its share of, by time; null where nobody says what that emitted.
    pub embodied_g: Option<f64>,
    /// (E · I + M) / R, for R = one run; null without M.
    pub sci_g: Option<f64>,
}

/// What the electricity of one run costs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Money {
    /// Price of a kilowatt hour.
    pub price_per_kwh: f64,
    /// Of all figures: `USD`, `EUR`.
    pub currency: String,
    /// Where the price comes from.
    pub price_source: String,
    /// The cost.
    pub cost: f64,
}

impl Site {
    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What a run of this energy and time of the device comes to.
    #[must_use]
    pub fn footprint(&self, energy: Joules, scope: Scope, latency: Seconds) -> Footprint {
        let pue = self.pue.as_ref();
        let energy_kwh = energy.0 / KILOWATT_HOUR * pue.map_or(1.0, |pue| pue.value);
        let embodied_g =
            self.embodied.map(|Embodied { kilograms, years }| kilograms * 1e3 * latency.0 / (years * YEAR));
        let carbon = self.intensity.as_ref().map(|intensity| {
            let operational_g = energy_kwh * intensity.value;
            Carbon {
                intensity_g_per_kwh: intensity.value,
                intensity_source: intensity.source.clone(),
                operational_g,
                embodied_g,
                sci_g: embodied_g.map(|embodied| operational_g + embodied),
            }
        });
        let money = self.price.as_ref().map(|(price, currency)| Money {
            price_per_kwh: price.value,
            currency: currency.clone(),
            price_source: price.source.clone(),
            cost: energy_kwh * price.value,
        });
        Footprint {
            energy_kwh,
            scope,
            pue: pue.map(|pue| pue.value),
            pue_source: pue.map(|pue| pue.source.clone()),
            carbon,
            money,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilowatt_hour_comes_to_what_the_place_says() {
        let site = Site {
            intensity: Some(Figure::given(400.0)),
            pue: Some(Figure::given(1.25)),
            price: Some((Figure::given(0.2), "EUR".to_owned())),
            // 8,766 g over a year of 8,766 hours: a gram an hour.
            embodied: Some(Embodied { kilograms: 8.766, years: 1.0 }),
        };
        let found = site.footprint(Joules(3.6e6), Scope::Device, Seconds(7200.0));
        let carbon = found.carbon.unwrap();
        assert_eq!((found.energy_kwh, carbon.operational_g), (1.25, 500.0));
        assert!((carbon.embodied_g.unwrap() - 2.0).abs() < 1e-9);
        assert!((carbon.sci_g.unwrap() - 502.0).abs() < 1e-9);
        let money = found.money.unwrap();
        assert_eq!((money.cost, money.currency.as_str()), (0.25, "EUR"));
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let known = Site { intensity: Some(Figure::given(400.0)), ..Site::default() };
        let found = known.footprint(Joules(3.6e6), Scope::Device, Seconds(1.0));
        let carbon = found.carbon.unwrap();
        assert_eq!((carbon.operational_g, carbon.embodied_g, carbon.sci_g), (400.0, None, None));
        assert_eq!((found.pue, found.money), (None, None));
        assert!(Site::default().is_empty() && !known.is_empty());
        assert_eq!(Site::default().footprint(Joules(1.0), Scope::Device, Seconds(1.0)).carbon, None);
    }
}
