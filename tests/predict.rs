//! The estimate of a model whose layers compute in different formats.

use ergometer::cost::{LayerCost, ModelCost, Totals};
use ergometer::device::{Catalogue, Precision};
use ergometer::ops::Counts;
use ergometer::predict::{Prediction, Request, predict};
use ergometer::tensor::ElementType::{self, Float32, Uint8};

/// 2^40 MACs and next to no traffic: 3.5 ms for an A100 at its INT8 peak.
fn layer(element: ElementType) -> LayerCost {
    let counts = Counts::macs(1 << 40, element, element);
    LayerCost { counts, bytes_read: 4096, bytes_written: 4096, repeat: 1, ..LayerCost::default() }
}

fn mixed() -> ModelCost {
    let macs_by_type = [("uint8".to_owned(), 2 << 40), ("float32".to_owned(), 1 << 40)].into();
    let totals = Totals { macs_by_type, complete: true, ..Totals::default() };
    ModelCost { layers: vec![layer(Uint8), layer(Float32), layer(Uint8)], totals, ..ModelCost::default() }
}

fn on_a100(precision: Option<Precision>) -> Prediction {
    let device = Catalogue::builtin().find("a100").expect("the catalogue has an A100");
    predict(&mixed(), device, &Request { precision, ..Request::default() }).expect("the A100 has all rates")
}

#[test]
fn each_layer_runs_in_the_format_of_its_operands() {
    let found = on_a100(None);
    assert_eq!(found.precision, Precision::Int8);
    let [int8, fp32, again] = found.layers.as_slice() else { panic!("three layers") };
    assert_eq!(int8, again);
    // 623.7 TOP/s on matrix units, 19.49 TFLOP/s on vector units, of which about as large a share is reached.
    let ratio = fp32.time / int8.time;
    assert!(ratio > 20.0 && ratio < 50.0, "{ratio}");
}

#[test]
fn a_precision_asked_for_is_that_of_every_layer() {
    for precision in [Precision::Fp32, Precision::Fp16, Precision::Int8] {
        let found = on_a100(Some(precision));
        assert_eq!(found.precision, precision);
        assert!(found.layers.iter().all(|layer| *layer == found.layers[0]), "{precision}");
    }
}
