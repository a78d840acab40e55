//! The operator table: one row an operator, its columns those of [`Costed`].
//!
//! Exhaustive for ai.onnx up to opset 28, ai.onnx.ml, the preview domains and com.microsoft (ONNX
//! Runtime 1.32); a test holds it against the list that those packages print.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::Traffic::{Streamed, View};
use super::Values::{Computed, Opaque, Random};
use super::Work::{Formula, Free, PerInput, PerOutput};
use super::{BodyRule, Costed, Counts, FormRule, Operator, Rule, ShapeRule, Traffic, Values, Weights, Work};
use super::{
    along_axis, attention, cast, contrib, conv, einsum, elementwise, form, gather, generate, layout,
};
use super::{logic, matmul, ml, norm, pool, quantize, reduce, reshape, resize, rnn, scalar, scatter};
use super::{select, sequence, signal, slice, strings, traffic};
use crate::tensor::Scalar;
use contrib::twin::{nhwc, nhwc_form, nhwc_work};

/// ai.onnx.
const ONNX: &str = "";
/// Classical machine learning.
const ML: &str = "ai.onnx.ml";
/// Operators on trial.
const PREVIEW: &str = "ai.onnx.preview";
/// Optimisers, on trial.
const TRAINING: &str = "ai.onnx.preview.training";
/// ONNX Runtime's layout of optimised models whose channels lie in blocks.
const NCHWC: &str = "com.microsoft.nchwc";
/// ONNX Runtime's layout of optimised models whose channels are last.
const NHWC: &str = "com.ms.internal.nhwc";
/// ONNX Runtime's own operators.
const MICROSOFT: &str = "com.microsoft";

#[expect(clippy::too_many_arguments, reason = "one column of the table each, none with a default")]
const fn row(
    domain: &'static str,
    name: &'static str,
    since: i64,
    shape: ShapeRule,
    value: Values,
    work: Work,
    traffic: Traffic,
    weights: Weights,
    form: FormRule,
) -> Operator {
    Operator {
        domain,
        name,
        since,
        rule: Rule::Costed(Costed { shape, value, work, traffic, weights, form }),
    }
}

/// The same row with graphs that are applied on the way.
const fn modified(row: Operator, bodies: BodyRule) -> Operator {
    match row.rule {
        Rule::Costed(costed) => Operator { rule: Rule::Modified(costed, bodies), ..row },
        rule => Operator { rule, ..row },
    }
}

const fn subgraph(domain: &'static str, name: &'static str, since: i64, formula: &'static str) -> Operator {
    Operator { domain, name, since, rule: Rule::Subgraph(formula) }
}

const fn unsupported(domain: &'static str, name: &'static str, since: i64, reason: &'static str) -> Operator {
    Operator { domain, name, since, rule: Rule::Unsupported(reason) }
}

/// The operator of that domain (`""` or `"ai.onnx"` for the default one) and name.
pub fn find(domain: &str, name: &str) -> Option<&'static Operator> {
    static BY_NAME: LazyLock<HashMap<(&str, &str), &Operator>> = LazyLock::new(|| {
        OPERATORS.iter().map(|operator| ((operator.domain, operator.name), operator)).collect()
    });
    let domain = if domain == "ai.onnx" { ONNX } else { domain };
    BY_NAME.get(&(domain, name)).copied()
}

