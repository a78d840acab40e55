//! tract 0.23: fused multiply-adds (`Cost::FMA`) of the operators that it declares a cost of. It prices divisions apart,
//! and counts a graph after its own optimisation: fewer nodes than the file has. What is not
//! named here counts as the multiply-accumulates that it has.

use super::term::Quantity::{AllUnits, Folds, Inputs, Macs, Outputs};
use super::term::{Term, term};

/// A sigmoid or a hyperbolic tangent.
const RATIONAL: u64 = 11;

pub(super) fn formula(operator: &str) -> Option<&'static [Term]> {
    Some(match operator {
        // A scan over the cell: three sigmoids, two tangents and three products; two, one and three; one tangent.
        "LSTM" => const { &[term(1, Macs), term(5 * RATIONAL + 3, AllUnits)] },
        "GRU" => const { &[term(1, Macs), term(3 * RATIONAL + 3, AllUnits)] },
        "RNN" => const { &[term(1, Macs), term(RATIONAL, AllUnits)] },
        "Mul" => const { &[term(1, Folds)] },
        "BatchNormalization" => const { &[term(1, Outputs)] },
        "Sigmoid" | "Tanh" => const { &[term(RATIONAL, Outputs)] },
        "GlobalAveragePool" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" => {
            const { &[term(1, Inputs)] }
        }
        "RMSNormalization" => const { &[term(3, Inputs)] },
        "LayerNormalization" => const { &[term(4, Inputs)] },
        _ => return None,
    })
}
