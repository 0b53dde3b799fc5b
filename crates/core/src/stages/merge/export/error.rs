use crate::job::Cancelled;
use crate::params::ParamError;
use crate::stages::merge;

/// Why data could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// The data cannot be merged.
    #[error(transparent)]
    Merge(#[from] merge::Error),
    /// A symbol that is no formula.
    #[error("composition={formula}: {reason}; a formula looks like C3H7NO2S")]
    Formula {
        /// As given.
        formula: String,
        /// What is wrong.
        reason: String,
    },
    /// No intensities of the kind asked for.
    #[error("sweep {sweep} has no {what} intensities to export; choose another with intensity=…")]
    NoIntensities {
        /// Number of the sweep, from 1.
        sweep: usize,
        /// Which were asked for.
        what: &'static str,
    },
    /// An experiment that the format cannot hold.
    #[error("experiment {experiment} has no {what}; this format needs it")]
    NoModel {
        /// Number of the experiment, from 0.
        experiment: usize,
        /// What is missing.
        what: &'static str,
    },
    /// Several wavelengths in one SHELX file.
    #[error("wavelengths from {low:.5} to {high:.5} Å do not go into one SHELX file; export the sweeps of each apart")]
    Wavelengths {
        /// Shortest, Å.
        low: f64,
        /// Longest, Å.
        high: f64,
    },
    /// A setting that SHELX does not know.
    #[error("{group} has its centre of inversion not at the origin; SHELX needs it there. Change the origin first")]
    Origin {
        /// The space group.
        group: String,
    },
    /// A lattice that SHELX does not know.
    #[error("SHELX has no LATT for the centring of {group}; change to a conventional cell first")]
    Lattice {
        /// The space group.
        group: String,
    },
    /// An index beyond the format's columns.
    #[error("reflection {h} {k} {l} does not fit into the four columns that SHELX has for an index")]
    Index {
        /// h.
        h: i32,
        /// k.
        k: i32,
        /// l.
        l: i32,
    },
    /// Too large a text for the memory.
    #[error("{rows} reflections as text do not fit into the memory; take the MTZ file, which is four times smaller")]
    TooLarge {
        /// Reflections.
        rows: usize,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
