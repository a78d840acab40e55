//! Einstein summation: the equation, the shape it makes, and the cheapest order of pairwise products.

use super::broadcast::broadcast;
use super::form::{self, Form, MatMul, Right, Rows};
use super::{Counts, Node, OpError, Type, dims};
use crate::tensor::{Dim, TensorType};

/// With more operands than this, products are taken from left to right, as ONNX Runtime takes them; the
/// search through all orders grows as `3^n`.
const MOST_SEARCHED: usize = 8;

/// A set of indices, one bit each: 52 letters, then the dimensions under an ellipsis.
type Indices = u128;
/// Bit of the first dimension under an ellipsis.
const ELLIPSIS: usize = 52;
/// Bits of a set.
const MOST_INDICES: usize = 128;

fn bit(index: usize) -> Indices {
    u32::try_from(index).ok().and_then(|index| 1u128.checked_shl(index)).unwrap_or(0)
}

/// An equation with its operands' dimensions.
struct Equation {
    /// Of each index: the size that its dimensions broadcast to.
    sizes: [Option<Dim>; MOST_INDICES],
    /// Of each operand: the indices it varies along.
    operands: Vec<Indices>,
    output: Vec<usize>,
}

/// One term of an equation: the letters' indices before and after the ellipsis.
struct Term {
    before: Vec<usize>,
    ellipsis: bool,
    after: Vec<usize>,
}

fn invalid(problem: String) -> OpError {
    OpError::Attribute { name: "equation", problem }
}

