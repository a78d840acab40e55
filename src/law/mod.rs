//! Laws: what a model costs as an exact polynomial of its open dimensions.
//!
//! A model is counted at a few bindings, integers all, and the one polynomial through them is found in exact arithmetic:
//! see [`Polynomial`]. It is a law only if it also gives the counts at bindings that were held back. Where strides or
//! roundings break it, it may still hold in steps (every 32nd side of an image); where nothing does, the operators that
//! break it are named, and the counts at each binding stand instead.

mod polynomial;

use std::collections::{BTreeMap, BTreeSet};

pub use polynomial::{Nodes, Polynomial, combinations, grid, interpolate};

use crate::cost::{By, Group, ModelCost, roll_up};
use crate::graph::TypedGraph;

/// The highest power of one dimension: that of attention between the patches of an image, in its side.
const DEGREE: usize = 4;

/// Steps in which a law may hold, the finest first: strides of real networks are powers of two.
const STEPS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];

/// A dimension's smallest size, in steps: sizes of 1 are broadcast, and may cost less than the law.
const FIRST: u64 = 2;

/// Sizes at which a law is verified, in steps.
const HELD_BACK: [u64; 3] = [9, 13, 18];

/// Sizes of real use, at which a law is verified too, the first that the model takes.
const FAR: [u64; 3] = [384, 192, 96];

/// The most dimensions of one law: each multiplies the bindings that it takes by 5.
pub const MAX_DIMENSIONS: usize = 3;

/// What a law is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Multiply-accumulates.
    Macs,
    /// `2·macs + alu + div + trans`.
    Flops,
    /// Bytes read and written, weights included.
    Bytes,
    /// The most bytes of activations at once.
    PeakBytes,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Macs, Self::Flops, Self::Bytes, Self::PeakBytes];

    /// Its name for programs.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Macs => "macs",
            Self::Flops => "flops",
            Self::Bytes => "bytes",
            Self::PeakBytes => "peak_bytes",
        }
    }

    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Macs => "MACs",
            Self::Flops => "FLOPs",
            Self::Bytes => "bytes",
            Self::PeakBytes => "peak bytes",
        }
    }
}

/// The counts of a model at one binding.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// In the order of [`Figure::ALL`]; `None` where it has no bound.
    pub figures: [Option<u64>; 4],
    /// FLOPs by operator.
    pub by_operator: BTreeMap<String, u64>,
    /// Whether every node that runs is counted: else the figures are lower bounds.
    pub complete: bool,
}

impl Sample {
    /// What a model costs, as it was counted.
    #[must_use]
    pub fn of(graph: &TypedGraph, cost: &ModelCost) -> Self {
        let totals = &cost.totals;
        let bytes = [totals.bytes_read, totals.bytes_weights, totals.bytes_written];
        let bytes = bytes.iter().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
        let groups = roll_up(graph, cost, By::Op).unwrap_or_default();
        let flops = |group: Group| (group.key, group.cost.counts.flops().unwrap_or(u64::MAX));
        Self {
            figures: [
                Some(totals.counts.macs),
                Some(totals.flops),
                Some(bytes),
                totals.peak_activation_bytes,
            ],
            by_operator: groups.into_iter().map(flops).collect(),
            complete: totals.complete,
        }
    }

    /// One of the figures.
    #[must_use]
    pub fn figure(&self, figure: Figure) -> Option<u64> {
        let at = Figure::ALL.iter().position(|other| *other == figure)?;
        self.figures.get(at).copied().flatten()
    }
}

/// The law of one figure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Law {
    /// It is this polynomial, at every binding that was tried.
    Exact(Polynomial),
    /// It is none, with the reason.
    Piecewise(String),
}

/// The laws of a model, and what they were found from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Laws {
    /// For each dimension, in which steps of its size the laws hold.
    pub steps: Vec<u64>,
    /// One a figure, in the order of [`Figure::ALL`].
    pub laws: Vec<Law>,
    /// Sizes of the dimensions, and the counts there: first those that the laws go through.
    pub samples: Vec<(Vec<u64>, Sample)>,
    /// How many of `samples`, at the end, were held back to verify the laws.
    pub held_back: usize,
}

impl Laws {
    /// Whether every node is counted at every size: else the laws are lower bounds.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.samples.iter().all(|(_, sample)| sample.complete)
    }
}

