//! Which models have parameters, and where these stand in the vector of all of them.
//!
//! Crystals come first, sample by sample, then detectors, then beams, so that the normal matrix of scan-varying crystals
//! is banded with a narrow border at its end.

use super::crystal::{CrystalBlock, LocalCrystal};
use super::lab::{BeamBlock, BeamMotion, BeamState, DetectorBlock, DetectorMotion, DetectorState, Prior};
use super::plan::images_of_crystal;
use super::smoother::Weights;
use crate::geometry::ExperimentList;
use crate::math::Vec3;

/// All blocks of parameters, by the models' numbers in the experiment list; `None` for models that no reflection needs.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub crystals: Vec<Option<CrystalBlock>>,
    /// By crystal, the one whose cell it uses: itself, or one before it.
    pub cell_of: Vec<usize>,
    pub detectors: Vec<Option<DetectorBlock>>,
    pub beams: Vec<Option<BeamBlock>>,
    /// Number of parameters.
    pub n: usize,
}

/// Beams, detectors and static crystals at some value of the parameters.
#[derive(Debug, Clone)]
pub(crate) struct LabState {
    /// `None` also for crystals that vary.
    pub crystals: Vec<Option<LocalCrystal>>,
    pub beams: Vec<Option<BeamState>>,
    pub detectors: Vec<Option<DetectorState>>,
}

impl Layout {
    /// Numbers the parameters of all blocks.
    pub(crate) fn assign(&mut self) {
        let mut n = 0;
        for i in 0..self.crystals.len() {
            let owner = self.cell_of[i];
            let is_static = |b: &&CrystalBlock| b.smoother.is_none();
            let cell = self.crystals[owner].as_ref().filter(|_| owner < i).filter(is_static).map(|b| b.column(0, b.angles()));
            let Some(block) = &mut self.crystals[i] else { continue };
            block.start = n;
            block.shared_cell = cell.filter(|_| block.smoother.is_none());
            n += block.len();
        }
        for block in self.detectors.iter_mut().flatten() {
            block.start = n;
            n += block.motions.len();
        }
        for block in self.beams.iter_mut().flatten() {
            block.start = n;
            n += block.motions.len();
        }
        self.n = n;
    }

    /// `None` when a detector's plane runs through the sample or a static crystal has no cell.
    pub(crate) fn lab(&self, p: &[f64]) -> Option<LabState> {
        let beams = self.beams.iter().map(|b| b.as_ref().map(|b| b.evaluate(p))).collect();
        let mut detectors = Vec::with_capacity(self.detectors.len());
        for block in &self.detectors {
            detectors.push(match block {
                Some(block) => Some(block.evaluate(p)?),
                None => None,
            });
        }
        let mut crystals = Vec::with_capacity(self.crystals.len());
        for block in &self.crystals {
            crystals.push(match block.as_ref().filter(|b| b.smoother.is_none()) {
                Some(block) => Some(block.evaluate(&block.local_parameters(p, &Weights::STATIC))?),
                None => None,
            });
        }
        Some(LabState { crystals, beams, detectors })
    }

    /// What is known of the parameters beforehand, from `reference` (beams and detectors numbered as here) or else from the start.
    pub(crate) fn priors(&self, reference: Option<&ExperimentList>) -> Vec<Prior> {
        let mut priors = vec![Prior { mean: 0.0, sigma: f64::INFINITY }; self.n];
        let mut crystals = self.crystals.iter().flatten();
        let varying = self.n > 0 && crystals.all(|c| c.smoother.is_some());
        for (i, block) in self.detectors.iter().enumerate() {
            let Some(block) = block else { continue };
            let known = reference.and_then(|r| r.detectors.get(i));
            for (k, motion) in block.motions.iter().enumerate() {
                priors[block.start + k] = block.prior(*motion, known, varying);
            }
        }
        for (i, block) in self.beams.iter().enumerate() {
            let Some(block) = block else { continue };
            let known = reference.and_then(|r| r.beams.get(i));
            for (k, motion) in block.motions.iter().enumerate() {
                priors[block.start + k] = block.prior(*motion, known, varying);
            }
        }
        priors
    }

