//! The vector of counters that a node's work is counted in, and the bytes it moves.

use super::OpError;
use serde::{Deserialize, Serialize};

use crate::tensor::ElementType;

/// How sure a count is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Confidence {
    /// The operator's definition gives the number.
    #[default]
    Exact,
    /// A stated formula gives it: the definition leaves the algorithm open (a softmax, a sort, an FFT).
    Formula,
    /// An upper bound: the work depends on the data, and this is the most it can be.
    Bound,
    /// A size depends on the data: the count is that of the largest size.
    DataDependent,
    /// Not known.
    Unknown,
}

/// Operations of one node, by kind. Never one opaque number: conventions weight this vector.
///
/// The FLOPs of the headline are `2·macs + alu + div + trans`; integer, random and string work is
/// apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Multiply-accumulates of contractions: convolution, matrix product, attention, recurrent gates.
    pub macs: u64,
    /// Of `macs`, those of pairs that a causal mask or a window hides: a kernel that skips them does not do them. Masks
    /// that are data hide nothing here.
    pub hidden_macs: u64,
    /// Element types of the two factors, for `macs`.
    pub factors: Option<(ElementType, ElementType)>,
    /// Floating-point additions, subtractions, multiplications, comparisons and selections.
    pub alu: u64,
    /// Floating-point divisions, reciprocals and square roots.
    pub div: u64,
    /// Transcendental functions: exp, log, pow, erf, tanh, sin, … one each.
    pub trans: u64,
    /// Integer, boolean, comparison and index operations.
    pub int: u64,
    /// Random numbers drawn.
    pub rng: u64,
    /// Strings processed.
    pub str: u64,
    /// How sure the numbers are.
    pub confidence: Confidence,
}

impl Counts {
    /// No operation.
    pub const ZERO: Self = Self {
        macs: 0,
        hidden_macs: 0,
        factors: None,
        alu: 0,
        div: 0,
        trans: 0,
        int: 0,
        rng: 0,
        str: 0,
        confidence: Confidence::Exact,
    };

    /// `n` arithmetic operations.
    pub const fn alu(n: u64) -> Self {
        Self { alu: n, ..Self::ZERO }
    }

    /// `n` additions, multiplications or comparisons of elements of that type: of integers they count apart.
    pub fn arithmetic(element: ElementType, n: u64) -> Self {
        if element.is_float() { Self::alu(n) } else { Self::int(n) }
    }

    /// `n` divisions or square roots.
    pub const fn div(n: u64) -> Self {
        Self { div: n, ..Self::ZERO }
    }

    /// `n` transcendental functions.
    pub const fn trans(n: u64) -> Self {
        Self { trans: n, ..Self::ZERO }
    }

    /// `n` integer operations.
    pub const fn int(n: u64) -> Self {
        Self { int: n, ..Self::ZERO }
    }

    /// `n` random numbers.
    pub const fn rng(n: u64) -> Self {
        Self { rng: n, ..Self::ZERO }
    }

    /// `n` strings.
    pub const fn str(n: u64) -> Self {
        Self { str: n, ..Self::ZERO }
    }

    /// `n` multiply-accumulates of factors of these types.
    pub const fn macs(n: u64, left: ElementType, right: ElementType) -> Self {
        Self { macs: n, factors: Some((left, right)), ..Self::ZERO }
    }

    /// The same numbers, known by a formula of ours rather than by definition.
    #[must_use]
    pub const fn by_formula(self) -> Self {
        Self { confidence: Confidence::Formula, ..self }
    }

    /// The same numbers as an upper bound.
    #[must_use]
    pub const fn at_most(self) -> Self {
        Self { confidence: Confidence::Bound, ..self }
    }

    /// Both together. The less sure confidence wins, and the factors of the one that has any.
    ///
    /// # Errors
    /// [`OpError::Overflow`] if a counter does not fit in 64 bits.
    pub fn plus(self, other: Self) -> Result<Self, OpError> {
        self.zip(other, u64::checked_add)
    }

    /// `n` times as many.
    ///
    /// # Errors
    /// [`OpError::Overflow`] if a counter does not fit in 64 bits.
    pub fn times(self, n: u64) -> Result<Self, OpError> {
        self.zip(self, |count, _| count.checked_mul(n))
    }

    fn zip(self, other: Self, f: impl Fn(u64, u64) -> Option<u64>) -> Result<Self, OpError> {
        let f = |a, b| f(a, b).ok_or(OpError::Overflow);
        Ok(Self {
            macs: f(self.macs, other.macs)?,
            hidden_macs: f(self.hidden_macs, other.hidden_macs)?,
            factors: self.factors.or(other.factors),
            alu: f(self.alu, other.alu)?,
            div: f(self.div, other.div)?,
            trans: f(self.trans, other.trans)?,
            int: f(self.int, other.int)?,
            rng: f(self.rng, other.rng)?,
            str: f(self.str, other.str)?,
            confidence: self.confidence.max(other.confidence),
        })
    }

    /// `2·macs + alu + div + trans`: the headline.
    ///
    /// # Errors
    /// [`OpError::Overflow`] if the sum does not fit in 64 bits.
    pub fn flops(&self) -> Result<u64, OpError> {
        [self.macs, self.macs, self.alu, self.div, self.trans]
            .iter()
            .try_fold(0u64, |sum, n| sum.checked_add(*n))
            .ok_or(OpError::Overflow)
    }
}

/// Bytes that a node reads of one operand, or writes of one output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bytes {
    /// All of it, once.
    Whole,
    /// So many.
    Part(u64),
}

/// Bytes that a node moves, operand by operand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// For each input; inputs beyond the list are read whole.
    pub read: Vec<Bytes>,
    /// For each output; outputs beyond the list are written whole.
    pub written: Vec<Bytes>,
}

impl Moved {
    /// Every operand is read whole, and every output written.
    pub const fn whole() -> Self {
        Self { read: vec![], written: vec![] }
    }

    /// Says what is read of an input.
    pub fn set_read(&mut self, input: usize, bytes: Bytes) {
        set(&mut self.read, input, bytes);
    }

    /// Says what is written of an output.
    pub fn set_written(&mut self, output: usize, bytes: Bytes) {
        set(&mut self.written, output, bytes);
    }
}

fn set(list: &mut Vec<Bytes>, position: usize, bytes: Bytes) {
    if list.len() <= position {
        list.resize(position.saturating_add(1), Bytes::Whole);
    }
    if let Some(entry) = list.get_mut(position) {
        *entry = bytes;
    }
}
