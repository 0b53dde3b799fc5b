use crate::params::ParamError;
use crate::refinement;

/// Why the stage has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter that cannot be used.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// Nothing was indexed.
    #[error("none of the {rows} reflections is indexed; index them first")]
    NothingIndexed {
        /// Rows of the table.
        rows: usize,
    },
    /// The refinement itself failed.
    #[error(transparent)]
    Refinement(refinement::Error),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::job::Cancelled),
}

impl From<refinement::Error> for Error {
    fn from(e: refinement::Error) -> Self {
        match e {
            refinement::Error::Cancelled(c) => Error::Cancelled(c),
            other => Error::Refinement(other),
        }
    }
}
