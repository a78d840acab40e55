//! States that tokens write one after the other: gated delta networks, Mamba, and the replay of what was captured of
//! them when only a part of the tokens is kept.

use crate::ops::dims::{count, product};
use crate::ops::elementwise::{SIGMOID, SILU, SOFTPLUS};
use crate::ops::norm::scaled_rms;
use crate::ops::{Bytes, Counts, Moved, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type};

/// Sizes of a gated delta network. Its tokens stand side by side, or as `[batch, sequence]`.
struct Delta<'a> {
    tokens: &'a [Dim],
    batch: Dim,
    query_heads: Dim,
    value_heads: Dim,
    key: Dim,
    value: Dim,
}

fn delta<'a>(node: &Node<'a>) -> Result<Delta<'a>, OpError> {
    let shape = node.shape(0)?;
    let rank = |expected| OpError::Rank { input: 0, expected, found: shape.len() };
    let (tokens, query_heads, value_heads, key, value) = if node.has_input(1) {
        let [tokens @ .., heads, key] = shape else { return Err(rank("3 or 4")) };
        let [.., value_heads, value] = node.shape(2)? else { return Err(rank("3 or 4")) };
        (tokens, *heads, *value_heads, *key, *value)
    } else {
        // Queries and keys are as wide as what the values leave of a row.
        let [tokens @ .., width] = shape else { return Err(rank("2 or 3")) };
        let [_, value_heads, value, key] = node.dims(6)?;
        let rest = width.combine(value_heads.times(value), |width, values| width.checked_sub(values));
        let pair = key.times(Dim::Exact(2));
        (tokens, rest.combine(pair, |rest, pair| rest.checked_div(pair)), value_heads, key, value)
    };
    let batch = match (node.has_input(6), node.has_input(3), tokens) {
        (true, ..) => node.dims::<4>(6)?[0],
        (_, true, _) => node.dims::<1>(3)?[0].map(|n| n.checked_sub(1)),
        (_, _, [batch, _]) => *batch,
        _ => Dim::Unknown,
    };
    Ok(Delta { tokens, batch, query_heads, value_heads, key, value })
}

/// Whether the state decays, and whether what it holds of a key is taken back before it is written.
fn rule(node: &Node) -> Result<(bool, bool), OpError> {
    match node.str_or("update_rule", "gated_delta")? {
        "linear" => Ok((false, false)),
        "gated" => Ok((true, false)),
        "delta" => Ok((false, true)),
        "gated_delta" => Ok((true, true)),
        other => {
            let problem = format!("is \"{other}\", expected linear, gated, delta or gated_delta");
            Err(OpError::Attribute { name: "update_rule", problem })
        }
    }
}

/// `[tokens…, max(Hq, Hv), dv]`, the state `[B, Hv, dv, dk]`, and what is captured of the first tokens.
pub fn gated_delta(node: &Node) -> Result<Vec<Type>, OpError> {
    let Delta { tokens, batch, query_heads, value_heads, key, value } = delta(node)?;
    let heads = query_heads.combine(value_heads, |a, b| Some(a.max(b)));
    let output: Vec<Dim> = tokens.iter().copied().chain([heads, value]).collect();
    let captured = u64::try_from(node.int_or("state_update_capacity", 0)?).unwrap_or(0);
    let decays = match node.input(4).and_then(|decay| decay.ty.tensor()?.shape.as_deref()) {
        Some(shape) if shape.len() == tokens.len() + 2 => value_heads.times(key),
        _ => value_heads,
    };
    let transition = decays.plus(query_heads.times(key)).plus(value_heads.times(value));
    Ok(vec![
        TensorType::new(node.element(0)?, output).into(),
        TensorType::new(ElementType::Float32, vec![batch, value_heads, value, key]).into(),
        TensorType::new(ElementType::Float32, vec![batch, Dim::Exact(captured).times(transition)]).into(),
    ])
}

