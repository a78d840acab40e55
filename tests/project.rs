//! `ergometer project`: what follows by hand from joules, users and years, and from the estimate of a model.

#[path = "support/command.rs"]
mod command;
mod support;

use std::path::Path;

use command::{Folder, classifier, stderr};
use serde_json::Value;

fn model(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name).display().to_string()
}

/// The rows of a run.
fn rows(folder: &Folder, words: &[&str]) -> Vec<Value> {
    let all = [&["project", "--json"], words].concat();
    serde_json::from_str(&folder.stdout(&all)).expect("it prints a list of rows")
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().expect(key)
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{found} for {expected}");
}

#[test]
fn a_million_users_of_an_inference_a_second_take_gigawatt_hours() {
    let folder = Folder::new("project_paper");
    let words =
        ["--energy", "0.3", "--from", "2025", "--intensity", "400", "--pue", "1.1", "--price", "0.1EUR"];
    let found = rows(&folder, &words);
    // Three scenarios, as use does not grow, of a first year and ten after it.
    assert_eq!(found.len(), 33);
    let first = &found[0];
    assert_eq!((&first["scenario"], &first["year"]), (&"frozen".into(), &2025.into()));
    // A second of 0.3 J, times 1e6 users, times 31,557,600 s, over 3.6e6 J are 2,629,800 kWh; with the PUE 2,892,780.
    close(number(first, "inferences"), 3.15576e13);
    close(number(first, "energy_j"), 0.3);
    for key in ["energy_kwh", "low_kwh", "high_kwh"] {
        close(number(first, key), 2_892_780.0);
    }
    close(number(first, "co2e_t"), 2_892_780.0 * 400.0 / 1e6);
    close(number(first, "cost"), 289_278.0);
    assert_eq!(first["currency"], "EUR");
    close(number(first, "power_w"), 330e3);
    close(number(first, "power_per_user_w"), 0.33);
    close(number(first, "of_body"), 0.0033);
    close(number(first, "of_person"), 0.000_033);
    // Ten years of a gain of 1.27 are one of 10.9153; of its square root, 3.30383.
    let last = |scenario: &str| {
        let row = found.iter().find(|row| row["scenario"] == scenario && row["year"] == 2035);
        number(row.expect(scenario), "energy_j")
    };
    close(last("frozen"), 0.3);
    assert!((0.3 / last("hardware") - 10.9153).abs() < 1e-3, "{}", last("hardware"));
    assert!((0.3 / last("slower") - 3.30383).abs() < 1e-3, "{}", last("slower"));
}

#[test]
fn use_that_grows_twice_as_fast_is_a_scenario_of_its_own() {
    let folder = Folder::new("project_adoption");
    let words =
        ["--energy", "1,0.5,4", "--growth", "2", "--efficiency", "1", "--years", "2", "--per-day", "864"];
    let found = rows(&folder, &words);
    assert_eq!(found.len(), 4 * 3);
    let energies = |scenario: &str| -> Vec<f64> {
        let of = found.iter().filter(|row| row["scenario"] == scenario);
        of.map(|row| number(row, "energy_kwh")).collect()
    };
    // 864 a day of 1 J are 0.01 W: of 1e6 users in 8,766 h 87,660 kWh.
    for (found, expected) in energies("hardware").iter().zip([1.0, 2.0, 4.0]) {
        close(*found, 87_660.0 * expected);
    }
    for (found, expected) in energies("adoption").iter().zip([1.0, 4.0, 16.0]) {
        close(*found, 87_660.0 * expected);
    }
    for row in &found {
        close(number(row, "low_kwh"), number(row, "energy_kwh") / 2.0);
        close(number(row, "high_kwh"), number(row, "energy_kwh") * 4.0);
    }
    let chosen = rows(&folder, &[&words[..], &["--scenario", "adoption", "--scenario", "frozen"]].concat());
    let names: Vec<&str> = chosen.iter().filter_map(|row| row["scenario"].as_str()).collect();
    assert_eq!(names, ["frozen", "frozen", "frozen", "adoption", "adoption", "adoption"]);
}

