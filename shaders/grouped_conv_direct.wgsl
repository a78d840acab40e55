// Measures a convolution in groups over channels-last images as WebGPU runtimes compute it: one result for each
// invocation, one element an access, no workgroup memory.
// One invocation does 2 * kernel_height * kernel_width * group_channels operations.

alias Scalar = f32;

struct Params {
    // Channels of one group, read and written.
    group_channels: u32,
    group_outputs: u32,
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
    batch: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<Scalar>;
// [kernel_height, kernel_width, group_channels, out_channels]
@group(0) @binding(2) var<storage, read> weights: array<Scalar>;
@group(0) @binding(3) var<storage, read> bias: array<Scalar>;
@group(0) @binding(4) var<storage, read_write> result: array<Scalar>;

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
    if at >= params.batch * params.out_height * params.out_width * params.out_channels {
        return;
    }
    let batch = at / (params.out_height * params.out_width * params.out_channels);
    var rest = at % (params.out_height * params.out_width * params.out_channels);
    let y = rest / (params.out_width * params.out_channels);
    rest = rest % (params.out_width * params.out_channels);
    let x = rest / params.out_channels;
    let channel = rest % params.out_channels;
    let first = channel / params.group_outputs * params.group_channels;
    // Left of the image wraps around to far right of it.
    let corner_y = y * params.stride_y - params.pad_y;
    let corner_x = x * params.stride_x - params.pad_x;
    var sum = Scalar(0);
    for (var window_y = 0u; window_y < params.kernel_height; window_y += 1u) {
        let from_y = corner_y + window_y;
        if from_y >= params.in_height {
            continue;
        }
        for (var window_x = 0u; window_x < params.kernel_width; window_x += 1u) {
            let from_x = corner_x + window_x;
            if from_x >= params.in_width {
                continue;
            }
            for (var inner = 0u; inner < params.group_channels; inner += 1u) {
                let pixel = (batch * params.in_height + from_y) * params.in_width + from_x;
                let row = (window_y * params.kernel_width + window_x) * params.group_channels + inner;
                sum += image[pixel * params.in_channels + first + inner] * weights[row * params.out_channels + channel];
            }
        }
    }
    result[at] = sum + bias[channel];
}
