//! Operators that make data: constants, ranges, unit matrices and random numbers.

use super::dims::output_count;
use super::int_list::IntList;
use super::{Attribute, Counts, Node, OpError, small_tensor};
use crate::tensor::{Dim, ElementType, Elements, MAX_ELEMENTS, Scalar, TensorType, Type};

/// Constant: the tensor in its attribute. A list is a vector, a single value a scalar.
///
/// Source: ONNX `Constant`, opset 25. Errors: [`OpError::MissingAttribute`].
pub fn constant(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![constant_parts(node)?.0])
}

/// The elements of [`constant`], if there are few.
pub fn constant_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    Ok(vec![constant_parts(node)?.1])
}

fn constant_parts(node: &Node) -> Result<(Type, Option<Elements>), OpError> {
    let scalar = |element| TensorType::exact(element, &[]).into();
    let vector = |element, length: usize| TensorType::exact(element, &[length as u64]).into();
    let (name, attribute) = CONSTANT_ATTRIBUTES
        .iter()
        .find_map(|name| Some((*name, node.any(name)?)))
        .ok_or(OpError::MissingAttribute("value"))?;
    let few = |length: usize| u64::try_from(length).is_ok_and(|length| length <= MAX_ELEMENTS);
    Ok(match attribute {
        Attribute::Tensor(ty, elements) => (ty.clone().into(), elements.clone()),
        Attribute::Int(n) => (scalar(ElementType::Int64), Some(vec![Scalar::Int(*n)])),
        Attribute::Float(x) => (scalar(ElementType::Float32), Some(vec![Scalar::Float((*x).into())])),
        Attribute::Str(_) => (scalar(ElementType::String), None),
        Attribute::Ints(list) => (
            vector(ElementType::Int64, list.len()),
            few(list.len()).then(|| list.iter().copied().map(Scalar::Int).collect()),
        ),
        Attribute::Floats(list) => (
            vector(ElementType::Float32, list.len()),
            few(list.len()).then(|| list.iter().map(|x| Scalar::Float((*x).into())).collect()),
        ),
        Attribute::Strings(list) => (vector(ElementType::String, list.len()), None),
        // A sparse tensor, of which only its presence is seen here.
        Attribute::Other if name == "sparse_value" => (Type::Unknown, None),
        Attribute::Type(_) | Attribute::Other => {
            return Err(OpError::Attribute { name, problem: "is no constant".into() });
        }
    })
}

const CONSTANT_ATTRIBUTES: [&str; 8] = [
    "value",
    "sparse_value",
    "value_int",
    "value_ints",
    "value_float",
    "value_floats",
    "value_string",
    "value_strings",
];

/// ConstantOfShape: a tensor of the shape that the input says, filled with `value` (default float32 0).
///
/// Source: ONNX `ConstantOfShape`, opset 25. Errors: [`OpError::Value`] for a negative dimension.
pub fn constant_of_shape(node: &Node) -> Result<Vec<Type>, OpError> {
    node.tensor(0)?;
    let element = filling(node)?.0;
    Ok(vec![TensorType { element, shape: IntList::input(node, 0).shape(0)? }.into()])
}

/// The elements of a small [`constant_of_shape`].
pub fn constant_of_shape_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let filling = filling(node)?.1;
    Ok(vec![
        small_tensor::output_sizes(outputs, 0)
            .and_then(|sizes| small_tensor::fill(&sizes, |_| Some(filling))),
    ])
}

fn filling(node: &Node) -> Result<(ElementType, Scalar), OpError> {
    let name = "value";
    match node.any(name) {
        None => Ok((ElementType::Float32, Scalar::Float(0.0))),
        Some(Attribute::Tensor(ty, elements)) => {
            let first = elements.as_ref().and_then(|elements| elements.first()).copied();
            Ok((ty.element, first.unwrap_or(Scalar::Unknown)))
        }
        Some(_) => Err(OpError::Attribute { name, problem: "is not a tensor".into() }),
    }
}

/// Range. `max(⌈(limit − start) / delta⌉, 0)` numbers.
///
/// Source: ONNX `Range`, opset 27. Errors: [`OpError::Value`] for a delta of 0.
pub fn range(node: &Node) -> Result<Vec<Type>, OpError> {
    for input in [1, 2] {
        node.tensor(input)?;
    }
    let element = node.element(0)?;
    Ok(vec![TensorType::new(element, [range_length(node, element)?]).into()])
}

