//! Mixtures of experts: each token meets the `k` experts that its router chose.

use super::activation;
use crate::ops::dims::{count, product};
use crate::ops::elementwise::SILU;
use crate::ops::{Bytes, Counts, Moved, Node, OpError};
use crate::tensor::{ElementType, Type};

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
}
