use super::*;
use crate::cost::{Form, LayerCost, Totals};
use crate::device::{Catalogue, DeviceKind};
use crate::units::{BytesPerSecond, Watts};

/// 19.49 TFLOP/s in FP32 on vector units, 311.9 in FP16 on matrix units, 2,039 GB/s, 400 W, 80 GiB.
fn a100() -> Device {
    let mut device = Catalogue::builtin().find("a100").unwrap().clone();
    device.memory_bandwidth.value = BytesPerSecond(2.039e12);
    device.board_power.as_mut().unwrap().value = Watts(400.0);
    device
}

fn estimate(
    cost: &ModelCost,
    device: &Device,
    precision: Option<Precision>,
) -> Result<Prediction, PredictError> {
    let coefficients = ["vector", "matrix"].map(|unit| COEFFICIENTS.replace("UNIT", unit)).concat();
    let coefficients = Vec::leak(framework::read(&coefficients).unwrap());
    predict(cost, device, &Request { precision, coefficients: Some(coefficients), ..Request::default() })
}

/// Round figures: what follows from them is worked out by hand.
const COEFFICIENTS: &str = "
    [[set]]
    runtime = 'eager'
    unit = 'UNIT'
    fitted = true
    data = 'none'
    spread = [0.8, 1.3]
    terms = { product = 1.25, product_bytes = 2.0, elementwise = 1.5, move = 3.0, start_us = 10.0 }
";
/// What starting a kernel takes by them.
const START: f64 = 10e-6;
/// The bandwidth of [`a100`].
const BANDWIDTH: f64 = 2.039e12;

fn layer(macs: u64, alu: u64, read: u64, weights: u64, written: u64) -> LayerCost {
    let mut layer = LayerCost {
        bytes_read: read,
        bytes_weights: weights,
        bytes_written: written,
        repeat: 1,
        ..LayerCost::default()
    };
    layer.counts.macs = macs;
    layer.counts.alu = alu;
    layer
}

fn model(key: &str, layers: Vec<LayerCost>) -> ModelCost {
    let mut totals = Totals { complete: true, peak_activation_bytes: Some(0), ..Totals::default() };
    totals.counts.macs = layers.iter().map(|layer| layer.counts.macs).sum();
    if totals.counts.macs > 0 {
        totals.macs_by_type.insert(key.to_owned(), totals.counts.macs);
    }
    ModelCost { layers, totals, ..ModelCost::default() }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} for {expected}");
}

#[test]
fn a_convolution_of_a_gigamac_waits_for_arithmetic() {
    let cost = model("float32", vec![layer(1_000_000_000, 0, 4_000_000, 2_000_000, 4_000_000)]);
    let found = estimate(&cost, &a100(), None).unwrap();
    let seconds = 1.25 * 2e9 / 19.49e12 + 2.0 * 10e6 / BANDWIDTH;
    close(found.latency.value.0, seconds);
    close(found.layers[0].time.0, seconds);
    assert_eq!(found.layers[0].bound, Bound::Vector);
    close(found.layers[0].roofline.0, 2e9 / 19.49e12);
    assert_eq!((found.precision, found.unit), (Precision::Fp32, ArithmeticUnit::Vector));
    assert_eq!((found.basis, found.energy_basis), (Basis::Spec, Some(Basis::Spec)));
    close(found.spec_energy.unwrap().0, 400.0 * 2e9 / 19.49e12);
}

#[test]
fn in_sixteen_bits_a_small_one_waits_for_its_start() {
    let cost = model("float32", vec![layer(100_000_000, 0, 400_000, 200_000, 400_000)]);
    let found = estimate(&cost, &a100(), Some(Precision::Fp16)).unwrap();
    let kernel = 1.25 * 2e8 / 311.9e12 + 2.0 * 0.5e6 / BANDWIDTH;
    close(found.latency.value.0, START);
    close(found.limits.launch, (START - kernel) / START);
    assert_eq!(found.layers[0].bound, Bound::Launch);
    close(found.spec_energy.unwrap().0, 400.0 * 2e8 / 311.9e12);
}

#[test]
fn starts_pass_while_earlier_kernels_run() {
    let large = layer(1_000_000_000_000, 0, 4096, 4096, 4096);
    let small = layer(0, 0, 4096, 0, 4096);
    let found = estimate(&model("float32", [vec![large], vec![small; 500]].concat()), &a100(), None).unwrap();
    let kernels = 1.25 * 2e12 / 19.49e12 + 2.0 * 12_288.0 / BANDWIDTH + 500.0 * 3.0 * 8192.0 / BANDWIDTH;
    close(found.latency.value.0, kernels);
    assert!(found.limits.launch == 0.0 && 501.0 * START < kernels);
}

