//! The form of one node of each family, its sizes by hand.

use super::*;
use crate::ops::Attribute;
use crate::ops::testing::{Case, microsoft, op, op_of};
use crate::tensor::ElementType::{Float16, Float32, Int8, Int32, Int64, Uint8};
use crate::tensor::Scalar;

fn matmul(batch: u64, m: u64, n: u64, k: u64, right: Right) -> Form {
    Form::MatMul(MatMul { batch, m, n, k, right })
}

fn rows(rows: u64, cols: u64, contiguous: bool) -> Rows {
    Rows { rows, cols, contiguous }
}

#[test]
fn rows_that_meet_one_matrix_are_rows_of_one_product() {
    use Right::{Activation, Constant, Packed};
    let matrix = |case: Case| case.value(Float32, &[2, 3], &[]);
    for (case, expected) in [
        (op("MatMul", 13).f32(&[5, 7, 2]).f32(&[2, 3]), matmul(1, 35, 3, 2, Activation)),
        (matrix(op("MatMul", 13).f32(&[5, 7, 2])), matmul(1, 35, 3, 2, Constant)),
        (op("MatMul", 13).f32(&[5, 7, 2]).f32(&[1, 2, 3]), matmul(1, 35, 3, 2, Activation)),
        (op("MatMul", 13).f32(&[5, 7, 2]).f32(&[5, 2, 3]), matmul(5, 7, 3, 2, Activation)),
        (op("MatMul", 13).f32(&[7, 2]).f32(&[5, 2, 3]), matmul(5, 7, 3, 2, Activation)),
        (op("MatMul", 13).f32(&[5, 1, 7, 2]).f32(&[4, 2, 3]), matmul(20, 7, 3, 2, Activation)),
        (op("MatMul", 13).f32(&[2]).f32(&[2, 3]), matmul(1, 1, 3, 2, Activation)),
        (op("MatMul", 13).f32(&[4, 2]).f32(&[2]), matmul(1, 4, 1, 2, Activation)),
        (op("MatMul", 13).f32(&[0, 2]).f32(&[2, 3]), matmul(1, 0, 3, 2, Activation)),
        (matrix(op("Gemm", 13).f32(&[2, 9])).attr("transA", 1), matmul(1, 9, 3, 2, Constant)),
        (op("Gemm", 13).f32(&[9, 2]).f32(&[3, 2]).attr("transB", 1), matmul(1, 9, 3, 2, Activation)),
        (matrix(microsoft("FusedMatMul").f32(&[4, 2, 9])).attr("transA", 1), matmul(1, 36, 3, 2, Constant)),
        (
            microsoft("MatMulNBits")
                .input(Float16, &[1, 9, 64])
                .input(Uint8, &[32, 2, 16])
                .attr("N", 32)
                .attr("K", 64)
                .attr("bits", 3),
            matmul(1, 9, 32, 64, Packed { bits: 3 }),
        ),
        (
            microsoft("QGemm").input(Uint8, &[9, 2]).f32(&[]).none().input(Int8, &[2, 3]).f32(&[]),
            matmul(1, 9, 3, 2, Activation),
        ),
        (
            op_of("ai.onnx.ml", "LinearRegressor", 1)
                .f32(&[8, 4])
                .attr("targets", 3)
                .attr("coefficients", Attribute::Floats(&[0.0; 12])),
            matmul(1, 8, 3, 4, Constant),
        ),
        (microsoft("CDist").f32(&[3, 8]).f32(&[5, 8]), matmul(1, 3, 5, 8, Activation)),
    ] {
        assert_eq!(case.form(), expected);
    }
}

#[test]
fn an_einsum_of_two_operands_is_a_matrix_product_if_it_sums() {
    let einsum = |equation: &'static str, shapes: &[&[u64]]| {
        shapes.iter().fold(op("Einsum", 12), |case, shape| case.f32(shape)).attr("equation", equation)
    };
    for (case, expected) in [
        (einsum("bhqd,bhkd->bhqk", &[&[2, 3, 5, 8], &[2, 3, 7, 8]]), matmul(6, 5, 7, 8, Right::Activation)),
        (einsum("bij,jk->bik", &[&[2, 3, 4], &[4, 5]]), matmul(1, 6, 5, 4, Right::Activation)),
        (
            einsum("i,j->ij", &[&[4], &[5]]),
            Form::Elementwise { elements: 20, inputs: 2, special: false, broadcast: true },
        ),
        (einsum("ij->i", &[&[4, 5]]), Form::Reduce(rows(4, 5, true))),
        (einsum("ij->ji", &[&[4, 5]]), Form::Copy { elements: 20, inputs: 1, outputs: 1 }),
        (
            einsum("ij,jk,kl->il", &[&[2, 3], &[3, 4], &[4, 5]]),
            Form::Contraction { macs: 2 * 3 * 4 + 2 * 4 * 5, outputs: 10 },
        ),
    ] {
        assert_eq!(case.form(), expected);
    }
}

