//! The shaders and their rows: each fits the other, each is valid with what its row asks for, and each reference
//! says what can be worked out without it.

#![allow(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::fs;

use ergometer::calibrate::kernels::{self, Data, Fill, Input, Measures, Reference};
use ergometer::calibrate::{Case, Configuration, Kernel, Layout, Need, Size};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use proptest::prelude::*;

fn files() -> BTreeSet<String> {
    let entries = fs::read_dir("shaders").expect("the folder opens");
    entries.map(|entry| entry.expect("it reads").file_name().into_string().expect("it is text")).collect()
}

fn row(id: &str) -> &'static Kernel {
    kernels::find(id).unwrap_or_else(|| panic!("there is no row {id}"))
}

#[test]
fn each_shader_has_a_row_and_each_row_its_shader() {
    let rows: BTreeSet<String> = kernels::all().map(|kernel| kernel.file.to_owned()).collect();
    assert_eq!(rows, files());
    for kernel in kernels::all() {
        let text = fs::read_to_string(format!("shaders/{}", kernel.file)).expect("it reads");
        assert_eq!(text, kernel.source, "{}", kernel.id);
    }
    let ids: BTreeSet<&str> = kernels::all().map(|kernel| kernel.id).collect();
    assert_eq!(ids.len(), kernels::all().count(), "no two rows share a name");
}

#[test]
fn each_shader_begins_with_what_it_measures_and_how_much_it_does() {
    for file in files() {
        let text = fs::read_to_string(format!("shaders/{file}")).expect("it reads");
        let top: Vec<&str> = text.lines().take_while(|line| line.starts_with("// ")).collect();
        assert!(top.first().is_some_and(|line| line.starts_with("// Measures ")), "{file}");
        let top = top.join(" ");
        assert!(top.contains("One invocation ") || top.contains("One subgroup "), "{file}: {top}");
        let amounts = ["operations", "bytes", "elements", "exponentials"];
        assert!(amounts.iter().any(|amount| top.contains(amount)), "{file}: {top}");
    }
}

/// What a validator allows for what an adapter has.
fn capability(need: Need) -> Capabilities {
    match need {
        Need::F16 => Capabilities::SHADER_FLOAT16,
        Need::F64 => Capabilities::FLOAT64,
        Need::Subgroups => Capabilities::SUBGROUP,
        Need::MatrixF32 | Need::MatrixF16 => Capabilities::COOPERATIVE_MATRIX,
        Need::Dot4 => Capabilities::empty(),
    }
}

#[test]
fn each_configuration_is_valid_with_what_its_row_asks_for() {
    for kernel in kernels::all() {
        for configuration in kernel.configurations() {
            let what = format!("{} {configuration}", kernel.id);
            let source = kernel.specialise(&configuration).unwrap_or_else(|error| panic!("{what}: {error}"));
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|error| panic!("{what}: {}", error.emit_to_string(&source)));
            let case = Case { kernel, configuration, size: Size::Empty };
            let capabilities = case.needs().map(capability).fold(Capabilities::empty(), |all, one| all | one);
            let mut validator = Validator::new(ValidationFlags::all(), capabilities);
            validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
            if let Err(error) = validator.validate(&module) {
                panic!("{what}: {}", error.emit_to_string(&source));
            }
        }
    }
}

#[test]
fn each_setting_changes_the_line_that_it_names() {
    for kernel in kernels::all() {
        for setting in kernel.settings {
            for value in setting.values {
                let source = kernel.specialise(&Configuration(vec![(setting.name, value)])).expect("a line");
                let said = source.lines().any(|line| {
                    let named = line.starts_with(&format!("const {}:", setting.name))
                        || line.starts_with(&format!("alias {} ", setting.name));
                    named && line.ends_with(&format!("= {value};"))
                });
                assert!(said, "{} {}", kernel.id, setting.name);
            }
        }
    }
}