#[test]
fn an_elementwise_layer_waits_for_memory_and_sixteen_bits_halve_its_traffic() {
    let mut wide = layer(0, 250_000_000, 1_000_000_000, 0, 1_000_000_000);
    wide.form = Form::Elementwise { elements: 250_000_000, inputs: 1, special: false, broadcast: false };
    let cost = model("float32", vec![wide]);
    for (precision, bytes) in [(None, 2e9), (Some(Precision::Fp16), 1e9), (Some(Precision::Int8), 0.5e9)] {
        let found = estimate(&cost, &a100(), precision).unwrap();
        assert_eq!(found.layers[0].bound, Bound::Memory);
        close(found.latency.value.0, 1.5 * bytes / BANDWIDTH);
        assert_eq!(found.spec_energy, None);
    }
}

#[test]
fn the_method_of_the_paper_takes_the_trend_at_the_date_of_the_model() {
    let cost = model("float32", vec![layer(500_000_000, 0, 4096, 4096, 4096)]);
    let of = |paper: &str| {
        let request = Request { paper: Some(paper.parse().unwrap()), ..Request::default() };
        predict(&cost, &a100(), &request).unwrap().paper_energy.unwrap().0
    };
    // The reconstructed lines: images 14 GFLOPS/W in 2012 and 59 in 2018, text 129 in 2021.
    for (paper, line) in [("cv,2012-01", 14.0), ("cv,2018-01", 59.0), ("nlp,2021-01", 129.0)] {
        assert!((of(paper) * line - 1.0).abs() < 0.03, "{paper}: {}", of(paper));
    }
    close(of("cv,2015-06,2.5"), of("cv,2015-06") / 2.5);
    assert!(estimate(&cost, &a100(), None).unwrap().paper_energy.is_none());
}

#[test]
fn packed_weights_cross_memory_packed_and_compute_in_sixteen_bits() {
    // One token through a 16384 x 16384 matrix of 4-bit weights.
    let token = layer(1 << 28, 0, 2 * 16384, 1 << 27, 2 * 16384);
    for precision in [None, Some(Precision::Fp16)] {
        let found = estimate(&model("float16×uint4", vec![token.clone()]), &a100(), precision).unwrap();
        assert_eq!((found.precision, found.runs_as), (Precision::Fp16, Precision::Fp16));
        let bytes = f64::from((1 << 27) + 4 * 16384);
        close(found.latency.value.0, 1.25 * f64::from(1 << 29) / 311.9e12 + 2.0 * bytes / BANDWIDTH);
    }
}

#[test]
fn views_folded_layers_and_shape_arithmetic_start_no_kernel() {
    let cost = model("float32", vec![layer(0, 0, 0, 0, 0), layer(0, 0, 32, 0, 8), LayerCost::default()]);
    let found = estimate(&cost, &a100(), None).unwrap();
    assert!(found.limits.launch == 0.0 && found.latency.value.0 < 1e-9);
    assert_eq!((found.layers[0].time, found.layers[0].bound), (Seconds::ZERO, Bound::Free));
    assert_eq!(found.layers.len(), 3);
}

#[test]
fn moving_data_and_repeating_start_kernels() {
    let mut repeated = layer(0, 0, 51_200, 0, 51_200);
    repeated.repeat = 100;
    let found = estimate(&model("", vec![layer(0, 0, 512, 0, 512), repeated]), &a100(), None).unwrap();
    close(found.latency.value.0, 101.0 * START);
    close(found.limits.memory, 3.0 * (1024.0 + 102_400.0) / BANDWIDTH / (101.0 * START));
}

#[test]
fn shares_add_up_to_one_layers_to_the_latency_and_intervals_hold_their_value() {
    let layers = vec![
        layer(1_000_000_000, 7, 4_000_000, 2_000_000, 4_000_000),
        layer(0, 1_000_000, 400_000_000, 0, 400_000_000),
        layer(0, 0, 4_000_000, 0, 4_000_000),
    ];
    for precision in [None, Some(Precision::Fp16), Some(Precision::Int8), Some(Precision::Tf32)] {
        let found = estimate(&model("float32", layers.clone()), &a100(), precision).unwrap();
        let Limits { compute, memory, launch } = found.limits;
        close(compute + memory + launch, 1.0);
        close(found.layers.iter().map(|layer| layer.time.0).sum(), found.latency.value.0);
        assert!(found.latency.low < found.latency.value && found.latency.value < found.latency.high);
        let energy = found.energy.unwrap();
        assert!(energy.low < energy.value && energy.value < energy.high);
        close(found.layers.iter().filter_map(|layer| layer.energy).map(|part| part.0).sum(), energy.value.0);
        let system = found.system_energy.unwrap();
        close(system.value.0, energy.value.0 + 146.0 * found.latency.value.0);
        assert!(system.low < system.value && system.value < system.high && system.low > energy.low);
        let watts = (energy.value / found.latency.value).0;
        assert!(watts > 0.2 * 400.0 && watts < 400.0, "{watts}");
    }
}

