//! Reads a model from where reading is slow and paid for, an object store or a web server, without its weights.
//!
//! The messages are walked through a window that grows while it is read on, and is small again behind what was stepped
//! over. What the walk keeps is the model that [`strip`](super::strip()) would leave of the whole file.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use prost::Message as _;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use super::read::{Model, decode};
use super::schema::TensorProto;
use super::schema::layout::{self, Field, Kind, Message};
use super::strip::{StripOptions, refer, whole};
use super::survey::MAX_DEPTH;
use super::{Problem, ReadError, looks};

/// Bytes of the first window, of one behind a leap, and of the largest: weights are some hundred bytes of structure
/// apart, nodes follow each other.
const FIRST: u64 = 64 << 10;
const AFTER_LEAP: u64 = 512;
const LARGEST: u64 = 128 << 10;

/// What is stepped over without being called a leap: so a file of many small weights takes few requests.
const STEP: u64 = 16 << 10;

/// Requests for one model: a thousand weights take about as many.
const MAX_REQUESTS: u32 = 20_000;

/// Bytes that are kept of a model: fifty times the structure of the largest known.
const MAX_KEPT: u64 = 256 << 20;

/// A tensor is looked at again for each of its payloads while what was kept of it is not larger.
const MAX_HEADER: usize = 64 << 10;

/// The longest varint.
const VARINT: u64 = 10;

/// Something that is read in pieces.
pub trait Ranges {
    /// Bytes there are.
    fn size(&self) -> u64;

    /// Reads `length` bytes from `from` on; they are there.
    ///
    /// # Errors
    /// What keeps them from being read.
    fn read(&mut self, from: u64, length: u64) -> io::Result<Bytes>;
}

/// Reads a model without its large weights, which become references to a file that is not there. `path` is what it is
/// called in errors.
///
/// # Errors
/// [`ReadError`] says what is wrong with the model.
pub fn read_ranges(source: &mut dyn Ranges, path: &Path) -> Result<Model, ReadError> {
    let size = source.size();
    let proto = condense(source).and_then(decode);
    let of_path = |problem| ReadError { path: path.to_owned(), problem };
    Ok(Model { proto: proto.map_err(of_path)?, path: path.to_owned(), bytes: size })
}

/// The bytes of a model, its large weights replaced by references.
fn condense(source: &mut dyn Ranges) -> Result<Bytes, Problem> {
    let size = source.size();
    if size == 0 {
        return Err(Problem::Empty);
    }
    let window = Window { source, size, start: 0, bytes: Bytes::new(), step: FIRST / 2, requests: 0 };
    let mut walk = Walk { window, options: StripOptions::default(), kept: 0, moved: 0 };
    let head = walk.window.get(0, size.min(FIRST))?;
    let found = walk.message(&layout::MODEL_PROTO, (0, size), MAX_DEPTH, false);
    found.map(Bytes::from).map_err(|problem| match problem {
        Problem::Corrupt(_) | Problem::Truncated(_) => looks::like(&head).unwrap_or_else(|| {
            // The IR version comes first in every file.
            if starts_like_a_model(&head) { problem } else { looks::like_nothing(&head, size) }
        }),
        problem => problem,
    })
}

fn starts_like_a_model(head: &Bytes) -> bool {
    let mut rest: &[u8] = head;
    matches!(decode_key(&mut rest), Ok((1, WireType::Varint)))
        && decode_varint(&mut rest).is_ok_and(looks::is_ir_version)
}

struct Walk<'s> {
    window: Window<'s>,
    options: StripOptions,
    /// Bytes that were kept.
    kept: u64,
    /// Bytes of weights that were stepped over.
    moved: u64,
}

