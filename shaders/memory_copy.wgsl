// Measures memory traffic: one array copied to another, 16 bytes an access, each invocation a stride apart.
// One invocation moves 32 bytes (16 read, 16 written) params.turns * params.vectors / grid times.

const WORKGROUP: u32 = 64u;

struct Params {
    // Vectors of 16 bytes in each array.
    vectors: u32,
    // Times that the arrays are gone through.
    turns: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let stride = groups.x * WORKGROUP;
    for (var turn = 0u; turn < params.turns; turn += 1u) {
        // The order differs from turn to turn, or a compiler could keep the last turn alone.
        for (var at = id.x; at < params.vectors; at += stride) {
            result[at] = source[at ^ (turn & 1u)];
        }
    }
}
