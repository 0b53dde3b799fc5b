crate::parameters! {
    /// Parameters of the determination of symmetry.
    pub struct Params {
        /// Laue group to take instead of the most likely one (`P 4/m m m`, `I m m m`), by the symbol of its Patterson group.
        [basic; ""; 0.0..=0.0; "laue_group"]
        laue_group: Option<String> = None,
        /// Finest resolution used for scoring. Auto: where I/σ falls to min_i_over_sigma or CC½ to min_cc_half, whichever is finer.
        [basic; "Å"; 0.1..=100.0; "d_min"]
        d_min: Option<f64> = None,
        /// ⟨I⟩/⟨σ⟩ of a shell below which data are not used for scoring.
        [expert; ""; 0.0..=1000.0; "min_i_mean_over_sigma_mean"]
        min_i_over_sigma: f64 = 4.0,
        /// CC½ of a shell below which data are not used for scoring.
        [expert; ""; 0.0..=1.0; "min_cc_half"]
        min_cc_half: f64 = 0.6,
        /// Largest misfit of a two-fold axis of the lattice (Le Page).
        [basic; "°"; 0.0..=10.0; "lattice_symmetry_max_delta"]
        max_delta: f64 = 2.0,
        /// For centred monoclinic lattices, take an I cell where it is less oblique than C.
        [expert; ""; 0.0..=0.0; "best_monoclinic_beta"]
        best_monoclinic_beta: bool = true,
        /// Reflections recorded by less than this are left out.
        [expert; ""; 0.0..=1.0; "partiality_threshold"]
        partiality_threshold: f64 = 0.4,
        /// Observations with I/σ below this are left out.
        [expert; ""; -1000.0..=1000.0; ""]
        min_isigi: f64 = -5.0,
        /// Relative differences of edges between experiments that are still one lattice.
        [expert; ""; 0.0..=1.0; "relative_length_tolerance"]
        relative_length_tolerance: f64 = 0.05,
        /// Differences of angles between experiments that are still one lattice.
        [expert; "°"; 0.0..=90.0; "absolute_angle_tolerance"]
        absolute_angle_tolerance: f64 = 2.0,
        /// Bring several sweeps to one indexing where the lattice allows more than one.
        [basic; ""; 0.0..=0.0; ""]
        resolve_ambiguity: bool = true,
        /// Look for screw axes.
        [basic; ""; 0.0..=0.0; "systematic_absences.check"]
        systematic_absences: bool = true,
        /// Confidence at which the intensity of forbidden reflections counts as present.
        [expert; ""; 0.5..=0.999; "systematic_absences.significance_level"]
        significance_level: f64 = 0.95,
        /// Pairs related by some symmetry operation below which the data are not asked.
        [expert; ""; 3.0..=1e6; ""]
        min_pairs: usize = 10,
        /// Seed of the random pairs that tell how well unrelated reflections correlate.
        [expert; ""; 0.0..=4294967295.0; "seed"]
        seed: usize = 230,
    }
}
