//! Fitting one reflection again, with everything that goes into it.

use super::super::overlap::Upon;
use super::{Candidate, Fitter, Knowledge, Outcome, Scratch, Setup};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The reference profiles of an experiment, complete.
///
/// For each region and block they hold a number for every cell: 9 × 1331 × 8 bytes, about 100 kB, for each block of 5° and a detector of one panel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Profiles(Knowledge);

/// A fit and its terms by foreground pixel, image by image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Examined {
    /// What became of the reflection.
    pub(crate) outcome: Outcome,
    /// The part of the reflection; empty where there is no profile.
    pub(crate) fraction: Vec<f64>,
    /// Background.
    pub(crate) levels: Vec<f64>,
    /// What reflections upon it have there, counts; empty without any.
    pub(crate) others: Vec<f64>,
    /// w, so that Σ w (counts − background) ÷ Σ w p is the intensity; 0 for pixels that take no part.
    pub(crate) weight: Vec<f64>,
    /// What the pixel adds to the variance of Σ w · counts.
    pub(crate) spread: Vec<f64>,
    /// Counts; −1 also where a spike was left out.
    pub(crate) counts: Vec<i32>,
    /// What was found of the reflections upon it, by their number in the candidate.
    pub(crate) upon: Vec<Upon>,
}

impl<'a> Fitter<'a> {
    /// What reflections were fitted with.
    pub(crate) fn into_profiles(self) -> Profiles {
        Profiles(self.references.into_profiles())
    }

    /// A fitter that has learned already, for [`Fitter::examine`] and [`Fitter::picture`](super::Fitter::picture).
    pub(crate) fn with_profiles(setup: Setup<'a>, half: usize, profiles: &Profiles) -> Self {
        let mut out = Fitter::new(setup, half, core::iter::empty());
        // Profiles of another experiment leave it without any.
        out.references.know(profiles.0.clone());
        out
    }

    /// Fits a reflection as [`fit_ready`](super::fit_ready) has, `fitters` those of its scan.
    pub(crate) fn examine(&self, c: &Candidate, fitters: &BTreeMap<usize, Fitter<'_>>) -> Examined {
        let mut scratch = Scratch::default();
        let Some(tried) = self.fit(c, fitters, &mut scratch) else { return Examined::default() };
        let outcome = tried.outcome();
        let Scratch { projection, levels, cells, .. } = scratch;
        let mut out = Examined { outcome, fraction: projection.fraction, counts: tried.counts, ..Examined::default() };
        (out.weight, out.spread) = (vec![0.0; levels.len()], vec![0.0; levels.len()]);
        match tried.joint {
            Ok(joint) if joint.weights.is_empty() => {
                for cell in &cells {
                    let (q, w) = (cell.index as usize, cell.weight(joint.fit.weighed_by));
                    (out.weight[q], out.spread[q]) = (w, cell.spread(w, joint.fit.expected()));
                }
            }
            Ok(joint) => {
                out.spread = joint.weights.iter().zip(&joint.noise).map(|(w, v)| w * w * v).collect();
                (out.weight, out.others, out.upon) = (joint.weights, joint.others, joint.upon);
            }
            Err(_) => {}
        }
        out.levels = levels;
        out
    }
}
