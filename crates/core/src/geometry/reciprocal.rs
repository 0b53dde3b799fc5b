use super::{ExperimentModels, Goniometer};
use crate::math::{Mat3, Vec3, rotation};

/// From a place on the detector to reciprocal space at the goniometer's datum: what indexing needs of every spot, and what the lattice
/// viewer draws.
///
/// A spot recorded at `p` (mm, laboratory) at scan angle φ belongs to the point (S R(e, φ) F)ᵀ (s1 − s0), s1 = p/|p|/λ.
#[derive(Debug, Clone, PartialEq)]
pub struct ReciprocalMap {
    /// Wavelength, Å.
    pub wavelength: f64,
    /// Incident beam, Å⁻¹, laboratory frame.
    pub s0: Vec3,
    /// S, from the scan axis' frame to the laboratory.
    pub setting: Mat3,
    /// e, the scan axis before S acts on it.
    pub axis: Vec3,
    /// F, from the crystal to the scan axis.
    pub fixed: Mat3,
    /// What the detector is moved by, mm, laboratory frame; zero for the detector as it is.
    pub detector_shift: Vec3,
}

/// A trial change of the experiment's geometry.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trial {
    /// By how much the **beam** moves on the detector along fast and slow, mm: the detector moves the other way.
    pub beam_mm: [f64; 2],
    /// By how much the detector moves away from the sample along its normal, mm.
    pub distance_mm: f64,
    /// Angle by which the spindle (with all that it carries) turns about the beam, rad, right-handed about the direction of s0.
    pub axis_about_beam: f64,
    /// Angle by which it is then tipped towards the source, rad.
    pub axis_along_beam: f64,
    /// Whether the spindle turns the other way round.
    pub inverted: bool,
}

impl ReciprocalMap {
    /// The map of an experiment.
    pub fn of(m: &ExperimentModels<'_>) -> Self {
        let Goniometer { rotation_axis, fixed_rotation, setting_rotation, .. } = m.goniometer;
        ReciprocalMap {
            wavelength: m.beam.wavelength,
            s0: m.beam.s0(),
            setting: *setting_rotation,
            axis: *rotation_axis,
            fixed: *fixed_rotation,
            detector_shift: Vec3::zeros(),
        }
    }

    /// The map of the same experiment with its geometry changed, given a panel's axes (laboratory frame, unit vectors). All panels move
    /// together.
    pub fn changed(&self, trial: &Trial, fast: &Vec3, slow: &Vec3, origin: &Vec3) -> Self {
        let normal = fast.cross(slow).normalize();
        let away = if origin.dot(&normal) < 0.0 { -normal } else { normal };
        let beam = self.s0.normalize();
        let about = rotation(&beam, trial.axis_about_beam);
        let axis = about * self.setting * self.axis;
        // The axis tips in the plane that it spans with the beam; an axis along the beam has none.
        let hinge = axis.cross(&-beam);
        let tip = if hinge.norm() > 1e-9 { rotation(&hinge.normalize(), trial.axis_along_beam) } else { Mat3::identity() };
        ReciprocalMap {
            setting: tip * about * self.setting,
            axis: if trial.inverted { -self.axis } else { self.axis },
            detector_shift: self.detector_shift - fast * trial.beam_mm[0] - slow * trial.beam_mm[1] + away * trial.distance_mm,
            ..self.clone()
        }
    }

    /// Diffracted beam vector through `lab` (mm, laboratory frame), |s1| = 1/λ.
    pub fn s1(&self, lab: &Vec3) -> Vec3 {
        (lab + self.detector_shift).normalize() / self.wavelength
    }

    /// S R(e, φ) F: from the datum to the laboratory at scan angle `phi` (rad).
    pub fn lab_from_datum(&self, phi: f64) -> Mat3 {
        self.setting * rotation(&self.axis, phi) * self.fixed
    }

    /// The reciprocal-lattice point, Å⁻¹ at the datum, of a spot at `lab` (mm, laboratory frame) and scan angle `phi` (rad).
    pub fn point(&self, lab: &Vec3, phi: f64) -> Vec3 {
        self.lab_from_datum(phi).transpose() * (self.s1(lab) - self.s0)
    }

    /// The spindle as seen from the crystal at the datum, unit vector: the same at all angles.
    pub fn datum_axis(&self) -> Vec3 {
        self.fixed.transpose() * self.axis
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Detector, Panel, Scan, ewald};
    use crate::math::Vec2;

