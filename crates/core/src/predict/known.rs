use crate::geometry::{ExperimentList, ExperimentModels, ewald};
use crate::job::parallel;
use crate::math::{Mat3, Vec2, Vec3, rotate};
use crate::reflections::{Reflections, flags};
use core::f64::consts::TAU;

/// A predicted reflection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Diffracted beam vector, laboratory, Å⁻¹.
    pub s1: Vec3,
    /// Scan angle, rad, within half a turn of the angle asked for.
    pub phi: f64,
    /// Array index of the scan at `phi`.
    pub z: f64,
    /// mm from the panel's corner along (fast, slow); may lie outside the panel.
    pub mm: Vec2,
    /// Pixels along (fast, slow).
    pub px: Vec2,
}

/// The angle (rad) at which a point enters or leaves the Ewald sphere, taken within half a turn of `near`.
///
/// Arguments and failure as [`ewald::diffracting_angles`].
pub fn diffracting_angle(s0: &Vec3, m: &Vec3, r0: &Vec3, entering: bool, near: f64) -> Option<f64> {
    let roots = ewald::diffracting_angles(s0, m, r0)?;
    let phi = roots[usize::from(entering)];
    Some(phi + TAU * libm::round((near - phi) / TAU))
}

/// Predicts reflections of one experiment.
#[derive(Debug, Clone)]
pub struct Predictor<'a> {
    models: ExperimentModels<'a>,
    s0: Vec3,
    axis: Vec3,
    /// S F: the laboratory at φ = 0 from the crystal's frame at the datum.
    lab_from_datum: Mat3,
}

impl<'a> Predictor<'a> {
    /// For an experiment; it predicts nothing without a crystal.
    pub fn new(models: ExperimentModels<'a>) -> Self {
        let g = models.goniometer;
        Predictor { s0: models.beam.s0(), axis: g.lab_axis(), lab_from_datum: g.setting_rotation * g.fixed_rotation, models }
    }

    /// The ray (s1 in Å⁻¹ and φ in rad) of `hkl` on its way into (`entering`) or out of the Ewald sphere, nearest to angle `near` (rad).
    ///
    /// With a scan-varying crystal, A is that at the predicted angle itself. `None` when the point does not cross the sphere.
    pub fn ray(&self, hkl: [i32; 3], entering: bool, near: f64) -> Option<(Vec3, f64)> {
        let crystal = self.models.crystal?;
        let h = Vec3::new(f64::from(hkl[0]), f64::from(hkl[1]), f64::from(hkl[2]));
        let scan = self.models.scan;
        let varying = crystal.a_at_scan_points.len() > 1;
        let mut phi = near;
        let mut r0 = Vec3::zeros();
        // A changes by about 1e-5 per image, so each round gains some five digits.
        for _ in 0..if varying { 6 } else { 1 } {
            let a = if varying { crystal.a_at_z(scan.z_from_phi(phi)) } else { crystal.a_matrix };
            r0 = self.lab_from_datum * (a * h);
            let next = diffracting_angle(&self.s0, &self.axis, &r0, entering, near)?;
            let moved = (next - phi).abs();
            phi = next;
            if moved < 1e-12 {
                break;
            }
        }
        Some((self.s0 + rotate(&r0, &self.axis, phi), phi))
    }

    /// As [`Predictor::ray`], and where that ray meets the plane of `panel`. `None` also when it does not.
    pub fn predict(&self, hkl: [i32; 3], entering: bool, panel: usize, near: f64) -> Option<Prediction> {
        let (s1, phi) = self.ray(hkl, entering, near)?;
        let panel = self.models.detector.panels.get(panel)?;
        let mm = panel.mm_from_ray(&s1)?;
        Some(Prediction { s1, phi, z: self.models.scan.z_from_phi(phi), mm, px: panel.px_from_mm(mm) })
    }
}

