use super::StageId;
use crate::job::Cancelled;
use crate::report::Report;
use crate::stages::merge::export;
use crate::stages::{bravais, import, index, integrate, merge, refine, scale, spots, symmetry};

/// Why a stage did not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A stage before it has not run.
    #[error("{} needs the result of {}; run that first", .stage.title(), .needs.title())]
    Needs {
        /// The stage asked for.
        stage: StageId,
        /// The stage whose result is missing.
        needs: StageId,
    },
    /// The images of an experiment list are not among the files.
    #[error("the images {template} are not among the files given; add them (or the folder that holds them)")]
    NoImages {
        /// Template or file name in the experiment list.
        template: String,
    },
    /// Import failed.
    #[error(transparent)]
    Import(#[from] import::Error),
    /// Spot finding failed.
    #[error(transparent)]
    FindSpots(#[from] spots::Error),
    /// Indexing failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The Bravais table failed.
    #[error(transparent)]
    Bravais(#[from] bravais::Error),
    /// Refinement failed.
    #[error(transparent)]
    Refine(#[from] refine::Error),
    /// Integration failed.
    #[error(transparent)]
    Integrate(#[from] integrate::Error),
    /// Symmetry determination failed.
    #[error(transparent)]
    Symmetry(#[from] symmetry::Error),
    /// Scaling failed.
    #[error(transparent)]
    Scale(#[from] scale::Error),
    /// Merging failed.
    #[error(transparent)]
    Merge(#[from] merge::Error),
    /// A file in another program's format could not be made.
    #[error(transparent)]
    Export(#[from] export::Error),
}

impl SessionError {
    /// What the stage has seen before it failed, where that helps to mend it.
    pub fn report(&self) -> Option<Report> {
        match self {
            SessionError::Index(error) => index::failure_report(error),
            _ => None,
        }
    }

    /// Whether the user asked to stop, in whichever stage it was noticed.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, SessionError::Cancelled(_))
            || std::error::Error::source(self).is_some_and(|s| s.is::<Cancelled>())
            || self.to_string() == Cancelled.to_string()
    }
}
