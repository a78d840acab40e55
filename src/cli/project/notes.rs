//! What is said below a projection: what it starts from, and where each scenario leads.

use crate::project::{Assumptions, BODY, HORIZON, Outlook, PERSON, Projection, Reach, Scenario, Use};
use crate::report::text::{percent, plain, visible};

/// What stands for all rows, and where each scenario leads.
pub fn of(assumptions: &Assumptions, origin: &str, projections: &[Projection]) -> Vec<String> {
    let Assumptions { energy, users, usage, growth, gain, site, .. } = assumptions;
    let ends = if energy.low < energy.high {
        format!(" ({} to {}, p10 to p90)", energy.low, energy.high)
    } else {
        String::new()
    };
    let often = match usage {
        Use::PerSecond(inferences) => format!("{} a second", plain(*inferences)),
        Use::PerDay(inferences) => format!("{} a day", plain(*inferences)),
    };
    let pue = site.pue.as_ref().map_or_else(
        || "energy of the machines, without the facility around".to_owned(),
        |pue| format!("energy with a PUE of {} ({})", plain(pue.value), visible(&pue.source)),
    );
    let mut notes = vec![
        format!("{} an inference{ends}, {origin}", energy.value),
        format!("{} users with {often} each, use times {} a year", plain(*users), plain(*growth)),
        format!(
            "efficiency times {} a year ({} to {}, p10 to p90)",
            plain(gain.value),
            plain(gain.low),
            plain(gain.high)
        ),
        pue,
    ];
    if let Some(intensity) = &site.intensity {
        let decline = assumptions.grid_decline;
        let falling = if decline == 1.0 {
            String::new()
        } else {
            format!(", falling by a factor of {} a year", plain(decline))
        };
        notes.push(format!("{} g/kWh ({}){falling}", plain(intensity.value), visible(&intensity.source)));
    }
    notes.push(format!(
        "power is a mean over the users of the first year: a human body takes about {BODY}, a person in the USA about {PERSON}"
    ));
    notes.extend(projections.iter().map(|projection| outlook(projection.scenario, &projection.outlook)));
    notes
}

/// Where a scenario leads.
fn outlook(scenario: Scenario, outlook: &Outlook) -> String {
    let Outlook { break_even, change, doubling, body, person } = outlook;
    let may = if *break_even > 1.0 {
        format!("use may grow by {} a year before energy grows", percent(break_even - 1.0))
    } else if *break_even < 1.0 {
        format!("use must fall by {} a year or energy grows", percent(1.0 - break_even))
    } else {
        "energy grows as use does".to_owned()
    };
    let comes = match doubling {
        None => "Energy stays as it is".to_owned(),
        Some(years) if *change > 1.0 => {
            format!(
                "Energy grows by {} a year and doubles in {} years",
                percent(change - 1.0),
                tenths(*years)
            )
        }
        Some(years) => {
            format!("Energy falls by {} a year and halves in {} years", percent(1.0 - change), tenths(*years))
        }
    };
    // Whoever never takes the less never takes the more.
    let power = match (body, person) {
        (Reach::Never, _) => format!("never reaches {BODY}"),
        (body, person) => format!("reaches {BODY} {}, {PERSON} {}", reached(*body), reached(*person)),
    };
    format!("{scenario}: {may}. {comes}. A user's power {power}")
}

fn reached(reach: Reach) -> String {
    match reach {
        Reach::Already => "already".to_owned(),
        Reach::In(year) => format!("in {year}"),
        Reach::Later => format!("not in {HORIZON} years"),
        Reach::Never => "never".to_owned(),
    }
}

fn tenths(years: f64) -> String {
    format!("{years:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Watts;

    #[test]
    fn a_scenario_says_what_use_may_do_and_what_energy_does() {
        let said = |growth: f64, gain: f64, now: f64| {
            outlook(Scenario::Hardware, &Outlook::of(growth, gain, Watts(now), 2025))
        };
        // 2 / 1.25 is 1.6, ln 2 / ln 1.6 is 1.47; 60 W · 1.6^2 = 154 W; 60 · 1.6^10 = 6.6 kW, 1.6^11 1.06e4.
        assert_eq!(
            said(2.0, 1.25, 60.0),
            "hardware: use may grow by 25 % a year before energy grows. Energy grows by 60 % a year and doubles in 1.5 years. \
             A user's power reaches 100 W in 2027, 10.0 kW in 2036"
        );
        assert_eq!(
            said(1.0, 0.5, 200.0),
            "hardware: use must fall by 50 % a year or energy grows. Energy grows by 100 % a year and doubles in 1.0 years. \
             A user's power reaches 100 W already, 10.0 kW in 2031"
        );
        assert_eq!(
            said(1.0, 2.0, 1.0),
            "hardware: use may grow by 100 % a year before energy grows. Energy falls by 50 % a year and halves in 1.0 years. \
             A user's power never reaches 100 W"
        );
        assert_eq!(
            said(1.0, 1.0, 1.0),
            "hardware: energy grows as use does. Energy stays as it is. A user's power never reaches 100 W"
        );
    }
}
