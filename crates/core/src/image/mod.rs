//! Frames, where they come from, the driver that runs through them, and local statistics on them.

mod bitmap;
mod dispersion;
mod driver;
mod frame;
mod kernel;
mod radial;
mod source;
mod stream;

pub use dispersion::{Decisions, Dispersion, Gaps, Method, PanelView, Pixel, Scratch, Usable};
pub use driver::{DEFAULT_BUDGET, for_each_frame};
pub use frame::Frame;
pub use radial::{Blur, RadialBins, RadialProfile, RadialScratch};

pub use source::{ImageError, ImageSource, MemoryImages, RawFrame};
