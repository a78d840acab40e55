//! The kernel that a shape is said to run on in a runtime is one of the suite, and takes the shape.

use ergometer::calibrate::Size;
use ergometer::calibrate::kernels::{self, Measures};
use ergometer::device::kernel::{KernelClass, KernelShape};

/// A shape for each condition that the choice is made by.
fn shapes() -> Vec<KernelShape> {
    let matmul = |m, n, k| KernelShape::Matmul { batch: 2, m, n, k };
    let conv = |in_channels, out_channels| KernelShape::Conv {
        batch: 1,
        in_channels,
        out_channels,
        height: 14,
        width: 14,
        kernel: [3, 3],
        stride: [2, 2],
    };
    let grouped = |group_channels, out_channels| KernelShape::GroupedConv {
        batch: 1,
        group_channels,
        out_channels,
        height: 14,
        width: 14,
        kernel: [5, 5],
        stride: [1, 1],
    };
    let elementwise = |operands, broadcast| KernelShape::Elementwise { elements: 1000, operands, broadcast };
    let transpose = |batch, inner| KernelShape::Transpose { batch, rows: 49, cols: 64, inner };
    vec![
        matmul(64, 7, 7),
        matmul(64, 7, 8),
        matmul(64, 8, 8),
        matmul(9, 8, 8),
        matmul(8, 8, 8),
        matmul(1, 1000, 1280),
        matmul(8, 9, 8),
        KernelShape::PackedMatmul { m: 1, n: 576, k: 1536 },
        KernelShape::PackedMatmul { m: 3, n: 7, k: 9 },
        conv(64, 64),
        conv(3, 64),
        conv(3, 63),
        conv(64, 63),
        conv(2, 64),
        grouped(1, 96),
        grouped(1, 97),
        grouped(4, 128),
        grouped(8, 128),
        grouped(6, 24),
        elementwise(1, false),
        elementwise(2, false),
        elementwise(2, true),
        KernelShape::Special { elements: 999 },
        KernelShape::Reduce { rows: 10, cols: 49 },
        KernelShape::Softmax { rows: 10, cols: 128 },
        KernelShape::Softmax { rows: 10, cols: 130 },
        KernelShape::Normalize { rows: 10, cols: 128 },
        KernelShape::Normalize { rows: 10, cols: 129 },
        KernelShape::Pool { outputs: 4000, window: 9 },
        KernelShape::Pool { outputs: 128, window: 128 },
        KernelShape::Pool { outputs: 129, window: 128 },
        KernelShape::Copy { elements: 1001 },
        transpose(1, 1),
        transpose(2, 1),
        transpose(1, 3),
        KernelShape::Gather { rows: 10, cols: 5 },
    ]
}

#[test]
fn every_shape_names_a_row_of_its_class_that_is_shaped_as_a_runtime_s() {
    for shape in shapes() {
        let name = shape.runtime_kernel();
        let kernel =
            kernels::find(name).unwrap_or_else(|| panic!("{shape:?} names {name}, which has no row"));
        let Measures::Class { class, runtime_like, .. } = kernel.measures else {
            panic!("{name} measures no class");
        };
        assert_eq!((class, runtime_like), (shape.class(), true), "{name}");
        let layout = (kernel.layout)(&kernel.as_written(), Size::Shape(shape));
        assert!(layout.is_some(), "{name} does not take {shape:?}");
    }
}

#[test]
fn every_row_that_is_shaped_as_a_runtime_s_is_named_by_a_shape() {
    let named: Vec<&str> = shapes().iter().map(KernelShape::runtime_kernel).collect();
    for kernel in kernels::all() {
        if let Measures::Class { runtime_like: true, .. } = kernel.measures {
            assert!(named.contains(&kernel.id), "{} is never taken", kernel.id);
        }
    }
}

#[test]
fn a_shape_of_nothing_has_no_layout() {
    let none: Vec<KernelShape> = vec![
        KernelShape::Matmul { batch: 1, m: 0, n: 4, k: 4 },
        KernelShape::Conv {
            batch: 0,
            in_channels: 4,
            out_channels: 4,
            height: 1,
            width: 1,
            kernel: [1, 1],
            stride: [1, 1],
        },
        KernelShape::GroupedConv {
            batch: 1,
            group_channels: 0,
            out_channels: 4,
            height: 1,
            width: 1,
            kernel: [0, 1],
            stride: [1, 0],
        },
        KernelShape::Elementwise { elements: 0, operands: 2, broadcast: true },
        KernelShape::Special { elements: 0 },
        KernelShape::Reduce { rows: 1, cols: 0 },
        KernelShape::Softmax { rows: 1, cols: 0 },
        KernelShape::Normalize { rows: 0, cols: 4 },
        KernelShape::Pool { outputs: 4, window: 0 },
        KernelShape::Pool { outputs: 0, window: 4 },
        KernelShape::Copy { elements: 0 },
        KernelShape::Transpose { batch: 1, rows: 0, cols: 1, inner: 1 },
        KernelShape::Gather { rows: 1, cols: 0 },
    ];
    assert_layouts(&none, |kernel, size| assert!(kernel.is_none(), "{size:?}"));
}

#[test]
fn a_shape_of_any_size_is_laid_out_or_refused() {
    let most = u64::MAX;
    let huge = vec![
        KernelShape::Matmul { batch: most, m: most, n: most, k: most },
        KernelShape::Elementwise { elements: most, operands: 2, broadcast: true },
        KernelShape::Elementwise { elements: most, operands: most, broadcast: false },
        KernelShape::Special { elements: most },
        KernelShape::Reduce { rows: most, cols: 2 },
        KernelShape::Softmax { rows: most, cols: most },
        KernelShape::Normalize { rows: 2, cols: most },
        KernelShape::Pool { outputs: most, window: most },
        KernelShape::Pool { outputs: most, window: 4 },
        KernelShape::Copy { elements: most },
        KernelShape::Copy { elements: most - 1 },
        KernelShape::Transpose { batch: most, rows: most, cols: most, inner: most },
        KernelShape::Gather { rows: most, cols: most },
    ];
    let sides = [most, most];
    let conv = KernelShape::Conv {
        batch: most,
        in_channels: most,
        out_channels: most,
        height: most,
        width: most,
        kernel: sides,
        stride: sides,
    };
    let grouped = KernelShape::GroupedConv {
        batch: most,
        group_channels: most,
        out_channels: most,
        height: most,
        width: most,
        kernel: sides,
        stride: sides,
    };
    assert_layouts(&huge, |layout, size| assert!(layout.is_none(), "{size:?}"));
    assert_layouts(&[conv, grouped], |layout, size| assert!(layout.is_none(), "{size:?}"));
}

fn assert_layouts(shapes: &[KernelShape], assert: impl Fn(Option<kernels::Layout>, KernelShape)) {
    for shape in shapes {
        for kernel in kernels::all().filter(|kernel| class(kernel) == Some(shape.class())) {
            assert((kernel.layout)(&kernel.as_written(), Size::Shape(*shape)), *shape);
        }
    }
}

fn class(kernel: &kernels::Kernel) -> Option<KernelClass> {
    match kernel.measures {
        Measures::Class { class, .. } => Some(class),
        _ => None,
    }
}
