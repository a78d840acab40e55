//! Why inference stops.

use crate::ops::OpError;

/// Why a model cannot be inferred as asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GraphError {
    /// The model has no graph.
    #[error("the model has no graph")]
    NoGraph,
    /// A node contradicts the shapes that the user asked for.
    #[error("node \"{node}\" ({op_type}): {error}")]
    Node {
        /// Its name, or its first output's.
        node: String,
        /// Its operator.
        op_type: String,
        /// What does not fit.
        error: OpError,
    },
    /// A dimension, an input or a node with a body that the user names is not there.
    #[error("the model has no {kind} \"{name}\"; it has {}", some_of(.known))]
    UnknownName {
        /// `input`, `dimension`, `loop` or `choice`.
        kind: &'static str,
        /// As the user wrote it.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A shape that the user gives has another rank than the input.
    #[error("input \"{input}\" has rank {expected}, but the shape given has rank {found}")]
    InputRank {
        /// Its name.
        input: String,
        /// Rank in the model.
        expected: usize,
        /// Rank given.
        found: usize,
    },
    /// The user gives two sizes for one dimension.
    #[error("dimension \"{name}\" is given as {first} and as {second}")]
    Contradiction {
        /// Its name.
        name: String,
        /// One size.
        first: u64,
        /// The other.
        second: u64,
    },
    /// Elements that the user gives of an input do not fit it.
    #[error("the value of input \"{input}\" does not fit: {problem}")]
    Value {
        /// Its name.
        input: String,
        /// Why.
        problem: String,
    },
    /// `--batch` on a model whose inputs have no batch dimension.
    #[error("no input has a batch dimension")]
    NoBatch,
    /// A decoder's tokens on a model that does not take them.
    #[error("no input has an open dimension of {what} tokens")]
    NoTokens {
        /// Which: `past`, `current`, or `all` of them are too many.
        what: &'static str,
    },
    /// Bodies and functions expand to too many nodes.
    #[error("bodies and functions expand to more than {limit} nodes")]
    TooManyNodes {
        /// The most that is taken.
        limit: usize,
    },
    /// Bodies and functions are nested too deep, or a function calls itself.
    #[error("bodies and functions are nested deeper than {limit}: does a function call itself?")]
    TooDeep {
        /// The most that is taken.
        limit: usize,
    },
}

impl GraphError {
    /// A word for programs: it names the kind of problem and does not change between releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoGraph => "no-graph",
            Self::Node { .. } => "shape-mismatch",
            Self::UnknownName { .. } => "unknown-name",
            Self::InputRank { .. } => "input-rank",
            Self::Contradiction { .. } => "contradiction",
            Self::Value { .. } => "value-mismatch",
            Self::NoBatch => "no-batch",
            Self::NoTokens { .. } => "no-tokens",
            Self::TooManyNodes { .. } => "too-many-nodes",
            Self::TooDeep { .. } => "too-deep",
        }
    }

    /// What would help, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoGraph => "an ONNX model without a graph holds nothing to count: export it again",
            Self::Node { .. } => "the shapes given with --dim, --input and --batch must suit the model",
            Self::UnknownName { kind: "input", .. } => "names are case-sensitive: --input NAME=1x3x224x224",
            Self::UnknownName { kind: "loop", .. } => {
                "names are case-sensitive: --trips NODE=N, or --trips N for all"
            }
            Self::UnknownName { kind: "choice", .. } => {
                "names are case-sensitive: --branch NODE=then, or --branch then for all"
            }
            Self::UnknownName { .. } => "names are case-sensitive: --dim NAME=V",
            Self::InputRank { .. } => "give as many numbers as the input has dimensions",
            Self::Contradiction { .. } => "a name has one size in the whole model",
            Self::Value { .. } => "give each element once: --value NAME=4, or --value NAME=1,3,224,224",
            Self::NoBatch => "set the dimensions that you mean with --dim or --input",
            Self::NoTokens { what: "past" } => "export the decoder with a cache of keys and values as inputs",
            Self::NoTokens { .. } => "export the decoder with an open number of tokens",
            Self::TooManyNodes { .. } | Self::TooDeep { .. } => {
                "inline the functions of the model, or export it again"
            }
        };
        Some(hint.to_owned())
    }
}

/// The first of many names, and how many more there are.
pub(super) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names.get(..SHOWN).unwrap_or(names).join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
