//! The rules of every operator: the shapes it makes, the small values that pass through it, the work
//! it does, the bytes it moves and the form of its kernel.
//!
//! One row an operator in [`OPERATORS`], one file a family of rules. A rule sees the operands and
//! attributes of one node, never its neighbours, so it can be tested alone. Nothing has a default: a
//! row that forgets to say what its operator costs does not compile, one that costs nothing says
//! [`Work::Free`], and one that is not done yet says why.
//!
//! To add an operator, write its row; where no rule fits, write one in the file of its family:
//!
//! | file | operators |
//! |---|---|
//! | `elementwise` | Add, Relu, Gelu, Clip, Pow, … : arithmetic and activations |
//! | `logic`, `cast` | Equal, And, BitShift, IsNaN, Where; Cast, CastLike, BitCast |
//! | `reduce`, `along_axis` | ReduceSum, …; ArgMax, CumSum, TopK |
//! | `conv`, `pool` | Conv, ConvTranspose, DeformConv, Col2Im; MaxPool, RoiAlign, … |
//! | `matmul`, `einsum` | MatMul, Gemm, Det, the integer products; Einsum |
//! | `attention`, `rnn` | Attention, LinearAttention, RotaryEmbedding; LSTM, GRU, RNN |
//! | `norm` | BatchNormalization, LayerNormalization, LRN, Softmax, the losses |
//! | `quantize` | QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear |
//! | `reshape`, `layout`, `slice` | Reshape, Shape, Squeeze; Transpose, Concat, Split, Expand, Tile; Slice, Pad |
//! | `gather`, `scatter`, `select` | reading by index, writing by index; NonZero, NonMaxSuppression, OneHot, Compress, Unique |
//! | `generate` | Constant, ConstantOfShape, EyeLike, Range, random numbers |
//! | `resize`, `signal` | Resize, GridSample, AffineGrid, ImageDecoder; DFT, STFT, windows |
//! | `sequence`, `strings` | sequences and optionals; StringSplit, TfIdfVectorizer, … |
//! | `ml` | ai.onnx.ml, and the optimisers on trial |
//! | `contrib` | com.microsoft, by the same families |
//!
//! What the rules are written in: `node` (operands and attributes), `dims` (bounded dimensions),
//! `work` (counts and bytes), `form` (forms of kernels), `traffic` (operands read in part), `window` (sliding windows),
//! `broadcast`, `int_list` (axes and sizes, given as attribute or input), and for values `scalar` (one
//! element) and `small_tensor` (elements by position).

mod broadcast;
mod dims;
pub mod form;
mod int_list;
mod node;
mod scalar;
mod small_tensor;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod traffic;
mod window;
mod work;

mod along_axis;
mod attention;
mod cast;
mod contrib;
mod conv;
mod einsum;
mod elementwise;
mod gather;
mod generate;
mod layout;
mod logic;
mod matmul;
mod ml;
mod norm;
mod pool;
mod quantize;
mod reduce;
mod reshape;
mod resize;
mod rnn;
mod scatter;
mod select;
mod sequence;
mod signal;
mod slice;
mod strings;

pub use dims::resolve_axis;
pub use form::Form;
pub use node::{Attribute, Attributes, Node, OpError, Operand};
pub use table::{OPERATORS, find};
pub use work::{Bytes, Confidence, Counts, Moved};

use std::borrow::Cow;

use crate::tensor::{Elements, Type};

/// One operator: what the table says of it.
#[derive(Debug)]
pub struct Operator {
    /// Operator-set domain; empty for ai.onnx.
    pub domain: &'static str,
    /// Name as nodes spell it.
    pub name: &'static str,
    /// First version of the domain's operator set that has it.
    pub since: i64,
    /// What is known of it.
    pub rule: Rule,
}

