//! Walks a file's messages before they are decoded, and says what decoding them would meet.
//!
//! The walk copies nothing and steps over weights. It finds what prost cannot tell: where a file is cut
//! off or damaged (offset and field), whether numeric elements are unpacked, and what the decoded
//! messages take in memory, which for an empty submessage is some hundred times what it takes on disk.

use std::fmt;

use bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::schema::layout::{Field, Held, Kind, Message, Number};

/// Nesting that prost decodes: a subgraph in a subgraph takes three levels.
pub(super) const MAX_DEPTH: u32 = 100;

/// Memory for decoded messages that any file may claim.
const FREE_ALLOWANCE: u64 = 64 << 20;

/// Memory for decoded messages beyond that, in bytes a byte of the file.
///
/// Of 428 real models without weights, which need most, one needs 24 (of 4 KB) and those of a megabyte
/// or more need 11. The worst, an attribute with one empty sparse tensor (four bytes), would need 880.
const ALLOWANCE_A_BYTE: u64 = 32;

/// Memory for decoded messages that no file may exceed: seven million nodes.
const MAX_ALLOWANCE: u64 = 2 << 30;

/// Fields a message may have: more than any has (checked by a test).
const MAX_FIELDS: usize = 24;

/// What a walk over a file's messages found.
#[derive(Debug)]
pub(super) struct Survey {
    /// Whether a numeric field of a tensor is not packed.
    pub(super) unpacked: bool,
    /// The model's `ir_version`, if it was met.
    pub(super) ir_version: Option<u64>,
    /// Upper bound on the memory that the decoded messages take.
    pub(super) held: u64,
    /// The first thing that cannot be decoded.
    pub(super) fault: Option<Fault>,
}

/// Something that cannot be decoded, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// Where the field starts, in bytes from the start of the file.
    pub(super) offset: usize,
    /// The fields that lead there, innermost first, each with its index.
    path: Vec<(&'static str, u32)>,
}

/// What cannot be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FaultKind {
    /// The file ends inside a field; its length and what is there, if it says a length.
    CutOff { length: u64, there: u64 },
    /// A field is longer than the message that holds it.
    Overrun,
    /// A field key or number that protobuf does not allow.
    Malformed,
    /// A known field is written as something else.
    WireType,
    /// Text that is not UTF-8.
    Text,
    /// Messages within messages beyond [`MAX_DEPTH`].
    TooDeep,
    /// The messages would take more memory than a model of this size may.
    TooLarge { allowance: u64 },
}

/// Walks `bytes` as one message.
pub(super) fn survey(message: &'static Message, bytes: &Bytes) -> Survey {
    let allowance = (bytes.len() as u64).saturating_mul(ALLOWANCE_A_BYTE).saturating_add(FREE_ALLOWANCE);
    let mut walk = Walk {
        bytes,
        allowance: allowance.min(MAX_ALLOWANCE),
        survey: Survey { unpacked: false, ir_version: None, held: 0, fault: None },
    };
    let fault = walk.message(message, 0, bytes.len(), MAX_DEPTH).err();
    Survey { fault, ..walk.survey }
}

struct Walk<'a> {
    bytes: &'a [u8],
    allowance: u64,
    survey: Survey,
}

