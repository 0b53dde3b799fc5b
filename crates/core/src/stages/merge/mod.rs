//! Merging: from scaled observations to unique reflections, and MTZ files of both.
//!
//! 1. observations marked scaled, recorded well enough and not outliers are grouped by unique index;
//! 2. intensities are averaged by 1/σ², over all equivalents and for I(+) and I(−) apart;
//! 3. amplitudes follow from intensities by Bayes' theorem with Wilson's distribution as prior (French & Wilson 1978);
//! 4. one in twenty reflections is set apart for the free R factor, or the flags of another file are kept and extended;
//! 5. `merged.mtz` holds the unique reflections, `scaled.mtz` every observation with its batch.
//!
//! [`export`] writes the same in the formats of other programs.

mod error;
pub mod export;
mod free;
mod free_reference;
mod french_wilson;
mod merged;
mod mtz_files;
mod params;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use free::{FreeFlags, free_flags};
pub use free_reference::{FreeError, FreeReference};
pub use french_wilson::{Amplitude, Prior, amplitude};
pub use merged::MergedReflections;
pub use params::Params;
pub use report::report;
pub use run::{Merged, Unique, run, run_with, scaled_mtz, unique};
