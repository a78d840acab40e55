//! One node, built in a test: operands, attributes, and what the table says of it.

use super::{
    Attribute, Attributes, Costed, Counts, Form, Moved, Node, OpError, Operand, Traffic, Values, find,
};
use crate::tensor::{Dim, ElementType, Elements, Scalar, TensorType, Type};

/// A node under test. Operands and attributes are added in order.
pub struct Case {
    domain: &'static str,
    operator: &'static str,
    version: i64,
    inputs: Vec<Option<(Type, Option<Elements>, bool)>>,
    attributes: Vec<(&'static str, Attribute<'static>)>,
    outputs: Vec<bool>,
}

/// A node of ai.onnx at an opset version, with one output.
pub fn op(operator: &'static str, version: i64) -> Case {
    op_of("", operator, version)
}

/// A node of any domain, with one output.
pub fn op_of(domain: &'static str, operator: &'static str, version: i64) -> Case {
    Case { domain, operator, version, inputs: vec![], attributes: vec![], outputs: vec![true] }
}

/// A node of com.microsoft, with one output.
pub fn microsoft(operator: &'static str) -> Case {
    op_of("com.microsoft", operator, 1)
}

/// Known integer elements.
pub fn ints(elements: &[i64]) -> Option<Elements> {
    Some(elements.iter().copied().map(Scalar::Int).collect())
}

impl Case {
    /// An input of known shape and unknown value.
    pub fn input(self, element: ElementType, dims: &[u64]) -> Self {
        self.typed(TensorType::exact(element, dims).into())
    }

    /// A float32 input.
    pub fn f32(self, dims: &[u64]) -> Self {
        self.input(ElementType::Float32, dims)
    }

    /// An input of any type.
    pub fn typed(mut self, ty: Type) -> Self {
        self.inputs.push(Some((ty, None, false)));
        self
    }

    /// An input of any dimensions, data-dependent ones included.
    pub fn dims(self, element: ElementType, dims: &[Dim]) -> Self {
        self.typed(TensorType::new(element, dims).into())
    }

    /// A constant input with its elements.
    pub fn value(mut self, element: ElementType, dims: &[u64], elements: &[Scalar]) -> Self {
        self.inputs.push(Some((TensorType::exact(element, dims).into(), Some(elements.to_vec()), true)));
        self
    }

    /// A constant int64 vector.
    pub fn ints(self, elements: &[i64]) -> Self {
        let dims = [elements.len() as u64];
        self.value(ElementType::Int64, &dims, &elements.iter().copied().map(Scalar::Int).collect::<Vec<_>>())
    }

    /// A constant int64 scalar.
    pub fn int(self, element: i64) -> Self {
        self.value(ElementType::Int64, &[], &[Scalar::Int(element)])
    }

    /// A constant float32 vector.
    pub fn floats(self, elements: &[f64]) -> Self {
        let dims = [elements.len() as u64];
        self.value(
            ElementType::Float32,
            &dims,
            &elements.iter().copied().map(Scalar::Float).collect::<Vec<_>>(),
        )
    }

    /// An optional input left out.
    pub fn none(mut self) -> Self {
        self.inputs.push(None);
        self
    }

    /// An attribute.
    pub fn attr(mut self, name: &'static str, value: impl Into<Attribute<'static>>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// The number of outputs that the node names.
    pub fn outputs(mut self, count: usize) -> Self {
        self.outputs = vec![true; count];
        self
    }

    /// What a function of the node and its rules gives.
    pub fn run<T>(&self, f: impl FnOnce(&Node, &Costed) -> T) -> T {
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|input| {
                input.as_ref().map(|(ty, elements, constant)| Operand {
                    ty,
                    elements: elements.as_deref(),
                    constant: *constant,
                })
            })
            .collect();
        let attributes: Attributes = self.attributes.iter().cloned().collect();
        let node = Node {
            operator: self.operator,
            version: self.version,
            inputs: &inputs,
            outputs: &self.outputs,
            attributes: &attributes,
        };
        let operator = find(self.domain, self.operator).expect("the operator is in the table");
        f(&node, operator.costed().expect("the operator has rules"))
    }

    /// The types of the outputs.
    pub fn types(&self) -> Result<Vec<Type>, OpError> {
        self.run(|node, rules| (rules.shape)(node))
    }

    /// The type of the first output.
    pub fn ty(&self) -> Type {
        self.types().expect("the node is valid").swap_remove(0)
    }

    /// The shape of the first output, printed: `1×64×≤100×?`, `scalar`, or `unranked`.
    pub fn shape(&self) -> String {
        shape_text(&self.ty())
    }

    /// The shapes of all outputs, printed.
    pub fn shapes(&self) -> Vec<String> {
        self.types().expect("the node is valid").iter().map(shape_text).collect()
    }

    /// The elements of the first output, if they are known.
    pub fn elements(&self) -> Option<Elements> {
        let types = self.types().expect("the node is valid");
        self.run(|node, rules| match rules.value {
            Values::Computed(rule) => {
                rule(node, &types).expect("the node is valid").into_iter().next().flatten()
            }
            Values::Opaque | Values::Random => None,
        })
    }

    /// The work of the node.
    pub fn counts(&self) -> Counts {
        let types = self.types().expect("the node is valid");
        self.run(|node, rules| super::counts(rules, node, &types)).expect("the node is valid")
    }

    /// The form of the node's kernel.
    pub fn form(&self) -> Form {
        let types = self.types().expect("the node is valid");
        self.run(|node, rules| {
            let counts = super::counts(rules, node, &types).expect("the node is valid");
            Form::of(rules, node, &types, &counts)
        })
    }

    /// The bytes the node moves, if a formula says.
    pub fn moved(&self) -> Moved {
        let types = self.types().expect("the node is valid");
        self.run(|node, rules| match rules.traffic {
            Traffic::Formula(rule) => rule(node, &types).expect("the node is valid"),
            Traffic::View | Traffic::Streamed => panic!("the node's traffic is no formula"),
        })
    }
}

fn shape_text(ty: &Type) -> String {
    match ty.tensor().map(|tensor| tensor.shape.as_deref()) {
        Some(Some([])) => "scalar".into(),
        Some(Some(dims)) => dims.iter().map(Dim::to_string).collect::<Vec<_>>().join("×"),
        Some(None) => "unranked".into(),
        None => "no tensor".into(),
    }
}

impl From<i64> for Attribute<'static> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f32> for Attribute<'static> {
    fn from(value: f32) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for Attribute<'static> {
    fn from(value: &'static str) -> Self {
        Self::Str(value.into())
    }
}

impl<const N: usize> From<&'static [i64; N]> for Attribute<'static> {
    fn from(value: &'static [i64; N]) -> Self {
        Self::Ints(value)
    }
}