/// For each token and head of the values, on a state of `dk·dv`: the outer product of key and value, the read-out, and
/// for the delta rules the retrieval, all multiply-accumulates; the decay and the gates are arithmetic.
pub fn gated_delta_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let sizes = delta(node)?;
    let (gated, retrieved) = rule(node)?;
    let tokens = count(sizes.tokens, "the tokens")?;
    let heads = product(&[tokens, count(&[sizes.value_heads], "the heads")?])?;
    let state = product(&[heads, count(&[sizes.key, sizes.value], "the state")?])?;
    let value = product(&[heads, count(&[sizes.value], "a value")?])?;
    let element = node.element(0)?;
    let mut counts = Counts::macs(product(&[state, 2 + u64::from(retrieved)])?, element, element)
        .plus(Counts::alu(value))?;
    if gated {
        let decays = if node.has_input(4) { node.count(4)? } else { heads };
        let gate = match node.str_or("gate_activation", "none")? {
            "none" => Counts::trans(1),
            "softplus" | "qwen" => SOFTPLUS.plus(Counts { alu: 2, trans: 2, ..Counts::ZERO })?,
            _ => SIGMOID.plus(Counts { alu: 3, trans: 2, ..Counts::ZERO })?,
        };
        counts = counts.plus(Counts::alu(state))?.plus(gate.times(decays)?)?;
    }
    if retrieved {
        counts = counts.plus(Counts::alu(2).times(value)?)?;
    }
    if node.str_or("beta_activation", "none")? == "sigmoid" {
        counts = counts.plus(SIGMOID.times(heads)?)?;
    }
    if node.int_or("qk_l2_norm", 0)? != 0 {
        let vectors = product(&[2, tokens, count(&[sizes.query_heads], "the heads")?])?;
        let elements = product(&[vectors, count(&[sizes.key], "a key")?])?;
        let normalized = Counts { alu: 2, div: 1, ..Counts::ZERO }.times(elements)?;
        counts = counts.plus(normalized)?.plus(Counts::div(vectors))?;
    }
    Ok(counts.by_formula())
}

/// The third input: a buffer that is written in part.
pub fn destination(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![node.ty(2)?.clone()])
}

/// Numbers of the metadata (input 3) at these places.
fn metadata<const N: usize>(node: &Node, places: [usize; N]) -> Result<[u64; N], OpError> {
    let all = node.ints(3).ok_or(OpError::UnknownSize("the metadata"))?;
    let mut found = [0; N];
    for (number, place) in found.iter_mut().zip(places) {
        let stored = all.get(place).and_then(|n| u64::try_from(*n).ok());
        *number = stored.ok_or(OpError::UnknownSize("the metadata"))?;
    }
    Ok(found)
}

/// For each kept token and element of the state `[Hv, Dv, Dk]` a decay and a multiply-accumulate.
pub fn replay_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let updates = product(&metadata(node, [3, 4, 5, 10])?)?;
    let element = node.element(0)?;
    Counts::macs(updates, element, element).plus(Counts::alu(updates))
}

/// The state is read and written, and the kept decays, keys and deltas are read.
pub fn replay_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    let [heads, value, key, key_heads, kept] = metadata(node, [3, 4, 5, 6, 10])?;
    let transition = [heads, product(&[key_heads, key])?, product(&[heads, value])?];
    let transition = transition.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
    let captured = product(&[kept, transition.ok_or(OpError::Overflow)?])?;
    parts(node, product(&[heads, value, key])?, captured)
}

/// A window of `history_width` inputs for each channel is read and written.
pub fn window_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    let state = product(&metadata(node, [3, 4, 5])?)?;
    parts(node, state, 0)
}

/// So many elements read of the source and of the capture, and as many as of the source written.
fn parts(node: &Node, state: u64, captured: u64) -> Result<Moved, OpError> {
    let bytes = |elements: u64| node.element(0)?.bytes(elements).map(Bytes::Part).ok_or(OpError::Overflow);
    Ok(Moved {
        read: vec![bytes(state)?, bytes(captured)?, Bytes::Part(0), Bytes::Whole],
        written: vec![bytes(state)?],
    })
}

/// Lengths before the commit, and the control words and contexts in place.
pub fn committed(node: &Node) -> Result<Vec<Type>, OpError> {
    let words = node.tensor(3)?.elements();
    let batch = words.map(|words| words.checked_div(16));
    let lengths = TensorType::new(ElementType::Int32, vec![batch]);
    Ok(vec![lengths.into(), node.ty(3)?.clone(), node.ty(4)?.clone()])
}

/// Sizes of the mixer of Mamba 2.
struct Mixer {
    rows: u64,
    heads: u64,
    groups: u64,
    head: u64,
    state: u64,
}

impl Mixer {
    fn of(node: &Node) -> Result<Self, OpError> {
        let [rows, _] = node.dims(0)?;
        let [_, _, state, head] = node.dims(2)?;
        Ok(Self {
            rows: count(&[rows], "the tokens")?,
            heads: node.positive("heads")?,
            groups: node.positive("n_groups")?,
            head: count(&[head], "a head")?,
            state: count(&[state], "the state")?,
        })
    }

    /// Channels of all heads.
    fn inner(&self) -> Result<u64, OpError> {
        product(&[self.heads, self.head])
    }

    /// Channels that are convolved: those of all heads, and two states a group.
    fn convolved(&self) -> Result<u64, OpError> {
        let states = product(&[2, self.groups, self.state])?;
        self.inner()?.checked_add(states).ok_or(OpError::Overflow)
    }
}

