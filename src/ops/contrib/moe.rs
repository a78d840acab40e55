//! Mixtures of experts: each token meets the `k` experts that its router chose.

use super::activation;
use crate::ops::dims::{count, output_count, product};
use crate::ops::elementwise::{SIGMOID, SILU};
use crate::ops::{Bytes, Counts, Moved, Node, OpError};
use crate::tensor::{Dim, ElementType, TensorType, Type, elements};

/// Tokens, experts, and experts a token.
struct Routing {
    tokens: u64,
    experts: u64,
    chosen: u64,
}

fn routing(node: &Node) -> Result<Routing, OpError> {
    let [tokens, experts] = node.dims(1)?;
    let chosen = node.int_or("k", 1)?;
    let chosen = u64::try_from(chosen).map_err(|_| OpError::Attribute {
        name: "k",
        problem: format!("is {chosen}, expected a number of experts"),
    })?;
    Ok(Routing {
        tokens: count(&[tokens], "the tokens")?,
        experts: count(&[experts], "the experts")?,
        chosen,
    })
}

/// How many experts a token meets, and how many there are.
pub fn met(node: &Node) -> Option<[u64; 2]> {
    let Routing { experts, chosen, .. } = routing(node).ok()?;
    Some([chosen.min(experts), experts])
}

/// None of the operands of `MoE` is packed.
pub fn plain_elements(_: &Node, _: usize) -> Option<u64> {
    None
}

/// Where the weights and biases of the two or three layers of an expert are.
struct Layers {
    weights: [usize; 3],
    biases: [usize; 3],
}

const PLAIN: Layers = Layers { weights: [2, 4, 6], biases: [3, 5, 7] };
const QUANTIZED: Layers = Layers { weights: [2, 5, 8], biases: [4, 7, 10] };

/// Elements that the bytes of a layer of `QMoE` stand for: `8 / bits` each, two for 4-bit floats.
fn unpacked(node: &Node, input: usize, elements: u64) -> Result<u64, OpError> {
    if node.element(input)? != ElementType::Uint8 {
        return Ok(elements);
    }
    let name = match input {
        2 => "fc1_expert_weight_bits",
        5 => "fc2_expert_weight_bits",
        _ => "fc3_expert_weight_bits",
    };
    let bits = match node.str_or("quant_type", "int")? {
        "int" => node.int(name)?.map_or_else(|| node.int_or("expert_weight_bits", 4), Ok)?,
        _ => 4,
    };
    let bits = u64::try_from(bits).ok().filter(|bits| (1..=8).contains(bits)).ok_or_else(|| {
        OpError::Attribute { name: "expert_weight_bits", problem: format!("is {bits}, expected 1 to 8") }
    })?;
    Ok(elements.checked_mul(8).ok_or(OpError::Overflow)? / bits)
}

/// For each token and expert it meets: a multiply-accumulate with each weight of the expert's layers, the
/// biases, the activation of the hidden elements (the input of the second layer), and the weighted sum of the
/// outputs; for each token and expert of all, the softmax of the router and a comparison.
fn work(node: &Node, layers: &Layers, factor: ElementType) -> Result<Counts, OpError> {
    let Routing { tokens, experts, chosen } = routing(node)?;
    let mut weights = 0u64;
    for input in layers.weights {
        if node.has_input(input) {
            let elements = count(node.shape(input)?.get(1..).unwrap_or(&[]), "an expert")?;
            weights = weights.checked_add(unpacked(node, input, elements)?).ok_or(OpError::Overflow)?;
        }
    }
    let mut biases = 0u64;
    for input in layers.biases {
        if node.has_input(input) {
            let elements = count(node.shape(input)?.get(1..).unwrap_or(&[]), "a bias")?;
            biases = biases.checked_add(elements).ok_or(OpError::Overflow)?;
        }
    }
    let output = count(node.shape(0)?.last().map_or(&[], std::slice::from_ref), "the hidden size")?;
    let [_, first, _] = node.dims(2)?;
    let gated = node.int_or("swiglu_fusion", 0)? != 0;
    let hidden = count(&[first], "the hidden layer")? / if gated { 2 } else { 1 };

    let name = node.str_or("activation_type", "relu")?;
    let each = match name {
        "swiglu" => SILU.plus(Counts::alu(1))?,
        "geglu" => activation::named("gelu_tanh")?.plus(Counts::alu(1))?,
        name => activation::named(name)?,
    };
    let expert = Counts::macs(weights, node.element(0)?, factor)
        .plus(Counts::alu(biases))?
        .plus(each.times(hidden)?)?
        .plus(Counts::alu(2).times(output)?)?;
    let router = Counts { alu: 3, div: 1, trans: 1, int: 1, ..Counts::ZERO };
    expert
        .times(product(&[tokens, chosen])?)?
        .plus(router.times(product(&[tokens, experts])?)?)
        .map(Counts::by_formula)
}

