crate::choice! {
    /// Yes, no, or as the data allow.
    pub enum Choice {
        /// As the data allow.
        #[default]
        Auto = "auto",
        /// Always.
        On = "true",
        /// Never.
        Off = "false",
    }
}
crate::choice! {
    /// Form of the model.
    pub enum ModelChoice {
        /// `physical`, or `KB` where there are too few equivalents.
        #[default]
        Auto = "auto",
        /// Smooth scale, B factor and absorption surface.
        Physical = "physical",
        /// One scale and one B factor for each sweep.
        Kb = "KB",
        /// Decay on a grid of resolution and angle, absorption on one of detector position and angle: for what no B factor and no absorption by the crystal
        /// describes, such as shadows, and for many equivalents.
        Array = "array",
    }
}
crate::choice! {
    /// Which of the two measured intensities is scaled.
    pub enum IntensityChoice {
        /// Whichever mixture agrees best.
        #[default]
        Combine = "combine",
        /// Profile-fitted where there is one.
        Profile = "profile",
        /// Summed where there is one.
        Sum = "sum",
    }
}
crate::choice! {
    /// How outliers are told.
    pub enum OutlierRejection {
        /// Against the mean of the other members of the group.
        #[default]
        Standard = "standard",
        /// Against the mean of all members.
        Simple = "simple",
        /// Not at all.
        None = "none",
    }
}
crate::choice! {
    /// How strong absorption is expected to be.
    pub enum AbsorptionLevel {
        /// Per cent: harmonics to l = 4, weight 5·10⁵.
        #[default]
        Low = "low",
        /// Some tens of per cent: l = 6, weight 5·10⁴.
        Medium = "medium",
        /// More: l = 6, weight 5·10³.
        High = "high",
    }
}

crate::choice! {
    /// What is left out, in cycles of scaling, because CC½ is higher without it.
    pub enum Filtering {
        /// Nothing.
        #[default]
        None = "none",
        /// Whole sweeps.
        Dataset = "dataset",
        /// Groups of images at the ends of sweeps.
        ImageGroup = "image_group",
    }
}

