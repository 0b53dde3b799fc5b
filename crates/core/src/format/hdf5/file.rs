//! One open file: the bridge to hdf5-reader, and what it leaves out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_reader::error::Error as H5Error;
use hdf5_reader::global_heap::GlobalHeapCollection;
use hdf5_reader::io::Cursor;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::messages::shared::{self, SharedMessage};
use hdf5_reader::messages::{self, HdfMessage};
use hdf5_reader::{Hdf5File, OpenOptions, Storage, StorageBuffer};

use super::Error;
use super::links::Link;
use crate::format::source::{BlockCache, SharedSource, SourceError};

/// Longest piece of metadata read at once. Headers, heaps and index blocks of real files are far
/// smaller; a damaged length must not become an allocation.
const MAX_METADATA: usize = 64 << 20;
/// Block size and number of the metadata cache: 5 requests instead of 36 for a frame behind an external link.
const CACHE_BLOCK: usize = 64 << 10;
const CACHE_BLOCKS: usize = 64;
/// Continuation blocks of one object header.
const MAX_HEADER_BLOCKS: usize = 1024;
/// Heap collections kept for variable-length strings.
const MAX_HEAPS: usize = 64;

/// How an object's data are stored.
#[derive(Debug, Clone)]
pub enum Layout {
    /// As hdf5-reader describes it.
    Stored(DataLayout),
    /// A virtual data set; its mappings lie in the global heap.
    Virtual { heap: u64, index: u32 },
}

/// A parsed object header.
#[derive(Debug)]
pub struct Object {
    pub messages: Vec<HdfMessage>,
    pub layout: Option<Layout>,
}

/// Lets hdf5-reader read a `ByteSource`, and remembers what the source said went wrong.
struct Bridge {
    source: SharedSource,
}

impl Storage for Bridge {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_range(&self, offset: u64, len: usize) -> Result<StorageBuffer, H5Error> {
        if len > MAX_METADATA {
            return Err(H5Error::ResourceLimit(format!("{len} bytes of metadata at {offset}")));
        }
        crate::format::source::check_range(offset, len, self.source.len()).map_err(to_h5)?;
        let mut bytes = vec![0; len];
        self.source.read_at(offset, &mut bytes).map_err(to_h5)?;
        Ok(StorageBuffer::from_vec(bytes))
    }
}

fn to_h5(e: SourceError) -> H5Error {
    match e {
        SourceError::OutOfRange { offset, end, len } => {
            H5Error::UnexpectedEof { offset, needed: end.saturating_sub(offset), available: len.saturating_sub(offset) }
        }
        e => H5Error::Io(std::io::Error::other(e.to_string())),
    }
}

/// One open file.
pub struct File {
    pub name: String,
    /// The bytes without the metadata cache, for image data.
    source: SharedSource,
    inner: Hdf5File,
    base: u64,
    pub offset_size: u8,
    pub length_size: u8,
    objects: Mutex<HashMap<u64, Arc<Object>>>,
    links: Mutex<HashMap<u64, Arc<Vec<Link>>>>,
    heaps: Mutex<HashMap<u64, Arc<GlobalHeapCollection>>>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({:?})", self.name)
    }
}

impl File {
    /// Opens a file; checks its signature and that it is as long as it says.
    pub fn open(name: &str, source: SharedSource) -> Result<File, Error> {
        let cached = Arc::new(BlockCache::new(source.clone(), CACHE_BLOCK, CACHE_BLOCKS));
        let options = OpenOptions::default().with_max_object_header_bytes(MAX_METADATA);
        let inner = Hdf5File::from_storage_with_options(Arc::new(Bridge { source: cached }), options).map_err(|e| match e {
            H5Error::InvalidMagic => Error::NotHdf5 { file: name.into() },
            // Too short even for the signature.
            H5Error::UnexpectedEof { .. } if source.len() < 8 => Error::NotHdf5 { file: name.into() },
            e => convert(name, "the superblock", &e),
        })?;
        let superblock = inner.superblock();
        let (base, end) = (superblock.base_address, superblock.eof_address);
        let (offset_size, length_size) = (superblock.offset_size, superblock.length_size);
        // The stored end is relative to the base in v0 files with a user block, absolute in others; the smaller claim
        // is enough to notice a copy that broke off.
        if end != u64::MAX && end > source.len() {
            let lost = SourceError::OutOfRange { offset: 0, end, len: source.len() };
            return Err(Error::Truncated { file: name.into(), source: lost });
        }
        Ok(File {
            name: name.into(),
            source,
            base,
            offset_size,
            length_size,
            inner,
            objects: Mutex::default(),
            links: Mutex::default(),
            heaps: Mutex::default(),
        })
    }

