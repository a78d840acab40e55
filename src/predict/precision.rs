//! Which number format a model computes in, and how many bytes its tensors take in another.

use std::collections::BTreeMap;

use crate::cost::ModelCost;
use crate::device::Precision;

/// The factors of a product, as [`crate::cost::Totals::macs_by_type`] writes them: `float32`,
/// `float16×uint4`. The first is the activation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Factors<'a> {
    pub activation: &'a str,
    pub weight: &'a str,
}

impl<'a> Factors<'a> {
    pub fn parse(key: &'a str) -> Self {
        let (activation, weight) = key.split_once('×').unwrap_or((key, key));
        Self { activation, weight }
    }

    /// The format in which the product is computed.
    ///
    /// Equal or integer factors compute in the wider of the two. A floating-point activation times a weight
    /// of eight bits or fewer is computed in 16 bits, whatever the file stores the activation in: kernels for
    /// `MatMulNBits` and its kind unpack weights to 16 bits. Of two floats the activation decides.
    pub fn precision(self) -> Precision {
        let activation = precision_of(self.activation);
        let weight = precision_of(self.weight);
        match (is_integer(self.activation), is_integer(self.weight)) {
            (true, true) => activation.min(weight),
            (true, false) => weight,
            (false, true) if matches!(weight, Precision::Int8 | Precision::Int4) => match activation {
                Precision::Bf16 => Precision::Bf16,
                _ => Precision::Fp16,
            },
            _ => activation,
        }
    }
}

/// The format that stands for an element type. Types that no device states a rate for take that of FP32, or
/// of FP8 if they are narrower: wide integers and complex numbers are work for the vector units.
fn precision_of(element: &str) -> Precision {
    match element {
        "float64" | "complex128" => Precision::Fp64,
        "float16" => Precision::Fp16,
        "bfloat16" => Precision::Bf16,
        "int8" | "uint8" | "bool" => Precision::Int8,
        "int4" | "uint4" | "int2" | "uint2" => Precision::Int4,
        _ if element.starts_with("float8")
            || element.starts_with("float4")
            || element.starts_with("float6") =>
        {
            Precision::Fp8
        }
        _ => Precision::Fp32,
    }
}

fn is_integer(element: &str) -> bool {
    element.starts_with("int") || element.starts_with("uint") || element == "bool"
}

/// Bits of one element: the number in its name.
fn bits(element: &str) -> f64 {
    let digits = element.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(8.0)
}

/// Bits of one element stored in this format.
fn stored_bits(precision: Precision) -> f64 {
    match precision {
        Precision::Fp64 => 64.0,
        Precision::Fp32 | Precision::Tf32 => 32.0,
        Precision::Fp16 | Precision::Bf16 => 16.0,
        Precision::Fp8 | Precision::Int8 => 8.0,
        Precision::Int4 => 4.0,
    }
}

/// The format that carries most MACs; of two with as many, the wider. FP32 for a model without MACs.
pub(super) fn of_model(cost: &ModelCost) -> Precision {
    let mut macs: BTreeMap<Precision, u64> = BTreeMap::new();
    for (key, n) in &cost.totals.macs_by_type {
        let carried = macs.entry(Factors::parse(key).precision()).or_default();
        *carried = carried.saturating_add(*n);
    }
    // `max_by_key` keeps the last of equals, and the widest format sorts first.
    macs.into_iter().rev().max_by_key(|(_, n)| *n).map_or(Precision::Fp32, |(precision, _)| precision)
}

/// Bytes that tensors take, as a multiple of what the file says.
///
/// Asking for a precision means a copy of the model that stores activations and weights in it: `fp16` halves
/// the bytes of a float32 model, on the way to memory and in it. Weights that are already narrower than the
/// request stay packed as they are: int4 weights under `fp16` are still 4 bits each. All tensors are scaled
/// alike, index tensors too, which are few.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Storage {
    pub activations: f64,
    pub weights: f64,
}

impl Storage {
    const AS_IN_FILE: Self = Self { activations: 1.0, weights: 1.0 };

