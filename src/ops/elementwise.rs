//! Element-wise arithmetic and activation functions.
//!
//! Work is counted for each output element as the ONNX page of the operator writes its function; on integer
//! tensors the whole function is one integer operation.

use super::broadcast::{self, evaluate};
use super::dims::{self, agree};
use super::scalar::{self, Arithmetic, Interval};
use super::{Counts, Node, OpError, small_tensor};
use crate::tensor::{ElementType, Elements, Scalar, TensorType, Type};

/// One output of the type of the first input.
pub fn same_as_input(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.tensor(0)?.clone().into()])
}

/// One output of the shape of the first input, with another element type.
pub fn same_shape(node: &Node, element: ElementType) -> Result<Vec<Type>, OpError> {
    Ok(vec![TensorType { element, shape: node.tensor(0)?.shape.clone() }.into()])
}

/// One output of the shape that all inputs broadcast to, all of one element type.
pub fn same_elements(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of_inputs(node, broadcast::common_element(node, 0)?)?])
}

/// `Pow`: the exponent may be of another element type.
pub fn pow_type(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![broadcast::of_inputs(node, node.element(0)?)?])
}

/// `Identity`: sequences and optionals pass too.
pub fn identity_type(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(0)?.clone()])
}

/// `PRelu`: the slope broadcasts to the input. Before opset 7 it has one element, or one a channel.
pub fn prelu_type(node: &Node) -> Result<Vec<Type>, OpError> {
    broadcast::common_element(node, 0)?;
    if node.version >= 7 {
        broadcast::onto_first(node)?;
    }
    same_as_input(node)
}

/// `Dropout`: the output and its mask, which was of the input's type before opset 10.
pub fn dropout_type(node: &Node) -> Result<Vec<Type>, OpError> {
    let mask = if node.version < 10 { node.element(0)? } else { ElementType::Bool };
    with_mask(node, mask)
}

/// The input's type, and a mask of its shape.
pub fn with_mask(node: &Node, mask: ElementType) -> Result<Vec<Type>, OpError> {
    let mut types = same_as_input(node)?;
    types.extend(same_shape(node, mask)?);
    Ok(types)
}

/// `SwiGLU`: both inputs have the output's shape.
pub fn swiglu_type(node: &Node) -> Result<Vec<Type>, OpError> {
    broadcast::common_element(node, 0)?;
    let (gate, linear) = (node.tensor(0)?, node.tensor(1)?);
    if let (Some(a), Some(b)) = (&gate.shape, &linear.shape)
        && !agree(a, b)
    {
        return Err(OpError::Mismatch("inputs 0 and 1 have different shapes".into()));
    }
    same_as_input(node)
}

/// The input's value under another name.
pub fn identity(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    Ok(vec![node.elements(0).map(<[Scalar]>::to_vec)])
}

/// `Dropout` outside training.
pub fn dropout(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    if training(node)? { Ok(vec![None]) } else { identity(node, outputs) }
}

/// A function of each floating-point element.
pub fn map_floats(node: &Node, f: fn(f64) -> f64) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    map(node, |scalar| match scalar {
        Scalar::Float(x) => scalar::float(element, f(x)),
        _ => Scalar::Unknown,
    })
}

/// A function of each number; on integers it must be monotone from 0 on.
pub fn map_numbers(
    node: &Node,
    ints: fn(i128) -> i128,
    floats: fn(f64) -> f64,
) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    map(node, |scalar| match scalar {
        Scalar::Float(x) => scalar::float(element, floats(x)),
        _ => Interval::of(scalar).map_or(Scalar::Unknown, |interval| interval.map(ints).scalar(element)),
    })
}

fn map(node: &Node, f: impl Fn(Scalar) -> Scalar) -> Result<Vec<Option<Elements>>, OpError> {
    Ok(vec![
        node.elements(0).and_then(|all| small_tensor::known(all.iter().map(|scalar| f(*scalar)).collect())),
    ])
}

/// An operation folded over all operands.
pub fn fold(node: &Node, outputs: &[Type], operation: Arithmetic) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    evaluate(node, outputs, |row| {
        row.iter().copied().reduce(|a, b| operation.apply(element, a, b)).unwrap_or(Scalar::Unknown)
    })
}

