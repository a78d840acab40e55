//! Decodes any bytes as a model, and touches everything that reading offers.
//!
//! `cargo +nightly fuzz run read fuzz/corpus/read fuzz/seeds` in the project's folder: what is new goes to the first, from
//! the second it begins.
#![no_main]

use ergometer::onnx::{self, StripOptions};
use libfuzzer_sys::fuzz_target;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut model) = onnx::decode(bytes.to_vec().into()) else { return };
    onnx::each_tensor(&model, &mut |tensor| {
        let payload = onnx::payload(tensor);
        let count = tensor.dims.iter().try_fold(1usize, |all, dim| all.checked_mul(usize::try_from(*dim).ok()?));
        let code = tensor.data_type.unwrap_or(0);
        let _ = onnx::ints(&payload, code, count.unwrap_or(0));
        let _ = onnx::floats(&payload, code, count.unwrap_or(0));
        let _ = onnx::strings(&payload, count.unwrap_or(0));
    });
    onnx::strip(&mut model, &StripOptions { threshold: 0, shape_threshold: 0, ..Default::default() });

    // What was read can be written and read again, and stays what it is.
    let written = model.encode_to_vec();
    let again = onnx::decode(written.clone().into()).expect("what we write, we read");
    assert_eq!(again.encode_to_vec(), written);
});
