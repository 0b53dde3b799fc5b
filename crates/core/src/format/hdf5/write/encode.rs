//! The bytes. Everything is appended in the order in which it is needed, children before parents, so that addresses are known.

use super::tree::{Data, Element, Entry, Group, Stack, Values};
use hdf5_reader::checksum::jenkins_lookup3;

const UNDEFINED: u64 = u64::MAX;
const SUPERBLOCK: usize = 48;
/// Half the most children of a chunk B-tree's node: libhdf5's default, which superblock version 2 implies.
const K: usize = 32;

/// Object header messages by their numbers in the specification.
mod message {
    pub(super) const DATASPACE: u8 = 0x01;
    pub(super) const LINK_INFO: u8 = 0x02;
    pub(super) const DATATYPE: u8 = 0x03;
    pub(super) const FILL_VALUE: u8 = 0x05;
    pub(super) const LINK: u8 = 0x06;
    pub(super) const LAYOUT: u8 = 0x08;
    pub(super) const GROUP_INFO: u8 = 0x0A;
    pub(super) const FILTERS: u8 = 0x0B;
    pub(super) const ATTRIBUTE: u8 = 0x0C;
}

/// The file of a tree. Names and texts must be shorter than 32 kB, attributes shorter than 64 kB; longer ones are cut.
pub fn write(root: &Group) -> Vec<u8> {
    let mut file = vec![0; SUPERBLOCK];
    let root = group(&mut file, root);
    let mut head = b"\x89HDF\r\n\x1a\n".to_vec();
    // Version 2, 8-byte offsets and lengths, no flags.
    head.extend_from_slice(&[2, 8, 8, 0]);
    for address in [0, UNDEFINED, file.len() as u64, root] {
        head.extend_from_slice(&address.to_le_bytes());
    }
    head.extend_from_slice(&jenkins_lookup3(&head).to_le_bytes());
    file[..SUPERBLOCK].copy_from_slice(&head);
    file
}

/// An object header in the making.
#[derive(Default)]
struct Header {
    messages: Vec<u8>,
}

impl Header {
    fn push(&mut self, kind: u8, body: &[u8]) {
        let body = &body[..body.len().min(usize::from(u16::MAX))];
        self.messages.push(kind);
        self.messages.extend_from_slice(&(body.len() as u16).to_le_bytes());
        self.messages.push(0);
        self.messages.extend_from_slice(body);
    }

    fn attributes(&mut self, attributes: &[(String, Values)]) {
        for (name, values) in attributes {
            let scalar = values.len() == 1;
            let dims = if scalar { Vec::new() } else { vec![values.len() as u64] };
            let (kind, space) = (datatype(values), dataspace(&dims));
            let name = terminated(name);
            let mut body = vec![3, 0];
            for n in [name.len(), kind.len(), space.len()] {
                body.extend_from_slice(&(n as u16).to_le_bytes());
            }
            body.push(1);
            body.extend([name, kind, space, bytes(values)].concat());
            self.push(message::ATTRIBUTE, &body);
        }
    }

    /// Appends the header to the file and returns its address.
    fn finish(self, file: &mut Vec<u8>) -> u64 {
        align(file);
        let address = file.len();
        // Version 2; flag bits 0–1 = 2: the chunk's size has four bytes.
        file.extend_from_slice(b"OHDR\x02\x02");
        file.extend_from_slice(&(self.messages.len() as u32).to_le_bytes());
        file.extend_from_slice(&self.messages);
        let checksum = jenkins_lookup3(&file[address..]);
        file.extend_from_slice(&checksum.to_le_bytes());
        address as u64
    }
}

fn align(file: &mut Vec<u8>) {
    file.resize(file.len().next_multiple_of(8), 0);
}

fn group(file: &mut Vec<u8>, group: &Group) -> u64 {
    let mut header = Header::default();
    header.push(message::LINK_INFO, &[&[0, 0][..], &UNDEFINED.to_le_bytes(), &UNDEFINED.to_le_bytes()].concat());
    header.push(message::GROUP_INFO, &[0, 0]);
    header.attributes(&group.attributes);
    for (name, entry) in &group.entries {
        header.push(message::LINK, &link(file, name, entry));
    }
    header.finish(file)
}

/// A link message; what it points to is written first.
fn link(file: &mut Vec<u8>, name: &str, entry: &Entry) -> Vec<u8> {
    let (kind, target) = match entry {
        Entry::Group(g) => (0, group(file, g).to_le_bytes().to_vec()),
        Entry::Data(d) => (0, array(file, d).to_le_bytes().to_vec()),
        Entry::Stack(s) => (0, stack(file, s).to_le_bytes().to_vec()),
        Entry::Soft(path) => (1, sized(path.as_bytes())),
        Entry::External { file, path } => (64, sized(&[&[0][..], &terminated(file), &terminated(path)].concat())),
    };
    // Flags: bits 0–1 = 1: the name's length has two bytes; bit 3: the kind is given; bit 4: so is the character set.
    let mut body = vec![1, 0b1_1001, kind, 1];
    body.extend(sized(name.as_bytes()));
    body.extend(target);
    body
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(0x7fff)];
    [&(bytes.len() as u16).to_le_bytes(), bytes].concat()
}

fn terminated(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    [&bytes[..bytes.len().min(0x7fff)], &[0]].concat()
}

