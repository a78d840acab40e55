//! What changed between two counted models: their totals, their estimates, and their layers, aligned by name and
//! then by structure. Pure: it reads no file and lays nothing out.
//!
//! Counts are exact, and any difference of them is a change. Estimates are not: a change of one that is smaller than
//! its interval is called noise ([`Verdict::Noise`]).

mod align;
mod change;
mod common;
mod saved;
mod snapshot;

pub use align::{Aligned, Alignment, By, align};
pub use change::{Change, Diff, EstimateChange, LayerChange, TOTALS, Total, Unit, Verdict, compare, verdict};
pub use saved::{SavedError, read};
pub use snapshot::{Estimate, Figures, Layer, Snapshot, Spread, Totals};
