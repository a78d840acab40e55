//! The sizes that kernels are timed at: shapes of real networks by class, working sets, transfers.
//!
//! Every ladder is sorted by importance: whoever has less time takes fewer from the front.

use crate::device::kernel::{KernelClass, KernelShape};
use crate::device::profile::AdapterLimits;

/// The smallest working set: fits the first cache of anything.
const LEAST_WORKING_SET: u64 = 8 << 10;
/// The largest: beyond the last cache of anything sold so far.
const MOST_WORKING_SET: u64 = 512 << 20;
/// The share of the largest buffer that a working set may take: some drivers allow a buffer as large as the
/// memory.
const BUFFER_SHARE: u64 = 4;
/// FLOPs of one dispatch on an adapter whose shaders run on the CPU: at 4 GFLOP/s, the slowest seen there,
/// below 100 ms.
const SOFTWARE_FLOPS: f64 = 3e8;
/// Elements moved by one dispatch there: at 0.5 G a second below 100 ms.
const SOFTWARE_ELEMENTS: f64 = 4e7;

/// Sizes of a memory's ladder: doubling, or every third with a coarse one; its ends first, then its middle.
#[must_use]
pub fn working_sets(limits: &AdapterLimits, step: usize) -> Vec<u64> {
    let most =
        limits.max_storage_binding_bytes.min(limits.max_buffer_bytes / BUFFER_SHARE).min(MOST_WORKING_SET);
    let all = std::iter::successors(Some(LEAST_WORKING_SET), |size| size.checked_mul(2));
    let mut sizes: Vec<u64> = all.take_while(|size| *size <= most).collect();
    let largest = sizes.pop();
    let coarse = sizes.into_iter().step_by(step.max(1));
    ends_first(coarse.chain(largest).collect())
}

/// Sizes of workgroup memory: powers of two up to what a workgroup has.
#[must_use]
pub fn workgroup_sets(limits: &AdapterLimits) -> Vec<u64> {
    let most = u64::from(limits.max_workgroup_storage_bytes);
    let all = std::iter::successors(Some(4 << 10), |size| Some(size * 2));
    ends_first(all.take_while(|size| *size <= most.min(64 << 10)).collect())
}

/// Bytes of transfers between host and adapter.
#[must_use]
pub fn transfers(limits: &AdapterLimits, software: bool, step: usize) -> Vec<u64> {
    let most = (if software { 16 << 20 } else { 64 << 20 }).min(limits.max_buffer_bytes / BUFFER_SHARE);
    let all = std::iter::successors(Some(4 << 10), |size: &u64| size.checked_mul(4));
    let mut sizes: Vec<u64> = all.take_while(|size| *size <= most).collect();
    let largest = sizes.pop();
    ends_first(sizes.into_iter().step_by(step.max(1)).chain(largest).collect())
}

/// The last, the first, and then the middle of what is left between: any front part spans the whole.
fn ends_first<T: Copy>(sorted: Vec<T>) -> Vec<T> {
    let Some(last) = sorted.len().checked_sub(1) else { return vec![] };
    let mut order = vec![last];
    let mut gaps = std::collections::VecDeque::from([(0, last)]);
    if last > 0 {
        order.push(0);
    }
    while let Some((low, high)) = gaps.pop_front() {
        let middle = usize::midpoint(low, high);
        if middle > low {
            order.push(middle);
            gaps.extend([(low, middle), (middle, high)]);
        }
    }
    order.into_iter().filter_map(|at| sorted.get(at).copied()).collect()
}

/// The shapes of a class for a kernel, the most telling first.
///
/// A kernel that runtimes take for some shapes has those first, then the others: predictions rest on them.
/// Software adapters take the shapes that they do in 100 ms.
#[must_use]
pub fn shapes(class: KernelClass, kernel: &str, software: bool) -> Vec<KernelShape> {
    let mut all = of_class(class);
    if software {
        all.retain(|shape| {
            shape.contraction_flops() <= SOFTWARE_FLOPS && shape.elements_moved() <= SOFTWARE_ELEMENTS
        });
    }
    all.sort_by_key(|shape| shape.runtime_kernel() != kernel);
    all
}

