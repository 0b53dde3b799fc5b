//! Symmetry: integrated intensities → Laue group, space group, and everything reindexed to it.
//!
//! 1. Intensities are corrected (Lorentz–polarisation, quantum efficiency), filtered and merged over identical indices ([`mod@input`]).
//! 2. They are brought to the minimum cell of the lattice and normalised to ⟨I⟩ = 1 with an anisotropic fall-off ([`normalise`]).
//! 3. Several sweeps are brought to one indexing where the lattice allows more than one ([`ambiguity`]).
//! 4. Each rotation of the lattice's metric symmetry is scored by the correlation of the intensities it relates ([`elements`]).
//! 5. Each subgroup is scored by its rotations' presence and the others' absence ([`groups`]); the most likely is the Laue group, if its rotations
//!    agree with each other (`choice.rs`).
//! 6. What the lattice's other rotations relate is twinning or pseudo-symmetry ([`twins`]).
//! 7. Reflections along possible screw axes tell the space group, up to enantiomorphs ([`absences`]).
//! 8. Indices and crystals are reindexed to the conventional cell.
//!
//! Where there are too few equivalents to judge by, the symmetry is taken from the crystal's space group or from the metric, and
//! the result says so.
//!
//! References: Evans (2006), Acta Cryst. D62, 72–82; Evans (2011), Acta Cryst. D67, 282–292 (appendix A: scores of elements and groups);
//! Le Page (1982); Brehm & Diederichs (2014), Acta Cryst. D70, 101–109; Gildea & Winter (2018), Acta Cryst. D74, 405–410.
//! The layout of the tables and the defaults are those of DIALS.

pub mod absences;
pub mod ambiguity;
mod choice;
pub mod elements;
mod error;
pub mod groups;
pub mod input;
pub mod normalise;
mod params;
mod report;
mod resolution;
mod result;
mod run;
#[cfg(test)]
mod tests;
pub mod twins;

pub use error::Error;
pub use params::Params;
pub use report::report;
pub use result::{ElementScore, GroupScore, Output, ScrewScore, SpaceGroupScore};
pub use run::run;
