use crate::geometry::ExperimentList;
use serde::{Deserialize, Serialize};

/// What the search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// The experiments with their detectors moved.
    pub experiments: ExperimentList,
    /// The beam centre on the first detector as it was.
    pub old: Centre,
    /// The beam centre as it is found.
    pub new: Centre,
    /// Spots that were used (method default).
    pub n_spots: usize,
    /// Lattice vectors that were used (method default), Å.
    pub vector_lengths: Vec<f64>,
    /// Score at the centre found, 1 at most (method default).
    pub score: f64,
    /// The last score map (method default).
    pub map: Option<ScoreMap>,
    /// Projections of the mean image (the other methods).
    pub projections: Vec<Projection>,
}

/// A beam centre.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Centre {
    /// Panel.
    pub panel: usize,
    /// mm from the panel's corner along (fast, slow).
    pub mm: [f64; 2],
    /// Pixels along (fast, slow).
    pub px: [f64; 2],
}

/// Score over shifts of the detector perpendicular to the beam.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScoreMap {
    /// Shifts from the header's position along each of the two axes, mm.
    pub shifts: Vec<f64>,
    /// Directions of the two axes, laboratory frame.
    pub axes: [[f64; 3]; 2],
    /// Scores, `shifts.len()` rows along the second axis of as many along the first; 1 is perfect.
    pub scores: Vec<f64>,
    /// The shift found, mm.
    pub found: [f64; 2],
}

/// The mean image projected on one axis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Projection {
    /// "fast" or "slow".
    pub axis: String,
    /// Mean counts per usable pixel, by pixel along the axis.
    pub counts: Vec<f64>,
    /// The centre along it, px.
    pub centre: f64,
}
