//! The planner, the measurement and the profile, on an adapter whose figures are known.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use ergometer::calibrate::RunError;
use ergometer::calibrate::assemble::{self, About};
use ergometer::calibrate::compare::compare;
use ergometer::calibrate::measure::{self, Clocks, End, Records};
use ergometer::calibrate::mock::{Mock, Stamps};
use ergometer::calibrate::plan::{Plan, Preset};
use ergometer::device::Precision;
use ergometer::device::kernel::{KernelClass, KernelShape};
use ergometer::device::profile::{Adapter, Clock, Host, Profile, Status};
use ergometer::units::Seconds;

const RULES: Clocks = Clocks { asked: None, cores: 2 };

fn measured(plan: &Plan, mock: &mut Mock) -> Records {
    measure::run(plan, mock, RULES, &mut |_| {}, &AtomicBool::new(false))
}

fn about(adapter: Adapter) -> About {
    About {
        name: "mock".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        version: "0.0.0".to_owned(),
        wgpu: "0".to_owned(),
        adapter,
        host: Host { os: String::new(), cpu: String::new(), cores: 2, load_before: None, load_after: None },
        shader_checks: false,
        models: vec![],
    }
}

fn profile(plan: &Plan, mock: &mut Mock) -> Profile {
    let records = measured(plan, mock);
    assemble::profile(plan, &records, about(mock.adapter()))
}

fn plan(preset: Preset, mock: &Mock) -> Plan {
    Plan::new(preset, &mock.adapter(), &[], 1)
}

fn near(found: f64, expected: f64, share: f64, what: &str) {
    assert!((found / expected - 1.0).abs() <= share, "{what}: {found} for {expected}");
}

#[test]
fn every_preset_keeps_to_its_time_on_fast_and_slow_adapters() {
    // Seconds: 10 and 60 s are promised for quick, 90 s and 5 minutes on a GPU, 4 and 16 on a CPU.
    for (preset, mock, load, limit) in [
        (Preset::Quick, Mock::gpu(1), 1.0, 10.0),
        (Preset::Standard, Mock::gpu(1), 1.0, 90.0),
        (Preset::Full, Mock::gpu(1), 1.0, 300.0),
        (Preset::Quick, Mock::software(1), 1.0, 60.0),
        (Preset::Quick, Mock::software(1), 2.0, 60.0),
        (Preset::Standard, Mock::software(1), 2.0, 260.0),
        (Preset::Full, Mock::software(1), 2.0, 960.0),
    ] {
        let mut mock = mock;
        mock.load = load;
        let plan = plan(preset, &mock);
        let records = measured(&plan, &mut mock);
        assert!(records.took.0 <= limit, "{preset} at load {load} took {}", records.took);
        assert_eq!(records.end, End::Complete);
    }
}

#[test]
fn the_same_seed_plans_the_same_order_and_another_one_another() {
    let mock = Mock::gpu(1);
    let of = |seed| Plan::new(Preset::Quick, &mock.adapter(), &[], seed).tasks;
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}

#[test]
fn the_peak_of_the_adapter_is_found_under_noise() {
    let mut mock = Mock::gpu(3);
    mock.noise = 0.05;
    let found = profile(&plan(Preset::Standard, &mock), &mut mock);
    let peak = found.peaks.iter().find(|peak| peak.id == "alu.f32").expect("it is measured");
    // The fastest of a few samples lies above the median by a few of the 5 % that they spread.
    near(peak.rate.0, mock.flops, 0.2, "alu.f32");
    assert_eq!(found.quality.status, Status::Ok, "{:?}", found.quality);
}

#[test]
fn a_neighbour_that_comes_and_goes_is_not_measured() {
    let figures = |neighbour: f64| {
        let mut mock = Mock::software(1);
        mock.neighbour = neighbour;
        profile(&plan(Preset::Standard, &mock), &mut mock)
    };
    let (alone, disturbed) = (figures(1.0), figures(1.5));
    let slowed = compare(&alone, &disturbed).changes.iter().filter(|row| row.ratio() > 1.2).count();
    let all = compare(&alone, &disturbed).changes.len();
    // A look is within its 40 % of the time with probability 0.4: three looks are with 0.064.
    assert!(slowed * 10 < all, "{slowed} of {all}");
}

