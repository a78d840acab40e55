// Measures layer normalisation as WebGPU runtimes compute it: a row for each workgroup of 64 invocations, each with a
// run of neighbouring elements, which it copies while it adds them and their squares up in workgroup memory, and
// scales afterwards; four elements an access.
// One invocation does 8 * cols / 64 operations.

alias Scalar = f32;
alias Value = vec4<Scalar>;
alias Sum = vec4<f32>;

struct Params {
    rows: u32,
    // A multiple of 4.
    cols: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value>;
@group(0) @binding(2) var<storage, read> scale: array<Value>;
@group(0) @binding(3) var<storage, read> shift: array<Value>;
@group(0) @binding(4) var<storage, read_write> y: array<Value>;

var<workgroup> sums: array<Sum, 64>;
var<workgroup> squares: array<Sum, 64>;

fn total(parts: Sum) -> f32 {
    return parts.x + parts.y + parts.z + parts.w;
}

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
    let run = values / 64u;
    let col = run * local;
    let first = row * values + col;
    // The last invocation takes what is left.
    let count = select(run, values - run * 63u, local == 63u);
    sums[local] = Sum(0);
    squares[local] = Sum(0);
    for (var at = 0u; at < count; at += 1u) {
        let value = x[first + at];
        y[first + at] = value;
        sums[local] += Sum(value);
        squares[local] += Sum(value) * Sum(value);
    }
    workgroupBarrier();
    for (var size = 32u; size > 0u; size /= 2u) {
        if local < size {
            sums[local] += sums[local + size];
            squares[local] += squares[local + size];
        }
        workgroupBarrier();
    }
    let mean = total(sums[0]) / f32(params.cols);
    let variance = total(squares[0]) / f32(params.cols) - mean * mean;
    let factor = inverseSqrt(variance + 1e-5);
    for (var at = 0u; at < count; at += 1u) {
        y[first + at] = (y[first + at] - Scalar(mean)) * Scalar(factor) * scale[col + at] + shift[col + at];
    }
}
