// Measures a convolution over images of three channels as WebGPU runtimes compute it: as the matrix product of
// windows and weights, 32 pixels × 32 channels for each workgroup of 8×8 invocations, 4×4 for each invocation, both
// operands through workgroup memory in slices of depth 24, a pixel at a time.
// One invocation does 2 * 16 * kernel_height * kernel_width * 3 operations, the product rounded up to 24.

alias Scalar = f32;

struct Params {
    // 3.
    in_channels: u32,
    // A multiple of 4.
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
@group(0) @binding(2) var<storage, read> weights: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<Scalar>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<Scalar>>;

var<workgroup> tile_a: array<array<vec3<Scalar>, 8>, 32>;
var<workgroup> tile_b: array<array<vec4<Scalar>, 8>, 24>;

// The three channels that pixel `row` of the result sees at step `col` of its sum.
fn load_window(batch: u32, row: u32, col: u32) -> vec3<Scalar> {
    let y = row / params.out_width;
    let x = row % params.out_width;
    let window_y = col / (params.kernel_width * params.in_channels);
    let window_x = col / params.in_channels % params.kernel_width;
    let channel = col % params.in_channels;
    let from_y = i32(y * params.stride_y + window_y) - i32(params.pad_y);
    let from_x = i32(x * params.stride_x + window_x) - i32(params.pad_x);
    if from_y >= 0 && from_y < i32(params.in_height) && from_x >= 0 && from_x < i32(params.in_width) {
        let pixel = (i32(batch * params.in_height) + from_y) * i32(params.in_width) + from_x;
        let origin = u32(pixel) * params.in_channels + channel;
        return vec3<Scalar>(image[origin], image[origin + 1u], image[origin + 2u]);
    }
    return vec3<Scalar>(0);
}

fn load_a(batch: u32, row: u32, col: u32) -> vec3<Scalar> {
    if row < params.out_height * params.out_width
        && col < params.kernel_height * params.kernel_width * params.in_channels {
        return load_window(batch, row, col);
    }
    return vec3<Scalar>(0);
}

fn load_b(row: u32, quad: u32) -> vec4<Scalar> {
    if row < params.kernel_height * params.kernel_width * params.in_channels && quad * 4u < params.out_channels {
        return weights[row * (params.out_channels / 4u) + quad];
    }
    return vec4<Scalar>(0);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let batch = group.z;
    let top = local.y * 4u;
    let row = group.y * 32u + top;
    let quad = group.x * 8u + local.x;
    let inner = params.kernel_height * params.kernel_width * params.in_channels;
    var sums: array<vec4<Scalar>, 4>;
    for (var depth = 0u; depth < inner; depth += 24u) {
        for (var y = 0u; y < 4u; y += 1u) {
            tile_a[top + y][local.x] = load_a(batch, row + y, depth + local.x * 3u);
        }
        for (var y = 0u; y < 3u; y += 1u) {
            tile_b[local.y * 3u + y][local.x] = load_b(depth + local.y * 3u + y, quad);
        }
        workgroupBarrier();
        for (var step = 0u; step < 8u; step += 1u) {
            let b0 = tile_b[step * 3u][local.x];
            let b1 = tile_b[step * 3u + 1u][local.x];
            let b2 = tile_b[step * 3u + 2u][local.x];
            for (var y = 0u; y < 4u; y += 1u) {
                let left = tile_a[top + y][step];
                sums[y] = b0 * left.x + sums[y];
                sums[y] = b1 * left.y + sums[y];
                sums[y] = b2 * left.z + sums[y];
            }
        }
        workgroupBarrier();
    }
    let pixels = params.out_height * params.out_width;
    for (var y = 0u; y < 4u; y += 1u) {
        if row + y < pixels && quad * 4u < params.out_channels {
            result[(batch * pixels + row + y) * (params.out_channels / 4u) + quad] = sums[y] + bias[quad];
        }
    }
}