#[test]
fn the_time_of_a_shape_that_was_not_measured_is_that_of_its_curve() {
    let mut errors = vec![];
    for seed in 1..6 {
        let mut mock = Mock::gpu(seed);
        mock.noise = 0.05;
        let found = profile(&plan(Preset::Full, &mock), &mut mock);
        let shape = KernelShape::Matmul { batch: 1, m: 900, n: 900, k: 900 };
        let precision = Precision::Fp32;
        let curve = found.runtime_curve(&shape, precision).expect("it is measured");
        let truth = mock.curves[&KernelClass::Matmul].time(&shape, curve.tile, precision).0;
        let model = curve.model.expect("there are points enough");
        errors.push((model.time(&shape, curve.tile, precision).0 / truth - 1.0).abs());
    }
    errors.sort_by(f64::total_cmp);
    assert!(errors[2] < 0.03, "{errors:?}");
}

#[test]
fn the_clock_is_chosen_by_what_the_adapter_is_and_whether_its_timestamps_hold() {
    let clock = |mut mock: Mock| {
        let plan = plan(Preset::Quick, &mock);
        measured(&plan, &mut mock).clock.clock
    };
    assert_eq!(clock(Mock::software(1)), Clock::ProcessCpu);
    assert_eq!(clock(Mock::gpu(1)), Clock::Timestamp);
    let mut zeros = Mock::gpu(1);
    zeros.stamps = Stamps::Zero;
    assert_eq!(clock(zeros), Clock::HostSlope);
    for (stamps, expected) in [
        (Stamps::None, Clock::HostSlope),
        (Stamps::Backwards, Clock::HostSlope),
        (Stamps::Times(0.5), Clock::HostSlope),
        (Stamps::Times(1.2), Clock::HostSlope),
        (Stamps::Times(1.05), Clock::Timestamp),
    ] {
        let mut mock = Mock::gpu(1);
        mock.stamps = stamps;
        assert_eq!(clock(mock), expected, "{stamps:?}");
    }
    let mut silent = Mock::software(1);
    let plan = plan(Preset::Quick, &silent);
    silent.threads = 0;
    assert_eq!(measured(&plan, &mut silent).clock.clock, Clock::HostSlope);
}

#[test]
fn figures_are_the_same_by_every_clock() {
    let shape = KernelShape::Matmul { batch: 1, m: 128, n: 768, k: 768 };
    for mut mock in [Mock::gpu(1), Mock::software(1)] {
        mock.noise = 0.005;
        for clock in [Clock::Timestamp, Clock::HostSlope, Clock::ProcessCpu] {
            if clock == Clock::Timestamp && mock.stamps == Stamps::None {
                continue;
            }
            let mut mock = mock.clone();
            // What a submission costs is nothing that a kernel takes.
            mock.round_trip = 2e-3;
            let plan = plan(Preset::Quick, &mock);
            let clocks = Clocks { asked: Some(clock), cores: mock.threads };
            let records = measure::run(&plan, &mut mock, clocks, &mut |_| {}, &AtomicBool::new(false));
            let found = assemble::profile(&plan, &records, about(mock.adapter()));
            let curve = found.runtime_curve(&shape, Precision::Fp32).expect("it is measured");
            let truth = mock.curves[&KernelClass::Matmul];
            assert!(!curve.points.is_empty());
            for point in &curve.points {
                let truth = truth.time(&point.shape, curve.tile, Precision::Fp32).0;
                near(point.stats.median.0, truth, 0.03, &format!("{clock:?} {}", point.shape));
            }
            for point in found.bandwidth.iter().filter(|point| point.id == "memory.copy") {
                near(point.rate.0, mock.bandwidth, 0.03, &format!("{clock:?} {}", point.working_set_bytes));
            }
            let peak = found.peaks.iter().find(|peak| peak.id == "alu.f32").expect("it is measured");
            near(peak.rate.0, mock.flops, 0.03, "alu.f32");
        }
    }
}

#[test]
fn starting_work_costs_what_one_more_costs() {
    for mut mock in [Mock::gpu(1), Mock::software(1)] {
        mock.noise = 0.02;
        let launch = profile(&plan(Preset::Standard, &mock), &mut mock).launch;
        let seconds = |time: Option<Seconds>| time.expect("it is above noise").0;
        // A pass, a submission and a round trip each have a dispatch in them.
        near(seconds(launch.dispatch), mock.dispatch, 0.03, "dispatch");
        near(seconds(launch.pass), mock.pass + mock.dispatch, 0.03, "pass");
        near(seconds(launch.submit), mock.submit + mock.dispatch, 0.03, "submission");
        near(seconds(launch.round_trip), mock.round_trip + mock.dispatch, 0.03, "round trip");
    }
}

