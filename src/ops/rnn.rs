//! Recurrent layers over a whole sequence: RNN, GRU, LSTM, and the quantised LSTM of ONNX Runtime.
//!
//! The recurrent products count as contractions; biases, gates and activations as arithmetic.

use super::dims::{count, product};
use super::form::{self, Form};
use super::{Attribute, Counts, Node, OpError, elementwise, norm};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// The sizes of a layer, in the letters of the ONNX page.
struct Layer {
    sequence: Dim,
    batch: Dim,
    input: Dim,
    hidden: Dim,
    directions: u64,
    batch_first: bool,
}

/// Where a layer's recurrence weights keep the hidden size: `R [directions, gates·H, H]`, but
/// `R [directions, H, 4·H]` in `DynamicQuantizeLSTM`.
const HIDDEN_LAST: usize = 2;
const HIDDEN_FIRST: usize = 1;

impl Layer {
    /// Reads `X` (`[T, B, I]`, or `[B, T, I]` in layout 1), the direction, and the hidden size from the
    /// attribute or else from `R`.
    fn of(node: &Node, hidden_at: usize) -> Result<Self, OpError> {
        let [first, second, input] = node.dims(0)?;
        let batch_first = node.int_or("layout", 0)? == 1;
        let (sequence, batch) = if batch_first { (second, first) } else { (first, second) };
        let hidden = if node.any("hidden_size").is_some() {
            Dim::Exact(node.positive("hidden_size")?)
        } else {
            node.dims::<3>(2)?.get(hidden_at).copied().unwrap_or(Dim::Unknown)
        };
        let directions = match node.str_or("direction", "forward")? {
            "bidirectional" => 2,
            "forward" | "reverse" => 1,
            other => {
                let problem = format!("is \"{other}\", expected forward, reverse or bidirectional");
                return Err(OpError::Attribute { name: "direction", problem });
            }
        };
        Ok(Self { sequence, batch, input, hidden, directions, batch_first })
    }

    fn form(&self, cell: form::Cell) -> Result<Form, OpError> {
        let size = |dim: Dim| count(&[dim], "a recurrent layer");
        Ok(Form::Recurrent(Box::new(form::Recurrent {
            cell,
            directions: self.directions,
            sequence: size(self.sequence)?,
            batch: size(self.batch)?,
            input: size(self.input)?,
            hidden: size(self.hidden)?,
        })))
    }

    /// `Y`, `Y_h` and, for an LSTM, `Y_c`.
    fn outputs(&self, element: ElementType, states: usize) -> Vec<Type> {
        let (directions, batch, hidden) = (Dim::Exact(self.directions), self.batch, self.hidden);
        let (all, last) = if self.batch_first {
            (vec![batch, self.sequence, directions, hidden], vec![batch, directions, hidden])
        } else {
            (vec![self.sequence, directions, batch, hidden], vec![directions, batch, hidden])
        };
        std::iter::once(all)
            .chain(std::iter::repeat_n(last, states))
            .map(|shape| TensorType::new(element, shape).into())
            .collect()
    }

    /// Cells of one direction's steps: one for each token of each sequence, and whether that is a bound
    /// because `sequence_lens` (input 4) may end sequences early.
    fn tokens(&self, node: &Node) -> Result<(u64, bool), OpError> {
        let padded = count(&[self.sequence, self.batch], "the sequences")?;
        if !node.has_input(4) {
            return Ok((padded, false));
        }
        let lengths = node.ints(4).and_then(|lengths| {
            lengths.iter().try_fold(0u64, |sum, n| sum.checked_add(u64::try_from(*n).ok()?))
        });
        Ok(lengths.map_or((padded, true), |sum| (sum.min(padded), false)))
    }
}

/// What one hidden unit does at one step, beside the products.
struct Cell {
    gates: u64,
    /// Element-wise work of the recurrence.
    combine: u64,
    /// Activations by default, and how often each is applied.
    activations: &'static [(&'static str, u64)],
}

/// `Ht = f(Xt·W + Ht-1·R + Wb + Rb)`.
const RNN: Cell = Cell { gates: 1, combine: 0, activations: &[("Tanh", 1)] };

