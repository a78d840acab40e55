//! The kernels on a real adapter: their results, and that time scales with work.
//!
//! Without an adapter these tests say so and pass; with `ERGOMETER_REQUIRE_ADAPTER` set they fail.

use std::sync::{Mutex, MutexGuard};

use ergometer::calibrate::gpu::{AdapterError, Adapters, Gpu};
use ergometer::calibrate::kernels::{self, Measures};
use ergometer::calibrate::{Case, Configuration, Kernel, RunError, Runner, Size, Work};
use ergometer::device::kernel::{KernelClass, KernelShape};

/// Time is of the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A device of the first adapter.
fn gpu() -> Option<(MutexGuard<'static, ()>, Gpu)> {
    let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match Adapters::find().choose(None) {
        Ok(found) => Some((alone, Gpu::open(found, 1).expect("the adapter opens"))),
        Err(error) => {
            assert!(std::env::var_os("ERGOMETER_REQUIRE_ADAPTER").is_none(), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Sizes that no tile divides, and one turn more than one.
fn small(kernel: &Kernel) -> Size {
    match kernel.measures {
        Measures::Peak(_) | Measures::Special => Size::Chain { invocations: 1000, turns: 3 },
        Measures::Bandwidth => Size::Bytes { working_set: 8 << 10, turns: 3 },
        Measures::Intensity => Size::Intensity { elements: 10_000, flops_per_element: 2 * (32 + 15) },
        Measures::Launch => Size::Empty,
        Measures::Class { class, .. } => Size::Shape(shape(class)),
    }
}

/// The small size, or that of the configuration: workgroup memory has a fixed one.
fn sized(kernel: &Kernel, configuration: &Configuration) -> Size {
    match (kernel.id, configuration.number("VECTORS")) {
        ("memory.workgroup", Some(vectors)) => Size::Bytes { working_set: u64::from(vectors) * 16, turns: 3 },
        _ => small(kernel),
    }
}

fn shape(class: KernelClass) -> KernelShape {
    match class {
        KernelClass::Matmul => KernelShape::Matmul { batch: 2, m: 37, n: 45, k: 70 },
        _ => unimplemented!("{class}"),
    }
}

#[test]
fn every_kernel_computes_what_the_reference_does() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let mut wrong = vec![];
    for kernel in kernels::all() {
        for configuration in kernel.configurations() {
            let size = sized(kernel, &configuration);
            let case = Case { kernel, configuration, size };
            match gpu.prepare(&case) {
                Ok(()) => {}
                Err(RunError::Unsupported(what)) => eprintln!("skipped {}: no {what}", kernel.id),
                Err(error) => wrong.push(format!("{} {}: {error}", kernel.id, case.configuration)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row with another shader in place of its own, under a name of its own.
fn with_source(id: &str, name: &'static str, source: String) -> &'static Kernel {
    let row = kernels::find(id).expect("the row is there");
    Box::leak(Box::new(Kernel {
        id: name,
        file: row.file,
        source: Box::leak(source.into_boxed_str()),
        measures: row.measures,
        needs: row.needs,
        settings: row.settings,
        layout: row.layout,
        expected: row.expected,
    }))
}

#[test]
fn a_kernel_that_leaves_work_out_is_an_error() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let source = kernels::find("matmul.tile32").expect("the row is there").source;
    let cases = [
        ("one slice in two", source.replace("depth += 32u", "depth += 64u")),
        ("no result", source.replace("] = sums", "] = Scalar(0) * sums")),
        ("no number", source.replace("] = sums", "] = sqrt(Scalar(0) - abs(sums[0][0])) + sums")),
    ];
    for (what, source) in cases {
        let kernel = with_source("matmul.tile32", what, source);
        let case = Case { kernel, configuration: kernel.as_written(), size: small(kernel) };
        let refused = gpu.prepare(&case);
        assert!(matches!(refused, Err(RunError::Wrong { .. })), "{what}: {refused:?}");
    }
}

#[test]
fn a_microbenchmark_without_its_work_is_an_error() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let loops = "turn < params.turns";
    let rounds = "round < params.turns * rounds";
    let cases = [
        ("alu.f32", loops, "turn < 0u"),
        ("alu.f32", loops, "turn + 1u < params.turns"),
        ("alu.f32", "next.x1 = once(x.x1, c)", "next.x1 = x.x1"),
        ("alu.f16", loops, "turn + 1u < params.turns"),
        ("alu.f64", loops, "turn + 1u < params.turns"),
        ("alu.i32", loops, "turn < 0u"),
        ("alu.dot4", loops, "turn < 0u"),
        ("alu.dot4", "dot4I8Packed(x, x)", "i32(dot4U8Packed(x, x))"),
        ("special.exp", loops, "turn < 0u"),
        ("special.exp", "exp(c * x)", "c * x"),
        ("special.tanh", loops, "turn < 0u"),
        ("special.div", loops, "turn < 0u"),
        ("special.sqrt", loops, "turn < 0u"),
        ("memory.read", rounds, "round < 0u"),
        ("memory.read", rounds, "round + 1u < params.turns * rounds"),
        ("memory.read", "sum3 += source", "sum3 += vec4<u32>(0u) * source"),
        ("memory.write", rounds, "round < 0u"),
        ("memory.write", "result[at + LINE] = value(at + LINE);", ""),
        ("memory.copy", rounds, "round < 0u"),
        ("memory.copy", "result[at + LINE] = v1;", ""),
        ("memory.workgroup", rounds, "round < 0u"),
        ("intensity.mix", "turn < sixteens", "turn < 0u"),
        ("intensity.mix", "(rest & 1u) != 0u", "(rest & 1u) == 2u"),
        ("launch.empty", "params.token", "0u"),
    ];
    for (id, old, new) in cases {
        let row = kernels::find(id).expect("the row is there");
        let source = row.source.replace(old, new);
        assert_ne!(source, row.source, "{id}: {old}");
        let name = Box::leak(format!("{id}: {new} for {old}").into_boxed_str());
        let kernel = with_source(id, name, source);
        let configuration = kernel.as_written();
        let size = sized(row, &configuration);
        let refused = gpu.prepare(&Case { kernel, configuration, size });
        let lacking = matches!(refused, Err(RunError::Unsupported(_)));
        assert!(lacking || matches!(refused, Err(RunError::Wrong { .. })), "{}: {refused:?}", kernel.id);
    }
}

#[test]
fn memory_is_gone_through_whole_at_every_working_set() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    for id in ["memory.read", "memory.write", "memory.copy"] {
        let kernel = kernels::find(id).expect("the row is there");
        // One workgroup, all of them once, all of them several times, and what is no power of two.
        for working_set in [8 << 10, 4 << 20, 32 << 20, 5_000_000, 12_345_678] {
            for turns in [1, 2, 7] {
                let size = Size::Bytes { working_set, turns };
                let case = Case { kernel, configuration: kernel.as_written(), size };
                assert_eq!(gpu.prepare(&case), Ok(()), "{id} {size:?}");
            }
        }
    }
}

#[test]
fn every_intensity_of_the_sweep_is_right() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let kernel = kernels::find("intensity.mix").expect("the row is there");
    for steps in [1, 2, 3, 4, 8, 15, 16, 17, 32, 64, 128, 256, 511, 512] {
        let size = Size::Intensity { elements: 100_000, flops_per_element: 2 * steps };
        let case = Case { kernel, configuration: kernel.as_written(), size };
        assert_eq!(gpu.prepare(&case), Ok(()), "{size:?}");
    }
}

#[test]
fn a_shader_that_does_not_compile_is_a_reason_and_the_rest_goes_on() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let kernel = with_source("memory.copy", "nonsense", "@compute fn main() { nonsense }".to_owned());
    let case = Case { kernel, configuration: Configuration::default(), size: small(kernel) };
    let error = gpu.prepare(&case).expect_err("it does not parse");
    assert!(matches!(error, RunError::Refused(_)), "{error}");

    let kernel = kernels::find("memory.copy").expect("the row is there");
    let case = Case { kernel, configuration: kernel.as_written(), size: small(kernel) };
    assert_eq!(gpu.prepare(&case), Ok(()));
}

#[test]
fn what_exceeds_the_limits_is_refused_before_it_is_made() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let kernel = kernels::find("memory.copy").expect("the row is there");
    let size = Size::Bytes { working_set: 60 << 30, turns: 1 };
    let case = Case { kernel, configuration: kernel.as_written(), size };
    let error = gpu.prepare(&case).expect_err("no adapter binds 30 GiB");
    assert!(matches!(error, RunError::Limit { what: "bytes in one buffer", .. }), "{error}");
    let error = gpu.run(Work::Upload(1 << 50)).expect_err("nor holds a pebibyte");
    assert!(matches!(error, RunError::Limit { .. }), "{error}");
}

#[test]
fn a_chain_of_twice_the_turns_takes_twice_the_cpu_time() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    if !gpu.facts().is_software() {
        eprintln!("skipped: the adapter is no software adapter");
        return;
    }
    let kernel = kernels::find("alu.f32").expect("the row is there");
    let mut cpu = |turns| {
        let size = Size::Chain { invocations: 8192, turns };
        gpu.prepare(&Case { kernel, configuration: kernel.as_written(), size }).expect("it runs");
        let times = (0..5).map(|_| gpu.run(Work::Dispatches(1)).expect("it runs").cpu.expect("a clock").0);
        times.fold(f64::INFINITY, f64::min)
    };
    let ratio = cpu(600) / cpu(300);
    assert!((1.6..=2.4).contains(&ratio), "{ratio}");
}

#[test]
fn an_adapter_is_chosen_by_number_or_part_of_its_name() {
    let adapters = Adapters::find();
    let Some(first) = adapters.all().first() else {
        assert!(matches!(adapters.choose(None), Err(AdapterError::None { .. })));
        return;
    };
    assert_eq!(adapters.choose(Some("0")).expect("there is one").facts, first.facts);
    assert!(matches!(adapters.choose(Some("no such adapter")), Err(AdapterError::Unknown { .. })));
}
