//! Infers any bytes that decode as a model, with open dimensions bound in several ways.
//!
//! `cargo +nightly fuzz run infer fuzz/corpus/infer fuzz/seeds` in the project's folder: what is new goes to the first, from
//! the second it begins.
#![no_main]

use ergometer::graph::{Request, infer};
use ergometer::onnx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = onnx::decode(bytes.to_vec().into()) else { return };
    let Ok(free) = infer(&model, &Request::default()) else { return };
    for size in [0, 3] {
        let dims = free.bindings.iter().map(|binding| (binding.name.clone(), size)).collect();
        let _ = infer(&model, &Request { dims, ..Request::default() });
    }
    let _ = infer(&model, &Request { batch: Some(1 << 40), ..Request::default() });
    // What the user says of loops, of branches, and of what inputs hold.
    let inputs = free.inputs.iter().filter_map(|id| free.values.get(*id));
    let mut request = Request { trips: vec![(None, 5)], branches: vec![(None, true)], ..Request::default() };
    for input in inputs {
        request.values = vec![(input.name.to_owned(), vec!["3".to_owned()])];
        let _ = infer(&model, &request);
    }
});
