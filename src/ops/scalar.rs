//! Arithmetic on single elements of small known tensors: rounding and wrapping to a type, casts,
//! comparison, and bounds where an element is only bounded.

use std::cmp::Ordering;

use crate::tensor::{ElementType, Scalar};

/// The integer as an element of that type: too large ones keep their low bits (two's complement).
///
/// Unknown where [`Scalar`] cannot hold it.
pub fn int(element: ElementType, n: i128) -> Scalar {
    match element {
        ElementType::Bool => Scalar::Bool(n != 0),
        _ => wrap(element, n).and_then(|n| i64::try_from(n).ok()).map_or(Scalar::Unknown, Scalar::Int),
    }
}

fn wrap(element: ElementType, n: i128) -> Option<i128> {
    use ElementType::*;
    if !element.is_integer() {
        return None;
    }
    let modulus = 1i128.checked_shl(u32::try_from(element.bits()?).ok()?)?;
    let low_bits = n.rem_euclid(modulus);
    let signed = matches!(element, Int2 | Int4 | Int8 | Int16 | Int32 | Int64);
    Some(if signed && low_bits >= modulus / 2 { low_bits - modulus } else { low_bits })
}

/// The number as an element of that type, rounded to nearest, ties to even; infinite beyond its range.
///
/// Unknown for types narrower than 16 bits, whose casts saturate by attribute.
pub fn float(element: ElementType, x: f64) -> Scalar {
    match element {
        ElementType::Float64 => Scalar::Float(x),
        #[allow(clippy::cast_possible_truncation, reason = "the rounding is the purpose")]
        ElementType::Float32 => Scalar::Float(f64::from(x as f32)),
        ElementType::Float16 => Scalar::Float(round_to(x, 11, -14, 65504.0)),
        ElementType::Bfloat16 => Scalar::Float(round_to(x, 8, -126, 3.389_531_389_251_535_5e38)),
        _ => Scalar::Unknown,
    }
}

/// `x` in a binary format of so many significant bits, whose smallest normal number is 2^`min_exponent`.
fn round_to(x: f64, significant_bits: i32, min_exponent: i32, max: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let biased = i32::try_from((x.to_bits() >> 52) & 0x7ff).unwrap_or(0);
    let step = f64::powi(2.0, (biased - 1023).max(min_exponent) - (significant_bits - 1));
    let rounded = (x / step).round_ties_even() * step;
    if rounded.abs() > max { f64::INFINITY.copysign(x) } else { rounded }
}

/// An element as ONNX `Cast` makes it: floats lose their fraction, integers their high bits, and what
/// is not zero is true. A float outside the range of an integer type gives an unknown element, as the
/// result is undefined.
pub fn cast(scalar: Scalar, to: ElementType) -> Scalar {
    match scalar {
        Scalar::Int(n) if to == ElementType::Float32 => {
            // Straight from the integer, as two roundings could differ from one.
            #[allow(clippy::cast_precision_loss, reason = "the rounding is the purpose")]
            Scalar::Float(f64::from(n as f32))
        }
        Scalar::Int(_) | Scalar::Bool(_) | Scalar::AtMost(_) if !to.is_float() => {
            Interval::of(scalar).map_or(Scalar::Unknown, |interval| interval.scalar(to))
        }
        Scalar::Int(_) => scalar.float().map_or(Scalar::Unknown, |x| float(to, x)),
        Scalar::Bool(b) => float(to, f64::from(u8::from(b))),
        Scalar::Float(x) if to.is_float() => float(to, x),
        Scalar::Float(x) if to == ElementType::Bool => Scalar::Bool(x != 0.0),
        Scalar::Float(x) => {
            truncated(x).filter(|n| wrap(to, *n) == Some(*n)).map_or(Scalar::Unknown, |n| int(to, n))
        }
        Scalar::AtMost(_) | Scalar::Unknown => Scalar::Unknown,
    }
}

