//! Energy by time, work and traffic.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// Placeholder until the meters' branch is merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnergyModel {}
