//! Gradient: the derivatives of a value by others, through a part of the graph around it.
//!
//! The nodes between are listed again below the node: once for the values, which are computed anew from its inputs, and
//! once more for each operand that a derivative goes to. The derivative of a product by one of its factors is a product
//! as large, so contractions are counted exactly in reverse mode (twice the forward ones where both factors vary: Kaplan
//! and others, 2020, "Scaling laws for neural language models", section 2.1); of other operators it is taken to cost what
//! they cost.

use std::collections::{BTreeSet, HashSet};

use super::Call;
use crate::graph::infer::Walker;
use crate::graph::names::Known;
use crate::graph::{Body, GraphError, Source, Trips, TypedNode, ValueId, scope};
use crate::ops::Attribute;

impl<'m> Walker<'m> {
    /// Lists what a gradient takes; its outputs have the types of what it is taken by.
    ///
    /// Source: ONNX `Gradient`, ai.onnx.preview.training version 1.
    pub(super) fn walk_gradient(&mut self, call: Call<'_, 'm>) -> Result<Vec<Known>, GraphError> {
        let Call { index, operands, scope, .. } = call;
        let Some(typed) = self.graph.nodes.get(index) else { return Ok(vec![]) };
        let names = |name: &str| match typed.attributes.get(name) {
            Some(Attribute::Strings(names)) => names.iter().map(ToString::to_string).collect(),
            _ => vec![],
        };
        let (xs, zs): (Vec<String>, Vec<String>) = (names("xs"), names("zs"));
        let target = match typed.attributes.get("y") {
            Some(Attribute::Str(name)) => scope.lookup(name).flatten(),
            _ => None,
        };
        let ids = |names: &[String]| names.iter().filter_map(|name| scope.lookup(name).flatten()).collect();
        let (by, fixed): (HashSet<ValueId>, HashSet<ValueId>) = (ids(&xs), ids(&zs));
        let Some(target) = target else { return Ok(self.not_entered(index)) };
        let part = self.between(target, &by, &fixed);
        let path = call.path("gradient");
        let start = self.graph.nodes.len();
        for (at, derivatives) in part {
            let Some(found) = self.graph.nodes.get(at) else { continue };
            let repeat = found.repeat.saturating_mul(derivatives.saturating_add(1));
            let listed = TypedNode {
                scope: scope::join(&path, found.scope.clone()).into_owned().into(),
                repeat,
                trips: found.trips.max(scope.trips).max(Trips::Formula),
                ..found.clone()
            };
            self.list(listed)?;
        }
        let (nodes, none) = (start..self.graph.nodes.len(), self.graph.values.len());
        self.graph.bodies.push(Body {
            call: index,
            nodes,
            inputs: none..none,
            results: vec![],
            again: false,
        });
        let known = operands.iter().take(xs.len()).map(|id| self.known(*id));
        Ok(known.map(|known| Known { elements: None, constant: false, ..known }).collect())
    }

    /// The nodes that a value is made by from others, in their order, each with how many of its operands vary with those
    /// in `by`. Nodes in bodies count as their callers.
    fn between(&self, target: ValueId, by: &HashSet<ValueId>, fixed: &HashSet<ValueId>) -> Vec<(usize, u64)> {
        let mut met: HashSet<ValueId> = by.union(fixed).copied().collect();
        let mut nodes: BTreeSet<usize> = BTreeSet::new();
        let mut open = vec![target];
        while let Some(id) = open.pop() {
            let Some(value) = self.graph.values.get(id) else { continue };
            if !met.insert(id) || value.constant {
                continue;
            }
            let Source::Node(maker) = value.source else { continue };
            nodes.insert(maker);
            let Some(node) = self.graph.nodes.get(maker) else { continue };
            open.extend(node.inputs.iter().flatten());
            let bodies = self.graph.bodies.iter().filter(|body| body.call == maker);
            for inside in bodies.flat_map(|body| body.nodes.clone()) {
                nodes.insert(inside);
                open.extend(
                    self.graph.nodes.get(inside).iter().flat_map(|node| node.inputs.iter().flatten()),
                );
            }
        }
        let mut varying = by.clone();
        let mut found = vec![];
        for at in nodes {
            let Some(node) = self.graph.nodes.get(at) else { continue };
            let operands: HashSet<ValueId> = node.inputs.iter().flatten().copied().collect();
            let in_body = self.graph.bodies.iter().any(|body| body.nodes.contains(&at) && body.call < at);
            let is_constant = |id: &ValueId| self.graph.values.get(*id).is_some_and(|value| value.constant);
            // What a body is given each turn has no maker: any of it may vary.
            let vary = |id: &&ValueId| varying.contains(*id) || (in_body && !is_constant(id));
            let derivatives = operands.iter().filter(vary).count() as u64;
            if derivatives > 0 {
                varying.extend(node.outputs.iter().flatten());
            }
            found.push((at, derivatives));
        }
        found
    }
}