/// `Mean`: the sum divided by the number of operands.
pub fn mean_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    let divisor = Scalar::Int(i64::try_from(node.inputs.len()).unwrap_or(i64::MAX));
    let divisor = scalar::cast(divisor, element);
    let mut values = fold(node, outputs, scalar::ADD)?;
    for scalar in values.iter_mut().flatten().flatten() {
        *scalar = scalar::DIV.apply(element, *scalar, divisor);
    }
    Ok(values)
}

/// `Mod`: by truncation with `fmod`, else by floor.
pub fn modulo_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    let f = if node.int_or("fmod", 0)? == 0 { scalar::floor_mod } else { scalar::truncated_mod };
    evaluate(node, outputs, |row| pair(row, |a, b| f(element, a, b)))
}

/// `Pow`.
pub fn pow_value(node: &Node, outputs: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    evaluate(node, outputs, |row| pair(row, |a, b| scalar::pow(element, a, b)))
}

fn pair(row: &[Scalar], f: impl Fn(Scalar, Scalar) -> Scalar) -> Scalar {
    match row {
        [a, b] => f(*a, *b),
        _ => Scalar::Unknown,
    }
}

/// `Clip`: `Min(max, Max(input, min))`. The bounds are attributes before opset 11.
pub fn clip_value(node: &Node, _: &[Type]) -> Result<Vec<Option<Elements>>, OpError> {
    let element = node.element(0)?;
    let bound = |position: usize, name| -> Result<Option<Scalar>, OpError> {
        if node.version < 11 {
            return Ok(match node.any(name) {
                Some(_) => Some(scalar::float(element, node.float_or(name, 0.0)?.into())),
                None => None,
            });
        }
        let value = || node.elements(position).and_then(|all| all.first()).copied();
        Ok(node.has_input(position).then(|| value().unwrap_or(Scalar::Unknown)))
    };
    let (min, max) = (bound(1, "min")?, bound(2, "max")?);
    map(node, |scalar| {
        let raised = min.map_or(scalar, |min| scalar::MAX.apply(element, scalar, min));
        max.map_or(raised, |max| scalar::MIN.apply(element, raised, max))
    })
}

/// So many operations for each output element if it is floating-point, one if it is an integer.
fn each_output(node: &Node, outputs: &[Type], float: Counts) -> Result<Counts, OpError> {
    let each = if node.element(0)?.is_float() { float } else { Counts::int(1) };
    each.times(dims::output_count(outputs, 0)?)
}

/// One arithmetic operation an element.
pub fn arithmetic(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    each_output(node, outputs, Counts::alu(1))
}

/// One division an element.
pub fn division(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    each_output(node, outputs, Counts::div(1))
}

/// `Mod`: `a - floor(a / b) · b`.
pub fn modulo(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    each_output(node, outputs, Counts { div: 1, alu: 2, ..Counts::ZERO })
}

/// [`LEAKY_RELU`], of operators that take integers too.
pub fn leaky_relu(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    each_output(node, outputs, LEAKY_RELU)
}

/// `Sum`, `Max`, `Min`: one operation less than there are operands.
pub fn fold_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let operations = u64::try_from(node.inputs.len()).map_err(|_| OpError::Overflow)?.saturating_sub(1);
    arithmetic(node, outputs)?.times(operations)
}

/// `Mean`: a sum and a division.
pub fn mean(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    fold_work(node, outputs)?.plus(division(node, outputs)?)
}

/// `Pow`: one transcendental function, unless a known exponent makes it a product, a root or a reciprocal.
///
/// The shortcuts are those that compilers and runtimes take: x², x³, √x, 1/√x, 1/x.
pub fn pow(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let exponents = node.floats(1).unwrap_or_default();
    let one_exponent = exponents.first().copied().filter(|first| exponents.iter().all(|x| x == first));
    let each = match one_exponent {
        Some(2.0) => Counts::alu(1),
        Some(3.0) => Counts::alu(2),
        Some(0.5 | -0.5 | -1.0) => Counts::div(1),
        _ => Counts::trans(1),
    };
    each_output(node, outputs, each)
}

/// `Clip`: one comparison for each bound that is given.
pub fn clip(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let given = |position, name| {
        if node.version < 11 { node.any(name).is_some() } else { node.has_input(position) }
    };
    let bounds = u64::from(given(1, "min")) + u64::from(given(2, "max"));
    arithmetic(node, outputs)?.times(bounds)
}

