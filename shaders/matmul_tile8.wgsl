// Measures a matrix product of few rows as WebGPU runtimes tile it: 8×32 results for each workgroup of 8×8
// invocations, 1×4 for each invocation, both operands through workgroup memory in slices of depth 32, four
// elements an access.
// One invocation does 2 * 4 * k operations, k rounded up to 32.

alias Scalar = f32;

struct Params {
    m: u32,
    // A multiple of 4, as is k.
    n: u32,
    k: u32,
    batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Scalar>>;

var<workgroup> tile_a: array<array<vec4<Scalar>, 8>, 8>;
var<workgroup> tile_b: array<array<vec4<Scalar>, 8>, 32>;

// `quad` counts fours of columns.
fn load_a(batch: u32, row: u32, quad: u32) -> vec4<Scalar> {
    if row < params.m && quad * 4u < params.k {
        return a[(batch * params.m + row) * (params.k / 4u) + quad];
    }
    return vec4<Scalar>(0);
}

fn load_b(batch: u32, row: u32, quad: u32) -> vec4<Scalar> {
    if row < params.k && quad * 4u < params.n {
        return b[(batch * params.k + row) * (params.n / 4u) + quad];
    }
    return vec4<Scalar>(0);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let batch = group.z;
    let row = group.y * 8u + local.y;
    let top = local.y * 4u;
    let quad = group.x * 8u + local.x;
    var sum: vec4<Scalar>;
    for (var depth = 0u; depth < params.k; depth += 32u) {
        tile_a[local.y][local.x] = load_a(batch, row, depth / 4u + local.x);
        for (var y = 0u; y < 4u; y += 1u) {
            tile_b[top + y][local.x] = load_b(batch, depth + top + y, quad);
        }
        workgroupBarrier();
        for (var step = 0u; step < 8u; step += 1u) {
            let b0 = tile_b[step * 4u][local.x];
            let b1 = tile_b[step * 4u + 1u][local.x];
            let b2 = tile_b[step * 4u + 2u][local.x];
            let b3 = tile_b[step * 4u + 3u][local.x];
            let left = tile_a[local.y][step];
            sum = b0 * left.x + sum;
            sum = b1 * left.y + sum;
            sum = b2 * left.z + sum;
            sum = b3 * left.w + sum;
        }
        workgroupBarrier();
    }
    if row < params.m && quad * 4u < params.n {
        c[(batch * params.m + row) * (params.n / 4u) + quad] = sum;
    }
}
