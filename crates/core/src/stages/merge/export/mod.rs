//! Export: scaled data in the formats of other programs.
//!
//! | Format | Files | Content |
//! | --- | --- | --- |
//! | `mtz` | `scaled.mtz` | every observation, as CCP4 programs read it |
//! | `mmcif` | `scaled.cif` | every observation, as the Protein Data Bank takes it |
//! | `merged_mmcif` | `merged.cif` | unique reflections with amplitudes, flags and statistics for deposition |
//! | `xds_ascii` | `XDS_ASCII.HKL`, one for each sweep | observations as XSCALE and POINTLESS read them |
//! | `shelx` | `scaled.hkl`, `scaled.ins` | every observation (HKLF 4) and the head of an instruction file |
//!
//! Files are made when they are asked for. Where a format leaves something open, it is done as `dials.export` does it; departures are said
//! where they are made.

mod error;
mod merged_mmcif;
mod mmcif;
mod params;
mod run;
mod shelx;
#[cfg(test)]
mod tests;
mod unmerged_mmcif;
mod xds_ascii;

pub use error::Error;
pub use params::{ExportFormat, Intensity, Params, PdbVersion};
pub use run::{File, run};
