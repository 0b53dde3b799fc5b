//! Groups and data sets, in whichever of the given files they lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_reader::io::Cursor;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::attribute::{self, AttributeMessage};
use hdf5_reader::{btree_v2, fractal_heap};

use super::dataset::Dataset;
use super::element::{self, Element, Kind};
use super::file::{File, Object};
use super::links::{Link, Target};
use super::value::{self, Data, Value};
use super::{Error, Stack};
use crate::format::source::FileSet;

/// Soft and external links followed on the way to one object.
const MAX_HOPS: usize = 32;

/// The given files, opened as links lead into them.
#[derive(Debug)]
pub struct Store {
    files: FileSet,
    open: Mutex<HashMap<String, Arc<File>>>,
}

impl Store {
    /// A store over a set of files; none is opened yet.
    pub fn new(files: FileSet) -> Arc<Store> {
        Arc::new(Store { files, open: Mutex::default() })
    }

    /// The files.
    pub fn files(&self) -> &FileSet {
        &self.files
    }

    /// The root group of the file with exactly this name.
    pub fn root(self: &Arc<Store>, name: &str) -> Result<Node, Error> {
        let file = self.open_file(name)?;
        let address = file.root()?;
        Ok(Node { store: self.clone(), file, address, path: "/".into() })
    }

    fn open_file(&self, name: &str) -> Result<Arc<File>, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(name) {
            return Ok(file.clone());
        }
        let given = self.files.get(name).ok_or_else(|| Error::MissingFile { file: name.into(), wanted: name.into() })?;
        let file = Arc::new(File::open(name, given.source.clone())?);
        open.insert(name.into(), file.clone());
        Ok(file)
    }

    /// The root group of the file that a name written in `from` means.
    pub(super) fn linked_root(self: &Arc<Store>, wanted: &str, from: &str) -> Result<Node, Error> {
        match self.files.resolve(wanted, from) {
            Some(given) => {
                let name = given.name.clone();
                self.root(&name)
            }
            None => Err(Error::MissingFile { file: from.into(), wanted: wanted.into() }),
        }
    }
}

/// A group or data set.
#[derive(Debug, Clone)]
pub struct Node {
    store: Arc<Store>,
    file: Arc<File>,
    address: u64,
    path: String,
}

impl Node {
    /// The file it lies in.
    pub fn file_name(&self) -> &str {
        &self.file.name
    }

    /// Its path in that file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or("")
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub(super) fn object(&self) -> Result<Arc<Object>, Error> {
        self.file.object(self.address, &self.path)
    }

    /// Members of the group, without opening them; empty for a data set.
    pub fn links(&self) -> Result<Arc<Vec<Link>>, Error> {
        self.file.links(self.address, &self.path)
    }

    /// The root of the file that this node lies in.
    pub fn file_root(&self) -> Result<Node, Error> {
        let address = self.file.root()?;
        Ok(Node { store: self.store.clone(), file: self.file.clone(), address, path: "/".into() })
    }

    /// The object at a path: relative to this node, or to the root of its file when it starts with `/`.
    ///
    /// Fails with [`Error::NotFound`] when a component does not exist, and with [`Error::MissingFile`] when the way leads into
    /// a file that was not given.
    pub fn get(&self, path: &str) -> Result<Node, Error> {
        let mut at = if path.starts_with('/') { self.file_root()? } else { self.clone() };
        let mut parts: Vec<String> = split(path);
        let mut hops = 0;
        while let Some(part) = parts.pop() {
            if part == ".." {
                let parent = match at.path.rsplit_once('/') {
                    Some((parent, _)) if !parent.is_empty() => parent.to_owned(),
                    _ => "/".to_owned(),
                };
                at = at.file_root()?.get(&parent)?;
                continue;
            }
            let links = at.links()?;
            let Some(link) = links.iter().find(|l| l.name == part) else {
                let path = join(&at.path, &part);
                return Err(Error::NotFound { file: at.file.name.clone(), path });
            };
            let path_here = join(&at.path, &part);
            match &link.target {
                Target::Hard(address) => at = Node { address: *address, path: path_here, ..at },
                Target::Soft(target) => {
                    hops += 1;
                    if target.starts_with('/') {
                        at = at.file_root()?;
                    }
                    parts.extend(split(target));
                }
                Target::External { file, path } => {
                    hops += 1;
                    at = self.store.linked_root(file, &at.file.name)?;
                    parts.extend(split(path));
                }
            }
            if hops > MAX_HOPS {
                let file = self.file.name.clone();
                return Err(Error::LinkLoop { file, path: path.into(), limit: MAX_HOPS });
            }
        }
        Ok(at)
    }