fn of_class(class: KernelClass) -> Vec<KernelShape> {
    let elements = || ELEMENTS.iter().copied();
    let rows = |pairs: &'static [(u64, u64)]| pairs.iter().copied();
    match class {
        KernelClass::Matmul => {
            PRODUCTS.iter().map(|&(batch, m, n, k)| KernelShape::Matmul { batch, m, n, k }).collect()
        }
        KernelClass::PackedMatmul => {
            PACKED.iter().map(|&(m, n, k)| KernelShape::PackedMatmul { m, n, k }).collect()
        }
        KernelClass::Conv => CONVOLUTIONS.iter().map(conv).collect(),
        KernelClass::GroupedConv => GROUPED.iter().map(grouped).collect(),
        KernelClass::Elementwise => {
            // Layers of a network change one tensor, add two, or add a bias to one.
            let forms = [(1, false), (2, false), (2, true)];
            let of = |elements| {
                forms.map(|(operands, broadcast)| KernelShape::Elementwise { elements, operands, broadcast })
            };
            elements().flat_map(of).collect()
        }
        KernelClass::Special => elements().map(|elements| KernelShape::Special { elements }).collect(),
        KernelClass::Copy => elements().map(|elements| KernelShape::Copy { elements }).collect(),
        KernelClass::Transpose => TRANSPOSED
            .iter()
            .map(|&[batch, rows, cols, inner]| KernelShape::Transpose { batch, rows, cols, inner })
            .collect(),
        KernelClass::Reduce => rows(REDUCED).map(|(rows, cols)| KernelShape::Reduce { rows, cols }).collect(),
        KernelClass::Softmax => {
            rows(NORMALIZED).map(|(rows, cols)| KernelShape::Softmax { rows, cols }).collect()
        }
        KernelClass::Normalize => {
            rows(NORMALIZED).map(|(rows, cols)| KernelShape::Normalize { rows, cols }).collect()
        }
        KernelClass::Pool => {
            rows(POOLED).map(|(outputs, window)| KernelShape::Pool { outputs, window }).collect()
        }
        KernelClass::Gather => {
            rows(GATHERED).map(|(rows, cols)| KernelShape::Gather { rows, cols }).collect()
        }
    }
}

/// Elements of a tensor: 1 Ki to 16 Mi.
const ELEMENTS: &[u64] = &[
    1 << 20,
    1 << 10,
    1 << 14,
    1 << 22,
    1 << 17,
    802_816, // 64 × 112 × 112
    1 << 24,
    1 << 12,
    200_704, // 256 × 28 × 28
    1 << 19,
    1 << 23,
    1 << 16,
];

