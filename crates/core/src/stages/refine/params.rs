use super::Error;
use crate::params::Parameters;
use crate::refinement::{Options, Outliers, ScanVarying};

crate::choice! {
    /// How outlying centroids are found.
    pub enum OutlierAlgorithm {
        /// Minimum covariance determinant of the residuals in x, y and φ.
        #[default]
        Mcd = "mcd",
        /// Beyond the quartiles of each residual.
        Tukey = "tukey",
        /// All reflections are kept.
        None = "none",
    }
}

crate::choice! {
    /// How centroids are weighed.
    pub enum Weighting {
        /// By the spread of the residuals of spots as strong (with a few hundred spots; else by their variances).
        #[default]
        Learnt = "learnt",
        /// By the variances that spot finding gave them.
        Variances = "variances",
    }
}

crate::parameters! {
    /// Parameters of refinement.
    pub struct Params {
        /// Let orientation and cell vary over the scan, after a pass with static crystals, where the reflections are enough.
        [basic; ""; 0.0..=0.0; "refinement.parameterisation.scan_varying"]
        scan_varying: bool = true,
        /// Rotation between the samples of a crystal that varies. Auto takes what the data support, of 36°, 18° and 9°.
        [expert; "°"; 0.1..=360.0; "refinement.parameterisation.crystal.orientation.smoother.interval_width_degrees"]
        interval_deg: Option<f64> = None,
        /// Give a crystal that several sweeps share an orientation for each of them, if the data speak for it.
        [expert; ""; 0.0..=0.0; ""]
        orientation_per_sweep: bool = true,
        /// How centroids are weighed, and in which unit outliers are judged: in standard deviations of spots as strong, or in mm and degrees.
        [expert; ""; 0.0..=0.0; "refinement.reflections.weighting_strategy.override"]
        weights: Weighting = Weighting::Learnt,
        /// How outlying centroids are found.
        [basic; ""; 0.0..=0.0; "refinement.reflections.outlier.algorithm"]
        outliers: OutlierAlgorithm = OutlierAlgorithm::Mcd,
        /// For `mcd`: good reflections lie within the robust distance that has this probability.
        [expert; ""; 0.5..=0.999999; "refinement.reflections.outlier.mcd.threshold_probability"]
        outlier_probability: f64 = 0.975,
        /// For `tukey`: multiple of the distance of the quartiles beyond them.
        [expert; ""; 0.1..=100.0; "refinement.reflections.outlier.tukey.iqr_multiplier"]
        outlier_iqr: f64 = 1.5,
        /// How many times, at most, outliers are looked for anew with the refined models.
        [expert; ""; 1.0..=100.0; ""]
        outlier_rounds: usize = 8,
        /// Keep the detector as it is.
        [basic; ""; 0.0..=0.0; ""]
        fix_detector: bool = false,
        /// Keep the beam's direction as it is. (Its tilt out of the plane of beam and spindle, and the wavelength, are always kept.)
        [basic; ""; 0.0..=0.0; ""]
        fix_beam: bool = false,
        /// Keep the cell as it is.
        [basic; ""; 0.0..=0.0; "refinement.parameterisation.crystal.unit_cell.fix"]
        fix_cell: bool = false,
        /// Refine the wavelength. With the cell free it is hardly determined: fix the cell, as of a standard crystal.
        [expert; ""; 0.0..=0.0; ""]
        refine_wavelength: bool = false,
        /// At most so many reflections per degree of each sweep. Auto takes all.
        [expert; "1/°"; 1.0..=1e6; "refinement.reflections.reflections_per_degree"]
        reflections_per_degree: Option<f64> = None,
        /// Reflections this close to the spindle are left out: the volume spanned by the directions of incident beam, diffracted beam and spindle.
        [expert; ""; 0.0..=1.0; "refinement.reflections.close_to_spindle_cutoff"]
        close_to_spindle: f64 = 0.02,
        /// Reflections this close to either end of the sweep are left out.
        [expert; "°"; 0.0..=10.0; "refinement.reflections.scan_margin"]
        scan_margin_deg: f64 = 0.0,
        /// Reflections at higher resolution (smaller d) are left out.
        [expert; "Å"; 0.1..=1e4; "refinement.reflections.d_min"]
        d_min: Option<f64> = None,
        /// Models are simplified until there are so many reflections for each of their parameters.
        [expert; ""; 1.0..=1000.0; "refinement.parameterisation.auto_reduction.min_nref_per_parameter"]
        reflections_per_parameter: f64 = 5.0,
        /// At most so many steps of each minimisation.
        [expert; ""; 1.0..=10000.0; "refinement.refinery.max_iterations"]
        max_iterations: usize = 100,
        /// Seed of the random subsets of outlier rejection.
        [expert; ""; 0.0..=1e15; "refinement.reflections.random_seed"]
        seed: u64 = 42,
    }
}

impl Params {
    /// The options of the engine, in its units.
    pub(super) fn check(&self) -> Result<Options, Error> {
        self.check_ranges()?;
        Ok(Options {
            beam_in_spindle_plane: !self.fix_beam,
            beam_out_of_spindle_plane: false,
            wavelength: self.refine_wavelength,
            detector_position: !self.fix_detector,
            detector_orientation: !self.fix_detector,
            crystal_orientation: true,
            cell: !self.fix_cell,
            orientation_per_scan: self.orientation_per_sweep,
            scan_varying: self.scan_varying.then(|| ScanVarying { interval: self.interval_deg.map(f64::to_radians) }),
            outliers: match self.outliers {
                OutlierAlgorithm::Mcd => Outliers::Mcd { probability: self.outlier_probability, seed: self.seed },
                OutlierAlgorithm::Tukey => Outliers::Tukey { iqr: self.outlier_iqr },
                OutlierAlgorithm::None => Outliers::None,
            },
            learn_weights: self.weights == Weighting::Learnt,
            robust_start: true,
            outlier_rounds: self.outlier_rounds,
            reflections_per_degree: self.reflections_per_degree,
            close_to_spindle: self.close_to_spindle,
            scan_margin: self.scan_margin_deg.to_radians(),
            d_min: self.d_min,
            reflections_per_parameter: self.reflections_per_parameter,
            max_iterations: self.max_iterations,
            ..Options::default()
        })
    }
}
