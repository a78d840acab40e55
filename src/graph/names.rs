//! What names mean while a model is walked, and what is known of a value.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Trips, ValueId};
use crate::onnx::schema::OperatorSetIdProto;
use crate::ops::Attributes;
use crate::tensor::{Elements, Type};

/// One graph or function body being walked: what its names mean.
pub(super) struct Scope<'s, 'm> {
    /// What each name stands for; nothing, for an input that the call of a function leaves out.
    pub(super) names: HashMap<&'m str, Option<ValueId>>,
    /// The graph around a body; functions see none.
    pub(super) parent: Option<&'s Scope<'s, 'm>>,
    pub(super) opsets: Rc<HashMap<&'m str, i64>>,
    /// What attributes of a function's nodes may refer to.
    pub(super) attributes: Option<&'s Attributes<'m>>,
    pub(super) path: String,
    pub(super) repeat: u64,
    pub(super) trips: Trips,
    pub(super) depth: usize,
}

impl<'s, 'm> Scope<'s, 'm> {
    /// What a name stands for in this graph or, failing that, in those around it.
    pub(super) fn lookup(&self, name: &str) -> Option<Option<ValueId>> {
        self.names.get(name).copied().or_else(|| self.parent.and_then(|parent| parent.lookup(name)))
    }

    /// Names a value of this graph. Returns whether the name was free.
    pub(super) fn insert(&mut self, name: &'m str, id: ValueId) -> bool {
        self.names.insert(name, Some(id)).is_none()
    }

    /// A body inside this graph: it sees this graph's names and imports.
    pub(super) fn body<'c>(&'c self, path: String) -> Scope<'c, 'm> {
        Scope {
            names: HashMap::new(),
            parent: Some(self),
            opsets: Rc::clone(&self.opsets),
            attributes: self.attributes,
            path,
            repeat: self.repeat,
            trips: self.trips,
            depth: self.depth + 1,
        }
    }
}

/// What is known of a value that enters or leaves a body.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Known {
    pub(super) ty: Type,
    pub(super) elements: Option<Elements>,
    pub(super) constant: bool,
}

impl Known {
    pub(super) const UNKNOWN: Self = Self { ty: Type::Unknown, elements: None, constant: false };

    /// What is known of a value that is either of the two.
    pub(super) fn join(&self, other: &Self) -> Self {
        Self {
            ty: self.ty.join(&other.ty),
            elements: if self.elements == other.elements { self.elements.clone() } else { None },
            constant: self.constant && other.constant,
        }
    }
}

/// Versions of the operator sets that a graph imports.
pub(super) fn opsets(imports: &[OperatorSetIdProto]) -> HashMap<&str, i64> {
    imports.iter().map(|import| (canonical(&import.domain), import.version)).collect()
}

/// The default domain has two spellings.
pub(super) fn canonical(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}
