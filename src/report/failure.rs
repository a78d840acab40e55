//! What stands in the place of a model that cannot be analysed.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

/// Why there is no analysis of a model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Failure {
    /// The model.
    pub model: FailedModel,
    /// What is wrong.
    pub error: Problem,
}

/// A model that could not be analysed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[schemars(rename = "FailedModel")]
pub struct FailedModel {
    /// The file as the user named it; `-` is standard input.
    pub path: String,
}

/// What is wrong, for programs and for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// A word that names the kind of problem and does not change between releases: `not-found`,
    /// `truncated`, `strict`.
    pub code: Cow<'static, str>,
    /// What was found, and where.
    pub message: String,
    /// What would help, where that is known.
    pub hint: Option<String>,
}
