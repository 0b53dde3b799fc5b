use super::error_model::ErrorModel;
pub(super) use super::input::Filtered;
use super::model::SweepModel;
use crate::geometry::ExperimentList;
use crate::merging::{ImageGroup, ImageQuality, Statistics};
use crate::reflections::Reflections;
use serde::{Deserialize, Serialize};

/// One candidate of the choice between summed and profile-fitted intensities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Combination {
    /// `prf only`, `sum only` or `Imid = …`.
    pub name: String,
    /// Its R_meas.
    pub r_meas: f64,
    /// Whether it was taken.
    pub chosen: bool,
}

/// One round of refinement or outlier rejection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// What was done.
    pub what: String,
    /// Observations that took part.
    pub observations: usize,
    /// Steps of the minimiser; 0 for outlier rejection.
    pub steps: usize,
    /// √(target per observation) before.
    pub rmsd_before: f64,
    /// After.
    pub rmsd_after: f64,
    /// Outliers found; 0 for refinement.
    pub outliers: usize,
}

/// A sweep's model along the sweep, for plots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepSummary {
    /// Rotation angles, degrees.
    pub phi_deg: Vec<f64>,
    /// K there.
    pub scale: Vec<f64>,
    /// B there, Å².
    pub decay: Vec<f64>,
    /// Mean inverse scale factor g of each image.
    pub image: Vec<f64>,
    /// As many.
    pub g: Vec<f64>,
    /// R_merge of each image.
    pub r_merge: Vec<f64>,
}

/// One cycle of scaling and filtering.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterCycle {
    /// CC½ (mean over shells) before anything was left out.
    pub cc_half: f64,
    /// ΔCC½ below which a group stood out.
    pub cutoff: f64,
    /// What was left out, worst first.
    pub removed: Vec<ImageGroup>,
}

/// Why filtering ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterEnd {
    /// Nothing (at the end of a sweep) stood out any more.
    NothingStandsOut,
    /// More would be left out than allowed.
    MostRemoved,
    /// All cycles were used.
    MostCycles,
}

/// What scaling leaves.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// With the scaling models.
    pub experiments: ExperimentList,
    /// Integrated rows with `intensity.scale.*`, `inverse_scale_factor` and flags.
    pub reflections: Reflections,
    /// The models.
    pub models: Vec<SweepModel>,
    /// Along the sweeps.
    pub sweeps: Vec<SweepSummary>,
    /// The error model.
    pub error_model: ErrorModel,
    /// The candidates of the intensity choice; empty when there was none.
    pub combinations: Vec<Combination>,
    /// What was done, in order.
    pub rounds: Vec<Round>,
    /// Rows that the filters took.
    pub filtered: Filtered,
    /// Outliers at the end.
    pub outliers: usize,
    /// What was assumed or left out.
    pub notes: Vec<String>,
    /// Merging statistics.
    pub statistics: Statistics,
    /// Radiation damage, and which images make the data worse.
    pub images: ImageQuality,
    /// Cycles of filtering; empty without.
    pub filter_cycles: Vec<FilterCycle>,
    /// Why it ended.
    pub filter_end: Option<FilterEnd>,
}
