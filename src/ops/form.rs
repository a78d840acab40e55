//! The form of the kernel that a node is: which of the few kinds of loops over data, and its sizes.
//!
//! Counts say how much work there is; a runtime's speed depends on its form too. Every row of the operator
//! table names the rule that gives it. A rule that cannot say (a size is not known) is answered by the counts
//! alone: see [`Form::of_counts`].

use serde::{Deserialize, Serialize};

use super::dims::{self, count, product};
use super::{Costed, Counts, Node, OpError};
use crate::tensor::{Dim, Type};

/// The form of one turn of a node's kernel. Sizes that depend on data are the largest they can be, as in
/// [`Counts`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Form {
    /// None: the node is folded, does not run, only runs a body, or its cost is not known.
    #[default]
    Absent,
    /// None: the output is the first input under another name or shape.
    View,
    /// None: the output tells the size of the first input, whose elements are not read.
    Size,
    /// Products of matrices.
    MatMul(MatMul),
    /// A convolution over one or two spatial axes.
    Conv(Box<Conv>),
    /// Scaled dot-product attention.
    Attention(Box<Attention>),
    /// A recurrent layer over a whole sequence.
    Recurrent(Box<Recurrent>),
    /// Any other sum of products: over three spatial axes, of many operands, through experts that data
    /// choose.
    Contraction {
        /// Multiply-accumulates.
        macs: u64,
        /// Elements of all outputs.
        outputs: u64,
    },
    /// Each output element from those at the same place in the operands.
    Elementwise {
        /// Of the output.
        elements: u64,
        /// Tensors that are read, those of one element left out.
        inputs: u64,
        /// Whether each element takes a division, a root, a transcendental function or a random number.
        special: bool,
        /// Whether one of the tensors read is smaller than the output.
        broadcast: bool,
    },
    /// Rows combined to one element each: sums, means, maxima.
    Reduce(Rows),
    /// Rows combined to the place of one element each.
    ArgReduce(Rows),
    /// Rows carried along: running sums and products.
    Scan(Rows),
    /// Rows put in order, in whole or to find the largest elements.
    Sort(Rows),
    /// Rows whose exponentials sum to 1.
    Softmax(Rows),
    /// Rows scaled by statistics of their own.
    Normalize(Rows),
    /// Windows of the input combined to one output element each.
    Pool {
        /// Elements of the output.
        outputs: u64,
        /// Elements under the window.
        window: u64,
        /// Whether the window is the whole channel.
        global: bool,
    },
    /// Axes in another order.
    Transpose {
        /// Of the input and of the output.
        elements: u64,
        /// Axes that are left when those of size 1 are dropped and those that stay neighbours are taken as
        /// one. Data moves only if there are at least 2.
        rank: u64,
        /// Neighbouring elements that stay neighbours: the innermost axis where it stays innermost, else 1.
        run: u64,
    },
    /// Elements read at places that data give.
    Gather {
        /// Of the output.
        elements: u64,
        /// Neighbouring elements that one index names.
        run: u64,
    },
    /// Elements written at places that data give.
    Scatter {
        /// Of the output, copied first: 0 where it is updated in place.
        elements: u64,
        /// Elements written.
        updates: u64,
    },
    /// Data moved as it is: joined, cut, repeated, padded, filled in.
    Copy {
        /// Of all outputs.
        elements: u64,
        /// Tensors whose elements move: 0 where the outputs are filled with constants.
        inputs: u64,
        /// Tensors made.
        outputs: u64,
    },
    /// Each output element interpolated between a few elements of the input.
    Resize {
        /// Elements of the output.
        outputs: u64,
        /// Elements of the input that each is made of.
        taps: u64,
    },
    /// None of these: Fourier transforms, trees, strings, selections by data.
    Other {
        /// Of all outputs that are tensors.
        elements: u64,
    },
}

