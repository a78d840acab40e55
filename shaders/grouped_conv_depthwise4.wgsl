// Measures a depthwise convolution over channels-last images, four channels of four neighbouring pixels for each
// invocation, four channels an access; each weight is read once for the four pixels.
// One invocation does 2 * 16 * kernel_height * kernel_width operations.

alias Scalar = f32;

struct Params {
    // Channels of one group, read and written.
    group_channels: u32,
    group_outputs: u32,
    in_channels: u32,
    // A multiple of 4; group_channels and group_outputs are 1.
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
    batch: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<vec4<Scalar>>;
// [kernel_height, kernel_width, group_channels, out_channels]
@group(0) @binding(2) var<storage, read> weights: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<Scalar>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<Scalar>>;

// Four channels of a pixel.
fn load(batch: u32, y: u32, x: u32, quad: u32) -> vec4<Scalar> {
    // Left of the image wraps around to far right of it.
    if x < params.in_width {
        return image[((batch * params.in_height + y) * params.in_width + x) * (params.in_channels / 4u) + quad];
    }
    return vec4<Scalar>(0);
}

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    var at = id.x;
    // A line of workgroups that is too long is folded.
    if groups.y > 1u {
        at += id.y * groups.x * 64u;
    }
    let quads = params.out_channels / 4u;
    let strips = (params.out_width + 3u) / 4u;
    let quad = at % quads;
    let x = at / quads % strips * 4u;
    let y = at / (quads * strips) % params.out_height;
    let batch = at / (quads * strips * params.out_height);
    if batch >= params.batch {
        return;
    }
    var sum0 = bias[quad];
    var sum1 = sum0;
    var sum2 = sum0;
    var sum3 = sum0;
    let corner_x = x * params.stride_x - params.pad_x;
    for (var window_y = 0u; window_y < params.kernel_height; window_y += 1u) {
        let from_y = y * params.stride_y + window_y - params.pad_y;
        if from_y >= params.in_height {
            continue;
        }
        for (var window_x = 0u; window_x < params.kernel_width; window_x += 1u) {
            let weight = weights[(window_y * params.kernel_width + window_x) * quads + quad];
            let from_x = corner_x + window_x;
            sum0 += weight * load(batch, from_y, from_x, quad);
            sum1 += weight * load(batch, from_y, from_x + params.stride_x, quad);
            sum2 += weight * load(batch, from_y, from_x + 2u * params.stride_x, quad);
            sum3 += weight * load(batch, from_y, from_x + 3u * params.stride_x, quad);
        }
    }
    let to = ((batch * params.out_height + y) * params.out_width + x) * quads + quad;
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
