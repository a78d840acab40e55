//! `ergometer trends`: what inference takes over the years.

use ergometer::device::Catalogue;
use ergometer::predict::paper::Domain;
use ergometer::project;
use ergometer::trends::{Era, Request, Study, builtin};

fn study() -> Study<'static> {
    let facts = builtin();
    Study::of(facts, &facts.models, Catalogue::builtin().devices(), &Request::default()).expect("a study")
}

#[test]
fn a_projection_goes_by_the_line_of_hardware() {
    let gain = study().line(Era::Paper, Domain::Cv).expect("a line").growth.yearly;
    let taken = project::HARDWARE_GAIN;
    for (found, taken) in [(gain.value, taken.value), (gain.low, taken.low), (gain.high, taken.high)] {
        assert!((found - taken).abs() < 0.005, "{found} for {taken}");
    }
}
