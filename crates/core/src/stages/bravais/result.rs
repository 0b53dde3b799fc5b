use crate::geometry::{ExperimentList, UnitCell};
use crate::reflections::Reflections;
use crate::spacegroup::ChangeOfBasis;
use serde_json::{Map, Value, json};

/// A possible Bravais lattice with the models refined under its constraints.
#[derive(Debug, Clone)]
pub struct Solution {
    /// Number in the table; 1 is the triclinic one, the last has the highest symmetry.
    pub number: usize,
    /// Bravais symbol, such as `tP`.
    pub bravais: String,
    /// Largest angle between rows and plane normals that the symmetry wants parallel, degrees.
    pub metric_fit_deg: f64,
    /// From the basis of the input to this one.
    pub basis: ChangeOfBasis,
    /// Hall symbol of the lowest space group with this lattice.
    pub hall_symbol: String,
    /// Refined cell, or the unrefined one where refinement failed.
    pub cell: UnitCell,
    /// Deviation on the detector, mm; `None` where refinement failed.
    pub rmsd_mm: Option<f64>,
    /// Reflections refined against.
    pub n_spots: usize,
    /// Correlation of the intensities of reflections that each operator (the identity first) makes equivalent, and how many pairs.
    pub correlations: Vec<(f64, usize)>,
    /// Smallest and largest of those with more than 10 pairs, the identity left out.
    pub min_max_cc: Option<[f64; 2]>,
    /// Whether it is likely.
    pub recommended: bool,
    /// Whether the data support it beyond doubt.
    pub safe: bool,
    /// Refined beams, detectors and crystals (in this setting); `Err` says why refinement failed.
    pub refined: Result<ExperimentList, String>,
}

/// What the Bravais table gives.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Highest symmetry first, triclinic last.
    pub solutions: Vec<Solution>,
    /// The number of the solution that was applied, if any.
    pub applied: Option<usize>,
    /// The experiments to go on with.
    pub experiments: ExperimentList,
    /// The reflections to go on with.
    pub reflections: Reflections,
}

impl Settings {
    /// The solution with a number.
    pub fn solution(&self, number: usize) -> Option<&Solution> {
        self.solutions.iter().find(|s| s.number == number)
    }

    /// The contents of DIALS' `bravais_summary.json`.
    pub fn summary(&self) -> Value {
        let finite = |x: f64| if x.is_finite() { json!(x) } else { Value::Null };
        let mut out = Map::new();
        for s in &self.solutions {
            let entry = json!({
                "max_angular_difference": s.metric_fit_deg,
                "rmsd": s.rmsd_mm.map_or(Value::Null, finite),
                "nspots": s.n_spots,
                "bravais": s.bravais,
                "unit_cell": s.cell.parameters(),
                "cb_op": s.basis.to_string(),
                "max_cc": s.min_max_cc.map(|c| c[1]),
                "min_cc": s.min_max_cc.map(|c| c[0]),
                "correlation_coefficients": s.correlations.iter().map(|c| finite(c.0)).collect::<Vec<_>>(),
                "cc_nrefs": s.correlations.iter().map(|c| c.1).collect::<Vec<_>>(),
                "recommended": s.recommended,
            });
            out.insert(s.number.to_string(), entry);
        }
        Value::Object(out)
    }
}
