use crate::image::ImageError;
use crate::job::Cancelled;
use crate::params::ParamError;

/// Why no beam centre was found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// An image cannot be had.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// An experiment lacks something.
    #[error("experiment {experiment} has no {what}; import its images again")]
    Incomplete {
        /// The experiment.
        experiment: usize,
        /// What is missing.
        what: &'static str,
    },
    /// The beam misses the plane of the detector.
    #[error("the beam does not meet the detector's plane; correct the geometry by hand")]
    NoIntersection,
    /// Too few spots for any lattice.
    #[error(
        "the sweep with most spots has {found}; the search needs {needed}. Find more spots, raise d_min's limit, or take method=inversion"
    )]
    TooFewSpots {
        /// Spots that can be used.
        found: usize,
        /// Spots needed.
        needed: usize,
    },
    /// No lattice vectors.
    #[error("no lattice vectors were found in {spots} spots; give max_cell, or take method=midpoint, maximum or inversion")]
    NoVectors {
        /// Spots that were used.
        spots: usize,
    },
    /// A method of images without images.
    #[error("method={method} needs the images; give their files, or take method=default")]
    NoImages {
        /// The method.
        method: String,
    },
    /// A projection without features.
    #[error("the mean image has no rise and fall along {axis}: it has no centre to be found")]
    Flat {
        /// Which axis.
        axis: &'static str,
    },
}
