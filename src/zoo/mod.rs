//! Scoring many models: one row for each, whatever happens to it.

mod score;

pub use score::{Annotations, Estimate, Facts, Outcome, Percentiles, Problem, SCHEMA, Score, Standing};
