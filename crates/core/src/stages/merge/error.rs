use crate::job::Cancelled;
use crate::params::ParamError;
use crate::reflections::MissingColumn;

/// Why merging could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// A column is missing.
    #[error("{0} (merge needs the output of scale)")]
    Column(#[from] MissingColumn),
    /// The experiments' crystals do not go together.
    #[error(transparent)]
    Merging(#[from] crate::merging::Error),
    /// The crystal's space group cannot be used.
    #[error("the crystal's space group cannot be used: {0}")]
    SpaceGroup(#[from] crate::spacegroup::Error),
    /// Nothing is marked as scaled.
    #[error("none of the {rows} reflections is scaled and usable within the limits; run scale first, or widen d_min and d_max")]
    NothingToMerge {
        /// Rows of the table.
        rows: usize,
    },
    /// Free-R flags of another file cannot be kept.
    #[error(transparent)]
    Free(#[from] super::FreeError),
    /// The files could not be made.
    #[error(transparent)]
    Mtz(#[from] crate::format::mtz::Error),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