/// The first configuration with some values in place of its own.
fn with(kernel: &Kernel, values: &[(&'static str, &'static str)]) -> Configuration {
    let configuration = kernel.as_written();
    let value = |name, old| values.iter().find(|(changed, _)| *changed == name).map_or(old, |(_, new)| *new);
    Configuration(configuration.0.into_iter().map(|(name, old)| (name, value(name, old))).collect())
}

fn layout(id: &str, values: &[(&'static str, &'static str)], size: Size) -> Layout {
    let kernel = row(id);
    (kernel.layout)(&with(kernel, values), size).unwrap_or_else(|| panic!("{id} does not run {size:?}"))
}

/// What a row expects at an index where all elements of each input have one value.
fn expected(
    id: &str,
    values: &[(&'static str, &'static str)],
    size: Size,
    inputs: &[f32],
    index: usize,
) -> kernels::Expected {
    let kernel = row(id);
    let layout = layout(id, values, size);
    assert_eq!(layout.inputs.len(), inputs.len(), "{id}");
    let constant = |(input, value): (&Input, &f32)| {
        Data::of(Input { fill: Fill::Random { low: *value, high: *value }, ..*input }, 1, 0)
    };
    let inputs: Vec<Data> = layout.inputs.iter().zip(inputs).map(constant).collect();
    let configuration = with(kernel, values);
    let reference = Reference { layout: &layout, configuration: &configuration, size, inputs: &inputs };
    (kernel.expected)(&reference, index)
}

fn turns(turns: u32) -> Size {
    Size::Chain { invocations: 64, turns }
}

#[test]
fn the_float_chain_goes_round_the_period_3_window() {
    // c = -1797 / 1024 is next to -1.754878, where 0 comes back after three steps: 0, c, c² + c. A turn is 32.
    for id in ["alu.f32", "alu.f16", "alu.f64"] {
        for (count, value) in [(0, 0.0), (1, 1.3247), (2, -1.7549), (3, 0.0), (30_000_000, 0.0)] {
            let expected = expected(id, &[], turns(count), &[0.0], 0);
            assert!((expected.value - value).abs() < 1e-4, "{id} after {count}: {}", expected.value);
            assert!(expected.tolerance < 0.02, "{id}");
        }
    }
}

#[test]
fn the_integer_chains_wrap() {
    // The steps done one by one with the integers of Python.
    for (start, count, value) in [(0_u8, 1, -722_841_224), (5, 1, 722_841_223), (5, 3, 722_841_223)] {
        let expected = expected("alu.i32", &[], turns(count), &[f32::from(start)], 7);
        assert_eq!((expected.value, expected.tolerance), (f64::from(value), 0.0), "{start} after {count}");
    }
    for (start, count, value) in
        [(0_u8, 1, 2_654_466_424), (1, 1, 2_654_452_327), (200, 7, 2_654_449_155_u32)]
    {
        let expected = expected("alu.dot4", &[], turns(count), &[f32::from(start)], 7);
        assert_eq!((expected.value, expected.tolerance), (f64::from(value), 0.0), "{start} after {count}");
    }
}

#[test]
fn the_costly_functions_lead_to_known_points() {
    let golden = f64::midpoint(1.0, 5.0_f64.sqrt());
    // exp: v = exp(-4 exp(-4v)), the lower of the two; tanh: m = tanh 2m, the magnetisation of the mean-field
    // Ising model at half the critical temperature.
    let cases = [
        ("special.exp", 0.1, 0.027_970_77),
        ("special.tanh", 0.5, 0.957_504_02),
        ("special.div", 0.3, golden - 1.0),
        ("special.sqrt", 0.3, golden),
    ];
    for (id, start, value) in cases {
        let expected = expected(id, &[], turns(50), &[start], 3);
        assert!((expected.value - value).abs() < 1e-7, "{id}: {}", expected.value);
        assert!((f64::from(start) - value).abs() > 100.0 * expected.tolerance, "{id}: a start is no result");
    }
}

