//! What the machine at hand delivers and draws, measured. It knows no model and no graph.

pub mod energy;
pub mod power;
