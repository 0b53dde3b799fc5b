use crate::job::Cancelled;
use crate::params::ParamError;
use crate::reflections::MissingColumn;

/// Why scaling could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// A column is missing.
    #[error(transparent)]
    Column(#[from] MissingColumn),
    /// A reflection belongs to no experiment.
    #[error("row {row} belongs to experiment {id}, but there are only {n}; give the experiments and reflections of one run")]
    NoExperiment {
        /// Row of the table.
        row: usize,
        /// Its experiment.
        id: i32,
        /// Number of experiments.
        n: usize,
    },
    /// An experiment lacks a model.
    #[error("experiment {experiment} has no {what}; scaling needs the output of integrate or symmetry")]
    NoModel {
        /// Number of the experiment.
        experiment: usize,
        /// Crystal, scan, …
        what: &'static str,
    },
    /// The experiments' crystals do not go together.
    #[error(transparent)]
    Merging(#[from] crate::merging::Error),
    /// The crystal's space group cannot be read.
    #[error("the crystal's space group cannot be used: {0}")]
    SpaceGroup(#[from] crate::spacegroup::Error),
    /// Images to leave out that cannot be told.
    #[error("exclude_images: {range} cannot be used: {reason}; give sweep:first:last, as in 0:101:150")]
    ExcludedImages {
        /// As given.
        range: String,
        /// What is wrong.
        reason: String,
    },
    /// Whole sweeps are to be left out of one.
    #[error("filtering=dataset compares sweeps, and there is only one; filtering=image_group compares its images")]
    OneSweep,
    /// A model that was asked for has too many parameters.
    #[error(
        "the array model of all sweeps has {n} parameters, and no more than {most} can be refined together: raise decay_interval, lower \
         n_resolution_bins or n_absorption_bins, or set absorption_correction=false"
    )]
    TooManyParameters {
        /// Parameters of all sweeps.
        n: usize,
        /// The most that can be refined.
        most: usize,
    },
    /// Nothing to scale.
    #[error(
        "none of the {rows} reflections can be scaled: {not_integrated} are not integrated, {bad_values} have unusable values, {partial} \
         are recorded by less than {cutoff}, {weak} have I/σ below {min_isigi}, {resolution} are outside d_min and d_max or on images left out"
    )]
    NothingToScale {
        /// Rows in the table.
        rows: usize,
        /// Neither summed nor profile-fitted.
        not_integrated: usize,
        /// Variance, d or LP not positive.
        bad_values: usize,
        /// Partiality too low.
        partial: usize,
        /// Lowest partiality accepted.
        cutoff: f64,
        /// I/σ too low.
        weak: usize,
        /// Lowest I/σ accepted.
        min_isigi: f64,
        /// Outside the resolution limits, or on images that are left out.
        resolution: usize,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