    /// Names of the parameters, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.n);
        for (i, block) in self.crystals.iter().enumerate() {
            let Some(block) = block else { continue };
            for sample in 0..block.samples() {
                let place = if block.samples() > 1 { format!("crystal {i} sample {sample}") } else { format!("crystal {i}") };
                if block.orientation_free {
                    names.extend(["x", "y", "z"].map(|axis| format!("{place} rotation {axis}")));
                }
                if block.shared_cell.is_none() {
                    names.extend((1..=block.cell.len()).map(|k| format!("{place} metric {k}")));
                }
            }
        }
        for (i, block) in self.detectors.iter().enumerate() {
            let Some(block) = block else { continue };
            names.extend(block.motions.iter().map(|motion| match motion {
                DetectorMotion::Shift(2) => format!("detector {i} distance"),
                DetectorMotion::Shift(k) => format!("detector {i} shift {}", k + 1),
                DetectorMotion::Tilt(k) => format!("detector {i} tilt {}", k + 1),
            }));
        }
        for (i, block) in self.beams.iter().enumerate() {
            let Some(block) = block else { continue };
            names.extend(block.motions.iter().map(|motion| match motion {
                BeamMotion::InPlane => format!("beam {i} tilt in the spindle plane"),
                BeamMotion::OutOfPlane => format!("beam {i} tilt out of the spindle plane"),
                BeamMotion::Wavenumber => format!("beam {i} wavenumber"),
            }));
        }
        names
    }

    /// Writes the models at `p` into the list: beams, detectors, and crystals (scan-varying ones with their A at every image border,
    /// and as static A that of the mean of their parameters).
    pub(crate) fn apply(&self, p: &[f64], experiments: &mut ExperimentList) {
        let Some(lab) = self.lab(p) else { return };
        for (beam, state) in experiments.beams.iter_mut().zip(&lab.beams) {
            if let Some(state) = state {
                beam.set_s0(&state.s0);
            }
        }
        for (detector, state) in experiments.detectors.iter_mut().zip(&lab.detectors) {
            let Some(state) = state else { continue };
            for (panel, plane) in detector.panels.iter_mut().zip(&state.panels) {
                (panel.fast, panel.slow, panel.origin) = (plane.fast, plane.slow, plane.origin);
            }
        }
        for (i, block) in self.crystals.iter().enumerate() {
            let Some(block) = block else { continue };
            let images = images_of_crystal(experiments, i).map(|(images, _)| images);
            let Some(crystal) = experiments.crystals.get_mut(i) else { continue };
            let (mean, borders) = match (&block.smoother, images) {
                (Some(_), Some(images)) => {
                    let at: Vec<_> = (0..=images).map(|z| block.local_parameters(p, &block.weights(z as f64))).collect();
                    let mean = core::array::from_fn(|k| at.iter().map(|q| q[k]).sum::<f64>() / at.len() as f64);
                    (mean, at.iter().filter_map(|q| block.a_matrix(q)).collect::<Vec<_>>())
                }
                _ => (block.local_parameters(p, &block.weights(0.0)), Vec::new()),
            };
            if let Some(a) = block.a_matrix(&mean) {
                crystal.a_matrix = a;
                crystal.a_at_scan_points = borders;
                crystal.b_covariance.clear();
                crystal.cell_esd = None;
            }
        }
    }
}

/// The spindle of the first experiment with beam `beam`.
pub(crate) fn spindle_of_beam(experiments: &ExperimentList, beam: usize) -> Vec3 {
    let e = experiments.experiments.iter().find(|e| e.beam == Some(beam));
    e.and_then(|e| e.goniometer).and_then(|g| experiments.goniometers.get(g)).map_or(Vec3::x(), |g| g.lab_axis())
}
