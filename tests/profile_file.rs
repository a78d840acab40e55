//! Profiles as files: what is written reads back, and no file makes the reader panic.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use ergometer::calibrate::assemble::{self, About};
use ergometer::calibrate::measure::{self, Clocks};
use ergometer::calibrate::mock::Mock;
use ergometer::calibrate::plan::{Plan, Preset};
use ergometer::device::profile::{Host, Profile};
use proptest::prelude::*;
use serde_json::Value;

/// A profile of a mock, as JSON.
fn json() -> &'static Value {
    static JSON: OnceLock<Value> = OnceLock::new();
    JSON.get_or_init(|| serde_json::to_value(profile(1)).expect("it is written"))
}

fn profile(seed: u64) -> Profile {
    let mut mock = Mock::gpu(seed);
    let plan = Plan::new(Preset::Quick, &mock.adapter(), &[], seed);
    let clocks = Clocks { asked: None, cores: 2 };
    let records = measure::run(&plan, &mut mock, clocks, &mut |_| {}, &AtomicBool::new(false));
    let host = Host { os: String::new(), cpu: String::new(), cores: 2, load_before: None, load_after: None };
    let about = About {
        name: "mock".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        version: "0.0.0".to_owned(),
        wgpu: "0".to_owned(),
        adapter: mock.adapter(),
        host,
        shader_checks: false,
        models: vec![],
    };
    assemble::profile(&plan, &records, about)
}

/// The places of a document, each by the way to it.
fn places(value: &Value, way: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    all.push(way.clone());
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(keys) => keys.iter().map(|(key, value)| (key.clone(), value)).collect(),
        // The first ones of a list stand for the others.
        Value::Array(items) => {
            items.iter().take(2).enumerate().map(|(at, item)| (at.to_string(), item)).collect()
        }
        _ => vec![],
    };
    for (key, value) in inner {
        way.push(key);
        places(value, way, all);
        way.pop();
    }
}

fn all_places() -> &'static Vec<Vec<String>> {
    static PLACES: OnceLock<Vec<Vec<String>>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let mut all = vec![];
        places(json(), &mut vec![], &mut all);
        all
    })
}

fn changed(way: &[String], new: &Value) -> Value {
    let mut document = json().clone();
    let pointer: String = way.iter().map(|key| format!("/{key}")).collect();
    *document.pointer_mut(&pointer).expect("the place is there") = new.clone();
    document
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(0)),
        Just(Value::from(f64::MIN_POSITIVE)),
        Just(Value::from(f64::MAX)),
        "\\PC{0,8}".prop_map(Value::from),
        Just(Value::Array(vec![])),
        Just(Value::Object(serde_json::Map::new())),
    ]
}

/// What an estimate asks of a profile. It must not panic, whatever the profile says.
fn used(profile: &Profile) {
    for curve in &profile.curves {
        for point in curve.points.iter().take(3) {
            let _ = curve.time(&point.shape);
            let _ = curve.model.map(|model| model.time(&point.shape, curve.tile, curve.precision));
            let _ =
                profile.runtime_curve(&point.shape, curve.precision).map(|curve| curve.time(&point.shape));
        }
        let empty = ergometer::device::kernel::KernelShape::Copy { elements: 0 };
        let _ = curve.time(&empty);
    }
    let _ = (profile.class_rates(), profile.bandwidth());
    let _ = ergometer::calibrate::compare::compare(profile, profile);
}

#[test]
fn a_profile_reads_back_as_it_was_written() {
    for seed in 1..4 {
        let written = profile(seed);
        let json = serde_json::to_vec(&written).expect("it is written");
        assert_eq!(Profile::parse(&json).expect("it reads"), written);
    }
}

#[test]
fn a_figure_that_nothing_can_be_computed_with_is_refused() {
    for pointer in [
        "/peaks/0/flops_per_second",
        "/special/0/results_per_second",
        "/bandwidth/0/bytes_per_second",
        "/transfer/0/bytes_per_second",
        "/intensity/0/flops_per_second",
        "/launch/dispatch_s",
        "/curves/0/points/0/stats/median_s",
        "/curves/0/model/residual/p90",
    ] {
        for wrong in [0.0, -1.0] {
            let way: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
            let document = serde_json::to_vec(&changed(&way, &Value::from(wrong))).expect("it is written");
            let error = Profile::parse(&document).expect_err(pointer).to_string();
            assert!(error.contains("a positive number is needed"), "{pointer}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_change_of_one_value_reads_or_is_refused(at in any::<prop::sample::Index>(), new in anything()) {
        let places = all_places();
        let document = changed(&places[at.index(places.len())], &new);
        if let Ok(profile) = Profile::parse(&serde_json::to_vec(&document).expect("it is written")) {
            used(&profile);
        }
    }

    #[test]
    fn any_bytes_read_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Profile::parse(&bytes);
    }

    #[test]
    fn any_torn_file_is_refused(at in any::<prop::sample::Index>()) {
        let whole = serde_json::to_vec(json()).expect("it is written");
        let torn = &whole[..at.index(whole.len())];
        prop_assert!(Profile::parse(torn).is_err());
    }
}
