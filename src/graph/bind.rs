//! Binds the open dimensions of a model's inputs before inference: shapes are integers from then on.
//!
//! What the user says comes first, then what the model fixes; the rest gets a stated default by what it
//! is called and, failing that, by where it stands. Every dimension is reported with its origin.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::GraphError;
use super::constant::declared;
use super::request::{Request, Tokens};
use crate::onnx::schema::{GraphProto, ValueInfoProto};
use crate::tensor::{Dim, ElementType, Elements, MAX_ELEMENTS, Scalar, TensorType, Type};

/// One dimension of the inputs, and what it was taken to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Its name in the model, or `input[axis]`.
    pub name: String,
    /// Its size.
    pub value: u64,
    /// Who says so.
    pub origin: Origin,
}

/// Who fixed a dimension.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// The user, by name or shape.
    User,
    /// The model: a number in the file, or a sum of dimensions that are known.
    Model,
    /// Nobody: a stated default.
    Default,
}

/// What an open dimension stands for; decides its default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// How many independent samples: 1.
    Batch,
    /// Tokens or steps that one run handles: 128, or 1 where a cache of past ones comes in.
    Sequence,
    /// Tokens of the other sequence of an encoder-decoder: 128, cache or not.
    Context,
    /// Tokens already in a cache: 128.
    Past,
    /// Past and current tokens together.
    Total,
    /// Height or width of an image: 224.
    Side,
    /// Colour channels: 3.
    Channels,
    /// Frames of a video: 16.
    Frames,
    /// Audio samples, one second at 16 kHz: 16,000.
    Samples,
}

/// Words in a dimension's name, and the role they give it; the first match wins. A word matches within
/// the name if it is long, and as a whole part of it (between `_`, `.`, digits) if it is one letter.
const ROLES: &[(&str, Role)] = &[
    ("batch", Role::Batch),
    ("bsz", Role::Batch),
    ("past", Role::Past),
    ("cache", Role::Past),
    ("total", Role::Total),
    ("encoder", Role::Context),
    ("context", Role::Context),
    ("sample", Role::Samples),
    ("audio", Role::Samples),
    ("wave", Role::Samples),
    ("height", Role::Side),
    ("width", Role::Side),
    ("channel", Role::Channels),
    ("frame", Role::Frames),
    ("seq", Role::Sequence),
    ("length", Role::Sequence),
    ("token", Role::Sequence),
    ("text", Role::Sequence),
    ("time", Role::Sequence),
    ("h", Role::Side),
    ("w", Role::Side),
    ("t", Role::Sequence),
    ("n", Role::Batch),
    ("b", Role::Batch),
    ("bs", Role::Batch),
];

/// A cache holds a vector for each token of each sequence.
const LEAST_RANK_OF_CACHE: usize = 3;

/// One dimension of one input.
struct Slot {
    input: usize,
    axis: usize,
    rank: usize,
    fixed: Option<u64>,
    symbol: Option<String>,
    given: Option<u64>,
}

/// The inputs of a graph with their dimensions bound.
pub(super) struct Bound {
    /// Type of each of [`inputs_of`] the graph, in order.
    pub inputs: Vec<Type>,
    /// The elements of those that the user gives.
    pub elements: Vec<Option<Elements>>,
    /// Those that hold keys and values of earlier tokens.
    pub caches: BTreeSet<usize>,
    /// Every dimension with its origin.
    pub bindings: Vec<Binding>,
    /// The named dimensions.
    pub symbols: HashMap<String, u64>,
}

/// Binds the inputs of a graph.
///
/// # Errors
/// A name that the model does not have, a shape of another rank, or two sizes for one dimension.
pub(super) fn bind(graph: &GraphProto, request: &Request) -> Result<Bound, GraphError> {
    let inputs: Vec<&ValueInfoProto> = inputs_of(graph).collect();
    let mut binder = Binder::new(&inputs);
    for (name, shape) in &request.inputs {
        binder.shape(name, shape)?;
    }
    for (name, value) in &request.dims {
        binder.dimension(name, *value)?;
    }
    for (name, words) in &request.values {
        binder.length(name, words.len())?;
    }
    if let Some(batch) = request.batch {
        binder.batch(batch)?;
    }
    if let Some(tokens) = request.tokens {
        binder.tokens(tokens)?;
    }
    let mut bound = binder.finish();
    for (name, words) in &request.values {
        let Some(input) = inputs.iter().position(|info| info.name == *name) else { continue };
        let Some(ty) = bound.inputs.get(input) else { continue };
        let elements = written(name, ty, words)?;
        for (at, element) in elements.iter().enumerate() {
            let name =
                if elements.len() == 1 { format!("value({name})") } else { format!("value({name})[{at}]") };
            let value = element.int().and_then(|n| u64::try_from(n).ok());
            bound.bindings.extend(value.map(|value| Binding { name, value, origin: Origin::User }));
        }
        if let Some(place) = bound.elements.get_mut(input) {
            *place = Some(elements);
        }
    }
    Ok(bound)
}

