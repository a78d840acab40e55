//! If: two bodies, one of which runs.

use std::ops::Range;

use super::{Call, body, join};
use crate::graph::infer::{Walker, name_of};
use crate::graph::names::{Known, Scope};
use crate::graph::{Choice, GraphError};
use crate::onnx::schema::GraphProto;
use crate::tensor::Scalar;

impl<'m> Walker<'m> {
    pub(super) fn walk_if(&mut self, call: Call<'_, 'm>) -> Result<Vec<Known>, GraphError> {
        let Call { index, node, operands, scope } = call;
        let condition = self.known(operands.first().copied().flatten());
        let said = self.answers.branch(name_of(node));
        let taken = match condition.elements.as_deref() {
            Some([Scalar::Bool(taken)]) => Some(*taken),
            _ => said,
        };
        let mut runs: Vec<(Range<usize>, Vec<Known>)> = vec![];
        let mut others: Vec<(&str, &'m GraphProto)> = vec![];
        let mut refused = None;
        for (name, when) in [("then_branch", true), ("else_branch", false)] {
            let Some(branch) = body(node, name) else { continue };
            let mut inner = scope.body(call.path(name));
            let start = self.graph.nodes.len();
            let walked = match taken {
                Some(taken) if taken == when => Ok(self.walk_body(index, branch, &mut inner)?),
                Some(_) => {
                    others.push((name, branch));
                    continue;
                }
                None => self.try_branch(index, branch, inner)?,
            };
            match walked {
                Ok(outputs) => runs.push((start..self.graph.nodes.len(), outputs)),
                Err(error) => {
                    others.push((name, branch));
                    refused.get_or_insert(error);
                }
            }
        }
        // A branch that contradicts the shapes it sees cannot be the one that runs, unless both do.
        let may_run = match refused {
            Some(error) if runs.is_empty() && self.is_strict() => return Err(error),
            Some(_) => runs.is_empty(),
            None => false,
        };
        for (name, branch) in others {
            let mut inner = scope.body(call.path(name));
            if may_run {
                let start = self.graph.nodes.len();
                let outputs = self.walk_body(index, branch, &mut inner)?;
                runs.push((start..self.graph.nodes.len(), outputs));
            } else {
                inner.repeat = 0;
                if taken.is_some() {
                    self.untold(|walker| walker.leniently(|walker| walker.walk_graph(branch, &mut inner)))?;
                } else {
                    // If it is a default that the branch contradicts, that chose for the user.
                    self.leniently(|walker| walker.walk_graph(branch, &mut inner))?;
                }
            }
        }
        if runs.len() > 1 {
            let branches = runs.iter().map(|(range, _)| range.clone()).collect();
            self.graph.choices.push(Choice { branches });
        }
        let outputs = runs.into_iter().map(|(_, outputs)| outputs);
        let mut outputs = outputs.reduce(|a, b| join(&a, &b)).unwrap_or_default();
        for output in &mut outputs {
            output.constant &= condition.constant && taken.is_some();
        }
        Ok(outputs)
    }

    /// Walks a branch that may be the one that runs; where a node contradicts the shapes it sees, that error,
    /// and nothing is left behind.
    fn try_branch(
        &mut self,
        index: usize,
        branch: &'m GraphProto,
        mut inner: Scope<'_, 'm>,
    ) -> Result<Result<Vec<Known>, GraphError>, GraphError> {
        if !self.may_try() {
            return Ok(Ok(self.walk_body(index, branch, &mut inner)?));
        }
        let mark = self.mark();
        match self.trying(|walker| walker.strictly(|walker| walker.walk_body(index, branch, &mut inner))) {
            Err(error @ GraphError::Node { .. }) => {
                self.rollback(mark);
                Ok(Err(error))
            }
            outcome => Ok(Ok(outcome?)),
        }
    }
}