crate::parameters! {
    /// What scaling can be told.
    pub struct Params {
        /// Form of the model.
        [basic; ""; 0.0..=0.0; "model"]
        model: ModelChoice = ModelChoice::Auto,
        /// Finest resolution used.
        [basic; "Å"; 0.1..=100.0; "cut_data.d_min"]
        d_min: Option<f64> = None,
        /// Coarsest resolution used.
        [basic; "Å"; 0.1..=10000.0; "cut_data.d_max"]
        d_max: Option<f64> = None,
        /// Images to leave out: sweep (from 0), first and last image number, as in 0:101:150,1:1:20.
        [basic; ""; 0.0..=0.0; "exclude_images"]
        exclude_images: Option<String> = None,
        /// Leave out what lowers CC½ (ΔCC½ filtering) or of which most observations are outliers: whole sweeps, or groups of images at the ends of sweeps.
        [basic; ""; 0.0..=0.0; "filtering.deltacchalf.mode"]
        filtering: Filtering = Filtering::None,
        /// Cycles of scaling and filtering at most.
        [expert; ""; 1.0..=100.0; "filtering.deltacchalf.max_cycles"]
        filtering_cycles: usize = 6,
        /// Part of the observations that filtering removes at most.
        [expert; "%"; 0.0..=100.0; "filtering.deltacchalf.max_percent_removed"]
        filtering_max_percent: f64 = 10.0,
        /// Standard deviations below the mean of all ΔCC½ beyond which a sweep or group is removed. (Of n, k that are equally bad lie at most √((n −
        /// k)/k) below it: with few sweeps or groups lower this.)
        [expert; "σ"; 0.5..=100.0; "filtering.deltacchalf.stdcutoff"]
        filtering_stdcutoff: f64 = 4.0,
        /// Images whose ΔCC½ is found together.
        [expert; ""; 1.0..=1e6; "filtering.deltacchalf.group_size"]
        filtering_group_size: usize = 10,
        /// Keep I(+) and I(−) apart in scaling and outlier rejection.
        [basic; ""; 0.0..=0.0; "anomalous"]
        anomalous: bool = false,
        /// Absorption surface: by default for sweeps of 60° and more with enough equivalents, and always for the array model.
        [basic; ""; 0.0..=0.0; "physical.absorption_correction"]
        absorption_correction: Choice = Choice::Auto,
        /// How strong absorption is expected to be.
        [basic; ""; 0.0..=0.0; "physical.absorption_level"]
        absorption_level: AbsorptionLevel = AbsorptionLevel::Low,
        /// Relative B factor (physical and KB; the array model always has its decay).
        [expert; ""; 0.0..=0.0; "physical.decay_correction"]
        decay_correction: Choice = Choice::Auto,
        /// Widest spacing of the points of the scale.
        [expert; "°"; 0.01..=360.0; "physical.scale_interval"]
        scale_interval: Option<f64> = None,
        /// Widest spacing of the points of the B factor, or of the array model (20° by default).
        [expert; "°"; 0.01..=360.0; "physical.decay_interval"]
        decay_interval: Option<f64> = None,
        /// Intervals of 1/d² of the array model.
        [expert; ""; 2.0..=100.0; "array.n_resolution_bins"]
        n_resolution_bins: usize = 10,
        /// Intervals along either axis of the detector of the array model.
        [expert; ""; 2.0..=20.0; "array.n_absorption_bins"]
        n_absorption_bins: usize = 3,
        /// Weight of Σ B², which keeps B near 0 where the data say little.
        [expert; "Å⁻⁴"; 0.0..=1e6; "physical.decay_restraint"]
        decay_restraint: f64 = 0.1,
        /// Which of the measured intensities is scaled.
        [expert; ""; 0.0..=0.0; "reflection_selection.intensity_choice"]
        intensity_choice: IntensityChoice = IntensityChoice::Combine,
        /// Reflections recorded by less than this are left out.
        [expert; ""; 0.0..=1.0; "cut_data.partiality_cutoff"]
        partiality_cutoff: f64 = 0.4,
        /// Reflections recorded by no more than this do not determine the model of a sweep that has enough others: what a part says about the whole
        /// rests on the assumed profile.
        [expert; ""; 0.0..=1.0; "reflection_selection.min_partiality"]
        min_partiality: f64 = 0.95,
        /// Observations with I/σ below this, summed or profile-fitted, are left out: their background is wrong.
        [expert; ""; -1000.0..=1000.0; "cut_data.min_isigi"]
        min_isigi: f64 = -5.0,
        /// How outliers are told.
        [basic; ""; 0.0..=0.0; "outlier_rejection"]
        outlier_rejection: OutlierRejection = OutlierRejection::Standard,
        /// Deviation beyond which an observation is an outlier: six in a hundred thousand normal ones. (DIALS' 6 comes to much the same: its σ are
        /// narrower, as its error model takes deviations from a mean that they are part of for n/(n − 1) times smaller than they are.)
        [expert; "σ"; 3.0..=1000.0; "outlier_zmax"]
        outlier_zmax: f64 = 4.0,
        /// Adjust standard deviations to the observed spread.
        [expert; ""; 0.0..=0.0; "error_model.error_model"]
        error_model: bool = true,
        /// Fixed factor a of the error model.
        [expert; ""; 0.01..=100.0; "error_model.basic.a"]
        error_model_a: Option<f64> = None,
        /// Fixed relative error b of the error model.
        [expert; ""; 0.0..=10.0; "error_model.basic.b"]
        error_model_b: Option<f64> = None,
        /// Lowest expected counts of reflections that the error model is fitted to.
        [expert; "counts"; 0.0..=1e9; "error_model.basic.min_Ih"]
        error_model_min_ih: f64 = 25.0,
        /// Observations in groups beyond which only a part, drawn evenly, determines the model.
        [expert; ""; 1000.0..=1e8; ""]
        max_observations: usize = 200_000,
        /// Resolution shells of the table.
        [expert; ""; 1.0..=200.0; "output.merging.nbins"]
        n_shells: usize = 20,
        /// CC½ at which the suggested resolution limit lies.
        [expert; ""; 0.01..=0.99; "cc_half"]
        cc_half: f64 = 0.3,
    }
}
