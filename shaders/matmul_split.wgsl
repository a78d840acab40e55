// Measures a product of few rows as a sum split over invocations: 32 results of one row for each workgroup of 64
// invocations, an eighth of the sum of four results for each, added up in workgroup memory.
// One invocation does 2 * 4 * k / 8 operations.

alias Scalar = f32;

struct Params {
    m: u32,
    // A multiple of 4.
    n: u32,
    k: u32,
    batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Scalar>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Scalar>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Scalar>>;

var<workgroup> partial: array<vec4<Scalar>, 64>;

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let quads = params.n / 4u;
    let quad = group.x * 8u + local.x;
    let row = group.z * params.m + group.y;
    var sum = vec4<Scalar>(0);
    if quad < quads {
        for (var step = local.y; step < params.k; step += 8u) {
            sum += a[row * params.k + step] * b[(group.z * params.k + step) * quads + quad];
        }
    }
    partial[index] = sum;
    workgroupBarrier();
    if local.y == 0u && quad < quads {
        for (var part = 1u; part < 8u; part += 1u) {
            sum += partial[part * 8u + local.x];
        }
        c[row * quads + quad] = sum;
    }
}
