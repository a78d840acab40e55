//! One number from the vector of counters: the same work, weighted as different people do.

use crate::ops::Counts;

/// How a headline weighs the counters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Convention {
    /// `2·macs + alu + div + trans`: every floating-point operation. Ours.
    #[default]
    Flops,
    /// `macs`: multiply-accumulates of contractions, as papers and fvcore print them.
    Macs,
    /// `2·macs`: FLOPs of contractions alone, as PyTorch's flop counter and onnxsim print them.
    Contraction,
}

impl Convention {
    /// The work of a vector by this convention; the largest number where it does not fit in 64 bits.
    pub fn weigh(self, counts: &Counts) -> u64 {
        match self {
            Self::Flops => counts.flops().unwrap_or(u64::MAX),
            Self::Macs => counts.macs,
            Self::Contraction => counts.macs.saturating_mul(2),
        }
    }

    /// What the number is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Flops => "FLOPs",
            Self::Macs => "MACs",
            Self::Contraction => "2·MACs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType::Float32;

    #[test]
    fn conventions_weigh_one_vector_differently() {
        let counts = Counts { alu: 5, div: 7, trans: 11, int: 13, ..Counts::macs(100, Float32, Float32) };
        assert_eq!(Convention::Flops.weigh(&counts), 223);
        assert_eq!(Convention::Macs.weigh(&counts), 100);
        assert_eq!(Convention::Contraction.weigh(&counts), 200);
        assert_eq!(Convention::Contraction.weigh(&Counts { macs: u64::MAX, ..counts }), u64::MAX);
    }
}
