//! The models of an experiment: beam, detector, goniometer, scan, crystal, and the list that joins them.
//!
//! Frames, units and origins are those of `CONVENTIONS.md`: laboratory frame of imgCIF (sample to source is +z, rotation axis
//! near +x), lengths on the detector in mm, reciprocal vectors in Å⁻¹, angles in rad, pixel `(0, 0)` spans 0..1, the first
//! image of a scan spans `z` = array index 0..1.

mod beam;
mod cell;
#[cfg(test)]
mod conventions;
mod crystal;
mod detector;
pub mod ewald;
mod experiment;
mod goniometer;
mod panel;
mod reciprocal;
mod scan;

pub use beam::{Beam, Probe};
pub use cell::{CellError, UnitCell};
pub use crystal::{CellEsd, Crystal};
pub use detector::{Detector, RayHit};
pub use experiment::{Experiment, ExperimentList, ExperimentModels, ImageSet, ImageSetKind, MissingModel, ProfileModel};
pub use goniometer::{Axis, Goniometer};
pub use panel::{Panel, PxMm};
pub use reciprocal::{ReciprocalMap, Trial};
pub use scan::Scan;

/// Keys of a file's object that this program does not interpret; written back as they were.
pub type Extra = serde_json::Map<String, serde_json::Value>;