impl Walk<'_> {
    /// Walks the fields of a message that lies at `at..end`; `depth` more messages may nest in it.
    fn message(
        &mut self,
        message: &'static Message,
        mut at: usize,
        end: usize,
        depth: u32,
    ) -> Result<(), Fault> {
        let mut counts = [0u32; MAX_FIELDS];
        while at < end {
            let start = at;
            let here = |kind| Fault { kind, offset: start, path: Vec::new() };
            let (number, wire) = self.read(&mut at, end, decode_key).map_err(here)?;
            let known = message.fields.iter().zip(&mut counts).find(|(field, _)| field.number == number);
            let Some((field, count)) = known else {
                self.skip(number, wire, &mut at, end, depth).map_err(here)?;
                continue;
            };
            let index = *count;
            *count = count.saturating_add(1);
            let walked = self.field(field, wire, start, (&mut at, end), index, depth);
            walked.map_err(|mut fault| {
                fault.path.push((field.name, index));
                fault
            })?;
        }
        Ok(())
    }

    /// Walks one known field, from behind its key to behind its end.
    fn field(
        &mut self,
        field: &'static Field,
        wire: WireType,
        start: usize,
        (at, end): (&mut usize, usize),
        index: u32,
        depth: u32,
    ) -> Result<(), Fault> {
        let here = |kind| Fault { kind, offset: start, path: Vec::new() };
        if let Kind::Number(number) | Kind::Ranged(number) = field.kind
            && wire == number.wire_type()
        {
            self.survey.unpacked |= matches!(field.kind, Kind::Ranged(_));
            if field.number == 1 && depth == MAX_DEPTH && wire == WireType::Varint {
                let mut peek = *at;
                self.survey.ir_version = self.read(&mut peek, end, decode_varint).ok();
            }
            self.skip(field.number, wire, at, end, depth).map_err(here)?;
            // An unpacked element is decoded as a number before it is packed.
            let held = if matches!(field.kind, Kind::Ranged(_)) { Held::Many(8) } else { field.held };
            return self.hold(held, index, 1).map_err(here);
        }
        let packs = matches!(field.held, Held::Many(_)) || !matches!(field.kind, Kind::Number(_));
        if wire != WireType::LengthDelimited || !packs {
            return Err(here(FaultKind::WireType));
        }
        let length = self.read(at, end, decode_varint).map_err(here)?;
        let body = self.step(at, end, length).map_err(here)?;
        let bytes = self.bytes.get(body..*at).unwrap_or_default();
        match field.kind {
            Kind::Message(child) => {
                let deeper = depth.checked_sub(1).ok_or_else(|| here(FaultKind::TooDeep))?;
                self.hold(field.held, index, 1).map_err(here)?;
                self.message(child, body, *at, deeper).map_err(Fault::in_a_whole_message)
            }
            Kind::Text if std::str::from_utf8(bytes).is_err() => Err(here(FaultKind::Text)),
            Kind::Text => {
                self.hold(field.held, index, 1).map_err(here)?;
                self.take(length).map_err(here)
            }
            Kind::Bytes => self.hold(field.held, index, 1).map_err(here),
            Kind::Ranged(number) if !number.divides(bytes.len()) => Err(here(FaultKind::Malformed)),
            Kind::Ranged(_) => self.hold(field.held, index, 1).map_err(here),
            Kind::Number(number) if !number.divides(bytes.len()) => Err(here(FaultKind::Malformed)),
            Kind::Number(number) => self.hold(field.held, index, number.count(bytes)).map_err(here),
        }
    }

    /// Reads a varint or a key before `end`.
    fn read<'s, T>(
        &'s self,
        at: &mut usize,
        end: usize,
        decode: fn(&mut &'s [u8]) -> Result<T, prost::DecodeError>,
    ) -> Result<T, FaultKind> {
        let mut rest = self.bytes.get(*at..end).unwrap_or_default();
        let unfinished = rest.len() < 10 && rest.iter().all(|byte| *byte >= 0x80);
        let value = decode(&mut rest).map_err(|_| match unfinished && end == self.bytes.len() {
            true => FaultKind::CutOff { length: 0, there: 0 },
            false => FaultKind::Malformed,
        })?;
        *at = end - rest.len();
        Ok(value)
    }

    /// Steps over `length` bytes and returns where they start.
    fn step(&self, at: &mut usize, end: usize, length: u64) -> Result<usize, FaultKind> {
        let there = (end - *at) as u64;
        if length > there {
            return Err(match end == self.bytes.len() {
                true => FaultKind::CutOff { length, there },
                false => FaultKind::Overrun,
            });
        }
        let start = *at;
        *at += usize::try_from(length).map_err(|_| FaultKind::Overrun)?;
        Ok(start)
    }

    /// Steps over the body of a field that is not looked into.
    fn skip(
        &self,
        number: u32,
        wire: WireType,
        at: &mut usize,
        end: usize,
        depth: u32,
    ) -> Result<(), FaultKind> {
        let length = match wire {
            WireType::Varint => return self.read(at, end, decode_varint).map(|_| ()),
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            WireType::LengthDelimited => self.read(at, end, decode_varint)?,
            WireType::EndGroup => return Err(FaultKind::Malformed),
            WireType::StartGroup => {
                let deeper = depth.checked_sub(1).ok_or(FaultKind::TooDeep)?;
                loop {
                    match self.read(at, end, decode_key)? {
                        (inner, WireType::EndGroup) if inner == number => return Ok(()),
                        (inner, wire) => self.skip(inner, wire, at, end, deeper)?,
                    }
                }
            }
        };
        self.step(at, end, length).map(|_| ())
    }

    /// Counts the memory that `more` elements of a field take beside its message, as `Vec` grows: four
    /// at first, then doubling.
    fn hold(&mut self, held: Held, index: u32, more: u64) -> Result<(), FaultKind> {
        match held {
            Held::InPlace => Ok(()),
            Held::Boxed(size) if index == 0 => self.take(size as u64),
            Held::Boxed(_) => Ok(()),
            Held::Many(size) if more == 1 => match u64::from(index) {
                0 => self.take(4 * size as u64),
                full if full >= 4 && full.is_power_of_two() => self.take(full.saturating_mul(size as u64)),
                _ => Ok(()),
            },
            Held::Many(size) => self.take(more.saturating_mul(2 * size as u64)),
        }
    }

    fn take(&mut self, bytes: u64) -> Result<(), FaultKind> {
        self.survey.held = self.survey.held.saturating_add(bytes);
        match self.survey.held > self.allowance {
            true => Err(FaultKind::TooLarge { allowance: self.allowance }),
            false => Ok(()),
        }
    }
}

