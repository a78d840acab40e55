// Measures rows picked from a table, four elements for each invocation.
// One invocation moves 8 elements and reads an index.

alias Scalar = f32;

struct Params {
    vectors: u32,
    // Fours of elements in a row.
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read> picked: array<u32>;
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
    result[at] = table[picked[at / params.cols] * params.cols + at % params.cols];
}
