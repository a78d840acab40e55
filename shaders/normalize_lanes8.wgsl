// Measures layer normalisation, eight rows for each workgroup of 64 invocations and eight invocations for each row,
// which take turns at its elements; four elements an access.
// One invocation does 8 * cols / 8 operations.

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
@group(0) @binding(2) var<storage, read> scale: array<Value>;
@group(0) @binding(3) var<storage, read> shift: array<Value>;
@group(0) @binding(4) var<storage, read_write> y: array<Value>;

var<workgroup> parts: array<vec2<f32>, 64>;

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
    var sum = vec4<f32>(0);
    var squares = vec4<f32>(0);
    if row < params.rows {
        for (var at = lane.x; at < values; at += 8u) {
            let value = vec4<f32>(x[first + at]);
            sum += value;
            squares += value * value;
        }
    }
    let ones = vec4<f32>(1);
    parts[local] = vec2<f32>(dot(sum, ones), dot(squares, ones));
    workgroupBarrier();
    var total = vec2<f32>(0);
    for (var other = 0u; other < 8u; other += 1u) {
        total += parts[lane.y * 8u + other];
    }
    let mean = total.x / f32(params.cols);
    let factor = inverseSqrt(total.y / f32(params.cols) - mean * mean + 1e-5);
    if row < params.rows {
        for (var at = lane.x; at < values; at += 8u) {
            y[first + at] = (x[first + at] - Scalar(mean)) * Scalar(factor) * scale[at] + shift[at];
        }
    }
}
