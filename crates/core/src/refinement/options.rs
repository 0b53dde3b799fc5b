use super::{CellRestraint, Fixed, Grouping};
use crate::geometry::ExperimentList;
use std::sync::Arc;

/// Which reflections are outliers of the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outliers {
    /// None are looked for.
    None,
    /// Residuals in x, y or φ outside the quartiles by `iqr` times their distance, by experiment.
    Tukey {
        /// Multiple of the interquartile range.
        iqr: f64,
    },
    /// Robust distance of (Δx, Δy, Δφ) from their centre, by the minimum covariance determinant, in blocks of the scan.
    Mcd {
        /// Probability below which good reflections lie (0.975).
        probability: f64,
        /// Seed of the trial subsets.
        seed: u64,
    },
}

/// Crystal models that vary over the scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanVarying {
    /// Rotation between the smoother's samples, rad. `None`: chosen by the Bayesian information criterion among 36°, 18° and 9°.
    pub interval: Option<f64>,
}

/// What is refined, against which reflections, and when to stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Free the beam's tilt within the plane of beam and spindle.
    pub beam_in_spindle_plane: bool,
    /// Free the beam's tilt out of that plane (a rotation about the spindle: almost the same as turning crystal and detector).
    pub beam_out_of_spindle_plane: bool,
    /// Free the wavelength (almost the same as scaling the cell).
    pub wavelength: bool,
    /// Free the detector's position (distance and two shifts).
    pub detector_position: bool,
    /// Free the detector's orientation (three tilts).
    pub detector_orientation: bool,
    /// Which panels of a detector move together.
    pub detector_grouping: Grouping,
    /// Free the spindle's direction (the goniometer's setting rotation).
    pub goniometer: bool,
    /// Free the crystals' orientation.
    pub crystal_orientation: bool,
    /// Free the cells, as far as the space groups let them.
    pub cell: bool,
    /// Parameters that are kept although the switches above free them.
    pub fixed: Vec<Fixed>,
    /// What ties cells to a target or to each other.
    pub cell_restraint: Option<CellRestraint>,
    /// Give a crystal that several scans share an orientation for each of them (and one cell for all) if the data speak for it.
    pub orientation_per_scan: bool,
    /// `None`: only the pass with static crystals.
    pub scan_varying: Option<ScanVarying>,
    /// Outlier rejection.
    pub outliers: Outliers,
    /// Weigh centroids by what the residuals tell of their precision, not by the variances in the table; outliers are then those of residuals in units
    /// of their standard deviation. (Needs some hundred reflections; with fewer, the variances are used.)
    pub learn_weights: bool,
    /// Fit problems of few reflections with weights that fall with the residual before outliers are first looked for: for starts that may be
    /// far off. (It takes some sixty steps.)
    pub robust_start: bool,
    /// How many times outliers are looked for anew with the refined model (at least 1); with static crystals that are then to vary, at most twice.
    pub outlier_rounds: usize,
    /// At most so many reflections per degree of each scan are used; `None`: all.
    pub reflections_per_degree: Option<f64>,
    /// Reflections with |s1·(m × s0)| below this, Å⁻², pass the sphere so slowly that their angle is not known. (Lengths count: of unit vectors, those of
    /// electrons would all be below it, whose sphere is nearly flat.)
    pub close_to_spindle: f64,
    /// Reflections nearer than this to either end of the scan are left out, rad.
    pub scan_margin: f64,
    /// Reflections of smaller d are left out, Å.
    pub d_min: Option<f64>,
    /// Models are simplified until each has so many observed coordinates per free parameter: three to a reflection, of which a detector moves two.
    pub reflections_per_parameter: f64,
    /// Where beams and detectors were before any refinement (as imported, numbered as in the list refined): what is known of them beforehand.
    /// Without it, scan-varying refinement takes the instrument to stand where it was designed to, if it is near that (the beam along an axis of the
    /// laboratory, rows or columns of the detector along another), and static refinement takes the models at the start.
    pub reference: Option<Arc<ExperimentList>>,
    /// At most so many steps.
    pub max_iterations: usize,
    /// Stop when the step left to the minimum is below this many standard uncertainties squared, summed over the parameters.
    pub tolerance: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            beam_in_spindle_plane: true,
            beam_out_of_spindle_plane: false,
            wavelength: false,
            detector_position: true,
            detector_orientation: true,
            detector_grouping: Grouping::Whole,
            goniometer: false,
            crystal_orientation: true,
            cell: true,
            fixed: Vec::new(),
            cell_restraint: None,
            orientation_per_scan: false,
            scan_varying: None,
            outliers: Outliers::Mcd { probability: 0.975, seed: 42 },
            learn_weights: false,
            robust_start: false,
            outlier_rounds: 1,
            reflections_per_degree: None,
            close_to_spindle: 0.02,
            scan_margin: 0.0,
            d_min: None,
            reflections_per_parameter: 5.0,
            reference: None,
            max_iterations: 100,
            tolerance: 1e-2,
        }
    }
}

impl Options {
    /// Whether the direction of beam `i` is kept.
    pub fn keeps_direction_of(&self, i: usize) -> bool {
        let free = self.beam_in_spindle_plane && !self.fixed.iter().any(|f| f.keeps_direction_of(i));
        !free && !self.beam_out_of_spindle_plane
    }

    /// The quick refinement of indexing: static, few reflections and steps, Tukey's outliers.
    pub fn fast(max_iterations: usize, reflections_per_degree: f64) -> Self {
        Options {
            outliers: Outliers::Tukey { iqr: 1.5 },
            reflections_per_degree: Some(reflections_per_degree),
            max_iterations,
            ..Options::default()
        }
    }
}
