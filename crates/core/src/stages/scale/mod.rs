//! Scaling: from symmetrised, integrated reflections to intensities on one scale with honest standard deviations.
//!
//! Each sweep has a model g = K(φ)·exp(B(φ)/2d²)·(1 + Σ a_lm Y_lm): a scale and a relative B factor smooth in the rotation angle, and an absorption
//! surface in the crystal's frame for wide sweeps; or, as `array`, values on grids of resolution, detector and angle ([`Grid`]). Its parameters
//! minimise Σw(I − g·I_h)² over all symmetry-equivalent groups, with I_h eliminated, by Levenberg–Marquardt on the whole normal matrix. Rounds of
//! outlier rejection, the choice between summed and profile-fitted intensities, and a two-parameter error model follow as in DIALS (`reference` of
//! the order: scale, outliers, combine, rescale, outliers, error model, rescale, outliers, error model).
//!
//! Where it departs from DIALS: variances used as weights are those *expected* from the group's mean, not from each observation's own
//! counts, so that observations that happen to be low do not weigh more than those that happen to be high; CC½ is by the σ-τ method; the error
//! model takes deviations from a group's mean for √(1 − 1/n) times smaller than they would be from the truth, which they are part of, where DIALS
//! multiplies by that root, so that a, and all σ, come out larger (and right, on simulated data); b is fitted robustly; outliers are told by an error
//! model from the first round on, and those that agree with the others of their sign, I(+) or I(−), are none. The array model's mean scale by
//! resolution, of which equivalents say nothing, is held: merged intensities of L-cysteine correlate with those of the physical model by 0.9999,
//! where those of DIALS' two models do by 0.992.
//!
//! With `filtering`, whole sweeps or groups of images that lower CC½ are left out in cycles of scaling ([`Filtering`]).
//!
//! References: Assmann, Brehm & Diederichs (2016) for ΔCC½; Beilsten-Edmands et al. (2020), Evans (2006), Evans & Murshudov (2013) for models, error
//! model and intensity combination; Hamilton, Rollett & Sparks (1965) for the target.

mod error;
mod error_model;
mod exclude;
mod filter;
mod grid;
mod harmonics;
mod input;
mod intensities;
mod model;
mod model_file;
mod outliers;
mod params;
mod refine;
mod report;
mod restraints;
mod result;
mod rounds;
mod run;
mod smoother;
mod sweeps;
#[cfg(test)]
mod tests;
mod weights;

pub use error::Error;
pub use error_model::{BinVariance, ErrorModel};
pub use grid::Grid;
pub use model::{Layout, SweepModel};
pub use params::{AbsorptionLevel, Choice, Filtering, IntensityChoice, ModelChoice, OutlierRejection, Params};
pub use report::report;
pub use result::{Combination, FilterCycle, FilterEnd, Round, Scaled, SweepSummary};
pub use run::run;
