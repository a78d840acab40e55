// Measures the largest elements of windows over channels-last images as WebGPU runtimes find them: one result for each
// invocation, one element an access, its place in the window computed for each.
// One invocation compares window_height * window_width elements.

alias Scalar = f32;

struct Params {
    channels: u32,
    outputs: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    window_height: u32,
    window_width: u32,
    stride_y: u32,
    stride_x: u32,
    pad_y: u32,
    pad_x: u32,
    // Elements of the window for one step along each of its sides: window_width and 1.
    window_strides: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> result: array<Scalar>;

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
    if at >= params.outputs {
        return;
    }
    let row_size = params.out_width * params.channels;
    let batch = at / (params.out_height * row_size);
    let rest = at % (params.out_height * row_size);
    let place = vec2<u32>(rest / row_size, rest % row_size / params.channels);
    let channel = rest % row_size % params.channels;
    let stride = vec2<u32>(params.stride_y, params.stride_x);
    let pad = vec2<u32>(params.pad_y, params.pad_x);
    let size = vec2<u32>(params.in_height, params.in_width);
    // The least finite number of half precision, below all that is pooled.
    var largest = Scalar(-65504);
    for (var tap = 0u; tap < params.window_height * params.window_width; tap += 1u) {
        var origin: vec2<u32>;
        var rest_of_tap = tap;
        for (var side = 0; side < 2; side += 1) {
            origin[side] = rest_of_tap / params.window_strides[side];
            rest_of_tap = rest_of_tap % params.window_strides[side];
        }
        var inside = true;
        for (var side = 0; side < 2; side += 1) {
            // Before the image wraps around to far behind it.
            origin[side] += place[side] * stride[side] - pad[side];
            if origin[side] >= size[side] {
                inside = false;
                break;
            }
        }
        if inside {
            let pixel = (batch * params.in_height + origin.x) * params.in_width + origin.y;
            largest = max(largest, image[pixel * params.channels + channel]);
        }
    }
    result[at] = largest;
}
