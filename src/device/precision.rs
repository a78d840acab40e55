//! The number formats a device states a rate for, and which of them can stand in for another.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DeviceError;

/// A number format that devices state an arithmetic rate for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE 754 binary64.
    Fp64,
    /// IEEE 754 binary32 on the vector units; never TF32.
    Fp32,
    /// NVIDIA TF32: FP32 range, FP16 mantissa.
    Tf32,
    /// IEEE 754 binary16.
    Fp16,
    /// bfloat16: FP32 range, 8 significant bits.
    Bf16,
    /// E4M3 or E5M2.
    Fp8,
    /// 8-bit integers.
    Int8,
    /// 4-bit integers.
    Int4,
}

impl Precision {
    /// Every precision, widest first.
    pub const ALL: [Self; 8] =
        [Self::Fp64, Self::Fp32, Self::Tf32, Self::Fp16, Self::Bf16, Self::Fp8, Self::Int8, Self::Int4];

    /// The name in files and on the command line: `fp32`, `bf16`, `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp64 => "fp64",
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
            Self::Fp8 => "fp8",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub fn bytes(self) -> f64 {
        match self {
            Self::Fp64 => 8.0,
            Self::Fp32 | Self::Tf32 => 4.0,
            Self::Fp16 | Self::Bf16 => 2.0,
            Self::Fp8 | Self::Int8 => 1.0,
            Self::Int4 => 0.5,
        }
    }

    /// Formats whose arithmetic can do this one's work, this one first.
    ///
    /// A runtime may widen operands when every value survives: FP16 fits in FP32; FP8 and INT8 fit in FP16
    /// and BF16. Nothing stands in for FP32, least of all TF32, which drops 13 bits.
    #[must_use]
    pub fn runs_as(self) -> &'static [Self] {
        match self {
            Self::Fp64 => &[Self::Fp64],
            Self::Fp32 => &[Self::Fp32],
            Self::Tf32 => &[Self::Tf32, Self::Fp32],
            Self::Fp16 => &[Self::Fp16, Self::Fp32],
            Self::Bf16 => &[Self::Bf16, Self::Fp32],
            Self::Fp8 => &[Self::Fp8, Self::Fp16, Self::Bf16, Self::Fp32],
            Self::Int8 => &[Self::Int8, Self::Fp16, Self::Bf16, Self::Fp32],
            Self::Int4 => &[Self::Int4, Self::Int8, Self::Fp16, Self::Bf16, Self::Fp32],
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = DeviceError;

    /// Reads a [`name`](Precision::name), in any case. Errors: [`DeviceError::UnknownPrecision`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| DeviceError::UnknownPrecision { name: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_in_any_case() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().to_uppercase().parse::<Precision>().unwrap(), precision);
            assert_eq!(serde_json::to_string(&precision).unwrap(), format!("\"{precision}\""));
        }
    }

    #[test]
    fn an_unknown_precision_is_answered_with_the_known_ones() {
        let message = "fp12".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(
            message,
            "\"fp12\" is no precision; known are fp64, fp32, tf32, fp16, bf16, fp8, int8, int4"
        );
    }

    #[test]
    fn every_precision_runs_as_itself_first_and_fp32_only_as_itself() {
        for precision in Precision::ALL {
            assert_eq!(precision.runs_as()[0], precision);
        }
        assert_eq!(Precision::Fp32.runs_as(), [Precision::Fp32]);
    }
}