    /// Address of the root group.
    pub fn root(&self) -> Result<u64, Error> {
        self.inner.superblock().root_object_header_address().map_err(|e| convert(&self.name, "/", &e))
    }

    /// The storage that hdf5-reader's functions take: addresses start at the file's base.
    pub fn storage(&self) -> &dyn Storage {
        self.inner.storage()
    }

    /// Reads image data, past the cache. The length must have been checked against a limit.
    pub fn read_data(&self, address: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.source.read_at(address.saturating_add(self.base), buf).map_err(|e| Error::source(&self.name, e))
    }

    /// Fails when `len` bytes at `address` do not exist, before anything is allocated for them.
    pub fn check_data(&self, address: u64, len: u64) -> Result<(), Error> {
        let start = address.saturating_add(self.base);
        let end = start.saturating_add(len);
        if end > self.source.len() {
            let lost = SourceError::OutOfRange { offset: start, end, len: self.source.len() };
            return Err(Error::source(&self.name, lost));
        }
        Ok(())
    }

    /// Turns an error of hdf5-reader into ours.
    pub fn error(&self, path: &str, e: &H5Error) -> Error {
        convert(&self.name, path, e)
    }

    /// Whether an address says "nothing allocated".
    pub fn is_undefined(&self, address: u64) -> bool {
        Cursor::is_undefined_offset(address, self.offset_size)
    }

