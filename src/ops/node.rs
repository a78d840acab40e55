//! What a rule sees of one node: its operands, its attributes and the version of its operator set.

use crate::tensor::{Dim, ElementType, Elements, Scalar, TensorType, Type};

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
    /// Why a tensor has no number of elements or bytes: its product does not fit, or a size depends on data.
    pub fn no_size(tensor: &TensorType, what: &'static str) -> Self {
        let bounded =
            tensor.shape.as_ref().is_some_and(|shape| shape.iter().all(|dim| dim.bound().is_some()));
        if bounded { Self::Overflow } else { Self::UnknownSize(what) }
    }

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

    /// How many of these optional inputs are there.
    pub fn given(&self, indices: &[usize]) -> u64 {
        indices.iter().map(|index| u64::from(self.has_input(*index))).sum()
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

    /// The dimensions of an input that must have `N` of them.
    ///
    /// # Errors
    /// [`OpError::Rank`], and as [`Node::shape`].
    pub fn dims<const N: usize>(&self, input: usize) -> Result<[Dim; N], OpError> {
        const RANKS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];
        let shape = self.shape(input)?;
        let expected = RANKS.get(N).copied().unwrap_or("more than 5");
        <[Dim; N]>::try_from(shape).map_err(|_| OpError::Rank { input, expected, found: shape.len() })
    }

    /// The dimensions of an input but the last one, and that one.
    ///
    /// # Errors
    /// [`OpError::Rank`] for a scalar, and as [`Node::shape`].
    pub fn split_last(&self, input: usize) -> Result<(&'a [Dim], Dim), OpError> {
        let scalar = OpError::Rank { input, expected: "at least 1", found: 0 };
        self.shape(input)?.split_last().map(|(last, outer)| (outer, *last)).ok_or(scalar)
    }

    /// The most elements that an input can have.
    ///
    /// # Errors
    /// [`OpError::UnknownSize`], and as [`Node::tensor`].
    pub fn count(&self, input: usize) -> Result<u64, OpError> {
        let tensor = self.tensor(input)?;
        tensor.elements().bound().ok_or_else(|| OpError::no_size(tensor, "an input"))
    }

    /// The first element of an input, which is the only one where a number is asked for.
    /// [`Scalar::Unknown`] if the input is left out or its value is not known.
    pub fn scalar(&self, index: usize) -> Scalar {
        self.elements(index).and_then(<[Scalar]>::first).copied().unwrap_or(Scalar::Unknown)
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

    /// The element type that an attribute gives by its ONNX number.
    ///
    /// # Errors
    /// [`OpError::Attribute`] for a number that is no element type, and as [`Node::int`].
    pub fn element_type(&self, name: &'static str) -> Result<Option<ElementType>, OpError> {
        let named = |code: i64| {
            i32::try_from(code).ok().and_then(ElementType::from_onnx).ok_or_else(|| OpError::Attribute {
                name,
                problem: format!("is {code}, which names no element type"),
            })
        };
        self.int(name)?.map(named).transpose()
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

    /// A required attribute that must be a positive integer.
    ///
    /// # Errors
    /// [`OpError::MissingAttribute`], or [`OpError::Attribute`] if it is no such number.
    pub fn positive(&self, name: &'static str) -> Result<u64, OpError> {
        let value = self.int(name)?.ok_or(OpError::MissingAttribute(name))?;
        u64::try_from(value).ok().filter(|n| *n > 0).ok_or_else(|| OpError::Attribute {
            name,
            problem: format!("is {value}, expected a positive number"),
        })
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
