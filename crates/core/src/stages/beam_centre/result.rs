use crate::beam_shift::ScoreMap;
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
    /// By how much the beam moves on the panel that it met, along (fast, slow), mm.
    pub shift_mm: [f64; 2],
    /// Size of that panel's pixels along (fast, slow), mm.
    pub pixel_mm: [f64; 2],
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
