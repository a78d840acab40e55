//! `ergometer score` and `merge`, as a user meets them: whatever is wrong with one model, the others have their row.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "support/command.rs"]
mod command;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Output;
use std::time::Duration;

use command::{Folder, classifier, stderr};
use serde_json::Value;
use support::{N, float, graph, model, node, untyped, weight};

use ergometer::onnx::schema::ModelProto;
use ergometer::tensor::ElementType::Float32;

const DEVICE: &[&str] = &["--device", "nvidia-t4"];

/// Runs `ergometer score` with a cache of its own.
fn score(folder: &Folder, words: &[&str]) -> Output {
    let mut all = vec!["score"];
    all.extend(words);
    folder.command(&all).env("XDG_CACHE_HOME", folder.path("cache")).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Rows by path; each path once.
fn rows(lines: &str) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let path = row["path"].as_str().unwrap().to_owned();
        assert!(rows.insert(path.clone(), row).is_none(), "{path} has two rows");
    }
    rows
}

/// One product of `width` × `width`, so that each width costs something else.
fn product(width: i64) -> ModelProto {
    let nodes = vec![node("MatMul", &["x", "w"], &["y"])];
    let x = float("x", &[N(1), N(width)]);
    model(graph(vec![x], vec![weight("w", Float32, &[width, width])], nodes, vec![untyped("y")]))
}

/// So many models in a folder `zoo`.
fn zoo(folder: &Folder, count: i64) {
    fs::create_dir_all(folder.path("zoo/deep")).unwrap();
    for width in 1..=count {
        let place = if width % 3 == 0 { "zoo/deep" } else { "zoo" };
        folder.with(&format!("{place}/{width:04}.onnx"), &product(width));
    }
}