    fn models(f: impl FnOnce(&ExperimentModels<'_>)) {
        let beam = Beam::default();
        let detector = Detector::single(Panel { origin: Vec3::new(-51.0, 49.0, -120.0), ..Panel::default() });
        let mut goniometer = Goniometer::single(Vec3::new(1.0, 0.02, 0.01).normalize());
        goniometer.fixed_rotation = rotation(&Vec3::new(0.2, -0.5, 1.0).normalize(), 0.4);
        goniometer.setting_rotation = rotation(&Vec3::new(-0.7, 0.5, 0.2).normalize(), -0.3);
        let scan = Scan { n_images: 100, width: 0.01, ..Scan::default() };
        f(&ExperimentModels { beam: &beam, detector: &detector, goniometer: &goniometer, scan: &scan, crystal: None, profile: None });
    }

    #[test]
    fn a_trial_of_nothing_changes_nothing() {
        models(|m| {
            let map = ReciprocalMap::of(m);
            let p = &m.detector.panels[0];
            let same = map.changed(&Trial::default(), &p.fast, &p.slow, &p.origin);
            assert!((same.setting - map.setting).norm() < 1e-15 && same.detector_shift.norm() == 0.0);
            assert_eq!(map.lab_from_datum(0.7), m.goniometer.lab_from_datum(0.7));
        });
    }

    #[test]
    fn a_moved_beam_gives_the_points_of_a_moved_detector() {
        models(|m| {
            let p = &m.detector.panels[0];
            let trial = Trial { beam_mm: [1.5, -0.7], distance_mm: 4.0, ..Trial::default() };
            let map = ReciprocalMap::of(m).changed(&trial, &p.fast, &p.slow, &p.origin);
            let mut moved = p.clone();
            moved.origin += -p.fast * 1.5 + p.slow * 0.7;
            moved.origin.z -= 4.0;
            let s0 = m.beam.s0();
            let [was, is] = [p, &moved].map(|p| p.mm_from_ray(&s0).unwrap());
            assert!((is - was - Vec2::new(1.5, -0.7)).norm() < 1e-12, "the beam has moved to the other side");
            assert!((moved.distance() - p.distance() - 4.0).abs() < 1e-12);
            let px = Vec2::new(712.0, 93.0);
            let want = m.goniometer.lab_from_datum(0.4).transpose() * (moved.s1_from_px(px, m.beam.wavelength) - s0);
            assert!((map.point(&p.lab_from_px(px), 0.4) - want).norm() < 1e-14);
        });
    }

    #[test]
    fn the_axis_turns_about_the_beam_and_tips_towards_the_source() {
        models(|m| {
            let p = &m.detector.panels[0];
            let (map, beam) = (ReciprocalMap::of(m), m.beam.s0().normalize());
            let lab = |t: Trial| {
                let c = map.changed(&t, &p.fast, &p.slow, &p.origin);
                c.setting * c.axis
            };
            let before = lab(Trial::default());
            let turned = lab(Trial { axis_about_beam: 0.1, ..Trial::default() });
            assert!((turned - rotation(&beam, 0.1) * before).norm() < 1e-14);
            let tipped = lab(Trial { axis_along_beam: 0.1, ..Trial::default() });
            assert!((libm::acos(tipped.dot(&before)) - 0.1).abs() < 1e-9 && tipped.dot(&beam) < before.dot(&beam));
            assert!((lab(Trial { inverted: true, ..Trial::default() }) + before).norm() < 1e-14);
            // Seen from the crystal the axis stays where it is: all that it carries has turned with it.
            assert!((map.datum_axis() - map.lab_from_datum(1.0).transpose() * before).norm() < 1e-14);
        });
    }

    #[test]
    fn a_reflection_on_the_sphere_maps_to_its_lattice_point() {
        models(|m| {
            let (map, s0) = (ReciprocalMap::of(m), m.beam.s0());
            let mut seen = 0;
            for r in [[0.06, 0.03, 0.1], [-0.08, 0.06, 0.05], [0.1, -0.09, 0.15], [0.02, 0.18, -0.1]].map(Vec3::from) {
                let at_zero = m.goniometer.setting_rotation * m.goniometer.fixed_rotation * r;
                let Some(roots) = ewald::diffracting_angles(&s0, &m.goniometer.lab_axis(), &at_zero) else { continue };
                for phi in roots {
                    let s1 = s0 + m.goniometer.lab_from_datum(phi) * r;
                    let panel = &m.detector.panels[0];
                    let Some(mm) = panel.mm_from_ray(&s1) else { continue };
                    seen += 1;
                    assert!((map.point(&panel.lab_from_mm(mm), phi) - r).norm() < 1e-12);
                }
            }
            assert!(seen > 3, "{seen}");
        });
    }
}
