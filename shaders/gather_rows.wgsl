// Measures rows picked from a table as WebGPU runtimes pick them: one element for each invocation, its place computed
// from three indices.
// One invocation moves 2 elements and reads an index.

alias Scalar = f32;

struct Params {
    outputs: u32,
    table_rows: u32,
    cols: u32,
    unused: u32,
    // Elements of one index of the first two dimensions of the result, [1, rows, cols].
    result_strides: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<Scalar>;
@group(0) @binding(2) var<storage, read> picked: array<u32>;
@group(0) @binding(3) var<storage, read_write> result: array<Scalar>;

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
    if at >= params.outputs {
        return;
    }
    let outer = at / params.result_strides.x;
    let rest = at % params.result_strides.x;
    let row = outer + rest / params.result_strides.y;
    let col = rest % params.result_strides.y;
    var index = i32(picked[row]);
    // ONNX counts negative indices from the end.
    if index < 0 {
        index += i32(params.table_rows);
    }
    result[at] = table[u32(index) * params.cols + col];
}
