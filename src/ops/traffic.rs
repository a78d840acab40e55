//! The bytes of operators that touch a part of their operands.

use super::dims::{count, output_bytes, product};
use super::{Bytes, Moved, Node, OpError};
use crate::tensor::Type;

/// As much of input 0 as is written, and never more than there is: Slice, Gather. The other inputs are
/// read whole.
pub fn touched(node: &Node, outputs: &[Type]) -> Result<Moved, OpError> {
    let written = output_bytes(outputs, 0)?;
    let there = node.ty(0)?.bytes().bound().unwrap_or(u64::MAX);
    Ok(Moved { read: vec![Bytes::Part(written.min(there))], ..Moved::whole() })
}

/// The first output, read out of input 0, a sequence: SequenceAt, ConcatFromSequence.
pub fn taken_out(_: &Node, outputs: &[Type]) -> Result<Moved, OpError> {
    Ok(Moved { read: vec![Bytes::Part(output_bytes(outputs, 0)?)], ..Moved::whole() })
}

/// The outputs are written; inputs give sizes and types only.
pub fn written_only(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    Ok(Moved { read: vec![Bytes::Part(0); node.inputs.len()], ..Moved::whole() })
}

/// Input 1 is read and written into input 0, which stays where it is: TensorScatter ("models an in-place
/// update"), SequenceInsert.
///
/// Source: ONNX `TensorScatter`, opset 24.
pub fn updated_in_place(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    let update = node.ty(1)?.bytes().bound().ok_or(OpError::UnknownSize("an input"))?;
    Ok(Moved { read: vec![Bytes::Part(0)], written: vec![Bytes::Part(update)] })
}

/// So many rows of each of these inputs, of those that are there; everything else whole.
pub fn looked_up(node: &Node, tables: &[usize], lookups: u64) -> Result<Moved, OpError> {
    let mut moved = Moved::whole();
    for table in tables.iter().copied().filter(|table| node.has_input(*table)) {
        moved.set_read(table, rows(node, table, lookups)?);
    }
    Ok(moved)
}

/// Bytes of so many rows of a table, and never more than the table.
fn rows(node: &Node, table: usize, lookups: u64) -> Result<Bytes, OpError> {
    let Some((_, row)) = node.shape(table)?.split_first() else { return Ok(Bytes::Whole) };
    let touched = product(&[lookups, count(row, "a row of a table")?])?;
    let elements = node.tensor(table)?.elements().bound().map_or(touched, |all| all.min(touched));
    Ok(node.element(table)?.bytes(elements).map_or(Bytes::Whole, Bytes::Part))
}
