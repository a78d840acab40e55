//! The chart of a projection: what a user's inferences take over years, beside what a person takes.

use super::chart::{Axis, Chart, Level, Plane, Scale, Stroke, plane};
use crate::project::{BODY, PERSON, Projection};

/// The chart; `None` without a year.
#[must_use]
pub fn chart(projections: &[Projection]) -> Option<Chart<'static>> {
    let strokes = projections.iter().enumerate().map(|(series, projection)| {
        let years = &projection.years;
        let watts = |of: fn(&crate::predict::Interval<f64>) -> f64| {
            move |year: &crate::project::Year| {
                year.power_per_user.0 * of(&year.energy_kwh) / year.energy_kwh.value
            }
        };
        let (low, high) = (watts(|energy| energy.low), watts(|energy| energy.high));
        Stroke {
            name: projection.scenario.name().to_owned(),
            series: Some(series),
            dashes: series,
            points: years.iter().map(|year| (f64::from(year.year), year.power_per_user.0)).collect(),
            band: years.iter().map(|year| (low(year), high(year))).collect(),
        }
    });

    plane(Plane {
        name: "projection",
        title: "Mean power of the inferences of a user of the first year".to_owned(),
        x: Axis { label: "year".to_owned(), scale: Scale::Years },
        y: Axis { label: "power a user, p10 to p90".to_owned(), scale: Scale::Logarithmic("W") },
        groups: vec![],
        strokes: strokes.collect(),
        levels: people(),
    })
}

/// What people take, as lines across a chart.
#[must_use]
pub fn people() -> Vec<Level> {
    let all =
        [("a human body, about 100 W", BODY), ("all that a person in the USA takes, about 10 kW", PERSON)];
    all.map(|(name, watts)| Level { name: name.to_owned(), y: watts.0 }).to_vec()
}
