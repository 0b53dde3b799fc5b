//! Reference files of other programs; see `PROVENANCE.md`.

mod dials_files;
mod exports;
mod mtz;
mod scaling;
mod spacegroups;
mod symmetry;
