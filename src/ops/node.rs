//! What a rule sees of one node: its operands, its attributes and the version of its operator set.

use super::Counts;
use crate::tensor::{Dim, ElementType, Elements, Scalar, Shape, TensorType, Type, elements};

/// Why a rule cannot say what a node makes or costs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpError {
    /// A required input is left out.
    #[error("input {0} is missing")]
    MissingInput(usize),
    /// A required attribute is left out.
    #[error("attribute \"{0}\" is missing")]
    MissingAttribute(&'static str),
    /// An attribute has a type or value that the operator does not allow.
    #[error("attribute \"{name}\" {problem}")]
    Attribute {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// An input has another rank than the operator allows.
    #[error("input {input} has rank {found}, expected {expected}")]
    Rank {
        /// Which input.
        input: usize,
        /// What the operator takes: `4`, `at least 3`.
        expected: &'static str,
        /// What it has.
        found: usize,
    },
    /// An axis is outside the tensor's rank.
    #[error("axis {axis} is outside rank {rank}")]
    Axis {
        /// As the node gives it.
        axis: i64,
        /// Of the tensor it indexes.
        rank: usize,
    },
    /// Dimensions that must agree do not.
    #[error("{0}")]
    Mismatch(String),
    /// The value of an input decides a shape, and is not valid.
    #[error("the value of input {input} is not valid: {problem}")]
    Value {
        /// Which input.
        input: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Not known: the type of an input.
    #[error("the type of input {0} is not known")]
    UnknownType(usize),
    /// Not known: the rank of an input.
    #[error("the rank of input {0} is not known")]
    UnknownRank(usize),
    /// Not known: a size that the count needs, which depends on data and has no bound.
    #[error("the size of {0} depends on data")]
    UnknownSize(&'static str),
    /// A count does not fit in 64 bits.
    #[error("a count does not fit in 64 bits")]
    Overflow,
}

impl OpError {
    /// Whether the node may be valid and only too little is known, rather than the model being wrong.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownType(_) | Self::UnknownRank(_) | Self::UnknownSize(_))
    }
}

/// One input of a node.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Its type.
    pub ty: &'a Type,
    /// Its elements, if it is small and known.
    pub elements: Option<&'a [Scalar]>,
    /// Whether it is computable from constants alone.
    pub constant: bool,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Debug)]
pub enum Attribute<'a> {
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f32),
    /// A string; bytes that are not UTF-8 are replaced.
    Str(std::borrow::Cow<'a, str>),
    /// Integers.
    Ints(&'a [i64]),
    /// Floating-point numbers.
    Floats(&'a [f32]),
    /// Strings.
    Strings(Vec<std::borrow::Cow<'a, str>>),
    /// A tensor, with its elements if it is small.
    Tensor(TensorType, Option<Elements>),
    /// A type.
    Type(Type),
    /// Graphs and lists of tensors: no rule needs more than their presence.
    Other,
}

/// The attributes of a node, by name.
#[derive(Clone, Default, Debug)]
pub struct Attributes<'a>(Vec<(&'a str, Attribute<'a>)>);

impl<'a> FromIterator<(&'a str, Attribute<'a>)> for Attributes<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, Attribute<'a>)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl<'a> Attributes<'a> {
    /// These attributes and more.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = (&'a str, Attribute<'a>)>) -> Self {
        self.0.extend(more);
        self
    }

    /// The attribute of that name.
    pub fn get(&self, name: &str) -> Option<&Attribute<'a>> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// What a rule sees of one node.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Name of the operator.
    pub operator: &'a str,
    /// Version of the operator's domain that the model imports.
    pub version: i64,
    /// Inputs by position; `None` where one is left out.
    pub inputs: &'a [Option<Operand<'a>>],
    /// For each output, whether the node names it.
    pub outputs: &'a [bool],
    /// Attributes by name.
    pub attributes: &'a Attributes<'a>,
}

