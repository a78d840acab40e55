// Measures a simple function of an operand and one that is repeated along its rows, as WebGPU runtimes compute it:
// four elements for each invocation, the place of both operands computed from three indices. The second operand is
// a row.
// One invocation does 4 operations and moves 8 elements.

alias Scalar = f32;

struct Params {
    // Elements of one index of the first and the second dimension of the result; the last dimension is a
    // multiple of 4.
    result_strides: vec2<u32>,
    vectors: u32,
    b_cols: u32,
    // Sizes of the dimensions, and elements of one index of the first two.
    a_shape: vec3<u32>,
    a_strides: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Scalar>>;

fn indices(at: u32) -> vec3<u32> {
    let rest = at % params.result_strides.x;
    return vec3<u32>(at / params.result_strides.x, rest / params.result_strides.y, rest % params.result_strides.y);
}

fn offset_a(place: vec3<u32>) -> u32 {
    // A dimension of 1 would be repeated.
    let within = place % params.a_shape;
    return within.x * params.a_strides.x + within.y * params.a_strides.y + within.z;
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
    if at >= params.vectors {
        return;
    }
    let place = indices(at * 4u);
    let left = a[offset_a(place) / 4u];
    let right = b[place.z % params.b_cols / 4u];
    c[at] = left + right;
}