/// Work of `MoE`: see [`work`].
pub fn plain_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    work(node, &PLAIN, node.element(2)?)
}

/// Work of `QMoE`: see [`work`]. Bytes count as 4-bit factors, whatever they hold.
pub fn quantized_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let element = node.element(2)?;
    work(node, &QUANTIZED, if element == ElementType::Uint8 { ElementType::Uint4 } else { element })
}

/// Of the weights, as many experts as the tokens can choose at most: `min(E, k·tokens)`.
fn traffic(node: &Node, layers: &Layers) -> Result<Moved, OpError> {
    let Routing { tokens, experts, chosen } = routing(node)?;
    let met = product(&[tokens, chosen])?.min(experts);
    let mut read = vec![Bytes::Whole; node.inputs.len()];
    for input in layers.weights {
        if node.has_input(input) {
            let expert = count(node.shape(input)?.get(1..).unwrap_or(&[]), "an expert")?;
            let bytes = node.element(input)?.bytes(product(&[met, expert])?);
            if let (Some(entry), Some(bytes)) = (read.get_mut(input), bytes) {
                *entry = Bytes::Part(bytes);
            }
        }
    }
    Ok(Moved { read, written: vec![Bytes::Whole] })
}

/// The experts that are met.
pub fn plain_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    traffic(node, &PLAIN)
}

/// The experts that are met.
pub fn quantized_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    traffic(node, &QUANTIZED)
}

/// Elements that the bytes of the weights of `QMoE` stand for.
pub fn quantized_elements(node: &Node, input: usize) -> Option<u64> {
    if QUANTIZED.weights.contains(&input) {
        unpacked(node, input, node.tensor(input).ok()?.elements().bound()?).ok()
    } else {
        None
    }
}

const PACKED: Layers = Layers { weights: [2, 3, 4], biases: [5, 5, 5] };

/// Elements of an expert's layer of `MoEPacked`, whatever its bytes: hidden size times inner size, in either order.
fn packed_layer(node: &Node) -> Result<u64, OpError> {
    let hidden = node.shape(0)?.last().copied().unwrap_or(Dim::Unknown);
    let [_, inner, _] = node.dims(2)?;
    count(&[hidden, inner], "an expert")
}

/// Each chosen expert's gate, its up projection where there is one, and its down projection; what the router's scores
/// take, and the weighted sum.
pub fn packed_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let Routing { tokens, experts, chosen } = routing(node)?;
    let (layer, [_, inner, _]) = (packed_layer(node)?, node.dims(2)?);
    let (up, inner) = (u64::from(node.has_input(3)), count(&[inner], "an expert")?);
    let activation = if up == 1 { SILU.plus(Counts::alu(1))? } else { Counts::alu(2) };
    let output = layer.checked_div(inner).unwrap_or(0);
    let expert = Counts::macs(product(&[layer, 2 + up])?, node.element(0)?, ElementType::Uint4)
        .plus(activation.times(inner)?)?
        .plus(Counts::alu(2).times(output)?)?;
    let router = match node.has_input(5) {
        true => Counts::int(1),
        false => Counts { alu: 3, div: 1, trans: 1, int: 1, ..Counts::ZERO },
    };
    expert
        .times(product(&[tokens, chosen])?)?
        .plus(router.times(product(&[tokens, experts])?)?)
        .map(Counts::by_formula)
}

/// The experts that are met.
pub fn packed_traffic(node: &Node, _: &[Type]) -> Result<Moved, OpError> {
    traffic(node, &PACKED)
}

/// Elements that the bytes of the weights of `MoEPacked` stand for.
pub fn packed_elements(node: &Node, input: usize) -> Option<u64> {
    let [experts, ..] = node.dims::<3>(input).ok()?;
    if PACKED.weights.contains(&input) {
        experts.bound()?.checked_mul(packed_layer(node).ok()?)
    } else {
        None
    }
}

