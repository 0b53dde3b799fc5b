//! Frames and where they come from.

mod frame;
mod source;

pub use frame::Frame;
pub use source::{ImageError, ImageSource, MemoryImages, RawFrame};