impl Walk<'_> {
    /// What is kept of a message that lies at `at..end`. `weights` says whether tensors in it are weights.
    fn message(
        &mut self,
        message: &'static Message,
        (mut at, end): (u64, u64),
        depth: u32,
        mut weights: bool,
    ) -> Result<Vec<u8>, Problem> {
        let mut out = vec![];
        while at < end {
            let start = at;
            let (number, wire) = self.number(&mut at, end, |rest| decode_key(rest))?;
            let field = message.fields.iter().find(|field| field.number == number);
            let length = match wire {
                WireType::Varint => {
                    let value = self.number(&mut at, end, |rest| decode_varint(rest))?;
                    if field.is_some() {
                        encode_key(number, wire, &mut out);
                        encode_varint(value, &mut out);
                    }
                    continue;
                }
                WireType::ThirtyTwoBit => 4,
                WireType::SixtyFourBit => 8,
                WireType::LengthDelimited => self.number(&mut at, end, |rest| decode_varint(rest))?,
                WireType::StartGroup | WireType::EndGroup => {
                    return Err(Problem::Corrupt(format!("a field has the wrong type at byte {start}")));
                }
            };
            let body = at;
            at = at
                .checked_add(length)
                .filter(|at| *at <= end)
                .ok_or_else(|| self.cut(end, start, body, length))?;
            let Some(field) = field else { continue };
            if wire != WireType::LengthDelimited {
                encode_key(number, wire, &mut out);
                self.keep(body, at, &mut out)?;
                continue;
            }
            match field.kind {
                // Nothing in it is large enough to be left out.
                Kind::Message(child) if length >= self.options.threshold => {
                    let deeper = depth.checked_sub(1).ok_or_else(|| {
                        Problem::TooDeep(format!("{MAX_DEPTH} messages within one another are read"))
                    })?;
                    let inside = within(message, field, weights);
                    let inner = self.message(child, (body, at), deeper, inside)?;
                    encode_key(number, wire, &mut out);
                    encode_varint(inner.len() as u64, &mut out);
                    out.extend(inner);
                }
                Kind::Bytes | Kind::Ranged(_)
                    if weights && let Some(dense) = self.weight(&out, field, length) =>
                {
                    let mut reference = TensorProto::default();
                    refer(&mut reference, &self.options.location, self.moved, dense);
                    self.moved = self.moved.saturating_add(dense);
                    out.extend(reference.encode_to_vec());
                }
                _ => {
                    encode_key(number, wire, &mut out);
                    encode_varint(length, &mut out);
                    let kept = self.keep(body, at, &mut out)?;
                    if std::ptr::eq(message, &layout::NODE_PROTO) && field.name == "op_type" {
                        weights = kept == "Constant";
                    }
                }
            }
        }
        Ok(out)
    }

    /// Bytes of a weight in another file, if it can be there; `header` is what was kept of the tensor before it.
    fn weight(&self, header: &[u8], field: &Field, bytes: u64) -> Option<u64> {
        if bytes < self.options.threshold || header.len() > MAX_HEADER || field.name == "string_data" {
            return None;
        }
        let tensor = TensorProto::decode(header).ok()?;
        let raw = matches!(field.kind, Kind::Bytes).then_some(bytes);
        whole(&tensor, raw).filter(|_| bytes >= self.options.threshold_of(tensor.data_type))
    }

    /// Copies bytes as they are, and returns them.
    fn keep(&mut self, from: u64, to: u64, out: &mut Vec<u8>) -> Result<Bytes, Problem> {
        self.kept = self.kept.saturating_add(to - from);
        if self.kept > MAX_KEPT {
            return Err(Problem::TooLarge {
                problem: format!("more than {} MiB of it are no weights", MAX_KEPT >> 20),
                hint: "download it: a file is read whatever it holds",
            });
        }
        let bytes = self.window.get(from, to - from)?;
        out.extend_from_slice(&bytes);
        Ok(bytes)
    }

    /// Reads a key or a number before `end`.
    fn number<T>(
        &mut self,
        at: &mut u64,
        end: u64,
        decode: impl FnOnce(&mut &[u8]) -> Result<T, prost::DecodeError>,
    ) -> Result<T, Problem> {
        let there = self.window.get(*at, (end - *at).min(VARINT))?;
        let mut rest: &[u8] = &there;
        let value = decode(&mut rest).map_err(|_| {
            if end == self.window.size && end - *at < VARINT {
                Problem::Truncated(format!("it ends within a number at byte {at}"))
            } else {
                Problem::Corrupt(format!("a number makes no sense at byte {at}"))
            }
        })?;
        *at += (there.len() - rest.len()) as u64;
        Ok(value)
    }

    /// What a field is that ends behind what holds it.
    fn cut(&self, end: u64, start: u64, body: u64, length: u64) -> Problem {
        if end == self.window.size {
            let there = end.saturating_sub(body);
            Problem::Truncated(format!("{there} of {length} bytes are there of a field at byte {start}"))
        } else {
            Problem::Corrupt(format!("a length is longer than what holds it at byte {start}"))
        }
    }
}

/// Whether tensors in a field are weights, as [`strip`](super::strip()) has it: initializers, and the values of
/// `Constant` nodes.
fn within(message: &'static Message, field: &Field, weights: bool) -> bool {
    let is = |other: &'static Message| std::ptr::eq(message, other);
    match field.name {
        "initializer" | "sparse_initializer" => is(&layout::GRAPH_PROTO),
        "attribute" if is(&layout::NODE_PROTO) => weights,
        "t" | "sparse_tensor" | "values" | "indices" => weights,
        _ => false,
    }
}

/// A piece of a source, read ahead.
struct Window<'s> {
    source: &'s mut dyn Ranges,
    size: u64,
    /// Where the piece begins.
    start: u64,
    bytes: Bytes,
    /// Bytes of the next piece.
    step: u64,
    requests: u32,
}

impl Window<'_> {
    /// `length` bytes from `at` on, which are there and not before those asked for last.
    fn get(&mut self, at: u64, length: u64) -> Result<Bytes, Problem> {
        let held = self.start + self.bytes.len() as u64;
        if at + length > held {
            self.advance(at, at + length, held)?;
        }
        let from = index(at - self.start)?;
        Ok(self.bytes.slice(from..from + index(length)?))
    }

    /// Reads on from what is held to `to` and further.
    fn advance(&mut self, at: u64, to: u64, held: u64) -> Result<(), Problem> {
        self.requests += 1;
        if self.requests > MAX_REQUESTS {
            return Err(Problem::TooLarge {
                problem: format!(
                    "its weights are so scattered that {MAX_REQUESTS} requests do not reach its end"
                ),
                hint: "download it: a file is read whatever it holds",
            });
        }
        self.step = if at.saturating_sub(held) <= STEP { (self.step * 2).min(LARGEST) } else { AFTER_LEAP };
        let from = at.max(held);
        let length = (to - from).max(self.step).min(self.size - from);
        let read = self.source.read(from, length)?;
        if read.len() as u64 != length {
            return Err(Problem::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        self.bytes = if at < held {
            let mut joined = BytesMut::from(self.bytes.slice(index(at - self.start)?..));
            joined.extend_from_slice(&read);
            joined.freeze()
        } else {
            read
        };
        self.start = at;
        Ok(())
    }
}

/// A place in memory.
fn index(at: u64) -> Result<usize, Problem> {
    usize::try_from(at).map_err(|_| Problem::Io(io::ErrorKind::OutOfMemory.into()))
}

#[cfg(test)]
mod tests;