#[test]
fn a_matrix_chain_comes_back_with_one_product_more() {
    for (id, value) in [("matrix.f32", 1.0 + 8.0 * 6.0), ("matrix.f16", 1.0 + 16.0 * 6.0)] {
        let expected = expected(id, &[], turns(1000), &[2.0, 3.0, 1.0], 77);
        assert_eq!((expected.value, expected.tolerance), (value, 0.0), "{id}");
    }
}

#[test]
fn memory_kernels_are_held_to_every_word() {
    let size = |working_set, turns| Size::Bytes { working_set, turns };
    // 64 KiB are 4,096 vectors; 8 workgroups of 128 have 4 each, once a turn.
    assert_eq!(expected("memory.read", &[], size(64 << 10, 5), &[7.0], 9).value, 7.0 * 4.0 * 5.0);
    // 16 MiB are 1,048,576 vectors; 512 workgroups of 128 have 16 each.
    assert_eq!(expected("memory.read", &[], size(16 << 20, 3), &[7.0], 9).value, 7.0 * 16.0 * 3.0);
    let words = [5.0, 8.0, 6.0, 4_294_967_294.0];
    for (part, value) in words.into_iter().enumerate() {
        // Vector 5, three turns: 5, 5 + 3, 5 ^ 3, 3 - 5.
        assert_eq!(expected("memory.write", &[], size(8 << 10, 3), &[], 5 * 4 + part).value, value);
    }
    assert_eq!(expected("memory.copy", &[], size(8 << 10, 3), &[11.0], 100).value, 11.0);
    assert_eq!(expected("memory.workgroup", &[], size(16 << 10, 3), &[13.0], 100).value, 13.0);
}

#[test]
fn two_steps_from_nothing_are_c_squared_and_c() {
    let c = -1797.0_f64 / 1024.0;
    let size = Size::Intensity { elements: 4096, flops_per_element: 4 };
    assert_eq!(expected("intensity.mix", &[], size, &[0.0], 9).value, c * c + c);
}

#[test]
fn operations_and_bytes_are_those_counted_by_hand() {
    let bytes = |working_set, turns| Size::Bytes { working_set, turns };
    let mix = |flops_per_element| Size::Intensity { elements: 1 << 20, flops_per_element };
    let cases = [
        // 64 invocations × vectors of 4 × 3 chains × 10 turns of 32 multiply-adds.
        ("alu.f32", vec![], turns(10), 64.0 * 4.0 * 3.0 * 10.0 * 32.0 * 2.0, 0.0),
        ("alu.f16", vec![("Value", "vec2<Scalar>")], turns(10), 64.0 * 2.0 * 3.0 * 10.0 * 32.0 * 2.0, 0.0),
        ("alu.i32", vec![("Value", "Scalar"), ("CHAINS", "8u")], turns(1), 64.0 * 8.0 * 32.0 * 2.0, 0.0),
        // One invocation is rounded up to a workgroup.
        ("alu.f64", vec![], Size::Chain { invocations: 1, turns: 1 }, 64.0 * 4.0 * 3.0 * 32.0 * 2.0, 0.0),
        ("alu.dot4", vec![], turns(10), 64.0 * 4.0 * 10.0 * 32.0 * 8.0, 0.0),
        ("special.exp", vec![], turns(10), 64.0 * 4.0 * 2.0 * 10.0 * 16.0, 0.0),
        // Two subgroups of 32 with two sums each, of 8³ multiply-adds 32 times and once more.
        ("matrix.f32", vec![], turns(1), 2.0 * 2.0 * 512.0 * 2.0 * 33.0, 0.0),
        ("matrix.f16", vec![], turns(1), 2.0 * 2.0 * 4096.0 * 2.0 * 33.0, 0.0),
        ("memory.read", vec![], bytes(1 << 20, 3), 0.0, 3.0 * 1_048_576.0),
        ("memory.write", vec![], bytes(1 << 20, 3), 0.0, 3.0 * 1_048_576.0),
        ("memory.copy", vec![], bytes(1 << 20, 3), 0.0, 3.0 * 1_048_576.0),
        // Each of 512 workgroups reads 8 KiB and writes 8 KiB.
        ("memory.workgroup", vec![], bytes(16 << 10, 3), 0.0, 3.0 * 512.0 * 16_384.0),
        ("intensity.mix", vec![], mix(2), 2.0 * 1_048_576.0, 8.0 * 1_048_576.0),
        ("intensity.mix", vec![], mix(1024), 1024.0 * 1_048_576.0, 8.0 * 1_048_576.0),
        ("launch.empty", vec![], Size::Empty, 0.0, 0.0),
    ];
    for (id, values, size, operations, bytes) in cases {
        let layout = layout(id, &values, size);
        assert_eq!((layout.operations, layout.bytes), (operations, bytes), "{id} {size:?}");
    }
}

