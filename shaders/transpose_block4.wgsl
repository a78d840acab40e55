// Measures the swap of two dimensions in registers: a block of 4×4 elements for each invocation, four elements an
// access.
// One invocation moves 32 elements.

alias Scalar = f32;

struct Params {
    // Multiples of 4.
    rows: u32,
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<Scalar>>;

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let quads_down = params.rows / 4u;
    let quads_across = params.cols / 4u;
    let at = group.y * groups.x + group.x;
    let wide = (quads_across + 7u) / 8u;
    let down = at / wide * 8u + local.y;
    let across = at % wide * 8u + local.x;
    if down >= quads_down || across >= quads_across {
        return;
    }
    let origin = down * 4u * quads_across + across;
    let r0 = source[origin];
    let r1 = source[origin + quads_across];
    let r2 = source[origin + 2u * quads_across];
    let r3 = source[origin + 3u * quads_across];
    let to = across * 4u * quads_down + down;
    result[to] = vec4<Scalar>(r0.x, r1.x, r2.x, r3.x);
    result[to + quads_down] = vec4<Scalar>(r0.y, r1.y, r2.y, r3.y);
    result[to + 2u * quads_down] = vec4<Scalar>(r0.z, r1.z, r2.z, r3.z);
    result[to + 3u * quads_down] = vec4<Scalar>(r0.w, r1.w, r2.w, r3.w);
}
