//! Expected values are by hand: the arithmetic stands beside each.

use super::*;
use crate::factors::Figure;

fn exactly<T: Copy>(value: T) -> Interval<T> {
    Interval { value, low: value, high: value }
}

/// A million users, one inference a second each, of 0.3 J: the thought experiment of the paper.
fn paper() -> Assumptions {
    Assumptions {
        energy: exactly(Joules(0.3)),
        scope: Scope::System,
        users: 1e6,
        usage: Use::PerSecond(1.0),
        growth: 1.0,
        gain: exactly(2.0),
        from: 2025,
        years: 3,
        site: Site::default(),
        grid_decline: 1.0,
    }
}

fn close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} for {expected}");
}

fn years(assumptions: &Assumptions, scenario: Scenario) -> Vec<Year> {
    project(assumptions, scenario).unwrap().years
}

#[test]
fn one_inference_a_second_takes_its_joules_in_watts() {
    let year = &years(&paper(), Scenario::Frozen)[0];
    assert_eq!(year.year, 2025);
    // 0.3 J a second are 0.3 W: of a million users 300 kW. A year has 8,766 hours: 2,629,800 kWh, 3.15576e13 inferences.
    close(year.power_per_user.0, 0.3);
    close(year.power.0, 300e3);
    close(year.energy_kwh.value, 2_629_800.0);
    close(year.inferences, 3.15576e13);
    close(year.of_body(), 0.003);
    close(year.of_person(), 0.000_03);
    assert_eq!((year.tonnes(), year.footprint.money.clone()), (None, None));
}

#[test]
fn a_facility_takes_its_pue_and_a_place_its_carbon_and_money() {
    let site = Site {
        intensity: Some(Figure::given(400.0)),
        pue: Some(Figure::given(1.1)),
        price: Some((Figure::given(0.1), "EUR".to_owned())),
        embodied: None,
    };
    let assumptions = Assumptions { site, grid_decline: 2.0, ..paper() };
    let found = years(&assumptions, Scenario::Frozen);
    // 2,629,800 kWh · 1.1 = 2,892,780 kWh: times 400 g are 1,157.112 t, times 0.1 are 289,278.
    close(found[0].energy_kwh.value, 2_892_780.0);
    close(found[0].power_per_user.0, 0.33);
    close(found[0].energy.value.0, 0.3);
    close(found[0].tonnes().unwrap(), 1157.112);
    let money = found[0].footprint.money.as_ref().unwrap();
    close(money.cost, 289_278.0);
    assert_eq!(money.currency, "EUR");
    // The grid halves each year: after three an eighth, at the same energy and cost.
    close(found[3].tonnes().unwrap(), 1157.112 / 8.0);
    close(found[3].footprint.money.as_ref().unwrap().cost, 289_278.0);
}

#[test]
fn what_making_the_device_emitted_does_not_go_by_energy() {
    let embodied = Some(crate::factors::Embodied { kilograms: 150.0, years: 4.0 });
    let site = Site { intensity: Some(Figure::given(400.0)), embodied, ..Site::default() };
    let found = years(&Assumptions { site, ..paper() }, Scenario::Frozen);
    // 2,629,800 kWh · 400 g.
    close(found[0].tonnes().unwrap(), 1051.92);
}

#[test]
fn a_day_of_inferences_is_spread_over_its_seconds() {
    let assumptions = Assumptions { usage: Use::PerDay(864.0), ..paper() };
    // 864 over 86,400 s are one in a hundred seconds.
    close(years(&assumptions, Scenario::Frozen)[0].power_per_user.0, 0.003);
}

