//! The stages in their order: their parameters and results, and what is out of date.

mod stage;

pub use stage::{StageId, StageState};
