// Measures a product of few rows by weights of 4 bits, as WebGPU runtimes spread it: 8 results of one row for each
// workgroup of 128 invocations, two columns at a time for each four rows of 32 lanes; a lane takes a block of 32
// weights, and the sums of the lanes are added up in workgroup memory.
// One invocation does 2 * 2 * k / 32 operations, and unpacks as many weights as half of that.

alias Scalar = f32;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    // Of 32 weights, in a column.
    blocks: u32,
}

const LANES: u32 = 32u;
const COLUMNS: u32 = 8u;
const ROWS: u32 = 4u;
const BLOCK: u32 = 32u;
const SLICE: u32 = 1024u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Scalar>;
@group(0) @binding(2) var<storage, read> b: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> scales: array<Scalar>;
@group(0) @binding(4) var<storage, read_write> c: array<Scalar>;

var<workgroup> slice: array<Scalar, 1024>;
var<workgroup> partial: array<array<Scalar, 32>, 8>;

// Weights 0 to 3 of a word, and 4 to 7 where shifted.
fn digits(word: u32) -> vec4<Scalar> {
    return vec4<Scalar>((vec4(word) >> vec4(0u, 4u, 8u, 12u)) & vec4(15u)) - vec4<Scalar>(8);
}

fn activations(at: u32) -> vec4<Scalar> {
    return vec4<Scalar>(slice[at], slice[at + 1u], slice[at + 2u], slice[at + 3u]);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let lane = index % LANES;
    let first = index / LANES;
    let row = group.y;
    var sums: array<Scalar, COLUMNS / ROWS>;
    for (var start = 0u; start < params.k; start += SLICE) {
        for (var at = index; at < SLICE; at += LANES * ROWS) {
            slice[at] = Scalar(0);
            if start + at < params.k {
                slice[at] = a[row * params.k + start + at];
            }
        }
        workgroupBarrier();
        let block = start / BLOCK + lane;
        for (var own = 0u; own < COLUMNS / ROWS; own += 1u) {
            let column = group.x * COLUMNS + first + own * ROWS;
            if column < params.n && block < params.blocks {
                let words = b[column * params.blocks + block];
                var sum = Scalar(0);
                for (var word = 0u; word < 4u; word += 1u) {
                    let at = lane * BLOCK + word * 8u;
                    sum += dot(activations(at), digits(words[word]));
                    sum += dot(activations(at + 4u), digits(words[word] >> 16u));
                }
                sums[own] += sum * scales[column * params.blocks + block];
            }
        }
        workgroupBarrier();
    }
    for (var own = 0u; own < COLUMNS / ROWS; own += 1u) {
        partial[first + own * ROWS][lane] = sums[own];
    }
    workgroupBarrier();
    let column = group.x * COLUMNS + index;
    if index < COLUMNS && column < params.n {
        var sum = Scalar(0);
        for (var other = 0u; other < LANES; other += 1u) {
            sum += partial[index][other];
        }
        c[row * params.n + column] = sum;
    }
}
