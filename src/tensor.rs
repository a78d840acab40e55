//! Element types, shapes and small constant values: what is known of a tensor without its data.
//!
//! A shape is a list of integers wherever it can be. A dimension that depends on data is an explicit
//! state, with an upper bound where there is one; it is never guessed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of one element, as ONNX numbers them (`TensorProto.DataType`, IR version 14).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the documentation: they are ONNX's own")]
pub enum ElementType {
    Float32,
    Uint8,
    Int8,
    Uint16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Float64,
    Uint32,
    Uint64,
    Complex64,
    Complex128,
    Bfloat16,
    Float8E4m3fn,
    Float8E4m3fnuz,
    Float8E5m2,
    Float8E5m2fnuz,
    Uint4,
    Int4,
    Float4E2m1,
    Float8E8m0,
    Uint2,
    Int2,
    Float6E2m3,
    Float6E3m2,
}

use ElementType as E;

/// Every element type with its ONNX code, its name and its size in bits (strings have none).
const ELEMENT_TYPES: [(ElementType, i32, &str, Option<u64>); 28] = [
    (E::Float32, 1, "float32", Some(32)),
    (E::Uint8, 2, "uint8", Some(8)),
    (E::Int8, 3, "int8", Some(8)),
    (E::Uint16, 4, "uint16", Some(16)),
    (E::Int16, 5, "int16", Some(16)),
    (E::Int32, 6, "int32", Some(32)),
    (E::Int64, 7, "int64", Some(64)),
    (E::String, 8, "string", None),
    (E::Bool, 9, "bool", Some(8)),
    (E::Float16, 10, "float16", Some(16)),
    (E::Float64, 11, "float64", Some(64)),
    (E::Uint32, 12, "uint32", Some(32)),
    (E::Uint64, 13, "uint64", Some(64)),
    (E::Complex64, 14, "complex64", Some(64)),
    (E::Complex128, 15, "complex128", Some(128)),
    (E::Bfloat16, 16, "bfloat16", Some(16)),
    (E::Float8E4m3fn, 17, "float8e4m3fn", Some(8)),
    (E::Float8E4m3fnuz, 18, "float8e4m3fnuz", Some(8)),
    (E::Float8E5m2, 19, "float8e5m2", Some(8)),
    (E::Float8E5m2fnuz, 20, "float8e5m2fnuz", Some(8)),
    (E::Uint4, 21, "uint4", Some(4)),
    (E::Int4, 22, "int4", Some(4)),
    (E::Float4E2m1, 23, "float4e2m1", Some(4)),
    (E::Float8E8m0, 24, "float8e8m0", Some(8)),
    (E::Uint2, 25, "uint2", Some(2)),
    (E::Int2, 26, "int2", Some(2)),
    (E::Float6E2m3, 27, "float6e2m3", Some(6)),
    (E::Float6E3m2, 28, "float6e3m2", Some(6)),
];

impl ElementType {
    /// Every element type, in the order of the ONNX codes.
    pub fn all() -> impl Iterator<Item = Self> {
        ELEMENT_TYPES.iter().map(|row| row.0)
    }

    /// The type that ONNX numbers `code`; `None` for 0 (undefined) and for codes newer than IR 14.
    pub fn from_onnx(code: i32) -> Option<Self> {
        ELEMENT_TYPES.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    fn row(self) -> &'static (Self, i32, &'static str, Option<u64>) {
        // The table is in declaration order (tested), so the discriminant is the index.
        ELEMENT_TYPES.get(self as usize).unwrap_or(&ELEMENT_TYPES[0])
    }

    /// The number that ONNX gives the type.
    pub fn onnx_code(self) -> i32 {
        self.row().1
    }

    /// ONNX's name in lower case with its width: `float32`, `int4`, `float8e4m3fn`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Size of one element in bits; `None` for strings.
    pub fn bits(self) -> Option<u64> {
        self.row().3
    }

    /// Bytes that `elements` of this type take, packed: two 4-bit elements a byte, four 2-bit elements
    /// a byte, 6-bit elements bit by bit, the last byte padded.
    ///
    /// `None` for strings (their length is data) and on overflow.
    pub fn bytes(self, elements: u64) -> Option<u64> {
        elements.checked_mul(self.bits()?).map(|bits| bits.div_ceil(8))
    }

    /// Whether arithmetic on this type is floating-point (real or complex).
    pub fn is_float(self) -> bool {
        use ElementType::*;
        !matches!(
            self,
            Uint8
                | Int8
                | Uint16
                | Int16
                | Int32
                | Int64
                | String
                | Bool
                | Uint32
                | Uint64
                | Uint4
                | Int4
                | Uint2
                | Int2
        )
    }

    /// Whether the type is a signed or unsigned integer (booleans and strings are not).
    pub fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::String | Self::Bool)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One dimension of a tensor, or a product of dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dim {
    /// Known, whatever the data.
    Exact(u64),
    /// Depends on data, and is never more than this.
    AtMost(u64),
    /// Depends on data, without a bound.
    Unknown,
}

