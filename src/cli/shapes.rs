//! The shapes that a model is counted with: options of every command that counts one.

use clap::Args;

use crate::cost::{self, ModelCost};
use crate::graph::{self, Request, TypedGraph};
use crate::onnx;

/// What the user says of open dimensions.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shapes")]
pub struct Shapes {
    /// Set an open dimension by its name in the model
    #[arg(long = "dim", value_name = "NAME=V", value_parser = dimension)]
    dims: Vec<(String, u64)>,
    /// Set the whole shape of an input, fixed dimensions too; `NAME=scalar` for rank 0
    #[arg(long = "input", value_name = "NAME=1x3x224x224", value_parser = shape)]
    inputs: Vec<(String, Vec<u64>)>,
    /// Set the batch dimension, whatever it is called
    #[arg(long, value_name = "N")]
    batch: Option<u64>,
}

impl Shapes {
    /// What inference is asked for.
    pub fn request(&self) -> Request {
        Request { dims: self.dims.clone(), inputs: self.inputs.clone(), batch: self.batch }
    }
}

/// Why a model cannot be counted.
pub struct CountError {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// What would help.
    pub hint: Option<String>,
}

/// Infers and counts a model at the shapes asked for.
///
/// # Errors
/// [`CountError`].
pub fn count<'m>(model: &'m onnx::Model, shapes: &Shapes) -> Result<(TypedGraph<'m>, ModelCost), CountError> {
    count_at(model, &shapes.request())
}

/// Infers and counts a model at the shapes of a request.
///
/// # Errors
/// [`CountError`].
pub fn count_at<'m>(
    model: &'m onnx::Model,
    request: &Request,
) -> Result<(TypedGraph<'m>, ModelCost), CountError> {
    let graph = infer(model, request)?;
    let cost = cost::count(&graph).map_err(|error| CountError {
        code: error.code(),
        hint: error.hint(),
        message: error.to_string(),
    })?;
    Ok((graph, cost))
}

/// Infers the types of a model at the shapes of a request.
///
/// # Errors
/// [`CountError`].
pub fn infer<'m>(model: &'m onnx::Model, request: &Request) -> Result<TypedGraph<'m>, CountError> {
    graph::infer(&model.proto, request).map_err(|error| CountError {
        code: error.code(),
        hint: error.hint(),
        message: error.to_string(),
    })
}

/// `batch=8`.
fn dimension(text: &str) -> Result<(String, u64), String> {
    let (name, value) = named(text, "batch=8")?;
    Ok((name.to_owned(), size(value)?))
}

/// `x=1x3x224x224`, `x=1,3,224,224` or `x=scalar`.
fn shape(text: &str) -> Result<(String, Vec<u64>), String> {
    let (name, value) = named(text, "x=1x3x224x224")?;
    let dims = match value {
        "scalar" | "" => vec![],
        _ => value.split(['x', ',']).map(size).collect::<Result<_, _>>()?,
    };
    Ok((name.to_owned(), dims))
}

/// Names may hold an `=`, sizes do not.
fn named<'t>(text: &'t str, example: &str) -> Result<(&'t str, &'t str), String> {
    let (name, value) =
        text.rsplit_once('=').ok_or_else(|| format!("a name and a size are needed, as {example}"))?;
    if name.is_empty() { Err(format!("a name is needed, as {example}")) } else { Ok((name, value)) }
}

fn size(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("\"{text}\" is no size: a whole number of 0 or more is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_people_write_them() {
        for (text, name, dims) in [
            ("x=1x3x224x224", "x", vec![1, 3, 224, 224]),
            ("x=1,3", "x", vec![1, 3]),
            ("x=scalar", "x", vec![]),
            ("a=b=7", "a=b", vec![7]),
            ("x=0", "x", vec![0]),
        ] {
            assert_eq!(shape(text).unwrap(), (name.to_owned(), dims), "{text}");
        }
        for text in ["x", "=1", "x=1x", "x=-1", "x=1.5", "x=99999999999999999999"] {
            assert!(shape(text).is_err(), "{text}");
        }
        assert_eq!(dimension("batch=8").unwrap(), ("batch".to_owned(), 8));
        assert!(dimension("batch").is_err());
    }
}
