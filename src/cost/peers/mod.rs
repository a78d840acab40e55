//! How other tools count: the same graph, operator by operator, by their formulas.
//!
//! Tools that count PyTorch modules see other operators than ONNX has: they are held against what those are exported
//! to. Sources: onnx-tool 1.0.1 (`node.py`), fvcore 0.1.5 (`jit_handles.py`), PyTorch 2.9 (`flop_counter.py`), tract
//! 0.23 (`cost` of its operators), ptflops 0.7.5 (`pytorch_ops.py`).

mod onnx_tool;
mod pytorch;
mod term;
mod tract;

use super::{LayerCost, ModelCost};
use crate::graph::{TypedGraph, TypedNode};
use crate::ops::{Counts, Operator, counts, find};
use crate::tensor::Type;

pub use term::{Quantity, Term};
use term::{Work, term};

/// Another tool that counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Peer {
    /// onnx-tool: multiply-accumulates of nearly everything, each function priced in them.
    OnnxTool,
    /// fvcore: multiply-accumulates of contractions, normalisations and interpolation.
    Fvcore,
    /// PyTorch's `FlopCounterMode`: two operations a multiply-accumulate of contractions.
    Torch,
    /// tract: fused multiply-adds of its operators.
    Tract,
    /// ptflops: multiply-accumulates of modules, biases and activations included.
    Ptflops,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OnnxTool, Self::Fvcore, Self::Torch, Self::Tract, Self::Ptflops];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxTool => "onnx-tool",
            Self::Fvcore => "fvcore",
            Self::Torch => "torch",
            Self::Tract => "tract",
            Self::Ptflops => "ptflops",
        }
    }

    /// What it calls its numbers.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::OnnxTool | Self::Ptflops => "MACs",
            Self::Fvcore => "flops",
            Self::Torch => "FLOPs",
            Self::Tract => "FMA",
        }
    }

    /// How many of its unit a multiply-accumulate is.
    #[must_use]
    pub fn per_mac(self) -> u64 {
        if self == Self::Torch { 2 } else { 1 }
    }

    /// What it counts of an operator: the sum of these terms, nothing if there are none; `None` where it does not know
    /// the operator.
    ///
    /// A tool that counts PyTorch meets fused and quantised products as those that they were made of.
    #[must_use]
    pub fn formula(self, domain: &str, operator: &str) -> Option<&'static [Term]> {
        let terms = match self {
            // It looks at names alone.
            Self::OnnxTool => return onnx_tool::formula(operator),
            Self::Fvcore => pytorch::fvcore(operator),
            Self::Torch => pytorch::torch(operator),
            Self::Tract => tract::formula(operator),
            Self::Ptflops => pytorch::ptflops(operator),
        };
        // com.microsoft has operators of the same names that do more.
        let of_onnx = domain.is_empty() || domain == "ai.onnx";
        match terms.filter(|_| of_onnx || self == Self::Torch) {
            Some(terms) => Some(terms),
            None if self == Self::Tract && !of_onnx => None,
            None if find(domain, operator).is_none() => None,
            None if !has_products(domain, operator) => Some(&[]),
            None if self == Self::Torch => Some(const { &[term(2, Quantity::Macs)] }),
            None => Some(const { &[term(1, Quantity::Macs)] }),
        }
    }

    /// What it counts of a node, all its turns together; 0 where it does not know the operator, or a size is not known.
    ///
    /// Only onnx-tool counts what is computed of constants alone, and takes a scalar to have no elements.
    #[must_use]
    pub fn work(self, graph: &TypedGraph, cost: &ModelCost, node: usize) -> u64 {
        let (Some(typed), Some(layer)) = (graph.nodes.get(node), cost.layers.get(node)) else { return 0 };
        if layer.repeat == 0 || typed.call || typed.problem.is_some() {
            return 0;
        }
        if typed.folded && self != Self::OnnxTool {
            return 0;
        }
        let terms = self.formula(typed.domain, typed.op_type).unwrap_or_default();
        if terms.is_empty() {
            return 0;
        }
        let outputs = graph.output_types(typed);
        let counts = once(graph, typed, layer, &outputs);
        let scalar = u64::from(self != Self::OnnxTool);
        let turn = graph.view(typed, |node| {
            let work = Work { node, outputs: &outputs, counts: &counts, form: &layer.form, scalar };
            terms.iter().fold(0u64, |sum, term| sum.saturating_add(term.of(&work).unwrap_or(0)))
        });
        turn.saturating_mul(layer.repeat)
    }
}

/// Whether an operator multiplies and accumulates, as its formula has it.
fn has_products(domain: &str, operator: &str) -> bool {
    let rules = find(domain, operator).and_then(Operator::costed);
    rules.is_some_and(|rules| rules.work.formula().contains("MAC"))
}

/// Our counts of one turn of a node, also of one that is folded.
fn once(graph: &TypedGraph, node: &TypedNode, layer: &LayerCost, outputs: &[Type]) -> Counts {
    if node.folded {
        let rules = node.operator.and_then(Operator::costed);
        let counted = rules.and_then(|rules| graph.view(node, |view| counts(rules, view, outputs)).ok());
        return counted.unwrap_or_default();
    }
    Counts { macs: layer.counts.macs.checked_div(layer.repeat).unwrap_or(0), ..layer.counts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::OPERATORS;

    /// The prices of onnx-tool 1.0.1, and how the others are documented to count a convolution and its bias.
    #[test]
    fn formulas_read_as_the_tools_count() {
        let shown = |peer: Peer, operator: &str| match peer.formula("", operator) {
            Some(terms) => Term::sum(terms),
            None => "not known".to_owned(),
        };
        assert_eq!(shown(Peer::OnnxTool, "BatchNormalization"), "31·E");
        assert_eq!(shown(Peer::OnnxTool, "Attention"), "not known");
        assert_eq!(shown(Peer::OnnxTool, "Reshape"), "nothing");
        assert_eq!(shown(Peer::Torch, "Conv"), "2·MACs");
        assert_eq!(shown(Peer::Fvcore, "LayerNormalization"), "5·I");
        assert_eq!(shown(Peer::Ptflops, "Conv"), "MACs + E with a bias");
        assert_eq!(shown(Peer::Torch, "LSTM"), "nothing");
        assert_eq!(shown(Peer::Torch, "Relu"), "nothing");
        let fused = Peer::Torch.formula("com.microsoft", "FusedMatMul").map(Term::sum);
        assert_eq!(fused.as_deref(), Some("2·MACs"));
        assert_eq!(Peer::Tract.formula("com.microsoft", "FusedMatMul"), None);
    }

    #[test]
    fn every_operator_that_a_peer_counts_is_in_the_table() {
        for operator in OPERATORS {
            for peer in Peer::ALL {
                let terms = peer.formula(operator.domain, operator.name).unwrap_or_default();
                assert!(terms.iter().all(|term| term.times > 0), "{} {}", peer.name(), operator.name);
            }
        }
        for name in onnx_tool::KNOWN {
            assert!(find("", name).or_else(|| find("ai.onnx.ml", name)).is_some(), "{name}");
        }
    }
}
