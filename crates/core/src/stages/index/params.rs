//! Parameters of indexing.

use crate::params::ParamError;
use crate::refinement::{Fixed, Options};

crate::choice! {
    /// How lattices are looked for.
    pub enum Method {
        /// Peaks of the three-dimensional Fourier transform of the spots.
        #[default]
        Fft3d = "fft3d",
        /// Peaks of one-dimensional transforms along directions: finer for long edges, slower.
        Fft1d = "fft1d",
        /// Vectors of the lengths of a known cell in all directions.
        RealSpaceGridSearch = "real_space_grid_search",
        /// Orientations of a known cell from the spots of lowest resolution: for few spots of small molecules.
        LowResSpotMatch = "low_res_spot_match",
    }
}

crate::choice! {
    /// How spots get their indices.
    pub enum Assignment {
        /// The nearest whole numbers.
        #[default]
        Simple = "simple",
        /// From differences between neighbouring spots: for crystals that slip, or bad geometry.
        Local = "local",
    }
}

crate::parameters! {
    /// Parameters of indexing.
    pub struct Params {
        /// Known unit cell: a, b, c in Å and α, β, γ in degrees, in the setting of `space_group`. Lattices that do not match are not considered.
        [basic; "Å, °"; 0.0..=10000.0; "indexing.known_symmetry.unit_cell"]
        unit_cell: Option<[f64; 6]> = None,
        /// Known space group, such as `P212121` or `I 2 3`: the crystal is given its setting and the cell its constraints. Without it the
        /// lattice is indexed in P 1.
        [basic; ""; 0.0..=0.0; "indexing.known_symmetry.space_group"]
        space_group: Option<String> = None,
        /// How lattices are looked for. `real_space_grid_search` and `low_res_spot_match` need `unit_cell`.
        [basic; ""; 0.0..=0.0; "indexing.method"]
        method: Method = Method::Fft3d,
        /// How spots get their indices.
        [expert; ""; 0.0..=0.0; "indexing.index_assignment.method"]
        index_assignment: Assignment = Assignment::Simple,
        /// Longest cell edge to look for; estimated from the distances between neighbouring spots when not given.
        [basic; "Å"; 1.0..=10000.0; "indexing.max_cell"]
        max_cell: Option<f64> = None,
        /// Several sweeps are indexed together, with one crystal. If false, each sweep gets its own crystal.
        [basic; ""; 0.0..=0.0; "indexing.joint_indexing"]
        joint: bool = true,
        /// How many lattices to look for in the same images.
        [basic; ""; 1.0..=20.0; "indexing.multiple_lattice_search.max_lattices"]
        max_lattices: usize = 1,
        /// Shortest cell edge to look for.
        [expert; "Å"; 0.5..=1000.0; "indexing.min_cell"]
        min_cell: f64 = 3.0,
        /// Cells of a smaller volume are not considered.
        [expert; "Å³"; 1.0..=1e9; "indexing.min_cell_volume"]
        min_cell_volume: f64 = 25.0,
        /// The longest distance between neighbouring spots is multiplied by this to give the longest cell edge.
        [expert; ""; 1.0..=10.0; "indexing.max_cell_estimation.multiplier"]
        max_cell_multiplier: f64 = 1.3,
        /// Angle between the directions of `real_space_grid_search`.
        [expert; "rad"; 0.002..=0.2; "indexing.real_space_grid_search.characteristic_grid"]
        characteristic_grid: f64 = 0.02,
        /// Points of the Fourier transform along each axis; rounded up to a product of 2, 3 and 5.
        [expert; ""; 32.0..=512.0; "indexing.fft3d.reciprocal_space_grid.n_points"]
        n_points: usize = 256,
        /// Peaks of the Fourier transform rise above this many times its root-mean-square deviation.
        [expert; ""; 1.0..=1000.0; "indexing.fft3d.rmsd_cutoff"]
        rmsd_cutoff: f64 = 15.0,
        /// Peaks of a smaller volume than this fraction of the largest are left out.
        [expert; ""; 0.0..=1.0; "indexing.fft3d.peak_volume_cutoff"]
        peak_volume_cutoff: f64 = 0.15,
        /// Basis vectors at a smaller angle than this are not combined.
        [expert; "°"; 0.0..=60.0; ""]
        min_vector_angle: f64 = 20.0,
        /// How many candidate lattices are refined and compared.
        [expert; ""; 1.0..=1000.0; "indexing.basis_vector_combinations.max_refine"]
        max_refine: usize = 50,
        /// Where the best lattice is in doubt, the beam centre is looked for to this distance from the header's; 0: never.
        [expert; "mm"; 0.0..=10.0; "indexing.mm_search_scope"]
        mm_search_scope: f64 = 1.0,
        /// A spot is indexed when its fractional index is within this distance of an integer one.
        [expert; ""; 0.01..=0.5; "indexing.index_assignment.simple.hkl_tolerance"]
        hkl_tolerance: f64 = 0.3,
        /// A centring is removed from the basis when at least this fraction of the indices obeys it.
        [expert; ""; 0.5..=1.0; "indexing.basis_vector_combinations.sys_absent_threshold"]
        absent_threshold: f64 = 0.9,
        /// Rounds of indexing and refinement, over which the resolution grows to that of all the spots.
        [expert; ""; 1.0..=50.0; "indexing.refinement_protocol.n_macro_cycles"]
        n_macro_cycles: usize = 5,
        /// Largest relative difference between the edges of `unit_cell` and of a lattice.
        [expert; ""; 0.001..=0.5; "indexing.known_symmetry.relative_length_tolerance"]
        relative_length_tolerance: f64 = 0.1,
        /// Largest difference between the angles of `unit_cell` and of a lattice.
        [expert; "°"; 0.01..=20.0; "indexing.known_symmetry.absolute_angle_tolerance"]
        absolute_angle_tolerance: f64 = 5.0,
        /// Largest deviation of the lattice from the metric of `space_group`.
        [expert; "°"; 0.01..=20.0; "indexing.known_symmetry.max_delta"]
        max_delta: f64 = 5.0,
        /// Another lattice is looked for while more than this fraction of the spots is not indexed.
        [expert; ""; 0.0..=1.0; "indexing.multiple_lattice_search.recycle_unindexed_reflections_cutoff"]
        recycle_cutoff: f64 = 0.1,
        /// Lattices of the same images differ by at least this rotation.
        [expert; "°"; 0.0..=180.0; "indexing.multiple_lattice_search.minimum_angular_separation"]
        min_lattice_separation: f64 = 5.0,
        /// Reflections used in each refinement, per degree of rotation; more than these do not make the model better.
        [expert; "per degree"; 1.0..=100000.0; "refinement.reflections.reflections_per_degree"]
        reflections_per_degree: usize = 100,
        /// Centroids further than this many inter-quartile ranges outside the quartiles of the residuals are outliers.
        [expert; ""; 0.1..=100.0; "refinement.reflections.outlier.tukey.iqr_multiplier"]
        tukey_multiplier: f64 = 1.5,
        /// Parameters that refinement keeps, by name, separated by commas: `detector.distance` (of electrons, whose sphere is nearly flat, distance
        /// and cell cannot be told apart), `beam`, `detector.tilt_fast` and so on as in the `fix` of refinement.
        [expert; ""; 0.0..=0.0; "refinement.parameterisation.fix_list"]
        fix: String = String::new(),
    }
}

impl Params {
    /// The parameters that refinement keeps.
    pub(super) fn fixed(&self) -> Result<Vec<Fixed>, ParamError> {
        Fixed::parse_list(&self.fix).map_err(|reason| ParamError::Value { name: "fix".to_owned(), reason })
    }

    /// What all refinements of indexing have in common.
    pub(super) fn quick(&self, steps: usize, reflections_per_degree: f64) -> Options {
        // Names have been checked at the start.
        Options { fixed: self.fixed().unwrap_or_default(), ..Options::fast(steps, reflections_per_degree) }
    }
}
