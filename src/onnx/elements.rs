//! The values of small constants: what decides shapes, never weights.
//!
//! Every function takes the number of elements that the tensor's dims promise and gives nothing unless
//! the payload holds exactly that many, so a result is never larger than what the file holds times 64.
//! Layouts are those of the comments in ONNX's `onnx.proto` (IR version 14) on `TensorProto`.

use bytes::Bytes;
use prost::encoding::decode_varint;

use super::Payload;

/// How an element type writes a number, by ONNX code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Unsigned,
    Signed,
    Boolean,
    /// IEEE 754 binary32 or binary64.
    Native,
    Small(SmallFloat),
}

/// A float of up to 16 bits: a sign bit, then `exponent` bits, then `mantissa` bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SmallFloat {
    exponent: u32,
    mantissa: u32,
    bias: i32,
    special: Special,
}

/// Which bit patterns are not numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Special {
    /// The highest exponent: infinity, or NaN with a mantissa.
    Ieee,
    /// Only all bits behind the sign set.
    AllOnes,
    /// Only negative zero.
    NegativeZero,
    /// None.
    Finite,
    /// An exponent without sign or mantissa, of which 255 is NaN.
    ExponentOnly,
}

const fn small(exponent: u32, mantissa: u32, bias: i32, special: Special) -> Format {
    Format::Small(SmallFloat { exponent, mantissa, bias, special })
}

/// The ONNX code, the width in bits and the format of every element type that is one number.
///
/// Strings (8) and complex numbers (14, 15) are missing. Sources of the small floats: arXiv:2209.05433
/// (E4M3FN, E5M2), arXiv:2206.02915 (FNUZ), OCP Microscaling Formats v1.0 (E2M1, E2M3, E3M2, E8M0).
const FORMATS: [(i32, u32, Format); 25] = [
    (1, 32, Format::Native),
    (2, 8, Format::Unsigned),
    (3, 8, Format::Signed),
    (4, 16, Format::Unsigned),
    (5, 16, Format::Signed),
    (6, 32, Format::Signed),
    (7, 64, Format::Signed),
    (9, 8, Format::Boolean),
    (10, 16, small(5, 10, 15, Special::Ieee)),
    (11, 64, Format::Native),
    (12, 32, Format::Unsigned),
    (13, 64, Format::Unsigned),
    (16, 16, small(8, 7, 127, Special::Ieee)),
    (17, 8, small(4, 3, 7, Special::AllOnes)),
    (18, 8, small(4, 3, 8, Special::NegativeZero)),
    (19, 8, small(5, 2, 15, Special::Ieee)),
    (20, 8, small(5, 2, 16, Special::NegativeZero)),
    (21, 4, Format::Unsigned),
    (22, 4, Format::Signed),
    (23, 4, small(2, 1, 1, Special::Finite)),
    (24, 8, small(8, 0, 127, Special::ExponentOnly)),
    (25, 2, Format::Unsigned),
    (26, 2, Format::Signed),
    (27, 6, small(2, 3, 1, Special::Finite)),
    (28, 6, small(3, 2, 3, Special::Finite)),
];

/// The elements of an integer or boolean tensor; booleans are 0 and 1.
///
/// `None` if the type is another, if the payload holds more or fewer than `count` elements or is not in
/// this file, and if an element is beyond `i64`.
pub fn ints(payload: &Payload<'_>, data_type: i32, count: usize) -> Option<Vec<i64>> {
    let (width, format) = format_of(data_type)?;
    let value = |code: u64| match format {
        Format::Unsigned => i64::try_from(code).ok(),
        Format::Signed => Some(signed(code, width)),
        Format::Boolean => Some(i64::from(code != 0)),
        Format::Native | Format::Small(_) => None,
    };
    codes(payload, data_type, width, count)?.into_iter().map(value).collect()
}

