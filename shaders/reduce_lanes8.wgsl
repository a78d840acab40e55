// Measures sums over rows, eight rows for each workgroup of 64 invocations and eight invocations for each row, added
// up in workgroup memory: fewer barriers for each row.
// One invocation does cols / 8 operations and up to 3 more.

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

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = (group.y * groups.x + group.x) * 8u + lane.y;
    var sum = Scalar(0);
    if row < params.rows {
        for (var col = lane.x; col < params.cols; col += 8u) {
            sum += x[row * params.cols + col];
        }
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var size = 4u; size > 0u; size /= 2u) {
        if lane.x < size {
            sum += partial[local + size];
            partial[local] = sum;
        }
        workgroupBarrier();
    }
    if lane.x == 0u && row < params.rows {
        y[row] = sum / Scalar(params.cols);
    }
}
