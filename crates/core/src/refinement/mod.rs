//! Least-squares refinement of beams, detectors and crystals against observed centroids, shared by indexing, the Bravais table and the
//! refinement stage.
//!
//! Minimises Σ w_x Δx² + w_y Δy² + w_φ Δφ² (mm, mm, rad; w = 1/variance of the centroid, as the table has it or as the residuals
//! tell it) by Levenberg–Marquardt steps with analytic derivatives. Free are, for each model of the list that experiments with reflections use:
//!
//! - beam: tilt in the plane of beam and spindle (out of it, and the wavelength, on request)
//! - detector: three translations and three rotations about its centre, of the whole as one rigid body, of each group of panels or of each panel
//! - goniometer: two turns of the spindle (on request)
//! - crystal: three rotations, and the elements of the reciprocal metric G* that its symmetry leaves free (1 to 6), static or
//!   smoothly varying with the scan
//!
//! Weak prior knowledge of the detector and the beam (half a per cent of the distance, a quarter of a degree of tilt) keeps what few reflections
//! cannot determine near where it was; it has no weight beside a few hundred reflections. Models with fewer than
//! [`Options::reflections_per_parameter`] lose parameters, and [`Outcome::simplified`] says which.
//!
//! References: Busing & Levy (1967) for B and U; Waterman et al. (2016) for the parameterisation; Rousseeuw &
//! Van Driessen (1999) for outliers; Geman & McClure (1987) for small problems; Marquardt (1963).

mod beam;
mod build;
mod cell;
mod centroids;
mod correlation;
mod crystal;
mod detector;
mod engine;
mod error;
mod fixed;
mod goniometer;
mod layout;
mod mcd;
mod nominal;
mod options;
mod outcome;
mod outliers;
mod plan;
mod ray;
mod reduce;
mod restraint;
mod robust;
mod run;
mod select;
mod smoother;
mod target;
mod uncertainty;
mod varying;

pub use detector::Grouping;
pub use error::Error;
pub use fixed::Fixed;
pub use options::{Options, Outliers, ScanVarying};
pub use outcome::{Correlations, Outcome, Parameter, Pass, Rmsd, Simplification, Step, Stop};
pub use restraint::{CellRestraint, CellTarget};
pub use run::refine;

#[cfg(test)]
mod tests;
