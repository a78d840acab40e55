//! The CPU's side of a calibration: planning, fitting lines, and all of a run but the adapter.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ergometer::calibrate::measure::{self, Clocks};
use ergometer::calibrate::mock::Mock;
use ergometer::calibrate::plan::{Plan, Preset};
use ergometer::calibrate::{fit, ladder, summary};
use ergometer::device::Precision;
use ergometer::device::curve::CurvePoint;
use ergometer::device::kernel::{KernelClass, KernelShape, Tile};

const TILE: Tile = Tile { rows: 32, cols: 32, depth: 32 };

/// Points of a class on the curve of a mock, with 5 % of noise.
fn points(shapes: &[KernelShape]) -> Vec<CurvePoint> {
    let mock = Mock::gpu(1);
    let model = mock.curves.get(&KernelClass::Matmul).expect("the mock has every class");
    let mut random = fastrand::Rng::with_seed(1);
    let timed = shapes.iter().filter_map(|shape| {
        let seconds = model.time(shape, TILE, Precision::Fp32).0 * (0.95 + 0.1 * random.f64());
        Some(CurvePoint { shape: *shape, stats: summary::of(&[seconds], 1)? })
    });
    timed.collect()
}

fn planning(criterion: &mut Criterion) {
    let adapter = Mock::gpu(1).adapter();
    let square = |n| KernelShape::Matmul { batch: 1, m: n, n: 64, k: 4 * n };
    let models: Vec<_> = (1..500).map(square).map(|shape| (shape, shape.runtime_kernel())).collect();
    let mut group = criterion.benchmark_group("plan");
    for preset in Preset::ALL {
        group.bench_function(BenchmarkId::from_parameter(preset), |bencher| {
            bencher.iter(|| Plan::new(preset, black_box(&adapter), &[], 1));
        });
    }
    group.bench_function("quick with 499 shapes", |bencher| {
        bencher.iter(|| Plan::new(Preset::Quick, black_box(&adapter), &models, 1));
    });
    group.finish();
}

fn fitting(criterion: &mut Criterion) {
    let all = points(&ladder::shapes(KernelClass::Matmul, "matmul.tile32", false));
    let mut group = criterion.benchmark_group("fit");
    for count in [6, 14, all.len()] {
        let points = all.get(..count).unwrap_or(&all);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| fit::curve_model(black_box(points), TILE, Precision::Fp32));
        });
    }
    group.finish();
}

fn running(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group.sample_size(20);
    let plan = Plan::new(Preset::Quick, &Mock::gpu(1).adapter(), &[], 1);
    let clocks = Clocks { asked: None, cores: 2 };
    group.bench_function("quick", |bencher| {
        bencher.iter(|| measure::run(&plan, &mut Mock::gpu(1), clocks, &mut |_| {}, &AtomicBool::new(false)));
    });
    group.finish();
}

criterion_group!(benches, planning, fitting, running);
criterion_main!(benches);
