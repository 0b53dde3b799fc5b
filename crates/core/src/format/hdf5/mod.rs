//! HDF5 files: groups, links, attributes, data sets and image stacks. No crystallography.
//!
//! The parsing of the file's own tables is hdf5-reader's, and this module alone names it. What is
//! added here: files that are reached through other files ([`Store`]), links that are listed
//! without opening what they point to, virtual data sets, and image data fetched as stored chunks
//! on one thread and decoded on another ([`Stack`]).
//!
//! ```text
//! FileSet → Store → Node (group or data set, in whichever file it lies) → Value
//!                                                                      → Stack → stored bytes → pixels
//! ```
//!

mod chunks;
mod dataset;
mod element;
mod error;
mod file;
mod filters;
mod links;
mod node;
mod selection;
mod stack;
mod value;
mod virtual_layout;
pub mod write;

#[cfg(test)]
mod tests;

pub use element::{Element, Kind};
pub use error::Error;
pub use links::{Link, Target};
pub use node::{Node, Store};
pub use stack::Stack;
pub use value::{Data, Value};