#[test]
fn a_launch_that_costs_less_than_the_noise_has_a_reason_in_place_of_a_figure() {
    let mut mock = Mock::gpu(1);
    mock.stamps = Stamps::None;
    (mock.pass, mock.dispatch, mock.noise) = (1e-12, 1e-12, 0.2);
    let found = profile(&plan(Preset::Quick, &mock), &mut mock);
    assert_eq!(found.launch.pass, None);
    assert!(found.unmeasured.iter().any(|row| row.id == "launch.pass"), "{:?}", found.unmeasured);
}

#[test]
fn a_kernel_whose_time_does_not_follow_its_work_is_refused() {
    let mut mock = Mock::gpu(1);
    mock.dead = vec!["alu.f32", "memory.copy"];
    let found = profile(&plan(Preset::Quick, &mock), &mut mock);
    for id in mock.dead {
        assert!(found.peaks.iter().all(|peak| peak.id != id), "{id}");
        assert!(found.bandwidth.iter().all(|point| point.id != id), "{id}");
        let reason = &found.unmeasured.iter().find(|row| row.id == id).expect("it is listed").reason;
        assert!(reason.contains("does not follow its work") || reason.contains("no time"), "{reason}");
    }
}

#[test]
fn what_an_adapter_lacks_is_not_tried() {
    let mut mock = Mock::gpu(1);
    let mut adapter = mock.adapter();
    adapter.features.clear();
    let plan = Plan::new(Preset::Full, &adapter, &[], 1);
    let reason = |id: &str| {
        let row = plan.unmeasured.iter().find(|row| row.id == id);
        row.unwrap_or_else(|| panic!("{id}: {:?}", plan.unmeasured)).reason.clone()
    };
    assert_eq!(reason("alu.f64"), "the adapter has no 64-bit floats in shaders");
    assert_eq!(reason("matmul.tile32 in fp16"), "the adapter has no 16-bit floats in shaders");
    assert_eq!(reason("matrix.f16"), "the adapter has no 16×16 f16 cooperative matrix");
    let found = profile(&plan, &mut mock);
    assert!(found.curves.iter().all(|curve| curve.precision == Precision::Fp32));
    assert!(found.unmeasured.iter().any(|row| row.id == "alu.f64"));
}

#[test]
fn a_kernel_that_hangs_is_waited_for_once() {
    let mut mock = Mock::gpu(1);
    mock.failures = vec![("matmul.tile32", RunError::TimedOut(Seconds(20.0)))];
    let plan = plan(Preset::Standard, &mock);
    let records = measured(&plan, &mut mock);
    assert_eq!(records.end, End::Complete);
    let of_kernel = records.unmeasured.iter().filter(|row| row.id == "matmul.tile32");
    let reasons: Vec<&str> = of_kernel.map(|row| row.reason.as_str()).collect();
    let waited = reasons.iter().filter(|reason| reason.starts_with("no answer within")).count();
    assert_eq!(waited, 1, "{reasons:?}");
    assert!(reasons.len() > 1);
}

#[test]
fn the_shapes_of_a_model_are_measured_each_once_and_never_dropped() {
    let shapes = [
        KernelShape::Matmul { batch: 1, m: 333, n: 444, k: 555 },
        KernelShape::Conv {
            batch: 2,
            in_channels: 36,
            out_channels: 44,
            height: 19,
            width: 21,
            kernel: [3, 3],
            stride: [1, 1],
        },
        KernelShape::Matmul { batch: 1, m: 333, n: 444, k: 555 },
        KernelShape::Reduce { rows: 77, cols: 123 },
    ];
    let mut mock = Mock::software(1);
    mock.load = 4.0;
    let mut models = shapes.map(|shape| (shape, shape.runtime_kernel())).to_vec();
    models.push((shapes[0], "matmul.naive"));
    let plan = Plan::new(Preset::Quick, &mock.adapter(), &models, 1);
    let found = profile(&plan, &mut mock);
    let naive = found.curves.iter().find(|curve| curve.kernel == "matmul.naive");
    assert!(naive.is_some_and(|curve| curve.point(&shapes[0]).is_some()), "on the kernel it is asked for");
    for shape in shapes {
        let curve = found.runtime_curve(&shape, Precision::Fp32).expect("it is measured");
        assert_eq!(curve.points.iter().filter(|point| point.shape == shape).count(), 1, "{shape}");
    }
    assert!(found.quality.notes.iter().any(|note| note.contains("want of time")), "{:?}", found.quality);
}

#[test]
fn the_same_seed_gives_the_same_profile() {
    let of = |seed| profile(&plan(Preset::Quick, &Mock::gpu(seed)), &mut Mock::gpu(seed));
    assert_eq!(of(5), of(5));
    assert_ne!(of(5), of(6));
}

