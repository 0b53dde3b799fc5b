use super::*;
use crate::geometry::{Beam, Crystal, Detector, Goniometer, Panel, Scan, UnitCell};
use crate::job::Silent;
use crate::math::{rotation, vec3};
use crate::predict::Predictor;
use std::collections::BTreeMap;

struct World {
    beam: Beam,
    detector: Detector,
    goniometer: Goniometer,
    scan: Scan,
    crystal: Crystal,
}

impl World {
    fn new(n_images: usize, width_deg: f64) -> Self {
        let panel = Panel { origin: Vec3::new(-80.0, 75.0, -90.0), image_size: [1600, 1500], ..Panel::default() };
        let mut goniometer = Goniometer::single(Vec3::new(1.0, 0.02, -0.01).normalize());
        goniometer.fixed_rotation = rotation(&Vec3::z(), 0.3);
        goniometer.setting_rotation = rotation(&Vec3::y(), 0.2);
        let b = UnitCell::new([41.0, 52.0, 63.0, 88.0, 95.0, 101.0]).unwrap().b_matrix();
        World {
            beam: Beam::default(),
            detector: Detector::single(panel),
            goniometer,
            scan: Scan { n_images, width: width_deg.to_radians(), phi0: 0.2, first_image: 1, ..Scan::default() },
            crystal: Crystal::new(rotation(&Vec3::new(0.3, 0.5, -0.2).normalize(), 1.1) * b),
        }
    }

    /// The crystal turns by `drift` rad and swells by as much over the scan.
    fn drifting(mut self, drift: f64) -> Self {
        let n = self.scan.n_images;
        let at = |i: usize| {
            let t = i as f64 / n as f64;
            let axis = Vec3::new(0.2, 1.0, 0.4).normalize();
            rotation(&axis, drift * libm::sin(5.0 * t)) * self.crystal.a_matrix / (1.0 + drift * t)
        };
        self.crystal.a_at_scan_points = (0..=n).map(at).collect();
        self
    }

    fn models(&self) -> ExperimentModels<'_> {
        ExperimentModels {
            beam: &self.beam,
            detector: &self.detector,
            goniometer: &self.goniometer,
            scan: &self.scan,
            crystal: Some(&self.crystal),
            profile: None,
        }
    }

    fn predict(&self, d_min: f64, padding: f64) -> Reflections {
        predict_scan(&self.models(), &ScanOptions { d_min: Some(d_min), padding, ..ScanOptions::default() }, &Silent).unwrap()
    }
}

/// Every lattice point against every image, by the sign rule alone.
fn brute_force(w: &World, d_min: f64) -> BTreeMap<([i32; 3], i64), ()> {
    let s0 = w.beam.s0();
    let mut out = BTreeMap::new();
    let mean = w.crystal.a_at_scan_points.iter().sum::<Mat3>() / w.crystal.a_at_scan_points.len() as f64;
    for h in -14..=14 {
        for k in -18..=18 {
            for l in -22..=22 {
                let v = Vec3::new(h.into(), k.into(), l.into());
                if [h, k, l] == [0, 0, 0] || (mean * v).norm() > 1.0 / d_min {
                    continue;
                }
                let outside = |i: usize| {
                    let r = w.goniometer.lab_from_datum(w.scan.phi_from_z(i as f64)) * w.crystal.a_at_z(i as f64) * v;
                    (s0 + r).norm_squared() - s0.norm_squared() >= 0.0
                };
                for i in 0..w.scan.n_images {
                    if outside(i) != outside(i + 1) {
                        out.insert(([h, k, l], i as i64), ());
                    }
                }
            }
        }
    }
    out
}

