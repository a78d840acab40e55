// Measures a convolution over channels-last images without workgroup memory: four neighbouring pixels × four channels
// for each invocation, operands straight from memory into registers, four channels an access; caches do the rest.
// One invocation does 2 * 16 * kernel_height * kernel_width * in_channels operations.

alias Scalar = f32;

struct Params {
    // Multiples of 4, as is out_channels.
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
@group(0) @binding(1) var<storage, read> image: array<vec4<Scalar>>;
// [kernel_height, kernel_width, in_channels, out_channels]
@group(0) @binding(2) var<storage, read> weights: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<Scalar>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<Scalar>>;

// Four channels of a pixel, from the first of the four.
fn load(batch: u32, origin: vec2<i32>, quad: u32) -> vec4<Scalar> {
    if origin.y >= 0 && origin.y < i32(params.in_height) && origin.x >= 0 && origin.x < i32(params.in_width) {
        let pixel = (i32(batch * params.in_height) + origin.y) * i32(params.in_width) + origin.x;
        return image[u32(pixel) * (params.in_channels / 4u) + quad];
    }
    return vec4<Scalar>(0);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quads = params.out_channels / 4u;
    let in_quads = params.in_channels / 4u;
    let strips = (params.out_width + 3u) / 4u;
    let y = id.y / strips;
    let x = id.y % strips * 4u;
    if id.x >= quads || y >= params.out_height {
        return;
    }
    var sum0 = bias[id.x];
    var sum1 = sum0;
    var sum2 = sum0;
    var sum3 = sum0;
    let step = vec2<i32>(i32(params.stride_x), 0);
    for (var window_y = 0u; window_y < params.kernel_height; window_y += 1u) {
        for (var window_x = 0u; window_x < params.kernel_width; window_x += 1u) {
            let origin = vec2<i32>(
                i32(x * params.stride_x + window_x) - i32(params.pad_x),
                i32(y * params.stride_y + window_y) - i32(params.pad_y),
            );
            var at = (window_y * params.kernel_width + window_x) * params.in_channels * quads + id.x;
            for (var quad = 0u; quad < in_quads; quad += 1u) {
                let b0 = weights[at];
                let b1 = weights[at + quads];
                let b2 = weights[at + 2u * quads];
                let b3 = weights[at + 3u * quads];
                at += 4u * quads;
                let a0 = load(id.z, origin, quad);
                let a1 = load(id.z, origin + step, quad);
                let a2 = load(id.z, origin + 2 * step, quad);
                let a3 = load(id.z, origin + 3 * step, quad);
                sum0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
                sum1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
                sum2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
                sum3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
            }
        }
    }
    let to = ((id.z * params.out_height + y) * params.out_width + x) * quads + id.x;
    result[to] = sum0;
    if x + 1u < params.out_width {
        result[to + quads] = sum1;
    }
    if x + 2u < params.out_width {
        result[to + 2u * quads] = sum2;
    }
    if x + 3u < params.out_width {
        result[to + 3u * quads] = sum3;
    }
}
