// Measures the largest elements of windows over channels-last images, four channels of a pixel for each invocation,
// four channels an access, the place in the image stepped along.
// One invocation compares 4 * window_height * window_width elements.

alias Scalar = f32;

struct Params {
    // A multiple of 4.
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
    window_strides: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<Scalar>>;

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
    let quads = params.channels / 4u;
    if at >= params.outputs / 4u {
        return;
    }
    let pixel = at / quads;
    let quad = at % quads;
    let x = pixel % params.out_width;
    let y = pixel / params.out_width % params.out_height;
    let batch = pixel / params.out_width / params.out_height;
    var largest = vec4<Scalar>(-65504);
    for (var window_y = 0u; window_y < params.window_height; window_y += 1u) {
        // Before the image wraps around to far behind it.
        let from_y = y * params.stride_y + window_y - params.pad_y;
        if from_y >= params.in_height {
            continue;
        }
        let line = (batch * params.in_height + from_y) * params.in_width;
        for (var window_x = 0u; window_x < params.window_width; window_x += 1u) {
            let from_x = x * params.stride_x + window_x - params.pad_x;
            if from_x < params.in_width {
                largest = max(largest, image[(line + from_x) * quads + quad]);
            }
        }
    }
    result[at] = largest;
}
