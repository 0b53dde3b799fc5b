//! Indexing: strong spots → a crystal lattice with its orientation, Miller indices, and refined geometry.
//!
//! 1. Spots become points of reciprocal space at the goniometer's datum; distances between neighbours bound the cell.
//! 2. The peaks of the points' three-dimensional Fourier transform are vectors of the direct lattice. Other methods: transforms along
//!    directions, vectors of known lengths, and orientations of a known cell from a few inner spots.
//! 3. Triples of them are reduced to candidate cells, which index the spots, lose centrings, and are refined for a few steps; volume, spots
//!    indexed and residuals choose one. Where the best leaves many spots, triples are ranked by the spots they explain, and other longest edges
//!    are tried.
//! 4. Macro-cycles assign indices and refine crystal, detector and beam, while the resolution grows to that of all spots. Several sweeps
//!    share one crystal.
//!    A lattice with signs that it is not the crystal's, or none: the beam centre is looked for, and all of it done once more from there.
//! 5. With `max_lattices` > 1, the spots left over are searched again. A further lattice is refined alone before it joins the others, and is kept if
//!    it leaves them as they are.
//!
//! References: Bricogne (1986), Campbell (1998), Steller, Bolotovsky & Rossmann (1997), Sauter, Grosse-Kunstleve & Adams (2004),
//! Kabsch (2010), Gildea et al. (2014), Winter et al. (2018).

mod assign;
mod cells;
mod directions;
mod doubts;
mod error;
mod experiments;
mod failure;
mod fft3d;
mod further;
mod indexing;
mod known;
mod local;
mod low_res;
mod max_cell;
mod misindexing;
mod params;
mod peaks;
mod report;
mod result;
mod run;
mod search;
mod triples;
mod vectors;

pub use error::{Error, NotIndexed, Why};
pub use failure::failure_report;
pub use params::{Assignment, Method, Params};
pub use report::{crystal_text, report};
pub use result::{BeamSearch, Candidate, Cycle, FourierPeak, ImageSetCount, Indexed, LatticeSearch, Misindexing, Offset, ResolutionCount};
pub use run::run;

#[cfg(test)]
mod tests;