fn range_length(node: &Node, element: ElementType) -> Result<Dim, OpError> {
    let [start, limit, delta] = bounds(node);
    if matches!(delta, Scalar::Int(0) | Scalar::Float(0.0)) {
        return Err(OpError::Value { input: 2, problem: "delta is 0".into() });
    }
    let steps = |start: i128, limit: i128, delta: i64| {
        let span = if delta > 0 { limit - start } else { start - limit };
        let length = u128::try_from(span).unwrap_or(0).div_ceil(delta.unsigned_abs().into());
        u64::try_from(length).ok()
    };
    Ok(match (start, limit, delta) {
        (Scalar::Float(start), Scalar::Float(limit), Scalar::Float(delta)) => {
            let length = (round(limit - start, element) / delta).ceil();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2⁵³")]
            if length < 9_007_199_254_740_992.0 { Dim::Exact(length.max(0.0) as u64) } else { Dim::Unknown }
        }
        (Scalar::Int(start), Scalar::Int(limit), Scalar::Int(delta)) => {
            steps(start.into(), limit.into(), delta).map_or(Dim::Unknown, Dim::Exact)
        }
        // A start or limit that depends on data is not negative: the most is from 0, or up to the bound.
        (start, limit, Scalar::Int(delta)) if delta > 0 => {
            let least = match start {
                Scalar::Int(n) => Some(n.into()),
                Scalar::AtMost(_) => Some(0),
                _ => None,
            };
            let most = match limit {
                Scalar::Int(n) => Some(n.into()),
                Scalar::AtMost(n) => Some(n.into()),
                _ => None,
            };
            let length = least.zip(most).and_then(|(least, most)| steps(least, most, delta));
            length.map_or(Dim::Unknown, |n| if n == 0 { Dim::Exact(0) } else { Dim::AtMost(n) })
        }
        _ => Dim::Unknown,
    })
}

/// Start, limit and delta.
fn bounds(node: &Node) -> [Scalar; 3] {
    [0, 1, 2].map(|input| node.scalar(input))
}

/// Rounds a result to the type it is computed in.
fn round(x: f64, element: ElementType) -> f64 {
    #[allow(clippy::cast_possible_truncation, reason = "a float conversion rounds")]
    if element == ElementType::Float64 { x } else { (x as f32).into() }
}

/// The numbers of a small [`range`].
pub fn range_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some(sizes) = small_tensor::output_sizes(outputs, 0) else { return Ok(vec![None]) };
    let element = node.element(0)?;
    let narrow = matches!(element, ElementType::Float16 | ElementType::Bfloat16);
    let [start, _, delta] = bounds(node);
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let &[index] = position else { return None };
        let index = i64::try_from(index).ok()?;
        match (start, delta) {
            (Scalar::Int(start), Scalar::Int(delta)) => {
                Some(Scalar::Int(index.checked_mul(delta)?.checked_add(start)?))
            }
            (Scalar::Float(start), Scalar::Float(delta)) if !narrow => {
                let moved = round(Scalar::Int(index).float()? * delta, element);
                Some(Scalar::Float(round(start + moved, element)))
            }
            _ => None,
        }
    })])
}

/// One addition a number.
///
/// Source: our own formula; ONNX `Range` leaves open how `start + i · delta` is computed.
pub fn range_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let numbers = output_count(outputs, 0)?;
    Ok(Counts::arithmetic(node.element(0)?, numbers).by_formula())
}

/// The shape of input 0, of the type that `dtype` names or else the input's: EyeLike, RandomNormalLike,
/// RandomUniformLike, Bernoulli.
///
/// Source: ONNX `EyeLike`, `RandomNormalLike`, `RandomUniformLike`, `Bernoulli`, opset 22.
pub fn like_input(node: &Node) -> Result<Vec<Type>, OpError> {
    let input = node.tensor(0)?;
    let element = node.element_type("dtype")?.unwrap_or(input.element);
    Ok(vec![TensorType { element, shape: input.shape.clone() }.into()])
}

/// EyeLike: a matrix like the input.
///
/// Source: ONNX `EyeLike`, opset 22. Errors: [`OpError::Rank`].
pub fn eye_like(node: &Node) -> Result<Vec<Type>, OpError> {
    match &node.tensor(0)?.shape {
        Some(shape) if shape.len() != 2 => Err(OpError::Rank { input: 0, expected: "2", found: shape.len() }),
        _ => like_input(node),
    }
}

