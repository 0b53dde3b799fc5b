//! CBF images: miniCBF of Pilatus and Eiger detectors, and the imgCIF headers of beamlines that describe their axes in full.
//!
//! ```text
//! file → header (text before the binary section) → imgCIF axes, or else miniCBF's lines → models
//!      → files of one template and one geometry, numbered without gaps              → Sweep, CbfImages
//! ```
//!
//! Files may be compressed with gzip. As dxtbx does: a miniCBF header means a flat detector across the beam and a spindle along +x; an imgCIF
//! header (International Tables G, 2005, ch. 3.7) gives detector arm and goniometer axes.

mod cif;
mod error;
mod geometry;
mod header;
mod images;
mod read;

pub use error::Error;
pub use images::CbfImages;
pub use read::{Template, images, is_cbf, read};

#[cfg(test)]
mod tests;
