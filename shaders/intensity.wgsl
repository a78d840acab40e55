// Measures where arithmetic takes over from memory traffic: each element is read, goes through
// params.steps multiply-adds, and is written.
// One invocation does 16 * params.steps operations (a multiply-add is two) for every 64 bytes, 32 read and 32
// written, params.vectors / 2 / invocations times.

// Invocations that go side by side, as in the measure of a copy.
const LINE: u32 = 8u;
const WORKGROUP: u32 = 128u;

struct Params {
    // Vectors of 16 bytes in each array: for every invocation a multiple of 2.
    vectors: u32,
    // Multiply-adds for each element.
    steps: u32,
    // c = -numerator / 1024.
    numerator: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;

// Two chains: the next step of one need not wait for the last of the other.
struct Pair {
    x: vec4<f32>,
    y: vec4<f32>,
}

fn step(pair: Pair, c: vec4<f32>) -> Pair {
    return Pair(pair.x * pair.x + c, pair.y * pair.y + c);
}

fn four(pair: Pair, c: vec4<f32>) -> Pair {
    return step(step(step(step(pair, c), c), c), c);
}

fn sixteen(pair: Pair, c: vec4<f32>) -> Pair {
    return four(four(four(four(pair, c), c), c), c);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let c = vec4<f32>(-f32(params.numerator) / 1024.0);
    let sixteens = params.steps / 16u;
    let rest = params.steps % 16u;
    let each = params.vectors / (groups.x * WORKGROUP);
    let line = group.x * (WORKGROUP / LINE) + local / LINE;
    var at = line * each * LINE + local % LINE;
    for (var round = 0u; round < each / 2u; round += 1u) {
        var pair = Pair(source[at], source[at + LINE]);
        for (var turn = 0u; turn < sixteens; turn += 1u) {
            pair = sixteen(pair, c);
        }
        if (rest & 8u) != 0u { pair = four(four(pair, c), c); }
        if (rest & 4u) != 0u { pair = four(pair, c); }
        if (rest & 2u) != 0u { pair = step(step(pair, c), c); }
        if (rest & 1u) != 0u { pair = step(pair, c); }
        result[at] = pair.x;
        result[at + LINE] = pair.y;
        at += 2u * LINE;
    }
}
