// Measures the highest rate of packed 8-bit products: chains of dot products of four, each added to a sum.
// One invocation does 8 * CHAINS * 32 * params.turns operations: four products and four sums a dot.
// The bytes of a sum are the next factors, so no step can be left out, and every chain is stored.

const CHAINS: u32 = 4u;
const WORKGROUP: u32 = 64u;

struct Params {
    turns: u32,
    invocations: u32,
    // Added to each dot product.
    offset: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> start: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;

struct Chains {
    x0: u32,
    x1: u32,
    x2: u32,
    x3: u32,
    x4: u32,
    x5: u32,
    x6: u32,
    x7: u32,
}

fn once(x: u32, c: i32) -> u32 {
    return bitcast<u32>(dot4I8Packed(x, x) + c);
}

// One step of every chain before the next of any: compilers keep the order, and short queues see no further.
fn step(x: Chains, c: i32) -> Chains {
    var next = x;
    next.x0 = once(x.x0, c);
    if CHAINS > 1u { next.x1 = once(x.x1, c); }
    if CHAINS > 2u { next.x2 = once(x.x2, c); }
    if CHAINS > 3u { next.x3 = once(x.x3, c); }
    if CHAINS > 4u { next.x4 = once(x.x4, c); }
    if CHAINS > 5u { next.x5 = once(x.x5, c); }
    if CHAINS > 6u { next.x6 = once(x.x6, c); }
    if CHAINS > 7u { next.x7 = once(x.x7, c); }
    return next;
}

fn four(x: Chains, c: i32) -> Chains {
    return step(step(step(step(x, c), c), c), c);
}

fn sixteen(x: Chains, c: i32) -> Chains {
    return four(four(four(four(x, c), c), c), c);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = bitcast<i32>(params.offset);
    let at = id.x;
    let each = params.invocations;
    var x: Chains;
    x.x0 = start[at];
    if CHAINS > 1u { x.x1 = start[at + each]; }
    if CHAINS > 2u { x.x2 = start[at + 2u * each]; }
    if CHAINS > 3u { x.x3 = start[at + 3u * each]; }
    if CHAINS > 4u { x.x4 = start[at + 4u * each]; }
    if CHAINS > 5u { x.x5 = start[at + 5u * each]; }
    if CHAINS > 6u { x.x6 = start[at + 6u * each]; }
    if CHAINS > 7u { x.x7 = start[at + 7u * each]; }
    for (var turn = 0u; turn < params.turns; turn += 1u) {
        x = sixteen(sixteen(x, c), c);
    }
    result[at] = x.x0;
    if CHAINS > 1u { result[at + each] = x.x1; }
    if CHAINS > 2u { result[at + 2u * each] = x.x2; }
    if CHAINS > 3u { result[at + 3u * each] = x.x3; }
    if CHAINS > 4u { result[at + 4u * each] = x.x4; }
    if CHAINS > 5u { result[at + 5u * each] = x.x5; }
    if CHAINS > 6u { result[at + 6u * each] = x.x6; }
    if CHAINS > 7u { result[at + 7u * each] = x.x7; }
}
