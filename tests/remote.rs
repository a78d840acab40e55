//! Models on web servers and in object stores: scored from some hundred kilobytes, whatever they weigh.

#![cfg(feature = "cloud")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "support/command.rs"]
mod command;
#[path = "support/server.rs"]
mod server;
mod support;

use std::collections::BTreeMap;
use std::process::Output;

use command::{Folder, classifier, stderr};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::Value;
use server::{Body, Server, Site};
use support::{N, float, graph, model, node, untyped, weight};

use ergometer::tensor::ElementType::Float32;

/// Layers and width of the large model: 100 products of 2,300 × 2,300 weights take 2.1 GB.
const LAYERS: u64 = 100;
const WIDTH: u64 = 2_300;

fn score(folder: &Folder, server: &Server, words: &[&str]) -> Output {
    let mut all = vec!["score"];
    all.extend(words);
    folder
        .command(&all)
        .env("XDG_CACHE_HOME", folder.path("cache"))
        .env("AWS_ENDPOINT", &server.address)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "nobody")
        .env("AWS_SECRET_ACCESS_KEY", "nothing")
        // A proxy does not know this machine's ports.
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap()
}

fn rows(output: &Output) -> BTreeMap<String, Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let row = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    text.lines().map(row).map(|row| (row["path"].as_str().unwrap().to_owned(), row)).collect()
}

/// A chain of products whose weights are said to be there.
fn large() -> Body {
    let bytes = WIDTH * WIDTH * 4;
    let layer = |n: u64, what: &str| format!("{what}{n}");
    let nodes = (0..LAYERS)
        .map(|n| node("MatMul", &[&layer(n, "x"), &layer(n, "w")], &[&layer(n + 1, "x")]))
        .collect();
    let wide = i64::try_from(WIDTH).unwrap();
    let x = float("x0", &[N(1), N(wide)]);
    let mut whole = model(graph(vec![x], vec![], nodes, vec![untyped(&layer(LAYERS, "x"))]));
    let graph = whole.graph.take().unwrap().encode_to_vec();
    let mut body = Body::default().bytes(&graph);
    for n in 0..LAYERS {
        let mut tensor = weight(&layer(n, "w"), Float32, &[wide, wide]);
        tensor.raw_data = None;
        tensor.data_location = None;
        tensor.external_data.clear();
        let mut head = tensor.encode_to_vec();
        // raw_data is field 9 of a tensor, initializer field 5 of a graph, graph field 7 of a model.
        encode_key(9, WireType::LengthDelimited, &mut head);
        encode_varint(bytes, &mut head);
        let mut outer = vec![];
        encode_key(5, WireType::LengthDelimited, &mut outer);
        encode_varint(head.len() as u64 + bytes, &mut outer);
        body = body.bytes(&outer).bytes(&head).zeros(bytes);
    }
    let mut outer = whole.encode_to_vec();
    encode_key(7, WireType::LengthDelimited, &mut outer);
    encode_varint(body.len(), &mut outer);
    let mut file = Body::default().bytes(&outer);
    file.append(body);
    file
}

fn check_large(row: &Value) {
    assert_eq!(row["counts"]["macs"], LAYERS * WIDTH * WIDTH, "{row}");
    assert_eq!(row["counts"]["params"], LAYERS * WIDTH * WIDTH);
    assert!(row["counts"]["file_bytes"].as_u64().unwrap() > 2_100_000_000);
}

