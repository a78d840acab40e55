// Measures softmax as WebGPU runtimes compute it: a row for each workgroup of 64 invocations, gone through three
// times (largest, sum of exponentials, quotients), four elements an access, the parts joined in workgroup memory.
// One invocation computes 2 * cols / 64 exponentials.

alias Scalar = f32;
alias Value = vec4<Scalar>;

struct Params {
    rows: u32,
    // A multiple of 4.
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value>;
@group(0) @binding(2) var<storage, read_write> y: array<Value>;

var<workgroup> partial: array<Value, 64>;
var<workgroup> row_largest: Scalar;
var<workgroup> row_sum: Scalar;

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
    let values = params.cols / 4u;
    let first = row * values;
    // The least finite number of half precision, which no exponential tells from less.
    var largest = Value(-65504);
    for (var at = local; at < values; at += 64u) {
        largest = max(largest, x[first + at]);
    }
    partial[local] = largest;
    workgroupBarrier();
    for (var size = 32u; size > 0u; size /= 2u) {
        if local < size {
            partial[local] = max(partial[local], partial[local + size]);
        }
        workgroupBarrier();
    }
    if local == 0u {
        let parts = partial[0];
        row_largest = max(max(parts.x, parts.y), max(parts.z, parts.w));
    }
    workgroupBarrier();
    var sum = Value(0);
    for (var at = local; at < values; at += 64u) {
        sum += exp(x[first + at] - row_largest);
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var size = 32u; size > 0u; size /= 2u) {
        if local < size {
            partial[local] = partial[local] + partial[local + size];
        }
        workgroupBarrier();
    }
    if local == 0u {
        let parts = partial[0];
        row_sum = parts.x + parts.y + parts.z + parts.w;
    }
    workgroupBarrier();
    for (var at = local; at < values; at += 64u) {
        y[first + at] = exp(x[first + at] - row_largest) / row_sum;
    }
}
