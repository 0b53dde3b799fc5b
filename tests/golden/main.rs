//! Reference files of other programs; see `PROVENANCE.md`.

mod dials_files;
mod mtz;
mod scaling;
mod spacegroups;
mod symmetry;
