//! A profile with known figures, for tests.

use super::Precision;
use super::curve::{Curve, CurveModel, CurvePoint, Residual};
use super::kernel::{KernelClass, KernelShape, Tile};
use super::profile::{
    Adapter, AdapterLimits, AdapterType, Bandwidth, Clock, Host, Launch, PeakRate, Profile, Quality, SCHEMA,
    Settings, Stats, Status, Tool,
};
use crate::units::{BytesPerSecond, FlopsPerSecond, Seconds};

/// Steady samples of this time.
pub fn stats(seconds: f64) -> Stats {
    Stats {
        samples: 15,
        dispatches: 1,
        min: Seconds(seconds),
        median: Seconds(seconds),
        mad: Seconds::ZERO,
        scaling: Some(1.0),
        unstable: false,
    }
}

/// The adapter of this name.
pub fn adapter(name: &str, device_type: AdapterType, vendor: u32, device: u32) -> Adapter {
    Adapter {
        name: name.to_owned(),
        backend: "vulkan".to_owned(),
        device_type,
        vendor,
        device,
        pci_bus_id: None,
        driver: "driver".to_owned(),
        driver_info: "driver 1.0".to_owned(),
        features: vec![],
        limits: AdapterLimits {
            max_buffer_bytes: 1 << 30,
            max_storage_binding_bytes: 1 << 27,
            max_workgroup_storage_bytes: 1 << 15,
            max_workgroup_invocations: 256,
            max_workgroups_per_dimension: 65_535,
            subgroup: None,
        },
    }
}

/// A profile of a GeForce RTX 3090: 20 TFLOP/s in FP32, 500 GB/s, 10 µs a dispatch, no curves.
pub fn profile() -> Profile {
    Profile {
        schema: SCHEMA.to_owned(),
        name: "local".to_owned(),
        created: "2026-11-23T20:00:00Z".to_owned(),
        tool: Tool { version: "0.1.0".to_owned(), wgpu: "30.0.1".to_owned(), suite: String::new() },
        adapter: adapter("NVIDIA GeForce RTX 3090", AdapterType::DiscreteGpu, 0x10de, 0x2204),
        host: Host {
            os: "Linux".to_owned(),
            cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cores: 128,
            load_before: None,
            load_after: None,
        },
        settings: Settings {
            preset: "quick".to_owned(),
            seed: 1,
            clock: Clock::Timestamp,
            clock_reason: String::new(),
            shader_checks: false,
            models: vec![],
        },
        quality: Quality { status: Status::Ok, sentinel_drift: None, timestamp_vs_host: None, notes: vec![] },
        peaks: vec![PeakRate {
            id: "alu.f32".to_owned(),
            precision: Some(Precision::Fp32),
            rate: FlopsPerSecond(20e12),
            configuration: "chains=2".to_owned(),
            tried: 1,
            stats: stats(1e-3),
        }],
        special: vec![],
        bandwidth: vec![Bandwidth {
            id: "memory.copy".to_owned(),
            working_set_bytes: 1 << 27,
            rate: BytesPerSecond(500e9),
            stats: stats(1e-3),
        }],
        launch: Launch { dispatch: Some(Seconds(10e-6)), ..Launch::default() },
        transfer: vec![],
        intensity: vec![],
        curves: vec![],
        unmeasured: vec![],
        energy: None,
        energy_reason: Some("no meter".to_owned()),
    }
}

/// A curve of `start + bytes / bandwidth + steps / rate` seconds, tiles of one, errors of a tenth either way.
pub fn curve(class: KernelClass, kernel: &str, start: f64, bandwidth: f64, steps: f64) -> Curve {
    Curve {
        class,
        precision: Precision::Fp32,
        kernel: kernel.to_owned(),
        runtime_like: true,
        tile: Tile { rows: 1, cols: 1, depth: 1 },
        model: Some(CurveModel {
            start: Seconds(start),
            workgroup: Seconds::ZERO,
            steps_per_second: steps.is_finite().then_some(steps),
            half_workgroups: 0.0,
            bandwidth: bandwidth.is_finite().then_some(BytesPerSecond(bandwidth)),
            residual: Residual { p10: 0.9, p50: 1.0, p90: 1.1, median_error: 0.05, points: 20 },
        }),
        model_reason: None,
        points: vec![],
    }
}

/// The curve with one more measured point.
pub fn with_point(mut curve: Curve, shape: KernelShape, seconds: f64) -> Curve {
    curve.points.push(CurvePoint { shape, stats: stats(seconds) });
    curve
}