    /// The header at an address.
    pub fn object(&self, address: u64, path: &str) -> Result<Arc<Object>, Error> {
        if let Some(object) = self.objects.lock().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Ok(object.clone());
        }
        let object = match self.inner.get_or_parse_header(address) {
            Ok(header) => {
                let layout = header.messages.iter().find_map(|m| match m {
                    HdfMessage::DataLayout(d) => Some(Layout::Stored(d.layout.clone())),
                    _ => None,
                });
                Object { messages: header.messages.clone(), layout }
            }
            // A virtual layout fails the whole header there: it is parsed message by message here.
            Err(e) if is_virtual(&e) => self.virtual_object(address, path)?,
            Err(e) => return Err(self.error(path, &e)),
        };
        let object = Arc::new(object);
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).insert(address, object.clone());
        Ok(object)
    }

    /// The links of a group, cached.
    pub fn links(&self, address: u64, path: &str) -> Result<Arc<Vec<Link>>, Error> {
        if let Some(links) = self.links.lock().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Ok(links.clone());
        }
        let links = Arc::new(super::links::read(self, address, path)?);
        self.links.lock().unwrap_or_else(PoisonError::into_inner).insert(address, links.clone());
        Ok(links)
    }

    /// An object of the global heap.
    pub fn heap_object(&self, address: u64, index: u32, path: &str) -> Result<Vec<u8>, Error> {
        let mut heaps = self.heaps.lock().unwrap_or_else(PoisonError::into_inner);
        let heap = match heaps.get(&address) {
            Some(heap) => heap.clone(),
            None => {
                let heap = GlobalHeapCollection::parse_at_storage(self.storage(), address, self.offset_size, self.length_size)
                    .map_err(|e| self.error(path, &e))?;
                if heaps.len() >= MAX_HEAPS {
                    heaps.clear();
                }
                let heap = Arc::new(heap);
                heaps.insert(address, heap.clone());
                heap
            }
        };
        drop(heaps);
        u16::try_from(index)
            .ok()
            .and_then(|index| heap.get_object(index))
            .map(|object| object.data.clone())
            .ok_or_else(|| Error::damaged(&self.name, path, format!("no heap object {index} at {address}")))
    }

    fn virtual_object(&self, address: u64, path: &str) -> Result<Object, Error> {
        let mut out = Object { messages: Vec::new(), layout: None };
        for (kind, flags, body) in self.raw_messages(address).map_err(|e| self.error(path, &e))? {
            let mut cursor = Cursor::new(&body);
            if flags & 2 != 0 {
                // Shared: the message proper (a committed datatype) stands in another header.
                let shared = shared::parse(&mut cursor, kind, self.offset_size, self.length_size, body.len());
                if let Ok(SharedMessage::SharedInOhdr { address, .. }) = shared
                    && let Ok(header) = self.inner.get_or_parse_header(address)
                {
                    let wanted = header.messages.iter().find(|m| match m {
                        HdfMessage::Datatype(_) => kind == messages::MSG_DATATYPE,
                        HdfMessage::Dataspace(_) => kind == messages::MSG_DATASPACE,
                        _ => false,
                    });
                    out.messages.extend(wanted.cloned());
                }
                continue;
            }
            if kind == messages::MSG_DATA_LAYOUT && body.get(1) == Some(&3) {
                let mut cursor = Cursor::new(&body[2..]);
                let heap = cursor.read_offset(self.offset_size).map_err(|e| self.error(path, &e))?;
                let index = cursor.read_u32_le().map_err(|e| self.error(path, &e))?;
                out.layout = Some(Layout::Virtual { heap, index });
                continue;
            }
            // What cannot be parsed is not needed: an attribute of an unknown type, say.
            let parsed = messages::parse_message(kind, body.len(), &mut cursor, self.offset_size, self.length_size);
            out.messages.extend(parsed.ok());
        }
        Ok(out)
    }

    /// Type, flags and body of the messages of a header, version 1 or 2.
    fn raw_messages(&self, address: u64) -> Result<Vec<(u16, u8, Vec<u8>)>, H5Error> {
        let storage = self.storage();
        let read = |offset: u64, len: usize| Ok::<_, H5Error>(storage.read_range(offset, len)?.to_vec());
        let signature = read(address, 4)?;
        let version_2 = signature == b"OHDR";
        let mut blocks: Vec<(u64, u64)> = Vec::new();
        let mut with_order = false;
        if version_2 {
            let flags = read(address, 6)?[5];
            with_order = flags & 4 != 0;
            let mut at = 6;
            if flags & 0x20 != 0 {
                at += 16; // four time stamps
            }
            if flags & 0x10 != 0 {
                at += 4; // attribute storage limits
            }
            let width = 1usize << (flags & 3);
            let size = read(address.saturating_add(at), width)?;
            let size = size.iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
            blocks.push((address.saturating_add(at + width as u64), size));
        } else {
            if signature[0] != 1 {
                return Err(H5Error::UnsupportedObjectHeaderVersion(signature[0]));
            }
            let head = read(address, 12)?;
            let size = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
            blocks.push((address.saturating_add(16), u64::from(size)));
        }
        let mut out = Vec::new();
        let mut seen = 0;
        while let Some((offset, len)) = blocks.pop() {
            seen += 1;
            if seen > MAX_HEADER_BLOCKS {
                return Err(H5Error::InvalidData("object header continues too often".into()));
            }
            let len = usize::try_from(len).map_err(|_| H5Error::InvalidData("object header block".into()))?;
            let block = read(offset, len)?;
            let mut rest = &block[..];
            loop {
                let head = match (version_2, with_order) {
                    (true, false) => 4,
                    (true, true) => 6,
                    (false, _) => 8,
                };
                let Some((h, tail)) = rest.split_at_checked(head) else { break };
                let (kind, size, flags) = if version_2 {
                    (u16::from(h[0]), u16::from_le_bytes([h[1], h[2]]), h[3])
                } else {
                    (u16::from_le_bytes([h[0], h[1]]), u16::from_le_bytes([h[2], h[3]]), h[4])
                };
                let Some((body, tail)) = tail.split_at_checked(usize::from(size)) else { break };
                rest = tail;
                if kind == messages::MSG_CONTINUATION {
                    let mut cursor = Cursor::new(body);
                    let at = cursor.read_offset(self.offset_size)?;
                    let len = cursor.read_length(self.length_size)?;
                    // Version 2 blocks carry a signature before and a checksum behind.
                    blocks.push(if version_2 { (at.saturating_add(4), len.saturating_sub(8)) } else { (at, len) });
                } else {
                    out.push((kind, flags, body.to_vec()));
                }
            }
        }
        Ok(out)
    }
}

fn is_virtual(e: &H5Error) -> bool {
    match e {
        H5Error::UnsupportedLayoutClass(3) => true,
        H5Error::Context { source, .. } => is_virtual(source),
        _ => false,
    }
}

fn convert(file: &str, path: &str, e: &H5Error) -> Error {
    match e {
        H5Error::Context { source, .. } => convert(file, path, source),
        H5Error::UnexpectedEof { offset, needed, available } => {
            let (end, len) = (offset.saturating_add(*needed), offset.saturating_add(*available));
            let source = SourceError::OutOfRange { offset: *offset, end, len };
            Error::Truncated { file: file.into(), source }
        }
        H5Error::UnsupportedFilter(what) | H5Error::UnsupportedEncoding(what) => Error::unsupported(file, path, what),
        H5Error::UnsupportedDatatypeClass(class) => Error::unsupported(file, path, format!("datatype class {class}")),
        e => Error::damaged(file, path, e.to_string()),
    }
}