impl Dim {
    /// The dimension, if it is known.
    pub fn exact(self) -> Option<u64> {
        match self {
            Self::Exact(n) => Some(n),
            Self::AtMost(_) | Self::Unknown => None,
        }
    }

    /// The largest the dimension can be, if that is known.
    pub fn bound(self) -> Option<u64> {
        match self {
            Self::Exact(n) | Self::AtMost(n) => Some(n),
            Self::Unknown => None,
        }
    }

    /// Applies a function that grows with its argument to the dimension and its bound.
    /// `None` (overflow) makes it unknown.
    pub fn map(self, f: impl Fn(u64) -> Option<u64>) -> Self {
        match self {
            Self::Exact(n) => f(n).map_or(Self::Unknown, Self::Exact),
            Self::AtMost(n) => f(n).map_or(Self::Unknown, Self::AtMost),
            Self::Unknown => Self::Unknown,
        }
    }

    /// Combines two dimensions by a function that grows with both.
    pub fn combine(self, other: Self, f: impl Fn(u64, u64) -> Option<u64>) -> Self {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => f(a, b).map_or(Self::Unknown, Self::Exact),
            _ => match (self.bound(), other.bound()) {
                (Some(a), Some(b)) => f(a, b).map_or(Self::Unknown, Self::AtMost),
                _ => Self::Unknown,
            },
        }
    }

    /// Sum; unknown on overflow.
    pub fn plus(self, other: Self) -> Self {
        self.combine(other, u64::checked_add)
    }

    /// Product; exactly 0 if either is, unknown on overflow.
    pub fn times(self, other: Self) -> Self {
        if self == Self::Exact(0) || other == Self::Exact(0) {
            return Self::Exact(0);
        }
        self.combine(other, u64::checked_mul)
    }

    /// What is known when the dimension is either of the two: the same if they agree, else the larger bound.
    pub fn join(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        match (self.bound(), other.bound()) {
            (Some(a), Some(b)) => Self::AtMost(a.max(b)),
            _ => Self::Unknown,
        }
    }

    /// Whether both can be the same number.
    pub fn agrees_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => a == b,
            (Self::Exact(a), Self::AtMost(b)) | (Self::AtMost(b), Self::Exact(a)) => a <= b,
            _ => true,
        }
    }
}

impl From<u64> for Dim {
    fn from(n: u64) -> Self {
        Self::Exact(n)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(n) => write!(f, "{n}"),
            Self::AtMost(n) => write!(f, "≤{n}"),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// The dimensions of a tensor of known rank, outermost first; empty for a scalar.
pub type Shape = Vec<Dim>;

/// The number of elements of a shape: the product of its dimensions, 1 for a scalar.
/// Unknown when a dimension is, or when the product does not fit.
pub fn elements(shape: &[Dim]) -> Dim {
    // Most shapes are known and small: every count begins here.
    if let Some(n) = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(dim.exact()?)) {
        return Dim::Exact(n);
    }
    if shape.contains(&Dim::Exact(0)) {
        return Dim::Exact(0);
    }
    shape.iter().fold(Dim::Exact(1), |product, dim| product.times(*dim))
}

/// Element type and shape of a tensor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorType {
    /// Type of every element.
    pub element: ElementType,
    /// Dimensions; `None` where not even the rank is known.
    pub shape: Option<Shape>,
}

impl TensorType {
    /// A tensor of known rank.
    pub fn new(element: ElementType, shape: impl Into<Shape>) -> Self {
        Self { element, shape: Some(shape.into()) }
    }

    /// A tensor whose dimensions are all known.
    pub fn exact(element: ElementType, dims: &[u64]) -> Self {
        Self::new(element, dims.iter().copied().map(Dim::Exact).collect::<Vec<_>>())
    }

    /// A tensor of unknown rank.
    pub fn unranked(element: ElementType) -> Self {
        Self { element, shape: None }
    }

    /// Number of elements; unknown where the rank is.
    pub fn elements(&self) -> Dim {
        self.shape.as_deref().map_or(Dim::Unknown, elements)
    }

    /// Size in memory, packed; unknown for strings and unknown shapes.
    pub fn bytes(&self) -> Dim {
        self.elements().map(|n| self.element.bytes(n))
    }
}

/// What a value of an ONNX graph is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Type {
    /// A dense tensor.
    Tensor(TensorType),
    /// A sparse tensor, with the shape it stands for.
    Sparse(TensorType),
    /// A list of values of one type; its length if that is known.
    Sequence(Box<Type>, Option<u64>),
    /// A value or nothing.
    Optional(Box<Type>),
    /// A dictionary from keys to values.
    Map(ElementType, Box<Type>),
    /// Not known: made by an operator without a rule, or of an opaque type.
    Unknown,
}

