// Measures softmax in two passes: eight rows for each workgroup of 64 invocations, eight invocations for each row,
// the largest element and the sum of exponentials found together, four elements an access.
// One invocation computes 3 * cols / 8 exponentials, a third of them in steps of 4.

alias Scalar = f32;
alias Value = vec4<Scalar>;

struct Params {
    rows: u32,
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value>;
@group(0) @binding(2) var<storage, read_write> y: array<Value>;

var<workgroup> largest: array<Scalar, 64>;
var<workgroup> sums: array<Scalar, 64>;

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = (group.y * groups.x + group.x) * 8u + lane.y;
    let values = params.cols / 4u;
    let first = row * values;
    var top = Scalar(-65504);
    var sum = Scalar(0);
    if row < params.rows {
        for (var at = lane.x; at < values; at += 8u) {
            let value = x[first + at];
            let higher = max(top, max(max(value.x, value.y), max(value.z, value.w)));
            let parts = exp(value - higher);
            sum = sum * exp(top - higher) + parts.x + parts.y + parts.z + parts.w;
            top = higher;
        }
    }
    largest[local] = top;
    sums[local] = sum;
    workgroupBarrier();
    let start = lane.y * 8u;
    for (var other = 0u; other < 8u; other += 1u) {
        top = max(top, largest[start + other]);
    }
    sum = Scalar(0);
    for (var other = 0u; other < 8u; other += 1u) {
        sum += sums[start + other] * exp(largest[start + other] - top);
    }
    if row < params.rows {
        for (var at = lane.x; at < values; at += 8u) {
            y[first + at] = exp(x[first + at] - top) / sum;
        }
    }
}