/// `A [batch, m, k]` by `B [batch, k, n]`. Rows of `A` that all meet one and the same `B` are in `m`,
/// whatever axes they stand along.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MatMul {
    /// Products of different matrices `B`.
    pub batch: u64,
    /// Rows of `A`.
    pub m: u64,
    /// Columns of `B`.
    pub n: u64,
    /// The size that is summed over.
    pub k: u64,
    /// What `B` is.
    pub right: Right,
}

/// What the right factor of a matrix product is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Right {
    /// Made anew each inference.
    Activation,
    /// Weights.
    Constant,
    /// Weights of several to a byte, unpacked on the way.
    Packed {
        /// Of one weight, as the node gives them.
        bits: u8,
    },
}

impl Right {
    /// What the operand at a position is, not packed.
    pub(super) fn of(node: &Node, input: usize) -> Self {
        if node.input(input).is_some_and(|operand| operand.constant) {
            Self::Constant
        } else {
            Self::Activation
        }
    }
}

/// `X [batch, in_channels, input]` by `W [out_channels, in_channels / groups, kernel]` to
/// `Y [batch, out_channels, output]`, spatial sizes as height and width. Along one axis alone, the height is 1.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Conv {
    /// Images.
    pub batch: u64,
    /// Of the input.
    pub in_channels: u64,
    /// Of the output.
    pub out_channels: u64,
    /// Parts that the channels are cut into; as many as there are channels in a depthwise convolution.
    pub groups: u64,
    /// Size of the input.
    pub input: [u64; 2],
    /// Size of the output.
    pub output: [u64; 2],
    /// Size of the kernel.
    pub kernel: [u64; 2],
    /// Steps from one window to the next; of the output where it is transposed.
    pub strides: [u64; 2],
    /// Steps from one weight to the next.
    pub dilations: [u64; 2],
    /// Whether windows are written rather than read (ConvTranspose).
    pub transposed: bool,
    /// Whether the operands lie in memory with their channels last.
    pub channels_last: bool,
}

/// `softmax(Q·Kᵀ)·V`, `Q [batch, heads, q_len, head_size]`, `K [batch, kv_heads, kv_len, head_size]` and
/// `V [batch, kv_heads, kv_len, v_head_size]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attention {
    /// Sequences.
    pub batch: u64,
    /// Heads of the queries.
    pub heads: u64,
    /// Heads of keys and values, each shared by as many query heads as it takes.
    pub kv_heads: u64,
    /// Tokens that ask.
    pub q_len: u64,
    /// Tokens that are asked, those of a cache included.
    pub kv_len: u64,
    /// Size of a query and of a key.
    pub head_size: u64,
    /// Size of a value.
    pub v_head_size: u64,
    /// The product that makes queries, keys and values, where the node does it too.
    pub projection: Option<MatMul>,
}

/// A recurrent layer over sequences of one length.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recurrent {
    /// Which cell.
    pub cell: Cell,
    /// 2 where the sequence is walked both ways.
    pub directions: u64,
    /// Steps, one after the other.
    pub sequence: u64,
    /// Sequences.
    pub batch: u64,
    /// Size of a step's input.
    pub input: u64,
    /// Size of the state.
    pub hidden: u64,
}

/// A recurrent cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cell {
    /// One gate.
    Rnn,
    /// Three gates.
    Gru,
    /// Four gates.
    Lstm,
}

impl Cell {
    /// Products of input and state with weights at each step.
    pub fn gates(self) -> u64 {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

/// Elements in rows that are each worked on together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rows {
    /// How many.
    pub rows: u64,
    /// Elements of one.
    pub cols: u64,
    /// Whether the elements of a row are neighbours in memory.
    pub contiguous: bool,
}

impl Rows {
    /// Rows along the axes that `along` names.
    pub(super) fn new(shape: &[Dim], along: impl Fn(usize) -> bool) -> Result<Self, OpError> {
        let (mut rows, mut cols) = (Dim::Exact(1), Dim::Exact(1));
        let (mut begun, mut contiguous) = (false, true);
        for (axis, dim) in shape.iter().enumerate() {
            if along(axis) {
                cols = cols.times(*dim);
                begun |= *dim != Dim::Exact(1);
            } else {
                rows = rows.times(*dim);
                contiguous &= !begun || *dim == Dim::Exact(1);
            }
        }
        Ok(Self { rows: count(&[rows], "the rows")?, cols: count(&[cols], "a row")?, contiguous })
    }

