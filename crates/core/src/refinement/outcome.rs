use serde::{Deserialize, Serialize};

/// Root-mean-square deviations of predicted from observed centroids.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rmsd {
    /// Experiment.
    pub experiment: usize,
    /// Reflections used.
    pub n: usize,
    /// Along fast and slow, mm, and φ, rad.
    pub mm: [f64; 3],
    /// Along fast and slow, px, and in images.
    pub px: [f64; 3],
}

/// One accepted step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Reflections used.
    pub n: usize,
    /// Root-mean-square deviation over all experiments: mm, mm, rad.
    pub rmsd: [f64; 3],
    /// Half the weighted sum of squares.
    pub cost: f64,
}

/// Why the minimisation stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The minimum is nearer than the tolerance.
    Converged,
    /// No step lowers the cost any further.
    NoBetterStep,
    /// The number of steps was reached.
    MaxIterations,
    /// Nothing was free.
    NothingToRefine,
}

impl Stop {
    /// As a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Stop::Converged => "Converged: the step left is below the standard uncertainties",
            Stop::NoBetterStep => "No step lowers the residual any further",
            Stop::MaxIterations => "Reached the maximum number of steps",
            Stop::NothingToRefine => "No parameter was free",
        }
    }
}

/// What was simplified, so that the user knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Simplification {
    /// The detector's tilts were kept.
    DetectorOrientation {
        /// Detector.
        detector: usize,
        /// Its reflections.
        reflections: usize,
    },
    /// The detector was kept as it was.
    Detector {
        /// Detector.
        detector: usize,
        /// Its reflections.
        reflections: usize,
    },
    /// The beam was kept.
    Beam {
        /// Beam.
        beam: usize,
        /// Its reflections.
        reflections: usize,
    },
    /// The cell was kept.
    Cell {
        /// Crystal.
        crystal: usize,
        /// Its reflections.
        reflections: usize,
    },
    /// The crystal was kept as it was.
    Crystal {
        /// Crystal.
        crystal: usize,
        /// Its reflections.
        reflections: usize,
    },
    /// The crystal was kept static.
    Static {
        /// Crystal.
        crystal: usize,
        /// Its reflections.
        reflections: usize,
        /// How many a scan-varying model needs.
        needed: usize,
    },
}

impl core::fmt::Display for Simplification {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Simplification::DetectorOrientation { detector, reflections } => {
                write!(f, "the tilts of detector {detector} were not refined: {reflections} reflections are too few")
            }
            Simplification::Detector { detector, reflections } => {
                write!(f, "detector {detector} was not refined: {reflections} reflections are too few")
            }
            Simplification::Beam { beam, reflections } => write!(f, "beam {beam} was not refined: {reflections} reflections are too few"),
            Simplification::Cell { crystal, reflections } => {
                write!(f, "the cell of crystal {crystal} was not refined: {reflections} reflections are too few")
            }
            Simplification::Crystal { crystal, reflections } => {
                write!(f, "crystal {crystal} was not refined: {reflections} reflections are too few")
            }
            Simplification::Static { crystal, reflections, needed } => {
                write!(
                    f,
                    "crystal {crystal} was kept static: {reflections} reflections, {needed} are needed for a model that varies with the scan"
                )
            }
        }
    }
}

/// A refined parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Such as `detector 0 distance`.
    pub name: String,
    /// Change from the model at the start: mm, rad, or Å⁻² (reciprocal metric).
    pub shift: f64,
    /// Standard uncertainty in the same unit, from the covariance scaled by the reduced χ².
    pub esd: f64,
}

/// Correlations of parameters. Those of a crystal that varies are the means over its samples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Correlations {
    /// Names, such as `detector 0 distance`.
    pub names: Vec<String>,
    /// One row for each, of as many coefficients.
    pub matrix: Vec<Vec<f64>>,
}

/// One minimisation with its rounds of outlier rejection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// Whether any crystal varied over its scan.
    pub scan_varying: bool,
    /// The start of each round and every accepted step.
    pub steps: Vec<Step>,
    /// Why it stopped.
    pub stopped: Stop,
    /// Number of free parameters.
    pub n_parameters: usize,
    /// Reflections used.
    pub n_used: usize,
    /// Reflections rejected as outliers.
    pub n_outliers: usize,
    /// By experiment.
    pub rmsds: Vec<Rmsd>,
}

/// How a refinement went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// By experiment, of the reflections used.
    pub rmsds: Vec<Rmsd>,
    /// By experiment, of those reflections used that are no outliers by their residuals in mm and degrees either, whatever the strength of the spots: what
    /// programs report whose centroids all weigh the same.
    pub plain_rmsds: Vec<Rmsd>,
    /// Why it stopped.
    pub stopped: Stop,
    /// The static pass, and the scan-varying one if there was one.
    pub passes: Vec<Pass>,
    /// Free parameters of the last pass.
    pub parameters: Vec<Parameter>,
    /// Their correlations; empty where the problem was singular.
    pub correlations: Correlations,
    /// What was simplified.
    pub simplified: Vec<Simplification>,
    /// Reflections used.
    pub n_used: usize,
    /// Reflections rejected as outliers.
    pub n_outliers: usize,
    /// Samples of each crystal's smoother (by crystal; 1 for a static one).
    pub samples: Vec<usize>,
    /// Rotation between samples, rad, by crystal (0 for a static one).
    pub intervals: Vec<f64>,
}

impl Outcome {
    /// RMSD over all experiments together, px, px, images.
    pub fn overall_px(&self) -> [f64; 3] {
        overall(&self.rmsds, |r| r.px)
    }

    /// As [`Outcome::overall_px`] of [`Outcome::plain_rmsds`].
    pub fn plain_px(&self) -> [f64; 3] {
        overall(&self.plain_rmsds, |r| r.px)
    }

    /// RMSD over all experiments together: mm, mm, rad.
    pub fn overall_mm(&self) -> [f64; 3] {
        overall(&self.rmsds, |r| r.mm)
    }
}

fn overall(rmsds: &[Rmsd], of: impl Fn(&Rmsd) -> [f64; 3]) -> [f64; 3] {
    let n: usize = rmsds.iter().map(|r| r.n).sum();
    [0, 1, 2].map(|k| (rmsds.iter().map(|r| of(r)[k] * of(r)[k] * r.n as f64).sum::<f64>() / n.max(1) as f64).sqrt())
}