/// Finds the laws of a model in some dimensions, at most [`MAX_DIMENSIONS`]. `count` counts it at their sizes.
///
/// # Errors
/// What `count` says at a binding that it refuses whatever the step.
pub fn find<E>(dimensions: usize, mut count: impl FnMut(&[u64]) -> Result<Sample, E>) -> Result<Laws, E> {
    let mut counted: BTreeMap<Vec<u64>, Sample> = BTreeMap::new();
    let mut count = |sizes: &[u64]| {
        if let Some(sample) = counted.get(sizes) {
            return Ok(sample.clone());
        }
        let sample = count(sizes)?;
        counted.insert(sizes.to_vec(), sample.clone());
        Ok(sample)
    };
    let mut steps = vec![1; dimensions];
    for dimension in 0..dimensions {
        let (mut tried, mut refused) = (None, None);
        for step in STEPS {
            let mut trial = steps.clone();
            set(&mut trial, dimension, step);
            match alone(dimension, &trial, &mut count) {
                Ok(true) => {
                    tried = Some(step);
                    break;
                }
                Ok(false) => {}
                Err(error) => refused = Some(error),
            }
        }
        match (tried, refused) {
            (Some(step), _) => set(&mut steps, dimension, step),
            (None, Some(error)) => return Err(error),
            // Nothing fits: the figures that break are told from steps of 1.
            (None, None) => {}
        }
    }
    let nodes: Vec<Nodes> = steps.iter().map(|step| Nodes::new(FIRST, *step, DEGREE)).collect();
    let mut samples = vec![];
    for sizes in grid(&nodes) {
        let sample = count(&sizes)?;
        samples.push((sizes, sample));
    }
    let fitted = samples.len();
    for turn in 0..HELD_BACK.len() {
        let size = |(at, step): (usize, &u64)| {
            let steps = HELD_BACK.iter().cycle().nth(turn.saturating_add(at)).copied().unwrap_or(FIRST);
            step.saturating_mul(steps)
        };
        let sizes: Vec<u64> = steps.iter().enumerate().map(size).collect();
        let sample = count(&sizes)?;
        samples.push((sizes, sample));
    }
    // A law of small sizes may break at real ones, where another tensor is the largest. A model that refuses a size
    // (its positions end) is held against the next smaller one.
    for dimension in 0..dimensions {
        for far in FAR {
            let size = |(at, step): (usize, &u64)| match at == dimension {
                true => far.div_ceil(*step).saturating_mul(*step),
                false => step.saturating_mul(FIRST),
            };
            let sizes: Vec<u64> = steps.iter().enumerate().map(size).collect();
            if let Ok(sample) = count(&sizes) {
                samples.push((sizes, sample));
                break;
            }
        }
    }
    let held_back = samples.len().saturating_sub(fitted);
    let law = |figure: Figure| match through(&nodes, &samples, |sample| sample.figure(figure)) {
        Some(polynomial) => Law::Exact(polynomial),
        None => Law::Piecewise(reason(&nodes, &samples, figure)),
    };
    let laws = Figure::ALL.into_iter().map(law).collect();
    Ok(Laws { steps, laws, samples, held_back })
}

fn set(list: &mut [u64], at: usize, value: u64) {
    if let Some(entry) = list.get_mut(at) {
        *entry = value;
    }
}

/// Whether the MACs and FLOPs follow a polynomial of one dimension, the others at their smallest sizes.
fn alone<E>(
    dimension: usize,
    steps: &[u64],
    count: &mut impl FnMut(&[u64]) -> Result<Sample, E>,
) -> Result<bool, E> {
    let step = steps.get(dimension).copied().unwrap_or(1);
    let nodes = [Nodes::new(FIRST, step, DEGREE)];
    let held_back = HELD_BACK.iter().map(|size| step.saturating_mul(*size));
    let mut samples = vec![];
    for size in grid(&nodes).into_iter().flatten().chain(held_back) {
        let mut sizes: Vec<u64> = steps.iter().map(|step| step.saturating_mul(FIRST)).collect();
        set(&mut sizes, dimension, size);
        samples.push((vec![size], count(&sizes)?));
    }
    let follows = |figure: Figure| through(&nodes, &samples, |sample| sample.figure(figure)).is_some();
    Ok(follows(Figure::Macs) && follows(Figure::Flops))
}

