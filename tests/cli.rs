//! The command as a user meets it: screens, streams, exit codes.

#[path = "support/command.rs"]
mod command;
mod support;

use std::process::Stdio;

use command::{Folder, classifier, golden, mystery, named_nodes, stderr};
use unicode_width::UnicodeWidthStr;

const DEVICE: [&str; 2] = ["--device", "nvidia-tesla-t4"];

fn with_device<'w>(words: &[&'w str]) -> Vec<&'w str> {
    [words, &DEVICE].concat()
}

#[test]
fn the_screen_of_a_model_is_as_it_was_read() {
    let folder = Folder::new("screen");
    folder.with("classifier.onnx", &classifier());
    folder.with("mystery.onnx", &mystery());
    golden("classifier.txt", &folder.stdout(&with_device(&["analyze", "classifier.onnx"])));
    golden("mystery.txt", &folder.stdout(&with_device(&["analyze", "mystery.onnx"])));
    golden("classifier.md", &folder.stdout(&with_device(&["analyze", "classifier.onnx", "--format", "md"])));
    golden(
        "classifier.csv",
        &folder.stdout(&with_device(&["analyze", "classifier.onnx", "--format", "csv"])),
    );
}

#[test]
fn the_facts_on_the_screen_are_those_counted_by_hand() {
    let folder = Folder::new("facts");
    folder.with("classifier.onnx", &classifier());
    let screen = folder.stdout(&["classifier.onnx"]);
    for fact in ["5.33 kMAC = 11.0 kFLOP", "1.56 k, 6.25 kB", "4 of 4 nodes counted", "batch=1 (default)"] {
        assert!(screen.contains(fact), "{fact}\n{screen}");
    }
    // Ten samples: ten times the work, the same parameters.
    let screen = folder.stdout(&["classifier.onnx", "--batch", "10"]);
    for fact in ["53.3 kMAC = 110 kFLOP", "1.56 k, 6.25 kB", "batch=10"] {
        assert!(screen.contains(fact), "{fact}\n{screen}");
    }
}

#[test]
fn an_uncounted_node_makes_every_total_a_lower_bound() {
    let folder = Folder::new("uncounted");
    let screen = folder.stdout(&[folder.with("mystery.onnx", &mystery())]);
    assert!(screen.contains("≥ 0 MAC = 4 FLOP"), "{screen}");
    assert!(screen.contains("1 of 2 nodes counted"), "{screen}");
    assert!(
        screen.contains("not counted: 1 × com.example.Whirl: no operator of this name is known"),
        "{screen}"
    );
}

#[test]
fn without_a_device_the_reference_is_taken_and_said() {
    let folder = Folder::new("reference");
    let screen = folder.stdout(&[folder.with("classifier.onnx", &classifier())]);
    assert!(screen.contains("nvidia-a100-sxm4-80-gb") && screen.contains("(reference;"), "{screen}");
    let screen = folder.stdout(&["classifier.onnx", "--device", "4090,h100"]);
    assert!(
        screen.contains("nvidia-geforce-rtx-4090") && screen.contains("nvidia-h100-sxm5-80-gb"),
        "{screen}"
    );
    assert!(!screen.contains("(reference;"), "{screen}");
}

#[test]
fn strict_lists_everything_that_is_missing_at_once() {
    let folder = Folder::new("strict");
    folder.with("mystery.onnx", &mystery());
    let refused = folder.run(&["mystery.onnx", "--strict"]);
    assert_eq!(refused.status.code(), Some(5));
    let message = stderr(&refused);
    for missing in ["dimension \"n\" is open", "\"make_y\" (com.example.Whirl) is not counted", "hint: "] {
        assert!(message.contains(missing), "{missing}\n{message}");
    }
    folder.with("classifier.onnx", &classifier());
    assert_eq!(folder.run(&["classifier.onnx", "--strict"]).status.code(), Some(5));
    assert_eq!(folder.run(&["classifier.onnx", "--strict", "--dim", "batch=1"]).status.code(), Some(0));
}

