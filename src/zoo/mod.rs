//! Scoring many models: one row for each, whatever happens to it.
//!
//! [`source`] lists what there is, [`run`](fn@run) scores it on all cores and writes rows to a [`store`] as they come,
//! [`standing`] says how they stand among each other once all are there. Memory does not grow with the zoo but for the
//! few numbers that the standing needs.

pub mod cache;
mod count;
mod manifest;
pub mod merge;
#[cfg(feature = "cloud")]
mod remote;
mod run;
mod score;
pub mod source;
pub mod standing;
pub mod store;

pub use count::Request;
pub use manifest::dims;
pub use run::{Ended, How, Progress, THREAD, run};
pub use score::{Annotations, Estimate, Facts, Outcome, Percentiles, Problem, SCHEMA, Score, Standing};
