//! Finding spots: images → a table of strong reflections with their pixels.
//!
//! 1. Each image is tested for strong pixels by local statistics ([`crate::image::Dispersion`]) or by those of rings of equal scattering angle
//!    ([`crate::image::RadialProfile`]).
//! 2. Strong pixels that share a face, within an image or between consecutive images, are one spot ([`components`]).
//! 3. Spots of too few or too many pixels are dropped.
//! 4. The others get their box, counts, centroid and its variance ([`measure`]).
//! 5. Pixels that shine on every image are hot (`hot`, `never_dark`): spots go on without them, and what is left is judged anew.
//! 6. Spots whose brightest pixel is far from their centroid are dropped, and on request those on a steep background or in a crowd.
//! 7. Rings of ice are looked for, and how far the crystal diffracts is estimated.
//!
//! Pixels found hot and regions that the user does not trust become part of the panels' masks, so that no later stage uses them.
//!
//! The images are read once, in order; only the pixels of spots that are still growing are kept.
//! Source: Winter et al. (2018); the defaults are those of DIALS.

mod background;
pub mod components;
mod error;
mod estimate;
mod examine;
mod filter;
mod hot;
mod ice;
mod limit;
mod mask;
pub mod measure;
mod never_dark;
mod params;
mod ranges;
mod report;
mod result;
mod run;
#[cfg(test)]
mod tests;
mod threshold;
mod untrusted;

pub use error::Error;
pub use examine::{Examined, Examiner};
pub use params::{Algorithm, Blur, Gain, Gaps, Params};
pub use report::report;
pub use result::{Diagnostics, HotPixel, IceRing, ImageSetDiagnostics, Output, RadialBackground, ResolutionShell};
pub use run::run;
