// Measures the swap of two dimensions as WebGPU runtimes do it: tiles of 16×16 through workgroup memory, one element
// for each invocation.
// One invocation moves 2 elements.

alias Scalar = f32;

struct Params {
    rows: u32,
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> result: array<Scalar>;

// One column more than the tile has keeps accesses along a column apart.
var<workgroup> tile: array<array<Scalar, 17>, 16>;

@compute @workgroup_size(16, 16)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let at = group.y * groups.x + group.x;
    let across = (params.rows + 15u) / 16u;
    let top = at % across * 16u;
    let left = at / across * 16u;
    if top + local.y < params.rows && left + local.x < params.cols {
        tile[local.y][local.x] = source[(top + local.y) * params.cols + left + local.x];
    }
    workgroupBarrier();
    if left + local.y < params.cols && top + local.x < params.rows {
        result[(left + local.y) * params.rows + top + local.x] = tile[local.x][local.y];
    }
}
