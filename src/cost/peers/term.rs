//! What the formulas of other tools are made of.

use crate::ops::{Counts, Form, Node};
use crate::tensor::{TensorType, Type};

/// So many times a quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Term {
    /// How many.
    pub times: u64,
    /// Of what.
    pub quantity: Quantity,
}

/// A number that a tool takes from a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    /// Our multiply-accumulates.
    Macs,
    /// Elements of the first output.
    Outputs,
    /// Elements of the first input.
    Inputs,
    /// Elements of the first output for each operand after the first, and at least once.
    Folds,
    /// Elements of the first output, where there is an input at this position.
    Biased(usize),
    /// Elements of the first output, where the node lists so many inputs.
    Listed(usize),
    /// Elements of the first output times the row that a product sums over, which a vector does not have.
    RowSums,
    /// Elements of the first output times those of a filter of the weights (input 1).
    FilterAnOutput,
    /// Elements of the first output times the kernel, of which three axes count as one.
    Windows,
    /// Elements of the first output times the attribute `size`.
    Sized,
    /// Elements of the first input without its axis `axis`.
    Groups,
    /// Elements of the first output, where it is resized or sampled so.
    Mode(&'static [&'static str]),
    /// All combinations of the indices of an Einsum of two operands.
    Indices,
    /// Steps, sequences and units of a recurrent layer, of one direction.
    Units,
    /// Steps, sequences and units of a recurrent layer, of all directions.
    AllUnits,
    /// Steps and sequences of a recurrent layer for each element of its bias (input 3).
    RecurrentBias,
    /// Scores of an attention.
    Scores,
}

/// A node, as a tool looks at it.
pub(super) struct Work<'a> {
    pub(super) node: &'a Node<'a>,
    pub(super) outputs: &'a [Type],
    /// Of one turn.
    pub(super) counts: &'a Counts,
    pub(super) form: &'a Form,
    /// Elements that a scalar is taken to have.
    pub(super) scalar: u64,
}

/// `times` of a quantity.
pub(super) const fn term(times: u64, quantity: Quantity) -> Term {
    Term { times, quantity }
}

impl Term {
    /// How many that is; `None` where a size is not known.
    pub(super) fn of(self, work: &Work) -> Option<u64> {
        self.quantity.of(work)?.checked_mul(self.times)
    }

    /// A sum of terms: `7·I + 29·G`.
    #[must_use]
    pub fn sum(terms: &[Self]) -> String {
        let one = |term: &Self| match term.times {
            1 => term.quantity.shown(),
            times => format!("{times}·{}", term.quantity.shown()),
        };
        let terms: Vec<String> = terms.iter().map(one).collect();
        if terms.is_empty() { "nothing".to_owned() } else { terms.join(" + ") }
    }
}

impl Quantity {
    /// As in a formula: E stands for the elements of the first output, I for those of the first input.
    #[must_use]
    pub fn shown(self) -> String {
        match self {
            Self::Macs => "MACs".to_owned(),
            Self::Outputs => "E".to_owned(),
            Self::Inputs => "I".to_owned(),
            Self::Folds => "E·(inputs − 1)".to_owned(),
            Self::Biased(_) => "E with a bias".to_owned(),
            Self::Listed(inputs) => format!("E with {inputs} inputs"),
            Self::RowSums => "E·K".to_owned(),
            Self::FilterAnOutput => "E·(weights / their first axis)".to_owned(),
            Self::Windows => "E·k".to_owned(),
            Self::Sized => "E·size".to_owned(),
            Self::Groups => "I without the axis".to_owned(),
            Self::Mode(modes) => format!("E when {}", modes.join(" or ")),
            Self::Indices => "all combinations of the indices".to_owned(),
            Self::Units => "T·B·H".to_owned(),
            Self::AllUnits => "directions·T·B·H".to_owned(),
            Self::RecurrentBias => "T·B·biases".to_owned(),
            Self::Scores => "scores".to_owned(),
        }
    }

