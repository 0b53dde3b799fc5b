use super::Error;
use crate::params::{ParamError, Parameters};
use crate::refinement::{CellRestraint, CellTarget, Fixed, Grouping, Options, Outliers, ScanVarying};

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

crate::choice! {
    /// Which panels of a detector move together.
    pub enum DetectorGroups {
        /// All: the detector is one rigid body.
        #[default]
        Whole = "whole",
        /// Those of a group in the experiment list's tree of panels, at `hierarchy_level`.
        Hierarchical = "hierarchical",
        /// Each panel moves by itself.
        Panels = "panels",
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
        /// Which panels of a detector move together.
        [expert; ""; 0.0..=0.0; "refinement.parameterisation.detector.panels"]
        detector_groups: DetectorGroups = DetectorGroups::Whole,
        /// For `hierarchical`: depth of the groups in the tree of panels; 0 is its root.
        [expert; ""; 0.0..=32.0; "refinement.parameterisation.detector.hierarchy_level"]
        hierarchy_level: usize = 0,
        /// Keep the beam's direction: as imported, where that is known, whatever indexing made of it; else as it is. (Its tilt out of the plane of beam and
        /// spindle, and the wavelength, are always kept.)
        [basic; ""; 0.0..=0.0; ""]
        fix_beam: bool = false,
        /// Keep the cell as it is.
        [basic; ""; 0.0..=0.0; "refinement.parameterisation.crystal.unit_cell.fix"]
        fix_cell: bool = false,
        /// Refine the wavelength. With the cell free it is hardly determined: fix the cell, as of a standard crystal.
        [expert; ""; 0.0..=0.0; ""]
        refine_wavelength: bool = false,
        /// Refine the direction of the spindle: two turns of the goniometer's setting rotation. The goniometer is then written with its matrices alone.
        [expert; ""; 0.0..=0.0; ""]
        refine_goniometer: bool = false,
        /// Parameters to keep, by name, separated by commas: `detector.distance`, `detector1.tilt_fast`, `beam.tilt_in_plane`, `crystal.orientation`,
        /// `crystal0.metric2`, `goniometer`; or by DIALS' names, as `detector.tau1`.
        [expert; ""; 0.0..=0.0; "refinement.parameterisation.fix_list"]
        fix: String = String::new(),
        /// Tie each cell to this one, by `tie_cell_sigmas`.
        [expert; "Å, °"; 0.0..=10000.0; "refinement.parameterisation.crystal.unit_cell.restraints.tie_to_target.values"]
        tie_cell: Option<[f64; 6]> = None,
        /// Tie the cells of all crystals to their mean, by `tie_cell_sigmas`.
        [expert; ""; 0.0..=0.0; ""]
        tie_cells_to_mean: bool = false,
        /// Standard deviations of the cells about what they are tied to; 0 leaves a parameter free.
        [expert; "Å, °"; 0.0..=100.0; "refinement.parameterisation.crystal.unit_cell.restraints.tie_to_target.sigmas"]
        tie_cell_sigmas: [f64; 6] = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
        /// At most so many reflections per degree of each sweep. Auto takes all.
        [expert; "1/°"; 1.0..=1e6; "refinement.reflections.reflections_per_degree"]
        reflections_per_degree: Option<f64> = None,
        /// Reflections this close to the spindle are left out: the volume spanned by the spindle's direction and the vectors of incident and
        /// diffracted beam.
        [expert; "Å⁻²"; 0.0..=10000.0; "refinement.reflections.close_to_spindle_cutoff"]
        close_to_spindle: f64 = 0.02,
        /// Reflections this close to either end of the sweep are left out.
        [expert; "°"; 0.0..=10.0; "refinement.reflections.scan_margin"]
        scan_margin_deg: f64 = 0.0,
        /// Reflections at higher resolution (smaller d) are left out.
        [expert; "Å"; 0.1..=1e4; "refinement.reflections.d_min"]
        d_min: Option<f64> = None,
        /// Models are simplified until there are so many observed coordinates for each of their parameters: three to a reflection, of which a
        /// detector moves two.
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
            detector_grouping: match self.detector_groups {
                DetectorGroups::Whole => Grouping::Whole,
                DetectorGroups::Hierarchical => Grouping::Groups { level: self.hierarchy_level },
                DetectorGroups::Panels => Grouping::Panels,
            },
            goniometer: self.refine_goniometer,
            cell: !self.fix_cell,
            fixed: self.fixed()?,
            cell_restraint: self.cell_restraint()?,
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

    fn fixed(&self) -> Result<Vec<Fixed>, ParamError> {
        Fixed::parse_list(&self.fix).map_err(|reason| ParamError::Value { name: "fix".to_owned(), reason })
    }

    fn cell_restraint(&self) -> Result<Option<CellRestraint>, ParamError> {
        let sigmas = self.tie_cell_sigmas;
        match (self.tie_cell, self.tie_cells_to_mean) {
            (Some(_), true) => {
                let reason = "cells are tied either to this cell or to their mean".to_owned();
                Err(ParamError::Value { name: "tie_cell".to_owned(), reason })
            }
            (Some(cell), false) => Ok(Some(CellRestraint { target: CellTarget::Cell(cell), sigmas })),
            (None, true) => Ok(Some(CellRestraint { target: CellTarget::Mean, sigmas })),
            (None, false) => Ok(None),
        }
    }
}
