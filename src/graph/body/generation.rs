//! BeamSearch, GreedySearch, Sampling and WhisperBeamSearch: graphs that run once for each generated token.
//!
//! A decoder reads the prompt once, and then one token a run, on a past that grows by one. With an encoder before it,
//! that runs once. A run costs more the longer its past: by so much each time, where the past is a cache. So the runs are
//! listed by their mean: twice, with half of them each, if they are even in number, else once. Both add up to what all
//! runs cost. Choosing among tokens is not counted: a few operations an entry of the vocabulary, where the decoder does
//! a product of its width.
//!
//! Source: ONNX Runtime 1.32, com.microsoft `BeamSearch` and the names of inputs and outputs that it asks of the graphs.

use super::{Again, Call, body};
use crate::graph::constant::declared;
use crate::graph::infer::{Walker, name_of};
use crate::graph::names::Known;
use crate::graph::{GraphError, Trips};
use crate::onnx::schema::{GraphProto, NodeProto, ValueInfoProto};
use crate::ops::Attribute;
use crate::tensor::{Dim, ElementType, Scalar, Shape, TensorType, Type};

/// Inputs of the node by position; `Sampling` and `GreedySearch` have only the first two of these.
const MAX_LENGTH: usize = 1;
const NUM_BEAMS: usize = 3;
const NUM_RETURN_SEQUENCES: usize = 4;
const DECODER_INPUT_IDS: usize = 10;

/// The sizes that a run of a graph is given.
#[derive(Clone, Debug)]
struct Sizes {
    /// Sequences of a batch.
    batch: Dim,
    /// Candidates for each sequence.
    beams: Dim,
    /// Sequences that the graph sees: all candidates in a decoder, the batch in an encoder.
    rows: Dim,
    /// Tokens that the run reads of each.
    tokens: Dim,
    /// Tokens that were read before.
    past: Dim,
    /// What an encoder reads, as the node is given it; empty for a decoder.
    features: Shape,
    /// Tokens, or frames, that the encoder makes.
    context: Dim,
    /// Tokens that there is room for in caches that are written in place.
    room: Dim,
}

/// Types of the outputs of an encoder, by name.
type Made = Vec<(String, Type)>;

impl<'m> Walker<'m> {
    /// Walks the graphs of a node that generates tokens.
    pub(super) fn walk_generation(&mut self, call: Call<'_, 'm>) -> Result<Vec<Known>, GraphError> {
        let Call { index, node, operands, scope } = call;
        let Some(decoder) = body(node, "decoder") else { return Ok(self.not_entered(index)) };
        let encoder = body(node, "encoder");
        let input = |at: usize| operands.get(at).copied().flatten();
        let dims = |walker: &Self, at: usize| {
            let known = walker.known(input(at));
            known.ty.tensor().and_then(|ty| ty.shape.clone()).unwrap_or_default()
        };
        let number = |walker: &Self, at: usize| match walker.known(input(at)).elements.as_deref() {
            Some([element]) => element.dim(),
            _ => Dim::Unknown,
        };
        let beam_search = matches!(node.op_type.as_str(), "BeamSearch" | "WhisperBeamSearch");
        let batch = dims(self, 0).first().copied().unwrap_or(Dim::Unknown);
        let mut trips = Trips::Exact;
        let mut beams = if beam_search { number(self, NUM_BEAMS) } else { Dim::Exact(1) };
        if beams == Dim::Unknown {
            (beams, trips) = (Dim::Exact(1), Trips::Unknown);
            let message =
                "how many beams there are is not known: counted as one (--value says what an input holds)";
            self.warn("trip-count", node, message.to_owned());
        }
        // The tokens that are there before the first one is generated.
        let given = match encoder {
            None => dims(self, 0).get(1).copied().unwrap_or(Dim::Unknown),
            Some(_) if beam_search && input(DECODER_INPUT_IDS).is_some() => {
                dims(self, DECODER_INPUT_IDS).get(1).copied().unwrap_or(Dim::Unknown)
            }
            Some(_) => Dim::Exact(1),
        };
        let most = number(self, MAX_LENGTH).combine(given, |most, given| Some(most.saturating_sub(given)));
        let said = self.answers.trips(name_of(node));
        let generated = match (most.bound(), said) {
            (Some(most), None) => {
                // A sequence may end before.
                trips = trips.max(Trips::AtMost);
                most
            }
            (Some(most), Some(said)) => most.min(said),
            (None, Some(said)) => said,
            (None, None) => {
                trips = Trips::Unknown;
                let message =
                    "how many tokens it generates is not known: counted as two (--trips says how many)";
                self.warn("trip-count", node, message.to_owned());
                2
            }
        };
        if let Some(said) = said.filter(|said| *said == generated) {
            self.answers.took(name_of(node), said);
        }
        let length = match number(self, MAX_LENGTH) {
            Dim::Unknown if said.is_some() => given.plus(Dim::Exact(generated)),
            length => length,
        };

        let rows = batch.times(beams);
        let prompt = Sizes {
            batch,
            beams,
            rows,
            tokens: given,
            past: Dim::Exact(0),
            features: vec![],
            context: Dim::Unknown,
            room: length,
        };
        let mut scope = scope.body(scope.path.clone());
        scope.trips = scope.trips.max(trips);
        let mut steps = generated;
        let mut past = given;
        let mut made: Made = vec![];
        let mut context = Dim::Unknown;
        let mut logits = Known::UNKNOWN;
        if generated > 0 {
            // Either reads the prompt, and makes the first token; a newer encoder leaves that to the decoder.
            let first = match encoder {
                Some(encoder) => {
                    (encoder, "encoder", Sizes { rows: batch, features: dims(self, 0), ..prompt.clone() })
                }
                None => (body(node, "init_decoder").unwrap_or(decoder), "prompt", prompt.clone()),
            };
            let (graph, name, sizes) = first;
            let outputs = self.walk_run(Call { scope: &scope, ..call }, (graph, name), &sizes, &made, 1)?;
            let reads_prompt = encoder
                .is_none_or(|encoder| encoder.input.iter().any(|info| info.name == "decoder_input_ids"));
            if reads_prompt {
                steps = generated.saturating_sub(1);
                logits = outputs.first().cloned().unwrap_or(Known::UNKNOWN);
            } else {
                past = given.map(|given| Some(given.saturating_sub(1)));
            }
            if encoder.is_some() {
                made = graph
                    .output
                    .iter()
                    .zip(outputs)
                    .map(|(info, known)| (info.name.clone(), known.ty))
                    .collect();
                context = context_of(&made)
                    .unwrap_or_else(|| dims(self, 0).get(1).copied().unwrap_or(Dim::Unknown));
            }
        }
        // Some decoders are given all tokens so far in each run: none costs more than the last.
        let reads_all = encoder.is_some() && !reads_one(decoder);
        if reads_all {
            scope.trips = scope.trips.max(Trips::AtMost);
        }
        let runs = if reads_all { last(steps) } else { means(steps) };
        for (ahead, turns) in runs {
            let past = past.map(|past| past.checked_add(ahead));
            let tokens = if reads_all { past.plus(Dim::Exact(1)) } else { Dim::Exact(1) };
            let sizes = Sizes { tokens, past, context, ..prompt.clone() };
            let outputs =
                self.walk_run(Call { scope: &scope, ..call }, (decoder, "decoder"), &sizes, &made, turns)?;
            logits = outputs.first().cloned().unwrap_or(Known::UNKNOWN);
        }
        let returned = if beam_search { Some(number(self, NUM_RETURN_SEQUENCES)) } else { None };
        let fresh = length.combine(given, |length, given| Some(length.saturating_sub(given)));
        Ok(outputs(node, &logits, [batch, beams, length, fresh], returned))
    }

