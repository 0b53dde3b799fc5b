//! Decompression of image data, and the compression that writing test and demo data needs.
//!
//! - [`bitshuffle`]: HDF5 filter 32008, bit planes with LZ4 behind them
//! - [`lz4`]: HDF5 filter 32004
//! - [`byte_offset`] of miniCBF

pub mod bitshuffle;
pub mod byte_offset;
mod error;
mod kernel;
pub mod lz4;

pub use error::Error;

/// The next `n` bytes of `input`, which moves on past them.
fn take<'a>(input: &mut &'a [u8], n: usize) -> Result<&'a [u8], Error> {
    match input.split_at_checked(n) {
        Some((head, tail)) => {
            *input = tail;
            Ok(head)
        }
        None => Err(Error::Truncated { needed: n, available: input.len() }),
    }
}

fn be_u64(input: &mut &[u8]) -> Result<u64, Error> {
    let b = take(input, 8)?;
    Ok(b.iter().fold(0, |v, &x| v << 8 | u64::from(x)))
}

fn be_u32(input: &mut &[u8]) -> Result<u32, Error> {
    let b = take(input, 4)?;
    Ok(b.iter().fold(0, |v, &x| v << 8 | u32::from(x)))
}
