//! Data sets: their description, and reading a whole small one.

use std::sync::{Arc, OnceLock};

use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::dataspace::DataspaceType;
use hdf5_reader::messages::layout::{ChunkIndexing, DataLayout};

use super::Error;
use super::chunks::{ChunkTable, Geometry};
use super::element::{self, Element, Kind};
use super::file::Layout;
use super::filters::Filters;
use super::node::Node;
use super::virtual_layout::{self, Mapping};

/// Most bytes that reading a whole data set may take: a mask of the largest detectors and to spare.
const MAX_READ: u64 = 256 << 20;
/// Virtual data sets of virtual data sets of ...
const MAX_DEPTH: usize = 8;

/// An open data set.
#[derive(Debug)]
pub struct Dataset {
    node: Node,
    geometry: Geometry,
    element: Element,
    fill: Vec<u8>,
    storage: Storage,
}

/// How the elements are stored.
#[derive(Debug)]
pub enum Storage {
    Compact(Vec<u8>),
    Contiguous { address: u64 },
    Chunked { address: u64, indexing: Option<ChunkIndexing>, filters: Filters, table: OnceLock<Arc<ChunkTable>> },
    Virtual(Vec<Mapping>),
}

impl Dataset {
    /// Opens a data set; reads its description only.
    pub fn open(node: &Node) -> Result<Dataset, Error> {
        let (file, path) = (node.file(), node.path());
        let object = node.object()?;
        let layout = object.layout.as_ref().ok_or_else(|| Error::Kind {
            file: file.name.clone(),
            path: path.into(),
            expected: "a data set",
            found: "a group".into(),
        })?;
        let dataspace = object.messages.iter().find_map(|m| match m {
            HdfMessage::Dataspace(d) => Some(d),
            _ => None,
        });
        let datatype = object.messages.iter().find_map(|m| match m {
            HdfMessage::Datatype(d) => Some(d),
            _ => None,
        });
        let (Some(dataspace), Some(datatype)) = (dataspace, datatype) else {
            return Err(Error::damaged(&file.name, path, "a data set without shape or type"));
        };
        let stored_element = datatype.size as usize;
        let (element, array) = element::from_datatype(&datatype.datatype, stored_element, file.offset_size);
        let mut shape = dataspace.dims.clone();
        if dataspace.dataspace_type == DataspaceType::Null {
            shape = vec![0];
        }
        if object.messages.iter().any(|m| matches!(m, HdfMessage::ExternalFiles(_))) {
            return Err(Error::unsupported(&file.name, path, "external raw data files"));
        }
        let fill = object
            .messages
            .iter()
            .rev()
            .find_map(|m| match m {
                HdfMessage::FillValue(f) => f.value.clone(),
                _ => None,
            })
            .filter(|f| f.len() == element.size)
            .unwrap_or_else(|| vec![0; element.size]);
        let mut chunk = Vec::new();
        let storage = match layout {
            Layout::Stored(DataLayout::Compact { data }) => Storage::Compact(data.clone()),
            Layout::Stored(DataLayout::Contiguous { address, .. }) => Storage::Contiguous { address: *address },
            Layout::Stored(DataLayout::Chunked { address, dims, chunk_indexing, .. }) => {
                // One more dimension than the data set: the element's size.
                chunk = dims.iter().take(shape.len()).map(|&d| u64::from(d)).collect();
                if chunk.len() != shape.len() || chunk.contains(&0) {
                    return Err(Error::damaged(&file.name, path, format!("chunks of {dims:?} for shape {shape:?}")));
                }
                Storage::Chunked {
                    address: *address,
                    indexing: chunk_indexing.clone(),
                    filters: Filters::from_messages(&object.messages),
                    table: OnceLock::new(),
                }
            }
            Layout::Virtual { heap, index } => {
                let bytes = file.heap_object(*heap, *index, path)?;
                let mappings = virtual_layout::decode(&bytes, file.length_size)
                    .ok_or_else(|| Error::damaged(&file.name, path, "the mappings of the virtual data set"))?;
                Storage::Virtual(mappings)
            }
        };
        if !array.is_empty() && !matches!(storage, Storage::Compact(_) | Storage::Contiguous { .. }) {
            return Err(Error::unsupported(&file.name, path, "an array type in chunks"));
        }
        shape.extend(array);
        let max_shape = dataspace.max_dims.clone();
        let geometry = Geometry { shape, max_shape, chunk, element: element.size };
        Ok(Dataset { node: node.clone(), geometry, element, fill, storage })
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    pub fn shape(&self) -> &[u64] {
        &self.geometry.shape
    }

    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub fn element(&self) -> Element {
        self.element
    }

    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The fill value, one element as in the file.
    pub fn fill(&self) -> &[u8] {
        &self.fill
    }

    /// The chunk table, read on first use. Only for chunked storage.
    pub fn table(&self) -> Result<Arc<ChunkTable>, Error> {
        let Storage::Chunked { address, indexing, table, .. } = &self.storage else {
            return Ok(Arc::default());
        };
        if let Some(table) = table.get() {
            return Ok(table.clone());
        }
        let read = ChunkTable::read(self.node.file(), self.node.path(), &self.geometry, *address, indexing.as_ref())?;
        Ok(table.get_or_init(|| Arc::new(read)).clone())
    }

    fn too_large(&self, bytes: u64) -> Error {
        let (file, path) = (self.node.file_name().into(), self.node.path().into());
        Error::TooLarge { file, path, bytes, limit: MAX_READ }
    }

    /// All elements, as they lie in the file.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        self.read_nested(0)
    }