/// Fills `xyzcal_px`, `xyzcal_mm` and `s1` of every row that has an index, an experiment and a crystal, from its `hkl`, `entering`, `panel`
/// and observed angle. Sets [`flags::PREDICTED`] on rows that could be predicted and clears it on the other indexed rows; rows
/// without an index keep what they had.
///
/// Needs columns `id`, `miller_index`, `entering`, `panel`, `flags`, `xyzobs.px.value`; does nothing when one is absent.
pub fn update_predictions(experiments: &ExperimentList, reflections: &mut Reflections) {
    let needed = ["id", "miller_index", "entering", "panel", "flags", "xyzobs.px.value"];
    if reflections.require(&needed).is_err() || reflections.is_empty() {
        return;
    }
    let n = reflections.len();
    let predictors: Vec<Option<Predictor<'_>>> =
        (0..experiments.len()).map(|i| experiments.models(i).filter(|m| m.crystal.is_some()).map(Predictor::new)).collect();
    let table = &*reflections;
    let predicted = parallel::map(n, |i| {
        let hkl = table.hkl[i];
        let e = usize::try_from(table.id[i]).ok()?;
        if hkl == [0, 0, 0] {
            return None;
        }
        let predictor = predictors.get(e)?.as_ref()?;
        let near = predictor.models.scan.phi_from_z(table.xyzobs_px[i][2]);
        Some(predictor.predict(hkl, table.entering[i], table.panel[i] as usize, near))
    });
    for column in [&mut reflections.xyzcal_px, &mut reflections.xyzcal_mm, &mut reflections.s1] {
        column.resize(n, [0.0; 3]);
    }
    for (i, p) in predicted.into_iter().enumerate() {
        match p {
            Some(Some(p)) => {
                reflections.xyzcal_px[i] = [p.px.x, p.px.y, p.z];
                reflections.xyzcal_mm[i] = [p.mm.x, p.mm.y, p.phi];
                reflections.s1[i] = [p.s1.x, p.s1.y, p.s1.z];
                reflections.flags[i] |= flags::PREDICTED;
            }
            Some(None) => reflections.flags[i] &= !flags::PREDICTED,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Beam, Crystal, Detector, Goniometer, Panel, Scan, UnitCell};
    use crate::math::rotation;
    use core::f64::consts::PI;

    fn experiment() -> (Beam, Detector, Goniometer, Scan, Crystal) {
        let beam = Beam { wavelength: 0.98, ..Beam::default() };
        let panel = Panel { origin: Vec3::new(-75.0, 75.0, -100.0), image_size: [1500, 1500], ..Panel::default() };
        let mut goniometer = Goniometer::single(Vec3::new(1.0, 0.01, -0.02).normalize());
        goniometer.fixed_rotation = rotation(&Vec3::z(), 0.3);
        goniometer.setting_rotation = rotation(&Vec3::y(), 0.1);
        let scan = Scan { n_images: 600, width: 0.1f64.to_radians(), first_image: 1, ..Scan::default() };
        let b = UnitCell::new([60.0, 70.0, 80.0, 90.0, 95.0, 90.0]).unwrap().b_matrix();
        let u = rotation(&Vec3::new(0.3, 0.5, -0.2).normalize(), 1.1);
        let mut crystal = Crystal::new(u * b);
        crystal.a_at_scan_points = (0..=600).map(|i| rotation(&Vec3::y(), 2e-6 * f64::from(i)) * crystal.a_matrix).collect();
        (beam, Detector::single(panel), goniometer, scan, crystal)
    }

    #[test]
    fn a_scan_varying_prediction_satisfies_the_ewald_condition_at_its_own_angle() {
        let (beam, detector, goniometer, scan, crystal) = experiment();
        let models = ExperimentModels {
            beam: &beam,
            detector: &detector,
            goniometer: &goniometer,
            scan: &scan,
            crystal: Some(&crystal),
            profile: None,
        };
        let predictor = Predictor::new(models);
        let mut n = 0;
        for h in 1..12 {
            for entering in [false, true] {
                let hkl = [h, 3 - h, 2 * h - 7];
                let near = 0.4;
                let Some(p) = predictor.predict(hkl, entering, 0, near) else { continue };
                n += 1;
                let a = crystal.a_at_z(p.z);
                let r = goniometer.lab_from_datum(p.phi) * a * Vec3::new(hkl[0].into(), hkl[1].into(), hkl[2].into());
                assert!((p.s1 - beam.s0() - r).norm() < 1e-10);
                assert!((p.s1.norm() - beam.s0().norm()).abs() < 1e-10);
                assert_eq!(ewald::is_entering(&goniometer.lab_axis(), &beam.s0(), &p.s1), entering);
                assert!((p.phi - near).abs() <= PI);
            }
        }
        assert!(n > 8, "{n}");
    }
}
