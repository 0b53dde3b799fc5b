//! Which models have parameters, and where these stand in the vector of all of them.
//!
//! Crystals come first, sample by sample, then detectors, beams and goniometers, so that the normal matrix of scan-varying crystals
//! is banded with a narrow border at its end.

use super::beam::{BeamBlock, BeamMotion, BeamState, Prior};
use super::crystal::{CrystalBlock, LocalCrystal};
use super::detector::{DetectorBlock, DetectorMotion, DetectorState};
use super::goniometer::{GoniometerBlock, GoniometerMotion, GoniometerState};
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
    pub goniometers: Vec<Option<GoniometerBlock>>,
    /// Number of parameters.
    pub n: usize,
}

/// Beams, detectors, goniometers and static crystals at some value of the parameters.
#[derive(Debug, Clone)]
pub(crate) struct LabState {
    /// `None` also for crystals that vary.
    pub crystals: Vec<Option<LocalCrystal>>,
    pub beams: Vec<Option<BeamState>>,
    pub detectors: Vec<Option<DetectorState>>,
    pub goniometers: Vec<Option<GoniometerState>>,
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
        for body in self.detectors.iter_mut().flatten().flat_map(|d| &mut d.bodies) {
            body.start = n;
            n += body.motions.len();
        }
        for block in self.beams.iter_mut().flatten() {
            block.start = n;
            n += block.motions.len();
        }
        for block in self.goniometers.iter_mut().flatten() {
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
        let goniometers = self.goniometers.iter().map(|g| g.as_ref().map(|g| g.evaluate(p))).collect();
        Some(LabState { crystals, beams, detectors, goniometers })
    }

    /// What is known of the parameters beforehand, from `reference` (beams and detectors numbered as here) or else from the start.
    pub(crate) fn priors(&self, reference: Option<&ExperimentList>) -> Vec<Prior> {
        let mut priors = vec![Prior { mean: 0.0, sigma: f64::INFINITY }; self.n];
        let mut crystals = self.crystals.iter().flatten();
        let varying = self.n > 0 && crystals.all(|c| c.smoother.is_some());
        for (i, block) in self.detectors.iter().enumerate() {
            let Some(block) = block else { continue };
            for (k, prior) in block.priors(reference.and_then(|r| r.detectors.get(i)), varying) {
                priors[k] = prior;
            }
        }
        for (i, block) in self.beams.iter().enumerate() {
            let Some(block) = block else { continue };
            let known = reference.and_then(|r| r.beams.get(i));
            for (k, motion) in block.motions.iter().enumerate() {
                priors[block.start + k] = block.prior(*motion, known, varying);
            }
        }
        for block in self.goniometers.iter().flatten() {
            priors[block.start..block.start + block.motions.len()].fill(block.prior(varying));
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
                names.extend(block.turns.iter().map(|axis| format!("{place} rotation {}", ["x", "y", "z"][*axis])));
                if block.shared_cell.is_none() {
                    names.extend(block.metrics.iter().map(|k| format!("{place} metric {}", k + 1)));
                }
            }
        }
        for (i, block) in self.detectors.iter().enumerate() {
            let Some(block) = block else { continue };
            for (b, body) in block.bodies.iter().enumerate() {
                let place = if block.bodies.len() > 1 { format!("detector {i} group {b}") } else { format!("detector {i}") };
                names.extend(body.motions.iter().map(|motion| match motion {
                    DetectorMotion::Shift(2) => format!("{place} distance"),
                    DetectorMotion::Shift(k) => format!("{place} shift {}", k + 1),
                    DetectorMotion::Tilt(k) => format!("{place} tilt {}", k + 1),
                }));
            }
        }
        for (i, block) in self.beams.iter().enumerate() {
            let Some(block) = block else { continue };
            names.extend(block.motions.iter().map(|motion| match motion {
                BeamMotion::InPlane => format!("beam {i} tilt in the spindle plane"),
                BeamMotion::OutOfPlane => format!("beam {i} tilt out of the spindle plane"),
                BeamMotion::Wavenumber => format!("beam {i} wavenumber"),
            }));
        }
        for (i, block) in self.goniometers.iter().enumerate() {
            let Some(block) = block else { continue };
            names.extend(block.motions.iter().map(|motion| match motion {
                GoniometerMotion::InPlane => format!("goniometer {i} tilt in the beam plane"),
                GoniometerMotion::OutOfPlane => format!("goniometer {i} tilt out of the beam plane"),
            }));
        }
        names
    }

    /// Writes the models at `p` into the list: beams, detectors, goniometers, and crystals (scan-varying ones with their A at every image border,
    /// and as static A that of the mean of their parameters).
    pub(crate) fn apply(&self, p: &[f64], experiments: &mut ExperimentList) {
        let Some(lab) = self.lab(p) else { return };
        // What has no free parameters stays to the last digit.
        for (i, (beam, state)) in experiments.beams.iter_mut().zip(&lab.beams).enumerate() {
            if let Some(state) = state.as_ref().filter(|_| self.beams[i].as_ref().is_some_and(|b| !b.motions.is_empty())) {
                beam.set_s0(&state.s0);
            }
        }
        for (i, (detector, state)) in experiments.detectors.iter_mut().zip(&lab.detectors).enumerate() {
            let Some(state) = state.as_ref().filter(|_| self.detectors[i].as_ref().is_some_and(|d| d.columns().next().is_some())) else {
                continue;
            };
            for (panel, plane) in detector.panels.iter_mut().zip(&state.panels) {
                (panel.fast, panel.slow, panel.origin) = (plane.fast, plane.slow, plane.origin);
            }
        }
        for (goniometer, state) in experiments.goniometers.iter_mut().zip(&lab.goniometers) {
            if let Some(state) = state.as_ref().filter(|s| !s.turns.is_empty()) {
                // A setting that no angles of the axes make.
                goniometer.axes.clear();
                goniometer.setting_rotation = state.setting;
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

/// s0 of the first experiment with goniometer `goniometer`.
pub(crate) fn s0_of_goniometer(experiments: &ExperimentList, goniometer: usize) -> Vec3 {
    let e = experiments.experiments.iter().find(|e| e.goniometer == Some(goniometer));
    e.and_then(|e| e.beam).and_then(|b| experiments.beams.get(b)).map_or(-Vec3::z(), |b| b.s0())
}

/// The spindle of the first experiment with beam `beam`.
pub(crate) fn spindle_of_beam(experiments: &ExperimentList, beam: usize) -> Vec3 {
    let e = experiments.experiments.iter().find(|e| e.beam == Some(beam));
    e.and_then(|e| e.goniometer).and_then(|g| experiments.goniometers.get(g)).map_or(Vec3::x(), |g| g.lab_axis())
}
