// Measures the highest rate of multiply-adds: independent chains of dependent ones, kept in registers.
// One invocation does 2 * LANES * CHAINS * 32 * params.turns operations (a multiply-add is two).
// x = x * x + c has no closed form a compiler could use, and every chain is stored.

alias Scalar = f32;
alias Value = vec4<Scalar>;
const CHAINS: u32 = 2u;
const WORKGROUP: u32 = 64u;

struct Params {
    turns: u32,
    invocations: u32,
    // c = -numerator / 1024, so that x stays within (-1, 1).
    numerator: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> start: array<Value>;
@group(0) @binding(2) var<storage, read_write> result: array<Value>;

fn once(x: Value, c: Value) -> Value {
    return x * x + c;
}

fn four(x: Value, c: Value) -> Value {
    return once(once(once(once(x, c), c), c), c);
}

fn sixteen(x: Value, c: Value) -> Value {
    return four(four(four(four(x, c), c), c), c);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = Value(-Scalar(params.numerator) / Scalar(1024));
    let at = id.x;
    let step = params.invocations;
    var x0 = start[at];
    var x1 = start[at + step];
    var x2 = start[at + 2u * step];
    var x3 = start[at + 3u * step];
    var x4 = start[at + 4u * step];
    var x5 = start[at + 5u * step];
    var x6 = start[at + 6u * step];
    var x7 = start[at + 7u * step];
    for (var turn = 0u; turn < params.turns; turn += 1u) {
        x0 = sixteen(x0, c);
        if CHAINS > 1u { x1 = sixteen(x1, c); }
        if CHAINS > 2u { x2 = sixteen(x2, c); x3 = sixteen(x3, c); }
        if CHAINS > 4u { x4 = sixteen(x4, c); x5 = sixteen(x5, c); x6 = sixteen(x6, c); x7 = sixteen(x7, c); }
        x0 = sixteen(x0, c);
        if CHAINS > 1u { x1 = sixteen(x1, c); }
        if CHAINS > 2u { x2 = sixteen(x2, c); x3 = sixteen(x3, c); }
        if CHAINS > 4u { x4 = sixteen(x4, c); x5 = sixteen(x5, c); x6 = sixteen(x6, c); x7 = sixteen(x7, c); }
    }
    result[at] = x0;
    if CHAINS > 1u { result[at + step] = x1; }
    if CHAINS > 2u { result[at + 2u * step] = x2; result[at + 3u * step] = x3; }
    if CHAINS > 4u {
        result[at + 4u * step] = x4;
        result[at + 5u * step] = x5;
        result[at + 6u * step] = x6;
        result[at + 7u * step] = x7;
    }
}