#[test]
fn a_folder_of_all_sorts_has_a_row_for_each_and_the_good_ones_are_counted() {
    let folder = Folder::new("score_sorts");
    fs::create_dir_all(folder.path("zoo/sub")).unwrap();
    let good = folder.with("zoo/good.onnx", &classifier());
    let whole = fs::read(folder.path(good)).unwrap();
    folder.write("zoo/sub/UPPER.ONNX", &whole);
    folder.write("zoo/=cmd.onnx", &whole);
    folder.write("zoo/cut.onnx", &whole[..whole.len() / 2]);
    folder.write("zoo/empty.onnx", b"");
    folder.write("zoo/torch.onnx", b"PK\x03\x04\x00\x00archive/data.pkl");
    folder.write("zoo/noise.onnx", &[0xff; 3000]);
    folder.write("zoo/readme.txt", b"no model");
    // Ignore files are not honoured.
    folder.write("zoo/.gitignore", b"*.onnx\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("..", folder.path("zoo/sub/around")).unwrap();
        symlink("nowhere", folder.path("zoo/dangling.onnx")).unwrap();
    }
    let output = score(&folder, &[&["zoo", "--format", "jsonl"], DEVICE].concat());
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let rows = rows(&text(&output));
    let code = |path: &str| rows[path]["error"]["code"].as_str().unwrap_or("").to_owned();
    for path in ["zoo/good.onnx", "zoo/sub/UPPER.ONNX", "zoo/=cmd.onnx"] {
        // From the operators' definitions: see `classifier`.
        assert_eq!(rows[path]["counts"]["flops"], 10_954, "{path}");
        assert_eq!(rows[path]["counts"]["params"], 1_562, "{path}");
        assert!(rows[path]["estimates"][0]["latency_s"]["value"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(rows["zoo/good.onnx"]["standing"]["same_graph_as"], "zoo/=cmd.onnx");
    let mut expected = vec![
        ("zoo/cut.onnx", "truncated"),
        ("zoo/empty.onnx", "empty"),
        ("zoo/torch.onnx", "not-onnx"),
        ("zoo/noise.onnx", "not-onnx"),
    ];
    if cfg!(unix) {
        expected.extend([("zoo/sub/around", "link-loop"), ("zoo/dangling.onnx", "not-found")]);
    }
    for (path, problem) in &expected {
        assert_eq!(code(path), *problem, "{path}");
        assert!(rows[*path]["error"]["message"].as_str().unwrap().contains(path), "{path}");
    }
    assert_eq!(rows.len(), 3 + expected.len());
}

#[test]
fn text_that_a_spreadsheet_would_run_is_defused_in_csv() {
    let folder = Folder::new("score_formula");
    folder.with("=1+1.onnx", &product(3));
    let csv = text(&score(&folder, &["=1+1.onnx", "--format", "csv"]));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let path = reader.headers().unwrap().iter().position(|key| key == "path").unwrap();
    assert_eq!(&reader.records().next().unwrap().unwrap()[path], "'=1+1.onnx");
}

#[test]
fn rows_are_the_same_however_they_came_about() {
    let folder = Folder::new("score_same");
    zoo(&folder, 60);
    let of = |words: &[&str]| {
        let output = score(&folder, &[&["zoo", "--format", "csv"], DEVICE, words].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        text(&output)
    };
    let cold = of(&["--jobs", "1"]);
    assert_eq!(cold.lines().count(), 61);
    for words in [&["--jobs", "7"][..], &["--no-cache"], &[]] {
        assert_eq!(of(words), cold, "{words:?}");
    }
    // What the cache says of a file ends with the file.
    folder.with("zoo/0001.onnx", &product(500));
    assert_ne!(of(&[]), cold);
    // A cache that is no cache is not believed, and not fatal.
    fs::write(folder.path("cache/ergometer/counts.sqlite"), vec![7; 5000]).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(folder.path(&format!("cache/ergometer/counts.sqlite{suffix}")));
    }
    let output = score(&folder, &[&["zoo", "--format", "csv"], DEVICE].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("counts are not kept"), "{}", stderr(&output));
    assert_eq!(text(&output).lines().count(), 61);
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_and_has_every_model_once() {
    let folder = Folder::new("score_killed");
    zoo(&folder, 400);
    let words = ["score", "zoo", "--store", "rows.sqlite", "--no-cache", "--jobs", "1", "--format", "jsonl"];
    let command = |extra: &[&str]| {
        let mut command = folder.command(&[&words, DEVICE, extra].concat());
        command.env("XDG_CACHE_HOME", folder.path("cache"));
        command
    };
    let mut random = fastrand::Rng::with_seed(7);
    let mut killed = 0;
    for _ in 0..12 {
        let extra: &[&str] = if folder.path("rows.sqlite").exists() { &["--resume"] } else { &[] };
        let mut child = command(extra).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.u64(5..400)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        // SIGKILL: nothing of ours runs after it.
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(killed > 0, "no run was killed before its end");
    let output = command(&["--resume"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let resumed = text(&output);
    assert_eq!(rows(&resumed).len(), 400);
    let whole = score(&folder, &[&["zoo", "--format", "jsonl", "--no-cache"], DEVICE].concat());
    assert_eq!(resumed, text(&whole));
    // Rows that are there are neither lost nor mixed with those of another question.
    let refused = command(&[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(stderr(&refused).contains("400 rows are in it already"), "{}", stderr(&refused));
    let other = command(&["--resume", "--batch", "2"]).output().unwrap();
    assert_eq!(other.status.code(), Some(3));
    assert!(stderr(&other).contains("of another run"), "{}", stderr(&other));
}

#[test]
fn shards_join_to_the_whole_and_only_then() {
    let folder = Folder::new("score_shards");
    zoo(&folder, 90);
    let whole = text(&score(&folder, &[&["zoo", "--format", "jsonl"], DEVICE].concat()));
    let mut seen = BTreeSet::new();
    for index in 1..=3 {
        let shard = format!("{index}/3");
        let store = format!("{index}.sqlite");
        let words = ["zoo", "--shard", &shard, "--store", &store, "--format", "jsonl"];
        let output = score(&folder, &[&words, DEVICE].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let own = rows(&text(&output));
        assert!((10..60).contains(&own.len()), "a third or so: {}", own.len());
        for path in own.into_keys() {
            assert!(seen.insert(path.clone()), "{path} is in two shards");
        }
    }
    assert_eq!(seen.len(), 90);
    let merge = |words: &[&str]| folder.run(&[&["merge", "--format", "jsonl"], words].concat());
    let joined = merge(&["2.sqlite", "3.sqlite", "1.sqlite"]);
    assert_eq!(joined.status.code(), Some(0), "{}", stderr(&joined));
    assert_eq!(text(&joined), whole);

    let says = |words: &[&str], message: &str| {
        let output = merge(words);
        assert_eq!(output.status.code(), Some(5), "{words:?}");
        assert!(stderr(&output).contains(message), "{words:?}: {}", stderr(&output));
    };
    says(&["1.sqlite", "3.sqlite"], "of 3 shards, 2 is not there");
    says(&["1.sqlite", "1.sqlite", "2.sqlite"], "are both shard 1");
    let words = ["zoo", "--shard", "2/3", "--store", "other.sqlite", "--batch", "1"];
    score(&folder, &[&words, DEVICE].concat());
    says(&["1.sqlite", "other.sqlite", "3.sqlite"], "of different runs");
    // The zoo grew between two shards.
    folder.with("zoo/9999.onnx", &product(5));
    let words = ["zoo", "--shard", "3/3", "--store", "late.sqlite"];
    score(&folder, &[&words, DEVICE].concat());
    says(&["1.sqlite", "2.sqlite", "late.sqlite"], "90 models were listed, and 91");
}

#[test]
fn manifests_lists_and_patterns_name_models() {
    let folder = Folder::new("score_manifest");
    zoo(&folder, 6);
    let csv = "path,name,date,accuracy,dims,notes\nzoo/0001.onnx,One,2019-05,71.5,,first\nzoo/0002.onnx,Two,2020,80,,\n\
               zoo/0004.onnx,Four,yesterday,,,\nzoo/0005.onnx,Five,2021,60,nosuch=3,\n";
    folder.write("zoo.csv", csv.as_bytes());
    let output = score(&folder, &[&["zoo.csv", "--format", "jsonl"], DEVICE].concat());
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let found = rows(&text(&output));
    assert_eq!(found["zoo/0001.onnx"]["name"], "One");
    assert_eq!(found["zoo/0001.onnx"]["date"], "2019-05");
    assert_eq!(found["zoo/0002.onnx"]["accuracy"], 80.0);
    assert_eq!(found["zoo.csv:4"]["error"]["code"], "bad-manifest");
    assert_eq!(found["zoo/0005.onnx"]["error"]["code"], "unknown-name");
    // More accurate at more energy, so neither beats the other.
    assert_eq!(found["zoo/0001.onnx"]["standing"]["pareto_accuracy"], true);
    assert_eq!(found["zoo/0002.onnx"]["standing"]["pareto_accuracy"], true);

    folder
        .write("zoo.toml", b"[[model]]\npath = \"zoo/deep\"\ntask = \"both\"\n[[model]]\nname = \"none\"\n");
    let found = rows(&text(&score(&folder, &["zoo.toml", "--format", "jsonl"])));
    assert_eq!(found.len(), 3);
    assert!(found.values().filter(|row| row["task"] == "both").count() == 2);
    assert_eq!(found["zoo.toml: model 2"]["error"]["code"], "bad-manifest");

    folder.write("list.txt", b"zoo/0001.onnx\r\n\nzoo/deep\nzoo/0001.onnx\nnot there\n");
    let found = rows(&text(&score(&folder, &["--files-from", "list.txt", "--format", "jsonl"])));
    assert_eq!(found.len(), 4);
    assert_eq!(found["not there"]["error"]["code"], "not-found");

    let of = |pattern: &str| rows(&text(&score(&folder, &[pattern, "--format", "jsonl"]))).len();
    assert_eq!(
        (of("zoo/*.onnx"), of("zoo/**/*.onnx"), of("zoo/000[12].onnx"), of("zoo/{0001,0004}.*")),
        (4, 6, 2, 2)
    );
}

#[test]
fn exit_codes_say_how_many_failed() {
    let folder = Folder::new("score_codes");
    folder.with("good.onnx", &product(3));
    folder.write("bad.onnx", b"");
    fs::create_dir_all(folder.path("nothing")).unwrap();
    for (words, code) in [
        (&["good.onnx"][..], 0),
        (&["good.onnx", "bad.onnx"], 4),
        (&["good.onnx", "bad.onnx", "--allow-failures"], 0),
        (&["bad.onnx"], 5),
        (&["nothing"], 2),
        (&["good.onnx", "--shard", "1/2"], 2),
        (&["good.onnx", "--store", "no/such/folder/rows.sqlite"], 3),
        (&["good.onnx", "--device", "abacus"], 2),
    ] {
        let output = score(&folder, words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", stderr(&output));
    }
    let output = score(&folder, &["good.onnx", "bad.onnx", "--failures", "failed.jsonl"]);
    assert!(text(&output).contains("2 models · 1 scored · 1 failed"), "{}", text(&output));
    let failed = rows(&folder.read("failed.jsonl"));
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["bad.onnx"]);
}

#[test]
fn every_row_follows_the_schema() {
    let folder = Folder::new("score_schema");
    folder.with("good.onnx", &classifier());
    folder.write("bad.onnx", b"");
    let schema: Value = serde_json::from_str(&folder.stdout(&["schema", "score"])).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let output = score(&folder, &[&["good.onnx", "bad.onnx", "--format", "jsonl"], DEVICE].concat());
    for (path, row) in rows(&text(&output)) {
        assert!(validator.is_valid(&row), "{path}: {:?}", validator.iter_errors(&row).next());
    }
}

#[test]
fn a_store_has_one_writer_at_a_time() {
    let folder = Folder::new("score_two");
    zoo(&folder, 3);
    let held = fs::File::create(folder.path("rows.sqlite.lock")).unwrap();
    held.lock().unwrap();
    let output = score(&folder, &["zoo", "--store", "rows.sqlite"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("another process scores into it"), "{}", stderr(&output));
}

#[test]
fn the_table_is_ordered_as_asked_for() {
    let folder = Folder::new("score_sort");
    zoo(&folder, 9);
    folder.write(
        "zoo.csv",
        b"path,name,accuracy\nzoo/0002.onnx,two,71\nzoo/0008.onnx,eight,80\nzoo/0005.onnx,five,\n",
    );
    let first = |words: &[&str]| {
        let output = score(&folder, &[&["zoo.csv", "-q"], words, DEVICE].concat());
        let text = text(&output);
        let names = text.lines().filter_map(|line| line.split_whitespace().next());
        names.filter(|name| ["two", "five", "eight"].contains(name)).map(str::to_owned).collect::<Vec<_>>()
    };
    // Products of 2, 5 and 8 squared weights.
    assert_eq!(first(&["--sort", "flops"]), ["two", "five", "eight"]);
    assert_eq!(first(&["--sort", "params", "--top", "2"]), ["two", "five"]);
    assert_eq!(first(&["--sort", "path"]), ["two", "five", "eight"]);
    // Without an accuracy last.
    assert_eq!(first(&["--sort", "accuracy"]), ["eight", "two", "five"]);
}

#[test]
fn several_devices_stand_side_by_side() {
    let folder = Folder::new("score_devices");
    folder.with("one.onnx", &classifier());
    let output = score(&folder, &["one.onnx", "--device", "nvidia-t4,nvidia-a100-sxm4-80-gb"]);
    let text = text(&output);
    assert!(text.contains("latency 1  energy 1  latency 2  energy 2"), "{text}");
    assert!(text.contains("1 on nvidia-tesla-t4\n2 on nvidia-a100-sxm4-80-gb\n"), "{text}");
}

#[test]
fn a_screen_without_a_score_says_why_in_full() {
    let folder = Folder::new("score_nothing");
    let name = "a folder with a rather long name/that is not there and of which nobody knows.onnx";
    let output = score(&folder, &[&[name], DEVICE].concat());
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let text = text(&output);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("{name}: No such file")), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    assert!(!text.contains("latency") && !text.contains("\n\n\n"), "{text}");
}

#[test]
fn what_failed_is_tried_again_on_resume() {
    let folder = Folder::new("score_again");
    folder.with("good.onnx", &classifier());
    let words = ["good.onnx", "late.onnx", "--store", "zoo.sqlite", "--format", "jsonl"];
    let before = score(&folder, &[&words[..], DEVICE].concat());
    assert_eq!(before.status.code(), Some(4));
    assert_eq!(rows(&text(&before))["late.onnx"]["error"]["code"], "not-found");
    folder.with("late.onnx", &classifier());
    let after = score(&folder, &[&words[..], &["--resume"], DEVICE].concat());
    assert_eq!(after.status.code(), Some(0), "{}", stderr(&after));
    assert_eq!(rows(&text(&after))["late.onnx"]["counts"]["flops"], 10_954);
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_has_the_values_of_the_csv_file_with_types_and_units() {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let folder = Folder::new("score_parquet");
    folder.with("one.onnx", &classifier());
    folder.write("cut.onnx", b"\x08\x08\x3a\x80\x10");
    // More rows than are written at a time.
    zoo(&folder, 300);
    let words = ["one.onnx", "cut.onnx", "zoo"];
    for name in ["a.parquet", "b.parquet", "a.csv"] {
        let output = score(&folder, &[&words[..], &["-o", name], DEVICE].concat());
        assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    }
    let file = || fs::File::open(folder.path("a.parquet")).unwrap();
    assert_eq!(fs::read(folder.path("a.parquet")).unwrap(), fs::read(folder.path("b.parquet")).unwrap());

    let mut csv = csv::Reader::from_path(folder.path("a.csv")).unwrap();
    let head: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    let lines: Vec<Vec<String>> =
        csv.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect();
    let mut read = vec![];
    for row in SerializedFileReader::new(file()).unwrap().get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let (names, cells): (Vec<String>, Vec<String>) = row
            .get_column_iter()
            .map(|(name, field)| {
                let text = match field {
                    Field::Null => String::new(),
                    Field::Str(text) => text.clone(),
                    Field::ULong(count) => count.to_string(),
                    Field::Long(number) => number.to_string(),
                    Field::Double(value) => value.to_string(),
                    Field::Bool(flag) => flag.to_string(),
                    other => panic!("{name}: {other:?}"),
                };
                (name.clone(), text)
            })
            .unzip();
        assert_eq!(names, head);
        read.push(cells);
    }
    assert_eq!(read, lines);
    // From the operators' definitions: see `classifier`.
    let flops = head.iter().position(|name| name == "flops").unwrap();
    assert_eq!(read.iter().find(|row| row[0] == "one.onnx").unwrap()[flops], "10954");

    let reader = ParquetRecordBatchReaderBuilder::try_new(file()).unwrap();
    let unit = |name: &str| {
        let field = reader.schema().field_with_name(name).unwrap();
        field.metadata().get("unit").map(|unit| unit.to_string())
    };
    assert_eq!(unit("param_bytes").as_deref(), Some("B"));
    assert_eq!(unit("latency_s:nvidia-tesla-t4").as_deref(), Some("s"));
    assert_eq!(unit("energy_high_j:nvidia-tesla-t4").as_deref(), Some("J"));
    assert_eq!(unit("flops"), None);
}

#[test]
fn parquet_is_refused_where_it_cannot_be_written() {
    let folder = Folder::new("score_no_parquet");
    folder.with("one.onnx", &classifier());
    let output = folder.run(&["analyze", "one.onnx", "-o", "one.parquet"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("scored zoo"), "{}", stderr(&output));
    if cfg!(not(feature = "parquet")) {
        let output = score(&folder, &["one.onnx", "-o", "one.parquet"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("--features parquet"), "{}", stderr(&output));
    }
}

#[test]
fn a_place_gives_each_model_its_carbon_and_money() {
    let folder = Folder::new("score_place");
    zoo(&folder, 2);
    let words = [&["zoo", "--format", "jsonl", "--region", "California"], DEVICE].concat();
    let output = score(&folder, &words);
    for row in rows(&text(&output)).values() {
        let estimate = &row["estimates"][0];
        let hours = estimate["system_energy_j"].as_f64().unwrap() / 3.6e6;
        assert!(estimate["system_energy_j"].as_f64() > estimate["energy_j"]["value"].as_f64());
        // eGRID2023: 179.1 g a kilowatt hour; EIA: industry paid 21.53 cents in 2024.
        for (key, each) in [("co2e_g", 179.1), ("cost", 0.2153)] {
            let found = estimate[key].as_f64().unwrap();
            assert!((found / (hours * each) - 1.0).abs() < 1e-9, "{key}: {found}");
        }
        assert_eq!(estimate["currency"], "USD");
    }
    // Another place is another run, not the same one gone on with.
    let elsewhere = score(&folder, &[&["zoo", "--format", "csv", "--region", "de"], DEVICE].concat());
    assert!(text(&elsewhere).lines().next().unwrap().contains("co2e_g:nvidia-tesla-t4"));
    assert!(text(&elsewhere).contains(",EUR,"), "{}", text(&elsewhere));
}