#[test]
fn a_convolution_along_one_axis_has_height_one_and_along_three_none() {
    let plain = Conv {
        batch: 2,
        in_channels: 8,
        out_channels: 4,
        groups: 2,
        input: [1, 9],
        output: [1, 4],
        kernel: [1, 3],
        strides: [1, 2],
        dilations: [1, 1],
        transposed: false,
        channels_last: false,
    };
    let along = |case: Case| case.attr("strides", &[2]).attr("group", 2);
    let form = |conv| Form::Conv(Box::new(conv));
    assert_eq!(along(op("Conv", 22).f32(&[2, 8, 9]).f32(&[4, 4, 3])).form(), form(plain.clone()));
    let transposed = Conv { output: [1, 19], transposed: true, ..plain.clone() };
    assert_eq!(along(op("ConvTranspose", 22).f32(&[2, 8, 9]).f32(&[8, 2, 3])).form(), form(transposed));
    let last = Conv { channels_last: true, ..plain.clone() };
    assert_eq!(along(microsoft("NhwcConv").f32(&[2, 9, 8]).f32(&[4, 4, 3])).form(), form(last));
    let depthwise =
        Conv { out_channels: 8, groups: 8, output: [1, 9], kernel: [1, 4], strides: [1, 1], ..plain };
    assert!(depthwise.is_depthwise());
    assert_eq!(op("CausalConvWithState", 27).f32(&[2, 8, 9]).f32(&[8, 1, 4]).form(), form(depthwise));
    let volume = op("Conv", 22).f32(&[1, 2, 4, 5, 6]).f32(&[3, 2, 2, 2, 2]);
    assert_eq!(volume.form(), Form::Contraction { macs: 3 * 60 * 2 * 8, outputs: 180 });
}

#[test]
fn attention_may_project_its_input_itself() {
    let plain = Attention {
        batch: 2,
        heads: 8,
        kv_heads: 4,
        q_len: 5,
        kv_len: 7,
        head_size: 16,
        v_head_size: 12,
        projection: None,
    };
    let form = |attention| Form::Attention(Box::new(attention));
    let case = op("Attention", 23).f32(&[2, 8, 5, 16]).f32(&[2, 4, 7, 16]).f32(&[2, 4, 7, 12]);
    assert_eq!(case.form(), form(plain));

    let projection = MatMul { batch: 1, m: 10, n: 96, k: 12, right: Right::Activation };
    let projected = Attention {
        batch: 2,
        heads: 4,
        kv_heads: 4,
        q_len: 5,
        kv_len: 5,
        head_size: 8,
        v_head_size: 8,
        projection: Some(projection),
    };
    let case = microsoft("Attention").f32(&[2, 5, 12]).f32(&[12, 96]).f32(&[96]).attr("num_heads", 4);
    assert_eq!(case.form(), form(projected));

    // Nine heads on three; one token after 128 in the cache.
    let grouped = Attention {
        batch: 1,
        heads: 9,
        kv_heads: 3,
        q_len: 1,
        kv_len: 129,
        head_size: 64,
        v_head_size: 64,
        projection: None,
    };
    let case = microsoft("GroupQueryAttention")
        .f32(&[1, 1, 960])
        .none()
        .none()
        .f32(&[1, 3, 128, 64])
        .f32(&[1, 3, 128, 64])
        .input(Int32, &[1])
        .value(Int32, &[], &[Scalar::Int(129)])
        .attr("num_heads", 9)
        .attr("kv_num_heads", 3);
    assert_eq!(case.form(), form(grouped));
}

#[test]
fn a_recurrent_layer_is_a_contraction_where_sequences_end_early() {
    let lstm = || op("LSTM", 14).f32(&[6, 2, 3]).f32(&[2, 16, 3]).f32(&[2, 16, 4]).attr("hidden_size", 4);
    let both = || lstm().attr("direction", "bidirectional");
    let sizes = Recurrent { cell: Cell::Lstm, directions: 2, sequence: 6, batch: 2, input: 3, hidden: 4 };
    assert_eq!(both().form(), Form::Recurrent(Box::new(sizes)));
    let ending = both().none().value(Int32, &[2], &[Scalar::Int(6), Scalar::Int(1)]);
    let macs = 2 * 7 * 4 * 4 * (3 + 4);
    assert_eq!(ending.form().macs(), Some(macs));
    assert_eq!(ending.form().name(), "contraction");
    for (case, cell) in [
        (op("GRU", 14).f32(&[6, 2, 3]).f32(&[1, 12, 3]).f32(&[1, 12, 4]), Cell::Gru),
        (op("RNN", 14).f32(&[6, 2, 3]).f32(&[1, 4, 3]).f32(&[1, 4, 4]), Cell::Rnn),
    ] {
        let sizes = Recurrent { cell, directions: 1, sequence: 6, batch: 2, input: 3, hidden: 4 };
        assert_eq!(case.form(), Form::Recurrent(Box::new(sizes)));
    }
}