fn truncated(x: f64) -> Option<i128> {
    #[allow(clippy::cast_possible_truncation, reason = "the fraction is dropped and the range is checked")]
    (x.abs() < f64::powi(2.0, 64)).then_some(x as i128)
}

/// All integers that an element can be.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    low: i128,
    high: i128,
}

impl Interval {
    /// Of an integer, a truth value (0 or 1) or a bounded element.
    pub fn of(scalar: Scalar) -> Option<Self> {
        let (low, high) = match scalar {
            Scalar::Int(n) => (n.into(), n.into()),
            Scalar::Bool(b) => (b.into(), b.into()),
            Scalar::AtMost(n) => (0, n.into()),
            Scalar::Float(_) | Scalar::Unknown => return None,
        };
        Some(Self { low, high })
    }

    /// The integer, if it can be only one.
    pub fn exact(self) -> Option<i128> {
        (self.low == self.high).then_some(self.low)
    }

    /// The interval as an element: known, bounded, or neither.
    pub fn scalar(self, element: ElementType) -> Scalar {
        match self.exact() {
            Some(n) => int(element, n),
            None if self.low >= 0 && wrap(element, self.high) == Some(self.high) => {
                u64::try_from(self.high).map_or(Scalar::Unknown, Scalar::AtMost)
            }
            None => Scalar::Unknown,
        }
    }

    /// The values of a function that is monotone in its argument.
    pub fn map(self, f: impl Fn(i128) -> i128) -> Self {
        let (a, b) = (f(self.low), f(self.high));
        Self { low: a.min(b), high: a.max(b) }
    }

    /// The values of a function that is monotone in each of its arguments.
    fn combine(self, other: Self, f: impl Fn(i128, i128) -> Option<i128>) -> Option<Self> {
        let corners = [
            f(self.low, other.low)?,
            f(self.low, other.high)?,
            f(self.high, other.low)?,
            f(self.high, other.high)?,
        ];
        Some(Self { low: corners.into_iter().min()?, high: corners.into_iter().max()? })
    }
}

/// An operation on two elements of a type.
#[derive(Clone, Copy)]
pub struct Arithmetic {
    /// On integers: monotone in each argument wherever it gives a number for the ends of both intervals.
    pub ints: fn(i128, i128) -> Option<i128>,
    /// On floating-point numbers; the result is rounded to the type.
    pub floats: fn(f64, f64) -> f64,
}

impl Arithmetic {
    /// The result in that type; an element that is only bounded gives a bounded result where there is one.
    pub fn apply(self, element: ElementType, a: Scalar, b: Scalar) -> Scalar {
        if let (Scalar::Float(a), Scalar::Float(b)) = (a, b) {
            return float(element, (self.floats)(a, b));
        }
        match (Interval::of(a), Interval::of(b)) {
            (Some(a), Some(b)) => {
                a.combine(b, self.ints).map_or(Scalar::Unknown, |result| result.scalar(element))
            }
            _ => Scalar::Unknown,
        }
    }
}

/// Sum.
pub const ADD: Arithmetic = Arithmetic { ints: i128::checked_add, floats: |a, b| a + b };
/// Difference.
pub const SUB: Arithmetic = Arithmetic { ints: i128::checked_sub, floats: |a, b| a - b };
/// Product.
pub const MUL: Arithmetic = Arithmetic { ints: i128::checked_mul, floats: |a, b| a * b };
/// Quotient; that of integers is truncated toward zero. ONNX `Div`.
pub const DIV: Arithmetic = Arithmetic { ints: i128::checked_div, floats: |a, b| a / b };
/// The smaller one; NaN if either is.
pub const MIN: Arithmetic =
    Arithmetic { ints: |a, b| Some(a.min(b)), floats: |a, b| if a < b || a.is_nan() { a } else { b } };
/// The larger one; NaN if either is.
pub const MAX: Arithmetic =
    Arithmetic { ints: |a, b| Some(a.max(b)), floats: |a, b| if a > b || a.is_nan() { a } else { b } };

