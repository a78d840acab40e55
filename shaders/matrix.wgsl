// Measures the highest rate of cooperative matrix products: sums of products that stay in registers, made by
// each subgroup on its own.
// One subgroup does 2 * SIZE^3 * ACCUMULATORS * (32 * params.turns + 1) operations (a multiply-add is two).
// The second factor alternates in sign, so that the sums return to where they began and stay exact.

enable wgpu_cooperative_matrix;

alias Scalar = f32;
alias Left = coop_mat8x8<f32, A>;
alias Right = coop_mat8x8<f32, B>;
alias Sum = coop_mat8x8<f32, C>;
const SIZE: u32 = 8u;
const ACCUMULATORS: u32 = 2u;
// Invocations of a subgroup; with fewer than this the rate is understated.
const SUBGROUP: u32 = 32u;
// A whole number of subgroups on every adapter.
const WORKGROUP: u32 = 64u;

struct Params {
    turns: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<Scalar>;
@group(0) @binding(2) var<storage, read> right: array<Scalar>;
@group(0) @binding(3) var<storage, read> start: array<Scalar>;
@group(0) @binding(4) var<storage, read_write> result: array<Scalar>;

var<workgroup> opposite: array<Scalar, SIZE * SIZE>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    for (var at = index; at < SIZE * SIZE; at += WORKGROUP) {
        opposite[at] = -right[at];
    }
    workgroupBarrier();
    let a = coopLoadT<Left>(&left[0], SIZE);
    let plus = coopLoadT<Right>(&right[0], SIZE);
    let minus = coopLoadT<Right>(&opposite[0], SIZE);
    let tile = SIZE * SIZE;
    let mine = min(subgroup, WORKGROUP / SUBGROUP - 1u);
    let at = (group.x * (WORKGROUP / SUBGROUP) + mine) * ACCUMULATORS * tile;
    var sum0 = coopLoadT<Sum>(&start[at], SIZE);
    var sum1 = sum0;
    var sum2 = sum0;
    var sum3 = sum0;
    if ACCUMULATORS > 1u { sum1 = coopLoadT<Sum>(&start[at + tile], SIZE); }
    if ACCUMULATORS > 2u {
        sum2 = coopLoadT<Sum>(&start[at + 2u * tile], SIZE);
        sum3 = coopLoadT<Sum>(&start[at + 3u * tile], SIZE);
    }
    for (var turn = 0u; turn < params.turns; turn += 1u) {
        for (var step = 0u; step < 16u; step += 1u) {
            sum0 = coopMultiplyAdd(a, plus, sum0);
            if ACCUMULATORS > 1u { sum1 = coopMultiplyAdd(a, plus, sum1); }
            if ACCUMULATORS > 2u {
                sum2 = coopMultiplyAdd(a, plus, sum2);
                sum3 = coopMultiplyAdd(a, plus, sum3);
            }
            sum0 = coopMultiplyAdd(a, minus, sum0);
            if ACCUMULATORS > 1u { sum1 = coopMultiplyAdd(a, minus, sum1); }
            if ACCUMULATORS > 2u {
                sum2 = coopMultiplyAdd(a, minus, sum2);
                sum3 = coopMultiplyAdd(a, minus, sum3);
            }
        }
    }
    sum0 = coopMultiplyAdd(a, plus, sum0);
    if ACCUMULATORS > 1u { sum1 = coopMultiplyAdd(a, plus, sum1); }
    if ACCUMULATORS > 2u {
        sum2 = coopMultiplyAdd(a, plus, sum2);
        sum3 = coopMultiplyAdd(a, plus, sum3);
    }
    coopStoreT(sum0, &result[at], SIZE);
    if ACCUMULATORS > 1u { coopStoreT(sum1, &result[at + tile], SIZE); }
    if ACCUMULATORS > 2u {
        coopStoreT(sum2, &result[at + 2u * tile], SIZE);
        coopStoreT(sum3, &result[at + 3u * tile], SIZE);
    }
}
