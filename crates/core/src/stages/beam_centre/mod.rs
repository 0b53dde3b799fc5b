//! Beam-centre search: experiments and their spots, or images → the experiments with their detectors moved.
//!
//! - **default** (after Sauter et al. 2004): direct-lattice vectors are looked for in a way that does not depend on the beam centre
//!   (`lattice`); the centre is where all spots lie on the lattice planes of these vectors together (`offset`).
//! - **midpoint**, **maximum**, **inversion**: the centre of the scattering seen in the projections of the mean image, for images
//!   without a lattice (`projections`).
//!
//! The detector moves in the plane perpendicular to the beam, as in DIALS' `search_beam_position`; several sweeps move together.

mod error;
mod lattice;
mod offset;
mod params;
mod projections;
mod report;
mod result;
mod run;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use params::{Method, Params};
pub use report::report;
pub use result::{Centre, Output, Projection, ScoreMap};
pub use run::run;