fn array(file: &mut Vec<u8>, data: &Data) -> u64 {
    let bytes = bytes(&data.values);
    align(file);
    let address = file.len() as u64;
    file.extend_from_slice(&bytes);
    let mut header = Header::default();
    header.push(message::DATASPACE, &dataspace(&data.dims));
    header.push(message::DATATYPE, &datatype(&data.values));
    // Version 3; space allocated early, no fill value.
    header.push(message::FILL_VALUE, &[3, 0b1001]);
    header.push(message::LAYOUT, &[&[3, 1][..], &address.to_le_bytes(), &(bytes.len() as u64).to_le_bytes()].concat());
    header.attributes(&data.attributes);
    header.finish(file)
}

fn stack(file: &mut Vec<u8>, stack: &Stack) -> u64 {
    let mut addresses = Vec::with_capacity(stack.chunks.len());
    for chunk in &stack.chunks {
        addresses.push((file.len() as u64, chunk.len() as u32));
        file.extend_from_slice(chunk);
    }
    let tree = chunk_tree(file, &addresses);
    let size = stack.element.size() as u32;
    let mut header = Header::default();
    header.push(message::DATASPACE, &dataspace(&[stack.chunks.len() as u64, stack.shape[0], stack.shape[1]]));
    header.push(message::DATATYPE, &integer_type(size, false));
    // Version 3; space allocated as needed, no fill value.
    header.push(message::FILL_VALUE, &[3, 0b1011]);
    let mut layout = vec![3, 2, 4];
    layout.extend_from_slice(&tree.to_le_bytes());
    for extent in [1, stack.shape[0] as u32, stack.shape[1] as u32, size] {
        layout.extend_from_slice(&extent.to_le_bytes());
    }
    header.push(message::LAYOUT, &layout);
    // Version 2, one filter: 32008, no name, mandatory, five values: version 0.2, element size, default block, LZ4.
    let mut filters = vec![2, 1];
    for field in [32008u16, 0, 0, 5] {
        filters.extend_from_slice(&field.to_le_bytes());
    }
    for value in [0, 2, size, 0, 2] {
        filters.extend_from_slice(&value.to_le_bytes());
    }
    header.push(message::FILTERS, &filters);
    header.finish(file)
}

/// A version-1 B-tree over the chunks of a stack: nodes of at most 2K children, as many levels as it takes. Returns the root's address.
fn chunk_tree(file: &mut Vec<u8>, chunks: &[(u64, u32)]) -> u64 {
    if chunks.is_empty() {
        return UNDEFINED;
    }
    // Children of the present level: first frame, size of the first chunk, address.
    let mut level: Vec<(u64, u32, u64)> = chunks.iter().enumerate().map(|(z, (address, size))| (z as u64, *size, *address)).collect();
    let mut depth = 0u8;
    loop {
        let mut parents = Vec::new();
        let nodes = level.len().div_ceil(2 * K);
        align(file);
        let first = file.len() as u64;
        let node_size = 24 + (2 * K + 1) * 40 + 2 * K * 8;
        for (i, children) in level.chunks(2 * K).enumerate() {
            let at = |j: usize| first + (j * node_size) as u64;
            let mut node = b"TREE\x01".to_vec();
            node.push(depth);
            node.extend_from_slice(&(children.len() as u16).to_le_bytes());
            node.extend_from_slice(&(if i > 0 { at(i - 1) } else { UNDEFINED }).to_le_bytes());
            node.extend_from_slice(&(if i + 1 < nodes { at(i + 1) } else { UNDEFINED }).to_le_bytes());
            for (z, size, address) in children {
                node.extend(chunk_key(*z, *size));
                node.extend_from_slice(&address.to_le_bytes());
            }
            let after = level.get((i + 1) * 2 * K).map_or(chunks.len() as u64, |c| c.0);
            node.extend(chunk_key(after, 0));
            node.resize(node_size, 0);
            file.extend_from_slice(&node);
            parents.push((children[0].0, children[0].1, at(i)));
        }
        if parents.len() == 1 {
            return parents[0].2;
        }
        level = parents;
        depth += 1;
    }
}

/// Size, filter mask, and offsets (frame, row, column, byte) of a chunk.
fn chunk_key(z: u64, size: u32) -> Vec<u8> {
    let mut key = [size.to_le_bytes(), [0; 4]].concat();
    for offset in [z, 0, 0, 0] {
        key.extend_from_slice(&offset.to_le_bytes());
    }
    key
}

fn dataspace(dims: &[u64]) -> Vec<u8> {
    // Version 2, rank, no maximum; kind 0 = scalar, 1 = simple.
    let mut out = vec![2, dims.len() as u8, 0, u8::from(!dims.is_empty())];
    dims.iter().for_each(|d| out.extend_from_slice(&d.to_le_bytes()));
    out
}

fn integer_type(size: u32, signed: bool) -> Vec<u8> {
    // Version 1, class 0, little-endian; bit 3: signed; then size, bit offset and precision.
    let mut out = vec![0x10, u8::from(signed) << 3, 0, 0];
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&(8 * size as u16).to_le_bytes());
    out
}

fn datatype(values: &Values) -> Vec<u8> {
    match values {
        Values::I64(_) => integer_type(8, true),
        Values::U32(_) => integer_type(Element::U32.size() as u32, false),
        // Version 1, class 1: little-endian, implied first bit, sign at bit 63; 8 bytes; 11-bit exponent at 52, biased by 1023.
        Values::F64(_) => vec![0x11, 0x20, 0x3f, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 0x03, 0, 0],
        // Version 1, class 3: null-terminated, UTF-8.
        Values::Text(s) => [&[0x13, 0x10, 0, 0][..], &(terminated(s).len() as u32).to_le_bytes()].concat(),
    }
}

fn bytes(values: &Values) -> Vec<u8> {
    match values {
        Values::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Values::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Values::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Values::Text(s) => terminated(s),
    }
}
