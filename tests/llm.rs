//! `ergometer llm` on the bundled decoders: what follows from their published sizes, and laws that hold for any server.

#[path = "support/command.rs"]
mod command;
mod support;

use std::path::Path;

use command::Folder;
use serde_json::Value;

fn model(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name).display().to_string()
}

/// The rows of a run.
fn rows(folder: &Folder, model: &str, words: &[&str]) -> Vec<Value> {
    let all = [&["llm", model, "--json"], words].concat();
    serde_json::from_str(&folder.stdout(&all)).expect("it prints a list of rows")
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().expect(key)
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{found} for {expected}");
}

/// No server beside the devices.
const BARE: [&str; 2] = ["--server", "0,0"];

#[test]
fn a_cache_holds_keys_and_values_of_every_layer_and_head() {
    let folder = Folder::new("llm_cache");
    // SmolLM-135M: 30 layers of 3 heads of keys and values of 64, two bytes each in 16 bits (its config.json).
    let words =
        ["--device", "h100", "--precision", "bf16", "--batch", "4", "--prompt", "100", "--new-tokens", "50"];
    let smollm = model("smollm_135m_cached.onnx");
    let row = &rows(&folder, &smollm, &words)[0];
    let token = f64::from(30 * 2 * 3 * 64 * 2);
    close(number(row, "cache_bytes_per_token"), token);
    close(number(row, "cache_bytes"), token * 4.0 * 150.0);
    assert_eq!(row["fits_memory"], true);
    // GPT-2: 12 layers of 12 heads of 64; as the file stores it, four bytes each.
    let row = &rows(&folder, &model("gpt2_cached.onnx"), &["--device", "h100"])[0];
    close(number(row, "cache_bytes_per_token"), f64::from(12 * 2 * 12 * 64 * 4));
}

#[test]
fn work_of_a_token_grows_with_what_it_looks_back_at() {
    let folder = Folder::new("llm_work");
    let smollm = model("smollm_135m_cached.onnx");
    let at = |prompt: &str, batch: &str| {
        let words = [
            "--device",
            "h100",
            "--precision",
            "bf16",
            "--prompt",
            prompt,
            "--new-tokens",
            "2",
            "--batch",
            batch,
        ];
        rows(&folder, &smollm, &words)[0].clone()
    };
    let (short, long, both) = (at("100", "1"), at("1100", "1"), at("100", "2"));
    // Each of 30 layers has 9 heads of 64 that look at 1,000 tokens more: one product for scores, one for values.
    let more = f64::from(30 * 9 * 64 * 2) * 1000.0;
    close(number(&long, "token_macs") - number(&short, "token_macs"), more);
    close(number(&both, "token_macs"), 2.0 * number(&short, "token_macs"));
    assert!(number(&long, "token_j") > number(&short, "token_j"));
    // 134.5 M parameters, of which each is in one product a token: embeddings are looked up, and are the last product too.
    let per_token = number(&short, "token_macs") - f64::from(30 * 9 * 64 * 2) * 102.0;
    assert!((per_token / 134.5e6 - 1.0).abs() < 0.01, "{per_token}");
}

#[test]
fn larger_batches_serve_more_tokens_for_less_each() {
    let folder = Folder::new("llm_batches");
    let words = ["--device", "a100", "--precision", "bf16", "--batch", "1..256"];
    let found = rows(&folder, &model("smollm_135m_cached.onnx"), &words);
    assert_eq!(found.len(), 9);
    for pair in found.windows(2) {
        let [small, large] = pair else { unreachable!() };
        assert!(number(large, "tokens_per_second") > number(small, "tokens_per_second"));
        assert!(number(large, "token_j") < number(small, "token_j"));
        assert!(number(large, "token_s") >= number(small, "token_s"));
        assert!(number(large, "token_low_s") < number(large, "token_s"));
        assert!(number(large, "token_s") < number(large, "token_high_s"));
    }
}

