//! Where the chunks of a data set lie, without reading them.

use hdf5_reader::btree_v1::{self, BTreeV1Key};
use hdf5_reader::chunk_index::{self, ChunkEntry};
use hdf5_reader::messages::layout::ChunkIndexing;
use hdf5_reader::{extensible_array, fixed_array};

use super::Error;
use super::file::File;

/// Most chunks in one data set: ten million images. More is damage, and must not become an allocation.
const MAX_CHUNKS: u64 = 10_000_000;

/// One stored chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its place in the grid of chunks, last dimension fastest.
    pub index: u64,
    /// Address of its bytes in the file.
    pub address: u64,
    /// Stored bytes.
    pub size: u64,
    /// Filters that were skipped, one bit each.
    pub mask: u32,
}

/// What the chunk index needs to know of its data set.
#[derive(Debug, Clone)]
pub struct Geometry {
    pub shape: Vec<u64>,
    pub max_shape: Option<Vec<u64>>,
    /// Extent of a chunk.
    pub chunk: Vec<u64>,
    /// Bytes in an element.
    pub element: usize,
}

impl Geometry {
    /// Number of chunks along each dimension.
    pub fn grid(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.chunk).map(|(&n, &c)| n.div_ceil(c.max(1))).collect()
    }

    /// Bytes in a decoded chunk.
    pub fn chunk_bytes(&self) -> u64 {
        self.chunk.iter().fold(self.element as u64, |n, &c| n.saturating_mul(c))
    }
}

/// The chunks that are stored, in order of their index. What is missing holds the fill value.
#[derive(Debug, Clone, Default)]
pub struct ChunkTable(Vec<Chunk>);

impl ChunkTable {
    /// The chunk at a place in the grid.
    pub fn get(&self, index: u64) -> Option<Chunk> {
        self.0.binary_search_by_key(&index, |c| c.index).ok().map(|i| self.0[i])
    }

    /// All stored chunks.
    pub fn iter(&self) -> impl Iterator<Item = Chunk> + '_ {
        self.0.iter().copied()
    }

    /// Reads the index of a data set.
    pub fn read(file: &File, path: &str, geometry: &Geometry, address: u64, indexing: Option<&ChunkIndexing>) -> Result<ChunkTable, Error> {
        let rank = geometry.shape.len();
        let grid = geometry.grid();
        let total = grid.iter().fold(1u64, |n, &g| n.saturating_mul(g));
        if total > MAX_CHUNKS {
            return Err(Error::damaged(&file.name, path, format!("{total} chunks; at most {MAX_CHUNKS} are read")));
        }
        if file.is_undefined(address) || total == 0 {
            return Ok(ChunkTable::default());
        }
        let dims: Vec<u32> = geometry.chunk.iter().map(|&c| c as u32).collect();
        let (os, ls) = (file.offset_size, file.length_size);
        let entries = entries(file, geometry, &dims, address, indexing, os, ls).map_err(|e| file.error(path, &e))?;
        let full = geometry.chunk_bytes();
        let mut chunks = Vec::with_capacity(entries.len());
        for e in entries {
            if file.is_undefined(e.address) || e.offsets.len() < rank {
                continue;
            }
            // Chunks beyond the extent remain in the index when a data set was shrunk.
            let place = e.offsets.iter().zip(&geometry.chunk).map(|(&o, &c)| o / c.max(1));
            let inside = place.clone().zip(&grid).all(|(p, &g)| p < g);
            if !inside {
                continue;
            }
            let index = place.zip(&grid).fold(0, |index, (p, &g)| index * g + p);
            // The indexes of unfiltered data do not repeat the size.
            let size = if e.size == 0 { full } else { e.size };
            chunks.push(Chunk { index, address: e.address, size, mask: e.filter_mask });
        }
        chunks.sort_by_key(|c| c.index);
        Ok(ChunkTable(chunks))
    }
}

fn entries(
    file: &File,
    geometry: &Geometry,
    dims: &[u32],
    address: u64,
    indexing: Option<&ChunkIndexing>,
    os: u8,
    ls: u8,
) -> Result<Vec<ChunkEntry>, hdf5_reader::error::Error> {
    let storage = file.storage();
    let shape = &geometry.shape;
    let rank = shape.len();
    match indexing {
        None => {
            let leaves = btree_v1::collect_btree_v1_leaves_storage(storage, address, os, ls, Some(rank as u32), dims, None)?;
            Ok(leaves
                .into_iter()
                .filter_map(|(key, address)| match key {
                    BTreeV1Key::RawData { chunk_size, filter_mask, offsets } => {
                        Some(ChunkEntry { address, size: u64::from(chunk_size), filter_mask, offsets })
                    }
                    _ => None,
                })
                .collect())
        }
        Some(ChunkIndexing::SingleChunk { filtered_size, filters }) => {
            Ok(vec![chunk_index::single_chunk_entry(address, *filtered_size, *filters, rank)])
        }
        Some(ChunkIndexing::Implicit) => {
            chunk_index::collect_implicit_chunk_entries(address, shape, dims, geometry.element, None, storage.len())
        }
        Some(ChunkIndexing::FixedArray { .. }) => {
            fixed_array::collect_fixed_array_chunk_entries_storage(storage, address, os, ls, shape, dims, None)
        }
        Some(ChunkIndexing::ExtensibleArray { .. }) => extensible_array::collect_extensible_array_chunk_entries_storage(
            storage,
            address,
            os,
            ls,
            shape,
            geometry.max_shape.as_deref(),
            dims,
            None,
        ),
        Some(ChunkIndexing::BTreeV2) => chunk_index::collect_v2_chunk_entries_storage(storage, address, os, ls, rank as u32, dims, None),
    }
}