impl Term {
    fn parse(text: &str) -> Result<Self, OpError> {
        let letters = |text: &str| {
            text.chars()
                .map(|letter| match letter {
                    'A'..='Z' => Ok(letter as usize - 'A' as usize),
                    'a'..='z' => Ok(letter as usize - 'a' as usize + 26),
                    _ => Err(invalid(format!("has '{letter}', which is no index"))),
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let (before, after) = text.split_once("...").unwrap_or((text, ""));
        Ok(Self { before: letters(before)?, ellipsis: text.contains("..."), after: letters(after)? })
    }

    /// The index of each dimension, `hidden` of them under the ellipsis.
    fn indices(&self, hidden: usize) -> Vec<usize> {
        let hidden = if self.ellipsis { hidden } else { 0 };
        let ellipsis = (0..hidden).map(|position| ELLIPSIS + position);
        self.before.iter().copied().chain(ellipsis).chain(self.after.iter().copied()).collect()
    }
}

impl Equation {
    fn of(node: &Node) -> Result<Self, OpError> {
        if node.any("equation").is_none() {
            return Err(OpError::MissingAttribute("equation"));
        }
        let text = node.str_or("equation", "")?.replace(' ', "");
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let terms = left.split(',').map(Term::parse).collect::<Result<Vec<_>, _>>()?;
        if terms.len() != node.inputs.len() {
            return Err(invalid(format!("has {} terms for {} inputs", terms.len(), node.inputs.len())));
        }
        let shapes: Vec<_> = (0..terms.len()).map(|input| node.shape(input)).collect::<Result<_, _>>()?;
        let hidden = hidden_dimensions(&terms, &shapes)?;

        let mut sizes = [None; MOST_INDICES];
        let indexed: Vec<_> = terms.iter().map(|term| term.indices(hidden)).collect();
        for (index, dim) in indexed.iter().zip(&shapes).flat_map(|(indices, dims)| indices.iter().zip(*dims))
        {
            if let Some(size) = sizes.get_mut(*index) {
                *size = match *size {
                    None => Some(*dim),
                    Some(found) => broadcast(&[&[found], &[*dim]])?.first().copied(),
                };
            }
        }
        // Along a dimension of 1 that broadcasts, the operand does not vary.
        let varies = |index: usize, dim: Dim| {
            dim != Dim::Exact(1) || sizes.get(index).copied().flatten() == Some(Dim::Exact(1))
        };
        let operands = indexed
            .iter()
            .zip(&shapes)
            .map(|(indices, dims)| {
                let varying = indices.iter().zip(*dims).filter(|(index, dim)| varies(**index, **dim));
                varying.fold(0, |set, (index, _)| set | bit(*index))
            })
            .collect();
        let output = match right {
            Some(term) => Term::parse(term)?.indices(hidden),
            None => implicit_output(&indexed, hidden),
        };
        let mut seen = 0;
        for index in &output {
            if seen & bit(*index) != 0 || sizes.get(*index).copied().flatten().is_none() {
                return Err(invalid("has an output index twice, or that no input has".into()));
            }
            seen |= bit(*index);
        }
        Ok(Self { sizes, operands, output })
    }

    fn size(&self, index: usize) -> Dim {
        self.sizes.get(index).copied().flatten().unwrap_or(Dim::Unknown)
    }

    /// The number of combinations of some indices; saturates, to be refused when the count is made.
    fn volume(&self, indices: Indices) -> Result<u128, OpError> {
        (0..MOST_INDICES).filter(|index| indices & bit(*index) != 0).try_fold(1u128, |volume, index| {
            let size = self.size(index).bound().ok_or(OpError::UnknownSize("an index"))?;
            Ok(volume.saturating_mul(size.into()))
        })
    }
}

/// Dimensions under the ellipsis, the same number in every term that has one.
fn hidden_dimensions(terms: &[Term], shapes: &[&[Dim]]) -> Result<usize, OpError> {
    let mut hidden = None;
    for (input, (term, shape)) in terms.iter().zip(shapes).enumerate() {
        let letters = term.before.len() + term.after.len();
        let rest = shape.len().checked_sub(letters).filter(|rest| term.ellipsis || *rest == 0);
        let rest = rest.ok_or_else(|| {
            invalid(format!("has {letters} indices for input {input} of rank {}", shape.len()))
        })?;
        if !term.ellipsis {
            continue;
        }
        if hidden.is_some_and(|hidden| hidden != rest) || rest > MOST_INDICES - ELLIPSIS {
            return Err(invalid(format!("has an ellipsis of {rest} dimensions in input {input}")));
        }
        hidden = Some(rest);
    }
    Ok(hidden.unwrap_or(0))
}

/// The dimensions under the ellipsis, then the letters that occur once, in ASCII order.
fn implicit_output(terms: &[Vec<usize>], hidden: usize) -> Vec<usize> {
    let mut occurrences = [0u8; ELLIPSIS];
    for index in terms.iter().flatten() {
        if let Some(count) = occurrences.get_mut(*index) {
            *count = count.saturating_add(1);
        }
    }
    let once = occurrences.iter().enumerate().filter(|(_, count)| **count == 1).map(|(index, _)| index);
    (ELLIPSIS..ELLIPSIS + hidden).chain(once).collect()
}

/// The output term's dimensions.
///
/// Source: ONNX `Einsum`, opset 28.
pub fn einsum(node: &Node) -> Result<Vec<Type>, OpError> {
    let equation = Equation::of(node)?;
    let shape: Vec<_> = equation.output.iter().map(|index| equation.size(*index)).collect();
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// An intermediate tensor: the indices it varies along and what it cost.
#[derive(Clone, Copy, Default)]
struct Partial {
    indices: Indices,
    macs: u128,
    alu: u128,
}

impl Partial {
    fn flops(&self) -> u128 {
        self.macs.saturating_mul(2).saturating_add(self.alu)
    }

    /// The product of two tensors, summed over the indices that are not `wanted` any more.
    fn times(self, other: Self, wanted: Indices, equation: &Equation) -> Result<Self, OpError> {
        let all = self.indices | other.indices;
        let volume = equation.volume(all)?;
        let (macs, alu) = if all & !wanted != 0 { (volume, 0) } else { (0, volume) };
        let sum = |a: u128, b: u128, c: u128| a.saturating_add(b).saturating_add(c);
        Ok(Self {
            indices: all & wanted,
            macs: sum(self.macs, other.macs, macs),
            alu: sum(self.alu, other.alu, alu),
        })
    }
}

/// The cheapest order of pairwise products, in which a product that sums over an index costs one
/// multiply-accumulate for each combination of the pair's indices and any other one multiplication.
///
/// An index that only one operand has, and the output has not, is summed before: additions. Beyond
/// [`MOST_SEARCHED`] operands the order is left to right.
pub fn einsum_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let equation = Equation::of(node)?;
    let output = equation.output.iter().fold(0, |set, index| set | bit(*index));
    let leaves = summed_alone(&equation, output)?;
    let total = if leaves.len() <= MOST_SEARCHED {
        cheapest(&leaves, output, &equation)?
    } else {
        left_to_right(&leaves, output, &equation)?
    };
    let count = |n: u128| u64::try_from(n).map_err(|_| OpError::Overflow);
    let element = node.element(0)?;
    let counts = Counts::arithmetic(element, count(total.alu)?);
    let counts = match count(total.macs)? {
        0 => counts,
        macs => Counts::macs(macs, element, node.element(1)?).plus(counts)?,
    };
    Ok(if leaves.len() > 2 { counts.by_formula() } else { counts })
}

/// A matrix product where two operands meet and indices that both have are summed over; elementwise where
/// none is. One operand alone is summed or moved.
pub fn einsum_form(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    let equation = Equation::of(node)?;
    let output = equation.output.iter().fold(0, |set, index| set | bit(*index));
    match summed_alone(&equation, output)?.as_slice() {
        [a, b] if counts.macs > 0 => {
            let size =
                |indices: Indices| u64::try_from(equation.volume(indices)?).map_err(|_| OpError::Overflow);
            let both = a.indices & b.indices;
            Ok(Form::MatMul(MatMul {
                batch: size(both & output)?,
                m: size(a.indices & !both)?,
                n: size(b.indices & !both)?,
                k: size(both & !output)?,
                right: Right::of(node, 1),
            }))
        }
        [_, _] => form::elementwise(node, outputs, counts),
        [_] if counts.alu > 0 || counts.int > 0 => {
            Ok(Form::Reduce(Rows::of(node.count(0)?, dims::output_count(outputs, 0)?)))
        }
        [_] => form::copied(node, outputs, counts),
        _ => form::contraction(node, outputs, counts),
    }
}

/// Each operand, summed over the indices that nothing else has.
fn summed_alone(equation: &Equation, output: Indices) -> Result<Vec<Partial>, OpError> {
    let (mut seen, mut shared) = (0, output);
    for indices in &equation.operands {
        shared |= seen & indices;
        seen |= indices;
    }
    equation
        .operands
        .iter()
        .map(|operand| {
            let indices = operand & shared;
            let additions = if indices == *operand {
                0
            } else {
                equation.volume(*operand)?.saturating_sub(equation.volume(indices)?)
            };
            Ok(Partial { indices, macs: 0, alu: additions })
        })
        .collect()
}

/// The best of all orders, by dynamic programming over subsets of operands.
fn cheapest(leaves: &[Partial], output: Indices, equation: &Equation) -> Result<Partial, OpError> {
    let all = (1usize << leaves.len()) - 1;
    let members = |subset: usize| {
        leaves.iter().enumerate().filter(move |(leaf, _)| subset & (1 << leaf) != 0).map(|(_, leaf)| leaf)
    };
    let mut best = vec![Partial::default(); all + 1];
    for subset in 1..=all {
        let wanted = members(all & !subset).fold(output, |set, leaf| set | leaf.indices);
        let mut found: Option<Partial> = members(subset).next().copied().filter(|_| subset.is_power_of_two());
        // Every split in two, each once: the larger number names the first part.
        let mut part = subset & (subset - 1);
        while part > subset & !part {
            if let (Some(a), Some(b)) = (best.get(part), best.get(subset & !part)) {
                let product = a.times(*b, wanted, equation)?;
                found = found.filter(|found| found.flops() <= product.flops()).or(Some(product));
            }
            part = (part - 1) & subset;
        }
        if let (Some(slot), Some(found)) = (best.get_mut(subset), found) {
            *slot = found;
        }
    }
    Ok(best.pop().unwrap_or_default())
}

fn left_to_right(leaves: &[Partial], output: Indices, equation: &Equation) -> Result<Partial, OpError> {
    // What the output and the operands still to come want, for each position.
    let mut wanted = vec![output];
    for leaf in leaves.iter().rev() {
        wanted.push(wanted.last().copied().unwrap_or(output) | leaf.indices);
    }
    wanted.reverse();
    let mut steps = leaves.iter().zip(wanted.iter().skip(1));
    let first = steps.next().map(|(leaf, _)| *leaf).unwrap_or_default();
    steps.try_fold(first, |product, (leaf, wanted)| product.times(*leaf, *wanted, equation))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, op};
    use super::*;
    use crate::tensor::ElementType::{Float32, Int64};

    fn einsum(equation: &'static str, shapes: &[&[u64]]) -> Case {
        shapes.iter().fold(op("Einsum", 12), |case, shape| case.f32(shape)).attr("equation", equation)
    }

    #[test]
    fn the_equation_gives_the_shape() {
        for (equation, shapes, expected) in [
            ("ij,jk->ik", &[&[2, 3][..], &[3, 4]][..], "2×4"),
            ("ij,jk", &[&[2, 3], &[3, 4]], "2×4"),
            ("ji", &[&[2, 3]], "3×2"),
            ("bA,bB", &[&[5, 2], &[5, 3]], "2×3"),
            ("ii->i", &[&[4, 4]], "4"),
            ("ii", &[&[4, 4]], "scalar"),
            (" i j -> ", &[&[4, 4]], "scalar"),
            ("...ij,...jk->...ik", &[&[5, 1, 2, 3], &[5, 7, 3, 4]], "5×7×2×4"),
            ("...ij,jk->...ik", &[&[5, 6, 2, 3], &[3, 4]], "5×6×2×4"),
            ("i...", &[&[2, 3, 4]], "3×4×2"),
            ("ij,jk->ik", &[&[2, 1], &[3, 4]], "2×4"),
        ] {
            assert_eq!(einsum(equation, shapes).shape(), expected, "{equation}");
        }
        let batch = [Dim::AtMost(9), Dim::Exact(3)];
        let case = op("Einsum", 12).dims(Float32, &batch).f32(&[3, 4]).attr("equation", "ij,jk->ik");
        assert_eq!(case.shape(), "≤9×4");
        assert_eq!(case.counts().macs, 9 * 3 * 4);
    }

    #[test]
    fn a_contracted_pair_is_macs_and_the_rest_is_arithmetic() {
        let macs = |n| Counts::macs(n, Float32, Float32);
        for (equation, shapes, expected) in [
            ("byhwc,hkc->byhwk", &[&[1, 2, 3, 4, 5][..], &[3, 6, 5]][..], macs(2 * 3 * 4 * 5 * 6)),
            ("i,i->", &[&[7], &[7]], macs(7)),
            ("i,j->ij", &[&[7], &[3]], Counts::alu(21)),
            ("ij,ij->ij", &[&[2, 3], &[2, 3]], Counts::alu(6)),
            ("ij->ji", &[&[2, 3]], Counts::ZERO),
            ("ij->i", &[&[2, 3]], Counts::alu(4)),
            ("ii->", &[&[4, 4]], Counts::alu(3)),
            // j belongs to the first operand alone: 2 · (3 − 1) additions, then an outer product.
            ("ij,k->ik", &[&[2, 3], &[4]], Counts::alu(4 + 8)),
            // The first operand does not vary along j, which the second sums alone.
            ("ij,jk->ik", &[&[2, 1], &[3, 4]], Counts::alu(8 + 8)),
            ("ij,jk->ik", &[&[2, 1], &[1, 4]], macs(8)),
        ] {
            assert_eq!(einsum(equation, shapes).counts(), expected, "{equation} {shapes:?}");
        }
        let integers = op("Einsum", 12).input(Int64, &[2, 3]).attr("equation", "ij->i");
        assert_eq!(integers.counts(), Counts::int(4));
    }

    #[test]
    fn three_operands_are_multiplied_in_the_cheapest_order() {
        // (AB)C costs 2·3·4 + 2·4·50 = 424, A(BC) 3·4·50 + 2·3·50 = 900.
        let chain = einsum("ij,jk,kl->il", &[&[2, 3], &[3, 4], &[4, 50]]);
        assert_eq!(chain.counts(), Counts::macs(424, Float32, Float32).by_formula());
        // The other way round.
        let chain = einsum("ij,jk,kl->il", &[&[50, 4], &[4, 3], &[3, 2]]);
        assert_eq!(chain.counts().macs, 424);
    }

    #[test]
    fn many_operands_are_multiplied_from_left_to_right() {
        let shapes: Vec<&[u64]> = vec![&[2, 2]; 9];
        let case = einsum("ab,bc,cd,de,ef,fg,gh,hi,ij->aj", &shapes);
        assert_eq!(case.counts(), Counts::macs(8 * 8, Float32, Float32).by_formula());
    }

    #[test]
    fn equations_that_do_not_fit_their_inputs_are_errors() {
        for (equation, shapes, expected) in [
            ("ij->i", &[&[2][..]][..], "attribute \"equation\" has 2 indices for input 0 of rank 1"),
            ("ij,jk->ik", &[&[2, 3]], "attribute \"equation\" has 2 terms for 1 inputs"),
            ("i1->i", &[&[2, 3]], "attribute \"equation\" has '1', which is no index"),
            ("i->ij", &[&[2]], "attribute \"equation\" has an output index twice, or that no input has"),
            ("i->ii", &[&[2]], "attribute \"equation\" has an output index twice, or that no input has"),
            ("ij,jk->ik", &[&[2, 3], &[4, 5]], "dimensions 3 and 4 cannot be broadcast together"),
            (
                "...i,...i->...",
                &[&[2, 3], &[3]],
                "attribute \"equation\" has an ellipsis of 0 dimensions in input 1",
            ),
        ] {
            assert_eq!(einsum(equation, shapes).types().unwrap_err().to_string(), expected);
        }
    }
}