#[test]
fn a_model_takes_what_analyze_says_that_it_takes() {
    let folder = Folder::new("project_model");
    let resnet = model("resnet50.onnx");
    for (batch, inferences) in [("1", 1.0), ("8", 8.0)] {
        let said = folder.stdout(&[&resnet, "--device", "t4", "--batch", batch, "--json"]);
        let analysis: Value = serde_json::from_str(&said).expect("the analysis is JSON");
        let energy = &analysis["estimates"][0]["system_energy_j"];
        let words = [&resnet, "--device", "t4", "--batch", batch, "--scenario", "frozen", "--years", "1"];
        let row = &rows(&folder, &words)[0];
        close(number(row, "energy_j"), number(energy, "value") / inferences);
        // 1e6 users in 31,557,600 s of a joule each are 8,766,000 kWh.
        for (key, end) in [("energy_kwh", "value"), ("low_kwh", "low"), ("high_kwh", "high")] {
            close(number(row, key), number(energy, end) / inferences * 8.766e6);
        }
    }
}

#[test]
fn where_no_host_is_known_the_device_alone_is_counted() {
    let folder = Folder::new("project_device");
    folder.with("m.onnx", &classifier());
    let device = "apple-m1";
    let said: Value = serde_json::from_str(&folder.stdout(&["m.onnx", "--device", device, "--json"]))
        .expect("the analysis is JSON");
    let estimate = &said["estimates"][0];
    assert!(estimate["system_energy_j"].is_null(), "{estimate}");
    let row = &rows(&folder, &["m.onnx", "--device", device, "--scenario", "frozen"])[0];
    close(number(row, "energy_j"), number(&estimate["energy_j"], "value"));
    assert!(folder.stdout(&["project", "m.onnx", "--device", device]).contains("of the device alone"));
}

#[test]
fn columns_are_the_same_with_and_without_a_place() {
    let folder = Folder::new("project_columns");
    let words = ["project", "--energy", "0.3", "--years", "1", "--from", "2025", "--scenario", "frozen"];
    let text = folder.stdout(&[&words[..], &["--format", "csv"]].concat());
    assert_eq!(
        text.lines().next(),
        Some(
            "scenario,year,inferences,energy_j,energy_kwh,low_kwh,high_kwh,co2e_t,cost,currency,power_w,\
             power_per_user_w,of_body,of_person"
        )
    );
    assert_eq!(text.lines().count(), 3, "{text}");
    let row: Vec<&str> = text.lines().nth(1).expect("a row").split(',').collect();
    assert_eq!((row[0], row[1], row[7], row[8], row[9]), ("frozen", "2025", "", "", ""));
    folder.stdout(&[&words[..], &["--region", "de", "-o", "years.csv"]].concat());
    let named = folder.read("years.csv");
    assert_eq!(named.lines().next(), text.lines().next());
    assert!(
        named.lines().nth(1).is_some_and(|row| row.contains(",EUR,") || row.contains(",USD,")),
        "{named}"
    );
    let markdown = folder.stdout(&[&words[..], &["--format", "md"]].concat());
    assert!(markdown.starts_with("| scenario"), "{markdown}");
}

#[test]
fn the_table_says_what_growth_energy_can_bear() {
    let folder = Folder::new("project_table");
    let words = ["project", "--energy", "0.3,0.2,0.5", "--growth", "2", "--from", "2025"];
    let text = folder.stdout(&words);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("300 mJ an inference (200 mJ to 500 mJ, p10 to p90), given"), "{text}");
    // 2 / 1.27 is 1.575, ln 2 / ln 1.575 is 1.5; 0.3 W · 2^9 and 2^16 are above 100 W and 10 kW.
    assert!(flat.contains("hardware: use may grow by 27 % a year before energy grows."), "{text}");
    assert!(flat.contains("Energy grows by 57 % a year and doubles in 1.5 years."), "{text}");
    assert!(flat.contains("A user's power reaches 100 W in 2034, 10.0 kW in 2041"), "{text}");
    // Nothing is said of carbon or money where no place is named.
    assert!(!text.contains("CO2e") && !text.contains('?'), "{text}");
    assert!(folder.stdout(&[&words[..], &["--region", "de"]].concat()).contains("CO2e"));
    assert!(!folder.stdout(&[&words[..], &["-q"]].concat()).contains("inference ("));
}

