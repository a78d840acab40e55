//! Estimates by a profile whose curves are round numbers: every expected time is added up by hand.

use super::super::{Basis, Bound, Limits, PredictError, Prediction, Request, Runtime, predict};
use crate::cost::form::{MatMul, Right, Rows};
use crate::cost::{Edges, Form, LayerCost, ModelCost, Totals};
use crate::device::kernel::{KernelClass, KernelShape};
use crate::device::profile::{AdapterType, Clock, Launch, Profile, Transfer};
use crate::device::testing::{adapter, curve, profile, stats, with_point};
use crate::device::{Catalogue, Device, EnergyModel, HeldOut, MeterScope, Percentiles, Precision, local};
use crate::units::{BytesPerSecond, FlopsPerSecond, Joules, Seconds, Watts};

const DISPATCH: f64 = 10e-6;

/// Products at 1 TMAC/s behind 5 µs, reductions of 100 GB/s behind nothing.
fn measured() -> Profile {
    Profile {
        curves: vec![
            curve(KernelClass::Matmul, "matmul.tile32", 5e-6, f64::INFINITY, 1e12),
            curve(KernelClass::Reduce, "reduce.rows", 0.0, 100e9, f64::INFINITY),
        ],
        ..profile()
    }
}

fn device(profile: Profile) -> Device {
    local(profile, Catalogue::builtin(), None).unwrap()
}

/// `m × 1024 × 1024` multiply-accumulates.
fn product(m: u64) -> LayerCost {
    let mut layer = LayerCost {
        form: Form::MatMul(MatMul { batch: 1, m, n: 1024, k: 1024, right: Right::Constant }),
        operator: "MatMul",
        bytes_read: m * 4096,
        bytes_weights: 4 << 20,
        bytes_written: m * 4096,
        repeat: 1,
        ..LayerCost::default()
    };
    layer.counts.macs = m << 20;
    layer
}

/// Sums over a million rows of ten elements: 44 MB.
fn sums() -> LayerCost {
    let mut layer = LayerCost {
        form: Form::Reduce(Rows { rows: 1_000_000, cols: 10, contiguous: true }),
        operator: "ReduceSum",
        bytes_read: 40_000_000,
        bytes_written: 4_000_000,
        repeat: 1,
        ..LayerCost::default()
    };
    layer.counts.alu = 10_000_000;
    layer
}

fn model(layers: Vec<LayerCost>) -> ModelCost {
    let macs = layers.iter().map(|layer| layer.counts.macs).sum();
    let none: Vec<&[u32]> = layers.iter().map(|_| [].as_slice()).collect();
    let mut totals = Totals { complete: true, peak_activation_bytes: Some(0), ..Totals::default() };
    totals.counts.macs = macs;
    if macs > 0 {
        totals.macs_by_type.insert("float32".to_owned(), macs);
    }
    ModelCost { edges: Edges::new(&none, &[]), layers, totals, ..ModelCost::default() }
}

fn on(profile: Profile, layers: Vec<LayerCost>) -> Prediction {
    predict(&model(layers), &device(profile), &Request::default()).unwrap()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} for {expected}");
}

/// 2²⁰ · 1000 steps at 10¹² a second behind 5 µs.
const PRODUCT: f64 = 1000.0 * 1_048_576.0 / 1e12 + 5e-6;
/// 44 MB at 100 GB/s.
const SUMS: f64 = 44e6 / 100e9;

#[test]
fn a_kernel_takes_its_curve_and_its_dispatch() {
    let found = on(measured(), vec![product(1000), sums()]);
    close(found.latency.value.0, PRODUCT + SUMS + 2.0 * DISPATCH);
    close(found.layers[0].time.0, PRODUCT + DISPATCH);
    close(found.layers[1].time.0, SUMS + DISPATCH);
    assert_eq!((found.basis, found.runtime), (Basis::Calibrated, Runtime::Webgpu));
    assert_eq!((found.layers[0].bound, found.layers[0].kernel), (Bound::Vector, Some(KernelClass::Matmul)));
    // At 500 GB/s its traffic would take a fifth: the rest is the kernel's own.
    assert_eq!((found.layers[1].bound, found.layers[1].kernel), (Bound::Vector, Some(KernelClass::Reduce)));
    let Limits { compute, memory, launch } = found.limits;
    close(compute + memory + launch, 1.0);
    close(launch, 2.0 * DISPATCH / found.latency.value.0);
    let classes: Vec<_> = found.kernels.iter().map(|of| (of.class, of.started)).collect();
    assert_eq!(classes, [(KernelClass::Matmul, 1), (KernelClass::Reduce, 1)]);
    close(found.kernels.iter().map(|of| of.time.0).sum(), found.latency.value.0);
}

