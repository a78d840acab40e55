//! The trends: tables, figures, the reproduction of a paper, and the story they tell.

pub mod facts;
pub mod figures;
pub mod story;
pub mod tables;

pub use figures::{Figure, Panel, figures};
pub use story::story;
pub use tables::{Section, headline, table};
