//! Ensembles of decision trees.

use std::collections::HashMap;

use super::{classified, labels, post_transform, samples, size, sizes};
use crate::ops::dims::count;
use crate::ops::{Attribute, Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// What walking every tree of an ensemble takes for one sample, at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Walk {
    trees: u64,
    /// The sum of the trees' depths: a comparison at each node of the longest paths.
    comparisons: u64,
}

/// Walks from each root over the two children of each node, `None` for a leaf. A node that was met before
/// is not entered again, so that a cycle ends.
fn walk(
    nodes: usize,
    roots: impl Iterator<Item = usize>,
    children: impl Fn(usize) -> [Option<usize>; 2],
) -> Walk {
    let mut met = vec![false; nodes];
    let mut walk = Walk::default();
    for root in roots {
        let mut deepest = 0;
        let mut open = vec![(root, 1u64)];
        while let Some((node, depth)) = open.pop() {
            match met.get_mut(node) {
                Some(met) if !*met => *met = true,
                _ => continue,
            }
            deepest = deepest.max(depth);
            open.extend(children(node).into_iter().flatten().map(|child| (child, depth + 1)));
        }
        walk.trees += 1;
        walk.comparisons += deepest;
    }
    walk
}

fn list<'a>(node: &Node<'a>, name: &'static str) -> Result<&'a [i64], OpError> {
    node.int_list(name)?.ok_or(OpError::MissingAttribute(name))
}

/// The trees of `TreeEnsemble`: roots and children are positions of interior nodes.
fn interior_walk(node: &Node) -> Result<Walk, OpError> {
    let (roots, trues, falses) =
        (list(node, "tree_roots")?, list(node, "nodes_truenodeids")?, list(node, "nodes_falsenodeids")?);
    let (true_leaves, false_leaves) = (list(node, "nodes_trueleafs")?, list(node, "nodes_falseleafs")?);
    let child = |ids: &[i64], leaves: &[i64], at: usize| match leaves.get(at) {
        Some(0) => ids.get(at).and_then(|id| usize::try_from(*id).ok()),
        _ => None,
    };
    let roots = roots.iter().filter_map(|root| usize::try_from(*root).ok());
    Ok(walk(trues.len(), roots, |at| [child(trues, true_leaves, at), child(falses, false_leaves, at)]))
}

/// The trees of the older operators: nodes are named by tree and number, leaves among them, and the first
/// node of a tree is its root.
fn numbered_walk(node: &Node) -> Result<Walk, OpError> {
    let (trees, ids) = (list(node, "nodes_treeids")?, list(node, "nodes_nodeids")?);
    let (trues, falses) = (list(node, "nodes_truenodeids")?, list(node, "nodes_falsenodeids")?);
    let modes: &[_] = match node.any("nodes_modes") {
        Some(Attribute::Strings(modes)) => modes,
        _ => return Err(OpError::MissingAttribute("nodes_modes")),
    };
    let mut positions = HashMap::new();
    let mut roots = Vec::new();
    for (at, (tree, id)) in trees.iter().zip(ids).enumerate() {
        positions.entry((*tree, *id)).or_insert(at);
        if at.checked_sub(1).and_then(|before| trees.get(before)) != Some(tree) {
            roots.push(at);
        }
    }
    let branches = |at: usize| modes.get(at).is_some_and(|mode| mode != "LEAF");
    let child = |ids: &[i64], at: usize| {
        let key = (*trees.get(at)?, *ids.get(at)?);
        positions.get(&key).copied().filter(|child| branches(*child))
    };
    let roots = roots.into_iter();
    Ok(walk(
        trees.len(),
        roots,
        |at| if branches(at) { [child(trues, at), child(falses, at)] } else { [None; 2] },
    ))
}

/// `X [N, F]` to `Y [N, targets]` of its type.
///
/// Source: ai.onnx.ml `TreeEnsemble`, version 5.
pub fn ensemble(node: &Node) -> Result<Vec<Type>, OpError> {
    let (samples, _) = samples(node)?;
    Ok(vec![TensorType::new(node.element(0)?, vec![samples, Dim::Exact(targets(node)?)]).into()])
}

/// `X [N, F]` to `Y [N, targets]` in float32.
///
/// Source: ai.onnx.ml `TreeEnsembleRegressor`, version 3.
pub fn regressor(node: &Node) -> Result<Vec<Type>, OpError> {
    let (samples, _) = samples(node)?;
    Ok(vec![TensorType::new(ElementType::Float32, vec![samples, Dim::Exact(targets(node)?)]).into()])
}

fn targets(node: &Node) -> Result<u64, OpError> {
    if node.any("n_targets").is_some() { node.positive("n_targets") } else { Ok(1) }
}

/// `X [N, F]` to the labels `[N]` and their scores `[N, E]`.
///
/// Source: ai.onnx.ml `TreeEnsembleClassifier`, version 3.
pub fn classifier(node: &Node) -> Result<Vec<Type>, OpError> {
    let (labels, _) = labels(node, "classlabels_int64s")?;
    classified(node, "classlabels_int64s", Dim::Exact(labels))
}

/// For each sample at most a comparison at each level of each tree, the sum of so many votes of each tree,
/// and the transform of each score.
fn work(node: &Node, walk: Walk, votes: u64, scores: u64) -> Result<Counts, OpError> {
    let (samples, _) = samples(node)?;
    let sums = walk.trees.checked_mul(votes).ok_or(OpError::Overflow)?;
    Counts::int(walk.comparisons)
        .plus(Counts::alu(sums))?
        .plus(post_transform(node)?.times(scores)?)?
        .times(count(&[samples], "the samples")?)
        .map(Counts::at_most)
}