    /// As [`Node::get`], with `None` for what does not exist.
    pub fn find(&self, path: &str) -> Result<Option<Node>, Error> {
        match self.get(path) {
            Ok(node) => Ok(Some(node)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether the node is a data set.
    pub fn is_dataset(&self) -> Result<bool, Error> {
        Ok(self.object()?.layout.is_some())
    }

    /// Shape and element type of a data set.
    pub fn dataset_type(&self) -> Result<(Vec<u64>, Element), Error> {
        let dataset = Dataset::open(self)?;
        Ok((dataset.shape().to_vec(), dataset.element()))
    }

    /// Reads a whole data set of numbers or text.
    ///
    /// Fails with [`Error::TooLarge`] beyond 256 MiB: image data are read through [`Node::stack`].
    pub fn read(&self) -> Result<Value, Error> {
        let dataset = Dataset::open(self)?;
        let bytes = dataset.read()?;
        let (element, shape) = (dataset.element(), dataset.shape().to_vec());
        self.value(element, shape, &bytes)
    }

    /// Reads a whole data set of numbers as native-endian bytes.
    pub fn read_bytes(&self) -> Result<(Vec<u64>, Element, Vec<u8>), Error> {
        let dataset = Dataset::open(self)?;
        let mut bytes = dataset.read()?;
        let mut element = dataset.element();
        element.make_native(&mut bytes);
        element.big_endian = false;
        Ok((dataset.shape().to_vec(), element, bytes))
    }

    /// Opens a data set of images: 3-D (frame, slow, fast), or 2-D for a single one.
    pub fn stack(&self) -> Result<Stack, Error> {
        Stack::open(self)
    }

    /// The attribute of this name; `None` when there is none.
    pub fn attribute(&self, name: &str) -> Result<Option<Value>, Error> {
        let found = self.raw_attributes()?.into_iter().find(|a| a.name == name);
        found.map(|a| self.attribute_value(&a)).transpose()
    }

    /// Names of all attributes.
    pub fn attribute_names(&self) -> Result<Vec<String>, Error> {
        Ok(self.raw_attributes()?.into_iter().map(|a| a.name).collect())
    }

    fn attribute_value(&self, a: &AttributeMessage) -> Result<Value, Error> {
        let count = a.dataspace.num_elements().unwrap_or(0).max(1);
        let size = usize::try_from(a.raw_data.len() as u64 / count).unwrap_or(0);
        let (element, more) = element::from_datatype(&a.datatype, size, self.file.offset_size);
        let mut shape = a.dataspace.dims.clone();
        shape.extend(more);
        self.value(element, shape, &a.raw_data)
    }

    fn raw_attributes(&self) -> Result<Vec<AttributeMessage>, Error> {
        let object = self.object()?;
        let mut out = Vec::new();
        for message in &object.messages {
            match message {
                HdfMessage::Attribute(a) => out.push(a.clone()),
                HdfMessage::AttributeInfo(info) if !self.file.is_undefined(info.fractal_heap_address) => {
                    self.dense_attributes(info.fractal_heap_address, info.btree_name_index_address, &mut out)
                        .map_err(|e| self.file.error(&self.path, &e))?;
                }
                _ => {}
            }
        }
        Ok(out)
    }

    /// Many attributes: in a fractal heap, indexed by a B-tree of name hashes.
    fn dense_attributes(&self, heap: u64, index: u64, out: &mut Vec<AttributeMessage>) -> Result<(), hdf5_reader::error::Error> {
        let (os, ls) = (self.file.offset_size, self.file.length_size);
        let storage = self.file.storage();
        let heap = fractal_heap::FractalHeap::parse_at_storage(storage, heap, os, ls)?;
        let tree = btree_v2::BTreeV2Header::parse_at_storage(storage, index, os, ls)?;
        let records = btree_v2::collect_btree_v2_records_storage(storage, &tree, os, ls, None, &[], None)?;
        let mut cache = fractal_heap::FractalHeapDirectBlockCache::default();
        for record in &records {
            if let btree_v2::BTreeV2Record::AttributeNameHash { heap_id, .. } = record {
                let bytes = heap.get_object_storage_cached(heap_id, storage, os, ls, &mut cache)?;
                // An attribute of a type that is not understood is none that is needed.
                out.extend(attribute::parse(&mut Cursor::new(&bytes), os, ls, bytes.len()).ok());
            }
        }
        Ok(())
    }

    /// Elements as they lie in the file → a value.
    fn value(&self, element: Element, shape: Vec<u64>, bytes: &[u8]) -> Result<Value, Error> {
        let data = match element.kind {
            Kind::VariableText => Data::Texts(bytes.chunks_exact(element.size).map(|r| self.variable_text(r)).collect::<Result<_, _>>()?),
            _ => {
                let mut bytes = bytes.to_vec();
                element.make_native(&mut bytes);
                value::decode(element, &bytes).ok_or_else(|| Error::unsupported(&self.file.name, &self.path, element.describe()))?
            }
        };
        Ok(Value { shape, data })
    }

    fn variable_text(&self, reference: &[u8]) -> Result<String, Error> {
        let damaged = |e| self.file.error(&self.path, &e);
        let mut cursor = Cursor::new(reference);
        let len = cursor.read_u32_le().map_err(damaged)? as usize;
        let address = cursor.read_offset(self.file.offset_size).map_err(damaged)?;
        let index = cursor.read_u32_le().map_err(damaged)?;
        if len == 0 || address == 0 {
            return Ok(String::new());
        }
        let bytes = self.file.heap_object(address, index, &self.path)?;
        Ok(value::text(&bytes[..len.min(bytes.len())], false))
    }
}

/// The components of a path, last first, without empty ones.
fn split(path: &str) -> Vec<String> {
    path.split('/').filter(|p| !p.is_empty() && *p != ".").rev().map(str::to_owned).collect()
}

fn join(path: &str, name: &str) -> String {
    if path == "/" { format!("/{name}") } else { format!("{path}/{name}") }
}
