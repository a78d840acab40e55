//! A calibration of a mock adapter: what is known of it must come out of the measurement.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use ergometer::calibrate::assemble::{self, About};
use ergometer::calibrate::kernels::{self, Measures};
use ergometer::calibrate::measure::{self, Clocks, End, Records};
use ergometer::calibrate::mock::{Mock, Stamps};
use ergometer::calibrate::plan::{Measurement, Plan, Preset};
use ergometer::calibrate::{RunError, Runner};
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
    // Seconds: "quick (at most 10 s on a GPU, 60 s on lavapipe with two loaded cores)", 90 s, 5 minutes.
    for (preset, mock, load, limit) in [
        (Preset::Quick, Mock::gpu(1), 1.0, 10.0),
        (Preset::Standard, Mock::gpu(1), 1.0, 90.0),
        (Preset::Full, Mock::gpu(1), 1.0, 300.0),
        (Preset::Quick, Mock::software(1), 1.0, 60.0),
        (Preset::Quick, Mock::software(1), 2.0, 60.0),
        (Preset::Standard, Mock::software(1), 2.0, 90.0),
        (Preset::Full, Mock::software(1), 2.0, 300.0),
    ] {
        let mut mock = mock;
        mock.load = load;
        let plan = plan(preset, &mock);
        let records = measured(&plan, &mut mock);
        println!(
            "{preset} load {load}: {} tasks, {} pipelines, {:.1} s, {} rows, {} dropped, {} unmeasured",
            plan.tasks.len(),
            plan.pipelines(),
            records.took.0,
            records.rows.len(),
            records.dropped,
            records.unmeasured.len()
        );
        assert!(records.took.0 <= limit, "{preset} at load {load} took {}", records.took);
        assert_eq!(records.end, End::Complete);
    }
}
