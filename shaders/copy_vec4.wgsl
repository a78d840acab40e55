// Measures two tensors joined along their last dimension, four elements for each invocation, the place from one
// division.
// One invocation moves 8 elements.

alias Scalar = f32;

struct Params {
    vectors: u32,
    // Fours of elements in a row of the first tensor, and of the result.
    a_cols: u32,
    cols: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<Scalar>>;

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
    let row = at / params.cols;
    let col = at % params.cols;
    if col < params.a_cols {
        result[at] = a[row * params.a_cols + col];
    } else {
        result[at] = b[row * (params.cols - params.a_cols) + col - params.a_cols];
    }
}