#[test]
fn growth_and_gain_compound_by_scenario() {
    let assumptions = Assumptions { growth: 3.0, gain: exactly(4.0), ..paper() };
    // After two years inferences are 9-fold, or 81-fold where they grow twice as fast; each takes 1, 1/4 or 1/16.
    for (scenario, inferences, each) in [
        (Scenario::Frozen, 9.0, 1.0),
        (Scenario::Slower, 9.0, 0.25),
        (Scenario::Hardware, 9.0, 0.0625),
        (Scenario::Adoption, 81.0, 0.0625),
    ] {
        let found = years(&assumptions, scenario);
        assert_eq!(found.iter().map(|year| year.year).collect::<Vec<_>>(), [2025, 2026, 2027, 2028]);
        close(found[2].inferences, 3.15576e13 * inferences);
        close(found[2].energy.value.0, 0.3 * each);
        close(found[2].energy_kwh.value, 2_629_800.0 * inferences * each);
        close(found[2].power_per_user.0, 0.3 * inferences * each);
    }
}

#[test]
fn logarithms_of_the_intervals_add_up_in_squares_side_by_side() {
    let energy = Interval { value: Joules(1.0), low: Joules(0.5), high: Joules(4.0) };
    let gain = Interval { value: 2.0, low: 1.0, high: 4.0 };
    let found = years(&Assumptions { energy, gain, ..paper() }, Scenario::Hardware);
    // At first that of the energy alone.
    close(found[0].energy.low.0, 0.5);
    close(found[0].energy.high.0, 4.0);
    // In powers of 2, a year later: below 1 of the energy and 1 of the gain, √2, above 2 and 1, √5, around 2^-1.
    close(found[1].energy.low.0, (-1.0 - 2f64.sqrt()).exp2());
    close(found[1].energy.high.0, (-1.0 + 5f64.sqrt()).exp2());
    // After three, 1 and 3 below, √10, 2 and 3 above, √13, around 2^-3; all users take that times 3.15576e13 / 3.6e6 kWh.
    close(found[3].energy_kwh.low, (-3.0 - 10f64.sqrt()).exp2() * 8.766e6);
    close(found[3].energy_kwh.high, (-3.0 + 13f64.sqrt()).exp2() * 8.766e6);
}

#[test]
fn what_stands_still_has_no_interval_of_its_own_and_half_the_gain_half_of_it() {
    let gain = Interval { value: 4.0, low: 1.0, high: 16.0 };
    let assumptions = Assumptions { gain, ..paper() };
    let frozen = &years(&assumptions, Scenario::Frozen)[3];
    assert_eq!((frozen.energy.low, frozen.energy.high), (frozen.energy.value, frozen.energy.value));
    // √4 is 2, within √1 and √16: a factor of 2 either side each year.
    let slower = &years(&assumptions, Scenario::Slower)[3];
    close(slower.energy.value.0, 0.3 / 8.0);
    close(slower.energy.low.0, 0.3 / 64.0);
    close(slower.energy.high.0, 0.3);
}

#[test]
fn energy_stays_where_use_grows_by_the_gain() {
    let assumptions = Assumptions { growth: 1.27, gain: HARDWARE_GAIN, years: 20, ..paper() };
    let found = project(&assumptions, Scenario::Hardware).unwrap();
    assert_eq!((found.outlook.break_even, found.outlook.doubling), (1.27, None));
    for year in &found.years {
        close(year.energy_kwh.value, 2_629_800.0);
    }
    assert_eq!((found.outlook.body, found.outlook.person), (Reach::Never, Reach::Never));
}

#[test]
fn energy_doubles_in_ln_2_over_the_logarithm_of_its_change() {
    assert_eq!(doubling(2.0), Some(1.0));
    assert_eq!(doubling(0.5), Some(1.0));
    assert_eq!(doubling(1.0), None);
    // Rounded, 1.1 · 1.1 is not 1.21.
    assert_eq!(doubling(1.21 / (1.1 * 1.1)), None);
    // 0.693147 / ln(1.5 / 1.27) = 0.693147 / 0.166448.
    close(doubling(1.5 / 1.27).unwrap(), 4.16435);
    let assumptions = Assumptions { growth: 1.5, gain: HARDWARE_GAIN, ..paper() };
    let outlook = project(&assumptions, Scenario::Adoption).unwrap().outlook;
    // 1.5 · 1.5 / 1.27; 0.693147 / ln 1.771654 = 0.693147 / 0.571914.
    close(outlook.change, 1.771_654);
    close(outlook.doubling.unwrap(), 1.21198);
}

