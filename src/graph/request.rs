//! What the user fixes of a model before inference.

/// What the user fixes before inference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Dimensions by name: `batch`, or `input[0]` for one without a name.
    pub dims: Vec<(String, u64)>,
    /// Whole shapes of inputs, which may override dimensions that the model fixes.
    pub inputs: Vec<(String, Vec<u64>)>,
    /// The batch dimension, whatever it is called.
    pub batch: Option<u64>,
    /// How often the body of a Loop or Scan runs where the model does not say: of the node with that name, or of
    /// every one.
    pub trips: Vec<(Option<String>, u64)>,
    /// Whether the condition of an If holds where the model does not say: of the node with that name, or of every one.
    pub branches: Vec<(Option<String>, bool)>,
    /// Tokens of a decoder, whatever its dimensions are called.
    pub tokens: Option<Tokens>,
    /// Elements of inputs that decide shapes or turns, in row-major order, as people write them: numbers, `true`, `false`.
    pub values: Vec<(String, Vec<String>)>,
}

/// Tokens that one run of a decoder handles, of each sequence of the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// Those it reads.
    pub current: u64,
    /// Those whose keys and values are in its cache.
    pub past: u64,
}

impl Request {
    /// Whether the user fixes a shape: a node that contradicts one is an error then.
    pub(super) fn fixes_shapes(&self) -> bool {
        !self.dims.is_empty()
            || !self.inputs.is_empty()
            || self.batch.is_some()
            || self.tokens.is_some()
            || !self.values.is_empty()
    }
}
