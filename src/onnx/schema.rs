//! The messages of the format, generated from `onnx.proto` at build time.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]

pub use ranged::*;

/// Numeric elements kept as ranges of packed bytes: what everything reads.
mod ranged {
    include!(concat!(env!("OUT_DIR"), "/ranged.rs"));
}

/// Numeric elements decoded: for files that do not pack them.
pub(super) mod typed {
    include!(concat!(env!("OUT_DIR"), "/typed.rs"));
}

/// Which fields a message has and how they are written, one static a message.
pub(super) mod layout {
    use bytes::Bytes;

    /// A message of the format.
    pub(in crate::onnx) struct Message {
        /// In the order of the schema.
        pub(in crate::onnx) fields: &'static [Field],
    }

    /// A field of a message.
    pub(in crate::onnx) struct Field {
        pub(in crate::onnx) number: u32,
        pub(in crate::onnx) name: &'static str,
        pub(in crate::onnx) kind: Kind,
        pub(in crate::onnx) held: Held,
    }

    /// What a field holds.
    #[derive(Clone, Copy)]
    pub(in crate::onnx) enum Kind {
        Message(&'static Message),
        /// UTF-8.
        Text,
        Bytes,
        Number(Number),
        /// Numbers that `ranged` keeps as the bytes of their packed encoding.
        Ranged(Number),
    }

    /// How a number is written.
    #[derive(Clone, Copy)]
    pub(in crate::onnx) enum Number {
        Varint,
        Fixed32,
        Fixed64,
    }

    /// Where the decoded field is kept, and the size of one element that is not in the message itself.
    #[derive(Clone, Copy)]
    pub(in crate::onnx) enum Held {
        InPlace,
        Boxed(usize),
        Many(usize),
    }

    include!(concat!(env!("OUT_DIR"), "/layout.rs"));
}