impl<'a> Node<'a> {
    /// The input at a position, if it is there.
    pub fn input(&self, index: usize) -> Option<Operand<'a>> {
        self.inputs.get(index).copied().flatten()
    }

    /// Whether an optional input is there.
    pub fn has_input(&self, index: usize) -> bool {
        self.input(index).is_some()
    }

    /// Whether the node names the output at a position.
    pub fn has_output(&self, index: usize) -> bool {
        self.outputs.get(index).copied().unwrap_or(false)
    }

    /// The type of a required input.
    ///
    /// # Errors
    /// [`OpError::MissingInput`].
    pub fn ty(&self, index: usize) -> Result<&'a Type, OpError> {
        self.input(index).map(|operand| operand.ty).ok_or(OpError::MissingInput(index))
    }

    /// The tensor type of a required input.
    ///
    /// # Errors
    /// [`OpError::MissingInput`], or [`OpError::UnknownType`] if it is no tensor or not known.
    pub fn tensor(&self, index: usize) -> Result<&'a TensorType, OpError> {
        self.ty(index)?.tensor().ok_or(OpError::UnknownType(index))
    }

    /// The element type of a required input.
    ///
    /// # Errors
    /// As [`Node::tensor`].
    pub fn element(&self, index: usize) -> Result<ElementType, OpError> {
        Ok(self.tensor(index)?.element)
    }

    /// The shape of a required input.
    ///
    /// # Errors
    /// As [`Node::tensor`], and [`OpError::UnknownRank`].
    pub fn shape(&self, index: usize) -> Result<&'a [Dim], OpError> {
        self.tensor(index)?.shape.as_deref().ok_or(OpError::UnknownRank(index))
    }

    /// The known elements of an input; `None` if the input is left out or its value is not known.
    /// Single elements may still be [`Scalar::Unknown`].
    pub fn elements(&self, index: usize) -> Option<&'a [Scalar]> {
        self.input(index)?.elements
    }

    /// The elements of an integer input, if every one is known.
    pub fn ints(&self, index: usize) -> Option<Vec<i64>> {
        self.elements(index)?.iter().map(|scalar| scalar.int()).collect()
    }

    /// The elements of an integer or float input as floating point, if every one is known.
    pub fn floats(&self, index: usize) -> Option<Vec<f64>> {
        self.elements(index)?.iter().map(|scalar| scalar.float()).collect()
    }

    /// An integer attribute.
    ///
    /// # Errors
    /// [`OpError::Attribute`] if the attribute is of another type; so for the other accessors.
    pub fn int(&self, name: &'static str) -> Result<Option<i64>, OpError> {
        self.attribute(name, "an integer", |value| match value {
            Attribute::Int(n) => Some(*n),
            _ => None,
        })
    }

    /// An integer attribute with the operator's default.
    ///
    /// # Errors
    /// As [`Node::int`].
    pub fn int_or(&self, name: &'static str, default: i64) -> Result<i64, OpError> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// A floating-point attribute with the operator's default.
    ///
    /// # Errors
    /// As [`Node::int`].
    pub fn float_or(&self, name: &'static str, default: f32) -> Result<f32, OpError> {
        Ok(self
            .attribute(name, "a number", |value| match value {
                Attribute::Float(x) => Some(*x),
                _ => None,
            })?
            .unwrap_or(default))
    }

    /// A string attribute with the operator's default.
    ///
    /// # Errors
    /// As [`Node::int`].
    pub fn str_or(&self, name: &'static str, default: &'static str) -> Result<&'a str, OpError> {
        Ok(self
            .attribute(name, "a string", |value| match value {
                Attribute::Str(text) => Some(&**text),
                _ => None,
            })?
            .unwrap_or(default))
    }

    /// A list of integers.
    ///
    /// # Errors
    /// As [`Node::int`].
    pub fn int_list(&self, name: &'static str) -> Result<Option<&'a [i64]>, OpError> {
        self.attribute(name, "a list of integers", |value| match value {
            Attribute::Ints(list) => Some(*list),
            _ => None,
        })
    }

    /// Any attribute, as it is.
    pub fn any(&self, name: &str) -> Option<&'a Attribute<'a>> {
        self.attributes.get(name)
    }

    fn attribute<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&'a Attribute<'a>) -> Option<T>,
    ) -> Result<Option<T>, OpError> {
        self.attributes
            .get(name)
            .map(|value| {
                read(value).ok_or_else(|| OpError::Attribute { name, problem: format!("is not {expected}") })
            })
            .transpose()
    }
}

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

/// The most elements that a tensor can have: what a count is made of.
///
/// # Errors
/// [`OpError::UnknownSize`] naming `what` where there is no bound.
pub fn count(shape: &[Dim], what: &'static str) -> Result<u64, OpError> {
    elements(shape).bound().ok_or(OpError::UnknownSize(what))
}