/// `z` and `r` by f, `h` by g; `r ⊙ Ht-1` and `(1 - z) ⊙ h + z ⊙ Ht-1`.
const GRU: Cell = Cell { gates: 3, combine: 5, activations: &[("Sigmoid", 2), ("Tanh", 1)] };

/// `i`, `f` and `o` by f, `c` by g, `Ct` by h; `f ⊙ Ct-1 + i ⊙ c` and `o ⊙ h(Ct)`.
const LSTM: Cell = Cell { gates: 4, combine: 4, activations: &[("Sigmoid", 3), ("Tanh", 1), ("Tanh", 1)] };

/// With `input_forget`, the forget gate is `1 - i` in place of an activation; its weights are still there.
const COUPLED: Cell = Cell { combine: 5, activations: &[("Sigmoid", 2), ("Tanh", 1), ("Tanh", 1)], ..LSTM };

/// Work of an activation function of the recurrent operators on one element, as of the operator of that name.
///
/// Source: the list of functions on the ONNX pages of RNN, GRU and LSTM.
pub fn activation(name: &str) -> Result<Counts, OpError> {
    match name.to_ascii_lowercase().as_str() {
        "relu" => Ok(Counts::alu(1)),
        "tanh" => Ok(Counts::trans(1)),
        "sigmoid" => Ok(elementwise::SIGMOID),
        "affine" => Ok(Counts::alu(2)),
        "leakyrelu" | "thresholdedrelu" => Ok(elementwise::LEAKY_RELU),
        "scaledtanh" => Ok(Counts { alu: 2, trans: 1, ..Counts::ZERO }),
        "hardsigmoid" => Ok(elementwise::HARD_SIGMOID),
        "elu" => Ok(elementwise::ELU),
        "softsign" => Ok(elementwise::SOFTSIGN),
        "softplus" => Ok(elementwise::SOFTPLUS),
        _ => {
            let problem = format!("names \"{name}\", which is no activation function");
            Err(OpError::Attribute { name: "activations", problem })
        }
    }
}

/// The activations of one unit in all directions together.
fn activations(node: &Node, cell: &Cell, directions: u64) -> Result<Counts, OpError> {
    let given: Vec<&str> = match node.any("activations") {
        Some(Attribute::Strings(names)) => names.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    let clipped = if node.any("clip").is_some() { Counts::alu(2) } else { Counts::ZERO };
    let both = if directions == 2 { 2 } else { 1 };
    let applied = cell.activations.iter().cycle().take(both * cell.activations.len());
    let mut total = Counts::ZERO;
    for (position, (default, times)) in applied.enumerate() {
        let name = given.get(position).copied().unwrap_or(default);
        total = total.plus(activation(name)?.plus(clipped)?.times(*times)?)?;
    }
    Ok(total)
}

/// `directions·T·B·gates·H·(I + H)` multiply-accumulates of factors of those types, and the element-wise
/// work: the sum of both products, two biases a gate, the recurrence, the activations.
fn work(
    node: &Node,
    cell: &Cell,
    layer: &Layer,
    factors: (ElementType, ElementType),
) -> Result<Counts, OpError> {
    let (tokens, bounded) = layer.tokens(node)?;
    let hidden = count(&[layer.hidden], "the hidden state")?;
    let reach = count(&[layer.input.plus(layer.hidden)], "the inputs of a gate")?;
    let units = product(&[tokens, hidden])?;

    let macs = product(&[units, layer.directions, cell.gates, reach])?;
    let biases = if node.has_input(3) { 2 } else { 0 };
    let gates = Counts::alu(cell.gates.saturating_mul(1 + biases)).plus(Counts::alu(cell.combine))?;
    let work = gates
        .times(layer.directions)?
        .plus(activations(node, cell, layer.directions)?)?
        .times(units)?
        .plus(Counts::macs(macs, factors.0, factors.1))?;
    Ok(if bounded { work.at_most() } else { work.by_formula() })
}

/// `X`, `W [directions, H, I]`, `R [directions, H, H]` to `Y [T, directions, B, H]` and `Y_h`.
///
/// Source: ONNX `RNN` and `GRU`, opset 22; layout 1 (since opset 14) puts the batch first.
pub fn one_state(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(Layer::of(node, HIDDEN_LAST)?.outputs(node.element(0)?, 1))
}

/// `X`, `W [directions, 4·H, I]`, `R [directions, 4·H, H]` to `Y [T, directions, B, H]`, `Y_h` and `Y_c`.
///
/// Source: ONNX `LSTM`, opset 22.
pub fn two_states(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(Layer::of(node, HIDDEN_LAST)?.outputs(node.element(0)?, 2))
}

/// Work of `RNN`: see [`work`].
pub fn rnn(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    work(node, &RNN, &Layer::of(node, HIDDEN_LAST)?, (node.element(0)?, node.element(1)?))
}

/// Work of `GRU`: see [`work`]. `linear_before_reset` moves a product, it adds none.
pub fn gru(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    work(node, &GRU, &Layer::of(node, HIDDEN_LAST)?, (node.element(0)?, node.element(1)?))
}

/// Work of `LSTM`: see [`work`]. Peepholes (input 7) multiply and add three times a unit.
pub fn lstm(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    lstm_work(node, &Layer::of(node, HIDDEN_LAST)?, (node.element(0)?, node.element(1)?))
}

fn lstm_work(node: &Node, layer: &Layer, factors: (ElementType, ElementType)) -> Result<Counts, OpError> {
    let cell = if node.int_or("input_forget", 0)? == 0 { &LSTM } else { &COUPLED };
    let work = work(node, cell, layer, factors)?;
    if !node.has_input(7) {
        return Ok(work);
    }
    let units =
        product(&[layer.tokens(node)?.0, layer.directions, count(&[layer.hidden], "the hidden state")?])?;
    work.plus(Counts::alu(6).times(units)?)
}

/// RNN.
pub fn rnn_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Layer::of(node, HIDDEN_LAST)?.form(form::Cell::Rnn)
}