#[test]
fn a_user_reaches_what_people_take_in_the_first_year_that_has_it() {
    let assumptions = Assumptions { growth: 2.0, ..paper() };
    let outlook = project(&assumptions, Scenario::Frozen).unwrap().outlook;
    // 0.3 W · 2^8 = 76.8 W, 2^9 = 153.6 W; 2^15 = 9.83 kW, 2^16 = 19.7 kW.
    assert_eq!((outlook.body, outlook.person), (Reach::In(2034), Reach::In(2041)));
    // One a second of 8 kJ, the paper's reading of GPT-3, is above the one and below the other.
    let large = Assumptions { energy: exactly(Joules(8e3)), ..paper() };
    let outlook = project(&large, Scenario::Frozen).unwrap().outlook;
    assert_eq!((outlook.body, outlook.person), (Reach::Already, Reach::Never));
    // 1.001^1000 is 2.7.
    assert_eq!(Reach::of(Watts(1.0), BODY, 1.001, 2025), Reach::Later);
    // The references are rounded: 2,000 kcal of 4,184 J a day, 79,897 kWh of 3.6 MJ in 365 days.
    let body = 2000.0 * 4184.0 / 86_400.0;
    let person = 79_897.0 * 3.6e6 / (365.0 * 86_400.0);
    assert!((BODY.0 / body - 1.0).abs() < 0.04 && (PERSON.0 / person - 1.0).abs() < 0.1);
}

#[test]
fn an_inference_takes_its_part_of_a_run() {
    let run = Interval { value: Joules(8.0), low: Joules(4.0), high: Joules(32.0) };
    let each = Interval { value: Joules(2.0), low: Joules(1.0), high: Joules(8.0) };
    assert_eq!(of_run(run, 4), each);
    // Four times above: four times below.
    let open = Interval { low: Joules(0.0), ..run };
    assert_eq!(of_run(open, 4).low, Joules(0.5));
}

#[test]
fn what_has_no_meaning_is_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Assumptions), said: &str| {
        let mut assumptions = paper();
        change(&mut assumptions);
        let error = project(&assumptions, Scenario::Hardware).unwrap_err();
        assert!(error.to_string().contains(said), "{error} for {said}");
        assert!(!error.hint().is_empty());
    };
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        refused(&|a| a.energy = exactly(Joules(bad)), "energy of an inference");
        refused(&|a| a.users = bad, "users");
        refused(&|a| a.usage = Use::PerSecond(bad), "a second");
        refused(&|a| a.usage = Use::PerDay(bad), "a day");
        refused(&|a| a.growth = bad, "growth");
        refused(&|a| a.gain = exactly(bad), "gain in efficiency");
        refused(&|a| a.gain.low = bad, "gain in efficiency");
        refused(&|a| a.grid_decline = bad, "carbon intensity");
    }
    refused(&|a| a.growth = 101.0, "growth: 101 is not within 0.01 and 100");
    refused(&|a| a.users = 1e13, "users: 1e13 is not within 1 and 1e12");
    refused(&|a| a.gain.low = 3.0, "2 does not lie between 3 and 2");
    refused(&|a| a.energy.high = Joules(0.1), "0.3 does not lie between 0.3 and 0.1");
}

#[test]
fn no_figure_is_ever_infinite_or_lost() {
    for (growth, gain) in [(100.0, 0.01), (0.01, 100.0), (100.0, 100.0), (0.01, 0.01)] {
        let energy = Interval { value: Joules(1.0), low: Joules(1e-15), high: Joules(1e15) };
        let gain = Interval { value: gain, low: 0.01, high: 100.0 };
        let assumptions = Assumptions { energy, growth, gain, years: 100, ..paper() };
        for scenario in Scenario::ALL {
            match project(&assumptions, scenario) {
                Ok(found) => assert!(found.years.iter().all(Year::is_computed)),
                Err(error) => assert!(matches!(error, ProjectError::Beyond { .. }), "{error}"),
            }
        }
    }
}