/// Ones on the diagonal `k`, zeros elsewhere.
pub fn eye_like_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let Some(sizes) = small_tensor::output_sizes(outputs, 0) else { return Ok(vec![None]) };
    let diagonal = node.int_or("k", 0)?;
    let element = node.element_type("dtype")?.map_or_else(|| node.element(0), Ok)?;
    let (zero, one) = match small_tensor::zero(element) {
        zero @ Scalar::Int(_) => (zero, Scalar::Int(1)),
        zero @ Scalar::Float(_) => (zero, Scalar::Float(1.0)),
        zero @ Scalar::Bool(_) => (zero, Scalar::Bool(true)),
        unknown => (unknown, unknown),
    };
    Ok(vec![small_tensor::fill(&sizes, |position| {
        let &[row, column] = position else { return None };
        let above = i64::try_from(column).ok()?.checked_sub(i64::try_from(row).ok()?)?;
        Some(if above == diagonal { one } else { zero })
    })])
}

/// RandomNormal and RandomUniform: a tensor of the attribute `shape`, of type `dtype` (default float32).
///
/// Source: ONNX `RandomNormal`, `RandomUniform`, opset 22. Errors: [`OpError::MissingAttribute`], [`OpError::Attribute`].
pub fn random(node: &Node) -> Result<Vec<Type>, OpError> {
    let name = "shape";
    let dims = node.int_list(name)?.ok_or(OpError::MissingAttribute(name))?;
    let element = node.element_type("dtype")?.unwrap_or(ElementType::Float32);
    let dims: Option<Vec<u64>> = dims.iter().map(|n| u64::try_from(*n).ok()).collect();
    let dims = dims.ok_or_else(|| OpError::Attribute { name, problem: "has a negative dimension".into() })?;
    Ok(vec![TensorType::exact(element, &dims).into()])
}

/// Multinomial. `input [B, classes]` to `[B, sample_size]`.
///
/// Source: ONNX `Multinomial`, opset 22. Errors: [`OpError::Rank`], [`OpError::Attribute`].
pub fn multinomial(node: &Node) -> Result<Vec<Type>, OpError> {
    let name = "sample_size";
    let samples = node.int_or(name, 1)?;
    let samples = u64::try_from(samples)
        .map_err(|_| OpError::Attribute { name, problem: format!("is {samples}, negative") })?;
    let batch = match node.tensor(0)?.shape.as_deref() {
        Some([batch, _]) => *batch,
        Some(shape) => return Err(OpError::Rank { input: 0, expected: "2", found: shape.len() }),
        None => Dim::Unknown,
    };
    let element = node.element_type("dtype")?.unwrap_or(ElementType::Int32);
    Ok(vec![TensorType::new(element, [batch, Dim::Exact(samples)]).into()])
}

/// A random number a sample, and one addition a class to sum the probabilities up.
///
/// Source: our own formula; ONNX `Multinomial` leaves the algorithm open.
pub fn multinomial_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let sums = Counts::alu(node.count(0)?);
    Ok(Counts::rng(output_count(outputs, 0)?).plus(sums)?.by_formula())
}

#[cfg(test)]
mod tests {
    use super::super::Bytes;
    use super::super::testing::{ints, op};
    use super::*;
    use ElementType::{Bool, Float32, Int32, Int64};

