//! Graphs that run once a generated token. The expected counts are those of each run by hand, summed over the runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use ergometer::cost::{self, ModelCost};
use ergometer::graph::{Request, TypedGraph, infer};
use ergometer::onnx::schema::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use ergometer::ops::Confidence;
use ergometer::tensor::ElementType::{Float32, Int32};
use support::{D, N, S, With, float, graph, ints, model, node, untyped, value, weight};

/// Tokens of the prompt, sequences of the batch, and the width of the decoder: two heads of four.
const PROMPT: u64 = 5;
const BATCH: u64 = 3;
/// An embedding `[50, 8]` is read, a projection `[8, 8]` and the vocabulary `[8, 50]` are products.
const A_TOKEN: u64 = 8 * 8 + 8 * 50;

/// Scores of `tokens` against `seen`, of one sequence: two heads of four.
fn scores(tokens: u64, seen: u64) -> u64 {
    2 * tokens * seen * 4
}

/// `x [B, S, 8]` of tokens, projected and parted into heads: `q [B, 2, S, 4]`.
fn heads(tokens: &str) -> Vec<NodeProto> {
    vec![
        node("Gather", &["embedding", tokens], &["x"]),
        node("MatMul", &["x", "projection"], &["wide"]),
        node("Reshape", &["wide", "parted"], &["by_token"]),
        node("Transpose", &["by_token"], &["q"]).ints("perm", &[0, 2, 1, 3]),
    ]
}

/// Scores against keys `[B, 2, T, 4]`, and the logits.
fn tail(keys: &str) -> Vec<NodeProto> {
    vec![
        node("Transpose", &[keys], &["turned"]).ints("perm", &[0, 1, 3, 2]),
        node("MatMul", &["q", "turned"], &["scores"]),
        node("MatMul", &["x", "vocabulary"], &["logits"]),
    ]
}

fn weights() -> Vec<ergometer::onnx::schema::TensorProto> {
    vec![
        weight("embedding", Float32, &[50, 8]),
        weight("projection", Float32, &[8, 8]),
        weight("vocabulary", Float32, &[8, 50]),
        ints("parted", &[4], &[0, 0, 2, 4]),
        ints("zero", &[], &[0]),
    ]
}

fn tokens(name: &str, length: D) -> ValueInfoProto {
    value(name, Int32, &[S("batch_size"), length])
}

/// A decoder as GPT-2's: what it keeps of a layer is one tensor.
fn decoder() -> GraphProto {
    let mut nodes = heads("input_ids");
    nodes.push(node("Gather", &["past_0", "zero"], &["past_keys"]).int("axis", 0));
    nodes.push(node("Concat", &["past_keys", "q"], &["keys"]).int("axis", 2));
    nodes.extend(tail("keys"));
    let past = float("past_0", &[N(2), S("batch_size"), N(2), S("past_seq_len"), N(4)]);
    let inputs = vec![
        tokens("input_ids", S("seq_len")),
        tokens("position_ids", S("seq_len")),
        tokens("attention_mask", S("total_seq_len")),
        past,
    ];
    let logits = float("logits", &[S("batch_size"), S("seq_len"), N(50)]);
    graph(inputs, weights(), nodes, vec![logits, untyped("keys")])
}

fn int32(name: &str, number: i64) -> ergometer::onnx::schema::TensorProto {
    let mut tensor = ints(name, &[1], &[number]);
    tensor.data_type = Some(Int32.onnx_code());
    tensor.raw_data = Some(i32::try_from(number).unwrap().to_le_bytes().to_vec().into());
    tensor
}

fn analyze<'m>(model: &'m ModelProto, request: &Request) -> (TypedGraph<'m>, ModelCost) {
    let typed = infer(model, request).unwrap();
    let cost = cost::count(&typed).unwrap();
    assert!(cost.uncosted.is_empty(), "{:?}", cost.uncosted);
    (typed, cost)
}

fn batch() -> Vec<ValueInfoProto> {
    vec![value("ids", Int32, &[N(BATCH.cast_signed()), N(PROMPT.cast_signed())])]
}

fn greedy(most: i64) -> ModelProto {
    let search = node("GreedySearch", &["ids", "most"], &["sequences"]).domain("com.microsoft");
    let search = search.graph("decoder", decoder());
    model(graph(batch(), vec![int32("most", most)], vec![search], vec![untyped("sequences")]))
}

/// What a search over so many candidates takes: the prompt, then a token a run.
fn by_hand(candidates: u64, generated: u64) -> u64 {
    let prompt = PROMPT * A_TOKEN + scores(PROMPT, PROMPT);
    let steps = (1..generated).map(|step| A_TOKEN + scores(1, PROMPT + step));
    candidates * (prompt + steps.sum::<u64>())
}

