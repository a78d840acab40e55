// Measures a tiny matrix product as WebGPU runtimes compute it: four rows of one column for each invocation, no
// workgroup memory.
// One invocation does 2 * 4 * k operations.

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

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    var at = id.x;
    // A line of workgroups that is too long is folded.
    if groups.y > 1u {
        at += id.y * groups.x * 64u;
    }
    let col = at % params.n;
    let strips = (params.m + 3u) / 4u;
    let row = at / params.n % strips * 4u;
    let batch = at / params.n / strips;
    if batch >= params.batch {
        return;
    }
    // The rows past the last are computed from the last, and dropped.
    var rows: array<u32, 4>;
    for (var y = 0u; y < 4u; y += 1u) {
        rows[y] = (batch * params.m + min(row + y, params.m - 1u)) * params.k;
    }
    var sums: array<Scalar, 4>;
    for (var step = 0u; step < params.k; step += 1u) {
        let right = b[(batch * params.k + step) * params.n + col];
        for (var y = 0u; y < 4u; y += 1u) {
            sums[y] = fma(a[rows[y] + step], right, sums[y]);
        }
    }
    for (var y = 0u; y < 4u; y += 1u) {
        if row + y < params.m {
            c[(batch * params.m + row + y) * params.n + col] = sums[y];
        }
    }
}
