//! Finding spots: images → a table of strong reflections with their pixels.
//!
//! 1. Each image is tested for strong pixels by local statistics ([`crate::image::Dispersion`]).
//! 2. Strong pixels that share a face, within an image or between consecutive images, are one spot ([`components`]).
//! 3. Spots of too few or too many pixels are dropped.
//! 4. The others get their box, counts, centroid and its variance ([`measure`]).
//! 5. Spots whose brightest pixel is far from their centroid are dropped.
//!
//! The images are read once, in order; only the pixels of spots that are still growing are kept.
//! Source: Winter et al. (2018); the defaults are those of DIALS.

pub mod components;
mod error;
mod examine;
mod hot;
mod ice;
mod mask;
pub mod measure;
mod params;
mod report;
mod result;
mod run;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use examine::{Examined, examine};
pub use params::{Algorithm, Gaps, Params};
pub use report::report;
pub use result::{Diagnostics, HotPixel, ImageSetDiagnostics, Output, ResolutionShell};
pub use run::run;