#[test]
fn a_shape_that_was_measured_takes_what_was_measured() {
    let shape = KernelShape::Matmul { batch: 1, m: 1000, n: 1024, k: 1024 };
    let mut profile = measured();
    let first = profile.curves.remove(0);
    profile.curves.insert(0, with_point(first, shape, 3e-3));
    close(on(profile.clone(), vec![product(1000)]).latency.value.0, 3e-3 + DISPATCH);
    // Another shape does not.
    let found = on(profile, vec![product(2000)]).latency.value.0;
    close(found, 2.0 * (PRODUCT - 5e-6) + 5e-6 + DISPATCH);
}

#[test]
fn a_layer_that_runs_again_starts_its_kernel_again() {
    let mut layer = product(1000);
    layer.repeat = 7;
    let found = on(measured(), vec![layer]);
    close(found.latency.value.0, 7.0 * (PRODUCT + DISPATCH));
    assert_eq!(found.kernels[0].started, 7);
}

#[test]
fn a_run_waits_for_one_round_trip_and_each_sixteen_kernels_are_submitted() {
    let launch = Launch {
        dispatch: Some(Seconds(DISPATCH)),
        pass: None,
        submit: Some(Seconds(50e-6)),
        round_trip: Some(Seconds(80e-6)),
    };
    let mut profile = Profile { launch, ..measured() };
    let layers = || vec![product(1000); 33];
    // The adapter is busy for longer than submitting takes.
    let kernels = 33.0 * (PRODUCT + DISPATCH);
    let found = on(profile.clone(), layers());
    close(found.latency.value.0, kernels + 80e-6);
    close(found.layers.iter().map(|layer| layer.time.0).sum(), found.latency.value.0);
    // The CPU does both: two more submissions.
    profile.settings.clock = Clock::ProcessCpu;
    close(on(profile, layers()).latency.value.0, kernels + 80e-6 + 2.0 * (50e-6 - DISPATCH));
}

#[test]
fn intervals_hold_their_value_and_narrow_with_independent_errors() {
    let width = |layers: Vec<LayerCost>| {
        let latency = on(measured(), layers).latency;
        assert!(latency.low < latency.value && latency.value < latency.high, "{latency:?}");
        (latency.value - latency.low) / latency.value
    };
    // A tenth for the kernel against its curve, a quarter for the class, 0.3 of the launch.
    let (kernel, launch) = (PRODUCT, DISPATCH);
    let expected = (0.1 * kernel).hypot(0.25 * kernel).hypot(0.3 * launch) / (kernel + launch);
    close(width(vec![product(1000)]), expected);
    let many = (0.1 * kernel * 10.0).hypot(0.25 * kernel * 100.0).hypot(0.3 * launch * 100.0);
    close(width(vec![product(1000); 100]), many / (100.0 * (kernel + launch)));
    // Errors of two classes are independent.
    assert!(width(vec![product(420), sums()]) < width(vec![product(840)]));
}

#[test]
fn the_fastest_of_all_kernels_and_the_roofline_stand_beside_the_estimate() {
    let mut profile = measured();
    let mut faster = curve(KernelClass::Matmul, "matmul.best", 0.0, f64::INFINITY, 4e12);
    faster.runtime_like = false;
    profile.curves.push(faster);
    let found = on(profile, vec![product(1000), sums()]);
    close(found.latency.value.0, PRODUCT + SUMS + 2.0 * DISPATCH);
    close(found.best.unwrap().0, 1000.0 * 1_048_576.0 / 4e12 + SUMS + 2.0 * DISPATCH);
    // 2 FLOPs a step at 20 TFLOP/s; 44 MB at 500 GB/s.
    close(found.roofline.unwrap().0, 2.0 * 1000.0 * 1_048_576.0 / 20e12 + 44e6 / 500e9);
    assert!(found.roofline < found.best);
}

#[test]
fn weights_of_few_bits_take_the_kernel_for_them_and_the_usual_one_without() {
    let packed = |m: u64| {
        let right = Right::Packed { bits: 4 };
        // As many steps as in 1024 × 1024; sums of a multiple of 128 would take another kernel first.
        let form = Form::MatMul(MatMul { batch: 1, m, n: 16_384, k: 64, right });
        vec![LayerCost { form, ..product(m) }]
    };
    let steps = 8.0 * 1_048_576.0;
    let without = on(measured(), packed(8));
    close(without.latency.value.0, steps / 1e12 + 5e-6 + DISPATCH);
    let lacks =
        |notes: &[String]| notes.iter().any(|note| note.contains("no curve of packed_matmul.lanes32"));
    assert!(lacks(&without.notes));
    let mut profile = measured();
    profile.curves.push(curve(KernelClass::PackedMatmul, "packed_matmul.lanes32", 0.0, f64::INFINITY, 2e12));
    let with = on(profile.clone(), packed(8));
    close(with.latency.value.0, steps / 2e12 + DISPATCH);
    assert!(!lacks(&with.notes));
    // Many rows have the usual tiles.
    close(on(profile, packed(1000)).latency.value.0, PRODUCT + DISPATCH);
}