#[test]
fn a_drifting_crystal_is_predicted_exactly_once_per_crossing() {
    let w = World::new(40, 1.0).drifting(0.01);
    let d_min = 3.0;
    let t = w.predict(d_min, 0.0);
    let mut want = brute_force(&w, d_min);
    let (n, mut lost) = (want.len(), 0);
    assert!(n > 500, "{n}");
    for i in 0..t.len() {
        let z = t.xyzcal_px[i][2];
        // A root on a border may show either image's number.
        let image = z.floor() as i64;
        assert!(
            want.remove(&(t.hkl[i], image)).is_some() || want.remove(&(t.hkl[i], image - 1)).is_some(),
            "{:?} twice or never at {z}",
            t.hkl[i]
        );
    }
    // What is left misses the detector.
    for (hkl, image) in want.keys() {
        let near = w.scan.phi_from_z(*image as f64 + 0.5);
        let on_panel = [false, true]
            .iter()
            .filter_map(|&e| Predictor::new(w.models()).predict(*hkl, e, 0, near))
            .any(|p| p.z.floor() as i64 == *image && p.mm.x > 0.0 && p.mm.y > 0.0 && p.mm.x < 160.0 && p.mm.y < 150.0);
        lost += usize::from(on_panel);
    }
    assert_eq!(lost, 0);
}

#[test]
fn predictions_lie_on_the_ewald_sphere_and_agree_with_the_single_ray() {
    for w in [World::new(90, 0.25), World::new(90, 0.25).drifting(0.003), World::new(30, -0.7).drifting(0.003)] {
        let t = w.predict(2.5, 0.01);
        assert!(t.len() > 300);
        let predictor = Predictor::new(w.models());
        let s0 = w.beam.s0();
        for i in 0..t.len() {
            assert!((vec3(t.s1[i]).norm() - s0.norm()).abs() < 1e-9);
            // Near grazing incidence the single ray's own iteration is the less exact of the two.
            if t.zeta[i].abs() > 0.05 {
                let p = predictor.predict(t.hkl[i], t.entering[i], 0, t.xyzcal_mm[i][2]).unwrap();
                assert!((p.z - t.xyzcal_px[i][2]).abs() < 1e-5, "{:?} {} {:?}", t.hkl[i], p.z, t.xyzcal_px[i]);
                assert!((p.px.x - t.xyzcal_px[i][0]).abs() < 1e-4);
            }
        }
        assert!(t.xyzcal_px.is_sorted_by(|a, b| a[2] <= b[2]));
    }
}

#[test]
fn two_turns_see_everything_twice() {
    let once = World::new(180, 2.0).predict(4.0, 0.0);
    let twice = World::new(360, 2.0).predict(4.0, 0.0);
    assert!(once.len() > 500);
    assert_eq!(twice.len(), 2 * once.len());
}

#[test]
fn padding_adds_only_what_lies_outside_the_scan() {
    let w = World::new(50, 0.2);
    let (plain, padded) = (w.predict(2.5, 0.0), w.predict(2.5, 1f64.to_radians()));
    let inside = padded.xyzcal_px.iter().filter(|p| (0.0..50.0).contains(&p[2])).count();
    assert_eq!(inside, plain.len());
    assert!(padded.len() > plain.len());
    assert!(padded.xyzcal_px.iter().all(|p| p[2] >= -5.0 && p[2] <= 55.0));
}

#[test]
fn centring_leaves_half_the_lattice() {
    let mut w = World::new(100, 0.5);
    let all = w.predict(3.0, 0.0);
    w.crystal.hall_symbol = "-C 2y".into();
    let centred = w.predict(3.0, 0.0);
    assert!(centred.hkl.iter().all(|h| (h[0] + h[1]) % 2 == 0));
    assert_eq!(centred.len(), all.hkl.iter().filter(|h| (h[0] + h[1]) % 2 == 0).count());
}

#[test]
fn impossible_requests_are_refused() {
    let w = World::new(10, 0.5);
    let run = |o: ScanOptions| predict_scan(&w.models(), &o, &Silent).map(|t| t.len());
    assert!(matches!(run(ScanOptions { d_min: Some(0.4), ..ScanOptions::default() }), Err(ScanError::BeyondLimit { .. })));
    assert!(matches!(run(ScanOptions { d_min: Some(f64::NAN), ..ScanOptions::default() }), Err(ScanError::BeyondLimit { .. })));
    let mut still = World::new(10, 0.0);
    still.crystal = w.crystal.clone();
    assert_eq!(predict_scan(&still.models(), &ScanOptions::default(), &Silent).map(|t| t.len()), Err(ScanError::Still));
    let mut huge = World::new(10, 0.5);
    huge.crystal.a_matrix *= 1e-3;
    assert!(matches!(predict_scan(&huge.models(), &ScanOptions::default(), &Silent), Err(ScanError::TooMany { .. })));
}
