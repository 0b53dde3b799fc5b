ewald_core::choice! {
    /// The detectors that can be simulated: Eiger-like, 75 µm pixels, 0.45 mm silicon.
    pub enum DetectorKind {
        /// 514 × 514 pixels, for tests.
        Small = "small",
        /// 1028 × 1062 pixels, four modules.
        #[default]
        Eiger1M = "eiger1m",
        /// 2068 × 2162 pixels.
        Eiger4M = "eiger4m",
        /// 4148 × 4362 pixels.
        Eiger16M = "eiger16m",
    }
}

ewald_core::parameters! {
    /// What is simulated.
    pub struct Params {
        /// Space group, by symbol or number.
        [basic; ""; 0.0..=0.0; ""]
        space_group: String = "P 43 21 2".to_owned(),
        /// a, b, c in Å and α, β, γ in degrees.
        [basic; "Å, °"; 2.0..=1000.0; ""]
        unit_cell: [f64; 6] = [79.1, 79.1, 37.9, 90.0, 90.0, 90.0],
        /// Number of images.
        [basic; "images"; 1.0..=100000.0; ""]
        images: usize = 240,
        /// Rotation per image.
        [basic; "°"; 0.01..=5.0; ""]
        width_deg: f64 = 0.25,
        /// Rotation angle at the start.
        [expert; "°"; -360.0..=360.0; ""]
        phi0_deg: f64 = 0.0,
        /// The detector.
        [basic; ""; 0.0..=0.0; ""]
        detector: DetectorKind = DetectorKind::Eiger1M,
        /// Distance from crystal to detector.
        [basic; "mm"; 20.0..=2000.0; ""]
        distance: f64 = 75.0,
        /// Wavelength.
        [basic; "Å"; 0.1..=5.0; ""]
        wavelength: f64 = 0.9795,
        /// Reflections beyond this resolution have no intensity.
        [basic; "Å"; 0.4..=50.0; ""]
        d_min: f64 = 1.75,
        /// Mean counts of a general reflection at low resolution, before Lorentz and polarisation factors.
        [basic; "counts"; 0.0..=1e9; ""]
        strength: f64 = 900.0,
        /// Wilson B factor.
        [expert; "Å²"; 0.0..=200.0; ""]
        wilson_b: f64 = 18.0,
        /// Standard deviation of the relative anomalous difference.
        [expert; ""; 0.0..=0.5; ""]
        anomalous: f64 = 0.04,
        /// Mean background near the beam.
        [basic; "counts/px"; 0.0..=1000.0; ""]
        background: f64 = 0.8,
        /// Standard deviation of the spots' angular size.
        [expert; "°"; 0.005..=1.0; ""]
        sigma_b_deg: f64 = 0.035,
        /// Standard deviation of the reflecting range (mosaicity).
        [expert; "°"; 0.01..=2.0; ""]
        sigma_m_deg: f64 = 0.12,
        /// By how much the beam's intensity changes over a turn of 60°.
        [expert; ""; 0.0..=0.9; ""]
        scale_drift: f64 = 0.1,
        /// Error of the header's beam centre along fast and slow.
        [expert; "mm"; -5.0..=5.0; ""]
        beam_error: [f64; 2] = [0.05, -0.04],
        /// Error of the header's distance.
        [expert; "mm"; -10.0..=10.0; ""]
        distance_error: f64 = 0.1,
        /// Seed of orientation, intensities and noise.
        [basic; ""; 0.0..=1.8e19; ""]
        seed: u64 = 1,
        /// Name of the files.
        [expert; ""; 0.0..=0.0; ""]
        name: String = "simulated".to_owned(),
    }
}
