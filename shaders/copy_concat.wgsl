// Measures two tensors joined along their last dimension as WebGPU runtimes join them: one element for each
// invocation, its place computed from four indices.
// One invocation moves 2 elements.

alias Scalar = f32;

struct Params {
    outputs: u32,
    // The first place of the second tensor among the invocations.
    second: u32,
    unused0: u32,
    unused1: u32,
    // Elements of one index of the first three dimensions; where each tensor begins in the last.
    a_strides: vec3<u32>,
    a_start: u32,
    b_strides: vec3<u32>,
    b_start: u32,
    result_strides: vec3<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Scalar>;
@group(0) @binding(2) var<storage, read> b: array<Scalar>;
@group(0) @binding(3) var<storage, read_write> result: array<Scalar>;

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
    if at < params.second {
        var place = indices(at, params.a_strides);
        place.w += params.a_start;
        result[offset(place, params.result_strides)] = a[at];
    } else {
        var place = indices(at - params.second, params.b_strides);
        place.w += params.b_start;
        result[offset(place, params.result_strides)] = b[at - params.second];
    }
}
