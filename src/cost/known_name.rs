//! Names of the operator table as text and back: what is read is one of the table's, or an error.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::ops::OPERATORS;

/// A name of the operator table, or none.
pub type KnownName = &'static str;

/// Names of operators and domains; a layer may have none.
static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let names = OPERATORS.iter().flat_map(|operator| [operator.name, operator.domain]);
    names.chain([""]).collect()
});

pub fn serialize<S: Serializer>(name: &KnownName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KnownName, D::Error> {
    let name = <&str>::deserialize(deserializer)?;
    NAMES.get(name).copied().ok_or_else(|| D::Error::custom("the operator table has no such name"))
}