#[test]
fn the_year_is_that_of_the_clock_unless_it_is_set() {
    let folder = Folder::new("project_year");
    let mut command = folder.command(&["project", "--energy", "1", "--json"]);
    // 2024-06-01.
    let output = command.env("SOURCE_DATE_EPOCH", "1717200000").output().expect("it runs");
    let found: Value = serde_json::from_slice(&output.stdout).expect("it prints rows");
    assert_eq!(found[0]["year"], 2024);
}

#[test]
fn what_cannot_be_projected_is_refused() {
    let folder = Folder::new("project_refusals");
    folder.with("m.onnx", &classifier());
    for (words, said) in [
        (&[][..], "a model or --energy is needed"),
        (&["m.onnx", "--energy", "1"], "cannot be used with"),
        (&["--energy", "1", "--device", "t4"], "cannot be used with"),
        (&["--energy", "1", "--batch", "8"], "cannot be used with"),
        (&["--energy", "1", "--dim", "batch=8"], "cannot be used with"),
        (&["--energy", "0"], "energy of an inference in joules: 0 is not within"),
        (&["--energy", "-1"], "-1 is not within"),
        (&["--energy", "nan"], "NaN is not within"),
        (&["--energy", "0.3,inf,0.5"], "inf is not within"),
        (&["--energy", "0.3,0.4,0.5"], "0.3 does not lie between 0.4 and 0.5"),
        (&["--energy", "0.3,0.2"], "value, low and high end"),
        (&["--energy", "much"], "a number is needed"),
        (&["--energy", "1", "--users", "1e300"], "users: 1e300 is not within 1 and 1e12"),
        (&["--energy", "1", "--users", "0"], "users: 0 is not within"),
        (&["--energy", "1", "--per-second", "1", "--per-day", "1"], "cannot be used with"),
        (&["--energy", "1", "--per-day", "-5"], "a day: -5 is not within"),
        (&["--energy", "1", "--growth", "101"], "growth: 101 is not within 0.01 and 100"),
        (&["--energy", "1", "--growth", "nan"], "growth: NaN"),
        (&["--energy", "1", "--efficiency", "0"], "gain in efficiency: 0 is"),
        (&["--energy", "1", "--grid-decline", "0"], "carbon intensity: 0 is"),
        (&["--energy", "1", "--years", "0"], "1..=100"),
        (&["--energy", "1", "--years", "101"], "1..=100"),
        (&["--energy", "1", "--growth", "100", "--efficiency", "0.01", "--years", "100"], "beyond what can"),
        (&["--energy", "1", "--scenario", "hope"], "frozen"),
        (&["--energy", "1", "--embodied", "150,4"], "no part in a projection"),
        (&["m.onnx", "--device", "t4,a100"], "one device"),
        (&["m.onnx", "--device", "all"], "one device"),
        (&["m.onnx", "--device", "t4", "--paper", "cv,2016-01"], "no part in a projection"),
    ] {
        let output = folder.run(&[&["project"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    let output = folder.run(&["project", "absent.onnx", "--device", "t4"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let help = folder.stdout(&["project", "--help"]);
    assert!(!help.contains("--embodied") && !help.contains("--paper"), "{help}");
    for said in ["Efficiency stands still", "twice as fast", "1.27,1.23,1.32"] {
        assert!(help.contains(said), "{help}");
    }
}

#[test]
fn the_chart_has_a_line_a_scenario_and_what_people_take() {
    let folder = Folder::new("project_svg");
    folder.stdout(&["project", "--energy", "6000", "--growth", "1.5", "--from", "2026", "--svg", "p.svg"]);
    let svg = folder.read("p.svg");
    for said in ["frozen", "slower", "hardware", "adoption", "a human body, about 100 W", "1 kW", "2030"] {
        assert!(svg.contains(said), "{said}");
    }
    assert!(!svg.contains("NaN"));
}
