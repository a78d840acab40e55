//! What inference takes over the years: the method of Desislavov, Martínez-Plumed and Hernández-Orallo, "Compute and Energy
//! Consumption Trends in Deep Learning Inference" (arXiv 2109.05472), on the models and hardware of its time, on those of
//! today, and on a zoo of the user's.
//!
//! `table` reads the facts in `data/`; `growth` fits, `select` says what a line goes through, `efficiency` is the hardware's
//! side; `consolidated` and `forecast` are questions of their own; [`Study`] is the whole. `findings` holds it against what
//! the paper says. It draws and prints nothing.

pub mod consolidated;
pub mod efficiency;
pub mod findings;
pub mod forecast;
pub mod growth;
mod parts;
pub mod select;
mod study;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use growth::{Dated, Growth, GrowthError};
pub use parts::{Beside, Era, Fit, Forecast, Hardware, Line, Measure, Scaling, Worth};
pub use select::Selection;
pub use study::{PERIODS, Request, Study, StudyError};
pub use table::{Architecture, Counted, Estimate, Estimates, Facts, FlopsOf, Model, builtin};
