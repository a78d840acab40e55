// Measures memory traffic: one array read, 16 bytes an access.
// One invocation reads params.turns * params.vectors / invocations times, and sums what it read: the sum is
// stored, or nothing need be read. It does no other operations.

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
@group(0) @binding(1) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<u32>>;

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
    var sum0 = vec4<u32>();
    var sum1 = vec4<u32>();
    var sum2 = vec4<u32>();
    var sum3 = vec4<u32>();
    // One loop with the same end for all: loops within loops cost more than the traffic on some drivers.
    for (var round = 0u; round < params.turns * rounds; round += 1u) {
        sum0 += source[at];
        sum1 += source[at + LINE];
        sum2 += source[at + 2u * LINE];
        sum3 += source[at + 3u * LINE];
        at += 4u * LINE;
        left -= 1u;
        // The next turn is through the next workgroup's part: what this one had is in its nearest cache.
        at += select(0u, jump, left == 0u);
        at -= select(0u, params.vectors, at >= params.vectors);
        left = select(left, rounds, left == 0u);
    }
    result[group.x * WORKGROUP + local] = sum0 + sum1 + sum2 + sum3;
}
