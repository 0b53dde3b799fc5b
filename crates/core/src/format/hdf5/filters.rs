//! The filter pipeline of a chunk, undone.

use std::sync::{Arc, OnceLock};

use hdf5_reader::FilterRegistry;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::filter_pipeline::FilterDescription;

use super::Error;
use crate::format::codec::{self, bitshuffle, lz4};

/// HDF5's registered number of bitshuffle.
pub const BITSHUFFLE: u16 = 32008;
/// HDF5's registered number of LZ4.
pub const LZ4: u16 = 32004;

/// Bitshuffle's compressors, in its fifth client value.
const NO_COMPRESSOR: u32 = 0;
const LZ4_COMPRESSOR: u32 = 2;
const ZSTD_COMPRESSOR: u32 = 3;

/// The filters of a data set, in the order in which they were applied on writing.
#[derive(Debug, Clone, Default)]
pub struct Filters(Arc<[FilterDescription]>);

impl Filters {
    /// From an object's messages; none when there is no pipeline.
    pub fn from_messages(messages: &[HdfMessage]) -> Filters {
        let pipeline = messages.iter().find_map(|m| match m {
            HdfMessage::FilterPipeline(p) => Some(p.filters.clone()),
            _ => None,
        });
        Filters(pipeline.unwrap_or_default().into())
    }

    /// Decodes one stored chunk into `out`, which is exactly as long as the chunk's elements.
    ///
    /// - `mask`: a bit is set for each filter that was skipped for this chunk
    /// - `element`: in bytes
    /// - `each`: handed the decoded elements once more, part by part, while they are in the cache if that can be
    /// - `place`: file and path, for errors
    pub fn decode(
        &self,
        stored: &[u8],
        mask: u32,
        element: usize,
        out: &mut [u8],
        mut each: impl FnMut(&mut [u8]),
        place: (&str, &str),
    ) -> Result<(), Error> {
        let (file, path) = place;
        let codec = |source| Error::Codec { file: file.into(), path: path.into(), source };
        let active: Vec<&FilterDescription> =
            self.0.iter().enumerate().filter(|(i, _)| mask.checked_shr(*i as u32).unwrap_or(0) & 1 == 0).map(|(_, f)| f).collect();
        let limit = out.len();
        let mut owned: Option<Vec<u8>> = None;
        for (left, filter) in active.iter().enumerate().rev() {
            let input = owned.as_deref().unwrap_or(stored);
            // Only the last step must give exactly the chunk; those before may add a checksum.
            match filter.id {
                BITSHUFFLE | LZ4 if left == 0 => return special(filter, input, element, out, each).map_err(codec),
                BITSHUFFLE | LZ4 => {
                    let mut next = vec![0; limit];
                    special(filter, input, element, &mut next, |_| {}).map_err(codec)?;
                    owned = Some(next);
                }
                _ => {
                    if let Some(what) = unsupported(filter.id) {
                        return Err(codec(codec::Error::Unsupported(what)));
                    }
                    static BUILT_IN: OnceLock<FilterRegistry> = OnceLock::new();
                    let registry = BUILT_IN.get_or_init(FilterRegistry::new);
                    let next = registry
                        .apply_with_limit(filter, input, element, Some(limit + 64))
                        .map_err(|e| Error::damaged(file, path, e.to_string()))?;
                    owned = Some(next);
                }
            }
        }
        let data = owned.as_deref().unwrap_or(stored);
        if data.len() != out.len() {
            return Err(codec(codec::Error::Size { expected: out.len() as u64, found: data.len() as u64 }));
        }
        out.copy_from_slice(data);
        each(out);
        Ok(())
    }
}

fn special(
    filter: &FilterDescription,
    input: &[u8],
    element: usize,
    out: &mut [u8],
    mut each: impl FnMut(&mut [u8]),
) -> Result<(), codec::Error> {
    if filter.id == LZ4 {
        lz4::decode(input, out)?;
        each(out);
        return Ok(());
    }
    // Client values: version, version, element size, block size, compressor.
    let value = |i: usize| filter.client_data.get(i).copied();
    let element = value(2).map_or(element, |n| n as usize);
    match value(4).unwrap_or(NO_COMPRESSOR) {
        LZ4_COMPRESSOR => bitshuffle::decode_lz4_each(input, element, out, each),
        NO_COMPRESSOR => {
            bitshuffle::decode_plain(input, element, value(3).unwrap_or(0) as usize, out)?;
            each(out);
            Ok(())
        }
        ZSTD_COMPRESSOR => Err(codec::Error::Unsupported("bitshuffle and Zstandard")),
        _ => Err(codec::Error::Unsupported("bitshuffle and an unknown compressor")),
    }
}

fn unsupported(id: u16) -> Option<&'static str> {
    Some(match id {
        1..=6 => return None,
        305 => "LZO",
        307 => "bzip2",
        32000 => "LZF",
        32001 => "Blosc",
        32013 => "ZFP",
        32015 => "Zstandard",
        32017 | 32024 => "SZ",
        32026 => "Blosc2",
        _ => "a filter that is not built in",
    })
}
