// Measures a matrix product of few rows and of sizes that no 4 divides, as WebGPU runtimes tile it: 8×32 results
// for each workgroup of 8×8 invocations, 1×4 for each invocation, both operands through workgroup memory in slices
// of depth 32, one element an access.
// One invocation does 2 * 4 * k operations, k rounded up to 32.

alias Scalar = f32;

struct Params {
    m: u32,
    n: u32,
    k: u32,
    batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Scalar>;
@group(0) @binding(2) var<storage, read> b: array<Scalar>;
@group(0) @binding(3) var<storage, read_write> c: array<Scalar>;

var<workgroup> tile_a: array<array<Scalar, 32>, 8>;
var<workgroup> tile_b: array<array<Scalar, 32>, 32>;

fn load_a(batch: u32, row: u32, col: u32) -> Scalar {
    if row < params.m && col < params.k {
        return a[(batch * params.m + row) * params.k + col];
    }
    return Scalar(0);
}

fn load_b(batch: u32, row: u32, col: u32) -> Scalar {
    if row < params.k && col < params.n {
        return b[(batch * params.k + row) * params.n + col];
    }
    return Scalar(0);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let batch = group.z;
    let top = local.y * 4u;
    let left = local.x * 4u;
    let row = group.y * 8u + local.y;
    let col = group.x * 32u + left;
    var sums: array<Scalar, 4>;
    for (var depth = 0u; depth < params.k; depth += 32u) {
        for (var x = 0u; x < 4u; x += 1u) {
            tile_a[local.y][left + x] = load_a(batch, row, depth + left + x);
        }
        for (var y = 0u; y < 4u; y += 1u) {
            for (var x = 0u; x < 4u; x += 1u) {
                tile_b[top + y][left + x] = load_b(batch, depth + top + y, col + x);
            }
        }
        workgroupBarrier();
        var right: array<Scalar, 4>;
        for (var step = 0u; step < 32u; step += 1u) {
            for (var x = 0u; x < 4u; x += 1u) {
                right[x] = tile_b[step][left + x];
            }
            let factor = tile_a[local.y][step];
            for (var x = 0u; x < 4u; x += 1u) {
                sums[x] = sums[x] + factor * right[x];
            }
        }
        workgroupBarrier();
    }
    for (var x = 0u; x < 4u; x += 1u) {
        if row < params.m && col + x < params.n {
            c[(batch * params.m + row) * params.n + col + x] = sums[x];
        }
    }
}
