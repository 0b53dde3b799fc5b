crate::parameters! {
    /// What merging can be told.
    pub struct Params {
        /// Finest resolution written.
        [basic; "Å"; 0.1..=100.0; "d_min"]
        d_min: Option<f64> = None,
        /// Coarsest resolution written.
        [basic; "Å"; 0.1..=10000.0; "d_max"]
        d_max: Option<f64> = None,
        /// Write I(+), I(−), F(+), F(−) and their difference too.
        [basic; ""; 0.0..=0.0; "anomalous"]
        anomalous: bool = true,
        /// Amplitudes by French & Wilson's method.
        [basic; ""; 0.0..=0.0; "truncate"]
        truncate: bool = true,
        /// Flag reflections for the free R factor (column FreeR_flag, 0 is the free set, as in CCP4).
        [basic; ""; 0.0..=0.0; "r_free_flags.generate"]
        free_flags: bool = true,
        /// MTZ file among those given whose free-R flags are kept, and extended to reflections that it lacks.
        [basic; ""; 0.0..=0.0; "r_free_flags.reference"]
        free_flags_from: Option<String> = None,
        /// Part of the reflections in the free set.
        [expert; ""; 0.001..=0.5; "r_free_flags.fraction"]
        free_fraction: f64 = 0.05,
        /// Reflections recorded by less than this are left out.
        [expert; ""; 0.0..=1.0; "partiality_threshold"]
        partiality_threshold: f64 = 0.4,
        /// Fewest reflections for a prior that depends on resolution; below it, all positive intensities are equally likely.
        [expert; ""; 0.0..=1e9; "french_wilson.min_reflections"]
        min_reflections: usize = 200,
        /// Resolution shells of the table.
        [expert; ""; 1.0..=200.0; "merging.n_bins"]
        n_shells: usize = 20,
        /// Name of the crystal in the files.
        [expert; ""; 0.0..=0.0; "output.crystal_names"]
        crystal_name: String = "XTAL".to_owned(),
        /// Name of the dataset in the merged file.
        [expert; ""; 0.0..=0.0; "output.dataset_names"]
        dataset_name: String = "NATIVE".to_owned(),
        /// Name of the project in the merged file.
        [expert; ""; 0.0..=0.0; "output.project_name"]
        project_name: String = "AUTOMATIC".to_owned(),
    }
}
