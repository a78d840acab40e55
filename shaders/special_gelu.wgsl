// Measures a function of one operand that takes an exponential and a division (the Gaussian error linear unit):
// four elements for each invocation, one access in and one out.
// One invocation computes 4 results.

alias Scalar = f32;

struct Params {
    vectors: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<Scalar>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Scalar>>;

// Abramowitz and Stegun, formula 7.1.26: within 1.5e-7.
fn error_function(v: vec4<Scalar>) -> vec4<Scalar> {
    let size = abs(v);
    let t = 1 / (1 + 0.3275911 * size);
    let sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(v) * (1 - sum * exp(-size * size));
}

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
    if at >= params.vectors {
        return;
    }
    let value = x[at];
    y[at] = 0.5 * value * (1 + error_function(value * 0.70710678));
}