    fn read_nested(&self, depth: usize) -> Result<Vec<u8>, Error> {
        let (file, path) = (self.node.file(), self.node.path());
        let total = self.geometry.shape.iter().fold(self.element.size as u64, |n, &d| n.saturating_mul(d));
        if total > MAX_READ {
            return Err(self.too_large(total));
        }
        // Bounded, so it fits any platform's usize.
        let len = total as usize;
        match &self.storage {
            Storage::Compact(data) => match data.get(..len) {
                Some(data) => Ok(data.to_vec()),
                None => Err(Error::damaged(&file.name, path, format!("{} bytes for {len}", data.len()))),
            },
            Storage::Contiguous { address } => {
                if file.is_undefined(*address) {
                    return Ok(self.filled(len));
                }
                file.check_data(*address, total)?;
                let mut out = vec![0; len];
                file.read_data(*address, &mut out)?;
                Ok(out)
            }
            Storage::Chunked { .. } => self.read_chunks(len),
            Storage::Virtual(mappings) => self.gather(mappings, len, depth),
        }
    }

    fn filled(&self, len: usize) -> Vec<u8> {
        if self.fill.iter().all(|&b| b == 0) {
            return vec![0; len];
        }
        self.fill.iter().copied().cycle().take(len).collect()
    }

    fn read_chunks(&self, len: usize) -> Result<Vec<u8>, Error> {
        let g = &self.geometry;
        let chunk_bytes = g.chunk_bytes();
        if chunk_bytes > MAX_READ {
            return Err(self.too_large(chunk_bytes));
        }
        let grid = g.grid();
        let mut out = self.filled(len);
        let mut decoded = vec![0; chunk_bytes as usize];
        for chunk in self.table()?.iter() {
            self.decode_chunk(chunk, &mut decoded)?;
            // Corner of the chunk in the data set.
            let mut rest = chunk.index;
            let mut corner = vec![0; grid.len()];
            for d in (0..grid.len()).rev() {
                corner[d] = rest % grid[d] * g.chunk[d];
                rest /= grid[d];
            }
            copy_box(&decoded, &g.chunk, &mut out, &g.shape, &corner, g.element);
        }
        Ok(out)
    }

