//! LZ4 as HDF5 filter 32004 frames it: total bytes (u64, big-endian), bytes in a block (u32,
//! big-endian), then for each block its stored length (u32, big-endian) and data. A block whose stored length equals
//! its decoded length is not compressed.

use super::{Error, be_u32, be_u64, take};

/// Decodes a chunk. `out` must be exactly as long as the decoded chunk.
pub fn decode(chunk: &[u8], out: &mut [u8]) -> Result<(), Error> {
    let mut input = chunk;
    let total = be_u64(&mut input)?;
    if total != out.len() as u64 {
        return Err(Error::Size { expected: out.len() as u64, found: total });
    }
    let block = be_u32(&mut input)? as usize;
    if block == 0 && !out.is_empty() {
        return Err(Error::Block { bytes: 0, element: 1 });
    }
    for (index, part) in out.chunks_mut(block.max(1)).enumerate() {
        let len = be_u32(&mut input)? as usize;
        let data = take(&mut input, len)?;
        if len == part.len() {
            part.copy_from_slice(data);
            continue;
        }
        let written = lz4_flex::block::decompress_into(data, part).map_err(|e| Error::Lz4 { block: index, reason: e.to_string() })?;
        if written != part.len() {
            return Err(Error::Size { expected: part.len() as u64, found: written as u64 });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_stored_or_compressed() {
        let data: Vec<u8> = (0..100).map(|i| if i < 64 { 7 } else { i }).collect();
        let mut chunk = Vec::from(100u64.to_be_bytes());
        chunk.extend(64u32.to_be_bytes());
        let packed = lz4_flex::block::compress(&data[..64]);
        chunk.extend((packed.len() as u32).to_be_bytes());
        chunk.extend(&packed);
        chunk.extend(36u32.to_be_bytes());
        chunk.extend(&data[64..]);
        let mut out = vec![0; 100];
        decode(&chunk, &mut out).unwrap();
        assert_eq!(out, data);
        for cut in 0..chunk.len() {
            assert!(decode(&chunk[..cut], &mut out).is_err());
        }
    }
}
