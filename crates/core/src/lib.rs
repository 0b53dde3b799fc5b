//! The science of Ewald: from X-ray diffraction images to merged intensities.
//!
//! Pure Rust, without C, browser, terminal, paths or clock. Data flow from top to bottom of this list, and a module uses only
//! what stands above it:
//!
//! ```text
//! math          vectors, small matrices, least squares, FFT, robust statistics
//! job           progress and cancellation; the thread pool
//! params        typed parameters with defaults, units and help in one place
//! report        tables and plots as plain data
//! geometry      beam, detector, goniometer, scan, crystal; the Ewald condition
//! spacegroup    operators, lattices, change of basis
//! image         frames, masks, local statistics
//! reflections   struct-of-arrays tables
//! merging       symmetry equivalents: averages, agreement, completeness
//! predict       hkl → (s1, φ, x, y, z)
//! beam_shift    where the beam must be for spots to lie on a lattice
//! refinement    least squares of beam, detector and crystals against centroids
//! format        hdf5 → nexus → experiments; cbf; expt; refl; mtz
//! stages        import spots index bravais refine integrate symmetry scale merge export
//! session       the stages in their order
//! ```

// The unit tests also run compiled to wasm (`cargo xtask test --only wasm`).
#[cfg(all(test, target_arch = "wasm32"))]
#[macro_use(test)]
extern crate ewald_wasm_test;

#[macro_use]
pub mod params;
pub mod beam_shift;
pub mod format;
pub mod geometry;
pub mod image;
pub mod job;
pub mod math;
pub mod merging;
pub mod predict;
pub mod refinement;
pub mod reflections;
pub mod report;
pub mod session;
pub mod spacegroup;
pub mod stages;
