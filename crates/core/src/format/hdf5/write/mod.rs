//! Writes small HDF5 trees: groups, attributes, arrays, image stacks of compressed chunks, soft and external links.
//!
//! The tree is built in memory ([`Group`], [`Data`], [`Stack`]) and [`write()`] turns it into the bytes of a file: superblock version 2, version-2
//! object headers with checksums, compact links, version-1 B-trees for chunks. libhdf5 1.8 and later read it. It is meant for simulated data and
//! for tests; a stack of many images is best spread over several files with external links, as detectors do.
//!
//! Source: HDF5 File Format Specification, version 3.0.

mod encode;
mod tree;

pub use encode::write;
pub use tree::{Data, Element, Entry, Group, Stack, Values};

#[cfg(test)]
mod tests;
