//! The workers as the page sees them: [`Engine`] sends requests and hands events on; [`progress`] polls and cancels; [`Viewer`] draws
//! images meanwhile.

mod engine;
pub mod progress;
mod viewer;

pub use engine::{Engine, Incoming};
pub use viewer::{Seen, Viewer};
