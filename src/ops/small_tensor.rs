//! Small tensors by position: what the value rules of data movement share.

use std::borrow::Cow;

use super::Node;
use crate::tensor::{Dim, ElementType, Elements, MAX_ELEMENTS, Scalar, Type};

/// Values of tensors of higher rank do not flow: a position is as long as the rank, and every one is visited.
const MAX_RANK: usize = 64;

/// A small tensor of known dimensions, with what is known of its elements.
pub struct SmallTensor<'a> {
    /// Its dimensions.
    pub sizes: Vec<usize>,
    elements: Cow<'a, [Scalar]>,
}

impl<'a> SmallTensor<'a> {
    /// An input whose elements are known, at least some of them.
    pub fn known(node: &Node<'a>, index: usize) -> Option<Self> {
        let sizes = sizes(node.shape(index).ok()?)?;
        Some(Self { sizes, elements: Cow::Borrowed(node.elements(index)?) })
    }

    /// An input whose elements may be unknown, every one.
    pub fn known_or_not(node: &Node<'a>, index: usize) -> Option<Self> {
        Self::known(node, index).or_else(|| {
            let sizes = sizes(node.shape(index).ok()?)?;
            let elements = Cow::Owned(vec![Scalar::Unknown; sizes.iter().product()]);
            Some(Self { sizes, elements })
        })
    }

    /// The element at a position; `None` outside the tensor.
    pub fn at(&self, position: &[usize]) -> Option<Scalar> {
        self.elements.get(self.offset(position)?).copied()
    }

    /// Replaces the element at a position; `None` outside the tensor.
    pub fn set(&mut self, position: &[usize], element: Scalar) -> Option<()> {
        let offset = self.offset(position)?;
        *self.elements.to_mut().get_mut(offset)? = element;
        Some(())
    }

    /// All elements in row-major order; `None` where not one is known.
    pub fn into_elements(self) -> Option<Elements> {
        known(self.elements.into_owned())
    }

    fn offset(&self, position: &[usize]) -> Option<usize> {
        if position.len() != self.sizes.len() {
            return None;
        }
        position.iter().zip(&self.sizes).try_fold(0usize, |offset, (index, size)| {
            if index >= size {
                return None;
            }
            offset.checked_mul(*size)?.checked_add(*index)
        })
    }
}

/// The dimensions of a tensor small enough for its values to flow, if all are known.
///
/// Those beside a 0 are small too, so that any product of the dimensions can be walked.
pub fn sizes(shape: &[Dim]) -> Option<Vec<usize>> {
    let product = |product: u64, dim: &Dim| product.checked_mul(dim.exact()?.max(1));
    shape.iter().try_fold(1, product).filter(|product| *product <= MAX_ELEMENTS)?;
    if shape.len() > MAX_RANK {
        return None;
    }
    shape.iter().map(|dim| usize::try_from(dim.exact()?).ok()).collect()
}

/// [`sizes`] of an output.
pub fn output_sizes(outputs: &[Type], index: usize) -> Option<Vec<usize>> {
    sizes(outputs.get(index)?.tensor()?.shape.as_deref()?)
}

/// Every position of a small tensor, in row-major order.
pub fn positions(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..sizes.iter().product()).map(|offset| {
        let mut rest = offset;
        let mut position: Vec<usize> = sizes
            .iter()
            .rev()
            .map(|size| {
                let index = rest.checked_rem(*size).unwrap_or(0);
                rest = rest.checked_div(*size).unwrap_or(0);
                index
            })
            .collect();
        position.reverse();
        position
    })
}

/// The elements of a tensor of these dimensions, each by its position.
/// `None` where one cannot be said, or not one is known.
pub fn fill(sizes: &[usize], element: impl Fn(&[usize]) -> Option<Scalar>) -> Option<Elements> {
    known(positions(sizes).map(|position| element(&position)).collect::<Option<_>>()?)
}

/// A position with one index replaced.
pub fn with(position: &[usize], axis: usize, index: usize) -> Vec<usize> {
    position.iter().enumerate().map(|(at, old)| if at == axis { index } else { *old }).collect()
}

/// The position in a dimension that an index names; negative ones count from the end.
pub fn index_in(index: i64, size: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(size).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < size)
}

/// The zero of an element type: what padding and masking put where there is no data.
pub fn zero(element: ElementType) -> Scalar {
    match element {
        ElementType::Bool => Scalar::Bool(false),
        ElementType::String | ElementType::Complex64 | ElementType::Complex128 => Scalar::Unknown,
        _ if element.is_float() => Scalar::Float(0.0),
        _ => Scalar::Int(0),
    }
}

/// The elements, unless there are some and none of them is known.
pub fn known(elements: Elements) -> Option<Elements> {
    let unknown = !elements.is_empty() && elements.iter().all(|element| *element == Scalar::Unknown);
    (!unknown).then_some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_run_in_row_major_order() {
        let digits = |position: &[usize]| position.iter().fold(0, |number, index| 10 * number + *index);
        let order = |sizes: &[usize]| positions(sizes).map(|position| digits(&position)).collect::<Vec<_>>();
        assert_eq!(order(&[2, 3]), [0, 1, 2, 10, 11, 12]);
        assert_eq!(order(&[]), [0]);
        assert_eq!(order(&[2, 0]).len(), 0);
    }

    #[test]
    fn a_large_or_data_dependent_tensor_has_no_positions() {
        assert_eq!(sizes(&[Dim::Exact(MAX_ELEMENTS + 1)]), None);
        assert_eq!(sizes(&[Dim::AtMost(2)]), None);
        assert_eq!(sizes(&vec![Dim::Exact(1); MAX_RANK + 1]), None);
        assert_eq!(sizes(&[Dim::Exact(u64::MAX), Dim::Exact(0)]), None);
        assert_eq!(sizes(&[Dim::Exact(4), Dim::Exact(0)]), Some(vec![4, 0]));
    }
}