/// The polynomial through the first samples, if it gives all others as well.
fn through(
    nodes: &[Nodes],
    samples: &[(Vec<u64>, Sample)],
    figure: impl Fn(&Sample) -> Option<u64>,
) -> Option<Polynomial> {
    let values: Option<Vec<u64>> = samples.iter().map(|(_, sample)| figure(sample)).collect();
    let values = values?;
    let law = interpolate(nodes, &values)?;
    let holds = |((sizes, _), value): (&(Vec<u64>, Sample), &u64)| law.at(sizes) == Some(i128::from(*value));
    samples.iter().zip(&values).all(holds).then_some(law)
}

/// Why a figure follows no polynomial.
fn reason(nodes: &[Nodes], samples: &[(Vec<u64>, Sample)], figure: Figure) -> String {
    if samples.iter().any(|(_, sample)| sample.figure(figure).is_none()) {
        return "a size depends on data, without a bound".to_owned();
    }
    if figure == Figure::PeakBytes {
        return "it is the largest of several, and which one is largest changes".to_owned();
    }
    let operators: BTreeSet<&String> =
        samples.iter().flat_map(|(_, sample)| sample.by_operator.keys()).collect();
    let bent: Vec<&str> = operators
        .into_iter()
        .filter(|operator| {
            let of = |sample: &Sample| Some(sample.by_operator.get(*operator).copied().unwrap_or(0));
            through(nodes, samples, of).is_none()
        })
        .map(String::as_str)
        .collect();
    if bent.is_empty() {
        "what it moves is rounded, or a table is read in part".to_owned()
    } else {
        format!("strides, roundings or branches change the sizes of {}", bent.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(macs: u64) -> Sample {
        let by_operator = BTreeMap::from([("Conv".to_owned(), 2 * macs)]);
        Sample { figures: [Some(macs), Some(2 * macs), Some(7), None], by_operator, complete: true }
    }

    fn shown(law: &Law, names: &[&str]) -> String {
        match law {
            Law::Exact(polynomial) => polynomial.shown(names),
            Law::Piecewise(reason) => reason.clone(),
        }
    }

    #[test]
    fn a_polynomial_of_two_dimensions_is_found_exactly() {
        let count = |sizes: &[u64]| {
            let (b, s) = (sizes[0], sizes[1]);
            Ok::<_, ()>(sample(b * (1_536 * s * s + 7 * s) + 5))
        };
        let found = find(2, count).unwrap();
        assert_eq!(found.steps, [1, 1]);
        assert_eq!(shown(&found.laws[0], &["b", "s"]), "1536·b·s² + 7·b·s + 5");
        assert_eq!(shown(&found.laws[1], &["b", "s"]), "3072·b·s² + 14·b·s + 10");
        assert_eq!(shown(&found.laws[2], &["b", "s"]), "7");
        assert_eq!(shown(&found.laws[3], &["b", "s"]), "a size depends on data, without a bound");
    }

    #[test]
    fn a_stride_of_eight_gives_a_law_in_steps_of_eight() {
        let count = |sizes: &[u64]| Ok::<_, ()>(sample(64 * sizes[0].div_ceil(8).pow(2)));
        let found = find(1, count).unwrap();
        assert_eq!((found.steps[0], shown(&found.laws[0], &["side"])), (8, "side²".to_owned()));
    }

    #[test]
    fn halves_are_told_as_fractions() {
        let count = |sizes: &[u64]| Ok::<_, ()>(sample(sizes[0] * (sizes[0] + 1) / 2));
        assert_eq!(shown(&find(1, count).unwrap().laws[0], &["n"]), "1/2·n² + 1/2·n");
    }

    #[test]
    fn what_follows_no_polynomial_names_the_operators() {
        let count = |sizes: &[u64]| Ok::<_, ()>(sample(1 << (sizes[0] % 5)));
        let found = find(1, count).unwrap();
        assert_eq!(shown(&found.laws[0], &["n"]), "strides, roundings or branches change the sizes of Conv");
        assert_eq!(find(1, |_| Err::<Sample, _>("refused")), Err("refused"));
    }
}