#[test]
fn scalars_are_not_read_and_smaller_operands_are_broadcast() {
    let form = |inputs, special, broadcast| Form::Elementwise { elements: 24, inputs, special, broadcast };
    for (case, expected) in [
        (op("Add", 14).f32(&[2, 3, 4]).f32(&[2, 3, 4]), form(2, false, false)),
        (op("Add", 14).f32(&[2, 3, 4]).f32(&[4]), form(2, false, true)),
        (op("Add", 14).f32(&[2, 3, 4]).f32(&[]), form(1, false, false)),
        (op("Clip", 13).f32(&[2, 3, 4]).f32(&[]).f32(&[]), form(1, false, false)),
        (op("Sigmoid", 13).f32(&[2, 3, 4]), form(1, true, false)),
        (op("Div", 14).f32(&[2, 3, 4]).f32(&[1]), form(1, true, false)),
        (
            op("BatchNormalization", 15).f32(&[2, 3, 4]).f32(&[3]).f32(&[3]).f32(&[3]).f32(&[3]),
            form(5, false, true),
        ),
        (op("Cast", 13).f32(&[24]).attr("to", 10), form(1, false, false)),
    ] {
        assert_eq!(case.form(), expected);
    }
}

#[test]
fn rows_are_contiguous_where_their_axes_are_the_innermost() {
    let reduce = |axes: &[i64]| op("ReduceMean", 18).f32(&[2, 3, 4, 5]).ints(axes);
    for (case, expected) in [
        (reduce(&[2, 3]), Form::Reduce(rows(6, 20, true))),
        (reduce(&[1]), Form::Reduce(rows(40, 3, false))),
        (reduce(&[0, 3]), Form::Reduce(rows(12, 10, false))),
        (reduce(&[]), Form::Reduce(rows(1, 120, true))),
        (op("ReduceSum", 13).f32(&[2, 3, 1, 1]).ints(&[1]), Form::Reduce(rows(2, 3, true))),
        (op("ArgMax", 13).f32(&[2, 3, 4]).attr("axis", -1), Form::ArgReduce(rows(6, 4, true))),
        (op("CumSum", 14).f32(&[2, 3, 4]).int(1), Form::Scan(rows(8, 3, false))),
        (op("TopK", 11).f32(&[2, 300]).ints(&[5]), Form::Sort(rows(2, 300, true))),
        (op("Softmax", 13).f32(&[2, 3, 4]), Form::Softmax(rows(6, 4, true))),
        (op("Softmax", 13).f32(&[2, 3, 4]).attr("axis", 1), Form::Softmax(rows(8, 3, false))),
        (op("Softmax", 11).f32(&[2, 3, 4]), Form::Softmax(rows(2, 12, true))),
        (op("LayerNormalization", 17).f32(&[2, 3, 4]).f32(&[4]), Form::Normalize(rows(6, 4, true))),
        (
            op("InstanceNormalization", 6).f32(&[2, 3, 4, 5]).f32(&[3]).f32(&[3]),
            Form::Normalize(rows(6, 20, true)),
        ),
        (
            op("GroupNormalization", 21).f32(&[2, 6, 4]).f32(&[6]).f32(&[6]).attr("num_groups", 3),
            Form::Normalize(rows(6, 8, true)),
        ),
        (
            microsoft("GroupNorm").f32(&[2, 4, 4, 6]).f32(&[6]).f32(&[6]).attr("groups", 3),
            Form::Normalize(rows(6, 32, false)),
        ),
        (op("MeanVarianceNormalization", 13).f32(&[2, 3, 4, 5]), Form::Normalize(rows(3, 40, false))),
        (
            microsoft("SkipLayerNormalization").f32(&[2, 3, 4]).f32(&[2, 3, 4]).f32(&[4]),
            Form::Normalize(rows(6, 4, true)),
        ),
    ] {
        assert_eq!(case.form(), expected);
    }
}