fn said(trips: u64) -> Request {
    Request { trips: vec![(None, trips)], ..Request::default() }
}

#[test]
fn a_search_reads_the_prompt_once_and_then_a_token_a_run_on_a_past_that_grows() {
    for generated in 1..9 {
        let model = greedy((PROMPT + generated).cast_signed());
        let (_, cost) = analyze(&model, &Request::default());
        let counts = cost.totals.counts;
        assert_eq!(counts.macs, by_hand(BATCH, generated), "{generated} tokens");
        // A sequence may end before.
        assert_eq!(counts.confidence, Confidence::Bound);
        let (_, cost) = analyze(&model, &said(generated));
        assert_eq!((cost.totals.counts.macs, cost.totals.complete), (counts.macs, true));
        assert!(cost.totals.counts.confidence <= Confidence::Formula);
    }
    let long = greedy((PROMPT + 20).cast_signed());
    assert_eq!(analyze(&long, &said(4)).1.totals.counts.macs, by_hand(BATCH, 4));
    assert_eq!(
        analyze(&long, &said(400)).1.totals.counts.macs,
        by_hand(BATCH, 20),
        "no more than there is room for"
    );
    let done = greedy(2);
    assert_eq!(analyze(&done, &Request::default()).1.totals.counts.macs, 0, "the prompt is too long already");
}

#[test]
fn a_million_tokens_are_counted_without_running_them() {
    let model = greedy(1_000_000);
    let (_, cost) = analyze(&model, &Request::default());
    let (runs, past) = (1_000_000 - PROMPT - 1, PROMPT);
    let seen = runs * (past + 1) + runs * (runs - 1) / 2;
    let steps = runs * A_TOKEN + scores(1, seen);
    assert_eq!(cost.totals.counts.macs, BATCH * (PROMPT * A_TOKEN + scores(PROMPT, PROMPT) + steps));
}

#[test]
fn a_search_without_a_known_end_says_so_and_takes_the_user_s_word() {
    let mut open = greedy(1);
    let main = open.graph.as_mut().unwrap();
    main.initializer.clear();
    main.input.push(value("most", Int32, &[N(1)]));
    let (typed, cost) = analyze(&open, &Request::default());
    assert!(!cost.totals.complete);
    assert!(typed.warnings.iter().any(|warning| warning.code == "trip-count"));
    assert_eq!(cost.totals.counts.macs, by_hand(BATCH, 2), "the prompt and one token");
    let (typed, cost) = analyze(&open, &said(7));
    assert_eq!((cost.totals.counts.macs, cost.totals.complete), (by_hand(BATCH, 7), true));
    assert!(
        typed.bindings.iter().any(|binding| binding.name == "trips(make_sequences)" && binding.value == 7)
    );
    let request = Request { values: vec![("most".into(), vec!["12".into()])], ..Request::default() };
    assert_eq!(analyze(&open, &request).1.totals.counts.macs, by_hand(BATCH, 7));
}

#[test]
fn beams_are_sequences_of_the_decoder() {
    let search = node("BeamSearch", &["ids", "most", "", "beams", "kept"], &["sequences", "scores", "each"]);
    let search = search.domain("com.microsoft").graph("decoder", decoder());
    let constants = vec![int32("most", 12), int32("beams", 4), int32("kept", 2)];
    let model = model(graph(batch(), constants, vec![search], vec![untyped("sequences")]));
    let (typed, cost) = analyze(&model, &Request::default());
    assert_eq!(cost.totals.counts.macs, by_hand(BATCH * 4, 7));
    let shapes: Vec<String> = ["sequences", "scores", "each"]
        .iter()
        .map(|name| {
            let value = typed.values.iter().rev().find(|value| value.name == *name).unwrap();
            let dims = value.ty.tensor().unwrap().shape.as_ref().unwrap();
            dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
        })
        .filter(|shape| !shape.is_empty())
        .collect();
    // `scores` is also a value of the decoder: the last one is that of the node.
    assert_eq!(shapes, ["3×2×12", "3×2", "7×3×4×50"]);
    assert!(typed.warnings.is_empty(), "{:?}", typed.warnings);
}

#[test]
fn a_first_decoder_of_its_own_reads_the_prompt() {
    let mut search = greedy(12);
    let mut first = decoder();
    first.node.retain(|node| node.name != "make_logits");
    first.output.remove(0);
    let with_first = search.graph.as_mut().unwrap();
    with_first.node[0] = with_first.node[0].clone().graph("init_decoder", first);
    let (_, cost) = analyze(&search, &Request::default());
    assert_eq!(cost.totals.counts.macs, by_hand(BATCH, 7) - BATCH * PROMPT * 8 * 50);
}