/// The elements of a floating-point tensor.
///
/// `None` if the type is another or complex, and if the payload holds more or fewer than `count`
/// elements or is not in this file.
pub fn floats(payload: &Payload<'_>, data_type: i32, count: usize) -> Option<Vec<f64>> {
    let (width, format) = format_of(data_type)?;
    let value = |code: u64| match format {
        Format::Native if width == 64 => Some(f64::from_bits(code)),
        Format::Native => u32::try_from(code).ok().map(|bits| f64::from(f32::from_bits(bits))),
        Format::Small(float) => Some(float.value(code)),
        Format::Unsigned | Format::Signed | Format::Boolean => None,
    };
    codes(payload, data_type, width, count)?.into_iter().map(value).collect()
}

/// The elements of a string tensor, as written: ONNX wants UTF-8 and does not enforce it.
///
/// `None` if the payload holds more or fewer than `count` strings.
pub fn strings<'a>(payload: &Payload<'a>, count: usize) -> Option<&'a [Bytes]> {
    match *payload {
        Payload::Strings(strings) if strings.len() == count => Some(strings),
        Payload::Nothing if count == 0 => Some(&[]),
        _ => None,
    }
}

/// Bytes that `count` elements take as raw data; `None` for strings, unknown types and on overflow.
pub(super) fn raw_bytes(data_type: i32, count: u64) -> Option<u64> {
    let width = match data_type {
        14 => 64,
        15 => 128,
        _ => u64::from(format_of(data_type)?.0),
    };
    count.checked_mul(width).map(|bits| bits.div_ceil(8))
}

fn format_of(data_type: i32) -> Option<(u32, Format)> {
    FORMATS.iter().find(|(code, ..)| *code == data_type).map(|(_, width, format)| (*width, *format))
}

/// The bit patterns of `count` elements of `width` bits.
fn codes(payload: &Payload<'_>, data_type: i32, width: u32, count: usize) -> Option<Vec<u64>> {
    match payload {
        Payload::Raw(raw) => unpack(raw, width, count),
        Payload::Floats(chunks) if data_type == 1 => unpack(&joined(chunks, 4, count)?, width, count),
        Payload::Doubles(chunks) if data_type == 11 => unpack(&joined(chunks, 8, count)?, width, count),
        Payload::Int64s(chunks) if data_type == 7 => varints(chunks, count),
        Payload::Uint64s(chunks) if matches!(data_type, 12 | 13) => {
            let codes = varints(chunks, count)?;
            codes.iter().all(|code| *code <= mask(width)).then_some(codes)
        }
        Payload::Int32s(chunks) if !matches!(data_type, 1 | 7 | 11 | 12 | 13) => {
            // 4-bit and 2-bit elements share a number; 6-bit elements do not.
            let shared = if width < 6 { 8 / width as usize } else { 1 };
            let numbers = varints(chunks, count.div_ceil(shared))?;
            if shared == 1 {
                return Some(numbers.into_iter().map(|number| number & mask(width)).collect());
            }
            let packed: Vec<u8> = numbers.into_iter().map(|number| number.to_le_bytes()[0]).collect();
            unpack(&packed, width, count)
        }
        Payload::Nothing if count == 0 => Some(Vec::new()),
        _ => None,
    }
}

/// Elements of `width` bits, the first in the lowest bits of the first byte; the last byte is padded.
fn unpack(raw: &[u8], width: u32, count: usize) -> Option<Vec<u64>> {
    let bytes = count.checked_mul(width as usize)?.div_ceil(8);
    if raw.len() != bytes {
        return None;
    }
    if width.is_multiple_of(8) {
        let element = |bytes: &[u8]| bytes.iter().rev().fold(0, |code, byte| code << 8 | u64::from(*byte));
        return Some(raw.chunks_exact(width as usize / 8).map(element).collect());
    }
    let bit = |place: usize| raw.get(place / 8).map_or(0, |byte| u64::from(byte >> (place % 8) & 1));
    let element = |index: usize| {
        (0..width as usize).rev().fold(0, |code, place| code << 1 | bit(index * width as usize + place))
    };
    Some((0..count).map(element).collect())
}

