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
fn small(kernel: &Kernel) -> Vec<Size> {
    small_of(kernel, &kernel.as_written())
}

/// The same for a configuration: workgroup memory has a size of its own in each.
fn small_of(kernel: &Kernel, configuration: &Configuration) -> Vec<Size> {
    let taken = |size: &Size| (kernel.layout)(configuration, *size).is_some();
    match kernel.measures {
        Measures::Peak(_) | Measures::Special => vec![Size::Chain { invocations: 1000, turns: 3 }],
        Measures::Bandwidth => [4, 8, 16, 32]
            .into_iter()
            .map(|kib| Size::Bytes { working_set: kib << 10, turns: 3 })
            .filter(taken)
            .collect(),
        Measures::Intensity => vec![Size::Intensity { elements: 10_000, flops_per_element: 2 * (32 + 15) }],
        Measures::Launch => vec![Size::Empty],
        Measures::Class { class, .. } => shapes(class).into_iter().map(Size::Shape).filter(taken).collect(),
    }
}

fn smallest(kernel: &Kernel) -> Size {
    *small(kernel).first().expect("it takes one of the shapes")
}

/// Shapes that a runtime has kernels of their own for.
fn shapes(class: KernelClass) -> Vec<KernelShape> {
    let matmul = |batch, m, n, k| KernelShape::Matmul { batch, m, n, k };
    let conv = |batch, in_channels, out_channels, [height, width]: [u64; 2], kernel, stride| {
        let kernel = [kernel; 2];
        let stride = [stride; 2];
        KernelShape::Conv { batch, in_channels, out_channels, height, width, kernel, stride }
    };
    let grouped = |batch, group_channels, out_channels, [height, width]: [u64; 2], kernel, stride| {
        let kernel = [kernel; 2];
        let stride = [stride; 2];
        KernelShape::GroupedConv { batch, group_channels, out_channels, height, width, kernel, stride }
    };
    let transpose = |batch, rows, cols, inner| KernelShape::Transpose { batch, rows, cols, inner };
    match class {
        KernelClass::Matmul => vec![
            matmul(2, 37, 44, 76),
            matmul(3, 5, 44, 76),
            matmul(2, 37, 45, 70),
            matmul(2, 3, 45, 70),
            matmul(2, 19, 5, 7),
        ],
        KernelClass::PackedMatmul => [[1, 24, 64], [2, 13, 1100], [3, 8, 2080], [1, 5, 7]]
            .map(|[m, n, k]| KernelShape::PackedMatmul { m, n, k })
            .into(),
        KernelClass::Conv => vec![
            conv(1, 12, 20, [9, 7], 3, 1),
            conv(2, 8, 36, [5, 11], 1, 2),
            conv(1, 3, 12, [13, 10], 7, 2),
            conv(2, 5, 6, [6, 7], 3, 2),
            KernelShape::Conv {
                batch: 1,
                in_channels: 8,
                out_channels: 8,
                height: 1,
                width: 37,
                kernel: [1, 3],
                stride: [1, 2],
            },
        ],
        KernelClass::GroupedConv => vec![
            grouped(1, 1, 20, [9, 7], 3, 1),
            grouped(2, 1, 18, [5, 6], 5, 2),
            grouped(1, 4, 24, [9, 7], 3, 1),
            grouped(2, 8, 24, [5, 3], 3, 2),
            grouped(1, 3, 8, [5, 3], 3, 1),
        ],
        KernelClass::Elementwise => [(1, false), (2, false), (2, true)]
            .into_iter()
            .flat_map(|(operands, broadcast)| {
                [1021, 12_288].map(|elements| KernelShape::Elementwise { elements, operands, broadcast })
            })
            .collect(),
        KernelClass::Special => vec![KernelShape::Special { elements: 1021 }],
        KernelClass::Reduce => {
            [[5, 7], [3, 64], [70, 129]].map(|[rows, cols]| KernelShape::Reduce { rows, cols }).into()
        }
        KernelClass::Softmax => [[5, 8], [3, 7], [70, 516], [7, 131]]
            .map(|[rows, cols]| KernelShape::Softmax { rows, cols })
            .into(),
        KernelClass::Normalize => [[5, 8], [3, 7], [70, 516], [7, 131]]
            .map(|[rows, cols]| KernelShape::Normalize { rows, cols })
            .into(),
        KernelClass::Pool => [[640, 9], [1155, 4], [12, 196], [7, 6]]
            .map(|[outputs, window]| KernelShape::Pool { outputs, window })
            .into(),
        KernelClass::Copy => [4096, 1022].map(|elements| KernelShape::Copy { elements }).into(),
        KernelClass::Transpose => vec![
            transpose(1, 37, 19, 1),
            transpose(1, 36, 44, 1),
            transpose(3, 37, 19, 1),
            transpose(2, 5, 7, 12),
            transpose(1, 5, 7, 3),
        ],
        KernelClass::Gather => {
            [[7, 12], [33, 5]].map(|[rows, cols]| KernelShape::Gather { rows, cols }).into()
        }
    }
}

#[test]
fn every_kernel_computes_what_the_reference_does() {
    let Some((_alone, mut gpu)) = gpu() else { return };
    let mut wrong = vec![];
    for kernel in kernels::all() {
        assert!(!small(kernel).is_empty(), "{} takes none of the shapes", kernel.id);
        for configuration in kernel.configurations() {
            for size in small_of(kernel, &configuration) {
                let case = Case { kernel, configuration: configuration.clone(), size };
                match gpu.prepare(&case) {
                    Ok(()) => {}
                    Err(RunError::Unsupported(what)) => eprintln!("skipped {}: no {what}", kernel.id),
                    Err(error) => {
                        wrong.push(format!("{} {} {size:?}: {error}", kernel.id, case.configuration));
                    }
                }
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
        let case = Case { kernel, configuration: kernel.as_written(), size: smallest(kernel) };
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
        let case = Case { kernel, configuration: kernel.as_written(), size: smallest(row) };
        let refused = gpu.prepare(&case);
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
    let case = Case { kernel, configuration: Configuration::default(), size: smallest(kernel) };
    let error = gpu.prepare(&case).expect_err("it does not parse");
    assert!(matches!(error, RunError::Refused(_)), "{error}");

    let kernel = kernels::find("memory.copy").expect("the row is there");
    let case = Case { kernel, configuration: kernel.as_written(), size: smallest(kernel) };
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
