//! Tools that count PyTorch modules and operators, by what those are exported to. What is not named here counts as the
//! multiply-accumulates that it has.

use super::term::Quantity::{AllUnits, Biased, Inputs, Macs, Mode, Outputs, RecurrentBias, Scores};
use super::term::{Term, term};

/// fvcore 0.1.5, `jit_handles.py`: products without bias, 5 a normalised element, 4 a bilinear one. Fused attention and
/// recurrent layers are not supported, and count nothing.
pub(super) fn fvcore(operator: &str) -> Option<&'static [Term]> {
    Some(match operator {
        "Attention" | "GRU" | "LSTM" | "RNN" => &[],
        "BatchNormalization" => const { &[term(2, Outputs)] },
        "GroupNormalization" | "InstanceNormalization" | "LayerNormalization" => const { &[term(5, Inputs)] },
        "Resize" | "Upsample" => const { &[term(4, Mode(&["linear"])), term(1, Mode(&["nearest"]))] },
        "GridSample" => const { &[term(4, Outputs)] },
        "GlobalAveragePool" => const { &[term(1, Inputs)] },
        _ => return None,
    })
}

/// PyTorch 2.9, `torch/utils/flop_counter.py`: matrix products, convolutions and scaled dot-product attention. An LSTM is
/// one call that it does not know; GRU and RNN are made of products.
pub(super) fn torch(operator: &str) -> Option<&'static [Term]> {
    if matches!(operator, "LSTM" | "DynamicQuantizeLSTM") { Some(&[]) } else { None }
}

/// ptflops 0.7.5, `pytorch_ops.py`: modules, and functions that it patches. Hidden units cost 10 in an LSTM, 7 in a GRU, 1
/// in an RNN.
pub(super) fn ptflops(operator: &str) -> Option<&'static [Term]> {
    Some(match operator {
        "Conv" | "ConvTranspose" | "Gemm" => const { &[term(1, Macs), term(1, Biased(2))] },
        "Attention" => const { &[term(1, Macs), term(1, Scores)] },
        "LSTM" => const { &[term(1, Macs), term(1, RecurrentBias), term(10, AllUnits)] },
        "GRU" => const { &[term(1, Macs), term(1, RecurrentBias), term(7, AllUnits)] },
        "RNN" => const { &[term(1, Macs), term(1, RecurrentBias), term(1, AllUnits)] },
        "BatchNormalization" | "GroupNormalization" | "InstanceNormalization" | "LayerNormalization" => {
            const { &[term(2, Inputs)] }
        }
        "Add" | "Clip" | "Elu" | "Gelu" | "LeakyRelu" | "Mul" | "PRelu" | "Relu" | "Resize" | "Swish"
        | "Upsample" => const { &[term(1, Outputs)] },
        "AveragePool" | "GlobalAveragePool" | "GlobalMaxPool" | "MaxPool" | "Softmax" => {
            const { &[term(1, Inputs)] }
        }
        _ => return None,
    })
}
