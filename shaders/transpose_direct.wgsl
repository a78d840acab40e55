// Measures a permutation of dimensions as WebGPU runtimes compute it: one element for each invocation, written in
// order, its origin computed from four indices.
// One invocation moves 2 elements.

alias Scalar = f32;

struct Params {
    outputs: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
    // Elements of one index of the first three dimensions, [batch, rows, cols, inner] and
    // [batch, cols, rows, inner].
    source_strides: vec3<u32>,
    result_strides: vec3<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> result: array<Scalar>;

fn indices(at: u32, strides: vec3<u32>) -> vec4<u32> {
    let second = at % strides.x;
    let third = second % strides.y;
    return vec4<u32>(at / strides.x, second / strides.y, third / strides.z, third % strides.z);
}

fn offset(place: vec4<u32>, strides: vec3<u32>) -> u32 {
    return place.x * strides.x + place.y * strides.y + place.z * strides.z + place.w;
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
    if at >= params.outputs {
        return;
    }
    let place = indices(at, params.result_strides);
    result[at] = source[offset(place.xzyw, params.source_strides)];
}