/// Every operator, by family.
#[rustfmt::skip]
pub static OPERATORS: &[Operator] = &[
    // Elementwise arithmetic, logic and casts
    row(ONNX, "Abs", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_numbers(node, i128::abs, f64::abs)), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Acos", 7, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::acos)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Acosh", 9, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::acosh)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Add", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::ADD)), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::Operands, form::elementwise),
    row(ONNX, "And", 1, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, logic::and)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Asin", 7, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::asin)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Asinh", 9, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::asinh)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Atan", 7, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::atan)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Atanh", 9, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::atanh)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "BitCast", 26, cast::bit_cast_type, Opaque, Free, View, Weights::None, form::view),
    row(ONNX, "BitShift", 11, elementwise::same_elements, Computed(logic::bit_shift), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "BitwiseAnd", 18, elementwise::same_elements, Computed(|node, outputs| logic::bitwise(node, outputs, |a, b| a & b)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "BitwiseNot", 18, elementwise::same_as_input, Computed(|node, _| elementwise::map_numbers(node, |n| !n, |x| x)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "BitwiseOr", 18, elementwise::same_elements, Computed(|node, outputs| logic::bitwise(node, outputs, |a, b| a | b)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "BitwiseXor", 18, elementwise::same_elements, Computed(|node, outputs| logic::bitwise(node, outputs, |a, b| a ^ b)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Cast", 1, cast::cast_type, Computed(cast::convert), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "CastLike", 15, cast::cast_like_type, Computed(cast::convert), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Ceil", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::ceil)), PerOutput(Counts::alu(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Celu", 12, elementwise::same_as_input, Opaque, PerOutput(elementwise::CELU), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Clip", 1, elementwise::same_as_input, Computed(elementwise::clip_value), Formula(elementwise::clip, "1 alu an output for each bound that is given, of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Cos", 7, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::cos)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Cosh", 9, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::cosh)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Div", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::DIV)), Formula(elementwise::division, "1 div an output, of integers 1 int"), Streamed, Weights::Operands, form::elementwise),
    row(ONNX, "Dropout", 1, elementwise::dropout_type, Computed(elementwise::dropout), Formula(elementwise::dropout_work, "nothing outside training; in training 1 rng and 2 alu an output"), View, Weights::None, form::view),
    row(ONNX, "Elu", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::ELU), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Equal", 1, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, scalar::equal)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Erf", 9, elementwise::same_as_input, Opaque, PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Exp", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::exp)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Floor", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::floor)), PerOutput(Counts::alu(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Gelu", 20, elementwise::same_as_input, Opaque, Formula(elementwise::gelu, "1 trans and 4 alu an output; with the tanh form 1 trans and 8 alu"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Greater", 1, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, |a, b| scalar::less(b, a))), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "GreaterOrEqual", 12, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, |a, b| scalar::less_or_equal(b, a))), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "HardSigmoid", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::HARD_SIGMOID), Streamed, Weights::None, form::elementwise),
    row(ONNX, "HardSwish", 14, elementwise::same_as_input, Opaque, PerOutput(elementwise::HARD_SWISH), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Identity", 1, elementwise::identity_type, Computed(elementwise::identity), Free, View, Weights::None, form::view),
    row(ONNX, "IsInf", 10, logic::test_type, Computed(logic::is_infinite), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "IsNaN", 9, logic::test_type, Computed(|node, _| logic::test(node, |scalar| scalar.float().map(f64::is_nan))), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "LeakyRelu", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::LEAKY_RELU), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Less", 1, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, scalar::less)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "LessOrEqual", 12, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, scalar::less_or_equal)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Log", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::ln)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Max", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::MAX)), Formula(elementwise::fold_work, "inputs − 1 alu an output, of integers int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Mean", 1, elementwise::same_elements, Computed(elementwise::mean_value), Formula(elementwise::mean, "inputs − 1 alu and 1 div an output"), Streamed, Weights::Operands, form::elementwise),
    row(ONNX, "Min", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::MIN)), Formula(elementwise::fold_work, "inputs − 1 alu an output, of integers int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Mish", 18, elementwise::same_as_input, Opaque, PerOutput(elementwise::MISH), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Mod", 10, elementwise::same_elements, Computed(elementwise::modulo_value), Formula(elementwise::modulo, "1 div and 2 alu an output, of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Mul", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::MUL)), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::Operands, form::elementwise),
    row(ONNX, "Neg", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_numbers(node, |n| -n, |x| -x)), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Not", 1, logic::test_type, Computed(|node, _| logic::test(node, |scalar| scalar.bool().map(|b| !b))), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Or", 1, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, logic::or)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "PRelu", 1, elementwise::prelu_type, Opaque, Formula(elementwise::leaky_relu, "2 alu an output, of integers int"), Streamed, Weights::At(&[1]), form::elementwise),
    row(ONNX, "Pow", 1, elementwise::pow_type, Computed(elementwise::pow_value), Formula(elementwise::pow, "1 trans an output; where the exponent is known, 1 alu for x², 2 for x³, 1 div for √x, 1/√x and 1/x; of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Reciprocal", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::recip)), PerOutput(Counts::div(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Relu", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_numbers(node, |n| n.max(0), |x| if x < 0.0 { 0.0 } else { x })), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Round", 11, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::round_ties_even)), PerOutput(Counts::alu(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Selu", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::ELU), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Shrink", 9, elementwise::same_as_input, Opaque, Formula(elementwise::leaky_relu, "2 alu an output, of integers int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Sigmoid", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, |x| 1.0 / (1.0 + (-x).exp()))), PerOutput(elementwise::SIGMOID), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Sign", 9, elementwise::same_as_input, Computed(|node, _| elementwise::map_numbers(node, i128::signum, scalar::sign)), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Sin", 7, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::sin)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Sinh", 9, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::sinh)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Softplus", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::SOFTPLUS), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Softsign", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::SOFTSIGN), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Sqrt", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::sqrt)), PerOutput(Counts::div(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Sub", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::SUB)), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::Operands, form::elementwise),
    row(ONNX, "Sum", 1, elementwise::same_elements, Computed(|node, outputs| elementwise::fold(node, outputs, scalar::ADD)), Formula(elementwise::fold_work, "inputs − 1 alu an output, of integers int"), Streamed, Weights::Operands, form::elementwise),
    row(ONNX, "SwiGLU", 28, elementwise::swiglu_type, Opaque, Formula(elementwise::swiglu, "of each output a Swish and 1 alu"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Swish", 24, elementwise::same_as_input, Opaque, Formula(elementwise::swish, "of each output a Sigmoid and 1 alu, 1 more where alpha is not 1"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Tan", 7, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::tan)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Tanh", 1, elementwise::same_as_input, Computed(|node, _| elementwise::map_floats(node, f64::tanh)), PerOutput(Counts::trans(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "ThresholdedRelu", 10, elementwise::same_as_input, Opaque, PerOutput(elementwise::LEAKY_RELU), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Where", 9, logic::where_type, Computed(logic::select), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Xor", 1, logic::comparison_type, Computed(|node, outputs| logic::compare(node, outputs, logic::xor)), PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),

    // Reductions, scans and selection
    row(ONNX, "ArgMax", 1, along_axis::argument_type, Computed(|node, outputs| along_axis::argument(node, outputs, Ordering::Greater)), Formula(along_axis::argument_work, "I − E int"), Streamed, Weights::None, along_axis::argument_form),
    row(ONNX, "ArgMin", 1, along_axis::argument_type, Computed(|node, outputs| along_axis::argument(node, outputs, Ordering::Less)), Formula(along_axis::argument_work, "I − E int"), Streamed, Weights::None, along_axis::argument_form),
    row(ONNX, "CumProd", 26, along_axis::cumulative_type, Computed(|node, _| along_axis::cumulate(node, scalar::MUL, Scalar::Int(1))), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::None, along_axis::cumulative_form),
    row(ONNX, "CumSum", 11, along_axis::cumulative_type, Computed(|node, _| along_axis::cumulate(node, scalar::ADD, Scalar::Int(0))), Formula(elementwise::arithmetic, "1 alu an output, of integers 1 int"), Streamed, Weights::None, along_axis::cumulative_form),
    row(ONNX, "ReduceL1", 1, reduce::reduced_type, Opaque, Formula(|node, outputs| reduce::work(node, outputs, Counts::alu(1), Counts::ZERO), "2·I − E alu, of integers int"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceL2", 1, reduce::reduced_type, Opaque, Formula(|node, outputs| reduce::work(node, outputs, Counts::alu(1), Counts::div(1)), "2·I − E alu and E div"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceLogSum", 1, reduce::reduced_type, Opaque, Formula(|node, outputs| reduce::work(node, outputs, Counts::ZERO, Counts::trans(1)), "I − E alu and E trans"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceLogSumExp", 1, reduce::reduced_type, Opaque, Formula(|node, outputs| reduce::work(node, outputs, reduce::SHIFTED_EXP, Counts::trans(1)), "3·I − E alu, I + E trans"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceMax", 1, reduce::reduced_type, Computed(|node, outputs| reduce::fold(node, outputs, scalar::MAX, Scalar::Unknown)), Formula(|node, outputs| reduce::work(node, outputs, Counts::ZERO, Counts::ZERO), "I − E alu, of integers int"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceMean", 1, reduce::reduced_type, Computed(reduce::mean), Formula(|node, outputs| reduce::work(node, outputs, Counts::ZERO, Counts::div(1)), "I − E alu and E div"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceMin", 1, reduce::reduced_type, Computed(|node, outputs| reduce::fold(node, outputs, scalar::MIN, Scalar::Unknown)), Formula(|node, outputs| reduce::work(node, outputs, Counts::ZERO, Counts::ZERO), "I − E alu, of integers int"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceProd", 1, reduce::reduced_type, Computed(|node, outputs| reduce::fold(node, outputs, scalar::MUL, Scalar::Int(1))), Formula(|node, outputs| reduce::work(node, outputs, Counts::ZERO, Counts::ZERO), "I − E alu, of integers int"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceSum", 1, reduce::reduced_type, Computed(|node, outputs| reduce::fold(node, outputs, scalar::ADD, Scalar::Int(0))), Formula(|node, outputs| reduce::work(node, outputs, Counts::ZERO, Counts::ZERO), "I − E alu, of integers int"), Streamed, Weights::None, reduce::form),
    row(ONNX, "ReduceSumSquare", 1, reduce::reduced_type, Opaque, Formula(|node, outputs| reduce::work(node, outputs, Counts::alu(1), Counts::ZERO), "2·I − E alu, of integers int"), Streamed, Weights::None, reduce::form),
    row(ONNX, "TopK", 1, along_axis::top_k_type, Computed(along_axis::top_k), Formula(along_axis::top_k_work, "I·⌈log₂(K + 1)⌉ int: a heap of K elements that each element passes through"), Streamed, Weights::None, along_axis::top_k_form),

    // Convolution
    row(ONNX, "CausalConvWithState", 27, conv::causal_conv, Opaque, Formula(conv::causal_conv_work, "B·C·L·k MACs; E alu with a bias, a Swish of each output with silu"), Streamed, Weights::At(&[1, 2]), conv::causal_conv_form),
    row(ONNX, "Col2Im", 18, conv::col2im, Opaque, PerInput(Counts::alu(1)), Streamed, Weights::None, conv::col2im_form),
    row(ONNX, "Conv", 1, conv::conv, Opaque, Formula(conv::conv_work, "E·(C/group)·k MACs, padding included; E alu with a bias"), Streamed, Weights::At(&[1, 2]), conv::conv_form),
    row(ONNX, "ConvInteger", 10, conv::conv_integer, Opaque, Formula(conv::conv_integer_work, "E·(C/group)·k MACs; E int for each zero point"), Streamed, Weights::Quantized { values: &[1], parameters: &[2, 3] }, conv::conv_form),
    row(ONNX, "ConvTranspose", 1, conv::conv_transpose, Opaque, Formula(conv::conv_transpose_work, "I·(M/group)·k MACs: each input meets each weight once, however large the output; E alu with a bias"), Streamed, Weights::At(&[1, 2]), conv::conv_transpose_form),
    row(ONNX, "DeformConv", 19, conv::conv, Opaque, Formula(conv::deform_conv_work, "E·(C/group)·k MACs; of each input element under a window 2·2^d alu for the interpolation, 1 with a mask, and 8 alu for each offset"), Streamed, Weights::At(&[1, 3]), conv::conv_form),
    row(ONNX, "QLinearConv", 10, conv::qlinear_conv, Opaque, Formula(conv::qlinear_conv_work, "E·(C/group)·k MACs; of each output 2 int for zero points, 1 with a bias, 2 alu and 3 int to quantise it again"), Streamed, Weights::Quantized { values: &[3, 8], parameters: &[1, 2, 4, 5, 6, 7] }, conv::qlinear_conv_form),

    // Pooling and regions
    row(ONNX, "AveragePool", 1, pool::pool, Opaque, Formula(pool::average_pool_work, "E·(k − 1) alu and E div"), Streamed, Weights::None, pool::pool_form),
    row(ONNX, "GlobalAveragePool", 1, pool::global_pool, Opaque, Formula(pool::global_average_pool_work, "I − E alu and E div"), Streamed, Weights::None, pool::global_pool_form),
    row(ONNX, "GlobalLpPool", 1, pool::global_pool, Opaque, Formula(pool::global_lp_pool_work, "the p-norm of each channel: 2·I − E alu and E div for p = 2"), Streamed, Weights::None, pool::global_pool_form),
    row(ONNX, "GlobalMaxPool", 1, pool::global_pool, Opaque, Formula(pool::global_max_pool_work, "I − E alu"), Streamed, Weights::None, pool::global_pool_form),
    row(ONNX, "LpPool", 1, pool::pool, Opaque, Formula(pool::lp_pool_work, "the p-norm of each window: E·(2k − 1) alu and E div for p = 2"), Streamed, Weights::None, pool::pool_form),
    row(ONNX, "MaxPool", 1, pool::pool, Opaque, Formula(pool::max_pool_work, "E·(k − 1) alu, of integers int"), Streamed, Weights::None, pool::pool_form),
    row(ONNX, "MaxRoiPool", 1, pool::max_roi_pool, Opaque, Formula(pool::max_roi_pool_work, "at most R·C·H·W alu: a whole feature map for each region and channel"), Streamed, Weights::None, pool::max_roi_pool_form),
    row(ONNX, "MaxUnpool", 9, pool::max_unpool, Opaque, Free, Streamed, Weights::None, pool::max_unpool_form),
    row(ONNX, "RoiAlign", 10, pool::roi_align, Opaque, Formula(pool::roi_align_work, "8 alu for each of s² points of an output, and 1 div; with sampling_ratio 0 at most as many as the feature map has"), Streamed, Weights::None, form::interpolated),

    // Matrix products
    row(ONNX, "Det", 11, matmul::det, Opaque, Formula(matmul::det_work, "of each matrix of side n an LU factorisation: n(n − 1)/2 div, (n − 1)n(2n − 1)/3 alu, and n − 1 alu for the diagonal"), Streamed, Weights::None, form::other),
    row(ONNX, "Gemm", 1, matmul::gemm, Opaque, Formula(matmul::gemm_work, "M·N·K MACs; E alu with C, E where alpha is not 1, E where beta is not 1"), Streamed, Weights::At(&[0, 1, 2]), matmul::gemm_form),
    row(ONNX, "MatMul", 1, matmul::matmul, Opaque, Formula(matmul::matmul_work, "B·M·N·K MACs, B the broadcast batch"), Streamed, Weights::At(&[0, 1]), matmul::matmul_form),
    row(ONNX, "MatMulInteger", 10, matmul::matmul_integer, Opaque, Formula(matmul::matmul_integer_work, "B·M·N·K MACs; K·N int for a zero point of A, M·K for one of B"), Streamed, Weights::Quantized { values: &[0, 1], parameters: &[2, 3] }, matmul::matmul_form),
    row(ONNX, "QLinearMatMul", 10, matmul::qlinear_matmul, Opaque, Formula(matmul::qlinear_matmul_work, "B·M·N·K MACs; M·K and K·N int for the zero points; of each output 2 alu and 3 int to quantise it again"), Streamed, Weights::Quantized { values: &[0, 3], parameters: &[1, 2, 4, 5, 6, 7] }, matmul::qlinear_matmul_form),

    // Einsum
    row(ONNX, "Einsum", 12, einsum::einsum, Opaque, Formula(einsum::einsum_work, "the cheapest order of pairwise products: a pair that sums over an index costs one MAC for each combination of its indices, any other 1 alu; an index of one operand alone is summed before"), Streamed, Weights::Operands, einsum::einsum_form),

    // Attention and rotary embedding
    row(ONNX, "Attention", 23, attention::attention, Opaque, Formula(attention::attention_work, "B·Hq·Sq·Skv·(d + dv) MACs, the cache in Skv; of each score 4 alu, 1 trans and 1 div for scale and softmax, more for a mask and a soft cap; at most, where nonpad_kv_seqlen is given"), Streamed, Weights::None, attention::attention_form),
    row(ONNX, "LinearAttention", 27, attention::linear_attention, Opaque, Formula(attention::linear_attention_work, "for each token and head d·dv MACs for the outer product, for the read-out of each query head, and for the retrieval of the delta rules; the products of decay and beta are alu"), Streamed, Weights::None, form::contraction),
    row(ONNX, "RotaryEmbedding", 23, elementwise::same_as_input, Opaque, Formula(attention::rotate, "3 alu for each element that turns: four products and two sums a pair"), Traffic::Formula(attention::rotary), Weights::None, form::elementwise),
    modified(row(PREVIEW, "FlexAttention", 1, attention::attention, Opaque, Formula(attention::flex_attention_work, "as Attention, and the nodes of score_mod and prob_mod on the scores"), Streamed, Weights::None, attention::attention_form), attention::modifiers),

    // Recurrent
    row(ONNX, "GRU", 1, rnn::one_state, Opaque, Formula(rnn::gru, "directions·T·B·3H·(X + H) MACs; biases, gates and their combination in alu, trans and div"), Streamed, Weights::At(&[1, 2, 3]), rnn::gru_form),
    row(ONNX, "LSTM", 1, rnn::two_states, Opaque, Formula(rnn::lstm, "directions·T·B·4H·(X + H) MACs; biases, peepholes, gates and their combination in alu, trans and div"), Streamed, Weights::At(&[1, 2, 3, 7]), rnn::lstm_form),
    row(ONNX, "RNN", 1, rnn::one_state, Opaque, Formula(rnn::rnn, "directions·T·B·H·(X + H) MACs; biases and activation in alu, trans and div"), Streamed, Weights::At(&[1, 2, 3]), rnn::rnn_form),

    // Normalisation, softmax and losses
    row(ONNX, "BatchNormalization", 1, norm::batch_type, Opaque, Formula(norm::batch, "2 alu an output, as scale and offset fold into one pair a channel; in training 5 alu an output and 2 div a channel"), Streamed, Weights::Normalization { affine: &[1, 2], statistics: &[3, 4] }, norm::batch_form),
    row(ONNX, "GroupNormalization", 18, norm::group_type, Opaque, Formula(norm::group, "of each input 5 alu and 2 for scale and bias; 3 div for each of num_groups groups of an instance"), Streamed, Weights::Normalization { affine: &[1, 2], statistics: &[] }, norm::group_form),
    row(ONNX, "Hardmax", 1, norm::softmax_type, Opaque, PerInput(Counts::int(1)), Streamed, Weights::None, norm::softmax_form),
    row(ONNX, "InstanceNormalization", 1, norm::instance_type, Opaque, Formula(norm::instance, "of each input 5 alu and 2 for scale and bias; 3 div for each instance and channel"), Streamed, Weights::Normalization { affine: &[1, 2], statistics: &[] }, norm::instance_form),
    row(ONNX, "LRN", 1, norm::local_response_type, Opaque, Formula(norm::local_response, "2·size + 1 alu, 1 trans and 1 div an output"), Streamed, Weights::None, norm::local_response_form),
    row(ONNX, "LayerNormalization", 17, norm::layer_type, Opaque, Formula(norm::layer, "of each input 5 alu, 1 for the scale, 1 for a bias; 3 div for each position before the axis"), Streamed, Weights::Normalization { affine: &[1, 2], statistics: &[] }, norm::layer_form),
    row(ONNX, "LogSoftmax", 1, norm::softmax_type, Opaque, Formula(norm::log_softmax, "4 alu and 1 trans an input, 1 trans a group"), Streamed, Weights::None, norm::softmax_form),
    row(ONNX, "LpNormalization", 1, norm::lp_type, Opaque, Formula(norm::lp, "2 alu and 1 div an input; for p = 2 a root for each group"), Streamed, Weights::None, norm::lp_form),
    row(ONNX, "MeanVarianceNormalization", 9, norm::mean_variance_type, Opaque, Formula(norm::mean_variance, "5 alu an input, and the divisions of each group"), Streamed, Weights::None, norm::mean_variance_form),
    row(ONNX, "NegativeLogLikelihoodLoss", 12, norm::likelihood_loss_type, Opaque, Formula(norm::likelihood_loss, "2 alu a target, 1 div for a mean"), Streamed, Weights::None, form::other),
    row(ONNX, "RMSNormalization", 23, norm::rms_type, Opaque, Formula(norm::rms, "3 alu an input and 1 for the scale; 2 div for each position before the axis"), Streamed, Weights::Normalization { affine: &[1], statistics: &[] }, norm::layer_form),
    row(ONNX, "Softmax", 1, norm::softmax_type, Opaque, PerInput(norm::SOFTMAX), Streamed, Weights::None, norm::softmax_form),
    row(ONNX, "SoftmaxCrossEntropyLoss", 12, norm::cross_entropy_loss_type, Opaque, Formula(norm::cross_entropy_loss, "a LogSoftmax over the classes, then a NegativeLogLikelihoodLoss"), Streamed, Weights::None, norm::cross_entropy_form),

    // Quantisation
    row(ONNX, "DequantizeLinear", 10, quantize::dequantize_linear, Opaque, Formula(quantize::dequantize_linear_work, "1 alu an output, 1 more with a zero point"), Streamed, Weights::Quantized { values: &[0], parameters: &[1, 2] }, form::elementwise),
    row(ONNX, "DynamicQuantizeLinear", 11, quantize::dynamic_quantize_linear, Opaque, PerInput(quantize::DYNAMIC_QUANTIZE), Streamed, Weights::None, form::elementwise),
    row(ONNX, "QuantizeLinear", 10, quantize::quantize_linear, Opaque, Formula(quantize::quantize_linear_work, "1 div, 1 alu to round and 2 int to clip an output, 1 alu more with a zero point"), Streamed, Weights::Quantized { values: &[0], parameters: &[1, 2] }, form::elementwise),

    // Layout
    row(ONNX, "CenterCropPad", 18, slice::center_crop_pad, Opaque, Free, Traffic::Formula(traffic::touched), Weights::None, form::copied),
    row(ONNX, "Concat", 1, layout::concat, Computed(layout::concat_value), Free, Streamed, Weights::Operands, form::joined),
    row(ONNX, "DepthToSpace", 1, layout::depth_to_space, Opaque, Free, Streamed, Weights::None, layout::blocks_form),
    row(ONNX, "Expand", 8, layout::expand, Computed(layout::expand_value), Free, Streamed, Weights::Operands, form::copied),
    row(ONNX, "Flatten", 1, reshape::flatten, Computed(reshape::same_elements), Free, View, Weights::None, form::view),
    row(ONNX, "Pad", 1, slice::pad, Computed(slice::pad_value), Free, Streamed, Weights::At(&[0]), form::copied),
    row(ONNX, "Reshape", 1, reshape::reshape, Computed(reshape::same_elements), Free, View, Weights::At(&[0]), form::view),
    row(ONNX, "Shape", 1, reshape::shape, Computed(reshape::shape_value), Free, View, Weights::None, form::size),
    row(ONNX, "Size", 1, reshape::size, Computed(reshape::size_value), Free, View, Weights::None, form::size),
    row(ONNX, "Slice", 1, slice::slice, Computed(slice::slice_value), Free, Traffic::Formula(traffic::touched), Weights::At(&[0]), form::copied),
    row(ONNX, "SpaceToDepth", 1, layout::space_to_depth, Opaque, Free, Streamed, Weights::None, layout::blocks_form),
    row(ONNX, "Split", 1, layout::split, Computed(layout::split_value), Free, Streamed, Weights::At(&[0]), form::copied),
    row(ONNX, "Squeeze", 1, reshape::squeeze, Computed(reshape::same_elements), Free, View, Weights::At(&[0]), form::view),
    row(ONNX, "Tile", 1, layout::tile, Computed(layout::tile_value), Free, Streamed, Weights::At(&[0]), form::copied),
    row(ONNX, "Transpose", 1, layout::transpose, Computed(layout::transpose_value), Free, Streamed, Weights::None, layout::transpose_form),
    row(ONNX, "Trilu", 14, elementwise::same_as_input, Computed(layout::trilu_value), Free, Streamed, Weights::At(&[0]), form::copied),
    row(ONNX, "Unsqueeze", 1, reshape::unsqueeze, Computed(reshape::same_elements), Free, View, Weights::At(&[0]), form::view),

    // Gather, scatter and selection by data
    row(ONNX, "Compress", 9, select::compress, Computed(select::compress_value), PerInput(Counts::int(1)), Traffic::Formula(traffic::touched), Weights::At(&[0]), form::copied),
    row(ONNX, "Gather", 1, gather::gather, Computed(gather::gather_value), Free, Traffic::Formula(traffic::touched), Weights::At(&[0]), gather::gather_form),
    row(ONNX, "GatherElements", 11, gather::gather_elements, Computed(gather::gather_elements_value), Free, Traffic::Formula(traffic::touched), Weights::At(&[0]), gather::gather_elements_form),
    row(ONNX, "GatherND", 11, gather::gather_nd, Computed(gather::gather_nd_value), Free, Traffic::Formula(traffic::touched), Weights::At(&[0]), gather::gather_nd_form),
    row(ONNX, "NonMaxSuppression", 10, select::non_max_suppression, Computed(select::non_max_suppression_value), Formula(select::non_max_suppression_work, "at most 16 alu for each box against each selected one of its class"), Streamed, Weights::None, form::other),
    row(ONNX, "NonZero", 9, select::non_zero, Computed(select::non_zero_value), PerInput(Counts::int(1)), Streamed, Weights::None, form::other),
    row(ONNX, "OneHot", 9, select::one_hot, Computed(select::one_hot_value), Free, Streamed, Weights::None, form::filled),
    row(ONNX, "ReverseSequence", 10, elementwise::same_as_input, Opaque, Free, Streamed, Weights::At(&[0]), form::copied),
    row(ONNX, "Scatter", 9, scatter::scatter_elements, Computed(scatter::scatter_elements_value), Free, Streamed, Weights::At(&[0, 2]), scatter::scatter_form),
    row(ONNX, "ScatterElements", 11, scatter::scatter_elements, Computed(scatter::scatter_elements_value), Formula(scatter::scatter_work, "1 alu an update where a reduction combines it, of integers 1 int"), Streamed, Weights::At(&[0, 2]), scatter::scatter_form),
    row(ONNX, "ScatterND", 11, scatter::scatter_nd, Computed(scatter::scatter_nd_value), Formula(scatter::scatter_work, "1 alu an update where a reduction combines it, of integers 1 int"), Streamed, Weights::At(&[0, 2]), scatter::scatter_form),
    row(ONNX, "TensorScatter", 24, scatter::tensor_scatter, Opaque, Free, Traffic::Formula(traffic::updated_in_place), Weights::None, scatter::in_place_form),
    row(ONNX, "Unique", 11, |node| select::unique(node).map(Vec::from), Computed(select::unique_value), Formula(select::unique_work, "n·⌈log₂ n⌉ int comparisons: a sort"), Streamed, Weights::None, select::unique_form),

    // Constants, ranges and random numbers
    row(ONNX, "Bernoulli", 15, generate::like_input, Random, PerOutput(Counts::rng(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "Constant", 1, generate::constant, Computed(generate::constant_value), Free, View, Weights::None, form::view),
    row(ONNX, "ConstantOfShape", 9, generate::constant_of_shape, Computed(generate::constant_of_shape_value), Free, Traffic::Formula(traffic::written_only), Weights::None, form::filled),
    row(ONNX, "EyeLike", 9, generate::eye_like, Computed(generate::eye_like_value), Free, Traffic::Formula(traffic::written_only), Weights::None, form::filled),
    row(ONNX, "Multinomial", 7, generate::multinomial, Random, Formula(generate::multinomial_work, "1 rng a sample, 1 alu a class"), Streamed, Weights::None, form::other),
    row(ONNX, "RandomNormal", 1, generate::random, Random, PerOutput(Counts::rng(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "RandomNormalLike", 1, generate::like_input, Random, PerOutput(Counts::rng(1)), Traffic::Formula(traffic::written_only), Weights::None, form::elementwise),
    row(ONNX, "RandomUniform", 1, generate::random, Random, PerOutput(Counts::rng(1)), Streamed, Weights::None, form::elementwise),
    row(ONNX, "RandomUniformLike", 1, generate::like_input, Random, PerOutput(Counts::rng(1)), Traffic::Formula(traffic::written_only), Weights::None, form::elementwise),
    row(ONNX, "Range", 11, generate::range, Computed(generate::range_value), Formula(generate::range_work, "1 alu an output, of integers 1 int"), Traffic::Formula(traffic::written_only), Weights::None, form::elementwise),

    // Resampling and images
    row(ONNX, "AffineGrid", 20, resize::affine_grid, Opaque, Formula(resize::affine_grid_work, "2·(d + 1) alu an output"), Streamed, Weights::None, form::elementwise),
    row(ONNX, "GridSample", 16, resize::grid_sample, Opaque, Formula(resize::grid_sample_work, "4 alu for each coordinate of each point of the grid, 2 for each neighbour of an output: 2^d for linear, 4^d for cubic"), Streamed, Weights::None, form::interpolated),
    row(ONNX, "ImageDecoder", 20, resize::image_decoder, Opaque, Formula(resize::image_decoder_work, "not known: it depends on the format and the picture"), Streamed, Weights::None, form::other),
    row(ONNX, "Resize", 10, resize::resize, Opaque, Formula(resize::resize_work, "2 alu for each neighbour of an output: 2 along each resized axis for linear, 4 for cubic, more with antialias; nearest moves data"), Streamed, Weights::None, form::interpolated),
    row(ONNX, "Upsample", 1, resize::upsample, Opaque, Formula(resize::resize_work, "2 alu for each neighbour of an output: 2 along each resized axis for linear, 4 for cubic, more with antialias; nearest moves data"), Streamed, Weights::None, form::interpolated),

    // Signal processing
    row(ONNX, "BlackmanWindow", 17, signal::window, Opaque, PerOutput(signal::BLACKMAN_WINDOW), Streamed, Weights::None, form::elementwise),
    row(ONNX, "DFT", 17, signal::dft, Opaque, Formula(signal::dft_work, "5·n·log₂ n alu a complex signal, half for a real or one-sided one; 1 div a result of the inverse"), Streamed, Weights::None, form::other),
    row(ONNX, "HammingWindow", 17, signal::window, Opaque, PerOutput(signal::COSINE_WINDOW), Streamed, Weights::None, form::elementwise),
    row(ONNX, "HannWindow", 17, signal::window, Opaque, PerOutput(signal::COSINE_WINDOW), Streamed, Weights::None, form::elementwise),
    row(ONNX, "MelWeightMatrix", 17, signal::mel_weight_matrix, Opaque, Formula(signal::mel_weight_matrix_work, "1 alu and 1 div a weight, and the conversions of num_mel_bins + 2 edges"), Streamed, Weights::None, form::other),
    row(ONNX, "STFT", 17, signal::stft, Opaque, Formula(signal::stft_work, "of each frame 1 alu an element of the window, and a transform as in DFT"), Streamed, Weights::At(&[2]), form::other),

    // Sequences, optionals and strings
    row(ONNX, "ConcatFromSequence", 11, sequence::concat_from_sequence, Opaque, Free, Traffic::Formula(traffic::taken_out), Weights::None, form::copied),
    row(ONNX, "Optional", 15, sequence::optional, Opaque, Free, View, Weights::None, form::view),
    row(ONNX, "OptionalGetElement", 15, sequence::optional_get, Opaque, Free, View, Weights::None, form::view),
    row(ONNX, "OptionalHasElement", 15, sequence::optional_has, Computed(sequence::optional_has_value), Free, View, Weights::None, form::size),
    row(ONNX, "RegexFullMatch", 20, strings::regex_full_match, Opaque, PerInput(Counts::str(1)), Streamed, Weights::None, form::other),
    row(ONNX, "SequenceAt", 11, sequence::at, Opaque, Free, Traffic::Formula(traffic::taken_out), Weights::None, form::copied),
    row(ONNX, "SequenceConstruct", 11, sequence::construct, Opaque, Free, Streamed, Weights::Operands, form::joined),
    row(ONNX, "SequenceEmpty", 11, sequence::empty, Opaque, Free, View, Weights::None, form::view),
    row(ONNX, "SequenceErase", 11, sequence::erase, Opaque, Free, View, Weights::None, form::view),
    row(ONNX, "SequenceInsert", 11, sequence::insert, Opaque, Free, Traffic::Formula(traffic::updated_in_place), Weights::At(&[1]), scatter::in_place_form),
    row(ONNX, "SequenceLength", 11, sequence::length, Computed(sequence::length_value), Free, View, Weights::None, form::size),
    row(ONNX, "SplitToSequence", 11, sequence::split_to_sequence, Opaque, Free, Streamed, Weights::At(&[0]), form::copied),
    row(ONNX, "StringConcat", 20, strings::string_concat, Opaque, PerOutput(Counts::str(1)), Streamed, Weights::None, form::other),
    row(ONNX, "StringNormalizer", 10, strings::string_normalizer, Opaque, PerInput(Counts::str(1)), Streamed, Weights::None, form::other),
    row(ONNX, "StringSplit", 20, strings::string_split, Opaque, PerInput(Counts::str(1)), Streamed, Weights::None, form::other),
    row(ONNX, "TfIdfVectorizer", 9, strings::tf_idf_vectorizer, Opaque, Formula(strings::tf_idf_work, "1 str or int for each element, length and number of skips; 1 alu an output for weights"), Streamed, Weights::Attributes(strings::tf_idf_weights), form::other),

    // Control flow
    subgraph(ONNX, "If", 1, "the nodes of the branch that runs; where that is not known, of the one with more FLOPs, or that of --branch"),
    subgraph(ONNX, "Loop", 1, "the nodes of its body, as often as it runs; where that is not known, as often as --trips says"),
    subgraph(ONNX, "Scan", 8, "the nodes of its body, once for each element along the scanned axis"),
    subgraph(ONNX, "SequenceMap", 17, "the nodes of its body, once for each element of the sequence; where how many is not known, as often as --trips says"),

    // Classical machine learning and training
    row(ML, "ArrayFeatureExtractor", 1, ml::encode::extractor, Opaque, Free, Streamed, Weights::None, gather::gather_elements_form),
    row(ML, "Binarizer", 1, elementwise::same_as_input, Opaque, PerOutput(Counts::int(1)), Streamed, Weights::None, form::elementwise),
    row(ML, "CastMap", 1, ml::encode::cast_map, Opaque, Free, Streamed, Weights::None, form::other),
    row(ML, "CategoryMapper", 1, ml::encode::mapper, Opaque, Formula(ml::encode::look_up_work, "1 str for each element, where input or output are strings"), Streamed, Weights::Attributes(ml::encode::mapper_parameters), form::other),
    row(ML, "DictVectorizer", 1, ml::encode::dictionary, Opaque, Free, Streamed, Weights::Attributes(ml::encode::dictionary_parameters), form::other),
    row(ML, "FeatureVectorizer", 1, ml::encode::vectorizer, Opaque, Free, Streamed, Weights::None, form::joined),
    row(ML, "Imputer", 1, elementwise::same_as_input, Opaque, PerOutput(Counts::int(1)), Streamed, Weights::Attributes(ml::encode::imputer_parameters), form::elementwise),
    row(ML, "LabelEncoder", 1, ml::encode::label_encoder, Opaque, Formula(ml::encode::look_up_work, "1 str for each element, where input or output are strings"), Streamed, Weights::Attributes(ml::encode::label_parameters), form::other),
    row(ML, "LinearClassifier", 1, ml::linear::linear_classifier, Opaque, Formula(ml::linear::linear_work, "samples·classes·features MACs; 1 alu a score and its transform"), Streamed, Weights::Attributes(ml::linear::linear_parameters), ml::linear::linear_form),
    row(ML, "LinearRegressor", 1, ml::linear::linear_regressor, Opaque, Formula(ml::linear::linear_work, "samples·classes·features MACs; 1 alu a score and its transform"), Streamed, Weights::Attributes(ml::linear::linear_parameters), ml::linear::linear_form),
    row(ML, "Normalizer", 1, ml::encode::as_float, Opaque, Formula(ml::encode::normalizer_work, "of each row its largest element, its sum or the root of its sum of squares; 1 div an output"), Streamed, Weights::None, form::normalized),
    row(ML, "OneHotEncoder", 1, ml::encode::one_hot, Opaque, Free, Streamed, Weights::Attributes(ml::encode::one_hot_parameters), form::filled),
    row(ML, "SVMClassifier", 1, ml::linear::svm_classifier, Opaque, Formula(ml::linear::svm_work, "samples·vectors·features MACs, the kernel function of each vector, a MAC for each coefficient, the transform of each score"), Streamed, Weights::Attributes(ml::linear::svm_parameters), form::contraction),
    row(ML, "SVMRegressor", 1, ml::linear::svm_regressor, Opaque, Formula(ml::linear::svm_work, "samples·vectors·features MACs, the kernel function of each vector, a MAC for each coefficient, the transform of each score"), Streamed, Weights::Attributes(ml::linear::svm_parameters), form::contraction),
    row(ML, "Scaler", 1, ml::encode::as_float, Opaque, PerOutput(Counts::alu(2)), Streamed, Weights::Attributes(ml::encode::scaler_parameters), form::elementwise),
    row(ML, "TreeEnsemble", 5, ml::tree::ensemble, Opaque, Formula(ml::tree::ensemble_work, "at most the depth of each tree in int a sample, and 1 alu for its leaf"), Streamed, Weights::Attributes(ml::tree::ensemble_parameters), form::other),
    row(ML, "TreeEnsembleClassifier", 1, ml::tree::classifier, Opaque, Formula(ml::tree::classifier_work, "at most the depth of each tree in int a sample, and 1 alu for each class that a leaf votes for"), Streamed, Weights::Attributes(ml::tree::numbered_parameters), form::other),
    row(ML, "TreeEnsembleRegressor", 1, ml::tree::regressor, Opaque, Formula(ml::tree::regressor_work, "at most the depth of each tree in int a sample, and 1 alu for each target that a leaf votes for"), Streamed, Weights::Attributes(ml::tree::numbered_parameters), form::other),
    row(ML, "ZipMap", 1, ml::encode::zip_map, Opaque, Free, Streamed, Weights::Attributes(ml::encode::zip_parameters), form::other),
    row(TRAINING, "Adagrad", 1, ml::training::adagrad, Opaque, Formula(ml::training::adagrad_work, "5 alu and 2 div a parameter"), Streamed, Weights::None, form::elementwise),
    row(TRAINING, "Adam", 1, ml::training::adam, Opaque, Formula(ml::training::adam_work, "8 alu and 2 div a parameter"), Streamed, Weights::None, form::elementwise),
    subgraph(TRAINING, "Gradient", 1, "the nodes from xs and zs to y once, and once more for each operand that varies with xs: exact for contractions, by that rule for others"),
    row(TRAINING, "Momentum", 1, ml::training::momentum, Opaque, Formula(ml::training::momentum_work, "5 alu a parameter"), Streamed, Weights::None, form::elementwise),

    // Layouts of ONNX Runtime
    row(NCHWC, "AveragePool", 1, pool::pool, Opaque, Formula(pool::average_pool_work, "as AveragePool of ai.onnx"), Streamed, Weights::None, pool::pool_form),
    row(NCHWC, "Conv", 1, conv::conv, Opaque, Formula(contrib::conv::fused_work, "as Conv of ai.onnx, on channels filled up to whole blocks; E alu for Sum (input 3); the activation of each output"), Streamed, Weights::At(&[1, 2]), conv::conv_form),
    row(NCHWC, "GlobalAveragePool", 1, pool::global_pool, Opaque, Formula(pool::global_average_pool_work, "as GlobalAveragePool of ai.onnx"), Streamed, Weights::None, pool::global_pool_form),
    row(NCHWC, "GlobalMaxPool", 1, pool::global_pool, Opaque, Formula(pool::global_max_pool_work, "as GlobalMaxPool of ai.onnx"), Streamed, Weights::None, pool::global_pool_form),
    row(NCHWC, "MaxPool", 1, pool::pool, Opaque, Formula(pool::max_pool_work, "as MaxPool of ai.onnx"), Streamed, Weights::None, pool::pool_form),
    row(NCHWC, "ReorderInput", 1, contrib::blocked::into_blocks, Opaque, Free, Streamed, Weights::None, form::copied),
    row(NCHWC, "ReorderOutput", 1, contrib::blocked::out_of_blocks, Opaque, Free, Streamed, Weights::None, form::copied),
    row(NCHWC, "Upsample", 1, contrib::blocked::upsample, Opaque, Formula(resize::resize_work, "as Resize of ai.onnx"), Streamed, Weights::None, form::interpolated),
    row(NHWC, "AveragePool", 7, |node| nhwc(node, pool::pool), Opaque, Formula(|node, outputs| contrib::blocked::activated(node, outputs, pool::average_pool_work), "as AveragePool of ai.onnx with the channels last; the activation of each output"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::pool_form(node, outputs, counts))),
    row(NHWC, "BatchNormalization", 7, |node| nhwc(node, norm::batch_type), Opaque, Formula(|node, outputs| contrib::blocked::activated(node, outputs, norm::batch), "as BatchNormalization of ai.onnx with the channels last; the activation of each output"), Streamed, Weights::Normalization { affine: &[1, 2], statistics: &[3, 4] }, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| norm::batch_form(node, outputs, counts))),
    row(NHWC, "Conv", 1, |node| nhwc(node, conv::conv), Opaque, Formula(|node, outputs| contrib::blocked::activated(node, outputs, conv::conv_work), "as Conv of ai.onnx with the channels last; the activation of each output"), Streamed, Weights::At(&[1, 2]), |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| conv::conv_form(node, outputs, counts))),
    row(NHWC, "ConvTranspose", 1, |node| nhwc(node, conv::conv_transpose), Opaque, Formula(|node, outputs| contrib::blocked::activated(node, outputs, conv::conv_transpose_work), "as ConvTranspose of ai.onnx with the channels last; the activation of each output"), Streamed, Weights::At(&[1, 2]), |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| conv::conv_transpose_form(node, outputs, counts))),
    row(NHWC, "DepthToSpace", 1, |node| nhwc(node, layout::depth_to_space), Opaque, Free, Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| layout::blocks_form(node, outputs, counts))),
    row(NHWC, "GlobalAveragePool", 1, |node| nhwc(node, pool::global_pool), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, pool::global_average_pool_work), "as GlobalAveragePool of ai.onnx with the channels last"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::global_pool_form(node, outputs, counts))),
    row(NHWC, "GlobalLpPool", 2, |node| nhwc(node, pool::global_pool), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, pool::global_lp_pool_work), "as GlobalLpPool of ai.onnx with the channels last"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::global_pool_form(node, outputs, counts))),
    row(NHWC, "GlobalMaxPool", 1, |node| nhwc(node, pool::global_pool), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, pool::global_max_pool_work), "as GlobalMaxPool of ai.onnx with the channels last"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::global_pool_form(node, outputs, counts))),
    row(NHWC, "GridSample", 16, |node| nhwc(node, resize::grid_sample), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, resize::grid_sample_work), "as GridSample of ai.onnx with the channels last"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| form::interpolated(node, outputs, counts))),
    row(NHWC, "InstanceNormalization", 6, |node| nhwc(node, norm::instance_type), Opaque, Formula(|node, outputs| contrib::blocked::activated(node, outputs, norm::instance), "as InstanceNormalization of ai.onnx with the channels last; the activation of each output"), Streamed, Weights::Normalization { affine: &[1, 2], statistics: &[] }, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| norm::instance_form(node, outputs, counts))),
    row(NHWC, "LRN", 1, |node| nhwc(node, norm::local_response_type), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, norm::local_response), "as LRN of ai.onnx with the channels last"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| norm::local_response_form(node, outputs, counts))),
    row(NHWC, "LpPool", 11, |node| nhwc(node, pool::pool), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, pool::lp_pool_work), "as LpPool of ai.onnx with the channels last"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::pool_form(node, outputs, counts))),
    row(NHWC, "MaxPool", 1, |node| nhwc(node, pool::pool), Opaque, Formula(|node, outputs| contrib::blocked::activated(node, outputs, pool::max_pool_work), "as MaxPool of ai.onnx with the channels last; the activation of each output"), Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::pool_form(node, outputs, counts))),
    row(NHWC, "MaxUnpool", 9, |node| nhwc(node, pool::max_unpool), Opaque, Free, Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::max_unpool_form(node, outputs, counts))),
    row(NHWC, "QLinearAveragePool", 1, |node| nhwc(node, contrib::conv::average_pool), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, contrib::conv::average_pool_work), "as QLinearAveragePool of ai.onnx with the channels last"), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| pool::pool_form(node, outputs, counts))),
    row(NHWC, "QLinearConv", 10, |node| nhwc(node, conv::qlinear_conv), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, conv::qlinear_conv_work), "as QLinearConv of ai.onnx with the channels last"), Streamed, Weights::Quantized { values: &[3, 8], parameters: &[1, 2, 4, 5, 6, 7] }, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| conv::qlinear_conv_form(node, outputs, counts))),
    row(NHWC, "QLinearConvTranspose", 1, |node| nhwc(node, conv::qlinear_conv_transpose), Opaque, Formula(|node, outputs| nhwc_work(node, outputs, conv::qlinear_conv_transpose_work), "as QLinearConvTranspose of ai.onnx with the channels last"), Streamed, Weights::Quantized { values: &[3, 8], parameters: &[1, 2, 4, 5, 6, 7] }, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| conv::qlinear_conv_transpose_form(node, outputs, counts))),
    row(NHWC, "Resize", 11, resize::resize, Opaque, Formula(resize::resize_work, "as Resize of ai.onnx: its scales and sizes are in the order of the axes"), Streamed, Weights::None, form::interpolated),
    row(NHWC, "SpaceToDepth", 1, |node| nhwc(node, layout::space_to_depth), Opaque, Free, Streamed, Weights::None, |node, outputs, counts| nhwc_form(node, outputs, |node, outputs| layout::blocks_form(node, outputs, counts))),

    // com.microsoft
    row(MICROSOFT, "Attention", 1, contrib::attention::attention, Opaque, Formula(contrib::attention::attention_work, "B·S·D·(Dq + Dk + Dv) MACs of the projections, their bias, rotary embedding if asked for, and the core as in Attention"), Streamed, Weights::At(&[1, 2]), contrib::attention::attention_form),
    row(MICROSOFT, "AttnLSTM", 1, rnn::two_states, Opaque, Formula(rnn::attentive_work, "as LSTM, the attention in its input; at each step H·A + T·A + T·depth MACs, a hyperbolic tangent for each place and unit and a softmax; T·depth·A MACs once a sequence"), Streamed, Weights::At(&[1, 2, 3, 7, 8, 9, 10, 13]), form::contraction),
    subgraph(MICROSOFT, "BeamSearch", 1, "the nodes of the encoder, if there is one, once, and those of the decoder once on the prompt and then once a generated token, on a past that grows; so many tokens as max_length leaves, or as --trips says, of num_beams sequences for each of the batch. Choosing among tokens is left out"),
    row(MICROSOFT, "BiasAdd", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::activation::BIAS_ADD), Streamed, Weights::At(&[1]), form::elementwise),
    row(MICROSOFT, "BiasDropout", 1, contrib::activation::dropped, Opaque, Formula(contrib::activation::bias_dropout_work, "1 alu an output for the bias, 1 for a residual; outside training nothing is dropped"), Streamed, Weights::At(&[1]), form::elementwise),
    row(MICROSOFT, "BiasGelu", 1, contrib::activation::biased, Opaque, PerOutput(contrib::activation::BIAS_GELU), Streamed, Weights::At(&[1]), form::elementwise),
    row(MICROSOFT, "BiasSoftmax", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::activation::BIAS_SOFTMAX), Streamed, Weights::None, contrib::activation::bias_softmax_form),
    row(MICROSOFT, "BiasSplitGelu", 1, contrib::activation::halved, Opaque, Formula(contrib::activation::split_gelu_work, "of each output 2 alu for the bias on both halves, a Gelu of one half, 1 alu for the product"), Streamed, Weights::At(&[1]), form::elementwise),
    row(MICROSOFT, "BifurcationDetector", 1, contrib::inspect::bifurcated, Opaque, Formula(contrib::inspect::bifurcated_work, "at most an int for each token of the source and of the longest n-gram, for each length"), Streamed, Weights::None, form::joined),
    row(MICROSOFT, "BitmaskBiasDropout", 1, contrib::activation::dropped_to_bits, Opaque, Formula(contrib::activation::bias_dropout_work, "1 alu an output for the bias, 1 for a residual; outside training nothing is dropped"), Streamed, Weights::At(&[1]), form::elementwise),
    row(MICROSOFT, "BitmaskDropout", 1, contrib::activation::dropped_to_bits, Opaque, Free, View, Weights::None, form::view),
    row(MICROSOFT, "BranchwiseRMSNorm", 1, elementwise::same_as_input, Opaque, Formula(contrib::norm::branchwise_work, "as RMSNormalization with its scale, of each branch"), Streamed, Weights::At(&[1]), contrib::norm::branchwise_form),
    row(MICROSOFT, "CDist", 1, contrib::signal::distances, Opaque, Formula(contrib::signal::distances_work, "M·N·K MACs, both norms, 3 alu a pair, and a root where the metric is not squared"), Streamed, Weights::None, contrib::signal::distances_form),
    row(MICROSOFT, "CausalConvWithState", 1, contrib::conv::causal, Opaque, Formula(contrib::conv::causal_work, "B·C·L·k MACs; E alu with a bias; the activation of each output"), Streamed, Weights::At(&[1, 2]), contrib::conv::causal_form),
    row(MICROSOFT, "ComplexMul", 1, contrib::activation::biased, Opaque, PerOutput(contrib::activation::COMPLEX_PRODUCT), Streamed, Weights::Operands, form::elementwise),
    row(MICROSOFT, "ComplexMulConj", 1, contrib::activation::biased, Opaque, PerOutput(contrib::activation::COMPLEX_PRODUCT), Streamed, Weights::Operands, form::elementwise),
    row(MICROSOFT, "ConvStateReplay", 1, contrib::recurrence::destination, Opaque, Free, Traffic::Formula(contrib::recurrence::window_traffic), Weights::None, form::other),
    row(MICROSOFT, "ConvTransposeWithDynamicPads", 1, conv::padded_transpose, Opaque, Formula(conv::padded_transpose_work, "I·(M/group)·k MACs; E alu with a bias"), Streamed, Weights::At(&[1, 3]), form::contraction),
    row(MICROSOFT, "CropAndResize", 1, resize::crops, Opaque, Formula(resize::crops_work, "8 alu an output; the nearest neighbour is moved"), Streamed, Weights::None, form::interpolated),
    row(MICROSOFT, "DecoderAttention", 1, contrib::attention::decoder, Opaque, Formula(contrib::attention::decoder_work, "projections of the queries and of what is new of the keys, in MACs and a bias, and the core as in Attention; at most, where static_kv or use_past is data"), Streamed, Weights::At(&[2, 3, 4]), form::contraction),
    row(MICROSOFT, "DecoderMaskedMultiHeadAttention", 1, contrib::multi_head::decoder, Opaque, Formula(contrib::multi_head::decoder_work, "B·H·Skv·(d + dv) MACs of one query a head, softmax as in Attention, and the bias of the projections"), Streamed, Weights::At(&[10]), contrib::multi_head::decoder_form),
    row(MICROSOFT, "DecoderMaskedSelfAttention", 1, contrib::attention::attention, Opaque, Formula(contrib::attention::attention_work, "B·S·D·(Dq + Dk + Dv) MACs of the projections, their bias, rotary embedding if asked for, and the core as in Attention"), Streamed, Weights::At(&[1, 2]), contrib::attention::attention_form),
    row(MICROSOFT, "DequantizeBFP", 1, contrib::quantize::from_blocks, Opaque, PerOutput(Counts::alu(1)), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "DequantizeLinear", 1, quantize::dequantize_linear, Opaque, Formula(quantize::dequantize_linear_work, "1 alu an output, 1 more with a zero point"), Streamed, Weights::Quantized { values: &[0], parameters: &[1, 2] }, form::elementwise),
    row(MICROSOFT, "DequantizeWithOrder", 1, contrib::quantize::from_ordered, Opaque, PerOutput(Counts::alu(1)), Streamed, Weights::Quantized { values: &[0], parameters: &[1] }, form::elementwise),
    row(MICROSOFT, "DynamicQuantizeLSTM", 1, rnn::quantized_two_states, Opaque, Formula(rnn::quantized_lstm, "directions·T·B·4H·(X + H) MACs of bytes; quantising before and scaling after each product; gates as in LSTM"), Streamed, Weights::Quantized { values: &[1, 2, 3, 7], parameters: &[8, 9, 10, 11] }, rnn::quantized_lstm_form),
    row(MICROSOFT, "DynamicQuantizeMatMul", 1, matmul::matmul, Opaque, Formula(contrib::matmul::dynamic_work, "B·M·N·K MACs; A quantised on the way; the zero points; 1 alu a sum to scale it, 1 for a bias"), Streamed, Weights::Quantized { values: &[1, 4], parameters: &[2, 3] }, matmul::matmul_form),
    row(MICROSOFT, "DynamicSparseAttention", 1, contrib::cached::selected, Opaque, Formula(contrib::cached::selected_work, "at most B·H·S·(selected + window)·2d MACs; softmax as in Attention; rotary embedding and normalisation where asked for"), Streamed, Weights::At(&[11, 12, 14, 15]), form::contraction),
    row(MICROSOFT, "DynamicTimeWarping", 1, contrib::signal::warping, Opaque, PerInput(Counts::alu(3).by_formula()), Streamed, Weights::None, form::other),
    unsupported(MICROSOFT, "EPContext", 1, "a compiled graph of an execution provider: nothing is known of what is in it"),
    row(MICROSOFT, "EmbedLayerNormalization", 1, contrib::norm::embed, Opaque, Formula(contrib::norm::embed_work, "1 alu for each further embedding that is added, as LayerNormalization, and beta"), Traffic::Formula(contrib::norm::embed_traffic), Weights::At(&[2, 3, 4, 5, 6]), form::normalized),
    row(MICROSOFT, "EngramGate", 1, contrib::streams::engram_gate, Opaque, Formula(contrib::streams::engram_gate_work, "RMS normalisation of keys and queries, 3 alu an output for the dot product and the value, a signed root and a sigmoid a stream"), Streamed, Weights::At(&[3, 4, 5]), form::contraction),
    row(MICROSOFT, "ExpandDims", 1, contrib::layout::expand_dims, Computed(reshape::same_elements), Free, View, Weights::At(&[0]), form::view),
    row(MICROSOFT, "FastGelu", 1, elementwise::same_as_input, Opaque, Formula(contrib::activation::fast_gelu_work, "1 trans and 8 alu an output, 1 alu more with a bias"), Streamed, Weights::At(&[1]), form::elementwise),
    row(MICROSOFT, "FusedConv", 1, conv::conv, Opaque, Formula(contrib::conv::fused_work, "as Conv; E alu for Z (input 3); the activation of each output"), Streamed, Weights::At(&[1, 2]), conv::conv_form),
    row(MICROSOFT, "FusedGemm", 1, matmul::gemm, Opaque, Formula(contrib::matmul::gemm_work, "as Gemm of ai.onnx, and the activation of each output"), Streamed, Weights::At(&[0, 1, 2]), matmul::gemm_form),
    row(MICROSOFT, "FusedMatMul", 1, contrib::matmul::fused, Opaque, Formula(contrib::matmul::fused_work, "B·M·N·K MACs, E alu where alpha is not 1, and the activation of each output"), Streamed, Weights::At(&[0, 1]), contrib::matmul::fused_form),
    row(MICROSOFT, "FusedMatMulActivation", 1, contrib::matmul::fused, Opaque, Formula(contrib::matmul::fused_work, "B·M·N·K MACs, E alu where alpha is not 1, and the activation of each output"), Streamed, Weights::At(&[0, 1]), contrib::matmul::fused_form),
    row(MICROSOFT, "GatedAdd", 1, elementwise::same_as_input, Opaque, Formula(contrib::activation::gated_add_work, "2 alu an output; with gate_weight a product a row, in MACs, and a sigmoid"), Streamed, Weights::At(&[3]), form::elementwise),
    row(MICROSOFT, "GatedDeltaNet", 1, contrib::recurrence::gated_delta, Opaque, Formula(contrib::recurrence::gated_delta_work, "for each token and head of values dk·dv MACs for the outer product, the read-out, and the retrieval of the delta rules; the decay and the gates are alu and trans"), Streamed, Weights::At(&[7, 8]), form::contraction),
    row(MICROSOFT, "GatedDeltaNetStateReplay", 1, contrib::recurrence::destination, Opaque, Formula(contrib::recurrence::replay_work, "a MAC and 1 alu for each kept token and element of the state; not known where the metadata is not"), Traffic::Formula(contrib::recurrence::replay_traffic), Weights::None, form::contraction),
    row(MICROSOFT, "GatedRMSNorm", 1, elementwise::same_as_input, Opaque, Formula(contrib::norm::gated_work, "as RMSNormalization of groups as long as the scale; 1 alu and the activation of a gate an output"), Streamed, Weights::At(&[1]), contrib::norm::gated_form),
    row(MICROSOFT, "GatedRelativePositionBias", 1, contrib::position::gated_relative, Opaque, Formula(contrib::position::gated_relative_work, "B·S·H·d·D MACs; the biases, two sigmoids and three operations a gate, 1 alu for each bias of a score"), Streamed, Weights::At(&[1, 3, 4, 5]), form::contraction),
    row(MICROSOFT, "GatherBlockQuantized", 1, contrib::packed::gather, Opaque, PerOutput(Counts::alu(2)), Traffic::Formula(contrib::packed::gather_traffic), Weights::Packed { values: &[0], parameters: &[2, 3], logical: contrib::packed::gather_elements }, contrib::packed::gather_form),
    row(MICROSOFT, "GatherND", 1, gather::gather_nd, Computed(gather::gather_nd_value), Free, Traffic::Formula(traffic::touched), Weights::At(&[0]), gather::gather_nd_form),
    row(MICROSOFT, "GatherPacked", 1, contrib::packed::gather_packed, Opaque, PerOutput(Counts::alu(2).by_formula()), Traffic::Formula(contrib::packed::gather_packed_traffic), Weights::Packed { values: &[0], parameters: &[], logical: contrib::packed::gather_packed_elements }, form::looked_up),
    row(MICROSOFT, "Gelu", 1, elementwise::same_as_input, Opaque, PerOutput(elementwise::GELU), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "GemmFastGelu", 1, matmul::matmul, Opaque, Formula(contrib::matmul::gelu_work, "B·M·N·K MACs, E alu with a bias, and the tanh form of Gelu of each output"), Streamed, Weights::At(&[1, 2]), matmul::matmul_form),
    row(MICROSOFT, "GemmFloat8", 1, contrib::matmul::float8_gemm, Opaque, Formula(contrib::matmul::gemm_work, "as Gemm of ai.onnx, and the activation of each output"), Streamed, Weights::Quantized { values: &[0, 1, 2], parameters: &[3, 4, 5] }, matmul::gemm_form),
    row(MICROSOFT, "GemmaRotaryEmbedding", 1, contrib::position::gemma, Opaque, Formula(contrib::position::gemma_work, "2 trans for each angle, 3 alu for each element that turns"), Streamed, Weights::None, form::elementwise),
    subgraph(MICROSOFT, "GreedySearch", 1, "the nodes of the encoder, if there is one, once, and those of the decoder once on the prompt and then once a generated token, on a past that grows; so many tokens as max_length leaves, or as --trips says, of each sequence. Choosing among tokens is left out"),
    row(MICROSOFT, "GridSample", 1, resize::grid_sample, Opaque, Formula(resize::grid_sample_work, "4 alu for each coordinate of each point of the grid, 2 for each neighbour of an output: 2^d for linear, 4^d for cubic"), Streamed, Weights::None, form::interpolated),
    row(MICROSOFT, "GroupNorm", 1, elementwise::same_as_input, Opaque, Formula(contrib::norm::group_work, "as GroupNormalization with beta, and a SiLU of each output if asked for"), Streamed, Weights::At(&[1, 2]), contrib::norm::group_form),
    row(MICROSOFT, "GroupQueryAttention", 1, contrib::multi_head::group_query, Opaque, Formula(contrib::multi_head::group_query_work, "B·Hq·Sq·Skv·(d + dv) MACs, Skv the total length, capped by local_window_size; softmax as in Attention; rotary embedding, soft cap, normalised heads and a bias where asked for"), Traffic::Formula(contrib::multi_head::group_query_traffic), Weights::At(&[11, 14, 15]), contrib::multi_head::group_query_form),
    row(MICROSOFT, "HyperConnectionLowRankMix", 1, contrib::streams::low_rank_mixed, Opaque, Formula(contrib::streams::low_rank_mixed_work, "products with [C·H, R], [R, C·H] and [C·H, C] in MACs; the normalisation of each stream, the gates and the gated sums"), Streamed, Weights::At(&[1, 2, 3, 4]), form::contraction),
    row(MICROSOFT, "HyperConnectionPostMix", 1, elementwise::same_as_input, Opaque, Formula(contrib::streams::mixed_streams_work, "a gate and a sum for each element of the streams; with a matrix C MACs for each"), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "HyperConnectionPreMix", 1, contrib::streams::reduced_streams, Opaque, PerInput(Counts::alu(2)), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "Inverse", 1, elementwise::same_as_input, Opaque, Formula(contrib::signal::inverse_work, "2·n³ alu a matrix: Gauss-Jordan elimination"), Streamed, Weights::None, form::other),
    row(MICROSOFT, "Irfft", 1, contrib::signal::irfft, Opaque, Formula(contrib::signal::irfft_work, "2.5·n·log₂ n alu for each real signal it makes"), Streamed, Weights::None, form::other),
    row(MICROSOFT, "IsAllFinite", 1, contrib::inspect::verdict, Opaque, Formula(contrib::inspect::verdict_work, "1 int for each element of each input"), Streamed, Weights::None, form::other),
    row(MICROSOFT, "LinearAttention", 1, attention::linear_attention, Opaque, Formula(attention::linear_attention_work, "for each token and head d·dv MACs for the outer product, for the read-out of each query head, and for the retrieval of the delta rules; the products of decay and beta are alu"), Streamed, Weights::None, form::contraction),
    row(MICROSOFT, "LinearAttentionGate", 1, contrib::activation::attention_gate, Opaque, Formula(contrib::activation::attention_gate_work, "of each element scale·softplus(a + bias), and of b a sigmoid"), Streamed, Weights::At(&[1, 2]), form::elementwise),
    row(MICROSOFT, "LongformerAttention", 1, elementwise::same_as_input, Opaque, Formula(contrib::attention::longformer_work, "projections of local and global queries, keys and values for every token; every token meets the window on both sides and, at most, all others"), Streamed, Weights::At(&[1, 2, 4, 5]), contrib::attention::longformer_form),
    row(MICROSOFT, "MRotaryEmbedding", 1, elementwise::same_as_input, Opaque, Formula(attention::rotate, "3 alu for each element that turns: four products and two sums a pair"), Traffic::Formula(attention::microsoft_rotary), Weights::None, form::elementwise),
    row(MICROSOFT, "Mamba2Verify", 1, contrib::recurrence::mamba, Opaque, Formula(contrib::recurrence::mamba_work, "R·channels·4 MACs of the convolution and 2·R·di·d_state of the recurrence; 1 alu for each decay, SiLU, skip, gate and normalisation"), Streamed, Weights::At(&[3, 4, 5, 6, 7, 8]), form::contraction),
    row(MICROSOFT, "MatMulBlockQuantizedFp4Weight", 1, contrib::packed::block_float, Opaque, Formula(contrib::packed::float4_work, "M·N·K MACs; E alu with a bias; unpacking is part of the kernel"), Streamed, Weights::Packed { values: &[1, 5], parameters: &[2, 3, 4], logical: contrib::packed::float4_elements }, contrib::packed::float4_form),
    row(MICROSOFT, "MatMulBlockQuantizedFp8Weight", 1, contrib::packed::block_float, Opaque, Formula(contrib::packed::float8_work, "M·N·K MACs; E alu with a bias; unpacking is part of the kernel"), Streamed, Weights::Quantized { values: &[1, 4], parameters: &[2, 3] }, contrib::packed::float8_form),
    row(MICROSOFT, "MatMulBnb4", 1, contrib::packed::bnb4, Opaque, Formula(contrib::packed::bnb4_work, "M·N·K MACs; unpacking is part of the kernel"), Streamed, Weights::Packed { values: &[1], parameters: &[2], logical: contrib::packed::n_bits_elements }, contrib::packed::bnb4_form),
    row(MICROSOFT, "MatMulFpQ4", 1, contrib::packed::blob, Opaque, Formula(contrib::packed::blob_work, "M·N·K MACs; unpacking is part of the kernel"), Streamed, Weights::Packed { values: &[1], parameters: &[], logical: contrib::packed::blob_elements }, contrib::packed::blob_form),
    row(MICROSOFT, "MatMulInteger16", 1, contrib::matmul::integer, Opaque, Formula(matmul::matmul_work, "B·M·N·K MACs, B the broadcast batch"), Streamed, Weights::At(&[0, 1]), matmul::matmul_form),
    row(MICROSOFT, "MatMulIntegerToFloat", 1, contrib::matmul::integer_to_float, Opaque, Formula(contrib::matmul::integer_to_float_work, "B·M·N·K MACs; the zero points; 1 alu a sum to scale it, 1 for a bias"), Streamed, Weights::Quantized { values: &[0, 1, 6], parameters: &[2, 3, 4, 5] }, matmul::matmul_form),
    row(MICROSOFT, "MatMulNBits", 1, contrib::packed::n_bits, Opaque, Formula(contrib::packed::n_bits_work, "M·N·K MACs; E alu with a bias; unpacking is part of the kernel"), Streamed, Weights::Packed { values: &[1, 5], parameters: &[2, 3, 4], logical: contrib::packed::n_bits_elements }, contrib::packed::n_bits_form),
    row(MICROSOFT, "MatMulNBitsMlp", 1, contrib::packed::gated, Opaque, Formula(contrib::packed::gated_work, "2·M·N·K MACs of gate and up, with the normalisation before, biases, activation and product"), Streamed, Weights::Packed { values: &[2, 3, 5, 6, 8], parameters: &[4, 7], logical: contrib::packed::gated_elements }, contrib::packed::gated_form),
    row(MICROSOFT, "MatMulNBitsQLoRA", 1, contrib::packed::n_bits, Opaque, Formula(contrib::packed::adapted_work, "M·K·N MACs and M·r·(K + N) of an adapter of rank r; 1 alu an output"), Streamed, Weights::Packed { values: &[1, 3, 5], parameters: &[2, 4, 6], logical: contrib::packed::adapted_elements }, form::contraction),
    row(MICROSOFT, "MatMulNBitsQkv", 1, contrib::packed::qkv, Opaque, Formula(contrib::packed::qkv_work, "M·K·(Nq + Nk + Nv) MACs, with the normalisation before and the biases"), Streamed, Weights::Packed { values: &[2, 3, 5, 6, 8, 9, 11], parameters: &[4, 7, 10], logical: contrib::packed::qkv_elements }, contrib::packed::qkv_form),
    row(MICROSOFT, "MatMulPacked", 1, contrib::packed::n_bits, Opaque, Formula(contrib::packed::packed_work, "M·N·K MACs; unpacking is part of the kernel"), Streamed, Weights::Packed { values: &[1], parameters: &[2], logical: contrib::packed::n_bits_elements }, contrib::packed::packed_form),
    row(MICROSOFT, "MaxpoolWithMask", 1, pool::pool, Opaque, Formula(pool::masked_pool_work, "at most E·(k − 1) alu, of integers int"), Streamed, Weights::None, pool::pool_form),
    row(MICROSOFT, "MoE", 1, elementwise::same_as_input, Opaque, Formula(contrib::moe::plain_work, "tokens·k·(hidden·inter·(1, or 2 with a gate) + inter·hidden) MACs of the experts that are met; biases, activation and the weighted sum in alu and trans"), Traffic::Formula(contrib::moe::plain_traffic), Weights::Experts { values: &[2, 3, 4, 5, 6, 7], parameters: &[], logical: contrib::moe::plain_elements, met: contrib::moe::met }, form::contraction),
    row(MICROSOFT, "MoEGroupRouter", 1, contrib::moe::group_router, Opaque, Formula(contrib::moe::group_router_work, "a sigmoid and 1 alu a score; tokens·experts·width MACs of a projection; without full scores a heap and a logarithm for each chosen expert"), Streamed, Weights::At(&[1, 2]), form::contraction),
    row(MICROSOFT, "MoEPacked", 1, elementwise::same_as_input, Opaque, Formula(contrib::moe::packed_work, "tokens·k·hidden·inter·(2, or 3 with an up projection) MACs of the experts that are met; activation and the weighted sum in alu and trans"), Traffic::Formula(contrib::moe::packed_traffic), Weights::Experts { values: &[2, 3, 4], parameters: &[], logical: contrib::moe::packed_elements, met: contrib::moe::met }, form::contraction),
    row(MICROSOFT, "MulInteger", 1, contrib::quantize::integer_product, Opaque, PerOutput(Counts::int(3)), Streamed, Weights::Operands, form::elementwise),
    row(MICROSOFT, "MultiHeadAttention", 1, contrib::multi_head::multi_head, Opaque, Formula(contrib::multi_head::multi_head_work, "B·H·Sq·Skv·(d + dv) MACs, the past in Skv; softmax as in Attention; the bias of the projections"), Streamed, Weights::At(&[3]), contrib::multi_head::multi_head_form),
    row(MICROSOFT, "MurmurHash3", 1, contrib::inspect::hashed, Opaque, PerOutput(Counts::int(12).by_formula()), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "NGramHashMapping", 1, contrib::select::hashes, Opaque, Formula(contrib::select::hashes_work, "2 int for each shift and each head of a token"), Streamed, Weights::None, form::other),
    row(MICROSOFT, "NGramRepeatBlock", 1, contrib::inspect::masked_scores, Opaque, PerInput(Counts::int(1).by_formula()), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "NhwcConv", 1, contrib::conv::channels_last, Opaque, Formula(contrib::conv::channels_last_work, "as Conv with the channels last; E alu for Z (input 3); the activation of each output"), Streamed, Weights::At(&[1, 2]), contrib::conv::channels_last_form),
    row(MICROSOFT, "NhwcFusedConv", 1, contrib::conv::channels_last, Opaque, Formula(contrib::conv::channels_last_work, "as Conv with the channels last; E alu for Z (input 3); the activation of each output"), Streamed, Weights::At(&[1, 2]), contrib::conv::channels_last_form),
    row(MICROSOFT, "NhwcMaxPool", 1, contrib::conv::max_pool, Opaque, Formula(contrib::conv::max_pool_work, "E·(k − 1) alu, of integers int, the channels last"), Streamed, Weights::None, pool::pool_form),
    row(MICROSOFT, "PackedAttention", 1, contrib::attention::packed, Opaque, Formula(contrib::attention::packed_work, "projections of the real tokens; a core of at most each token meeting the longest sequence"), Streamed, Weights::At(&[1, 2]), contrib::attention::packed_form),
    row(MICROSOFT, "PackedMultiHeadAttention", 1, contrib::multi_head::packed, Opaque, Formula(contrib::multi_head::packed_work, "at most as MultiHeadAttention of each token with the longest sequence"), Streamed, Weights::At(&[3]), contrib::multi_head::packed_form),
    row(MICROSOFT, "PackedSparseAttentionIndexer", 1, contrib::select::packed_indexer, Opaque, Formula(contrib::select::packed_indexer_work, "at most tokens·heads·state_capacity·d MACs; pooling, normalisation and rotation in alu, a heap in int"), Streamed, Weights::At(&[2, 3, 4, 5, 9]), form::contraction),
    row(MICROSOFT, "PackedSparseAttentionIndexerMerge", 1, contrib::select::merged, Opaque, Formula(contrib::select::merged_work, "at most an int for each entry of the base and of the result, a row"), Streamed, Weights::None, form::other),
    row(MICROSOFT, "Pad", 1, slice::pad, Computed(slice::pad_value), Free, Streamed, Weights::At(&[0]), form::copied),
    row(MICROSOFT, "PagedAttention", 1, contrib::cached::paged, Opaque, Formula(contrib::cached::paged_work, "at most tokens·H·T·2d MACs, T the keys that the block table has room for or a local window; softmax as in Attention"), Streamed, Weights::At(&[8, 9]), form::contraction),
    row(MICROSOFT, "QAttention", 1, contrib::attention::quantized, Opaque, Formula(contrib::attention::quantized_work, "as Attention of com.microsoft with 8-bit projections that are scaled and biased; the core in floating point"), Streamed, Weights::Quantized { values: &[1, 2], parameters: &[3, 4, 6, 7] }, contrib::attention::quantized_form),
    row(MICROSOFT, "QEmbedLayerNormalization", 1, contrib::norm::embed, Opaque, Formula(contrib::norm::quantized_embed_work, "as EmbedLayerNormalization; 2 alu to scale each byte that is read"), Traffic::Formula(contrib::norm::embed_traffic), Weights::Quantized { values: &[2, 3, 4, 5, 6], parameters: &[8, 9, 10, 11, 12, 13, 14, 15, 16, 17] }, form::normalized),
    row(MICROSOFT, "QGemm", 1, contrib::matmul::quantized_gemm, Opaque, Formula(contrib::matmul::quantized_gemm_work, "M·N·K MACs; the zero points; 1 int a sum for C, 1 alu to scale it"), Streamed, Weights::Quantized { values: &[0, 3, 6], parameters: &[1, 2, 4, 5, 7, 8] }, contrib::matmul::quantized_gemm_form),
    row(MICROSOFT, "QLinearAdd", 1, contrib::quantize::binary, Opaque, PerOutput(contrib::quantize::BINARY), Streamed, Weights::Quantized { values: &[0, 3], parameters: &[1, 2, 4, 5, 6, 7] }, form::elementwise),
    row(MICROSOFT, "QLinearAveragePool", 1, contrib::conv::average_pool, Opaque, Formula(contrib::conv::average_pool_work, "as AveragePool; each input dequantised, each output quantised"), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, pool::pool_form),
    row(MICROSOFT, "QLinearConcat", 1, contrib::quantize::concat, Opaque, Formula(contrib::quantize::concat_work, "at most each element scaled anew"), Streamed, Weights::Quantized { values: &[], parameters: &[0, 1] }, contrib::quantize::concat_form),
    row(MICROSOFT, "QLinearConv", 1, contrib::conv::quantized, Opaque, Formula(contrib::conv::quantized_work, "as QLinearConv of ai.onnx, in either layout"), Streamed, Weights::Quantized { values: &[3, 8], parameters: &[1, 2, 4, 5, 6, 7] }, contrib::conv::quantized_form),
    row(MICROSOFT, "QLinearGlobalAveragePool", 1, contrib::quantize::global_pool, Opaque, Formula(contrib::quantize::mean_work, "each input scaled and summed, each output divided and quantised"), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, pool::global_pool_form),
    row(MICROSOFT, "QLinearLeakyRelu", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::quantize::LEAKY_RELU), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, form::elementwise),
    row(MICROSOFT, "QLinearMul", 1, contrib::quantize::binary, Opaque, PerOutput(contrib::quantize::BINARY), Streamed, Weights::Quantized { values: &[0, 3], parameters: &[1, 2, 4, 5, 6, 7] }, form::elementwise),
    row(MICROSOFT, "QLinearReduceMean", 1, reduce::reduced_type, Opaque, Formula(contrib::quantize::mean_work, "each input scaled and summed, each output divided and quantised"), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, reduce::form),
    row(MICROSOFT, "QLinearSigmoid", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::quantize::LOGISTIC), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, form::elementwise),
    row(MICROSOFT, "QLinearSoftmax", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::quantize::SOFTMAX), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2, 3, 4] }, contrib::quantize::softmax_form),
    row(MICROSOFT, "QLinearWhere", 1, contrib::quantize::choice, Opaque, PerOutput(contrib::quantize::WHERE), Streamed, Weights::Quantized { values: &[1, 4], parameters: &[2, 3, 5, 6, 7, 8] }, form::elementwise),
    row(MICROSOFT, "QMoE", 1, elementwise::same_as_input, Opaque, Formula(contrib::moe::quantized_work, "tokens·k·(hidden·inter·(1, or 2 with a gate) + inter·hidden) MACs of the experts that are met, filed under packed factors; biases, activation and the weighted sum in alu and trans"), Traffic::Formula(contrib::moe::quantized_traffic), Weights::Experts { values: &[2, 4, 5, 7, 8, 10], parameters: &[3, 6, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20], logical: contrib::moe::quantized_elements, met: contrib::moe::met }, form::contraction),
    row(MICROSOFT, "QOrderedAttention", 1, contrib::attention::ordered, Opaque, Formula(contrib::attention::ordered_work, "B·S·Din·(Dq + Dk + Dv) MACs of bytes, 2 alu to scale and bias each sum, and the core as in Attention"), Streamed, Weights::Quantized { values: &[5, 6, 7, 11, 12, 13], parameters: &[1, 2, 3, 4, 8, 9, 10, 14, 15, 16] }, form::contraction),
    row(MICROSOFT, "QOrderedGelu", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::quantize::GELU), Streamed, Weights::Quantized { values: &[], parameters: &[1, 2] }, form::elementwise),
    row(MICROSOFT, "QOrderedLayerNormalization", 1, elementwise::same_as_input, Opaque, Formula(contrib::norm::quantized_layer_work, "as LayerNormalization; bytes scaled before, and divided, rounded and clipped after"), Streamed, Weights::Quantized { values: &[2, 3], parameters: &[1, 4] }, form::normalized),
    row(MICROSOFT, "QOrderedLongformerAttention", 1, elementwise::same_as_input, Opaque, Formula(contrib::attention::ordered_longformer_work, "as LongformerAttention, of bytes that are scaled and biased"), Streamed, Weights::Quantized { values: &[2, 4, 8, 10], parameters: &[1, 3, 5, 6, 9, 11, 13] }, form::contraction),
    row(MICROSOFT, "QOrderedMatMul", 1, contrib::matmul::ordered, Opaque, Formula(contrib::matmul::ordered_work, "B·M·N·K MACs; 1 alu a sum to scale it, 1 for a bias, 1 for C"), Streamed, Weights::Quantized { values: &[2, 5, 6], parameters: &[1, 3, 4, 7] }, contrib::matmul::ordered_form),
    row(MICROSOFT, "QuantizeBFP", 1, contrib::quantize::to_blocks, Opaque, PerInput(contrib::quantize::TO_BLOCKS), Streamed, Weights::None, form::other),
    row(MICROSOFT, "QuantizeLinear", 1, quantize::quantize_linear, Opaque, Formula(quantize::quantize_linear_work, "1 div, 1 alu to round and 2 int to clip an output, 1 alu more with a zero point"), Streamed, Weights::Quantized { values: &[0], parameters: &[1, 2] }, form::elementwise),
    row(MICROSOFT, "QuantizeWithOrder", 1, contrib::quantize::ordered, Opaque, PerOutput(contrib::quantize::QUANTIZE), Streamed, Weights::Quantized { values: &[0], parameters: &[1] }, form::elementwise),
    row(MICROSOFT, "QuickGelu", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::activation::QUICK_GELU), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "RMSNormRotary", 1, contrib::position::normalized_rotary, Opaque, Formula(contrib::position::normalized_rotary_work, "as RMSNormalization of each head; 3 alu for each element that turns"), Traffic::Formula(contrib::position::normalized_rotary_traffic), Weights::At(&[1]), contrib::position::normalized_rotary_form),
    row(MICROSOFT, "Range", 1, contrib::layout::range, Computed(contrib::layout::range_value), Formula(generate::range_work, "1 alu an output, of integers 1 int"), Traffic::Formula(traffic::written_only), Weights::None, form::elementwise),
    row(MICROSOFT, "ReduceSumInteger", 1, contrib::quantize::integer_sum, Opaque, Formula(contrib::quantize::integer_sum_work, "I − E int"), Streamed, Weights::None, reduce::form),
    row(MICROSOFT, "RelativePositionBias", 1, contrib::position::relative, Opaque, Formula(contrib::position::relative_work, "5 int and 1 trans for each pair of positions"), Streamed, Weights::At(&[0]), form::elementwise),
    row(MICROSOFT, "RemovePadding", 1, contrib::position::unpadded, Opaque, Free, Streamed, Weights::None, form::copied),
    row(MICROSOFT, "RestorePadding", 1, contrib::position::padded, Opaque, Free, Streamed, Weights::None, form::copied),
    row(MICROSOFT, "Rfft", 1, contrib::signal::rfft, Opaque, Formula(contrib::signal::rfft_work, "2.5·n·log₂ n alu for each real signal"), Streamed, Weights::None, form::other),
    row(MICROSOFT, "RotaryEmbedding", 1, elementwise::same_as_input, Opaque, Formula(attention::rotate, "3 alu for each element that turns: four products and two sums a pair"), Traffic::Formula(attention::microsoft_rotary), Weights::None, form::elementwise),
    row(MICROSOFT, "RouterGateUpProj", 1, contrib::matmul::router_gate_up, Opaque, Formula(contrib::matmul::router_gate_up_work, "tokens·K·N MACs, and a SwiGLU of each gated element"), Streamed, Weights::At(&[1]), matmul::matmul_form),
    row(MICROSOFT, "SampleOp", 1, elementwise::same_as_input, Opaque, Free, Streamed, Weights::None, form::copied),
    subgraph(MICROSOFT, "Sampling", 1, "the nodes of the encoder, if there is one, once, and those of the decoder once on the prompt and then once a generated token, on a past that grows; so many tokens as max_length leaves, or as --trips says, of each sequence. Choosing among tokens is left out"),
    row(MICROSOFT, "ScaledSiLU", 1, elementwise::same_as_input, Opaque, PerOutput(contrib::activation::QUICK_GELU), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "SkipGroupNorm", 1, contrib::norm::skip_group, Opaque, Formula(contrib::norm::skip_group_work, "as GroupNorm; 1 alu an output for the skip, 1 for a bias"), Streamed, Weights::At(&[1, 2, 4]), contrib::norm::group_form),
    row(MICROSOFT, "SkipLayerNormalization", 1, contrib::norm::skip, Opaque, Formula(contrib::norm::skip_layer_work, "as LayerNormalization; 1 alu an output for the skip, 1 for a bias, 1 for beta"), Streamed, Weights::At(&[2, 3, 4]), form::normalized),
    row(MICROSOFT, "SkipSimplifiedLayerNormalization", 1, contrib::norm::skip, Opaque, Formula(contrib::norm::skip_rms_work, "as RMSNormalization with its scale; 1 alu an output for the skip, 1 for a bias"), Streamed, Weights::At(&[2, 3]), form::normalized),
    unsupported(MICROSOFT, "Snpe", 1, "a compiled graph of an execution provider: nothing is known of what is in it"),
    row(MICROSOFT, "SparseAttention", 1, contrib::cached::sparse, Opaque, Formula(contrib::cached::sparse_work, "at most B·H·min(S·T, blocks·block²)·2d MACs; softmax as in Attention; rotary embedding where asked for"), Streamed, Weights::At(&[9, 10]), form::contraction),
    row(MICROSOFT, "SparseAttentionIndexer", 1, contrib::select::indexer, Opaque, Formula(contrib::select::indexer_work, "at most B·S·heads·blocks·d MACs; pooling, normalisation and rotation in alu, a heap in int"), Streamed, Weights::At(&[2, 3, 4, 5, 9]), form::contraction),
    row(MICROSOFT, "SparsePagedAttention", 1, contrib::cached::paged, Opaque, Formula(contrib::cached::selected_paged_work, "at most tokens·H·(selected + window)·2d MACs; softmax as in Attention; rotary embedding and normalisation where asked for"), Streamed, Weights::At(&[14, 15, 17, 18]), form::contraction),
    row(MICROSOFT, "SparseToDenseMatMul", 1, contrib::matmul::fused, Opaque, Formula(contrib::matmul::sparse_work, "at most B·M·N·K MACs: those of a dense A"), Streamed, Weights::At(&[0, 1]), contrib::matmul::fused_form),
    row(MICROSOFT, "SpeculativePrefixCommit", 1, contrib::recurrence::committed, Opaque, PerInput(Counts::int(1)), Streamed, Weights::None, form::other),
    row(MICROSOFT, "SwiGLU", 1, contrib::activation::swiglu, Opaque, Formula(contrib::activation::swiglu_work, "of each output a SiLU and a product; 1 alu for an activation_alpha, 1 for an activation_beta, 3 for a limit, where they do anything"), Streamed, Weights::None, form::elementwise),
    row(MICROSOFT, "Tokenizer", 1, contrib::inspect::tokenized, Opaque, PerInput(Counts::str(1)), Streamed, Weights::None, form::other),
    row(MICROSOFT, "TorchEmbedding", 1, contrib::position::embedding, Opaque, Free, Traffic::Formula(contrib::position::embedding_traffic), Weights::At(&[0]), form::looked_up),
    row(MICROSOFT, "TransposeMatMul", 1, contrib::matmul::fused, Opaque, Formula(contrib::matmul::fused_work, "B·M·N·K MACs, E alu where alpha is not 1, and the activation of each output"), Streamed, Weights::At(&[0, 1]), contrib::matmul::fused_form),
    row(MICROSOFT, "Trilu", 1, elementwise::same_as_input, Opaque, Free, Streamed, Weights::None, form::copied),
    row(MICROSOFT, "UnfoldTensor", 1, contrib::layout::unfold, Opaque, Free, Streamed, Weights::None, form::copied),
    row(MICROSOFT, "Unique", 1, contrib::layout::unique, Opaque, Formula(select::unique_work, "n·⌈log₂ n⌉ int comparisons: a sort"), Streamed, Weights::None, select::unique_form),
    row(MICROSOFT, "VarlenCausalConvWithState", 1, contrib::conv::varlen_causal, Opaque, Formula(contrib::conv::varlen_causal_work, "tokens·C·k MACs; E alu with a bias; the activation of each output"), Streamed, Weights::At(&[1, 3]), contrib::conv::varlen_causal_form),
    row(MICROSOFT, "VarlenNGramHashMapping", 1, contrib::select::packed_hashes, Opaque, Formula(contrib::select::hashes_work, "2 int for each shift and each head of a token"), Streamed, Weights::None, form::other),
    subgraph(MICROSOFT, "WhisperBeamSearch", 1, "the nodes of the encoder, if there is one, once, and those of the decoder once on the prompt and then once a generated token, on a past that grows; so many tokens as max_length leaves, or as --trips says, of num_beams sequences for each of the batch. Choosing among tokens is left out"),
    row(MICROSOFT, "WordConvEmbedding", 1, contrib::inspect::word_embedding, Opaque, Formula(contrib::inspect::word_embedding_work, "at most words·filters·(characters − window + 1)·window·size MACs, 2 alu and 1 trans for each"), Streamed, Weights::At(&[1, 2, 3]), form::contraction),

    // ONNX Runtime's operators that it registers under ai.onnx
    row(ONNX, "SimplifiedLayerNormalization", 1, contrib::norm::simplified, Opaque, Formula(contrib::norm::simplified_work, "as RMSNormalization with its scale, over the axes from axis on"), Streamed, Weights::At(&[1]), norm::layer_form),
];
