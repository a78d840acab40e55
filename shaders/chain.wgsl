// Measures the highest rate of multiply-adds in one type: independent chains of dependent ones, in registers.
// One invocation does 2 * lanes of Value * CHAINS * 32 * params.turns operations (a multiply-add is two).
// x = x * x + c has no closed form a compiler could use, and every chain is stored.

alias Scalar = f32;
alias Value = vec4<Scalar>;
const CHAINS: u32 = 3u;
const WORKGROUP: u32 = 64u;
// c = -numerator / DENOMINATOR: 1024 for floats, 1 for integers.
const DENOMINATOR: u32 = 1024u;

struct Params {
    turns: u32,
    invocations: u32,
    numerator: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> start: array<Value>;
@group(0) @binding(2) var<storage, read_write> result: array<Value>;

struct Chains {
    x0: Value,
    x1: Value,
    x2: Value,
    x3: Value,
    x4: Value,
    x5: Value,
    x6: Value,
    x7: Value,
}

fn once(x: Value, c: Value) -> Value {
    return x * x + c;
}

// One step of every chain before the next of any: compilers keep the order, and short queues see no further.
fn step(x: Chains, c: Value) -> Chains {
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

fn four(x: Chains, c: Value) -> Chains {
    return step(step(step(step(x, c), c), c), c);
}

fn sixteen(x: Chains, c: Value) -> Chains {
    return four(four(four(four(x, c), c), c), c);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = Value(-Scalar(params.numerator) / Scalar(DENOMINATOR));
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