#[test]
fn progress_never_goes_back_and_ends_with_nothing_left() {
    let mut mock = Mock::software(1);
    mock.load = 3.0;
    let plan = plan(Preset::Quick, &mock);
    let mut told = vec![];
    let mut on_progress = |progress: &measure::Progress| told.push(progress.clone());
    measure::run(&plan, &mut mock, RULES, &mut on_progress, &AtomicBool::new(false));
    assert!(told.is_sorted_by_key(|progress| progress.done));
    assert!(told.iter().all(|progress| progress.done <= progress.total && progress.left.0 >= 0.0));
    let last = told.last().expect("it is told");
    assert_eq!((last.done, last.left), (last.total, Seconds::ZERO));
}

#[test]
fn a_failing_kernel_is_a_row_with_its_reason_and_the_rest_goes_on() {
    let mut mock = Mock::gpu(1);
    mock.failures = vec![("matmul.tile32", RunError::OutOfMemory)];
    let found = profile(&plan(Preset::Quick, &mock), &mut mock);
    let failed: BTreeSet<&str> = found.unmeasured.iter().map(|row| row.id.as_str()).collect();
    assert!(failed.contains("matmul.tile32"), "{failed:?}");
    assert!(found.curves.iter().any(|curve| curve.kernel == "conv.tile32"));
    assert!(found.curves.iter().all(|curve| curve.kernel != "matmul.tile32"));
}

#[test]
fn a_lost_device_and_a_stop_keep_what_was_measured() {
    let mut mock = Mock::gpu(1);
    mock.lost_at = Some(400);
    let lost = profile(&plan(Preset::Quick, &mock), &mut mock);
    assert_eq!(lost.quality.status, Status::Partial);

    let mut mock = Mock::gpu(1);
    let plan = plan(Preset::Quick, &mock);
    let stop = AtomicBool::new(false);
    let mut on_progress = |progress: &measure::Progress| {
        if progress.done > 10 {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let records = measure::run(&plan, &mut mock, RULES, &mut on_progress, &stop);
    assert_eq!(records.end, End::Stopped);
    assert!(!records.rows.is_empty());
    let stopped = assemble::profile(&plan, &records, about(mock.adapter()));
    assert_eq!(stopped.quality.status, Status::Partial);
    let has_rate = stopped.peaks.iter().any(|peak| peak.precision == Some(Precision::Fp32));
    let has_rest = stopped.bandwidth().is_some() && stopped.launch.dispatch.is_some();
    assert!(has_rate && has_rest, "what every estimate needs is measured first");
    let json = serde_json::to_vec(&stopped).expect("it is written");
    assert_eq!(Profile::parse(&json).expect("it is read back"), stopped);
}

#[test]
fn an_adapter_that_slows_down_is_unstable() {
    let mut mock = Mock::gpu(1);
    mock.slower_each_second = 0.05;
    let found = profile(&plan(Preset::Quick, &mock), &mut mock);
    assert_eq!(found.quality.status, Status::Unstable, "{:?}", found.quality);
}

#[test]
fn what_became_slower_beyond_noise_is_found_and_the_rest_is_not() {
    let run = |seed, slower: f64| {
        let mut mock = Mock::gpu(seed);
        mock.noise = 0.01;
        mock.bandwidth /= slower;
        profile(&plan(Preset::Quick, &mock), &mut mock)
    };
    let changed = |old: &Profile, new: &Profile| -> BTreeSet<String> {
        let found = compare(old, new);
        assert!(found.changes.len() > 20, "{}", found.changes.len());
        found.changes.into_iter().filter(|change| change.beyond_noise).map(|change| change.id).collect()
    };
    assert!(changed(&run(1, 1.0), &run(2, 1.0)).len() <= 2);
    let slower = changed(&run(1, 1.0), &run(2, 2.0));
    assert!(slower.contains("memory.copy") && !slower.contains("alu.f32"), "{slower:?}");
    for copy in compare(&run(1, 1.0), &run(2, 2.0)).changes.iter().filter(|row| row.id == "memory.copy") {
        near(copy.ratio(), 2.0, 0.05, "memory.copy");
    }

    let mut other = run(1, 1.0);
    other.adapter.driver_info = "another".to_owned();
    assert!(compare(&run(1, 1.0), &other).remarks.iter().any(|remark| remark.contains("another driver")));
    other.peaks.clear();
    let peaks = run(1, 1.0).peaks.len();
    assert_eq!(compare(&run(1, 1.0), &other).unmatched, peaks);
}