impl Type {
    /// The tensor type, if it is a dense or sparse tensor.
    pub fn tensor(&self) -> Option<&TensorType> {
        match self {
            Self::Tensor(tensor) | Self::Sparse(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Bytes of a tensor, or of a sequence whose length and elements are known.
    pub fn bytes(&self) -> Dim {
        match self {
            Self::Tensor(tensor) | Self::Sparse(tensor) => tensor.bytes(),
            Self::Sequence(element, Some(length)) => element.bytes().times(Dim::Exact(*length)),
            Self::Optional(element) => element.bytes(),
            Self::Sequence(_, None) | Self::Map(..) | Self::Unknown => Dim::Unknown,
        }
    }

    /// What is known of a value that is of either type: used where branches or loop turns meet.
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Tensor(a), Self::Tensor(b)) if a.element == b.element => {
                let shape = match (&a.shape, &b.shape) {
                    (Some(a), Some(b)) if a.len() == b.len() => {
                        Some(a.iter().zip(b).map(|(a, b)| a.join(*b)).collect())
                    }
                    _ => None,
                };
                Self::Tensor(TensorType { element: a.element, shape })
            }
            (Self::Sequence(a, n), Self::Sequence(b, m)) => {
                let element = match (n, m) {
                    // An empty sequence may hold anything.
                    (Some(0), _) => b.clone(),
                    (_, Some(0)) => a.clone(),
                    _ => Box::new(a.join(b)),
                };
                Self::Sequence(element, if n == m { *n } else { None })
            }
            (Self::Optional(a), Self::Optional(b)) => Self::Optional(Box::new(a.join(b))),
            _ if self == other => self.clone(),
            _ => Self::Unknown,
        }
    }
}

impl From<TensorType> for Type {
    fn from(tensor: TensorType) -> Self {
        Self::Tensor(tensor)
    }
}

/// One element of a small known tensor.
///
/// A shape computed from a data-dependent one holds some elements that are not known; the others still are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scalar {
    /// An integer of any width (an unsigned 64-bit value beyond `i64` is [`Scalar::Unknown`]).
    Int(i64),
    /// A floating-point number, rounded to the tensor's type.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A non-negative integer that depends on data and is never more than this: a bounded dimension.
    AtMost(u64),
    /// Not known.
    Unknown,
}

impl Scalar {
    /// The integer, if it is one.
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(n),
            _ => None,
        }
    }

    /// The number as floating point, if it is known.
    pub fn float(self) -> Option<f64> {
        match self {
            Self::Float(x) => Some(x),
            #[allow(clippy::cast_precision_loss, reason = "a float conversion rounds")]
            Self::Int(n) => Some(n as f64),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// As a dimension: a negative number is none.
    pub fn dim(self) -> Dim {
        match self {
            Self::Int(n) => u64::try_from(n).map_or(Dim::Unknown, Dim::Exact),
            Self::AtMost(n) => Dim::AtMost(n),
            _ => Dim::Unknown,
        }
    }
}

impl From<Dim> for Scalar {
    fn from(dim: Dim) -> Self {
        match dim {
            Dim::Exact(n) => i64::try_from(n).map_or(Self::Unknown, Self::Int),
            Dim::AtMost(n) => Self::AtMost(n),
            Dim::Unknown => Self::Unknown,
        }
    }
}

/// The elements of a small tensor in row-major order.
pub type Elements = Vec<Scalar>;

/// Tensors with more elements than this are types only: their values do not flow.
///
/// Shape arithmetic needs a few elements; the largest values that decide shapes in real models are
/// index masks of an image's windows (a `NonZero` over 64 × 64 positions, say).
pub const MAX_ELEMENTS: u64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_types_are_listed_in_declaration_order_with_codes_1_to_28() {
        for (index, row) in ELEMENT_TYPES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(row.1, i32::try_from(index).unwrap() + 1);
            assert_eq!(ElementType::from_onnx(row.1), Some(row.0));
        }
        assert_eq!(ElementType::from_onnx(0), None);
        assert_eq!(ElementType::from_onnx(29), None);
    }

    #[test]
    fn narrow_elements_pack_and_the_last_byte_is_padded() {
        for (element, elements, bytes) in [
            (E::Int4, 3, 2),
            (E::Uint2, 5, 2),
            (E::Float6E2m3, 4, 3),
            (E::Float6E3m2, 5, 4),
            (E::Float8E8m0, 5, 5),
            (E::Bool, 5, 5),
            (E::Complex128, 2, 32),
        ] {
            assert_eq!(element.bytes(elements), Some(bytes), "{element} × {elements}");
        }
        assert_eq!(E::String.bytes(1), None);
        assert_eq!(E::Float32.bytes(u64::MAX / 16), None);
    }

    #[test]
    fn a_zero_dimension_empties_a_tensor_even_beside_an_unknown_one() {
        assert_eq!(elements(&[Dim::Unknown, Dim::Exact(0)]), Dim::Exact(0));
        assert_eq!(elements(&[Dim::AtMost(3), Dim::Exact(4)]), Dim::AtMost(12));
        assert_eq!(elements(&[]), Dim::Exact(1));
        assert_eq!(elements(&[Dim::Exact(u64::MAX), Dim::Exact(2)]), Dim::Unknown);
    }
}
