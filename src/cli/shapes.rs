//! The shapes that a model is counted with: options of every command that counts one.

use clap::Args;

use crate::cost::{self, ModelCost};
use crate::graph::{self, Request, TypedGraph};
use crate::onnx;

/// What the user says of open dimensions.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shapes")]
pub struct Shapes {
    /// Set the batch dimension, whatever it is called
    #[arg(long, value_name = "N")]
    batch: Option<u64>,
    #[command(flatten)]
    others: Others,
}

/// What the user says of all open dimensions but the batch.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shapes")]
pub struct Others {
    /// Set an open dimension by its name in the model
    #[arg(long = "dim", value_name = "NAME=V", value_parser = dimension)]
    dims: Vec<(String, u64)>,
    /// Set the whole shape of an input, fixed dimensions too; `NAME=scalar` for rank 0
    #[arg(long = "input", value_name = "NAME=1x3x224x224", value_parser = shape)]
    inputs: Vec<(String, Vec<u64>)>,
    /// Say how often the bodies of loops run where the model does not: all of them, or that of one node
    #[arg(long = "trips", value_name = "[NODE=]N", value_parser = trips)]
    trips: Vec<(Option<String>, u64)>,
    /// Say which branch runs where the model does not: of every If, or of one node
    ///
    /// Without it, the branch with the most FLOPs is counted
    #[arg(long = "branch", value_name = "[NODE=]then|else", value_parser = branch)]
    branches: Vec<(Option<String>, bool)>,
    /// Say what a small input holds, where shapes or turns follow from it: num_beams=4, sizes=1,3,448,448
    #[arg(long = "value", value_name = "NAME=V[,V…]", value_parser = value)]
    values: Vec<(String, Vec<String>)>,
}

impl Shapes {
    /// What inference is asked for.
    pub fn request(&self) -> Request {
        Request { batch: self.batch, ..self.others.request() }
    }
}

impl Others {
    /// What inference is asked for, at no batch of the user's.
    pub fn request(&self) -> Request {
        Request {
            dims: self.dims.clone(),
            inputs: self.inputs.clone(),
            batch: None,
            trips: self.trips.clone(),
            branches: self.branches.clone(),
            tokens: None,
            values: self.values.clone(),
        }
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

/// `20` or `decode=20`.
fn trips(text: &str) -> Result<(Option<String>, u64), String> {
    let (name, value) = one_or_all(text);
    Ok((name, size(value)?))
}

/// `then` or `use_cache=else`.
fn branch(text: &str) -> Result<(Option<String>, bool), String> {
    let (name, value) = one_or_all(text);
    match value {
        "then" => Ok((name, true)),
        "else" => Ok((name, false)),
        other => Err(format!("\"{other}\" is no branch: then or else is needed")),
    }
}

/// `num_beams=4` or `sizes=1,3,448,448`.
fn value(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, value) = named(text, "num_beams=4")?;
    let words: Vec<String> = value.split(',').map(|word| word.trim().to_owned()).collect();
    match words.iter().find(|word| word.parse::<f64>().is_err() && word.parse::<bool>().is_err()) {
        Some(word) => Err(format!("\"{word}\" is no element: a number, true or false is needed")),
        None => Ok((name.to_owned(), words)),
    }
}

/// What is said of a node, with its name, or of all.
fn one_or_all(text: &str) -> (Option<String>, &str) {
    text.rsplit_once('=').map_or((None, text), |(name, value)| (Some(name.to_owned()), value))
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

    #[test]
    fn elements_are_numbers_and_truth_values() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(value("num_beams=4").unwrap(), ("num_beams".to_owned(), words(&["4"])));
        assert_eq!(value("sizes=1, 3,-1").unwrap(), ("sizes".to_owned(), words(&["1", "3", "-1"])));
        assert_eq!(value("go=true").unwrap(), ("go".to_owned(), words(&["true"])));
        for text in ["x", "=1", "x=", "x=1,,2", "x=many"] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bodies_are_spoken_of_one_by_one_or_all_at_once() {
        assert_eq!(trips("20").unwrap(), (None, 20));
        assert_eq!(trips("a=b=7").unwrap(), (Some("a=b".to_owned()), 7));
        assert_eq!(branch("then").unwrap(), (None, true));
        assert_eq!(branch("if_1=else").unwrap(), (Some("if_1".to_owned()), false));
        for text in ["x=", "-1", "many"] {
            assert!(trips(text).is_err(), "{text}");
        }
        assert!(branch("x=neither").is_err());
    }
}
