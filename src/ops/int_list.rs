//! Lists of integers that decide a shape: an attribute in old versions of an operator, an input since.

use std::borrow::Cow;

use super::{Node, OpError};
use crate::tensor::{Scalar, Shape, elements};

/// A list whose length is all that is known is at most this long: axes, pads and sizes have a rank's length.
const MAX_LENGTH: u64 = 128;

/// What is known of a list.
pub enum IntList<'a> {
    /// The node does not give it.
    LeftOut,
    /// Its elements, each known or not.
    Elements(Cow<'a, [Scalar]>),
    /// Not even its length is known.
    Unknown,
}

impl<'a> IntList<'a> {
    /// The list that a node gives as `attribute` before version `since`, and as an input from then on.
    ///
    /// # Errors
    /// [`OpError::Attribute`].
    pub fn of(node: &Node<'a>, attribute: &'static str, since: i64, input: usize) -> Result<Self, OpError> {
        if node.version < since { Self::attribute(node, attribute) } else { Ok(Self::input(node, input)) }
    }

    /// An attribute.
    ///
    /// # Errors
    /// [`OpError::Attribute`].
    pub fn attribute(node: &Node<'a>, name: &'static str) -> Result<Self, OpError> {
        Ok(node
            .int_list(name)?
            .map_or(Self::LeftOut, |list| Self::Elements(list.iter().copied().map(Scalar::Int).collect())))
    }

    /// An input, of rank 0 or 1 (a single number is a list of one).
    pub fn input(node: &Node<'a>, index: usize) -> Self {
        if let Some(elements) = node.elements(index) {
            return Self::Elements(Cow::Borrowed(elements));
        }
        let Some(operand) = node.input(index) else { return Self::LeftOut };
        let length = operand.ty.tensor().and_then(|tensor| elements(tensor.shape.as_deref()?).exact());
        match length.filter(|length| *length <= MAX_LENGTH).and_then(|length| usize::try_from(length).ok()) {
            Some(length) => Self::Elements(Cow::Owned(vec![Scalar::Unknown; length])),
            None => Self::Unknown,
        }
    }

    /// The elements, if the list is given and its length known.
    pub fn elements(&self) -> Option<&[Scalar]> {
        match self {
            Self::Elements(elements) => Some(elements),
            Self::LeftOut | Self::Unknown => None,
        }
    }

    /// The shape that the elements give; `None` if the list is not given or its length is not known.
    ///
    /// # Errors
    /// [`OpError::Value`], naming `input`, for a negative dimension.
    pub fn shape(&self, input: usize) -> Result<Option<Shape>, OpError> {
        let Some(elements) = self.elements() else { return Ok(None) };
        if let Some(n) = elements.iter().filter_map(|dim| dim.int()).find(|n| *n < 0) {
            return Err(OpError::Value { input, problem: format!("it has a dimension {n}") });
        }
        Ok(Some(elements.iter().map(|dim| dim.dim()).collect()))
    }

    /// The integers, if the list is given and every one known.
    pub fn ints(&self) -> Option<Vec<i64>> {
        self.elements()?.iter().map(|scalar| scalar.int()).collect()
    }

    /// Whether the node does not give it.
    pub fn left_out(&self) -> bool {
        matches!(self, Self::LeftOut)
    }
}
