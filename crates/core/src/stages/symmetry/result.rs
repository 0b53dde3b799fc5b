use super::ambiguity::SweepIndexing;
use super::elements::Calibration;
use super::input::Counts;
use super::twins::LatticeRelation;
use crate::geometry::ExperimentList;
use crate::merging::TwinStatistics;
use crate::reflections::Reflections;
use crate::spacegroup::ChangeOfBasis;

/// The evidence about one rotation of the lattice.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementScore {
    /// Order of the rotation.
    pub order: u8,
    /// Its axis in the minimum cell.
    pub axis: [i32; 3],
    /// As coordinates in the minimum cell (`-x,y,-z`).
    pub operator: String,
    /// Probability that it is present, from its CC alone.
    pub likelihood: f64,
    /// CC/σ(CC).
    pub z_cc: f64,
    /// Correlation of the intensities that it relates.
    pub cc: f64,
    /// Pairs.
    pub n: u64,
}

/// The evidence for one Laue group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupScore {
    /// Patterson symbol (`P 4/m m m`).
    pub symbol: String,
    /// Its share of the likelihood.
    pub likelihood: f64,
    /// √(L·(L − next L)).
    pub confidence: f64,
    /// Zcc⁺ − Zcc⁻.
    pub z_net: f64,
    /// rms Zcc of the rotations in the group.
    pub z_for: f64,
    /// rms Zcc of the lattice's other rotations.
    pub z_against: f64,
    /// CC of the rotations in the group.
    pub cc_for: f64,
    /// CC of the others.
    pub cc_against: f64,
    /// Largest misfit of the lattice, degrees.
    pub delta_deg: f64,
    /// From the input cell to the group's conventional cell.
    pub reindex: ChangeOfBasis,
    /// The conventional cell: Å, degrees.
    pub cell: [f64; 6],
    /// Bravais symbol.
    pub bravais: String,
}

/// The evidence about one possible screw axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScrewScore {
    /// Such as `41c`.
    pub name: String,
    /// Probability that it is there.
    pub score: f64,
    /// Reflections that it allows.
    pub n_allowed: usize,
    /// Reflections that it forbids.
    pub n_forbidden: usize,
    /// Mean intensity of the allowed ones.
    pub mean_allowed: f64,
    /// Mean intensity of the forbidden ones.
    pub mean_forbidden: f64,
    /// Mean I/σ of the allowed ones.
    pub mean_i_over_sigma_allowed: f64,
    /// Mean I/σ of the forbidden ones.
    pub mean_i_over_sigma_forbidden: f64,
    /// Every so-many-th reflection is allowed.
    pub repeat: i32,
    /// For the plot: index along the axis.
    pub index: Vec<i32>,
    /// For the plot: I/σ.
    pub i_over_sigma: Vec<f64>,
}

/// A space group with the Laue group found.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceGroupScore {
    /// Symbol (`P 41 21 2`).
    pub symbol: String,
    /// Number in International Tables.
    pub number: u16,
    /// Hall symbol, as DIALS writes it.
    pub hall_symbol: String,
    /// Product of the scores of its screw axes being there and others not.
    pub score: f64,
    /// Repeats along the classes of axes.
    pub repeats: Vec<i32>,
    /// Its mirror image, if that is another group: intensities do not tell them apart.
    pub enantiomorph: Option<String>,
    /// Other groups with the same absences.
    pub indistinguishable: Vec<String>,
}

/// Symmetry and the data reindexed to it.
#[derive(Debug, Clone)]
pub struct Output {
    /// Experiments with crystals in the conventional cell and the recommended space group.
    pub experiments: ExperimentList,
    /// All rows, reindexed (without those that the new cell does not have).
    pub reflections: Reflections,
    /// The chosen Laue group, as a row of `groups`.
    pub chosen: usize,
    /// Laue groups, most likely first.
    pub groups: Vec<GroupScore>,
    /// Rotations of the lattice, in the minimum cell.
    pub elements: Vec<ElementScore>,
    /// How correlations are distributed.
    pub calibration: Calibration,
    /// From the input cell to the minimum cell.
    pub to_minimum: ChangeOfBasis,
    /// Minimum cell: Å, degrees.
    pub minimum_cell: [f64; 6],
    /// Input cell (median of the experiments): Å, degrees.
    pub input_cell: [f64; 6],
    /// The symmorphic group of the Laue group (`P 4 2 2`).
    pub acentric: String,
    /// d (Å) to which intensities were used.
    pub d_min: Option<f64>,
    /// Observations left out and used.
    pub counts: Counts,
    /// Merged observations that scores rest on.
    pub n_scored: usize,
    /// Possible screw axes.
    pub screws: Vec<ScrewScore>,
    /// Possible space groups.
    pub space_groups: Vec<SpaceGroupScore>,
    /// The recommended one, as a row of `space_groups`.
    pub recommended: usize,
    /// What was assumed in place of being measured.
    pub assumed: Option<String>,
    /// How each of several sweeps was indexed, where the lattice allows more than one way.
    pub indexing: Vec<SweepIndexing>,
    /// Rotations of the lattice that are not in the Laue group.
    pub relations: Vec<LatticeRelation>,
    /// Moments and L-test, where there are enough strong reflections.
    pub twinning: Option<TwinStatistics>,
    /// Rows dropped because the new cell does not have them.
    pub dropped: usize,
    /// What a user should know.
    pub notes: Vec<String>,
}

impl Output {
    /// The chosen Laue group.
    pub fn laue_group(&self) -> &GroupScore {
        &self.groups[self.chosen]
    }

    /// The recommended space group.
    pub fn space_group(&self) -> &SpaceGroupScore {
        &self.space_groups[self.recommended]
    }
}
