//! The rounds of scaling: outlier rejection, refinement of the model, error models.

use super::error::Error;
use super::error_model::{self, ErrorModel};
use super::input::Observations;
use super::model::SweepModel;
use super::outliers;
use super::params::Params;
use super::refine;
use super::restraints::Restraints;
use super::result::Round;
use super::weights::expected_variances;
use crate::job::Monitor;
use nalgebra::DMatrix;

/// The models as they become better, and the record of how.
pub(super) struct Job<'a> {
    pub(super) models: Vec<SweepModel>,
    pub(super) rounds: Vec<Round>,
    pub(super) params: &'a Params,
    pub(super) monitor: &'a dyn Monitor,
}

impl Job<'_> {
    pub(super) fn reject(&mut self, obs: &mut Observations, error: &ErrorModel) {
        let g = obs.inverse_scales(&self.models);
        let (_, variance) = expected_variances(obs, &g, error.a, error.b);
        let n = outliers::reject(obs, &g, &variance, self.params.outlier_rejection, self.params.outlier_zmax);
        self.rounds.push(Round {
            what: "outlier rejection".to_owned(),
            observations: obs.len(),
            steps: 0,
            rmsd_before: 0.0,
            rmsd_after: 0.0,
            outliers: n,
        });
        self.monitor.advance(1);
    }

    pub(super) fn refine(
        &mut self,
        obs: &Observations,
        error: &ErrorModel,
        restraints: &Restraints,
        with_covariance: bool,
    ) -> Result<Option<DMatrix<f64>>, Error> {
        let g = obs.inverse_scales(&self.models);
        let (means, variance) = expected_variances(obs, &g, error.a, error.b);
        let chosen = subset(obs, &means, &variance, &g, self.params.max_observations);
        let outcome = refine::refine(obs, &mut self.models, &chosen, &variance, restraints, with_covariance, self.monitor)?;
        self.rounds.push(Round {
            what: "refinement of the scaling model".to_owned(),
            observations: outcome.observations,
            steps: outcome.steps,
            rmsd_before: outcome.rmsd[0],
            rmsd_after: outcome.rmsd[1],
            outliers: 0,
        });
        self.monitor.advance(1);
        Ok(outcome.covariance)
    }

    /// The errors that outliers are told by and weights made of until there is a model of them.
    pub(super) fn first_guess(&self, obs: &Observations, start: &ErrorModel) -> ErrorModel {
        let p = self.params;
        if !p.error_model {
            return start.clone();
        }
        let fixed = [p.error_model_a, p.error_model_b];
        error_model::first_guess(obs, &obs.inverse_scales(&self.models), start, fixed, p.error_model_min_ih)
    }

    pub(super) fn error_model(&mut self, obs: &Observations, start: &ErrorModel) -> ErrorModel {
        let p = self.params;
        if !p.error_model {
            return ErrorModel { a: 1.0, b: 0.0, ..ErrorModel::default() };
        }
        let g = obs.inverse_scales(&self.models);
        let found = error_model::fit(obs, &g, start, [p.error_model_a, p.error_model_b], p.error_model_min_ih);
        self.note_error_model("error model", &found, obs);
        found
    }

    /// Adds an error model to the table of rounds.
    fn note_error_model(&mut self, what: &str, found: &ErrorModel, obs: &Observations) {
        self.rounds.push(Round {
            what: format!("{what}: a = {:.3}, b = {:.4}", found.a, found.b),
            observations: found.n,
            steps: 0,
            rmsd_before: 0.0,
            rmsd_after: 0.0,
            outliers: obs.outlier.iter().filter(|o| **o).count(),
        });
    }
}

/// Fewest observations of an error model that replaces another, and how much smaller its ab (the relative error of strong reflections) must be.
const ENOUGH: usize = 1000;
const SMALLER: f64 = 0.8;

impl Job<'_> {
    /// The error model of observations about the means of I(+) and I(−), each, where that is clearly smaller than about the mean of both.
    ///
    /// An anomalous signal is no error. Taken for one, it makes b the size of Bijvoet differences and σ of strong reflections several times
    /// too large. Outliers are still told by the error about the common mean, or the strongest differences would go.
    pub(super) fn error_within_friedel_mates(&mut self, obs: &Observations, common: ErrorModel) -> ErrorModel {
        let p = self.params;
        if p.anomalous || !p.error_model || p.error_model_a.is_some() || p.error_model_b.is_some() {
            return common;
        }
        let (apart, g) = obs.friedel_apart(&obs.inverse_scales(&self.models));
        let found = error_model::fit(&apart, &g, &common, [None, None], p.error_model_min_ih);
        if found.n < ENOUGH || found.note.is_some() || found.a * found.b > SMALLER * common.a * common.b {
            return common;
        }
        self.note_error_model("error model within I+ and I-", &found, obs);
        found
    }
}

/// Groups that determine the model: all of two and more members or, if they are too many, strong ones drawn evenly by a hash of their
/// place, enough for `most` observations.
fn subset(obs: &Observations, means: &[f64], variance: &[f64], g: &[f64], most: usize) -> Vec<u32> {
    let active = |i: usize| obs.groups.members(i).filter(|&j| obs.determines(j)).count();
    let multiple: Vec<u32> = (0..obs.groups.len()).filter(|&i| active(i) > 1).map(|i| i as u32).collect();
    let total: usize = multiple.iter().map(|&i| active(i as usize)).sum();
    if total <= most {
        return multiple;
    }
    let strong = |i: usize| {
        let s2: f64 = obs.groups.members(i).map(|j| g[j] * g[j] / variance[j]).sum();
        means[i] * s2.sqrt() > 2.0
    };
    let candidates: Vec<u32> = multiple.iter().copied().filter(|&i| strong(i as usize)).collect();
    let of_strong: usize = candidates.iter().map(|&i| active(i as usize)).sum();
    if of_strong <= most {
        return if of_strong * 2 > most { candidates } else { multiple };
    }
    // Multiplication by the golden ratio spreads consecutive numbers evenly over all values.
    let keep = (most as f64 / of_strong as f64 * 4294967296.0) as u64;
    candidates.into_iter().filter(|&i| u64::from(i.wrapping_mul(2_654_435_769)) < keep).collect()
}
