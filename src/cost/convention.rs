//! One number from the vector of counters: the same work, weighted as different people do.

use super::Peer;
use crate::ops::Counts;

/// How a headline weighs the counters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Convention {
    /// `2·macs + alu + div + trans`: every floating-point operation. Ours.
    #[default]
    Flops,
    /// `macs`: multiply-accumulates of contractions, as papers print them.
    Macs,
    /// `2·macs`: FLOPs of contractions alone, as onnxsim prints them.
    Contraction,
    /// As another tool counts, operator by operator: see [`Peer::work`].
    Peer(Peer),
}

/// The work of a vector as `2·macs + alu + div + trans`; the largest number where it does not fit in 64 bits.
pub fn flops(counts: &Counts) -> u64 {
    counts.flops().unwrap_or(u64::MAX)
}

/// The work of a vector as `2·macs`, likewise.
pub fn contraction(counts: &Counts) -> u64 {
    counts.macs.saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType::Float32;

    #[test]
    fn conventions_weigh_one_vector_differently() {
        let counts = Counts { alu: 5, div: 7, trans: 11, int: 13, ..Counts::macs(100, Float32, Float32) };
        assert_eq!(flops(&counts), 223);
        assert_eq!(contraction(&counts), 200);
        assert_eq!(contraction(&Counts { macs: u64::MAX, ..counts }), u64::MAX);
    }
}
