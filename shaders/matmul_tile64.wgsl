// Measures a matrix product in large tiles: 64×64 results for each workgroup of 8×8 invocations, 8×8 for each
// invocation, both operands through workgroup memory in slices of depth 16, four elements an access.
// One invocation does 2 * 64 * k operations, k rounded up to 16.

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

// Transposed, so that the eight rows of an invocation are two accesses. One row more than the tile has keeps the
// writes apart.
var<workgroup> tile_a: array<array<vec4<Scalar>, 17>, 16>;
var<workgroup> tile_b: array<array<vec4<Scalar>, 16>, 16>;

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
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let batch = group.z;
    let row = group.y * 64u;
    let quad = group.x * 16u;
    var low: array<vec4<Scalar>, 8>;
    var high: array<vec4<Scalar>, 8>;
    for (var depth = 0u; depth < params.k; depth += 16u) {
        // Each invocation turns a block of 4 rows and 4 steps.
        let strip = index / 4u;
        let part = index % 4u;
        let r0 = load_a(batch, row + strip * 4u, depth / 4u + part);
        let r1 = load_a(batch, row + strip * 4u + 1u, depth / 4u + part);
        let r2 = load_a(batch, row + strip * 4u + 2u, depth / 4u + part);
        let r3 = load_a(batch, row + strip * 4u + 3u, depth / 4u + part);
        tile_a[part * 4u][strip] = vec4<Scalar>(r0.x, r1.x, r2.x, r3.x);
        tile_a[part * 4u + 1u][strip] = vec4<Scalar>(r0.y, r1.y, r2.y, r3.y);
        tile_a[part * 4u + 2u][strip] = vec4<Scalar>(r0.z, r1.z, r2.z, r3.z);
        tile_a[part * 4u + 3u][strip] = vec4<Scalar>(r0.w, r1.w, r2.w, r3.w);
        for (var at = index; at < 256u; at += 64u) {
            tile_b[at / 16u][at % 16u] = load_b(batch, depth + at / 16u, quad + at % 16u);
        }
        workgroupBarrier();
        for (var step = 0u; step < 16u; step += 1u) {
            let top = tile_a[step][local.y * 2u];
            let bottom = tile_a[step][local.y * 2u + 1u];
            let left = tile_b[step][local.x];
            let right = tile_b[step][local.x + 8u];
            low[0] += top.x * left;
            low[1] += top.y * left;
            low[2] += top.z * left;
            low[3] += top.w * left;
            low[4] += bottom.x * left;
            low[5] += bottom.y * left;
            low[6] += bottom.z * left;
            low[7] += bottom.w * left;
            high[0] += top.x * right;
            high[1] += top.y * right;
            high[2] += top.z * right;
            high[3] += top.w * right;
            high[4] += bottom.x * right;
            high[5] += bottom.y * right;
            high[6] += bottom.z * right;
            high[7] += bottom.w * right;
        }
        workgroupBarrier();
    }
    let quads = params.n / 4u;
    for (var y = 0u; y < 8u; y += 1u) {
        let to_row = row + local.y * 8u + y;
        if to_row < params.m {
            let to = (batch * params.m + to_row) * quads;
            if quad + local.x < quads {
                c[to + quad + local.x] = low[y];
            }
            if quad + local.x + 8u < quads {
                c[to + quad + local.x + 8u] = high[y];
            }
        }
    }
}
