//! onnx-tool 1.0.1, `node.py`: a multiply-accumulate is 1, and so are an addition, a product and a comparison; a division
//! is 4, a square root 24, an exponential or a power 32, a logarithm 43, a sine or cosine 39.

use super::term::Quantity::{
    Biased, FilterAnOutput, Folds, Groups, Indices, Inputs, Listed, Macs, Mode, Outputs, RecurrentBias,
    RowSums, Sized, Units, Windows,
};
use super::term::{Term, term};

/// Operators that it knows and counts as nothing.
pub(super) const KNOWN: &[&str] = &[
    "ArgMax",
    "ArrayFeatureExtractor",
    "Cast",
    "CategoryMapper",
    "Compress",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "DepthToSpace",
    "Dropout",
    "Erf",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "GridSample",
    "Identity",
    "NonMaxSuppression",
    "OneHot",
    "Pad",
    "RandomNormalLike",
    "RandomUniformLike",
    "Range",
    "Reshape",
    "RoiAlign",
    "Scan",
    "ScatterElements",
    "ScatterND",
    "Shape",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
    "ZipMap",
];

const SQRT: u64 = 24;
const EXP: u64 = 32;
const LOG: u64 = 43;
const SIN: u64 = 39;
const DIV: u64 = 4;
const TANH: u64 = EXP + 2 + DIV;

/// So many an output.
const fn each(times: u64) -> [Term; 1] {
    [term(times, Outputs)]
}

pub(super) fn formula(operator: &str) -> Option<&'static [Term]> {
    Some(match operator {
        "Conv" => const { &[term(1, Macs), term(1, Biased(2))] },
        "ConvInteger" | "QLinearMatMul" => const { &[term(1, Macs)] },
        "QLinearConv" => const { &[term(1, Macs), term(1, Listed(9))] },
        // By the size of the output: too many by as much as it is larger than the input.
        "ConvTranspose" => const { &[term(1, FilterAnOutput), term(1, Biased(2))] },
        // A third input of any kind is a bias.
        "Gemm" | "MatMul" | "MatMulInteger" => const { &[term(1, RowSums), term(1, Listed(3))] },
        "Einsum" => const { &[term(1, Indices)] },
        // One direction of the gates.
        "LSTM" => const { &[term(1, Macs), term(1, RecurrentBias), term(4 + 3 * EXP + 2 * TANH + 4, Units)] },
        "GRU" => const { &[term(1, Macs), term(1, RecurrentBias), term(3 + 2 * EXP + TANH + 5, Units)] },
        "Sum" => const { &[term(1, Folds)] },
        "Abs" | "Add" | "And" | "Ceil" | "CumSum" | "Equal" | "Floor" | "Greater" | "GreaterOrEqual"
        | "Hardmax" | "Less" | "LessOrEqual" | "Max" | "Min" | "Mod" | "Mul" | "Neg" | "NonZero" | "Not"
        | "Or" | "Relu" | "Round" | "Sign" | "Sub" | "Xor" => const { &each(1) },
        "Clip" | "DequantizeLinear" | "LeakyRelu" | "PRelu" | "QuantizeLinear" => const { &each(2) },
        "Div" | "HardSigmoid" | "Reciprocal" => const { &each(4) },
        "HardSwish" => const { &each(5) },
        "InstanceNormalization" => const { &each(7) },
        // Twice over, as if they had two operands.
        "Tanh" => const { &each(2 * TANH) },
        "Atan" => const { &each(2 * (SQRT + 4 + DIV)) },
        "Sqrt" => const { &each(SQRT) },
        "BatchNormalization" => const { &each(2 + SQRT + DIV + 1) },
        "Exp" | "Pow" | "Sigmoid" => const { &each(EXP) },
        "LpNormalization" => const { &each(EXP + 1) },
        "Gelu" => const { &each(EXP + 2) },
        "Elu" => const { &each(EXP + 3) },
        "Softmax" => const { &each(EXP + DIV) },
        "Cos" | "Sin" => const { &each(SIN) },
        "Log" => const { &each(LOG) },
        "Softplus" => const { &each(EXP + 1 + LOG) },
        "LogSoftmax" => const { &each(EXP + DIV + 1 + LOG) },
        "LRN" => const { &[term(DIV + EXP + 1, Outputs), term(1, Sized)] },
        // Their kernel's third axis is left out.
        "AveragePool" | "MaxPool" => const { &[term(1, Windows)] },
        "GlobalAveragePool" => const { &[term(1, Inputs), term(DIV, Outputs)] },
        "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" => const { &[term(1, Inputs)] },
        "ReduceL2" => const { &[term(1 + SQRT, Inputs)] },
        "LayerNormalization" => const { &[term(7, Inputs), term(1 + SQRT + DIV, Groups)] },
        "Resize" | "Upsample" => const { &[term(4, Mode(&["linear"])), term(8, Mode(&["cubic"]))] },
        known if KNOWN.contains(&known) => &[],
        _ => return None,
    })
}
