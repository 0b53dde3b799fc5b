use crate::beam_shift;
use crate::geometry::MissingModel;
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
    #[error(transparent)]
    MissingModel(#[from] MissingModel),
    /// The beam misses the plane of the detector.
    #[error("the beam does not meet the detector's plane; correct the geometry by hand")]
    NoIntersection,
    /// The spots show no lattice.
    #[error(transparent)]
    Lattice(beam_shift::Error),
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

impl From<beam_shift::Error> for Error {
    fn from(error: beam_shift::Error) -> Self {
        match error {
            beam_shift::Error::Cancelled(c) => Error::Cancelled(c),
            beam_shift::Error::MissingModel(m) => Error::MissingModel(m),
            other => Error::Lattice(other),
        }
    }
}
