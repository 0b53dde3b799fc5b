//! Indexing: strong spots → a crystal lattice with its orientation, Miller indices, and refined geometry.
//!
//! 1. Spots become points of reciprocal space at the goniometer's datum; distances between neighbours bound the cell.
//! 2. The peaks of the points' three-dimensional Fourier transform are vectors of the direct lattice.
//! 3. Triples of them are reduced to candidate cells, which index the spots, lose centrings, and are refined for a few steps; volume, spots
//!    indexed and residuals choose one.
//! 4. Macro-cycles assign indices and refine crystal, detector and beam, while the resolution grows to that of all spots. Several sweeps
//!    share one crystal.
//! 5. With `max_lattices` > 1, the spots left over are searched again.
//!
//! References: Bricogne (1986), Campbell (1998), Steller, Bolotovsky & Rossmann (1997), Sauter, Grosse-Kunstleve & Adams (2004),
//! Gildea et al. (2014), Winter et al. (2018).

mod assign;
mod cells;
mod error;
mod experiments;
mod fft3d;
mod known;
mod max_cell;
mod params;
mod peaks;
mod report;
mod result;
mod run;
mod search;
mod triples;
mod vectors;

pub use error::Error;
pub use params::Params;
pub use report::{crystal_text, report};
pub use result::{Candidate, Cycle, ImageSetCount, Indexed, LatticeSearch};
pub use run::run;

#[cfg(test)]
mod tests;