    fn of(self, work: &Work) -> Option<u64> {
        let outputs = || work.elements(work.outputs.first()?.tensor()?);
        let only = |condition: bool| if condition { outputs() } else { Some(0) };
        let dim = |input: usize, axis: usize| work.input(input)?.shape.as_deref()?.get(axis)?.bound();
        match self {
            Self::Macs => Some(work.counts.macs),
            Self::Outputs => outputs(),
            Self::Inputs => work.elements(work.input(0)?),
            Self::Folds => outputs()?.checked_mul(work.node.inputs.len().saturating_sub(1).max(1) as u64),
            Self::Biased(input) => only(work.node.has_input(input)),
            Self::Listed(inputs) => only(work.node.inputs.len() == inputs),
            Self::RowSums => outputs()?.checked_mul(work.row()?),
            Self::FilterAnOutput => {
                let weights = work.input(1)?.shape.as_deref()?;
                weights.iter().skip(1).try_fold(outputs()?, |all, dim| all.checked_mul(dim.bound()?))
            }
            Self::Windows => {
                let kernel = work.node.int_list("kernel_shape").ok()?.unwrap_or_default();
                let axes = if kernel.len() == 2 { 2 } else { 1 };
                let mut axes = kernel.iter().take(axes);
                axes.try_fold(outputs()?, |all, size| all.checked_mul(u64::try_from(*size).ok()?))
            }
            Self::Sized => {
                let size = work.node.int("size").ok()??;
                outputs()?.checked_mul(u64::try_from(size).ok()?)
            }
            Self::Groups => {
                let shape = work.input(0)?.shape.as_deref()?;
                let axis = work.node.int_or("axis", -1).ok()?;
                let axis = if axis < 0 { axis.checked_add(i64::try_from(shape.len()).ok()?)? } else { axis };
                let kept = shape.iter().enumerate().filter(|(at, _)| i64::try_from(*at) != Ok(axis));
                kept.map(|(_, dim)| dim.bound()).try_fold(1u64, |all, dim| all.checked_mul(dim?))
            }
            Self::Mode(modes) => {
                let mode = work.node.str_or("mode", "nearest").ok()?;
                only(modes.contains(&mode))
            }
            Self::Indices => work.indices(),
            Self::Units => {
                let hidden = dim(2, 2)?;
                dim(0, 0)?.checked_mul(dim(0, 1)?)?.checked_mul(hidden)
            }
            Self::AllUnits => dim(2, 0)?.checked_mul(Self::Units.of(work)?),
            Self::RecurrentBias => match work.input(3) {
                Some(bias) => dim(0, 0)?.checked_mul(dim(0, 1)?)?.checked_mul(bias.elements().bound()?),
                None => Some(0),
            },
            Self::Scores => match work.form {
                Form::Attention(sizes) => {
                    let scores = [sizes.batch, sizes.heads, sizes.q_len, sizes.kv_len];
                    scores.iter().try_fold(1u64, |all, size| all.checked_mul(*size))
                }
                _ => Some(0),
            },
        }
    }
}

impl<'a> Work<'a> {
    fn input(&self, index: usize) -> Option<&'a TensorType> {
        self.node.input(index)?.ty.tensor()
    }

    fn elements(&self, tensor: &TensorType) -> Option<u64> {
        if tensor.shape.as_deref().is_some_and(<[_]>::is_empty) {
            return Some(self.scalar);
        }
        tensor.elements().bound()
    }

    /// What a product sums over: the second last axis of its right factor, the last where it is transposed.
    fn row(&self) -> Option<u64> {
        let right = self.input(1)?.shape.as_deref()?;
        let transposed = self.node.int_or("transB", 0).ok()? > 0;
        match right.len() {
            0 | 1 => Some(1),
            rank => right.get(rank.checked_sub(if transposed { 1 } else { 2 })?)?.bound(),
        }
    }

    fn indices(&self) -> Option<u64> {
        let equation = self.node.str_or("equation", "").ok()?;
        let letters = |operand: &str| operand.chars().filter(|c| *c != ' ').collect::<Vec<_>>();
        let operands: Vec<Vec<char>> = equation.split("->").next()?.split(',').map(letters).collect();
        let mut seen: Vec<char> = vec![];
        let mut all = 1u64;
        for (input, letters) in operands.iter().take(2).enumerate() {
            for (letter, dim) in letters.iter().zip(self.input(input)?.shape.as_deref()?) {
                if !seen.contains(letter) {
                    seen.push(*letter);
                    all = all.checked_mul(dim.bound()?)?;
                }
            }
        }
        Some(all)
    }
}
