/// Why compressed data could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The compressed data end too early.
    #[error("compressed data are truncated: {needed} more bytes needed, {available} left")]
    Truncated {
        /// Bytes that should follow.
        needed: usize,
        /// Bytes that do.
        available: usize,
    },
    /// The data would expand to another size than the image has.
    #[error("compressed data hold {found} bytes where the image needs {expected}")]
    Size {
        /// Bytes that the image needs.
        expected: u64,
        /// Bytes that the compressed data claim or gave.
        found: u64,
    },
    /// The LZ4 stream is damaged.
    #[error("damaged LZ4 data in block {block}: {reason}")]
    Lz4 {
        /// Which block of the chunk, from 0.
        block: usize,
        /// What the decoder met.
        reason: String,
    },
    /// A block size that no writer produces.
    #[error("block of {bytes} bytes for elements of {element} bytes")]
    Block {
        /// Bytes in a block, from the header.
        bytes: u64,
        /// Bytes in an element.
        element: usize,
    },
    /// An element size that no data set has.
    #[error("elements of {0} bytes cannot be un-shuffled")]
    Element(usize),
    /// A compressor that is not built in.
    #[error("compressed with {0}, which is not supported. Recompress the data with bitshuffle and LZ4")]
    Unsupported(&'static str),
}
