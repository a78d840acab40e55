//! Where the elements of a tensor are.

use bytes::Bytes;

use super::schema::TensorProto;
use super::schema::tensor_proto::DataLocation;

/// Where the elements of a tensor are, none of them read.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// Little-endian elements in one range of the file.
    Raw(&'a Bytes),
    /// `float_data`: packed 32-bit floats; complex64 as pairs.
    Floats(&'a [Bytes]),
    /// `double_data`: packed 64-bit floats; complex128 as pairs.
    Doubles(&'a [Bytes]),
    /// `int32_data`: varints, one an element (16-bit floats as bit patterns, 4-bit elements two a varint).
    Int32s(&'a [Bytes]),
    /// `int64_data`: varints.
    Int64s(&'a [Bytes]),
    /// `uint64_data`: varints.
    Uint64s(&'a [Bytes]),
    /// `string_data`.
    Strings(&'a [Bytes]),
    /// In another file.
    External(External<'a>),
    /// No data: an empty tensor, or one whose data is missing.
    Nothing,
}

/// A range of another file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct External<'a> {
    /// Path relative to the model's folder, as written.
    pub location: &'a str,
    /// First byte.
    pub offset: u64,
    /// Bytes, if written.
    pub length: Option<u64>,
}

/// Where the elements of a tensor are.
pub fn payload(tensor: &TensorProto) -> Payload<'_> {
    if let Some(external) = external(tensor) {
        return Payload::External(external);
    }
    // Empty raw data beside typed data says nothing; alone it is an empty tensor.
    if let Some(raw) = &tensor.raw_data
        && !raw.is_empty()
    {
        return Payload::Raw(raw);
    }
    let typed = [
        Payload::Floats(&tensor.float_data),
        Payload::Doubles(&tensor.double_data),
        Payload::Int32s(&tensor.int32_data),
        Payload::Int64s(&tensor.int64_data),
        Payload::Uint64s(&tensor.uint64_data),
        Payload::Strings(&tensor.string_data),
    ]
    .into_iter()
    .find(|payload| !payload.is_empty());
    typed.or(tensor.raw_data.as_ref().map(Payload::Raw)).unwrap_or(Payload::Nothing)
}

impl Payload<'_> {
    /// Bytes that the elements take in this file; none if they are in another.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Raw(raw) => raw.len() as u64,
            Self::Floats(field)
            | Self::Doubles(field)
            | Self::Int32s(field)
            | Self::Int64s(field)
            | Self::Uint64s(field)
            | Self::Strings(field) => field.iter().map(|chunk| chunk.len() as u64).sum(),
            Self::External(_) | Self::Nothing => 0,
        }
    }

    /// Whether a typed field holds no element.
    fn is_empty(&self) -> bool {
        match self {
            Self::Floats(field)
            | Self::Doubles(field)
            | Self::Int32s(field)
            | Self::Int64s(field)
            | Self::Uint64s(field)
            | Self::Strings(field) => field.is_empty(),
            Self::Raw(_) | Self::External(_) | Self::Nothing => false,
        }
    }
}

/// The range of another file that holds the elements, if they are there.
pub fn external(tensor: &TensorProto) -> Option<External<'_>> {
    if tensor.data_location != Some(DataLocation::External as i32) {
        return None;
    }
    let entry = |key: &str| {
        tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    };
    Some(External {
        location: entry("location").unwrap_or_default(),
        offset: entry("offset").and_then(|text| text.parse().ok()).unwrap_or(0),
        length: entry("length").and_then(|text| text.parse().ok()),
    })
}