#[test]
fn a_meter_stands_above_the_board_power() {
    let price = |value: f64| Percentiles { p10: 0.9 * value, p90: 1.1 * value };
    let meter = EnergyModel {
        source: "meter".to_owned(),
        scope: MeterScope::Board,
        resolution: Joules(1e-3),
        update_period: Seconds(0.1),
        idle: None,
        static_power: Watts(50.0),
        joules_per_flop: 10e-12,
        joules_per_byte: 100e-12,
        static_w_interval: price(50.0),
        joules_per_flop_interval: price(10e-12),
        joules_per_byte_interval: price(100e-12),
        r2: None,
        condition: 1.0,
        heldout_mape: 0.05,
        heldout_ratio: Percentiles { p10: 0.9, p90: 1.1 },
        heldout: HeldOut::HeldBack,
        samples: 20,
    };
    let profile = Profile { energy: Some(meter), energy_reason: None, ..measured() };
    let mut cost = model(vec![product(1000)]);
    cost.totals.flops = 2_097_152_000;
    let found = predict(&cost, &device(profile.clone()), &Request::default()).unwrap();
    let energy = found.energy.unwrap();
    let bytes = 2.0 * 1000.0 * 4096.0 + 4_194_304.0;
    close(energy.value.0, 50.0 * found.latency.value.0 + 10e-12 * 2_097_152_000.0 + 100e-12 * bytes);
    assert_eq!(found.energy_basis, Some(Basis::Calibrated));
    assert!(energy.low < energy.value && energy.value < energy.high);
    assert!(found.notes.iter().any(|note| note.contains("meter")), "{:?}", found.notes);

    let nothing = predict(&model(vec![]), &device(profile.clone()), &Request::default()).unwrap();
    assert_eq!(nothing.energy.unwrap().value, Joules::ZERO);
    let mut broken = profile;
    broken.energy.as_mut().unwrap().joules_per_byte = f64::NAN;
    let error = predict(&cost, &device(broken), &Request::default()).unwrap_err();
    assert!(matches!(error, PredictError::UnusableFigure { what: "energy", .. }), "{error}");
}

#[test]
fn what_the_host_does_waits_for_a_round_trip_and_two_transfers() {
    let transfer = |id: &str, rate: f64| Transfer {
        id: id.to_owned(),
        bytes: 1 << 20,
        rate: BytesPerSecond(rate),
        stats: stats(1e-3),
    };
    let launch =
        Launch { dispatch: Some(Seconds(DISPATCH)), round_trip: Some(Seconds(80e-6)), ..Launch::default() };
    let transfer = vec![transfer("transfer.download", 1e9), transfer("transfer.upload", 2e9)];
    let profile = Profile { launch, transfer, ..measured() };
    let mut layer = sums();
    layer.operator = "NonZero";
    let found = on(profile, vec![layer]);
    close(found.latency.value.0, 80e-6 + DISPATCH + SUMS + 80e-6 + 40e6 / 1e9 + 4e6 / 2e9);
    assert_eq!(found.layers[0].bound, Bound::Launch);
    assert!(found.notes.iter().any(|note| note.contains("the host takes over")), "{:?}", found.notes);
}

#[test]
fn a_class_without_a_curve_moves_its_bytes_and_a_contraction_is_refused() {
    let mut profile = measured();
    profile.curves.remove(1);
    close(on(profile, vec![sums()]).latency.value.0, 44e6 / 500e9 + DISPATCH);
    let mut profile = measured();
    profile.curves.remove(0);
    let error = predict(&model(vec![product(1)]), &device(profile), &Request::default()).unwrap_err();
    assert_eq!(error, PredictError::NoCurve { device: "local".to_owned(), class: KernelClass::Matmul });
}

#[test]
fn kernels_run_in_sixteen_bits_only_where_they_were_measured_in_them() {
    let request = Request { precision: Some(Precision::Fp16), ..Request::default() };
    let cost = model(vec![product(1000)]);
    let found = predict(&cost, &device(measured()), &request).unwrap();
    assert_eq!((found.precision, found.runs_as), (Precision::Fp16, Precision::Fp32));
    let mut profile = measured();
    let mut half = curve(KernelClass::Matmul, "matmul.tile32", 0.0, f64::INFINITY, 2e12);
    half.precision = Precision::Fp16;
    profile.curves.push(half);
    let mut peak = profile.peaks[0].clone();
    (peak.precision, peak.rate) = (Some(Precision::Fp16), FlopsPerSecond(40e12));
    profile.peaks.push(peak);
    let found = predict(&cost, &device(profile), &request).unwrap();
    assert_eq!(found.runs_as, Precision::Fp16);
    close(found.latency.value.0, 1000.0 * 1_048_576.0 / 2e12 + DISPATCH);
}