/// The packed chunks of a field with `count` numbers of `size` bytes, one behind the other.
fn joined(chunks: &[Bytes], size: usize, count: usize) -> Option<Bytes> {
    let bytes = chunks.iter().try_fold(0usize, |sum, chunk| sum.checked_add(chunk.len()))?;
    if bytes != count.checked_mul(size)? {
        return None;
    }
    match chunks {
        [one] => Some(one.clone()),
        many => Some(many.concat().into()),
    }
}

/// The numbers of a field that has exactly `count`.
fn varints(chunks: &[Bytes], count: usize) -> Option<Vec<u64>> {
    // A number takes a byte or more, so that nothing is allocated for numbers that are not there.
    if count > chunks.iter().map(Bytes::len).sum() {
        return None;
    }
    let mut numbers = Vec::with_capacity(count);
    for chunk in chunks {
        let mut rest: &[u8] = chunk;
        while !rest.is_empty() {
            if numbers.len() == count {
                return None;
            }
            numbers.push(decode_varint(&mut rest).ok()?);
        }
    }
    (numbers.len() == count).then_some(numbers)
}

/// The lowest `width` bits.
fn mask(width: u32) -> u64 {
    u64::MAX >> 64u32.saturating_sub(width)
}

/// A two's complement number of `width` bits.
fn signed(code: u64, width: u32) -> i64 {
    let unused = 64u32.saturating_sub(width);
    (code << unused).cast_signed() >> unused
}

