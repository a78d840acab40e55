//! What open dimensions are taken to be: the user's word, the model's, or a stated default.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;

use ergometer::graph::{GraphError, Origin, Request, infer};
use ergometer::onnx::schema::ValueInfoProto;
use ergometer::tensor::ElementType::Int64;
use support::{N, Open, S, float, graph, model, value};

/// The bindings of a model with these inputs.
fn bind(
    inputs: Vec<ValueInfoProto>,
    request: &Request,
) -> Result<BTreeMap<String, (u64, Origin)>, GraphError> {
    let model = model(graph(inputs, vec![], vec![], vec![]));
    let typed = infer(&model, request)?;
    Ok(typed.bindings.into_iter().map(|binding| (binding.name, (binding.value, binding.origin))).collect())
}

fn defaults(inputs: Vec<ValueInfoProto>) -> BTreeMap<String, u64> {
    let bound = bind(inputs, &Request::default()).unwrap();
    bound
        .into_iter()
        .filter(|(_, (_, origin))| *origin == Origin::Default)
        .map(|(name, (n, _))| (name, n))
        .collect()
}

fn sizes<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

#[test]
fn an_open_image_is_one_of_224_by_224_in_colour() {
    assert_eq!(
        defaults(vec![float("x", &[S("N"), Open, S("height"), S("width")])]),
        sizes([("N", 1), ("x[1]", 3), ("height", 224), ("width", 224)])
    );
    assert_eq!(
        defaults(vec![float("image", &[Open, Open, Open, N(3)])]),
        sizes([("image[0]", 1), ("image[1]", 224), ("image[2]", 224)])
    );
}

#[test]
fn an_open_sequence_has_128_tokens_and_one_sample() {
    assert_eq!(
        defaults(vec![value("input_ids", Int64, &[S("batch"), S("sequence")])]),
        sizes([("batch", 1), ("sequence", 128)])
    );
    assert_eq!(defaults(vec![value("ids", Int64, &[S("s0"), S("s1")])]), sizes([("s0", 1), ("s1", 128)]));
}

#[test]
fn a_name_beats_a_position() {
    assert_eq!(
        defaults(vec![float("x", &[S("sequence"), S("batch_size"), N(16)])]),
        sizes([("sequence", 128), ("batch_size", 1)])
    );
}

#[test]
fn audio_is_one_second_at_16_khz() {
    assert_eq!(defaults(vec![float("audio", &[Open, Open])]), sizes([("audio[0]", 1), ("audio[1]", 16_000)]));
}

#[test]
fn past_current_and_total_agree() {
    let inputs = || {
        vec![
            value("input_ids", Int64, &[S("batch"), S("sequence_length")]),
            value("attention_mask", Int64, &[S("batch"), S("past_sequence_length + sequence_length")]),
            float("past_key_values.0.key", &[S("batch"), N(8), S("past_sequence_length"), N(64)]),
        ]
    };
    assert_eq!(
        defaults(inputs()),
        sizes([
            ("batch", 1),
            ("sequence_length", 1),
            ("past_sequence_length", 128),
            ("past_sequence_length + sequence_length", 129),
        ])
    );
    let request = Request { dims: vec![("past_sequence_length".into(), 511)], ..Request::default() };
    let bound = bind(inputs(), &request).unwrap();
    assert_eq!(bound["past_sequence_length"], (511, Origin::User));
    assert_eq!(bound["past_sequence_length + sequence_length"], (512, Origin::Default));
}

#[test]
fn a_given_total_fixes_the_past() {
    let inputs = vec![
        value("input_ids", Int64, &[S("batch"), N(1)]),
        value("mask", Int64, &[S("batch"), S("total")]),
        float("past.0", &[S("batch"), N(8), S("past"), N(64)]),
    ];
    let request = Request { dims: vec![("total".into(), 65)], ..Request::default() };
    assert_eq!(bind(inputs, &request).unwrap()["past"], (64, Origin::Default));
}

#[test]
fn a_shape_given_for_an_input_overrides_what_the_file_fixes() {
    let inputs = vec![float("x", &[N(1), N(3), N(224), N(224)])];
    let request = Request { inputs: vec![("x".into(), vec![8, 3, 96, 96])], ..Request::default() };
    let bound = bind(inputs, &request).unwrap();
    assert_eq!(bound["x[0]"], (8, Origin::User));
    assert_eq!(bound["x[2]"], (96, Origin::User));
}

#[test]
fn a_batch_binds_every_dimension_called_so_and_no_other() {
    let request = Request { batch: Some(4), ..Request::default() };
    let named = vec![float("x", &[S("sequence"), S("batch"), N(16)]), float("h", &[N(1), S("batch"), N(32)])];
    let bound = bind(named, &request).unwrap();
    assert_eq!(bound["batch"], (4, Origin::User));
    assert_eq!(bound["sequence"], (128, Origin::Default));
    assert_eq!(bound["h[0]"], (1, Origin::Model));

    let fixed = vec![float("x", &[N(1), N(3), N(32), N(32)]), float("scale", &[N(2)])];
    let bound = bind(fixed, &request).unwrap();
    assert_eq!(bound["x[0]"], (4, Origin::User));
    assert_eq!(bound["scale[0]"], (2, Origin::Model));
}

#[test]
fn a_name_the_model_does_not_have_is_an_error_that_lists_what_it_has() {
    let inputs = vec![float("x", &[S("batch"), N(3)])];
    let request = Request { dims: vec![("bacth".into(), 2)], ..Request::default() };
    let error = bind(inputs, &request).unwrap_err().to_string();
    assert_eq!(error, "the model has no dimension \"bacth\"; it has batch");
}

#[test]
fn two_sizes_for_one_dimension_are_an_error() {
    let inputs = vec![float("x", &[S("batch"), N(3)]), float("y", &[S("batch"), N(3)])];
    let request =
        Request { inputs: vec![("x".into(), vec![2, 3]), ("y".into(), vec![4, 3])], ..Request::default() };
    assert!(matches!(bind(inputs, &request), Err(GraphError::Contradiction { first: 2, second: 4, .. })));
}

#[test]
fn a_shape_of_another_rank_is_an_error() {
    let inputs = vec![float("x", &[S("batch"), N(3)])];
    let request = Request { inputs: vec![("x".into(), vec![2, 3, 4])], ..Request::default() };
    assert!(matches!(bind(inputs, &request), Err(GraphError::InputRank { expected: 2, found: 3, .. })));
}
