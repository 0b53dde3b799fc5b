use super::{Beam, Crystal, Detector, Extra, Goniometer, Scan};

/// The reflection profile of an experiment, as DIALS' `gaussian_rs` model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfileModel {
    /// Standard deviation of the beam divergence, **degrees** (as in the file).
    pub sigma_b_deg: f64,
    /// Standard deviation of the reflecting range (mosaicity), **degrees**.
    pub sigma_m_deg: f64,
    /// Half-extent of a reflection in standard deviations.
    pub n_sigma: f64,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

/// What kind of images an image set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageSetKind {
    /// A rotation sequence.
    #[default]
    Sequence,
    /// Separate stills.
    Stills,
}

/// Where images come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageSet {
    /// Rotation or stills.
    pub kind: ImageSetKind,
    /// Template with `#` for digits, or the name of one file.
    pub template: String,
    /// Frames of a file that holds many; empty for templates.
    pub single_file_indices: Vec<usize>,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

/// One experiment: the numbers of its models in an [`ExperimentList`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Experiment {
    /// A name unique in the world (UUID).
    pub identifier: String,
    /// Index in `beams`.
    pub beam: Option<usize>,
    /// Index in `detectors`.
    pub detector: Option<usize>,
    /// Index in `goniometers`.
    pub goniometer: Option<usize>,
    /// Index in `scans`.
    pub scan: Option<usize>,
    /// Index in `crystals`.
    pub crystal: Option<usize>,
    /// Index in `profiles`.
    pub profile: Option<usize>,
    /// Index in `imagesets`.
    pub imageset: Option<usize>,
    /// Index in `scaling_models`.
    pub scaling_model: Option<usize>,
}

/// Experiments and the models that they share: sweeps of one crystal, lattices of one sweep.
///
/// Two experiments share a model when their indices are equal; refinement treats such a model as one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExperimentList {
    /// The experiments.
    pub experiments: Vec<Experiment>,
    /// Beams.
    pub beams: Vec<Beam>,
    /// Detectors.
    pub detectors: Vec<Detector>,
    /// Goniometers.
    pub goniometers: Vec<Goniometer>,
    /// Scans.
    pub scans: Vec<Scan>,
    /// Crystals.
    pub crystals: Vec<Crystal>,
    /// Profile models.
    pub profiles: Vec<ProfileModel>,
    /// Image sets.
    pub imagesets: Vec<ImageSet>,
    /// Scaling models, as in the file; `stages::scale` gives them their meaning.
    pub scaling_models: Vec<serde_json::Value>,
    /// Keys of the file that are only carried along.
    pub extra: Extra,
}

/// The models of one rotation experiment, borrowed; every stage after import works on these.
#[derive(Debug, Clone, Copy)]
pub struct ExperimentModels<'a> {
    /// The beam.
    pub beam: &'a Beam,
    /// The detector.
    pub detector: &'a Detector,
    /// The goniometer.
    pub goniometer: &'a Goniometer,
    /// The scan.
    pub scan: &'a Scan,
    /// The crystal, once indexed.
    pub crystal: Option<&'a Crystal>,
    /// The profile model, once integrated.
    pub profile: Option<&'a ProfileModel>,
}

/// An experiment without a model that cannot be done without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("experiment {experiment} has no {what}; import its images again")]
pub struct MissingModel {
    /// The experiment.
    pub experiment: usize,
    /// What is missing.
    pub what: &'static str,
}

impl ExperimentList {
    /// Number of experiments.
    pub fn len(&self) -> usize {
        self.experiments.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.experiments.is_empty()
    }

    /// The models of experiment `i`. `None` when the experiment does not exist or lacks beam, detector, goniometer or
    /// scan: it is then no rotation experiment.
    pub fn models(&self, i: usize) -> Option<ExperimentModels<'_>> {
        let e = self.experiments.get(i)?;
        Some(ExperimentModels {
            beam: self.beams.get(e.beam?)?,
            detector: self.detectors.get(e.detector?)?,
            goniometer: self.goniometers.get(e.goniometer?)?,
            scan: self.scans.get(e.scan?)?,
            crystal: e.crystal.and_then(|k| self.crystals.get(k)),
            profile: e.profile.and_then(|k| self.profiles.get(k)),
        })
    }

    /// The beam of experiment `i`.
    pub fn beam_of(&self, i: usize) -> Result<&Beam, MissingModel> {
        let beam = self.experiments.get(i).and_then(|e| self.beams.get(e.beam?));
        beam.ok_or(MissingModel { experiment: i, what: "beam" })
    }

    /// The detector of experiment `i`.
    pub fn detector_of(&self, i: usize) -> Result<&Detector, MissingModel> {
        let detector = self.experiments.get(i).and_then(|e| self.detectors.get(e.detector?));
        detector.ok_or(MissingModel { experiment: i, what: "detector" })
    }

    /// Adds to the panels' masks what those of `other` have: its experiments are matched by identifier, or by number where one has none.
    pub fn adopt_masks(&mut self, other: &ExperimentList) {
        for i in 0..self.len() {
            let mine = &self.experiments[i];
            let same = |e: &Experiment| !e.identifier.is_empty() && e.identifier == mine.identifier;
            let unnamed = |e: &&Experiment| e.identifier.is_empty() || mine.identifier.is_empty();
            let Some(theirs) = other.experiments.iter().find(|e| same(e)).or_else(|| other.experiments.get(i).filter(unnamed)) else {
                continue;
            };
            let (Some(to), Some(from)) = (mine.detector, theirs.detector.and_then(|k| other.detectors.get(k))) else { continue };
            let Some(detector) = self.detectors.get_mut(to).filter(|d| d.panels.len() == from.panels.len()) else { continue };
            for (panel, from) in detector.panels.iter_mut().zip(&from.panels).filter(|(p, f)| p.image_size == f.image_size) {
                panel.distrust(from.mask.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Panel;

    #[test]
    fn masks_go_to_the_experiment_of_the_same_name() {
        let list = |names: [&str; 2], masks: [Vec<[i64; 4]>; 2]| ExperimentList {
            experiments: [0, 1]
                .map(|k| Experiment { identifier: names[k].to_owned(), detector: Some(k), ..Experiment::default() })
                .to_vec(),
            detectors: masks.map(|mask| Detector::single(Panel { image_size: [9, 9], mask, ..Panel::default() })).to_vec(),
            ..ExperimentList::default()
        };
        let t = |names, expected: [Vec<[i64; 4]>; 2]| {
            let mut to = list(["a", "b"], [vec![[0, 0, 9, 1]], vec![]]);
            to.adopt_masks(&list(names, [vec![[1, 1, 2, 2]], vec![[0, 0, 9, 1]]]));
            assert_eq!(to.detectors.iter().map(|d| d.panels[0].mask.clone()).collect::<Vec<_>>(), expected);
        };
        t(["b", "a"], [vec![[0, 0, 9, 1]], vec![[1, 1, 2, 2]]]);
        t(["", ""], [vec![[0, 0, 9, 1], [1, 1, 2, 2]], vec![[0, 0, 9, 1]]]);
        t(["c", "d"], [vec![[0, 0, 9, 1]], vec![]]);
    }
}
