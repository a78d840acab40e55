// Measures means of large windows over channels-last images as WebGPU runtimes compute them where there are few: one
// result for each workgroup of 128 invocations, added up in workgroup memory.
// One invocation adds window_height * window_width / 128 elements and up to 7 more.

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

var<workgroup> sums: array<Scalar, 128>;
var<workgroup> counts: array<u32, 128>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group.y * groups.x + group.x;
    // The same for the whole workgroup.
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
    var sum = Scalar(0);
    var count = 0u;
    for (var tap = local; tap < params.window_height * params.window_width; tap += 128u) {
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
            sum += image[pixel * params.channels + channel];
            count += 1u;
        }
    }
    sums[local] = sum;
    counts[local] = count;
    workgroupBarrier();
    for (var size = 64u; size > 0u; size /= 2u) {
        if local < size {
            sums[local] += sums[local + size];
            counts[local] += counts[local + size];
        }
        workgroupBarrier();
    }
    if local == 0u {
        result[at] = sums[0] / Scalar(counts[0]);
    }
}
