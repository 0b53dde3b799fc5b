//! Where reflections are seen: h → (s1, φ, x, y, z), and back from observed positions to reciprocal space.
//!
//! - [`Predictor`]: one reflection of known index, near an observed angle, with a static or a scan-varying crystal
//! - [`update_predictions`]: the same for every indexed row of a table
//! - [`predict_scan`]: every reflection of a scan
//! - [`map_observed`]: observed centroids → mm and rad, s1, and the reciprocal-lattice point at the datum
//! - [`centroid_in_mm`], [`centroid_variance_in_mm`]: one centroid, px and array index → mm and rad

mod known;
mod observed;
mod scan;

pub use known::{Prediction, Predictor, diffracting_angle, update_predictions};
pub use observed::{centroid_in_mm, centroid_variance_in_mm, experiment_of, map_observed};
pub use scan::{ScanError, ScanOptions, predict_scan};