/// Batch, `m`, `n`, `k`. Pixels of convolutions as products (3136 = 56², 784 = 28², 196 = 14², 49 = 7²),
/// classifiers, transformers of 768 and one of its heads, cubes.
const PRODUCTS: &[(u64, u64, u64, u64)] = &[
    (1, 512, 512, 512),
    (1, 1, 1000, 2048),
    (1, 128, 768, 768),
    (1, 3136, 64, 64),
    (1, 49, 512, 2048),
    (1, 64, 64, 64),
    (12, 128, 128, 64),
    (1, 2048, 2048, 2048),
    (1, 196, 256, 1024),
    (1, 784, 128, 512),
    (1, 256, 256, 256),
    (1, 8, 768, 768),
    (1, 1024, 1024, 1024),
    (1, 1, 768, 3072),
    (12, 128, 64, 128),
    (1, 3136, 256, 64),
    (1, 128, 128, 128),
    (1, 49, 2048, 512),
    (1, 3136, 24, 144),
    (1, 196, 1024, 256),
    (1, 1, 4096, 4096),
    (1, 784, 512, 128),
    (1, 128, 3072, 768),
    (1, 8, 3072, 768),
    (1, 12_544, 16, 32),
    (12, 197, 197, 64),
    (1, 1, 64, 256),
    (1, 49, 320, 960),
    // Rows that do not come in fours: the first layer of a CNN, attention over 197 and 77 positions.
    (1, 12_544, 32, 27),
    (12, 197, 64, 197),
    (1, 128, 1001, 768),
    (12, 77, 77, 64),
    (1, 196, 25, 27),
    // The same with few rows: classifiers.
    (1, 1, 1001, 1280),
    (1, 1, 10, 84),
    (1, 8, 255, 1023),
    (1, 1, 2, 768),
    (1, 4, 33, 129),
    (1, 1, 5001, 513),
    // Tiny ones: rotations, mixtures.
    (1, 4096, 4, 4),
    (1024, 3, 3, 3),
    (1, 65_536, 3, 3),
    (64, 128, 2, 7),
    (1, 16, 1, 1),
    (1, 262_144, 6, 4),
];

/// `m`, `n`, `k`: a token through layers of language models, the narrow ones of 0.1 G parameters to those of 8 G,
/// the words of a vocabulary, and a few tokens at once.
const PACKED: &[(u64, u64, u64)] = &[
    (1, 2048, 2048),
    (1, 576, 576),
    (1, 32_000, 1024),
    (1, 576, 1536),
    (1, 3072, 768),
    (1, 192, 576),
    (1, 11_008, 4096),
    (1, 896, 4864),
    (4, 768, 768),
    (1, 4096, 4096),
    (1, 64, 128),
    (1, 4096, 14_336),
    (8, 2048, 2048),
    (1, 1000, 100),
];

/// In and out channels, height and width of the output, side of the window, stride.
type ConvRow = (u64, u64, u64, u64, [u64; 2], u64);

/// From ResNet, MobileNet, SqueezeNet, EfficientNet, and a one-dimensional one from a speech encoder.
const CONVOLUTIONS: &[ConvRow] = &[
    (64, 64, 56, 56, [3, 3], 1),
    (256, 64, 56, 56, [1, 1], 1),
    (3, 64, 112, 112, [7, 7], 2),
    (512, 512, 7, 7, [3, 3], 1),
    (64, 128, 28, 28, [3, 3], 2),
    (512, 1000, 13, 13, [1, 1], 1),
    (16, 64, 55, 55, [3, 3], 1),
    (320, 1280, 7, 7, [1, 1], 1),
    (256, 256, 14, 14, [3, 3], 1),
    (24, 144, 56, 56, [1, 1], 1),
    (3, 32, 112, 112, [3, 3], 2),
    (1024, 256, 14, 14, [1, 1], 1),
    (128, 128, 28, 28, [3, 3], 1),
    (64, 16, 55, 55, [1, 1], 1),
    (256, 256, 56, 56, [3, 3], 1),
    (96, 24, 56, 56, [1, 1], 1),
    (256, 512, 14, 14, [3, 3], 2),
    (128, 512, 28, 28, [1, 1], 1),
    (48, 192, 27, 27, [3, 3], 1),
    (512, 2048, 7, 7, [1, 1], 1),
    (80, 384, 1, 1500, [1, 3], 1),
    (960, 160, 7, 7, [1, 1], 1),
    (256, 512, 28, 28, [1, 1], 2),
    (64, 64, 224, 224, [3, 3], 1),
    // Of colour images.
    (3, 768, 14, 14, [16, 16], 16),
    (3, 64, 111, 111, [3, 3], 2),
    (3, 16, 208, 208, [3, 3], 1),
    (3, 96, 54, 54, [7, 7], 2),
    (3, 8, 28, 28, [5, 5], 1),
    // Channels that do not come in fours: grey images, detectors.
    (1, 64, 112, 112, [5, 5], 1),
    (256, 255, 13, 13, [1, 1], 1),
    (6, 16, 10, 10, [5, 5], 1),
    (32, 9, 112, 112, [3, 3], 1),
    (1, 32, 26, 26, [3, 3], 1),
    (128, 255, 26, 26, [1, 1], 1),
    (58, 58, 28, 28, [1, 1], 1),
    (1, 6, 28, 28, [5, 5], 1),
];

