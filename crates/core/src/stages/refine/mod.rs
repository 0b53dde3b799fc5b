//! Refinement: indexed spots and models → better models.
//!
//! 1. A static pass: beam, detector, and for each crystal one orientation and cell, against the centroids; outliers are looked for anew with each
//!    set of models until they stay the same, or twice where the third step follows ([`crate::refinement`]).
//! 2. Crystals that several scans share get an orientation for each scan if the data speak for it.
//! 3. A scan-varying pass for crystals with reflections enough: orientation and cell vary smoothly with the scan.
//!
//! References: Waterman et al. (2016); Marquardt (1963); Rousseeuw & Van Driessen (1999). The defaults are those of DIALS.

mod error;
mod params;
mod report;
mod report_residuals;
mod residuals;
mod result;
mod run;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use params::{DetectorGroups, OutlierAlgorithm, Params, Weighting};
pub use report::report;
pub use residuals::{Block, Class, Deviation, PanelResiduals, Residuals};
pub use result::{CrystalCourse, Output};
pub use run::{run, run_with_reference};