#[test]
fn a_profile_is_heeded_for_webgpu_alone() {
    let cost = model(vec![product(1000)]);
    let eager = Request { runtime: Some(Runtime::Eager), ..Request::default() };
    let found = predict(&cost, &device(measured()), &eager).unwrap();
    let row = Catalogue::builtin().find("rtx-3090").unwrap();
    let of_row = predict(&cost, row, &eager).unwrap();
    assert_eq!((found.device.as_str(), found.runtime, found.basis), ("local", Runtime::Eager, Basis::Spec));
    assert_eq!((found.latency, found.energy), (of_row.latency, of_row.energy));

    let webgpu = Request { runtime: Some(Runtime::Webgpu), ..Request::default() };
    let error = predict(&cost, row, &webgpu).unwrap_err().to_string();
    assert_eq!(
        error,
        "nvidia-geforce-rtx-3090 has no profile, and an estimate for webgpu needs one: `ergometer bench` makes it"
    );
    let mut profile = measured();
    profile.adapter = adapter("Mali-G78", AdapterType::IntegratedGpu, 0, 0);
    let error = predict(&cost, &device(profile), &eager).unwrap_err().to_string();
    assert!(error.starts_with("local (Mali-G78) is in no row of the catalogue"), "{error}");
}

#[test]
fn no_power_is_no_energy_with_a_reason() {
    let mut profile = measured();
    profile.adapter = adapter("llvmpipe (LLVM 15.0.7, 256 bits)", AdapterType::Cpu, 0x10005, 0);
    profile.host.cpu = "AMD EPYC".to_owned();
    let cost = model(vec![product(1000)]);
    let found = predict(&cost, &device(profile.clone()), &Request::default()).unwrap();
    assert_eq!((found.energy, found.energy_basis, found.spec_energy), (None, None, None));
    assert!(found.energy_reason.unwrap().contains("AMD EPYC"));
    assert!(found.notes.iter().any(|note| note.contains("software adapter")));
    let json = serde_json::to_value(predict(&cost, &device(profile.clone()), &Request::default()).unwrap());
    let json = json.unwrap();
    assert!(json["energy_j"].is_null() && json["roofline_s"].is_f64() && json["best_s"].is_f64());
    assert_eq!(json["curves"], "runtime_like");

    let given = local(profile, Catalogue::builtin(), Some(Watts(30.0))).unwrap();
    let found = predict(&cost, &given, &Request::default()).unwrap();
    let watts = (found.energy.unwrap().value / found.latency.value).0;
    assert!(watts > 5.0 && watts < 30.0, "{watts}");
    assert_eq!(found.energy_basis, Some(Basis::Assumed));
}

#[test]
fn figures_that_are_no_positive_number_are_refused() {
    let cost = model(vec![product(1000)]);
    let refused = |change: &dyn Fn(&mut Device)| {
        let mut device = device(measured());
        change(&mut device);
        match predict(&cost, &device, &Request::default()) {
            Err(PredictError::UnusableFigure { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    fn of(device: &mut Device) -> &mut Profile {
        device.profile.as_mut().unwrap()
    }
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&|d| d.memory_bandwidth.value.0 = value), "memory bandwidth");
        assert_eq!(refused(&|d| d.peaks[0].rate.value.0 = value), "peak rate");
        assert_eq!(refused(&|d| of(d).launch.dispatch = Some(Seconds(value))), "launch time");
        assert_eq!(refused(&|d| d.board_power.as_mut().unwrap().value.0 = value), "board power");
        let shape = KernelShape::Matmul { batch: 1, m: 1000, n: 1024, k: 1024 };
        let point = with_point(measured().curves.remove(0), shape, value);
        assert_eq!(refused(&|d| of(d).curves[0] = point.clone()), "time of a kernel");
    }
    for value in [f64::NAN, f64::INFINITY, -1.0] {
        let start = |d: &mut Device| of(d).curves[0].model.as_mut().unwrap().start.0 = value;
        assert_eq!(refused(&start), "time of a kernel");
    }
}

#[test]
fn no_work_takes_no_time_and_all_work_there_is_no_panic() {
    let found = on(measured(), vec![]);
    assert_eq!(found.latency.value, Seconds::ZERO);
    assert_eq!(found.limits, Limits { compute: 0.0, memory: 0.0, launch: 0.0 });
    let mut most = product(1);
    let right = Right::Constant;
    most.form = Form::MatMul(MatMul { batch: u64::MAX, m: u64::MAX, n: u64::MAX, k: u64::MAX, right });
    most.repeat = u64::MAX;
    let found = on(measured(), vec![most.clone(), most]);
    assert!(found.latency.value.0 > 1e50);
}