/// An encoder that projects its input to the keys of the decoder, and where `logits` it makes the first token too.
fn encoder(logits: bool) -> GraphProto {
    let mut nodes = heads("encoder_input_ids");
    nodes.push(node("Identity", &["q"], &["present_key_cross_0"]));
    let mut inputs = vec![
        tokens("encoder_input_ids", S("encode_length")),
        tokens("encoder_attention_mask", S("encode_length")),
    ];
    let mut outputs = vec![untyped("present_key_cross_0")];
    if logits {
        inputs.push(tokens("decoder_input_ids", N(1)));
        nodes.push(node("Gather", &["embedding", "decoder_input_ids"], &["first"]));
        nodes.push(node("MatMul", &["first", "vocabulary"], &["logits"]));
        outputs.insert(0, untyped("logits"));
    }
    graph(inputs, weights(), nodes, outputs)
}

/// A decoder that sees its own past and what the encoder made.
fn cross_decoder(length: D) -> GraphProto {
    let mut nodes = heads("input_ids");
    nodes.push(node("Concat", &["past_key_self_0", "q"], &["present_key_self_0"]).int("axis", 2));
    nodes.push(node("Transpose", &["past_key_cross_0"], &["far"]).ints("perm", &[0, 1, 3, 2]));
    nodes.push(node("MatMul", &["q", "far"], &["cross_scores"]));
    nodes.extend(tail("present_key_self_0"));
    let cache = |name: &str, length: &'static str| float(name, &[S("batch_size"), N(2), S(length), N(4)]);
    let inputs = vec![
        tokens("input_ids", length),
        tokens("encoder_attention_mask", S("encode_length")),
        cache("past_key_self_0", "past_decode_length"),
        cache("past_key_cross_0", "encode_length"),
    ];
    graph(inputs, weights(), nodes, vec![untyped("logits"), untyped("present_key_self_0")])
}

fn translation(logits: bool, length: D, most: i64) -> ModelProto {
    let search =
        node("BeamSearch", &["ids", "most", "", "beams", "kept"], &["sequences"]).domain("com.microsoft");
    let search =
        search.graph("encoder", encoder(logits)).graph("decoder", cross_decoder(length)).int("model_type", 1);
    let constants = vec![int32("most", most), int32("beams", 4), int32("kept", 1)];
    model(graph(batch(), constants, vec![search], vec![untyped("sequences")]))
}

#[test]
fn an_encoder_runs_once_a_sequence_and_its_decoder_once_a_token_and_beam() {
    let run = |past: u64| A_TOKEN + scores(1, past + 1) + scores(1, PROMPT);
    let projected = PROMPT * 8 * 8;
    for most in 2..9u64 {
        // The decoder reads the start token itself, and each token but the last.
        let newer = translation(false, N(1), most.cast_signed());
        let steps: u64 = (0..most - 1).map(run).sum();
        let (_, cost) = analyze(&newer, &Request::default());
        assert_eq!(cost.totals.counts.macs, BATCH * projected + BATCH * 4 * steps, "length {most}");
        // The encoder makes the first token from the start token.
        let older = translation(true, N(1), most.cast_signed());
        let steps: u64 = (1..most - 1).map(run).sum();
        let (_, cost) = analyze(&older, &Request::default());
        assert_eq!(
            cost.totals.counts.macs,
            BATCH * (projected + 8 * 50) + BATCH * 4 * steps,
            "length {most}"
        );
    }
}

#[test]
fn a_decoder_that_is_given_all_tokens_each_time_costs_no_more_than_its_last_run() {
    let all = translation(false, S("sequence"), 6);
    let (_, cost) = analyze(&all, &Request::default());
    // Five runs; the last reads five tokens on a past of four.
    let last = 5 * A_TOKEN + scores(5, 9) + scores(5, PROMPT);
    assert_eq!(cost.totals.counts.macs, BATCH * PROMPT * 8 * 8 + BATCH * 4 * 5 * last);
    assert_eq!(cost.totals.counts.confidence, Confidence::Bound);
}

#[test]
fn a_search_without_a_decoder_is_listed() {
    let search = node("Sampling", &["ids", "most"], &["sequences"]).domain("com.microsoft");
    let model = model(graph(batch(), vec![int32("most", 9)], vec![search], vec![untyped("sequences")]));
    let typed = infer(&model, &Request::default()).unwrap();
    let cost = cost::count(&typed).unwrap();
    assert_eq!(cost.uncosted.len(), 1);
    assert!(!cost.totals.complete);
}