    /// Reads and decodes one chunk into a buffer of a chunk's size.
    fn decode_chunk(&self, chunk: super::chunks::Chunk, out: &mut [u8]) -> Result<(), Error> {
        let (file, path) = (self.node.file(), self.node.path());
        let Storage::Chunked { filters, .. } = &self.storage else { return Ok(()) };
        file.check_data(chunk.address, chunk.size)?;
        if chunk.size > MAX_READ {
            return Err(self.too_large(chunk.size));
        }
        let mut stored = vec![0; chunk.size as usize];
        file.read_data(chunk.address, &mut stored)?;
        filters.decode(&stored, chunk.mask, self.element.size, out, |_| {}, (&file.name, path))
    }

    /// A small virtual data set: each source is read whole and its elements are put in place.
    fn gather(&self, mappings: &[Mapping], len: usize, depth: usize) -> Result<Vec<u8>, Error> {
        let (file, path) = (self.node.file_name(), self.node.path());
        if depth >= MAX_DEPTH {
            return Err(Error::LinkLoop { file: file.into(), path: path.into(), limit: MAX_DEPTH });
        }
        let mut out = self.filled(len);
        let size = self.element.size;
        for mapping in mappings {
            let irregular = || Error::unsupported(file, path, "an irregular selection in a virtual data set");
            if mapping.is_numbered() {
                return Err(Error::unsupported(file, path, "numbered sources of a small virtual data set"));
            }
            let source = self.open_source(&mapping.file, &mapping.dataset)?;
            if source.element != self.element || self.element.kind == Kind::VariableText {
                return Err(Error::unsupported(file, path, "a virtual data set that converts its sources"));
            }
            let bytes = source.read_nested(depth + 1)?;
            let from = mapping.source.runs(source.shape()).ok_or_else(irregular)?;
            let to = mapping.target.runs(self.shape()).ok_or_else(irregular)?;
            let mut from = from.into_iter().flat_map(|(first, n)| first..first + n);
            for (first, n) in to {
                for at in first..first + n {
                    let Some(source_at) = from.next() else { break };
                    let (s, t) = (source_at as usize * size, at as usize * size);
                    out[t..t + size].copy_from_slice(&bytes[s..s + size]);
                }
            }
        }
        Ok(out)
    }

    /// The source data set of a mapping, by the names written in it.
    pub fn open_source(&self, file: &str, dataset: &str) -> Result<Dataset, Error> {
        let root = match file {
            "." | "" => self.node.file_root()?,
            name => self.node.store().linked_root(name, self.node.file_name())?,
        };
        Dataset::open(&root.get(dataset)?)
    }
}

/// Copies the part of a chunk that lies within the data set to its place.
fn copy_box(chunk: &[u8], extent: &[u64], out: &mut [u8], shape: &[u64], corner: &[u64], size: usize) {
    let rank = shape.len();
    if rank == 0 {
        out.copy_from_slice(&chunk[..out.len()]);
        return;
    }
    let take: Vec<u64> = (0..rank).map(|d| extent[d].min(shape[d].saturating_sub(corner[d]))).collect();
    if take.contains(&0) {
        return;
    }
    let row = take[rank - 1] as usize * size;
    let rows: u64 = take[..rank - 1].iter().product();
    for r in 0..rows {
        // Coordinates of this row in the box, slowest first.
        let mut rest = r;
        let (mut from, mut to) = (0u64, corner[rank - 1]);
        let (mut from_step, mut to_step) = (extent[rank - 1], shape[rank - 1]);
        for d in (0..rank - 1).rev() {
            let x = rest % take[d];
            rest /= take[d];
            from += x * from_step;
            to += (corner[d] + x) * to_step;
            from_step *= extent[d];
            to_step *= shape[d];
        }
        let (from, to) = (from as usize * size, to as usize * size);
        out[to..to + row].copy_from_slice(&chunk[from..from + row]);
    }
}
