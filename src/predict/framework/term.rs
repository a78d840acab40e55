//! The terms that the time of a kernel is a sum of.

use std::fmt;
use std::str::FromStr;

use crate::predict::Bound;

/// A part of the time of kernels, taken at a full rate of the device: FLOPs at the peak, bytes at the memory
/// bandwidth. Its coefficient is how often that the real kernel takes: 1 for one that reaches the rate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Term {
    /// FLOPs of convolutions over more than one place.
    Conv,
    /// FLOPs of matrix products: convolutions of one place, linear layers, attention.
    Product,
    /// FLOPs of convolutions in groups of several channels.
    Grouped,
    /// FLOPs of depthwise windows of more than 7 × 7, at the vector rate: libraries have no tuned kernel for them.
    LargeDepthwise,
    /// FLOPs that a product does on what it is filled up with: columns to a multiple of 64, the sum to one of 32.
    Padding,
    /// FLOPs of all contractions again, on boards that do not hold their clock.
    LowPower,
    /// Bytes of convolutions over more than one place: operands, results, and their way between layouts.
    ConvBytes,
    /// Bytes of convolutions of one place.
    PointwiseBytes,
    /// Bytes of linear layers and products of activations.
    ProductBytes,
    /// Bytes of grouped convolutions.
    GroupedBytes,
    /// Depthwise convolutions: their bytes, or twice their FLOPs at the vector rate if that is longer.
    Depthwise,
    /// Attention in one kernel: queries, keys, values and results, or its scores if they are more.
    Attention,
    /// Bytes of the scores of attention again where a mask or a bias is added to them.
    Mask,
    /// Bytes of element-wise kernels.
    Elementwise,
    /// Bytes of normalisations and softmaxes.
    Norm,
    /// Bytes of reductions.
    Reduce,
    /// Bytes of pooling and resizing.
    Pool,
    /// Bytes of what is only moved.
    Move,
    /// Starts of kernels, in microseconds.
    Start,
}

impl Term {
    /// How many there are.
    pub const COUNT: usize = 19;

    /// All of them, in the order of their declaration.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Conv,
        Self::Product,
        Self::Grouped,
        Self::LargeDepthwise,
        Self::Padding,
        Self::LowPower,
        Self::ConvBytes,
        Self::PointwiseBytes,
        Self::ProductBytes,
        Self::GroupedBytes,
        Self::Depthwise,
        Self::Attention,
        Self::Mask,
        Self::Elementwise,
        Self::Norm,
        Self::Reduce,
        Self::Pool,
        Self::Move,
        Self::Start,
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Product => "product",
            Self::Grouped => "grouped",
            Self::LargeDepthwise => "large_depthwise",
            Self::Padding => "padding",
            Self::LowPower => "low_power",
            Self::ConvBytes => "conv_bytes",
            Self::PointwiseBytes => "pointwise_bytes",
            Self::ProductBytes => "product_bytes",
            Self::GroupedBytes => "grouped_bytes",
            Self::Depthwise => "depthwise",
            Self::Attention => "attention",
            Self::Mask => "mask",
            Self::Elementwise => "elementwise",
            Self::Norm => "norm",
            Self::Reduce => "reduce",
            Self::Pool => "pool",
            Self::Move => "move",
            Self::Start => "start_us",
        }
    }

    /// What a kernel waits for in it, if contractions run on matrix units.
    #[must_use]
    pub fn bound(self) -> Bound {
        match self {
            Self::Conv | Self::Product | Self::Grouped | Self::Padding | Self::LowPower => Bound::Matrix,
            Self::LargeDepthwise => Bound::Vector,
            Self::Start => Bound::Launch,
            _ => Bound::Memory,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Term {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|term| term.name() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_stand_where_their_number_says_and_read_back() {
        for (at, term) in Term::ALL.into_iter().enumerate() {
            assert_eq!(term as usize, at);
            assert_eq!(term.to_string().parse(), Ok(term));
        }
    }
}