#[test]
fn axes_that_stay_neighbours_move_as_one() {
    let transpose = |dims: &[u64], perm: &'static [i64]| {
        op("Transpose", 13).f32(dims).attr("perm", Attribute::Ints(perm))
    };
    for (dims, perm, rank, run) in [
        (&[2, 3][..], &[1, 0][..], 2, 1),
        (&[1, 3], &[1, 0], 1, 3),
        (&[2, 3, 4], &[0, 1, 2], 1, 24),
        (&[2, 3, 4], &[1, 2, 0], 2, 1),
        // Heads of 64 out of a hidden size of 768.
        (&[1, 128, 12, 64], &[0, 2, 1, 3], 3, 64),
        (&[1, 128, 12, 64], &[0, 2, 3, 1], 2, 1),
        (&[2, 3, 4, 5, 6], &[2, 0, 1, 3, 4], 3, 30),
        // To channels last.
        (&[1, 64, 56, 56], &[0, 2, 3, 1], 2, 1),
        (&[8, 64, 56, 56], &[0, 2, 3, 1], 3, 1),
        (&[1, 1], &[1, 0], 0, 1),
    ] {
        let elements = dims.iter().product();
        assert_eq!(
            transpose(dims, perm).form(),
            Form::Transpose { elements, rank, run },
            "{dims:?} {perm:?}"
        );
    }
}

#[test]
fn data_that_moves_is_copied_gathered_or_scattered() {
    let copy = |elements, inputs, outputs| Form::Copy { elements, inputs, outputs };
    for (case, expected) in [
        (op("Concat", 13).f32(&[2, 3]).f32(&[2, 5]).attr("axis", 1), copy(16, 2, 1)),
        (op("Split", 13).f32(&[2, 6]).attr("axis", 1).outputs(3), copy(12, 1, 3)),
        (op("Expand", 13).f32(&[3, 1]).ints(&[3, 4]), copy(12, 1, 1)),
        (op("ConstantOfShape", 9).ints(&[3, 4]), copy(12, 0, 1)),
        (op("Reshape", 14).f32(&[3, 4]).ints(&[12]), Form::View),
        (op("Shape", 15).f32(&[3, 4]), Form::Size),
        (op("Gather", 13).f32(&[30, 8]).input(Int64, &[2, 5]), Form::Gather { elements: 80, run: 8 }),
        (
            op("Gather", 13).f32(&[30, 8]).input(Int64, &[5]).attr("axis", 1),
            Form::Gather { elements: 150, run: 1 },
        ),
        (op("GatherND", 13).f32(&[3, 4, 5]).input(Int64, &[7, 2]), Form::Gather { elements: 35, run: 5 }),
        (
            op("ScatterND", 18).f32(&[3, 4]).input(Int64, &[2, 1]).f32(&[2, 4]),
            Form::Scatter { elements: 12, updates: 8 },
        ),
    ] {
        assert_eq!(case.form(), expected);
    }
}

#[test]
fn windows_and_neighbours_are_counted() {
    let image = |operator, version| op(operator, version).f32(&[1, 2, 8, 8]);
    for (case, expected) in [
        (
            image("MaxPool", 12).attr("kernel_shape", &[3, 2]).attr("strides", &[2, 2]),
            Form::Pool { outputs: 2 * 3 * 4, window: 6, global: false },
        ),
        (image("GlobalAveragePool", 1), Form::Pool { outputs: 2, window: 64, global: true }),
        (
            image("Resize", 13).none().floats(&[1.0, 1.0, 2.0, 2.0]).attr("mode", "linear"),
            Form::Resize { outputs: 512, taps: 4 },
        ),
        (image("Resize", 13).none().floats(&[1.0, 1.0, 2.0, 2.0]), Form::Resize { outputs: 512, taps: 1 }),
    ] {
        assert_eq!(case.form(), expected);
    }
}

#[test]
fn what_is_not_known_is_answered_by_the_counts() {
    let unknown = [Dim::AtMost(1 << 40), Dim::AtMost(1 << 40)];
    let bounded = op("Conv", 22).dims(Float32, &[Dim::AtMost(3), Dim::Exact(8), Dim::Exact(9)]);
    let conv = bounded.f32(&[4, 8, 3]).form();
    assert_eq!((conv.name(), conv.macs()), ("conv", Some(3 * 4 * 7 * 8 * 3)));
    let transpose = op("Transpose", 13).dims(Float32, &unknown).form();
    assert_eq!(transpose, Form::Copy { elements: 0, inputs: 1, outputs: 1 });
    let experts = microsoft("MoE").f32(&[3, 8]).f32(&[3, 4]).f32(&[4, 16, 8]).none().f32(&[4, 8, 16]);
    let macs = experts.counts().macs;
    assert_eq!(experts.form(), Form::Contraction { macs, outputs: 24 });
}
