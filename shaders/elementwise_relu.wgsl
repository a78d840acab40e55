// Measures a simple function of one operand: four elements for each invocation, one access in and one out.
// One invocation does 4 operations and moves 8 elements.

alias Scalar = f32;

struct Params {
    vectors: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Scalar>>;

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
    let value = x[at];
    y[at] = select(vec4<Scalar>(0), value, value > vec4<Scalar>(0));
}