#[test]
fn a_request_is_its_prompt_and_the_tokens_after_the_first() {
    let folder = Folder::new("llm_request");
    let words = ["--device", "a100", "--precision", "bf16", "--batch", "8", "--new-tokens", "100"];
    let row = &rows(&folder, &model("smollm_135m_cached.onnx"), &words)[0];
    let time = number(row, "first_token_s") + 99.0 * number(row, "token_s");
    close(number(row, "request_s"), time);
    close(number(row, "request_j"), number(row, "prompt_j") + 99.0 * number(row, "token_j"));
    close(number(row, "request_tokens_per_second"), 800.0 / time);
    close(number(row, "tokens_per_second"), 8.0 / number(row, "token_s"));
    // The host draws beside the device.
    assert!(number(row, "token_system_j") > number(row, "token_j"));
}

#[test]
fn devices_share_the_work_and_pay_for_the_exchange() {
    let folder = Folder::new("llm_parallel");
    let smollm = model("smollm_135m_cached.onnx");
    let at = |n: &str, more: &[&str]| {
        let words = ["--device", "h100", "--precision", "bf16", "--batch", "64", "--tensor-parallel", n];
        rows(&folder, &smollm, &[&words, &BARE[..], more].concat())[0].clone()
    };
    let (one, four) = (at("1", &[]), at("4", &[]));
    assert_eq!((number(&one, "exchange_s"), number(&four, "devices")), (0.0, 4.0));
    // Twice a layer, 15 µs and 2·3/4 of what 64 tokens of 576 numbers take over 450 GB/s.
    let bytes = f64::from(64 * 576 * 2);
    close(number(&four, "exchange_s"), 60.0 * (15e-6 + 1.5 * bytes / 450e9));
    let slow = at("4", &["--link", "32"]);
    close(number(&slow, "exchange_s"), 60.0 * (15e-6 + 1.5 * bytes / 32e9));
    // A prompt is much work: shared, it takes less time, and all together no less energy.
    assert!(number(&four, "first_token_s") < number(&one, "first_token_s"));
    assert!(number(&four, "prompt_j") > 0.9 * number(&one, "prompt_j"));
}

#[test]
fn the_server_takes_its_time_beside_the_devices() {
    let folder = Folder::new("llm_server");
    let smollm = model("smollm_135m_cached.onnx");
    let at = |server: &str| {
        let words = ["--device", "h100", "--precision", "bf16", "--batch", "100", "--server", server];
        rows(&folder, &smollm, &words)[0].clone()
    };
    let (bare, served) = (at("0,0"), at("2,50"));
    close(number(&served, "token_s") - number(&bare, "token_s"), 2e-3 + 100.0 * 50e-6);
    assert_eq!(served["limit"], "server");
}

#[test]
fn models_without_a_cache_or_without_a_prompt_say_so() {
    let folder = Folder::new("llm_refusals");
    let output = folder.run(&["llm", &model("resnet50.onnx")]);
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("no input has an open dimension of past tokens") && said.contains("cache"),
        "{said}"
    );
    let smollm = model("smollm_135m_cached.onnx");
    for bad in [
        &["--batch", "0"][..],
        &["--prompt", "0"],
        &["--server", "1"],
        &["--link", "-1"],
        &["--new-tokens", "0"],
    ] {
        let words = [&["llm", &smollm][..], bad].concat();
        assert_eq!(folder.run(&words).status.code(), Some(2), "{bad:?}");
    }
    // Sizes beyond any machine are an answer or a refusal, never a crash.
    let words = ["--device", "h100", "--batch", "9223372036854775807", "--prompt", "9223372036854775807"];
    let output = folder.run(&[&["llm", &smollm][..], &words].concat());
    assert!(matches!(output.status.code(), Some(0 | 2 | 4 | 5)), "{output:?}");
}

#[test]
fn the_table_is_for_people() {
    let folder = Folder::new("llm_table");
    let smollm = model("smollm_135m_cached_int4.onnx");
    let words = ["llm", &smollm, "--device", "h100,4090", "--batch", "1,64"];
    let text = folder.stdout(&words);
    assert_eq!(
        text.lines().filter(|line| line.contains("h100") || line.contains("xm5")).count(),
        3,
        "{text}"
    );
    assert!(
        text.contains("first token") && text.contains("J/token") && text.contains("46.1 kB a token"),
        "{text}"
    );
}
