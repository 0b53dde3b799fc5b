//! Where the beam must be for spots to lie on a lattice, whatever the header says: spots → a shift of the detector.
//!
//! After Sauter et al. (2004): direct-lattice vectors are looked for in a way that does not depend on the beam centre (`vectors`); the shift
//! is the one at which all spots lie on the lattice planes of these vectors together (`score`). The detector moves in the plane
//! perpendicular to the beam, as in DIALS' `search_beam_position`; several sweeps move together.
//!
//! The beam-centre search shows what it finds; indexing takes it as a second start where its first lattice is doubtful.

mod score;
mod search;
mod vectors;

pub use search::{Error, Scope, ScoreMap, Shift, moved, search};
