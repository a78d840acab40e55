// Measures what starting a dispatch costs: nothing is computed, and one number is written to show that it ran.
// One invocation does 0 operations.

struct Params {
    token: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

@compute @workgroup_size(1)
fn main() {
    result[0] = params.token;
}