    /// So many rows of neighbours that make up all elements.
    pub(super) fn of(elements: u64, rows: u64) -> Self {
        Self { rows, cols: elements.checked_div(rows).unwrap_or(0), contiguous: true }
    }
}

impl MatMul {
    /// `batch·m·n·k`; `None` where that does not fit in 64 bits.
    pub fn macs(&self) -> Option<u64> {
        product(&[self.batch, self.m, self.n, self.k]).ok()
    }
}

impl Conv {
    /// One for each weight that an output element meets, or where it is transposed an input element; `None`
    /// where that does not fit in 64 bits.
    pub fn macs(&self) -> Option<u64> {
        let (near, far, positions) = if self.transposed {
            (self.in_channels, self.out_channels, self.input)
        } else {
            (self.out_channels, self.in_channels, self.output)
        };
        let ([height, width], [rows, columns]) = (positions, self.kernel);
        product(&[self.batch, near, height, width, far.checked_div(self.groups)?, rows, columns]).ok()
    }

    /// Whether each channel is convolved alone.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels
    }
}

impl Attention {
    /// `batch·heads·q_len·kv_len·(head_size + v_head_size)`, and those of the projection; `None` where that
    /// does not fit in 64 bits.
    pub fn macs(&self) -> Option<u64> {
        let depth = self.head_size.checked_add(self.v_head_size)?;
        let core = product(&[self.batch, self.heads, self.q_len, self.kv_len, depth]).ok()?;
        core.checked_add(self.projection.map_or(Some(0), |projection| projection.macs())?)
    }
}

impl Recurrent {
    /// `directions·sequence·batch·gates·hidden·(input + hidden)`; `None` where that does not fit in 64 bits.
    pub fn macs(&self) -> Option<u64> {
        let reach = self.input.checked_add(self.hidden)?;
        let cells = [self.directions, self.sequence, self.batch, self.cell.gates(), self.hidden, reach];
        product(&cells).ok()
    }
}

impl Form {
    /// The form of a node that costs `counts`.
    ///
    /// Its sizes always multiply to the multiply-accumulates that are counted: where they do not (sequences
    /// end early, a size is a bound), it is a [`Form::Contraction`].
    pub fn of(rules: &Costed, node: &Node, outputs: &[Type], counts: &Counts) -> Self {
        match (rules.form)(node, outputs, counts) {
            Ok(form) if form.macs() == Some(counts.macs) => form,
            _ => Self::of_counts(node, outputs, counts),
        }
    }

    /// What the counts alone say: a contraction where anything is multiplied and accumulated, elementwise
    /// where anything else is computed, and else a copy.
    pub fn of_counts(node: &Node, outputs: &[Type], counts: &Counts) -> Self {
        let elements = made(outputs);
        if counts.macs > 0 {
            return Self::Contraction { macs: counts.macs, outputs: elements };
        }
        let computed = [counts.alu, counts.div, counts.trans, counts.int, counts.rng, counts.str];
        if computed.iter().any(|operations| *operations > 0) {
            return streamed(node, elements, counts);
        }
        moved(node, outputs, node.inputs.len() as u64)
    }

    /// Multiply-accumulates that the sizes multiply to, 0 for a form without any; `None` where they do not fit
    /// in 64 bits.
    pub fn macs(&self) -> Option<u64> {
        match self {
            Self::MatMul(product) => product.macs(),
            Self::Conv(conv) => conv.macs(),
            Self::Attention(attention) => attention.macs(),
            Self::Recurrent(recurrent) => recurrent.macs(),
            Self::Contraction { macs, .. } => Some(*macs),
            _ => Some(0),
        }
    }

