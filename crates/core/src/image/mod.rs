//! Frames, where they come from, the driver that runs through them, and local statistics on them.

mod bitmap;
mod driver;
mod frame;
mod kernel;
mod local_stats;
mod source;

pub use driver::{DEFAULT_BUDGET, for_each_frame};
pub use frame::Frame;
pub use local_stats::{Dispersion, Method, PanelView, Pixel, Scratch, Usable};
pub use source::{ImageError, ImageSource, MemoryImages, RawFrame};