/// GRU.
pub fn gru_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Layer::of(node, HIDDEN_LAST)?.form(form::Cell::Gru)
}

/// LSTM.
pub fn lstm_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Layer::of(node, HIDDEN_LAST)?.form(form::Cell::Lstm)
}

/// DynamicQuantizeLSTM.
pub fn quantized_lstm_form(node: &Node, _: &[Type], _: &Counts) -> Result<Form, OpError> {
    Layer::of(node, HIDDEN_FIRST)?.form(form::Cell::Lstm)
}

/// `X`, `W [directions, I, 4·H]`, `R [directions, H, 4·H]` to the outputs of an LSTM.
///
/// Source: ONNX Runtime `DynamicQuantizeLSTM`, com.microsoft version 1.
pub fn quantized_two_states(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(Layer::of(node, HIDDEN_FIRST)?.outputs(node.element(0)?, 2))
}

/// An LSTM on 8-bit products; `Xt` and `Ht-1` are quantised before each (minimum, maximum, divide, round,
/// add, saturate), and each sum is scaled back.
pub fn quantized_lstm(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let layer = Layer::of(node, HIDDEN_FIRST)?;
    let products = lstm_work(node, &layer, (ElementType::Uint8, node.element(1)?))?;
    let cells = product(&[layer.tokens(node)?.0, layer.directions])?;
    let quantized = count(&[layer.input.plus(layer.hidden)], "the inputs of a gate")?;
    let sums = product(&[2, LSTM.gates, count(&[layer.hidden], "the hidden state")?])?;
    Counts { alu: 4, div: 1, int: 2, ..Counts::ZERO }
        .times(quantized)?
        .plus(Counts::alu(sums))?
        .times(cells)?
        .plus(products)
}

/// The layer of `AttnLSTM`: its gates read the attention along with the input, as wide as `W` (input 1) says.
fn attentive(node: &Node) -> Result<Layer, OpError> {
    let [_, _, width] = node.dims(1)?;
    Ok(Layer { input: width, ..Layer::of(node, HIDDEN_LAST)? })
}