/// `[R, di]`, the snapshots in place, and what comes between: the convolved channels and the read-out.
pub fn mamba(node: &Node) -> Result<Vec<Type>, OpError> {
    let mixer = Mixer::of(node)?;
    let element = node.element(0)?;
    let inner = [mixer.rows, mixer.inner()?];
    Ok(vec![
        TensorType::exact(element, &inner).into(),
        node.ty(1)?.clone(),
        node.ty(2)?.clone(),
        TensorType::exact(element, &[mixer.rows, mixer.convolved()?]).into(),
        TensorType::exact(ElementType::Float32, &inner).into(),
    ])
}

/// Four taps of a convolution with bias and SiLU; for each token and element of the state a decay, and a
/// multiply-accumulate to write and one to read it; the skip, the gate and the normalisation of the read-out.
pub fn mamba_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let mixer = Mixer::of(node)?;
    let (inner, channels) = (mixer.inner()?, mixer.convolved()?);
    let states = product(&[mixer.rows, inner, mixer.state])?;
    let convolved = product(&[mixer.rows, channels])?;
    let read_out = product(&[mixer.rows, inner])?;
    let macs = product(&[convolved, 4])?.checked_add(product(&[states, 2])?).ok_or(OpError::Overflow)?;
    let steps = SOFTPLUS.plus(Counts { alu: 3, trans: 1, ..Counts::ZERO })?;
    Counts::macs(macs, node.element(0)?, node.element(3)?)
        .plus(SILU.plus(Counts::alu(1))?.times(convolved)?)?
        .plus(steps.times(product(&[mixer.rows, mixer.heads])?)?)?
        .plus(Counts::alu(states))?
        .plus(SILU.plus(Counts::alu(3))?.times(read_out)?)?
        .plus(scaled_rms(read_out, product(&[mixer.rows, mixer.groups])?)?)
        .map(Counts::by_formula)
}

#[cfg(test)]
mod tests {
    use crate::ops::Bytes;
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Float16, Int32, Int64};
    use crate::tensor::Scalar;

    #[test]
    fn a_delta_network_writes_retrieves_and_reads_its_state() {
        // Six tokens, two heads of queries and keys of 4, four of values of 8.
        let case = |rule: &'static str| {
            microsoft("GatedDeltaNet")
                .input(Float16, &[6, 2, 4])
                .input(Float16, &[6, 2, 4])
                .input(Float16, &[6, 4, 8])
                .none()
                .f32(&[6, 4])
                .f32(&[6, 4])
                .f32(&[3, 4, 8, 4])
                .attr("update_rule", rule)
                .attr("state_update_capacity", 2)
        };
        assert_eq!(case("gated_delta").shapes(), ["6×4×8", "3×4×8×4", "3×88"]);
        assert_eq!(case("gated_delta").counts().macs, 6 * 4 * (4 * 8) * 3);
        assert_eq!(case("linear").counts().macs, 6 * 4 * (4 * 8) * 2);
        let packed = microsoft("GatedDeltaNet")
            .input(Float16, &[6, 2 * 2 * 4 + 4 * 8])
            .none()
            .none()
            .none()
            .f32(&[6, 4])
            .f32(&[6, 4])
            .f32(&[3, 4, 8, 4]);
        assert_eq!(packed.shape(), "6×4×8");
        assert_eq!(packed.counts().macs, case("gated_delta").counts().macs);
    }

    #[test]
    fn a_replay_costs_what_its_metadata_says() {
        let numbers = [0, 0, 0, 4, 8, 16, 2, 5, 3].map(Scalar::Int);
        let metadata = [&numbers[..8], &[Scalar::Int(5), Scalar::Int(8), Scalar::Int(3)]].concat();
        let case = |metadata: &[Scalar]| {
            microsoft("GatedDeltaNetStateReplay").f32(&[9000]).f32(&[9000]).f32(&[9000]).value(
                Int64,
                &[metadata.len() as u64],
                metadata,
            )
        };
        assert_eq!(case(&metadata).shape(), "9000");
        assert_eq!(case(&metadata).counts().macs, 3 * 4 * 8 * 16);
        assert_eq!(case(&metadata).moved().written, [Bytes::Part(4 * 8 * 16 * 4)]);
    }

    #[test]
    fn a_mixer_convolves_and_keeps_a_state() {
        // Three tokens, two heads of 64, one group, a state of 128.
        let channels = 2 * 64 + 2 * 128;
        let case = microsoft("Mamba2Verify")
            .input(Float16, &[3, 2 * 128 + 256 + 2])
            .input(Float16, &[1, channels, 3])
            .f32(&[1, 2, 128, 64])
            .input(Float16, &[channels, 4])
            .input(Float16, &[channels])
            .f32(&[2])
            .f32(&[2])
            .f32(&[2])
            .f32(&[128])
            .input(Int32, &[1])
            .attr("heads", 2)
            .attr("n_groups", 1);
        assert_eq!(case.shapes()[0], "3×128");
        assert_eq!(case.counts().macs, 3 * channels * 4 + 2 * 3 * 128 * 128);
    }
}
