// Measures the rate of one costly function: two chains of vectors, each result the next argument.
// One invocation does 4 * 2 * 16 * params.turns operations, here results of the function; each comes with one
// simple operation that keeps its argument from settling where the function costs nothing.

const EXP: u32 = 0u;
const TANH: u32 = 1u;
const DIV: u32 = 2u;
const SQRT: u32 = 3u;
const FUNCTION: u32 = EXP;
const WORKGROUP: u32 = 64u;

struct Params {
    turns: u32,
    invocations: u32,
    // c = numerator / 1024; the numerator is signed.
    numerator: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> start: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;

fn once(x: vec4<f32>, c: vec4<f32>) -> vec4<f32> {
    if FUNCTION == EXP { return exp(c * x); }
    if FUNCTION == TANH { return tanh(c * x); }
    if FUNCTION == DIV { return c / (c + x); }
    return sqrt(c + x);
}

struct Pair {
    x: vec4<f32>,
    y: vec4<f32>,
}

fn step(pair: Pair, c: vec4<f32>) -> Pair {
    return Pair(once(pair.x, c), once(pair.y, c));
}

fn four(pair: Pair, c: vec4<f32>) -> Pair {
    return step(step(step(step(pair, c), c), c), c);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = vec4<f32>(f32(bitcast<i32>(params.numerator)) / 1024.0);
    var pair = Pair(start[id.x], start[id.x + params.invocations]);
    for (var turn = 0u; turn < params.turns; turn += 1u) {
        pair = four(four(four(four(pair, c), c), c), c);
    }
    result[id.x] = pair.x;
    result[id.x + params.invocations] = pair.y;
}
