//! Fitting one reflection again, with everything that goes into it.

use super::{Bell, Candidate, Fitter, Grid, Outcome, References, Scratch, Setup};

/// The reference profiles of an experiment, complete.
///
/// For each region and block they hold a number for every cell: 9 × 1331 × 8 bytes, about 100 kB, for each block of 5° and a detector of one panel.
#[derive(Debug, Clone)]
pub(crate) struct Profiles(References);

/// A fit and its terms by foreground pixel, image by image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Examined {
    /// What became of the reflection.
    pub(crate) outcome: Outcome,
    /// The part of the reflection; empty where there is no profile.
    pub(crate) fraction: Vec<f64>,
    /// Background.
    pub(crate) levels: Vec<f64>,
    /// p/v: the part over what the pixel is expected to vary by, 0 for pixels that take no part.
    pub(crate) weight: Vec<f64>,
    /// What the pixel adds to the variance of Σ weight · counts.
    pub(crate) spread: Vec<f64>,
    /// Counts; −1 also where a spike was left out.
    pub(crate) counts: Vec<i32>,
}

impl<'a> Fitter<'a> {
    /// What reflections were fitted with.
    pub(crate) fn into_profiles(self) -> Profiles {
        Profiles(self.references)
    }

    /// A fitter that has learned already, for [`Fitter::examine`] and [`Fitter::picture`](super::Fitter::picture).
    pub(crate) fn with_profiles(setup: Setup<'a>, half: usize, profiles: &Profiles) -> Self {
        Fitter {
            bell: Bell::new(),
            references: profiles.0.clone(),
            grid: Grid::new(half, setup.n_sigma, setup.widths.sigma_b, setup.widths.sigma_m),
            ready_at: Vec::new(),
            finished: Vec::new(),
            waiting: Vec::new(),
            setup,
            bytes: 0,
            peak_bytes: 0,
        }
    }

    /// Fits a reflection as [`Fitter::take`](super::Fitter::take) has.
    pub(crate) fn examine(&self, c: &Candidate) -> Examined {
        let mut scratch = Scratch::default();
        let outcome = self.fit(c, &mut scratch);
        let Scratch { projection, levels, cells, counts, .. } = scratch;
        let [mut weight, mut spread] = [vec![0.0; levels.len()], vec![0.0; levels.len()]];
        if let Some(fit) = &outcome.fit {
            for cell in &cells {
                let w = cell.weight(fit.intensity);
                weight[cell.index as usize] = w;
                spread[cell.index as usize] = cell.spread(w, fit.expected());
            }
        }
        Examined { outcome, fraction: projection.fraction, levels, weight, spread, counts }
    }
}
