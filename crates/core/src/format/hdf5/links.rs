//! The members of a group, listed without opening what they point to: a virtual data set or an
//! absent external file among them does not get in the way.

use hdf5_reader::io::Cursor;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::link::{self, LinkTarget};
use hdf5_reader::{btree_v1, btree_v2, fractal_heap, local_heap, symbol_table};

use super::Error;
use super::file::File;

/// Links of one group that are read at most; more is damage.
const MAX_LINKS: usize = 1 << 20;

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An object of the same file, by address.
    Hard(u64),
    /// A path in the same file, relative to the group unless it starts with `/`.
    Soft(String),
    /// A path in another file.
    External {
        /// The file's name as written.
        file: String,
        /// The path in it.
        path: String,
    },
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub target: Target,
}

fn from_message(name: String, target: LinkTarget) -> Link {
    let target = match target {
        LinkTarget::Hard { address } => Target::Hard(address),
        LinkTarget::Soft { path } => Target::Soft(path),
        LinkTarget::External { filename, path } => Target::External { file: filename, path },
    };
    Link { name, target }
}

/// The links of the group at `address`; none when the object is not a group.
pub fn read(file: &File, address: u64, path: &str) -> Result<Vec<Link>, Error> {
    let object = file.object(address, path)?;
    let mut out = Vec::new();
    for message in &object.messages {
        match message {
            HdfMessage::Link(l) => out.push(from_message(l.name.clone(), l.target.clone())),
            HdfMessage::LinkInfo(info) if !file.is_undefined(info.fractal_heap_address) => {
                dense(file, info.fractal_heap_address, info.btree_name_index_address, &mut out).map_err(|e| file.error(path, &e))?;
            }
            HdfMessage::SymbolTable(table) => {
                symbols(file, table.heap_address, table.btree_address, &mut out).map_err(|e| file.error(path, &e))?;
            }
            _ => {}
        }
        if out.len() > MAX_LINKS {
            return Err(Error::damaged(&file.name, path, format!("more than {MAX_LINKS} links")));
        }
    }
    Ok(out)
}

/// Many links: in a fractal heap, indexed by a B-tree of name hashes.
fn dense(file: &File, heap: u64, index: u64, out: &mut Vec<Link>) -> Result<(), hdf5_reader::error::Error> {
    let (os, ls) = (file.offset_size, file.length_size);
    let heap = fractal_heap::FractalHeap::parse_at_storage(file.storage(), heap, os, ls)?;
    let tree = btree_v2::BTreeV2Header::parse_at_storage(file.storage(), index, os, ls)?;
    let records = btree_v2::collect_btree_v2_records_storage(file.storage(), &tree, os, ls, None, &[], None)?;
    let mut cache = fractal_heap::FractalHeapDirectBlockCache::default();
    for record in &records {
        if let btree_v2::BTreeV2Record::LinkNameHash { heap_id, .. } = record {
            let bytes = heap.get_object_storage_cached(heap_id, file.storage(), os, ls, &mut cache)?;
            let l = link::parse(&mut Cursor::new(&bytes), os, ls, bytes.len())?;
            out.push(from_message(l.name, l.target));
        }
    }
    Ok(())
}

/// Groups of the oldest format: symbol-table nodes below a B-tree, names in a local heap.
fn symbols(file: &File, heap: u64, tree: u64, out: &mut Vec<Link>) -> Result<(), hdf5_reader::error::Error> {
    const SOFT_LINK: u32 = 2;
    let (os, ls) = (file.offset_size, file.length_size);
    let storage = file.storage();
    let heap = local_heap::LocalHeap::parse_at_storage(storage, heap, os, ls)?;
    let leaves = btree_v1::collect_btree_v1_leaves_storage(storage, tree, os, ls, None, &[], None)?;
    for (_, node) in leaves {
        let head = storage.read_range(node, 8)?;
        let entries = usize::from(u16::from_le_bytes([head[6], head[7]]));
        let bytes = storage.read_range(node, 8 + entries * (2 * usize::from(os) + 24))?;
        let node = symbol_table::SymbolTableNode::parse(&mut Cursor::new(&bytes), os, ls)?;
        for entry in &node.entries {
            let name = heap.get_string_storage(entry.link_name_offset, storage)?;
            let target = if entry.cache_type == SOFT_LINK {
                let [a, b, c, d, ..] = entry.scratch;
                let at = u32::from_le_bytes([a, b, c, d]);
                Target::Soft(heap.get_string_storage(u64::from(at), storage)?)
            } else {
                Target::Hard(entry.object_header_address)
            };
            out.push(Link { name, target });
        }
    }
    Ok(())
}