/// Channels of a group, out channels, height and width of the output, side of the window, stride: depthwise
/// ones of MobileNet and EfficientNet, and groups of ResNeXt.
const GROUPED: &[ConvRow] = &[
    (1, 144, 56, 56, [3, 3], 1),
    (1, 960, 7, 7, [3, 3], 1),
    (1, 32, 112, 112, [3, 3], 1),
    (1, 384, 14, 14, [3, 3], 1),
    (1, 240, 14, 14, [5, 5], 1),
    (1, 96, 56, 56, [3, 3], 2),
    (4, 128, 56, 56, [3, 3], 1),
    (1, 192, 28, 28, [3, 3], 1),
    (1, 672, 7, 7, [5, 5], 2),
    (1, 120, 28, 28, [5, 5], 1),
    (1, 576, 7, 7, [3, 3], 2),
    (8, 256, 28, 28, [3, 3], 1),
    (1, 16, 112, 112, [3, 3], 1),
    (16, 512, 14, 14, [3, 3], 1),
    (32, 1024, 7, 7, [3, 3], 1),
    (4, 64, 28, 28, [3, 3], 2),
    (8, 128, 14, 14, [3, 3], 1),
    (16, 64, 7, 7, [3, 3], 1),
];

/// Rows and columns: normalisation over 768, attention over 128 and 197 positions, classes, and the range.
const NORMALIZED: &[(u64, u64)] = &[
    (128, 768),
    (1536, 128),
    (1, 1000),
    (4096, 64),
    (64, 4096),
    (2364, 197),
    (4096, 768),
    (16, 16),
    (1024, 16),
    (1, 4096),
    (16_384, 256),
    (197, 768),
    (1024, 1024),
    (8, 512),
    // Columns that do not come in fours.
    (1, 1001),
    (512, 33),
    (64, 4095),
    (4096, 49),
    (924, 77),
];

/// Rows and columns: means over 7 × 7, 14 × 14 and 56 × 56 pixels, sums over 768.
const REDUCED: &[(u64, u64)] = &[
    (2048, 49),
    (128, 768),
    (64, 3136),
    (1024, 16),
    (64, 4096),
    (1, 4096),
    (16_384, 64),
    (4096, 768),
    (512, 196),
    (16, 16),
    (1280, 49),
    (1, 65_536),
    (1024, 1024),
];

/// Batch, rows, columns, elements that stay together: channels first to last and back, keys and heads of
/// attention, shuffled channels.
const TRANSPOSED: &[[u64; 4]] = &[
    [1, 64, 3136, 1],
    [1, 3136, 64, 1],
    [1, 128, 12, 64],
    [12, 128, 64, 1],
    [1, 16, 16, 1],
    [1, 2, 29, 784],
    [1, 768, 3072, 1],
    [1, 512, 196, 1],
    [8, 128, 12, 64],
    [12, 197, 64, 1],
    [1, 3, 50_176, 1],
    [1, 2048, 2048, 1],
    [1, 12, 128, 64],
    [1, 4, 4, 4],
    [8, 3136, 64, 1],
    [1, 1280, 49, 1],
];

/// Outputs and elements of a window.
const POOLED: &[(u64, u64)] = &[
    (200_704, 9), // 64 × 56 × 56
    (2048, 49),   // 2048 × 1 × 1
    (46_656, 9),  // 64 × 27 × 27
    (25_088, 4),  // 512 × 7 × 7
    (802_816, 4), // 64 × 112 × 112
    (1000, 169),  // 1000 × 1 × 1
    (3_211_264, 4),
    (1024, 9),
    (100_352, 4), // 512 × 14 × 14
    (512, 196),
    (150_528, 25), // 192 × 28 × 28
    // Few windows and large ones.
    (128, 196),
    (1, 4096),
    (64, 3136),
    (16, 784),
    (128, 1024),
    (8, 16_384),
];