impl Number {
    fn wire_type(self) -> WireType {
        match self {
            Self::Varint => WireType::Varint,
            Self::Fixed32 => WireType::ThirtyTwoBit,
            Self::Fixed64 => WireType::SixtyFourBit,
        }
    }

    /// Whether `bytes` packed bytes are whole numbers.
    fn divides(self, bytes: usize) -> bool {
        match self {
            Self::Varint => true,
            Self::Fixed32 => bytes.is_multiple_of(4),
            Self::Fixed64 => bytes.is_multiple_of(8),
        }
    }

    /// Numbers packed in `bytes`.
    fn count(self, bytes: &[u8]) -> u64 {
        (match self {
            Self::Varint => bytes.iter().filter(|byte| **byte < 0x80).count(),
            Self::Fixed32 => bytes.len() / 4,
            Self::Fixed64 => bytes.len() / 8,
        }) as u64
    }
}

impl fmt::Display for Fault {
    /// The field and its offset: `graph.node[17].attribute[2].t at byte 5120`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        for (place, (name, index)) in self.path.iter().rev().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            if place == SHOWN {
                f.write_str(".…")?;
                break;
            }
            match index {
                0 => write!(f, "{dot}{name}")?,
                _ => write!(f, "{dot}{name}[{index}]")?,
            }
        }
        let space = if self.path.is_empty() { "" } else { " " };
        write!(f, "{space}at byte {}", self.offset)
    }
}