#[test]
fn what_was_not_fitted_is_assumed_and_wider() {
    let cost = model("float32", vec![layer(1 << 40, 0, 4096, 4096, 4096)]);
    let width = |name: &str, precision| {
        let found = estimate(&cost, Catalogue::builtin().find(name).unwrap(), precision).unwrap();
        (found.basis, found.latency.high / found.latency.low)
    };
    let (basis, fitted) = width("a100", None);
    assert_eq!(basis, Basis::Spec);
    for (name, precision) in [("a100", Some(Precision::Int8)), ("mi210", None), ("m1", None)] {
        let (basis, assumed) = width(name, precision);
        assert!(basis == Basis::Assumed && assumed > fitted, "{name}");
    }
}

#[test]
fn a_missing_rate_is_answered_with_what_the_device_offers() {
    let tpu = Catalogue::builtin().find("tpu-v4").unwrap();
    let error = estimate(&model("float32", vec![layer(1, 0, 0, 0, 0)]), tpu, None).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("google-tpu-v4 states no fp32 rate; it has rates for bf16"), "{message}");
}

#[test]
fn a_figure_that_is_no_positive_number_is_refused() {
    let cost = model("float32", vec![layer(1, 0, 0, 0, 0)]);
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut device = a100();
        device.memory_bandwidth.value = BytesPerSecond(value);
        let error = estimate(&cost, &device, None).unwrap_err();
        assert!(matches!(error, PredictError::UnusableFigure { what: "memory bandwidth", .. }), "{error}");
    }
}

#[test]
fn no_work_takes_no_time_and_all_work_there_is_no_panic() {
    let found = estimate(&ModelCost::default(), &a100(), None).unwrap();
    assert_eq!((found.latency.value, found.energy.unwrap().value), (Seconds::ZERO, Joules::ZERO));
    assert_eq!(found.limits, Limits { compute: 0.0, memory: 0.0, launch: 0.0 });
    assert!(found.precision == Precision::Fp32 && !found.complete);

    let mut most = layer(u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    most.repeat = u64::MAX;
    let mut device = a100();
    device.memory_bandwidth.value = BytesPerSecond(f64::MIN_POSITIVE);
    let found = estimate(&model("float32", vec![most]), &device, Some(Precision::Fp64)).unwrap();
    assert!(found.latency.value.0 > 1e9);
}

#[test]
fn a_model_fits_if_its_parameters_and_activations_do() {
    let gib = 1 << 30;
    let fits = |params: u64, activations: Option<u64>, precision| {
        let mut cost = model("float32", vec![layer(1, 0, 4, 4, 4)]);
        cost.totals.params.bytes = params;
        cost.totals.peak_activation_bytes = activations;
        estimate(&cost, &a100(), precision).unwrap().fits_memory
    };
    assert_eq!(fits(79 * gib, Some(gib), None), Some(true));
    assert_eq!(fits(79 * gib, Some(gib + 1), None), Some(false));
    assert_eq!(fits(150 * gib, Some(gib), Some(Precision::Fp16)), Some(true));
    assert_eq!(fits(gib, None, None), None);
    assert_eq!(fits(81 * gib, None, None), Some(false));
    let cpu = Catalogue::builtin().devices().iter().find(|device| device.kind == DeviceKind::Cpu).unwrap();
    assert_eq!(estimate(&ModelCost::default(), cpu, None).unwrap().fits_memory, None);
}

#[test]
fn keys_in_files_end_in_their_unit() {
    let cost = model("float32", vec![layer(1_000_000, 0, 4096, 4096, 4096)]);
    let json = serde_json::to_value(estimate(&cost, &a100(), None).unwrap()).unwrap();
    assert!(json["latency_s"]["low"].is_f64() && json["energy_j"]["high"].is_f64());
    assert_eq!(json["basis"], "spec");
    assert!(json["paper_energy_j"].is_null() && json["paper_energy_reason"].is_string());
}
