//! Observations of symmetry-equivalent reflections: grouping, averaging, and how well they agree.
//!
//! - [`Equivalents`]: rows of a table grouped by unique index, Friedel mates told apart
//! - [`weighted_mean`]: merged intensity and its standard deviation
//! - [`Shells`]: resolution shells of equal volume in reciprocal space; [`Possible`]: how many reflections they could hold
//! - [`Sums`]: numerators and denominators of R factors, CC½ and completeness, so that shells add up to the overall values exactly
//! - [`AnomalousSignal`]: size and distribution of Bijvoet differences
//! - [`resolution_from_cc_half`]: where a tanh fit to CC½ falls to a limit; [`resolution_limits`]: the same for other figures
//! - [`TwinStatistics`]: second moments and the L-test
//! - [`directions`]: CC½ and I/σ along a*, b* and c*
//! - [`image_quality`]: radiation damage, and which images make the data worse
//! - [`TableOne`]: the table that papers print
//! - [`scaled_statistics`]: all of these for a scaled table; [`statistics_tables`], [`statistics_plots`]: as reports show them
//!
//! References: Diederichs & Karplus (1997) for R_meas; Weiss (2001) for R_pim; Karplus & Diederichs (2012) for CC½; Assmann, Brehm &
//! Diederichs (2016) for CC½ without random half sets (the σ-τ method) and ΔCC½; Diederichs (2006) for R_d; Padilla & Yeates (2003) for the L-test.

mod anisotropy;
mod anomalous;
mod damage;
mod equivalents;
mod error;
mod halves;
mod possible;
mod report;
mod resolution;
mod scaled;
mod shells;
mod statistics;
mod table_one;
#[cfg(test)]
mod tests;
mod twinning;

pub use anisotropy::{Direction, directions};
pub use anomalous::{AnomalousSignal, anomalous_signal, normal_quantile};
pub use damage::{Curve, Exposed, Grouping, ImageGroup, ImageQuality, image_quality};
pub use equivalents::Equivalents;
pub use error::Error;
pub use halves::Correlation;
pub use possible::{Possible, possible};
pub use report::{anisotropy_warning, resolution_suggestion, statistics_plots, statistics_tables, statistics_values, twinning_warning};
pub use resolution::{CcHalfFit, Criterion, ResolutionLimit, resolution_from_cc_half, resolution_limits};
pub use scaled::{Statistics, image_statistics, scaled_statistics, symmetry_and_cell, usable_rows};
pub use shells::Shells;
pub use statistics::{MergingStatistics, RFactors, Sums, merging_statistics};
pub use table_one::TableOne;
pub use twinning::{TwinStatistics, twin_statistics};

/// Mean Σwx/Σw with w = 1/σ², and its standard deviation 1/√Σw, of observations `(x, σ)`; σ must be positive.
///
/// `None` without observations.
pub fn weighted_mean(observations: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    let (mut sum_w, mut sum_wx) = (0.0, 0.0);
    for (x, sigma) in observations {
        let w = 1.0 / (sigma * sigma);
        sum_w += w;
        sum_wx += w * x;
    }
    (sum_w > 0.0).then(|| (sum_wx / sum_w, 1.0 / sum_w.sqrt()))
}
