//! File formats: bytes in, typed values out, and back.

pub mod expt;
pub mod refl;