/// The inputs of a graph that an initializer does not give a value: files of IR version 3 list every
/// initializer as an input, later ones those that a caller may override.
pub(super) fn inputs_of(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let dense = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    let sparse =
        graph.sparse_initializer.iter().filter_map(|sparse| Some(sparse.values.as_ref()?.name.as_str()));
    let initialized: HashSet<&str> = dense.chain(sparse).collect();
    graph.input.iter().filter(move |input| !initialized.contains(input.name.as_str()))
}

struct Binder<'m> {
    inputs: &'m [&'m ValueInfoProto],
    /// Declared types, open dimensions unknown; an unranked input gets the rank that the user gives.
    types: Vec<Type>,
    slots: Vec<Slot>,
    symbols: HashMap<String, (u64, Origin)>,
}

impl<'m> Binder<'m> {
    fn new(inputs: &'m [&'m ValueInfoProto]) -> Self {
        let mut slots = vec![];
        let types = inputs
            .iter()
            .enumerate()
            .map(|(input, info)| {
                let mut symbols = HashMap::new();
                let ty = info.r#type.as_ref().map_or(Type::Unknown, |ty| {
                    declared(ty, &mut |axis, symbol| {
                        // Some exporters write `?` for a dimension without a name.
                        let named = symbol.filter(|name| name.contains(char::is_alphanumeric));
                        symbols.insert(axis, named.map(str::to_owned));
                        Dim::Unknown
                    })
                });
                if let Type::Tensor(TensorType { shape: Some(shape), .. }) = &ty {
                    slots.extend(shape.iter().enumerate().map(|(axis, dim)| Slot {
                        input,
                        axis,
                        rank: shape.len(),
                        fixed: dim.exact(),
                        symbol: symbols.remove(&axis).flatten(),
                        given: None,
                    }));
                }
                ty
            })
            .collect();
        Self { inputs, types, slots, symbols: HashMap::new() }
    }

    fn name(&self, slot: &Slot) -> String {
        match &slot.symbol {
            Some(symbol) => symbol.clone(),
            None => format!("{}[{}]", self.input_name(slot.input), slot.axis),
        }
    }

    fn input_name(&self, input: usize) -> &str {
        self.inputs.get(input).map_or("", |info| info.name.as_str())
    }

    fn set_symbol(&mut self, name: &str, value: u64) -> Result<(), GraphError> {
        match self.symbols.insert(name.to_owned(), (value, Origin::User)) {
            Some((first, _)) if first != value => {
                Err(GraphError::Contradiction { name: name.to_owned(), first, second: value })
            }
            _ => Ok(()),
        }
    }

    /// `--input NAME=SHAPE`.
    fn shape(&mut self, name: &str, shape: &[u64]) -> Result<(), GraphError> {
        let Some(input) = self.inputs.iter().position(|info| info.name == name) else {
            let known = self.inputs.iter().map(|info| info.name.clone()).collect();
            return Err(GraphError::UnknownName { kind: "input", name: name.to_owned(), known });
        };
        let Some(Type::Tensor(ty)) = self.types.get_mut(input) else {
            return Err(GraphError::InputRank { input: name.to_owned(), expected: 0, found: shape.len() });
        };
        match &ty.shape {
            None => {
                ty.shape = Some(shape.iter().map(|_| Dim::Unknown).collect());
                self.slots.extend(shape.iter().enumerate().map(|(axis, value)| Slot {
                    input,
                    axis,
                    rank: shape.len(),
                    fixed: None,
                    symbol: None,
                    given: Some(*value),
                }));
                return Ok(());
            }
            Some(declared) if declared.len() != shape.len() => {
                return Err(GraphError::InputRank {
                    input: name.to_owned(),
                    expected: declared.len(),
                    found: shape.len(),
                });
            }
            Some(_) => {}
        }
        let mut named = vec![];
        for slot in self.slots.iter_mut().filter(|slot| slot.input == input) {
            slot.given = shape.get(slot.axis).copied();
            named.extend(slot.symbol.clone().zip(slot.given));
        }
        named.into_iter().try_for_each(|(symbol, value)| self.set_symbol(&symbol, value))
    }

    /// `--value NAME=V,V`: a list without a length of its own is as long as what is given.
    fn length(&mut self, name: &str, length: usize) -> Result<(), GraphError> {
        let Some(input) = self.inputs.iter().position(|info| info.name == name) else {
            return self.shape(name, &[]);
        };
        let given = self.slots.iter().any(|slot| slot.input == input && slot.given.is_some());
        let shape = self.types.get(input).and_then(Type::tensor).map(|ty| ty.shape.as_deref());
        match shape {
            Some(None | Some([Dim::Unknown])) if !given => self.shape(name, &[length as u64]),
            _ => Ok(()),
        }
    }

    /// `--dim NAME=VALUE`.
    fn dimension(&mut self, name: &str, value: u64) -> Result<(), GraphError> {
        if self.slots.iter().any(|slot| slot.symbol.as_deref() == Some(name)) {
            return self.set_symbol(name, value);
        }
        let position = self.slots.iter().position(|slot| slot.symbol.is_none() && self.name(slot) == name);
        match position.and_then(|index| self.slots.get_mut(index)) {
            Some(Slot { given: Some(first), .. }) if *first != value => {
                Err(GraphError::Contradiction { name: name.to_owned(), first: *first, second: value })
            }
            Some(slot) => {
                slot.given = Some(value);
                Ok(())
            }
            None => {
                let open = self.slots.iter().filter(|slot| slot.fixed.is_none());
                let mut listed = HashSet::new();
                let mut known: Vec<String> =
                    open.map(|slot| self.name(slot)).filter(|name| listed.insert(name.clone())).collect();
                if known.is_empty() {
                    known.push("no open dimension (--input can override a fixed one)".into());
                }
                Err(GraphError::UnknownName { kind: "dimension", name: name.to_owned(), known })
            }
        }
    }

    /// `--batch N`: the dimensions called so; if there is none, the leading dimensions that are open, or
    /// that are fixed at the same size as the first one.
    fn batch(&mut self, value: u64) -> Result<(), GraphError> {
        let roles = self.roles();
        let symbols: BTreeSet<String> = self
            .slots
            .iter()
            .zip(roles)
            .filter(|(_, role)| *role == Role::Batch)
            .filter_map(|(slot, _)| slot.symbol.clone())
            .collect();
        if !symbols.is_empty() {
            return symbols.iter().try_for_each(|symbol| self.set_symbol(symbol, value));
        }
        let fixed =
            self.slots.iter().find(|slot| slot.axis == 0 && slot.rank > 1).and_then(|slot| slot.fixed);
        let mut found = false;
        for slot in self.slots.iter_mut().filter(|slot| slot.axis == 0) {
            if slot.fixed.is_none() || (slot.rank > 1 && slot.fixed == fixed) {
                // A whole shape, given with --input, stands for its input.
                found |= slot.given.is_none_or(|given| given == value);
                slot.given.get_or_insert(value);
            }
        }
        if found { Ok(()) } else { Err(GraphError::NoBatch) }
    }

    /// Sets the tokens of a decoder: every open dimension that counts those of a run, those in the cache, or both.
    ///
    /// A model that fixes how many one run reads, or has no cache, takes those sizes alone.
    fn tokens(&mut self, tokens: Tokens) -> Result<(), GraphError> {
        let Tokens { current, past } = tokens;
        let total = current.checked_add(past).ok_or(GraphError::NoTokens { what: "all" })?;
        let roles = self.roles();
        let cached = roles.contains(&Role::Past);
        let mut read = false;
        let mut named = vec![];
        for (slot, role) in self.slots.iter_mut().zip(roles) {
            let value = match role {
                Role::Sequence => current,
                Role::Past => past,
                Role::Total => total,
                _ => continue,
            };
            read |= role == Role::Sequence && (slot.fixed.is_none() || slot.fixed == Some(current));
            match &slot.symbol {
                // A sum follows from its terms.
                Some(symbol) if symbol.contains('+') => {}
                Some(symbol) => named.push((symbol.clone(), value)),
                None if slot.fixed.is_none() => slot.given = Some(value),
                None => {}
            }
        }
        if past > 0 && !cached {
            return Err(GraphError::NoTokens { what: "past" });
        }
        if current != 1 && !read {
            return Err(GraphError::NoTokens { what: "current" });
        }
        named.sort();
        named.dedup();
        named.into_iter().try_for_each(|(symbol, value)| self.set_symbol(&symbol, value))
    }

    /// The role of each slot: by its name, else by its input's name and its position.
    fn roles(&self) -> Vec<Role> {
        let past = self.has_past();
        let is_channels = |slot: &&Slot| slot.axis + 1 == slot.rank && matches!(slot.fixed, Some(1 | 3 | 4));
        let channels_last: HashSet<usize> =
            self.slots.iter().filter(is_channels).map(|slot| slot.input).collect();
        let role = |slot: &Slot| {
            let named = slot.symbol.as_deref().and_then(|symbol| role_of_name(symbol, slot.axis));
            named.unwrap_or_else(|| self.role_of_position(slot, past, channels_last.contains(&slot.input)))
        };
        self.slots.iter().map(role).collect()
    }

    fn role_of_position(&self, slot: &Slot, past: bool, channels_last: bool) -> Role {
        let name = self.input_name(slot.input).to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let last = slot.axis + 1 == slot.rank;
        if is(&["audio", "wave", "speech", "pcm", "waveform"]) && last {
            return Role::Samples;
        }
        if slot.axis == 0 {
            return Role::Batch;
        }
        if is(&["past", "cache"]) && slot.axis + 2 == slot.rank {
            return Role::Past;
        }
        if is(&["mask"]) && past {
            return Role::Total;
        }
        let ty = self.types.get(slot.input).and_then(Type::tensor);
        let image = ty.is_some_and(|ty| ty.element.is_float() || ty.element == ElementType::Uint8);
        match (slot.rank, image) {
            (4, true) if slot.axis == 1 && !channels_last => Role::Channels,
            (4, true) => Role::Side,
            (5, true) if slot.axis >= 3 => Role::Side,
            (5, true) if slot.axis == 2 => Role::Frames,
            (5, true) => Role::Channels,
            _ => Role::Sequence,
        }
    }

    fn has_past(&self) -> bool {
        self.inputs.iter().any(|info| {
            let name = info.name.to_lowercase();
            name.contains("past") || name.contains("cache")
        }) || self.slots.iter().any(|slot| {
            slot.symbol.as_deref().is_some_and(|symbol| role_of_name(symbol, slot.axis) == Some(Role::Past))
        })
    }

    /// Gives every open dimension its default and collects the result.
    fn finish(mut self) -> Bound {
        let past = self.has_past();
        let roles = self.roles();
        // What is known of a role: a size that the user gives, or one that the file fixes where only that
        // role can stand (an integer input's tokens, a cache's steps).
        let given = |role: Role, binder: &Self| {
            let slots = binder.slots.iter().zip(&roles).filter(|(_, found)| **found == role);
            slots.map(|(slot, _)| slot).find_map(|slot| {
                let symbol = slot.symbol.as_deref().and_then(|symbol| binder.symbols.get(symbol));
                let tokens = binder
                    .types
                    .get(slot.input)
                    .and_then(Type::tensor)
                    .is_some_and(|ty| ty.element.is_integer());
                slot.given
                    .or(symbol.map(|(value, _)| *value))
                    .or(slot.fixed.filter(|_| tokens || role == Role::Past))
            })
        };
        let current = given(Role::Sequence, &self).unwrap_or(if past { 1 } else { 128 });
        let before = given(Role::Past, &self)
            .or_else(|| given(Role::Total, &self).and_then(|total| total.checked_sub(current)))
            .unwrap_or(128);
        let known_past = given(Role::Past, &self).is_some();
        let default = |role: Role| match role {
            Role::Batch => 1,
            Role::Sequence => current,
            Role::Context => 128,
            Role::Past => before,
            Role::Total => current.saturating_add(if past { before } else { 0 }),
            Role::Side => 224,
            Role::Channels => 3,
            Role::Frames => 16,
            Role::Samples => 16_000,
        };

        // Sums such as `past_sequence_length + 1` follow from their terms, so plain names come first.
        for sums in [false, true] {
            for (slot, role) in self.slots.iter().zip(&roles) {
                let Some(symbol) = slot.symbol.as_deref().filter(|symbol| symbol.contains('+') == sums)
                else {
                    continue;
                };
                if self.symbols.contains_key(symbol) {
                    continue;
                }
                let bound = sum(symbol, &self.symbols).unwrap_or_else(|| {
                    let derived = *role == Role::Total && known_past;
                    (default(*role), if derived { Origin::Model } else { Origin::Default })
                });
                self.symbols.insert(symbol.to_owned(), bound);
            }
        }

        let mut types = self.types.clone();
        let mut bindings: Vec<Binding> = vec![];
        let mut listed: HashSet<&str> = HashSet::new();
        for (slot, role) in self.slots.iter().zip(&roles) {
            let symbol = slot.symbol.as_deref().and_then(|symbol| self.symbols.get(symbol)).copied();
            let (value, origin) = match (slot.given, symbol, slot.fixed) {
                (Some(value), ..) => (value, Origin::User),
                (None, Some(bound), _) => bound,
                (None, None, Some(value)) => (value, Origin::Model),
                (None, None, None) => (default(*role), Origin::Default),
            };
            if slot.symbol.as_deref().is_none_or(|symbol| listed.insert(symbol)) {
                let name = self.name(slot);
                bindings.push(Binding { name, value, origin });
            }
            if let Some(Type::Tensor(TensorType { shape: Some(shape), .. })) = types.get_mut(slot.input)
                && let Some(dim) = shape.get_mut(slot.axis)
            {
                *dim = Dim::Exact(value);
            }
        }
        let caches = self.slots.iter().zip(&roles);
        let caches = caches.filter(|(slot, role)| **role == Role::Past && slot.rank >= LEAST_RANK_OF_CACHE);
        Bound {
            caches: caches.map(|(slot, _)| slot.input).collect(),
            elements: vec![None; types.len()],
            inputs: types,
            bindings,
            symbols: self.symbols.into_iter().map(|(name, (value, _))| (name, value)).collect(),
        }
    }
}

