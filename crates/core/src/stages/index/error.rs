use super::result::{BeamSearch, LatticeSearch};
use crate::job;

/// Why indexing gave no lattice, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range or cannot be read.
    #[error(transparent)]
    Params(#[from] crate::params::ParamError),
    /// A parameter that contradicts another.
    #[error("parameter {field}: {reason}")]
    Contradiction {
        /// The parameter.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The table is not one of spots.
    #[error(transparent)]
    MissingColumn(#[from] crate::reflections::MissingColumn),
    /// An experiment lacks a model, or is a still.
    #[error(
        "experiment {experiment} is no rotation sweep (it lacks beam, detector, goniometer or scan, or its images have no width); only sweeps are indexed"
    )]
    NotASweep {
        /// Its number.
        experiment: usize,
    },
    /// A spot refers to something that does not exist.
    #[error(
        "spot {spot} belongs to image set {imageset}, panel {panel}, but the experiments have no such panel: spots and experiments are not of the same data"
    )]
    Mismatch {
        /// Row of the table.
        spot: usize,
        /// Its image set.
        imageset: i32,
        /// Its panel.
        panel: u64,
    },
    /// Too few spots.
    #[error(
        "{found} spots; indexing needs at least {needed}. Find more: lower find_spots' sigma_strong or min_spot_size, use more images, or check that the crystal was in the beam"
    )]
    TooFewSpots {
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The spots gave no lattice.
    #[error(transparent)]
    NotIndexed(Box<NotIndexed>),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] job::Cancelled),
}

impl From<Why> for Error {
    fn from(why: Why) -> Self {
        Error::NotIndexed(Box::new(NotIndexed { why, searches: Vec::new(), beam: None }))
    }
}

/// Spots without a lattice: why, and what was seen on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct NotIndexed {
    /// Why there is none.
    pub why: Why,
    /// The searches, with their peaks and candidates.
    pub searches: Vec<LatticeSearch>,
    /// What the search for another beam centre gave, if one was made.
    pub beam: Option<BeamSearch>,
}

impl core::fmt::Display for NotIndexed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.why)?;
        match &self.beam {
            Some(beam) if beam.elsewhere => write!(f, ". {beam}; no lattice was found with that either"),
            Some(beam) => write!(f, ". {beam}: the beam centre is not to blame"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for NotIndexed {}

/// What kept the spots from being indexed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The Fourier transform shows no lattice.
    #[error(
        "the Fourier transform of {points} spots (to {d_min:.2} Å, cell edges to {max_cell:.1} Å) has {peaks} peaks above {cutoff} times its rms; \
         a lattice shows at least 4. Check the beam centre (search-beam-position looks for it) and the direction of rotation; give max_cell (longest edge in Å), or lower rmsd_cutoff; \
         leave out images without diffraction, ice rings or hot pixels"
    )]
    NoPeriodicity {
        /// Spots in the transform.
        points: usize,
        /// Their resolution, Å.
        d_min: f64,
        /// Longest edge looked for, Å.
        max_cell: f64,
        /// Peaks found.
        peaks: usize,
        /// Their threshold.
        cutoff: f64,
    },
    /// Vectors, but no cell.
    #[error(
        "{vectors} basis vectors gave {cells} cells, none of which indexed the {spots} spots{symmetry}; edges up to {longest:.0} Å were tried. \
         Check the beam centre (search-beam-position looks for it) and the detector distance, or give max_cell; \
         with a known cell or space group, check them or leave them out"
    )]
    NoLattice {
        /// Candidate basis vectors.
        vectors: usize,
        /// Cells tried.
        cells: usize,
        /// Spots that they were tried on.
        spots: usize,
        /// Longest edge looked for, Å.
        longest: f64,
        /// What was asked of them, as a phrase starting with a blank; or empty.
        symmetry: String,
    },
    /// The indices are those that any lattice would give.
    #[error(
        "the cell {cell}{symmetry} indexes {indexed} of {spots} spots, but no better than chance: their indices are {deviation:.2} from whole numbers \
         on average (by chance: {chance:.2}). Check the beam centre (search-beam-position looks for it) and detector distance, and known cell or space group; or give max_cell"
    )]
    ByChance {
        /// Cell found.
        cell: String,
        /// What was asked of it, as a phrase starting with a blank; or empty.
        symmetry: String,
        /// Spots indexed.
        indexed: usize,
        /// Of these.
        spots: usize,
        /// Mean |A⁻¹r − h|.
        deviation: f64,
        /// The same for points anywhere within the tolerance.
        chance: f64,
    },
    /// The cell changed too much in refinement.
    #[error(
        "the cell's volume changed by {percent:.0} % in refinement ({before:.0} to {after:.0} Å³): too few data for {parameters} parameters. \
         Index with a known space_group, give reference geometry, or use more images"
    )]
    UnstableCell {
        /// Change of volume, %.
        percent: f64,
        /// Before, Å³.
        before: f64,
        /// After, Å³.
        after: f64,
        /// Parameters refined.
        parameters: usize,
    },
    /// Refinement failed.
    #[error("refinement of the indexed lattice failed: {reason}")]
    Refinement {
        /// Why.
        reason: String,
    },
}