/// `a` modulo `b`: the sign of `b` (the remainder of a floored quotient).
pub fn floor_mod(element: ElementType, a: Scalar, b: Scalar) -> Scalar {
    modulo(element, a, b, |a, b| ((a % b) + b) % b, |a, b| a - (a / b).floor() * b)
}

/// `a` modulo `b`: the sign of `a` (the remainder of a truncated quotient). C's `fmod`.
pub fn truncated_mod(element: ElementType, a: Scalar, b: Scalar) -> Scalar {
    modulo(element, a, b, |a, b| a % b, |a, b| a % b)
}

fn modulo(
    element: ElementType,
    a: Scalar,
    b: Scalar,
    ints: fn(i128, i128) -> i128,
    floats: fn(f64, f64) -> f64,
) -> Scalar {
    if let (Scalar::Float(a), Scalar::Float(b)) = (a, b) {
        return float(element, floats(a, b));
    }
    let (Some(a), Some(b)) = (Interval::of(a), Interval::of(b)) else { return Scalar::Unknown };
    match (a.exact(), b.exact()) {
        (Some(a), Some(b)) if b != 0 => int(element, ints(a, b)),
        // A divisor of 0 is not valid, so a bounded one is at least 1.
        _ if a.low >= 0 && b.low >= 0 && b.high > 0 => {
            Interval { low: 0, high: a.high.min(b.high - 1) }.scalar(element)
        }
        _ => Scalar::Unknown,
    }
}

/// `a` to the power of `b`, which may be of another type; the result has the type of `a`. ONNX `Pow`.
pub fn pow(element: ElementType, a: Scalar, b: Scalar) -> Scalar {
    if element.is_float() {
        return match (a.float(), b.float()) {
            (Some(a), Some(b)) => float(element, a.powf(b)),
            _ => Scalar::Unknown,
        };
    }
    let exponent = match b {
        // An integer to a fractional power is computed in floating point and cut to the type.
        Scalar::Float(b) => {
            return a.float().map_or(Scalar::Unknown, |a| cast(Scalar::Float(a.powf(b)), element));
        }
        _ => b.int().and_then(|n| u32::try_from(n).ok()),
    };
    match (Interval::of(a), exponent) {
        (Some(a), Some(exponent)) => a
            .combine(a, |a, _| a.checked_pow(exponent))
            .map_or(Scalar::Unknown, |result| result.scalar(element)),
        _ => Scalar::Unknown,
    }
}

/// -1, 0 or 1; NaN of NaN. ONNX `Sign`.
pub fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// The order of two known numbers: a total one, NaN beyond infinity, for sorting.
pub fn order(a: Scalar, b: Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Int(a), Scalar::Int(b)) => Some(a.cmp(&b)),
        // Adding zero makes negative zero equal to zero.
        (Scalar::Float(a), Scalar::Float(b)) => Some((a + 0.0).total_cmp(&(b + 0.0))),
        _ => None,
    }
}

/// Whether `a < b`, if that is known.
pub fn less(a: Scalar, b: Scalar) -> Option<bool> {
    if let (Scalar::Float(a), Scalar::Float(b)) = (a, b) {
        return Some(a < b);
    }
    let (a, b) = (Interval::of(a)?, Interval::of(b)?);
    if a.high < b.low {
        Some(true)
    } else if a.low >= b.high {
        Some(false)
    } else {
        None
    }
}

/// Whether `a ≤ b`, if that is known.
pub fn less_or_equal(a: Scalar, b: Scalar) -> Option<bool> {
    match (a, b) {
        (Scalar::Float(a), Scalar::Float(b)) => Some(a <= b),
        _ => less(b, a).map(|greater| !greater),
    }
}

/// Whether both are the same number, if that is known.
pub fn equal(a: Scalar, b: Scalar) -> Option<bool> {
    if let (Scalar::Float(a), Scalar::Float(b)) = (a, b) {
        return Some(a == b);
    }
    let (a, b) = (Interval::of(a)?, Interval::of(b)?);
    if a.high < b.low || b.high < a.low {
        return Some(false);
    }
    Some(a.exact()? == b.exact()?)
}