/// An LSTM, whose state asks a memory `M [B, T, depth]` (input 11) at each step: the query layer (input 8), a hyperbolic
/// tangent and a product with `V` (input 10) for each place, a softmax, and the context; the memory layer (input 9) once;
/// and the attention layer (input 13), where there is one.
///
/// Source: ONNX Runtime `AttnLSTM`, com.microsoft version 1.
pub fn attentive_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let layer = attentive(node)?;
    let factors = (node.element(0)?, node.element(1)?);
    let lstm = lstm_work(node, &layer, factors)?;
    if !node.has_input(11) {
        return Ok(lstm);
    }
    let ([batch, places, depth], [_, hidden, size]) = (node.dims(11)?, node.dims(8)?);
    let (steps, _) = layer.tokens(node)?;
    let turns = product(&[layer.directions, steps])?;
    let scores = product(&[turns, count(&[places], "the memory")?])?;
    let (hidden, size) = (count(&[hidden], "the query layer")?, count(&[size], "the query layer")?);
    let depth = count(&[depth], "the memory")?;
    let keys = product(&[layer.directions, count(&[batch, places], "the memory")?, depth, size])?;
    let mut macs =
        vec![product(&[turns, hidden, size])?, product(&[scores, size])?, product(&[scores, depth])?, keys];
    if node.has_input(13) {
        let [_, inner, outer] = node.dims(13)?;
        macs.push(product(&[turns, count(&[inner, outer], "the attention layer")?])?);
    }
    let macs = macs.iter().try_fold(0u64, |sum, macs| sum.checked_add(*macs)).ok_or(OpError::Overflow)?;
    let tangents = Counts { alu: 1, trans: 1, ..Counts::ZERO }.times(product(&[scores, size])?)?;
    lstm.plus(Counts::macs(macs, factors.0, factors.1))?.plus(tangents)?.plus(norm::SOFTMAX.times(scores)?)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, microsoft, op};
    use super::super::{Attribute, Confidence};
    use crate::tensor::ElementType::{Float32, Int8, Int32, Uint8};
    use crate::tensor::Scalar;

    /// T = 5, B = 2, I = 3, H = 4.
    fn layer(operator: &'static str, gates: u64, directions: u64) -> Case {
        op(operator, 22)
            .f32(&[5, 2, 3])
            .f32(&[directions, gates * 4, 3])
            .f32(&[directions, gates * 4, 4])
            .f32(&[directions, 2 * gates * 4])
    }

    #[test]
    fn outputs_follow_the_direction_and_the_layout() {
        assert_eq!(layer("LSTM", 4, 1).shapes(), ["5×1×2×4", "1×2×4", "1×2×4"]);
        assert_eq!(layer("GRU", 3, 1).shapes(), ["5×1×2×4", "1×2×4"]);
        assert_eq!(layer("RNN", 1, 2).attr("direction", "bidirectional").shapes(), ["5×2×2×4", "2×2×4"]);
        assert_eq!(layer("GRU", 3, 1).attr("layout", 1).shapes(), ["5×2×1×4", "5×1×4"]);
        let hidden_from_attribute = op("RNN", 22).f32(&[5, 2, 3]).f32(&[1, 9, 3]).f32(&[1, 9, 9]);
        assert_eq!(hidden_from_attribute.attr("hidden_size", 9).shapes(), ["5×1×2×9", "1×2×9"]);
    }

    #[test]
    fn each_gate_multiplies_input_and_hidden_state_at_each_step() {
        // directions·T·B·gates·H·(I+H)
        for (operator, gates) in [("RNN", 1), ("GRU", 3), ("LSTM", 4)] {
            let counts = layer(operator, gates, 1).counts();
            assert_eq!(counts.macs, 5 * 2 * gates * 4 * (3 + 4), "{operator}");
            assert_eq!(counts.factors, Some((Float32, Float32)));
            let both = layer(operator, gates, 2).attr("direction", "bidirectional").counts();
            assert_eq!(
                (both.macs, both.alu, both.trans),
                (2 * counts.macs, 2 * counts.alu, 2 * counts.trans)
            );
        }
    }

    #[test]
    fn element_wise_work_follows_the_equations() {
        let units = 5 * 2 * 4;
        // LSTM: 4 sums, 8 biases, 4 of the recurrence, 3 sigmoids of 2; a division each.
        let lstm = layer("LSTM", 4, 1).counts();
        assert_eq!((lstm.alu, lstm.div, lstm.trans), (units * (4 + 8 + 4 + 6), units * 3, units * 5));
        // GRU: 3 sums, 6 biases, 5 of the recurrence, 2 sigmoids of 2.
        let gru = layer("GRU", 3, 1).counts();
        assert_eq!((gru.alu, gru.div, gru.trans), (units * (3 + 6 + 5 + 4), units * 2, units * 3));
        // RNN: 1 sum, 2 biases.
        let rnn = layer("RNN", 1, 1).counts();
        assert_eq!((rnn.alu, rnn.div, rnn.trans), (units * 3, 0, units));
        assert_eq!(rnn.confidence, Confidence::Formula);
        let relu = layer("RNN", 1, 1).attr("activations", Attribute::Strings(vec!["Relu".into()])).counts();
        assert_eq!((relu.alu, relu.trans), (units * 4, 0));
    }

    #[test]
    fn peepholes_add_a_product_and_a_sum_for_three_gates() {
        let without = layer("LSTM", 4, 1).counts();
        let with = layer("LSTM", 4, 1).none().none().none().f32(&[1, 12]).counts();
        assert_eq!(with.alu - without.alu, 5 * 2 * 4 * 6);
    }

    #[test]
    fn a_coupled_forget_gate_is_a_difference() {
        let (free, coupled) =
            (layer("LSTM", 4, 1).counts(), layer("LSTM", 4, 1).attr("input_forget", 1).counts());
        assert_eq!(free.macs, coupled.macs);
        assert_eq!((free.trans - coupled.trans, free.alu - coupled.alu), (5 * 2 * 4, 5 * 2 * 4));
    }

    #[test]
    fn sequence_lengths_bound_the_work_or_give_it() {
        let unknown = layer("RNN", 1, 1).input(Int32, &[2]).counts();
        assert_eq!((unknown.macs, unknown.confidence), (5 * 2 * 4 * 7, Confidence::Bound));
        let known = layer("RNN", 1, 1).value(Int32, &[2], &[Scalar::Int(5), Scalar::Int(1)]).counts();
        assert_eq!((known.macs, known.confidence), (6 * 4 * 7, Confidence::Formula));
    }

    #[test]
    fn invalid_layers_are_refused() {
        assert!(layer("RNN", 1, 1).attr("direction", "sideways").types().is_err());
        assert!(layer("RNN", 1, 1).attr("hidden_size", -4).types().is_err());
        assert!(op("RNN", 22).f32(&[2, 3]).f32(&[1, 4, 3]).f32(&[1, 4, 4]).types().is_err());
    }

    #[test]
    fn quantized_lstm_multiplies_bytes() {
        let case = microsoft("DynamicQuantizeLSTM")
            .f32(&[5, 2, 3])
            .input(Int8, &[1, 3, 16])
            .input(Int8, &[1, 4, 16])
            .f32(&[1, 32]);
        assert_eq!(case.shapes(), ["5×1×2×4", "1×2×4", "1×2×4"]);
        let counts = case.counts();
        assert_eq!((counts.macs, counts.factors), (5 * 2 * 16 * 7, Some((Uint8, Int8))));
        // Ten cells: seven elements quantised, sixteen sums of two factors scaled twice.
        assert_eq!(
            (counts.alu, counts.int),
            (layer("LSTM", 4, 1).counts().alu + 10 * (7 * 4 + 32), 10 * 7 * 2)
        );
    }

    #[test]
    fn a_memory_is_asked_at_each_step() {
        // Seven steps of two sequences of 6, an attention of 5 along with them; 3 hidden units, eight places of depth 5.
        let case = microsoft("AttnLSTM")
            .f32(&[7, 2, 6])
            .f32(&[1, 12, 11])
            .f32(&[1, 12, 3])
            .none()
            .none()
            .none()
            .none()
            .none()
            .f32(&[1, 3, 4])
            .f32(&[1, 5, 4])
            .f32(&[1, 4])
            .f32(&[2, 8, 5]);
        assert_eq!(case.shapes(), ["7×1×2×3", "1×2×3", "1×2×3"]);
        let attention = 14 * (3 * 4 + 8 * 4 + 8 * 5) + 2 * 8 * 5 * 4;
        assert_eq!(case.counts().macs, 14 * 4 * 3 * (11 + 3) + attention);
    }
}
