//! NXmx: the NeXus application definition for macromolecular crystallography, and the masters of Dectris detectors.
//!
//! ```text
//! Store → entry → beam, sample's axes, detector's modules → Sweep
//!               → data sets of images → NexusImages
//! ```
//!
//! Every position follows the file's own chain of transformations (`depends_on`), as dxtbx does: for a chain in which T1 depends on T2 and that
//! on T3, a point is at T3 T2 T1 p. NeXus' frame is McStas' (z along the beam, y up); it is turned into the laboratory frame of
//! dxtbx here, once, by (x, y, z) → (−x, y, −z). Masters without chains get DIALS' conventional geometry and a warning.

mod error;
mod images;
mod models;
mod read;
mod transform;
mod units;

pub use error::Error;
pub use images::NexusImages;
pub use read::read;

#[cfg(test)]
mod tests;
