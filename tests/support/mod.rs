//! Builds small models for tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use ergometer::onnx::schema::attribute_proto::AttributeType;
use ergometer::onnx::schema::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use ergometer::tensor::ElementType;

/// One dimension of a declared shape.
#[derive(Clone, Copy)]
pub enum D {
    /// A number.
    N(i64),
    /// A name.
    S(&'static str),
    /// Nothing.
    Open,
}

pub use D::{N, Open, S};

/// A declared value.
pub fn value(name: &str, element: ElementType, dims: &[D]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |dim: &D| Dimension {
        value: match dim {
            N(n) => Some(Value::DimValue(*n)),
            S(name) => Some(Value::DimParam((*name).into())),
            Open => None,
        },
        denotation: None,
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: element.onnx_code(), shape: Some(shape) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None }),
        ..ValueInfoProto::default()
    }
}

/// A float32 value.
pub fn float(name: &str, dims: &[D]) -> ValueInfoProto {
    value(name, ElementType::Float32, dims)
}

/// A value with a name and no type.
pub fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: name.into(), ..ValueInfoProto::default() }
}

/// A node named after its first output.
pub fn node(op_type: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        name: outputs.first().map(|name| format!("make_{name}")).unwrap_or_default(),
        op_type: op_type.into(),
        input: texts(inputs),
        output: texts(outputs),
        ..NodeProto::default()
    }
}

/// Adds an attribute to a node.
pub trait With {
    fn int(self, name: &str, value: i64) -> Self;
    fn ints(self, name: &str, values: &[i64]) -> Self;
    fn floats(self, name: &str, values: &[f32]) -> Self;
    fn text(self, name: &str, value: &str) -> Self;
    fn texts(self, name: &str, values: &[&str]) -> Self;
    fn graph(self, name: &str, graph: GraphProto) -> Self;
    fn tensor(self, name: &str, tensor: TensorProto) -> Self;
    fn refers(self, name: &str, to: &str, kind: AttributeType) -> Self;
    fn domain(self, domain: &str) -> Self;
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: Some(kind as i32), ..AttributeProto::default() }
}

impl With for NodeProto {
    fn int(mut self, name: &str, value: i64) -> Self {
        self.attribute.push(AttributeProto { i: Some(value), ..attribute(name, AttributeType::Int) });
        self
    }

    fn ints(mut self, name: &str, values: &[i64]) -> Self {
        self.attribute.push(AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) });
        self
    }

    fn floats(mut self, name: &str, values: &[f32]) -> Self {
        self.attribute
            .push(AttributeProto { floats: values.to_vec(), ..attribute(name, AttributeType::Floats) });
        self
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        let bytes = value.as_bytes().to_vec().into();
        self.attribute.push(AttributeProto { s: Some(bytes), ..attribute(name, AttributeType::String) });
        self
    }

    fn texts(mut self, name: &str, values: &[&str]) -> Self {
        let strings = values.iter().map(|value| value.as_bytes().to_vec().into()).collect();
        self.attribute.push(AttributeProto { strings, ..attribute(name, AttributeType::Strings) });
        self
    }

    fn graph(mut self, name: &str, graph: GraphProto) -> Self {
        self.attribute
            .push(AttributeProto { g: Some(graph.into()), ..attribute(name, AttributeType::Graph) });
        self
    }

    fn tensor(mut self, name: &str, tensor: TensorProto) -> Self {
        self.attribute
            .push(AttributeProto { t: Some(tensor.into()), ..attribute(name, AttributeType::Tensor) });
        self
    }

    fn refers(mut self, name: &str, to: &str, kind: AttributeType) -> Self {
        self.attribute.push(AttributeProto { ref_attr_name: to.into(), ..attribute(name, kind) });
        self
    }

    fn domain(mut self, domain: &str) -> Self {
        self.domain = domain.into();
        self
    }
}

/// An int64 initializer; a scalar if `dims` is empty.
pub fn ints(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: Some(ElementType::Int64.onnx_code()),
        raw_data: Some(values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>().into()),
        ..TensorProto::default()
    }
}

/// A bool initializer of rank 0.
pub fn truth(name: &str, value: bool) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type: Some(ElementType::Bool.onnx_code()),
        raw_data: Some(vec![u8::from(value)].into()),
        ..TensorProto::default()
    }
}

/// A weight whose data is in a file that is not there.
pub fn weight(name: &str, element: ElementType, dims: &[i64]) -> TensorProto {
    use ergometer::onnx::schema::{StringStringEntryProto, tensor_proto::DataLocation};
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: Some(element.onnx_code()),
        data_location: Some(DataLocation::External as i32),
        external_data: vec![StringStringEntryProto { key: "location".into(), value: "weights.bin".into() }],
        ..TensorProto::default()
    }
}

/// A graph.
pub fn graph(
    inputs: Vec<ValueInfoProto>,
    initializers: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
    outputs: Vec<ValueInfoProto>,
) -> GraphProto {
    GraphProto {
        input: inputs,
        initializer: initializers,
        node: nodes,
        output: outputs,
        name: Some("test".into()),
        ..GraphProto::default()
    }
}

/// A model of ai.onnx opset 21 and com.microsoft.
pub fn model(graph: GraphProto) -> ModelProto {
    let import = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
    ModelProto {
        ir_version: Some(10),
        opset_import: vec![import("", 21), import("com.microsoft", 1), import("local", 1)],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// A function of domain `local`.
pub fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: name.into(),
        domain: "local".into(),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: outputs.iter().map(|name| (*name).to_owned()).collect(),
        node: nodes,
        opset_import: vec![
            OperatorSetIdProto { domain: String::new(), version: 21 },
            OperatorSetIdProto { domain: "local".into(), version: 1 },
        ],
        ..FunctionProto::default()
    }
}