/// Scores of `[tokens, experts]`: the router's, with the bias, and without. Logits may have more axes; with a projection
/// (input 2) they are activations.
pub fn group_router(node: &Node) -> Result<Vec<Type>, OpError> {
    let (rows, last) = node.split_last(0)?;
    let experts = if node.has_input(2) { node.dims::<2>(2)?[0] } else { last };
    let shape = vec![elements(rows), experts];
    let of = |element| Type::from(TensorType::new(element, shape.clone()));
    Ok(vec![of(node.element(0)?), of(ElementType::Float32), of(ElementType::Float32)])
}

/// A sigmoid and a bias for each score; the projection, if there is one; without the full scores a logarithm for each of
/// them, and the heaps that choose groups and experts.
pub fn group_router_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let (rows, width) = node.split_last(0)?;
    let scores = output_count(outputs, 0).or_else(|_| output_count(outputs, 1))?;
    let mut counts = SIGMOID.plus(Counts::alu(1))?.times(scores)?;
    if node.has_input(2) {
        let macs = product(&[scores, count(&[width], "the activations")?])?;
        counts = counts.plus(Counts::macs(macs, node.element(0)?, node.element(2)?))?;
    } else if node.has_output(0) {
        let depth = |k: u64| u64::from(k.saturating_add(1).next_power_of_two().ilog2());
        let compared = depth(node.positive("top_k")?).saturating_add(1);
        let tokens = count(rows, "the tokens")?;
        let chosen = product(&[tokens, node.positive("top_k")?])?.min(scores);
        counts = counts.plus(Counts::trans(chosen))?.plus(Counts::int(compared).times(scores)?)?;
    }
    Ok(counts.by_formula())
}

#[cfg(test)]
mod tests {
    use crate::ops::Bytes;
    use crate::ops::testing::microsoft;
    use crate::tensor::ElementType::{Float32, Uint4, Uint8};

    #[test]
    fn each_token_meets_its_chosen_experts_only() {
        // Three tokens of 8, two of sixteen experts of 32 each.
        let case = microsoft("MoE")
            .f32(&[3, 8])
            .f32(&[3, 16])
            .f32(&[16, 32, 8])
            .none()
            .f32(&[16, 8, 32])
            .attr("k", 2);
        assert_eq!(case.shape(), "3×8");
        let counts = case.counts();
        assert_eq!(counts.macs, 3 * 2 * (32 * 8 + 8 * 32));
        assert_eq!(counts.alu, 3 * 2 * (32 + 2 * 8) + 3 * 16 * 3);
        assert_eq!(case.moved().read[2], Bytes::Part(6 * 32 * 8 * 4));
    }

    #[test]
    fn packed_experts_count_as_the_elements_they_hold() {
        let case = microsoft("QMoE")
            .f32(&[3, 8])
            .f32(&[3, 16])
            .input(Uint8, &[16, 64, 4])
            .f32(&[16, 64])
            .none()
            .input(Uint8, &[16, 8, 16])
            .attr("k", 2)
            .attr("swiglu_fusion", 1)
            .attr("activation_type", "swiglu");
        let counts = case.counts();
        assert_eq!((counts.macs, counts.factors), (3 * 2 * (64 * 8 + 8 * 32), Some((Float32, Uint4))));
        assert_eq!(counts.alu, 3 * 2 * (32 * 4 + 2 * 8) + 3 * 16 * 3);
    }

    #[test]
    fn packed_experts_are_as_large_as_their_layers() {
        // Three tokens of 256, two of sixteen experts of 32.
        let case = microsoft("MoEPacked")
            .f32(&[1, 3, 256])
            .f32(&[3, 16])
            .input(Uint8, &[16, 32, 66])
            .input(Uint8, &[16, 32, 66])
            .input(Uint8, &[16, 256, 9])
            .attr("k", 2);
        assert_eq!(case.shape(), "1×3×256");
        assert_eq!(case.counts().macs, 3 * 2 * 3 * 256 * 32);
        assert_eq!(case.moved().read[4], Bytes::Part(6 * 256 * 9));
    }

    #[test]
    fn a_router_scores_each_expert() {
        let case = || microsoft("MoEGroupRouter").f32(&[2, 3, 16]).f32(&[16]).attr("top_k", 2);
        assert_eq!(case().shapes(), ["6×16", "6×16", "6×16"]);
        assert_eq!((case().counts().macs, case().counts().div), (0, 6 * 16));
        let projected =
            microsoft("MoEGroupRouter").f32(&[6, 256]).f32(&[16]).f32(&[16, 256]).attr("top_k", 2);
        assert_eq!((projected.shape(), projected.counts().macs), ("6×16".into(), 6 * 16 * 256));
    }
}
