use crate::format::codec;
use crate::format::source::SourceError;

/// Why a CBF image could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Read {
        /// Name of the file.
        file: String,
        /// What the host said.
        source: SourceError,
    },
    /// No CBF, or no binary section.
    #[error("{file} is not a CBF image, or it is truncated: {reason}. Copy it again from where it was written")]
    NotCbf {
        /// Name of the file.
        file: String,
        /// What was looked for.
        reason: String,
    },
    /// A line of the header is missing or makes no sense.
    #[error("{file}: the header's {what} is missing or not understood")]
    Header {
        /// Name of the file.
        file: String,
        /// Which item.
        what: String,
    },
    /// Compressed otherwise than understood.
    #[error("{file}: pixels compressed as {what}, which is not supported; byte offset is")]
    Compression {
        /// Name of the file.
        file: String,
        /// What the header says.
        what: String,
    },
    /// The pixels are damaged.
    #[error("{file} is damaged: {source}. Copy it again from where it was written")]
    Codec {
        /// Name of the file.
        file: String,
        /// What the decoder met.
        source: codec::Error,
    },
    /// An image of another size than the others of its sweep.
    #[error(
        "{file} has {found_fast} × {found_slow} pixels (fast × slow), the other images of {template} have {fast} × {slow}. It belongs to another data set: leave it out"
    )]
    ImageSize {
        /// Name of the file.
        file: String,
        /// The sweep.
        template: String,
        /// Its columns.
        found_fast: usize,
        /// Its rows.
        found_slow: usize,
        /// Columns of the others.
        fast: usize,
        /// Rows of the others.
        slow: usize,
    },
}
