use crate::params::{ParamError, Parameters};

crate::choice! {
    /// How the background under a reflection is estimated.
    pub enum Background {
        /// `Glm` for counting detectors of gain 1, else `Simple`.
        #[default]
        Auto = "auto",
        /// Robust Poisson mean of the background pixels.
        Glm = "glm",
        /// Least squares on the background pixels without outliers.
        Simple = "simple",
    }
}

crate::choice! {
    /// How a simple background varies over a reflection's box.
    pub enum BackgroundShape {
        /// One level on each image.
        Constant2d = "constant2d",
        /// One level.
        #[default]
        Constant3d = "constant3d",
        /// A plane on each image.
        Linear2d = "linear2d",
        /// One level, with slopes along the pixel's two directions and along the images.
        Linear3d = "linear3d",
    }
}

crate::choice! {
    /// Which pixels a simple background leaves out.
    pub enum Outlier {
        /// None.
        Null = "null",
        /// Beyond three standard deviations.
        Nsigma = "nsigma",
        /// The highest, until what is left could be normal deviates.
        Normal = "normal",
        /// Beyond one and a half interquartile ranges from the quartiles.
        #[default]
        Tukey = "tukey",
    }
}

crate::parameters! {
    /// Parameters of integration.
    pub struct Params {
        /// Reflections beyond this resolution are left out. Auto goes to the corners of the detector.
        [basic; "Å"; 0.1..=100.0; "prediction.d_min"]
        d_min: Option<f64> = None,
        /// Reflections at lower resolution than this are left out.
        [expert; "Å"; 0.1..=10000.0; "prediction.d_max"]
        d_max: Option<f64> = None,
        /// How far beyond both ends of the scan reflections are predicted, because their tails may lie on it.
        [expert; "°"; 0.0..=90.0; "prediction.padding"]
        padding_deg: f64 = 1.0,
        /// Predict with the mean crystal even where a scan-varying one was refined.
        [expert; ""; 0.0..=1.0; "prediction.force_static"]
        force_static: bool = false,
        /// How the background under a reflection is estimated.
        [basic; ""; 0.0..=0.0; "integration.background.algorithm"]
        background: Background = Background::Auto,
        /// How a simple background varies over a reflection's box; the robust one is constant.
        [expert; ""; 0.0..=0.0; "background.simple.model.algorithm"]
        background_shape: BackgroundShape = BackgroundShape::Constant3d,
        /// Which pixels a simple background leaves out.
        [expert; ""; 0.0..=0.0; "background.simple.outlier.algorithm"]
        background_outlier: Outlier = Outlier::Tukey,
        /// Huber's constant of the robust background: deviations beyond this many standard deviations count less.
        [expert; "σ"; 0.1..=100.0; "background.glm.robust.tuning_constant"]
        tuning_constant: f64 = 1.345,
        /// Fewest background pixels that determine a background.
        [expert; "px"; 1.0..=100000.0; "background.glm.min_pixels"]
        min_pixels: usize = 10,
        /// Fit reference profiles as well as summing.
        [basic; ""; 0.0..=1.0; "integration.profile.fitting"]
        profile_fitting: bool = true,
        /// Fit reflections whose foregrounds meet together with each other. Without it each is fitted as if it were alone.
        [expert; ""; 0.0..=1.0; ""]
        joint_fitting: bool = true,
        /// Size of a reflection in standard deviations of its profile.
        [expert; "σ"; 1.0..=10.0; "profile.gaussian_rs.parameters.n_sigma"]
        n_sigma: f64 = 3.0,
        /// Beam divergence. Auto estimates it from the strong spots of each experiment; give both σ or neither.
        [expert; "°"; 0.000001..=10.0; "profile.gaussian_rs.parameters.sigma_b"]
        sigma_b_deg: Option<f64> = None,
        /// Mosaicity. Auto estimates it from the strong spots of each experiment; give both σ or neither.
        [expert; "°"; 0.000001..=20.0; "profile.gaussian_rs.parameters.sigma_m"]
        sigma_m_deg: Option<f64> = None,
        /// With fewer strong spots than this (and than the number per degree) the estimates are floored and reported as uncertain.
        [expert; ""; 0.0..=1000000.0; "profile.gaussian_rs.min_spots.overall"]
        min_spots_overall: usize = 50,
        /// With fewer strong spots per degree than this (and than the number overall) the estimates are floored and reported as uncertain.
        [expert; "1/°"; 0.0..=1000000.0; "profile.gaussian_rs.min_spots.per_degree"]
        min_spots_per_degree: usize = 20,
        /// The box around a reflection reaches this many times as far as the reflection, to hold background.
        [expert; ""; 1.0..=10.0; "integration.profile.sigma_b_multiplier"]
        sigma_b_multiplier: f64 = 2.0,
        /// Reflections nearer to the rotation axis than this |ζ| are not integrated.
        [expert; ""; 0.001..=1.0; "integration.filter.min_zeta"]
        min_zeta: f64 = 0.05,
        /// Reflections with a smaller valid fraction of their pixels are not fitted.
        [expert; ""; 0.0..=1.0; "integration.profile.valid_foreground_threshold"]
        valid_foreground_threshold: f64 = 0.75,
        /// Half the number of cells of a profile along each axis: profiles have 2n + 1 cells.
        [expert; ""; 1.0..=12.0; "profile.gaussian_rs.fitting.grid_size"]
        grid_size: usize = 5,
        /// Memory that images in flight may take.
        [expert; "MB"; 1.0..=16384.0; ""]
        memory_mb: usize = 256,
    }
}

impl Params {
    /// Checks ranges and that the two σ are given together.
    pub fn check(&self) -> Result<(), ParamError> {
        self.check_ranges()?;
        if self.sigma_b_deg.is_some() != self.sigma_m_deg.is_some() {
            let (name, missing) = if self.sigma_b_deg.is_some() { ("sigma_b_deg", "sigma_m_deg") } else { ("sigma_m_deg", "sigma_b_deg") };
            return Err(ParamError::Value { name: name.to_owned(), reason: format!("{missing} must be given with it, or neither") });
        }
        Ok(())
    }
}
