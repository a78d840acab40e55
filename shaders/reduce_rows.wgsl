// Measures sums over rows as WebGPU runtimes compute them: a row for each workgroup of 64 invocations, added up in
// workgroup memory.
// One invocation does cols / 64 operations and up to 6 more.

alias Scalar = f32;

struct Params {
    rows: u32,
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Scalar>;
@group(0) @binding(2) var<storage, read_write> y: array<Scalar>;

var<workgroup> partial: array<Scalar, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = group.y * groups.x + group.x;
    // The same for the whole workgroup.
    if row >= params.rows {
        return;
    }
    var sum = Scalar(0);
    for (var col = local; col < params.cols; col += 64u) {
        sum += x[row * params.cols + col];
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var size = 32u; size > 0u; size /= 2u) {
        if local < size {
            sum += partial[local + size];
            partial[local] = sum;
        }
        workgroupBarrier();
    }
    if local == 0u {
        y[row] = sum / Scalar(params.cols);
    }
}