    pub fn of(cost: &ModelCost, asked: Option<Precision>) -> Self {
        let Some(asked) = asked else { return Self::AS_IN_FILE };
        let most = cost.totals.macs_by_type.iter().max_by_key(|(_, macs)| **macs);
        let factors = Factors::parse(most.map_or("float32", |(key, _)| key));
        let packed = bits(factors.weight) < bits(factors.activation);
        let weights = stored_bits(asked) / bits(factors.weight);
        Self {
            activations: stored_bits(asked) / bits(factors.activation),
            weights: if packed { weights.min(1.0) } else { weights },
        }
    }

    /// `bytes` of activations in this storage.
    pub fn activations(self, bytes: u64) -> f64 {
        bytes as f64 * self.activations
    }

    /// `bytes` of weights in this storage.
    pub fn weights(self, bytes: u64) -> f64 {
        bytes as f64 * self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Totals;

    fn model(macs: &[(&str, u64)]) -> ModelCost {
        let macs_by_type = macs.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect();
        ModelCost { totals: Totals { macs_by_type, ..Totals::default() }, ..ModelCost::default() }
    }

    #[test]
    fn operand_types_name_the_format_of_their_product() {
        use Precision::{Bf16, Fp8, Fp16, Fp32, Fp64, Int4, Int8};
        let cases = [
            ("float32", Fp32),
            ("float64", Fp64),
            ("float16", Fp16),
            ("bfloat16", Bf16),
            ("float8e4m3fn", Fp8),
            ("float8e4m3fn×float8e5m2", Fp8),
            ("int8", Int8),
            ("uint8×int8", Int8),
            ("int8×int4", Int8),
            ("uint4", Int4),
            ("int32", Fp32),
            ("complex64", Fp32),
            // MatMulNBits: 16-bit arithmetic, whatever the activations are stored in.
            ("float32×uint4", Fp16),
            ("float16×uint4", Fp16),
            ("bfloat16×uint4", Bf16),
            ("float32×int8", Fp16),
            ("float16×float32", Fp16),
            ("float32×float16", Fp32),
            ("float16×float8e4m3fn", Fp16),
        ];
        for (key, expected) in cases {
            assert_eq!(Factors::parse(key).precision(), expected, "{key}");
        }
    }

    #[test]
    fn the_format_with_most_macs_wins_and_of_equals_the_wider() {
        let cases: [(&[(&str, u64)], Precision); 5] = [
            (&[], Precision::Fp32),
            (&[("float32", 1), ("int8", 2)], Precision::Int8),
            (&[("float32", 5), ("float16", 3), ("float16×uint4", 3)], Precision::Fp16),
            (&[("int8", 7), ("float32", 7)], Precision::Fp32),
            (&[("int8", u64::MAX), ("uint8×int8", u64::MAX), ("float32", u64::MAX)], Precision::Fp32),
        ];
        for (macs, expected) in cases {
            assert_eq!(of_model(&model(macs)), expected, "{macs:?}");
        }
    }

    #[test]
    fn a_precision_asked_for_is_what_tensors_are_stored_in() {
        let cases = [
            ("float32", None, (1.0, 1.0)),
            ("float32", Some(Precision::Fp32), (1.0, 1.0)),
            ("float32", Some(Precision::Tf32), (1.0, 1.0)),
            ("float32", Some(Precision::Fp16), (0.5, 0.5)),
            ("float32", Some(Precision::Int4), (0.125, 0.125)),
            ("float16", Some(Precision::Fp32), (2.0, 2.0)),
            ("uint8×int8", Some(Precision::Fp16), (2.0, 2.0)),
            // Packed weights stay packed.
            ("float16×uint4", Some(Precision::Fp32), (2.0, 1.0)),
            ("float32×uint4", Some(Precision::Fp16), (0.5, 1.0)),
            ("float32×int8", Some(Precision::Int4), (0.125, 0.5)),
        ];
        for (key, asked, (activations, weights)) in cases {
            let found = Storage::of(&model(&[(key, 1)]), asked);
            assert_eq!(found, Storage { activations, weights }, "{key} in {asked:?}");
        }
    }
}