    /// Walks so many runs of a graph at the same sizes; gives what is known of its outputs.
    fn walk_run(
        &mut self,
        call: Call<'_, 'm>,
        (graph, name): (&'m GraphProto, &str),
        sizes: &Sizes,
        made: &Made,
        turns: u64,
    ) -> Result<Vec<Known>, GraphError> {
        let in_place = graph.input.iter().any(|info| is_past_length(&info.name));
        let inputs: Vec<Known> = graph.input.iter().map(|info| feed(info, sizes, made, in_place)).collect();
        let mut inner = call.scope.body(call.path(name));
        inner.repeat = call.scope.repeat.saturating_mul(turns);
        let again = if turns > 1 { Again::Often } else { Again::Never };
        self.apart(|walker| walker.walk_given(call.index, graph, inputs, &mut inner, again))
    }
}

/// So many turns that follow each other, by how many come before the ones that stand for all, and how many each of
/// these stands for. What grows by the same amount each turn adds up to the same.
fn means(turns: u64) -> Vec<(u64, u64)> {
    let half = turns / 2;
    match (turns, turns % 2) {
        (0, _) => vec![],
        (_, 0) => vec![(half - 1, half), (half, half)],
        _ => vec![(half, turns)],
    }
}

/// The last of so many turns for all of them: see [`means`].
fn last(turns: u64) -> Vec<(u64, u64)> {
    turns.checked_sub(1).map(|ahead| (ahead, turns)).into_iter().collect()
}

/// Whether a graph declares that it reads one token a run.
fn reads_one(graph: &GraphProto) -> bool {
    let tokens = graph.input.iter().find(|info| info.name == "input_ids");
    let declared = tokens.and_then(|info| Some(declared(info.r#type.as_ref()?, &mut |_, _| Dim::Unknown)));
    let shape = declared.as_ref().and_then(|ty| ty.tensor()?.shape.as_deref());
    matches!(shape, Some([_, Dim::Exact(1)]))
}

/// What an encoder makes of its input: so many places.
fn context_of(made: &Made) -> Option<Dim> {
    let found = |word: &str, axis: usize| {
        let (_, ty) = made.iter().find(|(name, _)| name.contains(word))?;
        ty.tensor()?.shape.as_ref()?.get(axis).copied()
    };
    found("hidden_states", 1).or_else(|| found("cross", 2))
}

fn is_past_length(name: &str) -> bool {
    matches!(name, "past_sequence_length" | "past_seq_len")
}

/// The type, and where it is known the value, of an input of a graph: what the graph declares, its open dimensions by
/// what the input is for, and failing that as the encoder made it.
fn feed(info: &ValueInfoProto, sizes: &Sizes, made: &Made, in_place: bool) -> Known {
    let declared = info.r#type.as_ref().map_or(Type::Unknown, |ty| declared(ty, &mut |_, _| Dim::Unknown));
    let Type::Tensor(TensorType { element, shape }) = declared else { return Known::UNKNOWN };
    let Sizes { batch, beams, rows, tokens, past, context, room, .. } = *sizes;
    let open = Dim::Unknown;
    let rank = shape.as_ref().map(Vec::len);
    let cache = if in_place { room } else { past };
    let mut elements = None;
    let name = info.name.as_str();
    let expected: Shape = match (name, rank) {
        ("input_ids" | "position_ids" | "decoder_input_ids", _) => vec![rows, tokens],
        ("attention_mask", _) => vec![rows, past.plus(tokens)],
        ("encoder_input_ids", _) => sizes.features.clone(),
        ("encoder_attention_mask", _) if !sizes.features.is_empty() => {
            sizes.features.iter().copied().take(2).collect()
        }
        ("encoder_attention_mask", _) => vec![rows, context],
        ("encoder_hidden_states", _) => vec![rows, context, open],
        (name, _) if is_past_length(name) => {
            elements = Some(vec![Scalar::from(past)]);
            vec![Dim::Exact(1)]
        }
        ("beam_width" | "num_beams", _) => {
            elements = Some(vec![Scalar::from(beams)]);
            vec![Dim::Exact(1)]
        }
        ("cache_indirection", _) => vec![batch, beams, room],
        (name, Some(4)) if name.contains("cross") => vec![rows, open, context, open],
        (_, Some(4)) => vec![rows, open, cache, open],
        (_, Some(5)) => vec![Dim::Exact(2), rows, open, cache, open],
        _ => vec![],
    };
    let shape = shape.unwrap_or_else(|| vec![open; expected.len()]);
    let present = name.replacen("past", "present", 1);
    let same = made.iter().find(|(made, _)| *made == name || *made == present);
    let same = same.and_then(|(_, ty)| ty.tensor()?.shape.as_deref()).unwrap_or_default();
    let dims = shape.iter().enumerate().map(|(axis, declared)| {
        let known = |dims: &[Dim]| dims.get(axis).copied().filter(|dim| *dim != open);
        match declared {
            Dim::Unknown => known(&expected).or_else(|| known(same)).unwrap_or(open),
            declared => *declared,
        }
    });
    let ty = TensorType::new(element, dims.collect::<Vec<_>>());
    let elements = elements.filter(|_| ty.elements() == Dim::Exact(1) && !element.is_float());
    Known { ty: ty.into(), elements, constant: false }
}

/// Types of the node's outputs: the sequences; their scores, and those of each token, for searches with beams; what
/// `Sampling` draws from.
fn outputs(
    node: &NodeProto,
    logits: &Known,
    [batch, beams, length, fresh]: [Dim; 4],
    returned: Option<Dim>,
) -> Vec<Known> {
    let logits = logits.ty.tensor();
    let element = logits.map_or(ElementType::Float32, |ty| ty.element);
    let stated = node.attribute.iter().find(|attribute| attribute.name == "vocab_size");
    let stated = stated.and_then(|attribute| match crate::graph::constant::attribute(attribute)? {
        Attribute::Int(n) => u64::try_from(n).ok().filter(|n| *n > 0),
        _ => None,
    });
    let last = logits.and_then(|ty| ty.shape.as_ref()?.last().copied());
    let vocabulary = stated.map(Dim::Exact).or(last).unwrap_or(Dim::Unknown);
    let tensor = |element, shape: &[Dim]| Type::from(TensorType::new(element, shape));
    let types = match returned {
        None => vec![tensor(ElementType::Int32, &[batch, length]), tensor(element, &[batch, vocabulary])],
        Some(returned) => vec![
            tensor(ElementType::Int32, &[batch, returned, length]),
            tensor(element, &[batch, returned]),
            tensor(element, &[fresh, batch, beams, vocabulary]),
            Type::Unknown,
            tensor(element, &[batch]),
        ],
    };
    types.into_iter().map(|ty| Known { ty, elements: None, constant: false }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_add_up_to_what_all_turns_are() {
        for turns in 0..20u64 {
            let each: u64 = (0..turns).map(|turn| 7 + 3 * turn).sum();
            let listed = means(turns);
            assert_eq!(listed.iter().map(|(ahead, times)| times * (7 + 3 * ahead)).sum::<u64>(), each);
            assert!(listed.len() <= 2);
        }
    }
}
