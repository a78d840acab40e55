//! Linear models and support vector machines.

use super::{classified, labels, post_transform, samples, size, sizes};
use crate::ops::dims::{count, product};
use crate::ops::form::{Form, MatMul, Right};
use crate::ops::{Attribute, Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// `X [N, F]` to the labels `[N]` and their scores `[N, E]`.
///
/// Source: ai.onnx.ml `LinearClassifier`, version 1.
pub fn linear_classifier(node: &Node) -> Result<Vec<Type>, OpError> {
    let (labels, _) = labels(node, "classlabels_ints")?;
    classified(node, "classlabels_ints", Dim::Exact(labels))
}

/// `X [N, F]` to `Y [N, targets]`.
///
/// Source: ai.onnx.ml `LinearRegressor`, version 1.
pub fn linear_regressor(node: &Node) -> Result<Vec<Type>, OpError> {
    let targets = if node.any("targets").is_some() { node.positive("targets")? } else { 1 };
    regressed(node, targets)
}

fn regressed(node: &Node, targets: u64) -> Result<Vec<Type>, OpError> {
    let (samples, _) = samples(node)?;
    Ok(vec![TensorType::new(ElementType::Float32, vec![samples, Dim::Exact(targets)]).into()])
}

/// The last output has the scores: so many, and the samples.
fn scores(outputs: &[Type]) -> Result<u64, OpError> {
    let last = outputs.last().and_then(Type::tensor).and_then(|tensor| tensor.elements().bound());
    last.ok_or(OpError::UnknownSize("the scores"))
}

/// For each sample a multiply-accumulate with each coefficient, for each score an addition of the intercept
/// and the transform.
pub fn linear_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (samples, _) = samples(node)?;
    let macs = product(&[count(&[samples], "the samples")?, size(node, "coefficients").0])?;
    let intercept = Counts::alu(u64::from(node.any("intercepts").is_some()));
    let each = intercept.plus(post_transform(node)?)?;
    Counts::macs(macs, node.element(0)?, ElementType::Float32).plus(each.times(scores(outputs)?)?)
}

/// Samples by coefficients.
pub fn linear_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    let (samples, features) = samples(node)?;
    let k = count(&[features], "the features")?;
    let n = size(node, "coefficients").0.checked_div(k).unwrap_or(0);
    let m = count(&[samples], "the samples")?;
    Ok(Form::MatMul(MatMul { batch: 1, m, n, k, right: Right::Constant }))
}

/// Coefficients and intercepts.
pub fn linear_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["coefficients", "intercepts"])
}

/// `X [N, F]` to the labels `[N]` and their scores `[N, E]`; without probabilities, a machine of support
/// vectors gives a score for each pair of classes, or one for each class.
///
/// Source: ai.onnx.ml `SVMClassifier`, version 1.
pub fn svm_classifier(node: &Node) -> Result<Vec<Type>, OpError> {
    let (labels, _) = labels(node, "classlabels_ints")?;
    let per_class = node.any("prob_a").is_some() || size(node, "support_vectors").0 == 0;
    let scores = if per_class {
        Dim::Exact(labels)
    } else {
        let pairs = labels.checked_mul(labels.saturating_sub(1)).map(|n| n / 2);
        pairs.map_or(Dim::Unknown, |pairs| Dim::AtMost(pairs.max(labels)))
    };
    classified(node, "classlabels_ints", scores)
}

/// `X [N, F]` to `Y [N, 1]`.
///
/// Source: ai.onnx.ml `SVMRegressor`, version 1.
pub fn svm_regressor(node: &Node) -> Result<Vec<Type>, OpError> {
    regressed(node, 1)
}

/// For each sample a multiply-accumulate with each element of each support vector, the kernel function of
/// each vector, a multiply-accumulate with each coefficient, and the transform of each score.
pub fn svm_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (samples, features) = samples(node)?;
    let elements = size(node, "support_vectors").0;
    let vectors = elements.checked_div(count(&[features], "the features")?).unwrap_or(0);
    let kernel = match node.any("kernel_type") {
        Some(Attribute::Str(name)) if &**name != "LINEAR" => Counts::trans(1),
        _ => Counts::ZERO,
    };
    let terms = elements.checked_add(size(node, "coefficients").0).ok_or(OpError::Overflow)?;
    let samples = count(&[samples], "the samples")?;
    Counts::macs(terms, node.element(0)?, ElementType::Float32)
        .plus(kernel.times(vectors)?)?
        .times(samples)?
        .plus(post_transform(node)?.times(scores(outputs)?)?)
        .map(Counts::by_formula)
}

/// Support vectors, coefficients, offsets, and the two sets of probability coefficients.
pub fn svm_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["support_vectors", "coefficients", "rho", "prob_a", "prob_b"])
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::op_of;
    use crate::ops::{Attribute, Weights};
    use crate::tensor::ElementType::Float32;

    #[test]
    fn a_linear_model_multiplies_each_coefficient_once_a_sample() {
        let case = op_of("ai.onnx.ml", "LinearClassifier", 1)
            .f32(&[8, 4])
            .attr("coefficients", Attribute::Floats(&[0.0; 12]))
            .attr("intercepts", Attribute::Floats(&[0.0; 3]))
            .attr("classlabels_ints", &[0, 1, 2])
            .attr("post_transform", "LOGISTIC");
        assert_eq!(case.shapes(), ["8", "8×3"]);
        let counts = case.counts();
        assert_eq!((counts.macs, counts.factors), (8 * 12, Some((Float32, Float32))));
        assert_eq!((counts.alu, counts.trans), (24 * 3, 24));
        let parameters = case.run(|node, rules| match rules.weights {
            Weights::Attributes(rule) => rule(node),
            _ => panic!("the parameters are no attributes"),
        });
        assert_eq!(parameters, (15, 60));

        let regressor = op_of("ai.onnx.ml", "LinearRegressor", 1).f32(&[4]).attr("targets", 3);
        assert_eq!(regressor.shape(), "1×3");
    }

    #[test]
    fn a_support_vector_machine_meets_each_vector() {
        let machine = || {
            op_of("ai.onnx.ml", "SVMClassifier", 1)
                .f32(&[8, 4])
                .attr("support_vectors", Attribute::Floats(&[0.0; 20]))
                .attr("coefficients", Attribute::Floats(&[0.0; 10]))
                .attr("kernel_type", "RBF")
                .attr("classlabels_ints", &[0, 1, 2])
        };
        // Five vectors of four; two coefficients each.
        assert_eq!((machine().counts().macs, machine().counts().trans), (8 * 30, 8 * 5));
        assert_eq!(machine().shapes(), ["8", "8×≤3"]);
        let sure = machine().attr("prob_a", Attribute::Floats(&[0.0; 3]));
        assert_eq!(sure.shapes(), ["8", "8×3"]);
    }
}