/// Rows and columns: word embeddings of a sequence, of one token, and the range.
const GATHERED: &[(u64, u64)] = &[
    (128, 768),
    (1, 768),
    (4096, 256),
    (1024, 64),
    (4096, 1024),
    (16, 16),
    (16_384, 64),
    (512, 768),
    (128, 4096),
    (65_536, 16),
];

fn conv(row: &ConvRow) -> KernelShape {
    let &(in_channels, out_channels, height, width, kernel, step) = row;
    KernelShape::Conv { batch: 1, in_channels, out_channels, height, width, kernel, stride: [step; 2] }
}

fn grouped(row: &ConvRow) -> KernelShape {
    let &(group_channels, out_channels, height, width, kernel, step) = row;
    KernelShape::GroupedConv {
        batch: 1,
        group_channels,
        out_channels,
        height,
        width,
        kernel,
        stride: [step; 2],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const LIMITS: AdapterLimits = AdapterLimits {
        max_buffer_bytes: 2 << 30,
        max_storage_binding_bytes: 128 << 20,
        max_workgroup_storage_bytes: 32 << 10,
        max_workgroup_invocations: 1024,
        max_workgroups_per_dimension: 65_535,
        subgroup: None,
    };

    #[test]
    fn working_sets_span_8_kib_to_the_binding_limit_in_every_density() {
        let fine = working_sets(&LIMITS, 1);
        assert_eq!(fine.len(), 15);
        for step in [1, 2, 3] {
            assert_eq!(working_sets(&LIMITS, step)[..2], [128 << 20, 8 << 10], "every {step}");
        }
        assert_eq!(working_sets(&LIMITS, 3).len(), 6);
        assert!(working_sets(&AdapterLimits { max_storage_binding_bytes: 0, ..LIMITS }, 1).is_empty());
    }

    #[test]
    fn a_front_part_spans_the_whole() {
        assert_eq!(ends_first(vec![1, 2, 3, 4, 5]), [5, 1, 3, 2, 4]);
        assert_eq!(ends_first(vec![1]), [1]);
        assert!(ends_first::<u8>(vec![]).is_empty());
    }

    #[test]
    fn every_class_has_distinct_shapes_of_its_own() {
        for class in KernelClass::ALL {
            for software in [false, true] {
                let shapes = shapes(class, "", software);
                assert!(shapes.len() >= 8, "{class}: {}", shapes.len());
                assert!(shapes.iter().all(|shape| shape.class() == class));
                assert_eq!(shapes.iter().collect::<HashSet<_>>().len(), shapes.len(), "{class}");
            }
        }
    }

    #[test]
    fn every_kernel_that_runtimes_take_has_enough_shapes_for_a_fit() {
        for class in KernelClass::ALL {
            let kernels: HashSet<_> = of_class(class).iter().map(KernelShape::runtime_kernel).collect();
            for kernel in kernels {
                let own = shapes(class, kernel, true);
                let own = own.iter().take_while(|shape| shape.runtime_kernel() == kernel).count();
                assert!(own >= 5, "{kernel}: {own}");
            }
        }
    }

    #[test]
    fn software_leaves_out_what_takes_it_more_than_a_tenth_of_a_second() {
        let largest = |software| {
            let of = shapes(KernelClass::Matmul, "matmul.tile32", software);
            of.iter().map(KernelShape::contraction_flops).fold(0.0, f64::max)
        };
        assert_eq!(largest(false), 2.0 * 2048_f64.powi(3));
        assert!(largest(true) <= 3e8 && largest(true) >= 2.0 * 512_f64.powi(3));
    }
}
