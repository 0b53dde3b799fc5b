use crate::format::codec;
use crate::format::source::SourceError;

/// Why something in an HDF5 file could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not HDF5 at all.
    #[error("{file} is not an HDF5 file (its signature is missing). Give the .nxs or .h5 file that the detector wrote")]
    NotHdf5 {
        /// Name of the file.
        file: String,
    },
    /// The file ends before what its tables point to.
    #[error("{file} is truncated: {source}. Copy it again from where it was written")]
    Truncated {
        /// Name of the file.
        file: String,
        /// The range that is missing.
        source: SourceError,
    },
    /// The host could not read the file.
    #[error("{file}: {source}")]
    Read {
        /// Name of the file.
        file: String,
        /// What the host said.
        source: SourceError,
    },
    /// A file that another one refers to was not given.
    #[error("{file} refers to {wanted}, which was not given. Add that file to the selection")]
    MissingFile {
        /// The file with the link.
        file: String,
        /// The file's name as written in the link.
        wanted: String,
    },
    /// No object of that name.
    #[error("{file} has no {path}")]
    NotFound {
        /// Name of the file.
        file: String,
        /// Path that was looked for.
        path: String,
    },
    /// Links that lead in circles.
    #[error("{file}: the links at {path} lead nowhere (more than {limit} steps)")]
    LinkLoop {
        /// Name of the file.
        file: String,
        /// Path that was looked for.
        path: String,
        /// Steps that were followed.
        limit: usize,
    },
    /// The object is of another kind than was needed.
    #[error("{file}: {path} is {found}, not {expected}")]
    Kind {
        /// Name of the file.
        file: String,
        /// Path of the object.
        path: String,
        /// What was needed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A legal feature of HDF5 without support here.
    #[error("{file}: {path} uses {what}, which is not supported")]
    Unsupported {
        /// Name of the file.
        file: String,
        /// Path of the object.
        path: String,
        /// The feature.
        what: String,
    },
    /// More bytes than a value of this kind may have.
    #[error("{file}: {path} would take {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// Path of the object.
        path: String,
        /// Bytes that it would take.
        bytes: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// The file contradicts itself.
    #[error("{file} is damaged at {path}: {reason}")]
    Damaged {
        /// Name of the file.
        file: String,
        /// Path or place.
        path: String,
        /// What was wrong.
        reason: String,
    },
    /// Compressed data are damaged or of an unsupported kind.
    #[error("{file}: {path}: {source}")]
    Codec {
        /// Name of the file.
        file: String,
        /// Path of the data set.
        path: String,
        /// What the decoder met.
        source: codec::Error,
    },
    /// A frame beyond the end.
    #[error("{file}: {path} has {frames} images; number {frame} was asked for")]
    NoFrame {
        /// Name of the file.
        file: String,
        /// Path of the data set.
        path: String,
        /// Frame asked for, from 0.
        frame: u64,
        /// Frames there are.
        frames: u64,
    },
}

impl Error {
    pub(super) fn damaged(file: &str, path: &str, reason: impl Into<String>) -> Self {
        Error::Damaged { file: file.into(), path: path.into(), reason: reason.into() }
    }

    pub(super) fn unsupported(file: &str, path: &str, what: impl Into<String>) -> Self {
        Error::Unsupported { file: file.into(), path: path.into(), what: what.into() }
    }

    pub(super) fn source(file: &str, source: SourceError) -> Self {
        let file = file.into();
        match source {
            SourceError::OutOfRange { .. } => Error::Truncated { file, source },
            source => Error::Read { file, source },
        }
    }
}
