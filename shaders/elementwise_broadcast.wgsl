// Measures a simple function of an operand and one that is repeated along its rows, as WebGPU runtimes compute it:
// four elements for each invocation, the place of both operands computed from three indices.
// One invocation does 4 operations and moves 8 elements.

alias Scalar = f32;

struct Params {
    // Elements of one index of the first and the second dimension of the result; the last dimension is a
    // multiple of 4.
    result_strides: vec2<u32>,
    vectors: u32,
    unused: u32,
    // Sizes of the dimensions, and elements of one index of the first two.
    a_shape: vec3<u32>,
    a_strides: vec2<u32>,
    b_shape: vec3<u32>,
    b_strides: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Scalar>>;

fn indices(at: u32) -> vec3<u32> {
    let rest = at % params.result_strides.x;
    return vec3<u32>(at / params.result_strides.x, rest / params.result_strides.y, rest % params.result_strides.y);
}

fn offset(place: vec3<u32>, shape: vec3<u32>, strides: vec2<u32>) -> u32 {
    // A dimension of 1 is repeated.
    return place.x % shape.x * strides.x + place.y % shape.y * strides.y + place.z % shape.z;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = (group.y * groups.x + group.x) * 64u + local;
    if at >= params.vectors {
        return;
    }
    let place = indices(at * 4u);
    let left = a[offset(place, params.a_shape, params.a_strides) / 4u];
    let right = b[offset(place, params.b_shape, params.b_strides) / 4u];
    c[at] = left + right;
}