#[test]
fn the_smallest_working_set_of_the_suite_runs_everywhere() {
    for id in ["memory.read", "memory.write", "memory.copy"] {
        for log in 13..=27 {
            let size = Size::Bytes { working_set: 1 << log, turns: 2 };
            assert_eq!(layout(id, &[], size).bytes, 2.0 * f64::from(1 << log), "{id}");
        }
    }
}

#[test]
fn work_that_a_kernel_does_not_do_has_no_layout() {
    let odd = Size::Intensity { elements: 4096, flops_per_element: 3 };
    let none = Size::Intensity { elements: 4096, flops_per_element: 0 };
    let cases = [
        ("alu.f32", Size::Empty),
        ("memory.copy", turns(1)),
        ("memory.copy", Size::Bytes { working_set: 100, turns: 1 }),
        ("memory.workgroup", Size::Bytes { working_set: 5000, turns: 1 }),
        ("intensity.mix", odd),
        ("intensity.mix", none),
        ("launch.empty", turns(1)),
    ];
    for (id, size) in cases {
        let kernel = row(id);
        assert_eq!((kernel.layout)(&kernel.as_written(), size), None, "{id} {size:?}");
    }
}

fn any_size() -> impl Strategy<Value = Size> {
    // Sizes of every magnitude: most of u64 is too large for anything.
    let large = || (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift);
    prop_oneof![
        (large(), any::<u32>()).prop_map(|(invocations, turns)| Size::Chain { invocations, turns }),
        (large(), any::<u32>()).prop_map(|(working_set, turns)| Size::Bytes { working_set, turns }),
        (large(), any::<u32>())
            .prop_map(|(elements, flops_per_element)| Size::Intensity { elements, flops_per_element }),
        Just(Size::Empty),
    ]
}

proptest! {
    #[test]
    fn a_layout_of_any_size_is_sound_or_none(size in any_size()) {
        for kernel in kernels::all().filter(|kernel| !matches!(kernel.measures, Measures::Class { .. })) {
            for configuration in kernel.configurations() {
                let Some(layout) = (kernel.layout)(&configuration, size) else { continue };
                prop_assert!(layout.operations.is_finite() && layout.bytes.is_finite());
                prop_assert!(layout.workgroups.iter().all(|workgroups| *workgroups > 0));
                let inputs = layout.inputs.iter().map(|input| input.elements.checked_mul(input.element.bytes()));
                let output = layout.output.checked_mul(layout.element.bytes());
                let buffers: Option<Vec<u64>> = inputs.chain([output]).collect();
                prop_assert!(buffers.is_some(), "{} {configuration}", kernel.id);
                if let (Size::Bytes { working_set, .. }, Measures::Bandwidth) = (size, kernel.measures) {
                    let traffic = layout.bytes / f64::from(layout.params[1].max(1));
                    prop_assert!(kernel.id == "memory.workgroup" || traffic <= working_set as f64);
                }
            }
        }
    }
}
