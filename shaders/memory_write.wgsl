// Measures memory traffic: one array written, 16 bytes an access.
// One invocation writes params.turns * params.vectors / invocations times. It does no other operations.

// Invocations that go side by side, a line of 128 bytes at each access. Each line of them goes through memory of
// its own, onwards: an adapter that runs a few invocations at a time meets it in order too.
const LINE: u32 = 8u;
const WORKGROUP: u32 = 128u;

struct Params {
    // Vectors of 16 bytes in the array: for every invocation a multiple of 4.
    vectors: u32,
    // Times that all is gone through.
    turns: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> result: array<vec4<u32>>;

// Differs in every word and place: equal words may be packed on their way.
fn value(at: u32) -> vec4<u32> {
    return vec4<u32>(at, at + params.turns, at ^ params.turns, params.turns - at);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let each = params.vectors / (groups.x * WORKGROUP);
    let rounds = each / 4u;
    // From the end of the way through one part to its beginning in the next.
    let jump = each * (WORKGROUP - LINE);
    var at = group.x * each * WORKGROUP + (local / LINE) * each * LINE + local % LINE;
    var left = rounds;
    // One loop with the same end for all: loops within loops cost more than the traffic on some drivers.
    for (var round = 0u; round < params.turns * rounds; round += 1u) {
        result[at] = value(at);
        result[at + LINE] = value(at + LINE);
        result[at + 2u * LINE] = value(at + 2u * LINE);
        result[at + 3u * LINE] = value(at + 3u * LINE);
        at += 4u * LINE;
        left -= 1u;
        // The next turn is through the next workgroup's part: what this one had is in its nearest cache.
        at += select(0u, jump, left == 0u);
        at -= select(0u, params.vectors, at >= params.vectors);
        left = select(left, rounds, left == 0u);
    }
}
