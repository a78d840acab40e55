//! Carbon and money of an estimate, and the figures behind them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "support/command.rs"]
mod command;
mod support;

use command::{Folder, classifier, stderr};
use serde_json::Value;

fn estimate(folder: &Folder, words: &[&str]) -> Value {
    folder.with("m.onnx", &classifier());
    let words = [&["m.onnx", "--device", "a100", "--json"], words].concat();
    let analysis: Value = serde_json::from_str(&folder.stdout(&words)).unwrap();
    analysis["estimates"][0].clone()
}

fn close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
}

#[test]
fn a_region_gives_grams_and_its_own_price() {
    let folder = Folder::new("region");
    let found = estimate(&folder, &["--region", "California", "--pue", "1.25"]);
    let kilowatt_hours = found["system_energy_j"]["value"].as_f64().unwrap() / 3.6e6 * 1.25;
    // What is paid for is what the whole machine draws.
    assert_eq!(found["footprint"]["scope"], "system");
    // eGRID2023: 179.1 g; EIA: industry paid 21.53 cents in 2024.
    close(&found["footprint"]["energy_kwh"], kilowatt_hours);
    close(&found["co2e_g"], kilowatt_hours * 179.1);
    close(&found["cost"], kilowatt_hours * 0.2153);
    assert_eq!(found["footprint"]["money"]["currency"], "USD");
    let carbon = &found["footprint"]["carbon"];
    assert_eq!(carbon["intensity_source"], "California, 2023, direct");
    // Nobody said what making the device emitted.
    assert!(carbon["embodied_g"].is_null() && carbon["sci_g"].is_null());
}

#[test]
fn the_region_of_a_cloud_has_the_price_of_its_country() {
    let folder = Folder::new("cloud_region");
    let found = estimate(&folder, &["--region", "aws-us-east-1"]);
    assert_eq!(found["footprint"]["money"]["price_source"], "United States, 2024, industrial");
    assert!(found["footprint"]["pue"].is_null());
}

#[test]
fn embodied_carbon_is_shared_out_by_time() {
    let folder = Folder::new("embodied");
    let found = estimate(&folder, &["--intensity", "400", "--embodied", "150,4"]);
    let carbon = &found["footprint"]["carbon"];
    let share = found["latency_s"]["value"].as_f64().unwrap() / (4.0 * 365.25 * 86_400.0);
    close(&carbon["embodied_g"], 150_000.0 * share);
    let operational = found["system_energy_j"]["value"].as_f64().unwrap() / 3.6e6 * 400.0;
    close(&carbon["sci_g"], operational + 150_000.0 * share);
    close(&found["co2e_g"], operational + 150_000.0 * share);
    assert!(found["cost"].is_null() && found["footprint"]["money"].is_null());
}

#[test]
fn without_a_place_nothing_is_known_of_carbon_or_money() {
    let found = estimate(&Folder::new("no_place"), &[]);
    for key in ["co2e_g", "cost", "footprint"] {
        assert!(found[key].is_null(), "{key}");
    }
}

#[test]
fn what_names_no_place_is_refused_with_what_is_near() {
    let folder = Folder::new("no_region");
    folder.with("m.onnx", &classifier());
    for (words, message) in [
        (&["--region", "germny"][..], "did you mean de (Germany)"),
        (&["--pue", "gogle"], "did you mean google (Google (fleet))"),
        (&["--pue", "0.9"], "a PUE is 1 or more"),
        (&["--price", "cheap"], "is no"),
        (&["--intensity=-1"], "is no number of 0 or more"),
        (&["--embodied", "150,4"], "name the --region"),
    ] {
        let output = folder.run(&[&["m.onnx", "--device", "a100"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(message), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn figures_are_listed_with_their_sources() {
    let folder = Folder::new("factors");
    let all: Value = serde_json::from_str(&folder.stdout(&["factors", "--json"])).unwrap();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 624);
    assert!(all.iter().all(|row| row["source"].as_str().is_some_and(|source| !source.is_empty())));
    let t4: Value =
        serde_json::from_str(&folder.stdout(&["factors", "tesla-t4", "--table", "cloud", "--json"])).unwrap();
    // On-demand in us-east-1: the list price of the smallest instance with a T4 has been this since it came out.
    let small = t4.as_array().unwrap().iter().find(|row| row["id"] == "aws-g4dn.xlarge-us-east-1").unwrap();
    assert_eq!((&small["value"], &small["devices"]), (&Value::from(0.526), &Value::from(1)));
    let germany = folder.stdout(&["factors", "de"]);
    assert!(germany.starts_with("de  Germany\n") && germany.contains("380.9 g/kWh"), "{germany}");
    let none = folder.run(&["factors", "atlantis"]);
    assert_eq!(none.status.code(), Some(2));
}
