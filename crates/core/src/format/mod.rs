//! File formats: bytes in, typed values out, and back.
//!
//! Parsers see a [`source::ByteSource`] or a byte slice, never a path; what several files make up
//! together (a master and its data files) is looked up in a [`source::FileSet`].
//! Everything here takes its input for hostile: sizes are checked before anything is allocated, and
//! a damaged file ends in an error that says what was wrong where.
//!
//! - [`source`]: where bytes come from
//! - [`codec`]: bitshuffle, LZ4 and CBF byte-offset compression
//! - [`hdf5`]: groups, attributes, data sets and image stacks; no crystallography
//! - [`cbf`]: miniCBF and imgCIF headers, byte-offset images
//! - [`nexus`]: NXmx and Dectris masters → models and images
//! - [`expt`], [`refl`]: DIALS' experiment lists and reflection tables
//! - [`cif`]: text of CIF and mmCIF files
//! - [`mtz`]: merged and unmerged intensities

pub mod attenuation;
pub mod cbf;
pub mod cif;
pub mod codec;
pub mod expt;
pub mod hdf5;
pub mod mtz;
pub mod nexus;
pub mod refl;
pub mod source;
pub mod sweep;

#[cfg(test)]
pub(crate) mod test_data;
