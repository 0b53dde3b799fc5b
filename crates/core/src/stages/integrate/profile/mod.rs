//! Profile fitting (Kabsch 2010) in the space of pixels.
//!
//! A reference profile lives in Kabsch's frame, where all reflections have nearly the same shape. It is laid over the pixels of each reflection,
//! whose counts are independent, so that the fit's variance is exact and missing pixels do no harm; resampling the counts onto the profile's grid
//! would correlate them and smooth spots that are hardly larger than a pixel.
//!
//! ```text
//! grid        the cells of a profile
//! shape       the Gaussian that underlies it
//! trend       how it varies over the detector
//! sampler     where reference profiles stand on the detector and along the scan
//! projection  profile → pixels, and what pixels say of the profile
//! references  Gaussian and ratio by cell, from strong spots
//! fit         intensity of one reflection given its profile
//! overlap     the same for one with others upon it
//! spikes      pixels that cannot belong to a reflection
//! fitter      the order of it all while images pass by
//! ```

mod fit;
mod fitter;
mod grid;
mod overlap;
mod projection;
mod references;
mod sampler;
mod shape;
mod spikes;
mod trend;

pub(super) use fit::{Fit, LEAST_RECORDED, Level, expected_counts};
pub(super) use fitter::{Candidate, Examined, Fitter, Foreground, Outcome, Picture, Profiles, Progress, fit_ready};
pub(super) use overlap::{MOST as MOST_NEIGHBOURS, Neighbour, Unfit, Upon};
pub(super) use references::Summary;
