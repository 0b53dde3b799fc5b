//! Bitshuffle (HDF5 filter 32008): the bits of many pixels are sorted by significance, which leaves
//! long runs of zeros, and LZ4 shortens those (Masui et al. 2015).
//!
//! A chunk with LZ4 is: total bytes (u64, big-endian), bytes in a block (u32, big-endian), then for each block
//! its compressed length (u32, big-endian) and LZ4 data. The last block is the rest, rounded down to a
//! multiple of 8 elements; up to 7 elements follow as they are.

use super::{Error, be_u32, be_u64, kernel, take};

/// Largest element: pixels have up to 8 bytes, the filter takes any.
const MAX_ELEMENT: usize = 256;

/// Elements in a block when the writer leaves it open: 8 KiB, a multiple of 8, at least 128.
fn default_block(element: usize) -> usize {
    (8192 / element / 8 * 8).max(128)
}

fn check_element(element: usize, bytes: usize) -> Result<usize, Error> {
    if !(1..=MAX_ELEMENT).contains(&element) {
        return Err(Error::Element(element));
    }
    if !bytes.is_multiple_of(element) {
        return Err(Error::Size { expected: (bytes / element * element) as u64, found: bytes as u64 });
    }
    Ok(bytes / element)
}

/// Decodes a chunk with LZ4 inside.
///
/// `element` is the pixel's size in bytes; `out` must be exactly as long as the decoded chunk, which bounds
/// what a damaged header can make of it.
pub fn decode_lz4(chunk: &[u8], element: usize, out: &mut [u8]) -> Result<(), Error> {
    decode_lz4_each(chunk, element, out, |_| {})
}

/// As [`decode_lz4`]; `each` is handed the pixels block by block, while they are still in the cache.
pub fn decode_lz4_each(chunk: &[u8], element: usize, out: &mut [u8], mut each: impl FnMut(&mut [u8])) -> Result<(), Error> {
    let elements = check_element(element, out.len())?;
    let mut input = chunk;
    let total = be_u64(&mut input)?;
    if total != out.len() as u64 {
        return Err(Error::Size { expected: out.len() as u64, found: total });
    }
    let bytes = be_u32(&mut input)? as usize;
    let block = match bytes / element {
        0 => default_block(element),
        block => block,
    };
    if block % 8 != 0 {
        return Err(Error::Block { bytes: bytes as u64, element });
    }
    let mut shuffled = vec![0; block.min(elements) * element];
    let mut done = 0;
    let mut index = 0;
    while elements - done >= 8 {
        let n = (elements - done).min(block) / 8 * 8;
        let len = be_u32(&mut input)? as usize;
        let data = take(&mut input, len)?;
        let shuffled = &mut shuffled[..n * element];
        let written = lz4_flex::block::decompress_into(data, shuffled).map_err(|e| Error::Lz4 { block: index, reason: e.to_string() })?;
        if written != shuffled.len() {
            return Err(Error::Size { expected: shuffled.len() as u64, found: written as u64 });
        }
        let pixels = &mut out[done * element..(done + n) * element];
        kernel::untranspose(shuffled, pixels, element);
        each(pixels);
        done += n;
        index += 1;
    }
    let rest = &mut out[done * element..];
    rest.copy_from_slice(take(&mut input, rest.len())?);
    each(rest);
    Ok(())
}

/// Decodes a chunk that was shuffled but not compressed. `block` is in elements, 0 for the default.
pub fn decode_plain(chunk: &[u8], element: usize, block: usize, out: &mut [u8]) -> Result<(), Error> {
    let elements = check_element(element, out.len())?;
    let block = if block == 0 { default_block(element) } else { block };
    if block % 8 != 0 {
        return Err(Error::Block { bytes: (block * element) as u64, element });
    }
    let mut input = chunk;
    let mut done = 0;
    while elements - done >= 8 {
        let n = (elements - done).min(block) / 8 * 8;
        let data = take(&mut input, n * element)?;
        kernel::untranspose(data, &mut out[done * element..(done + n) * element], element);
        done += n;
    }
    let rest = &mut out[done * element..];
    rest.copy_from_slice(take(&mut input, rest.len())?);
    Ok(())
}

/// Encodes with LZ4: the chunk that [`decode_lz4`] reads, with the default block size.
///
/// `element` is the pixel's size in bytes, `data` whole little-endian pixels.
pub fn encode_lz4(data: &[u8], element: usize) -> Result<Vec<u8>, Error> {
    let elements = check_element(element, data.len())?;
    let block = default_block(element);
    let mut out = Vec::with_capacity(data.len() / 4 + 64);
    out.extend_from_slice(&(data.len() as u64).to_be_bytes());
    out.extend_from_slice(&((block * element) as u32).to_be_bytes());
    let mut shuffled = vec![0; block * element];
    let mut packed = vec![0; lz4_flex::block::get_maximum_output_size(block * element)];
    let mut done = 0;
    while elements - done >= 8 {
        let n = (elements - done).min(block) / 8 * 8;
        let shuffled = &mut shuffled[..n * element];
        kernel::transpose(&data[done * element..(done + n) * element], shuffled, element);
        let len =
            lz4_flex::block::compress_into(shuffled, &mut packed).map_err(|e| Error::Lz4 { block: done / block, reason: e.to_string() })?;
        out.extend_from_slice(&(len as u32).to_be_bytes());
        out.extend_from_slice(&packed[..len]);
        done += n;
    }
    out.extend_from_slice(&data[done * element..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            element in prop::sample::select(vec![1usize, 2, 3, 4, 8]),
            values in prop::collection::vec(0u64..70_000, 0..6000),
        ) {
            let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()[..element].to_vec()).collect();
            let chunk = encode_lz4(&data, element).unwrap();
            let mut out = vec![0; data.len()];
            let mut seen = Vec::new();
            decode_lz4_each(&chunk, element, &mut out, |pixels| seen.extend_from_slice(pixels)).unwrap();
            prop_assert_eq!(&out, &data);
            prop_assert_eq!(&seen, &data);
        }

        #[test]
        fn damage_is_an_error_or_other_pixels_but_no_panic(
            at in 0usize..2000, value in any::<u8>(), cut in 0usize..2000,
        ) {
            let data: Vec<u8> = (0..4000u32).flat_map(|i| (i % 13).to_le_bytes()).collect();
            let mut chunk = encode_lz4(&data, 4).unwrap();
            let at = at % chunk.len();
            chunk[at] = value;
            let mut out = vec![0; data.len()];
            let _ = decode_lz4(&chunk, 4, &mut out);
            let cut = cut % chunk.len();
            prop_assert!(decode_lz4(&chunk[..cut], 4, &mut out).is_err());
        }
    }

    #[test]
    fn a_header_for_another_image_size_is_refused() {
        let chunk = encode_lz4(&[0; 64], 4).unwrap();
        let mut out = vec![0; 32];
        let e = decode_lz4(&chunk, 4, &mut out).unwrap_err();
        assert_eq!(e, Error::Size { expected: 32, found: 64 });
    }
}
