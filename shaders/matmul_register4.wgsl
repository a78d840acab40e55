// Measures a matrix product without workgroup memory: 4×4 results for each invocation, operands straight from
// memory into registers, four elements an access; caches do the rest.
// One invocation does 2 * 16 * k operations.

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

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let quads_k = params.k / 4u;
    let quads_n = params.n / 4u;
    let row = id.y * 4u;
    if id.x >= quads_n || row >= params.m {
        return;
    }
    // The rows past the last are computed from the last, and dropped.
    let base = id.z * params.m;
    let last = params.m - 1u;
    let row0 = (base + row) * quads_k;
    let row1 = (base + min(row + 1u, last)) * quads_k;
    let row2 = (base + min(row + 2u, last)) * quads_k;
    let row3 = (base + min(row + 3u, last)) * quads_k;
    var right = id.z * params.k * quads_n + id.x;
    var sum0 = vec4<Scalar>(0);
    var sum1 = vec4<Scalar>(0);
    var sum2 = vec4<Scalar>(0);
    var sum3 = vec4<Scalar>(0);
    for (var step = 0u; step < quads_k; step += 1u) {
        let b0 = b[right];
        let b1 = b[right + quads_n];
        let b2 = b[right + 2u * quads_n];
        let b3 = b[right + 3u * quads_n];
        right += 4u * quads_n;
        let a0 = a[row0 + step];
        let a1 = a[row1 + step];
        let a2 = a[row2 + step];
        let a3 = a[row3 + step];
        sum0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
        sum1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
        sum2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
        sum3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
    }
    let to = (base + row) * quads_n + id.x;
    c[to] = sum0;
    if row + 1u < params.m {
        c[to + quads_n] = sum1;
    }
    if row + 2u < params.m {
        c[to + 2u * quads_n] = sum2;
    }
    if row + 3u < params.m {
        c[to + 3u * quads_n] = sum3;
    }
}