/// What the table knows of an operator.
#[derive(Debug)]
pub enum Rule {
    /// It has all its rules.
    Costed(Costed),
    /// It has all its rules, and graphs that it applies on the way: their nodes cost as well.
    Modified(Costed, BodyRule),
    /// It runs graphs: inference enters them, and their nodes cost, not it. What it counts, in words.
    Subgraph(&'static str),
    /// Not counted yet, with the reason.
    Unsupported(&'static str),
}

/// The rules of one operator.
#[derive(Debug)]
pub struct Costed {
    /// Types of its outputs.
    pub shape: ShapeRule,
    /// Values of its outputs, where small values pass through it.
    pub value: Values,
    /// Operations it does.
    pub work: Work,
    /// Bytes it reads and writes.
    pub traffic: Traffic,
    /// Which of its inputs are parameters when they are constant.
    pub weights: Weights,
    /// Form of its kernel.
    pub form: FormRule,
}

/// Types of a node's outputs from its operands. May give fewer types than the node has outputs (the
/// rest are unknown) or more (the node left them out).
pub type ShapeRule = fn(&Node) -> Result<Vec<Type>, OpError>;

/// Values of a node's outputs, given their types; `None` for an output whose value is not known.
/// Called only where every output is a tensor of at most [`crate::tensor::MAX_ELEMENTS`] elements.
pub type ValueRule = fn(&Node, &[Type]) -> Result<Vec<Option<Elements>>, OpError>;

/// Form of a node's kernel, given the types of its outputs and what it costs: see [`Form::of`].
pub type FormRule = fn(&Node, &[Type], &Counts) -> Result<Form, OpError>;

/// For each graph that a node may have, the attribute that holds it and the types of what it is applied to.
pub type BodyRule = fn(&Node) -> Result<Vec<(&'static str, Vec<Type>)>, OpError>;

/// How small values pass through an operator.
#[derive(Debug)]
pub enum Values {
    /// They do not.
    Opaque,
    /// They are computed.
    Computed(ValueRule),
    /// It draws random numbers: never a constant, even when its inputs are.
    Random,
}

/// The operations a node does.
#[derive(Debug)]
pub enum Work {
    /// None: it moves or relabels data.
    Free,
    /// So many for each element of the first output.
    PerOutput(Counts),
    /// So many for each element of the first input.
    PerInput(Counts),
    /// By a formula over operands and output types, and what it says in words: see [`Work::formula`].
    Formula(fn(&Node, &[Type]) -> Result<Counts, OpError>, &'static str),
}

impl Work {
    /// The formula in words. E stands for the elements of the first output, I for those of the first input, and the
    /// kinds of work are those of [`Counts`].
    #[must_use]
    pub fn formula(&self) -> Cow<'static, str> {
        let each = |counts: &Counts, of: &str| {
            let kinds = [
                (counts.alu, "alu"),
                (counts.div, "div"),
                (counts.trans, "trans"),
                (counts.int, "int"),
                (counts.rng, "rng"),
                (counts.str, "str"),
            ];
            let kinds = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| format!("{n} {kind}"));
            format!("{} an {of}", kinds.collect::<Vec<_>>().join(", ")).into()
        };
        match self {
            Self::Free => "nothing: it moves or relabels data".into(),
            Self::PerOutput(counts) => each(counts, "output"),
            Self::PerInput(counts) => each(counts, "input"),
            Self::Formula(_, formula) => (*formula).into(),
        }
    }
}

/// The bytes a node moves.
#[derive(Debug)]
pub enum Traffic {
    /// None: the output is the first input under another name or shape.
    View,
    /// Each distinct operand is read once, each output written once.
    Streamed,
    /// By a formula: for operators that touch a part of an operand.
    Formula(fn(&Node, &[Type]) -> Result<Moved, OpError>),
}

/// Which inputs of an operator are parameters when they are constant.
#[derive(Clone, Copy, Debug)]
pub enum Weights {
    /// None.
    None,
    /// The inputs at these positions.
    At(&'static [usize]),
    /// Every input that is a floating-point tensor of rank 1 or more: a constant operand of arithmetic
    /// or of a concatenation is a parameter (a bias, a position embedding, a class token), a scalar is not.
    Operands,
    /// Trained scale and offset, and running statistics apart.
    Normalization {
        /// Positions of the trained inputs.
        affine: &'static [usize],
        /// Positions of mean and variance.
        statistics: &'static [usize],
    },
    /// Quantised weights, and their scales and zero points apart.
    Quantized {
        /// Positions of the weights and biases.
        values: &'static [usize],
        /// Positions of scales and zero points, those of activations included.
        parameters: &'static [usize],
    },
    /// Quantised weights stored as bytes that hold several elements, or parts of one, and their scales
    /// and zero points apart.
    Packed {
        /// Positions of the weights and biases.
        values: &'static [usize],
        /// Positions of scales and zero points.
        parameters: &'static [usize],
        /// How many elements the input at a position stands for; `None` where it is not packed.
        logical: fn(&Node, usize) -> Option<u64>,
    },
    /// Weights of experts, some of which each token meets: else as [`Weights::Packed`].
    Experts {
        /// Positions of the weights and biases, experts first.
        values: &'static [usize],
        /// Positions of scales and zero points.
        parameters: &'static [usize],
        /// How many elements the input at a position stands for; `None` where it is not packed.
        logical: fn(&Node, usize) -> Option<u64>,
        /// How many experts a token meets, and how many there are.
        met: fn(&Node) -> Option<[u64; 2]>,
    },
    /// Parameters kept in attributes (ai.onnx.ml): how many elements, and how many bytes.
    Attributes(fn(&Node) -> (u64, u64)),
}

impl Operator {
    /// The rules, if the operator has them.
    pub fn costed(&self) -> Option<&Costed> {
        match &self.rule {
            Rule::Costed(costed) | Rule::Modified(costed, _) => Some(costed),
            Rule::Subgraph(_) | Rule::Unsupported(_) => None,
        }
    }
}

/// The work of a node, by the rule of its operator.
///
/// # Errors
/// What the rule says: see [`OpError`].
pub fn counts(rules: &Costed, node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    match &rules.work {
        Work::Free => Ok(Counts::ZERO),
        Work::PerOutput(each) => each.times(dims::output_count(outputs, 0)?),
        Work::PerInput(each) => each.times(node.count(0)?),
        Work::Formula(rule, _) => rule(node, outputs),
    }
}