/// `Gelu`: `x / 2 · (1 + erf(x / √2))`, or with `approximate` its form with tanh.
pub fn gelu(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = match node.str_or("approximate", "none")? {
        "none" => GELU,
        "tanh" => TANH_GELU,
        other => {
            return Err(OpError::Attribute {
                name: "approximate",
                problem: format!("is \"{other}\", expected \"none\" or \"tanh\""),
            });
        }
    };
    each.times(dims::output_count(outputs, 0)?)
}

/// `Swish`: `x · sigmoid(alpha · x)`.
pub fn swish(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    #[allow(clippy::float_cmp, reason = "only the exact default leaves the product out")]
    let scaled = node.float_or("alpha", 1.0)? != 1.0;
    let products = Counts::alu(1 + u64::from(scaled));
    SIGMOID.plus(products)?.times(dims::output_count(outputs, 0)?)
}

/// `SwiGLU`: `swish(a) · b`.
pub fn swiglu(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    swish(node, outputs)?.plus(arithmetic(node, outputs)?)
}

/// `Dropout`: nothing outside training; in training a random number, a product and a scale an element.
pub fn dropout_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    if !training(node)? {
        return Ok(Counts::ZERO);
    }
    Counts { rng: 1, alu: 2, ..Counts::ZERO }.times(dims::output_count(outputs, 0)?)
}

/// Whether a `Dropout` drops: what opset 12 and later say by an input that is known to be true.
/// Before, the mode is not part of the graph, and this is a tool for inference.
fn training(node: &Node) -> Result<bool, OpError> {
    let known_true = |scalar: &Scalar| scalar.bool() == Some(true);
    Ok(node.version >= 12 && node.elements(2).and_then(|all| all.first()).is_some_and(known_true))
}