    fn tensor(element: ElementType, dims: &[u64], elements: &[Scalar]) -> Attribute<'static> {
        Attribute::Tensor(TensorType::exact(element, dims), Some(elements.to_vec()))
    }

    #[test]
    fn constant_takes_any_of_its_attributes() {
        let value = op("Constant", 1).attr("value", tensor(Int32, &[2], &[Scalar::Int(3); 2]));
        assert_eq!(value.ty(), TensorType::exact(Int32, &[2]).into());
        assert_eq!(value.elements(), ints(&[3, 3]));
        let one = op("Constant", 13).attr("value_int", 5);
        assert_eq!((one.ty(), one.elements()), (TensorType::exact(Int64, &[]).into(), ints(&[5])));
        let list = op("Constant", 13).attr("value_ints", &[5, 6]);
        assert_eq!((list.shape(), list.elements()), ("2".into(), ints(&[5, 6])));
        let float = op("Constant", 13).attr("value_floats", Attribute::Floats(&[0.5, 2.0]));
        assert_eq!(float.ty(), TensorType::exact(Float32, &[2]).into());
        assert_eq!(float.elements(), Some([0.5, 2.0].map(Scalar::Float).to_vec()));
        let text = op("Constant", 13).attr("value_strings", Attribute::Strings(vec!["a".into()]));
        assert_eq!(text.ty(), TensorType::exact(ElementType::String, &[1]).into());
        assert_eq!(op("Constant", 11).attr("sparse_value", Attribute::Other).ty(), Type::Unknown);
        assert!(op("Constant", 13).types().is_err());
    }

    #[test]
    fn constant_of_shape_fills_the_shape_of_its_input() {
        let zeros = op("ConstantOfShape", 9).ints(&[2, 2]);
        assert_eq!(zeros.ty(), TensorType::exact(Float32, &[2, 2]).into());
        assert_eq!(zeros.elements(), Some(vec![Scalar::Float(0.0); 4]));
        let ones = op("ConstantOfShape", 9).ints(&[3]).attr("value", tensor(Int64, &[1], &[Scalar::Int(1)]));
        assert_eq!(ones.elements(), ints(&[1, 1, 1]));
        assert_eq!(op("ConstantOfShape", 9).ints(&[]).shape(), "scalar");
        let partly = [Scalar::AtMost(5), Scalar::Unknown, Scalar::Int(4)];
        assert_eq!(op("ConstantOfShape", 9).value(Int64, &[3], &partly).shape(), "≤5×?×4");
        assert_eq!(op("ConstantOfShape", 9).input(Int64, &[3]).shape(), "?×?×?");
        assert!(op("ConstantOfShape", 9).ints(&[-1]).types().is_err());
        // A claim of 2⁶² elements costs nothing to hold.
        assert_eq!(op("ConstantOfShape", 9).ints(&[1 << 31, 1 << 31]).elements(), None);
        assert_eq!(op("ConstantOfShape", 9).ints(&[2]).moved().read, [Bytes::Part(0)]);
    }

    #[test]
    fn range_counts_and_lists_its_numbers() {
        for (start, limit, delta, expected) in [
            (3, 9, 3, &[3, 6][..]),
            (10, 4, -2, &[10, 8, 6]),
            (5, 5, 1, &[]),
            (0, 5, 2, &[0, 2, 4]),
            (4, 0, 1, &[]),
        ] {
            let case = op("Range", 11).int(start).int(limit).int(delta);
            assert_eq!(case.shape(), expected.len().to_string());
            assert_eq!(case.elements(), ints(expected));
        }
        let quarters = op("Range", 11).floats(&[0.5]).floats(&[1.1]).floats(&[0.25]);
        assert_eq!(quarters.elements(), Some([0.5, 0.75, 1.0].map(Scalar::Float).to_vec()));
        let bounded = |start, limit| {
            let limits = op("Range", 11).value(Int64, &[], &[start]).value(Int64, &[], &[limit]);
            limits.int(2).shape()
        };
        assert_eq!(bounded(Scalar::Int(1), Scalar::AtMost(10)), "≤5");
        assert_eq!(bounded(Scalar::AtMost(3), Scalar::AtMost(10)), "≤5");
        assert_eq!(bounded(Scalar::Unknown, Scalar::Int(10)), "?");
        assert_eq!(bounded(Scalar::Int(i64::MIN), Scalar::Int(i64::MAX)), (1_u64 << 63).to_string());
        assert!(op("Range", 11).int(0).int(4).int(0).types().is_err());
        assert_eq!(op("Range", 11).int(0).int(4).int(1).counts(), Counts::int(4).by_formula());
    }

    #[test]
    fn eye_like_puts_ones_on_a_diagonal() {
        let eye = op("EyeLike", 9).f32(&[2, 3]).attr("dtype", 7).attr("k", 1);
        assert_eq!(eye.ty(), TensorType::exact(Int64, &[2, 3]).into());
        assert_eq!(eye.elements(), ints(&[0, 1, 0, 0, 0, 1]));
        assert_eq!(op("EyeLike", 9).input(Bool, &[1, 1]).elements(), Some(vec![Scalar::Bool(true)]));
        assert!(op("EyeLike", 9).f32(&[2]).types().is_err());
    }

    #[test]
    fn random_numbers_are_counted_as_such() {
        for (case, shape, element) in [
            (op("RandomNormal", 1).attr("shape", &[2, 3]), "2×3", Float32),
            (op("RandomUniform", 1).attr("shape", &[6]).attr("dtype", 11), "6", ElementType::Float64),
            (op("RandomNormalLike", 1).f32(&[2, 3]), "2×3", Float32),
            (op("Bernoulli", 15).f32(&[3, 2]).attr("dtype", 9), "3×2", Bool),
        ] {
            assert_eq!(case.shape(), shape);
            assert_eq!(case.ty().tensor().unwrap().element, element);
            assert_eq!(case.counts(), Counts::rng(6));
            assert_eq!(case.elements(), None);
        }
        let drawn = op("Multinomial", 7).f32(&[2, 10]).attr("sample_size", 3);
        assert_eq!(drawn.ty(), TensorType::exact(Int32, &[2, 3]).into());
        assert_eq!((drawn.counts().rng, drawn.counts().alu), (6, 20));
        assert!(op("RandomNormal", 1).attr("shape", &[-2]).types().is_err());
        assert!(op("RandomNormal", 1).attr("shape", &[2]).attr("dtype", 99).types().is_err());
    }
}
