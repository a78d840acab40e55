// Measures traffic of workgroup memory: one half of it copied to the other, 16 bytes an access.
// One invocation moves 32 bytes (16 read, 16 written) params.turns * VECTORS / 2 / WORKGROUP times.

const VECTORS: u32 = 1024u;
const WORKGROUP: u32 = 128u;

struct Params {
    // Vectors of 16 bytes in each half: VECTORS / 2, told at run time so that the loop stays a loop.
    half: u32,
    // Times that the half is copied.
    turns: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<u32>>;

var<workgroup> tile: array<vec4<u32>, VECTORS>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    for (var at = index; at < params.half; at += WORKGROUP) {
        tile[at] = source[at];
    }
    workgroupBarrier();
    let rounds = params.half / WORKGROUP;
    var at = index;
    var turn = 0u;
    // The half that is written is not read, and each place of it has one invocation: no turn waits for another.
    for (var round = 0u; round < params.turns * rounds; round += 1u) {
        tile[params.half + at] = tile[(at + turn) % (VECTORS / 2u)];
        at += WORKGROUP;
        // Each turn begins one further, or a compiler could keep one turn alone.
        let over = at >= params.half;
        turn = select(turn, turn + 1u, over);
        at = select(at, index, over);
    }
    for (var at = index; at < params.half; at += WORKGROUP) {
        result[group.x * params.half + at] = tile[params.half + at];
    }
}