/// The elements of an input as people write them.
fn written(input: &str, ty: &Type, words: &[String]) -> Result<Elements, GraphError> {
    let wrong = |problem: String| GraphError::Value { input: input.to_owned(), problem };
    let Type::Tensor(ty) = ty else { return Err(wrong("it is no tensor".to_owned())) };
    match ty.elements() {
        Dim::Exact(count) if count == words.len() as u64 && count <= MAX_ELEMENTS => {}
        Dim::Exact(count) => {
            return Err(wrong(format!("it has {count} elements, {} are given", words.len())));
        }
        _ => return Err(wrong("how many elements it has is not known".to_owned())),
    }
    let element = |word: &String| {
        let read = match ty.element {
            ElementType::Bool => word.parse().map(Scalar::Bool).ok(),
            element if element.is_float() => {
                word.parse().ok().filter(|x: &f64| x.is_finite()).map(Scalar::Float)
            }
            element if element.is_integer() => word.parse().map(Scalar::Int).ok(),
            _ => None,
        };
        read.ok_or_else(|| wrong(format!("\"{word}\" is no element of {}", ty.element)))
    };
    words.iter().map(element).collect()
}

/// Whether a dimension of this name counts past and current tokens together, and so follows from others.
pub(super) fn is_total(name: &str) -> bool {
    role_of_name(name, 0) == Some(Role::Total)
}

/// The role that a dimension's name gives it, if it says anything.
fn role_of_name(name: &str, axis: usize) -> Option<Role> {
    let name = name.to_lowercase();
    if name.contains('+') {
        return Some(Role::Total);
    }
    let parts = || name.split(|c: char| !c.is_alphabetic());
    ROLES
        .iter()
        .find(
            |(word, _)| if word.len() <= 2 { parts().any(|part| part == *word) } else { name.contains(word) },
        )
        .map(|(_, role)| *role)
        // A lone letter says batch only where a batch stands.
        .filter(|role| *role != Role::Batch || axis == 0 || name.contains("batch"))
}

/// The value of a name that is a sum of known names and numbers: `past_sequence_length + 1`.
fn sum(expression: &str, symbols: &HashMap<String, (u64, Origin)>) -> Option<(u64, Origin)> {
    expression.contains('+').then_some(())?;
    expression.split('+').map(str::trim).try_fold((0u64, Origin::Model), |(total, origin), term| {
        let (value, from) = match term.parse::<u64>() {
            Ok(number) => (number, Origin::Model),
            Err(_) => *symbols.get(term)?,
        };
        let origin = if from == Origin::Default { Origin::Default } else { origin };
        Some((total.checked_add(value)?, origin))
    })
}
