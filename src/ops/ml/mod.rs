//! Classical machine learning (ai.onnx.ml) and the optimisers of ai.onnx.preview.training.
//!
//! Models of this domain keep their parameters in attributes.

pub mod encode;
pub mod linear;
pub mod training;
pub mod tree;

use super::elementwise::SIGMOID;
use super::norm::SOFTMAX;
use super::{Attribute, Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// Elements of a list or tensor attribute, and their bytes.
fn size(node: &Node, name: &str) -> (u64, u64) {
    let list = |length: usize, width: u64| {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        (length, length.saturating_mul(width))
    };
    match node.any(name) {
        Some(Attribute::Floats(values)) => list(values.len(), 4),
        Some(Attribute::Ints(values)) => list(values.len(), 8),
        Some(Attribute::Strings(values)) => {
            let bytes: usize = values.iter().map(|text| text.len()).sum();
            (list(values.len(), 0).0, list(bytes, 1).0)
        }
        Some(Attribute::Tensor(tensor, _)) => {
            (tensor.elements().exact().unwrap_or(0), tensor.bytes().exact().unwrap_or(0))
        }
        _ => (0, 0),
    }
}

/// Elements and bytes of several attributes together.
fn sizes(node: &Node, names: &[&str]) -> (u64, u64) {
    names.iter().fold((0, 0), |(elements, bytes), name| {
        let (more_elements, more_bytes) = size(node, name);
        (elements.saturating_add(more_elements), bytes.saturating_add(more_bytes))
    })
}

/// Samples and features of the first input: `[N, F]`, or one sample `[F]`.
fn samples(node: &Node) -> Result<(Dim, Dim), OpError> {
    match *node.shape(0)? {
        [samples, features] => Ok((samples, features)),
        [features] => Ok((Dim::Exact(1), features)),
        ref shape => Err(OpError::Rank { input: 0, expected: "1 or 2", found: shape.len() }),
    }
}

/// Class labels: how many, and whether they are integers or strings.
fn labels(node: &Node, integers: &'static str) -> Result<(u64, ElementType), OpError> {
    let (strings, _) = size(node, "classlabels_strings");
    if strings > 0 {
        return Ok((strings, ElementType::String));
    }
    match size(node, integers).0 {
        0 => Err(OpError::MissingAttribute(integers)),
        labels => Ok((labels, ElementType::Int64)),
    }
}

/// The label of each sample `[N]`, and so many scores `[N, E]`.
fn classified(node: &Node, integers: &'static str, scores: Dim) -> Result<Vec<Type>, OpError> {
    let (samples, _) = samples(node)?;
    let (_, label) = labels(node, integers)?;
    Ok(vec![
        TensorType::new(label, vec![samples]).into(),
        TensorType::new(ElementType::Float32, vec![samples, scores]).into(),
    ])
}

/// What `post_transform` does to one score: nothing, the softmax, the logistic function, or the probit.
///
/// Source: the attribute's page; its values are names, and numbers 0 to 4 in `TreeEnsemble`.
fn post_transform(node: &Node) -> Result<Counts, OpError> {
    let name = "post_transform";
    match node.any(name) {
        None | Some(Attribute::Int(0)) => Ok(Counts::ZERO),
        Some(Attribute::Int(1 | 3)) => Ok(SOFTMAX),
        Some(Attribute::Int(2)) => Ok(SIGMOID),
        Some(Attribute::Int(4)) => Ok(Counts::trans(1)),
        Some(Attribute::Str(text)) => match &**text {
            "NONE" => Ok(Counts::ZERO),
            "SOFTMAX" | "SOFTMAX_ZERO" => Ok(SOFTMAX),
            "LOGISTIC" => Ok(SIGMOID),
            "PROBIT" => Ok(Counts::trans(1)),
            other => {
                Err(OpError::Attribute { name, problem: format!("is \"{other}\", which is no transform") })
            }
        },
        Some(_) => Err(OpError::Attribute { name, problem: "is no transform".into() }),
    }
}