impl Fault {
    /// A message of which all bytes are there is not cut off, although it may end with the file.
    fn in_a_whole_message(mut self) -> Self {
        if matches!(self.kind, FaultKind::CutOff { .. }) {
            self.kind = FaultKind::Overrun;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::schema::layout;

    fn model(bytes: &[u8]) -> Survey {
        survey(&layout::MODEL_PROTO, &Bytes::copy_from_slice(bytes))
    }

    fn fault(bytes: &[u8]) -> (FaultKind, String) {
        let fault = model(bytes).fault.expect("a fault");
        (fault.kind, fault.to_string())
    }

    #[test]
    fn every_message_has_fewer_fields_than_the_survey_counts() {
        let mut seen: Vec<&Message> = vec![&layout::MODEL_PROTO];
        let mut next = 0;
        while let Some(message) = seen.get(next).copied() {
            assert!(message.fields.len() <= MAX_FIELDS);
            for field in message.fields {
                if let Kind::Message(child) = field.kind
                    && !seen.iter().any(|known| std::ptr::eq(*known, child))
                {
                    seen.push(child);
                }
            }
            next += 1;
        }
        assert!(seen.len() > 15);
    }

    #[test]
    fn a_fault_says_what_and_where() {
        let cases: [(&[u8], FaultKind, &str); 9] = [
            // ir_version 8, then a graph of 9 bytes with 2 there.
            (&[8, 8, 0x3a, 9, 8, 1], FaultKind::CutOff { length: 9, there: 2 }, "graph at byte 2"),
            // The file ends inside a key's varint.
            (&[8, 8, 0x80], FaultKind::CutOff { length: 0, there: 0 }, "at byte 2"),
            // A node of 9 bytes in a graph of 2, which ends with the file.
            (&[0x3a, 2, 0x0a, 9], FaultKind::Overrun, "graph.node at byte 2"),
            // The second node is a varint.
            (&[0x3a, 4, 0x0a, 0, 8, 1], FaultKind::WireType, "graph.node[1] at byte 4"),
            // producer_name is not UTF-8.
            (&[0x12, 1, 0xff], FaultKind::Text, "producer_name at byte 0"),
            // Field number 0.
            (&[0], FaultKind::Malformed, "at byte 0"),
            // A group ends that never began.
            (&[0x4c], FaultKind::Malformed, "at byte 0"),
            // ir_version of 11 bytes.
            (
                &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
                FaultKind::Malformed,
                "ir_version at byte 0",
            ),
            // float_data of 3 bytes: graph, initializer, float_data.
            (
                &[0x3a, 7, 0x2a, 5, 0x22, 3, 0, 0, 0],
                FaultKind::Malformed,
                "graph.initializer.float_data at byte 4",
            ),
        ];
        for (bytes, kind, place) in cases {
            assert_eq!(fault(bytes), (kind, place.to_owned()), "{bytes:?}");
        }
    }

    #[test]
    fn unpacked_elements_are_noticed_and_packed_ones_are_not() {
        // graph.initializer.float_data: one unpacked fixed32, then four bytes packed.
        assert!(model(&[0x3a, 7, 0x2a, 5, 0x25, 0, 0, 0, 0]).unpacked);
        assert!(!model(&[0x3a, 8, 0x2a, 6, 0x22, 4, 0, 0, 0, 0]).unpacked);
        // One element is charged as a number, eight bytes with room for four, beside four tensors.
        let tensor = size_of::<crate::onnx::schema::TensorProto>() as u64;
        assert_eq!(model(&[0x3a, 7, 0x2a, 5, 0x25, 0, 0, 0, 0]).held, 4 * tensor + 32);
        // dims unpacked is nothing special.
        assert!(!model(&[0x3a, 4, 0x2a, 2, 8, 1]).unpacked);
    }

    #[test]
    fn empty_messages_are_charged_what_they_take() {
        // Two empty nodes: the vector holds four.
        let node = size_of::<crate::onnx::schema::NodeProto>() as u64;
        assert_eq!(model(&[0x3a, 4, 0x0a, 0, 0x0a, 0]).held, 4 * node);
        // Five: it has grown to eight.
        assert_eq!(model(&[0x3a, 10, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0]).held, 8 * node);
    }

    #[test]
    fn a_bomb_of_empty_messages_is_refused_before_it_is_decoded() {
        // Empty attributes in empty nodes: 4 bytes each.
        let mut graph = Vec::new();
        for _ in 0..1_000_000 {
            graph.extend([0x0a, 2, 0x2a, 0]);
        }
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(graph.len() as u64, &mut file);
        file.extend(graph);
        let survey = model(&file);
        assert!(matches!(survey.fault.unwrap().kind, FaultKind::TooLarge { .. }));
        assert!(survey.held < 330 << 20);
    }
}