/// A leaf of `TreeEnsemble` votes for one target.
pub fn ensemble_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    work(node, interior_walk(node)?, 1, targets(node)?)
}

/// A leaf votes for each target at most.
pub fn regressor_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let targets = targets(node)?;
    work(node, numbered_walk(node)?, targets, targets)
}

/// A leaf votes for each class at most.
pub fn classifier_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (labels, _) = labels(node, "classlabels_int64s")?;
    work(node, numbered_walk(node)?, labels, labels)
}

/// Thresholds, members of sets, and leaf weights.
pub fn ensemble_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["nodes_splits", "membership_values", "leaf_weights"])
}

/// Thresholds (leaves have none, though their entry in the list is there), votes, and base values.
pub fn numbered_parameters(node: &Node) -> (u64, u64) {
    let leaves = match node.any("nodes_modes") {
        Some(Attribute::Strings(modes)) => modes.iter().filter(|mode| *mode == "LEAF").count(),
        _ => 0,
    };
    let leaves = u64::try_from(leaves).unwrap_or(0);
    let (elements, bytes) = sizes(
        node,
        &[
            "nodes_values",
            "nodes_values_as_tensor",
            "target_weights",
            "target_weights_as_tensor",
            "class_weights",
            "class_weights_as_tensor",
            "base_values",
            "base_values_as_tensor",
        ],
    );
    let width = if size(node, "nodes_values").0 > 0 { 4 } else { 8 };
    (elements.saturating_sub(leaves), bytes.saturating_sub(leaves.saturating_mul(width)))
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Case, op_of};
    use crate::ops::{Attribute, Confidence, Weights};
    use crate::tensor::ElementType::{Float32, Float64, String};
    use crate::tensor::TensorType;

    /// Two trees: one of three levels (0 to 1 to 2), one of a single comparison (3); six leaves.
    fn ensemble() -> Case {
        op_of("ai.onnx.ml", "TreeEnsemble", 5)
            .input(Float64, &[16, 5])
            .attr("tree_roots", &[0, 3])
            .attr("nodes_truenodeids", &[1, 2, 0, 4])
            .attr("nodes_falsenodeids", &[1, 2, 3, 5])
            .attr("nodes_trueleafs", &[0, 0, 1, 1])
            .attr("nodes_falseleafs", &[1, 1, 1, 1])
            .attr("nodes_splits", Attribute::Tensor(TensorType::exact(Float64, &[4]), None))
            .attr("leaf_weights", Attribute::Tensor(TensorType::exact(Float64, &[6]), None))
            .attr("n_targets", 2)
    }

    fn parameters(case: &Case) -> (u64, u64) {
        case.run(|node, rules| match rules.weights {
            Weights::Attributes(rule) => rule(node),
            _ => panic!("the parameters are no attributes"),
        })
    }

    #[test]
    fn a_sample_walks_each_tree_to_its_depth_at_most() {
        assert_eq!(ensemble().shape(), "16×2");
        assert_eq!(ensemble().ty().tensor().unwrap().element, Float64);
        let counts = ensemble().counts();
        assert_eq!((counts.int, counts.alu), (16 * (3 + 1), 16 * 2));
        assert_eq!(counts.confidence, Confidence::Bound);
        assert_eq!(parameters(&ensemble()), (10, 80));
    }

    #[test]
    fn a_cycle_of_nodes_ends() {
        let case = op_of("ai.onnx.ml", "TreeEnsemble", 5)
            .f32(&[1, 5])
            .attr("tree_roots", &[0])
            .attr("nodes_truenodeids", &[1, 0])
            .attr("nodes_falsenodeids", &[1, -9])
            .attr("nodes_trueleafs", &[0, 0])
            .attr("nodes_falseleafs", &[0, 0]);
        assert_eq!(case.counts().int, 2);
    }

    /// One tree: a root and two leaves, each with a vote for one of three classes.
    fn classifier() -> Case {
        let strings =
            |texts: &[&'static str]| Attribute::Strings(texts.iter().map(|text| (*text).into()).collect());
        op_of("ai.onnx.ml", "TreeEnsembleClassifier", 3)
            .f32(&[16, 5])
            .attr("nodes_treeids", &[0, 0, 0])
            .attr("nodes_nodeids", &[0, 1, 2])
            .attr("nodes_truenodeids", &[1, 0, 0])
            .attr("nodes_falsenodeids", &[2, 0, 0])
            .attr("nodes_modes", strings(&["BRANCH_LEQ", "LEAF", "LEAF"]))
            .attr("nodes_values", Attribute::Floats(&[0.5, 0.0, 0.0]))
            .attr("class_weights", Attribute::Floats(&[1.0, 1.0]))
            .attr("classlabels_strings", strings(&["a", "b", "c"]))
            .attr("post_transform", "SOFTMAX")
    }

    #[test]
    fn a_classifier_gives_labels_and_scores() {
        assert_eq!(classifier().shapes(), ["16", "16×3"]);
        let types = classifier().types().unwrap();
        assert_eq!(types[0].tensor().unwrap().element, String);
        assert_eq!(types[1].tensor().unwrap().element, Float32);
        let counts = classifier().counts();
        assert_eq!((counts.int, counts.alu, counts.trans), (16, 16 * (3 + 3 * 3), 16 * 3));
        // One threshold and two votes.
        assert_eq!(parameters(&classifier()), (3, 12));
    }
}
