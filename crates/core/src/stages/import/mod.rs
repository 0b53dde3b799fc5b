//! Import: the files that a user gave → experiments and their images.
//!
//! 1. Files are sorted by what they are: HDF5 masters (NXmx, Dectris), data files that masters refer to, CBF images.
//! 2. Each master, and each run of numbered images, becomes a sweep with its models ([`crate::format::nexus`], [`crate::format::cbf`]).
//! 3. The user's corrections of the geometry are applied.
//! 4. Sweeps share the models that are the same, so that refinement treats them as one.
//!
//! Source: Winter et al. (2018); the models agree with DIALS' import of the same files.

mod classify;
mod error;
mod overrides;
mod params;
mod report;
mod run;
mod share;
mod show;
mod window;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use params::Params;
pub use report::report;
pub use run::{Output, open_images, run};
pub use show::show;
pub use window::Window;
