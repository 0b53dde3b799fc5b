//! The stages, each a folder with the same inside: `params`, `run`, the steps, `result`, `report`, `error`.

pub mod beam_centre;
pub mod bravais;
pub mod import;
pub mod index;
pub mod integrate;
pub mod merge;
pub mod refine;
pub mod scale;
pub mod spots;
pub mod symmetry;
