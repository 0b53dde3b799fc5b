use crate::job::Cancelled;
use crate::params::ParamError;
use crate::reflections::MissingColumn;

/// Why symmetry could not be determined.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// A column is missing.
    #[error(transparent)]
    Column(#[from] MissingColumn),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A symbol or cell that is of no use.
    #[error(transparent)]
    Symmetry(#[from] crate::spacegroup::Error),
    /// An experiment lacks a crystal.
    #[error("experiment {experiment} has no crystal; index and integrate first")]
    NoCrystal {
        /// The experiment.
        experiment: usize,
    },
    /// Cells that are not of one lattice.
    #[error(
        "the cell of experiment {experiment} ({found}) differs from the median cell ({median}) by more than the tolerances; index the \
         sweeps together, or process them apart"
    )]
    DifferentCells {
        /// The experiment.
        experiment: usize,
        /// Its cell.
        found: String,
        /// The median of all.
        median: String,
    },
    /// Nothing to work on.
    #[error(
        "none of {rows} reflections can be used: {not_integrated} are not integrated, {partial} recorded by less than {threshold}, {bad} \
         have no usable intensity"
    )]
    Nothing {
        /// Rows of the table.
        rows: usize,
        /// Neither summed nor profile-fitted.
        not_integrated: usize,
        /// Too partial.
        partial: usize,
        /// Threshold of partiality.
        threshold: f64,
        /// No intensity, variance or correction.
        bad: usize,
    },
    /// The group asked for does not fit the lattice.
    #[error("the lattice does not have the symmetry {wanted} within {max_delta}°; possible are {possible}")]
    NoSuchGroup {
        /// The symbol.
        wanted: String,
        /// Largest misfit, degrees.
        max_delta: f64,
        /// The symbols that fit.
        possible: String,
    },
}
