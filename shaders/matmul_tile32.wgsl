// Measures a matrix product as WebGPU runtimes tile it: 32×32 results for each workgroup of 8×8 invocations,
// 4×4 for each invocation, both operands through workgroup memory in slices of depth 32.
// One invocation does 2 * 16 * k operations.

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

var<workgroup> tile_a: array<array<Scalar, 32>, 32>;
var<workgroup> tile_b: array<array<Scalar, 32>, 32>;

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let row = group.y * 32u;
    let col = group.x * 32u;
    let base_a = group.z * params.m * params.k;
    let base_b = group.z * params.k * params.n;
    var sums: array<vec4<Scalar>, 4>;
    for (var depth = 0u; depth < params.k; depth += 32u) {
        for (var at = index; at < 1024u; at += 64u) {
            let y = at / 32u;
            let x = at % 32u;
            var value = Scalar(0);
            if row + y < params.m && depth + x < params.k {
                value = a[base_a + (row + y) * params.k + depth + x];
            }
            tile_a[y][x] = value;
            value = Scalar(0);
            if depth + y < params.k && col + x < params.n {
                value = b[base_b + (depth + y) * params.n + col + x];
            }
            tile_b[y][x] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < 32u; k += 1u) {
            let at = local.x * 4u;
            let right = vec4<Scalar>(tile_b[k][at], tile_b[k][at + 1u], tile_b[k][at + 2u], tile_b[k][at + 3u]);
            sums[0] += tile_a[local.y * 4u][k] * right;
            sums[1] += tile_a[local.y * 4u + 1u][k] * right;
            sums[2] += tile_a[local.y * 4u + 2u][k] * right;
            sums[3] += tile_a[local.y * 4u + 3u][k] * right;
        }
        workgroupBarrier();
    }
    let base_c = group.z * params.m * params.n;
    for (var y = 0u; y < 4u; y += 1u) {
        for (var x = 0u; x < 4u; x += 1u) {
            let to_row = row + local.y * 4u + y;
            let to_col = col + local.x * 4u + x;
            if to_row < params.m && to_col < params.n {
                c[base_c + to_row * params.n + to_col] = sums[y][x];
            }
        }
    }
}
