// Measures a product of few rows by weights of 4 bits without workgroup memory: one result for each invocation, a
// block of 32 weights at a time.
// One invocation does 2 * k operations, and unpacks k weights.

alias Scalar = f32;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    // Of 32 weights, in a column.
    blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Scalar>;
@group(0) @binding(2) var<storage, read> b: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> scales: array<Scalar>;
@group(0) @binding(4) var<storage, read_write> c: array<Scalar>;

// Weights 0 to 3 of a word, and 4 to 7 where shifted.
fn digits(word: u32) -> vec4<Scalar> {
    return vec4<Scalar>((vec4(word) >> vec4(0u, 4u, 8u, 12u)) & vec4(15u)) - vec4<Scalar>(8);
}

// Beyond the row they are those of the next, and count nothing.
fn activations(row: u32, step: u32) -> vec4<Scalar> {
    let at = vec4(step, step + 1u, step + 2u, step + 3u);
    let places = vec4(row * params.k) + min(at, vec4(params.k - 1u));
    let values = vec4<Scalar>(a[places.x], a[places.y], a[places.z], a[places.w]);
    return select(vec4<Scalar>(0), values, at < vec4(params.k));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 64u + id.x;
    if index >= params.m * params.n {
        return;
    }
    let row = index / params.n;
    let column = index % params.n;
    var sum = Scalar(0);
    for (var block = 0u; block < params.blocks; block += 1u) {
        let words = b[column * params.blocks + block];
        var part = Scalar(0);
        for (var word = 0u; word < 4u; word += 1u) {
            let step = block * 32u + word * 8u;
            part += dot(activations(row, step), digits(words[word]));
            part += dot(activations(row, step + 4u), digits(words[word] >> 16u));
        }
        sum += part * scales[column * params.blocks + block];
    }
    c[index] = sum;
}
