//! Beam-centre search: experiments and their spots, or images → the experiments with their detectors moved.
//!
//! - **default** (after Sauter et al. 2004): the centre is where all spots lie on the planes of one lattice ([`crate::beam_shift`]).
//! - **midpoint**, **maximum**, **inversion**: the centre of the scattering seen in the projections of the mean image, for images
//!   without a lattice (`projections`).
//!
//! The detector moves in the plane perpendicular to the beam, as in DIALS' `search_beam_position`; several sweeps move together.

mod error;
mod params;
mod projections;
mod report;
mod result;
mod run;
#[cfg(test)]
mod tests;

pub use crate::beam_shift::ScoreMap;
pub use error::Error;
pub use params::{Method, Params};
pub use report::report;
pub use result::{Centre, Output, Projection};
pub use run::run;
