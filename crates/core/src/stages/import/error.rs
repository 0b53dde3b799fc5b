use crate::format::{cbf, hdf5, nexus};
use crate::geometry::MissingModel;
use crate::job::Cancelled;
use crate::params::ParamError;

/// Why files could not be imported.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No file was given.
    #[error("no files were given. Give the .nxs or _master.h5 file of a data set with its data files, or its .cbf images")]
    NoFiles,
    /// Files that go with images, but none.
    #[error(
        "{file} holds no images. Give the .nxs or _master.h5 file of a data set with its data files, or its .cbf images; .expt and .refl files are taken \
         up by the stages of the command line (`ewald symmetry integrated.expt integrated.refl`)"
    )]
    OnlyTables {
        /// Name of the first of them.
        file: String,
    },
    /// A file of a kind that is not understood.
    #[error("{file} is neither HDF5 nor CBF. Give the .nxs or _master.h5 file of a data set with its data files, or its .cbf images")]
    UnknownKind {
        /// Name of the file.
        file: String,
    },
    /// An HDF5 file whose content is not HDF5.
    #[error(transparent)]
    Hdf5(#[from] hdf5::Error),
    /// An HDF5 file without usable experiment.
    #[error(transparent)]
    Nexus(#[from] nexus::Error),
    /// A CBF image that cannot be used.
    #[error(transparent)]
    Cbf(#[from] cbf::Error),
    /// A parameter cannot be used.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// Images that a sweep does not have.
    #[error("{file} has images {have_first} to {have_last}; image_range = {first},{last} is outside")]
    ImageRange {
        /// The sweep.
        file: String,
        /// First image that there is.
        have_first: i64,
        /// Last image that there is.
        have_last: i64,
        /// First image asked for.
        first: usize,
        /// Last image asked for.
        last: usize,
    },
    /// An override that the detector does not allow.
    #[error("{what} can only be set where the beam meets the detector's plane; in {file} it does not. Correct the geometry in the file")]
    Geometry {
        /// The sweep.
        file: String,
        /// Which parameter.
        what: &'static str,
    },
    /// A parameter needs a model that no file has.
    #[error(transparent)]
    MissingModel(#[from] MissingModel),
    /// The images of an experiment were not given.
    #[error("the images {wanted} were not given. Add them to the selection")]
    NoImages {
        /// The image set's template or file.
        wanted: String,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
