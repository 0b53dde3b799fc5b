use crate::format::hdf5;

/// Why a NeXus file could not be imported.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// HDF5, but no experiment in it.
    #[error(
        "{file} is HDF5 but holds no NXmx entry (no group of class NXentry with an instrument). Give the master or .nxs file of the experiment"
    )]
    NoEntry {
        /// Name of the file.
        file: String,
    },
    /// A data file of a master, without its master.
    #[error(
        "{file} holds images but nothing about the experiment: it is one of the data files. Give its master (_master.h5) or .nxs file as well"
    )]
    DataFile {
        /// Name of the file.
        file: String,
    },
    /// No image of the set was given.
    #[error("{file} has its images in other files, and none of them was given: {}. Add them to the selection", missing.join(", "))]
    MissingFiles {
        /// Name of the master.
        file: String,
        /// The files that it names.
        missing: Vec<String>,
    },
    /// Something that cannot be done without.
    #[error("{file}: {what} is missing")]
    Missing {
        /// Name of the file.
        file: String,
        /// What is missing, with its path.
        what: String,
    },
    /// A value that makes no sense.
    #[error("{file}: {path}: {reason}")]
    Value {
        /// Name of the file.
        file: String,
        /// Path of the value.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Images of another size than the detector.
    #[error(
        "{file}: the images of {path} are {found_slow} × {found_fast} pixels (slow × fast), the detector has {slow} × {fast}. One of the two belongs to another experiment"
    )]
    ImageSize {
        /// Name of the file.
        file: String,
        /// Path of the images.
        path: String,
        /// Rows of an image.
        found_slow: usize,
        /// Columns of an image.
        found_fast: usize,
        /// Rows of the detector.
        slow: usize,
        /// Columns of the detector.
        fast: usize,
    },
    /// The file itself cannot be read.
    #[error(transparent)]
    Hdf5(#[from] hdf5::Error),
}
