//! Arithmetic on dimensions that may be bounded or unknown, and the sizes that counts are made of.

use super::OpError;
use crate::tensor::{Dim, Type, elements};

/// The position that an axis names in a tensor of that rank; negative axes count from the end.
///
/// # Errors
/// [`OpError::Axis`] outside `-rank..rank`.
pub fn resolve_axis(axis: i64, rank: usize) -> Result<usize, OpError> {
    let outside = OpError::Axis { axis, rank };
    let signed = i64::try_from(rank).map_err(|_| outside.clone())?;
    let position = if axis < 0 { axis.checked_add(signed).ok_or(outside.clone())? } else { axis };
    usize::try_from(position).ok().filter(|position| *position < rank).ok_or(outside)
}

/// The place among the dimensions that an axis names: as [`resolve_axis`], or behind the last one.
///
/// # Errors
/// [`OpError::Axis`] outside `-rank..=rank`.
pub fn resolve_place(axis: i64, rank: usize) -> Result<usize, OpError> {
    if i64::try_from(rank) == Ok(axis) { Ok(rank) } else { resolve_axis(axis, rank) }
}

/// Whether both shapes can be the same.
pub fn agree(a: &[Dim], b: &[Dim]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.agrees_with(*b))
}

/// One dimension that two operands share: the more precise of what is known of it.
///
/// # Errors
/// [`OpError::Mismatch`] naming `what`, where both cannot be the same number.
pub fn shared(a: Dim, b: Dim, what: &str) -> Result<Dim, OpError> {
    if !a.agrees_with(b) {
        return Err(OpError::Mismatch(format!("{what} are {a} and {b}")));
    }
    Ok(match (a, b) {
        (Dim::AtMost(m), Dim::AtMost(n)) => Dim::AtMost(m.min(n)),
        (Dim::Exact(_), _) | (_, Dim::Unknown) => a,
        _ => b,
    })
}

/// A dimension cut into equal parts.
///
/// # Errors
/// [`OpError::Mismatch`] naming `what` if the parts cannot be equal.
pub fn divided(dim: Dim, parts: u64, what: &str) -> Result<Dim, OpError> {
    match dim {
        Dim::Exact(n) if parts == 0 || !n.is_multiple_of(parts) => {
            Err(OpError::Mismatch(format!("{what} {n} is no multiple of {parts}")))
        }
        _ => Ok(dim.map(|n| n.checked_div(parts))),
    }
}

/// A dimension that is the smaller of a dimension and a number.
pub fn at_most(dim: Dim, limit: u64) -> Dim {
    match dim {
        _ if limit == 0 => Dim::Exact(0),
        Dim::Exact(n) => Dim::Exact(n.min(limit)),
        Dim::AtMost(n) => Dim::AtMost(n.min(limit)),
        Dim::Unknown => Dim::AtMost(limit),
    }
}

/// A dimension that is a part of another: as much or less.
pub fn part_of(dim: Dim) -> Dim {
    match dim {
        Dim::Exact(0) | Dim::AtMost(0) => Dim::Exact(0),
        Dim::Exact(n) | Dim::AtMost(n) => Dim::AtMost(n),
        Dim::Unknown => Dim::Unknown,
    }
}

/// The most elements that a tensor can have: what a count is made of.
///
/// # Errors
/// [`OpError::UnknownSize`] naming `what` where there is no bound.
pub fn count(shape: &[Dim], what: &'static str) -> Result<u64, OpError> {
    elements(shape).bound().ok_or(OpError::UnknownSize(what))
}

/// The product of counts.
///
/// # Errors
/// [`OpError::Overflow`].
pub fn product(factors: &[u64]) -> Result<u64, OpError> {
    if factors.contains(&0) {
        return Ok(0);
    }
    factors.iter().try_fold(1u64, |product, n| product.checked_mul(*n)).ok_or(OpError::Overflow)
}

/// The most elements of an output.
///
/// # Errors
/// [`OpError::UnknownSize`], or [`OpError::Overflow`].
pub fn output_count(outputs: &[Type], index: usize) -> Result<u64, OpError> {
    const WHAT: &str = "an output";
    let tensor = outputs.get(index).and_then(Type::tensor).ok_or(OpError::UnknownSize(WHAT))?;
    tensor.elements().bound().ok_or_else(|| OpError::no_size(tensor, WHAT))
}

/// The shape of an output, where its rank is known.
///
/// # Errors
/// [`OpError::UnknownSize`].
pub fn output_shape(outputs: &[Type], index: usize) -> Result<&[Dim], OpError> {
    outputs
        .get(index)
        .and_then(Type::tensor)
        .and_then(|tensor| tensor.shape.as_deref())
        .ok_or(OpError::UnknownSize("an output"))
}

/// The most bytes of an output.
///
/// # Errors
/// [`OpError::UnknownSize`].
pub fn output_bytes(outputs: &[Type], index: usize) -> Result<u64, OpError> {
    outputs.get(index).and_then(|ty| ty.bytes().bound()).ok_or(OpError::UnknownSize("an output"))
}