#[test]
fn two_gigabytes_cost_half_a_megabyte_of_traffic() {
    let folder = Folder::new("remote_large");
    for base in ["", "s3:/"] {
        let objects = [("/bucket/large.onnx".to_owned(), large())].into();
        let server = Server::start(Site { objects, ..Site::default() });
        let host = if base.is_empty() { &server.address } else { base };
        let url = format!("{host}/bucket/large.onnx");
        let output = score(&folder, &server, &[&url, "--format", "jsonl"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        check_large(&rows(&output)[&url]);
        println!("{url}: {} bytes in {} answers", server.sent(), server.requests());
        assert!(server.sent() < 512_000, "{} bytes were sent for {url}", server.sent());
        // One for each weight that is stepped over, and a few.
        assert!(server.requests() <= LAYERS + 10, "{} requests", server.requests());
    }
}

#[test]
fn a_bucket_is_listed_and_each_object_has_its_row() {
    let folder = Folder::new("remote_bucket");
    let whole = classifier().encode_to_vec();
    let file = |bytes: &[u8]| Body::default().bytes(bytes);
    let objects = [
        ("/bucket/zoo/a.onnx", file(&whole)),
        ("/bucket/zoo/b.onnx", file(&whole[..whole.len() / 2])),
        ("/bucket/zoo/deep/c.onnx", file(&whole)),
        ("/bucket/zoo/deep/d.ONNX", file(b"")),
        ("/bucket/zoo/notes.txt", file(b"no model")),
        ("/bucket/zoo/secret.onnx", file(&whole)),
        ("/bucket/zoology/e.onnx", file(&whole)),
    ];
    let site = Site {
        objects: objects.map(|(path, body)| (path.to_owned(), body)).into(),
        page: 2,
        denied: vec!["/bucket/zoo/secret.onnx".to_owned()],
        ..Site::default()
    };
    let server = Server::start(site);
    let output = score(&folder, &server, &["s3://bucket/zoo/", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let found = rows(&output);
    let outcomes: Vec<(&str, &str)> = found
        .iter()
        .map(|(path, row)| (path.as_str(), row["error"]["code"].as_str().unwrap_or("counted")))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("s3://bucket/zoo/a.onnx", "counted"),
            ("s3://bucket/zoo/b.onnx", "truncated"),
            ("s3://bucket/zoo/deep/c.onnx", "counted"),
            ("s3://bucket/zoo/deep/d.ONNX", "empty"),
            ("s3://bucket/zoo/secret.onnx", "permission"),
        ]
    );
    // From the operators' definitions: see `classifier`.
    assert_eq!(found["s3://bucket/zoo/a.onnx"]["counts"]["flops"], 10_954);
    assert_eq!(found["s3://bucket/zoo/deep/c.onnx"]["standing"]["same_graph_as"], "s3://bucket/zoo/a.onnx");

    // A pattern stays between two slashes.
    let output = score(&folder, &server, &["s3://bucket/zoo*/*.onnx", "--format", "jsonl"]);
    let paths: Vec<String> = rows(&output).into_keys().collect();
    assert_eq!(
        paths,
        ["zoo/a.onnx", "zoo/b.onnx", "zoo/secret.onnx", "zoology/e.onnx"]
            .map(|key| format!("s3://bucket/{key}"))
    );
    let output = score(&folder, &server, &["s3://bucket/none/", "--format", "jsonl"]);
    assert_eq!(rows(&output)["s3://bucket/none/"]["error"]["code"], "not-found");
}

#[test]
fn what_a_server_refuses_is_a_row_that_says_so() {
    let folder = Folder::new("remote_refused");
    let whole = classifier().encode_to_vec();
    let objects: BTreeMap<String, Body> = [("/a.onnx".to_owned(), Body::default().bytes(&whole))].into();
    let server = Server::start(Site { objects: objects.clone(), ..Site::default() });
    let stubborn = Server::start(Site { objects, whole_only: true, ..Site::default() });
    // A port that was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (format!("{}/a.onnx", server.address), "counted"),
        (format!("{}/missing.onnx", server.address), "not-found"),
        (format!("{}/", server.address), "bad-url"),
        (format!("{}/a.onnx?download=true", server.address), "bad-url"),
        (format!("{}/a.onnx", stubborn.address), "no-ranges"),
        (format!("http://{closed}/a.onnx"), "network"),
        ("s3:///a.onnx".to_owned(), "bad-url"),
    ];
    let mut words: Vec<&str> = cases.iter().map(|(url, _)| url.as_str()).collect();
    words.extend(["--format", "jsonl"]);
    let output = score(&folder, &server, &words);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let found = rows(&output);
    assert_eq!(found.len(), cases.len());
    for (url, code) in &cases {
        let row = &found[url];
        assert_eq!(row["error"]["code"].as_str().unwrap_or("counted"), *code, "{row}");
        if *code != "counted" {
            let message = row["error"]["message"].as_str().unwrap();
            assert!(message.contains(url.as_str()) && !message.contains('\n'), "{message}");
            assert!(row["error"]["hint"].is_string(), "{row}");
        }
    }
}