    /// A stable word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::View => "view",
            Self::Size => "size",
            Self::MatMul(_) => "matmul",
            Self::Conv(_) => "conv",
            Self::Attention(_) => "attention",
            Self::Recurrent(_) => "recurrent",
            Self::Contraction { .. } => "contraction",
            Self::Elementwise { .. } => "elementwise",
            Self::Reduce(_) => "reduce",
            Self::ArgReduce(_) => "arg-reduce",
            Self::Scan(_) => "scan",
            Self::Sort(_) => "sort",
            Self::Softmax(_) => "softmax",
            Self::Normalize(_) => "normalize",
            Self::Pool { .. } => "pool",
            Self::Transpose { .. } => "transpose",
            Self::Gather { .. } => "gather",
            Self::Scatter { .. } => "scatter",
            Self::Copy { .. } => "copy",
            Self::Resize { .. } => "resize",
            Self::Other { .. } => "other",
        }
    }
}

/// Elements of all outputs whose number is bounded.
fn made(outputs: &[Type]) -> u64 {
    outputs.iter().filter_map(|ty| ty.tensor()?.elements().bound()).fold(0, u64::saturating_add)
}

/// An elementwise form of so many elements.
fn streamed(node: &Node, elements: u64, counts: &Counts) -> Form {
    let (mut inputs, mut broadcast) = (0, false);
    for operand in node.inputs.iter().flatten() {
        let Some(read) = operand.ty.tensor().and_then(|tensor| tensor.elements().bound()) else { continue };
        if read > 1 {
            inputs += 1;
            broadcast |= read < elements;
        }
    }
    let special = counts.div.saturating_add(counts.trans).saturating_add(counts.rng);
    Form::Elementwise { elements, inputs, special: elements > 0 && special >= elements, broadcast }
}

/// The output is the first input under another name or shape. Dropout in training computes all the same.
pub fn view(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    if counts.flops()? > 0 { elementwise(node, outputs, counts) } else { Ok(Form::View) }
}

/// The output tells the size of the first input.
pub fn size(_: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Size)
}

/// As many elements as the first output has.
pub fn elementwise(node: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    Ok(streamed(node, dims::output_count(outputs, 0)?, counts))
}

/// The first input moves to the outputs.
pub fn copied(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(moved(node, outputs, 1))
}

/// All inputs move to the outputs.
pub fn joined(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(moved(node, outputs, node.inputs.len() as u64))
}

/// The outputs are filled in: inputs give sizes and values only.
pub fn filled(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(moved(node, outputs, 0))
}

/// So many inputs move to the outputs.
pub(super) fn moved(node: &Node, outputs: &[Type], inputs: u64) -> Form {
    let named = node.outputs.iter().filter(|named| **named).count() as u64;
    Form::Copy { elements: made(outputs), inputs, outputs: named }
}

/// Multiply-accumulates of no simpler form.
pub fn contraction(_: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    Ok(Form::Contraction { macs: counts.macs, outputs: made(outputs) })
}

/// None of the forms.
pub fn other(_: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    Ok(Form::Other { elements: made(outputs) })
}

/// Each row along the last axis of the first output is normalised.
pub fn normalized(_: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let shape = dims::output_shape(outputs, 0)?;
    Ok(Form::Normalize(Rows::new(shape, |axis| axis + 1 == shape.len())?))
}

/// Each output is interpolated: two operations a neighbour are counted.
pub fn interpolated(_: &Node, outputs: &[Type], counts: &Counts) -> Result<Form, OpError> {
    let each = dims::output_count(outputs, 0)?;
    let operations = counts.alu.saturating_add(counts.int);
    Ok(Form::Resize { outputs: each, taps: (operations / 2).checked_div(each).unwrap_or(0).max(1) })
}

/// The first output is read from the first input, a part of it for each index (input 1).
pub fn looked_up(node: &Node, outputs: &[Type], _: &Counts) -> Result<Form, OpError> {
    let elements = dims::output_count(outputs, 0)?;
    Ok(Form::Gather { elements, run: elements.checked_div(node.count(1)?).unwrap_or(0).max(1) })
}

#[cfg(test)]
mod tests;
