// Measures a convolution of channels that 4 does not divide as WebGPU runtimes compute it: as the matrix product of
// windows and weights, 32 pixels × 32 channels for each workgroup of 8×8 invocations, 4×4 for each invocation, both
// operands through workgroup memory in slices of depth 8, one element an access.
// One invocation does 2 * 16 * kernel_height * kernel_width * in_channels operations, the product of the three
// rounded up to 8.

alias Scalar = f32;

struct Params {
    in_channels: u32,
    out_channels: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    pad_y: u32,
    pad_x: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<Scalar>;
// [kernel_height, kernel_width, in_channels, out_channels]
@group(0) @binding(2) var<storage, read> weights: array<Scalar>;
@group(0) @binding(3) var<storage, read> bias: array<Scalar>;
@group(0) @binding(4) var<storage, read_write> result: array<Scalar>;

var<workgroup> tile_a: array<array<Scalar, 8>, 32>;
var<workgroup> tile_b: array<array<Scalar, 32>, 8>;

// The channel that pixel `row` of the result sees at step `col` of its sum.
fn load_window(batch: u32, row: u32, col: u32) -> Scalar {
    let y = row / params.out_width;
    let x = row % params.out_width;
    let window_y = col / (params.kernel_width * params.in_channels);
    let window_x = col / params.in_channels % params.kernel_width;
    let channel = col % params.in_channels;
    let from_y = i32(y * params.stride_y + window_y) - i32(params.pad_y);
    let from_x = i32(x * params.stride_x + window_x) - i32(params.pad_x);
    if from_y >= 0 && from_y < i32(params.in_height) && from_x >= 0 && from_x < i32(params.in_width) {
        let pixel = (i32(batch * params.in_height) + from_y) * i32(params.in_width) + from_x;
        return image[u32(pixel) * params.in_channels + channel];
    }
    return Scalar(0);
}

fn load_a(batch: u32, row: u32, col: u32) -> Scalar {
    if row < params.out_height * params.out_width
        && col < params.kernel_height * params.kernel_width * params.in_channels {
        return load_window(batch, row, col);
    }
    return Scalar(0);
}

fn load_b(row: u32, col: u32) -> Scalar {
    if row < params.kernel_height * params.kernel_width * params.in_channels && col < params.out_channels {
        return weights[row * params.out_channels + col];
    }
    return Scalar(0);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let batch = group.z;
    let top = local.y * 4u;
    let left = local.x * 4u;
    let row = group.y * 32u + top;
    let col = group.x * 32u + left;
    let inner = params.kernel_height * params.kernel_width * params.in_channels;
    var sums: array<array<Scalar, 4>, 4>;
    for (var depth = 0u; depth < inner; depth += 8u) {
        for (var y = 0u; y < 4u; y += 1u) {
            tile_a[top + y][local.x] = load_a(batch, row + y, depth + local.x);
        }
        for (var x = 0u; x < 4u; x += 1u) {
            tile_b[local.y][left + x] = load_b(depth + local.y, col + x);
        }
        workgroupBarrier();
        var right: array<Scalar, 4>;
        for (var step = 0u; step < 8u; step += 1u) {
            for (var x = 0u; x < 4u; x += 1u) {
                right[x] = tile_b[step][left + x];
            }
            for (var y = 0u; y < 4u; y += 1u) {
                let factor = tile_a[top + y][step];
                for (var x = 0u; x < 4u; x += 1u) {
                    sums[y][x] = sums[y][x] + factor * right[x];
                }
            }
        }
        workgroupBarrier();
    }
    let pixels = params.out_height * params.out_width;
    for (var y = 0u; y < 4u; y += 1u) {
        for (var x = 0u; x < 4u; x += 1u) {
            if row + y < pixels && col + x < params.out_channels {
                result[(batch * pixels + row + y) * params.out_channels + col + x] = sums[y][x] + bias[col + x];
            }
        }
    }
}
