//! The engine as the page sees it: [`Engine`] sends requests and hands events on; [`progress`] polls and cancels.

mod engine;
pub mod progress;

pub use engine::{Engine, Incoming};