impl SmallFloat {
    /// The number that a bit pattern stands for.
    fn value(self, code: u64) -> f64 {
        let field = |from: u32, bits: u32| code >> from & mask(bits);
        let exponent = field(self.mantissa, self.exponent);
        let mantissa = if self.mantissa == 0 { 0 } else { field(0, self.mantissa) };
        let highest = exponent == mask(self.exponent);
        let negative =
            self.special != Special::ExponentOnly && code >> (self.exponent + self.mantissa) & 1 == 1;
        let sign = if negative { -1.0 } else { 1.0 };

        // Both are at most 16 bits wide.
        #[allow(clippy::cast_possible_truncation, reason = "an exponent has 8 bits at most")]
        let power = exponent as i32 - self.bias;
        #[allow(clippy::cast_precision_loss, reason = "a mantissa has 10 bits at most")]
        let fraction = mantissa as f64 / (1u64 << self.mantissa) as f64;

        match self.special {
            Special::Ieee if highest && mantissa == 0 => sign * f64::INFINITY,
            Special::Ieee if highest => f64::NAN,
            Special::AllOnes if highest && mantissa == mask(self.mantissa) => f64::NAN,
            Special::NegativeZero if negative && exponent == 0 && mantissa == 0 => f64::NAN,
            Special::ExponentOnly if highest => f64::NAN,
            Special::ExponentOnly => 2f64.powi(power),
            _ if exponent == 0 => sign * fraction * 2f64.powi(power + 1),
            _ => sign * (1.0 + fraction) * 2f64.powi(power),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_8: &[u8] = &[0x00, 0x01, 0x38, 0x3c, 0x40, 0x7e, 0x80, 0x81, 0xc0, 0x7f, 0xff, 0xfc];
    const BYTES_16: &[u8] =
        &[0, 0, 0, 0x3c, 1, 0, 0xff, 0x7b, 0, 0x7c, 0x01, 0x7e, 0x00, 0x80, 0, 0xbc, 0x80, 0x3f];
    const BYTES_32: &[u8] = &[0, 0, 0x80, 0x3f, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0x80];
    const BYTES_64: &[u8] = &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x80];
    /// 2-bit, 4-bit and 6-bit elements.
    const BYTES_PACKED: &[u8] = &[0xe4, 0x1b, 0x9c];

    /// The integers that `onnx.numpy_helper.to_array` (1.23.2) makes of raw bytes, by ONNX code.
    const INTS: [(i32, &[u8], &[i64]); 13] = [
        (2, BYTES_8, &[0, 1, 56, 60, 64, 126, 128, 129, 192, 127, 255, 252]),
        (3, BYTES_8, &[0, 1, 56, 60, 64, 126, -128, -127, -64, 127, -1, -4]),
        (4, BYTES_16, &[0, 15360, 1, 31743, 31744, 32257, 32768, 48128, 16256]),
        (5, BYTES_16, &[0, 15360, 1, 31743, 31744, 32257, -32768, -17408, 16256]),
        (6, BYTES_32, &[1_065_353_216, -1, -2_147_483_647]),
        (7, BYTES_64, &[4_607_182_418_800_017_408, i64::MIN]),
        (9, BYTES_8, &[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (12, BYTES_32, &[1_065_353_216, 4_294_967_295, 2_147_483_649]),
        (13, &[7, 0, 0, 0, 0, 0, 0, 1], &[72_057_594_037_927_943]),
        (21, BYTES_PACKED, &[4, 14, 11, 1, 12, 9]),
        (22, BYTES_PACKED, &[4, -2, -5, 1, -4, -7]),
        (25, BYTES_PACKED, &[0, 1, 2, 3, 3, 2, 1, 0, 0, 3, 1, 2]),
        (26, BYTES_PACKED, &[0, 1, -2, -1, -1, -2, 1, 0, 0, -1, 1, -2]),
    ];

    const NAN: f64 = f64::NAN;

    /// The floats that `onnx.numpy_helper.to_array` (1.23.2) makes of raw bytes, by ONNX code.
    const FLOATS: [(i32, &[u8], &[f64]); 12] = [
        (1, BYTES_32, &[1.0, NAN, -1.401_298_464_324_817e-45]),
        (10, BYTES_16, &[0.0, 1.0, 5.960_464_477_539_063e-8, 65504.0, f64::INFINITY, NAN, -0.0, -1.0, 1.875]),
        (11, BYTES_64, &[1.0, -0.0]),
        (
            16,
            BYTES_16,
            &[
                0.0,
                0.007_812_5,
                9.183_549_615_799_121e-41,
                2.648_071_397_852_762e36,
                2.658_455_991_569_832e36,
                4.286_760_286_406_354e37,
                -0.0,
                -0.007_812_5,
                1.0,
            ],
        ),
        (
            17,
            BYTES_8,
            &[0.0, 0.001_953_125, 1.0, 1.5, 2.0, 448.0, -0.0, -0.001_953_125, -2.0, NAN, NAN, -384.0],
        ),
        (
            18,
            BYTES_8,
            &[
                0.0,
                0.000_976_562_5,
                0.5,
                0.75,
                1.0,
                224.0,
                NAN,
                -0.000_976_562_5,
                -1.0,
                240.0,
                -240.0,
                -192.0,
            ],
        ),
        (
            19,
            BYTES_8,
            &[
                0.0,
                1.525_878_906_25e-5,
                0.5,
                1.0,
                2.0,
                NAN,
                -0.0,
                -1.525_878_906_25e-5,
                -2.0,
                NAN,
                NAN,
                f64::NEG_INFINITY,
            ],
        ),
        (
            20,
            BYTES_8,
            &[
                0.0,
                7.629_394_531_25e-6,
                0.25,
                0.5,
                1.0,
                49152.0,
                NAN,
                -7.629_394_531_25e-6,
                -1.0,
                57344.0,
                -57344.0,
                -32768.0,
            ],
        ),
        (23, BYTES_PACKED, &[2.0, -4.0, -1.5, 0.5, -2.0, -0.5]),
        (
            24,
            BYTES_8,
            &[
                5.877_471_754_111_438e-39,
                1.175_494_350_822_287_5e-38,
                4.235_164_736_271_502e-22,
                6.776_263_578_034_403e-21,
                1.084_202_172_485_504_4e-19,
                0.5,
                2.0,
                4.0,
                3.689_348_814_741_910_3e19,
                1.0,
                NAN,
                4.253_529_586_511_731e37,
            ],
        ),
        (27, BYTES_PACKED, &[-0.5, -1.875, 0.125, -0.875]),
        (28, BYTES_PACKED, &[-0.25, -1.75, 0.0625, -0.4375]),
    ];

    fn same(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
    }

    #[test]
    fn raw_data_of_every_type_reads_as_the_onnx_package_reads_it() {
        for (code, raw, expected) in INTS {
            let raw = Bytes::from_static(raw);
            assert_eq!(ints(&Payload::Raw(&raw), code, expected.len()).unwrap(), expected, "type {code}");
            assert_eq!(floats(&Payload::Raw(&raw), code, expected.len()), None, "type {code}");
        }
        for (code, raw, expected) in FLOATS {
            let raw = Bytes::from_static(raw);
            let found = floats(&Payload::Raw(&raw), code, expected.len()).unwrap();
            assert!(same(&found, expected), "type {code}: {found:?}");
            assert_eq!(ints(&Payload::Raw(&raw), code, expected.len()), None, "type {code}");
        }
    }

    #[test]
    fn every_type_of_one_number_is_tested_and_no_other_decodes() {
        let tested =
            |code| INTS.iter().any(|case| case.0 == code) || FLOATS.iter().any(|case| case.0 == code);
        let raw = Bytes::from_static(&[0; 16]);
        for code in -1..40 {
            let known = (1..=28).contains(&code) && !matches!(code, 8 | 14 | 15);
            assert_eq!(tested(code), known, "type {code}");
            assert_eq!(format_of(code).is_some(), known, "type {code}");
            if !known {
                assert_eq!(ints(&Payload::Raw(&raw), code, 1), None);
                assert_eq!(floats(&Payload::Raw(&raw), code, 1), None);
            }
        }
    }

    /// Sums over all 256 patterns, of the finite values each times its pattern, from the `onnx` package.
    #[test]
    fn all_patterns_of_the_8_bit_floats_read_as_the_onnx_package_reads_them() {
        let raw: Bytes = (0..=255u8).collect::<Vec<_>>().into();
        let cases = [
            (17, 2, 0, -692_208.0),
            (18, 1, 0, -376_824.0),
            (19, 6, 2, -46_137_343.968_75),
            (20, 1, 0, -46_137_343.984_375),
            (24, 1, 0, 8.609_143_883_099_743e40),
        ];
        for (code, nans, infinities, weighted) in cases {
            let values = floats(&Payload::Raw(&raw), code, 256).unwrap();
            assert_eq!(values.iter().filter(|value| value.is_nan()).count(), nans, "type {code}");
            assert_eq!(values.iter().filter(|value| value.is_infinite()).count(), infinities, "type {code}");
            let sum: f64 = values
                .iter()
                .zip(0u32..)
                .filter(|(value, _)| value.is_finite())
                .map(|(value, pattern)| value * f64::from(pattern))
                .sum();
            assert!((sum / weighted - 1.0).abs() < 1e-12, "type {code}: {sum}");
        }
    }

    /// `int32_data` as the comments of `onnx.proto` describe it, packed by hand.
    #[test]
    fn int32_data_holds_patterns_and_packs_the_narrowest() {
        let minus_one: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let int_cases: [(i32, &[u8], &[i64]); 11] = [
            (6, minus_one, &[-1]),
            (3, minus_one, &[-1]),
            (5, minus_one, &[-1]),
            (2, &[0xff, 1, 3], &[255, 3]),
            (4, &[0xff, 0xff, 3], &[65535]),
            (9, &[0, 1], &[0, 1]),
            // 228 = 0xe4, then 0x0b: three elements in two numbers.
            (21, &[0xe4, 1, 0x0b], &[4, 14, 11]),
            (22, &[0xe4, 1, 0x0b], &[4, -2, -5]),
            (25, &[0xe4, 1, 2], &[0, 1, 2, 3, 2]),
            (26, &[0xe4, 1, 2], &[0, 1, -2, -1, -2]),
            (21, minus_one, &[15, 15]),
        ];
        for (code, packed, expected) in int_cases {
            let chunks = [Bytes::from_static(packed)];
            assert_eq!(
                ints(&Payload::Int32s(&chunks), code, expected.len()).unwrap(),
                expected,
                "type {code}"
            );
        }
        let float_cases: [(i32, &[u8], &[f64]); 8] = [
            // 0x3c00 = 15360.
            (10, &[0x80, 0x78], &[1.0]),
            // 0x3f80 = 16256.
            (16, &[0x80, 0x7f], &[1.0]),
            (17, &[0x38], &[1.0]),
            (19, &[0x3c], &[1.0]),
            (23, &[0xe4, 1], &[2.0, -4.0]),
            (24, &[0x7f], &[1.0]),
            // One element a number, not packed.
            (27, &[0x24, 0x2f], &[-0.5, -1.875]),
            (28, &[0x24, 0x2f], &[-0.25, -1.75]),
        ];
        for (code, packed, expected) in float_cases {
            let chunks = [Bytes::from_static(packed)];
            let found = floats(&Payload::Int32s(&chunks), code, expected.len()).unwrap();
            assert!(same(&found, expected), "type {code}: {found:?}");
        }
    }

    #[test]
    fn other_typed_fields_may_come_in_several_chunks() {
        let halves = [Bytes::from_static(&[0, 0, 0x80, 0x3f]), Bytes::from_static(&[0, 0, 0, 0x40])];
        assert_eq!(floats(&Payload::Floats(&halves), 1, 2).unwrap(), [1.0, 2.0]);
        let double = [Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0xf0, 0x3f])];
        assert_eq!(floats(&Payload::Doubles(&double), 11, 1).unwrap(), [1.0]);
        let numbers = [Bytes::from_static(&[1]), Bytes::from_static(&[0x80, 1, 3])];
        assert_eq!(ints(&Payload::Int64s(&numbers), 7, 3).unwrap(), [1, 128, 3]);
        assert_eq!(ints(&Payload::Uint64s(&numbers), 13, 3).unwrap(), [1, 128, 3]);
        assert_eq!(ints(&Payload::Uint64s(&numbers), 12, 3).unwrap(), [1, 128, 3]);
        let text = [Bytes::from_static(b"a"), Bytes::from_static(b"")];
        assert_eq!(strings(&Payload::Strings(&text), 2).unwrap(), text);
    }

    #[test]
    fn anything_but_exactly_the_promised_elements_is_refused() {
        let raw = Bytes::from_static(BYTES_64);
        let payload = Payload::Raw(&raw);
        for count in [0, 1, 3, usize::MAX, usize::MAX / 64 + 1] {
            assert_eq!(ints(&payload, 7, count), None, "{count}");
        }
        // Seven 2-bit elements take two bytes; five 6-bit elements take four.
        assert_eq!(ints(&Payload::Raw(&raw.slice(..2)), 25, 7).unwrap().len(), 7);
        assert_eq!(ints(&Payload::Raw(&raw.slice(..3)), 25, 7), None);
        assert_eq!(floats(&Payload::Raw(&raw.slice(..4)), 27, 5).unwrap().len(), 5);

        let numbers = [Bytes::from_static(&[1, 2])];
        for count in [0, 1, 3, usize::MAX] {
            assert_eq!(ints(&Payload::Int64s(&numbers), 7, count), None, "{count}");
            assert_eq!(floats(&Payload::Floats(&numbers), 1, count), None, "{count}");
        }
        // A field of another type, a number cut off, a number beyond the type.
        assert_eq!(ints(&Payload::Int64s(&numbers), 6, 2), None);
        assert_eq!(ints(&Payload::Int64s(&[Bytes::from_static(&[0x80])]), 7, 1), None);
        assert_eq!(
            ints(&Payload::Uint64s(&[Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x1f])]), 12, 1),
            None
        );
        assert_eq!(ints(&Payload::Raw(&Bytes::from_static(&[0xff; 8])), 13, 1), None);
        // No data and no elements agree.
        assert_eq!(ints(&Payload::Nothing, 7, 0).unwrap(), [0i64; 0]);
        assert_eq!(ints(&Payload::Nothing, 7, 1), None);
    }
}
