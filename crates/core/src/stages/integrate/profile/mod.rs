//! Profile fitting: reflections are resampled onto one grid in Kabsch's frame, averaged over strong spots into reference profiles, and fitted
//! by them (Kabsch 2010).
//!
//! ```text
//! grid        the cells of a profile
//! transform   pixels → grid
//! sampler     where reference profiles stand on the detector and along the scan
//! references  averages of strong spots
//! fit         intensity of one reflection given its profile
//! fitter      the order of it all while images pass by
//! ```

mod fit;
mod fitter;
mod grid;
mod references;
mod sampler;
mod transform;

pub(super) use fit::Fit;
pub(super) use fitter::{Candidate, Fitter, Foreground};
pub(super) use references::Summary;