/// What is known of an element that is one of two.
pub fn either(a: Scalar, b: Scalar) -> Scalar {
    if a == b {
        return a;
    }
    match (a.dim().bound(), b.dim().bound()) {
        (Some(a), Some(b)) => Scalar::AtMost(a.max(b)),
        _ => Scalar::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ElementType::*;
    use Scalar::{AtMost, Bool, Float, Int, Unknown};

    #[test]
    fn casts_truncate_wrap_round_and_test_for_zero() {
        for (from, to, expected) in [
            (Float(-2.9), Int64, Int(-2)),
            (Float(2.9), Uint8, Int(2)),
            (Float(0.0), ElementType::Bool, Bool(false)),
            (Float(0.1), ElementType::Bool, Bool(true)),
            (Bool(true), Float32, Float(1.0)),
            (Bool(true), Int32, Int(1)),
            (Int(200), Int8, Int(-56)),
            (Int(-1), Uint16, Int(65535)),
            (Int(36), ElementType::Bool, Bool(true)),
            // 2^24 + 1 is the first integer that float32 lacks.
            (Int(16_777_217), Float32, Float(16_777_216.0)),
            (Float(f64::NAN), Int64, Unknown),
            (Float(300.0), Uint8, Unknown),
            (AtMost(100), Int32, AtMost(100)),
            (AtMost(300), Uint8, Unknown),
            (AtMost(100), Float32, Unknown),
        ] {
            assert_eq!(cast(from, to), expected, "{from:?} to {to}");
        }
    }

    #[test]
    fn half_precision_rounds_to_nearest_even_and_overflows_to_infinity() {
        for (x, expected) in [
            (0.1, 0.099_975_585_937_5),
            (2049.0, 2048.0),
            (2051.0, 2052.0),
            (65519.0, 65504.0),
            (65520.0, f64::INFINITY),
            // Half of the smallest subnormal, 2^-24, ties to zero.
            (f64::powi(2.0, -25), 0.0),
        ] {
            assert_eq!(float(Float16, x), Float(expected), "{x}");
        }
        assert_eq!(float(Bfloat16, 257.0), Float(256.0));
    }

    #[test]
    fn bounds_survive_arithmetic_that_cannot_go_below_zero() {
        for (operation, a, b, expected) in [
            (ADD, AtMost(3), AtMost(4), AtMost(7)),
            (ADD, AtMost(3), Int(-1), Unknown),
            (SUB, AtMost(3), Int(0), AtMost(3)),
            (SUB, Int(3), AtMost(3), AtMost(3)),
            (SUB, AtMost(3), Int(1), Unknown),
            (MUL, AtMost(3), Int(4), AtMost(12)),
            (MUL, AtMost(3), Int(0), Int(0)),
            (MUL, AtMost(u64::MAX), AtMost(u64::MAX), Unknown),
            (DIV, AtMost(9), Int(2), AtMost(4)),
            (DIV, Int(-7), Int(2), Int(-3)),
            (DIV, Int(7), Int(0), Unknown),
            (MIN, AtMost(9), Int(4), AtMost(4)),
            (MAX, AtMost(9), Int(-4), AtMost(9)),
            (MAX, AtMost(9), Int(10), Int(10)),
        ] {
            assert_eq!(operation.apply(Int64, a, b), expected, "{a:?} {b:?}");
        }
        assert_eq!(floor_mod(Int64, AtMost(9), Int(4)), AtMost(3));
    }

    #[test]
    fn comparisons_with_a_bound_are_known_where_every_value_agrees() {
        assert_eq!(equal(AtMost(5), Int(-1)), Some(false));
        assert_eq!(equal(AtMost(5), Int(5)), None);
        assert_eq!(less(AtMost(5), Int(6)), Some(true));
        assert_eq!(less(AtMost(5), Int(0)), Some(false));
        assert_eq!(less_or_equal(AtMost(5), Int(5)), Some(true));
    }
}
