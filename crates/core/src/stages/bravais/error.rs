use crate::job;

/// Why there is no Bravais table, or its solution cannot be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range.
    #[error(transparent)]
    Params(#[from] crate::params::ParamError),
    /// The table is not one of indexed spots.
    #[error(transparent)]
    MissingColumn(#[from] crate::reflections::MissingColumn),
    /// No crystal.
    #[error("the experiments have no crystal; index the spots first")]
    NoCrystal,
    /// The crystal's cell or space group makes no sense.
    #[error("crystal {crystal}: {reason}")]
    Crystal {
        /// Its number.
        crystal: usize,
        /// What is wrong.
        reason: String,
    },
    /// No setting could be refined, not even the triclinic one.
    #[error("refinement of the triclinic lattice failed: {reason}")]
    Refinement {
        /// Why.
        reason: String,
    },
    /// The solution asked for does not exist.
    #[error("there is no solution {asked}; the table has 1 to {last}")]
    NoSolution {
        /// Asked for.
        asked: usize,
        /// Number of solutions.
        last: usize,
    },
    /// The solution asked for could not be refined.
    #[error("solution {asked} ({bravais}) could not be refined: {reason}. Choose another one, or apply=none")]
    Unrefined {
        /// Asked for.
        asked: usize,
        /// Its lattice.
        bravais: String,
        /// Why.
        reason: String,
    },
    /// Another lattice cannot have the symmetry of the first.
    #[error("crystal {crystal} ({cell}) has no {bravais} setting within {max_delta}°; keep the lattices as they are (apply=none)")]
    OtherCrystal {
        /// Its number.
        crystal: usize,
        /// Its cell.
        cell: String,
        /// The lattice asked for.
        bravais: String,
        /// Limit, degrees.
        max_delta: f64,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] job::Cancelled),
}
