use crate::reflections::MissingColumn;

/// Why experiments and table cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column is missing.
    #[error(transparent)]
    Column(#[from] MissingColumn),
    /// An experiment has no crystal, or there is none at all (number 0).
    #[error("experiment {experiment} has no crystal; symmetry-equivalent reflections need the output of integrate or symmetry")]
    NoCrystal {
        /// Number of the experiment.
        experiment: usize,
    },
    /// The experiments' crystals have different space groups.
    #[error("experiments 0 and {experiment} have different space groups ({first} and {other}); run symmetry on all of them together")]
    SpaceGroups {
        /// The other experiment.
        experiment: usize,
        /// Hall symbol of the first.
        first: String,
        /// Hall symbol of the other.
        other: String,
    },
    /// The crystal's space group cannot be read.
    #[error("the crystal's space group cannot be used: {0}")]
    SpaceGroup(#[from] crate::spacegroup::Error),
}