#[test]
fn exit_codes_tell_programs_what_happened() {
    let folder = Folder::new("codes");
    folder.with("good.onnx", &classifier());
    folder.write("bad.onnx", b"<!DOCTYPE html><html></html>");
    for (words, code) in [
        (&["good.onnx"][..], 0),
        (&["analyze", "good.onnx", "good.onnx"], 0),
        (&["--version"], 0),
        (&["--help"], 0),
        (&["good.onnx", "--no-such-option"], 2),
        (&["good.onnx", "--dim", "batch"], 2),
        (&["good.onnx", "--device", "no-such-device"], 2),
        (&["good.onnx", "--json", "--fields", "name"], 2),
        (&["good.onnx", "-o", "good.onnx"], 2),
        (&["strip", "good.onnx"], 2),
        (&["good.onnx", "-o", "no/such/folder/out"], 3),
        (&["analyze", "good.onnx", "bad.onnx"], 4),
        (&["bad.onnx"], 5),
        (&["analyze", "bad.onnx", "missing.onnx"], 5),
        (&["good.onnx", "--dim", "height=3"], 5),
        (&["good.onnx", "--input", "x=1x3"], 5),
        (&["strip", "bad.onnx", "-o", "out.onnx"], 5),
        (&["strip", "good.onnx", "-o", "no/such/folder/out"], 3),
    ] {
        let output = folder.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", stderr(&output));
        if code > 0 {
            assert!(stderr(&output).starts_with("error: "), "{words:?}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_misspelt_command_or_device_gets_a_hint() {
    let folder = Folder::new("hints");
    folder.with("m.onnx", &classifier());
    for (words, hint) in [
        (&["analyse", "m.onnx"][..], "ergometer analyze"),
        (&["m.onnx", "--device", "rtx-4009"], "nvidia-geforce-rtx-4090"),
        (&["m.onnx", "--dim", "Batch=1"], "batch"),
        (&["m.onnx", "--sort", "flop"], "flops"),
    ] {
        let message = stderr(&folder.run(words));
        assert!(message.contains(hint), "{words:?}: {message}");
    }
}

#[test]
fn options_of_every_command_may_stand_before_it() {
    let folder = Folder::new("order");
    folder.with("m.onnx", &classifier());
    let after = folder.stdout(&["analyze", "m.onnx", "--format", "csv", "--color", "never"]);
    assert_eq!(folder.stdout(&["--format", "csv", "--color", "never", "analyze", "m.onnx"]), after);
    assert_eq!(folder.stdout(&["--format=csv", "m.onnx"]), after);
    assert_eq!(folder.stdout(&["analyze", "m.onnx", "-o", "out.csv", "--format", "csv"]), "");
    assert_eq!(folder.read("out.csv"), after);
}

#[test]
fn every_screen_fits_80_columns_when_it_is_piped() {
    let folder = Folder::new("width");
    let long = "/model/".to_owned() + &"a_very_long_module_name/".repeat(20) + "Conv";
    folder.with("m.onnx", &named_nodes(&[&long, "層".repeat(60).as_str(), "b"]));
    folder.with("mystery.onnx", &mystery());
    for words in [
        &["m.onnx"][..],
        &["mystery.onnx", "--device", "a100,4090"],
        &["m.onnx", "--by", "scope", "-v"],
        &["devices"],
        &["devices", "a100"],
        &["factors"],
        &["factors", "--table", "cloud"],
        &["factors", "us-ca"],
        &["m.onnx", "--region", "us-ca", "--pue", "google", "--embodied", "150,4"],
        &["ops"],
    ] {
        for line in folder.stdout(words).lines() {
            assert!(line.width() <= 80, "{words:?}: {} columns: {line}", line.width());
        }
    }
}

#[test]
fn all_devices_are_a_row_each_and_the_least_energy_is_first() {
    let folder = Folder::new("all_devices");
    folder.with("m.onnx", &classifier());
    let words = ["m.onnx", "--device", "all", "--precision", "fp16"];
    let screen = folder.stdout(&words);
    let analysis = folder.stdout(&[&words[..], &["--json"]].concat());
    let analysis: serde_json::Value = serde_json::from_str(&analysis).expect("the output is JSON");
    let estimates = analysis["estimates"].as_array().expect("there are estimates");
    let refused = analysis["warnings"].as_array().expect("there are warnings").len();
    let devices = folder.stdout(&["devices", "--format", "jsonl"]).lines().count();
    assert!(devices >= 300 && estimates.len() + refused == devices, "{} of {devices}", estimates.len());
    let energy = |estimate: &serde_json::Value| estimate["energy_j"]["value"].as_f64().expect("a number");
    let least = estimates.iter().min_by(|a, b| energy(a).total_cmp(&energy(b))).expect("there is one");
    let table: Vec<&str> = screen
        .lines()
        .skip_while(|line| !line.starts_with("  device "))
        .skip(1)
        .take(estimates.len())
        .collect();
    let first = table.first().expect("there are rows");
    assert!(first.trim_start().starts_with(least["device"].as_str().expect("a name")), "{first}");
    assert!(table.iter().all(|line| line.ends_with("spec") || line.ends_with("assumed")));
    // JSON has the same order; sorted by time, it is that of latencies.
    for (sort, key) in [("energy", "energy_j"), ("time", "latency_s")] {
        let analysis = folder.stdout(&[&words[..], &["--json", "--sort", sort]].concat());
        let analysis: serde_json::Value = serde_json::from_str(&analysis).expect("the output is JSON");
        let estimates = analysis["estimates"].as_array().expect("there are estimates");
        let value = |estimate: &serde_json::Value| estimate[key]["value"].as_f64().expect("a number");
        assert!(estimates.windows(2).all(|pair| value(&pair[0]) <= value(&pair[1])), "{sort}");
    }
}

#[test]
fn every_runtime_and_format_has_an_estimate_and_amp_is_sixteen_bits() {
    let folder = Folder::new("formats");
    folder.with("m.onnx", &classifier());
    let latency = |words: &[&str]| {
        let text = folder.stdout(&[&["m.onnx", "--device", "h100", "--json"], words].concat());
        let analysis: serde_json::Value = serde_json::from_str(&text).expect("the output is JSON");
        analysis["estimates"][0]["latency_s"]["value"].as_f64().expect("a number")
    };
    for precision in ["fp32", "tf32", "fp16", "bf16", "fp8", "int8"] {
        for runtime in ["eager", "compiled", "engine"] {
            assert!(
                latency(&["--precision", precision, "--runtime", runtime]) > 0.0,
                "{precision} {runtime}"
            );
        }
    }
    assert_eq!(latency(&["--precision", "amp"]), latency(&["--precision", "fp16"]));
    // Of a model that waits for its starts: an engine starts all kernels together.
    assert!(latency(&["--runtime", "engine"]) < latency(&["--runtime", "compiled"]));
    assert!(latency(&["--runtime", "compiled"]) < latency(&["--runtime", "eager"]));
    let paper = folder.stdout(&["m.onnx", "--device", "h100", "--paper", "cv,2016-01"]);
    assert!(paper.contains("Paper energy"), "{paper}");
}

#[test]
fn own_devices_are_estimated_for_and_a_bad_table_is_named() {
    let folder = Folder::new("own_devices");
    folder.with("m.onnx", &classifier());
    let readme = include_str!("../README.md");
    let table =
        readme.split("```toml\n").find(|part| part.starts_with("[[family]]")).expect("README has a table");
    folder.write("own.toml", table.split("```").next().expect("it ends").as_bytes());
    let screen = folder.stdout(&["m.onnx", "--devices", "own.toml", "--device", "x1", "--precision", "fp16"]);
    assert!(screen.contains("acme-x1  fp16 on matrix units"), "{screen}");
    let shown = folder.stdout(&["devices", "x1", "--devices", "own.toml"]);
    assert!(shown.contains("100 TFLOP/s   given by the user"), "{shown}");
    folder.write("bad.toml", b"[[family]]\nvendor = 'V'\n");
    let output = folder.run(&["m.onnx", "--devices", "bad.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("error: bad.toml: "), "{}", stderr(&output));
}

#[test]
fn hostile_names_reach_no_terminal() {
    let folder = Folder::new("hostile");
    folder.with(
        "m.onnx",
        &named_nodes(&["\u{1b}[2J\u{1b}]0;owned\u{7}", "=cmd|'/c calc'!A0", "a|b`c", "line\nbreak"]),
    );
    for format in ["table", "csv", "md", "json", "jsonl"] {
        let output = folder.stdout(&["m.onnx", "--format", format, "--all"]);
        let control = output.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{format}: {output}");
    }
    let csv = folder.stdout(&["m.onnx", "--format", "csv", "--fields", "name"]);
    assert!(csv.contains("\n'=cmd"), "{csv}");
    let markdown = folder.stdout(&["m.onnx", "--format", "md", "--all"]);
    assert!(markdown.contains("a\\|b\\`c"), "{markdown}");
}

#[test]
fn colour_is_for_terminals_and_those_who_insist() {
    let folder = Folder::new("colour");
    folder.with("m.onnx", &classifier());
    assert!(!folder.stdout(&["m.onnx"]).contains('\u{1b}'));
    assert!(folder.stdout(&["m.onnx", "--color", "always"]).contains('\u{1b}'));
    assert!(!folder.stdout(&["m.onnx", "--color", "never"]).contains('\u{1b}'));
    let forced = folder.command(&["m.onnx"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(forced.stdout.contains(&0x1b));
    let asked_not = folder.command(&["m.onnx"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!asked_not.stdout.contains(&0x1b));
}

#[test]
fn a_table_that_leaves_rows_out_still_adds_up() {
    let folder = Folder::new("rest");
    folder.with("m.onnx", &classifier());
    let table = folder.stdout(&["m.onnx", "--top", "1", "--sort", "macs", "--fields", "name,alu,params"]);
    let rows: Vec<&str> = table.lines().skip_while(|line| !line.contains("layer ")).collect();
    let cells: Vec<Vec<&str>> = rows.iter().take(4).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["layer", "alu", "params"]);
    assert_eq!(cells[1], ["/features/conv/Conv", "144", "112"]);
    // Relu's 144, Gemm's 10 and its 1,450 parameters.
    assert_eq!(cells[2], ["…", "3", "more", "154", "1.45", "k"]);
    assert_eq!(cells[3], ["total", "298", "1.56", "k"]);
}

#[test]
fn layers_group_by_operator_scope_and_type() {
    let folder = Folder::new("groups");
    folder.with("m.onnx", &classifier());
    let names = |by: &str| {
        let csv = folder.stdout(&["m.onnx", "--by", by, "--format", "csv", "--fields", "name,layers,macs"]);
        csv.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let sorted = |by: &str| {
        let mut rows = names(by);
        rows.sort();
        rows
    };
    assert_eq!(sorted("op"), ["Conv,1,3888", "Flatten,1,0", "Gemm,1,1440", "Relu,1,0"]);
    assert_eq!(sorted("scope"), ["(top),1,0", "fc,1,1440", "features,1,0", "features/conv,1,3888"]);
    assert_eq!(names("dtype"), ["float32,4,5328"]);
    assert_eq!(names("layer").len(), 4);
}

#[test]
fn conventions_weigh_the_same_work_differently() {
    let folder = Folder::new("conventions");
    folder.with("m.onnx", &classifier());
    for (convention, total) in [("flops", "total  5.33 k  11.0 k"), ("contraction", "total  5.33 k  10.7 k")]
    {
        let table = folder.stdout(&["m.onnx", "--convention", convention]);
        let squeezed: String =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect();
        let total = total.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&total), "{convention}: {table}");
    }
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let folder = Folder::new("pipe");
    folder.with("m.onnx", &named_nodes(&vec!["relu"; 3000]));
    for words in
        [&["m.onnx", "--json"][..], &["m.onnx", "--all"], &["m.onnx", "--format", "csv"], &["ops", "--json"]]
    {
        let mut child = folder.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn a_model_comes_from_standard_input() {
    let folder = Folder::new("stdin");
    folder.with("m.onnx", &classifier());
    let file = std::fs::File::open(folder.path("m.onnx")).unwrap();
    let output = folder.command(&["-"]).stdin(file).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("5.33 kMAC"), "{}", stderr(&output));
}

#[test]
fn quiet_keeps_stderr_and_notes_empty() {
    let folder = Folder::new("quiet");
    folder.with("m.onnx", &classifier());
    let output = folder.run(&["strip", "m.onnx", "-o", "s.onnx", "-q"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert!(!folder.stdout(&["m.onnx", "-q"]).contains("note:"));
    assert!(folder.stdout(&["m.onnx"]).contains("note: weights.bin is not there"));
}

/// 144 outputs of 27 taps and 10 of 144, with a bias each, and 144 comparisons.
#[test]
fn the_totals_of_other_tools_are_told_and_explained() {
    let folder = Folder::new("peers");
    folder.with("m.onnx", &classifier());
    folder.with("mystery.onnx", &mystery());
    let total = |tool: &str| {
        let csv = folder.stdout(&["m.onnx", "--format", "csv", "--fields", &format!("macs,{tool}")]);
        csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    for (tool, expected) in [("onnx-tool", 5626), ("fvcore", 5328), ("torch", 10656), ("ptflops", 5626)] {
        assert_eq!(total(tool), expected, "{tool}");
    }
    let csv = folder.stdout(&["m.onnx", "--reconcile", "onnx-tool", "--format", "csv"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "op,layers,ours,theirs,difference,formula");
    assert_eq!(rows[2..], ["Relu,1,0,144,144,E", "Gemm,1,1440,1450,10,E·K + E with 3 inputs"], "{csv}");
    assert!(folder.stdout(&["m.onnx", "--convention", "onnx-tool"]).contains("onnx-tool counts 5.63 k MACs"));
    assert!(folder.stdout(&["mystery.onnx", "--reconcile", "torch"]).contains("com.example.Whirl"));
    let refused = folder.run(&["m.onnx", "--convention", "torch", "--json"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}

#[test]
fn every_operator_is_explained() {
    let folder = Folder::new("explain");
    let text = folder.stdout(&["explain", "convtranspose"]);
    assert!(text.contains("I·(M/group)·k MACs") && text.contains("onnx__ConvTranspose.html"), "{text}");
    assert!(folder.stdout(&["explain", "ai.onnx.Gelu"]).contains("1 trans and 4 alu an output"));
    let both: serde_json::Value =
        serde_json::from_str(&folder.stdout(&["explain", "Gelu", "--json"])).unwrap();
    assert_eq!(both.as_array().map(Vec::len), Some(2), "one of each domain");
    let unknown = folder.run(&["explain", "Conx"]);
    assert!(stderr(&unknown).contains("did you mean Conv?"), "{}", stderr(&unknown));
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_stripped_model_costs_the_same() {
    let folder = Folder::new("strip");
    folder.with("m.onnx", &classifier());
    folder.stdout(&["strip", "m.onnx", "-o", "s.onnx"]);
    let costs = |name: &str| folder.stdout(&["--format", "csv", name, "--fields", "name,flops,params,bytes"]);
    assert_eq!(costs("s.onnx"), costs("m.onnx"));
}

#[test]
fn the_catalogue_is_listed_and_shown_with_sources() {
    let folder = Folder::new("devices");
    let list = folder.stdout(&["devices", "--format", "csv"]);
    assert!(list.starts_with("id,name,kind,architecture,released,memory_capacity_bytes,"), "{list}");
    assert!(list.lines().any(|line| line.starts_with("nvidia-a100-sxm4-80-gb,")));
    let one = folder.stdout(&["devices", "a100"]);
    assert!(one.contains("fp16 matrix") && one.contains("third-party"), "{one}");
    let json: serde_json::Value =
        serde_json::from_str(&folder.stdout(&["devices", "a100", "--json"])).unwrap();
    assert_eq!(json["id"], "nvidia-a100-sxm4-80-gb");
    assert_eq!(folder.run(&["devices", "no-such-thing"]).status.code(), Some(2));
}

#[test]
fn every_operator_is_listed_with_its_state() {
    let folder = Folder::new("ops");
    let json: serde_json::Value = serde_json::from_str(&folder.stdout(&["ops", "--json"])).unwrap();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), ergometer::ops::OPERATORS.len());
    let loops: Vec<_> = rows.iter().filter(|row| row["name"] == "Loop").collect();
    assert_eq!(
        (loops[0]["domain"].as_str(), loops[0]["state"].as_str()),
        (Some("ai.onnx"), Some("subgraph"))
    );
    for row in rows {
        assert_eq!(row["state"] == "costed", row["reason"].is_null(), "{row}");
    }
    assert!(folder.stdout(&["ops", "relu"]).contains("LeakyRelu"));
}

#[test]
fn the_man_page_and_completions_come_from_the_definition() {
    let folder = Folder::new("generate");
    for what in ["man", "bash", "zsh", "fish", "powershell"] {
        let text = folder.stdout(&["--generate", what]);
        for word in ["analyze", "convention", "strict"] {
            assert!(text.contains(word), "{what} lacks {word}");
        }
    }
}