/// `1 / (1 + exp(-x))`.
pub const SIGMOID: Counts = Counts { trans: 1, alu: 2, div: 1, ..Counts::ZERO };
/// `x · sigmoid(x)`.
pub const SILU: Counts = Counts { alu: 3, ..SIGMOID };
/// `x < 0 ? alpha · x : x`; so too a threshold or a shrinkage.
pub const LEAKY_RELU: Counts = Counts::alu(2);
/// `x > 0 ? x : alpha · (exp(x) - 1)`; `Selu` counts the same.
pub const ELU: Counts = Counts { trans: 1, alu: 3, ..Counts::ZERO }.by_formula();
/// [`ELU`] of `x / alpha`.
pub const CELU: Counts = Counts { div: 1, ..ELU };
/// `max(0, min(1, alpha · x + beta))`.
pub const HARD_SIGMOID: Counts = Counts::alu(4);
/// `x · hard_sigmoid(x)`.
pub const HARD_SWISH: Counts = Counts::alu(5);
/// `log(exp(x) + 1)`.
pub const SOFTPLUS: Counts = Counts { trans: 2, alu: 1, ..Counts::ZERO };
/// `x / (1 + |x|)`.
pub const SOFTSIGN: Counts = Counts { alu: 2, div: 1, ..Counts::ZERO };
/// `x · tanh(softplus(x))`.
pub const MISH: Counts = Counts { trans: 3, alu: 2, ..Counts::ZERO };
/// `0.5 · x · (1 + erf(x · √½))`.
pub const GELU: Counts = Counts { trans: 1, alu: 4, ..Counts::ZERO };
/// `0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`.
pub const TANH_GELU: Counts = Counts { trans: 1, alu: 8, ..Counts::ZERO };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ints, op};
    use crate::tensor::Dim;
    use ElementType::{Float16, Float32, Int64};
    use Scalar::{AtMost, Float, Int, Unknown};

    #[test]
    fn operands_broadcast_as_numpy_does() {
        assert_eq!(op("Add", 14).f32(&[8, 1, 6, 1]).f32(&[7, 1, 5]).shape(), "8×7×6×5");
        assert_eq!(op("Max", 13).f32(&[3]).f32(&[]).f32(&[2, 1]).shape(), "2×3");
        assert_eq!(op("Mul", 14).dims(Float32, &[Dim::AtMost(9)]).f32(&[4]).shape(), "4");
        assert_eq!(op("Sub", 14).typed(TensorType::unranked(Float32).into()).f32(&[4]).shape(), "unranked");
    }

    #[test]
    fn operands_that_do_not_fit_are_an_error() {
        assert!(matches!(op("Add", 14).f32(&[2]).f32(&[3]).types(), Err(OpError::Mismatch(_))));
        let mixed = op("Add", 14).f32(&[2]).input(Int64, &[2]).types();
        assert_eq!(
            mixed.unwrap_err().to_string(),
            "inputs 0 and 1 have different element types: float32 and int64"
        );
    }

    #[test]
    fn a_slope_adds_no_dimensions() {
        let slope = |version, dims: &[u64]| op("PRelu", version).f32(&[2, 3, 4]).f32(dims);
        assert_eq!(slope(6, &[3]).shape(), "2×3×4");
        assert_eq!(slope(16, &[3, 1]).shape(), "2×3×4");
        assert_eq!(slope(16, &[3, 1]).counts(), Counts::alu(2 * 24));
        for dims in [&[3][..], &[1, 2, 3, 4]] {
            assert!(matches!(slope(16, dims).types(), Err(OpError::Mismatch(_))), "{dims:?}");
        }
    }

    #[test]
    fn before_opset_7_an_axis_says_where_the_second_operand_starts() {
        let bias = op("Add", 6).f32(&[2, 3, 4, 5]).f32(&[3]).attr("broadcast", 1).attr("axis", 1);
        assert_eq!(bias.shape(), "2×3×4×5");
        let too_long = op("Add", 6).f32(&[2, 3]).f32(&[3, 1]).attr("broadcast", 1).attr("axis", 1);
        assert_eq!(too_long.types().unwrap_err(), OpError::Axis { axis: 1, rank: 2 });
        let value =
            op("Mul", 6).value(Int64, &[2, 2], &[1, 2, 3, 4].map(Int)).ints(&[10, 100]).attr("axis", 0);
        assert_eq!(value.elements(), ints(&[10, 20, 300, 400]));
    }

    #[test]
    fn integer_shape_arithmetic_flows() {
        for (operator, version, a, b, expected) in [
            ("Add", 14, 7, -2, 5),
            ("Sub", 14, 7, -2, 9),
            ("Mul", 14, 7, -2, -14),
            ("Div", 14, 7, -2, -3),
            ("Mod", 13, -7, 3, 2),
            ("Min", 13, 7, -2, -2),
            ("Max", 13, 7, -2, 7),
            ("Pow", 15, 7, 2, 49),
        ] {
            assert_eq!(op(operator, version).int(a).int(b).elements(), ints(&[expected]), "{operator}");
        }
        assert_eq!(op("Mod", 13).int(-7).int(3).attr("fmod", 1).elements(), ints(&[-1]));
        assert_eq!(op("Neg", 13).ints(&[3, -4]).elements(), ints(&[-3, 4]));
        assert_eq!(op("Clip", 13).ints(&[-3, 4, 9]).int(0).int(5).elements(), ints(&[0, 4, 5]));
    }

    #[test]
    fn values_broadcast_and_single_elements_may_stay_unknown() {
        let sum = op("Add", 14)
            .value(Int64, &[2, 1], &[Int(10), Int(20)])
            .value(Int64, &[3], &[Int(1), AtMost(2), Unknown])
            .elements();
        assert_eq!(sum, Some(vec![Int(11), AtMost(12), Unknown, Int(21), AtMost(22), Unknown]));
        assert_eq!(op("Add", 14).input(Int64, &[2]).ints(&[1, 2]).elements(), None);
    }

    #[test]
    fn float32_arithmetic_rounds_after_each_operation() {
        // 0.1 + 0.2 in float32.
        let tenth = f64::from(0.1f32);
        let sum = op("Add", 14).floats(&[tenth]).floats(&[f64::from(0.2f32)]).elements();
        assert_eq!(sum, Some(vec![Float(f64::from(0.1f32 + 0.2f32))]));
        assert_eq!(op("Sqrt", 13).floats(&[2.0]).elements(), Some(vec![Float(f64::from(2f32.sqrt()))]));
        assert_eq!(
            op("Round", 11).floats(&[0.5, 1.5, -2.5]).elements(),
            Some([0.0, 2.0, -2.0].map(Float).into())
        );
        assert_eq!(op("Floor", 13).value(Float16, &[], &[Float(-0.5)]).elements(), Some(vec![Float(-1.0)]));
    }

    #[test]
    fn integer_tensors_count_integer_operations() {
        assert_eq!(op("Add", 14).f32(&[2, 3]).f32(&[3]).counts(), Counts::alu(6));
        assert_eq!(op("Add", 14).input(Int64, &[2, 3]).input(Int64, &[3]).counts(), Counts::int(6));
        assert_eq!(op("Div", 14).f32(&[2, 3]).f32(&[3]).counts(), Counts::div(6));
        assert_eq!(op("Mod", 13).input(Int64, &[4]).input(Int64, &[]).counts(), Counts::int(4));
        assert_eq!(op("PRelu", 16).input(Int64, &[4]).input(Int64, &[]).counts(), Counts::int(4));
    }

    #[test]
    fn n_ary_operators_count_one_operation_less_than_operands() {
        assert_eq!(op("Sum", 13).f32(&[4]).f32(&[4]).f32(&[4]).counts(), Counts::alu(8));
        assert_eq!(op("Max", 13).f32(&[4]).counts(), Counts::ZERO);
        assert_eq!(op("Mean", 13).f32(&[4]).f32(&[4]).counts(), Counts { alu: 4, div: 4, ..Counts::ZERO });
    }

    #[test]
    fn a_known_exponent_makes_a_power_cheap() {
        for (exponent, each) in [
            (2.0, Counts::alu(1)),
            (3.0, Counts::alu(2)),
            (0.5, Counts::div(1)),
            (-0.5, Counts::div(1)),
            (-1.0, Counts::div(1)),
            (1.7, Counts::trans(1)),
        ] {
            let counts = op("Pow", 15).f32(&[10]).value(Float32, &[], &[Float(exponent)]).counts();
            assert_eq!(counts, each.times(10).unwrap(), "{exponent}");
        }
        assert_eq!(op("Pow", 15).f32(&[10]).f32(&[1]).counts(), Counts::trans(10));
        assert_eq!(op("Pow", 15).f32(&[2]).floats(&[2.0, 3.0]).counts(), Counts::trans(2));
    }

    #[test]
    fn activations_count_their_definition() {
        for (operator, version, alu, div, trans) in [
            ("Relu", 14, 1, 0, 0),
            ("LeakyRelu", 16, 2, 0, 0),
            ("Sigmoid", 13, 2, 1, 1),
            ("Tanh", 13, 0, 0, 1),
            ("HardSwish", 22, 5, 0, 0),
            ("Softplus", 22, 1, 0, 2),
            ("Gelu", 20, 4, 0, 1),
            ("Swish", 24, 3, 1, 1),
        ] {
            let counts = op(operator, version).f32(&[3, 2]).counts();
            assert_eq!((counts.alu, counts.div, counts.trans), (6 * alu, 6 * div, 6 * trans), "{operator}");
        }
        let tanh = op("Gelu", 20).f32(&[3]).attr("approximate", "tanh").counts();
        assert_eq!((tanh.alu, tanh.trans), (24, 3));
    }

    #[test]
    fn clip_counts_the_bounds_it_has() {
        assert_eq!(op("Clip", 6).f32(&[4]).attr("min", 0f32).attr("max", 6f32).counts(), Counts::alu(8));
        assert_eq!(op("Clip", 13).f32(&[4]).none().f32(&[]).counts(), Counts::alu(4));
        assert_eq!(op("Clip", 6).floats(&[7.0]).attr("max", 6f32).elements(), Some(vec![Float(6.0)]));
    }

    #[test]
    fn dropout_is_free_and_passes_values_outside_training() {
        assert_eq!(op("Dropout", 7).f32(&[4]).counts(), Counts::ZERO);
        assert_eq!(op("Dropout", 13).floats(&[7.0]).outputs(2).elements(), Some(vec![Float(7.0)]));
        let training =
            op("Dropout", 13).floats(&[7.0]).none().value(ElementType::Bool, &[], &[Scalar::Bool(true)]);
        assert_eq!(training.elements(), None);
        assert_eq!(training.counts(), Counts { rng: 1, alu: 2, ..Counts::ZERO });
    }
}