/// The most elements of an output.
///
/// # Errors
/// [`OpError::UnknownSize`].
pub fn output_count(outputs: &[Type], index: usize) -> Result<u64, OpError> {
    outputs
        .get(index)
        .and_then(Type::tensor)
        .and_then(|tensor| tensor.elements().bound())
        .ok_or(OpError::UnknownSize("an output"))
}

/// The most elements of an input.
///
/// # Errors
/// [`OpError::UnknownSize`], and as [`Node::tensor`].
pub fn input_count(node: &Node, index: usize) -> Result<u64, OpError> {
    node.tensor(index)?.elements().bound().ok_or(OpError::UnknownSize("an input"))
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

/// The shape of an element-wise operator over operands of these shapes (ONNX multidirectional broadcasting).
///
/// # Errors
/// [`OpError::Mismatch`] where two known dimensions differ and neither is 1.
pub fn broadcast(shapes: &[&[Dim]]) -> Result<Shape, OpError> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    (0..rank)
        .map(|position| {
            let dims = shapes.iter().filter_map(|shape| {
                let missing = rank - shape.len();
                position.checked_sub(missing).and_then(|index| shape.get(index)).copied()
            });
            dims.clone().try_fold(Dim::Exact(1), broadcast_dim).map_err(|(a, b)| {
                OpError::Mismatch(format!("dimensions {a} and {b} cannot be broadcast together"))
            })
        })
        .collect()
}

/// One dimension of a broadcast; the pair that disagrees if there is one.
fn broadcast_dim(a: Dim, b: Dim) -> Result<Dim, (Dim, Dim)> {
    match (a, b) {
        (Dim::Exact(1), other) | (other, Dim::Exact(1)) => Ok(other),
        (Dim::Exact(m), Dim::Exact(n)) => {
            if m == n {
                Ok(a)
            } else {
                Err((a, b))
            }
        }
        // A dimension that depends on data and meets a known one other than 1 must be that or 1.
        (Dim::Exact(n), _) | (_, Dim::Exact(n)) => Ok(Dim::Exact(n)),
        _ => Ok(a.join(b)),
    }
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

/// `n` additions, multiplications or comparisons of elements of that type: integers count apart.
pub fn arithmetic(element: ElementType, n: u64) -> Counts {
    if element.is_float() { Counts::alu(n) } else { Counts::int(n) }
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

/// The number of elements of an input that is a vector, where that decides a rank.
///
/// # Errors
/// [`OpError::Rank`] if it is no vector, [`OpError::UnknownSize`] if its length is not known, and
/// [`OpError::Value`] if it is longer than any rank.
pub fn vector_length(node: &Node, input: usize) -> Result<usize, OpError> {
    /// More than any tensor has: what a claimed length may make us allocate.
    const MOST: usize = 64;
    let [length] = node.shape(input)? else {
        return Err(OpError::Rank { input, expected: "1", found: node.shape(input)?.len() });
    };
    let length = length.exact().ok_or(OpError::UnknownSize("a rank"))?;
    usize::try_from(length).ok().filter(|length| *length <= MOST).ok_or_else(|| OpError::Value {
        input,
        problem: format!("{length} elements are more than a tensor has dimensions"),
    })
}

/// The dimensions of an input that must have `N` of them.
///
/// # Errors
/// [`OpError::Rank`] with `expected` in words, and as [`Node::shape`].
pub fn dims<const N: usize>(node: &Node, input: usize, expected: &'static str) -> Result<[Dim; N], OpError> {
    let shape = node.shape(input)?;
    <[Dim; N]>::try_from(shape).map_err(|_| OpError::Rank { input, expected, found: shape.len() })
}

/// A required attribute that must be a positive integer.
///
/// # Errors
/// [`OpError::MissingAttribute`], or [`OpError::Attribute`] if it is no such number.
pub fn positive(node: &Node, name: &'static str) -> Result<u64, OpError> {
    let value = node.int(name)?.ok_or(OpError::MissingAttribute(name))?;
    u64::try_from(value).ok().filter(|n| *n > 0).ok_or_else(|| OpError::Attribute {
        name,
        problem: format!("is {value}, expected a positive number"),
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

/// The most bytes of an output.
///
/// # Errors
/// [`OpError::UnknownSize`].
pub fn output_bytes(outputs: &[Type], index: usize) -> Result<u64, OpError> {
    outputs.get(index).and_then(|ty| ty.bytes().bound()).ok_or(OpError::UnknownSize("an output"))
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
