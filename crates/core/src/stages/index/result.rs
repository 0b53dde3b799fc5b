use crate::geometry::{Crystal, ExperimentList, UnitCell};
use crate::refinement::Rmsd;
use crate::reflections::Reflections;
use serde::{Deserialize, Serialize};

/// A candidate lattice and its scores (the lower, the better).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Cell after a few steps of refinement.
    pub cell: UnitCell,
    /// Its volume, Å³.
    pub volume: f64,
    /// Spots indexed.
    pub n_indexed: usize,
    /// Of those tried.
    pub fraction_indexed: f64,
    /// Root-mean-square deviation on the detector, px.
    pub rmsd_xy_px: f64,
    /// log₂ of the volume over the smallest.
    pub score_volume: f64,
    /// log₂ of the largest fraction over this one.
    pub score_indexed: f64,
    /// log₂ of the deviation over the smallest.
    pub score_rmsd: f64,
    /// Their sum.
    pub score: f64,
}

impl Default for Candidate {
    fn default() -> Self {
        Candidate {
            cell: UnitCell { lengths: [1.0; 3], angles_deg: [90.0; 3] },
            volume: 1.0,
            n_indexed: 0,
            fraction_indexed: 0.0,
            rmsd_xy_px: 0.0,
            score_volume: 0.0,
            score_indexed: 0.0,
            score_rmsd: 0.0,
            score: 0.0,
        }
    }
}

/// A peak of the Fourier transform, or of what the chosen method has in its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FourierPeak {
    /// The vector, Å, laboratory frame at the datum.
    pub site: [f64; 3],
    /// Its length, Å.
    pub length: f64,
    /// Grid points above the threshold; for methods without a grid, the mean cosine of the spots' phases in millionths.
    pub volume: usize,
}

/// How a lattice was found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LatticeSearch {
    /// Longest edge looked for, Å.
    pub max_cell: f64,
    /// Resolution of the Fourier transform, Å.
    pub d_min: f64,
    /// Spots in it.
    pub points: usize,
    /// Candidate basis vectors.
    pub vectors: usize,
    /// Whether the known cell and space group were left aside, to see what the spots say without them.
    #[serde(default)]
    pub known_left_aside: bool,
    /// The strongest peaks, one of each pair of opposites.
    #[serde(default)]
    pub peaks: Vec<FourierPeak>,
    /// The candidates, best first.
    pub candidates: Vec<Candidate>,
}

/// Where spots lie best on a lattice when the beam need not be where the header has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BeamSearch {
    /// From the header's beam centre along (fast, slow), mm.
    pub shift_mm: [f64; 2],
    /// How far it was looked for, mm.
    pub scope_mm: f64,
    /// Mean cosine of the spots' phases on the lattice planes there, 1 at most.
    pub score: f64,
    /// The same with the header's beam centre.
    pub score_at_header: f64,
    /// Whether that is elsewhere by more than a pixel, so that indexing began once more from there.
    pub elsewhere: bool,
}

impl core::fmt::Display for BeamSearch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [x, y] = self.shift_mm;
        let (scope, here, there) = (self.scope_mm, self.score_at_header, self.score);
        write!(
            f,
            "Up to {scope} mm from the header's beam centre, spots lie best on lattice planes with the beam moved by ({x:+.2}, {y:+.2}) mm along (fast, slow): score {there:.2}, {here:.2} without"
        )
    }
}

/// One round of indexing and refinement.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// How many lattices there were.
    pub lattices: usize,
    /// Number of the round, from 1.
    pub number: usize,
    /// Resolution limit, Å; 0 for all spots.
    pub d_min: f64,
    /// Spots indexed before the refinement.
    pub n_indexed: usize,
    /// Deviations after it.
    pub rmsds: Vec<Rmsd>,
    /// Parameters refined.
    pub n_parameters: usize,
    /// Reflections left out as outliers.
    pub n_outliers: usize,
    /// Crystals after it.
    pub crystals: Vec<Crystal>,
    /// What could not be refined, as sentences.
    pub simplified: Vec<String>,
}

/// Spots of one image set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageSetCount {
    /// Its number.
    pub imageset: usize,
    /// Spots indexed.
    pub indexed: usize,
    /// Spots not indexed.
    pub unindexed: usize,
}

impl ImageSetCount {
    /// Of 100 spots, how many are indexed.
    pub fn percent(&self) -> f64 {
        100.0 * self.indexed as f64 / (self.indexed + self.unindexed).max(1) as f64
    }
}

/// Spots of a shell of resolution.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ResolutionCount {
    /// Largest and smallest d, Å.
    pub d: [f64; 2],
    /// Spots indexed.
    pub indexed: usize,
    /// Spots not indexed.
    pub unindexed: usize,
}

/// Agreement of intensities with the indices shifted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    /// What is added to the indices.
    pub offset: [i32; 3],
    /// Sum of the correlations under all rotations of the lattice, with and without inversion, negative ones left out.
    pub sum: f64,
    /// Correlation under the one of them that tells the offset from none most clearly.
    pub cc: f64,
    /// The same without the offset.
    pub cc_without: f64,
    /// Pairs of reflections in them.
    pub pairs: usize,
}

/// Whether the indices of a crystal are off by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Misindexing {
    /// Number of the crystal.
    pub crystal: usize,
    /// The offsets of highest agreement, best first.
    pub offsets: Vec<Offset>,
    /// The offset that agrees so much better than none that the indices are most likely off by it.
    pub off: Option<[i32; 3]>,
}

/// What indexing gives.
#[derive(Debug, Clone)]
pub struct Indexed {
    /// The sweeps with their crystals: with several lattices, experiment `k · sweeps + i` is lattice k in sweep i.
    pub experiments: ExperimentList,
    /// All spots; those indexed have `id`, `hkl` and predictions.
    pub reflections: Reflections,
    /// One for each lattice found, and each sweep when they are not indexed jointly.
    pub searches: Vec<LatticeSearch>,
    /// Rounds of refinement.
    pub cycles: Vec<Cycle>,
    /// Spots by image set.
    pub counts: Vec<ImageSetCount>,
    /// Spots by resolution, from low to high.
    pub resolution: Vec<ResolutionCount>,
    /// For each crystal whose intensities can tell, whether its indices are off.
    pub misindexing: Vec<Misindexing>,
    /// Beam centres that have moved so far that indices may be off, unless intensities say that they are not.
    pub beam_doubts: Vec<String>,
    /// Why the search for more lattices ended, where several were asked for, and other things to know.
    pub remarks: Vec<String>,
}
