use crate::job::Cancelled;
use crate::reflections::MissingColumn;

/// Why nothing could be refined.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column that refinement needs is absent.
    #[error(transparent)]
    Column(#[from] MissingColumn),
    /// An experiment with reflections has no beam, detector, goniometer, scan or crystal.
    #[error("experiment {experiment} has {lacks}; index the data first")]
    Model {
        /// Its number.
        experiment: usize,
        /// What it lacks.
        lacks: &'static str,
    },
    /// The space group's symbol is not understood.
    #[error("space group {symbol:?} of crystal {crystal}: {reason}")]
    SpaceGroup {
        /// The crystal's number.
        crystal: usize,
        /// Its Hall symbol.
        symbol: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A crystal whose setting matrix has no volume.
    #[error("the setting matrix of crystal {crystal} is singular")]
    SingularCrystal {
        /// The crystal's number.
        crystal: usize,
    },
    /// Hardly any usable reflections.
    #[error(
        "{found} of {indexed} indexed reflections can be used; refinement of the simplest model (the orientation alone) needs {needed}"
    )]
    TooFewReflections {
        /// Usable ones.
        found: usize,
        /// Indexed ones.
        indexed: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The first prediction of the models is already nonsense.
    #[error("the models predict none of the reflections; is this the right pair of experiments and reflections?")]
    NoPrediction,
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
